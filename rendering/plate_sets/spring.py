"""Plates: spring. Blossoms, tulips, pots, curtains."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import kit
import materials as mt
import numpy as np
from mathutils import Matrix
from plate_spec import Light, Plate

from plate_sets import shading as sh
from plate_sets.backdrops import backdrop, light_discs, sweep
from plate_sets.leaves import branch, canopy, in_leaf, leaf_shape
from plate_sets.lights import even_world
from plate_sets.shadows import casting
from plate_sets.shapes import Shape, poses, rounded_drum, scatter, shift_texture
from plate_sets.surfaces import card, leafy, limestone

# ---- shapes that are scattered


def join_shapes(shapes: Sequence[Shape]) -> Shape:
    """Several shapes as one."""
    offsets = np.cumsum([0, *(len(verts) for verts, _ in shapes[:-1])])
    faces = [quads + offset for (_, quads), offset in zip(shapes, offsets, strict=True)]
    return np.vstack([verts for verts, _ in shapes]), np.vstack(faces)


def moved(shape: Shape, matrix: np.ndarray) -> Shape:
    """A shape moved by a 4x4 matrix."""
    verts, faces = shape
    return verts @ matrix[:3, :3].T + matrix[:3, 3], faces


def _turn(axis: str, degrees: float) -> np.ndarray:
    return np.array(Matrix.Rotation(math.radians(degrees), 4, axis))


def blossom_shape(radius: float = 0.17, cup: float = 28) -> Shape:
    """Five rounded petals around +z, raised by `cup` degrees."""
    petal = leaf_shape(radius, 0.98 * radius, rows=4, cols=4, fold=0.18, droop=0.12, blunt=1.35)
    return join_shapes([moved(petal, _turn("Z", 72 * k + 5 * (k % 2)) @ _turn("X", cup)) for k in range(5)])


def stamens_shape(length: float) -> Shape:
    """Thin threads with knobs, as a star of slender quads around +z."""
    count = 9
    thread = leaf_shape(length, 0.022, rows=2, cols=2, fold=0, droop=-0.1, blunt=1.6)
    return join_shapes(
        [moved(thread, _turn("Z", 360 / count * k) @ _turn("X", 48 + 24 * (k % 2))) for k in range(count)]
    )


# ---- materials


def pale_wood(name: str, dark: str, middle: str, light: str) -> bpy.types.Material:
    """Brushed, limewashed wood with the grain along x."""
    material = mt.wood(name, dark, middle, light, stretch=(0.22, 3.2, 3.2), roughness=0.55)
    sh.speckle(material, dark, 6, (0.55, 0.75), amount=0.6, sink=0.005, stretch=(0.07, 8, 8), detail=4)
    sh.speckle(material, light, 5, (0.5, 0.75), amount=0.6, stretch=(0.25, 3, 3), detail=6)
    sh.speckle(material, dark, 13, (0.54, 0.66), amount=0.5, sink=0.003, stretch=(0.09, 6, 6), detail=5)
    sh.speckle(material, "#9c8d7c", 16, (0.66, 0.74), amount=0.55, sink=0.006, stretch=(0.12, 3, 3), detail=4)
    return mt.add_bump(material, 9, 0.4, stretch=(0.2, 9, 9), detail=5, depth=0.008)


# ---- things


def _boards(material: bpy.types.Material, front: float, back: float, *, width: float, seed: int) -> None:
    """A table of boards along x, their tops at z = 0, the last one's edge at y = `back`."""
    rng = np.random.default_rng(seed)
    y = back
    while y > front:
        wide = width * rng.uniform(0.9, 1.1)
        low = 0.006 * rng.uniform(0, 1)
        board = kit.box("board", (60, wide - 0.025, 0.35), material, at=(0, y - wide / 2, -0.35 - low), bevel=0.025)
        shift_texture(board, rng.uniform(-30, 30, 3))
        y -= wide


def in_bloom(
    spots: np.ndarray,
    outward: np.ndarray,
    petals: bpy.types.Material,
    heart: bpy.types.Material,
    seed: int,
    *,
    each: float = 2.0,
    radius: float = 0.18,
) -> list[bpy.types.Object]:
    """Blossoms in small clusters around the spots of a branch."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, len(spots), int(each * len(spots)))
    way = outward[which] + rng.normal(0, 0.7, (len(which), 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    at = spots[which] + way * rng.uniform(0.4, 1.1, (len(which), 1)) * radius
    matrices = poses(at, way, rng, (0.7, 1.15), axis=2)
    open_ones = rng.random(len(at)) < 0.72
    return [
        scatter("blossoms", blossom_shape(radius, 24), matrices[open_ones], petals),
        scatter("buds", blossom_shape(radius * 0.75, 66), matrices[~open_ones], petals),
        scatter("stamens", stamens_shape(radius * 0.5), matrices[open_ones], heart),
    ]


def sheer(
    name: str,
    x: tuple[float, float],
    y: float,
    z: tuple[float, float],
    material: bpy.types.Material,
    seed: int,
) -> bpy.types.Object:
    """A hanging curtain with uneven folds."""
    depth, pitch = 0.2, 0.5
    u, v = np.meshgrid(np.linspace(*x, int((x[1] - x[0]) * 26)), np.linspace(*z, 24))
    wander = kit.value_noise(u * 0.55 + 9, v * 0.12 + 3, seed) * 1.5
    phase = 2 * math.pi * u / pitch + wander * 2.2
    fold = depth * (0.62 + 0.38 * kit.value_noise(u * 0.7, v * 0.1, seed + 1)) * np.sin(phase)
    fold += 0.25 * depth * np.sin(2.3 * phase + 1.1) + 0.1 * depth * kit.value_noise(u * 3, v * 0.6, seed + 2)
    verts = np.stack([u, y + fold, v], axis=-1).reshape(-1, 3)
    return kit.mesh_object(name, verts.tolist(), kit.grid_faces(*u.shape).tolist(), material, 180)


def voile(name: str, color: str) -> bpy.types.Material:
    """Thin cloth: partly seen through, mostly lit from behind."""
    material = leafy(name, [color, color], through=0.6, roughness=0.9)
    cloth = material.node_tree.nodes["Material Output"].inputs["Surface"].links[0].from_socket
    gaps = sh.node(material, "BsdfTransparent", {}).outputs[0]
    sh.set_surface(material, sh.node(material, "MixShader", {0: 0.16, 1: cloth, 2: gaps}).outputs[0])
    return material


def tulip(
    foot: kit.Point3, head: kit.Point3, size: float, petals: bpy.types.Material, green: bpy.types.Material, seed: int
) -> list[bpy.types.Object]:
    """A tulip with a bent stem and a closed cup."""
    rng = np.random.default_rng(seed)
    bend = [(f + h) / 2 + rng.normal(0, 0.12) for f, h in zip(foot, head, strict=True)]
    path = kit.smooth_path([foot, bend, head], 10)
    stem = kit.tube("stem", path, 0.055 * size, green, resolution=3)
    t, u = np.meshgrid(np.linspace(0, 1, 13), np.linspace(-1, 1, 9), indexing="ij")
    parts = []
    for k in range(6):
        inner = k % 2
        radius = size * (0.36 - 0.03 * inner) * np.sin(math.pi * (0.08 + 0.74 * t)) ** 0.75 * (1 - 0.1 * u**2)
        span = math.radians(52) * np.sin(math.pi * np.clip(t, 0.06, 0.97) ** 0.75) ** 0.6
        angle = math.radians(60 * k) + u * span + rng.normal(0, 0.06)
        height = size * (1.0 + 0.06 * inner + rng.normal(0, 0.02)) * t - 0.06 * size * u**2 * t
        verts = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1).reshape(-1, 3)
        parts.append((verts, kit.grid_faces(13, 9)))
    tangent = path[-1] - path[-3]
    cup = scatter("tulip", join_shapes(parts), poses(path[-1:], tangent[None], rng, (1, 1), axis=2), petals)
    return [stem, cup]


# ---- spring-blossom

PINKS = ("#fdf0ee", "#fff8f5", "#fbe3e2", "#fffcf9")
BARK = ("#4d3a30", "#6d5547")


def blossom_branch(
    points: Sequence[kit.Point3],
    seed: int,
    *,
    radius: float = 0.07,
    each: float = 2.4,
    bloom: float = 0.2,
    twigs: int = 9,
) -> None:
    """A cherry branch in bloom, with a few young leaves."""
    bark = mt.add_tint(mt.principled("bark", BARK[0], roughness=0.7), [(0.35, BARK[0]), (0.65, BARK[1])], 6)
    petals = leafy("petals", PINKS, through=0.5, roughness=0.7)
    heart = leafy("stamens", ("#e3b95c", "#dc9a9a"), through=0.3)
    young = leafy("young-leaf", ("#8fae57", "#b0b762", "#a7855a"), through=0.5)
    spots, outward = branch("branch", points, radius, bark, seed, twigs=twigs, twig_length=1.3, lift=0.15)
    in_bloom(spots, outward, petals, heart, seed + 1, each=each, radius=bloom)
    in_leaf(spots, outward, young, seed + 2, each=0.25, length=0.38, ratio=0.4)


BLOSSOM_LIGHT = Light(azimuth=-74, elevation=44, size=5, kelvin=5350)


def spring_blossom() -> None:
    wood = pale_wood("limewash", "#cfc5b7", "#e6dfd4", "#f1ece4")
    _boards(wood, -9, 4.3, width=1.55, seed=4)
    kit.box("apron", (60, 0.25, 0.9), wood, at=(0, 4.0, -1.3), bevel=0.02)
    backdrop(90, [(0.0, "#d3dcc0"), (0.4, "#e4e9d8"), (0.75, "#f4f1ea"), (1.0, "#f8f3ef")], -14, 5, 1.0, blotch=0.2)
    rng = np.random.default_rng(3)
    far = leafy("far-green", ("#c3d19c", "#d5deb4", "#b4c690"), through=0.55)
    canopy((-16, 52, -7), (9, 5, 6), 1800, 1.5, far, 5)
    canopy((15, 60, -9), (12, 5, 7), 2200, 1.6, far, 6)
    blossom_branch([(5.6, 9, 2.6), (3.0, 9.6, 2.2), (0.8, 10.5, 2.35), (-1.8, 11, 1.9)], 11, bloom=0.26)
    blossom_branch([(-6, 14, 1.2), (-3.6, 13, 2.0), (-1.6, 13, 2.1), (0.6, 14, 2.7)], 17, bloom=0.26, each=2.8)
    blossom_branch([(7.5, 17, -0.6), (4.6, 16, 0.6), (2.6, 16, 0.7)], 19, bloom=0.26, each=2.8)
    blossom_branch(
        [(3.3, 2.0, 3.0), (2.5, 2.3, 2.5), (1.75, 2.5, 2.45), (1.15, 2.6, 2.6)],
        24,
        radius=0.05,
        bloom=0.19,
        each=1.9,
        twigs=7,
    )
    _fallen_petals(rng)
    _twig_shadow(BLOSSOM_LIGHT)
    even_world("#f7f5f2", 0.58)


def _fallen_petals(rng: np.random.Generator) -> None:
    """A few petals on the table, at the picture's borders."""
    at = np.array(
        [
            (1.62, 0.9),
            (1.9, 1.5),
            (1.35, 2.1),
            (1.75, 0.1),
            (-1.9, 1.7),
            (-1.55, 2.5),
            (2.15, 2.2),
            (-1.45, -0.95),
            (0.9, 3.1),
        ]
    )
    at = np.hstack([at + rng.normal(0, 0.08, at.shape), np.full((len(at), 1), 0.03)])
    flat = np.hstack([rng.normal(size=(len(at), 2)), rng.normal(0, 0.08, (len(at), 1))])
    matrices = poses(at, flat, rng, (0.8, 1.1))
    matrices[:, :3, 0] = np.cross(matrices[:, :3, 1], [0, 0, 1])
    matrices[:, :3, 2] = np.array([0, 0, 1]) * np.linalg.norm(matrices[:, :3, 1], axis=1, keepdims=True)
    petal = leaf_shape(0.2, 0.18, rows=6, cols=6, fold=0.35, droop=-0.1, blunt=1.3)
    scatter("fallen", petal, matrices, leafy("fallen", PINKS, through=0.4))


def _twig_shadow(light: Light) -> None:
    """Soft shadows of a branch over the table's left and back."""
    with casting(light, 3.5):
        blossom_branch([(-3.4, 2.8, 0), (-1.8, 2.4, 0.1), (-0.6, 2.5, 0), (1.0, 3.0, 0.1)], 31, each=1.5, bloom=0.22)
        blossom_branch([(-3.2, -0.6, 0), (-2.2, -0.2, 0), (-1.6, 0.3, 0.1)], 37, each=1.3, bloom=0.22, twigs=5)


def blossom_foreground() -> None:
    """A twig in bloom close to the camera, in the upper left corner."""
    blossom_branch(
        [(-1.6, -5.2, 3.05), (-1.0, -5.2, 2.75), (-0.72, -5.2, 2.45), (-0.6, -5.2, 2.2)],
        43,
        radius=0.025,
        each=1.6,
        bloom=0.11,
        twigs=6,
    )
    even_world("#f4f5f2", 0.6)


# ---- spring-garden

GREENS = ("#5f8a3c", "#86a84e", "#a8c063", "#739a48", "#c3cf7c")
GARDEN_LIGHT = Light(azimuth=104, elevation=42, size=3.5, kelvin=5250)


def spring_garden() -> None:
    stone = limestone("garden-stone", "#c3bbae", "#dad4ca", "#e9e5de", roughness=0.7)
    kit.box("slab", (40, 16, 0.7), stone, at=(0, 3.7 - 8, -0.7), bevel=0.09, segments=5)
    backdrop(140, [(0.0, "#7f9c56"), (0.45, "#a9bd74"), (0.75, "#d5dfae"), (1.0, "#eff2dc")], -16, 24, 0.85, blotch=0.3)
    _lawn()
    near, far = leafy("bush", GREENS, through=0.5), leafy("hedge", ("#6f9148", "#93ad5c", "#b4c678"), through=0.5)
    canopy((-9.5, 26, -2.5), (5.5, 4, 5.2), 2600, 0.75, near, 2)
    canopy((12, 32, -3), (6.5, 4, 4.6), 2400, 0.8, near, 3)
    canopy((1.5, 62, -5), (14, 5, 5.2), 2600, 1.3, far, 4)
    canopy((-18, 70, -2), (14, 5, 10), 2400, 1.4, far, 7)
    canopy((20, 74, 2), (13, 5, 12), 2400, 1.4, far, 8)
    rng = np.random.default_rng(12)
    gleams = np.stack([rng.uniform(-12, 12, 30), rng.uniform(40, 58, 30), rng.uniform(-1.5, 4.4, 30)], axis=-1)
    light_discs(gleams, 0.42, "#f1f2c6", 0.85, 5)
    _white_flowers()
    _herb_pot((-2.18, 2.35, 0))
    _dapple(GARDEN_LIGHT)
    even_world("#f3f6ee", 0.52)


def _lawn() -> None:
    """Grass far below the table, only ever seen as a blur."""
    grass = mt.principled("lawn", "#8aa854", roughness=0.9)
    mt.add_tint(grass, [(0.3, "#7c9c48"), (0.5, "#9ab562"), (0.7, "#bccb7c")], 0.16, detail=4)
    kit.mesh_object(
        "lawn", [(-200, 8, -7.5), (200, 8, -7.5), (200, 200, -7.5), (-200, 200, -7.5)], [(0, 1, 2, 3)], grass
    )


def _white_flowers() -> None:
    """Daisies in the border: pale dots in the blur."""
    rng = np.random.default_rng(21)
    at = np.stack([rng.uniform(3, 13, 60), rng.uniform(20, 30, 60), rng.uniform(-4.5, -1.0, 60)], axis=-1)
    at[:24, 0] -= 16
    scatter(
        "daisies",
        blossom_shape(0.3, 15),
        poses(at, rng.normal(0, 0.5, at.shape) + np.array([0, -1, 0.5]), rng, axis=2),
        leafy("daisy", ("#fbf7ea", "#f6e9e6"), through=0.3),
    )


def clay_pot(at: kit.Point3, radius: float, tall: float) -> None:
    """A hand-thrown clay pot with a collar and earth."""
    clay = mt.principled("clay", "#c48a68", roughness=0.85)
    mt.add_tint(clay, [(0.3, "#b77a58"), (0.5, "#c48a68"), (0.72, "#dcb79c")], 2.2, detail=7)
    sh.speckle(clay, "#efe3d6", 3.0, (0.55, 0.75), amount=0.45, detail=8)
    mt.add_bump(clay, 24, 0.3, stretch=(1, 1, 5), detail=4, depth=0.01)
    r = radius
    outline = [
        (0, 0),
        (0.66 * r, 0),
        (0.7 * r, 0.04 * r),
        (0.92 * r, 0.74 * tall),
        (1.02 * r, 0.75 * tall),
        (1.04 * r, 0.78 * tall),
        (1.06 * r, 0.97 * tall),
        (1.02 * r, tall),
        (0.94 * r, tall),
        (0.9 * r, 0.9 * tall),
        (0, 0.88 * tall),
    ]
    kit.add_bevel(kit.place(kit.lathe("pot", outline, clay, segments=96), at), 0.02, 3)
    earth = mt.add_bump(mt.principled("earth", "#4a3a2e", roughness=1.0), 12, 1.0, depth=0.08)
    kit.place(
        kit.lathe("earth", [(0, 0), (0.9 * r, 0), (0.3 * r, 0.06 * r), (0, 0.07 * r)], earth),
        (at[0], at[1], at[2] + 0.88 * tall),
    )


def _herb_pot(at: kit.Point3) -> None:
    """Basil-like herb in a pot, cropped by the left edge."""
    clay_pot(at, 0.62, 1.0)
    herb = leafy("herb", ("#86ad52", "#a1c368", "#769d48", "#b7cf7d"), through=0.45, roughness=0.4)
    canopy((at[0], at[1], at[2] + 1.5), (0.72, 0.72, 0.62), 520, 0.3, herb, 15)


def _dapple(light: Light) -> None:
    """Leaf shadows that fall over the table from a tree at the right."""
    twigs = (
        [(4.0, 3.2, 0), (2.6, 2.5, 0.2), (1.2, 2.3, 0), (-0.3, 2.7, 0.1)],
        [(4.0, -0.5, 0), (2.8, -0.4, 0.2), (1.9, 0.2, 0)],
        [(3.6, 1.6, 0), (2.5, 1.4, 0.1), (1.7, 1.6, 0)],
    )
    with casting(light, 4):
        bark, leaves = mt.principled("shade-bark", BARK[0]), leafy("shade", GREENS)
        for index, points in enumerate(twigs):
            spots, outward = branch("shade", points, 0.05, bark, 50 + index, twigs=8, twig_length=1.0, lift=0)
            in_leaf(spots, outward, leaves, 60 + index, each=1.5, length=0.5, ratio=0.5)


# ---- spring-pastel

PASTEL_LIGHT = Light(azimuth=-46, elevation=38, size=9, kelvin=5450)


def spring_pastel() -> None:
    mint, deep = card("mint", "#d0e1d7"), card("deep-mint", "#c6d9ce")
    blush, pale = card("blush", "#f3d6cf"), card("pale", "#f6eee6")
    sweep(mint, start=5.2, radius=2.5)
    _arch("arch", 3.1, 3.3, 0.16, blush, (-1.05, 4.3, 0))
    _arch("arch-small", 1.7, 1.7, 0.16, pale, (-2.35, 3.2, 0))
    _disc("disc", 1.25, 0.12, pale, (1.75, 4.75, 1.9))
    kit.place(rounded_drum("drum", 1.0, 0.55, blush), (2.35, 2.35, 0))
    kit.place(rounded_drum("drum-top", 0.62, 0.9, deep), (2.75, 3.3, 0))
    kit.ball("ball", 0.42, (1.95, 2.2, 0.55 + 0.42), pale)
    _half_moon(deep, (-2.35, 1.35, 0))
    _twig_on_paper(PASTEL_LIGHT)
    even_world("#f6f3f1", 0.5)


def _arch(
    name: str, width: float, tall: float, thick: float, material: bpy.types.Material, at: kit.Point3
) -> bpy.types.Object:
    """A panel with a round head; `tall` counts to the top."""
    r = width / 2
    turn = [(r * math.cos(a), tall - r + r * math.sin(a)) for a in np.linspace(0, math.pi, 49)]
    outline = [(r, 0.0), *turn, (-r, 0.0)]
    rings = [[(x, y, z) for x, z in outline] for y in (-thick / 2, thick / 2)]
    obj = kit.loft(name, rings, material, sharp_angle=40)
    kit.add_bevel(obj, 0.02, 3)
    return kit.place(obj, at)


def _disc(name: str, radius: float, thick: float, material: bpy.types.Material, at: kit.Point3) -> None:
    kit.place(rounded_drum(name, radius, thick, material), at, (90, 0, 0))


def _half_moon(material: bpy.types.Material, at: kit.Point3) -> None:
    """Half a drum, cut side up, cropped by the left edge."""
    r = 0.75
    outline = [(r * math.cos(a), r + r * math.sin(a)) for a in np.linspace(math.pi, 2 * math.pi, 41)]
    rings = [[(x, y, z) for x, z in outline] for y in (-0.35, 0.35)]
    obj = kit.loft("half-moon", rings, material, sharp_angle=40)
    kit.add_bevel(obj, 0.03, 4)
    kit.place(obj, at, (0, 0, 14))


def _twig_on_paper(light: Light) -> None:
    """A faint leaf shadow over the back wall."""
    points = [(-4.5, 4.5, 3.7), (-2.6, 4.2, 3.3), (-1.2, 4.2, 2.75)]
    with casting(light, 2.2):
        bark, leaves = mt.principled("shade-bark", BARK[0]), leafy("shade", GREENS)
        spots, outward = branch("shade", points, 0.05, bark, 71, twigs=8, twig_length=1.0, lift=0)
        in_leaf(spots, outward, leaves, 72, each=0.4, length=1.15, ratio=0.4)


# ---- spring-window

WINDOW_LIGHT = Light(azimuth=-106, elevation=40, size=5, kelvin=5350)


def spring_window() -> None:
    paint = mt.principled("paint", "#ebe9e4", roughness=0.42, specular=0.4)
    mt.add_roughness(paint, 0.34, 0.55, 2.5)
    mt.add_tint(paint, [(0.3, "#e3e0d9"), (0.5, "#ebe9e4"), (0.7, "#f1efeb")], 2.2, stretch=(0.15, 3, 3), detail=9)
    mt.add_bump(paint, 5, 0.5, stretch=(0.1, 7, 7), detail=6, depth=0.02)
    mt.add_bump(paint, 1.2, 0.3, detail=2, depth=0.02)
    sh.speckle(paint, "#cdc8bd", 18, (0.64, 0.72), amount=0.5, sink=0.005, detail=4)
    sh.speckle(paint, "#d2cdc3", 5, (0.66, 0.7), amount=0.5, sink=0.004, stretch=(0.2, 6, 1), detail=5)
    kit.box("sill", (40, 12.2, 0.5), paint, at=(0, 3.2 - 6.1, -0.5), bevel=0.05)
    _casement(paint)
    cloth = voile("voile", "#f7f5ef")
    mt.add_weave(cloth, 30, 0.2)
    left = sheer("curtain-left", (-7, -0.35), 2.75, (0.03, 9), cloth, 3)
    right = sheer("curtain-right", (2.1, 7), 2.85, (0.03, 9), cloth, 8)
    # The key light comes through the cloth; with its own shadow the sill would be dark.
    left.visible_shadow = right.visible_shadow = False
    backdrop(80, [(0.0, "#a9bf83"), (0.35, "#c9d7ab"), (0.65, "#e8eddc"), (1.0, "#f3f5f1")], -14, 10, 1.05, blotch=0.35)
    canopy((14, 40, -1), (7, 4, 6), 1200, 1.0, leafy("outside", ("#9ab86e", "#b9cd8c"), through=0.5), 31)
    _tulips((1.8, 1.85, 0))
    _bars(WINDOW_LIGHT)
    even_world("#f2f5fa", 0.38)


def _casement(paint: bpy.types.Material) -> None:
    """The window behind the sill: bottom rail, stiles and a glazing bar."""
    parts = [
        ((40, 0.45, 0.34), (0, 3.55, 0)),
        ((0.34, 0.4, 14), (1.05, 3.55, 0.3)),
        ((0.16, 0.25, 14), (-2.6, 3.6, 0.3)),
        ((0.16, 0.25, 14), (4.4, 3.6, 0.3)),
    ]
    for size, at in parts:
        frame = kit.box("frame", size, paint, at=at, bevel=0.04)
        frame.visible_shadow = False


def _bars(light: Light) -> None:
    """Soft shadows of stiles and glazing bars over the sill."""
    paint = mt.principled("bar", "#ffffff")
    with casting(light, 2.0):
        for x in (-3.9, -1.5, 1.1, 3.6):
            kit.box("bar", (0.34, 0.02, 30), paint, at=(x, 2.6, -10), bevel=0)
        for z in (-1.15, 1.4):
            kit.box("bar", (40, 0.02, 0.3), paint, at=(0, 2.6, z), bevel=0)


def _tulips(at: kit.Point3) -> None:
    """Three tulips in a small white jug, cropped by the right edge."""
    glaze = mt.principled("glaze", "#efece6", roughness=0.22, coat=0.3)
    mt.add_bump(glaze, 3, 0.2, detail=2, depth=0.03)
    outline = kit.smooth_path([(0.3, 0), (0.42, 0.12), (0.48, 0.5), (0.38, 0.95), (0.26, 1.15), (0.3, 1.3)], 8).tolist()
    inside = [(r - 0.04, z) for r, z in outline[:4:-1]]
    kit.place(kit.lathe("vase", [(0, 0), *outline, *inside, (0, 0.3)], glaze, sharp_angle=60), at)
    petals = leafy("tulip", ("#f7dcd8", "#f9e5df", "#f4cfcc"), through=0.4, roughness=0.45)
    green = leafy("tulip-green", ("#86a862", "#9ab874"), through=0.35, roughness=0.45)
    x, y, z = at
    for index, head in enumerate(((-0.42, -0.1, 1.95), (0.15, 0.15, 2.3), (0.6, -0.2, 1.85))):
        tulip((x, y, z + 0.8), (x + head[0], y + head[1], z + head[2] - 0.2), 0.62, petals, green, 81 + index)
    rng = np.random.default_rng(90)
    blade = leaf_shape(1.5, 0.42, rows=12, cols=6, fold=0.7, droop=0.35, blunt=0.75)
    ways = np.array([(-0.5, -0.25, 1.0), (0.45, -0.4, 1.0), (0.1, 0.5, 1.2), (-0.2, 0.3, 1.4)])
    scatter("blades", blade, poses(np.tile([x, y, z + 1.0], (4, 1)), ways, rng, (0.7, 1.0)), green)


PLATES = [
    Plate(
        name="spring-blossom",
        title="Limewashed table under cherry blossom",
        season="spring",
        build=spring_blossom,
        light=BLOSSOM_LIGHT,
        foreground=blossom_foreground,
        mood=("fresh", "tender", "romantic", "airy"),
        setting="a limewashed pale wooden table under blooming cherry branches, soft fresh spring light, "
        "blurred pale garden behind",
        key=0.85,
        pitch=10,
        floor_end=4.3,
        height_cm=(4, 45),
        blur=0.05,
    ),
    Plate(
        name="spring-garden",
        title="Stone table in a fresh green garden",
        season="spring",
        build=spring_garden,
        light=GARDEN_LIGHT,
        mood=("fresh", "natural", "lively", "sunny"),
        setting="a pale stone garden table with dappled leaf shadows, a potted herb at the side, blurred fresh "
        "green garden with soft light discs behind",
        key=1.0,
        pitch=8,
        floor_end=3.6,
        height_cm=(5, 60),
        blur=0.06,
    ),
    Plate(
        name="spring-pastel",
        title="Mint and blush paper",
        season="spring",
        build=spring_pastel,
        light=PASTEL_LIGHT,
        mood=("playful", "soft", "modern", "clean"),
        setting="a paper set in mint and blush with an arch, a disc and a low drum, soft studio light from the left",
        key=0.78,
        pitch=11,
        focal=3.0,
        distance=10.7,
        floor_end=5.2,
        height_cm=(3, 40),
        blur=0.018,
    ),
    Plate(
        name="spring-window",
        title="White window sill with tulips",
        season="spring",
        build=spring_window,
        light=WINDOW_LIGHT,
        mood=("bright", "calm", "homely", "fresh"),
        setting="a white painted window sill before sheer curtains in soft morning light, pale pink tulips "
        "blurred at the side",
        key=1.0,
        pitch=11,
        floor_end=3.2,
        height_cm=(4, 40),
        gloss=0.08,
        roughness=0.42,
        blur=0.04,
    ),
]
