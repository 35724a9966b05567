"""catalog.csv may hold any bytes: they give products, or problems in words, and cost little."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resources.marketplaces.manifests import clean_cell
from resources.names import clean_text, sku_name
from resources.products import MAX_CELL, Products, load_products, rows_without_photos
from resources.store import LocalStore
from tests.hostile.fixed import fixed, letters, words
from tests.hostile.shop import controls, formulas

rows = st.lists(st.lists(words, max_size=6).map(",".join), max_size=8).map("\n".join)
tables = st.tuples(st.sampled_from(["", "sku,title,main_view,link,height_cm\n", "\ufeffsku;title;gtin\r\n"]), rows)
contents = st.binary(max_size=300) | tables.map("".join).flatmap(
    lambda text: st.sampled_from(["utf-8", "utf-16", "cp1252", "utf-8-sig"]).map(
        lambda encoding: text.encode(encoding, "surrogatepass" if encoding.startswith("utf-8") else "replace")
    )
)


def load(data: bytes) -> Products:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "catalog.csv").write_bytes(data)
        return load_products(LocalStore(folder))


@fixed(300)
@given(contents)
@example(b"sku,title\nmug,\xff\xfe\n")
@example("sku,title\nmug,\ud800\n".encode("utf-8", "surrogatepass"))
def test_any_bytes_are_products_or_problems(data: bytes) -> None:
    found = load(data)
    for sku, product in found.rows.items():
        assert sku_name(sku).key == sku
        for cell in product.cells().values():
            assert clean_text(cell) == cell
            assert len(cell) <= MAX_CELL
        assert product.height_cm is None or 0.1 <= product.height_cm <= 1000
    for problem in (*found.problems, *rows_without_photos(found, ["Mug", "a"])):
        assert problem.message
        assert controls(problem.message + problem.hint + problem.column) == []
        assert len(problem.message) < 1000


@fixed(400)
@given(words | letters)
@example("\u061c=1")
def test_no_cell_that_is_written_is_a_formula(text: str) -> None:
    cell = clean_cell(text)
    assert list(formulas(f'"{cell.replace(chr(34), chr(34) * 2)}"\n', ",")) == []
    assert controls(cell.replace("\n", "\0")) == []
    assert len(clean_cell(text, 5)) <= 5
    cell.encode("utf-8")


@pytest.mark.parametrize(
    "table",
    [
        "sku,title\n" + "\n".join(f"a{number},+" + "|" * 9990 for number in range(300)),
        "sku,title\n" + "a," * 1_000_000 + '"open\n' + "b\n" * 300,
        "sku,title\n" + '"\n' * 20_000,
        "sku,title\n" + "x" * 5_000_000,
        "sku," * 200_000,
        "\n" * 2_000_000,
    ],
    ids=["bars", "open quote behind a long row", "open quotes", "one long cell", "columns", "blank lines"],
)
def test_a_table_costs_no_more_than_its_size_allows(table: str) -> None:
    started = time.process_time()
    load(table.encode())
    assert time.process_time() - started < 1 + 1.5 * len(table) / 1e6
