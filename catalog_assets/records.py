"""Records: what was made, from what, with what outcome. A picture counts only if a record names it.

A shelf is the folder of one stage for one SKU. Pictures are written first, under a name that holds their
content hash; the record that names them last. So a reader sees the old or the new, never half of either.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from resources.names import display
from resources.store import CatalogStore, Entry, NotFound, StoreError, content_hash
from resources.verdicts import Rejection, Verdict

log = logging.getLogger("catalog.records")

RECORD_FORMAT = 1
DAMAGED_FILE = "damaged_file"

# A picture that was written after its record, and so lately, is about to be named by a new one.
_IN_WORK_S = 3600.0


def fingerprint(parts: Mapping[str, Any]) -> str:
    """sha256 (32 hex digits) of JSON-ready parts; the order of keys does not matter."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class FileRef:
    """A stored file that a record names: its store key, content hash and size in bytes."""

    key: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class EngineRef:
    """The engine that did the work."""

    name: str
    revision: str
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class Record:
    """One outcome: a view, a candidate, a final or a marketplace of one SKU.

    fingerprint: of everything the outcome was made from. judged: of the thresholds it was judged by, empty
    where nothing is judged. status: made, accepted, review, rejected, not_selected or retired.
    seconds: wall seconds of the work. bytes: of all files. cost_usd: of a candidate, what all steps towards it cost.
    files: what is there, by role. pruned: what was made too, but taken away since to save space.
    """

    stage: str
    sku: str
    name: str
    status: str
    fingerprint: str
    judged: str = ""
    files: Mapping[str, FileRef] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    verdict: Mapping[str, Any] | None = None
    rejection: Rejection | None = None
    notes: tuple[str, ...] = ()
    engine: EngineRef | None = None
    seconds: float = 0.0
    cost_usd: float = 0.0
    made_at: str = ""
    pruned: Mapping[str, FileRef] = field(default_factory=dict)

    @property
    def made_files(self) -> Mapping[str, FileRef]:
        """Everything that was made, whether it is still there or not: what the outcome is known by."""
        return {**self.pruned, **self.files}

    @property
    def passed(self) -> bool:
        return self.rejection is None and self.status in {"made", "accepted"}

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files.values())

    def to_json(self) -> dict[str, Any]:
        return {"format": RECORD_FORMAT, **asdict(self), "bytes": self.bytes}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """Read a record back. Raises ValueError on another format, KeyError or TypeError on a damaged one."""
        if data.get("format") != RECORD_FORMAT:
            raise ValueError(f"record format {data.get('format')!r} found, {RECORD_FORMAT} expected")
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        for name in ("files", "pruned"):
            known[name] = {role: FileRef(**ref) for role, ref in known.get(name, {}).items()}
        if known.get("rejection"):
            known["rejection"] = Rejection(**known["rejection"])
        if known.get("engine"):
            known["engine"] = EngineRef(**known["engine"])
        known["notes"] = tuple(known.get("notes", ()))
        return cls(**known)


def judged_record(record: Record, verdict: Verdict, judged: str) -> Record:
    """The same outcome under another verdict."""
    return replace(
        record,
        status=verdict.decision,
        judged=judged,
        verdict=verdict.as_dict(),
        rejection=verdict.rejection(record.stage),
    )


class VanishedError(NotFound):
    """A file that a record names is not there: replaced or pruned since the record was read, by another run perhaps.

    Worth another attempt, which reads the records anew.
    """

    def __init__(self, key: str, message: str = "") -> None:
        super().__init__(key, message or f"{display(key)} is not there, although its record names it.")
        self.hint = "Run the SKU again with `catalog refresh`: what is missing is made again."
        self.retryable = True


class DamagedError(StoreError, ValueError):
    """The bytes of a file are not those that a record names: damaged on its disk, or changed by somebody."""

    def __init__(self, ref: FileRef, found: str) -> None:
        super().__init__(
            DAMAGED_FILE,
            f"{display(ref.key)} is damaged: content {found[:16]} found, {ref.sha256[:16]} expected.",
            "`catalog verify --mend` takes it away, then `catalog refresh` makes it again.",
        )
        self.args = (ref, found)  # what a copy in another process is made from
        self.ref = ref


class Shelf:
    """The records and pictures of one stage for one SKU, under `prefix` (ends with the SKU's name).

    outside: folders elsewhere whose files belong to this shelf's records too, and go with them (exports). shared:
    the folder of a shelf whose records may name the same files; what either of the two names stays.
    """

    def __init__(self, store: CatalogStore, prefix: str, outside: tuple[str, ...] = (), shared: str = "") -> None:
        self.store = store
        self.prefix = prefix
        self._shared = shared
        self._owned = tuple(f"{folder}/" for folder in (prefix, *outside, shared) if folder)

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        return {entry.key: entry for entry in self.store.list(f"{self.prefix}/")}

    @cached_property
    def _records(self) -> dict[str, Record]:
        found: dict[str, Record] = {}
        for key in sorted(self._entries):
            if key.endswith(".json") and (record := read_record(self.store, key)) is not None:
                found[record.name] = record
        return found

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}.json"

    def record(self, name: str) -> Record | None:
        return self._records.get(name)

    def records(self) -> list[Record]:
        """All records, sorted by name."""
        return [self._records[name] for name in sorted(self._records)]

    @property
    def modified(self) -> float:
        """When anything here was last written or renewed, in seconds since 1970; 0 if nothing is here."""
        return max((entry.modified for entry in self._entries.values()), default=0.0)

    def leftovers(self, before: float) -> list[Entry]:
        """Files that no record names and that were last written or renewed before that moment (seconds since 1970).

        None where a record cannot be read: nobody knows what that one names.
        """
        if sum(key.endswith(".json") for key in self._entries) != len(self._records):
            return []
        named = {file.key for record in self._records.values() for file in record.files.values()}
        found = [
            entry
            for key, entry in self._entries.items()
            if key not in named and not key.endswith(".json") and entry.modified < before
        ]
        beside = self._named_beside() if found else set()
        return [entry for entry in found if entry.key not in beside]

    def _named_beside(self) -> set[str]:
        """The files that the records of the other shelf name."""
        beside = stored_records(self.store, self._shared, verdicts=False) if self._shared else []
        return {file.key for record in beside for file in record.files.values()}

    def holds(self, record: Record) -> bool:
        """True if every file the record names is there with the recorded size."""
        return all(self._size(file.key) == file.bytes for file in record.files.values())

    def _size(self, key: str) -> int | None:
        inside = key.startswith(f"{self.prefix}/")  # exports lie outside the shelf
        entry = self._entries.get(key) if inside else self.store.stat(key)
        return entry.size if entry else None

    def current(self, name: str, wanted: str) -> Record | None:
        """The record of that name if it was made from exactly this (fingerprint) and its files are there."""
        record = self.record(name)
        if record is not None and record.fingerprint == wanted and self.holds(record):
            return record
        return None

    def put(self, stem: str, extension: str, data: bytes) -> FileRef:
        """Store a picture under a name that holds its content hash."""
        key = self.store.write_picture(self.prefix, stem, extension, data)
        self._entries[key] = Entry(key=key, size=len(data), token="")
        return FileRef(key=key, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

    def save(self, record: Record) -> Record:
        """Write a record, then prune the files that only its predecessor named. Returns it with its date."""
        stamped = replace(record, made_at=datetime.now(UTC).isoformat(timespec="seconds"))
        self._put_record(stamped)
        return stamped

    def take_away(self, name: str, role: str) -> bool:
        """Remove a file of a record, which stays as it is otherwise and remembers it; whether it could be done.

        It is not done if somebody else has written the record since this shelf was read, or lately the file: a run
        that makes it again will name it.
        """
        record, known = self._records[name], self._entries[self._key(name)]
        if known.token and self.store.stat(known.key) != known:
            return False
        file = self._seen(record.files[role].key)
        if file is not None and known.modified and file.modified > max(known.modified, time.time() - _IN_WORK_S):
            return False
        files = {each: file for each, file in record.files.items() if each != role}
        self._put_record(replace(record, files=files, pruned={**record.pruned, role: record.files[role]}))
        return True

    def _put_record(self, record: Record) -> None:
        before = self.record(record.name)
        key = self._key(record.name)
        data = sealed(json.dumps(record.to_json(), sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1))
        self.store.write(key, data)
        self._entries[key] = Entry(key=key, size=len(data), token="")
        self._records[record.name] = record
        if before is not None:
            self._prune(before.files.values())

    def drop(self, names: Iterable[str]) -> None:
        """Remove records and what only they named."""
        for name in list(names):
            record = self._records.pop(name, None)
            if record is not None:
                self._remove(self._key(name))
                self._prune(record.files.values())

    def keep_only(self, names: Iterable[str]) -> None:
        """Drop every record that is not among the names."""
        wanted = set(names)
        self.drop([name for name in self._records if name not in wanted])

    def _prune(self, files: Iterable[FileRef]) -> None:
        named = {file.key for record in self._records.values() for file in record.files.values()}
        gone = {file.key for file in files if file.key not in named and file.key.startswith(self._owned)}
        # Looked at first: what another run renews after that, because it will name it, is not removed.
        seen = [entry for key in sorted(gone) if (entry := self._seen(key)) is not None]
        beside = self._named_beside() if seen else set()
        for entry in seen:
            if entry.key not in beside:
                self.store.delete_older(entry.key, math.nextafter(entry.modified, math.inf))
                self._entries.pop(entry.key, None)

    def _seen(self, key: str) -> Entry | None:
        """A file as it was when this shelf was read; of what came later or lies elsewhere, as it is now."""
        known = self._entries.get(key)
        return known if known is not None and known.modified else self.store.stat(key)

    def _remove(self, key: str) -> None:
        self.store.delete(key)
        self._entries.pop(key, None)


def stored_records(store: CatalogStore, prefix: str, *, verdicts: bool = True) -> list[Record]:
    """All records of a shelf, sorted by name; for reports, which never ask whether the files are there.

    verdicts: False for a report that reads no verdicts and measures. They are most of a record, and left unread then.
    """
    keys = (f"{prefix}/{name}" for name in store.children(prefix) if name.endswith(".json"))
    found = {record.name: record for key in keys if (record := read_record(store, key, verdicts=verdicts)) is not None}
    return [found[name] for name in sorted(found)]


def read_record(store: CatalogStore, key: str, *, verdicts: bool = True) -> Record | None:
    """The record under a key, or None where it is gone or damaged: then the work is simply done again."""
    try:
        data = store.read(key)
        _insist_on_seal(data)
        return Record.from_json(json.loads(data if verdicts else _without_verdicts(data)))
    except (NotFound, ValueError, KeyError, TypeError):
        log.warning("%s: damaged record, made again", key)
        return None


# The first line of a record holds the hash of all that follows: a flipped bit may well leave a number a number.
_SEAL = b'{\n "seal": "'
_SEAL_END = b'",'
_SEAL_DIGITS = 16


def sealed(text: str) -> bytes:
    """A record's JSON object in lines, as it is stored: with the seal as its first line."""
    rest = text.removeprefix("{").encode()
    return _SEAL + content_hash(rest)[:_SEAL_DIGITS].encode() + _SEAL_END + rest


def _insist_on_seal(data: bytes) -> None:
    """Raise ValueError if a record is not as it was written. Those of earlier versions have no seal to break."""
    seal, end, rest = data[len(_SEAL) :].partition(_SEAL_END)
    if data.startswith(_SEAL) and (not end or content_hash(rest)[:_SEAL_DIGITS].encode() != seal):
        raise ValueError("a record that was changed since it was written")


# Where they begin and end in a record as `save` writes it: one space more for each level, and no string of JSON holds a
# line end, so a line that begins so is that one.
_VERDICTS = (
    (b'\n "verdict": {\n', b"\n }"),
    (b'\n  "compliance": {\n', b"\n  }"),
    (b'\n  "candidates": [\n', b"\n  ]"),
)


def _without_verdicts(data: bytes) -> bytes:
    """The same JSON with null in place of verdicts; as it is where they do not stand as they are written."""
    for begin, end in _VERDICTS:
        start = data.find(begin)
        stop = data.find(end, start + len(begin))
        if start >= 0 and stop >= 0:
            data = data[: start + len(begin) - 2] + b"null" + data[stop + len(end) :]
    return data


def made_from(record: Record, photo: Record) -> bool:
    """True if a mask or cut-out was made from this raw_photo record: the same bytes, corrected the same way."""
    same_bytes = record.inputs.get("photo") == photo.files["photo"].sha256
    return same_bytes and record.inputs.get("correction", {}) == photo.facts.get("correction", {})


def read_file(store: CatalogStore, ref: FileRef) -> bytes:
    """The bytes a record names. Raises VanishedError if missing, DamagedError if they are not what was recorded."""
    try:
        data = store.read(ref.key)
    except NotFound:
        raise VanishedError(ref.key) from None
    found = content_hash(data)
    if found != ref.sha256:
        raise DamagedError(ref, found)
    return data


def remove_damaged(store: CatalogStore, ref: FileRef) -> bool:
    """Take a damaged file away, so that the next run misses it and makes it again; whether it went.

    A whole one that somebody has put there since stays.
    """
    entry = store.stat(ref.key)
    if entry is None or content_hash(store.read(ref.key)) == ref.sha256:
        return False
    return store.delete_older(ref.key, math.nextafter(entry.modified, math.inf))


def renew_file(store: CatalogStore, ref: FileRef) -> None:
    """Let nobody prune a file that a record is about to name. Raises VanishedError if it is gone already."""
    if not store.renew(ref.key):
        store.write(ref.key, read_file(store, ref))


def product_folder(stage: str, sku: str) -> str:
    return f"assets/product/{stage}/{sku}"


def campaign_folder(campaign: str, stage: str, sku: str) -> str:
    return f"assets/campaigns/{campaign}/{stage}/{sku}"


def product_shelf(store: CatalogStore, stage: str, sku: str) -> Shelf:
    return Shelf(store, product_folder(stage, sku))


# A final is the picture of one of the candidates: the records of these two name the same files.
_SHARED = {"scene_variants": "scored_finals", "scored_finals": "scene_variants"}


def campaign_shelf(store: CatalogStore, campaign: str, stage: str, sku: str, outside: tuple[str, ...] = ()) -> Shelf:
    shared = campaign_folder(campaign, _SHARED[stage], sku) if stage in _SHARED else ""
    return Shelf(store, campaign_folder(campaign, stage, sku), outside, shared)
