"""Two runs over a SKU, and the one that began earlier reports last: Dagster shows what lies there all the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from catalog_assets.context import RunContext
from catalog_assets.line_assets import LineInfo, line_assets
from catalog_assets.product import product_line
from catalog_assets.quarantine import quarantined
from catalog_assets.settled import settled
from catalog_assets.stage import Stage, StageResult
from resources.engines import Engines
from resources.store import open_store
from tests.catalogs import make_catalog, photo_bytes
from tests.dagster_runs import checks_shown, failure_text, materialized, run_one, run_range
from tests.pictures import truncated

GOOD, BAD = photo_bytes(21), truncated(photo_bytes(22))


class Before(Stage):
    """A stage before which something happens once, as soon as it comes to a SKU."""

    def __init__(self, stage: Stage, sku: str, happens: Callable[[], None]) -> None:
        self.asset, self.code_version, self.check = stage.asset, stage.code_version, stage.check
        self._stage, self._sku, self._happens = stage, sku, happens

    def run(self, skus: Sequence[str]) -> list[StageResult]:
        if self._sku in skus:
            self._happens()
        return self._stage.run(skus)


def while_at(info: LineInfo, sku: str, happens: Callable[[], None], stage: int = -1) -> LineInfo:
    """The line, one of whose runs is overtaken when it comes to a stage of a SKU for the first time; the last one."""
    left = [happens]

    def once() -> None:
        if left:
            left.pop()()

    def make_stages(context: RunContext) -> tuple[Stage, ...]:
        stages = list(info.make_stages(context))
        stages[stage] = Before(stages[stage], sku, once)
        return tuple(stages)

    return replace(info, make_stages=make_stages)


@pytest.mark.parametrize(
    ("first", "then"),
    [(photo_bytes(20), GOOD), (photo_bytes(20), BAD), (BAD, GOOD)],
    ids=["another photo", "a broken one", "a good one after all"],
)
def test_the_run_that_began_first_reports_what_lies_there(tmp_path: Path, first: bytes, then: bytes) -> None:
    root = make_catalog(tmp_path / "shop", good=("a", "b"))
    (root / "catalog.yaml").write_text("threads: 1\n")
    photo = root / "uploads" / "a.jpg"
    photo.write_bytes(first)
    info, store = product_line(8), open_store(str(root))
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:

        def overtakes() -> None:
            photo.write_bytes(then)
            run_range(line_assets(info, []), instance, root, ["a"])

        slow = run_range(line_assets(while_at(info, "b", overtakes), []), instance, root, ["a", "b"])
        passed = {"a", "b"} if then is GOOD else {"b"}
        assert settled(instance, store, Engines(), [info], ["a", "b"]) == passed
        assert set(materialized(instance, "cutout")) == passed
        assert {record.sku for record in quarantined(store)} == {"a", "b"} - passed
        assert slow.success is (then is GOOD)
        assert ("a: raw_photo: truncated" in failure_text(instance, slow.run_id)) is (then is BAD)
        tags = instance.get_run_by_id(slow.run_id).tags  # type: ignore[union-attr]
        assert tags.get("catalog/rejected", "0") == ("0" if then is GOOD else "1")


def test_checks_of_a_run_that_waited_its_turn_count(tmp_path: Path) -> None:
    """It was planned first, and reports after another that was planned and done meanwhile."""
    root = make_catalog(tmp_path / "shop", good=("a", "b"))
    (root / "catalog.yaml").write_text("threads: 1\n")
    info, store = product_line(8), open_store(str(root))
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        waits = while_at(info, "a", lambda: run_range(line_assets(info, []), instance, root, ["a", "b"]), stage=0)
        run_range(line_assets(waits, []), instance, root, ["a", "b"])
        assert settled(instance, store, Engines(), [info], ["a", "b"]) == {"a", "b"}
        assert checks_shown(instance, "usable_photo", "raw_photo") == {"a": "SUCCEEDED", "b": "SUCCEEDED"}


@pytest.mark.parametrize("then", [GOOD, BAD], ids=["another photo", "a broken one"])
def test_so_does_a_run_of_one_sku(tmp_path: Path, then: bytes) -> None:
    root = make_catalog(tmp_path / "shop", good=("a",))
    info, store = product_line(8), open_store(str(root))
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:

        def overtakes() -> None:
            (root / "uploads" / "a.jpg").write_bytes(then)
            run_range(line_assets(info, []), instance, root, ["a"])

        run_one([line_assets(while_at(info, "a", overtakes), [])], instance, root, "a")
        assert settled(instance, store, Engines(), [info], ["a"]) == ({"a"} if then is GOOD else set())
        assert materialized(instance, "cutout") == (["a"] if then is GOOD else [])


def test_a_run_that_nobody_overtook_looks_once(tmp_path: Path) -> None:
    root = make_catalog(tmp_path / "shop", good=("a",))
    looks: list[str] = []
    info = product_line(8)

    def make_stages(context: RunContext) -> tuple[Stage, ...]:
        first, *others = info.make_stages(context)
        return (Before(first, "a", lambda: looks.append("a")), *others)

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        for _ in range(2):
            run_range(line_assets(replace(info, make_stages=make_stages), []), instance, root, ["a"])
    # The first run makes it and looks once more; the second finds it as it is.
    assert len(looks) == 3
