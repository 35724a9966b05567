"""Pictures made in the tests: product photos, cut-outs, and files that are odd, broken or hostile.

The same arguments give the same pixels and bytes. Sizes are (width, height).
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resources.imaging.icc import matrix_profile

U8 = NDArray[np.uint8]
Size = tuple[int, int]

ADOBE_RGB_PRIMARIES = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
ADOBE_RGB_GAMMA = (563,)  # 2.19921875 in 256ths, as the real one has it
EXIF_ORIENTATION, EXIF_MAKE, EXIF_GPS = 0x0112, 0x010F, 0x8825


# Products


def product_cutout(size: Size = (480, 480), seed: int = 0) -> U8:
    """HxWx4: a labelled bottle, straight alpha with soft edges, the same colour all over under alpha 0.

    It stands in the middle, 38 % of the picture's width, 72 % of its height; colours and print by seed.
    """
    width, height = size
    rng = np.random.default_rng(seed)
    body = rng.integers(40, 200, 3)
    rgb = np.empty((height, width, 3), np.float32)
    shade = 1.15 - 0.45 * np.abs(np.linspace(-2.6, 2.6, width, dtype=np.float32)) / 2.6
    rgb[:] = body * shade[None, :, None]
    left, right = int(0.31 * width), int(0.69 * width)
    top, bottom = int(0.14 * height), int(0.86 * height)
    label_top, label_bottom = int(0.45 * height), int(0.7 * height)
    cv2.rectangle(rgb, (left, label_top), (right, label_bottom), (238, 236, 228), -1)
    for row in range(4):
        y = label_top + (row + 1) * (label_bottom - label_top) // 5
        ink = tuple(float(level) for level in rng.integers(0, 120, 3))
        end = left + int((0.5 + 0.45 * rng.random()) * (right - left))
        cv2.line(rgb, (left + width // 40, y), (end, y), ink, max(1, height // 120))
    scale = 4  # drawn large and averaged: edges are covered in part
    outline = np.zeros((height * scale, width * scale), np.uint8)
    shoulder, neck = int(0.3 * height), int(0.06 * width)
    middle = width // 2
    cv2.rectangle(outline, (left * scale, shoulder * scale), (right * scale, bottom * scale), 255, -1)
    cv2.ellipse(
        outline,
        (middle * scale, shoulder * scale),
        ((right - left) // 2 * scale, int(0.07 * height) * scale),
        0,
        180,
        360,
        255,
        -1,
    )
    cv2.rectangle(outline, ((middle - neck) * scale, top * scale), ((middle + neck) * scale, shoulder * scale), 255, -1)
    alpha = cv2.resize(outline, size, interpolation=cv2.INTER_AREA)
    colours = np.clip(rgb, 0, 255).astype(np.uint8)
    colours[alpha == 0] = np.clip(body, 0, 255)
    return np.dstack([colours, alpha])


def product_photo(size: Size = (480, 480), seed: int = 0, backdrop: int = 236, noise: float = 1.5) -> U8:
    """HxWx3: the bottle of `product_cutout` before an even backdrop, with a soft shadow and sensor noise."""
    width, height = size
    rgba = product_cutout(size, seed).astype(np.float32)
    fall = np.linspace(1.0, 0.94, height, dtype=np.float32)[:, None, None]
    room = np.full((height, width, 3), backdrop, np.float32) * fall
    shadow = np.zeros((height, width), np.float32)
    cv2.ellipse(shadow, (width // 2, int(0.86 * height)), (int(0.24 * width), int(0.03 * height)), 0, 0, 360, 0.5, -1)
    room *= 1 - cv2.GaussianBlur(shadow, (0, 0), max(1.0, 0.015 * width))[..., None]
    alpha = rgba[..., 3:] / 255
    photo = rgba[..., :3] * alpha + room * (1 - alpha)
    photo += np.random.default_rng(seed + 1).normal(0, noise, photo.shape) if noise else 0
    return np.clip(np.rint(photo), 0, 255).astype(np.uint8)


def corners(size: Size = (360, 240)) -> U8:
    """HxWx3: red top left, green top right, blue bottom left, grey elsewhere: to tell which way is up."""
    width, height = size
    rgb = np.full((height, width, 3), 200, np.uint8)
    half = (height // 2, width // 2)
    rgb[: half[0], : half[1]] = (220, 30, 30)
    rgb[: half[0], half[1] :] = (30, 180, 40)
    rgb[half[0] :, : half[1]] = (30, 40, 210)
    return rgb


# Files


def encoded(picture: U8 | Image.Image, picture_format: str, **options: Any) -> bytes:
    """The picture as a file, by Pillow; options as Pillow's `save` has them."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, picture_format, **options)
    return buffer.getvalue()


def exif_bytes(tags: dict[int, Any]) -> bytes:
    """An EXIF block of these tags (a dict as value makes a nested block, such as GPS)."""
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    return exif.tobytes()


def jpeg_bytes(rgb: U8, quality: int = 92, exif: dict[int, Any] | None = None, **options: Any) -> bytes:
    """A JPEG 4:4:4, with EXIF tags if given."""
    if exif:
        options["exif"] = exif_bytes(exif)
    return encoded(rgb, "JPEG", quality=quality, subsampling="4:4:4", **options)


def png_bytes(picture: U8, **options: Any) -> bytes:
    """A PNG of HxW, HxWx3 or HxWx4."""
    return encoded(picture, "PNG", **options)


def stored_turned(upright: U8, orientation: int) -> U8:
    """The pixels as a camera stores them that notes this EXIF orientation (1 to 8) beside them."""
    turned = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: np.transpose(a, (1, 0, 2)),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(np.transpose(a, (1, 0, 2)), 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](upright)
    return np.ascontiguousarray(turned)


# Odd files


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(
    size: Size, depth: int, colour_type: int, rows: bytes, extra: tuple[tuple[bytes, bytes], ...] = ()
) -> bytes:
    """A PNG of its parts. rows: filter byte and samples of each row. extra: (kind, body) before IDAT."""
    header = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def png_16_bit(samples: NDArray[np.uint16], extra: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """A 16-bit PNG of HxW (grey) or HxWxC samples, C = 2 (grey, alpha), 3 or 4."""
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    packed = samples.astype(">u2").reshape(height, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    return raw_png((width, height), 16, colour_type, rows, extra)


def bomb_png(side: int = 60_000) -> bytes:
    """A valid 1-bit PNG of side x side black pixels in under half a megabyte, made in milliseconds.

    All its bytes are zero, so one packed block, complete in itself, is repeated; RFC 1950 and 1951.
    """
    count = side * (1 + (side + 7) // 8)
    block = bytes(1_000_000)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    rest = last.compress(bytes(count % len(block))) + last.flush()
    checksum = struct.pack(">I", (count % 65521) << 16 | 1)  # Adler-32 of that many zeros
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    data = b"\x78\xda" + packed * (count // len(block)) + rest + checksum
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def truncated(data: bytes, share: float = 0.6) -> bytes:
    """The first part of a file."""
    return data[: int(len(data) * share)]


def cmyk_jpeg(rgb: U8, profile: bytes | None = None) -> bytes:
    """A CMYK JPEG (stored inverted with Adobe's marker, as all of them are); no black ink."""
    cmyk = np.dstack([255 - rgb, np.zeros(rgb.shape[:2], np.uint8)])
    return encoded(Image.fromarray(cmyk, "CMYK"), "JPEG", quality=95, icc_profile=profile)


def palette_png(rgb: U8, transparent_box: tuple[int, int, int, int] | None = None) -> bytes:
    """A palette PNG, one alpha per palette entry; the box (left, top, right, bottom) is transparent."""
    image = Image.fromarray(rgb).quantize(255)
    if transparent_box is None:
        return encoded(image, "PNG")
    image.putpalette((image.getpalette() or []) + [0, 0, 0])
    image.paste(255, transparent_box)
    return encoded(image, "PNG", transparency=bytes([255] * 255 + [0]))


def animation(frames: list[U8], picture_format: str) -> bytes:
    """An animated GIF, WEBP or PNG."""
    first, *others = [Image.fromarray(frame) for frame in frames]
    lossless = {"lossless": True} if picture_format == "WEBP" else {}
    return encoded(first, picture_format, save_all=True, append_images=others, duration=100, **lossless)


def adobe_rgb_profile() -> bytes:
    """A profile with the primaries and gamma of Adobe RGB (1998)."""
    return matrix_profile("wide test space", ADOBE_RGB_PRIMARIES, ADOBE_RGB_GAMMA)


def adobe_rgb_encoded(rgb: U8) -> U8:
    """The same colours as sRGB `rgb`, in the numbers of Adobe RGB (IEC 61966-2-1, Adobe RGB (1998) 4.3.4)."""
    level = rgb.astype(np.float64) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    # Same white, so sRGB red and blue keep their share; only the green primary differs.
    matrix = np.array([[0.71513, 0.28487, 0.0], [0.0, 1.0, 0.0], [0.0, 0.04115, 0.95885]])
    wide = np.clip(linear @ matrix.T, 0, 1) ** (256 / 563)
    return np.rint(wide * 255).astype(np.uint8)


def cmyk_profile() -> bytes:
    """A CMYK printer profile (ICC.1:2001-04, lut8, two grid points): inks subtract plainly."""
    corners_lab = bytearray()
    for index in range(16):
        inks = [(index >> bit) & 1 for bit in (3, 2, 1, 0)]  # the first input varies slowest
        light = max(0.0, 1 - 0.3 * inks[0] - 0.5 * inks[1] - 0.1 * inks[2]) * (1 - inks[3])
        a = (-40 * inks[0] + 70 * inks[1] - 5 * inks[2]) * (1 - inks[3])
        b = (-45 * inks[0] - 5 * inks[1] + 85 * inks[2]) * (1 - inks[3])
        corners_lab += bytes([round(light * 255), round(a + 128), round(b + 128)])
    identity = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + identity * 4 + bytes(corners_lab) + identity * 3
    text = b"test inks\0"
    desc = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    blocks = [(b"desc", desc), (b"wtpt", white), (b"A2B0", lut)]
    table, body, start = struct.pack(">I", len(blocks)), b"", 128 + 4 + 12 * len(blocks)
    for tag, content in blocks:
        table += tag + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    date = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    header = struct.pack(">I4sI", start + len(body), bytes(4), 0x02100000) + b"prtrCMYKLab " + date + b"acsp"
    header += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + table + body


def tiled_tiff(size: Size, tile: Size) -> bytes:
    """A grey TIFF (TIFF 6.0) of one tile, whose header says the tile's size; the pixels are 90."""
    pixels = bytes([90]) * min(tile[0] * tile[1], 1 << 20)
    tags = [(256, size[0]), (257, size[1]), (258, 8), (259, 1), (262, 1), (277, 1)]
    tags += [(322, tile[0]), (323, tile[1]), (324, 8), (325, len(pixels))]
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    start = struct.pack("<2sHI", b"II", 42, 8 + len(pixels))
    return start + pixels + struct.pack("<H", len(tags)) + table + bytes(4)


SVG = b"""<?xml version="1.0"?>
<!-- a drawing --><svg xmlns="http://www.w3.org/2000/svg" width="400" height="400">
<script>alert(1)</script><rect width="400" height="400"/></svg>"""

OTHER_PICTURES: dict[str, bytes] = {
    "drawing.svg": SVG,
    "document.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "layers.psd": b"8BPS\0\1" + bytes(40),
    "vector.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 400 400\n",
    "camera.cr2": b"II*\0\x10\0\0\0CR\2\0" + bytes(40),
    "camera.cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(40),
    "old.jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40),
    "new.jxl": b"\xff\x0a" + bytes(40),
    "icon.ico": b"\0\0\1\0\1\0" + bytes(40),
}
"""Pictures of kinds that are not decoded: file name and a plausible start."""

NOT_PICTURES: dict[str, bytes] = {
    "text.jpg": b"Dear customer,\nhere is the photo you asked for.\n" * 10,
    "zeros.jpg": bytes(5000),
    "archive.jpg": b"PK\3\4" + bytes(60),
    "page.png": b"<!DOCTYPE html><html><body>404 not found</body></html>",
    "clip.heic": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(40),
    "table.csv": b"sku,price\nA-1,10\n",
    "bmw.txt": b"BMW parts, price list of May\n" * 4,
}
"""Files that are no pictures, whatever their names say."""
