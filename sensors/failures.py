"""The failure sensor: a line a rejected SKU in the log, and a summary to the webhook."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

from collections.abc import Iterator

import dagster as dg

from catalog_assets.partitions import OUTCOME_TAG
from resources.alerts import Alerts

SUMMARY_LINES = 20


@dg.run_failure_sensor(
    name="failures",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Logs every rejected SKU of a failed run, and posts a summary if a webhook is set.",
)
def failures_sensor(context: dg.RunFailureSensorContext, alerts: Alerts) -> None:
    """Runs once for every failed run. The outcome tag tells rejections from real errors."""
    outcome = context.dagster_run.tags.get(OUTCOME_TAG, "error")
    lines = list(_failure_lines(context))
    for line in lines:
        context.log.warning("%s: %s", outcome, line)
    trouble = alerts.post(summary(context.dagster_run.run_id, outcome, lines))
    if trouble:
        context.log.error("No alert was sent: %s", trouble)


def _failure_lines(context: dg.RunFailureSensorContext) -> Iterator[str]:
    """What the run says of its failure: one line a SKU where a line failed, else the error's own text."""
    found = False
    for event in context.get_step_failure_events():
        failure = event.step_failure_data.user_failure_data
        text = failure.description if failure and failure.description else ""
        if not text and event.step_failure_data.error:
            text = event.step_failure_data.error.message
        for line in text.splitlines():
            if line.strip():
                found = True
                yield line.strip()
    if not found:
        yield context.failure_event.message or "The run failed without saying why."


def summary(run_id: str, outcome: str, lines: list[str]) -> str:
    """A short text for people: outcome, run, and the first lines."""
    shown = lines[:SUMMARY_LINES]
    more = [f"... and {len(lines) - len(shown)} more"] if len(lines) > len(shown) else []
    return "\n".join([f"Catalog pictures: run {run_id[:8]} ended with outcome {outcome}", *shown, *more])
