"""decode: every odd, broken or hostile file gets a photo or a rejection, and the right one."""

from __future__ import annotations

import csv
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import AvifImagePlugin, Image, ImageFile

from resources.imaging import decode
from resources.imaging.decode import (
    IMAGE_LIKE_EXTENSIONS,
    PHOTO_EXTENSIONS,
    Header,
    Limits,
    Photo,
    decode_photo,
    read_header,
    sniff,
)
from resources.imaging.icc import MAX_PROFILE_BYTES, SRGB_PRIMARIES, matrix_profile, srgb_profile
from resources.verdicts import Rejection
from tests import pictures

U8 = pictures.U8

# Pillow warns of every oddity that these files are made of.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def accepted(data: bytes, limits: Limits | None = None) -> Photo:
    photo = decode_photo(data, limits)
    assert isinstance(photo, Photo), photo
    assert photo.rgb.dtype == np.uint8
    assert photo.rgb.shape[2:] == (3,)
    assert photo.rgb.flags.c_contiguous
    assert photo.rgb.flags.writeable
    return photo


def refused(data: bytes, limits: Limits | None = None) -> Rejection:
    rejection = decode_photo(data, limits)
    assert isinstance(rejection, Rejection), rejection
    assert rejection.message.endswith(".")
    assert rejection.hint.endswith(".")
    assert "\n" not in rejection.message
    return rejection


def worst(found: U8, expected: U8) -> int:
    return int(np.abs(found.astype(int) - expected).max())


@pytest.fixture(scope="module")
def photo() -> U8:
    return pictures.product_photo((320, 240), seed=5)


# Formats


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
    ],
)
def test_lossless_formats_come_back_exactly(photo: U8, name: str, options: dict[str, object]) -> None:
    found = accepted(pictures.encoded(photo, name, **options))
    assert np.array_equal(found.rgb, photo)
    assert (found.format, found.notes, found.alpha, found.source_size) == (name, (), None, (320, 240))


def test_jpeg_is_decoded_as_stored(photo: U8) -> None:
    data = pictures.jpeg_bytes(photo)
    found = accepted(data)
    assert found.format == "JPEG"
    assert np.array_equal(found.rgb, np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.skipif(not AvifImagePlugin.SUPPORTED, reason="this Pillow has no AVIF")
def test_avif_is_decoded(photo: U8) -> None:
    found = accepted(pictures.encoded(photo, "AVIF", quality=95))
    assert found.format == "AVIF"
    assert np.abs(found.rgb.astype(int) - photo).mean() < 3


def test_grey_becomes_rgb(photo: U8) -> None:
    grey = photo[..., 1].copy()
    found = accepted(pictures.png_bytes(grey))
    assert np.array_equal(found.rgb, np.dstack([grey] * 3))


def test_header_is_read_without_decoding(photo: U8) -> None:
    data = pictures.png_bytes(photo)
    assert read_header(data) == Header("PNG", 320, 240, 1)
    assert read_header(pictures.animation([photo, 255 - photo], "WEBP")) == Header("WEBP", 320, 240, 2)


@pytest.mark.parametrize(("name", "data"), sorted(pictures.OTHER_PICTURES.items()))
def test_pictures_of_other_kinds_are_unsupported(name: str, data: bytes) -> None:
    rejection = refused(data)
    assert rejection.code == "unsupported_format"
    assert "JPEG or PNG" in rejection.hint


@pytest.mark.parametrize(("name", "data"), sorted(pictures.NOT_PICTURES.items()))
def test_files_that_are_no_pictures(name: str, data: bytes) -> None:
    assert refused(data).code == "not_an_image"


def test_what_the_file_holds_is_said() -> None:
    assert "text" in refused(pictures.NOT_PICTURES["text.jpg"]).message
    assert "zero bytes" in refused(pictures.NOT_PICTURES["zeros.jpg"]).message
    assert "ZIP" in refused(pictures.NOT_PICTURES["archive.jpg"]).message
    assert "SVG" in refused(pictures.SVG).message


def test_svg_is_found_behind_a_byte_order_mark_and_in_utf_16() -> None:
    text = pictures.SVG.decode()
    assert sniff(b"\xef\xbb\xbf\n" + pictures.SVG) == "SVG"
    assert sniff(text.encode("utf-16")) == "SVG"
    assert sniff(b"<html><body><svg></svg></body></html>") == "HTML"


def test_camera_raw_files_that_are_tiffs_are_not_taken_for_their_thumbnails(photo: U8) -> None:
    thumbnail = pictures.encoded(photo, "TIFF", tiffinfo={254: 1})
    assert refused(thumbnail).code == "unsupported_format"
    negative = pictures.encoded(photo, "TIFF", tiffinfo={50706: b"\1\4\0\0"})
    assert refused(negative).code == "unsupported_format"


def test_extensions() -> None:
    assert {".jpg", ".heic", ".png", ".webp"} <= PHOTO_EXTENSIONS < IMAGE_LIKE_EXTENSIONS
    assert {".svg", ".psd", ".pdf", ".nef"} <= IMAGE_LIKE_EXTENSIONS - PHOTO_EXTENSIONS
    assert not {".txt", ".csv", ".zip", ".yaml"} & IMAGE_LIKE_EXTENSIONS


# Sizes


def test_empty_file() -> None:
    assert refused(b"").code == "empty_file"


def test_the_bomb_is_refused_from_its_header() -> None:
    rejection = refused(pictures.bomb_png())
    assert rejection.code == "pixel_limit_exceeded"
    assert "60000 x 60000" in rejection.message
    assert "3600.0 megapixels" in rejection.message


def _declare_huge(name: str, photo: U8) -> bytes:
    """A file whose header alone claims a huge picture."""
    data = bytearray(pictures.encoded(photo, name))
    if name == "GIF":
        struct.pack_into("<HH", data, 6, 60000, 60000)
    elif name == "BMP":
        struct.pack_into("<ii", data, 18, 60000, 60000)
    elif name == "JPEG":
        at = data.index(b"\xff\xc0")
        struct.pack_into(">HH", data, at + 5, 60000, 60000)
    elif name == "WEBP":
        canvas = struct.pack("<I", 10) + bytes(4) + (16382).to_bytes(3, "little") * 2
        data[12:12] = b"VP8X" + canvas
        struct.pack_into("<I", data, 4, len(data) - 8)
    return bytes(data)


@pytest.mark.parametrize("name", ["GIF", "BMP", "JPEG", "WEBP"])
def test_huge_pictures_are_refused_from_the_header_in_every_format(photo: U8, name: str) -> None:
    data = _declare_huge(name, photo)
    rejection = read_header(data)
    assert isinstance(rejection, Rejection)
    assert rejection.code == "pixel_limit_exceeded"
    assert refused(data).code == "pixel_limit_exceeded"


def test_the_pixel_limit_is_exact() -> None:
    data = pictures.png_bytes(np.zeros((1000, 1000), np.uint8))
    accepted(data, Limits(max_megapixels=1.0))
    assert refused(data, Limits(max_megapixels=0.999)).code == "pixel_limit_exceeded"


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ((1, 1), "too_small"),
        ((199, 400), "too_small"),
        ((400, 199), "too_small"),
        ((4000, 8), "extreme_aspect_ratio"),
        ((8, 4000), "extreme_aspect_ratio"),
        ((2401, 200), "extreme_aspect_ratio"),
        ((2400, 200), None),
        ((200, 200), None),
    ],
)
def test_small_and_long_pictures(size: tuple[int, int], code: str | None) -> None:
    found = decode_photo(pictures.png_bytes(np.full(size[::-1], 90, np.uint8)))
    assert (found.code if isinstance(found, Rejection) else None) == code


def test_long_photos_are_reduced_with_antialiasing() -> None:
    stripes = np.zeros((600, 1200, 3), np.uint8)
    stripes[:, ::2] = 255
    found = accepted(pictures.png_bytes(stripes), Limits(working_max_side=300))
    assert found.rgb.shape == (150, 300, 3)
    assert found.source_size == (1200, 600)
    assert found.notes == ("reduced_to_working_size",)
    # One-pixel stripes average to grey; without antialiasing they stay black or white.
    assert worst(found.rgb[:, 2:-2], np.full((150, 296, 3), 128, np.uint8)) <= 3


def test_a_photo_of_the_working_size_is_left_alone(photo: U8) -> None:
    found = accepted(pictures.png_bytes(photo), Limits(working_max_side=320))
    assert found.notes == ()
    assert np.array_equal(found.rgb, photo)


def test_a_progressive_jpeg_of_very_many_scans_is_refused() -> None:
    data = pictures.jpeg_bytes(np.full((2000, 2000, 3), 90, np.uint8), progressive=True)
    accepted(data)
    last = data.rindex(b"\xff\xda")
    many = data[:last] + data[last:-2] * 600 + data[-2:]
    rejection = read_header(many)
    assert isinstance(rejection, Rejection)
    assert rejection.code == "pixel_limit_exceeded"


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_once(name: str, orientation: int) -> None:
    upright = pictures.corners((360, 240))
    stored = pictures.stored_turned(upright, orientation)
    options: dict[str, object] = {"exif": pictures.exif_bytes({pictures.EXIF_ORIENTATION: orientation})}
    if name == "JPEG":
        options |= {"quality": 95, "subsampling": "4:4:4"}
    if name == "WEBP":
        options |= {"lossless": True}
    found = accepted(pictures.encoded(stored, name, **options))
    assert found.source_size == (360, 240)
    assert worst(found.rgb, upright) <= (8 if name == "JPEG" else 0)


def test_orientation_notes() -> None:
    photo = pictures.corners()
    turned = pictures.jpeg_bytes(pictures.stored_turned(photo, 6), exif={pictures.EXIF_ORIENTATION: 6})
    assert accepted(turned).notes == ("orientation_applied",)
    odd = pictures.jpeg_bytes(photo, exif={pictures.EXIF_ORIENTATION: 77})
    assert accepted(odd).notes == ()


def test_broken_exif_does_not_cost_the_photo(photo: U8) -> None:
    data = pictures.jpeg_bytes(photo)
    for block in (b"", b"II*\0\xff\xff\xff\x7f", b"\xff" * 60, b"MM\0*\0\0"):
        body = b"Exif\0\0" + block
        with_block = data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
        assert np.array_equal(accepted(with_block).rgb, accepted(data).rgb)


# Depth and colour models


def test_16_bit_colours_are_scaled() -> None:
    base = pictures.product_photo((300, 220), seed=2)
    low = np.random.default_rng(0).integers(0, 256, base.shape)
    found = accepted(pictures.png_16_bit((base.astype(np.uint16) * 256 + low).astype(np.uint16)))
    assert np.array_equal(found.rgb, base)


def test_16_bit_grey_is_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256 * 256).reshape(256, 256).astype(np.uint16)
    found = accepted(pictures.png_16_bit(ramp))
    assert found.rgb.min() == 0
    assert found.rgb.max() == 255
    assert np.abs(found.rgb[..., 0] - ramp / 257).mean() <= 1


def test_16_bit_grey_with_alpha_and_with_a_transparent_value() -> None:
    grey = np.full((240, 240), 30000, np.uint16)
    grey[60:180, 60:180] = 50000
    alpha = np.zeros_like(grey)
    alpha[60:180, 60:180] = 65535
    both = accepted(pictures.png_16_bit(np.dstack([grey, alpha])))
    keyed = accepted(pictures.png_16_bit(grey, ((b"tRNS", struct.pack(">H", 30000)),)))
    for found in (both, keyed):
        assert found.notes == ("own_alpha_kept",)
        assert found.alpha is not None
        assert np.array_equal(found.alpha > 0, alpha > 0)
        assert tuple(found.rgb[120, 120]) == (195, 195, 195)


def test_16_bit_colour_with_a_transparent_colour() -> None:
    rgb = np.full((240, 240, 3), 65535, np.uint16)
    rgb[60:180, 60:180] = (20000, 30000, 40000)
    found = accepted(pictures.png_16_bit(rgb, ((b"tRNS", struct.pack(">HHH", 65535, 65535, 65535)),)))
    assert found.alpha is not None
    assert found.alpha[0, 0] == 0
    assert found.alpha[120, 120] == 255


def test_low_depth_grey_with_a_transparent_level() -> None:
    packed = np.full((240, 60), 0b11111111, np.uint8)
    packed[60:180, 15:45] = 0b01010101
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    found = accepted(pictures.raw_png((240, 240), 2, 0, rows, ((b"tRNS", b"\0\3"),)))
    assert found.alpha is not None
    assert found.alpha[0, 0] == 0
    assert found.alpha[120, 120] == 255
    assert found.rgb[120, 120, 0] == 85


def test_one_bit_pictures() -> None:
    found = accepted(pictures.encoded(Image.fromarray(np.eye(256, dtype=np.uint8) * 255).convert("1"), "PNG"))
    assert np.array_equal(found.rgb[..., 1], np.eye(256) * 255)


def test_floating_point_and_32_bit_tiffs() -> None:
    ramp = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (256, 1))
    ramp[0, 0] = np.nan
    for samples in (ramp, ramp * 255, np.nan_to_num(ramp * 65535).astype(np.int32)):
        found = accepted(pictures.encoded(Image.fromarray(samples), "TIFF"))
        assert found.notes == ("samples_scaled_to_8_bit",)
        assert worst(found.rgb[1:, :, 0], np.tile(np.arange(256), (255, 1)).astype(np.uint8)) <= 1


@pytest.mark.parametrize("name", ["LA", "L", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "1", "P"])
def test_tiffs_of_every_usual_mode(name: str) -> None:
    grey = Image.new("RGB", (256, 256), (125, 125, 125))
    special = {"I;16": Image.new("I;16", (256, 256), 32000), "P": grey.quantize(4)}
    found = accepted(pictures.encoded(special.get(name) or grey.convert(name), "TIFF"))
    assert found.rgb.shape == (256, 256, 3)
    if name != "1":
        assert worst(found.rgb, np.full_like(found.rgb, 125)) <= 1


def test_lab_tiff_is_unsupported() -> None:
    assert refused(pictures.encoded(Image.new("LAB", (256, 256)), "TIFF")).code == "unsupported_format"


# Transparency


def test_a_cut_out_keeps_its_own_matte() -> None:
    rgba = pictures.product_cutout((300, 300), seed=4)
    found = accepted(pictures.png_bytes(rgba))
    assert found.notes == ("own_alpha_kept",)
    assert found.alpha is not None
    assert np.array_equal(found.alpha, rgba[..., 3])
    seen = rgba[..., 3] > 0
    assert np.array_equal(found.rgb[seen], rgba[seen][:, :3])
    assert (found.rgb[~seen] == 255).all()


def test_what_is_hidden_under_full_transparency_stays_hidden() -> None:
    rgba = pictures.product_cutout((300, 300))
    hidden = np.dstack([pictures.product_photo((300, 300), seed=9), np.zeros((300, 300), np.uint8)])
    assert refused(pictures.png_bytes(hidden)).code == "no_visible_content"
    rgba[rgba[..., 3] == 0, :3] = (255, 0, 255)
    for working_side in (3000, 150):
        found = accepted(pictures.png_bytes(rgba), Limits(working_max_side=working_side))
        magenta = (found.rgb[..., 0] > 200) & (found.rgb[..., 1] < 100) & (found.rgb[..., 2] > 200)
        assert not magenta.any()


def test_a_hardly_visible_picture_counts_as_transparent() -> None:
    rgba = np.dstack([pictures.product_photo((300, 300)), np.full((300, 300), 7, np.uint8)])
    assert refused(pictures.png_bytes(rgba)).code == "no_visible_content"


def test_a_hole_in_an_opaque_photo_is_laid_on_white(photo: U8) -> None:
    alpha = np.full(photo.shape[:2], 255, np.uint8)
    alpha[100:140, 100:140] = 0
    alpha[100:140, 200:240] = 128
    found = accepted(pictures.png_bytes(np.dstack([photo, alpha])))
    assert found.notes == ("alpha_laid_on_white",)
    assert found.alpha is None
    assert (found.rgb[100:140, 100:140] == 255).all()
    half = photo[100:140, 200:240] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(found.rgb[100:140, 200:240] - half).max() <= 0.5 + 1e-6
    assert np.array_equal(found.rgb[alpha == 255], photo[alpha == 255])


def test_own_alpha_needs_half_of_the_border() -> None:
    rgba = np.dstack([np.full((300, 300, 3), 80, np.uint8), np.full((300, 300), 255, np.uint8)])
    rgba[:140, :, 3] = 0
    assert accepted(pictures.png_bytes(rgba)).alpha is None
    rgba[:160, :, 3] = 0
    assert accepted(pictures.png_bytes(rgba)).alpha is not None


def test_an_opaque_alpha_channel_is_dropped_in_silence(photo: U8) -> None:
    found = accepted(pictures.png_bytes(np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])))
    assert found.notes == ()
    assert np.array_equal(found.rgb, photo)


def test_palette_transparency_is_laid_on_white_never_on_black(photo: U8) -> None:
    found = accepted(pictures.palette_png(photo, (0, 0, 40, 40)))
    assert found.notes == ("alpha_laid_on_white",)
    assert (found.rgb[:40, :40] == 255).all()
    assert np.abs(found.rgb[60:].astype(int) - photo[60:]).mean() < 4


def test_transparent_gif(photo: U8) -> None:
    image = Image.fromarray(photo).quantize(255)
    image.paste(255, (0, 0, 40, 40))
    found = accepted(pictures.encoded(image, "GIF", transparency=255))
    assert (found.rgb[:40, :40] == 255).all()


# Colour


PATCHES = np.array(
    [(200, 40, 40), (40, 160, 60), (40, 60, 180), (230, 200, 40), (128, 128, 128), (245, 245, 245), (20, 20, 20)],
    np.uint8,
)


def patches() -> U8:
    return np.repeat(np.repeat(PATCHES[None], 240, axis=0), 40, axis=1)


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("PNG", {}, 4),
        ("TIFF", {}, 4),
        ("WEBP", {"lossless": True}, 4),
        # Rounding in the JPEG by one level is widened by the conversion.
        ("JPEG", {"quality": 100, "subsampling": 0}, 6),
    ],
)
def test_a_wide_profile_is_converted_to_srgb(name: str, options: dict[str, object], tolerance: int) -> None:
    stored = pictures.adobe_rgb_encoded(patches())
    assert worst(stored, patches()) > 10
    data = pictures.encoded(stored, name, icc_profile=pictures.adobe_rgb_profile(), **options)
    found = accepted(data)
    assert found.notes == ("icc_converted_to_srgb",)
    assert worst(found.rgb[:, 20::40], patches()[:, 20::40]) <= tolerance


def test_profiles_that_are_srgb_change_nothing(photo: U8) -> None:
    found = accepted(pictures.png_bytes(photo, icc_profile=srgb_profile()))
    assert found.notes == ()
    assert np.array_equal(found.rgb, photo)


def test_a_profile_is_judged_by_its_numbers_and_not_by_its_name(photo: U8) -> None:
    green, red, blue = SRGB_PRIMARIES[1], SRGB_PRIMARIES[0], SRGB_PRIMARIES[2]
    swapped = matrix_profile("sRGB", (green, red, blue), [563])
    assert "icc_converted_to_srgb" in accepted(pictures.png_bytes(photo, icc_profile=swapped)).notes


def test_conversion_gives_the_same_pixels_every_time(photo: U8) -> None:
    data = pictures.png_bytes(photo, icc_profile=pictures.adobe_rgb_profile())
    assert np.array_equal(accepted(data).rgb, accepted(data).rgb)


@pytest.mark.parametrize(
    "profile",
    [
        b"not a profile",
        bytes(200),
        srgb_profile()[:300],
        pictures.cmyk_profile(),
        srgb_profile() + bytes(MAX_PROFILE_BYTES),
    ],
    ids=["text", "zeros", "cut", "of another colour model", "huge"],
)
def test_broken_profiles_are_ignored_aloud(photo: U8, profile: bytes) -> None:
    for data in (
        pictures.png_bytes(photo, icc_profile=profile),
        pictures.encoded(photo, "TIFF", icc_profile=profile),
    ):
        found = accepted(data)
        assert found.notes == ("broken_icc_profile_ignored",)
        assert np.array_equal(found.rgb, photo)


def test_a_grey_photo_may_carry_an_rgb_profile(photo: U8) -> None:
    grey = photo[..., 0].copy()
    found = accepted(pictures.png_bytes(grey, icc_profile=srgb_profile()))
    assert found.notes == ()
    assert np.array_equal(found.rgb[..., 0], grey)


def test_cmyk_without_profile_is_not_inverted(photo: U8) -> None:
    found = accepted(pictures.cmyk_jpeg(photo))
    assert found.notes == ("cmyk_without_profile",)
    assert np.abs(found.rgb.astype(int) - photo).mean() < 3


def test_cmyk_with_profile_goes_through_it(photo: U8) -> None:
    found = accepted(pictures.cmyk_jpeg(photo, pictures.cmyk_profile()))
    assert found.notes == ("icc_converted_to_srgb",)
    # Light stays light: white paper is white, full ink is dark.
    assert found.rgb[5, 5].min() > 200
    paper_and_ink = np.zeros((240, 240, 3), np.uint8)
    paper_and_ink[:120] = 255
    plain = accepted(pictures.cmyk_jpeg(paper_and_ink, pictures.cmyk_profile())).rgb
    assert plain[60, 60].min() >= 250
    assert plain[200, 60].max() < 120


def test_cmyk_with_a_broken_profile_says_both(photo: U8) -> None:
    found = accepted(pictures.cmyk_jpeg(photo, srgb_profile()))
    assert found.notes == ("broken_icc_profile_ignored", "cmyk_without_profile")


# Animations and files with several pictures


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_used(name: str) -> None:
    first, second = pictures.corners((300, 220)), 255 - pictures.corners((300, 220))
    found = accepted(pictures.animation([first, second], name))
    assert found.notes == ("animated_first_frame_used",)
    assert worst(found.rgb, first) <= (8 if name == "GIF" else 0)


def test_the_first_picture_of_a_multi_picture_jpeg_is_used(photo: U8) -> None:
    second = Image.fromarray(255 - photo)
    data = pictures.encoded(photo, "MPO", save_all=True, append_images=[second], quality=95)
    found = accepted(data)
    assert found.notes == ()
    assert np.abs(found.rgb.astype(int) - photo).mean() < 3


# Damage


@pytest.mark.parametrize("name", ["JPEG", "progressive JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_cut_files_are_refused_wherever_they_are_cut(photo: U8, name: str) -> None:
    data = pictures.encoded(photo, name.split()[-1], progressive=name.startswith("progressive"))
    for length in (*range(16, 1000, 97), *(int(len(data) * share) for share in (0.3, 0.6, 0.9, 0.98))):
        rejection = refused(data[:length])
        assert rejection.code == "truncated", (length, rejection)
    assert "again" in refused(data[: len(data) // 2]).hint


@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 8}, {"subsampling": 2}])
def test_a_jpeg_that_was_cut_and_closed_again_is_refused(photo: U8, options: dict[str, int]) -> None:
    data = pictures.encoded(photo, "JPEG", quality=92, **options)
    for share in (0.5, 0.7, 0.95):
        assert refused(pictures.truncated(data, share) + b"\xff\xd9").code == "truncated"


def test_a_photo_on_mid_grey_is_no_damaged_photo() -> None:
    grey = np.full((256, 256, 3), 128, np.uint8)
    grey[60:120, 60:120] = (200, 30, 30)
    for options in ({}, {"progressive": True}, {"restart_marker_blocks": 4}):
        assert accepted(pictures.jpeg_bytes(grey, **options)).notes == ()


def test_a_wrong_checksum_in_a_png_is_damage(photo: U8) -> None:
    data = bytearray(pictures.png_bytes(photo))
    data[len(data) // 2] ^= 0x10
    rejection = refused(bytes(data))
    assert rejection.code == "truncated"
    assert "checksum" in rejection.message


def test_text_that_unpacks_to_gigabytes_is_not_unpacked(photo: U8) -> None:
    data = pictures.png_bytes(photo)
    bomb = pictures.png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000)))
    header_end = 8 + 25
    found = accepted(data[:header_end] + bomb * 4 + data[header_end:])
    assert np.array_equal(found.rgb, photo)


def test_a_header_that_makes_no_sense_is_no_image() -> None:
    for start in (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBPVP8 ", b"\0\0\0\x18ftypheic\0\0\0\0"):
        rejection = refused(start + b"no picture here, just words. " * 200)
        assert rejection.code in ("not_an_image", "truncated")
        assert rejection.message


def test_broken_heic() -> None:
    brands = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic"
    announced = struct.pack(">I", 5000) + b"meta" + bytes(100)
    assert refused(brands + announced).code == "truncated"
    nonsense = struct.pack(">I", 40) + b"meta" + bytes(32)
    assert refused(brands + nonsense).code == "not_an_image"


def test_heic_without_its_reader_is_unsupported_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_heif_reader", lambda: None)
    rejection = refused(struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic")
    assert rejection.code == "unsupported_format"
    assert "HEIC" in rejection.message


def test_lack_of_memory_can_be_retried(photo: U8, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(image: Image.Image) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(decode, "_loaded", exhausted)
    rejection = refused(pictures.png_bytes(photo))
    assert (rejection.code, rejection.retryable) == ("out_of_memory", True)


def test_pillow_is_left_as_it_was(photo: U8) -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, sorted(Image.OPEN))
    accepted(pictures.jpeg_bytes(photo))
    refused(pictures.bomb_png())
    refused(struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(100))
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, sorted(Image.OPEN)) == before
    assert before[1] is False


def test_a_tiff_with_tiles_far_bigger_than_the_picture_is_refused() -> None:
    assert (accepted(pictures.tiled_tiff((256, 256), (256, 256))).rgb == 90).all()
    rejection = refused(pictures.tiled_tiff((256, 256), (40_000, 40_000)))
    assert rejection.code in ("truncated", "pixel_limit_exceeded")


# Anything at all


def _seeds(photo: U8) -> list[bytes]:
    small = np.ascontiguousarray(photo[:208, :220])
    rgba = pictures.product_cutout((220, 208))
    return [
        pictures.jpeg_bytes(small, exif={pictures.EXIF_ORIENTATION: 6}, icc_profile=srgb_profile()),
        pictures.jpeg_bytes(small, progressive=True),
        pictures.cmyk_jpeg(small),
        pictures.png_bytes(rgba, icc_profile=pictures.adobe_rgb_profile()),
        pictures.palette_png(small, (0, 0, 20, 20)),
        pictures.animation([small, small[::-1]], "GIF"),
        pictures.encoded(small, "WEBP", exif=pictures.exif_bytes({pictures.EXIF_ORIENTATION: 3})),
        pictures.encoded(small, "TIFF", compression="tiff_lzw"),
        pictures.encoded(small, "BMP"),
    ]


def _mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes changed (half of them near the start), or a piece cut out, doubled or moved."""
    changed = bytearray(data)
    kind = rng.integers(4)
    if kind < 2:
        for _ in range(rng.integers(1, 9)):
            reach = len(changed) if rng.random() < 0.5 else min(400, len(changed))
            changed[int(rng.integers(reach))] = int(rng.integers(256))
        return bytes(changed)
    first, last = sorted(int(at) for at in rng.integers(0, len(data), 2))
    if kind == 2:
        return data[:first] + data[last:]
    return data[:last] + data[first:]


def test_mutated_files_never_raise(photo: U8) -> None:
    rng = np.random.default_rng(2024)
    outcomes: dict[str, int] = {}
    seeds = _seeds(photo)
    for round_ in range(450):
        data = _mutated(seeds[round_ % len(seeds)], rng)
        found = decode_photo(data)
        code = found.code if isinstance(found, Rejection) else "photo"
        outcomes[code] = outcomes.get(code, 0) + 1
        if isinstance(found, Photo):
            assert min(found.rgb.shape[:2]) >= 16
    assert outcomes["photo"] > 20
    assert outcomes["truncated"] > 20


def test_random_bytes_never_raise() -> None:
    rng = np.random.default_rng(7)
    starts = [b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0*", b"BM", b"<svg"]
    starts += [b"RIFF\x40\0\0\0WEBPVP8X", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"]
    for round_ in range(330):
        data = starts[round_ % len(starts)] + rng.bytes(int(rng.integers(0, 3000)))
        assert isinstance(decode_photo(data), Rejection)


# The shared evaluation data


@pytest.fixture(scope="module")
def bad_files() -> Path:
    folder = os.environ.get("CATALOG_TEST_DATA")
    if not folder:
        pytest.skip("CATALOG_TEST_DATA does not name the folder of evaluation data")
    return Path(folder) / "bad"


def test_every_file_of_the_manifest(bad_files: Path) -> None:
    with (bad_files / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 34
    for row in rows:
        data = (bad_files / row["file"]).read_bytes()
        found = decode_photo(data)
        if row["expected"] in ("accept", "flag"):
            assert isinstance(found, Photo), (row["file"], found)
            continue
        assert isinstance(found, Rejection), row["file"]
        if not row["file"].endswith((".zip", ".csv")):
            assert found.code == row["reason_code"], row["file"]


def test_normalised_files_of_the_manifest(bad_files: Path) -> None:
    base = accepted((bad_files / "duplicate_a.jpg").read_bytes()).rgb

    def near(name: str) -> tuple[Photo, float]:
        found = accepted((bad_files / name).read_bytes())
        return found, float(np.abs(found.rgb.astype(int) - base).mean())

    found, distance = near("cmyk_noprofile.jpg")
    assert found.notes == ("cmyk_without_profile",)
    assert distance < 10
    assert near("rgb16.png")[1] <= 2
    found, distance = near("heic_bytes_named.jpg")
    assert found.format == "HEIC"
    assert distance < 6
    assert near("gps_exif.jpg")[1] < 3
    for name in ("animated.gif", "animated.webp"):
        found, distance = near(name)
        assert found.notes == ("animated_first_frame_used",)
        assert distance < 12
    found, _ = near("palette_trns.png")
    assert "alpha_laid_on_white" in found.notes or found.alpha is not None
    assert found.rgb[0, 0].min() == 255


def test_colour_patches_of_the_manifest(bad_files: Path) -> None:
    found = accepted((bad_files / "adobe_rgb.jpg").read_bytes())
    for index, colour in enumerate([*PATCHES, np.array([180, 120, 90], np.uint8)]):
        x, y = 340 + 140 * (index % 2), 20 + 90 * (index // 2)
        assert worst(found.rgb[y + 4 : y + 76, x + 4 : x + 116], colour) <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_of_the_manifest(bad_files: Path, orientation: int) -> None:
    found = accepted((bad_files / f"exif_orientation_{orientation}.jpg").read_bytes())
    assert found.source_size == (360, 240)
    corners = [found.rgb[10, 10], found.rgb[10, -10], found.rgb[-10, 10]]
    assert [int(np.argmax(corner)) for corner in corners] == [0, 1, 2]


def test_heic_cut_anywhere_is_refused(bad_files: Path) -> None:
    data = (bad_files / "heic_bytes_named.jpg").read_bytes()
    assert sniff(data[:64]) == "HEIC"
    for share in (0.01, 0.1, 0.5, 0.9, 0.999):
        assert refused(pictures.truncated(data, share)).code == "truncated"


def test_mutated_heic_never_raises(bad_files: Path) -> None:
    data = (bad_files / "heic_bytes_named.jpg").read_bytes()
    rng = np.random.default_rng(3)
    outcomes = {type(decode_photo(_mutated(data, rng))) for _ in range(60)}
    assert outcomes == {Photo, Rejection}
