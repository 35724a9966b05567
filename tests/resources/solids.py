"""Bodies on a level floor, drawn by casting rays: what a camera sees of them, and where they take a light away.

Nothing here is shared with the code under test but the camera's numbers. Lengths are in units of the camera's height.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resources.imaging.shadow import FloorView

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]

SIDE = 240


def camera(pitch: float, side: int = SIDE, focal: float = 2.8) -> FloorView:
    """A square picture's camera that looks down by `pitch` degrees."""
    return FloorView(focal * side, (side / 2, side / 2), math.radians(pitch))


def seen_at(view: FloorView, points: F64) -> F64:
    """Pixels (N x 2) at which points in space (N x 3: right, away, up) are seen; the pinhole camera's definition."""
    right, away, up = np.asarray(points, float).reshape(-1, 3).T
    c, s = math.cos(view.pitch), math.sin(view.pitch)
    depth, below = c * away - s * (up - 1), -s * away - c * (up - 1)
    return np.stack([view.centre[0] + view.focal * right / depth, view.centre[1] + view.focal * below / depth], 1)


def standing_at(view: FloorView, row: float) -> float:
    """How far away the floor is that is seen in a row of the picture."""
    return 1 / math.tan(view.pitch + math.atan((row - view.centre[1]) / view.focal))


@dataclass(frozen=True)
class Body:
    """A body with its foot's middle at (right, away, up); width is right to left, depth away from the camera."""

    away: float
    width: float
    height: float
    depth: float
    round: bool = False
    right: float = 0.0
    up: float = 0.0

    def hit(self, start: F64, direction: F64) -> NDArray[np.bool_]:
        """Whether rays meet the body: an upright box, or an upright elliptic cylinder."""
        start, direction = np.broadcast_arrays(start - [self.right, self.away, self.up], direction)
        with np.errstate(divide="ignore", invalid="ignore"):
            near, far = _slab(start[:, 2] - self.height / 2, direction[:, 2], self.height / 2)
            if self.round:
                radii = np.array([self.width / 2, self.depth / 2])
                enter, leave = _disc(start[:, :2] / radii, direction[:, :2] / radii)
                near, far = np.maximum(near, enter), np.minimum(far, leave)
            else:
                for axis, length in ((0, self.width), (1, self.depth)):
                    enter, leave = _slab(start[:, axis], direction[:, axis], length / 2)
                    near, far = np.maximum(near, enter), np.minimum(far, leave)
        return np.asarray((near < far) & (far > 1e-9))


def _slab(start: F64, direction: F64, half: float) -> tuple[F64, F64]:
    one, two = (-half - start) / direction, (half - start) / direction
    return np.minimum(one, two), np.maximum(one, two)


def _disc(start: F64, direction: F64) -> tuple[F64, F64]:
    a = (direction**2).sum(axis=1)
    b = (start * direction).sum(axis=1)
    root = np.sqrt(b * b - a * ((start**2).sum(axis=1) - 1))  # nan where the ray passes by: no comparison holds
    return (-b - root) / a, (-b + root) / a


def light_from(azimuth: float, elevation: float) -> tuple[float, float, float]:
    """The direction towards a light: azimuth 0 from the camera, 90 from the right; degrees."""
    a, e = math.radians(azimuth), math.radians(elevation)
    return math.sin(a) * math.cos(e), -math.cos(a) * math.cos(e), math.sin(e)


def azimuth_of(weight: F64, view: FloorView, away: float) -> float:
    """Degrees, as azimuths of lights: where the weights (HxW) on the floor lie, seen from the foot at (0, away)."""
    rows, columns = np.nonzero(weight > 0)
    points = np.array([view.floor_point(x + 0.5, y + 0.5) for x, y in zip(columns, rows, strict=True)])
    # A far pixel sees more of the floor than a near one: its area grows with the cube of the distance.
    share = weight[rows, columns] * points[:, 1] ** 3
    right, back = (points * share[:, None]).sum(axis=0) / share.sum() - (0, away)
    return math.degrees(math.atan2(right, -back))


def turned(one: float, other: float) -> float:
    """Degrees between two azimuths, 0 to 180."""
    return abs((one - other + 180) % 360 - 180)


def alpha_of(bodies: list[Body], view: FloorView, side: int = SIDE) -> U8:
    """What the camera sees of bodies, HxW, edges covered in part."""
    fine = 3
    rows, columns = np.mgrid[0 : side * fine, 0 : side * fine].reshape(2, -1)
    seen = _any_hit(bodies, np.array([[0.0, 0.0, 1.0]]), _rays(view, (columns + 0.5) / fine, (rows + 0.5) / fine))
    cover = seen.reshape(side, fine, side, fine).mean(axis=(1, 3))
    return np.rint(255 * cover).astype(np.uint8)


def shadow_of(bodies: list[Body], view: FloorView, towards: tuple[float, float, float], side: int = SIDE) -> F64:
    """True shadow on the floor, HxW bool: where the ray to a light in the direction `towards` meets a body."""
    rows, columns = np.mgrid[0:side, 0:side].reshape(2, -1) + 0.5
    rays = _rays(view, columns, rows)
    floor = np.where(rays[:, 2] < -1e-9, -1 / rays[:, 2], np.nan)[:, None] * rays + [0, 0, 1]
    dark = np.zeros(side * side, bool)
    on = np.isfinite(floor[:, 0])
    dark[on] = _any_hit(bodies, floor[on], np.array([towards]))
    return dark.reshape(side, side)


def _rays(view: FloorView, x: F64, y: F64) -> F64:
    u, v = x - view.centre[0], y - view.centre[1]
    c, s = math.cos(view.pitch), math.sin(view.pitch)
    return np.stack([u, view.focal * c - v * s, -(view.focal * s + v * c)], 1)


def _any_hit(bodies: list[Body], start: F64, direction: F64) -> NDArray[np.bool_]:
    return np.any([body.hit(start, direction) for body in bodies], axis=0)
