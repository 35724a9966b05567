"""The campaign lines: scene_variants, scored_finals, marketplace_export, once for every campaign file."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from catalog_assets.campaign_files import Campaign
from catalog_assets.context import RunContext
from catalog_assets.line_assets import AssetInfo, LineInfo
from catalog_assets.stage import Stage
from catalog_assets.stages.cutout import Cutout
from catalog_assets.stages.marketplace_export import MarketplaceExport
from catalog_assets.stages.scene_variants import SceneVariants
from catalog_assets.stages.scored_finals import ScoredFinals


def campaign_stages(context: RunContext, campaign: Campaign) -> tuple[Stage, ...]:
    """The stages of a campaign, in the period of the run; without one, in that of the last scheduled moment."""
    period = context.period or campaign.last_period(datetime.now(UTC))
    return (
        SceneVariants(context, campaign, period),
        ScoredFinals(context, campaign),
        MarketplaceExport(context, campaign),
    )


def campaign_line(campaign: Campaign, batch: int, pool: str = "campaign_line") -> LineInfo:
    """A campaign's line as Dagster sees it; `batch` SKUs a run."""
    title = campaign.title or campaign.name
    return LineInfo(
        name=campaign.name,
        group=campaign.name,
        prefix=(campaign.name,),
        batch=batch,
        pool=pool,
        make_stages=lambda context: campaign_stages(context, campaign),
        upstream=dg.AssetKey([Cutout.asset]),
        finals=ScoredFinals.asset,
        assets=(
            AssetInfo(
                name=SceneVariants.asset,
                description=f"{title}: candidates of the product in each scene.",
                code_version=SceneVariants.code_version,
            ),
            AssetInfo(
                name=ScoredFinals.asset,
                description=f"{title}: the best candidate of each scene that shows the product as it is.",
                code_version=ScoredFinals.code_version,
                check=ScoredFinals.check,
                check_description="The product in the picture is the product in the photo.",
            ),
            AssetInfo(
                name=MarketplaceExport.asset,
                description=f"{title}: pictures ready to upload to {', '.join(campaign.marketplaces)}.",
                code_version=MarketplaceExport.code_version,
                check=MarketplaceExport.check,
                check_description="Every exported file keeps its marketplace's rules, measured on its own bytes.",
            ),
        ),
    )
