"""Places where a small seller takes pictures, drawn in NumPy: paper, wood, cloth, stone, tiles, carpet, a full shelf.

Each function takes a random generator, a height and a width, and returns HxWx3 float32 in linear light, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import srgb_to_linear

Field = NDArray[np.float32]
Rng = np.random.Generator
Texture = Callable[[Rng, int, int], Field]

_WOODS = (
    ("#8f6a48", "#ab8459", "#c6a27a"),
    ("#b59a76", "#cdb28c", "#dcc6a4"),
    ("#4f3524", "#6b4a33", "#84603f"),
    ("#a8998a", "#bdb0a2", "#cfc4b8"),
    ("#7a4a2a", "#96602f", "#b27b45"),
)
_CLOTHS = ("#e9e8e6", "#c3d3e2", "#85888e", "#2a2c31", "#d8c7a8", "#7f9c86", "#a5545c", "#35476b", "#c9b7c9")
_PAPERS = ("#a9bcc6", "#e3c8b4", "#f0d264", "#7fb59a", "#d1828c", "#5c7ea6", "#b9a3c9", "#e9e6df", "#3b4048", "#c75c3a")
_WALLS = ("#e6e2d8", "#dad8d2", "#cfc9bd", "#d5dde0", "#c7d0c2", "#b9a99a", "#8fa3ad", "#f1efe9")
_STONES = ("#e9e7e3", "#d9d6cf", "#b8b4ad", "#4b4c50", "#c9beb0")
_THINGS = (*_PAPERS, "#2d66b0", "#b3202c", "#3f8f58", "#26282c", "#f2f1ee", "#8a5a35", "#e0862a", "#6d7076")


def colour(code: str) -> Field:
    """Linear light of "#rrggbb"; 3 float32."""
    return srgb_to_linear(np.frombuffer(bytes.fromhex(code[1:]), np.uint8))


def pick(rng: Rng, codes: tuple[str, ...]) -> Field:
    """One of the colours, in linear light."""
    return colour(codes[int(rng.integers(len(codes)))])


def noise(rng: Rng, height: int, width: int, cell: tuple[float, float], octaves: int = 4) -> Field:
    """Cloudy noise around 0 with a spread of 1. cell: (down, across) px of the largest lumps; octaves halve them."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        rows = max(2, round(height * 2**octave / cell[0]) + 2)
        columns = max(2, round(width * 2**octave / cell[1]) + 2)
        grid = rng.standard_normal((min(rows, height), min(columns, width))).astype(np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.55**octave
    return total / (total.std() + 1e-6)


def blend(first: Field, second: Field, share: Field) -> Field:
    """Colour between two, by a share of HxW."""
    return first + (second - first) * np.clip(share, 0, 1)[..., None]


def plain(rng: Rng, height: int, width: int, base: Field, grain: float = 0.012) -> Field:
    """Painted wall or paper: one colour with a trace of texture."""
    texture = 1 + grain * noise(rng, height, width, (60, 60), 5)
    return np.float32(base) * texture[..., None]


def light_falloff(rng: Rng, height: int, width: int, strength: float) -> Field:
    """Light that comes from one side or from above, HxWx1, 1 where it is brightest."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    along = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle)
    centre = rng.uniform(0.2, 0.8, 2)
    away = np.hypot(x / width - centre[0], (y / height - centre[1]) * height / width)
    shade = 1 - strength * (0.6 * (along + 0.7) / 1.4 + 0.6 * np.clip(away, 0, 1) ** 2)
    return np.clip(shade, 0.15, 1)[..., None].astype(np.float32)


def white_paper(rng: Rng, height: int, width: int) -> Field:
    """A white sweep: often overexposed, sometimes a little yellow or blue."""
    base = np.float32(rng.uniform(0.72, 1.05)) * np.array([1, rng.uniform(0.97, 1), rng.uniform(0.9, 1)], np.float32)
    return plain(rng, height, width, base, 0.004) * light_falloff(rng, height, width, rng.uniform(0, 0.35))


def grey_paper(rng: Rng, height: int, width: int) -> Field:
    """A grey sweep with light that falls off."""
    base = np.full(3, rng.uniform(0.18, 0.55), np.float32)
    return plain(rng, height, width, base, 0.006) * light_falloff(rng, height, width, rng.uniform(0.1, 0.6))


def dark_paper(rng: Rng, height: int, width: int) -> Field:
    """Black or nearly black paper or felt."""
    base = np.full(3, rng.uniform(0.006, 0.035), np.float32)
    return plain(rng, height, width, base, 0.08) * light_falloff(rng, height, width, rng.uniform(0.1, 0.6))


def coloured_paper(rng: Rng, height: int, width: int) -> Field:
    """Coloured card."""
    return plain(rng, height, width, pick(rng, _PAPERS)) * light_falloff(rng, height, width, rng.uniform(0.05, 0.45))


def gradient(rng: Rng, height: int, width: int) -> Field:
    """From one colour into another, as of a lit studio wall."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    along = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle) + 0.5
    first = pick(rng, _PAPERS)
    second = first * np.float32(rng.uniform(0.3, 0.75)) if rng.random() < 0.6 else pick(rng, _PAPERS)
    return blend(first, second, along + 0.03 * noise(rng, height, width, (400, 400), 2))


def wood(rng: Rng, height: int, width: int) -> Field:
    """Planks with grain, knots' waves and dark joints; turned upright one time in four."""
    if rng.random() < 0.25:
        return np.ascontiguousarray(np.rot90(_planks(rng, width, height)))
    return _planks(rng, height, width)


def _planks(rng: Rng, height: int, width: int) -> Field:
    dark, middle, light = (colour(code) for code in _WOODS[int(rng.integers(len(_WOODS)))])
    y = np.arange(height, dtype=np.float32)[:, None]
    plank = rng.uniform(0.12, 0.45) * height
    number = ((y + rng.uniform(0, plank)) // plank).astype(int)
    warp = noise(rng, height, width, (height * 0.5, width * 0.9), 3)
    shift = rng.uniform(0, 50, number.max() + 1).astype(np.float32)[number]
    rings = np.sin((y + shift * 7) / rng.uniform(3, 8) + warp * rng.uniform(0.6, 2.5))
    fibres = noise(rng, height, width, (3, 160), 3)
    tone = 0.5 + 0.16 * rings + 0.16 * fibres + 0.12 * warp + rng.normal(0, 0.12, number.max() + 1)[number]
    picture = np.where((tone < 0.5)[..., None], blend(dark, middle, 2 * tone), blend(middle, light, 2 * tone - 1))
    joint = np.diff(number[:, 0], prepend=number[0, 0])[:, None] != 0
    dimmed = cv2.GaussianBlur(np.repeat(joint.astype(np.float32), width, axis=1), (0, 0), 1.0)
    return (picture * (1 - 0.9 * np.clip(dimmed * 1.6, 0, 0.8))[..., None]).astype(np.float32)


def cloth(rng: Rng, height: int, width: int) -> Field:
    """Woven cloth with wrinkles."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    thread = rng.uniform(2.5, 6)
    weave = np.sin(2 * np.pi * x / thread) * np.sin(2 * np.pi * y / thread) * rng.uniform(0.02, 0.1)
    folds = np.abs(noise(rng, height, width, (rng.uniform(150, 400), rng.uniform(150, 400)), 3))
    relief = cv2.GaussianBlur(folds, (0, 0), 5)
    slope = cv2.Sobel(relief, cv2.CV_32F, 1, 0) * np.float32(rng.uniform(-1, 1)) + cv2.Sobel(relief, cv2.CV_32F, 0, 1)
    shading = 1 + weave + rng.uniform(0.2, 1.2) * slope + 0.03 * noise(rng, height, width, (4, 4), 2)
    return pick(rng, _CLOTHS) * np.clip(shading, 0.35, 1.5)[..., None]


def marble(rng: Rng, height: int, width: int) -> Field:
    """Polished stone with veins, or terrazzo."""
    base = pick(rng, _STONES)
    if rng.random() < 0.35:
        specks = noise(rng, height, width, (14, 14), 2)
        return blend(base, base * 0.6, (specks > 0.9) * 1.0) * (1 + 0.1 * (specks < -1.0))[..., None]
    cloud = noise(rng, height, width, (200, 200), 4)
    veins = np.exp(-np.abs(noise(rng, height, width, (260, 180), 5) + 0.4 * cloud) * rng.uniform(8, 20))
    return blend(base * (1 + 0.05 * cloud)[..., None], base * np.float32(0.45), veins * rng.uniform(0.4, 0.9))


def tiles(rng: Rng, height: int, width: int) -> Field:
    """Square or brick-laid tiles with joints."""
    side = rng.uniform(0.10, 0.3) * max(height, width)
    brick = rng.random() < 0.4
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    row = np.floor((y + rng.uniform(0, side)) / (side / (2 if brick else 1)))
    across = x + (row % 2) * side / 2 if brick else x + rng.uniform(0, side)
    column = np.floor(across / side)
    tone = rng.normal(1, rng.uniform(0.01, 0.07), 97)[((row * 31 + column * 17) % 97).astype(int)]
    edges = (cv2.Laplacian(row, cv2.CV_32F) != 0) | (cv2.Laplacian(column, cv2.CV_32F) != 0)
    joint = cv2.GaussianBlur(edges.astype(np.float32), (0, 0), rng.uniform(0.8, 2.0))
    glaze = pick(rng, _WALLS) if rng.random() < 0.7 else pick(rng, _PAPERS)
    picture = glaze * (tone * (1 + 0.03 * noise(rng, height, width, (40, 40), 3)))[..., None]
    return blend(picture, pick(rng, ("#b9b5ab", "#6b6862", "#e8e6e0")), np.clip(joint * 1.8, 0, 1))


def carpet(rng: Rng, height: int, width: int) -> Field:
    """Carpet, felt, or grass: a colour made of many."""
    if rng.random() < 0.4:
        blades = noise(rng, height, width, (rng.uniform(8, 22), 3), 3) + 0.5 * noise(rng, height, width, (120, 120), 3)
        return blend(colour("#27401a"), colour("#8fae55"), 0.5 + 0.3 * blades)
    base = pick(rng, (*_CLOTHS, "#9a8f86", "#5d6a5f"))
    pile = noise(rng, height, width, (rng.uniform(3, 9),) * 2, 3)
    return base * np.clip(1 + rng.uniform(0.08, 0.3) * pile, 0.3, 1.8)[..., None]


def painted_wall(rng: Rng, height: int, width: int) -> Field:
    """Wall paint in a light that falls off."""
    return plain(rng, height, width, pick(rng, _WALLS), 0.01) * light_falloff(rng, height, width, rng.uniform(0.1, 0.5))


_GROUNDS: tuple[Texture, ...] = (wood, wood, marble, cloth, tiles, coloured_paper, carpet)
_BEHIND: tuple[Texture, ...] = (painted_wall, painted_wall, tiles, gradient)


def table_and_wall(rng: Rng, height: int, width: int) -> Field:
    """A table in perspective whose back edge is seen before a wall, which is out of focus."""
    horizon = int(height * rng.uniform(0.28, 0.6))
    wall = _BEHIND[int(rng.integers(len(_BEHIND)))](rng, height, width)
    wall = cv2.GaussianBlur(wall, (0, 0), rng.uniform(0.8, 5))
    return _before_wall(rng, wall, _GROUNDS[int(rng.integers(len(_GROUNDS)))], horizon)


def cluttered_shelf(rng: Rng, height: int, width: int) -> Field:
    """A table, and behind it a row of other things, more or less out of focus."""
    horizon = int(height * rng.uniform(0.3, 0.5))
    wall = painted_wall(rng, height, width)
    for _ in range(int(rng.integers(4, 10))):
        _stand_something(rng, wall, horizon)
    wall = cv2.GaussianBlur(wall, (0, 0), rng.uniform(1.0, 7))
    return _before_wall(rng, wall, _GROUNDS[int(rng.integers(len(_GROUNDS)))], horizon)


def _stand_something(rng: Rng, wall: Field, horizon: int) -> None:
    """Draw a box, a book or a jar that stands on the horizon line."""
    width = wall.shape[1]
    w, h = int(width * rng.uniform(0.05, 0.2)), int(horizon * rng.uniform(0.3, 0.95))
    left = int(rng.uniform(-0.1, 1) * width)
    shade = (pick(rng, _THINGS) * rng.uniform(0.6, 1)).tolist()
    if rng.random() < 0.6:
        cv2.rectangle(wall, (left, horizon - h), (left + w, horizon + 3), shade, -1)
        cv2.rectangle(wall, (left, horizon - h), (left + w // 3, horizon + 3), [0.8 * c for c in shade], -1)
        return
    cv2.rectangle(wall, (left, horizon - h // 2), (left + w, horizon + 3), shade, -1)
    cv2.ellipse(wall, (left + w // 2, horizon - h // 2), (w // 2, h // 2), 0, 180, 360, shade, -1)


def _before_wall(rng: Rng, wall: Field, ground: Texture, horizon: int) -> Field:
    """The ground laid down in perspective, up to the horizon line, before a picture of the wall."""
    height, width = wall.shape[:2]
    flat = ground(rng, int(1.3 * height), int(1.6 * width))
    rows, columns = flat.shape[:2]
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    spread = rng.uniform(0.4, 0.9) * width
    seen = [[-0.05 * width, horizon], [1.05 * width, horizon], [width + spread, height], [-spread, height]]
    laid = cv2.warpPerspective(
        flat,
        cv2.getPerspectiveTransform(corners, np.array(seen, np.float32)),
        (width, height),
        flags=cv2.INTER_AREA,
        borderMode=cv2.BORDER_REPLICATE,
    )
    tilt = rng.normal(0, 0.012)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    below = np.clip((y - horizon - tilt * (x - width / 2)) / rng.uniform(1.0, 3.0) + 0.5, 0, 1)
    # Where a table meets a wall it is darker.
    dim = 1 - 0.35 * np.exp(-np.abs(y - horizon) / (0.03 * height)) * (rng.random() < 0.6)
    return blend(wall, laid, below) * dim[..., None].astype(np.float32)
