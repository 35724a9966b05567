"""The fidelity gate's rules: which measure meets which limit, what missing it means, and the verdict over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from resources.quality.thresholds import FidelityThresholds
from resources.quality.witness import Finding
from resources.verdicts import Decision, Measure, Verdict, measure


@dataclass(frozen=True, slots=True)
class Rule:
    """A measure, its limit's field in FidelityThresholds, and what missing it means.

    words: for a shop clerk; {value} and {threshold} are filled in.
    """

    measure: str
    limit: str
    better: Literal["higher", "lower"]
    missed: Decision
    words: str

    def finding(self, value: float, limits: FidelityThresholds, missed: Decision) -> Finding:
        limit = getattr(limits, self.limit)
        if self.better == "higher":
            return Finding(measure(self.measure, value, at_least=limit), missed)
        return Finding(measure(self.measure, value, at_most=limit), missed)


_LOOKS = (
    "of the product looks different (likeness {value:.2f}, at least {threshold:g} expected): a label, logo or detail "
    "may be damaged."
)
_OFF = "(at most {threshold:g} expected)."

RULES = (
    Rule("product_side_px", "min_side", "higher", "review",
         "The product is too small to be judged: {value:.0f} pixels (at least {threshold:.0f} expected)."),
    Rule("visible_share", "visible", "higher", "review",
         "Only {value:.0%} of the product is inside the picture (at least {threshold:.0%} expected)."),
    Rule("rotation", "rotation", "lower", "review",
         "The product is turned by {value:.0f} degrees (at most {threshold:.0f} expected)."),
    Rule("twins", "twins", "lower", "review",
         "The product seems to be in the picture more than once: {value:.0%} of its points are found again (at most "
         "{threshold:.0%} expected)."),
    Rule("stretch", "stretch", "lower", "rejected",
         "The product is out of shape: stretched by {value:.1%} one way (at most {threshold:.1%} expected)."),
    Rule("exact_pixels", "changed_pixels", "lower", "rejected",
         "The product itself was changed: {value:.2%} of its pixels differ from the cut-out, none may."),
    Rule("worst_block_ssim", "worst_block_ssim", "higher", "rejected", f"A part {_LOOKS}"),
    Rule("small_block_ssim", "small_block_ssim", "higher", "rejected", f"A small part {_LOOKS}"),
    Rule("ab_shift", "ab_shift_review", "lower", "review", f"The product's colour is off by {{value:.1f}} {_OFF}"),
    Rule("ab_shift", "ab_shift_reject", "lower", "rejected", f"The product's colour is off by {{value:.1f}} {_OFF}"),
    Rule("block_ab_shift", "block_ab_shift", "lower", "rejected",
         f"A part of the product has another colour: off by {{value:.1f}} {_OFF}"),
    Rule("delta_e_mean", "delta_e_mean", "lower", "rejected",
         f"The product's colour and brightness are off by {{value:.1f}} on average {_OFF}"),
    Rule("delta_e_block", "delta_e_block", "lower", "rejected",
         f"A part of the product differs in colour or brightness by {{value:.1f}} {_OFF}"),
    Rule("delta_e_small_block", "delta_e_small_block", "lower", "rejected",
         f"A small part of the product differs in colour or brightness by {{value:.1f}} {_OFF}"),
    Rule("unexplained_block", "unexplained_block", "lower", "rejected",
         "A thin or see-through part of the product differs by {value:.1f} (at most {threshold:g} expected): it may be "
         "gone, or something else may be in its place."),
    Rule("detail", "detail", "higher", "rejected",
         "The product is blurred: {value:.0%} of its fine detail is left (at least {threshold:.0%} expected)."),
    Rule("detail_added", "detail_added", "lower", "rejected",
         "The product has {value:.0%} more fine detail than the photo (at most {threshold:.0%} expected): texture or "
         "noise was added."),
    Rule("expansion", "expansion", "lower", "review",
         "Something like more product lies outside its outline: {value:.1%} of its area (at most {threshold:.1%} "
         "expected)."),
    Rule("outline_moved", "outline_moved", "lower", "review",
         "The product's outline is not where it should be along {value:.0%} of it (at most {threshold:.0%} expected): "
         "it has a rim, or has become larger."),
)  # fmt: skip
# What witnesses measure they judge themselves.
_WITNESSES = {
    "text_distance": "The print on the product reads differently: {value:.0%} of a line's letters (at most "
    "{threshold:.0%} expected).",
    "patch_likeness_mean": "A net sees another product: likeness {value:.2f} (at least {threshold:g} expected).",
    "patch_likeness_worst": "A net sees a part of the product as different: likeness {value:.2f} (at least "
    "{threshold:g} expected).",
}
_WORDS = {rule.measure: rule.words for rule in RULES} | _WITNESSES
_HINT = "Compare the two pictures. Make the scene again with a new seed, or use the studio engine."


def findings(
    values: Mapping[str, float], limits: FidelityThresholds, otherwise: Mapping[str, Decision] | None = None
) -> list[Finding]:
    """Measured values beside their limits, in the order of `RULES`; names that no rule knows are left out.

    otherwise: measures whose being missed means something else this time. Of two limits for one measure (a person
    looks, it is rejected) the second counts where it is missed.
    """
    found: dict[str, Finding] = {}
    for rule in RULES:
        if rule.measure in values:
            missed = (otherwise or {}).get(rule.measure, rule.missed)
            one = rule.finding(values[rule.measure], limits, missed)
            if rule.measure not in found or not one.measure.passed:
                found[rule.measure] = one
    return list(found.values())


def verdict_on(said: Sequence[Finding], facts: Sequence[Measure] = ()) -> Verdict:
    """Rejected by the worst measure that rejects, else review by the worst that asks for it, else accepted.

    facts: measures that judge nothing. The score is 0 to 1, at least 0.5 exactly when accepted.
    """
    measures = (*facts, *(one.measure for one in said))
    score = round(1 / (1 + max(_excess(one.measure) for one in said)), 6)
    for decision in ("rejected", "review"):
        missed = [one.measure for one in said if not one.measure.passed and one.consequence == decision]
        if missed:
            worst = max(missed, key=_excess)
            message = _WORDS[worst.name].format(value=worst.value, threshold=worst.threshold)
            code = "product_changed" if decision == "rejected" else "needs_review"
            return Verdict(decision, score, measures, worst.name, code, message, _HINT)
    return Verdict("accepted", score, measures)


def _excess(one: Measure) -> float:
    """How far a measure is towards its threshold: 0 perfect, 1 at the threshold, more beyond it."""
    if one.threshold is None:
        return 0.0
    if one.better == "higher":
        # Measures that must be high are perfect at 1, except sizes, which only must be enough.
        if one.threshold >= 1:
            return 0.0 if one.passed else one.threshold / max(one.value, 1e-6)
        return max(0.0, (1 - one.value) / (1 - one.threshold))
    if one.threshold == 0:
        return 0.0 if one.passed else 3.0 + one.value
    return max(0.0, one.value / one.threshold)
