"""Makes the pictures that marketplaces get: the product on exact white, and scenes cut to size."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import resize_rgba
from resources.imaging.encode import jpeg, read_rgb
from resources.marketplaces.provenance import PictureKind, SourceType, source_type, tag_jpeg
from resources.marketplaces.rules import MarketplaceRules, Slot, SlotRules, min_side
from resources.verdicts import NEEDS_REVIEW, Rejection

U8 = NDArray[np.uint8]

# Beyond this a photo's own pixels carry no detail that the eye would miss.
MAX_UPSCALING = 2.0
# Above this coverage a pixel belongs to the product that a buyer sees; the fill ratio is that of these
# pixels.
_VISIBLE_ALPHA = 16
# Faint coverage further than this from the visible product (pixels of the picture) is haze, not a soft edge.
_SOFT_EDGE = 12
# JPEG keeps what it adds at an edge inside its 8-pixel blocks; at twice that, white must be untouched.
_CLEAR_OF_OUTLINE = 16
# White pixels around the crop.
_PADDING = 4
# Above it JPEG files grow without a visible gain.
_TOP_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Rendered:
    """A picture ready for a marketplace.

    data: the encoded file. fill: longest side of the product's box / longest side of the picture; 0 for a
    scene. quality: JPEG quality used. source: IPTC DigitalSourceType inside. notes: snake_case, for the
    record.
    """

    data: bytes
    extension: str
    width: int
    height: int
    fill: float
    quality: int
    source: SourceType
    notes: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Hex digest of the encoded file."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class _Product:
    """A cut-out and the box (left, top, right, bottom) of what can be seen of it."""

    rgba: U8
    box: tuple[int, int, int, int]

    @property
    def longest(self) -> int:
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)


def render_key(rules: MarketplaceRules, slot: Slot) -> Hashable:
    """What decides the bytes of a white picture: equal keys, equal files of a cut-out.

    Minimum and recommended size are not in it, because each marketplace judges those for itself.
    """
    slot_rules = rules.slot(slot)
    made = slot_rules.render
    code = source_type("white", rules.provenance.source_types)
    return (made.side, made.fill, made.quality, made.min_quality, *_byte_limits(slot_rules), code)


def render_white(cutout_rgba: U8, rules: MarketplaceRules, slot: Slot) -> Rendered | Rejection:
    """The product on exact white as one marketplace wants it; see `render_whites`."""
    return render_whites(cutout_rgba, [rules], slot)[rules.name]


def render_whites(
    cutout_rgba: U8, marketplaces: Iterable[MarketplaceRules], slot: Slot
) -> dict[str, Rendered | Rejection]:
    """The product on exact white for several marketplaces, by name; those that agree share one render.

    cutout_rgba: HxWx4 uint8, straight alpha. The picture is square, the product centred and enlarged at most
    twice, the side as long as that allows, up to the rules' render.side. White is (255, 255, 255) in the
    encoded file wherever it is 16 pixels clear of the product. Rejections: `empty_cutout`, `not_allowed`,
    `needs_review` (product too small for the marketplace's minimum), `too_many_bytes`, `too_few_bytes`.
    """
    product = _visible_product(cutout_rgba)
    made: dict[Hashable, Rendered | Rejection] = {}
    results: dict[str, Rendered | Rejection] = {}
    for rules in marketplaces:
        if isinstance(product, Rejection):
            results[rules.name] = product
            continue
        refusal = _refusal(product, rules, slot)
        if refusal:
            results[rules.name] = refusal
            continue
        key = render_key(rules, slot)
        if key not in made:
            made[key] = _white_picture(product, rules, slot)
        results[rules.name] = _with_size_note(made[key], rules, slot)
    return results


def render_lifestyle(final_rgb: U8, rules: MarketplaceRules, *, kind: PictureKind) -> Rendered | Rejection:
    """A finished scene in the size and proportions that a marketplace allows.

    final_rgb: HxWx3 uint8. Cropped around the centre only where the rules limit the proportions, reduced to
    render.side, enlarged (at most twice) only to reach the minimum. kind: how the scene was made, for the tag
    inside the file. Rejections: as `render_whites`, without `empty_cutout`.
    """
    slot_rules = rules.slot("lifestyle")
    if not slot_rules.allowed.value:
        return _not_allowed(rules, "lifestyle", slot_rules.allowed.reason)
    cropped = _cropped_to_aspect(final_rgb, slot_rules)
    height, width = cropped.shape[:2]
    needed = max(
        (slot_rules.size.min_longest or 1) / max(width, height),
        (slot_rules.size.min_shortest or 1) / min(width, height),
    )
    if needed > MAX_UPSCALING:
        return Rejection(
            code=NEEDS_REVIEW,
            message=f"The scene has {width} x {height} px; {rules.title} needs {needed:.1f} times those sides.",
            hint="Generate the scene at a larger size.",
        )
    scale = max(needed, min(1.0, slot_rules.render.side / max(width, height)))
    size = (math.ceil(width * scale - 1e-6), math.ceil(height * scale - 1e-6))
    picture = resize_rgba(_opaque(cropped), size)[..., :3]
    code = source_type(kind, rules.provenance.source_types)
    encoded = _encoded(np.ascontiguousarray(picture), slot_rules, code)
    if isinstance(encoded, Rejection):
        return encoded
    data, quality, notes = encoded
    if needed > 1:
        notes += ("enlarged_to_minimum_size",)
    if cropped.shape != final_rgb.shape:
        notes += ("cropped_to_allowed_proportions",)
    rendered = Rendered(data, "jpg", *size, fill=0.0, quality=quality, source=code, notes=notes)
    return _with_size_note(rendered, rules, "lifestyle")


def _visible_product(cutout_rgba: U8) -> _Product | Rejection:
    alpha = cutout_rgba[..., 3]
    visible = (alpha > _VISIBLE_ALPHA).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(visible)
    if width == 0:
        return Rejection(
            code="empty_cutout",
            message="The cut-out holds no visible product.",
            hint="Look at the photo and its mask; upload a clearer photo.",
        )
    return _Product(cutout_rgba, (left, top, left + width, top + height))


def _refusal(product: _Product, rules: MarketplaceRules, slot: Slot) -> Rejection | None:
    """Why this marketplace cannot have a white picture of this product, if it cannot."""
    slot_rules = rules.slot(slot)
    if not slot_rules.allowed.value:
        return _not_allowed(rules, slot, slot_rules.allowed.reason)
    side, needed = _side(product, slot_rules), min_side(slot_rules)
    if side >= needed:
        return None
    long_enough = math.ceil(needed * slot_rules.render.fill / MAX_UPSCALING)
    return Rejection(
        code=NEEDS_REVIEW,
        message=(
            f"The product is {product.longest} px long in the photo, which gives a picture of {side} px; "
            f"{rules.title} needs at least {needed} px."
        ),
        hint=f"Upload a larger photo, in which the product itself is at least {long_enough} px long.",
    )


def _not_allowed(rules: MarketplaceRules, slot: Slot, reason: str) -> Rejection:
    return Rejection(
        code="not_allowed",
        message=f"{rules.title} takes no {slot} pictures: {reason}",
        hint="Leave this marketplace out of the campaign.",
    )


def _side(product: _Product, slot_rules: SlotRules) -> int:
    """Side of the square in pixels: as long as the product's own pixels allow."""
    return min(slot_rules.render.side, int(product.longest * MAX_UPSCALING / slot_rules.render.fill))


def _white_picture(product: _Product, rules: MarketplaceRules, slot: Slot) -> Rendered | Rejection:
    slot_rules = rules.slot(slot)
    side = _side(product, slot_rules)
    scale = side * slot_rules.render.fill / product.longest
    alpha, notes = _without_haze(product, scale)
    picture, outline = _on_white(product, alpha, side, scale)
    code = source_type("white", rules.provenance.source_types)
    encoded = _encoded(picture, slot_rules, code)
    if isinstance(encoded, Rejection):
        return encoded
    data, quality, more = encoded
    _insist_on_white(data, outline)
    fill = round(product.longest * scale / side, 4)
    return Rendered(data, "jpg", side, side, fill, quality, code, notes + more)


def _without_haze(product: _Product, scale: float) -> tuple[U8, tuple[str, ...]]:
    """The alpha without what is faint and lies away from the product: on white it would be a stain."""
    alpha = product.rgba[..., 3]
    reach = math.ceil(_SOFT_EDGE / scale)
    near = np.asarray(cv2.dilate((alpha > _VISIBLE_ALPHA).astype(np.uint8), _square(reach)), np.uint8)
    if not (alpha[near == 0] > 0).any():
        return alpha, ()
    return alpha * near, ("faint_haze_removed",)


def _on_white(product: _Product, alpha: U8, side: int, scale: float) -> tuple[U8, NDArray[np.bool_]]:
    """The product centred on a white square of `side`, and where the product or its soft edge covers it."""
    left, top, width, height = cv2.boundingRect(alpha)
    crop = np.s_[top : top + height, left : left + width]
    # The margin lets the resampling kernel find the background there, and not the end of the picture.
    margin = ((_PADDING, _PADDING), (_PADDING, _PADDING))
    flat = np.pad(_flattened(product.rgba[crop], alpha[crop]), (*margin, (0, 0)), constant_values=255)
    covered = np.pad((alpha[crop] > 0).astype(np.uint8) * 255, margin)
    size = (max(1, round(flat.shape[1] * scale)), max(1, round(flat.shape[0] * scale)))
    flat = resize_rgba(_opaque(flat), size)[..., :3]
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    covered = np.asarray(cv2.resize(covered, size, interpolation=kernel), np.uint8)
    at_x = _start(side, (product.box[0] + product.box[2]) / 2, left - _PADDING, scale)
    at_y = _start(side, (product.box[1] + product.box[3]) / 2, top - _PADDING, scale)
    picture = np.full((side, side, 3), 255, np.uint8)
    outline = np.zeros((side, side), bool)
    there, here = _overlap(side, (at_x, at_y), size)
    picture[there] = flat[here]
    outline[there] = covered[here] > 0
    return picture, outline


def _start(side: int, centre: float, origin: int, scale: float) -> int:
    """Where on the canvas a resized crop begins so that `centre` (photo pixels) comes to the middle."""
    return round(side / 2 - (centre - origin) * scale)


def _overlap(side: int, at: tuple[int, int], size: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a crop lies on the canvas, and which part of it that is; a soft edge may reach over."""
    (x, y), (width, height) = at, size
    left, top, right, bottom = max(0, x), max(0, y), min(side, x + width), min(side, y + height)
    return np.s_[top:bottom, left:right], np.s_[top - y : bottom - y, left - x : right - x]


def _flattened(rgba: U8, alpha: U8) -> U8:
    """Colours over white, mixed in sRGB, the space in which the matte was taken from the photo; HxWx3 uint8.

    Mixed before resizing, not after: the photo's own edge on white is what then gets resampled.
    """
    flat = np.empty((*alpha.shape, 3), np.uint8)
    for channel in range(3):
        flat[..., channel] = 255 - cv2.multiply(255 - rgba[..., channel], alpha, scale=1 / 255)
    return flat


def _opaque(rgb: U8) -> U8:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def _cropped_to_aspect(rgb: U8, slot_rules: SlotRules) -> U8:
    """The largest centred part whose width / height lies within the rules."""
    height, width = rgb.shape[:2]
    low, high = slot_rules.size.min_aspect or 0.0, slot_rules.size.max_aspect or math.inf
    if width / height > high:
        keep = max(1, int(height * high))
        start = (width - keep) // 2
        return rgb[:, start : start + keep]
    if width / height < low:
        keep = max(1, int(width / low))
        start = (height - keep) // 2
        return rgb[start : start + keep]
    return rgb


def _byte_limits(slot_rules: SlotRules) -> tuple[int, int]:
    """Most and least bytes that the project writes for this slot."""
    return slot_rules.render.max_bytes, slot_rules.file.min_bytes or 0


def _encoded(picture: U8, slot_rules: SlotRules, code: SourceType) -> tuple[bytes, int, tuple[str, ...]] | Rejection:
    """Tagged JPEG bytes within the slot's limits, the quality used, and notes."""
    most, least = _byte_limits(slot_rules)
    best = slot_rules.render.quality
    data = _tagged(picture, best, code)
    if len(data) > most:
        return _smaller(picture, slot_rules, code)
    if len(data) < least:
        data, best = _tagged(picture, _TOP_QUALITY, code), _TOP_QUALITY
        if len(data) < least:
            return Rejection(
                code="too_few_bytes",
                message=f"The picture has {len(data)} bytes; at least {least} are asked for.",
                hint="Upload a larger or more detailed photo.",
            )
        return data, best, ("quality_raised_to_byte_limit",)
    return data, best, ()


def _smaller(picture: U8, slot_rules: SlotRules, code: SourceType) -> tuple[bytes, int, tuple[str, ...]] | Rejection:
    """The best quality below the first choice that fits, by halving the range."""
    most, _ = _byte_limits(slot_rules)
    low, high = slot_rules.render.min_quality, slot_rules.render.quality - 1
    found: tuple[bytes, int] | None = None
    size = 0
    while low <= high:
        quality = (low + high) // 2
        data = _tagged(picture, quality, code)
        size = len(data)
        if size <= most:
            found, low = (data, quality), quality + 1
        else:
            high = quality - 1
    if found is None:
        return Rejection(
            code="too_many_bytes",
            message=(
                f"The picture has {size} bytes at the lowest quality allowed "
                f"({slot_rules.render.min_quality}); at most {most} are allowed."
            ),
            hint="Make render.side smaller in the marketplace's rules.",
        )
    return *found, ("quality_lowered_to_byte_limit",)


def _tagged(picture: U8, quality: int, code: SourceType) -> bytes:
    return tag_jpeg(jpeg(picture, quality=quality), code)


def _insist_on_white(data: bytes, outline: NDArray[np.bool_]) -> None:
    """Raise RuntimeError unless the encoded picture is white 16 pixels away from the product."""
    decoded = read_rgb(data)
    near = np.asarray(cv2.dilate(outline.astype(np.uint8), _square(_CLEAR_OF_OUTLINE - 1)))
    white = np.full(3, 255.0)
    stained = (np.asarray(cv2.inRange(decoded, white, white)) == 0) & (near == 0)
    if stained.any():
        darkest = int(decoded[stained].min())
        raise RuntimeError(f"white came out of the JPEG encoder as {darkest}: a fault of encoder or quality")


def _square(reach: int) -> U8:
    """A structuring element that reaches so many pixels to every side."""
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def _with_size_note(rendered: Rendered | Rejection, rules: MarketplaceRules, slot: Slot) -> Rendered | Rejection:
    recommended = rules.slot(slot).size.recommended
    if isinstance(rendered, Rejection) or not recommended:
        return rendered
    if max(rendered.width, rendered.height) >= recommended:
        return rendered
    return dataclasses.replace(rendered, notes=(*rendered.notes, "below_recommended_size"))
