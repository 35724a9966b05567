"""What Dagster records of a campaign's line beside the product line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from catalog_assets.campaign_files import Campaign
from catalog_assets.campaigns import campaign_line
from catalog_assets.line_assets import line_assets
from catalog_assets.product import product_line
from tests.catalogs import make_catalog, photo_bytes
from tests.dagster_runs import checks, materializations, materialized, run_one, run_range

STAGES = ("scene_variants", "scored_finals", "marketplace_export")
PRODUCT = line_assets(product_line(batch=8), ["team:catalog"])


def sale(**fields: object) -> dg.AssetsDefinition:
    campaign = Campaign.model_validate(
        {"name": "sale", "scenes": [{"template": "grey-sweep"}], "marketplaces": ["shopify"], **fields}
    )
    return line_assets(campaign_line(campaign, batch=5), ["team:catalog"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_catalog(tmp_path, bad=["b"])
    for number, sku in enumerate(("a", "c")):
        (tmp_path / "uploads" / f"{sku}.jpg").write_bytes(photo_bytes(number, (640, 640)))
    (tmp_path / "catalog.yaml").write_text("candidates: 1\nscene_size: 800\n")
    (tmp_path / "catalog.csv").write_text("sku,category\na,mugs\nb,mugs\nc,lamps\n")
    return tmp_path


def test_one_upload_goes_through_both_lines_in_one_run(root: Path, instance: dg.DagsterInstance) -> None:
    result = run_one([PRODUCT, sale()], instance, root, "a")
    assert result.success
    for stage in STAGES:
        assert materialized(instance, "sale", stage) == ["a"]
    assert len(materializations(instance, result.run_id)) == 6
    assert checks(instance, "fidelity", "sale", "scored_finals") == {"a": True}
    assert checks(instance, "compliance", "sale", "marketplace_export") == {"a": True}


def test_one_bad_upload_stops_before_the_campaign(root: Path, instance: dg.DagsterInstance) -> None:
    result = run_one([PRODUCT, sale()], instance, root, "b")
    assert not result.success
    assert materialized(instance, "sale", "scene_variants") == []


def test_a_sku_without_a_cutout_fails_no_campaign_run_and_is_not_materialized(
    root: Path, instance: dg.DagsterInstance
) -> None:
    run_range(PRODUCT, instance, root, ["a", "b", "c"])
    result = run_range(sale(), instance, root, ["a", "b", "c"])
    assert result.success
    assert materialized(instance, "sale", "marketplace_export") == ["a", "c"]
    assert set(checks(instance, "fidelity", "sale", "scored_finals")) == {"a", "c"}


def test_an_unselected_sku_is_materialized_without_files(root: Path, instance: dg.DagsterInstance) -> None:
    run_range(PRODUCT, instance, root, ["a", "b", "c"])
    mugs = sale(select={"category": "mugs"})
    result = run_range(mugs, instance, root, ["a", "b", "c"])
    assert result.success
    assert materialized(instance, "sale", "marketplace_export") == ["a", "c"]
    statuses = {
        (event.partition, event.metadata["status"].value) for event in materializations(instance, result.run_id)
    }
    assert statuses == {("a", "made"), ("c", "not_selected")}
    assert {path.parent.name for path in (root / "exports").rglob("*.jpg")} == {"a"}


def test_a_failed_check_keeps_that_sku_and_only_that_sku_from_going_on(
    root: Path, instance: dg.DagsterInstance
) -> None:
    (root / "catalog.yaml").write_text("candidates: 1\nscene_size: 800\nphoto: {min_side: 600}\n")
    (root / "uploads" / "c.jpg").write_bytes(photo_bytes(5, (400, 400)))
    run_range(PRODUCT, instance, root, ["a", "b", "c"])
    assert checks(instance, "usable_photo", "raw_photo") == {"a": True, "b": False, "c": False}
    run_range(sale(), instance, root, ["a", "b", "c"])
    assert materialized(instance, "sale", "marketplace_export") == ["a"]


def test_a_final_that_is_stopped_shows_its_thumbnail_in_its_check(root: Path, instance: dg.DagsterInstance) -> None:
    run_range(PRODUCT, instance, root, ["a", "b", "c"])
    result = run_range(sale(fidelity={"worst_block_ssim": 1.01}), instance, root, ["a", "b", "c"])
    assert not result.success
    assert checks(instance, "fidelity", "sale", "scored_finals") == {"a": False, "c": False}
    assert materialized(instance, "sale", "marketplace_export") == []
    events = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [entry.dagster_event.asset_check_evaluation_data for entry in events if entry.dagster_event]
    fidelity = [evaluation for evaluation in evaluations if evaluation.check_name == "fidelity"]
    assert len(fidelity) == 2
    for evaluation in fidelity:
        assert evaluation.metadata["decided_by"].value == "worst_block_ssim"
        assert evaluation.metadata["thresholds"].value["worst_block_ssim"] == ["at least", 1.01]  # the campaign's own
        assert isinstance(evaluation.metadata["worst_block_ssim"].value, float)
        found = evaluation.metadata["thumbnail"].value
        assert isinstance(found, str)
        assert "data:image/jpeg;base64," in found
        assert len(found) < 14_000
