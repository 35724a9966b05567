"""Lines of writing in a picture, found by shape alone: nothing is read.

Writing is many small marks of one height and one ink, thin for their size, side by side on a straight line over a
calm ground. Works at some 1000 px on the long side; letters of 5 to 120 px are found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.float32]

# Ink differs at least so much from the mean of its surroundings (grey levels), looked at in a window of so many px.
_INK_STEP = 12
_INK_WINDOW = 41
# ... and by this share of the strongest step nearby: the soft rims between two letters are no ink.
_INK_SHARE, _STEP_WINDOW = 0.4, 25
_LEAST_HEIGHT, _MOST_HEIGHT = 5, 120
# A mark wider than this is no single letter but a small word whose letters run together, or no writing.
_LETTER_WIDTH, _WORD_WIDTH = 1.8, 12.0
# The ground beside a letter is calm: its spread is at most so much of the ink's contrast.
_CALM_GROUND = 0.30
# Marks of at most this share of solid ink over their box, unless they are as slim as an "l".
_SOLID = 0.82
# More marks than this are texture; looking at all pairs of them would take long.
_MOST_MARKS = 2500
# A word has at least so many strokes for each height that it is wide: a bow or a twig has two ends, however long.
_STROKES = 1.0
_LEAST_LETTERS = 4
_LEAST_SLANTED = 5
_UNEVEN = 0.25
# Marks of its size beside a line that are in no line, for each that is in it.
_LOOSE = 0.34
# Two marks are enough for a line if they are words of together so many letters.
_LEAST_IN_WORDS = 6


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of writing: box (left, top, right, bottom) in px, letters (words count for more), angle in degrees."""

    box: tuple[int, int, int, int]
    letters: int
    height: float
    angle: float
    contrast: float
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """Components that could be letters. labels: HxW, the number of each pixel's mark, 0 for none."""

    labels: NDArray[np.int32]
    number: NDArray[np.int32]
    left: Numbers
    top: Numbers
    width: Numbers
    height: Numbers
    contrast: Numbers
    ink: Numbers

    def __len__(self) -> int:
        return len(self.number)


def text_lines(grey: Grey) -> list[tuple[Marks, list[TextLine]]]:
    """Lines of dark and of light writing (in this order), with the marks that they are made of."""
    found = []
    mean = cv2.blur(grey, (_INK_WINDOW, _INK_WINDOW), borderType=cv2.BORDER_REFLECT).astype(np.int16)
    difference = grey.astype(np.int16) - mean
    strongest = cv2.dilate(np.abs(difference), np.ones((_STEP_WINDOW, _STEP_WINDOW), np.uint8))
    step = np.maximum(_INK_STEP, _INK_SHARE * strongest)
    for ink in (difference < -step, difference > step):
        marks = _marks(grey, ink)
        found.append((marks, _lines(marks)))
    return found


def _marks(grey: Grey, ink: Mask) -> Marks:
    """Components of the ink that have a letter's size, a calm ground and one shade."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    left, top, width, height, area = (stats[:, i].astype(np.float32) for i in range(5))
    wide = width / np.maximum(height, 1)
    fits = (height >= _LEAST_HEIGHT) & (height <= _MOST_HEIGHT) & (wide <= _WORD_WIDTH) & (area >= 6)
    solid = area / np.maximum(width * height, 1)
    fits &= (solid <= _SOLID) | (wide < 0.45)
    strokes = _strokes(ink, labels, count) / np.maximum(height, 1)
    fits &= (wide <= _LETTER_WIDTH) | ((solid < 0.7) & (strokes >= _STROKES * wide))
    fits[0] = False
    # Grey levels inside, and of the ground in the box around, a quarter of the height wider.
    values = grey.astype(np.float64)
    of, shades = labels[ink], values[ink]
    inside = np.bincount(of, shades, count) / np.maximum(area, 1)
    square = np.bincount(of, shades * shades, count) / np.maximum(area, 1)
    spread = np.sqrt(np.maximum(square - inside * inside, 0))
    # Ground is what lies a pixel off any ink: the soft rim of a letter is neither.
    ground = cv2.dilate(ink.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    mean, deviation, share = _ground(grey, ground, left, top, width, height)
    contrast = np.abs(inside - mean)
    fits &= (share > 0.02) & (deviation <= np.maximum(_CALM_GROUND * contrast, 3.0))
    fits &= (contrast >= _INK_STEP) & (spread <= 0.55 * contrast)
    keep = np.flatnonzero(fits)
    if len(keep) > _MOST_MARKS:
        keep = keep[:0]
    chosen = (array[keep].astype(np.float32) for array in (left, top, width, height, contrast, inside))
    return Marks(labels, keep.astype(np.int32), *chosen)


def _strokes(ink: Mask, labels: NDArray[np.int32], count: int) -> Numbers:
    """How often each component is entered from the left, over all its rows."""
    entered = ink.copy()
    entered[:, 1:] &= ~ink[:, :-1]
    return np.bincount(labels[entered], minlength=count).astype(np.float32)


def _ground(
    grey: Grey, ground: Mask, left: Numbers, top: Numbers, width: Numbers, height: Numbers
) -> tuple[Numbers, Numbers, Numbers]:
    """Mean, spread and share of the ground in each mark's box and some px around it."""
    margin = np.maximum(3, 0.3 * height)
    rows, columns = grey.shape
    x0, y0 = np.clip(left - margin, 0, columns).astype(int), np.clip(top - margin, 0, rows).astype(int)
    x1 = np.clip(left + width + margin, 0, columns).astype(int)
    y1 = np.clip(top + height + margin, 0, rows).astype(int)

    def boxed(total: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0])

    weight = ground.astype(np.uint8)
    levels, squares = cv2.integral2(grey * weight)
    amount = boxed(cv2.integral(weight))
    safe = np.maximum(amount, 1)
    mean = boxed(levels) / safe
    deviation = np.sqrt(np.maximum(boxed(squares) / safe - mean * mean, 0))
    share = amount / np.maximum((x1 - x0) * (y1 - y0), 1)
    return mean.astype(np.float32), deviation.astype(np.float32), share.astype(np.float32)


def _lines(marks: Marks) -> list[TextLine]:
    """The longest straight rows of alike marks, each mark in one of them at most."""
    free = np.ones(len(marks), bool)
    lines = _level_lines(marks, free)
    lines += _slanted_lines(marks, free)
    return [line for line in lines if _stands_alone(marks, line, free)]


def _stands_alone(marks: Marks, line: TextLine, free: Mask) -> bool:
    """Whether the marks of its size around a line are mostly in lines too: in a carpet some lie in a row by chance."""
    x, y = marks.left + marks.width / 2, marks.top + marks.height / 2
    row = list(line.marks)
    angle = np.radians(line.angle)
    along = (x - x[row[0]]) * np.cos(angle) + (y - y[row[0]]) * np.sin(angle)
    across = np.abs((y - y[row[0]]) * np.cos(angle) - (x - x[row[0]]) * np.sin(angle))
    reach = 1.5 * line.height
    around = (along > along[row].min() - reach) & (along < along[row].max() + reach) & (across < 2 * line.height)
    around &= (marks.height > 0.4 * line.height) & (marks.height < 2.5 * line.height)
    return int((around & free).sum()) <= _LOOSE * len(row)


def _level_lines(marks: Marks, free: Mask) -> list[TextLine]:
    """Rows whose marks stand on one level baseline; marks as wide as words count as several letters."""
    lines = []
    bottom, right = marks.top + marks.height, marks.left + marks.width
    letters = np.clip(np.round(marks.width / np.maximum(0.8 * marks.height, 1)), 1, 8)
    for i in np.argsort(marks.left, kind="stable"):
        if not free[i]:
            continue
        row, height, base, end = [int(i)], marks.height[i], bottom[i], right[i]
        while True:
            # A word may reach below the line with one of its letters.
            below = np.where(marks.width > _LETTER_WIDTH * marks.height, 0.35, 0.12)
            alike = free & (np.abs(bottom - base) <= np.maximum(1.5, below * height))
            alike &= (marks.height > 0.55 * height) & (marks.height < 1.8 * height)
            alike &= (marks.left > end - 0.3 * height) & (marks.left < end + 1.6 * height)
            alike &= np.abs(marks.ink - marks.ink[i]) <= 0.4 * marks.contrast[i]
            alike[row] = False
            candidates = np.flatnonzero(alike)
            if not len(candidates):
                break
            following = int(candidates[np.argmin(marks.left[candidates])])
            row.append(following)
            end, base = right[following], 0.5 * (base + bottom[following])
            height = float(np.median(marks.height[row]))
        total = int(letters[row].sum())
        if _is_writing(marks, np.array(row), total):
            free[row] = False
            lines.append(_line(marks, np.array(row), total, 0.0))
    return lines


def _is_writing(marks: Marks, row: NDArray[np.int_], letters: int) -> bool:
    """Letters differ in width and hardly in height; beads, bricks and teeth are all alike, specks are all different."""
    heights, widths = marks.height[row], marks.width[row]
    if np.all(widths > _LETTER_WIDTH * heights):
        return len(row) >= 2 and letters >= _LEAST_IN_WORDS
    same_height = float(np.mean(np.abs(heights - np.median(heights)) <= np.maximum(1.5, 0.12 * np.median(heights))))
    uneven = float(np.std(widths) / max(1.0, float(np.mean(widths))))
    return len(row) >= 3 and letters >= _LEAST_LETTERS and same_height >= 0.5 and uneven > 0.12


def _slanted_lines(marks: Marks, free: Mask) -> list[TextLine]:
    """Rows of marks along any direction: their centres lie on a straight line, close together."""
    index = np.flatnonzero(free & (marks.height >= 8) & (marks.width <= _LETTER_WIDTH * marks.height))
    if not _LEAST_SLANTED <= len(index) <= 700:
        return []
    x = np.asarray(marks.left + marks.width / 2, np.float32)[index]
    y = np.asarray(marks.top + marks.height / 2, np.float32)[index]
    size = np.maximum(marks.height, marks.width)[index]
    ink, contrast = marks.ink[index], marks.contrast[index]
    left = np.ones(len(index), bool)
    lines = []
    for i in range(len(index)):
        if not left[i]:
            continue
        near = left & (np.hypot(x - x[i], y - y[i]) < 2.2 * size[i]) & (np.abs(ink - ink[i]) <= 0.4 * contrast[i])
        near[i] = False
        best: list[int] = []
        for j in np.flatnonzero(near):
            row = _along(x, y, size, ink, contrast, left, i, int(j))
            if len(row) > len(best):
                best = row
        if len(best) < _LEAST_SLANTED or float(np.std(size[best])) > _UNEVEN * float(np.mean(size[best])):
            continue
        left[best] = False
        free[index[best]] = False
        dx, dy = x[best[-1]] - x[best[0]], y[best[-1]] - y[best[0]]
        lines.append(_line(marks, index[best], len(best), float(np.degrees(np.arctan2(dy, dx)))))
    return lines


def _along(
    x: Numbers, y: Numbers, size: Numbers, ink: Numbers, contrast: Numbers, left: Mask, i: int, j: int
) -> list[int]:
    """Marks like i on the line from i to j, without larger gaps, in order."""
    length = float(np.hypot(x[j] - x[i], y[j] - y[i])) or 1.0
    ux, uy = (x[j] - x[i]) / length, (y[j] - y[i]) / length
    along, across = (x - x[i]) * ux + (y - y[i]) * uy, np.abs((y - y[i]) * ux - (x - x[i]) * uy)
    alike = left & (across < 0.22 * size[i]) & (size > 0.6 * size[i]) & (size < 1.6 * size[i])
    alike &= np.abs(ink - ink[i]) <= 0.4 * contrast[i]
    members = np.flatnonzero(alike)
    members = members[np.argsort(along[members], kind="stable")]
    start = int(np.flatnonzero(members == i)[0])
    gaps = np.diff(along[members]) < 2.2 * size[i]
    first, last = start, start
    while first > 0 and gaps[first - 1]:
        first -= 1
    while last < len(gaps) and gaps[last]:
        last += 1
    return [int(k) for k in members[first : last + 1]]


def _line(marks: Marks, row: NDArray[np.int_], letters: int, angle: float) -> TextLine:
    left, top = marks.left[row].min(), marks.top[row].min()
    right, bottom = (marks.left + marks.width)[row].max(), (marks.top + marks.height)[row].max()
    return TextLine(
        (int(left), int(top), int(right), int(bottom)),
        letters,
        float(np.median(marks.height[row])),
        angle,
        float(np.median(marks.contrast[row])),
        tuple(int(k) for k in row),
    )
