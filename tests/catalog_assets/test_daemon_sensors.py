"""A real daemon and its sensors: uploads and decisions that nobody attends to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from catalog_assets.partitions import register
from catalog_assets.quarantine import quarantined
from catalog_assets.reviews import approve
from resources.store import open_store
from sensors.sku_work import TOGETHER
from tests.catalogs import make_catalog, photo_bytes, run_product
from tests.daemon import dagster_dev
from tests.dagster_runs import materialized


def exported(root: Path) -> set[str]:
    return {path.parent.name for path in (root / "exports" / "shopify" / "evergreen").rglob("*.jpg")}


def wait_until(true: Callable[[], bool], timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and not true():
        time.sleep(1)
    return true()


@pytest.mark.slow
def test_uploads_are_exported_with_nobody_at_the_desk(tmp_path: Path) -> None:
    """One upload: one run over both lines. Then several, one of them bad: a back-fill."""
    root = make_catalog(tmp_path / "catalog")
    (root / "catalog.yaml").write_text("candidates: 1\nscene_size: 1000\n")
    home = tmp_path / "home"
    with dagster_dev(home, {"CATALOG_ROOT": str(root)}) as daemon:
        daemon.start_sensor("uploads")
        (root / "uploads" / "first.jpg").write_bytes(photo_bytes(1, (640, 640)))
        assert wait_until(lambda: exported(root) == {"first"}, timeout=240), (home / "dev.log").read_text()[-3000:]
        for number, sku in enumerate(("second", "third", "fourth"), 2):
            (root / "uploads" / f"{sku}.jpg").write_bytes(photo_bytes(number, (640, 640)))
        (root / "uploads" / "torn.jpg").write_bytes(photo_bytes(9)[:4000])
        good = {"first", "second", "third", "fourth"}
        assert wait_until(lambda: exported(root) == good, timeout=300), (home / "dev.log").read_text()[-3000:]
    assert [record.sku for record in quarantined(open_store(str(root)))] == ["torn"]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        [only] = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": "first"}))
        assert {key.path[0] for key in only.asset_selection or ()} >= {"raw_photo", "cutout", "evergreen"}
        assert len(instance.get_backfills()) == 1


@pytest.mark.slow
def test_many_uploads_leave_no_gaps_in_the_campaign(tmp_path: Path) -> None:
    """More than a few uploads, some of them bad: the products first, then the campaign over all of them in one run."""
    names = [f"s{number:02d}" for number in range(TOGETHER + 4)]
    bad = set(names[4::8])
    root = make_catalog(tmp_path / "catalog")
    (root / "catalog.yaml").write_text("candidates: 1\nscene_size: 500\narchives: none\n")
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / "winter.yaml").write_text("name: winter\narchived: true\nscenes: [{template: frost}]\n")
    home = tmp_path / "home"
    with dagster_dev(home, {"CATALOG_ROOT": str(root), "CATALOG_CAMPAIGNS": str(tmp_path / "campaigns")}) as daemon:
        for number, sku in enumerate(names):
            photo = photo_bytes(number, (500, 500))
            (root / "uploads" / f"{sku}.jpg").write_bytes(photo[:4000] if sku in bad else photo)
        daemon.start_sensor("uploads")
        good = set(names) - bad
        assert wait_until(lambda: exported(root) == good, timeout=400), (home / "dev.log").read_text()[-3000:]
        with dg.DagsterInstance.from_config(str(home)) as instance:
            assert wait_until(lambda: _statuses(instance) == ["COMPLETED_FAILED"] * 2, timeout=200)
            campaigns, products = instance.get_backfills()
            for backfill in (products, campaigns):
                assert len(instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill.backfill_id}))) == 1
            assert materialized(instance, "evergreen", "marketplace_export") == sorted(good)
    assert {record.sku for record in quarantined(open_store(str(root)))} == bad


def _statuses(instance: dg.DagsterInstance) -> list[str]:
    return [backfill.status.value for backfill in instance.get_backfills()]


@pytest.mark.slow
def test_decided_masks_are_exported_with_nobody_at_the_desk(tmp_path: Path) -> None:
    """One decision: one run over both lines. Then two, and one that cannot be used: a back-fill."""
    root = make_catalog(tmp_path / "catalog")
    for number, sku in enumerate("abcd"):
        (root / "uploads" / f"{sku}.jpg").write_bytes(photo_bytes(number, (640, 640)))
    # No mask is good enough for this gate: every one waits for a person.
    (root / "catalog.yaml").write_text("candidates: 1\nscene_size: 1000\nmatte: {agreement: 1.5}\n")
    store = open_store(str(root))
    report, _ = run_product(root)
    assert report.reviews == 4
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").touch()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        register(instance, "abcd")
    with dagster_dev(home, {"CATALOG_ROOT": str(root)}) as daemon:
        daemon.start_sensor("reviews")
        approve(store, "a", "", "Ann", "")
        assert wait_until(lambda: exported(root) == {"a"}, timeout=240), (home / "dev.log").read_text()[-3000:]
        approve(store, "b", "", "Ann", "")
        approve(store, "c", "", "Ann", "")
        store.write("reviews/d/main.json", b"not JSON")
        assert wait_until(lambda: exported(root) == {"a", "b", "c"}, timeout=300), (home / "dev.log").read_text()[
            -3000:
        ]
    assert [(record.sku, record.rejection.code) for record in quarantined(store)] == [("d", "bad_decision")]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        [only] = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": "a"}))
        assert only.tags["catalog/cause"] == "review"
        assert len(instance.get_backfills()) == 1
