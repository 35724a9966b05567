"""What an encoded picture is: format, size, colour, what its pixels show, what its metadata tells.

Measured once a picture and kept, since many marketplaces judge the same bytes (compliance.py compares). Nothing but the
bytes is read.
"""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from resources.imaging.formats import HEAD_BYTES, describe, sniff
from resources.imaging.icc import to_srgb
from resources.kept import Kept
from resources.marketplaces.backdrop import Backdrop, measure_backdrop
from resources.marketplaces.file_metadata import Metadata, read_metadata

U8 = NDArray[np.uint8]

MAX_MEGAPIXELS = 100.0
"""Above this a picture is not decoded; every marketplace's own limit is lower."""

EXTENSIONS = {
    "jpeg": ("jpg", "jpeg"),
    "png": ("png",),
    "webp": ("webp",),
    "gif": ("gif",),
    "tiff": ("tif", "tiff"),
    "bmp": ("bmp",),
}
"""The formats that are read, and what their files are called."""

_PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")
# What Pillow's decoders raise for damaged files, as fuzzing found.
_DECODER_ERRORS = (OSError, ValueError, TypeError, LookupError, SyntaxError, EOFError, struct.error)
_DEPTHS = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I": 32, "F": 32}
_SPACES = {"CMYK": "cmyk", "LAB": "lab"}
# Without pixels in it an inspection is small: some marketplaces' worth of a SKU's pictures, for each thread.
_KEPT = 64


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a picture is.

    kind: format by content, a key of EXTENSIONS. space: "srgb", "cmyk" or "lab". srgb_profile: False if an ICC profile
    changes its colours visibly or is broken. bit_depth: bits a channel, as stored. backdrop: None in spaces whose
    pixels are not looked at.
    """

    kind: str
    width: int
    height: int
    frames: int
    space: str
    srgb_profile: bool
    bit_depth: int
    transparent: bool
    backdrop: Backdrop | None
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file is no picture that can be measured.

    megapixels: of a picture that is too large. described: what a file of another kind is, in words.
    """

    reason: Literal["too_large", "other_format", "damaged"]
    megapixels: float = 0.0
    described: str = ""


_inspected: Kept[bytes, Inspection | Unreadable] = Kept(_KEPT)


def inspect_picture(data: bytes) -> Inspection | Unreadable:
    """What an encoded picture is, or why it cannot be read; never raises, whatever the bytes. Kept for the next time.

    JPEG, PNG, WebP, GIF, TIFF and BMP are read, of several frames the first. Transparency is measured as on a white
    page.
    """
    return _inspected.get(hashlib.sha256(data).digest(), lambda: _inspect(data))


def picture_pixels(data: bytes) -> U8:
    """What a buyer sees of a picture on a white page; HxWx3 uint8. For what `inspect_picture` could read."""
    image = _opened(data)
    if isinstance(image, Unreadable):
        raise ValueError("the picture is too large")
    return _flat_rgb(image)


def _inspect(data: bytes) -> Inspection | Unreadable:
    try:
        image = _opened(data)
        return image if isinstance(image, Unreadable) else _measured(image, data)
    except Image.DecompressionBombError:
        return Unreadable("too_large", megapixels=2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6)
    except _DECODER_ERRORS:
        return _unreadable(data[:HEAD_BYTES])


def _opened(data: bytes) -> Image.Image | Unreadable:
    """The picture, its first frame fully decoded. Raises what Pillow raises for damaged files."""
    image = Image.open(io.BytesIO(data), formats=_PILLOW_FORMATS)
    megapixels = image.width * image.height / 1e6
    if megapixels > MAX_MEGAPIXELS:
        return Unreadable("too_large", megapixels=megapixels)
    # What is read on demand from a damaged file fails here.
    image.info["frames"] = getattr(image, "n_frames", 1)
    image.load()
    image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    return image


def _unreadable(head: bytes) -> Unreadable:
    """A picture of a kind that is not taken anyway, or a file that is damaged."""
    kind = sniff(head)
    if kind is not None and kind.lower() not in EXTENSIONS:
        return Unreadable("other_format", described=describe(head))
    return Unreadable("damaged")


def _measured(image: Image.Image, data: bytes) -> Inspection:
    shown = image.mode not in ("CMYK", "YCbCr", "LAB", "HSV")
    return Inspection(
        kind="jpeg" if image.format == "MPO" else (image.format or "").lower(),
        width=image.width,
        height=image.height,
        # The further pictures of an MPO are previews, not an animation.
        frames=1 if image.format == "MPO" else image.info["frames"],
        space=_SPACES.get(image.mode, "srgb"),
        srgb_profile=_is_srgb(image),
        bit_depth=_bit_depth(image, data),
        transparent=image.has_transparency_data,
        backdrop=measure_backdrop(_flat_rgb(image)) if shown else None,
        metadata=read_metadata(data, image),
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
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
