"""What a second worker adds: `catalog refresh` over a catalog, by one process and by two over a half each.

    python -m benchmarks.workers                   32 SKUs of 1 Mpx a process, both lines; five minutes
    python -m benchmarks.workers --skus 64

Each process has a Dagster home of its own, as runs on several machines have a database between them that costs them
little. Prints SKUs an hour, CPU seconds a SKU, and how many times as fast as one process with one thread that is.
Nothing here is asserted.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.scale import REALISTIC
from benchmarks.shops import realistic_shop

# Processes and the threads of each. The first is what the others are held against.
WAYS = ((1, 1), (1, 2), (2, 1), (2, 2))


@dataclass(frozen=True)
class Taken:
    """What one way took. wall, cpu: seconds, the start of the processes included."""

    processes: int
    threads: int
    skus: int
    wall: float
    cpu: float

    @property
    def an_hour(self) -> float:
        return 3600 * self.skus / self.wall


def tried(shop: Path, skus: Sequence[str], processes: int, threads: int) -> Taken:
    """Refresh a copy of a shop in which nothing was made yet. RuntimeError if a process could not work."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "catalog"
        shutil.copytree(shop, root)
        (root / "catalog.yaml").write_text(f"{REALISTIC}threads: {threads}\n")
        cpu, started = _spent(), time.monotonic()
        running = [_start(root, Path(folder) / f"home{k}", skus[k::processes]) for k in range(processes)]
        codes = [process.wait() for process in running]
        wall = time.monotonic() - started
        if max(codes) > 1:
            raise RuntimeError(
                f"catalog refresh ended with {codes}: {(root.parent / 'refresh.log').read_text()[-2000:]}"
            )
        return Taken(processes, threads, len(skus), wall, _spent() - cpu)


def _start(root: Path, home: Path, skus: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "catalog_assets.cli", "refresh", "--root", str(root), "--campaign", "evergreen"]
    command += [word for sku in skus for word in ("--sku", sku)]
    home.mkdir()
    with (root.parent / "refresh.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "DAGSTER_HOME": str(home)})


def _spent() -> float:
    """CPU seconds of the children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def report(taken: Sequence[Taken]) -> None:
    """One table: a row for each way."""
    table = Table(title=f"catalog refresh, {taken[0].skus} SKUs a process", title_justify="left")
    for column in ("processes", "threads of each", "SKUs an hour", "CPU s a SKU", "times as fast"):
        table.add_column(column, justify="right")
    for one in taken:
        faster = one.an_hour / taken[0].an_hour
        cells = (one.processes, one.threads, f"{one.an_hour:.0f}", f"{one.cpu / one.skus:.2f}", f"{faster:.2f}")
        table.add_row(*map(str, cells))
    Console(width=120).print(table)


def main() -> None:
    """Parse the command line, try all ways and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skus", type=int, default=32, help="a process")
    parser.add_argument("--megapixels", type=float, default=1.0, help="of a photo")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shop = Path(folder) / "shop"
        skus = realistic_shop(shop, options.skus * max(processes for processes, _ in WAYS), options.megapixels)
        report([tried(shop, skus[: options.skus * processes], processes, threads) for processes, threads in WAYS])


if __name__ == "__main__":
    main()
