"""The report of what changed in the manifests: pictures that came, went or were replaced, and whole seasons."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog_assets.campaign_files import Campaign
from catalog_assets.listed_pictures import BrokenListError, Listed, read_pictures
from catalog_assets.manifest_changes import FOLDER, KEPT, Change, ManifestChanges, changes
from catalog_assets.manifest_report import write_manifests
from catalog_assets.settings import Settings
from tests.catalog_assets.shop import SCENE, Shop, campaigns

BASE = "https://img.shop.example/p/"
SETTINGS = Settings(image_base_url=BASE, archives="none")
WINTER = Campaign.model_validate(
    {
        "name": "winter",
        "from": "11-01",
        "until": "02-28",
        "timezone": "America/Los_Angeles",
        "scenes": [{"template": "frost"}],
        "marketplaces": ["amazon"],
    }
)
# The last second of the campaign's last day, in its own timezone, and the next one.
LAST = datetime(2026, 3, 1, 7, 59, 59, tzinfo=UTC)
OVER = LAST + timedelta(seconds=1)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def listed(sku: str, scene: str = "", content: str = "0", campaign: str = "evergreen") -> Listed:
    slot = "lifestyle" if scene else "main"
    file = f"amazon/{campaign}/{sku}/{scene or slot}-{content}.jpg"
    return Listed(sku, slot, campaign, scene, file, BASE + file, content * 64, "x.jpg", 3)


def kinds(before: list[Listed], after: list[Listed]) -> list[tuple[str, str]]:
    return [(change.kind, change.picture.sku) for change in changes(iter(before), iter(after))]


def test_lists_are_compared_product_by_product() -> None:
    same = [listed("b"), listed("b", "frost")]
    assert kinds(same, same) == []
    assert kinds([], [listed("a")]) == [("added", "a")]
    assert kinds([listed("a")], []) == [("removed", "a")]
    assert kinds([listed("a"), *same], [*same, listed("c")]) == [("removed", "a"), ("added", "c")]
    # Another order of the same pictures is no change of pictures.
    assert kinds(same, same[::-1]) == []


def test_a_new_picture_in_the_same_place_replaces_the_old_one() -> None:
    before = [listed("a"), listed("a", "frost"), listed("a", "oak")]
    after = [listed("a", content="1"), listed("a", "frost"), listed("a", "snow")]
    found = list(changes(iter(before), iter(after)))
    assert found == [
        Change("replaced", before[0], after[0]),
        Change("added", None, after[2]),
        Change("removed", before[2], None),
    ]


def test_other_bytes_under_the_same_address_are_a_change() -> None:
    old = listed("a")
    new = old._replace(sha256="f" * 64)
    assert [change.kind for change in changes(iter([old]), iter([new]))] == ["replaced"]


def season(shop: Shop, sku: str) -> None:
    """A SKU with a white picture and a scene each of evergreen and winter."""
    shop.make(sku)
    shop.export(sku, slots=("main", "lifestyle"))
    shop.final(sku, shop.product(sku), "winter")
    shop.export(sku, "winter", slots=("lifestyle",))


def write(shop: Shop, moment: datetime) -> ManifestChanges:
    return write_manifests(shop.store, campaigns(WINTER), SETTINGS, moment).changes


def report_rows(shop: Shop, key: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(shop.store.read(key).decode())))


def test_a_season_that_is_over_is_reported(shop: Shop) -> None:
    for sku in ("mug", "pot"):
        season(shop, sku)
    first = write(shop, LAST)
    assert (first.counts["amazon"]["added"], first.campaigns_came) == (6, ("evergreen", "winter"))
    assert write(shop, LAST) == ManifestChanges()

    over = write(shop, OVER)
    assert (over.campaigns_left, over.campaigns_came, over.total) == (("winter",), (), 2)
    assert over.report == f"{FOLDER}/20260301T080000Z.csv"
    assert report_rows(shop, over.report) == [
        {
            "marketplace": "amazon",
            "change": "removed",
            "sku": sku,
            "slot": "lifestyle",
            "campaign": "winter",
            "scene": SCENE,
            "old_url": f"{BASE}amazon/winter/{sku}/{sku}.lifestyle.jpg",
            "new_url": "",
        }
        for sku in ("mug", "pot")
    ]
    back = write(shop, LAST + timedelta(days=300))
    assert (back.campaigns_left, back.campaigns_came, back.counts) == ((), ("winter",), {"amazon": {"added": 2}})


def test_a_marketplace_that_gets_nothing_any_more_is_reported(shop: Shop) -> None:
    season(shop, "mug")
    shop.export("mug", "winter", "shopify", slots=("lifestyle",))
    both = WINTER.model_copy(update={"marketplaces": ["amazon", "shopify"]})
    write_manifests(shop.store, campaigns(both), SETTINGS, LAST)
    gone = write_manifests(shop.store, campaigns(WINTER), SETTINGS, LAST).changes
    assert gone.counts == {"shopify": {"removed": 1}}
    assert gone.campaigns_left == ()


def test_nothing_changed_writes_nothing(shop: Shop) -> None:
    season(shop, "mug")
    write(shop, LAST)
    assert write(shop, LAST + timedelta(seconds=-1)).report == ""
    assert len(shop.store.children(FOLDER)) == 1


def test_two_changes_at_one_time_have_a_report_each(shop: Shop) -> None:
    season(shop, "mug")
    write(shop, LAST)
    shop.retire("mug")
    assert write(shop, LAST).report == f"{FOLDER}/20260301T075959Z-2.csv"
    assert shop.store.children(FOLDER) == ("20260301T075959Z-2.csv", "20260301T075959Z.csv")


def test_the_newest_hundred_are_kept(shop: Shop) -> None:
    for number in range(KEPT):
        shop.store.write(f"{FOLDER}/20250101T{number:06d}Z.csv", b"old")
    season(shop, "mug")
    write(shop, LAST)
    names = shop.store.children(FOLDER)
    assert (len(names), names[0], names[-1]) == (KEPT, "20250101T000001Z.csv", "20260301T075959Z.csv")


@pytest.mark.parametrize(
    "damaged", [b"", b"\xff\xfe", b"sku,slot\r\n", b'sku,slot,campaign,scene,file,url,sha256\r\n"a']
)
def test_a_damaged_list_stops_nothing(shop: Shop, damaged: bytes, caplog: pytest.LogCaptureFixture) -> None:
    season(shop, "mug")
    write(shop, LAST)
    shop.store.write("manifests/amazon/pictures.csv", damaged)
    assert write(shop, LAST).counts == {"amazon": {"added": 3}}
    assert "amazon: the list in the store is damaged" in caplog.text
    with pytest.raises(BrokenListError):
        list(read_pictures(io.BytesIO(damaged)))


def test_a_list_of_an_earlier_version_is_read() -> None:
    text = "sku,slot,campaign,scene,file,url,sha256\r\nmug,main,evergreen,,a/b.jpg,https://x/b.jpg,00\r\n"
    (one,) = read_pictures(io.BytesIO(text.encode()))
    assert (one.sku, one.url, one.upload_name, one.bytes) == ("mug", "https://x/b.jpg", "", None)
