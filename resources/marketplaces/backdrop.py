"""What the pixels of a product picture show: the product's box, how white it is around it, frames and shadows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]

# A pixel further than this (levels) from the background's colour belongs to the product.
_PRODUCT_STEP = 3
# JPEG stains the blocks that the product touches; 16 pixels hold for halved colour resolution too.
_CLEAR_OF_OUTLINE = 16
_NEIGHBOURHOOD = np.ones((2 * _CLEAR_OF_OUTLINE - 1,) * 2, np.uint8)
# Border pixels that must agree for the background to count as one colour.
_UNIFORM_SHARE = 0.98
_BORDER_WIDTH = 2
# Largest part of the picture that the fading end of a white product may cover.
_FAINT_SHARE = 0.01
_WHITE = (255.0, 255.0, 255.0)
# A border that is darker than this (levels below white) is a frame, if it ends within this part of the picture and at
# something that is at most so dark.
_FRAME_STEP = 12
_FRAME_DEPTH = 0.1
_INSIDE_FRAME = 20
_SHARP = 3  # pixels over which a frame ends
_BEHIND_FRAME = 32  # pixels behind it that tell the background's colour: JPEG stains the first ones
# A line drawn around the product: its box spans this part of the picture, it is at most so thick (parts of the longer
# side), and covers this part of its box's edges. A thin product that holds another one inside spans less.
_LINE_SPAN, _LINE_SPAN_SURE = 0.8, 0.955
_LINE_THICKNESS, _LINE_THICKNESS_SURE = 0.012, 0.05
_LINE_COVERS = 0.9
# Pictures are reduced to this side (pixels) where only large shapes are looked for.
_SMALL_SIDE = 550
# A soft shadow fades into the background by at most so many levels from one reduced pixel to the next (the outline of
# a product, even of a white one, does not), is grey, and not deeper than this below the background.
_FADING_STEP = 2
_GREY_SPREAD = 14
_SHADOW_DEPTH = 110
_SHADOW_STEP = 6
# Reduced pixels; a narrower way leads into a product, and not into its shadow.
_NARROW = 9


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What the pixels show.

    plain: the border has one colour; only then the box is measured. box: (left, top, right, bottom) of what is
    not background, pixels; (0, 0, 0, 0) if there is nothing. colour: the background's, rgb.
    border_off_white, off_white: distance from white in levels, of the border's colour, of the worst pixel that must be
    white. off_white_with_shadow: the same where a soft shadow may lie beside the product.
    clear: share of the border pixels that are background. framed: a frame or a line is drawn around the product.
    shadow: soft grey fading into the background, in parts of what is not background.
    """

    plain: bool
    colour: tuple[int, int, int]
    box: tuple[int, int, int, int]
    border_off_white: int
    off_white: int
    off_white_with_shadow: int
    clear: float
    framed: bool = False
    shadow: float = 0.0

    @property
    def found(self) -> bool:
        """Whether anything stands out from the background."""
        return not self.plain or self.box[2] > 0

    @property
    def product_size(self) -> tuple[int, int] | None:
        """Width and height of the product; None where it cannot be told from the background."""
        left, top, right, bottom = self.box
        return (right - left, bottom - top) if self.plain else None


def measure_backdrop(rgb: U8) -> Backdrop:
    """Tell product from background by the colour of the border, and measure both. rgb: HxWx3 uint8."""
    border = _border(rgb)
    own = np.median(border, axis=0)
    inside = _colour_inside_frame(rgb)
    colour = own if inside is None else inside
    product = not_background(rgb, colour)
    touching = float((_border(product) > 0).mean())
    light = own.min() >= 255 - _FRAME_STEP
    plain = touching <= 1 - _UNIFORM_SHARE or inside is not None
    if not plain and not light:
        worst = int(255 - border.min())
        return Backdrop(False, _rgb(own), (0, 0, 0, 0), worst, worst, worst, 0.0)
    framed, product_only = _without_frame(product, framed=inside is not None)
    border_off = int(255 - colour.min())
    strict, lenient = _off_white(rgb, product)
    return Backdrop(
        plain=plain,
        colour=_rgb(colour),
        box=_box(product_only) if plain else (0, 0, 0, 0),
        border_off_white=border_off,
        off_white=max(border_off, strict),
        off_white_with_shadow=max(border_off, lenient),
        clear=0.0 if inside is not None else 1.0 - touching,
        framed=framed,
        shadow=0.0 if framed else _soft_shadow(rgb, colour),
    )


def not_background(rgb: U8, colour: Sequence[float] | F64) -> U8:
    """255 where a channel is further than the product step from the background's colour, else 0; HxW uint8."""
    middle = np.asarray(colour, np.float64)
    return 255 - _within(rgb, (middle - _PRODUCT_STEP).tolist(), (middle + _PRODUCT_STEP).tolist())


# ---- white


def _off_white(rgb: U8, product: U8) -> tuple[int, int]:
    """Distance from white, in levels, of the worst pixel that must be white; and where a shadow may be.

    Those are the pixels joined to the border and 16 pixels clear of the product. What the product encloses is
    left out: a pale label is product, however white. So are faint stains that hang on the product and end
    before the border: the paler end of a white product, if they are small; any, where shadows are allowed.
    """
    near = np.asarray(cv2.dilate(product, _NEIGHBOURHOOD), np.uint8)
    stained = _outside(near) & (255 - _within(rgb, _WHITE, _WHITE))
    if not stained.any():
        return 0, 0
    stains = stained | near
    _, patch = cv2.connectedComponents(stains, connectivity=8)
    hanging = np.setdiff1d(np.unique(patch[near > 0]), _border(patch))
    excused = (stained > 0) & np.isin(patch, hanging)
    with_shadow = _worst(rgb, (stained > 0) & ~excused)
    strict = with_shadow if excused.mean() <= _FAINT_SHARE else _worst(rgb, stained > 0)
    return strict, with_shadow


def _worst(rgb: U8, where: NDArray[np.bool_]) -> int:
    return int(255 - rgb[where].min(initial=255))


def _outside(near: U8) -> U8:
    """255 where the picture is joined to its border without crossing `near`, else 0."""
    ground = np.pad(255 - near, 1, constant_values=255)
    cv2.floodFill(ground, None, (0, 0), (128.0,))
    return _within(ground[1:-1, 1:-1], (128.0,), (128.0,))


# ---- frames


def _colour_inside_frame(rgb: U8) -> F64 | None:
    """The background's colour inside a frame that lies along two opposite edges of the picture; None without one."""
    turned = rgb.transpose(1, 0, 2)
    pairs = ((rgb, rgb[::-1]), (turned, turned[::-1]))
    for pair in pairs:
        inner = [colour for colour in map(_colour_behind_band, pair) if colour is not None]
        if len(inner) == len(pair):
            return np.asarray(np.median(inner, axis=0), np.float64)
    return None


def _colour_behind_band(rgb: U8) -> F64 | None:
    """What follows a dark band of one colour along the top of a picture, where it ends sharply at something light."""
    height, width = rgb.shape[:2]
    depth = max(2 * _SHARP, round(_FRAME_DEPTH * height))
    part = rgb[:depth, width // 10 : width - width // 10 : max(1, width // 256)]
    if not part.size:
        return None
    first = np.median(part[0], axis=0)
    if first.min() >= 255 - _FRAME_STEP or (np.abs(part[0] - first).max(axis=1) > 2 * _FRAME_STEP).mean() > 0.05:
        return None
    rows = np.median(part, axis=1)
    other = np.flatnonzero(np.abs(rows - first).max(axis=1) > _FRAME_STEP)
    if not other.size or other[0] + _SHARP >= len(rows):
        return None
    behind = rows[other[0] + _SHARP :]
    inner = np.asarray(np.median(behind[:_BEHIND_FRAME], axis=0), np.float64)
    return inner if inner.min() >= 255 - _INSIDE_FRAME else None


def _without_frame(product: U8, *, framed: bool) -> tuple[bool, U8]:
    """Whether a frame is drawn, and what is not background without it (0 or 255)."""
    k = min(1.0, _SMALL_SIDE / max(product.shape))
    small = (_reduced(product, k) > 0).astype(np.uint8)
    count, patch, stats, _ = cv2.connectedComponentsWithStats(small, connectivity=8)
    frames = [label for label in range(1, count) if _is_line(patch == label, stats[label], small)]
    if framed:
        frames += np.unique(_border(patch)[_border(patch) > 0]).tolist()
    if not frames:
        return False, product
    drawn = np.isin(patch, frames).astype(np.uint8)
    size = (product.shape[1], product.shape[0])
    grown = cv2.resize(cv2.dilate(drawn, np.ones((3, 3), np.uint8)), size, interpolation=cv2.INTER_NEAREST)
    return True, np.where(grown > 0, np.uint8(0), product)


def _is_line(shape: NDArray[np.bool_], stats: NDArray[np.int32], everything: U8) -> bool:
    """Whether a patch of what is not background is a thin line around something."""
    left, top, width, height, area = (int(number) for number in stats)
    span = min(width / shape.shape[1], height / shape.shape[0])
    if span < _LINE_SPAN:
        return False
    box = np.s_[top : top + height, left : left + width]
    alone = int(everything[box].sum()) == area
    sure = span >= _LINE_SPAN_SURE
    if alone and not sure:
        return False
    thick = max(1, round((_LINE_THICKNESS_SURE if sure else _LINE_THICKNESS) * max(shape.shape)))
    part = shape[box]
    sides = (part, part[::-1], part.T, part.T[::-1])
    return all(_covers(side[:thick]) >= _LINE_COVERS for side in sides) and all(
        _covers(side[thick : 2 * thick]) <= 1 - _LINE_COVERS / 2 for side in sides
    )


def _covers(band: NDArray[np.bool_]) -> float:
    """Share of a band's columns that hold anything of the shape."""
    return float(band.any(axis=0).mean()) if band.size else 0.0


# ---- shadows


def _soft_shadow(rgb: U8, colour: F64) -> float:
    """How much soft grey fades into the background, in parts of what is not background.

    The background is followed inwards from the border, from pixel to pixel, as long as it changes gently: over a soft
    shadow that leads up to the product, from a product's own outline it stops.
    """
    small = _reduced(rgb, min(1.0, _SMALL_SIDE / max(rgb.shape[:2])))
    red, green, blue = cv2.split(small)
    darkest, lightest = cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)
    ground = round(float(colour.min()))
    seen = darkest < ground - _PRODUCT_STEP
    if not seen.any():
        return 0.0
    closed = (lightest - darkest > _GREY_SPREAD) | (darkest < ground - _SHADOW_DEPTH)
    page = np.pad(darkest, 1, constant_values=min(255, ground))
    mask = np.pad(closed.astype(np.uint8), 2)
    step = (float(_FADING_STEP),)
    cv2.floodFill(page, mask, (0, 0), (0.0,), step, step, 4 | (2 << 8) | cv2.FLOODFILL_MASK_ONLY)
    reached = _by_wide_ways((mask[1:-1, 1:-1] == 2).astype(np.uint8))[1:-1, 1:-1] > 0
    faded = reached & (darkest < ground - _SHADOW_STEP)
    return round(float((faded & ~_between(seen & ~reached)).sum() / seen.sum()), 4)


def _between(things: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies among things: their convex hull. Pale parts of a product lie there, most of its shadow does not."""
    outlines, _ = cv2.findContours(things.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = np.zeros(things.shape, np.uint8)
    if outlines:
        cv2.fillConvexPoly(hull, cv2.convexHull(np.concatenate(outlines)), (1,))
    return hull > 0


def _by_wide_ways(reached: U8) -> U8:
    """What of a region is joined to its corner by ways that are nowhere narrow; 0 or 1.

    Where a pale product's outline is blurred in one spot, the way inwards is as narrow as that spot, however much of
    the product it leads to. A shadow meets the page over a long front.
    """
    kernel = np.ones((_NARROW, _NARROW), np.uint8)
    wide = cv2.erode(reached, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    _, patch = cv2.connectedComponents(wide, connectivity=4)
    joined = ((patch == patch[0, 0]) & (wide > 0)).astype(np.uint8)
    return np.asarray(cv2.dilate(joined, kernel) & reached, np.uint8)


# ---- pixels


def _reduced(picture: U8, k: float) -> U8:
    if k == 1:
        return picture
    size = (max(1, round(picture.shape[1] * k)), max(1, round(picture.shape[0] * k)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _box(product: U8) -> tuple[int, int, int, int]:
    left, top, width, height = cv2.boundingRect(product)
    return (left, top, left + width, top + height) if width else (0, 0, 0, 0)


def _rgb(colour: F64) -> tuple[int, int, int]:
    red, green, blue = (round(float(level)) for level in colour)
    return red, green, blue


def _within(picture: U8, low: Sequence[float], high: Sequence[float]) -> U8:
    """255 where every channel lies between two values, both included, else 0."""
    return np.asarray(cv2.inRange(picture, np.array(low), np.array(high)), np.uint8)


def _border(picture: NDArray[Any]) -> NDArray[Any]:
    """The outermost pixels of a picture, as a list."""
    w = _BORDER_WIDTH
    inner = picture[w:-w]
    parts = (picture[:w], picture[-w:], inner[:, :w], inner[:, -w:])
    return np.concatenate([part.reshape(-1, *picture.shape[2:]) for part in parts])
