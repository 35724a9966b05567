"""A campaign's line on the library: candidates, verdicts, exports, and what it does with SKUs that are not for it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from catalog_assets.campaign_files import Campaign, load_campaigns
from catalog_assets.campaigns import campaign_line
from catalog_assets.line import LineReport, run_line
from catalog_assets.quarantine import quarantined
from catalog_assets.records import campaign_shelf, product_shelf, read_file
from catalog_assets.stage import StageResult
from resources.imaging.encode import read_rgb, read_rgba, webp_lossless
from resources.imaging.harmonise import Harmony
from resources.scenes.engine import Candidate, SceneJob, product_box
from resources.scenes.engines import SCENE_ENGINES
from resources.scenes.studio import StudioEngine
from resources.store import open_store
from tests.catalogs import easy_photo, make_catalog, open_context, photo_bytes, pictures, run_product
from tests.pictures import EXIF_GPS, jpeg_bytes

SMALL = "candidates: 2\nscene_size: 800\n"
EVERGREEN = load_campaigns().active["evergreen"]


def campaign(**fields: object) -> Campaign:
    return Campaign.model_validate(
        {"name": "sale", "scenes": [{"template": "grey-sweep"}], "marketplaces": ["shopify"], **fields}
    )


def run_campaign(
    root: Path, chosen: Campaign, skus: Sequence[str] = ("a",), **options: object
) -> tuple[LineReport, list[StageResult]]:
    context = open_context(root, **options)
    results: list[StageResult] = []
    report = run_line(campaign_line(chosen, 9).line(context), skus, threads=2, on_result=results.append)
    return report, results


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A catalog with one SKU that is cut out."""
    make_catalog(tmp_path)
    (tmp_path / "uploads" / "a.jpg").write_bytes(photo_bytes(0, (640, 640)))
    (tmp_path / "catalog.yaml").write_text(SMALL)
    run_product(tmp_path)
    return tmp_path


def records(root: Path, chosen: Campaign, stage: str) -> list[dict[str, object]]:
    store = open_store(str(root))
    return [r.to_json() for r in campaign_shelf(store, chosen.name, stage, "a").records()]


def exports(root: Path) -> dict[str, bytes]:
    return pictures(open_store(str(root)), "exports")


def test_candidates_are_judged_and_the_best_is_exported(shop: Path) -> None:
    report, results = run_campaign(shop, EVERGREEN)
    assert report.statuses == {"made": 1}
    assert [result.stage for result in results] == ["scene_variants", "scored_finals", "marketplace_export"]
    assert len(records(shop, EVERGREEN, "scene_variants")) == 4
    for final in records(shop, EVERGREEN, "scored_finals"):
        assert final["status"] == "accepted"
        facts = final["facts"]
        assert isinstance(facts, dict)
        assert len(facts["candidates"]) == 2
        verdict = final["verdict"]
        assert isinstance(verdict, dict)
        assert {"exact_pixels"} <= {measure["name"] for measure in verdict["measures"]}
    names = {key.split("/")[1] for key in exports(shop)}
    assert names == {"amazon", "google_merchant", "shopify"}
    for record in records(shop, EVERGREEN, "marketplace_export"):
        assert {"main", "lifestyle1", "lifestyle2"} == set(record["files"])  # type: ignore[call-overload]


def test_harmonised_candidates_are_recorded_with_what_was_done_and_accepted(shop: Path) -> None:
    _, results = run_campaign(shop, campaign())
    assert [result.status for result in results] == ["made"] * 3
    for record in records(shop, campaign(), "scene_variants"):
        facts, measures = record["facts"], record["measures"]
        assert isinstance(facts, dict)
        assert isinstance(measures, dict)
        harmony = facts["harmony"]
        assert harmony["gain"] != [1.0, 1.0, 1.0]
        assert measures == {
            "harmony_delta_e": pytest.approx(harmony["delta_e"]),
            "harmony_ab_shift": pytest.approx(harmony["ab_shift"]),
        }
        assert 0 < measures["harmony_delta_e"] <= 1.0
        assert measures["harmony_ab_shift"] <= 1.5
        assert facts["plate"] == "grey-sweep"
        assert (facts["scene"], facts["template"]) == ("grey-sweep", "grey-sweep")
    [final] = records(shop, campaign(), "scored_finals")
    assert final["status"] == "accepted"
    chosen, other = sorted(final["facts"]["candidates"], key=lambda row: row["rank"])  # type: ignore[index]
    assert (chosen["decision"], other["decision"]) == ("accepted", "not_judged")
    assert (final["facts"]["chosen"], "fidelity" in other) == (chosen["name"], False)  # type: ignore[index]


def test_harmonising_can_be_switched_off_and_that_makes_other_pictures(shop: Path) -> None:
    run_campaign(shop, campaign())
    matched = set(pictures(open_store(str(shop)), "assets/campaigns"))
    (shop / "catalog.yaml").write_text(SMALL + "harmonise: false\n")
    _, results = run_campaign(shop, campaign())
    assert [result.status for result in results] == ["made"] * 3
    for record in records(shop, campaign(), "scene_variants"):
        assert record["facts"]["harmony"]["gain"] == [1.0, 1.0, 1.0]  # type: ignore[index]
        assert record["measures"] == {"harmony_delta_e": 0.0, "harmony_ab_shift": 0.0}
    assert not matched & set(pictures(open_store(str(shop)), "assets/campaigns/sale/scene_variants"))


@pytest.mark.parametrize("harmonise", ["true", "false"])
def test_a_candidate_with_one_other_pixel_inside_is_never_the_final(shop: Path, harmonise: str) -> None:
    """As a faulty engine would leave it: stored as its own, hash and all. The scene is made again."""
    (shop / "catalog.yaml").write_text(f"candidates: 1\nscene_size: 800\nharmonise: {harmonise}\n")
    run_campaign(shop, campaign())
    store = open_store(str(shop))
    shelf = campaign_shelf(store, "sale", "scene_variants", "a")
    [candidate] = shelf.records()
    rgb = read_rgb(read_file(store, candidate.files["picture"])).copy()
    at = candidate.facts["placement"]
    cutout = product_shelf(store, "cutout", "a").records()[0]
    rgba = read_rgba(read_file(store, cutout.files["cutout"]))
    box = product_box(rgba[..., 3])
    rgb[at["top"] + int(box.height * at["scale"] / 2), at["left"] + int(box.width * at["scale"] / 2), 2] ^= 1
    files = {**candidate.files, "picture": shelf.put(candidate.name, "webp", webp_lossless(rgb))}
    shelf.save(replace(candidate, files=files))
    report, results = run_campaign(shop, campaign())
    assert results[0].status == "up_to_date"
    assert report.rejections == {}
    [final] = records(shop, campaign(), "scored_finals")
    assert final["facts"]["candidates"][0]["decided_by"] == "exact_pixels"  # type: ignore[index]
    assert final["facts"]["candidates"][0]["decision"] == "rejected"  # type: ignore[index]
    assert final["facts"]["chosen"].endswith(".r1")  # type: ignore[index]


def test_one_template_in_two_crops_makes_two_scenes_of_their_own_shape(shop: Path) -> None:
    both = campaign(scenes=[{"template": "frost", "candidates": 1}, {"template": "frost", "crop": "portrait"}])
    run_campaign(shop, both)
    sizes: dict[str, set[tuple[int, int]]] = {}
    for record in records(shop, both, "scene_variants"):
        data = open_store(str(shop)).read(record["files"]["picture"]["key"])  # type: ignore[index]
        with Image.open(io.BytesIO(data)) as image:
            sizes.setdefault(record["facts"]["scene"], set()).add(image.size)  # type: ignore[index]
    assert sizes == {"frost": {(800, 800)}, "frost-portrait": {(640, 800)}}
    finals = records(shop, both, "scored_finals")
    assert {(final["facts"]["scene"], final["facts"]["template"]) for final in finals} == {  # type: ignore[index]
        ("frost", "frost"),
        ("frost-portrait", "frost"),
    }
    assert len({final["name"] for final in finals}) == 2
    [record] = records(shop, both, "marketplace_export")
    assert set(record["files"]) == {"lifestyle1", "lifestyle2"}  # type: ignore[call-overload]


def test_a_new_height_or_pose_in_the_table_makes_other_pictures(shop: Path) -> None:
    def made(table: str) -> tuple[str, set[object]]:
        (shop / "catalog.csv").write_text(table)
        _, results = run_campaign(shop, campaign())
        plates = {record["facts"]["plate"] for record in records(shop, campaign(), "scene_variants")}  # type: ignore[index]
        return results[0].status, plates

    assert made("sku,category\na,mugs\n") == ("made", {"grey-sweep"})
    assert made("sku,category,title\na,mugs,Red\n")[0] == "up_to_date"
    assert made("sku,category,height_cm\na,mugs,40\n")[0] == "made"
    status, plates = made("sku,category,pose\na,mugs,flat\n")
    assert (status, plates) == ("made", {"flat-linen"})


def test_only_evergreen_carries_white_pictures(shop: Path) -> None:
    run_campaign(shop, campaign())
    [record] = records(shop, campaign(), "marketplace_export")
    assert set(record["files"]) == {"lifestyle1"}  # type: ignore[call-overload]


def test_the_same_attempt_gives_the_same_pictures_and_a_retry_others(shop: Path) -> None:
    run_campaign(shop, campaign())
    first = pictures(open_store(str(shop)), "assets/campaigns")
    _, again = run_campaign(shop, campaign())
    assert {result.status for result in again} == {"up_to_date"}
    run_campaign(shop, campaign(), force=True)
    assert pictures(open_store(str(shop)), "assets/campaigns") == first
    run_campaign(shop, campaign(), retry=True)
    found = records(shop, campaign(), "scene_variants")
    assert {record["facts"]["attempt"] for record in found} == {1, 2}  # type: ignore[index]
    assert not set(pictures(open_store(str(shop)), "exports")) & set(first)
    [final] = records(shop, campaign(), "scored_finals")
    assert final["facts"]["attempt"] == 2  # type: ignore[index]
    _, after = run_campaign(shop, campaign())
    assert {result.status for result in after} == {"up_to_date"}


def test_a_new_period_gives_fresh_scenes_and_the_same_period_the_same(shop: Path) -> None:
    weekly = campaign(rotation="weekly")

    def seeds(period: str) -> set[object]:
        run_campaign(shop, weekly, period=period)
        return {record["facts"]["seed"] for record in records(shop, weekly, "scene_variants")}  # type: ignore[index]

    first = seeds("2026-W47")
    assert seeds("2026-W47") == first
    second = seeds("2026-W48")
    assert not first & second
    assert seeds("2026-W47") == first


def test_a_changed_threshold_judges_again_and_composes_nothing(shop: Path) -> None:
    run_campaign(shop, campaign())
    before = pictures(open_store(str(shop)), "assets/campaigns/sale/scene_variants")
    _, results = run_campaign(shop, campaign(fidelity={"worst_block_ssim": 0.5}))
    assert [result.status for result in results] == ["up_to_date", "made", "up_to_date"]
    assert pictures(open_store(str(shop)), "assets/campaigns/sale/scene_variants") == before


def test_a_threshold_that_nothing_meets_stops_the_sku_until_it_is_loosened(shop: Path) -> None:
    run_campaign(shop, campaign())
    strict = campaign(fidelity={"worst_block_ssim": 1.01})
    report, results = run_campaign(shop, strict)
    assert (results[0].stage, results[0].status) == ("scene_variants", "up_to_date")
    assert report.rejections["a"].stage == "scored_finals"
    assert report.rejections["a"].code == "needs_review"
    [record] = quarantined(open_store(str(shop)))
    assert (record.line, record.sku) == ("sale", "a")
    report, _ = run_campaign(shop, campaign())
    assert report.rejections == {}
    assert quarantined(open_store(str(shop))) == []


def test_a_title_or_cron_changes_nothing(shop: Path) -> None:
    run_campaign(shop, campaign())
    _, results = run_campaign(shop, campaign(title="A new title", schedule="0 4 * * *"))
    assert {result.status for result in results} == {"up_to_date"}


def test_an_unselected_sku_is_reported_and_has_no_files(shop: Path) -> None:
    run_campaign(shop, campaign())
    assert exports(shop)
    mugs = campaign(select={"category": "mugs"})
    report, results = run_campaign(shop, mugs)
    assert [result.status for result in results] == ["not_selected"] * 3
    assert report.rejections == {}
    assert exports(shop) == {}


def test_a_sku_without_a_cutout_is_not_attempted_and_fails_nothing(shop: Path) -> None:
    (shop / "uploads" / "b.jpg").write_bytes(b"not a picture")
    run_product(shop)
    report, results = run_campaign(shop, campaign(), skus=("a", "b"))
    assert report.rejections == {}
    assert report.not_attempted == ["b"]
    assert [result.status for result in results if result.sku == "b"] == ["not_attempted"]


def test_a_stale_cutout_is_not_used(shop: Path) -> None:
    """A new photo that was rejected keeps the campaign from going on with the old cut-out."""
    (shop / "uploads" / "a.jpg").write_bytes(b"\xff\xd8\xff broken")
    run_product(shop)
    report, _ = run_campaign(shop, campaign())
    assert report.not_attempted == ["a"]


def test_a_gone_upload_takes_the_exports_of_the_campaign_away(shop: Path) -> None:
    run_campaign(shop, campaign())
    (shop / "uploads" / "a.jpg").unlink()
    (shop / "uploads" / "z.jpg").write_bytes(photo_bytes(3))
    report, _ = run_campaign(shop, campaign())
    assert report.statuses == {"retired": 1}
    assert exports(shop) == {}


class Recolouring(StudioEngine):
    """A scene engine that goes too far with the product's colours, and says so."""

    name = "recolouring"

    def compose(self, jobs: Sequence[SceneJob]) -> list[Candidate]:
        return [replace(candidate, harmony=Harmony(delta_e=1.2)) for candidate in super().compose(jobs)]


def test_an_engine_that_changes_the_products_colours_too_far_makes_nothing(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCENE_ENGINES, "recolouring", Recolouring)
    report, _ = run_campaign(shop, campaign(engine="recolouring"))
    assert report.rejections["a"].code == "internal_error"
    assert "beyond the bounds" in report.rejections["a"].message
    assert records(shop, campaign(), "scene_variants") == []


def test_a_candidate_changed_on_disk_is_not_judged_or_exported(shop: Path) -> None:
    run_campaign(shop, campaign())
    store = open_store(str(shop))
    [final] = campaign_shelf(store, "sale", "scored_finals", "a").records()
    key = final.files["final"].key
    data = bytearray(store.read(key))
    data[len(data) // 2] ^= 0xFF
    (shop / key).write_bytes(data)
    context = open_context(shop, force=True)
    line = campaign_line(campaign(), 9).line(context)
    report = run_line(type(line)(line.name, line.stages[2:], line.quarantine), ["a"], threads=1)
    assert report.rejections["a"].code == "final_changed"
    assert exports(shop) == {}


def test_changed_rules_export_again_from_the_same_final(shop: Path) -> None:
    run_campaign(shop, campaign())
    before = exports(shop)
    (shop / "catalog.csv").write_text("sku,asin\na,B000000001\n")
    _, results = run_campaign(shop, campaign(marketplaces=["shopify", "amazon"]))
    assert [result.status for result in results] == ["up_to_date", "up_to_date", "made"]
    after = exports(shop)
    assert set(before) < set(after)
    assert any("B000000001" in key for key in after)


def test_records_are_plain_json(shop: Path) -> None:
    run_campaign(shop, EVERGREEN)
    for path in (shop / "assets").rglob("*.json"):
        text = path.read_text()
        assert "NaN" not in text
        assert json.loads(text)["format"] == 1


def test_camera_and_place_never_reach_a_picture_that_leaves(shop: Path) -> None:
    """The original keeps its bytes; previews, cut-outs, scenes and exports carry nothing of its EXIF."""
    gps = {1: "N", 2: (48.0, 8.0, 14.0), 3: "E", 4: (11.0, 34.0, 31.0)}
    exif = {0x010F: "SecretCam", 0x0110: "Model-4711", EXIF_GPS: gps}
    (shop / "uploads" / "a.jpg").write_bytes(jpeg_bytes(easy_photo(4, (640, 640)), exif=exif))
    run_product(shop)
    run_campaign(shop, EVERGREEN)
    store = open_store(str(shop))
    made = {**pictures(store, "assets"), **pictures(store, "exports")}
    originals = {key for key, data in made.items() if b"SecretCam" in data or b"Model-4711" in data}
    assert {key.split("/")[2] for key in originals} == {"raw_photo"}
    assert len(originals) == 1
    assert len([key for key in made if key.startswith("exports/")]) == 9
    for key, data in made.items():
        if key not in originals:
            with Image.open(io.BytesIO(data)) as image:
                assert not image.getexif(), key


def test_a_refused_main_picture_keeps_everything_of_its_marketplace_back(shop: Path) -> None:
    """The product is too small for Amazon's main picture, and large enough for Shopify's."""
    (shop / "uploads" / "a.jpg").write_bytes(photo_bytes(0, (260, 260)))
    run_product(shop)
    report, _ = run_campaign(shop, EVERGREEN)
    assert report.rejections["a"].code == "needs_review"
    by_name = {record["name"]: record for record in records(shop, EVERGREEN, "marketplace_export")}
    assert by_name["amazon"]["files"] == {}
    assert by_name["shopify"]["files"]
    named = {
        file["key"]
        for record in by_name.values()
        for file in record["files"].values()  # type: ignore[attr-defined]
    }
    assert set(exports(shop)) == named
