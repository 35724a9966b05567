"""What the picture would show without the product: the background, modelled from where it is surely seen.

`border_distance` needs no mask: it fits a few smooth surfaces of colour to the border (a wall that darkens to one
side, a table under it, tiles and the joints between them) and says how far each pixel is from the nearest one.
`surroundings` needs a mask: it carries the colours around the product on behind it.
`shadow_likeness` says which pixels could be that background with less light on it.
Lab is float32 HxWx3 with L in 0..100; distances are in Lab units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import channel_sum, lengths, per_channel

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

_RING_SHARE = 0.04
_SURFACES = 3
_ROUNDS = 6
# No surface is believed to be smoother than this (Lab units): noise and JPEG.
_LEAST_SPREAD = 1.2
# A surface may be the background from this share of the ring on.
_LEAST_SHARE = 0.04
_TINY = 1e-5
# Windows from which the colours behind the product are taken, of the long side, nearest first.
_REACHES = (0.06, 0.15, 0.4, 1.0)
# Light left in a cast shadow, of the light beside it: less than this is something dark.
_DEEPEST_SHADOW, _LIGHTEST_SHADOW = 0.22, 0.97
_SHADOW_HUE, _SHADOW_HUE_PER_DROP = 4.0, 0.1


def border_distance(lab: Field) -> Field:
    """Distance (HxW, about Lab units) of each pixel from the nearest of the smooth surfaces that make up the border.

    The surfaces are linear in x and y for each channel, fitted to a ring along the left, upper and right side and
    the lower corners; in the middle of the lower side products may stand. A surface with a coarse grain counts
    as nearer in proportion.
    """
    height, width = lab.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    plane = np.dstack([np.ones_like(x), x / width - 0.5, y / height - 0.5])
    ring = _ring(height, width)
    colours, places = lab[ring].astype(np.float64), plane[ring].astype(np.float64)
    step = max(1, len(colours) // 4000)
    colours, places = colours[::step], places[::step]
    best = np.full((height, width), np.inf, np.float32)
    for surface, spread in _surfaces(colours, places):
        away = lengths(lab - (plane @ surface).astype(np.float32))
        np.minimum(best, away * np.float32(2 * _LEAST_SPREAD / (spread + _LEAST_SPREAD)), out=best)
    return best


def _ring(height: int, width: int) -> Mask:
    thick = max(2, round(_RING_SHARE * max(height, width)))
    ring = np.zeros((height, width), bool)
    ring[:thick] = ring[:, :thick] = ring[:, -thick:] = True
    corner = width // 5
    ring[-thick:, :corner] = ring[-thick:, -corner:] = True
    return ring


def _surfaces(colours: NDArray[np.float64], places: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], float]]:
    """Surfaces (3x3 coefficients) and the spread of the pixels on each: k-means over planes instead of points."""
    order = np.argsort(colours[:, 0], kind="stable")
    labels = np.empty(len(colours), np.int64)
    labels[order] = np.arange(len(colours)) * _SURFACES // len(colours)
    found: list[tuple[NDArray[np.float64], float]] = []
    for _ in range(_ROUNDS):
        found = []
        for i in range(_SURFACES):
            mine = labels == i
            if mine.sum() < _LEAST_SHARE * len(colours):
                continue
            found.append(_plane(colours[mine], places[mine]))
        away = np.stack([((colours - places @ surface) ** 2).sum(axis=1) for surface, _ in found])
        labels = away.argmin(axis=0)
    return found


def _plane(colours: NDArray[np.float64], places: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Least squares, twice: the second time without what lies far from the first; and the median distance."""
    # A weak pull towards a flat surface: a ring part on one side alone says nothing of the slope across.
    pull = 0.02 * len(colours) * np.diag([0.0, 1.0, 1.0])
    keep = np.ones(len(colours), bool)
    surface: NDArray[np.floating[Any]] = np.zeros((3, 3))
    away: NDArray[np.floating[Any]] = np.zeros(len(colours))
    for _ in range(2):
        a, b = places[keep], colours[keep]
        surface = np.linalg.solve(a.T @ a + pull + _TINY * np.eye(3), a.T @ b)
        away = lengths(colours - places @ surface)
        keep = away <= 3 * max(_LEAST_SPREAD, float(np.median(away)))
    return surface.astype(np.float64), max(_LEAST_SPREAD, float(np.median(away)))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Colours of the background at each pixel (HxWx3), also behind the product, and their spread there (HxW)."""

    colour: Field
    spread: Field


def surroundings(lab: Field, mask: Mask, margin: int = 3) -> Surroundings:
    """The background around a mask, carried on behind it: means over windows that grow until enough of it is seen."""
    outside = cv2.dilate(mask.astype(np.uint8), np.ones((2 * margin + 1,) * 2, np.uint8)) == 0
    if not outside.any():
        return Surroundings(np.zeros_like(lab), np.zeros(mask.shape, np.float32))
    weight = outside.astype(np.float32)
    seen = lab * per_channel(weight)
    squares = seen * lab
    colour = np.zeros_like(lab)
    spread = np.zeros(mask.shape, np.float32)
    todo = np.ones(mask.shape, bool)
    for reach in _REACHES:
        window = int(reach * max(mask.shape)) | 1
        share = cv2.blur(weight, (window, window))
        enough = todo & (share > 0.1 if reach < 1 else share > 0)
        if enough.any():
            whole = per_channel(share + _TINY)
            mean, square = cv2.blur(seen, (window, window)) / whole, cv2.blur(squares, (window, window)) / whole
            colour[enough] = mean[enough]
            spread[enough] = np.sqrt(channel_sum(np.maximum(square - mean * mean, 0)))[enough]
            todo &= ~enough
    if todo.any():
        colour[todo] = lab[outside].mean(axis=0)
        spread[todo] = float(lab[outside].std(axis=0).max())
    window = int(_REACHES[0] * max(mask.shape)) | 1
    return Surroundings(cv2.blur(colour, (window, window)), spread)


def _light(lightness: Field) -> Field:
    """Luminance (0..1) of CIE L*."""
    return np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3).astype(np.float32)


def shadow_likeness(lab: Field, around: Surroundings) -> Mask:
    """Pixels that look like the background with less light on it: darker by some, hue and saturation alike.

    In a shadow all channels lose the same share of light; in Lab, a and b shrink with the cube root of it.
    """
    left = _light(lab[..., 0]) / np.maximum(_light(around.colour[..., 0]), _TINY)
    shrink = per_channel(np.cbrt(np.clip(left, 0, 1)), 2)
    hue = lengths(lab[..., 1:] - around.colour[..., 1:] * shrink)
    drop = np.maximum(around.colour[..., 0] - lab[..., 0], 0)
    tolerance = np.maximum(_SHADOW_HUE + _SHADOW_HUE_PER_DROP * drop, around.spread)
    return (left > _DEEPEST_SHADOW) & (left < _LIGHTEST_SHADOW) & (hue < tolerance)
