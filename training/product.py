"""The product of one picture: sprites placed, turned, recoloured and lit; several make one set now and then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenery import LEVELS, colour_matrix, linear
from training.sprites import Sprite, halved

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Rng = np.random.Generator
Matrix = NDArray[np.float64]

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(eq=False, slots=True)
class Layer:
    """colours: SxSx3 float32 linear light times share. share: SxS, what is hidden of the place. truth: SxS matte."""

    colours: F32
    share: F32
    truth: F32


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the product is: left, top, right, bottom in px, partly outside the picture if cut."""

    left: float
    top: float
    right: float
    bottom: float


def arranged(rng: Rng, sprites: Sequence[Sprite], *, any_way: bool) -> list[Matrix]:
    """3x3 matrices from each sprite's pixels to a plane of any unit: alone, side by side as one set, or in rows if all
    are the same.

    any_way: the product lies and may be turned by any angle.
    """
    turn = rng.uniform(-np.pi, np.pi) if any_way and rng.random() < 0.55 else rng.normal(0, 0.06) * (rng.random() < 0.5)
    if len(sprites) > 1 and all(sprite is sprites[0] for sprite in sprites):
        places = _in_rows(rng, sprites)
    elif len(sprites) > 1:
        places = _side_by_side(rng, sprites)
    else:
        places = [(0.0, 0.0, 1.0)]
    flip, skew = 1 if rng.random() < 0.5 else -1, _skewed(rng, *_size(places, sprites))
    matrices = []
    for (across, down, scale), sprite in zip(places, sprites, strict=True):
        height, width = sprite.truth.shape
        own = np.array(
            [[flip * scale, 0, across - flip * scale * width / 2], [0, scale, down - scale * height], [0, 0, 1]]
        )
        matrices.append(_turned(turn) @ skew @ own)
    return matrices


Place = tuple[float, float, float]
"""Middle of a sprite's foot, right and down, and its scale."""


def _side_by_side(rng: Rng, sprites: Sequence[Sprite]) -> list[Place]:
    """Feet on nearly one row, close together, heights alike."""
    places, across = [], 0.0
    for sprite in sprites:
        height, width = sprite.truth.shape
        scale = rng.uniform(0.55, 1) / height
        across += scale * width / 2
        places.append((across, rng.uniform(-0.06, 0), scale))
        across += scale * width * rng.uniform(0.3, 0.56)
    return places


def _in_rows(rng: Rng, sprites: Sequence[Sprite]) -> list[Place]:
    """A pack of the same thing: one row, or several."""
    height, width = sprites[0].truth.shape
    columns = len(sprites) if rng.random() < 0.4 else int(np.ceil(np.sqrt(len(sprites))))
    right, down = width * rng.uniform(0.8, 1.25), height * rng.uniform(1.0, 1.2)
    return [(i % columns * right, i // columns * down, 1.0) for i in range(len(sprites))]


def _size(places: Sequence[Place], sprites: Sequence[Sprite]) -> tuple[float, float]:
    """Width and height of the first sprite times the number of places: what a skew is measured by."""
    height, width = sprites[0].truth.shape
    return places[0][2] * width * len(places), places[0][2] * height * len(places)


def _turned(turn: float) -> Matrix:
    c, s = np.cos(turn), np.sin(turn)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def _skewed(rng: Rng, width: float, height: float) -> Matrix:
    """A small change of proportions, and now and then of perspective."""
    stretch = np.exp(rng.normal(0, 0.12))
    shear = rng.normal(0, 0.04) * (rng.random() < 0.3)
    lines = rng.normal(0, 0.06, 2) / (width, height) * (rng.random() < 0.25)
    return np.array([[stretch, shear, 0], [0, 1 / stretch, 0], [*np.clip(lines, -0.1 / width, 0.1 / width), 1.0]])


def bounds(matrices: Sequence[Matrix], sprites: Sequence[Sprite]) -> Frame:
    """The box around all sprites' corners."""
    corners = []
    for matrix, sprite in zip(matrices, sprites, strict=True):
        height, width = sprite.truth.shape
        points = matrix @ np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1.0]])
        corners.append(points[:2] / points[2])
    whole = np.hstack(corners)
    return Frame(*(float(v) for v in (*whole.min(axis=1), *whole.max(axis=1))))


def placed(rng: Rng, box: Frame, side: int, *, flat: bool, near: bool) -> Frame:
    """Where in the picture the product's box goes: 25 to 97 % of it, or cut off by one to three sides of it.

    flat: it lies anywhere. near: it is often seen from near, before a place far behind, cut off below.
    """
    width, height = box.right - box.left, box.bottom - box.top
    if rng.random() < (0.4 if near else 0.13):
        return _cut_off(rng, width, height, side, below=near)
    scale = (0.25 + 0.72 * rng.beta(2.2, 1.3)) * side / max(width, height)
    width, height = width * scale, height * scale
    left = (side - width) * min(max(rng.normal(0.5, 0.17), 0), 1)
    top = (side - height) * min(max(rng.normal(0.5 if flat else 0.6, 0.17), 0), 1)
    return Frame(left, top, left + width, top + height)


def _cut_off(rng: Rng, width: float, height: float, side: int, *, below: bool) -> Frame:
    over = (rng.uniform(0, 0.25, 4) * (rng.random(4) < 0.75)).tolist()  # left, top, right, bottom; 0 only touches
    sides = set(rng.permutation(4)[: int(rng.choice([1, 1, 1, 2, 2, 3]))].tolist())
    if below and rng.random() < 0.8:
        sides = {3} | (sides if rng.random() < 0.3 else set())
    scale = rng.uniform(0.6, 1.3) * side / max(width, height)
    if {0, 2} <= sides:
        scale = side / (width * (1 - over[0] - over[2]))
    elif {1, 3} <= sides:
        scale = side / (height * (1 - over[1] - over[3]))
    width, height = width * scale, height * scale
    left, top = (side - width) * rng.uniform(0.2, 0.8), (side - height) * rng.uniform(0.2, 0.8)
    left = -over[0] * width if 0 in sides else side - (1 - over[2]) * width if 2 in sides else left
    top = -over[1] * height if 1 in sides else side - (1 - over[3]) * height if 3 in sides else top
    return Frame(left, top, left + width, top + height)


def into(box: Frame, frame: Frame) -> Matrix:
    """3x3 matrix that moves and scales one box onto another of the same proportions."""
    scale = (frame.right - frame.left) / (box.right - box.left)
    return np.array([[scale, 0, frame.left - scale * box.left], [0, scale, frame.top - scale * box.top], [0, 0, 1.0]])


def warped(sprite: Sprite, matrix: Matrix, side: int) -> tuple[U8, U8, tuple[slice, slice]]:
    """The sprite where it is seen in the picture: hxwx4 uint8 (premultiplied), hxw truth, and the rows and columns."""
    box = bounds([matrix], [sprite])
    left, top = (min(max(0, int(v) - 1), side - 1) for v in (box.left, box.top))
    size = tuple(min(side, max(int(v) + 2, low + 1)) - low for v, low in ((box.right, left), (box.bottom, top)))
    matrix = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]]) @ matrix
    factor = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2])))) / matrix[2, 2]
    picture, divisor = halved(sprite.premultiplied, factor)
    matrix = matrix @ np.diag([divisor, divisor, 1.0])
    whole = _moved(picture, matrix, size)
    truth = _moved(halved(sprite.truth, factor)[0], matrix, size) if sprite.clear else whole[..., 3]
    return whole, truth, np.s_[top : top + size[1], left : left + size[0]]


def _moved(picture: U8, matrix: Matrix, size: tuple[int, ...]) -> U8:
    if matrix[2, 0] or matrix[2, 1]:
        return cv2.warpPerspective(picture, matrix, size)
    return cv2.warpAffine(picture, matrix[:2] / matrix[2, 2], size)


def unmixed(premultiplied: U8) -> U8:
    """Straight colours of premultiplied ones."""
    share = cv2.cvtColor(premultiplied[..., 3], cv2.COLOR_GRAY2RGB)
    return cv2.divide(np.ascontiguousarray(premultiplied[..., :3]), share, scale=255)


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """A change of a product's colours: a curve from 256 sRGB levels to linear light, then a 3x3 matrix."""

    curve: F32
    matrix: F32


def median_light(sprite: Sprite) -> float:
    """The median luminance of a sprite, linear."""
    some = sprite.premultiplied[::6, ::6]
    seen = some[some[..., 3] > 200]
    return float(np.median(LEVELS[seen[:, :3]] @ _LUMA)) if len(seen) else 0.3


def random_look(rng: Rng, sprite: Sprite, toward: F32, style: str) -> Look:
    """How the product's colours change.

    toward: mean light of the place, linear RGB; the product moves towards its brightness and tint by a random share.
    style: "pale" makes it nearly white, "dark" nearly black, "alike" of the place's own colour.
    """
    median = max(median_light(sprite), 0.002)
    power, gain = np.exp(rng.normal(0, 0.15)), np.exp(rng.normal(0, 0.2))
    hue = rng.normal(0, 0.9) if rng.random() < 0.35 else rng.normal(0, 0.06)
    saturation, tint = float(np.clip(rng.normal(1, 0.25), 0, 2)), np.ones(3, np.float32)
    if style in ("pale", "dark"):
        # Dark on dark is still seen: a little darker or lighter than the place.
        darker = float(np.clip(float(toward @ _LUMA) * rng.choice([0.4, 0.6, 1.6, 2.5]), 0.004, 0.035))
        goal = rng.uniform(0.4, 0.85) if style == "pale" else darker
        power = np.clip(np.log(0.8) / np.log(min(median, 0.79)), 0.15, 1) if style == "pale" else 1.0
        gain, saturation = min(goal / median**power, 1.1), saturation * rng.uniform(0, 0.4)
    elif style == "alike":
        luma = max(float(toward @ _LUMA), 0.004)
        gain, saturation = luma / median * np.exp(rng.normal(0, 0.25)), 0.3
        tint = np.clip(toward / luma, 0.3, 2.5).astype(np.float32)
        power = 1.0
    elif rng.random() < 0.6:
        strength = rng.uniform(0, 0.5)
        luma = max(float(toward @ _LUMA), 0.01)
        gain *= np.clip(luma / 0.3, 0.15, 2) ** (0.6 * strength)
        tint = np.clip(toward / luma, 0.4, 1.8).astype(np.float32) ** np.float32(0.5 * strength)
    curve = np.minimum(LEVELS ** np.float32(power) * np.float32(gain), 1.6).astype(np.float32)
    return Look(curve, colour_matrix(hue, saturation) * tint[:, None])


def layered(sprites: Sequence[Sprite], matrices: Sequence[Matrix], looks: Sequence[Look], side: int) -> Layer:
    """All sprites of a set over each other in one layer."""
    layer = Layer(*(np.zeros(shape, np.float32) for shape in ((side, side, 3), (side, side), (side, side))))
    for sprite, matrix, look in zip(sprites, matrices, looks, strict=True):
        picture, matte, at = warped(sprite, matrix, side)
        share = picture[..., 3].astype(np.float32) * np.float32(1 / 255)
        truth = matte.astype(np.float32) * np.float32(1 / 255)
        colours = cv2.max(cv2.transform(cv2.LUT(unmixed(picture), look.curve), look.matrix), 0)
        layer.colours[at] *= (1 - share)[..., None]
        layer.colours[at] += cv2.multiply(colours, cv2.cvtColor(share, cv2.COLOR_GRAY2RGB))
        layer.share[at] += share * (1 - layer.share[at])
        layer.truth[at] += truth * (1 - layer.truth[at])
    return layer


def overlaid(rng: Rng, layer: Layer, texture: U8) -> Layer:
    """A texture printed all over the product: its own shading stays."""
    light = linear(texture)
    strength = np.float32(rng.uniform(0.3, 1))
    factor = light * (strength / np.float32(max(0.05, float(light.mean())))) + (1 - strength)
    return Layer(layer.colours * np.minimum(factor, 1.8), layer.share, layer.truth)


def labelled(rng: Rng, layer: Layer, frame: Frame, panel: F32) -> Layer:
    """A printed label on the product, askew as it sits there, or print all over it: writing is part of a product.

    panel: SxSx3 float32 linear light, what is printed. The product's own shading stays.
    """
    side = layer.share.shape[0]
    cover = np.ones((side, side), np.float32)
    if rng.random() < 0.7:
        wide, tall = frame.right - frame.left, frame.bottom - frame.top
        centre = np.array([(frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2])
        centre += rng.normal(0, 0.1, 2) * (wide, tall)
        half = rng.uniform(0.15, 0.55, 2) * (wide, tall)
        corners = centre + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) + rng.normal(0, 0.04, (4, 2)) * half
        square = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
        matrix = cv2.getPerspectiveTransform(square, corners.astype(np.float32))
        panel = cv2.warpPerspective(panel, matrix, (side, side), flags=cv2.INTER_AREA)
        cover = cv2.warpPerspective(cover, matrix, (side, side), flags=cv2.INTER_LINEAR)
    light = layer.colours.mean(axis=2)
    inside = layer.share > 0.5
    usual = float(np.median(light[inside][::7])) if inside.any() else 0.2
    shade = np.clip(light / np.float32(max(0.03, usual)), 0.35 * layer.share, 1.7)
    printed = panel * shade[..., None]
    return Layer(layer.colours + (printed - layer.colours) * cover[..., None], layer.share, layer.truth)


def lit(rng: Rng, layer: Layer, frame: Frame, ground: F32, lean: float) -> Layer:
    """Light from one side, less of it near the ground, and the ground's colour on the lower part."""
    side, height, width = layer.share.shape[0], frame.bottom - frame.top, frame.right - frame.left
    low, bounce, across = rng.uniform(0.02, 0.12), rng.uniform(0.1, 0.4), np.sign(lean) * rng.uniform(0, 0.6)
    up = np.clip((frame.bottom - np.arange(side, dtype=np.float32)) / np.float32(max(8.0, height)), 0, None)
    shade = 1 - np.exp(-up / np.float32(low)) * np.float32(rng.uniform(0, 0.5))
    tint = np.exp(-up / np.float32(bounce)) * np.float32(rng.uniform(0, 0.35))
    rows = shade[:, None] * (1 + tint[:, None] * (ground - np.float32(0.3)))
    middle = np.float32((frame.left + frame.right) / 2)
    columns = 1 - np.float32(across / max(8.0, width)) * (np.arange(side, dtype=np.float32) - middle)
    at = np.s_[max(0, int(frame.top)) : int(frame.bottom) + 1, max(0, int(frame.left)) : int(frame.right) + 1]
    colours = layer.colours.copy()
    colours[at] *= rows[at[0], None] * np.clip(columns[at[1]], 0.4, 1.5)[None, :, None]
    return Layer(colours, layer.share, layer.truth)


def far_softened(rng: Rng, layer: Layer, frame: Frame) -> Layer:
    """The far (upper) part out of focus, in colours and matte alike."""
    rows = np.arange(layer.share.shape[0], dtype=np.float32)
    reach = frame.top + (frame.bottom - frame.top) * rng.uniform(0.2, 0.8)
    far = np.clip((reach - rows) / max(8.0, reach - frame.top), 0, 1).astype(np.float32)[:, None]
    sigma = rng.uniform(0.8, 2.5)
    mixed = []
    for part in (layer.colours, layer.share, layer.truth):
        soft = cv2.GaussianBlur(part, (0, 0), sigma)
        mixed.append(part + (soft - part) * (far[..., None] if part.ndim == 3 else far))
    return Layer(*mixed)
