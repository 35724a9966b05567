"""Plates: flat lays, seen from straight above. Things that lie: twigs, cones, baubles, ribbons, blossoms, shells."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import kit
import materials as mt
import numpy as np
from plate_spec import CENTERED, Light, Plate

from plate_sets import shading as sh
from plate_sets.leaves import fallen_leaves, plain_leaf
from plate_sets.lights import even_world, soft_light
from plate_sets.shadows import cast, leaf_shadow, window_shadow
from plate_sets.shapes import painted_mesh
from plate_sets.surfaces import art_paper, board_table, oiled_timber, vertex_paint

# ---- props


def washed_linen(
    name: str, color: str, *, shade: str = "#e3ddd2", threads: float = 1.0, strength: float = 0.5
) -> bpy.types.Material:
    """Washed linen: threads of uneven thickness both ways, slubs, a little tone from patch to patch."""
    material = mt.principled(name, color, roughness=0.92, sheen=0.12)
    dark = [(0.36, shade), (0.6, "#ffffff")]
    sh.layer_tint(material, dark, 2.2 * threads, stretch=(0.6, 12, 1), detail=2, amount=0.32)
    sh.layer_tint(material, dark, 2.2 * threads, stretch=(12, 0.6, 1), detail=2, amount=0.32)
    sh.layer_tint(material, [(0.3, "#efe9df"), (0.7, "#ffffff")], 0.5, detail=3, amount=0.7)
    mt.add_bump(material, 2.2 * threads, strength, stretch=(0.9, 12, 1), detail=2, depth=0.009)
    mt.add_bump(material, 2.2 * threads, strength, stretch=(12, 0.9, 1), detail=2, depth=0.009)
    return mt.add_bump(material, 0.8, 0.2, detail=3, depth=0.05)


def acorn(at: kit.Point3, turn: kit.Point3, size: float) -> None:
    """An acorn, `size` units long, lying on its side when turned."""
    nut = mt.principled("nut", "#8d5f30", roughness=0.32)
    sh.layer_tint(nut, [(0.3, "#b08a5a"), (0.7, "#ffffff")], 5, stretch=(1, 1, 0.2), detail=3)
    cup = mt.add_bump(mt.principled("cup", "#7d6142", roughness=0.9), 26, 1.0, detail=2, depth=0.03)
    profile = [(0.0, -0.5), (0.05, -0.46), (0.2, -0.36), (0.29, -0.1), (0.3, 0.15), (0.26, 0.35)]
    smooth = np.vstack([kit.smooth_path(profile, 6)]) * size
    body = kit.lathe("acorn", smooth, nut, segments=40, sharp_angle=180)
    cap = (
        np.array([(0.31, 0.12), (0.345, 0.2), (0.33, 0.34), (0.2, 0.46), (0.05, 0.5), (0.04, 0.68), (0.0, 0.69)]) * size
    )
    hat = kit.lathe("cap", kit.smooth_path(cap, 5), cup, segments=40, sharp_angle=180)
    kit.gather([body, hat], at, turn)


def cloth_sheet(
    material: bpy.types.Material,
    folds: Sequence[tuple[float, float, float, float, float]],
    *,
    size: float = 9.0,
    count: int = 560,
    seed: int = 1,
    free: tuple[float, float] = (1.08, 1.26),
) -> None:
    """A cloth on a table, level within `free` of the middle; each fold is x, y, direction in degrees, height and width."""

    def height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        total = 0.012 * kit.value_noise(x * 0.7, y * 0.7, seed)
        for index, (fx, fy, turn, tall, wide) in enumerate(folds):
            c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
            along, across = (x - fx) * c + (y - fy) * s, -(x - fx) * s + (y - fy) * c
            # A fold wanders, swells and ebbs away towards the middle of the picture.
            across = across + 0.22 * kit.value_noise(along * 0.6 + 5 * index, 0 * along + 3, seed + index)
            there = 1 / (1 + np.exp(-along * 2.6))
            swell = 0.8 + 0.3 * kit.value_noise(along * 0.9 + 2, 0 * along + index, seed + 9)
            steep = np.where(across > 0, wide * 0.62, wide * 1.35)
            total = total + tall * swell * there * np.exp(-((across / steep) ** 2))
        calm = 1 / (1 + np.exp(-(np.maximum(np.abs(x) / free[0], np.abs(y) / free[1]) - 1.1) * 8))
        return total * (0.03 + 0.97 * calm)

    kit.grid("cloth", size, count, height, material)


def needles(
    paths: Sequence[np.ndarray],
    length: float,
    every: float,
    wide: float,
    tones: tuple[str, str],
    seed: int,
) -> tuple[np.ndarray, list[list[int]], np.ndarray]:
    """Verts, faces and colours of fir needles along stems, the brush pressed together from above."""
    rng = np.random.default_rng(seed)
    at, ahead, share = [], [], []
    for path in paths:
        steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
        walked = np.concatenate([[0], np.cumsum(steps)])
        where = np.arange(0.02, walked[-1], every)
        point = np.stack([np.interp(where, walked, path[:, axis]) for axis in range(3)], axis=1)
        later = np.stack([np.interp(where + 0.05, walked, path[:, axis]) for axis in range(3)], axis=1)
        before = np.stack([np.interp(where - 0.05, walked, path[:, axis]) for axis in range(3)], axis=1)
        at.append(point)
        ahead.append(later - before)
        share.append(where / walked[-1])
    root, forward, part = np.vstack(at), np.vstack(ahead), np.concatenate(share)
    forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
    count = len(root)
    around = np.arange(count) * 2.39996 + rng.uniform(-0.4, 0.4, count)
    side = np.cross(forward, [0, 0, 1.0])
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    up = np.cross(side, forward)
    out = side * np.cos(around)[:, None] + 0.45 * up * np.sin(around)[:, None]
    lean = out + forward * rng.uniform(0.45, 0.85, count)[:, None]
    lean /= np.linalg.norm(lean, axis=1, keepdims=True)
    tall = length * (1 - 0.35 * part[:, None] ** 3) * rng.uniform(0.8, 1.12, (count, 1))
    a = np.cross(lean, rng.normal(size=(count, 3)))
    a *= wide / np.maximum(np.linalg.norm(a, axis=1, keepdims=True), 1e-9)
    b = np.cross(lean, a) * 0.55
    bow = forward * 0.10 * tall
    middle = root + 0.5 * tall * lean
    tip = root + tall * lean + bow
    verts = np.stack([root + 0.5 * a, root - 0.5 * a, middle + a, middle - a, middle + b, tip], axis=1)
    first = np.arange(count)[:, None] * 6
    faces = np.vstack([first + f for f in ([0, 1, 4], [0, 4, 2], [1, 3, 4], [2, 4, 5], [4, 3, 5])]).tolist()
    dark, fresh = (np.array(mt.hex_color(tone)) for tone in tones)
    mix = np.clip(0.25 + 0.5 * part**2 + rng.uniform(-0.25, 0.35, count), 0, 1)[:, None]
    color = np.repeat(dark * (1 - mix) + fresh * mix, 6, axis=0)
    return verts.reshape(-1, 3), faces, color


def lying_twig(
    length: float,
    seed: int,
    *,
    tones: tuple[str, str] = ("#2f4a34", "#6d8a5e"),
) -> bpy.types.Object:
    """A fir twig along +y from the origin with side shoots, lying on z = 0."""
    rng = np.random.default_rng(seed)
    pairs, side, lift = 5, 0.55, 0.10
    bend = rng.uniform(-0.10, 0.10) * length
    t = np.linspace(0, 1, 24)
    stem = np.stack([bend * t**2, length * t, lift + 0.05 * np.sin(3 * t + seed)], axis=1)
    paths = [stem]
    for index in range(2 * pairs):
        share = 0.12 + 0.76 * (index // 2 + (0.3 if index % 2 else 0) + rng.uniform(-0.12, 0.12)) / pairs
        start = np.array([np.interp(share, t, stem[:, axis]) for axis in range(3)])
        sign = 1 if index % 2 else -1
        reach = side * length * (1 - share) ** 0.75 * rng.uniform(0.75, 1.1) + 0.12
        angle = math.radians(rng.uniform(38, 58))
        s = np.linspace(0, 1, 14)[:, None]
        direction = np.array([sign * math.sin(angle), math.cos(angle), 0])
        curl = np.array([-sign * 0.10, 0.10, rng.uniform(-0.04, 0.10)])
        paths.append(start + s * reach * direction + s**2 * reach * curl)
    verts, faces, colors = needles(paths, 0.17, 0.0105, 0.0085, tones, seed)
    leaf = vertex_paint("needles", translucent=0.12, roughness=0.42)
    verts[:, 2] = np.maximum(verts[:, 2], 0.006)
    parts = [painted_mesh("needles", verts, faces, colors, leaf)]
    bark = mt.principled("bark", "#7a5a3e", roughness=0.85)
    for index, path in enumerate(paths):
        thick = np.linspace(0.026 if index == 0 else 0.014, 0.007, len(path))
        parts.append(kit.tube("shoot", path, list(thick), bark, resolution=2))
    return kit.gather(parts)


def open_cone(size: float, seed: int, frost: float = 0.0) -> bpy.types.Object:
    """An open pine cone, its foot at the origin, standing along +z."""
    rng = np.random.default_rng(seed)
    material = vertex_paint("cone", roughness=0.75)
    mt.add_bump(material, 22, 0.4, detail=4, depth=0.01)
    brown, tip = np.array(mt.hex_color("#6b4a30")), np.array(mt.hex_color("#a8855c"))
    white = np.array([0.85, 0.88, 0.9])
    u, v = np.linspace(0, 1, 9)[:, None], np.linspace(-1, 1, 7)[None]
    verts, faces, colors = [], [], []
    total = 92
    for index in range(total):
        share = (index + 0.5) / total
        angle = index * 2.39996 + rng.uniform(-0.08, 0.08)
        reach = size * (0.10 + 0.34 * math.sin(math.pi * min(1, 0.12 + 0.9 * share)) ** 0.8)
        height = size * (0.04 + 0.86 * share)
        wide = reach * 0.36
        out = reach * (0.15 + 0.85 * u)
        across = wide * v * (0.35 + 0.9 * u - 0.45 * u**4)
        rise = (
            size * (0.02 + 0.20 * u**1.6 * (0.25 + share))
            - 0.05 * size * v**2 * u
            + 0.03 * size * np.exp(-((u - 0.92) ** 2) / 0.004)
        )
        c, s = math.cos(angle), math.sin(angle)
        x, y, z = out * c - across * s, out * s + across * c, height + rise + 0 * v
        verts.append(np.stack([x, y, z], axis=-1).reshape(-1, 3))
        faces += (63 * index + kit.grid_faces(9, 7)).tolist()
        color = brown + (tip - brown) * np.clip(u**4 * (1 - 0.3 * v**2), 0, 1)[..., None] * rng.uniform(0.7, 1.1)
        rim = frost * np.clip(u**6 + 0 * v, 0, 1)[..., None]
        colors.append((color * (1 - rim) + white * rim).reshape(-1, 3))
    scales = painted_mesh("cone", np.vstack(verts), faces, np.vstack(colors), material, sharp_angle=180)
    solid = scales.modifiers.new("thick", "SOLIDIFY")
    solid.thickness = 0.022 * size
    core = kit.ball(
        "core",
        (0.16 * size, 0.16 * size, 0.45 * size),
        (0, 0, 0.48 * size),
        mt.principled("core", "#4a3423", roughness=0.9),
        rows=16,
    )
    return kit.gather([scales, core])


def glass_bauble(
    radius: float,
    at: tuple[float, float],
    color: str,
    *,
    roughness: float = 0.25,
    metallic: float = 0.6,
    turn: float = 0.0,
) -> None:
    """A glass ball for the tree, lying on z = 0, with its metal cap and loop."""
    glass = mt.principled("bauble", color, roughness=roughness, metallic=metallic, coat=0.3)
    mt.add_roughness(glass, roughness * 0.85, roughness * 1.3, 3)
    brass = mt.metal("cap", "#cdb27c", 0.3)
    ball = kit.ball("bauble", radius, (0, 0, 0), glass, rows=48)
    cap = [(0.0, 0.98), (0.2, 0.97), (0.2, 1.16), (0.17, 1.18), (0.0, 1.18)]
    top = kit.lathe("cap", [(r * radius, z * radius) for r, z in cap], brass, segments=40)
    loop = kit.tube(
        "loop",
        [(0.11 * radius * math.cos(a), 0, radius * (1.27 + 0.11 * math.sin(a))) for a in np.linspace(0, 6.28, 25)],
        0.018 * radius,
        brass,
        resolution=3,
    )
    kit.gather([ball, top, loop], (at[0], at[1], radius), (76, 0, turn))


def ribbon(path: Sequence[kit.Point3], width: float, color: str, *, twist: Sequence[float] = (0, 0)) -> None:
    """A satin ribbon along points; `twist` holds degrees by which it leans on the way, evenly spread."""
    material = mt.principled("ribbon", color, roughness=0.5, sheen=0.3)
    mt.add_bump(material, 6, 0.25, stretch=(12, 0.6, 1), detail=2, depth=0.006)
    curve = kit.smooth_path(path, 16)
    ahead = np.gradient(curve, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    side = np.cross(ahead, [0, 0, 1.0])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, ahead)
    lean = np.radians(np.interp(np.linspace(0, 1, len(curve)), np.linspace(0, 1, len(twist)), twist))[:, None]
    across = side * np.cos(lean) + up * np.sin(lean)
    rings = [[p + w * width / 2 * a for w in np.linspace(-1, 1, 7)] for p, a in zip(curve, across, strict=True)]
    band = kit.loft("ribbon", rings, material, caps=False, around=False, sharp_angle=180)
    band.modifiers.new("thick", "SOLIDIFY").thickness = 0.006


def petal_mesh(
    size: float, tones: tuple[str, str], material: bpy.types.Material, seed: int, cup: float = 0.35
) -> bpy.types.Object:
    """A petal from the origin along +y: round, notched at the tip, cupped, paler towards the rim."""
    rng = np.random.default_rng(seed)
    s, t = np.linspace(0, 1, 21)[:, None], np.linspace(-1, 1, 15)[None]
    half = 0.46 * np.sin(math.pi * (0.06 + 0.86 * s) ** 1.15) ** 0.7
    x = t * half * (1 + 0.05 * rng.uniform(-1, 1))
    y = s - 0.10 * np.exp(-((t / 0.25) ** 2)) * s**6
    z = cup * (0.5 * (t * half) ** 2 * 2 + 0.35 * (s - 0.4) ** 2) + 0.025 * np.sin(6 * t + 5 * s + seed) * s**2
    deep, pale = (np.array(mt.hex_color(tone)) for tone in tones)
    mix = np.clip(s**0.7 * (0.9 + 0.1 * np.cos(30 * t)) + 0 * t, 0, 1)[..., None]
    verts = np.stack([x, y, z + 0 * x], axis=-1).reshape(-1, 3) * size
    faces = kit.grid_faces(21, 15).tolist()
    return painted_mesh("petal", verts, faces, (deep + (pale - deep) * mix).reshape(-1, 3), material, sharp_angle=180)


def blossom(
    size: float, material: bpy.types.Material, seed: int, at: kit.Point3, turn: kit.Point3, open_: float = 0.35
) -> None:
    """A cherry blossom, `size` the length of a petal, facing +z."""
    rng = np.random.default_rng(seed)
    parts = []
    for index in range(5):
        petal = petal_mesh(size * rng.uniform(0.93, 1.05), ("#e7a9b4", "#fbeef0"), material, seed * 7 + index)
        lean = math.degrees(open_) * rng.uniform(0.6, 1.2)
        kit.place(petal, (0, 0, 0.01 * index), (lean, rng.uniform(-8, 8), 72 * index + rng.uniform(-7, 7)))
        parts.append(petal)
    thread, dust = mt.principled("stamen", "#f3dcd8", roughness=0.6), mt.principled("anther", "#d9a441", roughness=0.7)
    for _ in range(16):
        a, r, tall = rng.uniform(0, 6.28), rng.uniform(0.08, 0.3) * size, rng.uniform(0.25, 0.5) * size
        tip = (r * math.cos(a), r * math.sin(a), tall)
        parts.append(
            kit.tube(
                "stamen", [(0, 0, 0), (0.6 * tip[0], 0.6 * tip[1], 0.7 * tall), tip], 0.011 * size, thread, resolution=1
            )
        )
        parts.append(kit.ball("anther", 0.032 * size, tip, dust, rows=6))
    parts.append(
        kit.ball("heart", 0.09 * size, (0, 0, 0.02 * size), mt.principled("heart", "#c9cf86", roughness=0.7), rows=10)
    )
    kit.gather(parts, at, turn)


def cherry_sprig(points: Sequence[kit.Point3], seed: int, *, flowers: int = 7, buds: int = 5, leaves: int = 4) -> None:
    """A cherry twig along points with blossoms, buds and young leaves."""
    rng = np.random.default_rng(seed)
    size = 0.24
    path = kit.smooth_path(points, 10)
    bark = mt.principled("twig", "#6d4c3d", roughness=0.75)
    sh.layer_tint(bark, [(0.35, "#b49a88"), (0.6, "#ffffff")], 9, detail=4)
    mt.add_bump(bark, 14, 0.7, detail=3, depth=0.02)
    knots = 1 + 0.25 * (rng.uniform(0, 1, len(path)) > 0.86)
    kit.tube("twig", path, list(np.linspace(0.042, 0.016, len(path)) * knots), bark, resolution=4)
    silk = vertex_paint("petal", translucent=0.25, roughness=0.55)
    green = vertex_paint("young leaf", translucent=0.2, roughness=0.45)
    stalk = mt.principled("stalk", "#93a05f", roughness=0.6)
    for index in range(flowers + buds + leaves):
        foot = path[int(rng.integers(len(path) // 6, len(path)))]
        angle = rng.uniform(0, 6.28)
        reach = rng.uniform(0.16, 0.30)
        end = np.array([foot[0] + reach * math.cos(angle), foot[1] + reach * math.sin(angle), rng.uniform(0.08, 0.2)])
        if index < flowers + buds:
            kit.tube(
                "stalk", kit.smooth_path([foot, (foot + end) / 2 + [0, 0, 0.05], end], 5), 0.009, stalk, resolution=2
            )
        lean = (rng.uniform(-28, 28), rng.uniform(-28, 28), rng.uniform(0, 360))
        if index < flowers:
            blossom(size * rng.uniform(0.85, 1.1), silk, seed * 31 + index, tuple(end), lean, rng.uniform(0.25, 0.6))
        elif index < flowers + buds:
            bud = mt.principled("bud", "#e39aaa", roughness=0.6)
            kit.ball("bud", (0.05, 0.05, 0.075), tuple(end), bud, turn=(80, 0, math.degrees(angle) - 90), rows=14)
        else:
            leaf = plain_leaf(
                size * 1.6, 0.45, ("#9fb25f", "#7d9a4c"), green, seed * 9 + index, curl=0.5, veins=10, stalk=0.15
            )
            kit.place(leaf, (foot[0], foot[1], foot[2] + 0.03), (rng.uniform(-10, 10), 0, math.degrees(angle) - 90))


def scallop(size: float, at: tuple[float, float], turn: float, tones: tuple[str, str], seed: int) -> None:
    """A scallop shell lying on its rim, hinge towards -y before turning."""
    rng = np.random.default_rng(seed)
    material = vertex_paint("shell", roughness=0.42, coat=0.1)
    mt.add_bump(material, 18, 0.25, detail=4, depth=0.01)
    angle, u = np.linspace(-1.12, 1.12, 169)[None], np.linspace(0.02, 1, 40)[:, None]
    ribs = np.cos(angle * 2 * math.pi * 13 / 2.24)
    rim = 1 - 0.10 * (angle / 1.12) ** 4 + 0.018 * ribs
    r = u * rim
    x, y = r * np.sin(angle) * 0.98, r * np.cos(angle)
    z = 0.34 * np.sin(math.pi * np.clip(u, 0, 1) ** 0.62) ** 0.8 * (1 - (angle / 1.16) ** 2) ** 0.5 + 0.016 * ribs * u
    z += 0.006 * np.cos(u * 60) * u
    pale, deep = (np.array(mt.hex_color(tone)) for tone in tones)
    bands = 0.5 + 0.5 * np.cos(16 * u**1.4 + 0.4 * np.cos(3 * angle)) * (1 - 0.3 * u)
    mix = np.clip(0.55 * bands + 0.25 * ribs * u + 0.12 * kit.value_noise(8 * x + 9, 8 * y + 9, seed), 0, 1)[..., None]
    verts = np.stack([x, y, z], axis=-1).reshape(-1, 3) * size
    faces = kit.grid_faces(40, 169).tolist()
    shell = painted_mesh("shell", verts, faces, (pale + (deep - pale) * mix).reshape(-1, 3), material, sharp_angle=180)
    shell.modifiers.new("thick", "SOLIDIFY").thickness = 0.02 * size
    ears = kit.box(
        "ears",
        (0.52 * size, 0.15 * size, 0.10 * size),
        mt.principled("ears", sh.mixed(tones[0], tones[1], 0.3), roughness=0.5),
        at=(0, 0.04 * size, 0.02 * size),
        bevel=0.03 * size,
    )
    kit.gather([shell, ears], (*at, 0.0), (rng.uniform(-4, 4), rng.uniform(-4, 4), turn))


# ---- sets

LINEN_LIGHT = Light(azimuth=-68, elevation=36, size=10, kelvin=5400)
OAK_LIGHT = Light(azimuth=-128, elevation=40, size=3.2, kelvin=5200)
MARBLE_LIGHT = Light(azimuth=112, elevation=44, size=3.4, kelvin=5600)
SNOW_LIGHT = Light(azimuth=-110, elevation=32, size=6, kelvin=5500)
FIR_LIGHT = Light(azimuth=-140, elevation=46, size=16, kelvin=5300)
PETALS_LIGHT = Light(azimuth=-120, elevation=46, size=7, kelvin=5600)
SAND_LIGHT = Light(azimuth=126, elevation=48, size=1.8, kelvin=5300)
LEAVES_LIGHT = Light(azimuth=-105, elevation=40, size=8, kelvin=5100)


def flat_linen() -> None:
    """Washed natural linen with folds along the borders."""
    even_world("#fff8ee", 0.40)
    cloth = washed_linen("linen", "#e7e2d8", threads=2.2, strength=0.55)
    folds = [
        (-1.75, -0.9, 86, 0.16, 0.19),
        (-2.2, -1.6, 80, 0.26, 0.22),
        (1.8, 0.9, -82, 0.20, 0.18),
        (2.15, 1.6, -86, 0.24, 0.20),
        (0.4, 1.95, 12, 0.20, 0.18),
        (0.9, -2.0, 176, 0.12, 0.2),
    ]
    cloth_sheet(cloth, folds, size=12, count=720, seed=4, free=(1.36, 1.6))
    soft_light((9, 9), (-10, 3, 7), 2.2, "#fffaf0")


def flat_oak() -> None:
    """Pale oak boards with the light of a window."""
    even_world("#fff9f1", 0.42)
    oak = oiled_timber("oak", ("#b99a72", "#d3b78f", "#e2cba8"), seed=7, roughness=0.5, relief=0.3)
    board_table(oak, board=1.55, far=6.2, near=-6, width=16, seed=3)
    window_shadow(OAK_LIGHT, panes=(2, 3), pane=(1.75, 1.35), bar=0.16, at=(0.15, 0.1), turn=27, far=2.6)
    soft_light((8, 8), (-8, 6, 7), 1.4, "#fff3e2")


def honed_marble(name: str) -> bpy.types.Material:
    """Honed pale marble: broad clouds, long soft veins, a few hair lines."""
    material = mt.principled(name, "#f4f2ee", roughness=0.32, specular=0.4)
    sh.layer_tint(material, [(0.35, "#e6e4e1"), (0.65, "#ffffff")], 0.35, detail=5, distortion=0.6)
    veins = [(0.45, "#ffffff"), (0.492, "#d9d8d6"), (0.5, "#c4c2c0"), (0.51, "#e2e1df"), (0.56, "#ffffff")]
    sh.layer_tint(material, veins, 0.26, stretch=(1.0, 0.5, 1), detail=5, distortion=0.6, amount=0.8)
    hair = [(0.488, "#ffffff"), (0.5, "#cfcac4"), (0.512, "#ffffff")]
    sh.layer_tint(material, hair, 0.75, stretch=(0.7, 1.2, 1), detail=7, distortion=0.7, amount=0.45)
    sh.layer_tint(material, [(0.35, "#f3f1ee"), (0.6, "#ffffff")], 12, detail=4, amount=0.7)
    return mt.add_roughness(material, 0.26, 0.42, 1.5)


def flat_marble() -> None:
    """Pale marble with the shadow of leaves."""
    even_world("#f7faff", 0.45)
    slab = kit.box("slab", (20, 20, 0.3), honed_marble("marble"), at=(0, 0, -0.3), bevel=0)
    slab.rotation_euler = (0, 0, 0.5)
    twigs = [(2.6, 1.9, 203, 2.3), (2.7, 0.6, 196, 1.6), (1.3, 2.7, 236, 1.7)]
    leaf_shadow(MARBLE_LIGHT, twigs, leaf=0.75, slim=0.5, far=1.5, seed=12)


def _border(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """0 where products lie (within 1 of the middle), rising softly to 1 outside, with rounded corners."""
    rise = np.clip((x**4 + y**4) ** 0.25 - 0.98, 0, 0.9) / 0.9
    return rise * rise * (3 - 2 * rise)


def _snow_height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Wind-smoothed snow: level where products lie, low drifts along the borders."""
    border = _border(x / 1.15, y / 1.3)
    soft = 0.16 * kit.value_noise(x * 0.55, y * 0.55, 3) + 0.06 * kit.value_noise(x * 1.6, y * 1.6, 4)
    return (
        border * (soft + 0.05) + 0.008 * kit.value_noise(x * 2.2, y * 2.2, 5) + 0.003 * kit.value_noise(x * 9, y * 9, 6)
    )


def fresh_snow(name: str) -> bpy.types.Material:
    """Fresh snow: grains of many sizes, blue in the hollows."""
    material = mt.principled(name, "#eef3f8", roughness=0.65, specular=0.4)
    sh.layer_tint(material, [(0.3, "#e6edf6"), (0.6, "#ffffff")], 1.2, detail=6, amount=0.8)
    mt.add_bump(material, 4, 0.35, detail=6, depth=0.03)
    return mt.add_bump(material, 26, 0.75, detail=5, depth=0.014)


def flat_snow() -> None:
    """Fresh snow with fir and cones in one corner."""
    even_world("#e9f1fc", 0.52)
    kit.grid("snow", 9, 520, _snow_height, fresh_snow("snow"))
    frosty = ("#3f5a4a", "#9db3a4")
    for x, y, turn, length, seed in (
        (-2.3, 1.05, -40, 1.7, 3),
        (-1.75, 2.3, -118, 2.0, 4),
        (-2.3, 1.9, -80, 1.6, 9),
        (-1.2, 2.2, -140, 1.1, 10),
    ):
        kit.place(lying_twig(length, seed, tones=frosty), (x, y, 0.06), (0, 0, turn))
    kit.place(open_cone(0.62, 2, 0.8), (-1.2, 1.36, 0.16), (82, 0, 40))
    kit.place(open_cone(0.5, 5, 0.8), (-1.5, 0.86, 0.13), (84, 0, 130))
    kit.place(lying_twig(1.2, 14, tones=frosty), (2.2, -1.75, 0.03), (0, 0, 50))


def flat_fir() -> None:
    """Cream linen with fir, matt baubles and ribbon along two borders."""
    even_world("#fff5ea", 0.46)
    cloth = washed_linen("linen", "#ece3d3", threads=2.3, strength=0.45)
    cloth_sheet(cloth, [(1.9, -1.0, -70, 0.08, 0.2), (-0.4, -2.0, 190, 0.08, 0.2)], size=10, count=480, seed=8)
    placed = [
        (-2.35, -0.9, -18, 1.9, 21), (-2.3, 0.5, -28, 1.8, 22), (-2.2, 1.9, -62, 1.7, 23),
        (-0.9, 2.35, -112, 1.6, 24), (0.5, 2.3, -118, 1.5, 25), (-1.9, 2.3, -95, 1.5, 26),
    ]  # fmt: skip
    for x, y, turn, length, seed in placed:
        kit.place(lying_twig(length, seed), (x, y, 0.01), (0, 0, turn))
    glass_bauble(0.24, (-1.42, 1.42), "#a63a32", roughness=0.3, metallic=0.35, turn=130)
    glass_bauble(0.19, (-1.5, 0.72), "#d8bd86", roughness=0.28, metallic=0.8, turn=60)
    glass_bauble(0.16, (-0.72, 1.58), "#efe6d6", roughness=0.35, metallic=0.2, turn=200)
    kit.place(open_cone(0.46, 8), (-1.5, -0.75, 0.16), (82, 0, 110))
    kit.place(open_cone(0.40, 9), (0.62, 1.62, 0.15), (80, 0, 200))
    wavy = [(-1.72, -1.9, 0.03), (-1.42, -1.45, 0.10), (-1.66, -1.05, 0.04), (-1.36, -0.4, 0.14), (-1.62, 0.2, 0.06)]
    ribbon(wavy, 0.13, "#9e342f", twist=(0, 50, -10, 55, 0))
    wavy = [(-0.1, 1.72, 0.04), (0.45, 1.42, 0.12), (0.95, 1.66, 0.05), (1.4, 1.48, 0.12), (2.0, 1.7, 0.04)]
    ribbon(wavy, 0.13, "#9e342f", twist=(0, 60, 0, -50, 0))


def flat_petals() -> None:
    """Pastel papers with cherry sprigs and petals."""
    even_world("#fff6f4", 0.46)
    kit.box("paper", (20, 20, 0.2), art_paper("blush", "#f1d9d4"), at=(0, 0, -0.2), bevel=0)
    sheet = kit.box("sheet", (6, 9, 0.012), art_paper("mint", "#d5e0d0"), at=(4.28, 0.4, 0), bevel=0.004)
    sheet.rotation_euler = (0, 0, math.radians(-7))
    cherry_sprig(
        [(-2.2, 1.0, 0.06), (-1.75, 1.25, 0.12), (-1.3, 1.42, 0.1), (-0.75, 1.66, 0.1), (-0.1, 1.62, 0.08)],
        3,
        flowers=9,
    )
    cherry_sprig(
        [(2.3, -1.2, 0.05), (1.8, -1.35, 0.10), (1.45, -1.25, 0.1), (1.3, -0.75, 0.08)], 8, flowers=5, buds=4, leaves=3
    )
    silk = vertex_paint("petal", translucent=0.2, roughness=0.55)
    rng = np.random.default_rng(6)
    for x, y in (
        (-1.45, 0.55),
        (-1.3, -0.4),
        (-1.6, -1.2),
        (0.75, 1.5),
        (1.35, 1.2),
        (0.7, -1.55),
        (-0.5, -1.6),
        (1.5, 0.2),
    ):
        petal = petal_mesh(rng.uniform(0.15, 0.21), ("#e9b4bd", "#faecee"), silk, int(rng.integers(999)), cup=0.6)
        kit.place(petal, (x, y, 0.01), (rng.uniform(0, 14), rng.uniform(-12, 12), rng.uniform(0, 360)))


def _sand_height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fine sand: level where products lie, ripples and small heaps along the borders."""
    border = _border(x / 1.1, y / 1.25)
    wave = np.sin(9 * (y + 0.25 * x) + 2.2 * kit.value_noise(x * 0.8, y * 0.8, 2))
    heaps = 0.05 * kit.value_noise(x * 0.9, y * 0.9, 3) + 0.025 * wave
    return border * heaps + 0.006 * kit.value_noise(x * 3, y * 3, 5) + 0.003 * kit.value_noise(x * 10, y * 10, 6)


def sand(name: str) -> bpy.types.Material:
    """Fine beach sand: pale with darker and lighter grains."""
    material = mt.principled(name, "#ecdfc8", roughness=0.95, specular=0.2)
    sh.layer_tint(material, [(0.3, "#e9dcc8"), (0.65, "#ffffff")], 0.9, detail=5)
    sh.layer_tint(material, [(0.30, "#b09a7c"), (0.40, "#f1e8da"), (0.62, "#ffffff")], 48, detail=2, amount=0.6)
    mt.add_bump(material, 3, 0.25, detail=3, depth=0.04)
    return mt.add_bump(material, 44, 0.8, detail=8, depth=0.008)


def palm_leaf_shadow(light: Light, at: tuple[float, float], turn: float, length: float, far: float, seed: int) -> None:
    """The hard shadow of a palm frond: narrow blades along a bent rib."""
    rng = np.random.default_rng(seed)
    twigs = []
    rib = math.radians(turn)
    for share in np.linspace(0.06, 1.0, 21):
        bend = 0.28 * share**2 * length
        x = at[0] + length * share * math.cos(rib) - bend * math.sin(rib)
        y = at[1] + length * share * math.sin(rib) + bend * math.cos(rib)
        for sign in (-1, 1):
            reach = length * (0.26 + 0.42 * math.sin(math.pi * min(1, share + 0.12)))
            angle = turn + 32 * share + sign * (62 - 34 * share) + rng.uniform(-5, 5)
            twigs.append((x, y, angle, reach * rng.uniform(0.85, 1.1)))
    block = mt.principled("palm", "#000000")
    objects = []
    for x, y, angle, reach in twigs:
        t = np.linspace(0, 1, 10)
        half = 0.05 * np.sin(math.pi * t**0.5) ** 0.7 * length / 3
        bow = 0.08 * reach * t**2
        outline = [*np.column_stack([t * reach, bow + half]), *np.column_stack([t * reach, bow - half])[::-1]]
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        verts = [(x + px * c - py * s, y + px * s + py * c, 0.0) for px, py in outline]
        objects.append(kit.mesh_object("blade", verts, [tuple(range(len(verts)))], block))

    cast(objects, light, far)


def flat_sand() -> None:
    """Fine sand with the hard shadow of palms and a few shells."""
    even_world("#eaf2ff", 0.36)
    kit.grid("sand", 8, 560, _sand_height, sand("sand"))
    scallop(0.5, (-1.38, -1.25), 24, ("#ecd6c2", "#c98d70"), 3)
    scallop(0.27, (-0.92, -1.55), -60, ("#eadccd", "#bf9a84"), 5)
    scallop(0.22, (-1.58, -0.5), 150, ("#eddccb", "#c8a68c"), 8)
    palm_leaf_shadow(SAND_LIGHT, (2.5, 1.9), 203, 2.7, 2.6, 2)
    palm_leaf_shadow(SAND_LIGHT, (2.5, -0.9), 165, 1.8, 4.0, 5)


def flat_leaves() -> None:
    """Kraft-toned linen with fallen leaves and acorns in two corners."""
    even_world("#fff2e2", 0.44)
    cloth = washed_linen("kraft", "#cdb491", shade="#d3c3aa", threads=1.8, strength=0.6)
    cloth_sheet(cloth, [(1.9, 0.3, 80, 0.12, 0.2), (-2.0, -0.6, -80, 0.12, 0.22)], size=10, count=480, seed=14)
    fallen_leaves(
        [
            ("maple", -1.25, 1.1, 32, 0.62), ("oak", -1.62, 0.35, 95, 0.6), ("beech", -0.62, 1.42, -70, 0.5),
            ("maple", -1.75, 1.3, 100, 0.5), ("maple", 1.32, -1.15, -145, 0.62), ("beech", 1.5, -0.35, 20, 0.5),
            ("oak", 0.72, -1.5, 80, 0.55), ("beech", 1.7, -1.3, 200, 0.45), ("beech", -1.2, 1.62, -20, 0.42),
        ],
        seed=31,
    )  # fmt: skip
    acorn((-1.32, 0.62, 0.07), (88, 0, 40), 0.24)
    acorn((-1.12, 0.74, 0.07), (92, 0, 150), 0.22)
    acorn((1.22, -0.62, 0.07), (90, 0, 250), 0.23)


def _flat(name: str, **fields: object) -> Plate:
    """A plate seen from straight above."""
    return Plate(name=name, **{"kind": "flat", "pitch": 90, "height_cm": (5, 26), **CENTERED, **fields})


PLATES = [
    _flat(
        "flat-linen",
        title="Washed linen",
        season="any",
        build=flat_linen,
        mood=("soft", "natural", "calm", "home"),
        setting="washed natural linen with a few soft folds, seen from above",
        light=LINEN_LIGHT,
        key=1.0,
        distance=13.0,
        height_cm=(6, 34),
    ),
    _flat(
        "flat-oak",
        title="Pale oak, window light",
        season="any",
        build=flat_oak,
        mood=("fresh", "natural", "bright", "home"),
        setting="pale oak boards with soft window light, seen from above",
        light=OAK_LIGHT,
        key=0.95,
        distance=14.0,
        height_cm=(6, 36),
    ),
    _flat(
        "flat-marble",
        title="Marble, leafy shadow",
        season="any",
        build=flat_marble,
        mood=("elegant", "fresh", "bright", "clean"),
        setting="pale honed marble with the soft shadow of leaves, seen from above",
        light=MARBLE_LIGHT,
        key=1.15,
        distance=11.0,
    ),
    _flat(
        "flat-snow",
        title="Fresh snow, fir twigs",
        season="winter",
        build=flat_snow,
        mood=("crisp", "fresh", "bright", "quiet"),
        setting="fresh snow with frosted fir twigs and cones in a corner, seen from above",
        light=SNOW_LIGHT,
        key=1.0,
    ),
    _flat(
        "flat-fir",
        title="Cream linen, fir and baubles",
        season="holiday",
        build=flat_fir,
        mood=("festive", "warm", "classic", "gift"),
        setting="cream linen with fir twigs, baubles, cones and a ribbon along two borders, seen from above",
        light=FIR_LIGHT,
        key=0.85,
    ),
    _flat(
        "flat-petals",
        title="Pastel paper, cherry blossom",
        season="spring",
        build=flat_petals,
        mood=("delicate", "fresh", "romantic", "light"),
        setting="blush and mint paper with sprigs of cherry blossom and loose petals, seen from above",
        light=PETALS_LIGHT,
        key=0.75,
    ),
    _flat(
        "flat-sand",
        title="Sand, palm shadow",
        season="summer",
        build=flat_sand,
        mood=("sunny", "beach", "warm", "airy"),
        setting="fine pale sand with the hard shadow of palm leaves and a few shells, seen from above",
        light=SAND_LIGHT,
        key=1.05,
    ),
    _flat(
        "flat-leaves",
        title="Kraft linen, fallen leaves",
        season="autumn",
        build=flat_leaves,
        mood=("cosy", "earthy", "warm", "natural"),
        setting="kraft-toned linen with fallen leaves and acorns in two corners, seen from above",
        light=LEAVES_LIGHT,
        key=1.05,
    ),
]
