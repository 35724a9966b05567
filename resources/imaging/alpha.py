"""Alpha mattes: trimap, edge refinement, foreground colours, and the cut-out made of them.

Conventions: rgb is HxWx3 uint8 sRGB, alpha is HxW uint8 (0 = background, 255 = product), rgba is HxWx4 uint8 with
straight (not premultiplied) alpha. Everything over a picture runs in strips of rows with a halo, so that memory
depends on the width of the picture and not on its size, and results do not depend on threads.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Rgba = NDArray[np.uint8]
Alpha = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

UNKNOWN = 128

_STRIP_ROWS = 512
# Windows of the two passes of blur fusion, in pixels (Forte & Pitie 2021).
_FAR_WINDOW, _NEAR_WINDOW = 90, 6
_EPSILON = 1e-5
# Two colours this far apart (0..1 scale) are believed half; and pixels this far from the line between them hardly.
_HALF_TRUSTED, _ASIDE = 0.15, 0.03
# How far product colours are spread under alpha 0: 4 * 2**4 = 64 px, wider than any resize filter reaches.
_REDUCTION = 4
_SPREAD_LEVELS = 4


def trimap(mask: Mask, margin: int) -> NDArray[np.uint8]:
    """Sure background (0), unknown (128) and sure foreground (255), unknown being `margin` px to each side.

    mask: HxW bool. margin >= 1 px. A part thinner than twice the margin becomes unknown altogether.
    Pixels outside the frame count as their neighbours inside, so a product cut by the frame stays sure there.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    solid = mask.astype(np.uint8)
    grown = cv2.dilate(solid, kernel)
    shrunk = cv2.erode(solid, kernel)
    out = np.where(grown > 0, np.uint8(UNKNOWN), np.uint8(0))
    out[shrunk > 0] = 255
    return out


def guided_filter(guide: Rgb, target: Field, radius: int, eps: float = 1e-4) -> Field:
    """Smooth `target` along the edges of a colour guide; HxW float32, same range as target (not clipped).

    guide: HxWx3 uint8. target: HxW float32. radius: box radius in px. eps: regularisation in squared units of a
    0..1 colour scale; edges weaker than sqrt(eps) are smoothed away.
    Source: He, Sun, Tang, "Guided Image Filtering", 2010, equations 19-21 (colour guide).
    """
    out = np.empty_like(target)
    for rows, inner, outer in _strips(guide.shape[0], 2 * radius + 1):
        part = _guided_strip(_unit(guide[outer]), target[outer], radius, eps)
        out[rows] = part[inner]
    return out


def _guided_strip(guide: Field, target: Field, radius: int, eps: float) -> Field:
    def mean(x: Field) -> Field:
        return cv2.blur(x, (2 * radius + 1, 2 * radius + 1))

    r, g, b = (np.ascontiguousarray(guide[..., i]) for i in range(3))
    mr, mg, mb, mt = mean(r), mean(g), mean(b), mean(target)
    # Covariance matrix of the guide in each window, and its cofactors (it is symmetric: six of each).
    vrr = mean(r * r) - mr * mr + eps
    vrg = mean(r * g) - mr * mg
    vrb = mean(r * b) - mr * mb
    vgg = mean(g * g) - mg * mg + eps
    vgb = mean(g * b) - mg * mb
    vbb = mean(b * b) - mb * mb + eps
    crr, crg, crb = vgg * vbb - vgb * vgb, vgb * vrb - vrg * vbb, vrg * vgb - vgg * vrb
    cgg, cgb, cbb = vrr * vbb - vrb * vrb, vrb * vrg - vrr * vgb, vrr * vgg - vrg * vrg
    determinant = vrr * crr + vrg * crg + vrb * crb
    tr, tg, tb = mean(r * target) - mr * mt, mean(g * target) - mg * mt, mean(b * target) - mb * mt
    ar = (crr * tr + crg * tg + crb * tb) / determinant
    ag = (crg * tr + cgg * tg + cgb * tb) / determinant
    ab = (crb * tr + cgb * tg + cbb * tb) / determinant
    offset = mt - ar * mr - ag * mg - ab * mb
    return mean(ar) * r + mean(ag) * g + mean(ab) * b + mean(offset)


def refine_alpha(rgb: Rgb, mask: Mask, margin: int) -> Alpha:
    """Turn a binary mask into a soft matte: 0 and 255 outside a band of `margin` px, estimated inside it.

    In the band each pixel is projected on the line between the mean product colour and the mean background colour
    of its neighbourhood (taken from the sure parts of the trimap). That is believed as far as the two colours differ
    and the pixel lies on the line between them; else the mask decides. The result is smoothed along the edges of
    the photo by a guided filter.
    """
    tri = trimap(mask, margin)
    out = np.where(tri == 255, np.uint8(255), np.uint8(0))
    soft = tri == UNKNOWN
    box = _bounding_box(soft, 4 * margin)
    if box is None:
        return out
    halo = 3 * margin + 2
    height = box[0].stop - box[0].start
    inner_rgb, inner_tri, inner_mask = rgb[box], tri[box], mask[box]
    result = out[box]
    for rows, inner, outer in _strips(height, halo):
        value = _band_alpha(inner_rgb[outer], inner_tri[outer], inner_mask[outer], margin)[inner]
        unknown = inner_tri[rows] == UNKNOWN
        result[rows][unknown] = np.rint(value[unknown] * 255).astype(np.uint8)
    return out


def _band_alpha(rgb: Rgb, tri: NDArray[np.uint8], mask: Mask, margin: int) -> Field:
    colour = _unit(rgb)
    fore, sure_fore = _local_mean(colour, tri == 255, 3 * margin | 1)
    back, sure_back = _local_mean(colour, tri == 0, 3 * margin | 1)
    line = fore - back
    length = np.einsum("ijk,ijk->ij", line, line)
    projected = np.clip(np.einsum("ijk,ijk->ij", colour - back, line) / (length + _EPSILON), 0, 1)
    aside = colour - back - projected[..., None] * line
    trust = length / (length + _HALF_TRUSTED**2) * sure_fore * sure_back
    trust *= np.exp(-np.einsum("ijk,ijk->ij", aside, aside) / (2 * _ASIDE**2))
    inside = mask.astype(np.float32)
    prior = cv2.GaussianBlur(inside, (0, 0), max(0.7, 0.14 * margin))
    value = np.where(tri == UNKNOWN, trust * projected + (1 - trust) * prior, inside)
    value = _guided_strip(colour, value.astype(np.float32), max(1, margin // 4), 1e-4)
    # The ends of the scale are noise of the photo, not transparency.
    return np.clip((value - 0.03) / 0.94, 0, 1).astype(np.float32)


def _local_mean(colour: Field, where: Mask, window: int) -> tuple[Field, Field]:
    """Mean colour of the chosen pixels in a window, and 1 where there are enough of them (else towards 0)."""
    weight = where.astype(np.float32)
    count = cv2.blur(weight, (window, window))
    total = cv2.blur(colour * weight[..., None], (window, window))
    return total / (count + _EPSILON)[..., None], np.clip(count / 0.02, 0, 1)


def estimate_foreground(rgb: Rgb, alpha: Alpha) -> Rgb:
    """Colours of the product alone, with the background's share taken out of soft pixels; HxWx3 uint8.

    Pixels of alpha 255 are returned exactly as they are; under alpha 0 the result means nothing (see
    `extend_colours`). Source: Forte & Pitie, "Approximate Fast Foreground Colour Estimation", ICIP 2021:
    two passes of blur fusion, over windows of 90 and 6 px.
    """
    out = rgb.copy()
    soft = (alpha > 0) & (alpha < 255)
    box = _bounding_box(soft, _FAR_WINDOW + _NEAR_WINDOW)
    if box is None:
        return out
    inner_rgb, inner_alpha, inner_soft = rgb[box], alpha[box], soft[box]
    result = out[box]
    for rows, inner, outer in _strips(inner_soft.shape[0], _FAR_WINDOW // 2 + _NEAR_WINDOW):
        picture = _unit(inner_rgb[outer])
        weight = _unit(inner_alpha[outer])
        fore, back = _blur_fusion(picture, picture, picture, weight, _FAR_WINDOW)
        fore, _ = _blur_fusion(picture, fore, back, weight, _NEAR_WINDOW)
        band = inner_soft[rows]
        result[rows][band] = np.rint(fore[inner][band] * 255).astype(np.uint8)
    return out


def _blur_fusion(picture: Field, fore: Field, back: Field, alpha: Field, window: int) -> tuple[Field, Field]:
    def blur(x: Field) -> Field:
        return cv2.blur(x, (window, window))

    a = alpha[..., None]
    share = blur(alpha)[..., None]
    mean_fore = blur(fore * a) / (share + _EPSILON)
    mean_back = blur(back * (1 - a)) / ((1 - share) + _EPSILON)
    correction = a * (picture - a * mean_fore - (1 - a) * mean_back)
    return np.clip(mean_fore + correction, 0, 1), mean_back


def extend_colours(rgb: Rgb, alpha: Alpha) -> Rgb:
    """Replace every colour under alpha 0 by product colour spread outwards; HxWx3 uint8.

    Nothing of the background survives under transparency, and no resize can bleed it in. Within 64 px of the
    product the colour is that of the nearest product parts, weighted by alpha; beyond it is their mean, one flat
    colour, which packs small. An alpha that is 0 everywhere gives black.
    """
    if not alpha.any():
        return np.zeros_like(rgb)
    colour, weight = _reduced(rgb, alpha)
    mean = colour.sum(axis=(0, 1), dtype=np.float64) / weight.sum(dtype=np.float64)
    spread = _spread(colour, weight, mean.astype(np.float32), _SPREAD_LEVELS)
    small = np.rint(np.clip(spread, 0, 255)).astype(np.uint8)
    out = cv2.resize(small, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)
    np.copyto(out, rgb, where=(alpha > 0)[..., None])
    return out


def _reduced(rgb: Rgb, alpha: Alpha) -> tuple[Field, Field]:
    """Premultiplied colours and alpha at a quarter of the size."""
    width = -(-rgb.shape[1] // _REDUCTION)
    colours, weights = [], []
    for rows, _, _ in _strips(rgb.shape[0], 0):
        weight = alpha[rows].astype(np.float32) / 255
        size = (width, -(-weight.shape[0] // _REDUCTION))
        colours.append(cv2.resize(rgb[rows] * weight[..., None], size, interpolation=cv2.INTER_AREA))
        weights.append(cv2.resize(weight, size, interpolation=cv2.INTER_AREA))
    return np.vstack(colours), np.vstack(weights)


def _spread(premultiplied: Field, weight: Field, mean: Field, levels: int) -> Field:
    """Fill unweighted pixels from ever coarser averages (pull-push), and from the mean where all are empty."""
    own = premultiplied / np.maximum(weight, _EPSILON)[..., None]
    if levels == 0:
        return np.where(weight[..., None] > _EPSILON, own, mean)
    height, width = weight.shape
    half = ((width + 1) // 2, (height + 1) // 2)
    small_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    small_colour = cv2.resize(premultiplied, half, interpolation=cv2.INTER_AREA)
    # What is seen in one of the four counts in full one level up: a thin edge must fill its neighbourhood.
    gain = np.minimum(1 / np.maximum(small_weight, _EPSILON), 4)
    coarse = _spread(small_colour * gain[..., None], small_weight * gain, mean, levels - 1)
    below = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    filled = np.clip(weight, 0, 1)[..., None]
    return filled * own + (1 - filled) * below


def make_cutout(rgb: Rgb, alpha: Alpha) -> Rgba:
    """The cut-out: product colours with straight alpha, nothing of the background left; HxWx4 uint8.

    Pixels of alpha 255 are the photo's own, unchanged.
    """
    colours = extend_colours(estimate_foreground(rgb, alpha), alpha)
    return np.dstack([colours, alpha])


def over(rgba: Rgba, background: Rgb) -> Rgb:
    """Lay a cut-out over a background of the same size; HxWx3 uint8.

    Mixed in sRGB, the space in which the photo's own mix was taken apart (`estimate_foreground`): over its old
    background the photo comes back. Exact where alpha is 255 (the cut-out) or 0 (the background).
    """
    if rgba.shape[:2] != background.shape[:2]:
        raise ValueError(f"cut-out is {rgba.shape[:2]}, background is {background.shape[:2]}")
    out = np.empty_like(background)
    for rows, _, _ in _strips(rgba.shape[0], 0):
        a = rgba[rows, :, 3:].astype(np.uint32)
        mixed = rgba[rows, :, :3] * a + background[rows] * (255 - a)
        out[rows] = ((mixed + 127) // 255).astype(np.uint8)
    return out


def _unit(values: NDArray[np.uint8]) -> Field:
    """0..255 as float32 0..1."""
    return values.astype(np.float32) / np.float32(255)


def _bounding_box(where: Mask, margin: int) -> tuple[slice, slice] | None:
    """The box around the true pixels, grown by a margin inside the frame; None if there are none."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    if rows.size == 0:
        return None
    height, width = where.shape
    return (
        slice(max(0, int(rows[0]) - margin), min(height, int(rows[-1]) + 1 + margin)),
        slice(max(0, int(columns[0]) - margin), min(width, int(columns[-1]) + 1 + margin)),
    )


def _strips(height: int, halo: int) -> Iterator[tuple[slice, slice, slice]]:
    """Cut rows into strips: (rows of the result, the same rows within the strip, the strip with its halo)."""
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(height, top + _STRIP_ROWS)
        start, stop = max(0, top - halo), min(height, bottom + halo)
        yield slice(top, bottom), slice(top - start, bottom - start), slice(start, stop)
