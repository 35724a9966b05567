"""relight: coarse light comes through, within the bounds; nothing else of an engine's picture of the product does."""

from __future__ import annotations

import dataclasses
import json

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from resources.imaging.alpha import over
from resources.imaging.colour import delta_e_2000, resize_rgb, rgb_to_lab
from resources.imaging.harmonise import (
    GRID,
    LEAST_LIGHT,
    MOST_AB_SHIFT,
    MOST_DELTA_E,
    MOST_LIGHT,
    UNTOUCHED,
    Grid,
    Harmony,
    as_harmonised,
    gain_tables,
    harmony_of,
    with_gain,
    with_grid,
)
from resources.imaging.relight import relight
from resources.quality.fidelity import judge
from resources.scenes.engine import Placement, on_canvas, product_box, scaled_product
from resources.verdicts import Verdict
from tests.resources.printed_box import box_cutout

U8 = NDArray[np.uint8]

SIZE = (480, 480)
CUTOUT = box_cutout()
PLACEMENT = Placement(300 / product_box(CUTOUT[..., 3]).height, 110, 90)
LAYER = on_canvas(scaled_product(CUTOUT, PLACEMENT.scale), PLACEMENT, SIZE)
SOLID = LAYER[..., 3] == 255
BOX = product_box(LAYER[..., 3])
SCENE = np.full((*SIZE, 3), (170, 176, 180), np.uint8)
TRUE = over(LAYER, SCENE)


def lit(ratio: NDArray[np.float64], picture: U8 = TRUE) -> U8:
    """A picture under other light: sRGB levels times the square root, near enough, of a ratio of light."""
    return np.clip(picture * np.sqrt(ratio), 0, 255).astype(np.uint8)


def ramp(low: float, high: float, *, down: bool = False) -> NDArray[np.float64]:
    line = np.linspace(low, high, SIZE[0])
    return np.broadcast_to((line[:, None] if down else line[None])[..., None], (*SIZE, 3)).copy()


def did(harmony: Harmony) -> tuple[float, float]:
    """Mean CIEDE2000 and median shift of a and b over all solid pixels."""
    one, other = rgb_to_lab(LAYER[..., :3])[SOLID], rgb_to_lab(as_harmonised(LAYER, harmony))[SOLID]
    return float(delta_e_2000(one, other).mean()), float(np.median(np.linalg.norm(other[:, 1:] - one[:, 1:], axis=1)))


def judged(harmony: Harmony, final: U8 | None = None) -> Verdict:
    made = over(np.dstack([as_harmonised(LAYER, harmony), LAYER[..., 3]]), SCENE) if final is None else final
    return judge(CUTOUT[..., :3], CUTOUT[..., 3], made, placement=PLACEMENT, harmony=harmony, backdrop=SCENE)


def rise(harmony: Harmony) -> NDArray[np.float64]:
    """By how many levels the product rose, its box only, 0 off the product."""
    change = as_harmonised(LAYER, harmony)[..., 1].astype(np.float64) - LAYER[..., 1]
    return np.where(SOLID, change, 0)[BOX.top : BOX.bottom, BOX.left : BOX.right]


# ---- what comes through


@pytest.mark.parametrize("down", [False, True])
def test_light_from_one_side_makes_that_side_lighter(down: bool) -> None:
    harmony = relight(LAYER, lit(ramp(0.75, 1.3, down=down)))
    change = rise(harmony) if down else rise(harmony).T
    third = len(change) // 3
    assert change[:third].mean() < -1 < 1 < change[-third:].mean()
    assert judged(harmony).accepted


def test_warm_light_makes_the_product_warmer() -> None:
    harmony = relight(LAYER, lit(np.broadcast_to([1.25, 1.0, 0.8], (*SIZE, 3)).copy()))
    one, other = (rgb_to_lab(image)[SOLID][:, 2] for image in (LAYER[..., :3], as_harmonised(LAYER, harmony)))
    assert 0.2 < float(np.mean(other - one)) <= 2
    assert harmony.kept


@pytest.mark.parametrize("size", [(480, 480), (352, 352), (256, 256), (96, 96)])
def test_the_engine_s_picture_may_be_smaller(size: tuple[int, int]) -> None:
    whole, small = (relight(LAYER, image) for image in (lit(ramp(0.8, 1.2)), resize_rgb(lit(ramp(0.8, 1.2)), size)))
    assert np.abs(np.subtract(whole.grid, small.grid)).max() <= (12 if size[0] >= 256 else 40)


def test_letters_and_shapes_of_the_engine_s_product_do_not_come_through() -> None:
    """A relit product whose print is another one gives the light of the honest one, but for a coarse trace of it."""
    honest = lit(ramp(0.85, 1.15))
    forged = honest.copy()
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    forged[((y // 5 + x // 5) % 2 == 0) & SOLID] //= 2
    forged[((y // 5 + x // 5) % 2 == 1) & SOLID] |= 128
    made = as_harmonised(LAYER, relight(LAYER, forged)).astype(np.float32) / np.maximum(LAYER[..., :3], 1)
    core = cv2.erode((SOLID & (LAYER[..., :3].min(axis=2) > 60)).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    # Neighbouring pixels are changed alike: by less than the rounding of a level is worth.
    steps = np.abs(np.diff(made, axis=1))[core[:, 1:]]
    assert steps.mean() < 0.02
    assert judged(relight(LAYER, forged)).accepted


def test_the_same_light_changes_nothing() -> None:
    assert relight(LAYER, TRUE) == UNTOUCHED
    assert relight(LAYER, resize_rgb(TRUE, (320, 320))) == UNTOUCHED


# ---- the bounds


NOISE = np.random.default_rng(2).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
WILD = {
    "black": np.zeros_like(TRUE),
    "white": np.full_like(TRUE, 255),
    "red": np.full_like(TRUE, (255, 0, 0)),
    "noise": NOISE,
    "upside down": np.ascontiguousarray(TRUE[::-1]),
    "negative": 255 - TRUE,
    "half black": lit(ramp(0.0, 2.0)),
    "spot": lit(0.2 + 3 * np.exp(-(((ramp(-1, 1) ** 2) + ramp(-1, 1, down=True) ** 2) * 30))),
}


@pytest.mark.parametrize("name", WILD)
def test_whatever_the_engine_painted_the_product_stays_within_the_bounds(name: str) -> None:
    harmony = relight(LAYER, WILD[name])
    delta_e, ab_shift = did(harmony)
    assert delta_e <= MOST_DELTA_E
    assert ab_shift <= MOST_AB_SHIFT
    assert (harmony.delta_e, harmony.ab_shift) == pytest.approx((delta_e, ab_shift), abs=0.03), "and says so"
    assert harmony.kept
    made = as_harmonised(LAYER, harmony)
    assert not np.any((made == 255) & (LAYER[..., :3] < 255) & SOLID[..., None]), "no highlight is clipped"
    assert not np.any((made == 0) & (LAYER[..., :3] > 0) & SOLID[..., None])
    verdict = judged(harmony)
    assert verdict.accepted, verdict


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (252, 3, 250), (128, 128, 128)])
def test_products_of_one_colour_stay_within_the_bounds_too(colour: tuple[int, int, int]) -> None:
    layer = LAYER.copy()
    layer[..., :3] = colour
    harmony = relight(layer, lit(ramp(0.6, 1.6), over(layer, SCENE)))
    assert harmony.kept
    one, other = rgb_to_lab(layer[..., :3])[SOLID], rgb_to_lab(as_harmonised(layer, harmony))[SOLID]
    assert float(delta_e_2000(one, other).mean()) <= MOST_DELTA_E


def test_what_shows_too_little_of_a_product_is_left_alone() -> None:
    soft = LAYER.copy()
    soft[..., 3] //= 2
    assert relight(soft, lit(ramp(0.5, 1.5))) == UNTOUCHED
    empty = np.zeros_like(LAYER)
    assert relight(empty, TRUE) == UNTOUCHED
    assert relight(LAYER, np.zeros((4, 4, 3), np.uint8)) == UNTOUCHED


def test_a_chain_is_lit_without_light_of_the_empty_middle() -> None:
    chain = np.zeros((*SIZE, 4), np.uint8)
    chain[..., :3] = (200, 160, 60)
    cv2.circle(chain, (240, 240), 150, (200, 160, 60, 255), 7)
    shown = lit(ramp(0.8, 1.25), over(chain, SCENE))
    plain, holed = relight(chain, shown), shown.copy()
    cv2.circle(holed, (240, 240), 130, (0, 0, 0), -1)
    assert relight(chain, holed) == plain
    assert plain.kept
    assert plain.grid


# ---- the grid


def test_a_grid_is_exact_integers_that_any_machine_repeats() -> None:
    flat: Grid = tuple(tuple((1100, 1000, 900) for _ in range(GRID)) for _ in range(GRID))
    picture = NOISE[:211, :173]
    assert np.array_equal(with_grid(picture, flat), with_gain(picture, (1.1, 1.0, 0.9)))
    assert np.array_equal(with_grid(picture, ()), picture)
    steps = np.linspace(900, 1100, GRID).round().astype(int)
    slope: Grid = tuple(tuple((int(g), int(g), 1000) for g in steps) for _ in range(GRID))
    grey = np.full((160, 160, 3), 128, np.uint8)
    made = with_grid(grey, slope)
    assert (np.diff(made[0, :, 0].astype(int)) >= 0).all()
    assert made[0, 0, 0] == gain_tables([0.9] * 3)[128, 0], "the outermost gains hold to the border"
    assert made[0, -1, 0] == gain_tables([1.1] * 3)[128, 0]
    assert np.array_equal(made[..., 2], grey[..., 2])
    assert (made == made[:1]).all(), "across only"


def test_gains_beyond_the_bounds_are_not_done() -> None:
    wild: Grid = tuple(tuple((100, 5000, 1000) for _ in range(GRID)) for _ in range(GRID))
    bounded: Grid = tuple(tuple((LEAST_LIGHT, MOST_LIGHT, 1000) for _ in range(GRID)) for _ in range(GRID))
    assert np.array_equal(with_grid(TRUE, wild), with_grid(TRUE, bounded))


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 8), (200, 9)])
def test_a_grid_fits_any_box(size: tuple[int, int]) -> None:
    flat: Grid = tuple(tuple((1100, 1100, 1100) for _ in range(GRID)) for _ in range(GRID))
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    assert np.array_equal(with_grid(picture, flat), with_gain(picture, (1.1, 1.1, 1.1)))


def test_the_same_bytes_whatever_the_threads() -> None:
    relit, threads, made = lit(ramp(0.7, 1.2)), cv2.getNumThreads(), []
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            made.append(relight(LAYER, relit))
    finally:
        cv2.setNumThreads(threads)
    assert made[0] == made[1]


# ---- the record and the judge


def test_a_harmony_is_read_back_from_its_record_as_it_was() -> None:
    harmony = relight(LAYER, lit(ramp(0.8, 1.2)))
    assert harmony_of(json.loads(json.dumps(harmony.as_dict(), allow_nan=False))) == harmony
    old = {"gain": [1.01, 1.0, 0.99], "ring": 3, "delta_e": 0.5, "ab_shift": 0.2}
    assert harmony_of(old) == Harmony((1.01, 1.0, 0.99), 3, 0.5, 0.2)
    assert harmony_of(old).as_dict() == {**old, "gain": (1.01, 1.0, 0.99)}, "as records without a grid have it"


@pytest.mark.parametrize(
    "change",
    [
        {"gain": [1, 1]},
        {"gain": "no"},
        {"ring": None},
        {"grid": [[[1000] * 3] * GRID] * (GRID - 1)},
        {"grid": [[[1000] * 3] * GRID] * (GRID - 1) + [[[1000] * 3]]},
        {"grid": [[[1000] * 2] * GRID] * GRID},
        {"grid": 7},
        {"delta_e": "x"},
    ],
)
def test_a_record_that_says_something_else_is_refused_in_one_line(change: dict[str, object]) -> None:
    said = {"gain": [1, 1, 1], "ring": 0, "delta_e": 0, "ab_shift": 0, **change}
    with pytest.raises(ValueError, match="harmony: ") as error:
        harmony_of(said)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


def test_pixels_that_the_grid_does_not_explain_are_caught() -> None:
    harmony = relight(LAYER, lit(ramp(0.8, 1.2)))
    final = over(np.dstack([as_harmonised(LAYER, harmony), LAYER[..., 3]]), SCENE)
    assert judged(harmony, final).accepted
    touched = final.copy()
    touched[240, 220, 1] ^= 1
    row = harmony.grid[3]
    red, green, blue = row[4]
    other = (*harmony.grid[:3], (*row[:4], (red, green + 30, blue), *row[5:]), *harmony.grid[4:])
    claims = [
        (harmony, touched),
        (UNTOUCHED, final),
        (dataclasses.replace(harmony, grid=other), final),
        (dataclasses.replace(harmony, gain=(1.02, 1.0, 1.0)), final),
        (harmony, TRUE),
    ]
    for claim, picture in claims:
        verdict = judged(claim, picture)
        assert (verdict.decision, verdict.decided_by) == ("rejected", "exact_pixels")


def test_a_grid_that_changes_too_much_is_rejected_though_the_record_owns_up() -> None:
    strong: Grid = tuple(tuple((MOST_LIGHT, MOST_LIGHT, LEAST_LIGHT) for _ in range(GRID)) for _ in range(GRID))
    verdict = judged(Harmony(grid=strong))
    assert not verdict.accepted
    failed = {measure.name for measure in verdict.measures if measure.passed is False}
    assert "delta_e_mean" in failed
    assert "exact_pixels" not in failed
