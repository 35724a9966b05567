"""What marketplaces forbid is left out with its reason; broken rules touch nothing; exports can be signed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from catalog_assets.campaign_files import Campaign
from catalog_assets.campaigns import campaign_line
from catalog_assets.context import RunContext
from catalog_assets.line import LineReport, run_line
from catalog_assets.records import Record, campaign_shelf
from catalog_assets.settings import load_settings
from catalog_assets.stage import StageResult
from resources.engines import Engines
from resources.marketplaces.provenance import read_source_type
from resources.marketplaces.rule_files import FOLDER_VARIABLE, load_rules
from resources.marketplaces.signing import read_credentials
from resources.store import open_store
from tests.catalogs import make_catalog, open_context, photo_bytes, pictures, run_product
from tests.certificates import authority, written_pair


def evergreen(**fields: object) -> Campaign:
    return Campaign.model_validate(
        {"name": "evergreen", "scenes": [{"template": "grey-sweep"}], "marketplaces": ["shopify"], **fields}
    )


def run(root: Path, chosen: Campaign, engines: Engines | None = None) -> tuple[LineReport, StageResult]:
    """The campaign's line over the SKU a; its report, and the result of the export."""
    context = open_context(root)
    if engines is not None:
        context = RunContext(context.store, load_settings(context.store), engines)
    results: list[StageResult] = []
    report = run_line(campaign_line(chosen, 9).line(context), ["a"], threads=1, on_result=results.append)
    return report, results[-1]


def exported(root: Path, campaign: str = "evergreen") -> dict[str, Record]:
    store = open_store(str(root))
    return {one.name: one for one in campaign_shelf(store, campaign, "marketplace_export", "a").records()}


def left_out(record: Record) -> dict[str, str]:
    return {one["role"]: one["code"] for one in record.facts["left_out"]}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A catalog with one SKU that is cut out."""
    root = make_catalog(tmp_path / "shop")
    (root / "uploads" / "a.jpg").write_bytes(photo_bytes(0, (700, 700)))
    (root / "catalog.yaml").write_text("candidates: 1\nscene_size: 800\n")
    run_product(root)
    return root


def test_every_shipped_marketplace_gets_what_it_takes_and_is_told_what_it_does_not(shop: Path) -> None:
    every = list(load_rules().rules)
    report, result = run(shop, evergreen(marketplaces=every))
    assert report.statuses == {"made": 1}
    assert result.check is True
    records = exported(shop)
    assert list(records) == every
    without_scenes = {"etsy", "zalando"}
    for name, record in records.items():
        assert set(record.files) == ({"main"} if name in without_scenes else {"main", "lifestyle1"}), name
        expected = {"lifestyle1": "slot_forbidden"} if name in without_scenes else {}
        assert left_out(record) == expected, name
        assert {each["decision"] for each in record.facts["compliance"].values()} == {"accepted"}
        for fact in record.facts["files"]:
            data = (shop / record.files[fact["role"]].key).read_bytes()
            assert read_source_type(data) == fact["source_type"]
    assert "photos have to show the item itself" in records["etsy"].facts["left_out"][0]["message"]
    assert any("etsy: lifestyle1 left out" in note for note in result.notes)


@pytest.mark.parametrize(("holiday", "code"), [(None, "holiday_forbidden"), (True, "holiday_forbidden"), (False, "")])
def test_pictures_of_a_holiday_do_not_go_where_they_are_forbidden(shop: Path, holiday: bool | None, code: str) -> None:
    season = evergreen(name="xmas", marketplaces=["bol", "shopify"], holiday=holiday, **{"from": "01-01"})
    report, _ = run(shop, season)
    assert report.statuses == {"made": 1}
    records = exported(shop, "xmas")
    assert left_out(records["shopify"]) == {}
    assert left_out(records["bol"]) == ({"lifestyle1": code} if code else {})
    assert set(records["bol"].files) == (set() if code else {"lifestyle1"})
    if code:
        [said] = records["bol"].facts["left_out"]
        assert "`holiday: false`" in said["message"]


def test_a_shops_own_marketplace_is_one_file(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "marketplaces"
    folder.mkdir()
    (folder / "kiosk.yaml").write_text(
        "extends: shopify\nname: kiosk\ntitle: Kiosk\nslots:\n  main:\n"
        "    render: {side: 800, aspect: 0.8, fill: 0.5}\n    background: {required: white, confirmed: false}\n"
    )
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    run(shop, evergreen(marketplaces=["kiosk"]))
    record = exported(shop)["kiosk"]
    with Image.open(io.BytesIO((shop / record.files["main"].key).read_bytes())) as image:
        assert image.size == (640, 800)
        assert image.getpixel((0, 0)) == (255, 255, 255)
        assert image.getpixel((320, 400)) != (255, 255, 255)


def test_a_broken_rules_file_leaves_what_was_exported_as_it_is(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = evergreen(marketplaces=["amazon", "shopify"])
    run(shop, both)
    before = pictures(open_store(str(shop)), "exports")
    folder = tmp_path / "marketplaces"
    folder.mkdir()
    (folder / "amazon.yaml").write_text("name: [")
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    report, result = run(shop, both)
    assert report.rejections == {}
    assert pictures(open_store(str(shop)), "exports") == before
    assert set(exported(shop)) == {"amazon", "shopify"}
    assert any(note.startswith("amazon: left as it is") for note in result.notes)


def test_exports_are_signed_last_and_once(shop: Path, tmp_path: Path) -> None:
    certificate, key = written_pair(tmp_path, authority())
    engines = Engines(c2pa_certificate=str(certificate), c2pa_key=str(key))
    _, result = run(shop, evergreen(marketplaces=["amazon", "shopify"]), engines)
    assert result.status == "made"
    for record in exported(shop).values():
        for fact in record.facts["files"]:
            data = (shop / record.files[fact["role"]].key).read_bytes()
            credentials = read_credentials(data)
            assert credentials is not None
            assert credentials.state == "valid"
            assert credentials.source_type == fact["source_type"] == read_source_type(data)
    _, again = run(shop, evergreen(marketplaces=["amazon", "shopify"]), engines)
    assert again.status == "up_to_date"
    _, unsigned = run(shop, evergreen(marketplaces=["amazon", "shopify"]))
    assert unsigned.status == "made"
    assert all(b"c2pa" not in data for data in pictures(open_store(str(shop)), "exports").values())


def test_the_check_shows_the_numbers_of_one_picture(shop: Path) -> None:
    _, result = run(shop, evergreen(marketplaces=["amazon"]))
    [(name, verdict)] = result.gate.items()
    assert name == "amazon/main"
    measured: dict[str, Any] = {each["name"]: each["value"] for each in verdict["measures"]}
    assert measured["source_type"] == 1.0
