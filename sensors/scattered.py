"""SKUs that lie apart: other sensors leave them here, and runs of the job `scattered_skus` take them through the lines.

A back-fill of them would be a run for each gap between them, and a sensor over assets can ask for no other job. What
is left lies in the store, one file a run, and goes once its run was asked for.
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

import json
from collections.abc import Mapping, Sequence

import dagster as dg

from catalog_assets.jobs import SCATTERED_OP
from catalog_assets.line_assets import LineInfo
from catalog_assets.partitions import registered
from resources.catalog_resource import CatalogResource
from resources.names import display
from resources.store import CatalogStore, NotFound

FOLDER = "state/scattered"
_RUNS_PER_TICK = 50


def leave(
    store: CatalogStore, name: str, skus: Sequence[str], lines: Sequence[LineInfo], tags: Mapping[str, str]
) -> None:
    """Leave SKUs for runs through some lines, the product line first.

    name: never used again. The runs are about as long as one of a range. Raises StoreError.
    """
    batch = max(1, round(1 / sum(1 / line.batch for line in lines)))
    config = {"campaigns": [line.name for line in lines[1:]]}
    parts = [skus[start : start + batch] for start in range(0, len(skus), batch)]
    for number, part in enumerate(parts):
        work = {"config": {**config, "skus": list(part)}, "tags": dict(tags)}
        store.write(f"{FOLDER}/{name}-{number:03d}.json", json.dumps(work).encode())


def scattered_sensor(job: dg.JobDefinition) -> dg.SensorDefinition:
    """Starts a run of the scattered-SKU job for each file that was left, and removes it when that was asked for."""

    @dg.sensor(
        name="scattered",
        job=job,
        minimum_interval_seconds=30,
        # Costs nothing while nothing is left, and whoever leaves something counts on it.
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes SKUs that lie apart, left by the sensors uploads and reviews, through the lines in one run.",
    )
    def sensor(context: dg.SensorEvaluationContext, catalog: CatalogResource) -> dg.SensorResult:
        store = catalog.open()
        asked = set(json.loads(context.cursor or "[]"))
        there = sorted(name for name in store.children(FOLDER) if name.endswith(".json"))
        store.delete_many([f"{FOLDER}/{name}" for name in there if name in asked])
        left = [name for name in there if name not in asked][:_RUNS_PER_TICK]
        known = set(registered(context.instance))
        requests = [request for name in left if (request := _request(store, name, known, context)) is not None]
        skip = None if requests else "No SKUs that lie apart were left."
        return dg.SensorResult(run_requests=requests, skip_reason=skip, cursor=json.dumps(left))

    return sensor


def _request(
    store: CatalogStore, name: str, known: set[str], context: dg.SensorEvaluationContext
) -> dg.RunRequest | None:
    """The run that a file asks for; None, with a word in the log, for one that cannot be read."""
    try:
        work = json.loads(store.read(f"{FOLDER}/{name}"))
        config, tags = dict(work["config"]), dict(work["tags"])
        config["skus"] = [sku for sku in config["skus"] if sku in known]
    except NotFound:
        return None
    except (ValueError, KeyError, TypeError):
        context.log.error(
            f"{FOLDER}/{display(name)} cannot be read and is removed; `catalog refresh` finds what is due."
        )
        return None
    ops = {"ops": {SCATTERED_OP: {"config": config}}}
    return dg.RunRequest(run_key=name.removesuffix(".json"), run_config=ops, tags=tags)
