"""Training the cut-out net further on a shop's pictures: which pairs, which views of them, what counts as better."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resources.matting.cutnet.shop import BATCH, Plan, batches, fine_tune, input_side, require_training, steps_for
from resources.matting.cutnet.shop_pairs import (
    LEAST_PAIRS,
    LEAST_PRODUCTS,
    LEAST_TRUSTED,
    LeftOut,
    Pair,
    distinct,
    folder_pairs,
    refusal,
    split,
)
from resources.matting.cutnet.shop_scores import Agreement, Scored, agreement, mean_scores, objections, score_pairs
from resources.matting.cutnet.shop_views import view_of
from resources.matting.onnx_saliency import OnnxDetector
from resources.weights import Weights
from tests.nets import make_onnx, models_of, onnx_entry
from tests.pictures import jpeg_bytes, png_bytes, truncated
from tests.shop_pairs import NET_SIDE, make_cutnet, pair, pairs, picture, write_pairs

NOBODY = Agreement(0, 0)
PHOTO, ALPHA = picture(1)


# Pairs in a folder


def codes(folder: Path) -> dict[str, str]:
    return {one.name: one.reason.code for one in folder_pairs(folder) if isinstance(one, LeftOut)}


def test_a_folder_holds_pairs_directly_or_in_one_folder_a_product(tmp_path: Path) -> None:
    write_pairs(tmp_path, 2)
    write_pairs(tmp_path / "mug", 3)
    found = [one for one in folder_pairs(tmp_path) if isinstance(one, Pair)]
    assert Counter(one.product for one in found) == {"p0": 1, "p1": 1, "mug": 3}
    assert {one.source for one in found} == {"given"}
    assert found[0].photo.shape == (96, 128, 3)
    assert (found[0].alpha == picture(0)[1]).all()
    assert codes(tmp_path) == {}


def test_large_photos_are_kept_small_and_their_mattes_with_them(tmp_path: Path) -> None:
    photo, alpha = picture(3, (1000, 500))
    (tmp_path / "a.png").write_bytes(png_bytes(photo))
    (tmp_path / "a.MATTE.PNG").write_bytes(png_bytes(alpha[::2, ::2]))  # half the size, the same shape
    [found] = folder_pairs(tmp_path)
    assert isinstance(found, Pair)
    assert found.photo.shape == (240, 480, 3)
    assert found.alpha.mean() == pytest.approx(alpha.mean(), rel=0.02)
    dark = found.photo.mean(axis=2) < 140
    assert (dark == (found.alpha > 127)).mean() > 0.99


def test_hostile_files_cost_only_themselves(tmp_path: Path) -> None:
    good, matte = jpeg_bytes(PHOTO), png_bytes(ALPHA)
    files = {
        "good.jpg": good,
        "good.matte.png": matte,
        "torn.jpg": truncated(good),
        "torn.matte.png": matte,
        "text.jpg": b"<?php echo 1 ?>",
        "text.matte.png": matte,
        "lonely.jpg": good,
        "orphan.matte.png": matte,
        "empty.jpg": good,
        "empty.matte.png": png_bytes(np.zeros_like(ALPHA)),
        "full.jpg": good,
        "full.matte.png": png_bytes(np.full_like(ALPHA, 255)),
        "shape.jpg": good,
        "shape.matte.png": png_bytes(ALPHA[:, :50]),
        "nomatte.jpg": good,
        "nomatte.matte.png": b"GIF89a",
        "twice.jpg": good,
        "twice.png": good,
        "twice.matte.png": matte,
        "cut.png": png_bytes(np.dstack([PHOTO, ALPHA])),
        "cut.matte.png": matte,
        "nothing.jpg": b"",
        "nothing.matte.png": matte,
        ".hidden.jpg": b"no",
        "readme.txt": b"not a photo, not meant to be one",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "pipe.matte.png").write_bytes(matte)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "gone.matte.png").write_bytes(matte)
    assert codes(tmp_path) == {
        "torn.jpg": "truncated",
        "text.jpg": "not_an_image",
        "lonely.jpg": "no_matte",
        "orphan.matte.png": "no_photo",
        "empty.jpg": "bad_matte",
        "full.jpg": "bad_matte",
        "shape.jpg": "bad_matte",
        "nomatte.jpg": "bad_matte",
        "twice.png": "duplicate_name",
        "cut.png": "already_cut_out",
        "nothing.jpg": "empty_file",
        "pipe.jpg": "not_a_file",
        "gone.jpg": "not_a_file",
    }
    assert [one.name for one in folder_pairs(tmp_path) if isinstance(one, Pair)] == ["good.jpg", "twice.jpg"]


def test_names_that_attack_the_terminal_are_shown_clean(tmp_path: Path) -> None:
    (tmp_path / "evil\x1b[31m\n.jpg").write_bytes(b"no photo")
    [found] = folder_pairs(tmp_path)
    assert isinstance(found, LeftOut)
    assert "\x1b" not in found.name + found.reason.hint
    assert "\n" not in found.name + found.reason.hint


# Which pairs


def test_the_same_photo_counts_once_and_the_reviewed_one_wins() -> None:
    same = [replace(pair(1, source="accepted"), name="unseen"), pair(1, source="reviewed"), pair(2)]
    kept, left = distinct(same)
    assert [one.name for one in kept] == ["p1", "p2"]
    assert [(one.name, one.reason.code) for one in left] == [("unseen", "same_photo")]


def test_too_few_pairs_are_refused_saying_what_is_missing() -> None:
    enough = [*pairs(LEAST_TRUSTED), *[pair(100 + n, source="accepted") for n in range(LEAST_PAIRS - LEAST_TRUSTED)]]
    assert refusal(enough) == ""
    assert f"{LEAST_PAIRS - 1} pairs of photo and cut-out found, at least {LEAST_PAIRS}" in refusal(enough[:-1])
    unseen = refusal([*enough[1:], pair(999, source="accepted")])
    assert f"{LEAST_TRUSTED - 1} pairs that a person looked at found, at least {LEAST_TRUSTED}" in unseen
    assert "catalog review" in unseen
    assert "--pairs" in unseen
    few = refusal([replace(one, product=f"product{number % 5}") for number, one in enumerate(enough)])
    assert f"5 different products among them found, at least {LEAST_PRODUCTS}" in few


def test_a_quarter_of_the_products_is_held_out_the_same_ones_every_time() -> None:
    many = [pair(seed, product=f"sku{seed // 2}") for seed in range(400)]
    first, again = split(many), split(many[:300][::-1])
    held = {one.product for one in first.held_out}
    assert held.isdisjoint(one.product for one in first.taught)
    assert len(first.taught) + len(first.held_out) == 400
    assert 0.17 < len(held) / 200 < 0.33
    known = {one.product for one in many[:300]}
    assert {one.product for one in again.held_out} == held & known


def test_something_of_what_a_person_looked_at_is_always_held_out() -> None:
    for shift in range(0, 200, 20):
        few = [*[pair(seed, source="accepted") for seed in range(30)], *[pair(1000 + shift + n) for n in range(10)]]
        held = split(few).held_out
        assert sum(one.trusted for one in held) >= 2
        assert len(held) >= 5


# Views of them


def test_views_keep_photo_and_matte_together() -> None:
    """The product is dark and the background light, wherever a view puts them; before another background it stays so
    too, as long as that is light."""
    shown = pairs(8)
    agreeing = []
    for number in range(60):
        photo, alpha = view_of(shown[number % 8], shown, 96, np.random.default_rng(number))
        assert photo.shape == (96, 96, 3)
        assert alpha.shape == (96, 96)
        assert photo.dtype == alpha.dtype == np.uint8
        assert 0.02 < (alpha > 127).mean() < 0.9
        dark = photo.mean(axis=2) < 0.5 * (photo[alpha > 127].mean() + photo[alpha < 128].mean())
        agreeing.append(float((dark == (alpha > 127)).mean()))
    assert np.median(agreeing) > 0.98


def test_views_are_those_of_the_seed_and_differ() -> None:
    shown = pairs(4)
    first, again, other = (view_of(shown[0], shown, 64, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert (first[0] == again[0]).all()
    assert (first[1] == again[1]).all()
    assert (first[0] != other[0]).any()


def test_batches_do_not_depend_on_threads_and_show_trusted_pairs_three_times_as_often() -> None:
    shown = [replace(pair(number), source="given" if number == 0 else "accepted") for number in range(6)]
    plan = Plan(steps=3, seed=4)
    first, again = list(batches(shown, 64, plan)), list(batches(shown, 64, plan))
    assert len(first) == 3
    assert first[0][0].shape == (BATCH, 64, 64, 3)
    for one, two in zip(first, again, strict=True):
        assert (one[0] == two[0]).all()
        assert (one[1] == two[1]).all()
    mattes = [replace(one, alpha=np.full_like(one.alpha, 255 if one.trusted else 0)) for one in shown]
    trusted = np.concatenate([alpha[:, 16, 16] > 127 for _, alpha in batches(mattes, 32, Plan(steps=60))])
    assert 0.27 < trusted.mean() < 0.48  # 3 of 8 shares


def test_steps_follow_the_number_of_pairs() -> None:
    assert [steps_for(count) for count in (5, 30, 100, 10_000)] == [200, 300, 1000, 2000]


# Training


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return make_cutnet(tmp_path_factory.mktemp("nets") / "cutnet")


def test_training_is_the_same_for_a_seed_and_leaves_the_net_s_doubt_alone(net: Weights, tmp_path: Path) -> None:
    from resources.matting.cutnet.export import read_back

    start = Path(net.path) / "cutnet.onnx"
    assert input_side(start, None) == NET_SIDE
    done: list[int] = []
    for name in ("one.onnx", "two.onnx"):
        fine_tune(start, tmp_path / name, pairs(6), NET_SIDE, Plan(steps=2, seed=3), done.append)
    data = (tmp_path / "one.onnx").read_bytes()
    assert (tmp_path / "two.onnx").read_bytes() == data
    assert done == [1, 1, 1, 1]
    before, after = read_back(start).state_dict(), read_back(tmp_path / "one.onnx").state_dict()
    changed = {name.split(".")[0] for name in before if not bool((before[name] == after[name]).all())}
    assert "judge" not in changed
    assert {"stem", "last", "finish"} <= changed
    assert b".py" not in data  # nothing of where the code lies


def test_other_nets_and_missing_packages_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_onnx(tmp_path / "net.onnx", side=32)
    with pytest.raises(ValueError, match=r"net\.onnx: no cut-out net of this shape"):
        fine_tune(tmp_path / "net.onnx", tmp_path / "new.onnx", pairs(2), 32, Plan(1), lambda steps: None)
    make_onnx(tmp_path / "odd.onnx", side=40)
    with pytest.raises(ValueError, match="takes 40 x 40 px, a square of a multiple of 32 px expected"):
        input_side(tmp_path / "odd.onnx", None)
    require_training()
    monkeypatch.setattr("resources.matting.cutnet.shop._NEEDED", ("surely_not_there",))
    with pytest.raises(ValueError, match=r"pip install \.\[training\]"):
        require_training()


# Better or not


def scored(number: int, iou: float, *, trusted: bool = False, sure: float = 0.5) -> Scored:
    return Scored(f"p{number}", trusted, iou, 0.1, 0.7, sure)


def list_of(*ious: float) -> list[Scored]:
    return [scored(number, iou) for number, iou in enumerate(ious)]


def test_better_weights_meet_no_objection() -> None:
    assert objections(list_of(0.7, 0.8, 0.95), list_of(0.8, 0.85, 0.95), Agreement(10, 9)) == []


@pytest.mark.parametrize(
    ("before", "after", "remembered", "said"),
    [
        (list_of(0.7, 0.8), list_of(0.7, 0.803), NOBODY, "mean IoU went from"),
        (list_of(0.91, 0.3), list_of(0.89, 0.8), NOBODY, "right answers fell"),
        (list_of(0.95, 0.85, 0.2), list_of(0.86, 0.95, 0.8), NOBODY, "p0 was right"),
        (list_of(0.7, 0.8), list_of(0.8, 0.85), Agreement(10, 8), "2 of 10 sample photos"),
        (
            [scored(0, 0.8, trusted=True), scored(1, 0.5)],
            [scored(0, 0.7, trusted=True), scored(1, 0.9)],
            NOBODY,
            "a person looked at",
        ),
        ([scored(0, 0.3)], [scored(0, 0.6, sure=0.9)], NOBODY, "sure of 1 wrong answers"),
    ],
    ids=["gain", "share", "lost", "forgotten", "trusted", "misled"],
)
def test_each_thing_that_got_worse_is_an_objection(
    before: list[Scored], after: list[Scored], remembered: Agreement, said: str
) -> None:
    [reason] = objections(before, after, remembered)
    assert said in reason


def test_a_picture_that_was_barely_right_may_become_barely_wrong() -> None:
    assert objections(list_of(0.91, 0.85, 0.5), list_of(0.89, 0.92, 0.6), NOBODY) == []


def test_answers_are_scored_through_the_exported_file(tmp_path: Path) -> None:
    """The tiny net takes bright for product: right about light products before dark ground, wrong about others."""
    make_onnx(tmp_path / "net" / "net.onnx", side=NET_SIDE)
    entry = onnx_entry(tmp_path / "net")
    detector = OnnxDetector(entry, models_of(entry))
    dark = pair(1)
    light = replace(pair(2), photo=255 - pair(2).photo)
    done: list[int] = []
    wrong, right = score_pairs(detector, [dark, light], done.append)
    assert done == [1, 1]
    assert wrong.iou < 0.1
    assert not wrong.right
    assert right.iou > 0.9
    assert right.boundary > 0.95
    assert right.mae < 0.2
    mean = mean_scores([wrong, right])
    assert mean.right == 0.5
    assert mean.iou == pytest.approx((wrong.iou + right.iou) / 2, abs=1e-4)
    assert agreement(detector, detector, [dark.photo, light.photo]) == Agreement(2, 2)
