"""The whole line over a catalog, in this process, through Dagster: what `catalog refresh` and `retry` do."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import dagster as dg

from catalog_assets.campaign_files import Campaign, Campaigns
from catalog_assets.context import insist_on_uploads
from catalog_assets.definitions import build_definitions, build_resources, line_infos
from catalog_assets.environment import Environment
from catalog_assets.health import recall
from catalog_assets.instance import dagster_home, open_instance
from catalog_assets.jobs import REPORTS_JOB, SCATTERED_JOB, SCATTERED_OP
from catalog_assets.line_assets import LineInfo
from catalog_assets.partitions import (
    FORCE_TAG,
    OUTCOME_TAG,
    WORK_TAG,
    contiguous_ranges,
    is_scattered,
    range_tags,
    register,
    registered,
)
from catalog_assets.product import PRODUCT
from catalog_assets.publishing import Publisher, publisher_of
from catalog_assets.quarantine import Quarantined, quarantined
from catalog_assets.reporting import COUNT_TAG
from catalog_assets.reports_due import ReportsDue
from catalog_assets.routes import engines_of
from catalog_assets.settings import load_settings
from catalog_assets.settled import settled
from resources.engines import Engines
from resources.loaded import keep_loaded
from resources.names import display, sku_name
from resources.products import RowProblem, load_products, rows_without_photos
from resources.store import UPLOADS, CatalogStore
from resources.uploads import UploadNote, scan_uploads
from resources.verdicts import Rejection

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class RefreshError(ValueError):
    """The refresh could not start; the message says what was found and what to do."""


@dataclass
class Refreshed:
    """What a refresh did. counts: SKUs by status and line. stopped: what lies in quarantine of these SKUs.

    notes: uploads that were left out. problems: rows of catalog.csv that could not be used. halted: why a campaign was
    stopped before all of its SKUs were worked on. reports_stand: they would say what they say already.
    """

    skus: int
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    stopped: list[Quarantined] = field(default_factory=list)
    notes: tuple[UploadNote, ...] = ()
    problems: tuple[RowProblem, ...] = ()
    broken_runs: list[str] = field(default_factory=list)
    halted: dict[str, Rejection] = field(default_factory=dict)
    reports_stand: bool = False

    @property
    def made(self) -> int:
        return sum(counts["made"] for counts in self.counts.values())

    @property
    def ok(self) -> bool:
        """True if all were made. What was refused may be missing in quarantine: a full disk has no room for it."""
        refused = any(counts["rejected"] or counts["review"] for counts in self.counts.values())
        return not self.stopped and not self.broken_runs and not refused


@dataclass(frozen=True)
class Wish:
    """What is wanted of a refresh. skus: empty for all. campaigns: empty for those active now.

    retry: a new attempt at the SKUs; with none named, at those in quarantine, each in the line that holds it.
    """

    skus: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    force: bool = False
    retry: bool = False
    show_progress: bool = False


def refresh(environment: Environment, campaigns: Campaigns, wish: Wish) -> Refreshed:
    """Run the product line and the campaign lines over the wanted SKUs, then the reports.

    Raises RefreshError for an unknown SKU, campaign or engine or a missing upload folder, StoreError if the store
    cannot be reached, SettingsError for a broken catalog.yaml.
    """
    store = open_catalog(environment)
    load_settings(store)
    chosen = _chosen(campaigns, wish.campaigns)
    check_engines(build_resources(environment).engines, [campaigns.active[name] for name in chosen], store)
    uploads = scan_uploads(store)
    insist_on_uploads(store, uploads)
    products = load_products(store)
    if not uploads.skus:
        _check_uploads(store)
    with open_instance(environment.root) as instance:
        register(instance, uploads.skus)
        order = registered(instance)
        if wish.retry and not wish.skus:
            tasks = _quarantine_tasks(quarantined(store), order, chosen, campaigns)
        else:
            tasks = [Task(chosen, _wanted(wish.skus, order), retry=wish.retry)]
        result = Refreshed(skus=len({sku for task in tasks for sku in task.skus}), notes=uploads.notes)
        result.problems = (*products.problems, *rows_without_photos(products, uploads.skus))
        runner = _Runner(environment, campaigns, instance, wish, store)
        for task in tasks:
            runner.run(task, result)
        runner.reports(result)
        found = {name: recall(store, name, runner.work) for name in runner.lines}
        result.halted = {name: reason for name, reason in found.items() if reason is not None}
    covered = {(line, sku) for task in tasks for line in (PRODUCT, *task.campaigns) for sku in task.skus}
    result.stopped = [record for record in quarantined(store) if (record.line, record.sku) in covered]
    return result


@dataclass(frozen=True)
class Task:
    """SKUs, in partition order, that go through the product line and these campaigns together."""

    campaigns: Sequence[str]
    skus: Sequence[str]
    retry: bool = False


def _quarantine_tasks(
    held: Sequence[Quarantined], order: Sequence[str], chosen: Sequence[str], campaigns: Campaigns
) -> list[Task]:
    """What a retry of the quarantine does: no SKU gets new pictures where it has good ones.

    A photo that was refused goes through everything again. A SKU that a campaign refused gets a new attempt in that
    campaign only; if the campaign is no longer there, so is the need.
    """
    by_line: dict[str, set[str]] = {}
    for record in held:
        by_line.setdefault(record.line, set()).add(record.sku)
    tasks = []
    for line, skus in sorted(by_line.items()):
        known = [sku for sku in order if sku in skus]
        if line == PRODUCT:
            tasks.append(Task(chosen, known))
        elif line in campaigns.active:
            tasks.append(Task([line], known, retry=True))
    return [task for task in tasks if task.skus]


def open_catalog(environment: Environment) -> CatalogStore:
    """The store of a catalog that is there. Raises RefreshError for a missing folder, StoreError for a bad root."""
    # By way of Dagster: it looks up what the resource takes from environment variables.
    with dg.build_resources({"catalog": build_resources(environment).catalog}) as found:
        store: CatalogStore = found.catalog.open()
    if not environment.root.startswith("s3://") and not Path(store.root).is_dir():
        raise RefreshError(f"No catalog folder {display(store.root)} was found: mend --root or CATALOG_ROOT.")
    return store


def open_publisher(environment: Environment) -> Publisher | None:
    """Where a catalog's pictures are published, None if nowhere. Raises SettingsError, StoreError for a bad root."""
    with dg.build_resources({"catalog": build_resources(environment).catalog}) as found:
        store = found.catalog.open()
        return publisher_of(store, load_settings(store), found.catalog.open_elsewhere)


def _check_uploads(store: CatalogStore) -> None:
    """No photos at all is worth an error where the folder itself is missing: then the root is probably wrong."""
    if UPLOADS not in store.children():
        raise RefreshError(
            f"No folder {display(store.root)}/{UPLOADS} was found: "
            "put the photos there, as <sku>.jpg or <sku>/<view>.jpg."
        )


def check_engines(engines: Engines, campaigns: Iterable[Campaign], store: CatalogStore) -> None:
    """An unknown engine would fail every SKU alike: better to say so once, before anything runs."""
    try:
        engines.matting_engine(store)
        engines.ranking_engine()
        engines.judge_witnesses()
        for campaign in campaigns:
            engines_of(campaign, engines, store)
    except ValueError as error:
        raise RefreshError(
            f"{error} (CATALOG_PROFILE, CATALOG_MATTING_ENGINE, CATALOG_SCENE_ENGINE and CATALOG_RANKING_ENGINE "
            "choose the engines, and a campaign's own file its scene engines)"
        ) from error


def _chosen(campaigns: Campaigns, names: Sequence[str]) -> list[str]:
    unknown = sorted(set(names) - set(campaigns.active))
    if unknown:
        known = ", ".join(sorted(campaigns.active))
        raise RefreshError(f"No campaign named {', '.join(unknown)}; known are {known}.")
    return list(dict.fromkeys(names)) or [campaign.name for campaign in campaigns.on(datetime.now(UTC))]


def _wanted(names: Sequence[str], order: Sequence[str]) -> list[str]:
    """The wanted SKUs in partition order, each by its key or by the name that it was uploaded under."""
    known = set(order)
    keys = {name: name if name in known else sku_name(name).key for name in names}
    unknown = sorted(name for name, key in keys.items() if key not in known)
    if unknown:
        shown = ", ".join(map(display, unknown))
        raise RefreshError(f"No SKU named {shown}: there is no photo of it in the upload folder.")
    return [sku for sku in order if not names or sku in set(keys.values())]


class _Runner:
    """Runs lines in this process: ranges of neighbours as Dagster's range runs, scattered SKUs as one job."""

    def __init__(
        self,
        environment: Environment,
        campaigns: Campaigns,
        instance: dg.DagsterInstance,
        wish: Wish,
        store: CatalogStore,
    ) -> None:
        self.instance = instance
        self.wish = wish
        self.store = store
        self.campaigns = campaigns
        self.work = f"refresh-{uuid4().hex}"  # a line that is stopped in one of its runs is stopped in all
        definitions = build_definitions(environment, campaigns, show_progress=wish.show_progress)
        self.resources = build_resources(environment, show_progress=wish.show_progress)
        self.repository = definitions.get_repository_def()
        self.product, self.lines = line_infos(environment, campaigns)

    def run(self, task: Task, result: Refreshed) -> None:
        lines = [self.product, *(self.lines[name] for name in task.campaigns)]
        due = self._due(task, lines, result)
        if not due:
            return
        order = registered(self.instance)
        if task.retry or is_scattered(due, order):
            self._scattered(replace(task, skus=due), result)
            return
        for line in lines:
            with keep_loaded():  # runs of one line need the same models
                for first, last, _ in contiguous_ranges(due, order, line.batch):
                    self._execute(f"{line.name}_line_job", result, line.name, tags=range_tags(first, last))

    def _due(self, task: Task, lines: Sequence[LineInfo], result: Refreshed) -> Sequence[str]:
        """The SKUs of a task that have to go through its lines; the others are counted as up to date."""
        if task.retry or self.wish.force:
            return task.skus
        with self.resources.progress.bar("up to date?", len(task.skus)) as advance:
            left = settled(self.instance, self.store, self.resources.engines, lines, task.skus, advance)
        if left:
            for line in lines:
                result.counts.setdefault(line.name, Counter())["up_to_date"] += len(left)
        return [sku for sku in task.skus if sku not in left]

    def _scattered(self, task: Task, result: Refreshed) -> None:
        config = {"skus": list(task.skus), "campaigns": list(task.campaigns), "retry": task.retry}
        ops = {"ops": {SCATTERED_OP: {"config": config}}}
        self._execute(SCATTERED_JOB, result, " + ".join([PRODUCT, *task.campaigns]), config=ops)

    def reports(self, result: Refreshed) -> None:
        """Make the reports, if they would say anything new."""
        reports = ReportsDue(self.store, self.campaigns)
        if self.wish.force or reports.are_due(self.instance):
            outcome = self._execute(REPORTS_JOB, result, "reports")
            if outcome.success:
                reports.remember(outcome.run_id)
        else:
            result.reports_stand = True

    def _execute(
        self,
        job: str,
        result: Refreshed,
        line: str,
        *,
        tags: dict[str, str] | None = None,
        config: Mapping[str, object] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run one job here. A failure that is not about pictures is kept as a broken run, not raised."""
        force = {FORCE_TAG: "true"} if self.wish.force else {}
        outcome = self.repository.get_job(job).execute_in_process(
            instance=self.instance,
            tags={**(tags or {}), **force, WORK_TAG: self.work},
            run_config={**QUIET, **(config or {})},
            raise_on_error=False,
        )
        run = self.instance.get_run_by_id(outcome.run_id)
        found = run.tags if run else {}
        counts = result.counts.setdefault(line, Counter())
        for tag, value in found.items():
            if tag.startswith(COUNT_TAG) and value.isdecimal():
                counts[tag.removeprefix(COUNT_TAG)] += int(value)
        if not outcome.success and OUTCOME_TAG not in found:
            result.broken_runs.append(f"{job} (run {outcome.run_id}): {_why(self.instance, outcome.run_id)}")
        return outcome


def _why(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first error message of a run, in one line."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        failure = entry.dagster_event.step_failure_data if entry.dagster_event else None
        if failure and failure.error:
            cause = failure.error.cause or failure.error
            return " ".join(cause.message.split())[:500]
    return "see the run's log in the Dagster UI"


def with_root(environment: Environment, root: str | None) -> Environment:
    return replace(environment, root=root) if root else environment


def open_hint(root: str) -> str:
    """The command that opens the Dagster UI on a catalog, from any folder."""
    where = root if root.startswith("s3://") else str(Path(root).expanduser().absolute())
    beside = Path(sys.executable).parent / "dagster"
    dagster = "dagster" if shutil.which("dagster") == str(beside) else str(beside)
    variables = f"DAGSTER_HOME={shlex.quote(str(dagster_home(root)))} CATALOG_ROOT={shlex.quote(where)}"
    return f"{variables} {shlex.quote(dagster)} dev -m catalog_assets.definitions"
