"""Shadows of a cut-out on a floor, a table seen from above, or a wall: its outline projected along the light.

A product is known by its outline alone. On a floor it is taken as a body that stands upright on its contact line, as
deep as `depth` times its width; its shadow is the mean of the outline's projections from many points of the light, so
that it is sharp at the foot and soft far away as real ones are. The light of all directions makes the occlusion around
the foot in the same way. Densities are float32, 0 (all the light arrives) to 1 (none); alpha is HxW uint8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Image = TypeVar("Image", U8, F32)
Direction = tuple[float, float, float]
"""Towards the light, a unit vector: right, away from the camera, up. On a wall or a table from above: right, up in the
picture, out of the surface."""

_FROM_CENTRES = np.array([[1.0, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
_TO_CENTRES = np.array([[1.0, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
_STEEPEST = 0.62  # rise of a base's outline per pixel across: a square corner seen from 30 degrees above
_HIGHEST = 0.4  # how far up its height a product can still touch the ground
_LOWEST_SUN = math.sin(math.radians(7))
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
_SKY = 40
_DEEPEST = 2.2
_SLANT = 0.08
_CLOSED = 0.85
TOUCHES = 0.4
_LEGS = 0.55  # a base that touches less of its span than this stands on legs


@dataclass(frozen=True, slots=True)
class FloorView:
    """A level floor seen by a pinhole camera: focal length and centre of projection (x, y) in pixels, pitch in radians.

    Lengths on the floor are in units of the camera's height above it.
    """

    focal: float
    centre: tuple[float, float]
    pitch: float

    def scaled(self, factor: float) -> FloorView:
        """The same view of a picture resized by `factor`."""
        return FloorView(self.focal * factor, (self.centre[0] * factor, self.centre[1] * factor), self.pitch)

    def floor_point(self, x: float, y: float) -> tuple[float, float]:
        """Where a pixel's ray meets the floor: right, away. ValueError at or above the horizon."""
        u, v = x - self.centre[0], y - self.centre[1]
        down = self.focal * math.sin(self.pitch) + v * math.cos(self.pitch)
        if down <= 1e-6:
            raise ValueError(f"the row {y:.0f} lies at or above the horizon: no floor is seen there")
        return u / down, (self.focal * math.cos(self.pitch) - v * math.sin(self.pitch)) / down

    def floor_row(self, away: float) -> float:
        """The row where the floor at a distance is seen."""
        return self.centre[1] + self.focal * math.tan(math.atan2(1.0, away) - self.pitch)

    def steepness(self, y: float) -> float:
        """Radians by which the line of sight to a row falls."""
        return self.pitch + math.atan((y - self.centre[1]) / self.focal)

    def to_plane(self, away: float) -> F64:
        """3x3 matrix from a pixel to (right, height, 1) on the upright plane at a distance, up to scale."""
        (cx, cy), f, c, s = self.centre, self.focal, math.cos(self.pitch), math.sin(self.pitch)
        reach = np.array([0.0, -s / away, (f * c + cy * s) / away])
        fall = np.array([0.0, -c, cy * c - f * s])
        return np.array([[1.0, 0.0, -cx], reach + fall, reach])

    def from_space(self, right: F64, away: F64, up: F64) -> F64:
        """3x3 matrix to a pixel from (p, q, 1), where each coordinate in space is a row linear in (p, q, 1)."""
        (cx, cy), f, c, s = self.centre, self.focal, math.cos(self.pitch), math.sin(self.pitch)
        one = np.array([0.0, 0.0, 1.0])
        depth = c * away - s * (up - one)
        below = -s * away - c * (up - one)
        return np.array([cx * depth + f * right, cy * depth + f * below, depth])


@dataclass(frozen=True, slots=True)
class Base:
    """Where a standing product touches the floor.

    curve: ground row under every column; touch: 0 to 1, how surely the product touches there. row: the nearest contact.
    middle, width: of the columns that touch; foot: width of the widest part that touches without a gap. legs: whether
    it stands on thin feet. depth: how deep it is, as a share of its width.
    """

    curve: F32
    touch: F32
    row: float
    middle: float
    width: float
    foot: float
    legs: bool
    depth: float

    def axis(self, view: FloorView) -> tuple[float, float]:
        """Where the product's upright axis meets the floor: right, away."""
        right, front = view.floor_point(self.middle, self.row)
        if not self.closed():
            feet = self.curve[self.touch > TOUCHES]
            rows = feet.tolist() or [self.row]
            return right, float(np.mean([view.floor_point(self.middle, row)[1] for row in rows]))
        half = self.width / 2 * (view.floor_point(self.middle + 1, self.row)[0] - right)
        return right, front + self.depth_seen(view) * half

    def depth_seen(self, view: FloorView) -> float:
        """How deep the base is on this floor, as a share of its width: at least so that it reaches as far as is seen.

        A photo taken from higher above shows a rounder base than this camera would; its sides must not be cut off.
        """
        first, last = round(self.middle - self.width / 2), round(self.middle + self.width / 2) - 1
        rise = self.row - float(min(self.curve[first], self.curve[last]))
        seen = rise / max(1.0, self.width / 2 * math.sin(view.steepness(self.row)))
        return float(min(max(self.depth, seen), _DEEPEST))

    def closed(self) -> bool:
        """True if the base is one closed, level shape: no feet, not two things, no box over its corner, no tilt."""
        first, last = round(self.middle - self.width / 2), round(self.middle + self.width / 2)
        third = max(1, round(self.width / 3))
        tilt = float(self.curve[first : first + third].mean() - self.curve[last - third : last].mean())
        return abs(tilt) <= _SLANT * self.width and self.foot >= _CLOSED * self.width

    def drop(self) -> F32:
        """How far every column of a body must be lowered to stand on the nearest contact's row.

        Beside the base the ground is not seen: what overhangs there keeps its height above the base's end.
        """
        first, last = round(self.middle - self.width / 2), round(self.middle + self.width / 2) - 1
        columns = np.clip(np.arange(self.curve.size), first, last)
        return np.maximum(self.row - self.curve[columns], 0).astype(np.float32)


def contact_row(alpha: U8) -> float:
    """The row (below the last one that counts) on which a standing product touches the ground.

    Soft fringes, stray hairs and noise hang lower than the product stands, so a row counts only where a solid part
    (half of the highest alpha) covers 2 % of the widest row. ValueError if the alpha is empty.
    """
    peak = int(alpha.max(initial=0))
    if peak == 0:
        raise ValueError("the cut-out is empty: no pixel has alpha above 0")
    covered = np.count_nonzero(alpha >= max(1, peak // 2), axis=1)
    return float(np.flatnonzero(covered >= max(1.0, 0.02 * covered.max()))[-1] + 1)


def ground_curve(alpha: U8) -> tuple[F32, F32]:
    """Where the ground lies under every column of a standing product, and how surely the product touches it there.

    Returns (rows, touch), both float32 of the picture's width; touch is 0 to 1. A base seen from above shows its
    outline: the near corner of a box lies lower than the far ones, a sole rises from toe to heel. So the ground follows
    the lowest outline wherever it rises by less than `_STEEPEST`; a steeper edge is an arm or a bowl, in the air.
    """
    height, width = alpha.shape
    solid = alpha >= max(1, int(alpha.max(initial=0)) // 2)
    solid[int(np.ceil(contact_row(alpha))) :] = False
    filled = solid.any(axis=0)
    lowest = np.where(filled, height - np.argmax(solid[::-1], axis=0), -np.inf)
    columns = np.arange(width)
    # Largest row that a slope of at most _STEEPEST reaches from any column: two running maxima.
    forward = np.maximum.accumulate(lowest + _STEEPEST * columns) - _STEEPEST * columns
    backward = (np.maximum.accumulate((lowest - _STEEPEST * columns)[::-1]))[::-1] + _STEEPEST * columns
    curve = np.maximum(forward, backward)
    rows = np.flatnonzero(solid.any(axis=1))
    curve = np.maximum(curve, curve.max() - _HIGHEST * float(rows[-1] - rows[0] + 1))
    first, last = np.flatnonzero(filled)[[0, -1]]
    curve = curve[np.clip(columns, first, last)]  # beside the product the ground is level
    gap = np.where(filled, curve - lowest, np.inf)
    tolerance = max(2.0, 0.012 * np.count_nonzero(filled))
    touch = np.exp(-((gap / tolerance) ** 2)).astype(np.float32)
    return curve.astype(np.float32), cv2.blur(touch[None], (int(tolerance) | 1, 1))[0]


def find_base(alpha: U8) -> Base:
    """Where a standing product touches the floor; ValueError if the alpha is empty."""
    curve, touch = ground_curve(alpha)
    columns = np.flatnonzero(touch > TOUCHES)
    if columns.size == 0:
        columns = np.flatnonzero((alpha >= max(1, int(alpha.max()) // 2)).any(axis=0))
    first, last = int(columns[0]), int(columns[-1]) + 1
    rows = np.flatnonzero(alpha.max(axis=1) > 127)
    tall = float(rows[-1] - rows[0] + 1) if rows.size else 1.0
    wide = float(np.count_nonzero(alpha.max(axis=0) > 127))
    return Base(
        curve=curve,
        touch=touch,
        row=float(curve[columns].max()),
        middle=(first + last) / 2,
        width=float(last - first),
        foot=float(_longest_run(columns)),
        legs=bool((touch > TOUCHES).any()) and columns.size < _LEGS * (last - first),
        # What is taller than wide is mostly round or square; what is wide is mostly flatter, like a bag.
        depth=float(np.clip(tall / max(wide, 1.0), 0.4, 1.0)),
    )


def _longest_run(columns: NDArray[np.intp]) -> int:
    """How many of the sorted columns follow one another without a gap, at most."""
    ends = np.flatnonzero(np.diff(columns) > 1)
    return int(np.diff(np.concatenate([[-1], ends, [columns.size - 1]])).max())


def key_directions(towards: Direction, size: float) -> list[Direction]:
    """Directions to points spread evenly over a disc of light of the angular diameter `size` (degrees)."""
    count = int(np.clip(round(6 + 0.55 * size), 8, 28))
    centre = np.array(towards)
    across = np.cross(centre, [0.0, 0.0, 1.0] if abs(centre[2]) < 0.95 else [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    along = np.cross(across, centre)
    found = []
    for index in range(count):
        radius = math.tan(math.radians(size) / 2) * math.sqrt((index + 0.5) / count)
        angle = index * _GOLDEN_ANGLE
        point = centre + radius * (math.cos(angle) * across + math.sin(angle) * along)
        found.append(_unit(point))
    return [direction for direction in found if direction[2] > _LOWEST_SUN] or [_raised(towards)]


def sky_directions() -> list[Direction]:
    """Directions over the hemisphere, as many in each as its light counts on a level surface (cosine law)."""
    found = []
    for index in range(_SKY):
        radius = math.sqrt((index + 0.5) / _SKY)
        angle = index * _GOLDEN_ANGLE
        up = math.sqrt(1 - radius * radius)
        if up > _LOWEST_SUN:
            found.append((radius * math.cos(angle), radius * math.sin(angle), up))
    return found


def _unit(vector: F64) -> Direction:
    x, y, z = (vector / np.linalg.norm(vector)).tolist()
    return x, y, z


def _raised(direction: Direction) -> Direction:
    """The direction, lifted to the lowest that still throws a shadow of finite length."""
    return _unit(np.array([direction[0], direction[1], max(direction[2], _LOWEST_SUN)]))


def floor_shadow(
    alpha: U8,
    view: FloorView,
    directions: Sequence[Direction],
    *,
    reduce: int = 4,
    blur: float = 1.0,
    sheets: int = 8,
) -> F32:
    """Density of the shadow that a standing product throws on the floor; same size as alpha.

    view: how the floor is seen, in pixels of alpha. directions: to points of the light. reduce: the projections are
    made in a picture so many times smaller. blur: sigma in that picture's pixels that hides the single projections.
    sheets: upright slices through its axis that a round body is made of.
    ValueError if alpha is empty or the product stands above the horizon.
    """
    small = reduced(alpha, reduce)
    view = view.scaled(1 / reduce)
    base = find_base(_as_u8(small))
    total = np.zeros_like(small)
    if base.closed():
        for levels in _body_shadow(small, view, base, directions, sheets):
            cv2.accumulate(levels, total)
        total /= 255
    else:
        for shadow in _faces_shadow(small, view, base, directions):
            total += shadow
    total /= len(directions)
    return enlarged(cv2.GaussianBlur(total, (0, 0), blur), alpha.shape)


def _body_shadow(small: F32, view: FloorView, base: Base, directions: Sequence[Direction], sheets: int) -> Iterator[U8]:
    """The hard shadow from each direction of a body that stands on one closed base, 255 for no light.

    In levels: a hundred projections of floats cost twice as much, and the mean of many does not show the rounding.
    """
    upright = _as_u8(_columns_moved(small, base.drop()))
    # Only what lies alike on both sides of the axis is taken to go round it: a mug's body, not its handle.
    core = cv2.min(upright, _flipped(upright, base.middle))
    axis, depth = base.axis(view), base.depth_seen(view)
    angles = [math.pi * turn / sheets for turn in range(1, sheets)]
    # A little inside the body, so that no sheet's foot looks out from under a base that is not quite round.
    turns = [(0.94 * math.cos(angle), 0.94 * depth * math.sin(angle)) for angle in angles]
    # The outline's foot is the near rim of the base, its axis stands behind: there the foot is drawn higher.
    rise = view.floor_row(axis[1]) - base.row
    to_sheet = view.to_plane(axis[1]) @ np.array([[1.0, 0, 0], [0, 1, rise], [0, 0, 1]])
    for direction in directions:
        shadow = _warped(upright, _sheet_on_floor(view, axis, direction, (1.0, 0.0)) @ to_sheet)
        for turn in turns:
            cv2.max(shadow, _warped(core, _sheet_on_floor(view, axis, direction, turn) @ to_sheet), dst=shadow)
        yield shadow


def _faces_shadow(small: F32, view: FloorView, base: Base, directions: Sequence[Direction]) -> Iterator[F32]:
    """The hard shadow from each direction of what does not stand on one round base: every pixel has its own place.

    A pixel of a box seen over its corner stands upright on the ground under its column, as does the box's back. A pixel
    of what stands on legs does so at the floor; from the middle of the height on all legs have met.
    """
    rows, columns = np.nonzero(small > 0.02)
    weight = small[rows, columns]
    x, y = columns - view.centre[0] + 0.5, rows - view.centre[1] + 0.5
    f, c, s = view.focal, math.cos(view.pitch), math.sin(view.pitch)
    ground = base.curve - view.centre[1]
    foot = (f * c - ground * s) / (f * s + ground * c)
    away = foot[columns]
    behind: tuple[float, ...] = (0.0, 0.5 * base.depth * base.foot * float(foot.min()) / f)
    if base.legs:
        along = np.clip((base.curve[columns] - rows) / max(1.0, 0.5 * float(base.row - rows.min())), 0, 1)
        away = away + along * (base.axis(view)[1] - away)
        behind = (0.0,)
    reach = away / (f * c - y * s)
    right, up = reach * x, 1 - reach * (f * s + y * c)
    for lx, ly, lz in directions:
        shadow = np.zeros_like(small)
        for back in behind:
            shadow += _splat(view, right - lx / lz * up, away + back - ly / lz * up, weight, small.shape)
        yield np.minimum(shadow, 1)


def _splat(view: FloorView, right: F64, away: F64, weight: F32, shape: tuple[int, ...]) -> F32:
    """Points of the floor drawn as pixels of a picture, their weights added up."""
    c, s = math.cos(view.pitch), math.sin(view.pitch)
    depth = np.maximum(c * away + s, 1e-6)
    columns = np.rint(view.centre[0] + view.focal * right / depth - 0.5).astype(np.intp)
    rows = np.rint(view.centre[1] + view.focal * (c - s * away) / depth - 0.5).astype(np.intp)
    inside = (columns >= 0) & (columns < shape[1]) & (rows >= 0) & (rows < shape[0]) & (depth > 1e-6)
    place = rows[inside] * shape[1] + columns[inside]
    return np.bincount(place, weight[inside], shape[0] * shape[1]).reshape(shape).astype(np.float32)


def _sheet_on_floor(view: FloorView, axis: tuple[float, float], towards: Direction, turn: tuple[float, float]) -> F64:
    """3x3 matrix to a pixel of the floor from (right, height, 1) on an upright sheet through the body's axis.

    axis: where it meets the floor (right, away). turn: how far (right, away) a point of the sheet lies from the axis
    for each unit that it lies right in the photo.
    """
    x0, away = axis
    lx, ly, lz = towards
    right = np.array([turn[0], -lx / lz, (1 - turn[0]) * x0])
    back = np.array([turn[1], -ly / lz, away - turn[1] * x0])
    return view.from_space(right, back, np.zeros(3))


def _flipped(image: U8, middle: float) -> U8:
    matrix = np.array([[-1, 0, 2 * middle - 1], [0, 1, 0]], np.float32)
    return cv2.warpAffine(image, matrix, image.shape[1::-1])


def surface_shadow(alpha: U8, directions: Sequence[Direction], thickness: float, reduce: int = 4) -> F32:
    """Density of the shadow on a surface right behind the product (lying flat, or hanging); same size as alpha.

    thickness: how far the product's face is off the surface, in pixels.
    """
    small = reduced(alpha, reduce)
    total = np.zeros_like(small)
    for right, up, out in directions:
        if out <= _LOWEST_SUN:
            continue
        shadow = np.zeros_like(small)
        for share in (0.25, 0.6, 1.0):
            reach = share * thickness / reduce / out
            matrix = np.array([[1, 0, -right * reach], [0, 1, up * reach]], np.float32)
            shadow = np.maximum(shadow, cv2.warpAffine(small, matrix, small.shape[1::-1]))
        total += shadow
    return enlarged(cv2.GaussianBlur(total / max(1, len(directions)), (0, 0), 0.8), alpha.shape)


def thickness_of(alpha: U8) -> float:
    """A guess in pixels at how thick a lying product is: at most half its thinnest part's width, 6 % of its size."""
    inside = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 3)
    if not inside.any():
        return 1.0
    return float(min(0.7 * np.percentile(inside[inside > 0], 98), 0.06 * math.sqrt(np.count_nonzero(inside))))


def contact_shadow(alpha: U8, unit: float) -> F32:
    """Density of the tight dark line where a standing product meets the ground; same size as alpha.

    It follows the outline of the base (see `ground_curve`). unit: the product's width in pixels.
    """
    factor = 2 if unit > 120 else 1
    small = reduced(alpha, factor)
    size = unit / factor
    curve, touch = ground_curve(_as_u8(small))
    height = np.maximum(curve[None] - _rows(small)[:, None], 0)
    foot = small * touch * np.exp(-((height / max(2.0, 0.03 * size)) ** 2))
    tight = _blurred(_shifted(foot, 0, 0.006 * size), 0.007 * size, 0.006 * size)
    wide = _blurred(_shifted(foot, 0, 0.012 * size), 0.030 * size, 0.018 * size)
    return enlarged(np.minimum(1.3 * np.maximum(tight, 0.8 * wide), 1), alpha.shape)


def mirrored_below(rgba: F32, view: FloorView, base: Base) -> F32:
    """A standing product's mirror image in the floor: premultiplied RGBA of the same size.

    rgba: HxWx4 float32, premultiplied linear light. base: of the same picture (see `find_base`).
    """
    drop = base.drop()
    upright = _columns_moved(rgba, drop)
    _, away = view.floor_point(base.middle, base.row)
    across, up, one = np.eye(3)
    matrix = view.from_space(across, away * one, -up) @ view.to_plane(away)
    return _columns_moved(_warped(upright, matrix), -drop)


def reduced(alpha: U8, factor: int) -> F32:
    """Alpha as a share (0 to 1), `factor` times smaller."""
    if factor == 1:
        return alpha.astype(np.float32) / np.float32(255)
    height, width = alpha.shape
    small = cv2.resize(alpha, (max(1, width // factor), max(1, height // factor)), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)


def enlarged(density: F32, shape: tuple[int, ...]) -> F32:
    """A density at the size of a picture of this shape."""
    if density.shape == shape[:2]:
        return density
    return cv2.resize(density, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


def _as_u8(share: F32) -> U8:
    return cv2.convertScaleAbs(share, alpha=255)


def _warped(image: Image, matrix: F64) -> Image:
    """The image under a matrix between points, where the first pixel spans 0 to 1 (cv2 counts from its centre)."""
    moved = _TO_CENTRES @ matrix @ _FROM_CENTRES
    return cv2.warpPerspective(image, moved, image.shape[1::-1], flags=cv2.INTER_LINEAR)


def _columns_moved(image: F32, down: F32) -> F32:
    """Every column moved down by its own number of rows."""
    height, width = image.shape[:2]
    x = np.broadcast_to(np.arange(width, dtype=np.float32), (height, width))
    y = np.arange(height, dtype=np.float32)[:, None] - down[None]
    return cv2.remap(image, np.ascontiguousarray(x), y.astype(np.float32), cv2.INTER_LINEAR)


def _rows(image: F32) -> F32:
    return np.arange(image.shape[0], dtype=np.float32) + 0.5


def _blurred(image: F32, sigma_x: float, sigma_y: float) -> F32:
    return cv2.GaussianBlur(
        image, (0, 0), sigmaX=max(0.5, sigma_x), sigmaY=max(0.5, sigma_y), borderType=cv2.BORDER_CONSTANT
    )


def _shifted(image: F32, right: float, down: float) -> F32:
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
    return cv2.warpAffine(image, matrix, image.shape[1::-1])
