"""Text on a product picture that is not the product's: found and read, and told apart by where it lies.

On a plain background the product is what hangs together: letters that stand alone in the white are added. Letters drawn
on the product cannot be told from its print by place; what is read there is compared with what the product's photo
says. Only letters are found: a logo without any is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.kept import Kept
from resources.marketplaces.backdrop import Backdrop, not_background
from resources.marketplaces.inspection import picture_pixels
from resources.quality.printed_text import Line, plain_text

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]

TextReader = Callable[[U8], Sequence[Line]]
"""Finds and reads the lines of text in a picture (HxWx3 uint8); printed_text.read_lines is one."""

# Confidence from which a line beside the product is believed, and one on the product that its photo does not have.
_SURE_BESIDE, _SURE_UNKNOWN = 0.8, 0.97
_MIN_CHARACTERS = 3
# Where lines lie is found in a picture of this side, pixels.
_SIDE = 1100
# A line counts as on the product if at least this part of it does.
_ON_PRODUCT = 0.8
# Patches of this part of the largest one, or so near to it (parts of the side), are product too.
_PRODUCT_SHARE = 0.1
_NEAR = 0.01
_LETTERS_INSIDE = 0.9  # a patch of which this part lies in a line is its letters
# Readers draw their boxes a little larger than the letters; parts of the line's height.
_SHRUNK, _GROWN = -0.12, 0.15
# Part of a line's characters that must be among the known ones, in order.
_KNOWN_SHARE = 0.7
_KEPT = 16


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line read in a picture. on_product: it lies on the product; in_hull: inside the product's convex hull."""

    text: str
    score: float
    on_product: bool
    in_hull: bool


_placed: Kept[tuple[bytes, TextReader], tuple[PlacedLine, ...]] = Kept(_KEPT)


def placed_lines(data: bytes, backdrop: Backdrop, reader: TextReader) -> tuple[PlacedLine, ...]:
    """The lines of text in an encoded picture that `inspect_picture` could read, and where they lie.

    Without a plain background everything counts as the product. Read once a picture and kept for the next marketplace.
    """
    key = (hashlib.sha256(data).digest(), reader)
    return _placed.get(key, lambda: _read(picture_pixels(data), backdrop, reader))


def unknown_lines(lines: Iterable[PlacedLine], known_text: Sequence[str] | None) -> list[PlacedLine]:
    """The lines that were added to the product's picture.

    A line that lies off the product is; where its photo says the same, only if it lies outside the product's convex
    hull (white packs on white are lost but for their print). A line on the product is if none of the known ones is
    like it; with known_text None it is not.
    """
    known = None if known_text is None else "".join(plain_text(text) for text in known_text)
    return [line for line in lines if _is_added(line, known)]


def _is_added(line: PlacedLine, known: str | None) -> bool:
    if line.score < _SURE_BESIDE:
        return False
    if line.on_product:
        return known is not None and line.score >= _SURE_UNKNOWN and not _resembles(line.text, known)
    return known is None or not (line.in_hull and _resembles(line.text, known))


def _resembles(text: str, known: str) -> bool:
    """Whether most of a line's characters stand in the known text, in runs: lines break elsewhere in another size."""
    plain = plain_text(text)
    runs = SequenceMatcher(None, plain, known, autojunk=False).get_matching_blocks()
    return sum(run.size for run in runs if run.size >= min(2, len(plain))) >= _KNOWN_SHARE * len(plain)


def _read(rgb: U8, backdrop: Backdrop, reader: TextReader) -> tuple[PlacedLine, ...]:
    lines = [line for line in reader(rgb) if sum(sign.isalnum() for sign in line.text) >= _MIN_CHARACTERS]
    if not lines or not backdrop.plain:
        return tuple(PlacedLine(line.text, line.score, True, True) for line in lines)
    k = min(1.0, _SIDE / max(rgb.shape[:2]))
    size = (max(1, round(rgb.shape[1] * k)), max(1, round(rgb.shape[0] * k)))
    seen = cv2.resize(not_background(rgb, backdrop.colour), size, interpolation=cv2.INTER_AREA) > 63
    product = _product(seen.astype(np.uint8), [line.corners * k for line in lines])
    hull = _hull(product)
    return tuple(
        PlacedLine(
            line.text,
            line.score,
            _share(product, line.corners * k) >= _ON_PRODUCT,
            _share(hull, line.corners * k) >= _ON_PRODUCT,
        )
        for line in lines
    )


def _product(seen: U8, boxes: Sequence[F64]) -> U8:
    """1 where the product is, holes filled: the largest patch that is no line's letters, and what is large or near."""
    count, patch, stats, _ = cv2.connectedComponentsWithStats(seen, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    areas[0] = 0
    if count < 2:
        return seen
    largest = int(areas.argmax())
    solid = areas >= _PRODUCT_SHARE * areas[largest]
    reach = 2 * round(_NEAR * max(seen.shape)) + 1
    near = cv2.dilate((patch == largest).astype(np.uint8), np.ones((reach, reach), np.uint8))
    solid[np.unique(patch[near > 0])] = True
    for label in _letters(patch, areas, boxes):
        solid[label] = False
    solid[largest] = True
    solid[0] = False
    return _filled(solid[patch].astype(np.uint8))


def _letters(patch: NDArray[np.int32], areas: NDArray[np.int64], boxes: Sequence[F64]) -> list[int]:
    """The patches that lie in one line of text, but for the parts of an equal size that may be a product of letters."""
    found: list[int] = []
    for corners in boxes:
        inside = np.bincount(patch[_painted(patch.shape, corners, _GROWN) > 0], minlength=areas.size)
        found += np.flatnonzero((inside >= _LETTERS_INSIDE * areas) & (areas > 0)).tolist()
    return found


def _filled(product: U8) -> U8:
    outlines, _ = cv2.findContours(product, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(product)
    cv2.drawContours(filled, outlines, -1, 1.0, -1)
    return filled


def _hull(product: U8) -> U8:
    outlines, _ = cv2.findContours(product, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return product
    return np.asarray(
        cv2.fillConvexPoly(np.zeros_like(product), cv2.convexHull(np.concatenate(outlines)), 1.0), np.uint8
    )


def _share(product: U8, corners: F64) -> float:
    """Part of a line that lies on the product."""
    painted = _painted(product.shape, corners, _SHRUNK) > 0
    return float(product[painted].mean()) if painted.any() else 1.0


def _painted(shape: tuple[int, ...], corners: F64, growth: float) -> U8:
    """1 inside a line's corners, moved outwards by a part of its height."""
    down = corners[3] - corners[0]
    height = float(np.linalg.norm(down)) or 1.0
    right = (corners[1] - corners[0]) / (float(np.linalg.norm(corners[1] - corners[0])) or 1.0)
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
    moved = corners + growth * height * (signs[:, :1] * right + signs[:, 1:] * down / height)
    return np.asarray(cv2.fillConvexPoly(np.zeros(shape[:2], np.uint8), np.rint(moved).astype(np.int32), 1.0), np.uint8)
