"""The evidence panel: the product as it was and as it is shown, what differs, and what the judge measured."""

from __future__ import annotations

import textwrap

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from resources.imaging.colour import delta_e_2000, rgb_to_lab
from resources.names import clean_text
from resources.panel import COLOURS, INK, LABEL, PAPER, ROW, TITLE_SIZE, Tile, measures, paste, text
from resources.quality.fidelity import aligned_pair
from resources.quality.registration import Aligned
from resources.scenes.engine import Placement, product_box
from resources.verdicts import Verdict

U8 = NDArray[np.uint8]

_TILE, _GAP, _EDGE, _COLUMNS = 420, 12, 16, 4
_WIDTH = 2 * _EDGE + _COLUMNS * _TILE + (_COLUMNS - 1) * _GAP
_MEASURE_COLUMNS = 3
_TITLE_LETTERS, _LINE_LETTERS = 110, 185
_FULL_SCALE = 15.0  # CIEDE2000 that is drawn as the brightest colour
_GROUND = 200  # grey behind a product that is shown alone


def evidence_panel(
    original_rgb: U8,
    matte: U8,
    final_rgb: U8,
    verdict: Verdict,
    *,
    placement: Placement | None = None,
    title: str = "",
) -> U8:
    """One picture, 1748 px wide, that shows what a verdict on a final is about; HxWx3 uint8.

    original_rgb: HxWx3 uint8, with a placement the cut-out's colours; matte: its alpha, HxW uint8. final_rgb: any
    size. placement: where the cut-out was put, None to find the product. title: whose it is.
    The same input gives the same pixels.
    """
    tiles = _tiles(original_rgb, matte, final_rgb, placement)
    head = [(f"{verdict.decision}, score {verdict.score:.2f}", COLOURS[verdict.decision])]
    head += [(line, INK) for line in textwrap.wrap(f"{verdict.message} {verdict.hint}".strip(), _LINE_LETTERS)]
    tiles_top = _EDGE + TITLE_SIZE + 14 + len(head) * ROW + _GAP
    table_top = tiles_top + _TILE + LABEL + 2 * _GAP
    table = -(-len(verdict.measures) // _MEASURE_COLUMNS)
    sheet = Image.new("RGB", (_WIDTH, table_top + table * ROW + _EDGE), PAPER)
    draw = ImageDraw.Draw(sheet)
    text(draw, (_EDGE, _EDGE), clean_text(title)[:_TITLE_LETTERS], INK, TITLE_SIZE)
    for number, (line, colour) in enumerate(head):
        text(draw, (_EDGE, _EDGE + TITLE_SIZE + 14 + number * ROW), line, colour)
    for number, tile in enumerate(tiles):
        paste(sheet, draw, tile, _EDGE + number * (_TILE + _GAP), tiles_top, _TILE)
    measures(draw, verdict, _EDGE, table_top, _WIDTH - 2 * _EDGE, _MEASURE_COLUMNS)
    return np.array(sheet)


def _tiles(original: U8, matte: U8, final: U8, placement: Placement | None) -> list[Tile]:
    tiles = [Tile("the product", _alone(original, matte)), Tile("the final picture", final)]
    pair = aligned_pair(original, matte, final, placement)
    if pair is None:
        return tiles
    ends = f"what differs (dE2000: dark 0, bright {_FULL_SCALE:.0f} and more)"
    return [*tiles, Tile("what it shows of the product", pair.shown), Tile(ends, difference_map(pair))]


def _alone(rgb: U8, alpha: U8) -> U8:
    """The product on grey, cut to its box."""
    if not alpha.any():
        return rgb
    box = product_box(alpha).grown(0.03, alpha.shape[1::-1])
    cover = box.of(alpha)[..., None].astype(np.float32) / 255
    return np.rint(box.of(rgb) * cover + _GROUND * (1 - cover)).astype(np.uint8)


def difference_map(pair: Aligned) -> U8:
    """CIEDE2000 between the expected and the shown product as colours, over the picture in grey; HxWx3 uint8.

    Slightly smoothed, so that a lost part of a pixel along fine lines does not outshine what really differs.
    """
    smooth = [rgb_to_lab(cv2.GaussianBlur(image, (0, 0), 1.0)) for image in (pair.expected, pair.shown)]
    scaled = np.clip(delta_e_2000(*smooth) / _FULL_SCALE, 0, 1) * 255
    heat = cv2.applyColorMap(np.rint(scaled).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    grey = cv2.cvtColor(pair.shown, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32) * 0.25 + 160
    cover = pair.alpha[..., None].astype(np.float32) / 255
    return np.rint(heat * cover + grey * (1 - cover)).astype(np.uint8)
