"""The cost report: what each accepted picture cost, what was wasted, and what is left of a budget."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from PIL import Image

from catalog_assets.campaign_files import Campaigns, Routing
from catalog_assets.context import RunContext
from catalog_assets.cost_report import (
    ACCOUNTS_FILE,
    PLOT_FILE,
    ROWS_FILE,
    BudgetState,
    CostReport,
    CostRow,
    cost_report,
    costs,
    plot,
    write_costs,
)
from catalog_assets.costs import enter, line_entries
from catalog_assets.overview import MAX_PLOT_BYTES
from catalog_assets.records import EngineRef, Record
from catalog_assets.reports import report_assets
from catalog_assets.settings import Settings
from catalog_assets.stage import StageResult, summarise
from resources.budget import Budget, Reservation
from resources.catalog_resource import CatalogResource
from resources.engines import Engines
from resources.ledger import Ledger, LedgerEntry, Prices, read_ledger
from resources.progress import Progress
from resources.store import LocalStore, StoreError
from resources.verdicts import NEEDS_REVIEW, Rejection
from tests.catalog_assets.shop import campaigns

CLOUD: dict[str, Any] = {"campaign": "winter", "stage": "scene_variants", "engine": "cloud", "paid": True}
LOCAL: dict[str, Any] = {"campaign": "winter", "stage": "scene_variants", "engine": "flux"}


def line(attempt: str, status: Any, **columns: Any) -> LedgerEntry:
    usual: dict[str, Any] = {"sku": "mug", "run": "r1", "at": "2026-11-21T10:00:00+00:00", **CLOUD}
    return LedgerEntry(id=attempt, status=status, **{**usual, **columns})


def paid(attempt: str, status: Any, usd: float = 0.05, **columns: Any) -> list[LedgerEntry]:
    """The two lines of a paid call that ended."""
    at = columns.get("at", "2026-11-21T10:00:00+00:00")
    begun = line(attempt, "intended", usd=0.05, at=at, run=columns.get("run", "r1"))
    return [begun, line(attempt, status, usd=usd, seconds=10.0, **columns)]


def verdict(attempt: str, status: Any, at: str = "2026-11-21T11:00:00+00:00") -> LedgerEntry:
    return line(attempt, status, engine="", paid=False, at=at)


def only(report: CostReport) -> CostRow:
    (row,) = report.rows
    return row


def counts(row: CostRow) -> tuple[int, int, int, int]:
    return row.accepted.attempts, row.wasted.attempts, row.open.attempts, row.unknown


def winter(**routing: Any) -> Campaigns:
    wanted = Routing.model_validate({"policy": "cloud_first", "cloud": ["cloud"], "budget_usd": 2.0, **routing})
    found = campaigns().active["evergreen"].model_copy(update={"name": "winter", "routing": wanted})
    return campaigns(found)


def test_an_accepted_picture_bears_the_cost_of_those_that_were_not() -> None:
    lines = [
        *(one for number in range(4) for one in paid(f"a{number}", "made")),
        *paid("b", "failed", 0.0, code="busy"),
        *paid("c", "failed", 0.05, code="no_picture"),
        verdict("a0", "accepted"),
        verdict("a1", "wasted"),
        verdict("a2", "wasted"),
    ]
    report = cost_report(lines, {"winter": BudgetState(1.0, 0.25)})
    row = only(report)
    assert counts(row) == (1, 4, 1, 0)
    assert row.attempts == 6
    assert row.usd == pytest.approx(0.25)
    assert row.usd_per_accepted == pytest.approx(0.25)
    assert row.share_wasted == pytest.approx(0.15 / 0.25)
    assert row.seconds == pytest.approx(60.0)
    (account,) = report.accounts
    assert (account.spent, account.unknown, account.credited) == pytest.approx((0.25, 0.0, 0.15))
    assert account.left == pytest.approx(0.75)  # what is credited does not flow back


def test_the_order_of_lines_does_not_matter() -> None:
    lines = [
        *paid("a", "failed", 0.05, code="timed_out"),
        *paid("a", "made", 0.0, at="2026-11-21T10:05:00+00:00", run="r2"),
        line("d", "intended", usd=0.05, run="dead"),
        *paid("e", "made"),
        verdict("a", "wasted", "2026-11-21T10:30:00+00:00"),
        verdict("a", "accepted", "2026-11-21T10:40:00+00:00"),
        verdict("e", "accepted", "2026-11-21T10:30:00+00:00"),
        verdict("e", "wasted", "2026-11-21T10:40:00+00:00"),
        line("f", "made", seconds=3.0, **{**LOCAL, "paid": False}),
    ]
    first = cost_report(lines, {}).table()
    for seed in range(20):
        random.Random(seed).shuffle(lines)
        assert cost_report(lines, {}).table() == first


def test_the_last_verdict_counts() -> None:
    lines = [*paid("a", "made"), verdict("a", "accepted", "2026-11-22T10:00:00+00:00")]
    assert counts(only(cost_report([*lines, verdict("a", "wasted")], {}))) == (1, 0, 0, 0)
    later = verdict("a", "wasted", "2026-11-23T10:00:00+00:00")
    assert counts(only(cost_report([*lines, later], {}))) == (0, 1, 0, 0)


def test_a_picture_that_came_at_the_second_try_cost_what_the_first_was_charged() -> None:
    """The engine fetches what was paid for; the money went into this picture."""
    lines = [*paid("a", "failed", 0.05, code="timed_out"), *paid("a", "made", 0.0, run="r2"), verdict("a", "accepted")]
    report = cost_report(lines, {"winter": BudgetState(1.0, 0.05)})
    row = only(report)
    assert counts(row) == (1, 1, 0, 0)
    assert (row.accepted.usd, row.wasted.usd) == (0.05, 0.0)
    assert report.accounts[0].credited == 0.0


def test_a_call_without_an_outcome_is_unknown_at_its_bound() -> None:
    lines = [*paid("a", "made"), line("b", "intended", usd=0.05), *paid("c", "failed", 0.05, code="maybe_paid")]
    report = cost_report(lines, {"winter": BudgetState(1.0, 0.15)})
    row = only(report)
    assert counts(row) == (0, 0, 1, 2)
    assert (row.usd, row.unknown_usd) == pytest.approx((0.05, 0.10))
    (account,) = report.accounts
    assert (account.spent, account.unknown, account.credited) == pytest.approx((0.05, 0.10, 0.0))
    assert account.left == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("usd", "at", "unknown"),
    [
        (0.05, "2026-11-21T12:00:00+00:00", 0),  # what it cost was found out later
        (0.0, "2026-11-21T12:00:00+00:00", 1),  # nothing new was charged: what the dead run paid is not known
        (0.05, "2026-11-21T09:00:00+00:00", 1),  # a payment before says nothing of this call
    ],
)
def test_a_later_payment_for_the_same_request_settles_it(usd: float, at: str, unknown: int) -> None:
    lines = [line("a", "intended", usd=0.05, run="dead"), *paid("a", "made", usd, run="r2", at=at)]
    assert only(cost_report(lines, {})).unknown == unknown


def test_what_runs_have_reserved_is_not_left() -> None:
    report = cost_report(paid("a", "made"), {"winter": BudgetState(1.0, 0.30), "summer": BudgetState(5.0)})
    summer, cold = report.accounts
    assert (summer.campaign, summer.left) == ("summer", 5.0)
    assert (cold.reserved, cold.left) == pytest.approx((0.25, 0.70))


def test_a_budget_that_nobody_can_tell_has_nothing_left() -> None:
    (account,) = cost_report([], {"winter": BudgetState(1.0, problem="a tally is damaged")}).accounts
    assert account.left == 0.0


def test_our_own_machines_have_no_account_but_a_price() -> None:
    lines = [
        line("a", "made", seconds=2.0, usd=0.002, **{**LOCAL, "paid": False}),
        line("b", "failed", seconds=1.0, usd=0.001, **{**LOCAL, "paid": False}),
        verdict("a", "accepted"),
    ]
    report = cost_report(lines, {})
    row = only(report)
    assert (counts(row), report.accounts) == ((1, 1, 0, 0), ())
    assert row.usd_per_accepted == pytest.approx(0.003)
    assert row.share_wasted == pytest.approx(1 / 3)


def test_where_nothing_costs_money_the_share_is_one_of_time() -> None:
    lines = [line(str(n), "made", seconds=n, **{**LOCAL, "paid": False}) for n in (1.0, 3.0)]
    row = only(cost_report([*lines, verdict("1.0", "wasted"), verdict("3.0", "accepted")], {}))
    assert (row.usd, row.share_wasted) == (0.0, 0.25)


def test_stages_of_the_product_line_are_made_rejected_or_wait() -> None:
    mask: dict[str, Any] = {"campaign": "product", "stage": "mask", "engine": "birefnet", "paid": False}
    lines = [
        line("a", "made", seconds=1.0, **mask),
        line("b", "failed", seconds=1.0, code="no_subject", **mask),
        line("c", "made", seconds=2.0, code=NEEDS_REVIEW, **mask),
    ]
    assert counts(only(cost_report(lines, {}))) == (1, 1, 1, 0)


def test_rows_stand_in_the_order_of_the_line() -> None:
    places = [("winter", "scored_finals"), ("product", "cutout"), ("winter", "scene_variants"), ("product", "mask")]
    lines = [line(stage, "made", campaign=name, stage=stage, paid=False) for name, stage in places]
    found = [(row.campaign, row.stage) for row in cost_report(lines, {}).rows]
    assert found == [places[3], places[1], places[2], places[0]]


def test_an_empty_ledger_says_so() -> None:
    empty = cost_report([], {})
    assert empty.as_text() == "Nothing is in the ledger yet."
    assert plot(empty).startswith(b"\x89PNG")


# ---- a whole catalog


def fill(store: LocalStore) -> None:
    ledger, budget = Ledger(store, "run"), Budget(store, "winter", 2.0, "run")
    for number in range(3):
        held = budget.reserve(0.05)
        assert isinstance(held, Reservation)
        budget.settle(held, 0.05)
        for one in paid(f"a{number}", "made"):
            ledger.note(one)
    ledger.note(verdict("a0", "accepted"))
    ledger.close()
    budget.close()


def test_the_tables_and_the_plot_lie_among_the_reports(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store)
    found = costs(store, winter())
    write_costs(store, found)
    header, row = csv.reader(io.StringIO(store.read(ROWS_FILE).decode()))
    assert dict(zip(header, row, strict=True))["USD per accepted"] == "0.1500"
    header, row = csv.reader(io.StringIO(store.read(ACCOUNTS_FILE).decode()))
    assert row == ["winter", "2.00", "0.15", "0.00", "0.00", "0.00", "1.85"]
    with Image.open(io.BytesIO(store.read(PLOT_FILE))) as picture:
        assert picture.format == "PNG"
    text = found.as_text().splitlines()
    assert text[1].split()[:4] == ["winter", "scene_variants", "cloud", "3"]
    assert text[-1].split()[-1] == "1.85"


def test_a_campaign_that_is_gone_keeps_its_account(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store)
    (account,) = costs(store, campaigns()).accounts
    assert (account.campaign, account.limit, account.left) == ("winter", None, None)
    assert account.spent == pytest.approx(0.15)


def materialized(store: LocalStore, found: Campaigns) -> tuple[dict[str, Any], dg.AssetCheckEvaluation]:
    (asset,) = [one for one in report_assets((), found) if one.key.path == ["cost_report"]]
    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"catalog": CatalogResource(root=store.root), "progress": Progress(show=False)}
        result = dg.materialize([asset], instance=instance, resources=resources)
    (event,) = result.asset_materializations_for_node("cost_report")
    (check,) = result.get_asset_check_evaluations()
    return {name: value.value for name, value in event.metadata.items()}, check


def test_the_asset_shows_tables_and_plot(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store)
    metadata, check = materialized(store, winter())
    assert (metadata["attempts"], metadata["accepted"], metadata["usd"]) == (3, 1, 0.15)
    assert "| winter | 2.00 | 0.15 |" in metadata["accounts"]
    assert metadata["plot"].startswith("![Cost by outcome")
    assert store.exists(ROWS_FILE)
    assert check.passed


def test_damaged_books_show_in_the_check_and_the_rest_is_told(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store)
    store.write("ledger/entries/winter/2026-11/<b>.json", b"{")
    store.write("ledger/budgets/winter/odd/tally.json", b"{")
    metadata, check = materialized(store, winter())
    assert metadata["attempts"] == 3
    assert not check.passed
    listed = str(check.metadata["list"].value)
    assert "tally" in listed
    assert "<b>" not in listed
    text = costs(store, winter()).as_text()
    assert "tally.json" in text
    assert "left out: ledger/entries/winter/2026-11/<b>.json" in text


def test_hostile_names_of_an_edited_ledger_are_escaped_everywhere(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    bad = '=cmd|"/c calc"!A0 <script>$x^2$\n|'
    Ledger(store, "run").write(line("a", "made", engine=bad, campaign=bad, paid=True))
    found = costs(store, campaigns())
    write_costs(store, found)
    cells = next(iter(list(csv.reader(io.StringIO(store.read(ROWS_FILE).decode())))[1:]))
    assert cells[0].startswith("'=")
    assert cells[2].startswith("'=")
    metadata, _ = materialized(store, campaigns())
    assert "<script>" not in metadata["costs"]
    assert len(metadata["costs"].splitlines()) == 3


def test_a_plot_of_many_rows_stays_small_and_readable() -> None:
    lines = [
        line(
            f"{stage}{number}{status}",
            status,
            seconds=number + 1.0,
            usd=number / 100,
            stage=stage,
            paid=False,
            engine=f"engine-{number}",
            campaign=f"a_campaign_with_a_long_name_{number}",
        )
        for number in range(40)
        for stage in ("mask", "scored_finals")
        for status in ("made", "failed")
    ]
    report = cost_report(lines, {})
    assert len(report.rows) == 80
    assert len(plot(report)) <= MAX_PLOT_BYTES


# ---- lines of stages


def record(name: str, seconds: float, fingerprint: str = "f", **columns: Any) -> Record:
    engine = EngineRef("birefnet", "1", "cuda")
    return Record("mask", "mug", name, "made", fingerprint, seconds=seconds, engine=engine, **columns)


def test_a_stage_that_worked_has_a_line_with_the_price_of_its_time() -> None:
    result = summarise("mask", "mug", [record("main", 1.5), record("back", 0.5)], before=())
    (found,) = line_entries("product", [result], Prices(gpu_usd_per_hour=3.6, cpu_usd_per_hour=99))
    assert (found.campaign, found.stage, found.sku, found.status) == ("product", "mask", "mug", "made")
    assert (found.engine, found.device, found.seconds, found.usd) == ("birefnet", "cuda", 2.0, 0.002)


def test_what_was_only_judged_again_costs_nothing_twice() -> None:
    before = [record("main", 1.5), record("back", 0.5)]
    judged_again = [record("main", 1.5, judged="new"), before[1]]
    result = summarise("mask", "mug", judged_again, before=before)
    assert (result.fresh, result.seconds) == (True, 0.0)
    assert list(line_entries("product", [result], Prices())) == []
    made_again = [record("main", 1.25), before[1]]
    (found,) = line_entries("product", [summarise("mask", "mug", made_again, before=before)], Prices())
    assert found.seconds == 1.25


def test_what_is_up_to_date_and_scenes_have_no_line() -> None:
    records = [record("main", 1.5)]
    idle = summarise("mask", "mug", records, before=records)
    scenes = summarise("scene_variants", "mug", records, before=())
    assert list(line_entries("winter", [idle, scenes], Prices())) == []


@pytest.mark.parametrize(
    ("code", "status"), [("no_subject", "failed"), (NEEDS_REVIEW, "made"), ("bad_decision", "made")]
)
def test_a_rejection_failed_and_a_review_waits(code: str, status: str) -> None:
    said = Rejection(code, "The mask is odd.", "Look at it.")
    result = StageResult("mask", "mug", "rejected", rejection=said, fresh=True, seconds=1.0)
    (found,) = line_entries("product", [result], Prices())
    assert (found.status, found.code, found.reason) == (status, code, "The mask is odd.")


def test_books_that_cannot_be_written_cost_no_sku_its_outcome(tmp_path: Path) -> None:
    class Full(LocalStore):
        full = True

        def write(self, key: str, *rest: Any, **more: Any) -> None:
            if self.full:
                raise StoreError("disk_full", "The disk is full.")
            super().write(key, *rest, **more)

    store = Full(tmp_path)
    context = RunContext(store=store, settings=Settings(), engines=Engines())  # type: ignore[call-arg]
    first = [summarise("mask", "mug", [record("main", 1.5)], before=())]
    enter(context, "product", first)
    assert list(read_ledger(store)) == []
    store.full = False
    enter(context, "product", [summarise("cutout", "mug", [record("main", 0.5)], before=())])
    assert sorted(one.stage for one in read_ledger(store)) == ["cutout", "mask"]
