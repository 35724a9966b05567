"""Times the GPU profile on a GPU, without any weights: real sizes, random weights, one command.

    python -m benchmarks.gpu                      all models, BiRefNet, CLIP, and the line over the default model
    python -m benchmarks.gpu --models sdxl --parts models
    python -m benchmarks.gpu --tiny               the same code with tiny nets, anywhere: says nothing of any GPU

A net takes the same time and memory whatever it has learned (`random_scenes` says which sizes were confirmed). Pictures
go through the engine that the product uses; nothing is saved but, for a moment, BiRefNet and CLIP, whose engines load
files. With --disk FOLDER each model is also saved there, loaded as the product loads it, and deleted.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks import matting_gpu
from benchmarks.gpu_tables import LineRow, Painted, Row, Throughput, as_table
from benchmarks.line import photo
from benchmarks.random_scenes import UNCONFIRMED, parts_of, random_pipeline
from benchmarks.scenes import sprites
from resources.engines import PROFILES, Engines
from resources.gpu import OFFLOADS, GpuOptions
from resources.imaging.encode import preview, webp_lossless
from resources.matting.birefnet import BiRefNetDetector
from resources.quality.fidelity import judge
from resources.quality.prompt_ranking import PromptRanker, prompt_of
from resources.scenes.around import start_of
from resources.scenes.diffusion.engine import DiffusionEngine
from resources.scenes.diffusion.families import FAMILIES, Family
from resources.scenes.diffusion.pipelines import Painting, Pipeline
from resources.scenes.engine import Candidate, SceneJob, scene_seed
from resources.scenes.prompts import scene_prompt
from resources.scenes.templates import load_templates
from resources.torch_runtime import ensure_torchvision, version
from resources.transient import is_out_of_memory
from resources.weights import Models, Weights

U8 = NDArray[np.uint8]

GIGABYTE = 1e9
DEFAULT = "flux2-klein"
PARTS = ("models", "matting", "clip", "line")
_SETTLED = 1.1  # a model needs so much of its weights' bytes before a first picture
_FREE = {"name": "none", "commercial": "yes"}
_SEEN = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


@dataclass(frozen=True)
class Plan:
    """What to measure, and how large. side: of painted pictures, px. size: of finished ones, px."""

    models: tuple[str, ...]
    parts: tuple[str, ...]
    batches: tuple[int, ...]
    pictures: int
    threads: int
    side: int
    size: int
    tiny: bool
    gpu: GpuOptions
    disk: Path | None


# ---- what is measured with


class Clock:
    """When a net was at work: intervals of any threads."""

    def __init__(self) -> None:
        self._spans: list[tuple[float, float]] = []
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what happens in the block; what runs on a GPU must be over at its end."""
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._spans.append((started, time.perf_counter()))

    @property
    def total(self) -> float:
        """Seconds of all intervals together."""
        return sum(end - start for start, end in self._spans)

    @property
    def covered(self) -> float:
        """Seconds in which at least one of them was running."""
        seconds, reached = 0.0, -np.inf
        for start, end in sorted(self._spans):
            seconds += max(0.0, end - max(start, reached))
            reached = max(reached, end)
        return float(seconds)


class DenoiserTime:
    """Seconds that a net's forward passes take on its device, without waiting for each of them."""

    def __init__(self, net: Any, device: str) -> None:
        self._on_gpu = device == "cuda"
        self._marks: list[tuple[Any, Any]] = []
        self._begun: Any = None
        net.register_forward_pre_hook(self._before)
        net.register_forward_hook(self._after)

    def take(self) -> float:
        """The seconds since the last call."""
        marks, self._marks = self._marks, []
        if self._on_gpu:
            import torch

            torch.cuda.synchronize()
            return sum(begun.elapsed_time(ended) for begun, ended in marks) / 1000
        return float(sum(ended - begun for begun, ended in marks))

    def _now(self) -> Any:
        if not self._on_gpu:
            return time.perf_counter()
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _before(self, *given: Any) -> None:
        self._begun = self._now()

    def _after(self, *given: Any) -> None:
        self._marks.append((self._begun, self._now()))


class RandomPipeline(Pipeline):
    """The product's pipeline over nets made on the spot, which tells when it paints."""

    def __init__(self, name: str, family: Family, plan: Plan) -> None:
        self._made_as, self._tiny = name, plan.tiny
        self._built_on = "cpu" if plan.gpu.offload != "none" else plan.gpu.device()
        super().__init__(Path(), family, plan.gpu)
        self.clock = Clock()
        self.denoiser = DenoiserTime(getattr(self._pipeline, family.denoiser), self.device)

    def paint(self, batch: Sequence[Painting], strength: float) -> list[U8]:
        with self.clock.running():
            return super().paint(batch, strength)

    def close(self) -> None:
        if self._pipeline is not None:
            super().close()

    def save(self, folder: Path) -> None:
        self._pipeline.save_pretrained(folder)

    def _loaded(self, folder: Path, dtype: Any) -> Any:
        pipeline = random_pipeline(self._made_as, dtype, self._built_on, tiny=self._tiny)
        pipeline.set_progress_bar_config(disable=True)
        pipeline.vae.enable_slicing()
        return pipeline


class RandomEngine(DiffusionEngine):
    """The product's engine over a pipeline that was made on the spot."""

    def __init__(self, name: str, pipeline: RandomPipeline, plan: Plan) -> None:
        super().__init__(_entry(name, plan.side, Path("unused")), Models(Path("unused"), {}), plan.gpu)
        self._pipeline = pipeline


class TimedRanker(PromptRanker):
    """The product's ranker, which tells when its net works."""

    def __init__(self, weights: Weights, models: Models, gpu: GpuOptions) -> None:
        super().__init__(weights, models, gpu)
        self.clock = Clock()

    def _batch(self, asked: Any) -> list[float]:
        with self.clock.running():
            return super()._batch(asked)


def _entry(name: str, side: int, folder: Path) -> Weights:
    """An entry of the registry for a random model: saved in a folder, or nowhere."""
    files = [{"name": path.relative_to(folder).as_posix()} for path in sorted(folder.rglob("*")) if path.is_file()]
    return Weights.model_validate(
        {
            "name": f"random-{name}",
            "job": "scene",
            "runtime": "diffusers",
            "architecture": name,
            "title": "random weights",
            "path": str(folder),
            "files": files or [{"name": "model_index.json", "sha256": 64 * "0"}],
            "licences": {"code": _FREE, "weights": _FREE, "training_data": _FREE},
            "input": {"side": side, **_SEEN},
        }
    )


# ---- the models


def measure_model(name: str, plan: Plan) -> Painted:
    """Make one model, and paint with it in batches of every size that fits."""
    family = FAMILIES[name]
    parameters, needed = _weight_of(name, plan)
    told = Painted(name, parameters, UNCONFIRMED[name])
    if plan.gpu.offload == "none" and plan.gpu.device() == "cuda" and needed > (free := _free_bytes()):
        return replace(told, skipped=f"needs {needed / GIGABYTE:.0f} GB, {free / GIGABYTE:.0f} GB are free")
    started = time.perf_counter()
    pipeline = RandomPipeline(name, family, plan)
    made = time.perf_counter() - started
    try:
        jobs = jobs_of(max(plan.batches), plan.size)
        paintings = [painting_of(job, family, plan.side) for job in jobs]
        _painted(pipeline, paintings[:1], family)  # warms up
        rows = tuple(_row(pipeline, paintings[:batch], family) for batch in plan.batches)
        load = _load_seconds(name, pipeline, plan) if plan.disk else None
    finally:
        pipeline.close()
        del pipeline
        _clear()
    return replace(told, made=round(made, 1), rows=rows, load=load)


def _weight_of(name: str, plan: Plan) -> tuple[tuple[float, float], int]:
    """Billions of parameters of the denoiser and of all nets, and the bytes of a GPU that the model needs at least."""
    import torch

    dtype = plan.gpu.dtype(plan.gpu.device(), "bf16")
    nets = parts_of(random_pipeline(name, dtype, "meta", tiny=plan.tiny))
    sizes = {part: sum(tensor.numel() for tensor in net.parameters()) for part, net in nets.items()}
    whole = sum(sizes.values())
    needed = int(_SETTLED * whole * torch.empty(0, dtype=dtype).element_size())
    return (round(sizes[FAMILIES[name].denoiser] / 1e9, 2), round(whole / 1e9, 2)), needed


def _row(pipeline: RandomPipeline, paintings: Sequence[Painting], family: Family) -> Row:
    """Seconds a picture and peak memory of one batch: the better of two."""
    rows = []
    for _ in range(2):
        try:
            rows.append(_painted(pipeline, paintings, family))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        if not rows:  # outside of the handler: a traceback in flight keeps the failed tensors alive
            _clear()
            return Row(len(paintings))
    return min(rows, key=lambda row: row.seconds or 0)


def _painted(pipeline: RandomPipeline, paintings: Sequence[Painting], family: Family) -> Row:
    on_gpu = pipeline.device == "cuda"
    if on_gpu:
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    pipeline.denoiser.take()
    started = time.perf_counter()
    pipeline.paint(paintings, family.strength)
    seconds = time.perf_counter() - started
    outside = 1 - pipeline.denoiser.take() / seconds
    peak = round(torch.cuda.max_memory_allocated() / GIGABYTE, 2) if on_gpu else None
    return Row(len(paintings), round(seconds / len(paintings), 3), peak, round(outside, 3))


def _load_seconds(name: str, pipeline: RandomPipeline, plan: Plan) -> float:
    """Seconds until the product's engine is ready, from files on the disk: digests, reading, to the GPU."""
    folder = Path(tempfile.mkdtemp(prefix="random-scenes-", dir=plan.disk))
    try:
        pipeline.save(folder)
        pipeline.close()
        _clear()
        entry = _entry(name, plan.side, folder)
        models = Models(folder, {entry.name: entry})
        started = time.perf_counter()
        models.verify(entry)
        Pipeline(folder, FAMILIES[name], plan.gpu).close()
        return round(time.perf_counter() - started, 1)
    finally:
        shutil.rmtree(folder)


def jobs_of(count: int, size: int) -> list[SceneJob]:
    """Jobs over the benchmark's own products and the shipped looks, in turn."""
    products, looks = sprites(), list(load_templates().values())
    return [
        SceneJob(
            products[number % len(products)].rgba,
            looks[number % len(looks)],
            scene_seed("benchmark", number),
            (size, size),
            product="a stoneware mug, glazed blue",
        )
        for number in range(count)
    ]


def painting_of(job: SceneJob, family: Family, side: int) -> Painting:
    """What the engine asks its pipeline for."""
    start = start_of(job, side, family.multiple)
    prompt = scene_prompt(job.template, job.product, start.towards)
    return Painting(start.picture, start.mask, prompt.positive, prompt.negative if family.negative else "", job.seed)


# ---- other nets


def measure_matting(plan: Plan, folder: Path) -> list[Throughput]:
    """BiRefNet, through the product's detector: photos of 12 Mpx from JPEG to full-size matte."""
    os.environ.setdefault("HF_MODULES_CACHE", str(folder / "modules"))
    net, entry, models = matting_gpu.random_net(folder, tiny=plan.tiny)
    size, count = ((120, 90), 4) if plan.tiny else ((4000, 3000), 64)
    files = [photo(seed % 8, size) for seed in range(count)]
    detector = BiRefNetDetector(entry, models, plan.gpu, processor_budget=10**12)
    detector.saliency([matting_gpu.decoded(files[0])])  # loads, and warms up
    rows = [matting_gpu.measure(detector, files, batch) for batch in plan.batches]
    detector.close()
    _clear()
    name = "BiRefNet" if net.startswith("BiRefNet") else "stand-in of BiRefNet's size"
    return [Throughput(f"{name}, JPEG to matte", row.batch, row.photos_s, _rounded(row.peak_gb)) for row in rows]


def measure_clip(plan: Plan, folder: Path) -> list[Throughput]:
    """CLIP, through the product's ranker: finished pictures to their likeness with a prompt."""
    ranker = random_ranker(folder, plan)
    candidates = [np.random.default_rng(seed).integers(0, 256, (plan.size, plan.size, 3), np.uint8) for seed in (1, 2)]
    count = 8 if plan.tiny else 128
    pictures = [candidates[number % 2] for number in range(count)]
    ranker.cosines(pictures[:2], ["a mug on a table"] * 2)  # loads, and warms up
    rows = []
    for most in (1, 16):
        ranker._batches.most = most
        peak = _reset_peak(ranker.device)
        started = time.perf_counter()
        ranker.cosines(pictures, ["a mug on a table"] * count)
        seconds = time.perf_counter() - started
        rows.append(Throughput("CLIP ViT-B/32", most, round(count / seconds, 1), _rounded(peak())))
    ranker.close()
    _clear()
    return rows


def random_ranker(folder: Path, plan: Plan) -> TimedRanker:
    """The ranker of the gpu profile over random weights in a folder."""
    ensure_torchvision()
    import open_clip
    from safetensors.torch import save_file

    real = Engines().models().entry(PROFILES["gpu"]["ranking"])
    architecture, side = real.architecture, real.input.side
    if plan.tiny:
        architecture, side = "tiny-clip-of-benchmark", 64
        (folder / f"{architecture}.json").write_text(json.dumps(_TINY_CLIP))
        open_clip.add_model_config(folder)
    target = folder / "clip"
    target.mkdir()
    save_file(open_clip.create_model(architecture).state_dict(), target / "open_clip_model.safetensors")
    given = {
        **real.model_dump(),
        "path": str(target),
        "architecture": architecture,
        "files": [{"name": "open_clip_model.safetensors"}],
        "input": {**real.input.model_dump(), "side": side},
    }
    return TimedRanker(Weights.model_validate(given), Models(folder, {}), plan.gpu)


_TINY_CLIP = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


# ---- the line


def measure_line(name: str, plan: Plan, folder: Path) -> LineRow:
    """Everything that a campaign does with a picture, by as many threads as it uses: two candidates a product.

    Start picture in the studio's set, painting, true pixels back, the judge, both files, the ranker. Batches form as
    in the product. The GPU is counted as busy while a pipeline paints or the ranker's net works.
    """
    pipeline = RandomPipeline(name, FAMILIES[name], plan)
    engine, ranker = RandomEngine(name, pipeline, plan), random_ranker(folder, plan)
    jobs = jobs_of(plan.pictures, plan.size)
    try:
        product(engine, ranker, jobs[:2])  # loads, and warms up
        engine.compose(jobs[: max(plan.batches)])  # the engine learns what a batch takes
        both = pipeline.clock = ranker.clock = Clock()
        pipeline.denoiser.take()
        started = time.perf_counter()
        with ThreadPoolExecutor(plan.threads) as pool:
            pairs = [jobs[at : at + 2] for at in range(0, len(jobs), 2)]
            list(pool.map(lambda pair: product(engine, ranker, pair), pairs))
        seconds = time.perf_counter() - started
        return LineRow(
            model=name,
            pictures=len(jobs),
            threads=plan.threads,
            an_hour=round(3600 * len(jobs) / seconds, 1),
            nets_alone=round(3600 * len(jobs) / both.total, 1),
            busy=round(both.covered / seconds, 3),
            outside=round(1 - pipeline.denoiser.take() / seconds, 3),
        )
    finally:
        engine.close()
        ranker.close()
        _clear()


def product(engine: DiffusionEngine, ranker: PromptRanker, jobs: Sequence[SceneJob]) -> None:
    """The candidates of one product: made, judged, encoded as they are stored, and compared with their prompts."""
    candidates = engine.compose(jobs)
    for job, candidate in zip(jobs, candidates, strict=True):
        _judged(job, candidate)
        webp_lossless(candidate.rgb)
        preview(candidate.rgb)
    ranker.cosines([candidate.rgb for candidate in candidates], [prompt_of(job.template) for job in jobs])


def _judged(job: SceneJob, candidate: Candidate) -> None:
    judge(
        job.cutout[..., :3],
        job.cutout[..., 3],
        candidate.rgb,
        placement=candidate.placement,
        harmony=candidate.harmony,
    )


# ---- memory


def _free_bytes() -> int:
    import torch

    return int(torch.cuda.mem_get_info()[0])


def _clear() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _reset_peak(device: str) -> Callable[[], float | None]:
    """Forget the peak of memory; what is returned says the new one, in GB."""
    if device != "cuda":
        return lambda: None
    import torch

    torch.cuda.reset_peak_memory_stats()
    return lambda: torch.cuda.max_memory_allocated() / GIGABYTE


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


# ---- the command


def main(arguments: Sequence[str] | None = None) -> int:
    plan, as_json = _plan(arguments)
    import torch

    if not torch.cuda.is_available() and not plan.tiny:
        print("No GPU is seen by torch; --tiny runs without one.", file=sys.stderr)
        return 2
    result = measured(plan)
    print(json.dumps(result, indent=1, default=asdict) if as_json else as_table(result))
    return 0


def _plan(arguments: Sequence[str] | None) -> tuple[Plan, bool]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--models", help="families, with commas; default: all, with --tiny all that paint small pictures"
    )
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}, with commas")
    parser.add_argument("--batches", default="1,2,4,8", help="batch sizes, with commas")
    parser.add_argument("--pictures", type=int, default=240, help="pictures of the line")
    parser.add_argument("--threads", type=int, default=int(PROFILES["gpu"]["threads"]), help="threads of the line")
    parser.add_argument("--compile", action="store_true", help="let torch compile the denoisers")
    parser.add_argument("--offload", choices=OFFLOADS, default="none", help="keep parts of the models in main memory")
    parser.add_argument("--disk", type=Path, help="folder for models that are saved, loaded and deleted")
    parser.add_argument("--tiny", action="store_true", help="tiny nets and pictures: runs anywhere, says nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    chosen = parser.parse_args(arguments)
    usual = [name for name, family in FAMILIES.items() if not (chosen.tiny and family.most_side)]
    models, parts = tuple((chosen.models or ",".join(usual)).split(",")), tuple(chosen.parts.split(","))
    for found, known in ((models, FAMILIES), (parts, PARTS)):
        if unknown := sorted(set(found) - set(known)):
            parser.error(f"{', '.join(unknown)} found, some of {', '.join(known)} expected")
    offload = cast(Literal["none", "model", "sequential"], chosen.offload)
    batches = tuple(int(part) for part in chosen.batches.split(","))
    plan = Plan(
        models=models,
        parts=parts,
        batches=(1, 2) if chosen.tiny else batches,
        pictures=4 if chosen.tiny else chosen.pictures,
        threads=2 if chosen.tiny else chosen.threads,
        side=64 if chosen.tiny else 1024,
        size=160 if chosen.tiny else 1600,
        tiny=chosen.tiny,
        gpu=GpuOptions(compile=chosen.compile, offload=offload),
        disk=chosen.disk,
    )
    return plan, chosen.json


def measured(plan: Plan) -> dict[str, Any]:
    """All that was asked for, JSON-ready but for its rows."""
    import torch

    on_gpu = plan.gpu.device() == "cuda"
    result: dict[str, Any] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "device": torch.cuda.get_device_name() if on_gpu else "processor",
        "memory_gb": round(torch.cuda.mem_get_info()[1] / GIGABYTE, 1) if on_gpu else None,
        "processors": os.cpu_count(),
        "versions": {name: version(name) for name in ("torch", "diffusers", "transformers")},
        "precision": str(plan.gpu.dtype(plan.gpu.device(), "bf16")).removeprefix("torch."),
        "compile": plan.gpu.compile,
        "offload": plan.gpu.offload,
        "side": plan.side,
        "size": plan.size,
        "tiny": plan.tiny,
        "models": [],
        "throughput": [],
        "line": None,
    }
    if "models" in plan.parts:
        result["models"] = [measure_model(name, plan) for name in plan.models]
    for part, measure in (("matting", measure_matting), ("clip", measure_clip)):
        if part in plan.parts:
            with tempfile.TemporaryDirectory() as folder:
                result["throughput"] += measure(plan, Path(folder))
    if "line" in plan.parts:
        with tempfile.TemporaryDirectory() as folder:
            result["line"] = measure_line(DEFAULT if DEFAULT in plan.models else plan.models[0], plan, Path(folder))
    return result


if __name__ == "__main__":
    sys.exit(main())
