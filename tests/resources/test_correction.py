"""Photo correction: light measured on surroundings, tilt on lines, and everything in doubt left alone."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from resources.imaging.alpha import over
from resources.imaging.colour import rgb_to_lab, srgb_to_linear
from resources.imaging.correction import GENTLE, OFF, Correction, CorrectionLimits, apply, estimate
from resources.imaging.level import find_tilt, turned
from tests.lit_photos import lit, room, sheet
from tests.pictures import product_cutout

U8 = NDArray[np.uint8]
NO_TURN = replace(GENTLE, straighten=0.0)


def chroma_of_border(photo: U8) -> float:
    lab = np.median(rgb_to_lab(photo[:20].reshape(-1, 3)), axis=0)
    return float(np.hypot(lab[1], lab[2]))


@pytest.mark.parametrize("gains", [(1.03, 1.0, 0.96), (0.97, 1.0, 1.03), (1.02, 1.0, 0.95)])
def test_a_cast_on_a_white_sheet_is_taken_out(gains: tuple[float, float, float]) -> None:
    photo = lit(sheet((236, 236, 236)), gains)
    found = estimate(photo, NO_TURN)
    assert "white_balanced" in found.notes
    assert chroma_of_border(photo) > 1.5
    assert chroma_of_border(apply(photo, found)) < 0.7


@pytest.mark.parametrize(
    "colour", [(244, 190, 200), (246, 236, 218), (190, 160, 120), (180, 196, 212), (238, 226, 236)]
)
def test_coloured_paper_says_nothing_of_the_light(colour: tuple[int, int, int]) -> None:
    found = estimate(sheet(colour), NO_TURN)
    assert not found.changes
    assert found.notes == ("light_kept_coloured_surroundings",)


@pytest.mark.parametrize("colour", [(200, 170, 120), (236, 233, 226), (70, 66, 60)])
def test_a_frame_full_of_product_is_left_alone(colour: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(3)
    photo = np.clip(np.array(colour) + rng.normal(0, 2, (300, 400, 3)), 0, 255).astype(np.uint8)
    found = estimate(photo)
    assert not found.changes
    assert len(found.notes) == 1


def test_only_the_surroundings_count_whatever_the_product() -> None:
    photos = [lit(sheet((236, 236, 236), seed=seed), (1.03, 1.0, 0.96)) for seed in range(4)]
    found = [estimate(photo, NO_TURN).gains for photo in photos]
    assert np.ptp(np.array(found), axis=0).max() < 0.005


def test_what_is_whiter_than_the_surroundings_shows_their_own_colour() -> None:
    photo = sheet((206, 203, 198))
    assert "white_balanced" in estimate(photo, NO_TURN).notes
    photo[200:280] = over(product_cutout((480, 480)), np.full((480, 480, 3), 236, np.uint8))[200:280]
    found = estimate(photo, NO_TURN)
    assert not found.lights
    assert found.notes == ("light_kept_uneven_surroundings",)


def test_two_lights_from_two_sides_are_left_alone() -> None:
    photo = sheet((225, 225, 225))
    photo[:, :240] = lit(photo[:, :240], (1.035, 1.0, 0.96))
    photo[:, 240:] = lit(photo[:, 240:], (0.965, 1.0, 1.04))
    assert estimate(photo, NO_TURN).notes == ("light_kept_uneven_surroundings",)


def test_a_dim_white_sheet_is_lifted_and_a_white_one_is_not() -> None:
    dim = estimate(lit(sheet((238, 238, 238)), (0.8, 0.8, 0.8)), NO_TURN)
    assert "exposure_lifted" in dim.notes
    assert 0 < dim.ev <= GENTLE.exposure
    assert not estimate(sheet((254, 254, 254)), NO_TURN).changes
    assert not estimate(sheet((240, 240, 240)), NO_TURN).changes


def test_a_grey_sweep_with_something_whiter_before_it_is_grey() -> None:
    photo = sheet((200, 200, 200))
    photo[200:260, 200:280] = 245
    assert estimate(photo, NO_TURN).ev == 0


@pytest.mark.parametrize("seed", range(6))
def test_bounds_hold_for_any_frame(seed: int) -> None:
    rng = np.random.default_rng(seed)
    colour = tuple(int(level) for level in rng.integers(150, 256, 3))
    found = estimate(sheet((colour[0], colour[0], colour[2])), CorrectionLimits(0.05, 0.1, 0, neutral_chroma=20))
    assert all(0.95 <= gain <= 1.05 for gain in found.gains)
    assert 0 <= found.ev <= 0.1


@pytest.mark.parametrize("ev", [-0.3, 0.0, 0.3])
def test_white_stays_white_and_nothing_clips(ev: float) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    out = apply(ramp, Correction(gains=(1.06, 1.0, 0.94), ev=ev, knee=0.9))[0].astype(int)
    assert (out[0] == 0).all()
    assert (out[255] == 255).all()
    assert (np.diff(out, axis=0) >= 0).all()
    assert (out[250] < 255).all()


def test_mid_tones_get_exactly_the_gain() -> None:
    grey = np.full((4, 4, 3), 120, np.uint8)
    out = srgb_to_linear(apply(grey, Correction(gains=(1.05, 1.0, 0.95), ev=0.2)))[0, 0]
    wanted = srgb_to_linear(grey)[0, 0] * np.array([1.05, 1.0, 0.95]) * 2**0.2
    assert out == pytest.approx(wanted, abs=0.004)


def test_a_grey_reference_is_believed_whatever_the_surroundings() -> None:
    limits = replace(NO_TURN, grey_reference=(122, 119, 116))
    found = estimate(sheet((244, 190, 200)), limits)
    card = np.full((2, 2, 3), limits.grey_reference, np.uint8)
    assert chroma_of_border(card) > 1.5
    assert chroma_of_border(apply(card, found)) < 0.7


def test_a_grey_reference_never_greys_a_white_sheet() -> None:
    limits = replace(NO_TURN, grey_reference=(150, 150, 150))
    assert estimate(sheet((150, 150, 170)), limits).ev == pytest.approx(-GENTLE.exposure)
    assert estimate(sheet((255, 255, 255)), limits).ev == 0


def test_off_does_nothing_and_gives_the_same_array() -> None:
    photo = lit(sheet((225, 225, 225)), (1.04, 1.0, 0.96))
    found = estimate(photo, OFF)
    assert (found.changes, found.notes) == (False, ())
    assert apply(photo, found) is photo


def test_same_photo_same_correction_same_bytes() -> None:
    photo = room(2.0)
    found = [estimate(photo) for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert np.array_equal(apply(photo, found[0]), apply(photo, found[1]))


def test_facts_come_back_and_strange_ones_are_refused() -> None:
    found = Correction((1.02, 1.0, 0.97), 0.15, 0.8, -1.2, ("white_balanced",))
    assert Correction.from_facts(found.as_facts()) == replace(found, notes=())
    assert Correction().as_facts() == {}
    for facts in ({"gains": [1, 1]}, {**found.as_facts(), "ev": "x"}, {**found.as_facts(), "degrees": 90.0}):
        with pytest.raises(ValueError, match="not a photo correction"):
            Correction.from_facts(facts)


def test_a_correction_is_said_in_words() -> None:
    said = Correction((1.02, 1.0, 0.97), 0.15, 0.8, -1.2).in_words()
    assert said == "white balance +2.0% / +0.0% / -3.0%, exposure +0.15 EV, turned -1.20 degrees"
    assert Correction().in_words() == ""


# Tilt


@pytest.mark.parametrize("degrees", [-2.5, -1.0, 0.6, 2.0])
def test_a_tilted_camera_is_found_and_turned_back(degrees: float) -> None:
    photo = room(degrees)
    found = estimate(photo)
    assert found.degrees == pytest.approx(degrees, abs=0.3)
    assert "straightened" in found.notes
    assert find_tilt(apply(photo, found), 3.0).degrees == 0


def test_a_level_camera_and_a_slight_tilt_are_left_alone() -> None:
    assert find_tilt(room(0.0), 3.0).degrees == 0
    assert find_tilt(room(0.15), 3.0).degrees == 0


def test_a_greater_tilt_than_allowed_is_meant_so() -> None:
    found = find_tilt(room(2.5), 2.0)
    assert (found.degrees, found.note) == (0, "tilt_kept_beyond_limit")


def test_things_without_long_lines_are_never_turned() -> None:
    rng = np.random.default_rng(5)
    leaves = cv2.GaussianBlur(rng.integers(0, 256, (400, 500, 3)).astype(np.uint8), (0, 0), 4)
    for photo in (leaves, sheet((230, 230, 230)), np.full((300, 300, 3), 128, np.uint8)):
        assert find_tilt(photo, 3.0).degrees == 0


def test_one_slanting_line_alone_may_be_perspective() -> None:
    photo = np.full((500, 500, 3), 170, np.uint8)
    cv2.fillPoly(photo, [np.array([[0, 300], [500, 317], [500, 500], [0, 500]])], (110, 90, 80))
    found = find_tilt(photo, 3.0)
    assert (found.degrees, found.note) == (0, "tilt_kept_one_line_alone")


def test_lines_that_fan_out_are_perspective() -> None:
    photo = np.full((600, 600, 3), 200, np.uint8)
    for y, fall in ((100, -14), (250, -4), (400, 8), (520, 18)):
        cv2.line(photo, (0, y), (600, y + fall), (90, 90, 90), 3, cv2.LINE_AA)
    found = find_tilt(photo, 3.0)
    assert (found.degrees, found.note) == (0, "tilt_kept_lines_disagree")


def test_a_product_at_the_frame_is_not_cut_further() -> None:
    photo = room(2.0)
    photo[300:480, :60] = (30, 120, 60)
    found = find_tilt(photo, 3.0)
    assert (found.degrees, found.note) == (0, "tilt_kept_product_at_frame")


@pytest.mark.parametrize(("shape", "degrees"), [((400, 400), 3.0), ((300, 500), -2.0), ((500, 220), 1.3)])
def test_turning_shows_nothing_that_was_not_there(shape: tuple[int, int], degrees: float) -> None:
    height, width = shape
    inside = np.full(shape, 255, np.uint8)
    bordered = cv2.copyMakeBorder(inside, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)
    out = turned(bordered, degrees)
    assert out[4:-4, 4:-4].min() == 255
    assert out.shape[1] / out.shape[0] == pytest.approx(width / height, abs=0.02)


def test_a_matte_is_turned_like_its_photo() -> None:
    alpha = product_cutout((480, 480))[..., 3]
    photo = np.dstack([alpha] * 3)
    assert np.array_equal(turned(alpha, 2.0), turned(photo, 2.0)[..., 0])
