"""A shop's own weights of the cut-out net: from the store onto the disk and into the engines, and back."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resources.engines import Engines
from resources.matting.onnx_saliency import OnnxDetector
from resources.matting.shop_weights import (
    CURRENT,
    OWN_NET,
    Scores,
    Trained,
    install,
    own_net_file,
    revert,
    shipped_in_words,
    trained_weights,
    with_shop_weights,
)
from resources.storage.s3 import S3Store
from resources.store import CatalogStore, LocalStore, json_bytes
from resources.weights import Models, WeightsError
from tests.conftest import S3Server
from tests.nets import make_onnx, models_of, onnx_entry
from tests.shop_pairs import write_registry

SCORES = Scores(pictures=10, iou=0.8, right=0.5, mae=0.1, boundary=0.6)
PHOTO = np.full((80, 60, 3), 200, np.uint8)


def record(data: bytes, **fields: Any) -> Trained:
    said = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "base": "0" * 64,
        "at": "2026-11-21T20:00:00+00:00",
        "pairs": {"accepted": 30, "reviewed": 18},
        "held_out": 10,
        "seed": 0,
        "steps": 300,
        "before": SCORES,
        "after": SCORES.model_copy(update={"iou": 0.9}),
        "licence": "the shop's",
    }
    return Trained(**{**said, **fields})


def net_bytes(folder: Path, scale: float) -> bytes:
    """A tiny ONNX net; another scale, other weights."""
    make_onnx(folder / f"scale{scale:g}" / "net.onnx", scale=scale)
    return (folder / f"scale{scale:g}" / "net.onnx").read_bytes()


@pytest.fixture
def models(tmp_path: Path) -> Models:
    """A registry whose cutnet is a tiny net of scale 4, in the place of the shipped one."""
    folder = tmp_path / "shipped" / OWN_NET
    make_onnx(folder / "net.onnx", scale=4.0)
    return models_of(onnx_entry(folder), root=tmp_path / "models")


@pytest.fixture
def store(tmp_path: Path) -> CatalogStore:
    return LocalStore(tmp_path / "catalog")


def check_the_way_there_and_back(store: CatalogStore, models: Models, folder: Path) -> None:
    assert trained_weights(store) is None
    data = net_bytes(folder, 5.0)
    install(store, data, record(data))
    found = trained_weights(store)
    assert found == record(data)
    mine = with_shop_weights(models, found, store)
    path, sha256 = own_net_file(mine)
    assert path.read_bytes() == data
    assert sha256 == found.sha256
    assert path == models.root / f"cutnet-{sha256[:16]}" / "cutnet.onnx"
    old, new = (OnnxDetector(each.ready(OWN_NET), each) for each in (models, mine))
    assert old.revision != new.revision
    assert np.abs(old.answer(PHOTO).saliency - new.answer(PHOTO).saliency).max() > 0.001
    assert revert(store)
    assert trained_weights(store) is None
    assert store.read(found.key) == data  # old records still name it
    assert not revert(store)


def test_weights_go_into_the_store_onto_the_disk_and_back(store: CatalogStore, models: Models, tmp_path: Path) -> None:
    check_the_way_there_and_back(store, models, tmp_path)


def test_an_s3_store_does_the_same(s3_server: S3Server, models: Models, tmp_path: Path) -> None:
    store = S3Store(s3_server.new_bucket(), "shop", s3_server.client())
    check_the_way_there_and_back(store, models, tmp_path)


def test_weights_on_disk_are_not_fetched_again_unless_they_were_damaged(
    store: CatalogStore, models: Models, tmp_path: Path
) -> None:
    data = net_bytes(tmp_path, 5.0)
    trained = record(data)
    install(store, data, trained)
    path, _ = own_net_file(with_shop_weights(models, trained, store))
    path.write_bytes(data[::-1])  # of the same size
    with_shop_weights(models, trained, store)
    assert path.read_bytes() == data
    store.delete(trained.key)
    with_shop_weights(models, trained, store)
    assert [each.name for each in path.parent.iterdir()] == ["cutnet.onnx"]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (lambda data: data[::-1], "digest .* found, .* expected"),
        (lambda data: data[:-1], "bytes found, .* expected"),
        (lambda data: None, "is not in the store"),
    ],
    ids=["other", "shorter", "gone"],
)
def test_wrong_weights_in_the_store_are_one_clear_error(
    store: CatalogStore, models: Models, tmp_path: Path, there: Any, said: str
) -> None:
    data = net_bytes(tmp_path, 5.0)
    trained = record(data)
    install(store, data, trained)
    store.delete(trained.key)
    if spoilt := there(data):
        store.write(trained.key, spoilt)
    with pytest.raises(WeightsError, match=said) as told:
        with_shop_weights(models, trained, store)
    assert "--revert" in str(told.value)
    assert "\n" not in str(told.value)
    assert not models.root.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\x00 no JSON",
        b"[]",
        json_bytes({**record(b"x").model_dump(mode="json"), "sha256": "../../../etc/passwd"}),
        json_bytes({**record(b"x").model_dump(mode="json"), "size": 10**12}),
        json_bytes({**record(b"x").model_dump(mode="json"), "pairs": {"given": -1}}),
        b" " * 200_000,
    ],
    ids=["bytes", "list", "path", "size", "count", "long"],
)
def test_a_broken_record_is_an_error_and_can_be_taken_back(store: CatalogStore, content: bytes) -> None:
    store.write(CURRENT, content)
    with pytest.raises(WeightsError, match=r"current\.json.*--revert") as told:
        trained_weights(store)
    assert "\n" not in str(told.value)
    assert revert(store)
    assert trained_weights(store) is None


def test_a_models_folder_that_cannot_be_written_is_said(store: CatalogStore, models: Models, tmp_path: Path) -> None:
    data = net_bytes(tmp_path, 5.0)
    install(store, data, record(data))
    models.root.write_text("a file in the way")
    with pytest.raises(WeightsError, match="could not be put there"):
        with_shop_weights(models, record(data), store)


def test_the_licences_of_the_base_hold_on_and_the_data_s_says_more(
    store: CatalogStore, models: Models, tmp_path: Path
) -> None:
    data = net_bytes(tmp_path, 5.0)
    install(store, data, record(data))
    before, after = (each.entry(OWN_NET).licences for each in (models, with_shop_weights(models, record(data), store)))
    assert after.weights == before.weights
    assert after.training_data.commercial == before.training_data.commercial
    assert "pictures of this shop" in after.training_data.note


def engines(models: Models, folder: Path, matting: str) -> Engines:
    registry = folder / "registry.yaml"
    write_registry(registry, models.entry(OWN_NET))
    return Engines(matting=matting, weights_file=str(registry), models_folder=str(models.root))  # type: ignore[call-arg]


def test_engines_use_what_was_installed_last(store: CatalogStore, models: Models, tmp_path: Path) -> None:
    """One object of engines, as a process that runs for long has it: the next run has the new weights."""
    ours = engines(models, tmp_path, "cutnet+own")
    shipped = ours.cut_outs(store)
    assert shipped.weights == shipped_in_words(models)
    assert shipped.weights.endswith("shipped")
    revisions = {shipped.engine.revision}
    for scale in (5.0, 6.0):
        data = net_bytes(tmp_path, scale)
        install(store, data, record(data))
        found = ours.cut_outs(store)
        assert found.engine is ours.matting_engine(store)  # loaded once
        assert "trained for this shop on 2026-11-21, 48 pairs, IoU 0.800 -> 0.900" in found.weights
        assert record(data).sha256[:16] in found.weights
        revisions.add(found.engine.revision)
    assert len(revisions) == 3
    assert ours.matting_engine().revision == shipped.engine.revision  # no catalog, no shop
    revert(store)
    assert ours.matting_engine(store) is shipped.engine


@pytest.mark.parametrize(("name", "has_it"), [("classical", False), ("embedded", True), ("classical, cutnet", True)])
def test_only_engines_with_the_net_in_them_look_into_the_store(
    store: CatalogStore, models: Models, tmp_path: Path, name: str, has_it: bool
) -> None:
    store.write(CURRENT, b"broken")
    if has_it:
        with pytest.raises(WeightsError, match=r"current\.json"):
            engines(models, tmp_path, name).matting_engine(store)
    else:
        assert engines(models, tmp_path, name).cut_outs(store).weights == ""
