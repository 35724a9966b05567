"""A whole catalog through a real deployment: webserver, daemon, code server and database, as a back-fill from the UI.

    python -m benchmarks.scale --skus 1000                         1,000 SKUs at 1 Mpx, SQLite
    python -m benchmarks.scale --skus 1000 --refused 0.03          the same with 3 of 100 photos refused
    python -m benchmarks.scale --skus 1000 --apart                 a back-fill of the products, then one of the campaign
    python -m benchmarks.scale --skus 10000 --plain                10,000 SKUs of 256 px that cost next to nothing
    python -m benchmarks.scale --skus 10000 --plain --database postgres --changed 0.01
    python -m benchmarks.scale --skus 120 --phases new --threads 1 --batch 20 --runs 2     one worker more than --runs 1
    python -m benchmarks.scale --stages 16                         CPU seconds of a SKU by stage, one thread, no Dagster

First everything is new, then nothing changed, then nothing again by `catalog refresh`, once with reports to make and
once without, then --changed of the photos in a back-fill, and as many others by `catalog refresh`.
Prints what each took: SKUs an hour, CPU seconds a SKU by process and by stage, runs, events, the size of the database,
peak memory, and how long the UI's own questions take. Postgres is started for the occasion: `initdb` and `postgres`
must be on the PATH. Nothing here is asserted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import dagster as dg
import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from benchmarks.process_watch import Usage, watched
from benchmarks.shops import plain_shop, realistic_shop, replace_photos, sorted_shop
from catalog_assets.campaign_files import load_campaigns
from catalog_assets.campaigns import campaign_line
from catalog_assets.context import RunContext
from catalog_assets.line import attempt
from catalog_assets.partitions import register
from catalog_assets.product import product_line
from catalog_assets.settings import load_settings
from resources.engines import Engines
from resources.marketplaces.rule_files import load_rules
from resources.quality.printed_text import read_lines
from resources.store import open_store
from tests.daemon import Daemon, dagster_dev

PROJECT = Path(__file__).parent.parent
SETTINGS = {
    "sqlite": PROJECT / "catalog_assets" / "dagster.yaml",
    "postgres": PROJECT / "deploy" / "dagster.postgres.yaml",
}
PRODUCT = ("raw_photo", "mask", "cutout")
CAMPAIGN = ("scene_variants", "scored_finals", "marketplace_export")
# As in the goal: four candidates over two scenes. Scenes of about the photos' size.
REALISTIC = "candidates: 2\nscene_size: 1000\narchives: none\n"
PLAIN = "candidates: 1\nscene_size: 500\narchives: none\n"
# As little work as a campaign can be.
LEAST = """
name: least
title: Least
scenes: [{template: grey-sweep}]
marketplaces: [shopify]
"""
MB = 1e6
console = Console(width=120)


@dataclass(frozen=True)
class Shop:
    """A catalog on disk, the campaign that its back-fills run, and what is asked of its pictures.

    batch: SKUs of the product line a run; 0: as shipped. apart: a back-fill for each line,
    one after the other.
    """

    folder: Path
    skus: tuple[str, ...]
    plain: bool
    megapixels: float
    batch: int
    apart: bool

    @property
    def root(self) -> Path:
        return self.folder / "catalog"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def assets(self) -> list[list[str]]:
        campaign = "least" if self.plain else "evergreen"
        return [*([name] for name in PRODUCT), *([campaign, name] for name in CAMPAIGN)]

    @property
    def backfills(self) -> list[list[list[str]]]:
        """The assets of each back-fill that everything takes."""
        lines = [self.assets[: len(PRODUCT)], self.assets[len(PRODUCT) :]]
        return lines if self.apart else [self.assets]

    @property
    def variables(self) -> dict[str, str]:
        """What Dagster's processes must know of it."""
        batches = {"CATALOG_PRODUCT_BATCH": str(self.batch), "CATALOG_CAMPAIGN_BATCH": str(self.batch - 1)}
        folders = {"CATALOG_ROOT": str(self.root), "CATALOG_CAMPAIGNS": str(self.folder / "campaigns")}
        return folders | batches if self.batch else folders

    @property
    def campaign(self) -> str:
        return self.assets[-1][0]

    def change(self, share: float, before: int) -> None:
        """Other photos for some SKUs, spread over the whole catalog. before: how often that was done already."""
        replace_photos(self.root, self.skus, share, plain=self.plain, megapixels=self.megapixels, before=before)


def open_shop(
    folder: Path,
    count: int,
    *,
    plain: bool,
    megapixels: float,
    refused: float | None = None,
    threads: int = 2,
    batch: int = 0,
    apart: bool = False,
) -> Shop:
    """Make a catalog in a folder. refused: share of photos that go to review; None: as it comes. threads: of a run."""
    root = folder / "catalog"
    if plain:
        skus = plain_shop(root, count)
    elif refused is None:
        skus = realistic_shop(root, count, megapixels)
    else:
        skus = sorted_shop(root, count, refused, megapixels)
    (root / "catalog.yaml").write_text((PLAIN if plain else REALISTIC) + f"threads: {threads}\n")
    (folder / "campaigns").mkdir()
    (folder / "campaigns" / "least.yaml").write_text(LEAST)
    return Shop(folder, tuple(skus), plain, megapixels, batch, apart)


@dataclass
class Phase:
    """One back-fill or refresh and what it took; runs and events are its own.

    counts: SKUs made and failed at the last asset.
    """

    name: str
    status: str = ""
    wall: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    runs: int = 0
    events: Counter[str] = field(default_factory=Counter)
    database_mb: float = 0.0
    questions: dict[str, float] = field(default_factory=dict)


# ---- the database


class SqliteFiles:
    """Dagster's state in files below its home."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def events(self) -> Counter[str]:
        """Stored events by type. Each run has a file; `index.db` holds those of assets a second time."""
        found: Counter[str] = Counter()
        for file in (self._home / "history" / "runs").glob("*.db"):
            name = "index" if file.stem == "index" else ""
            for kind, count in _grouped(file):
                found[f"{name} {kind}".strip()] += count
        return found

    def megabytes(self) -> float:
        """Size of all files of the databases."""
        return sum(path.stat().st_size for path in self._home.rglob("*.db*")) / MB


def _grouped(file: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return connection.execute(_GROUPED).fetchall()


_GROUPED = "select coalesce(dagster_event_type, 'log'), count(*) from event_logs group by 1"


class PostgresServer:
    """Dagster's state in a Postgres database."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "DB"}
        self._address = {key: variables[f"DAGSTER_PG_{name}"] for key, name in names.items()}

    def events(self) -> Counter[str]:
        """Stored events by type."""
        return Counter(dict(self._rows(_GROUPED)))

    def megabytes(self) -> float:
        """Size of the database on disk."""
        return float(self._rows("select pg_database_size(current_database())")[0][0]) / MB

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        import psycopg2

        with closing(psycopg2.connect(**self._address)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


@dataclass(frozen=True)
class Deployment:
    """Dagster with its database over a shop: how to ask it, how to look into the database, and its processes."""

    daemon: Daemon
    database: SqliteFiles | PostgresServer
    roots: tuple[int, ...]


@contextmanager
def deployed(shop: Shop, database: str, runs: int) -> Iterator[Deployment]:
    """Start a deployment, register the shop's SKUs, and end it."""
    if database == "sqlite":
        with dagster_dev(shop.home, shop.variables, _dagster_yaml(runs)) as daemon:
            yield _registered(shop, Deployment(daemon, SqliteFiles(shop.home), (daemon.process.pid,)))
        return
    from benchmarks.postgres import postgres

    shop.folder.chmod(0o711)  # the server does not run as root, and has to get to its own folder
    with postgres(shop.folder / "postgres") as server:
        os.environ.update(server.variables)  # this process looks into the database, too
        settings = _dagster_yaml(runs, int(server.variables["DAGSTER_PG_PORT"]))
        with dagster_dev(shop.home, {**shop.variables, **server.variables}, settings) as daemon:
            looked_into = PostgresServer(server.variables)
            yield _registered(shop, Deployment(daemon, looked_into, (daemon.process.pid, server.pid)))


def _dagster_yaml(runs: int, postgres_port: int | None = None) -> str:
    """The dagster.yaml that ships, for so many runs at a time."""
    settings = yaml.safe_load(SETTINGS["postgres" if postgres_port else "sqlite"].read_text())
    settings["concurrency"]["runs"]["max_concurrent_runs"] = runs
    if postgres_port:
        settings["storage"]["custom"]["config"]["postgres_db"]["port"] = postgres_port
    return yaml.safe_dump(settings)


def _registered(shop: Shop, found: Deployment) -> Deployment:
    with dg.DagsterInstance.from_config(str(shop.home)) as instance:
        register(instance, shop.skus)
    return found


# ---- what the UI asks

_QUESTIONS = {
    "asset page": """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode {
        id partitionStats { numMaterialized numFailed numPartitions numMaterializing }
        assetPartitionStatuses { ... on DefaultPartitionStatuses {
            materializedPartitions materializingPartitions failedPartitions unmaterializedPartitions } }
        assetMaterializations(limit: 100) { runId partition timestamp metadataEntries { label } } } } }""",
    "partition list": """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode {
        partitionKeysByDimension { name partitionKeys } } } }""",
    "asset graph": """query { assetNodes { id assetKey { path } hasMaterializePermission
        partitionStats { numMaterialized numFailed numPartitions } } }""",
    "back-fills": """query { partitionBackfillsOrError(limit: 25) { ... on PartitionBackfills {
        results { id status numPartitions timestamp } } } }""",
}


def asked(daemon: Daemon, asset: Sequence[str]) -> dict[str, float]:
    """Seconds of each of the UI's questions, the slower of two."""
    found: dict[str, float] = {}
    for name, text in _QUESTIONS.items():
        variables = {"k": {"path": list(asset)}} if "$k" in text else {}
        for _ in range(2):
            started = time.monotonic()
            daemon.query(text, **variables)
            found[name] = max(found.get(name, 0.0), time.monotonic() - started)
    return found


# ---- the phases


def backfilled(shop: Shop, on: Deployment, timeout: float) -> str:
    """Launch a back-fill of all assets over all SKUs, or one a line, and wait for the end; how it ended."""
    ended = [
        on.daemon.wait_for_backfill(on.daemon.launch_backfill(assets, shop.skus), timeout) for assets in shop.backfills
    ]
    return ", ".join(ended)


def refreshed(shop: Shop, on: Deployment, timeout: float) -> str:
    """The same by `catalog refresh`, in a process of its own; how it ended."""
    command = [sys.executable, "-m", "catalog_assets.cli", "refresh", "--root", str(shop.root)]
    variables = {**os.environ, **shop.variables, "DAGSTER_HOME": str(shop.home)}
    with (shop.folder / "refresh.log").open("ab") as log:
        done = subprocess.run(
            [*command, "--campaign", shop.campaign], env=variables, stdout=log, stderr=log, timeout=timeout, check=False
        )
    return f"exit {done.returncode}"


Work = Callable[[Shop, Deployment, float], str]


def phase_of(name: str, work: Work, shop: Shop, on: Deployment, timeout: float) -> Phase:
    """Do the work, and say what it took."""
    phase = Phase(name)
    before = on.database.events()
    started = time.monotonic()
    with watched((*on.roots, os.getpid()), phase.usage):
        phase.status = work(shop, on, timeout)
    phase.wall = time.monotonic() - started
    phase.counts = on.daemon.partition_counts(shop.assets[-1])
    phase.events = on.database.events()
    phase.events.subtract(before)
    phase.runs = phase.events.get("PIPELINE_START", 0)
    phase.database_mb = on.database.megabytes()
    phase.questions = asked(on.daemon, shop.assets[-1])
    return phase


# The first refresh makes the reports, for the second they are as they should be.
PHASES: dict[str, Work] = {
    "new": backfilled,
    "unchanged": backfilled,
    "refreshed": refreshed,
    "and again": refreshed,
    "changed": backfilled,
    "changed again": refreshed,
}
# Before these some photos are replaced.
CHANGES = ("changed", "changed again")


# ---- where the CPU time of the work itself goes


def stage_costs(count: int, engine: str, megapixels: float) -> dict[str, tuple[float, int]]:
    """CPU seconds of a SKU in each stage, one thread and no Dagster, and how many SKUs got there."""
    cv2.setNumThreads(1)
    spent: defaultdict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # The first one pays for imports, plates and the net. Not every one needs the reader of text.
        read_lines(np.zeros((64, 64, 3), np.uint8))
        first, *skus = realistic_shop(root, count + 1, megapixels)
        (root / "catalog.yaml").write_text(REALISTIC)
        store = open_store(str(root))
        context = RunContext(store, load_settings(store), Engines(matting=engine))
        campaign = load_campaigns(marketplaces=load_rules()).active["evergreen"]
        lines = (product_line(64).line(context), campaign_line(campaign, 48).line(context))
        stages = [stage for line in lines for stage in line.stages]
        for sku in (first, *skus):
            for stage in stages:
                started = time.process_time()
                [result] = attempt(stage, [sku])
                if sku != first:
                    spent[stage.asset].append(time.process_time() - started)
                if not result.goes_on:
                    break
        context.close()
    return {stage: (sum(seconds) / len(seconds), len(seconds)) for stage, seconds in spent.items()}


# ---- the report


def report(phases: Sequence[Phase], skus: int) -> None:
    """One table: a column for each phase."""
    table = Table(title=f"{skus} SKUs", title_justify="left")
    table.add_column("")
    for phase in phases:
        table.add_column(phase.name, justify="right")
    for label, values in _rows(phases, skus):
        table.add_row(label, *values)
    console.print(table)


def _rows(phases: Sequence[Phase], skus: int) -> Iterator[tuple[str, list[str]]]:
    yield "ended as", [phase.status for phase in phases]
    yield "exported, failed", [f"{p.counts['numMaterialized']}, {p.counts['numFailed']}" for p in phases]
    yield "wall seconds", [f"{phase.wall:.0f}" for phase in phases]
    yield "SKUs an hour", [f"{3600 * skus / phase.wall:.0f}" for phase in phases]
    for role in ("worker", "daemon", "code server", "webserver", "database"):
        yield f"CPU ms a SKU, {role}", [f"{1000 * phase.usage.cpu.get(role, 0) / skus:.0f}" for phase in phases]
    for role in ("worker", "daemon", "code server", "webserver"):
        yield f"peak MB, {role}", [f"{phase.usage.peak_mb.get(role, 0):.0f}" for phase in phases]
    yield "Dagster's share of CPU", [_dagsters_share(phase, phases) for phase in phases]
    yield "runs", [str(phase.runs) for phase in phases]
    yield "planned events", [str(_planned(phase)) for phase in phases]
    yield "stored events", [str(_stored(phase)) for phase in phases]
    yield "database MB", [f"{phase.database_mb:.0f}" for phase in phases]
    for question in _QUESTIONS:
        yield f"UI, s: {question}", [f"{phase.questions[question]:.2f}" for phase in phases]


def _dagsters_share(phase: Phase, phases: Sequence[Phase]) -> str:
    """Of a back-fill that made everything: what one that made nothing took, less what the look at each SKU took.

    Marked as too small where it made everything in more runs than it then made nothing: each costs by itself.
    """
    cpu = {each.name: sum(each.usage.cpu.values()) for each in phases}
    runs = {each.name: each.runs for each in phases}
    if phase.name != "new" or not {"unchanged", "and again"} <= set(cpu):
        return ""
    least = "over " if runs["new"] > runs["unchanged"] else ""
    return f"{least}{(cpu['unchanged'] - cpu['and again']) / cpu['new']:.1%}"


def _planned(phase: Phase) -> int:
    return sum(n for kind, n in phase.events.items() if kind.endswith("_PLANNED") and not kind.startswith("index"))


def _stored(phase: Phase) -> int:
    return sum(n for kind, n in phase.events.items() if not kind.startswith("index"))


def report_stages(count: int, engine: str, megapixels: float) -> None:
    """Where the CPU time of a SKU goes that gets all the way; goals: 2.0 s with the own net, 3.5 s with classical."""
    table = Table(title=f"CPU seconds a SKU at {megapixels:g} Mpx, {engine}, one thread", title_justify="left")
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    table.add_column("SKUs", justify="right")
    costs = stage_costs(count, engine, megapixels)
    for stage, (seconds, reached) in costs.items():
        table.add_row(stage, f"{seconds:.2f}", str(reached))
    table.add_row("all", f"{sum(seconds for seconds, _ in costs.values()):.2f}", "")
    console.print(table)


def main() -> None:
    """Parse the command line, run the phases and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skus", type=int, default=1000)
    parser.add_argument("--megapixels", type=float, default=1.0, help="of a photo")
    parser.add_argument("--refused", type=float, help="share of photos that go to review; a third if not given")
    parser.add_argument("--plain", action="store_true", help="256 px with their own alpha: orchestration alone")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--runs", type=int, default=2, help="at a time")
    parser.add_argument("--threads", type=int, default=2, help="of a run")
    parser.add_argument("--batch", type=int, default=0, help="SKUs a run; as shipped if not given")
    parser.add_argument("--phases", nargs="+", choices=tuple(PHASES), default=tuple(PHASES), help="all if not given")
    parser.add_argument("--apart", action="store_true", help="a back-fill for each line, one after the other")
    parser.add_argument("--changed", type=float, default=0.01, help="share of photos replaced before such a phase")
    parser.add_argument("--timeout", type=float, default=4 * 3600, help="seconds a back-fill may take")
    parser.add_argument("--stages", type=int, metavar="SKUS", help="only where the CPU time of so many SKUs goes")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    if options.stages:
        for engine in ("embedded", "classical"):
            report_stages(options.stages, engine, options.megapixels)
        return
    with tempfile.TemporaryDirectory() as folder:
        shop = open_shop(
            Path(folder),
            options.skus,
            plain=options.plain,
            megapixels=options.megapixels,
            refused=options.refused,
            threads=options.threads,
            batch=options.batch,
            apart=options.apart,
        )
        phases = []
        with deployed(shop, options.database, options.runs) as on:
            for title in options.phases:
                if title in CHANGES:
                    shop.change(options.changed, CHANGES.index(title))
                phases.append(phase_of(title, PHASES[title], shop, on, options.timeout))
                report(phases[-1:], options.skus)
    report(phases, options.skus)


if __name__ == "__main__":
    main()
