"""A photo as the embedded engines look at it: working copies, what is measured on them, and answers to choose from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cache, cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import Rgb
from resources.imaging.colour import reduced
from resources.matting.cast_shadow import take_off_shadow
from resources.matting.edge_cases import edge_case_measures
from resources.matting.edge_closure import enclosed
from resources.matting.engine import EngineRun, Hypothesis, Matte
from resources.matting.flood import Flood, ring_distance, stable_flood, without_shade
from resources.matting.gate import MatteThresholds, judge_matte
from resources.matting.grabcut import lab_picture, redraw
from resources.matting.measures import colour_measures, shape_measures, softness
from resources.matting.refine import EdgeRefiner
from resources.matting.saliency import barrier_field, to_lab
from resources.matting.shapes import overlap, resize_mask, tidy
from resources.verdicts import Verdict

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

_SIDE_OF_SEARCH = 320
_SIDE_OF_BARRIER = 200
_SIDE_OF_OUTLINE = 512
_SIDE_OF_FLOOD = 800
_UNIFORM_BORDER = 0.90
# Beyond this distance from a plain background (Lab) something is there, and not just a shade.
_STANDS_OUT = 8.0
# Hypotheses that overlap as much as this are one, for a person who is to choose.
_ALIKE = 0.97
_MOST_HYPOTHESES = 5
# Share of what was found that may be a cast shadow: less is a matter of taste, more is a product in shadow's colours.
_LEAST_SHADOW, _MOST_SHADOW = 0.005, 0.35


@dataclass(frozen=True, eq=False)
class Found:
    """A hypothesis, what is measured of it, and what an engine's limits say of that; mask at any size.

    told: measures by name that whoever found it knows, agreement among them. look: those of its shape and colours, made
    when somebody asks: of what the surest answer makes superfluous nobody does.
    """

    name: str
    mask: Mask
    told: Mapping[str, float]
    look: Callable[[], dict[str, float]]
    limits: MatteThresholds

    @cached_property
    def measures(self) -> dict[str, float]:
        """Everything known of it."""
        return {**self.look(), **self.told}

    @cached_property
    def verdict(self) -> Verdict:
        """What the limits say."""
        return judge_matte(self.measures, self.limits)

    @property
    def sureness(self) -> tuple[float, float]:
        """Confidence, and where there is none the share of measures that pass."""
        judged = self.verdict.measures
        return self.verdict.score, sum(number.passed for number in judged) / max(1, len(judged))

    @property
    def accepted(self) -> bool:
        """Whether the gate would let it through."""
        return self.verdict.accepted


class Survey:
    """What is looked at and measured once a photo, whatever the hypotheses. limits: of the engine that asks."""

    def __init__(self, photo: Rgb, limits: MatteThresholds) -> None:
        self.photo = photo
        self.limits = limits
        self.search = levelled(reduced(photo, _SIDE_OF_SEARCH))
        self.lab = to_lab(self.search)

    def under(self, limits: MatteThresholds) -> Survey:
        """The same photo and what was found out of it so far, judged by other limits."""
        other = copy(self)
        other.limits = limits
        return other

    @cached_property
    def barrier(self) -> Field:
        """How far each pixel is from the frame, by the colours that must be crossed."""
        return barrier_field(to_lab(cv2.medianBlur(reduced(self.search, _SIDE_OF_BARRIER), 3)))

    @cached_property
    def plain(self) -> Field:
        """Lab of a copy large enough for floods."""
        return to_lab(reduced(self.photo, _SIDE_OF_FLOOD))

    @cached_property
    def _ring(self) -> tuple[Field, float]:
        return ring_distance(self.plain)

    @property
    def distance(self) -> Field:
        """Lab distance of each pixel of `plain` from the border's colour."""
        return self._ring[0]

    @property
    def on_plain_ground(self) -> bool:
        """Whether the border is of one colour."""
        return self._ring[1] >= _UNIFORM_BORDER

    @cached_property
    def _larger(self) -> Rgb:
        return reduced(self.photo, _SIDE_OF_OUTLINE)

    @cached_property
    def _flood(self) -> Flood:
        return stable_flood(self.distance)

    @cached_property
    def _enclosed(self) -> Mask:
        return enclosed(self.plain)

    def found(self, name: str, mask: Mask, agreement: float, **more: float) -> Found:
        """A hypothesis. mask: at any size. more: further measures by name."""
        return self._hypothesis(name, mask, {"agreement": agreement, **more})

    def again(self, found: Found, **changed: float) -> Found:
        """The same hypothesis with other values of some measures."""
        return replace(found, told={**found.told, **changed}, limits=self.limits)

    def _hypothesis(self, name: str, mask: Mask, told: Mapping[str, float]) -> Found:
        return Found(name, mask, told, cache(lambda: self._measured(mask)), self.limits)

    def _measured(self, mask: Mask) -> dict[str, float]:
        """Shape and colour, always measured at the size of the search: limits depend on it."""
        at_search = resize_mask(mask, (self.lab.shape[1], self.lab.shape[0]))
        return {**shape_measures(at_search), **colour_measures(self.lab, at_search)}

    def overlap(self, first: Mask, second: Mask) -> float:
        """IoU of two masks of any size."""
        size = (self.lab.shape[1], self.lab.shape[0])
        return overlap(resize_mask(first, size), resize_mask(second, size))

    def flood(self) -> Found:
        """Everything that the border's colour does not reach."""
        return self.found("flood", self._flood.mask, self._flood.stability)

    def shadeless_flood(self, flooded: Found) -> Found:
        """The flood with soft shades taken off."""
        mask = without_shade(flooded.mask, self.plain)
        shade = 1 - int(mask.sum()) / max(1, int(flooded.mask.sum()))
        return self.found("shadeless_flood", mask, flooded.told["agreement"], shade=shade)

    def closed_edges(self, other: Mask) -> Found:
        """What closed lines of edges enclose, as far as another answer agrees."""
        mask = self._enclosed
        return self.found("closed_edges", mask, self.overlap(mask, other), unexplained=self.unexplained(mask))

    def unexplained(self, mask: Mask) -> float:
        """What stands out from a plain background beside the mask, relative to the mask."""
        taken = resize_mask(mask, (self.distance.shape[1], self.distance.shape[0]))
        near = cv2.dilate(taken.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        return float(((self.distance > _STANDS_OUT) & ~near).sum() / max(1, int(taken.sum())))

    def outlined(self, mask: Mask, unsure: Mask | None = None) -> Mask:
        """The outline drawn again on a larger copy. unsure: what inside of it may be a gap, at any size."""
        larger = levelled(self._larger)
        margin = max(3, round(0.015 * max(larger.shape)))
        grown = resize_mask(mask, (larger.shape[1], larger.shape[0]))
        gaps = None if unsure is None else resize_mask(unsure, (larger.shape[1], larger.shape[0]))
        return tidy(redraw(lab_picture(to_lab(larger)), grown, margin, gaps))

    def with_shadow_off(self, considered: list[Found]) -> list[Found]:
        """The same, and the first of them also without its cast shadow: before it, unless only it is accepted."""
        first = considered[0]
        larger = to_lab(self._larger)
        whole = resize_mask(first.mask, (larger.shape[1], larger.shape[0]))
        left = take_off_shadow(larger, whole)
        shadow = 1 - int(left.sum()) / max(1, int(whole.sum()))
        if not _LEAST_SHADOW < shadow < _MOST_SHADOW:
            return considered
        # A large one is a doubt of both: it might be a dark part of the product.
        first = self.again(first, cast_shadow=shadow)
        lit = self._hypothesis(f"{first.name}_without_shadow", left, first.told)
        if lit.accepted or not first.accepted:
            return [lit, first, *considered[1:]]
        return [first, lit, *considered[1:]]

    def contrast(self) -> float:
        """How far the most distinct hundredth of the picture is from its border, in Lab units."""
        distance, _ = ring_distance(to_lab(cv2.medianBlur(self.search, 5)))
        return float(max(np.percentile(self.barrier, 99), np.percentile(distance, 99)))

    def matte(self, considered: Sequence[Found], name: str, revision: str, device: str) -> Matte:
        """The first hypothesis as a matte of the photo's size, edges refined, all measured and judged."""
        taken = considered[0]
        measures = {"subject": self.contrast(), "area": 0.0}
        alpha = np.zeros(self.photo.shape[:2], np.uint8)
        if taken.mask.any():
            alpha = EdgeRefiner().refine(self.photo, taken.mask)
            measures |= {**taken.measures, "softness": softness(alpha)}
        measures |= edge_case_measures(self.photo, alpha)
        measures = {name: round(value, 5) for name, value in measures.items()}
        verdict = judge_matte(measures, self.limits)
        run = EngineRun(name, revision, device, verdict.decision, verdict.score, verdict.decided_by or "")
        return Matte(alpha, measures, (f"route_{taken.name}",), _distinct(considered), (run,))


def _distinct(considered: Sequence[Found]) -> tuple[Hypothesis, ...]:
    """The first few that differ from each other, in order."""
    kept: list[Found] = []
    for found in considered:
        size = (found.mask.shape[1], found.mask.shape[0])
        alike = any(overlap(resize_mask(other.mask, size), found.mask) >= _ALIKE for other in kept)
        if found.mask.any() and not alike and len(kept) < _MOST_HYPOTHESES:
            kept.append(found)
    return tuple(Hypothesis(found.name, found.mask, found.sureness[0]) for found in kept)


def levelled(photo: Rgb) -> Rgb:
    """Dark photos brightened: the brightest percent becomes white, and a dark middle is lifted. For finding only."""
    brightness = cv2.max(cv2.max(photo[..., 0], photo[..., 1]), photo[..., 2])
    white = max(30.0, float(np.percentile(brightness, 99)))
    middle = max(0.02, min(1.0, float(np.median(brightness)) / white))
    gamma = max(0.5, float(np.log(0.35) / np.log(middle))) if middle < 0.25 else 1.0
    curve = 255 * np.clip(np.arange(256) / white, 0, 1) ** gamma
    return curve.astype(np.uint8)[photo]
