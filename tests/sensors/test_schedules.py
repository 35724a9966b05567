"""Campaign schedules: within their dates, in ranges, tagged with the period of the scheduled time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from catalog_assets.campaign_files import load_campaigns
from catalog_assets.definitions import line_infos
from catalog_assets.environment import Environment
from catalog_assets.jobs import line_job
from catalog_assets.partitions import RANGE_END, RANGE_START, register
from sensors.schedules import campaign_schedules


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance


def schedule_of(folder: Path, text: str, batch: int = 2) -> dg.ScheduleDefinition:
    folder.mkdir(exist_ok=True)
    (folder / "sale.yaml").write_text(text)
    campaigns = load_campaigns(folder)
    assert campaigns.problems == ()
    _, lines = line_infos(Environment(product_batch=9, campaign_batch=batch), campaigns)
    jobs = {name: line_job(info) for name, info in lines.items()}
    return next(s for s in campaign_schedules(lines, jobs, campaigns) if s.name == "sale_schedule")


SALE = """
name: sale
from: 2026-11-20
until: 2026-11-30
timezone: Europe/Berlin
schedule: "0 3 * * *"
rotation: weekly
scenes: [{template: oak-window}]
marketplaces: [shopify]
"""


def evaluate(
    schedule: dg.ScheduleDefinition, instance: dg.DagsterInstance, moment: datetime
) -> dg.ScheduleExecutionData:
    return schedule.evaluate_tick(dg.build_schedule_context(instance=instance, scheduled_execution_time=moment))


def test_the_whole_catalog_in_ranges_with_the_period_of_the_scheduled_time(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    register(instance, ["a", "b", "c", "d", "e"])
    moment = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Monday 03:00 in Berlin
    requests = evaluate(schedule_of(tmp_path, SALE), instance, moment).run_requests or []
    assert [(r.tags[RANGE_START], r.tags[RANGE_END]) for r in requests] == [("a", "b"), ("c", "d"), ("e", "e")]
    assert {request.tags["catalog/period"] for request in requests} == {"2026-W48"}
    assert len({request.tags["catalog/work"] for request in requests}) == 1
    assert len({request.run_key for request in requests}) == 3


@pytest.mark.parametrize(
    ("moment", "runs"),
    [
        (datetime(2026, 11, 19, 22, 59, tzinfo=UTC), False),  # the 19th, 23:59 in Berlin
        (datetime(2026, 11, 19, 23, 0, tzinfo=UTC), True),  # the 20th, 00:00 in Berlin
        (datetime(2026, 11, 30, 22, 59, tzinfo=UTC), True),  # until is inclusive
        (datetime(2026, 11, 30, 23, 0, tzinfo=UTC), False),
    ],
)
def test_nothing_outside_its_dates_in_its_own_timezone(
    tmp_path: Path, instance: dg.DagsterInstance, moment: datetime, runs: bool
) -> None:
    register(instance, ["a"])
    data = evaluate(schedule_of(tmp_path, SALE), instance, moment)
    assert bool(data.run_requests) is runs
    if not runs:
        assert "2026-11-20" in (data.skip_message or "")


def test_an_empty_catalog_is_skipped_with_a_reason(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    data = evaluate(schedule_of(tmp_path, SALE), instance, datetime(2026, 11, 23, 2, 0, tzinfo=UTC))
    assert not data.run_requests
    assert "No SKUs" in (data.skip_message or "")


def test_a_campaign_without_a_cron_line_has_no_schedule(tmp_path: Path) -> None:
    folder = tmp_path / "campaigns"
    folder.mkdir()
    (folder / "sale.yaml").write_text("name: sale\nscenes: [{template: oak-window}]\nmarketplaces: [shopify]\n")
    campaigns = load_campaigns(folder)
    _, lines = line_infos(Environment(), campaigns)
    jobs = {name: line_job(info) for name, info in lines.items()}
    assert "sale_schedule" not in {schedule.name for schedule in campaign_schedules(lines, jobs, campaigns)}
