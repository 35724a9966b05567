"""Painted shadows for composites: quick, plausible, made without any knowledge of the scene's light.

Cut-outs are measured on pictures with these shadows; their strengths stay as they are, so that
figures can be compared over time.
Densities are float32, 0 (no shadow) to 1; alpha is HxW uint8; light is linear, 0 to 1 at paper white.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.shadow import enlarged, ground_curve, reduced

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

# Parts of the product by height (share of it): centre, blur (share of the width), weight of the shadow.
_CAST_BANDS = ((0.0, 0.045, 1.0), (0.28, 0.075, 0.75), (0.58, 0.11, 0.5), (0.95, 0.16, 0.3))


def contact_shadow(alpha: U8, unit: float) -> F32:
    """Density of the tight dark shadow where a standing product meets the ground; same size as alpha.

    It follows the outline of the base (see `ground_curve`). unit: the product's width in pixels.
    """
    reduce = 2 if unit > 120 else 1
    small = reduced(alpha, reduce)
    size = unit / reduce
    curve, touch = ground_curve(_as_u8(small))
    height = np.maximum(curve[None] - _rows(small)[:, None], 0)
    foot = small * touch * np.exp(-((height / max(2.0, 0.035 * size)) ** 2))
    tight = _blurred(_shifted(foot, 0, 0.005 * size), 0.006 * size, 0.005 * size)
    wide = _blurred(_shifted(foot, 0, 0.010 * size), 0.032 * size, 0.018 * size)
    density = np.minimum(1.3 * np.maximum(tight, wide), 1)
    return enlarged(density, alpha.shape)


def cast_shadow(alpha: U8, unit: float, lean: float, squash: float) -> F32:
    """Density of the wide soft shadow that a standing product throws on the ground; same size as alpha.

    The outline is flattened to the ground (a height h lands h * squash above the ground) and leans sideways by
    h * lean, away from the light. The higher a part, the softer and weaker its shadow.
    """
    reduce = 4 if unit > 240 else 1
    small = reduced(alpha, reduce)
    size = unit / reduce
    curve, _ = ground_curve(_as_u8(small))
    base = float(curve.max())
    drop = cv2.blur((base - curve)[None], (max(1, int(0.25 * size)), 1))[0]
    upright = _columns_moved(small, drop)
    height = np.maximum(base - _rows(small), 0) / max(1.0, base - _first_row(upright))
    total = np.zeros_like(small)
    for centre, spread, weight in _CAST_BANDS:
        band = upright * (weight * np.exp(-(((height - centre) / 0.24) ** 2))).astype(np.float32)[:, None]
        flat = _flattened(band, base, lean, squash)
        # A body has depth, its outline has none: the blur across the ground lends it some.
        soft = _blurred(_shifted(flat, 0, 0.010 * size), spread * size, max(0.035, 0.5 * spread) * size)
        total = 1 - (1 - total) * (1 - np.minimum(soft, 1))
    leaning = np.interp(np.arange(total.shape[1]) - 0.3 * lean * size, np.arange(total.shape[1]), drop)
    return enlarged(_columns_moved(total, -leaning.astype(np.float32)), alpha.shape)


def surround_shadow(alpha: U8, unit: float, shift: tuple[float, float], softness: float) -> F32:
    """Density of the shadow on a surface right behind the product (lying flat, or hanging); same size as alpha.

    shift: (right, down) in pixels, away from the light. softness: blur as a share of `unit`, the product's width.
    """
    reduce = 4 if unit > 240 else 1
    small = reduced(alpha, reduce)
    size = unit / reduce
    near = _blurred(_shifted(small, 0.3 * shift[0] / reduce, 0.3 * shift[1] / reduce), 0.012 * size, 0.012 * size)
    far = _blurred(_shifted(small, shift[0] / reduce, shift[1] / reduce), softness * size, softness * size)
    return enlarged(np.maximum(0.7 * near, far), alpha.shape)


def darken(linear: F32, density: F32, tint: F32) -> F32:
    """Multiply light by a shadow: where density is 1 only `tint` (linear RGB, 0 to 1) of it is left."""
    taken = density[..., None] * (1 - tint)
    return (linear * (1 - taken)).astype(np.float32, copy=False)


def _as_u8(share: F32) -> U8:
    return cv2.convertScaleAbs(share, alpha=255)


def _columns_moved(image: F32, down: F32) -> F32:
    """Every column moved down by its own number of rows."""
    height, width = image.shape
    x = np.broadcast_to(np.arange(width, dtype=np.float32), image.shape)
    y = np.arange(height, dtype=np.float32)[:, None] - down[None]
    return cv2.remap(image, np.ascontiguousarray(x), y.astype(np.float32), cv2.INTER_LINEAR)


def _rows(image: F32) -> F32:
    return np.arange(image.shape[0], dtype=np.float32) + 0.5


def _first_row(image: F32) -> float:
    rows = np.flatnonzero((image > 0.5).any(axis=1))
    return float(rows[0]) if rows.size else 0.0


def _blurred(image: F32, sigma_x: float, sigma_y: float) -> F32:
    return cv2.GaussianBlur(
        image, (0, 0), sigmaX=max(0.5, sigma_x), sigmaY=max(0.5, sigma_y), borderType=cv2.BORDER_CONSTANT
    )


def _shifted(image: F32, right: float, down: float) -> F32:
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
    return cv2.warpAffine(image, matrix, image.shape[1::-1])


def _flattened(image: F32, ground: float, lean: float, squash: float) -> F32:
    """Lay an upright outline down: (x, ground - h) goes to (x + lean * h, ground - squash * h)."""
    matrix = np.array([[1, -lean, lean * ground], [0, squash, ground * (1 - squash)]], np.float32)
    # Reduced first: rows that are squashed together must all count, not every fifth of them.
    smooth = cv2.blur(image, (1, max(1, int(0.7 / max(squash, 0.05)))))
    return cv2.warpAffine(smooth, matrix, image.shape[1::-1])
