"""File names: official patterns, safe whatever the SKU, and never one name for two products."""

from __future__ import annotations

import itertools
import re

import pytest

from resources.marketplaces.naming import (
    ProductNumbers,
    ean13,
    identifier,
    picture_name,
    product_numbers,
    shop_handle,
)
from resources.marketplaces.rule_files import load_rules
from resources.marketplaces.rules import SLOTS, MarketplaceRules
from tests.resources.listings import changed

RULES = load_rules().rules
AMAZON, GOOGLE, SHOPIFY = RULES["amazon"], RULES["google_merchant"], RULES["shopify"]
SHA = "0123456789abcdef" * 4
SHORT = SHA[:12]
HOSTILE = [
    "../../etc/passwd",
    "..",
    "a/b",
    "a b",
    "ü",
    "商品",
    "-rf",
    ".hidden",
    "a\\b",
    "CON\x00",
    "{id}",
    "%2e%2e",
    "~",
]


def by(kind: str) -> MarketplaceRules:
    """Rules that name files by a number alone."""
    return changed(
        GOOGLE,
        naming={
            "id": kind,
            "main": "{id}.{ext}",
            "additional": "{id}_{n}.{ext}",
            "lifestyle": "{id}_{n}.{ext}",
            "first": {"additional": 2},
            "pattern": r"[A-Za-z0-9._-]+\.jpg",
        },
    )


def name(rules: MarketplaceRules, sku: str, slot: str = "main", index: int = 1, **numbers: str) -> str:
    return picture_name(rules, ProductNumbers(sku, **numbers), slot, index, SHA, "jpg")  # type: ignore[arg-type]


def test_names_of_the_shipped_rules() -> None:
    assert name(AMAZON, "SKU-1", asin="B000123456") == "B000123456.MAIN.jpg"
    assert name(AMAZON, "SKU-1", "additional", 2, asin=" b000123456 ") == "B000123456.PT02.jpg"
    assert name(AMAZON, "SKU1") == "SKU1.MAIN.jpg"
    assert name(GOOGLE, "SKU-1") == f"SKU-1-main1-{SHORT}.jpg"
    assert name(SHOPIFY, "SKU-1", "lifestyle", 3) == f"sku-1-lifestyle3-{SHORT}.jpg"


def test_the_first_number_of_a_slot_is_that_of_the_rules() -> None:
    late = changed(AMAZON, naming={"first": {"additional": 1, "lifestyle": 51}})
    assert name(late, "SKU1", "lifestyle", 2) == "SKU1.PT52.jpg"
    assert name(by("sku"), "SKU1", "additional") == "SKU1_2.jpg"


@pytest.mark.parametrize(
    ("gtin", "fourteen", "thirteen"),
    [
        ("96385074", "00000096385074", "0000096385074"),
        ("036000291452", "00036000291452", "0036000291452"),
        ("4006381333931", "04006381333931", "4006381333931"),
        ("04006381333931", "04006381333931", "4006381333931"),
        # A case of several: no article of its own has this number.
        ("10012345678902", "10012345678902", "SKU-1"),
        ("4006381333932", "SKU-1", "SKU-1"),
        ("00000000", "SKU-1", "SKU-1"),
        ("400638133393", "SKU-1", "SKU-1"),
        ("\uff14006381333931", "SKU-1", "SKU-1"),
        ("4.00638E+12", "SKU-1", "SKU-1"),
        ("", "SKU-1", "SKU-1"),
    ],
)
def test_names_by_trade_number(gtin: str, fourteen: str, thirteen: str) -> None:
    assert name(by("gtin14_or_sku"), "SKU-1", gtin=gtin) == f"{fourteen}.jpg"
    assert name(by("ean_or_sku"), "SKU-1", gtin=gtin) == f"{thirteen}.jpg"
    assert ean13(gtin) == ("" if thirteen == "SKU-1" else thirteen)


def test_the_numbers_of_a_product_are_those_that_are_valid() -> None:
    cells = {"asin": "b000123456", "gtin": "4006381333930", "ean": "4006381333931", "upc": "036000291452"}
    assert product_numbers("A1", cells) == ProductNumbers("A1", "B000123456", "4006381333931")
    assert product_numbers("A1", {"asin": "no asin", "ean": "none"}) == ProductNumbers("A1")


@pytest.mark.parametrize("sku", HOSTILE)
def test_hostile_skus_give_safe_names(sku: str) -> None:
    for rules, slot in itertools.product([*RULES.values(), by("gtin14_or_sku"), by("ean_or_sku")], SLOTS):
        found = name(rules, sku, slot, asin=sku, gtin=sku)
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\.jpg", found)
        assert found == name(rules, sku, slot, asin=sku, gtin=sku)


def test_two_skus_never_share_an_identifier() -> None:
    skus = [*HOSTILE, "A-1", "A_1", "A1", "A.1", "A 1", "a--1", "ö", "...", "1"]
    for rules in [*RULES.values(), by("gtin14_or_sku"), by("ean_or_sku")]:
        assert len({identifier(rules, ProductNumbers(sku)) for sku in skus}) == len(skus)


def test_a_pattern_of_the_shop_opens_no_folder_and_hides_no_format() -> None:
    for template in (
        "../{id}.{ext}",
        "{id}/x.{ext}",
        ".{id}.{ext}",
        "{id} x.{ext}",
        "{id}\n.{ext}",
        "-{id}.{ext}",
        "{id}",
        "{id}.png",
    ):
        rules = changed(GOOGLE, naming={"main": template, "pattern": "(?s).*"})
        with pytest.raises(ValueError, match="no valid name"):
            name(rules, "A1")


def test_numbers_that_a_marketplace_has_no_name_for_are_refused() -> None:
    with pytest.raises(ValueError, match="no valid name"):
        name(AMAZON, "A1", "lifestyle", 100)
    with pytest.raises(ValueError, match="numbered from 1"):
        name(GOOGLE, "A1", index=0)


def test_storefront_handles() -> None:
    skus = ["A.1", "A-1", "A_1", "A 1", "a--1", "ü", "ö", "..."]
    handles = [shop_handle(sku) for sku in skus]
    assert len(set(handles)) == len(skus)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", handle) for handle in handles)
