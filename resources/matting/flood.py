"""The white-studio route: what the border can reach without leaving its colour is background.

Works where the border of the picture is of one colour, and says how far its outline depends on the tolerance:
an outline that stays where it is between two tolerances is an edge of something, one that moves is a shade.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import channel_sum, lengths_from
from resources.matting.shapes import is_gap, overlap, tidy

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

# A ring is uniform where its colours lie this close to their median (Lab units).
RING_TOLERANCE = 4.0
_RING_SHARE = 0.01
# Tolerances tried, in Lab units; neighbours differ by about half.
_TOLERANCES = (2.0, 3.0, 4.5, 7.0, 10.0)
# An enclosed area may be a hole if it is as near to the background's colour as the background is itself, to within
# this (Lab units), and of at least this share of the product.
_HOLE_LIKENESS = 1.0
_HOLE_SHARE = 0.005
# A shade has nearly the hue of the background, is at most this much darker, and has no steeper edge than this
# (Lab units, and units a pixel at the size of the flood).
_SHADE_HUE, _SHADE_DEPTH, _SHADE_EDGE = 5.0, 60.0, 2.5


@dataclass(frozen=True, slots=True)
class Flood:
    """The most stable flood: its mask, its tolerance, and the least IoU with the tolerances beside it."""

    mask: Mask
    tolerance: float
    stability: float


def ring_distance(lab: Field) -> tuple[Field, float]:
    """Distance of each pixel from the border's median colour (Lab), and the share of the border ring near it."""
    width = max(2, round(_RING_SHARE * max(lab.shape[:2])))
    ring = np.concatenate(
        [
            lab[:width].reshape(-1, 3),
            lab[-width:].reshape(-1, 3),
            lab[:, :width].reshape(-1, 3),
            lab[:, -width:].reshape(-1, 3),
        ]
    )
    median = np.median(ring, axis=0).astype(np.float32)
    distance, near = lengths_from(lab, median), lengths_from(ring, median) <= RING_TOLERANCE
    return distance, float(near.mean())


def flood_mask(distance: Field, tolerance: float) -> Mask:
    """Everything but the pixels within `tolerance` that hang together with the border."""
    _, labels = cv2.connectedComponents((distance <= tolerance).astype(np.uint8), connectivity=4)
    reached = np.zeros(int(labels.max()) + 1, bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        reached[edge] = True
    reached[0] = False
    return ~reached[labels]


def open_holes(mask: Mask, distance: Field, tolerance: float) -> Mask:
    """Take enclosed areas of exactly the background's colour out of a flood's mask: the gap in a handle.

    White paper on a product is a little off the background. Where it is not, a gap is told from a label by what
    is around and in it: a gap lies near the outside for its size, and has nothing printed inside.
    """
    if mask.all() or not mask.any():
        return mask
    # Parted where only a hair's breadth joins them, so that a hole does not run out into a light edge.
    enclosed = (mask & (distance <= tolerance)).astype(np.uint8)
    body = cv2.morphologyEx(enclosed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(body, connectivity=4)
    likeness = float(distance[~mask].mean()) + _HOLE_LIKENESS
    to_outside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    out = mask.copy()
    for i in range(1, count):
        if stats[i, cv2.CC_STAT_AREA] < _HOLE_SHARE * int(mask.sum()):
            continue
        area = labels == i
        if distance[area].mean() <= likeness and is_gap(area, to_outside):
            out &= ~area
    return out


def stable_flood(distance: Field) -> Flood:
    """Flood at several tolerances and take the one whose mask changes least to the next one up or down.

    Of equally stable ones the most tolerant: it keeps the least of shades and JPEG noise around the product.
    """
    masks = [tidy(flood_mask(distance, tolerance)) for tolerance in _TOLERANCES]
    steps = [overlap(a, b) for a, b in pairwise(masks)]
    # Round, so that the third digit does not outweigh the cleaner outline.
    best = max(range(len(steps)), key=lambda i: (round(steps[i], 2), i))
    tolerance = _TOLERANCES[best + 1]
    return Flood(open_holes(masks[best + 1], distance, tolerance), tolerance, steps[best])


def without_shade(mask: Mask, lab: Field) -> Mask:
    """Take a flood on over soft shades of the background's hue, up to the next edge: a shadow on a studio floor.

    mask, lab: a flood's mask and its picture. A grey product without an edge around it is taken along: the gate
    has to tell, as it has for any hypothesis.
    """
    if mask.all() or not mask.any():
        return mask
    smooth = cv2.GaussianBlur(lab, (0, 0), 1.0)
    background = np.median(lab[~mask], axis=0)
    hue = lengths_from(smooth[..., 1:], background[1:])
    drop = background[0] - smooth[..., 0]
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(smooth, cv2.CV_32F, 0, 1) / 8
    edge = np.sqrt(channel_sum(across * across + down * down))
    passable = (hue < _SHADE_HUE) & (drop > -2) & (drop < _SHADE_DEPTH) & (edge < _SHADE_EDGE)
    _, labels = cv2.connectedComponents((passable | ~mask).astype(np.uint8), connectivity=4)
    reached = np.zeros(int(labels.max()) + 1, bool)
    reached[np.unique(labels[~mask])] = True
    # The band of pixels beside an edge is steep as well: what remains of it is shade.
    shade = cv2.dilate((reached[labels] & mask).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    left = mask & ~(shade & (hue < _SHADE_HUE) & (drop < _SHADE_DEPTH))
    return tidy(cv2.morphologyEx(left.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0)
