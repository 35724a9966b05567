"""A campaign's budget: what may be spent on calls in all. It is never passed, whatever runs at once or dies.

Every run keeps a tally of its own in the store: what it spent, and what it may yet spend on calls that are under way.
A run raises its tally first and reads those of all others then; where the sum would pass the limit, it takes back what
it added and spends nothing. Of two runs that raise at once at least one sees the other, so the sum of what was granted
never passes the limit. A run that dies leaves its tally as it is: too high, never too low.

Nothing flows back: what was spent on failed or rejected pictures is spent. A tally that cannot be read counts as
unknown, and then nothing is spent at all.
"""

from __future__ import annotations

import json
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from resources.ledger import safe
from resources.names import clean_text
from resources.store import CatalogStore, NotFound, StoreError

FOLDER = "ledger/budgets"
FORMAT = 1
_MICRO = 1_000_000  # amounts are kept as whole millionths of a USD: sums of them are exact
_BLOCK = 100  # a tally is raised by a hundredth of the limit at most, so that not each picture writes it
_AT_ONCE = 8  # and by the price of so many pictures at most: what a run that dies leaves spoken for
_PAUSE_S = 20.0  # a budget that is used up is not asked for again so soon: only other runs could give something back

log = logging.getLogger("catalog.budget")


@dataclass(frozen=True, slots=True)
class Reservation:
    """So much may be spent. usd: at most; number: of this reservation within its run."""

    number: int
    usd: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing may be spent. reason: one line for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What one run has spoken for, in millionths of a USD. closed: that is what it spent, and it spends no more."""

    micro: int
    closed: bool


class Budget:
    """What one run may spend of a campaign's limit. Serves any number of threads; ValueError for an absurd limit.

    The tally lies under `ledger/budgets/<campaign>/<run>-<8 hex>/tally.json`: a folder a writer, so that no listing
    can miss a file that is being replaced. limit_usd: of all runs of all times together.
    """

    def __init__(
        self,
        store: CatalogStore,
        campaign: str,
        limit_usd: float,
        run_id: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not (math.isfinite(limit_usd) and limit_usd >= 0):
            raise ValueError(f"budget of {campaign}: {limit_usd} USD found, 0 or more expected")
        self.store, self.campaign, self.limit_usd = store, campaign, limit_usd
        self._folder = f"{FOLDER}/{safe(campaign)}"
        self._writer = f"{safe(run_id)}-{secrets.token_hex(4)}"
        self._limit = _micro(limit_usd, ROUND_FLOOR)
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[int, int] = {}  # reservations by number
        self._numbers = 0
        self._settled = 0
        self._granted = 0  # what may be spoken for: the tally in the store says as much, or more
        self._touched = False
        self._closed = False
        self._done: dict[str, int] = {}  # tallies of others that never change any more
        self._used_up: tuple[int, float, str] | None = None  # for how much, until when, why

    @property
    def spent_usd(self) -> float:
        """What this run has spent for certain."""
        with self._lock:
            return self._settled / _MICRO

    @property
    def held_usd(self) -> float:
        """What this run may yet spend on reservations that are not settled."""
        with self._lock:
            return sum(self._open.values()) / _MICRO

    def reserve(self, usd: float) -> Reservation | Refusal:
        """The right to spend so much, to be settled once; or why not. ValueError if it is not a price above 0.

        Whatever keeps the store from being read or written is a refusal, too.
        """
        if not (math.isfinite(usd) and usd > 0):
            raise ValueError(f"budget of {self.campaign}: a price of {usd} USD found, more than 0 expected")
        wanted = _micro(usd, ROUND_CEILING)
        with self._lock:
            reason = self._refused(wanted)
            if reason:
                return Refusal(reason)
            self._numbers += 1
            self._open[self._numbers] = wanted
            return Reservation(self._numbers, wanted / _MICRO)

    def settle(self, reservation: Reservation, usd: float) -> None:
        """Say what a reservation did cost; this run may spend the rest on others. ValueError if it was settled before.

        More than was reserved counts in full, even past the limit: it is spent. What is no amount counts as reserved.
        """
        with self._lock:
            held = self._open.pop(reservation.number, None)
            if held is None:
                raise ValueError(f"budget of {self.campaign}: reservation {reservation.number} is not open")
            sane = math.isfinite(usd) and usd >= 0
            cost = _micro(usd, ROUND_CEILING) if sane else held
            self._settled += cost
            if cost < held:
                self._used_up = None
            if self._spoken_for > self._granted or self._closed:
                self._try_to_write(self._spoken_for)

    def close(self) -> None:
        """Write what was spent, exactly; what is still reserved stays spoken for. Nothing can be reserved any more."""
        with self._lock:
            self._closed = True
            if self._touched:
                self._try_to_write(self._spoken_for)

    # ---- all below: with the lock held

    @property
    def _spoken_for(self) -> int:
        return self._settled + sum(self._open.values())

    def _refused(self, wanted: int) -> str:
        """ "" if so much more may be spoken for, else why not."""
        if self._closed:
            return "budget: this run is over"
        need = self._spoken_for + wanted
        if need <= self._granted:
            return ""
        if self._used_up is not None and wanted >= self._used_up[0] and self._clock() < self._used_up[1]:
            return self._used_up[2]
        try:
            reason = self._raised(need, wanted)
        except StoreError as error:
            log.warning("budget of %s: %s", self.campaign, error)
            return f"budget: its tallies cannot be read or written, so nothing is spent. {clean_text(error.message)}"
        if reason:
            self._used_up = (wanted, self._clock() + _PAUSE_S, reason)
        return reason

    def _raised(self, need: int, wanted: int) -> str:
        """Raise the own tally to `need` and a little more, if the limit allows; else why not. Raises StoreError."""
        others = self._others()
        if others + need > self._limit:
            return self._too_much(wanted, others)
        spare = min((_AT_ONCE - 1) * wanted, self._limit // _BLOCK, self._limit - others - need)
        for more in dict.fromkeys((max(0, spare), 0)):
            # Where the store fails on the way, the tally may stay too high; what was granted stays what it was.
            self._write(need + more)
            others = self._others()
            if others + need + more <= self._limit:
                self._granted = need + more
                return ""
            self._write(self._granted)
        return self._too_much(wanted, others)

    def _too_much(self, wanted: int, others: int) -> str:
        """Why so much more cannot be spent."""
        taken = others + self._spoken_for
        return f"budget: {_usd(wanted)} USD more would pass {_usd(self._limit)}, {_usd(taken)} are spent or reserved"

    def _others(self) -> int:
        """What all other runs have spoken for. Raises StoreError where any tally cannot be read."""
        writers = [writer for writer in self.store.children(self._folder) if writer != self._writer]
        unsure = [writer for writer in writers if writer not in self._done]
        tallies = read_tallies(self.store, [f"{self._folder}/{writer}" for writer in unsure])
        self._done |= {writer: tally.micro for writer, tally in zip(unsure, tallies, strict=True) if tally.closed}
        going = sum(tally.micro for tally in tallies if not tally.closed)
        return going + sum(self._done[writer] for writer in writers if writer in self._done)

    def _write(self, micro: int) -> None:
        self._touched = True
        closed = self._closed and not self._open
        value = {"format": FORMAT, "committed_micro_usd": micro, "closed": closed}
        self.store.write_json(f"{self._folder}/{self._writer}/tally.json", value)

    def _try_to_write(self, micro: int) -> None:
        """Write the tally after the fact. Where that fails, the store still says what was granted before."""
        try:
            self._write(micro)
            self._granted = micro
        except StoreError as error:
            log.warning("budget of %s: the tally of this run could not be written: %s", self.campaign, error)


def read_tally(store: CatalogStore, folder: str) -> Tally:
    """The tally in a writer's folder. StoreError `broken_tally` if it is not one; a folder without one counts nothing.

    (The folder is there a moment before its first file, and nothing was granted then.)
    """
    key = f"{folder}/tally.json"
    try:
        value = json.loads(store.read(key))
    except NotFound:
        return Tally(0, closed=False)
    except (ValueError, RecursionError):
        value = None
    if not _is_tally(value):
        raise StoreError(
            "broken_tally",
            f"{key} should hold what a run has spent, but cannot be read.",
            "Put it back, or write into it what the provider's bill says of that run; nothing is spent until then.",
        )
    return Tally(value["committed_micro_usd"], value["closed"])


def _is_tally(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("format") != FORMAT or not isinstance(value.get("closed"), bool):
        return False
    micro = value.get("committed_micro_usd")
    return isinstance(micro, int) and not isinstance(micro, bool) and micro >= 0


def read_tallies(store: CatalogStore, folders: Sequence[str]) -> list[Tally]:
    """The tallies in writers' folders, in order, read by several threads where there are several."""
    if len(folders) < 2:
        return [read_tally(store, folder) for folder in folders]
    with ThreadPoolExecutor(max_workers=store.readers, thread_name_prefix="budget") as pool:
        return list(pool.map(lambda folder: read_tally(store, folder), folders))


def committed_usd(store: CatalogStore, campaign: str) -> float:
    """What all runs of a campaign have spent or may yet spend. Raises StoreError where a tally cannot be read."""
    folder = f"{FOLDER}/{safe(campaign)}"
    tallies = read_tallies(store, [f"{folder}/{writer}" for writer in store.children(folder)])
    return sum(tally.micro for tally in tallies) / _MICRO


def campaigns_with_tallies(store: CatalogStore) -> tuple[str, ...]:
    """The campaigns of which any run has ever spoken for money."""
    return store.children(FOLDER)


def _micro(usd: float, rounding: str) -> int:
    """An amount in whole millionths. Taken by its decimal digits: 0.1 is a tenth, not a little more."""
    return int((Decimal(str(usd)) * _MICRO).to_integral_value(rounding))


def _usd(micro: int) -> str:
    """An amount for people, without the zeros beyond cents."""
    text = f"{micro / _MICRO:.6f}".rstrip("0")
    whole, _, part = text.partition(".")
    return f"{whole}.{part:0<2}"
