"""Fir twigs and trees, pine cones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import bpy
import kit
import materials as mt
import numpy as np
from mathutils import Vector

from plate_sets import shading as sh
from plate_sets.shapes import copy_of, lump, stamp


def fir_materials(
    dark: str = "#2d4a33", light: str = "#5f7f52", frost: str | None = None, haze: float = 0.0
) -> tuple[bpy.types.Material, bpy.types.Material]:
    """Needles and bark; `frost` whitens what looks up, `haze` is the light of the air before what is far away."""
    needle = mt.principled("needle", dark, roughness=0.42, specular=0.4)
    mt.add_tint(needle, [(0.3, dark), (0.7, light)], 2.4, detail=5)
    bark = mt.principled("bark", "#6d5643", roughness=0.85)
    mt.add_tint(bark, [(0.3, "#54412f"), (0.7, "#6d5643")], 9)
    if frost:
        sh.add_top_coat(needle, frost, 0.35, 0.95, patch=2.5)
        sh.add_top_coat(bark, frost, 0.3, 0.9, patch=4)
    if haze:
        sh.set_glow(needle, light, haze)
    return needle, bark


def far_twigs(count: int, seed: int, needle: bpy.types.Material, bark: bpy.types.Material) -> list[bpy.types.Object]:
    """Coarse twigs for `fir_tree`, out of the scene."""
    options = {"density": 12.0, "needle_long": 0.34, "needle_wide": 0.1, "droop": 0.5}
    return [stamp(fir_twig("branch", 3.0, seed + i, needle, bark, **options)) for i in range(count)]


def fir_twig(
    name: str,
    length: float,
    seed: int,
    needle: bpy.types.Material,
    bark: bpy.types.Material,
    *,
    cover: bpy.types.Material | None = None,
    density: float = 110.0,
    needle_long: float = 0.23,
    needle_wide: float = 0.024,
    droop: float = 0.25,
    spread: float = 1.0,
) -> bpy.types.Object:
    """A fir twig along +x, its side shoots in the xy plane; `cover` is snow that lies on it."""
    rng = np.random.default_rng(seed)
    stem = _shoot_path(rng, Vector((0, 0, 0)), Vector((1, 0, 0.06)), length, droop)
    shoots = [(stem, 0.035 * length / 3)]
    at = 0.16
    while at < 0.9:
        for sign in (-1, 1):
            size = length * (0.12 + 0.36 * (1 - at)) * rng.uniform(0.75, 1.15) * spread
            root = stem[min(len(stem) - 2, round((at + rng.uniform(-0.03, 0.03)) * (len(stem) - 1)))]
            angle = math.radians(rng.uniform(38, 58)) * sign
            heading = Vector((math.cos(angle), math.sin(angle), rng.uniform(-0.12, 0.2)))
            side = _shoot_path(rng, root, heading, size, droop)
            shoots.append((side, 0.018))
            for part in (0.35, 0.6) if size > 0.75 else ():
                turn = math.radians(rng.uniform(30, 48)) * rng.choice((-1, 1))
                bud = Vector((math.cos(angle + turn), math.sin(angle + turn), rng.uniform(-0.1, 0.2)))
                start = side[round(part * (len(side) - 1))]
                shoots.append((_shoot_path(rng, start, bud, size * rng.uniform(0.3, 0.45), droop), 0.012))
        at += 0.36 / length * rng.uniform(0.9, 1.3) + 0.02
    parts = [(0, _needles(rng, path, density, needle_long, needle_wide)) for path, _ in shoots]
    parts += [(1, _stick(path, thick, 0.4 * thick)) for path, thick in shoots]
    if cover is not None:
        parts += [(2, _snow_load(rng, path)) for path, _ in shoots]
    return _joined(name, parts, [needle, bark] + ([cover] if cover else []))


def _shoot_path(rng: np.random.Generator, start: Vector, heading: Vector, length: float, droop: float) -> list[Vector]:
    """A slightly bent shoot that droops towards its tip."""
    steps = max(4, round(length / 0.09))
    bend = Vector(rng.uniform(-0.25, 0.25, 3))
    points, at = [start], start.copy()
    for i in range(steps):
        t = i / steps
        way = (heading + bend * t + Vector((0, 0, -droop * t * t))).normalized()
        at = at + way * (length / steps)
        points.append(at)
    return points


def _needles(
    rng: np.random.Generator, path: list[Vector], density: float, long: float, wide: float
) -> tuple[list[Vector], list[list[int]]]:
    """Flat-sided needles along a shoot: to both sides and upwards, leaning forward."""
    verts: list[Vector] = []
    faces: list[list[int]] = []
    for index, (a, b) in enumerate(itertools.pairwise(path)):
        along = (b - a).normalized()
        side = along.cross(Vector((0, 0, 1))).normalized()
        up = side.cross(along)
        t = index / (len(path) - 1)
        for _ in range(max(1, round(density * (b - a).length))):
            # Angle around the shoot: 0 straight up, mostly to the sides, none straight below.
            around = rng.choice((-1, 1)) * math.radians(rng.triangular(10, 78, 115))
            out = up * math.cos(around) + side * math.sin(around)
            lean = math.radians(rng.uniform(38, 62) - 22 * t)
            way = along * math.cos(lean) + out * math.sin(lean)
            size = long * rng.uniform(0.75, 1.05) * min(1, 0.45 + 2.2 * t) * min(1, 0.5 + 3 * (1 - t))
            root = a.lerp(b, rng.random())
            cross = way.cross(along).normalized()
            flat = cross.cross(way)
            first = len(verts)
            for at, width in ((0.0, 0.5), (0.55, 1.0), (0.93, 0.55)):
                center = root + way * (size * at) + up * (0.12 * size * at * at)
                w = wide * width / 2
                verts += [center + cross * w, center - cross * w, center + flat * (0.45 * w)]
            faces += [
                [first + r + i, first + r + (i + 1) % 3, first + r + 3 + (i + 1) % 3, first + r + 3 + i]
                for r in (0, 3)
                for i in range(3)
            ]
            faces.append([first + 6, first + 7, first + 8])
    return verts, faces


def _stick(path: list[Vector], thick: float, thin: float) -> tuple[list[Vector], list[list[int]]]:
    """A tapering five-sided stem along a path."""
    verts: list[Vector] = []
    for index, point in enumerate(path):
        ahead = (path[min(index + 1, len(path) - 1)] - path[max(index - 1, 0)]).normalized()
        side = ahead.cross(Vector((0, 0.13, 1))).normalized()
        up = side.cross(ahead)
        radius = thick + (thin - thick) * index / (len(path) - 1)
        angles = np.linspace(0, 2 * math.pi, 5, endpoint=False)
        verts += [point + (side * math.cos(a) + up * math.sin(a)) * radius for a in angles]
    faces = [
        [5 * r + i, 5 * r + (i + 1) % 5, 5 * r + 5 + (i + 1) % 5, 5 * r + 5 + i]
        for r in range(len(path) - 1)
        for i in range(5)
    ]
    return verts, faces


def _snow_load(rng: np.random.Generator, path: list[Vector]) -> tuple[list[Vector], list[list[int]]]:
    """Uneven rolls of snow lying on a shoot, with bare places between."""
    verts: list[Vector] = []
    faces: list[list[int]] = []
    start = int(rng.integers(0, 3))
    while start < len(path) - 3:
        stop = min(len(path) - 1, start + int(rng.integers(3, 9)))
        part = path[start : stop + 1]
        wide = rng.uniform(0.07, 0.12)
        first = len(verts)
        for index, point in enumerate(part):
            t = index / (len(part) - 1)
            radius = wide * (0.15 + math.sin(math.pi * t) ** 0.6) * rng.uniform(0.8, 1.2)
            ahead = (part[min(index + 1, len(part) - 1)] - part[max(index - 1, 0)]).normalized()
            side = ahead.cross(Vector((0, 0, 1))).normalized()
            for angle in np.linspace(0, 2 * math.pi, 8, endpoint=False):
                out = side * math.cos(angle) * 1.25 + Vector((0, 0, 1)) * (0.75 * math.sin(angle) + 0.45)
                verts.append(point + out * radius * rng.uniform(0.9, 1.1))
        faces += [
            [first + 8 * r + i, first + 8 * r + (i + 1) % 8, first + 8 * r + 8 + (i + 1) % 8, first + 8 * r + 8 + i]
            for r in range(len(part) - 1)
            for i in range(8)
        ]
        start = stop + int(rng.integers(1, 4))
    return verts, faces


def _joined(
    name: str,
    parts: Sequence[tuple[int, tuple[list[Vector], list[list[int]]]]],
    materials: Sequence[bpy.types.Material],
) -> bpy.types.Object:
    """One mesh of many pieces, each with the index of its material."""
    verts: list[Vector] = []
    faces: list[list[int]] = []
    slots: list[int] = []
    for slot, (points, polygons) in parts:
        faces += [[len(verts) + i for i in polygon] for polygon in polygons]
        verts += points
        slots += [slot] * len(polygons)
    obj = kit.mesh_object(name, verts, faces, None, sharp_angle=70)
    for material in materials:
        obj.data.materials.append(material)
    obj.data.polygons.foreach_set("material_index", slots)
    return obj


def fir_tree(twigs: Sequence[bpy.types.Object], at: kit.Point3, height: float, seed: int) -> list[bpy.types.Object]:
    """A fir for the blurred distance: whorls of twigs (each about 3 units long) around a trunk."""
    rng = np.random.default_rng(seed)
    out = []
    for branch in range(210):
        t = (branch + rng.uniform(-2, 2)) / 210
        reach = height * (0.04 + 0.26 * max(0.0, 1 - t) ** 0.9)
        z = at[2] + height * (0.03 + 0.94 * t)
        turn = (rng.uniform(-60, 60), 18 - 30 * t + rng.uniform(-9, 9), 137.5 * branch + rng.uniform(-20, 20))
        size = reach / 3 * rng.uniform(0.65, 1.2)
        out.append(copy_of(twigs[rng.integers(len(twigs))], (at[0], at[1], z), turn, size))
    out.append(copy_of(twigs[0], (at[0], at[1], at[2] + height * 0.93), (0, -86, 0), 0.1 * height / 3))
    return out


def pine_cone(size: float, seed: int) -> bpy.types.Object:
    """A cone standing on its stalk end: scales in a golden spiral around a core."""
    rng = np.random.default_rng(seed)
    brown = mt.principled("cone", "#7d5d43", roughness=0.7)
    mt.add_tint(brown, [(0.3, "#5d4330"), (0.7, "#9a7858")], 5)
    scale = lump("scale", (0.30, 0.19, 0.055), brown, seed, 0.2, rows=9)
    core = kit.ball("core", (0.3 * size, 0.3 * size, 0.5 * size), (0, 0, 0.55 * size), brown, rows=12)
    parts = [core]
    for i in range(88):
        t = (i + 0.5) / 88
        radius = size * (0.33 * math.sin(math.pi * min(1, 0.14 + 0.86 * t)) ** 0.75)
        angle = i * 137.5
        at = (radius * math.cos(math.radians(angle)), radius * math.sin(math.radians(angle)), size * (0.08 + 1.0 * t))
        lift = -8 - 62 * t + rng.uniform(-5, 5)
        parts.append(copy_of(scale, at, (0, lift, angle), size * (0.75 - 0.35 * t)))
    bpy.data.objects.remove(scale)
    return kit.gather(parts)
