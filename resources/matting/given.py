"""A matte that a person gives: a grey or transparent picture file, hostile until it went through here."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from resources.imaging.alpha import Alpha
from resources.imaging.decode import Limits, read_header
from resources.verdicts import Rejection

MAX_MATTE_BYTES = 64 * 1024 * 1024
# A matte may have been made at another size than the photo, but not of another shape.
ASPECT_TOLERANCE = 0.02
# At least this share of the picture must be product, and at least this share background.
_LEAST_SHARE = 0.001
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
_LIMITS = Limits(min_side=16)


def read_matte(data: bytes, shape: tuple[int, int]) -> Alpha | Rejection:
    """The alpha (HxW uint8) that a file holds, at the size of its photo, or a Rejection `bad_matte`.

    data: a PNG, JPEG, WebP or TIFF; its transparency counts if it has any, else its grey levels. shape: height and
    width of the upright photo. A file of another size is resized if its proportions are the photo's within 2 %.
    """
    header = read_header(data, _LIMITS)
    if isinstance(header, Rejection):
        return bad_matte(header.message)
    if header.format not in _FORMATS:
        return bad_matte(f"It is a {header.format} picture.")
    try:
        alpha = _grey(data)
    except Exception as error:  # decoders answer damaged files with nearly any exception
        return bad_matte(f"The file could not be read: {error}.")
    (height, width), (wanted_height, wanted_width) = alpha.shape, shape
    if abs(width * wanted_height / (height * wanted_width) - 1) > ASPECT_TOLERANCE:
        return bad_matte(f"It has {width} x {height} pixels, but the original has {wanted_width} x {wanted_height}.")
    if alpha.shape != shape:
        shrinks = width > wanted_width
        size = (wanted_width, wanted_height)
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return alpha


def bad_matte(what: str) -> Rejection:
    """A matte that cannot be used; what: a sentence on what was found."""
    return Rejection("bad_matte", what, "Give a grey or transparent PNG, as large as the upright original.")


def useless(alpha: Alpha) -> str:
    """Why no product can be cut out with a matte (HxW uint8), in words, or "": it shows nothing, or everything."""
    share = float((alpha > 127).mean())
    if share < _LEAST_SHARE:
        return "it is empty: nothing in it is marked as product"
    if share > 1 - _LEAST_SHARE:
        return "it is full: everything in it is marked as product"
    return ""


def _grey(data: bytes) -> Alpha:
    """The transparency of a picture if it has any, else its grey levels; HxW uint8."""
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.mode.startswith("I"):  # 16 bits a pixel; Pillow would cut them off instead of scaling them
            return (np.asarray(image).astype(np.float64) / 257).round().clip(0, 255).astype(np.uint8)
        if image.has_transparency_data:
            alpha = np.asarray(image.convert("RGBA").getchannel("A"), dtype=np.uint8)
            if alpha.min() < 255:
                return alpha
        return np.asarray(image.convert("L"), dtype=np.uint8)
