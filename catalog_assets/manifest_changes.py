"""What changed in the manifests since they were last written: pictures that came, went, or were replaced."""

from __future__ import annotations

import csv
import io
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from catalog_assets.listed_pictures import BrokenListError, Listed, by_sku, read_pictures, stored_pictures
from resources.marketplaces.manifests import clean_cell
from resources.store import CatalogStore

log = logging.getLogger("catalog.manifests")

FOLDER = "reports/manifest_changes"
KEPT = 100
COLUMNS = ("marketplace", "change", "sku", "slot", "campaign", "scene", "old_url", "new_url")

Kind = Literal["added", "removed", "replaced"]
KINDS: tuple[Kind, ...] = ("added", "removed", "replaced")


@dataclass(frozen=True, slots=True)
class Change:
    """One picture that a marketplace gets now and did not before, or the other way round, or two in one place."""

    kind: Kind
    before: Listed | None
    after: Listed | None

    @property
    def picture(self) -> Listed:
        found = self.after or self.before
        if found is None:
            raise ValueError("a change is about a picture")
        return found


@dataclass(frozen=True)
class ManifestChanges:
    """How much changed. counts: by marketplace and kind. campaigns_left, campaigns_came: of which no picture is listed
    any more, or is again. report: the store key of the list, "" if nothing changed.
    """

    counts: dict[str, Counter[Kind]] = field(default_factory=dict)
    campaigns_left: tuple[str, ...] = ()
    campaigns_came: tuple[str, ...] = ()
    report: str = ""

    @property
    def total(self) -> int:
        return sum(sum(counts.values()) for counts in self.counts.values())


class ChangeLog:
    """Compares lists of pictures, marketplace by marketplace, and writes what differs to a local file."""

    def __init__(self, store: CatalogStore, path: Path) -> None:
        self._store = store
        self._path = path
        self._counts: dict[str, Counter[Kind]] = {}
        self._before: Counter[str] = Counter()
        self._after: Counter[str] = Counter()
        self._header = True

    def compare(self, marketplace: str, after: BinaryIO | None) -> None:
        """Note what differs between the list in the store and a new one; None: the marketplace gets nothing any more.

        Memory: that of one product. A list in the store that cannot be read counts as none, with a warning.
        """
        new = read_pictures(after) if after is not None else iter(())
        counts: Counter[Kind] = Counter()
        with self._path.open("a", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\r\n")
            if self._header:
                table.writerow(COLUMNS)
                self._header = False
            before = _tallied(_readable(marketplace, stored_pictures(self._store, marketplace)), self._before)
            for change in changes(before, _tallied(new, self._after)):
                counts[change.kind] += 1
                table.writerow(_row(marketplace, change))
        if counts:
            self._counts[marketplace] = counts

    def save(self, moment: datetime) -> ManifestChanges:
        """Write the report, if anything changed, and remove all but the newest hundred. moment: of the run, aware."""
        left, came = sorted(set(self._before) - set(self._after)), sorted(set(self._after) - set(self._before))
        report = ""
        if self._counts:
            report = self._free_key(moment)
            with self._path.open("rb") as file:
                self._store.write_stream(report, iter(lambda: file.read(io.DEFAULT_BUFFER_SIZE * 128), b""))
            names = self._store.children(FOLDER)
            self._store.delete_many(f"{FOLDER}/{name}" for name in names[:-KEPT])
        return ManifestChanges(self._counts, tuple(left), tuple(came), report)

    def _free_key(self, moment: datetime) -> str:
        """Named by the time of the run; a second run of the same time does not overwrite the first one's report."""
        taken = set(self._store.children(FOLDER))
        stem = f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        names = (f"{stem}{f'-{number}' if number > 1 else ''}.csv" for number in range(1, len(taken) + 2))
        return f"{FOLDER}/{next(name for name in names if name not in taken)}"


def changes(before: Iterator[Listed], after: Iterator[Listed]) -> Iterator[Change]:
    """What differs between two lists, both in ascending order of SKUs."""
    for old, new in _side_by_side(by_sku(before), by_sku(after)):
        yield from _of_product(old, new)


def _side_by_side(
    before: Iterator[tuple[str, list[Listed]]], after: Iterator[tuple[str, list[Listed]]]
) -> Iterator[tuple[list[Listed], list[Listed]]]:
    """The pictures of each product, from both lists."""
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0] < new[0]):
            yield (old[1] if old else []), []
            old = next(before, None)
        elif old is None or new[0] < old[0]:
            yield [], new[1]
            new = next(after, None)
        else:
            yield old[1], new[1]
            old, new = next(before, None), next(after, None)


def _of_product(old: Sequence[Listed], new: Sequence[Listed]) -> Iterator[Change]:
    """Pictures in the same place (slot, campaign, scene) replace one another; what stayed the same is no change."""
    if old == new:
        return
    if not old:
        yield from (Change("added", None, listed) for listed in new)
        return
    stayed = {_content(listed) for listed in old} & {_content(listed) for listed in new}
    gone: defaultdict[tuple[str, str, str], list[Listed]] = defaultdict(list)
    for listed in old:
        if _content(listed) not in stayed:
            gone[_place(listed)].append(listed)
    for listed in new:
        if _content(listed) not in stayed:
            place = gone[_place(listed)]
            yield Change("replaced", place.pop(0), listed) if place else Change("added", None, listed)
    for place in gone.values():
        yield from (Change("removed", listed, None) for listed in place)


def _place(listed: Listed) -> tuple[str, str, str]:
    return listed.slot, listed.campaign, listed.scene


def _content(listed: Listed) -> tuple[str, ...]:
    return (*_place(listed), listed.url, listed.sha256)


def _row(marketplace: str, change: Change) -> list[str]:
    listed = change.picture
    old, new = change.before.url if change.before else "", change.after.url if change.after else ""
    cells = (marketplace, change.kind, listed.sku, listed.slot, listed.campaign, listed.scene, old, new)
    # They are cells of tables already; those of the store anybody may have changed since.
    return [cell if cell[:1].isalnum() and cell.isprintable() else clean_cell(cell) for cell in cells]


def _tallied(pictures: Iterable[Listed], campaigns: Counter[str]) -> Iterator[Listed]:
    for listed in pictures:
        campaigns[listed.campaign] += 1
        yield listed


def _readable(marketplace: str, pictures: Iterator[Listed]) -> Iterator[Listed]:
    """The rows up to the first that cannot be read."""
    try:
        yield from pictures
    except BrokenListError as error:
        log.warning("%s: the list in the store is damaged, the report of changes starts anew: %s", marketplace, error)
