"""The reviews sensor: new and changed decisions about masks and finals, and decisions that were taken back."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import dagster as dg

from catalog_assets.campaign_files import Campaigns
from catalog_assets.decisions import Decisions
from catalog_assets.final_reviews import FINALS
from catalog_assets.line_assets import LineInfo
from catalog_assets.partitions import registered
from resources.catalog_resource import CatalogResource
from sensors.sku_work import LEFT, SKUS_PER_TICK, all_keys, current_lines, keys_of, work_requests
from sensors.watch import compare, forget_older, load_seen, save_seen

MEMORY = "reviews"
VANISHED = (
    "{gone} of {known} SKUs have no decision any more. Nothing was run: if the folder reviews was moved or is not "
    "mounted, put it back; to take them all back, remove them in smaller steps."
)


def reviews_sensor(
    product: LineInfo, lines: Mapping[str, LineInfo], campaigns: Campaigns, *, limit: int = SKUS_PER_TICK
) -> dg.SensorDefinition:
    """Starts the work that a decision sets free: one SKU, one run; many, one back-fill.

    A mask goes through all lines again; a final through its campaign's scored_finals and export only.
    """
    selection = dg.AssetSelection.assets(*all_keys(product, lines))

    @dg.sensor(
        name="reviews",
        asset_selection=selection,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="New, changed and removed decisions about masks and finals in the folder reviews, local or on S3.",
    )
    def sensor(context: dg.SensorEvaluationContext, catalog: CatalogResource) -> dg.SensorResult:
        store = catalog.open()
        seen = load_seen(store, MEMORY, context.cursor)
        if not seen.turn:  # a first look, or one after the cursor was reset: no run key of before may return
            seen = replace(seen, turn=int(time.time()))
        decisions = Decisions(store)
        order = registered(context.instance)
        known = set(order)
        # A decision for a SKU that has no photo yet waits until it has one, and is new then.
        now = {place: tokens for place, tokens in decisions.tokens().items() if _sku(place) in known}
        changes = compare(now, seen, wait_for_stability=not catalog.is_s3, limit=limit, vanished=VANISHED)
        if changes.alarm:
            context.log.error(changes.alarm)
        for note in decisions.notes:
            context.log.warning(note)
        touched = sorted(place for place in {*changes.changed, *changes.gone} if _sku(place) in known)
        cursor = save_seen(store, MEMORY, changes.seen)
        forget_older(store, MEMORY, cursor, context.cursor or "")
        current = current_lines(product, lines, campaigns)
        requests = [
            request
            for work in _work(touched, current, lines)
            for request in work_requests(
                store, work.lines, work.assets, work.skus, order, changes.seen.turn, "review", work.campaign
            )
        ]
        if not requests:
            left = LEFT.format(count=len({_sku(place) for place in touched})) if touched else ""
            return dg.SensorResult(skip_reason=changes.alarm or left or _quiet(changes.waiting), cursor=cursor)
        context.log.info("%d decided, %d decisions taken back", len(changes.changed), len(changes.gone))
        return dg.SensorResult(run_requests=requests, cursor=cursor)

    return sensor


class _Work(NamedTuple):
    """SKUs that decisions set free, which assets of them, and the lines of these, the product line first."""

    lines: Sequence[LineInfo]
    assets: Sequence[dg.AssetKey]
    skus: Sequence[str]
    campaign: str = ""


def _work(touched: Iterable[str], current: Sequence[LineInfo], lines: Mapping[str, LineInfo]) -> Iterator[_Work]:
    """The masks that were decided about, and the finals of each campaign."""
    masks: list[str] = []
    finals: defaultdict[str, list[str]] = defaultdict(list)
    for place in touched:
        sku, _, campaign = place.partition("/")
        if campaign:
            finals[campaign].append(sku)
        else:
            masks.append(sku)
    if masks:
        yield _Work(current, keys_of(current), masks)
    for campaign, skus in sorted(finals.items()):
        if campaign not in lines:  # archived, or its file was removed: nothing of it is made any more
            continue
        done = set(masks) if lines[campaign] in current else set[str]()
        left = [sku for sku in skus if sku not in done]
        if left:
            yield _Work([current[0], lines[campaign]], _replayed(lines[campaign]), left, campaign)


def _replayed(line: LineInfo) -> list[dg.AssetKey]:
    """The assets that a decision about a final changes: the finals, and what is made of them."""
    names = [asset.name for asset in line.assets]
    return [line.key(name) for name in names[names.index(FINALS) :]]


def _sku(place: str) -> str:
    return place.partition("/")[0]


def _quiet(waiting: int) -> str:
    if waiting:
        return f"Decisions for {waiting} SKUs may still be written; they are taken when size and time are stable."
    return "No new, changed or removed decisions."
