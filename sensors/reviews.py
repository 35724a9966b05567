"""The reviews sensor: new and changed decisions about masks, and decisions that were taken back."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

import time
from collections.abc import Mapping
from dataclasses import replace

import dagster as dg

from catalog_assets.campaign_files import Campaigns
from catalog_assets.decisions import Decisions
from catalog_assets.line_assets import LineInfo
from catalog_assets.partitions import registered
from resources.catalog_resource import CatalogResource
from sensors.sku_work import SKUS_PER_TICK, all_keys, current_keys, work_request
from sensors.watch import compare, forget_older, load_seen, save_seen

MEMORY = "reviews"
VANISHED = (
    "{gone} of {known} SKUs have no decision any more. Nothing was run: if the folder reviews was moved or is not "
    "mounted, put it back; to take them all back, remove them in smaller steps."
)


def reviews_sensor(
    product: LineInfo, lines: Mapping[str, LineInfo], campaigns: Campaigns, *, limit: int = SKUS_PER_TICK
) -> dg.SensorDefinition:
    """Starts the work that a decision sets free: one SKU, one run over all lines; many, one back-fill."""
    selection = dg.AssetSelection.assets(*all_keys(product, lines))

    @dg.sensor(
        name="reviews",
        asset_selection=selection,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="New, changed and removed decisions about masks in the folder reviews, local or on S3.",
    )
    def sensor(context: dg.SensorEvaluationContext, catalog: CatalogResource) -> dg.SensorResult:
        store = catalog.open()
        seen = load_seen(store, MEMORY, context.cursor)
        if not seen.turn:  # a first look, or one after the cursor was reset: no run key of before may return
            seen = replace(seen, turn=int(time.time()))
        decisions = Decisions(store)
        known = set(registered(context.instance))
        # A decision for a SKU that has no photo yet waits until it has one, and is new then.
        now = {sku: tokens for sku, tokens in decisions.tokens().items() if sku in known}
        changes = compare(now, seen, wait_for_stability=not catalog.is_s3, limit=limit, vanished=VANISHED)
        if changes.alarm:
            context.log.error(changes.alarm)
        for note in decisions.notes:
            context.log.warning(note)
        touched = sorted({*changes.changed, *changes.gone} & known)
        cursor = save_seen(store, MEMORY, changes.seen)
        forget_older(store, MEMORY, cursor, context.cursor or "")
        if not touched:
            return dg.SensorResult(skip_reason=changes.alarm or _quiet(changes.waiting), cursor=cursor)
        context.log.info("%d SKUs decided, %d decisions taken back", len(changes.changed), len(changes.gone))
        assets = current_keys(product, lines, campaigns)
        return dg.SensorResult(run_requests=[work_request(assets, touched, changes.seen.turn, "review")], cursor=cursor)

    return sensor


def _quiet(waiting: int) -> str:
    if waiting:
        return f"Decisions for {waiting} SKUs may still be written; they are taken when size and time are stable."
    return "No new, changed or removed decisions."
