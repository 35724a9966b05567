"""A real daemon: a back-fill as an operator sees it in the UI."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from catalog_assets.partitions import register
from catalog_assets.quarantine import quarantined
from resources.store import open_store
from tests.catalogs import make_catalog
from tests.daemon import dagster_dev
from tests.dagster_runs import checks, failure_text, materialized

PRODUCT = [["raw_photo"], ["mask"], ["cutout"]]
EVERGREEN = [["evergreen", name] for name in ("scene_variants", "scored_finals", "marketplace_export")]


@pytest.mark.slow
def test_good_skus_go_on_downstream_and_bad_ones_are_shown(tmp_path: Path) -> None:
    root = tmp_path / "catalog"
    bad = ["s03", "s09"]
    names = [f"s{number:02d}" for number in range(14)]
    good = [name for name in names if name not in bad]
    make_catalog(root, good=good, bad=bad)
    (root / "catalog.yaml").write_text("candidates: 1\nscene_size: 1000\n")
    home = tmp_path / "home"
    environment = {"CATALOG_ROOT": str(root), "CATALOG_PRODUCT_BATCH": "5", "CATALOG_CAMPAIGN_BATCH": "4"}
    with dagster_dev(home, environment) as daemon:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            register(instance, names)
        backfill = daemon.launch_backfill([*PRODUCT, *EVERGREEN], names)
        status = daemon.wait_for_backfill(backfill, timeout=400)
        product = [daemon.partition_counts(path) for path in PRODUCT]
        campaign = [daemon.partition_counts(path) for path in EVERGREEN]
        shown = daemon.check_statuses(["evergreen", "scored_finals"])

    assert status == "COMPLETED_FAILED"
    for counts in product:
        assert (counts["numMaterialized"], counts["numFailed"], counts["numPartitions"]) == (12, 2, 14)
    for counts in campaign:
        assert counts["numMaterialized"] == 12
    records = [(record.line, record.sku, record.rejection.stage) for record in quarantined(open_store(str(root)))]
    assert records == [("product", "s03", "raw_photo"), ("product", "s09", "raw_photo")]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert materialized(instance, "evergreen", "marketplace_export") == good
        usable = checks(instance, "usable_photo", "raw_photo")
        assert [sku for sku, passed in usable.items() if not passed] == sorted(bad, reverse=True)
        assert checks(instance, "fidelity", "evergreen", "scored_finals") == dict.fromkeys(good, True)
        # The batch's own check is of no partition; it shows beside those of the SKUs.
        assert checks(instance, "line_health", "evergreen", "scored_finals") == {}
        assert shown["line_health"] == "SUCCEEDED"
        runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        texts = " ".join(failure_text(instance, run.run_id) for run in runs)
        assert "s03: raw_photo: truncated" in texts
        assert "s09: raw_photo: truncated" in texts
        assert {run.tags["outcome"] for run in runs} == {"rejections"}
    exported = {
        path.relative_to(root / "exports" / "shopify" / "evergreen").parts[0]
        for path in (root / "exports" / "shopify" / "evergreen").rglob("*.jpg")
    }
    assert exported == set(good)
