"""More places behind and under products, drawn in NumPy: plants, stones, bricks, folds, patterns, shelves, lights.

Like those of benchmarks/backgrounds.py: each function takes a random generator, a height and a width, and returns
HxWx3 float32 in linear light, 0 to 1. All take less than about 0.1 s at 512 px.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.backgrounds import Field, Rng, Texture, blend, colour, light_falloff, noise, painted_wall, pick, plain
from resources.imaging.colour import linear_to_srgb, srgb_to_linear

U8 = NDArray[np.uint8]

WORDS = (
    "size",
    "NEW",
    "cotton",
    "34 cm",
    "SALE",
    "love",
    "home",
    "2 years",
    "Bio",
    "eco",
    "500 g",
    "A4",
    "No. 7",
    "&co",
)
_GREENS = ("#2f4a1d", "#4f7030", "#6f9440", "#94b35a", "#3c5a3a", "#7d8f4e", "#a9bd6a", "#566b2a")
_PETALS = ("#d8506a", "#f0c040", "#ffffff", "#b070c0", "#e88040", "#f4a8b8", "#8090e0")
_DRY = ("#b9a06a", "#d4bf8c", "#8f7a4a", "#e0cf9f", "#a58a58")
_EARTHS = ("#7d6a55", "#998672", "#b7a892", "#5d5349", "#8c8a86", "#6e6f72", "#a89f97", "#c9c0b4")
_BRICKS = ("#9c4a36", "#b5654a", "#7e3f34", "#c28b6c", "#d9cfc3", "#8d8a86", "#a8523c")
_FURS = ("#f3efe8", "#cdbfae", "#77716b", "#3a3634", "#d8a8b0", "#9fb0c4")


def any_colour(rng: Rng) -> Field:
    """Any colour, most often pale, dull or warm as things at home are; 3 float32 in linear light."""
    home = rng.random() < 0.5
    hue = rng.normal(15, 9) % 180 if home else rng.uniform(0, 180)
    saturation = rng.beta(0.8, 3.5) if home else rng.beta(0.8, 1.8)
    hsv = np.array([[[hue, 255 * saturation, 255 * rng.beta(2.4, 1.2)]]]).astype(np.uint8)
    return srgb_to_linear(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))[0, 0]


def relief(height_map: Field, rng: Rng, strength: float) -> Field:
    """Brightness (around 1) of a surface of the given height under light from one side."""
    angle = rng.uniform(0, 2 * np.pi)
    height_map = height_map.astype(np.float32)
    down = cv2.Sobel(height_map, cv2.CV_32F, 0, 1) * np.sin(angle)
    slope = cv2.Sobel(height_map, cv2.CV_32F, 1, 0) * np.cos(angle) + down
    return np.clip(1 + np.float32(strength) * slope, 0.25, 1.9).astype(np.float32)


def cells(rng: Rng, height: int, width: int, count: int, stretch: float = 1.0) -> tuple[NDArray[np.int32], Field]:
    """A plane in cells around random points: the cell's number of every pixel, and px from its border."""
    tall = max(8, round(height * stretch))
    seeds = np.full((tall, width), 255, np.uint8)
    seeds[rng.integers(0, tall, count), rng.integers(0, width, count)] = 0
    _, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    if tall != height:
        labels = cv2.resize(labels.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST).astype(
            np.int32
        )
    border = np.zeros((height, width), bool)
    border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    border[1:] |= labels[1:] != labels[:-1]
    return labels, cv2.distanceTransform((~border).astype(np.uint8), cv2.DIST_L2, 5)


def _drawn(height: int, width: int, ground: Field) -> U8:
    return np.ascontiguousarray(np.broadcast_to(linear_to_srgb(ground.astype(np.float32)), (height, width, 3)))


def _level(rgb: Field) -> tuple[int, ...]:
    return tuple(int(v) for v in linear_to_srgb(np.asarray(rgb, np.float32)))


def foliage(rng: Rng, height: int, width: int) -> Field:
    """Leaves over leaves, dark behind and bright in front, now and then with flowers."""
    picture = _drawn(height, width, pick(rng, _GREENS) * 0.15)
    size, slim = rng.uniform(10, 55), rng.uniform(0.15, 0.5)
    palette = [pick(rng, _GREENS) for _ in range(3)]
    flowers = pick(rng, _PETALS) if rng.random() < 0.3 else None
    count = int(np.clip(2.2 * height * width / (size * size), 150, 900))
    for i in range(count):
        depth = i / count
        shade = palette[i % 3] * np.float32((0.2 + 0.9 * depth) * rng.uniform(0.6, 1.3))
        if flowers is not None and depth > 0.85:
            shade = flowers * np.float32(rng.uniform(0.5, 1))
        _leaf(rng, picture, size * rng.uniform(0.6, 1.2), slim, shade)
        if i == count // 2:
            picture = cv2.GaussianBlur(picture, (0, 0), 2)
    return srgb_to_linear(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.5)))


def _leaf(rng: Rng, picture: U8, size: float, slim: float, shade: Field) -> None:
    """One pointed leaf with a lighter midrib."""
    angle, t = rng.uniform(0, 2 * np.pi), np.linspace(0, np.pi, 8)
    along, across = -np.cos(t) * size, np.sin(t) ** 1.3 * size * slim
    outline = np.concatenate([np.c_[along, across], np.c_[along, -across][::-1]])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = rng.uniform(0, 1, 2) * (picture.shape[1], picture.shape[0])
    points = (outline @ turn + centre) * 16
    cv2.fillPoly(picture, [points.astype(np.int32)], _level(np.minimum(shade, 1)), cv2.LINE_AA, 4)
    rib = points[[0, 7]].astype(np.int32)
    cv2.line(picture, rib[0].tolist(), rib[1].tolist(), _level(np.minimum(shade * 1.5, 1)), 1, cv2.LINE_AA, 4)


def blades(rng: Rng, height: int, width: int) -> Field:
    """Grass, hay, fur or needles: many thin strokes."""
    palette = (_GREENS, _GREENS, _DRY, _FURS)[int(rng.integers(4))]
    base = pick(rng, palette)
    picture = _drawn(height, width, base * 0.3)
    length, heading, spread = rng.uniform(14, 60), rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.6)
    count, thick = int(rng.integers(1200, 2600)), int(rng.integers(1, 3))
    angle = heading + rng.normal(0, spread, count)
    start = rng.uniform(-20, 20 + max(height, width), (count, 2))
    end = start + length * rng.uniform(0.4, 1.2, count)[:, None] * np.c_[np.cos(angle), np.sin(angle)]
    tone = np.linspace(0.35, 1.1, count) * rng.uniform(0.7, 1.3, count)
    hues = [base, pick(rng, palette), pick(rng, palette)]
    for i in range(count):
        shade = _level(np.minimum(hues[i % 3] * np.float32(tone[i]), 1))
        cv2.line(picture, start[i].astype(int).tolist(), end[i].astype(int).tolist(), shade, thick, cv2.LINE_AA)
    return srgb_to_linear(picture)


def stones(rng: Rng, height: int, width: int) -> Field:
    """Pebbles, gravel, cobbles or a wall of field stones."""
    count = int(10 ** rng.uniform(1.6, 3.6))
    labels, inside = cells(rng, height, width, count, rng.uniform(0.6, 1.7))
    size = np.sqrt(height * width / count)
    dome = np.sqrt(np.clip(inside / (rng.uniform(0.15, 0.5) * size), 0, 1))
    tone = rng.uniform(0.55, 1.25, count + 2).astype(np.float32)[labels]
    palette = np.array([pick(rng, _EARTHS) for _ in range(5)], np.float32)
    base = palette[rng.integers(0, 5, count + 2)][labels] * rng.uniform(0.5, 1) + palette[0] * 0.4
    rough = 1 + 0.12 * noise(rng, height, width, (8, 8), 2)
    shade = relief(cv2.GaussianBlur(dome * size * 0.1, (0, 0), 1.2), rng, rng.uniform(0.1, 0.4))
    gap = rng.uniform(0.1, 0.4) + (1 - 0.3) * np.clip(inside / max(1.5, 0.06 * size), 0, 1)
    return np.clip(base * (tone * rough * shade * np.minimum(gap, 1))[..., None], 0, 1).astype(np.float32)


def crackle(rng: Rng, height: int, width: int) -> Field:
    """Leather, dry earth, mosaic, terrazzo or crumpled paper: cells with their own tone or slope."""
    count = int(10 ** rng.uniform(1.3, 3.8))
    labels, inside = cells(rng, height, width, count)
    base = any_colour(rng)
    style = rng.random()
    if style < 0.4:
        gradients = rng.normal(0, 1, (count + 2, 3)).astype(np.float32)[labels]
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        facets = 1 + 0.1 * gradients[..., 0] + 0.06 * (gradients[..., 1] * x + gradients[..., 2] * y)
        return np.clip(base * cv2.GaussianBlur(facets, (0, 0), 1.0)[..., None], 0, 1).astype(np.float32)
    if style < 0.7:
        bump = relief(np.minimum(inside, 4), rng, rng.uniform(0.02, 0.12))
        return np.clip(base * (bump * (1 + 0.05 * noise(rng, height, width, (90, 90), 3)))[..., None], 0, 1)
    palette = np.array([any_colour(rng) for _ in range(4)], np.float32)
    picture = palette[rng.integers(0, 4, count + 2)][labels]
    return blend(any_colour(rng), picture, np.clip(inside - rng.uniform(0.3, 1.5), 0, 1))


def bricks(rng: Rng, height: int, width: int) -> Field:
    """A brick wall with mortar, some bricks darker."""
    tall = rng.uniform(0.04, 0.12) * height
    wide = tall * rng.uniform(1.9, 3.2)
    wobble = 1.5 * noise(rng, height, width, (30, 30), 2)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    row = np.floor((y + wobble) / tall)
    column = np.floor((x + wobble + (row % 2) * wide / 2) / wide)
    across, down = np.mod(x + wobble + (row % 2) * wide / 2, wide), np.mod(y + wobble, tall)
    inside = np.minimum(np.minimum(across, wide - across), np.minimum(down, tall - down))
    joint = rng.uniform(0.04, 0.1) * tall
    number = ((row * 57 + column * 13) % 251).astype(int)
    palette = np.array([pick(rng, _BRICKS) for _ in range(2)], np.float32)
    base = (
        palette[(rng.random(251) < 0.3).astype(int)[number]]
        * rng.uniform(0.6, 1.3, 251).astype(np.float32)[number][..., None]
    )
    face = np.clip((inside - joint) / 1.5, 0, 1)
    shade = relief(cv2.GaussianBlur(face, (0, 0), 1), rng, 0.25) * (1 + 0.1 * noise(rng, height, width, (10, 10), 3))
    mortar = pick(rng, ("#b9b2a6", "#d8d4cc", "#6f6a64"))
    return np.clip(blend(mortar, base, face) * shade[..., None], 0, 1).astype(np.float32)


def folds(rng: Rng, height: int, width: int) -> Field:
    """A hung or thrown cloth: a few soft folds that run one way."""
    angle = rng.choice([0, rng.uniform(-0.5, 0.5), rng.uniform(0, np.pi)])
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / width
    warp = 0.12 * noise(rng, height, width, (height, width), 3)
    across = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)) + warp * np.float32(rng.uniform(0.2, 1.2))
    shade = np.ones((height, width), np.float32)
    for _ in range(int(rng.integers(2, 5))):
        wave = np.sin(across * np.float32(rng.uniform(5, 45)) + np.float32(rng.uniform(0, 7)))
        shade += np.float32(rng.uniform(0.03, 0.16)) * np.sign(wave) * np.abs(wave) ** np.float32(rng.uniform(0.6, 2.5))
    weave = 1 + 0.02 * noise(rng, height, width, (3, 3), 1)
    return np.clip(any_colour(rng) * (np.clip(shade, 0.2, 1.6) * weave)[..., None], 0, 1).astype(np.float32)


def knit(rng: Rng, height: int, width: int) -> Field:
    """Rows of knitted stitches, sometimes in two colours."""
    size = rng.uniform(9, 34)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(size)
    x = x + 0.06 * noise(rng, height, width, (120, 120), 2)
    slanted = y + np.abs(np.mod(x, 1) - 0.5)
    thread = np.abs(np.sin(np.pi * slanted)) ** 0.6 * np.abs(np.sin(2 * np.pi * np.mod(x, 1))) ** 0.35
    base = np.broadcast_to(any_colour(rng), (height, width, 3))
    if rng.random() < 0.4:
        which = (np.floor(slanted / rng.integers(1, 6)) % 2 + (np.floor(x / rng.integers(1, 9)) % 2)) > 1
        base = blend(base, any_colour(rng), which.astype(np.float32))
    return np.clip(base * (0.35 + 0.75 * thread)[..., None], 0, 1).astype(np.float32)


def concrete(rng: Rng, height: int, width: int) -> Field:
    """Concrete, plaster, slate or rust: clouds with pits."""
    base = pick(rng, (*_EARTHS, "#e8e6e1", "#3d3f42", "#8b5a3a"))
    clouds = noise(rng, height, width, (rng.uniform(80, 400), rng.uniform(80, 400)), 5)
    fine = noise(rng, height, width, (6, 6), 2)
    picture = base * (1 + rng.uniform(0.05, 0.25) * clouds + 0.04 * fine)[..., None]
    pits = cv2.GaussianBlur((fine > rng.uniform(1.6, 2.6)).astype(np.float32), (0, 0), 1)
    return np.clip(picture * (1 - 0.6 * pits)[..., None], 0.002, 1).astype(np.float32)


def brushed(rng: Rng, height: int, width: int) -> Field:
    """Brushed metal or a lacquered board: fine lines one way and a broad sheen."""
    lines = noise(rng, height, width, (1.5, 300), 2)
    sheen = 1 + rng.uniform(0.1, 0.6) * np.sin(np.linspace(0, rng.uniform(2, 9), height) + rng.uniform(0, 6))[:, None]
    picture = (
        pick(rng, ("#b8babd", "#8d9095", "#c9b27a", "#4a4c50", "#d8d9db")) * (sheen * (1 + 0.08 * lines))[..., None]
    )
    return np.clip(picture if rng.random() < 0.5 else np.rot90(picture), 0, 1).astype(np.float32)


def parquet(rng: Rng, height: int, width: int) -> Field:
    """Herringbone or basket weave: small boards whose grain runs two ways."""
    size = rng.uniform(24, 70)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    i, j = np.floor(x / size), np.floor(y / size)
    lying = ((i + j) % 2) > 0
    strip = np.where(lying, np.floor(y / (size / 4)), np.floor(x / (size / 4)))
    number = (((i * 37 + j * 91) * 7 + strip * 13) % 251).astype(int)
    tone = rng.normal(1, 0.14, 251).astype(np.float32)[number]
    grain = np.where(lying, noise(rng, height, width, (3, 90), 2), noise(rng, height, width, (90, 3), 2))
    part = np.where(lying, np.mod(y, size / 4), np.mod(x, size / 4))
    groove = 1 - 0.5 * np.exp(-np.minimum(part, size / 4 - part))
    base = pick(rng, ("#b98d5c", "#8c6239", "#d2b48c", "#5f4630", "#a89582"))
    picture = np.clip(base * (tone * (1 + 0.1 * grain) * groove)[..., None], 0, 1)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.choice([0, 45, 90])), 1)
    return cv2.warpAffine(picture.astype(np.float32), turn, (width, height), borderMode=cv2.BORDER_REFLECT)


def wallpaper(rng: Rng, height: int, width: int) -> Field:
    """Stripes, checks, dots, waves, or a figure repeated on a lattice; paper, gift wrap and printed cloth."""
    draw = (_stripes, _checks, _figures, _figures, _lattice, _blots)[int(rng.integers(6))]
    first, second, third = any_colour(rng), any_colour(rng), any_colour(rng)
    if rng.random() < 0.4:
        second = first * np.float32(rng.uniform(0.5, 0.9))
    share, more = draw(rng, height, width)
    picture = blend(blend(first, second, share), third, more)
    return np.clip(picture * (1 + 0.02 * noise(rng, height, width, (4, 4), 2))[..., None], 0, 1).astype(np.float32)


def _stripes(rng: Rng, height: int, width: int) -> tuple[Field, Field]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, period = rng.choice([0, np.pi / 2, np.pi / 4, rng.uniform(0, np.pi)]), rng.uniform(8, 110)
    along = (x * np.cos(angle) + y * np.sin(angle)) / period
    if rng.random() < 0.35:
        along = along + rng.uniform(0.2, 0.6) * np.abs(np.mod((y * np.cos(angle) - x * np.sin(angle)) / period, 2) - 1)
    edge = period / 2
    wave = np.mod(along, 1)
    first = np.clip((np.abs(wave - 0.5) - rng.uniform(0.1, 0.4)) * edge + 0.5, 0, 1)
    thin = np.clip((0.06 - np.abs(wave - rng.uniform(0, 1))) * edge + 0.5, 0, 1) * (rng.random() < 0.5)
    return first.astype(np.float32), thin.astype(np.float32)


def _checks(rng: Rng, height: int, width: int) -> tuple[Field, Field]:
    period, share = rng.uniform(10, 90), rng.uniform(0.2, 0.6)
    bands = [
        np.clip((np.abs(np.mod(np.arange(n, dtype=np.float32) / period, 1) - 0.5) - share / 2) * period, 0, 1)
        for n in (height, width)
    ]
    fine = [np.abs(np.mod(np.arange(n, dtype=np.float32) / period, 1) - 0.5) < 0.03 for n in (height, width)]
    both = (bands[0][:, None] + bands[1][None]) / 2
    if rng.random() < 0.3:
        both = np.abs(bands[0][:, None] - bands[1][None])
    return both, (fine[0][:, None] | fine[1][None]).astype(np.float32) * np.float32(rng.random() < 0.5)


def _figures(rng: Rng, height: int, width: int) -> tuple[Field, Field]:
    """One figure of random petals, words or dots, stamped on a lattice or strewn about."""
    size = rng.uniform(8, 60)
    layers = [np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)]
    petals, sharp, word = int(rng.integers(2, 9)), rng.uniform(0, 0.9), WORDS[int(rng.integers(len(WORDS)))]
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = 1 - sharp * (0.5 + 0.5 * np.cos(petals * angle))
    strewn, lettered = rng.random() < 0.4, rng.random() < 0.12
    step = size * rng.uniform(2.2, 4)
    for j in range(int(height / step) + 2):
        for i in range(int(width / step) + 2):
            x, y = (i + 0.5 * (j % 2)) * step, j * step
            turn = rng.uniform(0, 6.3) if strewn else 0.0
            if strewn:
                x, y = x + rng.normal(0, 0.3 * step), y + rng.normal(0, 0.3 * step)
            if lettered:
                cv2.putText(layers[0], word, (int(x), int(y)), cv2.FONT_HERSHEY_DUPLEX, size / 30, 255, 1, cv2.LINE_AA)
                continue
            points = np.c_[x + size * radius * np.cos(angle + turn), y + size * radius * np.sin(angle + turn)]
            cv2.fillPoly(layers[0], [(points * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
            cv2.circle(layers[1], (int(x), int(y)), max(1, int(size * 0.2)), 255, -1, cv2.LINE_AA)
    return layers[0].astype(np.float32) / 255, layers[1].astype(np.float32) / 255


def _lattice(rng: Rng, height: int, width: int) -> tuple[Field, Field]:
    """Damask and ornaments: noise mirrored into a repeated figure."""
    cell = int(rng.integers(24, 130))
    quarter = noise(rng, cell, cell, (cell * rng.uniform(0.3, 0.7),) * 2, 2)
    if rng.random() < 0.5:
        quarter = quarter + quarter.T
    figure = np.block([[quarter, quarter[:, ::-1]], [quarter[::-1], quarter[::-1, ::-1]]])
    whole = np.tile(figure, (height // (2 * cell) + 1, width // (2 * cell) + 1))[:height, :width]
    return np.clip(whole * 4 + 0.5, 0, 1), np.clip((np.abs(whole) - 1.2) * 6, 0, 1)


def _blots(rng: Rng, height: int, width: int) -> tuple[Field, Field]:
    """Camouflage, batik or cow's hide: blots of noise."""
    size = rng.uniform(40, 220)
    first, second = noise(rng, height, width, (size, size), 3), noise(rng, height, width, (size, size), 3)
    sharp = rng.uniform(1, 12)
    return np.clip(first * sharp + 0.5, 0, 1), np.clip((second - 0.6) * sharp, 0, 1)


def printed(rng: Rng, height: int, width: int) -> Field:
    """A newspaper, a page or a cutting mat: columns of words or a grid of lines on paper."""
    paper, ink = pick(rng, ("#f2efe6", "#ffffff", "#e3d9c2", "#2f6b4f", "#20242c")), np.zeros((height, width), np.uint8)
    if rng.random() < 0.35:
        step = int(rng.integers(10, 50))
        ink[::step], ink[:, ::step] = 120, 120
        ink[:: step * 5], ink[:, :: step * 5] = 230, 230
    else:
        row = 0.0
        while row < height + 20:
            scale = float(rng.choice([0.3, 0.35, 0.4, 0.9]))
            line = " ".join(WORDS[int(i)] for i in rng.integers(0, len(WORDS), 18))
            cv2.putText(
                ink, line, (int(rng.integers(-60, 10)), int(row)), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA
            )
            row += 38 * scale
    colour_of_ink = colour("#e8e6e0") if float(np.mean(paper)) < 0.2 else colour("#22242a")
    return blend(paper, colour_of_ink, ink.astype(np.float32) / 255 * np.float32(rng.uniform(0.4, 1)))


def bokeh(rng: Rng, height: int, width: int) -> Field:
    """Lights far out of focus: bright discs over a blurred dim or pale place."""
    base = any_colour(rng) * np.float32(10 ** rng.uniform(-1.3, 0))
    clouds = noise(rng, height, width, (260, 260), 3)
    picture = base * np.clip(1 + 0.5 * clouds, 0.1, 2)[..., None]
    lights = np.zeros((height, width, 3), np.float32)
    hues = [any_colour(rng) for _ in range(3)]
    size = rng.uniform(6, 45)
    for _ in range(int(rng.integers(12, 110))):
        disc = np.zeros((height, width), np.uint8)
        centre, radius = (
            (int(rng.uniform(0, width)), int(rng.uniform(0, height))),
            int(size * rng.uniform(0.7, 1.3)) + 2,
        )
        cv2.circle(disc, centre, radius, 255, -1, cv2.LINE_AA)
        top, left = max(0, centre[1] - radius - 2), max(0, centre[0] - radius - 2)
        box = np.s_[top : centre[1] + radius + 3, left : centre[0] + radius + 3]
        shade = hues[int(rng.integers(3))] * np.float32(rng.uniform(0.1, 0.9))
        lights[box] += disc[box].astype(np.float32)[..., None] / 255 * shade
    return np.clip(cv2.GaussianBlur(picture + lights, (0, 0), rng.uniform(1.0, 5)), 0, 1)


def sky(rng: Rng, height: int, width: int) -> Field:
    """Sky with clouds or a sunset, or calm water."""
    top, low = (
        pick(rng, ("#4f83c4", "#8fb7e0", "#30436e", "#c9d3dc")),
        pick(rng, ("#d8e6f2", "#f4c58a", "#f0e6dc", "#e89a8a")),
    )
    picture = blend(top, low, np.linspace(0, 1, height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32))
    if rng.random() < 0.3:
        ripple = relief(noise(rng, height, width, (8, 70), 3), rng, 0.2)
        return np.clip(picture * np.float32(0.7) * ripple[..., None], 0, 1)
    clouds = np.clip(noise(rng, height, width, (120, 300), 5) * 0.6 - rng.uniform(0, 0.8), 0, 1)
    return blend(picture, np.ones(3, np.float32), clouds * rng.uniform(0.3, 1))


def pictures_on_wall(rng: Rng, height: int, width: int) -> Field:
    """A wall with framed pictures, posters or a window."""
    wall = np.ascontiguousarray(
        painted_wall(rng, height, width) if rng.random() < 0.7 else wallpaper(rng, height, width)
    )
    for _ in range(int(rng.integers(1, 6))):
        tall, wide = int(height * rng.uniform(0.15, 0.6)), int(width * rng.uniform(0.15, 0.6))
        top, left = int(rng.uniform(-0.1, 0.85) * height), int(rng.uniform(-0.1, 0.85) * width)
        fill = _window if rng.random() < 0.25 else INSIDE[int(rng.integers(len(INSIDE)))]
        _hang(rng, wall, fill(rng, tall, wide), top, left)
    return wall


def _hang(rng: Rng, wall: Field, picture: Field, top: int, left: int) -> None:
    """Put a framed picture on the wall, with a soft shadow below."""
    frame = int(rng.integers(0, 14))
    picture = cv2.copyMakeBorder(
        np.ascontiguousarray(picture, np.float32), *(frame,) * 4, cv2.BORDER_CONSTANT, value=any_colour(rng).tolist()
    )
    y0, x0 = max(0, top), max(0, left)
    inside = picture[y0 - top : wall.shape[0] - top, x0 - left : wall.shape[1] - left]
    tall, wide = inside.shape[:2]
    wall[y0 + 4 : y0 + tall + 8, x0 + 2 : x0 + wide + 5] *= np.float32(0.75)
    wall[y0 : y0 + tall, x0 : x0 + wide] = inside


def _window(rng: Rng, height: int, width: int) -> Field:
    """A window: what is outside, far too bright, behind bars or blinds."""
    view = cv2.GaussianBlur((sky if rng.random() < 0.6 else foliage)(rng, height, width), (0, 0), 4) * np.float32(1.6)
    bar = any_colour(rng) * np.float32(0.7)
    if rng.random() < 0.35:
        view[np.mod(np.arange(height), 14) < 6] = bar
    cv2.rectangle(view, (width // 2 - 3, 0), (width // 2 + 3, height), bar.tolist(), -1)
    return np.clip(view, 0, 1)


def bookshelf(rng: Rng, height: int, width: int) -> Field:
    """Boards full of books, boxes and jars."""
    picture = np.ascontiguousarray(plain(rng, height, width, any_colour(rng) * np.float32(0.4)))
    board, row = any_colour(rng).tolist(), int(rng.uniform(-40, 40))
    while row < height:
        tall = int(rng.uniform(80, 210))
        across = int(rng.integers(0, 10))
        while across < width:
            wide, high = int(rng.uniform(8, 60)), int(tall * rng.uniform(0.4, 0.92))
            if rng.random() < 0.85:
                _book(rng, picture, across, row + tall, wide, high)
            across += wide + int(rng.integers(0, 5))
        cv2.rectangle(picture, (0, row + tall), (width, row + tall + 9), board, -1)
        picture[max(0, row + tall + 10) : max(0, row + tall + 24)] *= np.float32(0.6)
        row += tall + 9
    return np.clip(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 2)), 0, 1)


def _book(rng: Rng, picture: Field, left: int, bottom: int, wide: int, high: int) -> None:
    shade = any_colour(rng)
    round_edge = (1 - 0.35 * np.linspace(-1, 1, wide) ** 2).astype(np.float32)
    part = picture[max(0, bottom - high) : max(0, bottom), left : left + wide]
    part[:] = shade * round_edge[: part.shape[1]][None, :, None]
    for _ in range(int(rng.integers(0, 3))):
        at = bottom - int(high * rng.uniform(0.1, 0.9))
        cv2.line(picture, (left + 1, at), (left + wide - 2, at), any_colour(rng).tolist(), int(rng.integers(1, 5)))


def corner_of_room(rng: Rng, height: int, width: int) -> Field:
    """Two walls that meet, with a skirting board or a lamp's pool of light."""
    at, lean = rng.uniform(0.1, 0.9) * width, rng.normal(0, 0.02)
    x, y = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
    side = np.clip((x - at - lean * y) / 2 + 0.5, 0, 1)
    base = any_colour(rng)
    picture = blend(base, base * np.float32(rng.uniform(0.4, 0.9)), side) * light_falloff(rng, height, width, 0.5)
    return np.clip(picture * (1 + 0.015 * noise(rng, height, width, (20, 20), 3))[..., None], 0, 1).astype(np.float32)


INSIDE: Sequence[Texture] = (wallpaper, sky, foliage, printed, crackle, folds, concrete, bokeh)
"""What pictures on a wall show."""
