"""Are new weights better than the old ones? Both answer through the exported file, as at run time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import Rgb
from resources.matting.cutnet.shop_pairs import Pair
from resources.matting.onnx_saliency import OnnxDetector
from resources.matting.shapes import overlap
from resources.matting.shop_weights import Scores

Mask = NDArray[np.bool_]
F32 = NDArray[np.float32]

RIGHT = 0.90
# New weights must gain this much mean IoU on what was held out.
MARGIN = 0.002
# A picture that was right and no longer is may lose this much of its IoU.
MOST_LOST = 0.05
# The net is sure of an answer from here on.
SURE = 0.7
# Of the answers to the sample photos of which the shipped weights are sure, so many must stay (IoU of at least 0.90).
LEAST_AGREEMENT = 0.9
# Outlines this near to each other are the same, px of the net's input.
_NEAR = 2.0


@dataclass(frozen=True, slots=True)
class Scored:
    """The answer to one held-out picture against its matte, all 0 to 1. sure: how sure the net is of it."""

    name: str
    trusted: bool
    iou: float
    mae: float
    boundary: float
    sure: float

    @property
    def right(self) -> bool:
        return self.iou >= RIGHT


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of how many sample photos the shipped weights are sure, and to how many of them the new ones say the same."""

    sure: int
    same: int

    @property
    def enough(self) -> bool:
        return self.same >= LEAST_AGREEMENT * self.sure


def score_pairs(net: OnnxDetector, pairs: Sequence[Pair], report: Callable[[int], None]) -> list[Scored]:
    """The net's answer to each pair. report: called with 1 for each. Raises ValueError if the net cannot be used."""
    found = []
    for pair in pairs:
        found.append(_scored(net, pair))
        report(1)
    return found


def mean_scores(found: Sequence[Scored]) -> Scores:
    """Averages over one picture or more."""
    return Scores(
        pictures=len(found),
        iou=_mean([one.iou for one in found]),
        right=_mean([float(one.right) for one in found]),
        mae=_mean([one.mae for one in found]),
        boundary=_mean([one.boundary for one in found]),
    )


def agreement(shipped: OnnxDetector, new: OnnxDetector, photos: Sequence[Rgb]) -> Agreement:
    """How far new weights have not forgotten what the shipped ones are sure of."""
    sure = same = 0
    for photo in photos:
        known = shipped.answer(photo)
        if known.sure >= SURE:
            sure += 1
            same += overlap(known.saliency > 0.5, new.answer(photo).saliency > 0.5) >= RIGHT
    return Agreement(sure, same)


def objections(before: Sequence[Scored], after: Sequence[Scored], remembered: Agreement) -> list[str]:
    """Why new weights must not be installed, a sentence each; none if they are better.

    before, after: the old and the new net on the same pictures, in the same order.
    """
    old, new = mean_scores(before), mean_scores(after)
    said = []
    if new.iou < old.iou + MARGIN:
        said.append(f"The mean IoU went from {old.iou:.4f} to {new.iou:.4f}; a gain of at least {MARGIN} is needed.")
    if new.right < old.right:
        said.append(f"The share of right answers fell from {old.right:.3f} to {new.right:.3f}.")
    said += _about_trusted(before, after)
    said += [
        f"{now.name} was right (IoU {then.iou:.3f}) and would be wrong ({now.iou:.3f})."
        for then, now in zip(before, after, strict=True)
        if then.right and not now.right and now.iou < then.iou - MOST_LOST
    ]
    misled, misled_before = (sum(one.sure >= SURE and not one.right for one in each) for each in (after, before))
    if misled > misled_before:
        said.append(f"The net would be sure of {misled} wrong answers, it was of {misled_before}.")
    if not remembered.enough:
        said.append(
            f"It would answer {remembered.sure - remembered.same} of {remembered.sure} sample photos otherwise "
            "of which the shipped weights are sure."
        )
    return said


def _about_trusted(before: Sequence[Scored], after: Sequence[Scored]) -> list[str]:
    """What a person vouches for weighs more than what the gate accepted: it must not get worse on average."""
    old, new = ([one.iou for one in each if one.trusted] for each in (before, after))
    if not old or _mean(new) >= _mean(old):
        return []
    return [f"On cut-outs that a person looked at, the mean IoU fell from {_mean(old):.4f} to {_mean(new):.4f}."]


def _scored(net: OnnxDetector, pair: Pair) -> Scored:
    answer = net.answer(pair.photo)
    height, width = answer.saliency.shape
    smaller = max(pair.alpha.shape) > max(height, width)
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    truth = cv2.resize(pair.alpha, (width, height), interpolation=interpolation).astype(np.float32) / 255
    found, wanted = answer.saliency > 0.5, truth > 0.5
    return Scored(
        name=pair.name,
        trusted=pair.trusted,
        iou=overlap(found, wanted),
        mae=float(np.abs(answer.saliency - truth).mean()),
        boundary=_boundary(found, wanted),
        sure=answer.sure,
    )


def _boundary(found: Mask, wanted: Mask) -> float:
    """Harmonic mean of the shares of either outline that lie within 2 px of the other; 0 where one has none."""
    ours, theirs = _outline(found), _outline(wanted)
    if not ours.any() or not theirs.any():
        return 0.0
    precision = float((_distance(theirs)[ours] <= _NEAR).mean())
    recall = float((_distance(ours)[theirs] <= _NEAR).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _outline(mask: Mask) -> Mask:
    solid = mask.astype(np.uint8)
    return mask & (cv2.erode(solid, np.ones((3, 3), np.uint8), borderValue=1) == 0)


def _distance(outline: Mask) -> F32:
    return cv2.distanceTransform(np.where(outline, 0, 255).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 5)
