"""BiRefNet and its relatives (RMBG-2.0): remote-code nets of transformers that find the product at 1024 px."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from resources.gpu import UNLIMITED, GpuOptions
from resources.imaging.alpha import Rgb
from resources.matting.batches import Batches, Peak, Together, clear_memory, free_memory
from resources.matting.neural import Field, stretched
from resources.torch_runtime import require, require_operators, transformers_net
from resources.weights import Models, Weights

_REVISION = "1"
# Published for BiRefNet at 1024 px in half precision: 3.45 GB in all, less 0.44 GB of weights. The first batch on a
# GPU says what it really is; on a processor it stays at this guess, doubled for full precision.
BYTES_A_PICTURE = 3_000_000_000
# What a batch may take on a processor.
PROCESSOR_BUDGET = 6_000_000_000


class BiRefNetDetector:
    """Runs the pinned code and weights: in half precision on a GPU, in full precision on a processor (and says so), if
    nothing else is asked for.

    Code that comes with the weights is run only after every file was read and found to be what the registry pins.
    """

    def __init__(
        self,
        weights: Weights,
        models: Models,
        gpu: GpuOptions = UNLIMITED,
        processor_budget: int = PROCESSOR_BUDGET,
    ) -> None:
        """Loads nothing. Raises ValueError if packages or a GPU are missing that it needs."""
        require(weights.name, ("torch", "transformers", "safetensors", *weights.needs))
        if "torchvision" in weights.needs:
            require_operators(weights.name)
        self.name = weights.name
        self.revision = f"{_REVISION}.{models.identity(weights)}"
        self.device: str = gpu.likely_device()
        self.notes: tuple[str, ...] = ()
        self._weights, self._models, self._gpu = weights, models, gpu
        self._budget = processor_budget
        self.batches = Batches(BYTES_A_PICTURE if self.device == "cuda" else 2 * BYTES_A_PICTURE)
        self._together: Together[Field, Field] = Together(self._maps)
        self._net: Any = None

    def saliency(self, photos: Sequence[Rgb]) -> list[Field]:
        """For each photo a map of 0..1 float32, side x side. Raises ValueError if the weights cannot be loaded."""
        with ThreadPoolExecutor(max(1, min(len(photos), os.cpu_count() or 1))) as pool:
            return self._together.ask(list(pool.map(self._input, photos)))

    def close(self) -> None:
        """Let go of the net and its memory; whoever asks again loads it again."""
        self._net = None

    def _input(self, photo: Rgb) -> Field:
        side = self._weights.input.side or 0
        return stretched(photo, (side, side), self._weights.input)

    def _maps(self, inputs: Sequence[Field]) -> Iterator[Field]:
        self._load()
        yield from self.batches.run(
            inputs,
            self._batch,
            lambda: free_memory(self.device, self._budget, self._gpu.memory_bytes),
            lambda: clear_memory(self.device),
        )

    def _load(self) -> None:
        if self._net is not None:
            return
        self._models.verify(self._weights)
        self.device = self._gpu.device()
        folder, dtype = self._models.folder(self._weights), self._gpu.dtype(self.device)
        trusted = self._weights.trust_remote_code
        self._net = transformers_net(
            "AutoModelForImageSegmentation", folder, self.device, dtype, trust_remote_code=trusted
        )
        self.notes = () if self.device == "cuda" else ("float32_on_cpu",)

    def _batch(self, inputs: Sequence[Field]) -> list[Field]:
        import torch

        with torch.inference_mode(), Peak(self.device) as peak:
            batch = torch.from_numpy(np.stack(inputs)).to(self.device, self._net.dtype)
            answer = _finest(self._net(batch)).float()
            maps = (answer.sigmoid() if self._weights.output == "logits" else answer).cpu().numpy()
        if peak.bytes:
            self.batches.measured(peak.bytes, len(inputs))
        if not np.isfinite(maps).all():
            raise FloatingPointError(f"{self.name}: the net's answer is not a number")
        return list(maps[:, 0])


def _finest(answer: Any) -> Any:
    """The net's last and finest answer: Nx1xHxW. In inference these nets give lists, coarse to fine."""
    while isinstance(answer, (list, tuple)):
        answer = answer[-1]
    return answer
