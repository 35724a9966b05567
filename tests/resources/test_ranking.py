"""ranking: only accepted pictures, the better one first, every part on record."""

from __future__ import annotations

import dataclasses
import logging

import cv2
import numpy as np
import pytest

from resources.quality.ranking import HeuristicRanker, measure_parts, rank, ranker
from resources.scenes.engine import Candidate, Placement, SceneJob
from resources.scenes.studio import StudioEngine
from resources.scenes.templates import SceneTemplate, load_templates
from resources.verdicts import Verdict
from tests.resources.printed_box import box_cutout

TEMPLATES = load_templates()
GREY = TEMPLATES["grey-sweep"]
ACCEPTED = Verdict("accepted", 0.9)


def _candidates(count: int = 3) -> list[Candidate]:
    jobs = [SceneJob(box_cutout(), GREY, seed, (480, 480)) for seed in range(count)]
    return StudioEngine().compose(jobs)


def _better(good: Candidate, bad: Candidate, part: str, template: SceneTemplate = GREY) -> None:
    """The part itself and the whole rank prefer the good one."""
    assert measure_parts(good, template)[part] > measure_parts(bad, template)[part] + 0.1
    assert [r.index for r in rank([bad, good], [template] * 2, [ACCEPTED] * 2)] == [1, 0]


def test_only_accepted_candidates_are_ranked() -> None:
    verdicts = [Verdict("rejected", 0.1), ACCEPTED, Verdict("review", 0.4)]
    assert [r.index for r in rank(_candidates(), [GREY] * 3, verdicts)] == [1]
    assert rank(_candidates(), [GREY] * 3, [Verdict("rejected", 0.1)] * 3) == []


def test_parts_lie_in_0_to_1_and_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        rankings = rank(_candidates(), [GREY] * 3, [ACCEPTED] * 3)
    for ranking in rankings:
        assert set(ranking.parts) == {
            "exposure",
            "framing",
            "palette",
            "shadow",
            "sharpness",
            "halo",
            "separation",
        }
        assert all(0 <= value <= 1 for value in ranking.parts.values())
        assert 0 <= ranking.score <= 1
    assert "heuristic" in caplog.text
    assert "framing" in caplog.text


def test_ties_go_to_fidelity_then_to_the_first() -> None:
    one = _candidates(1)[0]
    verdicts = [ACCEPTED, Verdict("accepted", 0.95), ACCEPTED]
    assert [r.index for r in rank([one] * 3, [GREY] * 3, verdicts)] == [1, 0, 2]


def test_burnt_surroundings_rank_lower() -> None:
    good = _candidates(1)[0]
    rgb = good.rgb.copy()
    rgb[:240][good.alpha[:240] == 0] = 255
    _better(good, dataclasses.replace(good, rgb=rgb), "exposure")


def test_a_tiny_product_ranks_lower() -> None:
    good = _candidates(1)[0]
    small = GREY.model_copy(update={"composition": GREY.composition.model_copy(update={"fill": (0.2, 0.2)})})
    job = SceneJob(box_cutout(), small, 0, (480, 480))
    _better(good, StudioEngine().compose([job])[0], "framing")


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
        rank(_candidates(2), [GREY], [ACCEPTED, ACCEPTED])


def test_rankers_by_name() -> None:
    assert isinstance(ranker("heuristic"), HeuristicRanker)
    with pytest.raises(ValueError, match="known: heuristic"):
        ranker("clip")
