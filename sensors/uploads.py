"""The uploads sensor: new and changed photos, and photos that are gone."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

import time
from collections.abc import Mapping
from dataclasses import replace

import dagster as dg

from catalog_assets.campaign_files import Campaigns
from catalog_assets.line_assets import LineInfo
from catalog_assets.partitions import SKU, registered
from resources.catalog_resource import CatalogResource
from resources.uploads import UploadIndex, scan_uploads
from sensors.sku_work import LEFT, SKUS_PER_TICK, all_keys, current_lines, keys_of, work_requests
from sensors.watch import Changes, Seen, compare, forget_older, load_seen, save_seen

MEMORY = "uploads"
VANISHED = (
    "{gone} of {known} SKUs have no upload any more. Nothing was retired: if the upload folder was moved or is not "
    "mounted, put it back; to retire them all, remove them in smaller steps."
)


def uploads_sensor(
    product: LineInfo, lines: Mapping[str, LineInfo], campaigns: Campaigns, *, limit: int = SKUS_PER_TICK
) -> dg.SensorDefinition:
    """Registers SKUs and starts their work: one upload, one run over all lines; many, one back-fill."""
    selection = dg.AssetSelection.assets(*all_keys(product, lines))

    @dg.sensor(
        name="uploads",
        asset_selection=selection,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="New, changed and removed photos in the upload folder, local or on S3.",
    )
    def sensor(context: dg.SensorEvaluationContext, catalog: CatalogResource) -> dg.SensorResult:
        store = catalog.open()
        seen = load_seen(store, MEMORY, context.cursor)
        if not seen.turn:  # a first look, or one after the cursor was reset: no run key of before may return
            seen = replace(seen, turn=int(time.time()))
        index = scan_uploads(store, seen.sniffed)
        changes = look(index, seen, wait_for_stability=not catalog.is_s3, limit=limit)
        if changes.alarm:
            context.log.error(changes.alarm)
        touched = sorted({*changes.changed, *changes.gone})
        cursor = save_seen(store, MEMORY, changes.seen)
        forget_older(store, MEMORY, cursor, context.cursor or "")
        if not touched:
            return dg.SensorResult(skip_reason=changes.alarm or _quiet(changes.waiting), cursor=cursor)
        order, current = registered(context.instance), current_lines(product, lines, campaigns)
        new = sorted(set(changes.changed) - set(order))
        context.log.info(
            "%d SKUs changed, %d gone, %d for later",
            len(changes.changed),
            len(changes.gone),
            changes.left_for_later,
        )
        requests = work_requests(store, current, keys_of(current), touched, [*order, *new], changes.seen.turn, "upload")
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else LEFT.format(count=len(touched)),
            dynamic_partitions_requests=[SKU.build_add_request(new)] if new else [],
            cursor=cursor,
        )

    return sensor


def look(index: UploadIndex, seen: Seen, *, wait_for_stability: bool, limit: int) -> Changes:
    """Compare the uploads with what was seen; see `watch.compare`."""
    now = {sku: upload.tokens() for sku, upload in index.skus.items()}
    changes = compare(now, seen, wait_for_stability=wait_for_stability, limit=limit, vanished=VANISHED)
    return replace(changes, seen=replace(changes.seen, sniffed=index.sniffed_tokens))


def _quiet(waiting: int) -> str:
    if waiting:
        return f"{waiting} uploads may still be growing; they are taken when size and time are stable."
    return "No new, changed or removed photos."
