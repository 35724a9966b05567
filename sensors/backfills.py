"""The reports sensor: when work has ended and nothing is running any more, the reports are made once."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

import dagster as dg

from catalog_assets.jobs import MANIFESTS_JOB, REPORTS_JOB, AssetJob

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
AT_WORK = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
RECENT = 25


def reports_sensor(job: AssetJob) -> dg.SensorDefinition:
    """Reports have no asset dependency into the lines: one failed SKU would keep them from ever running."""

    @dg.sensor(
        name="reports_after_work",
        job=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Makes the reports when runs and back-fills have ended.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        last = _last_ended(context.instance)
        if last is None or last == context.cursor:
            return dg.SkipReason("Nothing has ended since the last reports.")
        if context.instance.get_runs_count(dg.RunsFilter(statuses=AT_WORK)):
            return dg.SkipReason("Runs are still at work.")
        if _backfills_at_work(context.instance):
            return dg.SkipReason("A back-fill is still at work.")
        context.update_cursor(last)
        return dg.RunRequest(run_key=f"reports-after-{last}")

    return sensor


def _last_ended(instance: dg.DagsterInstance) -> str | None:
    """The run that ended last, reports apart."""
    records = instance.get_run_records(dg.RunsFilter(statuses=ENDED), limit=RECENT, order_by="update_timestamp")
    return next(
        (r.dagster_run.run_id for r in records if r.dagster_run.job_name not in (REPORTS_JOB, MANIFESTS_JOB)), None
    )


def _backfills_at_work(instance: dg.DagsterInstance) -> bool:
    return any(
        not backfill.status.value.startswith(("COMPLETED", "FAILED", "CANCELED"))
        for backfill in instance.get_backfills(limit=RECENT)
    )
