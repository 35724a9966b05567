"""What closed lines of edges enclose: finds white products on white, which no colour tells from their background."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.matting.measures import edge_strength
from resources.matting.shapes import tidy

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

# An edge is this many times as steep as the picture's own grain, and at least so steep (Lab units a pixel).
_OVER_GRAIN, _LEAST_EDGE = 5.0, 0.6
# Gaps in a line of edges up to this share of the long side are closed.
_GAP_SHARE = 0.02


def enclosed(lab: Field) -> Mask:
    """Everything that the border cannot reach without crossing an edge; HxW bool.

    lab: float32 HxWx3. Small gaps in the edges are closed first, and the outline drawn back to the edges after.
    """
    strength = edge_strength(lab, 1.2)
    edges = (strength > max(_LEAST_EDGE, _OVER_GRAIN * float(np.median(strength)))).astype(np.uint8)
    reach = max(1, round(_GAP_SHARE * max(edges.shape) / 2))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    walls = cv2.dilate(edges, kernel)
    _, labels = cv2.connectedComponents((walls == 0).astype(np.uint8), connectivity=4)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    outside = np.zeros(int(labels.max()) + 1, bool)
    outside[np.unique(rim[rim > 0])] = True
    inside = cv2.erode((~outside[labels]).astype(np.uint8), kernel, borderType=cv2.BORDER_REPLICATE)
    # What is only a line has no inside.
    opened = cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    return tidy(opened)
