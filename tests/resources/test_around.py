"""around: an engine paints the world; the product in the picture is the true one, with one edge and its own shadow.

What an engine leaves is made by hand, as bad as it gets: another set, and in it a product that was painted again, a
little larger, beside its place, and smeared.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from resources.imaging.alpha import extend_colours, over
from resources.imaging.colour import resize_rgb, rgb_to_lab
from resources.imaging.harmonise import UNTOUCHED, as_harmonised, harmony_of
from resources.imaging.light import grain_of, noise_of
from resources.quality.fidelity import judge
from resources.scenes.around import Start, finished, revision, start_of
from resources.scenes.engine import Candidate, Care, EngineError, SceneJob
from resources.scenes.plate import load_plates
from resources.scenes.studio import StudioEngine, set_around
from resources.scenes.templates import load_templates
from resources.verdicts import Verdict
from tests.pictures import product_cutout
from tests.resources.printed_box import box_cutout

U8 = NDArray[np.uint8]

TEMPLATES = load_templates()
SIDE, SIZE = 320, (448, 448)
BOTTLE = product_cutout((360, 480), 4)


def a_ring() -> U8:
    """A thin hoop that stands: all of it is outline, and one sees through it."""
    alpha = np.zeros((1200, 1200), np.uint8)
    cv2.circle(alpha, (600, 600), 520, 255, 26)
    rgb = np.full((300, 300, 3), (190, 150, 70), np.uint8)
    return np.dstack([rgb, cv2.resize(alpha, (300, 300), interpolation=cv2.INTER_AREA)])


def a_glass() -> U8:
    """The bottle in glass: a third of its body is seen, but for its solid label."""
    glass = BOTTLE.copy()
    label = np.zeros(glass.shape[:2], bool)
    label[216:336] = True
    glass[..., 3] = np.where(label, glass[..., 3], glass[..., 3] // 3)
    return glass


CUTOUTS = {"bottle": BOTTLE, "box": box_cutout(), "hoop": a_ring(), "glass": a_glass()}


def job_of(name: str = "bottle", *, size: tuple[int, int] = SIZE, plate: str = "oak-window", **care: Any) -> SceneJob:
    return SceneJob(CUTOUTS[name], TEMPLATES["oak-window"], 11, size, plate=plate, care=Care(**care))


@cache
def started(name: str = "bottle", size: tuple[int, int] = SIZE) -> Start:
    return start_of(job_of(name, size=size), SIDE, 16)


@cache
def painted_by_one(name: str, plate: str, grown: float = 3, shift: tuple[float, float] = (2, 1)) -> tuple[Start, U8]:
    return started(name), left_by_an_engine(started(name), plate, grown, shift)


def other_set(start: Start, plate: str) -> U8:
    """The world as an engine may paint it: another set, with the product's shadow in it; of the job's size."""
    return set_around(start.layer, replace(start.plan, plate=load_plates()[plate], foreground=False))[0]


def left_by_an_engine(start: Start, plate: str, grown: float = 3, shift: tuple[float, float] = (2, 1)) -> U8:
    """Another set with the engine's own product in it: grown and moved by so many pixels of its picture, smeared."""
    scene = resize_rgb(other_set(start, plate), start.size)
    rgb = resize_rgb(extend_colours(start.layer[..., :3], start.layer[..., 3]), start.size)
    alpha = cv2.resize(start.layer[..., 3], start.size, interpolation=cv2.INTER_AREA)
    across = 2 * round(grown) + 1
    alpha = cv2.dilate(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across)))
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    layer = cv2.warpAffine(np.dstack([rgb, alpha]), move, start.size, borderMode=cv2.BORDER_REPLICATE)
    return cv2.GaussianBlur(over(layer, scene), (0, 0), 0.7)


def judged(job: SceneJob, made: Candidate) -> Verdict:
    return judge(job.cutout[..., :3], job.cutout[..., 3], made.rgb, placement=made.placement, harmony=made.harmony)


def measured(verdict: Verdict) -> dict[str, float]:
    return {measure.name: measure.value for measure in verdict.measures}


def near(alpha: U8, low: float, high: float) -> NDArray[np.bool_]:
    """Pixels so far off the outline."""
    away = cv2.distanceTransform((alpha == 0).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray((away > low) & (away <= high))


# ---- the start


@pytest.mark.parametrize("size", [(1600, 1600), (1600, 900), (900, 1600), (1280, 1600), (640, 640), (4000, 3000)])
@pytest.mark.parametrize(("side", "multiple"), [(1024, 16), (1024, 64), (512, 8), (96, 32)])
def test_the_working_size_is_the_job_s_shape_within_the_budget(size: tuple[int, int], side: int, multiple: int) -> None:
    from resources.scenes.around import _working_size

    width, height = _working_size(size, side, multiple)
    assert width % multiple == height % multiple == 0
    assert width * height <= side * side
    scale = side / math.sqrt(size[0] * size[1])
    assert size[0] * scale - width < multiple + 1e-3
    assert size[1] * scale - height < multiple + 1e-3


@pytest.mark.parametrize("name", CUTOUTS)
def test_the_start_is_the_studio_s_own_picture(name: str) -> None:
    start, studio = started(name), StudioEngine().compose([job_of(name, harmonise=False)])[0]
    assert start.plan.placement == studio.placement
    assert np.array_equal(start.layer[..., 3], studio.alpha)
    assert start.size == (320, 320)
    assert np.array_equal(start.picture, resize_rgb(studio.rgb, start.size))
    assert start.towards


@pytest.mark.parametrize("name", CUTOUTS)
def test_the_mask_leaves_the_product_but_for_its_rim_by_grip(name: str) -> None:
    starts = [start_of(job_of(name, grip=grip), 512, 16) for grip in (0, 1, 2)]
    alpha = cv2.resize(starts[0].layer[..., 3], starts[0].size, interpolation=cv2.INTER_AREA)
    kept = [start.mask == 0 for start in starts]
    assert all(set(np.unique(start.mask)) == {0, 255} for start in starts)
    for less, more in pairwise(kept):
        assert not np.any(less & ~more), "more of it with a firmer grip"
    assert np.array_equal(kept[2], alpha >= 32), "all of it, glass as well"
    assert 0.5 <= kept[0].sum() / kept[2].sum() < kept[1].sum() / kept[2].sum() < 1
    if name in ("bottle", "box"):
        depth = cv2.distanceTransform((alpha >= 32).astype(np.uint8), cv2.DIST_L2, 5)
        assert np.array_equal(kept[0], depth > 2)
        assert np.array_equal(kept[1], depth > 1)


def test_a_product_at_the_border_has_no_rim_there() -> None:
    from resources.scenes.around import _mask

    alpha = np.zeros((300, 300), np.uint8)
    alpha[100:, 100:] = 255
    mask = _mask(alpha, (1024, 1024), 0)
    assert (mask[600:, -1] == 0).all()
    assert mask[600, 343] == 255, "but on its other sides"


def test_other_plates_make_other_pictures() -> None:
    assert StudioEngine().revision in revision()


def test_an_empty_cut_out_is_refused() -> None:
    job = replace(job_of(), cutout=np.zeros((40, 40, 4), np.uint8))
    with pytest.raises(ValueError, match="empty"):
        start_of(job, SIDE, 16)


# ---- the true product, in


@pytest.mark.parametrize(
    ("name", "size"), [*((name, SIZE) for name in CUTOUTS), ("bottle", (512, 288)), ("box", (360, 450))]
)
def test_the_solid_product_is_the_true_one_to_the_bit(name: str, size: tuple[int, int]) -> None:
    job = job_of(name, size=size)
    cutout = job.cutout.copy()
    start = started(name, size)
    made = finished(job, start, left_by_an_engine(start, "white-sweep"), facts={"seed": 3}, notes=("steps_4",))
    solid = start.layer[..., 3] == 255
    assert made.rgb.shape == (size[1], size[0], 3)
    assert np.array_equal(made.rgb[solid], start.layer[..., :3][solid])
    assert np.array_equal(made.alpha, start.layer[..., 3])
    assert made.harmony == UNTOUCHED
    assert made.placement == start.plan.placement
    assert made.notes[-1] == "steps_4"
    assert made.facts["seed"] == 3
    json.dumps(dict(made.facts), allow_nan=False)
    assert np.array_equal(job.cutout, cutout), "what it was given is not written into"


@pytest.mark.parametrize(
    ("name", "plate"),
    [("bottle", "white-sweep"), ("bottle", "autumn-wool"), ("box", "concrete-plinth"), ("hoop", "white-sweep")],
)
def test_no_second_edge_is_left_and_the_judge_accepts(name: str, plate: str) -> None:
    job = job_of(name)
    start, painted = painted_by_one(name, plate)
    made = finished(job, start, painted, facts={})
    verdict = judged(job, made)
    assert verdict.accepted, verdict
    assert measured(verdict)["exact_pixels"] == 0
    # Around the product the scene is what it is where the engine paints no product at all.
    clean = finished(job, start, resize_rgb(other_set(start, plate), start.size), facts={})
    pasted = over(start.layer, resize_rgb(painted, job.size))
    ring = near(start.layer[..., 3], 0, 8)
    off = [np.linalg.norm(rgb_to_lab(one)[ring] - rgb_to_lab(clean.rgb)[ring], axis=1) for one in (made.rgb, pasted)]
    assert off[0].mean() < 4
    assert off[0].mean() < 0.35 * off[1].mean(), "far better than pasting alone"


def test_an_edge_that_pasting_alone_leaves_would_have_been_seen() -> None:
    job = job_of()
    start, painted = painted_by_one("bottle", "autumn-wool")
    made = finished(job, start, painted, facts={})
    pasted = replace(made, rgb=over(start.layer, resize_rgb(painted, job.size)))
    assert judged(job, made).accepted
    assert measured(judged(job, made))["outline_moved"] < 0.03
    assert measured(judged(job, pasted))["outline_moved"] > 0.12


@pytest.mark.parametrize(
    ("name", "grown", "shift"),
    [("bottle", 18, (0, 0)), ("bottle", 0, (34, 0)), ("box", 18, (0, 0)), ("box", 0, (0, -30))],
)
def test_a_product_that_goes_on_beyond_its_outline_is_not_accepted(
    name: str, grown: float, shift: tuple[float, float]
) -> None:
    job = job_of(name)
    start, painted = painted_by_one(name, "autumn-wool", grown, shift)
    verdict = judged(job, finished(job, start, painted, facts={}))
    assert not verdict.accepted
    assert verdict.decided_by in ("expansion", "outline_moved")


def test_what_the_engine_painted_stays_where_no_product_shows() -> None:
    """Its shadow at the foot as well: only the line at the outline is drawn again."""
    job, start = job_of(), started()
    painted = resize_rgb(other_set(start, "white-sweep"), start.size)
    made = finished(job, start, painted, facts={})
    assert made.facts["refilled"] < 0.02
    whole = resize_rgb(painted, job.size)
    far = near(start.layer[..., 3], 5, 1000)
    assert np.abs(made.rgb[far].astype(int) - whole[far]).mean() < 1.5, "but for grain"
    line = near(start.layer[..., 3], 0, 4)
    foot = np.flatnonzero((start.layer[..., 3] > 0).any(axis=1))[-1]
    below = line & (np.arange(SIZE[1]) >= foot - 2)[:, None]
    shadow, drawn = whole[below].mean(), made.rgb[below].mean()
    assert whole[far].mean() - shadow > 25, "there is a shadow at the foot"
    assert abs(drawn - shadow) < 12


def test_a_shadow_that_the_engine_s_product_hid_goes_on_to_the_foot() -> None:
    job, start = job_of(), started()
    clean = finished(job, start, resize_rgb(other_set(start, "white-sweep"), start.size), facts={})
    made = finished(job, start, left_by_an_engine(start, "white-sweep", 4, (0, 0)), facts={})
    foot = np.flatnonzero((start.layer[..., 3] > 0).any(axis=1))[-1]
    below = near(start.layer[..., 3], 0, 5) & (np.arange(SIZE[1]) >= foot - 1)[:, None]
    assert abs(float(made.rgb[below].mean()) - float(clean.rgb[below].mean())) < 15


@pytest.mark.parametrize("colour", [(200, 40, 40), (30, 60, 200)])
def test_through_glass_one_sees_the_painted_scene_and_no_second_glass(colour: tuple[int, int, int]) -> None:
    job, start = job_of("glass"), started("glass")
    wall = np.full((start.size[1], start.size[0], 3), colour, np.uint8)
    wall[::2] -= 6
    smeared = wall.copy()
    inside = cv2.resize(start.layer[..., 3], start.size, interpolation=cv2.INTER_AREA) > 0
    smeared[inside] = (20, 250, 120)  # whatever the engine made of the glass
    made = finished(job, start, smeared, facts={})
    expected = over(start.layer, resize_rgb(wall, job.size))
    body = (start.layer[..., 3] > 60) & (start.layer[..., 3] < 110)
    rows = np.flatnonzero(body.any(axis=1))
    body[rows[0] + 3 * len(rows) // 4 :] = False  # at its foot glass stands in its own shadow, as in the studio
    assert body.sum() > 1500
    assert np.abs(made.rgb[body].astype(int) - expected[body]).mean() < 4
    assert np.array_equal(made.rgb[start.layer[..., 3] == 255], start.layer[..., :3][start.layer[..., 3] == 255])


def test_the_scene_has_the_photo_s_grain() -> None:
    noisy = BOTTLE.copy()
    grain = np.random.default_rng(1).normal(0, 6, noisy.shape[:2])[..., None]
    noisy[..., :3] = np.clip(noisy[..., :3] + grain, 0, 255).astype(np.uint8)
    job = replace(job_of(), cutout=noisy)
    start = start_of(job, SIDE, 16)
    flat = cv2.GaussianBlur(resize_rgb(other_set(start, "white-sweep"), start.size), (0, 0), 2)
    made = finished(job, start, flat, facts={})
    outside = np.where(start.layer[..., 3] == 0, np.uint8(255), np.uint8(0))
    wanted = grain_of(start.layer)
    assert wanted > 1
    assert noise_of(np.dstack([made.rgb, outside])) == pytest.approx(wanted, rel=0.25)


# ---- relit


def test_an_engine_s_light_is_carried_onto_the_true_product_and_on_record() -> None:
    job = job_of("box")
    start, painted = painted_by_one("box", "autumn-wool")
    ramp = np.sqrt(np.linspace(0.75, 1.3, start.size[0]))[None, :, None]
    relit = np.clip(start.picture * ramp, 0, 255).astype(np.uint8)
    made = finished(job, start, painted, relit=relit, facts={})
    assert made.harmony.grid
    assert made.harmony.kept
    solid = start.layer[..., 3] == 255
    assert np.array_equal(made.rgb[solid], as_harmonised(start.layer, made.harmony)[solid])
    assert not np.array_equal(made.rgb[solid], start.layer[..., :3][solid])
    verdict = judged(job, made)
    assert verdict.accepted, verdict
    assert harmony_of(json.loads(json.dumps(made.facts["harmony"]))) == made.harmony
    assert not judged(job, replace(made, harmony=UNTOUCHED)).accepted
    careful = finished(job_of("box", harmonise=False), start, painted, relit=relit, facts={})
    assert careful.harmony == UNTOUCHED


# ---- no picture


@pytest.mark.parametrize("kind", ["other size", "transparent", "floats", "black", "white"])
def test_what_is_no_picture_is_said_so(kind: str) -> None:
    job, start = job_of(), started()
    height, width = start.size[1], start.size[0]
    given: dict[str, NDArray[Any]] = {
        "other size": np.zeros((height - 16, width, 3), np.uint8),
        "transparent": np.zeros((height, width, 4), np.uint8),
        "floats": np.zeros((height, width, 3), np.float32),
        "black": np.zeros((height, width, 3), np.uint8),
        "white": np.full((height, width, 3), 254, np.uint8),
    }
    given["black"][start.mask == 0] = 90  # a product alone is no scene
    with pytest.raises(EngineError, match="the engine gave") as error:
        finished(job, start, given[kind], facts={})
    assert error.value.code == "no_picture"
    assert error.value.healthy
    assert error.value.usd == 0


def test_the_same_bytes_each_time_whatever_the_threads() -> None:
    job, threads, made = job_of(), cv2.getNumThreads(), []
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            start = start_of(job, SIDE, 16)
            made.append(finished(job, start, left_by_an_engine(start, "autumn-wool"), facts={}).rgb)
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(made[0], made[1])
