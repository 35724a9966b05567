"""light: where shadows fall, and gradients without bands."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from resources.imaging.colour import srgb_to_linear
from resources.imaging.light import (
    cast_shadow,
    contact_row,
    contact_shadow,
    darken,
    encode_dithered,
    ground_curve,
    shoulder,
    surround_shadow,
)


def _block(left: int = 150, right: int = 250, top: int = 100, bottom: int = 300) -> np.ndarray:
    alpha = np.zeros((400, 400), np.uint8)
    alpha[top:bottom, left:right] = 255
    return alpha


def test_contact_row_is_the_lowest_solid_row() -> None:
    assert contact_row(_block()) == 300


def test_contact_row_ignores_soft_fringe_and_stray_hairs() -> None:
    alpha = _block()
    alpha[300:320, 150:250] = 40  # a soft fringe hangs below
    alpha[300:360, 200:201] = 255  # a hair
    assert contact_row(alpha) == 300


def test_contact_row_of_glass_counts_its_own_peak() -> None:
    assert contact_row(_block() // 3) == 300


def test_contact_row_refuses_an_empty_cutout() -> None:
    with pytest.raises(ValueError, match="empty"):
        contact_row(np.zeros((10, 10), np.uint8))


def test_ground_follows_a_base_seen_at_an_angle_but_not_an_arm() -> None:
    alpha = np.zeros((400, 400), np.uint8)
    cv2.fillPoly(alpha, [np.array([[100, 100], [300, 100], [300, 300], [100, 240]])], 255)  # sole rising to the left
    alpha[120:160, 300:390] = 255  # an arm in the air
    curve, touch = ground_curve(alpha)
    assert curve[150] == pytest.approx(255, abs=3)
    assert touch[150] > 0.8
    assert touch[350] < 0.05


def test_contact_shadow_is_dark_right_below_and_gone_beside() -> None:
    density = contact_shadow(_block(), 100)
    assert density[300, 165:235].min() > 0.4
    assert density[301, 200] > 4 * density[312, 200]
    assert density[330:, :].max() < 0.02
    assert density[150, 270:].max() < 0.02, "nothing floats beside the product's upper part"


@pytest.mark.parametrize(("lean", "side"), [(0.8, 1), (-0.8, -1)])
def test_cast_shadow_falls_to_the_side_it_leans(lean: float, side: int) -> None:
    density = cast_shadow(_block(), 100, lean, 0.12)
    left, right = density[270:310, :140].sum(), density[270:310, 260:].sum()
    assert side * (right - left) > 0.5 * (left + right)
    assert density.max() <= 1


def test_cast_shadow_of_reduced_and_full_pictures_agree() -> None:
    alpha = cv2.resize(_block(), (1200, 1200), interpolation=cv2.INTER_NEAREST)
    large = cast_shadow(alpha, 300, 0.6, 0.12)  # above 240 it is computed at quarter size
    small = cast_shadow(_block(), 100, 0.6, 0.12)
    assert np.abs(cv2.resize(large, (400, 400), interpolation=cv2.INTER_AREA) - small).max() < 0.08


def test_surround_shadow_moves_with_its_shift() -> None:
    density = surround_shadow(_block(), 100, (8.0, 8.0), 0.05)
    assert density[200, 256] > density[200, 143]
    assert density[306, 200] > density[93, 200]


def test_darken_leaves_the_tint_and_never_lightens() -> None:
    light = np.full((4, 4, 3), 0.8, np.float32)
    density = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    tint = np.array([0.2, 0.1, 0.0], np.float32)
    dark = darken(light, density, tint)
    assert np.array_equal(dark[0, 0], light[0, 0])
    assert dark[3, 3] == pytest.approx(0.8 * tint, abs=1e-6)
    assert (dark <= light).all()


def test_shoulder_is_monotone_below_one_and_leaves_the_rest() -> None:
    x = np.linspace(0, 5, 1000, dtype=np.float32)
    y = shoulder(x)
    assert (np.diff(y) >= 0).all()
    assert y.max() <= 1
    assert np.array_equal(y[x < 0.7], x[x < 0.7])


def test_dithering_breaks_bands_and_keeps_the_mean() -> None:
    ramp = srgb_to_linear(np.array([100, 104], np.uint8))
    line = np.linspace(ramp[0], ramp[1], 1024, dtype=np.float32)
    linear = np.repeat(np.repeat(line[None, :, None], 256, 0), 3, 2)
    picture = encode_dithered(linear, np.random.default_rng(7), 0.5)
    # Over 1024 pixels and 4 levels a plain rounding is flat for 256 pixels; dithered, no column is.
    assert (picture[:, 100:900].std(axis=0) > 0.1).all()
    smooth = picture.mean(axis=(0, 2))
    assert np.abs(np.convolve(smooth, np.ones(32) / 32, "valid") - np.linspace(100, 104, 993)).max() < 0.15


def test_encoding_is_deterministic_by_its_generator() -> None:
    linear = np.full((300, 700, 3), 0.3, np.float32)
    one, same, other = (encode_dithered(linear, np.random.default_rng(seed), 0.7) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
