"""From a binary mask to a soft matte at the photo's full size, without weights."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import Alpha, Box, Rgb, tiles
from resources.imaging.colour import reduced
from resources.matting.band import REACH, Band, band_of_mask, band_of_matte, solve_band
from resources.matting.engine import Mask
from resources.matting.shapes import resize_mask

# Up to this long side a photo is refined at once; a larger one over a copy of the second size, and others between it
# and the photo, each at most so many times as large as the one before.
_LARGEST_AT_ONCE, _FIRST_SIDE, _LARGEST_STEP = 1600, 1200, 2.5
# Half the width of the unknown band, of the long side, where the outline is crisp and where it is hairy. A wide band
# invents holes in white on white.
_NARROW, _WIDE = 0.006, 0.022
_LEAST_NARROW = 2.0
_TILE = 512


class EdgeRefiner:
    """Soft edges from the photo's own edges. Deterministic and stateless: one instance may serve all threads."""

    name = "edge"
    revision = "2"
    device = "cpu"

    def refine(self, photo: Rgb, mask: Mask) -> Alpha:
        """Soft matte of the photo's size. photo: HxWx3 uint8. mask: bool, of the photo's shape, at any size.

        Outside of a band around the mask's outline alpha is 0 or 255. A large photo is refined on a smaller copy
        first, and then, tile by tile, only where that copy's matte is soft.
        """
        sides = _sides(max(photo.shape[:2]))
        alpha = _first(_at(photo, sides[0]), mask)
        for side in sides[1:]:
            alpha = _enlarged(_at(photo, side), alpha)
        return alpha

    def trimap(self, photo: Rgb, mask: Mask) -> NDArray[np.uint8]:
        """The trimap that `refine` starts from (0 background, 128 unknown, 255 product), HxW uint8 of the photo's size.

        Of a large photo: that of its smaller copy, enlarged.
        """
        copy = _at(photo, _sides(max(photo.shape[:2]))[0])
        mask = resize_mask(mask, (copy.shape[1], copy.shape[0]))
        out = mask * np.uint8(255)
        box = _outline_box(mask)
        if box is not None:
            out[box] = _first_band(copy, mask, box).trimap()
        size = (photo.shape[1], photo.shape[0])
        return cv2.resize(out, size, interpolation=cv2.INTER_NEAREST)


def _sides(longest: int) -> list[int]:
    """Long sides of the copies that a photo is refined on, in equal ratios; the last one is the photo itself."""
    if longest <= _LARGEST_AT_ONCE:
        return [longest]
    steps = max(1, math.ceil(math.log(longest / _LARGEST_AT_ONCE) / math.log(_LARGEST_STEP)))
    return [round(_FIRST_SIDE * (longest / _FIRST_SIDE) ** (i / steps)) for i in range(steps)] + [longest]


def _at(photo: Rgb, side: int) -> Rgb:
    return photo if side == max(photo.shape[:2]) else reduced(photo, side)


def _first(photo: Rgb, mask: Mask) -> Alpha:
    """Soft matte of a photo that is small enough to be refined at once."""
    mask = resize_mask(mask, (photo.shape[1], photo.shape[0]))
    out = mask * np.uint8(255)
    box = _outline_box(mask)
    if box is not None:
        out[box] = _eight_bits(solve_band(photo[box], _first_band(photo, mask, box)))
    return out


def _first_band(photo: Rgb, mask: Mask, box: Box) -> Band:
    side = max(photo.shape[:2])
    return band_of_mask(photo[box], mask[box], max(_LEAST_NARROW, _NARROW * side), max(_LEAST_NARROW, _WIDE * side))


def _outline_box(mask: Mask) -> Box | None:
    """The part of the picture that the first band depends on; None if the mask has no outline."""
    outline = mask ^ (cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    rows, columns = np.flatnonzero(outline.any(axis=1)), np.flatnonzero(outline.any(axis=0))
    if rows.size == 0:
        return None
    margin = REACH + round(4 * _WIDE * max(mask.shape))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + 1 + margin),
    )


def _enlarged(photo: Rgb, alpha: Alpha) -> Alpha:
    """The matte of a smaller copy drawn at the size of the photo, from the photo's own pixels where it is soft."""
    height, width = photo.shape[:2]
    margin = math.ceil(width / alpha.shape[1]) + 1
    coarse = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR)
    out = np.where(coarse > 127, np.uint8(255), np.uint8(0))
    for core, inner, outer in tiles(height, width, _TILE, REACH + margin):
        band = band_of_matte(coarse[outer], margin)
        if not (band.fore | band.back)[inner].all():
            out[core] = _eight_bits(solve_band(photo[outer], band)[inner])
    return out


def _eight_bits(alpha: NDArray[np.float32]) -> Alpha:
    return np.rint(alpha * 255).astype(np.uint8)
