"""The GPU benchmark runs without a GPU in its tiny form, through the detector that the product uses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from resources.torch_runtime import likely_device

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: it sets up a cache of code for itself."""
    command = [sys.executable, "-m", "benchmarks.matting_gpu", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_the_tiny_form_measures_each_batch_size() -> None:
    done = bench("--tiny", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [row["batch"] for row in result["rows"]] == [1, 2]
    assert all(row["net_ms"] > 0 and row["photos_s"] > 0 for row in result["rows"])
    assert "stand-in" in result["net"]  # it says what ran


def test_without_a_gpu_the_real_form_says_so() -> None:
    if likely_device("auto") == "cuda":
        pytest.skip("this machine has a GPU")
    done = bench()
    assert (done.returncode, done.stdout) == (2, "")
    assert "--tiny" in done.stderr
