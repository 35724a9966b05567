"""Families of wire, mesh and metal: racks, cages, sieves, wheels, hangers, chains, jewellery, glasses, keys."""

from __future__ import annotations

import math

import bpy
import kit
import materials as mt
import numpy as np

from families.family import Family, between, chance, colour, metal, one_of, plastic, wood, worn
from families.parts import (
    Rng,
    along,
    arc,
    ball,
    laid,
    plate,
    ring,
    rod,
    rounded,
    stood,
    superellipse,
    turned,
    wires,
)  # fmt: skip


def coated(rng: Rng) -> bpy.types.Material:
    """What wire goods are made of: bright, gilt, painted or rusty."""
    kind = rng.random()
    if kind < 0.45:
        return metal(rng)
    made = mt.principled("coat", colour(rng), roughness=between(rng, 0.15, 0.6), coat=0.2)
    return worn(made, rng) if kind > 0.9 else made


def precious(rng: Rng) -> bpy.types.Material:
    """Gold, rose gold, silver or blackened silver."""
    tint = one_of(rng, ("#e2b154", "#d8b878", "#d9a48c", "#dcdbd8", "#c8c8cc", "#e9e7e2", "#6c6a68"))
    return mt.metal("precious", tint, between(rng, 0.08, 0.3))


def gem(rng: Rng) -> bpy.types.Material:
    """A polished stone or pearl."""
    return mt.principled("gem", colour(rng), roughness=between(rng, 0.02, 0.2), coat=1.0, ior=1.7)


# ---- racks, cages, sieves


def rack(rng: Rng) -> None:
    """A wire rack of one to three tiers: dish rack, shelf riser, shoe or letter rack."""
    wire, thin = coated(rng), between(rng, 0.012, 0.026)
    width, depth = between(rng, 1.2, 2.6), between(rng, 0.6, 1.3)
    tiers, rise = int(rng.integers(1, 4)), between(rng, 0.5, 0.9)
    frames, bars = [], []
    for tier in range(tiers):
        z, lean = 0.1 + tier * rise, between(rng, 0, 0.12)
        frames.append(laid(rounded(superellipse(width / 2, depth / 2, 30, 4) @ _quarter(), 5, 0.12), z))
        for x in np.linspace(-width / 2, width / 2, int(rng.integers(8, 26)))[1:-1]:
            bars.append([(x, -depth / 2, z), (x, 0, z - lean), (x, depth / 2, z)])
        if chance(rng, 0.5):
            frames.append(frames[-1] + (0, 0, between(rng, 0.12, 0.3)))
    wires("bars", bars, thin, wire)
    wires("frames", frames, thin * 1.6, wire, closed=True)
    top = 0.1 + (tiers - 1) * rise + between(rng, 0.1, 0.4)
    legs = [[(x, y, 0), (x, y, top)] for x in (-width / 2, width / 2) for y in (-depth / 2, depth / 2)]
    wires("legs", legs, thin * 1.9, wire)
    if chance(rng, 0.4):
        _plate_slots(rng, width, depth, thin, wire)


def _quarter() -> np.ndarray:
    """Turns the four points of a coarse superellipse into the corners of a rectangle."""
    return np.array([[1.0, 1.0], [-1.0, 1.0]])


def _plate_slots(rng: Rng, width: float, depth: float, thin: float, wire: bpy.types.Material) -> None:
    """Upright loops between which plates stand."""
    high, loops = between(rng, 0.35, 0.7), []
    for x in np.linspace(-width / 2, width / 2, int(rng.integers(6, 14)))[1:-1]:
        loops.append(kit.smooth_path([(x, -0.3 * depth, 0.1), (x, -0.25 * depth, high), (x, 0.25 * depth, high),
                                      (x, 0.3 * depth, 0.1)], 5))  # fmt: skip
    wires("slots", loops, thin, wire)


def mesh_basket(rng: Rng) -> None:
    """A round or square open basket of rings and ribs, with or without a handle."""
    wire, thin = coated(rng), between(rng, 0.01, 0.022)
    low, high, tall = between(rng, 0.4, 0.8), between(rng, 0.6, 1.1), between(rng, 0.5, 1.3)
    power, count = one_of(rng, (2.0, 2.0, 4.0, 8.0)), int(rng.integers(14, 44))
    belly = between(rng, -0.1, 0.25)
    levels = np.linspace(0, 1, int(rng.integers(3, 9)))

    def outline(t: float, points: int) -> np.ndarray:
        half = low + (high - low) * t + belly * math.sin(math.pi * t)
        return laid(superellipse(half, half * stretch, power, points), t * tall)

    stretch = one_of(rng, (1.0, 1.0, between(rng, 0.55, 0.85)))
    rings = [outline(t, 64) for t in levels]
    twist = one_of(rng, (0, 0, int(rng.integers(2, 6))))
    columns = np.stack([outline(t, count) for t in np.linspace(0, 1, 9)])
    ribs = [
        [columns[k][(i + s * k * twist // 8) % count] for k in range(9)]
        for i in range(count)
        for s in (1, -1)[: 1 + bool(twist)]
    ]
    spokes = [[p, p * (-1, -1, 1)] for p in columns[0][: count // 2]]
    wires("ribs", ribs, thin, wire)
    wires("spokes", spokes, thin, wire)
    wires("rings", rings, thin * 1.2, wire, closed=True)
    wires("rim", [rings[-1]], thin * between(rng, 1.8, 3), wire, closed=True)
    if chance(rng, 0.5):
        _bail(rng, high, tall, thin * 1.8, wire)


def _bail(rng: Rng, half: float, tall: float, thick: float, wire: bpy.types.Material) -> None:
    """A handle from side to side, upright or leaning."""
    rise, lean = between(rng, 0.5, 1.1), between(rng, -0.5, 0.5)
    path = [(half * math.cos(a), lean * math.sin(a), tall + rise * math.sin(a)) for a in np.linspace(0, math.pi, 30)]
    kit.tube("bail", path, thick, wire)
    if chance(rng, 0.5):
        kit.tube("grip", path[11:19], thick * 2.2, wood(rng) if chance(rng, 0.6) else plastic(rng))


def cage(rng: Rng) -> None:
    """A bird cage or lantern: thin bars under a dome, a floor, a ring to hang it by."""
    wire, thin = coated(rng), between(rng, 0.008, 0.018)
    half, tall, dome = between(rng, 0.5, 0.8), between(rng, 0.8, 1.5), between(rng, 0.25, 0.9)
    count = int(rng.integers(14, 40))
    power = one_of(rng, (2.0, 2.0, 6.0))
    foot = superellipse(half, half, power, count)
    bend = [(1, 0.06), (1, tall)] + [(math.cos(a), tall + dome * math.sin(a)) for a in np.linspace(0.15, 1.5, 9)]
    wires("bars", [[(x * s, y * s, z) for s, z in bend] for x, y in foot], thin, wire)
    levels = [0.06, *np.linspace(0.06, tall, int(rng.integers(2, 5)))]
    wires("hoops", [laid(superellipse(half, half, power, 60), z) for z in levels], thin * 1.4, wire, closed=True)
    base = [laid(superellipse(half * s, half * s, power, 48), z) for s, z in ((1.04, 0), (1.07, 0.04), (1.04, 0.1))]
    kit.loft("base", base, coated(rng))
    wires("ring", [ring(0.11, 30, (0, 0, tall + dome + 0.1), (0, 1, 0))], thin * 2, wire, closed=True)
    ball("finial", 0.05, (0, 0, tall + dome), wire)
    if chance(rng, 0.6):
        rod("perch", (-half, 0, tall * 0.45), (half, 0, tall * 0.45), 0.03, wood(rng))
    door = stood(rounded([(-0.2, 0.2), (0.2, 0.2), (0.2, 0.7), (-0.2, 0.7)], 4), -half * 1.01)
    wires("door", [door], thin * 1.8, wire, closed=True)


def sieve(rng: Rng) -> None:
    """A sieve, strainer or frying basket: a bowl of fine mesh, a rim, a long handle."""
    wire, half = metal(rng), between(rng, 0.5, 0.9)
    depth, count = half * between(rng, 0.4, 1.0), int(rng.integers(16, 34))
    cuts, meshes = np.linspace(-0.98, 0.98, count), []
    for c in cuts:
        reach = math.sqrt(1 - c * c)
        s = np.linspace(-reach, reach, 15)
        sag = depth * (1 - np.sqrt(np.maximum(0, 1 - c * c - s * s)) ** 1.0)
        meshes += [
            np.stack([np.full(15, c) * half, s * half, sag], -1),
            np.stack([s * half, np.full(15, c) * half, sag], -1),
        ]
    wires("mesh", meshes, between(rng, 0.004, 0.008), wire, resolution=1)
    wires("rim", [ring(half, 60, (0, 0, depth))], between(rng, 0.02, 0.04), wire, closed=True)
    long = between(rng, 0.9, 1.8)
    grip = wood(rng) if chance(rng, 0.3) else plastic(rng) if chance(rng, 0.5) else wire
    rise = between(rng, -0.05, 0.25)
    path = kit.smooth_path(
        [(half, 0, depth), (half + long * 0.4, 0, depth + rise * 0.6), (half + long, 0, depth + rise)], 8
    )
    kit.tube("stem", path, 0.025, wire)
    kit.tube("grip", path[6:], np.linspace(0.04, 0.075, len(path) - 6).tolist(), grip)
    if chance(rng, 0.6):
        ear = [(-half, 0.14, depth), (-half - 0.16, 0.1, depth), (-half - 0.16, -0.1, depth), (-half, -0.14, depth)]
        kit.tube("ear", kit.smooth_path(ear, 5), 0.02, wire)


def whisk(rng: Rng) -> None:
    """A balloon whisk lying down."""
    wire, loops, long, wide = metal(rng), [], between(rng, 0.9, 1.5), between(rng, 0.22, 0.42)
    for a in np.linspace(0, math.pi, int(rng.integers(4, 9)), endpoint=False):
        t = np.linspace(0, 2 * math.pi, 40)
        r, x = wide * np.sin(t) * (0.55 + 0.45 * np.cos(t)), long * (0.5 + 0.5 * np.cos(t))
        loops.append(np.stack([x, r * math.cos(a), wide * 0.8 + r * math.sin(a)], -1))
    wires("wire", loops, between(rng, 0.009, 0.016), wire)
    grip = [(0, -1.3), (0.06, -1.29), (0.085, -1.1), (0.06, -0.7), (0.075, -0.2), (0.05, 0.02), (0, 0.03)]
    handle = turned(
        "grip", grip, one_of(rng, (wire, wood(rng), plastic(rng))), at=(0, 0, wide * 0.8), turn=(0, 90, 0), smooth=4
    )
    handle.location[2] = wide * 0.8


# ---- wheels and frames


def wheel(rng: Rng, at: kit.Point3 = (0, 0, 1), size: float = 1.0, parts: tuple | None = None) -> None:
    """A wheel in the xz plane with crossing spokes, a tyre and a hub."""
    tyre, spoke = parts or (
        mt.principled("tyre", one_of(rng, ("#1c1c1d", "#26262a", "#8a6a48", colour(rng))), roughness=0.8),
        coated(rng),
    )
    count, center = int(rng.integers(10, 20)), np.array(at)
    angles = np.linspace(0, 2 * math.pi, 2 * count, endpoint=False)
    cross = between(rng, 0, 1.2)
    wide = size * between(rng, 0.05, 0.1)
    paths = []
    for i, a in enumerate(angles):
        start, side = a + cross * (1 if i % 2 else -1), wide * (1 if i % 4 < 2 else -1)
        paths.append([center + (0.08 * size * math.cos(start), side, 0.08 * size * math.sin(start)),
                      center + (0.9 * size * math.cos(a), 0, 0.9 * size * math.sin(a))])  # fmt: skip
    wires("spokes", paths, 0.007 * size, spoke, resolution=1)
    thick = size * between(rng, 0.035, 0.075)
    wires("tyre", [ring(size - thick, 72, at, (0, 1, 0))], thick, tyre, closed=True, resolution=3)
    wires("rim", [ring(size - 2 * thick, 72, at, (0, 1, 0))], thick * 0.6, spoke, closed=True, resolution=3)
    rod("hub", center + (0, -2 * wide, 0), center + (0, 2 * wide, 0), 0.07 * size, spoke)


def bicycle(rng: Rng) -> None:
    """A bicycle, toy or real, seen from its side."""
    size, base = between(rng, 0.55, 0.7), between(rng, 1.75, 2.1)
    frame, black = coated(rng), mt.principled("rubber", one_of(rng, ("#19191a", "#3a2a20", colour(rng))), roughness=0.6)
    parts = (
        mt.principled("tyre", one_of(rng, ("#1c1c1d", "#1c1c1d", "#e6e2d6", "#8a6a48")), roughness=0.8),
        metal(rng),
    )
    rear, front = np.array((-base / 2, 0, size)), np.array((base / 2, 0, size))
    for hub in (rear, front):
        wheel(rng, tuple(hub), size, parts)
    crank = np.array((-0.12, 0, size * between(rng, 0.8, 1.0)))
    seat = np.array((-0.45, 0, size + between(rng, 0.75, 1.0)))
    head = np.array((base / 2 - 0.32, 0, size + between(rng, 0.75, 0.95)))
    neck = head - (head - front) * 0.2
    low_seat = seat * 0.8 + crank * 0.2
    step = between(rng, 0.0, 0.6)
    bars = [(crank, neck), (low_seat * (1 - step) + crank * step, head * 0.9 + front * 0.1)]
    bars += [(crank, seat)]
    for start, stop in bars:
        rod("frame", start, stop, between(rng, 0.028, 0.042), frame)
    rod("stem", front * 0.15 + head * 0.85, head * 1.06 - front * 0.06, 0.035, frame)
    for y in (-0.07, 0.07):
        wires(
            "forks", [[neck, front + (0, y, 0)], [crank, rear + (0, y, 0)], [low_seat, rear + (0, y, 0)]], 0.02, frame
        )
    _saddle_and_bars(rng, seat, head, black, parts[1])
    _crank(crank, rear, parts[1], black)
    if chance(rng, 0.5):
        for hub in (rear, front):
            guard = [
                tuple(hub + ((size + 0.05) * math.cos(a), 0, (size + 0.05) * math.sin(a)))
                for a in np.radians(np.linspace(10, 170, 24))
            ]
            kit.strap("guard", guard, 0.1, 0.012, frame)


def _saddle_and_bars(
    rng: Rng, seat: np.ndarray, head: np.ndarray, black: bpy.types.Material, steel: bpy.types.Material
) -> None:
    rod("post", seat, seat + (-0.03, 0, 0.16), 0.025, steel)
    ball("saddle", (0.24, 0.12, 0.05), tuple(seat + (0.0, 0, 0.18)), black)
    ball("nose", (0.16, 0.045, 0.04), tuple(seat + (0.17, 0, 0.18)), black)
    wide, back, up = between(rng, 0.3, 0.5), between(rng, -0.35, 0.25), between(rng, -0.15, 0.3)
    half = [(0, 0, 0.1), (0.12, wide * 0.5, 0.1), (back, wide, 0.1 + up)]
    for side in (-1, 1):
        path = kit.smooth_path([tuple(head + np.array((x, side * y, z))) for x, y, z in half], 6)
        kit.tube("bar", path, 0.02, steel)
        kit.tube("grip", path[-4:], 0.032, black)


def _crank(crank: np.ndarray, rear: np.ndarray, steel: bpy.types.Material, black: bpy.types.Material) -> None:
    """Chain ring, chain, pedals."""
    kit.place(
        kit.lathe("disc", [(0.09, -0.01), (0.14, -0.01), (0.14, 0.01), (0.09, 0.01)], steel, segments=32),
        tuple(crank + (0, -0.05, 0)),
        (90, 0, 0),
    )
    wires(
        "chain",
        [[crank + (0, -0.05, 0.14), rear + (0, -0.05, 0.06)], [crank + (0, -0.05, -0.14), rear + (0, -0.05, -0.06)]],
        0.012,
        black,
    )
    for side in (-1, 1):
        end = crank + (side * 0.16, side * 0.09, side * 0.12)
        rod("arm", crank + (0, side * 0.07, 0), end, 0.016, steel)
        kit.box("pedal", (0.13, 0.12, 0.03), black, at=tuple(end + (0, side * 0.06, 0)), bevel=0.008, segments=1)


# ---- hangers and chains


def hanger(rng: Rng) -> None:
    """A coat hanger of wood, wire or plastic, hanging or lying."""
    metal_wire = metal(rng)
    wide, drop = between(rng, 0.9, 1.2), between(rng, 0.3, 0.5)
    hook = [(0, 0), (0, 0.12), *arc(0.13, -60, 200, 20, (-0.02, 0.32))]
    kit.tube("hook", stood(hook), 0.02, metal_wire)
    kind = rng.random()
    if kind < 0.35:
        loop = rounded([(0, 0), (-wide, -drop), (wide, -drop)], 6, 0.12)
        wires("wire", [stood(loop)], between(rng, 0.015, 0.03), coated(rng), closed=True)
        return
    stuff = wood(rng) if kind < 0.7 else plastic(rng)
    bow, power = between(rng, -0.05, 0.12), between(rng, 1.0, 1.3)
    upper = [(x * wide, -drop * abs(x) ** power + bow * (1 - abs(x)) * abs(x) * 4) for x in np.linspace(-1, 1, 31)]
    thick = (0.05 + 0.04 * np.abs(np.linspace(-1, 1, 31))) * between(rng, 0.7, 1.3)
    kit.tube("shoulders", stood(upper), thick.tolist(), stuff)
    if chance(rng, 0.75):
        rod("bar", (-wide * 0.92, 0, -drop * 0.95), (wide * 0.92, 0, -drop * 0.95), between(rng, 0.02, 0.045), stuff)
    if chance(rng, 0.3):
        for x in (-0.6, 0.6):
            kit.box("clip", (0.12, 0.09, 0.22), metal_wire, at=(x * wide, 0, -drop - 0.14), bevel=0.02, segments=2)


def link_shape(rng: Rng, pitch: float) -> tuple[np.ndarray, float]:
    """Outline (n, 3) of one chain link along x, and its wire's radius."""
    slim = between(rng, 0.45, 1.0)
    outline = superellipse(pitch * 0.72, pitch * 0.72 * slim, one_of(rng, (2.0, 2.0, 3.5)), 18)
    return laid(outline), pitch * between(rng, 0.1, 0.2)


def chain_along(
    path: np.ndarray, shape: np.ndarray, thick: float, pitch: float, stuff: bpy.types.Material, lean: float
) -> None:
    """Links along a path (n, 3), neighbours turned against each other by `lean` degrees to both sides."""
    length = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
    at = along(path, max(3, int(length / pitch)))
    way = np.gradient(at, axis=0)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    side = np.cross(way, (0, 0, 1.0))
    side = np.where(np.linalg.norm(side, axis=1, keepdims=True) < 1e-3, (0, 1.0, 0), side)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, way)
    a = math.radians(lean) * np.where(np.arange(len(at)) % 2, 1, -1)[:, None]
    across = side * np.cos(a) + up * np.sin(a)
    links = at[:, None] + shape[None, :, :1] * way[:, None] + shape[None, :, 1:2] * across[:, None]
    wires("links", list(links), thick, stuff, closed=True, resolution=1)


def _loop(rng: Rng) -> np.ndarray:
    """A necklace as it is laid down: a closed loop (n, 3), its lowest point first, at (0, -1)."""
    count = int(rng.integers(7, 10))
    a = np.linspace(-math.pi / 2, 1.5 * math.pi, count, endpoint=False)
    wobble = rng.normal(0, 0.1, (count, 2))
    wobble[0] = 0
    wide = between(rng, 0.5, 0.95)
    points = np.stack([wide * np.cos(a), np.sin(a)], -1) + wobble
    if chance(rng, 0.4):
        points[1:-1, 0] *= np.linspace(0.6, 1.2, count - 2)
    return laid(kit.smooth_path(points, 24, closed=True), 0.02)


def necklace(rng: Rng) -> None:
    """A chain or string of beads lying in a loop, most with a pendant."""
    gold, path = precious(rng), _loop(rng)
    path = np.vstack([path, path[:1]])
    if chance(rng, 0.35):
        _beads(rng, path)
    else:
        pitch = between(rng, 0.03, 0.09)
        chain_along(path, *link_shape(rng, pitch), pitch, gold, between(rng, 25, 45))
    if chance(rng, 0.8):
        _pendant(rng, gold)


def _beads(rng: Rng, path: np.ndarray) -> None:
    """Beads on a string, even or growing towards the front."""
    size, grow = between(rng, 0.025, 0.07), between(rng, 0, 1)
    stuffs = [gem(rng) if chance(rng, 0.7) else wood(rng) for _ in range(int(rng.integers(1, 4)))]
    far = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
    spots = along(path, int(far / (2.05 * size)))
    shapes = [_stamped(size, stuff) for stuff in stuffs]
    for i, spot in enumerate(spots):
        scale = 1 - grow * 0.5 * (0.5 + 0.5 * spot[1])
        bead = kit.link(bpy.data.objects.new("bead", shapes[i % len(shapes)]))
        bead.location = (spot[0], spot[1], size * scale)
        bead.scale = (scale,) * 3
    wires("string", [path], 0.006, mt.principled("string", "#b9ac98"))


def _stamped(size: float, stuff: bpy.types.Material) -> bpy.types.Mesh:
    """The mesh of a ball that is not in the scene itself."""
    pattern = ball("bead", size, (0, 0, 0), stuff, rows=9)
    mesh = pattern.data
    bpy.data.objects.remove(pattern)
    return mesh


def _pendant(rng: Rng, gold: bpy.types.Material) -> None:
    """Drop, disc, heart, bar, cross or stone under a small ring."""
    size, kind = between(rng, 0.12, 0.3), int(rng.integers(5))
    wires("bail", [ring(0.045, 24, (0, -1.03, 0.04), (1, 0, 0.4))], 0.012, gold, closed=True)
    center = (0.0, -1.06 - size, 0.04)
    if kind == 0:
        ball("stone", (size * 0.75, size, 0.08), center, gem(rng))
        wires(
            "rim", [laid(superellipse(size * 0.78, size * 1.03, 2), 0.03) + (0, center[1], 0)], 0.02, gold, closed=True
        )
    elif kind == 1:
        hole = [superellipse(size * 0.6, size * 0.6, 2)] if chance(rng, 0.5) else []
        plate("disc", [superellipse(size, size, 2, 48), *hole], 0.02, gold, at=center)
    elif kind == 2:
        t = np.linspace(0, 2 * math.pi, 48, endpoint=False)
        heart = (
            np.stack(
                [np.sin(t) ** 3, (13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16], -1
            )
            * size
        )
        plate("heart", [heart, *([heart * 0.7] if chance(rng, 0.5) else [])], 0.03, gold, at=center)
    elif kind == 3:
        kit.box("bar", (size * 0.3, size * 2, 0.04), gold, at=(0, center[1], 0.02), bevel=0.01, segments=2)
        kit.box(
            "arm", (size * 1.2, size * 0.3, 0.04), gold, at=(0, center[1] + size * 0.4, 0.02), bevel=0.01, segments=2
        )
    else:
        for i, a in enumerate(np.linspace(0, 2 * math.pi, 9)[:-1]):
            ball(
                "leaf",
                (size * 0.5, size * 0.2, 0.04),
                (center[0] + size * 0.55 * math.cos(a), center[1] + size * 0.55 * math.sin(a), 0.05),
                gold,
                turn=(0, 0, 45 * i),
                rows=9,
            )
        ball("heart", (size * 0.32, size * 0.32, 0.09), center, gem(rng))


def chain(rng: Rng) -> None:
    """A heavy chain, dog lead or key chain heaped in curves, with a ring or hook at its end."""
    stuff, pitch = coated(rng), between(rng, 0.09, 0.2)
    turns = kit.smooth_path(np.column_stack([np.linspace(-1, 1, 7), rng.uniform(-0.7, 0.7, 7), np.full(7, 0.07)]), 20)
    shape, thick = link_shape(rng, pitch)
    chain_along(turns, shape, thick, pitch, stuff, between(rng, 30, 60))
    end = turns[-1]
    wires("ring", [ring(0.2, 40, tuple(end + (0.2, 0, 0)), (0.1, 0.1, 1))], 0.03, stuff, closed=True)
    if chance(rng, 0.5):
        strap = kit.smooth_path(
            [
                tuple(turns[0]),
                (-1.3, 0.1, 0.15),
                (-1.5, -0.4, 0.3),
                (-1.2, -0.5, 0.15),
                tuple(turns[0] - (0.02, 0.05, 0)),
            ],
            8,
        )
        kit.strap("strap", strap, 0.14, 0.02, plastic(rng), (0.3, 0.2, 1))


# ---- jewellery


def ring_with_gem(rng: Rng) -> None:
    """A finger ring, standing or lying, with a stone, a row of stones or a signet."""
    gold, size = precious(rng), 0.85
    wide, flat = between(rng, 0.05, 0.16), between(rng, 0.4, 1.0)
    angles = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    swell = wide * (1 + between(rng, 0, 1.2) * np.maximum(0, np.sin(angles)) ** 4)
    band = kit.tube(
        "band", [(size * math.cos(a), 0, size * math.sin(a)) for a in angles], swell.tolist(), gold, closed=True
    )
    band.scale = (1, 1 / flat if flat > 0.7 else 1.3, 1)
    parts = [band]
    stones = one_of(rng, (0, 1, 1, 1, 3, 7))
    for i in range(stones):
        a = math.pi / 2 + (i - (stones - 1) / 2) * 0.24
        big = between(rng, 0.2, 0.42) if stones == 1 else 0.13
        parts += _set_stone(rng, (size + wide) * np.array((math.cos(a), 0, math.sin(a))), a, big, gold)
    lying = chance(rng, 0.4)
    kit.gather(parts, (0, 0, wide * 1.3 if lying else size + wide), (82 if lying else 0, 0, between(rng, 0, 360)))


def _set_stone(rng: Rng, at: np.ndarray, angle: float, big: float, gold: bpy.types.Material) -> list[bpy.types.Object]:
    """A faceted or domed stone in claws, its table outwards."""
    tilt = (0, 90 - math.degrees(angle), 0)
    cut = [(0, -0.1), (0.55, 0.35), (1.0, 0.75), (1.0, 0.82), (0.6, 1.1), (0, 1.1)]
    count = one_of(rng, (4, 6, 8, 8))
    profile = [(r * big, z * big) for r, z in cut]
    facets = kit.lathe("stone", profile, gem(rng), segments=count, sharp_angle=5)
    stone = facets if chance(rng, 0.7) else ball("stone", (big, big * 0.8, big * 0.6), (0, 0, 0), gem(rng))
    if stone is not facets:
        bpy.data.objects.remove(facets)
    kit.place(stone, tuple(at), tilt)
    claws = [[(0.3 * big * math.cos(a), 0.3 * big * math.sin(a), -0.1 * big), (1.03 * big * math.cos(a), 1.03 * big * math.sin(a), 0.85 * big)]
             for a in np.linspace(0.4, 2 * math.pi + 0.4, 5)[:-1]]  # fmt: skip
    return [stone, kit.place(wires("claws", claws, 0.09 * big, gold), tuple(at), tilt)]


def earrings(rng: Rng) -> None:
    """A pair of earrings: hoops, drops, studs or tassels."""
    gold, kind, size = precious(rng), int(rng.integers(3)), between(rng, 0.3, 0.55)
    stone, drops = gem(rng), int(rng.integers(1, 4))
    wide, tassel = between(rng, 0.012, 0.05), int(rng.integers(5, 14))
    for x in (-0.6, 0.6):
        hook = kit.smooth_path([(x, 0.05, 1.1), (x, 0.16, 1.3), (x, 0.0, 1.42), (x, -0.03, 1.3), (x, 0, 1.15)], 6)
        wires("hook", [hook], 0.016, gold)
        if kind == 0:
            wires("hoop", [ring(size, 60, (x, 0, 1.15 - size), (0, 1, 0))], wide, gold, closed=True)
        elif kind == 1:
            for i in range(drops):
                ball(
                    "drop",
                    (size * 0.32 * (1 + 0.3 * i), 0.1, size * 0.36 * (1 + 0.4 * i)),
                    (x, 0, 1.0 - 0.38 * i),
                    stone if i % 2 else gold,
                )
            wires("links", [[(x, 0, 1.16), (x, 0, 0.4)]], 0.012, gold)
        else:
            tips = np.linspace(-0.16, 0.16, tassel)
            wires("tassel", [[(x + t * 0.3, 0, 1.0), (x + t, 0.3 * t, 1.0 - size * 1.7)] for t in tips], 0.011, gold)
            ball("cap", (0.09, 0.09, 0.07), (x, 0, 1.02), stone)


def bracelet(rng: Rng) -> None:
    """A bangle, cuff, or a bracelet of links or beads, standing on its edge or lying."""
    gold, kind = precious(rng) if chance(rng, 0.7) else plastic(rng), int(rng.integers(3))
    wide, opening = between(rng, 0.08, 0.5), one_of(rng, (0, 0, between(rng, 20, 60)))
    if kind == 0:
        path = laid([(p[0], p[1] * 0.9) for p in arc(0.9, -90 + opening, 270 - opening, 60)], wide / 2)
        kit.strap("cuff", path, wide, between(rng, 0.03, 0.08), gold, (0, 0, 1))
        return
    path = laid(kit.smooth_path(rng.normal(0, 0.05, (8, 2)) + np.array(arc(0.85, 0, 315, 8)), 12, closed=True), 0.03)
    path = np.vstack([path, path[:1]])
    if kind == 1:
        _beads(rng, path)
    else:
        pitch = between(rng, 0.08, 0.18)
        chain_along(path, *link_shape(rng, pitch), pitch, gold, between(rng, 20, 50))


def watch(rng: Rng) -> None:
    """A wristwatch, its strap open in a curve."""
    case, strap = metal(rng), plastic(rng) if chance(rng, 0.7) else metal(rng)
    power, half = one_of(rng, (2.0, 2.0, 2.0, 5.0)), between(rng, 0.38, 0.5)
    bend = [(0, y, 0.35 * math.cos(y * 1.1)) for y in np.linspace(-1.35, 1.35, 30)]
    kit.strap("strap", bend, half * between(rng, 0.8, 1.2), 0.06, strap, (1, 0, 0))
    rings = [
        laid(superellipse(half * s, half * s, power, 48), z)
        for s, z in ((0.9, 0.25), (1, 0.3), (1, 0.46), (0.93, 0.52))
    ]
    kit.loft("case", rings, case)
    face = mt.principled("face", colour(rng), roughness=0.25, coat=1.0)
    kit.loft("face", [laid(superellipse(half * 0.85, half * 0.85, power, 48), z) for z in (0.5, 0.525)], face)
    hand = mt.principled("hand", one_of(rng, ("#f0f0ee", "#111214", "#c9a24f")), roughness=0.3)
    for a, long in ((between(rng, 0, 360), 0.5), (between(rng, 0, 360), 0.7)):
        tip = (half * long * math.cos(math.radians(a)), half * long * math.sin(math.radians(a)), 0.535)
        rod("hand", (0, 0, 0.535), tip, (0.018, 0.008), hand)
    marks = [
        [(half * r * math.cos(a), half * r * math.sin(a), 0.53) for r in (0.7, 0.8)]
        for a in np.linspace(0, 2 * math.pi, 13)[:-1]
    ]
    wires("marks", marks, 0.009, hand)
    rod("crown", (half, 0, 0.4), (half + 0.1, 0, 0.4), 0.06, case)


# ---- glasses and keys


def sunglasses(rng: Rng) -> None:
    """Glasses with dark, tinted or mirrored lenses."""
    _eyewear(
        rng,
        mt.principled("lens", one_of(rng, ("#101214", "#20160e", "#14202a", colour(rng))), roughness=0.03, coat=1.0),
    )


def spectacles(rng: Rng) -> None:
    """Glasses with clear lenses."""
    _eyewear(rng, mt.glass("lens", one_of(rng, ("#ffffff", "#ffffff", "#f2e8d8", "#dfe8ee"))))


def _eyewear(rng: Rng, lens: bpy.types.Material) -> None:
    """A frame with lenses, its temples folded out, standing on its rims."""
    frame = metal(rng) if chance(rng, 0.35) else plastic(rng)
    half_w, half_h = between(rng, 0.34, 0.46), between(rng, 0.24, 0.4)
    gap, thick = between(rng, 0.08, 0.16), between(rng, 0.016, 0.055)
    rim = superellipse(half_w, half_h, one_of(rng, (2.0, 2.4, 3.5)), 48)
    # Slanted to a cat's eye, or hanging as a pilot's glasses do.
    rim[:, 1] += between(rng, -0.1, 0.15) * rim[:, 0]
    rim[:, 1] += between(rng, 0, 0.2) * (rim[:, 1] > 0) * half_h * np.abs(rim[:, 0])
    floor, out, deep = half_h + thick, between(rng, 0, 0.06), max(0.05, thick * between(rng, 1.4, 3))
    for side in (-1, 1):
        shape = stood(rim * (side, 1) + (side * (half_w + gap), 0)) + (0, 0, floor)
        wires("rim", [shape], thick, frame, closed=True)
        kit.loft("lens", [shape - (0, 0.008, 0), shape + (0, 0.008, 0)], lens)
        x, z = side * (2 * half_w + gap), floor + half_h * 0.55
        temple = [(x, 0, z), (x + side * 0.05, 0.15, z), (x + side * out, 1.1, z)]
        temple += [(x + side * out * 0.4, 1.4, z - 0.2), (x - side * 0.02, 1.5, z - 0.38)]
        kit.strap("temple", kit.smooth_path(temple, 6), deep, max(0.03, thick), frame, (0, 0, 1))
    rise = between(rng, 0.4, 0.7)
    bridge = [(-gap, 0, floor + half_h * 0.35), (0, 0, floor + half_h * rise), (gap, 0, floor + half_h * 0.35)]
    kit.tube("bridge", kit.smooth_path(bridge, 6), thick, frame)


def key(rng: Rng) -> None:
    """One to four keys, old or new, on a ring with a tag."""
    count, stuff = int(rng.integers(1, 5)), metal(rng)
    for i in range(count):
        turn = (i - (count - 1) / 2) * between(rng, 20, 40)
        parts = _old_key(rng) if chance(rng, 0.4) else _flat_key(rng)
        kit.gather(parts, (0, 0, 0.04 + 0.05 * i), (0, 0, turn))
    wires("ring", [ring(0.3, 48, (0, 0.2, 0.08), (0.1, 0.1, 1))], 0.022, stuff, closed=True)
    if chance(rng, 0.6):
        tag = rounded([(-0.22, 0.4), (0.22, 0.4), (0.25, 1.2), (-0.25, 1.2)], 6, 0.3)
        plate(
            "tag",
            [tag, superellipse(0.05, 0.05, 2, 16) + (0, 0.48)],
            0.03,
            plastic(rng),
            at=(0, 0, 0.05),
            turn=(0, 0, between(rng, -50, 50)),
        )


def _flat_key(rng: Rng) -> list[bpy.types.Object]:
    """A cylinder key: bow with a hole, blade with a cut edge; it points to -y from the ring."""
    brass, wide, long = metal(rng), between(rng, 0.2, 0.3), between(rng, 0.7, 1.0)
    bow = superellipse(wide, wide * between(rng, 0.8, 1.1), one_of(rng, (2.0, 3.0, 5.0)), 40) + (0, -0.25)
    cuts = [(0.07 - rng.uniform(0, 0.07), -0.45 - y) for y in np.linspace(0.1, long, 12)]
    blade = [(-0.07, -0.4), (0.07, -0.4), *cuts, (0.0, -0.5 - long), (-0.07, -0.45 - long)]
    hole = superellipse(wide * 0.35, wide * 0.22, 2, 24) + (0, -0.12)
    parts = [plate("bow", [bow, hole], 0.03, brass, bevel=0.008), plate("blade", [blade], 0.03, brass, bevel=0.004)]
    if chance(rng, 0.3):
        parts.append(plate("cap", [bow * 1.1 + (0, 0.03), hole], 0.08, plastic(rng), bevel=0.02))
    return parts


def _old_key(rng: Rng) -> list[bpy.types.Object]:
    """A bit key: pierced bow, round shaft, bit."""
    iron, wide, long = metal(rng), between(rng, 0.18, 0.28), between(rng, 0.8, 1.3)
    lobes = one_of(rng, (1, 1, 2, 3))
    loops = [
        ring(
            wide * 0.75, 32, (wide * 0.6 * math.cos(a) * (lobes > 1), -0.2 + wide * 0.6 * math.sin(a) * (lobes > 1), 0)
        )
        for a in np.linspace(0.5, 0.5 + 2 * math.pi, lobes + 1)[:-1]
    ]
    end = -0.2 - wide - long
    teeth = [
        (0.02, end + 0.05),
        (0.3, end + 0.05),
        (0.3, end + 0.14),
        (0.2, end + 0.16),
        (0.2, end + 0.2),
        (0.3, end + 0.22),
        (0.3, end + 0.36),
        (0.02, end + 0.36),
    ]
    return [
        wires("bow", loops, 0.035, iron, closed=True),
        rod("shaft", (0, -0.2 - wide * 0.6, 0), (0, end, 0), between(rng, 0.035, 0.055), iron),
        plate("bit", [teeth], 0.03, iron, bevel=0.006),
        turned(
            "collar",
            [(0, 0), (0.075, 0), (0.09, 0.03), (0.075, 0.06), (0, 0.06)],
            iron,
            at=(0, -0.3 - wide, 0),
            turn=(90, 0, 0),
            segments=20,
        ),
    ]


FAMILIES = [
    Family("wire-rack", rack, (8, 40)),
    Family("wire-basket", mesh_basket, (8, 45)),
    Family("bird-cage", cage, (4, 25)),
    Family("sieve", sieve, (15, 65), weight=0.8),
    Family("whisk", whisk, (30, 80), flat=True, weight=0.6),
    Family("spoked-wheel", wheel, (2, 15), front=True, weight=0.6),
    Family("bicycle", bicycle, (3, 20), front=True),
    Family("coat-hanger", hanger, (0, 12), hang=True, front=True, weight=0.8),
    Family("necklace", necklace, (50, 88), flat=True, weight=1.5),
    Family("chain", chain, (35, 85), flat=True, weight=0.6),
    Family("ring", ring_with_gem, (12, 50)),
    Family("earrings", earrings, (0, 15), hang=True, front=True),
    Family("bracelet", bracelet, (20, 70)),
    Family("watch", watch, (35, 80), flat=True),
    Family("sunglasses", sunglasses, (8, 40), front=True),
    Family("spectacles", spectacles, (8, 40), front=True, glass=True),
    Family("keys", key, (45, 88), flat=True),
]
