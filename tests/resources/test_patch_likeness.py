"""patch_likeness: the same product is alike, a destroyed part is not, whatever stands around it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from resources.gpu import GpuOptions
from resources.quality.engines import judge_witnesses
from resources.quality.fidelity import judge
from resources.quality.patch_likeness import PatchLikeness
from resources.quality.registration import Registration
from resources.quality.witness import Sight
from resources.weights import Models
from tests.nets import make_dinov2, models_of
from tests.resources.printed_box import box_photo, in_scene

CPU = GpuOptions("cpu")

# What a batch may move a cosine by, in full precision.
SAME = 1e-5
PHOTO, MATTE = box_photo()
SCALE, LEFT, TOP = 0.9, 130, 80


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    import torch

    torch.set_num_threads(1)
    return models_of(make_dinov2(tmp_path_factory.mktemp("models") / "tiny-dino"))


@pytest.fixture(scope="module")
def witness(models: Models) -> PatchLikeness:
    return PatchLikeness(models.entry("tiny-dino"), models, CPU)


def sight(final: np.ndarray, photo: np.ndarray = PHOTO, matte: np.ndarray = MATTE, scale: float = SCALE) -> Sight:
    matrix = np.array([[scale, 0, LEFT], [0, scale, TOP]], np.float64)
    # About pixel centres, as OpenCV resizes.
    matrix[:, 2] += 0.5 * scale - 0.5
    return Sight(photo, matte, final, Registration(matrix, "features", 0.99, 50))


def likeness(witness: PatchLikeness, seen: Sight) -> tuple[float, float]:
    """Mean and worst, as the witness says them."""
    findings = witness.look(seen)
    assert [finding.measure.name for finding in findings] == ["patch_likeness_mean", "patch_likeness_worst"]
    assert all(finding.consequence == "review" for finding in findings)
    return findings[0].measure.value, findings[1].measure.value


def honest(scale: float = SCALE) -> np.ndarray:
    return in_scene(PHOTO, MATTE, scale, LEFT, TOP)


def damaged() -> np.ndarray:
    """The round badge of the box is gone under a checkerboard."""
    final = honest()
    y, x = np.mgrid[0:80, 0:80]
    final[230:310, 250:330] = np.where(((x // 8 + y // 8) % 2 == 0)[..., None], 20, 235).astype(np.uint8)
    return final


def test_the_very_same_product_is_as_like_as_can_be(witness: PatchLikeness) -> None:
    seen = sight(PHOTO)
    still = replace(seen, found=Registration(np.eye(2, 3), "features", 1.0, 50))
    assert likeness(witness, still) == pytest.approx((1, 1), abs=SAME)


def test_an_honest_final_is_alike_though_scaled_turned_lit_and_compressed(witness: PatchLikeness) -> None:
    lit = np.clip(honest() * 1.06, 0, 255).astype(np.uint8)
    stored = cv2.imdecode(cv2.imencode(".jpg", honest(), [cv2.IMWRITE_JPEG_QUALITY, 85])[1], cv2.IMREAD_COLOR)
    turn = cv2.getRotationMatrix2D((320, 320), 3, 1)
    turned = sight(cv2.warpAffine(honest(), turn, (640, 640), flags=cv2.INTER_CUBIC))
    matrix = turn @ np.vstack([turned.found.matrix, [0, 0, 1]])
    turned = replace(turned, found=replace(turned.found, matrix=matrix))
    for seen in (sight(honest(0.45), scale=0.45), sight(lit), sight(stored), turned):
        mean, worst = likeness(witness, seen)
        assert mean > 0.98
        assert worst > 0.95


def test_a_destroyed_part_lowers_the_worst_more_than_the_mean(witness: PatchLikeness) -> None:
    mean, worst = likeness(witness, sight(honest()))
    damaged_mean, damaged_worst = likeness(witness, sight(damaged()))
    assert damaged_worst < worst - 0.1
    assert damaged_mean > damaged_worst
    assert worst - damaged_worst > 2 * (mean - damaged_mean)


def test_the_scene_around_the_product_says_nothing(witness: PatchLikeness) -> None:
    final = honest()
    layer = np.zeros(final.shape[:2], np.uint8)
    size = (round(MATTE.shape[1] * SCALE), round(MATTE.shape[0] * SCALE))
    layer[TOP : TOP + size[1], LEFT : LEFT + size[0]] = cv2.resize(MATTE, size, interpolation=cv2.INTER_AREA)
    elsewhere = np.where((cv2.dilate(layer, np.ones((9, 9))) == 0)[..., None], np.uint8([250, 20, 200]), final)
    assert likeness(witness, sight(elsewhere)) == pytest.approx(likeness(witness, sight(final)), abs=SAME)


def test_one_sight_gives_one_answer_alone_or_in_a_crowd(models: Models, witness: PatchLikeness) -> None:
    sights = [sight(honest()), sight(damaged()), sight(honest(0.6), scale=0.6)] * 2
    alone = [likeness(PatchLikeness(models.entry("tiny-dino"), models, CPU), seen) for seen in sights[:3]] * 2
    with ThreadPoolExecutor(6) as pool:
        crowd = list(pool.map(lambda seen: likeness(witness, seen), sights))
    assert np.allclose(alone, crowd, rtol=0, atol=SAME)
    assert likeness(witness, sights[0]) == likeness(witness, sights[0])


def test_too_small_or_too_thin_a_product_is_not_judged(witness: PatchLikeness) -> None:
    assert witness.look(sight(honest(0.12), scale=0.12)) == []
    thin = np.zeros_like(MATTE)
    thin[:, 200:206] = MATTE[:, 200:206]
    assert witness.look(sight(honest(), matte=thin)) == []
    outside = replace(sight(honest()), found=Registration(np.array([[1.0, 0, 5000], [0, 1, 0]]), "features", 0.99, 50))
    assert witness.look(outside) == []


def test_thresholds_are_its_own_and_part_of_its_revision(models: Models) -> None:
    weights = models.entry("tiny-dino")
    loose = PatchLikeness(weights, models, CPU, mean_at_least=-1, worst_at_least=-1)
    strict = PatchLikeness(weights, models, CPU, mean_at_least=0.999999, worst_at_least=0.999999)
    assert loose.revision != strict.revision
    assert all(finding.measure.passed for finding in loose.look(sight(damaged())))
    assert not any(finding.measure.passed for finding in strict.look(sight(damaged())))


def test_the_judge_hears_it_and_a_person_looks(models: Models) -> None:
    strict = PatchLikeness(models.entry("tiny-dino"), models, CPU, mean_at_least=0.5, worst_at_least=0.9999999)
    verdict = judge(PHOTO, MATTE, honest(), placement=None, witnesses=[strict])
    assert (verdict.decision, verdict.decided_by) == ("review", "patch_likeness_worst")
    assert "A net sees a part of the product as different" in verdict.message
    assert judge(PHOTO, MATTE, honest(), placement=None).accepted


def test_witnesses_by_name(models: Models) -> None:
    assert judge_witnesses("", models) == judge_witnesses("none", models) == ()
    (dino,) = judge_witnesses(" tiny-dino, tiny-dino", models, CPU)
    assert isinstance(dino, PatchLikeness)
    with pytest.raises(ValueError, match="there is no witness 'eyes'; known: text, tiny-dino, none"):
        judge_witnesses("tiny-dino,eyes", models, CPU)
    assert [one.name for one in judge_witnesses("text", models)] == ["text"]


def test_missing_weights_are_said_with_what_to_do(tmp_path: Path) -> None:
    from resources.engines import Engines

    engines = Engines(models_folder=str(tmp_path), witnesses="dinov2")
    with pytest.raises(ValueError, match=r"dinov2: 0 of 2 files .*catalog models fetch dinov2"):
        engines.judge_witnesses()
    assert Engines(models_folder=str(tmp_path)).judge_witnesses() == ()
    assert Engines(profile="gpu", witnesses="none").judge_witnesses() == ()
