"""Swin2SR: a net that enlarges twice, tile by tile, held to what the photo shows."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resources.gpu import UNLIMITED, GpuOptions
from resources.imaging.colour import resize_rgb
from resources.matting.batches import Batches, Peak, clear_memory, free_memory
from resources.matting.neural import normalised
from resources.matting.vitmatte import Tile, feather
from resources.torch_runtime import require, transformers_net
from resources.transient import is_out_of_memory
from resources.upscaling.lanczos import enlarged
from resources.upscaling.likeness import ANSWER_AT_MOST, FACTOR, KEPT_AT_MOST, kept_to_photo
from resources.weights import Models, Weights

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

_REVISION = "1"
# Pixels of the photo, multiples of 8.
TILE = 256
OVERLAP = 64
_LEAST_TILE = 64
_WINDOW = 8
# A tile of 256 px takes 0.84 GB in full precision on a processor; on a GPU the first batch is measured.
_BYTES_A_TILE = 1_000_000_000
# One tile at a time: a processor has nothing to gain from more.
_PROCESSOR_BUDGET = 2_000_000_000


class Swin2SRUpscaler:
    """Enlarges by Swin2SR; where its answer does not agree with the photo, by Lanczos, and a note says so.

    Runs in half precision on a GPU, in full precision on a processor; loaded on first use. Serves several threads, one
    at a time.
    """

    def __init__(
        self,
        weights: Weights,
        models: Models,
        gpu: GpuOptions = UNLIMITED,
        tile: int = TILE,
        overlap: int = OVERLAP,
    ) -> None:
        """Loads nothing. tile, overlap: px of the photo, multiples of 8.

        Raises ValueError if packages or a GPU are missing that it needs.
        """
        require(weights.name, ("torch", "transformers", "safetensors", *weights.needs))
        self.name = weights.name
        self.device: str = gpu.likely_device()
        self.revision = f"{_REVISION}.{models.identity(weights)}:{ANSWER_AT_MOST:g}:{KEPT_AT_MOST:g}"
        self._weights, self._models, self._gpu = weights, models, gpu
        self._tile, self._overlap = tile, overlap
        self._batches = Batches(_BYTES_A_TILE)
        self._lock = threading.Lock()
        self._net: Any = None

    def enlarge(self, rgb: U8, size: tuple[int, int]) -> tuple[U8, tuple[str, ...]]:
        """The picture at a size (width, height), and notes: `enlarged_by_...`, or `..._refused: why`, then by Lanczos.

        rgb: HxWx3 uint8, sRGB. size: from once to twice that of the picture. Raises ValueError if the weights cannot be
        loaded, MemoryError's kin if not even a tile of 64 px fits into the GPU.
        """
        said = self.name.replace("-", "_")
        with self._lock:
            answer = self._answer(rgb)
        twice, problem = kept_to_photo(rgb, answer)
        if problem:
            return enlarged(rgb, size), (f"{said}_refused: {problem}; enlarged by lanczos",)
        notes = (f"enlarged_by_{said}", *(["float32_on_cpu"] if self.device == "cpu" else []))
        return resize_rgb(twice, size), notes

    def close(self) -> None:
        """Let go of the net and its memory; whoever asks again loads it again."""
        self._net = None

    def _answer(self, rgb: U8) -> F32:
        """What the net says, 2Hx2Wx3, around 0 to 255. Out of memory: again with tiles of half the side, for good."""
        self._load()
        height, width = rgb.shape[:2]
        padded = np.pad(rgb, (_padding(height), _padding(width), (0, 0)), mode="symmetric")
        while (answer := self._tried(padded)) is None:
            clear_memory(self.device)
            self._tile //= 2
            self._overlap = min(self._overlap, self._tile // 2)
            self._batches = Batches(self._batches.bytes_a_picture // 4)
        return answer[: FACTOR * height, : FACTOR * width]

    def _tried(self, padded: U8) -> F32 | None:
        """The answer for a picture of whole windows; None if a single tile does not fit into memory."""
        try:
            return self._joined(padded)
        except Exception as error:
            if not is_out_of_memory(error) or self._tile <= _LEAST_TILE:
                raise
            return None

    def _joined(self, padded: U8) -> F32:
        tiles = _tiles(padded.shape, self._tile, self._overlap)
        shape = (FACTOR * padded.shape[0], FACTOR * padded.shape[1])
        total, weight = np.zeros((*shape, 3), np.float32), np.zeros((*shape, 1), np.float32)
        for tile, answer in zip(tiles, self._answers(padded, tiles), strict=True):
            larger = Tile(_larger(tile.rows), _larger(tile.columns))
            fade = feather(larger, shape, FACTOR * self._overlap)[..., None]
            total[larger.rows, larger.columns] += answer * fade
            weight[larger.rows, larger.columns] += fade
        return np.asarray(total / weight, np.float32)

    def _answers(self, padded: U8, tiles: Sequence[Tile]) -> Iterator[F32]:
        return self._batches.run(
            tiles,
            lambda batch: self._batch([padded[tile.rows, tile.columns] for tile in batch]),
            lambda: free_memory(self.device, _PROCESSOR_BUDGET, self._gpu.memory_bytes),
            lambda: clear_memory(self.device),
        )

    def _load(self) -> None:
        if self._net is not None:
            return
        self._models.verify(self._weights)
        self.device = self._gpu.device()
        folder, dtype = self._models.folder(self._weights), self._gpu.dtype(self.device)
        net = transformers_net("Swin2SRForImageSuperResolution", folder, self.device, dtype)
        if net.config.upscale != FACTOR:
            raise ValueError(f"weights {self.name} enlarge {net.config.upscale} times, {FACTOR} times expected")
        self._net = net

    def _batch(self, tiles: Sequence[U8]) -> list[F32]:
        """What the net says of tiles of whole windows, each at twice its size."""
        import torch

        inputs = [normalised(tile.astype(np.float32) / np.float32(255), self._weights.input) for tile in tiles]
        batch = np.ascontiguousarray(np.stack(inputs).transpose(0, 3, 1, 2))
        with torch.inference_mode(), Peak(self.device) as peak:
            pixels = torch.from_numpy(batch).to(self.device, self._net.dtype)
            answers = self._net(pixel_values=pixels).reconstruction.float().mul(255).cpu().numpy()
        if peak.bytes:  # of tiles that may be smaller, in a small picture
            share = self._tile**2 / (batch.shape[2] * batch.shape[3])
            self._batches.measured(int(peak.bytes * share), len(tiles))
        return list(answers.transpose(0, 2, 3, 1))


def _padding(length: int) -> tuple[int, int]:
    """As the net's own processor pads: to the next multiple of a window, by a whole one if it is a multiple already."""
    return 0, (length // _WINDOW + 1) * _WINDOW - length


def _tiles(shape: tuple[int, ...], side: int, overlap: int) -> list[Tile]:
    """Tiles of one size that cover a picture of whole windows; they start on whole windows, which so lie alike in all.

    shape: (height, width). side, overlap: 0 < overlap < side; neighbours share at least that.
    """
    rows, columns = (_spans(length, side, overlap) for length in shape[:2])
    return [Tile(row, column) for row in rows for column in columns]


def _spans(length: int, side: int, overlap: int) -> list[slice]:
    last = max(0, length - side)
    return [slice(start, min(length, start + side)) for start in [*range(0, last, side - overlap), last]]


def _larger(span: slice) -> slice:
    return slice(FACTOR * span.start, FACTOR * span.stop)
