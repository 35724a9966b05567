"""The cascade: who runs, what decides, what is kept and what the record says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resources.engines import Engines
from resources.matting.cascade import Cascade
from resources.matting.engine import Hypothesis, Matte
from resources.matting.engines import matting_engine
from resources.weights import Models
from tests.pictures import product_photo

SIDE = 100
SURE = {
    "area": 0.25,
    "side_contact": 0.0,
    "parts": 1.0,
    "agreement": 1.0,
    "shared_colours": 0.0,
    "weak_outline": 0.0,
    "softness": 0.0,
}


def square(left: int, top: int = 25, side: int = 50) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + side, left : left + side] = True
    return mask


class Fixed:
    """An engine that answers with what it was given, and remembers what it was asked."""

    device = "cpu"

    def __init__(self, name: str, answer: Callable[[np.ndarray], Matte], revision: str = "1") -> None:
        self.name, self.revision, self._answer = name, revision, answer
        self.asked: list[int] = []

    def segment(self, photos: Sequence[np.ndarray]) -> list[Matte]:
        self.asked.append(len(photos))
        return [self._answer(photo) for photo in photos]


def matte(mask: np.ndarray, *others: np.ndarray, **measures: float) -> Matte:
    """A matte with the measures of a sure one, but for those given. others: what else was considered."""
    hypotheses = tuple(Hypothesis(f"route_{i}", other, 0.5) for i, other in enumerate((mask, *others)))
    alpha = np.where(mask, 255, 0).astype(np.uint8)
    return Matte(alpha, {**SURE, **measures}, ("a_note",), hypotheses)


def photos(count: int) -> list[np.ndarray]:
    return [np.full((SIDE, SIDE, 3), 10 * i, np.uint8) for i in range(count)]


def always(answer: Matte) -> Callable[[np.ndarray], Matte]:
    return lambda photo: answer


def test_what_the_first_accepts_the_second_never_sees() -> None:
    def unsure_of_one(photo: np.ndarray) -> Matte:
        return matte(square(25), agreement=0.3 if photo[0, 0, 0] == 10 else 1.0)

    cheap, costly = Fixed("cheap", unsure_of_one), Fixed("costly", always(matte(square(26))))
    found = Cascade([cheap, costly]).segment(photos(3))
    assert (cheap.asked, costly.asked) == ([3], [1])
    assert [[run.engine for run in one.runs] for one in found] == [["cheap"], ["cheap", "costly"], ["cheap"]]
    assert found[0].notes == ("a_note",)
    assert found[1].notes == ("a_note", "escalated_to_costly")


def test_nobody_is_asked_when_all_is_accepted() -> None:
    costly = Fixed("costly", always(matte(square(25))))
    Cascade([Fixed("cheap", always(matte(square(25)))), costly]).segment(photos(2))
    assert costly.asked == []


def test_the_record_says_who_ran_and_why() -> None:
    cheap = Fixed("cheap", always(matte(square(25), parts=9.0)), revision="3")
    costly = Fixed("costly", always(matte(square(25))))
    [found] = Cascade([cheap, costly]).segment(photos(1))
    first, second = found.runs
    assert (first.engine, first.revision, first.decision, first.decided_by) == ("cheap", "3", "review", "parts")
    assert (second.engine, second.decision, second.decided_by) == ("costly", "accepted", "")
    assert first.score < 0.5 < second.score


def test_a_later_engine_that_is_alone_with_its_opinion_is_not_believed() -> None:
    """However sure it is of itself: nothing that was considered before looks like it."""
    cheap = Fixed("cheap", always(matte(square(25), agreement=0.3)))
    costly = Fixed("costly", always(matte(square(0, 0))))
    [found] = Cascade([cheap, costly]).segment(photos(1))
    assert [run.decision for run in found.runs] == ["review", "review"]
    assert found.runs[1].decided_by == "agreement"


def test_a_hypothesis_that_was_not_chosen_counts_as_agreement() -> None:
    cheap = Fixed("cheap", always(matte(square(0, 0), square(25), agreement=0.3)))
    costly = Fixed("costly", always(matte(square(26))))
    [found] = Cascade([cheap, costly]).segment(photos(1))
    assert found.runs[1].decision == "accepted"
    overlap = 49 / 51  # two squares of 50 px, one pixel apart
    assert found.measures["agreement"] == pytest.approx(overlap, abs=1e-4)


def test_agreement_of_masks_of_other_sizes() -> None:
    small = np.zeros((50, 50), bool)
    small[10:40, 10:40] = True
    large = np.zeros((SIDE, SIDE), bool)
    large[20:80, 20:80] = True
    unsure = replace(matte(square(0, 0), agreement=0.3), hypotheses=(Hypothesis("h", small, 0.5),))
    cheap = Fixed("cheap", always(unsure))
    [found] = Cascade([cheap, Fixed("costly", always(matte(large)))]).segment(photos(1))
    assert found.measures["agreement"] == 1.0


def test_when_all_stay_in_review_the_surest_matte_is_kept() -> None:
    cheap = Fixed("cheap", always(matte(square(25), agreement=0.8)))
    costly = Fixed("costly", always(matte(square(60, 60, 30))))
    [found] = Cascade([cheap, costly]).segment(photos(1))
    assert np.array_equal(found.alpha > 127, square(25))
    assert found.notes == ("a_note", "escalated_to_costly", "kept_cheap")
    assert found.measures["agreement"] == 0.8
    assert [run.engine for run in found.runs] == ["cheap", "costly"]


def test_an_empty_answer_stays_without_a_subject() -> None:
    cheap = Fixed("cheap", always(matte(square(25), agreement=0.3)))
    nothing = Matte(np.zeros((SIDE, SIDE), np.uint8), {"area": 0.0})
    [found] = Cascade([cheap, Fixed("costly", always(nothing))]).segment(photos(1))
    assert found.runs[1].decided_by == "no_subject_found"
    assert found.alpha.any()  # the cheap one's


def test_what_everybody_considered_can_be_picked_and_names_stay_unique() -> None:
    cheap = Fixed("cheap-1", always(matte(square(25), square(0), agreement=0.3)))
    costly = Fixed("costly", always(matte(square(25))))
    [found] = Cascade([cheap, costly]).segment(photos(1))
    assert [one.name for one in found.hypotheses] == ["route_0", "cheap_1_route_0", "route_1"]


def test_name_and_revision_come_from_the_parts() -> None:
    def cascade(*revisions: str) -> Cascade:
        return Cascade([Fixed(f"e{i}", always(matte(square(25))), each) for i, each in enumerate(revisions)])

    assert cascade("1", "2").name == "e0,e1"
    assert cascade("1", "2").revision == cascade("1", "2").revision
    assert len({cascade("1", "2").revision, cascade("1", "3").revision, cascade("2", "2").revision}) == 3


def test_a_cascade_of_nothing_or_of_twins_is_refused() -> None:
    one = Fixed("one", always(matte(square(25))))
    for engines in ([], [one, one]):
        with pytest.raises(ValueError, match="a cascade of different engines expected"):
            Cascade(engines)


def test_engines_with_commas_make_a_cascade(tiny_models: Models) -> None:
    engine = matting_engine("classical, tiny-net+own", tiny_models)
    assert isinstance(engine, Cascade)
    assert engine.name == "classical,tiny-net+own"
    [found] = engine.segment([product_photo((240, 200))])
    assert found.runs[0].engine == "classical"


def test_the_classical_engine_hands_over_what_it_is_not_sure_of(tiny_models: Models) -> None:
    """Coloured noise: nothing to find for anybody."""
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    [found] = matting_engine("classical,tiny-net", tiny_models).segment([noise])
    assert [run.engine for run in found.runs] == ["classical", "tiny-net"]
    assert "escalated_to_tiny_net" in found.notes


def test_the_gpu_profile_is_a_cascade_that_says_what_it_lacks(tmp_path: Path) -> None:
    engines = Engines(profile="gpu", models_folder=str(tmp_path))
    assert engines.matting_name() == "embedded,birefnet"
    with pytest.raises(ValueError, match="catalog models fetch birefnet"):
        engines.matting_engine()
