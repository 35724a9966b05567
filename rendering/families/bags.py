"""Families of bags: backpacks, totes, handbags, purses on chains, duffels, shopping bags, suitcases, pouches."""

from __future__ import annotations

import math

import bpy
import kit
import materials as mt
import numpy as np
from plate_sets.shapes import ease

from families.family import Family, artwork, between, chance, cloth, colour, finish, metal, one_of, plastic, print_of
from families.parts import (
    Rng,
    arc,
    ball,
    bend,
    body,
    laid,
    lumps,
    ring,
    rod,
    rounded,
    sheet,
    stood,
    superellipse,
    uneven,
    wires,
)
from families.shoes import leather
from families.soft import cloth_print
from families.wire import chain_along, link_shape


def stuff_of(rng: Rng) -> bpy.types.Material:
    """Leather, canvas, nylon."""
    return leather(rng) if chance(rng, 0.6) else cloth(rng)


def zipper(points: np.ndarray, rng: Rng, tape: bpy.types.Material) -> None:
    """A zip along points with a slider and its puller."""
    teeth = metal(rng)
    wires("tape", [points], 0.028, tape)
    wires("teeth", [points + (0, -0.012, 0.006)], 0.019, teeth)
    end = points[int(rng.integers(len(points)))]
    kit.box("slider", (0.06, 0.05, 0.05), teeth, at=tuple(end - (0, 0.02, 0.03)), bevel=0.01, segments=1)
    rod(
        "puller",
        end - (0, 0.04, 0),
        end - (0, 0.06, between(rng, 0.1, 0.25)),
        0.016,
        teeth if chance(rng, 0.6) else tape,
    )


def label(rng: Rng, at: kit.Point3, wide: float, turn: kit.Point3 = (90, 0, 0)) -> None:
    """A sewn or printed label, front to -y."""
    high = wide * between(rng, 0.4, 1.1)
    made = kit.box(
        "label", (wide, high, 0.012), mt.printed("label", artwork(rng, (160, max(40, int(160 * high / wide))))), bevel=0
    )
    kit.place(made, at, turn)


def hoop(a: kit.Point3, b: kit.Point3, rise: float, out: float = 0.0, count: int = 24) -> list[kit.Point3]:
    """A handle's path from a to b, arched up by `rise` and outwards along y by `out`."""
    a_, b_ = np.array(a), np.array(b)
    return [
        tuple(a_ + (b_ - a_) * (0.5 - 0.5 * math.cos(t)) + np.array((0, out * math.sin(t), rise * math.sin(t) ** 0.8)))
        for t in np.linspace(0.001, math.pi - 0.001, count)
    ]


def hull(
    rng: Rng,
    size: kit.Point3,
    stuff: bpy.types.Material,
    *,
    top: float = 0.85,
    slump: float = 0.03,
    power: float = 4.0,
    at: kit.Point3 = (0, 0, 0),
) -> bpy.types.Object:
    """A stuffed body of half width, half depth and height; `top` is how wide it is above."""
    w, d, h = size
    rows = [
        (0.0, 0, 0, w * 0.9, d * 0.85),
        (0.05 * h, 0, 0, w * 0.98, d),
        (0.45 * h, 0, 0, w * (1 + top) / 2 * 1.03, d * 1.05),
    ]
    rows += [
        (0.85 * h, 0, 0, w * top, d * 0.85),
        (0.97 * h, 0, 0, w * top * 0.9, d * 0.55),
        (h, 0, 0, w * top * 0.7, d * 0.2),
    ]
    made = kit.place(body("hull", rows, stuff, power=power, steps=5, count=44), at)
    return uneven(made, rng, slump, 0.7)


# ---- backpacks and duffels


def backpack(rng: Rng) -> None:
    """A backpack with pockets, zips, a loop and shoulder straps; front to -y."""
    stuff, accent = stuff_of(rng), stuff_of(rng)
    w, d, h = between(rng, 0.55, 0.8), between(rng, 0.28, 0.45), between(rng, 1.4, 2.0)
    hull(rng, (w, d, h), stuff, top=between(rng, 0.7, 0.95), power=between(rng, 2.8, 4.5))
    pocket_h = h * between(rng, 0.35, 0.5)
    front = stuff if chance(rng, 0.5) else accent
    hull(rng, (w * 0.78, 0.2, pocket_h), front, top=0.95, at=(0, -d * 0.95, 0.06))
    seam = np.array(
        [
            (
                w * 0.66 * math.cos(a),
                -d * 0.95 - 0.16 + 0.02 * abs(math.cos(a)),
                0.06 + pocket_h * (0.55 + 0.36 * math.sin(a)),
            )
            for a in np.linspace(0.1, 3.04, 24)
        ]
    )
    zipper(seam, rng, accent)
    upper = np.array(
        [
            (w * 0.93 * math.cos(a), -d * 0.45, h * 0.55 + h * 0.42 * math.sin(a))
            for a in np.linspace(-0.2, math.pi + 0.2, 30)
        ]
    )
    zipper(upper, rng, accent)
    kit.strap(
        "loop", hoop((-0.16, d * 0.3, h * 0.96), (0.16, d * 0.3, h * 0.96), between(rng, 0.15, 0.3)), 0.1, 0.03, accent
    )
    for side in (-1, 1):
        x = side * w * 0.45
        path = [
            (x * 0.5, d * 0.8, h * 0.93),
            (x, d + between(rng, 0.25, 0.5), h * 0.8),
            (x * 1.2, d + 0.3, h * 0.4),
            (side * w * 0.9, d * 0.8, 0.1),
        ]
        kit.strap("strap", kit.smooth_path(path, 7), between(rng, 0.16, 0.26), 0.05, accent, (1, 0, 0))
        if chance(rng, 0.5):
            hull(rng, (0.12, d * 0.6, h * 0.35), accent, at=(side * w * 0.98, 0, 0.05))
    if chance(rng, 0.3):
        _lid(rng, w, d, h, accent)
    if chance(rng, 0.6):
        label(rng, (0, -d * 1.02 - 0.23, 0.06 + pocket_h * 0.45), between(rng, 0.2, 0.5))


def _lid(rng: Rng, w: float, d: float, h: float, stuff: bpy.types.Material) -> None:
    """A flap over the top held by one or two straps."""
    rows = []
    for t in np.linspace(0, 1, 14):
        x = np.linspace(-w * 0.9, w * 0.9, 18)
        a = t * 2.4
        y = d * 0.9 * math.cos(min(a, math.pi)) if a < math.pi / 1.2 else -d
        z = h * 0.93 + 0.12 * math.sin(min(a, math.pi)) - max(0, t - 0.75) * 1.2
        rows.append(np.column_stack([x, np.full(18, y * 1.1), z - 0.08 * (x / w) ** 4]))
    flap = kit.loft("lid", rows, stuff, caps=False, around=False, sharp_angle=120)
    flap.modifiers.new("thickness", "SOLIDIFY").thickness = 0.04
    for x in (-0.25, 0.25) if chance(rng, 0.6) else (0,):
        kit.strap(
            "tab",
            [(x, -d * 1.12, h * 0.85), (x, -d * 1.2 - 0.15, h * 0.5), (x, -d * 1.2 - 0.2, h * 0.3)],
            0.09,
            0.02,
            stuff,
            (1, 0, 0),
        )


def duffel(rng: Rng) -> None:
    """A sports or travel bag: a lying barrel with two handles and a long strap."""
    stuff, accent = stuff_of(rng), stuff_of(rng)
    long, fat, power = between(rng, 0.95, 1.4), between(rng, 0.42, 0.58), between(rng, 2.0, 3.2)
    rows = [
        (-long, 0, 0, fat * 0.88, fat * 0.88),
        (-long + 0.04, 0, 0, fat * 0.97, fat * 0.97),
        (0, 0, 0, fat * 1.03, fat),
        (long - 0.04, 0, 0, fat * 0.97, fat * 0.97),
        (long, 0, 0, fat * 0.88, fat * 0.88),
    ]
    barrel = body("barrel", rows, stuff, power=power, steps=8, count=44)
    bend(barrel, lambda p: np.stack([p[:, 2], p[:, 1], np.maximum(p[:, 0], -fat * 0.93) + fat * 0.93], -1))
    uneven(barrel, rng, between(rng, 0.01, 0.05), 0.6)
    top = fat * 1.93
    zipper(np.array([(x, 0, top + 0.01) for x in np.linspace(-long * 0.85, long * 0.85, 20)]), rng, accent)
    apart, rise, wide = long * between(rng, 0.3, 0.5), between(rng, 0.35, 0.7), between(rng, 0.09, 0.16)
    for y in (-1, 1):
        up = hoop((-apart, y * 0.22, top * 0.96), (apart, y * 0.22, top * 0.96), rise, y * between(rng, -0.15, 0.2))
        path = [
            (-apart, y * fat * 1.03, 0.25),
            (-apart, y * fat * 1.04, fat),
            *up,
            (apart, y * fat * 1.04, fat),
            (apart, y * fat * 1.03, 0.25),
        ]
        kit.strap("handle", kit.smooth_path(path, 3), wide, 0.03, accent, (1, 0.0, 0.2))
    if chance(rng, 0.5):
        path = [
            (-long, 0, fat * 1.3),
            (-long - 0.25, -0.3, 0.5),
            (-long * 0.6, -fat - 0.5, 0.06),
            (long * 0.5, -fat - 0.6, 0.06),
            (long + 0.25, -0.4, 0.4),
            (long, 0, fat * 1.3),
        ]
        kit.strap("strap", kit.smooth_path(path, 8), wide, 0.025, accent, (0.2, 0.6, 0.6))
    if chance(rng, 0.6):
        label(rng, (0, -fat * 1.05, fat), between(rng, 0.3, 0.8))


# ---- open bags


def _walls(
    rng: Rng, size: kit.Point3, stuff: bpy.types.Material, flare: float, power: float, slack: float
) -> bpy.types.Object:
    """Walls of an open bag: half width, half depth, height; the mouth is `flare` times as deep as the foot."""
    w, d, h = size
    rings = []
    for t in np.linspace(0, 1, 10):
        deep = d * (1 + (flare - 1) * t)
        rings.append(laid(superellipse(w * (1 + 0.03 * t), deep, power, 64), h * t))
    floor = [laid(superellipse(w * s, d * s, power, 64), 0.0) for s in (0.02, 0.5)]
    bag = kit.loft("walls", [*floor, *rings], stuff, caps=False, sharp_angle=70)
    phase = between(rng, 0, 6)

    def hang(p: np.ndarray) -> np.ndarray:
        t = p[:, 2] / h
        sag = -slack * t * (0.5 + 0.5 * np.cos(2.2 * p[:, 0] / w + phase)) * 0.6
        return p + np.column_stack([slack * 0.4 * t * lumps(p, rng, 0.6), slack * t * lumps(p, rng, 0.9), sag])

    bend(bag, hang)
    bag.modifiers.new("thickness", "SOLIDIFY").thickness = 0.02
    return bag


def tote(rng: Rng) -> None:
    """A shopper of cloth, felt or leather with two handles, through which one sees."""
    stuff = cloth_print(rng) if chance(rng, 0.6) else stuff_of(rng)
    w, d, h = between(rng, 0.65, 1.0), between(rng, 0.1, 0.35), between(rng, 0.9, 1.5)
    _walls(rng, (w, d, h), stuff, between(rng, 0.5, 1.0), between(rng, 3, 7), between(rng, 0.02, 0.1))
    grip = stuff if chance(rng, 0.5) else stuff_of(rng)
    apart, rise, wide, fall = (
        w * between(rng, 0.3, 0.6),
        between(rng, 0.4, 1.0),
        between(rng, 0.05, 0.14),
        between(rng, 0, 0.4),
    )
    round_one = chance(rng, 0.25)
    for y in (-1, 1):
        path = hoop((-apart, y * d * 0.95, h * 0.88), (apart, y * d * 0.95, h * 0.88), rise, y * fall)
        if round_one:
            kit.tube("handle", path, wide * 0.4, grip)
        else:
            kit.strap("handle", path, wide, 0.022, grip, (1, 0.0, 0.6))
    if chance(rng, 0.55):
        label(rng, (0, -d * 1.08 - 0.03, h * 0.5), between(rng, 0.3, w), (90 - between(rng, 0, 4), 0, 0))


def paper_bag(rng: Rng) -> None:
    """A carrier bag of paper with cord or flat handles, or one without."""
    w, d, h = between(rng, 0.45, 0.8), between(rng, 0.18, 0.35), between(rng, 0.8, 1.5)
    front = print_of(rng, (384, int(384 * h / (2 * w))))
    plain = mt.add_bump(
        mt.principled(
            "paper", one_of(rng, ("#b98f62", "#f4f2ee", "#1e1e20", colour(rng))), roughness=between(rng, 0.2, 0.8)
        ),
        3,
        0.3,
        depth=0.05,
    )
    fold = between(rng, 0.0, 0.4)
    for y, stuff in ((-1, front), (1, plain)):
        rows = [[(x, y * d * (1 - 0.1 * t), h * t) for x in np.linspace(-w, w, 7)] for t in np.linspace(0, 1, 6)]
        kit.loft("face", rows, stuff, caps=False, around=False)
    for side in (-1, 1):
        for y in (-1, 1):
            rows = [
                [(side * w, y * d * (1 - 0.1 * t), h * t), (side * (w - fold * d * t), 0, h * t)]
                for t in np.linspace(0, 1, 6)
            ]
            kit.loft("side", rows, plain, caps=False, around=False)
    kit.box("floor", (2 * w, 2 * d, 0.01), plain, bevel=0)
    cord, kind = finish(rng, kinds=("cloth", "plastic")), rng.random()
    for y in (-1, 1) if kind < 0.9 else ():
        path = hoop(
            (-w * 0.35, y * d * 0.92, h * 0.9), (w * 0.35, y * d * 0.92, h * 0.9), between(rng, 0.35, 0.6), y * 0.1
        )
        if kind < 0.6:
            kit.tube("cord", path, between(rng, 0.015, 0.03), cord)
        else:
            kit.strap("band", path, 0.1, 0.01, plain, (1, 0, 0.5))


# ---- handbags


def handbag(rng: Rng) -> None:
    """A firm bag with one or two handles, a flap or a zip, metal parts and feet."""
    stuff, trim, brass = stuff_of(rng), stuff_of(rng), metal(rng)
    w, d, h = between(rng, 0.6, 1.0), between(rng, 0.22, 0.4), between(rng, 0.65, 1.1)
    top = between(rng, 0.65, 1.05)
    hull(rng, (w, d, h), stuff, top=top, slump=between(rng, 0, 0.03), power=between(rng, 3, 8), at=(0, 0, 0.03))
    if top > 0.93:
        wires(
            "seams",
            [stood(superellipse(w * 0.94, h * 0.45, 6, 60) * (1, 1) + (0, h * 0.5), y) for y in (-d * 1.0, d * 1.0)],
            0.012,
            trim,
            closed=True,
        )
    apart, rise = w * between(rng, 0.3, 0.6), between(rng, 0.35, 0.7)
    for y in (-0.6 * d, 0.6 * d) if chance(rng, 0.6) else (0.0,):
        path = hoop((-apart, y, h * 0.93), (apart, y, h * 0.93), rise, np.sign(y) * between(rng, -0.05, 0.2))
        kit.tube("handle", path, between(rng, 0.025, 0.05), trim)
        for x in (-apart, apart):
            wires("ring", [ring(0.06, 20, (x, y, h * 0.93), (0, 1, 0))], 0.016, brass, closed=True)
    if chance(rng, 0.5):
        _front_flap(rng, w * top, d, h, stuff if chance(rng, 0.6) else trim, brass)
    else:
        zipper(np.array([(x, 0, h + 0.02) for x in np.linspace(-w * top * 0.7, w * top * 0.7, 16)]), rng, trim)
    for x in (-w * 0.7, w * 0.7):
        for y in (-d * 0.6, d * 0.6):
            ball("foot", 0.035, (x, y, 0.03), brass, rows=7)
    if chance(rng, 0.3):
        _charm(rng, apart, h, brass)


def _front_flap(rng: Rng, w: float, d: float, h: float, stuff: bpy.types.Material, brass: bpy.types.Material) -> None:
    """A flap from the back over the top to the front, with a lock."""
    reach, round_ = h * between(rng, 0.35, 0.7), between(rng, 0, 0.5)
    rows = []
    for t in np.linspace(0, 1, 16):
        u = np.linspace(-1, 1, 21)
        if t < 0.35:
            y, z = d * (0.6 - 1.7 * t / 0.35), h * 1.02 + 0.07 * math.sin(math.pi * t / 0.35)
            rows.append(np.column_stack([u * w * 0.92, np.full(21, y), np.full(21, z)]))
        else:
            s = (t - 0.35) / 0.65
            down = reach * s * (1 - round_ * np.abs(u) ** 3)
            rows.append(
                np.column_stack([u * w * 0.95, -d * 1.1 - 0.05 * math.sin(s * 1.6) * np.ones(21), h * 1.02 - down])
            )
    flap = kit.loft("flap", rows, stuff, caps=False, around=False, sharp_angle=120)
    flap.modifiers.new("thickness", "SOLIDIFY").thickness = 0.035
    kit.box(
        "lock",
        (between(rng, 0.08, 0.2), 0.05, between(rng, 0.08, 0.16)),
        brass,
        at=(0, -d * 1.1 - 0.09, h * 1.02 - reach - 0.02),
        bevel=0.015,
        segments=2,
    )


def _charm(rng: Rng, apart: float, h: float, brass: bpy.types.Material) -> None:
    """A tag or tassel on the handle."""
    x, stuff = apart * 0.95, stuff_of(rng)
    rod("cord", (x, -0.1, h * 1.05), (x + 0.05, -0.28, h * 0.75), 0.012, brass)
    tips = [[(x + 0.05, -0.29, h * 0.75), (x + 0.05 + between(rng, -0.06, 0.06), -0.3, h * 0.5)] for _ in range(14)]
    wires("tassel", tips, 0.012, stuff)


def chain_purse(rng: Rng) -> None:
    """A small bag, quilted or plain, on a chain or thin strap that stands or lies around it."""
    stuff, gold = stuff_of(rng), metal(rng, one_of(rng, ("#e2b154", "#d6d4d0", "#8c8d90")))
    w, d, h = between(rng, 0.55, 0.85), between(rng, 0.15, 0.26), between(rng, 0.45, 0.7)
    if chance(rng, 0.4):
        _quilted(stuff, between(rng, 4, 8))
    hull(rng, (w, d, h), stuff, top=between(rng, 0.85, 1), slump=0.01, power=6)
    _front_flap(rng, w * 0.95, d, h, stuff, gold)
    ends = np.array([(-w * 0.95, 0, h * 0.9), (w * 0.95, 0, h * 0.9)])
    if chance(rng, 0.6):
        path = np.array(hoop(tuple(ends[0]), tuple(ends[1]), between(rng, 0.8, 1.4), between(rng, -0.2, 0.3), 60))
    else:
        way = [
            ends[0],
            (-w - 0.2, -0.1, 0.3),
            (-w * 0.8, -0.6, 0.05),
            (0, between(rng, -1.1, -0.7), 0.05),
            (w * 0.9, -0.6, 0.05),
            (w + 0.2, -0.1, 0.3),
            ends[1],
        ]
        path = kit.smooth_path(way, 14)
    if chance(rng, 0.7):
        pitch = between(rng, 0.05, 0.1)
        chain_along(path, *link_shape(rng, pitch), pitch, gold, between(rng, 30, 45))
    else:
        kit.strap("strap", path, between(rng, 0.04, 0.09), 0.02, stuff, (0.2, 1, 0.3))


def _quilted(stuff: bpy.types.Material, scale: float) -> None:
    """Diamond quilting as relief."""
    tree = stuff.node_tree
    coords, turn = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeMapping")
    turn.inputs["Rotation"].default_value = (0, 0.785, 0)
    waves, add = [], tree.nodes.new("ShaderNodeMath")
    add.operation = "MINIMUM"
    for axis, socket in zip(("X", "Z"), add.inputs[:2], strict=True):
        wave = tree.nodes.new("ShaderNodeTexWave")
        wave.bands_direction = axis
        wave.inputs["Scale"].default_value = scale / 3
        tree.links.new(turn.outputs["Vector"], wave.inputs["Vector"])
        tree.links.new(wave.outputs["Fac"], socket)
        waves.append(wave)
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value, bump.inputs["Distance"].default_value = 1.0, 0.05
    tree.links.new(coords.outputs["Object"], turn.inputs["Vector"])
    tree.links.new(add.outputs["Value"], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], mt.shader_of(stuff).inputs["Normal"])


def clutch(rng: Rng) -> None:
    """A wallet, clutch or pencil case: flat, with a zip, a fold or a wrist loop."""
    stuff, wide, high = (
        cloth_print(rng) if chance(rng, 0.4) else stuff_of(rng),
        between(rng, 0.8, 1.2),
        between(rng, 0.4, 0.75),
    )
    thick = between(rng, 0.06, 0.25)
    outline = superellipse(wide, high, between(rng, 6, 14), 72)

    def height(flat: np.ndarray, far: np.ndarray) -> np.ndarray:
        t = np.clip(far / (0.8 * high), 0, 1)
        return (
            thick
            * (0.35 * (1 - np.exp(-far / 0.05)) + 0.65 * np.sqrt(1 - (1 - t) ** 2))
            * (1 + 0.1 * lumps(laid(flat), rng, 0.8))
        )

    parts = [sheet("pouch", outline, 0.08, height, stuff, back=-0.6)]
    brass = metal(rng)
    if chance(rng, 0.5):
        parts.append(
            wires("zip", [laid([(x, high) for x in np.linspace(-wide * 0.9, wide * 0.9, 12)], 0.0)], 0.035, brass)
        )
    else:
        flap = rounded(
            [
                (-wide, high),
                (wide, high),
                (wide * 0.98, between(rng, -0.1, 0.2)),
                (0, between(rng, -0.3, 0)),
                (-wide * 0.98, 0.1),
            ],
            5,
            0.12,
        )
        parts.append(
            kit.place(
                sheet("flap", flap, 0.09, lambda flat, far: 0.03 * (1 - np.exp(-far / 0.04)), stuff, back=0),
                (0, 0, thick * 0.92),
            )
        )
        parts.append(ball("stud", (0.06, 0.06, 0.03), (0, 0.05, thick + 0.03), brass))
    if chance(rng, 0.45):
        loop = kit.smooth_path(
            [
                (wide, high * 0.8, 0),
                (wide + 0.3, high * 0.9, 0.05),
                (wide + 0.7, high * 0.2, -0.02),
                (wide + 0.5, -0.2, 0.0),
                (wide + 0.1, high * 0.7, 0.02),
            ],
            8,
        )
        parts.append(kit.strap("loop", loop, 0.08, 0.02, stuff, (0, 0.2, 1)))
    lean = one_of(rng, (0, 0, between(rng, 62, 80)))
    kit.gather(parts, (0, 0, thick * 0.6 if lean == 0 else high + 0.03), (lean, 0, 0))


def suitcase(rng: Rng) -> None:
    """A hard or soft trolley case with wheels and a drawn-out handle, or an old case."""
    shell, steel, dark = finish(rng), metal(rng), plastic(rng, one_of(rng, ("#1b1b1d", "#2a2a2e", colour(rng))))
    w, d, h = between(rng, 0.55, 0.75), between(rng, 0.22, 0.36), between(rng, 0.9, 1.5)
    rows = [
        laid(superellipse(w * s, d * s**2, 6, 60), 0.12 + z * h)
        for s, z in ((0.9, 0), (0.97, 0.02), (1, 0.06), (1, 0.94), (0.97, 0.98), (0.9, 1))
    ]
    kit.loft("shell", rows, shell)
    for x in np.linspace(-w * 0.75, w * 0.75, int(rng.integers(0, 9))):
        rod("rib", (x, -d * 0.99, 0.2), (x, -d * 0.99, 0.05 + h), 0.022, shell)
    wires("seam", [stood(superellipse(w * 1.005, h * 0.495, 12, 60) + (0, 0.12 + h / 2))], 0.02, dark, closed=True)
    for x in (-w * 0.75, w * 0.75):
        for y in (-d * 0.7, d * 0.7):
            kit.place(
                kit.lathe("wheel", [(0.01, -0.03), (0.06, -0.03), (0.06, 0.03), (0.01, 0.03)], dark, segments=20),
                (x, y, 0.06),
                (0, 90, 0),
            )
            rod("fork", (x, y, 0.06), (x, y, 0.14), 0.03, dark)
    out = between(rng, 0.0, 0.8)
    if out > 0.15:
        wires(
            "handle",
            [
                [
                    (-w * 0.4, d * 0.6, h),
                    (-w * 0.4, d * 0.6, 0.12 + h + out),
                    (w * 0.4, d * 0.6, 0.12 + h + out),
                    (w * 0.4, d * 0.6, h),
                ]
            ],
            0.025,
            steel,
        )
        rod("grip", (-w * 0.42, d * 0.6, 0.12 + h + out), (w * 0.42, d * 0.6, 0.12 + h + out), 0.045, dark)
    kit.strap("top-grip", hoop((-0.2, 0, h + 0.12), (0.2, 0, h + 0.12), 0.1), 0.1, 0.03, dark, (0, 1, 0))
    for _ in range(int(rng.integers(0, 5))):
        label(
            rng,
            (between(rng, -w * 0.6, w * 0.6), -d - 0.01, between(rng, 0.3, h)),
            between(rng, 0.15, 0.35),
            (90, between(rng, -30, 30), 0),
        )


def gym_sack(rng: Rng) -> None:
    """A bag drawn together by cords, or a gift pouch."""
    stuff, cord = cloth_print(rng), cloth(rng)
    w, d, h, neck = between(rng, 0.5, 0.75), between(rng, 0.3, 0.6), between(rng, 0.9, 1.3), between(rng, 0.12, 0.25)
    folds, rings = int(rng.integers(9, 18)), []
    for t in np.linspace(0, 1, 18):
        waist = (
            1
            - (1 - neck / w) * float(ease(np.array(t), 0.45, 0.8))
            + 0.55 * (1 - neck / w) * float(ease(np.array(t), 0.82, 1.0))
        )
        a = np.linspace(0, 2 * math.pi, 96, endpoint=False)
        crimp = 1 + 0.16 * float(ease(np.array(t), 0.5, 0.85)) * np.sin(folds * a)
        round_ = math.sqrt(1 - (1 - min(1, t / 0.15)) ** 2) * 0.25 + 0.75
        flat = superellipse(w * waist * round_, d * waist * round_, 2.6, 96) * crimp[:, None]
        rings.append(laid(flat, h * t))
    bag = kit.loft("sack", [laid(superellipse(0.02, 0.02, 2, 96), 0), *rings], stuff, caps=False, sharp_angle=120)
    uneven(bag, rng, 0.03, 0.6)
    bag.modifiers.new("thickness", "SOLIDIFY").thickness = 0.02
    wires("knot", [ring(neck * 1.12, 40, (0, 0, h * 0.81))], 0.03, cord, closed=True)
    for s in (-1, 1):
        ends = kit.smooth_path(
            [
                (s * neck, -neck, h * 0.81),
                (s * between(rng, 0.2, 0.5), -d * 1.1, h * 0.75),
                (s * between(rng, 0.1, 0.6), -d * 1.3, h * between(rng, 0.2, 0.6)),
            ],
            8,
        )
        kit.tube("cord", ends, 0.025, cord)
    if chance(rng, 0.4):
        tag = laid(arc(0.12, 0, 359, 30))
        wires("tag-ring", [tag + (0, -d * 1.2, h * 0.5)], 0.014, metal(rng), closed=True)


FAMILIES = [
    Family("backpack", backpack, (2, 28), front=True, weight=1.3),
    Family("duffel", duffel, (6, 35)),
    Family("tote", tote, (2, 28), weight=1.4),
    Family("paper-bag", paper_bag, (4, 30), front=True),
    Family("handbag", handbag, (3, 28), weight=1.3),
    Family("chain-purse", chain_purse, (5, 35), front=True, weight=1.2),
    Family("clutch", clutch, (25, 80), flat=True),
    Family("suitcase", suitcase, (3, 22)),
    Family("gym-sack", gym_sack, (4, 28), weight=0.7),
]
