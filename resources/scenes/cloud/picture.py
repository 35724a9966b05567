"""What a provider delivered: is it a picture, and of the shape that was asked for? Status 200 is no proof."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import resize_rgb
from resources.imaging.decode import Limits, decode_photo
from resources.verdicts import Rejection

U8 = NDArray[np.uint8]

ASPECT_TOLERANCE = 0.01
"""How far the proportions may be off. Beyond, it was cut or squeezed, and nobody knows where the product is in it."""
LEAST_SHARE = 0.5
"""How much smaller than asked for, by side: less would show as blur around a sharp product."""

_LIMITS = Limits(max_megapixels=40, min_side=64, max_aspect=6, working_max_side=8192)
_FORMATS = ("PNG", "JPEG", "WEBP")


class NoPictureError(Exception):
    """What came is no usable picture; the message says why, without quoting it. whole: it is one, but another one."""

    def __init__(self, message: str, *, whole: bool = False) -> None:
        super().__init__(message)
        self.message, self.whole = message, whole


def picture_of(data: bytes, size: tuple[int, int]) -> U8:
    """The picture that was delivered, HxWx3 uint8 sRGB of size (width, height). Raises NoPictureError.

    Resized only if its proportions are those asked for, within 1 %, and no side is less than half.
    """
    photo = decode_photo(data, _LIMITS)
    if isinstance(photo, Rejection):
        raise NoPictureError(f"it is no usable picture ({photo.code}, {len(data)} bytes)")
    if photo.format not in _FORMATS:
        raise NoPictureError(f"it is a {photo.format} file; {', '.join(_FORMATS)} expected")
    if photo.alpha is not None:
        raise NoPictureError("it is a cut-out with a transparent background", whole=True)
    height, width = photo.rgb.shape[:2]
    found, wanted = f"{width} x {height}", f"{size[0]} x {size[1]}"
    if abs(width * size[1] / (height * size[0]) - 1) > ASPECT_TOLERANCE:
        raise NoPictureError(f"it has {found} pixels, {wanted} or the same proportions expected", whole=True)
    if width < LEAST_SHARE * size[0]:
        raise NoPictureError(f"it has {found} pixels, too few for {wanted}", whole=True)
    return photo.rgb if (width, height) == size else resize_rgb(photo.rgb, size)
