"""The router: every job comes back with a picture or a reason, whatever engines, budgets and stores do."""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.router_faults import (
    CAMPAIGN,
    CUTOUT,
    PRICE,
    SIDE,
    TEMPLATE,
    FaultyProvider,
    Shop,
    cloud_engine,
    outage,
    result_of,
    serving,
)
from catalog_assets.cost_report import BudgetState, cost_report
from resources.budget import Budget, committed_usd
from resources.ledger import Ledger, LedgerEntry, Prices, read_ledger
from resources.scenes.breaker import Breakers
from resources.scenes.engine import Candidate, EngineError, Placement, SceneEngine, SceneJob, SceneKind
from resources.scenes.router import Route, Routed
from resources.scenes.studio import StudioEngine
from resources.scenes.templates import SceneTemplate
from resources.store import LocalStore, StoreError

U8 = NDArray[np.uint8]
EMPTY = np.zeros((20, 20, 4), np.uint8)


def job(number: int = 0, cutout: U8 = CUTOUT) -> SceneJob:
    return SceneJob(cutout, TEMPLATE, number, (SIDE, SIDE), pose="flat", name=f"c{number}")


def blank(job: SceneJob, usd: float = 0.0) -> Candidate:
    """A picture of the right size, for tests that look at the way and not at the picture."""
    width, height = job.size
    picture = np.full((height, width, 3), 200, np.uint8)
    return Candidate(picture, np.zeros((height, width), np.uint8), Placement(1.0, 0, 0), usd=usd)


class Painter:
    """An engine of a few lines. work: makes one picture, or raises what this engine raises."""

    kind: SceneKind = "generated_scene"
    revision = "1"

    def __init__(
        self,
        name: str,
        work: Callable[[SceneJob], Candidate] = blank,
        *,
        price: float = 0.0,
        waiting: int = 0,
        device: str = "cpu",
    ) -> None:
        self.name, self.price, self.waiting, self.device, self._work = name, price, waiting, device, work
        self.asked: list[int] = []

    def recipe(self, template: SceneTemplate, product: str) -> Mapping[str, Any]:
        del template, product
        return {}

    def compose(self, jobs: Sequence[SceneJob]) -> list[Candidate]:
        self.asked.append(len(jobs))
        return [self._work(one) for one in jobs]

    def backdrop(self, job: SceneJob) -> U8 | None:
        del job
        return None


class Buyer(Painter):
    """A paid engine that really calls the provider, with nothing between them: it forgets what it ordered."""

    def __init__(self, provider: FaultyProvider) -> None:
        super().__init__("cloud", self._order, price=PRICE, device="cloud")
        self._where = provider.address.removeprefix("http://")

    def key(self, job: SceneJob) -> str:
        return f"order-{job.seed}"

    def _order(self, job: SceneJob) -> Candidate:
        connection = http.client.HTTPConnection(self._where, timeout=10)
        try:
            connection.request("POST", "/house/scenes", json.dumps({"prompt": "", "seed": job.seed, "image_url": ""}))
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError("maybe_paid", "it hung up", usd=self.price) from error
        finally:
            connection.close()
        if answer.status != 200:
            raise EngineError("busy", f"HTTP {answer.status}")
        return blank(job, self.price)


def failing(code: str = "timed_out", message: str = "no answer", **more: Any) -> Callable[[SceneJob], Candidate]:
    def work(job: SceneJob) -> Candidate:
        del job
        raise EngineError(code, message, **more)

    return work


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


class Books:
    """A budget and a ledger, and what they say at the end."""

    def __init__(self, store: LocalStore, limit: float = 1.0) -> None:
        self.store, self.limit = store, limit
        self.budget, self.ledger = Budget(store, CAMPAIGN, limit, "run"), Ledger(store, "run")
        self.breakers = Breakers()

    def route(self, *engines: SceneEngine, **more: Any) -> Route:
        usual: dict[str, Any] = {"breakers": self.breakers, "budget": self.budget, "ledger": self.ledger}
        return Route(engines, campaign=CAMPAIGN, **{**usual, **more})

    def lines(self) -> list[LedgerEntry]:
        self.ledger.close()
        return list(read_ledger(self.store))


@pytest.fixture
def books(store: LocalStore) -> Books:
    return Books(store)


def steps(routed: Routed) -> list[tuple[str, str, str]]:
    return [(one.engine, one.status, one.code) for one in routed.tries]


# ---- engines on our own machines


def test_the_first_engine_that_can_makes_all_pictures_at_once(books: Books) -> None:
    first, second = Painter("flux"), Painter("studio")
    found = books.route(first, second).compose([job(0), job(1)], sku="mug")
    assert [steps(one) for one in found] == [[("flux", "made", "")]] * 2
    assert all(one.engine is first and one.rejection is None and one.detours == () for one in found)
    assert (first.asked, second.asked) == ([2], [])
    assert sorted(line.name for line in books.lines()) == ["c0", "c1"]


def test_a_batch_that_fails_is_tried_one_by_one_and_only_the_bad_job_goes_on(books: Books) -> None:
    def work(job: SceneJob) -> Candidate:
        if job.seed == 1:
            raise RuntimeError("this one breaks the net")
        return blank(job)

    flux, breakers = Painter("flux", work), Breakers(failures=2)
    route = books.route(flux, StudioEngine(), breakers=breakers)
    found = route.compose([job(number) for number in (1, 0, 2)], sku="mug")
    assert flux.asked == [3, 1, 1, 1]
    assert [one.engine.name for one in found if one.engine] == ["studio", "flux", "flux"]
    assert steps(found[1]) == [("flux", "failed", "engine_failed"), ("flux", "made", "")]
    assert "3 pictures at once, now one by one" in found[1].tries[0].reason
    assert steps(found[0]) == [("flux", "failed", "engine_failed")] * 2 + [("studio", "made", "")]
    assert "RuntimeError: this one breaks the net" in found[0].tries[1].reason
    assert Counter(line.status for line in books.lines()) == {"failed": 4, "made": 3}
    assert breakers.of("flux").state == "closed"  # it failed at one job, not twice


def test_when_all_fail_the_rejection_says_what_each_said(books: Books) -> None:
    flux = Painter("flux", failing("timed_out", "no answer in 60 s."))
    (found,) = books.route(flux, StudioEngine()).compose([job(0, EMPTY)], sku="mug")
    assert found.candidate is None
    rejection = found.rejection
    assert rejection is not None
    assert (rejection.code, rejection.retryable, rejection.stage) == ("no_engine", True, "scene_variants")
    assert "flux: no answer in 60 s. studio: failed unexpectedly (ValueError: the cut-out is empty" in rejection.message
    assert "last_resort" in rejection.hint
    assert "Traceback" in rejection.details
    assert "flux" not in rejection.details  # what an engine says itself needs no traceback


def test_pictures_that_are_not_what_was_asked_for_count_as_failures(books: Books) -> None:
    def small(job: SceneJob) -> Candidate:
        return replace(blank(job), rgb=np.zeros((8, 8, 3), np.uint8))

    class Forgetful(Painter):
        def compose(self, jobs: Sequence[SceneJob]) -> list[Candidate]:
            return super().compose(jobs)[1:]

    found = books.route(Painter("small", small), Forgetful("few"), Painter("good")).compose([job()], sku="mug")
    assert steps(found[0]) == [("small", "failed", "no_picture"), ("few", "failed", "no_picture"), ("good", "made", "")]
    assert "(8, 8, 3) of uint8 found, (320, 320, 3)" in found[0].tries[0].reason


def test_an_engine_that_fails_again_and_again_is_passed_over(books: Books) -> None:
    flux = Painter("flux", failing())
    route = books.route(flux, Painter("studio"))
    found = [route.compose([job()], sku="mug")[0] for _ in range(5)]
    assert len(flux.asked) == 3
    assert steps(found[4]) == [("flux", "skipped", "breaker"), ("studio", "made", "")]
    assert found[4].detours == (f"flux: {found[4].tries[0].reason}",)
    assert "breaker open for 60 s more: no answer" in found[4].detours[0]


def test_a_job_that_an_engine_refuses_says_nothing_of_the_engine(books: Books) -> None:
    flux = Painter("flux", failing("refused", "not this product", healthy=True))
    route = books.route(flux, Painter("studio"))
    for _ in range(5):
        route.compose([job()], sku="mug")
    assert len(flux.asked) == 5
    assert books.breakers.of("flux").state == "closed"


def test_bad_products_never_close_the_last_engine_to_good_ones(books: Books) -> None:
    route = books.route(StudioEngine())
    for _ in range(4):
        assert route.compose([job(0, EMPTY)], sku="bad")[0].rejection is not None
    assert books.breakers.of("studio").state == "open"
    assert route.compose([job()], sku="good")[0].candidate is not None


def test_the_probe_is_one_picture_even_for_a_batch(store: LocalStore) -> None:
    now = [0.0]
    breakers = Breakers(1, 60.0, lambda: now[0])
    broken = [True]

    def work(job: SceneJob) -> Candidate:
        return failing()(job) if broken[0] else blank(job)

    flux = Painter("flux", work)
    route = Books(store).route(flux, Painter("studio"), breakers=breakers)
    route.compose([job()], sku="mug")
    now[0] = 61.0
    found = route.compose([job(number) for number in range(3)], sku="mug")
    assert flux.asked == [1, 1]  # the probe failed, and the other two were not tried
    assert [steps(one)[0][1] for one in found] == ["failed", "skipped", "skipped"]
    now[0], broken[0] = 200.0, False
    assert all(one.engine is flux for one in route.compose([job(number) for number in range(3)], sku="mug"))
    assert flux.asked == [1, 1, 1, 2]


def test_of_many_threads_one_probes_and_the_others_go_on(store: LocalStore) -> None:
    now = [0.0]
    breakers = Breakers(1, 60.0, lambda: now[0])
    gate, answered = threading.Barrier(16), threading.Event()

    def work(job: SceneJob) -> Candidate:
        if now[0] == 0.0:
            raise EngineError("busy", "down")
        assert answered.wait(20)
        return blank(job)

    flux = Painter("flux", work)
    route = Books(store).route(flux, Painter("studio"), breakers=breakers)
    route.compose([job()], sku="mug")
    now[0] = 60.0

    def one(number: int) -> Routed:
        gate.wait()
        return route.compose([job(number)], sku=f"sku{number}")[0]

    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(one, number) for number in range(16)]
        while sum(future.done() for future in asked) < 15:
            time.sleep(0.001)
        answered.set()
        found = [future.result() for future in asked]
    assert Counter(one.engine.name for one in found if one.engine) == {"flux": 1, "studio": 15}
    assert breakers.of("flux").state == "closed"


def test_time_on_our_own_machines_has_a_price(books: Books) -> None:
    def slow(job: SceneJob) -> Candidate:
        time.sleep(0.01)
        return blank(job)

    prices = Prices(gpu_usd_per_hour=3600.0)
    found = books.route(Painter("flux", slow, device="cuda:0"), prices=prices).compose([job(0), job(1)], sku="mug")
    for one, line in zip(found, books.lines(), strict=True):
        assert 0.01 <= one.seconds < 1
        assert one.usd == pytest.approx(one.seconds)
        assert line.usd == pytest.approx(one.usd, abs=1e-3)
        assert not line.paid
    assert Books(books.store).route(Painter("cpu", slow), prices=prices).compose([job()], sku="mug")[0].usd == 0


# ---- engines that somebody charges for


def test_a_paid_picture_is_intended_before_it_is_asked_for(books: Books) -> None:
    seen: list[str] = []

    def work(job: SceneJob) -> Candidate:
        seen.extend(line.status for line in read_ledger(books.store))
        seen.append(f"{committed_usd(books.store, CAMPAIGN):.2f}")
        return blank(job, 0.03)

    (found,) = books.route(Painter("cloud", work, price=0.04)).compose([job()], sku="mug")
    assert seen[0] == "intended"
    assert float(seen[1]) >= 0.04
    assert (found.usd, found.tries[0].usd) == (0.03, 0.03)
    assert [(line.status, line.usd, line.id, line.paid) for line in sorted(books.lines(), key=lambda one: one.at)] == [
        ("intended", 0.04, found.id, True),
        ("made", 0.03, found.id, True),
    ]
    books.budget.close()
    assert committed_usd(books.store, CAMPAIGN) == pytest.approx(0.03)


def test_what_a_failure_cost_is_spent_and_the_next_engine_is_asked(books: Books) -> None:
    paid = Painter("cloud", failing("timed_out", "no picture", usd=0.04), price=0.04)
    (found,) = books.route(paid, StudioEngine()).compose([job()], sku="mug")
    assert steps(found) == [("cloud", "failed", "timed_out"), ("studio", "made", "")]
    assert found.usd == 0.04
    assert books.budget.spent_usd == 0.04
    assert {line.status for line in books.lines() if line.paid} == {"intended", "failed"}


@pytest.mark.parametrize("usd", [float("nan"), -1.0, float("inf")])
def test_what_is_no_amount_counts_as_the_price(books: Books, usd: float) -> None:
    (found,) = books.route(Painter("cloud", lambda one: blank(one, usd), price=0.04)).compose([job()], sku="mug")
    assert found.usd == books.budget.spent_usd == 0.04


def test_an_unexpected_error_of_a_paid_engine_may_have_cost_its_price_and_tells_no_secret(books: Books) -> None:
    secret = "hunter" + "2"  # a traceback quotes the source line

    def work(job: SceneJob) -> Candidate:
        raise RuntimeError(f"https://api.example.com/?token={secret}")

    (found,) = books.route(Painter("cloud", work, price=0.04)).compose([job()], sku="mug")
    assert steps(found) == [("cloud", "failed", "maybe_paid")]
    assert books.budget.spent_usd == 0.04
    assert found.rejection is not None
    assert secret not in f"{found}{books.lines()}"
    assert "RuntimeError" in found.rejection.details


def test_an_engine_that_cannot_even_name_its_request_costs_nothing(books: Books) -> None:
    class Nameless(Painter):
        def key(self, job: SceneJob) -> str:
            raise EngineError("bad_job", "there is nothing to order", healthy=True)

    engine = Nameless("cloud", price=0.04)
    (found,) = books.route(engine, Painter("studio")).compose([job()], sku="mug")
    assert steps(found) == [("cloud", "failed", "bad_job"), ("studio", "made", "")]
    assert (engine.asked, books.budget.spent_usd, books.budget.held_usd) == ([], 0.0, 0.0)


def test_when_the_budget_is_used_up_the_next_engine_is_asked(store: LocalStore) -> None:
    books = Books(store, limit=0.10)
    paid = Painter("cloud", lambda one: blank(one, 0.04), price=0.04)
    found = books.route(paid, StudioEngine()).compose([job(number) for number in range(4)], sku="mug")
    assert [one.engine.name for one in found if one.engine] == ["cloud", "cloud", "studio", "studio"]
    assert steps(found[2])[0] == ("cloud", "skipped", "budget")
    assert found[2].tries[0].reason == "budget: 0.04 USD more would pass 0.10, 0.08 are spent or reserved"


def test_without_a_budget_nothing_is_spent(books: Books) -> None:
    paid = Painter("cloud", price=0.04)
    (found,) = books.route(paid, budget=None).compose([job()], sku="mug")
    assert (paid.asked, steps(found)) == ([], [("cloud", "skipped", "budget")])


def test_while_the_ledger_cannot_be_written_nothing_is_spent(tmp_path: Path) -> None:
    class Full(LocalStore):
        def write(self, key: str, *rest: Any, **more: Any) -> None:
            if key.startswith("ledger/entries"):
                raise StoreError("disk_full", "The disk is full.")
            super().write(key, *rest, **more)

    books = Books(Full(tmp_path))
    paid = Painter("cloud", price=0.04)
    (found,) = books.route(paid, Painter("studio")).compose([job()], sku="mug")
    assert paid.asked == []
    assert steps(found) == [("cloud", "skipped", "ledger"), ("studio", "made", "")]
    assert books.budget.held_usd == books.budget.spent_usd == 0


def test_with_a_damaged_tally_nothing_is_spent_and_pictures_are_made_all_the_same(books: Books) -> None:
    books.store.write(f"ledger/budgets/{CAMPAIGN}/old/tally.json", b"?")
    paid = Painter("cloud", price=0.04)
    (found,) = books.route(paid, Painter("studio")).compose([job()], sku="mug")
    assert paid.asked == []
    assert "tally.json" in found.tries[0].reason
    assert found.candidate is not None


def test_a_budget_refusal_leaves_the_probe_to_the_next(store: LocalStore) -> None:
    now = [0.0]
    breakers = Breakers(1, 60.0, lambda: now[0])
    broken = Painter("cloud", failing(), price=0.04)
    books = Books(store)
    books.route(broken, breakers=breakers).compose([job()], sku="mug")
    now[0] = 60.0
    poor = books.route(broken, breakers=breakers, budget=Budget(store, CAMPAIGN, 0.01, "run"))
    assert steps(poor.compose([job()], sku="mug")[0]) == [("cloud", "skipped", "budget")]
    rich = books.route(Painter("cloud", price=0.04), breakers=breakers)
    assert rich.compose([job()], sku="mug")[0].candidate is not None
    assert breakers.of("cloud").state == "closed"


@pytest.mark.parametrize(("waiting", "first"), [(5, "flux"), (6, "cloud")])
def test_where_our_own_engine_has_too_much_to_do_the_paid_ones_go_first(books: Books, waiting: int, first: str) -> None:
    flux, paid = Painter("flux", waiting=waiting), Painter("cloud", price=0.04)
    (found,) = books.route(flux, paid, StudioEngine(), overflow=5).compose([job()], sku="mug")
    assert found.engine is not None
    assert found.engine.name == first
    if first == "cloud":
        assert found.tries[0].reason == "6 pictures wait for it, more than 5: others go first"


def test_an_overflow_that_the_budget_stops_waits_for_our_own_engine(books: Books) -> None:
    flux, paid = Painter("flux", waiting=9), Painter("cloud", price=5.0)
    (found,) = books.route(flux, paid, overflow=5).compose([job()], sku="mug")
    assert steps(found) == [("flux", "skipped", "overflow"), ("cloud", "skipped", "budget"), ("flux", "made", "")]


@pytest.mark.parametrize("names", [[], ["flux", "flux"]])
def test_routes_that_cannot_be_followed_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="each once expected"):
        Route([Painter(name) for name in names], campaign="winter", breakers=Breakers())


def test_hostile_words_of_engines_are_cleaned(books: Books, caplog: pytest.LogCaptureFixture) -> None:
    flux = Painter("flux", failing("refused", "bad\x1b[31m\u202e\n" + "x" * 5000))
    with caplog.at_level(logging.WARNING, "catalog.router"):
        (found,) = books.route(flux).compose([job()], sku="mug")
    said = found.tries[0].reason
    assert len(said) <= 200
    assert said.isprintable()
    assert "flux: bad" in caplog.text


# ---- faults, with a provider that counts


@pytest.fixture
def provider() -> Iterator[FaultyProvider]:
    with serving(FaultyProvider()) as found:
        yield found


def test_500_skus_and_a_provider_that_is_down_for_the_middle_third(store: LocalStore, provider: FaultyProvider) -> None:
    skus = [f"sku-{number:03d}" for number in range(500)]
    shop = Shop(store, Buyer(provider), round(0.55 * PRICE * len(skus), 2))
    shop.run(skus, 8, outage(provider, len(skus)))
    found = result_of(shop, skus, provider.bill)
    assert found.missed == []
    assert found.made_by["studio"] > len(skus) // 3 - 20
    assert found.made_by["cloud"] > len(skus) // 3
    assert found.unknown_usd > 0  # it hangs up now and then
    assert found.passed_over["breaker"] > 100
    assert found.passed_over["budget"] > 0
    assert found.bill_usd > found.limit_usd - PRICE
    assert provider.bill.turned_away < 40  # the breaker kept the others away


class Killed(BaseException):
    """Ends a thread the way a killed process would end: nothing catches it."""


def test_a_run_that_dies_and_its_successor_pay_for_nothing_twice(store: LocalStore) -> None:
    skus = [f"sku-{number:02d}" for number in range(16)]
    limit = 5.0
    with serving(FaultyProvider(patience=1)) as provider:

        def dying(seconds: float) -> None:
            """The engine sleeps while its order is under way."""
            if provider.bill.orders.total() >= 6:
                raise Killed
            time.sleep(seconds)

        cloud = cloud_engine(store, provider, dying)
        with pytest.raises(Killed):
            Shop(store, cloud, limit).run(skus, 4)
        ordered = provider.bill.orders.total()
        assert 6 <= ordered < len(skus)
        dead = committed_usd(store, CAMPAIGN)
        (account,) = cost_report(read_ledger(store), {CAMPAIGN: BudgetState(limit, dead)}).accounts
        assert account.unknown >= PRICE
        assert provider.bill.usd <= min(account.spent + account.unknown, dead) + 1e-9

        second = Shop(store, cloud_engine(store, provider), limit)
        second.run(skus, 4)
        found = result_of(second, skus, provider.bill)
        assert (found.lost, found.paid_twice, found.made_by) == (0, 0, {"cloud": len(second.routed)})
        assert provider.bill.orders.total() == len(skus)
        assert found.spent_usd <= found.bill_usd + 1e-9 <= found.spent_usd + found.unknown_usd + 2e-9
        assert found.bill_usd <= found.committed_usd <= limit


def test_two_runs_at_once_over_one_store_stay_within_one_budget(store: LocalStore, provider: FaultyProvider) -> None:
    limit = 20 * PRICE
    shops = [Shop(store, Buyer(provider), limit) for _ in range(3)]
    skus = [[f"shop{number}-{one}" for one in range(12)] for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(shop.run, some, 4) for shop, some in zip(shops, skus, strict=True)]:
            done.result()
    assert provider.bill.usd <= limit + 1e-9
    assert provider.bill.orders.total() >= 15
    assert all(one.candidate is not None for shop in shops for one in shop.routed.values())
