"""fidelity: honest pictures pass, damaged products do not, with the placement known and without."""

from __future__ import annotations

import csv
import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from resources.imaging.harmonise import UNTOUCHED, Harmony, beyond_ring, with_gain
from resources.quality.fidelity import FidelityThresholds, judge
from resources.quality.registration import NotFound, Registration, register
from resources.scenes.engine import Candidate, SceneJob
from resources.scenes.plate import load_plates
from resources.scenes.studio import StudioEngine
from resources.scenes.templates import KIND_OF_POSE, load_templates
from resources.verdicts import Verdict
from tests.resources.printed_box import box_cutout, box_photo, in_scene

U8 = NDArray[np.uint8]
PHOTO, MATTE = box_photo()
TEMPLATE = load_templates()["grey-sweep"]


def _value(verdict: Verdict, name: str) -> float:
    return next(m.value for m in verdict.measures if m.name == name)


# ---- placement unknown


def _found(change: Callable[[U8], U8] = lambda rgb: rgb, scale: float = 1.1) -> Verdict:
    """The verdict on a final in which the product was changed before it was placed."""
    return judge(PHOTO, MATTE, in_scene(change(PHOTO.copy()), MATTE, scale, 90, 40), placement=None)


def _jpeg(rgb: U8) -> U8:
    data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def _gain(*factors: float) -> Callable[[U8], U8]:
    return lambda rgb: np.clip(rgb * np.array(factors), 0, 255).astype(np.uint8)


def _erase_label(rgb: U8) -> U8:
    rgb[230:290, 120:300] = (250, 240, 225)
    return rgb


def _other_word(rgb: U8) -> U8:
    rgb[235:285, 118:300] = (250, 240, 225)
    cv2.putText(rgb, "MILK", (120, 276), cv2.FONT_HERSHEY_DUPLEX, 1.9, (30, 60, 45), 3)
    return rgb


def _hue(rgb: U8) -> U8:
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + 8) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _recolour_part(rgb: U8) -> U8:
    rgb[400:440, 80:180] = (60, 110, 190)
    return rgb


@pytest.mark.parametrize("change", [lambda rgb: rgb, _jpeg, _gain(1.04, 1.04, 1.04), _gain(1.02, 1, 0.98)], ids=str)
@pytest.mark.parametrize("scale", [0.55, 1.1])
def test_honest_work_is_accepted(change: Callable[[U8], U8], scale: float) -> None:
    verdict = _found(change, scale)
    assert verdict.decision == "accepted", verdict
    assert verdict.score >= 0.5
    assert not verdict.message


@pytest.mark.parametrize(
    ("change", "measures"),
    [
        (_erase_label, {"worst_block_ssim", "delta_e_block", "block_ab_shift"}),
        (_other_word, {"worst_block_ssim", "delta_e_block", "block_ab_shift"}),
        (_hue, {"block_ab_shift", "ab_shift", "delta_e_mean", "delta_e_block"}),
        (_recolour_part, {"block_ab_shift", "delta_e_block", "worst_block_ssim"}),
        (_gain(1.14, 1, 0.86), {"ab_shift", "block_ab_shift", "delta_e_mean"}),
        (lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 2.5), {"detail", "worst_block_ssim"}),
    ],
    ids=["erased", "other word", "hue", "part recoloured", "warm", "soft"],
)
def test_a_changed_product_is_rejected_in_words(change: Callable[[U8], U8], measures: set[str]) -> None:
    verdict = _found(change)
    assert verdict.decision == "rejected"
    assert verdict.decided_by in measures
    assert verdict.score < 0.5
    assert verdict.message
    assert verdict.hint
    assert next(m for m in verdict.measures if m.name == verdict.decided_by).passed is False


def test_a_squeezed_product_is_rejected_for_its_shape() -> None:
    squeezed = cv2.resize(PHOTO, None, fx=0.93, fy=1), cv2.resize(MATTE, None, fx=0.93, fy=1)
    verdict = judge(PHOTO, MATTE, in_scene(*squeezed, 1.0, 100, 60), placement=None)
    assert (verdict.decision, verdict.decided_by) == ("rejected", "stretch")
    assert _value(verdict, "stretch") == pytest.approx(1 / 0.93 - 1, abs=0.005)


def test_a_grown_product_is_not_accepted() -> None:
    final = in_scene(PHOTO, MATTE, 1.1, 90, 40)
    cv2.circle(final, (490, 330), 45, (190, 60, 50), -1, cv2.LINE_AA)  # at the right edge, the box's own red
    unknown = judge(PHOTO, MATTE, final, placement=None)
    assert (unknown.decision, unknown.decided_by) == ("review", "expansion")


def test_scale_shift_and_rotation_are_reported() -> None:
    turned = cv2.getRotationMatrix2D((300.0, 300.0), 7.0, 1.0)
    final = in_scene(PHOTO, MATTE, 0.9, 120, 60)
    final = cv2.warpAffine(final, turned, (640, 640), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    verdict = judge(PHOTO, MATTE, final, placement=None)
    assert verdict.decision == "accepted", verdict
    assert _value(verdict, "scale") == pytest.approx(0.9, abs=0.005)
    assert _value(verdict, "rotation") == pytest.approx(-7.0, abs=0.2)


def test_another_product_is_rejected_and_says_so() -> None:
    rng = np.random.default_rng(3)
    other = cv2.resize(rng.integers(0, 255, (60, 60, 3), dtype=np.uint8), (640, 640), interpolation=cv2.INTER_CUBIC)
    verdict = judge(PHOTO, MATTE, other, placement=None)
    assert (verdict.decision, verdict.code) == ("rejected", "other_product")
    assert "something else" in verdict.message


def test_a_plain_product_that_cannot_be_found_goes_to_review() -> None:
    plain = np.full((300, 300, 3), 200, np.uint8)
    matte = np.zeros((300, 300), np.uint8)
    cv2.circle(matte, (150, 150), 80, 255, -1)
    noise = np.random.default_rng(1).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    verdict = judge(plain, matte, noise, placement=None)
    assert (verdict.decision, verdict.code) == ("review", "needs_review")


def test_a_product_cut_off_by_the_border_goes_to_review() -> None:
    final = in_scene(PHOTO, MATTE, 1.1, 90, 40)[:, :400]
    verdict = judge(PHOTO, MATTE, final, placement=None)
    assert (verdict.decision, verdict.decided_by) == ("review", "visible_share")


def test_an_empty_matte_goes_to_review() -> None:
    verdict = judge(PHOTO, np.zeros_like(MATTE), PHOTO, placement=None)
    assert (verdict.decision, verdict.decided_by) == ("review", "no_product")


def test_a_matte_of_another_size_is_an_error() -> None:
    with pytest.raises(ValueError, match="differ in size"):
        judge(PHOTO, MATTE[:-1], PHOTO, placement=None)


def test_the_same_verdict_twice() -> None:
    assert _found(_other_word) == _found(_other_word)


def test_registration_of_a_product_without_features_uses_the_template() -> None:
    alpha = np.zeros((300, 300), np.uint8)
    cv2.ellipse(alpha, (150, 150), (70, 100), 0, 0, 360, 255, -1, cv2.LINE_AA)
    x, y = np.meshgrid(np.arange(300), np.arange(300))
    shade = 140 + 60 * np.sin(x / 30) * np.cos(y / 37)  # a smooth body: no corners to hold on to
    photo = np.repeat(shade[..., None], 3, axis=2).astype(np.uint8)
    found = register(photo, alpha, in_scene(photo, alpha, 1.3, 120, 130))
    assert isinstance(found, Registration)
    assert found.method == "template"
    assert found.scale == pytest.approx(1.3, abs=0.01)
    assert found.anisotropy < 0.01


def test_registration_of_noise_finds_nothing() -> None:
    noise = np.random.default_rng(5).integers(0, 255, (500, 500, 3), dtype=np.uint8)
    missing = register(PHOTO, MATTE, noise)
    assert isinstance(missing, NotFound)
    assert missing.features > 60


# ---- placement known


# One plate of each kind, a glossy floor, a hard light and one with a layer in front.
PLATES = ["grey-sweep", "marble-counter", "oak-window", "snow-morning", "flat-oak", "wall-sage"]


def _studio(plate: str = "grey-sweep", *, harmonise: bool = False) -> tuple[SceneJob, Candidate]:
    pose = next(pose for pose, kind in KIND_OF_POSE.items() if kind == load_plates()[plate].kind)
    job = SceneJob(box_cutout(), TEMPLATE, 4, (640, 640), pose, harmonise=harmonise, plate=plate)  # type: ignore[arg-type]
    return job, StudioEngine().compose([job])[0]


def _placed(job: SceneJob, made: Candidate, final: U8 | None = None, *, backdrop: bool = True) -> Verdict:
    return judge(
        job.cutout[..., :3],
        job.cutout[..., 3],
        made.rgb if final is None else final,
        placement=made.placement,
        backdrop=StudioEngine().backdrop(job) if backdrop else None,
        harmony=made.harmony,
    )


@pytest.mark.parametrize("plate", PLATES)
@pytest.mark.parametrize("harmonise", [False, True])
def test_our_own_composites_are_exact(plate: str, harmonise: bool) -> None:
    job, made = _studio(plate, harmonise=harmonise)
    assert (made.harmony != UNTOUCHED) == harmonise
    verdict = _placed(job, made)
    assert verdict.decision == "accepted", verdict
    assert _value(verdict, "exact_pixels") == 0
    assert _value(verdict, "expansion") < 0.002
    if harmonise:
        assert _value(verdict, "delta_e_mean") <= 1.0
        assert _value(verdict, "ab_shift") <= 1.5


@pytest.mark.parametrize("plate", PLATES)
def test_our_harmonised_composites_are_found_and_accepted_by_their_looks(plate: str) -> None:
    job, made = _studio(plate, harmonise=True)
    backdrop = StudioEngine().backdrop(job)
    verdict = judge(job.cutout[..., :3], job.cutout[..., 3], made.rgb, placement=None, backdrop=backdrop)
    assert verdict.decision == "accepted", verdict


@pytest.mark.parametrize("harmonise", [False, True])
def test_one_changed_pixel_is_caught(harmonise: bool) -> None:
    job, made = _studio(harmonise=harmonise)
    final = made.rgb.copy()
    final[320, 320, 1] ^= 1
    verdict = _placed(job, made, final, backdrop=False)
    assert (verdict.decision, verdict.decided_by) == ("rejected", "exact_pixels")
    assert verdict.score < 0.5
    assert "exact_pixels" in {m.name for m in verdict.measures if not m.passed}


def test_a_harmony_that_was_not_done_is_caught() -> None:
    """A record that says too much, or too little, does not describe the picture."""
    job, made = _studio(harmonise=True)
    gain = (round(made.harmony.gain[0] + 0.02, 4), *made.harmony.gain[1:])
    for said in (UNTOUCHED, dataclasses.replace(made.harmony, gain=gain), dataclasses.replace(made.harmony, ring=0)):
        verdict = _placed(job, dataclasses.replace(made, harmony=said))
        assert (verdict.decision, verdict.decided_by) == ("rejected", "exact_pixels")


def test_harmonising_beyond_its_bounds_is_rejected_though_the_record_owns_up() -> None:
    job, made = _studio()
    gain = (1.14, 1.0, 0.86)
    solid = made.alpha == 255
    final = np.where(solid[..., None], with_gain(made.rgb, gain), made.rgb)
    verdict = _placed(job, dataclasses.replace(made, harmony=Harmony(gain)), final)
    assert verdict.decision != "accepted"
    assert _value(verdict, "exact_pixels") == 0
    failed = {m.name: m.threshold for m in verdict.measures if m.passed is False}
    assert failed["delta_e_mean"] == 1.0
    assert failed["ab_shift"] in (1.5, 6.0)
    assert "exact_pixels" not in failed


def test_in_the_ring_only_looks_are_judged() -> None:
    """Light may wrap round the outline there; what is painted over it is still found."""
    job, made = _studio(harmonise=True)
    solid = made.alpha == 255
    ring = solid & ~beyond_ring(solid, made.harmony.ring)
    assert made.harmony.ring > 0
    final = made.rgb.copy()
    y, x = (int(index[len(index) // 2]) for index in np.nonzero(ring))
    final[y, x, 1] ^= 1
    assert _placed(job, made, final).accepted
    final = made.rgb.copy()
    final[ring] = (20, 220, 60)
    verdict = _placed(job, made, final)
    assert verdict.decision == "rejected"
    assert _value(verdict, "exact_pixels") == 0


def test_growth_over_the_known_backdrop_is_rejected_and_a_shadow_is_not() -> None:
    job, made = _studio()
    right = int(np.flatnonzero((made.alpha > 0).any(axis=0))[-1])
    darker, grown = made.rgb.copy(), made.rgb.copy()
    beside = np.s_[200:300, right + 4 : right + 40]
    darker[beside] = (darker[beside] * 0.6).astype(np.uint8)
    grown[beside] = (190, 60, 50)
    assert _placed(job, made, darker).accepted
    verdict = _placed(job, made, grown)
    assert (verdict.decision, verdict.decided_by) == ("rejected", "expansion")


def test_a_see_through_product_goes_to_review() -> None:
    job, made = _studio()
    glass = job.cutout.copy()
    glass[..., 3] //= 2
    verdict = _placed(dataclasses.replace(job, cutout=glass), made)
    assert (verdict.decision, verdict.decided_by) == ("review", "solid_pixels")


# ---- thresholds


def test_thresholds_from_configuration() -> None:
    assert FidelityThresholds.from_dict({"stretch": 0.05}).stretch == 0.05
    assert FidelityThresholds.from_dict({}) == FidelityThresholds()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"strech": 0.1}, "strech"),
        ({"stretch": "wide"}, "stretch"),
        ({"detail": -1}, "detail"),
        ({"detail": float("nan")}, "detail"),
        ({"visible": True}, "visible"),
        ({"ab_shift_review": 9.0}, "ab_shift_review"),
    ],
)
def test_a_bad_threshold_is_named(values: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FidelityThresholds.from_dict(values)


def test_a_looser_threshold_accepts_more_and_scores_higher() -> None:
    final = in_scene(_gain(1.14, 1, 0.86)(PHOTO), MATTE, 1.1, 90, 40)
    loose = FidelityThresholds(
        ab_shift_review=30, ab_shift_reject=30, block_ab_shift=40, delta_e_mean=20, delta_e_block=30
    )
    strict, lax = (judge(PHOTO, MATTE, final, placement=None, thresholds=t) for t in (None, loose))
    assert strict.decision == "rejected"
    assert lax.decision == "accepted"
    assert lax.score > strict.score


# ---- against pictures with known damage


@pytest.mark.slow
def test_auroc_on_the_evaluation_pictures(tmp_path: Path) -> None:
    data = os.environ.get("CATALOG_TEST_DATA")
    tool = os.environ.get("CATALOG_TEST_TAMPER")
    if not data or not tool:
        pytest.skip("CATALOG_TEST_DATA (photos with mattes) and CATALOG_TEST_TAMPER (the script) are not set")
    subprocess.run([sys.executable, tool, data, str(tmp_path), "--photos", "6", "--size", "800"], check=True)
    scores: dict[str, list[float]] = {"0": [], "1": []}
    with (tmp_path / "labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rgb = np.asarray(Image.open(Path(data) / row["original"]).convert("RGB"))
            matte = np.asarray(Image.open(Path(data) / row["matte"]).convert("L"))
            final = np.asarray(Image.open(tmp_path / row["final"]).convert("RGB"))
            scores[row["damaged"]].append(judge(rgb, matte, final, placement=None).score)
    good, bad = np.array(scores["0"]), np.array(scores["1"])
    auroc = (good[:, None] > bad).mean() + 0.5 * (good[:, None] == bad).mean()
    assert auroc >= 0.93
