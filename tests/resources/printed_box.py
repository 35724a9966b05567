"""A made-up product for tests: a printed box with soft edges, its photo, its matte and its cut-out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]


def box_photo(width: int = 300, height: int = 400, seed: int = 1) -> tuple[U8, U8]:
    """A photo (rgb) of a printed box on grey, and its matte, 60 pixels off the borders."""
    rng = np.random.default_rng(seed)
    print_ = np.full((height, width, 3), (190, 60, 50), np.uint8)
    print_[: height // 4] = (240, 226, 200)
    cv2.circle(print_, (width // 2, height // 2), width // 4, (250, 240, 225), -1, cv2.LINE_AA)
    cv2.putText(print_, "MINT", (width // 5, height // 2 + 14), cv2.FONT_HERSHEY_DUPLEX, 1.9, (30, 60, 45), 3)
    cv2.putText(print_, "tea 40 g", (24, height // 6), cv2.FONT_HERSHEY_DUPLEX, 1.4, (60, 40, 30), 2)
    for _ in range(40):
        x, y = int(rng.integers(10, width - 10)), int(rng.integers(int(0.8 * height), height - 10))
        colour = [int(v) for v in rng.integers(40, 220, 3)]
        cv2.circle(print_, (x, y), int(rng.integers(2, 7)), colour, -1, cv2.LINE_AA)
    print_ = cv2.add(print_, rng.integers(0, 4, print_.shape, dtype=np.uint8))
    rgb = np.full((height + 120, width + 120, 3), 205, np.uint8)
    matte = np.zeros(rgb.shape[:2], np.uint8)
    rgb[60:-60, 60:-60] = print_
    matte[60:-60, 60:-60] = 255
    matte = cv2.GaussianBlur(matte, (0, 0), 0.8)
    return rgb, matte


def box_cutout(width: int = 300, height: int = 400, seed: int = 1) -> U8:
    """The cut-out of `box_photo`: straight alpha, the box's own colours out to the soft edge."""
    rgb, matte = box_photo(width, height, seed)
    inner = rgb[60:-60, 60:-60]
    rgb = cv2.copyMakeBorder(inner, 60, 60, 60, 60, cv2.BORDER_REPLICATE)
    return np.dstack([rgb, matte])


def in_scene(rgb: U8, matte: U8, scale: float, left: int, top: int, side: int = 640) -> U8:
    """An honest final made without the studio: the product scaled onto a plain gradient with a soft shadow."""
    size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    alpha = cv2.resize(matte, size, interpolation=method).astype(np.float32)[..., None] / 255
    product = cv2.resize(rgb, size, interpolation=method).astype(np.float32)
    ramp = np.linspace(150, 215, side, dtype=np.float32)[:, None, None]
    scene = ramp * np.array([0.9, 1.0, 1.05], np.float32) * np.ones((side, side, 1), np.float32)
    shadow = np.zeros((side, side), np.float32)
    part = np.s_[top : top + size[1], left : left + size[0]]
    shadow[part] = alpha[..., 0]
    scene *= 1 - 0.3 * cv2.GaussianBlur(np.roll(shadow, 6, 0), (0, 0), 7)[..., None]
    scene[part] = product * alpha + scene[part] * (1 - alpha)
    return np.clip(scene.round(), 0, 255).astype(np.uint8)
