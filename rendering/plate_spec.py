"""How a plate is described: camera, light, where products stand.

One unit is 10 cm. Products stand at the origin on the plane z = 0, seen from -y; things lie flat at the origin, seen
from above; hanging things hang at the origin on the wall y = 0, which faces -y.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

CM = 10.0

Season = Literal["any", "winter", "holiday", "spring", "summer", "autumn"]
Kind = Literal["floor", "flat", "wall"]


@dataclass(frozen=True)
class Light:
    """The key light. Degrees: azimuth 0 from the camera, 90 from the right, -90 from the left, 180 from behind.

    elevation: above the floor (of a flat plate: above the surface; its azimuth turns around the camera's axis, 0 from
    the bottom of the picture). size: angular diameter; 2 is low sun through a window, 15 a softbox, 50 a big window
    near by. kelvin: colour temperature.
    """

    azimuth: float
    elevation: float
    size: float
    kelvin: float = 5600

    @property
    def to_light(self) -> tuple[float, float, float]:
        """The direction towards the light, a unit vector."""
        azimuth, elevation = math.radians(self.azimuth), math.radians(self.elevation)
        return (
            math.sin(azimuth) * math.cos(elevation),
            -math.cos(azimuth) * math.cos(elevation),
            math.sin(elevation),
        )


@dataclass(frozen=True)
class Plate:
    """One set with its camera and light. Rows, columns, blur and focal length are shares of the picture's side."""

    name: str
    title: str
    season: Season
    build: Callable[[], None]
    """Makes objects, materials, world and fill lights. Camera and key light are added afterwards."""
    mood: tuple[str, ...]
    setting: str
    """What is seen, in words for a prompt: surface and surroundings."""
    light: Light
    foreground: Callable[[], None] | None = None
    """Makes what hangs or stands blurred in front of the camera, in an empty scene of its own with its own world."""
    key: float = 1.0
    """Strength of the key light: 1 lights a white floor that faces it to paper white."""
    kind: Kind = "floor"
    pitch: float = 12.0
    """Degrees the camera looks down; 90 for flat plates, 0 for walls."""
    focal: float = 2.8
    distance: float = 10.0
    """Camera to the stand, in units; distance / focal is the width of the picture there."""
    stand_row: float = 0.76
    """Row where the origin is drawn: the focal plane, and where products stand."""
    stand_x: tuple[float, float] = (0.4, 0.6)
    """Columns where a product's middle may be put."""
    stand_y: tuple[float, float] = (0.72, 0.8)
    """Rows where a product's foot may be put; the surface must be free there over the product's whole width."""
    floor_end: float = 1000.0
    """y of the surface's far edge (where a table ends, or a sweep begins)."""
    height_cm: tuple[float, float] = (5, 60)
    """Heights of products that look natural in the set."""
    anchor: tuple[float, float] | None = None
    """Walls: column and row of the peg or hook that a hanging product's top goes to."""
    blur: float = 0.02
    """Diameter of the disc as which a point far behind is drawn, as a share of the side; 0 is all sharp."""
    gloss: float = 0.0
    """How much of a mirror image the floor shows where products stand (0 none, 1 a mirror)."""
    roughness: float = 0.3
    """How blurred that mirror image is, 0 to 1."""
    exposure: float = 0.0
    """Stops, when developed."""
    mirror: bool = True
    """Whether the picture may be turned left to right."""

    @property
    def nominal(self) -> float:
        """Height in units of a product that fills 0.56 of the picture at the stand."""
        return 0.56 * self.distance / self.focal


CENTERED = {"stand_row": 0.5, "stand_x": (0.45, 0.55), "stand_y": (0.45, 0.55), "blur": 0.0}
"""Fields of a plate that is looked at squarely: the product in the middle, all of it sharp."""


def floor_row(plate: Plate, y: float) -> float:
    """Row (share of the side) where the floor at distance y behind the stand is drawn; of no use for walls."""
    if plate.kind != "floor":
        return 0.0
    down = math.radians(plate.pitch)
    to_stand = down + math.atan((plate.stand_row - 0.5) / plate.focal)
    camera_y, camera_z = -plate.distance * math.cos(to_stand), plate.distance * math.sin(to_stand)
    return 0.5 + plate.focal * math.tan(math.atan2(camera_z, y - camera_y) - down)


def horizon_row(plate: Plate) -> float:
    """Row (share of the side) of the horizon; below 0 it lies above the picture."""
    return 0.5 - plate.focal * math.tan(math.radians(plate.pitch)) if plate.kind == "floor" else 0.0


def kelvin_rgb(kelvin: float) -> tuple[float, float, float]:
    """Linear RGB of a black body, green 1, relative to 5600 K as white (the camera's white balance)."""
    at, white = _planck(kelvin), _planck(5600)
    r, g, b = (at / white).tolist()
    return (r / g, 1.0, b / g)


def _planck(kelvin: float) -> np.ndarray:
    """Spectral radiance at the sRGB primaries' dominant wavelengths, unscaled; Planck's law."""
    metres = np.array([611e-9, 549e-9, 464e-9])
    return metres**-5 / (np.exp(1.4388e-2 / (metres * kelvin)) - 1)
