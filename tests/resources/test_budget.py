"""A budget is never passed: by threads, by several runs at once, after a crash, or over damaged tallies."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from resources.budget import Budget, Refusal, Reservation, Tally, committed_usd, read_tally
from resources.store import LocalStore, S3Store, StoreError
from tests.conftest import S3Server


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads take turns a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def reserved(budget: Budget, usd: float) -> Reservation:
    found = budget.reserve(usd)
    assert isinstance(found, Reservation), found
    return found


def refused(budget: Budget, usd: float) -> str:
    found = budget.reserve(usd)
    assert isinstance(found, Refusal)
    return found.reason


def tallies(store: LocalStore) -> list[str]:
    return [entry.key for entry in store.list("ledger/budgets")]


def last_tally(store: LocalStore) -> Tally:
    (key,) = tallies(store)
    return read_tally(store, key.removesuffix("/tally.json"))


class Broken(LocalStore):
    """A local store on a disk that stops to work when a test says so."""

    broken = ""

    def read(self, key: str) -> bytes:
        self._fail("read")
        return super().read(key)

    def write(self, key: str, data: bytes, content_type: str | None = None, cache_control: str | None = None) -> None:
        self._fail("write")
        super().write(key, data, content_type, cache_control)

    def _fail(self, what: str) -> None:
        if what in self.broken:
            raise StoreError("io_error", "The disk is gone.", retryable=True)


def test_it_can_be_spent_to_the_last_cent_and_not_further(store: LocalStore) -> None:
    budget = Budget(store, "winter", 1.0, "run")
    for _ in range(10):
        budget.settle(reserved(budget, 0.1), 0.1)
    assert refused(budget, 0.01) == "budget: 0.01 USD more would pass 1.00, 1.00 are spent or reserved"
    assert budget.spent_usd == 1.0
    budget.close()
    assert committed_usd(store, "winter") == 1.0


def test_what_is_reserved_counts_until_it_is_settled_for_less(store: LocalStore) -> None:
    budget = Budget(store, "winter", 0.1, "run")
    held = reserved(budget, 0.06)
    assert "budget" in refused(budget, 0.06)
    budget.settle(held, 0.01)
    assert (budget.spent_usd, budget.held_usd) == (0.01, 0.0)
    reserved(budget, 0.06)


def test_what_was_spent_on_nothing_stays_spent(store: LocalStore) -> None:
    """No credit refills a budget: a new run of the same campaign finds it used up."""
    first = Budget(store, "winter", 0.1, "one")
    first.settle(reserved(first, 0.1), 0.1)
    first.close()
    assert "0.10 are spent" in refused(Budget(store, "winter", 0.1, "two"), 0.05)
    reserved(Budget(store, "summer", 0.1, "two"), 0.05)


def test_more_than_was_reserved_counts_in_full(store: LocalStore) -> None:
    budget = Budget(store, "winter", 0.2, "run")
    budget.settle(reserved(budget, 0.1), 0.35)
    assert committed_usd(store, "winter") == 0.35
    assert "0.35 are spent" in refused(Budget(store, "winter", 0.2, "other"), 0.01)


@pytest.mark.parametrize("usd", [float("nan"), float("inf"), -1.0])
def test_what_is_no_amount_counts_as_reserved(store: LocalStore, usd: float) -> None:
    budget = Budget(store, "winter", 1.0, "run")
    budget.settle(reserved(budget, 0.1), usd)
    assert budget.spent_usd == 0.1


@pytest.mark.parametrize("usd", [float("nan"), float("inf"), -1.0, 0.0])
def test_only_prices_above_nothing_can_be_reserved(store: LocalStore, usd: float) -> None:
    with pytest.raises(ValueError, match="more than 0 expected"):
        Budget(store, "winter", 1.0, "run").reserve(usd)


@pytest.mark.parametrize("usd", [float("nan"), float("inf"), -1.0])
def test_absurd_limits_are_refused(store: LocalStore, usd: float) -> None:
    with pytest.raises(ValueError, match="0 or more expected"):
        Budget(store, "winter", usd, "run")


def test_a_reservation_is_settled_once(store: LocalStore) -> None:
    budget = Budget(store, "winter", 1.0, "run")
    held = reserved(budget, 0.1)
    budget.settle(held, 0.1)
    with pytest.raises(ValueError, match="is not open"):
        budget.settle(held, 0.1)


def test_many_threads_of_many_runs_never_pass_it_and_use_it_up(store: LocalStore, eager_threads: None) -> None:
    limit, price = 2.0, 0.04
    budgets = [Budget(store, "winter", limit, "the_same_run") for _ in range(6)]

    def spend(number: int) -> float:
        luck = random.Random(number)
        budget, spent = budgets[number % len(budgets)], 0.0
        for _ in range(10):
            held = budget.reserve(price)
            if isinstance(held, Reservation):
                cost = luck.choice([price, price, 0.0, price / 2])
                budget.settle(held, cost)
                spent += cost
        return spent

    with ThreadPoolExecutor(18) as pool:
        spent = sum(pool.map(spend, range(18)))
    assert committed_usd(store, "winter") <= limit + 1e-9
    for budget in budgets:
        budget.close()
    assert spent == pytest.approx(committed_usd(store, "winter"))
    assert spent <= limit + 1e-9
    rest = Budget(store, "winter", limit, "later")
    while isinstance(held := rest.reserve(price), Reservation):
        rest.settle(held, price)
    rest.close()
    assert limit - price < committed_usd(store, "winter") <= limit + 1e-9


class Between(LocalStore):
    """A local store in which something else happens right before or after a tally is written, once."""

    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None

    def write(self, key: str, data: bytes, content_type: str | None = None, cache_control: str | None = None) -> None:
        before, self.before = self.before, None
        if before is not None:
            before()
        super().write(key, data, content_type, cache_control)
        after, self.after = self.after, None
        if after is not None:
            after()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_of_two_that_raise_at_once_not_both_get_the_rest(tmp_path: Path, moment: str) -> None:
    store = Between(tmp_path)
    one, other = Budget(store, "winter", 0.1, "one"), Budget(store, "winter", 0.1, "other")
    found: list[Reservation | Refusal] = []
    setattr(store, moment, lambda: found.append(other.reserve(0.06)))
    found.append(one.reserve(0.06))
    assert sorted(type(one).__name__ for one in found) == ["Refusal", "Reservation"]
    # The one that was refused took back what it had added: only a hundredth of the limit is set aside.
    assert committed_usd(store, "winter") == pytest.approx(0.061)
    reserved(Budget(store, "winter", 0.1, "third"), 0.039)


def test_a_budget_that_is_used_up_costs_the_store_nothing(store: LocalStore) -> None:
    first = Budget(store, "winter", 0.1, "first")
    first.settle(reserved(first, 0.1), 0.1)
    now = [0.0]
    second = Budget(store, "winter", 0.1, "second", clock=lambda: now[0])
    refused(second, 0.05)
    assert len(tallies(store)) == 1
    store.write(tallies(store)[0], b'{"format": 1, "closed": true, "committed_micro_usd": 0}')
    now[0] = 10.0
    refused(second, 0.05)  # it is not looked at again so soon
    now[0] = 30.0
    reserved(second, 0.05)


SCRIPT = """
import sys
from resources.budget import Budget, Reservation
from resources.store import LocalStore

budget = Budget(LocalStore(sys.argv[1]), "winter", 1.0, "run")
spent = 0
while isinstance(held := budget.reserve(0.02), Reservation):
    budget.settle(held, 0.02)
    spent += 2
budget.close()
print(spent)
"""


def test_processes_share_one_budget(store: LocalStore) -> None:
    command = [sys.executable, "-c", SCRIPT, store.root]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    cents = [int(process.communicate(timeout=60)[0]) for process in running]
    assert 90 <= sum(cents) <= 100
    assert committed_usd(store, "winter") == pytest.approx(sum(cents) / 100)


def test_a_run_that_died_leaves_what_it_may_have_spent(store: LocalStore) -> None:
    dead = Budget(store, "winter", 1.0, "run")
    dead.settle(reserved(dead, 0.1), 0.1)
    reserved(dead, 0.1)
    del dead
    left = committed_usd(store, "winter")
    assert 0.2 <= left <= 0.2 + 0.01 + 1e-9  # and at most a hundredth of the limit that was set aside
    again = Budget(store, "winter", 1.0, "run")
    assert f"{left:.2f} are spent" in refused(again, 0.85)
    reserved(again, 0.75)
    assert len(tallies(store)) == 2


def test_closing_gives_back_what_was_set_aside_and_ends_spending(store: LocalStore) -> None:
    budget = Budget(store, "winter", 100.0, "run")
    budget.settle(reserved(budget, 0.05), 0.03)
    under_way = reserved(budget, 0.05)
    assert committed_usd(store, "winter") > 0.3
    budget.close()
    assert committed_usd(store, "winter") == pytest.approx(0.08)
    assert "is over" in refused(budget, 0.01)
    assert not last_tally(store).closed  # it may still change
    budget.settle(under_way, 0.0)
    assert committed_usd(store, "winter") == pytest.approx(0.03)
    assert last_tally(store).closed


def test_a_run_that_spends_nothing_leaves_nothing(store: LocalStore) -> None:
    Budget(store, "winter", 1.0, "run").close()
    assert tallies(store) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"format": 1, "closed": true}',
        b'{"format": 1, "closed": true, "committed_micro_usd": -5}',
        b'{"format": 1, "closed": true, "committed_micro_usd": true}',
        b'{"format": 1, "closed": true, "committed_micro_usd": 0.5}',
        b'{"format": 2, "closed": true, "committed_micro_usd": 5}',
        b"[" * 100_000,
    ],
)
def test_with_a_damaged_tally_nothing_is_spent_and_the_file_is_named(store: LocalStore, content: bytes) -> None:
    key = "ledger/budgets/winter/old-0/tally.json"
    store.write(key, content)
    budget = Budget(store, "winter", 1.0, "run")
    reason = refused(budget, 0.1)
    assert "nothing is spent" in reason
    assert key in reason
    with pytest.raises(StoreError, match="cannot be read"):
        committed_usd(store, "winter")
    store.write(key, b'{"format": 1, "closed": true, "committed_micro_usd": 950000}')
    assert "would pass" in refused(budget, 0.1)
    reserved(budget, 0.05)


@pytest.mark.parametrize("what", ["read", "write"])
def test_while_the_store_fails_nothing_is_spent(tmp_path: Path, what: str) -> None:
    store = Broken(tmp_path)
    other = Budget(store, "winter", 1.0, "other")
    other.settle(reserved(other, 0.5), 0.5)
    budget = Budget(store, "winter", 1.0, "run")
    store.broken = what
    assert "nothing is spent" in refused(budget, 0.4)
    store.broken = ""
    held = reserved(budget, 0.4)
    store.broken = what
    budget.settle(held, 0.4)
    assert "nothing is spent" in refused(budget, 0.05)
    store.broken = ""
    budget.close()
    other.close()
    assert committed_usd(store, "winter") == pytest.approx(0.9)


def test_names_from_outside_stay_in_their_folder(store: LocalStore) -> None:
    budget = Budget(store, "../../etc", 1.0, "../run\n")
    budget.settle(reserved(budget, 0.1), 0.1)
    (key,) = tallies(store)
    assert key.count("/") == 4
    assert ".." not in key


def test_several_runs_on_s3_never_pass_it(s3_server: S3Server) -> None:
    bucket = s3_server.new_bucket()

    def budget(_: Any) -> Budget:
        return Budget(S3Store(bucket, "shop", s3_server.client()), "winter", 0.5, "run")

    def spend(one: Budget) -> int:
        count = 0
        for _ in range(6):
            held = one.reserve(0.05)
            if isinstance(held, Reservation):
                one.settle(held, 0.05)
                count += 1
        one.close()
        return count

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(spend, map(budget, range(4))))
    store = S3Store(bucket, "shop", s3_server.client())
    assert committed_usd(store, "winter") == pytest.approx(0.05 * sum(counts))
    assert 1 <= sum(counts) <= 10
