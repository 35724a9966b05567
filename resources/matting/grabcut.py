"""GrabCut from a saliency map, repeatable.

cv2.grabCut draws its first colour models from OpenCV's random generator, which is per thread: it is seeded before
every call, in the thread that calls.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]
Picture = NDArray[np.uint8]
Models = tuple[NDArray[np.float64], NDArray[np.float64]]

_SEED = 20260101
_BORDER_SHARE = 0.01
_ROUNDS = 3


def lab_picture(lab: Field) -> Picture:
    """Lab as an 8-bit picture whose colour differences look as large as they are seen (a, b stretched)."""
    out = np.empty(lab.shape, np.uint8)
    out[..., 0] = np.clip(lab[..., 0] * 2.0, 0, 255)
    out[..., 1:] = np.clip(lab[..., 1:] * 2.5 + 128, 0, 255)
    return out


def otsu_level(field: Field) -> float:
    """The threshold (0..1) that parts a 0..1 field into two classes best."""
    level, _ = cv2.threshold((field * 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    return float(level) / 255


def triangle_level(field: Field) -> float:
    """A generous level (0..1): where the histogram bends away from the peak that the background makes."""
    level, _ = cv2.threshold((field * 255).astype(np.uint8), 0, 255, cv2.THRESH_TRIANGLE)
    return float(level) / 255


def frame_level(field: Field) -> float:
    """A generous level (0..1): half as much again as the frame's upper fifth, but never above Otsu's.

    The frame is 8 % of the long side to the left, right and top; below, products may be cut off.
    """
    width = max(1, int(0.08 * max(field.shape)))
    frame = np.concatenate([field[:width].ravel(), field[:, :width].ravel(), field[:, -width:].ravel()])
    return min(otsu_level(field), float(np.percentile(frame, 80)) * 1.5 + 0.06)


def cut_salient(picture: Picture, saliency: Field, level: float) -> Mask:
    """Cut out what is more salient than `level`; HxW bool.

    picture: HxWx3 uint8 in any colour space. saliency: HxW 0..1. The frame's rim is surely background where it
    is not salient; but not below, because products stand there.
    """
    seeds = np.where(saliency > level, np.uint8(cv2.GC_PR_FGD), np.uint8(cv2.GC_PR_BGD))
    rim = max(2, round(_BORDER_SHARE * max(saliency.shape)))
    border = np.zeros(saliency.shape, bool)
    border[:rim] = border[:, :rim] = border[:, -rim:] = True
    seeds[border & (saliency <= level)] = cv2.GC_BGD
    return _cut(picture, seeds, _ROUNDS)


def redraw(picture: Picture, mask: Mask, margin: int, unsure: Mask | None = None) -> Mask:
    """Draw the outline of a mask again, at most `margin` px from where it was; HxW bool.

    Colours are learned from a copy of half the size: half the time, and over photos with known mattes as good on the
    whole.
    unsure: where colours may decide as well, however far inside: what may be a gap. HxW bool.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    solid = mask.astype(np.uint8)
    seeds = np.where(mask, np.uint8(cv2.GC_PR_FGD), np.uint8(cv2.GC_PR_BGD))
    seeds[cv2.dilate(solid, kernel) == 0] = cv2.GC_BGD
    inside = cv2.erode(solid, kernel) > 0
    seeds[inside if unsure is None else inside & ~unsure] = cv2.GC_FGD
    half = (max(1, mask.shape[1] // 2), max(1, mask.shape[0] // 2))
    small = cv2.resize(seeds, half, interpolation=cv2.INTER_NEAREST)
    models = _learned(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), small, rounds=1)
    if models is not None:
        cv2.grabCut(picture, seeds, None, *models, 1, cv2.GC_EVAL_FREEZE_MODEL)
    return _chosen(seeds)


def _cut(picture: Picture, seeds: NDArray[np.uint8], rounds: int) -> Mask:
    _learned(picture, seeds, rounds)
    return _chosen(seeds)


def _learned(picture: Picture, seeds: NDArray[np.uint8], rounds: int) -> Models | None:
    """Cut along the seeds, which are changed to what was cut; the colours of background and product found meanwhile.

    None, and nothing is cut, where one of the two is missing.
    """
    chosen = _chosen(seeds)
    if chosen.all() or not chosen.any():
        return None
    cv2.setRNGSeed(_SEED)
    back, fore = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, seeds, None, back, fore, rounds, cv2.GC_INIT_WITH_MASK)
    return back, fore


def _chosen(seeds: NDArray[np.uint8]) -> Mask:
    return (seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)
