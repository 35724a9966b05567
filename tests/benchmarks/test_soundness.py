"""The audit after a fault: what was lost and torn is found, and a status that is not so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from benchmarks import soundness
from benchmarks.soundness import ASSETS, EVERGREEN, PRODUCT, damage, dates, finished, middle, taken_stock, torn
from catalog_assets.partitions import range_tags
from catalog_assets.records import Record, Shelf, campaign_folder, product_folder
from resources.store import CatalogStore, LocalStore
from resources.verdicts import Rejection

SKUS = ["a", "b"]


def put(store: CatalogStore, folder: str, sku: str, **fields: Any) -> None:
    """A record with a picture of its own."""
    shelf = Shelf(store, folder)
    picture = shelf.put("main", "jpg", f"picture of {folder}".encode())
    shelf.save(Record(folder.split("/")[-2], sku, "main", "made", "f", files={"picture": picture}, **fields))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Two SKUs that both lines are done with."""
    made = LocalStore(str(tmp_path))
    for sku in SKUS:
        for stage in PRODUCT:
            put(made, product_folder(stage, sku), sku)
        for stage in EVERGREEN:
            put(made, campaign_folder("evergreen", stage, sku), sku)
    return made


class Page:
    """What the asset page shows, asked as a Daemon is."""

    def __init__(self, shown: dict[str, str] | None = None) -> None:
        self.shown = shown or {}

    def query(self, text: str, *, k: dict[str, list[str]]) -> dict[str, Any]:
        found: dict[str, list[str]] = {}
        for sku in SKUS:
            status = self.shown.get(f"{'/'.join(k['path'])}/{sku}", "materialized")
            found.setdefault(f"{status}Partitions", []).append(sku)
        return {"assetNodeOrError": {"assetPartitionStatuses": found}}


def audit(store: CatalogStore, **shown: str) -> soundness.Damage:
    with dg.DagsterInstance.ephemeral() as instance:
        page = Page({name.replace("__", "/"): status for name, status in shown.items()})
        return damage(store, SKUS, page, instance)  # type: ignore[arg-type]  # it only asks


def test_a_sound_catalog_has_no_damage(store: LocalStore) -> None:
    found = audit(store)
    assert found.none
    assert found.sizes() == {"lost": 0, "torn": 0, "wrong_status": 0, "files": 12, "unnamed": 0}


def test_a_record_without_its_whole_file_is_torn(store: LocalStore) -> None:
    [picture] = [entry.key for entry in store.list("assets/product/mask/a") if entry.key.endswith(".jpg")]
    store.write(picture, b"half")
    [gone] = [entry.key for entry in store.list("assets/product/cutout/b") if entry.key.endswith(".jpg")]
    store.delete(gone)
    found = audit(store)
    assert found.torn == [picture, gone]
    assert found.touches("a")
    assert [line for line in found.describe("now") if "torn:" in line] == [f"  torn: {picture}", f"  torn: {gone}"]


def test_half_a_record_is_torn_and_its_sku_lost(store: LocalStore) -> None:
    key = "assets/product/mask/a/main.json"
    store.write(key, store.read(key)[:100])
    found = audit(store, mask__a="failed")
    assert (found.torn, found.lost, found.wrong_status, found.unnamed) == ([key], ["mask/a"], [], 1)


@pytest.mark.parametrize("folder", ["quarantine/product", "ledger/2026-11", "state/uploads"])
def test_what_lies_beside_the_records_is_read_too(store: LocalStore, folder: str) -> None:
    store.write(f"{folder}/a.json", b'{"line": "prod')
    assert audit(store).torn == [f"{folder}/a.json"]


def test_a_refused_sku_is_lost_and_may_not_be_shown_as_made(store: LocalStore) -> None:
    put(store, product_folder("cutout", "b"), "b", rejection=Rejection("no", "No.", "Do."))
    assert audit(store).wrong_status == ["cutout/b: materialized"]
    for status in ("failed", "unmaterialized"):
        assert (audit(store, cutout__b=status).lost, audit(store, cutout__b=status).wrong_status) == (["cutout/b"], [])


@pytest.mark.parametrize("status", ["failed", "unmaterialized", "materializing"])
def test_what_is_made_must_be_shown_as_made(store: LocalStore, status: str) -> None:
    found = audit(store, evergreen__scored_finals__a=status)
    assert found.wrong_status == [f"evergreen/scored_finals/a: {status}"]
    assert not found.none


def test_a_run_that_never_ends_is_a_wrong_status(store: LocalStore) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(job(), status=dg.DagsterRunStatus.STARTED)
        found = damage(store, SKUS, Page(), instance)  # type: ignore[arg-type]  # as above
    assert found.wrong_status == [f"run {run.run_id}: STARTED"]


def job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        pass

    @dg.job
    def empty() -> None:
        nothing()

    return empty


def test_what_was_only_being_replaced_is_not_torn(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "assets/product/mask/a/main.json"
    whole = store.read(key)
    store.write(key, whole[:50])
    assert taken_stock(store, SKUS).torn == [key]
    monkeypatch.setattr(soundness.time, "sleep", lambda seconds: store.write(key, whole))
    assert torn(store, SKUS) == []


def run_of(*skus: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> dg.DagsterRun:
    keys = frozenset({dg.AssetKey("mask"), dg.AssetKey("cutout")})
    return dg.DagsterRun("job", tags=range_tags(skus[0], skus[-1]), asset_selection=keys, status=status)


def test_the_middle_of_a_run(store: LocalStore) -> None:
    order = ["z", "a", "b", "c", "d"]
    found = middle(store, order, run_of("a", "d"))
    assert found is not None
    assert (found.line, found.skus, sorted(found.done)) == ("product", ("a", "b", "c", "d"), ["a", "b"])
    assert found.done == dates(store, "product", SKUS)
    assert finished(store, "evergreen", order) == 2


@pytest.mark.parametrize(
    ("skus", "status"),
    [
        (("a", "b"), dg.DagsterRunStatus.STARTED),  # all of them
        (("b", "d"), dg.DagsterRunStatus.STARTED),  # a third
        (("a", "d"), dg.DagsterRunStatus.SUCCESS),
    ],
)
def test_no_middle(store: LocalStore, skus: tuple[str, ...], status: dg.DagsterRunStatus) -> None:
    assert middle(store, ["a", "b", "c", "d"], run_of(*skus, status=status)) is None


def test_every_asset_is_looked_at(store: LocalStore) -> None:
    for path in ASSETS:
        folder = product_folder(path[0], "a") if len(path) == 1 else campaign_folder(*path, "a")
        store.delete(f"{folder}/main.json")
        assert ("/".join(path), "a") not in taken_stock(store, SKUS).made
        assert json.loads(store.read(f"{folder.removesuffix('a')}b/main.json"))["status"] == "made"
