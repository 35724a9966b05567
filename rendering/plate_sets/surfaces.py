"""Materials that several sets share (wood, paper, stone, plaster, leaves and cloth), and tables made of boards."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import kit
import materials as mt
import numpy as np
from mathutils import Matrix, Vector

from plate_sets import shading as sh


def sawn_timber(
    name: str,
    colors: tuple[str, str, str],
    *,
    roughness: tuple[float, float] = (0.35, 0.55),
    pores: float = 0.35,
    relief: float = 0.3,
) -> bpy.types.Material:
    """Sawn wood with its grain along x: growth rings, streaks, and fine dark pores."""
    material = mt.principled(name, colors[1])

    def grain(scale: float, stretch: Sequence[float], detail: float) -> sh.Socket:
        return sh.noise(material, sh.object_space(material, stretch), scale, detail)

    space = sh.object_space(material, (0.13, 1, 1))
    wave = {"Vector": space, "Scale": 0.55, "Distortion": 9.0, "Detail": 3.0, "Detail Scale": 0.45}
    rings = sh.node(material, "TexWave", wave, bands_direction="Y").outputs["Fac"]
    tone = sh.maths(material, "MULTIPLY", grain(2.6, (0.09, 3.4, 3.4), 9), 0.62)
    tone = sh.maths(material, "ADD", tone, sh.maths(material, "MULTIPLY", rings, 0.07))
    tone = sh.maths(material, "ADD", tone, sh.maths(material, "MULTIPLY", grain(0.5, (0.35, 1, 1), 4), 0.32))
    color = sh.ramp(material, tone, list(zip((0.3, 0.5, 0.72), colors, strict=True)))
    fine = sh.smooth_span(material, grain(6, (0.10, 9, 9), 3), (0.50, 0.74))
    short = sh.smooth_span(material, grain(1.0, (6, 120, 120), 2), (0.57, 0.70))
    fine = sh.maths(material, "MAXIMUM", fine, sh.maths(material, "MULTIPLY", short, 0.7))
    shade = (*(1 - pores * s for s in (0.8, 1.0, 1.15)), 1.0)
    dark = sh.mix(material, fine, (1, 1, 1, 1), shade)
    sh.set_input(material, "Base Color", sh.mix(material, 1.0, color, dark, "MULTIPLY"))
    polish = sh.smooth_span(material, grain(2.5, (0.5, 1, 1), 5), (0.3, 0.7), roughness)
    sh.set_input(material, "Roughness", polish)
    sh.add_relief(material, fine, relief, 0.012, invert=True)
    return mt.add_bump(material, 3.0, relief * 0.2, stretch=(0.12, 3, 3), detail=6, depth=0.012)


def oiled_timber(
    name: str,
    colors: tuple[str, str, str],
    *,
    seed: int = 1,
    roughness: float = 0.5,
    relief: float = 0.25,
    fine: float = 1,
) -> bpy.types.Material:
    """Sawn and oiled wood with the grain along x: flowing rings, pores, patches of tone, uneven polish."""
    material = mt.principled(name, colors[1], roughness=roughness)
    mt.add_tint(
        material, _grain_stops(colors, 18, seed), 0.55 * fine, stretch=(0.16, 1.5, 1.5), detail=1.5, distortion=0.5
    )
    # Streaks soften the rings; real boards are never as sharp as contour lines.
    streaks = [(0.3, colors[0]), (0.5, colors[1]), (0.7, colors[2])]
    sh.layer_tint(material, streaks, 2.2 * fine, stretch=(0.06, 6, 6), detail=5, blend="MIX", amount=0.55)
    sh.layer_tint(
        material, [(0.34, "#8d8076"), (0.43, "#ffffff")], 5 * fine, stretch=(0.09, 11, 11), detail=3, amount=0.4
    )
    sh.layer_tint(material, [(0.3, "#d6cdc2"), (0.7, "#ffffff")], 0.4, stretch=(0.5, 1, 1), detail=3, amount=0.8)
    mt.add_roughness(material, roughness * 0.8, min(1.0, roughness * 1.25), 1.3)
    mt.add_bump(material, 5 * fine, relief, stretch=(0.09, 11, 11), detail=2, depth=0.006)
    return mt.add_bump(material, 0.9, relief, stretch=(0.3, 3, 3), detail=3, depth=0.02)


def _grain_stops(colors: tuple[str, str, str], rings: int, seed: int) -> list[tuple[float, str]]:
    """Alternating early and late wood; through a stretched noise its contour lines become a flowing grain."""
    rng = np.random.default_rng(seed)
    dark, middle, light = colors
    at = np.sort(rng.uniform(0.22, 0.8, rings))
    stops: list[tuple[float, str]] = []
    for index, position in enumerate(at[::2]):
        stops += [(float(position), light if index % 2 else middle), (float(position) + 0.012, dark)]
        stops += [(float(position) + 0.02, middle if index % 3 else light)]
    return sorted(stops)[:30]


def art_paper(name: str, color: str) -> bpy.types.Material:
    """Uncoated art paper: fine tooth, faint clouds, no shine."""
    material = mt.principled(name, color, roughness=0.85, specular=0.25)
    sh.layer_tint(material, [(0.3, "#f2efea"), (0.7, "#ffffff")], 0.7, detail=6, amount=0.8)
    sh.layer_tint(material, [(0.35, "#f4f1ec"), (0.6, "#ffffff")], 60, detail=6, amount=0.6)
    mt.add_bump(material, 0.9, 0.06, detail=2, depth=0.12)
    return mt.add_bump(material, 24, 0.22, detail=4, depth=0.006)


def card(name: str, color: str) -> bpy.types.Material:
    """Matt art paper with a felt-like tooth and faint fibres."""
    material = mt.principled(name, color, roughness=0.85, specular=0.25)
    mt.add_bump(material, 2.2, 0.35, detail=2, depth=0.03)
    mt.add_bump(material, 34, 0.6, detail=5, depth=0.012)
    sh.speckle(material, "#ffffff", 26, (0.54, 0.68), amount=0.22, stretch=(1, 1.6, 1), detail=6)
    # Fibres: short, a little darker, some lying across.
    sh.speckle(material, "#a39a8e", 30, (0.6, 0.72), amount=0.16, stretch=(0.35, 1.5, 1), detail=4)
    sh.speckle(material, "#a39a8e", 34, (0.63, 0.74), amount=0.16, stretch=(1.6, 0.4, 1), detail=4)
    return material


def limestone(name: str, dark: str, middle: str, light: str, *, roughness: float = 0.6) -> bpy.types.Material:
    """Pale honed stone with soft clouds, small pits and shell flecks."""
    material = mt.principled(name, middle, roughness=roughness, specular=0.4)
    mt.add_tint(
        material, [(0.32, dark), (0.5, middle), (0.68, light)], 0.9, stretch=(1, 1.7, 1), detail=9, distortion=0.6
    )
    mt.add_roughness(material, roughness * 0.85, min(1.0, roughness * 1.2), 3.0)
    sh.speckle(material, light, 17, (0.6, 0.68), amount=0.5, detail=4)
    sh.speckle(material, dark, 9, (0.64, 0.7), amount=0.55, sink=0.012, detail=6)
    sh.speckle(material, dark, 48, (0.66, 0.74), amount=0.6, sink=0.008, detail=2)
    return mt.add_bump(material, 70, 0.16, detail=3, depth=0.005)


def limewash(name: str, color: str, *, clouds: float = 0.8, relief: float = 0.35) -> bpy.types.Material:
    """Mineral paint brushed over plaster: clouds of tone, strokes, trowel marks, pores."""
    material = mt.principled(name, color, roughness=0.9, specular=0.2)
    sh.layer_tint(material, [(0.32, "#e9e3da"), (0.68, "#ffffff")], 0.35, detail=7, distortion=0.7, amount=clouds)
    sh.layer_tint(material, [(0.35, "#eee9e1"), (0.65, "#ffffff")], 1.1, stretch=(1, 1, 2.2), detail=6, amount=clouds)
    mt.add_bump(material, 0.55, relief, detail=4, depth=0.10)
    mt.add_bump(material, 2.2, relief, stretch=(1, 1, 1.8), detail=6, depth=0.022)
    return mt.add_bump(material, 18, relief, detail=4, depth=0.006)


def leafy(name: str, colors: Sequence[str], *, through: float = 0.45, roughness: float = 0.5) -> bpy.types.Material:
    """Leaves or petals: each island of the mesh in a colour of its own, light shining through."""
    material = mt.principled(name, colors[0], roughness=roughness)
    chance = sh.node(material, "NewGeometry", {}).outputs["Random Per Island"]
    color = sh.ramp(material, chance, list(zip(np.linspace(0, 1, len(colors)), colors, strict=True)))
    sh.set_input(material, "Base Color", color)
    sh.let_through(material, color, through)
    return material


def vertex_paint(name: str, *, translucent: float = 0.0, glow: float = 0.0, **inputs: float) -> bpy.types.Material:
    """A material that takes its colour from the vertices.

    `translucent` is the share of light that shines through, `glow` how much it shines by itself: leaves in the sun.
    """
    material = mt.principled(name, "#ffffff", **inputs)
    tint = sh.node(material, "Attribute", {}, attribute_name="tint").outputs["Color"]
    sh.set_input(material, "Base Color", tint)
    if glow > 0:
        sh.set_input(material, "Emission Color", tint)
        mt.shader_of(material).inputs["Emission Strength"].default_value = glow
    if translucent > 0:
        sh.let_through(material, tint, translucent)
    return material


def boards(
    materials: Sequence[bpy.types.Material],
    widths: Sequence[float],
    start: float,
    *,
    gap: float = 0.012,
    seed: int = 0,
    deep: float | None = None,
) -> float:
    """A table top of boards along x, from y = start backwards, top at z = 0; returns where it ends.

    With `deep` they run along y instead, from x = start to the right, and end at y = deep.
    """
    rng = np.random.default_rng(seed)
    length, thick = 34.0, 0.4
    y = start
    for index, width in enumerate(widths):
        # The texture lies in object space: shifting the mesh within its object gives each board its own grain.
        shift = Vector((rng.uniform(-40, 40), rng.uniform(-40, 40), 0))
        material = materials[index % len(materials)]
        board = kit.box("board", (length, width - gap, thick), material, bevel=0.022)
        board.data.transform(Matrix.Translation(shift))
        sunk = -thick - 0.006 * rng.random()
        if deep is None:
            board.location = Vector((0, y + width / 2, sunk)) - shift
        else:
            board.rotation_euler = (0, 0, math.pi / 2)
            board.location = Vector((y + width / 2, deep - length / 2, sunk)) - Vector((-shift.y, shift.x, 0))
        y += width
    return y


def board_table(
    material: bpy.types.Material, *, board: float, far: float, near: float = -12.0, width: float = 40.0, seed: int = 1
) -> None:
    """Boards side by side along x, from `near` to exactly `far`, their tops at z = 0 within half a millimetre."""
    rng = np.random.default_rng(seed)
    thick, gap = 0.4, 0.012
    # What is seen through the joints.
    under = mt.principled("under", "#3a2c20", roughness=1.0)
    kit.box("under", (width, far - near - 0.2, 0.1), under, at=(0, (far + near) / 2, -thick), bevel=0)
    y = far
    while y > near:
        wide = board * rng.uniform(0.9, 1.1)
        drop = rng.uniform(0, 0.004)
        top = kit.box("board", (width, wide - gap, thick), material, at=(0, y - wide / 2, -thick - drop), bevel=0.018)
        # Its own piece of the noise: the mesh moves away, and the object back.
        offset = rng.uniform(-40, 40, 3).tolist()
        top.data.transform(Matrix.Translation(offset))
        top.location = [a - b for a, b in zip(top.location, offset, strict=True)]
        y -= wide
