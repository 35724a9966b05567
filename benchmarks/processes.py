"""Servers that benchmarks start: waiting for them, and ending them with all that they started."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def end_tree(process: subprocess.Popen[bytes]) -> int:
    """SIGKILL a process and all that it started. How many there were.

    All are stopped first, so that none starts another one meanwhile.
    """
    import psutil

    found: dict[int, psutil.Process] = {}
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(process.pid)
        while new := [one for one in [root, *root.children(recursive=True)] if one.pid not in found]:
            for one in new:
                found[one.pid] = one
                with suppress(psutil.NoSuchProcess):
                    one.suspend()
    for one in found.values():
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait(timeout=20)
    return len(found)


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, timeout: float) -> None:
    """Wait until something is ready. RuntimeError with the end of the log if it takes longer, or the process ended."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and process.poll() is None:
        if ready():
            return
        time.sleep(0.5)
    raise RuntimeError(
        f"{log.parent.name}/{log.name}: not ready within {timeout:g} s, or ended: {log.read_text()[-2000:]}"
    )
