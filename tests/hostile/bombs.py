"""Small files that claim or unfold to far more, read one after the other in a process of bounded memory.

python -m tests.hostile.bombs       a JSON line for each: name, what came of it, CPU seconds
"""

from __future__ import annotations

import json
import resource
import struct
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.fuzz_ingest import archive_tail, photos
from resources.imaging.decode import Photo, decode_photo
from tests import pictures
from tests.pictures import png_chunk

ROOM = 384 * 2**20
"""Bytes that reading one of these files may take, beside what the process had before."""


def _of(name: str) -> bytes:
    return next(data for kind, data in photos() if kind == name)


def _in_png(kind: bytes, body: bytes) -> bytes:
    data = _of("png")
    return data[:33] + png_chunk(kind, body) + data[33:]


def _put(data: bytes, after: bytes, skip: int, value: bytes) -> bytes:
    """The file with a value written so many bytes behind the first time that something stands there."""
    at = data.index(after) + skip
    return data[:at] + value + data[at + len(value) :]


def _overlapping_tags(count: int, size: int) -> bytes:
    """A TIFF directory all of whose tags say that the same bytes are theirs."""
    offset = 8 + 2 + 12 * count + 4
    tags = b"".join(struct.pack("<HHII", 1000 + tag, 7, size, offset) for tag in range(count))
    return b"II*\0" + struct.pack("<IH", 8, count) + tags + bytes(4) + bytes(size)


def _jpeg_with(marker: int, body: bytes, count: int = 1) -> bytes:
    data = _of("jpeg")
    return data[:2] + (bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body) * count + data[2:]


def _bmp(width: int, height: int, compression: int, body: bytes) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, len(body), 0, 0, 256, 0) + bytes(1024)
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(body), 0, 0, 14 + len(head)) + head + body


def _float_tiff() -> bytes:
    return pictures.encoded(
        pictures.Image.fromarray(np.zeros((4000, 4000), np.float32)), "TIFF", compression="tiff_adobe_deflate"
    )


_HUGE = struct.pack(">II", 60_000, 60_000)
_FRAME = b"\xff\xc0\0\x11\x08"
_SEGMENT = bytes(65_000)

BOMBS: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "PNG of 3600 megapixels": (pictures.bomb_png, {"pixel_limit_exceeded"}),
    "PNG whose header lies": (lambda: _put(_of("png"), b"IHDR", 4, _HUGE), {"pixel_limit_exceeded"}),
    "PNG with more data than picture": (
        lambda: pictures.raw_png((300, 300), 8, 0, bytes(100_000_000)),
        {"photo", "no_visible_content", "truncated"},
    ),
    "PNG with text": (lambda: _in_png(b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000_000), 9)), {"photo"}),
    "PNG with a profile": (lambda: _in_png(b"iCCP", b"a\0\0" + zlib.compress(bytes(100_000_000), 9)), {"photo"}),
    "PNG with tags": (lambda: _in_png(b"eXIf", _overlapping_tags(2600, 30_000)), {"photo"}),
    "JPEG of 65,500 pixels": (lambda: _put(_of("jpeg"), _FRAME, 5, b"\xff\xdc\xff\xdc"), {"pixel_limit_exceeded"}),
    "JPEG with tags": (lambda: _jpeg_with(0xE1, b"Exif\0\0" + _overlapping_tags(2600, 30_000)), {"photo"}),
    "JPEG with tags in pieces": (lambda: _jpeg_with(0xE1, b"Exif\0\0" + _SEGMENT, 150), {"photo"}),
    "JPEG with comments": (lambda: _jpeg_with(0xFE, _SEGMENT, 300), {"photo"}),
    "JPEG with profiles": (lambda: _jpeg_with(0xE2, b"ICC_PROFILE\0\1\1" + _SEGMENT, 300), {"photo"}),
    "JPEG of very many empty segments": (lambda: _jpeg_with(0xE5, b"", 300_000), {"photo"}),
    "WebP of 268 megapixels": (
        lambda: b"RIFF\x32\0\0\0WEBPVP8L\x26\0\0\0\x2f\xff\xff\xff\x0f" + bytes(40),
        {"pixel_limit_exceeded"},
    ),
    "WebP whose frame is larger than its canvas": (
        lambda: _put(_of("webp"), b"VP8X", 12, b"\xff\0\0\xff\0\0"),
        {"not_an_image", "truncated"},
    ),
    "GIF of 65,535 pixels": (lambda: _put(_of("gif"), b"GIF8", 6, b"\xff\xff\xff\xff"), {"pixel_limit_exceeded"}),
    "GIF with comments": (
        lambda: _of("gif")[:-1] + b"!\xfe" + (b"\xff" + bytes(255)) * 60_000 + b"\0;",
        {"photo"},
    ),
    "TIFF with tags": (lambda: _overlapping_tags(60_000, 1_000_000), {"not_an_image", "truncated"}),
    "TIFF with a tile of 1600 megapixels": (
        lambda: pictures.tiled_tiff((256, 256), (40_000, 40_000)),
        {"truncated", "pixel_limit_exceeded"},
    ),
    "TIFF of 16 megapixels in floating point": (_float_tiff, {"photo"}),
    "BMP of 3600 megapixels": (lambda: _bmp(60_000, 60_000, 0, b""), {"pixel_limit_exceeded"}),
    "BMP of packed lines": (lambda: _bmp(2000, 2000, 1, b"\1\0\0\0" * 2000 + b"\0\1"), {"photo"}),
    "BMP of 100 megapixels of packed lines": (
        lambda: _bmp(9990, 9990, 1, b"\1\0\0\0" * 9990 + b"\0\1"),
        {"pixel_limit_exceeded"},
    ),
    "AVIF whose header lies": (lambda: _put(_of("avif"), b"ispe", 8, _HUGE), {"not_an_image", "pixel_limit_exceeded"}),
    "HEIC whose header lies": (lambda: _put(_of("heic"), b"ispe", 8, _HUGE), {"not_an_image", "pixel_limit_exceeded"}),
    "ZIP that ends with a photo": (lambda: archive_tail() + _of("jpeg"), {"not_an_image"}),
    "photo that ends with a ZIP": (lambda: _of("jpeg") + archive_tail(), {"photo"}),
    "photo that is a page, too": (lambda: _jpeg_with(0xFE, b"<html><script>alert(1)</script>"), {"photo"}),
}


def main() -> None:
    warnings.simplefilter("ignore")
    files = {name: make() for name, (make, _) in BOMBS.items()}
    for kind, _ in photos():  # what is loaded on first use is loaded now
        decode_photo(_of(kind))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name, data in files.items():
        started = time.process_time()
        found = decode_photo(data)
        outcome = "photo" if isinstance(found, Photo) else found.code
        print(json.dumps({"name": name, "outcome": outcome, "seconds": time.process_time() - started}), flush=True)


if __name__ == "__main__":
    main()
