"""The fidelity judge: is the product in the picture still the product in the box?

Two routes:

- placement known (our own composites): the scaled cut-out must be in the picture to the last bit.
- placement unknown: the product is found again, and shape, structure, colour, detail and outline are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import with_alpha
from resources.imaging.colour import differs
from resources.imaging.harmonise import MOST_AB_SHIFT, MOST_DELTA_E, UNTOUCHED, Harmony, as_harmonised, beyond_ring
from resources.quality.appearance import MIN_PIXELS, Appearance, compare, interior
from resources.quality.growth import growth
from resources.quality.registration import Aligned, NotFound, Registration, align, register
from resources.quality.rules import findings, verdict_on
from resources.quality.thresholds import FidelityThresholds, shipped_thresholds
from resources.quality.witness import Finding, Sight, Witness
from resources.scenes.engine import Placement, on_canvas, product_box, scaled_product, scaled_size
from resources.verdicts import Decision, Measure, Verdict, measure

U8 = NDArray[np.uint8]

REVISION = "2"
"""What changes when the same pictures would be measured otherwise."""

_SIDE = 640  # the product's longer side, in pixels, while comparing
_MARGIN = 0.3  # surroundings looked at for growth, share of that side
_KNOWN_FEATURES = 60  # with so many points of its own a product is found if it is there


def judge(
    original_rgb: U8,
    matte_alpha: U8,
    final_rgb: U8,
    *,
    placement: Placement | None,
    thresholds: FidelityThresholds | None = None,
    backdrop: U8 | None = None,
    harmony: Harmony | None = None,
    witnesses: Sequence[Witness] = (),
) -> Verdict:
    """Say whether the product of a photo is still the same in a final picture.

    original_rgb: HxWx3 uint8 (with a placement: the cut-out's own colours). matte_alpha: HxW uint8. final_rgb: any
    size. placement: where the cut-out was put, or None to find it. backdrop: the final picture's scene without the
    product, if known; growth of the product is then measured against it. harmony: what was done to the colours of a
    product that was put down by us; beside that and the ring of light no pixel may differ. witnesses: heard too. The
    score is 0 to 1, at least 0.5 exactly when accepted.
    ValueError if photo and matte differ in size, or a known placement does not touch the picture.
    """
    if original_rgb.shape[:2] != matte_alpha.shape:
        raise ValueError(f"photo {original_rgb.shape[:2]} and matte {matte_alpha.shape} differ in size")
    limits = thresholds or shipped_thresholds()
    if not matte_alpha.any():
        return _unjudged("no_product", "The matte is empty: there is no product to compare.", _HINT_MATTE)
    if placement is not None:
        layer = _layer(original_rgb, matte_alpha, final_rgb, placement)
        if not layer[..., 3].any():
            size = f"{final_rgb.shape[1]}x{final_rgb.shape[0]}"
            raise ValueError(f"placement {placement} lies outside the picture of {size}")
        sight = Sight(original_rgb, matte_alpha, final_rgb, _as_found(matte_alpha, placement))
        return _judge_placed(layer, sight, limits, backdrop, harmony or UNTOUCHED, witnesses)
    return _judge_found(original_rgb, matte_alpha, final_rgb, limits, backdrop, witnesses)


def aligned_pair(original_rgb: U8, matte_alpha: U8, final_rgb: U8, placement: Placement | None) -> Aligned | None:
    """The product as expected beside what a final shows there, as `judge` compares them; None if it is not found.

    Arguments as in `judge`.
    """
    if placement is not None:
        return _placed_pair(_layer(original_rgb, matte_alpha, final_rgb, placement), final_rgb)
    found = register(original_rgb, matte_alpha, final_rgb) if matte_alpha.any() else None
    if not isinstance(found, Registration):
        return None
    return align(original_rgb, matte_alpha, final_rgb, found, _SIDE, _MARGIN)


# ---- the two routes


def _layer(rgb: U8, alpha: U8, final: U8, placement: Placement) -> U8:
    product = scaled_product(with_alpha(rgb, alpha), placement.scale)
    return on_canvas(product, placement, final.shape[1::-1])


def _judge_placed(
    layer: U8,
    sight: Sight,
    limits: FidelityThresholds,
    backdrop: U8 | None,
    harmony: Harmony,
    witnesses: Sequence[Witness],
) -> Verdict:
    final = sight.final
    solid = layer[..., 3] == 255
    if np.count_nonzero(solid) < MIN_PIXELS:
        return _unjudged("solid_pixels", *_TOO_THIN, value=float(np.count_nonzero(solid)))
    kept = beyond_ring(solid, harmony.ring)
    changed = float(differs(as_harmonised(layer, harmony), final)[kept].mean())
    pair = _placed_pair(layer, final)
    same = changed == 0 and harmony == UNTOUCHED
    values = {"exact_pixels": changed, **asdict(Appearance() if same else compare(pair))}
    values |= growth(pair, _placed_pair(layer, backdrop).shown if backdrop is not None else None)
    own_limits = limits if harmony == UNTOUCHED else _harmonised(limits)
    said = _heard(witnesses, sight)
    facts = [measure("edge_halo", values["edge_halo"])]
    return verdict_on([*findings(values, own_limits, _known_scene(backdrop)), *said], facts)


def _heard(witnesses: Sequence[Witness], sight: Sight) -> list[Finding]:
    return [finding for one in witnesses for finding in one.look(sight)]


def _as_found(alpha: U8, placement: Placement) -> Registration:
    """Where a product lies that we put down ourselves: the map that its resizing makes, pixel centres onto centres."""
    box = product_box(alpha)
    width, height = scaled_size(box, placement.scale)
    kx, ky = width / box.width, height / box.height
    x = placement.left - 0.5 + kx * (0.5 - box.left)
    y = placement.top - 0.5 + ky * (0.5 - box.top)
    return Registration(np.array([[kx, 0, x], [0, ky, y]], np.float64), "placement", correlation=1.0, inliers=0)


def _harmonised(limits: FidelityThresholds) -> FidelityThresholds:
    """The limits where a product was harmonised: never wider than what harmonising may do."""
    return replace(
        limits,
        delta_e_mean=min(limits.delta_e_mean, MOST_DELTA_E),
        ab_shift_review=min(limits.ab_shift_review, MOST_AB_SHIFT),
    )


def _known_scene(backdrop: U8 | None) -> dict[str, Decision]:
    """Growth that is measured against the empty scene is no guess: it rejects."""
    return {} if backdrop is None else {"expansion": "rejected"}


def _judge_found(
    rgb: U8,
    alpha: U8,
    final: U8,
    limits: FidelityThresholds,
    backdrop: U8 | None,
    witnesses: Sequence[Witness],
) -> Verdict:
    found = register(rgb, alpha, final)
    if isinstance(found, NotFound):
        return _not_found(found)
    pair = align(rgb, alpha, final, found, _SIDE, _MARGIN)
    solid = np.count_nonzero(interior(pair))
    if solid < MIN_PIXELS:
        return _unjudged("solid_pixels", *_TOO_THIN, value=float(solid))
    behind = align(rgb, alpha, backdrop, found, _SIDE, _MARGIN).shown if backdrop is not None else None
    values = {**_shape(alpha, found, pair), **asdict(compare(pair)), **growth(pair, behind)}
    said = _heard(witnesses, Sight(rgb, alpha, final, found))
    facts = [*_facts(found), measure("residual", _residual(pair)), measure("edge_halo", values["edge_halo"])]
    return verdict_on([*findings(values, limits, _doubts(found, backdrop)), *said], facts)


def _doubts(found: Registration, backdrop: U8 | None) -> dict[str, Decision]:
    """Without features that agree the shape of a plain product is only half known: then a person looks."""
    return _known_scene(backdrop) if found.inliers else {**_known_scene(backdrop), "stretch": "review"}


def _shape(alpha: U8, found: Registration, pair: Aligned) -> dict[str, float]:
    return {
        "product_side_px": _final_side(alpha, found),
        "visible_share": pair.visible,
        "rotation": abs(found.rotation),
        "twins": float(found.twins),
        "stretch": found.anisotropy,
    }


def _residual(pair: Aligned) -> float:
    """What is left between the two products once they lie on each other: RMS of grey, 0 to 1, inside."""
    expected, shown = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (pair.expected, pair.shown))
    difference = cv2.absdiff(expected, shown)[interior(pair)].astype(np.float32)
    return float(np.sqrt(np.mean(difference**2)) / 255)


def _facts(found: Registration) -> list[Measure]:
    """Where the product was found, for the record."""
    return [
        measure("scale", found.scale),
        measure("shift_x", float(found.matrix[0, 2])),
        measure("shift_y", float(found.matrix[1, 2])),
        measure("correlation", found.correlation),
        measure("inliers", float(found.inliers)),
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


# ---- the verdict

_HINT_MATTE = "Check the cut-out of this product, then judge again."
_HINT_NOT_FOUND = "Compare the two pictures. If it is the right product, make the scene again with less change."
_TOO_THIN = (
    "Too little of the product is solid to be compared (it is see-through or very thin).",
    "Compare the two pictures by eye.",
)


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
    measures = (measure(name, value, at_least=float(MIN_PIXELS)),)
    return Verdict("review", 0.1, measures, name, "needs_review", message, hint)
