"""Things of simple solids: balls, blocks, toys, fruit, soap, candles, and inventions that resemble nothing."""

from __future__ import annotations

import math

import bpy
import kit
import materials as mt
import numpy as np

from families.family import Family, between, chance, colour, finish, metal, mottled, one_of, palette, plastic, print_of
from families.parts import uneven

Rng = np.random.Generator


def ball(rng: Rng) -> None:
    """A ball with seams, bands or a print; or a bowling ball, a globe on a foot, a bauble."""
    skin = finish(rng)
    kit.ball("ball", 0.9, (0, 0, 0.9), print_of(rng, (700, 350)) if chance(rng, 0.3) else skin, rows=40)
    for _ in range(int(rng.integers(0, 5))):
        offset = between(rng, -0.6, 0.6)
        band = kit.ring_tube(
            "band", 0.9 * math.sqrt(1 - offset**2) + 0.004, between(rng, 0.008, 0.04), 0.9 * offset, finish(rng)
        )
        kit.gather([band], (0, 0, 0.9), tuple(rng.uniform(0, 180, 3)))
    if chance(rng, 0.25):
        kit.tube("axis", [(0, 0, -0.15), (0, 0, 0.1)], 0.06, metal(rng))
        kit.lathe("foot", [(0, -0.3), (0.5, -0.3), (0.45, -0.22), (0.06, -0.12), (0, -0.12)], finish(rng))
    elif chance(rng, 0.2):
        kit.lathe("neck", [(0, 1.75), (0.12, 1.75), (0.12, 1.92), (0, 1.92)], metal(rng), segments=32)
        kit.place(kit.ring_tube("ring", 0.09, 0.015, 0, metal(rng)), (0, 0, 2.0), (90, 0, 0))


def solid(rng: Rng, size: float, at: kit.Point3, material: bpy.types.Material) -> bpy.types.Object:
    """One simple solid standing at a point, about `size` wide and high: box, disc, cone, prism, arch, ball, ring."""
    kind = int(rng.integers(7))
    wide, tall = size * between(rng, 0.6, 1), size * between(rng, 0.4, 1)
    if kind == 0:
        made = kit.box(
            "block", (wide, size * between(rng, 0.4, 1), tall), material, bevel=size * between(rng, 0.01, 0.12)
        )
    elif kind == 1:
        lip = 0.06 * size
        made = kit.lathe(
            "disc",
            [(0, 0), (wide / 2 - lip, 0), (wide / 2, lip), (wide / 2, tall - lip), (wide / 2 - lip, tall), (0, tall)],
            material,
            segments=64,
        )
    elif kind == 2:
        top = wide * between(rng, 0.01, 0.4)
        made = kit.lathe("cone", [(0, 0), (wide / 2, 0), (top, tall), (0, tall)], material, segments=64)
    elif kind == 3:
        sides = int(rng.integers(3, 9))
        rings = [kit.circle(wide / 2 * share, sides, (0, 0, z)) for z, share in ((0, 1), (tall, between(rng, 0.3, 1)))]
        made = kit.loft("prism", rings, material, sharp_angle=20)
        kit.add_bevel(made, size * 0.03, 3)
    elif kind == 4:
        arch = [(wide * 0.4 * math.cos(a), 0, tall * math.sin(a)) for a in np.linspace(0, math.pi, 30)]
        made = kit.strap("arch", arch, size * between(rng, 0.3, 0.8), size * 0.2, material)
    elif kind == 5:
        made = kit.ball("ball", wide / 2, (0, 0, 0), material, rows=28)
        made.data.transform(kit.Matrix.Translation((0, 0, wide / 2)))
    else:
        thick = size * between(rng, 0.06, 0.16)
        made = kit.ring_tube("ring", wide / 2 - thick, thick, thick, material)
    made.location = at
    return made


def blocks(rng: Rng) -> None:
    """Toy blocks: a tower, or some strewn about."""
    stuff = [finish(rng, code, kinds=("plastic", "wood", "patterned")) for code in palette(rng, 5)]
    if chance(rng, 0.2):
        stuff[0] = print_of(rng, (200, 200))
    size = between(rng, 0.35, 0.6)
    levels = int(rng.integers(1, 5))
    for level in range(levels):
        for i in range(one_of(rng, (1, 2, 3)) if level < levels - 1 or levels == 1 else 1):
            flat = kit.box("block", (size, size * one_of(rng, (1.0, 1.0, 2.0)), size), one_of(rng, stuff), bevel=0.03)
            kit.place(
                flat,
                ((i - 0.5) * size * 1.2 + rng.normal(0, 0.04), rng.normal(0, 0.1), level * size),
                (0, 0, between(rng, -25, 25)),
            )
    solid(rng, size, (rng.normal(0, 0.1), 0, levels * size), one_of(rng, stuff))


def invention(rng: Rng) -> None:
    """Solids put together at random into one thing: it may be a toy, a trophy, a sculpture or a part of a machine."""
    stuff = [finish(rng) for _ in range(int(rng.integers(1, 4)))]
    size, z = between(rng, 0.8, 1.4), 0.0
    for _ in range(int(rng.integers(2, 6))):
        part = solid(rng, size, (0, 0, z), one_of(rng, stuff))
        bpy.context.view_layer.update()
        twin = chance(rng, 0.3)
        for side in (-1, 1) if twin else ():
            arm = solid(
                rng, size * 0.4, (side * size * 0.5, between(rng, -0.2, 0.2), z + size * 0.1), one_of(rng, stuff)
            )
            arm.rotation_euler = (0, side * between(rng, 0, 1.5), between(rng, 0, 3))
        z += part.dimensions.z * between(rng, 0.75, 0.98)
        size *= between(rng, 0.55, 1.05)
    if chance(rng, 0.4):
        kit.gather(
            [obj for obj in bpy.context.scene.objects if obj.parent is None], turn=(one_of(rng, (0.0, 90.0)), 0, 0)
        )


def vehicle(rng: Rng) -> None:
    """A toy car, truck, train or cart: body, cabin, wheels."""
    long, wide, tall = between(rng, 1.5, 2.3), between(rng, 0.6, 0.95), between(rng, 0.25, 0.5)
    paint, second = (finish(rng, kinds=("plastic", "metal", "wood", "patterned")) for _ in range(2))
    wheel = between(rng, 0.2, 0.36)
    kit.box("body", (long, wide, tall), paint, at=(0, 0, wheel * 0.8), bevel=between(rng, 0.03, 0.12))
    cabin = long * between(rng, 0.25, 0.6)
    at = (between(rng, -0.2, 0.2) * long, 0, wheel * 0.8 + tall - 0.02)
    kit.box(
        "cabin",
        (cabin, wide * 0.85, tall * between(rng, 0.7, 1.5)),
        second if chance(rng, 0.5) else paint,
        at=at,
        bevel=between(rng, 0.03, 0.15),
    )
    pane = mt.principled("pane", one_of(rng, ("#16181c", "#9fc0d6", "#e9eef0")), roughness=0.05)
    kit.box("panes", (cabin * 0.8, wide * 0.87, tall * 0.4), pane, at=(at[0], 0, at[2] + tall * 0.2), bevel=0.02)
    rubber, hub = plastic(rng, "#1b1b1d" if chance(rng, 0.7) else None), finish(rng, kinds=("plastic", "metal"))
    for x in np.linspace(-0.34, 0.34, int(rng.integers(2, 4))) * long:
        for side in (-1, 1):
            for r, w, material in ((wheel, 0.2, rubber), (wheel * 0.55, 0.22, hub)):
                tyre = kit.lathe(
                    "wheel",
                    [(0, 0), (r - 0.03, 0), (r, 0.04), (r, w - 0.04), (r - 0.03, w), (0, w)],
                    material,
                    segments=48,
                )
                kit.place(tyre, (float(x), side * (wide / 2 - 0.08), wheel), (-90 * side, 0, 0))
    if chance(rng, 0.5):
        lamp = mt.principled("lamp", "#f6efc8", roughness=0.1)
        for side in (-1, 1):
            kit.ball("lamp", 0.08, (long / 2, side * wide * 0.3, wheel * 0.8 + tall * 0.55), lamp, rows=16)


def fruit(rng: Rng) -> None:
    """One to five fruits, vegetables, loaves, eggs or stones of uneven form."""
    base = one_of(
        rng, ("#c8261e", "#e39a1f", "#7fae3a", "#f0d04a", "#7a3f8a", "#b98a58", "#f2ead8", "#d9b48c", colour(rng))
    )
    skin = mottled(rng, base) if chance(rng, 0.5) else plastic(rng, base)
    form = tuple(float(s) for s in rng.uniform((0.5, 0.45, 0.4), (0.9, 0.7, 0.9)))
    seed = int(rng.integers(2**31))
    for i in range(one_of(rng, (1, 1, 2, 3, 5))):
        own = np.random.default_rng(seed + i)
        at = (i % 3 * form[0] * 1.9 + own.normal(0, 0.1), i // 3 * form[1] * 2 + own.normal(0, 0.1), form[2])
        body = kit.ball(
            "fruit", form, at, skin, turn=(own.normal(0, 15), own.normal(0, 15), between(own, 0, 360)), rows=36
        )
        uneven(
            body, own, between(np.random.default_rng(seed), 0.01, 0.07), between(np.random.default_rng(seed), 0.5, 2.5)
        )
        if chance(np.random.default_rng(seed + 99), 0.6):
            tip = (at[0] + own.normal(0, 0.05), at[1] + own.normal(0, 0.05), form[2] * 2 + 0.2)
            kit.tube("stalk", [(at[0], at[1], form[2] * 1.9), tip], [0.03, 0.045], mottled(own, "#5c4326"))


def candle(rng: Rng) -> None:
    """A candle or several, plain, twisted or in a holder; or a bar of soap, stacked."""
    wax = mt.principled("wax", colour(rng), roughness=between(rng, 0.3, 0.7), subsurface=0.2)
    if chance(rng, 0.35):
        z = 0.0
        for _ in range(int(rng.integers(1, 4))):
            size = (between(rng, 1, 1.3), between(rng, 0.7, 0.9), between(rng, 0.3, 0.5))
            bar = kit.box(
                "soap",
                size,
                mottled(rng) if chance(rng, 0.4) else wax,
                at=(0, 0, z),
                bevel=between(rng, 0.03, 0.14),
                segments=5,
            )
            bar.rotation_euler = (0, 0, between(rng, -0.5, 0.5))
            z += size[2]
        return
    for i in range(int(rng.integers(1, 4))):
        radius, tall = between(rng, 0.15, 0.5), between(rng, 0.5, 2)
        x, y = i * 0.9, between(rng, -0.3, 0.3)
        sides = one_of(rng, (4, 6, 48, 48, 48))
        twist = between(rng, 0, 4) if sides < 10 else 0.0
        rings = []
        for v in np.linspace(0, 1, 40):
            shrink = 1 - 0.12 * max(0.0, v - 0.96) / 0.04
            turn = np.linspace(0, 2 * math.pi, sides, endpoint=False) + twist * v
            rings.append(
                [(x + radius * shrink * math.cos(a), y + radius * shrink * math.sin(a), tall * v) for a in turn]
            )
        kit.loft("candle", rings, wax, sharp_angle=50)
        kit.tube(
            "wick",
            [(x, y, tall - 0.02), (x + 0.02, y, tall + 0.12)],
            0.014,
            mt.principled("wick", "#2a2622", roughness=0.9),
        )
        if chance(rng, 0.3):
            kit.place(
                kit.lathe(
                    "holder",
                    [(0, -0.1), (radius * 2, -0.1), (radius * 2, -0.02), (radius * 1.1, 0), (0, 0)],
                    finish(rng),
                ),
                (x, y, 0),
            )


FAMILIES = (
    Family("ball", ball, (0, 50)),
    Family("blocks", blocks, (5, 50), weight=0.8),
    Family("invention", invention, (0, 50), weight=1.6),
    Family("toy-vehicle", vehicle, (5, 50)),
    Family("fruit", fruit, (5, 70)),
    Family("candle", candle, (2, 45), weight=0.8),
)
