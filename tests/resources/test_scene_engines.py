"""Scene engines by name: the embedded one, weights, providers; and what keeps one from being had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resources.gpu import GpuOptions
from resources.scenes.cloud.providers import Provider
from resources.scenes.engine import SceneEngine
from resources.scenes.engines import scene_engine, scene_engine_names
from resources.scenes.plate import plates_digest
from resources.store import LocalStore
from resources.weights import Models, load_registry
from tests.cloud_server import KEY, VARIABLE, CloudServer

ON_CPU = GpuOptions(wanted="cpu")


@pytest.fixture(scope="module")
def painter() -> Provider:
    return CloudServer().provider("fal")


def engine(name: str, folder: Path, painter: Provider, **changed: Any) -> SceneEngine:
    given = {"models": Models(folder, load_registry()), "store": LocalStore(folder), "as_": "painter", **changed}
    return scene_engine(name, given["models"], ON_CPU, {given["as_"]: painter}, given["store"])


def test_the_studio_needs_nothing(tmp_path: Path, painter: Provider) -> None:
    studio = engine("studio", tmp_path, painter, store=None)
    assert (studio.name, studio.kind, studio.price) == ("studio", "procedural_scene", 0)
    assert plates_digest() in studio.revision, "other plates are another revision"


def test_all_names_are_known(painter: Provider) -> None:
    names = scene_engine_names(load_registry(), {"painter": painter})
    assert names[0] == "studio"
    assert names[-1] == "painter"
    assert {"flux2-klein", "z-image-turbo", "qwen-image-edit", "sdxl-inpaint", "flux1-fill"} <= set(names)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path, painter: Provider) -> None:
    with pytest.raises(ValueError, match=r"unknown scene engine 'nope'; known: studio, .*painter"):
        engine("nope", tmp_path, painter)
    with pytest.raises(ValueError, match="unknown scene engine 'birefnet'"):  # weights, but of another job
        engine("birefnet", tmp_path, painter)


def test_weights_that_are_not_there_are_told_with_what_to_do(tmp_path: Path, painter: Provider) -> None:
    with pytest.raises(ValueError, match="catalog models fetch flux2-klein"):
        engine("flux2-klein", tmp_path, painter)


def test_a_model_that_is_not_for_commercial_use_needs_consent(tmp_path: Path, painter: Provider) -> None:
    with pytest.raises(ValueError, match="CATALOG_ACCEPT_LICENCES=flux1-fill"):
        engine("flux1-fill", tmp_path, painter)
    consented = Models(tmp_path, load_registry(), frozenset({"flux1-fill"}))
    with pytest.raises(ValueError, match="catalog models fetch flux1-fill"):
        engine("flux1-fill", tmp_path, painter, models=consented)


def test_a_provider_needs_its_key_and_a_store(
    tmp_path: Path, painter: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ValueError, match=VARIABLE):
        engine("painter", tmp_path, painter)
    monkeypatch.setenv(VARIABLE, KEY)
    found = engine("painter", tmp_path, painter)
    assert found.price == painter.price_usd > 0
    assert KEY not in repr(found)
    with pytest.raises(ValueError, match="painter costs money"):
        engine("painter", tmp_path, painter, store=None)


def test_one_name_is_one_engine(tmp_path: Path, painter: Provider) -> None:
    with pytest.raises(ValueError, match="both weights and a cloud provider"):
        engine("sdxl-inpaint", tmp_path, painter, as_="sdxl-inpaint")
