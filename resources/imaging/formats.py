"""What a file is, by its bytes: its format, what its container says of it, whether the container is whole.

Nothing here decodes a picture; every function is bounded by the length of the file.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from resources.imaging.icc import MAX_PROFILE_BYTES

# How much of a file's start `sniff` wants to see.
HEAD_BYTES = 4096

PHOTO_EXTENSIONS = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"),
        *(".heic", ".heif", ".avif", ".tif", ".tiff", ".gif", ".bmp"),
    }
)
"""Extensions (lower case, with the dot) of the formats that are decoded."""

IMAGE_LIKE_EXTENSIONS = PHOTO_EXTENSIONS | {
    *(".svg", ".svgz", ".pdf", ".ai", ".eps", ".ps", ".wmf", ".emf", ".psd", ".psb", ".xcf", ".indd"),
    *(".jp2", ".j2k", ".jpf", ".jxl", ".jxr", ".wdp", ".hif", ".apng", ".mpo"),
    *(".ico", ".icns", ".tga", ".dds", ".exr", ".hdr", ".dib", ".pcx", ".ppm", ".pgm", ".pnm", ".qoi"),
    *(".raw", ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".raf"),
    *(".rw2", ".pef", ".srw", ".x3f", ".3fr", ".iiq"),
}
"""Extensions of files that mean to be a picture, decoded or not: refused aloud, where others are ignored."""

DECODED = ("JPEG", "PNG", "WEBP", "HEIC", "AVIF", "TIFF", "GIF", "BMP")
"""Names from `sniff` that can be decoded."""

NOT_DECODED = {
    "SVG": "an SVG drawing",
    "PDF": "a PDF document",
    "PSD": "a Photoshop document",
    "EPS": "a PostScript drawing",
    "RAW": "a camera raw file",
    "JPEG2000": "a JPEG 2000 picture",
    "JXL": "a JPEG XL picture",
    "JXR": "a JPEG XR picture",
    "XCF": "a GIMP document",
    "ICO": "an icon file",
    "ICNS": "an icon file",
    "DDS": "a DDS texture",
    "EXR": "an OpenEXR picture",
    "HDR": "a Radiance HDR picture",
    "QOI": "a QOI picture",
    "PNM": "a PNM picture",
}
"""Names from `sniff` that are pictures of a kind that is not decoded, and what to call them."""

_OTHER_FILES = {
    "ZIP": "a ZIP archive (or an Office document)",
    "GZIP": "a compressed archive",
    "RAR": "a RAR archive",
    "7Z": "a 7z archive",
    "MP4": "a video",
    "HTML": "a web page",
    "EXE": "a program",
}

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    # Raw files that look like TIFF come before it.
    (b"II*\0\x10\0\0\0CR", "RAW"),
    (b"IIRO", "RAW"),
    (b"IIRS", "RAW"),
    (b"MMOR", "RAW"),
    (b"IIU\0", "RAW"),
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"FOVb", "RAW"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"8BPS", "PSD"),
    (b"%PDF-", "PDF"),
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"gimp xcf", "XCF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
    (b"\xff\x0a", "JXL"),
    (b"II\xbc\x01", "JXR"),
    (b"\0\0\1\0", "ICO"),
    (b"icns", "ICNS"),
    (b"DDS ", "DDS"),
    (b"\x76\x2f\x31\x01", "EXR"),
    (b"#?RADIANCE", "HDR"),
    (b"qoif", "QOI"),
    (b"PK\3\4", "ZIP"),
    (b"PK\5\6", "ZIP"),
    (b"\x1f\x8b", "GZIP"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7Z"),
    (b"MZ", "EXE"),
    (b"\x7fELF", "EXE"),
)
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_BMP_HEADER_SIZES = {12, 16, 40, 52, 56, 64, 108, 124}


class DamagedFileError(Exception):
    """The container contradicts itself or ends too early; the text says where."""


def sniff(head: bytes) -> str | None:
    """Name of the format that the first bytes show, whatever the file is called; None if unknown.

    head: the first `HEAD_BYTES` bytes (fewer if the file is shorter). Names: those in `DECODED` and
    `NOT_DECODED`, and "ZIP", "GZIP", "RAR", "7Z", "MP4", "HTML", "EXE".
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _sniff_boxes(head)
    if head[:2] == b"BM" and head[14:18] and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    if re.match(rb"P[1-7]\s", head):
        return "PNM"
    return _sniff_markup(head)


def _sniff_boxes(head: bytes) -> str:
    """Formats built of ISO boxes, told apart by their brands (ISO/IEC 23008-12, AV1-AVIF)."""
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, length, 4))]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    if brands[0] == b"crx ":
        return "RAW"
    return "HEIC" if _HEIC_BRANDS & set(brands) else "MP4"


def _sniff_markup(head: bytes) -> str | None:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "ignore").encode()
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text.startswith(b"<"):
        return None
    tag = re.search(rb"<(svg|html|body|head)[\s>/:]", text)
    if tag is None:
        return None
    return "SVG" if tag[1] == b"svg" else "HTML"


def describe(head: bytes) -> str:
    """What a file that is no picture seems to be, in words for a shop clerk."""
    name = sniff(head)
    if name is not None:
        return _OTHER_FILES.get(name) or NOT_DECODED.get(name, f"a {name} file")
    if not head.strip(b"\0"):
        return "nothing but zero bytes"
    printable = sum(byte in b"\t\n\r\f" or byte >= 0x20 for byte in head)
    return "text" if printable > 0.97 * len(head) and b"\0" not in head else "data of an unknown kind"


@dataclass(frozen=True, slots=True)
class PngParts:
    """A PNG cut down to what its first picture needs.

    data: the signature and the chunks IHDR, PLTE, tRNS, eXIf, IDAT, IEND only. profile: the ICC profile, b""
    if the file has one that cannot be used, None if it has none. frames: more than 1 for an animated PNG.
    """

    data: bytes
    profile: bytes | None
    frames: int


_PNG_START = 8
_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND"}
_PNG_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_PNG_MAX_EXIF = 65536


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG from its first bytes; None if they are not there."""
    if data[12:16] != b"IHDR" or len(data) < 33:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def png_parts(data: bytes) -> PngParts:
    """Take a PNG's container apart, verifying checksums; DamagedFileError if it is not whole.

    Text chunks (which may expand a thousandfold) and everything unknown stay out. A damaged chunk of the
    picture is an error; a damaged chunk that the picture can do without is left out.
    """
    kept = [data[:_PNG_START]]
    profile: bytes | None = None
    frames, at, ended = 1, _PNG_START, False
    view = memoryview(data)
    while not ended and at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        stop = at + 12 + length
        if stop > len(data):
            break
        sound = zlib.crc32(view[at + 4 : stop - 4]) == struct.unpack_from(">I", data, stop - 4)[0]
        if kind in _PNG_CRITICAL and not sound:
            raise DamagedFileError(f"the checksum of its part {kind.decode()} is wrong")
        body = view[at + 8 : stop - 4]
        if kind == b"iCCP":
            profile = _png_profile(bytes(body)) if sound else b""
        elif kind == b"acTL" and length >= 4:
            frames = max(1, int.from_bytes(body[:4], "big"))
        elif kind in _PNG_KEPT and sound and not (kind == b"eXIf" and length > _PNG_MAX_EXIF):
            kept.append(data[at:stop])
        ended = kind == b"IEND"
        at = stop
    if not ended:
        raise DamagedFileError(f"it ends after {len(data)} bytes, in the middle of the picture")
    return PngParts(b"".join(kept), profile, frames)


def _png_profile(body: bytes) -> bytes:
    """The profile of an iCCP chunk (name, zero, method, zlib stream); b"" if broken or too big."""
    packed = body[body.find(b"\0") + 2 :]
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed, MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return b""
    return profile if len(profile) <= MAX_PROFILE_BYTES else b""


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP from its first bytes (RFC 9649); None if they are not there."""
    if len(data) < 30:
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def is_cut_off(data: bytes, name: str) -> bool:
    """True if the container announces more bytes than there are: RIFF (WEBP) and ISO boxes (HEIC, AVIF)."""
    if name == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if name not in ("HEIC", "AVIF"):
        return False
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if length == 0:  # up to the end of the file
            return False
        if length < 8:
            return False  # nonsense, but not a cut
        at += length
    return at > len(data)


# In the coded data of a JPEG, FF is followed by 00, a restart mark or FF; anything else ends the scan.
_JPEG_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True, slots=True)
class JpegScans:
    """How many scans the first picture of a JPEG has, and at which byte the data of the first one ends."""

    count: int
    first_end: int


def jpeg_scans(data: bytes) -> JpegScans:
    """Walk a JPEG's markers to the end of its first picture (ITU T.81 annex B); stops quietly at nonsense."""
    count, first_end, at = 0, len(data), 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xD9:
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            count += 1
            found = _JPEG_SCAN_END.search(data, at)
            at = found.start() if found else len(data)
            if count == 1:
                first_end = at
    return JpegScans(count, first_end)
