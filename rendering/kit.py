"""Mesh helpers for the sample catalog: everything is built from profiles, rings and curves.

One Blender unit is 10 cm: lengths of products then lie near 1, where Cycles is numerically at ease.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import bpy
import numpy as np
from mathutils import Matrix, Vector

Point2 = tuple[float, float]
Point3 = tuple[float, float, float]


def reset_scene() -> None:
    """Start from an empty file, so that one picture never depends on the one rendered before it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)


def link(obj: bpy.types.Object) -> bpy.types.Object:
    """Put an object into the scene and hand it back."""
    bpy.context.scene.collection.objects.link(obj)
    return obj


def smooth_path(points: Sequence[Sequence[float]], steps: int = 8, closed: bool = False) -> np.ndarray:
    """Catmull-Rom curve through the points, `steps` samples for each span."""
    pts = np.asarray(points, dtype=float)
    padded = np.vstack([pts[-1], pts, pts[:2]]) if closed else np.vstack([pts[0], pts, pts[-1]])
    out = []
    for i in range(len(padded) - 3):
        p0, p1, p2, p3 = padded[i : i + 4]
        for t in np.linspace(0, 1, steps, endpoint=False):
            out.append(
                0.5
                * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
            )
    if not closed:
        out.append(pts[-1])
    return np.array(out)


def circle(radius: float, count: int = 64, center: Point3 = (0, 0, 0)) -> list[Point3]:
    """Points of a horizontal circle."""
    angles = np.linspace(0, 2 * math.pi, count, endpoint=False)
    cx, cy, cz = center
    return [(cx + radius * math.cos(a), cy + radius * math.sin(a), cz) for a in angles]


def mesh_object(
    name: str,
    verts: Sequence[Sequence[float]],
    faces: Sequence[Sequence[int]],
    material: bpy.types.Material | None,
    sharp_angle: float = 40,
) -> bpy.types.Object:
    """A smooth-shaded mesh whose edges stay sharp above `sharp_angle` degrees."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([tuple(v) for v in verts], [], [tuple(f) for f in faces])
    mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
    mesh.set_sharp_from_angle(angle=math.radians(sharp_angle))
    if material is not None:
        mesh.materials.append(material)
    return link(bpy.data.objects.new(name, mesh))


def loft(
    name: str,
    rings: Sequence[Sequence[Sequence[float]]],
    material: bpy.types.Material | None,
    *,
    caps: bool = True,
    around: bool = True,
    sharp_angle: float = 40,
) -> bpy.types.Object:
    """Skin over rings of equal point counts. UV: u along a ring, v from the first ring to the last."""
    count = len(rings[0])
    verts = [point for ring in rings for point in ring]
    columns = count if around else count - 1
    faces: list[list[int]] = []
    uvs: list[Point2] = []
    for row in range(len(rings) - 1):
        for col in range(columns):
            nxt = (col + 1) % count
            faces.append([row * count + col, row * count + nxt, (row + 1) * count + nxt, (row + 1) * count + col])
            u0, u1 = col / columns, (col + 1) / columns
            v0, v1 = row / (len(rings) - 1), (row + 1) / (len(rings) - 1)
            uvs += [(u0, v0), (u1, v0), (u1, v1), (u0, v1)]
    if caps:
        last = (len(rings) - 1) * count
        faces += [list(range(count))[::-1], list(range(last, last + count))]
        uvs += [(0.5, 0.0)] * count + [(0.5, 1.0)] * count
    obj = mesh_object(name, verts, faces, material, sharp_angle)
    layer = obj.data.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", [c for uv in uvs for c in uv])
    return obj


def lathe(
    name: str,
    profile: Sequence[Point2] | np.ndarray,
    material: bpy.types.Material | None,
    *,
    segments: int = 128,
    sharp_angle: float = 40,
) -> bpy.types.Object:
    """Surface of revolution around z from (radius, height) points, run from the bottom centre outwards."""
    rings = [circle(max(r, 1e-4), segments, (0, 0, z)) for r, z in profile]
    return loft(name, rings, material, caps=True, sharp_angle=sharp_angle)


def lathe_open(name: str, loop: Sequence[Point2], material: bpy.types.Material) -> bpy.types.Object:
    """Revolution of a closed outline that does not touch the axis, such as a lamp shade."""
    rings = [circle(r, 128, (0, 0, z)) for r, z in [*loop, loop[0]]]
    return loft(name, rings, material, caps=False)


def arc_patch(
    name: str,
    radius: float,
    low: float,
    high: float,
    span: float,
    material: bpy.types.Material,
) -> bpy.types.Object:
    """A label bent round a cylinder: `span` degrees wide, centred on -y (the side towards the camera)."""
    angles = np.radians(np.linspace(-90 - span / 2, -90 + span / 2, 49))
    rings = [[(radius * math.cos(a), radius * math.sin(a), z) for a in angles] for z in (low, high)]
    return loft(name, rings, material, caps=False, around=False)


def tube(
    name: str,
    points: Sequence[Sequence[float]] | np.ndarray,
    radius: float | Sequence[float],
    material: bpy.types.Material | None,
    *,
    closed: bool = False,
    resolution: int = 5,
) -> bpy.types.Object:
    """A round wire along the points; `radius` is one number or one for each point."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions = "3D"
    curve.bevel_depth = 1.0
    curve.bevel_resolution = resolution
    curve.use_fill_caps = True
    spline = curve.splines.new("POLY")
    spline.points.add(len(points) - 1)
    radii = [radius] * len(points) if isinstance(radius, int | float) else list(radius)
    for target, point, r in zip(spline.points, points, radii, strict=True):
        target.co = (*point, 1.0)
        target.radius = r
    spline.use_cyclic_u = closed
    if material is not None:
        curve.materials.append(material)
    return link(bpy.data.objects.new(name, curve))


def ring_tube(
    name: str, radius: float, thickness: float, height: float, material: bpy.types.Material
) -> bpy.types.Object:
    """A horizontal torus at the given height."""
    return tube(name, circle(radius, 96, (0, 0, height)), thickness, material, closed=True)


def box(
    name: str,
    size: Point3,
    material: bpy.types.Material | Sequence[bpy.types.Material],
    *,
    at: Point3 = (0, 0, 0),
    bevel: float = 0.02,
    segments: int = 4,
) -> bpy.types.Object:
    """A box standing on `at`, edges rounded. Six materials go to -y, +y, -x, +x, bottom and top."""
    x, y, z = size[0] / 2, size[1] / 2, size[2]
    verts = [(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0), (-x, -y, z), (x, -y, z), (x, y, z), (-x, y, z)]
    faces = [(0, 1, 5, 4), (2, 3, 7, 6), (3, 0, 4, 7), (1, 2, 6, 5), (3, 2, 1, 0), (4, 5, 6, 7)]
    obj = mesh_object(name, verts, faces, None, sharp_angle=180)
    layer = obj.data.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", [c for _ in faces for c in (0, 0, 1, 0, 1, 1, 0, 1)])
    single = isinstance(material, bpy.types.Material)
    for slot in [material] if single else material:
        obj.data.materials.append(slot)
    if not single:
        obj.data.polygons.foreach_set("material_index", range(6))
    if bevel:
        add_bevel(obj, bevel, segments)
    obj.location = at
    return obj


def add_bevel(obj: bpy.types.Object, width: float, segments: int = 4) -> None:
    """Round the edges; real edges catch a highlight, and sharp ones give a render away at once."""
    modifier = obj.modifiers.new("bevel", "BEVEL")
    modifier.width = width
    modifier.segments = segments
    modifier.harden_normals = True


def subdivide(obj: bpy.types.Object, levels: int = 2) -> bpy.types.Object:
    """Catmull-Clark subdivision."""
    modifier = obj.modifiers.new("subsurf", "SUBSURF")
    modifier.levels = modifier.render_levels = levels
    return obj


def ball(
    name: str,
    radius: float | Point3,
    at: Point3,
    material: bpy.types.Material,
    *,
    turn: Point3 = (0, 0, 0),
    rows: int = 32,
) -> bpy.types.Object:
    """An ellipsoid; `turn` holds Euler angles in degrees."""
    rx, ry, rz = (radius,) * 3 if isinstance(radius, int | float) else radius
    angles = np.linspace(-math.pi / 2, math.pi / 2, rows)
    profile = [(math.cos(a), math.sin(a)) for a in angles]
    obj = lathe(name, profile, material, segments=2 * rows, sharp_angle=180)
    obj.data.transform(Matrix.Diagonal((rx, ry, rz, 1)))
    obj.location = at
    obj.rotation_euler = [math.radians(a) for a in turn]
    return obj


def strap(
    name: str,
    path: Sequence[Point3] | np.ndarray,
    width: float,
    thickness: float,
    material: bpy.types.Material,
    across: Point3 = (0, 1, 0),
) -> bpy.types.Object:
    """A flat band along the path; its width runs along `across`."""
    pts = [Vector(p) for p in path]
    side = Vector(across).normalized()
    rings = []
    for i, point in enumerate(pts):
        tangent = (pts[min(i + 1, len(pts) - 1)] - pts[max(i - 1, 0)]).normalized()
        normal = tangent.cross(side).normalized()
        w, t = side * width / 2, normal * thickness / 2
        rings.append([point - w - t, point + w - t, point + w + t, point - w + t])
    obj = loft(name, rings, material, sharp_angle=60)
    add_bevel(obj, thickness * 0.3, 2)
    return obj


def text(
    name: str, body: str, size: float, material: bpy.types.Material, *, extrude: float = 0.002
) -> bpy.types.Object:
    """A centred text object in the font that Blender carries itself, lying in the xy plane."""
    curve = bpy.data.curves.new(name, "FONT")
    curve.body = body
    curve.size = size
    curve.extrude = extrude
    curve.align_x, curve.align_y = "CENTER", "CENTER"
    curve.materials.append(material)
    return link(bpy.data.objects.new(name, curve))


def grid_faces(rows: int, columns: int) -> np.ndarray:
    """Quads of a grid of points that are given row by row."""
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None, :]).ravel()
    return np.stack([first, first + 1, first + columns + 1, first + columns], axis=-1)


def field(
    name: str,
    xs: np.ndarray,
    ys: np.ndarray,
    height: Callable[[np.ndarray, np.ndarray], np.ndarray],
    material: bpy.types.Material,
) -> bpy.types.Object:
    """A height field over two axes, which may be of uneven steps."""
    x, y = np.meshgrid(xs, ys)
    verts = np.stack([x, y, height(x, y)], axis=-1).reshape(-1, 3)
    return mesh_object(name, verts, grid_faces(len(ys), len(xs)).tolist(), material, sharp_angle=180)


def grid(
    name: str,
    size: float,
    count: int,
    height: Callable[[np.ndarray, np.ndarray], np.ndarray],
    material: bpy.types.Material,
) -> bpy.types.Object:
    """A square height field around the origin."""
    axis = np.linspace(-size / 2, size / 2, count)
    return field(name, axis, axis, height, material)


def value_noise(x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Smooth noise between -1 and 1 over the plane, the same for the same seed everywhere."""
    table = np.random.default_rng(seed).uniform(-1, 1, (64, 64))
    xi, yi = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = x - xi, y - yi
    fx, fy = fx**3 * (fx * (6 * fx - 15) + 10), fy**3 * (fy * (6 * fy - 15) + 10)
    a, b = table[yi % 64, xi % 64], table[yi % 64, (xi + 1) % 64]
    c, d = table[(yi + 1) % 64, xi % 64], table[(yi + 1) % 64, (xi + 1) % 64]
    return (a * (1 - fx) + b * fx) * (1 - fy) + (c * (1 - fx) + d * fx) * fy


def place(obj: bpy.types.Object, at: Point3 = (0, 0, 0), turn: Point3 = (0, 0, 0)) -> bpy.types.Object:
    """Move an object and turn it (Euler angles in degrees)."""
    obj.location = at
    obj.rotation_euler = [math.radians(a) for a in turn]
    return obj


def gather(objects: Sequence[bpy.types.Object], at: Point3 = (0, 0, 0), turn: Point3 = (0, 0, 0)) -> bpy.types.Object:
    """Parent the objects that have no parent yet to one empty, then move and turn that."""
    root = link(bpy.data.objects.new("root", None))
    for obj in objects:
        if obj.parent is None:
            obj.parent = root
    return place(root, at, turn)
