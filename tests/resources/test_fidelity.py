"""fidelity: honest pictures pass, damaged products do not, with the placement known and without."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from resources.imaging.alpha import make_cutout
from resources.imaging.harmonise import UNTOUCHED, Harmony, beyond_ring, with_gain
from resources.quality.fidelity import REVISION, aligned_pair, judge
from resources.quality.registration import NotFound, Registration, register
from resources.quality.rules import RULES, Rule, findings, verdict_on
from resources.quality.thresholds import (
    THRESHOLDS_FILE,
    FidelityThresholds,
    read_thresholds,
    shipped_file,
    shipped_thresholds,
)
from resources.scenes.engine import Candidate, Care, SceneJob
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


@pytest.mark.parametrize(
    "change",
    [lambda rgb: rgb, _jpeg, _gain(1.04, 1.04, 1.04), _gain(1.02, 1, 0.98)],
    ids=["none", "jpeg", "brighter", "warmer"],
)
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
        (
            lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 2.5),
            {"detail", "worst_block_ssim", "small_block_ssim", "delta_e_block"},
        ),
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


def test_something_of_any_colour_at_the_product_is_growth_where_the_scene_is_calm() -> None:
    final = in_scene(PHOTO, MATTE, 1.1, 90, 40)
    cv2.circle(final, (531, 330), 40, (120, 120, 30), -1, cv2.LINE_AA)
    verdict = judge(PHOTO, MATTE, final, placement=None)
    assert (verdict.decision, verdict.decided_by) == ("review", "expansion")


def _fattened(colour: tuple[int, int, int] | None) -> U8:
    """A final whose box has a rim of 8 pixels: of a colour, or of its own."""
    grown = cv2.dilate(MATTE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15)))
    rgb = PHOTO.copy()
    if colour is None:
        inner = PHOTO[62:-62, 62:-62]
        rgb = cv2.copyMakeBorder(inner, 62, 62, 62, 62, cv2.BORDER_REPLICATE)
    else:
        rgb[MATTE < 128] = colour
    return in_scene(rgb, grown, 1.1, 90, 40)


@pytest.mark.parametrize("colour", [(252, 252, 252), None], ids=["a white rim", "a fatter product"])
def test_an_outline_that_has_moved_is_not_accepted(colour: tuple[int, int, int] | None) -> None:
    verdict = judge(PHOTO, MATTE, _fattened(colour), placement=None)
    assert verdict.decision == "review"
    assert verdict.decided_by in ("expansion", "outline_moved")
    assert _value(verdict, "outline_moved") > 0.5
    assert _value(judge(PHOTO, MATTE, in_scene(PHOTO, MATTE, 1.1, 90, 40), placement=None), "outline_moved") < 0.05


def test_a_product_shown_twice_goes_to_review() -> None:
    final = in_scene(PHOTO, MATTE, 0.55, 20, 200)
    second = in_scene(PHOTO, MATTE, 0.55, 360, 200)
    final[:, 330:] = second[:, 330:]
    verdict = judge(PHOTO, MATTE, final, placement=None)
    assert (verdict.decision, verdict.decided_by) == ("review", "twins")
    assert "more than once" in verdict.message


def test_a_product_that_lies_on_its_side_goes_to_review() -> None:
    turned = [np.ascontiguousarray(np.rot90(image)) for image in (PHOTO, MATTE)]
    verdict = judge(PHOTO, MATTE, in_scene(turned[0], turned[1], 1.0, 60, 100), placement=None)
    assert verdict.decision == "review"
    assert _value(verdict, "rotation") == pytest.approx(90, abs=1)


def test_a_small_thing_that_is_added_is_rejected() -> None:
    """Far smaller than a block of 6 %, and without an edge on the other measures."""

    def spot(rgb: U8) -> U8:
        cv2.circle(rgb, (110, 90), 6, (40, 90, 60), -1, cv2.LINE_AA)
        return rgb

    verdict = _found(spot)
    assert verdict.decision == "rejected"
    assert verdict.decided_by in ("delta_e_small_block", "small_block_ssim")


def test_added_grain_is_rejected() -> None:
    def grainy(rgb: U8) -> U8:
        noise = np.random.default_rng(1).normal(0, 22, rgb.shape)
        return np.clip(rgb + noise, 0, 255).astype(np.uint8)

    verdict = _found(grainy)
    assert verdict.decision == "rejected"
    assert "detail_added" in {m.name for m in verdict.measures if not m.passed}


# ---- thin and see-through parts


def _basket() -> tuple[U8, U8]:
    """A printed box with a thin wire handle over it and a mesh window in it: photo on grey, and matte."""
    rgb, matte = box_photo()
    wire = np.zeros_like(matte)
    cv2.ellipse(wire, (rgb.shape[1] // 2, 64), (110, 52), 0, 180, 360, 255, 4, cv2.LINE_AA)
    window = np.s_[300:370, 130:290]
    matte[window] = 0
    for x in range(130, 290, 9):
        cv2.line(matte, (x, 300), (x, 370), 255, 3, cv2.LINE_AA)
    matte = np.maximum(matte, wire)
    cover = matte[..., None].astype(np.float32) / 255
    metal = np.full_like(rgb, (90, 70, 40))
    handle = (wire > 0)[..., None] & (np.arange(len(rgb)) < 62)[:, None, None]
    rgb = np.where(handle, metal * cover + 205 * (1 - cover), rgb).astype(np.uint8)
    rgb[window] = (np.array((90, 70, 40)) * cover[window] + 205 * (1 - cover[window])).astype(np.uint8)
    return rgb, matte


def _clean(rgb: U8, matte: U8) -> U8:
    """The product's own colours at its soft edges, as a cut-out has them."""
    return make_cutout(rgb, matte)[..., :3]


def test_thin_and_see_through_parts_over_another_background_are_no_change() -> None:
    rgb, matte = _basket()
    verdict = judge(rgb, matte, in_scene(_clean(rgb, matte), matte, 1.1, 90, 20), placement=None)
    assert verdict.decision == "accepted", verdict
    assert _value(verdict, "unexplained_block") < 0.5 * shipped_thresholds().unexplained_block


def test_a_thin_part_that_is_gone_is_rejected() -> None:
    rgb, matte = _basket()
    less = matte.copy()
    less[:58] = 0
    verdict = judge(rgb, matte, in_scene(_clean(rgb, matte), less, 1.1, 90, 20), placement=None)
    assert (verdict.decision, verdict.decided_by) == ("rejected", "unexplained_block")


def test_a_see_through_part_that_is_painted_over_is_rejected() -> None:
    rgb, matte = _basket()
    painted = _clean(rgb, matte)
    painted[300:370, 200:290] = (250, 240, 60)
    verdict = judge(rgb, matte, in_scene(painted, matte, 1.1, 90, 20), placement=None)
    assert verdict.decision == "rejected"
    assert _value(verdict, "unexplained_block") > shipped_thresholds().unexplained_block


def test_what_is_on_record_without_a_limit() -> None:
    honest, changed = _found(), _found(_gain(1.14, 1, 0.86))
    rim = judge(PHOTO, MATTE, _fattened((20, 240, 250)), placement=None)
    for name in ("scale", "shift_x", "shift_y", "correlation", "residual", "edge_halo"):
        assert next(m for m in honest.measures if m.name == name).threshold is None
    assert _value(honest, "residual") < 0.02 < _value(changed, "residual")
    assert 2 * _value(honest, "edge_halo") < _value(rim, "edge_halo")


def test_the_aligned_pair_is_what_the_judge_compares() -> None:
    pair = aligned_pair(PHOTO, MATTE, in_scene(PHOTO, MATTE, 1.1, 90, 40), None)
    assert pair is not None
    inside = pair.alpha == 255
    difference = np.abs(pair.expected.astype(int) - pair.shown.astype(int)).max(axis=2)
    assert np.median(difference[inside]) <= 2
    assert aligned_pair(PHOTO, np.zeros_like(MATTE), PHOTO, None) is None


def test_scale_shift_and_rotation_are_reported() -> None:
    turned = cv2.getRotationMatrix2D((300.0, 300.0), 7.0, 1.0)
    final = in_scene(PHOTO, MATTE, 0.9, 120, 60)
    final = cv2.warpAffine(final, turned, (640, 640), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    verdict = judge(PHOTO, MATTE, final, placement=None)
    assert verdict.decision == "accepted", verdict
    assert _value(verdict, "scale") == pytest.approx(0.9, abs=0.005)
    assert _value(verdict, "rotation") == pytest.approx(7.0, abs=0.2)


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
    job = SceneJob(box_cutout(), TEMPLATE, 4, (640, 640), pose, care=Care(harmonise), plate=plate)  # type: ignore[arg-type]
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


def test_the_shipped_thresholds_say_what_they_were_calibrated_on() -> None:
    found = shipped_file()
    assert FidelityThresholds.from_dict(found.limits) == shipped_thresholds()
    assert {rule.limit for rule in RULES} == {field.name for field in dataclasses.fields(FidelityThresholds)}
    assert found.calibration.revision == REVISION
    assert any(one.fitted for one in found.calibration.sets)
    assert any(not one.fitted for one in found.calibration.sets)
    assert any(one.auroc >= 0.98 and one.damaged_accepted <= 0.02 * one.damaged for one in found.calibration.sets)
    for one in found.calibration.sets:
        assert one.auroc >= 0.95, one.name
        assert one.damaged_accepted <= 0.05 * one.damaged, one.name
        assert one.intact_rejected <= 0.03 * one.intact, one.name
        assert one.intact_review <= 0.1 * one.intact, one.name


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
        FidelityThresholds.from_dict({**dataclasses.asdict(shipped_thresholds()), **values})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("limits: [", "not readable YAML"),
        ("limits: {stretch: 0.1}\n", "calibration"),
        ("limits: {}\ncalibration: {revision: a, date: 2026-01-01, operating_point: b, sets: []}\n", "sets"),
    ],
)
def test_a_broken_thresholds_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "thresholds.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=words) as error:
        read_thresholds(file)
    assert "thresholds.yaml" in str(error.value)


def test_a_missing_limit_is_named(tmp_path: Path) -> None:
    content = yaml.safe_load(THRESHOLDS_FILE.read_text())
    del content["limits"]["stretch"]
    file = tmp_path / "thresholds.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match="stretch"):
        read_thresholds(file)


def test_the_stricter_of_two_limits_rejects() -> None:
    limits = shipped_thresholds()
    between = (limits.ab_shift_review + limits.ab_shift_reject) / 2
    assert verdict_on(findings({"ab_shift": between}, limits)).decision == "review"
    beyond = verdict_on(findings({"ab_shift": limits.ab_shift_reject + 0.1}, limits))
    assert (beyond.decision, beyond.measures[0].threshold) == ("rejected", limits.ab_shift_reject)
    assert [one.measure.name for one in findings({"ab_shift": 0.1, "no_such_measure": 1.0}, limits)] == ["ab_shift"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.measure}-{rule.missed}")
def test_every_rule_has_words_and_a_score_below_a_half_where_it_is_missed(rule: Rule) -> None:
    limits = shipped_thresholds()
    limit = getattr(limits, rule.limit)
    missed = limit * 0.8 - 0.01 if rule.better == "higher" else limit * 1.2 + 0.01
    verdict = verdict_on(findings({rule.measure: missed}, limits))
    assert verdict.decision == rule.missed
    assert verdict.decided_by == rule.measure
    assert verdict.score < 0.5
    assert "{" not in verdict.message
    assert verdict.hint


def test_a_looser_threshold_accepts_more_and_scores_higher() -> None:
    final = in_scene(_gain(1.14, 1, 0.86)(PHOTO), MATTE, 1.1, 90, 40)
    loose = dataclasses.replace(
        shipped_thresholds(),
        ab_shift_review=30,
        ab_shift_reject=30,
        block_ab_shift=40,
        delta_e_mean=20,
        delta_e_block=30,
        delta_e_small_block=30,
        unexplained_block=30,
    )
    strict, lax = (judge(PHOTO, MATTE, final, placement=None, thresholds=t) for t in (None, loose))
    assert strict.decision == "rejected"
    assert lax.decision == "accepted"
    assert lax.score > strict.score
