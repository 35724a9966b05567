"""Turned vessels: vases, jars, bottles, cups, bowls, pots, pans, teapots, plates and what is poured from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import kit
import materials as mt
import numpy as np

from families.family import Family, between, chance, colour, finish, metal, mottled, one_of, plastic, print_of

Rng = np.random.Generator
_SEGMENTS = 96


def outline(rng: Rng, height: float, widest: float, steps: int = 8) -> np.ndarray:
    """Radius and height (n, 2) of a random body without its inside: bellied, conical, waisted or straight."""
    count = int(rng.integers(2, 6))
    radii = widest * np.concatenate(
        [rng.uniform(0.45, 1, 1), rng.uniform(0.55, 1.0, count - 1), rng.uniform(0.3, 1, 1)]
    )
    if chance(rng, 0.3):
        radii[:] = widest * np.linspace(between(rng, 0.6, 1), between(rng, 0.6, 1), count + 1)
    body = kit.smooth_path(list(zip(radii, np.linspace(0, height, count + 1), strict=True)), steps)
    body[:, 0] = np.maximum(body[:, 0], 0.15 * widest)
    foot = widest * between(rng, 0.01, 0.06)
    return np.vstack([[0, 0], [body[0, 0] - foot, 0], [body[0, 0], foot], body[1:]])


def hollow(
    name: str, outside: np.ndarray, wall: float, material: bpy.types.Material, floor: float = 0.06
) -> bpy.types.Object:
    """An open vessel: the outline, a rounded rim, and the same form `wall` further in."""
    inner = outside[3:][::-1] - [wall, 0]
    inner = inner[inner[:, 1] > floor]
    rim, top = outside[-1]
    edge = [
        (rim - wall * 0.5 * (1 - math.cos(a)), top + wall * 0.5 * math.sin(a))
        for a in np.linspace(0.3, math.pi - 0.3, 5)
    ]
    inside = np.vstack([np.maximum(inner, [0.01, 0]), [max(0.01, inner[-1, 0] * 0.9), floor], [0, floor]])
    return kit.lathe(name, np.vstack([outside, edge, inside]), material, segments=_SEGMENTS)


def wrap(outside: np.ndarray, low: float, high: float, span: float, material: bpy.types.Material) -> bpy.types.Object:
    """A label from `low` to `high`, `span` degrees wide, that follows a turned body; its middle looks to -y."""
    angles = np.radians(np.linspace(-90 - span / 2, -90 + span / 2, 61))
    heights = np.linspace(low, high, 24)
    radii = np.interp(heights, outside[1:, 1], outside[1:, 0]) + 0.006
    rings = [[(r * math.cos(a), r * math.sin(a), z) for a in angles] for r, z in zip(radii, heights, strict=True)]
    return kit.loft("label", rings, material, caps=False, around=False)


def label(rng: Rng, outside: np.ndarray, low: float = 0.15, high: float = 0.75) -> None:
    """A printed label on a turned body, between shares of its height."""
    height = outside[-1, 1]
    bottom = height * between(rng, low, low + 0.15)
    top = height * between(rng, high - 0.25, high)
    span = 358.0 if chance(rng, 0.35) else between(rng, 90, 220)
    radius = float(np.interp((bottom + top) / 2, outside[1:, 1], outside[1:, 0]))
    ratio = math.radians(span) * radius / max(0.1, top - bottom)
    size = (int(np.clip(360 * ratio**0.5, 200, 900)), int(np.clip(360 / ratio**0.5, 160, 640)))
    wrap(outside, bottom, top, span, print_of(rng, size))


def bands(rng: Rng, outside: np.ndarray) -> None:
    """Painted or raised rings round a body."""
    paint = finish(rng)
    for share in rng.uniform(0.1, 0.95, int(rng.integers(1, 5))):
        z = float(outside[-1, 1] * share)
        radius = float(np.interp(z, outside[1:, 1], outside[1:, 0]))
        kit.ring_tube("band", radius, between(rng, 0.008, 0.035), z, paint)


def cap(rng: Rng, radius: float, at: float, material: bpy.types.Material) -> float:
    """A screw cap, cork, pump or dropper on a neck at a height; returns its top."""
    tall = between(rng, 0.12, 0.5)
    kind = rng.random()
    if kind < 0.55:
        lip = radius * between(rng, 0.02, 0.1)
        profile = [(0, at), (radius, at), (radius, at + tall - lip), (radius - lip, at + tall), (0, at + tall)]
        kit.lathe("cap", profile, material, segments=_SEGMENTS)
        if chance(rng, 0.5):
            ribs = int(rng.integers(24, 60))
            for x, y, _ in kit.circle(radius, ribs):
                kit.box("rib", (0.012, 0.012, tall * 0.7), material, at=(x, y, at + tall * 0.1), bevel=0)
        return at + tall
    if kind < 0.7:
        kit.lathe("cork", [(0, at - 0.02), (radius * 0.8, at - 0.02), (radius * 0.95, at + tall * 0.6), (0, at + tall * 0.6)],
                  mottled(rng, "#b98f62"), segments=48)  # fmt: skip
        return at + tall * 0.6
    kit.lathe(
        "collar",
        [(0, at), (radius, at), (radius, at + 0.16), (radius * 0.5, at + 0.2), (0, at + 0.2)],
        material,
        segments=48,
    )
    if kind < 0.86:
        stem, reach = at + between(rng, 0.3, 0.5), between(rng, 0.25, 0.55)
        kit.tube("stem", [(0, 0, at), (0, 0, stem)], radius * 0.25, material)
        kit.tube(
            "spout", [(0.08, 0, stem), (-reach * 0.7, 0, stem), (-reach, 0, stem - 0.08)], [0.09, 0.06, 0.045], material
        )
    else:
        kit.ball("bulb", (radius * 0.7, radius * 0.7, tall * 0.8), (0, 0, at + 0.2 + tall * 0.5), plastic(rng))
    return at + 0.7


def handle(rng: Rng, outside: np.ndarray, material: bpy.types.Material, *, side: float = 1.0) -> None:
    """An ear from high to low on one side of a body: round, pointed or angular."""
    height = outside[-1, 1]
    low, high = height * between(rng, 0.1, 0.4), height * between(rng, 0.65, 0.93)
    inner, outer = (float(np.interp(z, outside[1:, 1], outside[1:, 0])) for z in (low, high))
    reach = between(rng, 0.25, 0.6)
    thick = between(rng, 0.04, 0.09)
    middle = max(inner, outer) + reach
    path = [(inner - 0.02, 0, low), (middle * 0.92, 0, low + (high - low) * 0.1), (middle, 0, low + (high - low) * between(rng, 0.4, 0.9)),
            (middle * 0.9, 0, high), (outer - 0.02, 0, high)]  # fmt: skip
    points = kit.smooth_path(path, 8) if chance(rng, 0.8) else np.array(path)
    points[:, 0] *= side
    if chance(rng, 0.4):
        kit.strap("handle", points.tolist(), thick * between(rng, 2, 4), thick, material)
    else:
        kit.tube("handle", points, thick, material)


def lid(rng: Rng, radius: float, at: float, material: bpy.types.Material) -> None:
    """A domed or flat lid with a knob."""
    dome, over = between(rng, 0.03, 0.35) * radius, radius * between(rng, 0.98, 1.06)
    arc = [(over * math.cos(a), at + 0.04 + dome * math.sin(a)) for a in np.linspace(0, math.pi / 2, 10)]
    kit.lathe("lid", [(0, at), (over, at), *arc[:-1], (0, at + 0.04 + dome)], material, segments=_SEGMENTS)
    top, knob = at + 0.03 + dome, finish(rng)
    size = radius * between(rng, 0.1, 0.22)
    kit.tube("stem", [(0, 0, top - 0.02), (0, 0, top + size)], size * 0.5, knob)
    kit.ball("knob", (size, size, size * between(rng, 0.4, 1)), (0, 0, top + size * 1.3), knob)


def vase(rng: Rng) -> None:
    """A vase, perhaps with relief or bands."""
    body = outline(rng, between(rng, 1.2, 3), between(rng, 0.4, 1.1))
    made = hollow("vase", body, between(rng, 0.03, 0.08), finish(rng))
    if chance(rng, 0.25):
        _fluted(rng, made)
    elif chance(rng, 0.3):
        bands(rng, body)


def _fluted(rng: Rng, obj: bpy.types.Object) -> None:
    """Ribs or facets that run up the body, straight or twisted."""
    points = np.empty(3 * len(obj.data.vertices), np.float32)
    obj.data.vertices.foreach_get("co", points)
    xyz = points.reshape(-1, 3)
    angle = np.arctan2(xyz[:, 1], xyz[:, 0]) + between(rng, 0, 1) * xyz[:, 2]
    wave = np.cos(angle * int(rng.integers(4, 16)))
    xyz[:, :2] *= (1 + between(rng, 0.02, 0.1) * wave)[:, None]
    obj.data.vertices.foreach_set("co", xyz.ravel())
    obj.data.update()


def jar(rng: Rng) -> None:
    """A jar with a lid or cap: cosmetics, jam, spices."""
    height = between(rng, 0.5, 1.8)
    widest = between(rng, 0.35, 0.9)
    straight = np.array([[0, 0], [widest - 0.05, 0], [widest, 0.05], [widest, height * 0.86], [widest * 0.9, height]])
    body = straight if chance(rng, 0.6) else outline(rng, height, widest)
    kit.lathe(
        "jar",
        np.vstack([body, [0, body[-1, 1]]]),
        finish(rng, kinds=("plastic", "ceramic", "metal")),
        segments=_SEGMENTS,
    )
    if chance(rng, 0.8):
        label(rng, body, 0.1, 0.8)
    rim = float(body[-1, 0])
    if chance(rng, 0.5):
        lid(rng, rim, float(body[-1, 1]), finish(rng))
    else:
        tall, lip = between(rng, 0.12, 0.4), 0.03
        over = rim * between(rng, 0.95, 1.12)
        top = body[-1, 1]
        kit.lathe("cap", [(0, top), (over, top), (over, top + tall - lip), (over - lip, top + tall), (0, top + tall)],
                  finish(rng, kinds=("plastic", "metal", "wood")), segments=_SEGMENTS)  # fmt: skip


def bottle(rng: Rng) -> None:
    """A bottle with cap, pump or cork, round or flattened, most with a label."""
    height, widest = between(rng, 1.3, 2.6), between(rng, 0.3, 0.7)
    neck, shoulder = widest * between(rng, 0.25, 0.6), between(rng, 0.5, 0.85) * height
    foot = 0.05
    body = np.array(
        [
            [0, 0],
            [widest - foot, 0],
            [widest, foot],
            [widest * between(rng, 0.85, 1.05), shoulder * 0.5],
            [widest, shoulder],
        ]
    )
    rise = kit.smooth_path(
        [
            (widest, shoulder),
            (widest * 0.9, shoulder + (height - shoulder) * 0.35),
            (neck, shoulder + (height - shoulder) * 0.7),
            (neck, height),
        ],
        8,
    )
    profile = np.vstack([body[:-1], rise])
    kit.lathe(
        "bottle",
        np.vstack([profile, [0, height]]),
        finish(rng, kinds=("plastic", "ceramic", "metal", "patterned")),
        segments=_SEGMENTS,
    )
    if chance(rng, 0.85):
        label(rng, profile, 0.08, min(0.9, shoulder / height))
    cap(rng, neck * between(rng, 1.0, 1.3), height, finish(rng, kinds=("plastic", "metal", "wood")))
    if chance(rng, 0.35):
        root = kit.gather([obj for obj in bpy.context.scene.objects if obj.parent is None])
        root.scale = (1, between(rng, 0.4, 0.75), 1)


def cup(rng: Rng) -> None:
    """A mug, cup or beaker, with or without an ear, saucer, print, drink or straw."""
    height, widest = between(rng, 0.7, 1.5), between(rng, 0.4, 0.75)
    body = outline(rng, height, widest)
    body[:, 0] = np.where(body[:, 0] > 0, np.maximum(body[:, 0], widest * 0.5), 0)
    glaze = finish(rng)
    wall = between(rng, 0.03, 0.07)
    hollow("cup", body, wall, glaze)
    if chance(rng, 0.75):
        handle(rng, body, glaze if chance(rng, 0.8) else finish(rng), side=one_of(rng, (-1.0, 1.0)))
    if chance(rng, 0.35):
        label(rng, body, 0.15, 0.85)
    if chance(rng, 0.2):
        bands(rng, body)
    if chance(rng, 0.25):
        z = height * between(rng, 0.6, 0.9)
        fill = float(np.interp(z, body[1:, 1], body[1:, 0])) - wall * 0.5
        kit.lathe(
            "drink",
            [(0, z - 0.02), (fill, z - 0.02), (fill, z), (0, z)],
            mt.principled("drink", colour(rng), roughness=0.05),
            segments=64,
        )
    if chance(rng, 0.15):
        r = widest * between(rng, 1.5, 2)
        kit.lathe(
            "saucer",
            [(0, -0.06), (r * 0.5, -0.06), (r, 0.04), (r * 0.98, 0.06), (r * 0.5, -0.03), (0, -0.03)],
            glaze,
            segments=_SEGMENTS,
        )


def bowl(rng: Rng) -> None:
    """A bowl or dish, round or oval, sometimes with something in it."""
    deep, wide = between(rng, 0.25, 1.0), between(rng, 0.8, 1.3)
    foot = wide * between(rng, 0.3, 0.6)
    belly = between(rng, 0.35, 0.75)
    body = np.vstack(
        [
            [[0, 0], [foot, 0], [foot, 0.04]],
            kit.smooth_path([(foot, 0.05), (wide * (1 + belly) / 2, deep * (1 - belly)), (wide, deep)], 12),
        ]
    )
    made = hollow("bowl", body, between(rng, 0.03, 0.08), finish(rng))
    if chance(rng, 0.3):
        made.scale = (1, between(rng, 0.5, 0.85), 1)
    elif chance(rng, 0.3):
        _filling(rng, wide * 0.75, deep)
    elif chance(rng, 0.3):
        bands(rng, body)


def _filling(rng: Rng, wide: float, deep: float) -> None:
    """Fruit, sweets or stones heaped in a bowl."""
    stuff = [finish(rng) for _ in range(int(rng.integers(1, 4)))]
    size = wide * between(rng, 0.12, 0.32)
    for _ in range(int(rng.integers(8, 30))):
        a, r = between(rng, 0, 2 * math.pi), (wide - size) * math.sqrt(between(rng, 0, 1))
        at = (r * math.cos(a), r * math.sin(a), deep * 0.75 + (1 - r / wide) * size * between(rng, 0, 1.6))
        kit.ball(
            "fruit",
            (size, size * between(rng, 0.7, 1), size),
            at,
            one_of(rng, stuff),
            turn=tuple(rng.uniform(0, 180, 3)),
            rows=20,
        )


def plate(rng: Rng) -> None:
    """A plate or tray with a rim, plain, banded or printed."""
    wide, rise = between(rng, 0.9, 1.3), between(rng, 0.05, 0.25)
    flat = wide * between(rng, 0.5, 0.85)
    glaze = finish(rng)
    profile = [
        (0, 0),
        (flat, 0),
        (wide, rise),
        (wide, rise + 0.02),
        (wide - 0.03, rise + 0.025),
        (flat - 0.02, 0.045),
        (0, 0.04),
    ]
    made = kit.lathe("plate", profile, glaze, segments=_SEGMENTS)
    if chance(rng, 0.5):
        kit.ring_tube("line", (flat + wide) / 2, between(rng, 0.005, 0.03), rise * 0.5 + 0.03, finish(rng))
    elif chance(rng, 0.4):
        made.scale = (1, between(rng, 0.55, 0.9), 1)
    elif chance(rng, 0.5):
        half = flat * 0.68
        sheet = kit.loft("print", [[(-half, -half, 0.05), (half, -half, 0.05)], [(-half, half, 0.05), (half, half, 0.05)]],
                         print_of(rng, (400, 400)), caps=False, around=False)  # fmt: skip
        sheet.rotation_euler = (0, 0, between(rng, 0, 6))


def pot(rng: Rng) -> None:
    """A cooking pot or casserole with two ears and a lid."""
    wide, deep = between(rng, 0.7, 1.1), between(rng, 0.4, 1.2)
    body = np.array(
        [[0, 0], [wide - 0.08, 0], [wide - 0.02, 0.03], [wide, 0.1], [wide * between(rng, 0.95, 1.05), deep]]
    )
    enamel = finish(rng, kinds=("metal", "plastic", "ceramic"))
    hollow("pot", body, 0.035, enamel)
    grip = enamel if chance(rng, 0.5) else finish(rng, kinds=("plastic", "metal", "wood"))
    z = deep * between(rng, 0.6, 0.95)
    half = between(rng, 0.15, 0.3)
    for side in (-1, 1):
        path = [
            (side * wide * 0.98, -half, z),
            (side * (wide + 0.2), -half, z + 0.03),
            (side * (wide + 0.2), half, z + 0.03),
            (side * wide * 0.98, half, z),
        ]
        kit.tube("ear", kit.smooth_path(path, 8) if chance(rng, 0.5) else path, between(rng, 0.03, 0.05), grip)
    if chance(rng, 0.7):
        lid(rng, float(body[-1, 0]), deep, enamel if chance(rng, 0.6) else metal(rng))


def pan(rng: Rng) -> None:
    """A frying pan, wok or saucepan with one long handle."""
    wide, deep = between(rng, 0.7, 1.1), between(rng, 0.15, 0.7)
    base = wide * between(rng, 0.5, 0.95)
    body = np.vstack(
        [
            [[0, 0], [base - 0.03, 0], [base, 0.03]],
            kit.smooth_path([(base, 0.04), ((base + wide) / 2 + 0.04, deep * 0.5), (wide, deep)], 8),
        ]
    )
    hollow("pan", body, 0.03, finish(rng, kinds=("metal", "plastic", "ceramic")), floor=0.035)
    grip, long = finish(rng, kinds=("plastic", "metal", "wood")), between(rng, 0.9, 1.9)
    rise = between(rng, 0.05, 0.4)
    path = kit.smooth_path(
        [(wide - 0.02, 0, deep * 0.85), (wide + long * 0.4, 0, deep + rise * 0.6), (wide + long, 0, deep + rise)], 8
    )
    if chance(rng, 0.5):
        kit.strap("handle", path.tolist(), between(rng, 0.14, 0.25), between(rng, 0.03, 0.08), grip)
    else:
        kit.tube("handle", path, np.linspace(0.05, between(rng, 0.06, 0.1), len(path)).tolist(), grip)
    if chance(rng, 0.5):
        end = path[-1]
        kit.place(kit.ring_tube("eye", 0.07, 0.015, 0, metal(rng)), (end[0] + 0.06, 0, end[2]))


def teapot(rng: Rng) -> None:
    """A teapot, coffee pot, jug or watering can: body, spout, handle, lid."""
    height, wide = between(rng, 0.8, 1.9), between(rng, 0.5, 0.9)
    body = outline(rng, height, wide)
    body[:, 0] = np.where(body[:, 0] > 0, np.maximum(body[:, 0], wide * 0.45), 0)
    glaze = finish(rng)
    hollow("pot", body, 0.04, glaze)
    low = height * between(rng, 0.15, 0.5)
    root = float(np.interp(low, body[1:, 1], body[1:, 0]))
    reach, top = between(rng, 0.4, 0.9), height * between(rng, 0.8, 1.1)
    spout = kit.smooth_path(
        [(-root + 0.1, 0, low), (-root - reach * 0.5, 0, low + (top - low) * 0.3), (-root - reach, 0, top)], 8
    )
    kit.tube("spout", spout, np.linspace(between(rng, 0.13, 0.2), between(rng, 0.05, 0.08), len(spout)).tolist(), glaze)
    grip = glaze if chance(rng, 0.5) else finish(rng, kinds=("plastic", "metal", "wood"))
    if chance(rng, 0.7):
        handle(rng, body, grip)
    else:
        rim = float(body[-1, 0])
        bow = [
            (rim * 1.1 * math.cos(a), 0, height * 0.9 + between(rng, 0.6, 0.61) * math.sin(a))
            for a in np.linspace(0, math.pi, 24)
        ]
        kit.tube("bow", bow, between(rng, 0.03, 0.05), grip)
    if chance(rng, 0.8):
        lid(rng, float(body[-1, 0]), height, glaze if chance(rng, 0.7) else finish(rng))


def nested(rng: Rng) -> None:
    """Several of one kind side by side: a set of jars, beakers or bowls."""
    build = one_of(rng, (bowl, cup, jar, vase))
    state = int(rng.integers(2**31))
    count = int(rng.integers(2, 4))
    for i in range(count):
        before = set(bpy.context.scene.objects)
        # The same numbers give the same form; another size each.
        build(np.random.default_rng(state if chance(rng, 0.6) else state + i))
        new: Sequence[bpy.types.Object] = [obj for obj in bpy.context.scene.objects if obj not in before]
        root = kit.gather(
            new,
            at=((i - count / 2) * between(rng, 1.9, 2.3), between(rng, -0.5, 0.5), 0),
            turn=(0, 0, between(rng, 0, 360)),
        )
        root.scale = (between(rng, 0.6, 1),) * 3


FAMILIES = (
    Family("vase", vase, (0, 35)),
    Family("jar", jar, (2, 45), front=True),
    Family("bottle", bottle, (0, 30), front=True, weight=1.3),
    Family("cup", cup, (2, 55), weight=1.2),
    Family("bowl", bowl, (8, 70)),
    Family("plate", plate, (20, 85), weight=0.7),
    Family("pot", pot, (5, 60), weight=0.8),
    Family("pan", pan, (12, 80), weight=0.8),
    Family("teapot", teapot, (3, 45)),
    Family("vessel-set", nested, (5, 45), weight=0.6),
)
