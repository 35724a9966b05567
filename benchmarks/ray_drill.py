"""One back-fill over a Ray cluster, and a node that dies in the middle of it.

    python -m benchmarks.ray_drill [--skus 200] [--batch 20] [--limit 1800] [--keep]

All parts are real: Postgres, two Ray nodes on this machine with room for one run each, Dagster's webserver, daemon and
code location under deploy/ray/dagster.yaml (the port of the database apart), and the lines. When half of the work is
done, the worker node is killed with all its processes, while a run on it has finished half of its SKUs and not all.
What must hold in the end:

    no SKU lost: every asset has an outcome that passed; nothing torn: every record can be read, and every file that it
    names is there with the recorded hash; no wrong status: Dagster shows exactly that, and no run is left hanging.

If the back-fill itself could not finish the catalog, a second one takes the SKUs that are left, and that is said. Exit
status 0: held, 1: not, 2: could not run. Needs pip install .[dev,postgres,ray] and the programs of a Postgres server.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import dagster as dg
import yaml

from benchmarks.line import make_catalog
from benchmarks.postgres import postgres
from benchmarks.ray_cluster import RayCluster, missing, ray_cluster
from catalog_assets.partitions import RANGE_END, RANGE_START, register
from catalog_assets.records import Record, campaign_folder, product_folder, read_file
from resources.store import CatalogStore, NotFound, open_store
from tests.daemon import Daemon, dagster_dev

SETTINGS = Path(__file__).parent.parent / "deploy" / "ray" / "dagster.yaml"
PHOTO = (384, 384)  # smaller ones are too small for Amazon, and wait for a person
CATALOG = "candidates: 1\nscene_size: 512\nthreads: 2\n"
CAMPAIGN = "evergreen"
PRODUCT = ("raw_photo", "mask", "cutout")
EVERGREEN = ("scene_variants", "scored_finals", "marketplace_export")
ASSETS = [*([name] for name in PRODUCT), *([CAMPAIGN, name] for name in EVERGREEN)]
_IN_A_RUN = dg.DagsterRunStatus.STARTED
_ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


@dataclass(frozen=True)
class Drill:
    """What the drill works with while it runs. skus: in the order in which Dagster cuts them into runs."""

    store: CatalogStore
    skus: list[str]
    cluster: RayCluster
    daemon: Daemon
    instance: dg.DagsterInstance


@dataclass(frozen=True)
class Killed:
    """The run whose node was killed. done: record dates of the SKUs that it had finished by then. at: unix time."""

    run_id: str
    line: str
    skus: int
    done: Mapping[str, str]
    processes: int
    at: float


@dataclass(frozen=True)
class Damage:
    """What is wrong in the end, as asset/SKU or file. files: read back; unnamed: pictures that no record names."""

    lost: list[str]
    torn: list[str]
    wrong_status: list[str]
    files: int
    unnamed: int

    @property
    def none(self) -> bool:
        return not (self.lost or self.torn or self.wrong_status)

    def touches(self, sku: str) -> bool:
        return any(f"/{sku}" in one for one in (*self.lost, *self.torn, *self.wrong_status))


# -- the node that dies


def kill_in_the_middle(drill: Drill, still_running: Callable[[], bool]) -> Killed:
    """Wait for the middle of the back-fill and of a run on the worker node, and kill the node.

    Raises RuntimeError if the back-fill ended before that.
    """
    while still_running():
        if sum(_finished(drill, line) for line in ("product", CAMPAIGN)) >= len(drill.skus):
            for job in drill.cluster.jobs():
                if job.status == "RUNNING" and drill.cluster.node_of(job) == drill.cluster.worker.name:
                    caught = _caught(drill, job.metadata["dagster/run-id"])
                    if caught:
                        return caught
        time.sleep(0.3)
    raise RuntimeError("The back-fill ended before a run was in its middle on the worker node; take more SKUs.")


def _caught(drill: Drill, run_id: str) -> Killed | None:
    """The worker node killed, if this run has finished half of its SKUs and not all."""
    run = drill.instance.get_run_by_id(run_id)
    if run is None or run.status != _IN_A_RUN or RANGE_START not in run.tags:
        return None
    first, last = (drill.skus.index(run.tags[tag]) for tag in (RANGE_START, RANGE_END))
    skus = drill.skus[first : last + 1]
    line = "product" if dg.AssetKey("cutout") in (run.asset_selection or ()) else CAMPAIGN
    done = _dates(drill.store, line, skus)
    if not len(skus) / 2 <= len(done) < len(skus):
        return None
    at = time.time()
    return Killed(run_id, line, len(skus), done, drill.cluster.worker.kill(), at)


def _dates(store: CatalogStore, line: str, skus: Sequence[str]) -> dict[str, str]:
    """When the last asset of a line was made, for the SKUs that have it."""
    found = {}
    for sku in skus:
        records = [record for _, record in _records(store, _folder(line, sku)) if record]
        if records:
            found[sku] = max(record.made_at for record in records)
    return found


def _folder(line: str, sku: str) -> str:
    return product_folder("cutout", sku) if line == "product" else campaign_folder(line, EVERGREEN[-1], sku)


def _finished(drill: Drill, line: str) -> int:
    """How many SKUs a line is done with; records are not read."""
    return sum(any(name.endswith(".json") for name in drill.store.children(_folder(line, sku))) for sku in drill.skus)


# -- what is there in the end


def damage(drill: Drill) -> Damage:
    """Read everything back, and compare it with what Dagster shows."""
    lost, torn, wrong = [], [], []
    named: set[str] = set()
    for path in ASSETS:
        asset = "/".join(path)
        shown = partition_statuses(drill.daemon, path)
        for sku in drill.skus:
            folder = product_folder(asset, sku) if len(path) == 1 else campaign_folder(path[0], path[1], sku)
            records = list(_records(drill.store, folder))
            torn += [key for key, record in records if record is None]
            whole = [record for _, record in records if record is not None]
            files = {file.key: file for record in whole for file in record.files.values()}
            torn += [key for key, file in files.items() if not _is_whole(drill.store, file)]
            named.update(files)
            made = bool(whole) and all(record.passed for record in whole)
            if not made:
                lost.append(f"{asset}/{sku}")
            if shown.get(sku, "nothing") != ("materialized" if made else "failed"):
                wrong.append(f"{asset}/{sku}: {shown.get(sku, 'nothing')}")
    wrong += [f"run {run.run_id}: {run.status.value}" for run in drill.instance.get_runs() if run.status not in _ENDED]
    pictures = (entry.key for top in ("assets", "exports") for entry in drill.store.list(f"{top}/"))
    unnamed = sum(not key.endswith(".json") and key not in named for key in pictures)
    return Damage(lost, torn, wrong, len(named), unnamed)


def _records(store: CatalogStore, folder: str) -> Iterator[tuple[str, Record | None]]:
    """Every record of a folder with its key; None for one that cannot be read."""
    for name in store.children(folder):
        if name.endswith(".json"):
            key = f"{folder}/{name}"
            try:
                yield key, Record.from_json(json.loads(store.read(key)))
            except (ValueError, KeyError, TypeError):
                yield key, None


def _is_whole(store: CatalogStore, file: Any) -> bool:
    try:
        return len(read_file(store, file)) == file.bytes
    except (NotFound, ValueError):
        return False


def partition_statuses(daemon: Daemon, path: Sequence[str]) -> dict[str, str]:
    """What the asset page shows of each SKU: materialized, failed, materializing or unmaterialized."""
    answer = daemon.query(
        """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode { assetPartitionStatuses {
             ... on DefaultPartitionStatuses { unmaterializedPartitions materializedPartitions failedPartitions
               materializingPartitions } } } } }""",
        k={"path": list(path)},
    )
    found = answer["assetNodeOrError"]["assetPartitionStatuses"]
    return {sku: kind.removesuffix("Partitions") for kind, skus in found.items() for sku in skus}


# -- the whole


def drill_once(work: Path, count: int, batch: int) -> bool:
    """Run the drill under an empty folder and print its counts; whether everything held."""
    began = time.monotonic()
    skus = make_catalog(work / "catalog", count, PHOTO)
    (work / "catalog" / "catalog.yaml").write_text(CATALOG)
    os.environ.update(
        # Ray starts a run as `dagster`, whatever Python Dagster itself runs under.
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        CATALOG_ROOT=str(work / "catalog"),
        CATALOG_PRODUCT_BATCH=str(batch),
        CATALOG_CAMPAIGN_BATCH=str(max(1, batch * 3 // 4)),
        DAGSTER_DISABLE_TELEMETRY="1",
    )
    with postgres(work / "postgres") as server:
        os.environ.update(server.variables)
        settings = yaml.safe_load(SETTINGS.read_text())
        settings["storage"]["postgres"]["postgres_db"]["port"] = int(server.variables["DAGSTER_PG_PORT"])
        with (
            ray_cluster(work / "ray", settings["run_launcher"]["config"]["ray"]["num_cpus"]) as cluster,
            dagster_dev(work / "home", {}, yaml.safe_dump(settings)) as daemon,
            dg.DagsterInstance.from_config(str(work / "home")) as instance,
        ):
            register(instance, skus)
            print(f"{count} SKUs, batches of {batch} and {os.environ['CATALOG_CAMPAIGN_BATCH']}, 2 nodes; ", end="")
            print(f"ready after {time.monotonic() - began:.0f} s", flush=True)
            drill = Drill(open_store(str(work / "catalog")), skus, cluster, daemon, instance)
            return _backfill_and_kill(drill)


def _backfill_and_kill(drill: Drill) -> bool:
    began = time.time()
    backfill = drill.daemon.launch_backfill(ASSETS, drill.skus)
    killed = kill_in_the_middle(drill, lambda: not _is_over(drill, backfill))
    print(f"worker killed after {killed.at - began:.0f} s: {killed.processes} processes, in a run of the line ", end="")
    print(f"{killed.line} that had finished {len(killed.done)} of {killed.skus} SKUs", flush=True)
    status = _wait(drill, backfill)
    print(f"back-fill {status} after {time.time() - began:.0f} s")
    _print_runs(drill, killed)
    found = damage(drill)
    _print_damage("after the back-fill", found)
    if not found.none:
        left = [sku for sku in drill.skus if found.touches(sku)]
        second = _wait(drill, drill.daemon.launch_backfill(ASSETS, left)) if left else "not started"
        found = damage(drill)
        _print_damage(f"after a second back-fill over {len(left)} SKUs ({second})", found)
    print(
        json.dumps({"passed": found.none, "backfill": status, "seconds": round(time.time() - began), **_sizes(found)})
    )
    return found.none


def _is_over(drill: Drill, backfill: str) -> bool:
    found = drill.instance.get_backfill(backfill)
    return found is not None and found.status.value.startswith(("COMPLETED", "FAILED", "CANCELED"))


def _wait(drill: Drill, backfill: str) -> str:
    """The back-fill's final status; how long it may take is the drill's own limit."""
    return drill.daemon.wait_for_backfill(backfill, timeout=float("inf"))


def _print_runs(drill: Drill, killed: Killed) -> None:
    """Runs by node and by status; what became of the run that lost its node."""
    nodes = Counter(drill.cluster.node_of(job) or "none" for job in drill.cluster.jobs())
    records = drill.instance.get_run_records()
    statuses = Counter(record.dagster_run.status.value for record in records)
    retries = [record for record in records if "dagster/retry_number" in record.dagster_run.tags]
    print(f"runs by node: {_counted(nodes)}; by status: {_counted(statuses)}; retries: {len(retries)}")
    [victim] = [record for record in records if record.dagster_run.run_id == killed.run_id]
    seen = f"found dead after {victim.end_time - killed.at:.0f} s" if victim.end_time else "never found dead"
    again = [one for one in retries if one.dagster_run.parent_run_id == killed.run_id]
    for retry in again:
        if retry.start_time and retry.end_time:
            seen += f", its retry began after {retry.start_time - killed.at:.0f} s and ended "
            seen += f"{retry.dagster_run.status.value} after {retry.end_time - killed.at:.0f} s"
    now = _dates(drill.store, killed.line, list(killed.done))
    kept = sum(now.get(sku) == date for sku, date in killed.done.items())
    print(f"the run that lost its node: {seen}; {kept} of {len(killed.done)} finished SKUs taken over")
    for run in (record.dagster_run for record in records if record.dagster_run.status == dg.DagsterRunStatus.FAILURE):
        reasons = drill.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        text = " ".join(reasons[-1].message.split()) if reasons else "no reason"
        print(f"failed run {run.run_id[:8]}: {text[:180]}")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _print_damage(when: str, found: Damage) -> None:
    sizes = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in _sizes(found).items())
    print(f"{when}: {sizes}")
    for what in ("lost", "torn", "wrong_status"):
        for one in getattr(found, what)[:10]:
            print(f"  {what}: {one}")


def _sizes(found: Damage) -> dict[str, int]:
    return {name: value if isinstance(value, int) else len(value) for name, value in asdict(found).items()}


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the block after so many seconds, or when this process is told to end: it cleans up then."""

    def stop(number: int, frame: FrameType | None) -> None:
        signal.alarm(0)
        why = f"not done within {seconds} s" if number == signal.SIGALRM else "told to end"
        raise TimeoutError(f"{why}; everything it started is ended")

    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skus", type=int, default=200)
    parser.add_argument(
        "--batch", type=int, default=20, help="SKUs a run of the product line; campaigns take 3/4 of it"
    )
    parser.add_argument("--limit", type=int, default=1800, metavar="SECONDS", help="the longest it may take")
    parser.add_argument("--keep", action="store_true", help="keep the folder: catalog, database, logs")
    arguments = parser.parse_args()
    if arguments.batch < 2 or arguments.skus < 2 * arguments.batch:
        parser.error("--batch from 2, and --skus at least twice as many: each node needs a run")
    if lacking := missing():
        print(f"The drill cannot run: {lacking}", file=sys.stderr)
        return 2
    work = Path(tempfile.mkdtemp(prefix="ray-drill-", dir="/tmp"))  # names of Ray's sockets must be short
    work.chmod(0o755)  # Postgres runs as another user if we are root
    try:
        with _limited(arguments.limit):
            return 0 if drill_once(work, arguments.skus, arguments.batch) else 1
    except (RuntimeError, TimeoutError, AssertionError) as error:
        print(f"The drill did not come to its end: {error}", file=sys.stderr)
        return 1
    finally:
        if arguments.keep:
            print(f"kept: {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
