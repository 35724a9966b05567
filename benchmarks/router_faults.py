"""The router under faults: 500 SKUs, eight threads, and a provider that is down for the middle third.

    python -m benchmarks.router_faults [--skus 500] [--threads 8] [--root DIR]

Everything is real but the provider: a server on this machine that speaks fal's queue, charges for every order that it
accepts, and counts. In the middle third it answers nothing but 503; now and then it takes an order and hangs up, so
that nobody can tell whether it did. Scenes are small, so that it takes a minute. What must hold:

    every SKU gets a picture; no picture is paid for twice; the provider's bill stays within the budget, and is what
    the ledger says; the breaker opens and closes again; each step of each SKU has its reason.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from catalog_assets.cost_report import BudgetState, cost_report
from resources.budget import Budget, committed_usd
from resources.ledger import Ledger, read_ledger
from resources.scenes.breaker import Breakers, Change
from resources.scenes.cloud.engine import CloudEngine
from resources.scenes.cloud.journal import Journal
from resources.scenes.cloud.providers import Provider
from resources.scenes.cloud.wire import Secret, Times
from resources.scenes.engine import SceneEngine, SceneJob, scene_seed
from resources.scenes.router import Route, Routed
from resources.scenes.studio import StudioEngine
from resources.scenes.templates import load_templates
from resources.store import CatalogStore, LocalStore

PRICE = 0.05
SIDE = 320
CAMPAIGN = "winter"
TEMPLATE = load_templates()["grey-sweep"]
CUTOUT = np.zeros((48, 40, 4), np.uint8)
CUTOUT[4:44, 6:34] = (180, 60, 40, 255)
KEY = "not-a-real-key"
COOLDOWN = 6.0  # of the breaker, in SKUs: its clock counts them, so that no figure depends on the machine
_BREAKS_OFF = 25  # every so many orders the provider takes one and hangs up
_ENTRY = {
    "title": "a provider on this machine",
    "kind": "fal",
    "model": "house/scenes",
    "secret": "ROUTER_FAULTS_KEY",
    "price_usd": PRICE,
    "price": {"says": "made up", "source": ["https://example.com/"], "checked": "2026-11-21", "confirmed": False},
    "terms": {
        "says": "made up",
        "source": ["https://example.com/"],
        "checked": "2026-11-21",
        "confirmed": False,
        "commercial": "yes",
    },
    "side": 256,
    "fields": {"image": "image_url", "mask": "mask_url"},
    "timeout_s": 2,
    "call_s": 10,
    "poll_s": 0.01,
    "at_once": 16,
}


@dataclass
class Bill:
    """What the provider says: orders by what was asked for, and requests that it turned away."""

    orders: Counter[str] = field(default_factory=Counter)
    turned_away: int = 0

    @property
    def usd(self) -> float:
        return round(PRICE * self.orders.total(), 6)

    @property
    def paid_twice(self) -> int:
        return sum(count - 1 for count in self.orders.values())


class FaultyProvider:
    """Speaks fal's queue on a free port of this machine. down: answers 503 to everything. patience: polls of an order
    before it is done."""

    def __init__(self, patience: int = 0) -> None:
        self.down = False
        self.patience = patience
        self.bill = Bill()
        self.address = ""
        self._lock = threading.Lock()
        self._orders: dict[str, dict[str, Any]] = {}
        self._polls: Counter[str] = Counter()

    def entry(self) -> Provider:
        """The provider as catalogs name one."""
        where = {"name": "cloud", "base_url": self.address, "listing_url": f"{self.address}/list"}
        return Provider.model_validate_json(json.dumps({**_ENTRY, **where}))

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Status and content of an answer; status 0: hang up without one."""
        with self._lock:
            if self.down:
                self.bill.turned_away += 1
                return 503, {"detail": "down for a while"}
            if method == "POST":
                return self._order(json.loads(body))
            if path.startswith("/list"):
                items = [
                    {"request_id": number, "json_input": {"prompt": order["prompt"], "seed": order["seed"]}}
                    for number, order in list(self._orders.items())[-100:]
                ]
                return 200, {"items": items[::-1], "has_more": False}
            number, _, what = path.removeprefix("/house/scenes/requests/").partition("/")
            if number not in self._orders:
                return 404, {"detail": "no such request"}
            if what == "status":
                self._polls[number] += 1
                return 200, {"status": "IN_PROGRESS" if self._polls[number] <= self.patience else "COMPLETED"}
            return 200, {"images": [{"url": self._orders[number]["image_url"]}]}

    def _order(self, order: dict[str, Any]) -> tuple[int, Any]:
        """Take an order, and charge for it. The picture that comes is the one that was sent."""
        name = hashlib.sha256(f"{order['prompt']} {order['seed']} {order['image_url']}".encode()).hexdigest()[:32]
        self.bill.orders[name] += 1
        total = self.bill.orders.total()
        number = f"{name}-{total}"
        self._orders[number] = order
        return (0 if total % _BREAKS_OFF == 0 else 200), {"request_id": number}


@contextmanager
def serving(provider: FaultyProvider) -> Iterator[FaultyProvider]:
    """The provider on a free local port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = provider.answer(self.command, self.path, body)
            if status == 0:
                self.close_connection = True
                return
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def cloud_engine(
    store: CatalogStore, provider: FaultyProvider, sleep: Callable[[float], None] = time.sleep
) -> CloudEngine:
    """The cloud engine, with this provider behind it. It waits a hundredth of the time that it would wait for others.

    sleep: what it waits with.
    """
    times = Times(sleep=lambda seconds: sleep(seconds / 100))
    return CloudEngine(provider.entry(), Journal(store), secret=Secret("ROUTER_FAULTS_KEY", KEY), times=times)


@dataclass
class Shop:
    """A run over some SKUs: what the line does around a route, with the parts that the line has.

    A SKU that has its picture in the store is up to date. cloud: the engine that is paid.
    """

    store: CatalogStore
    cloud: SceneEngine
    limit_usd: float
    begun: int = 0
    routed: dict[str, Routed] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._dead = False
        self.breakers = Breakers(cooldown_s=COOLDOWN, clock=lambda: float(self.begun))
        self.ledger = Ledger(self.store, "run")
        self.budget = Budget(self.store, CAMPAIGN, self.limit_usd, "run")
        self.route = Route(
            (self.cloud, StudioEngine()),
            campaign=CAMPAIGN,
            breakers=self.breakers,
            budget=self.budget,
            ledger=self.ledger,
        )

    def run(self, skus: Sequence[str], threads: int, before: Callable[[int], None] = lambda number: None) -> None:
        """All SKUs that have no picture yet; before: told the number of each as it begins.

        What ends one thread ends the run, as if the process had died: nothing is closed, and it is raised.
        """
        started = time.perf_counter()
        try:
            with ThreadPoolExecutor(threads) as pool:
                for done in [pool.submit(self._sku, sku, before) for sku in skus]:
                    done.result()
        finally:
            self.seconds = time.perf_counter() - started
        self.budget.close()
        self.ledger.close()

    def _sku(self, sku: str, before: Callable[[int], None]) -> None:
        with self._lock:
            before(self.begun)
            self.begun += 1
        if self._dead or self.store.exists(f"pictures/{sku}.json"):
            return
        job = SceneJob(CUTOUT, TEMPLATE, scene_seed(sku), (SIDE, SIDE), pose="flat", name=f"{sku}/c1")
        try:
            (found,) = self.route.compose([job], sku=sku)
        except BaseException:
            self._dead = True
            raise
        self.routed[sku] = found
        if found.candidate is not None:
            self.store.write_json(f"pictures/{sku}.json", {"attempt": found.id})
        self.ledger.flush(sku)


@dataclass(frozen=True)
class Result:
    """What came of a run, and of the bill."""

    skus: int
    made_by: Counter[str]
    lost: int
    paid_twice: int
    bill_usd: float
    limit_usd: float
    spent_usd: float
    unknown_usd: float
    committed_usd: float
    turned_away: int
    passed_over: Counter[str]
    failed: Counter[str]
    without_reason: int
    changes: tuple[Change, ...]
    seconds: float

    @property
    def missed(self) -> list[str]:
        """The goals that were not met."""
        states = [change.state for change in self.changes]
        goals = {
            "no SKU is lost": self.lost == 0,
            "no picture is paid for twice": self.paid_twice == 0,
            "the bill stays within the budget": self.bill_usd <= self.limit_usd + 1e-9,
            "the ledger covers the bill": self.spent_usd <= self.bill_usd + 1e-9
            and self.bill_usd <= self.spent_usd + self.unknown_usd + 1e-9,
            "the budget's tallies cover the bill": self.bill_usd <= self.committed_usd + 1e-9,
            "the breaker opens": "open" in states,
            "the breaker closes again": bool(states) and states[-1] == "closed",
            "every step has its reason": self.without_reason == 0,
        }
        return [goal for goal, met in goals.items() if not met]


def result_of(shop: Shop, skus: Sequence[str], bill: Bill) -> Result:
    """What a run gave, beside what the provider and the books say of all runs."""
    steps = [one for routed in shop.routed.values() for one in routed.tries]
    committed = committed_usd(shop.store, CAMPAIGN)
    report = cost_report(read_ledger(shop.store), {CAMPAIGN: BudgetState(shop.limit_usd, committed)})
    (account,) = report.accounts
    return Result(
        skus=len(skus),
        made_by=Counter(one.engine for one in steps if one.status == "made"),
        lost=sum(1 for sku in skus if not shop.store.exists(f"pictures/{sku}.json")),
        paid_twice=bill.paid_twice,
        bill_usd=bill.usd,
        limit_usd=shop.limit_usd,
        spent_usd=round(account.spent, 6),
        unknown_usd=round(account.unknown, 6),
        committed_usd=committed,
        turned_away=bill.turned_away,
        passed_over=Counter(one.code for one in steps if one.status == "skipped"),
        failed=Counter(one.code for one in steps if one.status == "failed"),
        without_reason=sum(1 for one in steps if one.status != "made" and not (one.code and one.reason)),
        changes=tuple(shop.breakers.changes),
        seconds=shop.seconds,
    )


def outage(provider: FaultyProvider, skus: int) -> Callable[[int], None]:
    """Takes the provider down for the middle third of so many SKUs."""

    def before(number: int) -> None:
        provider.down = skus // 3 <= number < 2 * skus // 3

    return before


def measure(store: CatalogStore, count: int, threads: int) -> Result:
    """The run that the head of this module describes. The budget is used up a little before the end."""
    skus = [f"sku-{number:04d}" for number in range(count)]
    limit = round(0.55 * PRICE * count, 2)
    with serving(FaultyProvider()) as provider:
        cloud = cloud_engine(store, provider)
        shop = Shop(store, cloud, limit)
        shop.run(skus, threads, outage(provider, count))
        cloud.close()
        return result_of(shop, skus, provider.bill)


def main() -> int:
    """Measure and tell; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skus", type=int, default=500)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--root", help="a folder for the store, to look at afterwards; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(LocalStore(options.root or folder), options.skus, options.threads)
    print(f"{result.skus} SKUs, {options.threads} threads, {result.seconds:.1f} s")
    print(f"made by: {_told(result.made_by)}; lost: {result.lost}")
    print(f"passed over: {_told(result.passed_over)}; failed: {_told(result.failed)}")
    print(f"the provider's bill: {result.bill_usd:.2f} USD of {result.limit_usd:.2f}, paid twice: {result.paid_twice}")
    print(
        f"ledger: {result.spent_usd:.2f} spent, {result.unknown_usd:.2f} unknown; tallies: {result.committed_usd:.2f}"
    )
    for change in result.changes:
        print(f"SKU {change.at:.0f}: {change.engine} {change.state.replace('_', ' ')}: {change.reason}")
    for goal in result.missed:
        print(f"MISSED: {goal}")
    return 1 if result.missed else 0


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


if __name__ == "__main__":
    raise SystemExit(main())
