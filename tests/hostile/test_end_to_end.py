"""A whole shop of hostile names, cells and files, through the real line, by the command line."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from click.testing import Result

from catalog_assets.instance import open_instance
from resources.names import sku_name
from resources.store import LocalStore
from resources.uploads import scan_uploads
from tests.catalog_assets.command_line import catalog
from tests.hostile.shop import BAD, GOOD, MARK, Page, controls, formulas, make_shop

KEY = re.compile(r"(?!.*\.\.\.)[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Outcome:
    """A refreshed shop. before: every file outside its root as it was before."""

    root: Path
    before: frozenset[Path]
    result: Result

    @property
    def outside(self) -> frozenset[Path]:
        return _outside(self.root)


def _outside(root: Path) -> frozenset[Path]:
    """Everything in the test's own folder but the root; caches of libraries in the home folder are theirs."""
    others = (path for path in root.parent.rglob("*") if not path.is_relative_to(root))
    return frozenset(path for path in others if not path.is_relative_to(root.parent / "home"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("hostile")
    root = make_shop(folder)
    (folder / "home").mkdir()
    (folder / "elsewhere").mkdir()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        for name in list(os.environ):
            if name.startswith(("CATALOG_", "DAGSTER_", "AWS_", "XDG_")):
                patch.delenv(name)
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("CATALOG_CAMPAIGNS", str(folder / "campaigns"))
        patch.chdir(folder / "elsewhere")
        before = _outside(root)
        yield Outcome(root, before, catalog("refresh", "--root", root))


def skus(shop: Outcome) -> list[str]:
    return sorted(scan_uploads(LocalStore(shop.root)).skus)


def files(shop: Outcome, *patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in shop.root.rglob(pattern))


def test_the_run_ends_with_rejections_only(shop: Outcome) -> None:
    assert shop.result.exit_code == 1, shop.result.output
    assert "internal_error" not in shop.result.output


def test_nothing_is_written_outside_the_root(shop: Outcome) -> None:
    assert shop.outside == shop.before
    assert not list(Path("/etc").glob(f"*{MARK}*"))


def test_every_name_that_was_made_is_safe(shop: Outcome) -> None:
    theirs = ("uploads", "reviews", ".dagster")
    made = [path.relative_to(shop.root) for path in shop.root.rglob("*")]
    ours = [path for path in made if path.parts[0] not in theirs]
    assert len(ours) > 100
    assert [path for path in ours if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", path.name)] == []


def test_every_key_follows_the_rule_and_no_two_are_the_same_folder(shop: Outcome) -> None:
    keys = skus(shop)
    assert all(KEY.fullmatch(key) for key in keys)
    assert len({key.casefold() for key in keys}) == len(keys)
    assert sorted(path.name for path in (shop.root / "assets/product/raw_photo").iterdir()) == keys
    # The two spellings of café are one SKU; every other name has a key of its own.
    assert len(keys) == len(GOOD) + len(BAD) - 1 + len(["views", "no Unicode"])


def test_good_neighbours_are_finished(shop: Outcome) -> None:
    exported = {path.name for path in (shop.root / "exports/shopify/evergreen").iterdir()}
    assert exported == {sku_name(name).key for name in GOOD} | {"views"}


def test_what_cannot_be_used_is_in_quarantine_with_its_reason(shop: Outcome) -> None:
    held = {path.stem for path in (shop.root / "quarantine/product").iterdir()}
    assert {sku_name(name).key for name in BAD} - {"twin"} <= held
    assert "twin-" in {key[:5] for key in held}  # a name that differs from another in case alone
    assert held == set(skus(shop)) - {path.name for path in (shop.root / "exports/shopify/evergreen").iterdir()}


def test_no_page_holds_anything_but_text_of_the_input(shop: Outcome) -> None:
    for sku in ("mug", "views", sku_name(GOOD[2]).key, sku_name(BAD[0]).key):
        catalog("trace", sku, "--root", shop.root)
    catalog("review", "--root", shop.root)
    pages = files(shop, "*.html")
    assert len(pages) >= 10
    shown = ""
    for path in pages:
        text = path.read_text(encoding="utf-8")
        page = Page(text)
        assert page.wrong == [], path
        assert controls(text) == [], path
        shown += page.words
    # They are there, as text.
    for said in (f"<script>{MARK}()</script>", f"<img src=x onerror={MARK}()>", f"<svg onload={MARK}()>"):
        assert said in shown


def test_no_cell_is_a_formula(shop: Outcome) -> None:
    tables = files(shop, "manifests/**/*.csv", "manifests/**/*.tsv", "reports/**/*.csv")
    assert {path.name for path in tables} >= {"pictures.csv", "left_out.csv", "products.csv", "feed.tsv"}
    cells = ""
    for path in tables:
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        assert list(formulas(text, "\t" if path.suffix == ".tsv" else ",")) == [], path
        assert controls(text.replace("\t", "") if path.suffix == ".tsv" else text) == [], path
        cells += text
    assert f"<script>{MARK}()</script>" in cells


@pytest.mark.parametrize("command", ["status", "quarantine", "review", "campaigns", "costs", "marketplaces"])
def test_the_terminal_is_told_nothing_but_text(shop: Outcome, command: str) -> None:
    root = [] if command in ("campaigns", "marketplaces") else ["--root", shop.root]
    result = catalog(command, *root)
    assert result.exit_code in (0, 1), result.output
    assert controls(result.output) == []
    assert result.output.strip()


def test_dagster_is_told_nothing_but_text(shop: Outcome) -> None:
    """Its UI shows markdown, and renders what HTML it finds there."""
    told, tables = [], 0
    with open_instance(str(shop.root)) as instance:
        for run in instance.get_run_records():
            for entry in instance.all_logs(run.dagster_run.run_id):
                told.append(entry.user_message)
                for value in _metadata(entry):
                    told.append(str(value.value))
                    if isinstance(value, dg.MarkdownMetadataValue) and MARK in str(value.value):
                        tables += 1
                        assert "<" not in str(value.value)
    assert tables >= 3
    assert controls("".join(told).replace("\t", "")) == []


def _metadata(entry: dg.EventLogEntry) -> Iterator[dg.MetadataValue]:
    data = entry.dagster_event.event_specific_data if entry.dagster_event else None
    for holder in (data, getattr(data, "materialization", None)):
        yield from (getattr(holder, "metadata", None) or {}).values()


def test_the_trace_of_every_product_is_text(shop: Outcome) -> None:
    assert controls(shop.result.output) == []
    for name in (GOOD[2], GOOD[3], GOOD[5], BAD[0], BAD[5], "views", f"{MARK}\x1b[2J\u202e"):
        result = catalog("trace", "--root", shop.root, "--", name)
        assert result.exit_code in (0, 2), name
        assert controls(result.output) == []
