"""Mattes that people give as files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from resources.matting.given import read_matte, useless
from resources.verdicts import Rejection
from tests.pictures import bomb_png, encoded, png_16_bit, png_bytes

SHAPE = (60, 90)


def ramp() -> NDArray[np.uint8]:
    """HxW: a disc with a soft edge."""
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    distance = np.hypot(y - 30, x - 45)
    return np.clip((25 - distance) * 40 + 128, 0, 255).astype(np.uint8)


def files() -> dict[str, bytes]:
    alpha = ramp()
    colours = np.dstack([np.full((*SHAPE, 3), 90, np.uint8), alpha])
    return {
        "grey": png_bytes(alpha),
        "grey as RGB": png_bytes(np.dstack([alpha] * 3)),
        "transparent": png_bytes(colours),
        "grey with alpha that hides nothing": png_bytes(
            np.dstack([alpha, alpha, alpha, np.full(SHAPE, 255, np.uint8)])
        ),
        "16 bits": png_16_bit(alpha.astype(np.uint16) * 257),
        "WebP": encoded(colours, "WEBP", lossless=True, exact=True),
        "TIFF": encoded(alpha, "TIFF"),
    }


@pytest.mark.parametrize("name", files())
def test_transparency_counts_else_grey_levels(name: str) -> None:
    found = read_matte(files()[name], SHAPE)
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.uint8
    assert np.array_equal(found, ramp())


@pytest.mark.parametrize("scale", [0.5, 3])
def test_another_size_of_the_same_shape_is_resized(scale: float) -> None:
    size = (round(SHAPE[1] * scale), round(SHAPE[0] * scale))
    data = encoded(Image.fromarray(ramp()).resize(size), "PNG")
    found = read_matte(data, SHAPE)
    assert isinstance(found, np.ndarray)
    assert found.shape == SHAPE
    assert np.abs(found.astype(int) - ramp()).mean() < 6


@pytest.mark.parametrize(("size", "fits"), [((91, 60), True), ((90, 61), True), ((94, 60), False), ((60, 90), False)])
def test_another_shape_is_refused_beyond_two_per_cent(size: tuple[int, int], fits: bool) -> None:
    found = read_matte(encoded(Image.fromarray(ramp()).resize(size), "PNG"), SHAPE)
    assert isinstance(found, np.ndarray) is fits
    if isinstance(found, Rejection):
        assert found.code == "bad_matte"
        assert f"{size[0]} x {size[1]} pixels, but the original has 90 x 60" in found.message


def bmp() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(ramp()).save(buffer, "BMP")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"not a picture", bmp(), bomb_png(), png_bytes(ramp())[:200]],
    ids=["empty", "text", "bmp", "bomb", "cut"],
)
def test_a_file_that_is_no_matte_is_refused_in_words(data: bytes) -> None:
    found = read_matte(data, SHAPE)
    assert isinstance(found, Rejection)
    assert (found.code, found.hint[:4]) == ("bad_matte", "Give")
    assert found.message


def test_a_matte_must_show_something_and_leave_something_out() -> None:
    alpha = ramp()
    assert useless(alpha) == ""
    assert "empty" in useless(np.zeros(SHAPE, np.uint8))
    assert "empty" in useless(np.full(SHAPE, 127, np.uint8))
    assert "full" in useless(np.full(SHAPE, 255, np.uint8))
