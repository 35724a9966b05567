"""The router: asks engines in the order of preference until each picture is made, and keeps the reason of every step.

An engine on our own machines gets all pictures that are still open at once; one that somebody charges for gets one at a
time, and only if the campaign's budget allows it and the ledger knows of it beforehand.
"""

from __future__ import annotations

import logging
import math
import time
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from resources.budget import Budget, Refusal
from resources.ledger import Ledger, LedgerEntry, Prices, Status, new_id
from resources.names import display
from resources.scenes.breaker import Breaker, Breakers, Pass
from resources.scenes.engine import Candidate, EngineError, SceneEngine, SceneJob
from resources.store import StoreError
from resources.verdicts import Rejection

STAGE = "scene_variants"
NO_ENGINE = "no_engine"
MAYBE_PAID = "maybe_paid"

log = logging.getLogger("catalog.router")


@dataclass(frozen=True, slots=True)
class Try:
    """One step on the way to a picture: an engine was asked, or passed over.

    reason: one line for people. seconds: this picture's share of the call. usd: what a call cost, or what the time on
    our own machine is worth. id: of the attempt in the ledger, "" if the engine was not asked.
    """

    engine: str
    status: Literal["made", "failed", "skipped"]
    code: str = ""
    reason: str = ""
    seconds: float = 0.0
    usd: float = 0.0
    id: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Routed:
    """What became of one job: a picture and the engine that made it, or a rejection; and every step on the way."""

    candidate: Candidate | None
    engine: SceneEngine | None
    tries: tuple[Try, ...]
    rejection: Rejection | None

    @property
    def id(self) -> str:
        """The id of the attempt that made the picture, "" if none did."""
        return next((one.id for one in self.tries if one.status == "made"), "")

    @property
    def seconds(self) -> float:
        """What all steps took."""
        return sum(one.seconds for one in self.tries)

    @property
    def usd(self) -> float:
        """What all steps cost."""
        return sum(one.usd for one in self.tries)

    @property
    def detours(self) -> tuple[str, ...]:
        """A line for each engine that was passed over or failed, in order."""
        return tuple(f"{one.engine}: {one.reason}" for one in self.tries if one.status != "made")


@runtime_checkable
class Keyed(Protocol):
    """An engine that can name a request before it is sent: the same job, the same name."""

    def key(self, job: SceneJob) -> str:
        """A name of everything that decides the request. Raises EngineError."""
        ...


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why an engine gave nothing. details: the traceback of an unexpected error, else empty."""

    error: EngineError
    details: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an engine gave for some jobs, and how long it took."""

    given: list[Candidate] | _Failure
    seconds: float


class _Way:
    """One job on its way through the engines."""

    def __init__(self, job: SceneJob, sku: str) -> None:
        self.job, self.sku = job, sku
        self.candidate: Candidate | None = None
        self._engine: SceneEngine | None = None
        self._tries: list[Try] = []
        self._details: list[str] = []

    def skip(self, engine: SceneEngine, code: str, reason: str) -> None:
        """The engine is passed over."""
        self._tries.append(Try(engine.name, "skipped", code, display(reason)))

    def enter(self, engine: SceneEngine, done: Try, given: Candidate | _Failure) -> None:
        """The engine was asked."""
        self._tries.append(done)
        if isinstance(given, Candidate):
            self.candidate, self._engine = given, engine
            return
        log.warning("%s: %s: %s", display(self.job.name) or self.sku, engine.name, done.reason)
        if given.details:
            self._details.append(f"{engine.name}:\n{given.details}")

    def routed(self) -> Routed:
        """How it ended."""
        rejection = None if self.candidate is not None else _no_engine(self._tries, self._details)
        return Routed(self.candidate, self._engine, tuple(self._tries), rejection)


class Route:
    """Engines in the order of preference, for one campaign. Serves any number of threads.

    budget, ledger: without them, engines that charge for their work are passed over. overflow: where the first engine
    is one of our own and more pictures than this wait for it, those that charge are asked first. breakers: shared by
    all routes of a run. ValueError for a route that cannot be followed.
    """

    def __init__(
        self,
        engines: Sequence[SceneEngine],
        *,
        campaign: str,
        breakers: Breakers,
        budget: Budget | None = None,
        ledger: Ledger | None = None,
        overflow: int | None = None,
        prices: Prices | None = None,
    ) -> None:
        names = [engine.name for engine in engines]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"route of {campaign}: engines {names} found, at least one and each once expected")
        self.engines = tuple(engines)
        self.campaign = campaign
        self._breakers, self._budget, self._ledger = breakers, budget, ledger
        self._overflow, self._prices = overflow, prices or Prices()

    def compose(self, jobs: Sequence[SceneJob], *, sku: str) -> list[Routed]:
        """What became of each job, in order. Trouble of engines is told there, and never raised.

        sku: whose pictures these are, for the ledger; lines of our own machines are there once the SKU is flushed.
        """
        ways = [_Way(job, sku) for job in jobs]
        order = self._order(ways)
        for engine in order:
            still = [way for way in ways if way.candidate is None]
            if engine.price > 0:
                for way in still:
                    self._bought(engine, way)
            else:
                self._own(engine, still, last=engine is order[-1])
        return [way.routed() for way in ways]

    def _order(self, ways: Sequence[_Way]) -> list[SceneEngine]:
        """The engines in the order of preference; those that charge first where our own has too much to do."""
        first = self.engines[0]
        charging = [engine for engine in self.engines if engine.price > 0]
        waiting = first.waiting
        if self._overflow is None or first.price > 0 or not charging or waiting <= self._overflow:
            return list(self.engines)
        reason = f"{waiting} pictures wait for it, more than {self._overflow}: others go first"
        for way in ways:
            way.skip(first, "overflow", reason)
        return charging + [engine for engine in self.engines if engine.price <= 0]

    # ---- engines on our own machines

    def _own(self, engine: SceneEngine, ways: Sequence[_Way], *, last: bool) -> None:
        """Let an engine make all pictures at once; where that fails, one by one.

        last: there is nobody to turn to after it, so it is asked whatever its breaker says: a few bad products must
        not cost the others their pictures.
        """
        breaker = self._breakers.of(engine.name)
        queue = deque([list(ways)] if ways else [])
        while queue:
            batch = queue.popleft()
            leave = breaker.ask()
            if isinstance(leave, str) and not last:
                for way in batch:
                    way.skip(engine, "breaker", leave)
                continue
            used = leave if isinstance(leave, Pass) else None
            if used is not None and used.probe and len(batch) > 1:
                queue.appendleft(batch[1:])
                batch = batch[:1]
            answer = _ask(engine, [way.job for way in batch], breaker, used)
            self._enter_own(engine, batch, answer)
            if isinstance(answer.given, _Failure) and len(batch) > 1:
                queue.extendleft([way] for way in reversed(batch))

    def _enter_own(self, engine: SceneEngine, batch: Sequence[_Way], answer: _Answer) -> None:
        """Enter what became of a batch; each picture took its share of the time."""
        seconds = answer.seconds / len(batch)
        usd = self._prices.of(engine.device, seconds)
        for index, way in enumerate(batch):
            given = answer.given if isinstance(answer.given, _Failure) else answer.given[index]
            done = _outcome(engine, given, seconds, usd, new_id())
            if isinstance(given, _Failure) and len(batch) > 1:
                done = replace(done, reason=display(f"{len(batch)} pictures at once, now one by one: {done.reason}"))
            way.enter(engine, done, given)
            if self._ledger is not None:
                self._ledger.note(self._line(engine, way, done))

    # ---- engines that somebody charges for

    def _bought(self, engine: SceneEngine, way: _Way) -> None:
        """Ask for one picture, if the breaker, the budget and the ledger allow it."""
        breaker = self._breakers.of(engine.name)
        used = breaker.ask()
        if isinstance(used, str):
            way.skip(engine, "breaker", used)
            return
        try:
            self._buy(engine, way, breaker, used)
        finally:
            breaker.unused(used)  # changes nothing where an outcome was told

    def _buy(self, engine: SceneEngine, way: _Way, breaker: Breaker, used: Pass) -> None:
        """Reserve, put on record, ask, settle. Whatever ends this thread on the way leaves the money spoken for."""
        budget, ledger = self._budget, self._ledger
        if budget is None or ledger is None:
            way.skip(engine, "budget", "there is no budget, so nothing is spent")
            return
        held = budget.reserve(engine.price)
        if isinstance(held, Refusal):
            way.skip(engine, "budget", held.reason)
            return
        try:
            attempt = engine.key(way.job) if isinstance(engine, Keyed) else new_id()
            ledger.write(self._line(engine, way, Try(engine.name, "made", usd=held.usd, id=attempt), "intended"))
        except StoreError as error:
            budget.settle(held, 0)
            way.skip(engine, "ledger", f"the ledger cannot be written, so nothing is spent: {error.message}")
            return
        except Exception as error:
            # Nothing was sent yet.
            budget.settle(held, 0)
            failure = _failure(engine, error)
            _tell(breaker, used, failure)
            way.enter(engine, _outcome(engine, failure, 0, 0, ""), failure)
            return
        answer = _ask(engine, [way.job], breaker, used)
        given = answer.given if isinstance(answer.given, _Failure) else answer.given[0]
        usd = _cost(engine, given.error.usd if isinstance(given, _Failure) else given.usd)
        done = _outcome(engine, given, answer.seconds, usd, attempt)
        budget.settle(held, usd)
        way.enter(engine, done, given)
        line = self._line(engine, way, done)
        try:
            ledger.write(line)
        except StoreError as error:
            log.warning("ledger: %s; written with the SKU", error)
            ledger.note(line)

    def _line(self, engine: SceneEngine, way: _Way, done: Try, status: Status | None = None) -> LedgerEntry:
        return LedgerEntry(
            id=done.id,
            campaign=self.campaign,
            stage=STAGE,
            sku=way.sku,
            name=way.job.name,
            engine=engine.name,
            revision=engine.revision,
            device=engine.device,
            seconds=round(done.seconds, 4),
            usd=round(done.usd, 8),
            paid=engine.price > 0,
            status=status or ("made" if done.status == "made" else "failed"),
            code=done.code,
            reason=done.reason,
        )


def _ask(engine: SceneEngine, jobs: Sequence[SceneJob], breaker: Breaker, used: Pass | None) -> _Answer:
    """What an engine gives, checked; the breaker is told. Only what ends the whole thread is raised."""
    started = time.perf_counter()
    try:
        given: list[Candidate] | _Failure = _checked(engine.compose(jobs), jobs)
    except Exception as error:
        given = _failure(engine, error)
    except BaseException:
        if used is not None:
            breaker.unused(used)
        raise
    seconds = time.perf_counter() - started
    if used is not None:
        if isinstance(given, _Failure) and len(jobs) > 1:
            breaker.unused(used)  # nobody can tell yet whose fault it was
        else:
            _tell(breaker, used, given)
    return _Answer(given, seconds)


def _tell(breaker: Breaker, used: Pass, given: list[Candidate] | _Failure) -> None:
    if isinstance(given, _Failure) and not given.error.healthy:
        breaker.failed(used, given.error.message.removeprefix(f"{breaker.engine}: "))
    else:
        breaker.succeeded(used)


def _checked(given: list[Candidate], jobs: Sequence[SceneJob]) -> list[Candidate]:
    """The pictures, if there is one a job and each is what was asked for. Raises EngineError."""
    if len(given) != len(jobs):
        raise EngineError("no_picture", f"{len(given)} pictures came for {len(jobs)} jobs", usd=_sum(given))
    for candidate, job in zip(given, jobs, strict=True):
        width, height = job.size
        for pixels, shape in ((candidate.rgb, (height, width, 3)), (candidate.alpha, (height, width))):
            if pixels.dtype != np.uint8 or pixels.shape != shape:
                found = f"{pixels.shape} of {pixels.dtype} found, {shape} of uint8 expected"
                raise EngineError("no_picture", f"the picture is not what was asked for: {found}", usd=_sum(given))
    return given


def _sum(given: Sequence[Candidate]) -> float:
    return sum(candidate.usd for candidate in given)


def _failure(engine: SceneEngine, error: Exception) -> _Failure:
    """An exception as a failure. Where somebody charges, only its kind is told: its words may hold secrets."""
    if isinstance(error, EngineError):
        return _Failure(error)
    kind = type(error).__name__
    if engine.price > 0:
        frames = "".join(traceback.format_tb(error.__traceback__))
        unsure = f"failed unexpectedly ({kind}); it may have been paid for"
        return _Failure(EngineError(MAYBE_PAID, unsure, usd=engine.price), f"{frames}{kind}")
    details = "".join(traceback.format_exception(error))
    return _Failure(EngineError("engine_failed", f"failed unexpectedly ({kind}: {error})"), details)


def _cost(engine: SceneEngine, usd: float) -> float:
    """What a call cost; what is no amount counts as the price."""
    return usd if math.isfinite(usd) and usd >= 0 else engine.price


def _outcome(engine: SceneEngine, given: Candidate | _Failure, seconds: float, usd: float, attempt: str) -> Try:
    if isinstance(given, _Failure):
        error = given.error
        reason = display(error.message.removeprefix(f"{engine.name}: "))
        return Try(engine.name, "failed", error.code, reason, seconds, usd, attempt)
    return Try(engine.name, "made", seconds=seconds, usd=usd, id=attempt)


def _no_engine(tries: Sequence[Try], details: Sequence[str]) -> Rejection:
    """That nobody made the picture, with the last word of each engine."""
    last = {one.engine: one.reason for one in tries}
    said = " ".join(f"{engine}: {reason.rstrip('.')}." for engine, reason in last.items())
    return Rejection(
        NO_ENGINE,
        f"No engine made this picture. {said}",
        "Run `catalog retry` once the engines work again. To go on without them, allow last_resort in the campaign's "
        "routing; where the budget is used up, raise its budget_usd.",
        STAGE,
        retryable=True,
        details="\n".join(details),
    )
