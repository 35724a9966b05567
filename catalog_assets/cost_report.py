"""What pictures cost: by campaign, engine and stage, with the share that was wasted; and each campaign's account.

An *attempt* is one call of an engine for one picture, or one stage's work for one SKU. What became of it:

    scenes         accepted: the picture became a final. wasted: it failed, or was judged and did not become one.
                   open: made, but not judged yet. unknown: begun, paid calls only, and nobody knows how it ended.
    other stages   accepted: it went on. wasted: it was rejected. open: it waits for a person.

A call that somebody charges for is put on record before it begins, with the most it may cost. Where no outcome follows
(the run was killed), it counts as unknown, with that amount, until a later line on the same request says what it cost.
The same holds for a failure of which the engine cannot tell whether it was charged (code `maybe_paid`).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from catalog_assets.campaign_files import Campaign, Campaigns
from catalog_assets.overview import aligned, palette_png
from resources.budget import campaigns_with_tallies, committed_usd
from resources.ledger import PRODUCT_CAMPAIGN, Damaged, LedgerEntry, read_ledger
from resources.marketplaces.manifests import clean_cell
from resources.names import display
from resources.scenes.router import MAYBE_PAID
from resources.scenes.router import STAGE as SCENES
from resources.store import CatalogStore, StoreError

ROWS_FILE = "reports/costs.csv"
ACCOUNTS_FILE = "reports/cost_accounts.csv"
PLOT_FILE = "reports/costs.png"
_STAGES = ("raw_photo", "mask", "cutout", SCENES, "scored_finals", "marketplace_export")
# More bars than this cannot be read; the dearest are drawn, the tables have all.
_MOST_BARS = 20
# Told apart without colour vision too, as in the overview.
_COLOURS = {"accepted": "#009e73", "open": "#e69f00", "wasted": "#b23a2e"}


@dataclass(slots=True)
class Costs:
    """Attempts, seconds of work and USD of some kind of outcome."""

    attempts: int = 0
    seconds: float = 0.0
    usd: float = 0.0

    def add(self, attempts: int, seconds: float, usd: float) -> None:
        self.attempts += attempts
        self.seconds += seconds
        self.usd += usd


@dataclass(slots=True)
class CostRow:
    """What one engine cost in one stage of a campaign. unknown_usd: what may have been spent beyond the rest."""

    campaign: str
    engine: str
    stage: str
    accepted: Costs = field(default_factory=Costs)
    wasted: Costs = field(default_factory=Costs)
    open: Costs = field(default_factory=Costs)
    unknown: int = 0
    unknown_usd: float = 0.0

    @property
    def attempts(self) -> int:
        return self.accepted.attempts + self.wasted.attempts + self.open.attempts + self.unknown

    @property
    def seconds(self) -> float:
        return self.accepted.seconds + self.wasted.seconds + self.open.seconds

    @property
    def usd(self) -> float:
        """What is known to have been spent, or what time on our own machines is worth."""
        return self.accepted.usd + self.wasted.usd + self.open.usd

    @property
    def usd_per_accepted(self) -> float | None:
        """All that was spent, for each accepted picture; None without one."""
        return self.usd / self.accepted.attempts if self.accepted.attempts else None

    @property
    def share_wasted(self) -> float:
        """0 to 1: of the USD; where nothing costs any, of the seconds."""
        whole, part = (self.usd, self.wasted.usd) if self.usd > 0 else (self.seconds, self.wasted.seconds)
        return part / whole if whole > 0 else 0.0


@dataclass(slots=True)
class Account:
    """What a campaign spent on calls, in USD of real money; time on our own machines is not in it.

    limit: its budget, None for none. unknown: what may have been spent beyond `spent`. credited: the part of `spent`
    that went into failed and wasted pictures; it is told apart and flows nowhere. reserved: what runs that go on, or
    died, have spoken for beyond that. problem: why nothing can be spent, "" if it can.
    """

    campaign: str
    limit: float | None = None
    spent: float = 0.0
    unknown: float = 0.0
    credited: float = 0.0
    committed: float = 0.0
    problem: str = ""

    @property
    def reserved(self) -> float:
        return max(0.0, self.committed - self.spent - self.unknown)

    @property
    def left(self) -> float | None:
        """What may still be spent: the limit less whatever is, or may be, spent. Credits do not refill it."""
        if self.limit is None or self.problem:
            return None if self.limit is None else 0.0
        return max(0.0, self.limit - max(self.committed, self.spent + self.unknown))


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A campaign's limit (None: none), what its runs have spoken for, and why that cannot be told ("" if it can)."""

    limit: float | None
    committed: float = 0.0
    problem: str = ""


@dataclass(frozen=True)
class CostReport:
    """The report. rows: the product line first, then by campaign, stage and engine. damaged: what could not be read."""

    rows: tuple[CostRow, ...]
    accounts: tuple[Account, ...]
    damaged: tuple[Damaged, ...] = ()

    def table(self) -> list[list[str]]:
        """The rows as cells, header first."""
        header = ["campaign", "stage", "engine", "attempts", "accepted", "wasted", "open", "unknown", "seconds"]
        return [[*header, "USD", "USD per accepted", "wasted share"], *(_cells(row) for row in self.rows)]

    def account_table(self) -> list[list[str]]:
        """The accounts as cells, header first."""
        header = ["account", "budget", "spent", "unknown", "credited", "reserved", "left"]
        return [header, *(_account_cells(account) for account in self.accounts)]

    def as_text(self) -> str:
        """Plain tables for a terminal."""
        if not self.rows and not self.accounts:
            lines = ["Nothing is in the ledger yet."]
        else:
            lines = aligned(self.table(), left=3)
        if self.accounts:
            lines += ["", *aligned(self.account_table())]
        lines += [f"{account.campaign}: {display(account.problem)}" for account in self.accounts if account.problem]
        lines += [f"left out: {display(one.key)}: {display(one.message)}" for one in self.damaged]
        return "\n".join(lines)


def _cells(row: CostRow) -> list[str]:
    each = row.usd_per_accepted
    counts = (row.attempts, row.accepted.attempts, row.wasted.attempts, row.open.attempts, row.unknown)
    return [
        display(row.campaign),
        display(row.stage),
        display(row.engine),
        *map(str, counts),
        f"{row.seconds:.1f}",
        f"{row.usd:.4f}",
        "" if each is None else f"{each:.4f}",
        f"{100 * row.share_wasted:.0f} %",
    ]


def _account_cells(account: Account) -> list[str]:
    limit = "none" if account.limit is None else f"{account.limit:.2f}"
    amounts = (account.spent, account.unknown, account.credited, account.reserved)
    left = "" if account.left is None else f"{account.left:.2f}"
    return [display(account.campaign), limit, *(f"{amount:.2f}" for amount in amounts), left]


# ---- from lines to sums


@dataclass(slots=True)
class _Call:
    """All lines on one request that somebody charges for. begun: run, time and bound; ended: lines by run."""

    row: CostRow
    made: Costs = field(default_factory=Costs)
    failed: Costs = field(default_factory=Costs)
    maybe: Costs = field(default_factory=Costs)
    begun: list[tuple[str, str, float]] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    last_payment: str = ""

    def add(self, entry: LedgerEntry) -> None:
        if entry.status == "intended":
            self.begun.append((entry.run, entry.at, entry.usd))
            return
        self.ended[entry.run] += 1
        if entry.usd > 0:
            self.last_payment = max(self.last_payment, entry.at)
        unsure = entry.status == "failed" and entry.code == MAYBE_PAID
        kind = self.made if entry.status == "made" else self.maybe if unsure else self.failed
        kind.add(1, entry.seconds, entry.usd)

    def without_outcome(self) -> list[float]:
        """The bounds of calls that were begun, of which no line says how they ended or what the request cost then."""
        ended = Counter(self.ended)
        bounds = []
        for run, at, usd in sorted(self.begun, key=lambda one: one[1]):
            if ended[run] > 0:
                ended[run] -= 1
            elif self.last_payment <= at:
                bounds.append(usd)
        return bounds


def cost_report(
    entries: Iterable[LedgerEntry], budgets: Mapping[str, BudgetState], damaged: Iterable[Damaged] = ()
) -> CostReport:
    """Sum up a ledger's lines, whatever their order. budgets: by campaign; one without lines has an account, too.

    What counts as what stands at the head of this module. Memory grows with the scenes on record, not with the rest.
    """
    rows: dict[tuple[str, str, str], CostRow] = {}
    calls: dict[str, _Call] = {}
    scenes: dict[str, tuple[CostRow, float, float]] = {}
    verdicts: dict[str, tuple[str, str]] = {}
    for entry in entries:
        if entry.status in ("accepted", "wasted"):
            verdicts[entry.id] = max(verdicts.get(entry.id, ("", "")), (entry.at, entry.status))
            continue
        place = (entry.campaign, entry.stage, entry.engine)
        row = rows.setdefault(place, CostRow(entry.campaign, entry.engine, entry.stage))
        if entry.paid:
            calls.setdefault(entry.id, _Call(row)).add(entry)
        elif entry.status == "failed":
            row.wasted.add(1, entry.seconds, entry.usd)
        elif entry.stage == SCENES:
            scenes[entry.id] = (row, entry.seconds, entry.usd)
        else:
            (row.open if entry.code else row.accepted).add(1, entry.seconds, entry.usd)
    for name, (row, seconds, usd) in scenes.items():
        _kind(row, verdicts.get(name)).add(1, seconds, usd)
    accounts = {
        name: Account(name, state.limit, committed=state.committed, problem=state.problem)
        for name, state in budgets.items()
    }
    for name, call in calls.items():
        account = accounts.setdefault(call.row.campaign, Account(call.row.campaign))
        _settle(call, verdicts.get(name), account)
    ordered = sorted(rows.values(), key=_order)
    return CostReport(tuple(ordered), tuple(accounts[name] for name in sorted(accounts)), tuple(damaged))


def _kind(row: CostRow, verdict: tuple[str, str] | None) -> Costs:
    """Where a picture that was made belongs."""
    if verdict is None:
        return row.open
    return row.accepted if verdict[1] == "accepted" else row.wasted


def _settle(call: _Call, verdict: tuple[str, str] | None, account: Account) -> None:
    """Enter a request into its row and its campaign's account.

    It is paid for once: where the picture came in the end, what an earlier attempt at it was charged is its price.
    """
    row, spent = call.row, call.made.usd + call.failed.usd
    unknown = call.without_outcome()
    unknown_usd = sum(unknown) + call.maybe.usd
    row.unknown += len(unknown) + call.maybe.attempts
    row.unknown_usd += unknown_usd
    row.wasted.add(call.failed.attempts, call.failed.seconds + call.maybe.seconds, 0.0)
    kind = _kind(row, verdict) if call.made.attempts else row.wasted
    kind.add(min(1, call.made.attempts), call.made.seconds, spent)
    account.spent += spent
    account.unknown += unknown_usd
    account.credited += spent if kind is row.wasted else 0.0


def _order(row: CostRow) -> tuple[bool, str, int, str, str]:
    """The product line first; then by campaign, in the order of the stages."""
    place = _STAGES.index(row.stage) if row.stage in _STAGES else len(_STAGES)
    return (row.campaign != PRODUCT_CAMPAIGN, row.campaign, place, row.stage, row.engine)


# ---- the catalog's


def costs(store: CatalogStore, campaigns: Campaigns) -> CostReport:
    """The report over a catalog's whole ledger and all budgets. Raises StoreError where the store itself fails."""
    damaged: list[Damaged] = []
    budgets = {name: _budget(store, name, campaigns) for name in _with_budgets(store, campaigns)}
    report = cost_report(read_ledger(store, damaged), budgets)
    return replace(report, damaged=tuple(damaged))


def _with_budgets(store: CatalogStore, campaigns: Campaigns) -> list[str]:
    """The campaigns that have a budget, or ever had one."""
    limited = {name for name, campaign in campaigns.active.items() if _limit(campaign) is not None}
    return sorted(limited | set(campaigns_with_tallies(store)))


def _limit(campaign: Campaign | None) -> float | None:
    return campaign.routing.budget_usd if campaign is not None and campaign.routing is not None else None


def _budget(store: CatalogStore, name: str, campaigns: Campaigns) -> BudgetState:
    limit = _limit(campaigns.active.get(name))
    try:
        return BudgetState(limit, committed_usd(store, name))
    except StoreError as error:
        if error.retryable:
            raise
        return BudgetState(limit, problem=str(error))


def write_costs(store: CatalogStore, report: CostReport) -> None:
    """Write the tables as CSV and the plot as PNG, under `reports/`. Raises StoreError."""
    for key, table in ((ROWS_FILE, report.table()), (ACCOUNTS_FILE, report.account_table())):
        store.write(key, _csv(table), content_type="text/csv; charset=utf-8")
    store.write(PLOT_FILE, plot(report), content_type="image/png")


def _csv(table: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([[clean_cell(cell) for cell in row] for row in table])
    return text.getvalue().encode()


def plot(report: CostReport) -> bytes:
    """Two bar charts as a PNG of at most 40 KB: what each row cost by outcome, and the cost of an accepted picture.

    In USD; in seconds where nothing costs any. The 20 dearest rows that cost something, in the order of the table.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    unit = "usd" if any(row.usd > 0 for row in report.rows) else "seconds"
    costly = [row for row in report.rows if getattr(row, unit) > 0]
    dearest = sorted(costly, key=lambda row: -getattr(row, unit))[:_MOST_BARS]
    rows = [row for row in costly if any(row is one for one in dearest)]
    names = [_bar_name(row) for row in rows]
    # Figure and canvas alone: pyplot keeps global state and is not safe in threads.
    figure = Figure(figsize=(9.2, 1.6 + 0.34 * len(rows)), dpi=80, layout="constrained", facecolor="white")
    canvas = FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    places = range(len(rows))
    start = [0.0] * len(rows)
    for kind, colour in _COLOURS.items():
        values = [getattr(getattr(row, kind), unit) for row in rows]
        if any(values):
            left.barh(places, values, left=start, color=colour, label=kind, height=0.66)
            start = [a + b for a, b in zip(start, values, strict=True)]
    left.set_yticks(places, names, parse_math=False)
    said = "USD" if unit == "usd" else "Seconds of work"
    left.set_title(f"{said} by outcome", loc="left", fontsize=10)
    if left.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower left", ncols=len(_COLOURS), fontsize=8, frameon=False)
    each = [getattr(row, unit) / row.accepted.attempts if row.accepted.attempts else 0.0 for row in rows]
    bars = right.barh(places, each, color="#4a6a8a", height=0.66)
    right.bar_label(bars, labels=[f"{value:.3g}" if value else "" for value in each], padding=3, fontsize=8)
    right.margins(x=0.2)
    right.set_title(f"{said} per accepted picture", loc="left", fontsize=10)
    for axes in (left, right):
        axes.tick_params(labelsize=8.5, length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(nbins=4)
        axes.grid(axis="x", color="#e4e6e8", linewidth=0.7)
        axes.set_axisbelow(True)
    left.invert_yaxis()
    canvas.draw()
    return palette_png(canvas)


def _bar_name(row: CostRow) -> str:
    """A row's name beside its bar; names are ours, but ledgers can be edited, so letters beyond ASCII are not drawn."""
    engine = f", {row.engine}" if row.engine else ""
    text = f"{row.campaign}: {row.stage}{engine}".replace("_", " ")
    return text.encode("ascii", "replace").decode()[:60]
