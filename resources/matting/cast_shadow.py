"""The cast shadow is not product: what a mask took of the floor in shadow is taken off again.

Each area is held against the background that is expected at its own place (`background.surroundings`).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.matting.background import shadow_likeness, surroundings
from resources.matting.measures import edge_strength
from resources.matting.shapes import tidy

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

# A shadow ends in a soft edge or against the product: nothing inside it is steeper than this (Lab units a pixel), or
# than most of the background by half.
_STEEPEST_SHADOW, _STEEPER_THAN_GROUND = 2.5, 1.5


def take_off_shadow(lab: Field, mask: Mask) -> Mask:
    """The mask without what the outside reaches over background in shadow, up to the next edge; HxW bool.

    lab: float32 HxWx3, mask: HxW bool of its size, some hundred pixels.
    """
    if mask.all() or not mask.any():
        return mask
    smooth = cv2.GaussianBlur(lab, (0, 0), 1.0)
    around = surroundings(smooth, mask)
    dark = shadow_likeness(smooth, around)
    edge = edge_strength(lab, 1.0)
    limit = max(_STEEPEST_SHADOW, _STEEPER_THAN_GROUND * float(np.percentile(edge[~mask], 90)))
    passable = dark & (edge < limit)
    _, labels = cv2.connectedComponents((passable | ~mask).astype(np.uint8), connectivity=4)
    reached = np.zeros(int(labels.max()) + 1, bool)
    reached[np.unique(labels[~mask])] = True
    shade = reached[labels] & mask & passable
    shade = (cv2.dilate(shade.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & dark
    left = mask & ~shade
    kernel = np.ones((3, 3), np.uint8)
    # Where no shadow was, the outline stays as it was.
    opened = cv2.morphologyEx(left.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0
    near = cv2.dilate(shade.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    return tidy(np.where(near, opened, left))
