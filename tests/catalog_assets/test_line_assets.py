"""What Dagster records of a line: per-SKU truth in a range run, checks, versions, tags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from catalog_assets.line_assets import line_assets
from catalog_assets.partitions import FORCE_TAG, contiguous_ranges, register
from catalog_assets.product import product_line
from tests.catalogs import make_catalog, photo_bytes
from tests.dagster_runs import (
    checks,
    checks_shown,
    failure_text,
    materializations,
    materialized,
    resources,
    run_one,
    run_range,
)

PRODUCT = line_assets(product_line(batch=8), ["team:catalog"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_a_range_run_marks_exactly_the_good_skus(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["a", "c", "d"], bad=["b"])
    result = run_range(PRODUCT, instance, tmp_path, ["a", "b", "c", "d"])
    assert not result.success
    for asset in ("raw_photo", "mask", "cutout"):
        assert materialized(instance, asset) == ["a", "c", "d"]
    assert checks(instance, "usable_photo", "raw_photo") == {"a": True, "b": False, "c": True, "d": True}
    assert checks(instance, "matte_quality", "mask") == {"a": True, "c": True, "d": True}
    text = failure_text(instance, result.run_id)
    assert "1 of 4 SKUs did not pass" in text
    assert "b: raw_photo: truncated: " in text
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert (run.tags["outcome"], run.tags["catalog/made"], run.tags["catalog/rejected"]) == ("rejections", "3", "1")


def test_a_check_is_shown_for_what_lies_there_now(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["a", "c"], bad=["b"])
    run_range(PRODUCT, instance, tmp_path, ["a", "b", "c"])
    assert checks_shown(instance, "usable_photo", "raw_photo") == {"a": "SUCCEEDED", "b": "FAILED", "c": "SUCCEEDED"}
    (tmp_path / "uploads" / "a.jpg").write_bytes(photo_bytes(9)[:4000])
    (tmp_path / "uploads" / "b.jpg").write_bytes(photo_bytes(1))
    run_range(PRODUCT, instance, tmp_path, ["a", "b", "c"])
    assert checks_shown(instance, "usable_photo", "raw_photo") == {"a": "FAILED", "b": "SUCCEEDED", "c": "SUCCEEDED"}


def test_an_all_good_range_run_succeeds(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["a", "b"])
    result = run_range(PRODUCT, instance, tmp_path, ["a", "b"])
    assert result.success
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert "outcome" not in run.tags


def test_events_of_the_last_asset_come_last(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["a", "b", "c"])
    result = run_range(PRODUCT, instance, tmp_path, ["a", "b", "c"])
    assets = [event.asset_key.path[-1] for event in materializations(instance, result.run_id)]
    assert assets[-3:] == ["cutout"] * 3
    assert "cutout" not in assets[:-3]


def test_every_materialization_carries_its_versions(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["a", "b"])
    result = run_range(PRODUCT, instance, tmp_path, ["a", "b"])
    events = materializations(instance, result.run_id)
    assert len(events) == 6
    for event in events:
        assert event.tags is not None
        assert event.tags["dagster/code_version"]
        assert event.tags["dagster/data_version"]
    versions = {event.tags["dagster/data_version"] for event in events if event.tags}
    assert len(versions) == 6


def stale(instance: dg.DagsterInstance, assets: dg.AssetsDefinition) -> dict[str, list[str]]:
    """Why the UI would show partitions of these assets as unsynced; empty lists where it would not."""
    from dagster._core.definitions.data_version import CachingStaleStatusResolver
    from dagster._core.loader import LoadingContextForTest

    graph = dg.Definitions(assets=[assets], resources=resources("unused")).get_repository_def().asset_graph
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return {
        f"{key.to_user_string()} {sku}": [cause.reason for cause in resolver.get_stale_causes(key, sku)]
        for key in assets.keys
        for sku in ("a", "b")
    }


def test_nothing_is_unsynced_after_a_run_and_downstream_is_after_a_change(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    make_catalog(tmp_path, good=["a", "b"])
    run_range(PRODUCT, instance, tmp_path, ["a", "b"])
    run_range(PRODUCT, instance, tmp_path, ["a", "b"])
    assert set(map(tuple, stale(instance, PRODUCT).values())) == {()}
    (tmp_path / "uploads" / "a.jpg").write_bytes(photo_bytes(9))
    run_range(PRODUCT, instance, tmp_path, ["a", "b"], selection=[dg.AssetKey("raw_photo")])
    found = stale(instance, PRODUCT)
    assert found["mask a"]
    assert not found["mask b"]


def test_up_to_date_skus_are_reported_again(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["a", "b"])
    run_range(PRODUCT, instance, tmp_path, ["a", "b"])
    result = run_range(PRODUCT, instance, tmp_path, ["a", "b"])
    events = materializations(instance, result.run_id)
    assert {event.metadata["status"].value for event in events} == {"up_to_date"}
    assert len(events) == 6


def test_the_force_tag_makes_everything_again(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["a", "b"])
    run_range(PRODUCT, instance, tmp_path, ["a", "b"])
    result = run_range(PRODUCT, instance, tmp_path, ["a", "b"], tags={FORCE_TAG: "true"})
    assert {event.metadata["status"].value for event in materializations(instance, result.run_id)} == {"made"}


def test_a_single_stage_can_be_replayed(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["a", "b"])
    run_range(PRODUCT, instance, tmp_path, ["a", "b"])
    result = run_range(
        PRODUCT, instance, tmp_path, ["a", "b"], selection=[dg.AssetKey("mask")], tags={FORCE_TAG: "true"}
    )
    assert result.success
    assert {event.asset_key.path[-1] for event in materializations(instance, result.run_id)} == {"mask"}


def test_a_single_sku_returns_results_and_each_is_recorded_once(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["a"])
    result = run_one([PRODUCT], instance, tmp_path, "a")
    assert result.success
    assert len(materializations(instance, result.run_id)) == 3
    assert {event.step_output_data.output_name for event in result.all_events if event.is_successful_output} >= {
        "raw_photo",
        "mask",
        "cutout",
    }
    assert checks(instance, "matte_quality", "mask") == {"a": True}


def test_a_single_bad_sku_fails_with_its_check(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, bad=["a"])
    result = run_one([PRODUCT], instance, tmp_path, "a")
    assert not result.success
    assert materialized(instance, "raw_photo") == []
    assert checks(instance, "usable_photo", "raw_photo") == {"a": False}


def test_a_range_of_one_sku_is_recorded_for_its_partition(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    make_catalog(tmp_path, good=["a"])
    assert run_range(PRODUCT, instance, tmp_path, ["a"]).success
    assert materialized(instance, "cutout") == ["a"]
    assert checks(instance, "matte_quality", "mask") == {"a": True}


def test_the_failure_text_of_a_large_batch_stays_short(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    names = [f"bad{number:03d}" for number in range(120)]
    make_catalog(tmp_path, bad=names)
    result = run_range(PRODUCT, instance, tmp_path, names)
    text = failure_text(instance, result.run_id)
    assert "120 of 120 SKUs did not pass" in text
    assert "... and 20 more" in text


def test_ranges_are_contiguous_in_partition_order(instance: dg.DagsterInstance) -> None:
    register(instance, ["c", "a", "b"])
    register(instance, ["A", "z", "b"])
    order = instance.get_dynamic_partitions("sku")
    assert list(order) == ["a", "b", "c", "A", "z"]
    assert contiguous_ranges(["a", "b", "A", "z", "unknown"], order, longest=3) == [
        ("a", "b", ["a", "b"]),
        ("A", "z", ["A", "z"]),
    ]
    assert [keys for _, _, keys in contiguous_ranges(order, order, longest=2)] == [["a", "b"], ["c", "A"], ["z"]]


def test_an_empty_upload_folder_fails_the_run_and_retires_nobody(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    names = [f"s{number:02d}" for number in range(12)]
    make_catalog(tmp_path, good=names)
    run_range(PRODUCT, instance, tmp_path, names)
    export = tmp_path / "exports" / "shopify" / "evergreen" / "s00" / "s00.jpg"
    export.parent.mkdir(parents=True)
    export.write_bytes(b"a picture")
    (tmp_path / "uploads").rename(tmp_path / "elsewhere")
    (tmp_path / "uploads").mkdir()
    assert not run_range(PRODUCT, instance, tmp_path, names).success
    assert export.exists()
