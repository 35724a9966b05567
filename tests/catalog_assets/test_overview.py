from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from catalog_assets.campaign_files import Campaign, CampaignProblem, Campaigns
from catalog_assets.overview import MAX_PLOT_BYTES, AssetTotals, Overview, overview, plot
from resources.verdicts import INTERNAL_ERROR, Rejection
from tests.catalog_assets.shop import Shop, campaigns


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def statuses(found: Overview, asset: str) -> dict[str, int]:
    return {status: count for status, count in found.assets[asset].statuses.items() if count}


def test_every_sku_is_counted_once_in_every_asset(shop: Shop) -> None:
    shop.make("good")
    shop.make("odd", decision="review")
    shop.make("bad", decision="rejected")
    shop.upload("new.jpg")
    shop.make("old")
    shop.retire("old")

    found = overview(shop.store, campaigns())

    assert (found.skus, found.retired) == (4, 1)
    assert statuses(found, "cutout") == {"made": 3, "not_attempted": 1, "retired": 1}
    assert statuses(found, "evergreen/scored_finals") == {
        "made": 1,
        "review": 1,
        "rejected": 1,
        "not_attempted": 1,
        "retired": 1,
    }
    assert statuses(found, "evergreen/marketplace_export") == {"made": 1, "not_attempted": 3, "retired": 1}
    assert all(totals.statuses.total() == 5 for totals in found.assets.values())


def test_seconds_add_up_over_records(shop: Shop) -> None:
    for sku in ("mug", "pot"):
        shop.make(sku)
    found = overview(shop.store, campaigns())
    seconds = {name: totals.seconds for name, totals in found.assets.items()}

    assert seconds == {
        "raw_photo": 0.0,
        "mask": 0.5,
        "cutout": 1.0,
        "evergreen/scene_variants": 3.0,
        "evergreen/scored_finals": 1.5,
        "evergreen/marketplace_export": 0.25,
    }
    assert found.assets["mask"].pictures == 2
    assert found.assets["mask"].bytes > 0


def test_a_stage_behind_one_that_stopped_was_not_attempted(shop: Shop) -> None:
    """An exception leaves no record, and what an earlier run left behind does not count."""
    shop.make("mug")
    shop.quarantine("product", "mug", Rejection(INTERNAL_ERROR, "Boom.", "Again.", stage="mask"))
    found = overview(shop.store, campaigns())

    assert statuses(found, "raw_photo") == {"made": 1}
    assert statuses(found, "mask") == {"rejected": 1}
    assert statuses(found, "cutout") == {"not_attempted": 1}


def test_a_campaign_counts_what_it_does_not_select(shop: Shop) -> None:
    toys = Campaign(name="toys", select={"category": "toys"}, scenes=[{"template": "frost"}], marketplaces=["amazon"])
    shop.make("mug")
    found = overview(shop.store, campaigns(toys))
    assert statuses(found, "toys/scored_finals") == {"not_selected": 1}


def test_what_is_wrong_with_the_inputs_is_listed(shop: Shop) -> None:
    shop.make("mug")
    shop.upload(".hidden.jpg")
    shop.catalog_csv("sku,height_cm\nmug,tall\nghost,3\n")
    broken = Campaigns(campaigns().active, (), (CampaignProblem("x.yaml", "x.yaml: scenes: none"),))
    found = overview(shop.store, broken)

    assert {problem.code for problem in found.row_problems} == {"bad_height", "no_photo"}
    assert len(found.upload_notes) == 1
    assert found.as_text().splitlines()[-3:] == [
        "campaign left out: x.yaml: scenes: none",
        "catalog.csv: 2 problems",
        "uploads: 1 left out",
    ]


def test_the_text_is_a_table_of_all_assets(shop: Shop) -> None:
    shop.make("mug")
    lines = overview(shop.store, campaigns()).as_text().splitlines()
    assert lines[0] == "1 SKU, 0 retired"
    assert re.split(r" {2,}", lines[2]) == ["asset", "made", "pictures", "seconds", "MB"]
    assert [line.split()[0] for line in lines[3:5]] == ["raw_photo", "mask"]
    assert len({len(line) for line in lines[2:]}) == 1


@pytest.mark.parametrize("lines", [1, 40])
def test_the_plot_is_a_small_png(lines: int) -> None:
    assets = {}
    for number in range(lines):
        name = f"campaign_with_a_long_name_{number}/marketplace_export"
        counts = Counter(made=9000 - number, review=300, rejected=100, not_attempted=20, not_selected=7, retired=3)
        assets[name] = AssetTotals(name, counts, seconds=12345.678 * number)
    data = plot(Overview(10_000, 3, assets))

    assert len(data) <= MAX_PLOT_BYTES
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        assert image.width > 500
        colours = image.convert("RGB").getcolors(1 << 20)
    assert colours is not None
    assert max(colours)[1] == (255, 255, 255)
    assert len(colours) > 8


def test_an_empty_catalog_has_a_plot(shop: Shop) -> None:
    assert plot(overview(shop.store, campaigns())).startswith(b"\x89PNG")
