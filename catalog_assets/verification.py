"""Verification: every stored file read back and compared with the record that names it.

A run looks at the names and sizes of what is up to date, and reads nothing. What a stage reads it compares with the
record, and makes it again if it was damaged; this finds what no stage reads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial

from catalog_assets.dossier import CAMPAIGN_ASSETS, PRODUCT_ASSETS, in_order
from catalog_assets.quarantine import Quarantine
from catalog_assets.records import (
    DAMAGED_FILE,
    DamagedError,
    FileRef,
    VanishedError,
    read_file,
    read_record,
    remove_damaged,
)
from resources.names import display
from resources.store import CatalogStore
from resources.uploads import scan_uploads

MISSING_FILE, DAMAGED_RECORD = "missing_file", "damaged_record"
_CAMPAIGNS = "assets/campaigns"
_QUARANTINE = "quarantine"
_AHEAD = 8


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not as it was written. code: damaged_file, missing_file or damaged_record.

    can_be_made: the product's photo is uploaded, so that a run can make it again once it is gone.
    """

    sku: str
    key: str
    code: str
    message: str
    ref: FileRef | None = None
    can_be_made: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """One stage's work for one SKU, read back. files: how many, records among them."""

    files: int
    damages: tuple[Damage, ...] = ()


@dataclass(frozen=True)
class _Verifier:
    store: CatalogStore
    uploaded: Collection[str]
    mend: bool

    def shelf(self, folder: str, sku: str) -> Verified:
        """The records of one stage for one SKU, and every file they name."""
        found = self._shelf(folder, sku)
        # A run may have replaced them since the record was read: then the second look finds nothing amiss.
        return self._mended(self._shelf(folder, sku) if found.damages else found)

    def quarantine(self, line: str, sku: str) -> Verified:
        """The quarantine record of one SKU."""
        key = f"{_QUARANTINE}/{line}/{sku}.json"
        if Quarantine(self.store, line).get(sku) is not None or not self.store.exists(key):
            return Verified(1)
        return self._mended(Verified(1, (self._damaged_record(sku, key),)))

    def _shelf(self, folder: str, sku: str) -> Verified:
        files, damages = 0, []
        for key in (f"{folder}/{name}" for name in self.store.children(folder) if name.endswith(".json")):
            record = read_record(self.store, key, verdicts=False)
            refs = list(record.files.values()) if record is not None else []
            files += 1 + len(refs)
            damages += [damage for ref in refs if (damage := self._damage(sku, ref)) is not None]
            if record is None and self.store.exists(key):
                damages.append(self._damaged_record(sku, key))
        return Verified(files, tuple(damages))

    def _damage(self, sku: str, ref: FileRef) -> Damage | None:
        try:
            read_file(self.store, ref)
        except VanishedError as error:
            return Damage(sku, ref.key, MISSING_FILE, error.message, ref, sku in self.uploaded)
        except DamagedError as error:
            return Damage(sku, ref.key, DAMAGED_FILE, error.message, ref, sku in self.uploaded)
        return None

    def _damaged_record(self, sku: str, key: str) -> Damage:
        message = f"{display(key)} cannot be read, or was changed since it was written."
        return Damage(sku, key, DAMAGED_RECORD, message, can_be_made=sku in self.uploaded)

    def _mended(self, found: Verified) -> Verified:
        """The same; damaged files are taken away, if they are to be mended and can be made again."""
        for damage in found.damages:
            if self.mend and damage.can_be_made:
                if damage.ref is not None:
                    remove_damaged(self.store, damage.ref)
                else:
                    self.store.delete(damage.key)
        return found


def verify_catalog(
    store: CatalogStore, skus: Collection[str] = (), *, mend: bool = False
) -> tuple[int, Iterator[Verified]]:
    """How many steps the verification of a catalog has, and the steps: each reads one stage's work for one SKU.

    skus: keys; none: all. mend: damaged files and records are taken away, so that the next run makes them again; those
    of a product whose photo is no longer uploaded stay. Few files are in memory at a time. Manifests are not looked at:
    they are written anew each time, and `verify_exports` compares them. StoreError if the store fails.
    """
    verifier = _Verifier(store, scan_uploads(store).skus.keys(), mend)
    work = list(_work(store, verifier, frozenset(skus)))
    return len(work), in_order(lambda do: do(), work, store.readers, ahead=_AHEAD)


def _work(store: CatalogStore, verifier: _Verifier, skus: Collection[str]) -> Iterator[Callable[[], Verified]]:
    folders = [f"assets/product/{asset}" for asset in PRODUCT_ASSETS]
    folders += [f"{_CAMPAIGNS}/{name}/{asset}" for name in store.children(_CAMPAIGNS) for asset in CAMPAIGN_ASSETS]
    for folder in folders:
        for sku in store.children(folder):
            if not skus or sku in skus:
                yield partial(verifier.shelf, f"{folder}/{sku}", sku)
    for line in store.children(_QUARANTINE):
        for name in store.children(f"{_QUARANTINE}/{line}"):
            sku = name.removesuffix(".json")
            if not skus or sku in skus:
                yield partial(verifier.quarantine, line, sku)
