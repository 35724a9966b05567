"""How well the fidelity judge tells intact products from damaged ones, and where its limits are best put.

    python -m benchmarks.fidelity [LABELS.csv ...] [--base DIR] [--text] [--calibrate] [--misses] [--catalog ROOT]

LABELS.csv is a table of benchmarks.fidelity_pairs (or one with the columns final, original, matte, kind, damaged; with
--base the folder that original and matte are relative to). Prints AUROC of the score, verdicts by kind, and CPU seconds
a pair. --calibrate chooses the limits anew on the kinds that are not held out, writes them with the counts of all sets
to resources/quality/thresholds.yaml, and prints the figures under them; measures are taken once. --catalog judges the
finals of a catalog, in the line and without knowing where their products lie.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import pickle
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import yaml
from rich.console import Console
from rich.progress import track
from rich.table import Table

from catalog_assets.records import campaign_shelf, product_shelf, read_file
from resources.imaging.encode import read_grey, read_rgb, read_rgba
from resources.quality import fidelity
from resources.quality.fidelity import judge
from resources.quality.printed_text import PrintedText
from resources.quality.rules import RULES, findings, verdict_on
from resources.quality.thresholds import THRESHOLDS_FILE, FidelityThresholds, read_thresholds, shipped_thresholds
from resources.quality.witness import Finding, Witness
from resources.store import open_store
from resources.verdicts import Decision, Measure, Verdict

console = Console()


@dataclass(frozen=True)
class Pair:
    """One row of a table. heldout: of a kind that limits are not chosen on."""

    final: str
    original: str
    matte: str
    kind: str
    damaged: bool
    heldout: bool


@dataclass(frozen=True)
class Result:
    """A pair, what the judge said of it, and the CPU seconds that took (decoding left out)."""

    pair: Pair
    verdict: Verdict
    seconds: float


def read_labels(table: Path, base: Path | None) -> list[Pair]:
    """The rows of a table, paths made whole."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    where = base or table.parent
    return [
        Pair(
            str(table.parent / row["final"]),
            str(where / row["original"]),
            str(where / row["matte"]),
            row["kind"],
            row["damaged"] == "1",
            row.get("heldout") == "1",
        )
        for row in rows
    ]


def judged(pairs: Sequence[Pair], *, text: bool, processes: int) -> list[Result]:
    """Every pair judged, in order, with a progress bar."""
    cv2.setNumThreads(1)
    # Not multiprocessing.Pool: it ends its processes by SIGTERM, which Dagster ignores where SIGINT is ignored (nohup).
    forked = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(processes, mp_context=forked, initializer=_quiet) as pool:
        work = pool.map(_judge_with_text if text else _judge, pairs, chunksize=4)
        return list(track(work, "judged", total=len(pairs), console=Console(stderr=True)))


def _quiet() -> None:
    cv2.setNumThreads(1)


def _judge(pair: Pair, witnesses: Sequence[Witness] = ()) -> Result:
    original, final = (read_rgb(Path(name).read_bytes()) for name in (pair.original, pair.final))
    matte = read_grey(Path(pair.matte).read_bytes())
    started = time.process_time()
    verdict = judge(original, matte, final, placement=None, witnesses=witnesses)
    return Result(pair, verdict, time.process_time() - started)


@cache
def _text() -> PrintedText:
    return PrintedText()


def _judge_with_text(pair: Pair) -> Result:
    return _judge(pair, [_text()])


# ---- figures


def auroc(results: Iterable[Result]) -> float:
    """How often an intact picture scores above a damaged one; ties count half."""
    scores: dict[bool, list[float]] = {True: [], False: []}
    for result in results:
        scores[result.pair.damaged].append(result.verdict.score)
    intact, damaged = np.array(scores[False]), np.array(scores[True])
    if not len(intact) or not len(damaged):
        return float("nan")
    return float((intact[:, None] > damaged).mean() + 0.5 * (intact[:, None] == damaged).mean())


def counts(name: str, fitted: bool, results: Sequence[Result]) -> dict[str, object]:
    """One set's counts, as thresholds.yaml holds them."""
    said = Counter((result.pair.damaged, result.verdict.decision) for result in results)
    return {
        "name": name,
        "fitted": fitted,
        "intact": sum(n for (damaged, _), n in said.items() if not damaged),
        "intact_review": said[False, "review"],
        "intact_rejected": said[False, "rejected"],
        "damaged": sum(n for (damaged, _), n in said.items() if damaged),
        "damaged_accepted": said[True, "accepted"],
        "auroc": round(auroc(results), 4),
    }


def show(name: str, results: Sequence[Result]) -> None:
    """Print a set's verdicts by kind, its AUROC, and what deciding took."""
    by_kind: defaultdict[tuple[bool, bool, str], Counter[str]] = defaultdict(Counter)
    for result in results:
        by_kind[result.pair.damaged, result.pair.heldout, result.pair.kind][result.verdict.decision] += 1
    table = Table("kind", "pairs", "accepted", "review", "rejected", title=name)
    for (damaged, heldout, kind), said in sorted(by_kind.items()):
        mark = f"{'damaged' if damaged else 'intact'}{', held out' if heldout else ''}: {kind}"
        table.add_row(mark, str(said.total()), *(str(said[d]) for d in ("accepted", "review", "rejected")))
    console.print(table)
    seconds = np.array([result.seconds for result in results])
    for part in ("all", "held out"):
        chosen = [r for r in results if part == "all" or r.pair.heldout]
        if chosen:
            print(f"{name}, {part}: {_shares(chosen)}")
    print(f"{name}: {seconds.mean():.2f} CPU s a pair, worst {seconds.max():.2f}")


def _shares(results: Sequence[Result]) -> str:
    said = counts("", False, results)
    intact, damaged = max(1, int(str(said["intact"]))), max(1, int(str(said["damaged"])))
    return (
        f"AUROC {said['auroc']}; intact rejected {int(str(said['intact_rejected'])) / intact:.1%}, "
        f"to review {int(str(said['intact_review'])) / intact:.1%} of {said['intact']}; "
        f"damaged accepted {int(str(said['damaged_accepted'])) / damaged:.1%} of {said['damaged']}"
    )


def show_misses(results: Iterable[Result]) -> None:
    """Print every pair that was judged wrong."""
    for result in results:
        if result.pair.damaged == result.verdict.accepted:
            verdict = result.verdict
            print(f"  {Path(result.pair.final).name}: {verdict.decision} {verdict.score:.2f} {verdict.decided_by}")


# ---- the finals of a catalog


def show_catalog(root: Path) -> None:
    """Print what the judge says of a catalog's finals: in the line, where the placement is known, and without it."""
    store = open_store(str(root))
    in_line, alone = Counter[str](), Counter[str]()
    places = [(campaign, sku) for campaign in store.children("assets/campaigns")
              for sku in store.children(f"assets/campaigns/{campaign}/scored_finals")]  # fmt: skip
    for campaign, sku in track(places, "finals", console=Console(stderr=True)):
        cutouts = {record.files["cutout"].sha256: record for record in product_shelf(store, "cutout", sku).records()}
        for final in campaign_shelf(store, campaign, "scored_finals", sku).records():
            in_line[final.status] += 1
            cutout = cutouts.get(str(final.inputs["cutout"]))
            if cutout is not None and "final" in final.files:
                rgba = read_rgba(read_file(store, cutout.files["cutout"]))
                picture = read_rgb(read_file(store, final.files["final"]))
                alone[judge(rgba[..., :3], rgba[..., 3], picture, placement=None).decision] += 1
    print(f"{root}: finals in the line (goal: 99 % accepted, none rejected): {dict(in_line)}")
    print(f"{root}: the same pictures, product searched: {dict(alone)}")


# ---- choosing limits

# Limits that are choices of the house, not of statistics.
FIXED = frozenset(
    {
        "changed_pixels",
        "min_side",
        "visible",
        "rotation",
        "stretch",
        "ab_shift_review",
        "ab_shift_reject",
        "twins",
        "expansion",
        "detail",
    }
)
STEPS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5)
# What one intact picture rejected, or sent to review, costs in damaged ones accepted. Most pictures are intact.
COST_REJECTED, COST_REVIEW = 3.0, 1.0
# A limit must leave room to the intact pictures that are nearest to it: they are taken to be so much worse.
ROOM = 1.05
# Where nothing else speaks, limits are tight: there is damage that no set has. A limit at its old place costs this.
COST_LOOSE = 0.02
_BETTER = {rule.limit: rule.better for rule in RULES}
OPERATING_POINT = (
    f"least damaged accepted + {COST_REJECTED:g} x intact rejected + {COST_REVIEW:g} x intact to review, "
    f"every measure of the intact taken to be {ROOM - 1:.0%} worse than it is; of equal limits the tighter"
)


def under(result: Result, limits: FidelityThresholds, room: float = 1.0) -> Result:
    """A result as it would be under other limits. room: measures are worsened by this factor first."""
    values = {one.name: one.value for one in result.verdict.measures if one.threshold is not None}
    facts = {one.name: one.value for one in result.verdict.measures if one.threshold is None}
    if "worst_block_ssim" not in values:  # it was not found, or could not be judged: no limit changes that
        return result
    if room != 1.0:
        better = {rule.measure: rule.better for rule in RULES if rule.limit not in FIXED}
        values = {
            name: value if name not in better else value * room if better[name] == "lower" else 1 - (1 - value) * room
            for name, value in values.items()
        }
    said = findings(values, limits, {} if facts.get("inliers") else {"stretch": "review"})
    own = {rule.measure for rule in RULES}
    others = [Finding(one, _meaning(one)) for one in result.verdict.measures if one.name not in own and one.threshold]
    return replace(result, verdict=verdict_on([*said, *others]))


def _meaning(one: Measure) -> Decision:
    """What a witness's measure means: its stricter limit is that for a look."""
    return "rejected" if one.name == "text_distance" and not one.passed and (one.threshold or 0) > 0.2 else "review"


def cost(results: Sequence[Result], limits: FidelityThresholds, start: FidelityThresholds) -> float:
    """What a choice of limits costs on a set; see OPERATING_POINT. start: the limits that looseness is measured by."""
    total = COST_LOOSE * sum(_looseness(name, limits, start) for name in asdict(start) if name not in FIXED)
    for result in results:
        decision = under(result, limits, 1.0 if result.pair.damaged else ROOM).verdict.decision
        if result.pair.damaged:
            total += decision == "accepted"
        else:
            total += {"accepted": 0.0, "review": COST_REVIEW, "rejected": COST_REJECTED}[decision]
    return total


def _looseness(name: str, limits: FidelityThresholds, start: FidelityThresholds) -> float:
    """How far a limit is from the ideal value, as a multiple of where it was."""
    now, before = getattr(limits, name), getattr(start, name)
    return float((1 - now) / (1 - before) if _BETTER[name] == "higher" else now / before)


def chosen_limits(results: Sequence[Result], start: FidelityThresholds) -> FidelityThresholds:
    """The limits with the least cost: the best single change of one, again and again, while one pays."""
    best, least = start, cost(results, start, start)
    while True:
        options = [(cost(results, changed, start), changed) for changed in _changed(best, start)]
        found, limits = min(options, key=lambda option: option[0])
        if found >= least - 1e-9:
            return best
        best, least = limits, found


def _changed(limits: FidelityThresholds, start: FidelityThresholds) -> Iterable[FidelityThresholds]:
    for name, value in asdict(start).items():
        if name in FIXED:
            continue
        for step in STEPS:
            moved = value * step if _BETTER[name] == "lower" else 1 - (1 - value) * step
            yield replace(limits, **{name: float(f"{max(0.0, moved):.3g}")})


def write(limits: FidelityThresholds, sets: Sequence[dict[str, object]]) -> None:
    """Put limits and counts into thresholds.yaml; its comments stay."""
    remarks = [line for line in THRESHOLDS_FILE.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    content = {
        "limits": asdict(limits),
        "calibration": {
            "revision": fidelity.REVISION,
            "date": date.today(),
            "operating_point": OPERATING_POINT,
            "sets": list(sets),
        },
    }
    half_written = THRESHOLDS_FILE.with_suffix(".part")
    body = yaml.safe_dump(content, sort_keys=False, width=110)
    half_written.write_text("\n".join([*remarks, body]), encoding="utf-8")
    read_thresholds(half_written)
    half_written.replace(THRESHOLDS_FILE)
    print(f"written: {THRESHOLDS_FILE}")


def split(name: str, results: Sequence[Result]) -> list[tuple[str, bool, list[Result]]]:
    """A set in two: the kinds that limits are chosen on, and those that are held out."""
    fitted = [result for result in results if not result.pair.heldout]
    rest = [result for result in results if result.pair.heldout]
    return [(name, True, fitted)] + ([(f"{name}, other kinds", False, rest)] if rest else [])


def _kept(options: argparse.Namespace, table: Path, pairs: Sequence[Pair]) -> list[Result]:
    """Judged pairs of a table, from the folder they are kept in if they are there."""
    if options.keep is None:
        return judged(pairs, text=options.text, processes=options.processes)
    file = options.keep / f"{table.parent.name}{'-text' if options.text else ''}.pickle"
    if not file.exists():
        options.keep.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(judged(pairs, text=options.text, processes=options.processes)))
    found: list[Result] = pickle.loads(file.read_bytes())  # noqa: S301 - written by this program
    return [under(result, shipped_thresholds()) for result in found]


def main() -> None:
    """Judge, show, and calibrate if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, nargs="*")
    parser.add_argument("--base", type=Path, help="folder of originals and mattes, where it is not that of the table")
    parser.add_argument("--text", action="store_true", help="read printed text too")
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--misses", action="store_true", help="list the pairs that were judged wrong")
    parser.add_argument("--catalog", type=Path, help="root of a catalog whose finals are judged")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder to keep measures in: remove it when the judge changes")
    options = parser.parse_args()
    if options.catalog:
        show_catalog(options.catalog)
    sets = []
    for table in options.labels:
        pairs = read_labels(table, options.base)
        sets += split(table.parent.name, _kept(options, table, pairs))
    limits = shipped_thresholds()
    if options.calibrate:
        limits = chosen_limits([result for _, fitted, results in sets if fitted for result in results], limits)
        sets = [(name, fitted, [under(r, limits) for r in results]) for name, fitted, results in sets]
        write(limits, [counts(name, fitted, results) for name, fitted, results in sets])
    for name, _, results in sets:
        show(name, results)
        if options.misses:
            show_misses(results)


if __name__ == "__main__":
    main()
