"""What hangs outside the picture and throws the key light's shadow into it: window bars, twigs, leaves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy
import kit
import materials as mt
import numpy as np
from mathutils import Matrix, Vector
from plate_spec import Light


def shade_only(objects: Sequence[bpy.types.Object]) -> None:
    """Make objects throw shadows without being seen or mirrored: window bars, leaves outside the picture."""
    for obj in objects:
        obj.visible_camera = obj.visible_diffuse = obj.visible_glossy = obj.visible_transmission = False


def towards(light: Light, point: kit.Point3, far: float) -> kit.Point3:
    """The place `far` units from a point towards the key light: what hangs there throws its shadow on the point."""
    x, y, z = (p + far * d for p, d in zip(point, light.to_light, strict=True))
    return (x, y, z)


@contextmanager
def casting(light: Light, distance: float) -> Iterator[None]:
    """What is made inside moves towards the key light and is seen no more: its shadow falls where it was made."""
    before = set(bpy.data.objects)
    yield
    made = [obj for obj in bpy.data.objects if obj not in before]
    for obj in made:
        obj.location = Vector(obj.location) + Vector(light.to_light) * distance
    shade_only(made)


def cast(objects: Sequence[bpy.types.Object], light: Light, far: float, *, wall: bool = False) -> None:
    """Move things drawn on the floor (or wall) towards the light: their shadow falls where they were drawn."""
    shade_only(objects)
    x, y, z = light.to_light
    scale = far / (-y if wall else z)
    kit.gather(objects, (x * scale, y * scale, z * scale))


def lattice_shadow(
    light: Light,
    spot: kit.Point3,
    bar: float,
    *,
    bars: Sequence[float] = (-4.5, -1.5, 1.5, 4.5),
    rails: Sequence[float] = (-4.5, -1.5, 1.5, 4.5),
    far: float = 4.0,
) -> None:
    """Bars outside the picture that cut the key light around a spot on the floor into panes."""
    dark = mt.principled("bars", "#808080")
    center = Vector(towards(light, spot, far))
    toward = Vector(light.to_light)
    across = toward.cross(Vector((0, 0, 1))).normalized()
    up = across.cross(toward).normalized()
    turn = Matrix((across, toward, up)).transposed().to_euler()
    made = []
    for size, way, offsets in (((bar, 0.1, 24), across, bars), ((24, 0.1, bar), up, rails)):
        for offset in offsets:
            piece = kit.box("bar", size, dark, bevel=0)
            piece.data.transform(Matrix.Translation((0, 0, -size[2] / 2)))
            piece.rotation_euler = turn
            piece.location = center + way * offset
            made.append(piece)
    shade_only(made)


def window_shadow(
    light: Light,
    *,
    panes: tuple[int, int],
    pane: tuple[float, float],
    bar: float,
    at: tuple[float, float],
    turn: float = 0.0,
    far: float = 6.0,
    wall: bool = False,
    shear: float = 0.0,
    surround: bool = True,
) -> None:
    """Let the key light in through a window only: light panes on the floor (or wall) around `at`, shade elsewhere.

    Without `surround` only the bars between the panes throw shadows, as in a window wider than the picture.
    """
    block = mt.principled("outside", "#000000")
    columns, rows = panes
    width, height = columns * pane[0] + (columns - 1) * bar, rows * pane[1] + (rows - 1) * bar
    big = 60.0
    slabs = [(-(width + big) / 2, 0, big, 3 * big), ((width + big) / 2, 0, big, 3 * big)]
    slabs += [(0, -(height + big) / 2, width, big), (0, (height + big) / 2, width, big)]
    if not surround:
        slabs = []
    slabs += [((i + 1) * (pane[0] + bar) - bar / 2 - width / 2, 0, bar, height) for i in range(columns - 1)]
    slabs += [(0, (i + 1) * (pane[1] + bar) - bar / 2 - height / 2, width, bar) for i in range(rows - 1)]
    angle = math.radians(turn)
    objects = []
    for cx, cy, w, h in slabs:
        corners = [(cx + sx * w / 2, cy + sy * h / 2) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        corners = [(x + shear * y, y) for x, y in corners]
        flat = [
            (at[0] + x * math.cos(angle) - y * math.sin(angle), at[1] + x * math.sin(angle) + y * math.cos(angle))
            for x, y in corners
        ]
        verts = [(x, 0, y) if wall else (x, y, 0) for x, y in flat]
        objects.append(kit.mesh_object("bar", verts, [(0, 1, 2, 3)], block))
    cast(objects, light, far, wall=wall)


def leaf_shadow(
    light: Light,
    twigs: Sequence[tuple[float, float, float, float]],
    *,
    leaf: float = 1.2,
    slim: float = 0.45,
    far: float = 8.0,
    seed: int = 3,
    wall: bool = False,
    every: float = 0.5,
) -> None:
    """Shadows of leafy twigs, each given by x, y, direction in degrees and length."""
    block = mt.principled("leaves outside", "#000000")
    for index, (x, y, turn, length) in enumerate(twigs):
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        objects = []
        for outline in _twig_outline(length, leaf, slim, seed + index, every):
            flat = [(x + px * c - py * s, y + px * s + py * c) for px, py in outline]
            verts = [(px, 0, py) if wall else (px, py, 0) for px, py in flat]
            objects.append(kit.mesh_object("leaf", verts, [tuple(range(len(verts)))], block))
        # Every twig hangs at another distance: its edges are more or less soft.
        cast(objects, light, far * (1 + 0.35 * index), wall=wall)


def _twig_outline(length: float, leaf: float, slim: float, seed: int, every: float) -> list[list[tuple[float, float]]]:
    """A twig from the origin along +x as flat outlines: the stem, then leaves on both sides."""
    rng = np.random.default_rng(seed)
    along, bend = np.linspace(0, 1, 30), 0.3
    curve = bend * length * (along**2) * np.sign(rng.uniform(-1, 1))
    stem = np.stack([along * length, curve], axis=1)
    thick = 0.02 * leaf + 0.05 * leaf * (1 - along)
    outlines = [
        [*np.column_stack([stem[:, 0], stem[:, 1] + thick]), *np.column_stack([stem[:, 0], stem[:, 1] - thick])[::-1]]
    ]
    for index, share in enumerate(np.arange(0.08, 1.0, every * leaf / length)):
        x, y = share * length, float(np.interp(share, along, curve))
        slope = math.atan2(2 * bend * share * np.sign(curve[-1] or 1), 1)
        side = 1 if index % 2 else -1
        size = leaf * rng.uniform(0.75, 1.15) * (1.05 - 0.35 * share)
        angle = slope + side * math.radians(rng.uniform(32, 68))
        outlines.append(_leaf_outline(x, y, size, slim * rng.uniform(0.55, 1.1), angle))
    outlines.append(_leaf_outline(length, float(curve[-1]), leaf * 0.8, slim, slope))
    return outlines


def _leaf_outline(x: float, y: float, size: float, slim: float, angle: float) -> list[tuple[float, float]]:
    """The outline of a plain leaf that starts at a point."""
    t = np.linspace(0, 1, 14)
    half = slim * size * np.sin(math.pi * t**0.85) ** 0.9 * 0.5
    points = [*np.column_stack([t * size, half]), *np.column_stack([t * size, -half])[::-1]]
    c, s = math.cos(angle), math.sin(angle)
    return [(x + px * c - py * s, y + px * s + py * c) for px, py in points]
