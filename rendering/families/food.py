"""Families of food: fruit and vegetables, bread and pastry, cakes, biscuits, ice cream and sweets, cheese, filled bowls."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import kit
import materials as mt
import numpy as np
from plate_sets.leaves import leaf_shape
from plate_sets.shapes import poses, scatter

from families.family import Family, between, chance, colour, finish, one_of, print_of, shaded
from families.parts import (
    Rng,
    ball,
    bend,
    body,
    laid,
    lumps,
    on_skin,
    plate,
    ring,
    rod,
    sheet,
    superellipse,
    turned,
    uneven,
    wires,
)

_FRUIT = {
    "apple": (("#b3202c", "#c9452e", "#d8c04a", "#8fae3a", "#7a1a24"), 0.95),
    "citrus": (("#e8902a", "#f0c52c", "#9fb83a", "#e8a040"), 0.97),
    "pear": (("#b8b84a", "#d0b850", "#a8873a", "#8f9a3a"), 1.35),
    "tomato": (("#c4281f", "#d8482a", "#e0982a", "#5a2a22"), 0.82),
    "plum": (("#4a2444", "#6a2a4a", "#2a2038", "#c9a03a"), 1.05),
    "onion": (("#c98a4a", "#8a2f4a", "#ece6d6"), 1.0),
    "egg": (("#e8c8a4", "#f5f1ea", "#c99a70", "#dfe6e2"), 1.28),
    "potato": (("#b8935a", "#d0b078", "#8a4a44"), 1.3),
}


def crust(rng: Rng, tones: Sequence[str], *, gloss: float = 0.5, scale: float = 2.5) -> bpy.types.Material:
    """A baked or grown skin: tones run into each other, with fine relief."""
    made = mt.principled(
        "crust", tones[0], roughness=between(rng, max(0.1, gloss - 0.2), min(1, gloss + 0.25)), subsurface=0.05
    )
    steps = np.linspace(0.3, 0.7, len(tones)).tolist()
    mt.add_tint(made, list(zip(steps, tones, strict=True)), between(rng, 0.6, 1.4) * scale, detail=5)
    return mt.add_bump(made, between(rng, 6, 30), between(rng, 0.05, 0.5))


def _skin(rng: Rng, kind: str) -> bpy.types.Material:
    base = one_of(rng, _FRUIT[kind][0])
    gloss = {"potato": 0.85, "egg": 0.5, "pear": 0.55, "onion": 0.35}.get(kind, 0.3)
    return crust(rng, [shaded(base, between(rng, 0.65, 0.95)), base, shaded(base, between(rng, 1.0, 1.3))], gloss=gloss)


def one_fruit(rng: Rng, kind: str, skin: bpy.types.Material, size: float) -> list[bpy.types.Object]:
    """A fruit around the origin, its stalk up."""
    tall = _FRUIT[kind][1] * between(rng, 0.92, 1.08)
    made = ball("fruit", 1.0, (0, 0, 0), skin, rows=22)
    lobes, amount = one_of(rng, (4, 5, 6)), {"tomato": 0.05, "apple": 0.02}.get(kind, 0.0)

    def shape(p: np.ndarray) -> np.ndarray:
        a, up = np.arctan2(p[:, 1], p[:, 0]), p[:, 2]
        wide = 1 + amount * np.cos(lobes * a)
        if kind in ("apple", "tomato", "plum"):
            up = up - 0.25 * np.exp(-((p[:, 0] ** 2 + p[:, 1] ** 2) / 0.06)) * np.sign(up)
        if kind == "pear":
            wide = wide * (1 - 0.38 * np.clip(up, -0.2, 1) - 0.08)
        if kind == "egg":
            wide = wide * (1 - 0.14 * up)
        if kind == "onion":
            up = up + 0.35 * np.exp(-((p[:, 0] ** 2 + p[:, 1] ** 2) / 0.02)) * (up > 0)
        return np.column_stack([p[:, :2] * wide[:, None], up * tall]) * size

    bend(made, shape)
    if kind != "egg":
        uneven(made, rng, size * (0.05 if kind == "potato" else 0.015), 0.8 / size)
    parts = [made]
    if kind in ("apple", "pear", "tomato", "plum"):
        brown, top = (
            mt.principled("stalk", one_of(rng, ("#4a3420", "#5f6d3a")), roughness=0.8),
            size * tall * (0.72 if kind != "pear" else 0.95),
        )
        parts.append(
            kit.tube(
                "stalk",
                [(0, 0, top), (0.05 * size, 0, top + 0.25 * size), (0.14 * size, 0, top + 0.4 * size)],
                0.03 * size,
                brown,
            )
        )
    if kind == "tomato" or (kind in ("apple", "citrus") and chance(rng, 0.3)):
        green, count = mt.principled("leaf", one_of(rng, ("#3f6a2a", "#5a7d33"))), 5 if kind == "tomato" else 1
        a = np.linspace(0, 2 * math.pi, count + 1)[:-1] + between(rng, 0, 6)
        ways = np.stack([np.cos(a), np.sin(a), np.full(count, 0.25)], -1)
        roots = np.tile((0, 0, size * tall * (0.78 if kind == "tomato" else 0.9)), (count, 1))
        parts.append(scatter("leaves", leaf_shape(size * 0.8, size * 0.3), poses(roots, ways, rng), green))
    return parts


def fruit(rng: Rng) -> None:
    """One fruit or vegetable, or a group of one kind lying together, some cut in half."""
    kind = one_of(rng, list(_FRUIT))
    count, skin = one_of(rng, (1, 1, 2, 3, 4)), _skin(rng, kind)
    for i in range(count):
        size = 0.5 * between(rng, 0.9, 1.1)
        spot = (0.0, 0.0) if i == 0 else (1.02 * math.cos(2.2 * i), 1.02 * math.sin(2.2 * i) * 0.8)
        lean = (between(rng, -25, 25), between(rng, -25, 25)) if chance(rng, 0.6) else (90, 0)
        if kind == "citrus" and chance(rng, 0.35):
            _half(rng, skin, spot, size)
            continue
        low = size * (1 if lean[0] == 90 else 0.93 * _FRUIT[kind][1])
        kit.gather(one_fruit(rng, kind, skin, size), (*spot, low), (*lean, between(rng, 0, 360)))


def _half(rng: Rng, skin: bpy.types.Material, spot: tuple[float, float], size: float) -> None:
    """A cut citrus half, its face up or to the front."""
    a = np.linspace(-math.pi / 2, 0, 12)
    half = kit.lathe(
        "half", [(max(0.01, size * math.cos(t)), size * math.sin(t)) for t in a], skin, segments=44, sharp_angle=60
    )
    pith = turned(
        "pith",
        [(0.01, 0.004), (size * 0.97, 0.004), (size * 0.97, -0.02), (0.01, -0.02)],
        mt.principled("pith", "#f4ead2"),
    )
    flesh = mt.add_bump(
        mt.principled(
            "flesh", one_of(rng, ("#f0a030", "#f2d040", "#d8485a", "#c5d060")), roughness=0.2, subsurface=0.2
        ),
        12,
        0.4,
    )
    slices, count = [], int(rng.integers(8, 12))
    for k in range(count):
        low, high = 2 * math.pi * (k + 0.06) / count, 2 * math.pi * (k + 0.94) / count
        rim = [(size * 0.86 * math.cos(t), size * 0.86 * math.sin(t)) for t in np.linspace(low, high, 6)]
        middle = (low + high) / 2
        slices.append([(size * 0.08 * math.cos(middle), size * 0.08 * math.sin(middle)), *rim])
    parts = [half, pith, plate("flesh", slices, 0.01, flesh, bevel=0.01, at=(0, 0, 0.004))]
    kit.gather(parts, (*spot, size * 0.98), (one_of(rng, (0, 60, 85)), 0, between(rng, -40, 40)))


def long_vegetable(rng: Rng) -> None:
    """Carrot, banana, cucumber, pepper, aubergine, leek, asparagus; one or a bunch."""
    tones = one_of(
        rng,
        (
            ("#e07a2a", "#c9602a"),
            ("#e8c93a", "#d0b040"),
            ("#3f6a2f", "#2f5226"),
            ("#3a2440", "#2a1a30"),
            ("#c4281f", "#a32018"),
            ("#efe8d0", "#a8c070"),
            ("#6f9a4a", "#4f7a3a"),
        ),
    )
    skin = crust(rng, [*tones], gloss=0.4)
    count, bow, long = int(rng.integers(1, 8)), between(rng, 0, 0.7), between(rng, 0.9, 1.5)
    fat, taper = between(rng, 0.08, 0.22), between(rng, 0.25, 1.0)
    leafy = chance(rng, 0.5)
    for i in range(count):
        t = np.linspace(-1, 1, 22)
        x = t * long * between(rng, 0.9, 1.05)
        path = np.stack([x, bow * t**2, np.zeros(22)], -1)
        radius = (
            fat
            * (taper + (1 - taper) * (t + 1) / 2)
            * np.clip(np.sqrt(np.clip(1.02 - np.abs(t) ** 6, 0.05, 1)), 0.25, 1)
        )
        parts = [kit.tube("root", path, radius.tolist(), skin, resolution=6)]
        if leafy:
            green = mt.principled("green", one_of(rng, ("#4a7d33", "#6f9a4a", "#2f5d2a")), roughness=0.6)
            ends = [
                [
                    path[-1],
                    path[-1] + (between(rng, 0.2, 0.35), *rng.normal(0, 0.08, 2)),
                    path[-1] + (between(rng, 0.4, 0.7), *rng.normal(0, 0.2, 2)),
                ]
                for _ in range(9)
            ]
            parts.append(wires("green", [kit.smooth_path(e, 4) for e in ends], 0.02, green))
        layer, row = divmod(i, 4)
        kit.gather(
            parts,
            (between(rng, -0.1, 0.1), (row - 1.5) * 2 * fat + layer * fat, fat * (1 + 1.75 * layer)),
            (0, 0, between(rng, -7, 7)),
        )


def grapes(rng: Rng) -> None:
    """A bunch of grapes, berries or cherries on their stalks."""
    base = one_of(rng, ("#3a2440", "#8fa848", "#7a2a44", "#b3202c", "#2a3050"))
    skin, green = (
        mt.principled("skin", base, roughness=between(rng, 0.15, 0.5), subsurface=0.15, coat=0.2),
        mt.principled("stalk", "#6a6a3a"),
    )
    count, size = int(rng.integers(16, 60)), between(rng, 0.13, 0.2)
    t = rng.random(count) ** 0.8
    a, r = rng.uniform(0, 2 * math.pi, count), 0.42 * (1 - 0.75 * t) * np.sqrt(rng.random(count)) + 0.05
    spots = np.column_stack([-1.1 + 2 * t, r * np.cos(a) * 1.1, np.abs(r * np.sin(a)) + size])
    shape = ball("berry", size, (0, 0, 0), skin, rows=11)
    for i, spot in enumerate(spots):
        one = shape if i == 0 else kit.link(bpy.data.objects.new("berry", shape.data))
        one.location, one.scale = tuple(spot), (between(rng, 0.85, 1.1),) * 3
    wires("stalks", [[(-1.4, 0, 0.4), (spot[0] - 0.2, 0, 0.3), tuple(spot)] for spot in spots[::2]], 0.016, green)
    kit.tube("stem", [(-1.1, 0, 0.3), (-1.4, 0, 0.42), (-1.6, between(rng, -0.2, 0.2), 0.4)], 0.035, green)
    if chance(rng, 0.4):
        scatter(
            "leaf",
            leaf_shape(0.7, 0.6, rows=8, cols=6),
            poses(np.array([(-1.35, 0.1, 0.4)]), np.array([(0.2, 1.0, 0.1)]), rng),
            mt.principled("leaf", "#4a7033"),
        )


# ---- baked


_CRUSTS = (
    ("#8a5426", "#b87a38", "#d8a860"),
    ("#5a3218", "#7a4826", "#96602f"),
    ("#c08a4a", "#d8ac6a", "#ecd09a"),
    ("#3a2216", "#4f2f1c", "#6a442a"),
)


def bread(rng: Rng) -> None:
    """A loaf, tin bread, baguette, bun, or sliced bread."""
    tones = one_of(rng, _CRUSTS)
    skin, kind = crust(rng, tones, gloss=0.7, scale=1.2), int(rng.integers(4))
    flour = mt.principled("flour", "#f1e8d8", roughness=1.0)
    if kind == 0:
        long, fat = between(rng, 0.8, 1.2), between(rng, 0.4, 0.6)
        loaf = ball("loaf", (long, fat, fat * 0.8), (0, 0, fat * 0.6), skin, rows=30)
        bend(loaf, lambda p: np.column_stack([p[:, :2], np.maximum(p[:, 2], -fat * 0.6)]))
        uneven(loaf, rng, 0.03, 0.7)
        for x in np.linspace(-long * 0.55, long * 0.55, int(rng.integers(2, 6))):
            cut = [
                (
                    x + 0.1 * s,
                    fat * 0.6 * s,
                    fat * (0.6 + 0.8 * math.sqrt(max(0.02, 1 - (x / long) ** 2 - (0.62 * s) ** 2))),
                )
                for s in np.linspace(-1, 1, 12)
            ]
            kit.tube("cut", cut, (0.05 * np.sin(np.linspace(0.3, 2.8, 12))).tolist(), flour)
    elif kind == 1:
        _slices(rng, skin)
    elif kind == 2:
        for i in range(int(rng.integers(1, 4))):
            long, fat = between(rng, 1.1, 1.5), between(rng, 0.13, 0.2)
            t = np.linspace(-1, 1, 30)
            stick = kit.tube(
                "stick",
                np.stack([t * long, np.full(30, i * 0.42), np.full(30, fat)], -1),
                (fat * np.sqrt(1.03 - np.abs(t) ** 5)).tolist(),
                skin,
                resolution=6,
            )
            stick.rotation_euler[2] = between(rng, -0.12, 0.12)
            for x in np.linspace(-0.75, 0.75, 5) * long:
                kit.tube(
                    "cut",
                    kit.smooth_path(
                        [
                            (x - 0.14, i * 0.42 - 0.06, fat * 1.9),
                            (x, i * 0.42, fat * 2),
                            (x + 0.14, i * 0.42 + 0.06, fat * 1.9),
                        ],
                        4,
                    ),
                    0.035,
                    flour,
                )
    else:
        for i in range(int(rng.integers(1, 5))):
            bun = ball("bun", (0.5, 0.5, 0.34), (1.0 * (i % 2), 0.98 * (i // 2), 0.26), skin, rows=22)
            uneven(bun, rng, 0.02, 0.8)
            if chance(rng, 0.5):
                _sprinkled(rng, bun, 130, 0.035, mt.principled("seed", one_of(rng, ("#efe0bc", "#2a2420", "#f4f0e6"))))


def _slices(rng: Rng, skin: bpy.types.Material) -> None:
    """Slices of tin bread, upright in a row or lying."""
    crumb = mt.add_bump(
        mt.principled("crumb", one_of(rng, ("#f0dfbc", "#d8b888", "#8a6238", "#f6ecd6")), roughness=1.0), 18, 1.0
    )
    half = [(0, 0), (0.44, 0.0), (0.48, 0.06), (0.46, 0.5), (0.56, 0.68), (0.54, 0.86), (0.36, 0.95), (0, 1.0)]
    right = kit.smooth_path(half, 5)
    outline = np.vstack([right[:-1], (right * (-1, 1))[::-1][:-1]])
    count, thick, lying = int(rng.integers(1, 9)), between(rng, 0.07, 0.16), chance(rng, 0.4)
    for i in range(count):
        parts = [
            plate("crust", [outline], thick, skin, bevel=0.015),
            plate("crumb", [outline * 0.93 + (0, 0.03)], thick + 0.012, crumb, bevel=0.015),
        ]
        step = thick * 1.45
        at = (between(rng, -0.1, 0.1), between(rng, -0.1, 0.1), step * (i + 0.6)) if lying else (0, i * step, 0.02)
        kit.gather(parts, at, (0, 0, between(rng, -25, 25)) if lying else (90 - between(rng, 0, 6), 0, 0))


def _sprinkled(
    rng: Rng, base: bpy.types.Object, count: int, size: float, stuff: bpy.types.Material, low: float = 0.3
) -> None:
    """Seeds or sprinkles on the upper side of a body."""
    at, normal = on_skin(base, count * 3, rng)
    keep = np.nonzero(normal[:, 2] > low)[0][:count]
    ways = rng.normal(size=(len(keep), 3))
    ways -= (ways * normal[keep]).sum(1, keepdims=True) * normal[keep]
    seed = np.array([(-0.3, 0, 0), (0.3, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 0.35)]) * size
    faces = np.array([(0, 2, 4, 4), (2, 1, 4, 4), (1, 3, 4, 4), (3, 0, 4, 4)])[:, :3]
    scatter("seeds", (seed, faces), poses(at[keep] + normal[keep] * size * 0.2, ways, rng), stuff)


def pastry(rng: Rng) -> None:
    """Croissants, pretzels, doughnuts, muffins."""
    skin, kind = crust(rng, one_of(rng, _CRUSTS), gloss=0.4), int(rng.integers(4))
    for i in range(one_of(rng, (1, 1, 2, 3))):
        before = set(bpy.context.scene.objects)
        if kind == 0:
            t = np.linspace(-1, 1, 70)
            path = np.stack([0.9 * np.sin(t * 1.3), -0.75 * np.cos(t * 1.3) + 0.4, np.full(70, 0.2)], -1)
            fat = (0.07 + 0.25 * (1 - t**2)) * (1 + 0.13 * np.abs(np.sin(t * between(rng, 9, 13))))
            kit.tube("croissant", path, fat.tolist(), skin, resolution=6)
        elif kind == 1:
            loop = [
                (0.42, -0.42, 0.2),
                (0.0, -0.05, 0.22),
                (-0.45, 0.35, 0.12),
                (-0.75, 0.1, 0.12),
                (-0.5, -0.45, 0.12),
                (0, -0.6, 0.13),
                (0.5, -0.45, 0.12),
                (0.75, 0.1, 0.12),
                (0.45, 0.35, 0.12),
                (0.0, -0.05, 0.3),
                (-0.42, -0.42, 0.22),
            ]
            path = kit.smooth_path(loop, 8)
            kit.tube(
                "pretzel",
                path,
                (0.1 + 0.06 * np.abs(np.cos(np.linspace(-1.5, 1.5, len(path))))).tolist(),
                skin,
                resolution=6,
            )
        elif kind == 2:
            _doughnut(rng, skin)
        else:
            _muffin(rng, skin)
        made = [o for o in bpy.context.scene.objects if o not in before]
        kit.gather(made, (1.45 * (i % 2), 1.3 * (i // 2), 0), (0, 0, between(rng, 0, 360)))


def _torus(name: str, big: float, small: float, stuff: bpy.types.Material) -> bpy.types.Object:
    """A thick ring as a mesh, lying on z = 0."""
    a = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    return kit.lathe_open(name, [(big + small * math.cos(t), small * (1 + 0.85 * math.sin(t))) for t in a], stuff)


def _doughnut(rng: Rng, skin: bpy.types.Material) -> None:
    """A ring of dough with icing and sprinkles."""
    big, small = 0.42, between(rng, 0.22, 0.28)
    uneven(_torus("dough", big, small, skin), rng, 0.012, 0.8)
    if chance(rng, 0.8):
        ice = mt.principled(
            "icing", one_of(rng, ("#f3c3d2", "#4a2818", "#f8f4ea", colour(rng))), roughness=0.25, coat=0.4
        )
        top = _torus("icing", big, small * 1.05, ice)
        edge = rng.uniform(0, 6)

        def drip(p: np.ndarray) -> np.ndarray:
            a = np.arctan2(p[:, 1], p[:, 0])
            low = small * (0.9 + 0.15 * np.sin(6 * a + edge) + 0.1 * np.sin(11 * a))
            away = np.where(p[:, 2] < low, 0.9, 1.0)
            middle = np.column_stack([big * np.cos(a), big * np.sin(a), np.full(len(a), small)])
            return middle + (np.column_stack([p[:, :2], np.maximum(p[:, 2], low * 0.97)]) - middle) * away[:, None]

        bend(top, drip)
        if chance(rng, 0.6):
            for _ in range(3):
                _sprinkled(rng, top, 40, 0.05, mt.principled("sprinkle", colour(rng)), 0.5)


def _muffin(rng: Rng, skin: bpy.types.Material) -> None:
    """A muffin or cupcake in a pleated paper case."""
    case = print_of(rng, (256, 64)) if chance(rng, 0.3) else mt.principled("paper", colour(rng), roughness=0.8)
    a = np.linspace(0, 2 * math.pi, 120, endpoint=False)
    pleat = 1 + 0.04 * np.sign(np.sin(24 * a))
    kit.loft(
        "case",
        [
            np.stack([r * pleat * np.cos(a), r * pleat * np.sin(a), np.full(120, z)], -1)
            for r, z in ((0.35, 0), (0.5, 0.55))
        ],
        case,
    )
    top = ball("top", (0.58, 0.58, 0.3), (0, 0, 0.55), skin, rows=20)
    uneven(top, rng, 0.04, 0.9)
    if chance(rng, 0.6):
        cream = mt.principled(
            "cream",
            one_of(rng, ("#f8f3e8", "#f0c3d0", "#5a3420", "#cfe3d8", colour(rng))),
            roughness=0.4,
            subsurface=0.2,
        )
        t = np.linspace(0, 1, 120)
        swirl = np.stack([0.4 * (1 - t) * np.cos(22 * t), 0.4 * (1 - t) * np.sin(22 * t), 0.72 + 0.55 * t], -1)
        kit.tube("swirl", swirl, (0.16 * (1 - 0.75 * t)).tolist(), cream, resolution=5)
        if chance(rng, 0.5):
            ball("cherry", 0.12, (0, 0, 1.36), mt.principled("cherry", "#a8182a", roughness=0.15, coat=0.5), rows=14)
    elif chance(rng, 0.5):
        _sprinkled(rng, top, 60, 0.06, mt.principled("bits", one_of(rng, ("#2f1a10", "#b8323a", "#f4f0e6"))))


def cake(rng: Rng) -> None:
    """A layer cake, tart or cheesecake, whole, or a slice; with cream, fruit, candles."""
    size, layers, slice_ = between(rng, 0.85, 1.1), int(rng.integers(1, 5)), chance(rng, 0.35)
    tall = between(rng, 0.12, 0.28)
    stuffs = [
        crust(rng, one_of(rng, _CRUSTS), gloss=0.8)
        if chance(rng, 0.5)
        else mt.principled(
            "cream", one_of(rng, ("#f8f3e8", "#f3d5da", "#4a2a1c", colour(rng))), roughness=0.5, subsurface=0.1
        )
        for _ in range(2)
    ]
    stop = between(rng, 35, 60) if slice_ else 360.0
    wedge = (
        [(0.0, 0.0), *[(size * math.cos(t), size * math.sin(t)) for t in np.radians(np.linspace(0, stop, 28))]]
        if slice_
        else superellipse(size, size, one_of(rng, (2.0, 2.0, 10.0)), 72)
    )
    for i in range(2 * layers - 1):
        thick = tall if i % 2 == 0 else 0.06
        z = (i // 2) * (tall + 0.06) + (tall if i % 2 else 0) + thick / 2 + 0.02
        plate("layer", [wedge], thick, stuffs[i % 2], bevel=0.02, at=(0, 0, z))
    top = layers * tall + (layers - 1) * 0.06 + 0.05
    ice = mt.principled(
        "icing", one_of(rng, ("#fbf7ee", "#f3c9d2", "#3a2014", "#e8d49a", colour(rng))), roughness=0.3, coat=0.3
    )
    plate("icing", [np.asarray(wedge) * 1.01], 0.04, ice, bevel=0.03, at=(0, 0, top))
    _topping(rng, size, top, stop, ice)
    if chance(rng, 0.5) and not slice_:
        foot = finish(rng, kinds=("ceramic", "metal", "plastic"))
        high = one_of(rng, (0.05, between(rng, 0.3, 0.7)))
        turned(
            "stand",
            [
                (0.01, -high),
                (0.5, -high),
                (0.1, -high * 0.8),
                (0.08, -0.06),
                (size * 1.2, -0.03),
                (size * 1.22, 0.01),
                (0.01, 0.0),
            ],
            foot,
            segments=64,
        )
    kit.gather(list(bpy.context.scene.objects))


def _topping(rng: Rng, size: float, top: float, stop: float, ice: bpy.types.Material) -> None:
    """Dots of cream, berries, or candles on a cake."""
    share, kind = stop / 360, int(rng.integers(4))
    berry = mt.principled("berry", one_of(rng, ("#a8182a", "#2a2a50", "#d8485a", "#e8902a")), roughness=0.2, coat=0.3)
    count = max(2, int(int(rng.integers(8, 20)) * share))
    for a in np.radians(np.linspace(0.08 * stop, 0.92 * stop if share < 1 else 360 * (1 - 1 / count), count)):
        x, y = size * 0.82 * math.cos(a), size * 0.82 * math.sin(a)
        if kind < 2:
            turned(
                "dot",
                [(0.01, 0), (0.11, 0), (0.09, 0.07), (0.05, 0.12), (0.01, 0.18)],
                ice,
                at=(x, y, top),
                segments=20,
            )
        if kind in (1, 2):
            ball("berry", between(rng, 0.07, 0.11), (x, y, top + (0.17 if kind == 1 else 0.08)), berry, rows=11)
    if kind == 3 and share == 1:
        for a in np.linspace(0, 2 * math.pi, int(rng.integers(4, 11)))[:-1]:
            x, y = size * 0.55 * math.cos(a), size * 0.55 * math.sin(a)
            rod("candle", (x, y, top), (x, y, top + 0.45), 0.035, mt.principled("candle", colour(rng), roughness=0.4))
            rod("wick", (x, y, top + 0.45), (x, y, top + 0.5), 0.01, mt.principled("wick", "#2a2420"))


def biscuits(rng: Rng) -> None:
    """A stack or spread of biscuits, crackers or waffles, some with holes or a filling."""
    skin, size, kind = (
        crust(rng, one_of(rng, _CRUSTS), gloss=0.8, scale=1.5),
        between(rng, 0.45, 0.6),
        int(rng.integers(4)),
    )
    a = np.linspace(0, 2 * math.pi, 90, endpoint=False)
    radius = {
        0: np.ones(90),
        1: 1 + 0.05 * np.cos(18 * a),
        2: 1 + 0.18 * np.cos(int(rng.integers(4, 7)) * a),
        3: np.ones(90),
    }[kind]
    outline = (
        np.stack([np.cos(a), np.sin(a)], -1) * (size * radius)[:, None]
        if kind != 3
        else superellipse(size, size * 0.8, 14, 90)
    )
    holes = (
        [superellipse(0.03, 0.03, 2, 10) + (x, y) for x in (-0.2, 0, 0.2) for y in (-0.2, 0, 0.2)] if kind == 3 else []
    )
    if kind == 2 and chance(rng, 0.5):
        holes = [superellipse(size * 0.3, size * 0.3, 2, 30)]
    cream = mt.principled("cream", one_of(rng, ("#f6efe0", "#5a2f1c", "#e8a8b8")), roughness=0.5)
    z, filled = 0.0, chance(rng, 0.35)
    chips = mt.principled("chip", one_of(rng, ("#2f1a10", "#f4eee0", "#8a5a34", "#b8323a")), roughness=0.4)
    for i in range(int(rng.integers(1, 9))):
        spread = i if chance(rng, 0.2) else 0
        at = (between(rng, -0.06, 0.06) + spread * 0.35, between(rng, -0.06, 0.06) + (0.3 if spread else 0), z + 0.06)
        plate("biscuit", [outline, *holes], 0.06, skin, bevel=0.03, at=at, turn=(0, 0, between(rng, 0, 360)))
        if kind == 0:
            for _ in range(9):
                r, t = size * 0.85 * math.sqrt(rng.random()), between(rng, 0, 6.3)
                ball(
                    "chip",
                    (0.05, 0.05, 0.035),
                    (at[0] + r * math.cos(t), at[1] + r * math.sin(t), at[2] + 0.055),
                    chips,
                    rows=7,
                )
        z += 0.125
        if filled:
            plate("cream", [outline * 0.93], 0.05, cream, bevel=0.01, at=(at[0], at[1], z + 0.02))
            z += 0.06


def ice_cream(rng: Rng) -> None:
    """Ice cream in a cone, on a stick, or a lollipop."""
    kind = int(rng.integers(3))
    if kind == 0:
        wafer = mt.add_bump(
            mt.principled("wafer", one_of(rng, ("#c98f4a", "#d8a862", "#8a5426")), roughness=0.8), 10, 0.8
        )
        tall = between(rng, 1.0, 1.4)
        turned("cone", [(0.01, 0), (0.36, tall), (0.32, tall), (0.01, 0.1)], wafer, segments=40)
        z = tall + 0.18
        for i in range(int(rng.integers(1, 4))):
            cream = crust(rng, [colour(rng), one_of(rng, ("#f6e8c8", "#5a3420", "#f0b8c4", "#cfe0b8"))], gloss=0.5)
            scoop = ball(
                "scoop", 0.42 - 0.03 * i, (between(rng, -0.06, 0.06), between(rng, -0.06, 0.06), z), cream, rows=24
            )
            uneven(scoop, rng, 0.03, 1.2)
            z += 0.5
        return
    stick = mt.principled("stick", one_of(rng, ("#d8b88a", "#f4f2ee", "#e8d8b8")), roughness=0.8)
    stuff = (
        crust(rng, [colour(rng), colour(rng)], gloss=0.35)
        if chance(rng, 0.4)
        else mt.principled("ice", colour(rng), roughness=between(rng, 0.1, 0.5), subsurface=0.2)
    )
    if kind == 1:
        outline = [
            (-0.36, 0.55),
            (-0.3, 0.5),
            (0.3, 0.5),
            (0.36, 0.55),
            (0.36, 1.5),
            *[(0.36 * math.cos(t), 1.5 + 0.36 * math.sin(t)) for t in np.linspace(0, math.pi, 16)],
            (-0.36, 1.5),
        ]
        kit.place(plate("ice", [outline], 0.12, stuff, bevel=0.07), (0, 0, 0), (90, 0, 0))
        kit.box("stick", (0.16, 0.05, 0.6), stick, bevel=0.02, segments=2)
    else:
        t = np.linspace(0.3, 9.5 if chance(rng, 0.6) else 6.4, 110)
        spiral = np.stack([0.052 * t * np.cos(t), np.zeros(110), 1.4 + 0.052 * t * np.sin(t)], -1)
        kit.tube("sweet", spiral, between(rng, 0.14, 0.19), stuff, resolution=6)
        rod("stick", (0, 0, 0), (0, 0, 1.0), 0.035, stick)
    lying = chance(rng, 0.5)
    kit.gather(list(bpy.context.scene.objects), (0, 0, 0.16 if lying else 0), (-90 if lying else 0, 0, 0))


def cheese(rng: Rng) -> None:
    """Wedges and wheels of cheese, sausage or ham."""
    if chance(rng, 0.35):
        skin = crust(
            rng, one_of(rng, (("#7a2a20", "#9a4030"), ("#d8c8b8", "#a87868"), ("#4a1a16", "#6a2a22"))), gloss=0.5
        )
        t = np.linspace(0, 1, 40)
        bow = between(rng, 0.2, 1.0)
        path = np.stack([1.1 * np.cos(math.pi * t), bow * np.sin(math.pi * t), np.full(40, 0.22)], -1)
        kit.tube(
            "sausage",
            path,
            (0.2 * np.clip(np.sqrt(np.sin(math.pi * np.clip(t, 0.02, 0.98))) * 1.5, 0.1, 1)).tolist(),
            skin,
            resolution=6,
        )
        wires(
            "string",
            [[path[0], path[0] + (-0.1, -0.25, 0.05)], [path[-1], path[-1] + (0.1, -0.3, -0.1)]],
            0.02,
            mt.principled("string", "#e8dcc8"),
        )
        return
    paste = crust(
        rng, one_of(rng, (("#e8b848", "#f0cc68"), ("#f4ead0", "#efe0bc"), ("#f6f2e8", "#dfe0d0"))), gloss=0.5, scale=1
    )
    rind, size, tall, stop = (
        crust(rng, one_of(rng, _CRUSTS), gloss=0.6),
        1.0,
        between(rng, 0.35, 0.7),
        between(rng, 30, 320),
    )
    rim = [(size * math.cos(t), size * math.sin(t)) for t in np.radians(np.linspace(0, stop, 40))]
    plate("paste", [[(0, 0), *rim]], tall, paste, bevel=0.015, at=(0, 0, tall / 2 + 0.02))
    kit.strap("rind", laid(rim, tall / 2 + 0.02), tall + 0.03, 0.035, rind, (0, 0, 1))
    if chance(rng, 0.5):
        hole = mt.principled("hole", shaded("#d8a840", 0.8), roughness=0.6)
        for _ in range(int(rng.integers(5, 16))):
            r = between(rng, 0.1, 0.9)
            ball(
                "hole",
                (between(rng, 0.03, 0.1), 0.02, between(rng, 0.03, 0.09)),
                (r, -0.012, between(rng, 0.12, tall - 0.08)),
                hole,
                rows=9,
            )


def bowl_of_food(rng: Rng) -> None:
    """A bowl, plate or basket full of fruit, sweets, nuts or salad."""
    wide, deep = between(rng, 0.8, 1.1), between(rng, 0.25, 0.5)
    outer = [(0.01, 0), (wide * 0.4, 0), (wide * 0.8, deep * 0.5), (wide, deep)]
    inner = [(wide * 0.96, deep), (wide * 0.75, deep * 0.55), (wide * 0.3, 0.08), (0.01, 0.07)]
    turned("bowl", [*kit.smooth_path(outer, 5), *kit.smooth_path(inner, 5)], finish(rng), segments=64)
    if chance(rng, 0.5):
        kinds = [one_of(rng, list(_FRUIT)) for _ in range(2)]
        skins = {kind: _skin(rng, kind) for kind in kinds}
        for i in range(int(rng.integers(5, 11))):
            kind, a = kinds[i % 2], 2.4 * i
            r = 0 if i == 0 else wide * (0.5 if i < 7 else 0.25)
            z = deep * 0.75 + (0.3 if i == 0 or i > 6 else 0.05)
            kit.gather(
                one_fruit(rng, kind, skins[kind], 0.33),
                (r * math.cos(a), r * math.sin(a), z),
                (between(rng, -60, 60), between(rng, -60, 60), 0),
            )
        return
    count, size = int(rng.integers(60, 180)), between(rng, 0.08, 0.16)
    r, a = wide * 0.85 * np.sqrt(rng.random(count)), rng.uniform(0, 2 * math.pi, count)
    heap = deep * 0.8 + 0.4 * (1 - (r / wide) ** 2) * rng.uniform(0.2, 1, count)
    shapes = []
    for _ in range(int(rng.integers(1, 4))):
        bit = ball(
            "bit",
            (size, size * between(rng, 0.5, 1), size * between(rng, 0.4, 1)),
            (0, 0, 0),
            crust(rng, [colour(rng), one_of(rng, _CRUSTS)[1]], gloss=0.5),
            rows=9,
        )
        shapes.append(bit.data)
        bpy.data.objects.remove(bit)
    for i, spot in enumerate(zip(r * np.cos(a), r * np.sin(a), heap, strict=True)):
        one = kit.link(bpy.data.objects.new("bit", shapes[i % len(shapes)]))
        one.location, one.rotation_euler = spot, tuple(rng.uniform(0, 6, 3))


def burger(rng: Rng) -> None:
    """A burger of several layers between halves of a bun; or rolls of rice."""
    if chance(rng, 0.4):
        rice, weed = (
            mt.add_bump(mt.principled("rice", "#f4f1e8", roughness=0.7), 25, 1.0),
            mt.principled("weed", "#18221a", roughness=0.6),
        )
        for i in range(int(rng.integers(2, 7))):
            at = ((i % 3) * 0.85, (i // 3) * 0.85, 0)
            turned("weed", [(0.01, 0), (0.38, 0), (0.38, 0.5), (0.01, 0.5)], weed, at=at)
            uneven(turned("rice", [(0.01, 0.5), (0.36, 0.5), (0.34, 0.53), (0.01, 0.53)], rice, at=at), rng, 0.008, 2)
            ball(
                "filling",
                (0.15, 0.13, 0.05),
                (at[0], at[1], 0.53),
                mt.principled("filling", one_of(rng, ("#e87a4a", "#5f8a3a", "#e8d070", "#a8323a"))),
                rows=10,
            )
        return
    skin, wide = crust(rng, one_of(rng, _CRUSTS), gloss=0.5), between(rng, 0.7, 0.85)
    turned("low", [(0.01, 0), (wide * 0.9, 0), (wide, 0.1), (wide, 0.22), (0.01, 0.24)], skin, segments=56)
    z = 0.24
    for _ in range(int(rng.integers(2, 6))):
        stuff = mt.add_bump(
            mt.principled(
                "layer", one_of(rng, ("#5a2e1c", "#c4281f", "#7aa83f", "#f0c040", "#efe0c0", "#a8c070")), roughness=0.5
            ),
            12,
            0.6,
        )
        wave, lobes = between(rng, 0, 0.09), int(rng.integers(5, 12))
        a = np.linspace(0, 2 * math.pi, 72, endpoint=False)
        thick, reach = between(rng, 0.04, 0.18), wide * between(rng, 0.93, 1.15)
        rings = [
            np.stack([reach * s * np.cos(a), reach * s * np.sin(a), z + h + wave * s * np.sin(lobes * a)], -1)
            for s, h in ((0.02, 0), (0.9, 0), (1, thick * 0.3), (1, thick * 0.7), (0.9, thick), (0.02, thick))
        ]
        kit.loft("layer", rings, stuff, sharp_angle=90)
        z += thick * 0.95
    top = body(
        "top",
        [
            (z, 0, 0, wide, wide),
            (z + 0.12, 0, 0, wide * 1.03, wide * 1.03),
            (z + 0.35, 0, 0, wide * 0.8, wide * 0.8),
            (z + 0.47, 0, 0, 0.3, 0.3),
            (z + 0.48, 0, 0, 0.02, 0.02),
        ],
        skin,
        power=2,
        count=48,
    )
    _sprinkled(rng, top, 110, 0.05, mt.principled("seed", "#efe0bc"))


def pasta(rng: Rng) -> None:
    """Dry pasta: nests of ribbons, a bundle of spaghetti, or short shapes in a heap."""
    dough = mt.principled("dough", one_of(rng, ("#e8c878", "#f0dca0", "#7a8a4a", "#c9784a")), roughness=0.6)
    kind = int(rng.integers(3))
    if kind == 0:
        for i in range(int(rng.integers(1, 5))):
            t = np.linspace(0, 1, 420)
            r = 0.38 + 0.1 * np.sin(9.1 * t * 6) + 0.05 * np.sin(31 * t * 3)
            path = np.stack(
                [r * np.cos(62 * t), r * np.sin(62 * t), 0.05 + 0.25 * (0.5 + 0.5 * np.sin(17 * t))], -1
            ) + rng.normal(0, 0.006, (420, 3))
            kit.place(wires("nest", [path], 0.028, dough), (1.05 * (i % 2), 1.05 * (i // 2), 0))
    elif kind == 1:
        count, long = int(rng.integers(60, 160)), between(rng, 1.0, 1.3)
        a, r = rng.uniform(0, 6.3, count), 0.24 * np.sqrt(rng.random(count))
        twist = between(rng, 0, 0.8)
        paths = [
            [
                (-long, x * math.cos(b), 0.26 + x * math.sin(b)),
                (0, x * 0.8 * math.cos(b + twist), 0.26 + 0.8 * x * math.sin(b + twist)),
                (
                    long + rng.normal(0, 0.03),
                    x * math.cos(b + 2 * twist) * 1.4,
                    max(0.02, 0.26 + 1.2 * x * math.sin(b + 2 * twist)),
                ),
            ]
            for b, x in zip(a, r, strict=True)
        ]
        wires("sticks", paths, 0.018, dough, resolution=1)
        wires("band", [ring(0.24, 30, (0, 0, 0.26), (1, 0, 0))], 0.035, mt.principled("band", colour(rng)), closed=True)
    else:
        t = np.linspace(0, 1, 26)
        shapes = [
            np.stack([0.3 * (t - 0.5), 0.07 * np.cos(20 * t), 0.07 * np.sin(20 * t)], -1),
            np.stack([0.18 * np.cos(3.5 * t), 0.18 * np.sin(3.5 * t), 0 * t], -1),
        ]
        shape = shapes[int(rng.integers(2))]
        spots = rng.normal(0, 0.4, (130, 3)) * (1, 1, 0.35)
        spots[:, 2] = np.abs(spots[:, 2]) + 0.08
        turns = poses(spots, rng.normal(size=(130, 3)), rng)
        wires("bits", [shape @ m[:3, :3].T + m[:3, 3] for m in turns], 0.05, dough)


def eggs(rng: Rng) -> None:
    """Eggs in a carton."""
    rows, columns = 2, int(rng.integers(2, 6))
    pulp = mt.add_bump(
        mt.principled("pulp", one_of(rng, ("#9a958c", "#c9c4b8", "#b8a888", "#6a8a9a", colour(rng))), roughness=1.0),
        30,
        0.8,
    )
    skin = _skin(rng, "egg")
    wide, deep = columns * 0.5, rows * 0.5
    xs, ys = np.linspace(-wide / 2, wide / 2, columns * 12 + 1), np.linspace(-deep / 2, deep / 2, rows * 12 + 1)
    kit.field(
        "tray",
        xs,
        ys,
        lambda x, y: (
            0.22 + 0.13 * np.cos(4 * math.pi * (x + wide / 2)) * 0.5 + 0.13 * np.cos(4 * math.pi * (y + deep / 2)) * 0.5
        ),
        pulp,
    )
    kit.box("foot", (wide, deep, 0.1), pulp, bevel=0.02)
    edge = superellipse(wide / 2 + 0.03, deep / 2 + 0.03, 20, 60)
    kit.loft("walls", [laid(edge * 0.95, 0.0), laid(edge, 0.3)], pulp, caps=False)
    for i in range(columns):
        for j in range(rows):
            if chance(rng, 0.85):
                kit.gather(
                    one_fruit(rng, "egg", skin, 0.2), (-wide / 2 + 0.25 + 0.5 * i, -deep / 2 + 0.25 + 0.5 * j, 0.36)
                )
    if chance(rng, 0.5):
        lid = sheet(
            "lid",
            superellipse(wide / 2 + 0.03, deep / 2 + 0.03, 14, 60),
            0.1,
            lambda flat, far: 0.25 * (1 - np.exp(-far / 0.08)) * (1 + 0.05 * lumps(laid(flat), rng, 1)),
            pulp,
            back=0.9,
        )
        kit.place(lid, (0, deep / 2 + 0.05, 0.3 + deep / 2), (90 + between(rng, -10, 25), 0, 0))


FAMILIES = [
    Family("whole-fruit", fruit, (8, 45), weight=1.2),
    Family("long-vegetable", long_vegetable, (20, 80), flat=True, weight=0.8),
    Family("grapes", grapes, (15, 60), weight=0.7),
    Family("bread", bread, (12, 50)),
    Family("pastry", pastry, (18, 65)),
    Family("cake", cake, (10, 40)),
    Family("biscuits", biscuits, (12, 55), weight=0.8),
    Family("ice-cream", ice_cream, (0, 40), weight=0.8),
    Family("cheese", cheese, (15, 45), weight=0.7),
    Family("bowl-of-food", bowl_of_food, (15, 60), weight=0.8),
    Family("burger", burger, (5, 35), weight=0.7),
    Family("pasta", pasta, (20, 75), weight=0.7),
    Family("eggs", eggs, (18, 55), weight=0.6),
]
