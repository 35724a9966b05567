"""light: linear light as levels, gradients without bands, and the grain of a photo."""

from __future__ import annotations

import numpy as np
import pytest

from resources.imaging.colour import srgb_to_linear
from resources.imaging.light import add_grain, grain_of, levels_of


def test_levels_undo_the_conversion_to_linear_light() -> None:
    levels = np.arange(256, dtype=np.uint8)
    assert levels_of(srgb_to_linear(levels)) == pytest.approx(levels.astype(float), abs=0.06)
    # 0.214 is the light of a mid grey, IEC 61966-2-1; in between nothing is rounded.
    assert levels_of(np.array([0.2140, 0.2150], np.float32)) == pytest.approx([127.5, 127.77], abs=0.06)


def test_light_beyond_black_and_white_is_clipped_and_keeps_its_shape() -> None:
    made = levels_of(np.array([[[-1.0, 0.0, 1.0]], [[1.001, 40.0, 1e-9]]], np.float32))
    assert made.dtype == np.float32
    assert np.array_equal(made, [[[0, 0, 255]], [[255, 255, 0]]])


def test_grain_breaks_bands_and_keeps_the_mean() -> None:
    line = np.linspace(100, 104, 1024, dtype=np.float32)
    picture = add_grain(np.repeat(np.repeat(line[None, :, None], 256, 0), 3, 2), np.random.default_rng(7), 0.6)
    # Over 1024 pixels and 4 levels a plain rounding is flat for 256 pixels; with grain, no column is.
    assert (picture[:, 100:900].std(axis=0) > 0.1).all()
    smooth = picture.mean(axis=(0, 2))
    assert np.abs(np.convolve(smooth, np.ones(32) / 32, "valid") - np.linspace(100, 104, 993)).max() < 0.15


@pytest.mark.parametrize("sigma", [0.8, 1.5])
def test_grain_has_the_strength_that_was_asked_for_and_no_colour(sigma: float) -> None:
    picture = add_grain(np.full((600, 1100, 3), 90.3, np.float32), np.random.default_rng(1), sigma)
    assert np.hypot(sigma, 0.29) == pytest.approx(float(picture[..., 0].std()), rel=0.03)  # 0.29: of rounding itself
    assert np.ptp(picture.astype(int), axis=2).max() == 0


def test_grain_does_not_repeat_at_a_step_that_the_eye_would_find() -> None:
    picture = add_grain(np.full((1100, 1100, 3), 90.0, np.float32), np.random.default_rng(1), 1.5)[..., 0].astype(float)
    picture -= picture.mean()
    for down, right in ((0, 509), (509, 0), (509, 509), (0, 512)):
        one, other = picture[: 1100 - down, : 1100 - right], picture[down:, right:]
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05


def test_grain_never_wraps_round_at_black_or_white() -> None:
    levels = np.zeros((50, 50, 3), np.float32)
    levels[:, 25:] = 255
    picture = add_grain(levels, np.random.default_rng(2), 1.6)
    assert picture[:, :25].max() < 12
    assert picture[:, 25:].min() > 243


def test_grain_is_decided_by_its_generator() -> None:
    levels = np.full((300, 700, 3), 90.0, np.float32)
    one, same, other = (add_grain(levels, np.random.default_rng(seed), 0.7) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def _noisy(sigma: float) -> np.ndarray:
    """A checked product under noise; around it, where alpha is 0, wild noise."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:300, 0:300]
    checks = 90 + 60 * ((rows // 30 + columns // 30) % 2)[..., None] + rng.normal(0, sigma, (300, 300, 1))
    alpha = np.where(np.hypot(rows - 150, columns - 150) < 120, 255, 0).astype(np.uint8)
    wild = rng.integers(0, 255, (300, 300, 3))
    return np.dstack([np.where(alpha[..., None] == 255, np.rint(checks), wild).astype(np.uint8), alpha])


@pytest.mark.parametrize("sigma", [0.9, 1.2])
def test_the_grain_of_a_photo_is_read_despite_its_print(sigma: float) -> None:
    assert grain_of(_noisy(sigma)) == pytest.approx(np.hypot(sigma, 0.29), rel=0.12)  # 0.29: of rounding


def test_grain_stays_between_what_hides_bands_and_what_looks_bad() -> None:
    least, most = grain_of(_noisy(0)), grain_of(_noisy(6))
    assert 0.5 <= least < grain_of(_noisy(0.9)) < most <= 2
    flat = np.full((200, 200, 4), 255, np.uint8)
    assert grain_of(flat) == pytest.approx(least)
    thin = _noisy(6)
    thin[..., 3] = 0
    thin[::8, :, 3] = 255
    assert grain_of(thin) == pytest.approx(least), "a chain says nothing"
