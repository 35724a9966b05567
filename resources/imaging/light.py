"""Linear light turned into 8-bit pictures without banding, and the grain that a photo's surroundings need."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import looked_up, per_channel

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

_LUT_STEPS = 65535
_NOISE_SIDE = 509  # prime: a tile that repeats at no round number of pixels
# 0.5 levels is the least noise that hides the steps of 8 bits; more than 1.6 looks like a bad camera.
_LEAST_GRAIN, _MOST_GRAIN = 0.6, 1.6


def _srgb_levels() -> F32:
    """sRGB levels (0 to 255, unrounded) of linear light in 65536 steps; IEC 61966-2-1."""
    x = np.linspace(0.0, 1.0, _LUT_STEPS + 1)
    encoded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-12) ** (1 / 2.4) - 0.055)
    return (255 * encoded).astype(np.float32)


_SRGB_LEVELS = _srgb_levels()


def levels_of(linear: F32) -> F32:
    """sRGB levels, 0 to 255 and unrounded, of linear light (clipped to 0 to 1); any shape."""
    steps = np.multiply(linear, _LUT_STEPS, dtype=np.float32)
    np.clip(steps, 0, _LUT_STEPS, out=steps)
    return looked_up(steps.astype(np.uint16), _SRGB_LEVELS)


def add_grain(levels: F32, rng: np.random.Generator, grain: float) -> U8:
    """A picture of unrounded levels, HxWx3, with noise before rounding so that no gradient shows bands.

    grain: standard deviation in sRGB levels, the same for all channels.
    """
    height, width = levels.shape[:2]
    noisy = levels + per_channel(_noise(height, width, rng, grain))
    return cv2.convertScaleAbs(np.maximum(noisy, 0, out=noisy))


def grain_of(rgba: U8) -> float:
    """The noise of a cut-out's solid part in sRGB levels, between what hides banding and what looks bad."""
    return float(np.clip(noise_of(rgba), _LEAST_GRAIN, _MOST_GRAIN))


def noise_of(rgba: U8) -> float:
    """The noise of the solid part of a picture in sRGB levels; 0 if there is too little of it.

    From the median of second differences, which edges and print hardly move; Gaussian noise assumed.
    """
    box = rgba[::2, ::2]
    grey = box[..., 1].astype(np.float32)
    solid = cv2.erode((box[..., 3] == 255).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if np.count_nonzero(solid) < 100:
        return 0.0
    second = np.abs(cv2.filter2D(grey, cv2.CV_32F, np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)))[solid]
    # The mask has norm 6; the median of |x| is 0.6745 sigma.
    return float(np.median(second) / (6 * 0.6745))


def _noise(height: int, width: int, rng: np.random.Generator, sigma: float) -> F32:
    """Gaussian noise from one tile, every repeat rolled to another place."""
    tile = rng.standard_normal((_NOISE_SIDE, _NOISE_SIDE), dtype=np.float32) * np.float32(sigma)
    rows = math.ceil(height / _NOISE_SIDE)
    columns = math.ceil(width / _NOISE_SIDE)
    shifts = rng.integers(0, _NOISE_SIDE, (rows, columns, 2))
    strips = [
        np.hstack([np.roll(tile, tuple(shifts[row, column]), (0, 1)) for column in range(columns)])
        for row in range(rows)
    ]
    return np.vstack(strips)[:height, :width]
