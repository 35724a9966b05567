"""The gate over mattes: decides from recorded numbers alone whether one may be used unseen.

A changed threshold judges again and segments nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Literal

from resources.matting.thresholds import shipped_thresholds
from resources.verdicts import NEEDS_REVIEW, Measure, Verdict, measure

NO_SUBJECT = "no_subject_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatteThresholds:
    """Where the gate stands. Each measure that an engine recorded is held against its limit.

    The numbers are data: thresholds.yaml has them, with what they were calibrated on (see `default_thresholds`).
    To add one: a field here, a line under common.limits in thresholds.yaml, a rule in `_RULES`.

    subject: contrast of the picture with its own border, in Lab units: below, there is nothing to cut out.
    min_area, max_area: share of the picture that the product covers.
    side_contact: share of one side of the frame that the product touches: more, and it is cut off by the frame.
    parts: separate pieces of at least 5 % of the largest.
    agreement: overlap (IoU) with what other methods found.
    steadiness: how far a net's answer stays the same under a stricter reading, and drawn again by colour (IoU); of the
        classical engine's answer to a photo that a net doubts: how far its own readings agree.
    doubt: how unsure the net is of its own answer, 0 (sure) to 1.
    second_opinion: the agreement once more where the doubt is over half its limit: who is unsure must be confirmed.
    shared_colours: Bhattacharyya overlap of the colours inside and outside (0 disjoint, 1 the same).
    background_inside: share of the inside that looks like the background beside it.
    filled_gaps: share of the product in areas that look like the background seen through a gap.
    weak_outline: share of the outline along which inside and outside hardly differ.
    faint_outline: share of the outline that runs through a shade instead of along an edge.
    loose_edges: edges beside the product as strong as its own outline, relative to the outline's length.
    unexplained: what else stands out from a plain background but was not taken, relative to the product.
    shade: share of what stands out from a plain background that was taken for a shadow.
    cast_shadow: share of what was found that looks like its surroundings in shadow, whether it was taken off or not.
    softness: share of the matte that is neither clearly product nor clearly background.

    Edge cases of sellers' photos (`edge_cases.edge_case_measures`); beyond the limit, each is the cause that is named:
    text_panel: share of writing and ruled lines in all that stands on the ground of the picture.
    hand_or_person: share of the picture in skin that comes in from the frame and reaches the product.
    overlaid_text: letters beside the product or across its outline.
    corner_badge: share of the picture covered by a flat patch with writing in a corner.
    picture_border: sides of the picture with a drawn border.
    scattered_things: 0.2 for each thing more than one, and the gaps between them in units of their size.
    see_through: how far the background goes on behind the outline (correlation less its uncertainty).
    floor_reflection: how well the picture below the product mirrors it (correlation).
    glare: share of the product that light has blown out.
    """

    subject: float
    min_area: float
    max_area: float
    side_contact: float
    parts: float
    agreement: float
    steadiness: float
    doubt: float
    second_opinion: float
    shared_colours: float
    background_inside: float
    filled_gaps: float
    weak_outline: float
    faint_outline: float
    loose_edges: float
    unexplained: float
    shade: float
    cast_shadow: float
    softness: float
    text_panel: float
    hand_or_person: float
    overlaid_text: float
    corner_badge: float
    picture_border: float
    scattered_things: float
    see_through: float
    floor_reflection: float
    glare: float


@cache
def default_thresholds(engine: str = "embedded") -> MatteThresholds:
    """The shipped thresholds of an engine by name; one that was not calibrated ("": none) has the common ones.

    Raises ValueError if thresholds.yaml does not fit its schema or `MatteThresholds`.
    """
    limits = shipped_thresholds().limits_of(engine)
    known = {field.name for field in fields(MatteThresholds)}
    if wrong := sorted(known ^ set(limits)):
        raise ValueError(f"thresholds.yaml: {engine}: missing or unknown limits: {', '.join(wrong)}")
    return MatteThresholds(**limits)


@dataclass(frozen=True, slots=True)
class _Rule:
    """How one measure is held against its threshold, and what a shop clerk is told when it misses.

    best: the value at which the measure leaves nothing to wish; gives the slope of the score.
    message: found and expected, with {value} and {limit}.
    cause: names what is wrong with the photo, and not just a number that suffers from it.
    """

    measure: str
    threshold: str
    better: Literal["higher", "lower"]
    best: float
    message: str
    hint: str
    style: str = ".2f"
    cause: bool = False


_PLAIN_BACKGROUND = "Take the photo before a plain background of another colour than the product."
_WHOLE_PRODUCT = "Take a photo that shows the whole product with some room around it."
_CHECK = "Check the outline by eye, or upload a cut-out of the product (PNG with transparency)."

# In the order in which they are named when several miss by as much; of several causes the first one is named.
_RULES = (
    _Rule(
        "text_panel",
        "text_panel",
        "lower",
        0.0,
        "This is not a product photo: {value} of what it shows is writing or a table (at most {limit})",
        "Upload a photo of the product. Size charts and texts belong into the description.",
        ".0%",
        cause=True,
    ),
    _Rule(
        "hand_or_person",
        "hand_or_person",
        "lower",
        0.0,
        "A hand or a person seems to be in the photo, on {value} of it (at most {limit})",
        "Photograph the product alone: standing, lying or hung up, without hands or models.",
        ".1%",
        cause=True,
    ),
    _Rule(
        "overlaid_text",
        "overlaid_text",
        "lower",
        0.0,
        "There is writing beside the product or over it: {value} letters, at most {limit} are allowed",
        "Upload the photo without captions, watermarks or logos laid over it.",
        ".0f",
        cause=True,
    ),
    _Rule(
        "corner_badge",
        "corner_badge",
        "lower",
        0.0,
        "There is a badge in a corner of the photo, on {value} of it (at most {limit})",
        "Upload the photo without badges, prices or stickers laid over it.",
        ".1%",
        cause=True,
    ),
    _Rule(
        "picture_border",
        "picture_border",
        "lower",
        0.0,
        "The photo has a drawn border on {value} sides (at most {limit})",
        "Upload the photo without a frame or bars around it.",
        ".0f",
        cause=True,
    ),
    _Rule(
        "scattered_things",
        "scattered_things",
        "lower",
        0.0,
        "Many separate things lie about (scatter {value}, at most {limit} for one product or a set)",
        "Photograph one product alone, or a set with its parts close together.",
        ".1f",
        cause=True,
    ),
    _Rule(
        "see_through",
        "see_through",
        "lower",
        0.0,
        "The background can be seen through the product or goes on across its outline (match {value}, at most {limit})",
        "Take the photo before a plain background without edges or patterns, or upload a cut-out with transparency.",
        cause=True,
    ),
    _Rule(
        "floor_reflection",
        "floor_reflection",
        "lower",
        0.0,
        "The product is mirrored in what it stands on (match {value}, at most {limit})",
        "Put the product on paper or cloth instead of glass or a polished table.",
        cause=True,
    ),
    _Rule(
        "glare",
        "glare",
        "lower",
        0.0,
        "A light is mirrored in {value} of the product (at most {limit}): nothing can be seen of it there",
        "Take the photo in soft light, without flash, and turn the product until the reflection is gone.",
        ".0%",
        cause=True,
    ),
    _Rule(
        "area",
        "min_area",
        "higher",
        0.08,
        "What was found covers only {value} of the photo; at least {limit} is needed",
        "Take the photo from closer, or crop it to the product.",
        ".1%",
    ),
    _Rule(
        "area",
        "max_area",
        "lower",
        0.60,
        "What was found covers {value} of the photo; at most {limit} can be told from a background",
        _WHOLE_PRODUCT,
        ".1%",
    ),
    _Rule(
        "side_contact",
        "side_contact",
        "lower",
        0.0,
        "The product is cut off by the edge of the photo: it touches {value} of one side, at most {limit} is allowed",
        _WHOLE_PRODUCT,
        ".0%",
    ),
    _Rule(
        "parts",
        "parts",
        "lower",
        1.0,
        "{value} separate things were found; at most {limit} are taken for one product",
        "Photograph one product alone. Panels of text are no product photos.",
        ".0f",
    ),
    _Rule(
        "agreement",
        "agreement",
        "higher",
        1.0,
        "The outline could not be found with certainty: two methods disagree (IoU {value}, at least {limit} is needed)",
        _PLAIN_BACKGROUND,
    ),
    _Rule(
        "steadiness",
        "steadiness",
        "higher",
        1.0,
        "The outline could not be found with certainty: drawn again it comes out otherwise "
        "(IoU {value}, at least {limit} is needed)",
        _PLAIN_BACKGROUND,
    ),
    _Rule(
        "doubt",
        "doubt",
        "lower",
        0.0,
        "What the product is could not be told with certainty (doubt {value}, at most {limit})",
        _PLAIN_BACKGROUND,
    ),
    _Rule(
        "second_opinion",
        "second_opinion",
        "higher",
        1.0,
        "What the product is could not be told with certainty, and other methods found something else "
        "(IoU {value}, at least {limit} is needed)",
        _PLAIN_BACKGROUND,
    ),
    _Rule(
        "shared_colours",
        "shared_colours",
        "lower",
        0.0,
        "Product and surroundings have too many colours in common to tell them apart "
        "(overlap {value}, at most {limit})",
        _PLAIN_BACKGROUND,
    ),
    _Rule(
        "background_inside",
        "background_inside",
        "lower",
        0.0,
        "{value} of what was cut out looks like the background beside it (at most {limit}): "
        "something see-through, or holes that were filled",
        _CHECK,
        ".0%",
    ),
    _Rule(
        "filled_gaps",
        "filled_gaps",
        "lower",
        0.0,
        "{value} of what was cut out looks like the background seen through a gap (at most {limit})",
        _CHECK,
        ".0%",
    ),
    _Rule(
        "weak_outline",
        "weak_outline",
        "lower",
        0.0,
        "Along {value} of the outline the product hardly differs from the background (at most {limit})",
        _PLAIN_BACKGROUND,
        ".0%",
    ),
    _Rule(
        "faint_outline",
        "faint_outline",
        "lower",
        0.0,
        "{value} of the outline runs through a shadow or a blur instead of along an edge (at most {limit})",
        "Take the photo in soft, even light, with the product in focus.",
        ".0%",
    ),
    _Rule(
        "loose_edges",
        "loose_edges",
        "lower",
        0.0,
        "Beside what was cut out there are other strong edges, {value} of its outline's length (at most {limit}): "
        "a part of the product may be missing, or other things lie about",
        _PLAIN_BACKGROUND,
        ".0%",
    ),
    _Rule(
        "unexplained",
        "unexplained",
        "lower",
        0.0,
        "Something else stands out from the background, {value} of the product's size (at most {limit}): "
        "a part of the product may be missing",
        _CHECK,
        ".0%",
    ),
    _Rule(
        "shade",
        "shade",
        "lower",
        0.0,
        "{value} of what stands out from the background was taken for shadow (at most {limit}): "
        "a light part of the product may be missing",
        _CHECK,
        ".0%",
    ),
    _Rule(
        "cast_shadow",
        "cast_shadow",
        "lower",
        0.0,
        "{value} of what was found is either the product's shadow or a dark part of it (at most {limit})",
        _CHECK,
        ".0%",
    ),
    _Rule(
        "softness",
        "softness",
        "lower",
        0.0,
        "{value} of the matte is neither clearly product nor clearly background (at most {limit})",
        _CHECK,
        ".0%",
    ),
)


def judge_matte(measures: Mapping[str, float], thresholds: MatteThresholds | None = None) -> Verdict:
    """Decide from recorded numbers whether a matte may be used unseen: accepted or review, never rejected.

    thresholds: None stands for those of the embedded engine.
    measures: as in `Matte.measures`; each one that is there is held against its threshold, "area" must be there.
    The score is the confidence, 0 to 1: that of the weakest measure, 0.5 exactly at its threshold.
    A measure that names a cause decides before those that suffer from it.
    A picture without a subject is a review decided by `no_subject_found`, unless it is a panel of text.
    """
    thresholds = thresholds or default_thresholds()
    if "area" not in measures:
        raise ValueError("a matte cannot be judged without its area")
    empty = measures["area"] <= 0 or measures.get("subject", thresholds.subject) < thresholds.subject
    if empty and measures.get("text_panel", 0.0) <= thresholds.text_panel:
        return _no_subject(measures, thresholds)
    held = numbers_held(measures, thresholds)
    judged = [_held(rule, held[rule.measure], thresholds) for rule in _RULES if rule.measure in held]
    score, weakest, rule = min(judged, key=lambda item: item[0])
    numbers = tuple(item[1] for item in judged)
    if all(number.passed for number in numbers):
        return Verdict("accepted", round(score, 4), numbers)
    causes = [item for item in judged if item[2].cause and not item[1].passed]
    if causes:
        _, weakest, rule = causes[0]
    message = rule.message.format(
        value=format(weakest.value, rule.style), limit=format(weakest.threshold or 0.0, rule.style)
    )
    return Verdict("review", round(score, 4), numbers, weakest.name, NEEDS_REVIEW, f"{message}.", rule.hint)


def numbers_held(measures: Mapping[str, float], thresholds: MatteThresholds) -> dict[str, float]:
    """What is held against the thresholds: the measures, and what follows from two of them together."""
    unsure = measures.get("doubt", 0.0) > thresholds.doubt / 2
    return {**measures, **({"second_opinion": measures["agreement"]} if unsure and "agreement" in measures else {})}


def _no_subject(measures: Mapping[str, float], thresholds: MatteThresholds) -> Verdict:
    contrast = measures.get("subject", thresholds.subject)
    found = "the cut-out is empty"
    if contrast < thresholds.subject:
        found = (
            f"nothing in the photo stands out from its background "
            f"(contrast {contrast:.1f}, at least {thresholds.subject:.1f} is needed)"
        )
    return Verdict(
        decision="review",
        score=0.0,
        measures=(
            measure("subject", contrast, at_least=thresholds.subject),
            measure("area", measures["area"], at_least=thresholds.min_area),
        ),
        decided_by=NO_SUBJECT,
        code=NO_SUBJECT,
        message=f"No product was found: {found}.",
        hint="Check that the right file was uploaded. " + _PLAIN_BACKGROUND,
    )


def _held(rule: _Rule, value: float, thresholds: MatteThresholds) -> tuple[float, Measure, _Rule]:
    """Score of one measure (0.5 at the threshold, 1 at its best value), the measure, and its rule."""
    limit = getattr(thresholds, rule.threshold)
    if rule.better == "higher":
        number = measure(rule.measure, value, at_least=limit)
    else:
        number = measure(rule.measure, value, at_most=limit)
    room = rule.best - limit
    margin = (value - limit) / room if room else 0.0
    score = min(1.0, max(0.0, 0.5 + 0.5 * margin))
    # A value beyond its limit never scores as if it had met it, and the other way round.
    return (max(score, 0.5) if number.passed else min(score, 0.499)), number, rule


@dataclass(frozen=True, slots=True)
class LimitInUse:
    """A threshold, the measure that is held against it, its better side, and the value that leaves nothing to wish."""

    threshold: str
    measure: str
    better: Literal["higher", "lower"]
    best: float


def limits_in_use() -> tuple[LimitInUse, ...]:
    """What every rule compares, for those who choose thresholds."""
    return tuple(LimitInUse(rule.threshold, rule.measure, rule.better, rule.best) for rule in _RULES)
