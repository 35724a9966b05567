"""What is around a product: white or not, free or framed, with or without a shadow."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from resources.marketplaces.backdrop import measure_backdrop

U8 = NDArray[np.uint8]
SIDE = 800


def page(level: int = 255, size: tuple[int, int] = (SIDE, SIDE)) -> U8:
    """HxWx3 of one grey; size is (width, height)."""
    return np.full((size[1], size[0], 3), level, np.uint8)


def with_product(rgb: U8, share: float = 0.6, colour: tuple[int, int, int] = (150, 60, 40)) -> U8:
    """A round product in the middle."""
    height, width = rgb.shape[:2]
    cv2.circle(rgb, (width // 2, height // 2), int(share * min(width, height) / 2), colour, -1)
    return rgb


def test_a_product_on_white_is_measured() -> None:
    found = measure_backdrop(with_product(page(), 0.6))
    assert found.plain
    assert found.found
    assert found.product_size == (481, 481)
    assert found.colour == (255, 255, 255)
    assert (found.off_white, found.clear, found.framed, found.shadow) == (0, 1.0, False, 0.0)


def test_an_empty_page_shows_nothing() -> None:
    assert not measure_backdrop(page()).found


@pytest.mark.parametrize("level", [254, 250, 200])
def test_a_page_that_is_not_white_is_off_white_and_nothing_else(level: int) -> None:
    found = measure_backdrop(with_product(page(level)))
    assert found.off_white == found.border_off_white == 255 - level
    assert (found.clear, found.framed, found.shadow) == (1.0, False, 0.0)


@pytest.mark.parametrize("thickness", [(6, 6, 6, 6), (1, 1, 1, 1), (60, 60, 60, 60), (10, 30, 20, 40), (50, 50, 0, 0)])
def test_bands_along_the_edges_are_a_frame(thickness: tuple[int, int, int, int]) -> None:
    """Top, bottom, left, right; bars above and below count too. The product inside is measured without them."""
    rgb = with_product(page())
    top, bottom, left, right = thickness
    for band, width in ((rgb[:top], top), (rgb[SIDE - bottom :], bottom)):
        band[:] = 20 if width else band
    for band, width in ((rgb[:, :left], left), (rgb[:, SIDE - right :], right)):
        band[:] = 20 if width else band
    found = measure_backdrop(rgb)
    assert found.framed
    assert found.clear == 0
    assert found.off_white == 0
    assert found.product_size is not None
    assert max(found.product_size) == pytest.approx(481, abs=3)


@pytest.mark.parametrize(("gap", "width"), [(8, 1), (8, 6), (20, 3), (60, 2)])
def test_a_line_around_the_product_is_a_frame(gap: int, width: int) -> None:
    rgb = with_product(page())
    cv2.rectangle(rgb, (gap, gap), (SIDE - 1 - gap, SIDE - 1 - gap), (80, 80, 80), width)
    found = measure_backdrop(rgb)
    assert found.framed
    assert found.product_size is not None
    assert max(found.product_size) == pytest.approx(481, abs=3)


def _rounded_line() -> U8:
    rgb = with_product(page())
    for centre, turn in (((60, 60), 180), ((739, 60), 270), ((739, 739), 0), ((60, 739), 90)):
        cv2.ellipse(rgb, centre, (40, 40), turn, 0, 90, (80, 80, 80), 3)
    for start, end in (((60, 20), (739, 20)), ((60, 779), (739, 779)), ((20, 60), (20, 739)), ((779, 60), (779, 739))):
        cv2.line(rgb, start, end, (80, 80, 80), 3)
    return rgb


def test_a_line_with_round_corners_is_a_frame() -> None:
    assert measure_backdrop(_rounded_line()).framed


def _boxed(outer: int, inner: int, content: bool) -> U8:
    """A square product of `outer` pixels with a white square of `inner` in it."""
    rgb = page()
    for side, level in ((outer, 60), (inner, 255)):
        start = (SIDE - side) // 2
        rgb[start : start + side, start : start + side] = level
    return with_product(rgb, 0.3) if content else rgb


@pytest.mark.parametrize(
    "rgb",
    [_boxed(700, 0, False), _boxed(760, 0, False), _boxed(700, 600, False), _boxed(700, 600, True)],
    ids=["box", "large box", "empty picture frame", "picture frame"],
)
def test_square_products_are_no_frames(rgb: U8) -> None:
    found = measure_backdrop(rgb)
    assert not found.framed
    assert found.clear == 1.0


def test_a_square_product_on_grey_is_no_frame() -> None:
    rgb = page(190)
    rgb[30:-30, 30:-30] = 90
    found = measure_backdrop(rgb)
    assert not found.framed
    assert found.off_white == 65


def test_what_touches_the_edge_leaves_the_border_unclear_and_the_white_white() -> None:
    rgb = page()
    rgb[300:, 300:500] = 90
    found = measure_backdrop(rgb)
    assert 0.9 < found.clear < 1
    assert found.off_white == 0
    assert not found.framed
    assert found.product_size is None
    assert found.found


def test_a_scene_has_no_plain_background() -> None:
    scene = cv2.resize(np.random.default_rng(3).integers(0, 200, (40, 40, 3), dtype=np.uint8), (SIDE, SIDE))
    found = measure_backdrop(np.asarray(scene, np.uint8))
    assert not found.plain
    assert found.product_size is None
    assert found.clear == 0
    assert found.off_white > 200


def _shadowed(strength: float, blur: float, product: tuple[int, int, int] = (150, 60, 40)) -> U8:
    rgb = with_product(page(), 0.6, product)
    covered = (rgb != 255).any(axis=2)
    dark = np.zeros((SIDE, SIDE), np.float32)
    cv2.ellipse(dark, (SIDE // 2, 640), (220, 30), 0, 0, 360, strength, -1)
    dark = np.asarray(cv2.GaussianBlur(dark, (0, 0), blur), np.float32)
    dark[covered] = 0
    return np.rint(rgb * (1 - dark[..., None])).astype(np.uint8)


@pytest.mark.parametrize("product", [(150, 60, 40), (244, 244, 244), (128, 128, 128)], ids=["red", "white", "grey"])
@pytest.mark.parametrize(("strength", "blur"), [(0.35, 12), (0.35, 25), (0.12, 12)])
def test_a_soft_shadow_is_found_beside_any_product(strength: float, blur: float, product: tuple[int, int, int]) -> None:
    assert measure_backdrop(_shadowed(strength, blur, product)).shadow > 0.02
    assert measure_backdrop(_shadowed(0.0, blur, product)).shadow < 0.005


def _pale_pack(soft: int) -> U8:
    """A pack of pale foil with dark print; its right edge is blurred over 120 pixels of its height, or all along."""
    rgb = page()
    rgb[150:650, 220:580] = 241
    blurred = cv2.GaussianBlur(rgb, (0, 0), 14)
    rows = slice(400, 400 + soft)
    rgb[rows, 530:700] = blurred[rows, 530:700]
    for x, y in ((230, 160), (540, 170), (235, 610), (545, 620), (380, 380)):
        rgb[y : y + 25, x : x + 25] = (30, 60, 120)
    return rgb


@pytest.mark.parametrize("soft", [0, 20, 120, 200])
def test_a_pale_product_with_a_blurred_edge_is_no_shadow(soft: int) -> None:
    assert measure_backdrop(_pale_pack(soft)).shadow <= 0.02


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 2), (5, 3), (40, 17)])
def test_odd_sizes_are_measured(size: tuple[int, int]) -> None:
    assert measure_backdrop(page(255, size)).off_white == 0
    assert measure_backdrop(page(0, size)).off_white == 255
