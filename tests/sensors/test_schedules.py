"""Campaign schedules: within their dates, in ranges, tagged with the period of the scheduled time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from catalog_assets.campaign_files import Campaign, Campaigns, load_campaigns
from catalog_assets.definitions import build_definitions, line_infos
from catalog_assets.environment import Environment
from catalog_assets.jobs import line_job, manifests_job
from catalog_assets.manifest_report import season_written, write_manifests
from catalog_assets.partitions import RANGE_END, RANGE_START, moment_of, register
from catalog_assets.settings import Settings
from resources.catalog_resource import CatalogResource
from resources.store import LocalStore
from sensors.schedules import campaign_schedules, manifests_schedule


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


def test_a_clock_that_was_set_back_makes_no_second_run_for_the_same_time(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """Dagster starts one run for a run key: it comes from the scheduled time alone, another one each time."""
    register(instance, ["a", "b", "c"])
    schedule = schedule_of(tmp_path, SALE)
    days = [datetime(2026, 11, day, 2, 0, tzinfo=UTC) for day in (23, 24, 23)]
    first, next_day, again = (
        {request.run_key for request in evaluate(schedule, instance, day).run_requests or []} for day in days
    )
    assert first == again
    assert len(first | next_day) == 4


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


# The manifests follow the seasons.

EVERGREEN = Campaign(name="evergreen", scenes=[{"template": "oak-window"}], marketplaces=["amazon"])


def campaign(name: str, timezone: str) -> Campaign:
    """A campaign whose last day is the 30th of November in its timezone."""
    return Campaign.model_validate(
        {
            "name": name,
            "from": "2026-11-20",
            "until": "2026-11-30",
            "timezone": timezone,
            "scenes": [{"template": "oak-window"}],
            "marketplaces": ["amazon"],
        }
    )


CAMPAIGNS = Campaigns(
    {
        "auckland": campaign("auckland", "Pacific/Auckland"),
        "evergreen": EVERGREEN,
        "la": campaign("la", "America/Los_Angeles"),
    },
    (),
    (),
)


def tick(root: Path, instance: dg.DagsterInstance, moment: datetime) -> dg.ScheduleExecutionData:
    schedule = manifests_schedule(manifests_job(), CAMPAIGNS)
    resources = {"catalog": CatalogResource(root=str(root))}
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=moment, resources=resources) as context:
        return schedule.evaluate_tick(context)


def written(root: Path, moment: datetime) -> None:
    """The manifests as they are written for a moment."""
    store = LocalStore(root)
    store.write("uploads/mug.jpg", b"x")
    write_manifests(store, CAMPAIGNS, Settings(archives="none"), moment)


def at(day: int, hour: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, 20, tzinfo=UTC)


def test_manifests_are_written_daily_for_the_scheduled_time(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    schedule = manifests_schedule(manifests_job(), CAMPAIGNS)
    assert (schedule.name, schedule.default_status) == ("manifests_daily", dg.DefaultScheduleStatus.STOPPED)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("20 * * * *", "UTC")
    written(tmp_path, at(24, 15))
    (request,) = tick(tmp_path, instance, at(25, 0)).run_requests or []
    assert moment_of(request.tags) == at(25, 0)
    assert request.run_key == "manifests-20261125T0020"
    assert not tick(tmp_path, instance, at(24, 16)).run_requests


def test_manifests_of_a_clock_that_was_ahead_are_written_again(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    written(tmp_path, at(24, 15) + timedelta(days=700))
    assert tick(tmp_path, instance, at(24, 16)).run_requests
    written(tmp_path, at(24, 16))
    assert not tick(tmp_path, instance, at(24, 17)).run_requests


def test_manifests_that_were_never_written_are_due_at_once(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    assert tick(tmp_path, instance, at(24, 13)).run_requests


@pytest.mark.parametrize(
    ("hour", "month", "day", "season"),
    [
        (10, 11, 30, {"auckland", "evergreen", "la"}),
        (11, 11, 30, {"evergreen", "la"}),  # Auckland is 13 hours ahead: its last day is over at 11:00 UTC
        (23, 11, 30, {"evergreen", "la"}),
        (7, 12, 1, {"evergreen", "la"}),
        (8, 12, 1, {"evergreen"}),  # Los Angeles is 8 hours behind
    ],
)
def test_a_campaign_leaves_within_the_hour_after_its_last_day_in_its_own_timezone(
    tmp_path: Path, instance: dg.DagsterInstance, hour: int, month: int, day: int, season: set[str]
) -> None:
    moment = at(day, hour, month)
    written(tmp_path, moment - timedelta(hours=1))
    before, _ = season_written(LocalStore(tmp_path)) or (frozenset(), None)
    assert bool(tick(tmp_path, instance, moment).run_requests) is (before != season)
    written(tmp_path, moment)
    assert season_written(LocalStore(tmp_path)) == (season, moment)
    assert "later time" in (tick(tmp_path, instance, moment).skip_message or "")


def test_what_a_stopped_daemon_missed_is_made_up_for(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    written(tmp_path, at(25, 23))
    assert tick(tmp_path, instance, at(26, 9)).run_requests
    written(tmp_path, at(26, 9))
    assert "No campaign has started or ended" in (tick(tmp_path, instance, at(26, 10)).skip_message or "")


def test_a_late_tick_does_not_turn_the_manifests_back(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    written(tmp_path, at(1, 9, 12))
    assert "later time" in (tick(tmp_path, instance, at(1, 0, 12)).skip_message or "")


def test_the_schedule_is_among_the_definitions() -> None:
    definitions = build_definitions(Environment(), load_campaigns())
    schedule = definitions.resolve_schedule_def("manifests_daily")
    assert schedule.job_name == manifests_job().name
    assert definitions.resolve_job_def(schedule.job_name).asset_layer.selected_asset_keys == {dg.AssetKey("manifests")}
