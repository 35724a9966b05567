"""Branches and what grows on them: single leaves, bushes, fallen leaves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import kit
import materials as mt
import numpy as np

from plate_sets import shading as sh
from plate_sets.shapes import Shape, painted_mesh, poses, scatter
from plate_sets.surfaces import vertex_paint

AUTUMN = (
    ("#d8a23c", "#b9762a"),
    ("#cf7a2c", "#a3481f"),
    ("#b3552a", "#7c3420"),
    ("#96643a", "#6b4527"),
    ("#c9a05a", "#94703c"),
    ("#8a3a2a", "#5e2a20"),
)
"""Inner and outer tone of dry leaves."""


def leaf_shape(
    length: float,
    width: float,
    *,
    rows: int = 6,
    cols: int = 4,
    fold: float = 0.25,
    droop: float = 0.25,
    blunt: float = 0.8,
) -> Shape:
    """A leaf or petal along +y, its face to +z. blunt below 1 is widest near the foot, above 1 near the tip."""
    t, u = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(-1, 1, cols + 1), indexing="ij")
    half = width / 2 * np.sin(math.pi * np.clip(t, 0.02, 0.985) ** blunt)
    z = fold * np.abs(u) * half - droop * length * t**2
    verts = np.stack([u * half, length * t, z], axis=-1).reshape(-1, 3)
    return verts, kit.grid_faces(rows + 1, cols + 1)


def branch(
    name: str,
    points: Sequence[kit.Point3],
    radius: float,
    material: bpy.types.Material,
    seed: int,
    *,
    twigs: int = 8,
    twig_length: float = 1.2,
    lift: float = 0.3,
) -> tuple[np.ndarray, np.ndarray]:
    """A crooked branch through the points with side twigs. Gives points and outward directions where leaves may sit."""
    rng = np.random.default_rng(seed)
    path = kit.smooth_path(points, 8)
    path[1:] += rng.normal(0, radius * 0.5, path[1:].shape)
    kit.tube(name, path, np.linspace(radius, radius * 0.35, len(path)), material, resolution=3)
    spots, outward = [path[len(path) // 4 :: 2]], [rng.normal(size=path[len(path) // 4 :: 2].shape)]
    for at in np.linspace(0.15, 0.98, twigs):
        index = min(int(at * (len(path) - 1)), len(path) - 2)
        tangent = path[index + 1] - path[index]
        tangent /= np.linalg.norm(tangent)
        way = tangent * 0.7 + rng.normal(0, 0.55, 3) + np.array([0, 0, lift])
        way /= np.linalg.norm(way)
        steps = np.linspace(0, 1, 7)[:, None] * twig_length * rng.uniform(0.45, 1.1)
        bend = rng.normal(0, 0.12, 3) * twig_length
        twig = path[index] + way * steps + bend * (steps / twig_length) ** 2
        kit.tube(name + "-twig", twig, np.linspace(radius * 0.42, radius * 0.16, 7), material, resolution=2)
        spots.append(twig[1:])
        outward.append(rng.normal(size=twig[1:].shape) + way * 0.5)
    return np.vstack(spots), np.vstack(outward)


def in_leaf(
    spots: np.ndarray,
    outward: np.ndarray,
    material: bpy.types.Material,
    seed: int,
    *,
    each: float = 2.0,
    length: float = 0.5,
    ratio: float = 0.45,
) -> bpy.types.Object:
    """Leaves around the spots of a branch."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, len(spots), int(each * len(spots)))
    way = outward[which] + rng.normal(0, 0.6, (len(which), 3)) + np.array([0, 0, -0.15])
    return scatter("leaves", leaf_shape(length, length * ratio), poses(spots[which], way, rng, (0.6, 1.2)), material)


def canopy(
    center: kit.Point3, radii: kit.Point3, count: int, leaf: float, material: bpy.types.Material, seed: int
) -> bpy.types.Object:
    """A bush or crown: leaves in an ellipsoid, denser near its skin, in clumps."""
    rng = np.random.default_rng(seed)
    clumps = rng.normal(size=(max(6, count // 40), 3))
    clumps *= (rng.uniform(0.55, 1, (len(clumps), 1)) ** 0.5) / np.linalg.norm(clumps, axis=1, keepdims=True)
    at = clumps[rng.integers(0, len(clumps), count)] + rng.normal(0, 0.13, (count, 3))
    way = at + rng.normal(0, 0.6, at.shape)
    points = np.array(center) + at * np.array(radii)
    return scatter(
        "canopy", leaf_shape(leaf, leaf * 0.55, rows=3, cols=2), poses(points, way, rng, (0.6, 1.3)), material
    )


def fallen_leaves(leaves: Sequence[tuple[str, float, float, float, float]], seed: int) -> None:
    """Fallen leaves, each given by kind, x, y, direction and size; tones and curl by chance."""
    rng = np.random.default_rng(seed)
    material = vertex_paint("dry leaf", translucent=0.12, roughness=0.55)
    mt.add_bump(material, 20, 0.25, detail=3, depth=0.01)
    for index, (kind, x, y, turn, size) in enumerate(leaves):
        tones = AUTUMN[int(rng.integers(len(AUTUMN)))]
        if kind == "maple":
            leaf = maple_leaf(size, tones, material, seed * 50 + index, curl=rng.uniform(0.35, 0.8))
        else:
            slim, lobes = (0.62, 0.42) if kind == "oak" else (0.52, 0.0)
            curl = rng.uniform(0.4, 1.0)
            leaf = plain_leaf(size, slim, tones, material, seed * 50 + index, curl=curl, lobes=lobes)
        kit.place(leaf, (x, y, 0.004), (rng.uniform(-4, 4), rng.uniform(-4, 4), turn))


def maple_leaf(
    size: float, tones: tuple[str, str], material: bpy.types.Material, seed: int, curl: float = 0.25
) -> bpy.types.Object:
    """A dry maple leaf lying on z = 0, its tip along +y, with its stalk; made of rings around the foot of the blade."""
    rng = np.random.default_rng(seed)
    theta = np.linspace(-math.pi * 0.985, math.pi * 0.985, 221)
    radius, off = _maple_radius(theta)
    # No leaf is symmetric: lobes on one side are longer.
    radius = radius * (1 + 0.12 * rng.uniform(-1, 1) * np.sin(theta) + 0.05 * np.sin(3 * theta + rng.uniform(0, 6)))
    steps = np.linspace(0.03, 1, 13)[:, None]
    r = steps * radius[None]
    x, y = r * np.sin(theta), r * np.cos(theta)
    wave = rng.uniform(0, 6, 3)
    z = curl * (0.30 * (x * math.cos(wave[0]) + (y - 0.35) * math.sin(wave[0])) ** 2)
    z += curl * 0.22 * r**1.6 * np.sin(2.0 * theta + wave[1]) + curl * 0.10 * r * np.sin(5 * theta + wave[2])
    z += 0.05 * curl * kit.value_noise(9 * x + 20, 9 * y + 20, seed)
    crease = np.exp(-((off[None] * np.maximum(r, 0.08) / 0.018) ** 2))
    z -= 0.008 * crease
    inner, outer = np.array(mt.hex_color(tones[0])), np.array(mt.hex_color(tones[1]))
    blotch = np.clip(0.45 * steps**2.5 + 0.35 * kit.value_noise(5 * x + 7, 5 * y + 7, seed + 1) + 0.2, 0, 1)
    color = inner * (1 - blotch[..., None]) + outer * blotch[..., None]
    side = 0.5 + 0.5 * np.cos(r * 26 - off[None] * 9 + 0 * theta)
    color = color * (1 - 0.10 * (side[..., None] > 0.93)) + 0.10 * crease[..., None] * inner
    spots = kit.value_noise(22 * x + 3, 22 * y + 3, seed + 2)[..., None] > 0.72
    color = np.where(spots, color * 0.6, color)
    count = len(theta)
    verts = np.stack([x, y, z], axis=-1).reshape(-1, 3) * size
    verts[:, 2] -= np.percentile(verts[:, 2], 4) - 0.004
    faces = kit.grid_faces(len(steps), count).tolist()
    leaf = painted_mesh("leaf", verts, faces, color.reshape(-1, 3), material)
    stalk_path = kit.smooth_path([(0, 0.02, 0.03), (0.02, -0.22, 0.05), (rng.uniform(-0.16, 0.16), -0.6, 0.02)], 8)
    stalk_path[:, 2] += verts[count // 2, 2] / size - 0.02
    stalk_mat = mt.principled("stalk", sh.mixed(tones[1], "#6b3a24", 0.5), roughness=0.6)
    stalk = kit.tube(
        "stalk", np.maximum(stalk_path * size, [-9, -9, 0.012]), [0.011 * size] * 16 + [0.02 * size], stalk_mat
    )
    return kit.gather([leaf, stalk])


def _maple_radius(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outline of a maple leaf around the foot of its blade, and the angle to the nearest main vein."""
    lobes = ((0, 1.0, 0.72), (0.84, 0.88, 0.66), (-0.84, 0.88, 0.66), (1.74, 0.56, 0.62), (-1.74, 0.56, 0.62))
    radius = 0.36 + 0.04 * np.cos(theta)
    nearest = np.full_like(theta, 9.0)
    for at, length, width in lobes:
        off = np.abs(theta - at)
        teeth = 0.055 * length * (1 - np.abs(((off / width) * 2.6) % 1.0 * 2 - 1)) * (off > 0.04)
        lobe = length * np.clip(1 - (off / width) ** 0.95, 0, 1) ** 0.8 + teeth
        radius = np.maximum(radius, np.where(off < width, lobe, 0))
        nearest = np.minimum(nearest, off)
    notch = np.clip((math.pi - np.abs(theta)) / 0.9, 0.25, 1)
    return radius * notch, nearest


def plain_leaf(
    size: float,
    slim: float,
    tones: tuple[str, str],
    material: bpy.types.Material,
    seed: int,
    *,
    curl: float = 0.3,
    veins: int = 8,
    lobes: float = 0.0,
    stalk: float = 0.18,
) -> bpy.types.Object:
    """A leaf with one midrib along +y from the origin (beech, cherry; with `lobes` oak), lying on z = 0."""
    rng = np.random.default_rng(seed)
    s, t = np.linspace(0, 1, 61)[:, None], np.linspace(-1, 1, 17)[None]
    half = 0.5 * slim * np.sin(math.pi * np.clip(s, 0, 1) ** 0.9) ** 0.85
    if lobes:
        half = half * (1 - lobes * (0.5 + 0.5 * np.cos(2 * math.pi * 4.2 * s + 0.6 * np.sign(t)))) * (0.55 + 0.6 * s)
    half = half * (1 + 0.012 * np.sin(2 * math.pi * veins * 2.2 * s))
    bend = rng.uniform(-0.16, 0.16)
    x = t * half + bend * s**2
    y = s + 0.10 * np.abs(t) * half - 0.02
    rib = np.abs(((s * veins - 0.9 * np.abs(t) * half / slim * veins * 0.5) % 1.0) - 0.5) * 2
    phase = rng.uniform(0, 6)
    z = curl * (0.5 * (t * half) ** 2 / slim * (1 + 0.4 * np.sin(5 * s + phase)) + 0.16 * np.sin(2.2 * s + phase) * s)
    z += curl * 0.05 * t * np.sin(7 * s + phase) + 0.004 * rib * np.abs(t)
    z += 0.06 * slim * np.abs(t) ** 0.7 * curl
    inner, outer = np.array(mt.hex_color(tones[0])), np.array(mt.hex_color(tones[1]))
    patch = np.clip(0.35 + 0.5 * kit.value_noise(4 * x + 9, 4 * y + 9, seed) + 0.3 * np.abs(t) ** 3, 0, 1)
    color = inner * (1 - patch[..., None]) + outer * patch[..., None]
    vein = np.maximum(rib > 0.9, np.abs(t) + 0 * s < 0.06)[..., None]
    color = np.where(vein, 0.75 * color + 0.35 * inner, color)
    spots = kit.value_noise(30 * x + 3, 30 * y + 3, seed + 2)[..., None] > 0.78
    color = np.where(spots, color * 0.7, color)
    verts = np.stack([x + 0 * s, y + 0 * t, z], axis=-1).reshape(-1, 3) * size
    verts[:, 2] -= np.percentile(verts[:, 2], 3) - 0.003
    leaf = painted_mesh("leaf", verts, kit.grid_faces(61, 17).tolist(), color.reshape(-1, 3), material)
    if stalk <= 0:
        return kit.gather([leaf])
    foot = verts[8, 2]
    path = kit.smooth_path(
        [(0, 0, foot), (0.01 * size, -0.5 * stalk * size, foot), (0.06 * size, -stalk * size, foot)], 6
    )
    return kit.gather([leaf, kit.tube("stalk", path, 0.011 * size, mt.principled("stalk", tones[1], roughness=0.6))])
