"""Families of furniture: chairs, stools, tables, lamps, shelves, coat racks, plant stands, ladders, small frames."""

from __future__ import annotations

import math

import bpy
import kit
import materials as mt
import numpy as np

from families.family import Family, between, chance, colour, finish, hex_code, metal, one_of, plastic, wood
from families.parts import (
    Rng,
    arc,
    ball,
    body,
    laid,
    lumps,
    plate,
    ring,
    rod,
    rounded,
    sheet,
    superellipse,
    turned,
    uneven,
    wires,
)
from families.soft import cloth_print


def frame_stuff(rng: Rng) -> bpy.types.Material:
    """What legs and frames are of: wood, steel, lacquer."""
    kind = rng.random()
    return wood(rng) if kind < 0.45 else metal(rng) if kind < 0.65 else plastic(rng)


def legs(
    rng: Rng, half: kit.Point2, top: float, splay: float, thick: float, stuff: bpy.types.Material, count: int = 4
) -> None:
    """Legs under a seat or top, round, square or of bent wire; some have stretchers."""
    kind, taper = int(rng.integers(4)), between(rng, 0.5, 1.0)
    if count == 4:
        corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    else:
        corners = [(math.cos(a), math.sin(a)) for a in np.linspace(0.5, 0.5 + 2 * math.pi, count + 1)[:-1]]
    feet = [(x * (half[0] + splay), y * (half[1] + splay), 0.0) for x, y in corners]
    heads = [(x * half[0], y * half[1], top) for x, y in corners]
    for foot, head in zip(feet, heads, strict=True):
        if kind == 1:
            rings = [
                np.array(p) + laid(superellipse(thick * s, thick * s, 12, 16)) for p, s in ((foot, taper), (head, 1.0))
            ]
            kit.loft("leg", rings, stuff)
        elif kind == 2:
            mid = (np.array(head) * (0.5, 0.5, 0.9), foot)
            wires("hairpin", [[mid[0] + (0.12, 0, 0), foot, mid[0] - (0.12, 0, 0)], [head, foot]], thick * 0.45, stuff)
        else:
            rod("leg", foot, head, (thick * taper, thick), stuff)
    if kind in (0, 1) and chance(rng, 0.5):
        level = between(rng, 0.2, 0.6)
        mids = [np.array(f) * (1 - level) + np.array(h) * level for f, h in zip(feet, heads, strict=True)]
        wires("stretchers", [[mids[i], mids[(i + 1) % count]] for i in range(count)], thick * 0.6, stuff)


def slab_top(
    rng: Rng, half: kit.Point2, z: float, thick: float, stuff: bpy.types.Material, power: float | None = None
) -> bpy.types.Object:
    """A seat or table top with a rounded border; its upper side is at z + thick."""
    outline = superellipse(*half, power or one_of(rng, (2.0, 4.0, 12.0, 24.0)), 64)
    e = min(0.3 * thick, 0.03)
    rows = [(1 - 0.03, 0), (1, e), (1, thick - e), (1 - 0.03, thick)]
    return kit.loft("top", [laid(outline * s, z + h) for s, h in rows], stuff)


def seat_pad(rng: Rng, half: kit.Point2, z: float, power: float = 5) -> None:
    """A cushion on a seat."""
    thick = between(rng, 0.06, 0.22)

    def height(flat: np.ndarray, far: np.ndarray) -> np.ndarray:
        t = np.clip(far / 0.3, 0, 1)
        return thick * np.sqrt(1 - (1 - t) ** 2)

    kit.place(
        sheet("pad", superellipse(*half, power, 60), 0.1, height, cloth_print(rng), back=-0.3), (0, 0, z + thick * 0.3)
    )


# ---- seats


def chair(rng: Rng) -> None:
    """A chair: turned or square legs, seat, and a back of bars, slats, a panel, a shell or a bent hoop; front to -y."""
    stuff = frame_stuff(rng)
    half, high = (between(rng, 0.45, 0.6), between(rng, 0.42, 0.55)), between(rng, 0.85, 1.05)
    thick = between(rng, 0.03, 0.06)
    seat = stuff if chance(rng, 0.5) else finish(rng)
    legs(rng, (half[0] * 0.85, half[1] * 0.85), high, between(rng, 0, 0.15), thick, stuff)
    slab_top(rng, half, high, between(rng, 0.05, 0.1), seat, between(rng, 3, 12))
    if chance(rng, 0.35):
        seat_pad(rng, (half[0] * 0.95, half[1] * 0.95), high + 0.08)
    _chair_back(rng, half, high, stuff, thick)
    if chance(rng, 0.3):
        for s in (-1, 1):
            arm = [
                (s * half[0] * 0.9, half[1] * 0.9, high + 0.45),
                (s * half[0] * 1.1, -half[1] * 0.4, high + 0.45),
                (s * half[0], -half[1] * 0.8, high),
            ]
            kit.tube("arm", kit.smooth_path(arm, 6), thick, stuff)


def _chair_back(rng: Rng, half: kit.Point2, high: float, stuff: bpy.types.Material, thick: float) -> None:
    """One of the backs."""
    tall, lean, kind = between(rng, 0.7, 1.2), between(rng, 0.08, 0.3), int(rng.integers(5))
    x, y, z = half[0] * 0.85, half[1] * 0.88, high + 0.04

    def at(u: float, t: float) -> tuple[float, float, float]:
        return (u * x * (1 + 0.08 * t), y + lean * t + 0.1 * (1 - u * u) * t, z + tall * t)

    if kind == 0:
        hoop = [at(-1, 0), at(-1, 0.6), at(-0.8, 0.9), at(0, 1.03), at(0.8, 0.9), at(1, 0.6), at(1, 0)]
        kit.tube("hoop", kit.smooth_path(hoop, 8), thick * 0.9, stuff)
        wires(
            "sticks",
            [[at(u * 0.8, 0), at(u, 1.0 - 0.3 * u * u)] for u in np.linspace(-0.75, 0.75, int(rng.integers(3, 9)))],
            thick * 0.4,
            stuff,
        )
        return
    for u in (-1, 1):
        kit.tube("post", [at(u, t) for t in np.linspace(-0.04, 1, 6)], thick, stuff)
    if kind == 1:
        for t in np.linspace(between(rng, 0.3, 0.5), 0.95, int(rng.integers(2, 5))):
            kit.strap(
                "slat",
                [at(u, t) for u in np.linspace(-1, 1, 12)],
                between(rng, 0.08, 0.18),
                0.03,
                stuff,
                (0, lean, tall),
            )
    elif kind == 2:
        kit.strap(
            "rail",
            [at(u, 0.95) for u in np.linspace(-1.05, 1.05, 12)],
            between(rng, 0.12, 0.25),
            0.04,
            stuff,
            (0, lean, tall),
        )
        wires(
            "bars",
            [[at(u, 0), at(u, 0.93)] for u in np.linspace(-0.8, 0.8, int(rng.integers(3, 9)))],
            thick * 0.5,
            stuff,
        )
    else:
        panel = finish(rng) if chance(rng, 0.6) else cloth_print(rng)
        low = between(rng, 0.15, 0.55)
        rows = [[at(u, t) for u in np.linspace(-1, 1, 14)] for t in np.linspace(low, 1, 8)]
        made = kit.loft("panel", rows, panel, caps=False, around=False, sharp_angle=120)
        made.modifiers.new("thickness", "SOLIDIFY").thickness = between(rng, 0.03, 0.12)


def shell_chair(rng: Rng) -> None:
    """A moulded seat on wire, wood or a swivel foot."""
    shell, stuff, high = (
        plastic(rng) if chance(rng, 0.6) else cloth_print(rng),
        frame_stuff(rng),
        between(rng, 0.8, 0.95),
    )
    wide, tall, wings = between(rng, 0.5, 0.65), between(rng, 0.7, 1.05), between(rng, 0.02, 0.35)
    rows = []
    for t in np.linspace(0, 1, 20):
        u = np.linspace(-1, 1, 21)
        y = -0.5 + 0.98 * min(t / 0.55, 1) + 0.25 * max(0, t - 0.55)
        z = high + 0.05 * math.cos(t * 3) + tall * max(0.0, (t - 0.45) / 0.55) ** 1.3
        narrow = wide * (0.9 + 0.12 * math.sin(math.pi * min(1, t * 1.3))) * (1 - 0.45 * max(0, t - 0.8) ** 1.2 * 3)
        lift = wings * np.abs(u) ** 2.5 * (0.3 + math.sin(math.pi * t))
        rows.append(np.column_stack([u * narrow, y - 0.3 * lift * (t > 0.5), z + lift * (1 if t < 0.7 else 0.3)]))
    made = kit.loft("shell", rows, shell, caps=False, around=False, sharp_angle=120)
    made.modifiers.new("thickness", "SOLIDIFY").thickness = between(rng, 0.02, 0.06)
    if chance(rng, 0.3):
        _swivel(rng, high, stuff)
    else:
        legs(rng, (0.36, 0.34), high, between(rng, 0.05, 0.2), between(rng, 0.025, 0.05), stuff)


def _swivel(rng: Rng, high: float, stuff: bpy.types.Material) -> None:
    """A column on a star of feet with castors, or on a disc."""
    rod("column", (0, 0, 0.1), (0, 0, high), 0.06, metal(rng))
    if chance(rng, 0.4):
        turned("disc", [(0.01, 0), (0.5, 0), (0.48, 0.04), (0.07, 0.09), (0.01, 0.09)], stuff, segments=56)
        return
    for a in np.linspace(0.3, 0.3 + 2 * math.pi, 6)[:-1]:
        tip = (0.55 * math.cos(a), 0.55 * math.sin(a), 0.12)
        rod("foot", (0, 0, 0.2), tip, (0.055, 0.035), stuff)
        ball("castor", 0.06, (tip[0], tip[1], 0.06), plastic(rng, "#1c1c1e"), rows=9)


def stool(rng: Rng) -> None:
    """A stool: low or bar height, three or four legs."""
    stuff, high = frame_stuff(rng), between(rng, 0.8, 2.0)
    size = between(rng, 0.36, 0.55)
    half = (size, size * one_of(rng, (1.0, 1.0, 0.7)))
    legs(
        rng,
        (half[0] * 0.7, half[1] * 0.7),
        high,
        between(rng, 0.05, 0.25),
        between(rng, 0.03, 0.06),
        stuff,
        one_of(rng, (3, 4, 4)),
    )
    if high > 1.3:
        kit.ring_tube("foot-ring", size * 0.95, 0.025, high * 0.3, stuff)
    slab_top(
        rng,
        half,
        high,
        between(rng, 0.05, 0.12),
        stuff if chance(rng, 0.5) else finish(rng),
        one_of(rng, (2.0, 2.0, 6.0)),
    )
    if chance(rng, 0.35):
        seat_pad(rng, (half[0] * 0.95, half[1] * 0.95), high + 0.1, 2.2)


def sofa(rng: Rng) -> None:
    """An armchair, sofa or bench with cushions on small feet; front to -y."""
    stuff, count = cloth_print(rng), int(rng.integers(1, 4))
    wide, deep, low = 0.55 * count, between(rng, 0.42, 0.55), between(rng, 0.12, 0.3)
    legs(rng, (wide, deep * 0.85), low + 0.03, 0.0, between(rng, 0.025, 0.05), frame_stuff(rng))
    soft = between(rng, 0.05, 0.14)
    kit.box("base", (2 * wide + 0.2, 2 * deep, 0.24), stuff, at=(0, 0, low), bevel=soft * 0.7)
    for i in range(count):
        x = (i - (count - 1) / 2) * 2 * wide / count
        kit.box(
            "seat", (2 * wide / count - 0.03, 2 * deep - 0.1, 0.2), stuff, at=(x, -0.04, low + 0.22), bevel=soft * 0.6
        )
        back = kit.box(
            "cushion",
            (2 * wide / count - 0.04, 0.22, between(rng, 0.45, 0.6)),
            stuff,
            at=(x, deep * 0.62, low + 0.38),
            bevel=soft * 0.7,
        )
        back.rotation_euler[0] = -0.18

    kit.box("back", (2 * wide + 0.2, 0.22, between(rng, 0.7, 0.95)), stuff, at=(0, deep, low), bevel=soft)
    arm_high = between(rng, 0.42, 0.65)
    for s in (-1, 1) if chance(rng, 0.85) else ():
        kit.box("arm", (between(rng, 0.16, 0.3), 2 * deep, arm_high), stuff, at=(s * (wide + 0.15), 0, low), bevel=soft)
    if chance(rng, 0.4):
        pillow = kit.place(
            ball("pillow", (0.26, 0.1, 0.24), (0, 0, 0), cloth_print(rng), rows=18),
            (between(rng, -0.7, 0.7) * wide, deep * 0.2, low + 0.65),
            (-15, 0, between(rng, -20, 20)),
        )
        pillow.rotation_euler[1] = between(rng, -0.3, 0.3)


# ---- tables and shelves


def table(rng: Rng) -> None:
    """A table: dining, side or coffee; four legs, trestles, one foot, or crossed."""
    top, stuff = finish(rng, kinds=("wood", "plastic", "mottled")), frame_stuff(rng)
    half, high = (between(rng, 0.6, 1.3), between(rng, 0.45, 0.75)), between(rng, 0.6, 1.3)
    kind = rng.random()
    if kind < 0.25:
        half = (half[1], half[1])
        rod("column", (0, 0, 0), (0, 0, high), between(rng, 0.05, 0.1), stuff)
        if chance(rng, 0.5):
            turned("foot", [(0.01, 0), (0.4, 0), (0.36, 0.05), (0.08, 0.12), (0.01, 0.13)], stuff, segments=48)
        else:
            for a in np.linspace(0, 2 * math.pi, int(rng.integers(4, 6)))[:-1]:
                kit.tube(
                    "foot",
                    kit.smooth_path(
                        [
                            (0, 0, 0.25),
                            (0.25 * math.cos(a), 0.25 * math.sin(a), 0.16),
                            (0.48 * math.cos(a), 0.48 * math.sin(a), 0.03),
                        ],
                        5,
                    ),
                    0.035,
                    stuff,
                )
    elif kind < 0.45:
        for s in (-1, 1):
            x = s * half[0] * 0.75
            wires(
                "trestle",
                [
                    [(x, -half[1] * 0.8, 0), (x, half[1] * 0.6, high)],
                    [(x, half[1] * 0.8, 0), (x, -half[1] * 0.6, high)],
                ],
                between(rng, 0.03, 0.05),
                stuff,
            )
        rod("beam", (-half[0] * 0.75, 0, high * 0.5), (half[0] * 0.75, 0, high * 0.5), 0.03, stuff)
    else:
        legs(rng, (half[0] * 0.88, half[1] * 0.85), high, between(rng, 0, 0.12), between(rng, 0.03, 0.06), stuff)
        if chance(rng, 0.4):
            kit.box(
                "apron", (half[0] * 1.7, half[1] * 1.6, 0.13), stuff, at=(0, 0, high - 0.13), bevel=0.01, segments=1
            )
    slab_top(rng, half, high, between(rng, 0.03, 0.09), top)
    if chance(rng, 0.25):
        slab_top(rng, (half[0] * 0.75, half[1] * 0.75), high * 0.3, 0.04, top)


def shelf(rng: Rng) -> None:
    """Open shelves: a ladder shelf, a case, or boards in a frame of thin bars; some with a few boxes and books."""
    wide, deep, high = between(rng, 0.4, 0.9), between(rng, 0.16, 0.3), between(rng, 1.2, 2.4)
    boards, stuff, frame = int(rng.integers(2, 6)), finish(rng, kinds=("wood", "plastic", "metal")), frame_stuff(rng)
    thin, lean = between(rng, 0.02, 0.04), one_of(rng, (0, 0, between(rng, 0.1, 0.3)))
    levels = np.linspace(between(rng, 0.05, 0.3), high * between(rng, 0.85, 0.99), boards)
    for z in levels:
        share = 1 - lean * z / high * 2
        kit.box(
            "board",
            (2 * wide, 2 * deep * share, between(rng, 0.03, 0.05)),
            stuff,
            at=(0, deep * (1 - share), z),
            bevel=0.006,
            segments=1,
        )
        if chance(rng, 0.3):
            _shelf_load(rng, wide, deep * share, z + 0.045, deep * (1 - share))
    if chance(rng, 0.35):
        for s in (-1, 1):
            kit.box("side", (0.045, 2 * deep, high), stuff, at=(s * wide, 0, 0), bevel=0.006, segments=1)
        return
    posts = [
        [(s * wide, -deep, 0), (s * wide, -deep * (1 - 4 * lean * (y < 0)) if y < 0 else deep, high)]
        for s in (-1, 1)
        for y in (-1,)
    ]
    posts += [[(s * wide, deep, 0), (s * wide, deep, high)] for s in (-1, 1)]
    wires("posts", posts, thin, frame)
    if chance(rng, 0.5):
        wires(
            "cross",
            [
                [(-wide, deep, levels[0]), (wide, deep, levels[-1])],
                [(wide, deep, levels[0]), (-wide, deep, levels[-1])],
            ],
            thin * 0.4,
            frame,
        )


def _shelf_load(rng: Rng, wide: float, deep: float, z: float, y: float) -> None:
    """Books, boxes or pots that belong to the picture of the shelf."""
    x = -wide * 0.85
    while x < wide * between(rng, -0.2, 0.8):
        w, h = between(rng, 0.04, 0.2), between(rng, 0.15, 0.3)
        kit.box(
            "thing",
            (w, deep * between(rng, 0.8, 1.5), h),
            finish(rng, kinds=("plastic", "ceramic", "cloth")),
            at=(x + w / 2, y, z),
            bevel=0.008,
            segments=1,
        )
        x += w + between(rng, 0.005, 0.1)


def cabinet(rng: Rng) -> None:
    """A chest of drawers, sideboard or bedside table on legs; front to -y."""
    stuff, front = finish(rng, kinds=("wood", "plastic")), finish(rng, kinds=("wood", "plastic", "patterned"))
    wide, deep, high, low = (
        between(rng, 0.4, 1.2),
        between(rng, 0.25, 0.4),
        between(rng, 0.5, 1.2),
        between(rng, 0.05, 0.45),
    )
    legs(rng, (wide * 0.85, deep * 0.8), low + 0.02, between(rng, 0, 0.08), between(rng, 0.02, 0.045), frame_stuff(rng))
    kit.box("case", (2 * wide, 2 * deep, high), stuff, at=(0, 0, low), bevel=0.015, segments=2)
    rows, columns, knob = int(rng.integers(1, 5)), max(1, round(wide / 0.45)), metal(rng)
    style = int(rng.integers(3))
    for i in range(columns):
        for j in range(rows):
            w, h = 2 * wide / columns, high / rows
            x, z = -wide + (i + 0.5) * w, low + j * h
            kit.box(
                "drawer", (w - 0.035, 0.03, h - 0.035), front, at=(x, -deep - 0.005, z + 0.018), bevel=0.006, segments=1
            )
            if style == 0:
                ball("knob", 0.03, (x, -deep - 0.045, z + h / 2), knob, rows=8)
            elif style == 1:
                rod(
                    "bar",
                    (x - w * 0.18, -deep - 0.045, z + h * 0.6),
                    (x + w * 0.18, -deep - 0.045, z + h * 0.6),
                    0.014,
                    knob,
                )


# ---- lamps


def _shade(rng: Rng, z: float, stuff: bpy.types.Material | None = None) -> float:
    """A lamp shade around the axis whose lower edge is at z, with a bulb; gives its height."""
    stuff = stuff or (cloth_print(rng) if chance(rng, 0.5) else finish(rng))
    low, high, tall, kind = (
        between(rng, 0.3, 0.7),
        between(rng, 0.15, 0.5),
        between(rng, 0.3, 0.8),
        int(rng.integers(4)),
    )
    if kind == 0:
        loop = [(low, z), (high, z + tall), (high - 0.012, z + tall), (low - 0.012, z)]
    elif kind == 1:
        tall = low * between(rng, 0.6, 1)
        outer = [(low * math.cos(a), z + tall * math.sin(a)) for a in np.linspace(0, 1.45, 14)]
        loop = [*outer, *[(max(0.01, r - 0.015), h - 0.01) for r, h in outer[::-1]]]
    elif kind == 2:
        outer = kit.smooth_path(
            [(low, z), (low * 0.75, z + tall * 0.3), (low * 0.35, z + tall * 0.7), (0.06, z + tall)], 5
        )
        loop = [*outer, *[(max(0.01, r - 0.015), h) for r, h in outer[::-1]]]
    else:
        size = low * 0.8
        tall = 2 * size
        globe = mt.principled(
            "globe", one_of(rng, ("#ffffff", "#fff2dc", colour(rng))), roughness=0.4, emission=between(rng, 0, 1.2)
        )
        ball("globe", size, (0, 0, z + size), globe, rows=24)
        return tall
    if chance(rng, 0.2):
        count = int(rng.integers(14, 40))
        r0, z0, r1, z1 = loop[0][0], loop[0][1], high, z + tall
        steel = metal(rng)
        wires(
            "ribs",
            [
                [(r0 * math.cos(a), r0 * math.sin(a), z0), (r1 * math.cos(a), r1 * math.sin(a), z1)]
                for a in np.linspace(0, 6.283, count)
            ],
            0.012,
            steel,
        )
        wires("hoops", [ring(r0, 40, (0, 0, z0)), ring(r1, 40, (0, 0, z1))], 0.016, steel, closed=True)
    else:
        kit.lathe_open("shade", loop, stuff)
        if chance(rng, 0.3):
            a = rng.uniform(0, 2 * math.pi, 160)
            wires(
                "fringe",
                [
                    [
                        (low * math.cos(t), low * math.sin(t), z),
                        (low * math.cos(t), low * math.sin(t), z - between(rng, 0.08, 0.14)),
                    ]
                    for t in a
                ],
                0.008,
                stuff,
                resolution=1,
            )
    ball(
        "bulb", 0.1, (0, 0, z + tall * 0.35), mt.principled("bulb", "#fff0d0", emission=between(rng, 0.0, 8.0)), rows=12
    )
    return tall


def table_lamp(rng: Rng) -> None:
    """A lamp with a turned, stacked or thin foot and a shade."""
    stuff, high = finish(rng), between(rng, 0.4, 1.0)
    kind = int(rng.integers(3))
    if kind == 0:
        radii = rng.uniform(0.06, 0.32, 4)
        profile = [
            (0.01, 0),
            (0.25, 0),
            (0.25, 0.03),
            *[(float(r), 0.08 + high * (i + 1) / 5) for i, r in enumerate(radii)],
            (0.04, high),
            (0.01, high),
        ]
        turned("foot", profile, stuff, smooth=5, segments=48)
    elif kind == 1:
        turned("disc", [(0.01, 0), (0.28, 0), (0.28, 0.04), (0.01, 0.05)], stuff, segments=48)
        rod("stem", (0, 0, 0.04), (0, 0, high + 0.1), between(rng, 0.015, 0.04), metal(rng))
    else:
        legs(rng, (0.05, 0.05), high, between(rng, 0.25, 0.45), 0.03, frame_stuff(rng), 3)
    rod("socket", (0, 0, high - 0.02), (0, 0, high + 0.2), 0.03, metal(rng))
    _shade(rng, high + between(rng, -0.1, 0.08))


def floor_lamp(rng: Rng) -> None:
    """A tall lamp: straight with a shade, on three legs, or an arc with a hanging shade."""
    stuff, high = metal(rng) if chance(rng, 0.6) else frame_stuff(rng), between(rng, 1.6, 2.3)
    thin = between(rng, 0.015, 0.03)
    if chance(rng, 0.4):
        for a in np.linspace(0.4, 0.4 + 2 * math.pi, 4)[:-1]:
            rod(
                "leg",
                (0.5 * math.cos(a), 0.5 * math.sin(a), 0),
                (0.03 * math.cos(a), 0.03 * math.sin(a), high),
                (thin, thin * 1.4),
                stuff,
            )
    else:
        turned("disc", [(0.01, 0), (0.32, 0), (0.32, 0.03), (0.01, 0.05)], stuff, segments=48)
        rod("stem", (0, 0, 0), (0, 0, high), thin, stuff)
    if chance(rng, 0.3):
        reach = between(rng, 0.5, 1.1)
        path = kit.smooth_path(
            [(0, 0, high), (0.08 * reach, 0, high + 0.25), (reach * 0.6, 0, high + 0.4), (reach, 0, high + 0.1)], 8
        )
        kit.tube("arc", path, thin, stuff)
        before = set(bpy.context.scene.objects)
        tall = _shade(rng, -0.35)
        kit.gather([o for o in bpy.context.scene.objects if o not in before], (reach, 0, high + 0.35 - tall))
    else:
        _shade(rng, high - between(rng, 0.1, 0.3))


def desk_lamp(rng: Rng) -> None:
    """A jointed lamp: foot, two arms, a cone as its head, springs."""
    stuff, steel = plastic(rng) if chance(rng, 0.6) else metal(rng), metal(rng)
    turned("disc", [(0.01, 0), (0.34, 0), (0.34, 0.05), (0.08, 0.09), (0.01, 0.1)], stuff, segments=48)
    elbow = np.array((between(rng, -0.5, -0.1), 0, between(rng, 0.7, 1.1)))
    wrist = elbow + (between(rng, 0.5, 0.9), 0, between(rng, 0.1, 0.6))
    for y in (-0.04, 0.04) if chance(rng, 0.6) else (0,):
        wires(
            "arms",
            [[(0, y, 0.08), elbow + (0, y, 0)], [elbow + (0, y, 0), wrist + (0, y, 0)]],
            between(rng, 0.015, 0.028),
            steel,
        )
    for joint in (elbow, wrist):
        kit.place(
            kit.lathe("joint", [(0.01, -0.07), (0.05, -0.07), (0.05, 0.07), (0.01, 0.07)], stuff, segments=20),
            tuple(joint),
            (90, 0, 0),
        )
    cone = [(0.06, 0.16), (0.12, 0.12), (between(rng, 0.2, 0.36), -0.25)]
    loop = [*cone, *[(r - 0.012, z - 0.002) for r, z in cone[::-1]]]
    head = [
        kit.lathe_open("head", loop, stuff),
        ball("bulb", 0.08, (0, 0, -0.1), mt.principled("bulb", "#fff0d0", emission=between(rng, 0, 8)), rows=10),
    ]
    kit.gather(head, tuple(wrist + (0.05, 0, -0.08)), (0, -between(rng, 5, 60), 0))
    if chance(rng, 0.4):
        t = np.linspace(0, 1, 90)
        spring = (
            elbow * t[:, None] * 0.4
            + (0.03, 0, 0.12)
            + 0.022 * np.column_stack([np.cos(t * 75), np.sin(t * 75), 0 * t])
        )
        wires("spring", [spring], 0.006, steel, resolution=1)


def pendant_lamp(rng: Rng) -> None:
    """A lamp on a cord, a chandelier, or a paper lantern."""
    cord = plastic(rng, one_of(rng, ("#1b1b1c", "#f2f1ee", colour(rng))))
    arms = int(rng.integers(4, 9)) if chance(rng, 0.3) else 0
    if not arms:
        tall = _shade(rng, 0)
        rod("cord", (0, 0, tall - 0.02), (0, 0, tall + between(rng, 0.4, 1.3)), 0.012, cord)
        turned(
            "cap",
            [(0.01, tall + 0.1), (0.05, tall + 0.1), (0.06, tall - 0.06), (0.01, tall - 0.06)],
            metal(rng),
            segments=24,
        )
        return
    brass, wax = metal(rng), mt.principled("candle", "#f5efdf", roughness=0.5)
    turned("body", [(0.01, -0.1), (0.08, 0), (0.05, 0.15), (0.1, 0.3), (0.03, 0.6), (0.01, 1.1)], brass, smooth=4)
    for a in np.linspace(0, 2 * math.pi, arms + 1)[:-1]:
        c, s = math.cos(a), math.sin(a)
        path = kit.smooth_path(
            [(0.06 * c, 0.06 * s, 0.1), (0.4 * c, 0.4 * s, -0.1), (0.75 * c, 0.75 * s, 0.02), (0.8 * c, 0.8 * s, 0.2)],
            6,
        )
        kit.tube("arm", path, 0.018, brass)
        rod("candle", (0.8 * c, 0.8 * s, 0.22), (0.8 * c, 0.8 * s, 0.42), 0.035, wax)
        ball(
            "flame",
            (0.035, 0.035, 0.07),
            (0.8 * c, 0.8 * s, 0.48),
            mt.principled("flame", "#fff0d0", emission=between(rng, 0, 6)),
            rows=9,
        )
        turned(
            "plate",
            [(0.01, 0.19), (0.09, 0.21), (0.09, 0.22), (0.01, 0.22)],
            brass,
            at=(0.8 * c, 0.8 * s, 0),
            segments=24,
        )


# ---- stands, racks, frames


def coat_rack(rng: Rng) -> None:
    """A coat stand, or a rail for clothes."""
    stuff, high = frame_stuff(rng), between(rng, 1.7, 2.4)
    thin = between(rng, 0.025, 0.05)
    if chance(rng, 0.4):
        wide = between(rng, 0.7, 1.1)
        for s in (-1, 1):
            wires(
                "side",
                [[(s * wide, -0.35, 0), (s * wide, 0, high)], [(s * wide, 0.35, 0), (s * wide, 0, high)]]
                if chance(rng, 0.5)
                else [[(s * wide, 0, 0.04), (s * wide, 0, high)], [(s * wide, -0.35, 0.04), (s * wide, 0.35, 0.04)]],
                thin,
                stuff,
            )
        wires("rails", [[(-wide, 0, high), (wide, 0, high)], [(-wide, 0, 0.25), (wide, 0, 0.25)]], thin, stuff)
        return
    rod("post", (0, 0, 0), (0, 0, high), (thin * 1.3, thin), stuff)
    feet, hooks = int(rng.integers(3, 6)), int(rng.integers(3, 6))
    for i, a in enumerate(np.linspace(0, 2 * math.pi, feet + 1)[:-1]):
        foot = kit.smooth_path(
            [(0, 0, 0.3), (0.25 * math.cos(a), 0.25 * math.sin(a), 0.18), (0.5 * math.cos(a), 0.5 * math.sin(a), 0.02)],
            5,
        )
        kit.tube("foot", foot, thin * (1 if i else 1.05), stuff)
    for level in (high - 0.08, high * 0.75)[: int(rng.integers(1, 3))]:
        for a in np.linspace(0.4, 0.4 + 2 * math.pi, hooks + 1)[:-1]:
            c, s = math.cos(a), math.sin(a)
            hook = kit.smooth_path(
                [
                    (0, 0, level - 0.1),
                    (0.16 * c, 0.16 * s, level - 0.08),
                    (0.3 * c, 0.3 * s, level + 0.06),
                    (0.32 * c, 0.32 * s, level + 0.16),
                ],
                5,
            )
            kit.tube("hook", hook, thin * 0.6, stuff)
            ball("knob", thin * 0.9, tuple(hook[-1]), stuff, rows=8)


def plant_stand(rng: Rng) -> None:
    """A stand of thin bars with one to three trays."""
    stuff, tray = frame_stuff(rng), finish(rng)
    tiers, thin = int(rng.integers(1, 4)), between(rng, 0.015, 0.035)
    for i in range(tiers):
        x, size, high = (i - (tiers - 1) / 2) * 0.75, between(rng, 0.25, 0.36), between(rng, 0.4, 1.3)
        posts = []
        count = int(rng.integers(3, 5))
        for a in np.linspace(0.3, 0.3 + 2 * math.pi, count + 1)[:-1]:
            posts.append(
                [
                    (x + size * 1.1 * math.cos(a), size * 1.1 * math.sin(a), 0),
                    (x + size * math.cos(a), size * math.sin(a), high),
                ]
            )
        wires("posts", posts, thin, stuff)
        wires("rings", [ring(size, 40, (x, 0, z)) for z in (high, high * 0.5)], thin, stuff, closed=True)
        if chance(rng, 0.6):
            turned(
                "tray",
                [(0.01, high - 0.01), (size * 0.97, high - 0.01), (size * 0.97, high + 0.01), (0.01, high + 0.01)],
                tray,
                at=(x, 0, 0),
            )
        if chance(rng, 0.35):
            turned(
                "pot",
                [
                    (0.01, high),
                    (size * 0.6, high),
                    (size * 0.85, high + 0.45),
                    (size * 0.78, high + 0.45),
                    (0.01, high + 0.3),
                ],
                finish(rng),
                at=(x, 0, 0),
            )


def ladder(rng: Rng) -> None:
    """A step ladder or a straight one."""
    stuff, high, wide = frame_stuff(rng), between(rng, 1.4, 2.6), between(rng, 0.28, 0.42)
    lean, folding, thin = between(rng, 0.15, 0.4), chance(rng, 0.6), between(rng, 0.03, 0.05)
    rails = [[(s * wide * 1.15, -lean, 0), (s * wide * 0.85, 0.1, high)] for s in (-1, 1)]
    if folding:
        rails += [[(s * wide * 1.1, lean + 0.25, 0), (s * wide * 0.8, 0.12, high)] for s in (-1, 1)]
    wires("rails", rails, thin, stuff)
    for t in np.linspace(0.12, 0.95, int(rng.integers(3, 9))):
        x, y = wide * (1.15 - 0.3 * t), -lean + (0.1 + lean) * t
        if folding:
            kit.box("step", (2 * x, 0.16, 0.035), stuff, at=(0, y, high * t), bevel=0.008, segments=1)
        else:
            rod("rung", (-x, y, high * t), (x, y, high * t), thin * 0.8, stuff)


def mirror(rng: Rng) -> None:
    """A mirror or picture in a frame, standing or on a foot; front to -y."""
    half = (between(rng, 0.4, 0.7), between(rng, 0.5, 1.0))
    outline = superellipse(*half, one_of(rng, (2.0, 2.0, 30.0, 6.0)), 72)
    stuff, thick = finish(rng), between(rng, 0.03, 0.1)
    glass = mt.principled("mirror", "#dfe3e4", metallic=1.0, roughness=0.03)
    if chance(rng, 0.35):
        tone = [between(rng, 0.2, 0.9) for _ in range(3)]
        glass = mt.principled("picture", hex_code(*tone), roughness=0.2)
    parts = [
        wires("frame", [laid(outline)], thick, stuff, closed=True, resolution=4),
        plate("glass", [outline], 0.02, glass),
    ]
    high = half[1] + thick
    foot = chance(rng, 0.4)
    up = high + (between(rng, 0.2, 0.5) if foot else 0)
    kit.gather(parts, (0, 0, up), (90 - between(rng, 0, 14), 0, 0))
    if foot:
        wires(
            "fork",
            [
                [
                    (-half[0] - thick, 0, up),
                    (-half[0] * 0.7 - thick, 0, 0.15),
                    (0, 0, 0.1),
                    (half[0] * 0.7 + thick, 0, 0.15),
                    (half[0] + thick, 0, up),
                ]
            ],
            0.03,
            stuff,
        )
        turned("disc", [(0.01, 0), (0.3, 0), (0.28, 0.05), (0.04, 0.12), (0.01, 0.12)], stuff, segments=48)


def basket(rng: Rng) -> None:
    """A woven basket or laundry hamper with visible rods, some with a lid or grips."""
    low, high, tall = between(rng, 0.35, 0.7), between(rng, 0.45, 0.85), between(rng, 0.5, 1.4)
    tone, rods = wood(rng), between(rng, 0.015, 0.035)
    stakes, power = int(rng.integers(12, 26)) * 2, one_of(rng, (2.0, 2.0, 5.0))
    rows = max(6, int(tall / (rods * between(rng, 2.1, 4.5))))
    paths = []
    for row in range(rows):
        t = row / (rows - 1)
        flat = superellipse(low + (high - low) * t, low + (high - low) * t, power, stakes * 4)
        wave = 1 + 0.035 * np.cos(np.arange(stakes * 4) / 4 * math.pi + math.pi * row)
        wobble = 0.01 * lumps(laid(flat, row), rng, 0.5)
        paths.append(np.column_stack([flat * wave[:, None], t * tall + rods + wobble]))
    wires("weft", paths, rods, tone, closed=True, resolution=1)
    posts = [superellipse(low + (high - low) * t, low + (high - low) * t, power, stakes) for t in (0, 1)]
    wires("stakes", [[(*a, 0), (*b, tall)] for a, b in zip(*posts, strict=True)], rods * 0.9, tone, resolution=1)
    slab_top(rng, (low, low), 0.01, 0.03, tone, power)
    wires("rim", [laid(superellipse(high, high, power, 60), tall)], rods * 2, tone, closed=True)
    if chance(rng, 0.5):
        grip = one_of(rng, (tone, plastic(rng)))
        for s in (-1, 1):
            path = [(s * high * 1.0, y, z) for y, z in arc(0.22, 0, 180, 16, (0, tall))]
            kit.tube("grip", path, rods * 1.3, grip)


def umbrella(rng: Rng) -> None:
    """An open umbrella or parasol, standing or lying."""
    stuff, steel, high, wide = cloth_print(rng), metal(rng), between(rng, 1.2, 1.8), between(rng, 0.8, 1.2)
    ribs, dome = int(rng.integers(6, 11)), between(rng, 0.25, 0.6)
    rings = []
    a = np.linspace(0, 2 * math.pi, ribs * 6, endpoint=False)
    for t in np.linspace(0.01, 1, 10):
        sag = 1 - 0.1 * t * (0.5 - 0.5 * np.cos(ribs * a))
        rings.append(
            np.stack(
                [
                    wide * t * np.cos(a) * sag,
                    wide * t * np.sin(a) * sag,
                    high - dome * t**1.8 - 0.05 * t * (0.5 - 0.5 * np.cos(ribs * a)),
                ],
                -1,
            )
        )
    canopy = kit.loft("canopy", rings, stuff, caps=False, sharp_angle=120)
    canopy.modifiers.new("thickness", "SOLIDIFY").thickness = 0.008
    tips = [(wide * math.cos(t), wide * math.sin(t), high - dome) for t in np.linspace(0, 2 * math.pi, ribs + 1)[:-1]]
    wires(
        "stretchers",
        [[(0, 0, high - dome - 0.15), (0.5 * p[0], 0.5 * p[1], high - dome * 0.35)] for p in tips],
        0.008,
        steel,
    )
    wires("tips", [[p, (p[0] * 1.04, p[1] * 1.04, p[2] - 0.02)] for p in tips], 0.012, steel)
    rod("stick", (0, 0, 0.1), (0, 0, high + 0.12), 0.018, steel)
    grip = kit.smooth_path([(0, 0, 0.2), (0, 0, 0.02), (0.08, 0, -0.07), (0.17, 0, 0.02), (0.17, 0, 0.08)], 6)
    kit.tube("grip", grip, 0.035, finish(rng, kinds=("wood", "plastic")))
    lying = chance(rng, 0.5)
    kit.gather(list(bpy.context.scene.objects), (0, 0, 0.1 if not lying else wide * 0.75), (118 if lying else 0, 0, 0))


def pouf(rng: Rng) -> None:
    """A pouf, drum or garden stool."""
    stuff, wide, high = (
        cloth_print(rng) if chance(rng, 0.6) else finish(rng),
        between(rng, 0.45, 0.75),
        between(rng, 0.4, 0.9),
    )
    belly = between(rng, 1.0, 1.25)
    made = body("pouf", [(0, 0, 0, wide * 0.85, wide * 0.85), (0.06, 0, 0, wide * 0.97, wide * 0.97), (high / 2, 0, 0, wide * belly, wide * belly), (high - 0.06, 0, 0, wide * 0.97, wide * 0.97), (high, 0, 0, wide * 0.8, wide * 0.8), (high + 0.03, 0, 0, 0.02, 0.02)], stuff, power=one_of(rng, (2.0, 2.0, 8.0)), steps=6, count=60)  # fmt: skip
    uneven(made, rng, between(rng, 0.005, 0.04), 0.6)
    if chance(rng, 0.5):
        cuts = [
            kit.smooth_path(
                [
                    (wide * 0.3 * c, wide * 0.3 * s, high + 0.02),
                    (wide * 0.98 * c, wide * 0.98 * s, high - 0.05),
                    (wide * belly * 1.01 * c, wide * belly * 1.01 * s, high / 2),
                    (wide * 0.98 * c, wide * 0.98 * s, 0.05),
                ],
                5,
            )
            for c, s in (arc(1, 0, 360, int(rng.integers(7, 16))))
        ]
        wires("seams", cuts, 0.014, cloth_print(rng))
    if chance(rng, 0.3):
        wires(
            "ring",
            [
                rounded([(-0.1, 0), (0.1, 0), (0.1, 0.1), (-0.1, 0.1)], 4) @ np.array([[1, 0, 0], [0, 0, 1]])
                + (0, -wide * belly - 0.02, high * 0.6)
            ],
            0.015,
            metal(rng),
            closed=True,
        )


FAMILIES = [
    Family("chair", chair, (2, 28), weight=1.6),
    Family("shell-chair", shell_chair, (2, 28)),
    Family("stool", stool, (2, 28)),
    Family("sofa", sofa, (3, 25), front=True),
    Family("table", table, (3, 28), weight=1.2),
    Family("shelf", shelf, (1, 18), front=True),
    Family("cabinet", cabinet, (2, 20), front=True),
    Family("table-lamp", table_lamp, (0, 20)),
    Family("floor-lamp", floor_lamp, (0, 15)),
    Family("desk-lamp", desk_lamp, (2, 22)),
    Family("pendant-lamp", pendant_lamp, (-20, 12), hang=True),
    Family("coat-rack", coat_rack, (1, 15), weight=0.7),
    Family("plant-stand", plant_stand, (3, 28), weight=0.7),
    Family("ladder", ladder, (1, 15), weight=0.6),
    Family("mirror", mirror, (0, 12), front=True, weight=0.7),
    Family("woven-basket", basket, (6, 40)),
    Family("umbrella", umbrella, (0, 25)),
    Family("pouf", pouf, (5, 35), weight=0.6),
]
