"""Plates: walls, on which things hang."""

from __future__ import annotations

import math

import kit
import materials as mt
import numpy as np
from plate_spec import CENTERED, Light, Plate

from plate_sets import shading as sh
from plate_sets.lights import even_world, soft_light
from plate_sets.shadows import leaf_shadow, window_shadow
from plate_sets.surfaces import limewash, oiled_timber

PLASTER_LIGHT = Light(azimuth=-54, elevation=36, size=2.8, kelvin=5200)
SAGE_LIGHT = Light(azimuth=50, elevation=40, size=5, kelvin=5500)
PEG_Z = 1.26  # the top of the peg over the picture's middle


def _wall_grid(name: str, material: object, seed: int, relief: float) -> None:
    """A plastered wall at y = 0: hand-made, so nowhere quite even; at most two millimetres."""
    sheet = kit.grid(
        name,
        14,
        420,
        lambda x, y: (
            relief
            * (0.016 * kit.value_noise(x * 0.7, y * 0.7, seed) + 0.006 * kit.value_noise(x * 2.3, y * 2.3, seed + 1))
        ),
        material,
    )
    # The relief must not reach into what hangs there.
    sheet.location = (0, 0.012, 0)
    sheet.rotation_euler = (math.pi / 2, 0, 0)


def _peg(top: float) -> None:
    """A turned oak peg that juts out of the wall, its upper side at height `top`."""
    oak = oiled_timber("oak", ("#a67c50", "#c69d6c", "#d8b68a"), seed=5, roughness=0.45, fine=3)
    profile = [
        (0.0, 0.0),
        (0.085, 0.0),
        (0.085, 0.2),
        (0.09, 0.24),
        (0.125, 0.27),
        (0.14, 0.31),
        (0.135, 0.35),
        (0.09, 0.375),
        (0.0, 0.38),
    ]
    peg = kit.lathe("peg", kit.smooth_path(profile, 5), oak, segments=64, sharp_angle=180)
    kit.place(peg, (0, 0.02, top - 0.085), (90, 0, 0))


def wall_plaster() -> None:
    """White limewash with raking window light and a wooden peg."""
    even_world("#fbf6ee", 0.40)
    plaster = limewash("limewash", "#f5f0e7", clouds=0.6, relief=0.3)
    _wall_grid("wall", plaster, 3, 1.0)
    _peg(PEG_Z)
    window_shadow(
        PLASTER_LIGHT, panes=(2, 3), pane=(1.6, 1.7), bar=0.16, at=(-0.1, 0.1), turn=-4, far=2.8, wall=True, shear=-0.28
    )
    soft_light((7, 7), (-9, -7, 5), 1.5, "#fff3e0")


def wall_sage() -> None:
    """Sage wall with a panel moulding."""
    even_world("#f6f8f4", 0.48)
    paint = mt.principled("sage", "#b9bfae", roughness=0.55)
    sh.layer_tint(paint, [(0.3, "#ece9e2"), (0.7, "#ffffff")], 0.5, detail=6, amount=0.8)
    mt.add_bump(paint, 3.0, 0.15, detail=5, depth=0.03)
    mt.add_bump(paint, 16, 0.22, detail=4, depth=0.008)
    _wall_grid("wall", paint, 8, 0.4)
    _moulding(paint, (-1.38, 1.38), (-3.4, 1.45))
    _moulding(paint, (1.86, 4.6), (-3.4, 1.45))
    _moulding(paint, (-4.6, -1.86), (-3.4, 1.45))
    twigs = [(2.7, 1.9, 212, 2.4), (2.6, 0.5, 198, 1.7), (1.2, 2.7, 232, 1.5)]
    leaf_shadow(SAGE_LIGHT, twigs, leaf=0.72, slim=0.5, far=1.0, seed=12, wall=True)
    soft_light((8, 8), (9, -8, 6), 1.2, "#fffaf0")


def _moulding(material: object, across: tuple[float, float], up: tuple[float, float]) -> None:
    """A picture-frame moulding: one profile run round a rectangle with mitred corners."""
    profile = [
        (-0.13, 0.0),
        (-0.12, 0.035),
        (-0.085, 0.05),
        (-0.06, 0.05),
        (-0.03, 0.085),
        (0.01, 0.105),
        (0.045, 0.095),
        (0.06, 0.06),
        (0.085, 0.05),
        (0.115, 0.03),
        (0.125, 0.0),
    ]
    line = kit.smooth_path(profile, 4)
    rings = []
    for x, z, sx, sz in (
        (across[0], up[0], -1, -1),
        (across[1], up[0], 1, -1),
        (across[1], up[1], 1, 1),
        (across[0], up[1], -1, 1),
    ):
        rings.append([(x + sx * out, 0.012 - height, z + sz * out) for out, height in line])
    kit.loft("moulding", [*rings, rings[0]], material, caps=False, around=False, sharp_angle=35)


def _wall(name: str, **fields: object) -> Plate:
    """A plate that looks straight at a wall."""
    return Plate(name=name, kind="wall", pitch=0, **CENTERED, **fields)


def _on_picture(z: float, y: float, focal: float, distance: float) -> float:
    """Row at which a point of the middle axis at height z and depth y is drawn."""
    return float(np.round(0.5 - focal * z / (distance + y), 4))


PLATES = [
    _wall(
        "wall-plaster",
        title="Limewash wall, window light",
        season="any",
        build=wall_plaster,
        mood=("calm", "warm", "natural", "bright"),
        setting="warm white limewashed wall with soft raking window light and a small wooden peg",
        light=PLASTER_LIGHT,
        key=1.25,
        distance=12.0,
        anchor=(0.5, _on_picture(PEG_Z + 0.055, -0.35, 2.8, 12.0)),
        height_cm=(8, 34),
    ),
    _wall(
        "wall-sage",
        title="Sage wall with moulding",
        season="any",
        build=wall_sage,
        mood=("quiet", "elegant", "fresh", "home"),
        setting="sage green painted wall with a panel moulding in soft daylight",
        light=SAGE_LIGHT,
        key=1.0,
        distance=12.0,
        height_cm=(8, 34),
    ),
]
