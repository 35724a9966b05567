"""Cleaning of binary masks: what is dust, what is a hole, what is a line that merely touches the product.

Masks are HxW bool, True = product. Sizes are relative, so that results hold at any working size.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

# An enclosed area with islands of more than this share of it is a printed label.
_ISLAND_SHARE = 0.01


def drop_small_parts(mask: Mask, share: float = 0.05) -> Mask:
    """Keep the parts (8-connected) of at least `share` of the largest one's area."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 3:
        return mask
    area = stats[:, cv2.CC_STAT_AREA].copy()
    area[0] = 0
    return (area >= share * area.max())[labels]


def fill_small_holes(mask: Mask, share: float = 0.02) -> Mask:
    """Fill holes (4-connected, not touching the frame) smaller than `share` of the product.

    Larger ones are kept: the gap in a handle or a ring is no flaw of the mask.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    fill = stats[:, cv2.CC_STAT_AREA] < share * int(mask.sum())
    height, width = mask.shape
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[:, cv2.CC_STAT_WIDTH], top + stats[:, cv2.CC_STAT_HEIGHT]
    fill &= (left > 0) & (top > 0) & (right < width) & (bottom < height)
    fill[0] = False
    return mask | fill[labels] if count > 1 else mask


def drop_spurs(mask: Mask, evidence: Field, level: float) -> Mask:
    """Drop hair-thin pieces (at most 2 px) that nothing but a line in the background speaks for.

    A horizon or a table's edge that meets the product is taken along by any method that follows edges.
    evidence: how surely each pixel is product, 0..1; a thin piece stays if its mean reaches `level`.
    """
    body = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    thin = mask & ~body
    count, labels = cv2.connectedComponents(thin.astype(np.uint8), connectivity=8)
    size = np.maximum(np.bincount(labels.ravel(), minlength=count), 1)
    mean = np.bincount(labels.ravel(), evidence.ravel(), count) / size
    # Crumbs of the body's own rim are no lines.
    keep = (mean >= level) | (size < 6)
    keep[0] = False
    return body | keep[labels]


def tidy(mask: Mask) -> Mask:
    """Small parts dropped, small holes filled."""
    return fill_small_holes(drop_small_parts(mask))


def is_gap(area: Mask, to_outside: Field) -> bool:
    """Whether an enclosed area lies nearer to the outside than it is wide, and has next to no islands."""
    width = 2 * float(cv2.distanceTransform(area.astype(np.uint8), cv2.DIST_L2, 5).max())
    contours, _ = cv2.findContours(area.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros(area.shape, np.uint8)
    cv2.drawContours(whole, contours, -1, 1, cv2.FILLED)
    islands = int(whole.sum()) - int(area.sum())
    return float(to_outside[area].min()) < width and islands < _ISLAND_SHARE * int(area.sum())


def resize_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """The mask at another size (width, height), its outline smooth instead of stepped when it grows."""
    if (mask.shape[1], mask.shape[0]) == size:
        return mask
    growing = size[0] > mask.shape[1]
    field = mask.astype(np.float32)
    if growing:
        field = cv2.GaussianBlur(field, (0, 0), 0.7)
    return cv2.resize(field, size, interpolation=cv2.INTER_LINEAR if growing else cv2.INTER_AREA) > 0.5


def overlap(a: Mask, b: Mask) -> float:
    """Intersection over union, 0..1; two empty masks do not agree on anything: 0."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 0.0
