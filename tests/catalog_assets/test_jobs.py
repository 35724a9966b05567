"""The jobs beside the asset graph, from the assembled definitions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from catalog_assets.campaign_files import load_campaigns
from catalog_assets.definitions import build_definitions
from catalog_assets.environment import Environment
from catalog_assets.partitions import register
from resources.alerts import Alerts
from sensors.backfills import reports_sensor
from sensors.failures import failures_sensor, summary
from tests.catalogs import make_catalog
from tests.dagster_runs import QUIET, checks, failure_text, materialized


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance


def execute(root: Path, instance: dg.DagsterInstance, job: str, **config: Any) -> dg.ExecuteInProcessResult:
    definitions = build_definitions(Environment(root=str(root)), load_campaigns())
    run_config = {**QUIET, **({"ops": {"refresh_scattered_skus": {"config": config}}} if config else {})}
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance, run_config=run_config, raise_on_error=False
    )


def shop(root: Path) -> Path:
    make_catalog(root, good=["a", "b", "d", "e"], bad=["c"])
    (root / "catalog.yaml").write_text("candidates: 1\nscene_size: 700\n")
    return root


def test_scattered_skus_go_through_both_lines_in_one_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root = shop(tmp_path / "catalog")
    register(instance, ["a", "b", "c", "d", "e"])
    result = execute(root, instance, "scattered_skus", skus=["e", "a", "c"], campaigns=["evergreen"])
    assert not result.success
    assert materialized(instance, "cutout") == ["a", "e"]
    assert materialized(instance, "evergreen", "marketplace_export") == ["a", "e"]
    assert checks(instance, "usable_photo", "raw_photo") == {"a": True, "c": False, "e": True}
    assert checks(instance, "compliance", "evergreen", "marketplace_export") == {"a": True, "e": True}
    assert "c: raw_photo: truncated" in failure_text(instance, result.run_id)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["outcome"] == "rejections"


def test_scattered_skus_that_are_all_good_succeed(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root = shop(tmp_path / "catalog")
    register(instance, ["a", "b"])
    assert execute(root, instance, "scattered_skus", skus=["a"], campaigns=[]).success


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"skus": ["nobody"], "campaigns": []}, "No SKU named nobody"),
        ({"skus": ["a"], "campaigns": ["moon"]}, "No campaign named moon"),
    ],
)
def test_unknown_names_are_refused(
    tmp_path: Path, instance: dg.DagsterInstance, config: dict[str, list[str]], said: str
) -> None:
    root = shop(tmp_path / "catalog")
    register(instance, ["a"])
    result = execute(root, instance, "scattered_skus", **config)
    assert not result.success
    assert said in failure_text(instance, result.run_id)


def test_reports_have_no_dependency_into_the_lines_and_run_alone(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root = shop(tmp_path / "catalog")
    assert execute(root, instance, "reports").success
    definitions = build_definitions(Environment(root=str(root)), load_campaigns())
    reports = [spec for spec in definitions.resolve_all_asset_specs() if spec.group_name == "reports"]
    assert {spec.key.to_user_string() for spec in reports} == {
        "quarantine",
        "review",
        "gallery",
        "catalog_overview",
        "manifests",
        "cost_report",
    }
    assert all(not list(spec.deps) for spec in reports)


def test_the_reports_sensor_waits_for_quiet_and_fires_once(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root = shop(tmp_path / "catalog")
    register(instance, ["a"])
    definitions = build_definitions(Environment(root=str(root)), load_campaigns())
    sensor = reports_sensor(definitions.resolve_job_def("reports"))

    def tick(cursor: str | None) -> tuple[object, str | None]:
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        return sensor(context), context.cursor

    outcome, cursor = tick(None)
    assert isinstance(outcome, dg.SkipReason)
    execute(root, instance, "scattered_skus", skus=["a"], campaigns=[])
    busy = instance.create_run_for_job(definitions.resolve_job_def("product_line_job"), tags={"dagster/partition": "a"})
    instance.report_run_canceling(busy)
    outcome, cursor = tick(cursor)
    assert isinstance(outcome, dg.SkipReason)
    assert "at work" in str(outcome.skip_message)
    instance.report_run_canceled(busy)
    outcome, cursor = tick(cursor)
    assert isinstance(outcome, dg.RunRequest)
    outcome, _ = tick(cursor)
    assert isinstance(outcome, dg.SkipReason)


def test_the_failure_sensor_lists_every_rejected_sku(
    tmp_path: Path, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    root = shop(tmp_path / "catalog")
    register(instance, ["a", "c"])
    result = execute(root, instance, "scattered_skus", skus=["a", "c"], campaigns=[])
    context = dg.build_run_status_sensor_context(
        sensor_name="failures",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=next(event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE"),
        resources={"alerts": Alerts()},
    ).for_run_failure()
    failures_sensor(context)
    assert "rejections: c: raw_photo: truncated" in capfd.readouterr().err


def test_a_summary_is_short() -> None:
    text = summary("0123456789", "rejections", [f"line {number}" for number in range(50)])
    assert len(text.splitlines()) == 22
    assert text.splitlines()[-1] == "... and 30 more"


def test_lines_of_equal_batch_size_are_refused_when_definitions_load(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import catalog_assets.definitions"],
        env={**os.environ, "CATALOG_PRODUCT_BATCH": "48", "CATALOG_CAMPAIGN_BATCH": "48"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "CATALOG_PRODUCT_BATCH and CATALOG_CAMPAIGN_BATCH" in done.stderr


def test_the_code_server_never_imports_what_takes_long() -> None:
    script = (
        "import sys, catalog_assets.definitions\n"
        "heavy = ('torch', 'pandas', 'matplotlib', 'diffusers', 'dagster_aws', 'boto3')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
