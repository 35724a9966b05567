"""What a stage or a gate says of a picture: expected failures and verdicts are values, not tracebacks."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

Decision = Literal["accepted", "review", "rejected"]

NEEDS_REVIEW = "needs_review"
BAD_DECISION = "bad_decision"
INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why something did not get through, in words for a shop clerk.

    code: stable snake_case name, for filters and tests ("truncated", "needs_review").
    message: what was found and what was expected. hint: what to do about it.
    stage: the asset that refused; filled in by the line where the library does not know it.
    retryable: True if the same input may get through at another attempt.
    details: the traceback of an unexpected error, else empty.
    """

    code: str
    message: str
    hint: str
    stage: str = ""
    retryable: bool = False
    details: str = ""

    @property
    def is_review(self) -> bool:
        """True if a person must look, as opposed to a refusal: at the picture, or at a decision that cannot be used."""
        return self.code in (NEEDS_REVIEW, BAD_DECISION)


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured number beside the threshold it met or missed.

    better: "higher" means passed when value >= threshold, "lower" when value <= threshold.
    threshold None: recorded for information, judges nothing.
    """

    name: str
    value: float
    threshold: float | None = None
    better: Literal["higher", "lower"] = "lower"
    passed: bool = True


def measure(name: str, value: float, *, at_most: float | None = None, at_least: float | None = None) -> Measure:
    """Compare a number with its threshold. NaN and infinity never pass a threshold, and are stored as -1."""
    finite = math.isfinite(value)
    shown = round(float(value), 6) if finite else -1.0
    if at_most is not None:
        return Measure(name, shown, at_most, "lower", bool(finite and value <= at_most))
    if at_least is not None:
        return Measure(name, shown, at_least, "higher", bool(finite and value >= at_least))
    return Measure(name, shown)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate decided, with every number it looked at.

    score: 0 to 1, higher is better. decided_by: name of the measure that decided ("" when accepted).
    code, message, hint: as in Rejection, empty when accepted.
    """

    decision: Decision
    score: float
    measures: tuple[Measure, ...] = ()
    decided_by: str = ""
    code: str = ""
    message: str = ""
    hint: str = ""

    @property
    def accepted(self) -> bool:
        return self.decision == "accepted"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready form, measures as a list of dicts."""
        return {**asdict(self), "measures": [asdict(number) for number in self.measures]}

    def rejection(self, stage: str) -> Rejection | None:
        """The rejection this verdict stands for, or None if it accepted."""
        if self.accepted:
            return None
        code = NEEDS_REVIEW if self.decision == "review" else self.code or "rejected"
        return Rejection(code=code, message=self.message, hint=self.hint, stage=stage)
