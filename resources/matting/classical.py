"""The embedded engine: no weights, no GPU, no network.

Several hypotheses are made and measured, and the one that the gate is surest of is taken:

- flood: on a border of one colour, everything that the border's colour does not reach (`flood`),
  and the same with soft shadows taken off.
- grabcut: GrabCut from two saliency maps at strict and generous levels, in two colour spaces (`saliency`, `grabcut`).

Found and measured on a copy of 320 px, drawn again at 512 px, and refined in the full photo (`EdgeRefiner`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import Rgb
from resources.matting.edge_cases import edge_case_measures
from resources.matting.engine import Matte
from resources.matting.flood import ring_distance, stable_flood, without_shade
from resources.matting.gate import judge_matte
from resources.matting.grabcut import (
    cut_salient,
    frame_level,
    lab_picture,
    otsu_level,
    redraw,
    triangle_level,
)
from resources.matting.measures import colour_measures, shape_measures, softness
from resources.matting.refine import EdgeRefiner, reduced
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
# A GrabCut that leaves out more than this of its own size has taken the print and left the white product.
_LEFT_OUT = 0.3


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    mask: Mask
    measures: dict[str, float]
    route: str


class ClassicalEngine:
    """Cuts products out by colour and saliency. Deterministic and stateless: one instance may serve all threads."""

    name = "classical"
    revision = "1"
    device = "cpu"

    def segment(self, photos: Sequence[Rgb]) -> list[Matte]:
        """One matte for each photo (HxWx3 uint8), of the photo's size. Any photo gets a matte; the gate judges it."""
        return [_segment(photo) for photo in photos]


def _segment(photo: Rgb) -> Matte:
    search = _levelled(reduced(photo, _SIDE_OF_SEARCH))
    barrier = barrier_field(to_lab(cv2.medianBlur(reduced(search, _SIDE_OF_BARRIER), 3)))
    subject = {"subject": _contrast(search, barrier)}
    found = _surest(photo, search, barrier)
    if not found.mask.any():
        alpha = np.zeros(photo.shape[:2], np.uint8)
        return Matte(alpha, {"area": 0.0, **subject, **edge_case_measures(photo, alpha)}, (f"route_{found.route}",))
    alpha = EdgeRefiner().refine(photo, found.mask)
    measures = {**subject, **found.measures, "softness": softness(alpha), **edge_case_measures(photo, alpha)}
    rounded = {name: round(value, 5) for name, value in measures.items()}
    return Matte(alpha, rounded, (f"route_{found.route}",))


def _contrast(search: Rgb, barrier: Field) -> float:
    """How far the most distinct hundredth of the picture is from its border, in Lab units."""
    distance, _ = ring_distance(to_lab(cv2.medianBlur(search, 5)))
    return float(max(np.percentile(barrier, 99), np.percentile(distance, 99)))


def _surest(photo: Rgb, search: Rgb, barrier: Field) -> _Hypothesis:
    """The hypothesis that the gate is surest of; the flood where it is accepted."""
    lab = to_lab(search)
    plain = to_lab(reduced(photo, _SIDE_OF_FLOOD))
    distance, uniform = ring_distance(plain)
    if uniform < _UNIFORM_BORDER:
        return _by_grabcut(photo, search, lab, barrier, None)
    flooded = _by_flood(distance, lab)
    if judge_matte(flooded.measures).accepted:
        return flooded
    shadeless = _by_shadeless_flood(flooded, plain, lab)
    if judge_matte(shadeless.measures).accepted:
        return shadeless
    other = _by_grabcut(photo, search, lab, barrier, distance)
    if other.measures["unexplained"] > _LEFT_OUT:
        return flooded
    return max((flooded, shadeless, other), key=_sureness)


def _sureness(hypothesis: _Hypothesis) -> tuple[float, float]:
    """Confidence, and where there is none the share of measures that pass."""
    verdict = judge_matte(hypothesis.measures)
    return verdict.score, sum(number.passed for number in verdict.measures) / max(1, len(verdict.measures))


def _measured(lab: Field, mask: Mask, agreement: float) -> dict[str, float]:
    """Shape and colour of a mask of any size, always measured at the size of the search: limits depend on it."""
    reduced = resize_mask(mask, (lab.shape[1], lab.shape[0]))
    return {**shape_measures(reduced), **colour_measures(lab, reduced), "agreement": agreement}


def _by_flood(distance: Field, lab: Field) -> _Hypothesis:
    flood = stable_flood(distance)
    return _Hypothesis(flood.mask, _measured(lab, flood.mask, flood.stability), "flood")


def _by_shadeless_flood(flooded: _Hypothesis, plain: Field, lab: Field) -> _Hypothesis:
    mask = without_shade(flooded.mask, plain)
    measures = _measured(lab, mask, flooded.measures["agreement"])
    measures["shade"] = 1 - int(mask.sum()) / max(1, int(flooded.mask.sum()))
    return _Hypothesis(mask, measures, "shadeless_flood")


def _by_grabcut(photo: Rgb, search: Rgb, lab: Field, barrier: Field, distance: Field | None) -> _Hypothesis:
    """The surest of five GrabCuts, drawn again on a larger copy. Two of the other four must agree with it."""
    size = (search.shape[1], search.shape[0])
    regions = cv2.resize(boundary_saliency(to_lab(reduced(search, _SIDE_OF_SUPERPIXELS))), size)
    crossings = cv2.resize(stretch(barrier), size)
    both = stretch(regions + crossings)
    perceptual = lab_picture(lab)
    cuts = (
        cut_salient(perceptual, both, otsu_level(both)),
        cut_salient(perceptual, both, triangle_level(both)),
        cut_salient(perceptual, crossings, frame_level(crossings)),
        cut_salient(search, both, frame_level(both)),
        cut_salient(search, both, otsu_level(both)),
    )
    masks = [tidy(drop_spurs(tidy(cut), both, otsu_level(both))) for cut in cuts]
    hypotheses = [
        _Hypothesis(mask, _measured(lab, mask, _second_best_overlap(i, masks)), "grabcut")
        for i, mask in enumerate(masks)
    ]
    best = max(hypotheses, key=_sureness)
    mask = _outlined(photo, best.mask)
    # An outline that does not survive being drawn again was not sure either.
    agreement = min(best.measures["agreement"], overlap(resize_mask(mask, size), best.mask))
    measures = _measured(lab, mask, agreement)
    if distance is not None:
        measures["unexplained"] = _unexplained(distance, mask)
    return _Hypothesis(mask, measures, "grabcut")


def _second_best_overlap(index: int, masks: Sequence[Mask]) -> float:
    return sorted(overlap(masks[index], other) for i, other in enumerate(masks) if i != index)[-2]


def _outlined(photo: Rgb, mask: Mask) -> Mask:
    """The outline drawn again on a larger copy."""
    larger = _levelled(reduced(photo, _SIDE_OF_OUTLINE))
    margin = max(3, round(0.015 * max(larger.shape)))
    grown = resize_mask(mask, (larger.shape[1], larger.shape[0]))
    return tidy(redraw(lab_picture(to_lab(larger)), grown, margin))


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
