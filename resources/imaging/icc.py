"""Colour profiles: reading any into sRGB, and writing small matrix ones."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

# The largest profiles in use (CMYK presses, several intents) have about 3 MB.
MAX_PROFILE_BYTES = 4 * 1024 * 1024

SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_D65_XY = (0.3127, 0.3290)
_D50_XYZ = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# Colour space of a profile, as its header says it, and the Pillow mode that carries it.
_SPACE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture in sRGB, as mode RGB; None if the profile is broken, too big or not for this picture.

    image: mode L, RGB or CMYK, 8 bits. Relative colorimetric with black point compensation (as photo editors
    do), by LittleCMS. A profile that changes no colour by more than one level leaves the pixels as they are.
    """
    if len(profile) > MAX_PROFILE_BYTES or profile[36:40] != b"acsp":
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _SPACE_MODES.get(source.profile.xcolor_space.strip())
        # Grey photos often carry an RGB profile; the other mismatches mean a profile of another picture.
        if image.mode == "L" and mode == "RGB":
            image = image.convert("RGB")
        if mode is None or mode != image.mode:
            return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if mode == "RGB" and _changes_nothing(transform):
            return image
        converted = ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return converted


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """True if a grid of 4096 colours comes out within one level: the profile is sRGB under some name."""
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(64, 64, 3)
    changed = ImageCms.applyTransform(Image.fromarray(grid), transform)
    if changed is None:
        return False
    return int(np.abs(np.asarray(changed).astype(int) - grid).max()) <= 1


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """An sRGB ICC profile, version 2.1, without a date: the same bytes always (about 2.5 KB)."""
    level = np.arange(1024) / 1023
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return matrix_profile("sRGB", SRGB_PRIMARIES, np.rint(linear * 65535).astype(int).tolist())


def matrix_profile(name: str, primaries: Sequence[tuple[float, float]], curve: Sequence[int]) -> bytes:
    """A display profile (ICC.1:2001-04, version 2.1) of three primaries and one tone curve, white D65.

    primaries: CIE xy of red, green, blue. curve: 16-bit samples of linear light over the encoded value, or
    one number, a gamma times 256. Primaries are adapted to D50 by Bradford, as the format wants.
    """
    tone = b"curv" + bytes(4) + struct.pack(f">I{len(curve)}H", len(curve), *curve)
    text = name.encode("ascii") + b"\0"
    description = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)
    blocks = [
        ((b"desc",), description),
        ((b"cprt",), b"text" + bytes(4) + b"No copyright, use freely\0"),
        ((b"wtpt",), _xyz_tag(_D50_XYZ)),
        *(((tag,), _xyz_tag(xyz)) for tag, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _d50(primaries), strict=True)),
        ((b"rTRC", b"gTRC", b"bTRC"), tone),
    ]
    count = sum(len(tags) for tags, _ in blocks)
    table, body = struct.pack(">I", count), b""
    start = 128 + 4 + 12 * count
    for tags, content in blocks:
        for tag in tags:
            table += tag + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    return _profile_header(start + len(body)) + table + body


def _profile_header(size: int) -> bytes:
    date = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    header = struct.pack(">I4sI", size, bytes(4), 0x02100000) + b"mntrRGB XYZ " + date + b"acsp"
    header += bytes(28) + _fixed(_D50_XYZ)
    return header + bytes(128 - len(header))


def _d50(primaries: Sequence[tuple[float, float]]) -> list[tuple[float, float, float]]:
    """XYZ of each primary at full drive, scaled to add up to white, adapted from D65 to D50."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    white = np.array([_D65_XY[0] / _D65_XY[1], 1.0, (1 - sum(_D65_XY)) / _D65_XY[1]])
    columns = columns * np.linalg.solve(columns, white)
    cones = (_BRADFORD @ np.array(_D50_XYZ)) / (_BRADFORD @ white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ columns
    return [(float(x), float(y), float(z)) for x, y, z in adapted.T]


def _xyz_tag(xyz: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(xyz)


def _fixed(numbers: Sequence[float]) -> bytes:
    """s15Fixed16Number, the profile's number format."""
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))
