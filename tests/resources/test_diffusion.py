"""Scenes by diffusion: every family from disk through the real pipelines, with tiny nets that paint noise."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resources.gpu import GpuOptions
from resources.imaging.harmonise import UNTOUCHED, as_harmonised
from resources.scenes.around import start_of
from resources.scenes.diffusion import engine as engine_module
from resources.scenes.diffusion import pipelines
from resources.scenes.diffusion.engine import DiffusionEngine
from resources.scenes.diffusion.families import FAMILIES, Family
from resources.scenes.diffusion.pipelines import Painting, Pipeline
from resources.scenes.engine import Care, EngineError, SceneJob
from resources.scenes.prompts import scene_prompt
from resources.scenes.templates import load_templates
from resources.torch_runtime import likely_device
from resources.weights import Models, Weights, WeightsError, load_registry
from tests.nets import ALLOWED, FORBIDDEN, models_of
from tests.pictures import product_cutout

# What other pictures in a batch may change of a painted picture, in levels of uint8: rounding of other matrix sizes,
# on a processor in full precision. One was the most that was seen.
TOLERANCE = 2
FEW = 4
CPU = GpuOptions("cpu")
TEMPLATES = ("oak-window", "marble-counter")


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Families that paint in few steps and read only the beginning of a prompt: this is about time, not pictures."""
    for name in list(FAMILIES):
        monkeypatch.setitem(FAMILIES, name, quick(name))


def quick(name: str) -> Family:
    family = FAMILIES[name]
    return replace(family, steps=FEW, max_sequence_length=family.max_sequence_length and 128)


def engine_of(models: Models, name: str = "flux2-klein", gpu: GpuOptions = CPU) -> DiffusionEngine:
    return DiffusionEngine(models.ready(name), models, gpu)


def job(seed: int = 1, size: tuple[int, int] = (160, 160), template: str = "oak-window", **fields: Any) -> SceneJob:
    cutout = product_cutout((120, 120), seed=3)
    return SceneJob(cutout, load_templates()[template], seed, size, **{"product": "a small bottle", **fields})


def painting(seed: int, **fields: Any) -> Painting:
    rng = np.random.default_rng(seed)
    mask = np.full((64, 64), 255, np.uint8)
    mask[8 + seed : 40 + seed, 16:48] = 0
    picture = rng.integers(0, 255, (64, 64, 3), np.uint8)
    given = {"picture": picture, "mask": mask, "prompt": f"a red chair {'x ' * seed}", "negative": "text", "seed": seed}
    return Painting(**{**given, **fields})


def apart(first: np.ndarray, second: np.ndarray) -> int:
    return int(np.abs(first.astype(int) - second).max())


@pytest.fixture(scope="session")
def loaded(scene_models: Models) -> Callable[[str], Pipeline]:
    """The pipeline of a family with few steps, loaded once for all who only paint with it."""
    kept: dict[str, Pipeline] = {}

    def of(name: str) -> Pipeline:
        if name not in kept:
            folder = scene_models.folder(scene_models.entry(name))
            kept[name] = Pipeline(folder, quick(name), CPU)
        return kept[name]

    return of


# ---- every family


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_paints_the_world_and_leaves_the_product(scene_models: Models, name: str) -> None:
    engine = engine_of(scene_models, name)
    asked = [job(seed, template=template) for seed, template in enumerate(TEMPLATES)]
    made = engine.compose(asked)
    again = engine.compose([asked[1]])[0]
    family = FAMILIES[name]
    for one, candidate in zip(asked, made, strict=True):
        start = start_of(one, 64, family.multiple)
        assert candidate.rgb.shape == (160, 160, 3)
        assert np.array_equal(candidate.alpha, start.layer[..., 3])
        solid = candidate.alpha == 255
        assert np.count_nonzero(solid) > 500
        assert np.array_equal(candidate.rgb[solid], start.layer[solid][:, :3])
        away = candidate.alpha == 0
        assert np.abs(candidate.rgb.astype(int) - start_picture(one))[away].mean() > 5  # it did paint
        assert candidate.harmony == UNTOUCHED
        facts = candidate.facts
        assert facts["prompt"] == scene_prompt(one.template, one.product, start.towards).positive
        assert bool(facts["negative_prompt"]) == family.negative
        told = (facts["seed"], facts["steps"], facts["guidance"], facts["strength"], facts["precision"])
        assert told == (one.seed, FEW, family.guidance, family.strength, "float32")
        assert (tuple(facts["size"]), facts["model"]) == (start.size, name)
        assert facts["revision"] == scene_models.identity(scene_models.entry(name))
        json.dumps(facts)
    assert np.array_equal(again.alpha, made[1].alpha)
    assert np.abs(again.rgb.astype(int) - made[1].rgb).mean() < 0.5  # alone or with others
    assert apart(made[0].rgb, made[1].rgb) > 50
    assert (engine.kind, engine.price, engine.waiting, engine.device) == ("generated_scene", 0, 0, "cpu")
    assert engine.backdrop(asked[0]) is None


def start_picture(one: SceneJob) -> np.ndarray:
    """The studio's picture of the job, at its size."""
    return start_of(one, one.size[0], 16).picture


@pytest.mark.parametrize("name", FAMILIES)
def test_the_same_is_the_same_and_other_pictures_in_a_batch_hardly_matter(
    loaded: Callable[[str], Pipeline], name: str
) -> None:
    pipeline = loaded(name)
    strength = pipeline.family.strength
    batch = [painting(seed) for seed in (1, 2, 3)]
    together = pipeline.paint(batch, strength)
    assert all(map(np.array_equal, together, pipeline.paint(batch, strength)))
    alone = [pipeline.paint([one], strength)[0] for one in batch]
    turned = pipeline.paint(batch[::-1], strength)[::-1]
    for other in (alone, turned):
        assert max(map(apart, together, other)) <= TOLERANCE
    assert apart(together[0], together[1]) > 20 * TOLERANCE


@pytest.mark.parametrize("name", FAMILIES)
def test_everything_a_family_is_told_changes_the_picture(loaded: Callable[[str], Pipeline], name: str) -> None:
    pipeline = loaded(name)
    strength = pipeline.family.strength
    one, other = painting(1), painting(2)
    base = pipeline.paint([one], strength)[0]
    changes: dict[str, Any] = {
        "prompt": "the open sea at night",
        "picture": other.picture,
        "mask": one.mask[::-1].copy(),
        "seed": 9,
    }
    for field, value in changes.items():
        changed = pipeline.paint([replace(one, **{field: value})], strength)[0]
        assert not np.array_equal(changed, base), field
    negative = pipeline.paint([replace(one, negative="nothing of the kind")], strength)[0]
    assert np.array_equal(negative, base) is not pipeline.family.negative


# Calls of the net in one picture: steps x strength, as each pipeline rounds it, at two passes' strengths.
CALLS = {
    "flux2-klein": (4, 2),
    "z-image": (7, 3),
    "qwen-image-edit": (100, 30),
    "sdxl": (27, 9),
    "flux1-fill": (48, 15),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_how_often_the_net_is_asked_follows_from_steps_and_strength(
    loaded: Callable[[str], Pipeline], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, family = loaded(name), FAMILIES[name]
    monkeypatch.setattr(pipeline, "family", replace(quick(name), steps=family.steps))
    calls: list[str] = []
    hook = denoiser_of(pipeline).register_forward_pre_hook(lambda *_: calls.append(name))
    counts = []
    for strength in (family.strength, family.relight_strength):
        pipeline.paint([painting(1)], strength)
        counts.append(len(calls))
        calls.clear()
    hook.remove()
    assert tuple(counts) == CALLS[name]


def denoiser_of(pipeline: Pipeline) -> Any:
    return getattr(pipeline._pipeline, pipeline.family.denoiser)


# ---- light


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("name", FAMILIES)
def test_a_second_pass_carries_its_light_onto_the_true_pixels(
    scene_models: Models, loaded: Callable[[str], Pipeline], name: str
) -> None:
    engine = engine_of(scene_models, name, GpuOptions("cpu", relight=True))
    engine._pipeline = loaded(name)
    passes = recorded(engine)
    touched, untouched = engine.compose([job(1), job(2, care=Care(harmonise=False))])
    assert [(len(batch), strength) for batch, strength in passes] == [
        (2, FAMILIES[name].strength),
        (1, FAMILIES[name].relight_strength),
    ]
    [whole] = passes[1][0]
    assert whole.mask.min() == 255
    assert (whole.seed, whole.prompt) != (1, "")
    layer = start_of(job(1), 64, FAMILIES[name].multiple).layer
    solid = touched.alpha == 255
    assert touched.harmony.grid
    assert np.array_equal(touched.rgb[solid], as_harmonised(layer, touched.harmony)[solid])
    assert untouched.harmony == UNTOUCHED
    assert touched.facts["relight"] == FAMILIES[name].relight_strength


def recorded(engine: DiffusionEngine, before: Callable[[Sequence[Painting]], None] = lambda batch: None) -> list[Any]:
    """What the engine's pipeline is given, (paintings, strength) a batch. before: called with each first."""
    pipeline, given = engine._ready(), []

    class Recorded:
        def __getattr__(self, name: str) -> Any:
            return getattr(pipeline, name)

        def paint(self, batch: Sequence[Painting], strength: float) -> Any:
            before(batch)
            given.append((list(batch), strength))
            return pipeline.paint(batch, strength)

    engine._pipeline = Recorded()  # type: ignore[assignment]
    return given


# ---- batches and memory


def starved(pipeline: Pipeline, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The net itself runs out of memory for more than `most` pictures."""
    import torch

    denoiser = denoiser_of(pipeline)
    forward = denoiser.forward

    def small_memory(*given: Any, **named: Any) -> Any:
        pictures = given[0] if given else named["hidden_states"]
        copies = 2 if pipeline.family.denoiser == "unet" else 1  # with and without the prompt
        if len(pictures) > most * copies:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(*given, **named)

    monkeypatch.setattr(denoiser, "forward", small_memory)


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_that_runs_out_of_memory_is_halved_for_good(
    scene_models: Models, loaded: Callable[[str], Pipeline], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(scene_models, name)
    engine._pipeline = loaded(name)
    given = recorded(engine)
    paintings, strength = [painting(1), painting(2)], engine._family.strength
    wanted = engine._ask(paintings, strength)
    starved(loaded(name), 1, monkeypatch)
    given.clear()
    found = engine._ask(paintings, strength)
    assert [len(batch) for batch, _ in given] == [2, 1, 1]
    assert max(apart(one.picture, other.picture) for one, other in zip(found, wanted, strict=True)) <= TOLERANCE
    given.clear()
    engine._ask(paintings, strength)
    assert [len(batch) for batch, _ in given] == [1, 1]


@pytest.mark.usefixtures("few_steps")
def test_a_picture_that_does_not_fit_is_one_line_and_costs_other_sizes_nothing(
    scene_models: Models, loaded: Callable[[str], Pipeline]
) -> None:
    engine = engine_of(scene_models)
    engine._pipeline = loaded("flux2-klein")

    def no_wide_ones(batch: Sequence[Painting]) -> None:
        import torch

        if batch[0].size[0] > batch[0].size[1]:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    recorded(engine, no_wide_ones)
    with pytest.raises(EngineError, match=r"flux2-klein: a picture of 80 x 48 px does not fit into the memory") as told:
        engine.compose([job(1), job(2, size=(240, 144))])
    assert (told.value.code, told.value.usd, told.value.healthy) == ("out_of_memory", 0, False)
    assert "\n" not in told.value.message
    barrier = threading.Barrier(2)

    def ask(one: SceneJob) -> Any:
        barrier.wait()
        return engine.compose([one])[0]

    with ThreadPoolExecutor(2) as pool:
        square, wide = pool.submit(ask, job(1)), pool.submit(ask, job(2, size=(240, 144)))
        assert square.result().rgb.shape == (160, 160, 3)
        assert isinstance(wide.exception(), EngineError)
    assert engine.waiting == 0


@pytest.mark.usefixtures("few_steps")
def test_pictures_of_several_sizes_come_back_in_order(scene_models: Models, loaded: Callable[[str], Pipeline]) -> None:
    engine = engine_of(scene_models)
    engine._pipeline = loaded("flux2-klein")
    given = recorded(engine)
    sizes = [(160, 160), (240, 144), (160, 160), (120, 150)]
    made = engine.compose([job(seed, size=size) for seed, size in enumerate(sizes)])
    assert [candidate.rgb.shape[1::-1] for candidate in made] == sizes
    assert [candidate.facts["seed"] for candidate in made] == [0, 1, 2, 3]
    assert sorted(len(batch) for batch, _ in given) == [1, 1, 2]


@pytest.mark.usefixtures("few_steps")
def test_threads_share_batches_within_the_memory_there_is(
    scene_models: Models, loaded: Callable[[str], Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(scene_models)
    engine._pipeline = loaded("flux2-klein")
    first_is_in, others_wait = threading.Event(), threading.Event()

    def hold(batch: Sequence[Painting]) -> None:
        first_is_in.set()
        assert others_wait.wait(30)

    given = recorded(engine, hold)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(engine.compose, [job(0)])
        assert first_is_in.wait(30)
        rest = [pool.submit(engine.compose, [job(seed)]) for seed in range(1, 6)]
        while len(engine._together._waiting) < 5:
            threading.Event().wait(0.005)
        assert engine.waiting == 6
        others_wait.set()
        made = [future.result()[0] for future in [first, *rest]]
    assert [len(batch) for batch, _ in given] == [1, 5]
    assert [candidate.facts["seed"] for candidate in made] == list(range(6))
    assert engine.waiting == 0
    given.clear()
    monkeypatch.setattr(engine_module, "PROCESSOR_BUDGET", 1)
    engine.compose([job(1), job(2)])
    assert [len(batch) for batch, _ in given] == [1, 1]


# ---- options


@pytest.mark.parametrize("name", FAMILIES)
def test_parts_that_are_brought_in_one_by_one_give_the_same_picture(
    scene_models: Models, loaded: Callable[[str], Pipeline], name: str
) -> None:
    """On a processor there is nowhere to bring them from, but the hooks are the real ones."""
    folder = scene_models.folder(scene_models.entry(name))
    offloaded = Pipeline(folder, quick(name), GpuOptions(offload="model"))
    batch = [painting(1), painting(2)]
    for found, wanted in zip(offloaded.paint(batch, 1.0), loaded(name).paint(batch, 1.0), strict=True):
        assert np.array_equal(found, wanted)
    assert offloaded.resident_bytes > 10_000


def test_layers_that_are_brought_in_one_by_one_lie_nowhere_meanwhile(scene_models: Models) -> None:
    folder = scene_models.folder(scene_models.entry("flux2-klein"))
    pipeline = Pipeline(folder, FAMILIES["flux2-klein"], GpuOptions(offload="sequential"))
    assert {str(weight.device) for weight in denoiser_of(pipeline).parameters()} == {"meta"}
    assert pipeline.resident_bytes == 0


def test_the_blocks_of_the_large_net_are_compiled_when_asked(
    scene_models: Models, loaded: Callable[[str], Pipeline]
) -> None:
    folder = scene_models.folder(scene_models.entry("sdxl"))
    compiled = Pipeline(folder, FAMILIES["sdxl"], GpuOptions("cpu", compile=True))
    assert compiled_blocks(loaded("sdxl")) == 0
    assert compiled_blocks(compiled) > 0
    assert all(denoiser_of(loaded(name))._repeated_blocks for name in FAMILIES)  # what is compiled


def compiled_blocks(pipeline: Pipeline) -> int:
    return sum(module._compiled_call_impl is not None for module in denoiser_of(pipeline).modules())


@pytest.mark.parametrize("name", FAMILIES)
def test_half_precision_is_what_the_pipeline_then_runs_in(scene_models: Models, name: str) -> None:
    folder, family = scene_models.folder(scene_models.entry(name)), quick(name)
    pipeline = Pipeline(folder, family, GpuOptions("cpu", precision="bf16"))
    assert pipeline.precision == "bfloat16"
    assert {str(weight.dtype) for weight in denoiser_of(pipeline).parameters()} == {"torch.bfloat16"}
    [picture] = pipeline.paint([painting(1)], family.strength)
    assert picture.shape == (64, 64, 3)
    assert picture.std() > 2


@pytest.mark.parametrize("name", FAMILIES)
def test_large_pictures_go_through_the_vae_in_tiles(
    loaded: Callable[[str], Pipeline], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = loaded(name)
    pipeline.paint([painting(1)], 1.0)
    assert not pipeline._pipeline.vae.use_tiling
    monkeypatch.setattr(pipelines, "MOST_UNTILED", 1000)
    [picture] = pipeline.paint([painting(1)], 1.0)
    assert pipeline._pipeline.vae.use_tiling
    assert picture.shape == (64, 64, 3)


@pytest.mark.usefixtures("few_steps")
def test_options_are_in_the_facts_and_the_notes(scene_models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "MOST_UNTILED", 1000)
    engine = engine_of(scene_models, gpu=GpuOptions("cpu", precision="bf16"))
    [made] = engine.compose([job()])
    assert made.facts["precision"] == "bfloat16"
    assert {"vae_in_tiles", "diffusion_on_cpu"} <= set(made.notes)
    assert engine.revision != engine_of(scene_models).revision


def test_options_that_need_a_gpu_are_refused_without_one(scene_models: Models) -> None:
    if likely_device("auto") == "cuda":
        pytest.skip("there is a GPU here")
    for options, words in (
        (GpuOptions(offload="model"), "offload 'model' needs a GPU"),
        (GpuOptions(precision="fp16"), "precision 'fp16' needs a GPU"),
    ):
        with pytest.raises(ValueError, match=rf"flux2-klein: {words}"):
            engine_of(scene_models, gpu=options)


@pytest.mark.usefixtures("few_steps")
def test_a_prompt_that_is_not_read_to_its_end_is_noted(scene_models: Models, loaded: Callable[[str], Pipeline]) -> None:
    for name, noted in (("sdxl", True), ("qwen-image-edit", False)):
        engine = engine_of(scene_models, name)
        engine._pipeline = loaded(name)
        notes = engine.compose([job()])[0].notes
        assert ("prompt_cut_at_77_tokens" in notes) is noted
        assert "diffusion_on_cpu" in notes


@pytest.mark.usefixtures("few_steps")
def test_what_is_closed_is_gone_and_is_loaded_again_when_it_is_asked(scene_models: Models) -> None:
    engine = engine_of(scene_models)
    wanted = engine.compose([job()])[0]
    net = weakref.ref(denoiser_of(engine._ready()))
    engine.close()
    engine.close()
    gc.collect()
    assert net() is None
    assert np.array_equal(engine.compose([job()])[0].rgb, wanted.rgb)


# ---- what may be loaded


def copied(models: Models, to: Path, name: str = "flux2-klein", **fields: Any) -> tuple[Models, Path]:
    """A copy of a pipeline under another folder, with the same pins."""
    weights = models.entry(name)
    for file in weights.files:
        (to / file.name).parent.mkdir(parents=True, exist_ok=True)
        (to / file.name).write_bytes((models.folder(weights) / file.name).read_bytes())
    return models_of(weights.model_copy(update={"path": str(to), **fields})), to


def flipped(path: Path) -> None:
    """The last byte is another one."""
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("file", ["transformer/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json"])
def test_damaged_weights_are_not_loaded(scene_models: Models, tmp_path: Path, file: str) -> None:
    models, folder = copied(scene_models, tmp_path)
    flipped(folder / file)
    engine = engine_of(models)
    with pytest.raises(EngineError, match=rf"{file}: digest [0-9a-f]{{12}} found.*delete it and run") as told:
        engine.compose([job()])
    assert told.value.code == "cannot_load"
    assert "\n" not in told.value.message


def test_a_file_that_is_not_pinned_is_not_loaded_instead(scene_models: Models, tmp_path: Path) -> None:
    models, folder = copied(scene_models, tmp_path)
    (folder / "transformer" / "diffusion_pytorch_model.safetensors.index.json").write_text("{}")
    with pytest.raises(EngineError, match=r"index\.json: does not belong to weights flux2-klein; delete it"):
        engine_of(models).compose([job()])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"transformer": ["my_code", "Net"]}, "asks for code that is not run: 'transformer' of 'my_code'"),
        ({"../x": ["diffusers", "Net"]}, "asks for code that is not run"),
        ({"_class_name": "Flux2KleinPipeline"}, "names no parts"),
        ([], "is no description of a pipeline"),
    ],
)
def test_a_pipeline_that_asks_for_other_code_is_not_loaded(
    scene_models: Models, tmp_path: Path, content: Any, words: str
) -> None:
    _, folder = copied(scene_models, tmp_path)
    (folder / "model_index.json").write_text(json.dumps(content))
    with pytest.raises(WeightsError, match=words) as told:
        Pipeline(folder, FAMILIES["flux2-klein"], CPU)
    assert "\n" not in str(told.value)


def test_a_diffusers_without_the_pipeline_says_so(scene_models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "sdxl", replace(FAMILIES["sdxl"], pipeline="InpaintOfTomorrowPipeline"))
    with pytest.raises(EngineError, match=r"sdxl: diffusers \S+ has no InpaintOfTomorrowPipeline; run: pip install"):
        engine_of(scene_models, "sdxl").compose([job()])


def test_missing_files_and_missing_pins_say_what_to_do(scene_models: Models, tmp_path: Path) -> None:
    models, folder = copied(scene_models, tmp_path)
    (folder / "vae" / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"weights flux2-klein: \d+ of \d+ files are in .*; put them there"):
        engine_of(models)
    loose = tuple(file.model_copy(update={"sha256": ""}) for file in scene_models.entry("flux2-klein").files[:1])
    models, _ = copied(scene_models, tmp_path, files=loose)
    with pytest.raises(WeightsError, match=r"flux2-klein are not pinned: set flux2-klein\.files\[model_index\.json\]"):
        engine_of(models)


def test_a_non_commercial_licence_is_asked_for(scene_models: Models, tmp_path: Path) -> None:
    licences = scene_models.entry("flux1-fill").licences.model_copy(
        update={"weights": Weights.model_validate(bound()).licences.weights}
    )
    models, _ = copied(scene_models, tmp_path, "flux1-fill", licences=licences)
    with pytest.raises(WeightsError, match=r"not for commercial use \(weights: .*CATALOG_ACCEPT_LICENCES=flux1-fill"):
        engine_of(models, "flux1-fill")
    assert engine_of(replace(models, accepted=frozenset({"flux1-fill"})), "flux1-fill").name == "flux1-fill"


def bound() -> dict[str, Any]:
    return {
        "name": "net",
        "job": "scene",
        "runtime": "diffusers",
        "architecture": "flux1-fill",
        "title": "a net",
        "licences": {"code": ALLOWED, "weights": FORBIDDEN, "training_data": ALLOWED},
        "files": [{"name": "vae/x.safetensors"}],
        "input": {"side": 64, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    }


def test_the_shipped_scene_engines_are_of_every_family_and_within_its_size() -> None:
    scenes = [weights for weights in load_registry().values() if weights.job == "scene"]
    assert {weights.architecture for weights in scenes} == set(FAMILIES)
    for weights in scenes:
        family = FAMILIES[weights.architecture]
        assert weights.snapshot
        assert weights.revision
        assert not weights.trust_remote_code
        assert weights.input.side is not None
        assert family.most_side is None or weights.input.side <= family.most_side


def test_a_family_that_is_not_known_or_cannot_is_refused(scene_models: Models) -> None:
    entry = scene_models.entry("qwen-image-edit")
    with pytest.raises(ValueError, match="architecture 'dall-e' found, one of flux1-fill, flux2-klein, "):
        DiffusionEngine(entry.model_copy(update={"architecture": "dall-e"}), scene_models, CPU)
    large = entry.model_copy(update={"input": entry.input.model_copy(update={"side": 2048})})
    with pytest.raises(ValueError, match=r"input\.side 2048 found, 1024 at most expected"):
        DiffusionEngine(large, scene_models, CPU)


# ---- what a record says


def test_the_recipe_tells_what_changes_a_picture_and_is_not_in_the_job(scene_models: Models) -> None:
    engine = engine_of(scene_models, "sdxl")
    oak, marble = (load_templates()[name] for name in ("oak-window", "marble-counter"))
    recipe = engine.recipe(oak, "a red bottle")
    assert json.loads(json.dumps(recipe)) == recipe
    assert recipe == engine.recipe(oak, "a red bottle")
    assert recipe["prompt"] == scene_prompt(oak, "a red bottle").positive
    assert recipe["negative_prompt"]
    assert (recipe["steps"], recipe["guidance"], recipe["side"], recipe["relight"]) == (30, 8.0, 64, 0.0)
    relit = engine_of(scene_models, "sdxl", GpuOptions("cpu", relight=True))
    klein = engine_of(scene_models, "flux2-klein")
    assert klein.recipe(oak, "")["negative_prompt"] == ""
    others = [engine.recipe(marble, "a red bottle"), engine.recipe(oak, "a cup"), relit.recipe(oak, "a red bottle")]
    assert all(other != recipe for other in others)


def test_naming_a_scene_engine_imports_no_torch(scene_models: Models) -> None:
    weights = scene_models.entry("flux2-klein")
    script = f"""
import sys
from pathlib import Path
from resources.gpu import GpuOptions
from resources.scenes.diffusion.engine import DiffusionEngine
from resources.scenes.templates import load_templates
from resources.weights import Models, Weights
entry = Weights.model_validate_json({weights.model_dump_json()!r})
engine = DiffusionEngine(entry, Models(Path("unused"), {{entry.name: entry}}), GpuOptions("cpu"))
assert engine.revision and engine.device and engine.recipe(load_templates()["oak-window"], "")
print([name for name in ("torch", "diffusers", "transformers", "accelerate") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "[]", done.stderr
