"""What every catalog store promises, the rules for keys, and the store's errors."""

from __future__ import annotations

import hashlib
import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar

from resources.names import display
from resources.verdicts import Rejection

UPLOADS = "uploads"
REVIEWS = "reviews"
# What people put there by hand, under any name: read without following links that lead out of the catalog.
BY_HAND = (UPLOADS, REVIEWS)
MAX_KEY_BYTES = 1024
MAX_SEGMENT_BYTES = 255
TEMPORARY = ".tmp-"
SWEEP_AGE_S = 3600.0
_HASH_DIGITS = 16
_NO_NAMES = frozenset({"", ".", ".."})

# Told of what a listing leaves out: (key, reason), reason one of the snake_case words below.
OnSkip = Callable[[str, str], None]
LINK_OUTSIDE = "link_outside"
BROKEN_LINK = "broken_link"
LINK_LOOP = "link_loop"
NOT_A_FILE = "not_a_file"
UNREADABLE = "unreadable"
BAD_KEY = "bad_key"


class StoreError(Exception):
    """The store could not do it: code, message and hint in words for a person, never a secret.

    retryable: True if the same call may work a little later (network, overload), with nothing done about it.
    """

    def __init__(self, code: str, message: str, hint: str = "", *, retryable: bool = False) -> None:
        super().__init__(code, message, hint)
        self.code = code
        self.message = message
        self.hint = hint
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def rejection(self, stage: str = "") -> Rejection:
        """The same as a value, for a SKU's outcome. Never the fault of its pictures: a later run may get through."""
        return Rejection(self.code, self.message, self.hint, stage=stage, retryable=True)


class NotFound(StoreError):  # noqa: N818  (reads as what it is, like KeyError's cousins in other stores)
    """There is nothing under this key. `key` holds it."""

    def __init__(self, key: str, message: str = "") -> None:
        super().__init__("not_found", message or f"There is no {display(key)} in the store.")
        self.args = (key, self.message)  # what a copy in another process is made from
        self.key = key


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored object: its key, size in bytes, and a token that changes when the object is replaced.

    The token is for comparing, nothing else: it is not a hash of the content. modified: when it was written or last
    renewed, in seconds since 1970, by the clock of whoever keeps it.
    """

    key: str
    size: int
    token: str
    modified: float = 0.0


def json_bytes(value: Any) -> bytes:
    """A JSON value as `write_json` puts it."""
    # ASCII only: a name with a lone surrogate can then be written, and read back as it was.
    text = json.dumps(value, sort_keys=True, allow_nan=False, indent=1, ensure_ascii=True)
    return text.encode("ascii") + b"\n"


def content_hash(data: bytes) -> str:
    """SHA-256 of the content, 64 hex digits: the fingerprint of a picture, computed from its bytes."""
    return hashlib.sha256(data).hexdigest()


def check_key(key: str) -> str:
    """The key itself if we may write it, else StoreError `bad_key`.

    Relative, at most 1024 bytes, no empty, `.` or `..` segment, no backslash, control character or lone
    surrogate, and no name of the store's own temporary files.
    """
    reason = foreign_key_problem(key) or _own_key_problem(key)
    if reason:
        raise _bad_key(key, reason)
    return key


def check_foreign_key(key: str) -> str:
    """The key itself if we may read it, else StoreError `bad_key`.

    Laxer than check_key, for what shops upload: `..\\..\\evil.jpg` is a file name on Linux and in S3.
    """
    reason = foreign_key_problem(key)
    if reason:
        raise _bad_key(key, reason)
    return key


def _bad_key(key: str, reason: str) -> StoreError:
    return StoreError("bad_key", f"The store key {display(key)!r} is not allowed: {reason}.")


def foreign_key_problem(key: str) -> str:
    """What is wrong with a key even for reading, in words, or ""."""
    if not key:
        return "it is empty"
    if key.startswith("/"):
        return "it is absolute"
    if "\0" in key:
        return "it holds a NUL character"
    if not _NO_NAMES.isdisjoint(key.split("/")):
        return "it has an empty, '.' or '..' part"
    if len(key.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES:
        return f"it is longer than {MAX_KEY_BYTES} bytes"
    if os.name == "nt" and re.search(r'[\\:*?"<>|]', key):
        return "it holds a character that Windows does not allow in a name"
    return ""


def _own_key_problem(key: str) -> str:
    if "\\" in key or re.match(r"[A-Za-z]:", key):
        return "it looks like a Windows path"
    if any(ord(character) < 32 or ord(character) == 127 for character in key):
        return "it holds a control character"
    if any("\ud800" <= character <= "\udfff" for character in key):
        return "it is not valid Unicode"
    for segment in key.split("/"):
        if segment.startswith(TEMPORARY):
            return f"names beginning with {TEMPORARY!r} are the store's own"
        if len(segment.encode("utf-8")) > MAX_SEGMENT_BYTES:
            return f"a part of it is longer than {MAX_SEGMENT_BYTES} bytes"
    return ""


def listed_folder(prefix: str) -> str:
    """A listing prefix as a folder key without the slash at its end; "" is the whole store."""
    folder = prefix.removesuffix("/")
    return check_foreign_key(folder) if folder else ""


class CatalogStore(ABC):
    """Bytes under relative keys such as `assets/product/mask/mug/main.json`.

    A write is all or nothing: a reader sees the old bytes or the new. Every key is checked before use.
    Failures are StoreError (NotFound where nothing is stored). Safe to share between threads.
    """

    # How many threads are worth having where many small things are read: over a network it is the waiting that costs,
    # on a disk threads mostly take turns at Python's lock (measured: 8 cost 70 % more CPU time than 2).
    readers: ClassVar[int] = 8

    @property
    @abstractmethod
    def root(self) -> str:
        """Where the store is, for messages: a folder, or s3://bucket/prefix."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """The bytes under a key; NotFound if there are none."""

    @abstractmethod
    def head(self, key: str, n: int) -> bytes:
        """The first n bytes under a key (fewer if it is shorter); NotFound if there are none."""

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """A seekable file to read what lies under a key bit by bit; NotFound if nothing does.

        For what may not fit into memory. StoreError (of S3) and OSError (of a disk) may come of any read.
        """

    @abstractmethod
    def write(self, key: str, data: bytes, content_type: str | None = None, cache_control: str | None = None) -> None:
        """Put bytes under a key, atomically, replacing what was there.

        content_type, cache_control: headers that S3 serves the object with; a local folder does not use them.
        """

    @abstractmethod
    def create(self, key: str, data: bytes) -> bool:
        """Put bytes under a key where nothing lies yet; False, and nothing done, if something does.

        Of several that create the same key at once, in whatever processes, one gets True. Put something of your own
        into the bytes: where a reply was lost, equal bytes are taken for one's own.
        """

    @abstractmethod
    def write_stream(self, key: str, chunks: Iterable[bytes], content_type: str | None = None) -> None:
        """Put what comes in pieces under a key, atomically: memory does not grow with it.

        An exception of the chunks leaves what was there before. content_type: as in write.
        """

    @abstractmethod
    def stat(self, key: str) -> Entry | None:
        """Size and change token of what lies under a key, or None."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove what lies under a key; nothing happens if there is nothing."""

    @abstractmethod
    def delete_older(self, key: str, before: float) -> bool:
        """Remove what lies under a key if it was last written or renewed before that moment; whether it went.

        before: seconds since 1970. What somebody puts there, or renews, meanwhile stays: at once on a disk; in a bucket
        there remain some milliseconds between the look and the removal.
        """

    @abstractmethod
    def renew(self, key: str) -> bool:
        """Make what lies under a key count as just written; False if it must be written again instead."""

    @abstractmethod
    def list(self, prefix: str = "", on_skip: OnSkip | None = None) -> Iterator[Entry]:
        """Everything below a folder, in the order of the keys' UTF-8 bytes, read page by page.

        prefix: whole folder names ("uploads" or "uploads/"), not parts of one. A folder that is not there is
        empty. Leftover temporary files are never listed. on_skip hears of each thing left out, and why.
        """

    @abstractmethod
    def children(self, prefix: str = "") -> tuple[str, ...]:
        """Names of the files and folders directly in a folder, sorted."""

    @abstractmethod
    def sweep(self, older_than_s: float = SWEEP_AGE_S) -> int:
        """Remove temporary files that a killed process left behind; how many there were."""

    def exists(self, key: str) -> bool:
        """True if something lies under the key."""
        return self.stat(key) is not None

    def delete_many(self, keys: Iterable[str]) -> None:
        """Remove what lies under each of the keys; missing ones are passed over."""
        for key in keys:
            self.delete(key)

    def write_picture(self, folder: str, stem: str, ext: str, data: bytes) -> str:
        """Store a picture under a name that holds its content hash; the key it got.

        The key is `<folder>/<stem>-<first 16 hex digits of the SHA-256>.<ext>`. What holds these very bytes already is
        renewed, not written again: nobody takes it for a leftover now. What was changed under that name is replaced.
        """
        key = check_key(f"{folder}/{stem}-{content_hash(data)[:_HASH_DIGITS]}.{ext}")
        if not (self._has_bytes(key, data) and self.renew(key)):
            self.write(key, data)
        return key

    def _has_bytes(self, key: str, data: bytes) -> bool:
        """True if exactly these bytes lie there."""
        there = self.stat(key)
        if there is None or there.size != len(data):
            return False
        try:
            return self.read(key) == data
        except NotFound:
            return False

    def read_json(self, key: str) -> Any:
        """The JSON value under a key; NotFound if missing, StoreError `broken_record` if it is no JSON."""
        data = self.read(key)
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise StoreError(
                "broken_record",
                f"{display(key)} should hold JSON, but does not: {display(str(error))}.",
                "Remove the file; it is made again at the next run.",
            ) from error

    def write_json(self, key: str, value: Any) -> None:
        """Put a JSON value under a key: names sorted, so equal values give equal bytes; no NaN."""
        self.write(key, json_bytes(value), content_type="application/json")
