"""The products: one function a model, each standing on z = 0 with its front towards -y.

A function only adds objects; which of them are the product, the caller sees by what is new in the scene.
"""

from __future__ import annotations

import math

import bpy
import kit
import labels
import materials as mt
import numpy as np


def _mug(glaze: bpy.types.Material, height: float, radius: float) -> None:
    """A mug with foot ring, rounded lip and a handle to the right."""
    r, h = radius, height
    outside = [(0.0, 0.03), (r * 0.72, 0.03), (r * 0.75, 0.0), (r * 0.82, 0.0), (r * 0.88, 0.04)]
    wall = [(r * 0.97, 0.14), (r, 0.3), (r, h * 0.6), (r * 0.99, h - 0.04)]
    lip = [(r * 0.985, h - 0.008), (r * 0.965, h), (r * 0.94, h - 0.008), (r * 0.93, h - 0.04)]
    inside = [(r * 0.92, h * 0.5), (r * 0.91, 0.3), (r * 0.86, 0.15), (r * 0.7, 0.09), (0.0, 0.08)]
    profile = kit.smooth_path(outside, 3).tolist() + kit.smooth_path(wall + lip + inside, 6).tolist()
    kit.lathe("mug", profile, glaze)
    ear = [(r * 0.96, h * 0.8), (r * 1.3, h * 0.84), (r * 1.62, h * 0.72), (r * 1.68, h * 0.5)]
    ear += [(r * 1.5, h * 0.3), (r * 1.2, h * 0.21), (r * 0.96, h * 0.2)]
    path = kit.smooth_path([(x, 0.0, z) for x, z in ear], 10)
    # The handle swells where it meets the wall, as pulled clay does.
    swell = 0.052 + 0.03 * np.abs(np.linspace(-1, 1, len(path))) ** 6
    kit.tube("handle", path, swell.tolist(), glaze, resolution=8)


def mug_blue() -> None:
    """Stoneware mug in a blue dipped glaze over a bare clay foot."""
    stops = [(0.15, "#b08d6a"), (0.19, "#16355f"), (0.55, "#1f5aa8"), (0.96, "#2f74c0"), (1.0, "#6b86a0")]
    glaze = mt.by_height("glaze", stops, 0.98, wobble=0.08, roughness=0.16, coat=0.5)
    _mug(mt.add_bump(glaze, 4, 0.12), 0.98, 0.42)


def mug_white() -> None:
    """Plain white porcelain mug."""
    _mug(mt.principled("porcelain", "#efeeea", roughness=0.1, coat=0.6, subsurface=0.05), 0.92, 0.41)


def tea_box() -> None:
    """Printed carton; every side has its own panel."""
    panels = [labels.tea_front(), labels.tea_back(), labels.tea_side(), labels.tea_side()]
    panels += [labels.tea_top(), labels.tea_top()]
    names = ("front", "back", "left", "right", "bottom", "top")
    card = [
        mt.add_bump(mt.printed(name, panel, roughness=0.45, coat=0.1), 2, 0.08, depth=0.05)
        for name, panel in zip(names, panels, strict=True)
    ]
    kit.box("carton", (0.86, 0.5, 1.22), card, bevel=0.012)


def vase() -> None:
    """Terracotta vase, half dipped in a cream glaze, a little uneven as hand-thrown ware is."""
    stops = [(0.0, "#a4552f"), (0.46, "#b4633a"), (0.5, "#b4633a"), (0.515, "#ecdcc0"), (1.0, "#f3e8d2")]
    clay = mt.by_height("clay", stops, 2.3, wobble=0.03, roughness=0.55)
    mt.add_bump(clay, 2.0, 0.35, stretch=(0.3, 0.3, 9), detail=4, depth=0.02)
    outside = [(0.0, 0.0), (0.36, 0.0), (0.4, 0.04), (0.6, 0.35), (0.7, 0.75), (0.62, 1.2), (0.4, 1.6)]
    outside += [(0.25, 1.85), (0.24, 2.05), (0.33, 2.24), (0.36, 2.28)]
    inside = [(0.33, 2.27), (0.2, 2.05), (0.21, 1.85), (0.35, 1.55), (0.5, 1.0), (0.0, 0.9)]
    kit.lathe("vase", kit.smooth_path(outside + inside, 8), clay)


def candle() -> None:
    """Soy candle in an amber jar with a paper label."""
    jar = mt.glass("amber", "#d98a3a", 0.03)
    wax = mt.add_bump(mt.principled("wax", "#f3e3bd", roughness=0.5, subsurface=0.4), 2, 0.15)
    outside = [(0.0, 0.0), (0.36, 0.0), (0.4, 0.04), (0.41, 0.1), (0.41, 0.92), (0.4, 0.95)]
    inside = [(0.385, 0.95), (0.375, 0.92), (0.375, 0.13), (0.33, 0.09), (0.0, 0.09)]
    kit.lathe("jar", outside + inside, jar, sharp_angle=60)
    kit.lathe(
        "wax", [(0.0, 0.1), (0.33, 0.1), (0.372, 0.14), (0.372, 0.75), (0.36, 0.735), (0.05, 0.72), (0.0, 0.73)], wax
    )
    kit.tube("wick", [(0, 0, 0.7), (0.004, 0, 0.8), (0.02, 0, 0.88)], 0.012, mt.principled("wick", "#3a3129"))
    label = mt.printed("label", labels.candle(), roughness=0.7)
    kit.arc_patch("label", 0.4125, 0.2, 0.72, 105, label)


def notebook() -> None:
    """Hard-cover notebook with elastic band and ribbon, lying on its back."""
    cover = mt.add_bump(mt.principled("cover", "#a3262c", roughness=0.5, sheen=0.1), 45, 0.35, depth=0.01)
    paper = mt.add_bump(mt.principled("pages", "#efe6d2", roughness=0.9), 3, 0.6, stretch=(0.2, 0.2, 60))
    dark = mt.principled("elastic", "#231a1c", roughness=0.7)
    kit.box("back", (1.36, 2.1, 0.035), cover, bevel=0.016)
    kit.box("pages", (1.29, 2.02, 0.15), paper, at=(0, 0, 0.033), bevel=0.004)
    kit.box("front", (1.36, 2.1, 0.035), cover, at=(0, 0, 0.18), bevel=0.016)
    kit.box("spine", (0.05, 2.1, 0.215), cover, at=(-0.66, 0, 0.0), bevel=0.022)
    kit.box("elastic", (0.075, 2.116, 0.23), dark, at=(0.5, 0, -0.004), bevel=0.008)
    ribbon = kit.smooth_path(
        [(-0.3, -0.9, 0.16), (-0.3, -1.03, 0.15), (-0.28, -1.12, 0.06), (-0.24, -1.25, 0.012), (-0.27, -1.42, 0.01)], 8
    )
    kit.strap("ribbon", ribbon, 0.06, 0.008, mt.principled("ribbon", "#e0b04a", roughness=0.6), (1, 0, 0))
    gold = mt.metal("foil", "#d9b25a", 0.25)
    for body, size, y in (("FIELD NOTES", 0.16, 0.25), ("OF A SLOW YEAR", 0.085, 0.07)):
        kit.place(kit.text("title", body, size, gold), (-0.08, y, 0.2155))
    kit.tube("rule", [(-0.35, -0.04, 0.215), (0.19, -0.04, 0.215)], 0.004, gold)


def soap_bottle() -> None:
    """Pump bottle of hand soap, labels front and back."""
    plastic = mt.principled("plastic", "#2f7d5b", roughness=0.22, coat=0.3, subsurface=0.05)
    foot = [(0.0, 0.02), (0.26, 0.0), (0.31, 0.02), (0.335, 0.07), (0.335, 0.1)]
    shoulder = [(0.335, 1.2), (0.32, 1.3), (0.26, 1.37), (0.17, 1.41), (0.15, 1.45), (0.15, 1.5)]
    kit.lathe("bottle", [*foot, *kit.smooth_path(shoulder, 6).tolist(), (0.0, 1.5)], plastic)
    _pump(mt.principled("pump", "#1d1f20", roughness=0.35))
    for name, picture, turn in (("front", labels.soap_front(), 0), ("back", labels.soap_back(), 180)):
        paper = mt.printed(name, picture, roughness=0.35, coat=0.2)
        kit.place(kit.arc_patch(name, 0.3375, 0.24, 1.1, 118, paper), turn=(0, 0, turn))


def _pump(black: bpy.types.Material) -> None:
    """Collar, stem and spout of the dispenser."""
    collar = [(0, 1.44), (0.185, 1.44), (0.19, 1.46), (0.19, 1.6), (0.175, 1.63), (0.08, 1.64), (0.07, 1.66), (0, 1.66)]
    kit.lathe("collar", collar, black)
    kit.lathe("stem", [(0, 1.6), (0.05, 1.6), (0.05, 1.84), (0, 1.84)], black)
    kit.lathe("head", [(0, 1.8), (0.1, 1.8), (0.12, 1.82), (0.12, 1.9), (0.1, 1.93), (0, 1.935)], black)
    spout = kit.smooth_path([(0, 0, 1.875), (-0.2, -0.03, 1.885), (-0.36, -0.05, 1.87), (-0.43, -0.06, 1.8)], 6)
    kit.tube("spout", spout, np.linspace(0.06, 0.036, len(spout)).tolist(), black)


def kettle() -> None:
    """Stove kettle in polished steel with black handle and knob."""
    steel = mt.metal("steel", "#d8d6d2", 0.14)
    black = mt.principled("bakelite", "#17181a", roughness=0.3, coat=0.3)
    profile = [(0.0, 0.0), (0.9, 0.0), (0.97, 0.03), (1.0, 0.1), (0.99, 0.22), (0.9, 0.6), (0.72, 0.95), (0.5, 1.15)]
    kit.lathe("body", kit.smooth_path(profile, 6), steel)
    kit.ring_tube("seam", 0.995, 0.012, 0.16, steel)
    kit.lathe("lid", kit.smooth_path([(0.52, 1.13), (0.53, 1.15), (0.45, 1.2), (0.25, 1.27), (0.0, 1.3)], 5), steel)
    kit.ring_tube("rim", 0.52, 0.015, 1.14, steel)
    knob = [(0.0, 1.28), (0.06, 1.28), (0.06, 1.34), (0.13, 1.4), (0.13, 1.46), (0.08, 1.5), (0.0, 1.505)]
    kit.lathe("knob", kit.smooth_path(knob, 5), black)
    spout = kit.smooth_path([(0.7, 0, 0.5), (1.0, 0, 0.72), (1.22, 0, 1.0), (1.36, 0, 1.14)], 8)
    kit.tube("spout", spout, np.linspace(0.24, 0.12, len(spout)).tolist(), steel, resolution=10)
    kit.tube("hole", [(1.33, 0, 1.115), (1.363, 0, 1.144)], 0.1, mt.principled("dark", "#050505"), resolution=10)
    _kettle_handle(steel, black)


def _kettle_handle(steel: bpy.types.Material, black: bpy.types.Material) -> None:
    """Grip arching over the lid on two steel mounts."""
    for side in (-1, 1):
        mount = kit.smooth_path([(side * 0.7, 0, 0.92), (side * 0.84, 0, 1.15), (side * 0.84, 0, 1.45)], 8)
        kit.strap("mount", mount, 0.16, 0.03, steel)
    angles = np.linspace(0, math.pi, 40)
    arch = [(0.84 * math.cos(a), 0, 1.42 + 0.46 * math.sin(a)) for a in angles]
    grip = 0.055 + 0.03 * np.sin(angles) ** 0.5
    kit.tube("grip", arch, grip.tolist(), black, resolution=8)


def mills() -> None:
    """Salt and pepper mill, light and dark wood: one product in two parts."""
    steel = mt.metal("steel", "#cfcbc4", 0.2)
    oak = mt.wood("oak", "#b98a56", "#d0a873", "#dfc08f", stretch=(9, 9, 0.8), roughness=0.35, coat=0.15)
    walnut = mt.wood("walnut", "#2b1a10", "#4a2e1c", "#6a4529", stretch=(9, 9, 0.8), roughness=0.35, coat=0.15)
    _mill(oak, steel, (-0.36, -0.02, 0), 70)
    _mill(walnut, steel, (0.36, 0.14, 0), 20)


def _mill(grain: bpy.types.Material, steel: bpy.types.Material, at: kit.Point3, turn: float) -> None:
    """One mill: waisted body, steel collar, round head, nut on top."""
    outline = [(0.0, 0.0), (0.27, 0.0), (0.29, 0.03), (0.29, 0.2), (0.24, 0.36), (0.2, 0.62), (0.22, 0.9), (0.26, 1.06)]
    head = [(0.0, 1.12), (0.24, 1.12), (0.27, 1.16), (0.27, 1.3), (0.23, 1.44), (0.12, 1.53), (0.0, 1.55)]
    parts = [
        kit.lathe("body", [*kit.smooth_path(outline, 6).tolist(), (0.0, 1.06)], grain),
        kit.lathe("collar", [(0, 1.05), (0.235, 1.05), (0.235, 1.125), (0, 1.125)], steel),
        kit.lathe("head", kit.smooth_path(head, 6), grain),
        kit.lathe("nut", [(0, 1.53), (0.06, 1.53), (0.06, 1.6), (0.045, 1.62), (0, 1.62)], steel),
    ]
    kit.gather(parts, at, (0, 0, turn))


def glass_bottle() -> None:
    """Clear bottle with cork and a small label."""
    outside = [(0.0, 0.05), (0.2, 0.03), (0.33, 0.0), (0.38, 0.03), (0.39, 0.12), (0.39, 0.6), (0.39, 1.3), (0.37, 1.5)]
    outside += [(0.26, 1.75), (0.15, 1.95), (0.13, 2.1), (0.13, 2.45), (0.16, 2.47), (0.165, 2.55), (0.15, 2.6)]
    inside = [(0.115, 2.6), (0.1, 2.5), (0.1, 2.1), (0.12, 1.95), (0.23, 1.75), (0.34, 1.5), (0.36, 1.3)]
    inside += [(0.36, 0.6), (0.36, 0.16), (0.3, 0.1), (0.1, 0.11), (0.0, 0.14)]
    kit.lathe("bottle", kit.smooth_path(outside + inside, 6), mt.glass("glass", "#f4faf7"))
    cork = mt.principled("cork", "#b98d5c", roughness=0.9)
    mt.add_tint(cork, [(0.35, "#7d5a36"), (0.45, "#bd9260"), (0.7, "#caa273")], 14)
    kit.lathe("cork", [(0, 2.38), (0.098, 2.38), (0.108, 2.6), (0.125, 2.72), (0.12, 2.75), (0, 2.755)], cork)
    kit.arc_patch("label", 0.3925, 0.62, 1.05, 95, mt.printed("label", labels.bottle(), roughness=0.8))


def lamp() -> None:
    """Desk lamp: linen drum shade on three thin beech legs."""
    beech = mt.wood("beech", "#a87848", "#c69a66", "#d8b283", stretch=(8, 8, 0.8))
    brass = mt.metal("brass", "#c9a24f", 0.2)
    shade = mt.add_bump(mt.principled("linen", "#d99a2b", roughness=0.9), 14, 0.35, stretch=(1, 1, 7), depth=0.03)
    for angle in (-95, 25, 145):
        a = math.radians(angle)
        foot = (1.05 * math.cos(a), 1.05 * math.sin(a), 0.02)
        top = (0.07 * math.cos(a), 0.07 * math.sin(a), 2.05)
        kit.tube("leg", kit.smooth_path([foot, top], 12), np.linspace(0.03, 0.055, 13).tolist(), beech)
        kit.ball("pad", (0.045, 0.045, 0.02), foot, mt.principled("rubber", "#1b1b1b"))
    hub = [(0, 1.9), (0.13, 1.92), (0.15, 1.98), (0.15, 2.08), (0.06, 2.14), (0.05, 2.3), (0.0, 2.3)]
    kit.lathe("hub", kit.smooth_path(hub, 4), brass)
    kit.lathe_open("shade", [(0.82, 2.25), (0.6, 3.45), (0.59, 3.45), (0.81, 2.25)], shade)
    for radius, z in ((0.815, 2.25), (0.595, 3.45)):
        kit.ring_tube("hem", radius, 0.018, z, shade)
    kit.ball("bulb", 0.16, (0, 0, 2.75), mt.principled("bulb", "#ffd9a0", emission=9.0))
    kit.lathe("socket", [(0, 2.25), (0.08, 2.25), (0.08, 2.6), (0, 2.6)], brass)


def basket() -> None:
    """Openwork willow basket with two grips; the background shows through the weave."""
    rods = (("#7d5430", "#a37442", "#c0935c"), ("#6b4526", "#94663a", "#b3834d"), ("#8c6238", "#b3844f", "#cfa56c"))
    tones = [mt.wood(f"willow{i}", *colors, stretch=(6, 6, 6)) for i, colors in enumerate(rods)]
    _weave(tones, stakes=24, height=1.5)
    _braid(1.21, 1.52, tones)
    _braid(0.985, 0.035, tones)
    kit.lathe("bottom", [(0, 0.04), (0.96, 0.04), (0.96, 0.07), (0, 0.07)], tones[1])
    for side in (-1, 1):
        for shift in (0.0, 0.055):
            grip = []
            for i, a in enumerate(np.linspace(0, math.pi, 30)):
                # The second rod winds about the first.
                x, z = side * (1.2 + 0.1 * math.sin(a)), 1.5 + 0.42 * math.sin(a)
                grip.append((x + shift * math.cos(1.8 * i), 0.4 * math.cos(a), z + shift * math.sin(1.8 * i)))
            kit.tube("grip", grip, 0.04, tones[0])


def _weave(tones: list[bpy.types.Material], stakes: int, height: float) -> None:
    """Upright stakes, and rows of rods that pass in front of one stake and behind the next."""
    rng = np.random.default_rng(7)
    for i in range(stakes):
        a, r = 2 * math.pi * i / stakes, np.linspace(0.98, 1.2, 9)
        points = np.stack([r * math.cos(a), r * math.sin(a), np.linspace(0.03, height, 9)], axis=-1)
        kit.tube("stake", points, 0.033, tones[i % 3], resolution=3)
    angles = np.linspace(0, 2 * math.pi, stakes * 10, endpoint=False)
    # Dense at the foot and the rim, two open bands between.
    levels = [*np.arange(0.05, 0.42, 0.062), 0.62, 0.685, 0.95, 1.015, *np.arange(1.24, 1.5, 0.062)]
    for row, z in enumerate(levels):
        r = 0.98 + 0.22 * z / height + 0.045 * np.cos(angles * stakes / 2 + math.pi * row)
        jitter = 0.008 * rng.normal() + 0.01 * np.sin(3 * angles + rng.uniform(0, 6))
        points = np.stack([r * np.cos(angles), r * np.sin(angles), z + jitter], axis=-1)
        kit.tube("weft", points, 0.032, tones[int(rng.integers(3))], closed=True, resolution=3)


def _braid(radius: float, height: float, tones: list[bpy.types.Material]) -> None:
    """A rim of three strands wound about each other."""
    angles = np.linspace(0, 2 * math.pi, 480, endpoint=False)
    for strand in range(3):
        phase = 22 * angles + strand * 2 * math.pi / 3
        r = radius + 0.04 * np.cos(phase)
        points = np.stack([r * np.cos(angles), r * np.sin(angles), height + 0.04 * np.sin(phase)], axis=-1)
        kit.tube("braid", points, 0.036, tones[strand], closed=True, resolution=3)


def headphones() -> None:
    """Black over-ear headphones lying on the edge of their cups."""
    matte = mt.add_bump(mt.principled("shell", "#141517", roughness=0.42), 60, 0.1)
    pad = mt.add_bump(mt.principled("leatherette", "#0e0e0f", roughness=0.5, sheen=0.1), 18, 0.5, depth=0.02)
    steel = mt.metal("steel", "#6d7076", 0.25)
    arc = [(0.86 * math.cos(a), 0.0, 0.75 + 1.02 * math.sin(a)) for a in np.linspace(0.16, math.pi - 0.16, 48)]
    inner = [(0.8 * math.cos(a), 0.0, 0.72 + 0.98 * math.sin(a)) for a in np.linspace(0.7, math.pi - 0.7, 40)]
    parts = [
        kit.strap("band", arc, 0.34, 0.07, matte),
        kit.subdivide(kit.strap("cushion", inner, 0.3, 0.12, pad), 2),
    ]
    for side in (-1, 1):
        parts += _ear_cup(side, matte, pad, steel)
    # Laid back until the top of the band rests on the cloth.
    kit.gather(parts, (0, -0.5, 0.37), (-78, 0, 0))


def _ear_cup(
    side: int, matte: bpy.types.Material, pad: bpy.types.Material, steel: bpy.types.Material
) -> list[bpy.types.Object]:
    """Cup, cushion and the steel fork that holds them."""
    angles = np.linspace(-0.1, math.pi + 0.1, 30)
    yoke = [(side * 0.9, 0.41 * math.cos(a), 0.02 + 0.46 * math.sin(a)) for a in angles]
    rail = [(side * 0.855, 0, 0.95), (side * 0.875, 0, 0.7), (side * 0.9, 0, 0.3)]
    shell = [(0.0, 0.26), (0.2, 0.255), (0.33, 0.2), (0.385, 0.1), (0.39, 0.0), (0.0, 0.0)]
    cup = [
        kit.lathe("cup", kit.smooth_path(shell, 6), matte),
        kit.ring_tube("ear", 0.28, 0.115, 0.0, pad),
        kit.lathe("mesh", [(0, -0.02), (0.2, -0.02), (0.2, 0.0), (0, 0.0)], pad),
        kit.ring_tube("trim", 0.3, 0.012, 0.225, steel),
    ]
    root = kit.gather(cup, (side * 0.8, 0, 0), (0, side * 90, 0))
    return [root, kit.strap("slider", rail, 0.14, 0.04, steel), kit.tube("yoke", yoke, 0.035, steel)]


def necklace() -> None:
    """Gold chain with a pendant, laid out in a loop."""
    gold = mt.metal("gold", "#e2b154", 0.16)
    right = [(0.0, -0.95), (0.5, -0.5), (0.83, 0.1), (0.8, 0.62), (0.42, 0.93)]
    left = [(-0.08, 0.82), (-0.5, 0.95), (-0.86, 0.58), (-0.8, 0.02), (-0.42, -0.5)]
    _chain(kit.smooth_path(right + left, 60, closed=True), gold, pitch=0.052)
    _pendant(gold)


def _chain(path: np.ndarray, gold: bpy.types.Material, pitch: float) -> None:
    """Oval links along a closed flat path."""
    closed = np.vstack([path, path[:1]])
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    angles = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    oval = [(0.042 * math.cos(a), 0.024 * math.sin(a), 0.0) for a in angles]
    link = kit.tube("link", oval, 0.0085, gold, closed=True, resolution=3)
    for i, s in enumerate(np.linspace(0, along[-1], int(along[-1] / pitch), endpoint=False)):
        here, ahead = (
            [float(np.interp(at % along[-1], along, closed[:, axis])) for axis in (0, 1)] for at in (s, s + 0.01)
        )
        heading = math.degrees(math.atan2(ahead[1] - here[1], ahead[0] - here[0]))
        # All links share one curve. Neighbours lean to opposite sides, as in a chain that lies flat.
        obj = link if i == 0 else kit.link(bpy.data.objects.new("link", link.data))
        kit.place(obj, (*here, 0.026), (42 if i % 2 else -42, 0, heading))


def _pendant(gold: bpy.types.Material) -> None:
    """Drop pendant with a green stone."""
    kit.place(kit.ring_tube("bail", 0.05, 0.014, 0, gold), (0, -1.0, 0.04), (50, 0, 90))
    rim = kit.place(kit.ring_tube("rim", 0.17, 0.024, 0, gold), (0, -1.23, 0.035))
    plate = kit.lathe("plate", [(0, 0.0), (0.17, 0.0), (0.17, 0.02), (0, 0.02)], gold)
    kit.place(plate, (0, -1.23, 0.012))
    stone = mt.principled("stone", "#0f6b4f", roughness=0.03, coat=1.0, ior=1.6)
    kit.ball("stone", (0.135, 0.135, 0.075), (0, -1.23, 0.04), stone)
    rim.scale = (1, 1.1, 1)


def bear() -> None:
    """Sitting plush bear; the fur is hair, so its outline is soft."""
    fur = mt.principled("fur", "#a8713d", roughness=0.8, sheen=0.5)
    pale = mt.principled("pale fur", "#e2c79a", roughness=0.8, sheen=0.5)
    furry: list[tuple[str, tuple[float, float, float], kit.Point3, kit.Point3, bpy.types.Material]] = [
        ("body", (0.62, 0.52, 0.72), (0, 0, 0.68), (0, 0, 0), fur),
        ("belly", (0.42, 0.3, 0.5), (0, -0.28, 0.62), (-8, 0, 0), pale),
        ("head", (0.56, 0.5, 0.5), (0, -0.1, 1.66), (0, 0, 0), fur),
        ("muzzle", (0.24, 0.2, 0.18), (0, -0.54, 1.54), (0, 0, 0), pale),
    ]
    for s in (-1, 1):
        furry += [
            ("ear", (0.2, 0.1, 0.2), (s * 0.43, -0.02, 2.06), (0, s * 25, 0), fur),
            ("inner", (0.12, 0.06, 0.12), (s * 0.43, -0.1, 2.05), (0, s * 25, 0), pale),
            ("arm", (0.2, 0.2, 0.46), (s * 0.66, -0.2, 0.92), (22, s * -32, 0), fur),
            ("leg", (0.26, 0.52, 0.25), (s * 0.45, -0.6, 0.25), (0, 0, s * 18), fur),
            ("sole", (0.19, 0.06, 0.2), (s * 0.6, -1.05, 0.29), (8, 0, s * 18), pale),
        ]
    for seed, (name, radii, at, turn, material) in enumerate(furry):
        skin = kit.ball(name, radii, at, material, turn=turn, rows=24)
        area = 4 * math.pi * (sum(radii) / 3) ** 2
        _add_fur(skin, count=int(area * 900), length=0.1 if material is fur else 0.06, seed=seed)
    _bear_face()


def _add_fur(skin: bpy.types.Object, count: int, length: float, seed: int) -> None:
    """Short plush pile, ruffled, in tufts."""
    skin.modifiers.new("fur", "PARTICLE_SYSTEM")
    system = skin.particle_systems[0]
    system.seed = seed
    hair = system.settings
    hair.type = "HAIR"
    hair.count = count
    # The length comes from the emission speed: hair of 1 s at normal velocity.
    hair.hair_length = length
    hair.use_advanced_hair = True
    hair.brownian_factor = 0.012
    hair.child_type = "INTERPOLATED"
    hair.rendered_child_count = hair.child_percent = 7
    hair.clump_factor = 0.35
    hair.roughness_2 = 0.03
    hair.root_radius, hair.tip_radius, hair.radius_scale = 1.0, 0.35, 0.006
    hair.hair_step = hair.render_step = 3


def _bear_face() -> None:
    """Eyes, nose, mouth and a bow tie."""
    black = mt.principled("bead", "#0b0a0a", roughness=0.05, coat=1.0)
    for s in (-1, 1):
        kit.ball("eye", 0.075, (s * 0.19, -0.615, 1.76), black)
        kit.ball("loop", (0.24, 0.09, 0.15), (s * 0.24, -0.5, 1.2), _ribbon(), turn=(0, s * -14, s * 10))
    kit.ball("nose", (0.1, 0.07, 0.07), (0, -0.745, 1.6), black)
    mouth = kit.smooth_path(
        [(-0.12, -0.75, 1.43), (-0.05, -0.775, 1.405), (0, -0.775, 1.45), (0.05, -0.775, 1.405), (0.12, -0.75, 1.43)], 6
    )
    kit.tube("mouth", mouth, 0.014, black)
    kit.ball("knot", (0.09, 0.09, 0.1), (0, -0.56, 1.19), _ribbon())


def _ribbon() -> bpy.types.Material:
    return mt.add_bump(mt.principled("ribbon", "#b5202f", roughness=0.45, sheen=0.3), 30, 0.2)


def bag() -> None:
    """Leather saddle bag: round-cornered body, flap with a seam, buckle, shoulder strap standing up."""
    leather = mt.principled("leather", "#8a4a22", roughness=0.42, coat=0.12)
    mt.add_tint(leather, [(0.3, "#74391a"), (0.55, "#95522a"), (0.75, "#a4622f")], 1.2, detail=6)
    mt.add_bump(leather, 32, 0.35, detail=5, depth=0.015)
    thread = mt.principled("thread", "#e3c58d", roughness=0.8)
    brass = mt.metal("brass", "#c9a24f", 0.18)
    kit.loft("body", [_bag_ring(y) for y in np.linspace(-1, 1, 25)], leather, sharp_angle=60)
    _bag_flap(leather, thread)
    _bag_buckle(leather, brass)
    arch = [(1.12 * math.cos(a), 0.0, 1.35 + 1.35 * math.sin(a) ** 0.8) for a in np.linspace(0.0, math.pi, 60)]
    arch = [(1.13, 0, 0.95), (1.14, 0, 1.15), *arch, (-1.14, 0, 1.15), (-1.13, 0, 0.95)]
    kit.strap("strap", arch, 0.2, 0.04, leather)
    for s in (-1, 1):
        loop = [(s * 1.13, 0.13 * math.cos(a), 1.32 + 0.1 * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 24)]
        kit.tube("ring", loop, 0.022, brass, closed=True)


def _bag_outline(scale: float, count: int = 96) -> list[tuple[float, float]]:
    """Front outline: straight top, widely rounded bottom corners."""
    a = np.linspace(0, 2 * math.pi, count, endpoint=False)
    power = np.where(np.sin(a) < 0, 2.6, 5.0)
    x = np.sign(np.cos(a)) * np.abs(np.cos(a)) ** (2 / power) * 1.12 * scale
    z = np.sign(np.sin(a)) * np.abs(np.sin(a)) ** (2 / power) * 0.8 * scale
    return list(zip(x.tolist(), (z + 0.8).tolist(), strict=True))


def _bag_ring(depth: float) -> list[kit.Point3]:
    """Outline of the body at `depth` from -1 (front) to 1 (back); the edges are rounded off."""
    scale = (1 - abs(depth) ** 5) ** 0.3 if abs(depth) < 1 else 0.0
    scale = 0.72 + 0.28 * scale
    lean = 0.38 * math.copysign(abs(depth) ** 0.8, depth)
    return [(x, lean, max(z, 0.0)) for x, z in _bag_outline(scale)][::-1]


def _bag_flap(leather: bpy.types.Material, thread: bpy.types.Material) -> None:
    """Flap over the top and the upper front, its lower edge a wide arc with a stitched seam."""
    columns = np.linspace(-1, 1, 49)

    def at(u: float, t: float, lift: float = 0.0) -> kit.Point3:
        """Point of the flap: t = 0 at the back edge, 0.35 over the front edge, 1 at the lower edge."""
        reach = 0.5 + 0.52 * (1 - abs(u) ** 2.6) ** 0.5
        # The top follows the rounded corners of the body, so that the leather lies on it everywhere.
        x, top = u * 1.115, 0.812 + 0.8 * (1 - abs(0.97 * u) ** 5) ** 0.2
        if t < 0.35:
            s = t / 0.35
            return (x, 0.2 - 0.56 * s, top + 0.04 * math.sin(math.pi * s) + lift)
        s = (t - 0.35) / 0.65
        bulge = 0.05 * math.sin(math.pi * min(1.0, s * 1.2) / 2)
        return (x, -0.385 - bulge - lift, top + (1.6 - reach - top) * s)

    rows = [*np.linspace(0, 0.3, 8), 0.335, *np.linspace(0.37, 1, 16)]
    flap = kit.loft(
        "flap", [[at(u, t) for u in columns] for t in rows], leather, caps=False, around=False, sharp_angle=80
    )
    solid = flap.modifiers.new("thickness", "SOLIDIFY")
    solid.thickness, solid.offset = 0.045, 0
    for i, u in enumerate(np.linspace(-0.93, 0.93, 70)):
        if i % 2 == 0:
            a, b = at(u, 0.95, 0.03), at(u + 0.02, 0.95, 0.03)
            kit.tube("stitch", [a, b], 0.011, thread, resolution=2)


def _bag_buckle(leather: bpy.types.Material, brass: bpy.types.Material) -> None:
    """Closing tab with a brass buckle."""
    tab = kit.smooth_path([(0, -0.42, 1.2), (0, -0.475, 0.9), (0, -0.48, 0.6), (0, -0.45, 0.32)], 6)
    kit.strap("tab", tab, 0.24, 0.04, leather, (1, 0, 0))
    frame = [(-0.18, 0, -0.13), (0.18, 0, -0.13), (0.18, 0, 0.13), (-0.18, 0, 0.13)]
    kit.place(kit.tube("buckle", frame, 0.026, brass, closed=True), (0, -0.51, 0.62))
    kit.tube("pin", [(0, -0.525, 0.75), (0, -0.53, 0.49)], 0.018, brass)
