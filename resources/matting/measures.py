"""Numbers from which `judge_matte` tells a sure outline from a doubtful one.

They are taken at working size (some hundred pixels); `gate.MatteThresholds` says what each one means.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import Alpha
from resources.imaging.colour import channel_sum, lengths, per_channel
from resources.matting.shapes import is_gap

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

# Lab distance under which two colours count as hardly different.
_SAME_COLOUR = 6.0
# Edges under this strength (Lab units a pixel) are shades, and so are edges wider than this (px).
_FAINT_EDGE = 3.0
_WIDE_EDGE = 4.0
COLOUR_MEASURES = ("shared_colours", "background_inside", "filled_gaps", "weak_outline", "faint_outline", "loose_edges")
_BINS = 40
_BIN_WIDTH = 6.0
_TINY = 1e-5
# Smaller areas than this share of the mask are no gaps worth a doubt.
_GAP_SHARE = 0.01


def shape_measures(mask: Mask) -> dict[str, float]:
    """area, side_contact and parts of a binary mask."""
    sides = (mask[0].mean(), mask[-1].mean(), mask[:, 0].mean(), mask[:, -1].mean())
    parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1
    return {"area": float(mask.mean()), "side_contact": float(max(sides)), "parts": float(parts)}


def softness(alpha: Alpha) -> float:
    """Share of the visible matte that is neither clearly product nor clearly background; 0 for an empty one."""
    seen = int((alpha > 12).sum())
    return int(((alpha > 12) & (alpha < 243)).sum()) / seen if seen else 0.0


def own_alpha_measures(alpha: Alpha) -> dict[str, float]:
    """What is measured of an alpha that came with the photo: the seller drew it, so only its area is judged.

    Its frame may be cropped tight and it may have many parts; whoever drew the outline knew where it is.
    """
    return {"area": float((alpha > 127).mean())}


def colour_measures(lab: Field, mask: Mask) -> dict[str, float]:
    """How a mask fits its picture: see `COLOUR_MEASURES`, and `gate.MatteThresholds` for what they mean.

    lab: float32 HxWx3 of the mask's size, some 320 px on the long side: windows and edge strengths go by that.
    A mask that is empty or full gets the worst value of each.
    """
    if mask.all() or not mask.any():
        return dict.fromkeys(COLOUR_MEASURES, 1.0)
    edges = edge_strength(lab)
    near_edge = cv2.dilate(edges, np.ones((5, 5), np.uint8))
    outline = mask & ~_shrunk(mask, 1)
    values = (
        _shared_colours(lab, mask),
        _background_inside(lab, mask),
        _filled_gaps(lab, mask),
        _weak_outline(lab, mask, outline),
        _faint_outline(lab, near_edge, mask, outline),
        _loose_edges(edges, near_edge, mask, outline),
    )
    return dict(zip(COLOUR_MEASURES, values, strict=True))


def edge_strength(lab: Field, sigma: float = 0.7) -> Field:
    """How steeply colours change, HxW float32 in Lab units a pixel.

    lab: float32 HxWx3. sigma: of the blur before, px; wider blurs see through grain.
    """
    smooth = cv2.GaussianBlur(lab, (0, 0), sigma)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(smooth, cv2.CV_32F, 0, 1) / 8
    return np.sqrt(channel_sum(across * across + down * down))


def _faint_outline(lab: Field, near_edge: Field, mask: Mask, outline: Mask) -> float:
    """Share of the outline that runs through a shadow or a blur: the step across it is weak, or takes long."""
    inner, inner_weight = _local_mean(lab, _shrunk(mask, 2), 9)
    outer, outer_weight = _local_mean(lab, ~_grown(mask, 3), 9)
    step = lengths(inner - outer)
    # Pixels that the step takes at its steepest; a part too thin to have an inside is not judged by it.
    width = np.where(inner_weight > 0.02, step / np.maximum(near_edge, 0.05), 0)
    # Not along the frame: the photo ends there, not the product.
    judged = outline & (outer_weight > 0.02)
    faint = (near_edge < _FAINT_EDGE) | (width > _WIDE_EDGE)
    return float(faint[judged].mean()) if judged.any() else 1.0


def _loose_edges(edges: Field, near_edge: Field, mask: Mask, outline: Mask) -> float:
    """Edges near the mask but not its own, as strong as its own, relative to the length of its outline."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.vstack(contours)), 1)
    reach = int(0.15 * max(mask.shape)) | 1
    around = (cv2.dilate(hull, np.ones((reach, reach), np.uint8)) > 0) & ~_grown(mask, 4)
    strong = max(2.0, 0.6 * float(np.median(near_edge[outline])))
    return float((around & (edges > strong)).sum() / outline.sum())


def _colour_index(lab: Field) -> NDArray[np.int64]:
    bins = np.clip(lab / _BIN_WIDTH + np.array([0, _BINS / 2, _BINS / 2], np.float32), 0, _BINS - 1).astype(np.int64)
    return (bins[..., 0] * _BINS + bins[..., 1]) * _BINS + bins[..., 2]


def _shared_colours(lab: Field, mask: Mask) -> float:
    """Bhattacharyya coefficient of the two colour histograms."""
    index = _colour_index(lab)
    inside = np.bincount(index[mask], minlength=_BINS**3) / mask.sum()
    outside = np.bincount(index[~mask], minlength=_BINS**3) / (~mask).sum()
    return float(np.sqrt(inside * outside).sum())


def _filled_gaps(lab: Field, mask: Mask) -> float:
    """Share of the mask in areas that look like gaps left filled: the wall behind a handle.

    Such an area has colours that are more common outside than inside and not far from those of the background
    around, lies near the outside for its width, and has no print in it.
    """
    smooth = cv2.medianBlur(lab, 3)
    index = _colour_index(smooth)
    inside = np.bincount(index[mask], minlength=_BINS**3)
    outside = np.bincount(index[~mask], minlength=_BINS**3)
    distance, spread = _from_background(smooth, mask, 0.3)
    alike = distance < 2 * np.maximum(_SAME_COLOUR, spread)
    doubtful = (mask & alike & (outside[index] > inside[index])).astype(np.uint8)
    doubtful = cv2.morphologyEx(doubtful, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) & mask.astype(np.uint8)
    doubtful = cv2.morphologyEx(doubtful, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(doubtful, connectivity=4)
    to_outside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    total = int(mask.sum())
    gaps = 0
    for i in range(1, count):
        area = int(stats[i, cv2.CC_STAT_AREA])
        if area >= _GAP_SHARE * total and is_gap(labels == i, to_outside):
            gaps += area
    return gaps / total


def _background_inside(lab: Field, mask: Mask) -> float:
    """Share of the inside whose colour is within the spread of the background around it."""
    distance, spread = _from_background(lab, mask, 0.15)
    inside = _shrunk(mask, 2) & np.isfinite(distance)
    return float((distance < np.maximum(_SAME_COLOUR, spread))[inside].mean()) if inside.any() else 0.0


def _from_background(lab: Field, mask: Mask, reach: float) -> tuple[Field, Field]:
    """Distance of each pixel from the mean of the background in a window, and the background's spread there (Lab).

    reach: side of the window, of the long side. The distance is infinite where hardly any background is in it.
    """
    outside = ~_grown(mask, 2)
    window = int(reach * max(mask.shape)) | 1
    mean, weight = _local_mean(lab, outside, window)
    square, _ = _local_mean(lab * lab, outside, window)
    spread = np.sqrt(channel_sum(np.maximum(square - mean * mean, 0)))
    distance = lengths(lab - mean)
    return np.where(weight > 0.02, distance, np.float32(np.inf)), spread


def _weak_outline(lab: Field, mask: Mask, outline: Mask) -> float:
    """Share of the outline where the mean colours to its two sides hardly differ."""
    inner, _ = _local_mean(lab, mask, 7)
    outer, weight = _local_mean(lab, ~_grown(mask, 1), 7)
    judged = outline & (weight > 0.02)
    if not judged.any():
        return 1.0
    step = lengths(inner - outer)
    return float((step[judged] < _SAME_COLOUR).mean())


def _local_mean(values: Field, where: Mask, window: int) -> tuple[Field, Field]:
    weight = where.astype(np.float32)
    share = cv2.blur(weight, (window, window))
    total = cv2.blur(values * per_channel(weight), (window, window))
    return total / per_channel(share + _TINY), share


def _grown(mask: Mask, by: int) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * by + 1,) * 2, np.uint8)) > 0


def _shrunk(mask: Mask, by: int) -> Mask:
    """Eroded; beyond the frame the product goes on."""
    kernel = np.ones((2 * by + 1,) * 2, np.uint8)
    return cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_REPLICATE) > 0
