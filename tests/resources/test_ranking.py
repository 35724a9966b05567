"""ranking: the better one first, every part on record."""

from __future__ import annotations

import dataclasses
import logging

import cv2
import numpy as np
import pytest

from resources.quality.ranking import HeuristicRanker, Ranking, measure_parts
from resources.scenes.engine import Candidate, Placement, SceneJob
from resources.scenes.studio import StudioEngine
from resources.scenes.templates import Pose, SceneTemplate, load_templates
from tests.resources.printed_box import box_cutout

TEMPLATES = load_templates()
GREY = TEMPLATES["grey-sweep"]


def rank(candidates: list[Candidate], templates: list[SceneTemplate]) -> list[Ranking]:
    return HeuristicRanker().rank(candidates, templates)


def placed(left: int, top: int, size: tuple[int, int] = (480, 480), side: int = 220) -> Candidate:
    """A plain square product on plain grey, lit from nowhere: only where it lies counts."""
    rgb = np.full((size[1], size[0], 3), 180, np.uint8)
    alpha = np.zeros((size[1], size[0]), np.uint8)
    alpha[top : top + side, left : left + side] = 255
    rgb[alpha > 0] = (150, 60, 60)
    return Candidate(rgb, alpha, Placement(1.0, left, top))


def composition(candidate: Candidate) -> float:
    return measure_parts(candidate, GREY)["composition"]


def _candidates(count: int = 3) -> list[Candidate]:
    jobs = [SceneJob(box_cutout(), GREY, seed, (480, 480)) for seed in range(count)]
    return StudioEngine().compose(jobs)


def _better(good: Candidate, bad: Candidate, part: str, template: SceneTemplate = GREY) -> None:
    """The part itself and the whole rank prefer the good one."""
    assert measure_parts(good, template)[part] > measure_parts(bad, template)[part] + 0.1
    assert [r.index for r in rank([bad, good], [template] * 2)] == [1, 0]


def test_parts_lie_in_0_to_1_and_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        rankings = rank(_candidates(), [GREY] * 3)
    for ranking in rankings:
        assert set(ranking.parts) == {
            "composition",
            "exposure",
            "palette",
            "shadow",
            "sharpness",
            "halo",
            "separation",
        }
        assert all(0 <= value <= 1 for value in ranking.parts.values())
        assert 0 <= ranking.score <= 1
    assert f"heuristic {HeuristicRanker.revision}" in caplog.text
    assert all(part in caplog.text for part in rankings[0].parts)


def test_ties_go_to_the_first() -> None:
    one = _candidates(1)[0]
    assert [r.index for r in rank([one] * 3, [GREY] * 3)] == [0, 1, 2]


def test_a_difference_of_a_ten_thousandth_is_a_tie() -> None:
    one = _candidates(1)[0]
    barely_larger = dataclasses.replace(one, placement=dataclasses.replace(one.placement, scale=1.0005))
    alike = dataclasses.replace(one, placement=dataclasses.replace(one.placement, scale=1.0))
    for two in ([alike, barely_larger], [barely_larger, alike]):
        assert [r.index for r in rank(two, [GREY] * 2)] == [0, 1]


def test_a_single_candidate_is_the_best() -> None:
    one = _candidates(1)
    (ranking,) = rank(one, [GREY])
    assert ranking.index == 0
    assert ranking.parts == measure_parts(one[0], GREY)
    assert ranking.score == pytest.approx(HeuristicRanker().rank(one * 2, [GREY] * 2)[1].score)


def test_the_same_pictures_give_the_same_ranking_in_any_order() -> None:
    made = _candidates(3)
    forward = rank(made, [GREY] * 3)
    backward = rank(made[::-1], [GREY] * 3)
    assert [r.score for r in forward] == [r.score for r in backward]
    assert [r.parts for r in forward] == [r.parts for r in backward]


def test_burnt_surroundings_rank_lower() -> None:
    good = _candidates(1)[0]
    rgb = good.rgb.copy()
    rgb[:240][good.alpha[:240] == 0] = 255
    _better(good, dataclasses.replace(good, rgb=rgb), "exposure")


def test_a_tiny_product_ranks_lower() -> None:
    good = _candidates(1)[0]
    small = GREY.model_copy(update={"composition": GREY.composition.model_copy(update={"fill": (0.2, 0.2)})})
    job = SceneJob(box_cutout(), small, 0, (480, 480))
    _better(good, StudioEngine().compose([job])[0], "composition")


def test_the_middle_is_better_than_the_side() -> None:
    assert composition(placed(130, 135)) == 1
    assert composition(placed(130, 135)) > composition(placed(190, 135)) > composition(placed(225, 135))
    assert composition(placed(130, 135)) > composition(placed(130, 30)) > composition(placed(130, 4))


def test_a_wide_picture_may_also_have_it_on_a_third_with_room_on_both_sides() -> None:
    wide = (854, 480)
    middle, third, between = (placed(round(854 * x) - 110, 135, wide) for x in (1 / 2, 1 / 3, 0.415))
    assert composition(middle) == composition(third) == 1
    assert composition(between) < 0.9
    assert composition(placed(5, 135, wide)) < 0.2  # no room on the left
    assert composition(placed(160 - 110, 135)) < 0.5  # a third of a square is off the middle


def test_too_large_a_product_has_no_room() -> None:
    assert composition(placed(10, 10, side=460)) < 0.2 < composition(placed(60, 70, side=360))


def test_a_murky_scene_ranks_lower() -> None:
    good = _candidates(1)[0]
    murky = np.where((good.alpha == 0)[..., None], good.rgb // 12, good.rgb)
    _better(good, dataclasses.replace(good, rgb=murky), "exposure")


@pytest.mark.parametrize(
    ("name", "pose"), [("oak-window", "standing"), ("grey-sweep", "flat"), ("oak-window", "hanging")]
)
def test_a_shadow_towards_the_light_ranks_lower(name: str, pose: Pose) -> None:
    template = TEMPLATES[name]
    good = StudioEngine().compose([SceneJob(box_cutout(), template, 0, (480, 480), pose)])[0]
    light = good.facts["light"]
    other = {**good.facts, "light": {**light, "azimuth": -light["azimuth"]}}
    wrong = dataclasses.replace(good, facts=other)
    _better(good, wrong, "shadow", template)
    unsaid = measure_parts(dataclasses.replace(good, facts={}), template)["shadow"]
    assert unsaid >= measure_parts(good, template)["shadow"]  # nothing declared, nothing to contradict


def test_light_from_the_front_has_no_wrong_side() -> None:
    good = _candidates(1)[0]
    frontal = [
        dataclasses.replace(good, facts={**good.facts, "light": {"azimuth": azimuth, "elevation": 40}})
        for azimuth in (0, 180)
    ]
    unsaid = dataclasses.replace(good, facts={})
    first, second, third = (measure_parts(one, GREY)["shadow"] for one in (*frontal, unsaid))
    assert first == second == third


def test_a_look_that_is_half_missing_ranks_lower() -> None:
    good = _candidates(1)[0]
    half = good.rgb.copy()
    half[:, :190][good.alpha[:, :190] == 0] = (40, 160, 60)
    _better(good, dataclasses.replace(good, rgb=half), "palette")


def test_a_floating_product_ranks_lower() -> None:
    job = SceneJob(box_cutout(), GREY, 0, (480, 480))
    good = StudioEngine().compose([job])[0]
    floating = StudioEngine().backdrop(job)
    floating[good.alpha > 0] = good.rgb[good.alpha > 0]
    _better(good, dataclasses.replace(good, rgb=floating), "shadow")


def test_other_colours_than_the_template_rank_lower() -> None:
    good = _candidates(1)[0]
    green = np.where((good.alpha == 0)[..., None], np.array([40, 160, 60], np.uint8), good.rgb)
    _better(good, dataclasses.replace(good, rgb=green), "palette")


def test_an_enlarged_product_ranks_lower() -> None:
    good = _candidates(1)[0]
    large = dataclasses.replace(good, placement=Placement(1.5, 0, 0))
    small = dataclasses.replace(good, placement=Placement(0.8, 0, 0))
    _better(small, large, "sharpness")


def test_a_white_fringe_ranks_lower() -> None:
    good = _candidates(1)[0]
    solid = (good.alpha > 127).astype(np.uint8)
    edge = (cv2.dilate(solid, np.ones((3, 3), np.uint8)) - cv2.erode(solid, np.ones((3, 3), np.uint8))) > 0
    rgb = good.rgb.copy()
    rgb[edge] = 255
    _better(good, dataclasses.replace(good, rgb=rgb), "halo")


def test_a_product_that_drowns_in_its_background_ranks_lower() -> None:
    good = _candidates(1)[0]
    red = np.where((good.alpha == 0)[..., None], np.array([186, 60, 52], np.uint8), good.rgb)
    _better(good, dataclasses.replace(good, rgb=red), "separation")
    assert measure_parts(dataclasses.replace(good, rgb=red), GREY)["separation"] < 0.5


def test_lists_of_unequal_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        rank(_candidates(2), [GREY])
