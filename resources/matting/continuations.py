"""What goes on across the outline of a product: a background seen through it, a floor that mirrors it.

An opaque product hides what is behind it, and a dull floor shows nothing of it. Each measure here is a correlation
between what lies to the two sides.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

# Distances from the outline (px at some 500 px) at which colours are compared: beyond the rim, where glass is thick.
_OUTER = (4.0, 7.0)
_INNER = (6.0, 10.0, 15.0)
# Changes along the outline that are longer than this (px) are light and not things behind.
_DETAIL = 24
# Spread of the detail outside (Lab units) under which there is nothing to see through the product.
_LEAST_DETAIL = 2.0
# Standard errors that a correlation must exceed zero by.
_DOUBT = 1.0
# A reflection is looked for in this share of the product's height beside the line of contact.
_MIRRORED = 0.22
# A floor mirrors some of the product, but not all of it; more is an object that is alike above and below.
_FAINTEST, _STRONGEST = 0.12, 0.85


def see_through(lab: Field, mask: Mask) -> float:
    """How far the background goes on inside the outline: correlation (0 to 1) less its own uncertainty.

    lab: float32 HxWx3, some 500 px. 0 where the background is plain: nothing could be seen to go on.
    """
    inside = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    signed = cv2.GaussianBlur(np.where(mask, inside, -outside).astype(np.float32), (0, 0), 2.0)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    across, down = cv2.Sobel(signed, cv2.CV_32F, 1, 0), cv2.Sobel(signed, cv2.CV_32F, 0, 1)
    best = 0.0
    smooth = cv2.GaussianBlur(lab, (0, 0), 1.0)
    for inner in _INNER:
        pairs = []
        for contour in contours:
            points = contour[:, 0].astype(np.float32)
            pair = _both_sides(points, smooth, inside, outside, across, down, inner)
            if pair is not None:
                pairs.append(pair)
        if pairs:
            outer_detail = np.concatenate([pair[0] for pair in pairs])
            inner_detail = np.concatenate([pair[1] for pair in pairs])
            best = max(best, _sure_correlation(outer_detail, inner_detail))
    return best


def _both_sides(
    points: Field, lab: Field, inside: Field, outside: Field, across: Field, down: Field, depth: float
) -> tuple[Field, Field] | None:
    """Detail of the colours along one contour, outside and inside of it, where both sides can be seen."""
    if len(points) < 4 * _DETAIL:
        return None
    x, y = points[:, 0].astype(int), points[:, 1].astype(int)
    length = np.maximum(np.hypot(across[y, x], down[y, x]), 1e-3)
    nx, ny = across[y, x] / length, down[y, x] / length

    def at(field: Field, by: float) -> Field:
        px, py = (points[:, 0] + by * nx).astype(np.float32), (points[:, 1] + by * ny).astype(np.float32)
        return np.asarray(cv2.remap(field, px[:, None], py[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

    outer = np.mean([at(lab, -by) for by in _OUTER], axis=0)[:, 0]
    inner = at(lab, depth)[:, 0]
    # Straight in and straight out: not in a corner, not across a thin part, not beyond the frame.
    seen = (at(inside, depth)[:, 0] > 0.75 * depth) & (at(outside, -_OUTER[-1])[:, 0] > 0.75 * _OUTER[-1])
    height, width = lab.shape[:2]
    margin = _OUTER[-1] + 1
    seen &= (points[:, 0] > margin) & (points[:, 0] < width - margin)
    seen &= (points[:, 1] > margin) & (points[:, 1] < height - margin)
    if seen.sum() < 2 * _DETAIL:
        return None
    return _detail(outer, seen)[seen], _detail(inner, seen)[seen]


def _detail(colours: Field, seen: Mask) -> Field:
    """Colours less their mean along the contour nearby."""
    weight = seen.astype(np.float32)[:, None]
    kernel = (1, 2 * _DETAIL + 1)
    total = cv2.blur((colours * weight).astype(np.float32)[:, None, :], kernel, borderType=cv2.BORDER_REFLECT)[:, 0]
    share = cv2.blur(weight[:, None, :], kernel, borderType=cv2.BORDER_REFLECT)
    return np.asarray(colours - total / np.maximum(share.reshape(-1, 1), 1e-3), np.float32)


def _sure_correlation(outer: Field, inner: Field) -> float:
    """Correlation of two rows of colours less `_DOUBT` standard errors; 0 if the first has hardly any detail."""
    energy = (outer * outer).sum(axis=1)
    if np.sqrt(energy.mean()) < _LEAST_DETAIL:
        return 0.0
    both = float(np.sqrt((outer * outer).sum() * (inner * inner).sum()))
    correlation = float((outer * inner).sum()) / max(both, 1e-6)
    # Neighbours along the contour are one sight, and a few strong edges count for more than many faint ones.
    sights = float(energy.sum() ** 2 / max(1e-6, float((energy * energy).sum()))) / 6
    return max(0.0, correlation - _DOUBT / float(np.sqrt(max(1.0, sights))))


def floor_reflection(lab: Field, mask: Mask) -> float:
    """How well the picture below the product is its mirror image: correlation of the detail, 0 to 1.

    Looked for about the line that the product stands on. A mirror image inside the mask would be no sign: stripes and
    weaves have one anywhere.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) < 40 or len(columns) < 20:
        return 0.0
    top, bottom = int(rows[0]), int(rows[-1])
    span = max(12, round(_MIRRORED * (bottom - top)))
    part = lab[:, columns[0] : columns[-1] + 1]
    sigma = max(2.0, 0.02 * (bottom - top))
    detail = part - cv2.GaussianBlur(part, (0, 0), sigma)
    cells = mask[:, columns[0] : columns[-1] + 1]
    best = 0.0
    for axis in range(top + round(0.8 * (bottom - top)), min(lab.shape[0] - span, bottom + 6)):
        upper, lower = detail[axis - span : axis][::-1], detail[axis : axis + span]
        where = cells[axis - span : axis][::-1]
        where = where & ~cells[axis : axis + span]
        gap = 2  # the line of contact itself is an edge on both sides
        best = max(best, _mirrored(upper[gap:], lower[gap:], where[gap:]))
    return best


def _mirrored(upper: Field, lower: Field, where: Mask) -> float:
    """Correlation where the product is above, if the lower is a weaker picture of the upper."""
    if where.mean() < 0.15:
        return 0.0
    # Stripes that run up and down are their own mirror image, on any floor: only what changes downwards counts.
    weight = where[..., None].astype(np.float32)
    share = np.maximum(weight.sum(axis=0, keepdims=True), 1)
    upper = upper - (upper * weight).sum(axis=0, keepdims=True) / share
    lower = lower - (lower * weight).sum(axis=0, keepdims=True) / share
    a, b = upper[where], lower[where]
    aa, bb, ab = float((a * a).mean()), float((b * b).mean()), float((a * b).mean())
    strength = ab / max(aa, 1e-6)
    if aa < 1.5 or not _FAINTEST < strength < _STRONGEST:
        return 0.0
    return ab / float(np.sqrt(aa * bb))
