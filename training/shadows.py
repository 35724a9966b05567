"""What a product does to its place and the place to it: shadows, a reflection, bounced light, light on its rim.

Layers are linear light; densities are float32, 0 (no shadow) to 1. Shadows are made at half size: they are soft.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.painted_shadows import cast_shadow, contact_shadow, surround_shadow

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Sun:
    """lean: how far shadows go right per height; squash: how far up the picture, below 0 towards the camera.

    softness: blur as a share of the product's size. depth: how dark, 0 to 1. tint: what light is left in a full
    shadow, linear RGB.
    """

    lean: float
    squash: float
    softness: float
    depth: float
    tint: F32


def random_sun(rng: Rng, *, white: bool, behind: bool) -> Sun:
    """Soft light of a room, or a hard sun now and then; on pure white nearly no shadow is left. behind: a light from
    behind, whose shadows come towards the camera."""
    hard = rng.random() < 0.22 and not white
    depth = rng.uniform(0.0, 0.45) if white else rng.uniform(0.35, 0.95) if hard else rng.uniform(0.2, 0.9)
    squash = rng.uniform(0.06, 0.5) * (-1 if behind or rng.random() < 0.2 else 1)
    ambient = rng.uniform(0.12, 0.4)
    tint = ambient * np.array([1, rng.uniform(0.95, 1.08), rng.uniform(0.95, 1.25)], np.float32)
    softness = rng.uniform(0.004, 0.02) if hard else rng.uniform(0.02, 0.14)
    return Sun(rng.uniform(-1.1, 1.1), squash, softness, depth, tint.astype(np.float32))


def shaded(rng: Rng, light: F32, matte: U8, sun: Sun, stand: str, edge: int) -> F32:
    """The place with the product's shadows. matte: SxS uint8, how much of the light the product stops."""
    side = matte.shape[0]
    small = cv2.resize(matte, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
    seen = np.flatnonzero(small.max(axis=0) > 127)
    if not seen.size:
        return light
    unit = float(seen[-1] - seen[0] + 1)
    if stand == "floor":
        density = _on_floor(rng, small, unit, sun, edge / 2)
    else:
        far = rng.uniform(0.01, 0.06) if stand == "flat" else rng.uniform(0.04, 0.25)
        shift = (sun.lean * far * unit, rng.uniform(0.2, 1) * far * unit)
        softness = max(0.015, min(sun.softness, 0.08) * (1 if stand == "flat" else 1.6))
        density = surround_shadow(small, unit, shift, softness) * np.float32(sun.depth)
    whole = cv2.resize(density.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    return light * (1 - cv2.merge([whole * t for t in 1 - sun.tint]))


def _on_floor(rng: Rng, small: U8, unit: float, sun: Sun, edge: float) -> F32:
    contact = contact_shadow(small, unit) * np.float32(rng.uniform(0.55, 1.0) * min(1.0, 0.45 + sun.depth))
    if sun.depth < 0.08:
        return contact
    if sun.softness > 0.03 and sun.squash > 0 and rng.random() < 0.5:
        quarter = cv2.resize(small, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        cast = cast_shadow(quarter, unit / 2, 0.6 * sun.lean, min(sun.squash, 0.4))
        cast = cv2.resize(cast, small.shape[::-1], interpolation=cv2.INTER_LINEAR)
    else:
        cast = projected(small, unit, sun)
    if edge > 0:  # beyond the floor's edge the wall is too far away
        rows = np.clip((np.arange(len(small), dtype=np.float32) - np.float32(edge)) / 3 + 0.5, 0, 1)
        cast = cast * rows[:, None]
    return 1 - (1 - contact) * (1 - cast * np.float32(sun.depth))


def projected(matte: U8, unit: float, sun: Sun) -> F32:
    """The outline laid down on the ground from its lowest row: sharp at the foot, softer with its height."""
    rows = np.flatnonzero(matte.max(axis=1) > 127)
    foot, lean, squash = float(rows[-1]), sun.lean, sun.squash
    lay = np.array([[1, -lean, lean * foot], [0, squash, foot * (1 - squash)]])
    flat = cv2.warpAffine(cv2.blur(matte, (1, 3)), lay, matte.shape[::-1]).astype(np.float32) / 255
    near = cv2.GaussianBlur(flat, (0, 0), max(0.5, 0.35 * sun.softness * unit))
    far = cv2.GaussianBlur(flat, (0, 0), max(0.6, 1.5 * sun.softness * unit))
    reach = max(4.0, abs(squash) * float(rows[-1] - rows[0]))
    away = np.clip(np.abs(np.arange(len(matte), dtype=np.float32) - foot) / np.float32(reach), 0, 1)[:, None]
    return (near + (far - near) * away) * (1 - 0.35 * away)


def mirrored(rng: Rng, light: F32, colours: F32, share: F32) -> F32:
    """A reflection below the row on which the product stands. colours: SxSx3 linear, times share (SxS)."""
    rows = np.flatnonzero(share.max(axis=1) > 0.5)
    if not rows.size:
        return light
    foot, side = int(rows[-1]), len(share)
    deep = min(side - foot, foot)
    if deep < 4:
        return light
    fade = np.exp(-np.arange(deep) / rng.uniform(0.05, 0.3) / side).astype(np.float32)[:, None]
    fade = fade * np.float32(rng.uniform(0.08, 0.45))
    soft = rng.uniform(0.5, 3)
    above = np.s_[foot - deep : foot]
    hidden = cv2.GaussianBlur(share[above][::-1], (0, 0), soft) * fade
    shown = cv2.GaussianBlur(colours[above][::-1], (0, 0), soft) * fade[..., None]
    light = light.copy()
    light[foot : foot + deep] = light[foot : foot + deep] * (1 - hidden[..., None]) + shown
    return light


def rim(share: F32, toward: tuple[float, float]) -> F32:
    """Where light from behind catches the outline; SxS, 0 to 1. toward: px right and down, away from the light."""
    move = np.array([[1, 0, toward[0]], [0, 1, toward[1]]])
    behind = cv2.warpAffine(share, move, share.shape[::-1])
    return cv2.GaussianBlur(np.maximum(share - behind, 0), (0, 0), 1.0)


def dappled(rng: Rng, texture: U8, side: int) -> F32:
    """Sunlight through leaves, a blind or a window: how much light falls where, SxSx1, up to about 1.

    texture: any tile; its bright and dark parts become soft spots of light.
    """
    grey = cv2.cvtColor(texture, cv2.COLOR_RGB2GRAY)
    small = cv2.GaussianBlur(cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA), (0, 0), 3)
    if rng.random() < 0.5:  # bars
        angle, period = rng.uniform(0, np.pi), rng.uniform(5, 30)
        y, x = np.mgrid[0:48, 0:48]
        small = (127 + 120 * np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)).astype(np.uint8)
    spots = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    middle, steep = float(np.median(spots)), rng.uniform(1, 4) / (float(spots.std()) + 4)
    light = 1 / (1 + np.exp(np.clip((middle - spots) * steep, -20, 20)))
    return (1 - rng.uniform(0.3, 0.75) * (1 - light))[..., None].astype(np.float32)
