"""What torch engines share: is everything there, on which device, and a torchvision that imports beside CPU torch.

`missing` and `likely_device` answer without importing torch, so that engines can be named without it.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

Wanted = Literal["auto", "cuda", "cpu"]
Device = Literal["cuda", "cpu"]
Precision = Literal["auto", "bf16", "fp16", "fp32"]

WANTED: tuple[Wanted, ...] = ("auto", "cuda", "cpu")

# Where Linux and WSL show that a driver for NVIDIA cards is loaded.
_DRIVER_FILES = ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg")
_lock = threading.Lock()
_shim: Any = None


def missing(packages: Iterable[str]) -> list[str]:
    """Those of the packages that are not installed. Imports none of them."""
    return [package for package in packages if importlib.util.find_spec(package) is None]


def require(what: str, packages: Iterable[str], extra: str = "gpu") -> None:
    """Raises ValueError, saying how to install them, if packages that `what` needs are missing."""
    if gone := missing(packages):
        raise ValueError(f"{what} needs {', '.join(gone)}, not installed here; run: pip install .[{extra}]")


def require_operators(what: str) -> None:
    """Raises ValueError if torchvision's compiled operators, which `what` calls, will not load beside this torch."""
    if version("torch").endswith("+cpu") and version("torchvision") and not version("torchvision").endswith("+cpu"):
        raise ValueError(
            f"{what} calls compiled operators of torchvision, which is built for CUDA here, and torch for processors: "
            "install both from the same PyTorch package index"
        )


def version(package: str) -> str:
    """The installed version of a package, "" if it is not installed. Does not import it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def likely_device(wanted: Wanted) -> Device:
    """The device that torch will run on, as far as can be told without importing it.

    "auto" takes a GPU where there is one. Raises ValueError if a GPU is demanded and there is none, or if the
    installed torch cannot use one.
    """
    if wanted not in WANTED:
        raise ValueError(f"device {wanted!r} found, one of {', '.join(WANTED)} expected")
    if wanted == "cpu":
        return "cpu"
    problem = _no_gpu()
    if not problem:
        return "cuda"
    if wanted == "cuda":
        raise ValueError(_no_cuda(problem))
    return "cpu"


def device(wanted: Wanted) -> Device:
    """The device that torch runs on. Imports torch. Raises ValueError if a GPU is demanded and torch finds none."""
    if likely_device(wanted) == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise ValueError(_no_cuda("torch finds none"))
    return "cpu"


def _no_gpu() -> str:
    """Why no GPU can be used, "" if one probably can."""
    if not any(Path(file).exists() for file in _DRIVER_FILES):
        return "no NVIDIA driver is loaded"
    found = version("torch")
    return f"torch {found} is built for processors only" if found.endswith("+cpu") else ""


def _no_cuda(problem: str) -> str:
    return f"a GPU is asked for, but {problem}; set CATALOG_DEVICE=cpu to run on the processor (slow)"


def ensure_torchvision() -> Literal["native", "patched", "absent"]:
    """Make torchvision importable beside a torch that is built for processors only. Call before timm, transformers.

    The wheel of torchvision on PyPI is built for CUDA. Beside a CPU build of torch its compiled operators do not load,
    and its import fails on the missing schemas of two of them. With these defined here it imports, and everything in
    it that is pure Python works; a compiled operator (`nms`, `deform_conv2d`) raises RuntimeError when it is called.
    """
    global _shim
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return "absent"
    import torch

    with _lock:
        if _shim is not None:
            return "patched"
        if _operators_load(Path(spec.submodule_search_locations[0])):
            return "native"
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _shim = library  # the schemas live as long as this object
    return "patched"


def transformers_net(
    name: str, folder: Path, on: Device, dtype: Any, *, trust_remote_code: bool = False, pickled: bool = False
) -> Any:
    """A net of transformers by its class, from a local folder of safetensors: on its device, in eval mode.

    dtype: a torch.dtype. Fetches nothing, shows no progress. trust_remote_code: whether code that lies beside the
    weights may run. pickled: the folder has a pickle instead, of which nothing but tensors is read.
    """
    ensure_torchvision()
    import transformers

    transformers.utils.logging.disable_progress_bar()
    net = getattr(transformers, name).from_pretrained(
        str(folder),
        trust_remote_code=trust_remote_code,
        local_files_only=True,
        use_safetensors=not pickled,
        weights_only=True,
        dtype=dtype,
    )
    return net.to(on).eval()


def _operators_load(package: Path) -> bool:
    """Whether the compiled operators of torchvision fit the torch that is loaded."""
    import torch

    binaries = sorted(package.glob("_C*.so")) + sorted(package.glob("_C*.pyd"))
    try:
        for binary in binaries:
            torch.ops.load_library(str(binary))
    except OSError:
        return False
    return bool(binaries)
