"""studio: the product's pixels untouched, standing on the ground, by seed; templates and placements."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from resources.imaging.light import contact_row
from resources.scenes.engine import (
    Placement,
    SceneJob,
    on_canvas,
    product_box,
    scaled_product,
    scaled_size,
    scene_seed,
)
from resources.scenes.engines import scene_engine
from resources.scenes.studio import MAX_UPSCALE, StudioEngine, draw_setting
from resources.scenes.templates import load_templates, read_templates
from tests.resources.printed_box import box_cutout

TEMPLATES = load_templates()
SIZE = (480, 480)


def _job(template: str = "warm-paper", seed: int = 1, **changes: object) -> SceneJob:
    job = SceneJob(box_cutout(), TEMPLATES[template], seed, SIZE)
    return dataclasses.replace(job, **changes)  # type: ignore[arg-type]


def _compose(job: SceneJob):  # type: ignore[no-untyped-def]
    return StudioEngine().compose([job])[0]


@pytest.mark.parametrize("template", sorted(TEMPLATES))
@pytest.mark.parametrize("pose", ["standing", "flat", "hanging"])
def test_solid_product_pixels_are_those_of_the_scaled_cutout(template: str, pose: str) -> None:
    job = _job(template, pose=pose)
    candidate = _compose(job)
    layer = on_canvas(scaled_product(job.cutout, candidate.placement.scale), candidate.placement, SIZE)
    solid = layer[..., 3] == 255
    assert solid.sum() > 10_000
    assert np.array_equal(candidate.rgb[solid], layer[..., :3][solid])
    assert np.array_equal(candidate.alpha, layer[..., 3])


def test_same_seed_same_bytes_whatever_the_batch() -> None:
    jobs = [_job(seed=seed) for seed in (1, 2, 3)]
    together = StudioEngine().compose(jobs)
    for job, one in zip(jobs, together, strict=True):
        assert np.array_equal(_compose(job).rgb, one.rgb)


def test_threads_do_not_change_the_bytes() -> None:
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        one = _compose(_job("frost"))
        cv2.setNumThreads(4)
        four = _compose(_job("frost"))
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(one.rgb, four.rgb)


def test_seeds_differ_in_place_size_light_and_hue() -> None:
    settings = [draw_setting(_job(seed=seed)) for seed in range(24)]
    assert {s.side for s in settings} == {-1, 1}
    for name in ("fill", "offset", "hue", "tilt", "sweep_start"):
        assert len({getattr(s, name) for s in settings}) == 24
    assert len({_compose(_job(seed=seed)).placement for seed in range(4)}) == 4


def test_fixed_light_side_is_kept() -> None:
    template = TEMPLATES["warm-paper"]
    light = template.light.model_copy(update={"side": "left"})
    jobs = [dataclasses.replace(_job(seed=s), template=template.model_copy(update={"light": light})) for s in range(8)]
    assert {draw_setting(job).side for job in jobs} == {-1}


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_shadow_only_darkens_the_backdrop_and_lies_at_the_feet(template: str) -> None:
    job = _job(template, seed=5)
    candidate, backdrop = _compose(job), StudioEngine().backdrop(job)
    free = candidate.alpha == 0
    change = candidate.rgb.astype(int).sum(axis=2) - backdrop.astype(int).sum(axis=2)
    assert change[free].max() <= 3, "nothing outside the product is lighter than the empty scene"
    feet = int(contact_row(candidate.alpha))
    box = product_box(candidate.alpha)
    under = change[feet + 1 : feet + 4, box.left + 20 : box.right - 20]
    assert np.median(under) < -30, "it is dark right under the product"
    assert change[:40].min() > -3, "and not at the top of the picture"


def test_shadow_falls_away_from_the_light() -> None:
    for seed in range(6):
        job = _job("grey-sweep", seed=seed)
        candidate, side = _compose(job), draw_setting(job).side
        loss = StudioEngine().backdrop(job).astype(int).sum(2) - candidate.rgb.astype(int).sum(2)
        box = product_box(candidate.alpha)
        loss[candidate.alpha > 0] = 0
        rows = slice(box.bottom - 60, box.bottom)
        left, right = loss[rows, : box.left - 6].sum(), loss[rows, box.right + 6 :].sum()
        assert (left > 2 * right) if side == 1 else (right > 2 * left)


def test_standing_product_touches_the_floor_despite_soft_alpha_below() -> None:
    cutout = box_cutout()
    cutout[470:500, 150:250, 3] = 20  # a faint smear under the box
    job = _job(cutout=cutout)
    candidate = _compose(job)
    feet = contact_row(candidate.alpha)
    loss = StudioEngine().backdrop(job).astype(int).sum(2) - candidate.rgb.astype(int).sum(2)
    loss[candidate.alpha > 0] = 0
    darkest = int(np.argmax(loss[:, product_box(candidate.alpha).left + 60]))
    assert abs(darkest - feet) <= 4


def test_small_cutout_is_not_blown_up_and_says_so() -> None:
    candidate = _compose(_job(cutout=box_cutout(90, 120), size=(800, 800)))
    assert candidate.placement.scale == MAX_UPSCALE
    assert candidate.notes == ("placed_smaller_to_keep_it_sharp",)
    assert _compose(_job()).notes == ()


@pytest.mark.parametrize("shape", [(300, 60), (60, 300), (200, 200)])
@pytest.mark.parametrize("size", [(480, 480), (640, 360), (360, 640)])
def test_product_lies_whole_inside_the_picture(shape: tuple[int, int], size: tuple[int, int]) -> None:
    for seed in range(3):
        candidate = _compose(_job(cutout=box_cutout(*shape), size=size, seed=seed))
        box = product_box(candidate.alpha)
        whole = scaled_size(product_box(box_cutout(*shape)[..., 3]), candidate.placement.scale)
        assert candidate.rgb.shape == (size[1], size[0], 3)
        assert (box.width, box.height) == pytest.approx(whole, abs=2)
        assert box.left > 0
        assert box.top > 0
        assert box.right < size[0]
        assert box.bottom < size[1]


def test_paper_backdrop_is_smooth_and_has_a_floor_and_a_wall() -> None:
    picture = StudioEngine().backdrop(_job("grey-sweep", seed=2)).astype(np.float32).mean(axis=2)
    smooth = cv2.GaussianBlur(picture, (0, 0), 4)
    assert np.abs(np.diff(smooth, axis=0)).max() < 2, "no hard horizon"
    assert abs(smooth[440, 240] - smooth[60, 240]) > 4, "floor and wall do not have the same light"


def test_an_empty_cutout_is_an_error_in_words() -> None:
    with pytest.raises(ValueError, match="cut-out is empty"):
        _compose(_job(cutout=np.zeros((50, 50, 4), np.uint8)))


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


def test_shipped_templates_cover_evergreen_and_winter() -> None:
    assert {"warm-paper", "grey-sweep", "frost", "winter-evening"} <= set(TEMPLATES)
    assert all(t.title and t.mood and t.palette for t in TEMPLATES.values())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x: {mood: m, title: t, floor: red, wall: '#ffffff'}", "floor"),
        ("x: {mood: m, title: t, floor: '#ffffff', wall: '#ffffff', flor: 1}", "flor"),
        ("x: {mood: m, title: t, floor: '#ffffff', wall: '#ffffff', fill: [0.8, 0.4]}", "fill"),
        ("x: {mood: m, title: t, floor: '#ffffff', wall: '#ffffff', light: {ambient: 3}}", "light.ambient"),
        ("[1, 2]", "mapping"),
    ],
)
def test_a_bad_template_names_its_key(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "looks.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_templates(path)


def test_engines_by_name() -> None:
    assert scene_engine("studio").name == "studio"
    with pytest.raises(ValueError, match="known: studio"):
        scene_engine("nope")
