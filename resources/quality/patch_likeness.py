"""A witness of the fidelity judge that compares patches of the product with a DINOv2 net.

A patch token knows its surroundings, so a label with other words or a handle of another shape moves it, while a little
more light hardly does. It is too coarse for small print and cares little for colour: another witness, never the only
one, and at most it asks a person to look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.gpu import UNLIMITED, GpuOptions
from resources.matting.batches import Batches, Peak, Together, clear_memory, free_memory
from resources.matting.neural import normalised
from resources.quality.registration import Aligned, align
from resources.quality.witness import Finding, Sight
from resources.torch_runtime import require, transformers_net
from resources.verdicts import measure
from resources.weights import Input, Models, Weights

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

_REVISION = "1"
# Not calibrated: the weights could not be run where the project is tested. Loose guesses, to be set from own pairs.
MEAN_AT_LEAST = 0.70
WORST_AT_LEAST = 0.40
_GREY = 128  # around the product, so that the scene says nothing
_SOLID = 250  # alpha from which a pixel is product alone
_RIM = 2  # px from the outline: light wraps round it
_LEAST_SQUARES = 4  # squares of 2 x 2 patches inside the product, below which it is too small or thin to compare
# A guess for ViT-S at 448 px, two pictures, until the first batch on a GPU is measured.
_BYTES_A_PAIR = 400_000_000
_PROCESSOR_BUDGET = 2_000_000_000

Pair = tuple[F32, F32]


class PatchLikeness:
    """Cosine similarity of the patch tokens of the photo's product and of what the final shows in its place.

    Runs in half precision on a GPU, in full precision on a processor, if nothing else is asked for; loaded on first
    use, may serve several threads.
    """

    def __init__(
        self,
        weights: Weights,
        models: Models,
        gpu: GpuOptions = UNLIMITED,
        *,
        mean_at_least: float = MEAN_AT_LEAST,
        worst_at_least: float = WORST_AT_LEAST,
    ) -> None:
        """Loads nothing. mean_at_least, worst_at_least: likeness of the whole product and of its worst part, -1 to 1.

        Raises ValueError if packages or a GPU are missing that it needs.
        """
        require(weights.name, ("torch", "transformers", "safetensors", *weights.needs))
        self.name = weights.name
        self.device: str = gpu.likely_device()
        self._revision = f"{_REVISION}.{models.identity(weights)}:{mean_at_least:g}:{worst_at_least:g}"
        self._mean, self._worst = mean_at_least, worst_at_least
        self._weights, self._models, self._gpu = weights, models, gpu
        self._batches = Batches(_BYTES_A_PAIR)
        self._together: Together[Pair, F32] = Together(self._similarities)
        self._net: Any = None

    @property
    def revision(self) -> str:
        """This code, the weights, and the thresholds."""
        return self._revision

    def look(self, sight: Sight) -> list[Finding]:
        """Mean likeness and that of the worst 2 x 2 patches, both to be reviewed; nothing for a thin or tiny product.

        Raises ValueError if the weights cannot be loaded.
        """
        side = self._weights.input.side or 0
        # Both at the final's size, so that a smaller product is not blamed for its size.
        pair = align(sight.original, sight.matte, sight.final, sight.found, side - 2, 0.0)
        if pair.visible <= 0:
            return []
        expected, shown, alpha = _laid_out(pair, side)
        likeness = self._together.ask([(self._input(expected), self._input(shown))])[0]
        inside = _patches_inside(alpha, side // likeness.shape[0])
        worst = _worst_square(likeness, inside)
        if worst is None:
            return []
        mean = float(likeness[inside].mean())
        return [
            Finding(measure("patch_likeness_mean", mean, at_least=self._mean), "review"),
            Finding(measure("patch_likeness_worst", worst, at_least=self._worst), "review"),
        ]

    def close(self) -> None:
        """Let go of the net and its memory; whoever asks again loads it again."""
        self._net = None

    def _input(self, picture: U8) -> F32:
        return _as_input(picture, self._weights.input)

    def _similarities(self, pairs: Sequence[Pair]) -> Iterator[F32]:
        self._load()
        yield from self._batches.run(
            pairs,
            self._batch,
            lambda: free_memory(self.device, _PROCESSOR_BUDGET, self._gpu.memory_bytes),
            lambda: clear_memory(self.device),
        )

    def _load(self) -> None:
        if self._net is not None:
            return
        self._models.verify(self._weights)
        self.device = self._gpu.device()
        folder, dtype = self._models.folder(self._weights), self._gpu.dtype(self.device)
        self._net = transformers_net("Dinov2Model", folder, self.device, dtype)

    def _batch(self, pairs: Sequence[Pair]) -> list[F32]:
        """For each pair a map of cosines, one a patch."""
        import torch

        with torch.inference_mode(), Peak(self.device) as peak:
            batch = torch.from_numpy(np.stack([picture for pair in pairs for picture in pair]))
            pixels = batch.to(self.device, self._net.dtype)
            tokens = self._net(pixel_values=pixels).last_hidden_state[:, 1:].float()  # the first stands for all
            cosines = torch.nn.functional.cosine_similarity(tokens[0::2], tokens[1::2], dim=-1).cpu().numpy()
        if peak.bytes:
            self._batches.measured(peak.bytes, len(pairs))
        if not np.isfinite(cosines).all():
            raise FloatingPointError(f"{self.name}: the net's answer is not a number")
        across = pairs[0][0].shape[2] // self._net.config.patch_size
        return list(cosines.reshape(len(pairs), -1, across))


def _laid_out(pair: Aligned, side: int) -> tuple[U8, U8, U8]:
    """Both products on grey and their alpha, each in the middle of a square of `side` px."""
    alpha = pair.alpha[..., None].astype(np.float32) / 255
    layers = [np.rint(picture * alpha + _GREY * (1 - alpha)) for picture in (pair.expected, pair.shown)]
    expected, shown = (_centred(layer.astype(np.uint8), side, _GREY) for layer in layers)
    return expected, shown, _centred(pair.alpha, side, 0)


def _centred(image: U8, side: int, around: int) -> U8:
    image = image[:side, :side]
    canvas = np.full((side, side, *image.shape[2:]), around, np.uint8)
    top, left = (side - image.shape[0]) // 2, (side - image.shape[1]) // 2
    canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
    return canvas


def _as_input(picture: U8, prepared: Input) -> F32:
    values = picture.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(normalised(values, prepared).transpose(2, 0, 1))


def _patches_inside(alpha: U8, patch: int) -> Bools:
    """Which patches show nothing but product, away from its outline."""
    solid = cv2.erode((alpha >= _SOLID).astype(np.uint8), np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8))
    count = alpha.shape[0] // patch
    blocks = solid[: count * patch, : count * patch].reshape(count, patch, count, patch)
    return np.asarray(blocks.min(axis=(1, 3)) > 0)


def _worst_square(likeness: F32, inside: Bools) -> float | None:
    """The lowest mean over 2 x 2 patches that all lie inside; None where there are too few to tell."""

    def summed(values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(values[:-1, :-1] + values[1:, :-1] + values[:-1, 1:] + values[1:, 1:])

    whole = summed(inside.astype(np.int32)) == 4
    if np.count_nonzero(whole) < _LEAST_SQUARES:
        return None
    return float(summed(likeness.astype(np.float64))[whole].min() / 4)
