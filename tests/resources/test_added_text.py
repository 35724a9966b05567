"""Text that was added to a product picture is told from the product's own print, by the nets that really read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from resources.marketplaces.added_text import PlacedLine, placed_lines, unknown_lines
from resources.marketplaces.compliance import check
from resources.marketplaces.inspection import Inspection, inspect_picture
from resources.marketplaces.rule_files import load_rules
from resources.quality.printed_text import Line, read_lines
from resources.verdicts import Verdict
from tests.pictures import png_bytes

U8 = NDArray[np.uint8]
SIDE = 1000
RULES = load_rules().rules
PRINT = ["GREEN TEA", "20 BAGS", "ORGANIC"]


def write(rgb: U8, text: str, at: tuple[int, int], size: int, ink: tuple[int, int, int] = (20, 20, 20)) -> U8:
    """Text with its middle at a pixel."""
    image = Image.fromarray(rgb)
    ImageDraw.Draw(image).text(at, text, fill=ink, font=ImageFont.load_default(size), anchor="mm")
    return np.array(image)


def pack(colour: tuple[int, int, int] = (200, 220, 150)) -> U8:
    """A printed pack on white."""
    rgb = np.full((SIDE, SIDE, 3), 255, np.uint8)
    rgb[100:900, 250:750] = colour
    for row, text in enumerate(PRINT):
        rgb = write(rgb, text, (500, 300 + 150 * row), 70)
    return rgb


@cache
def _placed(data: bytes) -> tuple[PlacedLine, ...]:
    found = inspect_picture(data)
    assert isinstance(found, Inspection)
    assert found.backdrop is not None
    return placed_lines(data, found.backdrop, read_lines)


def added(rgb: U8, known: Sequence[str] | None = None) -> list[str]:
    return [line.text for line in unknown_lines(_placed(png_bytes(rgb)), known)]


def test_the_products_own_print_is_no_added_text() -> None:
    assert sorted(line.text for line in _placed(png_bytes(pack()))) == sorted(PRINT)
    assert all(line.on_product for line in _placed(png_bytes(pack())))
    assert added(pack()) == []
    assert added(pack(), PRINT) == []
    assert added(pack(), ["ORGANIC GREEN", "TEA", "20 BAGS"]) == []


@pytest.mark.parametrize("known", [None, PRINT, [*PRINT, "NEW"]])
def test_text_in_the_white_is_added_whatever_the_product_says(known: list[str] | None) -> None:
    assert added(write(pack(), "SALE", (120, 60), 50), known) == ["SALE"]


def test_words_of_the_product_beside_it_are_added() -> None:
    assert added(write(pack(), "GREEN TEA", (150, 50), 40), PRINT) == ["GREEN TEA"]


def test_text_across_the_outline_is_added() -> None:
    assert added(write(pack(), "BEST PRICE", (250, 820), 60)) != []


def test_a_badge_beside_the_product_is_no_product() -> None:
    rgb = pack()
    cv2.circle(rgb, (120, 120), 90, (200, 30, 30), -1)
    assert added(write(rgb, "SALE", (120, 120), 60, (255, 255, 255))) == ["SALE"]


def test_text_on_the_product_is_added_if_its_photo_does_not_have_it() -> None:
    rgb = write(pack(), "SUPER DEAL", (500, 800), 60)
    assert added(rgb) == []
    assert added(rgb, PRINT) == ["SUPER DEAL"]
    assert added(rgb, [*PRINT, "SUPER DEAL"]) == []


def test_a_white_pack_that_is_lost_in_the_white_keeps_its_known_print() -> None:
    """Only the lid and the bottom stand out; the print between them stands alone."""
    rgb = np.full((SIDE, SIDE, 3), 255, np.uint8)
    rgb[80:200, 250:750] = rgb[800:920, 250:750] = 120
    rgb = write(rgb, "GREEN TEA", (500, 500), 70)
    assert added(rgb, PRINT) == []
    assert added(rgb, ["COFFEE"]) == ["GREEN TEA"]


def test_letters_may_be_the_product() -> None:
    rgb = write(np.full((SIDE, SIDE, 3), 255, np.uint8), "HOME", (500, 500), 330)
    assert added(rgb) == []


def test_small_print_in_the_corner_is_seen_beside_a_large_product() -> None:
    rgb = np.full((SIDE, SIDE, 3), 255, np.uint8)
    cv2.circle(rgb, (500, 500), 430, (235, 235, 235), 60)
    assert added(write(rgb, "www.shop.com", (110, 40), 24, (200, 20, 20))) == ["www.shop.com"]


def _line(text: str, score: float, *, on_product: bool, height: float = 0.05) -> PlacedLine:
    return PlacedLine(text, score, height, on_product, on_product)


def test_doubtful_short_and_small_readings_are_not_believed() -> None:
    doubtful = [
        _line("SALE", 0.7, on_product=False),
        _line("I", 0.99, on_product=False),
        _line("XYLO", 0.9, on_product=True),
        _line("ABC", 0.99, on_product=True),
        _line("small print", 0.99, on_product=True, height=0.02),
    ]
    assert unknown_lines(doubtful, ["SOMETHING"]) == []
    believed = [_line("SALE", 0.85, on_product=False), _line("XYLO", 0.95, on_product=True)]
    assert unknown_lines(believed, ["SOMETHING"]) == believed
    assert unknown_lines(believed, []) == believed


class Counting:
    """The real reader, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, picture: U8) -> tuple[Line, ...]:
        self.asked += 1
        return read_lines(picture)


def judged(data: bytes, marketplace: str, **options: object) -> Verdict:
    return check(data, "B1.MAIN.png", RULES[marketplace], "main", **options)  # type: ignore[arg-type]


def measured(verdict: Verdict) -> dict[str, tuple[float, bool]]:
    return {one.name: (one.value, one.threshold is None) for one in verdict.measures}


def test_many_marketplaces_read_a_picture_once() -> None:
    reader = Counting()
    data = png_bytes(pack((200, 220, 151)))
    for marketplace in RULES:
        judged(data, marketplace, reader=reader)
    assert reader.asked == 1


def test_without_a_reader_the_rule_says_that_nobody_looked() -> None:
    data = png_bytes(write(pack(), "SALE", (120, 60), 50))
    assert measured(judged(data, "amazon"))["text_absent"] == (-1.0, True)
    assert "text_absent" not in measured(judged(data, "etsy"))
    seen = judged(data, "amazon", reader=read_lines)
    assert measured(seen)["text_absent"] == (0.0, False)
    assert measured(seen)["text_on_product"] == (3.0, True)
    assert "'SALE'" in seen.message


def test_a_scene_has_no_place_beside_the_product() -> None:
    noise = np.random.default_rng(5).integers(90, 200, (25, 25, 3), dtype=np.uint8)
    rgb = np.asarray(cv2.resize(noise, (SIDE, SIDE)), np.uint8)
    data = png_bytes(write(rgb, "GREEN TEA", (500, 500), 90))
    assert [line.on_product for line in _placed(data)] == [True]
    buffer = io.BytesIO(data)
    assert Image.open(buffer).size == (SIDE, SIDE)
