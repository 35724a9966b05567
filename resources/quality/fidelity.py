"""The fidelity judge: is the product in the picture still the product in the box?

Averages over a product are blind to a destroyed logo, so everything is measured block by block (a block is 6 % of the
product's longer side) and the worst block decides. Two routes:

- placement known (our own composites): the scaled cut-out must be in the picture to the last bit.
- placement unknown: the product is found again, and shape, structure, colour, detail and outline are compared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import delta_e_2000, rgb_to_lab
from resources.imaging.harmonise import MOST_AB_SHIFT, MOST_DELTA_E, UNTOUCHED, Harmony, beyond_ring, with_gain
from resources.quality.registration import Aligned, NotFound, Registration, align, register
from resources.scenes.engine import Placement, on_canvas, product_box, scaled_product
from resources.verdicts import Decision, Measure, Verdict, measure

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

_SIDE = 640  # the product's longer side, in pixels, while comparing
_MARGIN = 0.3  # surroundings looked at for growth, share of that side
_BLOCK = 0.06  # a block, share of that side
# Share of a block that the product must cover to be judged there. Structure needs more pixels than colour does.
_STRUCTURE_COVER, _COLOUR_COVER = 0.5, 0.25
_OPAQUE = 242  # alpha from which a photo's pixel is the product alone
# A shadow leaves at least so much of the scene's lightness (L + 16, that is the cube root of its light).
_DEEPEST_SHADOW = 0.55
_MIN_PIXELS = 150  # fewer say nothing
_KNOWN_FEATURES = 60  # with so many points of its own a product is found if it is there


@dataclass(frozen=True, slots=True)
class FidelityThresholds:
    """How much a product may differ. Defaults were calibrated on pairs of honest and damaged pictures.

    changed_pixels: share of solid product pixels that may differ at all when the placement is known.
    worst_block_ssim: structural similarity of the worst block, 0 to 1, at least.
    ab_shift_review, ab_shift_reject: median shift of Lab a and b over the product; above the first a person looks.
    block_ab_shift: shift of Lab a and b of the worst block, at most.
    delta_e_mean, delta_e_block: CIEDE2000, over the product and of the worst block, at most.
    detail: fine detail kept, as a ratio, at least.
    stretch: how much more one way than the other the product is stretched, share, at most.
    expansion: area that looks like product outside its outline, share of its area, at most.
    visible: share of the product that must be inside the picture.
    min_side: longer side of the product in the final picture below which nothing can be judged, pixels.
    """

    changed_pixels: float = 0.0
    worst_block_ssim: float = 0.75
    ab_shift_review: float = 4.5
    ab_shift_reject: float = 6.0
    block_ab_shift: float = 6.0
    delta_e_mean: float = 4.0
    delta_e_block: float = 9.0
    detail: float = 0.6
    stretch: float = 0.02
    expansion: float = 0.01
    visible: float = 0.97
    min_side: float = 100.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
                raise ValueError(f"fidelity threshold {field.name}: expected a number from 0, found {value!r}")
        if self.ab_shift_review > self.ab_shift_reject:
            raise ValueError(
                f"fidelity threshold ab_shift_review: {self.ab_shift_review} is above "
                f"ab_shift_reject {self.ab_shift_reject}"
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Thresholds from configuration; ValueError names an unknown key or a bad value."""
        known = {field.name for field in dataclasses.fields(cls)}
        for key in values:
            if key not in known:
                raise ValueError(f"unknown fidelity threshold {key!r}; known: {', '.join(sorted(known))}")
        return cls(**values)


def judge(
    original_rgb: U8,
    matte_alpha: U8,
    final_rgb: U8,
    *,
    placement: Placement | None,
    thresholds: FidelityThresholds | None = None,
    backdrop: U8 | None = None,
    harmony: Harmony | None = None,
) -> Verdict:
    """Say whether the product of a photo is still the same in a final picture.

    original_rgb: HxWx3 uint8 (with a placement: the cut-out's own colours). matte_alpha: HxW uint8. final_rgb: any
    size. placement: where the cut-out was put, or None to find it. backdrop: the final picture's scene without the
    product, if known; growth of the product is then measured against it. harmony: what was done to the colours of a
    product that was put down by us; beside that and the ring of light no pixel may differ. The score is 0 to 1, at
    least 0.5 exactly when accepted.
    ValueError if photo and matte differ in size, or a known placement does not touch the picture.
    """
    if original_rgb.shape[:2] != matte_alpha.shape:
        raise ValueError(f"photo {original_rgb.shape[:2]} and matte {matte_alpha.shape} differ in size")
    limits = thresholds or FidelityThresholds()
    if not matte_alpha.any():
        return _unjudged("no_product", "The matte is empty: there is no product to compare.", _HINT_MATTE)
    if placement is not None:
        done = harmony or UNTOUCHED
        return _judge_placed(original_rgb, matte_alpha, final_rgb, placement, limits, backdrop, done)
    return _judge_found(original_rgb, matte_alpha, final_rgb, limits, backdrop)


# ---- the two routes


def _judge_placed(
    rgb: U8,
    alpha: U8,
    final: U8,
    placement: Placement,
    limits: FidelityThresholds,
    backdrop: U8 | None,
    harmony: Harmony,
) -> Verdict:
    product = scaled_product(np.dstack([rgb, alpha]), placement.scale)
    layer = on_canvas(product, placement, final.shape[1::-1])
    solid = layer[..., 3] == 255
    if not layer[..., 3].any():
        raise ValueError(f"placement {placement} lies outside the picture of {final.shape[1]}x{final.shape[0]}")
    if np.count_nonzero(solid) < _MIN_PIXELS:
        return _unjudged("solid_pixels", *_TOO_THIN, value=float(np.count_nonzero(solid)))
    kept = beyond_ring(solid, harmony.ring)
    changed = float(np.any(with_gain(layer[..., :3], harmony.gain) != final, axis=2)[kept].mean())
    pair = _placed_pair(layer, final)
    checks = [_Check(measure("exact_pixels", changed, at_most=limits.changed_pixels), "rejected")]
    if changed == 0 and harmony == UNTOUCHED:
        checks += _identical(limits)
    else:
        checks += _appearance(pair, limits if harmony == UNTOUCHED else _harmonised(limits))
    checks += _growth(pair, limits, _placed_pair(layer, backdrop).shown if backdrop is not None else None)
    return _verdict(checks)


def _harmonised(limits: FidelityThresholds) -> FidelityThresholds:
    """The limits where a product was harmonised: never wider than what harmonising may do."""
    return dataclasses.replace(
        limits,
        delta_e_mean=min(limits.delta_e_mean, MOST_DELTA_E),
        ab_shift_review=min(limits.ab_shift_review, MOST_AB_SHIFT),
    )


def _judge_found(rgb: U8, alpha: U8, final: U8, limits: FidelityThresholds, backdrop: U8 | None) -> Verdict:
    found = register(rgb, alpha, final)
    if isinstance(found, NotFound):
        return _not_found(found)
    pair = align(rgb, alpha, final, found, _SIDE, _MARGIN)
    facts = [_Check(m, "review") for m in _place_measures(found)]
    sized = measure("product_side_px", _final_side(alpha, found), at_least=limits.min_side)
    seen = measure("visible_share", pair.visible, at_least=limits.visible)
    facts += [_Check(sized, "review"), _Check(seen, "review")]
    if np.count_nonzero(_interior(pair)) < _MIN_PIXELS:
        return _unjudged("solid_pixels", *_TOO_THIN, value=float(np.count_nonzero(_interior(pair))))
    # Without features that agree the shape of a plain product is only half known: then a person looks.
    out_of_shape: Decision = "rejected" if found.inliers else "review"
    stretch = _Check(measure("stretch", found.anisotropy, at_most=limits.stretch), out_of_shape)
    behind = None
    if backdrop is not None:
        behind = align(rgb, alpha, backdrop, found, _SIDE, _MARGIN).shown
    return _verdict([*facts, stretch, *_appearance(pair, limits), *_growth(pair, limits, behind)])


def _place_measures(found: Registration) -> list[Measure]:
    return [
        measure("scale", found.scale),
        measure("shift_x", float(found.matrix[0, 2])),
        measure("shift_y", float(found.matrix[1, 2])),
        measure("rotation", found.rotation),
        measure("correlation", found.correlation),
    ]


def _final_side(alpha: U8, found: Registration) -> float:
    box = product_box(alpha)
    return max(box.width, box.height) * found.scale


def _placed_pair(layer: U8, final: U8) -> Aligned:
    """Expected and shown product where a placement is known, reduced to the side of comparison."""
    box = product_box(layer[..., 3])
    long = max(box.width, box.height)
    pad = int(_MARGIN * long)
    part = np.s_[max(0, box.top - pad) : box.bottom + pad, max(0, box.left - pad) : box.right + pad]
    k = min(1.0, _SIDE / long)
    height, width = layer[part].shape[:2]
    size = (max(8, round(width * k)), max(8, round(height * k)))
    expected, alpha, shown = (
        cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
        for image in (layer[part][..., :3], layer[part][..., 3], final[part])
    )
    return Aligned(expected, alpha, shown, long * k, 1.0)


# ---- what is measured


@dataclass(frozen=True, slots=True)
class _Check:
    """A measure and what missing its threshold means."""

    measure: Measure
    consequence: Decision


def _identical(limits: FidelityThresholds) -> list[_Check]:
    """The measures of pixels that are equal to the last bit, without computing them."""
    return _appearance_checks(limits, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def _appearance(pair: Aligned, limits: FidelityThresholds) -> list[_Check]:
    """Compare structure, colour and detail inside the product."""
    inside = _interior(pair)
    mask = inside.astype(np.float32)
    expected, shown = rgb_to_lab(pair.expected), rgb_to_lab(pair.shown)
    ssim = _masked_ssim(_grey(pair.expected), _grey(pair.shown), mask)
    difference = delta_e_2000(expected, shown).astype(np.float32)
    # Colour is compared after smoothing, so that a slightly lost registration does not read as a wrong colour.
    shift = _smoothed(shown[..., 1:], mask) - _smoothed(expected[..., 1:], mask)
    block_shift = _block_mean(shift, mask, pair.side, _COLOUR_COVER)
    return _appearance_checks(
        limits,
        float(_block_mean(ssim, mask, pair.side, _STRUCTURE_COVER).min()),
        float(np.median(np.linalg.norm(shift[inside], axis=1))),
        float(np.linalg.norm(block_shift, axis=1).max()),
        float(difference[inside].mean()),
        float(_block_mean(difference, mask, pair.side, _COLOUR_COVER).max()),
        _detail_kept(expected[..., 0], shown[..., 0], inside),
    )


def _appearance_checks(
    limits: FidelityThresholds,
    ssim: float,
    ab_shift: float,
    block_ab: float,
    mean: float,
    block: float,
    detail: float,
) -> list[_Check]:
    strong = ab_shift > limits.ab_shift_reject
    ab_limit = limits.ab_shift_reject if strong else limits.ab_shift_review
    return [
        _Check(measure("worst_block_ssim", ssim, at_least=limits.worst_block_ssim), "rejected"),
        _Check(measure("ab_shift", ab_shift, at_most=ab_limit), "rejected" if strong else "review"),
        _Check(measure("block_ab_shift", block_ab, at_most=limits.block_ab_shift), "rejected"),
        _Check(measure("delta_e_mean", mean, at_most=limits.delta_e_mean), "rejected"),
        _Check(measure("delta_e_block", block, at_most=limits.delta_e_block), "rejected"),
        _Check(measure("detail", detail, at_least=limits.detail), "rejected"),
    ]


def _interior(pair: Aligned) -> NDArray[np.bool_]:
    """Pixels that show the product alone: opaque, and off the edge by 3 pixels (fewer on a thin product)."""
    solid = cv2.inRange(pair.alpha, _OPAQUE, 255)
    enough = 0.35 * np.count_nonzero(solid)
    for radius in (3, 2, 1):
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        core = cv2.erode(solid, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
        if np.count_nonzero(core) >= enough:
            break
    return core


def _grey(rgb: U8) -> F32:
    """Lightness for the comparison of structure, smoothed so that half a pixel's shift of fine lines is no damage."""
    return cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)


def _masked_ssim(x: F32, y: F32, mask: F32) -> F32:
    """SSIM (Wang 2004, Gaussian window of sigma 1.5) from pixels of the mask only, so that no background leaks in."""

    def blur(image: F32) -> F32:
        return cv2.GaussianBlur(image, (0, 0), 1.5)

    weight = blur(mask) + 1e-6
    mean_x, mean_y = blur(x * mask) / weight, blur(y * mask) / weight
    var_x = np.maximum(blur(x * x * mask) / weight - mean_x**2, 0)
    var_y = np.maximum(blur(y * y * mask) / weight - mean_y**2, 0)
    covariance = blur(x * y * mask) / weight - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return likeness / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))


def _smoothed(image: F32, mask: F32) -> F32:
    weight = cv2.GaussianBlur(mask, (0, 0), 1.5)[..., None] + 1e-6
    return cv2.GaussianBlur(image * mask[..., None], (0, 0), 1.5) / weight


def _block_mean(values: F32, mask: F32, side: float, cover_least: float) -> F32:
    """Mean of values (H, W) or (H, W, C) over the product's part of every block that is covered well enough.

    Returns (N,) or (N, C). cover_least: share of a block that the product must cover; of a thin product, which covers
    no block well, the best covered blocks count.
    """
    size = max(8, int(_BLOCK * side))
    cover = cv2.blur(mask, (size, size), borderType=cv2.BORDER_CONSTANT)
    weighted = values * (mask if values.ndim == 2 else mask[..., None])
    sums = cv2.blur(weighted, (size, size), borderType=cv2.BORDER_CONSTANT)
    enough = cover >= min(cover_least, 0.8 * float(cover.max()))
    return sums[enough] / (cover[enough] if values.ndim == 2 else cover[enough][:, None])


def _detail_kept(expected: F32, shown: F32, inside: NDArray[np.bool_]) -> float:
    """Mean strength of fine detail (Laplacian of lightness) shown, relative to what was expected."""
    core = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if np.count_nonzero(core) < _MIN_PIXELS:
        core = inside
    before, after = (np.abs(cv2.Laplacian(image, cv2.CV_32F))[core].mean() for image in (expected, shown))
    # 0.2: a product with no detail at all cannot lose any, and noise is not detail.
    return float((after + 0.2) / (before + 0.2))


# ---- growth of the product beyond its outline


def _growth(pair: Aligned, limits: FidelityThresholds, behind: U8 | None) -> list[_Check]:
    """Area outside the outline that looks like more product. A person looks, unless the empty scene is known."""
    area = float((pair.alpha > 127).sum())
    grown = _grown_beyond(pair, behind) if behind is not None else _grown_guess(pair)
    consequence: Decision = "rejected" if behind is not None else "review"
    return [_Check(measure("expansion", grown / max(area, 1.0), at_most=limits.expansion), consequence)]


def _ring(pair: Aligned) -> tuple[NDArray[np.bool_], F32]:
    """Pixels just outside the product, up to 0.2 of its side away, and everybody's distance from it."""
    touched = cv2.inRange(pair.alpha, 5, 255)
    distance = cv2.distanceTransform(cv2.bitwise_not(touched), cv2.DIST_L2, 5)
    return (distance > 2.5) & (distance < 0.2 * pair.side), distance


def _grown_beyond(pair: Aligned, behind: U8) -> float:
    """Area outside the outline that the empty scene does not explain: a shadow may darken it, nothing may add to it."""
    ring, _ = _ring(pair)
    scene, shown = rgb_to_lab(behind), rgb_to_lab(pair.shown)
    return float(np.count_nonzero(ring & _foreign(shown, scene)))


def _foreign(shown: F32, scene: F32) -> NDArray[np.bool_]:
    """Where a picture differs from the scene in a way that no shadow makes: lighter, or of another hue."""
    lighter = shown[..., 0] - scene[..., 0] > 8
    share = np.clip((shown[..., 0] + 16) / (scene[..., 0] + 16), 0, 1)[..., None]
    hue = np.linalg.norm(shown[..., 1:] - scene[..., 1:] * share, axis=2) > 12
    return lighter | hue


def _shaded(shown: F32, scene: F32) -> NDArray[np.bool_]:
    """Where a picture is the scene with less light, as a cast shadow leaves it: darker, but not black, of one hue."""
    share = (shown[..., 0] + 16) / (scene[..., 0] + 16)
    hue = np.linalg.norm(shown[..., 1:] - scene[..., 1:] * np.clip(share, 0, 1)[..., None], axis=2)
    return (share < 1) & (share > _DEEPEST_SHADOW) & (hue < 9)


def _grown_guess(pair: Aligned) -> float:
    """Area of parts that hang on the outline, are not the background around, and look like the product.

    The background is guessed from what lies further out. Shadows and gradients fade; a part counts only if its rim is
    sharp and the product has the colours of much of it. A scene with such things further out too (lights, leaves) has
    them near the product as well: that share is not growth.
    """
    ring, distance = _ring(pair)
    beyond = distance >= 0.2 * pair.side
    shown = rgb_to_lab(cv2.GaussianBlur(pair.shown, (0, 0), 1.0))
    scene = _background_guess(shown, distance, pair.side)
    apart = (ring | beyond) & (np.linalg.norm(shown - scene, axis=2) > 13) & ~_shaded(shown, scene)
    edges = _edge_strength(shown[..., 0])
    alike = _has_product_colour(shown, pair)
    least = 0.003 * float((pair.alpha > 127).sum())
    grown = sum(
        part.area
        for part in _parts(apart & ring, least)
        if _hangs_on(part, distance) and part.sharp(edges, distance) and part.share(alike) >= 0.3
    )
    scenery = sum(part.area for part in _parts(apart & beyond, least) if part.sharp(edges, distance))
    usual = scenery / max(1, int(np.count_nonzero(beyond)))
    return max(0.0, grown - 1.5 * usual * int(np.count_nonzero(ring)))


@dataclass(frozen=True, slots=True)
class _Part:
    """A connected part of a picture: its mask within a box that leaves room around it."""

    mask: NDArray[np.bool_]
    box: tuple[slice, slice]
    area: float

    def share(self, where: NDArray[np.bool_]) -> float:
        """Share of the part that lies where `where` is true."""
        return float(where[self.box][self.mask].mean())

    def sharp(self, edges: F32, distance: F32) -> bool:
        """True if much of its rim, off the product's own outline, is a sharp edge."""
        wide = cv2.dilate(self.mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
        rim = wide & ~self.mask & (distance[self.box] > 10)
        return bool(rim.any()) and float(np.percentile(edges[self.box][rim], 80)) >= 4.5


def _parts(where: NDArray[np.bool_], least: float) -> list[_Part]:
    """The connected parts of at least `least` pixels, thin lines opened away."""
    opened = cv2.morphologyEx(where.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    parts = []
    for label in range(1, count):
        x, y, width, height, area = (int(v) for v in stats[label])
        if area >= least:
            box = np.s_[max(0, y - 4) : y + height + 4, max(0, x - 4) : x + width + 4]
            parts.append(_Part(labels[box] == label, box, float(area)))
    return parts


def _hangs_on(part: _Part, distance: F32) -> bool:
    """True if a part joins the product's outline along a stretch that is not small for its size."""
    joined = np.count_nonzero(part.mask & (distance[part.box] < 6))
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
        total += trust * cv2.GaussianBlur(small * known[..., None], (0, 0), blur)
        weight += np.float32(trust) * cv2.GaussianBlur(known, (0, 0), blur)
    return cv2.resize(total / weight[..., None], lab.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _has_product_colour(shown: F32, pair: Aligned) -> NDArray[np.bool_]:
    """Where the picture has a colour that at least 0.2 % of the product has, to about 8 Lab units."""
    step, bins = 8.0, 34
    inside = pair.alpha > _OPAQUE
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


def _edge_strength(lightness: F32) -> F32:
    """Change of lightness per pixel, the largest nearby."""
    dx, dy = cv2.Sobel(lightness, cv2.CV_32F, 1, 0), cv2.Sobel(lightness, cv2.CV_32F, 0, 1)
    return cv2.dilate(cv2.magnitude(dx, dy) / 8 * 2, np.ones((5, 5), np.uint8))


# ---- the verdict

_HINT_MATTE = "Check the cut-out of this product, then judge again."
_HINT_AGAIN = "Compare the two pictures. Make the scene again with a new seed, or use the studio engine."
_HINT_NOT_FOUND = "Compare the two pictures. If it is the right product, make the scene again with less change."
_TOO_THIN = (
    "Too little of the product is solid to be compared (it is see-through or very thin).",
    "Compare the two pictures by eye.",
)

# What a missed measure means, for a shop clerk; {value} and {threshold} are filled in.
_WORDS = {
    "exact_pixels": "The product itself was changed: {value:.2%} of its pixels differ from the cut-out, none may.",
    "worst_block_ssim": "A part of the product looks different (likeness {value:.2f}, at least {threshold:g} "
    "expected): a label, logo or detail may be damaged.",
    "ab_shift": "The product's colour is off by {value:.1f} (at most {threshold:g} expected).",
    "block_ab_shift": "A part of the product has another colour: off by {value:.1f} (at most {threshold:g} expected).",
    "delta_e_mean": "The product's colour and brightness are off by {value:.1f} on average (at most {threshold:g} "
    "expected).",
    "delta_e_block": "A part of the product differs in colour or brightness by {value:.1f} (at most {threshold:g} "
    "expected).",
    "detail": "The product is blurred: {value:.0%} of its fine detail is left (at least {threshold:.0%} expected).",
    "stretch": "The product is out of shape: stretched by {value:.1%} one way (at most {threshold:.1%} expected).",
    "expansion": "Something like more product lies outside its outline: {value:.1%} of its area (at most "
    "{threshold:.1%} expected).",
    "visible_share": "Only {value:.0%} of the product is inside the picture (at least {threshold:.0%} expected).",
    "product_side_px": "The product is too small to be judged: {value:.0f} pixels (at least {threshold:.0f} expected).",
}


def _verdict(checks: list[_Check]) -> Verdict:
    """Rejected by the worst measure that rejects, else review by the worst that asks for it, else accepted."""
    measures = tuple(check.measure for check in checks)
    excesses = [_excess(check.measure) for check in checks]
    score = round(1 / (1 + max(excesses)), 6)
    for decision in ("rejected", "review"):
        missed = [
            (excess, check.measure)
            for excess, check in zip(excesses, checks, strict=True)
            if not check.measure.passed and check.consequence == decision
        ]
        if missed:
            worst = max(missed, key=lambda pair: pair[0])[1]
            message = _WORDS[worst.name].format(value=worst.value, threshold=worst.threshold)
            code = "product_changed" if decision == "rejected" else "needs_review"
            return Verdict(decision, score, measures, worst.name, code, message, _HINT_AGAIN)
    return Verdict("accepted", score, measures)


def _excess(one: Measure) -> float:
    """How far a measure is towards its threshold: 0 perfect, 1 at the threshold, more beyond it."""
    if one.threshold is None:
        return 0.0
    if one.better == "higher":
        # Measures that must be high are perfect at 1, except sizes, which only must be enough.
        if one.threshold >= 1:
            return 0.0 if one.passed else one.threshold / max(one.value, 1e-6)
        return max(0.0, (1 - one.value) / (1 - one.threshold))
    if one.threshold == 0:
        return 0.0 if one.passed else 3.0 + one.value
    return max(0.0, one.value / one.threshold)


def _not_found(found: NotFound) -> Verdict:
    measures = (
        measure("features", float(found.features)),
        measure("correlation", found.correlation),
    )
    if found.features >= _KNOWN_FEATURES:
        message = "The product of the photo is not in this picture: it seems to show something else."
        return Verdict("rejected", 0.02, measures, "registration", "other_product", message, _HINT_NOT_FOUND)
    message = "The product could not be found in this picture: it is too plain, too small or too much changed."
    return Verdict("review", 0.1, measures, "registration", "needs_review", message, _HINT_NOT_FOUND)


def _unjudged(name: str, message: str, hint: str, value: float = 0.0) -> Verdict:
    measures = (measure(name, value, at_least=float(_MIN_PIXELS)),)
    return Verdict("review", 0.1, measures, name, "needs_review", message, hint)
