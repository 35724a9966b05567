"""harmonise: a product's colours follow its scene, and stay the product's own."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from resources.imaging.colour import delta_e_2000, rgb_to_lab
from resources.imaging.harmonise import (
    MOST_AB_SHIFT,
    MOST_DELTA_E,
    UNTOUCHED,
    Harmony,
    beyond_ring,
    gain_tables,
    harmonise,
    with_gain,
)

U8 = NDArray[np.uint8]

SIDE = 120
WARM, COLD, NEUTRAL = (1.7, 1.0, 0.4), (0.7, 1.0, 1.5), (1.0, 1.0, 1.0)
PLAIN = {
    "black": (0, 0, 0),
    "near black": (14, 12, 11),
    "white": (255, 255, 255),
    "near white": (252, 251, 247),
    "grey": (128, 128, 128),
    "red": (200, 20, 25),
    "blue": (10, 30, 180),
    "yellow": (250, 210, 10),
    "pale": (236, 222, 226),
}


def _round(rgb: U8, radius: float = 50) -> U8:
    """Pixels (SIDE x SIDE) as a disc with a soft edge."""
    alpha = np.zeros((SIDE * 4, SIDE * 4), np.uint8)
    cv2.circle(alpha, (SIDE * 2, SIDE * 2), round(4 * radius), 255, -1)
    return np.dstack([rgb, cv2.resize(alpha, (SIDE, SIDE), interpolation=cv2.INTER_AREA)])


def _plain(colour: tuple[int, int, int]) -> U8:
    return np.full((SIDE, SIDE, 3), colour, np.uint8)


def _coloured(seed: int = 0) -> U8:
    """Every colour, from black to white, with edges and noise."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    large = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    large[40:60, 40:80] = 255
    large[62:70, 40:80] = 0
    return large


PRODUCTS = {**{name: _plain(colour) for name, colour in PLAIN.items()}, "coloured": _coloured()}
SCENES = {name: _plain(PLAIN[name]) for name in ("black", "white", "grey", "red", "blue", "yellow")}


def _did(before: U8, after: U8, solid: NDArray[np.bool_]) -> tuple[float, float]:
    """Mean CIEDE2000 and median shift of a and b over all solid pixels."""
    one, other = rgb_to_lab(before)[solid], rgb_to_lab(after)[solid]
    shift = np.linalg.norm(other[:, 1:] - one[:, 1:], axis=1)
    return float(delta_e_2000(one, other).mean()), float(np.median(shift))


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("product", PRODUCTS)
def test_every_product_stays_within_the_bounds_in_every_scene(product: str, scene: str) -> None:
    layer = _round(PRODUCTS[product])
    rgb, solid = layer[..., :3], layer[..., 3] == 255
    for light, ring in itertools.product((WARM, COLD, NEUTRAL), (0, 4)):
        made, harmony = harmonise(layer, SCENES[scene], light, ring)
        delta_e, ab_shift = _did(rgb, made, solid)
        assert delta_e <= MOST_DELTA_E
        assert ab_shift <= MOST_AB_SHIFT
        assert (harmony.delta_e, harmony.ab_shift) == pytest.approx((delta_e, ab_shift), abs=0.02), "and says so"
        assert harmony.kept
        assert np.array_equal(layer[..., :3], PRODUCTS[product]), "what it was given is not written into"
        inner = beyond_ring(solid, harmony.ring)
        assert np.count_nonzero(inner) > 3000
        assert np.array_equal(made[inner], with_gain(rgb, harmony.gain)[inner]), "beyond the ring a gain is all"
        assert not np.any((made == 255) & (rgb < 255) & solid[..., None]), "no highlight is clipped"
        assert not np.any((made == 0) & (rgb > 0) & solid[..., None])


def test_sampling_a_large_product_does_not_hide_what_was_done() -> None:
    small = _round(_coloured(3))
    layer = cv2.resize(small, (960, 960), interpolation=cv2.INTER_CUBIC)
    scene = cv2.resize(SCENES["blue"], (960, 960))
    made, harmony = harmonise(layer, scene, COLD, 4)
    delta_e, ab_shift = _did(layer[..., :3], made, layer[..., 3] == 255)
    assert (harmony.delta_e, harmony.ab_shift) == pytest.approx((delta_e, ab_shift), abs=0.05)
    assert delta_e <= MOST_DELTA_E
    assert ab_shift <= MOST_AB_SHIFT


def test_a_product_takes_a_little_of_the_colour_and_level_of_its_light() -> None:
    layer = _round(_plain((150, 140, 130)))
    middle = np.s_[60:61, 60:61]

    def lab(scene: str, light: tuple[float, float, float]) -> np.ndarray:
        return rgb_to_lab(harmonise(layer, SCENES[scene], light, 0)[0][middle])[0, 0]

    own = rgb_to_lab(layer[..., :3][middle])[0, 0]
    assert lab("grey", WARM)[2] > own[2] + 0.2 > own[2] - 0.2 > lab("grey", COLD)[2]
    assert lab("white", NEUTRAL)[0] > own[0] + 0.2
    assert lab("black", NEUTRAL)[0] < own[0] - 0.2


def test_light_of_the_surroundings_wraps_round_the_outline_and_no_further() -> None:
    layer = _round(_plain((40, 40, 40)))
    made, harmony = harmonise(layer, SCENES["white"], NEUTRAL, 3)
    assert harmony.ring == 3
    rise = made[..., 0].astype(int) - with_gain(layer[..., :3], harmony.gain)[..., 0]
    far = cv2.distanceTransform((layer[..., 3] == 255).astype(np.uint8), cv2.DIST_L2, 5)
    line = [float(rise[(far > low) & (far <= low + 1)].mean()) for low in range(0, 8)]
    assert line[0] > 8
    assert line[0] > line[1] > line[2] > line[3] >= 0
    assert max(line[6:]) == 0
    assert rise.min() >= 0


def test_the_ring_is_a_hands_breadth_of_the_outline() -> None:
    solid = np.zeros((60, 60), bool)
    solid[10:50, 0:50] = True
    assert np.array_equal(beyond_ring(solid, 0), solid)
    kept = beyond_ring(solid, 2)
    assert kept[30, 25]
    rows, columns = np.nonzero(kept)
    # What is cut by the picture's border has its outline there.
    assert (rows.min() - 10, 49 - rows.max(), columns.min(), 49 - columns.max()) == (6, 6, 6, 6)


def test_a_chain_has_no_ring() -> None:
    rgba = np.zeros((SIDE, SIDE, 4), np.uint8)
    rgba[..., :3] = (212, 175, 55)
    cv2.circle(rgba, (60, 60), 45, (212, 175, 55, 255), 4)
    made, harmony = harmonise(rgba, SCENES["white"], WARM, 4)
    assert harmony.ring == 0
    solid = rgba[..., 3] == 255
    assert np.array_equal(made[solid], with_gain(rgba[..., :3], harmony.gain)[solid])


def test_what_has_nothing_solid_is_left_alone() -> None:
    layer = _round(_coloured())
    layer[..., 3] //= 2
    made, harmony = harmonise(layer, SCENES["white"], WARM, 4)
    assert harmony == UNTOUCHED
    assert np.array_equal(made, layer[..., :3])


@pytest.mark.parametrize("gain", [(0.85, 1.0, 1.15), (1.15, 1.15, 1.15), (0.9, 0.9, 0.9)])
def test_a_gain_keeps_black_white_and_the_order_of_levels(gain: tuple[float, float, float]) -> None:
    tables = gain_tables(gain).astype(int)
    assert tables[0].tolist() == [0, 0, 0]
    assert tables[255].tolist() == [255, 255, 255]
    assert np.diff(tables, axis=0).min() >= 0
    assert tables[254].max() < 255
    for channel, g in enumerate(gain):
        assert np.sign(tables[128, channel] - 128) == np.sign(g - 1)
    picture = _coloured()
    assert np.array_equal(with_gain(picture, gain)[..., 1], tables[:, 1][picture[..., 1]])
    assert np.array_equal(with_gain(picture, (1, 1, 1)), picture)


def test_the_bounds_decide_what_counts_as_kept() -> None:
    assert Harmony(delta_e=1.0, ab_shift=1.5).kept
    assert not Harmony(delta_e=1.01).kept
    assert not Harmony(ab_shift=1.51).kept


def test_the_same_bytes_whatever_the_threads() -> None:
    layer = cv2.resize(_round(_coloured(1)), (700, 700), interpolation=cv2.INTER_CUBIC)
    scene = cv2.resize(_coloured(2), (700, 700), interpolation=cv2.INTER_CUBIC)
    threads, made = cv2.getNumThreads(), []
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            made.append(harmonise(layer, scene, WARM, 5))
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(made[0][0], made[1][0])
    assert made[0][1] == made[1][1]
