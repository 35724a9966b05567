"""The product line: raw_photo, mask, cutout. The same for every campaign."""

from __future__ import annotations

from catalog_assets.context import RunContext
from catalog_assets.line_assets import AssetInfo, LineInfo
from catalog_assets.stage import Stage
from catalog_assets.stages.cutout import Cutout
from catalog_assets.stages.mask import Mask
from catalog_assets.stages.raw_photo import RawPhoto

PRODUCT = "product"


def product_stages(context: RunContext) -> tuple[Stage, ...]:
    return (RawPhoto(context), Mask(context), Cutout(context))


def product_line(batch: int, pool: str = "product_line") -> LineInfo:
    """The product line as Dagster sees it; `batch` SKUs a run."""
    return LineInfo(
        name=PRODUCT,
        group=PRODUCT,
        prefix=(),
        batch=batch,
        pool=pool,
        make_stages=product_stages,
        assets=(
            AssetInfo(
                name=RawPhoto.asset,
                description="Every usable photo of the SKU as it was uploaded, byte for byte, and what is known of it.",
                code_version=RawPhoto.code_version,
                check=RawPhoto.check,
                check_description="The main photo can be used: readable, large enough, really a photo.",
            ),
            AssetInfo(
                name=Mask.asset,
                description="Which part of each photo is the product: an alpha matte, with a confidence.",
                code_version=Mask.code_version,
                check=Mask.check,
                check_description="The outline of the main view was found with certainty.",
            ),
            AssetInfo(
                name=Cutout.asset,
                description="The product alone: a transparent PNG with straight alpha and clean edge colours.",
                code_version=Cutout.code_version,
            ),
        ),
    )
