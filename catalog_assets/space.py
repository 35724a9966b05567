"""Space: what a catalog takes on the disk or in the bucket, by kind, and pruning what nobody needs.

Stages prune what they replace themselves. What is left for `prune_catalog`: rules that were changed since, leftovers of
runs that were killed, and notes about twins that are no more. It may run beside anything.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

from catalog_assets.decisions import Decisions
from catalog_assets.dossier import PRODUCT_ASSETS, in_order
from catalog_assets.listed_pictures import FOLDER as MANIFESTS
from catalog_assets.listed_pictures import BrokenListError, pictures_key, stored_pictures
from catalog_assets.manifest_archives import ARCHIVE
from catalog_assets.overview import aligned
from catalog_assets.publishing import EXPORTS
from catalog_assets.records import FileRef, Record, Shelf, campaign_shelf, product_shelf, stored_records
from catalog_assets.settings import SpaceSettings
from catalog_assets.stages.pruning import decided_pictures, prune_candidates, spent_candidates
from catalog_assets.stages.withdrawal import MARKETPLACE_EXPORT
from catalog_assets.twins import FOLDER as TWINS
from resources.store import CatalogStore, Entry

log = logging.getLogger("catalog.space")

CAMPAIGNS = "assets/campaigns"
SCENES, FINALS = "scene_variants", "scored_finals"

# A picture is written before the record that names it; no stage takes so long in between.
LEFTOVER_AGE_S = 24 * 3600.0
# Products that were worked on so lately may still be in work: their candidates wait for the next time.
QUIET_S = 3600.0

# ---------------------------------------------------------------------------------------------------------------
# What there is
# ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of files in a catalog: how many, and their bytes."""

    name: str
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Usage:
    """What a catalog takes, by kind. skus: on record, retired ones included. notes: what was not counted."""

    kinds: tuple[Kind, ...]
    skus: int
    notes: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(kind.bytes for kind in self.kinds)

    @property
    def bytes_a_sku(self) -> float:
        """Bytes of everything for one SKU; 0 where there is none."""
        return self.bytes / self.skus if self.skus else 0.0

    def as_text(self) -> str:
        """A plain table for a terminal."""
        total = Kind("in all", sum(kind.files for kind in self.kinds), self.bytes)
        rows = [self._row(kind) for kind in (*(kind for kind in self.kinds if kind.files), total)]
        return "\n".join([*aligned([["space", "files", "MB", "MB a SKU"], *rows]), *self.notes])

    def _row(self, kind: Kind) -> list[str]:
        a_sku = f"{kind.bytes / self.skus / 1e6:.3f}" if self.skus else ""
        return [kind.name, str(kind.files), f"{kind.bytes / 1e6:.1f}", a_sku]


def usage(store: CatalogStore, dagster_home: Path) -> Usage:
    """Count files and bytes by kind. Lists each folder once and opens nothing, so it is quick on large catalogs.

    dagster_home: the folder of Dagster's own state. StoreError if the store fails.
    """
    campaigns = store.children(CAMPAIGNS)
    places = {
        "uploads": ["uploads"],
        "photos": ["assets/product/raw_photo"],
        "masks": ["assets/product/mask"],
        "cut-outs": ["assets/product/cutout"],
        "candidates, finals among them": [f"{CAMPAIGNS}/{name}/{SCENES}" for name in campaigns],
        "verdicts and evidence": [f"{CAMPAIGNS}/{name}/{FINALS}" for name in campaigns],
        "exports": ["exports", *(f"{CAMPAIGNS}/{name}/{MARKETPLACE_EXPORT}" for name in campaigns)],
        "manifests": [MANIFESTS],
        "reports": ["reports"],
        "reviews, ledger, state": ["reviews", "ledger", "state", "quarantine"],
    }
    folders = [(kind, folder) for kind, each in places.items() for folder in each]
    found: dict[str, Counter[str]] = {kind: Counter() for kind in places}
    found["archives (ZIP)"] = Counter()
    for kind, entries in in_order(lambda one: (one[0], _counted(store, one[1])), folders, store.readers):
        found[kind] += entries["usual"]
        found["archives (ZIP)"] += entries["archives"]
    kinds = [Kind(name, count["files"], count["bytes"]) for name, count in found.items()]
    dagster, notes = _dagster(dagster_home)
    return Usage((*kinds, dagster), len(store.children("assets/product/raw_photo")), notes)


def _counted(store: CatalogStore, folder: str) -> Mapping[str, Counter[str]]:
    """Files and bytes below a folder, ZIPs apart."""
    found = {"usual": Counter[str](), "archives": Counter[str]()}
    for entry in store.list(folder):
        found["archives" if entry.key.endswith(f"/{ARCHIVE}") else "usual"].update(files=1, bytes=entry.size)
    return found


def _dagster(home: Path) -> tuple[Kind, tuple[str, ...]]:
    from catalog_assets.instance import uses_postgres

    sizes = [Path(folder, name).lstat().st_size for folder, _, names in os.walk(home) for name in names]
    notes = ("Dagster's database lies in Postgres: not counted here.",) if uses_postgres(home) else ()
    return Kind("Dagster's own state", len(sizes), sum(sizes)), notes


# ---------------------------------------------------------------------------------------------------------------
# What may go
# ---------------------------------------------------------------------------------------------------------------

OLD, LOSERS, LEFT, UNLISTED, NOTES = (
    "old attempts",
    "candidates that were not chosen",
    "leftovers of runs that were cut off",
    "exports that nothing names",
    "notes about twins that are no more",
)


@dataclass
class Pruned:
    """What went, or would go. files, bytes: by kind. busy: SKUs that were left because they are in work."""

    files: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    busy: int = 0

    def add(self, kind: str, files: Iterable[FileRef | Entry]) -> None:
        """Count files, whichever way they are described."""
        for file in files:
            self.files[kind] += 1
            self.bytes[kind] += file.bytes if isinstance(file, FileRef) else file.size

    def merge(self, other: Pruned) -> None:
        """Add what was pruned elsewhere."""
        self.files += other.files
        self.bytes += other.bytes
        self.busy += other.busy


@dataclass(frozen=True)
class _Pruner:
    store: CatalogStore
    rules: SpaceSettings
    decisions: Decisions
    now: float
    dry_run: bool

    def product(self, sku: str) -> Pruned:
        """Leftovers of one SKU in the product line."""
        done = Pruned()
        for asset in PRODUCT_ASSETS:
            self._leftovers(product_shelf(self.store, asset, sku), done)
        return done

    def campaign(self, name: str, sku: str) -> Pruned:
        """Candidates of one SKU that the rules do not keep, and leftovers."""
        done = Pruned()
        candidates, finals = (campaign_shelf(self.store, name, asset, sku) for asset in (SCENES, FINALS))
        decided = decided_pictures(self.decisions, name, finals.records())
        spent = spent_candidates(candidates.records(), finals.records(), self.rules, decided)
        if (spent.old or spent.losers) and max(candidates.modified, finals.modified) > self.now - QUIET_S:
            done.busy = 1
        else:
            done.add(OLD, (file for one in spent.old for file in one.files.values()))
            done.add(LOSERS, spent.lost_pictures)
            if not self.dry_run:
                prune_candidates(candidates, spent)
        for shelf in (candidates, finals):
            self._leftovers(shelf, done)
        return done

    def exports(self, marketplace: str) -> Pruned:
        """Exported files of a marketplace that neither its manifests nor any record names."""
        done = Pruned()
        listed = _listed(self.store, marketplace)
        old = (
            entry
            for entry in self.store.list(f"{EXPORTS}{marketplace}")
            if listed is not None and entry.key not in listed and self._is_leftover(entry)
        )
        for folder, entries in groupby(old, key=lambda entry: entry.key.rpartition("/")[0]):
            named = self._named_exports(marketplace, folder)
            if named is not None:
                self._remove([entry for entry in entries if entry.key not in named], UNLISTED, done)
        return done

    def _named_exports(self, marketplace: str, folder: str) -> set[str] | None:
        """What the export record of a SKU names; None where that cannot be known."""
        parts = folder.split("/")
        if len(parts) != 4:
            return None  # not a folder of ours
        shelf = campaign_shelf(self.store, parts[2], MARKETPLACE_EXPORT, parts[3])
        record = shelf.record(marketplace)
        if record is None and self.store.exists(f"{shelf.prefix}/{marketplace}.json"):
            return None  # damaged
        return {file.key for file in record.files.values()} if record is not None else set()

    def twins(self) -> Pruned:
        """Notes on who did the same work first, of work that is on record of nobody any more."""
        done = Pruned()
        for asset in self.store.children(TWINS):
            old = [entry for entry in self.store.list(f"{TWINS}/{asset}") if self._is_leftover(entry)]
            if not old:
                continue
            skus = self.store.children(f"assets/product/{asset}")
            known = {
                record.fingerprint
                for records in in_order(partial(_stored, self.store, asset), skus, self.store.readers)
                for record in records
            }
            self._remove([one for one in old if _stem(one.key) not in known], NOTES, done)
        return done

    def _leftovers(self, shelf: Shelf, done: Pruned) -> None:
        self._remove(shelf.leftovers(self.now - LEFTOVER_AGE_S), LEFT, done)

    def _is_leftover(self, entry: Entry) -> bool:
        return entry.modified < self.now - LEFTOVER_AGE_S

    def _remove(self, entries: Sequence[Entry], kind: str, done: Pruned) -> None:
        before = self.now - LEFTOVER_AGE_S
        gone = [one for one in entries if self.dry_run or self.store.delete_older(one.key, before)]
        done.add(kind, gone)


Work = Callable[[], Pruned]


def prune_catalog(
    store: CatalogStore, rules: SpaceSettings, *, dry_run: bool = False, now: float | None = None
) -> tuple[int, Iterator[Pruned]]:
    """How many steps the pruning of a catalog has, and the steps: each prunes, and says what went.

    dry_run: only says so. now: seconds since 1970, for tests. Uploads, reviews and the ledger are not looked at. A
    file that is written, or wanted again, meanwhile stays. StoreError if the store fails.
    """
    pruner = _Pruner(store, rules, Decisions(store), time.time() if now is None else now, dry_run)
    work = list(_work(store, pruner))
    return len(work), in_order(lambda do: do(), work, store.readers)


def _work(store: CatalogStore, pruner: _Pruner) -> Iterator[Work]:
    skus = {sku for asset in PRODUCT_ASSETS for sku in store.children(f"assets/product/{asset}")}
    yield from (partial(pruner.product, sku) for sku in sorted(skus))
    for name in store.children(CAMPAIGNS):
        skus = {sku for asset in (SCENES, FINALS) for sku in store.children(f"{CAMPAIGNS}/{name}/{asset}")}
        yield from (partial(pruner.campaign, name, sku) for sku in sorted(skus))
    yield from (partial(pruner.exports, marketplace) for marketplace in store.children("exports"))
    yield pruner.twins


def _listed(store: CatalogStore, marketplace: str) -> frozenset[str] | None:
    """Keys of the exported files that a marketplace's manifests name; None where they cannot be read."""
    if not store.exists(pictures_key(marketplace)):
        return frozenset()
    try:
        return frozenset(EXPORTS + listed.file for listed in stored_pictures(store, marketplace))
    except BrokenListError:
        log.warning("%s cannot be read: no export of it is pruned", pictures_key(marketplace))
        return None


def _stored(store: CatalogStore, asset: str, sku: str) -> list[Record]:
    return stored_records(store, f"assets/product/{asset}/{sku}", verdicts=False)


def _stem(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")
