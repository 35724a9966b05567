"""New views of a few pictures: cropped, mirrored, under other light, before other backgrounds, as other cameras see."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import make_cutout, over
from resources.matting.cutnet.shop_pairs import Pair

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

# How often a picture is laid over another background, and how often that is one flat colour.
_ELSEWHERE, _PLAIN = 0.25, 0.4
_SMALLEST, _TIGHTEST = 0.55, 0.7
# Share of the product that a crop must keep, and how often one is looked for.
_KEPT, _TRIES = 0.85, 4
# Standard deviations of the logarithms of exposure, channel gains and gamma, and of the saturation.
_EXPOSURE, _CAST, _GAMMA, _SATURATION = 0.12, 0.06, 0.12, 0.15
_BLURRED, _NOISY, _PACKED = 0.25, 0.4, 0.5


def view_of(pair: Pair, pairs: Sequence[Pair], side: int, rng: np.random.Generator) -> tuple[U8, U8]:
    """One view of a pair as the net is shown it: photo side x side x 3 and matte side x side, both uint8.

    pairs: where other backgrounds come from. The same generator state gives the same view.
    """
    photo, alpha = pair.photo, pair.alpha
    if rng.random() < _ELSEWHERE:
        photo, alpha = _elsewhere(pair, pairs[int(rng.integers(len(pairs)))], rng)
    window = _window(alpha, rng)
    photo, alpha = _stretched(photo[window], side), _stretched(alpha[window], side)
    if rng.random() < 0.5:
        photo, alpha = np.ascontiguousarray(photo[:, ::-1]), np.ascontiguousarray(alpha[:, ::-1])
    return _as_shot(photo, rng), alpha


def _elsewhere(pair: Pair, other: Pair, rng: np.random.Generator) -> tuple[U8, U8]:
    """The product cut out, made smaller and moved, before a flat colour or another photo far out of focus."""
    height, width = pair.alpha.shape
    rgba = make_cutout(pair.photo, pair.alpha)
    if not _cut_by_frame(pair.alpha):
        rgba = _moved(rgba, rng)
    if rng.random() < _PLAIN:
        background = np.empty((height, width, 3), np.uint8)
        background[:] = rng.integers(0, 256, 3)
    else:
        background = cv2.resize(other.photo, (width, height), interpolation=cv2.INTER_AREA)
        background = cv2.GaussianBlur(background, (0, 0), float(rng.uniform(0.015, 0.06)) * max(height, width))
    return over(rgba, background), np.ascontiguousarray(rgba[..., 3])


def _cut_by_frame(alpha: U8) -> bool:
    return any(edge.max() > 127 for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))


def _moved(rgba: U8, rng: np.random.Generator) -> U8:
    height, width = rgba.shape[:2]
    scale = float(rng.uniform(_SMALLEST, 1))
    small = cv2.resize(rgba, (max(1, int(width * scale)), max(1, int(height * scale))), interpolation=cv2.INTER_AREA)
    top = int(rng.integers(height - small.shape[0] + 1))
    left = int(rng.integers(width - small.shape[1] + 1))
    out = np.zeros_like(rgba)
    out[top : top + small.shape[0], left : left + small.shape[1]] = small
    return out


def _window(alpha: U8, rng: np.random.Generator) -> tuple[slice, slice]:
    """A crop of any shape that keeps most of the product; all of the picture where none is found soon."""
    height, width = alpha.shape
    everything = int(alpha.sum(dtype=np.int64))
    for _ in range(_TRIES):
        tall, wide = (max(1, int(length * rng.uniform(_TIGHTEST, 1))) for length in (height, width))
        top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        window = (slice(top, top + tall), slice(left, left + wide))
        if int(alpha[window].sum(dtype=np.int64)) >= _KEPT * everything:
            return window
    return slice(0, height), slice(0, width)


def _stretched(picture: U8, side: int) -> U8:
    smaller = max(picture.shape[:2]) > side
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _as_shot(photo: U8, rng: np.random.Generator) -> U8:
    """The picture under other light, by another camera."""
    values = photo.astype(np.float32) / 255
    gains = np.exp(rng.normal(0, _EXPOSURE) + rng.normal(0, _CAST, 3)).astype(np.float32)
    grey = values.mean(axis=2, keepdims=True)
    values = grey + (values - grey) * np.float32(max(0.0, 1 + rng.normal(0, _SATURATION)))
    values = np.clip(values * gains, 0, 1) ** np.float32(np.exp(rng.normal(0, _GAMMA)))
    if rng.random() < _BLURRED:
        values = cv2.GaussianBlur(values, (0, 0), float(rng.uniform(0.3, 1.2)))
    if rng.random() < _NOISY:
        values = values + rng.normal(0, rng.uniform(0.004, 0.024), values.shape).astype(np.float32)
    shot = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return _packed(shot, int(rng.integers(50, 96))) if rng.random() < _PACKED else shot


def _packed(photo: U8, quality: int) -> U8:
    """Through a JPEG and back; channels in any order, as long as it is the same one."""
    _, data = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
