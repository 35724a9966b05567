"""The comparison with rembg: the net that it runs is of the right size, and costs are taken apart as it says."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.peers import Peer, Row, Spent, compared, net_seconds, parsed, peers, row, run
from benchmarks.u2netp import SIDE, U2NetP, write
from catalog_assets.campaign_files import load_campaigns

# Of the net that its authors published.
PARAMETERS = 1_131_181
PYTHON = sys.executable
COPY = "import shutil, sys; shutil.copytree(*sys.argv[1:])"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "u2netp.onnx"
    write(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    names = [tmp_path / f"s{number}.png" for number in range(3)]
    for name in names:
        Image.new("RGB", (40, 40), (200, 10, 10)).save(name)
    return names


def test_the_net_has_the_published_number_of_parameters() -> None:
    assert sum(values.numel() for values in U2NetP().parameters()) == PARAMETERS


def test_the_file_answers_as_rembg_expects_with_a_mask_of_what_differs_from_the_frame(net: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(net), providers=["CPUExecutionProvider"])
    [taken] = session.get_inputs()
    assert taken.shape == [1, 3, SIDE, SIDE]
    photo = np.full((1, 3, SIDE, SIDE), 1.5, np.float32)
    photo[..., 80:240, 100:200] = -0.5
    found = session.run(None, {taken.name: photo})
    assert [each.shape for each in found] == [(1, 1, SIDE, SIDE)] * 7
    assert ((found[0][0, 0] > 0.5) == (photo[0, 0] < 0)).all()
    assert all(0 <= each.min() <= each.max() < 1.001 for each in found)
    assert found[1].std() > 0.01  # the net itself works, and says something else
    assert net_seconds(net) > 0


def test_the_first_picture_pays_for_the_start() -> None:
    found = row("loop", Spent(cpu=5, wall=6, made=1), Spent(cpu=8, wall=12, made=4), pictures=4)
    assert found == Row("loop", first_cpu=5, cpu=1, wall=2, made=4, pictures=4)


def test_a_run_counts_the_time_of_what_it_starts_and_what_came_out(tmp_path: Path, photos: list[Path]) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}], check=True); {COPY}"
    found = run(
        Peer("copy", [PYTHON, "-c", script, "{photos}", "{out}"], "out/*.png"), photos, tmp_path / "run", one_core=True
    )
    assert found.made == 3
    assert found.cpu > 0.3


def test_a_folder_can_be_given_file_by_file(tmp_path: Path, photos: list[Path]) -> None:
    script = "import pathlib, sys; [pathlib.Path(sys.argv[-1] + pathlib.Path(f).name).touch() for f in sys.argv[1:-1]]"
    found = run(
        Peer("touch", [PYTHON, "-c", script, "{photos}/*", "{out}"], "outs*"), photos, tmp_path / "run", one_core=False
    )
    assert found.made == 3


def test_a_program_that_fails_is_left_out_with_its_words(tmp_path: Path, photos: list[Path]) -> None:
    ways = [
        Peer("broken", [PYTHON, "-c", "import sys; sys.exit('no such model')"], "out/*"),
        Peer("copy", [PYTHON, "-c", COPY, "{photos}", "{out}"], "out/*.png"),
    ]
    said, good = compared(ways, photos, tmp_path, one_core=True)
    assert isinstance(said, str)
    assert "broken" in said
    assert "no such model" in said
    assert isinstance(good, Row)
    assert (good.made, good.pictures) == (3, 3)


def test_without_rembg_the_others_remain(tmp_path: Path) -> None:
    alone = [way.name for way in peers(None, tmp_path)]
    beside = [way.name for way in peers(tmp_path / "rembg", tmp_path)]
    assert not any("rembg" in name for name in alone)
    assert beside[0].startswith("rembg")
    assert beside[-len(alone) :] == alone


def test_the_folder_of_campaigns_leaves_none_on(tmp_path: Path, photos: list[Path]) -> None:
    run(Peer("nothing", [PYTHON, "-c", ""], "out/*"), photos, tmp_path / "run", one_core=False)
    found = load_campaigns(tmp_path / "run" / "none")
    assert not found.problems
    assert not found.active


@pytest.mark.parametrize("given", [["--pictures", "1"], ["--megapixels", "0"]])
def test_numbers_that_say_nothing_are_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parsed(given)
    assert "expected" in capsys.readouterr().err


def test_the_pictures_are_as_asked() -> None:
    found = parsed(["--pictures", "4", "--megapixels", "2.5"])
    assert (found.pictures, found.megapixels) == (4, 2.5)
