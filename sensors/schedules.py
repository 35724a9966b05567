"""Schedules: a campaign's scenes are regenerated from its cron line within its dates; manifests follow the seasons."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg

from catalog_assets.campaign_files import Campaign, Campaigns
from catalog_assets.jobs import AssetJob
from catalog_assets.line_assets import LineInfo
from catalog_assets.manifest_report import season_written
from catalog_assets.partitions import MOMENT_TAG, PERIOD_TAG, WORK_TAG, contiguous_ranges, range_tags, registered
from resources.catalog_resource import CatalogResource

# Campaigns end at midnight of their own timezones, which lie up to 26 hours apart and may start at half past.
HOURLY = "20 * * * *"
DAILY_HOUR = 0
# No tick is as late as that: manifests for a time so far ahead were written while the clock was wrong.
LATE = timedelta(days=1)


def campaign_schedules(
    lines: Mapping[str, LineInfo], jobs: Mapping[str, AssetJob], campaigns: Campaigns
) -> list[dg.ScheduleDefinition]:
    """One schedule for every campaign that has a cron line."""
    return [
        _schedule(campaign, lines[name], jobs[name])
        for name, campaign in campaigns.active.items()
        if campaign.schedule is not None
    ]


def _schedule(campaign: Campaign, info: LineInfo, job: AssetJob) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{campaign.name}_schedule",
        job=job,
        cron_schedule=campaign.schedule or "",
        execution_timezone=campaign.timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Regenerates {campaign.title or campaign.name} within its dates.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        yield from _requests(context, campaign, info)

    return schedule


def _requests(
    context: dg.ScheduleEvaluationContext, campaign: Campaign, info: LineInfo
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Range runs over all SKUs, tagged with the period of the scheduled time: a late run makes the same pictures."""
    moment = context.scheduled_execution_time
    if not campaign.is_active(moment):
        yield dg.SkipReason(f"{campaign.name} runs from {campaign.first_day} until {campaign.last_day}.")
        return
    skus = registered(context.instance)
    if not skus:
        yield dg.SkipReason("No SKUs are registered yet.")
    for first, last, _ in contiguous_ranges(skus, skus, info.batch):
        yield dg.RunRequest(
            run_key=f"{campaign.name}-{moment:%Y%m%dT%H%M}-{first}",
            tags={
                **range_tags(first, last),
                PERIOD_TAG: campaign.period(moment),
                WORK_TAG: f"{campaign.name}-{moment:%Y%m%dT%H%M}",
                "catalog/cause": "schedule",
            },
        )


def manifests_schedule(job: AssetJob, campaigns: Campaigns) -> dg.ScheduleDefinition:
    """The schedule `manifests_daily`: writes the manifests at 00:20 UTC, and within the hour when a season changes.

    It looks every hour, at the scheduled time: a run is due where the manifests in the store are of yesterday, or hold
    other campaigns than those in season then. So a campaign leaves within the hour or so after the end of its last day,
    whatever its timezone, and what a stopped daemon missed or a failed run left is made up for.
    """

    @dg.schedule(
        name="manifests_daily",
        job=job,
        cron_schedule=HOURLY,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Writes the manifests daily, and when a campaign starts or is over.",
    )
    def schedule(context: dg.ScheduleEvaluationContext, catalog: CatalogResource) -> dg.RunRequest | dg.SkipReason:
        moment = context.scheduled_execution_time.astimezone(UTC)
        reason = _no_manifests_due(catalog, campaigns, moment)
        if reason:
            return dg.SkipReason(reason)
        return dg.RunRequest(
            run_key=f"manifests-{moment:%Y%m%dT%H%M}",
            tags={MOMENT_TAG: moment.isoformat(), "catalog/cause": "schedule"},
        )

    return schedule


def _no_manifests_due(catalog: CatalogResource, campaigns: Campaigns, moment: datetime) -> str:
    """Why the manifests need not be written for a moment; "" if they do."""
    written = season_written(catalog.open())
    if written is None:
        return ""
    season, last = written
    if moment <= last <= moment + LATE:
        return "The manifests were written for a later time already."
    today = moment.replace(hour=DAILY_HOUR)
    if last < today or last > moment or season != {campaign.name for campaign in campaigns.on(moment)}:
        return ""
    return "No campaign has started or ended since the manifests were written."
