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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import dagster as dg
import yaml

from benchmarks.postgres import postgres
from benchmarks.ray_cluster import RayCluster, missing, ray_cluster
from benchmarks.soundness import ASSETS, LINES, Middle, damage, dates, finished, middle, sound_shop
from catalog_assets.partitions import register
from resources.store import CatalogStore, open_store
from tests.daemon import Daemon, dagster_dev

SETTINGS = Path(__file__).parent.parent / "deploy" / "ray" / "dagster.yaml"


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
    """The run whose node was killed, as far as it had come by then. at: unix time."""

    run: Middle
    processes: int
    at: float


# -- the node that dies


def kill_in_the_middle(drill: Drill, still_running: Callable[[], bool]) -> Killed:
    """Wait for the middle of the back-fill and of a run on the worker node, and kill the node.

    Raises RuntimeError if the back-fill ended before that.
    """
    while still_running():
        if sum(finished(drill.store, line, drill.skus) for line in LINES) >= len(drill.skus):
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
    found = middle(drill.store, drill.skus, run) if run else None
    if found is None:
        return None
    at = time.time()
    return Killed(found, drill.cluster.worker.kill(), at)


# -- the whole


def drill_once(work: Path, count: int, batch: int) -> bool:
    """Run the drill under an empty folder and print its counts; whether everything held."""
    began = time.monotonic()
    skus = sound_shop(work / "catalog", count)
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
        settings["storage"]["custom"]["config"]["postgres_db"]["port"] = int(server.variables["DAGSTER_PG_PORT"])
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
    print(f"{killed.run.line} that had finished {len(killed.run.done)} of {len(killed.run.skus)} SKUs", flush=True)
    status = _wait(drill, backfill)
    print(f"back-fill {status} after {time.time() - began:.0f} s")
    _print_runs(drill, killed)
    found = damage(drill.store, drill.skus, drill.daemon, drill.instance)
    print(*found.describe("after the back-fill"), sep="\n")
    if not found.none:
        left = [sku for sku in drill.skus if found.touches(sku)]
        second = _wait(drill, drill.daemon.launch_backfill(ASSETS, left)) if left else "not started"
        found = damage(drill.store, drill.skus, drill.daemon, drill.instance)
        print(*found.describe(f"after a second back-fill over {len(left)} SKUs ({second})"), sep="\n")
    print(
        json.dumps({"passed": found.none, "backfill": status, "seconds": round(time.time() - began), **found.sizes()})
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
    [victim] = [record for record in records if record.dagster_run.run_id == killed.run.run_id]
    seen = f"found dead after {victim.end_time - killed.at:.0f} s" if victim.end_time else "never found dead"
    again = [one for one in retries if one.dagster_run.parent_run_id == killed.run.run_id]
    for retry in again:
        if retry.start_time and retry.end_time:
            seen += f", its retry began after {retry.start_time - killed.at:.0f} s and ended "
            seen += f"{retry.dagster_run.status.value} after {retry.end_time - killed.at:.0f} s"
    now = dates(drill.store, killed.run.line, killed.run.done)
    kept = sum(now.get(sku) == date for sku, date in killed.run.done.items())
    print(f"the run that lost its node: {seen}; {kept} of {len(killed.run.done)} finished SKUs taken over")
    for run in (record.dagster_run for record in records if record.dagster_run.status == dg.DagsterRunStatus.FAILURE):
        reasons = drill.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        text = " ".join(reasons[-1].message.split()) if reasons else "no reason"
        print(f"failed run {run.run_id[:8]}: {text[:180]}")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


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
