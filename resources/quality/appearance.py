"""How a product looks inside its outline, as expected and as shown: structure, colour, detail, block by block.

Averages over a product are blind to a destroyed logo, so everything is measured in blocks of the product's longer side
and the worst one counts: blocks of 6 %, and small ones of 3 % for small things.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import delta_e_2000, differs, lengths, per_channel, rgb_to_lab
from resources.quality.registration import Aligned

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

MIN_PIXELS = 150  # fewer say nothing
OPAQUE = 242  # alpha from which a photo's pixel is the product alone
_BLOCK, _SMALL = 0.06, 0.03
# Share of a block that the product must cover to be judged there. Structure needs more pixels than colour does.
_STRUCTURE_COVER, _COLOUR_COVER, _SMALL_COVER, _THIN_COVER = 0.5, 0.25, 0.4, 0.1
_KERNEL = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Appearance:
    """What was measured; the names are those of the measures. The defaults are those of identical pixels."""

    worst_block_ssim: float = 1.0
    small_block_ssim: float = 1.0
    ab_shift: float = 0.0
    block_ab_shift: float = 0.0
    delta_e_mean: float = 0.0
    delta_e_block: float = 0.0
    delta_e_small_block: float = 0.0
    unexplained_block: float = 0.0
    detail: float = 1.0
    detail_added: float = 0.0


def compare(pair: Aligned) -> Appearance:
    """Compare structure, colour and detail of a product that was found; `interior` must hold `MIN_PIXELS`."""
    pair = _tight(pair)
    inside = interior(pair)
    mask = inside.astype(np.float32)
    expected, shown = rgb_to_lab(pair.expected), rgb_to_lab(pair.shown)
    ssim = _masked_ssim(_grey(pair.expected), _grey(pair.shown), mask)
    difference = np.zeros(inside.shape, np.float32)
    difference[inside] = delta_e_2000(expected[inside], shown[inside])
    # Colour is compared after smoothing, so that a slightly lost registration does not read as a wrong colour.
    shift = _smoothed(shown[..., 1:] - expected[..., 1:], mask)
    block_shift = _block_mean(shift, mask, _BLOCK * pair.side, _COLOUR_COVER)
    before, after = _detail(expected[..., 0], inside), _detail(shown[..., 0], inside)
    return Appearance(
        worst_block_ssim=float(_block_mean(ssim, mask, _BLOCK * pair.side, _STRUCTURE_COVER).min()),
        small_block_ssim=float(_block_mean(ssim, mask, _SMALL * pair.side, _STRUCTURE_COVER).min()),
        ab_shift=float(np.median(lengths(shift[inside]))),
        block_ab_shift=float(lengths(block_shift).max()),
        delta_e_mean=float(difference[inside].mean()),
        delta_e_block=float(_block_mean(difference, mask, _BLOCK * pair.side, _COLOUR_COVER).max()),
        delta_e_small_block=float(_block_mean(difference, mask, _SMALL * pair.side, _SMALL_COVER).max()),
        unexplained_block=_unexplained(pair, inside),
        # A product with no detail at all cannot lose any, and a little noise on it is not detail.
        detail=(after + 0.2) / (before + 0.2),
        detail_added=max(0.0, after - before) / (before + 1.5),
    )


def interior(pair: Aligned) -> Mask:
    """Pixels that show the product alone: opaque, and off the edge by 3 pixels (fewer on a thin product)."""
    solid = cv2.inRange(pair.alpha, OPAQUE, 255)
    enough = 0.35 * np.count_nonzero(solid)
    for radius in (3, 2, 1):
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        core = cv2.erode(solid, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
        if np.count_nonzero(core) >= enough:
            break
    return core


def _tight(pair: Aligned) -> Aligned:
    """The pair without its surroundings: what lies beyond the product costs time only."""
    ys, xs = np.flatnonzero(pair.alpha.any(axis=1)), np.flatnonzero(pair.alpha.any(axis=0))
    part = np.s_[max(0, ys[0] - 4) : ys[-1] + 5, max(0, xs[0] - 4) : xs[-1] + 5]
    expected, alpha, shown = (np.ascontiguousarray(image[part]) for image in (pair.expected, pair.alpha, pair.shown))
    return Aligned(expected, alpha, shown, pair.side, pair.visible)


def _grey(rgb: U8) -> F32:
    """Lightness for the comparison of structure, smoothed so that half a pixel's shift of fine lines is no damage."""
    return cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)


def _masked_ssim(x: F32, y: F32, mask: F32) -> F32:
    """SSIM (Wang 2004, Gaussian window of sigma 1.5) from pixels of the mask only, so that no background leaks in."""

    def blur(image: F32) -> F32:
        return cv2.GaussianBlur(image, (0, 0), 1.5)

    weight = blur(mask) + 1e-6
    mean_x, mean_y = blur(x * mask) / weight, blur(y * mask) / weight
    var_x = np.maximum(blur(x * x * mask) / weight - mean_x**2, 0)
    var_y = np.maximum(blur(y * y * mask) / weight - mean_y**2, 0)
    covariance = blur(x * y * mask) / weight - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return likeness / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))


def _smoothed(image: F32, mask: F32) -> F32:
    weight = cv2.GaussianBlur(mask, (0, 0), 1.5) + 1e-6
    channels = image.shape[2]
    return cv2.GaussianBlur(image * per_channel(mask, channels), (0, 0), 1.5) / per_channel(weight, channels)


def _block_mean(values: F32, mask: F32, side: float, cover_least: float) -> F32:
    """Mean of values (H, W) or (H, W, C) over the product's part of every block that is covered well enough.

    Returns (N,) or (N, C). side: of a block in pixels. cover_least: share of a block that the product must cover; of a
    thin product, which covers no block well, the best covered blocks count.
    """
    size = max(8, int(side))
    cover = cv2.blur(mask, (size, size), borderType=cv2.BORDER_CONSTANT)
    weighted = values * (mask if values.ndim == 2 else per_channel(mask, values.shape[2]))
    sums = cv2.blur(weighted, (size, size), borderType=cv2.BORDER_CONSTANT)
    enough = cover >= min(cover_least, 0.8 * float(cover.max()))
    return sums[enough] / (cover[enough] if values.ndim == 2 else cover[enough][:, None])


def _unexplained(pair: Aligned, inside: Mask) -> float:
    """Lab difference of the worst small block that neither a pixel's shift nor anything behind the product explains.

    Where the matte is a, a final shows the photo's colour plus (1 - a) times the change of background, whatever the
    two backgrounds are; so it lies within (1 - a) * 255 of the photo. Beyond that the product itself has changed. This
    holds for thin, soft and see-through parts, which the other measures leave out: only these are looked at.
    """
    if np.count_nonzero((pair.alpha > 127) & ~inside) < MIN_PIXELS:
        return 0.0
    shown = cv2.GaussianBlur(pair.shown, (0, 0), 0.6)
    room = per_channel(255 - cv2.erode(pair.alpha, _KERNEL))
    low = cv2.subtract(cv2.erode(pair.expected, _KERNEL), room)
    high = cv2.add(cv2.dilate(pair.expected, _KERNEL), room)
    nearest = np.clip(shown, low, high)
    covered = (pair.alpha > 127) & ~inside
    excess = np.zeros(covered.shape, np.float32)
    off = covered & differs(nearest, shown)
    excess[off] = lengths(rgb_to_lab(shown[off]) - rgb_to_lab(nearest[off]))
    return float(_block_mean(excess, covered.astype(np.float32), _SMALL * pair.side, _THIN_COVER).max())


def _detail(lightness: F32, inside: Mask) -> float:
    """Mean strength of fine detail: Laplacian of lightness (Lab L) at the side of comparison."""
    core = cv2.erode(inside.astype(np.uint8), _KERNEL) > 0
    if np.count_nonzero(core) < MIN_PIXELS:
        core = inside
    return float(np.abs(cv2.Laplacian(lightness, cv2.CV_32F))[core].mean())
