"""Thousands of new photos, and the ticks of the sensor `uploads` until it knows them all.

    python -m benchmarks.uploads_sensor [--files 10000] [--changed 0.01]

A tick looks into the folder, registers SKUs and asks for their work; Dagster's state is SQLite on disk, its daemon is
not running. First all photos are new, then --changed of them, which lie apart.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.table import Table

from benchmarks.shops import plain_shop, replace_photos
from catalog_assets.campaign_files import load_campaigns
from catalog_assets.definitions import line_infos
from catalog_assets.environment import Environment
from catalog_assets.instance import open_instance
from catalog_assets.partitions import registered
from resources.catalog_resource import CatalogResource
from sensors.uploads import uploads_sensor
from tests.dagster_runs import sensor_tick

MOST_TICKS = 10
console = Console(width=120)


@dataclass(frozen=True)
class Tick:
    """One look of the sensor. wall, cpu: seconds. asked: requests for work. said: why there were none."""

    wall: float
    cpu: float
    known: int
    asked: int
    said: str


def ticks_until_quiet(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, root: Path, cursor: str | None
) -> tuple[list[Tick], str | None]:
    """Ticks until one finds nothing to do and nothing that still grows, and the cursor after it."""
    found: list[Tick] = []
    while len(found) < MOST_TICKS:
        wall, cpu = time.perf_counter(), time.process_time()
        result = sensor_tick(sensor, instance, CatalogResource(root=str(root)), cursor)
        cursor = result.cursor
        said = result.skip_reason.skip_message if result.skip_reason else ""
        spent = time.perf_counter() - wall, time.process_time() - cpu
        found.append(Tick(*spent, len(registered(instance)), len(result.run_requests or []), said))
        if said.startswith("No new"):
            break
    return found, cursor


def main() -> None:
    """Parse the command line, tick and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--changed", type=float, default=0.01)
    options = parser.parse_args()
    campaigns = load_campaigns()
    sensor = uploads_sensor(*line_infos(Environment(), campaigns), campaigns)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "catalog"
        os.environ["DAGSTER_HOME"] = str(Path(folder) / "home")
        skus = plain_shop(root, options.files, side=64)
        cursor: str | None = None
        with open_instance(str(root)) as instance:
            for title in ("new", "changed"):
                if title == "changed":
                    replace_photos(root, skus, options.changed, plain=True)
                ticks, cursor = ticks_until_quiet(sensor, instance, root, cursor)
                report(f"{options.files} photos, {title}", ticks)


def report(title: str, ticks: list[Tick]) -> None:
    """One table: a row a tick."""
    table = Table("tick", "wall s", "CPU s", "SKUs known", "requests", "said", title=title, title_justify="left")
    for number, tick in enumerate(ticks, 1):
        table.add_row(str(number), f"{tick.wall:.1f}", f"{tick.cpu:.1f}", str(tick.known), str(tick.asked), tick.said)
    console.print(table)


if __name__ == "__main__":
    main()
