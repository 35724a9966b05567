"""What each part of the embedded cut-out is worth: classical, net alone, net with drawn edges, and all together.

    python -m benchmarks.ablation [DATA] [--count 300]

DATA holds manifest.csv (file, matte, gt_type, tags) and what it names. Composites are of products that no net was
trained on.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
from rich.table import Table

from benchmarks.composites import SPRITES
from benchmarks.cutouts import COMPOSITES, console, measured
from benchmarks.labelled import CACHE, Case, Result, composite_cases, photo_cases, picture_of, seconds_a_megapixel
from resources.engines import Engines
from resources.matting.gate import default_thresholds
from resources.matting.onnx_saliency import OnnxDetector
from resources.matting.shop_weights import OWN_NET

ENGINES = {
    "classical": "classical",
    "cutnet+own": "net alone",
    "cutnet": "net, edges drawn",
    "embedded": "all",
}
TIMED = 12


def by_engine(title: str, cases: Sequence[Case], options: argparse.Namespace) -> dict[str, list[Result]]:
    """Results of each engine over the same cases."""
    found = {}
    for engine in ENGINES:
        options.engine = engine
        found[engine] = measured(f"{title} {engine}", cases, options)
    return found


def show_scores(title: str, found: Mapping[str, Sequence[Result]]) -> None:
    """A row an engine: the measures of the cut-outs, what was accepted, and CPU."""
    table = Table(
        title, "n", "IoU", "ok", "MAE", "boundary F", "band MSE", "accepted", "wrong", "CPU s/MP", title=title
    )
    for engine, results in found.items():
        scored = [r.scores for r in results if r.scores is not None and not r.negative]
        means = [
            statistics.fmean(getattr(s, name) for s in scored) for name in ("iou", "mae", "boundary_f", "band_mse")
        ]
        ok = statistics.fmean(s.right for s in scored)
        through = [r for r in results if r.verdict(default_thresholds(engine)).accepted]
        table.add_row(
            ENGINES[engine],
            str(len(scored)),
            f"{means[0]:.3f}",
            f"{ok:.2f}",
            *(f"{mean:.3f}" for mean in means[1:]),
            f"{len(through) / len(results):.0%}",
            str(sum(not r.right for r in through)),
            f"{seconds_a_megapixel(results):.2f}",
        )
    console.print(table)


def show_kinds(title: str, found: Mapping[str, Sequence[Result]], kinds: Mapping[str, Sequence[str]]) -> None:
    """A row a kind of object: mean IoU of each engine. kinds: names of kinds by the name of the picture."""
    groups: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for engine, results in found.items():
        for result in results:
            for kind in kinds.get(result.name, ()):
                if result.scores is not None and not result.negative:
                    groups[kind][engine].append(result.scores.iou)
    table = Table("kind", "n", *(ENGINES[engine] for engine in found), title=f"{title}: mean IoU by kind of object")
    for kind, ious in sorted(groups.items()):
        counts = len(next(iter(ious.values())))
        table.add_row(kind, str(counts), *(f"{statistics.fmean(ious[engine]):.3f}" for engine in found))
    console.print(table)


def show_cost_of_the_net(cases: Sequence[Case]) -> None:
    """CPU seconds of the net alone, photo in and answer out; the first look, which loads it, is not counted."""
    models = Engines().models()
    net = OnnxDetector(models.ready(OWN_NET), models)
    photos = [picture_of(case)[0] for case in cases[: TIMED + 1]]
    seconds = []
    for photo in photos:
        started = time.process_time()
        net.answer(photo)
        seconds.append(time.process_time() - started)
    print(f"the net alone: {statistics.median(seconds[1:]):.2f} CPU s a picture (goal <= 0.35)")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, help="folder with manifest.csv, photos and mattes")
    parser.add_argument("--sprites", type=Path, nargs="*", default=[SPRITES])
    parser.add_argument("--count", type=int, default=COMPOSITES)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.data:
        cases = photo_cases(options.data)
        found = by_engine("photos", cases, options)
        show_scores("photos", found)
        show_kinds("photos", found, {case.name: case.tags for case in cases})
    cases = composite_cases(options.sprites, options.count, options.every)
    found = by_engine("composites", cases, options)
    show_scores("composites", found)
    show_kinds("composites", found, {case.name: (case.group,) for case in cases})
    show_cost_of_the_net(cases)


if __name__ == "__main__":
    main()
