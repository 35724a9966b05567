"""Publishing: listed pictures go to a folder or bucket that a CDN serves, under names that hold their content hash.

A name never gets other bytes, so a CDN may keep what it has for good. What was published is on record, a small file a
SKU, written before the pictures go up: so nothing is ever removed there that is not ours.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from catalog_assets.settings import PublishSettings, Settings, SettingsError
from resources.marketplaces.listing import ExportedFile
from resources.names import display
from resources.store import CatalogStore, LocalStore, NotFound, StoreError, content_hash

log = logging.getLogger("catalog.publishing")

EXPORTS = "exports/"
FOLDER = "state/publish"
CACHE_CONTROL = "public, max-age=31536000, immutable"
RECORD_FORMAT = 1

_HASH_DIGITS = 16
_OUR_NAMES = re.compile(rf"[^/]+/[a-z]+-[0-9a-f]{{{_HASH_DIGITS}}}\.[a-z0-9]+")
_CONTENT_TYPES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
# Where the catalog itself lives; what serves one of them shows raw photos, or loses what it serves.
_CATALOG_FOLDERS = ("uploads", "assets", "exports", "manifests", "quarantine", "reviews", "ledger", "reports", "state")


@dataclass(frozen=True, slots=True)
class Unpublished:
    """Why a picture was not published: a code, and a message for the shop."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class PublishTotals:
    """What was put to the target or taken from it. waiting: pictures that no manifest names, kept for some days."""

    uploaded: int
    uploaded_bytes: int
    removed: int
    waiting: int


def published_key(sku: str, slot: str, sha256: str, extension: str) -> str:
    """Where a picture lies below the target: marketplaces whose bytes agree share it.

    sku: a safe name. slot: main, additional or lifestyle. sha256: 64 hex digits. extension: without its dot.
    """
    return f"{sku}/{slot}-{sha256[:_HASH_DIGITS]}.{extension}"


def open_target(
    catalog: CatalogStore, settings: PublishSettings, open_store: Callable[[str], CatalogStore]
) -> CatalogStore:
    """The store that pictures are published to. SettingsError if it is the catalog itself or a part of its own.

    open_store: opens a root with the credentials of the environment. StoreError as it raises.
    """
    target = open_store(settings.target)
    if _places(target)[0] != _places(catalog)[0]:
        return target
    ours, theirs = _places(catalog)[1], _places(target)[1]
    if theirs == ours:
        raise _refused("is the catalog itself", "Name a folder or bucket of its own.")
    if ours.is_relative_to(theirs):
        raise _refused("holds the catalog", "It would be served too. Name a folder beside it.")
    if theirs.is_relative_to(ours) and theirs.relative_to(ours).parts[0] in _CATALOG_FOLDERS:
        part = theirs.relative_to(ours).parts[0]
        raise _refused(f"lies in {part}/ of the catalog", "That folder is the catalog's own; name another one.")
    return target


def _refused(what: str, fix: str) -> SettingsError:
    return SettingsError(f"catalog.yaml: publish.target: {what}. {fix}")


def _places(store: CatalogStore) -> tuple[str, PurePosixPath | Path]:
    """The bucket ("" for a disk) and the place in it."""
    if isinstance(store, LocalStore):
        return "", Path(store.root).resolve()
    bucket, _, prefix = store.root.removeprefix("s3://").partition("/")
    return bucket, PurePosixPath("/", prefix)


class Published:
    """What of one SKU was published: bytes by key, and since when no manifest names it ("" if one does)."""

    def __init__(self, sizes: Mapping[str, int] | None = None, unlisted: Mapping[str, str] | None = None) -> None:
        self.sizes = dict(sizes or {})
        self.unlisted = dict(unlisted or {})

    def to_json(self) -> dict[str, Any]:
        return {"format": RECORD_FORMAT, "bytes": self.sizes, "unlisted_since": self.unlisted}

    @classmethod
    def from_json(cls, data: Any) -> Published:
        """Read it back. ValueError, KeyError or TypeError for anything else."""
        if data["format"] != RECORD_FORMAT:
            raise ValueError(f"format {data['format']!r} found, {RECORD_FORMAT} expected")
        sizes = {str(key): int(size) for key, size in data["bytes"].items()}
        return cls(sizes, {str(key): str(since) for key, since in data["unlisted_since"].items()})


@dataclass
class _Tally:
    uploaded: int = 0
    uploaded_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, size: int) -> None:
        with self.lock:
            self.uploaded += 1
            self.uploaded_bytes += size


class Publisher:
    """Puts pictures to the target, and takes away those that no manifest names any more.

    `publish` may be called by several threads, each SKU by one; `remove_unlisted` when manifests are written. Store
    trouble, of either store, raises StoreError.
    """

    def __init__(self, store: CatalogStore, target: CatalogStore, settings: PublishSettings) -> None:
        self.store = store
        self.target = target
        self.settings = settings
        place = hashlib.sha256(target.root.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
        self._folder = f"{FOLDER}/{place}"
        self._seen: set[str] = set()
        # What is listed of those SKUs of which something else is on record; of most it is the same.
        self._unsettled: dict[str, frozenset[str]] = {}
        self._tally = _Tally()
        self._there: dict[str, int] | None = None
        self._lock = threading.Lock()

    def key(self, sku: str, file: ExportedFile) -> str:
        """Where a picture lies below the target."""
        return published_key(sku, file.slot, file.sha256, file.extension)

    def url(self, sku: str, file: ExportedFile) -> str:
        """The address at which the CDN serves a picture."""
        return published_url(self.settings, self.key(sku, file))

    def publish(self, sku: str, files: Iterable[ExportedFile]) -> dict[str, Unpublished]:
        """Put a SKU's pictures where they are not yet; those that may not go, by path, with the reason.

        Bytes are compared with the recorded SHA-256 before they go up. The pictures of the last call are those that
        manifests name. One picture at a time is in memory.
        """
        by_key: dict[str, list[ExportedFile]] = {}
        for file in files:
            by_key.setdefault(self.key(sku, file), []).append(file)
        record = self._record(sku)
        missing = {key: same for key, same in by_key.items() if self._on_target().get(key) != same[0].bytes}
        self._announce(sku, record, missing)
        refused = {key: why for key, same in missing.items() if (why := self._upload(key, same)) is not None}
        listed = frozenset(by_key) - frozenset(refused)
        self._unsettled.pop(sku, None)
        if record.unlisted or not record.sizes.keys() <= listed:
            self._unsettled[sku] = listed
        self._seen.add(sku)
        return {file.path: why for key, why in refused.items() for file in by_key[key]}

    def remove_unlisted(
        self, now: datetime, uploaded: Container[str], needed: Collection[str] = frozenset()
    ) -> PublishTotals:
        """Remove what no manifest has named for `keep_days`, and all of SKUs that are retired (not uploaded).

        now: aware. needed: addresses that stay whatever else is said. Only what is on record as published by us is ever
        removed.
        """
        kept = frozenset(key for url in needed if (key := key_of_url(self.settings, url)) is not None)
        removed = waiting = 0
        for name in self.store.children(self._folder):
            sku = name.removesuffix(".json")
            if sku in uploaded and sku in self._seen and sku not in self._unsettled:
                continue
            record = self._record(sku)
            keep = timedelta(days=self.settings.keep_days) if sku in uploaded else None
            due = self._due(sku, record, now, keep, kept)
            self.target.delete_many(due)
            self._forget(sku, record, due)
            removed += len(due)
            waiting += len(record.unlisted)
        return PublishTotals(self._tally.uploaded, self._tally.uploaded_bytes, removed, waiting)

    def problem(self, url: str, sha256: str, size: int | None) -> Unpublished | None:
        """What is wrong with what lies at an address that manifests name, None if it is as it should be.

        size: in bytes, None if not known. In a bucket the size alone is compared, in a folder the content too.
        """
        again = "Materialize `manifests` again."
        key = key_of_url(self.settings, url)
        if key is None:
            return Unpublished("other_address", f"{display(url)} does not lie below publish.base_url. {again}")
        there = self._on_target().get(key)
        if there is None:
            return Unpublished("not_published", f"{display(key)} is not on the publish target. {again}")
        changed = size is not None and there != size
        if not changed and isinstance(self.target, LocalStore):
            changed = content_hash(self.target.read(key)) != sha256
        if changed:
            hint = "Find out who writes there; remove it, then materialize `manifests` again."
            return Unpublished("published_changed", f"{display(key)} on the publish target has other content. {hint}")
        return None

    def _due(
        self, sku: str, record: Published, now: datetime, keep: timedelta | None, kept: frozenset[str]
    ) -> list[str]:
        """What is to go now; of the rest the record learns since when nothing names it. keep None: at once."""
        listed = self._unsettled.get(sku, frozenset()) | kept
        since = {key: record.unlisted.get(key) or _stamp(now) for key in record.sizes if key not in listed}
        record.unlisted = since
        return [key for key, moment in sorted(since.items()) if keep is None or _moment(moment, now) + keep <= now]

    def _forget(self, sku: str, record: Published, gone: Sequence[str]) -> None:
        for key in gone:
            del record.sizes[key], record.unlisted[key]
        if record.sizes:
            self._save(sku, record)
        else:
            self.store.delete(self._record_key(sku))

    def _on_target(self) -> Mapping[str, int]:
        """Bytes by key of what lies on the target and looks like ours; listed once."""
        with self._lock:
            if self._there is None:
                self._there = {e.key: e.size for e in self.target.list() if _OUR_NAMES.fullmatch(e.key)}
            return self._there

    def _announce(self, sku: str, record: Published, missing: Mapping[str, Sequence[ExportedFile]]) -> None:
        """Put on record what is about to go up: were it not, a killed run would leave pictures that nobody removes."""
        new = {key: same[0].bytes for key, same in missing.items() if record.sizes.get(key) != same[0].bytes}
        if new:
            record.sizes.update(new)
            self._save(sku, record)

    def _upload(self, key: str, same: Sequence[ExportedFile]) -> Unpublished | None:
        """Put one picture up, from the first file that still holds the recorded bytes; else the reason."""
        problem: Unpublished | None = None
        for file in same:
            data, why = read_export(self.store, file.path, file.sha256)
            if data is not None:
                extension = key.rpartition(".")[2]
                self.target.write(key, data, _CONTENT_TYPES.get(extension), CACHE_CONTROL)
                self._tally.add(len(data))
                return None
            problem = problem or why
        return problem

    def _record_key(self, sku: str) -> str:
        return f"{self._folder}/{sku}.json"

    def _record(self, sku: str) -> Published:
        key = self._record_key(sku)
        try:
            return Published.from_json(self.store.read_json(key))
        except NotFound:
            return Published()
        except (StoreError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, StoreError) and error.code != "broken_record":
                raise
            log.warning("%s: damaged record; what it named is never removed from the target", key)
            return Published()

    def _save(self, sku: str, record: Published) -> None:
        self.store.write_json(self._record_key(sku), record.to_json())


def publisher_of(
    store: CatalogStore, settings: Settings, open_store: Callable[[str], CatalogStore]
) -> Publisher | None:
    """The publisher of a catalog, None if its settings name no target. Raises as `open_target`."""
    if settings.publish is None:
        return None
    return Publisher(store, open_target(store, settings.publish, open_store), settings.publish)


def published_url(settings: PublishSettings, key: str) -> str:
    """The address of a key: the base and the key percent-encoded (RFC 3986, ASCII only)."""
    return settings.base_url + quote(key, safe="/-._~")


def key_of_url(settings: PublishSettings, url: str) -> str | None:
    """The key of an address that `published_url` made; None for an address elsewhere."""
    return unquote(url.removeprefix(settings.base_url)) if url.startswith(settings.base_url) else None


def read_export(store: CatalogStore, path: str, sha256: str) -> tuple[bytes | None, Unpublished | None]:
    """The bytes of an exported file (path below exports/), or None and why they may not be used.

    Reasons are `missing` and `changed`. Only store trouble raises StoreError.
    """
    try:
        data = store.read(EXPORTS + path)
    except NotFound:
        hint = "`catalog refresh` makes it again."
        return None, Unpublished("missing", f"The exported file {display(path)} is gone. {hint}")
    if content_hash(data) != sha256:
        what = f"The exported file {display(path)} was changed after it was checked."
        hint = "Find out who writes there. `catalog verify --mend` removes it, then `catalog refresh` makes it again."
        return None, Unpublished("changed", f"{what} {hint}")
    return data, None


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _moment(stamp: str, now: datetime) -> datetime:
    """The moment of a stamp; one that cannot be read counts as now, so what it is about stays."""
    try:
        found = datetime.fromisoformat(stamp)
    except ValueError:
        return now
    return found if found.tzinfo else found.replace(tzinfo=UTC)
