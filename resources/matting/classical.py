"""The embedded engine: no weights, no GPU, no network.

Several hypotheses are made and measured, and the one that the gate is surest of is taken:

- flood: on a border of one colour, everything that the border's colour does not reach (`flood`),
  and the same with soft shadows taken off.
- closed_edges: on such a border, what closed lines of edges enclose: white on white (`edge_closure`).
- grabcut: GrabCut from saliency maps at strict and generous levels, in two colour spaces (`saliency`, `grabcut`),
  and from the distance to smooth surfaces that make up the border (`background`).
- without_shadow: the surest of them without what looks like its surroundings in shadow (`cast_shadow`).

Found and measured on a copy of 320 px, drawn again at 512 px, and refined in the full photo (`EdgeRefiner`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import Rgb
from resources.imaging.colour import reduced
from resources.matting.background import border_distance
from resources.matting.cast_shadow import take_off_shadow
from resources.matting.edge_cases import edge_case_measures
from resources.matting.edge_closure import enclosed
from resources.matting.engine import EngineRun, Hypothesis, Matte
from resources.matting.flood import ring_distance, stable_flood, without_shade
from resources.matting.gate import MatteThresholds, default_thresholds, judge_matte
from resources.matting.grabcut import (
    cut_salient,
    frame_level,
    lab_picture,
    otsu_level,
    redraw,
    triangle_level,
)
from resources.matting.measures import colour_measures, shape_measures, softness
from resources.matting.refine import EdgeRefiner
from resources.matting.saliency import barrier_field, boundary_saliency, stretch, to_lab
from resources.matting.shapes import drop_spurs, overlap, resize_mask, tidy

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

_SIDE_OF_SEARCH = 320
_SIDE_OF_SUPERPIXELS = 256
_SIDE_OF_BARRIER = 200
_SIDE_OF_OUTLINE = 512
_SIDE_OF_FLOOD = 800
_UNIFORM_BORDER = 0.90
# Beyond this distance from a plain background (Lab) something is there, and not just a shade.
_STANDS_OUT = 8.0
# Beyond this distance from the border's surfaces (Lab) nothing is more surely product.
_FAR_FROM_SURFACES = 40.0
# How many of the GrabCuts are believed. The one from surfaces is kept for a person to choose: when it agrees with
# another one, both are wrong about as often as right.
_WITNESSES = 5
# Hypotheses that overlap as much as this are one, for a person who is to choose.
_ALIKE = 0.97
_MOST_HYPOTHESES = 5
# Share of what was found that may be a cast shadow: less is a matter of taste, more is a product in shadow's colours.
_LEAST_SHADOW, _MOST_SHADOW = 0.005, 0.35
# A GrabCut that leaves out more than this of its own size has taken the print and left the white product.
_LEFT_OUT = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A hypothesis with what was measured of it; mask at any size."""

    name: str
    mask: Mask
    measures: dict[str, float]

    @property
    def sureness(self) -> tuple[float, float]:
        """Confidence, and where there is none the share of measures that pass."""
        verdict = judge_matte(self.measures, _limits())
        return verdict.score, sum(number.passed for number in verdict.measures) / max(1, len(verdict.measures))

    @property
    def accepted(self) -> bool:
        return judge_matte(self.measures, _limits()).accepted


class ClassicalEngine:
    """Cuts products out by colour and saliency. Deterministic and stateless: one instance may serve all threads."""

    name = "classical"
    revision = "2"
    device = "cpu"

    def segment(self, photos: Sequence[Rgb]) -> list[Matte]:
        """One matte for each photo (HxWx3 uint8), of the photo's size. Any photo gets a matte; the gate judges it."""
        return [self._segment(photo) for photo in photos]

    def _segment(self, photo: Rgb) -> Matte:
        search = _levelled(reduced(photo, _SIDE_OF_SEARCH))
        barrier = barrier_field(to_lab(cv2.medianBlur(reduced(search, _SIDE_OF_BARRIER), 3)))
        considered = _considered(photo, search, barrier)
        taken = considered[0]
        measures = {"subject": _contrast(search, barrier), "area": 0.0}
        alpha = np.zeros(photo.shape[:2], np.uint8)
        if taken.mask.any():
            alpha = EdgeRefiner().refine(photo, taken.mask)
            measures |= {**taken.measures, "softness": softness(alpha)}
        measures |= edge_case_measures(photo, alpha)
        measures = {name: round(value, 5) for name, value in measures.items()}
        verdict = judge_matte(measures, _limits())
        run = EngineRun(
            self.name, self.revision, self.device, verdict.decision, verdict.score, verdict.decided_by or ""
        )
        return Matte(alpha, measures, (f"route_{taken.name}",), _distinct(considered), (run,))


def _limits() -> MatteThresholds:
    return default_thresholds(ClassicalEngine.name)


def _distinct(considered: Sequence[_Found]) -> tuple[Hypothesis, ...]:
    """The first few that differ from each other, in order."""
    kept: list[_Found] = []
    for found in considered:
        size = (found.mask.shape[1], found.mask.shape[0])
        alike = any(overlap(resize_mask(other.mask, size), found.mask) >= _ALIKE for other in kept)
        if found.mask.any() and not alike and len(kept) < _MOST_HYPOTHESES:
            kept.append(found)
    return tuple(Hypothesis(found.name, found.mask, found.sureness[0]) for found in kept)


def _contrast(search: Rgb, barrier: Field) -> float:
    """How far the most distinct hundredth of the picture is from its border, in Lab units."""
    distance, _ = ring_distance(to_lab(cv2.medianBlur(search, 5)))
    return float(max(np.percentile(barrier, 99), np.percentile(distance, 99)))


def _considered(photo: Rgb, search: Rgb, barrier: Field) -> list[_Found]:
    """All hypotheses, the surest first; a flood that is accepted comes before all others."""
    lab = to_lab(search)
    plain = to_lab(reduced(photo, _SIDE_OF_FLOOD))
    distance, uniform = ring_distance(plain)
    if uniform < _UNIFORM_BORDER:
        return _with_shadow_off(photo, lab, _by_grabcut(photo, search, lab, barrier, None))
    flooded = _by_flood(distance, lab)
    shadeless = _by_shadeless_flood(flooded, plain, lab)
    for first, second in ((flooded, shadeless), (shadeless, flooded)):
        if first.accepted:
            return _with_shadow_off(photo, lab, [first, second])
    cuts = _by_grabcut(photo, search, lab, barrier, distance)
    others = [flooded, shadeless, _by_edges(plain, lab, cuts[0].mask, distance)]
    if cuts[0].measures["unexplained"] > _LEFT_OUT:
        return _with_shadow_off(photo, lab, [*others, *cuts])
    ordered = sorted([*others, cuts[0]], key=lambda found: found.sureness, reverse=True)
    return _with_shadow_off(photo, lab, [*ordered, *cuts[1:]])


def _measured(lab: Field, mask: Mask, agreement: float) -> dict[str, float]:
    """Shape and colour of a mask of any size, always measured at the size of the search: limits depend on it."""
    reduced = resize_mask(mask, (lab.shape[1], lab.shape[0]))
    return {**shape_measures(reduced), **colour_measures(lab, reduced), "agreement": agreement}


def _by_flood(distance: Field, lab: Field) -> _Found:
    flood = stable_flood(distance)
    return _Found("flood", flood.mask, _measured(lab, flood.mask, flood.stability))


def _by_shadeless_flood(flooded: _Found, plain: Field, lab: Field) -> _Found:
    mask = without_shade(flooded.mask, plain)
    measures = _measured(lab, mask, flooded.measures["agreement"])
    measures["shade"] = 1 - int(mask.sum()) / max(1, int(flooded.mask.sum()))
    return _Found("shadeless_flood", mask, measures)


def _by_edges(plain: Field, lab: Field, other: Mask, distance: Field) -> _Found:
    """What closed lines of edges enclose, as far as the surest GrabCut agrees."""
    mask = enclosed(plain)
    size = (lab.shape[1], lab.shape[0])
    agreement = overlap(resize_mask(mask, size), resize_mask(other, size))
    measures = _measured(lab, mask, agreement)
    measures["unexplained"] = _unexplained(distance, mask)
    return _Found("closed_edges", mask, measures)


def _by_grabcut(photo: Rgb, search: Rgb, lab: Field, barrier: Field, distance: Field | None) -> list[_Found]:
    """Six GrabCuts: the surest witness first, drawn again on a larger copy. Two of the others must agree with it."""
    size = (search.shape[1], search.shape[0])
    regions = cv2.resize(boundary_saliency(to_lab(reduced(search, _SIDE_OF_SUPERPIXELS))), size)
    crossings = cv2.resize(stretch(barrier), size)
    both = stretch(regions + crossings)
    surfaces = stretch(np.minimum(border_distance(lab), _FAR_FROM_SURFACES))
    perceptual = lab_picture(lab)
    cuts = {
        "grabcut": cut_salient(perceptual, both, otsu_level(both)),
        "grabcut_generous": cut_salient(perceptual, both, triangle_level(both)),
        "grabcut_crossings": cut_salient(perceptual, crossings, frame_level(crossings)),
        "grabcut_rgb_generous": cut_salient(search, both, frame_level(both)),
        "grabcut_rgb": cut_salient(search, both, otsu_level(both)),
        "grabcut_surfaces": cut_salient(perceptual, surfaces, otsu_level(surfaces)),
    }
    masks = [tidy(drop_spurs(tidy(cut), both, otsu_level(both))) for cut in cuts.values()]
    found = [
        _Found(name, mask, _measured(lab, mask, _second_best_overlap(i, masks)))
        for i, (name, mask) in enumerate(zip(cuts, masks, strict=True))
    ]
    best, *others = sorted(found[:_WITNESSES], key=lambda one: one.sureness, reverse=True)
    mask = _outlined(photo, best.mask)
    # An outline that does not survive being drawn again was not sure either.
    agreement = min(best.measures["agreement"], overlap(resize_mask(mask, size), best.mask))
    measures = _measured(lab, mask, agreement)
    if distance is not None:
        measures["unexplained"] = _unexplained(distance, mask)
    return [_Found(best.name, mask, measures), *others, *found[_WITNESSES:]]


def _second_best_overlap(index: int, masks: Sequence[Mask]) -> float:
    return sorted(overlap(masks[index], other) for i, other in enumerate(masks[:_WITNESSES]) if i != index)[-2]


def _outlined(photo: Rgb, mask: Mask) -> Mask:
    """The outline drawn again on a larger copy."""
    larger = _levelled(reduced(photo, _SIDE_OF_OUTLINE))
    margin = max(3, round(0.015 * max(larger.shape)))
    grown = resize_mask(mask, (larger.shape[1], larger.shape[0]))
    return tidy(redraw(lab_picture(to_lab(larger)), grown, margin))


def _with_shadow_off(photo: Rgb, lab: Field, considered: list[_Found]) -> list[_Found]:
    """The same, and the first of them also without its cast shadow: before it, unless only it is accepted."""
    first = considered[0]
    larger = to_lab(reduced(photo, _SIDE_OF_OUTLINE))
    whole = resize_mask(first.mask, (larger.shape[1], larger.shape[0]))
    left = take_off_shadow(larger, whole)
    shadow = 1 - int(left.sum()) / max(1, int(whole.sum()))
    if not _LEAST_SHADOW < shadow < _MOST_SHADOW:
        return considered
    measured = _measured(lab, left, first.measures["agreement"])
    # A large one is a doubt of both: it might be a dark part of the product.
    first = replace(first, measures={**first.measures, "cast_shadow": shadow})
    lit = _Found(f"{first.name}_without_shadow", left, {**first.measures, **measured})
    if lit.accepted or not first.accepted:
        return [lit, first, *considered[1:]]
    return [first, lit, *considered[1:]]


def _unexplained(distance: Field, mask: Mask) -> float:
    """What stands out from a plain background beside the mask, relative to the mask."""
    taken = resize_mask(mask, (distance.shape[1], distance.shape[0]))
    near = cv2.dilate(taken.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    return float(((distance > _STANDS_OUT) & ~near).sum() / max(1, int(taken.sum())))


def _levelled(photo: Rgb) -> Rgb:
    """Dark photos brightened: the brightest percent becomes white, and a dark middle is lifted. For finding only."""
    brightness = photo.max(axis=2)
    white = max(30.0, float(np.percentile(brightness, 99)))
    middle = max(0.02, min(1.0, float(np.median(brightness)) / white))
    gamma = max(0.5, float(np.log(0.35) / np.log(middle))) if middle < 0.25 else 1.0
    curve = 255 * np.clip(np.arange(256) / white, 0, 1) ** gamma
    return curve.astype(np.uint8)[photo]
