"""Decisions about finals on the line itself: what is exported, what is not, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from catalog_assets.campaign_files import Campaign
from catalog_assets.campaigns import campaign_line
from catalog_assets.cli import cli
from catalog_assets.final_reviews import FinalName, approve_final, find_final, reject_final, rework_final, undo_final
from catalog_assets.line import LineReport, run_line
from catalog_assets.quarantine import quarantined
from catalog_assets.records import Record, campaign_shelf
from resources.store import CatalogStore, open_store
from tests.catalogs import make_catalog, open_context, photo_bytes, pictures, run_product

FINAL = FinalName("mug", "sale")
# No picture whose colours were matched to the scene is like the photo to the last bit: every final waits.
TOO_STRICT = {"worst_block_ssim": 1.0}


def sale(**fields: object) -> Campaign:
    return Campaign.model_validate(
        {"name": "sale", "scenes": [{"template": "grey-sweep"}], "marketplaces": ["shopify"], **fields}
    )


def run(root: Path, campaign: Campaign, stages: Sequence[str] = (), **options: object) -> LineReport:
    context = open_context(root, **options)
    line = campaign_line(campaign, 9).line(context)
    if stages:
        line = type(line)(line.name, tuple(one for one in line.stages if one.asset in stages), line.quarantine)
    return run_line(line, ["mug"], threads=1)


def final_of(store: CatalogStore) -> Record:
    [record] = campaign_shelf(store, "sale", "scored_finals", "mug").records()
    return record


def exported(store: CatalogStore) -> list[str]:
    return sorted(pictures(store, "exports"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_catalog(tmp_path)
    (tmp_path / "uploads" / "mug.jpg").write_bytes(photo_bytes(0, (640, 640)))
    (tmp_path / "catalog.yaml").write_text("candidates: 2\nscene_size: 500\n")
    run_product(tmp_path)
    return tmp_path


@pytest.fixture
def store(root: Path) -> CatalogStore:
    return open_store(str(root))


REPLAYED = ("scored_finals", "marketplace_export")


def test_an_approved_final_is_exported_until_the_approval_is_taken_back(root: Path, store: CatalogStore) -> None:
    strict = sale(fidelity=TOO_STRICT)
    assert run(root, strict).reviews == 1
    assert exported(store) == []
    measured = (final_of(store).verdict or {})["measures"]
    approve_final(store, FINAL, "Ann", "it is our mug")
    assert run(root, strict, REPLAYED).statuses == {"made": 1}
    record = final_of(store)
    assert record.verdict is not None
    assert (record.verdict["decided_by"], record.verdict["measures"]) == ("person", measured)
    assert record.facts["decision_by"] == "Ann"
    assert len(exported(store)) == 1
    assert quarantined(store) == []
    assert run(root, strict).statuses == {"up_to_date": 1}
    undo_final(store, FINAL)
    assert run(root, strict, REPLAYED).reviews == 1
    assert final_of(store).verdict != record.verdict
    assert exported(store) == []


def test_an_approval_does_not_outlive_the_photo(root: Path, store: CatalogStore) -> None:
    strict = sale(fidelity=TOO_STRICT)
    run(root, strict)
    approve_final(store, FINAL, "Ann", "it is our mug")
    (root / "uploads" / "mug.jpg").write_bytes(photo_bytes(1, (640, 640)))
    run_product(root)
    assert run(root, strict).reviews == 1
    record = final_of(store)
    assert record.rejection is not None
    assert "the pictures changed since" in record.rejection.message
    assert exported(store) == []


def test_an_approval_does_not_outlive_a_new_attempt(root: Path, store: CatalogStore) -> None:
    strict = sale(fidelity=TOO_STRICT)
    run(root, strict)
    approve_final(store, FINAL, "Ann", "it is our mug")
    assert run(root, strict, retry=True).reviews == 1
    assert exported(store) == []


def test_a_rejected_final_leaves_the_shop_and_a_new_attempt_is_judged_anew(root: Path, store: CatalogStore) -> None:
    assert run(root, sale()).statuses == {"made": 1}
    assert len(exported(store)) == 1
    reject_final(store, FINAL, "Ann", "the handle is on the wrong side")
    report = run(root, sale(), REPLAYED)
    assert report.rejections["mug"].code == "rejected_by_person"
    assert exported(store) == []
    [held] = quarantined(store)
    assert (held.rejection.code, held.rejection.is_review) == ("rejected_by_person", False)
    assert run(root, sale(), retry=True).statuses == {"made": 1}
    assert len(exported(store)) == 1


def test_a_decision_that_cannot_be_read_keeps_even_an_accepted_final_back(root: Path, store: CatalogStore) -> None:
    run(root, sale())
    store.write("reviews/mug/sale/main.grey-sweep.json", b"approve it")
    assert run(root, sale(), REPLAYED).rejections["mug"].code == "bad_decision"
    assert exported(store) == []
    undo_final(store, FINAL)
    assert run(root, sale(), REPLAYED).statuses == {"made": 1}
    assert len(exported(store)) == 1


def test_what_was_made_again_for_a_person_can_be_approved(root: Path, store: CatalogStore) -> None:
    strict = sale(fidelity=TOO_STRICT)
    run(root, strict)
    rework_final(store, FINAL, "Ann", "hold on to it", plain=True, grip=1)
    assert run(root, strict, REPLAYED).reviews == 1
    record = final_of(store)
    assert (record.facts["decision"], record.facts["decision_by"]) == ("rework", "Ann")
    chosen = campaign_shelf(store, "sale", "scene_variants", "mug").record(record.facts["chosen"])
    assert chosen is not None
    assert chosen.facts["care"] == {"harmonise": True, "plain": True, "grip": 1}
    approve_final(store, FINAL, "Ann", "that is better")
    assert run(root, strict, REPLAYED).statuses == {"made": 1}
    assert find_final(store, FINAL).facts["chosen"] == chosen.name
    assert len(exported(store)) == 1
    assert run(root, strict).statuses == {"up_to_date": 1}


def test_go_runs_the_campaign_at_once(root: Path, store: CatalogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = root / "campaigns"
    folder.mkdir()
    lines = ["name: sale", "scenes: [{template: grey-sweep}]", "marketplaces: [shopify]"]
    (folder / "sale.yaml").write_text("\n".join([*lines, "fidelity: {worst_block_ssim: 1.0}"]))
    monkeypatch.setenv("CATALOG_CAMPAIGNS", str(folder))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    run(root, sale(fidelity=TOO_STRICT))

    def review(*words: str) -> str:
        arguments = ["review", *words, "mug", "--campaign", "sale", "--root", str(root), "--go"]
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        return f"{result.exit_code} {result.stdout}"

    said = review("approve", "--by", "Ann", "--note", "right")
    assert said.startswith("0 written: ")
    assert "sale: 1 made" in said
    assert "evergreen" not in said
    assert len(exported(store)) == 1
    assert review("undo").startswith("1 removed: ")
    assert exported(store) == []
