"""What a provider delivered: pictures that are used, and what only looks like one."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from resources.scenes.cloud.picture import NoPictureError, picture_of

SIZE = (192, 128)


def encoded(size: tuple[int, int] = SIZE, kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    rng = np.random.default_rng(3)
    image = Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), np.uint8)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_of_the_right_size_is_taken(kind: str) -> None:
    picture = picture_of(encoded(kind=kind), SIZE)
    assert picture.shape == (128, 192, 3)
    assert picture.dtype == np.uint8


def test_a_lossless_picture_of_the_right_size_is_taken_to_the_bit() -> None:
    data = encoded()
    assert np.array_equal(picture_of(data, SIZE), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("size", [(384, 256), (96, 64), (193, 128), (191, 128)])
def test_the_same_proportions_within_a_percent_are_resized(size: tuple[int, int]) -> None:
    assert picture_of(encoded(size), SIZE).shape == (128, 192, 3)


@pytest.mark.parametrize(
    ("data", "whole", "words"),
    [
        (b"", False, "empty_file"),
        (b"<html>" * 9, False, "not_an_image"),
        (b'{"detail": "not here"}', False, "not_an_image"),
        (encoded()[:-400], False, "truncated"),
        (encoded(kind="JPEG")[:900], False, "truncated"),
        (encoded(kind="GIF"), False, "GIF file"),
        (encoded(kind="TIFF"), False, "TIFF file"),
        (encoded((128, 192)), True, "128 x 192 pixels, 192 x 128"),
        (encoded((195, 128)), True, "same proportions"),
        (encoded((640, 64)), False, "extreme_aspect_ratio"),
        (encoded((24, 16)), False, "too_small"),
    ],
)
def test_what_is_no_usable_picture(data: bytes, whole: bool, words: str) -> None:
    with pytest.raises(NoPictureError) as caught:
        picture_of(data, SIZE)
    assert words in caught.value.message
    assert caught.value.whole == whole


def test_too_small_to_be_enlarged() -> None:
    with pytest.raises(NoPictureError, match="150 x 100 pixels, too few for 600 x 400"):
        picture_of(encoded((150, 100)), (600, 400))


def test_a_cut_out_is_no_scene() -> None:
    rgba = np.zeros((128, 192, 4), np.uint8)
    rgba[20:40, 20:40] = 255
    buffer = io.BytesIO()
    Image.fromarray(rgba).save(buffer, "PNG")
    with pytest.raises(NoPictureError, match="transparent"):
        picture_of(buffer.getvalue(), SIZE)
