"""Manifests: what a spreadsheet and a marketplace read back, whatever the shop wrote in its tables."""

from __future__ import annotations

import csv
import io
import random
import re

import pytest

from resources.marketplaces.manifests import (
    ExportedFile,
    ExportedProduct,
    clean_cell,
    export_name,
    image_url,
    shop_handle,
    write_manifest,
)
from resources.marketplaces.render import Rendered
from resources.marketplaces.rules import SLOTS, Slot, load_rules

RULES = load_rules().rules
AMAZON, GOOGLE, SHOPIFY = RULES["amazon"], RULES["google_merchant"], RULES["shopify"]
BASE = "https://img.example.com/shop/"
PICTURE = Rendered(b"bytes", "jpg", 10, 10, 0.87, 92, "algorithmicallyEnhanced")


def _file(slot: Slot, name: str, campaign: str = "evergreen", scene: str = "") -> ExportedFile:
    return ExportedFile(slot, campaign, scene, f"{campaign}/{name}", "ab" * 32)


def _product(sku: str, scenes: int = 2, views: int = 1, **fields: str) -> ExportedProduct:
    files = [_file("lifestyle", f"{sku}-s{n}.jpg", "summer", f"beach_{n}") for n in range(scenes)]
    files += [_file("additional", f"{sku}-v{n}.jpg") for n in range(views)]
    files.append(_file("main", f"{sku}-main.jpg"))
    return ExportedProduct(sku, fields.pop("title", f"Product {sku}"), fields, tuple(files))


def _rows(data: bytes, delimiter: str = ",") -> list[dict[str, str]]:
    text = data.decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    assert all(None not in row and None not in row.values() for row in rows), "a row has too many or few cells"
    return rows


def _google(*products: ExportedProduct) -> list[dict[str, str]]:
    return _rows(write_manifest(GOOGLE, products, BASE)["feed.tsv"], "\t")


def _shopify(*products: ExportedProduct) -> list[dict[str, str]]:
    return _rows(write_manifest(SHOPIFY, products, BASE)["products.csv"])


def _amazon(*products: ExportedProduct) -> list[dict[str, str]]:
    return _rows(write_manifest(AMAZON, products, BASE)["listing_images.csv"])


def test_google_row() -> None:
    (row,) = _google(_product("A1", scenes=3, brand="Acme", category="Cups", color="red"))
    assert row["id"] == "A1"
    assert row["title"] == "Product A1"
    assert row["image_link"] == f"{BASE}evergreen/A1-main.jpg"
    assert row["lifestyle_image_link"] == f"{BASE}summer/A1-s0.jpg"
    assert row["additional_image_link"].split(",") == [
        f"{BASE}evergreen/A1-v0.jpg",
        f"{BASE}summer/A1-s1.jpg",
        f"{BASE}summer/A1-s2.jpg",
    ]
    assert (row["brand"], row["product_type"], row["color"]) == ("Acme", "Cups", "red")


def test_google_takes_ten_additional_pictures() -> None:
    (row,) = _google(_product("A1", scenes=8, views=9))
    assert len(row["additional_image_link"].split(",")) == 10


def test_google_ids_stay_apart_when_cut() -> None:
    first, second = _google(_product("X" * 60 + "1"), _product("X" * 60 + "2"))
    assert len(first["id"]) == len(second["id"]) == 50
    assert first["id"] != second["id"]


def test_shopify_rows() -> None:
    rows = _shopify(_product("Cup.1", scenes=1, views=1))
    handle = shop_handle("Cup.1")
    assert [row["URL handle"] for row in rows] == [handle] * 3
    assert [row["Title"] for row in rows] == ["Product Cup.1", "", ""]
    assert [row["Image position"] for row in rows] == ["1", "2", "3"]
    assert [row["Product image URL"].rsplit("/", 1)[1] for row in rows] == [
        "Cup.1-main.jpg",
        "Cup.1-v0.jpg",
        "Cup.1-s0.jpg",
    ]
    assert rows[2]["Image alt text"] == "Product Cup.1, beach 0"


def test_shopify_touches_no_column_of_variants_and_keeps_the_shops_handle() -> None:
    data = write_manifest(SHOPIFY, [_product("A1", handle="blue-cup")], BASE)["products.csv"]
    assert data.decode().splitlines()[0] == "URL handle,Title,Product image URL,Image position,Image alt text"
    assert _rows(data)[0]["URL handle"] == "blue-cup"
    assert _shopify(_product("A1", handle="../x"))[0]["URL handle"] == "a1"


def test_shopify_handles_do_not_collide() -> None:
    skus = ["A.1", "A-1", "A_1", "A 1", "a--1", "ü", "ö", "..."]
    handles = [shop_handle(sku) for sku in skus]
    assert len(set(handles)) == len(skus)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", handle) for handle in handles)


def test_amazon_rows_and_upload_names() -> None:
    product = _product("A1", scenes=9, views=1, asin=" b000123456 ")
    files = write_manifest(AMAZON, [product, _product("B2")], BASE)
    row, other = _rows(files["listing_images.csv"])
    assert row["item_sku"] == "A1"
    assert row["update_delete"] == "PartialUpdate"
    assert row["main_image_url"] == f"{BASE}evergreen/A1-main.jpg"
    assert row["other_image_url1"] == f"{BASE}evergreen/A1-v0.jpg"
    assert row["other_image_url8"] == f"{BASE}summer/A1-s6.jpg"
    assert other["other_image_url4"] == ""
    names = _rows(files["image_names.csv"])
    named = [line for line in names if line["item_sku"] == "A1"]
    assert [line["upload_as"] for line in named] == [
        "B000123456.MAIN.jpg",
        *(f"B000123456.PT{number:02}.jpg" for number in range(1, 9)),
    ]
    assert {line["upload_as"] for line in names if line["item_sku"] == "B2"} == {""}


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


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_harmless_in_every_column(text: str) -> None:
    product = _product("A1", title=text, description=text, brand=text, link=text, asin=text, handle=text)
    plain = _product("Z9")
    for rules, delimiter in ((AMAZON, ","), (GOOGLE, "\t"), (SHOPIFY, ",")):
        expected = write_manifest(rules, [_product("A1"), plain], BASE)
        for name, data in write_manifest(rules, [product, plain], BASE).items():
            rows = _rows(data, delimiter)
            assert len(rows) == len(_rows(expected[name], delimiter))
            for row in rows:
                for cell in row.values():
                    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))
                    assert not re.search("[\x00-\x1f\x7f\u202a-\u202e]", cell)
            # One line a row, even for readers that know no quotes.
            assert data.count(b"\r\n") == data.count(b"\n") == len(rows) + 1


def test_text_that_is_no_danger_is_kept() -> None:
    title = "Tasse „Grün“ 商品 ☕ 0,5 l = schön"
    assert _google(_product("A1", title=title))[0]["title"] == title


def test_columns_are_capped() -> None:
    (row,) = _google(_product("A1", title="t" * 400, description="=" + "d" * 9000))
    assert len(row["title"]) == 150
    assert len(row["description"]) == 5000
    assert row["description"].startswith("'=")
    assert len(_shopify(_product("A1", title="t" * 900))[0]["Title"]) == 255


def test_a_missing_title_is_the_sku() -> None:
    assert _google(_product("A1", title=""))[0]["title"] == "A1"


def test_addresses_are_percent_encoded() -> None:
    assert image_url("https://x.example/", "a b/ü,&#?%.jpg") == "https://x.example/a%20b/%C3%BC%2C%26%23%3F%25.jpg"
    assert image_url("", "a b.jpg") == "a%20b.jpg"


def test_an_address_too_long_is_left_out_and_never_cut() -> None:
    files = (_file("main", "a.jpg"), _file("additional", "x" * 2000 + ".jpg"))
    product = ExportedProduct("A1", files=files)
    assert _google(product)[0]["additional_image_link"] == ""
    assert _amazon(product)[0]["other_image_url1"] == ""
    assert len(_shopify(product)) == 1


def test_a_picture_served_elsewhere_keeps_its_address_and_twins_appear_once() -> None:
    far = ExportedFile("main", "evergreen", "", "a.jpg", "ab" * 32, url="https://cdn.example.org/x?y=1,2")
    twin = _file("additional", "b.jpg")
    (row,) = _google(ExportedProduct("A1", files=(far, twin, twin)))
    assert row["image_link"] == "https://cdn.example.org/x?y=1,2"
    assert row["additional_image_link"] == f"{BASE}evergreen/b.jpg"


def test_order_of_products_does_not_matter() -> None:
    products = [_product(f"SKU-{number:03}") for number in range(40)]
    shuffled = random.Random(1).sample(products, len(products))
    for rules in RULES.values():
        assert write_manifest(rules, products, BASE) == write_manifest(rules, iter(shuffled), BASE)
    assert [row["id"] for row in _google(*shuffled)] == [product.sku for product in products]


def test_products_without_pictures_have_no_row_and_twins_are_refused() -> None:
    assert _google(ExportedProduct("A1", "No pictures"), _product("B2"))[0]["id"] == "B2"
    assert _google() == []
    with pytest.raises(ValueError, match="'A1'"):
        _google(_product("A1"), _product("A1"))


def test_export_names() -> None:
    short = PICTURE.sha256[:12]
    assert export_name(AMAZON, "SKU-1", "main", 1, "B000123456", PICTURE) == "B000123456.MAIN.jpg"
    assert export_name(AMAZON, "SKU-1", "additional", 2, "B000123456", PICTURE) == "B000123456.PT02.jpg"
    assert export_name(AMAZON, "SKU-1", "lifestyle", 2, "B000123456", PICTURE) == "B000123456.PT52.jpg"
    assert export_name(AMAZON, "SKU1", "main", 1, "", PICTURE) == "SKU1.MAIN.jpg"
    assert export_name(GOOGLE, "SKU-1", "main", 1, "", PICTURE) == f"SKU-1-main1-{short}.jpg"
    assert export_name(SHOPIFY, "SKU-1", "lifestyle", 3, "", PICTURE) == f"sku-1-lifestyle3-{short}.jpg"


def test_amazon_names_without_asin_stay_apart() -> None:
    names = {export_name(AMAZON, sku, "main", 1, "not an asin", PICTURE) for sku in ("A-1", "A_1", "A1", "A.1")}
    assert len(names) == 4


@pytest.mark.parametrize(
    "sku", ["../../etc/passwd", "..", "a/b", "a b", "ü", "商品", "-rf", ".hidden", "a\\b", "CON\x00"]
)
def test_hostile_skus_give_safe_names(sku: str) -> None:
    for rules in RULES.values():
        for slot in SLOTS:
            name = export_name(rules, sku, slot, 1, sku, PICTURE)
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\.jpg", name)
            assert name == export_name(rules, sku, slot, 1, sku, PICTURE)


def test_numbers_that_a_marketplace_has_no_name_for_are_refused() -> None:
    with pytest.raises(ValueError, match="no valid name"):
        export_name(AMAZON, "A1", "lifestyle", 50, "", PICTURE)
    with pytest.raises(ValueError, match="numbered from 1"):
        export_name(GOOGLE, "A1", "main", 0, "", PICTURE)


def test_clean_cell_cuts_after_neutralising() -> None:
    assert clean_cell("=12345", 4) == "'=12"
    assert clean_cell("  a \t b  ") == "a   b"
