"""Listings: which pictures of a product a marketplace shows, in which order, under which names and addresses."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from resources.marketplaces.listing import (
    ExportedFile,
    ExportedProduct,
    Gallery,
    gallery,
    image_url,
    url_problem,
)
from resources.marketplaces.rule_files import load_rules
from resources.marketplaces.rules import Slot
from tests.resources.listings import BASE, changed, file_of, listed, product_of

RULES = load_rules().rules
AMAZON, GOOGLE, SHOPIFY = RULES["amazon"], RULES["google_merchant"], RULES["shopify"]
STRICT = changed(
    GOOGLE, urls={"https_only": True, "query_allowed": False, "ports": (80, 443, 8080, 8443), "max_chars": 60}
)
OPEN = changed(
    GOOGLE,
    urls={"https_only": False, "query_allowed": True, "ports": (), "max_chars": None},
    feed={"limits": {}},
)


def names(found: Gallery) -> list[str]:
    return [picture.file.path.rsplit("/", 1)[1] for picture in found.pictures]


def codes(found: Gallery) -> Counter[str]:
    return Counter(left.code for left in found.left_out)


def test_main_first_then_views_then_scenes_in_the_order_given() -> None:
    found = listed(product_of("A1", scenes=2, views=2), SHOPIFY)
    assert names(found) == ["A1-main.jpg", "A1-v0.jpg", "A1-v1.jpg", "A1-s0.jpg", "A1-s1.jpg"]
    assert [picture.position for picture in found.pictures] == [1, 2, 3, 4, 5]
    assert found.pictures[3].url == f"{BASE}summer/A1-s0.jpg"
    assert found.main is found.pictures[0]
    assert found.others == found.pictures[1:]
    assert found == listed(product_of("A1", scenes=2, views=2), SHOPIFY)


def test_names_are_numbered_anew_over_all_campaigns() -> None:
    winter = file_of("lifestyle", "SKU1.PT51.jpg", "winter", "snow")
    evergreen = file_of("lifestyle", "SKU1.PT51.jpg", "evergreen", "desk")
    product = ExportedProduct(
        "SKU1", files=(file_of("main", "m.jpg"), file_of("additional", "v.jpg"), winter, evergreen)
    )
    late = changed(AMAZON, naming={"first": {"additional": 1, "lifestyle": 51}})
    for rules in (AMAZON, late):
        assert [picture.upload_name for picture in listed(product, rules).pictures] == [
            "SKU1.MAIN.jpg",
            "SKU1.PT01.jpg",
            "SKU1.PT02.jpg",
            "SKU1.PT03.jpg",
        ]


def test_slots_that_name_alike_are_counted_on_from_the_first_number() -> None:
    naming = dict.fromkeys(("main", "additional", "lifestyle"), "{id}_{n}.{ext}") | {"first": {"main": 5}}
    found = listed(product_of("A1", views=1, scenes=1), changed(SHOPIFY, naming=naming))
    assert [picture.upload_name for picture in found.pictures] == ["a1_5.jpg", "a1_6.jpg", "a1_7.jpg"]


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_every_shipped_marketplace_gets_different_names_that_follow_its_rules(rules) -> None:  # type: ignore[no-untyped-def]
    product = product_of("A.1", views=30, scenes=300, gtin="4006381333931", asin="B000123456")
    found = listed(product, rules)
    taken = [picture.upload_name for picture in found.pictures]
    assert found.main is not None
    assert len({name.casefold() for name in taken}) == len(taken)
    assert all(re.fullmatch(rules.naming.pattern, name) for name in taken)
    assert len(found.pictures) + len(found.left_out) == len(product.files)
    for slot, number in Counter(picture.file.slot for picture in found.pictures).items():
        assert rules.slot(slot).allowed.value
        assert number <= (rules.slot(slot).count.max or number)
    assert len(taken) <= (rules.listing.max_pictures or len(taken))


def test_each_slot_and_the_whole_listing_have_their_limits() -> None:
    product = product_of("A1", views=5, scenes=5)
    found = listed(product, changed(SHOPIFY, counts={"additional": 2, "lifestyle": 3}))
    assert names(found) == ["A1-main.jpg", "A1-v0.jpg", "A1-v1.jpg", "A1-s0.jpg", "A1-s1.jpg", "A1-s2.jpg"]
    assert codes(found) == {"too_many_pictures": 5}
    assert "at most 2 additional pictures" in found.left_out[0].message
    assert found.left_out[0].slot == "additional"

    whole = listed(product, changed(SHOPIFY, listing={"max_pictures": 4}))
    assert names(whole) == ["A1-main.jpg", "A1-v0.jpg", "A1-v1.jpg", "A1-v2.jpg"]
    assert "A1-s4.jpg (lifestyle): Shopify takes at most 4 pictures" in whole.left_out[-1].message


def test_a_second_main_picture_is_left_out_whatever_the_rules_say() -> None:
    product = ExportedProduct("A1", files=(file_of("main", "a.jpg"), file_of("main", "b.jpg")))
    assert names(listed(product, changed(SHOPIFY, counts={"main": None}))) == ["a.jpg"]


def test_no_file_gets_more_pictures_than_it_has_columns_for() -> None:
    free = {"counts": dict.fromkeys(("additional", "lifestyle")), "listing": {"max_pictures": None}}
    many = product_of("A1", views=30, scenes=30)
    sizes = {
        kind: len(listed(many, changed(GOOGLE, feed={"manifests": (kind,)}, **free)).pictures)
        for kind in ("amazon_csv", "amazon_json", "ebay_csv", "google_tsv", "shopify_csv")
    }
    assert sizes == {"amazon_csv": 9, "amazon_json": 9, "ebay_csv": 24, "google_tsv": 12, "shopify_csv": 61}


@pytest.mark.parametrize(
    ("views", "scenes", "expected"),
    [(11, 0, (10, 0)), (10, 3, (10, 1)), (8, 9, (8, 3)), (0, 20, (0, 11)), (3, 1, (3, 1))],
)
def test_google_has_ten_additional_pictures_and_one_scene_of_its_own(
    views: int, scenes: int, expected: tuple[int, int]
) -> None:
    found = Counter(
        picture.file.slot for picture in listed(product_of("A1", views=views, scenes=scenes), GOOGLE).pictures
    )
    assert (found["additional"], found["lifestyle"]) == expected


def test_a_slot_that_the_rules_forbid_by_now_is_left_out_with_their_reason() -> None:
    slot = SHOPIFY.slot("lifestyle")
    refused = slot.model_copy(
        update={"allowed": slot.allowed.model_copy(update={"value": False, "reason": "No scenes."})}
    )
    rules = SHOPIFY.model_copy(update={"slots": SHOPIFY.slots.model_copy(update={"lifestyle": refused})})
    found = listed(product_of("A1", scenes=1, views=0), rules)
    assert names(found) == ["A1-main.jpg"]
    assert found.left_out[0].message == "A1-s0.jpg (lifestyle): Shopify takes no lifestyle pictures: No scenes."


def test_the_same_picture_is_listed_once() -> None:
    main = file_of("main", "a.jpg")
    twin = replace(file_of("additional", "b.jpg"), sha256=main.sha256)
    found = listed(ExportedProduct("A1", files=(main, twin)), SHOPIFY)
    assert (names(found), codes(found)) == (["a.jpg"], {"same_picture": 1})
    at_one_place = gallery(product_of("A1"), SHOPIFY, lambda file: f"{BASE}x.jpg")
    assert (names(at_one_place), codes(at_one_place)) == (["A1-main.jpg"], {"same_address": 3})


def test_a_picture_without_address_or_name_takes_no_ones_place() -> None:
    def url_of(file: ExportedFile) -> str:
        return "" if file.path.endswith("v0.jpg") else image_url(BASE, file.path)

    found = gallery(product_of("A1", views=2, scenes=0), changed(SHOPIFY, counts={"additional": 1}), url_of)
    assert names(found) == ["A1-main.jpg", "A1-v1.jpg"]
    assert [picture.position for picture in found.pictures] == [1, 2]
    assert codes(found) == {"no_address": 1}
    nameless = listed(product_of("A1"), changed(SHOPIFY, naming={"pattern": ".*main.*"}))
    assert (names(nameless), codes(nameless)) == (["A1-main.jpg"], {"no_valid_name": 3})


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://x.example/a.jpg", ""),
        ("https://x.example:8443/a/%C3%BC.JPEG", ""),
        ("http://x.example/a.jpg", "https only"),
        ("https://x.example/a.jpg?v=2", "? or #"),
        ("https://x.example/a.jpg#top", "? or #"),
        ("https://x.example:9000/a.jpg", "port 9000"),
        ("https://x.example:99999/a.jpg", "cannot be read"),
        ("https://[::1/a.jpg", "cannot be read"),
        ("https://x.example/a", "end like a picture"),
        ("https://x.example/a.html", "end like a picture"),
        ("https://x.example/" + "a" * 60 + ".jpg", "takes 60"),
        ("https://shop:secret@x.example/a.jpg", "password"),
        ("https://x.example/a b.jpg", "percent-encoded"),
        ("https://x.example/ü.jpg", "percent-encoded"),
        ("https://x.example/a.jpg\r\nSet-Cookie: a", "percent-encoded"),
        ("https://x.example/a|b.jpg", "percent-encoded"),
        ("ftp://x.example/a.jpg", "https://"),
        ("javascript:alert(1).jpg", "https://"),
        ("s3://bucket/a.jpg", "https://"),
        ("evergreen/a.jpg", "https://"),
        ("https:///a.jpg", "https://"),
        ("", "no public address"),
    ],
)
def test_addresses_that_a_marketplace_refuses(url: str, code: str) -> None:
    found = url_problem(STRICT, url)
    assert code in found if code else found == ""
    assert "secret" not in found


def test_what_is_refused_nowhere_but_there_passes_elsewhere() -> None:
    for url in ("http://x.example:9000/a.jpg?v=2&w=3", "https://x.example/" + "a" * 3000 + ".png"):
        assert url_problem(OPEN, url) == ""


def test_a_limit_of_a_column_of_addresses_is_kept_too() -> None:
    rules = changed(OPEN, feed={"limits": {"additional_image_link": 30, "title": 5}})
    assert url_problem(rules, "https://x.example/" + "a" * 8 + ".jpg") == ""
    assert "takes 30" in url_problem(rules, "https://x.example/" + "a" * 9 + ".jpg")


def test_a_signed_address_is_refused_without_being_repeated() -> None:
    product = product_of("A1", views=0, scenes=0)
    found = gallery(product, STRICT, lambda file: "https://b.example/a.jpg?X-Amz-Signature=deadbeef")
    assert (found.pictures, codes(found)) == ((), {"url_query": 1})
    assert "deadbeef" not in found.left_out[0].message


def test_addresses_are_percent_encoded() -> None:
    assert image_url("https://x.example/", "a b/ü,&#?%.jpg") == "https://x.example/a%20b/%C3%BC%2C%26%23%3F%25.jpg"
    assert image_url("https://x.example", "a.jpg") == "https://x.example/a.jpg"


def test_hostile_file_names_are_shown_clean() -> None:
    slots: tuple[Slot, ...] = ("main", "main")
    files = tuple(file_of(slot, f"{number}\u202egnp\n.jpg") for number, slot in enumerate(slots))
    (left,) = listed(ExportedProduct("A1", files=files), SHOPIFY).left_out
    assert "\u202e" not in left.message
    assert "\n" not in left.message
