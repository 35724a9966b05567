"""Shapes that the families share: bundles of wire, cut plates, padded cloth, hair, curved bodies.

Lengths are in units of 10 cm. What is drawn from `rng` differs between two products; what is passed in does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import bpy
import kit
import numpy as np
from mathutils import Matrix, Vector
from mathutils.geometry import delaunay_2d_cdt

Rng = np.random.Generator
Path3 = np.ndarray | Sequence[Sequence[float]]
Outline = np.ndarray | Sequence[kit.Point2]


# ---- paths and outlines


def arc(
    radius: float, start: float, stop: float, count: int = 24, center: kit.Point2 = (0, 0)
) -> list[tuple[float, float]]:
    """Points of an arc in the plane; angles in degrees."""
    angles = np.radians(np.linspace(start, stop, count))
    return [(center[0] + radius * math.cos(a), center[1] + radius * math.sin(a)) for a in angles]


def ring(radius: float, count: int = 48, at: kit.Point3 = (0, 0, 0), normal: kit.Point3 = (0, 0, 1)) -> np.ndarray:
    """Points (count, 3) of a circle around a normal."""
    turn = Vector((0, 0, 1)).rotation_difference(Vector(normal)).to_matrix()
    return np.array(kit.circle(radius, count)) @ np.array(turn).T + np.array(at)


def superellipse(half_x: float, half_y: float, power: float, count: int = 40) -> np.ndarray:
    """Outline (count, 2): power 2 is an ellipse, more is squarer."""
    a = np.linspace(0, 2 * math.pi, count, endpoint=False)
    c, s = np.cos(a), np.sin(a)
    x = np.sign(c) * np.abs(c) ** (2 / power) * half_x
    return np.stack([x, np.sign(s) * np.abs(s) ** (2 / power) * half_y], axis=-1)


def rounded(corners: Outline, steps: int = 6, cut: float = 0.25) -> np.ndarray:
    """Outline (n, 2) through cut-off corners: a polygon with its corners rounded.

    `cut` is the share of each side that a corner takes, below 0.5.
    """
    pts = np.asarray(corners, float)
    out = []
    for before, here, after in zip(np.roll(pts, 1, 0), pts, np.roll(pts, -1, 0), strict=True):
        a, b = here + (before - here) * cut, here + (after - here) * cut
        for t in np.linspace(0, 1, steps):
            out.append((1 - t) ** 2 * a + 2 * t * (1 - t) * here + t**2 * b)
    return np.array(out)


def mirrored(half: Outline) -> np.ndarray:
    """A closed outline from its right half, which runs from the lower end at x = 0 to the upper one."""
    right = np.asarray(half, float)
    left = right[::-1] * (-1, 1)
    keep = np.abs(left[:, 0]) > 1e-6
    return np.vstack([right, left[keep]])


def stood(flat: Outline, y: float = 0.0) -> np.ndarray:
    """Points of the plane put upright: (x, y) becomes (x, `y`, z)."""
    pts = np.asarray(flat, float)
    return np.stack([pts[:, 0], np.full(len(pts), y), pts[:, 1]], axis=-1)


def laid(flat: Outline, z: float = 0.0) -> np.ndarray:
    """Points of the plane at a height."""
    pts = np.asarray(flat, float)
    return np.column_stack([pts, np.full(len(pts), z)])


def along(path: Path3, count: int) -> np.ndarray:
    """`count` points (count, 3) at even distances along a path."""
    pts = np.asarray(path, float)
    far = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(pts, axis=0), axis=1))])
    at = np.linspace(0, far[-1], count)
    return np.stack([np.interp(at, far, pts[:, axis]) for axis in range(pts.shape[1])], axis=-1)


def lumps(points: np.ndarray, rng: Rng, scale: float, waves: int = 6) -> np.ndarray:
    """Smooth noise (n,), some -1 to 1, at points (n, 3): a sum of waves, `scale` of them for one unit."""
    ways = rng.normal(size=(waves, 3))
    ways *= (scale * rng.uniform(0.5, 1.6, (waves, 1))) * 2 * math.pi / np.linalg.norm(ways, axis=1, keepdims=True)
    return np.sin(points @ ways.T + rng.uniform(0, 6.3, waves)).sum(axis=1) / math.sqrt(waves)


# ---- wire and plates


def wires(
    name: str,
    paths: Sequence[Path3],
    radius: float,
    material: bpy.types.Material,
    *,
    closed: bool = False,
    resolution: int = 2,
) -> bpy.types.Object:
    """Many round wires as one object."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions = "3D"
    curve.bevel_depth = radius
    curve.bevel_resolution = resolution
    curve.use_fill_caps = True
    for path in paths:
        pts = np.asarray(path, np.float32)
        spline = curve.splines.new("POLY")
        spline.points.add(len(pts) - 1)
        spline.points.foreach_set("co", np.column_stack([pts, np.ones(len(pts), np.float32)]).ravel())
        spline.use_cyclic_u = closed
        spline.use_smooth = True
    curve.materials.append(material)
    return kit.link(bpy.data.objects.new(name, curve))


def plate(
    name: str,
    outlines: Sequence[Outline],
    thickness: float,
    material: bpy.types.Material,
    *,
    bevel: float = 0.01,
    at: kit.Point3 = (0, 0, 0),
    turn: kit.Point3 = (0, 0, 0),
) -> bpy.types.Object:
    """A flat plate cut from outlines in the plane, around z = 0; an outline inside another one is a hole.

    The bevel adds to the outline and to the thickness.
    """
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions = "2D"
    curve.fill_mode = "BOTH"
    curve.extrude = thickness / 2
    curve.bevel_depth, curve.bevel_resolution = bevel, 2
    for outline in outlines:
        pts = np.asarray(outline, np.float32)
        spline = curve.splines.new("POLY")
        spline.points.add(len(pts) - 1)
        rows = np.zeros((len(pts), 4), np.float32)
        rows[:, :2], rows[:, 3] = pts, 1
        spline.points.foreach_set("co", rows.ravel())
        spline.use_cyclic_u = True
    curve.materials.append(material)
    return kit.place(kit.link(bpy.data.objects.new(name, curve)), at, turn)


def turned(
    name: str,
    profile: Outline,
    material: bpy.types.Material,
    *,
    at: kit.Point3 = (0, 0, 0),
    turn: kit.Point3 = (0, 0, 0),
    segments: int = 40,
    smooth: int = 0,
) -> bpy.types.Object:
    """A turned part; `smooth` steps round the profile."""
    if smooth:
        profile = kit.smooth_path(profile, smooth)
    return kit.place(kit.lathe(name, profile, material, segments=segments), at, turn)


def rod(
    name: str,
    start: Sequence[float],
    stop: Sequence[float],
    radius: float | tuple[float, float],
    material: bpy.types.Material,
) -> bpy.types.Object:
    """A straight round bar; two radii make it taper."""
    low, high = (radius, radius) if isinstance(radius, int | float) else radius
    return kit.tube(name, [start, stop], [low, high], material, resolution=4)


def ball(
    name: str,
    radius: float | kit.Point3,
    at: kit.Point3,
    material: bpy.types.Material,
    *,
    turn: kit.Point3 = (0, 0, 0),
    rows: int = 14,
) -> bpy.types.Object:
    """A small ellipsoid of few faces."""
    return kit.ball(name, radius, at, material, turn=turn, rows=rows)


# ---- bodies


def points_of(obj: bpy.types.Object) -> np.ndarray:
    """Vertices (n, 3) of a mesh object in its own space."""
    flat = np.empty(3 * len(obj.data.vertices))
    obj.data.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def bend(obj: bpy.types.Object, change: Callable[[np.ndarray], np.ndarray]) -> bpy.types.Object:
    """Move all vertices of a mesh: `change` gets and gives points (n, 3)."""
    obj.data.vertices.foreach_set("co", np.ascontiguousarray(change(points_of(obj))).ravel())
    obj.data.update()
    return obj


def uneven(obj: bpy.types.Object, rng: Rng, amount: float, scale: float) -> bpy.types.Object:
    """Push the vertices in and out along their normals by smooth noise."""
    normals = np.empty(3 * len(obj.data.vertices), np.float32)
    obj.data.vertex_normals.foreach_get("vector", normals)
    return bend(obj, lambda p: p + normals.reshape(-1, 3) * (amount * lumps(p, rng, scale))[:, None])


def body(
    name: str,
    sections: Sequence[tuple[float, float, float, float, float]],
    material: bpy.types.Material,
    *,
    power: float = 2.5,
    count: int = 36,
    steps: int = 4,
) -> bpy.types.Object:
    """A smooth body along z through sections (z, middle x, middle y, half width x, half depth y)."""
    rows = kit.smooth_path(sections, steps)
    rings = [laid(superellipse(max(w, 1e-3), max(d, 1e-3), power, count) + (x, y), z) for z, x, y, w, d in rows]
    return kit.loft(name, rings, material, sharp_angle=75)


def sheet(
    name: str,
    outline: Outline,
    step: float,
    height: Callable[[np.ndarray, np.ndarray], np.ndarray],
    material: bpy.types.Material,
    *,
    back: float = -0.5,
) -> bpy.types.Object:
    """A cushion-like body over an outline: `height` gets points (n, 2) and their distance (n,) to the border.

    The lower side is the upper one times `back`. UV: the outline's bounding box.
    """
    border = np.asarray(outline, float)
    low, high = border.min(axis=0), border.max(axis=0)
    xs, ys = (np.arange(low[i] + step / 2, high[i], step) for i in (0, 1))
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    grid = grid[inside(grid, border) & (_distance(grid, border) > 0.45 * step)]
    pts = np.vstack([border, grid])
    ring_edges = [(i, (i + 1) % len(border)) for i in range(len(border))]
    flat, _, faces, *_ = delaunay_2d_cdt([Vector(p) for p in pts], ring_edges, [list(range(len(border)))], 1, 1e-6)
    flat = np.array([tuple(p) for p in flat])
    far = _distance(flat, border)
    up = height(flat, far)
    on_border = far < 1e-6
    lower = np.where(on_border, np.arange(len(flat)), np.arange(len(flat)) + len(flat))
    verts = np.vstack([np.column_stack([flat, up]), np.column_stack([flat, up * back])])
    tris = [list(f) for f in faces] + [[int(lower[i]) for i in f[::-1]] for f in faces]
    obj = kit.mesh_object(name, verts, tris, material, sharp_angle=120)
    _planar_uv(obj, (flat - low) / (high - low), len(flat))
    return obj


def _planar_uv(obj: bpy.types.Object, uv: np.ndarray, count: int) -> None:
    """UV by vertex; vertices from `count` on are the lower side."""
    index = np.empty(len(obj.data.loops), np.int32)
    obj.data.loops.foreach_get("vertex_index", index)
    obj.data.uv_layers.new(name="UVMap").data.foreach_set("uv", uv[index % count].astype(np.float32).ravel())


def inside(points: np.ndarray, outline: Outline) -> np.ndarray:
    """Which of the points (n, 2) lie in the outline."""
    a = np.asarray(outline, float)
    b = np.roll(a, -1, axis=0)
    x, y = points[:, :1], points[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        cut = a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    crossed = ((a[:, 1] > y) != (b[:, 1] > y)) & (x < cut)
    return crossed.sum(axis=1) % 2 == 1


def _distance(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Distance (n,) of points to the outline's sides."""
    a = outline
    way = np.roll(a, -1, axis=0) - a
    off = points[:, None] - a
    t = np.clip((off * way).sum(-1) / np.maximum((way**2).sum(-1), 1e-12), 0, 1)
    return np.linalg.norm(off - t[..., None] * way, axis=-1).min(axis=1)


# ---- hair


def strands(name: str, paths: np.ndarray, radius: float, material: bpy.types.Material) -> bpy.types.Object:
    """Hairs from paths (hairs, points, 3) that taper to their tips."""
    count, points, _ = paths.shape
    curves = bpy.data.hair_curves.new(name)
    curves.add_curves([points] * count)
    curves.attributes["position"].data.foreach_set("vector", np.ascontiguousarray(paths, np.float32).ravel())
    taper = np.tile(radius * (1 - 0.75 * np.linspace(0, 1, points) ** 2), count).astype(np.float32)
    widths = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
    widths.data.foreach_set("value", taper)
    curves.materials.append(material)
    # Framing goes by the points of meshes; loose points are not rendered.
    tips = paths[:: max(1, count // 200), points // 2 :].reshape(-1, 3)
    made = kit.link(bpy.data.objects.new(name, curves))
    kit.mesh_object("tips", tips, [], None).parent = made
    return made


def on_skin(obj: bpy.types.Object, count: int, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Points and outward normals (count, 3), spread evenly over a mesh, in world space (parents left out)."""
    obj.data.calc_loop_triangles()
    corners = np.empty(3 * len(obj.data.loop_triangles), np.int32)
    obj.data.loop_triangles.foreach_get("vertices", corners)
    matrix = np.array(Matrix.LocRotScale(obj.location, obj.rotation_euler, obj.scale))
    verts = points_of(obj) @ matrix[:3, :3].T + matrix[:3, 3]
    a, b, c = (verts[corners.reshape(-1, 3)[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    area = np.linalg.norm(normals, axis=1)
    pick = rng.choice(len(area), count, p=area / area.sum())
    u, v = rng.random((2, count, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    at = a[pick] + u * (b - a)[pick] + v * (c - a)[pick]
    return at, normals[pick] / np.maximum(area[pick], 1e-12)[:, None]


def fur(
    skins: Sequence[bpy.types.Object],
    count: int,
    length: float,
    radius: float,
    material: bpy.types.Material,
    rng: Rng,
    *,
    droop: float = 0.3,
    mess: float = 0.35,
    curl: float = 0.0,
    points: int = 5,
) -> bpy.types.Object:
    """Hair on skins, `count` in all: `droop` is how far it hangs, `mess` how far it strays, `curl` how it winds."""
    areas = np.array([np.prod(sorted(skin.dimensions)[1:]) for skin in skins])
    shares = np.maximum(1, count * areas / areas.sum()).astype(int)
    found = [on_skin(skin, int(n), rng) for skin, n in zip(skins, shares, strict=True)]
    root, normal = np.vstack([f[0] for f in found]), np.vstack([f[1] for f in found])
    # Neighbours lean the same way: the stray is smooth noise, and only a little of it is each hair's own.
    lean = np.stack([lumps(root, rng, 1.2 / max(length, 0.1)) for _ in range(3)], axis=-1)
    way = normal + mess * (0.7 * lean + 0.5 * rng.normal(size=root.shape))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    size = length * rng.uniform(0.6, 1.15, (len(root), 1, 1))
    t = np.linspace(0, 1, points)[None, :, None]
    path = root[:, None] + way[:, None] * size * t
    path[..., 2] -= (droop * size * t**2)[..., 0]
    if curl:
        phase = rng.uniform(0, 6.3, (len(root), 1)) + np.linspace(0, 9, points)
        path[..., 0] += curl * length * np.sin(phase) * t[..., 0]
        path[..., 1] += curl * length * np.cos(phase) * t[..., 0]
    path[..., 2] = np.maximum(path[..., 2], radius)
    return strands("fur", path, radius, material)
