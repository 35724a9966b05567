"""Plates: summer. Palm and olive, citrus, sand, sea, pool."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import kit
import materials as mt
import numpy as np
from plate_spec import Light, Plate

from plate_sets import shading as sh
from plate_sets.backdrops import backdrop, light_discs, sweep
from plate_sets.leaves import branch, canopy, in_leaf, leaf_shape
from plate_sets.lights import even_world
from plate_sets.shadows import casting
from plate_sets.shapes import poses, rounded_drum, scatter, shift_texture
from plate_sets.surfaces import card, leafy, limestone

SHADE_GREENS = ("#5f7a45", "#6f8a50")

# ---- props


def palm_frond(
    points: Sequence[kit.Point3],
    leaf: float,
    material: bpy.types.Material,
    seed: int,
    *,
    across: kit.Point3 = (0, 1, 0),
) -> list[bpy.types.Object]:
    """A feather palm's frond: a bent rib through the points, leaflets on both sides; `across` is its face's normal."""
    rng = np.random.default_rng(seed)
    path = kit.smooth_path(points, 16)
    rib = kit.tube("rib", path, np.linspace(0.055, 0.012, len(path)), material, resolution=2)
    face = np.array(across, float)
    spots, ways, sizes = [], [], []
    for t in np.linspace(0.14, 0.995, 19):
        index = min(int(t * (len(path) - 1)), len(path) - 2)
        tangent = path[index + 1] - path[index]
        tangent /= np.linalg.norm(tangent)
        side = np.cross(tangent, face)
        side /= np.linalg.norm(side)
        lean = 0.55 + 1.2 * t**2
        for sign in (-1, 1):
            spots.append(path[index] + rng.normal(0, 0.02, 3))
            ways.append(sign * side + lean * tangent + rng.normal(0, 0.06, 3) + np.array([0, 0, -0.16]))
            sizes.append(math.sin(math.pi * (0.12 + 0.8 * t)) ** 0.7 * rng.uniform(0.88, 1.1))
    shape = leaf_shape(leaf, leaf * 0.115, rows=8, cols=2, fold=0.5, droop=0.12, blunt=0.75)
    matrices = poses(np.array(spots), np.array(ways), rng, (1, 1))
    matrices[:, :3, :3] *= np.array(sizes)[:, None, None]
    return [rib, scatter("leaflets", shape, matrices, material)]


def olive_twig(points: Sequence[kit.Point3], seed: int, *, twigs: int) -> None:
    """An olive branch: thin grey wood, narrow silver-green leaves."""
    bark = mt.principled("olive-bark", "#7d7263", roughness=0.8)
    green = leafy("olive-leaf", ("#7f8f66", "#96a37e", "#6f8158", "#b3bba0"), through=0.25, roughness=0.45)
    spots, outward = branch("olive", points, 0.04, bark, seed, twigs=twigs, twig_length=1.1, lift=0.1)
    in_leaf(spots, outward, green, seed + 1, each=1.6, length=0.5, ratio=0.2)


def half_citrus(radius: float, peel: str, flesh: Sequence[str], seed: int, *, parts: int = 10) -> bpy.types.Object:
    """Half an orange or lemon around the origin, its cut face to +z: peel, pith, and swollen segments in a ring."""
    rng = np.random.default_rng(seed)
    skin = mt.principled("peel", peel, roughness=0.42, subsurface=0.1)
    mt.add_bump(skin, 16 / radius, 0.45, detail=2, depth=0.02)
    a = np.linspace(-math.pi / 2, -0.03, 28)
    bowl = kit.lathe("half", [(radius * math.cos(x), radius * math.sin(x)) for x in a], skin, sharp_angle=70)
    pith = mt.add_bump(mt.principled("pith", "#f6ead2", roughness=0.7), 30, 0.3, depth=0.01)
    face = kit.lathe(
        "pith", [(0, -0.03), (0.985 * radius, -0.03), (0.975 * radius, 0.004), (0.93 * radius, 0.0), (0, -0.012)], pith
    )
    pulp = leafy("pulp", flesh, through=0.3, roughness=0.25)
    mt.add_bump(pulp, 9 / radius, 0.5, detail=3, depth=0.03)
    wedge = _segment(0.87 * radius, math.pi / parts * 0.93)
    turns = np.arange(parts) * 2 * math.pi / parts + rng.normal(0, 0.02, parts)
    matrices = np.zeros((parts, 4, 4))
    matrices[:, 0, 0] = matrices[:, 1, 1] = np.cos(turns)
    matrices[:, 0, 1], matrices[:, 1, 0] = -np.sin(turns), np.sin(turns)
    matrices[:, 2, 2] = matrices[:, 3, 3] = 1
    return kit.gather([bowl, face, scatter("segments", wedge, matrices, pulp)])


def _segment(radius: float, half: float) -> tuple[np.ndarray, np.ndarray]:
    """One segment's cut face as a cushion, its tip towards the middle, along +y."""
    t, u = np.meshgrid(np.linspace(0, 1, 17), np.linspace(-1, 1, 11), indexing="ij")
    r = radius * (0.1 + 0.9 * t)
    # Straight sides, rounded shoulders at the rim.
    wide = (
        np.tan(half) * r * np.sqrt(np.clip(1 - np.clip((t - 0.78) / 0.24, 0, 1) ** 2.4, 0, 1)) * (1 - 0.04 / (0.1 + t))
    )
    rim = radius * (1 - 0.5 * (u * math.sin(half)) ** 2)
    y = np.minimum(r, rim)
    z = 0.03 * radius * np.clip(1 - u**6, 0, 1) * np.clip(1 - (2 * t - 1) ** 8, 0, 1) - 0.004
    return np.stack([u * wide, y, z], axis=-1).reshape(-1, 3), kit.grid_faces(*t.shape)


def trowelled_plaster(name: str, dark: str, middle: str, light: str) -> bpy.types.Material:
    """Hand-trowelled lime plaster."""
    material = mt.principled(name, middle, roughness=0.9, specular=0.2)
    mt.add_tint(material, [(0.3, dark), (0.5, middle), (0.7, light)], 0.55, detail=8, distortion=0.8)
    mt.add_bump(material, 0.9, 0.4, stretch=(1, 1, 1.5), detail=4, depth=0.09)
    mt.add_bump(material, 7, 0.25, detail=5, depth=0.02)
    return mt.add_bump(material, 45, 0.2, detail=3, depth=0.006)


def jar(at: kit.Point3, size: float, material: bpy.types.Material) -> bpy.types.Object:
    """A round-bellied clay jar with a narrow neck."""
    outline = kit.smooth_path(
        [(0.34, 0), (0.62, 0.22), (0.78, 0.72), (0.6, 1.22), (0.3, 1.45), (0.27, 1.62), (0.36, 1.74)], 8
    )
    inside = [(r - 0.06, z) for r, z in outline[:14:-1]]
    points = [(0, 0), *map(tuple, outline), *inside, (0, 0.6)]
    return kit.place(kit.lathe("jar", [(r * size, z * size) for r, z in points], material, sharp_angle=60), at)


# ---- summer-terrace

TERRACE_LIGHT = Light(azimuth=-44, elevation=37, size=1.8, kelvin=5150)


def summer_terrace() -> None:
    stone = limestone("travertine", "#d6cab6", "#e3d9c9", "#ede6da", roughness=0.6)
    sh.speckle(stone, "#c2b196", 3.2, (0.62, 0.7), amount=0.5, sink=0.012, stretch=(0.5, 3.5, 3), detail=7)
    kit.box("slab", (50, 14.4, 0.5), stone, at=(0, 4.2 - 7.2, -0.5), bevel=0.06)
    wall = trowelled_plaster("plaster", "#ebe2d4", "#f2ebe0", "#f8f3eb")
    kit.box("wall", (60, 1, 40), wall, at=(0, 5.6, -10), bevel=0)
    kit.box("ledge", (60, 1.6, 12), wall, at=(0, 5.0, -12.25), bevel=0.08)
    clay = trowelled_plaster("clay", "#c9b091", "#d9c4a7", "#e5d5bd")
    jar((2.12, 2.9, 0), 0.95, clay)
    olive_twig([(2.12, 2.9, 1.3), (1.95, 2.8, 2.2), (1.55, 2.7, 2.9), (1.1, 2.6, 3.5)], 5, twigs=9)
    olive_twig([(2.15, 2.9, 1.3), (2.5, 2.9, 2.3), (2.6, 2.9, 3.3)], 9, twigs=7)
    _terrace_shadows(TERRACE_LIGHT)
    even_world("#eef2fa", 0.42)


def _terrace_shadows(light: Light) -> None:
    """Palm and olive shadows over the wall's left and the floor's far left."""
    green = leafy("shade", SHADE_GREENS)
    with casting(light, 2.6):
        palm_frond([(-4.2, 5, 1.2), (-2.6, 5, 2.5), (-0.9, 5, 2.9), (0.5, 5, 2.3)], 1.7, green, 3)
        palm_frond([(-4.0, 5, 3.6), (-2.2, 5, 3.9), (-0.2, 5, 4.0), (1.6, 5, 3.3)], 1.6, green, 4)
        palm_frond([(-3.9, 4.6, -0.4), (-2.6, 4.6, 0.55), (-1.2, 4.6, 0.5), (-0.5, 4.6, 0.05)], 1.15, green, 6)
        palm_frond([(-3.6, -0.9, 0), (-2.4, -0.5, 0), (-1.5, 0.2, 0)], 0.8, green, 8, across=(0, 0, 1))


# ---- summer-beach

BEACH_LIGHT = Light(azimuth=80, elevation=36, size=2.5, kelvin=5200)


def summer_beach() -> None:
    _sand()
    backdrop(400, [(0.0, "#cfe6ef"), (0.28, "#c4e0ef"), (0.6, "#a6cfea"), (1.0, "#8bbfe3")], 0, 90, 0.98, blotch=0.12)
    _sea()
    _dune_grass()
    _shore_finds()
    even_world("#e9f2fb", 0.42)


def _ripples(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Height of the sand: level where products stand, rippled towards the borders."""
    away = np.clip((np.hypot(x / 2.0, (y - 0.1) / 1.6) - 0.8) / 0.6, 0, 1)
    away = away * away * (3 - 2 * away)
    bend = 0.55 * kit.value_noise(x * 0.45 + 3, y * 0.45 + 8, 2) + 0.12 * kit.value_noise(x * 1.7, y * 1.7, 3)
    phase = 2 * math.pi * (y + 0.22 * x + bend) / 0.52
    wave = 0.5 + 0.5 * np.sin(phase + 0.5 * np.sin(phase))
    strength = 0.65 + 0.35 * kit.value_noise(x * 0.5 + 20, y * 0.5, 5)
    swell = 0.16 * kit.value_noise(x * 0.32 + 5, y * 0.32, 7)
    fine = 0.006 * kit.value_noise(x * 5, y * 5, 9) + 0.004 * kit.value_noise(x * 11 + 3, y * 11, 10)
    return away * (0.13 * strength * (wave - 0.45) + swell - 0.02) + fine


def _sand() -> None:
    sand = mt.principled("sand", "#eee0c6", roughness=0.95, specular=0.15)
    mt.add_tint(sand, [(0.3, "#e4d0ae"), (0.5, "#eddec2"), (0.7, "#f5ebd8")], 0.7, detail=9)
    sh.speckle(sand, "#b79f7c", 75, (0.6, 0.7), amount=0.7, detail=1)
    sh.speckle(sand, "#fbf4e6", 62, (0.6, 0.7), amount=0.7, detail=1)
    sh.speckle(sand, "#8d7a5f", 48, (0.7, 0.76), amount=0.7, detail=1)
    mt.add_bump(sand, 14, 0.3, detail=4, depth=0.03)
    mt.add_bump(sand, 70, 0.7, detail=3, depth=0.012)
    kit.grid("sand", 15, 420, _ripples, sand)
    # Beyond the near field only a blur: the beach slopes gently to the water.
    x, y = np.meshgrid(np.linspace(-80, 80, 60), np.concatenate([np.linspace(6.5, 12, 12), np.linspace(13, 70, 40)]))
    z = -0.06 - 0.035 * (y - 6.5) + 0.12 * kit.value_noise(x * 0.25, y * 0.25, 4) * np.clip((y - 6.5) / 4, 0, 1)
    kit.mesh_object("beach", np.stack([x, y, z], -1).reshape(-1, 3), kit.grid_faces(*x.shape).tolist(), sand, 180)


def _sea() -> None:
    """Shallow turquoise that turns blue, with foam along the edge and glints; far enough to be a blur."""
    water = mt.principled("sea", "#5fb7bd", roughness=0.18)
    out = sh.span(water, sh.coordinate(water, "Y"), (40, 330))
    stops = [(0, "#bfe0d6"), (0.08, "#86cdca"), (0.35, "#4fa9bd"), (1, "#3f8fb5")]
    sh.set_input(water, "Base Color", sh.ramp(water, out, stops))
    mt.add_bump(water, 0.25, 0.5, stretch=(0.35, 1, 1), detail=4, depth=0.6)
    kit.mesh_object(
        "sea", [(-500, 36, -1.15), (500, 36, -1.15), (500, 399, -1.15), (-500, 399, -1.15)], [(0, 1, 2, 3)], water
    )
    foam = mt.principled("foam", "#ffffff", roughness=0.9)
    for y, wide in ((39.0, 1.7), (54.0, 1.6), (80.0, 2.2)):
        x = np.linspace(-60, 60, 90)
        line = y + 2.6 * kit.value_noise(x * 0.05 + y, x * 0, 6) + 0.8 * kit.value_noise(x * 0.22, x * 0 + y, 8)
        thick = wide * (0.75 + 0.6 * kit.value_noise(x * 0.1 + 2 * y, x * 0, 9))
        rings = [
            [(a, b - max(t, 0.05), -1.1) for a, b, t in zip(x, line, thick, strict=True)],
            [(a, b + max(t, 0.05), -1.1) for a, b, t in zip(x, line, thick, strict=True)],
        ]
        kit.loft("foam", rings, foam, caps=False, around=False, sharp_angle=180)


def _dune_grass() -> None:
    """Blades of beach grass at the left, blurred and cropped."""
    rng = np.random.default_rng(14)
    green = leafy("dune-grass", ("#bdbf8c", "#d6cfa2", "#a6b17c", "#e2d9b4"), through=0.45)
    for center, count, tall in (((-3.0, 4.6), 90, 2.2), ((-4.6, 8.5), 110, 2.4), ((5.3, 11.5), 110, 2.2)):
        foot = np.hstack([np.array(center) + rng.normal(0, 0.45, (count, 2)), np.full((count, 1), -0.1)])
        ways = np.hstack([rng.normal(0.12, 0.32, (count, 1)), rng.normal(0, 0.25, (count, 1)), np.ones((count, 1))])
        scatter(
            "grass",
            leaf_shape(tall, 0.07, rows=10, cols=2, fold=0.4, droop=0.3, blunt=0.6),
            poses(foot, ways, rng, (0.55, 1.1)),
            green,
        )


def _shore_finds() -> None:
    """A few washed pebbles and a cockle shell at the borders."""
    rng = np.random.default_rng(6)
    for x, y, size, color in (
        (-1.75, 1.75, 0.2, "#cfc6b8"),
        (-2.05, 2.1, 0.13, "#e9e2d6"),
        (1.98, 2.6, 0.16, "#b9aea2"),
        (-1.5, 2.9, 0.1, "#d8c0ac"),
    ):
        stone = mt.add_tint(
            mt.principled("pebble", color, roughness=0.6), [(0.3, color), (0.7, "#efe9df")], 4, detail=6
        )
        kit.ball(
            "pebble",
            (size * 1.2, size, size * 0.62),
            (x, y, 0.06 + 0.25 * size),
            stone,
            turn=(8, 5, rng.uniform(0, 180)),
        )
    cockle((1.82, 1.5, 0.1), 0.34, (12, -14, 35))


def cockle(at: kit.Point3, size: float, turn: kit.Point3) -> bpy.types.Object:
    """A ribbed cockle shell, hollow side down."""
    t, u = np.meshgrid(np.linspace(0.02, 1, 24), np.linspace(-1, 1, 97), indexing="ij")
    angle = u * math.radians(68) * (0.55 + 0.45 * t)
    rib = 1 + 0.022 * np.cos(u * 15 * math.pi) * t
    r = size * t * rib * (1 - 0.13 * u**4)
    x, y = r * np.sin(angle), r * np.cos(angle) - 0.45 * size
    z = (
        0.42
        * size
        * np.sin(math.pi * np.clip(t * 0.9 + 0.08, 0, 1)) ** 0.7
        * np.sqrt(np.clip(1 - 0.9 * u**2, 0, 1))
        * rib
    )
    shell = mt.principled("shell", "#ecdccb", roughness=0.45)
    mt.add_tint(shell, [(0.35, "#dcbfa6"), (0.55, "#f1e4d5"), (0.7, "#faf3ea")], 3.5, detail=5)
    obj = kit.mesh_object(
        "cockle", np.stack([x, y, z], -1).reshape(-1, 3), kit.grid_faces(*u.shape).tolist(), shell, 180
    )
    return kit.place(obj, at, turn)


# ---- summer-pool

POOL_LIGHT = Light(azimuth=-78, elevation=46, size=2, kelvin=5250)


def summer_pool() -> None:
    _coping()
    _pool()
    _pool_shadows(POOL_LIGHT)
    even_world("#eaf2f8", 0.42)


def _coping() -> None:
    """Two rows of large pale tiles with narrow joints; the back row has the pool's rounded edge."""
    stone = limestone("coping", "#d9d1c4", "#e5dfd4", "#eeeae2", roughness=0.5)
    grout = mt.add_bump(mt.principled("grout", "#bdb5a8", roughness=0.95), 30, 0.4, depth=0.01)
    rng = np.random.default_rng(2)
    for row, (front, back, shift) in enumerate(
        ((2.0, 3.7, 0.55), (-1.5, 2.0, -0.9), (-5.0, -1.5, 0.55), (-9.0, -5.0, -0.9))
    ):
        for k in range(-4, 5):
            x, deep = shift + 3.5 * k, back - front - 0.05
            tile = kit.box(
                "tile",
                (3.45, deep, 0.3),
                stone,
                at=(x, (front + back) / 2, -0.3 - 0.006 * rng.random()),
                bevel=0.05 if row == 0 else 0.025,
                segments=5,
            )
            shift_texture(tile, rng.uniform(-20, 20, 3))
    kit.box("grout", (40, 12.6, 0.25), grout, at=(0, -2.65, -0.275), bevel=0)


def _pool() -> None:
    """Turquoise water below the edge with a web of light on it, and the white far edge with greenery."""
    water = mt.principled("water", "#4cc0c4", roughness=0.06)
    sh.set_input(water, "Base Color", _light_web(water, "#3fb3bd", "#74d6d3", "#e6fbf4"))
    mt.add_bump(water, 0.55, 0.35, stretch=(0.7, 1, 1), detail=3, depth=0.35)
    kit.mesh_object("water", [(-80, 2, -0.9), (80, 2, -0.9), (80, 46, -0.9), (-80, 46, -0.9)], [(0, 1, 2, 3)], water)
    edge = mt.principled("far-edge", "#ece8df", roughness=0.8)
    kit.box("far-edge", (200, 14, 1.6), edge, at=(0, 53, -1.2), bevel=0.2)
    kit.box(
        "far-wall",
        (200, 2, 16),
        trowelled_plaster("far-wall", "#ddd2c2", "#ebe3d6", "#f4efe6"),
        at=(0, 66, -1),
        bevel=0,
    )
    green = leafy("far-leaves", ("#7f9f5a", "#9cb574", "#6a8d4e"), through=0.4)
    canopy((-13, 60, 3.2), (6, 3, 3.4), 1400, 1.2, green, 3)
    canopy((14, 61, 2.6), (8, 3, 2.8), 1400, 1.2, green, 4)
    rng = np.random.default_rng(8)
    glints = np.stack([rng.uniform(-9, 9, 70), rng.uniform(9, 44, 70), np.full(70, -0.8)], axis=-1)
    light_discs(glints[:18], 0.1, "#fffdf4", 1.5, 6)


def _light_web(material: bpy.types.Material, deep: str, middle: str, bright: str) -> sh.Socket:
    """The net of light that waves draw on a pool's floor: the seams of bent cells."""
    space = sh.object_space(material, (0.6, 0.42, 1))
    drift = sh.node(material, "TexNoise", {"Vector": space, "Scale": 0.9, "Detail": 2}).outputs["Color"]
    bent = sh.node(material, "MixRGB", {"Fac": 0.45, "Color1": space, "Color2": drift}).outputs[0]
    cells = sh.node(material, "TexVoronoi", {"Vector": bent, "Scale": 1.0}, feature="DISTANCE_TO_EDGE")
    return sh.ramp(material, cells.outputs["Distance"], [(0.0, bright), (0.06, middle), (0.3, deep)])


def _pool_shadows(light: Light) -> None:
    """A palm's shadow over the tiles' left and front."""
    green = leafy("shade", SHADE_GREENS)
    with casting(light, 2.8):
        palm_frond([(-3.8, 1.6, 0), (-2.2, 2.2, 0), (-0.8, 2.5, 0), (0.6, 2.4, 0)], 1.15, green, 13, across=(0, 0, 1))
        palm_frond([(-3.6, -1.6, 0), (-2.4, -0.9, 0), (-1.3, -0.7, 0)], 1.0, green, 14, across=(0, 0, 1))


# ---- summer-citrus

CITRUS_LIGHT = Light(azimuth=-46, elevation=37, size=1.5, kelvin=5150)


def summer_citrus() -> None:
    floor, panel = card("peach", "#f8e2cd"), card("butter", "#f8e9bd")
    cream = card("cream", "#f2e6d0")
    sweep(floor, start=4.6, radius=0.3)
    kit.box("panel", (3.4, 0.12, 9), panel, at=(2.0, 4.4, 0), bevel=0.015)
    kit.place(rounded_drum("drum", 0.95, 0.42, cream), (2.2, 2.5, 0))
    orange = ("#f2993a", "#f6a94a", "#ee8d2c")
    half = half_citrus(0.46, "#ef9430", orange, 3)
    kit.place(half, (1.98, 2.05, 0.42 + 0.4), (62, 0, -16))
    whole = mt.add_bump(mt.principled("orange", "#f0962f", roughness=0.42), 34, 0.4, detail=2, depth=0.02)
    kit.ball("orange", (0.5, 0.5, 0.47), (2.62, 2.75, 0.42 + 0.47), whole, turn=(10, 20, 0))
    lemon = half_citrus(0.34, "#f3cf4a", ("#f7e08a", "#f9e79c", "#f4d873"), 5, parts=9)
    kit.place(lemon, (-1.95, 1.9, 0.33), (80, 0, 38))
    _citrus_shadows(CITRUS_LIGHT)
    even_world("#fff6e8", 0.45)


def _citrus_shadows(light: Light) -> None:
    """A window's bars and a leafy branch, crisp, over wall and floor."""
    shade, green = mt.principled("bar", "#ffffff"), leafy("shade", SHADE_GREENS)
    points = [(4.6, 4.5, 2.9), (3.0, 4.5, 2.3), (1.2, 4.5, 1.9)]
    with casting(light, 3):
        for x in (-3.2, -1.05, 1.1):
            kit.box("bar", (0.2, 0.02, 26), shade, at=(x, 4.6, -10), bevel=0)
        for z in (-2.3, 0.55, 3.0):
            kit.box("bar", (40, 0.02, 0.2), shade, at=(0, 4.6, z), bevel=0)
        kit.box("jamb", (12, 0.02, 40), shade, at=(-9.6, 4.6, -12), bevel=0)
        spots, outward = branch("shade", points, 0.04, shade, 21, twigs=9, twig_length=1.0, lift=0)
        in_leaf(spots, outward, green, 22, each=1.1, length=0.75, ratio=0.42)


PLATES = [
    Plate(
        name="summer-terrace",
        title="Travertine before a sunny plaster wall",
        season="summer",
        build=summer_terrace,
        light=TERRACE_LIGHT,
        mood=("sunny", "mediterranean", "warm", "calm"),
        setting="a pale travertine slab before a warm white plaster wall in hard summer sun with palm leaf "
        "shadows, olive twigs in a clay jar at the side",
        key=0.93,
        pitch=9,
        floor_end=4.2,
        height_cm=(5, 60),
        blur=0.025,
    ),
    Plate(
        name="summer-beach",
        title="Fine sand by the sea",
        season="summer",
        build=summer_beach,
        light=BEACH_LIGHT,
        mood=("sunny", "airy", "holiday", "fresh"),
        setting="fine pale beach sand with soft ripples, a blurred turquoise sea and a bright summer sky behind",
        key=1.1,
        pitch=7,
        floor_end=36,
        height_cm=(4, 60),
        blur=0.055,
    ),
    Plate(
        name="summer-pool",
        title="Pool edge",
        season="summer",
        build=summer_pool,
        light=POOL_LIGHT,
        mood=("fresh", "sunny", "holiday", "cool"),
        setting="the pale stone edge of a swimming pool in hard sun with palm leaf shadows, blurred turquoise "
        "water with light reflexes behind",
        key=0.9,
        pitch=13,
        floor_end=3.7,
        height_cm=(4, 45),
        gloss=0.05,
        roughness=0.5,
        blur=0.045,
    ),
    Plate(
        name="summer-citrus",
        title="Sunny peach and butter paper with citrus",
        season="summer",
        build=summer_citrus,
        light=CITRUS_LIGHT,
        mood=("sunny", "playful", "juicy", "modern"),
        setting="a paper set in peach and butter yellow in hard crisp sunlight with window and leaf shadows, "
        "oranges and half a lemon blurred at the sides",
        key=0.85,
        pitch=12,
        focal=3.0,
        distance=10.7,
        floor_end=4.4,
        height_cm=(3, 40),
        blur=0.04,
    ),
]
