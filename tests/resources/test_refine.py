from __future__ import annotations

import cv2
import numpy as np
import pytest

from resources.imaging.alpha import UNKNOWN
from resources.imaging.colour import reduced
from resources.matting.band import band_of_mask
from resources.matting.refine import EdgeRefiner
from resources.matting.shapes import resize_mask

PRODUCT, WALL = (150, 60, 40), (120, 160, 190)
_FINE = 4


def drawn(side: int, draw: str, seed: int = 0) -> np.ndarray:
    """Exact alpha 0..1 of a shape, drawn at four times the size."""
    rng = np.random.default_rng(seed)
    large = np.zeros((side * _FINE, side * _FINE), np.uint8)
    centre = side * _FINE // 2
    if draw == "box":
        corners = cv2.boxPoints(((centre, centre), (side * 2.0, side * 1.4), 17.0)).astype(np.int32)
        cv2.fillPoly(large, [corners], 255, cv2.LINE_AA)
    else:
        cv2.circle(large, (centre, centre), side, 255, -1, cv2.LINE_AA)
    if draw == "hair":
        for angle in rng.uniform(0, 2 * np.pi, 260):
            start = centre + 0.95 * side * np.array([np.cos(angle), np.sin(angle)])
            bent = angle + rng.normal(0, 0.3)
            end = start + rng.uniform(0.05, 0.13) * side * np.array([np.cos(bent), np.sin(bent)])
            cv2.line(large, start.astype(int).tolist(), end.astype(int).tolist(), 255, _FINE + 2, cv2.LINE_AA)
    if draw == "wire":
        cv2.ellipse(large, (centre, centre - side), (side // 2, side // 2), 0, 0, 360, 255, 2 * _FINE, cv2.LINE_AA)
    return cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def photographed(alpha: np.ndarray, seed: int = 0) -> np.ndarray:
    """A product of that alpha before a wall, both a little uneven, with noise."""
    rng = np.random.default_rng(seed)
    height, width = alpha.shape
    uneven = cv2.resize(rng.normal(0, 10, (height // 20, width // 20)).astype(np.float32), (width, height))[..., None]
    a = alpha[..., None]
    photo = (
        a * (np.array(PRODUCT) + uneven) + (1 - a) * (np.array(WALL) - uneven) + rng.normal(0, 2, (height, width, 3))
    )
    return np.clip(np.rint(photo), 0, 255).astype(np.uint8)


def body_only(alpha: np.ndarray, reach: int) -> np.ndarray:
    """The mask as a detector draws it: without anything thinner than `reach`."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return cv2.morphologyEx((alpha > 0.5).astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0


def error(alpha: np.ndarray, truth: np.ndarray) -> float:
    return float(np.square(alpha / 255 - truth).mean())


def test_hair_that_the_mask_leaves_out_is_found() -> None:
    truth = drawn(400, "hair")
    mask = body_only(truth, 15)
    alpha = EdgeRefiner().refine(photographed(truth), mask)
    assert error(alpha, truth) < 0.5 * error(mask * 255, truth)
    hair = (truth > 0.5) & ~mask
    assert (alpha[hair] > 127).mean() > 0.4


def test_the_band_is_wide_at_hair_and_narrow_at_a_crisp_edge() -> None:
    widths = []
    for shape in ("hair", "disc"):
        truth = drawn(400, shape)
        band = band_of_mask(photographed(truth), body_only(truth, 15), 2.4, 8.8)
        widths.append((band.trimap() == UNKNOWN).sum())
    assert widths[0] > 2 * widths[1]


@pytest.mark.parametrize("shape", ["box", "disc"])
def test_a_crisp_edge_stays_crisp_and_on_its_place(shape: str) -> None:
    truth = drawn(400, shape)
    alpha = EdgeRefiner().refine(photographed(truth), truth > 0.5)
    assert ((alpha > 12) & (alpha < 243)).sum() < 2.5 * ((truth > 0.05) & (truth < 0.95)).sum()
    assert np.abs(alpha / 255 - truth)[(truth == 0) | (truth == 1)].mean() < 0.003
    assert ((alpha > 127) != (truth > 0.5)).sum() < 0.2 * ((truth > 0) & (truth < 1)).sum()


def test_a_mask_two_pixels_too_large_is_drawn_back() -> None:
    truth = drawn(400, "disc")
    mask = cv2.dilate((truth > 0.5).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    alpha = EdgeRefiner().refine(photographed(truth), mask)
    assert ((alpha > 127) != (truth > 0.5)).sum() < 0.2 * (mask != (truth > 0.5)).sum()


def test_a_wire_is_not_lost() -> None:
    truth = drawn(400, "wire")
    alpha = EdgeRefiner().refine(photographed(truth), truth > 0.5)
    wire = (truth > 0.9) & ~body_only(truth, 9)
    assert wire.sum() > 200
    assert (alpha[wire] > 150).mean() > 0.97


def test_a_long_soft_edge_keeps_its_gradient() -> None:
    y, x = np.mgrid[0:400, 0:400].astype(np.float32)
    truth = np.clip((100 - np.hypot(x - 200, y - 200)) / 5 + 0.5, 0, 1)
    alpha = EdgeRefiner().refine(photographed(truth), truth > 0.5)
    assert error(alpha, truth) < 0.35 * error((truth > 0.5) * 255, truth)


def test_sure_pixels_are_exactly_0_or_255() -> None:
    truth = drawn(400, "hair")
    photo, mask = photographed(truth), truth > 0.5
    refiner = EdgeRefiner()
    known, alpha = refiner.trimap(photo, mask), refiner.refine(photo, mask)
    assert (alpha[known == 0] == 0).all()
    assert (alpha[known == 255] == 255).all()
    assert (known == UNKNOWN).any()


@pytest.mark.parametrize("full", [False, True])
def test_a_mask_without_an_outline_stays_what_it_is(full: bool) -> None:
    photo = photographed(drawn(300, "disc"))
    mask = np.full((30, 30), full)
    assert (EdgeRefiner().refine(photo, mask) == 255 * full).all()
    assert (EdgeRefiner().trimap(photo, mask) == 255 * full).all()


def test_a_product_cut_by_the_frame_is_opaque_there() -> None:
    truth = np.zeros((300, 300), np.float32)
    truth[150:] = 1
    alpha = EdgeRefiner().refine(photographed(truth), truth > 0.5)
    assert (alpha[-1] == 255).all()
    assert (alpha[170:, 0] == 255).all()


def test_a_mask_of_some_pixels_is_followed_where_nothing_is_sure() -> None:
    truth = np.zeros((300, 300), np.float32)
    truth[150, 100:200] = 1
    alpha = EdgeRefiner().refine(photographed(truth), truth > 0.5)
    assert (alpha[150, 105:195] > 60).all()
    assert not alpha[:140].any()


def test_a_large_photo_is_refined_in_tiles_as_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = drawn(900, "hair")
    photo, mask = photographed(truth), body_only(truth, 15)
    monkeypatch.setattr("resources.matting.refine._LARGEST_AT_ONCE", 400)
    monkeypatch.setattr("resources.matting.refine._FIRST_SIDE", 400)
    monkeypatch.setattr("resources.matting.refine._TILE", 900)
    whole = EdgeRefiner().refine(photo, mask)
    monkeypatch.setattr("resources.matting.refine._TILE", 128)
    parts = EdgeRefiner().refine(photo, mask)
    assert np.abs(parts.astype(int) - whole).max() <= 2
    assert error(whole, truth) < 0.6 * error(mask * 255, truth)


def test_a_large_photo_gets_an_edge_as_crisp_as_its_own() -> None:
    large = drawn(1800, "disc")
    photo = photographed(large)
    small = resize_mask(large > 0.5, (450, 450))
    alpha = EdgeRefiner().refine(photo, small)
    assert ((alpha > 12) & (alpha < 243)).sum() < 4 * ((large > 0.05) & (large < 0.95)).sum()
    assert ((alpha > 127) != (large > 0.5)).sum() < 0.5 * ((large > 0) & (large < 1)).sum()


def test_refining_twice_gives_the_same_bytes() -> None:
    truth = drawn(300, "hair")
    photo, mask = photographed(truth), body_only(truth, 11)
    refiner = EdgeRefiner()
    assert (refiner.refine(photo, mask) == refiner.refine(photo, mask)).all()


def test_reduced_never_enlarges() -> None:
    photo = photographed(drawn(200, "disc"))
    assert reduced(photo, 500) is photo
    assert reduced(photo[:, :100], 50).shape == (50, 25, 3)
