"""What lies at and beyond a product's outline that should not: more of the product, a rim, a halo, a moved outline.

With the empty scene known, whatever it and a shadow do not explain is growth. Without it the scene is guessed from
what lies further out, and a person has the last word.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import channel_sum, lengths, per_channel, rgb_to_lab
from resources.quality.appearance import OPAQUE
from resources.quality.registration import Aligned

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

GUESSED = frozenset({"expansion", "outline_moved"})
"""Measures that the empty scene settles: without it they are guesses."""

_NEAR = 0.2  # so far out growth is looked for, share of the product's longer side
_GUESS_SIDE = 400  # the product's longer side, in pixels, while the scene is guessed
# A shadow leaves at least so much of the scene's lightness (L + 16, that is the cube root of its light).
_DEEPEST_SHADOW = 0.55
_SHARP = 4.5  # change of colour (Lab) a pixel at a sharp edge
# A scene with fewer sharp edges further out is calm, as a share of its area: what stands by the product belongs to it.
_CALM = 0.004
_ALIKE, _SEAMLESS = 0.3, 0.3  # share of a part with the product's colours; of its joint without a seam
_SEAM = 16.0  # Lab difference from which a seam shows

# The outline: profiles across it, in pixels at the side of comparison, outwards from the edge of the matte.
_INWARDS, _OUTWARDS = 4, 22
_PROFILES, _LEAST_PROFILES = 2500, 60
_LEAST_SHARE = 0.2  # of the outline that must be sharp and free: else it says nothing of the whole
_NEXT = 4  # nearer than this the outline itself is seen
_CLEAR_EDGE = 6.0  # Lab a pixel


def growth(pair: Aligned, behind: U8 | None) -> dict[str, float]:
    """What was measured, by name: `expansion`, area outside the outline that looks like more product as a share of its
    area, `edge_halo`, and `outline_moved`, where the empty scene (HxWx3 uint8, as the pair's pictures) is not known.
    """
    profiles = _profiles(pair)
    halo = edge_halo(profiles)
    if behind is not None:
        return {"expansion": _grown_beyond(pair, behind) / _area(pair), "edge_halo": halo}
    small = _reduced(pair)
    grown = _grown_guess(small) / _area(small)
    return {"expansion": grown, "outline_moved": outline_moved(profiles), "edge_halo": halo}


def _area(pair: Aligned) -> float:
    return max(1.0, float((pair.alpha > 127).sum()))


def _reduced(pair: Aligned) -> Aligned:
    k = _GUESS_SIDE / pair.side
    if k >= 1:
        return pair
    size = (max(8, round(pair.alpha.shape[1] * k)), max(8, round(pair.alpha.shape[0] * k)))
    expected, alpha, shown = (
        cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (pair.expected, pair.alpha, pair.shown)
    )
    return Aligned(expected, alpha, shown, pair.side * k, pair.visible)


# ---- with the empty scene at hand


def _grown_beyond(pair: Aligned, behind: U8) -> float:
    """Area outside the outline that the empty scene does not explain: a shadow may darken it, nothing may add to it."""
    ring, _ = _ring(pair)
    scene, shown = rgb_to_lab(behind), rgb_to_lab(pair.shown)
    return float(np.count_nonzero(ring & _foreign(shown, scene)))


def _ring(pair: Aligned) -> tuple[Mask, F32]:
    """Pixels just outside the product, up to 0.2 of its side away, and everybody's distance from it."""
    touched = cv2.inRange(pair.alpha, 5, 255)
    distance = cv2.distanceTransform(cv2.bitwise_not(touched), cv2.DIST_L2, 5)
    return (distance > max(1.5, 0.004 * pair.side)) & (distance < _NEAR * pair.side), distance


def _foreign(shown: F32, scene: F32) -> Mask:
    """Where a picture differs from the scene in a way that no shadow makes: lighter, or of another hue."""
    lighter = shown[..., 0] - scene[..., 0] > 8
    share = np.clip((shown[..., 0] + 16) / (scene[..., 0] + 16), 0, 1)
    hue = lengths(shown[..., 1:] - scene[..., 1:] * per_channel(share, 2)) > 12
    return lighter | hue


# ---- with a guess of the scene


def _grown_guess(pair: Aligned) -> float:
    """Area of parts near the product that are neither the background around nor its shadow, with a sharp rim.

    Where the scene has such things further out too (lights, leaves), it has them near the product as well: only what
    hangs on the outline without a seam and has the product's colours counts, less that usual share. In a calm scene
    everything does.
    """
    ring, distance = _ring(pair)
    beyond = distance >= _NEAR * pair.side
    shown = rgb_to_lab(cv2.GaussianBlur(pair.shown, (0, 0), max(0.6, pair.side / 640)))
    scene = _background_guess(shown, distance, pair.side)
    apart = (ring | beyond) & (lengths(shown - scene) > 13) & ~_shaded(shown, scene)
    edges = _edge_strength(shown, pair.side)
    least = 0.003 * float((pair.alpha > 127).sum())
    near = [part for part in _parts(apart & ring, least, pair.side) if part.sharp(edges, distance)]
    if float((edges[beyond] >= _SHARP).mean()) < _CALM:
        return sum(part.area for part in near)
    alike, seamless = _has_product_colour(shown, pair), _seamless(shown, pair)
    far = [part for part in _parts(apart & beyond, least, pair.side) if part.sharp(edges, distance)]
    usual = sum(part.area for part in far if part.share(alike) >= _ALIKE) / max(1, int(np.count_nonzero(beyond)))
    grown = sum(
        part.area
        for part in near
        if _hangs_on(part, distance, pair.side)
        and part.share(alike) >= _ALIKE
        and part.share_where(seamless, distance < _joint(pair.side)) >= _SEAMLESS
    )
    return max(0.0, grown - 1.5 * usual * int(np.count_nonzero(ring)))


def _shaded(shown: F32, scene: F32) -> Mask:
    """Where a picture is the scene with less light, as a cast shadow leaves it: darker, but not black, of one hue."""
    share = (shown[..., 0] + 16) / (scene[..., 0] + 16)
    hue = lengths(shown[..., 1:] - scene[..., 1:] * per_channel(np.clip(share, 0, 1), 2))
    return (share < 1) & (share > _DEEPEST_SHADOW) & (hue < 9)


@dataclass(frozen=True, slots=True)
class _Part:
    """A connected part of a picture: its mask within a box that leaves room around it; side: of the product."""

    mask: Mask
    box: tuple[slice, slice]
    area: float
    side: float

    def share(self, where: Mask) -> float:
        """Share of the part that lies where `where` is true."""
        return float(where[self.box][self.mask].mean())

    def share_where(self, where: Mask, looked_at: Mask) -> float:
        """Share of the part's pixels in `looked_at` that lie where `where` is true; 0 without any."""
        there = self.mask & looked_at[self.box]
        return float(where[self.box][there].mean()) if there.any() else 0.0

    def sharp(self, edges: F32, distance: F32) -> bool:
        """True if much of its rim, off the product's own outline, is a sharp edge."""
        wide = cv2.dilate(self.mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
        rim = wide & ~self.mask & (distance[self.box] > max(5.0, 0.0156 * self.side))
        return bool(rim.any()) and float(np.percentile(edges[self.box][rim], 80)) >= _SHARP


def _parts(where: Mask, least: float, side: float) -> list[_Part]:
    """The connected parts of at least `least` pixels, thin lines opened away."""
    k = 5 if side > 500 else 3
    opened = cv2.morphologyEx(where.astype(np.uint8), cv2.MORPH_OPEN, np.ones((k, k), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    parts = []
    for label in range(1, count):
        x, y, width, height, area = (int(v) for v in stats[label])
        if area >= least:
            box = np.s_[max(0, y - 4) : y + height + 4, max(0, x - 4) : x + width + 4]
            parts.append(_Part(labels[box] == label, box, float(area), side))
    return parts


def _joint(side: float) -> float:
    """So near the outline, in pixels, a part must come to be joined to the product."""
    return max(4.0, 0.0094 * side)


def _seamless(shown: F32, pair: Aligned) -> Mask:
    """Where the picture outside has the colour of the product's nearest edge: nothing shows where one ends."""
    core = cv2.erode(cv2.inRange(pair.alpha, OPAQUE, 255), np.ones((3, 3), np.uint8))
    _, labels = cv2.distanceTransformWithLabels(cv2.bitwise_not(core), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    inside = core > 0
    if not inside.any():
        return np.zeros(inside.shape, bool)
    colours = np.zeros((int(labels.max()) + 1, 3), np.float32)
    colours[labels[inside]] = shown[inside]
    return lengths(shown - colours[labels]) < _SEAM


def _hangs_on(part: _Part, distance: F32, side: float) -> bool:
    """True if a part joins the product's outline along a stretch that is not small for its size."""
    joined = np.count_nonzero(part.mask & (distance[part.box] < _joint(side)))
    return bool(joined >= 0.3 * np.sqrt(part.area))


def _background_guess(lab: F32, distance: F32, side: float) -> F32:
    """The scene near the product as a smooth continuation of what lies 0.17 to 0.3 of its side away."""
    k = 8
    size = (max(1, lab.shape[1] // k), max(1, lab.shape[0] // k))
    known = cv2.resize((distance > 0.17 * side).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(lab, size, interpolation=cv2.INTER_AREA)
    total, weight = np.zeros_like(small), np.full(small.shape[:2], 1e-9, np.float32)
    # From near to far: where near samples exist they count most, elsewhere the wide average fills in.
    for sigma, trust in ((0.05, 1.0), (0.12, 1e-2), (0.4, 1e-4)):
        blur = max(0.7, sigma * side / k)
        total += trust * cv2.GaussianBlur(small * per_channel(known), (0, 0), blur)
        weight += np.float32(trust) * cv2.GaussianBlur(known, (0, 0), blur)
    return cv2.resize(total / per_channel(weight), lab.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _has_product_colour(shown: F32, pair: Aligned) -> Mask:
    """Where the picture has a colour that at least 0.2 % of the product has, to about 8 Lab units."""
    step, bins = 8.0, 34
    inside = pair.alpha > OPAQUE
    product = rgb_to_lab(pair.expected[inside][None])[0]

    def cells(lab: F32) -> NDArray[np.intp]:
        index = np.clip(np.floor((lab + np.array([0, 128, 128], np.float32)) / step), 0, bins - 1).astype(np.intp)
        return (index[..., 0] * bins + index[..., 1]) * bins + index[..., 2]

    counts = np.bincount(cells(product).ravel(), minlength=bins**3).reshape(bins, bins, bins)
    common = (counts >= max(3, 0.002 * len(product))).astype(np.uint8)
    grown = common.copy()
    for axis in range(3):
        grown |= np.roll(common, 1, axis) | np.roll(common, -1, axis)
    return grown.ravel()[cells(shown)] > 0


def _edge_strength(lab: F32, side: float) -> F32:
    """Change of colour (Lab) a pixel, the largest nearby; as it would be at a side of 640 pixels."""
    dx, dy = cv2.Sobel(lab, cv2.CV_32F, 1, 0), cv2.Sobel(lab, cv2.CV_32F, 0, 1)
    change = np.sqrt(channel_sum(dx * dx + dy * dy))
    return cv2.dilate(change / 4 * min(1.0, side / 640), np.ones((5, 5), np.uint8))


# ---- the outline itself


def edge_halo(profiles: F32) -> float:
    """Lab distance of the colours at the outline from any mixture of what lies on its two sides; the mean along it.

    profiles: of `_profiles`. 0 without a halo, or where there are too few. A bright or dark line of another colour, as
    the rest of an old background leaves it, is no mixture.
    """
    if len(profiles) < _LEAST_PROFILES:
        return 0.0
    inside, outside = profiles[:, _INWARDS - 3], profiles[:, _INWARDS + 5 : _INWARDS + 8].mean(axis=1)
    ring = profiles[:, _INWARDS - 1 : _INWARDS + 4]
    along = outside - inside
    length = np.maximum((along**2).sum(axis=1), 1e-6)[:, None]
    share = np.clip(((ring - inside[:, None]) * along[:, None]).sum(axis=2) / length, 0, 1)
    stray = lengths(ring - inside[:, None] - share[..., None] * along[:, None])
    return float(stray.max(axis=1).mean())


def outline_moved(profiles: F32) -> float:
    """Share of the outline, 0 to 1, that has a clear edge at one same distance outside: a rim, or a fatter product.

    profiles: of `_profiles`. What the scene has of edges lies at any distance, and is taken off; 0 if there are few.
    """
    if len(profiles) < _LEAST_PROFILES:
        return 0.0
    steps = lengths(profiles[:, 2:] - profiles[:, :-2]) / 2  # from offset 1 - _INWARDS on
    middle = steps[:, 1:-1]
    # A peak, not the slope of the outline's own edge.
    edge = (middle > _CLEAR_EDGE) & (middle >= steps[:, :-2]) & (middle >= steps[:, 2:])
    nearby = edge[:, :-2] | edge[:, 1:-1] | edge[:, 2:]  # from offset 3 - _INWARDS on
    shares = nearby.mean(axis=0)[_INWARDS - 3 + _NEXT :]
    return float(shares.max() - np.median(shares))


def _profiles(pair: Aligned) -> F32:
    """Lab across the outline, (N, _INWARDS + 1 + _OUTWARDS, 3), from inside outwards.

    Where it is sharp and its surroundings are free; none if that is hardly anywhere.
    """
    solid = cv2.inRange(pair.alpha, 128, 255)
    outside = cv2.distanceTransform(cv2.bitwise_not(solid), cv2.DIST_L2, 5)
    inside = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    signed = np.where(solid > 0, 0.5 - inside, outside - 0.5).astype(np.float32)
    smooth = cv2.GaussianBlur(signed, (0, 0), 2)
    ys, xs = np.nonzero((np.abs(signed) < 1) & (solid > 0))
    chosen = np.linspace(0, len(ys) - 1, min(_PROFILES, len(ys))).astype(np.intp)
    ys, xs = ys[chosen], xs[chosen]
    dx, dy = (cv2.Sobel(smooth, cv2.CV_32F, *order)[ys, xs] for order in ((1, 0), (0, 1)))
    steepness = np.sqrt(dx * dx + dy * dy) + np.float32(1e-6)
    offsets = np.arange(-_INWARDS, _OUTWARDS + 1, dtype=np.float32)
    px = (xs[:, None] + offsets * (dx / steepness)[:, None]).astype(np.float32)
    py = (ys[:, None] + offsets * (dy / steepness)[:, None]).astype(np.float32)
    height, width = solid.shape
    kept = ((px >= 0) & (px < width) & (py >= 0) & (py < height)).all(axis=1)
    px, py = px[kept], py[kept]
    if not len(px):
        return np.zeros((0, len(offsets), 3), np.float32)
    cover = cv2.remap(pair.alpha, px, py, cv2.INTER_LINEAR)
    away = cv2.remap(signed, px[:, -1:], py[:, -1:], cv2.INTER_LINEAR)[:, 0]
    # Soft edges lie nowhere in particular, and between two parts of a product there is no room to look.
    usable = (cover[:, _INWARDS + 3] < 13) & (cover[:, _INWARDS - 3] > OPAQUE) & (away > 0.7 * _OUTWARDS)
    if usable.mean() < _LEAST_SHARE:
        return np.zeros((0, len(offsets), 3), np.float32)
    looked_at = (signed > -_INWARDS - 3) & (signed < _OUTWARDS + 3)
    lab = np.zeros((height, width, 3), np.float32)
    lab[looked_at] = rgb_to_lab(cv2.GaussianBlur(pair.shown, (0, 0), 0.8)[looked_at])
    return cv2.remap(lab, px[usable], py[usable], cv2.INTER_LINEAR)
