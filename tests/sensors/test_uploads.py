"""The uploads sensor, evaluated with a built context."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from catalog_assets.campaign_files import load_campaigns
from catalog_assets.definitions import line_infos
from catalog_assets.environment import Environment
from catalog_assets.partitions import registered
from resources.catalog_resource import CatalogResource
from sensors.uploads import uploads_sensor
from tests.catalogs import make_catalog
from tests.dagster_runs import sensor_tick

CAMPAIGNS = load_campaigns()
PRODUCT, LINES = line_infos(Environment(), CAMPAIGNS)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tick(instance: dg.DagsterInstance, root: Path | str, cursor: str | None, limit: int = 2000) -> dg.SensorResult:
    sensor = uploads_sensor(PRODUCT, LINES, CAMPAIGNS, limit=limit)
    return sensor_tick(sensor, instance, CatalogResource(root=str(root)), cursor)


def test_one_upload_makes_one_run_over_both_lines(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["mug"])
    first = tick(instance, tmp_path, None)
    assert not first.run_requests
    assert first.skip_reason is not None
    second = tick(instance, tmp_path, first.cursor)
    [request] = second.run_requests or []
    assert request.partition_key == "mug"
    assert registered(instance) == ["mug"]
    keys = {key.to_user_string() for key in request.asset_selection or []}
    assert {"raw_photo", "mask", "cutout", "evergreen/marketplace_export"} <= keys
    assert request.run_key is not None
    third = tick(instance, tmp_path, second.cursor)
    assert not third.run_requests


def test_a_new_upload_of_the_same_sku_has_another_run_key(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["mug"])
    cursor = tick(instance, tmp_path, None).cursor
    result = tick(instance, tmp_path, cursor)
    first_key = (result.run_requests or [])[0].run_key
    (tmp_path / "uploads" / "mug.jpg").write_bytes((tmp_path / "uploads" / "mug.jpg").read_bytes() + b"\0")
    result = tick(instance, tmp_path, tick(instance, tmp_path, result.cursor).cursor)
    assert (result.run_requests or [])[0].run_key != first_key


def test_a_photo_removed_and_put_back_as_it_was_runs_every_time(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["keep", "mug"])
    cursor = tick(instance, tmp_path, tick(instance, tmp_path, None).cursor).cursor
    photo, aside = tmp_path / "uploads" / "mug.jpg", tmp_path / "mug.jpg"
    keys = []
    for _ in range(2):
        photo.rename(aside)
        result = tick(instance, tmp_path, cursor)
        keys.append((result.run_requests or [])[0].run_key)
        aside.rename(photo)
        result = tick(instance, tmp_path, tick(instance, tmp_path, result.cursor).cursor)
        keys.append((result.run_requests or [])[0].run_key)
        cursor = result.cursor
    assert len(set(keys)) == 4


def test_many_uploads_make_one_backfill_and_register_sorted(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["c", "a", "b"])
    result = tick(instance, tmp_path, tick(instance, tmp_path, None).cursor)
    assert registered(instance) == ["a", "b", "c"]
    [request] = result.run_requests or []
    assert request.partition_key is None
    assert request.requires_backfill_daemon()


def test_a_removed_upload_runs_its_sku_so_that_it_is_retired(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["a", "b"])
    result = tick(instance, tmp_path, tick(instance, tmp_path, None).cursor)
    (tmp_path / "uploads" / "a.jpg").unlink()
    result = tick(instance, tmp_path, result.cursor)
    [request] = result.run_requests or []
    assert request.partition_key == "a"
    assert registered(instance) == ["a", "b"]


def test_thousands_are_spread_over_ticks(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    (tmp_path / "uploads").mkdir()
    for number in range(5000):
        (tmp_path / "uploads" / f"s{number:04d}.jpg").write_bytes(b"\xff\xd8\xff")
    cursor = tick(instance, tmp_path, None).cursor
    for expected in (2000, 4000, 5000):
        cursor = tick(instance, tmp_path, cursor).cursor
        assert len(registered(instance)) == expected


def test_only_campaigns_in_season_are_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = tmp_path / "campaigns"
    folder.mkdir()
    (folder / "past.yaml").write_text(
        "name: past\nfrom: 2020-01-01\nuntil: 2020-02-01\nscenes: [{template: frost}]\nmarketplaces: [shopify]\n"
    )
    campaigns = load_campaigns(folder)
    product, lines = line_infos(Environment(), campaigns)
    make_catalog(tmp_path, good=["mug"])
    sensor = uploads_sensor(product, lines, campaigns)
    catalog = CatalogResource(root=str(tmp_path))
    result = sensor_tick(sensor, instance, catalog, sensor_tick(sensor, instance, catalog).cursor)
    keys = {key.path[0] for key in (result.run_requests or [])[0].asset_selection or []}
    assert "evergreen" in keys
    assert "past" not in keys
