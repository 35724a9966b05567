"""Plates: holiday. Baubles, small lamps, paper stage, satin."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import kit
import materials as mt
import numpy as np
from plate_spec import Light, Plate

from plate_sets import shading as sh
from plate_sets.backdrops import arch_panel, wall
from plate_sets.firs import far_twigs, fir_materials, fir_tree, fir_twig, pine_cone
from plate_sets.lights import even_world, glowing, soft_light
from plate_sets.shadows import lattice_shadow, shade_only, towards
from plate_sets.shapes import copy_of, ease, outside, stamp
from plate_sets.surfaces import boards, sawn_timber

# ---- props


def in_view(
    column: float,
    row: float,
    depth: float,
    *,
    pitch: float,
    focal: float,
    distance: float = 10.0,
    stand_row: float = 0.76,
) -> kit.Point3:
    """The point that is drawn at a column and row of the picture, `depth` units in front of the camera."""
    down = math.radians(pitch)
    to_stand = down + math.atan((stand_row - 0.5) / focal)
    side, drop = (column - 0.5) / focal * depth, (row - 0.5) / focal * depth
    y = -distance * math.cos(to_stand) + depth * math.cos(down) - drop * math.sin(down)
    z = distance * math.sin(to_stand) - depth * math.sin(down) - drop * math.cos(down)
    return (side, y, z)


def bauble(
    material: bpy.types.Material,
    radius: float,
    at: tuple[float, float],
    seed: int,
    *,
    floor: float = 0.0,
) -> None:
    """A tree ball that has rolled to rest: its cap and ring point sideways."""
    rng = np.random.default_rng(seed)
    ball = kit.ball("bauble", radius, (0, 0, 0), material, rows=40)
    metal = mt.metal("cap", "#c9a565", 0.3)
    r = 0.2 * radius
    profile = [(0.01, 0.98), (1.0, 0.96), (1.08, 1.0), (1.0, 1.5), (0.85, 1.6), (0.01, 1.62)]
    top = kit.lathe("cap", [(r * px, radius * 0.97 + r * (pz - 0.96)) for px, pz in profile], metal, segments=32)
    ring = kit.tube("ring", kit.circle(0.55 * r, 24), 0.1 * r, metal, closed=True, resolution=3)
    kit.place(ring, (0, 0, radius * 0.97 + 1.05 * r), (90, 0, 40))
    turn = (rng.uniform(38, 70), rng.uniform(-12, 12), rng.choice((-1, 1)) * rng.uniform(70, 125))
    kit.gather([ball, top, ring], (*at, floor + radius), turn)


def matte(name: str, color: str, roughness: float = 0.5, metallic: float = 0.0) -> bpy.types.Material:
    """Lacquer of a bauble: matte, a little uneven."""
    material = mt.principled(name, color, roughness=roughness, metallic=metallic)
    mt.add_roughness(material, roughness * 0.85, roughness * 1.15, 4)
    return mt.add_bump(material, 26, 0.06, depth=0.01)


def lights_in_view(
    spots: Sequence[tuple[float, float, float]], radius: float, lamp: bpy.types.Material, **view: float
) -> None:
    """Lamps at (column, row, depth) of the picture; radius is that of a lamp 10 units away."""
    shape = stamp(kit.ball("lamp", radius / 10, (0, 0, 0), lamp, rows=8))
    for column, row, depth in spots:
        copy_of(shape, in_view(column, row, depth, **view), scale=depth)


def strewn(
    count: int, columns: tuple[float, float], rows: tuple[float, float], depths: tuple[float, float], seed: int
) -> list[tuple[float, float, float]]:
    """Spots for lamps, kept apart from each other so that they do not clot."""
    rng = np.random.default_rng(seed)
    spots: list[tuple[float, float, float]] = []
    while len(spots) < count:
        spot = (rng.uniform(*columns), rng.uniform(*rows), rng.uniform(*depths))
        if all(math.hypot(spot[0] - s[0], spot[1] - s[1]) > 0.028 for s in spots) or rng.random() < 0.06:
            spots.append(spot)
    return spots


# ---- holiday-lights

EVENING = Light(azimuth=-60, elevation=40, size=20, kelvin=5000)
_EVENING_VIEW = {"pitch": 10.0, "focal": 2.7}


def holiday_lights() -> None:
    """A walnut table before a green room full of small warm lights."""
    walnut = [
        sawn_timber("walnut-a", ("#50341f", "#74502f", "#8f6a45"), pores=0.4, relief=0.15, roughness=(0.22, 0.36)),
        sawn_timber("walnut-b", ("#583a24", "#7c5836", "#97724c"), pores=0.4, relief=0.15, roughness=(0.22, 0.36)),
    ]
    boards(walnut, (1.7, 1.5, 1.8, 1.6, 1.9, 1.5, 1.7, 1.6), -7.2, gap=0.008, seed=12, deep=3.1)
    green = mt.principled("green", "#4d6a58", roughness=0.9)
    mt.add_tint(green, [(0.3, "#456150"), (0.7, "#587663")], 0.15, detail=4)
    wall(green, 26, up=(-20, 60))
    needle, bark = fir_materials("#33513b", "#55754f")
    twigs = far_twigs(2, 80, needle, bark)
    fir_tree(twigs, (-4.6, 11.5, -6), 15, 4)
    fir_tree(twigs, (7.5, 17, -8), 17, 9)
    _evening_lights()
    _evening_props()
    soft_light((8, 4), (5, 9, 7), 0.35, "#ffd9a8", (0, 0, 0))
    even_world("#e9e4d6", 0.4)


def _evening_lights() -> None:
    """Lights on the firs and in two slack strings, near and far, so that their discs differ."""
    near, far = glowing("#ff9a3c", 9), glowing("#ffab55", 9)
    lights_in_view(strewn(13, (-0.02, 0.3), (0.0, 0.36), (17, 20), 5), 0.034, near, **_EVENING_VIEW)
    lights_in_view(strewn(8, (0.82, 1.02), (0.02, 0.34), (22, 26), 8), 0.030, near, **_EVENING_VIEW)
    for left, right, sag, seed in (((0.2, 0.0), (0.98, 0.1), 0.13, 3), ((0.0, 0.16), (0.72, -0.05), 0.12, 4)):
        rng = np.random.default_rng(seed)
        ts = (np.arange(13) + rng.uniform(0.2, 0.8, 13)) / 13
        spots = [
            (
                left[0] + (right[0] - left[0]) * t,
                left[1] + (right[1] - left[1]) * t + sag * 4 * t * (1 - t) + rng.normal(0, 0.008),
                rng.uniform(28, 33),
            )
            for t in ts
        ]
        lights_in_view(spots, 0.024, far, **_EVENING_VIEW)


def _evening_props() -> None:
    """A fir twig and baubles at the right, one bauble at the left."""
    needle, bark = fir_materials("#2f4f36", "#5d8054")
    twig = fir_twig("twig", 2.8, 17, needle, bark)
    kit.place(twig, (3.3, 2.3, 0.16), (5, -2, 172))
    copy_of(twig, (3.75, 1.0, 0.2), (-12, -3, 184), 0.72)
    brass = matte("brass", "#c39a5c", 0.34, 1.0)
    bauble(brass, 0.36, (1.72, 1.75), 3)
    bauble(matte("cream", "#dccfb8", 0.5), 0.4, (-1.85, 2.3), 8)


# ---- holiday-fir

NOON = Light(azimuth=52, elevation=40, size=4, kelvin=5200)


def holiday_fir() -> None:
    """Cream plaster, fir twigs and matte baubles at the edges, a window's light across the wall."""
    plaster = mt.principled("plaster", "#e6e0d5", roughness=0.85, specular=0.3)
    mt.add_tint(plaster, [(0.3, "#ded7ca"), (0.7, "#ebe6dc")], 0.7, detail=7, distortion=0.4)
    mt.add_bump(plaster, 1.2, 0.25, detail=6, depth=0.06)
    mt.add_bump(plaster, 38, 0.22, detail=4, depth=0.012)
    kit.field("floor", np.linspace(-30, 30, 2), np.linspace(-14, 5.2, 2), lambda x, y: 0 * x, plaster)
    wall(plaster, 5.2)
    needle, bark = fir_materials("#3c5a40", "#6f9062")
    twigs = [stamp(fir_twig("twig", 3.0, 50 + i, needle, bark)) for i in range(3)]
    for index, at, turn, scale in (
        (0, (-4.0, 3.1, 0.3), (6, -3, 3), 1.0),
        (1, (-4.0, 1.1, 0.2), (-14, -3, 9), 0.8),
        (2, (-3.3, 4.1, 0.4), (10, -6, -10), 0.8),
        (1, (3.3, -2.35, 0.18), (8, -3, 158), 0.9),
        (0, (3.6, -1.5, 0.2), (-10, -4, 182), 0.62),
    ):
        copy_of(twigs[index], at, turn, scale)
    bauble(matte("sage", "#9aa88f", 0.55), 0.42, (-1.72, 2.35), 1)
    bauble(matte("clay", "#c58f74", 0.55), 0.31, (-0.98, 2.3), 4)
    bauble(matte("cream", "#ece4d6", 0.55), 0.25, (1.28, 3.2), 9)
    bauble(matte("gold", "#c8a46a", 0.36, 1.0), 0.3, (1.75, 2.75), 12)
    kit.place(pine_cone(0.5, 4), (1.95, 1.9, 0.2), (86, 0, 70))
    lattice_shadow(NOON, (0.2, 3.4, 0.4), 0.26, bars=(-3.6, -1.1, 1.4, 3.9), rails=(1.0, -3.2), far=5)
    even_world("#f1efea", 0.36)


# ---- holiday-red

STAGE = Light(azimuth=58, elevation=47, size=13, kelvin=5300)


def _paper(name: str, dark: str, light: str) -> bpy.types.Material:
    """Dyed art paper: felt-like tooth, a trace of unevenness."""
    paper = mt.principled(name, dark, roughness=0.85, specular=0.25, sheen=0.08)
    mt.add_tint(paper, [(0.3, dark), (0.7, light)], 1.6, detail=9)
    mt.add_bump(paper, 55, 0.5, detail=4, depth=0.012)
    return mt.add_bump(paper, 130, 0.25, stretch=(1, 0.25, 1), detail=2, depth=0.006)


def _plinth(radius: float, height: float, material: bpy.types.Material, at: kit.Point3) -> None:
    """A round block with a rolled edge; `at` is the middle of its top."""
    b = 0.05
    edge = [(radius - b + b * math.sin(a), -b + b * math.cos(a)) for a in np.linspace(math.pi / 2, 0, 7)]
    profile = [(0.01, -height), (radius, -height), *edge, (0.01, 0)]
    kit.place(kit.lathe("plinth", profile, material, segments=256, sharp_angle=30), at)


def holiday_red() -> None:
    """Muted red paper: a broad round podium, arches behind it, a few golden balls."""
    middle = _paper("red", "#8d413c", "#924541")
    deep = _paper("deep", "#78352f", "#7c3833")
    pale = _paper("rose", "#a5655a", "#aa6a5f")
    _plinth(3.45, 0.9, middle, (0, 1.15, 0))
    kit.field("floor", np.linspace(-40, 40, 2), np.linspace(-20, 13, 2), lambda x, y: 0 * x - 0.9, deep)
    wall(pale, 13, up=(-0.9, 60))
    arch_panel(3.3, 3.05, 0.45, deep, (-1.65, 8.2, -0.9), 6)
    arch_panel(2.3, 2.3, 0.4, middle, (0.75, 7.0, -0.9), -5)
    _plinth(0.95, 1.25, deep, (2.55, 5.9, 0.35))
    gold = mt.metal("gold", "#d6ac63", 0.24)
    soft_gold = matte("soft-gold", "#cfa25a", 0.42, 1.0)
    bauble(soft_gold, 0.5, (2.5, 5.85), 2, floor=0.35)
    bauble(gold, 0.27, (1.85, 2.3), 7)
    bauble(soft_gold, 0.16, (1.95, 1.5), 8)
    bauble(soft_gold, 0.34, (-1.9, 2.6), 11)
    bauble(matte("red-ball", "#8e3a36", 0.5), 0.22, (-1.95, 1.75), 13)
    hoop = kit.tube("hoop", kit.circle(1.15, 120), 0.035, gold, closed=True)
    kit.place(hoop, (-2.35, 6.6, 0.25), (84, 0, 14))
    needle, bark = fir_materials()
    twig = fir_twig("twig", 3.0, 90, needle, bark)
    spots = ((-2.2, 8.0, 1.0), (0.3, 12.8, 1.0), (-1.0, 3.2, 0))
    shade_only(
        [copy_of(twig, towards(STAGE, at, 3.5), (70 + 30 * i, -30, 150 + 25 * i), 1.5) for i, at in enumerate(spots)]
    )
    bpy.data.objects.remove(twig)
    soft_light((5, 5), (-7, -2, 6), 0.3, "#ffe9d8", (0, 2, 0))
    even_world("#f2e6de", 0.42)


# ---- holiday-gold

SATIN = Light(azimuth=-74, elevation=34, size=20, kelvin=5100)
_SATIN_VIEW = {"pitch": 13.0, "focal": 2.8}


def _satin_relief(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Flat where products stand, long folds swept around it."""
    free = outside(x, y, (-1.85, 1.85, -1.25, 1.25), 1.1)
    bend = kit.value_noise(x * 0.2 + 4, y * 0.2 + 9, 21)
    way = 0.45 * x + 1.0 * y + 2.0 * bend
    crest = 0.55 + 0.45 * kit.value_noise(x * 0.45 + 2, y * 0.45, 24)
    folds = (0.5 + 0.5 * np.cos(way * 3.4 + 0.8 * kit.value_noise(x * 0.5, y * 0.5, 23))) ** 2.4
    minor = (0.5 + 0.5 * np.sin(way * 7.5 + 2.5 * kit.value_noise(x * 0.5 + 3, y * 0.5, 25))) ** 2
    quiet = 0.010 * kit.value_noise(x * 0.8, y * 0.8, 27)
    return quiet + free * (0.5 * folds * crest + 0.08 * minor) - 6.0 * ease(y, 7.5, 9.5)


def holiday_gold() -> None:
    """Champagne satin with folds at its sides before cream and golden lights."""
    satin = mt.principled("satin", "#e2d2b6", roughness=0.44, metallic=0.15, specular=0.45)
    satin.node_tree.nodes["Principled BSDF"].inputs["Anisotropic"].default_value = 0.5
    mt.add_tint(satin, [(0.3, "#dfceb0"), (0.7, "#e6d7bd")], 0.8, detail=5)
    mt.add_weave(satin, 45, 0.16)
    mt.add_bump(satin, 1.4, 0.1, detail=3, depth=0.06)
    kit.field("cloth", np.linspace(-9, 9, 420), np.linspace(-8, 9.5, 420), _satin_relief, satin)
    cream = mt.principled("cream", "#dfd2bd", roughness=0.9)
    mt.add_tint(cream, [(0.3, "#d9c8ac"), (0.7, "#e3d4bb")], 0.2)
    sh.set_glow(cream, "#f0d6ac", 0.16)
    wall(cream, 24, up=(-10, 60))
    lamp = glowing("#ff9f3e", 7)
    lights_in_view(strewn(16, (-0.02, 0.5), (-0.02, 0.3), (18, 22), 6), 0.036, lamp, **_SATIN_VIEW)
    lights_in_view(strewn(16, (0.35, 1.02), (-0.02, 0.26), (24, 33), 7), 0.026, lamp, **_SATIN_VIEW)
    gold = matte("gold", "#d2aa68", 0.36, 1.0)
    pale = matte("pale", "#e6d8c0", 0.5)
    bauble(gold, 0.4, (-1.8, 2.2), 1, floor=0.05)
    bauble(pale, 0.3, (-1.2, 2.75), 6, floor=0.1)
    bauble(pale, 0.36, (1.85, 2.0), 3, floor=0.05)
    bauble(gold, 0.2, (1.95, 1.35), 5, floor=0.01)
    soft_light((6, 3), (3, 8, 6), 0.4, "#ffe4b8", (0, 0, 0))
    even_world("#f4ecdf", 0.38)


PLATES: list[Plate] = [
    Plate(
        name="holiday-lights",
        title="Walnut and fairy lights",
        season="holiday",
        build=holiday_lights,
        mood=("festive", "warm", "cosy", "evening"),
        setting="walnut table with a slight gloss, dark green room with warm fairy lights blurred behind, fir twig and baubles",
        light=EVENING,
        key=1.55,
        pitch=10.0,
        focal=2.7,
        floor_end=3.1,
        height_cm=(5, 50),
        blur=0.055,
        gloss=0.12,
        roughness=0.28,
    ),
    Plate(
        name="holiday-fir",
        title="Fir and baubles on cream",
        season="holiday",
        build=holiday_fir,
        mood=("festive", "fresh", "bright", "natural"),
        setting="cream plaster surface and wall in window light, fir twigs and a few matte baubles at the edges",
        light=NOON,
        key=0.98,
        pitch=14.0,
        focal=2.9,
        floor_end=5.2,
        height_cm=(4, 50),
        blur=0.02,
    ),
    Plate(
        name="holiday-red",
        title="Red paper stage",
        season="holiday",
        build=holiday_red,
        mood=("festive", "elegant", "rich", "studio"),
        setting="round podium of muted red paper before red paper arches, small golden ornaments",
        light=STAGE,
        key=1.3,
        pitch=12.0,
        focal=2.8,
        floor_end=4.0,
        height_cm=(4, 40),
        blur=0.02,
    ),
    Plate(
        name="holiday-gold",
        title="Champagne satin",
        season="holiday",
        build=holiday_gold,
        mood=("festive", "luxurious", "soft", "glowing"),
        setting="champagne satin smooth in the middle with soft folds around, cream background with golden lights out of focus",
        light=SATIN,
        key=1.2,
        pitch=13.0,
        focal=2.8,
        floor_end=2.6,
        height_cm=(3, 40),
        blur=0.045,
        gloss=0.05,
        roughness=0.45,
    ),
]
