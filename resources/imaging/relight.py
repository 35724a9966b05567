"""Relighting a product as an engine lit it: only the coarse light of its picture, and only a little of it.

An engine that paints may also paint the product again, under the scene's light. Nothing of that is kept but the ratio
of light between its product and the true one, averaged over a coarse grid: no edge, no letter, no shape can come
through. The ratio is clamped, weakened until the product stays within the bounds of harmonise.py, and applied to the
true pixels; it is a few numbers on the record, from which the judge computes the same pixels again.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import resize_rgba, rgb_to_lab, srgb_to_linear
from resources.imaging.harmonise import (
    GRID,
    LEAST_LIGHT,
    MOST_LIGHT,
    UNTOUCHED,
    Grid,
    Harmony,
    as_harmonised,
    close_enough,
    sampled,
    shifts,
)

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

_STRENGTHS = (1.0, 0.8, 0.65, 0.5, 0.4, 0.3, 0.2, 0.1)
_LEAST_SOLID = 64  # pixels of the engine's picture that must show the product
_NOTHING = 0.004  # a ratio so near to 1 is rounding
_FLOOR = 0.004  # linear light: in black the ratio is noise
_TRUSTED = 0.15  # share of a cell that must be solid product before its own ratio counts in full


def relight(layer: U8, relit: U8) -> Harmony:
    """The gains that carry the light of an engine's picture of a product onto the true product, within the bounds.

    layer: HxWx4 uint8, the true product on its canvas. relit: hxwx3 uint8, the engine's picture of that canvas at any
    size. Apply with `harmonise.as_harmonised`. UNTOUCHED if the picture shows too little of the product, has its very
    light, or if even a tenth of its light goes beyond the bounds.
    """
    solid = layer[..., 3] == 255
    found = _ratios(layer, relit)
    if found is None or not solid.any() or bool((np.abs(found - 1) < _NOTHING).all()):
        return UNTOUCHED
    sample = sampled(solid)
    before = rgb_to_lab(layer[sample][:, :3])
    for strength in _STRENGTHS:
        grid = _grid(found**strength)
        made = rgb_to_lab(as_harmonised(layer, replace(UNTOUCHED, grid=grid))[sample])
        moved = shifts(before, made)
        if close_enough(*moved):
            return Harmony(UNTOUCHED.gain, 0, *moved, grid)
    return UNTOUCHED


def _ratios(layer: U8, relit: U8) -> F32 | None:
    """Linear light of the engine's product over that of the true one, GRID x GRID x 3 over the product's box."""
    small = resize_rgba(layer, (relit.shape[1], relit.shape[0]))
    solid = _inside(small[..., 3])
    if np.count_nonzero(solid) < _LEAST_SOLID:
        return None
    height, width = relit.shape[:2]
    rows, columns = (np.flatnonzero((layer[..., 3] > 0).any(axis=axis)) for axis in (1, 0))
    tall, wide = height / layer.shape[0], width / layer.shape[1]
    top, bottom = int(rows[0] * tall), max(int(rows[0] * tall) + 1, round((rows[-1] + 1) * tall))
    left, right = int(columns[0] * wide), max(int(columns[0] * wide) + 1, round((columns[-1] + 1) * wide))
    box = np.s_[top:bottom, left:right]
    weight = solid[box][..., None]
    own, other = (srgb_to_linear(np.ascontiguousarray(image[box])) + _FLOOR for image in (small[..., :3], relit))
    # A ratio of sums, not a mean of ratios: what a cell shows counts as much as it shines.
    sums = [_cells(weight * light) for light in (own, other)]
    cover = _cells(weight)[..., None] / max(1e-6, weight.size / GRID**2)
    whole = (other * weight).sum(axis=(0, 1)) / (own * weight).sum(axis=(0, 1))
    ratio = sums[1] / np.maximum(sums[0], 1e-6)
    trust = np.clip(cover / _TRUSTED, 0, 1)
    return _smooth(np.where(cover > 0, ratio, whole), trust, whole)


def _inside(alpha: U8) -> F32:
    """1 where the product is solid, off its rim, where the engine's may be another one; of a chain the rim as well."""
    solid = (alpha >= 250).astype(np.uint8)
    core = cv2.erode(solid, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    enough = np.count_nonzero(core) >= 0.3 * np.count_nonzero(solid)
    return np.asarray(core if enough else solid, np.float32)


def _cells(image: F32) -> F32:
    """Sums over the cells of a grid laid over a picture, its cells cut fairly."""
    height, width = image.shape[:2]
    return np.asarray(
        cv2.resize(image, (GRID, GRID), interpolation=cv2.INTER_AREA) * (height * width / GRID**2), np.float32
    )


def _smooth(ratio: F32, trust: F32, whole: F32) -> F32:
    """The ratios smoothed over neighbouring cells by trust; where nothing is known, the whole product's."""
    known, weight = cv2.GaussianBlur(ratio * trust, (0, 0), 0.8), cv2.GaussianBlur(trust[..., 0], (0, 0), 0.8)
    share = np.clip(weight / 0.05, 0, 1)[..., None]
    mean = known / np.maximum(weight, 1e-6)[..., None]
    return np.clip(share * mean + (1 - share) * whole, LEAST_LIGHT / 1000, MOST_LIGHT / 1000).astype(np.float32)


def _grid(gains: F32) -> Grid:
    whole = np.clip(np.rint(gains * 1000), LEAST_LIGHT, MOST_LIGHT).astype(int)
    return tuple(tuple((int(r), int(g), int(b)) for r, g, b in row) for row in whole)
