"""Changed SKUs that lie apart: one run through the lines instead of one for each gap, and nothing asked for twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from catalog_assets.campaign_files import load_campaigns
from catalog_assets.definitions import build_definitions, line_infos
from catalog_assets.environment import Environment
from catalog_assets.jobs import scattered_job
from catalog_assets.partitions import register
from resources.catalog_resource import CatalogResource
from resources.store import open_store
from sensors.scattered import FOLDER, leave, scattered_sensor
from sensors.uploads import uploads_sensor
from tests.catalogs import make_catalog, photo_bytes
from tests.dagster_runs import sensor_tick

CAMPAIGNS = load_campaigns()
PRODUCT, LINES = line_infos(Environment(), CAMPAIGNS)
SKUS = [f"s{number:02d}" for number in range(30)]
APART = SKUS[::5]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, SKUS)
        yield instance


def tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, root: Path, cursor: str | None = None
) -> dg.SensorResult:
    return sensor_tick(sensor, instance, CatalogResource(root=str(root)), cursor)


def left(root: Path) -> list[str]:
    return sorted(path.name for path in (root / FOLDER).glob("*.json"))


def test_changed_photos_that_lie_apart_take_one_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root = make_catalog(tmp_path, good=SKUS)
    uploads, scattered = uploads_sensor(PRODUCT, LINES, CAMPAIGNS), scattered_sensor(scattered_job(PRODUCT, LINES))
    first = tick(uploads, instance, root)
    known = tick(uploads, instance, root, first.cursor)
    assert known.run_requests  # all are new: neighbours, a back-fill
    for number, sku in enumerate(APART, 100):
        (root / "uploads" / f"{sku}.jpg").write_bytes(photo_bytes(number))
    told = tick(uploads, instance, root, tick(uploads, instance, root, known.cursor).cursor)
    assert not told.run_requests
    assert isinstance(told.skip_reason, dg.SkipReason)
    assert told.skip_reason.skip_message == "6 SKUs that lie apart are left to the sensor scattered."

    asked = tick(scattered, instance, root)
    [request] = asked.run_requests or []
    config = request.run_config["ops"]["refresh_scattered_skus"]["config"]
    assert config["skus"] == APART
    assert "evergreen" in config["campaigns"]
    assert (request.tags["dagster/priority"], request.tags["catalog/cause"]) == ("10", "upload")
    assert left(root)  # until it is sure that the request was heard
    quiet = tick(scattered, instance, root, asked.cursor)
    assert not quiet.run_requests
    assert not left(root)


def test_a_tick_that_was_lost_asks_again_for_the_same_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    store, scattered = open_store(str(tmp_path)), scattered_sensor(scattered_job(PRODUCT, LINES))
    leave(store, "upload-7", APART, [PRODUCT], {"a": "b"})
    keys = [[one.run_key for one in tick(scattered, instance, tmp_path).run_requests or []] for _ in range(2)]
    assert keys == [["upload-7-000"]] * 2


def test_many_are_cut_into_runs_as_long_as_those_of_a_range(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    store = open_store(str(tmp_path))
    skus = [f"t{number:04d}" for number in range(400)]
    leave(store, "upload-1", skus, [PRODUCT, LINES["evergreen"]], {})
    parts = [json.loads((tmp_path / FOLDER / name).read_text())["config"]["skus"] for name in left(tmp_path)]
    assert [len(part) for part in parts] == [171, 171, 58]
    assert [sku for part in parts for sku in part] == skus


def test_what_cannot_be_read_goes_and_costs_the_others_nothing(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    store, scattered = open_store(str(tmp_path)), scattered_sensor(scattered_job(PRODUCT, LINES))
    store.write(f"{FOLDER}/a.json", b"{")
    leave(store, "upload-1", [*APART, "never-seen"], [PRODUCT], {})
    asked = tick(scattered, instance, tmp_path)
    [request] = asked.run_requests or []
    assert request.run_config["ops"]["refresh_scattered_skus"]["config"]["skus"] == APART
    assert not tick(scattered, instance, tmp_path, asked.cursor).run_requests
    assert not left(tmp_path)


def test_it_is_on_from_the_start() -> None:
    repository = build_definitions(Environment(), CAMPAIGNS).get_repository_def()
    assert repository.get_sensor_def("scattered").default_status == dg.DefaultSensorStatus.RUNNING
