"""The benchmark of the GPU profile runs without a GPU in its tiny form, through the engines that the product uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import Clock, main
from benchmarks.random_scenes import REAL, parts_of, random_pipeline
from resources.scenes.diffusion.families import FAMILIES
from resources.torch_runtime import likely_device

ROOT = Path(__file__).parents[2]
# Billions of parameters of the denoisers, as their makers say.
PUBLISHED = {"flux2-klein": 4, "z-image": 6, "qwen-image-edit": 20, "sdxl": 2.6, "flux1-fill": 12}


def test_the_tiny_form_measures_models_a_ranker_and_the_line(tmp_path: Path) -> None:
    given = ["--tiny", "--models", "flux2-klein", "--parts", "models,clip,line", "--disk", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.gpu", *given, "--json"]
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["tiny"]
    (model,) = result["models"]
    assert [row["batch"] for row in model["rows"]] == [1, 2]
    assert all(row["seconds"] > 0 and 0 < row["outside"] < 1 for row in model["rows"])
    assert model["load"] > 0
    assert list(tmp_path.iterdir()) == []  # what was saved to be loaded is gone
    assert [row["batch"] for row in result["throughput"]] == [1, 16]
    line = result["line"]
    assert (line["model"], line["pictures"]) == ("flux2-klein", 4)
    assert 0 < line["busy"] <= 1
    assert line["an_hour"] > 0


def test_without_a_gpu_the_real_form_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    if likely_device("auto") == "cuda":
        pytest.skip("this machine has a GPU")
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "--tiny" in said.err


def test_unknown_models_are_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--tiny", "--models", "sdxl,dall-e"])
    wanted = "dall-e found, some of flux2-klein, z-image, qwen-image-edit, sdxl, flux1-fill expected"
    assert wanted in capsys.readouterr().err


@pytest.mark.parametrize("name", FAMILIES)
def test_real_sizes_are_those_that_are_published(name: str) -> None:
    import torch

    nets = parts_of(random_pipeline(name, torch.bfloat16, "meta", tiny=False))  # shapes without numbers
    denoiser = sum(tensor.numel() for tensor in nets[FAMILIES[name].denoiser].parameters())
    assert denoiser / 1e9 == pytest.approx(PUBLISHED[name], rel=0.04)
    assert set(REAL) == set(FAMILIES)


def test_time_in_which_two_nets_work_counts_once() -> None:
    clock = Clock()
    clock._spans = [(0.0, 2.0), (1.0, 3.0), (5.0, 6.0), (5.2, 5.4)]
    assert clock.covered == pytest.approx(4.0)
    assert clock.total == pytest.approx(5.2)
