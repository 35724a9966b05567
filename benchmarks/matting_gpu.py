"""Times a net of BiRefNet's size on a GPU: batch 1 to 32, memory, and pictures a second from JPEG to full-size matte.

Random weights: a net's time does not depend on what it has learned. If BiRefNet's own pinned code is on disk
(`catalog models fetch birefnet`) that is what runs; else a stand-in of the same size (`standin_net`). Both go through
the detector that the product uses. `python -m benchmarks.matting_gpu --help`; --tiny runs anywhere, and says nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.line import photo
from resources.engines import Engines
from resources.imaging.decode import Limits, Photo, decode_photo
from resources.matting.birefnet import BiRefNetDetector
from resources.weights import Models, Weights, WeightsError

PUBLISHED = (
    ("BiRefNet README, RTX 4090, FP16, batch 1", 57.7, 3.45),
    ("BiRefNet README, A100, FP16, batch 1", 69.4, None),
)
GIGABYTE = 1e9
TINY = {"side": 64, "embed_dim": 12, "depths": (1, 1, 1, 1), "heads": (1, 2, 3, 4), "window": 4, "width": 32}


@dataclass(frozen=True)
class Row:
    """One batch size. net_ms: a picture, inside the detector, median. photos_s: JPEG to full-size matte."""

    batch: int
    net_ms: float
    photos_s: float
    peak_gb: float | None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", default="1,2,4,8,16,32", help="batch sizes, with commas")
    parser.add_argument("--photos", type=int, default=96, help="photos for each batch size")
    parser.add_argument("--size", default="4000x3000", help="of the photos, WIDTHxHEIGHT")
    parser.add_argument("--tiny", action="store_true", help="tiny net, tiny photos: runs anywhere")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    chosen = parser.parse_args(arguments)
    batches = [int(part) for part in chosen.batches.split(",")]
    width, height = (int(part) for part in chosen.size.split("x"))
    if chosen.tiny:
        batches, chosen.photos, width, height = [1, 2], 4, 120, 90
    import torch

    if not torch.cuda.is_available() and not chosen.tiny:
        print("No GPU is seen by torch; --tiny runs without one.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("HF_MODULES_CACHE", str(Path(folder) / "modules"))
        net, weights, models = random_net(Path(folder), tiny=chosen.tiny)
        files = [photo(seed % 8, (width, height)) for seed in range(chosen.photos)]
        detector = BiRefNetDetector(weights, models, processor_budget=10**12)
        detector.saliency([decoded(files[0])])  # loads, and warms up
        rows = [measure(detector, files, batch) for batch in batches]
        device = torch.cuda.get_device_name() if detector.device == "cuda" else "processor"
    result = {
        "device": device,
        "net": net,
        "precision": ", ".join(detector.notes) or "float16",
        "photo": f"{width}x{height} JPEG",
        "decoding_threads": threads(),
        "torch": torch.__version__,
        "rows": [asdict(row) for row in rows],
    }
    print(json.dumps(result, indent=1) if chosen.json else as_table(result, rows))
    return 0


def random_net(folder: Path, *, tiny: bool) -> tuple[str, Weights, Models]:
    """What it is, and an entry pinned to a net with random weights in `folder`."""
    import torch

    torch.manual_seed(0)
    models = Engines().models()
    real = models.entry("birefnet")
    target = folder / "net"
    target.mkdir()
    code = [models.folder(real) / file.name for file in real.files if not file.name.endswith(".safetensors")]
    if not tiny and all(path.is_file() for path in code):
        check(code, real)
        net = _real(code, target)
        what = "BiRefNet's own code, random weights"
    else:
        net = _stand_in(target, tiny=tiny)
        what = "a stand-in (Swin backbone at two scales, plain convolutions as decoder), random weights"
    parameters = sum(parameter.numel() for parameter in net.parameters())
    entry = _pinned(target, real, TINY["side"] if tiny else 1024)
    return f"{what}, {parameters / 1e6:.1f} M parameters", entry, Models(folder, {entry.name: entry})


def check(code: Sequence[Path], real: Weights) -> None:
    """Raises WeightsError unless the code is what the registry pins."""
    pins = {file.name: file.sha256 for file in real.files}
    for path in code:
        if hashlib.sha256(path.read_bytes()).hexdigest() != pins[path.name]:
            raise WeightsError(f"{path} is not what the registry pins")


def _real(code: Sequence[Path], target: Path) -> Any:
    from resources.torch_runtime import ensure_torchvision

    ensure_torchvision()
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModelForImageSegmentation

    for path in code:
        shutil.copy(path, target)
    config = AutoConfig.from_pretrained(target, trust_remote_code=True)
    net = AutoModelForImageSegmentation.from_config(config, trust_remote_code=True)
    tensors = {name: value.clone().contiguous() for name, value in net.half().state_dict().items()}
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    return net


def _stand_in(target: Path, *, tiny: bool) -> Any:
    from resources.torch_runtime import ensure_torchvision

    ensure_torchvision()
    from benchmarks.standin_net import StandIn, StandInConfig

    StandInConfig.register_for_auto_class()
    StandIn.register_for_auto_class("AutoModelForImageSegmentation")
    net = StandIn(StandInConfig(**(TINY if tiny else {})))
    net.half().save_pretrained(target)
    return net


def _pinned(folder: Path, real: Weights, side: Any) -> Weights:
    files = [
        {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
        if path.is_file()
    ]
    given = {**real.model_dump(), "name": "random", "path": str(folder), "files": files, "needs": ()}
    return Weights.model_validate({**given, "input": {**real.input.model_dump(), "side": side}})


def measure(detector: BiRefNetDetector, files: Sequence[bytes], batch: int) -> Row:
    """All photos through the detector in batches of one size, decoded by other threads meanwhile."""
    import torch

    on_gpu = detector.device == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    detector.batches.most = batch
    net_seconds = []
    started = time.perf_counter()
    with ThreadPoolExecutor(threads()) as pool:
        mattes = []
        for photos in _chunks(pool.map(decoded, files), batch):
            before = time.perf_counter()
            maps = detector.saliency(photos)
            net_seconds.append((time.perf_counter() - before) / len(photos))
            mattes += [pool.submit(_enlarged, found, one.shape) for found, one in zip(maps, photos, strict=True)]
        covered = sum(matte.result() for matte in mattes)
    seconds = time.perf_counter() - started
    if not 0 <= covered <= len(files):
        raise AssertionError("mattes are not within 0 and 1")
    peak = torch.cuda.max_memory_allocated() / GIGABYTE if on_gpu else None
    return Row(batch, round(1000 * statistics.median(net_seconds), 1), round(len(files) / seconds, 2), peak)


def decoded(data: bytes) -> np.ndarray:
    """The photo of a file, as the product decodes it."""
    picture = decode_photo(data, Limits(min_side=16))
    if not isinstance(picture, Photo):
        raise AssertionError(picture.message)
    return picture.rgb


def _enlarged(saliency: np.ndarray, shape: tuple[int, ...]) -> float:
    """The matte at full size; returns its share of the picture, and lets the pixels go."""
    large = cv2.resize(saliency, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return float(np.rint(large * 255).astype(np.uint8).mean()) / 255


def _chunks(photos: Iterator[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    chunk: list[np.ndarray] = []
    for one in photos:
        chunk.append(one)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def threads() -> int:
    return max(1, (os.cpu_count() or 2) - 1)


def as_table(result: dict[str, Any], rows: Sequence[Row]) -> str:
    """Markdown, to be pasted into the docs."""
    lines = [
        f"{result['device']}, torch {result['torch']}, {result['precision']}; {result['net']}.",
        f"{result['photo']} decoded by {result['decoding_threads']} threads.",
        "",
        "| batch | net, ms a picture | JPEG to matte, pictures/s | peak memory, GB |",
        "|---|---|---|---|",
    ]
    for row in rows:
        peak = "" if row.peak_gb is None else f"{row.peak_gb:.2f}"
        lines.append(f"| {row.batch} | {row.net_ms:.1f} | {row.photos_s:.1f} | {peak} |")
    for name, milliseconds, memory in PUBLISHED:
        lines.append(f"| *{name}* | {milliseconds} | | {memory or ''} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
