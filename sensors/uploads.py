"""The uploads sensor: new and changed photos, and photos that are gone."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from catalog_assets.campaign_files import Campaigns
from catalog_assets.line_assets import LineInfo
from catalog_assets.partitions import SKU, registered
from resources.catalog_resource import CatalogResource
from resources.uploads import scan_uploads
from sensors.backfill_requests import backfill_request
from sensors.upload_watch import compare, forget_older, load_seen, save_seen

# A tick must end within 60 s; adding keys and asking for one back-fill of so many SKUs takes a few.
SKUS_PER_TICK = 2_000
PRIORITY = {"dagster/priority": "10", "dagster/max_runtime": str(6 * 3600), "catalog/cause": "upload"}


def uploads_sensor(
    product: LineInfo, lines: Mapping[str, LineInfo], campaigns: Campaigns, *, limit: int = SKUS_PER_TICK
) -> dg.SensorDefinition:
    """Registers SKUs and starts their work: one upload, one run over all lines; many, one back-fill."""
    selection = dg.AssetSelection.assets(*(key for info in [product, *lines.values()] for key in _keys(info)))

    @dg.sensor(
        name="uploads",
        asset_selection=selection,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="New, changed and removed photos in the upload folder, local or on S3.",
    )
    def sensor(context: dg.SensorEvaluationContext, catalog: CatalogResource) -> dg.SensorResult:
        store = catalog.open()
        seen = load_seen(store, context.cursor)
        if not seen.turn:  # a first look, or one after the cursor was reset: no run key of before may return
            seen = replace(seen, turn=int(time.time()))
        index = scan_uploads(store, seen.sniffed)
        changes = compare(index, seen, wait_for_stability=not catalog.is_s3, limit=limit)
        if changes.alarm:
            context.log.error(changes.alarm)
        touched = sorted({*changes.changed, *changes.gone})
        cursor = save_seen(store, changes.seen)
        forget_older(store, cursor, context.cursor or "")
        if not touched:
            return dg.SensorResult(skip_reason=changes.alarm or _quiet(changes.waiting), cursor=cursor)
        assets = [*_keys(product), *_active_keys(lines, campaigns)]
        new = sorted(set(changes.changed) - set(registered(context.instance)))
        context.log.info(
            "%d SKUs changed, %d gone, %d for later",
            len(changes.changed),
            len(changes.gone),
            changes.left_for_later,
        )
        return dg.SensorResult(
            run_requests=[_request(assets, touched, changes.seen.turn)],
            dynamic_partitions_requests=[SKU.build_add_request(new)] if new else [],
            cursor=cursor,
        )

    return sensor


def _keys(info: LineInfo) -> list[dg.AssetKey]:
    return [info.key(asset.name) for asset in info.assets]


def _active_keys(lines: Mapping[str, LineInfo], campaigns: Campaigns) -> list[dg.AssetKey]:
    """The assets of the campaigns whose dates hold today."""
    return [key for campaign in campaigns.on(datetime.now(UTC)) for key in _keys(lines[campaign.name])]


def _request(assets: Sequence[dg.AssetKey], skus: Sequence[str], turn: int) -> dg.RunRequest:
    """One run for one SKU; a back-fill for more, so that the good ones go on downstream without the bad."""
    if len(skus) > 1:
        return backfill_request(assets, skus, PRIORITY)
    return dg.RunRequest(
        # A key is never used again, and a photo may be removed and put back as it was: the turn tells them apart.
        run_key=f"upload-{skus[0]}-{turn}",
        partition_key=skus[0],
        asset_selection=list(assets),
        tags=PRIORITY,
    )


def _quiet(waiting: int) -> str:
    if waiting:
        return f"{waiting} uploads may still be growing; they are taken when size and time are stable."
    return "No new, changed or removed photos."
