"""Campaigns of many SKUs at once: they start when the product line is through, over all of these SKUs.

Dagster's back-fills know ranges only. One over both lines starts a campaign on each piece between two refused SKUs by
itself: a run each, and on a GPU its models loaded for each. So other sensors ask for the product line alone and leave
the campaigns here; a back-fill of these alone goes in whole batches and passes over what was not cut out.
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

import json
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import dagster as dg

from catalog_assets.line_assets import LineInfo
from catalog_assets.partitions import registered
from resources.catalog_resource import CatalogResource
from resources.names import display
from resources.store import CatalogStore, NotFound
from sensors.backfill_requests import backfill_request, backfill_status

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
    keys = [info.key(asset.name) for info in lines.values() for asset in info.assets]

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
        asked = set(json.loads(context.cursor or "[]"))
        there = sorted(name for name in store.children(FOLDER) if name.endswith(".json"))
        store.delete_many([f"{FOLDER}/{name}" for name in there if name in asked])
        requests, done = [], []
        for name in there:
            rest = None if name in asked else _rest(store, name, context)
            if rest is None or _waits(context.instance, rest.name, rest.since):
                continue
            done.append(name)
            requests += _requests(rest, set(keys), context)
        skip = None if requests else "Nothing waits, or the products are still at work."
        return dg.SensorResult(run_requests=requests, skip_reason=skip, cursor=json.dumps(done))

    return sensor


class _Rest(NamedTuple):
    name: str
    assets: list[dg.AssetKey]
    skus: list[str]
    tags: dict[str, str]
    since: float


def _rest(store: CatalogStore, name: str, context: dg.SensorEvaluationContext) -> _Rest | None:
    """What was left; None, with a word in the log, where it cannot be read: then it is removed."""
    try:
        found = json.loads(store.read(f"{FOLDER}/{name}"))
        assets = [dg.AssetKey([str(part) for part in path]) for path in found["assets"]]
        tags = {str(tag): str(value) for tag, value in found["tags"].items()}
        return _Rest(name.removesuffix(".json"), assets, list(map(str, found["skus"])), tags, float(found["since"]))
    except NotFound:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        context.log.error(
            f"{FOLDER}/{display(name)} cannot be read and is removed; `catalog refresh` finds what is due."
        )
        store.delete_many([f"{FOLDER}/{name}"])
        return None


def _waits(instance: dg.DagsterInstance, name: str, since: float) -> bool:
    """Whether the products are still at work, or were asked for so shortly before that Dagster may not know yet."""
    status = backfill_status(instance, FOLLOWED_TAG, name)
    return not status.startswith(_OVER) if status else time.time() - since < _PATIENCE_S


def _requests(rest: _Rest, assets: set[dg.AssetKey], context: dg.SensorEvaluationContext) -> list[dg.RunRequest]:
    """The back-fill of what is still there; none if nothing is, or if somebody stopped that of the products."""
    if backfill_status(context.instance, FOLLOWED_TAG, rest.name) == "CANCELED":
        context.log.warning("The back-fill of the products was cancelled; its campaigns are not started.")
        return []
    skus = set(registered(context.instance))
    left = [key for key in rest.assets if key in assets], [sku for sku in rest.skus if sku in skus]
    return [backfill_request(*left, rest.tags)] if all(left) else []
