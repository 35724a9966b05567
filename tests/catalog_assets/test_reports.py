from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from catalog_assets.campaign_files import Campaign, CampaignProblem, Campaigns
from catalog_assets.partitions import MOMENT_TAG
from catalog_assets.quarantine import Quarantined
from catalog_assets.reports import MAX_ROWS, markdown_text, quarantine_table, report_assets
from catalog_assets.settings import SettingsError
from resources.catalog_resource import CatalogResource
from resources.marketplaces.rule_files import FOLDER_VARIABLE
from resources.progress import Progress
from resources.verdicts import NEEDS_REVIEW, Rejection
from tests.catalog_assets.shop import Shop, campaigns
from tests.catalog_assets.test_gallery import HOSTILE

NAMES = ("quarantine", "review", "gallery", "catalog_overview", "manifests", "cost_report")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


class Reports:
    """All report assets, materialized."""

    def __init__(self, shop: Shop, found: Campaigns | None = None, tags: dict[str, str] | None = None) -> None:
        with dg.DagsterInstance.ephemeral() as instance:
            self.result = dg.materialize(
                report_assets(("team:catalog",), found or campaigns()),
                instance=instance,
                resources={"catalog": CatalogResource(root=shop.store.root), "progress": Progress(show=False)},
                tags=tags,
            )
        self.checks = {check.check_name: check for check in self.result.get_asset_check_evaluations()}

    def metadata(self, name: str) -> dict[str, Any]:
        (event,) = self.result.asset_materializations_for_node(name)
        return {key: value.value for key, value in event.metadata.items()}


def test_reports_are_unpartitioned_without_dependencies_and_say_who_and_what() -> None:
    for asset in report_assets(("team:shop",), campaigns()):
        (spec,) = asset.specs
        assert spec.group_name == "reports"
        assert spec.partitions_def is None
        assert list(spec.deps) == []
        assert spec.description
        assert spec.kinds
        assert spec.code_version
        assert list(spec.owners) == ["team:shop"]
    assert [asset.key.path for asset in report_assets((), campaigns())] == [[name] for name in NAMES]


def test_all_reports_over_a_small_catalog(shop: Shop) -> None:
    shop.make("good")
    shop.make("odd", decision="review")
    shop.make("bad", decision="rejected")
    reports = Reports(shop)

    quarantine = reports.metadata("quarantine")
    assert (quarantine["rejected"], quarantine["needs_review"]) == (1, 1)
    assert "| bad | evergreen | scored&#95;finals | too&#95;weak |" in quarantine["rejections"]
    assert "| odd |" in quarantine["reviews"]
    assert "| odd |" not in quarantine["rejections"]

    review = reports.metadata("review")
    assert (review["finals"], review["masks"], review["pages"]) == (1, 0, 1)
    assert "final-evergreen-odd-main.oak-window" in Path(review["index"]).read_text()

    gallery = reports.metadata("gallery")
    assert (gallery["accepted"], gallery["evergreen/rejected"], gallery["pages"]) == (1, 1, 6)
    assert Path(gallery["index"]).is_file()

    found = reports.metadata("catalog_overview")
    assert (found["skus"], found["mask/made"], found["evergreen/scored_finals/review"]) == (3, 3, 1)
    assert found["plot"].startswith("![SKUs by outcome, and seconds, per stage](data:image/png;base64,")
    assert len(found["plot"]) < 60_000

    manifests = reports.metadata("manifests")
    assert (manifests["amazon/products"], manifests["amazon/pictures"]) == (1, 1)
    assert "manifests/amazon/listing_images.csv" in manifests["amazon/files"]
    assert all(check.passed for check in reports.checks.values())


def test_manifests_say_what_changed_and_what_was_published(shop: Shop, tmp_path: Path) -> None:
    cdn = f"publish: {{target: '{tmp_path / 'cdn'}', base_url: 'https://cdn.shop.example/'}}\n"
    shop.store.write("catalog.yaml", cdn.encode())
    winter = Campaign.model_validate(
        {
            "name": "winter",
            "from": "11-01",
            "until": "02-28",
            "scenes": [{"template": "frost"}],
            "marketplaces": ["amazon"],
        }
    )
    shop.make("mug")
    shop.make("mug", "winter")
    shop.export("mug", "winter", slots=("lifestyle",))
    first = Reports(shop, campaigns(winter), {MOMENT_TAG: "2026-02-28T23:59:00+00:00"}).metadata("manifests")
    assert (first["campaigns_came"], first["pictures_changed"]) == ("evergreen, winter", 2)
    assert (first["published/uploaded"], first["archives_written"]) == (2, 1)
    assert len(list((tmp_path / "cdn" / "mug").iterdir())) == 2

    over = Reports(shop, campaigns(winter), {MOMENT_TAG: "2026-03-01T00:20:00+00:00"}).metadata("manifests")
    assert (over["campaigns_left"], over["campaigns_out_of_season"]) == ("winter", "winter")
    assert "| amazon | 0 | 1 | 0 |" in over["changes"]
    assert over["changes_report"].endswith("reports/manifest_changes/20260301T002000Z.csv")
    assert (over["published/uploaded"], over["published/waiting"]) == (0, 1)


def test_manifests_say_what_files_lack(shop: Shop) -> None:
    """A shop's import would refuse a product without a title."""
    everywhere = campaigns().active["evergreen"].model_copy(update={"marketplaces": ["shopify"]})
    shop.make("mug")
    shop.export("mug", marketplace="shopify")
    found = Reports(shop, Campaigns({"evergreen": everywhere}, (), ())).metadata("manifests")
    assert found["file_problems"] > 0
    assert "| shopify | products.csv | no&#95;title |" in found["file_problems_table"].replace("&#46;", ".")


def test_pictures_are_never_published_into_the_catalog(shop: Shop) -> None:
    target = f"publish: {{target: '{shop.store.root}/uploads', base_url: 'https://cdn.shop.example/'}}\n"
    shop.store.write("catalog.yaml", target.encode())
    shop.make("mug")
    with pytest.raises(SettingsError, match=r"publish.target: lies in uploads/ of the catalog"):
        Reports(shop)


def test_broken_inputs_show_in_checks_and_stop_no_report(shop: Shop) -> None:
    shop.make("mug")
    shop.upload(".hidden.jpg")
    shop.catalog_csv("sku,height_cm\nmug,<b>\n")
    broken = Campaigns(campaigns().active, (), (CampaignProblem("x.yaml", "x.yaml: no [such](javascript:x) scene"),))
    reports = Reports(shop, broken)

    assert reports.result.success
    severities = {name: (check.passed, check.severity.value) for name, check in reports.checks.items()}
    assert severities == {
        "campaigns_valid": (False, "ERROR"),
        "marketplaces_valid": (True, "ERROR"),
        "catalog_csv_valid": (False, "WARN"),
        "uploads_usable": (False, "WARN"),
        "books_readable": (True, "WARN"),
    }
    listed = {name: str(check.metadata["list"].value) for name, check in reports.checks.items() if not check.passed}
    assert "x.yaml" in listed["campaigns_valid"].replace("&#45;", "-")
    assert "](javascript" not in listed["campaigns_valid"]
    assert "line 2, height" in listed["catalog_csv_valid"]
    assert "hidden.jpg" in listed["uploads_usable"]


def test_a_broken_rules_file_shows_in_a_check(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.make("mug")
    folder = tmp_path / "marketplaces"
    folder.mkdir()
    (folder / "kiosk.yaml").write_text("extends: amazon\nname: kiosk\ncolour: red\n")
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    check = Reports(shop).checks["marketplaces_valid"]
    assert not check.passed
    assert "colour" in str(check.metadata["list"].value)


def test_an_empty_catalog_has_all_reports(shop: Shop) -> None:
    reports = Reports(shop)
    assert reports.result.success
    assert reports.metadata("quarantine")["rejections"] == "None."


def held(number: int, code: str = "truncated", message: str = "Broken.") -> Quarantined:
    return Quarantined("product", f"sku-{number:04}", Rejection(code, message, "Again.", stage="raw_photo"), "2026")


def test_a_long_table_is_cut_and_says_so() -> None:
    lines = quarantine_table([held(number) for number in range(MAX_ROWS + 5)]).splitlines()
    assert sum(line.startswith("| sku") for line in lines) == MAX_ROWS
    assert lines[-1] == "... and 5 more: `catalog quarantine` lists all."


def test_hostile_words_cannot_leave_their_cell() -> None:
    row = quarantine_table([held(1, NEEDS_REVIEW, f"a | b\n| c `d` ![x](http://y) {HOSTILE}")]).splitlines()[2]
    assert row.count("|") == 6
    assert not [mark for mark in "<>`[]()\u202e\n" if mark in row]


def test_plain_words_stay_readable() -> None:
    assert markdown_text("Stored as 12.5 cm, über alles") == "Stored as 12.5 cm, über alles"


def test_the_overview_takes_away_what_killed_runs_left_half_written(shop: Shop) -> None:
    shop.make("good")
    old, fresh = (Path(shop.store.root) / "assets" / f".tmp-{name}" for name in ("old", "fresh"))
    for leftover in (old, fresh):
        leftover.write_bytes(b"half a picture")
    os.utime(old, (1, 1))
    assert Reports(shop).metadata("catalog_overview")["leftover_files_removed"] == 1
    assert (old.exists(), fresh.exists()) == (False, True)
