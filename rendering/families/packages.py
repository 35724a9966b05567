"""Printed goods and what things are sold in: cartons, pouches, tubes, cans, blisters, books, frames, rolls."""

from __future__ import annotations

import math

import bpy
import kit
import materials as mt
import numpy as np

from families.family import (
    Family,
    between,
    chance,
    colour,
    finish,
    metal,
    mottled,
    one_of,
    palette,
    plastic,
    print_of,
    shaded,
)

Rng = np.random.Generator


def pixels(wide: float, high: float) -> tuple[int, int]:
    """Size of a print in px for a face of these sides."""
    ratio = math.sqrt(max(0.1, wide / max(high, 0.01)))
    return int(np.clip(420 * ratio, 64, 900)), int(np.clip(420 / ratio, 64, 900))


def lay_down() -> None:
    """Tip everything onto its back: what looked to -y looks up."""
    kit.gather([obj for obj in bpy.context.scene.objects if obj.parent is None], turn=(-90, 0, 0))


def card(rng: Rng, base: str) -> bpy.types.Material:
    """Plain card in a colour."""
    return mt.principled("card", base, roughness=between(rng, 0.25, 0.8))


def box_sides(rng: Rng, size: kit.Point3) -> list[bpy.types.Material]:
    """Materials for the six sides of a carton: printed front, back and sides in one colour, or all plain."""
    base = colour(rng)
    wide, deep, tall = size
    front = print_of(rng, pixels(wide, tall), base if chance(rng, 0.7) else None)
    side = print_of(rng, pixels(deep, tall), base) if chance(rng, 0.6) else card(rng, base)
    top = print_of(rng, pixels(wide, deep), base) if chance(rng, 0.5) else card(rng, base)
    back = front if chance(rng, 0.5) else print_of(rng, pixels(wide, tall), base)
    return [front, back, side, side, top, top]


def carton(rng: Rng) -> None:
    """A printed carton: cereal, medicine, perfume, shoe box, software; perhaps with a tab, a flap or a window."""
    size: kit.Point3 = tuple(float(side) for side in rng.uniform((0.5, 0.2, 0.4), (1.8, 1.2, 2.2)))  # type: ignore[assignment]
    wide, deep, tall = size
    body = kit.box("carton", size, box_sides(rng, size), bevel=between(rng, 0.006, 0.025))
    if chance(rng, 0.2):
        kit.place(
            kit.box("flap", (wide * 0.98, 0.012, deep * 0.95), body.data.materials[5], bevel=0),
            (0, deep / 2, tall),
            (between(rng, -60, 25), 0, 0),
        )
    if chance(rng, 0.12):
        tab = kit.box(
            "tab", (wide * 0.9, 0.015, 0.3), body.data.materials[1], at=(0, deep / 2 - 0.01, tall), bevel=0.004
        )
        tab.data.materials[0] = body.data.materials[1]
    if chance(rng, 0.15):
        lid = card(rng, colour(rng))
        kit.box(
            "lid", (wide + 0.03, deep + 0.03, tall * between(rng, 0.15, 0.4)), lid, at=(0, 0, tall * 0.75), bevel=0.01
        )


def parcel(rng: Rng) -> None:
    """A shipping box of brown or white card with tape and a label."""
    wide, deep, tall = (float(side) for side in rng.uniform((0.9, 0.6, 0.4), (2, 1.6, 1.4)))
    brown = one_of(rng, ("#b58a5a", "#c49a6c", "#a67c4e", "#efece6"))
    paper = mt.add_tint(card(rng, brown), [(0.3, shaded(brown, 0.93)), (0.7, brown)], between(rng, 2, 20))
    kit.box("parcel", (wide, deep, tall), paper, bevel=0.02)
    tape = mt.principled("tape", one_of(rng, ("#a0692e", "#d9c9a8", "#f3f3f1", colour(rng))), roughness=0.2)
    kit.box("tape", (wide * 1.004, between(rng, 0.1, 0.2), tall * 1.003), tape, bevel=0.015)
    if chance(rng, 0.7):
        sheet = (wide * between(rng, 0.25, 0.6), 0.004, tall * between(rng, 0.3, 0.7))
        white = print_of(rng, pixels(sheet[0], sheet[2]), "#f7f7f5")
        kit.box(
            "label", sheet, [white] * 6, at=(between(rng, -0.15, 0.15) * wide, -deep / 2 - 0.002, tall * 0.15), bevel=0
        )
    if chance(rng, 0.25):
        ribbon = finish(rng, kinds=("plastic", "cloth"))
        kit.box("ribbon", (0.14, deep * 1.01, tall * 1.006), ribbon, bevel=0.01)
        for turn in (30, 150, 260):
            loop = kit.circle(0.22, 24)
            bow = kit.strap("bow", [*loop, loop[0]], 0.12, 0.01, ribbon, across=(0, 0, 1))
            kit.place(bow, (0.2 * math.cos(turn), 0.2 * math.sin(turn), tall + 0.1), (60, 0, turn))


def pillow(
    rng: Rng, size: kit.Point3, prints: tuple[bpy.types.Material, bpy.types.Material], *, crimp: float, open_sides: bool
) -> None:
    """A filled bag that stands on its lower edge: two films, welded at top and bottom, and at the sides unless open."""
    wide, deep, tall = size
    seed, fold = int(rng.integers(2**31)), between(rng, 0.02, 0.06)
    u, v = np.meshgrid(np.linspace(0, 1, 70), np.linspace(0, 1, 90))
    inner = np.clip((v - crimp) / (1 - 2 * crimp), 0, 1)
    ends = np.sin(math.pi * inner) ** between(rng, 0.35, 0.6)
    flank = (
        np.sin(math.pi * u) ** between(rng, 0.4, 0.8)
        if not open_sides
        else np.sqrt(np.maximum(0, 1 - (2 * u - 1) ** 2))
    )
    puff = ends * flank
    pleats = kit.value_noise(u * between(rng, 6, 14), v * 2.5, seed) * np.clip(1.1 - inner * (1 - inner) * 6, 0.15, 1)
    creases = kit.value_noise(u * 3 + v * 2, v * 4 - u, seed + 1)
    zigzag = 0.006 * np.sin(v * between(rng, 250, 400)) * (inner <= 0) + 0.006 * np.sin(v * 300) * (inner >= 1)
    x = (u - 0.5) * wide * (1 - 0.14 * puff.max(axis=1, keepdims=True) * deep / wide)
    for sign, material in zip((-1, 1), prints, strict=True):
        y = sign * (deep / 2 * puff + fold * (pleats + 0.7 * creases) * np.minimum(1, 4 * puff) + 0.004) + zigzag
        rings = np.stack([x * -sign, y, v * tall], axis=-1)
        kit.loft("film", rings, material, caps=False, around=False, sharp_angle=180)


def film(rng: Rng, wide: float, tall: float, base: str) -> bpy.types.Material:
    """Printed film: glossy, matte, or metallised."""
    made = print_of(rng, pixels(wide, tall), base)
    shader = mt.shader_of(made)
    shader.inputs["Roughness"].default_value = between(rng, 0.12, 0.5)
    shader.inputs["Metallic"].default_value = one_of(rng, (0.0, 0.0, 0.5, 0.8))
    return made


def snack_bag(rng: Rng) -> None:
    """A bag of crisps, coffee or sweets with crimped ends."""
    wide, tall = between(rng, 0.9, 1.6), between(rng, 1.1, 2.3)
    base = colour(rng)
    prints = film(rng, wide, tall, base), film(rng, wide, tall, base)
    pillow(
        rng,
        (wide, wide * between(rng, 0.25, 0.55), tall),
        prints,
        crimp=between(rng, 0.03, 0.08),
        open_sides=chance(rng, 0.7),
    )


def snack_bag_flat(rng: Rng) -> None:
    """The same, lying on its back; also long bars in a wrapper."""
    snack_bag(rng) if chance(rng, 0.6) else wrapper(rng)
    lay_down()


def wrapper(rng: Rng) -> None:
    """A bar in a flow wrap: crimped at both short ends."""
    long, wide = between(rng, 1.4, 2.2), between(rng, 0.4, 0.8)
    base = colour(rng)
    prints = film(rng, wide, long, base), film(rng, wide, long, base)
    pillow(rng, (wide, wide * between(rng, 0.3, 0.6), long), prints, crimp=between(rng, 0.05, 0.09), open_sides=True)


def pouch(rng: Rng) -> None:
    """A stand-up pouch: a wide foot, a flat top with a zip line, maybe a spout or a hole to hang it."""
    wide, tall, deep = between(rng, 0.8, 1.5), between(rng, 1.1, 2.0), between(rng, 0.35, 0.6)
    seed = int(rng.integers(2**31))
    u, v = np.meshgrid(np.linspace(-1, 1, 60), np.linspace(0, 1, 70))
    thick = deep * np.clip(1 - v * between(rng, 0.9, 1.05), 0, 1) ** 0.6 * np.sqrt(np.maximum(0, 1 - np.abs(u) ** 2.5))
    wrinkle = 0.03 * kit.value_noise(u * 4, v * 5, seed) * np.minimum(1, thick * 8)
    base = colour(rng)
    for sign in (-1, 1):
        rings = np.stack([-sign * u * wide / 2, sign * (thick + wrinkle + 0.005), v * tall], axis=-1)
        kit.loft("film", rings, film(rng, wide, tall, base), caps=False, around=False, sharp_angle=180)
    if chance(rng, 0.25):
        knob = plastic(rng)
        kit.tube("spout", [(0, 0, tall - 0.05), (0, 0, tall + 0.15)], 0.09, knob)
        kit.lathe("cap", [(0, tall + 0.1), (0.15, tall + 0.1), (0.15, tall + 0.3), (0, tall + 0.3)], knob, segments=40)


def squeeze_tube(rng: Rng) -> None:
    """A tube of cream or paste: round at the cap, flat at the crimped end; on its cap or lying."""
    tall, radius = between(rng, 1.3, 2.3), between(rng, 0.22, 0.4)
    material = film(rng, radius * 6, tall, colour(rng))
    rings = []
    for v in np.linspace(0, 1, 40):
        flat = v ** between(rng, 1.1, 1.12)
        a = np.linspace(0, 2 * math.pi, 72, endpoint=False)
        across = radius * (1 + (math.pi / 2 - 1) * flat)
        rings.append(
            np.stack(
                [
                    -across * np.sin(a),
                    radius * (1 - flat) * np.cos(a) + 0.012 * np.cos(a),
                    np.full_like(a, 0.3 + v * tall),
                ],
                -1,
            )
        )
    kit.loft("tube", rings, material)
    lip = between(rng, 0.6, 1.02) * radius
    kit.lathe(
        "cap",
        [(0, 0), (lip, 0), (lip * between(rng, 0.9, 1.05), 0.27), (radius, 0.3), (0, 0.31)],
        plastic(rng),
        segments=64,
    )
    if chance(rng, 0.4):
        lay_down()


def can(rng: Rng) -> None:
    """A drinks can, a food tin, a spray can or a paint bucket, with a printed body."""
    radius, tall = between(rng, 0.32, 0.7), between(rng, 0.6, 1.9)
    steel, neck = metal(rng, one_of(rng, ("#d6d4d0", "#c9c9cc", "#d9b25a"))), between(rng, 0.75, 1.0)
    bend = between(rng, 0.03, 0.12)
    profile = [
        (0, 0.03),
        (radius * neck * 0.9, 0.03),
        (radius * neck, 0),
        (radius, bend),
        (radius, tall - bend),
        (radius * neck, tall),
        (radius * neck * 0.93, tall - 0.035),
        (0, tall - 0.035),
    ]
    kit.lathe("can", profile, steel, segments=96)
    size = pixels(2 * math.pi * radius, tall - 2 * bend)
    ring = [kit.circle(radius + 0.003, 96, (0, 0, z)) for z in (bend + 0.01, tall - bend - 0.01)]
    kit.place(kit.loft("print", ring, print_of(rng, size), caps=False), turn=(0, 0, between(rng, 0, 360)))
    kind = rng.random()
    if kind < 0.3:
        kit.lathe(
            "nozzle",
            [
                (0, tall),
                (radius * 0.75, tall - 0.02),
                (radius * 0.75, tall + 0.3),
                (radius * 0.6, tall + 0.36),
                (0, tall + 0.36),
            ],
            plastic(rng),
            segments=64,
        )
    elif kind < 0.5:
        kit.box("pull", (radius * 0.3, radius * 0.5, 0.02), steel, at=(0, radius * 0.2, tall - 0.03), bevel=0.01)
    elif kind < 0.65:
        bow = [
            (radius * math.cos(a), -0.4 * math.sin(a) - 0.02, tall * 0.9 + between(rng, 0.3, 0.31) * math.sin(a))
            for a in np.linspace(0, math.pi, 30)
        ]
        kit.tube("bow", bow, 0.015, steel)


def blister(rng: Rng) -> None:
    """A card with a clear dome over some small thing, as tools, toys and batteries are hung in shops."""
    wide, tall = between(rng, 0.8, 1.5), between(rng, 1.1, 2.0)
    front, back = print_of(rng, pixels(wide, tall)), card(rng, "#f2f2f0")
    kit.box("card", (wide, 0.02, tall), [front, back, back, back, back, back], bevel=0.004)
    w, h, deep = wide * between(rng, 0.4, 0.8), tall * between(rng, 0.3, 0.6), between(rng, 0.1, 0.35)
    z = tall * between(rng, 0.06, 0.2)
    clear = mt.glass("dome", "#ffffff", between(rng, 0.0, 0.1))
    kit.box("dome", (w, deep, h), clear, at=(0, -deep / 2 - 0.011, z), bevel=deep * 0.3)
    stuff = finish(rng)
    for i in range(count := int(rng.integers(1, 5))):
        x = (i + 0.5) / count * w * 0.8 - w * 0.4
        part = kit.box(
            "part",
            (w * 0.6 / count, deep * 0.6, h * between(rng, 0.5, 0.8)),
            stuff,
            at=(x, -deep / 2 - 0.01, z + h * 0.1),
            bevel=0.02,
        )
        part.rotation_euler = (0, 0, 0)


def _book(rng: Rng, size: kit.Point3, at: kit.Point3, turn: float) -> bpy.types.Object:
    """A closed book lying on its back: printed cover, spine, a block of pages."""
    wide, tall, thick = size
    base = colour(rng)
    cover, spine = print_of(rng, pixels(wide, tall), base), print_of(rng, pixels(tall, thick), base)
    paper = mt.add_bump(
        mt.principled("pages", one_of(rng, ("#f4f0e4", "#efe7d2", "#fbfaf7")), roughness=0.9),
        3,
        0.6,
        stretch=(1, 1, 60),
    )
    plain = card(rng, base)
    board = thick * between(rng, 0.03, 0.1)
    parts = [kit.box("pages", (wide * 0.97, tall * 0.97, thick - 2 * board), paper, at=(-0.008, 0, board), bevel=0)]
    for z in (0, thick - board):
        parts.append(kit.box("cover", (wide, tall, board), [plain] * 5 + [cover], at=(0, 0, z), bevel=board * 0.3))
    back = kit.box("spine", (tall, board, thick), [spine] + [plain] * 5, bevel=board * 0.3)
    parts.append(kit.place(back, (-wide / 2, 0, 0), (0, 0, -90)))
    return kit.gather(parts, at, (0, 0, turn))


def books(rng: Rng) -> None:
    """One book standing or lying, or a pile."""
    count = one_of(rng, (1, 1, 1, 2, 3, 5))
    z = 0.0
    for _ in range(count):
        size = (between(rng, 0.8, 1.4), between(rng, 1.1, 1.9), between(rng, 0.06, 0.35))
        _book(rng, size, (0, 0, z), between(rng, -12, 12) if count > 1 else 0)
        z += size[2] + 0.004
    if count == 1 and chance(rng, 0.55):
        kit.gather([obj for obj in bpy.context.scene.objects if obj.parent is None], turn=(90, 0, 0))


def notebook(rng: Rng) -> None:
    """A spiral notebook, calendar or sketch pad lying on the table."""
    wide, tall, thick = between(rng, 0.9, 1.5), between(rng, 1.1, 2.0), between(rng, 0.03, 0.15)
    cover = print_of(rng, pixels(wide, tall))
    kit.box("pad", (wide, tall, thick), [card(rng, "#f3efe6")] * 5 + [cover], bevel=0.008)
    wire = metal(rng, one_of(rng, ("#d6d4d0", "#2a2a2c", "#d9b25a")))
    for x in np.linspace(-wide * 0.46, wide * 0.46, int(rng.integers(14, 36))):
        a = np.linspace(0, 2 * math.pi, 14, endpoint=False)
        loop = np.stack(
            [np.full_like(a, x), tall / 2 + 0.05 * np.cos(a), thick / 2 + (0.04 + thick / 2) * np.sin(a)], -1
        )
        kit.tube("ring", loop, 0.008, wire, closed=True, resolution=2)


def frame(rng: Rng) -> None:
    """A picture or mirror in a frame, or a canvas or poster, on a wall."""
    wide, tall = between(rng, 0.8, 2), between(rng, 0.8, 2)
    picture = metal(rng, "#eef0f0") if chance(rng, 0.1) else print_of(rng, pixels(wide, tall))
    deep = between(rng, 0.02, 0.12)
    plain = card(rng, "#f2f0ea")
    kit.box("picture", (wide, deep, tall), [picture] + [plain] * 5, bevel=0.003)
    if chance(rng, 0.25):
        return
    bar, out = between(rng, 0.04, 0.2), between(rng, 0.02, 0.1)
    stuff = finish(rng, kinds=("wood", "plastic", "metal"))
    for z in (-bar, tall):
        kit.box("rail", (wide + 2 * bar, deep + out, bar), stuff, at=(0, -out / 2, z), bevel=bar * 0.15)
    for x in (-1, 1):
        kit.box("stile", (bar, deep + out, tall), stuff, at=(x * (wide + bar) / 2, -out / 2, 0), bevel=bar * 0.15)


def roll(rng: Rng) -> None:
    """Rolls of tape, paper, foil or ribbon, upright or lying, some with a loose end."""
    outer, tall = between(rng, 0.4, 0.8), between(rng, 0.25, 1.8)
    inner = outer * between(rng, 0.25, 0.85)
    stuff, tube = finish(rng, kinds=("plastic", "cloth", "metal", "patterned")), mottled(rng, "#b58a5a")
    turns = mt.add_bump(stuff, 2, 0.3, stretch=(1, 1, 20)) if chance(rng, 0.4) else stuff
    kit.lathe_open("roll", [(inner, 0), (outer, 0), (outer, tall), (inner, tall)], turns)
    kit.lathe_open(
        "core", [(inner - 0.03, -0.003), (inner, -0.003), (inner, tall + 0.003), (inner - 0.03, tall + 0.003)], tube
    )
    if chance(rng, 0.5):
        long = between(rng, 0.3, 1.2)
        end = [
            (outer - 0.003, 0, tall / 2),
            (outer + 0.02, long * 0.4, tall / 2),
            (outer + between(rng, 0.05, 0.4), long, tall / 2),
        ]
        kit.strap("end", kit.smooth_path(end, 8).tolist(), tall * 0.99, 0.006, stuff, across=(0, 0, 1))
    if chance(rng, 0.4):
        lay_down()


def cosmetics(rng: Rng) -> None:
    """A lipstick, a compact, a mascara, a palette: small printed or gilt cases."""
    colours = palette(rng, 3)
    case = finish(rng, colours[0], kinds=("plastic", "metal"))
    if chance(rng, 0.5):
        radius, tall = between(rng, 0.16, 0.28), between(rng, 0.7, 1.2)
        square = chance(rng, 0.4)
        for i, (r, low, high) in enumerate(((1.0, 0, 0.45), (0.88, 0.45, 0.75), (0.68, 0.75, 1.0))):
            part = (case, metal(rng), mt.principled("wax", colours[2], roughness=0.35))[i]
            if square and i < 2:
                kit.box(
                    "part",
                    (2 * r * radius, 2 * r * radius, tall * (high - low)),
                    part,
                    at=(0, 0, tall * low),
                    bevel=0.02,
                )
            else:
                slope = 0.14 if i == 2 else 0.0
                rings = [
                    kit.circle(r * radius, 48, (0, 0, tall * low)),
                    [(x, y, tall * high + slope * x / radius) for x, y, _ in kit.circle(r * radius, 48)],
                ]
                kit.loft("part", rings, part)
        if chance(rng, 0.6):
            cap = kit.lathe("cap", [(0, 0), (radius, 0), (radius, tall * 0.55), (0, tall * 0.55)], case, segments=64)
            kit.place(cap, (radius * between(rng, 2.2, 3), -0.1, 0))
        return
    wide, deep = between(rng, 0.7, 1.4), between(rng, 0.6, 0.9)
    kit.box("tray", (wide, deep, 0.12), case, bevel=0.03)
    kit.place(kit.box("lid", (wide, 0.08, deep), case, bevel=0.03), (0, deep / 2, 0.1), (between(rng, -35, 5), 0, 0))
    columns, rows = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    for i in range(columns):
        for j in range(rows):
            powder = mt.add_bump(
                mt.principled("powder", shaded(colours[1 + (i + j) % 2], between(rng, 0.6, 1.4)), roughness=0.9),
                30,
                0.3,
            )
            at = (((i + 0.5) / columns - 0.5) * wide * 0.9, ((j + 0.5) / rows - 0.5) * deep * 0.9, 0.11)
            kit.box("pan", (wide * 0.8 / columns, deep * 0.8 / rows, 0.025), powder, at=at, bevel=0.01)


FAMILIES = (
    Family("carton", carton, (2, 50), front=True, weight=1.6),
    Family("parcel", parcel, (5, 55), front=True, weight=0.8),
    Family("snack-bag", snack_bag, (0, 30), front=True),
    Family("snack-bag-flat", snack_bag_flat, (40, 88), flat=True, weight=0.8),
    Family("pouch", pouch, (0, 30), front=True),
    Family("squeeze-tube", squeeze_tube, (3, 50), front=True),
    Family("can", can, (2, 45), weight=1.2),
    Family("blister", blister, (-5, 25), hang=True, front=True, weight=0.7),
    Family("books", books, (8, 70), weight=1.2),
    Family("notebook", notebook, (35, 88), flat=True, weight=0.6),
    Family("frame", frame, (-8, 12), hang=True, front=True, weight=0.7),
    Family("roll", roll, (5, 55), weight=0.7),
    Family("cosmetics", cosmetics, (8, 55), weight=0.9),
)
