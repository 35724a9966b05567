"""Is the camera level? The tilt of a photo from its verticals and its ground line, and the photo turned back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import reduced, rgb_to_lab

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]

# Lines are looked for at this size, and in pieces of at least this share of it.
_SIDE, _PIECE = 800, 0.05
# A long thin picture keeps so many pixels across.
_LEAST_SIDE = 16
# Pieces belong to one line if their ends lie this near to it (share of the longer side).
_BESIDE = 0.004
# A ground line runs through the whole picture: it is seen near both sides, over this share of the width.
_FROM_EDGE, _GROUND_SEEN = 0.12, 0.4
# A vertical is this share of the height, runs into the top or bottom of the frame, and stands beside the middle.
_VERTICAL_SEEN, _INTO_FRAME, _MIDDLE = 0.35, 0.06, (0.35, 0.65)
# Verticals may converge to the two sides by so much; what should be parallel otherwise may differ by this (degrees).
_CONVERGENCE, _AGREEMENT = 4.0, 1.0
# A ground line alone may slant because the wall runs away from the camera. Believed with a witness: another ground
# line this far off (share of the height) and as steep (degrees), or upright pieces, together so long (share of the
# height), that lean as far (degrees).
_FAR_APART, _PARALLEL, _UPRIGHT_SEEN, _LEANS_ALIKE = 0.15, 0.4, 0.4, 0.75
# Less tilt than this is not seen, and turning costs sharpness.
_TILT_SEEN = 0.3
# A change of colour along the frame (Lab) that no line explains: something stands at the frame.
_STEP, _STEP_WINDOW, _EXPLAINED = 12.0, 0.03, 0.05


@dataclass(frozen=True, slots=True)
class Tilt:
    """How far to turn a photo counter-clockwise, in degrees, 0 if it should stay; note: snake_case code or ""."""

    degrees: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    """x = along, y = offset + slope * x (a vertical: the axes changed over), seen over a share of the picture.

    first, last: where it starts and ends, share of the picture along it.
    """

    slope: float
    offset: float
    seen: float
    first: float
    last: float

    @property
    def degrees(self) -> float:
        return math.degrees(math.atan(self.slope))

    def at(self, along: float) -> float:
        return self.offset + self.slope * along


def find_tilt(photo: U8, limit: float) -> Tilt:
    """The tilt of a photo, if its verticals or its ground line say so and nothing speaks against it.

    photo: HxWx3 uint8. limit: degrees; a greater tilt is rather meant so. Verticals count only in pairs, one to each
    side, so that their convergence (a camera that looks down) is not taken for tilt.
    """
    small = reduced(photo, _SIDE, least=_LEAST_SIDE)
    height, width = small.shape[:2]
    across, upright = _pieces(small, limit + _AGREEMENT)
    grounds = [line for line in _lines(across, width, height) if _is_ground(line)]
    verticals = [line for line in _lines(upright[:, [1, 0, 3, 2]], height, width) if _is_vertical(line, height, width)]
    by_ground, by_verticals = _ground_tilt(grounds), _vertical_tilt(verticals, height, width)
    found = [tilt for tilt in (by_ground, by_verticals) if tilt is not None]
    if not found:
        return Tilt()
    if any(math.isnan(tilt) for tilt in found) or max(found) - min(found) > _AGREEMENT:
        return Tilt(note="tilt_kept_lines_disagree")
    degrees = round(sum(found) / len(found), 2)
    if abs(degrees) < _TILT_SEEN:
        return Tilt()
    if by_verticals is None and not _witnessed(degrees, grounds, upright, width, height):
        return Tilt(note="tilt_kept_one_line_alone")
    if abs(degrees) > limit:
        return Tilt(note="tilt_kept_beyond_limit")
    if _something_at_frame(small, degrees, grounds, verticals):
        return Tilt(note="tilt_kept_product_at_frame")
    return Tilt(degrees, "straightened")


def turned(pixels: U8, degrees: float) -> U8:
    """A photo or a matte turned counter-clockwise about its middle and cut to the largest upright part of its shape.

    pixels: HxWx3 or HxW uint8. Returns the same kind, smaller by about 1.75 % a degree (square pictures): no pixel
    of it lies outside the original. Cubic resampling.
    """
    height, width = pixels.shape[:2]
    share = _kept(degrees, width, height)
    new_width, new_height = max(1, math.floor(width * share)), max(1, math.floor(height * share))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    matrix[:, 2] += ((new_width - width) / 2, (new_height - height) / 2)
    return cv2.warpAffine(
        pixels, matrix, (new_width, new_height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def _kept(degrees: float, width: int, height: int) -> float:
    """Share of width and height that is left."""
    angle = math.radians(abs(degrees))
    return 1 / (math.cos(angle) + max(width / height, height / width) * math.sin(angle))


def _pieces(small: U8, limit: float) -> tuple[F64, F64]:
    """Straight pieces (x1, y1, x2, y2) within `limit` degrees of level, and of upright."""
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(grey)[0]
    if found is None:
        return np.empty((0, 4)), np.empty((0, 4))
    pieces = found.reshape(-1, 4).astype(np.float64)
    run, rise = pieces[:, 2] - pieces[:, 0], pieces[:, 3] - pieces[:, 1]
    long = np.hypot(run, rise) >= _PIECE * max(small.shape[:2])
    tangent = math.tan(math.radians(limit))
    level = long & (np.abs(rise) <= tangent * np.abs(run))
    upright = long & (np.abs(run) <= tangent * np.abs(rise))
    return pieces[level], pieces[upright]


def _lines(pieces: F64, length: int, breadth: int) -> list[_Line]:
    """Pieces joined to lines, the longest first; the pieces' first coordinate runs along `length`."""
    pieces = np.where((pieces[:, 0] > pieces[:, 2])[:, None], pieces[:, [2, 3, 0, 1]], pieces)
    order = np.lexsort((pieces[:, 1], pieces[:, 0], pieces[:, 0] - pieces[:, 2]))
    left, lines = pieces[order], []
    near = _BESIDE * max(length, breadth)
    while len(left):
        line, mine = _joined(left, length, near)
        lines.append(line)
        left = left[~mine]
    return lines


def _joined(pieces: F64, length: int, near: float) -> tuple[_Line, NDArray[np.bool_]]:
    """The line through the first piece and all that lie on it, and which those are."""
    mine = np.zeros(len(pieces), bool)
    mine[0] = True
    slope = offset = 0.0
    for _ in range(4):
        chosen = pieces[mine]
        weight = np.repeat(np.sqrt(chosen[:, 2] - chosen[:, 0]), 2)
        slope, offset = np.polyfit(chosen[:, [0, 2]].ravel(), chosen[:, [1, 3]].ravel(), 1, w=weight)
        away = np.abs(pieces[:, [1, 3]] - offset - slope * pieces[:, [0, 2]]).max(axis=1)
        grown = away <= near
        grown[0] = True
        if (grown == mine).all():
            break
        mine = grown
    covered = np.zeros(length + 1, bool)
    for start, stop in pieces[mine][:, [0, 2]]:
        covered[max(0, math.floor(start)) : math.ceil(stop)] = True
    where = np.flatnonzero(covered)
    return _Line(float(slope), float(offset), covered.mean(), where[0] / length, where[-1] / length), mine


def _is_ground(line: _Line) -> bool:
    return line.first <= _FROM_EDGE and line.last >= 1 - _FROM_EDGE and line.seen >= _GROUND_SEEN


def _is_vertical(line: _Line, height: int, width: int) -> bool:
    into_frame = line.first <= _INTO_FRAME or line.last >= 1 - _INTO_FRAME
    place = line.at(height / 2) / width
    return into_frame and line.seen >= _VERTICAL_SEEN and not _MIDDLE[0] < place < _MIDDLE[1]


def _ground_tilt(grounds: Sequence[_Line]) -> float | None:
    """Tilt by the ground lines; NaN if they disagree, None without any."""
    if not grounds:
        return None
    degrees = [line.degrees for line in grounds]
    if max(degrees) - min(degrees) > _AGREEMENT:
        return math.nan
    return _mean_degrees(grounds)


def _witnessed(tilt: float, grounds: Sequence[_Line], upright: F64, width: int, height: int) -> bool:
    """True if something else than one ground line says the same."""
    for one in grounds:
        for other in grounds:
            apart = abs(one.at(width / 2) - other.at(width / 2)) >= _FAR_APART * height
            if apart and abs(one.degrees - other.degrees) <= _PARALLEL:
                return True
    run, rise = upright[:, 2] - upright[:, 0], upright[:, 3] - upright[:, 1]
    lean = np.degrees(np.arctan2(-run * np.sign(rise), np.abs(rise)))
    length = np.abs(rise)
    if length.sum() < _UPRIGHT_SEEN * height:
        return False
    return abs(float(np.average(lean, weights=length)) - tilt) <= _LEANS_ALIKE


def _vertical_tilt(verticals: Sequence[_Line], height: int, width: int) -> float | None:
    """Tilt by the verticals of both sides; NaN if they disagree, None if one side has none."""
    sides: tuple[list[_Line], list[_Line]] = ([], [])
    for line in verticals:
        sides[line.at(height / 2) > width / 2].append(line)
    if not sides[0] or not sides[1]:
        return None
    # Turned clockwise, a vertical leans to the left further down: hence the minus.
    left, right = (-_mean_degrees(side) for side in sides)
    return math.nan if abs(left - right) > _CONVERGENCE else (left + right) / 2


def _mean_degrees(lines: Sequence[_Line]) -> float:
    return float(np.average([line.degrees for line in lines], weights=[line.seen for line in lines]))


def _something_at_frame(small: U8, degrees: float, grounds: Sequence[_Line], verticals: Sequence[_Line]) -> bool:
    """True if something stands in the strips that turning cuts off: along the frame colours change by no line."""
    height, width = small.shape[:2]
    depth = max(3, math.ceil((1 - _kept(degrees, width, height)) / 2 * max(width, height)))
    lab = cv2.GaussianBlur(rgb_to_lab(small), (0, 0), 1.5)
    strips = (
        (lab[:depth].mean(axis=0), [line.at(0) / width for line in verticals]),
        (lab[-depth:].mean(axis=0), [line.at(height) / width for line in verticals]),
        (lab[:, :depth].mean(axis=1), [line.at(0) / height for line in grounds]),
        (lab[:, -depth:].mean(axis=1), [line.at(width) / height for line in grounds]),
    )
    return any(_unexplained_step(profile, crossings) for profile, crossings in strips)


def _unexplained_step(profile: NDArray[np.float32], crossings: Sequence[float]) -> bool:
    count = len(profile)
    window = max(2, round(_STEP_WINDOW * count))
    total = np.vstack([np.zeros((1, 3)), np.cumsum(profile, axis=0, dtype=np.float64)])
    means = (total[window:] - total[:-window]) / window
    steps = np.linalg.norm(means[window:] - means[:-window], axis=1)
    where = (np.flatnonzero(steps > _STEP) + window) / count
    return bool(any(all(abs(place - crossing) > _EXPLAINED for crossing in crossings) for place in where))
