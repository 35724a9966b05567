"""Which of several pictures is best: an embedded heuristic that says so.

It looks at what a shop photographer would check first. It does not know taste or meaning: for that a learned score is
added (prompt_ranking.py). Fidelity is no part of it: ranking costs a fifth of judging, so whoever needs one final ranks
first and judges the best until one is accepted.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import lengths, lengths_from, per_channel, rgb_to_lab
from resources.scenes.engine import Box, Candidate, product_box
from resources.scenes.plate import load_plates
from resources.scenes.templates import SceneTemplate, rgb_of

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

logger = logging.getLogger(__name__)

_SIDE = 512  # pictures are judged at this size,
_MARGIN = 12  # and outlines with so much around them
_WEIGHTS = {
    "composition": 0.22,
    "exposure": 0.16,
    "palette": 0.14,
    "shadow": 0.14,
    "sharpness": 0.10,
    "halo": 0.10,
    "separation": 0.14,
}
# A score's last decimal: what differs by less is a tie, and the first one wins it.
_DECIMALS = 3
_WIDE = 1.2  # width by height from which a product may also stand on a third
_CLUTTER = 8.0  # Lab lightness by which a scene may differ left and right of a product without any shadow


@dataclass(frozen=True, slots=True)
class Ranking:
    """One candidate's rank: its index in the input, score 0 to 1, and the parts behind it.

    Parts lie in 0 to 1, but for raw numbers that a learned score was made from (`prompt_cosine`, -1 to 1).
    """

    index: int
    score: float
    parts: dict[str, float]


class Ranker(Protocol):
    """One way to choose among candidates."""

    name: str
    revision: str

    def rank(self, candidates: Sequence[Candidate], templates: Sequence[SceneTemplate]) -> list[Ranking]:
        """The candidates, best first."""
        ...


class HeuristicRanker:
    """Composition, exposure, palette, shadow, sharpness, halo and separation, weighted; see the module's text."""

    name = "heuristic"
    revision = "3"

    def rank(self, candidates: Sequence[Candidate], templates: Sequence[SceneTemplate]) -> list[Ranking]:
        """The candidates, best first; ties by index. ValueError if the two differ in length."""
        parts = all_parts(candidates, templates)
        return ordered([Ranking(index, weighted(of), of) for index, of in parts.items()], self)


def all_parts(candidates: Sequence[Candidate], templates: Sequence[SceneTemplate]) -> dict[int, dict[str, float]]:
    """The parts of every candidate, by its index. ValueError if the two differ in length."""
    given = zip(candidates, templates, strict=True)
    return {index: measure_parts(candidate, template) for index, (candidate, template) in enumerate(given)}


def weighted(parts: Mapping[str, float]) -> float:
    """The heuristic's score of its parts, 0 to 1."""
    return sum(weight * parts[name] for name, weight in _WEIGHTS.items())


def ordered(rankings: Sequence[Ranking], by: Ranker) -> list[Ranking]:
    """Rankings best first, scores rounded, ties by index; each is logged with all its parts."""
    rounded = [replace(ranking, score=round(ranking.score, _DECIMALS)) for ranking in rankings]
    best_first = sorted(rounded, key=lambda r: (-r.score, r.index))
    for place, ranking in enumerate(best_first, 1):
        logger.info(
            "candidate %d: place %d, score %.3f by %s %s: %s",
            ranking.index,
            place,
            ranking.score,
            by.name,
            by.revision,
            ranking.parts,
        )
    return best_first


def measure_parts(candidate: Candidate, template: SceneTemplate) -> dict[str, float]:
    """Every part of the heuristic, each 0 (bad) to 1 (good), rounded to 4 decimals."""
    rgb, alpha = _reduced(candidate.rgb), _reduced(candidate.alpha)
    lab = rgb_to_lab(rgb)
    outline = _near_product(lab, alpha)
    parts = {
        "composition": _composition(alpha),
        "exposure": _exposure(lab, alpha),
        "palette": _palette(lab, alpha, template),
        "shadow": _grounded(lab[..., 0], alpha) * _lit_as_declared(lab[..., 0], alpha, candidate.facts),
        "sharpness": _sharpness(candidate),
        "halo": _halo(*outline),
        "separation": _separation(*outline),
    }
    return {name: round(float(np.clip(value, 0, 1)), 4) for name, value in parts.items()}


def _reduced(image: U8) -> U8:
    k = _SIDE / max(image.shape[:2])
    if k >= 1:
        return image
    size = (max(1, round(image.shape[1] * k)), max(1, round(image.shape[0] * k)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _composition(alpha: U8) -> float:
    """1 for a product of good size in a good place, with room at every border.

    Size: it spans 45 to 80 % of one side of the picture. Place: its centre of mass lies in the middle column, in a wide
    picture also on a third; the middle of its box at 42 to 64 % of the height. Room: 5 % of the side at each border.
    """
    height, width = alpha.shape
    box = _solid_box(alpha, 24)
    fill = max(box.width / width, box.height / height)
    size = 1 - max(0.0, 0.45 - fill) / 0.3 - max(0.0, fill - 0.80) / 0.18
    mass = alpha.sum(axis=0, dtype=np.float64)
    x = float(mass @ (np.arange(width) + 0.5) / mass.sum() / width)
    y = (box.top + box.bottom) / 2 / height
    lines = (1 / 3, 1 / 2, 2 / 3) if width / height >= _WIDE else (1 / 2,)
    aside = min(abs(x - line) for line in lines)
    # A little aside is livelier than dead centre, so only more than 4 % counts.
    place = 1 - max(0.0, aside - 0.04) / 0.16 - max(0.0, 0.42 - y, y - 0.64) / 0.24
    room = min(box.left / width, 1 - box.right / width, box.top / height, 1 - box.bottom / height)
    return max(0.0, size) * max(0.0, place) * min(1.0, room / 0.05)


def _exposure(lab: F32, alpha: U8) -> float:
    """1 without burnt or drowned surroundings; 0 when 5 % of them are clipped, and towards a median of black."""
    surroundings = lab[..., 0][alpha < 8]
    if surroundings.size == 0:
        return 0.0
    clipped = float(np.mean((surroundings > 99.5) | (surroundings < 1.5)))
    return (1 - min(1.0, clipped / 0.05)) * min(1.0, float(np.median(surroundings)) / 12)


def _palette(lab: F32, alpha: U8, template: SceneTemplate) -> float:
    """1 if the surroundings have the template's colours; 0 if they all are 40 Lab units away or more."""
    palette = np.array([rgb_of(colour) for colour in template.palette], np.uint8)
    wanted = rgb_to_lab(palette[None])[0]
    around = lab.reshape(-1, 3)[np.flatnonzero(alpha < 8)[::7]]
    if around.size == 0:
        return 0.0
    distance = np.min([lengths_from(around, colour) for colour in wanted], axis=0)
    return 1 - float(np.mean(np.minimum(distance, 40))) / 40


def _grounded(lightness: F32, alpha: U8) -> float:
    """1 if it is clearly darker right under the product than beside it: something grounds it."""
    box = _solid_box(alpha)
    reach = max(3, round(0.03 * alpha.shape[0]))
    under = np.zeros(alpha.shape, bool)
    under[max(0, box.bottom - reach) : box.bottom + reach, box.left : box.right] = True
    beside = np.zeros(alpha.shape, bool)
    beside[max(0, box.bottom - reach) : box.bottom + reach] = True
    beside[:, max(0, box.left - 4 * reach) : box.right + 4 * reach] = False
    free = alpha < 8
    if not (under & free).any() or not (beside & free).any():
        return 0.5  # nothing to compare: neither good nor bad
    drop = float(np.median(lightness[beside & free]) - np.percentile(lightness[under & free], 5))
    return float(np.clip(drop / 7, 0, 1))


def _lit_as_declared(lightness: F32, alpha: U8, facts: Mapping[str, Any]) -> float:
    """0 if the shadow falls towards the declared light, 1 if away from it, or if no light from a side is declared.

    facts["light"]["azimuth"]: degrees, 0 from the camera, 90 from the right, -90 from the left.
    """
    light = facts.get("light")
    if not isinstance(light, Mapping) or "azimuth" not in light:
        return 1.0
    sideways = math.sin(math.radians(float(light["azimuth"])))
    left, right = (lightness[side & (alpha < 8)] for side in _beside(alpha, facts))
    if left.size == 0 or right.size == 0:
        return 1.0
    darker_left = float(np.median(right) - np.median(left))
    right_way = float(np.clip(0.5 + darker_left * np.sign(sideways) / (2 * _CLUTTER), 0, 1))
    return 1 - abs(sideways) * (1 - right_way)


def _beside(alpha: U8, facts: Mapping[str, Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Narrow strips left and right of a product: along its lowest quarter where it stands, along all of it else."""
    whole = _solid_box(alpha)
    plate = load_plates().get(str(facts.get("plate", "")))
    stands = plate is None or plate.kind == "floor"
    top = whole.bottom - max(1, whole.height // 4) if stands else whole.top
    foot = alpha.copy()
    foot[:top] = 0
    box = _solid_box(foot) if foot.any() else whole
    gap, reach = max(1, round(0.01 * whole.height)), max(3, round(0.04 * whole.height))
    left, right = np.zeros(alpha.shape, bool), np.zeros(alpha.shape, bool)
    left[top : whole.bottom, max(0, box.left - gap - reach) : max(0, box.left - gap)] = True
    right[top : whole.bottom, box.right + gap : box.right + gap + reach] = True
    return left, right


def _solid_box(alpha: U8, least: int = 128) -> Box:
    """The box of alpha of at least `least`, or of the most there is."""
    return product_box(np.where(alpha >= min(least, int(alpha.max())), alpha, 0).astype(np.uint8))


def _sharpness(candidate: Candidate) -> float:
    """1 for a product at or under its own resolution; falls as it is enlarged."""
    return 1 - max(0.0, candidate.placement.scale - 1) / 1.0


def _near_product(lab: F32, alpha: U8) -> tuple[F32, U8]:
    """The part of a picture that the outline's measures look at: their windows reach no farther."""
    box = _solid_box(alpha)
    rows = slice(max(0, box.top - _MARGIN), box.bottom + _MARGIN)
    columns = slice(max(0, box.left - _MARGIN), box.right + _MARGIN)
    return np.ascontiguousarray(lab[rows, columns]), np.ascontiguousarray(alpha[rows, columns])


def _halo(lab: F32, alpha: U8) -> float:
    """1 without a bright or dark line around the product that neither it nor the scene has."""
    lightness = np.ascontiguousarray(lab[..., 0])
    kernel = np.ones((3, 3), np.uint8)
    solid = (alpha > 127).astype(np.uint8)
    edge = (cv2.dilate(solid, kernel) - cv2.erode(solid, kernel)) > 0
    if not edge.any():
        return 1.0
    inside = _local_mean(lightness, cv2.erode(solid, kernel, iterations=2))
    outside = _local_mean(lightness, 1 - cv2.dilate(solid, kernel, iterations=2))
    high, low = np.maximum(inside, outside)[edge], np.minimum(inside, outside)[edge]
    stray = np.maximum(lightness[edge] - high, 0) + np.maximum(low - lightness[edge], 0)
    return 1 - float(np.mean(stray)) / 6


def _local_mean(values: F32, mask: U8) -> F32:
    """Mean of the values (H, W) or (H, W, 3) in the mask's part of a window; where that is empty, the value itself."""
    weight = mask.astype(np.float32)
    share = cv2.blur(weight, (9, 9)) + 1e-4
    if values.ndim == 3:
        weight, share = per_channel(weight), per_channel(share)
    return (cv2.blur(values * weight, (9, 9)) + 1e-4 * values) / share


def _separation(lab: F32, alpha: U8) -> float:
    """1 if the product stands out from what is behind it by 18 Lab units or more along most of its outline."""
    kernel = np.ones((3, 3), np.uint8)
    solid = (alpha > 127).astype(np.uint8)
    core, free = cv2.erode(solid, kernel, iterations=2), 1 - cv2.dilate(solid, kernel, iterations=3)
    edge = (solid - cv2.erode(solid, kernel)) > 0
    if not edge.any() or not core.any():
        return 0.0
    distance = lengths(_local_mean(lab, core) - _local_mean(lab, free))
    return float(np.percentile(distance[edge], 30)) / 18
