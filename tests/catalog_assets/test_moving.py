"""A catalog that moved into a bucket, and one whose Dagster state was lost: nothing is made again."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from catalog_assets.campaign_files import EVERGREEN, Campaign
from catalog_assets.campaigns import campaign_line
from catalog_assets.line_assets import line_assets
from catalog_assets.product import product_line
from resources.catalog_resource import CatalogResource
from tests.catalogs import make_catalog, pictures
from tests.conftest import S3Server
from tests.dagster_runs import materializations, materialized, run_range

CAMPAIGN = Campaign(
    name=EVERGREEN, scenes=[{"template": "grey-sweep", "candidates": 1}], marketplaces=["amazon", "shopify"]
)
PRODUCT = line_assets(product_line(batch=8), ["team:catalog"])
EXPORTS = line_assets(campaign_line(CAMPAIGN, batch=4), ["team:catalog"])
SKUS = ["a", "b"]


def run(root: str, catalog: CatalogResource) -> set[str]:
    """Both lines over all SKUs with an empty Dagster, which shows them all in the end; what each was reported as."""
    statuses = set()
    with dg.DagsterInstance.ephemeral() as instance:
        for line, *last in ((PRODUCT, "cutout"), (EXPORTS, EVERGREEN, "marketplace_export")):
            done = run_range(line, instance, root, SKUS, catalog=catalog)
            assert done.success
            assert materialized(instance, *last) == SKUS
            statuses |= {str(one.metadata["status"].value) for one in materializations(instance, done.run_id)}
    return statuses


@pytest.mark.usefixtures("s3_credentials")
def test_a_catalog_is_up_to_date_in_a_bucket_and_in_a_new_dagster_home(tmp_path: Path, s3_server: S3Server) -> None:
    root = make_catalog(tmp_path / "shop", good=SKUS)
    (root / "catalog.yaml").write_text("scene_size: 500\ncandidates: 1\n")
    here = CatalogResource(root=str(root))
    assert run(str(root), here) == {"made"}
    assert run(str(root), here) == {"up_to_date"}

    bucket, client = s3_server.new_bucket(), s3_server.client()
    for path in (path for path in root.rglob("*") if path.is_file()):
        client.put_object(Bucket=bucket, Key=f"shop/{path.relative_to(root)}", Body=path.read_bytes())
    there = CatalogResource(root=f"s3://{bucket}/shop", s3_endpoint=s3_server.endpoint)
    made = pictures(there.open()) | pictures(there.open(), "exports")
    assert made == pictures(here.open()) | pictures(here.open(), "exports")
    assert run(there.root, there) == {"up_to_date"}
    assert pictures(there.open()) | pictures(there.open(), "exports") == made
