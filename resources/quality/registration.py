"""Finds a product again in another picture: which affine map takes the photo's product to the final picture's.

Features inside the matte give a first guess (a masked template search where a product has too few), ECC refines it to
a small part of a pixel. Coordinates are those of pixel centres as OpenCV counts them: x right, y down, from 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

# Both pictures are reduced to these sides for features: the second only if the first leaves doubt.
_FEATURE_SIDES = (560, 900)
_SEARCH_SIDE = 160  # and to this one for the template search
_REFINE_SIDE = 320  # the product's longer side while refining
_TURNS = (0.0, -4.0, 4.0)  # of the template, in degrees
_MIN_INLIERS = 10
_SURE_CORRELATION = 0.9  # above it a template search could not do better
_MIN_CORRELATION = 0.6  # below it the places found are chance
_RATIO = 0.8  # Lowe's ratio test


@dataclass(frozen=True, slots=True)
class Registration:
    """Where a product was found.

    matrix: 2x3, original pixels to final pixels. method: "features", "template", or "placement" where we put it.
    correlation: -1 to 1, of the two products after refinement. inliers: features that agree (only for "features").
    twins: features that agree on a second place beside this one, as a share of those.
    """

    matrix: F64
    method: str
    correlation: float
    inliers: int
    twins: float = 0.0

    @property
    def scales(self) -> tuple[float, float]:
        """Largest and smallest stretch of the map."""
        values = np.linalg.svd(self.matrix[:, :2], compute_uv=False)
        return float(values[0]), float(values[1])

    @property
    def scale(self) -> float:
        """Mean stretch: final pixels per original pixel."""
        large, small = self.scales
        return float(np.sqrt(large * small))

    @property
    def anisotropy(self) -> float:
        """How much more the product is stretched one way than the other; 0 for an honest placement."""
        large, small = self.scales
        return large / max(small, 1e-9) - 1

    @property
    def rotation(self) -> float:
        """Turn in degrees, the closest rotation to the map."""
        a = self.matrix
        return float(np.degrees(np.arctan2(a[1, 0] - a[0, 1], a[0, 0] + a[1, 1])))


@dataclass(frozen=True, slots=True)
class NotFound:
    """A product that is nowhere in the other picture.

    features: how many points of its own the product has; with many and no match it is surely not there.
    correlation: of the best place, -1 to 1.
    """

    features: int
    correlation: float


Guess = tuple[F64, str, int]


def register(original: U8, matte: U8, final: U8) -> Registration | NotFound:
    """Find the product of `original` (rgb, with its matte) in `final` (rgb).

    Of all first guesses the one whose refinement correlates best is taken; below `_MIN_CORRELATION` none is.
    """
    best: Registration | None = None
    seen = _Features([], [], 0, 1.0)
    for side in _FEATURE_SIDES:
        seen = _features(original, matte, final, side)
        best = _better(best, _best_refined(original, matte, final, _guesses(seen)))
        if best is not None and best.correlation >= _SURE_CORRELATION:
            return _with_twins(best, seen, matte)
    for degrees in _TURNS:
        templates: list[Guess] = [(m, "template", 0) for m in _by_template(original, matte, final, degrees)]
        best = _better(best, _best_refined(original, matte, final, templates))
        if best is not None and best.correlation >= _SURE_CORRELATION:
            break
    if best is None or best.correlation < _MIN_CORRELATION:
        return NotFound(seen.count, best.correlation if best else 0.0)
    return _with_twins(best, seen, matte)


def _better(one: Registration | None, other: Registration | None) -> Registration | None:
    return max((r for r in (one, other) if r is not None), key=lambda r: r.correlation, default=None)


def _best_refined(original: U8, matte: U8, final: U8, guesses: list[Guess]) -> Registration | None:
    found = [_refined(original, matte, final, *guess) for guess in guesses]
    return max((r for r in found if r is not None), key=lambda r: r.correlation, default=None)


@dataclass(frozen=True, slots=True, eq=False)
class _Features:
    """Points of a product (Nx2) and where the final has ones that look like them (lists of Mx2 each, best first).

    count: points that the product has at all. tolerance: how far a point may be off, in pixels of the final.
    Coordinates are those of the full pictures.
    """

    source: list[F64]
    target: list[F64]
    count: int
    tolerance: float


def _features(original: U8, matte: U8, final: U8, side: int) -> _Features:
    """SIFT features (Lowe 2004) of the product and the final, matched; both pictures reduced to `side`."""
    small, k = _reduced(cv2.cvtColor(original, cv2.COLOR_RGB2GRAY), side)
    large, m = _reduced(cv2.cvtColor(final, cv2.COLOR_RGB2GRAY), side)
    mask = cv2.resize(matte, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    sift = cv2.SIFT_create(nfeatures=1500, contrastThreshold=0.015)
    points, descriptors = sift.detectAndCompute(small, cv2.inRange(mask, 128, 255))
    others, targets = sift.detectAndCompute(large, None)
    if descriptors is None or targets is None or len(others) < 3:
        return _Features([], [], len(points), 1.0)
    source = _full(np.array([point.pt for point in points]), k)
    target = _full(np.array([point.pt for point in others]), m)
    ranked = cv2.BFMatcher(cv2.NORM_L2).knnMatch(descriptors, targets, k=3)
    sources, found = [], []
    # Against the next best for one product, against the third best where there may be two of them.
    for place, rival in ((0, 1), (0, 2), (1, 2)):
        good = [m[place] for m in ranked if len(m) > rival and m[place].distance < _RATIO * m[rival].distance]
        sources.append(source[[match.queryIdx for match in good]])
        found.append(target[[match.trainIdx for match in good]])
    return _Features(sources, found, len(points), 3.0 / m)


def _full(points: F64, k: float) -> F64:
    """Points of a picture reduced by k as points of the full one, about pixel centres."""
    return (points.reshape(-1, 2) + 0.5) / k - 0.5


def _guesses(seen: _Features) -> list[Guess]:
    """The similarity that most features agree on, if enough do."""
    for source, target in zip(seen.source[:2], seen.target[:2], strict=True):
        found = _agreed(source, target, seen.tolerance)
        if found is not None:
            return [(found[0], "features", found[1])]
    return []


def _agreed(source: F64, target: F64, tolerance: float) -> tuple[F64, int] | None:
    """A similarity that at least `_MIN_INLIERS` points agree on, and how many do."""
    if len(source) < _MIN_INLIERS:
        return None
    cv2.setRNGSeed(1)
    matrix, inliers = cv2.estimateAffinePartial2D(
        source.astype(np.float32),
        target.astype(np.float32),
        method=cv2.RANSAC,
        ransacReprojThreshold=tolerance,
        maxIters=4000,
        confidence=0.999,
    )
    count = int(inliers.sum()) if matrix is not None else 0
    return (matrix, count) if count >= _MIN_INLIERS else None


def _with_twins(found: Registration, seen: _Features, matte: U8) -> Registration:
    """The registration, and how many features agree on the product lying at a second place too."""
    if not found.inliers:
        return found
    box = _extent(matte, _square(found.matrix))
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    reach = 0.5 * np.array([box[2] - box[0], box[3] - box[1]])
    others = 0
    for source, target in zip(seen.source[1:], seen.target[1:], strict=True):
        elsewhere = (np.abs(target - middle) > reach).any(axis=1)
        other = _agreed(source[elsewhere], target[elsewhere], seen.tolerance)
        others = max(others, other[1] if other else 0)
    return replace(found, twins=others / found.inliers)


def _by_template(original: U8, matte: U8, final: U8, degrees: float) -> list[F64]:
    """Placements, turned by so much, whose masked correlation is best, over a ladder of sizes; at most three."""
    large, m = _reduced(final, _SEARCH_SIDE)
    turn = _turn(original.shape[1], original.shape[0], degrees)
    if degrees:
        size = original.shape[1::-1]
        original, matte = (cv2.warpAffine(image, turn[:2], size, flags=cv2.INTER_AREA) for image in (original, matte))
    ys, xs = np.nonzero(matte > 128)
    if ys.size == 0:
        return []
    box = original[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    shape = matte[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    limit = min(large.shape[1] / box.shape[1], large.shape[0] / box.shape[0])
    found = []
    for k in limit * np.geomspace(1.0, 0.16, 40):
        size = (max(6, round(box.shape[1] * k)), max(6, round(box.shape[0] * k)))
        if size[0] > large.shape[1] or size[1] > large.shape[0]:
            continue
        template = cv2.resize(box, size, interpolation=cv2.INTER_AREA)
        mask = (cv2.resize(shape, size, interpolation=cv2.INTER_AREA) > 160).astype(np.uint8)
        if mask.sum() < 60:
            continue
        fit = cv2.matchTemplate(large, template, cv2.TM_CCOEFF_NORMED, mask=cv2.merge([mask] * 3))
        fit = np.where(np.isfinite(fit) & (np.abs(fit) <= 1.0001), fit, -1)
        y, x = np.unravel_index(int(np.argmax(fit)), fit.shape)
        sx, sy = size[0] / box.shape[1], size[1] / box.shape[0]
        matrix = (np.array([[sx, 0, x - sx * xs.min()], [0, sy, y - sy * ys.min()], [0, 0, 1]]) @ turn)[:2]
        found.append((float(fit[y, x]), matrix))
    found.sort(key=lambda f: -f[0])
    return [_rescaled(matrix, 1.0, m) for _, matrix in found[:3]]


def _refined(original: U8, matte: U8, final: U8, matrix: F64, method: str, inliers: int) -> Registration | None:
    """ECC (Evangelidis, Psarakis 2008), affine, on a crop in which both products have the same size."""
    ys, xs = np.nonzero(matte > 128)
    if ys.size == 0:
        return None
    side = max(np.ptp(ys), np.ptp(xs)) + 1
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if not 0.02 < scale < 50:
        return None
    k = min(1.0, scale, _REFINE_SIDE / side)
    pad = 4
    left, top = max(0, xs.min() - pad), max(0, ys.min() - pad)
    part = np.s_[top : ys.max() + pad + 1, left : xs.max() + pad + 1]
    template, kx, ky = _scaled(cv2.cvtColor(original[part], cv2.COLOR_RGB2GRAY), k)
    mask = cv2.inRange(cv2.resize(matte[part], template.shape[1::-1], interpolation=cv2.INTER_AREA), 200, 255)
    m = k / scale
    target, mx, my = _scaled(cv2.cvtColor(final, cv2.COLOR_RGB2GRAY), m)
    # Reduced template pixel -> original -> final -> reduced final pixel; all about pixel centres.
    start = _from_reduced(mx, my) @ _square(matrix) @ _shift(left, top) @ np.linalg.inv(_from_reduced(kx, ky))
    warp = start[:2].astype(np.float32)
    try:
        for blur, steps in ((9, 30), (3, 40)):
            criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, steps, 1e-5)
            correlation, warp = cv2.findTransformECCWithMask(
                template, target, mask, None, warp, cv2.MOTION_AFFINE, criteria, blur
            )
    except cv2.error:  # it did not converge: not the same product at that place
        return None
    inverse = np.linalg.inv(_from_reduced(mx, my))
    full = inverse @ _square(warp) @ _from_reduced(kx, ky) @ _shift(-left, -top)
    return Registration(full[:2], method, float(correlation), inliers)


@dataclass(frozen=True, slots=True)
class Aligned:
    """The expected product beside what the final picture shows there, pixel on pixel.

    expected, shown: rgb of the same size; alpha: the product's. side: its longer side in these pixels. visible: share
    of the product inside the final picture.
    """

    expected: U8
    alpha: U8
    shown: U8
    side: float
    visible: float


def align(original: U8, matte: U8, final: U8, found: Registration, side: int, margin: float) -> Aligned:
    """Draw the original where the final picture shows it, both reduced alike until the product measures `side`.

    margin: how much around the product is kept, share of its longer side.
    """
    scale = found.scale
    source, kx, ky = _scaled(original, min(1.0, scale))
    source_alpha = _scaled(matte, min(1.0, scale))[0]
    onto = _square(found.matrix) @ np.linalg.inv(_from_reduced(kx, ky))
    left, top, right, bottom = _extent(source_alpha, onto)
    long = max(right - left, bottom - top)
    pad = margin * long
    height, width = final.shape[:2]
    x0, y0 = max(0, int(left - pad)), max(0, int(top - pad))
    x1, y1 = min(width, int(right + pad) + 1), min(height, int(bottom + pad) + 1)
    if x1 - x0 < 8 or y1 - y0 < 8:
        empty = np.zeros((8, 8, 3), np.uint8)
        return Aligned(empty, empty[..., 0], empty, long, 0.0)
    matrix, size = (_shift(-x0, -y0) @ onto)[:2], (x1 - x0, y1 - y0)
    expected = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(source_alpha, matrix, size, flags=cv2.INTER_LINEAR)
    whole = source_alpha.sum(dtype=np.float64) * abs(np.linalg.det(onto[:2, :2]))
    visible = float(min(1.0, alpha.sum(dtype=np.float64) / max(whole, 1.0)))
    k = min(1.0, side / long)
    shown = np.ascontiguousarray(final[y0:y1, x0:x1])
    return Aligned(_scaled(expected, k)[0], _scaled(alpha, k)[0], _scaled(shown, k)[0], long * k, visible)


def _extent(alpha: U8, onto: F64) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a matte after a map."""
    ys, xs = np.nonzero(alpha > 8)
    corners = np.array([[x, y, 1] for x in (xs.min(), xs.max()) for y in (ys.min(), ys.max())]) @ onto[:2].T
    return (*corners.min(axis=0), *corners.max(axis=0))


def _turn(width: int, height: int, degrees: float) -> F64:
    """A turn about a picture's middle, 3x3."""
    return _square(cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0))


def _square(matrix: NDArray[np.floating]) -> F64:
    return np.vstack([matrix, [0, 0, 1]]).astype(np.float64)


def _shift(x: float, y: float) -> F64:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _from_reduced(kx: float, ky: float) -> F64:
    """Full-size pixel to reduced pixel, both about centres."""
    return np.array([[kx, 0, 0.5 * kx - 0.5], [0, ky, 0.5 * ky - 0.5], [0, 0, 1]], np.float64)


def _rescaled(matrix: NDArray[np.floating], k: float, m: float) -> F64:
    """A map between reduced pictures (factors k, m) as a map between the full ones."""
    return (np.linalg.inv(_from_reduced(m, m)) @ _square(matrix) @ _from_reduced(k, k))[:2]


def _reduced(image: U8, side: int) -> tuple[U8, float]:
    k = min(1.0, side / max(image.shape[:2]))
    return _scaled(image, k)[0], k


def _scaled(image: U8, k: float) -> tuple[U8, float, float]:
    """An image resized by about k, and the true factors across and down."""
    height, width = image.shape[:2]
    size = (max(1, round(width * k)), max(1, round(height * k)))
    if size == (width, height):
        return image, 1.0, 1.0
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC)
    return resized, size[0] / width, size[1] / height
