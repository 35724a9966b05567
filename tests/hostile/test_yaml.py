"""Settings, campaigns, marketplaces and decisions in files that were made to break what reads them."""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fuzz_ingest import TOKENS, Edit, edited
from catalog_assets.campaign_files import SHIPPED, load_campaigns
from catalog_assets.decisions import Decided, DecidedFinal, Decisions
from catalog_assets.settings import Settings, SettingsError, parse_yaml
from resources.marketplaces.rule_files import RULES_FOLDER, load_rules
from resources.plain_yaml import MAX_YAML_BYTES, PlainYamlError, read_mapping
from resources.scenes.cloud.providers import read_providers
from resources.store import LocalStore
from resources.verdicts import Rejection
from resources.weights import WeightsError, load_registry
from tests.hostile.fixed import edits, fixed, words
from tests.hostile.shop import controls
from tests.hostile.test_names import file_names

SETTINGS = "photo: {min_side: 200, correction: gentle}\nmatte: {x: 1}\ncandidates: 2\nspace: {attempts: 2}\n"
CAMPAIGN = "name: spring\nscenes:\n- {template: frost}\nmarketplaces: [shopify]\nfidelity: {x: 1}\nfrom: 03-01\n"
FILES = (SETTINGS, CAMPAIGN, *(path.read_text(encoding="utf-8") for path in sorted(RULES_FOLDER.glob("a*.yaml"))))
HUGE = "0x" + "f" * 100_000

tokens = st.sampled_from(TOKENS)
documents = (
    st.lists(tokens | words | st.sampled_from([": ", "\n", "\n  ", "- ", "[", "]", "{", "}", ", "]), max_size=10)
    .map("".join)
    .map(lambda text: text.encode("utf-8", "surrogatepass"))
)


@st.composite
def mutated(draw: st.DrawFn, files: tuple[str, ...] = FILES) -> bytes:
    """A file of ours in which values are other ones, and perhaps bytes too."""
    lines = draw(st.sampled_from(files)).splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at, token = draw(st.integers(0, len(lines) - 1)), draw(tokens)
        key, colon, _ = lines[at].partition(":")
        lines[at] = f"{key}: {token}" if colon else token
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    changes: list[Edit] = draw(st.just([]) | edits)
    return edited(data, [edit for edit in changes if edit.kind != "segment"])


@fixed(300)
@given(documents)
def test_any_bytes_are_a_mapping_or_refused(data: bytes) -> None:
    with suppress(PlainYamlError):
        assert isinstance(read_mapping(data), dict)


@fixed(150)
@given(mutated((SETTINGS,)))
def test_settings_are_read_or_refused_in_words(data: bytes) -> None:
    with suppress(SettingsError):
        assert isinstance(parse_yaml(data, "catalog.yaml", Settings), Settings)


@fixed(30)
@given(mutated())
def test_a_broken_file_takes_no_other_down(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "amazon.yaml").write_bytes(data)
        (folder / "own.yaml").write_bytes(data)
        (folder / "link.yaml").symlink_to("nowhere.yaml")
        book = load_rules(folder)
        assert "shopify" in book.rules
        assert any(problem.file.name == "link.yaml" for problem in book.problems)
        assert all(str(problem) for problem in book.problems)
        campaigns = load_campaigns(folder)
        assert "evergreen" in campaigns.active
        assert any(problem.file == "link.yaml" for problem in campaigns.problems)


@pytest.mark.parametrize(
    "value",
    [
        "!!int ''",
        "!!float ''",
        "!!bool maybe",
        "!!timestamp x",
        "!!binary '*'",
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system ''",
        HUGE,
        "1:" * 60_000 + "1",
        "1:" * 60_000 + "1.0",
        "1e999",
        ".nan",
        "-.inf",
        "[" * 5_000,
        "{a: " * 5_000,
        "2026-13-45",
        '"\\ud800\\0"',
        "&a [*a]",
        "{<<: [1]}",
        "{? [a] : b}",
    ],
)
def test_a_value_that_is_none_is_refused_in_one_line(value: str, tmp_path: Path) -> None:
    started = time.process_time()
    for field in ("candidates", "fidelity: {x"):
        text = f"{field}: {value}" + ("}" if "{" in field else "")
        with pytest.raises(SettingsError) as refused:
            parse_yaml(text.encode(), "catalog.yaml", Settings)
        assert len(str(refused.value)) < 1000
        assert "catalog.yaml" in str(refused.value)
    (tmp_path / "shop.yaml").write_text(f"net: {{repository: {value}}}\n")
    with pytest.raises(WeightsError):
        load_registry(tmp_path / "shop.yaml")
    with pytest.raises(ValueError, match=r"shop\.yaml"):
        read_providers(tmp_path / "shop.yaml")
    assert time.process_time() - started < 20


def test_a_source_that_is_no_text_is_a_problem_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "name: own\nsources: {page: []}\nfeed: {source: [[page], {a: b}], confirmed: true}\n"
    )
    [problem] = load_rules(tmp_path).problems
    assert "neither an address nor a page" in str(problem)


def test_aliases_that_would_unfold_to_gigabytes_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]" for number in range(1, 12)]
    with pytest.raises(PlainYamlError, match="aliases"):
        read_mapping("\n".join(lines).encode())


def test_what_is_nested_so_deep_that_it_would_end_the_process_is_refused() -> None:
    for deep in ("[" * 50_000 + "]" * 50_000, "{a: " * 30_000 + "1" + "}" * 30_000):
        with pytest.raises(PlainYamlError, match="100 levels"):
            read_mapping(f"a: {deep}".encode())
    assert read_mapping(f"a: {'[' * 90}{']' * 90}".encode())


def test_very_many_wrong_settings_are_counted_not_listed() -> None:
    many = "\n".join(f"key{number}: 1" for number in range(5000))
    with pytest.raises(SettingsError, match="4980 more problems"):
        parse_yaml(many.encode(), "catalog.yaml", Settings)


def test_a_file_beyond_the_limit_is_not_parsed() -> None:
    started = time.process_time()
    with pytest.raises(PlainYamlError, match="at most"):
        read_mapping(b"a: [" + b"1," * MAX_YAML_BYTES + b"]")
    assert time.process_time() - started < 1


def test_the_shipped_campaigns_are_no_victims() -> None:
    assert {path.stem for path in SHIPPED.glob("*.yaml")} <= set(load_campaigns().active)


# Decisions

fields = st.dictionaries(
    st.sampled_from(
        ["decision", "hypothesis", "matte", "photo", "by", "note", "candidate", "picture", "grip", "plain"]
    ),
    st.sampled_from(
        ["approve", "pick", "matte", "reject", "rework", "main.png", "../../catalog.csv", "/etc/passwd", "\0"]
    )
    | words
    | st.floats()
    | st.integers()
    | st.none()
    | st.lists(st.integers(), max_size=2),
    max_size=6,
)
decisions = fields.map(lambda said: json.dumps(said).encode()) | st.sampled_from(
    [
        b"[" * 20_000,
        b"9" * 19_000,
        b'{"decision": 1e999}',
        b'{"decision": "matte", "matte": "main.png"}',
        b"\xff\xfe",
        b"",
    ]
)


@fixed(120)
@given(
    st.lists(st.tuples(file_names, file_names, decisions, edits | st.just([])), min_size=1, max_size=4), st.booleans()
)
def test_whatever_lies_in_reviews_decides_or_is_told(
    files: list[tuple[str, str, bytes, list[Edit]]], about_finals: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for sku, view, data, changes in files:
            parts = [f"s{sku[:60]}", *(["evergreen"] if about_finals else [])]
            place = Path(folder, "reviews", *(part.encode("utf-8", "replace").decode() for part in parts))
            place.mkdir(parents=True, exist_ok=True)
            name = view[:60].encode("utf-8", "replace").decode()
            (place / f"{name}.json").write_bytes(edited(data, [edit for edit in changes if edit.kind != "segment"]))
            (place / "main.png").write_bytes(data)
        found = Decisions(LocalStore(folder))
        said = [found.of(sku, view) for sku, view in found.places]
        said += [found.final(*final) for final in found.finals]
    for one in said:
        assert isinstance(one, (Decided, DecidedFinal, Rejection)) or one is None
        if isinstance(one, Rejection):
            assert controls(one.message) == []
            assert len(one.message) < 2000
    assert all(controls(note) == [] for note in found.notes)
