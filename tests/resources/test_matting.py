from __future__ import annotations

import csv
import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from resources.engines import Engines
from resources.matting.flood import flood_mask, ring_distance, stable_flood, without_shade
from resources.matting.gate import default_thresholds, judge_matte
from resources.matting.measures import colour_measures, own_alpha_measures, shape_measures
from resources.matting.saliency import barrier_field, boundary_saliency, superpixels, to_lab
from resources.matting.shapes import drop_small_parts, drop_spurs, fill_small_holes, overlap, resize_mask
from resources.verdicts import NEEDS_REVIEW

SIDE = 480
GOOD = {
    "subject": 90.0,
    "area": 0.3,
    "side_contact": 0.0,
    "parts": 1.0,
    "agreement": 0.97,
    "shared_colours": 0.05,
    "background_inside": 0.01,
    "filled_gaps": 0.0,
    "weak_outline": 0.01,
    "faint_outline": 0.01,
    "loose_edges": 0.02,
    "softness": 0.03,
}


def grain(picture: np.ndarray, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1.5, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


CLASSICAL = default_thresholds("classical")


def bottle_mask(side: int = SIDE) -> np.ndarray:
    """A bottle with a handle: one part with one real hole."""
    k = side / 480
    mask = np.zeros((side, side), np.uint8)
    cv2.rectangle(mask, (int(170 * k), int(180 * k)), (int(290 * k), int(400 * k)), 1, -1)
    cv2.rectangle(mask, (int(205 * k), int(90 * k)), (int(255 * k), int(190 * k)), 1, -1)
    cv2.circle(mask, (int(300 * k), int(290 * k)), int(60 * k), 1, int(22 * k))
    return mask > 0


def table(side: int = SIDE) -> np.ndarray:
    """A grey wall over a brown table, brighter to the left."""
    picture = np.full((side, side, 3), (196, 200, 206), np.float32)
    picture[int(side * 0.62) :] = (150, 116, 84)
    picture *= np.linspace(1.0, 0.85, side, dtype=np.float32)[None, :, None]
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


def photo_of(mask: np.ndarray, background: np.ndarray, colour: tuple[int, int, int] = (30, 70, 170)) -> np.ndarray:
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)[..., None]
    shading = np.linspace(1.15, 0.75, mask.shape[1], dtype=np.float32)[None, :, None]
    return grain(np.array(colour, np.float32) * shading * soft + background * (1 - soft))


def white(side: int = SIDE) -> np.ndarray:
    return np.full((side, side, 3), 251, np.float32)


def cut(photo: np.ndarray):  # type: ignore[no-untyped-def]
    return Engines(matting="classical").matting_engine().segment([photo])[0]


@pytest.mark.parametrize("background", [white(), table()], ids=["studio", "table"])
def test_a_simple_product_is_cut_out_and_accepted(background: np.ndarray) -> None:
    truth = bottle_mask()
    matte = cut(photo_of(truth, background))
    verdict = judge_matte(matte.measures, CLASSICAL)
    assert verdict.accepted, verdict
    assert overlap(matte.alpha > 127, truth) > 0.97
    assert 0.5 <= verdict.score <= 1
    assert matte.alpha[290, 300] == 0, "the hole in the handle is real"


def test_each_background_takes_its_route() -> None:
    truth = bottle_mask()
    assert cut(photo_of(truth, white())).notes == ("route_flood",)
    assert cut(photo_of(truth, table())).notes[0].startswith("route_grabcut")


def test_a_white_product_on_white_is_not_reduced_to_its_print() -> None:
    truth = np.zeros((SIDE, SIDE), bool)
    truth[80:420, 120:360] = True
    photo = photo_of(truth, white(), (255, 255, 255))
    photo[truth] = np.minimum(photo[truth], 236)
    for y in range(120, 400, 60):
        cv2.putText(photo, "CRISPS", (150, y), cv2.FONT_HERSHEY_DUPLEX, 1.5, (180, 30, 30), 5)
    matte = cut(photo)
    if judge_matte(matte.measures, CLASSICAL).accepted:
        assert overlap(matte.alpha > 127, truth) > 0.97
    print_only = (photo.min(axis=2) < 120) & truth
    assert (matte.alpha > 127).sum() > 2 * print_only.sum()


def test_a_large_photo_is_refined_at_full_size() -> None:
    truth = bottle_mask(1800)
    matte = cut(photo_of(truth, table(1800)))
    assert matte.alpha.shape == (1800, 1800)
    # The outline is judged, not the gap in the handle.
    solid = [fill_small_holes(m, share=0.5) for m in (matte.alpha > 127, truth)]
    assert overlap(*solid) > 0.99


@pytest.mark.parametrize("value", [255, 128, 0])
def test_a_plain_picture_has_no_subject(value: int) -> None:
    verdict = judge_matte(cut(np.full((300, 400, 3), value, np.uint8)).measures, CLASSICAL)
    assert verdict.decision == "review"
    assert verdict.code == verdict.decided_by == "no_subject_found"
    assert verdict.score == 0


def test_noise_alone_is_no_subject() -> None:
    assert judge_matte(cut(grain(np.full((300, 400, 3), 200, np.float32))).measures, CLASSICAL).decision == "review"


def test_a_panel_of_text_is_left_to_a_person() -> None:
    panel = np.full((300, 700, 3), 255, np.uint8)
    for line in range(8):
        cv2.putText(panel, "Keep dry and out of reach of children", (20, 40 + line * 32), 0, 0.8, (20, 20, 20), 2)
    assert judge_matte(cut(panel).measures, CLASSICAL).decision == "review"


def test_scattered_objects_are_left_to_a_person() -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for x in range(70, 450, 110):
        for y in range(70, 450, 110):
            cv2.circle(mask, (x, y), 32, 1, -1)
    for background in (white(), table()):
        assert judge_matte(cut(photo_of(mask > 0, background)).measures, CLASSICAL).decision == "review"


def test_a_product_cut_off_by_the_frame_is_left_to_a_person() -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[150:, 140:340] = True
    verdict = judge_matte(cut(photo_of(mask, table())).measures, CLASSICAL)
    assert verdict.decision == "review"
    assert verdict.decided_by == "side_contact"


def test_a_product_of_the_colours_of_its_background_is_left_to_a_person() -> None:
    rng = np.random.default_rng(4)
    clutter = cv2.resize(rng.integers(0, 256, (24, 24, 3)).astype(np.uint8), (SIDE, SIDE), interpolation=0)
    picture = clutter.copy()
    truth = bottle_mask()
    picture[truth] = np.roll(clutter, 37, axis=0)[truth]
    assert judge_matte(cut(picture).measures, CLASSICAL).decision == "review"


def test_the_same_photo_gives_the_same_bytes_in_any_order_and_thread() -> None:
    photos = [photo_of(bottle_mask(), table()), photo_of(bottle_mask(), table(), (170, 40, 40))]
    engine = Engines(matting="classical").matting_engine()
    first = engine.segment(photos)
    with ThreadPoolExecutor(2) as pool:
        later = list(pool.map(lambda i: engine.segment([photos[i % 2]])[0], range(4)))
    for i, matte in enumerate(later):
        assert (matte.alpha == first[i % 2].alpha).all()
        assert matte.measures == first[i % 2].measures


def test_engines_are_known_by_name() -> None:
    engine = Engines(matting="classical").matting_engine()
    assert (engine.name, engine.device) == ("classical", "cpu")
    with pytest.raises(ValueError, match="known: embedded, classical"):
        Engines(matting="scissors").matting_engine()


def test_good_measures_are_accepted_with_every_number() -> None:
    verdict = judge_matte(GOOD)
    assert verdict.accepted
    assert verdict.decided_by == verdict.code == verdict.message == ""
    assert {m.name for m in verdict.measures} == set(GOOD) - {"subject"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("area", 0.004),
        ("area", 0.97),
        ("side_contact", 0.3),
        ("parts", 9.0),
        ("agreement", 0.52),
        ("shared_colours", 0.6),
        ("background_inside", 0.5),
        ("filled_gaps", 0.1),
        ("weak_outline", 0.4),
        ("faint_outline", 0.4),
        ("loose_edges", 1.2),
        ("unexplained", 0.5),
        ("shade", 0.6),
        ("softness", 0.6),
        ("agreement", float("nan")),
    ],
)
def test_one_bad_measure_is_enough_for_review(name: str, value: float) -> None:
    verdict = judge_matte({**GOOD, name: value})
    assert verdict.decision == "review"
    assert (verdict.decided_by, verdict.code) == (name, NEEDS_REVIEW)
    assert verdict.score < 0.5
    assert verdict.message
    assert verdict.hint


def test_a_net_that_is_unsure_of_itself_must_be_confirmed() -> None:
    apart = {**GOOD, "agreement": 0.8}
    assert judge_matte({**apart, "doubt": 0.1}).accepted
    verdict = judge_matte({**apart, "doubt": 0.4})
    assert (verdict.decision, verdict.decided_by) == ("review", "second_opinion")
    assert "other methods found something else (IoU 0.80, at least 0.85 is needed)" in verdict.message
    assert judge_matte({**GOOD, "doubt": 0.4}).accepted


def test_the_message_says_what_was_found_and_expected() -> None:
    verdict = judge_matte({**GOOD, "agreement": 0.52}, dataclasses.replace(default_thresholds(), agreement=0.8))
    assert "two methods disagree (IoU 0.52, at least 0.80 is needed)" in verdict.message


def test_another_threshold_judges_again_without_segmenting() -> None:
    assert judge_matte(GOOD, dataclasses.replace(default_thresholds(), agreement=0.99)).decided_by == "agreement"


def test_the_score_is_half_at_the_threshold_and_falls_with_the_measure() -> None:
    limit = default_thresholds().agreement
    scores = [judge_matte({**GOOD, "agreement": limit + d}).score for d in (0.1, 0.0, -0.01, -0.2)]
    assert scores == sorted(scores, reverse=True)
    assert scores[1] == 0.5


def test_judging_needs_an_area() -> None:
    with pytest.raises(ValueError, match="area"):
        judge_matte({"agreement": 1.0})


def test_the_sellers_own_hard_alpha_is_accepted() -> None:
    alpha = np.zeros((100, 100), np.uint8)
    alpha[:60, 20:80] = 255
    assert judge_matte(own_alpha_measures(alpha)).accepted


def test_an_own_alpha_that_hides_everything_has_no_subject() -> None:
    assert judge_matte(own_alpha_measures(np.zeros((50, 50), np.uint8))).decided_by == "no_subject_found"


def test_flood_stops_at_the_edge_and_not_at_the_shade() -> None:
    truth = bottle_mask()
    studio = white()
    shade = cv2.GaussianBlur(np.roll(truth, 12, axis=0).astype(np.float32), (0, 0), 14)[..., None]
    distance, uniform = ring_distance(to_lab(photo_of(truth, studio - 10 * shade)))
    assert uniform > 0.95
    flood = stable_flood(distance)
    assert flood.stability > 0.95
    assert overlap(flood.mask, truth) > 0.95


def test_a_soft_shadow_is_taken_off_and_the_product_left() -> None:
    truth = bottle_mask()
    shadow = cv2.GaussianBlur(np.roll(truth, (20, 40), axis=(0, 1)).astype(np.float32), (0, 0), 16)[..., None]
    lab = to_lab(photo_of(truth, white() * (1 - 0.45 * shadow)))
    distance, _ = ring_distance(lab)
    flooded = stable_flood(distance).mask
    # The shadow inside the handle is closed in and stays: without the gap, then.
    solid = fill_small_holes(truth, share=0.5)
    assert overlap(flooded, solid) < 0.85
    assert overlap(fill_small_holes(without_shade(flooded, lab), share=0.5), solid) > 0.95


def test_a_white_product_taken_for_shadow_is_left_to_a_person() -> None:
    """A white lamp on white with metal pins: only the pins have an edge that no shadow has."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    lamp = np.clip(1 - np.hypot(x - 240, y - 200) / 150, 0, 1)[..., None]
    photo = grain(white() - 28 * np.sqrt(lamp))
    photo[345:385, 215:227] = photo[345:385, 255:267] = (70, 60, 50)
    assert judge_matte(cut(photo).measures, CLASSICAL).decision == "review"


def test_flood_does_not_reach_an_enclosed_white_part() -> None:
    distance = np.zeros((50, 50), np.float32)
    cv2.rectangle(distance, (10, 10), (40, 40), 50.0, 3)
    assert flood_mask(distance, 4.0)[25, 25]


def test_a_white_label_is_no_hole_and_a_handle_is() -> None:
    mask = bottle_mask()
    distance = np.where(mask, 60, 0.4).astype(np.float32)
    cv2.rectangle(distance, (185, 230), (245, 330), 0.4, -1)
    cv2.rectangle(distance, (200, 270), (230, 280), 50.0, -1)
    flood = stable_flood(distance)
    assert flood.mask[310, 200], "the label"
    assert not flood.mask[290, 310], "the gap in the handle"


def test_white_letters_inside_a_product_are_no_holes() -> None:
    distance = np.full((300, 300), 0.3, np.float32)
    cv2.rectangle(distance, (60, 40), (240, 260), 60.0, -1)
    cv2.rectangle(distance, (140, 130), (170, 160), 0.3, -1)
    assert stable_flood(distance).mask[145, 155]


def test_small_parts_and_small_holes_go_and_real_ones_stay() -> None:
    mask = np.zeros((200, 200), bool)
    mask[40:160, 40:160] = True
    mask[5:9, 5:9] = True
    mask[60:64, 60:64] = False
    mask[90:130, 90:130] = False
    out = fill_small_holes(drop_small_parts(mask))
    assert not out[6, 6]
    assert out[61, 61]
    assert not out[110, 110]


def test_a_horizon_line_is_dropped_and_a_thin_part_kept() -> None:
    mask = np.zeros((100, 100), bool)
    mask[30:80, 40:60] = True
    mask[50, :40] = True
    mask[10:30, 50] = True
    evidence = np.zeros((100, 100), np.float32)
    evidence[:, 40:60] = 0.9
    out = drop_spurs(mask, evidence, 0.5)
    assert not out[50, 10]
    assert out[15, 50]


def test_a_mask_grows_and_shrinks_true_to_shape() -> None:
    mask = bottle_mask(240)
    grown = resize_mask(mask, (960, 960))
    assert overlap(grown, bottle_mask(960)) > 0.95
    assert overlap(resize_mask(grown, (240, 240)), mask) > 0.99


def test_saliency_is_high_on_the_product_and_low_around_it() -> None:
    truth = bottle_mask(200)
    lab = to_lab(photo_of(truth, table(200)))
    for field in (boundary_saliency(lab), barrier_field(lab)):
        assert field[truth].mean() > 3 * field[~truth].mean()


def test_superpixels_cover_the_picture_without_gaps() -> None:
    labels = superpixels(to_lab(grain(table(120))), 60)
    assert set(np.unique(labels)) == set(range(int(labels.max()) + 1))
    assert 30 <= labels.max() <= 120


def test_barrier_is_zero_on_the_border_and_the_contrast_inside() -> None:
    lab = np.zeros((40, 40, 3), np.float32)
    lab[15:25, 15:25, 0] = 60
    field = barrier_field(lab)
    assert field[0].max() == 0
    assert field[20, 20] == pytest.approx(60)
    assert field[5, 5] == pytest.approx(0)


def test_a_gap_left_filled_is_noticed() -> None:
    truth = bottle_mask(320)
    lab = to_lab(photo_of(truth, table(320)))
    filled = fill_small_holes(truth, share=0.5)
    limit = CLASSICAL.filled_gaps
    assert colour_measures(lab, truth)["filled_gaps"] <= limit
    assert colour_measures(lab, filled)["filled_gaps"] > limit


def test_an_outline_through_a_shadow_is_faint() -> None:
    truth = bottle_mask(320)
    shade = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), 12)[..., None]
    lab = to_lab(grain(table(320) * (1 - 0.5 * shade)))
    faint = colour_measures(lab, shade[..., 0] > 0.5)["faint_outline"]
    assert faint > 2 * CLASSICAL.faint_outline
    assert colour_measures(to_lab(photo_of(truth, table(320))), truth)["faint_outline"] < 0.05


def test_a_missing_part_leaves_loose_edges() -> None:
    truth = bottle_mask(320)
    lab = to_lab(photo_of(truth, table(320)))
    part = truth.copy()
    part[:190] = False
    assert colour_measures(lab, part)["loose_edges"] > CLASSICAL.loose_edges
    assert colour_measures(lab, truth)["loose_edges"] < 0.1


def test_measures_of_an_empty_mask_are_the_worst() -> None:
    lab = to_lab(grain(table(80)))
    empty = np.zeros((80, 80), bool)
    assert set(colour_measures(lab, empty).values()) == {1.0}
    assert shape_measures(empty) == {"area": 0.0, "side_contact": 0.0, "parts": 0.0}


@pytest.mark.slow
def test_evaluation_photos_hardly_ever_pass_with_a_wrong_outline() -> None:
    folder = os.environ.get("CATALOG_TEST_DATA")
    if not folder:
        pytest.skip("CATALOG_TEST_DATA does not name a folder with manifest.csv, photos/ and mattes/")
    rows = list(csv.DictReader((Path(folder) / "manifest.csv").open(encoding="utf-8", newline="")))
    ious, accepted = [], []
    for row in rows:
        photo = cv2.cvtColor(cv2.imread(str(Path(folder) / row["file"])), cv2.COLOR_BGR2RGB)
        matte = cut(photo)
        taken = judge_matte(matte.measures, CLASSICAL).accepted
        if not row["matte"] or row["gt_type"] in ("algorithm-made", "unknown-binary"):
            accepted.append((taken, 1.0))
            continue
        truth = cv2.imread(str(Path(folder) / row["matte"]), cv2.IMREAD_GRAYSCALE) > 127
        ious.append(overlap(matte.alpha > 127, truth))
        accepted.append((taken, ious[-1]))
    assert np.mean(ious) >= 0.75
    assert np.mean([iou >= 0.9 for iou in ious]) >= 0.55
    assert sum(taken for taken, _ in accepted) >= 12
    assert sum(taken and iou < 0.9 for taken, iou in accepted) <= 1
