"""Where the product is, told from the border of the picture: two classical saliency maps.

Both rest on one idea: what the border can reach without crossing an edge is background.
`boundary_saliency` asks it of superpixels (how much of a region's perimeter lies on the border),
`barrier_field` of pixels (the smallest colour range that any path to the border must cross).
Fields are float32 HxW; Lab is float32 HxWx3 with L in 0..100.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import channel_sum

Field = NDArray[np.float32]
Labels = NDArray[np.int32]

_SLIC_ROUNDS = 6
# SLIC compactness: a distance of one cell weighs as much as this many units of Lab.
_COMPACTNESS = 14.0
# Zhu, Liang, Wei, Sun, "Saliency Optimization from Robust Background Detection", CVPR 2014, section 4.
_COLOUR_SIGMA = 10.0
_SPACE_SIGMA = 0.25


def to_lab(rgb: NDArray[np.uint8]) -> Field:
    """Lab of a picture for comparing colours (cv2's: good to half a unit, enough to find things)."""
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


def superpixels(lab: Field, count: int) -> Labels:
    """Cut a picture into about `count` compact regions of one colour; labels 0..n-1 without gaps.

    A region may be in several pieces (no clean-up pass). Source: Achanta et al., SLIC, 2012, here with every pixel
    compared with the nine grid cells around its own.
    """
    height, width, _ = lab.shape
    step = max(2.0, float(np.sqrt(height * width / count)))
    rows, columns = max(1, round(height / step)), max(1, round(width / step))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    scale = np.float32(_COMPACTNESS / step)
    features = np.dstack([lab, y * scale, x * scale])
    home_row = np.minimum((y * rows / height).astype(np.int32), rows - 1)
    home_column = np.minimum((x * columns / width).astype(np.int32), columns - 1)
    labels = home_row * columns + home_column
    centers = _means(features, labels, rows * columns)
    for _ in range(_SLIC_ROUNDS):
        best = np.full((height, width), np.inf, np.float32)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                row = np.clip(home_row + dy, 0, rows - 1)
                candidate = row * columns + np.clip(home_column + dx, 0, columns - 1)
                distance = ((features - centers[candidate]) ** 2).sum(axis=2)
                closer = distance < best
                best[closer] = distance[closer]
                labels = np.where(closer, candidate, labels)
        centers = _means(features, labels, rows * columns)
    _, dense = np.unique(labels, return_inverse=True)
    return dense.reshape(height, width).astype(np.int32)


def _means(features: Field, labels: Labels, count: int) -> Field:
    flat = labels.ravel()
    size = np.maximum(np.bincount(flat, minlength=count), 1)
    sums = [np.bincount(flat, features[..., i].ravel(), count) for i in range(features.shape[2])]
    return (np.stack(sums, axis=1) / size[:, None]).astype(np.float32)


def boundary_saliency(lab: Field, count: int = 350) -> Field:
    """How surely each pixel is product, 0..1, from the boundary connectivity of its superpixel.

    Source: Zhu et al., CVPR 2014: boundary connectivity (eq. 3-6), weighted contrast (eq. 8), optimisation (eq. 9).
    """
    height, width, _ = lab.shape
    labels = superpixels(lab, count)
    n = int(labels.max()) + 1
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    means = _means(np.dstack([lab, y / max(height, width), x / max(height, width)]), labels, n).astype(np.float64)
    colour_distance = _distances(means[:, :3])
    neighbours = _adjacency(labels, n)
    on_border = np.zeros(n, bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        on_border[edge] = True

    geodesic = _geodesic(colour_distance, neighbours | np.outer(on_border, on_border))
    near = np.exp(-(geodesic**2) / (2 * _COLOUR_SIGMA**2))
    length = near[:, on_border].sum(axis=1)
    connectivity = length / np.sqrt(near.sum(axis=1))
    background = 1 - np.exp(-(connectivity**2) / 2)

    close = np.exp(-(_distances(means[:, 3:]) ** 2) / (2 * _SPACE_SIGMA**2))
    contrast = (colour_distance * close * background[None, :]).sum(axis=1)
    foreground = stretch(contrast).astype(np.float64)
    within_two = neighbours | ((neighbours.astype(np.float32) @ neighbours.astype(np.float32)) > 0)
    within_two |= np.outer(on_border, on_border)
    smooth = np.where(within_two, np.exp(-(colour_distance**2) / (2 * _COLOUR_SIGMA**2)) + 0.1, 0.0)
    np.fill_diagonal(smooth, 0)
    # Minimum of sum w_bg s^2 + w_fg (s - 1)^2 + w_ij (s_i - s_j)^2: one linear system.
    laplacian = np.diag(smooth.sum(axis=1)) - smooth
    solution = np.linalg.solve(laplacian + np.diag(background + foreground + 1e-6), foreground)
    return stretch(solution)[labels]


def _distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    square = (points**2).sum(axis=1)
    return np.sqrt(np.maximum(square[:, None] + square[None, :] - 2 * points @ points.T, 0))


def _adjacency(labels: Labels, n: int) -> NDArray[np.bool_]:
    out = np.zeros((n, n), bool)
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        out[a, b] = True
        out[b, a] = True
    np.fill_diagonal(out, False)
    return out


def _geodesic(distance: NDArray[np.float64], neighbours: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Shortest paths between all superpixels (Floyd-Warshall, a row at a time).

    Steps below the usual smallest step between neighbours are free, so that shading does not add up.
    """
    steps = np.where(neighbours, distance, np.inf)
    smallest = steps.min(axis=1)
    free = float(np.mean(smallest[np.isfinite(smallest)]))
    out = np.where(neighbours, np.maximum(distance - free, 0), np.inf)
    np.fill_diagonal(out, 0)
    for k in range(len(out)):
        np.minimum(out, out[:, k : k + 1] + out[k : k + 1, :], out=out)
    return out


def stretch(values: Field) -> Field:
    """Scale to 0..1 between its least and largest value; all 0 if they are the same."""
    low, high = float(values.min()), float(values.max())
    return ((values - low) / (high - low)).astype(np.float32) if high > low + 1e-9 else np.zeros_like(values)


def barrier_field(lab: Field, rounds: int = 3) -> Field:
    """The smallest colour range that a path from the border to each pixel must cross, in Lab units summed over L, a, b.

    Source: Zhang et al., "Minimum Barrier Salient Object Detection at 80 FPS", ICCV 2015, section 3, as sweeps in four
    directions, each over whole rows or columns at once.
    """
    cost = np.full(lab.shape, np.inf, np.float32)
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        cost[edge] = 0
    high, low = lab.copy(), lab.copy()
    for _ in range(rounds):
        for turned in (False, True):
            state = [a.swapaxes(0, 1) if turned else a for a in (lab, cost, high, low)]
            _sweep(*state)
            _sweep(*(a[::-1] for a in state))
    return channel_sum(cost)


def _sweep(values: Field, cost: Field, high: Field, low: Field) -> None:
    for i in range(1, len(values)):
        upper, lower = np.maximum(high[i - 1], values[i]), np.minimum(low[i - 1], values[i])
        through = upper - lower
        better = through < cost[i]
        np.copyto(cost[i], through, where=better)
        np.copyto(high[i], upper, where=better)
        np.copyto(low[i], lower, where=better)
