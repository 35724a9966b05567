"""The local diffusion engine: paints the world around a product on this machine, and puts the true product back."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resources.gpu import GpuOptions
from resources.imaging.colour import resize_rgb
from resources.matting.batches import Batches, Peak, Together, clear_memory, free_memory
from resources.names import clean_text
from resources.scenes import around
from resources.scenes.around import Start, finished, start_of
from resources.scenes.diffusion.families import Family, family_of
from resources.scenes.diffusion.pipelines import MOST_UNTILED, Painting, Pipeline
from resources.scenes.engine import Candidate, EngineError, SceneJob, SceneKind, scene_seed
from resources.scenes.prompts import scene_prompt
from resources.scenes.templates import SceneTemplate
from resources.torch_runtime import Device, require
from resources.transient import is_out_of_memory
from resources.weights import Models, Weights

U8 = NDArray[np.uint8]

_REVISION = "1"
# Pictures in a batch: beyond that many a GPU has hardly any throughput to gain.
_MOST = 8
# What a picture of 1024 x 1024 takes beside the weights, in half precision: a guess until the first batch on a GPU was
# measured; twice that in full precision.
_BYTES_A_MEGAPIXEL = 5_000_000_000
# What a batch may take on a processor.
PROCESSOR_BUDGET = 12_000_000_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """A painting and how much of its start is noise."""

    painting: Painting
    strength: float


@dataclass(frozen=True, slots=True)
class _Painted:
    """What came of it, in which precision. notes: snake_case codes of how."""

    picture: U8
    precision: str
    notes: tuple[str, ...]


class DiffusionEngine:
    """Inpainting around the product by a pipeline of one of the families, then `finished`: the true pixels pasted back.

    What several threads ask for is painted together, in batches of one working size. A batch that runs out of memory
    is tried again at half its size, which then is the most for that size. Loaded on first use.
    """

    kind: SceneKind = "generated_scene"
    price = 0.0

    def __init__(self, weights: Weights, models: Models, gpu: GpuOptions) -> None:
        """Loads nothing, imports no torch. Raises ValueError if packages or a GPU are missing that it needs."""
        require(weights.name, ("torch", "diffusers", "transformers", "accelerate", "safetensors", *weights.needs))
        self.name = weights.name
        self.device: str = gpu.likely_device()
        self._family = family_of(weights.architecture, weights.name)
        self._side = _side(weights, self._family)
        _check_options(weights.name, self.device, gpu)
        self._start = around.revision()  # the studio makes what painting starts from
        self.revision = f"{_REVISION}.{models.identity(weights)}.{gpu.precision}.{self._start}"
        self._weights, self._models, self._gpu = weights, models, gpu
        self._pipeline: Pipeline | None = None
        self._batches: dict[tuple[int, int], Batches] = {}
        self._together: Together[_Asked, _Painted | Exception] = Together(self._painted)
        self._waiting, self._count = 0, threading.Lock()

    @property
    def waiting(self) -> int:
        """How many pictures were asked for and are not made yet."""
        return self._waiting

    def recipe(self, template: SceneTemplate, product: str) -> dict[str, Any]:
        """The prompt without the light of a single picture, and every number that changes what is painted."""
        prompt = scene_prompt(template, product)
        return {
            "prompt": prompt.positive,
            "negative_prompt": self._negative(prompt.negative),
            "steps": self._family.steps,
            "guidance": self._family.guidance,
            "strength": self._family.strength,
            "side": self._side,
            "relight": self._family.relight_strength if self._gpu.relight else 0.0,
        }

    def compose(self, jobs: Sequence[SceneJob]) -> list[Candidate]:
        """Make one candidate a job, in order. Raises EngineError; ValueError if a cut-out is empty."""
        with self._counted(len(jobs)), ThreadPoolExecutor(max(1, min(4, len(jobs)))) as pool:
            starts = list(pool.map(lambda job: start_of(job, self._side, self._family.multiple), jobs))
            paintings = [self._painting(job, start) for job, start in zip(jobs, starts, strict=True)]
            painted = self._ask(paintings, self._family.strength)
            made = list(pool.map(self._finished, jobs, starts, paintings, painted))
            if not self._gpu.relight:
                return made
            relit = self._relit(jobs, starts, paintings, made)
            return list(pool.map(self._finished, jobs, starts, paintings, painted, relit))

    def backdrop(self, job: SceneJob) -> None:
        """Nothing: what would be painted without the product cannot be known."""
        del job

    def close(self) -> None:
        """Let go of the weights; whoever asks again loads them again."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.close()

    # ---- one picture

    def _painting(self, job: SceneJob, start: Start) -> Painting:
        prompt = scene_prompt(job.template, job.product, start.towards)
        return Painting(start.picture, start.mask, prompt.positive, self._negative(prompt.negative), job.seed)

    def _negative(self, words: str) -> str:
        return words if self._family.negative else ""

    def _finished(
        self, job: SceneJob, start: Start, painting: Painting, painted: _Painted, relit: U8 | None = None
    ) -> Candidate:
        facts = self._facts(painting, painted.precision)
        return finished(job, start, painted.picture, relit=relit, facts=facts, notes=painted.notes)

    def _relit(
        self,
        jobs: Sequence[SceneJob],
        starts: Sequence[Start],
        paintings: Sequence[Painting],
        made: Sequence[Candidate],
    ) -> list[U8 | None]:
        """A second pass over each finished picture, for its light; None where the product's colours stay untouched.

        It is painted at low strength and all over: nothing of it is kept but what `finished` takes of its light.
        """
        lit = [index for index, job in enumerate(jobs) if job.care.harmonise]
        whole = [
            replace(
                paintings[index],
                picture=resize_rgb(made[index].rgb, starts[index].size),
                mask=np.full_like(starts[index].mask, 255),
                seed=scene_seed(jobs[index].seed, "relight"),
            )
            for index in lit
        ]
        answers = dict(zip(lit, self._ask(whole, self._family.relight_strength), strict=True))
        return [answers[index].picture if index in answers else None for index in range(len(jobs))]

    def _facts(self, painting: Painting, precision: str) -> Mapping[str, Any]:
        """All that is needed to paint the same picture again."""
        return {
            "prompt": painting.prompt,
            "negative_prompt": painting.negative,
            "seed": painting.seed,
            "steps": self._family.steps,
            "guidance": self._family.guidance,
            "strength": self._family.strength,
            "size": list(painting.size),
            "model": self._weights.repository or self._weights.name,
            "revision": self._weights.revision or self._models.identity(self._weights),
            "precision": precision,
            "start": self._start,
            "relight": self._family.relight_strength if self._gpu.relight else 0.0,
        }

    # ---- batches

    def _ask(self, paintings: Sequence[Painting], strength: float) -> list[_Painted]:
        made = []
        for answer in self._together.ask([_Asked(painting, strength) for painting in paintings]):
            if isinstance(answer, Exception):
                raise answer
            made.append(answer)
        return made

    def _painted(self, asked: Sequence[_Asked]) -> Iterator[_Painted | Exception]:
        """A picture, or why there is none, for everything asked for, in order, as soon as its turn has come."""
        ready: dict[int, _Painted | Exception] = {}
        due = 0
        for bucket in _buckets(asked):
            for index, answer in zip(bucket, self._bucket([asked[index] for index in bucket]), strict=True):
                ready[index] = answer
                while due in ready:
                    yield ready.pop(due)
                    due += 1

    def _bucket(self, asked: Sequence[_Asked]) -> Iterator[_Painted | Exception]:
        """The pictures of one size and strength. What fails fails for those not painted yet, not for others."""
        done, told = 0, None
        try:
            for picture in self._batched(asked):
                yield picture
                done += 1
        except Exception as error:
            told = self._told(error, asked[0].painting.size)
        if told is not None:  # outside of the handler: a traceback in flight keeps the failed tensors alive
            gc.collect()
            clear_memory(self.device)
            yield from [told] * (len(asked) - done)

    def _batched(self, asked: Sequence[_Asked]) -> Iterator[_Painted]:
        pipeline = self._ready()
        batches = self._batches_of(asked[0].painting.size, pipeline)
        yield from batches.run(
            asked,
            lambda batch: self._batch(pipeline, batches, batch),
            lambda: self._free(pipeline),
            lambda: clear_memory(self.device),
        )

    def _batch(self, pipeline: Pipeline, batches: Batches, asked: Sequence[_Asked]) -> list[_Painted]:
        with Peak(self.device) as peak:
            pictures = pipeline.paint([one.painting for one in asked], asked[0].strength)
        if peak.bytes > pipeline.resident_bytes:
            batches.measured(peak.bytes - pipeline.resident_bytes, len(asked))
        return [
            _Painted(picture, pipeline.precision, self._notes(pipeline, one.painting))
            for one, picture in zip(asked, pictures, strict=True)
        ]

    def _notes(self, pipeline: Pipeline, painting: Painting) -> tuple[str, ...]:
        width, height = painting.size
        return (
            *([f"prompt_cut_at_{self._family.most_tokens}_tokens"] if pipeline.is_cut(painting.prompt) else []),
            *(["vae_in_tiles"] if width * height > MOST_UNTILED else []),
            *(["diffusion_on_cpu"] if pipeline.device == "cpu" else []),
        )

    def _batches_of(self, size: tuple[int, int], pipeline: Pipeline) -> Batches:
        """What is known of pictures of that size: what one takes, and how many fit."""
        if size not in self._batches:
            full = 2 if pipeline.precision == "float32" else 1
            guess = full * _BYTES_A_MEGAPIXEL * max(1, size[0] * size[1]) // (1024 * 1024)
            self._batches[size] = Batches(guess, _MOST)
        return self._batches[size]

    def _free(self, pipeline: Pipeline) -> int:
        free = free_memory(self.device, PROCESSOR_BUDGET, self._gpu.memory_bytes)
        return max(0, free - pipeline.resident_bytes)

    def _ready(self) -> Pipeline:
        """The pipeline, loaded once its every file was read and found to be what is pinned."""
        if self._pipeline is None:
            self._models.verify(self._weights)
            self._pipeline = Pipeline(self._models.folder(self._weights), self._family, self._gpu)
            self.device = self._pipeline.device
        return self._pipeline

    def _told(self, error: Exception, size: tuple[int, int]) -> Exception:
        """What went wrong, as an EngineError where people can do something about it."""
        if is_out_of_memory(error):
            what = f"a picture of {size[0]} x {size[1]} px" if self._pipeline else "the model"
            advice = "say offload: model or sequential, or use a smaller model"
            return EngineError("out_of_memory", f"{self.name}: {what} does not fit into the memory there is; {advice}")
        if isinstance(error, (ValueError, OSError)) and self._pipeline is None:
            return EngineError("cannot_load", clean_text(f"{self.name}: {error}"))
        return error

    @contextmanager
    def _counted(self, pictures: int) -> Iterator[None]:
        with self._count:
            self._waiting += pictures
        try:
            yield
        finally:
            with self._count:
                self._waiting -= pictures


def _side(weights: Weights, family: Family) -> int:
    """Side in pixels of the square that a picture's area may fill. Raises ValueError if the family cannot."""
    side = weights.input.side or 0
    if family.most_side is not None and side > family.most_side:
        raise ValueError(f"weights {weights.name}: input.side {side} found, {family.most_side} at most expected")
    return side


def _check_options(name: str, on: Device, gpu: GpuOptions) -> None:
    """Raises ValueError for options that need a GPU where there is none."""
    if on == "cpu" and gpu.offload != "none":
        raise ValueError(f"{name}: offload {gpu.offload!r} needs a GPU, and none is used here; say offload none")
    if on == "cpu" and gpu.precision == "fp16":
        raise ValueError(f"{name}: precision 'fp16' needs a GPU, and none is used here; say auto, bf16 or fp32")


def _buckets(asked: Sequence[_Asked]) -> list[list[int]]:
    """Who can be painted together: the indices of those of one size and strength, first come first."""
    found: dict[tuple[tuple[int, int], float], list[int]] = {}
    for index, one in enumerate(asked):
        found.setdefault((one.painting.size, one.strength), []).append(index)
    return list(found.values())
