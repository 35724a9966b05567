"""Families of shoes: sneakers, lace-ups, boots, pumps with heels, sandals, slippers; in pairs or alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import bpy
import kit
import materials as mt
import numpy as np
from plate_sets.shapes import ease

from families.family import (
    Family,
    artwork,
    between,
    chance,
    cloth,
    colour,
    finish,
    metal,
    mottled,
    one_of,
    plastic,
)
from families.parts import Rng, ball, fur, turned, uneven, wires

TURNS = 56


@dataclass(frozen=True)
class Last:
    """The foot that a shoe is made around: toe to +x, heel at x = 0, 2 units long.

    `width` scales the sole; `toe` is how pointed it is (0 round, 1 pointed); `heel` lifts the heel; `sole` is the
    sole's thickness.
    """

    width: float
    toe: float
    heel: float
    sole: float

    def outline(self, grow: float = 1.0) -> np.ndarray:
        """Sole outline (TURNS, 2), from the toe around by the outer side."""
        tip = 0.3 * (1 - 0.8 * self.toe)
        right = [(2.02, 0.02), (1.93, tip), (1.72, 0.36 - 0.08 * self.toe), (1.4, 0.4), (0.95, 0.33), (0.5, 0.29)]
        right += [(0.15, 0.25), (-0.02, 0.1)]
        left = [
            (-0.03, -0.06),
            (0.12, -0.25),
            (0.5, -0.26),
            (0.9, -0.22),
            (1.35, -0.33),
            (1.72, -0.32),
            (1.95, -tip * 0.8),
        ]
        path = kit.smooth_path([*right, *left], 20, closed=True)
        at = np.linspace(0, len(path), TURNS, endpoint=False).astype(int)
        middle = np.array((1.0, 0.02))
        return middle + (path[at] - middle) * (grow, grow * self.width)

    def floor(self, x: np.ndarray) -> np.ndarray:
        """Height of the sole's upper side: heel lift and toe spring."""
        return self.sole + self.heel * (1 - ease(x, 0.25, 1.35)) + 0.05 * ease(x, 1.5, 2.1) * (1 + self.heel)

    def ring(self, grow: float, lift: float) -> np.ndarray:
        """The outline (TURNS, 3) at a distance over the sole's upper side."""
        flat = self.outline(grow)
        return np.column_stack([flat, self.floor(flat[:, 0]) + lift])


Skin = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Points of the upper for turns (0 to TURNS, 0 at the toe) and heights (0 at the sole, 1 at the opening)."""


def skin_of(last: Last, opening: np.ndarray, toe_box: float, slope: float) -> Skin:
    """The surface between the sole's outline and the opening (TURNS, 3)."""
    low = last.ring(0.97, -0.01)
    front = np.clip((low[:, 0] - 1.0) / 1.0, 0, 1)[:, None]
    rise = np.array((0, 0, 1.0))
    first = low + rise * (toe_box * front + 0.32 * (1 - front)) + (low - low.mean(axis=0)) * (1, 1, 0) * 0.04
    second = opening + front * np.array((slope, 0, -0.12)) - rise * 0.2 * (1 - front)
    control = np.stack([low, first, second, opening])

    def at(turn: np.ndarray, t: np.ndarray) -> np.ndarray:
        whole = np.floor(turn).astype(int)
        share = (turn - whole)[..., None]
        c = control[:, whole % TURNS] * (1 - share) + control[:, (whole + 1) % TURNS] * share
        t = t[..., None]
        return c[0] * (1 - t) ** 3 + 3 * c[1] * t * (1 - t) ** 2 + 3 * c[2] * t**2 * (1 - t) + c[3] * t**3

    return at


def patch(
    skin: Skin, turns: tuple[float, float], heights: tuple[float, float], stuff: bpy.types.Material, lift: float = 0.015
) -> bpy.types.Object:
    """A piece laid on the upper: toe cap, heel counter, stripe."""
    u, t = np.meshgrid(np.linspace(*turns, 16), np.linspace(*heights, 9))
    points = skin(u, t)
    normal = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    away = points - np.array((0.9, 0, 0.2))
    normal *= np.sign((normal * away).sum(axis=-1, keepdims=True))
    made = kit.loft("patch", list(points + normal * lift), stuff, caps=False, around=False, sharp_angle=120)
    solid = made.modifiers.new("thickness", "SOLIDIFY")
    solid.thickness, solid.offset = 0.02, 0
    return made


def opening_ring(center: float, half: tuple[float, float], height: float, tilt: float) -> np.ndarray:
    """The edge of the opening: an ellipse around x = `center`, its back higher by `tilt`."""
    a = np.linspace(0, 2 * math.pi, TURNS, endpoint=False)
    return np.stack([center + half[0] * np.cos(a), half[1] * np.sin(a) + 0.01, height - tilt * np.cos(a)], -1)


def leather(rng: Rng) -> bpy.types.Material:
    """Leather, suede, canvas or patent."""
    kind = rng.random()
    if kind < 0.3:
        return cloth(rng)
    if kind < 0.42:
        return mottled(rng)
    made = mt.principled("leather", colour(rng), roughness=between(rng, 0.12, 0.8), coat=one_of(rng, (0, 0, 0.5)))
    return mt.add_bump(made, between(rng, 20, 60), between(rng, 0.05, 0.4), depth=0.01)


def upper(skin: Skin, stuff: bpy.types.Material, rng: Rng, start: float = 0, stop: float = TURNS) -> bpy.types.Object:
    """The upper as a shell; with `start` and `stop` only a part of the way around."""
    whole = stop - start >= TURNS
    turns = np.linspace(start, stop, TURNS, endpoint=not whole)
    rings = [skin(turns, np.full(TURNS, t)) for t in np.linspace(0, 1, 15)]
    made = kit.loft("upper", rings, stuff, caps=False, around=whole, sharp_angle=120)
    uneven(made, rng, 0.008, 1.0)
    solid = made.modifiers.new("thickness", "SOLIDIFY")
    solid.thickness, solid.offset = 0.035, -1
    return made


def sole(last: Last, rng: Rng, stuff: bpy.types.Material, lining: bpy.types.Material) -> list[bpy.types.Object]:
    """Outsole, perhaps in two layers, and insole."""
    grow = between(rng, 1.0, 1.06)
    thick = np.linspace(0, 1, 5)
    bulge = between(rng, 0, 0.03)
    drop = last.sole if last.heel < 0.3 else min(0.08, last.sole)
    rings = [last.ring(grow + bulge * math.sin(math.pi * t), -drop * (1 - t) + 0.02) for t in thick]
    if last.heel < 0.3:
        # A flat shoe stands on all of its sole.
        rings = [np.column_stack([r[:, :2], r[:, 2] * t]) for r, t in zip(rings, thick, strict=True)]
    parts = [
        kit.loft("sole", rings, stuff, sharp_angle=50),
        kit.loft("insole", [last.ring(0.93, 0.02), last.ring(0.9, 0.03)], lining),
    ]
    if chance(rng, 0.4) and last.heel < 0.3:
        line = last.ring(grow + bulge * 0.7 + 0.004, 0) * (1, 1, between(rng, 0.3, 0.8))
        parts.append(wires("line", [line], 0.012, plastic(rng), closed=True))
    return parts


def laces(rng: Rng, skin: Skin, low: float, high: float) -> list[bpy.types.Object]:
    """Crossed or straight laces over the instep, with a bow."""
    lace, rows, apart = cloth(rng), int(rng.integers(4, 8)), between(rng, 2.2, 3.8)
    t = np.linspace(low, high, rows)
    over = np.array((0.03, 0, 0.05))
    left, right = skin(np.full(rows, TURNS - apart), t) + over, skin(np.full(rows, apart), t) + over
    middle = (left + right) / 2 + (0.02, 0, 0.03)
    paths = []
    for i in range(rows - 1):
        paths += [
            kit.smooth_path([left[i], middle[i], right[i + 1]], 5),
            kit.smooth_path([right[i], middle[i], left[i + 1]], 5),
        ]
    top = middle[-1]
    for s in (-1, 1):
        long = between(rng, 0.15, 0.35)
        loop = [
            top,
            top + (0.08, s * long, 0.1),
            top + (0.14, s * long * 1.3, -0.02),
            top + (0.1, s * long * 0.6, -0.04),
            top,
        ]
        end = [top, top + (0.14, s * 0.12, 0.02), top + (0.26, s * between(rng, 0.15, 0.4), -0.15)]
        paths += [kit.smooth_path(loop, 6), kit.smooth_path(end, 6)]
    eyes = wires(
        "eyes", [[p, p + (0, 0, 0.01)] for p in (*left, *right)], 0.035, metal(rng) if chance(rng, 0.4) else lace
    )
    return [wires("laces", paths, between(rng, 0.014, 0.026), lace), eyes]


# ---- one shoe of a kind; each gives a maker, so that both of a pair are alike


def sneaker(rng: Rng) -> list[bpy.types.Object]:
    """A sports or casual shoe, low or high."""
    last = Last(between(rng, 0.95, 1.15), between(rng, 0, 0.35), between(rng, 0, 0.12), between(rng, 0.12, 0.34))
    stuff, accent, lining = leather(rng), leather(rng), cloth(rng)
    high = between(rng, 0.85, 1.1) if chance(rng, 0.3) else between(rng, 0.55, 0.72)
    skin = skin_of(
        last,
        opening_ring(0.42, (0.42, 0.2), last.sole + high, between(rng, -0.02, 0.1)),
        between(rng, 0.36, 0.5),
        between(rng, 0.3, 0.55),
    )
    rubber = mt.principled(
        "rubber", one_of(rng, ("#f4f3ef", "#f4f3ef", "#1d1d1f", "#b8874f", colour(rng))), roughness=0.6
    )
    parts = [upper(skin, stuff, rng), *sole(last, rng, rubber, lining), *laces(rng, skin, 0.55, 0.96)]
    if chance(rng, 0.6):
        parts.append(
            patch(
                skin,
                (-between(rng, 5, 10), between(rng, 5, 10)),
                (0.0, between(rng, 0.2, 0.4)),
                accent if chance(rng, 0.6) else rubber,
            )
        )
    if chance(rng, 0.6):
        parts.append(patch(skin, (TURNS / 2 - 5, TURNS / 2 + 5), (between(rng, 0, 0.5), 0.98), accent))
    for side in (1, -1):
        if chance(rng, 0.6):
            start = side * between(rng, 11, 15)
            parts.append(
                patch(
                    skin,
                    (start, start + side * between(rng, 2, 8)),
                    (between(rng, 0.05, 0.3), between(rng, 0.6, 0.95)),
                    accent,
                )
            )
    tab = skin(np.array([0.0, 0.0, 0.0]), np.array([0.75, 0.95, 1.0])) + (0.0, 0, 0.02)
    tongue = [*tab, tab[-1] + (-0.02, 0, between(rng, 0.1, 0.25))]
    parts.append(kit.strap("tongue", kit.smooth_path(tongue, 4), 0.3, 0.04, lining))
    parts.append(
        wires("collar", [skin(np.arange(4.0, TURNS - 3), np.full(TURNS - 7, 1.0))], between(rng, 0.02, 0.05), lining)
    )
    return parts


def lace_up(rng: Rng) -> list[bpy.types.Object]:
    """A leather shoe or loafer with a low heel."""
    last = Last(between(rng, 0.85, 1.0), between(rng, 0.2, 0.9), 0.06, between(rng, 0.1, 0.18))
    stuff = leather(rng)
    skin = skin_of(
        last, opening_ring(0.5, (0.5, 0.2), last.sole + 0.5, 0.06), between(rng, 0.3, 0.38), between(rng, 0.35, 0.6)
    )
    tread = mt.principled("tread", one_of(rng, ("#17120f", "#3a2417", "#8a6a45", "#1b1b1c")), roughness=0.5)
    parts = [upper(skin, stuff, rng), *sole(last, rng, tread, leather(rng))]
    if chance(rng, 0.6):
        parts += laces(rng, skin, 0.65, 0.95)
    else:
        band = skin(np.linspace(-11, 11, 24), np.full(24, between(rng, 0.6, 0.75))) + (0, 0, 0.02)
        parts.append(kit.strap("band", band, 0.22, 0.03, stuff, (1, 0, -0.5)))
    if chance(rng, 0.5):
        parts.append(patch(skin, (-9, 9), (0, between(rng, 0.3, 0.45)), stuff))
    return parts


def boot(rng: Rng) -> list[bpy.types.Object]:
    """A boot from ankle to knee height: rubber, hiking, leather, or lined with fur."""
    last = Last(between(rng, 0.95, 1.1), between(rng, 0, 0.7), between(rng, 0, 0.25), between(rng, 0.12, 0.3))
    stuff, tread = leather(rng), plastic(rng, one_of(rng, ("#17171a", "#5a4030", "#efece4", "#2a2a2c")))
    ankle = opening_ring(0.45, (0.42, 0.26), last.sole + 0.7 + last.heel * 0.6, 0.1)
    skin = skin_of(last, ankle, between(rng, 0.36, 0.46), between(rng, 0.25, 0.4))
    tall, wide, rake = between(rng, 0.3, 2.0), between(rng, 1.0, 1.35), between(rng, -0.1, 0.1)
    rings = [ankle]
    for t in np.linspace(0.15, 1, 7):
        grow = 1 + (wide - 1) * t
        mean = ankle.mean(axis=0)
        rings.append((ankle - mean) * (grow, grow, 1 - t) + mean + (rake * t, 0, tall * t))
    shaft = kit.loft("shaft", rings, stuff, caps=False, sharp_angle=120)
    uneven(shaft, rng, between(rng, 0.005, 0.03), 0.9)
    shaft.modifiers.new("thickness", "SOLIDIFY").thickness = 0.035
    parts = [upper(skin, stuff, rng), shaft, *sole(last, rng, tread, cloth(rng))]
    if chance(rng, 0.5):
        parts += laces(rng, skin, 0.5, 0.95)
    if last.heel > 0.1 or chance(rng, 0.4):
        block = last.sole + last.heel
        parts.append(
            turned("heel", [(0.01, 0), (0.22, 0), (0.25, block), (0.01, block)], tread, at=(0.24, 0, 0), segments=28)
        )
    rim = rings[-1]
    if chance(rng, 0.25):
        bpy.context.view_layer.update()
        wool = mt.principled("wool", one_of(rng, ("#f1ece0", "#d8c8a8", "#4a3a2e")), roughness=0.9)
        cuff = kit.loft(
            "cuff", [rim * 1.0, (rim - rim.mean(axis=0)) * 1.08 + rim.mean(axis=0) - (0, 0, 0.14)], wool, caps=False
        )
        bpy.context.view_layer.update()
        parts += [cuff, fur([cuff], 2500, 0.12, 0.005, wool, rng, droop=0.2, mess=0.6)]
    elif chance(rng, 0.5):
        parts.append(wires("edge", [rim], 0.035, stuff if chance(rng, 0.5) else plastic(rng), closed=True))
    return parts


def pump(rng: Rng) -> list[bpy.types.Object]:
    """A woman's shoe: court shoe, ballerina, with a thin, block or wedge heel, perhaps a strap at the ankle."""
    lift = one_of(rng, (0.04, between(rng, 0.3, 0.6), between(rng, 0.6, 1.0)))
    last = Last(between(rng, 0.75, 0.9), between(rng, 0.2, 1.0), lift, 0.07)
    stuff, lining = leather(rng), leather(rng)
    front, back = between(rng, 1.35, 1.6), 0.0
    a = np.linspace(0, 2 * math.pi, TURNS, endpoint=False)
    x = (front + back) / 2 + (front - back) / 2 * np.cos(a)
    edge = last.floor(x) + 0.14 + 0.26 * ease(-np.cos(a), -0.2, 1.0)
    opening = np.stack([x, 0.235 * np.sin(a) * (0.9 + 0.15 * np.cos(a)), edge], -1)
    skin = skin_of(last, opening, 0.26, between(rng, 0.05, 0.2))
    parts = [upper(skin, stuff, rng), *sole(last, rng, stuff if chance(rng, 0.5) else lining, lining)]
    if lift > 0.2:
        parts.append(_heel(rng, last, one_of(rng, (stuff, plastic(rng), finish(rng)))))
    if chance(rng, 0.35):
        high = last.sole + lift + between(rng, 0.55, 0.75)
        loop = [
            (0.3 + 0.3 * math.cos(t), 0.22 * math.sin(t), high + 0.04 * math.cos(t))
            for t in np.linspace(0, 2 * math.pi, 30)
        ]
        parts.append(kit.strap("ankle", loop, between(rng, 0.04, 0.1), 0.018, stuff, (0.2, 0, 1)))
        parts.append(kit.strap("back", [(0.0, 0, edge.max() - 0.1), (0.01, 0, high)], 0.12, 0.02, stuff))
    if chance(rng, 0.3):
        spot = skin(np.array([0.0]), np.array([0.9]))[0] + (0.02, 0, 0.04)
        parts += [
            ball("bow", (0.05, 0.12, 0.05), tuple(spot + (0, s * 0.1, 0)), stuff if chance(rng, 0.5) else metal(rng))
            for s in (-1, 1)
        ]
    return parts


def _heel(rng: Rng, last: Last, stuff: bpy.types.Material) -> bpy.types.Object:
    """A thin or a block heel under the raised back of the sole."""
    high = last.sole + last.heel
    if chance(rng, 0.55):
        thin = between(rng, 0.035, 0.09)
        path = kit.smooth_path([(0.26, 0, high - 0.02), (0.12, 0, high * 0.6), (0.1, 0, 0.0)], 6)
        return kit.tube("heel", path, np.linspace(0.19, thin, len(path)).tolist(), stuff)
    wide = between(rng, 0.6, 1.0)
    rings = [
        np.array([(0.22 + 0.24 * s * math.cos(t), 0.22 * s * math.sin(t), z) for t in np.linspace(0, 6.28, 25)[:-1]])
        for s, z in ((wide, 0), (wide, high * 0.4), (1, high - 0.02))
    ]
    return kit.loft("heel", rings, stuff)


def sandal(rng: Rng) -> list[bpy.types.Object]:
    """A sandal or flip-flop: a sole with straps through which one sees."""
    lift = one_of(rng, (0.0, 0.05, between(rng, 0.3, 0.7)))
    last = Last(between(rng, 0.85, 1.05), between(rng, 0, 0.4), lift, between(rng, 0.1, 0.3))
    stuff, tread = leather(rng), finish(rng)
    parts = sole(last, rng, tread, leather(rng))
    if lift > 0.2:
        parts.append(_heel(rng, last, tread))
    if chance(rng, 0.35):
        spot = np.array((1.62, -0.05, last.floor(np.array(1.6)) + 0.02))
        paths = [
            kit.smooth_path(
                [
                    spot,
                    spot + (-0.12, s * 0.12, 0.22),
                    spot + (-0.4, s * 0.26, 0.14),
                    (0.95, s * 0.3 * last.width, last.floor(np.array(0.95))),
                ],
                8,
            )
            for s in (-1, 1)
        ]
        return [*parts, wires("thongs", paths, between(rng, 0.03, 0.06), stuff)]
    wide = between(rng, 0.06, 0.3)
    for x in sorted(rng.uniform(1.1, 1.65, int(rng.integers(1, 4)))):
        parts.append(_band(last, float(x), between(rng, 0.22, 0.34), wide, stuff, between(rng, -0.15, 0.15)))
    if chance(rng, 0.7):
        parts.append(_band(last, 0.45, between(rng, 0.5, 0.7), wide * 0.6, stuff, 0.05))
        heel = [
            (0.45, 0.27, last.floor(np.array(0.4)) + 0.3),
            (0.0, 0.2, last.floor(np.array(0.0)) + 0.34),
            (-0.06, 0, last.floor(np.array(0.0)) + 0.36),
            (0.0, -0.2, last.floor(np.array(0.0)) + 0.34),
            (0.45, -0.25, last.floor(np.array(0.4)) + 0.3),
        ]
        parts.append(kit.strap("heel-band", kit.smooth_path(heel, 6), wide * 0.6, 0.025, stuff, (0, 0, 1)))
    if chance(rng, 0.5):
        parts.append(kit.place(wires("buckle", [[(0, 0, -0.05), (0.09, 0, -0.05), (0.09, 0, 0.07), (0, 0, 0.07)]], 0.014, metal(rng), closed=True), (0.42, -0.3 * last.width, last.floor(np.array(0.4)) + 0.3)))  # fmt: skip
    return parts


def _band(last: Last, x: float, high: float, wide: float, stuff: bpy.types.Material, slant: float) -> bpy.types.Object:
    """A strap over the foot at x."""
    low, half = float(last.floor(np.array(x))), 0.36 * last.width
    path = [
        (x + slant * math.cos(t), half * math.cos(t), low + high * math.sin(t) ** 0.7)
        for t in np.linspace(0.01, math.pi - 0.01, 24)
    ]
    return kit.strap("band", path, wide, 0.03, stuff, (1, 0, 0))


def slipper(rng: Rng) -> list[bpy.types.Object]:
    """A mule or house slipper, open at the back; some are of fur."""
    last = Last(between(rng, 0.95, 1.15), between(rng, 0, 0.5), one_of(rng, (0.0, 0.0, 0.08)), between(rng, 0.08, 0.25))
    stuff, lining = leather(rng), cloth(rng)
    skin = skin_of(
        last,
        opening_ring(0.85, (0.4, 0.24), last.sole + between(rng, 0.4, 0.55), -0.05),
        between(rng, 0.36, 0.46),
        0.35,
    )
    reach = between(rng, 13, 19)
    shell = upper(skin, stuff, rng, -reach, reach)
    parts = [shell, *sole(last, rng, finish(rng, kinds=("plastic", "mottled", "cloth")), lining)]
    if chance(rng, 0.35):
        bpy.context.view_layer.update()
        parts.append(fur([shell], 5000, between(rng, 0.08, 0.2), 0.004, stuff, rng, droop=0.3, mess=0.6))
    elif chance(rng, 0.4):
        emblem = mt.printed("emblem", artwork(rng, (160, 120)), roughness=0.8)
        parts.append(patch(skin, (-5, 5), (0.45, 0.85), emblem, 0.03))
    return parts


def _pair(make: Callable[[Rng], list[bpy.types.Object]], rng: Rng) -> None:
    """Both shoes of a pair, or one; standing, shifted, or one lying on its side."""
    seed = int(rng.integers(2**31))
    alone, lying = chance(rng, 0.35), chance(rng, 0.15)
    shift, toes = between(rng, -0.4, 0.4), between(rng, -8, 22)
    apart = between(rng, 0.9, 1.2)
    for side in (1,) if alone else (1, -1):
        root = kit.gather(make(np.random.default_rng(seed)))
        root.scale = (1, side, 1)
        kit.place(root, (-1 + (shift if side > 0 else 0), 0 if alone else side * apart / 2, 0), (0, 0, side * toes / 2))
        if lying and side < 0:
            kit.place(root, (-1 + shift, -apart * 0.9, 0.4), (80, 0, between(rng, -30, 30)))


def _family(name: str, make: Callable[[Rng], list[bpy.types.Object]], weight: float = 1.0) -> Family:
    return Family(name, lambda rng: _pair(make, rng), (6, 50), weight=weight)


FAMILIES = [
    _family("sneakers", sneaker, 1.6),
    _family("lace-ups", lace_up),
    _family("boots", boot, 1.2),
    _family("pumps", pump, 1.2),
    _family("sandals", sandal, 1.2),
    _family("slippers", slipper, 0.7),
]
