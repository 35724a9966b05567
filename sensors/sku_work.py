"""From SKUs that something happened to, to the request that takes them through the lines."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from catalog_assets.campaign_files import Campaigns
from catalog_assets.line_assets import LineInfo
from catalog_assets.partitions import is_scattered
from resources.store import CatalogStore
from sensors.backfill_requests import backfill_request
from sensors.campaigns_after_products import put_off
from sensors.scattered import leave

# A tick must end within 60 s; adding keys and asking for one back-fill of so many SKUs takes a few.
SKUS_PER_TICK = 10_000
# Up to so many neighbours, waiting until the products are through would take longer than what gaps between them cost.
TOGETHER = 20
LEFT = "{count} SKUs that lie apart are left to the sensor scattered."


def all_keys(product: LineInfo, lines: Mapping[str, LineInfo]) -> list[dg.AssetKey]:
    """The assets of all lines: what a sensor may ask for."""
    return keys_of([product, *lines.values()])


def current_lines(product: LineInfo, lines: Mapping[str, LineInfo], campaigns: Campaigns) -> list[LineInfo]:
    """The product line, and those of the campaigns whose dates hold today."""
    return [product, *(lines[campaign.name] for campaign in campaigns.on(datetime.now(UTC)))]


def keys_of(lines: Sequence[LineInfo]) -> list[dg.AssetKey]:
    """The assets of some lines."""
    return [key for info in lines for key in info.keys]


def work_requests(
    store: CatalogStore,
    lines: Sequence[LineInfo],
    assets: Sequence[dg.AssetKey],
    skus: Sequence[str],
    order: Sequence[str],
    turn: int,
    cause: str,
    campaign: str = "",
) -> list[dg.RunRequest]:
    """One run for one SKU; a back-fill for more, so that the good ones go on downstream without the bad.

    For many more it is one of the products alone; the sensor `campaigns_after_products` asks for the rest when that is
    through, because refused SKUs would cut the campaigns of the same back-fill into pieces.
    None for many that lie apart: they are left for the sensor `scattered`, which takes them through the lines, the
    product line first. assets: what is to be made. order: all SKUs in partition order. cause: what happened, one word.
    campaign: where it concerns only one of them. A run key is never used again, and the same may happen twice (a photo
    is removed and put back as it was): the turn tells them apart. Raises StoreError.
    """
    tags = {"dagster/priority": "10", "dagster/max_runtime": str(6 * 3600), "catalog/cause": cause}
    name = f"{cause}-{campaign}" if campaign else cause
    if is_scattered(skus, order):
        leave(store, f"{name}-{turn}", skus, lines, tags)
        return []
    if len(skus) > 1:
        return [_backfill(store, f"{name}-{turn}", lines[0], assets, skus, tags)]
    key = f"{name}/{skus[0]}-{turn}" if campaign else f"{name}-{skus[0]}-{turn}"
    return [dg.RunRequest(run_key=key, partition_key=skus[0], asset_selection=list(assets), tags=tags)]


def _backfill(
    store: CatalogStore,
    name: str,
    product: LineInfo,
    assets: Sequence[dg.AssetKey],
    skus: Sequence[str],
    tags: Mapping[str, str],
) -> dg.RunRequest:
    first = [key for key in assets if key in product.keys]
    rest = [key for key in assets if key not in product.keys]
    if len(skus) <= TOGETHER or not first or not rest:
        return backfill_request(assets, skus, tags)
    return backfill_request(first, skus, put_off(store, name, rest, skus, tags))
