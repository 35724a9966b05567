"""Measures the line: memory, unchanged SKUs, Dagster's bookkeeping. Run it on a quiet machine: `make bench`.

Figures are CPU seconds or ratios within one run; nothing here is asserted.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import dagster as dg
import numpy as np

from catalog_assets.context import RunContext
from catalog_assets.line import run_line
from catalog_assets.line_assets import line_assets
from catalog_assets.partitions import FORCE_TAG, range_tags, register
from catalog_assets.product import product_line
from catalog_assets.settings import load_settings
from resources.catalog_resource import CatalogResource
from resources.engines import Engines
from resources.imaging.encode import jpeg
from resources.progress import Progress
from resources.store import open_store

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
TWELVE_MEGAPIXELS = (4000, 3000)


def photo(seed: int, size: tuple[int, int]) -> bytes:
    """A sharp dark oval with a stripe on a light, slightly noisy background."""
    width, height = size
    rng = np.random.default_rng(seed)
    noise = cv2.resize(rng.normal(0, 2, (height // 4, width // 4, 3)), size, interpolation=cv2.INTER_LINEAR)
    picture = np.clip(228 + noise, 0, 255).astype(np.uint8)
    centre, axes, turn = (width // 2, height // 2), (int(width * 0.3), int(height * 0.35)), float(seed * 9 % 40)
    colour = [int(c) for c in rng.integers(20, 100, 3)]
    cv2.ellipse(picture, centre, axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
    cv2.ellipse(picture, centre, (axes[0] // 2, axes[1] // 3), turn, 0, 360, [150, 60, 40], -1, cv2.LINE_AA)
    return jpeg(picture, quality=90)


def make_catalog(root: Path, count: int, size: tuple[int, int]) -> list[str]:
    """A catalog of `count` SKUs with a photo each; their names."""
    (root / "uploads").mkdir(parents=True)
    names = [f"s{number:05d}" for number in range(count)]
    for number, name in enumerate(names):
        (root / "uploads" / f"{name}.jpg").write_bytes(photo(number, size))
    return names


def library_run(root: Path, *, force: bool = False) -> None:
    """The product line over a catalog without Dagster."""
    store = open_store(str(root))
    context = RunContext(store, load_settings(store), Engines(), force=force)
    run_line(product_line(8).line(context), sorted(context.uploads.skus), threads=2)


def dagster_run(instance: dg.DagsterInstance, root: Path, names: list[str], *, force: bool = False) -> float:
    """The product line over a catalog as one range run; wall seconds of its step, without creating the run."""
    result = dg.materialize(
        [line_assets(product_line(len(names)), ["team:catalog"])],
        instance=instance,
        resources={"catalog": CatalogResource(root=str(root)), "engines": Engines(), "progress": Progress()},
        tags={**range_tags(names[0], names[-1]), **({FORCE_TAG: "true"} if force else {})},
        run_config=QUIET,
    )
    times = {
        entry.dagster_event.event_type_value: entry.timestamp
        for entry in instance.all_logs(result.run_id)
        if entry.dagster_event is not None
    }
    return times["STEP_SUCCESS"] - times["STEP_START"]


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds of a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def peak_memory(count: int) -> float:
    """Peak resident megabytes of a fresh process that runs `count` photos of 12 Mpx."""
    with tempfile.TemporaryDirectory() as folder:
        make_catalog(Path(folder), count, TWELVE_MEGAPIXELS)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.line", "--only-run", folder], capture_output=True, text=True, check=True
        )
    return float(json.loads(done.stdout)["peak_mb"])


def report_memory() -> None:
    few, many = peak_memory(8), peak_memory(40)
    print(f"memory: 8 photos of 12 Mpx {few:.0f} MB, 40 photos {many:.0f} MB, ratio {many / few:.2f} (goal <= 1.2)")


def report_unchanged() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = make_catalog(root, 400, (240, 240))
        library_run(root)
        cpu, wall = measured(lambda: library_run(root))
    print(f"unchanged: {len(names) / wall:.0f} SKUs/s, {1000 * cpu / len(names):.2f} ms CPU a SKU (goal >= 200 SKUs/s)")


def report_bookkeeping() -> None:
    """What Dagster costs: the same unchanged SKUs with it and without it, on SQLite files."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:
        root = Path(folder)
        names = make_catalog(root, 100, (240, 240))
        library_run(root)
        alone, _ = measured(lambda: library_run(root))
        with dg.DagsterInstance.local_temp(home) as instance:
            register(instance, names)
            dagster_run(instance, root, names)
            through, _ = measured(lambda: dagster_run(instance, root, names))
    extra = 1000 * (through - alone) / len(names)
    print(f"bookkeeping: {extra:.0f} ms CPU a SKU, product line with two checks, whole run (goal <= 70)")


def report_overlap() -> None:
    """Wall time of a batch through Dagster beside the library's alone, where pictures take 0.5 s and more."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:
        root = Path(folder)
        names = make_catalog(root, 40, (1800, 1350))
        library_run(root)
        cpu, alone = measured(lambda: library_run(root, force=True))
        with dg.DagsterInstance.local_temp(home) as instance:
            register(instance, names)
            steps: list[float] = []
            _, whole = measured(lambda: steps.append(dagster_run(instance, root, names, force=True)))
        _, again = measured(lambda: library_run(root, force=True))
    alone = (alone + again) / 2
    print(
        f"overlap: {cpu / len(names):.2f} s CPU a SKU; a batch of {len(names)} takes {alone:.1f} s alone, "
        f"{steps[0]:.1f} s as Dagster's step, ratio {steps[0] / alone:.2f} (goal <= 1.10); with the making of the run, "
        f"which is the daemon's work in a back-fill, {whole:.1f} s"
    )


def only_run(folder: str) -> None:
    """For `peak_memory`: run, and print the peak of this process."""
    library_run(Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak_mb": peak}))


REPORTS = {
    "memory": report_memory,
    "unchanged": report_unchanged,
    "bookkeeping": report_bookkeeping,
    "overlap": report_overlap,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="*", help=f"some of {', '.join(REPORTS)}; default: all")
    parser.add_argument("--only-run", metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only_run:
        only_run(arguments.only_run)
        return
    for name in arguments.reports or REPORTS:
        REPORTS[name]()


if __name__ == "__main__":
    main()
