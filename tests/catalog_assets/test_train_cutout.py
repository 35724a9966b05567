"""`catalog train-cutout`: what a shop's pairs are, a training that helps and one that does not, and the way back."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from catalog_assets.context import RunContext
from catalog_assets.environment import read_environment
from catalog_assets.line import run_line
from catalog_assets.models import configured_engines, engine_table
from catalog_assets.product import product_line
from catalog_assets.records import Record, product_shelf
from catalog_assets.reviews import give_matte
from catalog_assets.settings import SettingsError, load_settings
from catalog_assets.trace import trace
from catalog_assets.train_cutout import Wish, _gathered, told, train_cutout
from resources.engines import Engines
from resources.matting.shop_weights import CURRENT, trained_weights
from resources.store import LocalStore
from tests.catalog_assets.command_line import assert_could_not_run, catalog
from tests.catalog_assets.shop import campaigns
from tests.catalogs import easy_photo, make_catalog, run_product
from tests.pictures import png_bytes
from tests.shop_pairs import make_cutnet, write_pairs, write_registry


def no_bar(title: str, total: int) -> nullcontext[object]:
    return nullcontext(lambda steps: None)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a net that knows nothing in the place of the shipped one."""
    folder = tmp_path_factory.mktemp("nets")
    write_registry(folder / "registry.yaml", make_cutnet(folder / "cutnet"))
    return folder / "registry.yaml"


@pytest.fixture
def shop(tmp_path: Path, net: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog with one SKU, and an environment in which the net alone cuts out."""
    monkeypatch.setenv("CATALOG_WEIGHTS", str(net))
    monkeypatch.setenv("CATALOG_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("CATALOG_MATTING_ENGINE", "cutnet")
    monkeypatch.setenv("CATALOG_DEVICE", "cpu")
    return make_catalog(tmp_path / "shop", good=["mug"])


def mask_after_a_run(root: Path) -> Record:
    store = LocalStore(root)
    context = RunContext(store, load_settings(store), configured_engines(read_environment()))
    run_line(product_line(batch=8).line(context), ["mug"], threads=1)
    found = product_shelf(store, "mask", "mug").record("main")
    assert found is not None
    return found


def test_training_that_helps_is_installed_used_and_told_and_taken_back(shop: Path, tmp_path: Path) -> None:
    before = mask_after_a_run(shop)
    assert before.facts["weights"].endswith("shipped")
    write_pairs(tmp_path / "pairs", 40)
    (tmp_path / "pairs" / "torn.jpg").write_bytes(b"no photo")
    (tmp_path / "pairs" / "torn.matte.png").write_bytes(b"no matte")

    ran = catalog("train-cutout", "--root", shop, "--pairs", tmp_path / "pairs", "--steps", 30)
    assert ran.exit_code == 0, ran.output
    assert "left out: torn.jpg: not_an_image" in ran.stdout
    assert "installed: models/cutnet/" in ran.stdout
    trained = trained_weights(LocalStore(shop))
    assert trained is not None
    assert trained.pairs == {"given": 40}
    assert trained.steps == 30
    assert trained.after.iou > trained.before.iou + 0.1
    assert trained.held_out == trained.after.pictures

    after = mask_after_a_run(shop)
    assert after.fingerprint != before.fingerprint
    assert after.engine is not None
    assert before.engine is not None
    assert after.engine.revision != before.engine.revision
    said = f"trained for this shop on {trained.at[:10]}, 40 pairs, IoU {trained.before.iou:.3f} -> "
    assert said in after.facts["weights"]
    assert said in trace(LocalStore(shop), campaigns(), "mug").as_text()
    models = catalog("models", "--root", shop)
    assert f"cut-out net: {trained.in_words} (in place of cutnet" in models.stdout

    in_use = (shop / CURRENT).read_bytes()
    again = catalog("train-cutout", "--root", shop, "--pairs", tmp_path / "pairs", "--steps", 1)
    assert again.exit_code == 1, again.output
    assert "not better: The mean IoU went from" in again.stdout
    assert "Nothing was installed: the weights in use stay." in again.stdout
    assert (shop / CURRENT).read_bytes() == in_use
    assert len(list((shop / "models" / "cutnet").glob("*.onnx"))) == 1

    assert "Back to the shipped weights" in catalog("train-cutout", "--root", shop, "--revert").stdout
    assert "in use already" in catalog("train-cutout", "--root", shop, "--revert").stdout
    assert mask_after_a_run(shop).fingerprint == before.fingerprint


def test_too_few_pairs_are_one_line_and_nothing_is_written(shop: Path, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", 12)
    (tmp_path / "pairs" / "p0.matte.png").write_bytes(b"no matte")
    ran = catalog("train-cutout", "--root", shop, "--pairs", tmp_path / "pairs")
    assert_could_not_run(ran, "11 pairs of photo and cut-out found, at least 40 expected", "--pairs", "1 bad_matte")
    assert not (shop / "models").exists()


def test_what_keeps_it_from_running_is_one_line(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_could_not_run(catalog("train-cutout", "--root", tmp_path / "nowhere"), "No catalog folder")
    assert_could_not_run(catalog("train-cutout", "--root", shop, "--pairs", tmp_path / "nowhere"), "--pairs")
    (shop / "models" / "cutnet").mkdir(parents=True)
    (shop / CURRENT).write_text("{}")
    assert_could_not_run(catalog("train-cutout", "--root", shop), "current.json", "--revert")
    assert "current.json" in engine_table(configured_engines(read_environment()), LocalStore(shop))
    monkeypatch.setattr("resources.matting.cutnet.shop._NEEDED", ("surely_not_there",))
    assert_could_not_run(catalog("train-cutout", "--root", shop), "pip install .[training]")


def test_pairs_of_the_catalog_are_what_was_accepted_and_who_said_so(tmp_path: Path) -> None:
    root = make_catalog(tmp_path / "shop", good=["a", "b", "c", "d"], bad=["torn"])
    (root / "uploads" / "twin.jpg").write_bytes((root / "uploads" / "a.jpg").read_bytes())
    run_product(root)
    store = LocalStore(root)
    alpha = (easy_photo(1).mean(axis=2) < 180).astype("uint8") * 255
    give_matte(store, "b", "", png_bytes(alpha), "tester", "")
    run_product(root)
    mask = product_shelf(store, "mask", "c").record("main")
    assert mask is not None
    store.write(mask.files["mask"].key, b"damaged")
    found, left_out = _gathered(store, Engines(), Wish(), no_bar)
    assert {one.name: one.source for one in found} == {"a/main": "accepted", "b/main": "reviewed", "d/main": "accepted"}
    assert {one.name: one.reason.code for one in left_out} == {"c/main": "damaged_file", "twin/main": "same_photo"}
    assert {one.product for one in found} == {"a", "b", "d"}
    [given] = [one for one in found if one.source == "reviewed"]
    assert ((given.alpha > 127) == (alpha > 127)).all()
    assert told({"accepted": 2, "reviewed": 1}) == "3 pairs: 2 accepted by the gate alone, 1 a person decided about"


def test_a_catalog_that_nobody_reviewed_does_not_teach_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.matting.cutnet.shop_pairs.LEAST_PAIRS", 3)
    monkeypatch.setattr("resources.matting.cutnet.shop_pairs.LEAST_PRODUCTS", 3)
    root = make_catalog(tmp_path / "shop", good=["a", "b", "c"])
    run_product(root)
    with pytest.raises(SettingsError, match="0 pairs that a person looked at found, at least 10 expected") as told_so:
        train_cutout(LocalStore(root), Engines(), Wish(), no_bar)
    assert "pairs of photo and cut-out found" not in str(told_so.value)
    assert json.loads((root / "assets/product/mask/a/main.json").read_text())["status"] == "accepted"
