"""Makes the pictures that marketplaces get: the product on exact white, and scenes cut to size."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import resize_rgb
from resources.imaging.encode import jpeg
from resources.marketplaces.inspection import Inspection, inspect_picture
from resources.marketplaces.provenance import PictureKind, SourceType, source_type, tag_jpeg
from resources.marketplaces.rules import MarketplaceRules, Slot, SlotRules, canvas
from resources.upscaling.lanczos import LanczosUpscaler
from resources.upscaling.upscaler import Upscaler
from resources.verdicts import NEEDS_REVIEW, Rejection

if TYPE_CHECKING:
    from resources.marketplaces.signing import Signer

U8 = NDArray[np.uint8]

# Beyond this a photo's own pixels carry no detail that the eye would miss.
MAX_UPSCALING = 2.0
# Above this coverage a pixel belongs to the product that a buyer sees; the fill ratio is that of these
# pixels.
_VISIBLE_ALPHA = 16
# Faint coverage further than this from the visible product (pixels of the picture) is haze, not a soft edge.
_SOFT_EDGE = 12
# What is paler than this (levels below white) and further than this (pixels) from anything darker is no product: the
# last breath of a soft edge, which nobody sees and a marketplace's white test finds.
_FAINT_LEVELS = 6
_FAINT_REACH = 6
# White pixels around the crop.
_PADDING = 4
# Above it JPEG files grow without a visible gain.
_TOP_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Tools:
    """What pictures are made with. upscaler: enlarges small products. signer: signs each file, if there is one."""

    upscaler: Upscaler = field(default_factory=LanczosUpscaler)
    signer: Signer | None = None


EMBEDDED = Tools()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A picture ready for a marketplace.

    data: the encoded file. fill: how much of the picture the product's box spans, max of width and height; 0 for a
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
    def size(self) -> tuple[int, int]:
        """Width and height of the box."""
        left, top, right, bottom = self.box
        return right - left, bottom - top

    def scale(self, slot_rules: SlotRules, side: int) -> float:
        """How much larger than in the photo the product gets where it fills a picture whose longer side is `side`."""
        width, height = canvas(slot_rules, side)
        return slot_rules.render.fill * min(width / self.size[0], height / self.size[1])


def render_key(rules: MarketplaceRules, slot: Slot) -> Hashable:
    """What decides the bytes of a white picture: equal keys, equal files of a cut-out.

    Minimum and recommended size and the fewest bytes are not in it, because each marketplace judges those for itself.
    """
    slot_rules = rules.slot(slot)
    made = slot_rules.render
    code = source_type("white", rules.provenance.source_types)
    return (made.side, made.aspect, made.fill, made.quality, made.min_quality, made.max_bytes, code)


def render_white(cutout_rgba: U8, rules: MarketplaceRules, slot: Slot) -> Rendered | Rejection:
    """The product on exact white as one marketplace wants it; see `render_whites`."""
    return render_whites(cutout_rgba, [rules], slot)[rules.name]


def render_whites(
    cutout_rgba: U8, marketplaces: Iterable[MarketplaceRules], slot: Slot, *, tools: Tools = EMBEDDED, title: str = ""
) -> dict[str, Rendered | Rejection]:
    """The product on exact white for several marketplaces, by name; those that agree share one render.

    cutout_rgba: HxWx4 uint8, straight alpha. The picture has the rules' render.aspect, the product is centred and
    enlarged at most twice, the longer side is as long as that allows, up to render.side. White is (255, 255, 255) in
    the encoded file wherever it is 16 pixels clear of the product. title: what a signature calls the picture.
    Rejections: `empty_cutout`, `not_allowed`, `needs_review` (product too small for the marketplace's minimum),
    `too_many_bytes`, `too_few_bytes`.
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
        finish, key = _Finish(tools, title), render_key(rules, slot)
        if key not in made:
            made[key] = _white_picture(product, rules, slot, finish)
        picture, least = made[key], rules.slot(slot).file.min_bytes or 0
        if isinstance(picture, Rendered) and len(picture.data) < least:
            picture = _white_picture(product, rules, slot, finish, least)
        results[rules.name] = _with_size_note(picture, rules, slot)
    return results


def render_lifestyle(final_rgb: U8, rules: MarketplaceRules, *, kind: PictureKind) -> Rendered | Rejection:
    """A finished scene as one marketplace wants it; see `render_lifestyles`."""
    return render_lifestyles(final_rgb, [rules], kind=kind)[rules.name]


def render_lifestyles(
    final_rgb: U8,
    marketplaces: Iterable[MarketplaceRules],
    *,
    kind: PictureKind,
    tools: Tools = EMBEDDED,
    title: str = "",
) -> dict[str, Rendered | Rejection]:
    """A finished scene in the sizes and proportions that marketplaces allow, by name; equal ones share one render.

    final_rgb: HxWx3 uint8. Cropped around the centre only where the rules limit the proportions, reduced to
    render.side, enlarged (at most twice) only to reach the minimum. kind: how the scene was made, for the tag
    inside the file. Rejections: as `render_whites`, without `empty_cutout`.
    """
    made: dict[Hashable, Rendered | Rejection] = {}
    results: dict[str, Rendered | Rejection] = {}
    for rules in marketplaces:
        plan = _scene_plan(final_rgb, rules, kind)
        if isinstance(plan, _ScenePlan):
            if plan not in made:
                made[plan] = _scene_picture(final_rgb, plan, rules, _Finish(tools, title))
            results[rules.name] = _with_size_note(made[plan], rules, "lifestyle")
        else:
            results[rules.name] = plan
    return results


@dataclass(frozen=True, slots=True)
class _ScenePlan:
    """What decides the bytes of a scene: the crop (left, top, width, height), the size, and how it is encoded."""

    crop: tuple[int, int, int, int]
    size: tuple[int, int]
    quality: tuple[int, int]
    bytes: tuple[int, int]
    source: SourceType


def _scene_plan(final_rgb: U8, rules: MarketplaceRules, kind: PictureKind) -> _ScenePlan | Rejection:
    slot_rules = rules.slot("lifestyle")
    if not slot_rules.allowed.value:
        return _not_allowed(rules, "lifestyle", slot_rules.allowed.reason)
    crop = _crop_to_aspect(final_rgb, slot_rules)
    width, height = crop[2:]
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
    made = slot_rules.render
    scale = max(needed, min(1.0, made.side / max(width, height)))
    return _ScenePlan(
        crop=crop,
        size=(math.ceil(width * scale - 1e-6), math.ceil(height * scale - 1e-6)),
        quality=(made.quality, made.min_quality),
        bytes=(made.max_bytes, slot_rules.file.min_bytes or 0),
        source=source_type(kind, rules.provenance.source_types),
    )


def _scene_picture(final_rgb: U8, plan: _ScenePlan, rules: MarketplaceRules, finish: _Finish) -> Rendered | Rejection:
    left, top, width, height = plan.crop
    cropped = final_rgb[top : top + height, left : left + width]
    picture = np.ascontiguousarray(resize_rgb(cropped, plan.size))
    encoded = _encoded(picture, rules.slot("lifestyle"), plan.source, finish, plan.bytes[1])
    if isinstance(encoded, Rejection):
        return encoded
    data, quality, notes = encoded
    if plan.size[0] > width:
        notes += ("enlarged_to_minimum_size",)
    if cropped.shape != final_rgb.shape:
        notes += ("cropped_to_allowed_proportions",)
    return Rendered(data, "jpg", *plan.size, fill=0.0, quality=quality, source=plan.source, notes=notes)


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
    wanted = _scale_to_minimum(product, slot_rules)
    if wanted <= MAX_UPSCALING:
        return None
    longest = max(product.size)
    wanted_px = math.ceil(longest * wanted)
    return Rejection(
        code=NEEDS_REVIEW,
        message=(
            f"The product is {longest} px long in the photo and may be enlarged {MAX_UPSCALING:.0f} times; "
            f"for the smallest picture that {rules.title} takes it has to be {wanted_px} px long."
        ),
        hint=f"Upload a larger photo, in which the product is at least {math.ceil(wanted_px / MAX_UPSCALING)} px long.",
    )


def _scale_to_minimum(product: _Product, slot_rules: SlotRules) -> float:
    """How much the product must be enlarged for the smallest picture that the marketplace takes."""
    size, most = slot_rules.size, slot_rules.render.side
    scale = product.scale(slot_rules, most)
    if size.counted == "product":
        return max((size.min_longest or 1) / max(product.size), (size.min_shortest or 1) / min(product.size))
    longer, shorter = max(canvas(slot_rules, most)), min(canvas(slot_rules, most))
    return scale * max((size.min_longest or 1) / longer, (size.min_shortest or 1) / shorter)


def _not_allowed(rules: MarketplaceRules, slot: Slot, reason: str) -> Rejection:
    return Rejection(
        code="not_allowed",
        message=f"{rules.title} takes no {slot} pictures: {reason}",
        hint="Leave this marketplace out of the campaign.",
    )


def _side(product: _Product, slot_rules: SlotRules) -> int:
    """Longer side of the picture in pixels: as long as the product's own pixels allow."""
    most = slot_rules.render.side
    return min(most, int(most * MAX_UPSCALING / product.scale(slot_rules, most)))


def _white_picture(
    product: _Product, rules: MarketplaceRules, slot: Slot, finish: _Finish, least: int = 0
) -> Rendered | Rejection:
    slot_rules = rules.slot(slot)
    size = canvas(slot_rules, _side(product, slot_rules))
    scale = product.scale(slot_rules, max(size))
    alpha, notes = _without_haze(product, scale)
    picture, said = _on_white(product, alpha, size, scale, finish.tools.upscaler)
    code = source_type("white", rules.provenance.source_types)
    encoded = _encoded(picture, slot_rules, code, finish, least)
    if isinstance(encoded, Rejection):
        return encoded
    data, quality, more = encoded
    if not _is_white(data):
        more += ("background_not_exactly_white",)
    fill = max(product.size[0] * scale / size[0], product.size[1] * scale / size[1])
    return Rendered(data, "jpg", *size, round(fill, 4), quality, code, notes + said + more)


def _without_haze(product: _Product, scale: float) -> tuple[U8, tuple[str, ...]]:
    """The alpha without what is faint and lies away from the product: on white it would be a stain."""
    alpha = product.rgba[..., 3]
    reach = math.ceil(_SOFT_EDGE / scale)
    near = np.asarray(cv2.dilate((alpha > _VISIBLE_ALPHA).astype(np.uint8), _square(reach)), np.uint8)
    if not (alpha[near == 0] > 0).any():
        return alpha, ()
    return alpha * near, ("faint_haze_removed",)


def _on_white(
    product: _Product, alpha: U8, canvas_size: tuple[int, int], scale: float, upscaler: Upscaler
) -> tuple[U8, tuple[str, ...]]:
    """The product centred on a white canvas (width, height), and notes."""
    left, top, width, height = cv2.boundingRect(alpha)
    crop = np.s_[top : top + height, left : left + width]
    # The margin lets the resampling kernel find the background there, and not the end of the picture.
    margin = ((_PADDING, _PADDING), (_PADDING, _PADDING))
    flat = np.pad(_flattened(product.rgba[crop], alpha[crop]), (*margin, (0, 0)), constant_values=255)
    size = (max(1, round(flat.shape[1] * scale)), max(1, round(flat.shape[0] * scale)))
    coverage = np.asarray(cv2.resize(np.pad(alpha[crop], margin), size, interpolation=cv2.INTER_NEAREST), np.uint8)
    notes: tuple[str, ...] = ()
    if scale > 1:
        flat, notes = upscaler.enlarge(flat, size)
    else:
        flat = resize_rgb(flat, size)
    at_x = _start(canvas_size[0], (product.box[0] + product.box[2]) / 2, left - _PADDING, scale)
    at_y = _start(canvas_size[1], (product.box[1] + product.box[3]) / 2, top - _PADDING, scale)
    picture = np.full((canvas_size[1], canvas_size[0], 3), 255, np.uint8)
    there, here = _overlap(canvas_size, (at_x, at_y), size)
    picture[there] = _without_faint_ends(flat[here], coverage[here])
    return picture, notes


def _without_faint_ends(flat: U8, coverage: U8) -> U8:
    """A picture on white whose palest pixels are white where nothing darker lies near.

    What the product covers stays, however pale it is.
    """
    faint = np.asarray(cv2.inRange(flat, np.full(3, 255.0 - _FAINT_LEVELS), np.full(3, 255.0)), np.uint8)
    solid = cv2.threshold(coverage, _VISIBLE_ALPHA, 255, cv2.THRESH_BINARY)[1]
    far = 255 - np.asarray(cv2.dilate(cv2.max(255 - faint, solid), _square(_FAINT_REACH)))
    return np.asarray(cv2.bitwise_or(flat, cv2.merge([far, far, far])), np.uint8)


def _start(side: int, centre: float, origin: int, scale: float) -> int:
    """Where on a canvas of this side a resized crop begins so that `centre` (photo pixels) comes to the middle."""
    return round(side / 2 - (centre - origin) * scale)


def _overlap(
    canvas_size: tuple[int, int], at: tuple[int, int], size: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a crop lies on the canvas, and which part of it that is; a soft edge may reach over."""
    (x, y), (width, height) = at, size
    left, top = max(0, x), max(0, y)
    right, bottom = min(canvas_size[0], x + width), min(canvas_size[1], y + height)
    return np.s_[top:bottom, left:right], np.s_[top - y : bottom - y, left - x : right - x]


def _flattened(rgba: U8, alpha: U8) -> U8:
    """Colours over white, mixed in sRGB, the space in which the matte was taken from the photo; HxWx3 uint8.

    Mixed before resizing, not after: the photo's own edge on white is what then gets resampled.
    """
    flat = np.empty((*alpha.shape, 3), np.uint8)
    for channel in range(3):
        flat[..., channel] = 255 - cv2.multiply(255 - rgba[..., channel], alpha, scale=1 / 255)
    return flat


def _crop_to_aspect(rgb: U8, slot_rules: SlotRules) -> tuple[int, int, int, int]:
    """The largest centred part whose width / height lies within the rules: left, top, width, height."""
    height, width = rgb.shape[:2]
    low, high = slot_rules.size.min_aspect or 0.0, slot_rules.size.max_aspect or math.inf
    if width / height > high:
        keep = max(1, int(height * high))
        return (width - keep) // 2, 0, keep, height
    if width / height < low:
        keep = max(1, int(width / low))
        return 0, (height - keep) // 2, width, keep
    return 0, 0, width, height


@dataclass(frozen=True, slots=True)
class _Finish:
    """The last steps of a file, after which nothing touches it: its tag, and its signature."""

    tools: Tools
    title: str

    def room(self, most: int) -> int:
        """How many bytes the picture itself may have, where the file may have so many."""
        return most - (self.tools.signer.adds_bytes if self.tools.signer else 0)

    def signed(self, tagged: bytes, code: SourceType) -> bytes:
        signer = self.tools.signer
        return signer.sign_jpeg(tagged, code, self.title) if signer else tagged


def _encoded(
    picture: U8, slot_rules: SlotRules, code: SourceType, finish: _Finish, least: int
) -> tuple[bytes, int, tuple[str, ...]] | Rejection:
    """The finished file of at least so many bytes and at most render.max_bytes, the JPEG quality used, and notes."""
    most = slot_rules.render.max_bytes
    best = slot_rules.render.quality
    notes: tuple[str, ...] = ()
    data = _tagged(picture, best, code)
    if len(data) > finish.room(most):
        return _smaller(picture, slot_rules, code, finish)
    if len(data) < least:
        data, best, notes = _tagged(picture, _TOP_QUALITY, code), _TOP_QUALITY, ("quality_raised_to_byte_limit",)
        if len(data) < least:
            return Rejection(
                code="too_few_bytes",
                message=f"The picture has {len(data)} bytes; at least {least} are asked for.",
                hint="Upload a larger or more detailed photo.",
            )
    return finish.signed(data, code), best, notes


def _smaller(
    picture: U8, slot_rules: SlotRules, code: SourceType, finish: _Finish
) -> tuple[bytes, int, tuple[str, ...]] | Rejection:
    """The best quality below the first choice that fits, by halving the range."""
    most = slot_rules.render.max_bytes
    low, high = slot_rules.render.min_quality, slot_rules.render.quality - 1
    found: tuple[bytes, int] | None = None
    size = 0
    while low <= high:
        quality = (low + high) // 2
        data = _tagged(picture, quality, code)
        size = len(data)
        if size <= finish.room(most):
            found, low = (data, quality), quality + 1
        else:
            high = quality - 1
    if found is None:
        return Rejection(
            code="too_many_bytes",
            message=(
                f"The picture has {size} bytes at the lowest quality allowed "
                f"({slot_rules.render.min_quality}); at most {finish.room(most)} are allowed."
            ),
            hint="Make render.side smaller in the marketplace's rules.",
        )
    return finish.signed(found[0], code), found[1], ("quality_lowered_to_byte_limit",)


def _tagged(picture: U8, quality: int, code: SourceType) -> bytes:
    return tag_jpeg(jpeg(picture, quality=quality), code)


def _is_white(data: bytes) -> bool:
    """True if the encoded picture is exactly white wherever it is 16 pixels clear of the product.

    The marketplaces that ask for white judge it themselves; the picture is not decoded again for that.
    """
    seen = inspect_picture(data)
    return isinstance(seen, Inspection) and seen.backdrop is not None and seen.backdrop.off_white == 0


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
