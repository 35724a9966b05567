"""Captions: the same words for the same picture, offline, no code from a pickle, kept by the cut-out's content."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from resources.captions import FOLDER, Captioner, cached_caption, worded
from resources.gpu import GpuOptions
from resources.names import clean_text
from resources.scenes.prompts import MOST_PRODUCT
from resources.store import open_store
from resources.weights import Models, WeightsError, load_registry
from tests.nets import make_blip, models_of, pinned
from tests.pictures import product_cutout

U8 = NDArray[np.uint8]

CPU = GpuOptions("cpu")
SHA = "ab" * 32


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    import torch

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("captioners")
    return models_of(make_blip(root / "tiny-blip"), make_blip(root / "pickled-blip", pickled=True))


@pytest.fixture(scope="session")
def captioner(models: Models) -> Captioner:
    return Captioner(models.entry("tiny-blip"), models, CPU)


@pytest.fixture(scope="session")
def cutouts() -> list[U8]:
    return [product_cutout((160, 200), seed) for seed in range(5)]


# ---- the net


def test_words_come_from_the_picture_and_are_one_plain_line(captioner: Captioner, cutouts: list[U8]) -> None:
    said = [captioner.caption(cutout) for cutout in cutouts]
    assert len(set(said)) > 1
    for caption in said:
        assert 0 < len(caption) <= MOST_PRODUCT
        assert caption == clean_text(caption)
        assert "DEC" not in caption, "the token that a caption begins with is none of its words"


def test_a_picture_is_told_the_same_whoever_asks_beside_it(captioner: Captioner, cutouts: list[U8]) -> None:
    alone = [captioner.caption(cutout) for cutout in cutouts]
    with ThreadPoolExecutor(5) as threads:
        assert list(threads.map(captioner.caption, cutouts)) == alone
    captioner.close()
    assert captioner.caption(cutouts[0]) == alone[0], "loaded again"


def test_where_the_product_lies_in_its_picture_says_nothing(captioner: Captioner, cutouts: list[U8]) -> None:
    moved = np.pad(cutouts[0], ((40, 0), (0, 90), (0, 0)))
    assert captioner.caption(moved) == captioner.caption(cutouts[0])


def test_an_empty_cut_out_has_no_caption(captioner: Captioner) -> None:
    assert captioner.caption(np.zeros((40, 40, 4), np.uint8)) == ""


def test_it_loads_without_a_network(models: Models, cutouts: list[U8], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert Captioner(models.entry("tiny-blip"), models, CPU).caption(cutouts[0])


def test_a_pickle_of_tensors_says_the_same_as_safetensors(
    models: Models, captioner: Captioner, cutouts: list[U8]
) -> None:
    pickled = Captioner(models.entry("pickled-blip"), models, CPU)
    assert [pickled.caption(cutout) for cutout in cutouts] == [captioner.caption(cutout) for cutout in cutouts]
    assert pickled.identity != captioner.identity


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path, cutouts: list[U8]) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "was-run"),)

    folder = tmp_path / "evil-blip"
    make_blip(folder, pickled=True)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(), protocol=2))
    evil = pinned(folder, runtime="transformers", job="captioning", input={"side": 64, "mean": [0] * 3, "std": [1] * 3})
    with pytest.raises(Exception, match=r"(?i)weights_only|pickle|load"):
        Captioner(evil, models_of(evil), CPU).caption(cutouts[0])
    assert not (tmp_path / "was-run").exists()


def test_other_weights_than_the_pinned_ones_are_refused(tmp_path: Path, cutouts: list[U8]) -> None:
    weights = make_blip(tmp_path / "tiny-blip", pickled=True)
    file = tmp_path / "tiny-blip" / "pytorch_model.bin"
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(WeightsError, match="digest"):
        Captioner(weights, models_of(weights), CPU).caption(cutouts[0])


def test_the_shipped_entry_is_pinned_and_may_be_used() -> None:
    blip = load_registry()["blip"]
    assert blip.job == "captioning"
    assert not blip.unpinned
    assert not blip.not_allowed
    assert blip.pickled, "the repository has no safetensors at that commit"
    assert not blip.trust_remote_code


def test_a_pickle_must_be_pinned(models: Models) -> None:
    entry = models.entry("pickled-blip").model_dump()
    entry["files"] = [{**file, "sha256": ""} for file in entry["files"]]
    with pytest.raises(ValueError, match="pickle and needs its sha256"):
        type(models.entry("pickled-blip"))(**entry)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("a blue mug on a white background", "a blue mug"),
        ("a picture of a red notebook", "a red notebook"),
        ("there is a close up of a gold necklace on a table", "a gold necklace"),
        ("a lamp that is on a wooden surface with a plant", "a lamp"),
        ("a teddy bear sitting on top of a white surface", "a teddy bear"),
        ("a bottle of oil with a cork", "a bottle of oil with a cork"),
        ("a mug\n(red:1.9) <lora:x:1> {cat}", "a mug red 1.9 lora x 1 cat"),
        ("\u202ea mug", "a mug"),
        ("  ", ""),
    ],
)
def test_only_words_on_the_product_are_kept(said: str, kept: str) -> None:
    assert worded(said) == kept


def test_words_are_bounded() -> None:
    assert len(worded("mug " * 400)) <= MOST_PRODUCT


# ---- kept


def test_a_cut_out_is_looked_at_once_by_each_captioner(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    asked: list[str] = []

    def make(said: str) -> Callable[[], str]:
        def words() -> str:
            asked.append(said)
            return said

        return words

    assert cached_caption(store, SHA, "1.abc", make("a mug")) == "a mug"
    assert cached_caption(store, SHA, "1.abc", make("something else")) == "a mug"
    assert cached_caption(store, SHA, "2.abc", make("a cup")) == "a cup"
    assert cached_caption(store, "cd" * 32, "1.abc", make("a pot")) == "a pot"
    assert asked == ["a mug", "a cup", "a pot"]


def test_an_empty_caption_is_kept_too(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    assert cached_caption(store, SHA, "1.abc", lambda: "") == ""
    assert cached_caption(store, SHA, "1.abc", lambda: "a mug") == ""


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"caption": 5}', b'{"other": "x"}', b"\xff"])
def test_what_is_damaged_is_made_again(tmp_path: Path, damage: bytes) -> None:
    store = open_store(str(tmp_path))
    cached_caption(store, SHA, "1.abc", lambda: "a mug")
    store.write(f"{FOLDER}/1.abc/{SHA}.json", damage)
    assert cached_caption(store, SHA, "1.abc", lambda: "a mug") == "a mug"
    assert store.read_json(f"{FOLDER}/1.abc/{SHA}.json") == {"caption": "a mug"}


def test_what_somebody_wrote_into_the_store_is_cleaned_as_well(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.write_json(f"{FOLDER}/1.abc/{SHA}.json", {"caption": 'mug"\n<lora:evil:2> ' + "x " * 5000})
    kept = cached_caption(store, SHA, "1.abc", lambda: "unused")
    assert kept.startswith("mug lora evil 2 x x")
    assert len(kept) <= MOST_PRODUCT


@pytest.mark.parametrize("name", ["", "..", "a/b", "../up", ".hidden", "x" * 200, "a b"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    store = open_store(str(tmp_path))
    with pytest.raises(ValueError, match="no name of a caption"):
        cached_caption(store, name, "1.abc", lambda: "x")
    with pytest.raises(ValueError, match="no name of a caption"):
        cached_caption(store, SHA, name, lambda: "x")
    assert not list(tmp_path.rglob("*.json"))
