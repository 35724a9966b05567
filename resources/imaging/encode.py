"""Pictures to bytes and back. Same pixels, same bytes; never any metadata beside a colour profile."""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from resources.imaging.icc import srgb_profile

U8 = NDArray[np.uint8]

_THUMBNAIL_QUALITIES = (85, 75, 65, 50, 35, 20)
_SMALLEST_THUMBNAIL = 16


# zlib's run lengths, that is Huffman codes behind PNG's own filters: smaller files of cut-outs than level 4 makes, in
# two thirds of the time; levels change nothing then.
_RUN_LENGTHS = 3


def png_rgba(rgba: U8) -> bytes:
    """PNG of a picture with straight alpha; lossless, colours under alpha 0 included.

    rgba: HxWx4 uint8 (else ValueError).
    """
    return _save(_checked(rgba, 4), "PNG", compress_type=_RUN_LENGTHS)


def png_rgb(rgb: U8) -> bytes:
    """PNG of a picture without transparency; lossless. rgb: HxWx3 uint8 (else ValueError)."""
    return _save(_checked(rgb, 3), "PNG", compress_type=_RUN_LENGTHS)


def png_grey(alpha: U8) -> bytes:
    """PNG of one 8-bit channel, such as a matte; lossless. alpha: HxW uint8 (else ValueError)."""
    return _save(_checked(alpha, 1), "PNG", compress_type=_RUN_LENGTHS)


def webp_lossless(rgb: U8) -> bytes:
    """Lossless WebP of a picture, at the fast setting: for pictures that are read again by us.

    rgb: HxWx3 uint8, sides up to 16383 (else ValueError).
    """
    return _save(_checked(rgb, 3), "WEBP", lossless=True, quality=0, method=0)


def jpeg(
    rgb: U8,
    quality: int = 92,
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] = "4:4:4",
    progressive: bool = True,
    icc: bool = True,
) -> bytes:
    """JPEG of a picture, with Huffman tables made for it.

    rgb: HxWx3 uint8 (else ValueError). quality: 1..95. icc: put an sRGB profile in (2.5 KB), for viewers that
    guess otherwise.
    """
    profile = srgb_profile() if icc else None
    return _save(
        _checked(rgb, 3),
        "JPEG",
        quality=quality,
        subsampling=subsampling,
        progressive=progressive,
        optimize=True,
        icc_profile=profile,
    )


def preview(picture: U8, side: int = 480) -> bytes:
    """A small WebP (quality 80) for the screen; keeps transparency; never enlarged.

    picture: HxWx3 or HxWx4 (straight alpha) uint8, else ValueError. side: pixels of the longer side.
    """
    channels = 4 if picture.shape[2:] == (4,) else 3
    return _save(_shrunk(_checked(picture, channels), side), "WEBP", quality=80, method=2)


def thumbnail_jpeg(rgb: U8, side: int = 160, max_bytes: int = 10_000) -> bytes:
    """A JPEG of at most `max_bytes`: first the quality goes down, then the size; never enlarged.

    rgb: HxWx3 uint8 (else ValueError). side: pixels of the longer side to begin with. ValueError if even a
    picture of 16 pixels at quality 20 is bigger than max_bytes (about 500 bytes).
    """
    image = _checked(rgb, 3)
    while True:
        small = _shrunk(image, side)
        for quality in _THUMBNAIL_QUALITIES:
            data = _save(small, "JPEG", quality=quality, optimize=True)
            if len(data) <= max_bytes:
                return data
        if side <= _SMALLEST_THUMBNAIL:
            raise ValueError(f"no thumbnail fits in {max_bytes} bytes: the smallest has {len(data)}")
        side = max(_SMALLEST_THUMBNAIL, side * 3 // 4)


def read_rgb(data: bytes) -> U8:
    """HxWx3 uint8 of a PNG, WebP or JPEG that we wrote; ValueError if it has transparency or is grey."""
    return _read(data, ("RGB",))


def read_rgba(data: bytes) -> U8:
    """HxWx4 uint8, straight alpha, of a PNG or WebP that we wrote; ValueError if it has no alpha."""
    return _read(data, ("RGBA",))


def read_grey(data: bytes) -> U8:
    """HxW uint8 of a one-channel PNG that we wrote; ValueError if it has colours."""
    return _read(data, ("L",))


def _read(data: bytes, modes: tuple[str, ...]) -> U8:
    with Image.open(io.BytesIO(data), formats=("PNG", "WEBP", "JPEG")) as image:
        if image.mode not in modes:
            raise ValueError(f"the picture has mode {image.mode}, expected {' or '.join(modes)}")
        return np.array(image)


def _checked(picture: U8, channels: int) -> Image.Image:
    shape = picture.shape[2:] if channels > 1 else (1,)
    if picture.dtype != np.uint8 or picture.ndim != (3 if channels > 1 else 2) or shape != (channels,):
        raise ValueError(f"expected uint8 with {channels} channel(s), found {picture.dtype} of shape {picture.shape}")
    return Image.fromarray(np.ascontiguousarray(picture))


def _save(image: Image.Image, picture_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    if picture_format == "JPEG":
        # Pillow's buffer for optimised files is too small for very textured pictures ("Suspension not allowed").
        ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, 3 * image.width * image.height)
    image.save(buffer, picture_format, **options)
    return buffer.getvalue()


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Size with the longer side at most `side`, same proportions, no side below 1."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    size = _fitted(image.size, side)
    if size == image.size:
        return image
    # Pillow premultiplies alpha itself. Hamming is as crisp as cubic where pictures shrink, for half of Lanczos' time.
    # reducing_gap: where there is far to go, whole-number box averaging first; faster, no visible change.
    return image.resize(size, Image.Resampling.HAMMING, reducing_gap=3.0)
