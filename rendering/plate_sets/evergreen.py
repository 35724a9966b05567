"""Plates for all seasons: paper, oak, marble, concrete, terrazzo, pastel, linen."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import bpy
import kit
import materials as mt
import numpy as np
from plate_spec import Light, Plate

from plate_sets import shading as sh
from plate_sets.backdrops import sweep
from plate_sets.lights import color_world, even_world
from plate_sets.shadows import shade_only

# ---- materials


def _pits(material: bpy.types.Material, scale: float, share: float, code: str, size: float = 0.3) -> bpy.types.Material:
    """Small air holes, as cast concrete has."""
    where = sh.flecks(material, scale, code, share, size)
    sh.add_relief(material, sh.maths(material, "SUBTRACT", 1.0, where), 0.6, 0.02)
    return material


def studio_paper(name: str, color: str) -> bpy.types.Material:
    """Matt background paper: a trace of fibre, slight waves."""
    material = mt.principled(name, color, roughness=0.85, specular=0.25)
    sh.mottle(material, 90, 0.022, detail=3)
    sh.mottle(material, 14, 0.012, stretch=(1, 1.7, 1), detail=5)
    sh.mottle(material, 0.35, 0.02, detail=2)
    sh.flecks(material, 26, "#8d867c", 0.05, 0.05)
    mt.add_bump(material, 0.5, 0.06, detail=1, depth=0.2)
    return mt.add_bump(material, 70, 0.10, detail=4, depth=0.006)


def lime_plaster(name: str, color: str, trowel: float = 0.3) -> bpy.types.Material:
    """Lime plaster: cloudy colour, strokes of the trowel."""
    material = mt.principled(name, color, roughness=0.9, specular=0.2)
    sh.mottle(material, 0.45, 0.06, stretch=(1, 1, 1.6), detail=6)
    sh.mottle(material, 2.2, 0.035, stretch=(1, 1, 0.5), detail=6)
    sh.mottle(material, 45, 0.03, detail=3)
    mt.add_bump(material, 1.1, trowel, stretch=(1, 1, 0.6), detail=5, depth=0.06)
    return mt.add_bump(material, 26, 0.2, detail=4, depth=0.01)


def concrete(name: str, color: str, dark: str) -> bpy.types.Material:
    """Cast concrete: clouds, fine sand, air holes."""
    material = mt.principled(name, color, roughness=0.8, specular=0.3)
    sh.mottle(material, 0.5, 0.09, detail=6)
    sh.mottle(material, 2.6, 0.06, detail=6)
    sh.mottle(material, 60, 0.10, detail=3)
    sh.mottle(material, 17, 0.03, detail=4)
    mt.add_bump(material, 1.6, 0.12, detail=4, depth=0.04)
    mt.add_bump(material, 48, 0.25, detail=4, depth=0.008)
    _pits(material, 4.5, 0.45, dark, 0.10)
    return _pits(material, 16, 0.3, dark, 0.14)


def veined_marble(name: str) -> bpy.types.Material:
    """White marble with soft grey veins that fork and fade."""
    material = mt.principled(name, "#f1f0ed", roughness=0.2, specular=0.45)
    space = sh.object_space(material, (0.8, 1.25, 1))
    turned = sh.node(material, "Mapping", {"Vector": space, "Rotation": (0, 0, 0.62)}).outputs[0]
    for scale, width, share, bend in (
        (0.26, 0.05, 0.62, 1.6),
        (0.62, 0.022, 0.42, 2.2),
        (0.42, 0.007, 0.5, 1.2),
        (1.7, 0.016, 0.16, 1.5),
    ):
        noise = sh.noise(material, turned, scale, 6, bend)
        ridge = sh.maths(material, "ABSOLUTE", sh.maths(material, "SUBTRACT", noise, 0.5))
        line = sh.span(material, ridge, (0.0, width), (1, 0))
        fade = sh.span(material, sh.noise(material, turned, scale * 1.3 + 0.3, 2), (0.42, 0.62), (0.0, share))
        where = sh.maths(material, "MULTIPLY", sh.maths(material, "POWER", line, 1.6), fade)
        sh.set_input(material, "Base Color", sh.mix(material, where, sh.base_color(material), sh.rgba("#9b9da1")))
    sh.mottle(material, 0.5, 0.035, detail=5)
    sh.mottle(material, 55, 0.012, detail=3)
    material = mt.add_roughness(material, 0.15, 0.28, 2.3)
    return mt.add_bump(material, 1.5, 0.02, detail=2, depth=0.02)


def terrazzo(name: str, ground: str, chips: Sequence[str]) -> bpy.types.Material:
    """Stone chips of three sizes in cement, ground flat."""
    material = mt.principled(name, ground, roughness=0.42, specular=0.4)
    sh.mottle(material, 1.1, 0.03)
    sh.mottle(material, 70, 0.05, detail=3)
    steps = [(index / len(chips), code) for index, code in enumerate(chips)]
    for scale, share, gap in ((18.0, 0.5, 0.07), (7.5, 0.40, 0.09), (3.3, 0.3, 0.10)):
        wobble = sh.node(material, "TexNoise", {"Vector": sh.object_space(material), "Scale": scale * 1.4, "Detail": 2})
        shift = sh.node(material, "VectorMath", {0: wobble.outputs["Color"], 3: 0.35 / scale}, operation="SCALE")
        place = sh.node(
            material, "VectorMath", {0: sh.object_space(material), 1: shift.outputs[0]}, operation="ADD"
        ).outputs[0]
        cells = sh.node(material, "TexVoronoi", {"Vector": place, "Scale": scale})
        edges = sh.node(material, "TexVoronoi", {"Vector": place, "Scale": scale}, feature="DISTANCE_TO_EDGE")
        split = sh.node(material, "SeparateColor", {0: cells.outputs["Color"]})
        border = sh.maths(material, "MULTIPLY_ADD", split.outputs[2], 0.16, gap)
        inside = sh.span(material, sh.maths(material, "SUBTRACT", edges.outputs[0], border), (0.0, 0.02), (0, 1))
        where = sh.maths(material, "MULTIPLY", inside, sh.maths(material, "LESS_THAN", split.outputs[0], share))
        ramp = mt.ramp(material, steps)
        ramp.color_ramp.interpolation = "CONSTANT"
        material.node_tree.links.new(split.outputs[1], ramp.inputs[0])
        sh.set_input(material, "Base Color", sh.mix(material, where, sh.base_color(material), ramp.outputs[0]))
    sh.mottle(material, 9, 0.04, detail=5)
    return mt.add_roughness(material, 0.34, 0.5, 1.7)


def oak(name: str) -> bpy.types.Material:
    """Oiled oak with the grain along x; every object gets a board of its own."""
    dark, light = "#a88961", "#dcc49f"
    material = mt.principled(name, light, roughness=0.5, specular=0.35)
    wide = sh.object_space(material, (0.10, 1, 1), vary=True)
    rings = sh.maths(material, "MULTIPLY", sh.noise(material, wide, 0.8, 2, 0.3), 95.0)
    wave = sh.maths(material, "MULTIPLY_ADD", sh.maths(material, "SINE", rings), 0.5, 0.5)
    fibre = sh.noise(material, sh.object_space(material, (0.5, 34, 34), vary=True), 2.2, 4)
    pores = sh.noise(material, sh.object_space(material, (2.2, 60, 60), vary=True), 1.9, 1)
    tone = sh.maths(material, "MULTIPLY_ADD", wave, 0.26, sh.span(material, fibre, (0.3, 0.7), (0, 0.62)))
    sh.set_input(
        material,
        "Base Color",
        sh.mix(material, sh.span(material, tone, (0.08, 0.86), (0, 1)), sh.rgba(light), sh.rgba(dark)),
    )
    hole = sh.maths(
        material,
        "MULTIPLY",
        sh.span(material, pores, (0.56, 0.66), (0, 1)),
        sh.maths(material, "MULTIPLY_ADD", wave, 0.6, 0.4),
    )
    dim = sh.maths(material, "MULTIPLY", hole, 0.6)
    sh.set_input(material, "Base Color", sh.mix(material, dim, sh.base_color(material), sh.rgba("#6b4c2c")))
    # One board is a little paler or redder than the next.
    chance = sh.node(material, "ObjectInfo", {}).outputs["Random"]
    tint = sh.mix(material, chance, sh.rgba("#f4ece2"), sh.rgba("#ffffff"))
    sh.set_input(material, "Base Color", sh.mix(material, 1.0, sh.base_color(material), tint, "MULTIPLY"))
    sh.mottle(material, 0.5, 0.06, stretch=(0.6, 1.5, 1), vary=True)
    sh.add_relief(material, sh.maths(material, "SUBTRACT", fibre, hole), 0.18, 0.006)
    return mt.add_roughness(material, 0.42, 0.6, 2.6)


def slubbed_linen(name: str, color: str, threads: float = 34.0) -> bpy.types.Material:
    """Washed linen: uneven threads both ways, a few slubs."""
    material = mt.principled(name, color, roughness=0.9, specular=0.15, sheen=0.15)
    sh.mottle(material, threads * 0.5, 0.07, stretch=(0.03, 2.4, 1), detail=2)
    sh.mottle(material, threads * 0.5, 0.07, stretch=(2.4, 0.03, 1), detail=2)
    sh.mottle(material, threads * 1.6, 0.06, detail=2)
    sh.mottle(material, 0.6, 0.025, detail=3)
    slub = sh.noise(material, sh.object_space(material, (0.25, 9, 1)), 2.1, 2)
    where = sh.span(material, slub, (0.70, 0.76), (0, 0.25))
    sh.set_input(material, "Base Color", sh.mix(material, where, sh.base_color(material), sh.rgba("#fffdf8")))
    return mt.add_weave(material, 0.7 * threads, 0.16)


def ceramic(name: str, color: str) -> bpy.types.Material:
    """Matt stoneware with iron specks."""
    material = mt.principled(name, color, roughness=0.55)
    sh.mottle(material, 1.3, 0.04)
    sh.flecks(material, 14, "#8a7a68", 0.3, 0.12)
    return mt.add_bump(material, 2.2, 0.12, stretch=(0.3, 0.3, 3), detail=3, depth=0.02)


# ---- light


def room(bright: str, dim: str, strength: float, toward: kit.Point3) -> None:
    """Light from everywhere, brighter from the side of the windows than from the depth of the room."""
    world = even_world(bright, strength)
    aim = kit.Vector(toward).normalized()
    view = sh.node(world, "TexCoord", {}).outputs["Generated"]
    along = sh.node(world, "VectorMath", {0: view, 1: tuple(aim)}, operation="DOT_PRODUCT").outputs["Value"]
    color_world(world, sh.mix(world, sh.span(world, along, (-0.9, 0.9)), sh.rgba(dim), sh.rgba(bright)))


def shade_board(light: Light, at: kit.Point3, distance: float, size: tuple[float, float], roll: float = 0) -> None:
    """A board between the light and a point, square to the beam: its soft edge is a gradient of light."""
    board = kit.box("flag", (size[0], 0.1, size[1]), mt.principled("flag", "#202020"), bevel=0)
    board.data.transform(kit.Matrix.Translation((0, 0, -size[1] / 2)))
    board.data.transform(kit.Matrix.Rotation(math.radians(roll), 4, "Y"))
    board.rotation_euler = kit.Vector(light.to_light).to_track_quat("-Y", "Z").to_euler()
    board.location = kit.Vector(at) + distance * kit.Vector(light.to_light)
    shade_only([board])


def window_shade(
    light: Light,
    at: kit.Point3,
    distance: float,
    panes: tuple[int, int],
    pane: tuple[float, float],
    *,
    shift: tuple[float, float] = (0, 0),
    bar: float,
) -> None:
    """A window in a wall outside the picture. The light that falls on `at` passes it `shift` off its middle.

    A point that is d away from `at` gets the light that passes along(d) further right and up(d) higher:
    along(d) = d . (cos azimuth, sin azimuth, 0); up(d) = d.z - d . (sin azimuth, -cos azimuth, 0) tan elevation.
    """
    black = mt.principled("frame", "#202020")
    wall = 14.0
    width, height = (count * side for count, side in zip(panes, pane, strict=True))
    pieces = []
    for column in range(1, panes[0]):
        x = column * pane[0] - width / 2
        pieces.append(kit.box("bar", (bar, 0.1, height), black, at=(x, 0, -height / 2), bevel=0))
    for row in range(1, panes[1]):
        pieces.append(kit.box("bar", (width, 0.1, bar), black, at=(0, 0, row * pane[1] - (height + bar) / 2), bevel=0))
    for side in (-1, 1):
        x = side * (width + wall) / 2
        pieces.append(kit.box("wall", (wall, 0.1, height + 2 * wall), black, at=(x, 0, -height / 2 - wall), bevel=0))
        low = height / 2 if side > 0 else -height / 2 - wall
        pieces.append(kit.box("wall", (width, 0.1, wall), black, at=(0, 0, low), bevel=0))
    shade_only(pieces)
    middle = kit.Vector(at) + distance * kit.Vector(light.to_light)
    turn = math.radians(light.azimuth)
    middle -= kit.Vector((shift[0] * math.cos(turn), shift[0] * math.sin(turn), shift[1]))
    kit.gather(pieces, tuple(middle), (0, 0, light.azimuth))


# ---- props


def _wall(material: bpy.types.Material, y: float, width: float = 40.0, low: float = -12.0, high: float = 24.0) -> None:
    """A plane wall that faces the camera."""
    rings = [[(x, y, z) for z in (low, high)] for x in (-width / 2, width / 2)]
    kit.loft("wall", rings, material, caps=False, around=False)


def _boards(material: bpy.types.Material, ys: Sequence[float], length: float, shift: float = 0.0) -> None:
    """Boards along x between the given y's, tops at z = 0, edges rounded."""
    for front, back in itertools.pairwise(ys):
        board = kit.box("board", (length, back - front - 0.006, 0.4), material, bevel=0.012, segments=3)
        board.location = (shift, (front + back) / 2, -0.4)


def vase(material: bpy.types.Material, height: float, belly: float, neck: float) -> bpy.types.Object:
    """A thrown vase with a narrow neck, open at the top."""
    outside = [(0, 0), (0.55, 0), (0.62, 0.02), (0.9, 0.22), (1.0, 0.42), (0.86, 0.66)]
    points = [(r * belly, z * height) for r, z in outside]
    points += [(neck * 1.15, 0.84 * height), (neck, 0.93 * height), (neck * 1.25, height), (neck * 1.1, height)]
    points += [(neck * 0.8, 0.93 * height), (neck * 0.9, 0.8 * height), (0, 0.7 * height)]
    return kit.lathe("vase", kit.smooth_path(points, 8), material, sharp_angle=70)


def bowl(material: bpy.types.Material, radius: float, height: float) -> bpy.types.Object:
    """A bowl with a foot and a rounded lip."""
    points = [(0, 0), (0.42, 0), (0.44, 0.05), (0.5, 0.1), (0.82, 0.45), (0.98, 0.9), (1, 1), (0.96, 1), (0.93, 0.9)]
    points += [(0.76, 0.5), (0.4, 0.2), (0, 0.16)]
    return kit.lathe("bowl", kit.smooth_path([(r * radius, z * height) for r, z in points], 6), material)


def leaf(length: float, width: float, material: bpy.types.Material, bend: float = 0.2) -> bpy.types.Mesh:
    """The mesh of a pointed leaf along +x, folded a little at the midrib."""
    rings = []
    for t in np.linspace(0, 1, 9):
        half = width / 2 * math.sin(math.pi * t**0.8) ** 0.9 + 0.004 * length
        droop = -bend * length * t * t
        rings.append([(t * length, side * half, droop + abs(side) * 0.35 * half) for side in (-1, -0.5, 0, 0.5, 1)])
    obj = kit.loft("leaf", rings, material, caps=False, around=False, sharp_angle=180)
    mesh = obj.data
    bpy.data.objects.remove(obj)
    return mesh


def sprig(
    path: Sequence[kit.Point3],
    meshes: Sequence[bpy.types.Mesh],
    stem: bpy.types.Material,
    count: int,
    seed: int,
    thickness: float = 0.03,
) -> list[bpy.types.Object]:
    """A twig along the path with leaves in uneven pairs."""
    rng = np.random.default_rng(seed)
    line = kit.smooth_path(path, 10)
    made = [kit.tube("stem", line, list(np.linspace(thickness, thickness * 0.4, len(line))), stem, resolution=3)]
    for index, t in enumerate(np.linspace(0.22, 1.0, count)):
        at = t * (len(line) - 1)
        low = min(int(at), len(line) - 2)
        here = kit.Vector(line[low]).lerp(kit.Vector(line[low + 1]), at - low)
        along = (kit.Vector(line[low + 1]) - kit.Vector(line[low])).normalized()
        across = along.orthogonal()
        across.rotate(kit.Matrix.Rotation(index * 2.4 + rng.normal(0, 0.4), 3, along))
        way = along * rng.uniform(0.35, 0.9) + across * rng.uniform(0.7, 1.0) if t < 0.97 else along
        obj = kit.link(bpy.data.objects.new("leaf", meshes[int(rng.integers(len(meshes)))]))
        obj.location = here
        obj.rotation_euler = way.to_track_quat("X", "Z").to_euler()
        obj.scale = [rng.uniform(0.75, 1.15) * (1 - 0.35 * t)] * 3
        made.append(obj)
    return made


def arch_outline(width: float, spring: float, low: float = 0.0, middle: float = 0.0) -> list[kit.Point2]:
    """Corners of a round arch, counter-clockwise from the lower left."""
    radius = width / 2
    turn = np.linspace(0, math.pi, 49)
    return [
        (middle - radius, low),
        (middle + radius, low),
        *[(middle + radius * math.cos(a), spring + radius * math.sin(a)) for a in turn],
    ]


def slab(
    outlines: Sequence[Sequence[kit.Point2]], material: bpy.types.Material, y: float, thickness: float, bevel: float
) -> bpy.types.Object:
    """A standing board from outlines in x and z; outlines inside the first are holes. Its front lies at y."""
    curve = bpy.data.curves.new("slab", "CURVE")
    curve.dimensions = "2D"
    curve.fill_mode = "BOTH"
    curve.extrude = thickness / 2 - bevel
    curve.bevel_depth, curve.bevel_resolution = bevel, 3
    curve.offset = -bevel
    for outline in outlines:
        spline = curve.splines.new("POLY")
        spline.points.add(len(outline) - 1)
        for point, (x, z) in zip(spline.points, outline, strict=True):
            point.co = (x, z, 0, 1)
        spline.use_cyclic_u = True
    curve.materials.append(material)
    obj = kit.link(bpy.data.objects.new("slab", curve))
    return kit.place(obj, (0, y + thickness / 2, 0), (90, 0, 0))


def disc(
    material: bpy.types.Material, radius: float, top: float, thickness: float, at: kit.Point2, soft: float
) -> None:
    """A low round podium with rounded edges, its top at the height `top`."""
    turn = np.linspace(0, math.pi / 2, 8)
    edge = [(radius - soft + soft * math.sin(a), thickness - soft + soft * math.cos(a)) for a in turn]
    profile = [(0, 0), (radius, 0), *reversed(edge), (0, thickness)]
    obj = kit.lathe("disc", profile, material, segments=192, sharp_angle=50)
    obj.location = (*at, top - thickness)


def curtain(
    material: bpy.types.Material,
    start: kit.Point2,
    end: kit.Point2,
    height: tuple[float, float],
    folds: float,
    depth: float,
    seed: int,
) -> bpy.types.Object:
    """Hanging cloth between two points of the floor, in folds that grow and wander downwards."""
    along = np.linspace(0, 1, int(folds * 14))
    first, last = np.array(start), np.array(end)
    way = (last - first) / np.linalg.norm(last - first)
    across = np.array([-way[1], way[0]])
    rings = []
    for t, z in zip(np.linspace(0, 1, 16), np.linspace(height[1], height[0], 16), strict=True):
        phase = 2 * math.pi * folds * along + 1.5 * kit.value_noise(along * folds * 0.7, 0 * along + 1.2 * t, seed)
        swell = 0.65 + 0.35 * kit.value_noise(along * folds * 0.45, 0 * along + t, seed + 1)
        wave = depth * (0.6 + 0.4 * t) * swell * np.sin(phase)
        spots = first + along[:, None] * (last - first) + wave[:, None] * across
        rings.append([(x, y, z) for x, y in spots])
    return kit.loft("curtain", rings, material, caps=False, around=False, sharp_angle=180)


# ---- sets

_WHITE_LIGHT = Light(azimuth=-62, elevation=46, size=28, kelvin=5700)


def white_sweep() -> None:
    sweep(studio_paper("white-paper", "#eeece8"), start=3.4, radius=4.5)
    room("#ffffff", "#b9bcc2", 0.50, (-1, -0.6, 0.8))
    # The wall's upper right falls off; a reflector's stand outside the picture dims the floor's right edge.
    shade_board(_WHITE_LIGHT, (5.5, 8.0, 4.6), 9.0, (7.0, 9.0), roll=18)
    shade_board(_WHITE_LIGHT, (5.0, 1.0, 0.0), 9.0, (3.4, 12.0), roll=-30)


_GREY_LIGHT = Light(azimuth=-46, elevation=36, size=5.5, kelvin=5300)


def grey_sweep() -> None:
    sweep(studio_paper("grey-paper", "#c8c1b6"), start=4.5, radius=2.5)
    room("#fffaf2", "#b9b7b6", 0.5, (-1, -0.5, 0.9))
    window_shade(_GREY_LIGHT, (0.3, 6.9, 1.9), 11.0, (4, 3), (2.7, 3.1), shift=(-3.7, 3.2), bar=0.26)


_OAK_LIGHT = Light(azimuth=-58, elevation=30, size=2.2, kelvin=4900)


def oak_window() -> None:
    rows = np.cumsum([-7.0, 1.3, 1.15, 1.45, 1.25, 1.4, 1.2, 1.35, 1.25])
    _boards(oak("oak"), [*rows.tolist()], 24.0, 2.3)
    _wall(lime_plaster("wall", "#ebe4d9", 0.35), 5.6)
    room("#f6f7ff", "#d6c8b8", 0.45, (-1, -0.3, 0.6))
    window_shade(_OAK_LIGHT, (0.5, 5.6, 1.6), 13.0, (6, 4), (1.5, 1.6), shift=(-3.3, 2.1), bar=0.14)
    jug = vase(ceramic("stoneware", "#d8d0c3"), 1.5, 0.66, 0.2)
    jug.location = (2.25, 2.5, 0)
    green, stem = mt.principled("olive", "#7f8a68", roughness=0.6), mt.principled("twig", "#6d5b45", roughness=0.8)
    meshes = [leaf(0.62, 0.16, green, bend) for bend in (0.1, 0.25, 0.4)]
    foot = (2.25, 2.5, 1.3)
    for seed, path in enumerate(
        (((2.1, 2.5, 2.0), (1.6, 2.4, 2.5)), ((2.4, 2.6, 2.1), (2.6, 2.6, 3.0)), ((2.3, 2.4, 1.8), (2.7, 2.2, 2.3)))
    ):
        sprig((foot, *path), meshes, stem, 17, seed, 0.02)
    curtain(slubbed_linen("curtain", "#efe9df", 20), (-4.6, 4.9), (-1.95, 5.2), (-9, 12), 5, 0.2, 4)


_MARBLE_LIGHT = Light(azimuth=-60, elevation=42, size=38, kelvin=5900)


def _kitchen() -> None:
    """Cabinets, a worktop and tiles 3 m behind the counter."""
    front = mt.principled("cabinet", "#e4e5e0", roughness=0.5)
    brass = mt.metal("brass", "#c7a368", 0.3)
    wood = mt.wood("worktop", "#a98559", "#c09c70", "#d2b38a")
    for column in range(-4, 5):
        x = 6.0 * column + 1.6
        kit.box("door", (5.9, 0.3, 7.4), front, at=(x, 30, -8.2), bevel=0.06)
        kit.box(
            "panel", (4.5, 0.1, 5.8), mt.principled("panel", "#dedfda", roughness=0.5), at=(x, 29.8, -7.4), bevel=0.04
        )
        kit.tube("handle", [(x - 0.8, 29.5, -1.3), (x + 0.8, 29.5, -1.3)], 0.1, brass)
    kit.box("worktop", (60, 7, 0.45), wood, at=(0, 32.6, -0.6), bevel=0.05)
    _wall(mt.tiles("tiles", "#eceae4", "#d5d1c8", (2.4, 0.8)), 36.0, 80, -1, 30)
    kit.box("floor", (90, 60, 0.1), mt.principled("floor", "#c8b59b", roughness=0.5), at=(0, 20, -9.2), bevel=0)
    clay, white = ceramic("clay", "#c9ad92"), mt.principled("white", "#efece6", roughness=0.35)
    vase(white, 4.0, 1.2, 0.6).location = (-5.3, 33, -0.15)
    bowl(clay, 1.6, 1.3).location = (5.4, 32.4, -0.15)
    kit.place(kit.box("cutting-board", (3.4, 0.3, 4.6), wood, bevel=0.15), (7.6, 35.2, -0.15), (-10, 0, 0))
    kit.lathe("jar", [(0, 0), (0.9, 0), (0.9, 2.4), (0.8, 2.6), (0, 2.6)], white).location = (-2.7, 33.4, -0.15)
    green = mt.principled("herb", "#8b9f78", roughness=0.6)
    meshes = [leaf(1.5, 0.55, green, bend) for bend in (0.1, 0.4)]
    for seed in range(5):
        tip = (-5.3 + 1.4 * math.sin(2.2 * seed + 0.5), 33 + math.cos(seed), 6.0 + 0.4 * (seed % 3))
        sprig(((-5.3, 33, 3.4), (-5.3 + 0.3 * math.sin(2.2 * seed), 33, 4.8), tip), meshes, green, 10, seed)


def marble_counter() -> None:
    slab_top = veined_marble("marble")
    kit.box("counter", (30, 12.2, 0.3), slab_top, at=(0, -1.9, -0.3), bevel=0.035)
    kit.box("body", (29.4, 11.6, 8.9), mt.principled("body", "#d6d4ce"), at=(0, -1.9, -9.2), bevel=0.02)
    _kitchen()
    room("#fbfdff", "#d2cfc9", 0.6, (-1, -0.3, 0.5))


_CONCRETE_LIGHT = Light(azimuth=48, elevation=38, size=1.6, kelvin=5300)


def concrete_plinth() -> None:
    pale = concrete("slab", "#c2bdb5", "#7d776f")
    kit.box("plinth", (9.2, 5.4, 0.75), pale, at=(-2.2, 0.75, -0.75), bevel=0.03)
    kit.box("step", (3.4, 2.4, 1.5), concrete("step", "#b6b0a7", "#7d776f"), at=(-3.1, 4.9, -0.75), bevel=0.03)
    kit.box("ground", (60, 60, 0.2), concrete("ground", "#a9a39a", "#7d776f"), at=(0, 0, -0.95), bevel=0)
    shell = concrete("wall", "#c3beb6", "#827c74")
    hole = mt.principled("hole", "#8a847c", roughness=0.9)
    for column in range(-3, 4):
        for row in range(3):
            x, z = 5.2 * column + 1.1, 2.7 * row - 1.2
            kit.box("panel", (5.185, 0.5, 2.685), shell, at=(x, 8.4, z), bevel=0.02)
            for side in (-1.5, 1.5):
                kit.ball("tie", (0.09, 0.02, 0.09), (x + side, 8.15, z + 1.35), hole, rows=12)
    room("#f3f5fa", "#c9c2b8", 0.5, (0.6, -0.6, 0.9))
    shade_board(_CONCRETE_LIGHT, (-4.6, 8.0, 3.4), 14.0, (9.0, 14.0), roll=30)


_TERRAZZO_LIGHT = Light(azimuth=-50, elevation=40, size=2.2, kelvin=5400)


def terrazzo_shelf() -> None:
    chips = ("#f6f3ec", "#bcc3b0", "#d9bda5", "#aaa69d", "#e6d6c2", "#8d9788", "#f0ebe1")
    kit.box("shelf", (30, 14.0, 0.5), terrazzo("terrazzo", "#ece7de", chips), at=(0, -2.4, -0.5), bevel=0.03)
    green = lime_plaster("sage", "#c3c9bb", 0.2)
    field = [(-14, -2), (14, -2), (14, 12), (-14, 12)]
    slab([field, arch_outline(3.3, 0.95, -1.0, 0.25)], green, 4.0, 0.85, 0.05)
    _wall(lime_plaster("niche", "#dadfd2", 0.2), 4.8)
    room("#fdfdf8", "#b9bdb4", 0.46, (-1, -0.6, 0.9))
    leafy = mt.principled("leafy", "#7c8a6a")
    meshes = [leaf(1.25, 0.36, leafy, 0.2)]
    light = kit.Vector(_TERRAZZO_LIGHT.to_light)
    made = []
    for seed, (x, z, dx) in enumerate(((-2.6, 2.4, 1.2), (-3.0, 1.2, 1.0), (2.4, 2.8, 0.9))):
        root = kit.Vector((x, 4.0, z)) + 4.5 * light
        tip = [root + kit.Vector((dx * t, 0, -0.5 * t * t)) for t in (0.0, 1.0, 2.0)]
        made += sprig([tuple(p) for p in tip], meshes, leafy, 16, seed + 3)
    shade_only(made)


_PASTEL_LIGHT = Light(azimuth=56, elevation=44, size=11, kelvin=5500)


def pastel_podium() -> None:
    cream = lime_plaster("cream", "#f1e9df", 0.08)
    disc(cream, 2.95, 0.0, 0.34, (0.1, 0.95), 0.06)
    disc(lime_plaster("rose", "#e2cabf", 0.08), 3.6, -0.34, 0.26, (-0.15, 1.15), 0.06)
    ground = lime_plaster("ground", "#ecdcd3", 0.1)
    kit.box("ground", (60, 60, 0.2), ground, at=(0, 0, -0.8), bevel=0)
    _wall(lime_plaster("wall", "#eeddd5", 0.12), 8.2)
    slab([arch_outline(5.0, 2.2, -2.0, -0.9)], lime_plaster("arch-1", "#ddc0b4", 0.1), 7.7, 0.5, 0.06)
    slab([arch_outline(3.4, 1.6, -2.0, -0.6)], lime_plaster("arch-2", "#f2eae0", 0.1), 7.2, 0.5, 0.06)
    slab([arch_outline(2.6, 0.9, -2.0, 3.3)], lime_plaster("arch-3", "#cdd4cc", 0.1), 6.5, 0.7, 0.06)
    room("#fffaf6", "#d9c3c0", 0.50, (1, -0.6, 0.9))


_LINEN_LIGHT = Light(azimuth=98, elevation=36, size=24, kelvin=5700)


# Folds of the tablecloth: a point of each, degrees of its run, half width, height, curvature.
_FOLDS = (
    (0.4, 2.05, 8, 0.16, 0.13, 0.10),
    (-1.6, 2.75, -14, 0.22, 0.20, 0.06),
    (1.9, 2.95, 24, 0.20, 0.20, -0.08),
    (2.05, 0.6, 62, 0.16, 0.13, 0.16),
    (-2.1, 0.9, 112, 0.17, 0.14, -0.12),
    (0.2, 3.7, 3, 0.26, 0.22, -0.05),
)


def _cloth_height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Level where products stand, soft folds that run out of the picture left, right and behind."""
    height = 0.004 * kit.value_noise(0.9 * x + 7, 0.9 * y + 3, 5)
    for px, py, run, half, rise, curve in _FOLDS:
        turn = math.radians(run)
        along = (x - px) * math.cos(turn) + (y - py) * math.sin(turn)
        off = (y - py) * math.cos(turn) - (x - px) * math.sin(turn) - curve * along**2
        off = off + 0.1 * kit.value_noise(0.8 * along + 11 * px, 0 * along + py, 8)
        # Steep on one side and long on the other, as cloth falls that was pushed.
        spread = np.where(off > 0, half * 2.2, half) * (1 + 0.25 * kit.value_noise(along, 0 * along + px, 4))
        height = height + rise * np.exp(-((off / spread) ** 2)) * np.exp(-((along / 3.2) ** 2))
    side = np.clip((np.abs(x) - 1.45) / 0.9, 0, 1)
    back = np.clip((y - 1.2) / 0.9, 0, 1)
    free = np.maximum(side * side * (3 - 2 * side), back * back * (3 - 2 * back))
    return height * free


def linen_table() -> None:
    cloth = slubbed_linen("cloth", "#e4dbcb")
    kit.grid("cloth", 18.0, 400, lambda x, y: _cloth_height(x, y - 3.5), cloth).location = (0, -3.5, 0)
    sheer = mt.principled("sheer", "#f8f4ec", roughness=0.9, emission=0.44)
    curtain(sheer, (-9, 13.0), (9, 13.4), (-9, 14), 16, 0.35, 2)
    _wall(mt.principled("wall", "#e9e6df", roughness=0.9), 15.0)
    pot = vase(ceramic("jug", "#dcd3c4"), 2.0, 0.7, 0.4)
    pot.location = (-2.25, 3.3, 0.05)
    room("#fbfdff", "#cfc9bf", 0.46, (1, 0.5, 0.5))


PLATES = [
    Plate(
        name="white-sweep",
        title="White paper",
        season="any",
        build=white_sweep,
        mood=("neutral", "clean", "airy", "studio"),
        setting="seamless white paper in a photo studio, soft light from the left",
        light=_WHITE_LIGHT,
        key=0.76,
        pitch=11,
        floor_end=3.4,
        height_cm=(3, 120),
        blur=0.012,
    ),
    Plate(
        name="grey-sweep",
        title="Warm grey paper",
        season="any",
        build=grey_sweep,
        mood=("neutral", "calm", "studio"),
        setting="warm grey seamless paper in a photo studio, soft light of a window on the wall",
        light=_GREY_LIGHT,
        key=1.05,
        floor_end=4.5,
        height_cm=(3, 120),
        blur=0.012,
    ),
    Plate(
        name="oak-window",
        title="Oak table by the window",
        season="any",
        build=oak_window,
        mood=("warm", "natural", "homely", "calm"),
        setting="oak table by a window, low sun on a pale plaster wall, olive twigs in a stoneware vase",
        light=_OAK_LIGHT,
        key=1.35,
        pitch=10,
        floor_end=3.3,
        height_cm=(4, 45),
        blur=0.02,
    ),
    Plate(
        name="marble-counter",
        title="Marble counter",
        season="any",
        build=marble_counter,
        mood=("fresh", "clean", "elegant", "kitchen"),
        setting="white marble counter with soft grey veins in a pale kitchen",
        light=_MARBLE_LIGHT,
        key=0.8,
        pitch=8,
        focal=3.0,
        floor_end=4.2,
        height_cm=(4, 45),
        blur=0.042,
        gloss=0.12,
        roughness=0.2,
    ),
    Plate(
        name="concrete-plinth",
        title="Concrete plinth",
        season="any",
        build=concrete_plinth,
        mood=("modern", "architectural", "cool", "urban"),
        setting="low concrete plinth before a wall of cast concrete, hard sun",
        light=_CONCRETE_LIGHT,
        key=1.3,
        pitch=9,
        distance=14.0,
        floor_end=3.4,
        height_cm=(6, 80),
        blur=0.012,
    ),
    Plate(
        name="terrazzo-shelf",
        title="Terrazzo shelf",
        season="any",
        build=terrazzo_shelf,
        mood=("fresh", "modern", "calm", "botanical"),
        setting="terrazzo shelf before a sage green plaster wall with an arched niche, shadows of leaves",
        light=_TERRAZZO_LIGHT,
        key=1.0,
        pitch=9,
        floor_end=4.0,
        height_cm=(4, 45),
        blur=0.014,
        gloss=0.03,
        roughness=0.45,
    ),
    Plate(
        name="pastel-podium",
        title="Pastel podium",
        season="any",
        build=pastel_podium,
        mood=("soft", "playful", "cosmetic", "modern"),
        setting="cream round podium before a blush wall with plaster arches",
        light=_PASTEL_LIGHT,
        key=0.69,
        pitch=11,
        distance=13.0,
        floor_end=3.8,
        height_cm=(4, 60),
        blur=0.014,
    ),
    Plate(
        name="linen-table",
        title="Linen tablecloth",
        season="any",
        build=linen_table,
        mood=("airy", "soft", "natural", "homely"),
        setting="washed linen tablecloth in airy window light, sheer curtains behind",
        light=_LINEN_LIGHT,
        key=1.05,
        pitch=13,
        floor_end=5.5,
        height_cm=(3, 45),
        blur=0.028,
    ),
]
