"""Whether a catalog is sound: nothing lost, nothing torn, and Dagster shows just what the store holds.

Drills ask this after they have broken something. Their catalogs are such that every SKU must get through.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks.line import make_catalog
from catalog_assets.partitions import RANGE_END, RANGE_START
from catalog_assets.records import FileRef, Record, campaign_folder, product_folder, read_file
from resources.store import CatalogStore, NotFound
from tests.daemon import Daemon

CAMPAIGN = "evergreen"
PRODUCT = ("raw_photo", "mask", "cutout")
EVERGREEN = ("scene_variants", "scored_finals", "marketplace_export")
LINES = ("product", CAMPAIGN)
ASSETS = [*([name] for name in PRODUCT), *([CAMPAIGN, name] for name in EVERGREEN)]
# What is no record, but must be whole as well.
BESIDE = ("quarantine", "ledger", "state", "reports", "manifests")
ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
_NOT_MADE = {"failed", "unmaterialized"}
_SECOND_LOOK_S = 2.0
_PHOTO = (384, 384)  # smaller ones are too small for Amazon, and wait for a person
_CATALOG = "candidates: 1\nscene_size: 512\nthreads: 2\n"


def sound_shop(root: Path, count: int) -> list[str]:
    """A catalog of small photos, every one of which gets through; its SKUs, in the order of their partitions."""
    skus = make_catalog(root, count, _PHOTO)
    (root / "catalog.yaml").write_text(_CATALOG)
    return skus


@dataclass(frozen=True)
class Damage:
    """What is wrong, as asset/SKU or file.

    files: read back, each with the recorded hash or else torn. unnamed: pictures that no record names, which may be.
    """

    lost: list[str]
    torn: list[str]
    wrong_status: list[str]
    files: int = 0
    unnamed: int = 0

    @property
    def none(self) -> bool:
        return not (self.lost or self.torn or self.wrong_status)

    def touches(self, sku: str) -> bool:
        """True if anything is wrong with a SKU."""
        return any(f"/{sku}" in one for one in (*self.lost, *self.torn, *self.wrong_status))

    def sizes(self) -> dict[str, int]:
        """How much of each there is."""
        return {name: value if isinstance(value, int) else len(value) for name, value in asdict(self).items()}

    def describe(self, when: str) -> Iterator[str]:
        """The counts in a line, and the first ones of each kind."""
        yield f"{when}: " + ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in self.sizes().items())
        for what in ("lost", "torn", "wrong_status"):
            yield from (f"  {what}: {one}" for one in getattr(self, what)[:10])


@dataclass
class Stock:
    """What the store holds: (asset, SKU) pairs that are made, what is torn, and every file that a record names."""

    made: set[tuple[str, str]] = field(default_factory=set)
    torn: list[str] = field(default_factory=list)
    named: set[str] = field(default_factory=set)


def damage(store: CatalogStore, skus: Sequence[str], daemon: Daemon, instance: dg.DagsterInstance) -> Damage:
    """Read everything back, and compare it with what Dagster shows."""
    found = taken_stock(store, skus)
    lost, wrong = [], []
    for path in ASSETS:
        asset = "/".join(path)
        shown = partition_statuses(daemon, path)
        for sku in skus:
            made, status = (asset, sku) in found.made, shown.get(sku, "nothing")
            if not made:
                lost.append(f"{asset}/{sku}")
            if status != "materialized" if made else status not in _NOT_MADE:
                wrong.append(f"{asset}/{sku}: {status}")
    wrong += [f"run {run.run_id}: {run.status.value}" for run in instance.get_runs() if run.status not in ENDED]
    pictures = (entry.key for top in ("assets", "exports") for entry in store.list(f"{top}/"))
    unnamed = sum(not key.endswith(".json") and key not in found.named for key in pictures)
    return Damage(lost, found.torn, wrong, len(found.named), unnamed)


def torn(store: CatalogStore, skus: Sequence[str]) -> list[str]:
    """What is torn at this moment, runs at work or not: what a second look finds whole was only being replaced."""
    first = taken_stock(store, skus).torn
    if first:
        time.sleep(_SECOND_LOOK_S)
    return sorted(set(first) & set(taken_stock(store, skus).torn)) if first else []


def taken_stock(store: CatalogStore, skus: Sequence[str]) -> Stock:
    """Every record, every file that it names, and whatever else must be whole, read back."""
    found = Stock()
    for path in ASSETS:
        for sku in skus:
            _take(store, "/".join(path), sku, found)
    for top in BESIDE:
        found.torn += [entry.key for entry in store.list(f"{top}/") if not _is_json(store, entry.key)]
    return found


def _take(store: CatalogStore, asset: str, sku: str, found: Stock) -> None:
    campaign, _, stage = asset.rpartition("/")
    folder = campaign_folder(campaign, stage, sku) if campaign else product_folder(stage, sku)
    records = list(_records(store, folder))
    found.torn += [key for key, record in records if record is None]
    whole = [record for _, record in records if record is not None]
    files = {file.key: file for record in whole for file in record.files.values()}
    found.torn += [key for key, file in files.items() if not _is_whole(store, file)]
    found.named.update(files)
    if whole and all(record.passed for record in whole):
        found.made.add((asset, sku))


def _records(store: CatalogStore, folder: str) -> Iterator[tuple[str, Record | None]]:
    """Every record of a folder with its key; None for one that cannot be read."""
    for name in store.children(folder):
        if name.endswith(".json"):
            key = f"{folder}/{name}"
            try:
                yield key, Record.from_json(json.loads(store.read(key)))
            except (ValueError, KeyError, TypeError):
                yield key, None
            except NotFound:  # gone since it was listed
                pass


def _is_whole(store: CatalogStore, file: FileRef) -> bool:
    try:
        return len(read_file(store, file)) == file.bytes
    except (NotFound, ValueError):
        return False


def _is_json(store: CatalogStore, key: str) -> bool:
    """True for a whole JSON file, and for what is of another kind or gone."""
    if not key.endswith(".json"):
        return True
    try:
        json.loads(store.read(key))
    except NotFound:
        return True
    except ValueError:
        return False
    return True


def partition_statuses(daemon: Daemon, path: Sequence[str]) -> dict[str, str]:
    """What the asset page shows of each SKU: materialized, failed, materializing or unmaterialized."""
    answer = _asked(
        daemon,
        """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode { assetPartitionStatuses {
             ... on DefaultPartitionStatuses { unmaterializedPartitions materializedPartitions failedPartitions
               materializingPartitions } } } } }""",
        k={"path": list(path)},
    )
    found = answer["assetNodeOrError"]["assetPartitionStatuses"]
    return {sku: kind.removesuffix("Partitions") for kind, skus in found.items() for sku in skus}


def _asked(daemon: Daemon, text: str, **variables: Any) -> dict[str, Any]:
    """The webserver's answer; asked again some times, as a person would whose page did not load."""
    for _ in range(5):
        with suppress(OSError):  # urllib's errors, and those of the network
            return daemon.query(text, **variables)
        time.sleep(_SECOND_LOOK_S)
    return daemon.query(text, **variables)


# -- how far a run is


@dataclass(frozen=True)
class Middle:
    """A run that has finished some of its SKUs, not all. done: record dates of those, by SKU."""

    run_id: str
    line: str
    skus: tuple[str, ...]
    done: Mapping[str, str]


def middle(store: CatalogStore, order: Sequence[str], run: dg.DagsterRun, share: float = 0.5) -> Middle | None:
    """How far a range run of a line is, if it has finished at least that share of its SKUs and not all; else None.

    order: all SKUs as Dagster cuts them into runs.
    """
    if run.status != dg.DagsterRunStatus.STARTED or RANGE_START not in run.tags:
        return None
    first, last = (order.index(run.tags[tag]) for tag in (RANGE_START, RANGE_END))
    skus = tuple(order[first : last + 1])
    line = "product" if dg.AssetKey("cutout") in (run.asset_selection or ()) else CAMPAIGN
    done = dates(store, line, skus)
    return Middle(run.run_id, line, skus, done) if share * len(skus) <= len(done) < len(skus) else None


def dates(store: CatalogStore, line: str, skus: Iterable[str]) -> dict[str, str]:
    """When the last asset of a line was made, for the SKUs that have it."""
    found = {}
    for sku in skus:
        records = [record for _, record in _records(store, _last_folder(line, sku)) if record]
        if records:
            found[sku] = max(record.made_at for record in records)
    return found


def finished(store: CatalogStore, line: str, skus: Iterable[str]) -> int:
    """How many SKUs a line is done with; records are not read."""
    return sum(any(name.endswith(".json") for name in store.children(_last_folder(line, sku))) for sku in skus)


def _last_folder(line: str, sku: str) -> str:
    return product_folder(PRODUCT[-1], sku) if line == "product" else campaign_folder(line, EVERGREEN[-1], sku)
