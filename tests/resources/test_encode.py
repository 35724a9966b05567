"""encode: exact where it says lossless, small where it says small, no metadata, the same bytes every time."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from resources.imaging.decode import Photo, decode_photo
from resources.imaging.encode import (
    jpeg,
    png_grey,
    png_rgba,
    preview,
    read_grey,
    read_rgb,
    read_rgba,
    thumbnail_jpeg,
    webp_lossless,
)
from resources.imaging.icc import srgb_profile
from tests import pictures


@pytest.fixture(scope="module")
def photo() -> pictures.U8:
    return pictures.product_photo((640, 480), seed=6)


@pytest.fixture(scope="module")
def cutout() -> pictures.U8:
    return pictures.product_cutout((320, 260), seed=6)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_png_keeps_every_pixel_and_what_is_under_alpha_0(cutout: pictures.U8) -> None:
    assert np.array_equal(read_rgba(png_rgba(cutout)), cutout)


def test_grey_png_keeps_every_pixel(cutout: pictures.U8) -> None:
    data = png_grey(cutout[..., 3])
    assert opened(data).mode == "L"
    assert np.array_equal(read_grey(data), cutout[..., 3])


def test_lossless_webp_keeps_every_pixel(photo: pictures.U8) -> None:
    data = webp_lossless(photo)
    assert opened(data).format == "WEBP"
    assert np.array_equal(read_rgb(data), photo)


def test_views_of_arrays_are_written_as_they_look(photo: pictures.U8) -> None:
    assert np.array_equal(read_rgb(webp_lossless(photo[::-1, ::2])), photo[::-1, ::2])


def test_jpeg_is_close_and_tells_its_colour_space(photo: pictures.U8) -> None:
    data = jpeg(photo)
    image = opened(data)
    assert image.info["icc_profile"] == srgb_profile()
    assert image.info.get("progressive") == 1
    assert JpegImagePlugin.get_sampling(image) == 0  # 4:4:4
    assert np.abs(read_rgb(data).astype(int) - photo).mean() < 2
    assert "icc_profile" not in opened(jpeg(photo, icc=False)).info
    assert len(jpeg(photo, quality=70, subsampling="4:2:0")) < len(data)


def test_our_jpeg_comes_back_through_the_front_door(photo: pictures.U8) -> None:
    found = decode_photo(jpeg(photo))
    assert isinstance(found, Photo)
    assert found.notes == ()


WRITERS: dict[str, Callable[[pictures.U8, pictures.U8], bytes]] = {
    "png_rgba": lambda photo, cutout: png_rgba(cutout),
    "png_grey": lambda photo, cutout: png_grey(cutout[..., 3]),
    "webp_lossless": lambda photo, cutout: webp_lossless(photo),
    "jpeg": lambda photo, cutout: jpeg(photo),
    "preview": lambda photo, cutout: preview(photo),
    "preview of a cut-out": lambda photo, cutout: preview(cutout),
    "thumbnail_jpeg": lambda photo, cutout: thumbnail_jpeg(photo),
}


@pytest.mark.parametrize("name", WRITERS)
def test_same_pixels_same_bytes_and_no_metadata(name: str, photo: pictures.U8, cutout: pictures.U8) -> None:
    data = WRITERS[name](photo, cutout)
    assert data == WRITERS[name](photo.copy(), cutout.copy())
    image = opened(data)
    assert not image.getexif()
    harmless = {"icc_profile", "jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"}
    harmless |= {"loop", "background", "timestamp", "duration"}  # Pillow says these of any WebP
    assert set(image.info) <= harmless
    for marker in (b"Exif", b"http://", b"tEXt", b"tIME", b"pHYs", b"XMP ", b"EXIF"):
        assert marker not in data


def test_preview_is_small_and_never_enlarged(photo: pictures.U8) -> None:
    image = opened(preview(photo))
    assert (image.format, image.mode, image.size) == ("WEBP", "RGB", (480, 360))
    assert opened(preview(photo, side=100)).size == (100, 75)
    assert opened(preview(photo[:50, :60])).size == (60, 50)
    assert opened(preview(photo[:1, :640], side=100)).size == (100, 1)


def test_preview_keeps_transparency(cutout: pictures.U8) -> None:
    image = opened(preview(cutout, side=160))
    assert (image.mode, image.size) == ("RGBA", (160, 130))
    alpha = np.asarray(image)[..., 3]
    assert alpha[2, 2] == 0
    assert alpha[65, 80] == 255


@pytest.mark.parametrize("max_bytes", [10_000, 3_000, 1_000])
def test_thumbnails_fit_whatever_the_picture(max_bytes: int, photo: pictures.U8) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    for picture in (photo, noise, np.full((3000, 20, 3), 7, np.uint8)):
        data = thumbnail_jpeg(picture, max_bytes=max_bytes)
        assert len(data) <= max_bytes
        assert opened(data).format == "JPEG"
    assert max(opened(thumbnail_jpeg(photo)).size) == 160


def test_noise_at_full_size_would_not_fit() -> None:
    """The picture above does need the search."""
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    assert len(jpeg(noise, quality=85, icc=False)) > 10_000
    assert len(thumbnail_jpeg(noise)) <= 10_000


def test_a_thumbnail_of_nothing_is_an_error(photo: pictures.U8) -> None:
    with pytest.raises(ValueError, match="fits in 100 bytes"):
        thumbnail_jpeg(photo, max_bytes=100)


def test_wrong_arrays_are_errors(photo: pictures.U8, cutout: pictures.U8) -> None:
    with pytest.raises(ValueError, match="expected uint8 with 4 channel"):
        png_rgba(photo)
    with pytest.raises(ValueError, match="expected uint8 with 1 channel"):
        png_grey(photo)
    with pytest.raises(ValueError, match="expected uint8 with 3 channel"):
        jpeg(cutout)
    with pytest.raises(ValueError, match="found float64"):
        webp_lossless(photo.astype(np.float64))
    with pytest.raises(ValueError, match="expected uint8 with 3 channel"):
        preview(cutout[..., 3])


def test_readers_refuse_another_kind_of_picture(photo: pictures.U8, cutout: pictures.U8) -> None:
    with pytest.raises(ValueError, match="mode RGBA, expected RGB"):
        read_rgb(png_rgba(cutout))
    with pytest.raises(ValueError, match="mode RGB, expected RGBA"):
        read_rgba(webp_lossless(photo))
    with pytest.raises(ValueError, match="mode RGB, expected L"):
        read_grey(jpeg(photo))


def test_what_was_read_can_be_changed(cutout: pictures.U8) -> None:
    read = read_rgba(png_rgba(cutout))
    read[0, 0] = 1
    assert (read[0, 0] == 1).all()


def test_a_very_textured_picture_is_encoded() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    assert read_rgb(jpeg(noise, quality=95)).shape == noise.shape
