"""Where a product goes: which plate, which part of it is shown, how large the product is and where it stands.

All choices follow from the job and its seed. A product stands with its contact line on the plate's floor, lies in the
middle of a table seen from above, or hangs on a wall from its top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import rgb_to_lab
from resources.imaging.shadow import TOUCHES, FloorView, contact_row, find_base
from resources.scenes.engine import Box, Placement, SceneJob, product_box
from resources.scenes.plate import Plate, load_plates, picture_of
from resources.scenes.templates import Pose

U8 = NDArray[np.uint8]

MAX_UPSCALE = 1.5
_SKIPS = 1.6  # pixels of a plate for one of a picture, from which linear sampling would leave some out
_SOLID = 24  # alpha below this is fringe: it does not count for size and place
_TOP_MARGIN = 0.06
# A product lit from one side by more than this (share of its spread of lightness) decides which way a plate is turned.
_LIT = 0.22
_PITCHES_APART = 2.5


@dataclass(frozen=True, slots=True)
class View:
    """The part of a plate that a picture shows: its left, top and width as shares of the plate's side.

    size: width and height of the picture in pixels. mirrored: the plate is turned left to right first.
    """

    left: float
    top: float
    span: float
    size: tuple[int, int]
    mirrored: bool

    @property
    def pixels(self) -> float:
        """Pixels of the picture for a whole side of the plate."""
        return self.size[0] / self.span

    def row(self, share: float) -> float:
        """The picture's row of a row of the plate."""
        return (share - self.top) * self.pixels

    def column(self, share: float) -> float:
        """The picture's column of a column of the (turned) plate."""
        return (share - self.left) * self.pixels

    def crop(self, plate: NDArray[np.uint8], reduce: int = 1) -> U8:
        """The part of a square plate's picture that is seen, at the picture's size or `reduce` times smaller."""
        width, height = (max(1, size // reduce) for size in self.size)
        while self.span * plate.shape[0] / width > _SKIPS:
            plate = cv2.resize(plate, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        side = plate.shape[0]
        scale = self.span * side / width
        # From the middles of the picture's pixels to those of the plate's.
        left, top = (start * side + (scale - 1) / 2 for start in (self.left, self.top))
        across = [-scale, 0, side - 1 - left] if self.mirrored else [scale, 0, left]
        matrix = np.array([across, [0, scale, top]], np.float64)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(plate, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen, np.uint8)

    def floor(self, plate: Plate) -> FloorView:
        """How the plate's floor is seen in the picture."""
        centre = (self.column(0.5), self.row(0.5))
        return FloorView(plate.camera.focal * self.pixels, centre, math.radians(plate.camera.pitch))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided before a picture is made.

    grain_seed: for the noise of the surroundings. foreground: whether what stands before the camera is shown.
    """

    plate: Plate
    view: View
    placement: Placement
    grain_seed: int
    foreground: bool
    notes: tuple[str, ...]

    @property
    def towards_light(self) -> tuple[float, float, float]:
        """The direction towards the key light in the picture: right, away, up."""
        return self.plate.light.to_light(mirrored=self.view.mirrored)


def plan_picture(job: SceneJob) -> Plan:
    """Decide plate, view and placement of a picture. ValueError if the cut-out is empty."""
    rng = np.random.default_rng(job.seed)
    alpha = np.ascontiguousarray(job.cutout[..., 3])
    outline = _outline(alpha)
    plate, notes = _plate(job, alpha, rng)
    mirrored = _turned(plate, job.cutout, rng)
    draws = rng.uniform(-1, 1, 5)
    view, at = _view(job, plate, draws, mirrored=mirrored)
    scale, smaller = _scale(job, plate, outline, at, draws[4])
    placement = _placed(job, plate, outline, at, scale)
    foreground = plate.foreground and not job.care.plain
    return Plan(plate, view, placement, int(rng.integers(2**62)), foreground, (*notes, *smaller))


# ---- the plate


def _plate(job: SceneJob, alpha: U8, rng: np.random.Generator) -> tuple[Plate, tuple[str, ...]]:
    """One of the template's plates that suit the product's height and the angle it was photographed from.

    Where a plain scene is wanted, it is the calmest of them.
    """
    plates = load_plates()
    if job.plate is not None:
        return plates[job.plate], ()
    family = [plates[name] for name in job.template.plates.of(job.pose)]
    suited = [plate for plate in family if plate.suits(job.height_cm)]
    notes = () if suited else ("no_plate_of_this_scale",)
    likely = _seen_alike(suited or family, job.pose, alpha)
    if job.care.plain:
        return min(likely, key=lambda plate: (clutter(plate.name), plate.name)), notes
    return likely[int(rng.integers(len(likely)))], notes


@cache
def clutter(plate: str) -> float:
    """How busy a plate is where a product is seen against it: mean local contrast of lightness (L*), 0 for bare paper.

    Local is within 3 % of the plate's side. Looked at is the part that products cover, and half as much around them.
    """
    picture = picture_of(plate)
    side = 192
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    lightness = rgb_to_lab(small)[..., 0]
    reach = round(0.03 * side)
    mean, square = (cv2.blur(image, (2 * reach + 1, 2 * reach + 1)) for image in (lightness, lightness**2))
    contrast = np.sqrt(np.maximum(square - mean**2, 0))
    return float(_near_product(load_plates()[plate], contrast).mean())


def _near_product(plate: Plate, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The part of a square picture of a plate in front of which products are seen."""
    side = image.shape[0]
    x, y = plate.anchor or (sum(plate.stand.x) / 2, sum(plate.stand.y) / 2)
    # A product stands above its place, hangs below its peg, or lies around it.
    up, down = (0.75, 0.1) if plate.kind == "floor" else (0.1, 0.75) if plate.anchor else (0.4, 0.4)
    rows = slice(max(0, round((y - up) * side)), round((y + down) * side))
    return image[rows, max(0, round((x - 0.4) * side)) : round((x + 0.4) * side)]


def _seen_alike(plates: Sequence[Plate], pose: Pose, alpha: U8) -> list[Plate]:
    """The plates whose camera looks down most nearly as the photo's did, as far as the photo tells."""
    seen = seen_pitch(alpha) if pose == "standing" else None
    if seen is None:
        return list(plates)
    apart = [abs(plate.camera.pitch - seen) for plate in plates]
    return [plate for plate, off in zip(plates, apart, strict=True) if off <= min(apart) + _PITCHES_APART]


def seen_pitch(alpha: U8) -> float | None:
    """Degrees that the photo's camera looked down, read off a round base; None if the base does not look round.

    A circle seen from an angle p above its plane is an ellipse of height to width sin p; its near half is the curve on
    which a round product stands.
    """
    base = find_base(alpha)
    columns = np.flatnonzero(base.touch > TOUCHES)
    if base.legs or columns.size < 24:
        return None
    across = (columns + 0.5 - base.middle) / (base.width / 2)
    shape = np.sqrt(np.clip(1 - across**2, 0, 1))
    rows = base.curve[columns]
    slope, level = np.polyfit(shape, rows, 1)
    off = float(np.std(rows - (slope * shape + level)))
    if off > max(1.0, 0.15 * abs(slope)) or slope < 1:  # less than a pixel says nothing
        return None
    return float(np.degrees(np.arcsin(np.clip(slope / (base.width / 2), 0, 1))))


def lit_side(cutout: U8) -> float:
    """Which side of a product is lighter: -1 (left) to 1 (right); near 0 where the photo does not tell."""
    k = max(1, max(cutout.shape[:2]) // 160)
    small = cutout[::k, ::k]
    solid = small[..., 3] > 200
    if np.count_nonzero(solid) < 50:
        return 0.0
    lightness = rgb_to_lab(np.ascontiguousarray(small[..., :3]))[..., 0]
    columns = np.nonzero(solid)[1]
    value = lightness[solid]
    spread_x, spread = float(columns.std()), float(value.std())
    if spread_x == 0 or spread < 2:
        return 0.0
    return float(np.mean((columns - columns.mean()) * (value - value.mean())) / (spread_x * spread))


def _turned(plate: Plate, cutout: U8, rng: np.random.Generator) -> bool:
    """Whether to turn the plate left to right: its light comes from where the product's came, if that shows."""
    coin = bool(rng.random() < 0.5)
    if not plate.mirror:
        return False
    side, light = lit_side(cutout), plate.light.to_light()[0]
    if abs(side) < _LIT or abs(light) < 0.2:
        return coin
    return side * light < 0


# ---- view and size


@dataclass(frozen=True, slots=True)
class _Outline:
    """A cut-out's solid part, within the box of alpha > 0: its box there, its foot's row, its top's column."""

    whole: Box
    solid: Box
    foot: float
    top: float


def _outline(picture: U8) -> _Outline:
    """Of a cut-out's alpha."""
    whole = product_box(picture)
    alpha = np.ascontiguousarray(whole.of(picture))
    _, thresholded = cv2.threshold(alpha, min(_SOLID, int(alpha.max())) - 1, 0, cv2.THRESH_TOZERO)
    firm = np.asarray(thresholded, np.uint8)
    solid = product_box(firm)
    rows = firm[solid.top : solid.top + max(1, solid.height // 40)]
    return _Outline(whole, solid, contact_row(alpha), float(np.flatnonzero(rows.any(axis=0)).mean() + 0.5))


def _view(
    job: SceneJob, plate: Plate, draws: NDArray[np.float64], *, mirrored: bool
) -> tuple[View, tuple[float, float]]:
    """The part of the plate to show, and the picture's (column, row) of the product's foot, middle or top."""
    width, height = job.size
    layout = job.template.composition
    low, high = layout.zoom
    span = min(1.0, width / height) * (low + (high - low) * (draws[0] + 1) / 2)
    tall = span * height / width
    x, y = _spot(plate, draws, mirrored=mirrored)
    aside = 0.5 + layout.aside * draws[2]
    across = sum(layout.foot) / 2 + (layout.foot[1] - layout.foot[0]) / 2 * draws[3] if plate.kind == "floor" else y
    left = float(np.clip(x - aside * span, 0, 1 - span))
    top = float(np.clip(y - across * tall, 0, 1 - tall))
    view = View(left, top, span, job.size, mirrored)
    return view, (view.column(x), view.row(y))


def _spot(plate: Plate, draws: NDArray[np.float64], *, mirrored: bool) -> tuple[float, float]:
    """The place on the (turned) plate for the foot of a standing, the middle of a lying, the top of a hanging one."""
    if plate.anchor is not None:
        x, y = plate.anchor
    else:
        (x0, x1), (y0, y1) = plate.stand.x, plate.stand.y
        x, y = (x0 + x1) / 2 + (x1 - x0) / 2 * draws[1], (y0 + y1) / 2 + (y1 - y0) / 2 * draws[3]
    return (1 - x if mirrored else x), y


def _scale(
    job: SceneJob, plate: Plate, outline: _Outline, at: tuple[float, float], draw: float
) -> tuple[float, tuple[str, ...]]:
    """How much the cut-out is scaled, and notes: large products fill more than small ones, all stay inside."""
    width, height = job.size
    layout = job.template.composition
    low, high = layout.fill
    fill = low + (high - low) * _largeness(plate, job.height_cm) + 0.015 * draw
    wanted = fill * min(width / outline.solid.width, height / outline.solid.height)
    left, right = at[0] - layout.margin * width, width - at[0] - layout.margin * width
    # What hangs from a peg is as wide on either side of its top as it is; all else is centred.
    hung = outline.top / outline.whole.width if plate.anchor is not None else 0.5
    room_x = min(left / max(hung, 0.01), right / max(1 - hung, 0.01))
    room_y = {
        "floor": at[1] - _TOP_MARGIN * height,
        "flat": 2 * min(at[1], height - at[1]) - 2 * layout.margin * height,
        "wall": (height - at[1] if plate.anchor else 2 * min(at[1], height - at[1])) - 1.5 * layout.margin * height,
    }[plate.kind]
    fits = min(room_x / outline.whole.width, room_y / outline.whole.height)
    scale = max(1e-3, min(wanted, MAX_UPSCALE, fits))
    return float(scale), ("placed_smaller_to_keep_it_sharp",) if wanted > MAX_UPSCALE else ()


def _largeness(plate: Plate, height_cm: float | None) -> float:
    """0 for the smallest products that look natural in a set, 1 for the largest; in the middle if it is not known."""
    low, high = plate.height_cm
    if height_cm is None or high <= low:
        return 0.5
    return float(np.clip(math.log(height_cm / low) / math.log(high / low), 0, 1))


def _placed(job: SceneJob, plate: Plate, outline: _Outline, at: tuple[float, float], scale: float) -> Placement:
    """The placement that puts the product's foot, middle or top at a point, whole inside the picture."""
    width, height = job.size
    solid, whole = outline.solid, outline.whole
    x = (solid.left + solid.right) / 2
    if plate.kind == "floor":
        y = outline.foot
    elif plate.anchor is not None:
        x, y = outline.top, float(solid.top)
    else:
        y = (solid.top + solid.bottom) / 2
    left = _inside(at[0] - x * scale, whole.width * scale, width)
    top = _inside(at[1] - y * scale, whole.height * scale, height)
    return Placement(float(scale), left, top)


def _inside(start: float, length: float, room: int) -> int:
    free = 0.015 * room
    return round(float(np.clip(start, free, max(free, room - free - length))))
