"""What a line tells Dagster: an event a SKU and asset, a check a SKU, and one failure that lists who stayed behind."""

from __future__ import annotations

import base64
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, TypeVar

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as CheckTarget,
)
from dagster._core.events import DagsterEvent
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential

from catalog_assets.health import CHECK as HEALTH_CHECK
from catalog_assets.health import LINE_STOPPED, HealthWatch
from catalog_assets.line import Line, LineReport
from catalog_assets.partitions import OUTCOME_TAG
from catalog_assets.stage import StageResult
from resources.transient import is_database_away

log = logging.getLogger("catalog.reporting")

T = TypeVar("T")

# How long a run waits for Dagster's database; the framework itself gives up after some six seconds.
PATIENCE_S = 180
LISTED_IN_FAILURE = 100
COUNT_TAG = "catalog/"
DATA_VERSION = "dagster/data_version"
# How long is believed what other runs had said when they were last asked about.
_HEARD_LASTS_S = 5.0
_SEVERITY = ("rejected", "review", "accepted")


@dataclass
class Reporter:
    """Turns stage results into Dagster events of the assets under `prefix`.

    A range run logs an event per SKU (`log`): exactly the SKUs that passed are materialized. A run of one
    partition returns results instead (`results`), because only then may a downstream line follow in the same run;
    doing both would record every materialization twice.
    order: all assets of the line, selected or not. upstream: what the first of them is made from. planned: the SKUs of
    which Dagster expects that this run makes them; none in a job of ops.
    """

    context: dg.OpExecutionContext | dg.AssetExecutionContext
    line: Line
    prefix: Sequence[str]
    order: Sequence[str]
    upstream: dg.AssetKey | None = None
    checks: Mapping[str, str] = field(default_factory=dict)
    planned: Sequence[str] = ()
    _versions: dict[str, str] = field(default_factory=dict)
    _last_stage: str = ""
    _pointer: int | None = None
    _began: int = 0
    _later: dict[str, tuple[float, dict[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began = patiently(self.context.instance.event_log_storage.get_maximum_record_id) or 0

    def key(self, asset: str) -> dg.AssetKey:
        return dg.AssetKey([*self.prefix, asset])

    def log(self, result: StageResult) -> None:
        """Record one SKU's result of one stage; where the database was away in between, perhaps twice."""
        patiently(self._log, result)

    def _log(self, result: StageResult) -> None:
        if result.goes_on:
            self.context.log_event(
                dg.AssetMaterialization(
                    asset_key=self.key(result.stage),
                    partition=result.sku,
                    metadata=metadata(result),
                    tags=self._provenance(result),
                )
            )
            self._versions[result.sku] = result.data_version or result.status
        if result.stage in self.checks and result.check is not None:
            self._evaluate(result)

    def _evaluation(self, result: StageResult) -> dg.AssetCheckEvaluation:
        return dg.AssetCheckEvaluation(
            asset_key=self.key(result.stage),
            check_name=self.checks[result.stage],
            passed=bool(result.check),
            partition=result.sku,
            metadata=check_metadata(result),
            target_materialization_data=self._check_target(result),
            description=_why(result),
            blocking=False,
        )

    def _check_target(self, result: StageResult) -> CheckTarget | None:
        """The SKU's latest materialization. A check that names another or none counts as missing in the UI."""
        latest = self.context.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=self.key(result.stage), asset_partitions=[result.sku]), limit=1
        ).records
        if not latest:
            return None
        return CheckTarget(
            storage_id=latest[0].storage_id, run_id=latest[0].event_log_entry.run_id, timestamp=latest[0].timestamp
        )

    def overtaken(self) -> set[str]:
        """The SKUs that other runs have reported as made since this one began.

        What this one has held back would be shown from now on, though it may say less than lies there.
        """
        self._later.clear()
        key, kind = self.key(self.line.stages[-1].asset), dg.DagsterEventType.ASSET_MATERIALIZATION
        storage = self.context.instance.event_log_storage
        return set(patiently(storage.get_latest_storage_id_by_partition, key, kind, after_cursor=self._began))

    def _evaluate(self, result: StageResult) -> None:
        """Record a check so that it is the one that is shown.

        Dagster shows that of the run which was planned last, though another comes later: told in the name of that run.
        """
        evaluation, last = self._evaluation(result), self._planned_last(result)
        if not last:
            self.context.log_event(evaluation)  # type: ignore[arg-type]  # taken since 1.5, its annotation lags behind
            return
        event = DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
            job_name=self.context.run.job_name,
            event_specific_data=evaluation,
        )
        self.context.instance.report_dagster_event(event, run_id=last)

    def _planned_last(self, result: StageResult) -> str:
        """The run that was planned after this one to check a SKU, as of some seconds ago; "" if there is none."""
        if not self.planned:  # what no run has planned is new when it is said
            return ""
        asked, found = self._later.get(result.stage, (-math.inf, {}))
        if time.monotonic() - asked > _HEARD_LASTS_S:
            check = dg.AssetCheckKey(self.key(result.stage), self.checks[result.stage])
            infos = self.context.instance.event_log_storage.get_asset_check_partition_info(
                [check], partition_keys=self.planned
            )
            runs = {str(info.partition_key): info.latest_planned_run_id for info in infos}
            later = self._created_later(set(runs.values()))
            found = {sku: run for sku, run in runs.items() if run in later}
            self._later[result.stage] = (time.monotonic(), found)
        return found.get(result.sku, "")

    def _created_later(self, runs: Set[str]) -> set[str]:
        """Those of some runs that were created after this one."""
        own = self.context.run.run_id
        if not runs - {own}:
            return set()
        records = self.context.instance.get_run_records(dg.RunsFilter(run_ids=[*runs, own]))
        created = {record.dagster_run.run_id: record.create_timestamp for record in records}
        return {run for run, moment in created.items() if own in created and moment > created[own]}

    def results(self, results: Sequence[StageResult]) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        """The results of the only SKU of a run."""
        for result in results:
            checks = list(self._check(result))
            if result.goes_on:
                yield dg.MaterializeResult(
                    asset_key=self.key(result.stage),
                    metadata=metadata(result),
                    data_version=dg.DataVersion(result.data_version or result.status),
                    check_results=checks,
                )
            else:
                yield from checks
        for result in results:  # recorded by now
            if result.stage in self.checks and result.check is not None and patiently(self._planned_last, result):
                patiently(self._evaluate, result)

    def _check(self, result: StageResult) -> Iterator[dg.AssetCheckResult]:
        if result.stage in self.checks and result.check is not None:
            yield dg.AssetCheckResult(
                asset_key=self.key(result.stage),
                check_name=self.checks[result.stage],
                passed=result.check,
                metadata=check_metadata(result),
                description=_why(result),
            )

    def log_health(self, asset: str, watch: HealthWatch) -> None:
        """Record how the batch as a whole did: an evaluation of no partition, in a run of one SKU too."""
        patiently(
            self.context.log_event,
            dg.AssetCheckEvaluation(
                asset_key=self.key(asset),
                check_name=HEALTH_CHECK,
                passed=watch.stopped is None,
                metadata=watch.numbers(),
                description=watch.in_words(),
                blocking=False,
            ),
        )

    def _provenance(self, result: StageResult) -> dict[str, str]:
        """The version tags that Dagster puts on an asset's results itself, but not on logged events.

        Without the first two the UI shows stale as fresh; without the other two it shows everything as unsynced.
        The event pointer says up to which event the upstream was seen: the last one there is.
        """
        tags = {
            "dagster/code_version": self._code_version(result.stage),
            DATA_VERSION: result.data_version or result.status,
        }
        upstream = self._upstream(result.stage)
        if upstream is not None:
            if result.stage != self._last_stage or self._pointer is None:
                self._pointer = self.context.instance.event_log_storage.get_maximum_record_id()
            name = upstream.to_user_string()
            tags[f"dagster/input_data_version/{name}"] = self._versions.get(result.sku, "unknown")
            tags[f"dagster/input_event_pointer/{name}"] = str(self._pointer or 0)
        self._last_stage = result.stage
        return tags

    def _upstream(self, asset: str) -> dg.AssetKey | None:
        """The asset that this one of the line is made from."""
        place = self.order.index(asset)
        return self.key(self.order[place - 1]) if place else self.upstream

    def _code_version(self, asset: str) -> str:
        return next(stage.code_version for stage in self.line.stages if stage.asset == asset)


def patiently(call: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Call what needs Dagster's database, again and again while that is away, for PATIENCE_S at most.

    The pictures are made and recorded by then: a run that gave up would leave them shown as missing.
    """
    return Retrying(
        stop=stop_after_delay(PATIENCE_S),
        wait=wait_exponential(multiplier=0.5, max=10),
        retry=retry_if_exception(is_database_away),
        before_sleep=_say_away,
        reraise=True,
    )(call, *arguments, **named)


def _say_away(state: RetryCallState) -> None:
    log.warning("Dagster's database is away, trying again: %s", state.outcome.exception() if state.outcome else None)


def metadata(result: StageResult) -> dict[str, dg.MetadataValue | float | int | str]:
    """A result's numbers under stable snake_case keys, its notes, and a thumbnail where it carries one."""
    values: dict[str, dg.MetadataValue | float | int | str] = {"status": result.status, **result.metadata}
    if result.notes:
        values["notes"] = dg.MetadataValue.text("; ".join(result.notes[:20]))  # the UI shows no line breaks
    if result.thumbnail:
        values["thumbnail"] = inline_picture(result.thumbnail, "final")
    return values


def _why(result: StageResult) -> str | None:
    """Why a SKU stayed behind and what to do, in two sentences: the UI lists metadata by name, far from each other."""
    return f"{result.rejection.message} {result.rejection.hint}" if result.rejection else None


def check_metadata(result: StageResult) -> dict[str, dg.MetadataValue | float | int | str]:
    """The numbers a gate looked at beside their thresholds, and its reason in words."""
    values: dict[str, dg.MetadataValue | float | int | str] = {**result.metadata, **gate_metadata(result.gate)}
    if result.rejection is not None:
        values.update(code=result.rejection.code, message=result.rejection.message, hint=result.rejection.hint)
        if result.thumbnail:
            values["thumbnail"] = inline_picture(result.thumbnail, "rejected")
    return values


def gate_metadata(gate: Mapping[str, Mapping[str, Any]]) -> dict[str, dg.MetadataValue | float | int | str]:
    """The worst verdict of a SKU, and all of them in brief. gate: verdicts by view or scene.

    Each measure of the worst is a float under its own name, so that the UI can plot it over SKUs; `thresholds` is what
    they were held against, `verdicts` everything: measure -> [value, at least or at most, threshold].
    """
    if not gate:
        return {}
    name = min(gate, key=lambda each: (_SEVERITY.index(gate[each]["decision"]), gate[each]["score"], each))
    worst = gate[name]
    values: dict[str, dg.MetadataValue | float | int | str] = {
        "worst": name,
        "decision": worst["decision"],
        "score": float(worst["score"]),
    }
    if worst["decided_by"]:
        values["decided_by"] = worst["decided_by"]
    values |= {each["name"]: float(each["value"]) for each in worst["measures"]}
    values["thresholds"] = dg.MetadataValue.json({name: held for name, held in _held_against(worst).items() if held})
    values["verdicts"] = dg.MetadataValue.json({name: _in_brief(gate[name]) for name in sorted(gate)})
    return values


def _in_brief(verdict: Mapping[str, Any]) -> dict[str, Any]:
    brief: dict[str, Any] = {name: verdict[name] for name in ("decision", "score", "decided_by")}
    brief["missed"] = [each["name"] for each in verdict["measures"] if not each["passed"]]
    held = _held_against(verdict)
    brief["measures"] = {each["name"]: [each["value"], *held[each["name"]]] for each in verdict["measures"]}
    return brief


def _held_against(verdict: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What each measure was held against; one may have a lower and an upper threshold, or none."""
    held: dict[str, list[Any]] = {}
    for each in verdict["measures"]:
        limits = held.setdefault(each["name"], [])
        if each["threshold"] is not None:
            limits += ["at least" if each["better"] == "higher" else "at most", each["threshold"]]
    return held


def inline_picture(data: bytes, text: str, kind: str = "jpeg") -> dg.MetadataValue:
    """A small picture shown by the UI itself. Every byte lies in the event log: keep it under 10 KB."""
    return dg.MetadataValue.md(f"![{text}](data:image/{kind};base64,{base64.b64encode(data).decode()})")


def conclude(context: dg.OpExecutionContext | dg.AssetExecutionContext, report: LineReport) -> None:
    """Tag the run with its totals; if SKUs stayed behind, tag it with its outcome and fail it, listing them.

    Raises dg.Failure, which Dagster must not retry: the same input would fail again.
    """
    patiently(context.instance.add_run_tags, context.run.run_id, run_tags(report))
    context.log.info("%d SKUs: %s", report.skus, dict(report.statuses))
    if not report.rejections:
        return
    lines = list(_failure_lines(report))
    shown = lines[:LISTED_IN_FAILURE]
    if len(lines) > len(shown):
        shown.append(f"... and {len(lines) - len(shown)} more, all in the quarantine")
    raise dg.Failure(
        description=f"{len(report.rejections)} of {report.skus} SKUs did not pass "
        f"({report.reviews} of them wait for review):\n" + "\n".join(shown),
        metadata={"rejected": len(report.rejections) - report.reviews, "needs_review": report.reviews},
        allow_retries=False,
    )


def _failure_lines(report: LineReport) -> Iterator[str]:
    """Why SKUs stayed behind: first those that a stopped line left, a line for all of them, then each."""
    left: dict[str, list[str]] = {}
    for sku, rejection in sorted(report.rejections.items()):
        if rejection.code == LINE_STOPPED:
            left.setdefault(f"{rejection.code}: {rejection.message} {rejection.hint}", []).append(sku)
    for why, skus in left.items():
        yield f"{skus[0]} to {skus[-1]}, {len(skus)} SKUs: {why}" if len(skus) > 1 else f"{skus[0]}: {why}"
    for sku, rejection in sorted(report.rejections.items()):
        if rejection.code != LINE_STOPPED:
            yield f"{sku}: {rejection.stage}: {rejection.code}: {rejection.message} {rejection.hint}"


def run_tags(report: LineReport) -> dict[str, str]:
    """The run's totals as tags: `catalog/made`, `catalog/up_to_date` ..., and `outcome` if SKUs stayed behind."""
    tags = {f"{COUNT_TAG}{status}": str(count) for status, count in report.statuses.items()}
    if report.rejections:
        tags[OUTCOME_TAG] = "error" if report.has_errors else "rejections"
    return tags
