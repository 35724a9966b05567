"""Plates: rendered empty sets, each a picture with the share of ambient light and a description of camera and light.

They lie in `plates/`: `<name>.jpg`, `<name>.ambient.jpg`, `<name>.yaml`, some with `<name>.foreground.webp`. All are
square. Rows, columns, blur and the focal length are shares of the picture's side.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from resources.plain_yaml import read_own

U8 = NDArray[np.uint8]

FOLDER = Path(__file__).with_name("plates")
# Decoded plates are kept for the run, as bytes of sRGB: 12.6 MB each.
_KEPT = 12

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Range = tuple[float, float]
Season = Literal["any", "winter", "holiday", "spring", "summer", "autumn"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Camera(_Part):
    """A pinhole camera. The stand is where the focal plane meets the surface, in the middle column."""

    focal: float = Field(gt=0.3, le=20, description="focal length, in picture sides")
    pitch: float = Field(ge=0, le=90, description="degrees it looks down; 90 for flat plates, 0 for walls")
    distance_cm: float = Field(gt=0, description="camera to stand")
    stand_row: Share


class KeyLight(_Part):
    """The light that throws shadows; parallel, from a disc of the angular diameter `size`. Angles in degrees."""

    azimuth: float = Field(ge=-180, le=180, description="0 from the camera, 90 from the right, -90 from the left")
    elevation: float = Field(gt=0, le=90, description="above the floor, or above a flat plate's surface")
    size: float = Field(ge=0, le=180)
    kelvin: float = Field(ge=1500, le=20000)
    key_share: Share = Field(description="its share of the light at the stand")

    def to_light(self, *, mirrored: bool = False) -> tuple[float, float, float]:
        """The direction towards the light, a unit vector: x right, y away from the camera, z up."""
        azimuth, elevation = math.radians(-self.azimuth if mirrored else self.azimuth), math.radians(self.elevation)
        return (
            math.sin(azimuth) * math.cos(elevation),
            -math.cos(azimuth) * math.cos(elevation),
            math.sin(elevation),
        )


class Stand(_Part):
    """Where a product may be put: columns of its middle, rows of its foot."""

    x: Range
    y: Range


class Plate(_Part):
    """A set's description.

    kind: "floor" for standing products, "flat" seen straight from above, "wall" for hanging ones. horizon, floor_line:
    rows of the horizon (below 0: above the picture) and of the level surface's far edge. height_cm: heights of
    products that look natural here. anchor: column and row of a peg that the top of a hanging product goes to.
    blur: diameter of the disc as which a far point is drawn. gloss: strength of the floor's mirror image; roughness:
    how blurred it is. mirror: whether the picture may be turned left to right.
    """

    name: str
    title: str
    season: Season
    kind: Literal["floor", "flat", "wall"]
    mood: tuple[str, ...]
    setting: str
    camera: Camera
    horizon: float
    floor_line: float
    cm_across: float = Field(gt=0, description="width of the picture at the stand")
    stand: Stand
    height_cm: Range
    anchor: tuple[Share, Share] | None
    blur: Share
    gloss: Share
    roughness: Share
    light: KeyLight
    mirror: bool
    foreground: bool
    palette: tuple[str, ...]

    def suits(self, height_cm: float | None) -> bool:
        """True if a product of this height looks natural in the set; a height that is not known suits everywhere."""
        return height_cm is None or self.height_cm[0] <= height_cm <= self.height_cm[1]


@cache
def load_plates(folder: Path = FOLDER) -> Mapping[str, Plate]:
    """All plates by name. ValueError names file and key of a bad description, or the picture that is missing."""
    plates = {}
    for path in sorted(folder.glob("*.yaml")):
        entry = read_own(path)
        if not isinstance(entry, dict):
            raise ValueError(f"{path.name}: expected a mapping, found {type(entry).__name__}")
        try:
            plate = Plate.model_validate({"name": path.stem, **entry})
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        missing = [file.name for file in _files(folder, plate) if not file.is_file()]
        if missing:
            raise ValueError(f"{path.name}: there is no {', '.join(missing)} beside it")
        plates[plate.name] = plate
    return plates


@cache
def plates_digest(folder: Path = FOLDER) -> str:
    """Twelve hex digits that change with any plate: what a picture was made from."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _files(folder: Path, plate: Plate) -> list[Path]:
    files = [folder / f"{plate.name}.jpg", folder / f"{plate.name}.ambient.jpg"]
    return [*files, folder / f"{plate.name}.foreground.webp"] if plate.foreground else files


@lru_cache(maxsize=_KEPT)
def picture_of(name: str, folder: Path = FOLDER) -> U8:
    """The plate's picture, square, HxWx3 sRGB uint8; decoded once and shared, so never write into it."""
    return _read(folder / f"{name}.jpg", cv2.IMREAD_COLOR)


@lru_cache(maxsize=_KEPT)
def ambient_of(name: str, folder: Path = FOLDER) -> U8:
    """What share of the light is left where the key light is blocked: HxWx3 uint8, linear, 255 all of it."""
    return _read(folder / f"{name}.ambient.jpg", cv2.IMREAD_COLOR)


@lru_cache(maxsize=_KEPT)
def foreground_of(name: str, folder: Path = FOLDER) -> U8:
    """What is blurred in front of the camera: HxWx4, straight alpha; covers the same square as the picture."""
    return _read(folder / f"{name}.foreground.webp", cv2.IMREAD_UNCHANGED)


def _read(path: Path, mode: int) -> U8:
    pixels = cv2.imread(str(path), mode)
    if pixels is None:
        raise ValueError(f"{path.name} cannot be read; render the plate again or install the package again")
    turned = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    turned.flags.writeable = False
    return np.asarray(turned, np.uint8)
