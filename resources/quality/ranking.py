"""Which of several pictures is best: an embedded heuristic that says so.

It looks at what a shop photographer would check first. It does not know taste or meaning: for that an engine with a
learned score takes its place. Fidelity is no part of it: what the judge did not accept is not ranked at all.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import rgb_to_lab
from resources.scenes.engine import Candidate, product_box
from resources.scenes.templates import SceneTemplate, rgb_of
from resources.verdicts import Verdict

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

logger = logging.getLogger(__name__)

_SIDE = 512  # pictures are judged at this size
_WEIGHTS = {
    "exposure": 0.16,
    "framing": 0.20,
    "palette": 0.14,
    "shadow": 0.12,
    "sharpness": 0.12,
    "halo": 0.10,
    "separation": 0.16,
}


@dataclass(frozen=True, slots=True)
class Ranking:
    """One accepted candidate's rank: its index in the input, score 0 to 1, and the parts (each 0 to 1) behind it."""

    index: int
    score: float
    parts: dict[str, float]


class Ranker(Protocol):
    """One way to choose among candidates."""

    name: str
    revision: str

    def rank(
        self,
        candidates: Sequence[Candidate],
        templates: Sequence[SceneTemplate],
        verdicts: Sequence[Verdict],
    ) -> list[Ranking]:
        """Accepted candidates, best first."""
        ...


class HeuristicRanker:
    """Exposure, framing, palette, shadow, sharpness, halo and separation, weighted; see the module's text."""

    name = "heuristic"
    revision = "1"

    def rank(
        self,
        candidates: Sequence[Candidate],
        templates: Sequence[SceneTemplate],
        verdicts: Sequence[Verdict],
    ) -> list[Ranking]:
        """Accepted candidates, best first; ties by the verdict's score, then by index.

        ValueError if the three differ in length.
        """
        rankings = []
        for index, (candidate, template, verdict) in enumerate(zip(candidates, templates, verdicts, strict=True)):
            if not verdict.accepted:
                continue
            parts = measure_parts(candidate, template)
            score = sum(_WEIGHTS[name] * value for name, value in parts.items())
            rankings.append(Ranking(index, round(score, 6), parts))
            logger.info("candidate %d ranked %.3f by %s: %s", index, score, self.name, parts)
        return sorted(rankings, key=lambda r: (-r.score, -verdicts[r.index].score, r.index))


def rank(
    candidates: Sequence[Candidate], templates: Sequence[SceneTemplate], verdicts: Sequence[Verdict]
) -> list[Ranking]:
    """Rank accepted candidates with the embedded heuristic; see `HeuristicRanker.rank`."""
    return HeuristicRanker().rank(candidates, templates, verdicts)


_RANKERS: dict[str, type[HeuristicRanker]] = {"heuristic": HeuristicRanker}


def ranker(name: str) -> Ranker:
    """The ranker of that name; ValueError names the known ones."""
    if name not in _RANKERS:
        raise ValueError(f"unknown ranker {name!r}; known: {', '.join(sorted(_RANKERS))}")
    return _RANKERS[name]()


def measure_parts(candidate: Candidate, template: SceneTemplate) -> dict[str, float]:
    """Every part of the heuristic, each 0 (bad) to 1 (good), rounded to 4 decimals."""
    rgb, alpha = _reduced(candidate.rgb), _reduced(candidate.alpha)
    lab = rgb_to_lab(rgb)
    parts = {
        "exposure": _exposure(lab, alpha),
        "framing": _framing(alpha),
        "palette": _palette(lab, alpha, template),
        "shadow": _shadow(lab[..., 0], alpha),
        "sharpness": _sharpness(candidate),
        "halo": _halo(lab[..., 0], alpha),
        "separation": _separation(lab, alpha),
    }
    return {name: round(float(np.clip(value, 0, 1)), 4) for name, value in parts.items()}


def _reduced(image: U8) -> U8:
    k = _SIDE / max(image.shape[:2])
    if k >= 1:
        return image
    size = (max(1, round(image.shape[1] * k)), max(1, round(image.shape[0] * k)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _exposure(lab: F32, alpha: U8) -> float:
    """1 without burnt or drowned surroundings; falls to 0 when 5 % of them are clipped."""
    surroundings = lab[..., 0][alpha < 8]
    if surroundings.size == 0:
        return 0.0
    clipped = float(np.mean((surroundings > 99.5) | (surroundings < 1.5)))
    return 1 - clipped / 0.05


def _framing(alpha: U8) -> float:
    """1 for a product that fills 45 to 78 % of the picture, near the middle and off the borders."""
    height, width = alpha.shape
    box = product_box(np.where(alpha >= min(24, int(alpha.max())), alpha, 0).astype(np.uint8))
    fill = max(box.width / width, box.height / height)
    size = 1 - max(0.0, 0.45 - fill, fill - 0.78) / 0.3
    aside = abs((box.left + box.right) / 2 / width - 0.5)
    above = abs((box.top + box.bottom) / 2 / height - 0.54)
    margin = min(box.left / width, 1 - box.right / width, box.top / height, 1 - box.bottom / height)
    # A little aside is livelier than dead centre, so only more than 4 % counts.
    place = 1 - max(0.0, aside - 0.04) / 0.2 - max(0.0, above - 0.06) / 0.3
    return max(0.0, size) * max(0.0, place) * float(np.clip(margin / 0.04, 0, 1))


def _palette(lab: F32, alpha: U8, template: SceneTemplate) -> float:
    """1 if the surroundings have the template's colours; 0 from 40 Lab units away."""
    palette = np.array([rgb_of(colour) for colour in template.palette], np.uint8)
    wanted = rgb_to_lab(palette[None])[0]
    around = lab[alpha < 8][::7]
    if around.size == 0:
        return 0.0
    distance = np.linalg.norm(around[:, None] - wanted[None], axis=2).min(axis=1)
    return 1 - float(np.median(distance)) / 40


def _shadow(lightness: F32, alpha: U8) -> float:
    """1 if it is clearly darker right under the product than beside it: something grounds it."""
    box = product_box(np.where(alpha >= min(128, int(alpha.max())), alpha, 0).astype(np.uint8))
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
    return drop / 7


def _sharpness(candidate: Candidate) -> float:
    """1 for a product at or under its own resolution; falls as it is enlarged."""
    return 1 - max(0.0, candidate.placement.scale - 1) / 1.0


def _halo(lightness: F32, alpha: U8) -> float:
    """1 without a bright or dark line around the product that neither it nor the scene has."""
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
    weight = mask.astype(np.float32)
    total = cv2.blur(values * weight, (9, 9)) + 1e-4 * values
    return total / (cv2.blur(weight, (9, 9)) + 1e-4)


def _separation(lab: F32, alpha: U8) -> float:
    """1 if the product stands out from what is behind it by 18 Lab units or more along most of its outline."""
    kernel = np.ones((3, 3), np.uint8)
    solid = (alpha > 127).astype(np.uint8)
    core, free = cv2.erode(solid, kernel, iterations=2), 1 - cv2.dilate(solid, kernel, iterations=3)
    edge = (solid - cv2.erode(solid, kernel)) > 0
    if not edge.any() or not core.any():
        return 0.0
    apart = [_local_mean(lab[..., c], core) - _local_mean(lab[..., c], free) for c in range(3)]
    distance = np.sqrt(apart[0] ** 2 + apart[1] ** 2 + apart[2] ** 2)
    return float(np.percentile(distance[edge], 30)) / 18
