"""A schedule per campaign: regenerates its scenes from its cron line, within its dates only."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

from collections.abc import Iterator, Mapping

import dagster as dg

from catalog_assets.campaign_files import Campaign, Campaigns
from catalog_assets.jobs import AssetJob
from catalog_assets.line_assets import LineInfo
from catalog_assets.partitions import PERIOD_TAG, WORK_TAG, contiguous_ranges, range_tags, registered


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
