"""A shop that trains the cut-out net: pairs of photo and matte, a net of 64 px that knows nothing, a registry of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from resources.matting.cutnet.shop_pairs import Pair, Source
from resources.weights import Weights
from tests.nets import onnx_entry
from tests.pictures import jpeg_bytes, png_bytes

U8 = NDArray[np.uint8]
NET_SIDE = 64


def picture(seed: int, size: tuple[int, int] = (128, 96)) -> tuple[U8, U8]:
    """HxWx3 and its matte HxW: a dark oval anywhere near the middle of a light, slightly noisy background."""
    rng = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    across, down = width * rng.uniform(0.4, 0.6), height * rng.uniform(0.4, 0.6)
    wide, tall = width * rng.uniform(0.2, 0.33), height * rng.uniform(0.2, 0.33)
    inside = ((x - across) / wide) ** 2 + ((y - down) / tall) ** 2 <= 1
    room = rng.integers(170, 250, 3) + rng.normal(0, 3, (height, width, 1))
    photo = np.where(inside[..., None], rng.integers(20, 110, 3), room)
    return np.clip(photo, 0, 255).astype(np.uint8), inside.astype(np.uint8) * 255


def pair(seed: int, product: str = "", source: Source = "given") -> Pair:
    name = f"p{seed}"
    return Pair(name, product or name, source, f"{seed:064x}", *picture(seed))


def pairs(count: int, source: Source = "given") -> list[Pair]:
    return [pair(seed, source=source) for seed in range(count)]


def write_pairs(folder: Path, count: int) -> None:
    """Files as `--pairs` takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        photo, alpha = picture(seed)
        (folder / f"p{seed}.jpg").write_bytes(jpeg_bytes(photo))
        (folder / f"p{seed}.matte.png").write_bytes(png_bytes(alpha))


def make_cutnet(folder: Path) -> Weights:
    """A net that has learnt nothing yet, exported at 64 px; folder: named cutnet."""
    import torch

    from resources.matting.cutnet.export import export
    from resources.matting.cutnet.net import CutNet

    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    export(CutNet(), folder / "cutnet.onnx", NET_SIDE)
    return onnx_entry(folder)


def write_registry(file: Path, entry: Weights) -> None:
    """An operator's registry with this net in the place of the shipped one."""
    file.write_text(yaml.safe_dump({entry.name: entry.model_dump(mode="json", exclude={"name"})}))
