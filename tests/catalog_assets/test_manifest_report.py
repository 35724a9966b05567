from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog_assets.campaign_files import Campaign, CampaignProblem
from catalog_assets.manifest_report import season_written, write_manifests
from catalog_assets.publishing import Publisher
from catalog_assets.records import campaign_folder, campaign_shelf, product_folder, stored_records
from catalog_assets.settings import PublishSettings, Settings, SettingsError
from resources.marketplaces.listing import url_problem
from resources.marketplaces.rule_files import load_rules
from resources.store import LocalStore, StoreError, content_hash
from resources.verdicts import INTERNAL_ERROR, Rejection
from tests.catalog_assets.shop import SCENE, Shop, campaigns, verdict

JANUARY = datetime(2026, 1, 15, tzinfo=UTC)
JULY = datetime(2026, 7, 15, tzinfo=UTC)
BASE = "https://img.shop.example/p/"
SETTINGS = Settings(image_base_url=BASE, archives="none")
BOTH = ["amazon", "google_merchant"]
# Main pictures go to both marketplaces.
EVERGREEN = Campaign(name="evergreen", title="Evergreen", scenes=[{"template": SCENE}], marketplaces=BOTH)
WINTER = Campaign.model_validate(
    {
        "name": "winter",
        "from": "11-01",
        "until": "02-28",
        "scenes": [{"template": "frost"}],
        "marketplaces": BOTH,
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
    for marketplace in BOTH:
        shop.export(sku, marketplace=marketplace, slots=("main", *lifestyle))
    shop.final(sku, shop.product(sku), "winter")
    for marketplace in WINTER.marketplaces:
        shop.export(sku, "winter", marketplace, slots=lifestyle)


def test_all_campaigns_in_season_are_merged_into_one_row(shop: Shop) -> None:
    exported(shop, "mug")
    shop.catalog_csv("sku,title,asin\nmug,Blue mug,B000000001\n")
    result = write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY)

    (row,) = rows(shop, "amazon/listing_images.csv")
    assert row["item_sku"] == "mug"
    assert row["main_image_url"] == f"{BASE}amazon/evergreen/mug/mug.main.jpg"
    assert row["other_image_url1"] == f"{BASE}amazon/winter/mug/mug.lifestyle.jpg"
    assert row["other_image_url2"] == f"{BASE}amazon/evergreen/mug/mug.lifestyle.jpg"
    assert rows(shop, "amazon/image_names.csv")[0]["upload_as"] == "B000000001.MAIN.jpg"
    assert rows(shop, "google_merchant/feed.tsv")[0]["title"] == "Blue mug"
    assert [(one.name, one.products, one.pictures) for one in result.marketplaces] == [
        ("amazon", 1, 3),
        ("google_merchant", 1, 3),
    ]


def test_scenes_of_evergreen_come_last(shop: Shop) -> None:
    theme = Campaign(name="zest", scenes=[{"template": "frost"}], marketplaces=["amazon"])
    exported(shop, "mug")
    shop.final("mug", shop.product("mug"), "zest")
    shop.export("mug", "zest", slots=("lifestyle",))
    write_manifests(shop.store, campaigns(EVERGREEN, WINTER, theme), SETTINGS, JANUARY)
    order = [row["campaign"] for row in rows(shop, "amazon/pictures.csv") if row["slot"] == "lifestyle"]
    assert order == ["winter", "zest", "evergreen"]


def test_every_listed_picture_carries_its_recorded_hash(shop: Shop, tmp_path: Path) -> None:
    exported(shop, "mug")
    write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY)
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
    result = write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JULY)

    assert result.out_of_season == ("winter",)
    assert {row["campaign"] for row in rows(shop, "amazon/pictures.csv")} == {"evergreen"}
    assert [row["lifestyle_image_link"] for row in rows(shop, "google_merchant/feed.tsv")] == [
        f"{BASE}google_merchant/evergreen/mug/mug.lifestyle.jpg"
    ]


def test_only_what_was_exported_and_is_still_uploaded_is_listed(shop: Shop) -> None:
    exported(shop, "good")
    exported(shop, "retired")
    shop.retire("retired")
    shop.make("unjudged", decision="review")
    shop.make("refused")
    shop.export("refused", rejection=Rejection("too_small", "Too small.", "Larger."))
    shop.upload("new.jpg")

    write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY)

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

    write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY)

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
    write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY)
    assert len(rows(shop, "amazon/pictures.csv")) == 3


def test_what_a_campaign_no_longer_wants_is_not_listed(shop: Shop) -> None:
    exported(shop, "mug")
    toys = WINTER.model_copy(update={"select": {"category": "toys"}, "marketplaces": ["amazon"]})
    write_manifests(shop.store, campaigns(toys), SETTINGS, JANUARY)
    assert {row["campaign"] for row in rows(shop, "amazon/pictures.csv")} == {"evergreen"}


def test_manifests_of_marketplaces_that_are_gone_go(shop: Shop) -> None:
    exported(shop, "mug")
    write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY)
    result = write_manifests(shop.store, campaigns(), SETTINGS, JANUARY)

    assert result.removed == 3
    assert shop.store.children("manifests") == ("amazon",)


def test_the_same_records_give_the_same_bytes_in_order_of_skus(shop: Shop) -> None:
    for sku in ("pot", "mug", "Cup"):
        exported(shop, sku)
    write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY)
    first = shop.texts("manifests")
    write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY)

    assert shop.texts("manifests") == first
    assert [row["id"] for row in rows(shop, "google_merchant/feed.tsv")] == ["Cup", "mug", "pot"]
    assert [row["sku"] for row in rows(shop, "google_merchant/pictures.csv")] == sorted(["Cup", "mug", "pot"] * 3)


def test_formulas_and_line_ends_from_the_shop_do_no_harm(shop: Shop) -> None:
    exported(shop, "mug")
    shop.catalog_csv('sku,title,color\nmug,"+cmd|1!A1",@SUM(A1)\n')
    write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY)
    (row,) = rows(shop, "google_merchant/feed.tsv")
    assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_an_empty_catalog_gets_headers_alone(shop: Shop) -> None:
    write_manifests(shop.store, campaigns(), SETTINGS, JANUARY)
    assert {key: text.count("\n") for key, text in shop.texts("manifests").items()} == {
        "manifests/amazon/image_names.csv": 1,
        "manifests/amazon/left_out.csv": 1,
        "manifests/amazon/listing_images.csv": 1,
        "manifests/amazon/pictures.csv": 1,
    }


# What is not listed, and why.


def left_out(shop: Shop, marketplace: str) -> list[tuple[str, ...]]:
    listed = rows(shop, f"{marketplace}/left_out.csv")
    return [(row["sku"], row["slot"], row["campaign"], row["scene"], row["code"]) for row in listed]


def test_what_an_export_left_out_is_told_with_its_reason(shop: Shop) -> None:
    shop.make("mug")
    record = shop.export("mug", slots=("main", "lifestyle"))
    told = {"role": "additional1", "slot": "additional", "view": "back", "scene": "", "code": "slot_forbidden"}
    shop.record(record, left_out=[{**told, "message": "=No other views there."}])
    result = write_manifests(shop.store, campaigns(), SETTINGS, JANUARY)

    assert left_out(shop, "amazon") == [("mug", "additional", "evergreen", "", "slot_forbidden")]
    assert rows(shop, "amazon/left_out.csv")[0]["message"] == "'=No other views there."
    assert result.marketplaces[0].left_out == {"slot_forbidden": 1}


def test_pictures_beyond_the_limits_are_told_with_campaign_and_scene(shop: Shop) -> None:
    exported(shop, "mug")
    for number in range(9):
        theme = f"theme{number}"
        shop.final("mug", shop.product("mug"), theme)
        shop.export("mug", theme, slots=("lifestyle",))
    themes = [Campaign(name=f"theme{n}", scenes=[{"template": "frost"}], marketplaces=["amazon"]) for n in range(9)]
    write_manifests(shop.store, campaigns(EVERGREEN, *themes), SETTINGS, JANUARY)
    assert left_out(shop, "amazon") == [
        ("mug", "lifestyle", "theme8", SCENE, "too_many_pictures"),
        ("mug", "lifestyle", "evergreen", SCENE, "too_many_pictures"),
    ]


def test_a_scene_that_is_not_accepted_any_more_is_told(shop: Shop) -> None:
    exported(shop, "mug")
    shop.final("mug", shop.product("mug"), decision="rejected")
    shop.final("mug", shop.product("mug"), scene="grey-sweep")
    write_manifests(shop.store, campaigns(), SETTINGS, JANUARY)
    assert left_out(shop, "amazon") == [("mug", "lifestyle", "evergreen", SCENE, "not_accepted")]


def test_a_marketplace_that_refuses_a_sku_costs_the_others_nothing(shop: Shop) -> None:
    exported(shop, "mug")
    too_small = Rejection("too_small", "Too small for Amazon.", "Take a larger photo.")
    shop.export("mug", rejection=too_small)
    shop.quarantine("evergreen", "mug", replace(too_small, stage="marketplace_export"))
    write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY)

    assert len(rows(shop, "google_merchant/pictures.csv")) == 3
    # And no scene stands where the main picture should.
    assert rows(shop, "amazon/pictures.csv") == []
    assert left_out(shop, "amazon") == [
        ("mug", "main", "evergreen", "", "too_small"),
        ("mug", "lifestyle", "winter", SCENE, "no_main_picture"),
    ]


def test_addresses_that_a_marketplace_refuses_are_left_out(shop: Shop) -> None:
    exported(shop, "mug")
    settings = Settings(image_base_url="http://img.shop.example:8080/p/", archives="none")
    result = write_manifests(shop.store, campaigns(EVERGREEN), settings, JANUARY)
    refusing = {one.name for one in result.marketplaces if one.left_out}
    known = load_rules().rules
    assert refusing == {name for name in BOTH if url_problem(known[name], "http://img.shop.example:8080/p/a.jpg")}


def test_a_marketplace_whose_rules_are_broken_keeps_what_it_has(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(shop, "mug")
    write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY)
    before = shop.texts("manifests/google_merchant")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "google_merchant.yaml").write_text("name: 3\n")
    monkeypatch.setenv("CATALOG_MARKETPLACES", str(tmp_path / "rules"))
    result = write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JULY)

    assert shop.texts("manifests/google_merchant") == before
    assert [one.name for one in result.marketplaces] == ["amazon"]
    assert set(result.changes.counts) == {"amazon"}


def test_a_campaign_file_that_broke_ends_no_listing(shop: Shop) -> None:
    exported(shop, "mug")
    write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY)
    before = shop.texts("manifests")
    broken = replace(campaigns(EVERGREEN), problems=(CampaignProblem("winter.yaml", "winter.yaml: not valid YAML"),))
    with pytest.raises(SettingsError, match=r"hold winter, which cannot be read now: winter\.yaml: not valid YAML"):
        write_manifests(shop.store, broken, SETTINGS, JANUARY)
    assert shop.texts("manifests") == before
    archived = replace(broken, archived=("winter",))
    assert write_manifests(shop.store, archived, SETTINGS, JANUARY).changes.campaigns_left == ("winter",)


def test_an_upload_folder_that_vanished_empties_no_manifest(shop: Shop) -> None:
    for number in range(11):
        shop.make(f"sku{number}")
    write_manifests(shop.store, campaigns(), SETTINGS, JANUARY)
    before = shop.texts("manifests")
    for number in range(11):
        shop.retire(f"sku{number}")
    with pytest.raises(StoreError) as caught:
        write_manifests(shop.store, campaigns(), SETTINGS, JANUARY)
    assert caught.value.code == "uploads_vanished"
    assert shop.texts("manifests") == before


def test_records_without_verdicts_are_the_same_otherwise(shop: Shop) -> None:
    exported(shop, "mug")
    folders = [product_folder(asset, "mug") for asset in ("raw_photo", "mask", "cutout")]
    folders += [campaign_folder("evergreen", asset, "mug") for asset in ("scored_finals", "marketplace_export")]
    for folder in folders:
        for whole, part in zip(
            stored_records(shop.store, folder), stored_records(shop.store, folder, verdicts=False), strict=True
        ):
            facts = {name: value for name, value in whole.facts.items() if name not in ("compliance", "candidates")}
            left = {name: value for name, value in part.facts.items() if value is not None}
            assert part.verdict is None
            assert (replace(part, facts=left), bool(left)) == (replace(whole, facts=facts, verdict=None), True)


def test_the_season_that_was_written_is_known(shop: Shop) -> None:
    assert season_written(shop.store) is None
    write_manifests(shop.store, campaigns(WINTER), SETTINGS, JANUARY)
    assert season_written(shop.store) == ({"evergreen", "winter"}, JANUARY)
    write_manifests(shop.store, campaigns(WINTER), SETTINGS, JULY)
    assert season_written(shop.store) == ({"evergreen"}, JULY)
    shop.store.write("state/manifests.json", b"{")
    assert season_written(shop.store) is None


# Archives.

ZIPPED = Settings(image_base_url=BASE)


def entries(shop: Shop, marketplace: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(shop.store.read(f"manifests/{marketplace}/pictures.zip"))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_zip_holds_what_is_listed_by_sku_and_name(shop: Shop) -> None:
    for sku in ("mug", "pot"):
        exported(shop, sku)
    result = write_manifests(shop.store, campaigns(EVERGREEN, WINTER), ZIPPED, JANUARY)
    for one in result.marketplaces:
        listed = rows(shop, f"{one.name}/pictures.csv")
        found = entries(shop, one.name)
        assert list(found) == [f"{row['sku']}/{row['upload_name']}" for row in listed]
        assert [content_hash(data) for data in found.values()] == [row["sha256"] for row in listed]
        assert (one.archive.written, one.archive.missing) == (True, [])


def test_a_zip_is_written_again_only_where_its_pictures_changed(shop: Shop) -> None:
    exported(shop, "mug")
    write_manifests(shop.store, campaigns(EVERGREEN, WINTER), ZIPPED, JANUARY)
    again = write_manifests(shop.store, campaigns(EVERGREEN, WINTER), ZIPPED, JANUARY)
    assert [one.archive.written for one in again.marketplaces] == [False, False]

    shop.export("mug", slots=("main",))
    changed = write_manifests(shop.store, campaigns(EVERGREEN, WINTER), ZIPPED, JANUARY)
    assert {one.name: one.archive.written for one in changed.marketplaces} == {"amazon": True, "google_merchant": False}

    shop.store.write("manifests/amazon/pictures.zip", b"torn")
    mended = write_manifests(shop.store, campaigns(EVERGREEN, WINTER), ZIPPED, JANUARY)
    assert {one.name: one.archive.written for one in mended.marketplaces} == {"amazon": True, "google_merchant": False}
    assert len(entries(shop, "amazon")) == 2


def test_zips_are_made_for_those_who_want_them(shop: Shop) -> None:
    exported(shop, "mug")
    one = Settings(image_base_url=BASE, archives=("amazon",))
    write_manifests(shop.store, campaigns(EVERGREEN), one, JANUARY)
    zips = [entry.key for entry in shop.store.list("manifests") if ".zip" in entry.key]
    assert zips == ["manifests/amazon/pictures.zip", "manifests/amazon/pictures.zip.json"]
    result = write_manifests(shop.store, campaigns(EVERGREEN), SETTINGS, JANUARY)
    assert result.removed == 2
    with pytest.raises(SettingsError, match=r"archives: no rules for etzy; known are .*amazon"):
        write_manifests(shop.store, campaigns(), Settings(archives=("etzy",)), JANUARY)


def test_a_changed_file_is_not_in_the_zip_and_is_said(shop: Shop) -> None:
    for sku in ("mug", "pot"):
        exported(shop, sku)
    key = "exports/amazon/evergreen/mug/mug.main.jpg"
    good = shop.store.read(key)
    shop.store.write(key, b"tampered")
    first, _ = write_manifests(shop.store, campaigns(EVERGREEN), ZIPPED, JANUARY).marketplaces
    assert [why.code for why in first.archive.missing] == ["changed"]
    assert len(entries(shop, "amazon")) == 3

    shop.store.write(key, good)
    first, second = write_manifests(shop.store, campaigns(EVERGREEN), ZIPPED, JANUARY).marketplaces
    assert (first.archive.written, second.archive.written) == (True, False)
    assert len(entries(shop, "amazon")) == 4


# Publishing.

CDN = "https://cdn.shop.example/p/"


def publisher(shop: Shop, tmp_path: Path) -> Publisher:
    settings = PublishSettings(target=str(tmp_path / "cdn"), base_url=CDN)
    return Publisher(shop.store, LocalStore(tmp_path / "cdn"), settings)


def published(tmp_path: Path) -> list[str]:
    return [entry.key for entry in LocalStore(tmp_path / "cdn").list()]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere"


def test_published_pictures_lie_where_the_manifests_say(shop: Shop, elsewhere: Path) -> None:
    for sku in ("mug", "pot"):
        exported(shop, sku)
    result = write_manifests(shop.store, campaigns(EVERGREEN, WINTER), SETTINGS, JANUARY, publisher(shop, elsewhere))
    listed = [row for name in BOTH for row in rows(shop, f"{name}/pictures.csv")]
    assert len(listed) == 12
    for row in listed:
        assert row["url"] == f"{CDN}{row['sku']}/{row['slot']}-{row['sha256'][:16]}.jpg"
        assert content_hash((elsewhere / "cdn" / row["url"].removeprefix(CDN)).read_bytes()) == row["sha256"]
    assert rows(shop, "google_merchant/feed.tsv")[0]["image_link"].startswith(f"{CDN}mug/main-")
    assert result.published is not None
    assert (result.published.uploaded, result.published.removed) == (12, 0)


def test_a_season_that_is_over_leaves_the_cdn_after_some_days(shop: Shop, elsewhere: Path) -> None:
    exported(shop, "mug")
    every = campaigns(EVERGREEN, WINTER)
    write_manifests(shop.store, every, SETTINGS, JANUARY, publisher(shop, elsewhere))
    write_manifests(shop.store, every, SETTINGS, JULY, publisher(shop, elsewhere))
    assert len(published(elsewhere)) == 6
    write_manifests(shop.store, every, SETTINGS, JULY + timedelta(days=7), publisher(shop, elsewhere))
    assert len(published(elsewhere)) == 4


def test_a_retired_sku_leaves_the_cdn_at_once(shop: Shop, elsewhere: Path) -> None:
    for sku in ("mug", "pot"):
        exported(shop, sku)
    write_manifests(shop.store, campaigns(EVERGREEN), SETTINGS, JANUARY, publisher(shop, elsewhere))
    shop.retire("mug")
    write_manifests(shop.store, campaigns(EVERGREEN), SETTINGS, JANUARY, publisher(shop, elsewhere))
    assert {key.split("/")[0] for key in published(elsewhere)} == {"pot"}


def test_a_changed_picture_is_neither_published_nor_listed(shop: Shop, elsewhere: Path) -> None:
    for sku in ("mug", "pot"):
        exported(shop, sku)
    shop.store.write("exports/amazon/evergreen/mug/mug.main.jpg", b"tampered")
    shop.store.write("exports/google_merchant/evergreen/pot/pot.lifestyle.jpg", b"tampered")
    write_manifests(shop.store, campaigns(EVERGREEN), SETTINGS, JANUARY, publisher(shop, elsewhere))

    assert {row["sku"] for row in rows(shop, "amazon/pictures.csv")} == {"pot"}
    assert [code for *_, code in left_out(shop, "amazon")] == ["changed", "no_main_picture"]
    assert [(row["sku"], row["slot"]) for row in rows(shop, "google_merchant/pictures.csv")] == [
        ("mug", "main"),
        ("mug", "lifestyle"),
        ("pot", "main"),
    ]
    assert left_out(shop, "google_merchant") == [("pot", "lifestyle", "evergreen", SCENE, "changed")]


class ExportedMeanwhile(LocalStore):
    """A catalog in which a line replaces a picture and its record while the manifests are written."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.store.root)
        self.shop = shop
        self.done = False

    def read(self, key: str) -> bytes:
        if key == "exports/amazon/evergreen/mug/mug.main.jpg" and not self.done:
            self.done = True
            record = self.shop.export("mug", slots=("main",))
            data = b"made anew"
            self.shop.store.write(key, data)
            ref = replace(record.files["main"], sha256=content_hash(data), bytes=len(data))
            shelf = campaign_shelf(self.shop.store, "evergreen", record.stage, "mug")
            shelf.save(replace(record, files={"main": ref}))
        return super().read(key)


def test_a_picture_exported_anew_meanwhile_is_listed_as_it_is_now(shop: Shop, elsewhere: Path) -> None:
    exported(shop, "mug")
    store = ExportedMeanwhile(shop)
    settings = PublishSettings(target=str(elsewhere), base_url=CDN)
    write_manifests(
        store, campaigns(EVERGREEN), SETTINGS, JANUARY, Publisher(store, LocalStore(elsewhere / "cdn"), settings)
    )
    (row,) = rows(shop, "amazon/pictures.csv")
    assert row["sha256"] == content_hash(b"made anew")
    assert f"mug/main-{row['sha256'][:16]}.jpg" in published(elsewhere)
    assert left_out(shop, "amazon") == []


class Unreliable(LocalStore):
    """A target that fails from the second picture on."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.written = 0

    def write(self, key: str, data: bytes, content_type: str | None = None, cache_control: str | None = None) -> None:
        self.written += 1
        if self.written > 1:
            raise StoreError("store_busy", "Could not write.", "Run again later.", retryable=True)
        super().write(key, data, content_type, cache_control)


def test_trouble_with_the_target_leaves_the_manifests_as_they_were(shop: Shop, elsewhere: Path) -> None:
    exported(shop, "mug")
    write_manifests(shop.store, campaigns(EVERGREEN), SETTINGS, JANUARY)
    before = shop.texts("manifests")
    settings = PublishSettings(target=str(elsewhere), base_url=CDN)
    broken = Publisher(shop.store, Unreliable(elsewhere), settings)
    with pytest.raises(StoreError) as caught:
        write_manifests(shop.store, campaigns(EVERGREEN), SETTINGS, JANUARY, broken)
    assert caught.value.code == "store_busy"
    assert shop.texts("manifests") == before
    assert season_written(shop.store) == ({"evergreen"}, JANUARY)


def test_what_frozen_manifests_name_stays_published(
    shop: Shop, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(shop, "mug")
    write_manifests(shop.store, campaigns(EVERGREEN), SETTINGS, JANUARY, publisher(shop, elsewhere))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "google_merchant.yaml").write_text("name: 3\n")
    monkeypatch.setenv("CATALOG_MARKETPLACES", str(tmp_path / "rules"))
    for moment in (JANUARY, JULY):
        write_manifests(shop.store, campaigns(EVERGREEN), SETTINGS, moment, publisher(shop, elsewhere))
    assert len(published(elsewhere)) == 4

    shop.store.write("manifests/google_merchant/pictures.csv", b"sku")
    with pytest.raises(StoreError) as caught:
        write_manifests(shop.store, campaigns(EVERGREEN), SETTINGS, JULY, publisher(shop, elsewhere))
    assert caught.value.code == "broken_record"
    assert len(published(elsewhere)) == 4
