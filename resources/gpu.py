"""How nets use the machine: device, precision, memory, compile, offload. Knows no Dagster, imports torch when asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from resources.gpu_lock import take_gpu
from resources.torch_runtime import WANTED, Device, Precision, Wanted, device, likely_device

Offload = Literal["none", "model", "sequential"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
OFFLOADS: tuple[Offload, ...] = get_args(Offload)
GIBIBYTE = 2**30
LEAST_GB, MOST_GB = 0.5, 4096.0


@dataclass(frozen=True)
class GpuOptions:
    """How nets use the machine. Raises ValueError, one line, for values that are unknown or contradict each other.

    wanted: where nets run. precision: auto is half precision on a GPU and fp32 on a processor. memory_gb: GPU memory
    (GiB) that this process may take, None: all that is free. compile: let torch compile the net that paints scenes
    (minutes, once a run). offload: keep the parts of a large model in main memory and bring them in one by one (model)
    or layer by layer (sequential): slower, far less GPU memory. relight: scene engines may carry the light of their
    picture onto the product.
    """

    wanted: Wanted = "auto"
    precision: Precision = "auto"
    memory_gb: float | None = None
    compile: bool = False
    offload: Offload = "none"
    relight: bool = False

    def __post_init__(self) -> None:
        _check("device", self.wanted, WANTED)
        _check("precision", self.precision, PRECISIONS)
        _check("offload", self.offload, OFFLOADS)
        if self.memory_gb is not None and not LEAST_GB <= self.memory_gb <= MOST_GB:
            raise ValueError(f"GPU memory {self.memory_gb!r} found, {LEAST_GB:g} to {MOST_GB:g} GiB expected")
        if self.wanted == "cpu" and self.offload != "none":
            raise ValueError(f"offload {self.offload!r} needs a GPU, but the device is cpu; say offload none")
        if self.wanted == "cpu" and self.precision == "fp16":
            raise ValueError("precision 'fp16' needs a GPU, but the device is cpu; say auto, bf16 or fp32")

    @property
    def memory_bytes(self) -> int | None:
        """GPU memory in bytes that this process may take, None: all that is free."""
        return None if self.memory_gb is None else int(self.memory_gb * GIBIBYTE)

    def likely_device(self) -> Device:
        """The device that nets will run on, as far as can be told without torch. ValueError: no GPU, but demanded."""
        return likely_device(self.wanted)

    def device(self) -> Device:
        """The device that nets run on. Imports torch, and holds this process to its share of the GPU's memory.

        Of several GPUs it is one that no other run has taken. Raises ValueError if a GPU is demanded and torch finds
        none, or all are taken.
        """
        if self.likely_device() == "cuda":
            take_gpu()
        found = device(self.wanted)
        if found == "cuda" and self.memory_bytes is not None:
            import torch

            # Beyond its share torch raises OutOfMemoryError, as on a smaller GPU.
            total = torch.cuda.mem_get_info()[1]
            torch.cuda.set_per_process_memory_fraction(min(1.0, self.memory_bytes / total))
        return found

    def dtype(self, on: str, half: Literal["bf16", "fp16"] = "fp16") -> Any:
        """The torch.dtype of a net's weights. half: what "auto" means on a GPU, as the net was published.

        Processors have no fast half precision, and bfloat16 would move edges by up to a percent. Raises ValueError
        for fp16 on a processor.
        """
        import torch

        precision = self.precision if self.precision != "auto" else half if on == "cuda" else "fp32"
        if precision == "fp16" and on == "cpu":
            raise ValueError("precision 'fp16' needs a GPU, and none is used here; say auto, bf16 or fp32")
        return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[precision]


def _check(what: str, found: str, known: tuple[str, ...]) -> None:
    if found not in known:
        raise ValueError(f"{what} {found!r} found, one of {', '.join(known)} expected")


UNLIMITED = GpuOptions()
"""Nothing said: nets take what is there."""
