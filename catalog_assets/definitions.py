"""Everything together: what `dagster dev` and the command line load. Binds the name `defs`."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from catalog_assets.campaign_files import Campaigns, load_campaigns
from catalog_assets.campaigns import campaign_line
from catalog_assets.environment import Environment, read_environment
from catalog_assets.jobs import line_job, manifests_job, reports_job, scattered_job
from catalog_assets.line_assets import GPU_POOL, LineInfo, line_assets
from catalog_assets.models import configured_engines
from catalog_assets.product import product_line
from catalog_assets.reports import report_assets
from resources.alerts import Alerts
from resources.catalog_resource import CatalogResource
from resources.engines import Engines
from resources.gpu_resource import Gpu
from resources.marketplaces.rule_files import load_rules
from resources.progress import Progress
from sensors.backfills import reports_sensor
from sensors.campaigns_after_products import campaigns_sensor
from sensors.failures import failures_sensor
from sensors.reviews import reviews_sensor
from sensors.scattered import scattered_sensor
from sensors.schedules import campaign_schedules, manifests_schedule
from sensors.uploads import uploads_sensor


def line_infos(environment: Environment, campaigns: Campaigns) -> tuple[LineInfo, dict[str, LineInfo]]:
    """The product line, and the line of every campaign by name."""
    pool = {"pool": GPU_POOL} if environment.holds_a_gpu else {}
    batch = environment.campaign_batch
    lines = {name: campaign_line(campaign, batch, **pool) for name, campaign in campaigns.active.items()}
    return product_line(environment.product_batch, **pool), lines


def build_definitions(environment: Environment, campaigns: Campaigns, *, show_progress: bool = False) -> dg.Definitions:
    """All definitions for an environment and its campaigns."""
    product, lines = line_infos(environment, campaigns)
    jobs = {name: line_job(info) for name, info in lines.items()}
    reports, manifests = reports_job(), manifests_job()
    scattered = scattered_job(product, lines)
    return dg.Definitions(
        assets=[
            *(line_assets(info, environment.owners) for info in [product, *lines.values()]),
            *report_assets(environment.owners, campaigns),
        ],
        jobs=[scattered, line_job(product), *jobs.values(), reports, manifests],
        schedules=[*campaign_schedules(lines, jobs, campaigns), manifests_schedule(manifests, campaigns)],
        sensors=[
            uploads_sensor(product, lines, campaigns),
            reviews_sensor(product, lines, campaigns),
            campaigns_sensor(lines),
            scattered_sensor(scattered),
            failures_sensor,
            reports_sensor(reports),
        ],
        resources=vars(build_resources(environment, show_progress=show_progress)),
        # One process a run: one set of models, one GPU context. Parallelism comes from several runs.
        executor=dg.in_process_executor,
    )


@dataclass(frozen=True)
class Resources:
    """The resources of every asset and sensor, under the names by which they ask for them."""

    catalog: CatalogResource
    engines: Engines
    gpu: Gpu
    progress: Progress
    alerts: Alerts


def build_resources(environment: Environment, *, show_progress: bool = False) -> Resources:
    """The resources for an environment. Secrets are read from it when a run starts, and reach no log."""
    webhook = dg.EnvVar("CATALOG_WEBHOOK_URL") if _is_set("CATALOG_WEBHOOK_URL") else ""
    engines = configured_engines(environment)
    return Resources(
        catalog=CatalogResource(root=environment.root, s3_endpoint=_s3_endpoint()),
        engines=engines,
        gpu=engines.gpu,
        progress=Progress(show=show_progress),
        alerts=Alerts(webhook_url=webhook),
    )


def _s3_endpoint() -> dg.EnvVar | None:
    return dg.EnvVar("CATALOG_S3_ENDPOINT") if _is_set("CATALOG_S3_ENDPOINT") else None


def _is_set(variable: str) -> bool:
    return bool(dg.EnvVar(variable).get_value(""))


_campaigns = load_campaigns(marketplaces=load_rules())
defs = build_definitions(read_environment(), _campaigns)
