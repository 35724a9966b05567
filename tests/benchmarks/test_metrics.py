from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.metrics import boundary_f, iou, score, soft_band


def square(side: int = 40, shift: int = 0) -> np.ndarray:
    mask = np.zeros((100, 120), np.float32)
    mask[30 : 30 + side, 30 + shift : 30 + shift + side] = 1
    return mask


def test_the_truth_itself_scores_best():
    best = score(square(), square())
    assert (best.iou, best.boundary_f) == (1, 1)
    assert (best.mae, best.mse, best.sad, best.band_mse) == (0, 0, 0, 0)
    assert best.right


def test_a_shifted_square_has_the_overlap_that_can_be_counted():
    shifted = score(square(shift=10), square())
    assert shifted.iou == pytest.approx(30 / 50)
    assert shifted.mae == pytest.approx(2 * 10 * 40 / 12000)
    assert shifted.sad == pytest.approx(0.8)
    assert not shifted.right


def test_errors_count_by_how_far_off_alpha_is():
    half = score(square() * 0.5, square())
    assert half.mae == pytest.approx(0.5 * 1600 / 12000)
    assert half.mse == pytest.approx(0.25 * 1600 / 12000)
    assert half.iou == 0


def test_an_outline_within_the_tolerance_is_on_the_outline():
    true = square() > 0.5
    assert boundary_f(square(shift=2) > 0.5, true) == 1
    assert boundary_f(square(shift=12) > 0.5, true) < 0.7
    assert boundary_f(np.zeros_like(true), true) == 0


def test_the_frame_is_no_outline():
    assert boundary_f(np.ones((50, 60), bool), np.ones((50, 60), bool)) == 0


def test_the_band_holds_soft_pixels_and_the_outline_and_nothing_far_off():
    soft = cv2.GaussianBlur(square(), (0, 0), 3)
    band = soft_band(soft)
    assert band[(soft > 0.02) & (soft < 0.98)].all()
    assert not band[50, 50]
    assert not band[5, 100]


def test_empty_masks_overlap_in_nothing():
    assert iou(np.zeros((9, 9), bool), np.zeros((9, 9), bool)) == 0
