"""Product photos under coloured or dim light, or by a tilted camera, made in the tests."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import over
from resources.imaging.colour import linear_to_srgb, srgb_to_linear
from tests.pictures import product_cutout

U8 = NDArray[np.uint8]


def sheet(colour: tuple[int, int, int], size: int = 480, seed: int = 0) -> U8:
    """A product before a sheet of one colour that falls off a little to the bottom, with a photo's noise."""
    rng = np.random.default_rng(seed)
    light = np.linspace(1.0, 0.96, size)[:, None, None]
    paper = np.clip(np.array(colour) * light + rng.normal(0, 1.0, (size, size, 3)), 0, 255)
    return over(product_cutout((size, size), seed), np.rint(paper).astype(np.uint8))


def lit(photo: U8, gains: tuple[float, float, float]) -> U8:
    """The photo under coloured light."""
    return linear_to_srgb((srgb_to_linear(photo) * np.array(gains)).astype(np.float32))


def room(degrees: float, size: int = 720) -> U8:
    """A product before a panelled wall on a floor, by a camera that was turned counter-clockwise by `degrees`."""
    big = size * 2
    rng = np.random.default_rng(1)
    wall = np.full((big, big, 3), (150, 160, 170), np.float64)
    wall[int(0.6 * big) :] = (120, 100, 85)
    for x in range(big // 2 - 250, -1, -140):
        wall[: int(0.6 * big), x : x + 6] = 110
        wall[: int(0.6 * big), big - 6 - x : big - x] = 110
    wall = np.clip(wall + rng.normal(0, 1.5, wall.shape), 0, 255).astype(np.uint8)
    inner = wall[size // 2 : size // 2 + size, size // 2 : size // 2 + size]
    inner[:] = over(product_cutout((size, size)), inner.copy())
    matrix = cv2.getRotationMatrix2D((size - 0.5, size - 0.5), -degrees, 1.0)
    tilted = cv2.warpAffine(wall, matrix, (big, big), flags=cv2.INTER_CUBIC)
    return np.ascontiguousarray(tilted[size // 2 : size // 2 + size, size // 2 : size // 2 + size])
