"""What was ordered from a cloud, in the catalog store, so that nothing is paid twice: not even after a crash.

    state/cloud/<provider>/<key>.json      an entry: intent, then submitted, then fetched or failed
    state/cloud/<provider>/<key>.picture   what was fetched
    state/cloud/_days/<date>/...           which entries began on a day: old ones are found without reading all

The intent is created before an order is sent. An entry that says `intent` therefore may have been paid; only an order
that surely was not accepted is forgotten. Of several runs that ask for the same picture at once, one gets to create it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, get_args

from resources.store import CatalogStore, NotFound, StoreError, content_hash, json_bytes

FOLDER = "state/cloud"
KEPT_DAYS = 7
_DAYS = f"{FOLDER}/_days"
_FORMAT = 1

State = Literal["intent", "submitted", "fetched", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """How far an order is.

    at: seconds since 1970, when it was first sent. request_id: "" if the provider gave none. told: USD that were
    reported for it. sha256: of the picture. code, message: why it failed. owner: what only its creator knows.
    """

    state: State
    at: float
    request_id: str = ""
    told: float = 0.0
    sha256: str = ""
    code: str = ""
    message: str = ""
    owner: str = ""


class Journal:
    """The orders of a catalog. All methods may raise StoreError; a damaged entry raises one of code `broken_record`."""

    def __init__(self, store: CatalogStore, now: Callable[[], float] = time.time) -> None:
        self._store, self._now = store, now

    def read(self, provider: str, key: str) -> Entry | None:
        """The entry of an order, None if it was never sent. An intent whose picture is there counts as fetched."""
        try:
            entry = _entry(self._store.read_json(_entry_key(provider, key)))
        except NotFound:
            return None
        if entry is None:
            raise StoreError(
                "broken_record",
                f"{_entry_key(provider, key)} is damaged: nobody can tell whether this picture was paid for.",
                "Look at the provider's own list, then remove the file.",
            )
        if entry.state != "intent":
            return entry
        try:
            picture = self._store.read(_picture_key(provider, key))
        except NotFound:
            return entry
        # Named by its request, written whole: it is the answer, and only the note of it is missing.
        return replace(entry, state="fetched", sha256=content_hash(picture))

    def intend(self, provider: str, key: str, told: float = 0.0) -> Entry | None:
        """Note, before it is sent, that an order will be; None if somebody else has just done so.

        told: USD that were reported for it already.
        """
        entry = Entry("intent", self._now(), told=told, owner=secrets.token_hex(8))
        day = datetime.fromtimestamp(entry.at, UTC).date().isoformat()
        self._store.write(f"{_DAYS}/{day}/{provider}/{key}", b"")
        created = self._store.create(_entry_key(provider, key), json_bytes(_stored(entry)))
        return entry if created else None

    def write(self, provider: str, key: str, entry: Entry) -> None:
        """Put an entry in place of the one before."""
        self._store.write_json(_entry_key(provider, key), _stored(entry))

    def fetched(self, provider: str, key: str, entry: Entry, picture: bytes, told: float) -> None:
        """Keep what was delivered, then note it. told: USD that are reported for it by now."""
        self._store.write(_picture_key(provider, key), picture)
        self.write(
            provider, key, replace(entry, state="fetched", sha256=content_hash(picture), told=told, code="", message="")
        )

    def picture(self, provider: str, key: str, entry: Entry) -> bytes | None:
        """What was delivered, None if it is gone or not what was noted."""
        try:
            data = self._store.read(_picture_key(provider, key))
        except NotFound:
            return None
        return data if content_hash(data) == entry.sha256 else None

    def forget(self, provider: str, key: str) -> None:
        """Strike out an order that surely was not accepted, or surely costs nothing: it may be sent again."""
        self._store.delete(_picture_key(provider, key))
        self._store.delete(_entry_key(provider, key))

    def prune(self) -> int:
        """Remove entries that began more than 7 days ago, with their pictures; how many there were."""
        oldest = datetime.fromtimestamp(self._now(), UTC).date() - timedelta(days=KEPT_DAYS)
        removed = 0
        for day in self._store.children(_DAYS):
            if not _is_before(day, oldest):
                continue
            for marker in list(self._store.list(f"{_DAYS}/{day}")):
                provider, _, key = marker.key.removeprefix(f"{_DAYS}/{day}/").partition("/")
                removed += self._prune_one(provider, key, oldest)
                self._store.delete(marker.key)
        return removed

    def _prune_one(self, provider: str, key: str, oldest: date) -> int:
        """1 if there was an old entry. One that was sent again on a later day stays."""
        try:
            entry = _entry(self._store.read_json(_entry_key(provider, key)))
        except NotFound:
            return 0
        except StoreError as error:
            if error.code != "broken_record":
                raise
            entry = None
        if entry is not None and datetime.fromtimestamp(entry.at, UTC).date() >= oldest:
            return 0
        self.forget(provider, key)
        return 1


def _stored(entry: Entry) -> dict[str, Any]:
    return {"format": _FORMAT, **asdict(entry)}


def _entry_key(provider: str, key: str) -> str:
    return f"{FOLDER}/{provider}/{key}.json"


def _picture_key(provider: str, key: str) -> str:
    return f"{FOLDER}/{provider}/{key}.picture"


def _is_before(day: str, oldest: date) -> bool:
    try:
        return date.fromisoformat(day) < oldest
    except ValueError:
        return False


def _entry(data: Any) -> Entry | None:
    """An entry as it was written; None if it is not one of ours."""
    if not isinstance(data, dict) or data.pop("format", None) != _FORMAT or data.get("state") not in get_args(State):
        return None
    try:
        entry = Entry(**data)
    except TypeError:
        return None
    texts = (entry.request_id, entry.sha256, entry.code, entry.message, entry.owner)
    numbers = (entry.at, entry.told)
    fits = all(isinstance(text, str) for text in texts) and all(isinstance(n, (int, float)) for n in numbers)
    return entry if fits else None
