"""Remote-code nets: the loader, what goes in and comes out, batches, memory that runs out, and what must not run."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from resources.gpu import GpuOptions
from resources.matting.batches import Batches, Together
from resources.matting.birefnet import BiRefNetDetector
from resources.matting.engines import engine_names, matting_engine, refiner_names
from resources.matting.neural import NeuralEngine, entropy, measured
from resources.matting.refine import EdgeRefiner
from resources.torch_runtime import likely_device
from resources.weights import Models, Weights, WeightsError, load_registry
from tests.nets import IMAGENET
from tests.pictures import product_photo

CLOSE = 1e-3


def bright_bottle(size: tuple[int, int] = (300, 240), seed: int = 0) -> np.ndarray:
    """A photo whose product is brighter than the wall: what the tiny net takes for product."""
    photo = 255 - product_photo(size=size, seed=seed)
    return np.ascontiguousarray(photo)


def reference(models: Models, photo: np.ndarray) -> np.ndarray:
    """Plainly as the model card has it: transformers, torch, one picture."""
    import torch
    from transformers import AutoModelForImageSegmentation

    net = AutoModelForImageSegmentation.from_pretrained(models.folder(models.entry("tiny-net")), trust_remote_code=True)
    small = Image.fromarray(photo).resize((64, 64), Image.Resampling.BILINEAR, reducing_gap=3.0)
    pixels = torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1).float() / 255
    mean, deviation = (torch.tensor(IMAGENET[key])[:, None, None] for key in ("mean", "std"))
    with torch.no_grad():
        coarse, [fine] = net.float().eval()(((pixels - mean) / deviation)[None])
    assert coarse.shape[-1] == 32  # the last answer is the fine one
    return fine.sigmoid()[0, 0].numpy()


@pytest.fixture
def detector(tiny_models: Models) -> BiRefNetDetector:
    return BiRefNetDetector(tiny_models.entry("tiny-net"), tiny_models)


def test_the_net_answers_as_the_plain_implementation_does(tiny_models: Models, detector: BiRefNetDetector) -> None:
    photo = bright_bottle()
    [found] = detector.saliency([photo])
    wanted = reference(tiny_models, photo)
    assert np.ptp(wanted) > 0.5  # the net does see something
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() < CLOSE


def test_a_batch_gives_what_single_pictures_give(tiny_models: Models, detector: BiRefNetDetector) -> None:
    photos = [bright_bottle((300, 240), 1), bright_bottle((90, 400), 2), bright_bottle((65, 65), 3)]
    together = BiRefNetDetector(tiny_models.entry("tiny-net"), tiny_models, processor_budget=10**12).saliency(photos)
    for photo, found in zip(photos, together, strict=True):
        [alone] = detector.saliency([photo])
        assert np.abs(found - alone).max() < CLOSE


def test_the_engine_s_matte_is_the_net_s_answer_enlarged(tiny_models: Models) -> None:
    photo = bright_bottle()
    [matte] = matting_engine("tiny-net+own", tiny_models).segment([photo])
    size = (photo.shape[1], photo.shape[0])
    wanted = np.asarray(Image.fromarray(reference(tiny_models, photo)).resize(size, Image.Resampling.BILINEAR))
    assert matte.alpha.shape == photo.shape[:2]
    assert np.abs(matte.alpha / 255 - wanted).max() < CLOSE + 0.5 / 255  # half a level of rounding
    assert "edge_by_net" in matte.notes


def test_on_a_processor_it_runs_in_full_precision_and_says_so(detector: BiRefNetDetector) -> None:
    if likely_device("auto") == "cuda":
        pytest.skip("this machine has a GPU")
    detector.saliency([bright_bottle()])
    assert (detector.device, detector.notes) == ("cpu", ("float32_on_cpu",))
    assert next(detector._net.parameters()).dtype.itemsize == 4


def test_the_matte_carries_what_the_gate_needs_and_the_record_of_the_run(tiny_models: Models) -> None:
    engine = matting_engine("tiny-net", tiny_models)
    [matte] = engine.segment([bright_bottle()])
    [run] = matte.runs
    [hypothesis] = matte.hypotheses
    assert {"area", "parts", "agreement", "softness", "shared_colours", "entropy"} <= set(matte.measures)
    assert (run.engine, run.revision, run.device) == (engine.name, engine.revision, "cpu")
    assert run.score == hypothesis.score
    assert hypothesis.name == "tiny_net"
    assert hypothesis.mask.any()
    assert "edge_by_edge" in matte.notes


def test_a_photo_in_which_the_net_sees_nothing_gets_an_empty_matte(tiny_models: Models) -> None:
    [matte] = matting_engine("tiny-net", tiny_models).segment([np.zeros((50, 70, 3), np.uint8)])
    assert not matte.alpha.any()
    assert matte.measures["area"] == 0
    assert matte.runs[0].decided_by == "no_subject_found"
    assert matte.hypotheses == ()


class OutOfMemoryError(RuntimeError):
    """Named as torch names it."""


def test_out_of_memory_halves_the_batch_finishes_and_remembers() -> None:
    sizes: list[int] = []
    cleared: list[bool] = []

    def work(pictures: Sequence[int]) -> list[int]:
        sizes.append(len(pictures))
        if len(pictures) > 2:
            raise OutOfMemoryError
        return [10 * picture for picture in pictures]

    batches = Batches(bytes_a_picture=1, most=8)
    results = batches.run(list(range(9)), work, lambda: 10**9, lambda: cleared.append(True))
    assert list(results) == [10 * picture for picture in range(9)]
    assert sizes == [8, 4, 2, 2, 2, 2, 1]
    assert len(cleared) == 2
    assert list(batches.run([1, 2, 3], work, lambda: 10**9)) == [10, 20, 30]
    assert sizes[7:] == [2, 1]  # it starts where it ended


def test_the_net_itself_out_of_memory_above_two_pictures_finishes(
    tiny_models: Models, detector: BiRefNetDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    photos = [bright_bottle(seed=seed) for seed in range(5)]
    wanted = [detector.saliency([photo])[0] for photo in photos]
    hungry = BiRefNetDetector(tiny_models.entry("tiny-net"), tiny_models, processor_budget=10**12)
    hungry.saliency([photos[0]])
    forward = hungry._net.forward

    def small_memory(pictures: Any) -> Any:
        if len(pictures) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(pictures)

    monkeypatch.setattr(hungry._net, "forward", small_memory)
    for found, alone in zip(hungry.saliency(photos), wanted, strict=True):
        assert np.abs(found - alone).max() < CLOSE


def test_one_picture_that_does_not_fit_and_other_errors_are_raised() -> None:
    def too_large(pictures: Sequence[int]) -> list[int]:
        raise OutOfMemoryError

    def broken(pictures: Sequence[int]) -> list[int]:
        raise KeyError("x")

    with pytest.raises(OutOfMemoryError):
        list(Batches(1).run([1, 2], too_large, lambda: 10))
    with pytest.raises(KeyError):
        list(Batches(1).run([1, 2], broken, lambda: 10))


def test_batches_are_bounded_by_measured_bytes() -> None:
    batches = Batches(bytes_a_picture=3_000, most=16)
    assert batches.size(10_000) == 3  # a tenth is spared
    assert batches.size(10) == 1
    batches.measured(4_000, pictures=4)
    assert batches.size(10_000) == 9
    assert batches.size(10**9) == 16


def test_threads_that_wait_share_a_batch() -> None:
    """The first works alone; those who come meanwhile are done together, by one of them."""
    batches: list[list[int]] = []
    all_wait, first_is_in = threading.Event(), threading.Event()

    def work(items: Sequence[int]) -> Iterator[int]:
        batches.append(sorted(items))
        first_is_in.set()
        assert all_wait.wait(20)
        yield from (10 * item for item in items)

    together: Together[int, int] = Together(work)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(together.ask, [0])
        assert first_is_in.wait(20)
        others = [pool.submit(together.ask, [item, item + 10]) for item in (1, 2, 3)]
        while len(together._waiting) < 6:
            time.sleep(0.001)
        all_wait.set()
        assert first.result() == [0]
        assert [other.result() for other in others] == [[10, 110], [20, 120], [30, 130]]
    assert batches == [[0], [1, 2, 3, 11, 12, 13]]


def test_a_batch_that_fails_fails_for_its_own_items_only() -> None:
    def work(items: Sequence[int]) -> Iterator[int]:
        for item in items:
            if item < 0:
                raise ValueError("below zero")
            yield item

    together: Together[int, int] = Together(work)
    with pytest.raises(ValueError, match="below zero"):
        together.ask([1, -1])
    assert together.ask([2]) == [2]


def tampered(weights: Weights, models: Models, tmp_path: Path) -> Models:
    """The same pins over a copy whose code was changed after it was pinned."""
    folder = tmp_path / weights.name
    folder.mkdir()
    for file in weights.files:
        (folder / file.name).write_bytes((models.folder(weights) / file.name).read_bytes())
    [code] = folder.glob("*.py")
    text = code.read_bytes()
    code.write_bytes(b"#" + text[1:])  # of the same size
    changed = weights.model_copy(update={"path": str(folder)})
    return replace(models, registry={changed.name: changed})


def test_changed_code_is_not_run(tiny_models: Models, tmp_path: Path) -> None:
    models = tampered(tiny_models.entry("tiny-net"), tiny_models, tmp_path)
    engine = matting_engine("tiny-net", models)
    with pytest.raises(WeightsError, match=r"modeling_tiny_saliency\.py: digest [0-9a-f]{12} found"):
        engine.segment([bright_bottle()])


def test_code_that_is_not_pinned_is_not_run(tiny_models: Models) -> None:
    weights = tiny_models.entry("tiny-net")
    files = tuple(file.model_copy(update={"sha256": ""}) for file in weights.files)
    loose = replace(tiny_models, registry={"tiny-net": weights.model_copy(update={"files": files})})
    with pytest.raises(WeightsError, match=r"not pinned: set tiny-net\.files\[config\.json\]\.sha256"):
        matting_engine("tiny-net", loose)


def test_missing_packages_and_a_missing_gpu_are_one_clear_line(tiny_models: Models) -> None:
    weights = tiny_models.entry("tiny-net").model_copy(update={"needs": ("surely_not_installed",)})
    models = replace(tiny_models, registry={"tiny-net": weights})
    with pytest.raises(ValueError, match=r"tiny-net needs surely_not_installed.*pip install \.\[gpu\]"):
        matting_engine("tiny-net", models)
    with pytest.raises(ValueError, match="device 'tpu' found, one of auto, cuda, cpu expected"):
        matting_engine("tiny-net", tiny_models, GpuOptions("tpu"))  # type: ignore[arg-type]
    if likely_device("auto") == "cpu":
        with pytest.raises(ValueError, match=r"a GPU is asked for, but .*CATALOG_DEVICE=cpu"):
            matting_engine("tiny-net", tiny_models, GpuOptions("cuda"))


def test_unknown_engines_and_refiners_are_answered_with_the_known_ones(tiny_models: Models) -> None:
    assert engine_names(tiny_models.registry) == ["embedded", "classical", "tiny-net", "tiny-onnx"]
    assert refiner_names(tiny_models.registry) == ["edge", "own", "tiny-matte"]
    for name in ("scissors", "tiny-matte", "classical+own", ""):
        with pytest.raises(ValueError, match="known: embedded, classical, tiny-net, tiny-onnx"):
            matting_engine(name, tiny_models)
    with pytest.raises(ValueError, match="known: edge, own, tiny-matte"):
        matting_engine("tiny-net+scissors", tiny_models)


def test_the_revision_tells_weights_preparation_and_refiner_apart(tiny_models: Models) -> None:
    plain = matting_engine("tiny-net", tiny_models)
    assert plain.revision == matting_engine("tiny-net", tiny_models).revision
    weights = tiny_models.entry("tiny-net")
    other = weights.model_copy(update={"input": weights.input.model_copy(update={"side": 96})})
    changed = replace(tiny_models, registry={**tiny_models.registry, "tiny-net": other})
    revisions = {
        plain.revision,
        matting_engine("tiny-net", changed).revision,
        matting_engine("tiny-net+own", tiny_models).revision,
        matting_engine("tiny-net+tiny-matte", tiny_models).revision,
    }
    assert len(revisions) == 4


def test_a_dark_photo_is_not_brightened_for_the_net(tiny_models: Models, detector: BiRefNetDetector) -> None:
    photo = bright_bottle() // 4
    [found] = detector.saliency([photo])
    assert np.abs(found - reference(tiny_models, photo)).max() < CLOSE


def test_entropy_is_that_of_what_the_net_sees() -> None:
    assert entropy(np.zeros((4, 4), np.float32)) == 0
    assert entropy(np.full((4, 4), 0.5, np.float32)) == 1
    half = np.array([[0.0, 0.5], [1.0, 0.0]], np.float32)  # one undecided, one sure, two unseen
    assert entropy(half) == pytest.approx(0.5, abs=1e-4)


def test_an_unsure_net_has_little_agreement_with_itself() -> None:
    photo = bright_bottle((200, 200))
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    distance = np.hypot(x, y).astype(np.float32)
    sharp = np.clip((0.6 - distance) * 40 + 0.5, 0, 1).astype(np.float32)
    vague = np.clip((0.6 - distance) * 1.0 + 0.5, 0, 1).astype(np.float32)
    agreements = []
    for saliency in (sharp, vague):
        mask = saliency > 0.5
        alpha = EdgeRefiner().refine(photo, mask)
        agreements.append(measured(photo, saliency, mask, alpha)["agreement"])
    assert agreements[0] > 0.9
    assert agreements[1] < 0.5


def test_naming_engines_imports_neither_torch_nor_its_friends(tiny_models: Models) -> None:
    """An up-to-date run names its engine and asks for its revision, and must stay light."""
    weights = tiny_models.entry("tiny-net")
    script = f"""
import sys
from resources.weights import Models, Weights
import resources.matting.birefnet, resources.matting.vitmatte, resources.matting.onnx_saliency, resources.downloads
import catalog_assets.definitions, catalog_assets.models
from resources.matting.engines import matting_engine
entry = Weights.model_validate_json({weights.model_dump_json()!r})
from pathlib import Path
models = Models(Path("unused"), {{entry.name: entry}})
engine = matting_engine("classical,tiny-net", models)
assert engine.name == "classical,tiny-net" and engine.revision and engine.device
heavy = [name for name in ("torch", "transformers", "onnxruntime", "torchvision") if name in sys.modules]
print(heavy)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_shipped_engines_are_neural_engines_over_the_registry() -> None:
    assert {"birefnet", "birefnet-lite", "rmbg-2.0", "u2netp", "isnet"} <= set(engine_names(load_registry()))
    assert "vitmatte-small" in refiner_names(load_registry())


def test_engine_and_detector_agree_on_the_device(tiny_models: Models, detector: BiRefNetDetector) -> None:
    engine = NeuralEngine(detector, None, "tiny-net+own")
    engine.segment([bright_bottle()])
    assert engine.device == detector.device
