"""The place of one picture, put together from tiles: paper, a table before a wall, a flat lay, a room out of focus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.backgrounds import pick
from resources.imaging.colour import srgb_to_linear
from training.backgrounds import SIDE, Atlas
from training.textures import any_colour

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Rng = np.random.Generator

LEVELS = srgb_to_linear(np.arange(256, dtype=np.uint8))
"""Linear light of each sRGB level."""
_PAPERS = ("#ffffff", "#e9e6df", "#a9bcc6", "#e3c8b4", "#f0d264", "#7fb59a", "#d1828c", "#5c7ea6", "#b9a3c9", "#c75c3a")
GROUNDS = ("wood", "wood", "cloth", "stone", "stone", "tiles", "soft", "rough", "pattern")
_TABLES = ("wood", "wood", "wood", "stone", "stone", "cloth", "tiles", "soft")
_WALLS = ("room", "room", "room", "tiles", "bricks", "pattern", "stone", "posters", "folds")


@dataclass(eq=False, slots=True)
class Scene:
    """light: SxSx3 float32, linear, paper white is 1. stand: how the product is there ("floor", "flat", "hang").

    edge: row where the floor ends (0 without one). gloss: how often such ground mirrors. white: overexposed to pure
    white, where hardly a shadow is left.
    """

    light: F32
    stand: str
    edge: int = 0
    gloss: float = 0.0
    white: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """What a place is drawn for: picture number, its side, and the row on which the product will stand."""

    atlas: Atlas
    number: int
    side: int
    foot: float

    def tile(self, rng: Rng, groups: Sequence[str]) -> U8:
        """A tile of one of the groups; 512x512x3 uint8."""
        return self.atlas.tile(rng, self.number, groups)


def linear(picture: U8) -> F32:
    """Linear light of sRGB levels, 0 to 1; quicker than `srgb_to_linear`. picture: HxWx3 uint8."""
    return cv2.LUT(picture, LEVELS)


def falloff(rng: Rng, side: int, strength: float) -> F32:
    """Light from one side or from above; SxSx1 float32, up to 1."""
    y, x = np.mgrid[0:1:16j, 0:1:16j]
    angle, centre = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.8, 2)
    along = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    away = np.minimum(np.hypot(x - centre[0], y - centre[1]), 1) ** 2
    shade = np.clip(1 - strength * (0.43 * (along + 0.7) + 0.6 * away), 0.12, 1).astype(np.float32)
    return cv2.resize(shade, (side, side), interpolation=cv2.INTER_CUBIC)[..., None]


def recoloured(rng: Rng, light: F32, amount: float = 1.0) -> F32:
    """Another hue, saturation and brightness, now and then grey."""
    if rng.random() < 0.3:
        return light
    turned = colour_matrix(rng.normal(0, 0.5) * amount, np.clip(rng.normal(0.85, 0.35), 0, 1.5))
    return np.maximum(cv2.transform(light, turned * np.float32(np.exp(rng.normal(0, 0.25)))), 0)


def colour_matrix(hue: float, saturation: float) -> F32:
    """3x3 matrix on linear RGB that turns the hue (radians) and scales the saturation, greys stay."""
    c, s = np.cos(hue), np.sin(hue)
    third, root = (1 - c) / 3, s / np.sqrt(3)
    turn = np.full((3, 3), third) + np.eye(3) * c + root * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    grey = np.broadcast_to(np.array([0.2126, 0.7152, 0.0722]), (3, 3))
    return ((grey + (np.eye(3) - grey) * saturation) @ turn).astype(np.float32)


def upright(rng: Rng, tile: U8, side: int, turn: float = 0.0, zoom: tuple[float, float] = (0.85, 1.8)) -> U8:
    """A cut of a tile that fills the picture; turn in radians, zoom in tile widths per picture."""
    larger = rng.uniform(*zoom)
    scale = larger * side / SIDE
    c, s = np.cos(turn) / scale, np.sin(turn) / scale
    flip = 1 if rng.random() < 0.5 else -1
    middle = (0.5 + max(0.0, 0.5 - 0.5 / larger) * rng.uniform(-1, 1, 2)) * SIDE
    matrix = np.array([[flip * c, -s, 0], [flip * s, c, 0]])
    matrix[:, 2] = middle - matrix[:, :2] @ (side / 2, side / 2)
    if scale < 0.6:  # the tile is shrunk first, or its detail would flicker
        tile = cv2.resize(tile, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
        matrix *= 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(tile, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REFLECT_101)


def floor(rng: Rng, tile: U8, side: int, edge: float, foot: float) -> U8:
    """A tile laid down in perspective, seen below row `edge`; right scale where the product stands, at row `foot`."""
    first = int(edge) - 4  # nothing above is needed, and the farther away the slower it is to fetch
    horizon, foot = edge - first - side * rng.uniform(0.08, 0.6), foot - first
    focal, fall = side * rng.uniform(1.2, 3.0), max(foot - horizon, 0.15 * side)
    scale, turn = SIDE / side / rng.uniform(0.6, 1.8) * fall, rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    lay = np.array([[c, -s, rng.uniform(0, SIDE)], [s, c, rng.uniform(0, SIDE)], [0, 0, 1]])
    # From a pixel to (right, away, 1) on the floor, times its depth below the horizon; rows are doubled, see below.
    see = np.array([[1, 0, -side * rng.uniform(0.3, 0.7)], [0, 0, focal], [0, 0.5, -horizon]])
    flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (side, 2 * (side - first))
    laid = cv2.warpPerspective(tile, lay @ see, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    laid = cv2.addWeighted(laid[::2], 0.5, laid[1::2], 0.5, 0)  # far rows are seen foreshortened
    return cv2.copyMakeBorder(laid, first, 0, 0, 0, cv2.BORDER_CONSTANT) if first > 0 else laid[-side:]


def blurred(picture: U8, sigma: float) -> U8:
    """Out of focus; strong blurs are made small."""
    if sigma < 0.4:
        return picture
    if sigma < 2.5:
        return cv2.GaussianBlur(picture, (0, 0), sigma)
    factor = 2.0 / sigma
    small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), 1.8), picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def joined(rng: Rng, wall: U8, ground: U8, edge: float) -> U8:
    """The wall above the floor's edge, the ground below it; the edge may be tilted, soft and darker."""
    side, (tilt, soft) = wall.shape[0], (rng.normal(0, 0.015), rng.uniform(0.7, 3.0))
    y, x = np.arange(side, dtype=np.float32)[:, None], np.arange(side, dtype=np.float32)[None]
    below = np.clip((y - np.float32(edge) - np.float32(tilt) * (x - side / 2)) / np.float32(soft) + 0.5, 0, 1)
    picture = cv2.blendLinear(ground, wall, below, 1 - below)
    if rng.random() < 0.5:
        dim = 1 - 0.4 * np.exp(-np.abs(y - edge) / (rng.uniform(0.01, 0.06) * side))
        picture = (picture * dim[..., None]).astype(np.uint8)
    return picture


def _edge(rng: Rng, site: Site) -> float:
    """A row for the floor's far edge, above where the product stands."""
    return max(0.04 * site.side, min(site.foot, site.side) - site.side * rng.uniform(0.05, 0.55))


def white_sweep(rng: Rng, site: Site) -> Scene:
    """White paper or a light table; from a grey corner to pure white everywhere."""
    pure = rng.random() < 0.45
    base = np.float32(1.15 if pure else rng.uniform(0.6, 1.1))
    tint = np.array([1, rng.uniform(0.96, 1.01), rng.uniform(0.88, 1.04)], np.float32) if not pure else np.ones(3)
    light = falloff(rng, site.side, 0.0 if pure else rng.uniform(0, 0.5)) * (base * tint).astype(np.float32)
    if not pure and rng.random() < 0.3:  # the table's edge can be seen
        light[: int(_edge(rng, site))] *= np.float32(rng.uniform(0.8, 1.2))
    gloss = 0.15 if rng.random() < 0.8 else 0.6
    return Scene(light, "flat" if rng.random() < 0.25 else "floor", gloss=gloss, white=pure)


def paper(rng: Rng, site: Site) -> Scene:
    """Coloured, grey or black paper, or a gradient of two colours."""
    kind = rng.random()
    if kind < 0.25:
        base = np.full(3, rng.uniform(0.004, 0.04), np.float32)
    elif kind < 0.5:
        base = np.full(3, rng.uniform(0.1, 0.6), np.float32) * np.array([1, 1, rng.uniform(0.9, 1.1)], np.float32)
    else:
        base = pick(rng, _PAPERS) if rng.random() < 0.5 else any_colour(rng)
    shade = falloff(rng, site.side, rng.uniform(0.05, 0.7))
    light = shade * base
    if rng.random() < 0.3:
        other = any_colour(rng) if rng.random() < 0.5 else base * np.float32(rng.uniform(0.3, 1.8))
        light = light + (shade * other - light) * falloff(rng, site.side, 1.6)
    elif rng.random() < 0.25:  # two papers, or table and wall
        light[: int(_edge(rng, site))] *= np.float32(rng.uniform(0.5, 1.5))
    return Scene(np.minimum(light, 1.1), "flat" if rng.random() < 0.3 else "floor", gloss=0.12)


def flat_lay(rng: Rng, site: Site) -> Scene:
    """A surface seen from right above."""
    tile = site.tile(rng, (*GROUNDS, *site.atlas.photos("material"), "cloth", "foliage"))
    turn = rng.choice([0, np.pi / 2, rng.uniform(-np.pi, np.pi)])
    light = recoloured(rng, linear(upright(rng, tile, site.side, turn)), 0.4)
    return Scene(light * falloff(rng, site.side, rng.uniform(0, 0.5)), "flat", gloss=0.03)


def _on_table(rng: Rng, site: Site, wall: U8, defocus: float) -> Scene:
    edge = _edge(rng, site)
    ground = floor(rng, site.tile(rng, (*_TABLES, *site.atlas.photos("material"))), site.side, edge, site.foot)
    picture = joined(rng, blurred(wall, defocus), ground, edge)
    if defocus > 1:
        picture = _far_softened(picture, edge, site.foot, 0.35 * defocus)
    light = recoloured(rng, linear(picture), 0.25)
    return Scene(light * falloff(rng, site.side, rng.uniform(0, 0.5)), "floor", edge=int(edge), gloss=0.2)


def _far_softened(picture: U8, edge: float, foot: float, sigma: float) -> U8:
    """The ground grows softer from where the product stands to its far edge."""
    y = np.arange(picture.shape[0], dtype=np.float32)
    near = np.clip((y - edge) / max(8.0, 0.8 * (foot - edge)), 0, 1)[:, None] * np.ones_like(y)[None]
    return cv2.blendLinear(picture, blurred(picture, sigma), near, 1 - near)


def table_and_wall(rng: Rng, site: Site) -> Scene:
    """A table or floor before a wall."""
    wall = upright(rng, site.tile(rng, _WALLS), site.side)
    return _on_table(rng, site, wall, rng.uniform(0, 4))


def shelf(rng: Rng, site: Site) -> Scene:
    """A desk or shelf with books and things behind."""
    wall = upright(rng, site.tile(rng, ("shelf", "shelf", "room", "posters")), site.side)
    return _on_table(rng, site, wall, rng.uniform(0, 5))


def place(rng: Rng, site: Site) -> Scene:
    """A photo of a place: its own ground, or a table put before it."""
    views = (*site.atlas.photos("plate"), *site.atlas.photos("panorama")) or ("shelf",)
    tile = site.tile(rng, views)
    wall = upright(rng, tile, site.side, zoom=(1.0, 1.8))
    if rng.random() < 0.65:
        return _on_table(rng, site, wall, rng.uniform(0, 3))
    light = recoloured(rng, linear(blurred(wall, rng.uniform(0, 2))), 0.2)
    return Scene(light, "floor" if rng.random() < 0.6 else "hang", gloss=0.1)


def bokeh(rng: Rng, site: Site) -> Scene:
    """Anything, far out of focus."""
    groups = (
        "bokeh",
        "bokeh",
        "foliage",
        "posters",
        "shelf",
        *site.atlas.photos("panorama"),
        *site.atlas.photos("plate"),
    )
    wall = blurred(upright(rng, site.tile(rng, groups), site.side), rng.uniform(3, 14))
    if rng.random() < 0.5:
        return _on_table(rng, site, wall, rng.uniform(1, 5))
    return Scene(recoloured(rng, linear(wall), 0.4), "hang")


def natural(rng: Rng, site: Site) -> Scene:
    """Foliage, stones, bricks, grass or sky right behind."""
    wall = upright(rng, site.tile(rng, ("foliage", "foliage", "rough", "bricks", "soft", "sky")), site.side)
    if rng.random() < 0.4:
        return _on_table(rng, site, wall, rng.uniform(0, 3))
    light = recoloured(rng, linear(blurred(wall, rng.choice([0, rng.uniform(0, 3)]))), 0.3)
    stand = "flat" if rng.random() < 0.5 else "floor" if rng.random() < 0.5 else "hang"
    return Scene(light * falloff(rng, site.side, rng.uniform(0, 0.5)), stand)


def backdrop(rng: Rng, site: Site) -> Scene:
    """A cloth that hangs behind and lies under the product, with folds."""
    light = linear(upright(rng, site.tile(rng, ("folds", "folds", "cloth")), site.side))
    return Scene(recoloured(rng, light) * falloff(rng, site.side, rng.uniform(0.05, 0.6)), "floor")


def patterned(rng: Rng, site: Site) -> Scene:
    """Wallpaper, gift wrap, printed paper."""
    wall = upright(rng, site.tile(rng, ("pattern",)), site.side, rng.choice([0, rng.normal(0, 0.3)]))
    if rng.random() < 0.45:
        return _on_table(rng, site, wall, rng.uniform(0, 2))
    light = recoloured(rng, linear(wall))
    stand = ("flat", "flat", "hang", "floor")[int(rng.integers(4))]
    return Scene(light * falloff(rng, site.side, rng.uniform(0, 0.5)), stand)


def posters(rng: Rng, site: Site) -> Scene:
    """Pictures, posters or windows on the wall behind."""
    wall = upright(rng, site.tile(rng, ("posters", "posters", "shelf")), site.side, rng.normal(0, 0.03))
    if rng.random() < 0.7:
        return _on_table(rng, site, wall, rng.uniform(0, 2.5))
    return Scene(recoloured(rng, linear(wall), 0.4) * falloff(rng, site.side, rng.uniform(0, 0.4)), "hang")


Draw = Callable[[Rng, Site], Scene]
