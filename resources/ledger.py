"""The ledger: what each attempt at a picture cost. Lines are only ever added, in small files of their own.

An attempt that somebody charges for has two lines of one id: `intended`, written before it begins, with the most it
may cost, and `made` or `failed`, with what it did cost. Judging adds `accepted` or `wasted`, again with that id.
Amounts are in USD, times in seconds.
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal, get_args

from resources.names import clean_text, display, is_kept, slugged
from resources.store import CatalogStore, NotFound, StoreError

Status = Literal["intended", "made", "failed", "accepted", "wasted"]

FOLDER = "ledger/entries"
PRODUCT_CAMPAIGN = "product"
FORMAT = 1
_STATUSES = frozenset(get_args(Status))
_KINDS: Mapping[str, tuple[type, ...]] = {"seconds": (int, float), "usd": (int, float), "paid": (bool,)}
_PROCESSOR = frozenset({"", "cpu", "cloud"})
_AHEAD = 64

log = logging.getLogger("catalog.ledger")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the ledger.

    id: of the attempt. at: ISO time in UTC, set when it is noted. campaign: "product" for the product line. name: of
    the picture, "" for a whole SKU. seconds: of work, each picture's share of its batch. usd: intended: the most that
    it may cost; made and failed: what it did cost; else 0. paid: real money for a call, as opposed to our own machines'
    time. code, reason: why it failed or was wasted, one line. run: who wrote it, set when it is noted.
    """

    id: str
    campaign: str
    stage: str
    sku: str
    status: Status
    name: str = ""
    engine: str = ""
    revision: str = ""
    device: str = ""
    seconds: float = 0.0
    usd: float = 0.0
    paid: bool = False
    code: str = ""
    reason: str = ""
    at: str = ""
    run: str = ""

    def __post_init__(self) -> None:
        if self.status not in _STATUSES:
            raise ValueError(f"ledger: status {self.status!r} found, one of {', '.join(sorted(_STATUSES))} expected")
        for value in (self.seconds, self.usd):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"ledger: {value} found, seconds and USD of 0 or more expected")

    @property
    def month(self) -> str:
        """YYYY-MM."""
        return self.at[:7]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LedgerEntry:
        """Read a line back. ValueError or TypeError on a damaged one; columns of later versions are left out."""
        known = {name: value for name, value in data.items() if name in cls.__dataclass_fields__}
        for name, value in known.items():
            if type(value) not in _KINDS.get(name, (str,)):
                raise TypeError(f"{name} is of another type")
        entry = cls(**known)
        datetime.fromisoformat(entry.at)
        return entry


@dataclass(frozen=True, slots=True)
class Prices:
    """What an hour of our own machines costs, in USD; 0: nobody counts it."""

    gpu_usd_per_hour: float = 0.0
    cpu_usd_per_hour: float = 0.0

    def of(self, device: str, seconds: float) -> float:
        """The price of so many seconds on our own machine. device: as engines name it, with commas between several.

        "cpu", "cloud" (we only wait for it) and "" are the processor, all others ("cuda:0", "mps") a GPU.
        """
        on_gpu = any(name.strip() not in _PROCESSOR for name in device.split(","))
        hour = self.gpu_usd_per_hour if on_gpu else self.cpu_usd_per_hour
        return hour * max(0.0, seconds) / 3600


def new_id() -> str:
    """An id that no other attempt has: 24 hex digits."""
    return secrets.token_hex(12)


def verdict_line(
    attempt: str, accepted: bool, *, campaign: str, stage: str, sku: str, name: str, reason: str = ""
) -> LedgerEntry:
    """The line that says whether a picture was of use: accepted and chosen as a final, or wasted, and why.

    attempt: the id of the lines that say what it cost. A later line on the same attempt takes the place of this one.
    """
    status: Status = "accepted" if accepted else "wasted"
    return LedgerEntry(attempt, campaign, stage, sku, status, name=name, reason=display(reason))


class Ledger:
    """Adds lines to a store's ledger on behalf of a run. Serves any number of threads.

    A file is written once, under a name that no other run and no other object of this class writes to:
    `ledger/entries/<campaign>/<YYYY-MM>/<sku>.<run>-<8 hex>.<n>.json`.
    """

    def __init__(self, store: CatalogStore, run_id: str) -> None:
        self.store = store
        self.run_id = safe(run_id)
        self._writer = f"{self.run_id}-{secrets.token_hex(4)}"
        self._lock = threading.Lock()
        self._files = 0
        self._noted: defaultdict[str, list[LedgerEntry]] = defaultdict(list)

    def note(self, entry: LedgerEntry) -> None:
        """Remember a line until its SKU is flushed. For work whose line may be lost with a crash."""
        stamped = self._stamped(entry)
        with self._lock:
            self._noted[entry.sku].append(stamped)

    def write(self, entry: LedgerEntry) -> None:
        """Put a line into the store at once. Raises StoreError."""
        self._put([self._stamped(entry)])

    def flush(self, sku: str) -> None:
        """Put what was noted of a SKU into the store. Raises StoreError; then the lines are kept for the next flush."""
        with self._lock:
            entries = self._noted.pop(sku, [])
        files: defaultdict[tuple[str, str], list[LedgerEntry]] = defaultdict(list)
        for entry in entries:
            files[entry.campaign, entry.month].append(entry)
        while files:
            _, some = files.popitem()
            try:
                self._put(some)
            except BaseException:
                with self._lock:
                    self._noted[sku] = [*some, *(one for each in files.values() for one in each), *self._noted[sku]]
                raise

    def close(self) -> None:
        """Put everything into the store that is still noted. Raises StoreError."""
        with self._lock:
            skus = sorted(self._noted)
        for sku in skus:
            self.flush(sku)

    def _stamped(self, entry: LedgerEntry) -> LedgerEntry:
        at = entry.at or datetime.now(UTC).isoformat(timespec="milliseconds")
        return replace(entry, at=at, run=self._writer, reason=display(entry.reason), code=display(entry.code))

    def _put(self, entries: list[LedgerEntry]) -> None:
        """Write lines of one SKU, campaign and month into a new file."""
        with self._lock:
            self._files += 1
            number = self._files
        first = entries[0]
        name = f"{safe(first.sku)}.{self._writer}.{number}.json"
        lines = [asdict(entry) for entry in entries]
        self.store.write_json(
            f"{FOLDER}/{safe(first.campaign)}/{first.month}/{name}", {"format": FORMAT, "entries": lines}
        )


def safe(name: str) -> str:
    """A name as a part of a key: names of SKUs, campaigns and runs are safe and kept, any other becomes a slug."""
    return name if is_kept(name) else slugged(name)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file of the ledger that cannot be read, in whole or in part: its key, and what is wrong."""

    key: str
    message: str


def read_ledger(store: CatalogStore, damaged: list[Damaged] | None = None) -> Iterator[LedgerEntry]:
    """All lines of a ledger, in no order; only a few files are in memory at once.

    damaged: gets what cannot be read; it is logged as well and never stops the rest. Raises StoreError where the store
    itself fails.
    """
    keys = (entry.key for entry in store.list(FOLDER) if entry.key.endswith(".json"))
    with ThreadPoolExecutor(max_workers=store.readers, thread_name_prefix="ledger") as pool:
        while some := list(islice(keys, _AHEAD)):
            for entries, problem in pool.map(lambda key: _file(store, key), some):
                if problem is not None:
                    log.warning("%s: %s", display(problem.key), problem.message)
                    if damaged is not None:
                        damaged.append(problem)
                yield from entries


def _file(store: CatalogStore, key: str) -> tuple[list[LedgerEntry], Damaged | None]:
    """The lines of a file that can be read, and what is wrong with it."""
    try:
        data = store.read_json(key)
        if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("entries"), list):
            return [], Damaged(key, f"no ledger file of format {FORMAT}")
    except NotFound:
        return [], Damaged(key, "went away while it was read")
    except StoreError as error:
        if error.code != "broken_record":
            raise
        return [], Damaged(key, clean_text(error.message))
    good, bad = _readable(data["entries"])
    return good, Damaged(key, f"{bad} of {bad + len(good)} lines cannot be read") if bad else None


def _readable(lines: Iterable[Any]) -> tuple[list[LedgerEntry], int]:
    good: list[LedgerEntry] = []
    bad = 0
    for line in lines:
        try:
            good.append(LedgerEntry.from_json(line))
        except (TypeError, ValueError, AttributeError):
            bad += 1
    return good, bad
