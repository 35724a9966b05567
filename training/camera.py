"""What a phone, an editor and a shop's upload make of a picture; the matte follows whatever moves light."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from training.textures import WORDS, any_colour

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Rng = np.random.Generator

_NOISE = 1024


@lru_cache(maxsize=1)
def _noise() -> F32:
    return np.random.default_rng(8).standard_normal((_NOISE, _NOISE, 3), np.float32)


def grain(rng: Rng, side: int) -> F32:
    """Noise around 0 with a spread of 1, SxSx3: a random cut of one kept picture of noise."""
    if side > _NOISE - 64:
        return rng.standard_normal((side, side, 3), np.float32)
    top, left = rng.integers(0, _NOISE - side, 2)
    cut = _noise()[top : top + side, left : left + side]
    return cut[::-1] if rng.random() < 0.5 else cut


def softened(rng: Rng, light: F32, truth: F32) -> tuple[F32, F32]:
    """Out of focus or moved: picture and matte alike."""
    kind = rng.random()
    if kind < 0.25:
        return light, truth
    if kind < 0.29:
        kernel = _streak(rng.uniform(2, 9), rng.uniform(0, np.pi))
        return cv2.filter2D(light, -1, kernel), cv2.filter2D(truth, -1, kernel)
    sigma = rng.uniform(0.3, 0.8) if kind < 0.9 else rng.uniform(0.8, 2.6)
    return cv2.GaussianBlur(light, (0, 0), sigma), cv2.GaussianBlur(truth, (0, 0), sigma)


def _streak(length: float, angle: float) -> F32:
    size = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((size, size), np.uint8)
    half = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    ends = [((size // 2 + sign * half) * 16).astype(int).tolist() for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 255, 1, cv2.LINE_AA, 4)
    return kernel.astype(np.float32) / max(1, int(kernel.sum()))


def exposed(rng: Rng, light: F32, *, dark: bool, white: bool) -> U8:
    """Exposure, white balance, vignette and noise; linear light in, sRGB (but for its toe) out."""
    side = light.shape[0]
    gain = 10 ** rng.uniform(-1, -0.3) if dark else 1.0 if white else np.exp(rng.normal(-0.03, 0.22))
    cast = rng.normal(0, 0.16 if dark else 0.0 if white and rng.random() < 0.7 else 0.07)
    balance = np.array([1 + cast, 1 + rng.normal(0, 0.015), 1 - cast], np.float32) * np.float32(gain)
    if not white and rng.random() < 0.06:  # coloured light
        balance = balance * np.clip(any_colour(rng) * 2, 0.35, 1.3)
    if not white and rng.random() < 0.5:
        y, x = np.mgrid[-1:1:9j, -1:1:9j]
        dim = (1 - rng.uniform(0, 0.35) * (x * x + y * y) / 2).astype(np.float32)
        light = light * cv2.resize(dim, (side, side), interpolation=cv2.INTER_LINEAR)[..., None]
    light = cv2.transform(light, np.diag(np.clip(balance, 0.02, None)))
    # Shot noise is about even on the gamma curve; what is clipped has none. Below the toe all is black.
    tones = cv2.pow(cv2.max(light, 8.5e-4), 1 / 2.4)
    amount = rng.uniform(3, 14) if dark else 10 ** rng.uniform(-0.6, 0.85)
    return cv2.addWeighted(tones, 1.055 * 255, _noise_of(rng, side), amount, -0.055 * 255, dtype=cv2.CV_8U)


def _noise_of(rng: Rng, side: int) -> F32:
    """Fine noise, or what a phone leaves after smoothing: lumps, with or without colour."""
    noise = grain(rng, side)
    if rng.random() < 0.4:
        lumps = cv2.resize(np.ascontiguousarray(grain(rng, side // 2)), (side, side), interpolation=cv2.INTER_LINEAR)
        noise = cv2.addWeighted(noise, 0.5, lumps, 1.0, 0)
    return cv2.cvtColor(np.ascontiguousarray(noise[..., 0]), cv2.COLOR_GRAY2RGB) if rng.random() < 0.4 else noise


def developed(rng: Rng, photo: U8) -> U8:
    """Tone curve, sharpening, coloured fringes, black and white."""
    if rng.random() < 0.5:
        x = np.arange(256) / 255
        curve = x ** np.exp(rng.normal(0, 0.2))
        curve = curve + rng.uniform(-0.12, 0.25) * (curve * curve * (3 - 2 * curve) - curve)
        low, high = rng.uniform(0, 0.06) * (rng.random() < 0.3), 1 - rng.uniform(0, 0.06) * (rng.random() < 0.2)
        photo = cv2.LUT(photo, np.clip((low + (high - low) * curve) * 255, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        amount = rng.uniform(0.3, 1.6)
        photo = cv2.addWeighted(photo, 1 + amount, cv2.GaussianBlur(photo, (0, 0), rng.uniform(0.7, 2)), -amount, 0)
    if rng.random() < 0.15:
        photo = _fringed(rng, photo)
    if rng.random() < 0.03:
        photo = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return photo


def _fringed(rng: Rng, photo: U8) -> U8:
    side, planes = photo.shape[0], list(cv2.split(photo))
    for channel, sign in ((0, 1), (2, -1)):
        scale = 1 + sign * rng.uniform(0.001, 0.006)
        matrix = cv2.getRotationMatrix2D((side / 2, side / 2), 0, scale)
        planes[channel] = cv2.warpAffine(planes[channel], matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return cv2.merge(planes)


def uploaded(rng: Rng, photo: U8, truth: U8) -> tuple[U8, U8]:
    """Made small and large again, marked, framed by bars, and saved as JPEG."""
    side = photo.shape[0]
    if rng.random() < 0.15:
        small = max(8, int(side * rng.uniform(0.45, 0.9)))
        photo, truth = (
            cv2.resize(cv2.resize(part, (small, small), interpolation=cv2.INTER_AREA), (side, side))
            for part in (photo, truth)
        )
    if rng.random() < 0.03:
        photo, truth = _marked(rng, photo.copy(), truth.copy())
    if rng.random() < 0.2:  # saved far larger than it is looked at: hardly a trace is left
        return photo, truth
    settings = [cv2.IMWRITE_JPEG_QUALITY, int(40 + 55 * rng.beta(2, 1.2))]
    if rng.random() < 0.3:
        settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), settings)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), truth


def _marked(rng: Rng, photo: U8, truth: U8) -> tuple[U8, U8]:
    """A watermark over the picture, or bars that hide its borders."""
    side = photo.shape[0]
    if rng.random() < 0.5:
        bar, shade = int(side * rng.uniform(0.03, 0.14)), int(rng.choice([0, 0, 255, 255, 128]))
        first, last = (
            (np.s_[:bar], np.s_[side - bar :]) if rng.random() < 0.5 else (np.s_[:, :bar], np.s_[:, side - bar :])
        )
        for part, level in ((photo, shade), (truth, 0)):
            part[first], part[last] = level, level
        return photo, truth
    over = photo.copy()
    word, scale = WORDS[int(rng.integers(len(WORDS)))], side / 320 * rng.uniform(0.5, 2.5)
    for _ in range(int(rng.integers(1, 4))):
        at = (int(side * rng.uniform(-0.1, 0.7)), int(side * rng.uniform(0.1, 1)))
        cv2.putText(over, word, at, cv2.FONT_HERSHEY_DUPLEX, scale, (int(rng.choice([0, 255])),) * 3, 2, cv2.LINE_AA)
    share = rng.uniform(0.25, 0.9)
    return cv2.addWeighted(over, share, photo, 1 - share, 0), truth
