"""Campaigns of many SKUs at once: they start when the product line is through, over all of these SKUs.

Dagster's back-fills know ranges only. One over both lines starts a campaign on each piece between two refused SKUs by
itself: a run each, and on a GPU its models loaded for each. So other sensors ask for the product line alone and leave
the campaigns here; a back-fill of these alone goes in whole batches and passes over what was not cut out.
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import dagster as dg

from catalog_assets.line_assets import LineInfo
from catalog_assets.partitions import registered
from resources.catalog_resource import CatalogResource
from resources.store import CatalogStore
from sensors.backfill_requests import backfill_request, backfill_status
from sensors.left_work import cursor_of, read_left, waiting

FOLDER = "state/followups"
FOLLOWED_TAG = "catalog/followed_by"
# Where no back-fill bears the name after so long, its request was lost or Dagster's state is another.
_PATIENCE_S = 900
_OVER = ("COMPLETED", "FAILED", "CANCELED")


def put_off(
    store: CatalogStore, name: str, assets: Sequence[dg.AssetKey], skus: Sequence[str], tags: Mapping[str, str]
) -> dict[str, str]:
    """Leave the rest of some work until a back-fill has ended: the tags which that back-fill must bear.

    name: never used again. Raises StoreError.
    """
    rest = {"assets": [list(key.path) for key in assets], "skus": list(skus), "tags": dict(tags), "since": time.time()}
    store.write(f"{FOLDER}/{name}.json", json.dumps(rest).encode())
    return {**tags, FOLLOWED_TAG: name}


def campaigns_sensor(lines: Mapping[str, LineInfo]) -> dg.SensorDefinition:
    """Asks for a back-fill of the campaigns where that of the products has ended."""
    keys = [key for info in lines.values() for key in info.keys]

    @dg.sensor(
        name="campaigns_after_products",
        asset_selection=dg.AssetSelection.assets(*keys),
        minimum_interval_seconds=30,
        # Costs nothing while nothing waits, and whoever leaves something counts on it.
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts the campaigns of many new or changed SKUs when their cut-outs are through.",
    )
    def sensor(context: dg.SensorEvaluationContext, catalog: CatalogResource) -> dg.SensorResult:
        store = catalog.open()
        requests, done = [], []
        for name in waiting(store, FOLDER, context.cursor):
            rest = read_left(store, FOLDER, name, _understood, context.log)
            status = backfill_status(context.instance, FOLLOWED_TAG, name.removesuffix(".json"))
            if rest and not _over(status, rest.since):
                continue
            done.append(name)
            if status == "CANCELED":
                context.log.warning("The back-fill of the products was cancelled; its campaigns are not started.")
            elif rest:
                requests += _requests(rest, set(keys), set(registered(context.instance)))
        skip = None if requests else "Nothing waits, or the products are still at work."
        return dg.SensorResult(run_requests=requests, skip_reason=skip, cursor=cursor_of(done))

    return sensor


class _Rest(NamedTuple):
    """What is to follow. since: when it was left, seconds since 1970."""

    assets: list[dg.AssetKey]
    skus: list[str]
    tags: dict[str, str]
    since: float


def _understood(found: Any) -> _Rest:
    return _Rest(
        assets=[dg.AssetKey([str(part) for part in path]) for path in found["assets"]],
        skus=[str(sku) for sku in found["skus"]],
        tags={str(tag): str(value) for tag, value in found["tags"].items()},
        since=float(found["since"]),
    )


def _over(status: str, since: float) -> bool:
    """Whether the back-fill has ended; one that Dagster does not know may just not have arrived there."""
    return status.startswith(_OVER) if status else time.time() - since > _PATIENCE_S


def _requests(rest: _Rest, assets: set[dg.AssetKey], skus: set[str]) -> list[dg.RunRequest]:
    """The back-fill of what is still there; none if nothing is."""
    left = [key for key in rest.assets if key in assets], [sku for sku in rest.skus if sku in skus]
    return [backfill_request(*left, rest.tags)] if all(left) else []
