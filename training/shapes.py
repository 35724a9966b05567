"""Made-up flat figures with any texture: they teach what figure and ground are, beyond things that were rendered."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.sprites import Sprite

U8 = NDArray[np.uint8]
Rng = np.random.Generator

SIDE = 320
_LETTERS = "ABDEFGHKPQRSXYZ0345689&@%#"
_FINE = 4  # bits of a pixel's fraction in drawn points


def made_up(rng: Rng, texture: U8) -> Sprite:
    """A figure of one to three parts, now and then with holes, filled with `texture` (HxWx3 uint8) and shaded."""
    matte = np.zeros((SIDE, SIDE), np.uint8)
    while np.count_nonzero(matte) < 500:
        for _ in range(int(rng.integers(1, 4))):
            matte = np.maximum(matte, _PARTS[int(rng.integers(len(_PARTS)))](rng))
        if rng.random() < 0.25:
            matte = cv2.subtract(matte, _PARTS[int(rng.integers(len(_PARTS)))](rng))
    if rng.random() < 0.05:  # seldom and little: a dark soft figure would be a shadow
        matte = cv2.GaussianBlur(matte, (0, 0), rng.uniform(1, 2))
    rows, columns = (np.flatnonzero(matte.max(axis=axis) > 8) for axis in (1, 0))
    matte = np.ascontiguousarray(matte[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    colours = _filled(rng, texture, matte)
    share = cv2.cvtColor(matte, cv2.COLOR_GRAY2RGB)
    return Sprite(np.dstack([cv2.multiply(colours, share, scale=1 / 255), matte]), matte, False, "shape")


def _filled(rng: Rng, texture: U8, matte: U8) -> U8:
    """The texture, or one colour, on the figure; half the time shaded as if it were round."""
    rows, columns = matte.shape
    if rng.random() < 0.35:
        hsv = np.array([[[rng.integers(180), 255 * rng.beta(0.8, 1.5), rng.integers(256)]]]).astype(np.uint8)
        colours = np.broadcast_to(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), (rows, columns, 3))
    else:
        colours = cv2.resize(texture, (max(columns, SIDE), max(rows, SIDE)))[:rows, :columns]
    if rng.random() < 0.5:
        return np.ascontiguousarray(colours)
    depth = cv2.GaussianBlur(cv2.distanceTransform((matte > 127).astype(np.uint8), cv2.DIST_L2, 3), (0, 0), 4)
    slope = cv2.Sobel(depth, cv2.CV_32F, 1, 0) * rng.uniform(-1, 1) + cv2.Sobel(depth, cv2.CV_32F, 0, 1)
    shade = np.clip(0.85 - rng.uniform(0.02, 0.08) * slope, 0.2, 1.4)
    return np.clip(colours * shade[..., None], 0, 255).astype(np.uint8)


def _polygon(points: NDArray[np.float64]) -> U8:
    matte = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(matte, [np.round(points * 2**_FINE).astype(np.int32)], 255, cv2.LINE_AA, _FINE)
    return matte


def _around(rng: Rng, radius: NDArray[np.float64]) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, len(radius), endpoint=False) + rng.uniform(0, 6.3)
    centre = rng.uniform(0.35, 0.65, 2) * SIDE
    return centre + radius[:, None] * np.c_[np.cos(angle), np.sin(angle) * rng.uniform(0.5, 1)]


def _blob(rng: Rng) -> U8:
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    waves = sum(rng.normal(0, 0.25 / k) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(1, 9))
    return _polygon(_around(rng, SIDE * rng.uniform(0.12, 0.4) * np.clip(1 + waves, 0.15, 1.6)))


def _cornered(rng: Rng) -> U8:
    count = int(rng.integers(3, 9))
    radius = np.full(count, SIDE * rng.uniform(0.15, 0.42))
    if rng.random() < 0.5:  # a star
        radius = np.tile([1.0, rng.uniform(0.3, 0.8)], count) * radius[0]
    return _polygon(_around(rng, radius * rng.uniform(0.8, 1.1, len(radius))))


def _ring(rng: Rng) -> U8:
    axes = rng.uniform(0.12, 0.42, 2) * SIDE
    matte = np.zeros((SIDE, SIDE), np.uint8)
    centre = tuple(int(v) for v in rng.uniform(0.4, 0.6, 2) * SIDE)
    sweep = 360 if rng.random() < 0.7 else int(rng.integers(150, 330))
    thick = int(rng.integers(3, max(5, int(axes.min() * 0.7))))
    cv2.ellipse(matte, centre, (int(axes[0]), int(axes[1])), rng.uniform(0, 180), 0, sweep, 255, thick, cv2.LINE_AA)
    return matte


def _comb(rng: Rng) -> U8:
    matte, count = np.zeros((SIDE, SIDE), np.uint8), int(rng.integers(4, 26))
    top, bottom = int(rng.uniform(0.15, 0.4) * SIDE), int(rng.uniform(0.6, 0.9) * SIDE)
    thick = max(1, int(rng.uniform(0.2, 0.6) * 0.8 * SIDE / count))
    for x in np.linspace(0.12, 0.88, count) * SIDE:
        cv2.line(matte, (int(x), top), (int(x + rng.normal(0, 2)), bottom), 255, thick, cv2.LINE_AA)
    for row in (top, bottom)[: int(rng.integers(1, 3))]:
        cv2.line(matte, (int(0.1 * SIDE), row), (int(0.9 * SIDE), row), 255, int(rng.integers(4, 30)), cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), rng.uniform(0, 360), 1)
    return cv2.warpAffine(matte, turn, (SIDE, SIDE))


def _letters(rng: Rng) -> U8:
    matte = np.zeros((SIDE, SIDE), np.uint8)
    word = "".join(_LETTERS[int(i)] for i in rng.integers(0, len(_LETTERS), int(rng.integers(1, 4))))
    font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX]))
    scale, thick = 11 / len(word), int(rng.integers(6, 34))
    cv2.putText(matte, word, (int(0.06 * SIDE), int(0.8 * SIDE)), font, scale, 255, thick, cv2.LINE_AA)
    return matte


def _strokes(rng: Rng) -> U8:
    """Bent wires, twigs and cords."""
    matte = np.zeros((SIDE, SIDE), np.uint8)
    t = np.linspace(0, 1, 40)[:, None]
    thick = int(rng.integers(1, 14))
    for _ in range(int(rng.integers(1, 12))):
        a, b, c, d = rng.uniform(0.03, 0.97, (4, 2)) * SIDE
        curve = a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t * t * (1 - t) + d * t**3
        points = [np.round(curve * 2**_FINE).astype(np.int32)]
        cv2.polylines(matte, points, False, 255, thick, cv2.LINE_AA, _FINE)
    return matte


def _lattice(rng: Rng) -> U8:
    matte, step = np.zeros((SIDE, SIDE), np.uint8), int(rng.integers(14, 60))
    thick = int(rng.integers(2, max(3, step // 2)))
    for at in range(0, SIDE, step):
        cv2.line(matte, (at, 0), (at, SIDE), 255, thick, cv2.LINE_AA)
        cv2.line(matte, (0, at), (SIDE, at), 255, thick, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), rng.uniform(0, 90), 1)
    return cv2.min(cv2.warpAffine(matte, turn, (SIDE, SIDE)), cv2.max(_blob(rng), _cornered(rng)))


def _tufts(rng: Rng) -> U8:
    """A blob with hairs all around, as fur, brushes and plants have."""
    matte = _blob(rng)
    outline, _ = cv2.findContours((matte > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outline:
        return matte
    edge = outline[0][:, 0]
    reach, centre = rng.uniform(5, 45), edge.mean(axis=0)
    for at in rng.integers(0, len(edge), int(rng.integers(60, 260))):
        away = edge[at] - centre
        tip = edge[at] + (away / (np.linalg.norm(away) + 1) + rng.normal(0, 0.5, 2)) * reach * rng.uniform(0.3, 1)
        cv2.line(matte, edge[at].tolist(), tip.astype(int).tolist(), 255, 1, cv2.LINE_AA)
    return matte


_PARTS = (_blob, _blob, _cornered, _cornered, _ring, _comb, _letters, _strokes, _lattice, _tufts)
