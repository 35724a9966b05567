"""SKUs that lie apart: other sensors leave them here, and runs of the job `scattered_skus` take them through the lines.

A back-fill of them would be a run for each gap between them, and a sensor over assets can ask for no other job. What
is left lies in the store, one file a run, and goes once its run was asked for.
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import dagster as dg

from catalog_assets.jobs import SCATTERED_OP
from catalog_assets.line_assets import LineInfo
from catalog_assets.partitions import registered
from resources.catalog_resource import CatalogResource
from resources.store import CatalogStore
from sensors.left_work import cursor_of, read_left, waiting

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
        left = waiting(store, FOLDER, context.cursor)[:_RUNS_PER_TICK]
        known = set(registered(context.instance))
        work = {name: read_left(store, FOLDER, name, _understood, context.log) for name in left}
        requests = [_request(name, one, known) for name, one in work.items() if one]
        skip = None if requests else "No SKUs that lie apart were left."
        return dg.SensorResult(run_requests=requests, skip_reason=skip, cursor=cursor_of(left))

    return sensor


class _Work(NamedTuple):
    """A run of the job. config: of its op."""

    config: dict[str, Any]
    tags: dict[str, str]


def _understood(found: Any) -> _Work:
    config, tags = dict(found["config"]), {str(tag): str(value) for tag, value in found["tags"].items()}
    return _Work({**config, "skus": [str(sku) for sku in config["skus"]]}, tags)


def _request(name: str, work: _Work, known: set[str]) -> dg.RunRequest:
    config = {**work.config, "skus": [sku for sku in work.config["skus"] if sku in known]}
    ops = {"ops": {SCATTERED_OP: {"config": config}}}
    return dg.RunRequest(run_key=name.removesuffix(".json"), run_config=ops, tags=work.tags)
