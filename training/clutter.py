"""What is in a picture and is not the product: things behind and beside it, a stand under it, words around it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.backgrounds import colour
from training.product import Frame, unmixed
from training.scenery import Scene, linear
from training.sprites import Sprite, halved
from training.textures import WORDS, any_colour

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Point = tuple[int, int]
Rng = np.random.Generator
Choose = Callable[[Rng], Sprite]


def put(scene: Scene, sprite: Sprite, size: float, middle: float, bottom: float, sigma: float, gain: float) -> None:
    """Paint a thing into the place, with a soft dark spot under it.

    size: px of its longer side; middle, bottom: where it stands, px; sigma: px out of focus; gain: brightness.
    """
    side, pad = scene.light.shape[0], int(np.ceil(2.5 * sigma)) + 1
    factor = size / max(sprite.truth.shape)
    width, height = (max(3, round(n * factor)) for n in sprite.truth.shape[::-1])
    small = cv2.resize(halved(sprite.premultiplied, factor)[0], (width, height), interpolation=cv2.INTER_AREA)
    colours = linear(unmixed(small)) * (small[..., 3:].astype(np.float32) * np.float32(gain / 255))
    whole = cv2.merge([*cv2.split(colours), small[..., 3].astype(np.float32) / np.float32(255)])
    whole = cv2.copyMakeBorder(whole, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    if sigma > 0.3:
        whole = cv2.GaussianBlur(whole, (0, 0), sigma)
    left, top = round(middle - width / 2) - pad, round(bottom - height) - pad
    _spot(scene.light, middle, bottom, 0.5 * width, 0.12 * width + 2 * sigma)
    x, y = max(0, left), max(0, top)
    part = whole[y - top : side - top, x - left : side - left]
    if part.size:
        at = scene.light[y : y + part.shape[0], x : x + part.shape[1]]
        at *= 1 - part[..., 3:]
        at += part[..., :3]


def _spot(light: F32, middle: float, bottom: float, across: float, down: float) -> None:
    """Darken an ellipse of the ground."""
    side = light.shape[0]
    x0, x1 = int(max(0, middle - 2 * across)), int(min(side, middle + 2 * across))
    y0, y1 = int(max(0, bottom - 2 * down)), int(min(side, bottom + 2 * down))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    x = (np.arange(x0, x1, dtype=np.float32) - np.float32(middle)) / np.float32(across)
    y = (np.arange(y0, y1, dtype=np.float32) - np.float32(bottom)) / np.float32(down)
    light[y0:y1, x0:x1] *= (1 - 0.6 * np.exp(-1.5 * (y * y)[:, None] - 1.5 * (x * x)[None]))[..., None]


def behind(rng: Rng, scene: Scene, frame: Frame, choose: Choose) -> None:
    """A few things on the floor or shelf behind the product, more or less out of focus."""
    side = scene.light.shape[0]
    sigma, gain = rng.uniform(0.4, 5) * side / 320, rng.uniform(0.4, 1.1)
    far = max(float(scene.edge), 0.08 * side)
    near = max(far + 2, min(frame.bottom - 0.06 * side, 0.94 * side))
    # What is larger than the product must be clearly out of focus, or nothing says which of them is for sale.
    largest = side if sigma > 2.5 * side / 320 else 0.65 * max(frame.right - frame.left, frame.bottom - frame.top)
    for depth in np.sort(rng.uniform(0, 0.6, int(rng.integers(2, 6)))):
        size = min(side * rng.uniform(0.15, 0.55), largest)
        put(scene, choose(rng), size, rng.uniform(0, side), far + depth * (near - far), sigma * (1 - depth), gain)


def under(rng: Rng, scene: Scene, frame: Frame, texture: U8) -> None:
    """A podium, a board or a mat on which the product stands or lies. texture: what it is made of, SxSx3."""
    side, wide = scene.light.shape[0], frame.right - frame.left
    middle = (frame.left + frame.right) / 2
    mask, across = np.zeros((side, side), np.uint8), 0.5 * wide * rng.uniform(1.05, 1.6)
    light = linear(texture) if rng.random() < 0.6 else np.broadcast_to(any_colour(rng), scene.light.shape)
    if scene.stand == "floor":
        down = across * rng.uniform(0.08, 0.35)
        centre = (round(middle), round(frame.bottom - 0.35 * down))
        reach = round(down * rng.uniform(0.1, 3.5))
        _podium(rng, scene, mask, light, centre, (round(across), round(down)), reach)
        return
    tall = 0.5 * (frame.bottom - frame.top) * rng.uniform(1.02, 1.4)
    turned = ((middle, (frame.top + frame.bottom) / 2), (2 * across, 2 * tall), rng.normal(0, 12))
    if rng.random() < 0.6:
        cv2.fillPoly(mask, [cv2.boxPoints(turned).astype(np.int32)], 255, cv2.LINE_AA)
    else:
        cv2.ellipse(mask, turned, 255, -1, cv2.LINE_AA)
    _lay(scene, mask, light, cv2.GaussianBlur(mask, (0, 0), 0.015 * side))


def _podium(rng: Rng, scene: Scene, mask: U8, light: F32, centre: Point, axes: Point, tall: int) -> None:
    """A cylinder seen from above: its side in a darker shade, then its top."""
    side = len(mask)
    body = mask.copy()
    for row in (centre[1], centre[1] + tall):
        cv2.ellipse(body, (centre[0], row), axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.rectangle(body, (centre[0] - axes[0], centre[1]), (centre[0] + axes[0], centre[1] + tall), 255, -1)
    x = (np.arange(side, dtype=np.float32) - np.float32(centre[0])) / np.float32(max(4, axes[0]))
    shade = np.clip(0.75 - rng.uniform(-0.4, 0.4) * x - 0.25 * x * x, 0.15, 1.2)
    dark = cv2.GaussianBlur(body, (0, 0), 0.03 * side)
    _lay(scene, body, light * shade[None, :, None], dark)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    _lay(scene, mask, light, None)


def _lay(scene: Scene, mask: U8, light: F32, shadow: U8 | None) -> None:
    if shadow is not None:
        scene.light *= 1 - (shadow.astype(np.float32) * np.float32(0.4 / 255))[..., None]
    share = (mask.astype(np.float32) * np.float32(1 / 255))[..., None]
    scene.light += (light - scene.light) * share


def annotated(rng: Rng, scene: Scene) -> None:
    """Words, badges, arrows and colour swatches that a seller's editor has added around the product."""
    side = scene.light.shape[0]
    ink = colour("#1b1c20") if float(scene.light[::16, ::16].mean()) > 0.2 else colour("#f4f2ee")
    words = np.zeros((side, side), np.uint8)
    left, row = rng.choice([0.03, 0.55]) * side, rng.uniform(0.06, 0.6) * side
    for _ in range(int(rng.integers(1, 6))):
        line = " ".join(WORDS[int(i)] for i in rng.integers(0, len(WORDS), int(rng.integers(1, 4))))
        scale = side / 320 * rng.uniform(0.3, 0.9)
        cv2.putText(words, line, (int(left), int(row)), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA)
        row += 36 * scale
    _lay(scene, words, any_colour(rng) if rng.random() < 0.4 else ink, None)
    marks = np.zeros((side, side), np.uint8)
    if rng.random() < 0.5:
        at = (rng.choice([0.12, 0.88], 2) * side).astype(int).tolist()
        cv2.circle(marks, at, int(side * rng.uniform(0.04, 0.11)), 255, -1, cv2.LINE_AA)
    for i in range(int(rng.integers(0, 5))):
        cv2.circle(marks, (int((0.1 + 0.09 * i) * side), int(0.94 * side)), int(0.03 * side), 255, -1, cv2.LINE_AA)
    _lay(scene, marks, any_colour(rng), None)


def beside(rng: Rng, scene: Scene, frame: Frame, choose: Choose) -> None:
    """One to three sharp things beside the product, much smaller than it."""
    side = scene.light.shape[0]
    size = max(frame.right - frame.left, frame.bottom - frame.top)
    for _ in range(int(rng.integers(1, 4))):
        own = size * rng.uniform(0.12, 0.35)
        left = rng.random() < frame.left / max(1.0, frame.left + side - frame.right)
        room = (0, frame.left) if left else (frame.right, side)
        if room[1] - room[0] < 0.4 * own:
            continue
        bottom = frame.bottom - rng.uniform(-0.04, 0.3) * side if scene.stand == "floor" else rng.uniform(0.1, 1) * side
        bottom = min(max(bottom, scene.edge + 0.03 * side), 1.05 * side)
        put(scene, choose(rng), own, rng.uniform(*room), bottom, rng.uniform(0, 1), rng.uniform(0.6, 1.1))
