"""ViTMatte: redraws the soft edge of a mask at the photo's full size, tile by tile."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resources.gpu import UNLIMITED, GpuOptions
from resources.imaging.alpha import UNKNOWN, Alpha, Rgb, trimap
from resources.matting.batches import Batches, Peak, clear_memory, free_memory
from resources.matting.engine import Mask
from resources.matting.neural import Field, normalised
from resources.matting.shapes import resize_mask
from resources.torch_runtime import require, transformers_net
from resources.weights import Models, Weights

_REVISION = "1"
# Half the width of the unknown band, of the long side.
_BAND_SHARE = 0.006
TILE = 1024
# Tiles share this many pixels, over which one fades into the other.
OVERLAP = 128
_MULTIPLE = 32
# A guess for a tile of 1024 px, until the first batch on a GPU is measured.
_BYTES_A_TILE = 2_500_000_000
_PROCESSOR_BUDGET = 6_000_000_000

Trimap = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of the photo: rows and columns."""

    rows: slice
    columns: slice


class ViTMatteRefiner:
    """Draws alpha in a band around the mask's outline; outside of it the mask stands. Serves several threads."""

    def __init__(
        self,
        weights: Weights,
        models: Models,
        gpu: GpuOptions = UNLIMITED,
        tile: int = TILE,
        overlap: int = OVERLAP,
    ) -> None:
        """Loads nothing. tile, overlap: px. Raises ValueError if packages or a GPU are missing that it needs."""
        require(weights.name, ("torch", "transformers", "safetensors", *weights.needs))
        self.name = weights.name
        self.revision = f"{_REVISION}.{models.identity(weights)}"
        self.device: str = gpu.likely_device()
        self._weights, self._models, self._gpu = weights, models, gpu
        self._tile, self._overlap = tile, overlap
        self._batches = Batches(_BYTES_A_TILE)
        self._lock = threading.Lock()
        self._net: Any = None

    def refine(self, photo: Rgb, mask: Mask) -> Alpha:
        """Soft matte of the photo's size. Raises ValueError if the weights cannot be loaded."""
        known = trimap(resize_mask(mask, (photo.shape[1], photo.shape[0])), _margin(photo))
        return self.refine_band(photo, known)

    def refine_band(self, photo: Rgb, known: Trimap) -> Alpha:
        """Alpha for the unknown pixels (128) of a trimap of the photo's size; 0 and 255 stay as they are."""
        tiles = [tile for tile in tiles_of(known.shape, self._tile, self._overlap) if _is_unknown(known, tile)]
        out = np.where(known == 255, np.uint8(255), np.uint8(0))
        if not tiles:
            return out
        drawn = np.zeros(known.shape, np.float32)
        weight = np.zeros(known.shape, np.float32)
        for tile, alpha in zip(tiles, self._alphas(photo, known, tiles), strict=True):
            fade = feather(tile, known.shape, self._overlap)
            drawn[tile.rows, tile.columns] += alpha * fade
            weight[tile.rows, tile.columns] += fade
        band = known == UNKNOWN
        out[band] = np.rint(255 * np.clip(drawn[band] / weight[band], 0, 1)).astype(np.uint8)
        return out

    def close(self) -> None:
        """Let go of the net and its memory; whoever asks again loads it again."""
        self._net = None

    def _alphas(self, photo: Rgb, known: Trimap, tiles: Sequence[Tile]) -> Iterator[Field]:
        with self._lock:
            self._load()
            yield from self._batches.run(
                tiles,
                lambda batch: self._batch([self._input(photo, known, tile) for tile in batch]),
                lambda: free_memory(self.device, _PROCESSOR_BUDGET, self._gpu.memory_bytes),
                lambda: clear_memory(self.device),
            )

    def _load(self) -> None:
        if self._net is not None:
            return
        self._models.verify(self._weights)
        self.device = self._gpu.device()
        folder, dtype = self._models.folder(self._weights), self._gpu.dtype(self.device)
        self._net = transformers_net("VitMatteForImageMatting", folder, self.device, dtype)

    def _input(self, photo: Rgb, known: Trimap, tile: Tile) -> Field:
        """4xHxW float32: normalised colours and the trimap as 0..1."""
        colours = photo[tile.rows, tile.columns].astype(np.float32) / np.float32(255)
        band = known[tile.rows, tile.columns].astype(np.float32) / np.float32(255)
        return np.dstack([normalised(colours, self._weights.input), band]).transpose(2, 0, 1)

    def _batch(self, inputs: Sequence[Field]) -> list[Field]:
        """Alphas of tiles, each cropped back to its own size."""
        import torch

        height = _padded(max(tile.shape[1] for tile in inputs))
        width = _padded(max(tile.shape[2] for tile in inputs))
        batch = np.zeros((len(inputs), 4, height, width), np.float32)
        for padded, tile in zip(batch, inputs, strict=True):
            padded[:, : tile.shape[1], : tile.shape[2]] = tile
        with torch.inference_mode(), Peak(self.device) as peak:
            pixels = torch.from_numpy(batch).to(self.device, self._net.dtype)
            alphas = self._net(pixel_values=pixels).alphas.float().cpu().numpy()[:, 0]
        if peak.bytes:
            self._batches.measured(peak.bytes, len(inputs))
        if not np.isfinite(alphas).all():
            raise FloatingPointError(f"{self.name}: the net's answer is not a number")
        return [alpha[: tile.shape[1], : tile.shape[2]] for alpha, tile in zip(alphas, inputs, strict=True)]


def tiles_of(shape: tuple[int, ...], side: int, overlap: int) -> list[Tile]:
    """Tiles of at most side x side px that cover a picture, neighbours sharing at least `overlap` px.

    They start on multiples of 32 px, so that the net's patches lie in the same places whatever the tile.
    shape: (height, width). side, overlap: multiples of 32 with 0 < overlap < side.
    """
    rows, columns = (_spans(length, side, overlap) for length in shape[:2])
    return [Tile(row, column) for row in rows for column in columns]


def _spans(length: int, side: int, overlap: int) -> list[slice]:
    last = _padded(max(0, length - side))
    starts = [*range(0, last, side - overlap), last]
    return [slice(start, min(length, start + side)) for start in starts]


def feather(tile: Tile, shape: tuple[int, ...], overlap: int) -> Field:
    """How much a tile's answer counts at each of its pixels: 0 to 1.

    Towards a border that it shares with another tile it fades, and the last quarter of the overlap does not count at
    all: there the net has not seen what is beyond. Wherever tiles overlap, at least one counts in full or they add up.
    """
    return np.outer(_ramp(tile.rows, shape[0], overlap), _ramp(tile.columns, shape[1], overlap)).astype(np.float32)


def _ramp(span: slice, length: int, overlap: int) -> NDArray[np.float64]:
    ramp = np.ones(span.stop - span.start)
    rise = np.clip((np.arange(overlap) + 0.5 - overlap / 4) / (overlap / 2), 0, 1)[: ramp.size]
    if span.start > 0:
        ramp[: rise.size] = rise
    if span.stop < length:
        ramp[-rise.size :] = np.minimum(ramp[-rise.size :], rise[::-1])
    return ramp


def _is_unknown(known: Trimap, tile: Tile) -> bool:
    return bool((known[tile.rows, tile.columns] == UNKNOWN).any())


def _margin(photo: Rgb) -> int:
    return max(2, round(_BAND_SHARE * max(photo.shape[:2])))


def _padded(length: int) -> int:
    return -(-length // _MULTIPLE) * _MULTIPLE
