"""Families of cloth and plush: animals with fur, dolls with yarn hair, cushions, towels, clothes, hats, scarves, wigs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import kit
import materials as mt
import numpy as np
from PIL import Image, ImageDraw

from families.family import (
    Family,
    artwork,
    between,
    chance,
    cloth,
    colour,
    metal,
    one_of,
    palette,
    patterned,
    plastic,
    shaded,
    wood,
)  # fmt: skip
from families.parts import (
    Outline,
    Rng,
    along,
    arc,
    ball,
    bend,
    body,
    fur,
    laid,
    lumps,
    mirrored,
    points_of,
    ring,
    rod,
    rounded,
    sheet,
    stood,
    strands,
    superellipse,
    uneven,
    wires,
)  # fmt: skip

_FUR = ("#a8713d", "#6b4526", "#d9c09a", "#f1efe9", "#f6f5f2", "#8a8a8c", "#2a2624", "#1d1c1e", "#e3a9b8", "#e7cf9a")


# ---- plush


def animal(rng: Rng) -> None:
    """A plush animal, sitting or standing: bear, hare, cat, dog, mouse or none of these, with fur of some length."""
    coat = one_of(rng, _FUR) if chance(rng, 0.7) else colour(rng)
    fur_of, pale = _pelt(rng, coat), _pelt(rng, shaded(coat, 1.35) if chance(rng, 0.6) else colour(rng))
    fat, head = between(rng, 0.8, 1.2), between(rng, 0.42, 0.6)
    legs, bodies = _sitting(rng, fat, fur_of, pale) if chance(rng, 0.6) else _standing(rng, fat, fur_of)
    spot = bodies[1]
    skull = ball("head", (head * between(rng, 0.95, 1.2), head * 0.95, head), spot, fur_of)
    snout = between(rng, 0.12, 0.28)
    nose = np.array(spot) + (0, -head * 0.85, -head * 0.2)
    muzzle = ball("muzzle", (snout * 1.1, snout, snout * 0.8), tuple(nose), pale)
    ears = _ears(rng, np.array(spot), head, fur_of)
    skins = [skull, *ears, *legs, bodies[0]]
    _face(rng, np.array(spot), head, nose + (0, -snout, 0.3 * snout))
    if chance(rng, 0.35):
        _ribbon_bow(rng, np.array(spot) + (0, -head * 0.6, -head * 0.95))
    kind = rng.random()
    bpy.context.view_layer.update()
    if kind < 0.2:
        return
    long = between(rng, 0.05, 0.12) if kind < 0.7 else between(rng, 0.15, 0.32)
    thin = between(rng, 0.0025, 0.0055)
    fur(skins, int(rng.integers(7000, 13000)), long, thin, fur_of, rng, droop=between(rng, 0.1, 0.6),
        mess=between(rng, 0.2, 0.7), curl=one_of(rng, (0, 0, 0.25)))  # fmt: skip
    fur([muzzle], 500, long * 0.4, thin, pale, rng)


def _pelt(rng: Rng, tint: str) -> bpy.types.Material:
    return mt.add_bump(mt.principled("pelt", tint, roughness=0.9, sheen=between(rng, 0.1, 0.5)), 30, 0.4)


def _sitting(rng: Rng, fat: float, pelt: bpy.types.Material, pale: bpy.types.Material) -> tuple[list, tuple]:
    """Legs forward, arms down; gives the furry parts, and the trunk with the head's place."""
    tall = between(rng, 0.55, 0.8)
    trunk = ball("trunk", (0.5 * fat, 0.42 * fat, tall), (0, 0, tall), pelt)
    limbs, spread = [], between(rng, 12, 35)
    for side in (-1, 1):
        limbs.append(
            ball(
                "leg",
                (0.2 * fat, 0.5, 0.2 * fat),
                (side * 0.38 * fat, -0.5, 0.2 * fat),
                pelt,
                turn=(0, 0, side * spread),
            )
        )
        ball(
            "sole",
            (0.15 * fat, 0.05, 0.16 * fat),
            (side * (0.38 * fat + 0.45 * math.sin(math.radians(spread))), -0.97, 0.22),
            pale,
            turn=(0, 0, side * spread),
        )
        turn = (between(rng, 0, 60), side * -between(rng, 10, 70), 0)
        limbs.append(
            ball("arm", (0.16 * fat, 0.16 * fat, 0.42), (side * 0.52 * fat, -0.18, 1.25 * tall), pelt, turn=turn)
        )
    return limbs, (trunk, (0, -0.08, 2 * tall + 0.25))


def _standing(rng: Rng, fat: float, pelt: bpy.types.Material) -> tuple[list, tuple]:
    """On four legs, looking towards -y; with a tail."""
    long, leg = between(rng, 0.6, 0.95), between(rng, 0.4, 0.75)
    trunk = ball("trunk", (0.4 * fat, long, 0.38 * fat), (0, 0.3, leg + 0.2), pelt)
    limbs = [
        ball("leg", (0.14, 0.15, leg * 0.6), (x * 0.26 * fat, 0.3 + y * long * 0.62, leg * 0.56), pelt)
        for x in (-1, 1)
        for y in (-1, 1)
    ]
    rise = between(rng, -0.1, 0.7)
    limbs += [
        ball("tail", (0.09, 0.3, 0.09), (0, 0.3 + long + 0.15, leg + 0.3 + rise * 0.3), pelt, turn=(rise * 70, 0, 0))
    ]
    return limbs, (trunk, (0, 0.25 - long, leg + 0.6))


def _ears(rng: Rng, at: np.ndarray, head: float, pelt: bpy.types.Material) -> list[bpy.types.Object]:
    """Round, long, pointed or hanging ears."""
    wide, long, lean, out = one_of(
        rng, ((0.2, 0.2, 25, 0.75), (0.13, 0.5, 12, 0.4), (0.16, 0.28, 20, 0.55), (0.16, 0.38, 150, 0.9))
    )
    long *= between(rng, 0.8, 1.3)
    made = []
    for side in (-1, 1):
        up = 0.75 if lean < 100 else 0.45
        spot = at + (side * out * head, 0, up * head + (long * 0.7 if lean < 100 else -long * 0.4))
        made.append(ball("ear", (wide, 0.08, long), tuple(spot), pelt, turn=(0, side * lean, 0)))
    return made


def _face(rng: Rng, at: np.ndarray, head: float, nose: np.ndarray) -> None:
    """Bead eyes, a nose, a sewn mouth."""
    black = mt.principled("bead", one_of(rng, ("#0b0a0a", "#0b0a0a", "#3a2413", "#1b2a4a")), roughness=0.05, coat=1.0)
    size, apart = between(rng, 0.045, 0.1), between(rng, 0.3, 0.5)
    for side in (-1, 1):
        ball("eye", size, tuple(at + (side * apart * head, -head * 0.88, head * 0.22)), black)
    ball("nose", (size * 1.3, size * 0.8, size * 0.9), tuple(nose), black)
    smile = [(-0.1, 0.02, -0.15), (-0.05, 0, -0.19), (0, 0, -0.14), (0.05, 0, -0.19), (0.1, 0.02, -0.15)]
    kit.tube("mouth", nose + np.array(smile), 0.012, black)


def _ribbon_bow(rng: Rng, at: np.ndarray) -> None:
    """A bow tied under the chin."""
    stuff = cloth(rng)
    for side in (-1, 1):
        ball("loop", (0.2, 0.07, 0.13), tuple(at + (side * 0.2, -0.05, 0)), stuff, turn=(0, side * -14, 0))
        kit.strap(
            "end",
            [tuple(at), tuple(at + (side * 0.12, -0.05, -0.2)), tuple(at + (side * 0.16, -0.06, -0.4))],
            0.1,
            0.015,
            stuff,
            (1, 0, 0.3),
        )
    ball("knot", 0.08, tuple(at + (0, -0.06, 0)), stuff)


def doll(rng: Rng) -> None:
    """A cloth doll with yarn hair, a dress or trousers, shoes; standing."""
    skin = mt.principled(
        "skin", one_of(rng, ("#f0d3bd", "#e2b48f", "#a9744c", "#6b452d", "#f4e9dc")), roughness=0.85, sheen=0.2
    )
    dress, tall = cloth_print(rng), between(rng, 1.6, 2.1)
    head, waist = between(rng, 0.34, 0.5), tall * 0.55
    at = np.array((0, 0, tall + head * 0.7))
    ball("head", (head, head * 0.9, head), tuple(at), skin)
    for side in (-1, 1):
        foot = (side * between(rng, 0.14, 0.28), -0.05, 0.08)
        rod("leg", (side * 0.14, 0, waist), foot, (0.1, 0.085), skin)
        ball("shoe", (0.1, 0.17, 0.09), (foot[0], -0.1, 0.09), plastic(rng))
        hand = (side * between(rng, 0.45, 0.85), between(rng, -0.3, 0), waist + between(rng, -0.1, 0.55))
        rod("arm", (side * 0.16, 0, tall * 0.95), hand, (0.085, 0.07), skin)
        ball("hand", 0.085, hand, skin)
        rod(
            "sleeve",
            (side * 0.14, 0, tall * 0.97),
            tuple(0.5 * np.array(hand) + 0.5 * np.array((side * 0.14, 0, tall * 0.97))),
            (0.12, 0.14),
            dress,
        )
    _dress(rng, dress, tall, waist)
    _face(rng, at, head * 0.98, at + (0, -head * 0.93, -head * 0.05))
    _yarn_hair(rng, at, head)


def _dress(rng: Rng, stuff: bpy.types.Material, tall: float, waist: float) -> None:
    """A bodice and a skirt with pleats."""
    flare, hem, folds = between(rng, 0.35, 0.75), between(rng, 0.25, 0.6) * waist, int(rng.integers(6, 16))
    body(
        "bodice",
        [
            (waist, 0, 0, 0.2, 0.15),
            (tall * 0.8, 0, 0, 0.21, 0.15),
            (tall * 0.95, 0, 0, 0.19, 0.13),
            (tall, 0, 0, 0.08, 0.08),
        ],
        stuff,
        count=24,
    )
    rings = []
    for t in np.linspace(0, 1, 8):
        a = np.linspace(0, 2 * math.pi, 96, endpoint=False)
        r = 0.2 + (flare - 0.2) * t**0.8
        r = r * (1 + 0.12 * t * np.sin(folds * a + between(rng, 0, 0.4)))
        rings.append(
            np.stack([r * np.cos(a), r * np.sin(a) * 0.9, np.full(96, waist + 0.05 - t * (waist + 0.05 - hem))], -1)
        )
    skirt = kit.loft("skirt", rings, stuff, caps=False, sharp_angle=90)
    skirt.modifiers.new("thickness", "SOLIDIFY").thickness = 0.02


def _yarn_hair(rng: Rng, at: np.ndarray, head: float) -> None:
    """Thick yarn from a parting: loose, in bunches, or cut short and wild."""
    wool = mt.principled(
        "wool",
        one_of(rng, ("#e2b23a", "#7a4320", "#2a1d16", "#b5401f", "#efe2bf", "#8a8a8c", colour(rng))),
        roughness=0.9,
    )
    count, points, style = int(rng.integers(90, 260)), 9, int(rng.integers(3))
    side = rng.choice([-1, 1], count)
    lean = rng.uniform(-0.75, 0.95, count)
    t = np.linspace(0, 1, points)[None]
    long = head * (between(rng, 1.0, 2.6) if style < 2 else between(rng, 0.3, 0.7)) * rng.uniform(0.85, 1.1, (count, 1))
    a = np.minimum(1.0, t * 1.8) * math.pi * 0.5
    shell = head * rng.uniform(1.02, 1.12, (count, 1))
    x = side[:, None] * shell * np.sin(a) * (1 if style < 2 else 0.9)
    y = head * lean[:, None] * np.sqrt(np.maximum(0.05, np.cos(a * 0.75))) + head * 0.1
    z = shell * np.cos(a) - long * np.maximum(0, t - 0.5) * 2
    if style == 1:
        y, x = y * (1 - 0.75 * np.maximum(0, t - 0.4)), x + side[:, None] * 0.25 * head * np.maximum(0, t - 0.5)
    if style == 2:
        x, y, z = x * (1 + 0.5 * t), y * (1 + 0.6 * t), z + head * 0.5 * t
    path = np.stack([x, y, z], -1) + rng.normal(0, head * 0.02, (count, points, 3)) * t[..., None] + at
    wires("yarn", list(path), head * between(rng, 0.03, 0.06), wool, resolution=1)


def wig(rng: Rng) -> None:
    """Long hair on a plain bust: straight, waved or curled."""
    pelt = mt.principled(
        "hair",
        one_of(rng, ("#1a1412", "#3a2418", "#6b4423", "#b98a4a", "#e8d5a8", "#8c2f1a", "#b9b6b2", colour(rng))),
        roughness=0.4,
        sheen=0.1,
    )
    bust = mt.principled(
        "bust", one_of(rng, ("#f3f1ee", "#e8d2be", "#1c1c1e", "#c9b49a")), roughness=between(rng, 0.2, 0.8)
    )
    body("bust", [(0, 0, 0, 0.34, 0.3), (0.1, 0, 0, 0.3, 0.26), (0.3, 0, 0.05, 0.22, 0.22), (0.55, 0, 0, 0.24, 0.27), (0.8, 0, -0.02, 0.34, 0.38),
                  (1.1, 0, 0, 0.38, 0.44), (1.35, 0, 0, 0.33, 0.38), (1.5, 0, 0.02, 0.12, 0.14)], bust, power=2.1, count=28)  # fmt: skip
    if chance(rng, 0.25):
        curls = ball("curls", (0.42, 0.46, 0.46), (0, 0.1, 1.24), pelt, rows=18)
        bpy.context.view_layer.update()
        fur(
            [curls],
            6000,
            between(rng, 0.2, 0.45),
            0.004,
            pelt,
            rng,
            droop=0,
            mess=0.5,
            curl=between(rng, 0.1, 0.3),
            points=12,
        )
        return
    count, points = int(rng.integers(3500, 6500)), 14
    long = between(rng, 0.3, 1.5)
    a, h = rng.uniform(0, 2 * math.pi, count), rng.uniform(0.05, 1, count) ** 0.6
    # No hair grows over the face, which looks to -y.
    a = np.where(np.abs((a + math.pi / 2 + math.pi) % (2 * math.pi) - math.pi) < between(rng, 0.5, 0.9), a + math.pi, a)
    t = np.linspace(0, 1, points)[None]
    down = np.minimum(1, h[:, None] * 0.4 + t * 1.3) * math.pi / 2
    x, y = 0.43 * np.sin(down) * np.cos(a)[:, None], 0.49 * np.sin(down) * np.sin(a)[:, None]
    z = 1.08 + 0.5 * np.cos(down) - long * np.maximum(0, t - 0.35) * rng.uniform(0.85, 1.1, (count, 1))
    wave, pace = one_of(rng, (0, 1, 1)) * between(rng, 0.02, 0.14), between(rng, 5, 22)
    phase = np.round(a * 5)[:, None] + pace * t
    flare = 1 + between(rng, -0.1, 0.5) * np.maximum(0, t - 0.35)
    path = np.stack([x * flare + wave * np.sin(phase) * t, y * flare + wave * np.cos(phase) * t, z], -1)
    path += rng.normal(0, 0.012, (count, 1, 3)) * (1 + 3 * t[..., None])
    path[..., 2] = np.maximum(path[..., 2], 0.01)
    strands("hair", path, between(rng, 0.0025, 0.005), pelt)


def pompom(rng: Rng) -> None:
    """A fluffy ball with a loop or key ring, or a fur slipper-like heap of one to three."""
    for i in range(one_of(rng, (1, 1, 1, 2, 3))):
        pelt, size = _pelt(rng, one_of(rng, _FUR) if chance(rng, 0.5) else colour(rng)), between(rng, 0.35, 0.7)
        at = (i * 0.95 - 0.4, between(rng, -0.2, 0.2), size)
        core = ball("core", size * 0.6, at, pelt)
        bpy.context.view_layer.update()
        fur([core], int(rng.integers(4000, 8000)), size * between(rng, 0.4, 0.8), between(rng, 0.0025, 0.006), pelt, rng,
            droop=between(rng, 0, 0.3), mess=between(rng, 0.2, 0.6))  # fmt: skip
        if i == 0 and chance(rng, 0.7):
            wires(
                "ring", [ring(0.16, 30, (at[0], at[1], size * 2 + 0.15), (0, 1, 0.3))], 0.025, metal(rng), closed=True
            )


# ---- cushions and folded cloth


def cloth_print(rng: Rng, base: str | None = None, size: tuple[int, int] = (256, 256)) -> bpy.types.Material:
    """Cloth of one colour, woven, or printed all over by UV."""
    kind = rng.random()
    if kind < 0.55:
        return cloth(rng, base)
    if kind < 0.7:
        made = patterned(rng, base)
        mt.shader_of(made).inputs["Roughness"].default_value = 0.9
        return mt.add_bump(made, between(rng, 20, 50), 0.3)
    return mt.add_bump(
        mt.printed("cloth", cloth_picture(rng, size, base), roughness=0.9, sheen=0.2), between(rng, 20, 60), 0.4
    )


def cloth_picture(rng: Rng, size: tuple[int, int], base: str | None = None) -> Image.Image:
    """Stripes, checks, dots, flowers or artwork, over all of the cloth."""
    colours = palette(rng, 4)
    image = Image.new("RGB", size, base or colours[0])
    draw, kind = ImageDraw.Draw(image), int(rng.integers(5))
    width, height = size
    step = int(between(rng, 10, 60))
    if kind == 4:
        return artwork(rng, size, base)
    if kind in (0, 1):
        band = max(2, int(step * between(rng, 0.15, 0.6)))
        for y in range(0, height, step):
            draw.rectangle([0, y, width, y + band], fill=one_of(rng, colours[1:]) if kind == 0 else colours[1])
        soft = image.copy()
        for x in range(0, width, step) if kind == 1 else ():
            draw.rectangle([x, 0, x + band, height], fill=colours[2])
        return Image.blend(soft, image, 0.5) if kind == 1 else image
    for x in range(0, width + step, step):
        for y in range(0, height + step, step):
            r, dx = step * between(rng, 0.15, 0.35), (step // 2) * ((y // step) % 2)
            for p in range(5) if kind == 3 else (0,):
                px, py = (r * 0.9 * math.cos(p * 1.256), r * 0.9 * math.sin(p * 1.256)) if kind == 3 else (0, 0)
                draw.ellipse(
                    [x + dx + px - r * 0.6, y + py - r * 0.6, x + dx + px + r * 0.6, y + py + r * 0.6],
                    fill=colours[1 + (x + y) // step % 3],
                )
    return image


def cushion(rng: Rng) -> None:
    """A cushion, leaning or lying: plain, printed, with piping, tassels or long fur."""
    wide, high, thick = 1.0, between(rng, 0.6, 1.0), between(rng, 0.22, 0.42)
    round_one = chance(rng, 0.15)
    outline = superellipse(wide, wide if round_one else high, 2 if round_one else between(rng, 6, 14), 72)
    if not round_one:
        # Corners stand out, sides draw in.
        outline *= 1 + 0.06 * (np.abs(outline[:, :1] * outline[:, 1:]) / (wide * high) - 0.6)
    stuff, seam = cloth_print(rng), lumps(laid(outline), rng, 1.5) * 0.01
    furry = chance(rng, 0.25)
    if furry:
        stuff = _pelt(rng, colour(rng))
    limit = min(wide, high if not round_one else wide)

    def height(flat: np.ndarray, far: np.ndarray) -> np.ndarray:
        t = np.clip(far / limit, 0, 1)
        return thick * np.sqrt(1 - (1 - t) ** 2) * (1 + 0.05 * lumps(laid(flat), rng, 0.8))

    pillow = sheet("cushion", outline + seam[:, None], 0.08, height, stuff, back=-1)
    parts = [pillow]
    if furry:
        parts.append(fur([pillow], 11000, between(rng, 0.08, 0.22), 0.004, stuff, rng, droop=0.2, mess=0.6))
    elif chance(rng, 0.35):
        parts.append(wires("piping", [laid(outline)], between(rng, 0.015, 0.035), cloth(rng), closed=True))
    elif chance(rng, 0.3):
        parts += _tassels(rng, outline)
    lean = one_of(rng, (90, between(rng, 60, 88), 0))
    up = (high if not round_one else wide) * math.sin(math.radians(lean)) + thick * math.cos(math.radians(lean))
    kit.gather(parts, (0, 0, up), (lean, 0, 0))


def _tassels(rng: Rng, outline: np.ndarray) -> list[bpy.types.Object]:
    """Threads along two sides, or bunches at the corners."""
    wool, long = cloth(rng), between(rng, 0.08, 0.25)
    border = along(np.vstack([outline, outline[:1]]), 400)
    ends = border[np.abs(border[:, 0]) > 0.93 * border[:, 0].max()]
    at = ends[rng.integers(0, len(ends), 130)]
    out = np.sign(at[:, :1]) * (1.0, 0.0) + rng.normal(0, 0.25, (130, 2))
    paths = [[(*p, 0), (*(p + long * w), between(rng, -0.05, 0.02))] for p, w in zip(at, out, strict=True)]
    return [wires("threads", paths, 0.011, wool, resolution=1)]


def slab(rng: Rng, wide: float, deep: float, thick: float, z: float, stuff: bpy.types.Material) -> bpy.types.Object:
    """One folded layer of cloth with a rounded border, lying at a height."""
    outline = superellipse(wide, deep, between(rng, 8, 16), 64)
    outline = outline + 0.02 * lumps(laid(outline), rng, 0.8)[:, None]

    def height(flat: np.ndarray, far: np.ndarray) -> np.ndarray:
        t = np.clip(far / (0.6 * thick), 0, 1)
        return 0.5 * thick * np.sqrt(1 - (1 - t) ** 2) * (1 + 0.12 * lumps(laid(flat), rng, 0.5))

    obj = sheet("layer", outline, 0.11, height, stuff, back=-1)
    return kit.place(
        obj, (between(rng, -0.02, 0.02), between(rng, -0.02, 0.02), z + thick / 2), (0, 0, between(rng, -2, 2))
    )


def towels(rng: Rng) -> None:
    """A stack of folded towels or blankets, or rolled ones side by side; some with a ribbon or a fringe."""
    if chance(rng, 0.25):
        return _rolls(rng)
    z, wide, deep = 0.0, between(rng, 0.8, 1.1), between(rng, 0.5, 0.85)
    one = cloth_print(rng) if chance(rng, 0.6) else None
    for _ in range(int(rng.integers(1, 6))):
        stuff, thick, grow = one or cloth_print(rng), between(rng, 0.07, 0.16), between(rng, 0.93, 1)
        for _ in range(int(rng.integers(2, 4))):
            slab(rng, wide * grow, deep * grow, thick, z, stuff)
            z += thick * 0.92
    if chance(rng, 0.25):
        band = [
            (-wide - 0.02, 0, z / 2),
            (-wide - 0.02, 0, z),
            (-wide * 0.8, 0, z + 0.02),
            (wide * 0.8, 0, z + 0.02),
            (wide + 0.02, 0, z),
            (wide + 0.02, 0, 0),
        ]
        kit.strap("ribbon", kit.smooth_path(band, 5), between(rng, 0.08, 0.25), 0.02, cloth(rng))
    return None


def _rolls(rng: Rng) -> None:
    """Rolled towels, their spirals to the front, perhaps one on top of the others."""
    size, long, count = between(rng, 0.25, 0.4), between(rng, 0.6, 1.0), int(rng.integers(1, 4))
    spots = [((i - (count - 1) / 2) * 2.02 * size, size) for i in range(count)]
    if count > 1 and chance(rng, 0.5):
        spots.append(((0.0 if count % 2 == 0 else size), 2.7 * size))
    stuff = cloth_print(rng)
    for x, z in spots:
        if chance(rng, 0.3):
            stuff = cloth_print(rng)
        outer = superellipse(size, size, 2, 40)
        roll = kit.loft(
            "roll",
            [
                stood(outer * s, y) + (x, 0, z)
                for s, y in ((0.93, -long), (1, -long + 0.06), (1, long - 0.06), (0.93, long))
            ],
            stuff,
        )
        uneven(roll, rng, 0.01, 1.5)
        t = np.linspace(0.6, 6 * math.pi, 90)
        r = size * 0.93 * t / t[-1]
        wires("spiral", [np.stack([x + r * np.cos(t), np.full(90, -long), z + r * np.sin(t)], -1)], size * 0.065, stuff)


# ---- clothes


def garment_cloth(rng: Rng) -> bpy.types.Material:
    """Cloth for clothes: plain, striped, or with a print on the chest."""
    if chance(rng, 0.5):
        return cloth(rng)
    base = colour(rng)
    if chance(rng, 0.35):
        picture = cloth_picture(rng, (320, 320), base)
    else:
        picture = Image.new("RGB", (384, 384), base)
        wide, high = int(between(rng, 60, 170)), int(between(rng, 50, 150))
        picture.paste(artwork(rng, (wide, high), base if chance(rng, 0.7) else None), (192 - wide // 2, 100))
    return mt.add_bump(mt.printed("jersey", picture, roughness=0.9, sheen=0.15), between(rng, 20, 50), 0.35)


def top_outline(rng: Rng) -> tuple[np.ndarray, float]:
    """Outline of a shirt, sweater or vest laid flat, arms out, and the depth of its neck."""
    wide, long, arm = between(rng, 0.5, 0.7), between(rng, 1.1, 1.6), one_of(rng, (0.0, 0.35, 0.4, 0.5, 1.1, 1.3))
    neck, deep = between(rng, 0.16, 0.3), between(rng, 0.05, 0.4)
    drop, cuff = (
        math.radians(between(rng, 12, 75 if arm > 0.9 else 40)),
        between(rng, 0.17, 0.26) if arm < 0.9 else between(rng, 0.11, 0.17),
    )
    shoulder = np.array((wide * 0.93, -0.1))
    end = shoulder + arm * np.array((math.cos(drop), -math.sin(drop)))
    low = end + 2 * cuff * np.array((-math.sin(drop), -math.cos(drop))) * 0.9
    pit = (wide * 0.96, -0.55)
    half = [(0, -long), (wide * between(rng, 0.9, 1.15), -long + between(rng, 0, 0.05)), pit]
    if arm > 0:
        half += [tuple(low), tuple(end)]
    half += [tuple(shoulder), (neck, 0.0)]
    half += [(neck * math.cos(a), -deep * math.sin(a)) for a in np.linspace(0.3, math.pi / 2, 5)]
    return mirrored(_denser(half)), deep


def bottom_outline(rng: Rng) -> np.ndarray:
    """Outline of trousers, shorts or a skirt, or a dress."""
    kind, waist = int(rng.integers(4)), between(rng, 0.38, 0.55)
    if kind == 0:
        long, hem = between(rng, 0.7, 1.4), between(rng, 0.6, 1.1)
        return mirrored(_denser([(0, -long - 0.05), (hem, -long), (waist * 1.1, -0.3), (waist, 0), (0, 0)]))
    if kind == 1:
        hem, strap = between(rng, 0.6, 1.0), between(rng, 0.06, 0.2)
        half = [
            (0, -1.75),
            (hem, -1.65),
            (waist * 0.8, -0.75),
            (waist, -0.4),
            (waist * 0.75, 0),
            (waist * 0.75 - strap, 0),
            (waist * 0.4, -0.25),
            (0, -0.3),
        ]
        return mirrored(_denser(half))
    long, leg = one_of(rng, (between(rng, 0.6, 0.85), between(rng, 1.6, 2.1))), between(rng, 0.15, 0.26)
    out = between(rng, 0.0, 0.15)
    half = [
        (0, -0.6),
        (0.04 + out, -long),
        (0.04 + out + 2 * leg, -long + 0.02),
        (waist * 1.12, -0.45),
        (waist, 0),
        (0, 0),
    ]
    return mirrored(_denser(half))


def _denser(points: Sequence[Sequence[float]], step: float = 0.09) -> np.ndarray:
    """Points added along straight sides."""
    out = []
    for a, b in zip(np.array(points[:-1], float), np.array(points[1:], float), strict=True):
        count = max(1, int(np.linalg.norm(b - a) / step))
        out += [a + (b - a) * t for t in np.linspace(0, 1, count, endpoint=False)]
    return np.array([*out, np.array(points[-1], float)])


def flat_cloth(
    rng: Rng, outline: Outline, stuff: bpy.types.Material, *, back: float = 0.0, deep: float = 0.05
) -> bpy.types.Object:
    """Clothing laid down: thin at its border, with soft wrinkles."""
    shape = np.asarray(outline)
    shape = shape + 0.012 * np.stack([lumps(laid(shape), rng, 1.0) for _ in range(2)], -1)
    wrinkle, across = between(rng, 0.004, 0.025), rng.normal(size=2)

    def height(flat: np.ndarray, far: np.ndarray) -> np.ndarray:
        t = 1 - np.exp(-far / 0.05)
        folds = lumps(laid(flat * (1 + 0.8 * np.abs(across))), rng, 1.1)
        return t * np.maximum(0.4 * deep, deep + wrinkle * folds + 0.4 * wrinkle * lumps(laid(flat), rng, 3))

    return sheet("cloth", shape, 0.065, height, stuff, back=back)


def top(rng: Rng) -> list[bpy.types.Object]:
    """A shirt or sweater in the plane, with neck band, hems, buttons, pocket, as they come."""
    outline, deep = top_outline(rng)
    tint_stuff = garment_cloth(rng)
    parts = [flat_cloth(rng, outline, tint_stuff)]
    neck = outline[(np.abs(outline[:, 0]) < 0.31) & (outline[:, 1] > -deep - 0.05)]
    neck = neck[np.argsort(neck[:, 0])]
    trim = tint_stuff if chance(rng, 0.5) else cloth(rng)
    if len(neck) > 4:
        parts.append(wires("neck", [laid(neck, 0.02)], between(rng, 0.015, 0.04), trim))
    if chance(rng, 0.25):
        bead = plastic(rng)
        low = outline[:, 1].min()
        parts += [
            ball("button", (0.03, 0.03, 0.015), (0.02, y, 0.07), bead, rows=8)
            for y in np.linspace(-deep - 0.1, low + 0.1, int(rng.integers(3, 8)))
        ]
        parts.append(wires("placket", [[(0, -deep, 0.055), (0, low + 0.03, 0.055)]], 0.012, trim))
    if chance(rng, 0.2):
        pocket = rounded([(0.12, -0.6), (0.36, -0.6), (0.36, -0.33), (0.12, -0.33)], 4, 0.1)
        parts.append(kit.place(flat_cloth(rng, pocket, trim, deep=0.02), (0, 0, 0.05)))
    return parts


def clothes_flat(rng: Rng) -> None:
    """A top, or trousers, skirt or dress, laid flat."""
    parts = (
        top(rng)
        if chance(rng, 0.6)
        else [flat_cloth(rng, bottom_outline(rng), garment_cloth(rng), deep=between(rng, 0.03, 0.08))]
    )
    kit.gather(parts)


def clothes_hung(rng: Rng) -> None:
    """A top or dress on a hanger, front to -y."""
    dress = chance(rng, 0.25)
    parts = [flat_cloth(rng, bottom_outline(rng), garment_cloth(rng), deep=0.1)] if dress else top(rng)
    parts[0].modifiers.new("back", "SOLIDIFY").thickness = between(rng, 0.03, 0.12)
    kit.gather(parts, turn=(90, 0, 0))
    bar = wood(rng) if chance(rng, 0.5) else metal(rng)
    if not chance(rng, 0.25):
        wires("hook", [stood([(0, -0.05), (0, 0.16), *arc(0.12, -60, 200, 18, (-0.02, 0.34))], 0.02)], 0.02, metal(rng))
        wires(
            "bar", [stood([(-0.5, -0.14), (-0.15, -0.04), (0, -0.02), (0.15, -0.04), (0.5, -0.14)], 0.03)], 0.035, bar
        )


def folded_sweater(rng: Rng) -> None:
    """A folded sweater or shirt: layers, collar to the front, perhaps a tag."""
    stuff, wide, deep = garment_cloth(rng), between(rng, 0.6, 0.8), between(rng, 0.7, 1.0)
    z, thick = 0.0, between(rng, 0.05, 0.12)
    for i in range(int(rng.integers(2, 5))):
        slab(rng, wide * (1 - 0.02 * i), deep * (1 - 0.02 * i), thick, z, stuff)
        z += thick * 0.9
    shape = [(0.26 * math.cos(a), -deep * 0.55 - 0.2 * math.sin(a)) for a in np.linspace(0.1, math.pi - 0.1, 16)]
    wires(
        "collar",
        [laid(np.array(shape) * (1, -1), z + 0.01)],
        between(rng, 0.02, 0.05),
        stuff if chance(rng, 0.6) else cloth(rng),
    )
    if chance(rng, 0.35):
        kit.place(
            kit.box("tag", (0.2, 0.32, 0.008), mt.printed("tag", artwork(rng, (128, 192))), bevel=0),
            (0.35, -0.3, z + 0.02),
            (0, 0, between(rng, -30, 30)),
        )


def socks(rng: Rng) -> None:
    """A pair of socks or mittens lying beside or over each other."""
    stuff, mitten = garment_cloth(rng) if chance(rng, 0.4) else cloth_print(rng), chance(rng, 0.3)
    leg, foot = between(rng, 0.5, 1.4), between(rng, 0.6, 0.9)
    if mitten:
        shape = [
            (0.25, 0),
            (0.28, 0.45),
            (0.42, 0.42),
            (0.62, 0.7),
            (0.6, 0.82),
            (0.5, 0.84),
            (0.32, 0.68),
            (0.34, 1.0),
            (0.24, 1.25),
            (0, 1.34),
            (-0.24, 1.25),
            (-0.33, 1.0),
            (-0.3, 0.4),
            (-0.25, 0),
        ]
    else:
        shape = [
            (-0.2, leg),
            (0.2, leg),
            (0.2, 0.25),
            (0.3, 0.2),
            (foot, 0.16),
            (foot + 0.14, 0.02),
            (foot + 0.1, -0.14),
            (foot - 0.1, -0.2),
            (0.1, -0.2),
            (-0.14, -0.16),
            (-0.22, 0.0),
            (-0.2, 0.25),
        ]
    cuff = cloth(rng) if chance(rng, 0.4) else stuff
    apart, over = between(rng, 0.5, 0.9), chance(rng, 0.3)
    for i in range(2):
        smooth = kit.smooth_path(shape, 4, closed=True)
        piece = flat_cloth(rng, smooth * (-1 if mitten and i else 1, 1), stuff, deep=0.07)
        high = (leg if not mitten else 0.06) * 1.0
        band = flat_cloth(
            rng,
            rounded([(-0.24, high - 0.16), (0.24, high - 0.16), (0.24, high + 0.04), (-0.24, high + 0.04)], 4, 0.1),
            cuff,
            deep=0.085,
        )
        kit.gather(
            [piece, band],
            (i * (0.25 if over else apart), i * -0.08, i * (0.09 if over else 0)),
            (0, 0, between(rng, -12, 12)),
        )


# ---- hats and scarves


def hat(rng: Rng) -> None:
    """A hat: beanie, cap, straw or sun hat, bucket hat, fedora."""
    one_of(rng, (_beanie, _cap, _brimmed, _brimmed))(rng)


def _beanie(rng: Rng) -> None:
    """A knitted cap with a turned-up edge, with or without a pompom."""
    stuff, tall = cloth_print(rng), between(rng, 0.7, 1.1)
    ribs = int(rng.integers(16, 40))
    profile = kit.smooth_path(
        [(0.66, 0), (0.7, 0.3), (0.64, 0.55 * tall + 0.2), (0.4, tall * 0.95), (0.1, tall * 1.08), (0, tall * 1.09)], 5
    )
    dome = kit.lathe("dome", profile, stuff, segments=4 * ribs, sharp_angle=180)
    edge = kit.lathe_open(
        "edge",
        [(0.71, 0.0), (0.745, 0.05), (0.75, 0.3), (0.71, 0.34), (0.68, 0.2)],
        stuff if chance(rng, 0.6) else cloth(rng),
    )
    for part, count in ((dome, ribs), (edge, ribs)):
        bend(
            part,
            lambda p, n=count: (
                p * (1 + 0.02 * np.cos(n * np.arctan2(p[:, 1], p[:, 0])))[:, None] ** np.array((1, 1, 0))
            ),
        )
        uneven(part, rng, 0.02, 0.6)
    if chance(rng, 0.55):
        pelt = _pelt(rng, colour(rng))
        core = ball("core", 0.14, (0, 0, tall * 1.09 + 0.12), pelt)
        bpy.context.view_layer.update()
        fur([core], 3000, between(rng, 0.12, 0.28), 0.004, pelt, rng, droop=0.1, mess=0.5)


def _cap(rng: Rng) -> None:
    """A baseball cap with a print on its front."""
    stuff, brim, tall = cloth(rng), cloth(rng), between(rng, 0.5, 0.75)
    a = np.linspace(0, math.pi / 2, 10)
    dome = kit.lathe(
        "dome", [(0.7 * math.cos(t) ** 0.8, 0.02 + tall * math.sin(t)) for t in a], stuff, segments=48, sharp_angle=180
    )
    uneven(dome, rng, 0.015, 0.8)
    ball("button", (0.06, 0.06, 0.03), (0, 0, tall + 0.02), brim)
    reach, dip = between(rng, 0.45, 0.65), between(rng, 0.02, 0.16)
    rows = [
        [
            (
                0.71 * math.cos(t),
                0.71 * math.sin(t) + s * reach * math.sin(t) * abs(math.sin(t)) ** 0.4,
                0.04 - s * 0.08 - dip * s * abs(math.cos(t)) + 0.14 * s,
            )
            for t in np.radians(np.linspace(-160, -20, 25))
        ]
        for s in np.linspace(0, 1, 7)
    ]
    visor = kit.loft("visor", rows, brim, caps=False, around=False, sharp_angle=90)
    visor.modifiers.new("thickness", "SOLIDIFY").thickness = 0.03
    if chance(rng, 0.7):
        patch = kit.arc_patch(
            "badge", 0.7, 0.12, 0.42, 50, mt.printed("badge", artwork(rng, (200, 110)), roughness=0.8)
        )
        bend(
            patch,
            lambda p: (
                p
                * np.column_stack(
                    [1 - 0.5 * (p[:, 2] - 0.1) ** 2 * [1], 1.02 - 0.45 * (p[:, 2] - 0.1), np.ones(len(p))]
                )
            ),
        )


def _brimmed(rng: Rng) -> None:
    """A straw, sun, bucket or felt hat with a band."""
    straw = chance(rng, 0.5)
    stuff = (
        mt.add_bump(
            mt.principled(
                "straw", one_of(rng, ("#d9bd84", "#e9dab4", "#b98f55", "#f2eddc", colour(rng))), roughness=0.8
            ),
            9,
            0.8,
            stretch=(1, 1, 9),
            depth=0.03,
        )
        if straw
        else cloth_print(rng)
    )
    tall, top_w, brim, droop = (
        between(rng, 0.4, 0.75),
        between(rng, 0.4, 0.62),
        between(rng, 0.85, 1.5),
        between(rng, -0.15, 0.3),
    )
    outer = [
        (brim, droop * -1 + 0.3),
        (0.9 * brim + 0.06, 0.32 - droop * 0.75),
        (0.66, 0.32),
        (0.6, 0.4),
        (top_w + 0.03, 0.25 + tall),
        (top_w - 0.08, 0.33 + tall),
        (0.1, 0.33 + tall - between(rng, 0, 0.1)),
        (0, 0.3 + tall),
    ]
    shell = kit.lathe("hat", kit.smooth_path(outer, 6), None, segments=96, sharp_angle=80)
    shell.data.materials.append(stuff)
    wave, count = between(rng, 0, 0.07), int(rng.integers(2, 6))

    def ripple(p: np.ndarray) -> np.ndarray:
        r = np.hypot(p[:, 0], p[:, 1])
        lift = wave * np.clip(r - 0.65, 0, 1) / 0.4 * np.sin(count * np.arctan2(p[:, 1], p[:, 0]))
        return p + np.column_stack([0 * r, 0 * r, lift])

    bend(shell, ripple)
    shell.modifiers.new("thickness", "SOLIDIFY").thickness = 0.025
    if chance(rng, 0.8):
        band = cloth(rng)
        kit.lathe_open("band", [(0.625, 0.36), (0.6, 0.36 + between(rng, 0.08, 0.2)), (0.55, 0.5), (0.55, 0.38)], band)
    if straw and chance(rng, 0.3):
        a = rng.uniform(0, 2 * math.pi, 240)
        out = np.stack([np.cos(a), np.sin(a)], -1)
        wires(
            "fringe",
            [
                [
                    (*(o * (brim - 0.03)), 0.3 - droop),
                    (*(o * (brim + rng.uniform(0.03, 0.12))), 0.27 - droop + rng.normal(0, 0.03)),
                ]
                for o in out
            ],
            0.006,
            stuff,
            resolution=1,
        )
    lowest = min(0.0, float(points_of(shell)[:, 2].min()))
    kit.gather(list(bpy.context.scene.objects), (0, 0, -lowest))


def scarf(rng: Rng) -> None:
    """A scarf lying in a loop or folded, with a fringe at its ends."""
    stuff, wide = cloth_print(rng), between(rng, 0.22, 0.4)
    if chance(rng, 0.5):
        spread = between(rng, 0.3, 0.6)
        spine = [
            (-spread, -1.2),
            (-spread * 0.9, -0.2),
            (-spread * 0.8, 0.7),
            (0, 1.15),
            (spread * 0.8, 0.7),
            (spread * 0.5, -0.1),
            (spread * between(rng, -0.8, 1.2), -1.3),
        ]
    else:
        spine = list(np.column_stack([np.linspace(-1.3, 1.3, 7), rng.uniform(-0.6, 0.6, 7)]))
    path = kit.smooth_path(spine, 12)
    way = np.gradient(path, axis=0)
    side = np.stack([-way[:, 1], way[:, 0]], -1) / np.linalg.norm(way, axis=1, keepdims=True)
    # Later parts lie over earlier ones.
    height = 0.03 + 0.1 * np.linspace(0, 1, len(path))
    rows = []
    folds, phase = int(rng.integers(2, 5)), between(rng, 0, 6)
    for p, s, z in zip(path, side, height, strict=True):
        u = np.linspace(-1, 1, 23)
        ripple = 0.035 * np.cos(folds * math.pi * u + phase + 0.5 * p[1])
        rows.append(np.column_stack([p + u[:, None] * s * wide, z + ripple]))
    made = kit.loft("scarf", rows, stuff, caps=False, around=False, sharp_angle=180)
    uneven(made, rng, 0.02, 0.7)
    made.modifiers.new("thickness", "SOLIDIFY").thickness = 0.03
    if chance(rng, 0.8):
        threads, long = [], between(rng, 0.12, 0.35)
        for row, out in ((rows[0], -way[0]), (rows[-1], way[-1])):
            out = out / np.linalg.norm(out)
            for point in row[rng.integers(0, 23, 45)]:
                lean = out + rng.normal(0, 0.15, 2)
                threads.append(
                    [
                        point,
                        (*(point[:2] + 0.5 * long * lean), point[2] * 0.7 + 0.01),
                        (*(point[:2] + long * lean), 0.012),
                    ]
                )
        wires("fringe", threads, between(rng, 0.007, 0.014), stuff if chance(rng, 0.7) else cloth(rng), resolution=1)


def rug(rng: Rng) -> None:
    """A small rug or mat: flat-woven with fringes, or shaggy."""
    wide, deep = between(rng, 0.9, 1.3), between(rng, 0.55, 0.9)
    outline = superellipse(wide, deep, one_of(rng, (2.0, 24.0, 24.0)), 90)
    stuff, shaggy = cloth_print(rng, size=(256, 192)), chance(rng, 0.45)
    if shaggy:
        stuff = _pelt(rng, colour(rng))
    base = flat_cloth(rng, outline, stuff, deep=0.04)
    bpy.context.view_layer.update()
    if shaggy:
        fur([base], 12000, between(rng, 0.08, 0.2), between(rng, 0.003, 0.007), stuff, rng, droop=0.5, mess=0.9)
    elif chance(rng, 0.6):
        _tassels(rng, outline)


FAMILIES = [
    Family("plush-animal", animal, (0, 30), front=True, weight=2.0),
    Family("doll", doll, (0, 22), front=True, weight=1.2),
    Family("wig", wig, (0, 15), weight=0.7),
    Family("pompom", pompom, (8, 40), weight=0.7),
    Family("cushion", cushion, (5, 45), front=True, weight=1.2),
    Family("towels", towels, (12, 45)),
    Family("clothes-flat", clothes_flat, (60, 89), flat=True, weight=2.0),
    Family("clothes-hung", clothes_hung, (-4, 10), hang=True, front=True, weight=1.5),
    Family("folded-sweater", folded_sweater, (30, 80), weight=0.8),
    Family("socks", socks, (55, 89), flat=True),
    Family("hat", hat, (8, 40), weight=1.2),
    Family("scarf", scarf, (45, 88), flat=True),
    Family("rug", rug, (30, 85), flat=True, weight=0.7),
]
