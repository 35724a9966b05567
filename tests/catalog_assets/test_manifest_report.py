from __future__ import annotations

import csv
import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog_assets.campaign_files import Campaign
from catalog_assets.manifest_report import write_manifests
from catalog_assets.settings import Settings
from resources.verdicts import INTERNAL_ERROR, Rejection
from tests.catalog_assets.shop import Shop, campaigns, verdict

JANUARY = datetime(2026, 1, 15, tzinfo=UTC)
JULY = datetime(2026, 7, 15, tzinfo=UTC)
BASE = "https://img.shop.example/p/"
SETTINGS = Settings(image_base_url=BASE)
WINTER = Campaign.model_validate(
    {
        "name": "winter",
        "from": "11-01",
        "until": "02-28",
        "scenes": [{"template": "frost"}],
        "marketplaces": ["amazon", "google_merchant"],
    }
)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def rows(shop: Shop, key: str) -> list[dict[str, str]]:
    text = shop.store.read(f"manifests/{key}").decode()
    return list(csv.DictReader(io.StringIO(text), delimiter="\t" if key.endswith(".tsv") else ","))


def exported(shop: Shop, sku: str, lifestyle: tuple[str, ...] = ("lifestyle",)) -> None:
    """A SKU with a white picture and a scene of evergreen, and a scene of winter."""
    shop.make(sku)
    shop.export(sku, slots=("main", *lifestyle))
    shop.final(sku, shop.product(sku), "winter")
    for marketplace in WINTER.marketplaces:
        shop.export(sku, "winter", marketplace, slots=lifestyle)


def test_all_campaigns_in_season_are_merged_into_one_row(shop: Shop) -> None:
    exported(shop, "mug")
    shop.catalog_csv("sku,title,asin\nmug,Blue mug,B000000001\n")
    result = write_manifests(shop.store, campaigns(WINTER), SETTINGS, JANUARY)

    (row,) = rows(shop, "amazon/listing_images.csv")
    assert row["item_sku"] == "mug"
    assert row["main_image_url"] == f"{BASE}amazon/evergreen/mug/mug.main.jpg"
    assert row["other_image_url1"] == f"{BASE}amazon/winter/mug/mug.lifestyle.jpg"
    assert row["other_image_url2"] == f"{BASE}amazon/evergreen/mug/mug.lifestyle.jpg"
    assert rows(shop, "amazon/image_names.csv")[0]["upload_as"] == "B000000001.MAIN.jpg"
    assert rows(shop, "google_merchant/feed.tsv")[0]["title"] == "Blue mug"
    assert [(one.name, one.products, one.pictures) for one in result.marketplaces] == [
        ("amazon", 1, 3),
        ("google_merchant", 1, 1),
    ]


def test_scenes_of_evergreen_come_last(shop: Shop) -> None:
    theme = Campaign(name="zest", scenes=[{"template": "frost"}], marketplaces=["amazon"])
    exported(shop, "mug")
    shop.final("mug", shop.product("mug"), "zest")
    shop.export("mug", "zest", slots=("lifestyle",))
    write_manifests(shop.store, campaigns(WINTER, theme), SETTINGS, JANUARY)
    order = [row["campaign"] for row in rows(shop, "amazon/pictures.csv") if row["slot"] == "lifestyle"]
    assert order == ["winter", "zest", "evergreen"]


def test_every_listed_picture_carries_its_recorded_hash(shop: Shop, tmp_path: Path) -> None:
    exported(shop, "mug")
    write_manifests(shop.store, campaigns(WINTER), SETTINGS, JANUARY)
    listed = rows(shop, "amazon/pictures.csv")

    assert [(row["slot"], row["campaign"]) for row in listed] == [
        ("main", "evergreen"),
        ("lifestyle", "winter"),
        ("lifestyle", "evergreen"),
    ]
    for row in listed:
        data = (tmp_path / "exports" / row["file"]).read_bytes()
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        assert row["url"] == BASE + row["file"]


def test_a_campaign_out_of_season_is_left_out_until_its_dates_come(shop: Shop) -> None:
    exported(shop, "mug")
    result = write_manifests(shop.store, campaigns(WINTER), SETTINGS, JULY)

    assert result.out_of_season == ("winter",)
    assert {row["campaign"] for row in rows(shop, "amazon/pictures.csv")} == {"evergreen"}
    assert rows(shop, "google_merchant/feed.tsv") == []


def test_only_what_was_exported_and_is_still_uploaded_is_listed(shop: Shop) -> None:
    exported(shop, "good")
    exported(shop, "retired")
    shop.retire("retired")
    shop.make("unjudged", decision="review")
    shop.make("refused")
    shop.export("refused", rejection=Rejection("too_small", "Too small.", "Larger."))
    shop.upload("new.jpg")

    write_manifests(shop.store, campaigns(WINTER), SETTINGS, JANUARY)

    assert [row["item_sku"] for row in rows(shop, "amazon/listing_images.csv")] == ["good"]
    assert [row["id"] for row in rows(shop, "google_merchant/feed.tsv")] == ["good"]


def test_a_gate_that_says_no_after_the_export_withdraws_it(shop: Shop) -> None:
    """A threshold changed, or the photo was replaced: the old files lie there still."""
    for sku in ("scene", "mask", "photo"):
        exported(shop, sku)
    shop.final("scene", shop.product("scene"), "winter", decision="rejected")
    photo = shop.photo("mask")
    shop.mask("mask", photo, verdict("review"))
    shop.photo("photo", rejection=Rejection("truncated", "Torn.", "Again.", stage="raw_photo"))

    write_manifests(shop.store, campaigns(WINTER), SETTINGS, JANUARY)

    listed = [(row["sku"], row["campaign"], row["slot"]) for row in rows(shop, "amazon/pictures.csv")]
    assert listed == [("scene", "evergreen", "main"), ("scene", "evergreen", "lifestyle")]


def test_one_scene_less_leaves_the_others_listed(shop: Shop) -> None:
    exported(shop, "mug")
    shop.final("mug", shop.product("mug"), decision="rejected")
    shop.final("mug", shop.product("mug"), scene="grey-sweep")
    write_manifests(shop.store, campaigns(), SETTINGS, JANUARY)
    assert [row["slot"] for row in rows(shop, "amazon/pictures.csv")] == ["main"]


def test_trouble_that_may_pass_ends_no_listing(shop: Shop) -> None:
    exported(shop, "mug")
    trouble = Rejection(INTERNAL_ERROR, "Boom.", "Again.", stage="mask", retryable=True)
    shop.quarantine("product", "mug", trouble)
    write_manifests(shop.store, campaigns(WINTER), SETTINGS, JANUARY)
    assert len(rows(shop, "amazon/pictures.csv")) == 3


def test_what_a_campaign_no_longer_wants_is_not_listed(shop: Shop) -> None:
    exported(shop, "mug")
    toys = WINTER.model_copy(update={"select": {"category": "toys"}, "marketplaces": ["amazon"]})
    write_manifests(shop.store, campaigns(toys), SETTINGS, JANUARY)
    assert {row["campaign"] for row in rows(shop, "amazon/pictures.csv")} == {"evergreen"}


def test_manifests_of_marketplaces_that_are_gone_go(shop: Shop) -> None:
    exported(shop, "mug")
    write_manifests(shop.store, campaigns(WINTER), SETTINGS, JANUARY)
    result = write_manifests(shop.store, campaigns(), SETTINGS, JANUARY)

    assert result.removed == 2
    assert shop.store.children("manifests") == ("amazon",)


def test_the_same_records_give_the_same_bytes_in_order_of_skus(shop: Shop) -> None:
    for sku in ("pot", "mug", "Cup"):
        exported(shop, sku)
    write_manifests(shop.store, campaigns(WINTER), SETTINGS, JANUARY)
    first = shop.texts("manifests")
    write_manifests(shop.store, campaigns(WINTER), SETTINGS, JANUARY)

    assert shop.texts("manifests") == first
    assert [row["sku"] for row in rows(shop, "google_merchant/pictures.csv")] == ["Cup", "mug", "pot"]


def test_formulas_and_line_ends_from_the_shop_do_no_harm(shop: Shop) -> None:
    exported(shop, "mug")
    shop.catalog_csv('sku,title,color\nmug,"+cmd|1!A1",@SUM(A1)\n')
    write_manifests(shop.store, campaigns(WINTER), SETTINGS, JANUARY)
    (row,) = rows(shop, "google_merchant/feed.tsv")
    assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_an_empty_catalog_gets_headers_alone(shop: Shop) -> None:
    write_manifests(shop.store, campaigns(), SETTINGS, JANUARY)
    assert {key: text.count("\n") for key, text in shop.texts("manifests").items()} == {
        "manifests/amazon/image_names.csv": 1,
        "manifests/amazon/listing_images.csv": 1,
        "manifests/amazon/pictures.csv": 1,
    }
