"""Jobs beside the asset graph: scattered SKUs in one run, a campaign's line, and the reports."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import dagster as dg
from pydantic import Field

from catalog_assets.line import LineReport
from catalog_assets.line_assets import GPU_POOL, LineInfo, open_context, work
from catalog_assets.partitions import registered, work_of
from catalog_assets.reporting import conclude
from resources.catalog_resource import CatalogResource
from resources.engines import Engines
from resources.progress import Progress

SCATTERED_JOB = "scattered_skus"
SCATTERED_OP = "refresh_scattered_skus"
REPORTS_JOB = "reports"
MANIFESTS_JOB = "manifests_job"
# What define_asset_job returns; Dagster does not export its class.
AssetJob = Any

MAX_RUNTIME = {"dagster/max_runtime": str(6 * 3600)}


class ScatteredSkus(dg.Config):
    """Which SKUs, through which campaigns, and whether as a new attempt."""

    skus: list[str] = Field(description="SKU names, as the partitions have them.")
    campaigns: list[str] = Field(default_factory=list, description="Campaigns to run after the product line.")
    retry: bool = Field(False, description="Make a new attempt (new seeds) of the scenes.")


def scattered_job(product: LineInfo, campaigns: Mapping[str, LineInfo]) -> dg.JobDefinition:
    """The job `scattered_skus`: any SKUs through both lines in one run.

    A range run covers neighbours only; SKUs that lie apart (failed ones, 1 % changed) would cost a run each.
    It logs the same events for each SKU as a range run. A SKU that is stopped shows in its check and in the
    quarantine, not as a failed partition: Dagster has no event for that outside an asset's own run.
    """

    pool = GPU_POOL if product.pool == GPU_POOL else None

    @dg.op(name=SCATTERED_OP, out=dg.Out(dg.Nothing), pool=pool)
    def refresh(
        context: dg.OpExecutionContext,
        config: ScatteredSkus,
        catalog: CatalogResource,
        engines: Engines,
        progress: Progress,
    ) -> None:
        lines = [product, *_chosen(config.campaigns, campaigns)]
        skus = _known(config.skus, registered(context.instance))
        run_context = open_context(catalog, engines, context.run, retry=config.retry)
        total = LineReport()
        with closing(run_context):
            for info in lines:
                line = info.line(run_context)
                reporter = info.reporter(context, line)
                watch = info.watch(run_context, line, work_of(context.run.tags))
                report = work(line, skus, run_context, progress, reporter.log, watch, reporter.overtaken)
                if watch is not None:
                    reporter.log_health(info.finals, watch)
                total.merge(report)
                if info is product:
                    skus = [sku for sku in skus if sku not in report.rejections]
        conclude(context, total)

    @dg.job(name=SCATTERED_JOB, tags=MAX_RUNTIME, description="Any SKUs through the lines, in one run.")
    def job() -> None:
        refresh()

    return job


def _chosen(names: Sequence[str], campaigns: Mapping[str, LineInfo]) -> list[LineInfo]:
    unknown = sorted(set(names) - set(campaigns))
    if unknown:
        raise dg.Failure(
            f"No campaign named {', '.join(unknown)}; known are {', '.join(sorted(campaigns))}.",
            allow_retries=False,
        )
    return [campaigns[name] for name in names]


def _known(skus: Sequence[str], order: Sequence[str]) -> list[str]:
    """The wanted SKUs in partition order. Raises dg.Failure for one that is no partition."""
    unknown = sorted(set(skus) - set(order))
    if unknown:
        raise dg.Failure(
            f"No SKU named {', '.join(unknown[:10])} is registered; upload a photo of it first.",
            allow_retries=False,
        )
    wanted = set(skus)
    return [sku for sku in order if sku in wanted]


def line_job(info: LineInfo) -> AssetJob:
    """The job `<line>_line_job`: one line's assets over a range of SKUs, for schedules and the launchpad."""
    return dg.define_asset_job(
        name=f"{info.name}_line_job",
        selection=dg.AssetSelection.assets(*info.keys),
        tags=MAX_RUNTIME,
        description=f"The line {info.name} over a range of SKUs.",
    )


def reports_job() -> AssetJob:
    """The job `reports`: all reports over the whole catalog."""
    return dg.define_asset_job(
        name=REPORTS_JOB,
        selection=dg.AssetSelection.groups("reports"),
        tags=MAX_RUNTIME,
        description="Quarantine, gallery, overview and manifests over the whole catalog.",
    )


def manifests_job() -> AssetJob:
    """The job `manifests_job`: the manifests alone, which seasons change though nothing was made."""
    return dg.define_asset_job(
        name=MANIFESTS_JOB,
        selection=dg.AssetSelection.assets("manifests"),
        tags=MAX_RUNTIME,
        description="The manifests of every marketplace over the whole catalog.",
    )
