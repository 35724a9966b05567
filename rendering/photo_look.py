"""What a phone does to a clean render: white balance, vignette, softness, noise, JPEG.

No step moves a pixel, so the matte rendered from the same camera stays exact.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter


@dataclass(frozen=True)
class PhotoLook:
    """Strength of each flaw. `warmth` above zero shifts to orange, below to blue."""

    warmth: float = 0.0
    tint: float = 0.0
    gain: float = 1.0
    vignette: float = 0.16
    noise: float = 0.012
    blur: float = 0.45
    contrast: float = 0.35
    saturation: float = 1.1
    quality: int = 88


def _to_linear(rgb: np.ndarray) -> np.ndarray:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def to_display(rgb: np.ndarray) -> np.ndarray:
    rgb = np.clip(rgb, 0, 1)
    return np.where(rgb <= 0.0031308, rgb * 12.92, 1.055 * rgb ** (1 / 2.4) - 0.055)


def _vignette(height: int, width: int, strength: float) -> np.ndarray:
    """Falloff towards the corners, 1 in the middle."""
    y, x = np.mgrid[0:height, 0:width]
    radius = np.hypot((x - width / 2) / (width / 2), (y - height / 2) / (height / 2)) / np.sqrt(2)
    return (1 - strength * radius**2.2)[..., None]


def _noise(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Luma grain plus weaker, coarser colour blotches, as after a phone's own noise reduction."""
    luma = rng.normal(0, 1, (height, width, 1))
    coarse = rng.normal(0, 1, (height // 3 + 1, width // 3 + 1, 3))
    chroma = coarse.repeat(3, axis=0).repeat(3, axis=1)[:height, :width]
    return luma + 0.35 * chroma


def _punch(display: np.ndarray, look: PhotoLook) -> np.ndarray:
    """The S-curve and the extra colour that phones add."""
    curved = display * display * (3 - 2 * display)
    display = display + look.contrast * (curved - display)
    grey = display.mean(axis=2, keepdims=True)
    return np.clip(grey + look.saturation * (display - grey), 0, 1)


def develop(render: Image.Image, look: PhotoLook, seed: int) -> Image.Image:
    """The photo that a phone would have stored."""
    rng = np.random.default_rng(seed)
    soft = render.convert("RGB").filter(ImageFilter.GaussianBlur(look.blur))
    linear = _to_linear(np.asarray(soft, dtype=np.float64) / 255)
    balance = np.array([1 + look.warmth, 1 + look.tint, 1 - look.warmth])
    height, width = linear.shape[:2]
    display = to_display(linear * balance * look.gain * _vignette(height, width, look.vignette))
    display = _punch(display, look)
    # Shadows are noisier than lights: less light, the same electronics.
    shade = 1.25 - 0.7 * display.mean(axis=2, keepdims=True)
    noisy = display + look.noise * shade * _noise(rng, height, width)
    return Image.fromarray((np.clip(noisy, 0, 1) * 255 + 0.5).astype(np.uint8))


def save_photo(photo: Image.Image, target: Path, quality: int) -> None:
    """Write the JPEG."""
    target.parent.mkdir(parents=True, exist_ok=True)
    photo.save(target, "JPEG", quality=quality, subsampling="4:2:0", optimize=True, progressive=False)


def save_truncated(photo: Image.Image, target: Path, quality: int, keep: float = 0.6) -> None:
    """A JPEG whose upload broke off: the header is whole, the picture data are not."""
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    data = buffer.getvalue()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data[: int(len(data) * keep)])
