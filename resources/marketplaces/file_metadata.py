"""What a picture file tells beside its pixels: EXIF, GPS, owner and camera in any of its blocks, and its source type.

Blocks: JPEG segments (ITU T.81 annex B), also those of further pictures behind the first; XMP part 3; Photoshop
resources; IPTC-IIM 4.2; text of PNG, GIF and TIFF. An ICC profile and a C2PA manifest (JUMBF) tell nothing that is
looked for here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from PIL import ExifTags, Image

from resources.marketplaces.provenance import source_types_in

Kind = Literal["exif", "xmp", "iptc", "text"]
Block = tuple[Kind, bytes]

_XMP_NAMES = (b"http://ns.adobe.com/xap/1.0/\x00", b"http://ns.adobe.com/xmp/extension/\x00")
# After the name of an extended XMP segment: its identity, whole length and offset.
_XMP_EXTENSION_HEAD = 32 + 4 + 4
_PHOTOSHOP_NAME = b"Photoshop 3.0\x00"
_RESOURCE_KINDS: dict[int, Kind] = {0x0404: "iptc", 0x0422: "exif", 0x0423: "exif", 0x0424: "xmp"}
# Segments that say how to draw the picture (JFIF, ICC, the index of further pictures, Adobe) or who signed it (JUMBF).
_HARMLESS_SEGMENTS = {
    0xE0: (b"JFIF\x00", b"JFXX\x00"),
    0xE2: (b"ICC_PROFILE\x00", b"MPF\x00"),
    0xEB: (b"JP",),
    0xEE: (b"Adobe",),
}
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PICTURE_START = b"\xff\xd8\xff"
_MOST_PICTURES = 16  # in one file

# Names of XMP properties (without their prefix) that tell of camera, owner or place. Bounded, so that no packet takes
# long.
_PRIVATE_PROPERTIES = re.compile(
    rb"(?:<|\s)(?:[\w.-]{1,40}:)?((?:unique)?camera\w{0,40}|make|model|lens\w{0,40}|\w{0,40}serial\w{0,40}|imageuniqueid"
    rb"|firmware|\w{0,40}owner\w{0,40}|artist|creator|creatorcontactinfo|ci(?:adr|email|tel|url)\w{0,40}"
    rb"|authorsposition|credit|captionwriter|rights|webstatement|copyright\w{0,40}|personinimage\w{0,40}|regions"
    rb"|regioninfo|gps\w{0,40}|\w{0,40}latitude|\w{0,40}longitude|city|state|provincestate|country\w{0,40}"
    rb"|location\w{0,40}|sublocation)(?=[\s=/>])",
    re.IGNORECASE,
)
_GPS_PROPERTY = re.compile(rb"G[pP][sS](?:Latitude|Longitude|Position)")
# IPTC-IIM, record 2: content location, by-line, place, credit, source, copyright, contact, writer.
_PRIVATE_DATASETS = {
    **{26: "content location", 27: "content location", 80: "by-line", 85: "by-line title", 90: "city"},
    **{92: "sublocation", 95: "province", 100: "country", 101: "country", 110: "credit", 115: "source"},
    **{116: "copyright", 118: "contact", 122: "writer"},
}
# Bounded, so that no text takes long. What the last two found is itself private and is not shown.
_PRIVATE_TEXT = re.compile(
    r"(?P<word>\b(?:cameras?|serial|s/n|owner|artist|author|photograph(?:er|ed)|taken (?:by|at|in|with)|copyright|gps"
    r"|latitude|longitude|location|exif|raw profile type (?!ic[cm])\w*|canon|nikon|sony|fujifilm|olympus|panasonic"
    r"|lumix|leica|hasselblad|pentax|sigma|iphone|samsung|huawei|xiaomi|google pixel|gopro|dji)\b|exif:|©|\(c\))"
    r"|(?P<address>(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.\w)"
    r"|(?P<place>\d{1,3}\.\d{3,12}[°NnSs]{0,2}[,; ]{1,3}[-+]?\d{1,3}\.\d{3,12})",
    re.IGNORECASE,
)
# TIFF tags of the same kind: make, model, artist, copyright; EXIF's owner, serial numbers and lens.
_PRIVATE_TAGS = {
    **{271: "make", 272: "model", 315: "artist", 33432: "copyright", 42032: "owner", 42033: "serial number"},
    **{42034: "lens", 42035: "lens make", 42036: "lens model", 42037: "lens serial number", 50735: "serial number"},
}
_TIFF_BLOCKS: dict[int, Kind] = {700: "xmp", 33723: "iptc"}
_TIFF_TEXTS = (269, 270, 285, 305, 316, 40091, 40092, 40093, 40094, 40095)
_TIFF_PHOTOSHOP, _TIFF_EXIF, _TIFF_GPS = 34377, 34665, 34853


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file tells. private: where camera, serial, owner or place data was found outside EXIF, in words.

    source_types: the IPTC DigitalSourceType codes in its XMP, each once.
    """

    exif: bool
    gps: bool
    private: tuple[str, ...]
    source_types: tuple[str, ...]


def read_metadata(data: bytes, image: Image.Image) -> Metadata:
    """Everything that a file tells beside its pixels. image: the same file, opened and loaded by Pillow.

    Damaged blocks tell what can be read of them.
    """
    blocks = list(_jpeg_blocks(data) if data.startswith(_PICTURE_START) else _other_blocks(image))
    xmp = b"\n".join(body.replace(b"\0", b"") for kind, body in blocks if kind == "xmp")
    private = [f"XMP {found[1][:40].decode('ascii', 'replace')}" for found in _PRIVATE_PROPERTIES.finditer(xmp)]
    private += [f"IPTC {name}" for kind, body in blocks if kind == "iptc" for name in _private_datasets(body)]
    private += [found for kind, body in blocks if kind == "text" for found in _private_text(body)]
    private += _private_tags(image)
    return Metadata(
        exif=bool(image.info.get("exif")) or any(kind == "exif" for kind, _ in blocks),
        gps=_tells_place(image, [body for kind, body in blocks if kind == "exif"], xmp),
        private=tuple(dict.fromkeys(private)),
        source_types=source_types_in(xmp),
    )


def _private_text(body: bytes) -> Iterator[str]:
    found = _PRIVATE_TEXT.search(_as_text(body))
    if found:
        shown = {"word": repr(found[0].lower()), "address": "an e-mail address", "place": "coordinates"}
        yield f"text with {shown[found.lastgroup or 'word']}"


def _as_text(body: bytes) -> str:
    """Text of an unknown encoding; UTF-16 shows its letters once the zero bytes are gone."""
    plain = body.replace(b"\0", b"") if body.count(0) * 3 > len(body) else body.replace(b"\0", b" ")
    return plain.decode("utf-8", "replace")


def _tells_place(image: Image.Image, exifs: list[bytes], xmp: bytes) -> bool:
    return (
        bool(image.getexif().get_ifd(ExifTags.IFD.GPSInfo))
        or _GPS_PROPERTY.search(xmp) is not None
        or any(_has_gps(body) for body in exifs)
    )


def _has_gps(exif: bytes) -> bool:
    found = Image.Exif()
    try:
        found.load(exif)
        return _TIFF_GPS in found
    except Exception:  # what Pillow raises for a damaged block is not documented; such a block says nothing
        return False


# ---- JPEG


def _jpeg_blocks(data: bytes) -> Iterator[Block]:
    """The blocks of a JPEG and of the pictures that phones put behind it."""
    at = 0
    for _ in range(_MOST_PICTURES):
        start = data.find(_PICTURE_START, at)
        if start < 0:
            return
        at = start + 2
        for end, marker, body in _segments(data, at):
            at = end
            yield from _segment_blocks(marker, body)


def _segments(data: bytes, at: int) -> Iterator[tuple[int, int, bytes]]:
    """Each segment of one picture: where it ends, its marker, what it holds. Stops at nonsense."""
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xD9:
            return
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        body = at + 4
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            found = _SCAN_END.search(data, at)
            at = found.start() if found else len(data)
            body = at
        yield at, marker, data[body:at] if marker >= 0xE0 else b""


def _segment_blocks(marker: int, body: bytes) -> Iterator[Block]:
    if marker == 0xE1 and body.startswith(b"Exif\0"):
        yield "exif", body
    elif marker == 0xE1 and body.startswith(_XMP_NAMES[0]):
        yield "xmp", body[len(_XMP_NAMES[0]) :]
    elif marker == 0xE1 and body.startswith(_XMP_NAMES[1]):
        yield "xmp", body[len(_XMP_NAMES[1]) + _XMP_EXTENSION_HEAD :]
    elif marker == 0xED and body.startswith(_PHOTOSHOP_NAME):
        yield from _photoshop_blocks(body[len(_PHOTOSHOP_NAME) :])
    elif marker == 0xFE or (0xE0 <= marker <= 0xEF and not body.startswith(_HARMLESS_SEGMENTS.get(marker, ()))):
        yield "text", body


def _photoshop_blocks(body: bytes) -> Iterator[Block]:
    """Image resources (Adobe Photoshop file formats): signature, number, name, length, content, each padded to even."""
    at = 0
    while body[at : at + 4] == b"8BIM" and at + 12 <= len(body):
        number = int.from_bytes(body[at + 4 : at + 6], "big")
        at += 6 + (body[at + 6] + 2) // 2 * 2
        length = int.from_bytes(body[at : at + 4], "big")
        kind = _RESOURCE_KINDS.get(number)
        if kind:
            yield kind, body[at + 4 : at + 4 + length]
        at += 4 + length + length % 2


def _private_datasets(body: bytes) -> Iterator[str]:
    """Names of the private datasets of an IPTC-IIM block: tag mark 1C, record, dataset, length, content."""
    at = 0
    while body[at : at + 1] == b"\x1c" and at + 5 <= len(body):
        record, dataset, length = body[at + 1], body[at + 2], int.from_bytes(body[at + 3 : at + 5], "big")
        if record == 2 and dataset in _PRIVATE_DATASETS and length:
            yield _PRIVATE_DATASETS[dataset]
        at += 5
        if length & 0x8000:  # an extended dataset: the length of the length
            size = length & 0x7FFF
            length = int.from_bytes(body[at : at + size], "big")
            at += size
        at += length


# ---- other formats


def _other_blocks(image: Image.Image) -> Iterator[Block]:
    if image.format == "TIFF":
        yield from _tiff_blocks(image)
        return
    for kind in ("exif", "xmp"):
        body = image.info.get(kind)
        if body:
            yield kind, _as_bytes(body)
    yield "text", _as_bytes(image.info.get("comment") or b"")
    for key, text in getattr(image, "text", {}).items():  # PNG
        if key != "XML:com.adobe.xmp":
            yield "text", f"{key}: {text}".encode()


def _tiff_blocks(image: Image.Image) -> Iterator[Block]:
    tags = image.getexif()
    for tag, kind in _TIFF_BLOCKS.items():
        if tag in tags:
            yield kind, _as_bytes(tags[tag])
    for tag in _TIFF_TEXTS:
        if tag in tags:
            yield "text", _as_bytes(tags[tag])
    if _TIFF_PHOTOSHOP in tags:
        yield from _photoshop_blocks(_as_bytes(tags[_TIFF_PHOTOSHOP]))
    if _TIFF_EXIF in tags or _TIFF_GPS in tags:
        yield "exif", b""


def _private_tags(image: Image.Image) -> list[str]:
    """What a TIFF tells in tags of its own; in other formats those are EXIF, which has a rule of its own."""
    if image.format != "TIFF":
        return []
    return [f"TIFF {name}" for tag, name in _PRIVATE_TAGS.items() if tag in image.getexif()]


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, tuple):  # bytes, as some writers store them
        return bytes(part & 255 for part in value if isinstance(part, int))
    return str(value).encode("utf-8", "replace")
