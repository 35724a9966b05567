"""The sheet of choices: what a cut-out could be, side by side, for a person who has to decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import Rgb
from resources.matting.engine import Mask
from resources.matting.shapes import resize_mask

_TILE = 320
_STRIP = 34
_GAP = 8
_COLUMNS = 4
_PAPER = 250
_INK = (24, 26, 30)
_BEHIND = 96
# What lies outside keeps this share of its light; the outline tells the two apart on a dark background.
_DARKENED = 0.28
_OUTLINE = (255, 214, 0)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.62


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One tile. label: ASCII, what to call it. mask: HxW bool of the photo's shape, at any size; None: the photo."""

    label: str
    mask: Mask | None = None


def choices_sheet(photo: Rgb, choices: Sequence[Choice]) -> Rgb:
    """The photo once a choice, darkened outside the mask and outlined, with its label below; HxWx3 uint8.

    photo: HxWx3 uint8. Tiles have 320 px and stand in at most four columns. The same input gives the same pixels.
    """
    small = _fitted(photo)
    tiles = [_tile(small, choice) for choice in choices]
    columns = min(_COLUMNS, max(1, math.ceil(math.sqrt(len(tiles)))))
    rows = -(-len(tiles) // columns)
    height, width = _TILE + _STRIP + _GAP, _TILE + _GAP
    sheet = np.full((rows * height + _GAP, columns * width + _GAP, 3), _PAPER, np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * height + _GAP, place % columns * width + _GAP
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet


def _fitted(photo: Rgb) -> Rgb:
    """The photo with a long side of one tile; small ones are enlarged, to be looked at."""
    height, width = photo.shape[:2]
    scale = _TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _tile(photo: Rgb, choice: Choice) -> Rgb:
    height, width = photo.shape[:2]
    tile = np.full((_TILE + _STRIP, _TILE, 3), _PAPER, np.uint8)
    tile[:_TILE] = _BEHIND
    top, left = (_TILE - height) // 2, (_TILE - width) // 2
    tile[top : top + height, left : left + width] = photo if choice.mask is None else mask_over(photo, choice.mask)
    _write(tile, choice.label)
    return tile


def mask_over(photo: Rgb, mask: Mask) -> Rgb:
    """The photo darkened outside a mask, and the mask outlined; HxWx3 uint8. mask: bool, of its shape, at any size."""
    inside = resize_mask(mask, (photo.shape[1], photo.shape[0]))
    shown = np.where(inside[..., None], photo, np.rint(photo * _DARKENED).astype(np.uint8))
    grown = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    shown[grown & ~inside] = _OUTLINE
    return shown


def _write(tile: NDArray[np.uint8], label: str) -> None:
    """The label in the strip below the picture, as small as it must be to fit."""
    (width, _), _ = cv2.getTextSize(label, _FONT, _FONT_SCALE, 1)
    scale = _FONT_SCALE * min(1.0, (_TILE - 8) / max(1, width))
    cv2.putText(tile, label, (4, _TILE + 23), _FONT, scale, _INK, 1, cv2.LINE_AA)
