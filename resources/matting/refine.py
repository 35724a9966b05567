"""From a binary mask to a soft matte at the photo's full size, without weights."""

from __future__ import annotations

import cv2

from resources.imaging.alpha import Alpha, Rgb, refine_alpha
from resources.matting.engine import Mask
from resources.matting.shapes import resize_mask

_SIDE_OF_FIRST_REFINEMENT = 1200
# Half the width of the unknown band, of the long side: wider bands invent holes in white on white.
_BAND_SHARE = 0.006


class EdgeRefiner:
    """Soft edges from the photo's own edges. Deterministic and stateless: one instance may serve all threads."""

    name = "edge"
    revision = "1"
    device = "cpu"

    def refine(self, photo: Rgb, mask: Mask) -> Alpha:
        """Soft matte of the photo's size. Large photos get there over a middle size, whose outline is on the edge."""
        middle = reduced(photo, _SIDE_OF_FIRST_REFINEMENT)
        if middle.shape != photo.shape:
            mask = refine_alpha(middle, resize_mask(mask, (middle.shape[1], middle.shape[0])), _margin(middle)) > 127
        return refine_alpha(photo, resize_mask(mask, (photo.shape[1], photo.shape[0])), _margin(photo))


def _margin(photo: Rgb) -> int:
    return max(2, round(_BAND_SHARE * max(photo.shape[:2])))


def reduced(photo: Rgb, side: int) -> Rgb:
    """The photo with a long side of at most `side` px."""
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return photo
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
