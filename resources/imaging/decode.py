"""Bytes that somebody uploaded to an upright 8-bit sRGB photo, or a rejection that says what is wrong.

The type comes from the bytes. What can be refused from the header is refused before anything is decoded. Each
format is opened by its own reader only, so that a file cannot choose another one (PostScript, for instance).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from resources.imaging import formats, icc
from resources.imaging.formats import IMAGE_LIKE_EXTENSIONS, PHOTO_EXTENSIONS, DamagedFileError, sniff
from resources.verdicts import Rejection

__all__ = [
    "IMAGE_LIKE_EXTENSIONS",
    "PHOTO_EXTENSIONS",
    "Header",
    "Limits",
    "Photo",
    "decode_photo",
    "read_header",
    "sniff",
]

U8 = NDArray[np.uint8]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a photo may measure.

    max_megapixels: width x height as stored. max_aspect: longer over shorter side, judged before min_side.
    min_side: pixels of the shorter side. working_max_side: a longer photo is reduced to it.
    """

    max_megapixels: float = 100
    min_side: int = 200
    max_aspect: float = 12
    working_max_side: int = 3000


@dataclass(frozen=True, slots=True)
class Header:
    """What a file's header says: size in pixels as stored (not turned upright yet).

    frames: 1 for a still, more than 1 for an animation (2 stands for "several" in a GIF, which has no count).
    """

    format: str
    width: int
    height: int
    frames: int


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """An upright 8-bit sRGB photo.

    rgb: HxWx3 uint8. alpha: HxW uint8 if the file came as a cut-out (then rgb is straight, and white where
    alpha is 0), else None. format: as from `sniff`. source_size: width and height upright, before reduction.
    notes: snake_case codes of what had to be done: animated_first_frame_used, cmyk_without_profile,
    broken_icc_profile_ignored, icc_converted_to_srgb, broken_exif_ignored, orientation_applied,
    reduced_to_working_size, samples_scaled_to_8_bit, own_alpha_kept, alpha_laid_on_white.
    """

    rgb: U8
    alpha: U8 | None
    notes: tuple[str, ...]
    format: str
    source_size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file whose header was read and accepted. load: decodes it. profile: as in `formats.PngParts`."""

    header: Header
    load: Callable[[], Image.Image]
    profile: bytes | None = None


# Decoding a progressive JPEG costs a pass over all pixels per scan, and a scan may have a few bytes.
# Ordinary ones have 10 to 14 scans.
_MAX_SCAN_MEGAPIXELS = 2000
# A BMP packed in runs (its header says 1 or 2) is unpacked by Pillow in Python, 8 megapixels a second.
_BMP_PACKED = (1, 2)
_MAX_PACKED_MEGAPIXELS = 25
# Alpha under this (3 %) cannot be seen.
_VISIBLE_ALPHA = 8
_OWN_ALPHA_BORDER_SHARE = 0.5
_JPEG_MISSING_GREY = 128
# Wide samples are scaled in bands of rows: at once they would take 32 bytes a pixel beside the picture.
_BAND_SAMPLES = 1 << 20
_TIFF_REDUCED_COPY = 1
_TIFF_SUBFILE_TYPE, _TIFF_TILE_WIDTH, _TIFF_TILE_HEIGHT, _TIFF_DNG_VERSION = 254, 322, 323, 50706
_EXIF_ORIENTATION = 274
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PHOTO_FORMATS = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF or BMP"


def decode_photo(data: bytes, limits: Limits | None = None) -> Photo | Rejection:
    """The photo that a file holds, upright, in 8-bit sRGB, or why it is refused; no bytes make it raise.

    data: the whole file. limits: default `Limits()`.

    Applied: orientation (EXIF), colour profile to sRGB, 16 bits to 8 (the high byte), palettes, the first
    frame of an animation, reduction to `working_max_side` (Lanczos). CMYK without a usable profile becomes
    R = (255 - C)(255 - K) / 255 and so on. Transparency is kept as the photo's own matte if at least half
    of the outermost pixels are mostly transparent, otherwise the photo is laid on white.

    Rejection codes: empty_file, not_an_image, unsupported_format, truncated, pixel_limit_exceeded,
    extreme_aspect_ratio, too_small, no_visible_content; out_of_memory alone can be retried.
    """
    limits = limits or Limits()
    opened = _open(data, limits)
    if isinstance(opened, Rejection):
        return opened
    image = _guarded(opened.load, _damaged)
    if isinstance(image, Rejection):
        return image
    if opened.header.format == "JPEG" and _lacks_scan_data(image, data):
        return _truncated("the picture data ends too early, although the file has an end mark")
    header_size = (opened.header.width, opened.header.height)
    if image.size not in (header_size, header_size[::-1]):
        return _truncated(f"it holds {_by(image.size)} pixels where its header says {_by(header_size)}")
    return _normalised(image, opened, limits)


def read_header(data: bytes, limits: Limits | None = None) -> Header | Rejection:
    """Format, size and frames of a file, or why it is refused, without decoding it.

    data: the whole file. Takes milliseconds and no memory to speak of, whatever size the header claims.
    """
    opened = _open(data, limits or Limits())
    return opened if isinstance(opened, Rejection) else opened.header


# Opening


def _open(data: bytes, limits: Limits) -> _Opened | Rejection:
    if not data:
        return _rejection("empty_file", "The file has 0 bytes: nothing arrived.", "Upload the photo again.")
    head = data[: formats.HEAD_BYTES]
    name = sniff(head)
    if name in formats.NOT_DECODED:
        return _unsupported(f"The file is {formats.NOT_DECODED[name]}")
    if name not in formats.DECODED:
        return _rejection(
            "not_an_image",
            f"The file is not a picture, whatever its name says: it holds {formats.describe(head)}.",
            f"Upload a photo as {_PHOTO_FORMATS}.",
        )
    # Some readers allocate the whole canvas when they open a file.
    declared = _declared_size(data, name)
    refused = declared and _judge_size(declared, limits)
    if refused:
        return refused
    source = _Source(data)
    opened = _guarded(lambda: _OPENERS[name](source, data), lambda error: _unreadable(error, name, source, data))
    if isinstance(opened, Rejection):
        return opened
    refused = _judge_size((opened.header.width, opened.header.height), limits)
    if refused is None and name == "JPEG":
        refused = _judge_scans(opened.header, data)
    if refused is None and name == "BMP":
        refused = _judge_packed(opened.header, data)
    return refused or opened


def _declared_size(data: bytes, name: str) -> tuple[int, int] | None:
    if name == "PNG":
        return formats.png_size(data)
    return formats.webp_size(data) if name == "WEBP" else None


def _judge_size(size: tuple[int, int], limits: Limits) -> Rejection | None:
    short, long = min(size), max(size)
    megapixels = size[0] * size[1] / 1e6
    if short < 1:
        return _rejection(
            "not_an_image",
            f"The header says {_by(size)} pixels: there is no picture.",
            "Upload the photo again.",
        )
    if megapixels > limits.max_megapixels:
        return _rejection(
            "pixel_limit_exceeded",
            f"The picture has {_by(size)} pixels ({megapixels:.1f} megapixels); at most"
            f" {limits.max_megapixels:g} megapixels are accepted.",
            "Export it smaller and upload that.",
        )
    if long > limits.max_aspect * short:
        return _rejection(
            "extreme_aspect_ratio",
            f"The picture has {_by(size)} pixels, {long / short:.0f} times as long as wide; at most"
            f" {limits.max_aspect:g} times is accepted.",
            "Upload the photo itself, not a strip or banner.",
        )
    if short < limits.min_side:
        return _rejection(
            "too_small",
            f"The picture has {_by(size)} pixels; the shorter side must have at least {limits.min_side}.",
            "Upload the photo in its original size, not a thumbnail.",
        )
    return None


def _judge_scans(header: Header, data: bytes) -> Rejection | None:
    scans = formats.jpeg_scans(data).count
    work = scans * header.width * header.height / 1e6
    if work <= _MAX_SCAN_MEGAPIXELS:
        return None
    return _rejection(
        "pixel_limit_exceeded",
        f"The picture is stored in {scans} layers of {header.width} x {header.height} pixels,"
        f" {work:.0f} megapixels in all; at most {_MAX_SCAN_MEGAPIXELS} are decoded.",
        "Save it again as an ordinary JPEG and upload that.",
    )


def _judge_packed(header: Header, data: bytes) -> Rejection | None:
    packed = int.from_bytes(data[14:18], "little") >= 40 and int.from_bytes(data[30:34], "little") in _BMP_PACKED
    megapixels = header.width * header.height / 1e6
    if not packed or megapixels <= _MAX_PACKED_MEGAPIXELS:
        return None
    return _rejection(
        "pixel_limit_exceeded",
        f"The picture is a BMP packed in runs, of {megapixels:.0f} megapixels; at most {_MAX_PACKED_MEGAPIXELS} are"
        " unpacked.",
        "Save it again as PNG and upload that.",
    )


class _Source(io.BytesIO):
    """Bytes that remember whether a reader asked for more than there was."""

    ran_out = False

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if size is not None and len(found) < size:
            self.ran_out = True
        return found


def _open_jpeg(source: _Source, data: bytes) -> _Opened:
    # The class, not Pillow's factory: of a file with several pictures (MPO) the first one is wanted.
    return _still("JPEG", JpegImagePlugin.JpegImageFile(source))


def _open_png(source: _Source, data: bytes) -> _Opened:
    parts = formats.png_parts(data)
    image = PngImagePlugin.PngImageFile(io.BytesIO(parts.data))
    key, depth = image.info.get("transparency"), data[24]
    # Pillow scales the samples to 8 bits, but not the transparent colour that they are compared with.
    if depth == 16 and isinstance(key, tuple):
        image.info["transparency"] = tuple(sample >> 8 for sample in key)
    elif depth in (2, 4) and isinstance(key, int) and image.mode == "L":
        image.info["transparency"] = key * 255 // (2**depth - 1)
    header = Header("PNG", image.width, image.height, parts.frames)
    return _Opened(header, lambda: _loaded(image), parts.profile)


def _open_webp(source: _Source, data: bytes) -> _Opened:
    image = WebPImagePlugin.WebPImageFile(source)
    return _still("WEBP", image, frames=image.n_frames)


def _open_avif(source: _Source, data: bytes) -> _Opened:
    if not AvifImagePlugin.SUPPORTED:
        raise _NoReaderError("an AVIF picture, and this installation of Pillow cannot read those")
    image = AvifImagePlugin.AvifImageFile(source)
    return _still("AVIF", image, frames=image.n_frames)


def _open_gif(source: _Source, data: bytes) -> _Opened:
    image = GifImagePlugin.GifImageFile(source)
    return _still("GIF", image, frames=2 if image.is_animated else 1)


def _open_bmp(source: _Source, data: bytes) -> _Opened:
    return _still("BMP", BmpImagePlugin.BmpImageFile(source))


def _open_tiff(source: _Source, data: bytes) -> _Opened:
    image = TiffImagePlugin.TiffImageFile(source)
    tags: Any = image.tag_v2
    # A camera's raw file is a TIFF whose first picture is a small copy.
    if _TIFF_DNG_VERSION in tags or tags.get(_TIFF_SUBFILE_TYPE, 0) & _TIFF_REDUCED_COPY:
        raise _NoReaderError("a camera raw file")
    tile = tags.get(_TIFF_TILE_WIDTH, 1) * tags.get(_TIFF_TILE_HEIGHT, 1)
    if tile > 4 * max(image.width * image.height, 512 * 512):
        raise DamagedFileError(f"its tiles have {tile} pixels, the picture {image.width * image.height}")
    return _still("TIFF", image)


def _open_heic(source: _Source, data: bytes) -> _Opened:
    reader = _heif_reader()
    if reader is None:
        raise _NoReaderError("a HEIC picture, and no HEIC reader is installed (package pi-heif)")
    heif = reader.open_heif(data)
    width, height = heif.size
    # The reader turns the picture upright itself.
    return _Opened(Header("HEIC", width, height, 1), heif.to_pillow)


@lru_cache(maxsize=1)
def _heif_reader() -> ModuleType | None:
    """The module pi_heif, if it is there and has a HEVC decoder inside. Not registered with Pillow."""
    try:
        import pi_heif
    except ImportError:
        return None
    module: ModuleType = pi_heif
    return module if module.libheif_info().get("decoders") else None


_OPENERS: dict[str, Callable[[_Source, bytes], _Opened]] = {
    "JPEG": _open_jpeg,
    "PNG": _open_png,
    "WEBP": _open_webp,
    "HEIC": _open_heic,
    "AVIF": _open_avif,
    "TIFF": _open_tiff,
    "GIF": _open_gif,
    "BMP": _open_bmp,
}


def _still(name: str, image: ImageFile.ImageFile, frames: int = 1) -> _Opened:
    return _Opened(Header(name, image.width, image.height, frames), lambda: _loaded(image))


def _loaded(image: Image.Image) -> Image.Image:
    image.load()
    return image


# Decoding


def _lacks_scan_data(image: Image.Image, data: bytes) -> bool:
    """True if a JPEG with an end mark has less data than pixels.

    libjpeg fills the rest with mid grey and says nothing. So if the last corner is exactly that grey, decode
    once more with some bytes added to the coded data: a whole picture does not change.
    """
    if image.mode not in ("L", "RGB"):
        return False
    corner = np.asarray(image.crop((image.width - 8, image.height - 8, image.width, image.height)))
    if (corner != _JPEG_MISSING_GREY).any():
        return False
    end = formats.jpeg_scans(data).first_end
    longer = JpegImagePlugin.JpegImageFile(io.BytesIO(data[:end] + b"\x55" * 4096 + data[end:]))
    again = _guarded(lambda: _loaded(longer), _damaged)
    return isinstance(again, Rejection) or not np.array_equal(np.asarray(again), np.asarray(image))


def _normalised(image: Image.Image, opened: _Opened, limits: Limits) -> Photo | Rejection:
    header = opened.header
    notes = ["animated_first_frame_used"] if header.frames > 1 else []
    profile = opened.profile if opened.profile is not None else image.info.get("icc_profile")
    orientation = 1 if header.format == "HEIC" else _orientation(image, notes)
    eight = _guarded(lambda: _eight_bits(image, notes), _damaged)
    if isinstance(eight, Rejection):
        return eight
    upright = eight.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else eight
    working = _reduced(upright, limits.working_max_side, notes)
    alpha = np.array(working.getchannel("A")) if working.mode in ("LA", "RGBA") else None
    if alpha is not None and alpha.max() < _VISIBLE_ALPHA:
        return _rejection(
            "no_visible_content",
            "Every pixel of the picture is transparent: there is nothing to see.",
            "Export the photo again with its visible content, or without transparency.",
        )
    rgb = np.array(_in_srgb(working, profile, notes))
    rgb, alpha = _with_own_alpha(rgb, alpha, notes)
    return Photo(rgb, alpha, tuple(notes), header.format, upright.size)


def _orientation(image: Image.Image, notes: list[str]) -> int:
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # the parser trusts the file's offsets and types, and fails in many ways
        notes.append("broken_exif_ignored")
        return 1
    if value not in _UPRIGHT:
        return 1
    notes.append("orientation_applied")
    return int(value)


def _eight_bits(image: Image.Image, notes: list[str]) -> Image.Image:
    """The same picture in mode L, LA, RGB, RGBA or CMYK."""
    mode = image.mode
    if mode.startswith("I;16"):
        return _from_16_bits(image)
    if mode in ("I", "F"):
        notes.append("samples_scaled_to_8_bit")
        return _from_wide_samples(np.asarray(image))
    if mode in ("1", "L", "P", "RGB") and "transparency" in image.info:
        return image.convert("RGBA")
    if mode in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return image
    target = {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}
    if mode not in target:
        raise _NoReaderError(f"a picture in the colour model {mode}")
    return image.convert(target[mode])


def _from_16_bits(image: Image.Image) -> Image.Image:
    """The high byte, as Pillow itself takes of 16-bit colours."""
    samples = np.asarray(image)
    grey = Image.fromarray((samples >> 8).astype(np.uint8))
    key = image.info.get("transparency")
    if isinstance(key, int):
        grey.putalpha(Image.fromarray(np.where(samples == key, 0, 255).astype(np.uint8)))
    return grey


def _from_wide_samples(samples: NDArray[Any]) -> Image.Image:
    """32-bit grey: the smallest usual white (1, 255, 65535) that holds all samples becomes 255."""
    rows = max(1, _BAND_SAMPLES // samples.shape[1])
    bands = [slice(top, top + rows) for top in range(0, samples.shape[0], rows)]
    peak = max(float(_finite(samples[band]).max()) for band in bands)
    floating = np.issubdtype(samples.dtype, np.floating)
    white = next((top for top in ((1.0, 255.0, 65535.0) if floating else (255.0, 65535.0)) if peak <= top), peak)
    grey = np.empty(samples.shape, np.uint8)
    for band in bands:
        grey[band] = np.rint(np.clip(_finite(samples[band]) / white, 0, 1) * 255)
    return Image.fromarray(grey)


def _finite(samples: NDArray[Any]) -> NDArray[np.float64]:
    return np.nan_to_num(samples.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _reduced(image: Image.Image, longest: int, notes: list[str]) -> Image.Image:
    scale = longest / max(image.size)
    if scale >= 1:
        return image
    notes.append("reduced_to_working_size")
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # Not JPEG's own reduction while decoding: it makes other pixels, and only halves.
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _in_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """Mode RGB in sRGB, without the alpha channel."""
    colours = image.convert({"LA": "L", "RGBA": "RGB"}[image.mode]) if image.mode in ("LA", "RGBA") else image
    if profile is not None:
        converted = icc.to_srgb(colours, profile)
        if converted is None:
            notes.append("broken_icc_profile_ignored")
        else:
            if converted is not colours and colours.mode != "L":
                notes.append("icc_converted_to_srgb")
            return converted
    if colours.mode == "CMYK":
        notes.append("cmyk_without_profile")
    return colours.convert("RGB")


def _with_own_alpha(rgb: U8, alpha: U8 | None, notes: list[str]) -> tuple[U8, U8 | None]:
    """Keep the file's alpha if the file is a cut-out, else lay the photo on white."""
    if alpha is None or alpha.min() == 255:
        return rgb, None
    border = np.concatenate([alpha[0], alpha[-1], alpha[1:-1, 0], alpha[1:-1, -1]])
    if float(np.mean(border < 128)) >= _OWN_ALPHA_BORDER_SHARE:
        notes.append("own_alpha_kept")
        # Whatever the file hides under full transparency stays hidden.
        rgb[alpha == 0] = 255
        return rgb, alpha
    notes.append("alpha_laid_on_white")
    cover = alpha[..., None].astype(np.uint16)
    on_white = (rgb * cover + 255 * (255 - cover) + 127) // 255
    return on_white.astype(np.uint8), None


# Refusing


class _NoReaderError(Exception):
    """The file is a picture that cannot be read here; the text says what it is, after "The file is"."""


def _guarded(step: Callable[[], T], failed: Callable[[Exception], Rejection]) -> T | Rejection:
    """Run a step of a decoder. Decoders answer hostile bytes with nearly any exception: all are caught."""
    try:
        return step()
    except MemoryError:
        return Rejection(
            "out_of_memory",
            "There was not enough memory to decode the picture.",
            "Try again when less is running; if it happens again, upload a smaller picture.",
            retryable=True,
        )
    except _NoReaderError as error:
        return _unsupported(f"The file is {error}")
    except Image.DecompressionBombError as error:
        return _rejection("pixel_limit_exceeded", f"The picture is too big: {error}", "Export it smaller.")
    except Exception as error:
        return failed(error)


def _unreadable(error: Exception, name: str, source: _Source, data: bytes) -> Rejection:
    """The header of a file that starts like a picture made no sense."""
    cause = _cause(error)
    if isinstance(error, DamagedFileError) or source.ran_out or formats.is_cut_off(data, name):
        return _truncated(cause)
    return _rejection(
        "not_an_image",
        f"The file starts like a {name} picture, but the rest cannot be read: {cause}.",
        "Open it on your computer; if that works, save it again as JPEG or PNG and upload that.",
    )


def _damaged(error: Exception) -> Rejection:
    return _truncated(_cause(error))


def _truncated(cause: str) -> Rejection:
    return _rejection(
        "truncated",
        f"The picture is cut off or damaged: a part of it cannot be read ({cause}).",
        "The upload or copy probably broke off: upload the original file again.",
    )


def _unsupported(what: str) -> Rejection:
    return _rejection(
        "unsupported_format",
        f"{what}; photos must be {_PHOTO_FORMATS}.",
        "Export it as JPEG or PNG and upload that.",
    )


def _rejection(code: str, message: str, hint: str) -> Rejection:
    return Rejection(code=code, message=message, hint=hint)


def _cause(error: Exception) -> str:
    """The decoder's own words, on one line and of bounded length."""
    words = " ".join(str(error).split())[:200].rstrip(".")
    return words or type(error).__name__


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
