"""Sprites on disk: products alone with exact mattes; read, recoloured and warped for each picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]

LARGEST = 400


@dataclass(frozen=True, slots=True)
class SpriteFile:
    """A product alone: <family>--<seed>.webp. truth: the file with the matte a cut-out must have, if not its alpha."""

    path: Path
    family: str
    truth: Path | None


@dataclass(frozen=True, eq=False, slots=True)
class Sprite:
    """premultiplied: HxWx4 uint8 sRGB times alpha. truth: HxW uint8, the matte of a right cut-out; clear: it is not the
    alpha, as of glass."""

    premultiplied: U8
    truth: U8
    clear: bool
    family: str


def load_sprites(folders: Iterable[Path]) -> tuple[SpriteFile, ...]:
    """The sprites of some folders, sorted by name within each; read only when used.

    ValueError if a folder does not exist or none holds a sprite.
    """
    found: list[SpriteFile] = []
    folders = list(folders)
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder} is no folder of sprites")
        paths = sorted(path for path in folder.glob("*--*.webp") if not path.name.endswith(".truth.webp"))
        truths = {path.name for path in folder.glob("*.truth.webp")}
        for path in paths:
            truth = path.with_suffix(".truth.webp")
            family = path.stem.rsplit("--", 1)[0]
            found.append(SpriteFile(path, family, truth if truth.name in truths else None))
    if not found:
        raise ValueError(f"no sprites (<family>--<seed>.webp) in {', '.join(map(str, folders)) or 'no folder'}")
    return tuple(found)


@lru_cache(maxsize=192)
def read_sprite(file: SpriteFile) -> Sprite:
    """The pixels of a sprite, at most LARGEST px on the long side. ValueError if it is no picture with alpha."""
    rgba = cv2.imdecode(np.fromfile(file.path, np.uint8), cv2.IMREAD_UNCHANGED) if file.path.stat().st_size else None
    if rgba is None or rgba.ndim != 3 or rgba.shape[2] != 4 or not rgba[..., 3].any():
        raise ValueError(f"{file.path} is no sprite: a picture with an alpha channel in which something is seen")
    truth = rgba[..., 3]
    if file.truth is not None:
        truth = cv2.imdecode(np.fromfile(file.truth, np.uint8), cv2.IMREAD_GRAYSCALE)
        if truth is None or truth.shape != rgba.shape[:2]:
            raise ValueError(f"{file.truth} is no matte of the size of its sprite")
    share = cv2.cvtColor(rgba[..., 3], cv2.COLOR_GRAY2BGR)
    colours = cv2.multiply(cv2.cvtColor(rgba, cv2.COLOR_BGRA2RGB), share, scale=1 / 255)
    whole = np.dstack([colours, rgba[..., 3]])
    factor = min(1.0, LARGEST / max(truth.shape))
    if factor < 1:
        size = max(1, round(truth.shape[1] * factor)), max(1, round(truth.shape[0] * factor))
        whole, truth = (cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (whole, truth))
    return Sprite(_padded(whole), _padded(truth), file.truth is not None, file.family)


def _padded(picture: U8) -> U8:
    """Empty rows above and columns to the right until both sides can be halved twice."""
    rows, columns = picture.shape[:2]
    return cv2.copyMakeBorder(picture, -rows % 4, 0, 0, -columns % 4, cv2.BORDER_CONSTANT)


def halved(picture: U8, factor: float) -> tuple[U8, int]:
    """The picture made half or a quarter as large if it will be shrunk by `factor` anyway, and by what it was divided.

    Means of 2x2 pixels: quicker than any other good way of shrinking.
    """
    divisor = 1
    while factor * divisor < 0.5 and divisor < 4 and not (picture.shape[0] % 2 or picture.shape[1] % 2):
        size = picture.shape[1] // 2, picture.shape[0] // 2
        picture, divisor = cv2.resize(picture, size, interpolation=cv2.INTER_AREA), 2 * divisor
    return picture, divisor
