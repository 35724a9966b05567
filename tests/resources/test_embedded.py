"""The embedded engine: the net proposes, classical methods vote, a flood that the net confirms draws."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from resources.engines import Engines
from resources.matting.embedded import EmbeddedEngine
from resources.matting.gate import default_thresholds, judge_matte
from resources.matting.onnx_saliency import Answer

SIDE = 240


class Says:
    """A net that gives the same answer to every photo; its answers are what these tests are about."""

    revision = "0"

    def __init__(self, inside: np.ndarray, sure: float = 0.95) -> None:
        self._answer = Answer(cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.0), sure)

    def answer(self, photo: np.ndarray) -> Answer:
        return self._answer


def disc(x: float = 0.5, y: float = 0.5, radius: float = 0.28) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    return np.hypot(rows - y, columns - x) < radius


def photo_of(inside: np.ndarray, colour=(180, 40, 50), ground=(236, 234, 230)) -> np.ndarray:
    rng = np.random.default_rng(4)
    picture = np.where(inside[..., None], np.array(colour), np.array(ground)) + rng.normal(0, 2, (SIDE, SIDE, 3))
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.8), 0, 255).astype(np.uint8)


def busy(inside: np.ndarray) -> np.ndarray:
    """A red product before coloured noise: no flood finds anything there."""
    rng = np.random.default_rng(2)
    ground = cv2.resize(rng.integers(0, 255, (24, 24, 3)).astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    ground[..., 0] //= 3
    return np.where(inside[..., None], np.array([230, 20, 30], np.uint8), ground)


def cut(net: Says, photo: np.ndarray):
    return EmbeddedEngine(net).segment([photo])[0]  # type: ignore[arg-type]


def iou(alpha: np.ndarray, inside: np.ndarray) -> float:
    found = alpha > 127
    return float((found & inside).sum() / (found | inside).sum())


def test_a_net_that_a_flood_confirms_is_taken_and_accepted_and_the_photo_draws_its_edge():
    matte = cut(Says(disc(radius=0.275)), photo_of(disc()))
    assert matte.notes == ("route_cutnet",)
    assert {hypothesis.name for hypothesis in matte.hypotheses} <= {"cutnet", "flood", "shadeless_flood"}
    assert matte.measures["agreement"] > 0.9
    assert judge_matte(matte.measures, default_thresholds("embedded")).accepted
    assert iou(matte.alpha, disc()) > 0.975  # the net's own answer is smaller: IoU 0.965


def test_a_flood_that_the_net_contradicts_is_not_accepted():
    shadow = disc(0.5, 0.8, 0.15)
    photo = photo_of(disc(0.5, 0.4) | shadow, colour=(90, 90, 96))
    matte = cut(Says(disc(0.5, 0.4)), photo)
    verdict = judge_matte(matte.measures, default_thresholds("embedded"))
    assert not verdict.accepted
    names = {hypothesis.name for hypothesis in matte.hypotheses}
    assert "cutnet" in names
    assert names & {"flood", "shadeless_flood"}  # both are there for a person to choose from


@pytest.mark.parametrize("ground", ["plain", "busy"])
def test_where_the_net_is_not_sure_of_a_gap_colours_decide(ground):
    """The table behind a handle is no product; a label in the table's colour is, if the net is sure of it."""
    middle = disc(radius=0.08)
    photo = photo_of(disc() & ~middle) if ground == "plain" else busy(disc() & ~middle)
    gap = cut(Says(np.where(middle, 0.7, disc())), photo)
    label = cut(Says(disc()), photo)
    inside = disc(radius=0.06)
    assert (gap.alpha[inside] < 30).mean() > 0.95
    assert (label.alpha[inside] > 225).mean() > 0.95
    assert iou(gap.alpha, disc() & ~middle) > 0.94


def test_where_no_flood_is_possible_the_net_s_answer_is_taken():
    matte = cut(Says(disc()), busy(disc()))
    assert matte.notes == ("route_cutnet",)
    assert iou(matte.alpha, disc()) > 0.95
    assert matte.measures["steadiness"] > 0.9
    assert matte.measures["doubt"] == pytest.approx(0.05)


def test_a_net_that_is_alone_with_its_opinion_is_not_believed():
    elsewhere = disc(0.25, 0.3, 0.12)
    matte = cut(Says(elsewhere), busy(disc(0.6, 0.6, 0.25)))
    verdict = judge_matte(matte.measures, default_thresholds("embedded"))
    assert not verdict.accepted
    assert matte.measures["agreement"] < 0.5
    assert matte.hypotheses[0].name == "cutnet"  # coarse votes are there for a person, behind it
    assert {hypothesis.name for hypothesis in matte.hypotheses} & {"crossings", "saliency"}


def test_a_net_that_doubts_itself_asks_the_classical_engine_and_takes_its_answer():
    matte = cut(Says(disc(radius=0.27), sure=0.05), busy(disc()))
    verdict = judge_matte(matte.measures, default_thresholds("embedded"))
    assert matte.notes[0].startswith("route_grabcut")
    assert verdict.accepted  # found twice in different ways
    assert iou(matte.alpha, disc()) > 0.95
    assert matte.measures["agreement"] > 0.85  # with what the net sees
    assert matte.measures["steadiness"] > 0.85  # of the readings of colour among themselves


def test_a_net_that_doubts_itself_and_is_contradicted_goes_to_review():
    matte = cut(Says(disc(0.25, 0.3, 0.12), sure=0.05), busy(disc(0.6, 0.6, 0.25)))
    verdict = judge_matte(matte.measures, default_thresholds("embedded"))
    assert verdict.decision == "review"
    assert not next(number for number in verdict.measures if number.name == "agreement").passed
    assert "cutnet" in {hypothesis.name for hypothesis in matte.hypotheses}


def test_holes_that_the_net_sees_are_kept_and_its_specks_are_not():
    ring = disc(radius=0.32) & ~disc(radius=0.06)
    speck = disc(0.05, 0.05, 0.008)
    matte = cut(Says(ring | speck), busy(ring))
    assert matte.alpha[SIDE // 2, SIDE // 2] < 20
    assert matte.alpha[:30, :30].max() == 0


def test_a_net_that_finds_nothing_leaves_a_review():
    matte = cut(Says(np.zeros((SIDE, SIDE), bool)), photo_of(np.zeros((SIDE, SIDE), bool)))
    assert not judge_matte(matte.measures, default_thresholds("embedded")).accepted


def test_the_shipped_net_finds_a_plain_product_and_says_the_same_in_every_thread():
    engine = Engines(matting="embedded").matting_engine()
    photo = photo_of(disc(radius=0.3))
    first = engine.segment([photo])[0]
    assert iou(first.alpha, disc(radius=0.3)) > 0.95
    with ThreadPoolExecutor(4) as threads:
        for matte in threads.map(lambda _: engine.segment([photo])[0], range(8)):
            np.testing.assert_array_equal(matte.alpha, first.alpha)
            assert matte.measures == first.measures
    assert first.runs[0].engine == "embedded"
    assert first.runs[0].revision == engine.revision
    assert engine.revision != EmbeddedEngine(Says(disc())).revision  # type: ignore[arg-type]
