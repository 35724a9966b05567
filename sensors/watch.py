"""Which SKUs have new, changed or vanished files in a folder: plain comparison of two listings, without Dagster.

What was seen lives in the store under a name that holds its content hash, and the sensor's cursor names it: if a
tick fails, the cursor still names the old one, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from catalog_assets.records import fingerprint
from resources.store import CatalogStore, NotFound, StoreError

Tokens = Mapping[str, str]

# If more than this share of the known SKUs (and more than a handful) vanish at once, somebody moved the folder.
VANISHED_SHARE = 0.5
VANISHED_HANDFUL = 10


@dataclass(frozen=True)
class Seen:
    """What a watch remembers: settled files by SKU, those that may still be growing, and opened files.

    turn: counts the looks that found work, so that the same change made again later is told from a repeated look.
    """

    settled: Mapping[str, Tokens] = field(default_factory=dict)
    growing: Mapping[str, Tokens] = field(default_factory=dict)
    sniffed: Mapping[str, str] = field(default_factory=dict)
    turn: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "settled": dict(self.settled),
            "growing": dict(self.growing),
            "sniffed": dict(self.sniffed),
            "turn": self.turn,
        }


@dataclass(frozen=True)
class Changes:
    """What one look found. changed and gone are sorted; seen is what to remember once they are dealt with."""

    changed: tuple[str, ...]
    gone: tuple[str, ...]
    seen: Seen
    waiting: int = 0
    left_for_later: int = 0
    alarm: str = ""


def compare(now: Mapping[str, Tokens], seen: Seen, *, wait_for_stability: bool, limit: int, vanished: str) -> Changes:
    """Compare what is there with what was seen. At most `limit` SKUs are taken at a time, the rest stays new.

    now: change tokens of the files by SKU. wait_for_stability: a local file may be half written, so a change counts
    only when two looks agree on its size and time. An S3 object appears whole. vanished: the alarm when most SKUs
    are gone at once, with {gone} and {known}; nothing is gone then.
    """
    new = [sku for sku in sorted(now) if now[sku] != seen.settled.get(sku)]
    stable = [sku for sku in new if not wait_for_stability or now[sku] == seen.growing.get(sku)]
    taken = stable[:limit]
    gone = sorted(set(seen.settled) - set(now))
    alarm = ""
    if len(gone) > VANISHED_HANDFUL and len(gone) > VANISHED_SHARE * len(seen.settled):
        alarm = vanished.format(gone=len(gone), known=len(seen.settled))
        gone = []
    gone = gone[: max(0, limit - len(taken))]
    settled = {sku: tokens for sku, tokens in seen.settled.items() if sku not in gone}
    settled.update({sku: now[sku] for sku in taken})
    growing = {sku: now[sku] for sku in new if sku not in set(taken)}
    return Changes(
        changed=tuple(taken),
        gone=tuple(gone),
        seen=replace(seen, settled=settled, growing=growing, turn=seen.turn + bool(taken or gone)),
        waiting=len(new) - len(stable),
        left_for_later=len(stable) - len(taken),
        alarm=alarm,
    )


def load_seen(store: CatalogStore, folder: str, cursor: str | None) -> Seen:
    """What the cursor names, or nothing if there is none: then everything is new, which costs time, not truth."""
    if not cursor:
        return Seen()
    try:
        data = store.read_json(_key(folder, cursor))
        return Seen(**{name: data[name] for name in ("settled", "growing", "sniffed", "turn")})
    except NotFound:
        return Seen()
    except (StoreError, KeyError, TypeError):
        return Seen()


def save_seen(store: CatalogStore, folder: str, seen: Seen) -> str:
    """Write what was seen and return the cursor that names it. folder: below `state/`, one for each sensor."""
    cursor = fingerprint(seen.to_json())
    key = _key(folder, cursor)
    if not store.exists(key):
        store.write_json(key, seen.to_json())
    return cursor


def forget_older(store: CatalogStore, folder: str, *cursors: str) -> None:
    """Remove what no cursor names any more."""
    keep = {_key(folder, cursor) for cursor in cursors if cursor}
    store.delete_many([entry.key for entry in store.list(f"state/{folder}/") if entry.key not in keep])


def _key(folder: str, cursor: str) -> str:
    if not cursor.isalnum():
        raise ValueError(f"cursor {cursor!r} found, letters and digits expected")
    return f"state/{folder}/{cursor}.json"
