"""placing: products stand on their plate's floor, whole inside the picture, in the way that seed and template say."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from resources.scenes import placing
from resources.scenes.engine import Care, SceneJob, on_canvas, product_box, scaled_product, scaled_size
from resources.scenes.placing import MAX_UPSCALE, Plan, View, clutter, lit_side, plan_picture, seen_pitch
from resources.scenes.plate import Plate, load_plates
from resources.scenes.templates import ASPECTS, KIND_OF_POSE, Pose, SceneTemplate, crop_size, load_templates
from tests.resources.printed_box import box_cutout
from tests.resources.solids import Body, alpha_of, camera

PLATES = load_plates()
TEMPLATE = load_templates()["grey-sweep"]
POSES: dict[str, Pose] = {kind: pose for pose, kind in KIND_OF_POSE.items()}
SHAPES = {"square": (200, 200), "tall": (60, 300), "wide": (300, 60)}


def _job(plate: str | None = None, cutout: np.ndarray | None = None, seed: int = 1, **changes: object) -> SceneJob:
    pose = POSES[PLATES[plate].kind] if plate else "standing"
    job = SceneJob(box_cutout() if cutout is None else cutout, TEMPLATE, seed, (480, 480), pose, plate=plate)
    return dataclasses.replace(job, **changes)  # type: ignore[arg-type]


def _of(kind: str) -> list[Plate]:
    return [plate for plate in PLATES.values() if plate.kind == kind]


def _size(plan: Plan, cutout: np.ndarray) -> tuple[int, int]:
    return scaled_size(product_box(cutout[..., 3]), plan.placement.scale)


def _solid(plan: Plan, job: SceneJob) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the product's solid part, as shares of the plate (turned as the view turns it)."""
    layer = on_canvas(scaled_product(job.cutout, plan.placement.scale), plan.placement, job.size)
    rows, columns = np.nonzero(layer[..., 3] > 127)
    view = plan.view
    left, right = (view.left + column / view.pixels for column in (columns.min(), columns.max() + 1))
    top, bottom = (view.top + row / view.pixels for row in (rows.min(), rows.max() + 1))
    return left, top, right, bottom


# ---- where it is


@pytest.mark.parametrize("crop", ASPECTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_whole_inside_the_picture_and_in_its_place(shape: str, crop: str) -> None:
    cutout = box_cutout(*SHAPES[shape])
    for number, plate in enumerate(PLATES.values()):
        job = _job(plate.name, cutout, number, size=crop_size(crop, 480))  # type: ignore[arg-type]
        plan = plan_picture(job)
        (width, height), at = _size(plan, cutout), plan.placement
        assert 0 < at.left < at.left + width < job.size[0], plate.name
        assert 0 < at.top < at.top + height < job.size[1], plate.name
        view, tall = plan.view, job.size[1] / plan.view.pixels
        assert view.left >= 0
        assert view.top >= 0
        assert view.left + view.span <= 1 + 1e-9
        assert view.top + tall <= 1 + 1e-9, "no more is shown than there is"
        left, top, right, bottom = _solid(plan, job)
        pixel = 1.5 / plan.view.pixels
        if plate.kind == "floor":
            assert plate.stand.y[0] - pixel <= bottom <= plate.stand.y[1] + pixel
            assert bottom > plate.floor_line
            assert plan.view.floor(plate).floor_point(0, plan.view.row(bottom))
        elif plate.kind == "flat":
            (x0, x1), (y0, y1) = plate.stand.x, plate.stand.y
            x0, x1 = (1 - x1, 1 - x0) if plan.view.mirrored else (x0, x1)
            assert x0 - pixel <= (left + right) / 2 <= x1 + pixel
            assert y0 - pixel <= (top + bottom) / 2 <= y1 + pixel


def test_a_soft_smear_below_does_not_lift_the_product_off_the_floor() -> None:
    smeared = box_cutout()
    smeared[470:500, 150:250, 3] = 20
    one, other = (plan_picture(_job("grey-sweep", cutout)) for cutout in (box_cutout(), smeared))
    feet = [
        round((460 - product_box(cutout[..., 3]).top) * plan.placement.scale) + plan.placement.top
        for plan, cutout in ((one, box_cutout()), (other, smeared))
    ]
    assert feet[1] == pytest.approx(feet[0], abs=1)


def test_a_hanging_product_hangs_from_the_peg() -> None:
    plate = next(plate for plate in _of("wall") if plate.anchor is not None)
    assert plate.anchor is not None
    cutout = box_cutout(200, 200)
    cutout[..., 3] = 0
    cutout[40:80, 120:130, 3] = cutout[80:260, 40:280, 3] = 255  # its eye is left of its middle
    for seed in range(4):
        plan = plan_picture(_job(plate.name, cutout, seed))
        x, y = plate.anchor
        at, scale = plan.placement, plan.placement.scale
        assert at.top == pytest.approx(plan.view.row(y), abs=1.5)
        assert at.left + (125 - 40) * scale == pytest.approx(
            plan.view.column(1 - x if plan.view.mirrored else x), abs=1.5
        )


def test_what_hangs_on_a_bare_wall_hangs_in_the_middle() -> None:
    plate = next(plate for plate in _of("wall") if plate.anchor is None)
    left, top, right, bottom = _solid(plan_picture(_job(plate.name)), _job(plate.name))
    assert 0.4 < (left + right) / 2 < 0.6
    assert 0.4 < (top + bottom) / 2 < 0.6


# ---- how large it is


@pytest.mark.parametrize("plate", ["grey-sweep", "flat-oak", "wall-sage"])
def test_a_larger_product_fills_more(plate: str) -> None:
    low, high = PLATES[plate].height_cm
    scales = [
        plan_picture(_job(plate, height_cm=height)).placement.scale for height in (low, math.sqrt(low * high), high)
    ]
    assert scales[0] < scales[1] < scales[2]
    unknown = plan_picture(_job(plate)).placement.scale
    assert unknown == pytest.approx(scales[1], rel=0.01)


def test_fill_margin_and_zoom_are_the_templates() -> None:
    def template(**changes: object) -> SceneTemplate:
        return TEMPLATE.model_copy(update={"composition": TEMPLATE.composition.model_copy(update=changes)})

    small = plan_picture(_job("flat-oak", template=template(fill=(0.3, 0.3))))
    large = plan_picture(_job("flat-oak", template=template(fill=(0.6, 0.6))))
    assert _size(small, box_cutout())[1] / 480 == pytest.approx(0.3, abs=0.03)
    assert _size(large, box_cutout())[1] / 480 == pytest.approx(0.6, abs=0.03)
    free = plan_picture(_job("flat-oak", template=template(fill=(1.0, 1.0), margin=0.2)))
    assert 480 - free.placement.top - _size(free, box_cutout())[1] >= 0.2 * 480 - 1
    assert free.placement.top >= 0.2 * 480 - 1
    near = plan_picture(_job("flat-oak", template=template(zoom=(0.5, 0.5))))
    assert near.view.span == pytest.approx(0.5)


def test_small_cutout_is_not_blown_up_and_says_so() -> None:
    plan = plan_picture(_job("grey-sweep", box_cutout(90, 120), size=(800, 800)))
    assert plan.placement.scale == MAX_UPSCALE
    assert plan.notes == ("placed_smaller_to_keep_it_sharp",)
    assert plan_picture(_job("grey-sweep")).notes == ()


# ---- which plate


def _family(*names: str) -> SceneTemplate:
    return TEMPLATE.model_copy(update={"plates": TEMPLATE.plates.model_copy(update={"standing": names})})


def test_a_height_that_suits_no_plate_is_noted_and_one_that_suits_chooses() -> None:
    low = PLATES["marble-counter"]
    assert low.height_cm[1] < 100 <= PLATES["grey-sweep"].height_cm[1]
    template = _family("marble-counter", "grey-sweep")
    tall = [plan_picture(_job(seed=seed, template=template, height_cm=100.0)) for seed in range(6)]
    assert {plan.plate.name for plan in tall} == {"grey-sweep"}
    assert {plan.notes for plan in tall} == {()}
    assert plan_picture(_job(template=template, height_cm=900.0)).notes == ("no_plate_of_this_scale",)
    assert plan_picture(_job(template=template)).notes == ()


def test_a_pose_takes_its_own_plates_and_a_wish_goes_first() -> None:
    for pose, kind in KIND_OF_POSE.items():
        assert plan_picture(_job(pose=pose)).plate.kind == kind
    assert plan_picture(_job("oak-window")).plate.name == "oak-window"


def test_a_photo_from_above_goes_on_a_plate_seen_from_above(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = PLATES["grey-sweep"]
    low, high = (
        sweep.model_copy(update={"name": name, "camera": sweep.camera.model_copy(update={"pitch": pitch})})
        for name, pitch in (("low", 6.0), ("high", 24.0))
    )
    monkeypatch.setattr(placing, "load_plates", lambda: {"low": low, "high": high})
    template = _family("low", "high")
    for pitch, wanted in ((6, low), (30, high)):
        cutout = np.dstack([np.full((240, 240, 3), 90, np.uint8), alpha_of([_can(pitch)], camera(pitch))])
        plans = [plan_picture(_job(cutout=cutout, seed=seed, template=template)) for seed in range(6)]
        assert {plan.plate.name for plan in plans} == {wanted.name}
    box = {plan_picture(_job(seed=seed, template=template)).plate.name for seed in range(12)}
    assert box == {"low", "high"}, "where the photo does not tell, the seed decides"


# ---- what a photo tells


def _can(pitch: float, *, round_: bool = True) -> Body:
    """A can in the middle of a picture, taken from `pitch` degrees above."""
    away = 1 / math.tan(math.radians(pitch))
    width = 0.45 * math.hypot(1, away) / 2.8
    return Body(away, width, 0.8 * width, width, round=round_)


@pytest.mark.parametrize("pitch", [4, 8, 12, 18])
def test_the_camera_of_a_photo_is_read_off_a_round_base(pitch: float) -> None:
    assert seen_pitch(alpha_of([_can(pitch)], camera(pitch))) == pytest.approx(pitch, abs=2)


def test_steeper_cameras_are_at_least_told_apart() -> None:
    read = [seen_pitch(alpha_of([_can(pitch)], camera(pitch))) for pitch in (12, 18, 26, 40)]
    assert read == sorted(read)  # type: ignore[type-var]
    assert read[-1] is not None
    assert read[-1] > 20


def test_a_straight_or_legged_base_tells_no_angle() -> None:
    for pitch in (8, 12, 20, 30):
        assert seen_pitch(alpha_of([_can(pitch, round_=False)], camera(pitch))) is None
    legs = np.zeros((240, 240), np.uint8)
    legs[60:100, 60:180] = legs[100:180, 60:70] = legs[100:180, 170:180] = 255
    assert seen_pitch(legs) is None


def _lit(side: int) -> np.ndarray:
    """A box that is lighter on one side (-1 left, 1 right), or on none (0)."""
    cutout = box_cutout()
    fall = np.linspace(-1, 1, cutout.shape[1])[None, :, None] * side
    cutout[..., :3] = np.clip(130 + 80 * fall + (0.1 * cutout[..., :3]), 0, 255)
    return cutout


def test_the_lit_side_of_a_product_is_seen() -> None:
    left, none, right = (lit_side(_lit(side)) for side in (-1, 0, 1))
    assert left < -0.8
    assert abs(none) < 0.2
    assert right > 0.8
    assert lit_side(np.full((50, 50, 4), 255, np.uint8)) == 0
    assert lit_side(np.zeros((50, 50, 4), np.uint8)) == 0


def test_a_plate_is_turned_to_match_a_product_lit_from_one_side() -> None:
    for plate in (plate for plate in _of("floor") if plate.mirror):
        for side in (-1, 1):
            plans = [plan_picture(_job(plate.name, _lit(side), seed)) for seed in range(3)]
            assert all(np.sign(plan.towards_light[0]) == side for plan in plans), plate.name
            assert {plan.view.mirrored for plan in plans} == {np.sign(plate.light.to_light()[0]) != side}
    either = {plan_picture(_job("grey-sweep", _lit(0), seed)).view.mirrored for seed in range(12)}
    assert either == {True, False}, "where nothing shows, the seed decides"


# ---- by seed


def test_the_same_seed_gives_the_same_plan_and_others_differ() -> None:
    plans = [plan_picture(_job(seed=seed)) for seed in range(12)]
    assert plans == [plan_picture(_job(seed=seed)) for seed in range(12)]
    assert len({plan.placement for plan in plans}) == 12
    assert len({plan.view.span for plan in plans}) == 12
    assert len({plan.view.left for plan in plans}) > 6
    assert len({plan.grain_seed for plan in plans}) == 12
    names = ("oak-window", "grey-sweep", "white-sweep")
    spread = {plan_picture(_job(seed=seed, template=_family(*names))).plate.name for seed in range(24)}
    assert spread == set(names)


@pytest.mark.parametrize(
    "names", [("terrazzo-shelf", "white-sweep", "oak-window"), ("winter-cabin", "grey-sweep", "frost-window")]
)
def test_a_plain_scene_is_the_calmest_of_its_family_with_nothing_in_front(names: tuple[str, ...]) -> None:
    calm = min(names, key=lambda name: clutter(name))
    jobs = [_job(seed=seed, template=_family(*names), care=Care(plain=True)) for seed in range(6)]
    plans = [plan_picture(job) for job in jobs]
    assert {plan.plate.name for plan in plans} == {calm}
    assert "sweep" in calm, "paper is calmer than a set"
    assert len({plan.placement for plan in plans}) == 6, "the seed still places the product"


def test_what_stands_in_front_is_left_out_of_a_plain_scene_only() -> None:
    plate = next(plate for plate in PLATES.values() if plate.foreground)
    assert plan_picture(_job(plate.name)).foreground
    plain = plan_picture(_job(plate.name, care=Care(plain=True)))
    assert not plain.foreground
    assert plain == dataclasses.replace(plan_picture(_job(plate.name)), foreground=False)


def test_a_grip_is_0_to_2() -> None:
    assert [Care(grip=grip).grip for grip in (0, 1, 2)] == [0, 1, 2]
    for grip in (-1, 3):
        with pytest.raises(ValueError, match="0 to 2 expected"):
            Care(grip=grip)


def test_an_empty_cutout_is_an_error_in_words() -> None:
    with pytest.raises(ValueError, match="cut-out is empty"):
        plan_picture(_job(cutout=np.zeros((50, 50, 4), np.uint8)))


# ---- what is shown of a plate


@pytest.mark.parametrize("reduce", [1, 4])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("side", [150, 900])
def test_a_view_shows_every_place_where_it_says(side: int, mirrored: bool, reduce: int) -> None:
    """A plate whose colours say where they are: red the column, green the row."""
    steps = (np.arange(side) + 0.5) / side * 200
    plate = np.zeros((side, side, 3), np.uint8)
    plate[..., 0], plate[..., 1] = np.rint(steps)[None], np.rint(steps)[:, None]
    view = View(0.2, 0.1, 0.6, (320, 400), mirrored)
    seen = view.crop(plate, reduce)
    assert seen.shape == (400 // reduce, 320 // reduce, 3)
    for column, row in ((20, 20), (160, 200), (300, 380)):
        shown = seen[row // reduce, column // reduce].astype(float)
        middle = (np.array([column, row]) // reduce + 0.5) * reduce
        x, y = view.left + middle[0] / view.pixels, view.top + middle[1] / view.pixels
        assert (view.column(x), view.row(y)) == pytest.approx(tuple(middle))
        assert shown[:2] == pytest.approx((200 * (1 - x if mirrored else x), 200 * y), abs=1.5)
