"""From SKUs that something happened to, to the request that takes them through the lines."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from catalog_assets.campaign_files import Campaigns
from catalog_assets.line_assets import LineInfo
from sensors.backfill_requests import backfill_request

# A tick must end within 60 s; adding keys and asking for one back-fill of so many SKUs takes a few.
SKUS_PER_TICK = 2_000


def all_keys(product: LineInfo, lines: Mapping[str, LineInfo]) -> list[dg.AssetKey]:
    """The assets of all lines: what a sensor may ask for."""
    return [key for info in [product, *lines.values()] for key in _keys(info)]


def current_keys(product: LineInfo, lines: Mapping[str, LineInfo], campaigns: Campaigns) -> list[dg.AssetKey]:
    """The product line's assets, and those of the campaigns whose dates hold today."""
    return [
        *_keys(product),
        *(key for campaign in campaigns.on(datetime.now(UTC)) for key in _keys(lines[campaign.name])),
    ]


def _keys(info: LineInfo) -> list[dg.AssetKey]:
    return [info.key(asset.name) for asset in info.assets]


def work_request(
    assets: Sequence[dg.AssetKey], skus: Sequence[str], turn: int, cause: str, campaign: str = ""
) -> dg.RunRequest:
    """One run for one SKU; a back-fill for more, so that the good ones go on downstream without the bad.

    cause: what happened, one word. campaign: where it concerns only one of them. A run key is never used again, and
    the same may happen twice (a photo is removed and put back as it was): the turn tells them apart.
    """
    tags = {"dagster/priority": "10", "dagster/max_runtime": str(6 * 3600), "catalog/cause": cause}
    if len(skus) > 1:
        return backfill_request(assets, skus, tags)
    return dg.RunRequest(
        run_key=f"{cause}-{campaign}/{skus[0]}-{turn}" if campaign else f"{cause}-{skus[0]}-{turn}",
        partition_key=skus[0],
        asset_selection=list(assets),
        tags=tags,
    )
