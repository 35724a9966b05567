"""Why a final was accepted or not, in words and numbers, from its record; and where people read it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog_assets.gallery import FOLDER, write_gallery
from catalog_assets.records import FileRef, Record, campaign_shelf
from catalog_assets.trace import trace
from catalog_assets.why import Why, why
from resources.verdicts import Measure, Verdict
from tests.catalog_assets.shop import Shop, campaigns
from tests.catalog_assets.test_gallery import HOSTILE, Page

MEASURES = (
    Measure("worst_block_ssim", 0.95, 0.75, "higher"),
    Measure("ab_shift", 1.2, 1.5, "lower"),
    Measure("product_side_px", 400, 100, "higher"),
    Measure("exact_pixels", 0.0, 0.0, "lower"),
    Measure("rotation", 0.2),
)
MISSED = Measure("ab_shift", 3.0, 1.5, "lower", passed=False)


def row(name: str, decision: str = "accepted", **more: Any) -> dict[str, Any]:
    return {"name": name, "decision": decision, "fidelity": 0.6, "decided_by": "", **more}


def final(verdict: Verdict, rows: list[dict[str, Any]], **facts: Any) -> Record:
    return Record(
        stage="scored_finals",
        sku="mug",
        name="main.oak",
        status=verdict.decision,
        fingerprint="f",
        facts={"chosen": rows[0]["name"], "ranker": "heuristic", "candidates": rows, **facts},
        verdict=verdict.as_dict(),
        rejection=verdict.rejection("scored_finals"),
    )


def told(record: Record) -> Why:
    found = why(record)
    assert found is not None
    return found


def test_an_accepted_final_says_what_was_closest_to_its_limit() -> None:
    found = told(final(Verdict("accepted", 0.55, MEASURES), [row("c1", rank=1, rank_score=0.9)]))
    assert (
        found.sentence == "All 4 measures are within what is allowed; closest to its limit: colour shift (score 0.55)."
    )
    assert [(one.label, one.value, one.threshold, one.passed, one.bar) for one in found.measures] == [
        ("local structure", "0.95", "at least 0.75", True, 16),
        ("colour shift", "1.2", "at most 1.5", True, 64),
        ("size in pixels", "400", "at least 100", True, 20),
        ("changed pixels", "0", "at most 0", True, 0),
        ("turned, degrees", "0.2", "", None, None),
    ]


def test_candidates_that_nobody_asked_the_judge_about_are_told_apart() -> None:
    rows = [row("c1", rank=1, rank_score=0.91), {"name": "c2", "decision": "not_judged", "rank": 2, "rank_score": 0.7}]
    found = told(final(Verdict("accepted", 0.9, MEASURES), rows))
    assert found.rank == "Ranked 1 of 2 by the heuristic: 0.91."
    assert found.tries == ("Set 1: 2 candidates, 1 judged, 1 accepted.",)


def test_a_missed_measure_is_beyond_the_mark_and_said_to_have_decided() -> None:
    verdict = Verdict("rejected", 0.3, (MISSED,), "ab_shift", "product_changed", "Its colour is off.", "Again.")
    found = told(final(verdict, [row("c1", "rejected", decided_by="ab_shift")]))
    assert found.sentence == "1 of 1 measures is beyond what is allowed (score 0.30)."
    assert [(one.passed, one.decided, one.bar) for one in found.measures] == [(False, True, 100)]
    assert found.rank == ""


def test_the_rank_has_its_place_and_its_parts() -> None:
    rows = [row("c1", rank=1, rank_score=0.91, parts={"exposure": 0.5}), row("c2", rank=2, rank_score=0.7)]
    found = told(final(Verdict("accepted", 0.9, MEASURES), rows))
    assert found.rank == "Ranked 1 of 2 by the heuristic: 0.91."
    assert found.parts == (("exposure", "0.50"),)
    assert found.tries == ("Set 1: 2 candidates, 2 accepted.",)


@pytest.mark.parametrize(
    ("because", "care", "words"),
    [
        (
            ["ab_shift", "detail"],
            {"harmonise": False, "plain": True, "grip": 2},
            "of colour shift, fine detail kept, with its colours left alone and the simplest scene and a firmer hold "
            "on the product (2)",
        ),
        (["rank_score"], {"harmonise": True, "plain": False, "grip": 0}, "the best one ranked low, with another seed"),
        (["person"], {"harmonise": True, "plain": True, "grip": 0}, "a person asked for it, with the simplest scene"),
    ],
)
def test_each_set_says_why_it_was_made_again_and_how(because: list[str], care: dict[str, Any], words: str) -> None:
    rows = [
        row("c1.r1", rank=1, rank_score=0.8, again="r1", because=because, care=care),
        row("c1", "rejected", decided_by="ab_shift"),
        row("c2", "review", decided_by="expansion"),
    ]
    found = told(final(Verdict("accepted", 0.9, MEASURES), [*rows[1:], rows[0]], chosen="c1.r1"))
    assert found.tries == (
        "Set 1: 2 candidates, none accepted (colour shift: 1, grown beyond its outline: 1).",
        f"Set 2, made again because {words}: 1 candidate, 1 accepted.",
    )


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (
            "approve",
            "Ann approved this picture on 2026-11-20: it is only the light. The judge had said review (colour ",
        ),
        ("reject", "Ann rejected it on 2026-11-20: it is only the light. "),
        ("rework", "Ann had it made again on 2026-11-20: it is only the light. "),
    ],
)
def test_what_a_person_decided_is_said_first_with_who_and_why(decision: str, words: str) -> None:
    said = {
        "decision": decision,
        "decision_by": "Ann",
        "decision_at": "2026-11-20T10:00:00+00:00",
        "decision_note": "it is only the light",
        "machine_decision": "review",
        "machine_decided_by": "ab_shift",
    }
    found = told(final(Verdict("accepted", 0.5, (MISSED,), "person"), [row("c1")], **said))
    assert found.person.startswith(words)
    assert found.sentence == "1 of 1 measures is beyond what is allowed (score 0.50)."


def test_a_record_without_a_verdict_has_no_reasons() -> None:
    assert why(replace(final(Verdict("accepted", 1.0), [row("c1")]), verdict=None)) is None


# where it is read


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def rewrite(shop: Shop, **changes: Any) -> None:
    shelf = campaign_shelf(shop.store, "evergreen", "scored_finals", "mug")
    [record] = shelf.records()
    facts = {**record.facts, **changes.pop("facts", {})}
    shelf.save(replace(record, facts=facts, **changes))


def test_the_gallery_shows_why_each_final_was_accepted_folded_away(shop: Shop) -> None:
    shop.make("mug")
    rewrite(shop, verdict=Verdict("accepted", 0.55, MEASURES).as_dict())
    write_gallery(shop.store, campaigns())
    shown = Page(shop.store.read(f"{FOLDER}/evergreen/accepted.html").decode())
    folded = [attrs for tag, attrs in shown.tags if tag == "details"]
    assert [attrs.get("class") for attrs in folded] == ["why"]
    assert "open" not in folded[0]
    for words in (
        "Why it was accepted",
        "All 4 measures are within",
        "colour shift 1.2 max 1.5",
        "turned, degrees0.2",
        "Set 1: 1 candidate",
    ):
        assert words in shown.words
    bars = [attrs["style"] for tag, attrs in shown.tags if tag == "s"]
    assert bars == ["width:16%", "width:64%", "width:20%", "width:0%"]


def test_the_gallery_says_who_accepted_what_the_judge_did_not(shop: Shop) -> None:
    shop.make("mug")
    shelf = campaign_shelf(shop.store, "evergreen", "scored_finals", "mug")
    panel: FileRef = shelf.put("main.oak-window.evidence", "webp", b"panel")
    [record] = shelf.records()
    rewrite(
        shop,
        files={**record.files, "evidence": panel},
        verdict=Verdict("accepted", 0.5, (MISSED,), "person").as_dict(),
        facts={"decision": "approve", "decision_by": HOSTILE, "decision_note": HOSTILE},
    )
    write_gallery(shop.store, campaigns())
    html = shop.store.read(f"{FOLDER}/evergreen/accepted.html").decode()
    shown = Page(html)
    assert "approved this picture: <script>alert(1)</script>" in shown.words
    assert "decided by<script>" in shown.words
    assert not [tag for tag, _ in shown.tags if tag == "script"]
    assert "\u202e" not in html
    assert f"../../../{panel.key}" in shown.links()


def test_a_stopped_final_says_why_once(shop: Shop) -> None:
    shop.make("mug", decision="rejected")
    write_gallery(shop.store, campaigns())
    shown = Page(shop.store.read(f"{FOLDER}/evergreen/rejected.html").decode())
    assert "Why it was rejected" in shown.words
    assert shown.words.count("worst_block is too low.") == 1


def test_the_trace_tells_the_same_in_lines(shop: Shop) -> None:
    shop.make("mug")
    parts = {"name": "main.oak-window.c1.a1", **row(""), "rank": 1, "rank_score": 0.8, "parts": {"halo": 0.7}}
    parts["name"] = "main.oak-window.c1.a1"
    rewrite(shop, verdict=Verdict("accepted", 0.55, MEASURES).as_dict(), facts={"candidates": [parts]})
    text = trace(shop.store, campaigns(), "mug").as_text()
    for line in (
        "All 4 measures are within what is allowed; closest to its limit: colour shift (score 0.55).",
        "Ranked 1 of 1: 0.80.",
        "parts of the rank: halo 0.70",
        "Set 1: 1 candidate, 1 accepted.",
        "ab_shift 1.2 (at most 1.5, met)",
    ):
        assert f"    {line}\n" in text
