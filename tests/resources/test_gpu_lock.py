"""Each run takes a GPU of its own where there are several."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

SCRIPT = """
import os, sys
from resources.gpu_lock import take_gpu
try:
    take_gpu()
    take_gpu()
    print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
except ValueError as error:
    print(error, flush=True)
sys.stdin.read()
"""


@contextmanager
def run(folder: Path, visible: str) -> Iterator[str]:
    """A process that takes a GPU and holds it; what it says."""
    variables = {**os.environ, "CUDA_VISIBLE_DEVICES": visible, "TMPDIR": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate(timeout=30)


@pytest.mark.parametrize("visible", ["0,1", "GPU-8f3a, GPU-11b0"])
def test_runs_take_the_gpus_in_turn_and_give_them_back_when_they_end(tmp_path: Path, visible: str) -> None:
    first, second = (name.strip() for name in visible.split(","))
    with ExitStack() as held:
        assert held.enter_context(run(tmp_path, visible)) == first
        with run(tmp_path, visible) as said:
            assert said == second
            with run(tmp_path, visible) as none:
                assert none == "all 2 GPUs are taken by other runs; set the limit of the pool gpu to 2"
        with run(tmp_path, visible) as said:
            assert said == second
    with run(tmp_path, visible) as said:
        assert said == first


@pytest.mark.parametrize("visible", ["", "-1", "3"])
def test_where_there_is_no_choice_nothing_is_taken(tmp_path: Path, visible: str) -> None:
    with run(tmp_path, visible) as one, run(tmp_path, visible) as other:
        assert one == other == visible
    assert list(tmp_path.iterdir()) == []
