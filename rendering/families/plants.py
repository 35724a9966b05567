"""Families of plants: potted plants of several habits, bouquets, cacti, dry grasses, small trees, wreaths."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import kit
import materials as mt
import numpy as np
from plate_sets.leaves import leaf_shape
from plate_sets.shapes import Shape, painted_mesh, poses
from plate_sets.surfaces import vertex_paint

from families.family import (
    Family,
    between,
    chance,
    cloth,
    colour,
    finish,
    glass,
    hex_code,
    mixed,
    one_of,
    print_of,
    shaded,
)
from families.parts import Rng, ball, laid, ring, rod, strands, superellipse, turned, uneven, wires

_GREENS = ("#2f5d2a", "#4a7d33", "#6f9a4a", "#1f4030", "#7f9a7a", "#93a35a", "#5a6b3a", "#3f6f5a", "#a9b98f")
_DRY = ("#d9c39a", "#c9ab78", "#efe6d2", "#b08d5f", "#e7d3b5", "#8f7a5a", "#d8b7b0")
_PETALS = ("#f4f2ee", "#f0c8d0", "#d8466a", "#e8b23a", "#b3202c", "#8a5aa8", "#f2e6b8", "#e07a3a", "#5a6fb8", "#f7d9e3")


def greens(rng: Rng) -> list[str]:
    """Two or three tones of one plant's leaves; some plants are red, grey or variegated."""
    base = one_of(rng, _GREENS) if chance(rng, 0.85) else colour(rng)
    return [base, shaded(base, between(rng, 0.6, 0.85)), shaded(base, between(rng, 1.1, 1.5))]


def tinted(
    name: str, verts: np.ndarray, faces: np.ndarray, each: int, tones: Sequence[str], rng: Rng
) -> bpy.types.Object:
    """A mesh of equal pieces of `each` vertices, every piece in a tone of its own, paler towards its tip."""
    count = len(verts) // each
    table = np.array([mt.hex_color(code) for code in tones])
    share = rng.random((count, 1))
    base = table[rng.integers(0, len(table), count)] * (1 - 0.4 * share) + table[0] * 0.4 * share
    fade = np.linspace(0.8, 1.15, each)[None, :, None]
    colors = np.clip(base[:, None] * fade, 0, 1).reshape(-1, 3)
    paint = vertex_paint(name, translucent=between(rng, 0.05, 0.25), roughness=between(rng, 0.25, 0.7))
    return painted_mesh(name, verts, faces.tolist(), colors, paint, 180)


def leafy(name: str, shape: Shape, matrices: np.ndarray, tones: Sequence[str], rng: Rng) -> bpy.types.Object:
    """Many copies of a leaf, each in a tone of its own."""
    verts, faces = shape
    wide = np.hstack([verts, np.ones((len(verts), 1))])
    points = np.einsum("kij,nj->kni", matrices, wide)[..., :3]
    # Nothing grows through the table.
    points[..., 2] = np.maximum(points[..., 2], 0.005)
    all_faces = (faces[None] + (np.arange(len(matrices)) * len(verts))[:, None, None]).reshape(-1, faces.shape[1])
    return tinted(name, points.reshape(-1, 3), all_faces, len(verts), tones, rng)


def blades(
    rng: Rng,
    roots: np.ndarray,
    ways: np.ndarray,
    length: np.ndarray,
    width: float,
    droop: float,
    tones: Sequence[str],
    *,
    taper: float = 0.8,
    rows: int = 9,
) -> bpy.types.Object:
    """Long leaves from roots (n, 3) along ways (n, 3), bent down by `droop` at their tips."""
    count, t = len(roots), np.linspace(0, 1, rows)
    spine = roots[:, None] + ways[:, None] * (length[:, None] * t)[..., None]
    spine[..., 2] -= droop * length[:, None] * t**2.2
    flat = np.cross(ways, (0, 0, 1.0)) + rng.normal(0, 0.15, ways.shape)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    half = width / 2 * np.minimum(1, 0.55 + 2 * t) * np.sqrt(np.maximum(0.0, 1 - t ** (1 + 4 * taper)))
    half = half[None, :, None] * rng.uniform(0.7, 1.15, (count, 1, 1))
    lift = np.array((0, 0, 0.25))
    sides = [spine - flat[:, None] * half + lift * half, spine, spine + flat[:, None] * half + lift * half]
    verts = np.stack(sides, axis=2).reshape(-1, 3)
    verts[:, 2] = np.maximum(verts[:, 2], 0.005)
    faces = kit.grid_faces(rows, 3)
    all_faces = (faces[None] + (np.arange(count) * rows * 3)[:, None, None]).reshape(-1, 4)
    return tinted("blades", verts, all_faces, rows * 3, tones, rng)


def outward(rng: Rng, count: int, low: float, high: float) -> np.ndarray:
    """Directions (count, 3) all around, between two elevations in degrees."""
    a, e = rng.uniform(0, 2 * math.pi, count), np.radians(rng.uniform(low, high, count))
    return np.stack([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)], -1)


# ---- pots and vases


def pot(rng: Rng) -> tuple[float, float]:
    """A pot with earth, perhaps on a saucer or on legs; gives the height of the earth and its radius."""
    tall, foot, rim = between(rng, 0.35, 0.8), between(rng, 0.2, 0.36), between(rng, 0.32, 0.48)
    stuff, lift = finish(rng), 0.0
    if chance(rng, 0.15):
        lift = between(rng, 0.2, 0.6)
        legs = [[(0.42 * math.cos(a), 0.42 * math.sin(a), 0), (0.33 * math.cos(a), 0.33 * math.sin(a), lift + 0.25)] for a in np.linspace(0, 6.28, 5)[:-1]]  # fmt: skip
        wires("legs", legs, 0.03, finish(rng, kinds=("metal", "wood")))
    elif chance(rng, 0.3):
        turned("saucer", [(0, 0), (foot * 1.2, 0), (rim * 1.05, 0.07), (rim * 1.02, 0.08), (0, 0.03)], finish(rng))
    mid, power = between(rng, 0.32, 0.5), one_of(rng, (2.0, 2.0, 2.0, 6.0))
    rows = kit.smooth_path(
        [(foot, 0.0), (foot * 0.5 + mid * 0.5, tall * 0.3), (rim * 0.5 + mid * 0.5, tall * 0.7), (rim, tall)], 5
    )
    lip = [(rim, tall), (rim * 0.93, tall), (rim * 0.9, tall * 0.88), (0.01, tall * 0.88)]
    if chance(rng, 0.35):
        lip = [(rim * 1.08, tall), (rim * 1.08, tall + 0.1), *[(r, z + 0.1) for r, z in lip[1:]]]
    rings = [laid(superellipse(r, r, power, 48), z + lift) for r, z in [(0.01, 0.0), *rows.tolist(), *lip]]
    kit.loft("pot", rings, stuff)
    level = lift + tall * 0.88
    dirt = mt.add_bump(
        mt.principled("earth", one_of(rng, ("#2b2018", "#4a3a2c", "#d8d2c6", "#6b5b4a")), roughness=1.0), 14, 1.0
    )
    earth = turned("earth", [(0.01, level + 0.03), (rim * 0.5, level + 0.02), (rim * 0.91, level)], dirt)
    uneven(earth, rng, 0.012, 3)
    return level, rim * 0.8


def vase(rng: Rng) -> float:
    """A vase for cut flowers; gives the height of its mouth."""
    tall, neck, belly = between(rng, 0.6, 1.3), between(rng, 0.12, 0.28), between(rng, 0.25, 0.5)
    outer = [(0.01, 0), (belly * 0.7, 0), (belly, tall * 0.4), (neck * 1.1, tall * 0.85), (neck * 1.2, tall)]
    inner = [(neck * 1.08, tall), (neck, tall * 0.85), (belly * 0.8, tall * 0.4), (0.01, 0.08)]
    turned("vase", [*kit.smooth_path(outer, 6), *kit.smooth_path(inner, 4)], finish(rng))
    return tall


# ---- potted plants


def sword_plant(rng: Rng) -> None:
    """Snake plant, aloe, agave, grass: long leaves from the middle."""
    level, wide = pot(rng)
    count = int(rng.integers(7, 60))
    stiff = chance(rng, 0.5)
    ways = outward(rng, count, 62, 88) if stiff else outward(rng, count, 25, 85)
    roots = np.column_stack([rng.normal(0, wide * 0.22, (count, 2)), np.full(count, level)])
    length = rng.uniform(0.5, 1.0, count) * between(rng, 0.8, 1.8)
    width = between(rng, 0.1, 0.24) if count < 25 else between(rng, 0.03, 0.08)
    blades(
        rng, roots, ways, length, width, 0 if stiff else between(rng, 0.1, 0.9), greens(rng), taper=between(rng, 0.3, 1)
    )


def stalk_plant(rng: Rng) -> None:
    """Large leaves on stalks: rubber plant, pilea, fig, or split leaves."""
    level, wide = pot(rng)
    count, tall = int(rng.integers(7, 34)), between(rng, 0.6, 1.5)
    ways = outward(rng, count, 20, 88)
    size = rng.uniform(0.5, 1.0, count)[:, None]
    roots = np.column_stack([rng.normal(0, wide * 0.15, (count, 2)), np.full(count, level)])
    mid = roots + ways * tall * size * 0.55 + (0, 0, 0.08)
    tips = roots + ways * (1, 1, 0.85) * tall * size
    stem = mt.principled("stalk", one_of(rng, ("#5f7d3a", "#6a4a30", "#8a3a3a", "#7f9a5a")), roughness=0.6)
    wires(
        "stalks", [kit.smooth_path(p, 5) for p in zip(roots, mid, tips, strict=True)], between(rng, 0.012, 0.03), stem
    )
    leaf = between(rng, 0.25, 0.6)
    shape = leaf_shape(leaf, leaf * between(rng, 0.35, 0.95), rows=8, cols=6, fold=between(rng, 0, 0.4),
                       droop=between(rng, 0, 0.5), blunt=between(rng, 0.6, 1))  # fmt: skip
    flat = ways * (1, 1, 0.2) + rng.normal(0, 0.2, ways.shape) - (0, 0, between(rng, 0, 0.6))
    leafy("leaves", shape, _faced_up(tips, flat, rng), greens(rng), rng)


def _faced_up(points: np.ndarray, ways: np.ndarray, rng: Rng) -> np.ndarray:
    """Matrices (n, 4, 4) that lay a leaf along each way with its face upwards."""
    made = poses(points, ways, rng, (0.7, 1.15))
    y = ways / np.linalg.norm(ways, axis=1, keepdims=True)
    x = np.cross(y, (0, 0, 1.0) + rng.normal(0, 0.25, y.shape))
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-6)
    scale = np.linalg.norm(made[:, :3, 1], axis=1)[:, None]
    made[:, :3, 0], made[:, :3, 1], made[:, :3, 2] = x * scale, y * scale, np.cross(x, y) * scale
    return made


def bushy_plant(rng: Rng) -> None:
    """Many small leaves on thin twigs, upright or trailing over the pot; with or without flowers."""
    level, wide = pot(rng)
    count, trail = int(rng.integers(14, 46)), chance(rng, 0.35)
    ways = outward(rng, count, 10, 60) if trail else outward(rng, count, 30, 88)
    long = between(rng, 0.6, 1.4) * rng.uniform(0.5, 1.0, (count, 1))
    t = np.linspace(0, 1, 12)
    roots = np.column_stack([rng.normal(0, wide * 0.3, (count, 2)), np.full(count, level)])
    twigs = roots[:, None] + ways[:, None] * (long * t)[..., None]
    twigs[..., 2] -= (between(rng, 0.8, 2.2) if trail else between(rng, -0.1, 0.3)) * long * t**2
    twigs += np.cumsum(rng.normal(0, 0.012, twigs.shape), axis=1)
    twigs[..., 2] = np.maximum(twigs[..., 2], 0.02)
    wires("twigs", list(twigs), between(rng, 0.006, 0.014), mt.principled("twig", one_of(rng, ("#5f6d3a", "#6a4a30"))))
    leaf, each = between(rng, 0.08, 0.22), int(rng.integers(6, 16))
    spots = twigs[:, 3:].reshape(-1, 3)
    pick = rng.integers(0, len(spots), min(1400, count * each))
    sides = outward(rng, len(pick), -25, 70)
    shape = leaf_shape(leaf, leaf * between(rng, 0.25, 0.95), rows=4, cols=2, blunt=between(rng, 0.6, 1.2))
    leafy("leaves", shape, _faced_up(spots[pick], sides, rng), greens(rng), rng)
    if chance(rng, 0.4):
        ends = twigs[rng.random(count) < 0.8, -1]
        blossoms(rng, ends, outward(rng, len(ends), 20, 90), between(rng, 0.06, 0.14))


def fern(rng: Rng) -> None:
    """Fronds with many pinnae: fern or palm."""
    level, wide = pot(rng)
    count, palm = int(rng.integers(8, 24)), chance(rng, 0.4)
    length, droop = between(rng, 0.8, 1.5), between(rng, 0.3, 1.0)
    ways = outward(rng, count, 30, 82)
    pairs, spine_paths, at, side = int(rng.integers(14, 30)), [], [], []
    t = np.linspace(0, 1, pairs)
    for way in ways:
        size = length * between(rng, 0.6, 1.0)
        spine = np.array((0, 0, level)) + rng.normal(0, wide * 0.1, 3) * (1, 1, 0) + way * size * t[:, None]
        spine[:, 2] = np.maximum(spine[:, 2] - droop * size * t**2, 0.02)
        along_way = np.gradient(spine, axis=0)
        cross = np.cross(along_way, (0, 0, 1.0))
        cross /= np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-6)
        spine_paths.append(spine)
        for s in (-1, 1):
            at.append(spine[3:])
            side.append(
                s * cross[3:] + 0.6 * along_way[3:] / np.linalg.norm(along_way[3:], axis=1, keepdims=True) - (0, 0, 0.2)
            )
    wires("spines", spine_paths, 0.01, mt.principled("spine", one_of(rng, ("#5f6d3a", "#4a3a26"))))
    leaf = between(rng, 0.3, 0.5) if palm else between(rng, 0.14, 0.26)
    shape = leaf_shape(leaf, leaf * (0.14 if palm else between(rng, 0.22, 0.4)), rows=4, cols=2, blunt=0.7)
    matrices = _faced_up(np.vstack(at), np.vstack(side), rng)
    taper = np.tile(1.05 - 0.75 * t[3:], len(at))
    matrices[:, :3, :3] *= taper[:, None, None]
    leafy("pinnae", shape, matrices, greens(rng), rng)


def succulent(rng: Rng) -> None:
    """A rosette of thick leaves, or several, in a low pot."""
    level, wide = pot(rng)
    tones = greens(rng)
    for _ in range(one_of(rng, (1, 1, 3))):
        center = np.array((*rng.normal(0, wide * 0.3, 2), level + 0.05))
        count, size = int(rng.integers(26, 60)), between(rng, 0.25, 0.55)
        k = np.arange(count)
        a, e = k * 2.39996, np.radians(5 + 80 * (k / count) ** 1.2)
        ways = np.stack([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)], -1)
        shape = leaf_shape(size, size * between(rng, 0.3, 0.6), rows=6, cols=4, fold=0.5, droop=-0.25, blunt=1.25)
        matrices = _faced_up(np.tile(center, (count, 1)), ways, rng)
        matrices[:, :3, :3] *= (1.1 - 0.6 * k / count)[:, None, None]
        leafy("rosette", shape, matrices, tones, rng).modifiers.new("thick", "SOLIDIFY").thickness = size * 0.1


def cactus(rng: Rng) -> None:
    """One to five ribbed columns or balls, or flat pads, with spines."""
    level, wide = pot(rng)
    skin = mt.add_bump(mt.principled("skin", one_of(rng, _GREENS), roughness=0.6), 20, 0.2)
    needle = mt.principled("needle", one_of(rng, ("#f1ead6", "#d8c08a", "#7a4a2a", "#ffffff")), roughness=0.6)
    ribs, paths = int(rng.integers(8, 20)), []
    for i in range(int(rng.integers(1, 5))):
        fat, tall = between(rng, 0.14, 0.4) * (1 if i == 0 else 0.6), between(rng, 0.35, 1.5) * (1 if i == 0 else 0.6)
        x, y = rng.normal(0, wide * 0.45, 2) * (i > 0)
        rows = kit.smooth_path([(0.6, 0), (1, 0.3), (1, 0.7), (0.6, 0.93), (0.05, 1)], 5)
        a = np.linspace(0, 2 * math.pi, ribs * 6, endpoint=False)
        wave = 1 + 0.13 * np.cos(ribs * a)
        rings = [
            np.stack(
                [
                    x + r * fat * wave * np.cos(a),
                    y + r * fat * wave * np.sin(a),
                    np.full(len(a), level - 0.05 + z * tall),
                ],
                -1,
            )
            for r, z in rows
        ]
        kit.loft("column", rings, skin, sharp_angle=120)
        for row in rings[2::2]:
            for point in row[::6]:
                out = point - (x, y, point[2])
                out = out / max(1e-6, np.linalg.norm(out)) + (0, 0, 0.15)
                paths += [[point, point + 0.09 * (out + rng.normal(0, 0.45, 3))] for _ in range(3)]
    wires("needles", paths, between(rng, 0.003, 0.007), needle, resolution=1)
    if chance(rng, 0.3):
        blossoms(rng, np.array([(0, 0, level + tall)]), np.array([(0, 0.0, 1.0)]), 0.2)


# ---- flowers


def blossoms(rng: Rng, at: np.ndarray, ways: np.ndarray, size: float) -> None:
    """Flowers at points, looking along ways: whorls of petals around a heart."""
    petals, rounds = int(rng.integers(5, 16)), int(rng.integers(1, 5))
    tone = one_of(rng, _PETALS) if chance(rng, 0.7) else colour(rng)
    tones = [tone, shaded(tone, 0.8), mixed(tone, "#ffffff", 0.3)]
    shape = leaf_shape(size, size * between(rng, 0.35, 0.9), rows=5, cols=4, fold=between(rng, -0.3, 0.5),
                       droop=between(rng, -0.5, 0.3), blunt=between(rng, 0.9, 1.6))  # fmt: skip
    matrices = []
    for point, way in zip(at, ways, strict=True):
        turn = np.array(kit.Vector((0, 0, 1)).rotation_difference(kit.Vector(way)).to_matrix())
        for round_ in range(rounds):
            k = np.arange(petals)
            a = 2 * math.pi * (k + 0.5 * round_) / petals
            e = np.radians(10 + 65 * round_ / rounds + rng.normal(0, 6, petals))
            local = np.stack([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)], -1)
            made = _faced_up(np.zeros((petals, 3)), local, rng) * (1 - 0.15 * round_)
            made[:, 3, 3] = 1
            made[:, :3, :3] = turn @ made[:, :3, :3]
            made[:, :3, 3] = point
            matrices.append(made)
    leafy("petals", shape, np.vstack(matrices), tones, rng)
    heart = mt.add_bump(
        mt.principled("heart", one_of(rng, ("#e2b23a", "#5a3a1e", "#8fa04a", tone)), roughness=0.9), 40, 1.0
    )
    for point in at if rounds < 4 else ():
        ball("heart", (size * 0.25, size * 0.25, size * 0.18), tuple(point), heart, rows=7)


def bouquet(rng: Rng) -> None:
    """Cut flowers with greenery: in a vase, in paper, or tied and standing."""
    kind = rng.random()
    foot = vase(rng) if kind < 0.5 else between(rng, 0.7, 1.0)
    flowers, reach = int(rng.integers(3, 22)), between(rng, 0.5, 1.1)
    ways = outward(rng, flowers, 35, 90)
    heads = np.array((0, 0, foot)) + ways * reach * rng.uniform(0.75, 1.1, (flowers, 1)) * (0.75, 0.75, 1)
    stem = mt.principled("stem", one_of(rng, ("#4a6d2f", "#7f9a4a", "#6a5a3a")), roughness=0.6)
    low = np.stack([-0.12 * ways[:, 0], -0.12 * ways[:, 1], np.full(flowers, 0.1 if kind < 0.5 else 0.02)], -1)
    necks = np.column_stack([0.06 * ways[:, :2], np.full(flowers, foot * 0.9)])
    wires("stems", [kit.smooth_path(p, 5) for p in zip(low, necks, heads, strict=True)], between(rng, 0.01, 0.02), stem)
    sorts = np.array_split(rng.permutation(flowers), min(flowers, int(rng.integers(1, 4))))
    for group in sorts:
        tilt = ways[group] + rng.normal(0, 0.2, (len(group), 3))
        tilt /= np.linalg.norm(tilt, axis=1, keepdims=True)
        blossoms(rng, heads[group], tilt, between(rng, 0.12, 0.32))
    _greenery(rng, foot, reach)
    if kind > 0.75:
        _paper_cone(rng, foot, reach)
    elif kind > 0.5:
        kit.ring_tube("band", 0.12, 0.04, foot * 0.9, cloth(rng))


def _greenery(rng: Rng, foot: float, reach: float) -> None:
    """Leaves and sprigs between the flowers."""
    count = int(rng.integers(0, 26))
    if not count:
        return
    ways = outward(rng, count, 10, 80)
    tips = np.array((0, 0, foot)) + ways * reach * between(rng, 0.7, 1.1)
    wires("sprigs", [[(0, 0, foot * 0.9), tip] for tip in tips], 0.008, mt.principled("sprig", "#5f7a4a"))
    leaf = between(rng, 0.1, 0.3)
    spots = np.vstack([np.array((0, 0, foot)) + (tips - (0, 0, foot)) * t for t in np.linspace(0.45, 1, 6)])
    shape = leaf_shape(leaf, leaf * between(rng, 0.2, 0.7), rows=4, cols=2)
    leafy("leaves", shape, _faced_up(spots, outward(rng, len(spots), -10, 70), rng), greens(rng), rng)


def _paper_cone(rng: Rng, foot: float, reach: float) -> None:
    """Wrapping paper around the stems, its border wavy."""
    stuff = (
        print_of(rng) if chance(rng, 0.3) else mt.add_bump(mt.principled("paper", colour(rng), roughness=0.8), 4, 0.5)
    )
    a = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    top = 1 + 0.12 * np.sign(np.sin(7 * a)) * np.abs(np.sin(7 * a)) ** 0.5
    rows = []
    for t in np.linspace(0, 1, 7):
        r = 0.1 + (0.05 + reach * 0.62) * t**1.3
        z = foot * 0.25 + t * (foot * 0.75 + reach * 0.35) * (1 + (top - 1) * t)
        rows.append(np.stack([r * np.cos(a), r * np.sin(a), z * np.ones(60)], -1))
    cone = kit.loft("paper", rows, stuff, caps=False, sharp_angle=60)
    uneven(cone, rng, 0.02, 1.2)
    kit.ring_tube("ribbon", 0.16, 0.04, foot * 0.5, cloth(rng))


def dry_grass(rng: Rng) -> None:
    """Pampas, wheat, lavender or grass: thin stems with plumes or ears, in a vase or tied."""
    foot = vase(rng) if chance(rng, 0.6) else between(rng, 0.4, 0.6)
    count, reach = int(rng.integers(7, 60)), between(rng, 0.9, 1.8)
    ways = outward(rng, count, 58, 89)
    t = np.linspace(0, 1, 10)
    spine = ways[:, None] * (reach * rng.uniform(0.7, 1.1, (count, 1)) * t)[..., None] + (0, 0, foot * 0.9)
    bend_ = outward(rng, count, -30, 0) * between(rng, 0.05, 0.35)
    spine += bend_[:, None] * (t**3)[None, :, None]
    tint = one_of(rng, _DRY) if chance(rng, 0.75) else one_of(rng, (*_GREENS, *_PETALS))
    stuff = mt.principled("straw", tint, roughness=0.9)
    stems = np.concatenate([np.column_stack([-0.1 * ways[:, :2], np.full(count, 0.05)])[:, None], spine], axis=1)
    wires("stems", list(stems), between(rng, 0.006, 0.014), stuff, resolution=1)
    _ears(rng, spine, stuff)
    if foot < 0.6:
        kit.ring_tube("band", 0.1, 0.03, foot * 0.8, cloth(rng))


def _ears(rng: Rng, spine: np.ndarray, stuff: bpy.types.Material) -> None:
    """Plumes of fine hair, bristly ears, or bunches of small grains along the upper part of stems."""
    count, kind = len(spine), rng.random()
    each = max(20, 5000 // count)
    which = np.repeat(np.arange(count), each)
    at = rng.uniform(0.55, 1.0, len(which))
    place = at * 9
    low = np.minimum(place.astype(int), 8)
    mix = (place - low)[:, None]
    root = spine[which, low] * (1 - mix) + spine[which, low + 1] * mix
    way = spine[which, low + 1] - spine[which, low]
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    fan = rng.normal(0, 1, way.shape) * between(rng, 0.3, 0.8)
    size = between(rng, 0.12, 0.35) * (1.3 - at)[:, None] * 1.6
    if kind < 0.65:
        u = np.linspace(0, 1, 5)[None, :, None]
        path = root[:, None] + (way + fan)[:, None] * size[:, None] * u
        path[..., 2] -= (between(rng, 0, 0.7) * size[:, None] * u**2)[..., 0]
        strands("plume", path, between(rng, 0.0025, 0.005), stuff)
        return
    keep = rng.random(len(which)) < min(1, 900 / len(which))
    grain = leaf_shape(0.09, 0.05, rows=3, cols=2)
    out = way[keep] + fan[keep]
    leafy(
        "grains",
        grain,
        poses(root[keep], out, rng),
        [hex_code(*rng.uniform(0.5, 0.9, 3) * (1, 0.85, 0.6)) for _ in range(3)],
        rng,
    )


# ---- trees and wreaths


def small_tree(rng: Rng) -> None:
    """A small tree in a pot: stem, branches, crown of leaves; olive, bonsai, ball tree or fir."""
    level, _ = pot(rng)
    bark = mt.add_bump(mt.principled("bark", one_of(rng, ("#6b5138", "#4a3828", "#9a8a74", "#2f2620"))), 12, 0.9)
    if chance(rng, 0.3):
        return _fir(rng, level, bark)
    tall, spread = between(rng, 0.7, 1.5), between(rng, 0.4, 0.8)
    trunk = kit.smooth_path(
        [(0, 0, level), (between(rng, -0.2, 0.2), between(rng, -0.2, 0.2), level + tall * 0.5), (0, 0, level + tall)], 8
    )
    kit.tube("trunk", trunk, np.linspace(0.07, 0.03, len(trunk)).tolist(), bark, resolution=3)
    count = int(rng.integers(9, 26))
    ways = outward(rng, count, -5, 80)
    starts = trunk[rng.integers(len(trunk) // 2, len(trunk), count)]
    tips = starts + ways * spread * rng.uniform(0.6, 1.0, (count, 1))
    wires(
        "branches",
        [kit.smooth_path([a, (a + b) / 2 + rng.normal(0, 0.05, 3), b], 4) for a, b in zip(starts, tips, strict=True)],
        0.015,
        bark,
    )
    many, leaf = int(rng.integers(300, 1300)), between(rng, 0.08, 0.2)
    pick = rng.integers(0, count, many)
    share = rng.uniform(0.3, 1.05, (many, 1))
    spots = starts[pick] * (1 - share) + tips[pick] * share + rng.normal(0, between(rng, 0.03, 0.14), (many, 3))
    shape = leaf_shape(leaf, leaf * between(rng, 0.25, 0.7), rows=3, cols=2)
    leafy("crown", shape, _faced_up(spots, outward(rng, many, -30, 60), rng), greens(rng), rng)
    if chance(rng, 0.3):
        fruit = mt.principled("fruit", one_of(rng, ("#e8902a", "#e2c32a", "#b3202c", "#3a2440")), roughness=0.4)
        for spot in spots[: int(rng.integers(4, 16))]:
            ball("fruit", between(rng, 0.05, 0.09), tuple(spot), fruit, rows=9)
    return None


def _fir(rng: Rng, level: float, bark: bpy.types.Material) -> None:
    """A cone of needle branches, perhaps with baubles."""
    tall, wide = between(rng, 1.2, 1.9), between(rng, 0.5, 0.8)
    rod("trunk", (0, 0, level), (0, 0, level + tall), (0.06, 0.015), bark)
    count = int(rng.integers(70, 130))
    t = np.sort(rng.uniform(0.08, 1, count))
    a = np.arange(count) * 2.4
    ways = np.stack([np.cos(a), np.sin(a), np.full(count, between(rng, -0.3, 0.25))], -1)
    starts = np.column_stack([np.zeros((count, 2)), level + t * tall])
    long = (wide * (1.05 - t) * rng.uniform(0.8, 1.1, count))[:, None]
    wires("branches", [[s, s + w * n] for s, w, n in zip(starts, ways, long, strict=True)], 0.012, bark)
    many = 7000
    pick, share = rng.integers(0, count, many), rng.uniform(0.1, 1.0, (many, 1))
    root = starts[pick] + ways[pick] * long[pick] * share
    way = ways[pick] * 0.7 + rng.normal(0, 0.5, (many, 3))
    needle = mt.principled("needle", one_of(rng, ("#2f5a34", "#1f4030", "#5a7a6a", "#e9ecea")), roughness=0.7)
    path = root[:, None] + way[:, None] * np.linspace(0, 1, 3)[None, :, None] * between(rng, 0.07, 0.14)
    strands("needles", path, between(rng, 0.004, 0.008), needle)
    if chance(rng, 0.5):
        for spot in root[:: many // int(rng.integers(10, 30))]:
            ball("bauble", 0.06, tuple(spot - (0, 0, 0.05)), finish(rng, kinds=("plastic", "metal")), rows=9)


def wreath(rng: Rng) -> None:
    """A ring of leaves, flowers, berries or twigs."""
    many, size, thick = int(rng.integers(160, 700)), 0.9, between(rng, 0.06, 0.2)
    a = rng.uniform(0, 2 * math.pi, many)
    if chance(rng, 0.25):
        a = rng.uniform(0.3, 2 * math.pi - between(rng, 1, 3.5), many)
    out = np.stack([np.cos(a), np.zeros(many), np.sin(a)], -1)
    spots = out * size + rng.normal(0, thick * 0.5, (many, 3))
    along_way = np.stack([-np.sin(a), np.zeros(many), np.cos(a)], -1)
    ways = (
        along_way * one_of(rng, (1, 1, 0.2)) + 0.7 * out * rng.normal(0, 1, (many, 1)) + rng.normal(0, 0.4, (many, 3))
    )
    leaf = between(rng, 0.14, 0.36)
    tones = greens(rng) if chance(rng, 0.7) else [one_of(rng, _DRY) for _ in range(3)]
    shape = leaf_shape(leaf, leaf * between(rng, 0.15, 0.6), rows=4, cols=2)
    up = (0, 0, size + thick + leaf)
    leafy("leaves", shape, poses(spots + up, ways, rng), tones, rng)
    twig = mt.principled("twig", one_of(rng, ("#6a4a30", "#3f3226", "#c9a24f")), roughness=0.7)
    hoops = [
        ring(size, 60, up, (0, 1, 0)) + np.cumsum(rng.normal(0, 0.012, (60, 3)), axis=0)
        for _ in range(int(rng.integers(1, 6)))
    ]
    wires("hoops", hoops, 0.016, twig)
    if chance(rng, 0.5):
        pick = rng.integers(0, many, int(rng.integers(3, 12)))
        blossoms(rng, spots[pick] + up - (0, thick, 0), np.tile((0, -1.0, 0.1), (len(pick), 1)), between(rng, 0.1, 0.2))
    if chance(rng, 0.4):
        berry = mt.principled("berry", one_of(rng, ("#b3202c", "#f1efe9", "#2a2440", "#c9a24f")), roughness=0.3)
        for spot in spots[: int(rng.integers(10, 40))]:
            ball("berry", 0.045, tuple(spot + up - (0, thick, 0)), berry, rows=7)


def stems_in_glass(rng: Rng) -> None:
    """Cut greenery in a clear glass."""
    tall, wide = between(rng, 0.7, 1.1), between(rng, 0.3, 0.5)
    profile = [(0.01, 0), (wide * 0.8, 0), (wide, tall * 0.4), (wide * between(rng, 0.4, 0.9), tall)]
    wall = kit.smooth_path(profile, 6)
    inner = [(max(0.01, r - 0.025), max(0.03, z)) for r, z in wall[::-1]]
    turned("glass", [*wall, *inner], glass(rng), segments=56)
    count, reach = int(rng.integers(4, 14)), between(rng, 0.6, 1.0)
    ways = outward(rng, count, 50, 88)
    tips = np.array((0, 0, tall)) + ways * reach
    stem = mt.principled("stem", one_of(rng, ("#4a6d2f", "#6a5a3a")), roughness=0.6)
    low = np.column_stack([-0.5 * wide * ways[:, :2], np.full(count, 0.08)])
    wires(
        "stems",
        [
            kit.smooth_path(p, 5)
            for p in zip(low, np.column_stack([0.1 * ways[:, :2], np.full(count, tall)]), tips, strict=True)
        ],
        0.012,
        stem,
    )
    leaf = between(rng, 0.12, 0.3)
    spots = np.vstack([np.array((0, 0, tall)) + (tips - (0, 0, tall)) * t for t in np.linspace(0.25, 1, 7)])
    shape = leaf_shape(leaf, leaf * between(rng, 0.2, 0.8), rows=4, cols=2)
    leafy("leaves", shape, _faced_up(spots, outward(rng, len(spots), -10, 70), rng), greens(rng), rng)


FAMILIES = [
    Family("sword-plant", sword_plant, (4, 28)),
    Family("stalk-plant", stalk_plant, (4, 28)),
    Family("bushy-plant", bushy_plant, (4, 28)),
    Family("fern", fern, (4, 30)),
    Family("succulent", succulent, (15, 50), weight=0.7),
    Family("cactus", cactus, (4, 28)),
    Family("bouquet", bouquet, (4, 28), weight=1.5),
    Family("dry-grass", dry_grass, (2, 20)),
    Family("small-tree", small_tree, (3, 22)),
    Family("wreath", wreath, (-4, 14), hang=True, front=True, weight=0.8),
    Family("stems-in-glass", stems_in_glass, (3, 22), glass=True, weight=0.8),
]
