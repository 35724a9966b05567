"""A pipeline of diffusers from a local folder, placed on the machine as the options say, and what a batch of it is."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resources.gpu import GpuOptions
from resources.imaging.colour import resize_rgb
from resources.matting.batches import clear_memory
from resources.scenes.diffusion.families import Family
from resources.snapshots import INDEX, parts_of
from resources.torch_runtime import Device, ensure_torchvision

U8 = NDArray[np.uint8]

# Larger pictures go through the VAE tile by tile: its memory grows with the picture, that of the denoiser hardly does.
MOST_UNTILED = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Painting:
    """One picture to paint.

    picture: hxwx3 uint8, what painting starts from. mask: hxw uint8, 255 is painted. seed: 0 to 2**63 - 1.
    """

    picture: U8
    mask: U8
    prompt: str
    negative: str
    seed: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.picture.shape[1], self.picture.shape[0]


class Pipeline:
    """A loaded pipeline of one family. Not for several threads at a time.

    device: where it computes. resident_bytes: GPU memory that a part may take while it is brought in, beside what a
    batch takes (0 where all parts stay on the GPU, or none is brought in whole).
    """

    def __init__(self, folder: Path, family: Family, gpu: GpuOptions) -> None:
        """Loads everything. Raises ValueError for a folder that is no pipeline of the family, OSError, and torch's out
        of memory if the parts do not fit.

        folder: a snapshot whose content was verified. Only safetensors are read, no code is run, nothing is fetched.
        """
        self.family = family
        self.device: Device = gpu.device()
        self._pipeline = self._loaded(folder, gpu.dtype(self.device, "bf16"))
        parts = [part for part in self._pipeline.components.values() if hasattr(part, "parameters")]
        self.resident_bytes = max(map(_bytes_of, parts)) if gpu.offload == "model" else 0
        _place(self._pipeline, self.device, gpu)
        if gpu.compile:
            _compile(getattr(self._pipeline, family.denoiser))
        self.precision = str(getattr(self._pipeline, family.denoiser).dtype).removeprefix("torch.")

    def paint(self, batch: Sequence[Painting], strength: float) -> list[U8]:
        """The painted pictures, hxwx3 uint8, each of its own size, in order. All of a batch must be of one size.

        Noise is drawn on the processor, from a generator of each picture's own: what else is in the batch changes the
        noise not at all, and the picture only by the rounding of other matrix sizes.
        """
        import torch

        width, height = batch[0].size
        self._tile(width * height > MOST_UNTILED)
        given: dict[str, Any] = {
            "prompt": [one.prompt for one in batch],
            "image": [Image.fromarray(one.picture) for one in batch],
            "mask_image": [Image.fromarray(one.mask) for one in batch],
            "generator": [torch.Generator("cpu").manual_seed(one.seed) for one in batch],
            "width": width,
            "height": height,
            **self.family.arguments(strength),
        }
        if self.family.negative:
            given["negative_prompt"] = [one.negative for one in batch]
        pictures = self._pipeline(**given).images
        return [_at(picture, (width, height)) for picture in pictures]

    def is_cut(self, prompt: str) -> bool:
        """Whether the family reads only the beginning of a prompt."""
        if self.family.most_tokens is None:
            return False
        tokenizer = getattr(self._pipeline, self.family.tokenizer)
        return len(tokenizer(prompt, verbose=False)["input_ids"]) > self.family.most_tokens

    def close(self) -> None:
        """Let go of the weights and of what torch keeps cached of them."""
        self._pipeline.remove_all_hooks()
        self._pipeline = None
        gc.collect()  # hooks and modules refer to each other
        clear_memory(self.device)

    def _loaded(self, folder: Path, dtype: Any) -> Any:
        return _loaded(folder, self.family, dtype)

    def _tile(self, large: bool) -> None:
        vae = self._pipeline.vae
        if large:
            vae.enable_tiling()
        else:
            vae.disable_tiling()


def _loaded(folder: Path, family: Family, dtype: Any) -> Any:
    """The pipeline in main memory. The parts that its index names must be classes of diffusers or transformers."""
    ensure_torchvision()
    parts_of((folder / INDEX).read_bytes(), str(folder))
    import diffusers
    import transformers

    for logging in (diffusers.utils.logging, transformers.utils.logging):
        logging.disable_progress_bar()
        logging.set_verbosity_error()  # they warn at every call, of what is meant so or is among the notes
    if not hasattr(diffusers, family.pipeline):
        raise ValueError(f"diffusers {diffusers.__version__} has no {family.pipeline}; run: pip install -U diffusers")
    pipeline = getattr(diffusers, family.pipeline).from_pretrained(
        str(folder), dtype=dtype, local_files_only=True, use_safetensors=True, trust_remote_code=False
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.vae.enable_slicing()  # a batch is decoded one by one, in a fraction of the memory
    return pipeline


def _place(pipeline: Any, on: Device, gpu: GpuOptions) -> None:
    """Move a pipeline to its device, or have its parts brought in when they are needed."""
    if gpu.offload == "model":
        pipeline.enable_model_cpu_offload(device=on)
    elif gpu.offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=on)
    else:
        pipeline.to(on)


def _compile(denoiser: Any) -> None:
    """Have torch compile the blocks that a denoiser repeats: one compilation for all of them."""
    denoiser.compile_repeated_blocks()


def _bytes_of(part: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in (*part.parameters(), *part.buffers()))


def _at(picture: Image.Image, size: tuple[int, int]) -> U8:
    rgb = np.asarray(picture.convert("RGB"))
    return rgb if picture.size == size else resize_rgb(rgb, size)
