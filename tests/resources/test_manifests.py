"""Manifests: what a spreadsheet and a marketplace read back, whatever the shop wrote in its tables.

The documented columns, names and limits are written out here, apart from the code that keeps them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import pytest

from resources.marketplaces import manifests
from resources.marketplaces.listing import ExportedProduct, gallery
from resources.marketplaces.manifests import ManifestProblem, ManifestWriter, clean_cell
from resources.marketplaces.naming import shop_handle
from resources.marketplaces.rule_files import load_rules
from resources.marketplaces.rules import MarketplaceRules
from tests.resources.listings import BASE, changed, file_of, listed, product_of

RULES = load_rules().rules
SELLER = {"seller_id": "A2SAMPLESELLER", "marketplace_id": "ATVPDKIKX0DER"}
WALMART_VERSION = "5.0.20240517-04_08_27-api"
GTIN = "4006381333931"
SHOPIFY = changed(RULES["shopify"], feed={"manifests": ("shopify_csv",)})
GOOGLE = changed(RULES["google_merchant"], feed={"manifests": ("google_tsv",)})
AMAZON = changed(RULES["amazon"], feed={"manifests": ("amazon_csv", "amazon_json")})
LEGACY = changed(SHOPIFY, feed={"manifests": ("shopify_legacy_csv",)})
WALMART = changed(SHOPIFY, feed={"manifests": ("walmart_json",), "account": {"version": WALMART_VERSION}})
EBAY = changed(SHOPIFY, feed={"manifests": ("ebay_csv",)}, urls={"https_only": True})
TEN = {"counts": {"additional": 10, "lifestyle": 10}, "listing": {"max_pictures": 11}}
META = changed(SHOPIFY, feed={"manifests": ("meta_csv",)}, **TEN)
TIKTOK = changed(SHOPIFY, feed={"manifests": ("tiktok_csv",)}, **TEN)


class Folder:
    """Files in memory that are kept when they are closed."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def open(self, name: str) -> BinaryIO:
        assert name not in self.files
        self.files[name] = b""
        kept = self.files

        class Kept(io.BytesIO):
            def close(self) -> None:
                if not self.closed:
                    kept[name] = self.getvalue()
                super().close()

        return Kept()


def seller(rules: MarketplaceRules) -> Mapping[str, str]:
    return SELLER if rules.name == "amazon" else {}


def written(
    rules: MarketplaceRules, *products: ExportedProduct, account: Mapping[str, str] | None = None
) -> tuple[dict[str, bytes], tuple[ManifestProblem, ...]]:
    folder = Folder()
    writer = ManifestWriter(rules, seller(rules) if account is None else account, folder.open)
    for product in products:
        writer.add(product, listed(product, rules))
    assert sorted(writer.close()) == sorted(folder.files)
    return folder.files, writer.problems


def rows_of(data: bytes, delimiter: str = ",") -> list[dict[str, str]]:
    text = data.decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    assert all(None not in row and None not in row.values() for row in rows), "a row has too many or few cells"
    return rows


def rows(rules: MarketplaceRules, file: str, *products: ExportedProduct) -> list[dict[str, str]]:
    return rows_of(written(rules, *products)[0][file], "\t" if file.endswith(".tsv") else ",")


def header_of(rules: MarketplaceRules, file: str) -> str:
    return written(rules)[0][file].decode().splitlines()[0]


def items(rules: MarketplaceRules, file: str, *products: ExportedProduct, **account: str) -> Any:
    files, _ = written(rules, *products, account={**seller(rules), **account})
    return json.loads(files[file].decode("ascii"), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def problems(rules: MarketplaceRules, *products: ExportedProduct, **account: str) -> list[tuple[str, str]]:
    return [(one.file, one.code) for one in written(rules, *products, account=account)[1]]


def url(name: str, campaign: str = "evergreen") -> str:
    return f"{BASE}{campaign}/{name}"


# pictures.csv


def test_every_listed_picture_stands_in_the_list_with_its_hash() -> None:
    product = product_of("A1", scenes=1)
    found = rows(SHOPIFY, "pictures.csv", product)
    assert header_of(SHOPIFY, "pictures.csv") == (
        "sku,position,slot,campaign,scene,file,upload_name,url,sha256,bytes,source_type,ai_generated"
    )
    assert found == [
        {
            "sku": "A1",
            "position": str(picture.position),
            "slot": picture.file.slot,
            "campaign": picture.file.campaign,
            "scene": picture.file.scene,
            "file": picture.file.path,
            "upload_name": picture.upload_name,
            "url": picture.url,
            "sha256": picture.file.sha256,
            "bytes": str(picture.file.bytes),
            "source_type": picture.file.source_type,
            "ai_generated": "yes" if picture.file.slot == "lifestyle" else "no",
        }
        for picture in listed(product, SHOPIFY).pictures
    ]


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("trainedAlgorithmicMedia", "yes"),
        ("compositeWithTrainedAlgorithmicMedia", "yes"),
        ("compositeSynthetic", "yes"),
        ("algorithmicMedia", "no"),
        ("composite", "no"),
        ("compositeCapture", "no"),
        ("algorithmicallyEnhanced", "no"),
    ],
)
def test_pictures_in_which_generative_ai_took_part_are_named(code: Any, answer: str) -> None:
    product = ExportedProduct("A1", files=(replace(file_of("main", "a.jpg"), source_type=code),))
    assert rows(AMAZON, "pictures.csv", product)[0]["ai_generated"] == answer


# Shopify


@pytest.mark.parametrize(
    ("rules", "file", "columns"),
    [
        (SHOPIFY, "products.csv", ("URL handle", "Title", "Product image URL", "Image position", "Image alt text")),
        (LEGACY, "products_legacy.csv", ("Handle", "Title", "Image Src", "Image Position", "Image Alt Text")),
    ],
)
def test_shopify_has_a_row_for_each_picture(rules: MarketplaceRules, file: str, columns: tuple[str, ...]) -> None:
    # No other column: an import overwrites what a column holds, and a SKU alone would be a variant of its own.
    assert tuple(header_of(rules, file).split(",")) == columns
    found = [tuple(row[column] for column in columns) for row in rows(rules, file, product_of("Cup.1", scenes=1))]
    handle = shop_handle("Cup.1")
    assert found == [
        (handle, "Product Cup.1", url("Cup.1-main.jpg"), "1", "Product Cup.1"),
        (handle, "", url("Cup.1-v0.jpg"), "2", "Product Cup.1"),
        (handle, "", url("Cup.1-s0.jpg", "summer"), "3", "Product Cup.1, beach 0"),
    ]


@pytest.mark.parametrize(
    ("rules", "file", "column"),
    [
        (SHOPIFY, "products.csv", "Image alt text"),
        (LEGACY, "products_legacy.csv", "Image Alt Text"),
    ],
)
def test_shopify_takes_512_characters_of_alternative_text(rules: MarketplaceRules, file: str, column: str) -> None:
    first, *_ = rows(rules, file, product_of("A1", title="é" * 900))
    assert len(first[column]) == 512
    assert len(first["Title"]) == 255


def test_shopify_keeps_the_shops_handle_and_makes_up_no_other() -> None:
    own, other = product_of("A1", handle="blue-cup"), product_of("B1", handle="../x")
    assert {row["URL handle"] for row in rows(SHOPIFY, "products.csv", own, other)} == {"blue-cup"}
    assert problems(SHOPIFY, own, other) == [("products.csv", "bad_handle")]


def test_shopify_overwrites_no_title_with_a_sku() -> None:
    products = [product_of(f"A{number}", title=" \n") for number in range(1, 8)]
    files, (problem,) = written(SHOPIFY, *products, product_of("B1"))
    assert {row["URL handle"] for row in rows_of(files["products.csv"])} == {"b1"}
    assert problem.code == "no_title"
    assert problem.message == (
        "7 products are left out of products.csv, because the import writes the title too, and it is not known: "
        "A1, A2, A3, A4, A5 and 2 more."
    )
    assert "title" in problem.hint
    assert len({row["sku"] for row in rows_of(files["pictures.csv"])}) == 8


# Google


def test_google_row() -> None:
    product = product_of("A1", scenes=3, brand="Acme", category="Cups", color="red", ean=GTIN)
    (row,) = rows(GOOGLE, "feed.tsv", product)
    assert row["id"] == "A1"
    assert row["title"] == "Product A1"
    assert row["image_link"] == url("A1-main.jpg")
    assert row["lifestyle_image_link"] == url("A1-s0.jpg", "summer")
    assert row["additional_image_link"].split(",") == [
        url("A1-v0.jpg"),
        url("A1-s1.jpg", "summer"),
        url("A1-s2.jpg", "summer"),
    ]
    assert (row["brand"], row["product_type"], row["color"], row["gtin"]) == ("Acme", "Cups", "red", GTIN)


def test_google_limits() -> None:
    product = product_of("X" * 60, scenes=20, views=20, title="t" * 400, description="=" + "d" * 9000, gtin="123")
    (row,) = rows(GOOGLE, "feed.tsv", product)
    assert len(row["additional_image_link"].split(",")) == 10
    assert row["lifestyle_image_link"].count("http") == 1
    assert (len(row["id"]), len(row["title"]), len(row["description"])) == (50, 150, 5000)
    assert row["description"].startswith("'=")
    assert row["gtin"] == ""


def test_google_takes_addresses_of_2000_characters_and_none_is_cut() -> None:
    room = 2000 - len(f"{BASE}evergreen/.jpg")
    files = (file_of("main", "m.jpg"), file_of("additional", "x" * room + ".jpg"))
    longer = (*files[:1], file_of("additional", "x" * (room + 1) + ".jpg"))
    (fits,), (too_long,) = (rows(GOOGLE, "feed.tsv", ExportedProduct("A1", files=each)) for each in (files, longer))
    assert len(fits["additional_image_link"]) == 2000
    assert too_long["additional_image_link"] == ""


def test_google_gets_no_half_of_a_link() -> None:
    link = "https://shop.example/" + "a" * 1979
    fits, too_long = rows(GOOGLE, "feed.tsv", product_of("A1", link=link), product_of("B2", link=link + "b"))
    assert (fits["link"], too_long["link"]) == (link, "")


def test_google_ids_stay_apart_when_cut() -> None:
    first, second = rows(GOOGLE, "feed.tsv", product_of("X" * 60 + "1"), product_of("X" * 60 + "2"))
    assert first["id"] != second["id"]


def test_google_commas_in_addresses_separate_nothing() -> None:
    product, folder = product_of("A1", scenes=0, views=2), Folder()
    writer = ManifestWriter(GOOGLE, {}, folder.open)
    writer.add(product, gallery(product, GOOGLE, lambda file: f"{BASE}w=1,h=2/{file.path}"))
    writer.close()
    (row,) = rows_of(folder.files["feed.tsv"], "\t")
    assert row["additional_image_link"].split(",") == [
        f"{BASE}w=1%2Ch=2/evergreen/A1-v0.jpg",
        f"{BASE}w=1%2Ch=2/evergreen/A1-v1.jpg",
    ]


# Amazon


def test_amazon_flat_file() -> None:
    assert header_of(AMAZON, "listing_images.csv") == (
        "item_sku,update_delete,main_image_url,other_image_url1,other_image_url2,other_image_url3,other_image_url4,"
        "other_image_url5,other_image_url6,other_image_url7,other_image_url8"
    )
    row, other = rows(AMAZON, "listing_images.csv", product_of("A1", scenes=9), product_of("B2"))
    assert (row["item_sku"], row["update_delete"]) == ("A1", "PartialUpdate")
    assert row["main_image_url"] == url("A1-main.jpg")
    assert row["other_image_url1"] == url("A1-v0.jpg")
    assert row["other_image_url8"] == url("A1-s6.jpg", "summer")
    assert other["other_image_url4"] == ""


def test_amazon_names_for_the_bulk_uploader() -> None:
    product = product_of("A1", scenes=9, views=1, asin=" b000123456 ")
    found = rows(AMAZON, "image_names.csv", product, product_of("B2"))
    named = [row for row in found if row["item_sku"] == "A1"]
    assert [row["upload_as"] for row in named] == [
        "B000123456.MAIN.jpg",
        *(f"B000123456.PT{number:02}.jpg" for number in range(1, 9)),
    ]
    assert [row["position"] for row in named][:2] == ["MAIN", "PT01"]
    assert {row["asin"] for row in named} == {"B000123456"}
    assert {row["upload_as"] for row in found if row["item_sku"] == "B2"} == {""}


def test_amazon_json_feed() -> None:
    product = product_of("A1", scenes=1, amazon_product_type="luggage")
    feed = items(AMAZON, "amazon_listings.json", product, product_of("B2", scenes=0, views=0))
    assert list(feed) == ["header", "messages"]
    assert feed["header"] == {"sellerId": "A2SAMPLESELLER", "version": "2.0", "issueLocale": "en_US"}
    first, second = feed["messages"]
    assert {key: value for key, value in first.items() if key != "patches"} == {
        "messageId": 1,
        "sku": "A1",
        "operationType": "PATCH",
        "productType": "LUGGAGE",
    }
    assert first["patches"][0] == {
        "op": "replace",
        "path": "/attributes/main_product_image_locator",
        "value": [{"media_location": url("A1-main.jpg"), "marketplace_id": "ATVPDKIKX0DER"}],
    }
    others = first["patches"][1:]
    assert [patch["path"] for patch in others] == [
        f"/attributes/other_product_image_locator_{number}" for number in range(1, 9)
    ]
    assert [patch["value"][0].get("media_location") for patch in others[:3]] == [
        url("A1-v0.jpg"),
        url("A1-s0.jpg", "summer"),
        None,
    ]
    assert (second["messageId"], second["productType"]) == (2, "PRODUCT")


def test_amazon_others_beyond_the_last_are_deleted_and_those_of_the_shop_left_alone() -> None:
    messages = items(AMAZON, "amazon_listings.json", product_of("A1", scenes=2), product_of("B2", scenes=0, views=0))
    some, none = (message["patches"] for message in messages["messages"])
    gone = [patch for patch in some if patch["op"] == "delete"]
    assert [patch["path"][-1] for patch in gone] == ["4", "5", "6", "7", "8"]
    assert all(patch["value"] == [{"marketplace_id": "ATVPDKIKX0DER"}] for patch in gone)
    assert [patch["op"] for patch in none] == ["replace"]


def test_amazon_main_picture_is_never_deleted() -> None:
    product = replace(product_of("A1"), files=product_of("A1").files[:2])
    (message,) = items(AMAZON, "amazon_listings.json", product)["messages"]
    assert not any("main" in patch["path"] for patch in message["patches"])
    assert rows(AMAZON, "listing_images.csv", product)[0]["main_image_url"] == ""


def test_amazon_feed_without_a_seller_is_left_out_and_said() -> None:
    files, (problem,) = written(AMAZON, product_of("A1"), account={"marketplace_id": "A1PA6795UKMFR9"})
    assert sorted(files) == ["image_names.csv", "listing_images.csv", "pictures.csv"]
    assert (problem.file, problem.code) == ("amazon_listings.json", "missing_account")
    assert "seller_id" in problem.message
    assert "accounts: {amazon: {seller_id: ...}}" in problem.hint


@pytest.mark.parametrize("value", ["", "  ", "A B", 'A"}', "A\nB", "ü"])
def test_what_can_be_no_seller_counts_as_missing_and_is_not_repeated(value: str) -> None:
    files, (problem,) = written(AMAZON, product_of("A1"), account={"seller_id": value})
    assert "amazon_listings.json" not in files
    assert problem.code == "missing_account"
    if value.strip():
        assert value not in problem.message + problem.hint


def test_amazon_account_of_the_shop_goes_before_the_rules() -> None:
    rules = changed(AMAZON, feed={"account": {"marketplace_id": "ATVPDKIKX0DER", "locale": "en_US"}})
    own = {"marketplace_id": "A1PA6795UKMFR9", "locale": "de_DE", "product_type": "KITCHEN"}
    feed = items(rules, "amazon_listings.json", product_of("A1"), **own)
    assert feed["header"]["issueLocale"] == "de_DE"
    assert feed["messages"][0]["productType"] == "KITCHEN"
    assert feed["messages"][0]["patches"][0]["value"][0]["marketplace_id"] == "A1PA6795UKMFR9"


def test_a_value_of_the_account_that_nothing_reads_is_said() -> None:
    own = {**SELLER, "Product_Type": "SHOES"}
    _, (problem,) = written(AMAZON, product_of("A1"), account=own)
    assert (problem.file, problem.code) == ("catalog.yaml", "unknown_account_value")
    assert "Product_Type" in problem.message
    assert "SHOES" not in problem.message + problem.hint
    assert "product_type" in problem.hint


def test_amazon_takes_skus_of_40_characters() -> None:
    fits, too_long = product_of("A" * 40), product_of("A" * 41)
    assert [row["item_sku"] for row in rows(AMAZON, "listing_images.csv", fits, too_long)] == ["A" * 40]
    assert [one["sku"] for one in items(AMAZON, "amazon_listings.json", fits, too_long)["messages"]] == ["A" * 40]
    assert problems(AMAZON, fits, too_long, **SELLER) == [
        ("amazon_listings.json", "sku_too_long"),
        ("listing_images.csv", "sku_too_long"),
    ]


def test_amazon_product_types_that_are_none_are_refused() -> None:
    files, (problem,) = written(AMAZON, product_of("A1", amazon_product_type='X", "a": "'))
    assert "amazon_listings.json" not in files
    assert problem.code == "bad_product_type"


def test_a_feed_goes_on_in_a_second_file_where_one_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert manifests._FEEDS["amazon_json"].most == 25_000
    assert manifests._FEEDS["walmart_json"].most == 10_000
    short = manifests._FEEDS["amazon_json"]._replace(most=2)
    monkeypatch.setitem(manifests._FEEDS, "amazon_json", short)
    files, _ = written(AMAZON, *(product_of(f"A{number}") for number in range(5)))
    parts = [json.loads(files[name]) for name in sorted(files) if name.endswith(".json")]
    assert sorted(name for name in files if name.endswith(".json")) == [
        "amazon_listings.json",
        "amazon_listings_2.json",
        "amazon_listings_3.json",
    ]
    assert [[(one["messageId"], one["sku"]) for one in part["messages"]] for part in parts] == [
        [(1, "A0"), (2, "A1")],
        [(1, "A2"), (2, "A3")],
        [(1, "A4")],
    ]
    assert all(part["header"]["sellerId"] == "A2SAMPLESELLER" for part in parts)


# Walmart


def test_walmart_items() -> None:
    feed = items(
        WALMART,
        "walmart_items.json",
        product_of("A1", scenes=1, gtin=GTIN, walmart_product_type="Coffee Mugs"),
        product_of("B2", scenes=0, views=0, upc="036000291452"),
        product_type="Drinkware",
    )
    assert feed["MPItemFeedHeader"] == {"businessUnit": "WALMART_US", "locale": "en", "version": WALMART_VERSION}
    first, second = feed["MPItem"]
    assert first == {
        "Orderable": {"sku": "A1", "productIdentifiers": {"productIdType": "GTIN", "productId": "04006381333931"}},
        "Visible": {
            "Coffee Mugs": {
                "mainImageUrl": url("A1-main.jpg"),
                "productSecondaryImageURL": [url("A1-v0.jpg"), url("A1-s0.jpg", "summer")],
            }
        },
    }
    # An empty list is no list of addresses.
    assert second["Visible"] == {"Drinkware": {"mainImageUrl": url("B2-main.jpg")}}


def test_walmart_asks_for_type_number_and_specification() -> None:
    nothing, number = product_of("A1"), product_of("B2", gtin=GTIN)
    typed = product_of("C3", walmart_product_type="Mugs", gtin="4006381333930")
    assert problems(WALMART, nothing, number, typed) == [
        ("walmart_items.json", "no_gtin"),
        ("walmart_items.json", "no_product_type"),
    ]
    bare = changed(WALMART, feed={"account": {}})
    assert problems(bare, number) == [("walmart_items.json", "missing_account")]


# eBay, Meta, TikTok


def test_ebay_joins_at_most_24_addresses() -> None:
    row, plain = rows(EBAY, "ebay_pictures.csv", product_of("A1", scenes=30), product_of("B2", scenes=0))
    pictures = row["PicURL"].split("|")
    assert len(pictures) == 24
    assert pictures[:2] == [url("A1-main.jpg"), url("A1-v0.jpg")]
    assert all(urlsplit(each).scheme == "https" for each in pictures)
    assert plain["PicURL"] == f"{url('B2-main.jpg')}|{url('B2-v0.jpg')}"
    assert (row["Action"], row["CustomLabel"], row["ItemID"]) == ("Revise", "A1", "")


def test_ebay_item_numbers_of_the_shop_are_kept_and_others_refused() -> None:
    given = [product_of("A1", ebay_item_id="256789012345"), product_of("B2", ebay_item_id="=1+1")]
    assert [row["ItemID"] for row in rows(EBAY, "ebay_pictures.csv", *given)] == ["256789012345"]
    assert problems(EBAY, *given) == [("ebay_pictures.csv", "bad_item_id")]


@pytest.mark.parametrize(
    ("rules", "file", "column"),
    [(EBAY, "ebay_pictures.csv", "CustomLabel"), (WALMART, "walmart_items.json", "sku")],
    ids=["ebay", "walmart"],
)
def test_no_sku_is_cut_to_the_length_of_a_column(rules: MarketplaceRules, file: str, column: str) -> None:
    short = changed(rules, feed={"limits": {column: 3}})
    given = [product_of(sku, gtin=GTIN, walmart_product_type="Mugs") for sku in ("SKU", "SKU4")]
    files, (problem,) = written(short, *given)
    assert (problem.file, problem.code) == (file, "sku_too_long")
    assert "SKU4" not in files[file].decode()


def test_ebay_fetches_over_https_only() -> None:
    product, folder = product_of("A1"), Folder()
    writer = ManifestWriter(EBAY, {}, folder.open)
    writer.add(product, gallery(product, EBAY, lambda file: f"http://img.example.com/{file.path}"))
    writer.close()
    assert rows_of(folder.files["ebay_pictures.csv"]) == []


@pytest.mark.parametrize(
    ("rules", "file", "key"), [(META, "meta_pictures.csv", "id"), (TIKTOK, "tiktok_pictures.csv", "sku_id")]
)
def test_links_of_meta_and_tiktok(rules: MarketplaceRules, file: str, key: str) -> None:
    assert header_of(rules, file) == f"{key},image_link,additional_image_link"
    row, many = rows(rules, file, product_of("A1", scenes=1), product_of("B2", views=20))
    assert (row[key], row["image_link"]) == ("A1", url("A1-main.jpg"))
    assert row["additional_image_link"] == f"{url('A1-v0.jpg')},{url('A1-s0.jpg', 'summer')}"
    assert len(many["additional_image_link"].split(",")) == 10


# All of them


KINDS = {
    "shopify": SHOPIFY,
    "shopify_legacy": LEGACY,
    "google": GOOGLE,
    "amazon": AMAZON,
    "walmart": WALMART,
    "ebay": EBAY,
    "meta": META,
    "tiktok": TIKTOK,
}
NEED_A_MAIN_PICTURE = {name: rules for name, rules in KINDS.items() if name != "amazon"}


@pytest.mark.parametrize("rules", NEED_A_MAIN_PICTURE.values(), ids=NEED_A_MAIN_PICTURE)
def test_where_the_first_picture_counts_as_the_main_one_no_other_takes_its_place(rules: MarketplaceRules) -> None:
    scenes = replace(product_of("A1", gtin=GTIN, walmart_product_type="Mugs"), files=product_of("A1").files[:2])
    files, (problem,) = written(rules, scenes)
    assert problem.code == "no_main_picture"
    assert len(rows_of(files.pop("pictures.csv"))) == 2
    assert all(data.count(b"\r\n") == 1 for data in files.values())


HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r\n=1+1",
    "\x00\x1b=1+1",
    "\ufeff=1+1",
    "\uff1d1+1",
    " =1+1",
    '"; DROP TABLE products; --',
    'a "quoted", title\twith\ttabs\nand lines',
    "\u202egnp.exe",
    "lone \ud800 surrogate",
    "<script>alert(1)</script>",
    "',=1+1",
]
_COLUMNS = ("title", "description", "brand", "link", "asin", "gtin", "ebay_item_id", "walmart_product_type")


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys too."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("rules", KINDS.values(), ids=KINDS)
def test_hostile_text_is_harmless_in_every_column(rules: MarketplaceRules, text: str) -> None:
    # SKUs come from file names: safe ones, but this part does not rely on it.
    product, plain = product_of("A1", **dict.fromkeys(_COLUMNS, text)), product_of("Z9", gtin=GTIN)
    for name, data in written(rules, replace(product, sku=f"A{text}"), plain)[0].items():
        if name.endswith(".json"):
            found = list(texts(json.loads(data.decode("ascii"))))
            assert not [one for one in found if re.search("[\x00-\x1f\x7f\u202a-\u202e\ud800-\udfff]", one)]
            continue
        table = rows_of(data, "\t" if name.endswith(".tsv") else ",")
        for cell in (cell for row in table for cell in row.values()):
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))
            assert not re.search("[\x00-\x1f\x7f\u202a-\u202e]", cell)
        # One line a row, even for readers that know no quotes.
        assert data.count(b"\r\n") == data.count(b"\n") == len(table) + 1


def test_text_that_is_no_danger_is_kept() -> None:
    title = "Tasse „Grün“ 商品 ☕ 0,5 l = schön"
    assert rows(GOOGLE, "feed.tsv", product_of("A1", title=title))[0]["title"] == title


def test_a_missing_title_is_the_sku_where_it_overwrites_nothing() -> None:
    assert rows(GOOGLE, "feed.tsv", product_of("A1", title=""))[0]["title"] == "A1"


@pytest.mark.parametrize("rules", KINDS.values(), ids=KINDS)
def test_the_same_products_give_the_same_bytes(rules: MarketplaceRules) -> None:
    products = [product_of(f"SKU-{number:03}", gtin=GTIN, walmart_product_type="Mugs") for number in range(40)]
    files, found = written(rules, *products)
    assert not found
    assert files == written(rules, *products)[0]
    assert all(files.values())


def test_skus_come_once_each_and_in_order() -> None:
    for first, second in (("A1", "A1"), ("B1", "A1"), ("a1", "A1")):
        with pytest.raises(ValueError, match="in order"):
            written(SHOPIFY, product_of(first), product_of(second))
    with pytest.raises(ValueError, match="in order"):
        written(SHOPIFY, ExportedProduct("B1"), product_of("A1"))


def test_products_without_pictures_have_no_row() -> None:
    assert [row["id"] for row in rows(GOOGLE, "feed.tsv", ExportedProduct("A1", "No pictures"), product_of("B2"))] == [
        "B2"
    ]
    files, found = written(AMAZON)
    assert sorted(files) == ["image_names.csv", "listing_images.csv", "pictures.csv"]
    assert not found


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_every_file_of_a_shipped_marketplace_shows_the_pictures_of_the_list(rules: MarketplaceRules) -> None:
    product = product_of("A1", scenes=12, views=12, gtin=GTIN, asin="B000123456", walmart_product_type="Mugs")
    files, found = written(rules, product)
    wanted = [row["url"] for row in rows_of(files.pop("pictures.csv"))]
    assert len(wanted) > 1
    assert not found
    files.pop("image_names.csv", None)
    for data in files.values():
        shown = re.findall(re.escape(BASE) + r"[A-Za-z0-9/.-]+", data.decode())
        assert sorted(shown) == sorted(wanted)


def test_memory_does_not_grow_with_the_catalog(tmp_path: Path) -> None:
    number = 12_000
    writer = ManifestWriter(AMAZON, SELLER, lambda name: (tmp_path / name).open("wb"))
    product = product_of("A1", scenes=0, views=0, asin="B000123456")
    shown = listed(product, AMAZON)
    tracemalloc.start()
    try:
        for at in range(number):
            writer.add(replace(product, sku=f"SKU-{at:08}"), shown)
        writer.close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "amazon_listings.json").stat().st_size > 200 * number
    # A SKU alone takes 60 bytes.
    assert peak < 50 * number


def test_files_are_written_while_products_come(tmp_path: Path) -> None:
    writer = ManifestWriter(AMAZON, SELLER, lambda name: (tmp_path / name).open("wb"))
    for number in range(500):
        product = product_of(f"SKU-{number:03}")
        writer.add(product, listed(product, AMAZON))
    assert all(file.stat().st_size > 1000 for file in tmp_path.iterdir())
    names = writer.close()
    digests = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in names}
    assert sorted(digests) == sorted(file.name for file in tmp_path.iterdir())


def test_clean_cell_cuts_after_neutralising() -> None:
    assert clean_cell("=12345", 4) == "'=12"
    assert clean_cell("  a \t b  ") == "a   b"
