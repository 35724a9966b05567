"""A training of a few steps, from sprites to the file that ships: what it writes, goes on with and leaves out."""

import csv
import itertools
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from resources.matting.cutnet.export import export
from resources.matting.cutnet.fit import Schedule
from resources.matting.cutnet.net import CutNet
from resources.weights import load_registry
from training import examine, publish, train
from training.pictures import Source, batches
from training.train import HELD_OUT, Stage, examination

SPRITES = Path(__file__).with_name("sprites")
SOURCE = Source((SPRITES,), HELD_OUT, None, side=64, seed=4, batch=8, turns=0.25)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training of two stages, the first of them cut short once."""
    work = tmp_path_factory.mktemp("work")
    whole = Stage(64, Schedule(4, warmup=1), SOURCE.turns)
    # Counted by steps, each of some eight pictures.
    train.train("broad", Stage(64, Schedule(2, warmup=1), SOURCE.turns), SOURCE, work, examined=4)
    train.train("broad", whole, SOURCE, work, examined=4)
    train.train("fine", Stage(64, Schedule(2, warmup=1, decay=1.0), SOURCE.turns), SOURCE, work, examined=4)
    return work


def test_a_training_writes_states_logs_and_a_picture_of_them(trained):
    with (trained / "log_broad.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["step"] for row in rows] == ["2", "4"]
    assert set(rows[0]) == {"step", "loss", "sure", "products_iou", "products_ok", "families_iou", "families_ok"}
    assert all(0 <= float(row["families_iou"]) <= 1 for row in rows)
    assert Image.open(trained / "curves.png").width >= 1000  # a column a stage


def test_a_stage_that_is_done_is_not_begun_again(trained):
    before = (trained / "state_broad.pt").read_bytes()
    fit = train.train("broad", Stage(64, Schedule(4, warmup=1), SOURCE.turns), SOURCE, trained, examined=4)
    assert fit.step == 4
    assert (trained / "state_broad.pt").read_bytes() == before


def test_the_second_stage_begins_with_what_the_first_one_learned(trained):
    broad, fine = (
        torch.load(trained / f"state_{name}.pt", weights_only=True)["averaged"]["stem.weight"]
        for name in ("broad", "fine")
    )
    assert not torch.equal(broad, fine)
    assert (broad - fine).abs().max() < 0.05  # two steps away, and not another net


def test_what_was_trained_becomes_the_file_that_ships_and_its_pin(trained, tmp_path, monkeypatch):
    registry = tmp_path / "weights.yaml"
    registry.write_bytes(publish._REGISTRY.read_bytes())
    monkeypatch.setattr(publish, "_REGISTRY", registry)
    monkeypatch.setattr(publish, "FILE", tmp_path / "nets" / "cutnet" / "cutnet.onnx")
    monkeypatch.setattr(publish, "SIDE", 64)
    publish.publish(trained / "state_fine.pt")
    session = onnxruntime.InferenceSession(str(publish.FILE), providers=["CPUExecutionProvider"])
    alpha, sure = session.run(None, {"photo": np.zeros((1, 3, 64, 64), np.float32)})
    assert alpha.shape == (1, 1, 64, 64)
    assert 0 < sure[0] < 1
    (file,) = load_registry(registry)["cutnet"].files
    assert file.size == publish.FILE.stat().st_size
    assert file.sha256 == publish.digest(publish.FILE)


def test_the_examination_tells_seen_from_unseen_families(tmp_path, monkeypatch, capsys):
    """On an untrained net: what is tested is who is asked about what."""
    export(CutNet().eval(), tmp_path / "net.onnx", 64)
    monkeypatch.setattr(examine, "SIDE", 64)
    numbers = ["--seen", "6", "--unseen", "5", "--seed", str(SOURCE.seed + 1)]
    monkeypatch.setattr("sys.argv", ["-", "--sprites", str(SPRITES), "--net", str(tmp_path / "net.onnx"), *numbers])
    examine.main()
    told = capsys.readouterr().out
    unseen, seen = told[: told.index("seen families, by kind", 10)], told[told.index("seen families, by kind", 10) :]
    assert "teapot" in unseen
    assert not any(family in seen for family in HELD_OUT)
    assert re.search(r"all +│ 5 ", unseen)
    assert re.search(r"all +│ 6 ", seen)


def test_the_same_seed_gives_the_same_batches_from_any_start():
    def first(start: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        return list(itertools.islice(batches(SOURCE, start, 1), count))

    once, again = first(0, 3), first(0, 3)
    for (photos, mattes), (others, other_mattes) in zip(once, again, strict=True):
        assert photos.shape == (8, 64, 64, 3)
        assert mattes.shape == (8, 64, 64)
        np.testing.assert_array_equal(photos, others)
        np.testing.assert_array_equal(mattes, other_mattes)
    assert not np.array_equal(once[0][0], once[2][0])


def test_held_out_families_are_examined_and_not_trained_on():
    trained_on = {sprite.family for sprite in train.load_sprites(SOURCE.sprites)} - HELD_OUT
    assert "teapot" in HELD_OUT
    assert "teapot" not in trained_on
    exam = examination(SOURCE, 4)
    assert exam.kinds == ("products",) * 4 + ("families",) * 4
    assert exam.photos.shape == (8, 64, 64, 3)
