"""Which SKUs a refresh can leave alone: nothing about them has changed, and Dagster shows them as they are.

The stages themselves say so, over a store that shows them records and no pictures: whatever else they ask for is
work, and the SKU has to go through the lines. Unlike a run this costs no events, and these are what a run over
unchanged SKUs spends its time on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as CheckStatus
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from catalog_assets.context import Pixels, RunContext
from catalog_assets.dossier import in_order
from catalog_assets.line_assets import AssetInfo, LineInfo
from catalog_assets.partitions import SKU
from catalog_assets.quarantine import quarantined
from catalog_assets.records import FileRef, Record
from catalog_assets.reporting import DATA_VERSION
from catalog_assets.settings import load_settings
from catalog_assets.stage import Stage, StageResult
from resources.engines import Engines
from resources.imaging.decode import Photo
from resources.storage.base import SWEEP_AGE_S, OnSkip
from resources.store import UPLOADS, CatalogStore, Entry


def settled(
    instance: dg.DagsterInstance,
    store: CatalogStore,
    engines: Engines,
    lines: Sequence[LineInfo],
    skus: Sequence[str],
    advance: Callable[[int], None] = lambda steps: None,
) -> set[str]:
    """The SKUs for which the lines would find everything up to date, and tell Dagster what it knows already.

    Nothing is made or written. A SKU in the quarantine of one of the lines is never settled. advance: called with 1
    for each SKU. Raises StoreError, SettingsError.
    """
    context = _Look(_LookedAt(store), load_settings(store), engines)
    try:
        stages = [(info.name, stage) for info in lines for stage in info.line(context).stages]
    except Exception:  # whatever a line lacks, a run over it says so, and spares the others
        return set()
    shown = {(info.name, asset.name): _shown(instance, info, asset) for info in lines for asset in info.assets}
    names = {info.name for info in lines}
    held = {record.sku for record in quarantined(store) if record.line in names}

    def is_settled(sku: str) -> bool:
        if sku in held:
            return False
        return all(result is not None and shown[line, result.stage].fits(result) for line, result in _look(stages, sku))

    found = set()
    for sku, answer in zip(skus, in_order(is_settled, skus, store.readers), strict=True):
        if answer:
            found.add(sku)
        advance(1)
    return found


def _look(stages: Sequence[tuple[str, Stage]], sku: str) -> Iterator[tuple[str, StageResult | None]]:
    """What every stage says of a SKU, with the name of its line; None instead where it has something to do."""
    for line, stage in stages:
        try:
            [result] = stage.run([sku])
        except Exception:  # whatever it is, it is for a run to meet, which knows what to do about it
            yield line, None
            return
        yield line, None if result.fresh or not result.goes_on else result


@dataclass(frozen=True)
class _Shown:
    """What Dagster shows of an asset. versions: the data version of each SKU that counts as materialized.

    checked: the SKUs whose check passed on that very materialization, None where the asset has no check.
    """

    versions: dict[str, str]
    checked: set[str] | None

    def fits(self, result: StageResult) -> bool:
        """True if telling Dagster of this result would tell it nothing new."""
        told = self.checked is None or result.check is None or result.sku in self.checked
        return told and self.versions.get(result.sku) == (result.data_version or result.status)


def _shown(instance: dg.DagsterInstance, info: LineInfo, asset: AssetInfo) -> _Shown:
    """One whose latest run failed or is under way does not count, nor a check whose run was killed before it."""
    key, storage = info.key(asset.name), instance.event_log_storage
    tags = storage.get_latest_tags_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION])
    statuses = instance.get_status_by_partition(key, list(tags), SKU) or {}
    versions = {
        sku: found[DATA_VERSION]
        for sku, found in tags.items()
        if statuses.get(sku) == AssetPartitionStatus.MATERIALIZED
    }
    if not asset.check:
        return _Shown(versions, None)
    checks = storage.get_asset_check_partition_info([dg.AssetCheckKey(key, asset.check)])
    passed = {
        each.partition_key
        for each in checks
        if each.partition_key and each.is_current and each.latest_execution_status == CheckStatus.SUCCEEDED
    }
    return _Shown(versions, passed)


class WorkDueError(Exception):
    """Somebody asked for more than a look at what is there."""


class _Look(RunContext):
    """What the stages share while they are only looked at: all of making begins with a picture, and they get none."""

    def photo(self, record: Record) -> Photo:
        raise WorkDueError(record.name)

    def rgba(self, ref: FileRef) -> Pixels:
        raise WorkDueError(ref.key)

    def rgb(self, ref: FileRef) -> Pixels:
        raise WorkDueError(ref.key)


class _LookedAt(CatalogStore):
    """A store of which one sees everything but the uploaded photos, and can change nothing: WorkDueError."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store
        self.readers = store.readers  # type: ignore[misc]  # as many as suit the store behind it

    @property
    def root(self) -> str:
        return self._store.root

    def read(self, key: str) -> bytes:
        if key.startswith(f"{UPLOADS}/"):
            raise WorkDueError(key)
        return self._store.read(key)

    def head(self, key: str, n: int) -> bytes:
        return self._store.head(key, n)

    def open(self, key: str) -> BinaryIO:
        return self._store.open(key)

    def stat(self, key: str) -> Entry | None:
        return self._store.stat(key)

    def list(self, prefix: str = "", on_skip: OnSkip | None = None) -> Iterator[Entry]:
        return self._store.list(prefix, on_skip)

    def children(self, prefix: str = "") -> tuple[str, ...]:
        return self._store.children(prefix)

    def write(self, key: str, data: bytes, content_type: str | None = None, cache_control: str | None = None) -> None:
        raise WorkDueError(key)

    def create(self, key: str, data: bytes) -> bool:
        raise WorkDueError(key)

    def write_stream(self, key: str, chunks: Iterable[bytes], content_type: str | None = None) -> None:
        raise WorkDueError(key)

    def delete(self, key: str) -> None:
        raise WorkDueError(key)

    def delete_older(self, key: str, before: float) -> bool:
        raise WorkDueError(key)

    def renew(self, key: str) -> bool:
        raise WorkDueError(key)

    def sweep(self, older_than_s: float = SWEEP_AGE_S) -> int:
        raise WorkDueError("leftovers")
