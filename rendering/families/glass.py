"""See-through products: drinking glasses, bottles, bowls, jars, carafes, boxes of clear plastic."""

from __future__ import annotations

import math

import kit
import materials as mt
import numpy as np

from families.family import Family, between, chance, colour, finish, glass, one_of, plastic
from families.vessels import cap, handle, hollow, label, lid, outline

Rng = np.random.Generator


def liquid(rng: Rng, body: np.ndarray, wall: float) -> None:
    """A drink, oil, perfume or soap inside a hollow body, clear or cloudy, up to some height."""
    top = body[-1, 1] * between(rng, 0.2, 0.85)
    heights = np.linspace(0.06 + wall, top, 24)
    radii = np.interp(heights, body[1:, 1], body[1:, 0]) - wall * 1.05
    tint = one_of(rng, ("#a8301c", "#e8b24a", "#f2e6a0", "#5a2c14", "#f5f2ea", colour(rng), colour(rng)))
    stuff = mt.glass("liquid", tint) if chance(rng, 0.45) else mt.principled("liquid", tint, roughness=0.05)
    profile = [(0, heights[0]), *zip(np.maximum(radii, 0.02), heights, strict=True), (0, top)]
    kit.lathe("liquid", profile, stuff, segments=72)


def tumbler(rng: Rng) -> None:
    """A drinking glass or glass mug, straight, conical or bellied, empty or with a drink and a straw."""
    tall, wide, wall = between(rng, 0.8, 1.8), between(rng, 0.35, 0.65), between(rng, 0.02, 0.05)
    body = np.array(
        [
            [0, 0],
            [wide * between(rng, 0.6, 0.95), 0],
            [wide * between(rng, 0.65, 1), 0.05],
            [wide * 0.97, tall * 0.6],
            [wide, tall],
        ]
    )
    if chance(rng, 0.35):
        body = outline(rng, tall, wide)
        body[:, 0] = np.where(body[:, 0] > 0, np.maximum(body[:, 0], wide * 0.5), 0)
    stuff = glass(rng)
    hollow("glass", body, wall, stuff, floor=between(rng, 0.06, 0.14))
    if chance(rng, 0.25):
        handle(rng, body, stuff)
    if chance(rng, 0.4):
        liquid(rng, body, wall)
    if chance(rng, 0.15):
        kit.tube("straw", [(-wide * 0.4, 0, 0.15), (wide * 0.7, 0, tall * 1.35)], 0.03, plastic(rng))
    if chance(rng, 0.15):
        label(rng, body, 0.2, 0.8)


def stemware(rng: Rng) -> None:
    """A wine, beer, cocktail or champagne glass on a stem."""
    stem, deep, wide = between(rng, 0.25, 1.0), between(rng, 0.4, 1.2), between(rng, 0.3, 0.7)
    foot, thin, wall = between(rng, 0.35, 0.5), between(rng, 0.03, 0.06), between(rng, 0.015, 0.03)
    lip = wide * between(rng, 0.65, 1.1)
    belly = kit.smooth_path(
        [
            (thin, stem),
            (wide * between(rng, 0.5, 0.9), stem + deep * 0.2),
            (wide, stem + deep * 0.5),
            (lip, stem + deep),
        ],
        8,
    )
    inside = [(max(0.01, r - wall), z + wall) for r, z in belly[::-1][1:]]
    base = [(0, 0), (foot, 0), (foot, 0.02), (thin * 2, 0.06), (thin, 0.12), (thin, stem * 0.9)]
    kit.lathe("glass", [*base, *belly, *inside, (0, stem + 2 * wall)], glass(rng), segments=80)
    if chance(rng, 0.4):
        heights = np.linspace(stem + 2.5 * wall, stem + deep * between(rng, 0.3, 0.8), 16)
        radii = np.interp(heights, belly[:, 1], belly[:, 0]) - wall * 1.3
        wine = mt.glass("wine", one_of(rng, ("#7a1020", "#f0d890", "#e8a0a0", colour(rng))))
        kit.lathe(
            "drink",
            [(0, heights[0]), *zip(np.maximum(radii, 0.01), heights, strict=True), (0, heights[-1])],
            wine,
            segments=72,
        )


def flask(rng: Rng) -> None:
    """A glass or clear plastic bottle: water, wine, oil, perfume; with cap, label, liquid."""
    tall, wide, wall = between(rng, 1.2, 2.6), between(rng, 0.3, 0.6), between(rng, 0.02, 0.05)
    neck, shoulder = wide * between(rng, 0.25, 0.5), tall * between(rng, 0.45, 0.75)
    rise = kit.smooth_path(
        [
            (wide, shoulder),
            (wide * 0.85, shoulder + (tall - shoulder) * 0.3),
            (neck, shoulder + (tall - shoulder) * 0.6),
            (neck, tall),
        ],
        8,
    )
    body = np.vstack([[[0, 0], [wide - 0.04, 0], [wide, 0.04], [wide, shoulder * 0.5]], rise])
    hollow("bottle", body, wall, glass(rng), floor=0.08)
    if chance(rng, 0.55):
        liquid(rng, body, wall)
    if chance(rng, 0.6):
        label(rng, body, 0.1, shoulder / tall)
    if chance(rng, 0.75):
        cap(rng, neck * between(rng, 1.0, 1.3), tall, finish(rng, kinds=("plastic", "metal", "wood")))


def glass_bowl(rng: Rng) -> None:
    """A glass bowl, dish, vase or lantern, round or fluted, sometimes with pebbles or sweets in it."""
    deep, wide, wall = between(rng, 0.4, 1.8), between(rng, 0.5, 1.1), between(rng, 0.03, 0.06)
    body = outline(rng, deep, wide)
    body[:, 0] = np.where(body[:, 0] > 0, np.maximum(body[:, 0], wide * 0.45), 0)
    made = hollow("bowl", body, wall, glass(rng))
    if chance(rng, 0.3):
        points = np.array([v.co for v in made.data.vertices])
        wave = 1 + between(rng, 0.02, 0.06) * np.cos(np.arctan2(points[:, 1], points[:, 0]) * int(rng.integers(5, 16)))
        points[:, :2] *= wave[:, None]
        made.data.vertices.foreach_set("co", points.ravel())
    elif chance(rng, 0.4):
        stuff, size = finish(rng), wide * between(rng, 0.1, 0.2)
        for _ in range(int(rng.integers(6, 24))):
            a, r = between(rng, 0, 2 * math.pi), (wide * 0.45 - size - wall) * between(rng, 0, 1)
            kit.ball(
                "sweet",
                size,
                (r * math.cos(a), r * math.sin(a), 0.1 + size + between(rng, 0, 0.35) * deep),
                stuff,
                rows=16,
            )


def glass_jar(rng: Rng) -> None:
    """A storage or jam jar with something in it, a lid and perhaps a label; a scented candle."""
    tall, wide, wall = between(rng, 0.7, 1.6), between(rng, 0.4, 0.7), 0.04
    neck = wide * between(rng, 0.75, 1.0)
    body = np.array([[0, 0], [wide - 0.06, 0], [wide, 0.06], [wide, tall * 0.8], [neck, tall * 0.9], [neck, tall]])
    hollow("jar", body, wall, glass(rng), floor=0.07)
    if chance(rng, 0.75):
        top = tall * between(rng, 0.3, 0.78)
        stuff = mt.add_bump(
            finish(rng, kinds=("plastic", "mottled", "ceramic")),
            between(rng, 4, 16),
            between(rng, 0.1, 1.0),
            depth=0.06,
        )
        r = wide - wall * 1.2
        kit.lathe(
            "content",
            [(0, 0.08), (r - 0.03, 0.08), (r, 0.12), (r, top - 0.03), (r - 0.05, top), (0, top)],
            stuff,
            segments=72,
        )
    if chance(rng, 0.6):
        label(rng, body, 0.15, 0.75)
    if chance(rng, 0.7):
        lid(rng, neck * 1.05, tall, finish(rng, kinds=("metal", "wood", "plastic")))


def clear_box(rng: Rng) -> None:
    """A box or organiser of clear plastic, open or with a lid, with compartments or things in it."""
    wide, deep, tall = (float(side) for side in rng.uniform((0.8, 0.5, 0.4), (1.8, 1.2, 1.1)))
    stuff, wall = mt.glass("clear", one_of(rng, ("#ffffff", "#eaf4fb", "#f6e6ee")), between(rng, 0, 0.08)), 0.03
    kit.box("floor", (wide, deep, wall), stuff, bevel=0.008)
    for y in (-1, 1):
        kit.box("wall", (wide, wall, tall), stuff, at=(0, y * (deep - wall) / 2, wall), bevel=0.008)
    for x in (-1, 1):
        kit.box("wall", (wall, deep - 2 * wall, tall), stuff, at=(x * (wide - wall) / 2, 0, wall), bevel=0.008)
    for i in range(parts := int(rng.integers(0, 4))):
        kit.box(
            "divider",
            (wall, deep - 2 * wall, tall * 0.9),
            stuff,
            at=(((i + 1) / (parts + 1) - 0.5) * wide, 0, wall),
            bevel=0.008,
        )
    if chance(rng, 0.5):
        lid_stuff = stuff if chance(rng, 0.4) else plastic(rng)
        kit.box("lid", (wide + 0.06, deep + 0.06, 0.1), lid_stuff, at=(0, 0, tall + wall), bevel=0.03)
    if chance(rng, 0.5):
        goods = finish(rng)
        for _ in range(int(rng.integers(3, 12))):
            size = between(rng, 0.1, 0.2)
            at = (between(rng, -0.4, 0.4) * (wide - size), between(rng, -0.35, 0.35) * (deep - size), wall + size)
            kit.ball("thing", (size, size * 0.8, size), at, goods, rows=16)


FAMILIES = (
    Family("glass-tumbler", tumbler, (2, 45), glass=True, weight=1.2),
    Family("glass-stemware", stemware, (0, 35), glass=True),
    Family("glass-bottle", flask, (0, 30), glass=True, front=True, weight=1.2),
    Family("glass-bowl", glass_bowl, (4, 55), glass=True),
    Family("glass-jar", glass_jar, (2, 40), glass=True, front=True),
    Family("clear-box", clear_box, (12, 60), glass=True, weight=0.6),
)
