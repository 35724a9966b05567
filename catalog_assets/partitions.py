"""The one partitions definition of every asset, and the tags a run carries about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

SKU = dg.DynamicPartitionsDefinition(name="sku")

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
FORCE_TAG = "catalog/force"
PERIOD_TAG = "catalog/period"
WORK_TAG = "catalog/work"
OUTCOME_TAG = "outcome"
MOMENT_TAG = "catalog/moment"

_BACKFILL, _STARTED_AGAIN, _BY_ITSELF = "dagster/backfill", "dagster/parent_run_id", "dagster/retry_number"

# More separate ranges than this are cheaper as one run of the scattered-SKU job.
MOST_RANGES = 4

# SQLite takes about 32,000 variables in one statement; one call adds at most this many keys.
KEYS_PER_CALL = 10_000


def registered(instance: dg.DagsterInstance) -> list[str]:
    """SKU keys in their order of insertion, which decides what a contiguous range is."""
    return list(instance.get_dynamic_partitions("sku"))


def register(instance: dg.DagsterInstance, skus: Iterable[str]) -> list[str]:
    """Add the SKUs that are not known yet, sorted, and return them."""
    known = set(registered(instance))
    new = sorted(set(skus) - known)
    for start in range(0, len(new), KEYS_PER_CALL):
        instance.add_dynamic_partitions("sku", new[start : start + KEYS_PER_CALL])
    return new


def contiguous_ranges(wanted: Iterable[str], order: Sequence[str], longest: int) -> list[tuple[str, str, list[str]]]:
    """Cut a set of keys into runs of neighbours: (first, last, keys), each at most `longest` keys.

    Keys that are not in `order` are left out. A range run covers everything between its ends, so only
    neighbours may share one.
    """
    chosen = set(wanted)
    ranges: list[tuple[str, str, list[str]]] = []
    current: list[str] = []
    for key in order:
        if key in chosen:
            current.append(key)
        if current and (key not in chosen or len(current) == longest):
            ranges.append((current[0], current[-1], current))
            current = []
    if current:
        ranges.append((current[0], current[-1], current))
    return ranges


def is_scattered(wanted: Collection[str], order: Sequence[str]) -> bool:
    """Whether SKUs are cheaper as one run of the scattered-SKU job than as a run for each range of neighbours."""
    return len(contiguous_ranges(wanted, order, max(1, len(order)))) > MOST_RANGES


def range_tags(first: str, last: str) -> dict[str, str]:
    return {RANGE_START: first, RANGE_END: last}


def work_of(tags: Mapping[str, str]) -> str:
    """What a run is a part of: its back-fill, or the refresh or the scheduled moment that its tag names.

    "" for a run of its own, and for one that a person started again: neither has others that it belongs to.
    """
    if _STARTED_AGAIN in tags and _BY_ITSELF not in tags:
        return ""
    return tags.get(_BACKFILL) or tags.get(WORK_TAG, "")


def moment_of(tags: Mapping[str, str]) -> datetime:
    """The moment that a run is about (aware): its scheduled time if a schedule asked for it, else now."""
    return datetime.fromisoformat(tags[MOMENT_TAG]) if MOMENT_TAG in tags else datetime.now(UTC)
