"""Says inside a JPEG how it came about: IPTC DigitalSourceType in a minimal XMP packet, and nothing else.

Terms: http://cv.iptc.org/newscodes/digitalsourcetype/ (retired terms are left out).
XMP layout: XMP specification part 3 (JPEG: an APP1 segment that starts with the XMP name and a zero byte).
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Literal, get_args

from PIL import Image

SourceType = Literal[
    "digitalCapture",
    "algorithmicallyEnhanced",
    "humanEdits",
    "composite",
    "compositeCapture",
    "compositeSynthetic",
    "compositeWithTrainedAlgorithmicMedia",
    "trainedAlgorithmicMedia",
    "algorithmicMedia",
]
PictureKind = Literal["white", "procedural_scene", "photographed_scene", "generated_scene"]

# IPTC's own definitions decide. A photo cut out and put on white keeps its content: algorithmicallyEnhanced.
# A photo before a computed backdrop is a mix of elements without generative AI: composite.
# (compositeSynthetic is by definition a mix with generative AI, and would be a false statement there.) A
# world painted around a real photo by a generative model is what IPTC's examples, inpainting and outpainting,
# do: compositeWithTrainedAlgorithmicMedia.
SOURCE_TYPES: Mapping[PictureKind, SourceType] = {
    "white": "algorithmicallyEnhanced",
    "procedural_scene": "composite",
    "photographed_scene": "compositeCapture",
    "generated_scene": "compositeWithTrainedAlgorithmicMedia",
}
# Those that say that generative AI took part, as IPTC defines them; algorithmicMedia has no training data.
AI_SOURCE_TYPES: frozenset[SourceType] = frozenset(
    {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic"}
)

_BASE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_XMP_NAME = b"http://ns.adobe.com/xap/1.0/\x00"
# As an attribute, as an element that holds the text, and as an element that refers to it: all three are written.
_PROPERTY = re.compile(
    rb"Iptc4xmpExt:DigitalSourceType(?:\s*=\s*[\"']|\s*>\s*|\s+rdf:resource\s*=\s*[\"'])"
    rb"https?://cv\.iptc\.org/newscodes/digitalsourcetype/(\w+)"
)


def source_type(kind: PictureKind, wanted: Mapping[PictureKind, SourceType] | None = None) -> SourceType:
    """The IPTC code for a kind of picture.

    wanted: a marketplace's own choices, as in its rules under provenance.source_types.
    """
    return (wanted or {}).get(kind) or SOURCE_TYPES[kind]


def xmp_packet(code: SourceType) -> bytes:
    """A minimal XMP packet that holds the DigitalSourceType only. ValueError for an unknown code."""
    known = get_args(SourceType)
    if code not in known:
        raise ValueError(f"no IPTC digital source type {code!r}: choose one of {', '.join(known)}")
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'Iptc4xmpExt:DigitalSourceType="{_BASE}{code}"/>'
        "</rdf:RDF></x:xmpmeta>"
        '<?xpacket end="r"?>'
    ).encode()


def tag_jpeg(data: bytes, code: SourceType) -> bytes:
    """The same JPEG, its pixels untouched, with `code` as its only XMP; what was tagged before is replaced.

    The tag is read back from the result. ValueError if `data` is no JPEG.
    """
    if data[:2] != b"\xff\xd8":
        raise ValueError("only a JPEG can be tagged")
    payload = _XMP_NAME + xmp_packet(code)
    segment = b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload
    segments = _header_segments(data)
    rest = data[2 + sum(map(len, segments)) :]
    # JFIF asks to be the first segment of all.
    first = [part for part in segments if part[1] == 0xE0]
    others = [part for part in segments if part[1] != 0xE0 and not part[4:].startswith(_XMP_NAME)]
    tagged = b"".join([b"\xff\xd8", *first, segment, *others, rest])
    if read_source_type(tagged) != code:
        raise ValueError("the digital source type could not be read back from the JPEG")
    return tagged


def read_source_type(data: bytes) -> str | None:
    """The IPTC DigitalSourceType code in a picture's XMP, as Pillow reads it back; None if there is none."""
    with Image.open(io.BytesIO(data)) as image:
        xmp = image.info.get("xmp") or b""
    codes = source_types_in(xmp.encode() if isinstance(xmp, str) else xmp)
    return codes[0] if codes else None


def source_types_in(xmp: bytes) -> tuple[str, ...]:
    """The DigitalSourceType codes of the IPTC that an XMP packet names, in order, each once."""
    return tuple(dict.fromkeys(found.decode() for found in _PROPERTY.findall(xmp)))


def _header_segments(data: bytes) -> list[bytes]:
    """The APPn and comment segments that stand at the head of a JPEG, each with its marker and length."""
    segments = []
    at = 2
    while data[at : at + 1] == b"\xff" and (data[at + 1] & 0xF0 == 0xE0 or data[at + 1] == 0xFE):
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        segments.append(data[at:end])
        at = end
    return segments
