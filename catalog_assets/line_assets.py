"""From a line to a Dagster multi-asset: one body for all lines, so that they all keep the same contract."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import dagster as dg

from catalog_assets.context import RunContext, insist_on_uploads
from catalog_assets.costs import enter
from catalog_assets.health import CHECK as HEALTH_CHECK
from catalog_assets.health import HealthWatch, open_watch, remember
from catalog_assets.line import Line, LineReport, Overtaken, run_line
from catalog_assets.partitions import FORCE_TAG, PERIOD_TAG, SKU, work_of
from catalog_assets.quarantine import Quarantine
from catalog_assets.reporting import Reporter, conclude
from catalog_assets.settings import load_settings
from catalog_assets.stage import Stage, StageResult
from resources.catalog_resource import CatalogResource
from resources.engines import Engines
from resources.progress import Progress

# Its limit is the number of GPUs.
GPU_POOL = "gpu"

MakeStages = Callable[[RunContext], tuple[Stage, ...]]


@dataclass(frozen=True)
class AssetInfo:
    """How one asset of a line is shown: its name, a line of description, its check and what that says."""

    name: str
    description: str
    code_version: str
    check: str | None = None
    check_description: str = ""


@dataclass(frozen=True)
class LineInfo:
    """A line as Dagster sees it. prefix: of its asset keys. upstream: what its first asset is made from.

    pool: what its runs take a place in: GPU_POOL where they hold a GPU.
    finals: the asset that makes finals; where most SKUs of a batch get none of it, the line is stopped. "" for never.
    """

    name: str
    group: str
    prefix: tuple[str, ...]
    assets: tuple[AssetInfo, ...]
    make_stages: MakeStages
    batch: int
    pool: str
    upstream: dg.AssetKey | None = None
    finals: str = ""

    @property
    def checks(self) -> dict[str, str]:
        return {asset.name: asset.check for asset in self.assets if asset.check}

    @property
    def keys(self) -> list[dg.AssetKey]:
        return [self.key(asset.name) for asset in self.assets]

    def key(self, asset: str) -> dg.AssetKey:
        return dg.AssetKey([*self.prefix, asset])

    def line(self, context: RunContext, selected: set[dg.AssetKey] | None = None) -> Line:
        """The line with its stages, or those of them whose assets are selected."""

        def stages(of: RunContext) -> tuple[Stage, ...]:
            return tuple(one for one in self.make_stages(of) if selected is None or self.key(one.asset) in selected)

        return Line(self.name, stages(context), Quarantine(context.store, self.name), stages(context.looking()))

    def watch(self, context: RunContext, line: Line, work: str) -> HealthWatch | None:
        """What counts the finals of a batch, and knows if an earlier batch of this work stopped the line already.

        None where no finals are made. Raises StoreError.
        """
        names = [stage.asset for stage in line.stages]
        if self.finals not in names:
            return None
        stages = tuple(names[: names.index(self.finals) + 1])
        return open_watch(context.store, self.name, stages, context.settings.line_health, work)

    def reporter(
        self,
        context: dg.OpExecutionContext | dg.AssetExecutionContext,
        line: Line,
        checks: Mapping[str, str] | None = None,
        planned: Sequence[str] = (),
    ) -> Reporter:
        """What tells Dagster of this line. checks: those to evaluate, by asset (default: all). planned: see there."""
        return Reporter(
            context=context,
            line=line,
            prefix=self.prefix,
            order=[asset.name for asset in self.assets],
            upstream=self.upstream,
            checks=self.checks if checks is None else checks,
            planned=planned,
        )


def line_assets(info: LineInfo, owners: Sequence[str]) -> dg.AssetsDefinition:
    """The multi-asset of a line: any subset of its assets, any range of SKUs, per-SKU truth.

    The body is a generator even where nothing is yielded: a plain return fails an all-good batch.
    """

    @dg.multi_asset(
        name=f"{info.name}_line",
        specs=list(_specs(info, owners)),
        check_specs=[
            dg.AssetCheckSpec(
                name=asset.check,
                asset=info.key(asset.name),
                description=asset.check_description,
                partitions_def=SKU,
            )
            for asset in info.assets
            if asset.check
        ]
        + _health_spec(info),
        partitions_def=SKU,
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=info.batch),
        pool=info.pool,
    )
    def body(
        context: dg.AssetExecutionContext, catalog: CatalogResource, engines: Engines, progress: Progress
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        yield from _materialize(info, context, catalog, engines, progress)

    return body


def _health_spec(info: LineInfo) -> list[dg.AssetCheckSpec]:
    """The check of a whole batch: of no partition, beside the partitioned ones."""
    if not info.finals:
        return []
    description = "Most products of a batch get a final picture; if they do not, the rest of the line is stopped."
    return [dg.AssetCheckSpec(name=HEALTH_CHECK, asset=info.key(info.finals), description=description)]


def _specs(info: LineInfo, owners: Sequence[str]) -> Iterator[dg.AssetSpec]:
    upstream = info.upstream
    for asset in info.assets:
        yield dg.AssetSpec(
            key=info.key(asset.name),
            deps=[upstream] if upstream else [],
            description=asset.description,
            group_name=info.group,
            code_version=asset.code_version,
            kinds={"image"},
            tags={"line": info.name},
            owners=list(owners),
            skippable=True,
            partitions_def=SKU,
        )
        upstream = info.key(asset.name)


def _materialize(
    info: LineInfo,
    context: dg.AssetExecutionContext,
    catalog: CatalogResource,
    engines: Engines,
    progress: Progress,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    run_context = open_context(catalog, engines, context.run)
    line = info.line(run_context, set(context.selected_asset_keys))
    skus = list(context.partition_keys)
    selected = {key.name for key in context.selected_asset_check_keys}
    checks = {asset: check for asset, check in info.checks.items() if check in selected}
    reporter = info.reporter(context, line, checks, skus)
    watch = info.watch(run_context, line, work_of(context.run.tags))
    results = LastResults()
    with closing(run_context):
        on_result = results.add if context.has_partition_key else reporter.log
        report = work(line, skus, run_context, progress, on_result, watch, reporter.overtaken)
    yield from reporter.results(results.kept)
    if watch is not None and HEALTH_CHECK in selected:
        reporter.log_health(info.finals, watch)
    conclude(context, report)


@dataclass
class LastResults:
    """The results of one SKU, of the last time that it went through the stages."""

    kept: list[StageResult] = field(default_factory=list)

    def add(self, result: StageResult) -> None:
        stages = [each.stage for each in self.kept]
        if result.stage in stages:
            del self.kept[stages.index(result.stage) :]
        self.kept.append(result)


def open_context(
    catalog: CatalogResource,
    engines: Engines,
    run: dg.DagsterRun,
    *,
    retry: bool = False,
) -> RunContext:
    """What the stages of a run share, from its resources and its tags. Raises StoreError, SettingsError."""
    store, tags = catalog.open(), run.tags
    context = RunContext(
        store=store,
        settings=load_settings(store),
        engines=engines,
        force=tags.get(FORCE_TAG, "").lower() == "true",
        retry=retry,
        period=tags.get(PERIOD_TAG, ""),
        run=run.run_id,
    )
    insist_on_uploads(store, context.uploads)
    return context


def work(
    line: Line,
    skus: Sequence[str],
    context: RunContext,
    progress: Progress,
    on_result: Callable[[StageResult], None],
    watch: HealthWatch | None = None,
    overtaken: Overtaken = lambda: (),
) -> LineReport:
    """Run a line with the settings of the store, showing progress where that is switched on.

    watch: sees every SKU; once it says stop, what is up to date goes on and nothing new is made. overtaken: see
    `run_line`.
    """
    if watch is not None and watch.stopped is not None:
        context.halted[line.name] = watch.stopped
    with progress.bar(line.name, len(skus)) as advance:

        def on_sku(results: Sequence[StageResult]) -> None:
            advance(1)
            enter(context, line.name, results)
            if watch is not None and watch.see(results) and watch.stopped is not None:
                context.halted[line.name] = watch.stopped
                remember(context.store, watch)

        report = run_line(line, skus, threads=context.threads, on_result=on_result, on_sku=on_sku, overtaken=overtaken)
    if watch is not None and watch.stopped is not None:
        report.stopped.append(watch.stopped)
    return report
