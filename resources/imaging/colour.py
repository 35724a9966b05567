"""Colour arithmetic on arrays: sRGB and linear light, CIELAB, CIEDE2000, resizing of transparent pictures.

Everything is element by element in float32, with no matrix library, so that the same pixels give the same
bits whatever the picture's size or the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

# Linear RGB (sRGB primaries, IEC 61966-2-1) to XYZ.
_RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
# Each row over its own sum: XYZ relative to the D65 white, so that every grey has a = b = 0 exactly enough.
_RGB_TO_RELATIVE_XYZ = (_RGB_TO_XYZ / _RGB_TO_XYZ.sum(axis=1, keepdims=True)).astype(np.float32)
# CIE 15: below this the cube root is replaced by its tangent.
_LAB_EPSILON = np.float32((6 / 29) ** 3)
_LAB_SLOPE = np.float32((29 / 6) ** 2 / 3)
_LAB_OFFSET = np.float32(4 / 29)
_25_POW_7 = 25.0**7
# The formula jumps where two hues are opposite; float32 cannot tell a hair more than half a turn from half a turn.
_HALF_TURN = math.pi + 2e-6
# Under this coverage a resampled colour is a quotient of two small numbers, and ringing can spoil it.
_THIN_ALPHA = 1 / 32
# So many pixels are worked on at once where much is computed of each: their planes stay in the processor's cache.
_PART = 16384
# Less coverage than this around a pixel is none.
_UNSEEN = np.float32(1e-6)


@lru_cache(maxsize=1)
def _linear_table() -> F32:
    """256 values: linear light of each sRGB level (IEC 61966-2-1)."""
    level = np.arange(256) / 255
    table = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4).astype(np.float32)
    table.flags.writeable = False
    return table


@lru_cache(maxsize=1)
def _srgb_table() -> U8:
    """65536 values: sRGB level of each 16-bit linear value; the steps are at most 0.05 of a level."""
    linear = np.arange(65536) / 65535
    level = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    table = np.rint(level * 255).astype(np.uint8)
    table.flags.writeable = False
    return table


def srgb_to_linear(rgb: U8) -> F32:
    """Linear light, 0..1 float32, of sRGB levels.

    rgb: uint8 of any shape. Returns the same shape. IEC 61966-2-1 through a table.
    """
    return looked_up(rgb, _linear_table())


def linear_to_srgb(linear: F32) -> U8:
    """sRGB levels of linear light; the inverse of `srgb_to_linear`, exact for all 256 levels.

    linear: float32 of any shape; clipped to 0..1. Returns uint8 of the same shape.
    """
    index = np.clip(linear, np.float32(0), np.float32(1))
    index *= np.float32(65535)
    index += np.float32(0.5)
    return looked_up(index.astype(np.uint16), _srgb_table())


def looked_up(index: NDArray[Any], table: NDArray[Any]) -> NDArray[Any]:
    """table[index] by OpenCV: four to six times as fast as NumPy's way.

    index: uint8 and a table of 256 values, or uint16 and one of 65536; any shape, which the result has too.
    """
    flat = np.ascontiguousarray(index).reshape(1, -1)
    return np.asarray(cv2.LUT(flat, table)).reshape(index.shape) if index.size else table[index]


def rgb_to_lab(rgb: U8) -> F32:
    """CIELAB (D65, 2 degrees) of sRGB levels.

    rgb: (..., 3) uint8. Returns (..., 3) float32: L 0..100, a and b about -110..110; within 1e-3 of float64.
    Formula: CIE 15:2004. OpenCV's float Lab is off by up to 0.46 in CIEDE2000, hence not used.
    """
    flat = np.ascontiguousarray(rgb).reshape(1, -1, 3)
    lab = np.empty(flat.shape, np.float32)
    for part in _parts(flat.shape[1]):
        lab[:, part] = _lab(flat[:, part])
    return lab.reshape(rgb.shape)


def _parts(length: int) -> Iterator[slice]:
    for start in range(0, length, _PART):
        yield slice(start, start + _PART)


def _lab(rgb: U8) -> F32:
    """CIELAB of one row of pixels (1xNx3)."""
    red, green, blue = (np.asarray(plane, np.float32) for plane in cv2.split(looked_up(rgb, _linear_table())))
    x, y, z = (_lab_curve(row[0] * red + row[1] * green + row[2] * blue) for row in _RGB_TO_RELATIVE_XYZ)
    planes = [np.float32(116) * y - np.float32(16), np.float32(500) * (x - y), np.float32(200) * (y - z)]
    return np.asarray(cv2.merge(planes), np.float32)


def _lab_curve(ratio: F32) -> F32:
    curve: F32 = np.cbrt(ratio)
    low = ratio <= _LAB_EPSILON
    if low.any():
        np.copyto(curve, ratio * _LAB_SLOPE + _LAB_OFFSET, where=low)
    return curve


def lengths(vectors: NDArray[Any]) -> NDArray[Any]:
    """Euclidean lengths along the last axis: (..., C) to (...), same type. The bits of numpy.linalg.norm, faster.

    vectors: float32 or float64; C: 2 to 4. Of a difference of two Lab pictures: their distance (CIE76).
    """
    planes = [np.ascontiguousarray(vectors[..., channel]) for channel in range(vectors.shape[-1])]
    total = planes[0] * planes[0]
    for plane in planes[1:]:
        total += plane * plane
    return np.sqrt(total)


def lengths_from(vectors: NDArray[Any], point: NDArray[Any]) -> NDArray[Any]:
    """As `lengths(vectors - point)`, point: (C,); faster, because NumPy broadcasts so short an axis slowly."""
    total = np.square(vectors[..., 0] - point[0])
    for channel in range(1, len(point)):
        total += np.square(vectors[..., channel] - point[channel])
    return np.sqrt(total)


def per_channel(plane: NDArray[Any], channels: int = 3) -> NDArray[Any]:
    """A plane once for every channel: HxW to HxWxC. Pictures are multiplied six times as fast as NumPy broadcasts."""
    return cv2.merge([plane] * channels)


def channel_min(values: NDArray[Any]) -> NDArray[Any]:
    """Least of each pixel's three values: HxWx3 to HxW, same type; ten times as fast as `.min(axis=2)`."""
    first, second, third = cv2.split(values)
    return cv2.min(cv2.min(first, second), third)


def differs(one: U8, other: U8) -> NDArray[np.bool_]:
    """Where two pictures (HxWx3 uint8) are not the same; ten times as fast as `(one != other).any(axis=2)`."""
    first, second, third = cv2.split(cv2.absdiff(one, other))
    return np.asarray((first | second | third) > 0)


def channel_sum(values: NDArray[Any]) -> NDArray[Any]:
    """Sum along the last axis: (..., C) to (...), same type. The bits of `.sum(axis=-1)` for C up to 4, much faster."""
    total = values[..., 0] + values[..., 1]
    for channel in range(2, values.shape[-1]):
        total += values[..., channel]
    return total


def delta_e_2000(lab1: NDArray[Any], lab2: NDArray[Any]) -> NDArray[Any]:
    """CIEDE2000 colour difference (kL = kC = kH = 1) of two Lab arrays.

    lab1, lab2: (..., 3), float32 or float64, broadcast against each other. Returns (...), >= 0, in the wider
    type; float32 is within 1e-4 of float64. About 1 is just visible side by side.
    Formula: Sharma, Wu, Dalal (2005), "The CIEDE2000 color-difference formula", equations 2 to 22.
    """
    if lab1.shape != lab2.shape:
        return _delta_e(lab1, lab2)
    first, second = lab1.reshape(-1, 3), lab2.reshape(-1, 3)
    out = np.empty(len(first), np.result_type(first, second))
    for part in _parts(len(first)):
        out[part] = _delta_e(first[part], second[part])
    return out.reshape(lab1.shape[:-1])


def _delta_e(lab1: NDArray[Any], lab2: NDArray[Any]) -> NDArray[Any]:
    l1, a1, b1 = (np.ascontiguousarray(lab1[..., channel]) for channel in range(3))
    l2, a2, b2 = (np.ascontiguousarray(lab2[..., channel]) for channel in range(3))
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + _25_POW_7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    hue1, hue2 = _hue(a1, b1), _hue(a2, b2)

    coloured = c1 * c2 > 0
    turn = hue2 - hue1
    far = np.abs(turn) > _HALF_TURN
    turn = np.where(coloured, turn - 2 * math.pi * np.sign(turn) * far, 0)
    total = hue1 + hue2
    # The mean of two angles lies on the short arc between them (equation 14).
    wrapped = np.where(far, np.where(total < 2 * math.pi, total + 2 * math.pi, total - 2 * math.pi), total)
    mean_hue = np.where(coloured, wrapped / 2, total)

    mean_c = (c1 + c2) / 2
    s_l, s_c, s_h, rotation = _weights((l1 + l2) / 2, mean_c, mean_hue)
    d_l = (l2 - l1) / s_l
    d_c = (c2 - c1) / s_c
    d_h = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / s_h
    squared = d_l * d_l + d_c * d_c + d_h * d_h + rotation * d_c * d_h
    result: NDArray[Any] = np.sqrt(np.maximum(squared, 0))
    return result


def _hue(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Hue angle in radians, 0 to 2 pi; 0 for a grey."""
    hue = np.arctan2(b, a)
    return np.where(hue < 0, hue + 2 * math.pi, hue)


def _weights(
    mean_l: NDArray[Any], mean_c: NDArray[Any], hue: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """S_L, S_C, S_H and R_T of CIEDE2000 (equations 15 to 21); hue in radians."""
    tint = (
        1
        - 0.17 * np.cos(hue - math.radians(30.0))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + math.radians(6.0))
        - 0.20 * np.cos(4 * hue - math.radians(63.0))
    )
    off_50 = (mean_l - 50) ** 2
    s_l = 1 + 0.015 * off_50 / np.sqrt(20 + off_50)
    s_c = 1 + 0.045 * mean_c
    s_h = 1 + 0.015 * mean_c * tint
    angle = math.radians(60.0) * np.exp(-(((hue - math.radians(275.0)) / math.radians(25.0)) ** 2))
    c7 = mean_c**7
    rotation = -2 * np.sqrt(c7 / (c7 + _25_POW_7)) * np.sin(angle)
    return s_l, s_c, s_h, rotation


def reduced(rgb: U8, side: int, least: int = 1) -> U8:
    """A picture with a long side of at most `side` px, a short one of at least `least`; itself if it is small enough.

    rgb: HxWx3 uint8. Averages over areas: for looking at and measuring, in sRGB.
    """
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(least, round(width * scale)), max(least, round(height * scale)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def resize_rgba(rgba: U8, size: tuple[int, int]) -> U8:
    """Resize a picture with straight alpha: premultiplied, in linear light, antialiased.

    rgba: HxWx4 uint8, straight alpha. size: (width, height), both >= 1 (else ValueError).
    Returns a new height x width x 4 uint8 with straight alpha; the very same array if the size is the same.
    No colour from under alpha 0 reaches a pixel that can be seen. Under alpha 0 the result has a mean of the
    colours seen nearby, or, where nothing is seen, of those kept there: what was spread stays spread.

    Cubic kernel, widened when shrinking. Not Lanczos: in linear light its second lobe puts a light ring of
    some 30 levels into dark print beside white.
    """
    width, height = _checked_size(size)
    if rgba.shape[:2] == (height, width):
        return rgba
    result = np.empty((height, width, 4), np.uint8)
    if bool((rgba[..., 3] == 255).all()):
        result[..., :3] = resize_rgb(rgba[..., :3], size)
        result[..., 3] = 255
        return result
    *colours, levels = cv2.split(rgba)
    alpha = _share(np.asarray(levels, np.uint8))
    coverage = _resample(alpha, size)
    thin = coverage < _THIN_ALPHA
    divisor = np.maximum(coverage, np.float32(_THIN_ALPHA))
    around = _surroundings(alpha, size)[thin]
    for channel, plane in enumerate(srgb_to_linear(np.asarray(each, np.uint8)) for each in colours):
        light = plane * alpha
        colour = (_resample(light, size) / divisor).astype(np.float32, copy=False)
        seen = _surroundings(light, size)[thin] / np.maximum(around, _UNSEEN)
        colour[thin] = np.where(around > _UNSEEN, seen, _surroundings(plane, size)[thin])
        result[..., channel] = linear_to_srgb(colour)
    result[..., 3] = _as_alpha(coverage)
    return result


def resize_alpha(alpha: U8, size: tuple[int, int]) -> U8:
    """The alpha that `resize_rgba` gives, alone.

    alpha: HxW uint8. size: (width, height), both >= 1 (else ValueError). Returns height x width uint8; the very same
    array if the size is the same.
    """
    width, height = _checked_size(size)
    return alpha if alpha.shape == (height, width) else _as_alpha(_resample(_share(alpha), size))


def _share(alpha: U8) -> F32:
    return alpha.astype(np.float32) / np.float32(255)


def _as_alpha(coverage: F32) -> U8:
    return np.rint(np.clip(coverage, 0.0, 1.0) * np.float32(255)).astype(np.uint8)


def resize_rgb(rgb: U8, size: tuple[int, int]) -> U8:
    """Resize an opaque picture: in linear light, antialiased, with the kernel of `resize_rgba`.

    rgb: HxWx3 uint8. size: (width, height), both >= 1 (else ValueError). Returns height x width x 3 uint8; the very
    same array if the size is the same.
    """
    width, height = _checked_size(size)
    if rgb.shape[:2] == (height, width):
        return rgb
    result = np.empty((height, width, 3), np.uint8)
    for channel in range(3):  # one by one: planes of floats that stay in the cache cost half
        plane = cv2.LUT(np.ascontiguousarray(rgb[..., channel]), _linear_table())
        result[..., channel] = linear_to_srgb(_resample(np.asarray(plane, np.float32), size))
    return result


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    if size[0] < 1 or size[1] < 1:
        raise ValueError(f"a picture cannot be resized to {size[0]} x {size[1]} pixels")
    return size


def _surroundings(plane: F32, size: tuple[int, int]) -> F32:
    """One HxW float32 channel resized with a kernel of positive weights, at least as wide as that of `_resample`.

    The quotient of two such planes is a mean of colours nearby; it cannot leave their range.
    """
    coarse = cv2.pyrDown(plane)
    while coarse.shape[0] > 2 * size[1] or coarse.shape[1] > 2 * size[0]:
        coarse = cv2.pyrDown(coarse)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _resample(plane: F32, size: tuple[int, int]) -> F32:
    """Cubic resampling of one HxW float32 channel, antialiased when shrinking.

    Pillow widens the kernel when shrinking, OpenCV does not; enlarging, OpenCV is fourteen times faster.
    """
    height, width = plane.shape
    if size[0] >= width and size[1] >= height:
        return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC), np.float32)
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC))
