"""A torchvision built for CUDA beside a torch built for processors; devices and packages told without imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from resources.torch_runtime import likely_device, missing, require, require_operators, version

# What matters of the real one: its compiled part does not load, and its import asks for the schemas of that part.
STAND_IN = """
import torch


@torch.library.register_fake("torchvision::nms")
def nms(boxes, scores, threshold):
    return boxes


@torch.library.register_fake("torchvision::qnms")
def qnms(boxes, scores, threshold):
    return boxes
"""


@pytest.fixture
def torchvision(tmp_path: Path) -> Path:
    """A folder with a torchvision in it whose compiled part is built for something else."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(STAND_IN)
    (package / "_C.so").write_bytes(b"\x7fELF but not for here")
    return tmp_path


def python(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{script}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def test_torchvision_imports_once_its_schemas_are_known(torchvision: Path) -> None:
    assert "nms" in python(torchvision, "import torchvision").stderr  # else there is nothing to mend
    script = """
from resources.torch_runtime import ensure_torchvision
print(ensure_torchvision(), ensure_torchvision())
import torchvision
"""
    done = python(torchvision, script)
    assert (done.returncode, done.stdout) == (0, "patched patched\n"), done.stderr


def test_where_there_is_no_torchvision_nothing_is_done(tmp_path: Path) -> None:
    script = """
sys.modules["torchvision"] = None  # as if it were not installed
from resources.torch_runtime import ensure_torchvision
print(ensure_torchvision())
"""
    done = python(tmp_path, script)
    assert done.stdout == "absent\n", done.stderr


def test_compiled_operators_are_not_promised_where_the_builds_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, number in (("torch", "2.13.0+cpu"), ("torchvision", "0.28.0")):
        info = tmp_path / f"{name}-{number}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match=r"birefnet calls .*same PyTorch package index"):
        require_operators("birefnet")
    (tmp_path / "torchvision-0.28.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0+cpu\n"
    )
    require_operators("birefnet")


def test_missing_packages_are_named_together() -> None:
    assert missing(["json", "surely_not_there", "nor_this"]) == ["surely_not_there", "nor_this"]
    assert version("surely-not-there") == ""
    with pytest.raises(ValueError, match=r"x needs surely_not_there, nor_this, not installed here; run: pip install"):
        require("x", ["json", "surely_not_there", "nor_this"])


def test_a_processor_can_always_be_asked_for() -> None:
    assert likely_device("cpu") == "cpu"
