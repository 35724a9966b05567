"""A back-fill, a schedule and new uploads are at work on the same SKUs at the same time, through the real daemon.

    python -m benchmarks.three_at_once [--skus 40] [--database sqlite|postgres] [--limit 1200] [--keep]

The sensor `uploads` finds all photos new, a back-fill over both lines is asked for as the UI does, and the campaign's
schedule ticks. While runs are in the middle of the SKUs, photos are replaced three times, some of them each time. It
is over when all that was asked for is done, and the sensor has nothing more to ask for.

What must hold: nothing torn at any moment; at the end every SKU is made of the photo that lies there, by every stage as
it would make it now; none is lost, every status is as the records say, and no run hangs. Exit status 0: held, 1: not.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType

from benchmarks.line import photo
from benchmarks.process_faults import SETTINGS, Drill, Fault, is_over, prepared
from benchmarks.soundness import CAMPAIGN, ENDED, finished, torn
from catalog_assets.campaign_files import load_campaigns
from catalog_assets.definitions import line_infos
from catalog_assets.environment import Environment
from catalog_assets.records import product_folder, stored_records
from catalog_assets.settled import settled
from resources.engines import Engines
from resources.marketplaces.rule_files import load_rules
from resources.store import content_hash

EVERY_MINUTE = f"""
name: {CAMPAIGN}
schedule: "* * * * *"
rotation: monthly
scenes: [{{template: grey-sweep}}, {{template: oak-window}}]
marketplaces: [amazon, shopify]
"""
OTHERS_REST = "name: winter\narchived: true\nscenes: [{template: frost}]\nmarketplaces: [shopify]\n"
REPLACEMENTS = 3
# The sensor looks every 30 s, and takes a photo that was as it is the time before.
QUIET_S = 100
CAUSES = ("back-fill", "schedule", "upload")


def campaigns_folder(work: Path) -> Path:
    """One campaign, whose schedule ticks every minute."""
    folder = work / "campaigns"
    folder.mkdir()
    (folder / f"{CAMPAIGN}.yaml").write_text(EVERY_MINUTE)
    (folder / "winter.yaml").write_text(OTHERS_REST)
    return folder


def at_work(drill: Drill, backfill: str) -> list[str]:
    """Photos replaced while runs are at work, until all is quiet; what was torn on the way."""
    found: set[str] = set()
    replaced, quiet_since = 0, time.monotonic()
    deadline = time.monotonic() + drill.limit
    while time.monotonic() < deadline:
        if replaced < REPLACEMENTS and _progress(drill) >= 0.25 * (replaced + 1):
            replaced += 1
            replace_photos(drill, replaced)
        if "schedule" in causes(drill.instance):
            stop_schedule(drill.instance)
        if replaced < REPLACEMENTS or not is_over(drill, backfill):
            quiet_since = time.monotonic()
        if time.monotonic() - quiet_since > QUIET_S:
            return sorted(found)
        found.update(torn(drill.store, drill.skus))
        time.sleep(2)
    hanging = [f"run {run.run_id}: {run.status.value}" for run in drill.instance.get_runs() if run.status not in ENDED]
    return [*sorted(found), f"not over after {drill.limit:g} s, photos replaced {replaced} times", *hanging]


def _progress(drill: Drill) -> float:
    """Which part of the SKUs has gone through both lines for the first time."""
    return finished(drill.store, CAMPAIGN, drill.skus) / len(drill.skus)


def replace_photos(drill: Drill, turn: int) -> None:
    """Another photo for every third SKU, first those that are likely done, then others; each sixth more than once."""
    for number, sku in enumerate(drill.skus):
        if number % 6 == 0 or number % 3 == turn % 3:
            data = photo(1000 * turn + number, (384, 384))
            upload = drill.root / "uploads" / f"{sku}.jpg"
            upload.with_suffix(".new").write_bytes(data)
            upload.with_suffix(".new").rename(upload)


def stop_schedule(instance: dg.DagsterInstance) -> None:
    """One tick is enough."""
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
        if state.status == InstigatorStatus.RUNNING:
            instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))


def causes(instance: dg.DagsterInstance) -> Counter[str]:
    """What the runs so far were started by."""
    return Counter(
        run.tags.get("catalog/cause", "back-fill" if "dagster/backfill" in run.tags else "other")
        for run in instance.get_runs()
    )


def mixed(drill: Drill, campaigns: Path) -> Iterator[str]:
    """SKUs that are made of another photo than the one that lies there, and those that a stage would make otherwise."""
    for sku in drill.skus:
        upload = content_hash(drill.store.read(f"uploads/{sku}.jpg"))
        [record] = stored_records(drill.store, product_folder("raw_photo", sku))
        if record.files["photo"].sha256 != upload:
            yield f"{sku} is made of an older photo"
    loaded = load_campaigns(campaigns, load_rules())
    product, lines = line_infos(Environment(root=str(drill.root)), loaded)
    found = settled(drill.instance, drill.store, Engines(), [product, lines[CAMPAIGN]], drill.skus)
    yield from (f"{sku}: its stages do not fit together" for sku in drill.skus if sku not in found)


def drill_once(work: Path, count: int, database: str, limit: float) -> int:
    """The whole; its exit status."""
    campaigns = campaigns_folder(work)
    began = time.monotonic()
    nothing = Fault(lambda drill, caught: None)
    with prepared(nothing, work, count, database, limit, {"CATALOG_CAMPAIGNS": str(campaigns)}) as drill:
        drill.on.daemon.start_sensor("uploads")
        backfill = drill.backfill(drill.skus)
        drill.on.daemon.start_schedule(f"{CAMPAIGN}_schedule")
        wrong = at_work(drill, backfill)
        found = drill.damage()
        started = causes(drill.instance)
        wrong += [f"no run was started by a {cause}" for cause in CAUSES if not started[cause]]
        wrong += mixed(drill, campaigns)
    held = found.none and not wrong
    runs = ", ".join(f"{number} by {cause}" for cause, number in sorted(started.items()))
    print(*found.describe("at the end"), sep="\n")
    print(
        f"three at once: {'held' if held else 'NOT HELD'}; {count} SKUs, runs: {runs}; "
        f"{time.monotonic() - began:.0f} s",
        *wrong[:20],
        sep="\n  ",
        flush=True,
    )
    return 0 if held else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skus", type=int, default=40)
    parser.add_argument("--database", choices=tuple(SETTINGS), default="sqlite")
    parser.add_argument("--limit", type=float, default=1200, metavar="SECONDS", help="the longest it may take")
    parser.add_argument("--keep", action="store_true", help="keep the folder: catalog, database, logs")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that all that was started is ended
    work = Path(tempfile.mkdtemp(prefix="three-at-once-"))
    work.chmod(0o755)  # Postgres runs as another user if we are root
    try:
        return drill_once(work, arguments.skus, arguments.database, arguments.limit)
    finally:
        if arguments.keep:
            print(f"kept {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
