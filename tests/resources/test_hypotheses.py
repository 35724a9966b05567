"""What the embedded engine considers: closed edges, border surfaces, cast shadows, and what it tells of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from resources.engines import Engines
from resources.imaging.alpha import Rgb
from resources.matting.background import border_distance, shadow_likeness, surroundings
from resources.matting.cast_shadow import take_off_shadow
from resources.matting.edge_closure import enclosed
from resources.matting.engine import Matte
from resources.matting.gate import default_thresholds, judge_matte
from resources.matting.saliency import to_lab
from resources.matting.shapes import overlap, resize_mask

SIDE = 320


def grained(picture: np.ndarray, seed: int = 0) -> Rgb:
    noise = np.random.default_rng(seed).normal(0, 1.2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def disc(centre: tuple[int, int], radius: int, side: int = SIDE) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2


def sweep(side: int = SIDE) -> np.ndarray:
    """A warm grey sweep that darkens to the right and downwards."""
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    return np.array((214, 208, 200), np.float32) * (1.05 - 0.3 * x - 0.15 * y)[..., None]


def with_shadow(picture: np.ndarray, product: np.ndarray, colour: tuple[int, int, int]) -> tuple[Rgb, np.ndarray]:
    """The product with a soft shadow to its right; and where the shadow is clearly seen."""
    cast = np.roll(product, 40, axis=1)
    shade = cv2.GaussianBlur(cast.astype(np.float32), (0, 0), 8)
    lit = picture * (1 - 0.45 * shade)[..., None]
    soft = cv2.GaussianBlur(product.astype(np.float32), (0, 0), 0.7)[..., None]
    photo = lit * (1 - soft) + np.array(colour, np.float32) * soft
    return grained(photo), (shade > 0.6) & ~product


def cut(photo: Rgb) -> Matte:
    return Engines(matting="classical").matting_engine().segment([photo])[0]


def test_border_surfaces_follow_falling_light() -> None:
    product = disc((160, 170), 60)
    photo = sweep()
    photo[product] = (150, 60, 40)
    distance = border_distance(to_lab(grained(photo)))
    assert np.percentile(distance[~product], 99) < 8 < np.percentile(distance[product], 1)


def test_border_surfaces_know_a_wall_and_a_table() -> None:
    photo = sweep()
    photo[200:] = (120, 84, 52)
    product = disc((160, 170), 50)
    photo[product] = (40, 90, 170)
    distance = border_distance(to_lab(grained(photo)))
    background = ~product & (np.abs(np.arange(SIDE) - 200) > 4)[:, None]
    assert np.percentile(distance[background], 99) < np.percentile(distance[product], 1)


def test_surroundings_are_carried_on_behind_the_product() -> None:
    photo = sweep()
    lab = to_lab(photo.astype(np.uint8))
    around = surroundings(lab, disc((160, 160), 70))
    assert np.abs(around.colour - lab).mean() < 3


def test_a_shadow_is_its_ground_with_less_light() -> None:
    product = disc((130, 160), 55)
    photo, shadow = with_shadow(sweep(), product, (160, 50, 40))
    lab = to_lab(photo)
    likeness = shadow_likeness(lab, surroundings(lab, product | shadow))
    assert likeness[shadow].mean() > 0.9
    assert likeness[cv2.erode(product.astype(np.uint8), np.ones((7, 7))) > 0].mean() < 0.05


def test_the_cast_shadow_is_taken_off_and_the_product_stays() -> None:
    product = disc((130, 160), 55)
    photo, shadow = with_shadow(sweep(), product, (160, 50, 40))
    left = take_off_shadow(to_lab(photo), product | shadow)
    assert overlap(product | shadow, product) < 0.75
    assert overlap(left, product) > 0.95


def test_a_mask_without_shadow_keeps_its_outline() -> None:
    product = disc((160, 160), 60)
    photo = sweep()
    photo[product] = (30, 60, 150)
    assert overlap(take_off_shadow(to_lab(grained(photo)), product), product) > 0.98


@pytest.mark.parametrize("mask", [np.zeros((60, 60), bool), np.ones((60, 60), bool)], ids=["empty", "full"])
def test_taking_off_the_shadow_of_nothing_changes_nothing(mask: np.ndarray) -> None:
    lab = to_lab(grained(np.full((60, 60, 3), 200.0)))
    assert (take_off_shadow(lab, mask) == mask).all()


def test_closed_edges_find_white_on_white() -> None:
    product = disc((160, 160), 80)
    photo = np.full((SIDE, SIDE, 3), 250.0)
    photo[product] = 246
    ring = product & ~disc((160, 160), 77)
    photo[ring] = 228
    found = enclosed(to_lab(cv2.GaussianBlur(photo, (0, 0), 0.8).astype(np.uint8)))
    assert overlap(found, product) > 0.93


def test_closed_edges_keep_a_real_hole_open_to_the_outside_only() -> None:
    """A line that does not close encloses nothing."""
    photo = np.full((SIDE, SIDE, 3), 250.0)
    photo[100:220, 100:103] = 120
    photo[100:103, 100:220] = 120
    assert not enclosed(to_lab(photo.astype(np.uint8)))[130:, 130:].any()


def test_the_engine_takes_the_shadow_off() -> None:
    product = disc((150, 170), 62)
    photo, shadow = with_shadow(sweep(), product, (160, 50, 40))
    matte = cut(photo)
    assert overlap(matte.alpha > 127, product) > 0.95
    assert (matte.alpha[shadow] > 127).mean() < 0.1


def test_hypotheses_are_distinct_named_and_start_with_the_one_that_was_taken() -> None:
    photo = sweep()
    photo[200:] = (120, 84, 52)
    product = disc((150, 180), 60)
    photo[product] = (190, 170, 150)
    matte = cut(grained(photo))
    masks = [one.mask for one in matte.hypotheses]
    assert 1 <= len(masks) <= 5
    assert len({one.name for one in matte.hypotheses}) == len(masks)
    assert matte.notes == (f"route_{matte.hypotheses[0].name}",)
    assert overlap(resize_mask(masks[0], (SIDE, SIDE)), matte.alpha > 127) > 0.85
    for i, mask in enumerate(masks):
        for other in masks[:i]:
            assert overlap(resize_mask(other, (mask.shape[1], mask.shape[0])), mask) < 0.97


def test_the_record_of_the_run_says_what_the_gate_says() -> None:
    matte = cut(grained(sweep()))
    verdict = judge_matte(matte.measures, default_thresholds(matte.made_by))
    (run,) = matte.runs
    assert (run.engine, matte.made_by) == ("classical", "classical")
    assert (run.decision, run.score, run.decided_by) == (verdict.decision, verdict.score, verdict.decided_by or "")


def test_a_large_shadow_is_a_doubt() -> None:
    good = {**cut(with_shadow(sweep(), disc((150, 170), 62), (160, 50, 40))[0]).measures, "cast_shadow": 0.0}
    limit = default_thresholds("classical").cast_shadow
    assert judge_matte(good, default_thresholds("classical")).decided_by != "cast_shadow"
    doubtful = judge_matte({**good, "cast_shadow": limit + 0.05}, default_thresholds("classical"))
    assert doubtful.decision == "review"
    assert any(number.name == "cast_shadow" and not number.passed for number in doubtful.measures)
