"""Many uploads at once: the products first, then the campaigns over all of them, asked for once and not forgotten."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from catalog_assets.campaign_files import load_campaigns
from catalog_assets.definitions import build_definitions, line_infos
from catalog_assets.environment import Environment
from catalog_assets.partitions import register
from resources.catalog_resource import CatalogResource
from resources.store import open_store
from sensors.campaigns_after_products import FOLDER, FOLLOWED_TAG, campaigns_sensor, put_off
from sensors.sku_work import TOGETHER
from sensors.uploads import uploads_sensor
from tests.catalogs import make_catalog
from tests.dagster_runs import sensor_tick

CAMPAIGNS = load_campaigns()
PRODUCT, LINES = line_infos(Environment(), CAMPAIGNS)
SENSOR = campaigns_sensor(LINES)
FINALS = dg.AssetKey(["evergreen", "scored_finals"])
SKUS = [f"s{number:02d}" for number in range(TOGETHER + 10)]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp() as instance:  # an ephemeral one finds back-fills by their runs alone
        register(instance, SKUS)
        yield instance


def tick(
    instance: dg.DagsterInstance, root: Path, cursor: str | None = None, sensor: dg.SensorDefinition = SENSOR
) -> dg.SensorResult:
    return sensor_tick(sensor, instance, CatalogResource(root=str(root)), cursor)


def uploaded(instance: dg.DagsterInstance, root: Path) -> dg.RunRequest:
    """What the sensor `uploads` asks for after its second look."""
    uploads = uploads_sensor(PRODUCT, LINES, CAMPAIGNS)
    first = tick(instance, root, sensor=uploads)
    [request] = tick(instance, root, first.cursor, uploads).run_requests or []
    return request


def asked(request: dg.RunRequest) -> tuple[set[str], set[str]]:
    """The assets and the SKUs of a back-fill."""
    assert request.asset_graph_subset is not None
    pairs = list(request.asset_graph_subset.iterate_asset_partitions())
    return {pair.asset_key.to_user_string() for pair in pairs}, {pair.partition_key or "" for pair in pairs}


def backfilled(instance: dg.DagsterInstance, tags: Mapping[str, str], status: str) -> None:
    """Let Dagster have a back-fill with these tags."""
    instance.add_backfill(
        PartitionBackfill(
            backfill_id="products",
            status=BulkActionStatus(status),
            from_failure=False,
            tags=dict(tags),
            backfill_timestamp=time.time(),
            asset_selection=[dg.AssetKey("mask")],
        )
    )


def left(root: Path) -> list[str]:
    return sorted(path.name for path in (root / FOLDER).glob("*.json"))


def waits_since(root: Path, seconds: float) -> None:
    """Let what was left have been there for so long."""
    [path] = (root / FOLDER).glob("*.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "since": time.time() - seconds}))


def test_many_uploads_go_through_the_products_before_any_campaign(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root = make_catalog(tmp_path, good=SKUS)
    products = uploaded(instance, root)
    assert asked(products) == ({"raw_photo", "mask", "cutout"}, set(SKUS))
    assert not tick(instance, root).run_requests  # Dagster does not know of it yet
    backfilled(instance, products.tags, "REQUESTED")
    assert not tick(instance, root).run_requests

    instance.update_backfill(instance.get_backfills()[0].with_status(BulkActionStatus.COMPLETED_FAILED))
    told = tick(instance, root)
    [campaigns] = told.run_requests or []
    assets, skus = asked(campaigns)
    assert {"evergreen/scene_variants", "evergreen/scored_finals", "evergreen/marketplace_export"} <= assets
    assert not assets & {"raw_photo", "mask", "cutout"}
    assert skus == set(SKUS)
    assert (campaigns.tags["dagster/priority"], campaigns.tags["catalog/cause"]) == ("10", "upload")
    assert FOLLOWED_TAG not in campaigns.tags
    assert left(root)  # until it is sure that the request was heard
    assert not tick(instance, root, told.cursor).run_requests
    assert not left(root)


def test_a_tick_that_was_lost_asks_again(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    tags = put_off(open_store(str(tmp_path)), "upload-1", [FINALS], SKUS, {})
    backfilled(instance, tags, "COMPLETED_SUCCESS")
    assert [len(tick(instance, tmp_path).run_requests or []) for _ in range(2)] == [1, 1]


def test_a_few_uploads_go_through_all_lines_together(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root = make_catalog(tmp_path, good=SKUS[:TOGETHER])
    assets, skus = asked(uploaded(instance, root))
    assert {"cutout", "evergreen/marketplace_export"} <= assets
    assert skus == set(SKUS[:TOGETHER])
    assert not left(root)


def test_campaigns_of_a_cancelled_backfill_are_not_started(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    tags = put_off(open_store(str(tmp_path)), "upload-1", [FINALS], SKUS, {})
    backfilled(instance, tags, "CANCELED")
    told = tick(instance, tmp_path)
    assert not told.run_requests
    tick(instance, tmp_path, told.cursor)
    assert not left(tmp_path)


def test_a_backfill_that_dagster_does_not_know_is_not_waited_for_for_ever(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    put_off(open_store(str(tmp_path)), "upload-1", [FINALS], SKUS, {})
    waits_since(tmp_path, 600)
    assert not tick(instance, tmp_path).run_requests
    waits_since(tmp_path, 1000)
    assert tick(instance, tmp_path).run_requests


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"assets": [["a"]], "skus": ["b"], "tags": {}, "since": "soon"}'])
def test_what_cannot_be_read_goes_and_costs_the_others_nothing(
    tmp_path: Path, instance: dg.DagsterInstance, content: bytes
) -> None:
    store = open_store(str(tmp_path))
    store.write(f"{FOLDER}/a.json", content)
    gone = dg.AssetKey(["archived", "scored_finals"])
    tags = put_off(store, "upload-1", [FINALS, gone], [*SKUS, "never-seen"], {})
    backfilled(instance, tags, "FAILED")
    told = tick(instance, tmp_path)
    [request] = told.run_requests or []
    assert asked(request) == ({"evergreen/scored_finals"}, set(SKUS))
    tick(instance, tmp_path, told.cursor)
    assert not left(tmp_path)


def test_it_is_on_from_the_start() -> None:
    repository = build_definitions(Environment(), CAMPAIGNS).get_repository_def()
    assert repository.get_sensor_def("campaigns_after_products").default_status == dg.DefaultSensorStatus.RUNNING
