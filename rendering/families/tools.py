"""Families of tools and kitchen tools, most lying flat: scissors, pliers, hammers, drivers, knives, cutlery, brushes, drills."""

from __future__ import annotations

import math
from collections.abc import Callable

import bpy
import kit
import materials as mt
import numpy as np

from families.family import Family, between, chance, colour, finish, metal, one_of, plastic, wood
from families.parts import (
    Rng,
    arc,
    body,
    laid,
    plate,
    ring,
    rod,
    rounded,
    strands,
    superellipse,
    turned,
    wires,
)


def steel_of(rng: Rng) -> bpy.types.Material:
    """Bright, blackened or gilt steel of a blade or head."""
    return metal(rng, one_of(rng, ("#d6d4d0", "#c9c9cc", "#b0b2b6", "#e3e2df", "#5a5b5f", "#2c2c2f", "#d0a95a")))


def grip_of(rng: Rng) -> bpy.types.Material:
    """Wood, plastic or rubber of a handle."""
    return wood(rng) if chance(rng, 0.4) else plastic(rng)


def widths(half: list[tuple[float, float]], steps: int = 6) -> np.ndarray:
    """A closed outline (n, 2) along x from half widths (x, half)."""
    upper = kit.smooth_path(half, steps)
    return np.vstack([upper, upper[::-1] * (1, -1)])


def handle(
    rng: Rng, start: float, stop: float, thick: float, stuff: bpy.types.Material, *, flat: float = 1.0, z: float = 0.0
) -> bpy.types.Object:
    """A grip along x, swelling, waisted or stepped; its height is `flat` times its width."""
    swell = rng.uniform(0.75, 1.15, 5) * thick
    x = np.linspace(start, stop, 7)
    radii = [thick * 0.8, *swell.tolist(), thick * between(rng, 0.5, 1.1)]
    rows = [(float(a), 0.0, 0.0, float(r) * flat, float(r)) for a, r in zip(x, radii, strict=True)]
    step = 1e-3 * (stop - start)
    rows = [(rows[0][0] - step, 0, 0, 0.02, 0.02), *rows, (rows[-1][0] + step, 0, 0, 0.02, 0.02)]
    made = body("grip", rows, stuff, power=one_of(rng, (2.0, 2.0, 3.0)), count=24, steps=3)
    made.rotation_euler = (0, math.pi / 2, 0)
    made.location = (0, 0, z)
    return made


def _rest(rng: Rng, z: float) -> None:
    """Put all that was built on the table: lift it by z and turn it flat at random."""
    kit.gather(list(bpy.context.scene.objects), (0, 0, z), (0, 0, between(rng, 0, 360)))


# ---- cutting and gripping


def scissors(rng: Rng) -> None:
    """Scissors or shears, open or closed."""
    steel, grip = steel_of(rng), plastic(rng) if chance(rng, 0.75) else None
    wide, long, open_ = between(rng, 0.07, 0.14), between(rng, 0.8, 1.3), between(rng, 0, 28)
    bow, stretch, out = between(rng, 0.2, 0.3), between(rng, 1.0, 1.9), between(rng, 0.22, 0.32)
    for s in (-1, 1):
        edge = [(-0.2, -wide * 0.9), (0.1, -wide), (long, -0.01), (long, 0.02), (0.2, wide * 0.8), (-0.2, wide * 0.9)]
        shank = kit.smooth_path([(-0.1, 0), (-0.4, -0.08), (-0.7, -out * 0.8)], 6)
        hole = superellipse(bow * stretch, bow, 2.3, 40) @ _turned(25) + (-0.72 - bow * stretch * 0.75, -out)
        inner = superellipse(bow * stretch * 0.72, bow * 0.66, 2.3, 40) @ _turned(25) + (
            -0.72 - bow * stretch * 0.75,
            -out,
        )
        parts = [
            plate("blade", [np.array(edge) * (1, s)], 0.025, steel, bevel=0.006, at=(0, 0, 0.02 * s)),
            kit.tube("shank", laid(shank * (1, s), 0.02 * s), 0.055, steel if grip is None else grip),
            plate("bow", [hole * (1, s), inner * (1, s)], 0.05, grip or steel, bevel=0.025, at=(0, 0, 0.02 * s)),
        ]
        kit.gather(parts, turn=(0, 0, s * open_))
    turned("screw", [(0.01, 0.03), (0.055, 0.03), (0.045, 0.065), (0.01, 0.07)], metal(rng), segments=24)
    _rest(rng, 0.08)


def _turned(angle: float) -> np.ndarray:
    """A matrix that turns points of the plane (as rows)."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.array([[c, s], [-s, c]])


def pliers(rng: Rng) -> None:
    """Pliers, pincers or tongs, partly open."""
    steel, grip = steel_of(rng), plastic(rng)
    long, open_, jaw = between(rng, 0.9, 1.4), between(rng, 4, 24), between(rng, 0.3, 0.7)
    bow = between(rng, 0.15, 0.35)
    for s in (-1, 1):
        head = [
            (-0.25, 0),
            (-0.2, 0.16),
            (0.05, 0.17),
            (jaw * 0.7, 0.13),
            (jaw, 0.05),
            (jaw, 0.0),
            (0.1, 0.0),
            (0, -0.1),
        ]
        arm = kit.smooth_path(
            [(-0.15, -0.02), (-0.35, -0.16), (-0.4 - 0.4 * long, -0.16 - bow), (-0.3 - long, -0.1 - bow * 0.7)], 8
        )
        parts = [
            plate("head", [np.array(head) * (1, s)], 0.08, steel, bevel=0.02),
            kit.tube("arm", laid(arm * (1, s)), np.linspace(0.07, 0.055, len(arm)).tolist(), steel),
            kit.tube(
                "sleeve", laid(arm[8:] * (1, s)), np.linspace(0.085, 0.075, len(arm) - 8).tolist(), grip, resolution=3
            ),
        ]
        kit.gather(parts, turn=(0, 0, s * open_ / 2))
    turned("pin", [(0.01, -0.08), (0.09, -0.08), (0.09, 0.08), (0.01, 0.085)], steel, segments=24)
    _rest(rng, 0.09)


def knife(rng: Rng) -> None:
    """A kitchen knife, cleaver, bread knife, pocket knife or a box cutter."""
    steel, grip = steel_of(rng), grip_of(rng)
    long, wide, kind = between(rng, 0.9, 2.0), between(rng, 0.12, 0.34), int(rng.integers(4))
    if kind == 0:
        edge = [(0, -wide * 0.3), (0, wide * 0.7), (long, wide * 0.7), (long, -wide * 0.9), (0.08, -wide * 0.9)]
    elif kind == 1:
        teeth = [(x, -wide * 0.4 + 0.02 * (i % 2)) for i, x in enumerate(np.linspace(0.1, long * 0.9, 40))]
        edge = [(0, wide * 0.4), (long * 0.93, wide * 0.4), (long, 0), *teeth[::-1], (0, -wide * 0.3)]
    else:
        edge = [(0, wide * 0.5), *kit.smooth_path([(long * 0.4, wide * 0.5), (long * 0.8, wide * 0.3), (long, -wide * 0.1), (long * 0.75, -wide * 0.42), (long * 0.3, -wide * 0.5), (0.06, -wide * 0.5)], 6).tolist(), (0.05, -wide * 0.25), (0, -wide * 0.25)]  # fmt: skip
    holes = [superellipse(0.04, 0.04, 2, 20) + (long - 0.12, wide * 0.4)] if kind == 0 and chance(rng, 0.6) else []
    plate("blade", [edge, *holes], 0.02, steel, bevel=0.006)
    tang = between(rng, 0.07, 0.12)
    handle(rng, -between(rng, 0.7, 1.0), 0.0, tang, grip, flat=0.7)
    turned(
        "bolster",
        [(0.01, -0.03), (tang * 0.9, -0.03), (tang * 0.9, 0.03), (0.01, 0.03)],
        steel,
        turn=(0, 90, 0),
        segments=24,
    )
    for x in (-0.2, -0.45) if chance(rng, 0.5) else ():
        rod("rivet", (x, 0, -tang * 0.75), (x, 0, tang * 0.75), 0.03, steel)
    _rest(rng, tang)


def saw(rng: Rng) -> None:
    """A hand saw or bow saw."""
    steel, grip, long = steel_of(rng), grip_of(rng), between(rng, 1.6, 2.4)
    if chance(rng, 0.4):
        rise = between(rng, 0.4, 0.7)
        kit.tube(
            "bow",
            laid(kit.smooth_path([(0, 0), (0.1, rise), (long * 0.5, rise * 1.1), (long - 0.05, rise), (long, 0)], 8)),
            0.04,
            plastic(rng),
        )
        low, high = 0.0, 0.08
    else:
        low, high = between(rng, 0.12, 0.2), between(rng, 0.35, 0.5)
    teeth = [(x, 0.025 * (i % 2)) for i, x in enumerate(np.linspace(0, long, 71))]
    plate("blade", [[*teeth, (long, max(low, 0.06)), (0, high)]], 0.015, steel, bevel=0.003)
    outer = rounded([(0.08, -0.06), (0.08, high + 0.05), (-0.35, high + 0.15), (-0.55, 0.0), (-0.35, -0.12)], 6, 0.3)
    hole = rounded([(-0.08, 0.06), (-0.1, high - 0.02), (-0.32, high), (-0.38, 0.05), (-0.3, 0.0)], 5, 0.3)
    plate("grip", [outer, hole], 0.08, grip, bevel=0.03)
    _rest(rng, 0.08)


# ---- striking and turning


def hammer(rng: Rng) -> None:
    """A hammer, mallet or axe."""
    steel, grip, long = steel_of(rng), grip_of(rng), between(rng, 1.4, 2.2)
    thick, kind = between(rng, 0.06, 0.1), int(rng.integers(4))
    handle(rng, -long, 0.1, thick, grip, flat=between(rng, 0.75, 1))
    size = between(rng, 0.14, 0.24)
    if kind == 0:
        face = [(0.01, -0.5), (size, -0.5), (size, -0.36), (size * 0.7, -0.3), (size * 0.7, 0.1), (0.01, 0.1)]
        turned("head", face, steel, turn=(90, 0, 0), segments=32)
        claw = [[(0.06 * s, 0.05, 0), (0.09 * s, 0.35, -0.02), (0.12 * s, 0.6, -0.14)] for s in (-1, 1)]
        for path in claw:
            kit.strap("claw", kit.smooth_path(path, 5), 0.1, 0.05, steel, (1, 0, 0))
    elif kind == 1:
        turned(
            "head",
            [(0.01, -0.4), (size, -0.4), (size * 1.1, -0.36), (size * 1.1, 0.36), (size, 0.4), (0.01, 0.4)],
            finish(rng),
            turn=(90, 0, 0),
            segments=36,
        )
    elif kind == 2:
        edge = [(-0.13, 0.15), (0.13, 0.15), (0.14, -0.1), *arc(0.4, -50, -130, 12, (0, -0.2)), (-0.14, -0.1)]
        plate("head", [edge], 0.1, steel, bevel=0.02)
    else:
        kit.box("head", (size * 1.4, 0.6, size * 1.4), steel, at=(0, -0.05, -size * 0.7), bevel=0.03, segments=2)
        plate(
            "peen",
            [[(-size * 0.7, 0.2), (size * 0.7, 0.2), (size * 0.5, 0.55), (-size * 0.5, 0.55)]],
            0.05,
            steel,
            bevel=0.01,
        )
    _rest(rng, max(size, 0.15))


def driver(rng: Rng) -> None:
    """One to three screwdrivers, files, awls or chisels."""
    for i in range(one_of(rng, (1, 1, 2, 3))):
        steel, grip, long = steel_of(rng), grip_of(rng), between(rng, 0.6, 1.6)
        thin, fat = between(rng, 0.03, 0.06), between(rng, 0.11, 0.18)
        before = set(bpy.context.scene.objects)
        handle(rng, -between(rng, 0.6, 0.9), 0.0, fat, grip)
        rod("blade", (-0.05, 0, 0), (long, 0, 0), thin, steel)
        wide = between(rng, 0.03, 0.14)
        plate(
            "tip",
            [
                [
                    (long - 0.05, -thin),
                    (long + 0.1, -wide),
                    (long + 0.2, -wide),
                    (long + 0.2, wide),
                    (long + 0.1, wide),
                    (long - 0.05, thin),
                ]
            ],
            0.015,
            steel,
            bevel=0.006,
        )
        made = [o for o in bpy.context.scene.objects if o not in before]
        kit.gather(made, (0, i * 0.42, fat * 1.1), (0, 0, between(rng, -8, 8)))
    _rest(rng, 0)


def wrench(rng: Rng) -> None:
    """A spanner: open, ring, both, or adjustable; one or a set of several sizes."""
    steel, count = steel_of(rng), one_of(rng, (1, 1, 1, 4, 6))
    for i in range(count):
        size = 1 - 0.12 * i
        head, long, thin = (
            between(rng, 0.2, 0.26) if count == 1 else 0.22,
            between(rng, 1.4, 2.0) if count == 1 else 1.7,
            0.08,
        )
        notch = head * math.sin(math.radians(28))
        fork = [*arc(head, 28, 332, 30, (long, 0)), (long - 0.02, -notch), (long - 0.02, notch)]
        parts = [plate("shaft", [[(0.1, -thin), (long, -thin), (long, thin), (0.1, thin)]], 0.04, steel, bevel=0.02)]
        parts.append(
            plate(
                "ring",
                [superellipse(head * 0.9, head * 0.9, 2, 36), superellipse(head * 0.5, head * 0.5, 2, 12)],
                0.06,
                steel,
                bevel=0.02,
            )
        )
        parts.append(plate("jaw", [fork], 0.06, steel, bevel=0.015))
        root = kit.gather(parts, (0, -0.5 * i, 0.06))
        root.scale = (size,) * 3
    _rest(rng, 0)


def drill(rng: Rng) -> None:
    """A power drill or a hot-air gun lying on its side or standing on its battery; side view towards -y."""
    shell, dark, steel = plastic(rng), plastic(rng, one_of(rng, ("#1b1b1d", "#2c2c30", "#8a8d92"))), steel_of(rng)
    long, fat = between(rng, 0.9, 1.3), between(rng, 0.2, 0.28)
    z = between(rng, 1.0, 1.3)
    rows = [
        (-long * 0.5, 0, 0, fat * 0.8, fat * 0.75),
        (-long * 0.4, 0, 0, fat, fat * 0.9),
        (long * 0.2, 0, 0, fat, fat * 0.9),
        (long * 0.45, 0, 0, fat * 0.75, fat * 0.7),
    ]
    barrel = body("barrel", rows, shell, power=2.6)
    kit.place(barrel, (0, 0, z), (0, 90, 0))
    turned(
        "chuck",
        [(0.01, 0), (0.17, 0), (0.17, 0.18), (0.09, 0.36), (0.01, 0.36)],
        dark,
        at=(long * 0.45, 0, z),
        turn=(0, 90, 0),
        segments=28,
    )
    if chance(rng, 0.7):
        rod(
            "bit",
            (long * 0.45 + 0.3, 0, z),
            (long * 0.45 + between(rng, 0.6, 1.2), 0, z),
            between(rng, 0.02, 0.04),
            steel,
        )
    lean = between(rng, -0.05, 0.25)
    grip = [(-0.1, 0, z - 0.1), (-0.14 - lean * 0.4, 0, z * 0.55), (-0.12 - lean, 0, 0.25)]
    kit.tube(
        "grip",
        kit.smooth_path(grip, 6),
        np.linspace(0.17, 0.15, 13).tolist(),
        dark if chance(rng, 0.5) else shell,
        resolution=6,
    )
    kit.box("battery", (between(rng, 0.5, 0.7), 0.4, 0.26), dark, at=(-0.05 - lean, 0, 0), bevel=0.05)
    kit.box(
        "trigger", (0.08, 0.1, 0.2), one_of(rng, (dark, plastic(rng))), at=(0.08, 0, z - 0.48), bevel=0.02, segments=2
    )
    if chance(rng, 0.3):
        kit.gather(list(bpy.context.scene.objects), (0, 0, 0.28), (90, 0, 0))


def tape_measure(rng: Rng) -> None:
    """A measuring tape drawn out, or a roll of sticky tape."""
    if chance(rng, 0.5):
        shell = plastic(rng)
        kit.box("case", (0.8, 0.35, 0.75), shell, bevel=0.14)
        band = plastic(rng, one_of(rng, ("#e8c933", "#f2f1ee", "#d8d8d6")))
        path = [(0.35, 0, 0.06), (between(rng, 0.9, 2.0), 0, 0.06), (between(rng, 2.1, 2.4), 0, 0.05)]
        kit.strap("band", path, 0.2, 0.01, band, (0, 1, 0))
        kit.box("hook", (0.02, 0.2, 0.12), metal(rng), at=(path[-1][0], 0, 0), bevel=0.004, segments=1)
        kit.strap("clip", [(-0.1, -0.2, 0.5), (-0.1, -0.21, 0.2)], 0.2, 0.02, metal(rng), (1, 0, 0))
        return
    wide, thick, rolls = between(rng, 0.15, 0.6), between(rng, 0.1, 0.3), int(rng.integers(1, 4))
    for i in range(rolls):
        parts = [kit.lathe_open("tape", [(0.7, 0), (0.7 + thick, 0), (0.7 + thick, wide), (0.7, wide)], plastic(rng)),
                 kit.lathe_open("core", [(0.66, 0), (0.7, 0), (0.7, wide), (0.66, wide)], mt.principled("card", "#b99a6c", roughness=0.9))]  # fmt: skip
        standing = i == 0 and chance(rng, 0.4)
        kit.gather(
            parts,
            (0, -0.9 if standing else 0, 0.7 + thick if standing else i * wide),
            (90 if standing else 0, 0, between(rng, 0, 90)),
        )


# ---- at table and in the kitchen


def _bowl_end(wide: float, long: float, deep: float, stuff: bpy.types.Material, x: float) -> bpy.types.Object:
    """A spoon's bowl."""
    rows, cols = np.linspace(0, math.pi, 14), np.linspace(-1, 1, 11)
    points = []
    for a in rows:
        w = max(0.02, math.sin(a) ** 0.7) * wide
        points.append(
            np.column_stack(
                [
                    np.full(11, x + long * (0.5 - 0.5 * math.cos(a))),
                    cols * w,
                    -deep * math.sin(a) * (1 - cols**2) + 0.03,
                ]
            )
        )
    made = kit.loft("bowl", points, stuff, caps=False, around=False, sharp_angle=120)
    made.modifiers.new("thickness", "SOLIDIFY").thickness = 0.025
    return made


def _table_piece(
    rng: Rng, kind: str, steel: bpy.types.Material, grip: bpy.types.Material, look: np.ndarray
) -> list[bpy.types.Object]:
    """Fork, knife or spoon along x from its grip at 0."""
    long, wide, swell = 1.2 + 0.4 * look[0], 0.05 + 0.04 * look[1], 0.7 + look[2]
    shaft = widths([(0, wide * swell), (0.3, wide * (swell + 0.2)), (long * 0.6, wide * 0.8), (long, wide * 0.55)])
    bow = [plate("shaft", [shaft], 0.03, grip, bevel=0.014)]
    if kind == "spoon":
        return [*bow, _bowl_end(0.17 + 0.05 * look[3], 0.5, 0.09, steel, long - 0.03)]
    if kind == "fork":
        prongs = int(3 + (look[3] > 0.4))
        tines = [
            [(long + 0.15, y, 0.0), (long + 0.35, y * 1.05, -0.05), (long + 0.62, y, 0.02)]
            for y in np.linspace(-0.1, 0.1, prongs)
        ]
        root = widths([(long - 0.03, wide * 0.55), (long + 0.06, 0.1), (long + 0.18, 0.125)])
        return [
            *bow,
            plate("root", [root], 0.025, steel, bevel=0.012),
            wires("tines", [kit.smooth_path(t, 5) for t in tines], 0.022, steel),
        ]
    blade = [
        (long - 0.03, -0.05),
        (long + 0.75, -0.06),
        *arc(0.1, -60, 60, 8, (long + 0.78, 0.02)),
        (long + 0.6, 0.09),
        (long - 0.03, 0.05),
    ]
    return [*bow, plate("blade", [blade], 0.012, steel, bevel=0.006)]


def cutlery(rng: Rng) -> None:
    """A fork, knife or spoon, or a set laid side by side or crossed."""
    steel = metal(rng, one_of(rng, ("#d6d4d0", "#c9c9cc", "#e2b154", "#d9a48c", "#3a3b3e")))
    grip, look = steel if chance(rng, 0.6) else grip_of(rng), rng.random(4)
    kinds = list(
        one_of(
            rng,
            (("spoon",), ("fork",), ("knife", "fork"), ("fork", "knife", "spoon"), ("fork", "knife", "spoon", "spoon")),
        )
    )
    fan = between(rng, -12, 12)
    for i, kind in enumerate(kinds):
        kit.gather(_table_piece(rng, kind, steel, grip, look), (0, i * 0.4, 0.08), (0, 0, i * fan))
    _rest(rng, 0)


def kitchen_tool(rng: Rng) -> None:
    """A ladle, spatula, slotted turner, pizza wheel, peeler or masher."""
    steel = finish(rng, kinds=("metal", "plastic", "wood"))
    grip, kind, long = grip_of(rng), int(rng.integers(4)), between(rng, 1.3, 1.9)
    handle(rng, -0.9, 0, between(rng, 0.06, 0.1), grip, flat=0.8)
    rod("neck", (-0.02, 0, 0), (long - 0.85, 0, 0), 0.035, steel)
    x = long - 0.88
    if kind == 0:
        _bowl_end(between(rng, 0.25, 0.4), between(rng, 0.5, 0.8), between(rng, 0.1, 0.3), steel, x)
    elif kind == 1:
        wide, deep = between(rng, 0.22, 0.36), between(rng, 0.5, 0.8)
        blade = rounded(
            [(x, -0.05), (x + 0.15, -wide), (x + deep, -wide), (x + deep, wide), (x + 0.15, wide), (x, 0.05)], 5, 0.2
        )
        slots = [
            rounded(
                [(x + 0.22, y - 0.03), (x + deep - 0.1, y - 0.03), (x + deep - 0.1, y + 0.03), (x + 0.22, y + 0.03)],
                3,
                0.2,
            )
            for y in np.linspace(-wide * 0.65, wide * 0.65, int(rng.integers(3, 5)))
        ]
        plate("blade", [blade, *(slots if chance(rng, 0.6) else [])], 0.015, steel, bevel=0.008)
    elif kind == 2:
        size = between(rng, 0.3, 0.45)
        kit.place(
            kit.lathe("wheel", [(0.01, -0.02), (size, -0.004), (size, 0.004), (0.01, 0.02)], steel, segments=56),
            (x + size * 0.7, 0, 0),
        )
        wires("fork", [[(x, 0, 0), (x + size * 0.7, 0, s * 0.05)] for s in (-1, 1)], 0.03, steel)
    else:
        wave = [(x + 0.2 + 0.5 * t, 0.3 * math.sin(t * 19), 0) for t in np.linspace(0, 1, 80)]
        wires("wave", [wave, [(x, 0, 0), (x + 0.2, 0, 0)]], 0.028, steel)
    _rest(rng, 0.1)


# ---- brushes


def bristles(
    rng: Rng, roots: np.ndarray, way: np.ndarray, long: float, spread: float, stuff: bpy.types.Material
) -> None:
    """Bristles from roots (n, 3) along a way, fanned out."""
    count = len(roots)
    lean = (roots - roots.mean(axis=0)) * spread
    ways = way + lean + rng.normal(0, 0.03, (count, 3))
    t = np.linspace(0, 1, 4)[None, :, None]
    size = long * rng.uniform(0.93, 1.04, (count, 1, 1))
    strands("bristles", roots[:, None] + ways[:, None] * size * t, between(rng, 0.004, 0.012), stuff)


def brush(rng: Rng) -> None:
    """A paint, make-up, hair, scrubbing or tooth brush, lying or standing."""
    grip, steel = grip_of(rng), metal(rng)
    hair = mt.principled(
        "bristle", one_of(rng, ("#1b1715", "#e9dfc8", "#8a5a30", "#f3f2ef", colour(rng))), roughness=0.7
    )
    kind = int(rng.integers(4))
    if kind == 0:
        wide, flat = between(rng, 0.1, 0.4), one_of(rng, (1.0, 0.35))
        handle(rng, -between(rng, 1.2, 1.8), 0, between(rng, 0.05, 0.09), grip)
        ring_ = np.column_stack([np.zeros(32), superellipse(wide, wide * flat, 2.6, 32)])
        kit.loft("ferrule", [ring_ * (0, 0.6, 0.6), ring_ + (0.12, 0, 0), ring_ + (0.35, 0, 0)], steel)
        spots = superellipse(wide, wide * flat, 2.6, 1500) * np.sqrt(rng.random((1500, 1)))
        bristles(
            rng,
            np.column_stack([np.full(1500, 0.33), spots]),
            np.array((1.0, 0, 0)),
            between(rng, 0.3, 0.7),
            between(rng, -0.6, 1.2),
            hair,
        )
        _rest(rng, wide * max(flat, 0.4))
        return
    long, wide = between(rng, 0.5, 1.0), between(rng, 0.12, 0.35)
    block = superellipse(long, wide, between(rng, 2.2, 5), 56)
    kit.loft("block", [laid(block * s, z) for s, z in ((0.96, 0), (1, 0.03), (1, 0.12), (0.9, 0.16))], grip)
    if kind != 1:
        handle(rng, long * 0.9, long + between(rng, 0.7, 1.5), 0.08, grip, flat=0.8, z=0.08)
    count = int(rng.integers(25, 90))
    tufts = block[rng.integers(0, 56, count)] * np.sqrt(rng.random((count, 1))) * 0.88
    spots = np.repeat(tufts, 16, axis=0) + rng.normal(0, 0.018, (count * 16, 2))
    bristles(rng, laid(spots, 0.0), np.array((0, 0, -1.0)), between(rng, 0.15, 0.4), between(rng, 0, 0.25), hair)
    tall = 0.42
    kit.gather(
        list(bpy.context.scene.objects),
        (0, 0, tall if kind == 1 else 0.3),
        (one_of(rng, (0, 180, 95)), 0, between(rng, 0, 360)),
    )


def broom(rng: Rng) -> None:
    """A broom, besom, mop or dustpan brush, standing on its bristles."""
    stick, high = grip_of(rng), between(rng, 1.6, 2.5)
    hair = mt.principled(
        "bristle", one_of(rng, ("#b98f55", "#1f1c1a", "#e8e2d0", "#7a4a28", colour(rng))), roughness=0.8
    )
    long, wide = between(rng, 0.35, 0.6), one_of(rng, (between(rng, 0.4, 0.7), between(rng, 0.12, 0.2)))
    lean = between(rng, -8, 8)
    rod("stick", (0, 0, long), (0, 0, high), between(rng, 0.03, 0.05), stick)
    kind, count = int(rng.integers(3)), 2600
    if kind == 0:
        kit.box(
            "block",
            (2 * wide, 0.18, 0.14),
            stick if chance(rng, 0.5) else plastic(rng),
            at=(0, 0, long - 0.04),
            bevel=0.03,
            segments=2,
        )
        spots = np.column_stack(
            [rng.uniform(-wide, wide, count), rng.uniform(-0.07, 0.07, count), np.full(count, long)]
        )
        bristles(rng, spots, np.array((0, 0, -1.0)), long, between(rng, 0, 0.35), hair)
    elif kind == 1:
        spots = np.column_stack([rng.normal(0, 0.035, (count, 2)), np.full(count, long + 0.25)])
        bristles(rng, spots, np.array((0, 0, -1.0)), long + 0.25, between(rng, 3, 8), hair)
        wires("bands", [ring(0.085, 30, (0, 0, long + h)) for h in (0.2, 0.08)], 0.02, metal(rng), closed=True)
    else:
        a, t = rng.uniform(0, 2 * math.pi, 180), np.linspace(0, 1, 8)
        out = np.stack([np.cos(a), np.sin(a)], -1) * rng.uniform(0.15, 0.45, (180, 1))
        paths = [np.column_stack([o * t[:, None] ** 0.6, long * (1 - t**2)]) for o in out]
        wires("yarn", paths, 0.02, hair, resolution=1)
    kit.gather(list(bpy.context.scene.objects), turn=(0, lean, 0))


def garden_tool(rng: Rng) -> None:
    """A spade, rake, hoe or fork, its stick upright, standing on its head."""
    steel, stick, high = metal(rng), grip_of(rng), between(rng, 1.6, 2.4)
    rod("stick", (0, 0, 0.4), (0, 0, high), 0.045, stick)
    kind, wide = int(rng.integers(3)), between(rng, 0.28, 0.45)
    if kind == 0:
        blade = rounded([(-wide, 0.75), (wide, 0.75), (wide * 0.95, 0.25), (0, -0.05), (-wide * 0.95, 0.25)], 6, 0.25)
        kit.place(plate("blade", [blade], 0.02, steel, bevel=0.01), (0, 0, 0.04), (90, 0, 0))
    else:
        tines = int(rng.integers(4, 14)) if kind == 1 else 4
        xs = np.linspace(-wide, wide, tines)
        bend_ = 0.16 if kind == 1 else 0.05
        wires(
            "tines",
            [kit.smooth_path([(x * 0.95, 0, 0.42), (x, -bend_, 0.36), (x, -bend_, 0.0)], 4) for x in xs],
            0.022,
            steel,
        )
        wires("bar", [[(-wide, 0, 0.42), (wide, 0, 0.42)], [(0, 0, 0.42), (0, 0, 0.6)]], 0.03, steel)
    if chance(rng, 0.5):
        loop = [(-0.16, 0, high + 0.2), (0.16, 0, high + 0.2), (0.02, 0, high - 0.02), (-0.02, 0, high - 0.02)]
        wires("loop", [loop], 0.04, plastic(rng), closed=True)


def _flat(name: str, build: Callable[[Rng], None], weight: float = 1.0) -> Family:
    return Family(name, build, (45, 89), flat=True, weight=weight)


FAMILIES = [
    _flat("scissors", scissors, 1.3),
    _flat("pliers", pliers),
    _flat("knife", knife),
    _flat("saw", saw, 0.7),
    _flat("hammer", hammer),
    _flat("screwdriver", driver),
    _flat("wrench", wrench, 0.8),
    Family("drill", drill, (5, 30)),
    Family("tape", tape_measure, (15, 60), weight=0.8),
    _flat("cutlery", cutlery, 1.2),
    _flat("kitchen-tool", kitchen_tool),
    _flat("brush", brush, 1.2),
    Family("broom", broom, (0, 18)),
    Family("garden-tool", garden_tool, (0, 18), weight=0.7),
]
