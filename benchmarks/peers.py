"""Side by side: rembg's folder mode, a plain loop over our library, `catalog cutout`, `catalog refresh`; same pictures.

    make bench-peers                                               16 pictures of 1 Mpx
    python -m benchmarks.peers --pictures 40 --megapixels 4

Each is a fresh process, run over one picture and over all of them: the difference is what further pictures cost. First
on one core with one thread, then on all cores, as each would use them by itself. Only time is compared: rembg runs a
net of U2-NetP's size with random weights (`benchmarks/u2netp.py`), so its cut-outs say nothing of its quality. Nothing
is downloaded, nothing is asserted. Linux only. Exit status 1: a program failed, and its row is missing.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.shops import realistic_shop

ROOT = Path(__file__).parents[1]
CUTNET = ROOT / "resources" / "nets" / "cutnet" / "cutnet.onnx"
# Campaigns that are not on: `catalog refresh` then runs the product line and the reports alone.
NO_CAMPAIGNS = ("evergreen", "winter")
_LIMIT_SECONDS = 3600
# What the libraries below these programs ask for their number of threads.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
_NET_RUNS = 15
_MEANING = """\
Compared is time alone, not quality: U2-NetP, rembg's smallest net, has random weights here. `catalog cutout` also
corrects the photo and judges the cut-out; `catalog refresh` also keeps records and writes reports; with evergreen it
makes scenes, judges them and exports for marketplaces. rembg does none of these.\
"""
console = Console(width=120)


@dataclass(frozen=True)
class Peer:
    """One way to get from photos to pictures.

    command: {photos}, {out}, {root} and {none} stand for a folder of photos, one for pictures, a catalog with these
    photos as uploads, and a folder of campaigns none of which is on. results: a pattern below the folder of a run that
    finds one name a picture that was made. ok: exit statuses.
    """

    name: str
    command: Sequence[str]
    results: str
    variables: Mapping[str, str] = field(default_factory=dict)
    ok: Sequence[int] = (0,)


@dataclass(frozen=True)
class Spent:
    """CPU seconds (user and system) of a program and all it started, and wall seconds. made: pictures that came out."""

    cpu: float
    wall: float
    made: int


@dataclass(frozen=True)
class Row:
    """What a way costs: CPU seconds of start and first picture, seconds of a further one; pictures made of how many."""

    name: str
    first_cpu: float
    cpu: float
    wall: float
    made: int
    pictures: int


def row(name: str, one: Spent, several: Spent, pictures: int) -> Row:
    """A row from a run over one picture and one over several, 2 or more, that one among them."""
    cpu, wall = ((b - a) / (pictures - 1) for a, b in ((one.cpu, several.cpu), (one.wall, several.wall)))
    return Row(name, one.cpu, cpu, wall, several.made, pictures)


def peers(rembg: Path | None, models: Path) -> list[Peer]:
    """The ways to compare, rembg's first. rembg: its program, None where it is not installed. models: its folder."""
    catalog = str(Path(sys.executable).parent / "catalog")
    variables = {"U2NET_HOME": str(models)}
    options = {"": [], ", edge colours (-dc)": ["-dc"], ", alpha matting (-a)": ["-a"]}
    theirs = [
        Peer(f"rembg p{said}", [str(rembg), "p", "-m", "u2netp", *given, "{photos}", "{out}"], "out/*.png", variables)
        for said, given in options.items()
    ]
    refresh = [catalog, "refresh", "--root", "{root}"]
    ours = [
        Peer(
            "plain loop over our library",
            [sys.executable, "-m", "benchmarks.plain_loop", "{photos}", "{out}"],
            "out/*.png",
            {"PYTHONPATH": str(ROOT)},
        ),
        Peer("catalog cutout", [catalog, "cutout", "{photos}/*", "-o", "{out}"], "out/*.png", ok=(0, 1)),
        Peer(
            "catalog refresh, product line",
            refresh,
            "catalog/assets/product/cutout/*",
            {"CATALOG_CAMPAIGNS": "{none}"},
            ok=(0, 1),
        ),
        Peer(
            "catalog refresh, with evergreen",
            [*refresh, "--campaign", "evergreen"],
            "catalog/exports/*/evergreen/*",
            ok=(0, 1),
        ),
    ]
    return [*(theirs if rembg else []), *ours]


def compared(ways: Sequence[Peer], photos: Sequence[Path], work: Path, *, one_core: bool) -> Iterator[Row | str]:
    """A row for each way, or why there is none. What a program keeps from its first run is kept before it is timed."""
    for way in ways:
        try:
            _, few, many = (
                run(way, some, work / "run", one_core=one_core) for some in (photos[:1], photos[:1], photos)
            )
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            yield f"{way.name} is left out: {error}"
        else:
            yield row(way.name, few, many, len(photos))


def run(way: Peer, photos: Sequence[Path], folder: Path, *, one_core: bool) -> Spent:
    """Run one way over photos, in a folder that is made anew. RuntimeError with its output if it failed."""
    places = _prepared(folder, photos, one_core=one_core)
    variables = {name: value.format(**places) for name, value in way.variables.items()}
    if one_core:
        variables |= _ONE_THREAD
    with (folder / "log").open("w+") as log:
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        status = subprocess.run(
            list(_filled(way.command, places)),
            cwd=folder,
            env=_environment() | variables,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=_LIMIT_SECONDS,
            preexec_fn=_take_one_core if one_core else None,
            check=False,
        ).returncode
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        log.seek(0)
        said = log.read()[-2000:]
    if status not in way.ok:
        raise RuntimeError(f"{way.name} ended with status {status}: {said}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(cpu, wall, len({path.name for path in folder.glob(way.results)}))


def _prepared(folder: Path, photos: Sequence[Path], *, one_core: bool) -> dict[str, str]:
    """An empty folder for a run, and what the places in commands stand for."""
    shutil.rmtree(folder, ignore_errors=True)
    uploads, none = folder / "catalog" / "uploads", folder / "none"
    for new in (uploads, none):
        new.mkdir(parents=True)
    for photo in photos:
        shutil.copy(photo, uploads)
    if one_core:
        (folder / "catalog" / "catalog.yaml").write_text("threads: 1\n")
    for name in NO_CAMPAIGNS:
        (none / f"{name}.yaml").write_text(
            f"name: {name}\nscenes: [{{template: grey-sweep}}]\nmarketplaces: [shopify]\narchived: true\n"
        )
    places = {"photos": uploads, "out": folder / "out", "root": folder / "catalog", "none": none}
    return {name: str(path) for name, path in places.items()}


def _filled(command: Sequence[str], places: Mapping[str, str]) -> Iterator[str]:
    for part in command:
        text = part.format(**places)
        yield from sorted(map(str, Path(text).parent.iterdir())) if text.endswith("/*") else [text]


def _environment() -> dict[str, str]:
    """Ours, without what would send these programs to somebody's catalog."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("CATALOG_", "DAGSTER_"))}


def _take_one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def net_seconds(path: Path) -> float:
    """CPU seconds of an ONNX net for one picture on one thread, the median of some runs."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    [taken] = session.get_inputs()
    values = {taken.name: np.random.default_rng(1).normal(size=taken.shape).astype(np.float32)}
    seconds = []
    for _ in range(_NET_RUNS):
        started = time.process_time()
        session.run(None, values)
        seconds.append(time.process_time() - started)
    return statistics.median(seconds[1:])


def report(rows: Sequence[Row], title: str) -> None:
    """One table; ratios are to its first row."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in ("first, CPU s", "further, CPU s", "ratio", "wall s", "ratio", "made"):
        table.add_column(name, justify="right")
    for each in rows:
        table.add_row(
            each.name,
            f"{each.first_cpu:.1f}",
            f"{each.cpu:.2f}",
            f"{each.cpu / rows[0].cpu:.2f}",
            f"{each.wall:.2f}",
            f"{each.wall / rows[0].wall:.2f}",
            f"{each.made} of {each.pictures}",
        )
    console.print(table)


def _versions(rembg: Path | None) -> str:
    """What is compared, in words."""
    theirs = []
    if rembg is not None:
        theirs = [subprocess.run([rembg, "--version"], capture_output=True, text=True, check=True).stdout.strip()]
    return "; ".join([*theirs, f"catalog-pictures {version('catalog-pictures')}, onnxruntime {version('onnxruntime')}"])


def parsed(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line. Ends with status 2 and one line for numbers that say nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=16, help="2 or more")
    parser.add_argument("--megapixels", type=float, default=1.0, help="of a picture")
    parser.add_argument("--rembg", type=Path, default=ROOT / ".venv-rembg" / "bin" / "rembg", help="its program")
    options = parser.parse_args(given)
    if options.pictures < 2:
        parser.error(f"--pictures: {options.pictures} found, 2 or more expected")
    if not 0.1 <= options.megapixels <= 50:
        parser.error(f"--megapixels: {options.megapixels:g} found, 0.1 to 50 expected")
    return options


def main() -> int:
    """Parse the command line, run all ways on one core and on all, and print. The exit status."""
    options = parsed()
    failures: list[str] = []
    rembg = options.rembg.absolute() if options.rembg.is_file() else None
    if rembg is None:
        console.print(f"rembg is not installed ({options.rembg}): the others are timed without it.", highlight=False)
    from benchmarks import u2netp

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        models = work / "models"
        models.mkdir()
        net = models / "u2netp.onnx"
        u2netp.write(net)
        realistic_shop(work / "shop", options.pictures, options.megapixels)
        photos = sorted((work / "shop" / "uploads").iterdir())
        console.print(f"{date.today()}, {len(os.sched_getaffinity(0))} cores. {_versions(rembg)}", highlight=False)
        for one_core, title in ((True, "one core, one thread"), (False, "all cores, each as it is")):
            found = list(compared(peers(rembg, models), photos, work, one_core=one_core))
            report(
                [each for each in found if isinstance(each, Row)],
                f"{options.pictures} pictures of {options.megapixels:g} Mpx, {title}",
            )
            failures += [each for each in found if isinstance(each, str)]
        theirs, ours = net_seconds(net), net_seconds(CUTNET)
    console.print(
        f"The nets alone, one thread, 320 px: U2-NetP {theirs:.3f} CPU s a picture, cutnet {ours:.3f} "
        f"(ratio {ours / theirs:.2f}).\n{_MEANING}",
        highlight=False,
    )
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
