"""A panel that explains a cut-out: what was considered, what was made of it, and what the gate measured."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from resources.imaging.alpha import Alpha, Rgb, Rgba, over
from resources.matting.choices import mask_over
from resources.matting.engine import EngineRun, Matte
from resources.names import clean_text
from resources.verdicts import Measure, Verdict

_COLUMNS, _TILE, _GAP, _EDGE = 5, 340, 12, 16
_WIDTH = 2 * _EDGE + _COLUMNS * _TILE + (_COLUMNS - 1) * _GAP
_LABEL, _ROW = 26, 26
_TITLE_SIZE, _TEXT_SIZE = 26, 18
_TITLE_LETTERS, _LINE_LETTERS = 110, 190
# The surest ones; the others are counted.
_HYPOTHESES = 8
_MEASURE_COLUMNS = 3
_PAPER, _INK, _FAINT = (250, 250, 248), (24, 26, 30), (110, 112, 118)
_COLOURS = {"accepted": (20, 120, 50), "review": (176, 96, 0), "rejected": (180, 24, 24)}
_PASSED, _FAILED = _COLOURS["accepted"], _COLOURS["rejected"]
_GROUNDS = {"white": (255, 255, 255), "black": (0, 0, 0), "magenta": (255, 0, 255)}
# The close-up shows so many pixels of the cut-out, enlarged to a tile.
_CLOSE_UP = 110
_SOFT = (8, 247)


@dataclass(frozen=True, slots=True)
class _Tile:
    label: str
    picture: Rgb


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
    tiles_top = _EDGE + _TITLE_SIZE + 14 + len(head) * _ROW + _GAP
    table_top = tiles_top + rows * (_TILE + _LABEL + _GAP) + _GAP
    sheet = Image.new("RGB", (_WIDTH, table_top + table * _ROW + _EDGE), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _text(draw, (_EDGE, _EDGE), clean_text(title)[:_TITLE_LETTERS], _INK, _TITLE_SIZE)
    for number, (line, colour) in enumerate(head):
        _text(draw, (_EDGE, _EDGE + _TITLE_SIZE + 14 + number * _ROW), line, colour)
    for number, tile in enumerate(tiles):
        left = _EDGE + number % _COLUMNS * (_TILE + _GAP)
        top = tiles_top + number // _COLUMNS * (_TILE + _LABEL + _GAP)
        _paste(sheet, draw, tile, left, top)
    _measures(draw, verdict, table_top)
    return np.array(sheet)


def _tiles(photo: Rgb, cutout: Rgba, matte: Matte, trimap: Alpha | None, original: Rgb | None) -> list[_Tile]:
    tiles = [] if original is None else [_Tile("photo as it came", original)]
    tiles.append(_Tile("photo" if original is None else "photo, corrected", photo))
    small = _fitted(photo)
    shown = matte.hypotheses[:_HYPOTHESES]
    tiles += [_Tile(f"{one.name}  {one.score:.2f}", mask_over(small, one.mask)) for one in shown]
    tiles.append(_Tile("what was taken", mask_over(small, matte.alpha > 127)))
    if trimap is not None:
        tiles.append(_Tile("trimap (grey: unknown)", _grey(trimap)))
    tiles.append(_Tile("alpha", _grey(matte.alpha)))
    tiles += [_Tile(f"on {name}", _on(cutout, colour)) for name, colour in _GROUNDS.items()]
    close = _close_up(cutout)
    if close is not None:
        tiles.append(_Tile("softest edge, close up", _on(close, (0, 160, 0))))
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


def _fitted(picture: Rgb) -> Rgb:
    """The picture with its longer side as long as a tile; a small one is enlarged, its pixels kept square."""
    height, width = picture.shape[:2]
    scale = _TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)


def _paste(sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: _Tile, left: int, top: int) -> None:
    _text(draw, (left, top), tile.label, _INK)
    small = _fitted(tile.picture)
    height, width = small.shape[:2]
    draw.rectangle((left, top + _LABEL, left + _TILE - 1, top + _LABEL + _TILE - 1), fill=(228, 228, 226))
    sheet.paste(Image.fromarray(small), (left + (_TILE - width) // 2, top + _LABEL + (_TILE - height) // 2))


def _head(matte: Matte, verdict: Verdict, notes: Sequence[str]) -> list[tuple[str, tuple[int, int, int]]]:
    decided = f", decided by {verdict.decided_by}" if verdict.decided_by else ""
    lines = [(f"{verdict.decision}, confidence {verdict.score:.2f}{decided}", _COLOURS[verdict.decision])]
    lines += [(line, _INK) for line in textwrap.wrap(f"{verdict.message} {verdict.hint}".strip(), _LINE_LETTERS)]
    if matte.runs:
        lines.append((f"engines: {', then '.join(map(_run, matte.runs))}", _FAINT))
    left_out = len(matte.hypotheses) - _HYPOTHESES
    if left_out > 0:
        notes = (*notes, f"{left_out} more hypotheses not shown")
    if notes:
        lines += [(line, _FAINT) for line in textwrap.wrap(f"notes: {', '.join(notes)}", _LINE_LETTERS)]
    return lines


def _run(run: EngineRun) -> str:
    why = f" ({run.decided_by})" if run.decided_by else ""
    return f"{run.engine} {run.revision} on {run.device}: {run.decision} {run.score:.2f}{why}"


def _measures(draw: ImageDraw.ImageDraw, verdict: Verdict, top: int) -> None:
    """Every measure with its threshold, column by column: green if it passed, red if not, bold mark if it decided."""
    rows = -(-len(verdict.measures) // _MEASURE_COLUMNS)
    width = (_WIDTH - 2 * _EDGE) // _MEASURE_COLUMNS
    for number, one in enumerate(verdict.measures):
        place = (_EDGE + number // rows * width, top + number % rows * _ROW)
        decided = "  < decided" if one.name == verdict.decided_by and not one.passed else ""
        _text(draw, place, _measure(one) + decided, _PASSED if one.passed else _FAILED)


def _measure(one: Measure) -> str:
    if one.threshold is None:
        return f"{one.name}  {one.value:.3g}"
    wanted = "at least" if one.better == "higher" else "at most"
    return f"{'ok' if one.passed else 'NO'}  {one.name}  {one.value:.3g}  ({wanted} {one.threshold:.3g})"


def _text(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, colour: tuple[int, int, int], size: int = _TEXT_SIZE
) -> None:
    # The built-in font knows Latin letters only.
    plain = text.encode("ascii", "replace").decode()
    draw.text(place, plain, fill=colour, font=ImageFont.load_default(size))
