"""Panels: pictures with words and measures beside them, for a person who would rather look than read."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from resources.verdicts import Measure, Verdict

Rgb = NDArray[np.uint8]
Colour = tuple[int, int, int]

LABEL, ROW = 26, 26
TITLE_SIZE, TEXT_SIZE = 26, 18
PAPER, INK, FAINT = (250, 250, 248), (24, 26, 30), (110, 112, 118)
COLOURS: dict[str, Colour] = {"accepted": (20, 120, 50), "review": (176, 96, 0), "rejected": (180, 24, 24)}
_MAT = (228, 228, 226)


@dataclass(frozen=True, slots=True)
class Tile:
    """A labelled picture (HxWx3 uint8)."""

    label: str
    picture: Rgb


def fitted(picture: Rgb, side: int) -> Rgb:
    """The picture with a longer side of `side` pixels; a small one is enlarged, its pixels kept square."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)


def paste(sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, left: int, top: int, side: int) -> None:
    """Put a tile on a sheet: its label, and below it the picture in a square of `side` pixels."""
    text(draw, (left, top), tile.label, INK)
    small = fitted(tile.picture, side)
    height, width = small.shape[:2]
    draw.rectangle((left, top + LABEL, left + side - 1, top + LABEL + side - 1), fill=_MAT)
    sheet.paste(Image.fromarray(small), (left + (side - width) // 2, top + LABEL + (side - height) // 2))


def measures(draw: ImageDraw.ImageDraw, verdict: Verdict, left: int, top: int, width: int, columns: int) -> None:
    """Write every measure with its threshold, column by column: green if passed, red if not, and which decided."""
    rows = -(-len(verdict.measures) // columns)
    for number, one in enumerate(verdict.measures):
        place = (left + number // rows * (width // columns), top + number % rows * ROW)
        decided = "  < decided" if one.name == verdict.decided_by and not one.passed else ""
        text(draw, place, _measure(one) + decided, COLOURS["accepted"] if one.passed else COLOURS["rejected"])


def _measure(one: Measure) -> str:
    if one.threshold is None:
        return f"{one.name}  {one.value:.3g}"
    wanted = "at least" if one.better == "higher" else "at most"
    return f"{'ok' if one.passed else 'NO'}  {one.name}  {one.value:.3g}  ({wanted} {one.threshold:.3g})"


def text(draw: ImageDraw.ImageDraw, place: tuple[int, int], words: str, colour: Colour, size: int = TEXT_SIZE) -> None:
    """Write one line; letters beyond ASCII become question marks, as the built-in font knows Latin letters only."""
    draw.text(place, words.encode("ascii", "replace").decode(), fill=colour, font=ImageFont.load_default(size))
