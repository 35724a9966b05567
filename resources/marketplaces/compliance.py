"""Measures an encoded picture against a marketplace's rules: what the file is, not what it was meant to be.

Nothing but the bytes and the file name is read, so it judges any picture, ours or not. Text, logos and marks
on a picture are not looked for.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import PurePosixPath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from resources.imaging.formats import HEAD_BYTES, describe, sniff
from resources.imaging.icc import to_srgb
from resources.marketplaces.rules import MarketplaceRules, Slot, SlotRules
from resources.verdicts import Measure, Verdict, measure

U8 = NDArray[np.uint8]

# Above this a picture is not decoded; every marketplace's own limit is lower.
_MAX_MEGAPIXELS = 100.0
_PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")
_EXTENSIONS = {
    "jpeg": ("jpg", "jpeg"),
    "png": ("png",),
    "webp": ("webp",),
    "gif": ("gif",),
    "tiff": ("tif", "tiff"),
    "bmp": ("bmp",),
}
# A pixel further than this (levels) from the background's colour belongs to the product.
_PRODUCT_STEP = 3
# JPEG stains the blocks that the product touches; 16 pixels hold for halved colour resolution too.
_CLEAR_OF_OUTLINE = 16
# Border pixels that must agree for the background to count as one colour.
_UNIFORM_SHARE = 0.98
_BORDER_WIDTH = 2
# Largest part of the picture that the fading end of a white product may cover.
_FAINT_SHARE = 0.01
_WHITE = (255.0, 255.0, 255.0)
_NEIGHBOURHOOD = np.ones((2 * _CLEAR_OF_OUTLINE - 1,) * 2, np.uint8)
# What Pillow's decoders raise for damaged files, as fuzzing found.
_DECODER_ERRORS = (OSError, ValueError, TypeError, LookupError, SyntaxError, EOFError, struct.error)
_DEPTHS = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I": 32, "F": 32}


@dataclass(frozen=True, slots=True)
class _Finding:
    """One rule's measure, and what to say if it failed."""

    measure: Measure
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the pixels show. fill is -1 where product and background cannot be told apart.

    off_white: distance from white of the worst background pixel, in levels. clear: share of the border pixels
    that are background.
    """

    found: bool
    fill: float
    off_white: int
    clear: float


def check(data: bytes, filename: str, rules: MarketplaceRules, slot: Slot) -> Verdict:
    """Whether an encoded picture fits a marketplace's slot: every rule with its measured value.

    Rejected if any rule fails; decided_by and code are the first failed rule, in the order in which a shop
    would mend them. Yes-or-no rules are measured as 1 or 0 with threshold 1. A measure without a threshold
    informs only (fill_ratio -1: product and background could not be told apart). score: share of the rules
    that passed.
    """
    slot_rules = rules.slot(slot)
    findings = [_slot_allowed(rules, slot), *_file_rules(data, filename, rules, slot_rules)]
    failed = [finding for finding in findings if not finding.measure.passed]
    measures = tuple(finding.measure for finding in findings)
    if not failed:
        return Verdict("accepted", 1.0, measures)
    first, others = failed[0], [finding.measure.name for finding in failed[1:]]
    message = f"{rules.title}, {slot} picture: {first.message}"
    if others:
        message += f" Also failed: {', '.join(others)}."
    score = round(1 - len(failed) / len(findings), 4)
    name = first.measure.name
    return Verdict("rejected", score, measures, decided_by=name, code=name, message=message, hint=first.hint)


def _slot_allowed(rules: MarketplaceRules, slot: Slot) -> _Finding:
    allowed = rules.slot(slot).allowed
    return _yes_no(
        "slot_allowed",
        allowed.value,
        f"not taken at all: {allowed.reason}",
        "Do not send it to this marketplace.",
    )


def _file_rules(data: bytes, filename: str, rules: MarketplaceRules, slot_rules: SlotRules) -> Iterator[_Finding]:
    """Every rule but slot_allowed; the picture's own are left out where it cannot be read."""
    opened = _opened(data)
    if isinstance(opened, Image.Image):
        yield _yes_no("readable", True, "", "")
        yield from _content_rules(opened, data, filename, slot_rules)
    else:
        yield opened(slot_rules)
    yield from _byte_rules(data, slot_rules)
    yield _file_name(filename, rules)


# One SKU's picture is judged for several marketplaces in a row: the last one decoded is kept.
@lru_cache(maxsize=1)
def _opened(data: bytes) -> Image.Image | Callable[[SlotRules], _Finding]:
    """The picture, fully decoded (its first frame), or the finding that says why it cannot be."""
    try:
        image = Image.open(io.BytesIO(data), formats=_PILLOW_FORMATS)
        megapixels = image.width * image.height / 1e6
        if megapixels > _MAX_MEGAPIXELS:
            return partial(_too_large, megapixels)
        # What is read on demand from a damaged file fails here, and not in the middle of a rule.
        image.info["frames"] = getattr(image, "n_frames", 1)
        image.load()
        image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    except Image.DecompressionBombError:
        return partial(_too_large, 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6)
    except _DECODER_ERRORS:
        return partial(_unreadable, data[:HEAD_BYTES])
    return image


def _too_large(megapixels: float, slot_rules: SlotRules) -> _Finding:
    limit = min(slot_rules.size.max_megapixels or _MAX_MEGAPIXELS, _MAX_MEGAPIXELS)
    message = f"it has {megapixels:.0f} megapixels or more; at most {limit:g} are taken."
    return _at_most("megapixels", megapixels, limit, message, "Export it again at a smaller size.")


def _unreadable(head: bytes, slot_rules: SlotRules) -> _Finding:
    """A picture of a kind that is not taken anyway, or a file that is damaged."""
    kind = sniff(head)
    if kind is not None and kind.lower() not in _EXTENSIONS:
        message = f"the file is {describe(head)}; accepted are {_listed(slot_rules.formats.accepted)}."
        return _yes_no("format", False, message, "Save it as JPEG.")
    message = "the file cannot be read as a picture."
    return _yes_no("readable", False, message, "It may be damaged or incomplete; export it again.")


def _content_rules(image: Image.Image, data: bytes, filename: str, slot_rules: SlotRules) -> Iterator[_Finding]:
    yield from _format_rules(image, filename, slot_rules)
    yield from _size_rules(image, slot_rules)
    yield from _colour_rules(image, data, slot_rules)
    if image.mode not in ("CMYK", "YCbCr", "LAB", "HSV"):
        yield from _scene_rules(_flat_rgb(image), slot_rules)
    yield from _metadata_rules(image, slot_rules)


def _format_rules(image: Image.Image, filename: str, slot_rules: SlotRules) -> Iterator[_Finding]:
    found = "jpeg" if image.format == "MPO" else (image.format or "").lower()
    accepted = slot_rules.formats.accepted
    yield _yes_no(
        "format",
        found in accepted,
        f"the file is {found.upper()}; accepted are {_listed(accepted)}.",
        "Save it as JPEG.",
    )
    extension = PurePosixPath(filename).suffix[1:].lower()
    yield _yes_no(
        "extension_matches",
        extension in _EXTENSIONS[found],
        f"the name ends in '.{extension}', but the file is {found.upper()}.",
        f"Give it the extension .{_EXTENSIONS[found][0]}, or save it in the format of its name.",
    )
    frames = 1 if image.format == "MPO" else image.info["frames"]
    yield _at_most("frames", frames, 1, f"it holds {frames} frames.", "Save a single frame: animations are refused.")


def _size_rules(image: Image.Image, slot_rules: SlotRules) -> Iterator[_Finding]:
    size = slot_rules.size
    found = f"it has {image.width} x {image.height} px"
    longest, shortest = max(image.size), min(image.size)
    larger, smaller = "Upload a larger photo and export again.", "Export it again at a smaller size."
    if size.min_longest:
        yield _at_least(
            "longest_side_min",
            longest,
            size.min_longest,
            f"{found}; the longer side needs at least {size.min_longest} px.",
            larger,
        )
    if size.min_shortest:
        yield _at_least(
            "shortest_side_min",
            shortest,
            size.min_shortest,
            f"{found}; the shorter side needs at least {size.min_shortest} px.",
            larger,
        )
    if size.max_longest:
        yield _at_most(
            "longest_side_max",
            longest,
            size.max_longest,
            f"{found}; at most {size.max_longest} px are taken.",
            smaller,
        )
    megapixels, limit = image.width * image.height / 1e6, size.max_megapixels or _MAX_MEGAPIXELS
    yield _at_most("megapixels", megapixels, limit, f"{found}; at most {limit:g} megapixels are taken.", smaller)
    aspect = image.width / image.height
    crop = "Crop it to the proportions asked for."
    if size.min_aspect:
        yield _at_least(
            "aspect_min",
            aspect,
            size.min_aspect,
            f"{found}; width / height is below {size.min_aspect}.",
            crop,
        )
    if size.max_aspect:
        yield _at_most(
            "aspect_max",
            aspect,
            size.max_aspect,
            f"{found}; width / height is above {size.max_aspect}.",
            crop,
        )


def _colour_rules(image: Image.Image, data: bytes, slot_rules: SlotRules) -> Iterator[_Finding]:
    colour = slot_rules.colour
    space = "cmyk" if image.mode == "CMYK" else "lab" if image.mode == "LAB" else "srgb"
    yield _yes_no(
        "colour_space",
        space in colour.spaces,
        f"its colours are {space.upper()}; accepted: {_listed(colour.spaces)}.",
        "Convert it to sRGB.",
    )
    if space == "srgb":
        yield _yes_no(
            "icc_srgb",
            _is_srgb(image),
            "its colour profile is not sRGB, or is broken.",
            "Convert the picture to sRGB; leaving the profile out changes the product's colours.",
        )
    depth = _bit_depth(image, data)
    yield _at_most(
        "bit_depth",
        depth,
        colour.max_bit_depth,
        f"it has {depth} bits a channel; at most {colour.max_bit_depth} are taken.",
        "Save it with 8 bits a channel.",
    )
    if not colour.alpha_allowed:
        yield _yes_no(
            "alpha_absent",
            not image.has_transparency_data,
            "it has a transparency channel.",
            "Lay the product on white and save it without transparency.",
        )


def _scene_rules(rgb: U8, slot_rules: SlotRules) -> Iterator[_Finding]:
    white = slot_rules.background.required == "white"
    fill_rules = slot_rules.fill
    if not white and fill_rules.min_ratio is None and fill_rules.max_ratio is None:
        return
    scene = _scene(rgb, slot_rules)
    if white:
        tolerance = slot_rules.background.tolerance
        yield _yes_no(
            "product_found",
            scene.found,
            "no product stands out from the background.",
            "Look at the picture.",
        )
        yield _at_most(
            "background_white",
            scene.off_white,
            tolerance,
            f"the background is up to {scene.off_white} levels off pure white (255, 255, 255).",
            "Export it again from the cut-out; do not use the photo's own white.",
        )
        yield _at_least(
            "border_clear",
            scene.clear,
            1.0,
            "the product, a frame or a shadow touches the edge of the picture.",
            "Leave white around the whole product, and no frame.",
        )
    yield from _fill_rules(scene.fill, slot_rules)


def _fill_rules(fill: float, slot_rules: SlotRules) -> Iterator[_Finding]:
    low, high = slot_rules.fill.min_ratio, slot_rules.fill.max_ratio
    hint = "Export it again from the cut-out."
    if fill < 0:
        yield _Finding(measure("fill_ratio", fill), "", "")
        return
    if low is not None:
        message = f"the product takes up {fill:.0%} of the longer side; at least {low:.0%} is asked for."
        yield _at_least("fill_ratio_min", fill, low, message, hint)
    if high is not None:
        message = f"the product takes up {fill:.0%} of the longer side; at most {high:.0%} is asked for."
        yield _at_most("fill_ratio_max", fill, high, message, hint)


def _metadata_rules(image: Image.Image, slot_rules: SlotRules) -> Iterator[_Finding]:
    xmp = image.info.get("xmp") or b""
    gps = bool(image.getexif().get_ifd(ExifTags.IFD.GPSInfo)) or b"GPSLatitude" in (
        xmp.encode() if isinstance(xmp, str) else xmp
    )
    hint = "Export it again; the export writes no camera data."
    if not slot_rules.metadata.gps_allowed:
        yield _yes_no("no_gps", not gps, "it tells where the photo was taken.", hint)
    if not slot_rules.metadata.exif_allowed:
        yield _yes_no("no_exif", not image.info.get("exif"), "it holds camera data (EXIF).", hint)


def _byte_rules(data: bytes, slot_rules: SlotRules) -> Iterator[_Finding]:
    most, least = slot_rules.file.max_bytes, slot_rules.file.min_bytes
    if most:
        message = f"the file has {len(data)} bytes; at most {most} are taken."
        yield _at_most("bytes_max", len(data), most, message, "Save it at a lower quality.")
    if least:
        message = f"the file has {len(data)} bytes; at least {least} are asked for."
        yield _at_least("bytes_min", len(data), least, message, "Upload a larger or more detailed photo.")


def _file_name(filename: str, rules: MarketplaceRules) -> _Finding:
    name = PurePosixPath(filename).name
    return _yes_no(
        "file_name",
        re.fullmatch(rules.naming.pattern, name) is not None,
        f"the file name {name!r} does not fit.",
        f"Names are: {rules.naming.explained}.",
    )


def _is_srgb(image: Image.Image) -> bool:
    """True without a profile (everyone then assumes sRGB), or if it changes no colour visibly."""
    profile = image.info.get("icc_profile")
    if not profile:
        return True
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    if image.mode in ("L", "LA", "1", "I;16"):
        patch = Image.fromarray(np.ascontiguousarray(steps[None]))
    else:
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, steps.size, 3)
        patch = Image.fromarray(grid)
    converted = to_srgb(patch, profile)
    if converted is None:
        return False
    difference = np.asarray(converted.convert("RGB")).astype(int) - np.asarray(patch.convert("RGB"))
    return int(np.abs(difference).max()) <= 4


def _bit_depth(image: Image.Image, data: bytes) -> int:
    """Bits a channel as stored; Pillow itself reads 16-bit colour as 8."""
    if image.format == "PNG":
        return 8 if image.mode == "P" else data[24]
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (8,))  # type: ignore[attr-defined]
        return max(bits) if isinstance(bits, tuple) else int(bits)
    return _DEPTHS.get(image.mode, 8)


def _flat_rgb(image: Image.Image) -> U8:
    """What a buyer sees on a white page; HxWx3 uint8."""
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        page = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        page.alpha_composite(rgba)
        image = page
    return np.asarray(image.convert("RGB"))


def _scene(rgb: U8, slot_rules: SlotRules) -> _Scene:
    """Tell product from background by the colour of the border, and measure both (white only where it is asked)."""
    border = _border(rgb)
    colour = np.median(border, axis=0)
    product = _differs(rgb, colour)
    product_at_border = _border(product) > 0
    if product_at_border.mean() > 1 - _UNIFORM_SHARE:
        return _Scene(True, -1.0, int(255 - border.min()), 0.0)
    _, _, width, height = cv2.boundingRect(product)
    # The border's own colour counts beside the rest: a frame may leave nothing else to be background.
    off_white = 255 - int(colour.min())
    if slot_rules.background.required == "white":
        off_white = max(off_white, _off_white(rgb, product, slot_rules.shadow.allowed))
    fill = max(width, height) / max(rgb.shape[:2])
    return _Scene(width > 0, fill, off_white, 1.0 - float(product_at_border.mean()))


def _off_white(rgb: U8, product: U8, shadow_allowed: bool) -> int:
    """Distance from white, in levels, of the worst pixel that must be white.

    Those are the pixels joined to the border and 16 pixels clear of the product. What the product encloses is
    left out: a pale label is product, however white. So are faint stains that hang on the product and end
    before the border: the paler end of a white product, if they are small; any, where shadows are allowed.
    """
    near = np.asarray(cv2.dilate(product, _NEIGHBOURHOOD), np.uint8)
    stained = _outside(near) & (255 - _within(rgb, _WHITE, _WHITE))
    if not stained.any():
        return 0
    stains = stained | near
    _, patch = cv2.connectedComponents(stains, connectivity=8)
    hanging = np.setdiff1d(np.unique(patch[near > 0]), _border(patch))
    excused = (stained > 0) & np.isin(patch, hanging)
    if shadow_allowed or excused.mean() <= _FAINT_SHARE:
        stained[excused] = 0
    return int(255 - rgb[stained > 0].min(initial=255))


def _outside(near: U8) -> U8:
    """255 where the picture is joined to its border without crossing `near`, else 0."""
    ground = np.pad(255 - near, 1, constant_values=255)
    cv2.floodFill(ground, None, (0, 0), (128.0,))
    return _within(ground[1:-1, 1:-1], (128.0,), (128.0,))


def _differs(rgb: U8, colour: NDArray[np.float64]) -> U8:
    """255 where a channel is further than the product step from a colour, else 0."""
    return 255 - _within(rgb, (colour - _PRODUCT_STEP).tolist(), (colour + _PRODUCT_STEP).tolist())


def _within(picture: U8, low: Sequence[float], high: Sequence[float]) -> U8:
    """255 where every channel lies between two values, both included, else 0."""
    return np.asarray(cv2.inRange(picture, np.array(low), np.array(high)), np.uint8)


def _border(picture: NDArray[Any]) -> NDArray[Any]:
    """The outermost pixels of a picture, as a list."""
    w = _BORDER_WIDTH
    inner = picture[w:-w]
    parts = (picture[:w], picture[-w:], inner[:, :w], inner[:, -w:])
    return np.concatenate([part.reshape(-1, *picture.shape[2:]) for part in parts])


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(name.upper() for name in names)


def _yes_no(name: str, value: bool, message: str, hint: str) -> _Finding:
    return _Finding(measure(name, float(value), at_least=1.0), message, hint)


def _at_most(name: str, value: float, limit: float, message: str, hint: str) -> _Finding:
    return _Finding(measure(name, value, at_most=limit), message, hint)


def _at_least(name: str, value: float, limit: float, message: str, hint: str) -> _Finding:
    return _Finding(measure(name, value, at_least=limit), message, hint)
