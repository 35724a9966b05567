"""Circuit breakers: an engine that fails again and again is left alone for a while, then tried with one picture."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from resources.names import display

State = Literal["closed", "open", "half_open"]

FAILURES = 3
COOLDOWN_S = 60.0
MAX_COOLDOWN_S = 900.0
_REMEMBERED = 200

log = logging.getLogger("catalog.router")


@dataclass(frozen=True, slots=True)
class Change:
    """A breaker went from one state into another. at: seconds of its clock. reason: one line for people."""

    at: float
    engine: str
    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Pass:
    """The right to ask an engine once. era: which phase of the breaker it belongs to. probe: for one picture only."""

    era: int
    probe: bool = False


class Breaker:
    """Lets an engine be asked while it works: closed, then open for a while, then half open for one probe.

    `failures` failures in a row open it, for `cooldown_s` seconds. Then one single picture is let through: if it comes,
    the breaker closes; if not, it opens for twice as long, at most 15 minutes. Every pass must be handed back
    (`succeeded`, `failed`, `unused`), once. What a pass of an earlier phase has to tell is no news and changes
    nothing: calls that were under way when the breaker opened do not prolong it. clock: monotonic seconds. Serves any
    number of threads.
    """

    def __init__(
        self,
        engine: str,
        failures: int = FAILURES,
        cooldown_s: float = COOLDOWN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if failures < 1 or cooldown_s <= 0:
            raise ValueError(f"breaker: {failures} failures and {cooldown_s} s found, 1 and more than 0 expected")
        self.engine = engine
        self._most, self._first_cooldown, self._clock = failures, cooldown_s, clock
        self._lock = threading.Lock()
        self._state: State = "closed"
        self._era = 0
        self._row = 0  # failures, one after another
        self._cooldown = cooldown_s
        self._opened_at = 0.0
        self._probing = False
        self._why = ""
        self._changes: deque[Change] = deque(maxlen=_REMEMBERED)

    @property
    def state(self) -> State:
        """The state as of the last request or outcome; open turns into half open when somebody asks."""
        with self._lock:
            return self._state

    @property
    def changes(self) -> tuple[Change, ...]:
        """The last 200 changes of state, oldest first."""
        with self._lock:
            return tuple(self._changes)

    def ask(self) -> Pass | str:
        """A pass, or in words why there is none."""
        with self._lock:
            if self._state == "open":
                left = self._opened_at + self._cooldown - self._clock()
                if left > 0:
                    return f"breaker open for {max(1, round(left))} s more: {self._why}"
                self._go("half_open", f"after {self._cooldown:.0f} s one picture is tried")
            if self._state == "half_open":
                if self._probing:
                    return f"breaker half open, another picture is the test: {self._why}"
                self._probing = True
            return Pass(self._era, probe=self._probing)

    def succeeded(self, used: Pass) -> None:
        """The engine answered as it should; a refusal of this one job counts too."""
        with self._lock:
            if used.era != self._era:
                return
            self._row = 0
            if self._state == "half_open":
                self._cooldown = self._first_cooldown
                self._go("closed", "the test picture came")

    def failed(self, used: Pass, reason: str) -> None:
        """The engine failed for a reason that may well hit the next job, too."""
        with self._lock:
            if used.era != self._era:
                return
            self._row += 1
            if self._state == "half_open":
                self._cooldown = min(2 * self._cooldown, MAX_COOLDOWN_S)
                self._open(reason)
            elif self._row >= self._most:
                self._open(reason)

    def unused(self, used: Pass) -> None:
        """The engine was not asked after all, or nobody can tell whose fault it was."""
        with self._lock:
            if used.era == self._era and self._state == "half_open":
                self._probing = False

    def _open(self, reason: str) -> None:
        self._opened_at = self._clock()
        self._why = display(reason)
        self._go("open", f"{self._row} in a row failed, {self._cooldown:.0f} s of rest; the last: {self._why}")

    def _go(self, state: State, reason: str) -> None:
        self._state = state
        self._era += 1
        self._probing = False
        self._changes.append(Change(self._clock(), self.engine, state, reason))
        tell = log.warning if state == "open" else log.info
        tell("engine %s: breaker %s: %s", self.engine, state.replace("_", " "), reason)


class Breakers:
    """One breaker an engine, by its name, shared by all threads of a run."""

    def __init__(
        self,
        failures: int = FAILURES,
        cooldown_s: float = COOLDOWN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = lambda engine: Breaker(engine, failures, cooldown_s, clock)
        self._lock = threading.Lock()
        self._breakers: dict[str, Breaker] = {}

    def of(self, engine: str) -> Breaker:
        """The breaker of an engine, closed where it was never asked for before."""
        with self._lock:
            if engine not in self._breakers:
                self._breakers[engine] = self._make(engine)
            return self._breakers[engine]

    @property
    def changes(self) -> list[Change]:
        """What happened to all of them, in the order of time."""
        with self._lock:
            breakers = list(self._breakers.values())
        return sorted((change for one in breakers for change in one.changes), key=lambda change: change.at)
