from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from catalog_assets.campaign_files import Campaign, CampaignProblem, Campaigns
from catalog_assets.campaigns import campaign_line
from catalog_assets.dossier import CAMPAIGN_ASSETS, PRODUCT_ASSETS
from catalog_assets.gallery import FOLDER, PER_PAGE, write_gallery
from catalog_assets.product import product_line
from catalog_assets.records import campaign_shelf, product_shelf
from resources.store import S3Store
from resources.verdicts import INTERNAL_ERROR, Rejection
from tests.catalog_assets.shop import Shop, campaigns, verdict
from tests.conftest import S3Server

EVERGREEN = f"{FOLDER}/evergreen"
TRUNCATED = Rejection("truncated", "The file ends in the middle.", "Upload it again.", stage="raw_photo")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


class Page(HTMLParser):
    """What a browser would make of a page: its tags, links and visible words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._in_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self.words += data

    def links(self) -> list[str]:
        return [value for _, attrs in self.tags for name in ("href", "src") if (value := attrs.get(name))]

    def skus(self) -> list[str]:
        return [str(attrs["id"]).removeprefix("sku-") for tag, attrs in self.tags if tag == "article"]


def page(shop: Shop, name: str) -> Page:
    return Page(shop.store.read(f"{EVERGREEN}/{name}").decode())


def test_the_reports_know_the_assets_of_the_lines() -> None:
    assert tuple(asset.name for asset in product_line(2).assets) == PRODUCT_ASSETS
    campaign = campaigns().active["evergreen"]
    assert tuple(asset.name for asset in campaign_line(campaign, 3).assets) == CAMPAIGN_ASSETS


def test_every_verdict_has_its_page_and_count(shop: Shop) -> None:
    shop.make("good")
    shop.make("odd", decision="review")
    shop.make("bad", decision="rejected")
    shop.upload("new.jpg")

    result = write_gallery(shop.store, campaigns())

    assert result.campaigns[0].counts == {"accepted": 1, "review": 1, "rejected": 1, "waiting": 1}
    assert page(shop, "index.html").skus() == ["bad", "good", "new", "odd"]
    assert page(shop, "accepted.html").skus() == ["good"]
    assert page(shop, "review.html").skus() == ["odd"]
    assert page(shop, "rejected.html").skus() == ["bad"]
    assert page(shop, "waiting.html").skus() == ["new"]
    assert "Nothing was made of this product yet." in page(shop, "waiting.html").words


def test_a_card_shows_pictures_numbers_and_compliance(shop: Shop) -> None:
    shop.make("mug")
    write_gallery(shop.store, campaigns())
    shown = page(shop, "accepted.html")
    pictures = [attrs for tag, attrs in shown.tags if tag == "img"]

    assert [str(each["src"]).split("/")[-3] for each in pictures] == ["raw_photo", "cutout", "scene_variants"]
    assert all(each["alt"] and each["loading"] == "lazy" for each in pictures)
    assert [attrs["class"] for tag, attrs in shown.tags if (attrs.get("class") or "").startswith("tile")] == [
        "tile",
        "tile check",
        "tile",
    ]
    for words in ("confidence0.90", "fidelity0.90", "Oak table by the window", "1 of 1 rules kept", "filled to 87%"):
        assert words in shown.words


def test_what_stopped_a_sku_is_said_with_its_hint(shop: Shop) -> None:
    shop.upload("torn.jpg")
    shop.photo("torn", rejection=TRUNCATED)
    shop.quarantine("product", "torn", TRUNCATED)
    crash = Rejection(INTERNAL_ERROR, "Boom.", "Run it again.", stage="scene_variants", retryable=True)
    shop.upload("crash.jpg")
    shop.product("crash")
    shop.quarantine("evergreen", "crash", crash)

    write_gallery(shop.store, campaigns())
    words = page(shop, "rejected.html").words

    assert page(shop, "rejected.html").skus() == ["crash", "torn"]
    assert words.count("The file ends in the middle.") == 1
    for said in ("raw photo (product line), truncated", "Upload it again.", "scene variants (evergreen line)", "Boom."):
        assert said in words
    assert words.count("A new attempt may get through.") == 1


def test_a_mask_in_review_is_shown_over_the_photo(shop: Shop) -> None:
    shop.upload("mug.jpg")
    mask = shop.product("mug", decision="review")
    assert mask.rejection is not None
    shop.quarantine("product", "mug", mask.rejection)

    write_gallery(shop.store, campaigns())
    shown = page(shop, "review.html")

    assert "What the mask found" in shown.words
    assert "decided byagreement" in shown.words
    assert [str(attrs["src"]).split("/")[-3] for tag, attrs in shown.tags if tag == "img"] == [
        "raw_photo",
        "raw_photo",
        "mask",
    ]


def test_finals_of_an_earlier_photo_are_marked_and_count_no_more(shop: Shop) -> None:
    shop.make("mug")
    photo = shop.photo("mug")
    shop.mask("mug", photo, verdict("review"))

    write_gallery(shop.store, campaigns())

    assert page(shop, "accepted.html").skus() == []
    assert "of an earlier photo" in page(shop, "review.html").words


def test_other_views_are_folded_away(shop: Shop) -> None:
    shop.make("mug")
    shop.product("mug", "back", main=False)
    write_gallery(shop.store, campaigns())
    shown = page(shop, "index.html")

    assert [attrs.get("class") for tag, attrs in shown.tags if tag == "details"] == ["why", None]
    assert "Original, back" in shown.words


HOSTILE = "<script>alert(1)</script>\"' onload=x \u202egpj.exe javascript:alert(2)"


def test_hostile_names_and_messages_are_only_text(shop: Shop) -> None:
    shop.make("mug", decision="rejected", message=f"Found {HOSTILE}")
    shop.upload(f"{HOSTILE.replace('/', '_')}.jpg")
    quoted = HOSTILE.replace('"', '""')
    shop.catalog_csv(f'sku,title\nmug,"{quoted}"\n')

    write_gallery(
        shop.store,
        campaigns(Campaign(name="odd", title=HOSTILE, scenes=[{"template": "frost"}], marketplaces=["amazon"])),
    )

    for html in shop.texts(FOLDER).values():
        parsed = Page(html)
        assert not {"script", "iframe", "object", "form"} & {tag for tag, _ in parsed.tags}
        assert not [name for _, attrs in parsed.tags for name in attrs if name.startswith("on")]
        assert not [link for link in parsed.links() if ":" in link]
        assert "\u202e" not in html
    assert "<script>alert(1)</script>\"' onload=x gpj.exe javascript:alert(2)" in page(shop, "rejected.html").words


def test_pages_of_401_skus(shop: Shop) -> None:
    for number in range(2 * PER_PAGE + 1):
        shop.upload(f"sku-{number:03}.jpg")
    result = write_gallery(shop.store, campaigns())

    names = ["index.html", "all-2.html", "all-3.html"]
    assert [len(page(shop, name).skus()) for name in names] == [200, 200, 1]
    assert "Page 2 of 3: products 201 to 400 of 401" in page(shop, "all-2.html").words
    assert {"index.html", "all-3.html"} <= set(page(shop, "all-2.html").links())
    assert {"waiting.html", "waiting-2.html", "waiting-3.html"} <= {Path(key).name for key in shop.texts(EVERGREEN)}
    assert result.pages == 3 + 3 + 3 + 1


def test_pages_of_an_earlier_larger_catalog_go(shop: Shop) -> None:
    for number in range(PER_PAGE + 1):
        shop.upload(f"sku-{number:03}.jpg")
    more = Campaign(name="gone", scenes=[{"template": "frost"}], marketplaces=["amazon"])
    write_gallery(shop.store, campaigns(more))
    shop.store.delete("uploads/sku-000.jpg")

    result = write_gallery(shop.store, campaigns())

    assert result.removed == 2 + 7
    assert not [key for key in shop.texts(FOLDER) if "gone" in key or key.endswith("-2.html")]


def test_every_link_leads_to_a_file_and_nothing_leaves_the_folder(shop: Shop, tmp_path: Path) -> None:
    shop.make("mug")
    shop.make("w%41 & ümlaut".replace("%", "_"))
    shop.make("bad", decision="rejected")
    shop.product("mug", "back", main=False, decision="review")
    for number in range(PER_PAGE):
        shop.upload(f"sku-{number:03}.jpg")
    write_gallery(shop.store, campaigns())

    checked = 0
    for key, html in shop.texts(FOLDER).items():
        assert not re.search(r"https?:|//[a-z]|@import|url\(", html)
        for link in Page(html).links():
            target = (tmp_path / key).parent / unquote(link)
            assert target.resolve().is_relative_to(tmp_path.resolve())
            assert target.is_file(), f"{key}: {link}"
            checked += 1
    assert checked > 50


def test_not_selected_and_retired_skus_are_counted_but_not_shown(shop: Shop) -> None:
    kitchen = Campaign(
        name="kitchen", select={"category": "Kitchen"}, scenes=[{"template": "frost"}], marketplaces=["amazon"]
    )
    shop.catalog_csv("sku,category\nmug,kitchen\nsock,clothes\n")
    for sku in ("mug", "sock", "old"):
        shop.make(sku)
    shop.retire("old")

    result = write_gallery(shop.store, campaigns(kitchen))
    shown = Page(shop.store.read(f"{FOLDER}/kitchen/index.html").decode())

    assert shown.skus() == ["mug"]
    assert "1 product; 1 more not selected by this campaign; 1 retired." in shown.words
    assert page(shop, "index.html").skus() == ["mug", "sock"]
    assert (result.retired, result.campaigns[1].not_selected) == (1, 1)


def test_the_same_records_give_the_same_bytes(shop: Shop) -> None:
    for sku in ("mug", "pot"):
        shop.make(sku)
    write_gallery(shop.store, campaigns())
    first = shop.texts(FOLDER)
    write_gallery(shop.store, campaigns())
    assert shop.texts(FOLDER) == first


def test_the_index_lists_campaigns_and_broken_files(shop: Shop) -> None:
    shop.make("mug")
    found = campaigns()
    broken = Campaigns(found.active, ("spring",), (CampaignProblem("x.yaml", "x.yaml: name: <b> is no name"),))
    write_gallery(shop.store, broken)
    index = Page(shop.store.read(f"{FOLDER}/index.html").decode())

    assert "evergreen/index.html" in index.links()
    assert "x.yaml: name: <b> is no name" in index.words
    assert "Archived: spring." in index.words
    assert "1 accepted" in " ".join(index.words.split())


def test_an_empty_catalog_has_a_gallery_too(shop: Shop) -> None:
    result = write_gallery(shop.store, campaigns())
    assert result.campaigns[0].skus == 0
    assert "No product here." in page(shop, "index.html").words


def test_a_record_that_names_no_safe_key_gives_no_link(shop: Shop) -> None:
    shop.make("mug")
    shelf = product_shelf(shop.store, "raw_photo", "mug")
    record = shelf.records()[0]
    outside = replace(record.files["preview"], key="../../etc/passwd")
    shelf.save(replace(record, files={**record.files, "preview": outside}))

    write_gallery(shop.store, campaigns())
    assert "passwd" not in shop.store.read(f"{EVERGREEN}/index.html").decode()
    assert "No picture" in page(shop, "index.html").words


def test_a_damaged_record_counts_as_not_made(shop: Shop) -> None:
    shop.make("mug")
    shop.store.write(
        f"{campaign_shelf(shop.store, 'evergreen', 'scored_finals', 'mug').prefix}/main.oak-window.json", b"{"
    )
    write_gallery(shop.store, campaigns())
    assert page(shop, "waiting.html").skus() == ["mug"]


def test_a_bucket_serves_the_pages_as_html(s3_server: S3Server, shop: Shop) -> None:
    bucket = s3_server.new_bucket()
    shop.store = S3Store(bucket, "shops/one", s3_server.client())
    shop.make("mug")
    write_gallery(shop.store, campaigns())

    reply = s3_server.client().get_object(Bucket=bucket, Key=f"shops/one/{EVERGREEN}/index.html")
    assert reply["ContentType"] == "text/html; charset=utf-8"
    assert Page(reply["Body"].read().decode()).skus() == ["mug"]
