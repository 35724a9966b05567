"""A check of how long runs take: what a batch of each line takes at the pace of the last runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import dagster as dg

from catalog_assets.batches import fitting
from catalog_assets.doctor.findings import Deployment, Finding
from catalog_assets.partitions import RANGE_START
from catalog_assets.reporting import COUNT_TAG

RECENT = 200
# Fewer SKUs say more of how long a run takes to start.
ENOUGH = 20
# What was worked on; what is up to date takes no time.
_WORK = ("made", "review", "rejected")
_REST = ("up_to_date", "not_selected", "not_attempted")
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def pace(deployment: Deployment, instance: dg.DagsterInstance) -> Iterator[Finding]:
    """Whether runs are about as long as wanted, line by line; a warning says which batch would be."""
    environment = deployment.environment
    batches = {
        "product line": ("CATALOG_PRODUCT_BATCH", environment.product_batch),
        "campaign lines": ("CATALOG_CAMPAIGN_BATCH", environment.campaign_batch),
    }
    wanted = environment.run_minutes
    for line, seconds in _seconds_a_sku(instance).items():
        variable, batch = batches[line]
        minutes = seconds * batch / 60
        found = f"{seconds:.1f} s a SKU, so that a batch of {batch} takes {minutes:.0f} minutes; wanted: {wanted:g}."
        if wanted / 3 < minutes < wanted * 3 or fitting(seconds, wanted) == batch:
            yield Finding(line, "ok", found)
        else:
            yield Finding(line, "warning", found, f"Set {variable} to about {fitting(seconds, wanted)}.")


def _seconds_a_sku(instance: dg.DagsterInstance) -> dict[str, float]:
    """Seconds of a run for each SKU worked on, by line, over the last runs of which most SKUs had to be worked on."""
    seconds: defaultdict[str, float] = defaultdict(float)
    skus: defaultdict[str, int] = defaultdict(int)
    for record in instance.get_run_records(dg.RunsFilter(statuses=_ENDED), limit=RECENT):
        run = record.dagster_run
        if RANGE_START not in run.tags or record.start_time is None or record.end_time is None:
            continue
        worked, rest = (sum(int(run.tags.get(COUNT_TAG + each, 0)) for each in kinds) for kinds in (_WORK, _REST))
        if worked > rest:
            paths = [key.path for key in run.asset_selection or ()]
            line = "product line" if all(len(path) == 1 for path in paths) else "campaign lines"
            seconds[line] += record.end_time - record.start_time
            skus[line] += worked
    return {line: seconds[line] / count for line, count in skus.items() if count >= ENOUGH}
