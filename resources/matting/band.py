"""Alpha in a band around the outline of a mask, from the photo's colours.

What is sure stays as it is. In the band between, each pixel is compared with mixtures of product and background
colours found nearby (sampling), and the estimates are carried along the photo's structures by a colour model that
is linear in every small window (propagation): together they follow hair, and stay crisp on an edge. Where colours
say nothing, the mask decides.

Everything has a bounded reach, so that a large photo can be worked on in tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import UNKNOWN, Alpha, Rgb

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]
Colours = tuple[Field, Field, Field]

# Samples farther away than this (px) are not used, and neither is what is farther than this from a pixel in the band.
SAMPLE_REACH = 96
# Half the width of the propagation's windows, and how often it is repeated.
_WINDOW, _ROUNDS = 2, 8
# Side of the tiles of the propagation, and how far around its tile a pixel's round looks: two windows, px.
_TILE, _HALO = 24, 2 * _WINDOW
# How far from a pixel a result can depend on the picture.
REACH = SAMPLE_REACH + 48

# Mixtures this far from the pixel's colour (0..1 scale) are hardly believed; two colours this far apart are believed
# half; estimates that differ this much among the samples are believed half.
_MISFIT, _HALF_TRUSTED, _DISAGREEMENT = 0.03, 0.25, 0.15
# Regularisation of the linear model, in squared units of a 0..1 colour scale.
_EPSILON = 1e-4
# How much the mask counts where colours say nothing, and towards the rim of a crisp band.
_PRIOR, _RIM = 0.7, 0.8
# Half the width of an edge that is taken for granted, px.
_EDGE = 0.9
# A part thinner than the band is wide is sure in its middle: this share of its half width is doubted.
_DOUBTED = 0.6
_THICKNESS_STEP = 1.4
# Ratios between which an outline turns from crisp to hairy: texture along the outline, just outside of it, over that
# of the background farther out (natural logarithm), and its share in the texture of all directions.
_HAIR_OVER_BACKGROUND, _HAIR_SHARE = (0.6, 1.8), (0.08, 0.18)
_FAINT_TEXTURE = 4e-5
# What varies more slowly than this (standard deviation of a blur, px) is shading, not hair.
_COARSE = 2.5
# How far the band of hair reaches inside, of how far it reaches outside.
_HAIR_INSIDE = 0.5
# The ends of the scale are noise of the photo, not transparency.
_NOISE = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """What is known before the colours of the band are looked at. Fields are HxW.

    fore, back: surely product, surely background; the rest is the band. prior: alpha as the mask has it, 0..1.
    trust: how much the prior counts even against the colours, 0 and up. spacing: how far apart samples are taken, px.
    """

    fore: Mask
    back: Mask
    prior: Field
    trust: Field
    spacing: Field

    def trimap(self) -> NDArray[np.uint8]:
        """0 background, 128 unknown, 255 product."""
        out = np.full(self.fore.shape, UNKNOWN, np.uint8)
        out[self.back] = 0
        out[self.fore] = 255
        return out


def band_of_mask(rgb: Rgb, mask: Mask, narrow: float, wide: float) -> Band:
    """The band around a mask's outline, `narrow` px to each side where it is crisp and `wide` px where it is hairy.

    rgb: HxWx3 uint8, mask: HxW bool. Parts thinner than the band, and gaps, stay sure in their middle. Pixels outside
    the frame count as their neighbours inside, so a product cut by the frame stays sure there.
    """
    inside, outside = _distance(mask), _distance(~mask)
    hair = hairiness(rgb, inside, outside, round(wide))
    margin = narrow + (wide - narrow) * hair
    # Hair stands out of a body, which is not to become thin itself.
    margin_inside = narrow + _HAIR_INSIDE * (wide - narrow) * hair
    depth = np.maximum(inside / margin_inside, outside / margin)
    prior = np.clip(0.5 + _signed(inside, outside) / (2 * _EDGE), 0, 1)
    return Band(
        fore=inside > _doubted(inside, margin_inside),
        back=outside > _doubted(outside, margin),
        prior=cv2.GaussianBlur(prior, (0, 0), 0.5),
        trust=(_RIM * depth * depth * (1 - hair)).astype(np.float32),
        spacing=margin,
    )


def band_of_matte(alpha: Alpha, margin: int) -> Band:
    """The band of a matte that was made on a smaller copy and enlarged: its soft pixels and `margin` px around them."""
    soft = ((alpha > 5) & (alpha < 250)).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    sure = cv2.dilate(soft, kernel) == 0
    prior = alpha.astype(np.float32) / np.float32(255)
    nothing = np.zeros(alpha.shape, np.float32)
    return Band(sure & (alpha > 127), sure & (alpha <= 127), prior, nothing, nothing + margin)


def solve_band(rgb: Rgb, band: Band) -> Field:
    """Alpha of the whole picture, HxW float32 0..1: 0 and 1 where the band is sure, estimated elsewhere.

    rgb: HxWx3 uint8. Sampling after Gastal & Oliveira, "Shared Sampling for Real-Time Alpha Matting", 2010, but
    averaged over all pairs instead of taking the best; propagation after Levin, Lischinski, Weiss, "A Closed-Form
    Solution to Natural Image Matting", 2008, as rounds of the guided filter (whose fixed point it is: He, Sun, Tang,
    "Guided Image Filtering", 2010, section 3.4), in which the samples are fed in again and again.
    """
    known = band.fore.astype(np.float32)
    unknown = ~(band.fore | band.back)
    rows, columns = np.nonzero(unknown)
    if rows.size == 0:
        return known
    colour = rgb.astype(np.float32) / np.float32(255)
    sampled, confidence = _sampled(colour, band, rows, columns)
    prior_weight = _PRIOR * (1 - confidence) ** 2 + band.trust[rows, columns]
    weight = confidence + prior_weight
    estimate = known.copy()
    estimate[rows, columns] = (confidence * sampled + prior_weight * band.prior[rows, columns]) / weight
    pull = np.zeros_like(known)
    pull[rows, columns] = weight
    value = _propagated(colour, estimate, pull, unknown)
    return np.where(unknown, np.clip((value - _NOISE) / (1 - 2 * _NOISE), 0, 1), known).astype(np.float32)


def hairiness(rgb: Rgb, inside: Field, outside: Field, reach: int) -> Field:
    """How hairy the outline near each pixel is, HxW float32 0..1; means nothing far from the outline.

    Hairs cross the ring outside of a mask, so that colours change along the outline there, and more than in the
    background farther out. At a crisp edge they change only across it.
    inside, outside: distance of each pixel from the other side (px). reach: width of the ring, px.
    """
    across, along = _texture(rgb, inside, outside, reach)
    ring = ((outside > 1.5) & (outside <= reach)).astype(np.float32)
    beyond = ((outside > 1.2 * reach) & (outside <= 3 * reach)).astype(np.float32)
    near_along, near_across = _mean(along, ring, 2 * reach + 1), _mean(across, ring, 2 * reach + 1)
    far_along = _mean(along, beyond, 4 * reach + 1)
    ratio = np.log((near_along + _FAINT_TEXTURE) / (far_along + _FAINT_TEXTURE))
    share = near_along / (near_along + near_across + _FAINT_TEXTURE)
    return _step(ratio, *_HAIR_OVER_BACKGROUND) * _step(share, *_HAIR_SHARE)


def _texture(rgb: Rgb, inside: Field, outside: Field, reach: int) -> tuple[Field, Field]:
    """Squared change of colour a pixel, across and along the outline (0..1 colour scale)."""
    signed = cv2.GaussianBlur(np.clip(_signed(inside, outside), -3 * reach, 3 * reach), (0, 0), 1.5)
    nx, ny = cv2.Sobel(signed, cv2.CV_32F, 1, 0), cv2.Sobel(signed, cv2.CV_32F, 0, 1)
    length = np.hypot(nx, ny) + np.float32(1e-3)
    nx, ny = nx / length, ny / length
    across, along = np.zeros_like(nx), np.zeros_like(nx)
    for channel in range(3):
        plane = rgb[..., channel].astype(np.float32) / np.float32(255)
        # Less its coarse part: a shadow changes colours along the outline too, but slowly.
        smooth = cv2.GaussianBlur(plane, (0, 0), 0.7) - cv2.GaussianBlur(plane, (0, 0), _COARSE)
        gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(smooth, cv2.CV_32F, 0, 1) / 8
        across += (gx * nx + gy * ny) ** 2
        along += (gx * ny - gy * nx) ** 2
    return across, along


def _mean(values: Field, where: Field, window: int) -> Field:
    share = cv2.blur(where, (window, window))
    return cv2.blur(values * where, (window, window)) / (share + np.float32(1e-3))


def _step(values: Field, low: float, high: float) -> Field:
    t = np.clip((values - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _distance(mask: Mask) -> Field:
    """Distance to the nearest pixel outside of the mask, px; the frame is no edge."""
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)


def _signed(inside: Field, outside: Field) -> Field:
    """Distance from the outline, which runs between pixels; positive inside."""
    return np.where(inside > 0, inside - 0.5, 0.5 - outside).astype(np.float32)


def _doubted(depth: Field, margin: Field) -> Field:
    """Down to which depth pixels of a side are doubted: the margin, or less where the side is thin."""
    doubted = np.minimum(np.float32(1.01), margin)
    asked = (depth > 0) & (depth <= margin)
    # What is thicker than the widest margin that is asked for is thick enough.
    widest = float(margin[asked].max(initial=0))
    near = _around(asked, int(widest) + 2)
    thickness, margin = _thickness(depth[near], widest), margin[near]
    thin = np.maximum(1.01, _DOUBTED * thickness)
    doubted[near] = np.where(thickness * _THICKNESS_STEP >= margin, margin, np.minimum(thin, margin))
    return doubted


def _around(mask: Mask, by: int) -> tuple[slice, slice]:
    """The box of a mask, grown; empty where the mask is."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    by = by if width else 0
    return slice(max(0, top - by), top + height + by), slice(max(0, left - by), left + width + by)


def _thickness(depth: Field, widest: float) -> Field:
    """Radius of the largest disc (up to `widest`, in steps) that covers a pixel and stays inside; 0 under 1 px."""
    out = np.zeros_like(depth)
    radius = 1.0
    while radius <= widest and (depth > radius).any():
        out[_distance(depth <= radius) <= radius] = radius
        radius *= _THICKNESS_STEP
    return np.where(depth > 0, out, 0).astype(np.float32)


def _sampled(colour: Field, band: Band, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[Field, Field]:
    """Alpha of the band's pixels from pairs of samples, and how far it is believed, both 0..1.

    81 pairs: the nearest sure pixels to each side, seen from the pixel itself and from eight points around it.
    """
    shape = (rows.size,)
    if not band.fore.any() or not band.back.any():
        return np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    spacing = band.spacing[rows, columns]
    pixel = _split(colour[rows, columns])
    fores = list(_samples(colour, band.fore, rows, columns, spacing))
    backs = list(_samples(colour, band.back, rows, columns, spacing))
    total, first, second = np.full(shape, 1e-12, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    best = np.zeros(shape, np.float32)
    for back, back_near in backs:
        offset = tuple(p - b for p, b in zip(pixel, back, strict=True))
        offset_square = _dot(offset, offset)
        for fore, fore_near in fores:
            line = tuple(f - b for f, b in zip(fore, back, strict=True))
            length = _dot(line, line) + np.float32(_EPSILON)
            shadow = _dot(offset, line)
            value = np.clip(shadow / length, 0, 1)
            misfit = offset_square - 2 * value * shadow + value * value * length
            weight = np.exp(misfit * np.float32(-0.5 / _MISFIT**2)) * (length / (length + np.float32(_HALF_TRUSTED**2)))
            weight *= fore_near & back_near
            total += weight
            first += weight * value
            second += weight * value * value
            np.maximum(best, weight, out=best)
    alpha = first / total
    spread = np.maximum(second / total - alpha * alpha, 0)
    return alpha, best / (1 + spread / np.float32(_DISAGREEMENT**2))


def _samples(
    colour: Field, sure: Mask, rows: NDArray[np.intp], columns: NDArray[np.intp], spacing: Field
) -> Iterator[tuple[Colours, Mask]]:
    """Colours of nine sure pixels for each pixel of the band, and which of them are near enough to count."""
    height, width = sure.shape
    nearest, distance = _nearest(sure)
    chosen, near = [], []
    for direction in range(9):
        angle = direction * np.pi / 4
        reach = np.minimum(spacing, SAMPLE_REACH / 4) if direction else np.zeros_like(spacing)
        y = np.clip(rows + np.rint(reach * np.float32(np.sin(angle))).astype(np.intp), 0, height - 1)
        x = np.clip(columns + np.rint(reach * np.float32(np.cos(angle))).astype(np.intp), 0, width - 1)
        chosen.append(nearest[y, x])
        near.append(distance[y, x] <= SAMPLE_REACH * 3 / 4)
    # They all lie along the band: few beside the pixels of the picture.
    used = np.zeros(sure.size, bool)
    for places in chosen:
        used[places] = True
    samples = np.flatnonzero(used)
    slot = np.zeros(sure.size, np.int32)
    slot[samples] = np.arange(samples.size, dtype=np.int32)
    smooth = _smoothed(colour, sure, samples)
    for places, close in zip(chosen, near, strict=True):
        yield _split(smooth[slot[places]]), close


def _smoothed(colour: Field, sure: Mask, samples: NDArray[np.intp]) -> Field:
    """The mean of the sure pixels around each sample, itself among them: less noise. samples: in the flat picture."""
    height, width = sure.shape
    rows, columns = np.divmod(samples, width)
    total, count = np.zeros((samples.size, 3), np.float32), np.full(samples.size, 1e-6, np.float32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            y, x = _mirrored(rows + down, height), _mirrored(columns + right, width)
            weight = sure[y, x].astype(np.float32)
            total += colour[y, x] * weight[:, None]
            count += weight
    return total / count[:, None]


def _nearest(sure: Mask) -> tuple[NDArray[np.int32], Field]:
    """Index (in the flat picture) of the sure pixel nearest to each pixel, and its distance in px."""
    distance, labels = cv2.distanceTransformWithLabels(
        (~sure).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.flatnonzero(sure).astype(np.int32)
    index = np.zeros(int(labels.max()) + 1, np.int32)
    index[labels.ravel()[places]] = places
    return index[labels], distance


def _split(colours: Field) -> Colours:
    r, g, b = (np.ascontiguousarray(colours[:, channel]) for channel in range(3))
    return r, g, b


def _dot(a: tuple[Field, ...], b: tuple[Field, ...]) -> Field:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _propagated(colour: Field, estimate: Field, pull: Field, unknown: Mask) -> Field:
    """The estimate spread along the photo's structures; what is known, and what is sampled surely, holds.

    A Jacobi iteration on the matting Laplacian with a data term. pull: weight of the estimate in each pixel. Only the
    tiles that the band lies in are worked on.
    """
    tiles, in_band = _tiles_of(unknown)
    smooth = _local_model(colour.reshape(-1, 3)[tiles])
    places = tiles[in_band]
    value = estimate.ravel().copy()
    given, weight = value[places], pull.ravel()[places]
    for _ in range(_ROUNDS):
        value[places] = (np.clip(smooth(value[tiles])[in_band], 0, 1) + weight * given) / (1 + weight)
    return value.reshape(estimate.shape)


def _tiles_of(unknown: Mask) -> tuple[NDArray[np.intp], Mask]:
    """Tiles that hold the unknown pixels, one below the other: index of each pixel in the flat picture, and whether
    it is unknown and this is its tile.

    Tiles overlap by as much as a round of the propagation looks around; beyond the frame the picture is mirrored, as
    OpenCV's filters do.
    """
    height, width = unknown.shape
    down, across = -(-height // _TILE), -(-width // _TILE)
    padded = np.zeros((down * _TILE, across * _TILE), bool)
    padded[:height, :width] = unknown
    tops, lefts = np.nonzero(padded.reshape(down, _TILE, across, _TILE).any(axis=(1, 3)))
    reach = np.arange(-_HALO, _TILE + _HALO)
    rows, columns = tops[:, None] * _TILE + reach, lefts[:, None] * _TILE + reach
    index = _mirrored(rows, height)[:, :, None] * width + _mirrored(columns, width)[:, None, :]
    core = (reach >= 0) & (reach < _TILE)
    own = (core & (rows < height))[:, :, None] & (core & (columns < width))[:, None, :]
    index, own = index.reshape(-1, reach.size), own.reshape(-1, reach.size)
    return index, own & unknown.ravel()[index]


def _mirrored(places: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Places beyond 0 and `length` - 1 folded back: -1 is 1."""
    period = max(1, 2 * (length - 1))
    places = np.abs(places) % period
    return np.minimum(places, period - places)


def _variance(mean_of_product: Field, product_of_means: Field) -> NDArray[np.float64]:
    """Of a window. In float64: the determinant of three grey channels drowns in the rounding of float32."""
    return mean_of_product.astype(np.float64) - product_of_means


def _local_model(colour: Field) -> Callable[[Field], Field]:
    """The guided filter of a picture as a function; what depends on the picture alone is computed once."""
    size = (2 * _WINDOW + 1, 2 * _WINDOW + 1)

    def mean(x: Field) -> Field:
        return cv2.blur(x, size)

    r, g, b = (np.ascontiguousarray(colour[..., channel]) for channel in range(3))
    mr, mg, mb = mean(r), mean(g), mean(b)
    # Inverse of the symmetric covariance matrix in each window.
    vrr, vgg, vbb = (_variance(mean(x * x), m * m) + _EPSILON for x, m in ((r, mr), (g, mg), (b, mb)))
    vrg, vrb, vgb = (_variance(mean(x), m) for x, m in ((r * g, mr * mg), (r * b, mr * mb), (g * b, mg * mb)))
    inverses = [vgg * vbb - vgb * vgb, vgb * vrb - vrg * vbb, vrg * vgb - vgg * vrb]
    determinant = vrr * inverses[0] + vrg * inverses[1] + vrb * inverses[2]
    inverses += [vrr * vbb - vrb * vrb, vrb * vrg - vrr * vgb, vrr * vgg - vrg * vrg]
    irr, irg, irb, igg, igb, ibb = ((inverse / determinant).astype(np.float32) for inverse in inverses)

    def apply(target: Field) -> Field:
        mt = mean(target)
        tr, tg, tb = mean(r * target) - mr * mt, mean(g * target) - mg * mt, mean(b * target) - mb * mt
        ar = irr * tr + irg * tg + irb * tb
        ag = irg * tr + igg * tg + igb * tb
        ab = irb * tr + igb * tg + ibb * tb
        offset = mt - ar * mr - ag * mg - ab * mb
        return mean(ar) * r + mean(ag) * g + mean(ab) * b + mean(offset)

    return apply
