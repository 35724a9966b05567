"""What stands behind products: paper sweeps, walls, arches, a far wall of light."""

from __future__ import annotations

import math

import bpy
import kit
import materials as mt
import numpy as np

from plate_sets import shading as sh
from plate_sets.shapes import poses, scatter
from plate_sets.surfaces import leafy


def sweep(material: bpy.types.Material, start: float = 5.0, radius: float = 4.0) -> None:
    """Paper that lies on the floor, bends up `start` units behind the stand, and goes on as a wall."""
    profile = [(-20.0, 0.0), (start, 0.0)]
    profile += [
        (start + radius * math.sin(a), radius - radius * math.cos(a)) for a in np.linspace(0.05, math.pi / 2, 24)
    ]
    profile += [(start + radius + 0.01, 60.0)]
    rings = [[(x, y, z) for y, z in profile] for x in np.linspace(-30, 30, 8)]
    kit.loft("sweep", rings, material, caps=False, around=False, sharp_angle=180)


def wall(
    material: bpy.types.Material, y: float, across: tuple[float, float] = (-60, 60), up: tuple[float, float] = (0, 60)
) -> None:
    """A plane wall that faces the camera."""
    kit.loft("wall", [[(x, y, z) for x in across] for z in up], material, caps=False, around=False)


def arch_panel(
    width: float,
    tall: float,
    thick: float,
    material: bpy.types.Material,
    at: kit.Point3,
    turn: float,
    *,
    steps: int = 48,
) -> None:
    """An upright panel with a round top."""
    r = width / 2
    outline = [(-r, 0.0), (r, 0.0)]
    outline += [(r * math.cos(a), tall - r + r * math.sin(a)) for a in np.linspace(0, math.pi, steps)]
    rings = [[(x, y, z) for x, z in outline] for y in (thick / 2, -thick / 2)]
    panel = kit.loft("arch", rings, material)
    kit.add_bevel(panel, 0.03, 3)
    kit.place(panel, at, (0, 0, turn))


def backdrop(y: float, stops: sh.Stops, low: float, high: float, strength: float = 1.0, blotch: float = 0.0) -> None:
    """A far wall of light with a gradient from z = `low` to `high`, made uneven by soft blotches."""
    material = mt.principled("backdrop", "#000000")
    space = sh.node(material, "TexCoord", {}).outputs["Object"]
    spots = sh.node(material, "TexNoise", {"Vector": space, "Scale": 8 / (high - low)}).outputs["Fac"]
    rise = sh.span(material, sh.coordinate(material, "Z"), (low, high))
    uneven = sh.maths(material, "MULTIPLY_ADD", spots, blotch, rise)
    shifted = [(min(1, at + blotch / 2), color) for at, color in stops]
    sh.shine_only(material, sh.ramp(material, uneven, shifted), strength)
    wide = 3 * y
    corners = [(-wide, y, -wide), (wide, y, -wide), (wide, y, wide), (-wide, y, wide)]
    plane = kit.mesh_object("backdrop", corners, [(0, 1, 2, 3)], material)
    # The world lights the set; the backdrop is only looked at.
    plane.visible_diffuse = plane.visible_shadow = False


def light_discs(points: np.ndarray, radius: float, color: str, strength: float, seed: int) -> None:
    """Points of light far behind (sun on wet leaves, gaps in a crown): out of focus they become soft discs."""
    rng = np.random.default_rng(seed)
    material = leafy("gleam", [color, color], through=0)
    sh.set_glow(material, color, strength)
    facing = np.tile([0.0, -1.0, 0.0], (len(points), 1))
    ring = [(math.cos(a), math.sin(a), 0.0) for a in np.linspace(0, 2 * math.pi, 8, endpoint=False)]
    shape = (np.array(ring) * radius, np.arange(8)[None, :])
    lamp = scatter("gleams", shape, poses(points, facing, rng, (0.5, 1.3), axis=2), material)
    lamp.visible_diffuse = lamp.visible_shadow = False
