"""Pairs of a photo and a final picture whose product is intact or damaged, to calibrate and test the fidelity judge.

    python -m benchmarks.fidelity_pairs OUT [--data DATA] [--sprites DIR] [--count N] [--size PX]

A product with a known matte is changed (or not), put down at a random place, size and turn on a backdrop (a gradient,
a texture, a plate of the studio), with a soft shadow, and saved as OUT/<product>__<kind>.png. OUT/labels.csv: final,
original, matte, kind, damaged, heldout; the paths of original and matte are relative to OUT. Honest kinds are what
good work does to a picture; damaged kinds what a generator, a wrong photo or a bad crop does to a product. Kinds with
heldout 1 are never looked at when limits are chosen: they tell whether the judge knows damage or only our kinds.
Damage that cannot be seen on a product is left out. The same input gives the same files.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from benchmarks import backgrounds
from benchmarks.composites import SPRITES, load_sprites
from resources.imaging.alpha import make_cutout, over
from resources.imaging.colour import delta_e_2000, linear_to_srgb, resize_rgba, rgb_to_lab
from resources.imaging.encode import jpeg, png_grey, read_grey, read_rgb
from resources.scenes.plate import load_plates, picture_of

Rgba = NDArray[np.uint8]
Rgb = NDArray[np.uint8]
Field = NDArray[np.float32]
Rng = np.random.Generator
Change = Callable[[Rgba, Rng], Rgba]

_TRUE_MATTES = ("measured", "human-binary", "rendered-exact")
_TEXTURES = (backgrounds.grey_paper, backgrounds.coloured_paper, backgrounds.wood, backgrounds.cloth)
_LONGEST = 1400  # of a product while it is changed
_VISIBLE_MEAN, _VISIBLE_BLOCK, _VISIBLE_AREA, _VISIBLE_HOLE = 4.0, 9.0, 0.02, 0.005


@dataclass(frozen=True, eq=False)
class Product:
    """A product alone: straight alpha, with room around it. photo, matte: where its photo lies."""

    name: str
    rgba: Rgba
    photo: str
    matte: str


# ---- changes of colour


def _on_rgb(change: Callable[[Field], Field]) -> Change:
    """A change of colours, given as floats of 0 to 1."""

    def apply(p: Rgba, rng: Rng) -> Rgba:
        rgb = np.clip(change(p[..., :3].astype(np.float32) / 255), 0, 1)
        return np.dstack([np.rint(rgb * 255).astype(np.uint8), p[..., 3]])

    return apply


def _gains(*gains: float) -> Change:
    return _on_rgb(lambda rgb: rgb * np.float32(gains))


def _hsv(hue: float = 0.0, saturation: float = 1.0) -> Change:
    def change(rgb: Field) -> Field:
        hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + hue) % 360
        hsv[..., 1] = np.clip(hsv[..., 1] * saturation, 0, 1)
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)

    return _on_rgb(change)


def _curved(k: float) -> Change:
    """A gentle S-curve: black and white stay."""
    return _on_rgb(lambda rgb: rgb - np.float32(k) * np.sin(2 * np.pi * rgb))


def _contrast(k: float) -> Change:
    return _on_rgb(lambda rgb: (rgb - 0.5) * np.float32(k) + np.float32(0.5))


def _grain(sigma: float) -> Change:
    def apply(p: Rgba, rng: Rng) -> Rgba:
        noise = rng.normal(0, sigma, p.shape[:2]).astype(np.float32)[..., None]
        return np.dstack([np.clip(p[..., :3] + noise, 0, 255).round().astype(np.uint8), p[..., 3]])

    return apply


def _posterised(p: Rgba, rng: Rng) -> Rgba:
    return np.dstack([(p[..., :3] // 52 * 52 + 26).astype(np.uint8), p[..., 3]])


def _plastic(p: Rgba, rng: Rng) -> Rgba:
    """What an eager denoiser or generator leaves: edges, but no texture."""
    smooth = cv2.bilateralFilter(np.ascontiguousarray(p[..., :3]), 9, 55, 9)
    return np.dstack([cv2.medianBlur(smooth, 7), p[..., 3]])


def _overdone(p: Rgba, rng: Rng) -> Rgba:
    soft = cv2.GaussianBlur(p[..., :3], (0, 0), 3)
    return np.dstack([cv2.addWeighted(np.ascontiguousarray(p[..., :3]), 3.2, soft, -2.2, 0), p[..., 3]])


def _soft(sigma: float) -> Change:
    return lambda p, rng: np.dstack([cv2.GaussianBlur(p[..., :3], (0, 0), sigma), p[..., 3]])


# ---- changes of a part


def _spot(p: Rgba, rng: Rng, share: float) -> tuple[Field, int, int, int]:
    """A soft disc of 0 to 1 on the product, its centre and radius; `share` is its diameter in the product's size."""
    ys, xs = np.nonzero(p[..., 3] > 240)
    i = int(rng.integers(len(ys)))
    radius = max(5, round(share / 2 * max(np.ptp(ys), np.ptp(xs))))
    yy, xx = np.mgrid[: p.shape[0], : p.shape[1]].astype(np.float32)
    distance = np.hypot(yy - ys[i], xx - xs[i])
    return np.clip((radius - distance) / 2 + 0.5, 0, 1).astype(np.float32), int(ys[i]), int(xs[i]), radius


def _blend(p: Rgba, other: Rgb, weight: Field) -> Rgba:
    rgb = p[..., :3] * (1 - weight[..., None]) + other * weight[..., None]
    return np.dstack([np.rint(rgb).astype(np.uint8), p[..., 3]])


def _part_tinted(p: Rgba, rng: Rng) -> Rgba:
    return _blend(p, _hsv(40, 1.3)(p, rng)[..., :3], _spot(p, rng, 0.22)[0])


def _part_smeared(p: Rgba, rng: Rng) -> Rgba:
    return _blend(p, cv2.GaussianBlur(p[..., :3], (0, 0), 7), _spot(p, rng, 0.25)[0])


def _sticker(p: Rgba, rng: Rng) -> Rgba:
    """A patch of the product lies where another belongs."""
    weight, y, x, _ = _spot(p, rng, 0.16)
    _, y2, x2, _ = _spot(p, rng, 0.16)
    moved = np.roll(p[..., :3], (y - y2, x - x2), (0, 1))
    weight = weight * (np.roll(p[..., 3], (y - y2, x - x2), (0, 1)) > 200)
    return _blend(p, moved, weight)


def _scratch(p: Rgba, rng: Rng) -> Rgba:
    _, y, x, radius = _spot(p, rng, 0.3)
    turn = rng.uniform(0, np.pi)
    ends = [(round(x + s * radius * np.cos(turn)), round(y + s * radius * np.sin(turn))) for s in (-1, 1)]
    line = np.zeros(p.shape[:2], np.float32)
    cv2.line(line, ends[0], ends[1], 1.0, max(3, radius // 9), cv2.LINE_AA)
    return _blend(p, 255 - p[..., :3], line * (p[..., 3] > 240))


def _letters(p: Rgba, rng: Rng) -> Rgba:
    """A word that is not on the product."""
    _, y, x, radius = _spot(p, rng, 0.3)
    layer = np.zeros(p.shape[:2], np.uint8)
    scale = radius / 45
    word = "".join(rng.choice(list("ABDEGKMNRSTX"), 4))
    thick = max(1, round(scale * 2))
    (width, height), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_DUPLEX, scale, thick)
    cv2.putText(layer, word, (x - width // 2, y + height // 2), cv2.FONT_HERSHEY_DUPLEX, scale, 255, thick, cv2.LINE_AA)
    light = float(p[..., :3][p[..., 3] > 240].mean()) < 120
    ink = np.full_like(p[..., :3], 245 if light else 15)
    return _blend(p, ink, layer.astype(np.float32) / 255 * (p[..., 3] > 240))


def _warped(p: Rgba, dy: Field, dx: Field) -> Rgba:
    yy, xx = np.mgrid[: p.shape[0], : p.shape[1]].astype(np.float32)
    premultiplied = p[..., :3].astype(np.float32) * (p[..., 3:] / 255)
    layers = np.dstack([premultiplied, p[..., 3].astype(np.float32)])
    moved = cv2.remap(layers, xx + dx, yy + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    alpha = moved[..., 3:]
    rgb = np.where(alpha > 0.5, moved[..., :3] / np.maximum(alpha / 255, 1e-3), p[..., :3])
    return np.rint(np.clip(np.dstack([rgb, alpha]), 0, 255)).astype(np.uint8)


def _bulge(p: Rgba, rng: Rng) -> Rgba:
    _, y, x, radius = _spot(p, rng, 0.5)
    yy, xx = np.mgrid[: p.shape[0], : p.shape[1]].astype(np.float32)
    r = np.hypot(yy - y, xx - x) / radius
    k = np.where(r < 1, -0.35 * (1 - r) ** 2 * r, 0).astype(np.float32) * radius
    r = np.maximum(r, 1e-3)
    return _warped(p, k * (yy - y) / (radius * r), k * (xx - x) / (radius * r))


def _wobbly(p: Rgba, rng: Rng) -> Rgba:
    """Every line a little bent, as where a generator paints the product anew."""
    side = max(p.shape[:2])
    fields = [cv2.GaussianBlur(rng.normal(0, 1, p.shape[:2]).astype(np.float32), (0, 0), 0.03 * side) for _ in "yx"]
    return _warped(p, *(0.009 * side * f / float(f.std()) for f in fields))


# ---- changes of shape


def _mapped(matrix: NDArray[np.float64]) -> Change:
    """A projective map about the middle of the picture (3x3, in shares of its size)."""

    def apply(p: Rgba, rng: Rng) -> Rgba:
        height, width = p.shape[:2]
        frame = np.array([[width, 0, width / 2], [0, height, height / 2], [0, 0, 1]])
        full = frame @ matrix @ np.linalg.inv(frame)
        layers = np.dstack([p[..., :3] * (p[..., 3:] / 255.0), p[..., 3]]).astype(np.float32)
        moved = cv2.warpPerspective(layers, full, (width, height), flags=cv2.INTER_LINEAR)
        alpha = moved[..., 3:]
        rgb = np.where(alpha > 0.5, moved[..., :3] / np.maximum(alpha / 255, 1e-3), 0)
        return np.rint(np.clip(np.dstack([rgb, alpha]), 0, 255)).astype(np.uint8)

    return apply


def _part_lost(p: Rgba, rng: Rng) -> Rgba:
    """What sticks out furthest is cut off: a handle, a foot, a lid."""
    solid = (p[..., 3] > 127).astype(np.uint8)
    ys, xs = np.nonzero(solid)
    distance = np.hypot(ys - ys.mean(), xs - xs.mean())
    i = int(np.argmax(distance))
    radius = 0.16 * max(np.ptp(ys), np.ptp(xs))
    yy, xx = np.mgrid[: p.shape[0], : p.shape[1]].astype(np.float32)
    keep = np.clip((np.hypot(yy - ys[i], xx - xs[i]) - radius) / 2 + 0.5, 0, 1)
    return np.dstack([p[..., :3], np.rint(p[..., 3] * keep).astype(np.uint8)])


def _hole(p: Rgba, rng: Rng) -> Rgba:
    keep = 1 - _spot(p, rng, 0.14)[0]
    return np.dstack([p[..., :3], np.rint(p[..., 3] * keep).astype(np.uint8)])


def _thickened(p: Rgba, rng: Rng) -> Rgba:
    """The outline moves outwards all around: everything gets fatter."""
    ys, xs = np.nonzero(p[..., 3] > 127)
    k = 2 * max(2, round(0.014 * max(np.ptp(ys), np.ptp(xs)))) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (k, k))
    alpha = cv2.dilate(p[..., 3], kernel)
    return np.dstack([_colours_outwards(p, k), alpha])


def _colours_outwards(p: Rgba, reach: int) -> Rgb:
    """The product's own edge colours, carried on beyond its outline."""
    weight = (p[..., 3] > 200).astype(np.float32)
    total, cover = np.zeros((*p.shape[:2], 3), np.float32), np.full(p.shape[:2], 1e-6, np.float32)
    for sigma, trust in ((0.2, 1.0), (0.6, 1e-3), (1.5, 1e-6)):
        total += trust * cv2.GaussianBlur(p[..., :3] * weight[..., None], (0, 0), sigma * reach)
        cover += np.float32(trust) * cv2.GaussianBlur(weight, (0, 0), sigma * reach)
    inside = (p[..., 3] > 200)[..., None]
    return np.where(inside, p[..., :3], np.rint(np.clip(total / cover[..., None], 0, 255)).astype(np.uint8))


def _thinned(p: Rgba, rng: Rng) -> Rgba:
    ys, xs = np.nonzero(p[..., 3] > 127)
    k = 2 * max(2, round(0.014 * max(np.ptp(ys), np.ptp(xs)))) + 1
    return np.dstack([p[..., :3], cv2.erode(p[..., 3], cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (k, k)))])


def _added_part(p: Rgba, rng: Rng) -> Rgba:
    """A copy of some part of the product grows out of its side."""
    ys, xs = np.nonzero(p[..., 3] > 240)
    size = max(np.ptp(ys), np.ptp(xs))
    radius = 0.12 * size
    left = int(np.argmin(xs + rng.uniform(0, 0.02 * size, len(xs))))
    y, x = int(ys[left]), int(xs[left])
    dx = int(radius * 1.1)
    moved = np.roll(p, -dx, 1)
    yy, xx = np.mgrid[: p.shape[0], : p.shape[1]].astype(np.float32)
    disc = np.clip((radius - np.hypot(yy - y, xx - x)) / 2 + 0.5, 0, 1)
    extra = np.dstack([moved[..., :3], np.rint(moved[..., 3] * disc).astype(np.uint8)])
    alpha = np.maximum(p[..., 3], extra[..., 3])
    return np.dstack([np.where((p[..., 3] > 127)[..., None], p[..., :3], extra[..., :3]), alpha])


def _fringe(p: Rgba, rng: Rng) -> Rgba:
    """The rest of a white background clings to the outline."""
    ys, xs = np.nonzero(p[..., 3] > 127)
    k = 2 * max(2, round(0.010 * max(np.ptp(ys), np.ptp(xs)))) + 1
    alpha = cv2.dilate(p[..., 3], cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (k, k)))
    rgb = np.where((p[..., 3] > 127)[..., None], p[..., :3], np.uint8(250))
    return np.dstack([rgb, alpha])


def _same(p: Rgba, rng: Rng) -> Rgba:
    return p


def _faded(p: Rgba, rng: Rng) -> Rgba:
    return np.dstack([p[..., :3], np.rint(p[..., 3] * 0.72).astype(np.uint8)])


def _projective(shear: float = 0.0, across: float = 1.0, tilt: float = 0.0) -> Change:
    return _mapped(np.array([[across, shear, 0], [0, 1, 0], [tilt, 0, 1]]))


@dataclass(frozen=True)
class Kind:
    """A kind of pair. change: what is done to the product. share: of the picture its longer side takes, None: any.

    turn: degrees. finish: what is done to the whole picture.
    """

    change: Change = _same
    damaged: bool = True
    heldout: bool = False
    share: float | None = None
    turn: float = 0.0
    finish: str = ""


HONEST = {
    "placed": Kind(damaged=False),
    "jpeg80": Kind(damaged=False, finish="jpeg80"),
    "webp": Kind(damaged=False, finish="webp"),
    "lighter": Kind(_gains(1.04, 1.04, 1.04), damaged=False),
    "cooler": Kind(_gains(0.985, 1, 1.015), damaged=False),
    "tiny": Kind(damaged=False, share=0.3),
    "turned": Kind(damaged=False, turn=3.0),
    "grained": Kind(_grain(1.6), damaged=False),
    "more_contrast": Kind(_curved(0.012), damaged=False, heldout=True),
    "darker": Kind(_gains(0.96, 0.96, 0.96), damaged=False, heldout=True),
    "half_size": Kind(damaged=False, heldout=True, finish="half"),
    "turned_back": Kind(damaged=False, turn=-5.0, heldout=True),
}
DAMAGED = {
    "hue20": Kind(_hsv(20)),
    "grey": Kind(_hsv(0, 0.5)),
    "cold": Kind(_gains(0.88, 1, 1.12)),
    "part_tinted": Kind(_part_tinted),
    "part_smeared": Kind(_part_smeared),
    "letters": Kind(_letters),
    "bulge": Kind(_bulge),
    "part_lost": Kind(_part_lost),
    "added_part": Kind(_added_part),
    "fringe": Kind(_fringe),
    "sheared": Kind(_projective(shear=0.06)),
    "plastic": Kind(_plastic),
    "bright": Kind(_gains(1.3, 1.3, 1.3), heldout=True),
    "dark": Kind(_gains(0.7, 0.7, 0.7), heldout=True),
    "hard_contrast": Kind(_contrast(1.5), heldout=True),
    "posterised": Kind(_posterised, heldout=True),
    "overdone": Kind(_overdone, heldout=True),
    "grainy": Kind(_grain(14), heldout=True),
    "sticker": Kind(_sticker, heldout=True),
    "scratch": Kind(_scratch, heldout=True),
    "hole": Kind(_hole, heldout=True),
    "wobbly": Kind(_wobbly, heldout=True),
    "perspective": Kind(_projective(tilt=0.12), heldout=True),
    "widened": Kind(_projective(across=1.06), heldout=True),
    "thickened": Kind(_thickened, heldout=True),
    "thinned": Kind(_thinned, heldout=True),
    "faded": Kind(_faded, heldout=True),
    "mirrored": Kind(lambda p, rng: p[:, ::-1], heldout=True),
    "upside_down": Kind(lambda p, rng: p[::-1, ::-1], heldout=True),
    "another_product": Kind(heldout=True),
    "cut_off": Kind(heldout=True, finish="cut_off"),
    "second_one": Kind(heldout=True, finish="second"),
    "covered": Kind(heldout=True, finish="covered"),
}
KINDS = {**HONEST, **DAMAGED}


def visible(before: Rgba, after: Rgba) -> bool:
    """Whether a change of a product is large enough to be called damage."""
    a, b = before[..., 3] > 127, after[..., 3] > 127
    moved = (a ^ b).astype(np.uint8)
    whole = cv2.morphologyEx(moved, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))  # without the lines of an outline
    area = np.count_nonzero(a)
    if np.count_nonzero(moved) > _VISIBLE_AREA * area or np.count_nonzero(whole) > _VISIBLE_HOLE * area:
        return True
    inside = (before[..., 3] > 242) & (after[..., 3] > 242)
    if np.count_nonzero(inside) < 400:
        return False
    lab = [rgb_to_lab(np.ascontiguousarray(x[..., :3])) for x in (before, after)]
    difference = np.where(inside, delta_e_2000(*lab), 0).astype(np.float32)
    if difference[inside].mean() >= _VISIBLE_MEAN:
        return True
    ys, xs = np.nonzero(inside)
    k = max(8, round(0.06 * max(np.ptp(ys), np.ptp(xs))))
    weight = cv2.blur(inside.astype(np.float32), (k, k))
    worst = np.where(weight > 0.5, cv2.blur(difference, (k, k)) / np.maximum(weight, 1e-6), 0).max()
    detail = [np.abs(cv2.Laplacian(x[..., 0], cv2.CV_32F))[inside].mean() for x in lab]
    return bool(worst >= _VISIBLE_BLOCK or not 0.6 < (detail[1] + 0.1) / (detail[0] + 0.1) < 1.8)


# ---- putting it down


def backdrop(rng: Rng, size: int) -> Rgb:
    """A gradient with grain, a texture, or a part of a plate."""
    kind = rng.choice(["gradient", "texture", "plate"])
    if kind == "gradient":
        a, b = rng.uniform(0.2, 0.95, (2, 3)).astype(np.float32)
        t = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
        grain = cv2.GaussianBlur(rng.normal(0, 1, (size, size)).astype(np.float32), (0, 0), 1.1)
        picture = np.broadcast_to(a * (1 - t) + b * t, (size, size, 3)) + 0.012 * grain[..., None]
        return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    if kind == "texture":
        return linear_to_srgb(_TEXTURES[rng.integers(len(_TEXTURES))](rng, size, size))
    picture = picture_of(sorted(load_plates())[int(rng.integers(len(load_plates())))])
    side = min(picture.shape[0], picture.shape[1])
    left = int(rng.integers(picture.shape[1] - side + 1))
    return cv2.resize(picture[:side, left : left + side], (size, size), interpolation=cv2.INTER_AREA)


def put_down(p: Rgba, kind: Kind, rng: Rng, size: int) -> Rgb:
    """The product on a backdrop with a soft shadow; HxWx3 uint8."""
    ys, xs = np.nonzero(p[..., 3] > 5)
    p = np.ascontiguousarray(p[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1])
    p = _turned(p, kind.turn)
    k = (kind.share or rng.uniform(0.5, 0.8)) * size / max(p.shape[:2])
    if kind.finish == "second":
        k *= 0.6
    q = resize_rgba(p, (max(1, round(p.shape[1] * k)), max(1, round(p.shape[0] * k))))
    height, width = q.shape[:2]
    top = int(np.clip(size - height - rng.uniform(0.04, 0.12) * size, 0, max(0, size - height)))
    left = int(rng.uniform(0.03 * size, max(0.03 * size + 1, 0.97 * size - width)))
    if kind.finish == "cut_off":
        left = size - round(0.85 * width)
    if kind.finish == "second":
        left = round(0.03 * size)
    layer = np.zeros((size, size, 4), np.uint8)
    _lay(layer, q, top, left)
    if kind.finish == "second":
        _lay(layer, q, top, left + width + round(0.02 * size))
    out = backdrop(rng, size).astype(np.float32)
    shadow = cv2.GaussianBlur(
        np.roll(layer[..., 3], round(0.012 * size), 0).astype(np.float32) / 255, (0, 0), 0.012 * size
    )
    out *= 1 - 0.35 * shadow[..., None]
    picture = over(layer, np.rint(out).astype(np.uint8))
    if kind.finish == "covered":
        picture = _covered(picture, layer[..., 3], rng)
    return _finished(picture, kind.finish)


def _turned(p: Rgba, degrees: float) -> Rgba:
    if not degrees:
        return p
    margin = round(0.1 * max(p.shape[:2]))
    wide = cv2.copyMakeBorder(p, *[margin] * 4, cv2.BORDER_CONSTANT)
    matrix = cv2.getRotationMatrix2D((wide.shape[1] / 2, wide.shape[0] / 2), degrees, 1.0)
    layers = np.dstack([wide[..., :3] * (wide[..., 3:] / 255.0), wide[..., 3]]).astype(np.float32)
    moved = cv2.warpAffine(layers, matrix, wide.shape[1::-1], flags=cv2.INTER_CUBIC)
    alpha = np.clip(moved[..., 3:], 0, 255)
    rgb = np.where(alpha > 0.5, moved[..., :3] / np.maximum(alpha / 255, 1e-3), 0)
    return np.rint(np.clip(np.dstack([rgb, alpha]), 0, 255)).astype(np.uint8)


def _lay(layer: Rgba, q: Rgba, top: int, left: int) -> None:
    bottom, right = min(layer.shape[0], top + q.shape[0]), min(layer.shape[1], left + q.shape[1])
    part = q[: bottom - top, : right - left]
    there = layer[top:bottom, left:right]
    layer[top:bottom, left:right] = np.where(part[..., 3:] > there[..., 3:], part, there)


def _covered(picture: Rgb, alpha: NDArray[np.uint8], rng: Rng) -> Rgb:
    """Something lies over a part of the product: a leaf, a ribbon."""
    ys, xs = np.nonzero(alpha > 240)
    i = int(rng.integers(len(ys)))
    size = max(np.ptp(ys), np.ptp(xs))
    out = picture.copy()
    axes = (round(0.16 * size), round(0.06 * size))
    cv2.ellipse(out, (int(xs[i]), int(ys[i])), axes, float(rng.uniform(0, 180)), 0, 360, (52, 96, 44), -1, cv2.LINE_AA)
    return out


def _finished(picture: Rgb, finish: str) -> Rgb:
    if finish == "jpeg80":
        return read_rgb(jpeg(picture, 80))
    if finish == "webp":
        data = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 85])[1]
        return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
    if finish == "half":
        return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return picture


# ---- the products


def photo_products(data: Path, out: Path) -> Iterator[Product]:
    """Photos with trustworthy mattes, as DATA/manifest.csv lists them."""
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        if row["gt_type"] in _TRUE_MATTES and row["matte"]:
            rgb, alpha = (
                read((data / row[key]).read_bytes()) for read, key in ((read_rgb, "file"), (read_grey, "matte"))
            )
            if np.count_nonzero(alpha > 242) >= 2000:
                photo, matte = (str((data / row[key]).resolve()) for key in ("file", "matte"))
                yield Product(Path(row["file"]).stem, make_cutout(rgb, alpha), photo, matte)


def sprite_products(folder: Path, out: Path) -> Iterator[Product]:
    """Sprites as products; each gets a photo of itself on paper."""
    for sprite in load_sprites([folder]):
        rgba = cv2.copyMakeBorder(sprite.rgba, *[max(sprite.rgba.shape) // 12] * 4, cv2.BORDER_CONSTANT)
        paper = np.full((*rgba.shape[:2], 3), 224, np.uint8)
        (out / "originals").mkdir(exist_ok=True)
        photo, matte = (out / "originals" / f"{sprite.name}{end}.png" for end in ("", ".matte"))
        cv2.imwrite(str(photo), over(rgba, paper)[..., ::-1])
        matte.write_bytes(png_grey(np.ascontiguousarray(rgba[..., 3])))
        yield Product(sprite.name, rgba, str(photo.relative_to(out)), str(matte.relative_to(out)))


def _roomy(rgba: Rgba) -> Rgba:
    """At most so large, and with room for a product that grows."""
    k = min(1.0, _LONGEST / max(rgba.shape[:2]))
    if k < 1:
        rgba = resize_rgba(rgba, (round(rgba.shape[1] * k), round(rgba.shape[0] * k)))
    return cv2.copyMakeBorder(rgba, *[max(rgba.shape) // 5] * 4, cv2.BORDER_CONSTANT)


def write(products: list[Product], out: Path, size: int, kinds: dict[str, Kind] = KINDS) -> int:
    """Make the pairs and their labels; how many."""
    count = 0
    with (out / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        labels = csv.writer(file)
        labels.writerow(["final", "original", "matte", "kind", "damaged", "heldout"])
        for number, product in enumerate(track(products, "pairs", console=Console(stderr=True))):
            before = _roomy(product.rgba)
            other = _roomy(products[(number + len(products) // 2) % len(products)].rgba)
            for name, kind in kinds.items():
                if name == "another_product" and len(products) == 1:
                    continue
                rng = np.random.default_rng(zlib.crc32(f"{product.name}/{name}".encode()))
                after = other if name == "another_product" else np.ascontiguousarray(kind.change(before, rng))
                if kind.damaged and not kind.finish and name != "another_product" and not visible(before, after):
                    continue
                final = f"{product.name}__{name}.png"
                cv2.imwrite(
                    str(out / final), put_down(after, kind, rng, size)[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1]
                )
                labels.writerow([final, product.photo, product.matte, name, int(kind.damaged), int(kind.heldout)])
                count += 1
    return count


def _spread(products: list[Product], count: int) -> list[Product]:
    """At most `count` products, from the whole list: its neighbours are often alike."""
    return products[:: -(-len(products) // count)]


def main() -> None:
    """Write the pairs and say how many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sprites", type=Path, default=SPRITES)
    parser.add_argument("--count", type=int, default=1000, help="products at most, from each source")
    parser.add_argument("--size", type=int, default=1024)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sources = [_spread(list(sprite_products(options.sprites, options.out)), options.count)]
    if options.data:
        sources.append(_spread(list(photo_products(options.data, options.out)), options.count))
    print(write([product for source in sources for product in source], options.out, options.size), "pictures")


if __name__ == "__main__":
    main()
