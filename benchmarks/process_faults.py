"""Each of Dagster's processes is killed in the middle of a back-fill, and what it stands on is taken away from it.

    python -m benchmarks.process_faults [NAME ...] [--skus 60] [--database sqlite|postgres] [--limit 600] [--keep]

All parts are real: webserver, daemon and code server as processes of their own under the dagster.yaml that ships,
SQLite or a Postgres server, a back-fill over both lines asked for as the UI does. When a quarter of the work is done,
and a run has finished some of its SKUs and not all, one of these happens:

    worker               the run's process is killed
    daemon, webserver    killed, and started again
    code-server          killed with its runs, as a container ends, and started again
    code-server-alone    killed without its runs, as where memory is short, and started again
    postgres             fast shutdown; back after some seconds
    postgres-kill        all its processes killed; back after most of a minute
    disk-full            somebody fills the disk of the catalog; there is room again when the back-fill has ended
    clock                it goes back two hours, and the daemon is started again; then some photos are replaced

What must hold: nothing torn right after that; and after the next run, a second back-fill over the SKUs that are left,
none lost, none torn, every status as the records say, no run left hanging. Exit status 0: held, 1: not, 2: some could
not run. Runs are asked for every 5 s instead of 120 s, and count as gone after 45 s of silence instead of 300 s; all
else is as it ships. Needs pip install .[dev,postgres], for Postgres its programs, for disk-full root, for clock the
package libfaketime.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import yaml
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import SQLAlchemyError

from benchmarks.deployment import CODE_SERVER, DAEMON, WEBSERVER, Deployment, deployed
from benchmarks.line import photo
from benchmarks.postgres import Server, postgres
from benchmarks.soundness import ASSETS, ENDED, LINES, Damage, Middle, damage, dates, finished, middle, sound_shop, torn
from catalog_assets.partitions import register
from catalog_assets.records import product_folder, stored_records
from resources.store import CatalogStore, content_hash, open_store

PROJECT = Path(__file__).parent.parent
SETTINGS = {
    "sqlite": PROJECT / "catalog_assets" / "dagster.yaml",
    "postgres": PROJECT / "deploy" / "dagster.postgres.yaml",
}
# What ships: 120 and 300.
POLL_S, SILENT_S = 5, 45
AWAY_S, LONG_AWAY_S = 8.0, 45.0
DISK_MB_A_SKU, DISK_MB = 3, 24
CLOCK, CLOCK_BACK_S = "clock", 2 * 3600
BACKFILL_OVER = ("COMPLETED", "FAILED", "CANCELED")


class CannotRunError(Exception):
    """What this machine lacks for a drill."""


@dataclass
class Drill:
    """What a drill works with. skus: in the order in which Dagster cuts them into runs.

    limit: seconds that a back-fill may take. replaced, before: SKUs with new photos, and dates of records by then.
    """

    root: Path
    store: CatalogStore
    skus: list[str]
    on: Deployment
    instance: dg.DagsterInstance
    limit: float
    server: Server | None = None
    replaced: Sequence[str] = ()
    before: Mapping[str, str] = field(default_factory=dict)

    def damage(self) -> Damage:
        return damage(self.store, self.skus, self.on.daemon, self.instance)

    def backfill(self, skus: Sequence[str]) -> str:
        """Launch one over all assets, as the UI does; its id."""
        return self.on.daemon.launch_backfill(ASSETS, skus)


@dataclass(frozen=True)
class Fault:
    """What happens. strike: in the middle of a run. mend: before the next run; it says what was wrong until then.

    prove: after everything; it says what is wrong beside lost, torn and status. again: the next run takes all SKUs,
    also those with which nothing is wrong. database, disk, clock: what it needs.
    """

    strike: Callable[[Drill, Middle], None]
    mend: Callable[[Drill], list[str]] = lambda drill: []
    prove: Callable[[Drill], list[str]] = lambda drill: []
    again: bool = False
    database: str = ""
    disk: bool = False
    clock: bool = False


@dataclass
class Outcome:
    """What became of a drill. left: SKUs that the next run had to take. wrong: in words, none if all held."""

    name: str
    skus: int
    struck: str
    torn_at_once: int
    backfill: str
    seconds: float
    left: int
    final: Damage
    wrong: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        return self.final.none and not self.torn_at_once and not self.wrong

    def line(self) -> str:
        """The drill in one line of counts."""
        sizes = self.final.sizes()
        who = f"next run took {self.left} SKUs" if self.left else "finished by itself"
        return (
            f"{self.name}: {'held' if self.held else 'NOT HELD'}; {self.skus} SKUs, struck {self.struck}; "
            f"torn at once {self.torn_at_once}; back-fill {self.backfill}, {who}; lost {sizes['lost']}, "
            f"torn {sizes['torn']}, wrong status {sizes['wrong_status']}; {self.seconds:.0f} s"
        )


# -- the processes


def kill_worker(drill: Drill, caught: Middle) -> None:
    os.kill(_pid(drill.instance, caught.run_id), signal.SIGKILL)


def _pid(instance: dg.DagsterInstance, run_id: str) -> int:
    """The process of a run, as it said itself."""
    events = [entry.dagster_event for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)]
    found = [event.engine_event_data.metadata.get("pid") for event in events if event]
    return next(int(str(pid.value)) for pid in reversed(found) if pid)


def _killed(role: str) -> Callable[[Drill, Middle], None]:
    """A process killed with all that it started, and started again."""

    def strike(drill: Drill, caught: Middle) -> None:
        drill.on.kill(role)
        time.sleep(AWAY_S)
        drill.on.start(role)

    return strike


def kill_code_server_alone(drill: Drill, caught: Middle) -> None:
    drill.on.kill_without_runs()
    time.sleep(AWAY_S)
    drill.on.start(CODE_SERVER)


# -- the database


def _away(end: Callable[[Server], None], seconds: float) -> Callable[[Drill, Middle], None]:
    """The database ended in that way, and started again after so many seconds."""

    def strike(drill: Drill, caught: Middle) -> None:
        if drill.server is not None:
            end(drill.server)
            time.sleep(seconds)
            drill.server.start()

    return strike


# -- the disk


def fill_disk(drill: Drill, caught: Middle) -> None:
    """Take every byte that is free, as another program would."""
    with suppress(OSError), (drill.root.parent / "ballast").open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(b"\0" * size):
                    pass


def free_disk(drill: Drill) -> list[str]:
    """Make room again; what a clerk could not have understood until then."""
    (drill.root.parent / "ballast").unlink()
    return unclear(failure_texts(drill.instance), "disk_full")


def failure_texts(instance: dg.DagsterInstance) -> list[str]:
    """What each failed run says of its failure."""
    found = []
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])):
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
            data = entry.dagster_event.step_failure_data if entry.dagster_event else None
            said = data.user_failure_data.description if data and data.user_failure_data else None
            found.append(said or (data.error.to_string() if data and data.error else "no reason"))
    return found


def unclear(texts: Sequence[str], code: str) -> list[str]:
    """Texts of failed runs that do not name the code, or that show a traceback; and that none failed at all."""
    if not texts:
        return ["no run failed"]
    silent = [f"a run does not say {code}: {text[:200]}" for text in texts if code not in text]
    tracebacks = [f"a run shows a traceback: {text[:200]}" for text in texts if "Traceback" in text or 'File "' in text]
    return silent + tracebacks


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own of that size: ext4 in a file, or where that cannot be, tmpfs. Raises CannotRunError."""
    folder.mkdir()
    image = folder.with_suffix(".ext4")
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    make = ["mkfs.ext4", "-q", "-m", "0", "-i", "4096", str(image)]
    mount = ["mount", "-o", "loop", str(image), str(folder)]
    in_memory = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    problem = _refused(make) or _refused(mount)
    if problem and (worse := _refused(in_memory)):
        raise CannotRunError(f"no small file system can be mounted, root is needed: {problem}; {worse}")
    try:
        yield folder
    finally:
        _refused(["umount", "--lazy", str(folder)])


def _refused(command: Sequence[str]) -> str:
    """Why a command failed, "" if it did its work."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    return f"{command[0]}: {done.stderr.strip() or done.returncode}" if done.returncode else ""


# -- the clock


def false_clock(file: Path) -> dict[str, str]:
    """The environment of processes whose clock goes ahead as the file says. Raises CannotRunError."""
    library = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
    if library is None:
        raise CannotRunError("no libfaketime here: install the package libfaketime")
    file.write_text(f"+{CLOCK_BACK_S}\n")
    hook = file.with_suffix(".hook")
    hook.mkdir()
    # Under that library clock_nanosleep, on which Python's sleep stands, fails if the time since boot is left alone.
    sleep = "import select, time\ntime.sleep = lambda seconds: select.select((), (), (), seconds)\n"
    (hook / "sitecustomize.py").write_text(sleep)
    return {
        "PYTHONPATH": str(hook),
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # nor does a real clock that is set back turn back the time since boot
    }


def set_clock_back(drill: Drill, caught: Middle) -> None:
    """From now on it is two hours earlier; what was written until now keeps its date, which lies ahead.

    The daemon is started again, as the documentation says: its loops wait by the clock, two hours longer now.
    """
    (drill.on.home.parent / CLOCK).write_text("+0\n")
    for folder, _, files in os.walk(drill.root):
        for name in files:
            with suppress(FileNotFoundError):
                path = Path(folder, name)
                ahead = path.stat().st_mtime + CLOCK_BACK_S
                os.utime(path, (ahead, ahead))
    drill.on.kill(DAEMON)
    drill.on.start(DAEMON)


def replace_some_photos(drill: Drill) -> list[str]:
    """Other photos for a tenth of the SKUs, dated before what was made of the old ones."""
    drill.replaced = drill.skus[3::10]
    drill.before = _all_dates(drill)
    for number, sku in enumerate(drill.replaced, len(drill.skus)):
        (drill.root / "uploads" / f"{sku}.jpg").write_bytes(photo(number, (384, 384)))
    return []


def _all_dates(drill: Drill) -> dict[str, str]:
    return {f"{line}/{sku}": date for line in LINES for sku, date in dates(drill.store, line, drill.skus).items()}


def newest_photos_won(drill: Drill) -> list[str]:
    """SKUs that are not made of the photo that lies there; and made again though nothing was new."""
    wrong = []
    now = _all_dates(drill)
    for sku in drill.skus:
        upload = content_hash(drill.store.read(f"uploads/{sku}.jpg"))
        [record] = stored_records(drill.store, product_folder("raw_photo", sku))
        if record.files["photo"].sha256 != upload:
            wrong.append(f"{sku} is made of an older photo")
        for line in LINES:
            if (now[f"{line}/{sku}"] != drill.before[f"{line}/{sku}"]) != (sku in drill.replaced):
                wrong.append(f"{line}/{sku}: {'not ' if sku in drill.replaced else ''}made again")
    return wrong


FAULTS = {
    "worker": Fault(kill_worker),
    "daemon": Fault(_killed(DAEMON)),
    "webserver": Fault(_killed(WEBSERVER)),
    "code-server": Fault(_killed(CODE_SERVER)),
    "code-server-alone": Fault(kill_code_server_alone),
    "postgres": Fault(_away(Server.stop, AWAY_S), database="postgres"),
    "postgres-kill": Fault(_away(Server.kill, LONG_AWAY_S), database="postgres"),
    "disk-full": Fault(fill_disk, mend=free_disk, disk=True),
    "clock": Fault(
        set_clock_back,
        mend=replace_some_photos,
        prove=newest_photos_won,
        again=True,
        clock=True,
    ),
}


# -- the whole


def drill_once(name: str, work: Path, count: int, database: str, limit: float) -> Outcome:
    """One drill under an empty folder. Raises CannotRunError, RuntimeError."""
    fault = FAULTS[name]
    began = time.monotonic()
    with prepared(fault, work, count, fault.database or database, limit) as drill:
        backfill = drill.backfill(drill.skus)
        caught = _catch(drill, backfill)
        fault.strike(drill, caught)
        torn_at_once = torn(drill.store, drill.skus)
        status = _wait(drill, backfill)
        found = drill.damage()
        print(*found.describe(f"  {name}: after the back-fill ({status})"), sep="\n  ", flush=True)
        wrong = fault.mend(drill)
        left = drill.skus if fault.again else [sku for sku in drill.skus if found.touches(sku)]
        if left:
            status += f", then {_wait(drill, drill.backfill(left))}"
            found = drill.damage()
            print(*found.describe(f"  {name}: after the next run"), sep="\n  ", flush=True)
        wrong += fault.prove(drill)
    return Outcome(
        name=name,
        skus=count,
        struck=f"{caught.line} at {len(caught.done)} of {len(caught.skus)}",
        torn_at_once=len(torn_at_once),
        backfill=status,
        seconds=time.monotonic() - began,
        left=len(left),
        final=found,
        wrong=wrong,
    )


@contextmanager
def prepared(
    fault: Fault, work: Path, count: int, database: str, limit: float, more: Mapping[str, str] | None = None
) -> Iterator[Drill]:
    """A catalog and a deployment over it. more: environment variables of its processes."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(work / "disk", DISK_MB + DISK_MB_A_SKU * count)) if fault.disk else work
        root, home = disk / "catalog", work / "home"
        home.mkdir()
        skus = sound_shop(root, count)
        batch = max(4, count // 4)
        variables = {
            "CATALOG_ROOT": str(root),
            "CATALOG_PRODUCT_BATCH": str(batch),
            "CATALOG_CAMPAIGN_BATCH": str(batch * 3 // 4),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1",  # docs/operations.md
            **(more or {}),
        }
        if fault.clock:
            variables |= false_clock(work / CLOCK)
        server = stack.enter_context(postgres(work / "postgres")) if database == "postgres" else None
        if server:
            os.environ.update(server.variables)
        (home / "dagster.yaml").write_text(_settings(database, server))
        on = stack.enter_context(deployed(home, variables))
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
        register(instance, skus)
        yield Drill(root, open_store(str(root)), skus, on, instance, limit, server)


def _settings(database: str, server: Server | None) -> str:
    """The dagster.yaml that ships, but for the port of the database and how often the health of runs is asked for."""
    settings = yaml.safe_load(SETTINGS[database].read_text())
    settings["run_monitoring"]["poll_interval_seconds"] = POLL_S
    settings["run_launcher"]["config"]["silent_seconds"] = SILENT_S
    if server:
        settings["storage"]["custom"]["config"]["postgres_db"]["port"] = int(server.variables["DAGSTER_PG_PORT"])
    return yaml.safe_dump(settings)


def _catch(drill: Drill, backfill: str) -> Middle:
    """The first run that is in its middle when a quarter of the work is done. RuntimeError if there was none."""
    deadline = time.monotonic() + drill.limit
    while time.monotonic() < deadline and not is_over(drill, backfill):
        if sum(finished(drill.store, line, drill.skus) for line in LINES) >= len(drill.skus) / 2:
            for run in drill.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
                if found := middle(drill.store, drill.skus, run, share=0.2):
                    return found
        time.sleep(0.3)
    raise RuntimeError("No run was found in its middle; take more SKUs.")


def is_over(drill: Drill, backfill: str) -> bool:
    """True if a back-fill has ended, and every run with it. The database may be away: then nobody knows."""
    with suppress(SQLAlchemyError, DagsterPostgresException):
        found = drill.instance.get_backfill(backfill)
        over = found is not None and found.status.value.startswith(BACKFILL_OVER)
        return over and all(run.status in ENDED for run in drill.instance.get_runs())
    return False


def _wait(drill: Drill, backfill: str) -> str:
    """The back-fill's final status, with `HANGS` before it if it or a run did not end in time."""
    deadline = time.monotonic() + drill.limit
    while time.monotonic() < deadline and not is_over(drill, backfill):
        time.sleep(1)
    found = drill.instance.get_backfill(backfill)
    status = found.status.value if found else "unknown"
    return status if is_over(drill, backfill) else f"HANGS {status}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(FAULTS)}; default: all")
    parser.add_argument("--skus", type=int, default=60)
    parser.add_argument("--database", choices=tuple(SETTINGS), default="sqlite", help="where the drill asks for none")
    parser.add_argument("--limit", type=float, default=600, metavar="SECONDS", help="the longest a back-fill may take")
    parser.add_argument("--keep", action="store_true", help="keep the folders: catalogs, databases, logs")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - set(FAULTS)):
        parser.error(f"{', '.join(unknown)} found, some of {', '.join(FAULTS)} expected")
    if arguments.skus < 16:
        parser.error("--skus from 16: a run must have a middle")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that all that was started is ended
    statuses = [_drill(name, arguments) for name in arguments.names or FAULTS]
    return max(statuses, key=(0, 2, 1).index)


def _drill(name: str, arguments: argparse.Namespace) -> int:
    """Run one drill and print its line; its exit status."""
    work = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    work.chmod(0o755)  # Postgres runs as another user if we are root
    try:
        outcome = drill_once(name, work, arguments.skus, arguments.database, arguments.limit)
    except CannotRunError as error:
        print(f"{name}: SKIPPED, NOTHING WAS TRIED: {error}", file=sys.stderr, flush=True)
        return 2
    except (RuntimeError, AssertionError, OSError) as error:  # of the drill, of a question to the webserver
        print(f"{name}: did not come to its end: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        if arguments.keep:
            print(f"  {name}: kept {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    print(outcome.line(), *outcome.wrong[:10], sep="\n  ", flush=True)
    return 0 if outcome.held else 1


if __name__ == "__main__":
    sys.exit(main())
