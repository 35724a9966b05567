"""Shapes that several sets share: many copies of one thing, coloured meshes, lumps, heights that ease in and out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import kit
import numpy as np
from mathutils import Matrix, Vector

Shape = tuple[np.ndarray, np.ndarray]
"""Vertices (n, 3) and quads (m, 4) of something small that is scattered many times."""
Zone = tuple[float, float, float, float]
"""x from, x to, y from, y to."""


def poses(
    points: np.ndarray,
    directions: np.ndarray,
    rng: np.random.Generator,
    scale: tuple[float, float] = (0.8, 1.2),
    axis: int = 1,
) -> np.ndarray:
    """Matrices that put a shape's axis (0 x, 1 y, 2 z) along each direction, rolled and scaled at random."""
    along = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-9)
    other = rng.normal(size=along.shape)
    side = np.cross(along, other)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    third = np.cross(side, along)
    out = np.zeros((len(points), 4, 4))
    size = rng.uniform(*scale, len(points))[:, None]
    columns = {1: (side, along, third), 2: (third, side, along), 0: (along, third, side)}[axis]
    for index, column in enumerate(columns):
        out[:, :3, index] = column * size
    out[:, :3, 3], out[:, 3, 3] = points, 1
    return out


def scatter(name: str, shape: Shape, matrices: np.ndarray, material: bpy.types.Material) -> bpy.types.Object:
    """One mesh of many copies of a shape."""
    verts, faces = shape
    homogeneous = np.hstack([verts, np.ones((len(verts), 1))])
    all_verts = np.einsum("kij,nj->kni", matrices, homogeneous)[..., :3].reshape(-1, 3)
    all_faces = (faces[None] + (np.arange(len(matrices)) * len(verts))[:, None, None]).reshape(-1, faces.shape[1])
    return kit.mesh_object(name, all_verts.tolist(), all_faces.tolist(), material, sharp_angle=180)


def copy_of(
    obj: bpy.types.Object, at: kit.Point3, turn: kit.Point3 = (0, 0, 0), scale: float = 1.0
) -> bpy.types.Object:
    """Another object with the same mesh."""
    other = kit.link(bpy.data.objects.new(obj.name, obj.data))
    other.scale = (scale, scale, scale)
    return kit.place(other, at, turn)


def stamp(obj: bpy.types.Object) -> bpy.types.Object:
    """Take an object out of the scene: a pattern, of which only copies are seen."""
    bpy.context.scene.collection.objects.unlink(obj)
    return obj


def shift_texture(obj: bpy.types.Object, shift: Sequence[float]) -> None:
    """Move the mesh against the object's origin, so that noise in object space differs from its twins'."""
    obj.data.transform(Matrix.Translation(Vector(shift)))
    obj.location = Vector(obj.location) - Vector(shift)


def painted_mesh(
    name: str,
    verts: np.ndarray,
    faces: Sequence[Sequence[int]],
    colors: np.ndarray,
    material: bpy.types.Material,
    sharp_angle: float = 80,
) -> bpy.types.Object:
    """A mesh with a linear colour at each vertex, which `vertex_paint` materials show."""
    obj = kit.mesh_object(name, verts.tolist(), faces, material, sharp_angle)
    layer = obj.data.color_attributes.new("tint", "FLOAT_COLOR", "POINT")
    rgba = np.ones((len(verts), 4), np.float32)
    rgba[:, :3] = colors
    layer.data.foreach_set("color", rgba.ravel())
    return obj


def lump(
    name: str, size: kit.Point3, material: bpy.types.Material, seed: int, rough: float = 0.25, rows: int = 28
) -> bpy.types.Object:
    """An uneven ball: heaps, crumbs and clods."""
    obj = kit.ball(name, 1.0, (0, 0, 0), material, rows=rows)
    mesh = obj.data
    co = np.empty(len(mesh.vertices) * 3)
    mesh.vertices.foreach_get("co", co)
    co = co.reshape(-1, 3)
    a = kit.value_noise(co[:, 0] * 1.7 + 9 + co[:, 2] * 1.1, co[:, 1] * 1.7 + 5 - co[:, 2] * 0.9, seed)
    b = kit.value_noise(co[:, 0] * 4.1 + 3 - co[:, 2] * 2.2, co[:, 1] * 4.1 + 7 + co[:, 2] * 2.6, seed + 1)
    co *= (1 + rough * a + 0.4 * rough * b)[:, None] * np.array(size)
    mesh.vertices.foreach_set("co", co.ravel())
    mesh.update()
    return obj


def rounded_drum(name: str, radius: float, tall: float, material: bpy.types.Material) -> bpy.types.Object:
    """A low cylinder with softened edges."""
    e = 0.035
    corner = [(radius - e + e * math.sin(a), tall - e + e * math.cos(a)) for a in np.linspace(math.pi / 2, 0, 6)]
    return kit.lathe(name, [(0, 0), (radius, 0), *corner, (0, tall)], material, sharp_angle=60)


def ease(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def outside(x: np.ndarray, y: np.ndarray, zone: Zone, border: float) -> np.ndarray:
    """0 within a zone, 1 farther than `border` from it."""
    dx = np.maximum(np.maximum(zone[0] - x, x - zone[1]), 0)
    dy = np.maximum(np.maximum(zone[2] - y, y - zone[3]), 0)
    return ease(np.hypot(dx, dy), 0, border)
