"""Plates: autumn. Foliage, moss, dried grass, knitted wool."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import bpy
import kit
import materials as mt
import numpy as np
from plate_spec import Light, Plate

from plate_sets import shading as sh
from plate_sets.backdrops import arch_panel, sweep
from plate_sets.leaves import fallen_leaves
from plate_sets.lights import even_world
from plate_sets.shadows import leaf_shadow, window_shadow
from plate_sets.shapes import painted_mesh
from plate_sets.surfaces import art_paper, board_table, limewash, oiled_timber, vertex_paint

# ---- props


def foliage(
    count: int,
    low: kit.Point3,
    high: kit.Point3,
    size: tuple[float, float],
    tones: Sequence[str],
    seed: int,
    *,
    glow: float = 0.6,
) -> bpy.types.Object:
    """Leaves in a box of air, far behind and out of focus: six-cornered blades, thicker in clumps."""
    rng = np.random.default_rng(seed)
    at = rng.uniform(low, high, (4 * count, 3))
    dense = kit.value_noise(at[:, 0] * 0.42 + 11, at[:, 2] * 0.42 + 11, seed) + rng.uniform(-0.9, 0.9, len(at))
    at = at[np.argsort(-dense)[:count]]
    half = rng.uniform(*size, count)[:, None, None] / 2
    blade = np.array(
        [(-1, 0, 0), (-0.3, 0.45, 0.1), (0.4, 0.42, 0.1), (1, 0, -0.1), (0.4, -0.42, 0.1), (-0.3, -0.45, 0.1)]
    )
    q = rng.normal(size=(count, 3, 3))
    turn = np.linalg.qr(q)[0]
    verts = at[:, None] + np.einsum("nij,kj->nki", turn, blade) * half
    table = np.array([mt.hex_color(tone) for tone in tones])
    clump = (
        kit.value_noise(at[:, 0] * 0.3 + 5, at[:, 2] * 0.3 + 5, seed + 4) * 0.5 + 0.5 + rng.uniform(-0.3, 0.3, count)
    )
    picked = table[np.clip((clump * len(tones)).astype(int), 0, len(tones) - 1)] * rng.uniform(0.8, 1.2, (count, 1))
    faces = (np.arange(count)[:, None] * 6 + np.arange(6)[None]).tolist()
    material = vertex_paint("foliage", translucent=0.3, glow=glow, roughness=0.6)
    bush = painted_mesh("foliage", verts.reshape(-1, 3), faces, np.repeat(picked, 6, axis=0), material)
    # It must not light the set: the compositor knows no second light.
    bush.visible_diffuse = False
    return bush


def _distance(stops: sh.Stops, y: float, low: float, high: float, strength: float) -> None:
    """A far wall that shines by itself, its colour running from `low` to `high`: the distance, out of focus."""
    material = mt.principled("distance", "#000000", roughness=1.0)
    clouds = 0.25 * (high - low)
    space = sh.node(material, "TexCoord", {}).outputs["Object"]
    spots = sh.node(material, "TexNoise", {"Vector": space, "Scale": 0.22}).outputs["Fac"]
    uneven = sh.maths(material, "MULTIPLY_ADD", spots, clouds, sh.coordinate(material, "Z"))
    color = sh.ramp(material, sh.span(material, uneven, (low, high + clouds)), stops)
    sh.set_input(material, "Emission Color", color)
    mt.shader_of(material).inputs["Emission Strength"].default_value = strength
    corners = [(-90, y, -60), (90, y, -60), (90, y, 60), (-90, y, 60)]
    plane = kit.mesh_object("distance", corners, [(0, 1, 2, 3)], material)
    # It shines for the camera only: otherwise it would be a second light behind the products.
    plane.visible_diffuse = plane.visible_shadow = False


def knit_sheet(
    name: str,
    surface: Callable[[np.ndarray, np.ndarray], np.ndarray],
    stitches: tuple[int, int],
    material: bpy.types.Material,
) -> bpy.types.Object:
    """Stockinette knitting laid over a surface: `surface` maps u and v (0 to 1) to points."""
    samples, thick, seed = 11, 0.09, 3
    columns, rows = stitches
    u = np.linspace(0, 1, columns * samples + 1)[None] + np.zeros((rows * samples + 1, 1))
    v = np.linspace(0, 1, rows * samples + 1)[:, None] + np.zeros((1, columns * samples + 1))
    wobble = 0.10 * kit.value_noise(u * columns * 0.7, v * rows * 0.7, seed)
    relief = _stitch_relief(u * columns + wobble, v * rows + 1.3 * wobble)
    points = surface(u, v)
    du = np.gradient(points, axis=1)
    dv = np.gradient(points, axis=0)
    normal = np.cross(du, dv)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    points = points + normal * (thick * relief)[..., None]
    shade = 0.62 + 0.38 * np.clip(relief, 0, 1) + 0.05 * kit.value_noise(u * columns * 3, v * rows * 3, seed + 1)
    base = np.array(mt.shader_of(material)["wool"])
    faces = kit.grid_faces(*u.shape).tolist()
    return painted_mesh(name, points.reshape(-1, 3), faces, (base * shade[..., None]).reshape(-1, 3), material)


def _stitch_relief(column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Height of V-shaped stitches, 0 to 1: in each column two legs that lean towards each other."""
    best = np.zeros_like(column)
    c = column % 1.0 - 0.5
    for side in (-1, 1):
        for shift in (-1, 0, 1):
            r = row % 1.0 - 0.5 + shift
            x, lean = c - side * 0.25, side * 0.36
            across = x - lean * r * 0.62
            ellipse = 1 - (across / 0.27) ** 2 - (r / 0.92) ** 2
            best = np.maximum(best, np.sqrt(np.clip(ellipse, 0, None)))
    return best


def wool(name: str, color: str) -> bpy.types.Material:
    """Woollen yarn: coloured by vertices (darker between stitches), with fibres."""
    material = vertex_paint(name, roughness=1.0, sheen=0.35, specular=0.1)
    mt.shader_of(material)["wool"] = list(mt.hex_color(color))
    sh.layer_tint(material, [(0.3, "#cfc4b4"), (0.65, "#ffffff")], 14, stretch=(1, 1, 1), detail=5, amount=0.6)
    return mt.add_bump(material, 26, 0.7, detail=5, depth=0.02)


def tufts(
    name: str,
    points: np.ndarray,
    normals: np.ndarray,
    length: tuple[float, float],
    wide: float,
    tones: sh.Stops,
    seed: int,
) -> bpy.types.Object:
    """Tiny pointed blades on a surface: moss, or the fuzz of wool. `tones` are colours from low to high."""
    rng = np.random.default_rng(seed)
    count = len(points)
    lean = normals + rng.normal(0, 0.45, (count, 3))
    lean /= np.linalg.norm(lean, axis=1, keepdims=True)
    across = np.cross(lean, rng.normal(size=(count, 3)))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    tall = rng.uniform(*length, count)[:, None]
    bow = rng.normal(0, 0.25, (count, 3)) * tall
    middle = points + 0.55 * tall * lean
    verts = np.stack(
        [points - across * wide, points + across * wide, middle + across * wide * 0.8, middle - across * wide * 0.8,
         points + tall * lean + bow], axis=1)  # fmt: skip
    first = np.arange(count)[:, None] * 5
    faces = [*(first + np.arange(4)).tolist(), *(first + np.array([3, 2, 4])).tolist()]
    position = [stop for stop, _ in tones]
    table = np.array([mt.hex_color(tone) for _, tone in tones])
    share = np.clip(
        rng.uniform(0, 1, count) * 0.6 + 0.4 * (kit.value_noise(points[:, 0], points[:, 1], seed) + 0.5), 0, 1
    )
    tint = np.stack([np.interp(share, position, table[:, channel]) for channel in range(3)], axis=1)
    colors = np.repeat(tint, 5, axis=0) * np.tile([[0.45], [0.45], [0.9], [0.9], [1.15]], (count, 1))
    material = vertex_paint(name, translucent=0.25, roughness=0.8)
    return painted_mesh(name, verts.reshape(-1, 3), faces, colors, material)


def moss(at: tuple[float, float], radius: float, tall: float, seed: int, count: int) -> None:
    """A cushion of moss: a low lumpy dome covered with tiny blades."""
    rng = np.random.default_rng(seed)
    angle, r = rng.uniform(0, 2 * math.pi, count), np.sqrt(rng.uniform(0, 1, count))
    edge = 1 + 0.28 * kit.value_noise(2.2 * np.cos(angle) + 9, 2.2 * np.sin(angle) + 9, seed)
    x, y = at[0] + radius * r * edge * np.cos(angle), at[1] + 0.72 * radius * r * edge * np.sin(angle)
    lump = 0.75 + 0.4 * kit.value_noise(3.1 * x + 7, 3.1 * y + 7, seed + 1)
    z = tall * np.sqrt(np.clip(1 - r**2, 0, 1)) * lump
    normals = np.stack([np.cos(angle) * r * 0.8, np.sin(angle) * r * 0.8, 0.7 + 0 * r], axis=1)
    dome = mt.principled("earth", "#3c4020", roughness=1.0)
    kit.ball("cushion", (radius * 0.95, radius * 0.68, tall * 0.8), (at[0], at[1], -0.02), dome, rows=20)
    tones = ((0.0, "#4a5522"), (0.4, "#6c7a2e"), (0.75, "#95993f"), (1.0, "#b9ae5c"))
    tufts("moss", np.stack([x, y, z], axis=1), normals, (0.05, 0.13), 0.007, tones, seed)


# ---- sets

LEAVES_LIGHT = Light(azimuth=-118, elevation=36, size=7, kelvin=5000)
WOOL_LIGHT = Light(azimuth=-56, elevation=35, size=2.6, kelvin=5000)
STONE_LIGHT = Light(azimuth=62, elevation=46, size=26, kelvin=5700)
PAPER_LIGHT = Light(azimuth=-78, elevation=38, size=3.5, kelvin=5100)


def _trunks(places: Sequence[tuple[float, float, float]], color: str) -> None:
    """Tree trunks far behind, each given by x, y and thickness."""
    bark = mt.principled("trunk", color, roughness=0.95)
    sh.layer_tint(bark, [(0.35, "#8a7a68"), (0.65, "#ffffff")], 1.2, stretch=(1, 1, 0.2), detail=4)
    for index, (x, y, thick) in enumerate(places):
        lean = 0.8 * math.sin(3.1 * index + 1)
        path = kit.smooth_path([(x, y, -14), (x + 0.2 * lean, y, -2), (x + lean, y, 12)], 8)
        kit.tube("trunk", path, [thick * (1 - 0.015 * step) for step in range(len(path))], bark)


def autumn_leaves() -> None:
    """Rustic table in front of golden trees."""
    even_world("#ffe9cf", 0.42)
    board_table(
        oiled_timber("rustic", ("#6d4628", "#93653c", "#b58855"), roughness=0.5, relief=0.5), board=1.9, far=5.2, seed=4
    )
    fallen_leaves(
        [
            ("maple", -1.85, 1.0, 70, 0.62),
            ("beech", -1.6, -0.55, 205, 0.55),
            ("oak", 1.75, 1.75, -60, 0.75),
            ("maple", 1.95, 0.15, -120, 0.55),
            ("beech", 1.2, 3.7, 30, 0.7),
            ("maple", -1.9, 3.2, 10, 0.8),
            ("beech", -0.9, 4.5, 100, 0.7),
        ],
        seed=5,
    )
    _distance([(0, "#8a6a35"), (0.45, "#d3a04a"), (1, "#f6dca4")], 46, -9, 9, 1.1)
    tones = ("#a9773f", "#c9954c", "#dcb064", "#ead09a", "#d3b876", "#a9a262", "#f3e2b8")
    foliage(6500, (-13, 22, -7), (13, 46, 10), (0.9, 1.9), tones, 8, glow=0.5)
    _trunks(((-4.6, 24, 0.9), (2.2, 30, 0.8), (6.6, 22, 1.1)), "#a98a66")
    leaf_shadow(LEAVES_LIGHT, [(-4.5, 1.4, -12, 4.2), (-3.6, -2.6, 18, 3.4)], leaf=1.0, slim=0.6, far=1.6, seed=6)


def autumn_wool() -> None:
    """Oak bench with a knitted throw in light from a window."""
    even_world("#fff3e4", 0.40)
    board_table(oiled_timber("bench", ("#a87d4e", "#c39a68", "#d8b586"), roughness=0.42), board=3.1, far=4.6, seed=9)
    wall = limewash("wall", "#ebe0cd", clouds=0.5)
    kit.box("wall", (80, 0.2, 60), wall, at=(0, 9.1, -20), bevel=0)
    throw = wool("throw", "#d9c7a8")
    knit_sheet("throw", _throw, (26, 38), throw)
    bars = {"pane": (2.7, 3.3), "bar": 0.42, "turn": -16.0, "far": 3.6, "surround": False}
    window_shadow(WOOL_LIGHT, panes=(9, 7), at=(0.3, 3.0), **bars)
    stoneware = mt.principled("stoneware", "#cdbfa9", roughness=0.7)
    sh.layer_tint(stoneware, [(0.3, "#ebe3d8"), (0.65, "#ffffff")], 1.3, stretch=(1, 1, 3), detail=6)
    mt.add_bump(stoneware, 7, 0.3, stretch=(0.4, 0.4, 5), detail=3, depth=0.01)
    jug = [
        (0.0, 0.0),
        (0.36, 0.0),
        (0.5, 0.12),
        (0.66, 0.5),
        (0.64, 0.85),
        (0.42, 1.18),
        (0.24, 1.34),
        (0.22, 1.5),
        (0.27, 1.58),
        (0.22, 1.57),
        (0.18, 1.45),
        (0.0, 1.4),
    ]
    kit.place(kit.lathe("jug", kit.smooth_path(jug, 6), stoneware, sharp_angle=180), (-2.0, 3.6, 0))
    dry_grass((-2.0, 3.6, 1.45), 5, seed=4)


def dry_grass(foot: kit.Point3, count: int, seed: int) -> None:
    """A few stalks of dried grass with feathery ears, in a vase."""
    rng = np.random.default_rng(seed)
    straw = mt.principled("straw", "#b99a66", roughness=0.8)
    tones = ((0.0, "#b08a58"), (0.5, "#cfae7c"), (1.0, "#e9d3a8"))
    for index in range(count):
        angle, reach = rng.uniform(0, 6.28), rng.uniform(0.3, 0.8)
        high = 1.9 * rng.uniform(0.75, 1.1)
        top = np.array([reach * math.cos(angle), 0.5 * reach * math.sin(angle), high])
        path = np.array(foot) + kit.smooth_path(
            [(0, 0, -0.8), 0.25 * top * [0.4, 0.4, 1], 0.65 * top * [0.7, 0.7, 1.1], top], 10
        )
        kit.tube("stalk", path, 0.015, straw, resolution=2)
        ear = kit.smooth_path(path[-16:], 3)
        at = np.repeat(ear, 60, axis=0) + rng.normal(0, 0.02, (len(ear) * 60, 3))
        ahead = ear[-1] - ear[0]
        normals = 0.9 * ahead / np.linalg.norm(ahead) + rng.normal(0, 0.28, (len(ear) * 60, 3))
        tufts("ear", at, normals, (0.1, 0.2), 0.006, tones, seed + index)


def _throw(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The throw's surface: it leaves the table in a round fold at x = 2 and swells in soft folds to the right."""
    edge = 1.85 - 1.15 / (1 + np.exp(-(v - 0.66) * 13))
    x = edge + 4.6 * u + 0.10 * np.sin(5 * v + 0.7) + 0.06 * np.sin(11 * v)
    y = -2.6 + 6.8 * v + 0.25 * np.sin(3 * u + 2 * v)
    rise = np.clip(u / 0.16, 0, 1)
    z = 0.42 * np.sqrt(1 - (1 - rise) ** 2)
    swell = np.clip((u - 0.08) / 0.5, 0, 1)
    z = z + swell * (0.34 + 0.30 * np.sin(6.5 * u + 2.1 * np.sin(2.4 * v) + 0.8) + 0.16 * np.sin(9 * v + 4 * u))
    return np.stack([x, y, z + 0.02], axis=-1)


def autumn_stone() -> None:
    """Sandstone slab with moss in front of russet bushes."""
    even_world("#f3f1ea", 0.46)
    stone = mt.principled("slab", "#c3b8a6", roughness=0.85)
    sh.layer_tint(stone, [(0.3, "#b9aa96"), (0.5, "#ece4d8"), (0.72, "#ffffff")], 0.5, detail=8, distortion=0.5)
    sh.layer_tint(stone, [(0.34, "#b8aea2"), (0.52, "#ffffff")], 2.6, stretch=(0.6, 1.5, 1), detail=9, amount=0.5)
    sh.layer_tint(stone, [(0.33, "#8d857c"), (0.42, "#ffffff")], 17, detail=4, amount=0.55)
    sh.layer_tint(stone, [(0.62, "#ffffff"), (0.74, "#d9d2ac")], 0.9, detail=7, amount=0.5)
    mt.add_bump(stone, 1.6, 0.5, detail=8, depth=0.05)
    mt.add_bump(stone, 14, 0.5, detail=5, depth=0.012)
    kit.grid("slab", 22, 620, _slab_height, stone)
    for x, y, radius, tall, seed in ((-2.3, 3.2, 1.1, 0.36, 1), (-1.0, 3.7, 0.55, 0.2, 2), (2.15, 2.3, 0.75, 0.26, 3),
                                     (-2.35, -0.9, 0.62, 0.2, 4), (3.6, 3.6, 1.1, 0.4, 5)):  # fmt: skip
        moss((x, y), radius, tall, seed, count=int(9000 * radius))
    fallen_leaves(
        [("beech", 1.55, 1.35, -50, 0.5), ("maple", -1.45, 1.9, 120, 0.55), ("oak", 1.62, -0.7, 40, 0.5)], seed=12
    )
    _distance([(0, "#7d5a38"), (0.5, "#c08a50"), (1, "#f0d9ac")], 50, -9, 9, 1.0)
    tones = ("#8a5a3a", "#a06642", "#b57a4c", "#c8975f", "#a08752", "#b0703f")
    foliage(12000, (-14, 22, -9), (14, 46, 8), (0.45, 1.1), tones, 21, glow=0.6)
    _trunks(((-6.2, 26, 0.8), (4.4, 24, 0.6)), "#a08f7c")


def _slab_height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Relief of a split slab: level where products stand, layers breaking off towards its far edge."""
    calm = 1 / (1 + np.exp(-(np.hypot(x / 2.0, y / 1.5) - 1) * 4))
    rough = 0.05 * kit.value_noise(x * 0.9, y * 0.9, 3) + 0.02 * kit.value_noise(x * 3.1, y * 3.1, 4)
    edge = 4.0 + 0.35 * kit.value_noise(x * 0.6, y * 0 + 2, 6) + 0.12 * kit.value_noise(x * 2.5, y * 0 + 5, 7)
    layers = np.zeros_like(x)
    for step, depth in ((0.0, 0.12), (0.28, 0.3), (0.45, 3.5)):
        shift = 0.16 * kit.value_noise(x * 1.4 + 9 * step, y * 0 + 3, 8)
        layers -= depth / (1 + np.exp(-(y - edge - step - shift) * 26))
    return rough * calm - 0.002 + layers


def autumn_paper() -> None:
    """Terracotta and ochre paper set with arches."""
    even_world("#fff1e2", 0.44)
    sweep(art_paper("floor", "#e9ccab"), start=8, radius=3)
    arch_panel(1.5, 2.25, 0.2, art_paper("terracotta", "#c67c5a"), (-1.75, 3.6, 0), 5, steps=40)
    arch_panel(1.15, 1.35, 0.2, art_paper("ochre", "#dbae66"), (1.9, 3.1, 0), -8, steps=40)
    arch_panel(2.3, 2.75, 0.2, art_paper("sand", "#f0dcc0"), (1.0, 5.6, 0), -2, steps=40)
    twigs = [(-2.9, 1.5, -8, 3.0), (-3.0, 0.7, -2, 2.2)]
    leaf_shadow(PAPER_LIGHT, twigs, leaf=1.1, slim=0.26, far=1.5, seed=4, every=0.3)


PLATES = [
    Plate(
        name="autumn-leaves",
        title="Rustic table, golden leaves",
        season="autumn",
        build=autumn_leaves,
        mood=("golden", "warm", "outdoor", "cosy"),
        setting="rustic wooden table with a few fallen leaves, golden autumn trees softly blurred behind",
        light=LEAVES_LIGHT,
        key=1.45,
        pitch=8,
        floor_end=5.2,
        height_cm=(4, 45),
        blur=0.06,
    ),
    Plate(
        name="autumn-wool",
        title="Oak bench, knitted throw",
        season="autumn",
        build=autumn_wool,
        mood=("cosy", "soft", "warm", "home"),
        setting="oak bench with a chunky knitted wool throw at the side, warm window light on a plaster wall",
        light=WOOL_LIGHT,
        key=1.1,
        pitch=13,
        floor_end=4.6,
        height_cm=(4, 45),
        blur=0.025,
        stand_x=(0.36, 0.5),
    ),
    Plate(
        name="autumn-stone",
        title="Stone slab, moss and russet",
        season="autumn",
        build=autumn_stone,
        mood=("natural", "earthy", "outdoor", "calm"),
        setting="weathered sandstone slab with cushions of moss, russet and ochre bushes softly blurred behind",
        light=STONE_LIGHT,
        key=1.15,
        pitch=10,
        focal=3.1,
        floor_end=3.8,
        height_cm=(4, 45),
        blur=0.07,
    ),
    Plate(
        name="autumn-paper",
        title="Terracotta arches",
        season="autumn",
        build=autumn_paper,
        mood=("graphic", "warm", "modern", "earthy"),
        setting="paper set in terracotta and ochre with simple arches, warm side light",
        light=PAPER_LIGHT,
        key=0.95,
        pitch=9,
        floor_end=9.0,
        height_cm=(4, 80),
        blur=0.012,
    ),
]
