"""Families of instruments, sports goods and toys: guitars, violins, racquets, boards, helmets, gloves, weights, rods, balls."""

from __future__ import annotations

import math

import bpy
import kit
import materials as mt
import numpy as np

from families.family import Family, artwork, between, chance, cloth, colour, finish, metal, one_of, plastic, wood
from families.parts import (
    Rng,
    along,
    ball,
    bend,
    laid,
    lumps,
    mirrored,
    plate,
    ring,
    rod,
    rounded,
    sheet,
    stood,
    strands,
    superellipse,
    turned,
    uneven,
    wires,
)
from families.shoes import leather
from families.wire import wheel


def _stand_up(rng: Rng, low: float, lean: float = 0.0) -> None:
    """Turn what was built flat in the plane upright, its lowest point at `low` put on z = 0."""
    kit.gather(list(bpy.context.scene.objects), (0, 0, -low), (90 - lean, 0, 0))


# ---- instruments


def _waisted(rng: Rng, long: float, cutaway: bool) -> np.ndarray:
    """The outline of a guitar's or violin's body, its neck end upwards."""
    low, waist, up = between(rng, 0.42, 0.56) * long, between(rng, 0.25, 0.38) * long, between(rng, 0.32, 0.44) * long
    half = [
        (0.0, -0.5 * long),
        (low * 0.6, -0.49 * long),
        (low, -0.25 * long),
        (low * 0.9, -0.08 * long),
        (waist, 0.1 * long),
    ]
    half += [(up * 0.9, 0.27 * long), (up, 0.38 * long), (up * 0.6, 0.5 * long), (0.0, 0.48 * long)]
    right = kit.smooth_path(half, 8)
    if not cutaway:
        return mirrored(right)
    other = kit.smooth_path(
        [*half[:6], (up * 1.05, 0.42 * long), (up * 0.8, 0.56 * long), (0.12, 0.44 * long), (0, 0.44 * long)], 8
    )
    return np.vstack([right[:-1], (other * (-1, 1))[::-1][:-1]])


def _strings(count: int, wide: float, low: float, high: float, z: float) -> None:
    """Strings from bridge to head."""
    steel = mt.metal("string", "#d8d4c8", 0.25)
    xs = np.linspace(-wide, wide, count)
    wires("strings", [[(x, low, z), (x * 0.8, high, z)] for x in xs], 0.006, steel, resolution=1)


def guitar(rng: Rng) -> None:
    """A guitar or ukulele, acoustic or electric, standing or lying."""
    electric, long = chance(rng, 0.45), between(rng, 0.85, 1.05)
    top = (
        finish(rng)
        if electric
        else finish(rng, kinds=("wood", "wood", "plastic") if chance(rng, 0.7) else ("mottled", "plastic"))
    )
    side, dark = finish(rng, kinds=("wood", "plastic")), finish(rng, kinds=("wood", "plastic"))
    outline = _waisted(rng, long, electric or chance(rng, 0.3))
    deep = 0.05 if electric else between(rng, 0.12, 0.2)
    plate("body", [outline], deep * 2, side, bevel=0.02)
    plate("top", [outline * 0.985], 0.01, top, bevel=0.004, at=(0, 0, deep + 0.022))
    z, neck = deep + 0.05, between(rng, 1.0, 1.5)
    if electric:
        guard = (
            kit.smooth_path([(0.05, -0.2), (0.3, -0.1), (0.22, 0.2), (0.0, 0.3), (-0.1, 0.0)], 5, closed=True) * long
        )
        plate("guard", [guard], 0.01, plastic(rng), bevel=0.004, at=(0, 0, deep + 0.035))
        for y in np.linspace(-0.22, 0.18, int(rng.integers(1, 4))):
            kit.box(
                "pickup",
                (0.26, 0.09, 0.03),
                one_of(rng, (metal(rng), plastic(rng, "#18181a"))),
                at=(0, y * long, z - 0.02),
                bevel=0.01,
                segments=1,
            )
        for i in range(int(rng.integers(1, 4))):
            turned(
                "knob",
                [(0.01, 0), (0.045, 0), (0.04, 0.05), (0.01, 0.05)],
                plastic(rng),
                at=(0.3, (-0.2 - 0.1 * i) * long, z - 0.01),
                segments=18,
            )
    else:
        black = mt.principled("hole", "#0a0908", roughness=0.9)
        turned(
            "hole",
            [(0.01, 0), (0.16 * long, 0), (0.16 * long, 0.004), (0.01, 0.004)],
            black,
            at=(0, 0.14 * long, z - 0.02),
            segments=40,
        )
        wires("rosette", [ring(0.175 * long, 48, (0, 0.14 * long, z - 0.018))], 0.014, dark, closed=True)
    kit.box("bridge", (0.34, 0.07, 0.05), dark, at=(0, -0.25 * long, z - 0.025), bevel=0.012, segments=1)
    _neck(rng, 0.36 * long, neck, z, dark, top)
    _strings(one_of(rng, (4, 6, 6)), 0.07, -0.25 * long, 0.36 * long + neck + 0.15, z + 0.045)
    if chance(rng, 0.6):
        _stand_up(rng, -0.5 * long - 0.02, between(rng, 0, 15))
    else:
        kit.gather(list(bpy.context.scene.objects), (0, 0, deep + 0.02), (0, 0, between(rng, 0, 360)))


def _neck(rng: Rng, start: float, long: float, z: float, board: bpy.types.Material, head: bpy.types.Material) -> None:
    """Neck, frets, head with pegs."""
    kit.box("neck", (0.17, long, 0.09), board, at=(0, start + long / 2, z - 0.06), bevel=0.03, segments=2)
    steel = metal(rng)
    wires(
        "frets",
        [
            [(-0.08, start + y, z + 0.032), (0.08, start + y, z + 0.032)]
            for y in long * (1 - 0.5 ** (np.arange(1, 15) / 9))
        ],
        0.006,
        steel,
        resolution=1,
    )
    top = start + long
    shape = mirrored(
        [
            (0.0, top),
            (0.09, top),
            (0.13, top + 0.08),
            (between(rng, 0.09, 0.15), top + 0.36),
            (0.0, top + between(rng, 0.32, 0.42)),
        ]
    )
    plate("head", [shape], 0.05, head, bevel=0.01, at=(0, 0, z - 0.03))
    for s in (-1, 1):
        for y in np.linspace(top + 0.1, top + 0.3, 3):
            rod("peg", (s * 0.08, y, z), (s * 0.21, y, z), 0.014, steel)
            ball("ear", (0.035, 0.02, 0.03), (s * 0.22, y, z), steel, rows=7)


def violin(rng: Rng) -> None:
    """A violin or cello with its bow."""
    stuff = mt.wood("varnish", *one_of(rng, (("#5d2410", "#8a3c16", "#b5622a"), ("#6b4012", "#a3691f", "#cf9a4a"), ("#1c1110", "#2a1a16", "#3a2620"))), stretch=(8, 0.8, 8), roughness=0.2, coat=0.6)  # fmt: skip
    dark = mt.principled("ebony", "#141112", roughness=0.35)
    half = [
        (0, -0.7),
        (0.3, -0.69),
        (0.42, -0.5),
        (0.38, -0.28),
        (0.3, -0.2),
        (0.36, -0.19),
        (0.24, -0.05),
        (0.22, 0.08),
        (0.3, 0.22),
        (0.26, 0.24),
        (0.33, 0.34),
        (0.32, 0.5),
        (0.18, 0.62),
        (0, 0.63),
    ]
    outline = mirrored(kit.smooth_path(half, 4))
    plate("ribs", [outline * 0.96], 0.16, stuff, bevel=0.01)
    for s in (-1, 1):
        kit.place(
            sheet("plate", outline, 0.06, lambda flat, far: 0.012 + 0.06 * (1 - np.exp(-far / 0.12)), stuff, back=0),
            (0, 0, s * 0.09),
            (0 if s > 0 else 180, 0, 0),
        )
    for s in (-1, 1):
        hole = kit.smooth_path(
            [(s * 0.12, 0.1, 0.175), (s * 0.15, 0.05, 0.175), (s * 0.18, -0.12, 0.17), (s * 0.22, -0.18, 0.16)], 5
        )
        kit.tube("f-hole", hole, 0.012, dark)
    kit.strap("board", [(0, 0.05, 0.25), (0, 1.15, 0.17)], 0.13, 0.035, dark, (1, 0, 0))
    kit.strap("tail", [(0, -0.68, 0.14), (0, -0.25, 0.24)], 0.12, 0.03, dark, (1, 0, 0))
    kit.box("bridge", (0.22, 0.025, 0.12), wood(rng), at=(0, -0.1, 0.16), bevel=0.006, segments=1)
    rod("neck", (0, 0.6, 0.06), (0, 1.2, 0.1), (0.07, 0.05), stuff)
    scroll = [(0, 1.2 + 0.1 * t, 0.1 - 0.04 * t) for t in (0, 1, 2)]
    kit.tube("pegbox", scroll, 0.05, stuff)
    wires(
        "scroll",
        [[(0, 1.43 + 0.06 * math.cos(a), 0.02 + 0.06 * math.sin(a)) for a in np.linspace(0, 7, 24)]],
        0.035,
        stuff,
    )
    for i, y in enumerate(np.linspace(1.24, 1.38, 4)):
        s = 1 if i % 2 else -1
        rod("peg", (-s * 0.05, y, 0.08), (s * 0.17, y, 0.08), (0.014, 0.02), dark)
    _strings(4, 0.04, -0.28, 1.2, 0.28)
    ball("chin", (0.16, 0.1, 0.04), (-0.2, -0.6, 0.2), dark)
    if chance(rng, 0.6):
        x, turn = between(rng, 0.5, 0.65), between(rng, -12, 12)
        bow = [rod("stick", (0, -0.9, 0.05), (0, 1.0, 0.07), 0.018, stuff), rod("hair", (0.07, -0.8, 0.04), (0.07, 0.97, 0.05), 0.008, mt.principled("hair", "#f1ece0")), kit.box("frog", (0.08, 0.14, 0.05), dark, at=(0.04, -0.82, 0.02), bevel=0.008, segments=1), rod("tip", (0, 1.0, 0.07), (0.07, 0.98, 0.05), 0.018, stuff)]  # fmt: skip
        kit.gather(bow, (x, 0, 0), (0, 0, turn))
    if chance(rng, 0.4):
        _stand_up(rng, -0.92)
    else:
        kit.gather(list(bpy.context.scene.objects), (0, 0, 0.17), (0, 0, between(rng, 0, 360)))


def drum(rng: Rng) -> None:
    """A drum or tambourine with hoops, rods, sticks."""
    size, tall = between(rng, 0.5, 0.9), between(rng, 0.2, 1.0)
    shell, skin, steel = (
        finish(rng),
        mt.principled("skin", one_of(rng, ("#f1eee6", "#e3d4b8", "#1d1d1f")), roughness=0.6),
        metal(rng),
    )
    waist = between(rng, 0.75, 1.05) if tall > 0.6 else 1.0
    turned(
        "shell",
        [(size, 0.02), (size * waist, tall / 2), (size, tall), (size - 0.03, tall), (size - 0.03, 0.02), (size, 0.02)],
        shell,
        segments=64,
    )
    turned(
        "head", [(0.01, tall + 0.01), (size, tall + 0.01), (size, tall - 0.01), (0.01, tall - 0.01)], skin, segments=64
    )
    wires(
        "hoops",
        [ring(size * 1.02, 64, (0, 0, z)) for z in (0.04, tall)],
        0.03,
        one_of(rng, (steel, wood(rng))),
        closed=True,
    )
    count = int(rng.integers(6, 13))
    angles = np.linspace(0, 2 * math.pi, count + 1)[:-1]
    zig = chance(rng, 0.4)
    step = math.pi / count if zig else 0.0
    paths = []
    for a in angles:
        for s in (-1, 1) if zig else (1,):
            paths.append(
                [
                    (size * 1.05 * math.cos(a), size * 1.05 * math.sin(a), tall),
                    (size * 1.05 * math.cos(a + s * step), size * 1.05 * math.sin(a + s * step), 0.04),
                ]
            )
    wires("rods", paths, 0.016, cloth(rng) if zig else steel)
    if chance(rng, 0.6):
        for i in range(2):
            stick = rod(
                "stick",
                (-0.8, -0.1 + 0.2 * i, tall + 0.05),
                (0.75, 0.1 + between(rng, -0.2, 0.2), tall + 0.06),
                (0.035, 0.02),
                wood(rng),
            )
            stick.rotation_euler[2] = between(rng, -0.3, 0.3)


def horn(rng: Rng) -> None:
    """A trumpet, horn or saxophone-like tube with a bell and valves; or a flute."""
    brass = mt.metal("brass", one_of(rng, ("#e2b154", "#d9a048", "#d6d4d0", "#3a3a3c")), between(rng, 0.08, 0.2))
    if chance(rng, 0.3):
        stuff = one_of(rng, (brass, wood(rng), plastic(rng)))
        long = between(rng, 1.8, 2.4)
        rod("tube", (-long / 2, 0, 0.06), (long / 2, 0, 0.06), between(rng, 0.04, 0.07), stuff)
        for x in np.linspace(-long * 0.2, long * 0.45, int(rng.integers(6, 13))):
            turned(
                "key",
                [(0.01, 0), (0.05, 0), (0.045, 0.03), (0.01, 0.03)],
                one_of(rng, (brass, stuff)),
                at=(x, 0, 0.11),
                segments=16,
            )
        wires("rail", [[(-long * 0.2, -0.07, 0.12), (long * 0.45, -0.07, 0.12)]], 0.012, brass)
        kit.gather(list(bpy.context.scene.objects), turn=(0, 0, between(rng, 0, 360)))
        return
    long, bell = between(rng, 1.0, 1.4), between(rng, 0.3, 0.45)
    t = np.linspace(0, 1, 24)
    radius = 0.05 + (bell - 0.05) * t**6
    flare = kit.lathe_open(
        "bell",
        [*zip(radius, -0.9 + 1.7 * t, strict=True), *zip(radius[::-1] - 0.012, -0.9 + 1.7 * t[::-1], strict=True)],
        brass,
    )
    kit.place(flare, (0, 0, 0.4), (0, 90, 0))
    loop = [
        (-0.9, 0, 0.4),
        (-1.05, 0, 0.3),
        (-0.9, 0, 0.15),
        (0.3, 0, 0.15),
        (0.45, 0, 0.28),
        (0.3, 0.04, 0.4),
        (-0.4, 0.1, 0.45),
        (-long - 0.3, 0.1, 0.45),
    ]
    kit.tube("tube", kit.smooth_path(loop, 8), 0.045, brass)
    kit.place(
        kit.lathe(
            "mouth", [(0.01, 0), (0.03, 0), (0.04, 0.1), (0.09, 0.2), (0.08, 0.21), (0.01, 0.1)], brass, segments=24
        ),
        (-long - 0.25, 0.1, 0.45),
        (0, -90, 0),
    )
    for x in (-0.35, -0.15, 0.05):
        rod("valve", (x, 0.05, 0.1), (x, 0.05, 0.6), 0.07, brass)
        rod("stem", (x, 0.05, 0.6), (x, 0.05, 0.7), 0.02, brass)
        ball("button", (0.055, 0.055, 0.02), (x, 0.05, 0.71), finish(rng), rows=8)
    kit.gather(list(bpy.context.scene.objects), (0, 0, 0), (one_of(rng, (0.0, 90.0)), 0, between(rng, 0, 360)))


# ---- racquets, clubs, rods


def racquet(rng: Rng) -> None:
    """A racquet with its strings, flat or leaning; tennis, badminton, or a round bat."""
    stuff, grip = finish(rng), leather(rng)
    wide, long, shaft = between(rng, 0.4, 0.55), between(rng, 0.5, 0.7), between(rng, 0.4, 1.3)
    thin = between(rng, 0.025, 0.045)
    if chance(rng, 0.2):
        plate("bat", [superellipse(wide, long * 0.9, 2.2, 60)], 0.05, finish(rng), bevel=0.02)
        shaft = 0.2
    else:
        outline = superellipse(wide, long, 2.1, 72)
        wires("hoop", [laid(outline)], thin, stuff, closed=True, resolution=4)
        lines, pitch = [], between(rng, 0.04, 0.07)
        for c in np.arange(-0.98, 0.98, pitch / wide):
            r = math.sqrt(1 - c * c)
            lines.append([(c * wide, -r * long, 0), (c * wide, r * long, 0)])
        for c in np.arange(-0.98, 0.98, pitch / long):
            r = math.sqrt(1 - c * c)
            lines.append([(-r * wide, c * long, 0), (r * wide, c * long, 0)])
        wires("strings", lines, between(rng, 0.004, 0.007), plastic(rng), resolution=1)
        if shaft < 0.8:
            for s in (-1, 1):
                kit.tube(
                    "throat",
                    kit.smooth_path(
                        [(s * wide * 0.55, -long * 0.84, 0), (s * 0.1, -long - 0.3, 0), (s * 0.03, -long - shaft, 0)], 6
                    ),
                    thin,
                    stuff,
                )
    if shaft > 0.8 or shaft == 0.2:
        rod("shaft", (0, -long * 0.9, 0), (0, -long - shaft, 0), 0.022 if shaft > 0.8 else 0.04, stuff)
    t = np.linspace(0, 1, 90)
    base = -long - shaft
    winding = np.column_stack([0.055 * np.cos(40 * t), base - 0.6 * t, 0.055 * np.sin(40 * t)])
    rod("grip", (0, base + 0.02, 0), (0, base - 0.62, 0), 0.058, grip)
    wires("winding", [winding], 0.012, grip, resolution=1)
    ball("cap", (0.07, 0.03, 0.07), (0, base - 0.62, 0), stuff, rows=9)
    if chance(rng, 0.35):
        _stand_up(rng, base - 0.65, between(rng, 0, 25))
    else:
        kit.gather(list(bpy.context.scene.objects), (0, 0, 0.07), (0, 0, between(rng, 0, 360)))


def club(rng: Rng) -> None:
    """A bat, hockey stick, golf club, cue or paddle, lying or standing."""
    stuff, grip, long = finish(rng), leather(rng), between(rng, 1.7, 2.5)
    kind = int(rng.integers(4))
    if kind == 0:
        profile = [
            (0.01, 0),
            (0.15, 0.02),
            (0.16, long * 0.3),
            (0.07, long * 0.65),
            (0.055, long * 0.95),
            (0.09, long),
            (0.01, long),
        ]
        turned("bat", profile, stuff, smooth=5, segments=32)
    elif kind == 1:
        rod("shaft", (0, 0, 0.2), (0, 0, long), (0.03, 0.04), stuff)
        kit.strap(
            "blade",
            kit.smooth_path([(0, 0, 0.4), (0.04, 0, 0.1), (0.25, 0, 0.03), (0.6, 0.05, 0.09)], 6),
            0.05,
            0.16,
            stuff,
            (0, 1, 0),
        )
    elif kind == 2:
        rod("shaft", (0, 0, 0.1), (0, 0, long), (0.018, 0.028), metal(rng))
        plate(
            "head",
            [rounded([(-0.05, 0), (0.35, 0), (0.4, 0.22), (0.0, 0.12)], 5, 0.25)],
            0.06,
            metal(rng),
            bevel=0.02,
            turn=(90 - 15, 0, 0),
            at=(0, 0, 0.02),
        )
    else:
        rod("shaft", (0, 0, 0.6), (0, 0, long), 0.035, stuff)
        kit.place(
            plate("leaf", [superellipse(0.22, 0.42, 2.6, 48)], 0.03, finish(rng), bevel=0.015), (0, 0, 0.42), (90, 0, 0)
        )
        wires("top", [[(-0.12, 0, long), (0.12, 0, long)]], 0.035, grip)
    rod("grip", (0, 0, long * 0.78), (0, 0, long * 0.985), 0.065 if kind == 0 else 0.05, grip)
    lying = chance(rng, 0.5)
    kit.gather(
        list(bpy.context.scene.objects),
        (0, 0, 0.16 if lying else 0),
        (0, 90 if lying else between(rng, -25, 25), between(rng, 0, 360) if lying else 0),
    )


def fishing_rod(rng: Rng) -> None:
    """A fishing rod with reel, rings and line."""
    blank, steel, long = finish(rng, kinds=("plastic", "wood")), metal(rng), between(rng, 2.2, 2.8)
    path = kit.smooth_path([(0, 0, 0), (long * 0.5, 0, 0.0), (long, between(rng, -0.3, 0.3), 0)], 10)
    kit.tube("blank", path, np.linspace(0.028, 0.006, len(path)).tolist(), blank)
    rod(
        "grip",
        (-0.55, 0, 0),
        (0.05, 0, 0),
        (0.05, 0.04),
        one_of(rng, (mt.principled("cork", "#c09a6a", roughness=0.9), plastic(rng))),
    )
    rings = [
        ring(0.05 * (1 - 0.6 * t), 20, tuple(path[int(t * (len(path) - 1))] + (0, 0.06 * (1 - 0.5 * t), 0)), (1, 0, 0))
        for t in np.linspace(0.2, 1, 6)
    ]
    wires("rings", rings, 0.008, steel, closed=True)
    line = [r.mean(axis=0) for r in rings]
    wires("line", [[(-0.1, 0.28, 0), *line, line[-1] + (0.1, 0.5, -0.04)]], 0.004, plastic(rng), resolution=1)
    spool = turned(
        "spool",
        [
            (0.01, -0.14),
            (0.14, -0.14),
            (0.14, -0.11),
            (0.09, -0.1),
            (0.09, 0.04),
            (0.14, 0.05),
            (0.14, 0.1),
            (0.01, 0.1),
        ],
        finish(rng, kinds=("metal", "plastic")),
        segments=36,
    )
    kit.place(spool, (-0.08, 0.26, 0), (0, 90, 0))
    rod("foot", (-0.08, 0.04, 0), (-0.08, 0.2, 0), 0.03, steel)
    wires("crank", [[(-0.08, 0.26, 0), (-0.08, 0.26, 0.2), (-0.08, 0.42, 0.22)]], 0.018, steel)
    ball("knob", 0.05, (-0.08, 0.44, 0.22), plastic(rng), rows=9)
    kit.gather(list(bpy.context.scene.objects), (0, 0, 0.15), (0, 0, between(rng, 0, 360)))


# ---- boards, helmets, gloves


def skateboard(rng: Rng) -> None:
    """A skateboard or longboard on its wheels, or its printed side shown."""
    long, wide = between(rng, 1.0, 1.5), between(rng, 0.24, 0.32)
    art = mt.printed(
        "deck", artwork(rng, (512, 128)).transpose(0) if chance(rng, 0.3) else artwork(rng, (512, 128)), roughness=0.3
    )
    grip = mt.add_bump(
        mt.principled("grip", one_of(rng, ("#1a1a1b", "#1a1a1b", "#d8d2c4", colour(rng))), roughness=0.95), 60, 0.6
    )
    kick, outline = between(rng, 0.05, 0.2), superellipse(long, wide, between(rng, 3, 6), 72)

    def curve(p: np.ndarray) -> np.ndarray:
        up = kick * np.clip((np.abs(p[:, 0]) - 0.68 * long) / (0.32 * long), 0, 1) ** 1.5 + 0.05 * (p[:, 1] / wide) ** 2
        return p + np.column_stack([0 * up, 0 * up, up])

    for z, stuff in ((0.0, art), (0.035, grip)):
        bend(
            kit.place(
                sheet("deck", outline, 0.08, lambda flat, far: 0.018 * (1 - np.exp(-far / 0.01)), stuff, back=-1),
                (0, 0, z),
            ),
            curve,
        )
    rubber, steel = plastic(rng), metal(rng)
    for x in (-0.6 * long, 0.6 * long):
        rod("axle", (x, -wide * 0.85, -0.13), (x, wide * 0.85, -0.13), 0.03, steel)
        kit.box("truck", (0.16, 0.16, 0.12), steel, at=(x, 0, -0.13), bevel=0.03, segments=2)
        for y in (-wide * 0.8, wide * 0.8):
            turned(
                "wheel",
                [(0.01, -0.06), (0.08, -0.06), (0.1, -0.03), (0.1, 0.03), (0.08, 0.06), (0.01, 0.06)],
                rubber,
                at=(x, y, -0.13),
                turn=(90, 0, 0),
                segments=28,
            )
    lean, lift = one_of(rng, ((0, 0.23), (180, 0.1 + kick), (between(rng, 70, 85), wide + 0.02)))
    kit.gather(list(bpy.context.scene.objects), (0, 0, lift), (lean, 0, 0))


def scooter(rng: Rng) -> None:
    """A kick scooter, side view."""
    frame, black = finish(rng, kinds=("metal", "plastic")), plastic(rng, "#1d1d1f")
    size, long, high = between(rng, 0.16, 0.28), between(rng, 0.9, 1.3), between(rng, 1.2, 1.8)
    tyre = (mt.principled("tyre", one_of(rng, ("#1c1c1d", "#e9e6de", colour(rng))), roughness=0.6), metal(rng))
    front = np.array((long / 2 + 0.25, 0, size))
    for at in ((-long / 2 - 0.15, 0, size), tuple(front)):
        wheel(rng, at, size, tyre)
    kit.box("deck", (long, 0.22, 0.06), frame, at=(-0.05, 0, size * 0.7), bevel=0.015, segments=2)
    neck = front + (-0.12, 0, size + 0.15)
    wires(
        "frame",
        [[(long / 2 - 0.1, 0, size * 0.9), neck], [(-long / 2, 0, size), (-long / 2 - 0.15, 0.0, size)]],
        0.04,
        frame,
    )
    rod("stem", front, front + (-0.28, 0, high), 0.032, frame)
    top = front + (-0.28, 0, high)
    wires("bar", [[top + (0, -0.35, 0), top + (0, 0.35, 0)]], 0.026, frame)
    wires("grips", [[top + (0, s * 0.22, 0), top + (0, s * 0.38, 0)] for s in (-1, 1)], 0.042, black)


def helmet(rng: Rng) -> None:
    """A bicycle, ski, riding or building helmet with vents and a strap."""
    shell, dark = plastic(rng), plastic(rng, one_of(rng, ("#19191b", "#2c2c2e", colour(rng))))
    long, wide, tall = between(rng, 0.75, 0.95), between(rng, 0.6, 0.7), between(rng, 0.55, 0.7)
    a = np.linspace(0, 1.5, 14)
    rings = [
        np.column_stack(
            [
                superellipse(long * math.cos(t), wide * math.cos(t), 2.2, 56),
                np.full(56, tall * math.sin(t) ** 0.9 + 0.25),
            ]
        )
        for t in a
    ]
    lip = [rings[0] * (1, 1, 0) + (0, 0, h) for h in (0.0, 0.12)] if chance(rng, 0.5) else [rings[0] - (0, 0, 0.06)]
    dome = kit.loft("dome", [*lip, *rings], shell, caps=False, sharp_angle=100)
    dome.modifiers.new("thickness", "SOLIDIFY").thickness = 0.08
    ball("top", (0.1, 0.1, 0.03), (0, 0, 0.25 + tall * 0.99), shell, rows=9)
    vents = int(rng.integers(0, 6))
    for i in range(vents):
        y = (i - (vents - 1) / 2) * 0.22
        t = np.linspace(0.5, 2.4, 12)
        path = [
            (long * 1.01 * math.cos(s), y, 0.27 + tall * math.sin(s) * math.sqrt(max(0.05, 1 - (y / wide) ** 2)))
            for s in t
        ]
        kit.strap("vent", path, 0.09, 0.03, dark, (0, 1, 0))
    if chance(rng, 0.5):
        peak = [
            [
                (long * math.cos(t) + s * 0.3 * math.cos(t), wide * math.sin(t), 0.28 - 0.05 * s)
                for t in np.linspace(-0.9, 0.9, 16)
            ]
            for s in (0, 0.5, 1)
        ]
        made = kit.loft("peak", peak, dark, caps=False, around=False)
        made.modifiers.new("thickness", "SOLIDIFY").thickness = 0.03
    strap = cloth(rng)
    for s in (-1, 1):
        kit.strap(
            "strap",
            kit.smooth_path(
                [(0.35, s * wide * 0.85, 0.25), (0.15, s * wide * 0.8, 0.05), (0.1, s * 0.25, 0.015), (0, 0, 0.015)], 6
            ),
            0.06,
            0.012,
            strap,
            (1, 0, 0.2),
        )
        kit.strap(
            "strap",
            kit.smooth_path([(-0.4, s * wide * 0.8, 0.25), (0.1, s * wide * 0.8, 0.06)], 6),
            0.05,
            0.012,
            strap,
            (1, 0, 0.2),
        )
    if chance(rng, 0.25):
        visor = mt.principled("visor", one_of(rng, ("#0f1012", "#5a3a14", "#2a4a7a")), roughness=0.04, coat=1.0)
        rows = [
            [(long * 1.04 * math.cos(t), wide * 1.04 * math.sin(t), h) for t in np.linspace(-1.1, 1.1, 20)]
            for h in (0.05, 0.25, 0.42)
        ]
        kit.loft("visor", rows, visor, caps=False, around=False).modifiers.new("thickness", "SOLIDIFY").thickness = 0.02


def gloves(rng: Rng) -> None:
    """Gloves with five fingers, side by side or over each other; or boxing gloves."""
    stuff, trim = leather(rng), cloth(rng)
    boxing = chance(rng, 0.25)
    for s in (-1, 1):
        if boxing:
            fist = ball("fist", (0.42, 0.36, 0.52), (0, 0, 0.36), stuff, rows=22)
            thumb = ball("thumb", (0.15, 0.18, 0.34), (s * 0.36, -0.1, 0.36), stuff, turn=(0, 0, s * 10), rows=16)
            for part in (fist, thumb):
                part.rotation_euler[0] = math.pi / 2
            parts = [
                fist,
                thumb,
                uneven(
                    kit.place(
                        kit.lathe(
                            "cuff", [(0.3, 0), (0.27, 0.2), (0.31, 0.5), (0.2, 0.52), (0.01, 0.5)], trim, segments=40
                        ),
                        (0, 0.35, 0.34),
                        (-90, 0, 0),
                    ),
                    rng,
                    0.01,
                    1,
                ),
            ]
        else:
            parts = [
                _hand(rng, s, stuff),
            ]
            cuff = rounded([(-0.3, -0.75), (0.3, -0.75), (0.27, -0.38), (-0.27, -0.38)], 4, 0.15)
            parts.append(sheet("cuff", cuff, 0.08, lambda flat, far: 0.09 * (1 - np.exp(-far / 0.04)), trim, back=0))
        kit.gather(
            parts,
            (s * between(rng, 0.4, 0.62), between(rng, -0.1, 0.1), 0.1 if s > 0 and not boxing else 0),
            (0, 0, between(rng, -18, 18)),
        )


def _hand(rng: Rng, side: int, stuff: bpy.types.Material) -> bpy.types.Object:
    """The flat outline of a hand, padded."""
    fingers, path = [(-0.22, 0.5, 8), (-0.07, 0.62, 3), (0.08, 0.58, -3), (0.22, 0.42, -9)], [(-0.26, -0.6)]
    path += [(-0.3, -0.1), (-0.3, 0.1)]
    for x, long, lean in fingers:
        tip = np.array((x - math.sin(math.radians(lean)) * long * 0.8, 0.1 + long))
        path += [
            (x - 0.062, 0.22),
            tuple(tip + (-0.062, -0.06)),
            tuple(tip),
            tuple(tip + (0.062, -0.06)),
            (x + 0.062, 0.22),
        ]
    path += [(0.3, 0.05), (0.5, 0.18), (0.58, 0.14), (0.56, 0.02), (0.36, -0.3), (0.27, -0.6)]
    outline = np.array(path) * (side, 1)
    if side < 0:
        outline = outline[::-1]
    shape = rounded(outline, 4, 0.3)
    return sheet("hand", shape, 0.05, lambda flat, far: 0.13 * np.sqrt(1 - (1 - np.clip(far / 0.12, 0, 1)) ** 2) * (1 + 0.1 * lumps(laid(flat), rng, 1.5)), stuff, back=0)  # fmt: skip


# ---- weights and balls


def dumbbell(rng: Rng) -> None:
    """A dumbbell, a pair, or a kettlebell."""
    stuff, steel = finish(rng, kinds=("metal", "plastic", "cloth")), metal(rng)
    if chance(rng, 0.3):
        size = between(rng, 0.5, 0.7)
        uneven(ball("bell", (size, size, size * 0.95), (0, 0, size * 0.9), stuff, rows=26), rng, 0.005, 1)
        grip = [
            (-size * 0.55, 0, size * 1.5),
            (-size * 0.6, 0, size * 2.1),
            (-size * 0.3, 0, size * 2.45),
            (size * 0.3, 0, size * 2.45),
            (size * 0.6, 0, size * 2.1),
            (size * 0.55, 0, size * 1.5),
        ]
        kit.tube("grip", kit.smooth_path(grip, 6), between(rng, 0.07, 0.11), stuff, resolution=6)
        return
    long, fat, kind = between(rng, 0.35, 0.6), between(rng, 0.25, 0.42), int(rng.integers(3))
    power = one_of(rng, (2, 6))
    for i in range(one_of(rng, (1, 2))):
        parts = [rod("bar", (-long - 0.1, 0, 0), (long + 0.1, 0, 0), between(rng, 0.05, 0.08), steel)]
        for s in (-1, 1):
            if kind == 0:
                parts.append(ball("end", fat, (s * long, 0, 0), stuff, rows=20))
            else:
                for k in range(1 if kind == 1 else int(rng.integers(2, 4))):
                    size = fat * (1 - 0.18 * k)
                    count = 6 if power == 6 else 48
                    flat = np.array(kit.circle(size, count))[:, :2]
                    x = s * (long + 0.18 * k)
                    rings = [
                        np.column_stack([np.full(count, x + dx), flat * g])
                        for dx, g in ((-0.09, 0.9), (-0.06, 1), (0.06, 1), (0.09, 0.9))
                    ]
                    parts.append(kit.loft("plate", rings, stuff))
        kit.gather(parts, (0, i * 1.0, fat * (0.87 if power == 6 and kind else 1)), (0, 0, between(rng, -20, 20)))


def sport_ball(rng: Rng) -> None:
    """A ball: football with patches, basketball, tennis, rugby, bowling; some in a net."""
    size, kind = between(rng, 0.7, 0.9), int(rng.integers(5))
    stuff, line = finish(rng, kinds=("plastic", "mottled", "patterned", "cloth")), plastic(rng)
    shape = (size * 1.45, size * 0.9, size * 0.9) if kind == 3 else (size,) * 3
    middle = ball("ball", shape, (0, 0, shape[2]), stuff, rows=32)
    if kind == 0:
        phi = (1 + 5**0.5) / 2
        for v in (
            [(0, a, b * phi) for a in (-1, 1) for b in (-1, 1)]
            + [(a, b * phi, 0) for a in (-1, 1) for b in (-1, 1)]
            + [(b * phi, 0, a) for a in (-1, 1) for b in (-1, 1)]
        ):
            way = kit.Vector(v).normalized()
            spot = ring(size * 0.36, 5, tuple(way * size * 0.95), tuple(way))
            rim = [p / np.linalg.norm(p) * size * 1.004 for p in along(np.vstack([spot, spot[:1]]), 21)[:-1]]
            tip = np.array(way) * size * 1.006
            half = [(p + tip) / np.linalg.norm(p + tip) * size * 1.006 for p in rim]
            patch = kit.loft(
                "patch",
                [np.array(rim), np.array(half), np.array([tip + 0.001 * (h - tip) for h in half])],
                line,
                caps=False,
                sharp_angle=120,
            )
            patch.location = (0, 0, shape[2])
    elif kind in (1, 2, 3):
        hoops = [ring(1.0, 72, (0, 0, 0), n) for n in ((0, 1, 0), (0, 0, 1))]
        if kind == 1:
            t = np.linspace(0, 2 * math.pi, 90)
            for s in (-1, 1):
                p = np.stack([s * (0.62 + 0.1 * np.cos(2 * t)), np.cos(t), np.sin(t)], -1)
                hoops.append(p / np.linalg.norm(p, axis=1, keepdims=True))
        seams = [h * np.array(shape) * 1.003 + (0, 0, shape[2]) for h in hoops]
        wires("seams", seams, 0.014, line, closed=True)
    if chance(rng, 0.25):
        _net(rng, size * 1.5 if kind == 3 else size)
    middle.rotation_euler = tuple(rng.uniform(0, 6, 3)) if kind in (1, 2, 4) else (0, 0, 0)


def _net(rng: Rng, size: float) -> None:
    """A net bag around a ball, drawn together above."""
    cord, count, paths = plastic(rng), int(rng.integers(8, 14)), []
    rows = np.linspace(-1.4, 1.5, 9)
    for i in range(count):
        for s in (-1, 1):
            points = []
            for k, e in enumerate(rows):
                a = 2 * math.pi * (i + s * k * 0.5) / count
                points.append(
                    (
                        size * 1.03 * math.cos(e) * math.cos(a),
                        size * 1.03 * math.cos(e) * math.sin(a),
                        size * (1 + 1.03 * math.sin(e)),
                    )
                )
            paths.append(points)
    wires("net", paths, 0.012, cord, resolution=1)
    wires(
        "loop", [[(0, 0, size * 2.02), (between(rng, -0.2, 0.2), 0, size * 2.02 + between(rng, 0.4, 0.8))]], 0.03, cord
    )


def shuttlecock(rng: Rng) -> None:
    """A shuttlecock, dart or feathered arrow."""
    cork, quill = (
        mt.principled("cork", one_of(rng, ("#f2f0ea", "#d8b88a", colour(rng))), roughness=0.7),
        mt.principled("quill", one_of(rng, ("#f4f2ec", "#e8d84a", colour(rng))), roughness=0.7),
    )
    size, tall, flare, count = 0.32, between(rng, 0.9, 1.2), between(rng, 0.6, 0.8), int(rng.integers(12, 18))
    parts = [
        ball("cork", (size, size, size * 0.95), (0, 0, size * 0.9), cork, rows=18),
        turned(
            "band",
            [(0.01, size * 1.1), (size * 1.01, size * 0.95), (size * 1.01, size * 1.15), (0.01, size * 1.25)],
            plastic(rng),
            segments=40,
        ),
    ]
    feathers, stems = [], []
    for a in np.linspace(0, 2 * math.pi, count + 1)[:-1]:
        out, side = np.array((math.cos(a), math.sin(a), 0)), np.array((-math.sin(a), math.cos(a), 0.08))
        foot, tip = out * size * 0.85 + (0, 0, size * 1.1), out * flare + (0, 0, size + tall)
        stems.append([foot, tip])
        t = np.linspace(0.45, 1, 7)[:, None]
        half = flare * math.pi / count * 1.15 * np.sqrt(np.clip(np.sin(math.pi * (t * 0.9)), 0.02, 1))
        spine = foot + (tip - foot) * t
        feathers.append(
            kit.loft("vane", [spine - side * half, spine, spine + side * half], quill, caps=False, around=False)
        )
    parts += [wires("stems", stems, 0.016, quill), *feathers]
    parts.append(
        wires(
            "threads",
            [ring(size + (flare - size) * t, 48, (0, 0, size + tall * t)) for t in (0.25, 0.38)],
            0.01,
            quill,
            closed=True,
        )
    )
    lying = chance(rng, 0.6)
    kit.gather(parts, (0, 0, flare * 0.72 if lying else size + tall), (112 if lying else 180, 0, between(rng, 0, 360)))


def feather_duster(rng: Rng) -> None:
    """A feather duster or a dream catcher: feathers on a stick or hung from a hoop."""
    quill = [mt.principled("feather", colour(rng), roughness=0.9) for _ in range(2)]
    if chance(rng, 0.5):
        stick = finish(rng, kinds=("wood", "plastic"))
        rod("stick", (0, 0, 0), (0, 0, between(rng, 1.0, 1.5)), 0.045, stick)
        high = 1.2
        at = np.column_stack([rng.normal(0, 0.03, (2600, 2)), high + rng.uniform(-0.1, 0.6, 2600)])
        way = np.column_stack([rng.normal(0, 0.55, (2600, 2)), rng.uniform(0.1, 0.9, 2600)])
        t = np.linspace(0, 1, 6)[None, :, None]
        path = at[:, None] + way[:, None] * between(rng, 0.5, 0.8) * t - np.array((0, 0, between(rng, 0.1, 0.4))) * t**2
        strands("plume", path, 0.006, quill[0])
        return
    size = between(rng, 0.5, 0.7)
    cord = finish(rng, kinds=("cloth", "wood"))
    wires("hoop", [ring(size, 60, (0, 0, 2), (0, 1, 0))], 0.035, cord, closed=True)
    spokes = int(rng.integers(7, 13))
    spin = [
        [
            (r * math.cos(a), 0, 2 + r * math.sin(a))
            for a, r in zip(
                np.linspace(0, 2 * math.pi * 5, spokes * 10),
                np.repeat(np.linspace(size, size * 0.12, spokes * 5), 2) * np.tile((1, 0.86), spokes * 5),
                strict=True,
            )
        ]
    ]
    wires("web", spin, 0.008, cord, resolution=1)
    for i in range(int(rng.integers(2, 5))):
        x, long = (i - 1.5) * 0.3, between(rng, 0.4, 0.8)
        top = 2 - math.sqrt(max(0.01, size**2 - x * x))
        wires("thread", [[(x, 0, top), (x, 0, top - 0.25)]], 0.01, cord)
        shape = superellipse(0.09, long / 2, 2, 24)
        kit.mesh_object("vane", stood(shape) + (x, 0, top - 0.25 - long / 2), [list(range(24))], quill[i % 2])
        count = 260
        t = rng.uniform(-0.9, 0.9, count)
        root = np.column_stack([np.full(count, x), np.zeros(count), top - 0.25 - long / 2 + t * long / 2])
        barb = np.column_stack(
            [rng.choice([-1, 1], count) * 0.15 * np.sqrt(1 - t**2), rng.normal(0, 0.02, count), np.full(count, -0.09)]
        )
        strands("barbs", root[:, None] + barb[:, None] * np.linspace(0, 1, 4)[None, :, None], 0.005, quill[i % 2])
    wires("loop", [[(0, 0, 2 + size), (0, 0, 2 + size + 0.4)]], 0.012, cord)


def toy_car(rng: Rng) -> None:
    """A toy car, van or train of wood, tin or plastic."""
    shell, dark = finish(rng, kinds=("plastic", "wood", "metal")), plastic(rng)
    long, wide, low = between(rng, 0.8, 1.1), between(rng, 0.32, 0.42), between(rng, 0.12, 0.22)
    roof, hood = between(rng, 0.55, 0.85), between(rng, 0.3, 0.5)
    nose, tail = between(rng, 0.1, 0.55), between(rng, -0.95, -0.4)
    side = [
        (-long, low),
        (long, low),
        (long, hood),
        (nose * long + 0.2, hood),
        (nose * long, roof),
        (tail * long, roof),
        (-long, hood),
    ]
    kit.place(plate("body", [rounded(side, 5, 0.18)], 2 * wide, shell, bevel=0.04), (0, 0, 0), (90, 0, 0))
    glass = mt.principled("window", one_of(rng, ("#15181c", "#a9c4d0", "#e8eef0")), roughness=0.05, coat=1.0)
    pane = rounded(
        [
            (nose * long + 0.06, hood + 0.02),
            (nose * long - 0.06, roof - 0.07),
            (tail * long + 0.1, roof - 0.07),
            (tail * long + 0.02, hood + 0.02),
        ],
        4,
        0.15,
    )
    for s in (-1, 1):
        kit.place(plate("pane", [pane], 0.01, glass, bevel=0.003), (0, s * (wide + 0.045), 0), (90, 0, 0))
    tyre, size = (
        mt.principled("tyre", one_of(rng, ("#1b1b1c", "#1b1b1c", colour(rng))), roughness=0.7),
        between(rng, 0.17, 0.26),
    )
    for x in (-0.6 * long, 0.62 * long):
        for y in (-wide, wide):
            turned(
                "wheel",
                [(0.01, -0.08), (size, -0.08), (size, 0.08), (0.01, 0.08)],
                tyre,
                at=(x, y, size),
                turn=(90, 0, 0),
                segments=32,
            )
            turned(
                "cap",
                [(0.01, -0.1), (size * 0.5, -0.095), (size * 0.5, 0.095), (0.01, 0.1)],
                dark,
                at=(x, y, size),
                turn=(90, 0, 0),
                segments=24,
            )
    for y in (-wide * 0.6, wide * 0.6):
        ball(
            "lamp",
            (0.03, 0.07, 0.07),
            (long + 0.03, y, hood - 0.1),
            mt.principled("lamp", "#f4efd8", roughness=0.1, coat=1.0),
            rows=9,
        )
    if chance(rng, 0.25):
        wires(
            "rack",
            [
                [(x, y, roof + 0.08) for y in (-wide, wide)]
                for x in np.linspace(tail * long + 0.1, nose * long - 0.1, 5)
            ],
            0.02,
            metal(rng),
        )
        wires(
            "rails",
            [[(tail * long + 0.1, y, roof + 0.08), (nose * long - 0.1, y, roof + 0.08)] for y in (-wide, wide)],
            0.025,
            metal(rng),
        )


FAMILIES = [
    Family("guitar", guitar, (5, 60), weight=1.2),
    Family("violin", violin, (10, 75), weight=0.8),
    Family("drum", drum, (10, 40), weight=0.7),
    Family("horn", horn, (10, 60), weight=0.8),
    Family("racquet", racquet, (20, 85), flat=True, weight=1.1),
    Family("club", club, (5, 60), weight=0.7),
    Family("fishing-rod", fishing_rod, (40, 85), flat=True, weight=0.6),
    Family("skateboard", skateboard, (8, 45)),
    Family("scooter", scooter, (2, 20), front=True, weight=0.7),
    Family("helmet", helmet, (4, 35)),
    Family("gloves", gloves, (40, 88), flat=True),
    Family("dumbbell", dumbbell, (8, 40), weight=0.8),
    Family("sport-ball", sport_ball, (0, 35)),
    Family("shuttlecock", shuttlecock, (5, 40), weight=0.6),
    Family("feathers", feather_duster, (-2, 12), hang=True, front=True, weight=0.6),
    Family("toy-car", toy_car, (6, 35), weight=0.9),
]
