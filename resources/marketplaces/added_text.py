"""Text on a product picture that is not the product's: found and read, and told apart by where it lies.

On a plain background the product is what hangs together: letters that stand alone in the white are added. Letters drawn
on the product cannot be told from its print by place; what is read there is compared with what the product's photo
says. Only letters are found: a logo without any is not, nor white letters whose rest is lost in the white background.
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

# Confidence and characters from which a line beside the product is believed, and one on the product that its photo does
# not have: worn print is misread, and small print is not read in the photo.
_SURE_BESIDE, _SURE_UNKNOWN = 0.8, 0.92
_SHORTEST_BESIDE, _SHORTEST_UNKNOWN = 2, 4
_LOWEST_UNKNOWN = 0.025
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
# Beside the largest patch: if this many pixels are loose, they are read once more, alone.
_LOOSE_PIXELS = 60
_EDGE = np.ones((5, 5), np.uint8)  # around what is blanked for it
# Part of a line's characters that must be among the known ones, in order.
_KNOWN_SHARE = 0.7
_SAME_PLACE = 0.5  # part of a line that lies where one was read before
_KEPT = 16


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line read in a picture.

    height: in parts of the picture's longer side. on_product: it lies on the product; in_hull: inside the product's
    convex hull.
    """

    text: str
    score: float
    height: float
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
    length = sum(sign.isalnum() for sign in line.text)
    if line.on_product:
        readable = line.score >= _SURE_UNKNOWN and length >= _SHORTEST_UNKNOWN and line.height >= _LOWEST_UNKNOWN
        return known is not None and readable and not _resembles(line.text, known)
    readable = line.score >= _SURE_BESIDE and length >= _SHORTEST_BESIDE
    return readable and not (known and line.in_hull and _resembles(line.text, known))


def _resembles(text: str, known: str) -> bool:
    """Whether most of a line's characters stand in the known text, in runs: lines break elsewhere in another size."""
    plain = plain_text(text)
    runs = SequenceMatcher(None, plain, known, autojunk=False).get_matching_blocks()
    return sum(run.size for run in runs if run.size >= min(2, len(plain))) >= _KNOWN_SHARE * len(plain)


# ---- where lines lie


def _read(rgb: U8, backdrop: Backdrop, reader: TextReader) -> tuple[PlacedLine, ...]:
    lines = list(reader(rgb))
    if not backdrop.plain:
        return tuple(PlacedLine(line.text, line.score, _height(line, rgb), True, True) for line in lines)
    k = min(1.0, _SIDE / max(rgb.shape[:2]))
    size = (max(1, round(rgb.shape[1] * k)), max(1, round(rgb.shape[0] * k)))
    shown = not_background(rgb, backdrop.colour)
    seen = (cv2.resize(shown, size, interpolation=cv2.INTER_AREA) > 63).astype(np.uint8)
    alone = _loose_parts(rgb, seen, backdrop)
    # Beside something large readers overlook what is small.
    again = [] if alone is None else [line for line in reader(alone) if not _read_before(line, lines, seen.shape, k)]
    boxes = [line.corners * k for line in (*lines, *again)]
    product = _product(seen, boxes)
    hull = _hull(product)
    placed = [
        PlacedLine(
            line.text,
            line.score,
            _height(line, rgb),
            on_product=_share(product, box) >= _ON_PRODUCT,
            in_hull=_share(hull, box) >= _ON_PRODUCT,
        )
        for line, box in zip((*lines, *again), boxes, strict=True)
    ]
    return (*placed[: len(lines)], *(line for line in placed[len(lines) :] if not line.on_product))


def _read_before(again: Line, lines: Iterable[Line], shape: tuple[int, ...], k: float) -> bool:
    """Whether a line, or one that holds it, was read with confidence at the same place."""
    same = (line for line in lines if line.score >= _SURE_BESIDE and plain_text(again.text) in plain_text(line.text))
    places = (_painted(shape, line.corners * k, _GROWN) for line in same)
    return any(_share(place, again.corners * k) >= _SAME_PLACE for place in places)


def _height(line: Line, rgb: U8) -> float:
    return float(np.linalg.norm(line.corners[3] - line.corners[0])) / max(rgb.shape[:2])


def _loose_parts(rgb: U8, seen: U8, backdrop: Backdrop) -> U8 | None:
    """The picture without the largest patch of what is not background; None if nothing to speak of is left."""
    _, patch, stats, _ = cv2.connectedComponentsWithStats(seen, connectivity=8)
    if len(stats) < 3:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    blank = cv2.dilate(_filled((patch == largest).astype(np.uint8)), _EDGE)
    if (seen & ~blank).sum() < _LOOSE_PIXELS:
        return None
    size = (rgb.shape[1], rgb.shape[0])
    blanked = cv2.resize(blank, size, interpolation=cv2.INTER_NEAREST) > 0
    return np.where(blanked[..., None], np.array(backdrop.colour, np.uint8), rgb)


def _product(seen: U8, boxes: Sequence[F64]) -> U8:
    """1 where the product is, holes filled: the largest patch, and what is large or near and no line's letters."""
    count, patch, stats, _ = cv2.connectedComponentsWithStats(seen, connectivity=8)
    if count < 2:
        return seen
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    areas[0] = 0
    largest = int(areas.argmax())
    solid = areas >= _PRODUCT_SHARE * areas[largest]
    reach = 2 * round(_NEAR * max(seen.shape)) + 1
    near = cv2.dilate((patch == largest).astype(np.uint8), np.ones((reach, reach), np.uint8))
    solid[np.unique(patch[near > 0])] = True
    solid[0] = False
    letters = _letters(patch, areas, boxes)
    if letters[largest]:  # a product that is a word: readers draw wide boxes around large letters
        word = _hull(solid[patch].astype(np.uint8))
        return np.asarray(cv2.dilate(word, np.ones((2 * reach + 1,) * 2, np.uint8)), np.uint8)
    solid[letters] = False
    return _filled(solid[patch].astype(np.uint8))


def _letters(patch: NDArray[np.int32], areas: NDArray[np.int64], boxes: Sequence[F64]) -> NDArray[np.bool_]:
    """Which patches lie in one line of text."""
    letters = np.zeros(areas.size, bool)
    for corners in boxes:
        inside = np.bincount(patch[_painted(patch.shape, corners, _GROWN) > 0], minlength=areas.size)
        letters |= inside >= _LETTERS_INSIDE * areas
    return letters


def _filled(product: U8) -> U8:
    outlines, _ = cv2.findContours(product, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(product)
    cv2.drawContours(filled, outlines, -1, 1.0, -1)
    return filled


def _hull(product: U8) -> U8:
    outlines, _ = cv2.findContours(product, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return product
    around = cv2.convexHull(np.concatenate(outlines))
    return np.asarray(cv2.fillConvexPoly(np.zeros_like(product), around, 1.0), np.uint8)


def _share(product: U8, corners: F64) -> float:
    """Part of a line that lies on the product."""
    painted = _painted(product.shape, corners, _SHRUNK) > 0
    return float(product[painted].mean()) if painted.any() else 1.0


def _painted(shape: tuple[int, ...], corners: F64, growth: float) -> U8:
    """1 inside a line's corners, moved outwards by a part of its height."""
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    height = float(np.linalg.norm(down)) or 1.0
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
    outwards = signs[:, :1] * across / (float(np.linalg.norm(across)) or 1.0) + signs[:, 1:] * down / height
    moved = np.rint(corners + growth * height * outwards).astype(np.int32)
    return np.asarray(cv2.fillConvexPoly(np.zeros(shape[:2], np.uint8), moved, 1.0), np.uint8)
