"""Keeps a picture that a net has enlarged to what the photo shows.

A net that enlarges was taught to invent what a small picture does not show. A shop must not show what the product does
not have. So its answer is held to the photo twice: reduced again it must be the photo (back-projection: Irani and
Peleg, Improving resolution by image registration, 1991), and no pixel may leave the range of colours that the photo has
right there. What is left to the net is where, between the pixels of the photo, an edge runs. An answer that has little
to do with the photo is not mended but refused.
"""

from __future__ import annotations

from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import delta_e_2000, rgb_to_lab
from resources.upscaling.lanczos import surroundings

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Picture = TypeVar("Picture", U8, F32)

FACTOR = 2
# Colour difference (CIEDE2000, mean over a block) between the photo and the net's answer reduced again. Measured on the
# camera's own pixels of 24 product photos, the worst block of each: Lanczos median 1.1, most 4.5; a small net that was
# trained as Swin2SR was (bicubic, twice) median 1.1, most 4.6. Letters drawn into its answers: median 15; moved by one
# pixel of the photo: 17; darker by 15 %: 8. Swin2SR's own weights could not be run where the project is tested.
ANSWER_AT_MOST = 6.0
# The same of what is kept. Corrected answers of that net: most 0.3; about 1 is the least that can be seen.
KEPT_AT_MOST = 1.0
# Photo pixels a side: small enough that a letter is not lost among what is right, large enough that an edge is not all.
_BLOCK = 8
# How far beyond the colours around it a pixel may go: a quarter of their range, so that a thin line may get its
# contrast back, and the noise of a photo, where there is some; what is of one colour stays so. Of the pixels of photos
# that were reduced, 99 % lie within that. It costs the net 0.1 of the 1.3 dB by which it is better than Lanczos.
_BEYOND = np.float32(0.25)
_NOISE = np.float32(4)
# Each limit disturbs the other a little; after three rounds what is left is below one level.
_ROUNDS = 3


def kept_to_photo(rgb: U8, answer: F32) -> tuple[U8, str]:
    """A net's answer corrected by the photo, and "", or why it must not be used.

    rgb: HxWx3 uint8, sRGB. answer: 2Hx2Wx3 float32, 0 to 255, unbounded. Returns 2Hx2Wx3 uint8.
    """
    if not np.isfinite(answer).all():
        return rgb, "its answer is not a number"
    found = worst_difference(rgb, _rounded(answer))
    if found > ANSWER_AT_MOST:
        return rgb, f"its answer differs from the photo by {found:.1f} (CIEDE2000), at most {ANSWER_AT_MOST:g} expected"
    corrected = _corrected(rgb, answer)
    left = worst_difference(rgb, corrected)
    if left > KEPT_AT_MOST:
        return rgb, f"corrected it differs from the photo by {left:.1f} (CIEDE2000), at most {KEPT_AT_MOST:g} expected"
    return corrected, ""


def worst_difference(rgb: U8, larger: U8) -> float:
    """Mean CIEDE2000 in the worst block of 8 x 8 pixels between a picture and another, twice as large, reduced again.

    rgb: HxWx3 uint8. larger: 2Hx2Wx3 uint8. Every place is the corner of a block.
    """
    differences = delta_e_2000(rgb_to_lab(rgb), rgb_to_lab(_reduced(larger))).astype(np.float32)
    size = (min(_BLOCK, rgb.shape[1]), min(_BLOCK, rgb.shape[0]))
    means = cv2.blur(differences, size, borderType=cv2.BORDER_REFLECT)
    return float(means.max())


def _corrected(rgb: U8, answer: F32) -> U8:
    photo = rgb.astype(np.float32)
    size = (answer.shape[1], answer.shape[0])
    low, high = (side.astype(np.float32) for side in surroundings(rgb, size))
    beyond = _BEYOND * (high - low) + np.minimum(high - low, _NOISE)
    low, high = np.maximum(low - beyond, 0), np.minimum(high + beyond, 255)
    picture = answer
    for _ in range(_ROUNDS):
        missing = photo - _reduced(picture)
        picture = picture + cv2.resize(missing, size, interpolation=cv2.INTER_NEAREST)
        picture = np.clip(picture, low, high)
    return _rounded(picture)


def _reduced(picture: Picture) -> Picture:
    """Half the size, by the mean of two by two pixels."""
    half = (picture.shape[1] // FACTOR, picture.shape[0] // FACTOR)
    return cast(Picture, cv2.resize(picture, half, interpolation=cv2.INTER_AREA))


def _rounded(picture: F32) -> U8:
    return np.asarray(np.rint(np.clip(picture, 0, 255)), np.uint8)
