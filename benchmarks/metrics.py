"""How far a matte is from the truth: the measures of the matting and segmentation literature.

Mattes are HxW float32, 0 background to 1 product. Definitions: IoU of what is above 0.5; MAE, MSE and SAD as on
alphamatting.com (SAD in thousands); boundary F of inner contours as in video segmentation (DAVIS), with a tolerance
of 0.3 % of the diagonal, at least 2 px; band MSE over what lies within 3 px of the true contour or of soft pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

# An IoU from which on a cut-out counts as right.
RIGHT = 0.90
_TOLERANCE_SHARE, _TOLERANCE_LEAST = 0.003, 2.0
_BAND = 3


@dataclass(frozen=True, slots=True)
class Scores:
    """One matte against the truth. iou, mae, mse, boundary_f, band_mse: 0 to 1. sad: thousands of pixels."""

    iou: float
    mae: float
    mse: float
    sad: float
    boundary_f: float
    band_mse: float

    @property
    def right(self) -> bool:
        """True if the right thing was cut out."""
        return self.iou >= RIGHT


def score(alpha: Field, truth: Field) -> Scores:
    """All measures of a matte; both of one shape, float32 0 to 1."""
    error = alpha - truth
    absolute, squared = np.abs(error), error * error
    band = soft_band(truth)
    return Scores(
        iou=iou(alpha > 0.5, truth > 0.5),
        mae=float(absolute.mean()),
        mse=float(squared.mean()),
        sad=float(absolute.sum() / 1000),
        boundary_f=boundary_f(alpha > 0.5, truth > 0.5),
        band_mse=float(squared[band].mean()) if band.any() else 0.0,
    )


def iou(found: Mask, truth: Mask) -> float:
    """Share of common pixels in all pixels of either mask; 0 if both are empty, as nothing was found."""
    union = np.count_nonzero(found | truth)
    return float(np.count_nonzero(found & truth) / union) if union else 0.0


def boundary_f(found: Mask, truth: Mask) -> float:
    """Harmonic mean of the shares of either outline that lie near the other; 0 if one mask has no outline."""
    ours, theirs = _outline(found), _outline(truth)
    if not ours.any() or not theirs.any():
        return 0.0
    near = max(_TOLERANCE_LEAST, _TOLERANCE_SHARE * float(np.hypot(*truth.shape)))
    precision = float((_distance_from(theirs)[ours] <= near).mean())
    recall = float((_distance_from(ours)[theirs] <= near).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def soft_band(truth: Field) -> Mask:
    """Pixels within 3 px (in both directions) of the true outline or of the truth's soft pixels."""
    core = _outline(truth > 0.5) | ((truth > 0.02) & (truth < 0.98))
    return cv2.dilate(core.astype(np.uint8), np.ones((2 * _BAND + 1,) * 2, np.uint8)) > 0


def _outline(mask: Mask) -> Mask:
    """Pixels of a mask that have a neighbour outside of it (8 directions); the frame is no outline."""
    grown_outside = cv2.dilate((~mask).astype(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    return mask & (grown_outside > 0)


def _distance_from(outline: Mask) -> Field:
    return cv2.distanceTransform(np.where(outline, 0, 255).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
