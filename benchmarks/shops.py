"""Catalogs to measure with: any number of SKUs, no two pictures alike, the same ones every time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.composites import Plan, Sprite, load_sprites, make
from resources.imaging.encode import jpeg

# Grounds on which a seller's photo usually comes out: what is refused costs less than what goes all the way.
_GROUNDS = ("white", "grey", "coloured", "gradient")
_SEED = 9


def numbered(number: int) -> str:
    """A SKU's name; names sort as they are numbered."""
    return f"s{number:05d}"


def realistic_shop(root: Path, count: int, megapixels: float = 1.0) -> list[str]:
    """A catalog of products of the project's own sprites on plain grounds, square JPEGs; the names of its SKUs."""
    sprites = load_sprites()
    for number in _new(root, count):
        _write_realistic(root, numbered(number), number, sprites, megapixels)
    return [numbered(number) for number in range(count)]


def plain_shop(root: Path, count: int, side: int = 256) -> list[str]:
    """A catalog of ovals that come with their own alpha, so that making pictures costs next to nothing."""
    for number in _new(root, count):
        _write_plain(root, numbered(number), number, side)
    return [numbered(number) for number in range(count)]


def replace_photos(
    root: Path, skus: Sequence[str], share: float, *, plain: bool, megapixels: float = 1.0, before: int = 0
) -> int:
    """Give a share of the SKUs, spread evenly over all, photos of other products. How many.

    before: how often that was done already; they get others again.
    """
    count = max(1, round(share * len(skus)))
    chosen = [skus[(2 * i + 1) * len(skus) // (2 * count)] for i in range(count)]
    sprites = [] if plain else load_sprites()
    for number, sku in enumerate(chosen, (before + 1) * len(skus)):
        if plain:
            _write_plain(root, sku, number, 256)
        else:
            _write_realistic(root, sku, number, sprites, megapixels)
    return count


def _write_plain(root: Path, sku: str, number: int, side: int) -> None:
    rng = np.random.default_rng((_SEED, number))
    colours = (rng.integers(50, 160, 3) + rng.integers(0, 40, (4, 4, 3))).astype(np.uint8)
    picture = cv2.resize(colours, (side, side), interpolation=cv2.INTER_CUBIC)
    alpha = np.zeros((side, side), np.uint8)
    cv2.ellipse(alpha, (side // 2, side // 2), (round(side * 0.3), round(side * 0.45)), 0, 0, 360, 255, -1)
    data = io.BytesIO()
    Image.fromarray(np.dstack([picture, alpha])).save(data, "PNG")
    (root / "uploads" / f"{sku}.png").write_bytes(data.getvalue())


def _write_realistic(root: Path, sku: str, number: int, sprites: Sequence[Sprite], megapixels: float) -> None:
    seed = int(np.random.default_rng((_SEED, number)).integers(2**31))
    what = Plan(number, _GROUNDS[number % len(_GROUNDS)], number % len(sprites), seed)
    picture = _square(make(what, sprites).photo, round(1000 * megapixels**0.5))
    (root / "uploads" / f"{sku}.jpg").write_bytes(jpeg(picture, quality=92))


def _new(root: Path, count: int) -> range:
    (root / "uploads").mkdir(parents=True)
    return range(count)


def _square(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The middle of a picture, enlarged or reduced."""
    height, width = rgb.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    return cv2.resize(rgb[top : top + short, left : left + short], (side, side), interpolation=cv2.INTER_CUBIC)
