"""The production line: runs stages over a batch of SKUs. Knows nothing of Dagster; it reports to a listener.

One bad SKU never costs another SKU anything, memory does not grow with the batch, and the results of the
line's last stage are handed over only at the end (see `run_line`).
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from catalog_assets.health import LINE_STOPPED
from catalog_assets.quarantine import Quarantine
from catalog_assets.records import DAMAGED_FILE
from catalog_assets.stage import RefusedError, Stage, StageResult
from resources.store import StoreError
from resources.transient import is_out_of_memory, is_transient
from resources.verdicts import INTERNAL_ERROR, Rejection

log = logging.getLogger("catalog.line")

ATTEMPTS = 3
# Looks at a SKU after it was made, at most.
LOOKS = 3
# Trouble with the store as a whole; if that many SKUs in a row end with it, the rest is left for another run.
STORE_DOWN = frozenset(
    {
        "disk_full",
        "missing_bucket",
        "no_credentials",
        "store_busy",
        "store_unreachable",
        "wrong_credentials",
        "wrong_region",
    }
)
OUTAGE = 8
OnResult = Callable[[StageResult], None]
OnSku = Callable[[Sequence[StageResult]], None]
# Of these SKUs, those that others have said something of since the run began.
Overtaken = Callable[[], Collection[str]]


@dataclass
class LineReport:
    """What became of a batch, in numbers and rejections.

    made and up_to_date count SKUs at their last stage; seconds adds up the stages' work. stopped: why the rest of
    the batch was not worked on, if it was not.
    """

    skus: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    rejections: dict[str, Rejection] = field(default_factory=dict)
    not_attempted: list[str] = field(default_factory=list)
    stopped: list[Rejection] = field(default_factory=list)
    _counted: dict[str, str] = field(default_factory=dict)

    def add(self, results: Sequence[StageResult]) -> None:
        """Count one SKU by the results of its stages, the last of which is where it ended.

        One that was counted before is counted anew; what was made of it then still counts as made.
        """
        last = results[-1]
        before = self._take_back(last.sku)
        anything_made = before == "made" or any(result.status == "made" for result in results)
        status = self._counted[last.sku] = "made" if last.goes_on and anything_made else last.status
        self.skus += 1
        self.statuses[status] += 1
        for result in results:
            self.seconds[result.stage] += result.seconds
        if last.rejection is not None:
            self.rejections[last.sku] = last.rejection
        if last.status == "not_attempted":
            self.not_attempted.append(last.sku)

    def _take_back(self, sku: str) -> str:
        """Forget how a SKU was counted, and say so; "" if it was not."""
        before = self._counted.pop(sku, "")
        if before:
            self.skus -= 1
            self.statuses -= Counter([before])
            self.rejections.pop(sku, None)
            self.not_attempted = [each for each in self.not_attempted if each != sku]
        return before

    def merge(self, other: LineReport) -> None:
        """Add the report of another line over the same SKUs."""
        self.skus = max(self.skus, other.skus)
        self.statuses += other.statuses
        for stage, seconds in other.seconds.items():
            self.seconds[stage] += seconds
        self.rejections.update(other.rejections)
        self.not_attempted += other.not_attempted
        self.stopped += other.stopped

    @property
    def has_errors(self) -> bool:
        """True if something went wrong that is not the fault of a picture."""
        return bool(self.stopped) or any(rejection.details for rejection in self.rejections.values())

    @property
    def reviews(self) -> int:
        return sum(1 for rejection in self.rejections.values() if rejection.is_review)


@dataclass(frozen=True)
class Line:
    """The stages that run together, in order, and where the SKUs that they refuse are recorded.

    again: the same stages, which force nothing: they look once more at what was just made (see `run_group`).
    """

    name: str
    stages: tuple[Stage, ...]
    quarantine: Quarantine
    again: tuple[Stage, ...] = ()


def run_line(
    line: Line,
    skus: Sequence[str],
    *,
    threads: int,
    group_size: int = 1,
    on_result: OnResult = lambda result: None,
    on_sku: OnSku = lambda results: None,
    overtaken: Overtaken = lambda: (),
) -> LineReport:
    """Run every stage for every SKU and say what became of each.

    on_result is called in this thread for every stage of every SKU: as they finish for all stages but the
    last, and for the last stage at the very end, in the order of `skus`. (Dagster starts the next line on
    whatever is already materialized; handed over early, the last asset would cut that line into many small
    runs.) on_sku is called in this thread when a SKU is through, with its results.
    overtaken is asked at the end: these SKUs, and those that others have put into quarantine meanwhile, are looked at
    once more, and on_result hears all of it again: what it hears last of a SKU is what lies there.
    At most `threads` groups of `group_size` SKUs are in memory at once, whatever the length of the batch. While the
    store is down nothing can be made: then the rest is not tried.
    """
    report, outage = LineReport(), Outage(line)
    held: dict[str, StageResult] = {}
    last = line.stages[-1].asset
    with closing(_in_groups(outage, skus, threads, group_size)) as through:
        for results in through:
            report.add(results)
            on_sku(results)
            held.update({result.sku: result for result in results if result.stage == last})
            _hand_over([result for result in results if result.stage != last], on_result)
    doubtful = {*overtaken(), *(_held(line) & (set(held) - set(report.rejections)))} if line.again else set()
    for sku in (sku for sku in skus if sku in doubtful):
        [results] = run_group(replace(line, stages=line.again), [sku])
        report.add(results)
        held.pop(sku, None)
        _hand_over(results, on_result)
    _hand_over([held[sku] for sku in skus if sku in held], on_result)
    if outage.reason is not None:
        report.stopped.append(outage.reason)
    return report


def _in_groups(
    outage: Outage, skus: Sequence[str], threads: int, group_size: int
) -> Generator[list[StageResult], None, None]:
    """What became of each SKU, as the groups finish; closed early, the groups that have not begun are left."""
    groups = [list(skus[start : start + group_size]) for start in range(0, len(skus), group_size)]
    pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="line")
    try:
        # Nobody else holds on to the futures: what was handed over is let go of.
        for done in as_completed([pool.submit(outage.run, group) for group in groups]):
            yield from done.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _hand_over(results: Sequence[StageResult], on_result: OnResult) -> None:
    for result in results:
        on_result(result)


def _held(line: Line) -> set[str]:
    """The SKUs that are in quarantine now; none where that cannot be told, which costs no SKU its outcome."""
    try:
        return line.quarantine.held()
    except StoreError as error:
        log.error("%s: the quarantine could not be read: %s", line.name, error)
        return set()


class Outage:
    """Runs groups of a line until the store has failed for one SKU after the other. reason: why the rest was left."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.reason: Rejection | None = None
        self._in_a_row = 0
        self._lock = threading.Lock()

    def run(self, skus: Sequence[str]) -> list[list[StageResult]]:
        """As `run_group`; what is left gets no quarantine record either, because that would lie in the same store."""
        if self.reason is not None:
            first = self.line.stages[0].asset
            return [[StageResult(first, sku, "rejected", rejection=self.reason, check=False)] for sku in skus]
        done = run_group(self.line, skus)
        for results in done:
            self._see(results[-1].rejection)
        return done

    def _see(self, rejection: Rejection | None) -> None:
        with self._lock:
            if rejection is None or rejection.code not in STORE_DOWN:
                self._in_a_row = 0
                return
            self._in_a_row += 1
            if self._in_a_row == OUTAGE and self.reason is None:
                said = f"Not worked on: the store failed for {OUTAGE} products in a row. {rejection.message}"
                self.reason = Rejection(LINE_STOPPED, said, rejection.hint, retryable=True)
                log.error("%s: the rest of the batch is left: %s", self.line.name, rejection.message)


def run_group(line: Line, skus: Sequence[str]) -> list[list[StageResult]]:
    """Take a few SKUs through the stages. A SKU that is stopped does not reach the next stage.

    A SKU for which anything was made is looked at again: another run may have worked on it at the same time, or its
    photo may have been replaced. What no longer fits together is made anew, so whoever is through last leaves a SKU
    as its newest input wants it.
    """
    results = _passed(line.stages, skus)
    lately = results
    for _ in range(LOOKS if line.again else 0):
        unsettled = [sku for sku in skus if sku in lately and _is_unsettled(lately[sku])]
        if not unsettled:
            break
        lately = _passed(line.again, unsettled)
        results |= {sku: _newest(results[sku], lately[sku]) for sku in unsettled}
    for sku in skus:
        _settle(line, results[sku])
    return [results[sku] for sku in skus]


def _passed(stages: Sequence[Stage], skus: Sequence[str]) -> dict[str, list[StageResult]]:
    """One way through the stages."""
    results: dict[str, list[StageResult]] = {sku: [] for sku in skus}
    going = list(skus)
    for stage in stages:
        if not going:
            break
        for result in attempt(stage, going):
            results[result.sku].append(result)
        going = [sku for sku in going if results[sku][-1].goes_on]
    return results


def _is_unsettled(results: Sequence[StageResult]) -> bool:
    """True if anything was made, or a damaged input was taken away, which the stage that made it will miss.

    Where the program failed another look would only wait for the same failure.
    """
    if _is_damage(results[-1]):
        return True
    last = results[-1].rejection
    return any(result.fresh for result in results) and not (last is not None and last.details)


def _is_damage(result: StageResult) -> bool:
    """True if an input was damaged, or is gone though a record names it: the stage that made it will miss it."""
    return result.rejection is not None and result.rejection.code in {DAMAGED_FILE, "not_found"}


def _newest(made: Sequence[StageResult], looked: Sequence[StageResult]) -> list[StageResult]:
    """What to say of a SKU that was looked at again: what was made, where the look found it unchanged."""
    if _is_damage(made[-1]) and looked[-1].stage == made[-1].stage and looked[-1].rejection is not None:
        return list(made)  # another line must make what was taken away; that it is missing now says less
    before = {result.stage: result for result in made}
    return [
        before[result.stage] if not result.fresh and _same(before.get(result.stage), result) else result
        for result in looked
    ]


def _same(made: StageResult | None, looked: StageResult) -> bool:
    """True if a look found what was made: the same files, going on or stopped alike."""
    return made is not None and made.data_version == looked.data_version and made.goes_on == looked.goes_on


def _settle(line: Line, results: Sequence[StageResult]) -> None:
    """Bring the quarantine up to date for one SKU. Trouble with that costs no SKU its outcome."""
    try:
        _retrying()(line.quarantine.settle, results)
    except StoreError as error:
        log.error("%s: the quarantine record of %s could not be written: %s", line.name, results[-1].sku, error)
    except Exception:
        log.exception("%s: the quarantine record of %s could not be written", line.name, results[-1].sku)


def attempt(stage: Stage, skus: Sequence[str]) -> list[StageResult]:
    """Run a stage for a group, with retries for transient trouble and isolation for everything else.

    Transient trouble: up to 3 attempts with exponential back-off. Out of memory: the group is halved first.
    Any other exception: one SKU at a time, and the one that raises gets `internal_error` with its traceback.
    """
    try:
        return [_with_stage(result) for result in _with_retries(stage, skus)]
    except Exception as error:
        if len(skus) == 1:
            return [_unexpected(stage, skus[0], error)]
        log.warning("%s: a group of %d SKUs failed (%s), made again in parts", stage.asset, len(skus), error)
        middle = len(skus) // 2 if is_out_of_memory(error) else 1
        return attempt(stage, skus[:middle]) + attempt(stage, skus[middle:])


def _with_retries(stage: Stage, skus: Sequence[str]) -> list[StageResult]:
    return _retrying(before_sleep=_say_retry(stage, skus))(stage.run, skus)


def _retrying(**options: Any) -> Retrying:
    """At most so many attempts at what is worth another one, with exponential back-off."""
    return Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=0.5, max=20),
        retry=retry_if_exception(is_transient),
        reraise=True,
        **options,
    )


def _say_retry(stage: Stage, skus: Sequence[str]) -> Callable[[RetryCallState], None]:
    def say(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("%s: %s and %d more: %s, trying again", stage.asset, skus[0], len(skus) - 1, error)

    return say


def _unexpected(stage: Stage, sku: str, error: Exception) -> StageResult:
    """An exception as a rejection that keeps its traceback; the store's own say what was wrong with it."""
    if isinstance(error, RefusedError):
        return StageResult(stage.asset, sku, "rejected", rejection=replace(error.rejection, stage=stage.asset))
    details = "".join(traceback.format_exception(error))
    if isinstance(error, StoreError):
        log.error("%s: %s: %s", stage.asset, sku, error)
        rejection = replace(error.rejection(stage.asset), details=details)
        return StageResult(stage.asset, sku, "rejected", rejection=rejection, check=False)
    log.error("%s: %s failed unexpectedly in %s\n%s", stage.asset, sku, threading.current_thread().name, details)
    rejection = Rejection(
        code=INTERNAL_ERROR,
        message=f"The program failed on this product: {type(error).__name__}: {error}",
        hint="Run it again; if it fails again, send the details in its quarantine record to your engineer.",
        stage=stage.asset,
        retryable=True,
        details=details,
    )
    return StageResult(stage.asset, sku, "rejected", rejection=rejection, check=False)


def _with_stage(result: StageResult) -> StageResult:
    """The result with its stage's name on its rejection, where the library did not know it."""
    if result.rejection is None or result.rejection.stage:
        return result
    return replace(result, rejection=replace(result.rejection, stage=result.stage))
