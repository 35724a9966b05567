"""A run whose disk is full, or whose database is away for a moment: what is made is shown, the rest said in words."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from catalog_assets import reporting
from catalog_assets.line_assets import line_assets
from catalog_assets.product import product_line
from resources.store import LocalStore
from tests.catalogs import make_catalog
from tests.dagster_runs import failure_text, materializations, materialized, run_range

PRODUCT = line_assets(product_line(batch=8), ["team:catalog"])
SKUS = ["a", "b", "c"]


class FullDisk:
    """Every write below some folders fails as on a full disk, in the store's own temporary file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *folders: str) -> None:
        original = LocalStore.write_stream

        def write(store: LocalStore, key: str, chunks: Iterable[bytes], content_type: str | None = None) -> None:
            def full() -> Iterable[bytes]:
                for chunk in chunks:
                    yield chunk[:10]
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            original(store, key, full() if key.startswith(folders) else chunks, content_type)

        monkeypatch.setattr(LocalStore, "write_stream", write)


def test_a_full_disk_is_said_in_a_line_a_sku(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_catalog(tmp_path, good=SKUS)
    FullDisk(monkeypatch, "assets/product/cutout/", "quarantine/", "ledger/")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_range(PRODUCT, instance, tmp_path, SKUS)
        text = failure_text(instance, result.run_id)
        assert (materialized(instance, "mask"), materialized(instance, "cutout")) == (SKUS, [])
        assert instance.get_run_by_id(result.run_id).tags["outcome"] == "error"  # type: ignore[union-attr]
    lines = text.splitlines()
    assert [line.split(":")[:3] for line in lines[1:]] == [[sku, " cutout", " disk_full"] for sku in SKUS]
    assert text.count("No space left on device. Free some space on the disk, then run again.") == 3
    for said in (text, caplog.text):
        assert "Traceback" not in said
    assert "the quarantine record of a could not be written" in caplog.text
    assert not list((tmp_path / "assets" / "product" / "cutout").rglob("*.*"))


def test_a_ledger_that_cannot_be_written_costs_no_sku_its_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_catalog(tmp_path, good=SKUS)
    FullDisk(monkeypatch, "ledger/")
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_range(PRODUCT, instance, tmp_path, SKUS).success
        assert materialized(instance, "cutout") == SKUS
    assert "missing from the ledger" in caplog.text


class Away:
    """Dagster's event log, which fails so many times in the middle of what a line reports."""

    def __init__(self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        storage, self.left = instance.event_log_storage, times
        original = storage.store_event

        def store(event: Any) -> None:
            kind = event.dagster_event.event_type_value if event.dagster_event else ""
            if kind == "ASSET_MATERIALIZATION" and self.left:
                self.left -= 1
                raise OperationalError("insert", {}, Exception("terminating connection due to administrator command"))
            original(event)

        monkeypatch.setattr(storage, "store_event", store)


def test_a_run_outlives_a_restart_of_its_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_catalog(tmp_path, good=SKUS)
    with dg.DagsterInstance.ephemeral() as instance:
        away = Away(instance, monkeypatch, times=2)
        result = run_range(PRODUCT, instance, tmp_path, SKUS)
        assert (result.success, away.left) == (True, 0)
        assert len(materializations(instance, result.run_id)) == 9


def test_a_run_does_not_wait_for_its_database_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_catalog(tmp_path, good=SKUS)
    monkeypatch.setattr(reporting, "PATIENCE_S", 0.1)
    with dg.DagsterInstance.ephemeral() as instance:
        away = Away(instance, monkeypatch, times=1000)
        assert not run_range(PRODUCT, instance, tmp_path, SKUS).success
        assert away.left > 900
