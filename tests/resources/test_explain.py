"""The explaining panel: everything on it, for any matte, and the same for the same input."""

from __future__ import annotations

import numpy as np
import pytest

from resources.imaging.alpha import make_cutout
from resources.matting.engine import EngineRun, Hypothesis, Matte
from resources.matting.explain import explain_panel
from resources.verdicts import Verdict, measure
from tests.pictures import product_cutout, product_photo

SIDE = (300, 300)
PHOTO = product_photo(SIDE)
ALPHA = product_cutout(SIDE)[..., 3]
HYPOTHESIS = Hypothesis("flood", ALPHA[::2, ::2] > 127, 0.8)
RUN = EngineRun("classical", "1", "cpu", "review", 0.3, "agreement")
VERDICT = Verdict(
    "review",
    0.3,
    (measure("agreement", 0.6, at_least=0.85), measure("parts", 1, at_most=4), measure("seen", 2)),
    "agreement",
    "needs_review",
    "Two methods disagree.",
    "Look at it.",
)


def panel(matte: Matte, verdict: Verdict = VERDICT, **more: object) -> np.ndarray:  # type: ignore[type-arg]
    cutout = make_cutout(PHOTO, matte.alpha)
    return explain_panel(PHOTO, cutout, matte, verdict, title="mug.jpg", **more)  # type: ignore[arg-type]


def coloured(picture: np.ndarray, colour: tuple[int, int, int]) -> int:  # type: ignore[type-arg]
    return int((picture == colour).all(axis=-1).sum())


def test_the_cutout_stands_on_white_black_and_magenta() -> None:
    shown = panel(Matte(ALPHA, {}))
    assert shown.dtype == np.uint8
    assert 1600 <= shown.shape[1] <= 2000
    outside = int((ALPHA == 0).sum() * (340 / 300) ** 2)
    for colour in ((255, 0, 255), (0, 0, 0), (255, 255, 255)):
        assert coloured(shown, colour) > 0.9 * outside


def test_what_failed_is_red_and_what_passed_is_green() -> None:
    red, green = (180, 24, 24), (20, 120, 50)
    passed = Verdict("accepted", 0.9, (measure("parts", 1, at_most=4),))
    assert coloured(panel(Matte(ALPHA, {})), red) > 50
    assert coloured(panel(Matte(ALPHA, {}), passed), red) == 0
    assert coloured(panel(Matte(ALPHA, {}), passed), green) > 50


def test_hypotheses_engines_and_the_uncorrected_photo_get_their_room() -> None:
    bare = panel(Matte(ALPHA, {}))
    many = tuple(Hypothesis(f"way_{number}", HYPOTHESIS.mask, 0.5) for number in range(12))
    full = panel(Matte(ALPHA, {}, (), many, (RUN,)), trimap=ALPHA, original=PHOTO // 2, notes=("white_balanced",) * 30)
    assert full.shape[0] > bare.shape[0] + 300
    assert not np.array_equal(panel(Matte(ALPHA, {}, (), (HYPOTHESIS,)))[: bare.shape[0]], bare)


@pytest.mark.parametrize("alpha", [np.zeros_like(ALPHA), np.full_like(ALPHA, 255), np.full_like(ALPHA, 100)])
def test_any_matte_can_be_explained(alpha: np.ndarray) -> None:  # type: ignore[type-arg]
    empty = Verdict("review", 0.0, (), "no_subject_found", "no_subject_found", "No product was found.", "Check it.")
    assert panel(Matte(alpha, {}), empty).shape[1] >= 1600


@pytest.mark.parametrize("size", [(16, 900), (900, 16), (20, 20), (1400, 1000)])
def test_any_shape_of_photo_and_any_title_fit(size: tuple[int, int]) -> None:
    photo, alpha = np.full((*size, 3), 90, np.uint8), np.zeros(size, np.uint8)
    alpha[2:-2, 2:-2] = 255
    alpha[2] = 120
    shown = explain_panel(photo, make_cutout(photo, alpha), Matte(alpha, {}), VERDICT, title="商品 📷\n\x1b[31m" * 40)
    assert 1600 <= shown.shape[1] <= 2000


def test_the_same_input_gives_the_same_panel() -> None:
    matte = Matte(ALPHA, {}, (), (HYPOTHESIS,), (RUN,))
    assert np.array_equal(panel(matte), panel(matte))
