"""Devices: cases with buttons, screens, knobs, grilles, lenses and cables."""

from __future__ import annotations

import math

import bpy
import kit
import materials as mt
import numpy as np

from families.family import (
    Family,
    artwork,
    between,
    chance,
    cloth,
    colour,
    finish,
    metal,
    one_of,
    palette,
    photo_like,
    plastic,
    print_of,
    shaded,
)
from families.packages import lay_down, pixels

Rng = np.random.Generator


def casing(rng: Rng, tint: str | None = None) -> bpy.types.Material:
    """What cases are made of; wood now and then."""
    return finish(
        rng, tint, kinds=("plastic", "plastic", "metal", "wood") if chance(rng, 0.3) else ("plastic", "metal")
    )


def screen(rng: Rng, wide: float, tall: float) -> bpy.types.Material:
    """A display, dark or on."""
    if chance(rng, 0.4):
        return mt.principled("screen", shaded("#101216", between(rng, 0.5, 2)), roughness=0.06, coat=0.5)
    size = pixels(wide, tall)
    picture = artwork(rng, size) if chance(rng, 0.6) else photo_like(rng, size, palette(rng, 5))
    made = mt.printed("screen", picture, roughness=0.1, coat=0.8)
    shader = mt.shader_of(made)
    made.node_tree.links.new(shader.inputs["Base Color"].links[0].from_socket, shader.inputs["Emission Color"])
    shader.inputs["Emission Strength"].default_value = between(rng, 0.2, 0.9)
    return made


def face(
    wide: float, tall: float, at: kit.Point3, material: bpy.types.Material, deep: float = 0.02
) -> bpy.types.Object:
    """A panel on a front: it looks to -y, `at` is the middle of its lower edge on the front's plane."""
    side = mt.principled("edge", "#1a1a1c", roughness=0.3)
    return kit.box(
        "face",
        (wide, deep, tall),
        [material] + [side] * 5,
        at=(at[0], at[1] - deep / 2 + 0.002, at[2]),
        bevel=deep * 0.3,
    )


def knob(rng: Rng, radius: float, at: kit.Point3, material: bpy.types.Material, deep: float) -> None:
    """A round knob, button, lens or cone on a front, its axis along y; `at` is its middle."""
    lip = radius * between(rng, 0.04, 0.25)
    made = kit.lathe(
        "knob", [(0, 0), (radius, 0), (radius, deep - lip), (radius - lip, deep), (0, deep)], material, segments=48
    )
    kit.place(made, at, (90, 0, 0))


def cone(rng: Rng, radius: float, at: kit.Point3) -> None:
    """A loudspeaker: ring, sunk cone, dust cap."""
    black = mt.principled("cone", one_of(rng, ("#17181a", "#2a2b2e", "#c8c4b8", colour(rng))), roughness=0.6)
    profile = [
        (radius, 0),
        (radius, 0.04),
        (radius * 0.9, 0.045),
        (radius * 0.84, 0.01),
        (radius * 0.35, -0.09),
        (0, -0.07),
    ]
    kit.place(kit.lathe("cone", profile[::-1], black, segments=72), at, (90, 0, 0))
    kit.place(
        kit.ball("cap", (radius * 0.3, radius * 0.3, radius * 0.12), (0, 0, 0), plastic(rng), rows=20),
        (at[0], at[1] + 0.05, at[2]),
        (90, 0, 0),
    )
    kit.place(kit.ring_tube("rim", radius, radius * 0.06, 0, casing(rng)), (at[0], at[1] - 0.02, at[2]), (90, 0, 0))


def cable(rng: Rng, start: kit.Point3, material: bpy.types.Material) -> None:
    """A cable that runs from a device over the table, in bends, to a plug."""
    steps = np.cumsum(rng.normal(0, 0.35, (5, 2)) + [between(rng, -0.2, 0.2), 0.3], axis=0)
    low = 0.04
    path = [start, (start[0], start[1] + 0.15, low), *[(start[0] + x, start[1] + 0.2 + y, low) for x, y in steps]]
    kit.tube("cable", kit.smooth_path(path, 10), 0.028, material)
    end = path[-1]
    kit.box("plug", (0.12, 0.25, 0.09), material, at=(end[0], end[1], 0), bevel=0.02)


def speaker(rng: Rng) -> None:
    """A loudspeaker: a box with cones, or a cloth-covered cylinder or pill."""
    if chance(rng, 0.4):
        radius, tall = between(rng, 0.35, 0.7), between(rng, 0.6, 1.9)
        lip = between(rng, 0.02, 0.15)
        sleeve, end = cloth(rng), casing(rng)
        kit.lathe(
            "sleeve",
            [(0, 0.02), (radius - 0.02, 0.02), (radius, 0.05), (radius, tall - lip), (radius - lip, tall), (0, tall)],
            sleeve,
        )
        kit.lathe(
            "end", [(0, tall - 0.02), (radius - lip, tall - 0.02), (radius - lip, tall + 0.02), (0, tall + 0.02)], end
        )
        if chance(rng, 0.35):
            lay_down()
        return
    wide, deep, tall = (float(side) for side in rng.uniform((0.6, 0.5, 0.8), (1.3, 1, 2)))
    kit.box("case", (wide, deep, tall), casing(rng), bevel=between(rng, 0.01, 0.1))
    front = -deep / 2 - 0.005
    if chance(rng, 0.3):
        face(wide * 0.94, tall * 0.94, (0, front, tall * 0.03), cloth(rng))
        return
    radius = min(wide * 0.42, tall * 0.25)
    cone(rng, radius, (0, front, tall * 0.3))
    cone(rng, radius * between(rng, 0.35, 0.9), (0, front, tall * between(rng, 0.72, 0.78)))


def phone(rng: Rng) -> None:
    """A phone, tablet or e-reader lying flat or propped up, screen or back to the front."""
    wide = between(rng, 0.7, 1.5)
    tall = wide * between(rng, 1.3, 2.2)
    thick, round_ = between(rng, 0.05, 0.12), between(rng, 0.02, 0.12) * wide
    points = [(x, z) for x, z in _rounded_rectangle(wide, tall, round_)]
    rings = [[(x, y, z) for x, z in points] for y in (thick / 2, -thick / 2)]
    kit.add_bevel(kit.loft("body", rings, casing(rng)), thick * 0.25, 3)
    front = -thick / 2 - 0.002
    if chance(rng, 0.6):
        edge = between(rng, 0.02, 0.08)
        face(
            wide - 2 * edge,
            tall - 2 * edge - (0.2 if chance(rng, 0.2) else 0),
            (0, front, edge),
            screen(rng, wide, tall),
            0.006,
        )
    else:
        black = mt.principled("lens", "#0b0c10", roughness=0.05, coat=1.0)
        for i in range(int(rng.integers(1, 4))):
            knob(
                rng,
                wide * 0.09,
                (-wide * 0.3 + 0.22 * wide * (i // 2), front, tall * 0.9 - i % 2 * 0.22 * wide),
                black,
                0.04,
            )
        if chance(rng, 0.4):
            face(wide * 0.8, tall * 0.5, (0, front, tall * 0.1), print_of(rng, pixels(wide, tall)), 0.004)
    lay_down()
    if chance(rng, 0.3):
        case = bpy.context.scene.objects[-1]
        kit.gather([case], turn=(between(rng, 50, 80), 0, 0))


def _rounded_rectangle(wide: float, tall: float, radius: float) -> list[kit.Point2]:
    """Corner arcs, counter-clockwise, from x in -wide/2..wide/2 and z in 0..tall."""
    out: list[kit.Point2] = []
    middles = (
        (wide / 2 - radius, tall - radius),
        (radius - wide / 2, tall - radius),
        (radius - wide / 2, radius),
        (wide / 2 - radius, radius),
    )
    for i, (x, z) in enumerate(middles):
        angles = np.linspace(0, math.pi / 2, 9) + i * math.pi / 2
        out += [(x + radius * math.cos(a), z + radius * math.sin(a)) for a in angles]
    return out


def camera(rng: Rng) -> None:
    """A camera: body, grip, lens, dials, viewfinder, maybe a strap."""
    wide, deep, tall = between(rng, 1.1, 1.6), between(rng, 0.35, 0.6), between(rng, 0.7, 1.1)
    skin, top = finish(rng, kinds=("plastic", "mottled", "cloth")), casing(rng)
    kit.box("body", (wide, deep, tall * 0.78), skin, bevel=0.05)
    kit.box("top", (wide * 1.003, deep * 1.003, tall * 0.22), top, at=(0, 0, tall * 0.78), bevel=0.04)
    x, front = between(rng, -0.15, 0.1) * wide, -deep / 2
    radius, z, y = tall * between(rng, 0.28, 0.45), tall * between(rng, 0.42, 0.5), front
    for share, long in ((1.0, between(rng, 0.1, 0.6)), (0.88, between(rng, 0.05, 0.5)), (0.8, 0.06)):
        knob(rng, radius * share, (x, y, z), plastic(rng, one_of(rng, ("#1c1c1e", "#29292b", "#c9c9cc"))), long)
        y -= long
    glass = mt.principled("lens", one_of(rng, ("#0a0d18", "#140a18", "#06120e")), roughness=0.03, coat=1.0)
    kit.ball("lens", (radius * 0.66, 0.05, radius * 0.66), (x, y, z), glass, rows=20)
    if chance(rng, 0.6):
        kit.box("finder", (wide * 0.3, deep * 0.8, 0.22), top, at=(x, 0, tall), bevel=0.06)
    for i in range(int(rng.integers(1, 4))):
        kit.lathe("dial", [(0, 0), (0.1, 0), (0.1, 0.08), (0, 0.08)], metal(rng), segments=32).location = (
            wide * (0.2 + 0.12 * i),
            0,
            tall,
        )
    if chance(rng, 0.4):
        loop = kit.smooth_path(
            [
                (-wide / 2, 0, tall * 0.9),
                (-wide * 0.8, 0.3, 0.3),
                (-wide * 0.5, 0.9, 0.03),
                (wide * 0.4, 1.0, 0.03),
                (wide * 0.8, 0.3, 0.3),
                (wide / 2, 0, tall * 0.9),
            ],
            10,
        )
        kit.strap("strap", loop.tolist(), 0.12, 0.02, cloth(rng), across=(0, 0.3, 1))


def radio(rng: Rng) -> None:
    """A radio, boombox, amplifier, synthesizer or console: a front full of parts laid out on a grid."""
    wide, deep, tall = (float(side) for side in rng.uniform((1.2, 0.35, 0.5), (2.2, 0.8, 1.3)))
    kit.box("case", (wide, deep, tall), casing(rng), bevel=between(rng, 0.01, 0.12))
    front = -deep / 2
    if chance(rng, 0.6):
        face(wide * 0.94, tall * 0.88, (0, front, tall * 0.06), casing(rng), 0.02)
        front -= 0.02
    columns = int(rng.integers(2, 6))
    cell = wide * 0.9 / columns
    accents = [casing(rng) for _ in range(3)]
    for i in range(columns):
        _panel_part(rng, (-wide * 0.45 + (i + 0.5) * cell, front, 0), cell, tall, accents)
    if chance(rng, 0.5):
        up = between(rng, 0.15, 0.5)
        path = [
            (-wide * 0.42, 0, tall - 0.02),
            (-wide * 0.42, 0, tall + up),
            (wide * 0.42, 0, tall + up),
            (wide * 0.42, 0, tall - 0.02),
        ]
        kit.tube("handle", path, between(rng, 0.03, 0.06), one_of(rng, accents))
    if chance(rng, 0.35):
        lean = between(rng, -0.8, 0.8)
        kit.tube(
            "aerial",
            [(wide * 0.4, deep * 0.3, tall), (wide * 0.4 + lean, deep * 0.3, tall + between(rng, 0.6, 1.4))],
            0.015,
            metal(rng),
        )
    if chance(rng, 0.3):
        cable(rng, (wide * 0.3, deep / 2, tall * 0.3), plastic(rng, "#1d1d1f"))


def _panel_part(rng: Rng, at: kit.Point3, cell: float, tall: float, accents: list[bpy.types.Material]) -> None:
    """One column of a front: a loudspeaker, a display over knobs, a row of keys, or a grille."""
    x, y, _ = at
    kind = rng.random()
    if kind < 0.35:
        cone(rng, min(cell * 0.44, tall * 0.4), (x, y - 0.005, tall * 0.5))
        return
    if kind < 0.6:
        face(cell * 0.85, tall * 0.3, (x, y, tall * 0.55), screen(rng, cell, tall * 0.3))
    elif kind < 0.8:
        for z in np.linspace(tall * 0.45, tall * 0.85, int(rng.integers(4, 9))):
            face(cell * 0.8, tall * 0.02, (x, y, float(z)), mt.principled("slot", "#151517", roughness=0.5), 0.01)
    else:
        knob(rng, min(cell * 0.38, tall * 0.2), (x, y, tall * 0.68), one_of(rng, accents), between(rng, 0.06, 0.2))
    for i in range(count := int(rng.integers(1, 5))):
        size = min(cell * 0.8 / count, tall * 0.2)
        dx = ((i + 0.5) / count - 0.5) * cell * 0.85
        if chance(rng, 0.5):
            knob(rng, size * 0.4, (x + dx, y, tall * 0.25), one_of(rng, accents), between(rng, 0.03, 0.15))
        else:
            face(size * 0.8, size * 0.5, (x + dx, y, tall * 0.2), one_of(rng, accents), 0.04)


def headphones(rng: Rng) -> None:
    """Over-ear headphones: padded band, arms, cups, cushions; standing or lying."""
    radius, lift = between(rng, 0.75, 0.95), between(rng, 0.5, 0.8)
    shell, pad, arm = casing(rng), finish(rng, kinds=("cloth", "plastic", "mottled")), metal(rng)
    angles = np.linspace(math.radians(-8), math.radians(188), 48)
    arc = [(radius * math.cos(a), 0, lift + radius * 1.05 * math.sin(a)) for a in angles]
    kit.strap("band", arc, between(rng, 0.15, 0.35), between(rng, 0.03, 0.08), shell)
    if chance(rng, 0.7):
        kit.tube(
            "cushion",
            [(0.94 * x, y, lift + (z - lift) * 0.94) for x, y, z in arc[10:-10]],
            between(rng, 0.05, 0.1),
            pad,
        )
    size, deep = between(rng, 0.35, 0.5), between(rng, 0.12, 0.3)
    for side in (-1, 1):
        kit.tube("arm", [(side * radius, 0, lift), (side * radius * 1.04, 0, lift - size * 0.3)], 0.03, arm)
        cup = kit.lathe(
            "cup",
            [(0, 0), (size * 0.9, 0), (size, deep * 0.4), (size * 0.8, deep), (0, deep * 1.05)],
            shell,
            segments=64,
        )
        kit.place(cup, (side * radius * 0.98, 0, lift - size * 0.25), (0, side * 90 + between(rng, -6, 6), 0))
        kit.place(
            kit.ring_tube("pad", size * 0.75, size * 0.22, 0, pad),
            (side * (radius * 0.98 - 0.07), 0, lift - size * 0.25),
            (0, 90, 0),
        )
    if chance(rng, 0.35):
        lay_down()


def keyboard(rng: Rng) -> None:
    """A keyboard, calculator, remote or pad: a slab with rows of keys, perhaps a display."""
    rows, columns = int(rng.integers(3, 8)), int(rng.integers(3, 16))
    pitch, gap = between(rng, 0.12, 0.2), between(rng, 0.01, 0.04)
    wide, tall, thick = columns * pitch + 0.15, rows * pitch + 0.15, between(rng, 0.06, 0.2)
    extra = between(rng, 0.25, 0.6) if chance(rng, 0.4) else 0.0
    kit.box("slab", (wide, tall + extra, thick), casing(rng), at=(0, extra / 2, 0), bevel=between(rng, 0.01, 0.06))
    keys = [plastic(rng, code) for code in palette(rng, 3)]
    cap = kit.box("key", (pitch - gap, pitch - gap, between(rng, 0.03, 0.09)), keys[0], bevel=0.015)
    cap.location = (-wide / 2 + 0.075 + pitch / 2, -tall / 2 + 0.075 + pitch / 2, thick)
    meshes = [cap.data, cap.data.copy(), cap.data.copy()]
    for mesh, material in zip(meshes[1:], keys[1:], strict=True):
        mesh.materials[0] = material
    for i in range(1, rows * columns):
        mesh = meshes[int(rng.choice(3, p=[0.8, 0.12, 0.08]))]
        key = kit.link(bpy.data.objects.new("key", mesh))
        kit.add_bevel(key, 0.015, 2)
        key.location = cap.location + kit.Vector((i % columns * pitch, i // columns * pitch, 0))
    if extra:
        side = mt.principled("edge", "#1a1a1c", roughness=0.3)
        panel = screen(rng, wide, extra)
        kit.box(
            "display",
            (wide * 0.85, extra * 0.7, 0.02),
            [side] * 5 + [panel],
            at=(0, tall / 2 + extra / 2, thick),
            bevel=0.006,
        )
    if chance(rng, 0.3):
        cable(rng, (0, tall / 2 + extra, thick / 2), keys[0])


def monitor(rng: Rng) -> None:
    """A screen on a foot, a laptop, a clock or a television."""
    wide = between(rng, 1.3, 2.3)
    tall, deep = wide * between(rng, 0.5, 0.8), between(rng, 0.05, 0.2)
    case, edge = casing(rng), between(rng, 0.02, 0.1)
    if chance(rng, 0.4):
        kit.box("base", (wide, tall, 0.08), case, at=(0, -tall / 2, 0), bevel=0.02)
        kit.box(
            "keys", (wide * 0.85, tall * 0.45, 0.012), plastic(rng, "#1f2023"), at=(0, -tall * 0.4, 0.08), bevel=0.003
        )
        lid = kit.box("lid", (wide, 0.05, tall), case, bevel=0.015)
        panel = face(wide - 2 * edge, tall - 2 * edge, (0, -0.026, edge), screen(rng, wide, tall), 0.004)
        kit.gather([lid, panel], (0, 0.02, 0.06), (between(rng, -30, 5), 0, 0))
        return
    foot = between(rng, 0.1, 0.5)
    kit.box("case", (wide, deep, tall), case, at=(0, 0, foot), bevel=deep * 0.2)
    face(wide - 2 * edge, tall - 2 * edge, (0, -deep / 2 - 0.001, foot + edge), screen(rng, wide, tall), 0.006)
    if chance(rng, 0.6):
        kit.tube("stem", [(0, 0.05, 0.02), (0, 0.05, foot + tall * 0.3)], between(rng, 0.04, 0.1), case)
        kit.box("foot", (wide * between(rng, 0.25, 0.5), between(rng, 0.4, 0.7), 0.04), case, bevel=0.015)
    else:
        for side in (-1, 1):
            kit.box("foot", (0.08, 0.6, foot + 0.01), case, at=(side * wide * 0.38, 0, 0), bevel=0.02)


def clock(rng: Rng) -> None:
    """A round or square clock, scale or gauge with hands and marks."""
    radius, deep = between(rng, 0.6, 1.0), between(rng, 0.1, 0.4)
    case, dial = (
        casing(rng),
        mt.principled("dial", one_of(rng, ("#f6f5f0", "#f6f5f0", "#17181a", colour(rng))), roughness=0.4),
    )
    rim = between(rng, 0.03, 0.12)
    profile = [
        (0, 0),
        (radius, 0),
        (radius + rim, deep * 0.3),
        (radius + rim, deep),
        (radius, deep + 0.02),
        (radius - 0.01, deep - 0.04),
        (0, deep - 0.04),
    ]
    parts = [kit.lathe("case", profile, case, segments=96)]
    parts.append(
        kit.lathe(
            "dial",
            [(0, deep - 0.035), (radius - 0.012, deep - 0.035), (radius - 0.012, deep - 0.03), (0, deep - 0.03)],
            dial,
            segments=96,
        )
    )
    ink = mt.principled("ink", one_of(rng, ("#17181a", "#b3202c", "#d9b25a", "#f6f5f0")), roughness=0.4)
    for i in range(12):
        mark = kit.box("mark", (0.02 if i % 3 else 0.045, radius * 0.14, 0.01), ink, bevel=0)
        a = math.radians(30 * i)
        parts.append(
            kit.place(mark, (0.85 * radius * math.sin(a), 0.85 * radius * math.cos(a), deep - 0.03), (0, 0, -30 * i))
        )
    for long, thick in ((0.55, 0.05), (0.78, 0.03)):
        hand = kit.box("hand", (thick, radius * long, 0.012), ink, bevel=0)
        a = between(rng, 0, 2 * math.pi)
        parts.append(
            kit.place(
                hand,
                (radius * long * 0.42 * math.sin(a), radius * long * 0.42 * math.cos(a), deep - 0.02),
                (0, 0, -math.degrees(a)),
            )
        )
    kit.gather(parts, (0, 0, radius + rim), (90, 0, 0))
    if chance(rng, 0.4):
        for side in (-1, 1):
            kit.tube(
                "leg",
                [(side * radius * 0.5, -deep / 2, radius * 0.3), (side * radius * 0.75, -deep / 2, -0.06)],
                0.05,
                case,
            )
            if chance(rng, 0.6):
                kit.ball(
                    "bell",
                    (0.28, 0.2, 0.2),
                    (side * radius * 0.6, -deep / 2, 2 * radius + 0.1),
                    metal(rng),
                    turn=(0, side * 35, 0),
                    rows=20,
                )


def appliance(rng: Rng) -> None:
    """A toaster, mixer base, coffee machine, microwave, printer: stacked rounded blocks with controls."""
    wide, deep = between(rng, 0.8, 1.8), between(rng, 0.6, 1.2)
    stuff = [casing(rng) for _ in range(2)]
    z = 0.0
    for i in range(int(rng.integers(1, 4))):
        tall, narrow = between(rng, 0.2, 0.9), between(rng, 0.5, 1.0) if i else 1.0
        size = (wide * narrow, deep * between(rng, 0.6, 1.0) if i else deep, tall)
        kit.box(
            "block", size, stuff[i % 2], at=(0, (deep - size[1]) / 2, z), bevel=between(rng, 0.02, 0.15), segments=5
        )
        if tall > 0.35 and chance(rng, 0.7):
            front = deep / 2 - size[1]
            _panel_part(
                rng, (between(rng, -0.15, 0.15) * size[0], front, 0), size[0] * 0.5, 2 * z + tall if z else tall, stuff
            )
        z += tall
    if chance(rng, 0.4):
        kit.tube(
            "handle",
            kit.smooth_path(
                [
                    (wide / 2, 0, z * 0.3),
                    (wide / 2 + 0.3, 0, z * 0.35),
                    (wide / 2 + 0.3, 0, z * 0.75),
                    (wide / 2, 0, z * 0.8),
                ],
                8,
            ),
            0.05,
            stuff[1],
        )
    if chance(rng, 0.4):
        cable(rng, (between(rng, -0.3, 0.3) * wide, deep / 2, 0.1), plastic(rng, one_of(rng, ("#1d1d1f", "#f0f0ee"))))


FAMILIES = (
    Family("speaker", speaker, (0, 35), front=True),
    Family("phone", phone, (15, 85), weight=0.9),
    Family("camera", camera, (3, 40), front=True),
    Family("radio", radio, (3, 35), front=True, weight=1.2),
    Family("headphones", headphones, (5, 55)),
    Family("keyboard", keyboard, (25, 80), weight=0.8),
    Family("monitor", monitor, (0, 35), front=True, weight=0.8),
    Family("clock", clock, (-2, 25), front=True, weight=0.7),
    Family("appliance", appliance, (4, 40), front=True),
)
