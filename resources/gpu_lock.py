"""Which GPU of several a process takes: the first that no other run on this machine has taken, until it ends."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
# One folder a GPU that the driver knows.
_GPUS = Path("/proc/driver/nvidia/gpus")

_guard = threading.Lock()
_taken: int | None = None  # the lock goes when the process does


def take_gpu() -> None:
    """Show this process one GPU only, where there are several, and keep other runs off it.

    To be called before CUDA is; only the first call does anything. Raises ValueError if other runs have taken all.
    """
    global _taken
    names = visible_gpus()
    with _guard:
        if _taken is not None or len(names) < 2 or sys.platform == "win32" or _is_too_late():
            return
        for name in names:
            _taken = _locked(name)
            if _taken is not None:
                os.environ[VISIBLE] = name
                return
    raise ValueError(f"all {len(names)} GPUs are taken by other runs; set the limit of the pool gpu to {len(names)}")


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them, else by their numbers."""
    said = os.environ.get(VISIBLE)
    if said is not None:
        return [name.strip() for name in said.split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number in range(len(list(_GPUS.iterdir())))] if _GPUS.is_dir() else []


def _is_too_late() -> bool:
    """Whether CUDA runs in this process already, with all GPUs."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())


def _locked(name: str) -> int | None:
    """The lock of a GPU, as an open file; None if another process has it."""
    import fcntl

    file = Path(tempfile.gettempdir()) / f"catalog-gpu-{os.getuid()}-{re.sub('[^A-Za-z0-9-]', '_', name)}.lock"
    opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        return None
    return opened
