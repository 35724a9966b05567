from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest

from catalog_assets.trace import trace, write_trace_page
from resources.names import sku_name
from resources.verdicts import INTERNAL_ERROR, Rejection
from tests.catalog_assets.shop import Shop, campaigns
from tests.catalog_assets.test_gallery import HOSTILE, Page


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_every_stage_is_told_with_its_records_and_keys(shop: Shop) -> None:
    shop.make("mug")
    found = trace(shop.store, campaigns(), "mug")

    assert found.known
    assert [(stage.line, stage.asset, stage.status, len(stage.records)) for stage in found.stages] == [
        ("product", "raw_photo", "made", 1),
        ("product", "mask", "made", 1),
        ("product", "cutout", "made", 1),
        ("evergreen", "scene_variants", "made", 1),
        ("evergreen", "scored_finals", "made", 1),
        ("evergreen", "marketplace_export", "made", 1),
    ]
    keys = [key for stage in found.stages for record in stage.records for key in record.files.values()]
    assert keys
    assert all(shop.store.exists(key) and key in str(found) for key in keys)
    assert "uploaded as uploads/mug.jpg" in str(found)


def test_what_decided_is_marked_beside_its_threshold(shop: Shop) -> None:
    shop.make("mug", decision="rejected")
    found = trace(shop.store, campaigns(), "mug")
    (final,) = next(stage.records for stage in found.stages if stage.asset == "scored_finals")

    assert [(one.name, one.threshold, one.passed, one.decided) for one in final.measures] == [
        ("worst_block", "at least 0.8", False, True)
    ]
    text = found.as_text()
    assert "worst_block 0.9 (at least 0.8, missed) <- decided" in text
    assert "stopped by the evergreen line at scored_finals" in text
    assert "Take another photo." in text


def test_rules_of_marketplaces_are_listed_by_picture(shop: Shop) -> None:
    shop.make("mug")
    found = trace(shop.store, campaigns(), "mug")
    assert "main fill 0.9 (at least 0.8, met)" in found.as_text()


def test_the_name_that_was_uploaded_finds_the_sku(shop: Shop) -> None:
    shop.upload("Blaue Tasse.jpg")
    found = trace(shop.store, campaigns(), "Blaue Tasse")
    assert found.known
    assert found.sku == sku_name("Blaue Tasse").key
    assert found.title == "Blaue Tasse"


def test_a_retired_sku_keeps_its_history(shop: Shop) -> None:
    shop.make("mug")
    shop.retire("mug")
    found = trace(shop.store, campaigns(), "mug")
    assert found.known
    assert found.retired
    assert "retired: its upload is gone" in found.as_text()
    assert {stage.status for stage in found.stages} == {"retired"}


def test_an_unknown_sku_is_said_to_be_unknown_with_its_neighbours(shop: Shop) -> None:
    shop.make("mug-blue")
    found = trace(shop.store, campaigns(), "mug-bleu")
    assert not found.known
    assert found.near == ("mug-blue",)
    assert "Did you mean mug-blue?" in found.as_text()


@pytest.mark.parametrize("sku", ["../../../etc/passwd", "", "a" * 500, "\ud800"])
def test_no_name_leads_out_of_the_store(shop: Shop, sku: str) -> None:
    assert not trace(shop.store, campaigns(), sku).known


def test_the_page_shows_pictures_beside_records(shop: Shop, tmp_path: Path) -> None:
    shop.make("mug", decision="review")
    shop.product("mug", "back", main=False)
    key = write_trace_page(shop.store, trace(shop.store, campaigns(), "mug"))
    page = Page(shop.store.read(key).decode())

    assert key == "reports/trace/mug.html"
    folders = {str(attrs["src"]).split("/")[-3] for tag, attrs in page.tags if tag == "img"}
    assert folders == {"raw_photo", "cutout", "scene_variants"}
    for link in page.links():
        assert ((tmp_path / key).parent / unquote(link)).is_file()
    for words in ("Candidate 1, chosen", "missed, decided", "at least 0.8", "scored finals", "in review"):
        assert words in page.words


def test_the_page_and_the_text_survive_hostile_words(shop: Shop) -> None:
    shop.make("mug", decision="rejected", message=HOSTILE)
    details = "Traceback:\n    <b>deep</b>\x1b[31m\n"
    shop.quarantine("product", "mug", Rejection(INTERNAL_ERROR, HOSTILE, HOSTILE, stage="mask", details=details))
    found = trace(shop.store, campaigns(), "mug")
    html = shop.store.read(write_trace_page(shop.store, found)).decode()

    assert not {"script", "b"} & {tag for tag, _ in Page(html).tags}
    assert "Traceback:\n    <b>deep</b>[31m" in Page(html).words
    assert not [character for character in found.as_text() if character in "\x1b\u202e"]
    assert "        <b>deep</b>[31m" in found.as_text().splitlines()
