"""An atlas of background tiles that many pictures share: made once, cut, turned and recoloured for each picture.

Every slot of the atlas is drawn anew in turn, one each REFRESH pictures, so that a long training sees ever
new places. A tile follows from seed, slot and generation alone; files only save its making.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import backgrounds
from resources.imaging.colour import linear_to_srgb
from training import textures

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Rng = np.random.Generator

SIDE = 512
REFRESH = 25
PLATES = Path(__file__).parents[1] / "resources" / "scenes" / "plates"
# What a slot shows: group, how it is drawn, how many slots. Photos of plates, panoramas and materials join.
_DRAWN: tuple[tuple[str, backgrounds.Texture, int], ...] = (
    ("wood", backgrounds.wood, 16),
    ("wood", textures.parquet, 4),
    ("cloth", backgrounds.cloth, 10),
    ("cloth", textures.folds, 8),
    ("cloth", textures.knit, 4),
    ("stone", backgrounds.marble, 8),
    ("stone", textures.concrete, 8),
    ("stone", textures.brushed, 2),
    ("tiles", backgrounds.tiles, 8),
    ("soft", backgrounds.carpet, 6),
    ("soft", textures.blades, 8),
    ("rough", textures.stones, 8),
    ("rough", textures.crackle, 6),
    ("bricks", textures.bricks, 6),
    ("foliage", textures.foliage, 8),
    ("folds", textures.folds, 6),
    ("pattern", textures.wallpaper, 18),
    ("pattern", textures.printed, 4),
    ("bokeh", textures.bokeh, 8),
    ("sky", textures.sky, 2),
    ("posters", textures.pictures_on_wall, 8),
    ("shelf", textures.bookshelf, 6),
    ("shelf", backgrounds.cluttered_shelf, 4),
    ("room", textures.corner_of_room, 6),
    ("room", backgrounds.painted_wall, 4),
)


@dataclass(frozen=True)
class _Slot:
    group: str
    draw: Callable[[Rng], U8]


class Atlas:
    """The tiles. panoramas: a folder with hdris/*.hdr and materials/*_Color.jpg, both optional. cache: where tiles are
    kept for other processes; None keeps them in this one only."""

    def __init__(self, seed: int, *, panoramas: Path | None = None, cache: Path | None = None) -> None:
        self.seed = seed
        self._slots = [_Slot(group, partial(_drawn, draw)) for group, draw, count in _DRAWN for _ in range(count)]
        self._slots += _photo_slots(panoramas)
        self._cache = None if cache is None else cache / _fingerprint(seed, panoramas)
        self._tiles: dict[int, tuple[int, U8]] = {}
        self._groups: dict[str, list[int]] = {}
        for number, slot in enumerate(self._slots):
            self._groups.setdefault(slot.group, []).append(number)

    def photos(self, group: str) -> tuple[str, ...]:
        """The group's name, if the atlas has photos of it; else nothing."""
        return (group,) if group in self._groups else ()

    def tile(self, rng: Rng, number: int, groups: Sequence[str]) -> U8:
        """One of the groups' tiles as picture `number` sees it; 512x512x3 uint8 sRGB, read only."""
        own = self._groups[groups[int(rng.integers(len(groups)))]]
        return self._slot(own[int(rng.integers(len(own)))], number)

    def _slot(self, slot: int, number: int) -> U8:
        generation = (number + slot * REFRESH) // (REFRESH * len(self._slots))
        held = self._tiles.get(slot)
        if held is None or held[0] != generation:
            held = generation, self._made(slot, generation)
            self._tiles[slot] = held
        return held[1]

    def _made(self, slot: int, generation: int) -> U8:
        file = None if self._cache is None else self._cache / f"{slot:03d}-{generation}.npy"
        if file is not None and file.exists():
            try:
                return np.load(file, mmap_mode="r")
            except (OSError, ValueError):
                pass  # another process just removed it
        tile = self._slots[slot].draw(np.random.default_rng((self.seed, slot, generation)))
        if file is not None:
            _kept(file, tile)
            # Workers are never further apart than one generation.
            (file.parent / f"{slot:03d}-{generation - 2}.npy").unlink(missing_ok=True)
        return tile


def _kept(file: Path, tile: U8) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as target:
        np.save(target, tile)
    part.replace(file)


def _fingerprint(seed: int, panoramas: Path | None) -> str:
    """A folder name that changes with everything a tile depends on."""
    sources = [Path(module.__file__ or "").read_bytes() for module in (backgrounds, textures)]
    photos = "" if panoramas is None else "|".join(sorted(path.name for path in panoramas.rglob("*.[hj][dp][rg]")))
    digest = hashlib.sha256(b"".join((*sources, Path(__file__).read_bytes(), photos.encode()))).hexdigest()
    return f"{digest[:12]}-{seed}"


def _drawn(texture: backgrounds.Texture, rng: Rng) -> U8:
    return linear_to_srgb(texture(rng, SIDE, SIDE))


def _photo_slots(panoramas: Path | None) -> list[_Slot]:
    plates = sorted(path for path in PLATES.glob("*.jpg") if not path.name.endswith(".ambient.jpg"))
    slots = [_Slot("plate", partial(_one_of, plates, _plate)) for _ in range(16 if plates else 0)]
    hdris = sorted(panoramas.glob("hdris/*.hdr")) if panoramas else []
    slots += [_Slot("panorama", partial(_one_of, hdris, _panorama)) for _ in range(16 if hdris else 0)]
    materials = sorted(panoramas.glob("materials/*_Color.jpg")) if panoramas else []
    return slots + [_Slot("material", partial(_one_of, materials, _material)) for _ in range(8 if materials else 0)]


def _one_of(files: Sequence[Path], draw: Callable[[Rng, Path], U8], rng: Rng) -> U8:
    return draw(rng, files[int(rng.integers(len(files)))])


def _read(path: Path) -> U8:
    picture = cv2.imread(str(path))
    if picture is None:
        raise ValueError(f"{path} is no picture that can be read")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _cut(rng: Rng, picture: U8, smallest: float) -> U8:
    """A random square of a picture, as large as a tile. smallest: its side as a share of the picture's."""
    rows, columns = picture.shape[:2]
    side = int(min(rows, columns) * rng.uniform(smallest, 1))
    top, left = int(rng.integers(rows - side + 1)), int(rng.integers(columns - side + 1))
    return cv2.resize(picture[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _plate(rng: Rng, path: Path) -> U8:
    return _cut(rng, _read(path), 0.35)


def _material(rng: Rng, path: Path) -> U8:
    return _cut(rng, _read(path), 0.5)


def _panorama(rng: Rng, path: Path) -> U8:
    """A view into a panorama by a camera of random direction and field of view, exposed at random."""
    light = cv2.imread(str(path), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    if light is None:
        raise ValueError(f"{path} is no panorama that can be read")
    yaw, pitch = rng.uniform(-np.pi, np.pi), rng.normal(-0.05, 0.2)
    reach = np.tan(np.radians(rng.uniform(35, 100)) / 2)
    y, x = np.mgrid[-reach : reach : SIDE * 1j, -reach : reach : SIDE * 1j].astype(np.float32)
    up, away = np.sin(pitch) - y * np.cos(pitch), np.cos(pitch) + y * np.sin(pitch)
    across = np.mod((np.arctan2(x, away) + yaw) / (2 * np.pi) + 0.5, 1) * light.shape[1]
    down = (0.5 - np.arctan2(up, np.hypot(x, away)) / np.pi) * light.shape[0]
    view = cv2.remap(
        light, across.astype(np.float32), down.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )
    view = view[..., ::-1] * np.float32(rng.uniform(0.25, 0.9) / max(1e-4, float(np.median(view)) * 2))
    return linear_to_srgb(view / (1 + np.maximum(view - 0.7, 0)))
