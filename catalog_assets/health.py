"""line_health: stops a campaign most of whose products get no final, before it burns hours on the rest.

One refused picture is the picture's fault; most of a batch refused is a broken model, a wrong setting or a wrong
threshold. The state lies in the store under what started the work, so that later batches of the same back-fill find
it, and whatever is started anew begins afresh.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from catalog_assets.pages import words
from catalog_assets.records import fingerprint
from catalog_assets.settings import LineHealth
from catalog_assets.stage import StageResult
from catalog_assets.stages.reviewed import PERSON
from resources.store import CatalogStore, NotFound, StoreError
from resources.verdicts import BAD_DECISION, Rejection

log = logging.getLogger("catalog.health")

CHECK = "line_health"
LINE_STOPPED = "line_stopped"
FOLDER = f"state/{CHECK}"
KEPT_DAYS = 14
_HINT = (
    "Look at some of those in the gallery; mend the engine, its settings or the thresholds, and run these again: "
    "a new run starts afresh. line_health in catalog.yaml says how many may fail."
)


@dataclass
class HealthWatch:
    """Counts what becomes of the SKUs of a batch, up to their judge, and says when the line must stop.

    line: the campaign. stages: its assets up to the one that makes finals, in order. work: what the batch is a part
    of, "" if of nothing. stopped: why the line is stopped. left: SKUs that were not worked on for that reason.

    A SKU counts if it was worked on in this batch: a verdict from before says nothing of the model, and a SKU without
    a cut-out, or one that the campaign does not select, never came to it. Nor does what a person decided. An unexpected
    error counts as no final.
    """

    line: str
    stages: tuple[str, ...]
    limits: LineHealth
    work: str = ""
    stopped: Rejection | None = None
    judged: int = 0
    failed: int = 0
    left: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    _examples: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the judged SKUs that got no final."""
        return self.failed / self.judged if self.judged else 0.0

    def see(self, results: Sequence[StageResult]) -> bool:
        """Count a SKU by the results of its stages. True if it is the one that stops the line."""
        reached = [result for result in results if result.stage in self.stages]
        if not reached:
            return False
        last = reached[-1]
        if last.rejection is not None and last.rejection.code == LINE_STOPPED:
            self.left += 1
            return False
        if self._counts(last):
            self._count(last)
        if self.stopped is not None or not self._too_many:
            return False
        self.stopped = stopped(self._message())
        return True

    def _counts(self, last: StageResult) -> bool:
        if any(verdict.get("decided_by") in (PERSON, BAD_DECISION) for verdict in last.gate.values()):
            return False
        if last.rejection is not None:
            return last.fresh or bool(last.rejection.details)
        return last.fresh and last.stage == self.stages[-1]

    def _count(self, last: StageResult) -> None:
        self.judged += 1
        if last.rejection is not None:
            self.failed += 1
            why, example = _decided_by(last) or last.rejection.code, (last.sku, last.rejection.message)
            self.reasons[why] += 1
            # The example does not depend on which thread was first.
            self._examples[why] = min(example, self._examples.get(why, example))

    @property
    def _too_many(self) -> bool:
        return self.judged >= self.limits.least and self.share > self.limits.share

    def _message(self) -> str:
        why, count = min(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        return (
            f"The rest of {self.line} was stopped: {self.failed} of {self.judged} products got no final picture "
            f"({self.share:.0%}; at most {self.limits.share:.0%} expected), most often {words(why)} ({count}): "
            f"{self._examples[why][1]}"
        )

    def in_words(self) -> str:
        """What the check says."""
        if self.stopped is not None:
            return self.stopped.message
        if self.judged < self.limits.least:
            return f"{self.judged} products judged in this run, fewer than {self.limits.least}: too few to say."
        return f"{self.judged - self.failed} of {self.judged} products judged in this run got a final picture."

    def numbers(self) -> dict[str, float | int | str]:
        """The numbers behind the check, under stable names."""
        values: dict[str, float | int | str] = {
            "judged": self.judged,
            "without_final": self.failed,
            "share": round(self.share, 4),
            "share_threshold": self.limits.share,
            "least": self.limits.least,
            "not_worked_on": self.left,
        }
        if self.reasons:
            values["reasons"] = ", ".join(f"{code} {count}" for code, count in sorted(self.reasons.items()))
        return values


def _decided_by(result: StageResult) -> str:
    """The measure that kept a SKU from a final: all that wait for a person have the same code."""
    verdicts = (result.gate[name] for name in sorted(result.gate))
    return next((str(verdict["decided_by"]) for verdict in verdicts if verdict.get("decided_by")), "")


def stopped(message: str) -> Rejection:
    """The rejection of a SKU that was not worked on because its line was stopped."""
    return Rejection(LINE_STOPPED, message, _HINT, retryable=True)


def open_watch(store: CatalogStore, line: str, stages: tuple[str, ...], limits: LineHealth, work: str) -> HealthWatch:
    """The watch over a batch, which knows if an earlier batch of the same work stopped the line. Raises StoreError."""
    return HealthWatch(line, stages, limits, work, recall(store, line, work))


def remember(store: CatalogStore, watch: HealthWatch) -> None:
    """Write down that a line was stopped for this work, and remove what was written long ago.

    Nothing is written for a run of its own: nobody would read it. Trouble with the store is logged; the line is
    stopped in this batch all the same.
    """
    if not watch.work or watch.stopped is None:
        return
    try:
        _write(store, watch, watch.stopped)
    except StoreError:
        log.exception("%s: that the line was stopped could not be written", watch.line)


def _write(store: CatalogStore, watch: HealthWatch, reason: Rejection) -> None:
    now = datetime.now(UTC)
    _prune(store, watch.line, now)
    body = {
        "line": watch.line,
        "work": watch.work,
        "at": now.isoformat(timespec="seconds"),
        "message": reason.message,
        **watch.numbers(),
    }
    store.write_json(_key(watch.line, watch.work), body)


def recall(store: CatalogStore, line: str, work: str) -> Rejection | None:
    """Why a line was stopped for this work, or None. A damaged file stops nobody. Raises StoreError."""
    if not work:
        return None
    found = _read(store, _key(line, work))
    message = found.get("message")
    return stopped(message) if isinstance(message, str) and message else None


def _key(line: str, work: str) -> str:
    return f"{FOLDER}/{line}/{fingerprint({'work': work})[:16]}.json"


def _read(store: CatalogStore, key: str) -> Mapping[str, Any]:
    try:
        found = store.read_json(key)
    except NotFound:
        return {}
    except (StoreError, ValueError) as error:
        if isinstance(error, StoreError) and error.retryable:
            raise
        log.warning("%s: damaged, left out", key)
        return {}
    return found if isinstance(found, dict) else {}


def _prune(store: CatalogStore, line: str, now: datetime) -> None:
    for entry in list(store.list(f"{FOLDER}/{line}/")):
        try:
            written = datetime.fromisoformat(_read(store, entry.key)["at"])
            old = now - written > timedelta(days=KEPT_DAYS)
        except (KeyError, TypeError, ValueError):
            old = True
        if old:
            store.delete(entry.key)
