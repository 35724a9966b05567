"""The GPU as a Dagster resource: what nets may take of the machine, shown in the UI, used by the engines."""

from __future__ import annotations

from typing import Any, cast

import dagster as dg
from pydantic import Field

from resources.gpu import GpuOptions, Offload
from resources.torch_runtime import Precision, Wanted


class Gpu(dg.ConfigurableResource[Any]):
    """What nets may take of this machine: device, precision, memory, compile, offload.

    Only one run at a time should hold a GPU: the lines of the gpu profile take the pool `gpu`, whose limit is the
    number of GPUs.
    """

    device: str = Field(
        default="", description="auto, cuda or cpu: where nets run; empty: as the profile of engines says."
    )
    precision: str = Field(
        default="auto", description="auto, bf16, fp16 or fp32; auto: half precision on a GPU, fp32 on a processor."
    )
    memory_gb: float | None = Field(
        default=None, description="GPU memory that one run may take, in GiB; not said: all that is free."
    )
    compile: bool = Field(
        default=False, description="Let torch compile the net that paints scenes: minutes once a run, then faster."
    )
    offload: str = Field(
        default="none",
        description="none, model or sequential: keep parts of a large model in main memory; slower, less GPU memory.",
    )
    relight: bool = Field(
        default=False, description="Scene engines may carry the light of their picture onto the product, within bounds."
    )

    def options(self, device: str = "auto") -> GpuOptions:
        """The options for nets. device: where they run if this resource does not say it. ValueError, one line."""
        return GpuOptions(
            wanted=cast(Wanted, self.device or device),
            precision=cast(Precision, self.precision),
            memory_gb=self.memory_gb,
            compile=self.compile,
            offload=cast(Offload, self.offload),
            relight=self.relight,
        )
