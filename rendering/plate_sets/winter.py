"""Plates: winter. Snow, ice, window frames, a folded throw."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import bpy
import kit
import materials as mt
import numpy as np
from plate_spec import Light, Plate

from plate_sets import shading as sh
from plate_sets.backdrops import sweep, wall
from plate_sets.firs import far_twigs, fir_materials, fir_tree, fir_twig, pine_cone
from plate_sets.lights import color_world, even_world, glowing, soft_light
from plate_sets.shadows import lattice_shadow, shade_only, towards
from plate_sets.shapes import Zone, copy_of, ease, lump, outside, stamp
from plate_sets.surfaces import boards, sawn_timber

# ---- props


def glittering_snow(name: str = "snow", glints: float = 1.0) -> bpy.types.Material:
    """Fine-grained snow: soft relief, crystal grain, and single crystals that flash."""
    material = mt.principled(name, "#eef2f8", roughness=0.7, specular=0.25)
    mt.add_tint(material, [(0.3, "#e4ebf5"), (0.7, "#f5f7fa")], 1.1, detail=5)
    mt.add_bump(material, 2.2, 0.35, detail=4, depth=0.10)
    mt.add_bump(material, 16, 0.4, detail=4, depth=0.03)
    mt.add_bump(material, 75, 0.55, detail=3, depth=0.011)
    if glints:
        cells = sh.node(material, "TexVoronoi", {"Vector": sh.object_space(material), "Scale": 46.0})
        chance = sh.node(material, "SeparateColor", {0: cells.outputs["Color"]}).outputs[0]
        spot = sh.maths(material, "LESS_THAN", cells.outputs["Distance"], 0.34)
        lit = sh.maths(material, "MULTIPLY", spot, sh.smooth_span(material, chance, (0.965, 1.0)))
        sh.set_glow(material, "#ffffff", 0.0)
        sh.set_input(material, "Emission Strength", sh.maths(material, "MULTIPLY", lit, 1.6 * glints))
    return material


def crumbs(
    material: bpy.types.Material,
    count: int,
    areas: Sequence[Zone],
    sizes: tuple[float, float],
    seed: int,
    ground: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> None:
    """Small clods strewn over areas of the floor, which lies at z = 0 or at the height `ground`."""
    rng = np.random.default_rng(seed)
    shapes = [stamp(lump("crumb", (1, 1, 0.8), material, seed + i, 0.4, rows=10)) for i in range(4)]
    for _ in range(count):
        x0, x1, y0, y1 = areas[rng.integers(len(areas))]
        size = sizes[0] + (sizes[1] - sizes[0]) * rng.random() ** 3
        obj = kit.link(bpy.data.objects.new("crumb", shapes[rng.integers(4)].data))
        obj.scale = (size, size * rng.uniform(0.7, 1.2), size)
        x, y = rng.uniform(x0, x1), rng.uniform(y0, y1)
        z = float(ground(np.array(x), np.array(y))) if ground else 0.0
        kit.place(obj, (x, y, z + 0.2 * size), (0, 0, rng.uniform(0, 360)))


# ---- snow-morning

MORNING = Light(azimuth=104, elevation=27, size=3.0, kelvin=4900)


def _drifts(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Level where products stand, soft drifts behind and beside."""
    free = outside(x, y, (-2.0, 2.0, -2.2, 1.6), 3.5)
    small = 0.012 * kit.value_noise(x * 0.9 + 5, y * 0.9 + 3, 4) + 0.006 * kit.value_noise(x * 3.1, y * 3.1, 5)
    waves = kit.value_noise(x * 0.22 + 11, y * 0.16 + 7, 2) + 0.35 * kit.value_noise(x * 0.6, y * 0.45, 3)
    far = ease(y, 2.5, 14)
    left = 1.0 * np.exp(-(((x + 4.3) / 2.0) ** 2) - ((y - 5.2) / 2.2) ** 2)
    right = 0.75 * np.exp(-(((x - 4.6) / 1.9) ** 2) - ((y - 7.5) / 2.6) ** 2)
    return small + free * (0.16 * waves + left + right) + far * (0.45 + 0.5 * waves) * 0.7


def _snow_ground(material: bpy.types.Material) -> None:
    """Snow from before the camera to the woods, its mesh finer where it is seen closer."""
    near = np.sinh(np.linspace(-4.2, 4.2, 260))
    xs = near * 5.0
    ys = np.concatenate([np.linspace(-11, 14, 240), 14 + np.expm1(np.linspace(0.02, 5.2, 90))])
    kit.field("ground", xs, ys, _drifts, material)


def _sky(low: str, high: str, strength: float) -> None:
    """A pale sky, lighter at the horizon."""
    world = even_world(high, strength)
    view = sh.node(world, "TexCoord", {}).outputs["Generated"]
    up = sh.node(world, "SeparateXYZ", {0: view}).outputs["Z"]
    color_world(world, sh.ramp(world, up, [(0, low), (0.45, high)]))


def _snowy_woods() -> None:
    """Firs in three depths, each paler than the one before it."""
    depths = (("#6f8a8c", "#9db3b4", 40, 60), ("#9fb8c6", "#bfd1db", 75, 95), ("#c0d3e4", "#d5e2ed", 130, 150))
    rng = np.random.default_rng(8)
    for layer, (dark, light, near, far) in enumerate(depths):
        needle, bark = fir_materials(dark, light, frost="#f2f6fb", haze=(0.2, 0.17, 0.22)[layer])
        twigs = far_twigs(3, 40 + 3 * layer, needle, bark)
        columns = ((-0.08, 0.11, 0.9), (-0.02, 0.22, 0.72, 0.99), (0.05, 0.3, 0.44, 0.6, 0.8, 0.93))
        for column in columns[layer]:
            depth = rng.uniform(near, far)
            x = (column + rng.uniform(-0.03, 0.03) - 0.5) / 2.6 * depth
            fir_tree(twigs, (x, depth - 10, -1.0), depth * rng.uniform(0.10, 0.19), int(rng.integers(1000)))


def snow_morning() -> None:
    """Level packed snow before drifts and firs, low sun from the right."""
    ground = glittering_snow()
    _snow_ground(ground)
    crumbs(ground, 90, [(-3, -1.4, -2.5, 2), (1.5, 3, -2.5, 2)], (0.01, 0.05), 3, _drifts)
    _snowy_woods()
    needle, bark = fir_materials("#36523c", "#6b8a5e", frost="#eef3fa")
    load = glittering_snow("load", glints=0)
    twig = fir_twig("twig", 2.6, 5, needle, bark, cover=load)
    kit.place(twig, (2.9, 2.9, 0.3), (8, -6, 168))
    copy_of(twig, (3.5, 3.8, 0.5), (-10, -14, 205), 0.9)
    # A fir outside the picture breaks the light on the left and behind.
    spots = ((-1.3, 2.9), (0.6, 3.4), (-0.9, -1.75))
    shadows = []
    for i, (x, y) in enumerate(spots):
        shadows.append(
            copy_of(twig, towards(MORNING, (x, y, 0), 4.0 + 0.4 * i), (50 + 20 * i, -20 + 10 * i, 165 + 15 * i), 1.3)
        )
    shade_only(shadows)
    _far_wall(((0.0, "#e9eef4"), (0.12, "#e6edf4"), (0.5, "#cfe0f1"), (1.0, "#b5d0ee")), 60, 260, 0.95)
    _sky("#dbe8f5", "#9dc0ea", 0.62)


# ---- frost-window

FROST = Light(azimuth=112, elevation=33, size=9.0, kelvin=5900)


def _frosted_pane(width: float, height: float, at: kit.Point3) -> None:
    """A pane with rime that grows in from its edges."""
    pane = mt.principled("rime", "#f3f8fd", roughness=0.9)
    uv = sh.node(pane, "SeparateXYZ", {0: sh.node(pane, "TexCoord", {}).outputs["UV"]})
    edges = []
    for axis, size in (("X", width), ("Y", height)):
        flip = sh.maths(pane, "SUBTRACT", 1.0, uv.outputs[axis])
        edges.append(sh.maths(pane, "MULTIPLY", sh.maths(pane, "MINIMUM", uv.outputs[axis], flip), size))
    edge = sh.maths(pane, "MINIMUM", *edges)
    uneven = sh.maths(pane, "MULTIPLY", sh.noise(pane, sh.object_space(pane), 1.6, 8), -1.3)
    share = sh.smooth_span(pane, sh.maths(pane, "ADD", edge, uneven), (-0.72, 0.1), (0.97, 0.12))
    # Opaque, with soft shapes for the garden: behind a pane that lets light through the picture stays grainy.
    shapes = sh.smooth_span(pane, sh.noise(pane, sh.object_space(pane, (1.5, 1, 0.4)), 0.62, 2), (0.4, 0.6))
    garden = sh.mix(pane, shapes, sh.rgba("#9fbdd6"), sh.rgba("#d3e2ef"))
    sh.shine_only(pane, sh.mix(pane, share, garden, sh.rgba("#f3f8fd")), 0.85)
    x, y, z = at
    rings = [
        [(x - width / 2, y, z), (x + width / 2, y, z)],
        [(x - width / 2, y, z + height), (x + width / 2, y, z + height)],
    ]
    kit.loft("pane", rings, pane, caps=False, around=False)


def _far_wall(stops: sh.Stops, height: float, at: float, strength: float) -> None:
    """A shining backdrop far behind: its colour goes by height above the floor."""
    back = mt.principled("distance", "#000000", roughness=1)
    share = sh.maths(back, "DIVIDE", sh.coordinate(back, "Z"), height)
    sh.shine_only(back, sh.ramp(back, share, stops), strength)
    wide = 1.6 * at + 20
    wall(back, at, (-wide, wide), (-30, 3 * height))


def window(paint: bpy.types.Material, at: float, sill: float, columns: Sequence[float], rows: Sequence[float]) -> None:
    """A window's frame over y = at: bars at the columns (x) and rows (z), on a bottom rail `sill` high."""
    low, high = columns[0], columns[-1]
    kit.box("rail", (high - low + 2, 0.34, sill), paint, at=((low + high) / 2, at, 0), bevel=0.04)
    kit.box("lip", (high - low + 2, 0.5, 0.16), paint, at=((low + high) / 2, at - 0.02, sill * 0.42), bevel=0.05)
    for index, x in enumerate(columns):
        thick = 0.42 if index in (0, len(columns) - 1) else 0.24
        kit.box("bar", (thick, 0.26, 20), paint, at=(x, at, 0), bevel=0.04)
        kit.box("bead", (thick + 0.14, 0.12, 20), paint, at=(x, at + 0.08, 0), bevel=0.04)
    for z in rows:
        kit.box("cross", (high - low, 0.22, 0.22), paint, at=((low + high) / 2, at, z), bevel=0.04)


def frost_window() -> None:
    """A pale wooden sill before a window with rime on its panes."""
    pale = [
        sawn_timber("pale-a", ("#b9a78f", "#d3c5b1", "#e3d9ca"), pores=0.22, roughness=(0.45, 0.65)),
        sawn_timber("pale-b", ("#c0b09a", "#d8ccba", "#e6ddd0"), pores=0.22, roughness=(0.45, 0.65)),
    ]
    end = boards(pale, (1.7, 1.95, 1.8, 2.1, 1.6), -5.3, seed=4)
    paint = mt.add_bump(mt.principled("paint", "#eef0f0", roughness=0.45), 6, 0.12, stretch=(1, 1, 0.2), depth=0.02)
    at = end + 0.25
    columns = (-3.4, -0.9, 2.1, 5.1)
    window(paint, at, 0.62, columns, ())
    for left, right in itertools.pairwise(columns):
        _frosted_pane(right - left - 0.3, 5.0, ((left + right) / 2, at + 0.12, 0.6))
    _frost_props()
    lattice_shadow(FROST, (0.2, 0.6, 0), 0.3, bars=(-3.2, 0.9, 4.0), rails=(-0.95, 1.3, 3.4), far=3.5)
    soft_light((9, 5), (-3, -9, 8), 0.95, "#eef3fa", (0, 3, 0))
    even_world("#dfe9f4", 0.45)


def _frost_props() -> None:
    """A white vase with frosty fir at the right edge, a folded wool throw at the left."""
    clay = mt.add_bump(mt.principled("clay", "#e9e6e1", roughness=0.6), 7, 0.15, depth=0.02)
    outline = kit.smooth_path([(0.3, 0), (0.52, 0.25), (0.6, 0.65), (0.42, 1.05), (0.25, 1.25), (0.29, 1.36)], 8)
    profile = [(0.01, 0), *map(tuple, outline), (0.22, 1.3), (0.2, 0.8)]
    kit.place(kit.lathe("vase", profile, clay), (1.85, 2.3, 0))
    needle, bark = fir_materials("#6a8577", "#a3b8aa", frost="#f4f7fa")
    twig = fir_twig("twig", 2.2, 31, needle, bark, droop=0.6)
    kit.place(twig, (1.85, 2.3, 1.1), (0, -62, 150))
    copy_of(twig, (1.85, 2.3, 1.1), (30, -50, 20), 0.9)
    copy_of(twig, (1.85, 2.3, 1.1), (10, -75, 260), 0.8)
    folded_throw((-2.75, 1.9, 0), "#aebcc6", 11, 14)


def folded_throw(at: kit.Point3, color: str, seed: int, turn: float) -> None:
    """A woollen throw folded three times: soft slabs with round folds to the right."""
    wool = mt.principled("wool", color, roughness=0.95, sheen=0.4)
    mt.add_weave(wool, 14, 0.8)
    mt.add_bump(wool, 40, 0.5, detail=3, depth=0.02)
    mt.add_bump(wool, 3, 0.4, depth=0.08)
    rng = np.random.default_rng(seed)
    size = (2.4, 1.5)
    pieces = []
    z = 0.0
    for layer in range(3):
        thick = rng.uniform(0.17, 0.21)
        shift = rng.uniform(-0.07, 0.07)
        # A hairpin seen from the front: up and back around the fold.
        half, r = size[0] / 2, thick / 2
        arc = [(half + r * math.cos(a), r + r * math.sin(a)) for a in np.linspace(-math.pi / 2, math.pi / 2, 9)]
        outline = [(-half, 0.0), *arc, (-half, 2 * r)]
        rings = []
        for y in np.linspace(-size[1] / 2, size[1] / 2, 26):
            sag = 0.02 * kit.value_noise(np.array(y * 2.0 + 3), np.array(layer * 1.7), seed)
            rim = 1 - 0.35 * max(0.0, abs(y) / (size[1] / 2) - 0.93) / 0.07
            rings.append([(px + shift + sag * 2, y, z + r + (pz - r) * rim + sag) for px, pz in outline])
        pieces.append(kit.loft("fold", rings, wool, sharp_angle=70))
        z += thick * 0.97
    kit.gather(pieces, at, (0, 0, turn))


# ---- winter-cabin

CABIN = Light(azimuth=-62, elevation=42, size=18, kelvin=4800)


def winter_cabin() -> None:
    """A weathered table before a window at dusk."""
    old = [
        sawn_timber("old-a", ("#857666", "#aa9986", "#c6b7a5"), pores=0.6, relief=0.6, roughness=(0.5, 0.75)),
        sawn_timber("old-b", ("#8f8172", "#b3a391", "#cdbfae"), pores=0.6, relief=0.6, roughness=(0.5, 0.75)),
        sawn_timber("old-c", ("#7c6d5d", "#a08f7c", "#bcac99"), pores=0.6, relief=0.6, roughness=(0.5, 0.75)),
    ]
    end = boards(old, (1.5, 1.35, 1.6, 1.3, 1.45, 1.5), -5.6, gap=0.02, seed=9)
    frame = sawn_timber("frame", ("#4e3b2d", "#6a503c", "#82654c"), pores=0.4)
    at = end + 2.4
    columns = (-4.2, -1.4, 1.4, 4.2)
    window(frame, at, 0.5, columns, ())
    logs = sawn_timber("logs", ("#6b533f", "#8a6d53", "#a08468"), pores=0.5)
    for side in (-1, 1):
        kit.box("wall", (10, 0.5, 20), logs, at=(side * 9.4, at + 0.05, -6), bevel=0.05)
    kit.box("under", (30, 0.5, 8), logs, at=(0, at + 0.1, -8), bevel=0.05)
    _far_wall(((0.0, "#a9bfe0"), (0.25, "#8fadde"), (0.5, "#7fa1da"), (1.0, "#5f84c8")), 30, 80, 0.8)
    _cabin_outside()
    folded_throw((-2.6, 1.9, 0), "#d8cdbd", 5, -12)
    _cones((1.75, 1.95, 0))
    even_world("#c9d4ea", 0.42)


def _cabin_outside() -> None:
    """Snowy firs and a few lights beyond the panes."""
    needle, bark = fir_materials("#41648f", "#5f86b5", frost="#a9bfdf", haze=0.18)
    twigs = far_twigs(2, 70, needle, bark)
    for x, y, height in ((-11, 44, 17), (-4, 52, 14), (6.5, 40, 15), (13, 50, 19), (1.5, 64, 13)):
        fir_tree(twigs, (x, y, -9), height, int(x) + 80)
    lamp = glowing("#ff9a42", 7)
    rng = np.random.default_rng(3)
    for _ in range(13):
        depth = rng.uniform(24, 44)
        x, z = rng.uniform(-0.55, 0.55) * depth / 2.8, rng.uniform(-0.2, 2.4) - 0.07 * (depth - 20)
        kit.ball("light", rng.uniform(0.09, 0.15), (x, depth - 10, z), lamp, rows=10)


def _cones(at: kit.Point3) -> None:
    """Two cones and a fir twig."""
    kit.place(pine_cone(0.62, 2), (at[0] - 0.1, at[1] - 0.2, 0.24), (82, 0, 40))
    kit.place(pine_cone(0.55, 6), (at[0] + 0.5, at[1] - 0.75, 0.2), (88, 0, 150))
    needle, bark = fir_materials()
    twig = fir_twig("twig", 2.2, 22, needle, bark)
    kit.place(twig, (at[0] + 1.0, at[1] + 0.9, 0.12), (0, 0, 178))
    copy_of(twig, (at[0] + 1.5, at[1] + 1.5, 0.3), (15, -4, 190), 0.85)


# ---- ice-blue

ICE = Light(azimuth=-58, elevation=40, size=10, kelvin=5700)


def ice_block(size: kit.Point3, at: kit.Point3, turn: kit.Point3, material: bpy.types.Material, seed: int) -> None:
    """A block with melted edges and uneven faces."""
    block = kit.box("ice", size, material, bevel=0)
    kit.subdivide(block, 5)
    modifier = block.modifiers["subsurf"]
    modifier.subdivision_type = "SIMPLE"
    smooth = block.modifiers.new("melt", "SMOOTH")
    smooth.factor, smooth.iterations = 0.5, 14
    for strength, scale in ((0.22, 0.9), (0.05, 0.3)):
        texture = bpy.data.textures.new(f"ice{seed}", "CLOUDS")
        texture.noise_scale = scale
        wave = block.modifiers.new("uneven", "DISPLACE")
        wave.texture, wave.strength, wave.texture_coords = texture, strength, "GLOBAL"
    kit.place(block, at, turn)


def _heaps(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Soft heaps of snow at the sides; elsewhere below the paper."""
    heaps = (
        (-1.95, 3.2, 0.85, 0.6, 0.8),
        (-3.0, 4.9, 1.5, 1.0, 1.6),
        (2.2, 4.4, 1.1, 0.8, 1.1),
        (2.1, -1.8, 0.7, 0.4, 0.45),
        (2.5, 2.6, 0.8, 0.7, 0.5),
    )
    top = np.full_like(x, 0.0)
    for hx, hy, wide, deep, high in heaps:
        bump = high * np.exp(-(((x - hx) / wide) ** 2) - ((y - hy) / deep) ** 2)
        top = np.log(np.exp(9 * top) + np.exp(9 * bump)) / 9
    uneven = 0.5 * kit.value_noise(x * 1.1, y * 1.1, 31) + 0.25 * kit.value_noise(x * 2.7, y * 2.7, 32)
    base = math.log(len(heaps) + 1) / 9
    return (top - base) * (1 + 0.22 * uneven) + 0.05 * uneven - 0.10


def ice_blue() -> None:
    """A pale-blue sweep with heaps of snow and blocks of ice at its sides."""
    paper = mt.principled("paper", "#c1d5e4", roughness=0.55, specular=0.4)
    mt.add_tint(paper, [(0.35, "#bdd1e1"), (0.65, "#c5d8e6")], 0.5, detail=6)
    mt.add_roughness(paper, 0.42, 0.62, 2.0)
    mt.add_bump(paper, 60, 0.12, detail=3, depth=0.01)
    sweep(paper, start=5.5, radius=4.5)
    white = glittering_snow()
    ice = mt.glass("ice", "#e3f1fa", 0.07)
    mt.add_bump(ice, 5, 0.3, detail=4, depth=0.05)
    kit.field("heaps", np.linspace(-7, 7, 260), np.linspace(-4, 9, 240), _heaps, white)
    ice_block((0.95, 0.9, 1.25), (1.95, 2.5, 0), (0, 0, 24), ice, 1)
    ice_block((0.7, 0.7, 0.6), (1.3, 3.3, 0), (0, 0, -15), ice, 2)
    ice_block((0.62, 0.6, 0.5), (-1.72, 1.9, 0), (0, 0, 38), ice, 3)
    crumbs(white, 130, [(-2.4, -1.4, 1.2, 2.6), (1.5, 2.6, -2.6, -1.2), (1.0, 2.6, 1.9, 3.4)], (0.012, 0.08), 8)
    soft_light((6, 6), (7, -3, 6), 0.25, "#e8f2ff", (0, 0, 1))
    even_world("#dbe8f4", 0.42)


PLATES: list[Plate] = [
    Plate(
        name="snow-morning",
        title="Snow on a clear morning",
        season="winter",
        build=snow_morning,
        mood=("fresh", "clear", "cold", "bright", "outdoor"),
        setting="level packed snow outdoors on a clear morning, soft drifts and snowy firs blurred in a pale blue distance",
        light=MORNING,
        key=1.25,
        pitch=6.5,
        focal=2.6,
        stand_x=(0.38, 0.58),
        floor_end=3.0,
        height_cm=(6, 70),
        blur=0.045,
    ),
    Plate(
        name="frost-window",
        title="Sill by a frosty window",
        season="winter",
        build=frost_window,
        mood=("calm", "cold light", "quiet", "airy"),
        setting="pale wooden window sill in cold window light, window panes white with rime blurred behind",
        light=FROST,
        key=1.45,
        pitch=11.0,
        focal=2.8,
        floor_end=3.6,
        height_cm=(5, 40),
        blur=0.04,
        gloss=0.04,
        roughness=0.5,
    ),
    Plate(
        name="winter-cabin",
        title="Cabin table at dusk",
        season="winter",
        build=winter_cabin,
        mood=("cosy", "rustic", "warm", "evening"),
        setting="weathered wooden table in a cabin, a dusk-blue window with a few warm lights blurred behind",
        light=CABIN,
        key=1.25,
        pitch=12.0,
        focal=2.8,
        floor_end=2.6,
        height_cm=(5, 45),
        blur=0.045,
    ),
    Plate(
        name="ice-blue",
        title="Ice-blue studio",
        season="winter",
        build=ice_blue,
        mood=("fresh", "clean", "cool", "modern"),
        setting="pale ice-blue studio sweep with heaps of snow and blocks of ice at the sides",
        light=ICE,
        key=1.0,
        pitch=14.0,
        focal=3.1,
        floor_end=5.0,
        height_cm=(4, 60),
        blur=0.015,
        gloss=0.05,
        roughness=0.5,
    ),
]
