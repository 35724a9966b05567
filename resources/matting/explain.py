"""A panel that explains a cut-out: what was considered, what was made of it, and what the gate measured."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from resources.imaging.alpha import Alpha, Rgb, Rgba, over
from resources.matting.choices import mask_over
from resources.matting.engine import EngineRun, Matte
from resources.names import clean_text
from resources.panel import COLOURS, FAINT, INK, LABEL, PAPER, ROW, TITLE_SIZE, Tile, fitted, measures, paste, text
from resources.verdicts import Verdict

_COLUMNS, _TILE, _GAP, _EDGE = 5, 340, 12, 16
_WIDTH = 2 * _EDGE + _COLUMNS * _TILE + (_COLUMNS - 1) * _GAP
_TITLE_LETTERS, _LINE_LETTERS = 110, 190
# The surest ones; the others are counted.
_HYPOTHESES = 8
_MEASURE_COLUMNS = 3
_GROUNDS = {"white": (255, 255, 255), "black": (0, 0, 0), "magenta": (255, 0, 255)}
# The close-up shows so many pixels of the cut-out, enlarged to a tile.
_CLOSE_UP = 110
_SOFT = (8, 247)


def explain_panel(
    photo: Rgb,
    cutout: Rgba,
    matte: Matte,
    verdict: Verdict,
    *,
    title: str,
    trimap: Alpha | None = None,
    original: Rgb | None = None,
    notes: Sequence[str] = (),
) -> Rgb:
    """One picture, 1780 px wide, that shows how a cut-out came about; HxWx3 uint8, the same for the same input.

    photo: HxWx3 uint8, what the engine saw. cutout: HxWx4 uint8, straight alpha, of its size. verdict: the gate's word
    on the matte. title: whose it is; letters beyond ASCII become question marks. trimap: HxW uint8 (0 background,
    128 unknown, 255 product), None if there was none. original: the photo before its correction, if it was corrected.
    notes: snake_case codes.
    """
    tiles = _tiles(photo, cutout, matte, trimap, original)
    head = _head(matte, verdict, notes)
    rows = -(-len(tiles) // _COLUMNS)
    table = -(-len(verdict.measures) // _MEASURE_COLUMNS)
    tiles_top = _EDGE + TITLE_SIZE + 14 + len(head) * ROW + _GAP
    table_top = tiles_top + rows * (_TILE + LABEL + _GAP) + _GAP
    sheet = Image.new("RGB", (_WIDTH, table_top + table * ROW + _EDGE), PAPER)
    draw = ImageDraw.Draw(sheet)
    text(draw, (_EDGE, _EDGE), clean_text(title)[:_TITLE_LETTERS], INK, TITLE_SIZE)
    for number, (line, colour) in enumerate(head):
        text(draw, (_EDGE, _EDGE + TITLE_SIZE + 14 + number * ROW), line, colour)
    for number, tile in enumerate(tiles):
        left = _EDGE + number % _COLUMNS * (_TILE + _GAP)
        top = tiles_top + number // _COLUMNS * (_TILE + LABEL + _GAP)
        paste(sheet, draw, tile, left, top, _TILE)
    measures(draw, verdict, _EDGE, table_top, _WIDTH - 2 * _EDGE, _MEASURE_COLUMNS)
    return np.array(sheet)


def _tiles(photo: Rgb, cutout: Rgba, matte: Matte, trimap: Alpha | None, original: Rgb | None) -> list[Tile]:
    tiles = [] if original is None else [Tile("photo as it came", original)]
    tiles.append(Tile("photo" if original is None else "photo, corrected", photo))
    small = fitted(photo, _TILE)
    shown = matte.hypotheses[:_HYPOTHESES]
    tiles += [Tile(f"{one.name}  {one.score:.2f}", mask_over(small, one.mask)) for one in shown]
    tiles.append(Tile("what was taken", mask_over(small, matte.alpha > 127)))
    if trimap is not None:
        tiles.append(Tile("trimap (grey: unknown)", _grey(trimap)))
    tiles.append(Tile("alpha", _grey(matte.alpha)))
    tiles += [Tile(f"on {name}", _on(cutout, colour)) for name, colour in _GROUNDS.items()]
    close = _close_up(cutout)
    if close is not None:
        tiles.append(Tile("softest edge, close up", _on(close, (0, 160, 0))))
    return tiles


def _grey(values: Alpha) -> Rgb:
    return np.dstack([values] * 3)


def _on(cutout: Rgba, colour: tuple[int, int, int]) -> Rgb:
    return over(cutout, np.full((*cutout.shape[:2], 3), colour, np.uint8))


def _close_up(cutout: Rgba) -> Rgba | None:
    """The square of the cut-out with the most half-transparent pixels, or None if there are none."""
    alpha = cutout[..., 3]
    soft = (alpha >= _SOFT[0]) & (alpha <= _SOFT[1])
    side = min(_CLOSE_UP, *alpha.shape)
    if not soft.any():
        return None
    many = cv2.boxFilter(soft.astype(np.float32), -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    # Sums of ones are exact: where several squares have as many, the first one is taken.
    row, column = np.unravel_index(int(many.argmax()), many.shape)
    top = int(np.clip(row - side // 2, 0, alpha.shape[0] - side))
    left = int(np.clip(column - side // 2, 0, alpha.shape[1] - side))
    return cutout[top : top + side, left : left + side]


def _head(matte: Matte, verdict: Verdict, notes: Sequence[str]) -> list[tuple[str, tuple[int, int, int]]]:
    decided = f", decided by {verdict.decided_by}" if verdict.decided_by else ""
    lines = [(f"{verdict.decision}, confidence {verdict.score:.2f}{decided}", COLOURS[verdict.decision])]
    lines += [(line, INK) for line in textwrap.wrap(f"{verdict.message} {verdict.hint}".strip(), _LINE_LETTERS)]
    if matte.runs:
        lines.append((f"engines: {', then '.join(map(_run, matte.runs))}", FAINT))
    left_out = len(matte.hypotheses) - _HYPOTHESES
    if left_out > 0:
        notes = (*notes, f"{left_out} more hypotheses not shown")
    if notes:
        lines += [(line, FAINT) for line in textwrap.wrap(f"notes: {', '.join(notes)}", _LINE_LETTERS)]
    return lines


def _run(run: EngineRun) -> str:
    why = f" ({run.decided_by})" if run.decided_by else ""
    return f"{run.engine} {run.revision} on {run.device}: {run.decision} {run.score:.2f}{why}"
