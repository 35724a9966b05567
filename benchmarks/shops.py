"""Catalogs to measure with: any number of SKUs, no two pictures alike, the same ones every time."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from itertools import count as counted
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.composites import Plan, Sprite, load_sprites, make
from catalog_assets.single import CORRECTIONS, cut_out_files
from resources.engines import Engines
from resources.imaging.encode import jpeg

# Grounds on which a seller's photo usually comes out: what is refused costs less than what goes all the way.
_GROUNDS = ("white", "grey", "coloured", "gradient")
_SEED = 9
_TRIED_AT_ONCE = 64


def numbered(number: int) -> str:
    """A SKU's name; names sort as they are numbered."""
    return f"s{number:05d}"


def realistic_shop(root: Path, count: int, megapixels: float = 1.0) -> list[str]:
    """A catalog of products of the project's own sprites on plain grounds, square JPEGs; the names of its SKUs."""
    sprites = load_sprites()
    for number in _new(root, count):
        _write_realistic(root, numbered(number), number, sprites, megapixels)
    return [numbered(number) for number in range(count)]


def sorted_shop(root: Path, count: int, refused: float, megapixels: float = 1.0) -> list[str]:
    """Such a catalog in which the gate refuses just a share of the photos, spread evenly; the names of its SKUs.

    Photos are cut out beforehand until there are enough of both sorts: about two CPU seconds a SKU.
    """
    bad = set(_spread(count, round(refused * count)))
    _new(root, count)
    with tempfile.TemporaryDirectory() as folder:
        piles: dict[bool, list[Path]] = {True: [], False: []}
        for photo, accepted in _tried(Path(folder), megapixels):
            piles[accepted].append(photo)
            if len(piles[True]) >= count - len(bad) and len(piles[False]) >= len(bad):
                break
        takers = {accepted: iter(pile) for accepted, pile in piles.items()}
        for number in range(count):
            shutil.move(next(takers[number not in bad]), root / "uploads" / f"{numbered(number)}.jpg")
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
    chosen = [skus[i] for i in _spread(len(skus), count)]
    sprites = [] if plain else load_sprites()
    for number, sku in enumerate(chosen, (before + 1) * len(skus)):
        if plain:
            _write_plain(root, sku, number, 256)
        else:
            _write_realistic(root, sku, number, sprites, megapixels)
    return count


def _spread(count: int, chosen: int) -> list[int]:
    """So many of the first `count` numbers, at equal distances."""
    return [(2 * i + 1) * count // (2 * chosen) for i in range(chosen)]


def _tried(folder: Path, megapixels: float) -> Iterator[tuple[Path, bool]]:
    """Photos without end, and whether the gate accepts their cut-outs."""
    sprites, uploads = load_sprites(), folder / "uploads"
    uploads.mkdir()
    for start in counted(step=_TRIED_AT_ONCE):
        names = [numbered(number) for number in range(start, start + _TRIED_AT_ONCE)]
        for number, name in enumerate(names, start):
            _write_realistic(folder, name, number, sprites, megapixels)
        photos = [uploads / f"{name}.jpg" for name in names]
        lines = cut_out_files(photos, folder / "cut", Engines(), CORRECTIONS["straighten"])
        yield from ((photo, line["status"] == "accepted") for photo, line in zip(photos, lines, strict=True))


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
