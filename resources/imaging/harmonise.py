"""Harmonising a product with a scene, within bounds so small that it stays the same product.

A gain per channel for the light's level and colour, light of the surroundings that wraps round the outline, or a coarse
grid of gains where an engine relit the product (relight.py); and the measure of what they did. Nothing else ever
changes a product's pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import colours_of
from resources.imaging.colour import delta_e_2000, lengths, linear_to_srgb, rgb_to_lab, srgb_to_linear

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

MOST_DELTA_E = 1.0
MOST_AB_SHIFT = 1.5
# What is aimed at: the rest is room for the sampling of the measure and for the ring.
_AIM = 0.85
_MOST_GAIN = 0.05
_WRAP = 0.10
_SAMPLE = 60_000
_LEAST_CORE = 400  # pixels

GRID = 8
"""Gains of a relit product across and down its box."""
LEAST_LIGHT, MOST_LIGHT = 800, 1250
"""Bounds of a grid's gains, thousandths."""
_FINE = 1 << 10  # places between two gains of a grid are counted so finely

Grid = tuple[tuple[tuple[int, int, int], ...], ...]


@dataclass(frozen=True, slots=True)
class Harmony:
    """What was done to a product, and what it did.

    gain: of linear red, green, blue, near black (see `with_gain`). ring: pixels inside the outline that light wraps
    round; 0 is none. grid: `GRID` rows of as many gains in thousandths (see `with_grid`); empty is none. delta_e: mean
    CIEDE2000 over the solid product; ab_shift: median shift of Lab a and b.
    """

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ring: int = 0
    delta_e: float = 0.0
    ab_shift: float = 0.0
    grid: Grid = ()

    @property
    def kept(self) -> bool:
        """True if the product stayed within the bounds."""
        return self.delta_e <= MOST_DELTA_E and self.ab_shift <= MOST_AB_SHIFT

    def as_dict(self) -> dict[str, Any]:
        """All of it, JSON-ready; without a grid where there is none."""
        return {name: value for name, value in asdict(self).items() if name != "grid" or value}


UNTOUCHED = Harmony()


def harmony_of(said: Mapping[str, Any]) -> Harmony:
    """What `Harmony.as_dict` wrote, read back. ValueError if it is no such thing."""
    try:
        r, g, b = (float(gain) for gain in said["gain"])
        grid = tuple(tuple((int(x), int(y), int(z)) for x, y, z in row) for row in said.get("grid", ()))
        read = Harmony((r, g, b), int(said["ring"]), float(said["delta_e"]), float(said["ab_shift"]), grid)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"harmony: gain, ring, delta_e, ab_shift and grid expected, found {str(said)[:80]}") from error
    if grid and [len(row) for row in grid] != [GRID] * GRID:
        raise ValueError(f"harmony: a grid of {GRID} x {GRID} gains expected")
    return read


def gain_tables(gain: Sequence[float]) -> U8:
    """256x3 uint8: sRGB levels after a gain g of linear light, by x -> g x / (1 + (g - 1) x).

    The curve keeps black and white where they are, so that no highlight is clipped; near black it multiplies by g.
    """
    light = srgb_to_linear(np.arange(256, dtype=np.uint8))[:, None]
    g = np.asarray(gain, np.float32)[None]
    return linear_to_srgb((g * light / (1 + (g - 1) * light)).astype(np.float32))


def with_gain(rgb: U8, gain: Sequence[float]) -> U8:
    """A picture (HxWx3 uint8) under a gain per channel; see `gain_tables`."""
    tables = gain_tables(gain)
    return np.asarray(cv2.LUT(rgb, np.ascontiguousarray(tables[None])), np.uint8)


def with_grid(rgb: U8, grid: Grid) -> U8:
    """A picture (HxWx3 uint8) under a grid of gains spread evenly over it, as `with_gain` does each; () leaves it.

    Between the middles of the grid's cells gains are interpolated, beyond the outermost ones they stay. Gains outside
    of `LEAST_LIGHT` to `MOST_LIGHT` are taken to be those. Integers throughout: the same bits on every machine.
    """
    if not grid:
        return rgb
    height, width = rgb.shape[:2]
    gains = np.clip(np.asarray(grid, np.int64), LEAST_LIGHT, MOST_LIGHT) - LEAST_LIGHT
    (up, down, below), (left, right, beside) = _between(height), _between(width)
    tables = _light_tables()
    result = np.empty_like(rgb)
    for channel in range(3):
        rows = gains[up, :, channel] * (_FINE - below)[:, None] + gains[down, :, channel] * below[:, None]
        fine = rows[:, left] * (_FINE - beside) + rows[:, right] * beside
        result[..., channel] = tables[(fine + _FINE * _FINE // 2) // (_FINE * _FINE), rgb[..., channel]]
    return result


def _between(length: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For every pixel of a side: the cells before and behind it, and how far it is to the second, 0 to `_FINE`."""
    place = np.clip((2 * np.arange(length) + 1) * GRID * _FINE // (2 * length) - _FINE // 2, 0, (GRID - 1) * _FINE)
    first = np.minimum(place // _FINE, GRID - 2)
    return first, first + 1, place - first * _FINE


@cache
def _light_tables() -> U8:
    """Levels (a row for each gain from `LEAST_LIGHT` on) of the 256 levels."""
    return np.ascontiguousarray(gain_tables([gain / 1000 for gain in range(LEAST_LIGHT, MOST_LIGHT + 1)]).T)


def as_harmonised(layer: U8, harmony: Harmony) -> U8:
    """The colours (HxWx3) of a product on its canvas (HxWx4) after a harmony, but for its ring of light."""
    rgb = with_gain(colours_of(layer), harmony.gain)
    if harmony.grid:
        rows, columns = (np.flatnonzero((layer[..., 3] > 0).any(axis=axis)) for axis in (1, 0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        rgb[box] = with_grid(rgb[box], harmony.grid)
    return rgb


def beyond_ring(solid: NDArray[np.bool_], ring: int) -> NDArray[np.bool_]:
    """The solid pixels that light wrapped `ring` pixels round the outline does not reach; ring 0: all of them."""
    if ring == 0:
        return solid
    across = 4 * ring + 5
    padded = cv2.copyMakeBorder(solid.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    core = cv2.erode(padded, np.ones((across, across), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(core[1:-1, 1:-1] > 0)


def harmonise(layer: U8, scene: U8, light: Sequence[float], ring: int) -> tuple[U8, Harmony]:
    """A product's colours matched to the scene it is put into, and what was done.

    layer: HxWx4 straight alpha on the canvas's part around the product; scene: the same part of the scene, HxWx3.
    light: colour of the scene's light, linear, about 1. ring: pixels that light wraps round. Returns HxWx3 colours for
    the layer; where even a small change goes beyond the bounds, they are the layer's own.
    """
    rgb, alpha = colours_of(layer), np.ascontiguousarray(layer[..., 3])
    solid = alpha == 255
    if not solid.any():
        return rgb, UNTOUCHED
    if np.count_nonzero(beyond_ring(solid, ring)) < _LEAST_CORE:
        ring = 0  # all of a chain is outline: light would change it everywhere
    wanted = _wanted_gain(rgb, scene, alpha, light)
    wrapped = _wrap(alpha, scene, ring)
    sample = sampled(solid)
    lab = rgb_to_lab(rgb[sample])
    for strength in (1.0, 0.7, 0.5, 0.35, 0.2, 0.1):
        gain = tuple(round(1 + strength * (g - 1), 4) for g in wanted)
        colours = _blended(with_gain(rgb, gain), *wrapped, strength)
        harmony = _measured(lab, rgb_to_lab(colours[sample]), gain, ring)
        if close_enough(harmony.delta_e, harmony.ab_shift):
            return colours, harmony
    return rgb, UNTOUCHED


def _wanted_gain(rgb: U8, scene: U8, alpha: U8, light: Sequence[float]) -> list[float]:
    """Gain per channel: the colour of the light, and a little of the way from the product's level to the scene's."""
    few = np.s_[::3, ::3]
    own, around = _level(rgb[few][alpha[few] > 200]), _level(scene[few][alpha[few] == 0])
    level = float(np.clip((around / own) ** 0.06, 1 - _MOST_GAIN, 1 + _MOST_GAIN))
    tint = np.asarray(light, np.float64) / float(np.mean(light))
    return [float(np.clip(level * (1 + 0.25 * (t - 1)), 0.9, 1.1)) for t in tint]


def _level(rgb: U8) -> float:
    """Mean linear luminance; not below a dark grey's, so that a black product asks for nothing extreme."""
    if rgb.size == 0:
        return 0.18
    mean = srgb_to_linear(rgb[:: max(1, len(rgb) // _SAMPLE)]).mean(axis=0)
    return max(0.03, float(mean @ np.array([0.2126, 0.7152, 0.0722], np.float32)))


def _wrap(alpha: U8, scene: U8, ring: int) -> tuple[F32, U8]:
    """Weight of the surroundings' light at every pixel (0 but in the ring inside the outline), and that light."""
    if ring == 0:
        return np.zeros(alpha.shape, np.float32), scene
    height, width = alpha.shape
    half = cv2.resize(scene, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    around = cv2.resize(cv2.GaussianBlur(half, (0, 0), 0.75 * ring), (width, height), interpolation=cv2.INTER_LINEAR)
    depth = cv2.GaussianBlur(alpha, (0, 0), 0.6 * ring, borderType=cv2.BORDER_CONSTANT).astype(np.float32) / 255
    weight = np.clip(2 * (1 - depth), 0, 1) * (alpha > 0)
    return _WRAP * weight, around


def _blended(rgb: U8, weight: F32, around: U8, strength: float) -> U8:
    where = weight > 0.004
    result = rgb.copy()
    own, light = srgb_to_linear(rgb[where]), srgb_to_linear(around[where])
    # Bright surroundings spill over an edge; dark ones only dim it a little.
    share = (strength * weight[where])[:, None] * np.where(light > own, np.float32(1), np.float32(0.4))
    result[where] = linear_to_srgb(own + share * (light - own))
    return result


def sampled(solid: NDArray[np.bool_]) -> tuple[NDArray[np.intp], ...]:
    """Solid pixels, at most some 60,000, spread evenly."""
    found = np.nonzero(solid)
    step = max(1, len(found[0]) // _SAMPLE)
    return tuple(index[::step] for index in found)


def _measured(before: F32, after: F32, gain: Sequence[float], ring: int) -> Harmony:
    r, g, b = gain
    return Harmony((r, g, b), ring, *shifts(before, after))


def shifts(before: F32, after: F32) -> tuple[float, float]:
    """Mean CIEDE2000 and median shift of a and b between two lists of Lab colours, Nx3, rounded for records."""
    shift = lengths(after[:, 1:] - before[:, 1:])
    return round(float(delta_e_2000(before, after).mean()), 4), round(float(np.median(shift)), 4)


def close_enough(delta_e: float, ab_shift: float) -> bool:
    """True if a sample's shifts leave room within the bounds for what was not sampled."""
    return delta_e <= _AIM * MOST_DELTA_E and ab_shift <= _AIM * MOST_AB_SHIFT
