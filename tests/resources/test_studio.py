"""studio: the product as it is, standing in the plate's light; the same picture from the same job."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from resources.imaging.colour import delta_e_2000, rgb_to_lab, srgb_to_linear
from resources.imaging.harmonise import UNTOUCHED, beyond_ring, with_gain
from resources.scenes import studio
from resources.scenes.engine import (
    Candidate,
    Care,
    Placement,
    SceneJob,
    on_canvas,
    product_box,
    scaled_product,
    scene_seed,
)
from resources.scenes.placing import Plan, plan_picture
from resources.scenes.plate import Plate, ambient_of, foreground_of, load_plates, picture_of
from resources.scenes.studio import StudioEngine
from resources.scenes.templates import KIND_OF_POSE, load_templates
from tests.resources.printed_box import box_cutout
from tests.resources.solids import SIDE, Body, alpha_of, azimuth_of, camera, standing_at, turned

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]

PLATES = load_plates()
TEMPLATE = load_templates()["grey-sweep"]
SIZE = (360, 360)


def _job(plate: str | None = "grey-sweep", cutout: U8 | None = None, seed: int = 3, **changes: object) -> SceneJob:
    pose = next(pose for pose, kind in KIND_OF_POSE.items() if plate and kind == PLATES[plate].kind)
    job = SceneJob(box_cutout() if cutout is None else cutout, TEMPLATE, seed, SIZE, pose, plate=plate)  # type: ignore[arg-type]
    return dataclasses.replace(job, **changes)  # type: ignore[arg-type]


def _compose(job: SceneJob) -> Candidate:
    return StudioEngine().compose([job])[0]


def _layer(job: SceneJob, candidate: Candidate) -> U8:
    return on_canvas(scaled_product(job.cutout, candidate.placement.scale), candidate.placement, job.size)


def _post() -> U8:
    """A thin upright post, as cameras of plates see it: its shadow shows its direction."""
    view = camera(12)
    body = Body(standing_at(view, 0.76 * SIDE), 0.1, 0.5, 0.1, round=True)
    return np.dstack([np.full((SIDE, SIDE, 3), 120, np.uint8), alpha_of([body], view)])


def _disc() -> U8:
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return np.dstack([np.full((SIDE, SIDE, 3), 120, np.uint8), np.where(np.hypot(x, y) < 80, 255, 0).astype(np.uint8)])


@dataclass(frozen=True)
class Made:
    """A plate with a post (or a disc, where nothing stands), and a coloured box, and the scene without them."""

    plate: Plate
    plan: Plan
    post: Candidate
    empty: U8
    box_job: SceneJob
    box: Candidate

    @property
    def loss(self) -> F64:
        """The share of its light that every place beside the product lost, HxW."""
        before, after = (srgb_to_linear(rgb).sum(axis=2) for rgb in (self.empty, self.post.rgb))
        return np.where(self.post.alpha == 0, np.clip(1 - after / np.maximum(before, 1e-3), 0, 1), 0)


@pytest.fixture(scope="module", params=PLATES)
def made(request: pytest.FixtureRequest) -> Made:
    plate = PLATES[request.param]
    job = _job(plate.name, _post() if plate.kind == "floor" else _disc(), care=Care(harmonise=False))
    box = _job(plate.name)
    engine = StudioEngine()
    return Made(plate, plan_picture(job), _compose(job), engine.backdrop(job), box, _compose(box))


# ---- the product


def test_solid_pixels_are_those_of_the_scaled_cutout(made: Made) -> None:
    plain = _compose(dataclasses.replace(made.box_job, care=Care(harmonise=False)))
    layer = _layer(made.box_job, plain)
    solid = layer[..., 3] == 255
    assert solid.sum() > 10_000
    assert np.array_equal(plain.rgb[solid], layer[..., :3][solid])
    assert np.array_equal(plain.alpha, layer[..., 3])
    assert plain.harmony == UNTOUCHED
    assert plain.placement == made.box.placement


def test_harmonised_pixels_stay_within_the_bounds_and_the_record_says_so(made: Made) -> None:
    layer, rgb, harmony = _layer(made.box_job, made.box), made.box.rgb, made.box.harmony
    solid = layer[..., 3] == 255
    one, other = rgb_to_lab(layer[..., :3])[solid], rgb_to_lab(rgb)[solid]
    delta_e = float(delta_e_2000(one, other).mean())
    ab_shift = float(np.median(np.linalg.norm(other[:, 1:] - one[:, 1:], axis=1)))
    assert delta_e <= 1.0
    assert ab_shift <= 1.5
    assert (harmony.delta_e, harmony.ab_shift) == pytest.approx((delta_e, ab_shift), abs=0.02)
    inner = beyond_ring(solid, harmony.ring)
    assert inner.sum() > 5_000
    assert np.array_equal(rgb[inner], with_gain(layer[..., :3], harmony.gain)[inner])
    assert not np.any((rgb == 255) & (layer[..., :3] < 255) & solid[..., None]), "no highlight is clipped"
    facts = json.loads(json.dumps(dict(made.box.facts), allow_nan=False))
    assert facts["harmony"] == {**harmony.as_dict(), "gain": list(harmony.gain)}
    assert facts["plate"] == made.plate.name


# ---- light


def test_the_shadow_falls_away_from_the_light(made: Made) -> None:
    """Measured on the picture: where the floor (or the surface behind) got darker, seen from the product."""
    loss, plan = made.loss, made.plan
    rows, columns = np.nonzero(made.post.alpha > 127)
    if made.plate.kind == "floor":
        view = plan.view.floor(made.plate)
        foot = rows.max() + 1
        base = columns[rows > foot - 8]
        middle, near = view.floor_point(base.mean() + 0.5, foot)
        radius = (np.ptp(base) + 1) / 2 * (view.floor_point(1, foot)[0] - view.floor_point(0, foot)[0])
        # From the foot's middle; the floor alone, and not what the sky throws all round the foot.
        centred = dataclasses.replace(view, centre=(view.centre[0] + middle * _pixels(view, foot), view.centre[1]))
        loss[: math.ceil(plan.view.row(made.plate.floor_line) + 0.08 * SIZE[1])] = 0
        y, x = np.nonzero(loss > 0.08)
        points = np.array([centred.floor_point(a + 0.5, b + 0.5) for a, b in zip(x, y, strict=True)])
        off = np.hypot(points[:, 0], points[:, 1] - near - radius)
        far = (off > 3 * radius) & (off < 18 * radius)
        only = np.zeros_like(loss)
        only[y[far], x[far]] = loss[y[far], x[far]]
        found = azimuth_of(only, centred, near + radius)
        azimuth = made.plate.light.azimuth * (-1 if plan.view.mirrored else 1)
        assert turned(found, azimuth + 180) < 20
        assert made.post.facts["light"] == {"azimuth": azimuth, "elevation": made.plate.light.elevation}
        assert far.sum() > 60
    else:
        right, away, up = plan.towards_light
        y, x = np.nonzero(loss > 0.05)
        weight = loss[y, x] / loss[y, x].sum()
        moved = (weight @ x - columns.mean(), weight @ y - rows.mean())
        # On a table the picture's up is away from the viewer, on a wall it is up.
        wanted = (-right, away if made.plate.kind == "flat" else up)
        assert turned(math.degrees(math.atan2(*moved)), math.degrees(math.atan2(*wanted))) < 20
        assert math.hypot(*moved) > 5


def _pixels(view: object, row: float) -> float:
    """Pixels for a unit of the floor's width in a row."""
    return 1 / (view.floor_point(1, row)[0] - view.floor_point(0, row)[0])  # type: ignore[attr-defined]


def test_nothing_beside_the_product_gets_lighter(made: Made) -> None:
    free = made.post.alpha == 0
    rise = made.post.rgb.astype(int) - made.empty
    assert rise[free].max() <= 1
    assert made.loss[:20].max() < 0.1, "and nothing changes at the top"


def test_it_is_dark_right_under_the_foot(made: Made) -> None:
    rows, columns = np.nonzero(made.post.alpha > 127)
    if made.plate.kind == "floor":
        foot, middle = rows.max() + 1, round(columns[rows == rows.max()].mean())
        under = made.loss[foot : foot + 4, middle - 2 : middle + 3]
        assert under.max(axis=0).min() > 0.2
        assert made.loss[foot + 24 :, middle - 2 : middle + 3].max() < 0.5 * under.max(), "and only there"
    else:
        ring = cv2.dilate(made.post.alpha, np.ones((7, 7), np.uint8)) > 0
        assert np.median(made.loss[ring & (made.loss > 0)]) > 0.03
        assert made.loss.max() > 0.2


def test_the_empty_scene_is_the_plate_and_its_mirror_image(made: Made) -> None:
    """Beside grain, the backdrop differs from the plate by what a glossy floor shows of the product alone."""
    shown = made.plan.view.crop(picture_of(made.plate.name)).astype(float)
    if made.plate.foreground and "foreground_left_out" not in made.post.notes:
        front = made.plan.view.crop(foreground_of(made.plate.name)).astype(float)
        shown += front[..., 3:] / 255 * (front[..., :3] - shown)
    apart = np.abs(cv2.GaussianBlur(made.empty.astype(float) - shown, (0, 0), 3)).max(axis=2)
    foot = int(np.nonzero(made.post.alpha > 127)[0].max())
    assert apart[: foot - 8].max() < 1.5
    below = apart[foot : foot + 40].max()
    assert (below > 1.5) == (made.plate.gloss > 0.02), (below, made.plate.gloss)


def test_a_standing_product_touches_the_floor_despite_soft_alpha_below() -> None:
    cutout = box_cutout()
    cutout[470:500, 150:250, 3] = 20  # a faint smear under the box
    job = _job("white-sweep", cutout, care=Care(harmonise=False))
    candidate = _compose(job)
    foot = int(np.nonzero(candidate.alpha > 127)[0].max()) + 1
    loss = StudioEngine().backdrop(job).astype(int).sum(2) - candidate.rgb.astype(int).sum(2)
    darkest = np.argmax(loss[foot + 1 :, product_box(candidate.alpha).left + 100])
    assert darkest < 6


# ---- what hangs in front


def test_a_plain_scene_has_no_foreground_and_a_firm_grip_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    plate = next(plate for plate in PLATES.values() if plate.foreground)
    layer = np.zeros((200, 200, 4), np.uint8)
    layer[:, :20] = layer[:, -20:] = (255, 0, 0, 255)
    monkeypatch.setattr(studio, "foreground_of", lambda name: layer)
    cares = (Care(), Care(grip=2), Care(plain=True, grip=1))
    usual, firm, plain = (_compose(_job(plate.name, care=care)) for care in cares)
    assert firm.rgb.tobytes() == usual.rgb.tobytes()
    empty = StudioEngine().backdrop(_job(plate.name, care=Care(plain=True)))
    red = [np.all(np.abs(rgb.astype(int) - (255, 0, 0)) < 12, axis=2) for rgb in (usual.rgb, plain.rgb, empty)]
    assert red[0][:, [2, -3]].all()
    assert not red[1].any()
    assert not red[2].any()
    assert plain.notes == ()


def test_a_foreground_never_lies_over_the_product(monkeypatch: pytest.MonkeyPatch) -> None:
    plate = next(plate for plate in PLATES.values() if plate.foreground)
    job = _job(plate.name, care=Care(harmonise=False))
    layer = np.zeros((200, 200, 4), np.uint8)
    layer[..., 0] = 255
    layer[:, :20, 3] = layer[:, -20:, 3] = 255  # both sides, whichever way the plate is turned
    monkeypatch.setattr(studio, "foreground_of", lambda name: layer)
    beside = _compose(job)
    assert beside.notes == ()
    red = np.all(np.abs(beside.rgb.astype(int) - (255, 0, 0)) < 12, axis=2)
    assert red[:, 2].all()
    assert red[:, -3].all()
    assert not red[beside.alpha > 0].any()
    assert np.array_equal(StudioEngine().backdrop(job)[:, [2, -3]], beside.rgb[:, [2, -3]])
    layer = layer.copy()
    layer[80:120, :, 3] = 90
    monkeypatch.setattr(studio, "foreground_of", lambda name: layer)
    across = _compose(job)
    assert across.notes == ("foreground_left_out",)
    assert not np.all(np.abs(across.rgb.astype(int) - (255, 0, 0)) < 30, axis=2).any()


# ---- the same again


def test_same_job_same_bytes_whatever_the_batch() -> None:
    jobs = [_job(seed=1), _job("flat-oak", seed=2), _job("wall-sage", seed=3), _job(seed=4)]
    together = StudioEngine().compose(jobs)
    for job, one in zip(reversed(jobs), reversed(together), strict=True):
        again = _compose(job)
        assert np.array_equal(again.rgb, one.rgb)
        assert again.facts == one.facts
    assert not np.array_equal(together[0].rgb, together[3].rgb)
    assert np.array_equal(StudioEngine().backdrop(jobs[0]), StudioEngine().backdrop(jobs[0]))


@pytest.mark.parametrize("plate", ["marble-counter", "snow-morning", "flat-oak"])
def test_threads_do_not_change_the_bytes(plate: str) -> None:
    threads, pictures = cv2.getNumThreads(), []
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            pictures.append(_compose(_job(plate, size=(640, 640))).rgb)
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(*pictures)


def test_plates_are_decoded_once_and_few_are_kept() -> None:
    for read in (picture_of, ambient_of):
        read.cache_clear()
    StudioEngine().compose([_job(seed=seed) for seed in range(3)])
    StudioEngine().backdrop(_job(seed=9))
    for read in (picture_of, ambient_of, foreground_of):
        info = read.cache_info()
        assert info.maxsize is not None
        assert info.maxsize * 2048 * 2048 * 4 < 250e6
    assert picture_of.cache_info().misses == ambient_of.cache_info().misses == 1


@pytest.mark.parametrize("size", [(480, 270), (288, 360)])
def test_other_aspects_show_the_same_set(size: tuple[int, int]) -> None:
    candidate = _compose(_job("oak-window", size=size))
    assert candidate.rgb.shape == (size[1], size[0], 3)
    assert candidate.alpha.shape == (size[1], size[0])
    assert candidate.facts["plate"] == "oak-window"


def test_a_product_without_one_solid_pixel_is_composed_too() -> None:
    glass = box_cutout()
    glass[..., 3] //= 2
    candidate = _compose(_job(cutout=glass))
    assert candidate.harmony == UNTOUCHED
    assert 120 < candidate.alpha.max() < 140


def test_an_empty_cutout_is_an_error_in_words() -> None:
    with pytest.raises(ValueError, match="cut-out is empty"):
        _compose(_job(cutout=np.zeros((50, 50, 4), np.uint8)))


# ---- engines, seeds, placements


def test_seed_is_stable_and_keeps_parts_apart() -> None:
    assert scene_seed("a", "bc") != scene_seed("ab", "c")
    assert scene_seed("a", 1) != scene_seed("a", 2)
    assert 0 <= scene_seed("a") < 2**63
    assert scene_seed("mug", 1) == 5832492428698130042, "stored pictures were made with it"


def test_on_canvas_cuts_at_the_borders() -> None:
    product = np.full((10, 10, 4), 9, np.uint8)
    canvas = on_canvas(product, Placement(1.0, -4, 15), (20, 20))
    assert canvas[..., 0].sum() == 9 * 6 * 5
    assert not on_canvas(product, Placement(1.0, 40, 0), (20, 20)).any()
