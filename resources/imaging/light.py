"""Light: shadows of a cut-out on the ground, and linear light turned into 8-bit pictures without banding.

Pictures here are linear light, float32, 0 to 1 at paper white; alpha is uint8. Shadow densities are float32, 0 (no
shadow) to 1 (all the shadow there is). Blurs run on reduced pictures: a shadow has no fine detail to lose.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

_LUT_STEPS = 65535
_STEEPEST = 0.62  # rise of a base's outline per pixel across: a square corner seen from 30 degrees above
_HIGHEST = 0.4  # how far up its height a product can still touch the ground
# Parts of the product by height (share of it): centre, blur (share of the width), weight of the shadow.
_CAST_BANDS = ((0.0, 0.045, 1.0), (0.28, 0.075, 0.75), (0.58, 0.11, 0.5), (0.95, 0.16, 0.3))
_NOISE_SIDE = 509  # prime: a tile that repeats at no round number of pixels


def _srgb_levels() -> F32:
    """sRGB levels (0 to 255, unrounded) of linear light in 65536 steps; IEC 61966-2-1."""
    x = np.linspace(0.0, 1.0, _LUT_STEPS + 1)
    encoded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-12) ** (1 / 2.4) - 0.055)
    return (255 * encoded).astype(np.float32)


_SRGB_LEVELS = _srgb_levels()


def shoulder(linear: F32, knee: float = 0.72) -> F32:
    """Roll highlights off above `knee` so that no light is clipped hard: smooth, monotone, stays below 1."""
    over = np.maximum(linear - knee, 0)
    room = np.float32(1 - knee)
    return np.minimum(linear, knee) + room * (1 - np.exp(-over / room))


def encode_dithered(linear: F32, rng: np.random.Generator, grain: float) -> U8:
    """Linear light HxWx3 to sRGB uint8, with noise before rounding so that no gradient shows bands.

    grain: standard deviation in sRGB levels; 0.5 is the least that hides the steps of 8 bits.
    """
    height, width = linear.shape[:2]
    steps = np.multiply(linear, _LUT_STEPS, dtype=np.float32)
    np.clip(steps, 0, _LUT_STEPS, out=steps)
    levels = _SRGB_LEVELS[steps.astype(np.uint16)]
    levels += _noise(height, width, rng, grain)[..., None]
    return cv2.convertScaleAbs(np.maximum(levels, 0))


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


def contact_row(alpha: U8) -> float:
    """The row (below the last one that counts) on which a standing product touches the ground.

    Soft fringes, stray hairs and noise hang lower than the product stands, so a row counts only where a solid part
    (half of the highest alpha) covers 2 % of the widest row. ValueError if the alpha is empty.
    """
    peak = int(alpha.max(initial=0))
    if peak == 0:
        raise ValueError("the cut-out is empty: no pixel has alpha above 0")
    covered = np.count_nonzero(alpha >= max(1, peak // 2), axis=1)
    return float(np.flatnonzero(covered >= max(1.0, 0.02 * covered.max()))[-1] + 1)


def ground_curve(alpha: U8) -> tuple[F32, F32]:
    """Where the ground lies under every column of a standing product, and how surely the product touches it there.

    Returns (rows, touch), both float32 of the picture's width; touch is 0 to 1. A base seen from above shows its
    outline: the near corner of a box lies lower than the far ones, a sole rises from toe to heel. So the ground follows
    the lowest outline wherever it rises by less than `_STEEPEST`; a steeper edge is an arm or a bowl, in the air.
    """
    height, width = alpha.shape
    solid = alpha >= max(1, int(alpha.max(initial=0)) // 2)
    solid[int(np.ceil(contact_row(alpha))) :] = False
    filled = solid.any(axis=0)
    lowest = np.where(filled, height - np.argmax(solid[::-1], axis=0), -np.inf)
    columns = np.arange(width)
    # Largest row that a slope of at most _STEEPEST reaches from any column: two running maxima.
    forward = np.maximum.accumulate(lowest + _STEEPEST * columns) - _STEEPEST * columns
    backward = (np.maximum.accumulate((lowest - _STEEPEST * columns)[::-1]))[::-1] + _STEEPEST * columns
    curve = np.maximum(forward, backward)
    rows = np.flatnonzero(solid.any(axis=1))
    curve = np.maximum(curve, curve.max() - _HIGHEST * float(rows[-1] - rows[0] + 1))
    first, last = np.flatnonzero(filled)[[0, -1]]
    curve = curve[np.clip(columns, first, last)]  # beside the product the ground is level
    gap = np.where(filled, curve - lowest, np.inf)
    tolerance = max(2.0, 0.012 * np.count_nonzero(filled))
    touch = np.exp(-((gap / tolerance) ** 2)).astype(np.float32)
    return curve.astype(np.float32), cv2.blur(touch[None], (max(1, int(tolerance)), 1))[0]


def contact_shadow(alpha: U8, unit: float) -> F32:
    """Density of the tight dark shadow where a standing product meets the ground; same size as alpha.

    It follows the outline of the base (see `ground_curve`). unit: the product's width in pixels.
    """
    reduce = 2 if unit > 120 else 1
    small = _reduced(alpha, reduce)
    size = unit / reduce
    curve, touch = ground_curve(_as_u8(small))
    height = np.maximum(curve[None] - _rows(small)[:, None], 0)
    foot = small * touch * np.exp(-((height / max(2.0, 0.035 * size)) ** 2))
    tight = _blurred(_shifted(foot, 0, 0.005 * size), 0.006 * size, 0.005 * size)
    wide = _blurred(_shifted(foot, 0, 0.010 * size), 0.032 * size, 0.018 * size)
    density = np.minimum(1.3 * np.maximum(tight, wide), 1)
    return _enlarged(density, alpha.shape)


def cast_shadow(alpha: U8, unit: float, lean: float, squash: float) -> F32:
    """Density of the wide soft shadow that a standing product throws on the ground; same size as alpha.

    The outline is flattened to the ground (a height h lands h * squash above the ground) and leans sideways by
    h * lean, away from the light. The higher a part, the softer and weaker its shadow.
    """
    reduce = 4 if unit > 240 else 1
    small = _reduced(alpha, reduce)
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
    return _enlarged(_columns_moved(total, -leaning.astype(np.float32)), alpha.shape)


def surround_shadow(alpha: U8, unit: float, shift: tuple[float, float], softness: float) -> F32:
    """Density of the shadow on a surface right behind the product (lying flat, or hanging); same size as alpha.

    shift: (right, down) in pixels, away from the light. softness: blur as a share of `unit`, the product's width.
    """
    reduce = 4 if unit > 240 else 1
    small = _reduced(alpha, reduce)
    size = unit / reduce
    near = _blurred(_shifted(small, 0.3 * shift[0] / reduce, 0.3 * shift[1] / reduce), 0.012 * size, 0.012 * size)
    far = _blurred(_shifted(small, shift[0] / reduce, shift[1] / reduce), softness * size, softness * size)
    return _enlarged(np.maximum(0.7 * near, far), alpha.shape)


def darken(linear: F32, density: F32, tint: F32) -> F32:
    """Multiply light by a shadow: where density is 1 only `tint` (linear RGB, 0 to 1) of it is left."""
    taken = density[..., None] * (1 - tint)
    return (linear * (1 - taken)).astype(np.float32, copy=False)


def _reduced(alpha: U8, factor: int) -> F32:
    if factor == 1:
        return alpha.astype(np.float32) / np.float32(255)
    height, width = alpha.shape
    small = cv2.resize(alpha, (max(1, width // factor), max(1, height // factor)), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)


def _enlarged(density: F32, shape: tuple[int, ...]) -> F32:
    if density.shape == shape:
        return density
    return cv2.resize(density, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


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
