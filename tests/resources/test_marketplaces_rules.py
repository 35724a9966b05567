"""Rules files: the shipped ones hold, and a broken one is named without hurting the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from resources.marketplaces.render import render_key
from resources.marketplaces.rules import RULES_FOLDER, SLOTS, MarketplaceRules, load_rules, min_side


@pytest.fixture
def amazon_text() -> str:
    return (RULES_FOLDER / "amazon.yaml").read_text(encoding="utf-8")


def _problems(folder: Path, name: str, text: str) -> list[str]:
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    book = load_rules(folder)
    assert name not in book.rules
    assert {"google_merchant", "shopify"} <= set(book.rules)
    return [str(problem) for problem in book.problems]


def test_shipped_rules_are_whole() -> None:
    book = load_rules()
    assert book.problems == ()
    assert list(book.rules) == ["amazon", "google_merchant", "shopify"]


def test_shipped_facts() -> None:
    rules = load_rules().rules
    amazon, google, shopify = rules["amazon"], rules["google_merchant"], rules["shopify"]
    assert amazon.slot("main").background.required == "white"
    assert amazon.slot("main").background.tolerance == 0
    assert amazon.slot("main").fill.min_ratio == 0.85
    assert amazon.slot("main").file.max_bytes == 10_000_000
    assert amazon.slot("additional").count.max == 8
    assert not amazon.slot("main").colour.alpha_allowed
    assert (google.slot("main").fill.min_ratio, google.slot("main").fill.max_ratio) == (0.75, 0.90)
    assert min_side(google.slot("main")) == 500
    assert "webp" in google.slot("main").formats.accepted
    assert "webp" not in google.slot("lifestyle").formats.accepted
    assert shopify.slot("main").size.max_megapixels == 20
    assert [rules[name].manifest for name in rules] == ["amazon_csv", "google_tsv", "shopify_csv"]


def test_what_is_marked_confirmed_names_a_page() -> None:
    def groups(value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, dict):
            return []
        found = [value] if "confirmed" in value else []
        return found + [group for item in value.values() for group in groups(item)]

    for rules in load_rules().rules.values():
        every = groups(rules.model_dump())
        assert len(every) > 30
        for group in every:
            assert group["source"] or group["note"], group
            assert not group["confirmed"] or all(url.startswith("http") for url in group["source"])


def test_shipped_marketplaces_share_one_white_picture() -> None:
    keys = {render_key(rules, slot) for rules in load_rules().rules.values() for slot in ("main", "additional")}
    assert len(keys) == 1


def test_a_file_adds_a_marketplace(tmp_path: Path, amazon_text: str) -> None:
    text = amazon_text.replace("name: amazon", "name: kiosk").replace("min_longest: 500", "min_longest: 700")
    (tmp_path / "kiosk.yaml").write_text(text, encoding="utf-8")
    book = load_rules(tmp_path)
    assert book.problems == ()
    assert list(book.rules) == ["amazon", "google_merchant", "kiosk", "shopify"]
    assert min_side(book.rules["kiosk"].slot("main")) == 700


def test_a_replacement_wins_and_a_broken_one_is_never_replaced_by_the_shipped(tmp_path: Path, amazon_text: str) -> None:
    file = tmp_path / "amazon.yaml"
    file.write_text(amazon_text.replace("min_longest: 500", "min_longest: 900"), encoding="utf-8")
    assert min_side(load_rules(tmp_path).rules["amazon"].slot("main")) == 900
    file.write_text("name: [", encoding="utf-8")
    assert "amazon" not in load_rules(tmp_path).rules


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("tolerance: 0", "tolerence: 0", "slots.main.background.tolerence", "correct its name"),
        ("min_ratio: 0.85", "min_ratio: high", "slots.main.fill.min_ratio", "found 'high'"),
        ("required: white", "required: grey", "slots.main.background.required", "'white' or 'any'"),
        ("title: Amazon\n", "", "title", "add it"),
        ("min_longest: 500", "min_longest: 50000", "slots.main.size", "swap or correct"),
        ("side: 2200", "side: 400", "slots.main", "render.side"),
        ("fill: 0.87", "fill: 0.5", "slots.main", "render.fill"),
        ("max_bytes: 3000000", "max_bytes: 30000000", "slots.main", "render.max_bytes"),
        ("accepted: [jpeg, tiff, png, gif]", "accepted: [png]", "slots.main", "jpeg"),
        ("{id}.MAIN.{ext}", "{asin}.MAIN.{ext}", "naming.main", "{id}"),
        ("pattern: '", "pattern: '(", "naming.pattern", "regular expression"),
        ("source_types: {}", "source_types: {white: magic}", "provenance.source_types.white", "magic"),
        ("name: amazon", "name: amazonas", "name", "make it the file's name"),
    ],
)
def test_a_broken_file_is_named_with_field_and_fix(
    tmp_path: Path, amazon_text: str, old: str, new: str, field: str, words: str
) -> None:
    assert old in amazon_text
    problems = _problems(tmp_path, "amazon", amazon_text.replace(old, new, 1))
    assert any(
        str(tmp_path / "amazon.yaml") in problem and f" {field}: " in problem and words in problem
        for problem in problems
    ), problems


@pytest.mark.parametrize("text", ["- a list", "", "a: [", "\x00", "name: b\n\tc: d"])
def test_what_is_no_rules_file_is_a_problem(tmp_path: Path, text: str) -> None:
    assert _problems(tmp_path, "kiosk", text)


def test_a_refused_slot_needs_a_reason(tmp_path: Path, amazon_text: str) -> None:
    text = amazon_text.replace("allowed: {value: true", "allowed: {value: false")
    assert "reason" in " ".join(_problems(tmp_path, "amazon", text))


def test_confirmed_without_a_source_is_refused(tmp_path: Path, amazon_text: str) -> None:
    text = amazon_text.replace("note: \"The project's own rule", 'confirmed: true, note: "The', 1)
    text = text.replace("metadata: &metadata {confirmed: false, confirmed: true", "metadata: {confirmed: true")
    assert "without a source" in " ".join(_problems(tmp_path, "amazon", text))


def test_a_missing_folder_is_a_problem_and_the_shipped_rules_stay(tmp_path: Path) -> None:
    book = load_rules(tmp_path / "nowhere")
    assert len(book.rules) == 3
    assert "no such folder" in str(book.problems[0])


def test_remarks_do_not_change_the_fingerprint_but_facts_do(amazon_text: str) -> None:
    def rules(text: str) -> MarketplaceRules:
        content = yaml.safe_load(text)
        del content["shared"]
        return MarketplaceRules.model_validate(content)

    shipped = rules(amazon_text)
    remark = rules(amazon_text.replace("Zoom works from 1000 pixels on.", "Something else."))
    fact = rules(amazon_text.replace("min_ratio: 0.85", "min_ratio: 0.80"))
    assert shipped.fingerprint("main") == remark.fingerprint("main")
    assert shipped.fingerprint("main") != fact.fingerprint("main")
    assert len({shipped.fingerprint(slot) for slot in SLOTS}) == 2  # lifestyle and additional are the same rules


def test_an_unknown_slot_is_refused() -> None:
    with pytest.raises(ValueError, match="main, additional, lifestyle"):
        load_rules().rules["amazon"].slot("hero")  # type: ignore[arg-type]
