"""shadow: where a product touches the floor, and shadows that fall where those of real bodies do."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from resources.imaging.shadow import (
    contact_row,
    contact_shadow,
    find_base,
    floor_shadow,
    ground_curve,
    key_directions,
    mirrored_below,
    sky_directions,
    surface_shadow,
    thickness_of,
)
from tests.resources.solids import (
    SIDE,
    Body,
    alpha_of,
    azimuth_of,
    camera,
    light_from,
    seen_at,
    shadow_of,
    standing_at,
    turned,
)

VIEW = camera(12)
AWAY = standing_at(VIEW, 0.76 * SIDE)
CYLINDER = Body(AWAY, 0.3, 0.45, 0.3, round=True)
POST = Body(AWAY, 0.12, 0.5, 0.12, round=True)
BOX = Body(AWAY, 0.3, 0.4, 0.3)
# Two legs, the right one further away, and a bar from one to the other.
TRESTLE = [
    Body(AWAY - 0.03, 0.04, 0.4, 0.04, right=-0.17),
    Body(AWAY + 0.12, 0.04, 0.4, 0.04, right=0.17),
    Body(AWAY + 0.045, 0.38, 0.06, 0.06, up=0.36),
]


def _block(left: int = 150, right: int = 250, top: int = 100, bottom: int = 300) -> np.ndarray:
    alpha = np.zeros((400, 400), np.uint8)
    alpha[top:bottom, left:right] = 255
    return alpha


# ---- where a product stands


def test_contact_row_is_the_lowest_solid_row() -> None:
    assert contact_row(_block()) == 300


def test_contact_row_ignores_soft_fringe_and_stray_hairs() -> None:
    alpha = _block()
    alpha[300:320, 150:250] = 40  # a soft fringe hangs below
    alpha[300:360, 200:201] = 255  # a hair
    assert contact_row(alpha) == 300


def test_contact_row_of_glass_counts_its_own_peak() -> None:
    assert contact_row(_block() // 3) == 300


@pytest.mark.parametrize("of", [contact_row, find_base])
def test_an_empty_cutout_is_refused(of: object) -> None:
    with pytest.raises(ValueError, match="empty"):
        of(np.zeros((10, 10), np.uint8))  # type: ignore[operator]


def test_ground_follows_a_base_seen_at_an_angle_but_not_an_arm() -> None:
    alpha = np.zeros((400, 400), np.uint8)
    cv2.fillPoly(alpha, [np.array([[100, 100], [300, 100], [300, 300], [100, 240]])], 255)  # sole rising to the left
    alpha[120:160, 300:390] = 255  # an arm in the air
    curve, touch = ground_curve(alpha)
    assert curve[150] == pytest.approx(255, abs=3)
    assert touch[150] > 0.8
    assert touch[350] < 0.05


def test_the_base_of_a_round_body_is_its_near_rim() -> None:
    base = find_base(alpha_of([CYLINDER], VIEW))
    near = seen_at(VIEW, [[0, AWAY - 0.15, 0]])[0, 1]
    left, right = seen_at(VIEW, [[-0.15, AWAY, 0], [0.15, AWAY, 0]])[:, 0]
    assert base.row == pytest.approx(near, abs=1)
    assert base.middle == pytest.approx(SIDE / 2, abs=0.01)
    assert base.width == pytest.approx(right - left, rel=0.05)
    assert not base.legs
    assert base.depth == 1  # taller than wide: round or square
    # The rim bends up to both sides as an ellipse does.
    column = round(SIDE / 2 + 0.8 * (right - left) / 2)
    rim = seen_at(VIEW, [[0.8 * 0.15, AWAY - 0.6 * 0.15, 0]])[0, 1]
    assert base.curve[column] == pytest.approx(rim, abs=1)


def test_a_handle_neither_moves_nor_widens_the_base() -> None:
    mug = alpha_of([CYLINDER], VIEW)
    plain = find_base(mug)
    mug[120:128, 140:180] = mug[150:158, 140:180] = mug[120:158, 172:180] = 255
    base = find_base(mug)
    assert (base.middle, base.width, base.row) == (plain.middle, plain.width, plain.row)


def test_legs_stand_each_on_its_own_ground() -> None:
    base = find_base(alpha_of(TRESTLE, VIEW))
    assert base.legs
    front, back = (seen_at(VIEW, [[0, leg.away - leg.depth / 2, 0]])[0, 1] for leg in TRESTLE[:2])
    assert base.row == pytest.approx(front, abs=1)
    middle = slice(SIDE // 2 - 10, SIDE // 2 + 10)
    assert base.touch[middle].max() < 0.1, "nothing touches between the legs"
    feet = base.curve[base.touch > 0.4]
    assert feet.min() == pytest.approx(back, abs=1), "the one behind stands higher in the picture"


# ---- the floor and the camera


@pytest.mark.parametrize("pitch", [4, 12, 35])
def test_pixels_and_the_floor_are_two_ways_of_saying_the_same(pitch: float) -> None:
    view = camera(pitch)
    for x, y in ((10.0, 200.0), (120.0, 180.5), (233.0, 239.0)):
        right, away = view.floor_point(x, y)
        assert seen_at(view, [[right, away, 0]])[0] == pytest.approx((x, y), abs=1e-6)
        assert view.floor_row(away) == pytest.approx(y, abs=1e-6)
        assert math.tan(view.steepness(y)) == pytest.approx(1 / away)
    large = view.scaled(4)
    assert large.floor_point(400, 800) == pytest.approx(view.floor_point(100, 200))


def test_at_the_horizon_no_floor_is_seen() -> None:
    horizon = VIEW.centre[1] - VIEW.focal * math.tan(VIEW.pitch)
    VIEW.floor_point(100, horizon + 1)
    with pytest.raises(ValueError, match="horizon"):
        VIEW.floor_point(100, horizon)


def test_pixels_and_space_are_two_ways_of_saying_the_same() -> None:
    across, up, one = np.eye(3)
    for right, height in ((0.3, 0.2), (-0.1, 0.7), (0.0, 1.4)):
        x, y = seen_at(VIEW, [[right, AWAY, height]])[0]
        found = VIEW.to_plane(AWAY) @ [x, y, 1]
        assert found[:2] / found[2] == pytest.approx((right, height), abs=1e-9)
        pixel = VIEW.from_space(across, AWAY * one, up) @ [right, height, 1]
        assert pixel[:2] / pixel[2] == pytest.approx((x, y), abs=1e-9)


# ---- light


def test_light_of_a_disc_comes_from_all_over_it_and_from_nowhere_else() -> None:
    towards = np.array(light_from(-50, 40))
    found = np.array(key_directions(tuple(towards), 20))
    off = np.degrees(np.arccos(found @ towards))
    assert off.max() == pytest.approx(10, abs=0.5)
    assert np.degrees(np.arccos(found.mean(axis=0) @ towards / np.linalg.norm(found.mean(axis=0)))) < 1
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)
    assert np.ptp(np.array(key_directions(tuple(towards), 0)), axis=0) == pytest.approx(0, abs=1e-9)


def test_a_light_at_the_horizon_still_throws_a_shadow_of_finite_length() -> None:
    assert all(up > 0.1 for _, _, up in key_directions(light_from(80, 0.5), 3))


def test_light_of_the_sky_comes_evenly_from_all_sides() -> None:
    found = np.array(sky_directions())
    assert np.abs(found[:, :2].mean(axis=0)).max() < 0.03
    # On a level surface the light of a zone from the zenith down to an angle goes with its sine squared.
    assert np.mean(np.hypot(found[:, 0], found[:, 1]) < math.sin(math.radians(45))) == pytest.approx(0.5, abs=0.05)


# ---- the shadow on a floor


@pytest.mark.parametrize("azimuth", [-60, 60, 110, -118, 170])
@pytest.mark.parametrize(
    ("body", "alike", "off"), [(CYLINDER, 0.85, 6), (POST, 0.75, 5), (BOX, 0.6, 10)], ids=["cylinder", "post", "box"]
)
def test_the_shadow_is_that_of_a_real_body(body: Body, alike: float, off: float, azimuth: float) -> None:
    towards = light_from(azimuth, 36)
    alpha = alpha_of([body], VIEW)
    true = shadow_of([body], VIEW, towards) & (alpha == 0)
    made = floor_shadow(alpha, VIEW, [towards], reduce=1) * (alpha == 0)
    dark = made > 0.5
    assert (dark & true).sum() / (dark | true).sum() > alike
    assert turned(azimuth_of(dark, VIEW, AWAY), azimuth_of(true, VIEW, AWAY)) < off
    assert turned(azimuth_of(dark, VIEW, AWAY), azimuth + 180) < 12


@pytest.mark.parametrize("azimuth", [-60, 60, 118, -118])
def test_the_shadow_of_legs_starts_at_every_foot(azimuth: float) -> None:
    towards = light_from(azimuth, 45)
    alpha = alpha_of(TRESTLE, VIEW)
    true = shadow_of(TRESTLE, VIEW, towards) & (alpha == 0)
    made = floor_shadow(alpha, VIEW, [towards], reduce=1)
    middle = AWAY + 0.045
    assert turned(azimuth_of(made * (alpha == 0), VIEW, middle), azimuth_of(true, VIEW, middle)) < 10
    for leg in TRESTLE[:2]:
        step = 0.09 / np.hypot(*towards[:2])
        beside = [[leg.right - towards[0] * step, leg.away - towards[1] * step, 0]]
        opposite = [[leg.right + towards[0] * step, leg.away + towards[1] * step, 0]]
        (x, y), (other_x, other_y) = seen_at(VIEW, beside)[0], seen_at(VIEW, opposite)[0]
        assert made[round(y) - 2 : round(y) + 3, round(x) - 1 : round(x) + 2].max() > 0.5
        assert made[round(other_y) - 1 : round(other_y) + 2, round(other_x)].max() < 0.3


def test_a_longer_shadow_under_a_lower_light() -> None:
    alpha = alpha_of([POST], VIEW)
    reach = []
    for elevation in (70, 60, 48):
        made = floor_shadow(alpha, VIEW, [light_from(-90, elevation)], reduce=1) * (alpha == 0)
        tip = np.flatnonzero((made > 0.5).any(axis=0)).max()
        row = int(np.flatnonzero(made[:, tip] > 0.5).mean())
        reach.append(VIEW.floor_point(tip + 1, row)[0])
    wanted = [0.5 / math.tan(math.radians(elevation)) + 0.06 for elevation in (70, 60, 48)]
    assert reach == pytest.approx(wanted, rel=0.08)


def test_a_mirrored_picture_has_the_mirrored_shadow() -> None:
    alpha = alpha_of([CYLINDER, Body(AWAY, 0.1, 0.2, 0.05, right=0.19, up=0.15)], VIEW)  # a mug and its handle
    assert (alpha != alpha[:, ::-1]).any()
    one = floor_shadow(alpha, VIEW, key_directions(light_from(-60, 36), 0), reduce=2)
    other = floor_shadow(np.ascontiguousarray(alpha[:, ::-1]), VIEW, key_directions(light_from(60, 36), 0), reduce=2)
    assert one.max() > 0.9
    assert other[:, ::-1] == pytest.approx(one, abs=0.01)


def test_a_reduced_shadow_lies_where_the_full_one_does() -> None:
    alpha = alpha_of([CYLINDER], VIEW)
    full, quarter = (floor_shadow(alpha, VIEW, [light_from(-60, 36)], reduce=reduce) for reduce in (1, 4))
    assert np.abs(cv2.GaussianBlur(full, (0, 0), 4) - quarter).max() < 0.2


def test_the_shadow_grows_softer_away_from_the_foot() -> None:
    """Of a post under a large light from the left: how many rows its edge takes, near by and further off."""
    view = camera(35, focal=1.6)
    away = standing_at(view, 0.5 * SIDE)
    alpha = alpha_of([Body(away, 0.1, 0.6, 0.1, round=True)], view)
    made, hard = (floor_shadow(alpha, view, key_directions(light_from(-90, 45), size), reduce=1) for size in (16, 0))

    def edge(picture: np.ndarray, right: float) -> float:
        line = picture[:, round(seen_at(view, [[right, away, 0]])[0, 0])]
        line = np.repeat(line / line.max(), 10)
        return np.count_nonzero((line > 0.15) & (line < 0.85)) / 20

    near, middle, far = (edge(made, right) for right in (0.12, 0.3, 0.48))
    assert near + 1 < middle < far - 1
    assert edge(hard, 0.48) < 0.5 * far


def test_nothing_is_thrown_into_the_air() -> None:
    made = floor_shadow(alpha_of([POST], VIEW), VIEW, [light_from(0, 20)], reduce=1)
    assert made.min() >= 0
    assert made.max() <= 1
    horizon = VIEW.centre[1] - VIEW.focal * math.tan(VIEW.pitch)
    assert made[: max(0, int(horizon))].max(initial=0) == 0


# ---- right behind, right below


def test_the_shadow_on_a_surface_shifts_away_from_the_light_by_the_thickness() -> None:
    alpha = _block()
    towards = (0.5, 0.5, math.sqrt(0.5))  # from the top right
    made = surface_shadow(alpha, [towards], 40, reduce=1)
    reach = 40 * 0.5 / math.sqrt(0.5)
    beside, below = made[200], made[:, 200]
    assert np.flatnonzero(beside > 0.5).min() == pytest.approx(150 - reach, abs=1.5)
    assert np.flatnonzero(below > 0.5).max() == pytest.approx(300 + reach, abs=1.5)
    free = alpha == 0
    free[97:303, 147:253] = False
    made = made * free
    assert made[:, 250:].max() < 0.02, "no shadow towards the light"
    assert made[:100].max() < 0.02
    assert made[200, int(150 - reach / 2)] > 0.95


def test_what_is_thin_throws_no_shadow_beside_it() -> None:
    made = surface_shadow(_block(), [light_from(60, 45)], 0.0, reduce=1)
    assert made[:, :146].max() < 0.01
    assert thickness_of(_block(150, 154)) < 2 < thickness_of(_block()) < 0.1 * 200
    assert thickness_of(np.zeros((9, 9), np.uint8)) == 1


def test_contact_shadow_is_dark_right_below_and_gone_beside() -> None:
    density = contact_shadow(_block(), 100)
    assert density[300, 165:235].min() > 0.4
    assert density[301, 200] > 4 * density[312, 200]
    assert density[330:, :].max() < 0.02
    assert density[150, 270:].max() < 0.02, "nothing floats beside the product's upper part"


def test_contact_shadow_lies_under_every_leg_and_not_between() -> None:
    alpha = np.zeros((400, 400), np.uint8)
    alpha[100:160, 120:280] = 255
    alpha[160:300, 120:140] = alpha[160:300, 260:280] = 255
    density = contact_shadow(alpha, 160)
    assert min(density[301, 130], density[301, 270]) > 0.4
    assert density[:, 180:220].max() < 0.02


# ---- in a glossy floor


def test_the_mirror_image_is_that_of_the_floor() -> None:
    """A card that faces the camera, in bands: each is seen below the floor as deep as it is high above it."""
    heights = np.linspace(0, 0.24, 7)
    edges = np.rint(seen_at(VIEW, [[0, AWAY, height] for height in heights])[:, 1]).astype(int)
    left, right = 90, 150
    rgba = np.zeros((SIDE, SIDE, 4), np.float32)
    for band in range(6):
        rgba[edges[band + 1] : edges[band], left:right] = [0.9 * (band % 2), 0.2, 0.1 * band, 1]
    image = mirrored_below(rgba, VIEW, find_base((255 * rgba[..., 3]).astype(np.uint8)))
    below = seen_at(VIEW, [[0, AWAY, -height] for height in heights])[:, 1]
    assert below[-1] < SIDE - 2
    for band in range(6):
        row = round((below[band] + below[band + 1]) / 2)
        assert image[row, 120] == pytest.approx([0.9 * (band % 2), 0.2, 0.1 * band, 1], abs=0.05)
    assert image[: edges[0] - 1].max() < 0.02, "nothing above the foot"
    assert image[int(below[-1]) + 3 :].max() < 0.02
    assert image[..., 3].max() <= 1
