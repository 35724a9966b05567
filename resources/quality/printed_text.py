"""A witness of the fidelity judge that reads: does the product in the final picture say what the real one says?

Lines are found and read once a photo, with the text nets that RapidOCR ships in its own package (PP-OCRv6 small,
Apache-2.0). In a final picture nothing is searched: each line of the photo is cut out where the found product must have
it, and read there. Text that a generator added to an empty surface is therefore not seen here; such a surface has
structure and colour that the photo's has not, which the judge measures.
"""

from __future__ import annotations

import hashlib
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.kept import Kept
from resources.quality.witness import Finding, Sight
from resources.verdicts import measure

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]

_REVISION = 1  # changes with anything below that may change what is said
_READ_SIDE = 1280  # the product's longer side, in pixels, in which lines are read
_FIND_SIDE = 960  # and in which they are searched
_GREY = 128  # painted around the product, so that a photo's surroundings say nothing
_SURE = 0.95  # confidence from which a line of the photo is believed
_MIN_CHARACTERS = 3
_MOST_LINES = 24  # read in a photo
_MIN_HEIGHT = 16  # of a line, in pixels of the photo as of the final, below which nobody can read it
_SMALLEST = 10  # of a line that is worth a try where nothing is compared
# What reading loses by the line's size alone is measured on the photo, a little smaller than the final shows it. It is
# no damage; a line that loses more than this share of its characters says nothing.
_RESERVE, _MOST_LOST = 0.8, 0.34
# Other cuts of a line, as it may lie a pixel or two beside where it is expected: shifts across and down, and growth,
# in shares of its height. The one that reads best counts.
_OTHER_CUTS = ((0.0, 0.0, 0.12), (0.06, 0.06, 0.0), (-0.06, -0.06, 0.06))
_COUNTED = 12  # of a line's characters, at most, so that one in a long line weighs
_ALIKE = ("0OoDQØø", "1lIi|!", "5Ss", "2Zz", "8B", "6G", "9gq")  # signs that are often mistaken for one another
_KEPT_PHOTOS = 32


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text on a product.

    text: as it was read. score: confidence, 0 to 1. corners: 4x2, in pixels of the photo, clockwise from the text's
    top left. crop: HxWx3 rgb, upright.
    """

    text: str
    score: float
    corners: F64
    crop: U8


class PrintedText:
    """Compares what is printed on the product with what the final picture shows there.

    review, reject: `text_distance` of the worst line above which a person looks, and above which the product counts as
    changed.
    May be used from many threads; what was read in a photo is kept for the next final of the same photo.
    """

    name = "text"

    def __init__(self, review: float = 0.07, reject: float = 0.2) -> None:
        if not 0 <= review <= reject <= 1:
            raise ValueError(f"text distances: 0 <= review <= reject <= 1 expected, found {review} and {reject}")
        self._review, self._reject = review, reject
        self._photos: Kept[bytes, tuple[Line, ...]] = Kept(_KEPT_PHOTOS)

    @property
    def revision(self) -> str:
        """What changes when the same sight would be seen otherwise: this code, its limits, and the nets."""
        return f"{_REVISION}:{self._review:g}:{self._reject:g}:rapidocr-{version('rapidocr')}"

    def look(self, sight: Sight) -> list[Finding]:
        """The worst line's distance; an empty list if the photo has no text that can be read in the final's size."""
        lines = self.lines(sight.original, sight.matte)
        distances = [d for d in (_distance(line, sight) for line in lines) if d is not None]
        if not distances:
            return []
        worst = max(distances)
        changed = worst > self._reject
        limit = self._reject if changed else self._review
        return [Finding(measure("text_distance", worst, at_most=limit), "rejected" if changed else "review")]

    def lines(self, photo: U8, matte: U8) -> tuple[Line, ...]:
        """The lines of a photo (HxWx3 uint8) inside its matte (HxW uint8) that were read with confidence."""
        key = hashlib.sha256(repr(photo.shape).encode())
        key.update(np.ascontiguousarray(photo).data)
        key.update(np.ascontiguousarray(matte).data)
        return self._photos.get(key.digest(), lambda: _read_product(photo, matte))


# ---- reading


def _read_product(photo: U8, matte: U8) -> tuple[Line, ...]:
    solid = matte > 127
    if not solid.any():
        return ()
    ys, xs = np.nonzero(solid)
    left, top = int(xs.min()), int(ys.min())
    part = np.s_[top : int(ys.max()) + 1, left : int(xs.max()) + 1]
    picture = np.where(solid[part][..., None], photo[part], np.uint8(_GREY))
    lines = read_lines(picture, _MIN_HEIGHT)
    sure = [line for line in lines if line.score >= _SURE and _characters(line.text) >= _MIN_CHARACTERS]
    return tuple(replace(line, corners=line.corners + np.array([left, top])) for line in sure)


def read_lines(picture: U8, smallest: int = _SMALLEST) -> tuple[Line, ...]:
    """The lines of text in any picture, the largest first, each as it reads best, whatever the confidence.

    picture: HxWx3 uint8 rgb, reduced to 1280 pixels on its longer side; corners are in its own pixels. smallest: height
    of a line in the reduced picture, pixels. At most 24 lines. Takes about a second on one thread.
    """
    k = min(1.0, _READ_SIDE / max(picture.shape[:2]))
    if k < 1:
        picture = cv2.resize(picture, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
    found = []
    for box in _largest(_find_lines(picture), smallest):
        line = max((_read_line(picture, corners) for corners in _ways_to_read(box)), key=lambda one: one.score)
        found.append(replace(line, corners=line.corners / k))
    return tuple(found)


def _largest(boxes: list[F64], smallest: int) -> list[F64]:
    """The lines that are worth reading, the largest first: a photo full of small print must not take minutes."""
    readable = [box for box in boxes if min(_size(box)) >= smallest]
    return sorted(readable, key=lambda box: -min(_size(box)))[:_MOST_LINES]


def _read_line(picture: U8, corners: F64) -> Line:
    crop = _cut(picture, corners, *_size(corners))
    return Line(*_read(crop), corners, crop)


def _ways_to_read(corners: F64) -> list[F64]:
    """The corners as they are; those of a line that stands upright from the top down and from the bottom up."""
    width, height = _size(corners)
    return [corners] if height < 1.5 * width else [np.roll(corners, -1, axis=0), np.roll(corners, 1, axis=0)]


def _distance(line: Line, sight: Sight) -> float | None:
    """How far the final's line is from the photo's, 0 to 1; None if it cannot be read in that size or is cut off."""
    corners = line.corners @ sight.found.matrix[:, :2].T + sight.found.matrix[:, 2]
    height, width = sight.final.shape[:2]
    if corners.min() < 0 or corners[:, 0].max() > width - 1 or corners[:, 1].max() > height - 1:
        return None
    k = min(1.0, _size(corners)[1] / line.crop.shape[0])
    size = _reduced(line, k)
    if min(size) < _MIN_HEIGHT:
        return None
    distance = text_distance(line.text, _read(_cut(sight.final, corners, *size))[0])
    if distance == 0:
        return 0.0
    # Something differs: is it the print, or its size? The photo's own line, a little smaller still, tells.
    again, _ = _read(cv2.resize(line.crop, _reduced(line, _RESERVE * k), interpolation=cv2.INTER_AREA))
    lost = text_distance(line.text, again)
    if lost > _MOST_LOST:
        return None
    for cut in _OTHER_CUTS:
        shown, _ = _read(_cut(sight.final, _moved(corners, *cut), *size))
        distance = min(distance, text_distance(line.text, shown))
    return max(0.0, distance - lost)


def _reduced(line: Line, k: float) -> tuple[int, int]:
    """Width and height of a line's crop, times k."""
    height, width = line.crop.shape[:2]
    return max(1, round(width * k)), max(1, round(height * k))


def _moved(corners: F64, across: float, down: float, growth: float) -> F64:
    """The corners of another cut of a line; shares of its height."""
    height = float(np.linalg.norm(corners[3] - corners[0]))
    right = (corners[1] - corners[0]) / np.linalg.norm(corners[1] - corners[0])
    below = (corners[3] - corners[0]) / height
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
    outwards = growth * (signs[:, :1] * right + signs[:, 1:] * below)
    return corners + height * (across * right + down * below + outwards)


def text_distance(expected: str, shown: str) -> float:
    """How differently two lines read, 0 to 1: Levenshtein distance over the number of characters.

    Spaces and forms of the same character do not count; signs that readers mistake for one another (0 and O, S and s,
    e and é) and marks that are neither letter nor digit count half. Of a long line's characters 12 are counted, so that
    a single changed digit weighs there, too.
    """
    a, b = plain_text(expected), plain_text(shown)
    row = [0.0]
    for y in b:
        row.append(row[-1] + _weight(y))
    for x in a:
        last, row[0] = row[0], row[0] + _weight(x)
        for j, y in enumerate(b, 1):
            replaced = last + _exchange(x, y)
            last, row[j] = row[j], min(row[j] + _weight(x), row[j - 1] + _weight(y), replaced)
    return min(1.0, row[-1] / max(1, min(_COUNTED, max(len(a), len(b)))))


def plain_text(text: str) -> str:
    """A line without spaces, in the plain forms of its characters (NFKC)."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def _weight(character: str) -> float:
    return 1.0 if character.isalnum() else 0.5


def _exchange(x: str, y: str) -> float:
    if x == y:
        return 0.0
    alike = _base(x) == _base(y) or any(x in signs and y in signs for signs in _ALIKE)
    return 0.5 if alike else max(_weight(x), _weight(y))


def _base(character: str) -> str:
    """A letter without its accents and case."""
    return unicodedata.normalize("NFD", character)[0].casefold()


def _characters(text: str) -> int:
    return sum(character.isalnum() for character in text)


def _size(corners: F64) -> tuple[int, int]:
    """Width and height of a line, pixels."""
    a, b, _, d = corners
    return max(1, round(float(np.linalg.norm(b - a)))), max(1, round(float(np.linalg.norm(d - a))))


def _cut(picture: U8, corners: F64, width: int, height: int) -> U8:
    """The line between these corners, upright, width x height; reduced by area before it is turned."""
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 2, 0)
    x1, y1 = np.ceil(corners.max(axis=0)).astype(int) + 3
    part = np.ascontiguousarray(picture[y0:y1, x0:x1])
    k = min(1.0, height / _size(corners)[1])
    if k < 1:
        part = cv2.resize(part, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
    source = ((corners[[0, 1, 3]] - (x0, y0)) * k).astype(np.float32)
    target = np.array([[0, 0], [width, 0], [0, height]], np.float32)
    turn = cv2.getAffineTransform(source, target)
    return cv2.warpAffine(part, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


# ---- the nets


@cache
def _nets() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The finder and the reader of lines, loaded once a process from RapidOCR's own package: nothing is downloaded.

    Each is called without options, which would be kept; so they may be shared by threads.
    """
    import rapidocr

    models = Path(rapidocr.__file__).parent / "models"
    common = {
        "Global.log_level": "critical",
        "Global.use_cls": False,
        "Global.use_preprocess_img": False,
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
        "Det.limit_type": "max",
        "Det.limit_side_len": _FIND_SIDE,
        "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
    }
    finder = rapidocr.RapidOCR(params={**common, "Global.use_rec": False})
    reader = rapidocr.RapidOCR(params={**common, "Global.use_det": False})
    return finder, reader


_loading = threading.Lock()


def _loaded() -> tuple[Callable[..., Any], Callable[..., Any]]:
    with _loading:
        return _nets()


def _find_lines(picture: U8) -> list[F64]:
    """Corners (4x2, clockwise from the top left) of each line of text in an rgb picture."""
    boxes = _loaded()[0](cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)).boxes
    if boxes is None:
        return []
    return [np.asarray(box, np.float64) for box in boxes]


def _read(crop: U8) -> tuple[str, float]:
    """The text of an upright rgb line and its confidence, 0 to 1."""
    answer = _loaded()[1](cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
    return (answer.txts[0], float(answer.scores[0])) if answer.txts else ("", 0.0)
