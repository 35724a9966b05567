"""Pictures that sellers add and that show no product: size charts, lists of features, slogans, logos and signs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.backgrounds import blend, colour, pick
from training.scenery import blurred, linear
from training.textures import WORDS, any_colour

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Rng = np.random.Generator

_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX)
_GROUNDS = ("#ffffff", "#ffffff", "#f4f1ea", "#e8eef2", "#1d2430", "#f0d264")
_LETTERS = "aaabcdeeefghiiklmnnoooprrssttuuvwyz"


def text_panel(rng: Rng, texture: U8) -> F32:
    """Words, signs, tables and bars on a plain ground or over a dimmed photo; SxSx3 float32 linear light.

    texture: SxSx3 uint8, what lies under a fifth of them.
    """
    side = texture.shape[0]
    ground = pick(rng, _GROUNDS) if rng.random() < 0.6 else any_colour(rng)
    picture = np.ascontiguousarray(np.broadcast_to(ground.astype(np.float32), (side, side, 3)))
    if rng.random() < 0.2:
        picture += (linear(blurred(texture, rng.uniform(0, 8))) - picture) * np.float32(rng.uniform(0.1, 0.6))
    for _ in range(int(rng.integers(0, 3))):
        _bar(rng, picture)
    ink = colour("#f2f1ee") if float(np.mean(picture)) < 0.25 else colour("#1b1c20")
    drawn, second = _written(rng, side), np.zeros((side, side), np.uint8)
    if rng.random() < 0.35:
        _table(rng, drawn)
    for _ in range(int(rng.integers(0, 7))):
        _sign(rng, second)
    picture = blend(picture, ink, drawn.astype(np.float32) / 255)
    return blend(picture, any_colour(rng), second.astype(np.float32) / 255).astype(np.float32)


def _written(rng: Rng, side: int) -> U8:
    """Lines of words, ragged or in columns, of a few sizes."""
    written, unit = np.zeros((side, side), np.uint8), side / 320
    row, last = rng.uniform(0.06, 0.3) * side, rng.uniform(0.4, 0.97) * side
    margin, sizes = rng.uniform(0.03, 0.4) * side, rng.choice([0.35, 0.45, 0.6, 1.0, 1.8], 3)
    while row < last:
        scale = float(rng.choice(sizes)) * unit
        font, across, end = _FONTS[int(rng.integers(len(_FONTS)))], margin, rng.uniform(0.5, 0.95) * side
        while across < end:
            word = _word(rng)
            cv2.putText(written, word, (int(across), int(row)), font, scale, 255, 1 + int(scale > 0.8), cv2.LINE_AA)
            across += 20 * scale * len(word) + rng.uniform(3, 20) * unit
        row += 34 * scale + rng.uniform(3, 16) * unit
    return written


def _word(rng: Rng) -> str:
    if rng.random() < 0.25:
        return WORDS[int(rng.integers(len(WORDS)))]
    word = "".join(_LETTERS[int(i)] for i in rng.integers(0, len(_LETTERS), int(rng.integers(2, 10))))
    return word.upper() if rng.random() < 0.2 else word.title() if rng.random() < 0.2 else word


def _bar(rng: Rng, picture: F32) -> None:
    side = len(picture)
    top, tall = int(rng.uniform(0, 0.9) * side), int(rng.uniform(0.05, 0.4) * side)
    left, wide = (
        (0, side) if rng.random() < 0.5 else (int(rng.uniform(0, 0.6) * side), int(rng.uniform(0.1, 0.5) * side))
    )
    picture[top : top + tall, left : left + wide] = any_colour(rng)


def _table(rng: Rng, drawn: U8) -> None:
    side, rows, columns = drawn.shape[0], int(rng.integers(3, 10)), int(rng.integers(2, 7))
    low, high = int(rng.uniform(0.03, 0.3) * side), int(rng.uniform(0.6, 0.97) * side)
    for at in np.linspace(low, high, rows).astype(int).tolist():
        cv2.line(drawn, (low, at), (high, at), 160, 1)
    for at in np.linspace(low, high, columns).astype(int).tolist():
        cv2.line(drawn, (at, low), (at, high), 160, 1)


def _sign(rng: Rng, drawn: U8) -> None:
    """A disc, a ring, a tick, a cross, an arrow or a frame, as drawn signs are made of."""
    side = drawn.shape[0]
    x, y = (rng.uniform(0.08, 0.92, 2) * side).astype(int).tolist()
    size, thick, kind = int(rng.uniform(0.02, 0.1) * side), int(rng.integers(1, 5)), int(rng.integers(6))
    if kind < 2:
        cv2.circle(drawn, (x, y), size, 255, -1 if kind else thick, cv2.LINE_AA)
    elif kind == 2:
        points = np.array([[x - size, y], [x - size // 3, y + size // 2], [x + size, y - size]])
        cv2.polylines(drawn, [points], False, 255, thick, cv2.LINE_AA)
    elif kind == 3:
        cv2.drawMarker(drawn, (x, y), 255, cv2.MARKER_TILTED_CROSS, 2 * size, thick, cv2.LINE_AA)
    elif kind == 4:
        cv2.arrowedLine(drawn, (x, y), (x + 3 * size, y + int(rng.normal(0, size))), 255, thick, cv2.LINE_AA)
    else:
        cv2.rectangle(drawn, (x - size, y - size), (x + 2 * size, y + size), 255, thick)
