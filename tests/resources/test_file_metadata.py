"""What a file tells beside its pixels is found in every block that programs write; what may stay is not blamed."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from resources.imaging.icc import srgb_profile
from resources.marketplaces.file_metadata import Metadata, read_metadata
from resources.marketplaces.provenance import tag_jpeg, xmp_packet
from tests.pictures import encoded, exif_bytes, png_bytes

RGB = np.full((24, 32, 3), (190, 120, 60), np.uint8)
GPS = exif_bytes({0x8825: {1: "N", 2: (52.0, 31.0, 0.0)}})


def told(data: bytes) -> Metadata:
    image = Image.open(io.BytesIO(data))
    image.load()
    return read_metadata(data, image)


def jpeg(**options: Any) -> bytes:
    return encoded(RGB, "JPEG", **options)


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    return data[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + data[2:]


def photoshop(number: int, content: bytes) -> bytes:
    padded = content + bytes(len(content) % 2)
    return b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + padded


def iptc(dataset: int, content: bytes) -> bytes:
    return b"\x1c\x02" + bytes([dataset]) + struct.pack(">H", len(content)) + content


def xmp(inner: str) -> bytes:
    head = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    return f'{head}<rdf:Description rdf:about="" {inner}</rdf:Description></rdf:RDF></x:xmpmeta>'.encode()


def png_with(key: str, text: str) -> bytes:
    info = PngInfo()
    info.add_text(key, text)
    return png_bytes(RGB, pnginfo=info)


SIGNED = with_segment(jpeg(), 0xEB, b"JP\0\1" + bytes(4) + b"camera owner serial: Canon, taken by a@b.com")

HARMLESS = {
    "nothing": jpeg(),
    "profile": jpeg(icc_profile=srgb_profile()),
    "source type": tag_jpeg(jpeg(icc_profile=srgb_profile()), "composite"),
    "c2pa manifest": SIGNED,
    "encoder's comment": jpeg(comment=b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90"),
    "program": jpeg(xmp=xmp('xmp:CreatorTool="Editor 5" xmpMM:DocumentID="x:1">')),
    "iptc title": with_segment(jpeg(), 0xED, photoshop(0x0404, iptc(5, b"Red vase"))),
    "thumbnail": with_segment(jpeg(), 0xED, photoshop(0x040C, b"Canon")),
    "zeros behind": jpeg() + bytes(5000),
    "png": png_bytes(RGB),
    "png comment": png_with("Software", "Editor 5"),
    "gif": encoded(RGB, "GIF"),
    "bmp": encoded(RGB, "BMP"),
    "tiff": encoded(RGB, "TIFF"),
    "webp": encoded(RGB, "WEBP"),
}


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_what_may_stay_is_not_blamed(name: str) -> None:
    found = told(HARMLESS[name])
    assert (found.exif, found.gps, found.private) == (False, False, ())


PRIVATE = {
    "xmp serial number": jpeg(xmp=xmp('aux:SerialNumber="4711">')),
    "xmp lens": jpeg(xmp=xmp('aux:LensID="4">')),
    "xmp body serial": jpeg(xmp=xmp("><exifEX:BodySerialNumber>4711</exifEX:BodySerialNumber>")),
    "xmp owner": jpeg(xmp=xmp('aux:OwnerName="J. Smith">')),
    "xmp creator": jpeg(xmp=xmp("><dc:creator><rdf:Seq><rdf:li>J. Smith</rdf:li></rdf:Seq></dc:creator>")),
    "xmp model, other prefix": jpeg(xmp=xmp('q7:Model="D40">')),
    "xmp city": jpeg(xmp=xmp('photoshop:City="Oslo">')),
    "xmp in 16 bits": jpeg(xmp=xmp('tiff:Make="Camera Works">').decode().encode("utf-16")),
    "extended xmp": with_segment(
        jpeg(), 0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + xmp('drone:SerialNumber="1">')
    ),
    "second xmp": with_segment(
        jpeg(xmp=xmp_packet("composite")), 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp('a:Make="C">')
    ),
    "iptc by-line": with_segment(jpeg(), 0xED, photoshop(0x0404, iptc(5, b"Vase") + iptc(80, b"J. Smith"))),
    "iptc city": with_segment(jpeg(), 0xED, photoshop(0x0404, iptc(90, b"Oslo"))),
    "xmp in photoshop": with_segment(jpeg(), 0xED, photoshop(0x0424, xmp('tiff:Model="D40">'))),
    "comment": jpeg(comment=b"OLYMPUS DIGITAL CAMERA"),
    "comment with address": jpeg(comment=b"ask j.smith@example.com"),
    "comment with coordinates": jpeg(comment=b"59.91387, 10.75225"),
    "old camera's segment": with_segment(jpeg(), 0xEC, b"[picture info]\r\nSerial=4711\r\n"),
    "progressive": encoded(RGB, "JPEG", progressive=True, comment=b"Nikon D40"),
    "png author": png_with("Author", "J. Smith"),
    "png raw profile": png_with("Raw profile type iptc", "\niptc\n 4\n1c025000"),
    "png exif text": png_with("exif:Model", "D40"),
    "gif comment": encoded(RGB, "GIF", comment=b"(c) J. Smith"),
    "tiff make": encoded(RGB, "TIFF", tiffinfo={271: "Camera Works"}),
    "tiff owner": encoded(RGB, "TIFF", tiffinfo={315: "J. Smith"}),
    "tiff iptc": encoded(RGB, "TIFF", tiffinfo={33723: iptc(80, b"J. Smith")}),
    "tiff xmp": encoded(RGB, "TIFF", tiffinfo={700: xmp('tiff:Make="C">')}),
    "tiff description": encoded(RGB, "TIFF", tiffinfo={270: "OLYMPUS DIGITAL CAMERA"}),
    "webp xmp": encoded(RGB, "WEBP", xmp=xmp('aux:SerialNumber="4711">')),
    "second picture": jpeg() + jpeg(comment=b"taken with a phone"),
}


@pytest.mark.parametrize("name", sorted(PRIVATE))
def test_camera_owner_and_place_are_found(name: str) -> None:
    assert told(PRIVATE[name]).private


def test_what_was_found_is_named_but_addresses_and_places_are_not_repeated() -> None:
    assert told(PRIVATE["xmp serial number"]).private == ("XMP SerialNumber",)
    assert told(PRIVATE["iptc by-line"]).private == ("IPTC by-line",)
    assert told(PRIVATE["comment with address"]).private == ("text with an e-mail address",)
    assert told(PRIVATE["comment with coordinates"]).private == ("text with coordinates",)


@pytest.mark.parametrize(
    "data",
    [
        jpeg(exif=GPS),
        png_bytes(RGB, exif=GPS),
        encoded(RGB, "WEBP", exif=GPS),
        jpeg() + jpeg(exif=GPS),
        with_segment(jpeg(), 0xED, photoshop(0x0422, GPS)),
        with_segment(jpeg(exif=exif_bytes({0x010F: "C"})), 0xE1, GPS),
    ],
    ids=["jpeg", "png", "webp", "second picture", "photoshop", "second block"],
)
def test_exif_and_place_are_found_wherever_they_are(data: bytes) -> None:
    found = told(data)
    assert found.exif
    assert found.gps


def test_place_in_xmp_is_a_place() -> None:
    assert told(jpeg(xmp=xmp('exif:GPSLatitude="52,31N">'))).gps
    assert told(jpeg(xmp=xmp('drone-dji:GpsLatitude="52.31">'))).gps


def test_source_types_are_read_in_every_form_and_format() -> None:
    plain = xmp_packet("composite")
    base = "http://cv.iptc.org/newscodes/digitalsourcetype/"
    named = 'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    element = xmp(f"{named}><Iptc4xmpExt:DigitalSourceType>{base}composite</Iptc4xmpExt:DigitalSourceType>")
    resource = xmp(f'{named}><Iptc4xmpExt:DigitalSourceType rdf:resource="{base}composite"/>')
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", plain.decode())
    files = [jpeg(xmp=packet) for packet in (plain, element, resource)]
    files += [
        png_bytes(RGB, pnginfo=info),
        encoded(RGB, "WEBP", xmp=plain),
        encoded(RGB, "TIFF", tiffinfo={700: plain}),
    ]
    assert [told(data).source_types for data in files] == [("composite",)] * len(files)
    assert told(jpeg()).source_types == ()
    other = with_segment(files[0], 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp_packet("digitalCapture"))
    assert set(told(other).source_types) == {"composite", "digitalCapture"}


@pytest.mark.parametrize("text", ["a" * 60_000, "1.2345" + " " * 60_000, "<a:" + "serial" * 10_000, "a@" * 30_000])
def test_long_texts_do_not_take_long(text: str) -> None:
    """A search that goes over everything for each letter would take minutes here."""
    assert told(jpeg(comment=text.encode())).private == ()
    assert told(jpeg(xmp=xmp(f'a:b="1">{text}'))).private == ()


def test_damaged_blocks_say_what_can_be_read() -> None:
    cut = photoshop(0x0404, iptc(80, b"J. Smith"))[:-4]
    assert told(with_segment(jpeg(), 0xED, cut)).private == ("IPTC by-line",)
    for body in (b"Photoshop 3.0\x008BIM", b"Photoshop 3.0\x00", b"Exif\0\0broken", b"http://ns.adobe.com/xap/1.0/\0<"):
        marker = 0xED if body.startswith(b"Ph") else 0xE1
        assert told(with_segment(jpeg(), marker, body)).private == ()
