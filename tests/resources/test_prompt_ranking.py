"""The learned score: normalised within the set, the same whatever the batch, and no judge of fidelity."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resources.engines import Engines
from resources.gpu import GpuOptions
from resources.quality.engines import ranking_engine
from resources.quality.prompt_ranking import PromptRanker, places, prompt_of, square_input, with_words
from resources.quality.ranking import HeuristicRanker, measure_parts
from resources.scenes.engine import Candidate, SceneJob
from resources.scenes.studio import StudioEngine
from resources.scenes.templates import load_templates
from resources.weights import Input, Models
from tests.nets import make_clip, models_of
from tests.resources.printed_box import box_cutout

CPU = GpuOptions("cpu")

# What a batch may move a cosine by, in full precision.
SAME = 1e-5
TEMPLATES = load_templates()
GREY, OAK = TEMPLATES["grey-sweep"], TEMPLATES["oak-window"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models") / "tiny-clip"
    return models_of(make_clip(folder, tmp_path_factory.mktemp("architectures")))


@pytest.fixture(scope="module")
def ranker(models: Models) -> PromptRanker:
    return PromptRanker(models.entry("tiny-clip"), models, CPU)


@pytest.fixture(scope="module")
def candidates() -> list[Candidate]:
    """The same product in four scenes."""
    names = ("grey-sweep", "oak-window", "holiday-red", "summer-pool")
    return StudioEngine().compose([SceneJob(box_cutout(), TEMPLATES[name], 1, (320, 320)) for name in names])


def test_cosines_are_those_of_open_clip_used_plainly(
    models: Models, ranker: PromptRanker, candidates: list[Candidate]
) -> None:
    import open_clip
    import torch
    from PIL import Image

    weights = models.entry("tiny-clip")
    net, _, prepare = open_clip.create_model_and_transforms(
        "tiny-clip",
        pretrained=str(models.folder(weights) / "open_clip_model.safetensors"),
        image_mean=weights.input.mean,
        image_std=weights.input.std,
    )
    net.eval()
    pictures = torch.stack([prepare(Image.fromarray(candidate.rgb)) for candidate in candidates])
    with torch.inference_mode():
        seen = net.encode_image(pictures, normalize=True)
        said = net.encode_text(open_clip.get_tokenizer("tiny-clip")([prompt_of(OAK)]), normalize=True)
        wanted = (seen @ said.T)[:, 0].numpy()
    found = ranker.cosines([candidate.rgb for candidate in candidates], [prompt_of(OAK)] * len(candidates))
    assert np.ptp(wanted) > 1e-3  # the net does say something
    assert np.abs(np.array(found) - wanted).max() < 1e-4


def test_one_picture_has_one_cosine_alone_or_in_a_crowd(
    models: Models, ranker: PromptRanker, candidates: list[Candidate]
) -> None:
    pictures, prompts = [c.rgb for c in candidates], [prompt_of(GREY), prompt_of(OAK)] * 2
    fresh = PromptRanker(models.entry("tiny-clip"), models, CPU)
    alone = [fresh.cosines([picture], [prompt])[0] for picture, prompt in zip(pictures, prompts, strict=True)]
    with ThreadPoolExecutor(4) as pool:
        crowd = list(pool.map(lambda _: ranker.cosines(pictures, prompts), range(4)))
    assert np.abs(np.array(crowd) - alone).max() < SAME
    assert ranker.cosines(pictures, prompts) == ranker.cosines(pictures, prompts)


def test_every_part_is_on_record(
    ranker: PromptRanker, candidates: list[Candidate], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        rankings = ranker.rank(candidates, [OAK] * 4)
    assert sorted(ranking.index for ranking in rankings) == [0, 1, 2, 3]
    assert [ranking.score for ranking in rankings] == sorted((r.score for r in rankings), reverse=True)
    for ranking in rankings:
        heuristic = measure_parts(candidates[ranking.index], OAK)
        assert {name: ranking.parts[name] for name in heuristic} == heuristic
        assert set(ranking.parts) - set(heuristic) == {"prompt", "prompt_cosine"}
        assert 0 <= ranking.parts["prompt"] <= 1
        assert 0 <= ranking.score <= 1
    assert f"tiny-clip {ranker.revision}" in caplog.text
    assert "prompt_cosine" in caplog.text


def test_the_words_decide_among_pictures_that_are_otherwise_as_good(candidates: list[Candidate]) -> None:
    parts = dict.fromkeys(range(3), measure_parts(candidates[0], GREY))
    rankings = with_words(parts, dict.fromkeys(parts, "grey"), {0: 0.21, 1: 0.25, 2: 0.23})
    best_first = sorted(rankings, key=lambda ranking: -ranking.score)
    assert [ranking.index for ranking in best_first] == [1, 2, 0]
    assert best_first[0].parts["prompt_cosine"] == 0.25


def test_cosines_are_compared_within_one_prompt_only(candidates: list[Candidate]) -> None:
    """Words that every picture fits better say nothing of the pictures."""
    parts = dict.fromkeys(range(4), measure_parts(candidates[0], GREY))
    prompts = {0: "grey", 1: "grey", 2: "oak", 3: "oak"}
    rankings = with_words(parts, prompts, {0: 0.20, 1: 0.24, 2: 0.30, 3: 0.34})
    found = {ranking.index: ranking.parts["prompt"] for ranking in rankings}
    assert found[0] == found[2] < 0.5 < found[1] == found[3]


def test_the_words_outvote_a_slightly_better_picture_but_not_a_spoilt_one(candidates: list[Candidate]) -> None:
    good = measure_parts(candidates[0], GREY)
    little = {**good, "halo": good["halo"] - 0.1}
    spoilt = dict.fromkeys(good, 0.2)

    def best(other: dict[str, float]) -> int:
        rankings = with_words({0: good, 1: other}, {0: "grey", 1: "grey"}, {0: 0.22, 1: 0.26})
        return max(rankings, key=lambda ranking: ranking.score).index

    assert best(little) == 1
    assert best(spoilt) == 0


def test_places_are_normalised_within_the_set() -> None:
    assert places([0.3]) == [0.5]
    assert places([0.3, 0.3, 0.3]) == [0.5, 0.5, 0.5]
    low, high = places([0.2, 0.3])
    assert (low, high) == pytest.approx((0.158655, 0.841345), abs=1e-5)  # one standard deviation either way
    assert places([1.2, 1.3]) == pytest.approx([low, high])  # whatever the level
    assert places([0.02, 0.03]) == pytest.approx([low, high])  # whatever the scale
    assert max(places([0.30000, 0.30001])) < 0.51  # but not where half precision alone may move them


def test_a_single_candidate_and_none_at_all(ranker: PromptRanker, candidates: list[Candidate]) -> None:
    (only,) = ranker.rank(candidates[:1], [GREY])
    assert only.parts["prompt"] == 0.5
    assert ranker.rank([], []) == []


def test_ties_go_to_the_first(ranker: PromptRanker, candidates: list[Candidate]) -> None:
    rankings = ranker.rank([candidates[0]] * 3, [GREY] * 3)
    assert [ranking.index for ranking in rankings] == [0, 1, 2]


def test_a_prompt_tells_the_scene_in_words_that_a_net_can_take_in() -> None:
    from open_clip import get_tokenizer

    for template in TEMPLATES.values():
        prompt = prompt_of(template)
        assert template.prompt.surface in prompt
        assert template.prompt.setting in prompt
        assert get_tokenizer("ViT-B-32")([prompt])[0][-1] == 0  # nothing was cut off


def test_a_wide_picture_is_seen_whole() -> None:
    wide = np.zeros((90, 160, 3), np.uint8)
    wide[:, -10:] = 255
    prepared = {"side": 32, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    seen = square_input(wide, Input.model_validate(prepared))
    assert seen.shape == (3, 32, 32)
    assert seen[:, :, -1].min() > 0.9


def test_rankings_by_name_and_by_profile(models: Models, tmp_path: Path) -> None:
    assert isinstance(Engines().ranking_engine(), HeuristicRanker)
    assert isinstance(ranking_engine("tiny-clip", models, CPU), PromptRanker)
    with pytest.raises(ValueError, match="there is no ranking 'taste'; known: heuristic, clip"):
        Engines(ranking="taste").ranking_engine()
    with pytest.raises(ValueError, match=r"clip: 0 of 1 files .*catalog models fetch clip"):
        Engines(profile="gpu", models_folder=str(tmp_path)).ranking_engine()
    assert isinstance(Engines(profile="gpu", ranking="heuristic").ranking_engine(), HeuristicRanker)
    engines = Engines()
    assert engines.ranking_engine() is engines.ranking_engine()


def test_an_architecture_that_would_ask_a_hub_is_refused(models: Models, candidates: list[Candidate]) -> None:
    for name in ("ViT-B-16-SigLIP", "no-such-net"):
        weights = models.entry("tiny-clip").model_copy(update={"architecture": name})
        with pytest.raises(ValueError, match=rf"architecture '{name}' found, one of open_clip's"):
            PromptRanker(weights, models, CPU).cosines([candidates[0].rgb], ["a mug"])


def test_what_changes_the_ranking_changes_its_revision(models: Models) -> None:
    weights = models.entry("tiny-clip")
    other = weights.model_copy(update={"architecture": "tiny-clip-quickgelu"})
    assert PromptRanker(weights, models, CPU).revision != PromptRanker(other, models, CPU).revision
    assert replace(models, registry={}).identity(weights) == models.identity(weights)
