"""Measures cut-outs: photos with known mattes, composites, edge colours, memory. `make bench [DATA=folder]`.

    python -m benchmarks.cutouts [DATA] [--only photos composites edges memory] [--report DIR]

DATA holds manifest.csv (file, matte, gt_type) and what it names; without it, what needs no photos is measured.
Times are CPU seconds of one thread. Goals stand beside the figures; nothing here is asserted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.composites import NEGATIVES, SPRITES, Sprite, load_sprites
from benchmarks.labelled import (
    CACHE,
    Case,
    Result,
    by_kind,
    composite_cases,
    photo_cases,
    results,
    seconds_a_megapixel,
    segmented,
)
from benchmarks.metrics import RIGHT, iou
from resources.engines import Engines
from resources.imaging.alpha import make_cutout, over
from resources.imaging.colour import delta_e_2000, rgb_to_lab
from resources.imaging.encode import jpeg
from resources.matting.gate import default_thresholds

COMPOSITES = 300
# Colours that a cut-out was photographed on, and is shown on.
GROUNDS = {"green": (52, 160, 84), "near-white": (244, 243, 240), "red": (196, 40, 44)}
SOFT = (0.1, 0.95)
LARGE_PHOTO = (8000, 6000)

# Tables are as wide when they are written into a file.
console = Console(width=None if sys.stdout.isatty() else 120)


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error; call what it yields once a step."""
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bars:
        task = bars.add_task(title, total=total)
        yield lambda: bars.advance(task)


def measured(title: str, cases: Sequence[Case], options: argparse.Namespace) -> list[Result]:
    """Results of the cases, with a progress bar."""
    with progress(title, len(cases)) as advance:
        return results(cases, options.engine, advance, processes=options.processes, folder=options.cache)


def accepted(found: Sequence[Result], engine: str) -> list[Result]:
    """Those that the gate lets through unseen."""
    limits = default_thresholds(engine)
    return [result for result in found if result.verdict(limits).accepted]


def report_photos(options: argparse.Namespace) -> None:
    """The table of scores by kind of truth, and what the gate did with the photos."""
    found = measured("photos", photo_cases(options.data), options)
    table = Table("photos", "n", "IoU", "ok", "MAE", "boundary F", "band MSE", "CPU s/MP", title="Photos")
    for kind, group in {**by_kind(found), "all": found}.items():
        table.add_row(kind, str(len(group)), *_means(group))
    table.add_row("goal", "", ">= 0.86", ">= 0.72", "<= 0.05", ">= 0.76", "<= 0.13", "<= 2.0", style="dim")
    console.print(table)
    through = accepted(found, options.engine)
    wrong = [result for result in through if not result.right]
    print(
        f"photos: {len(through)} of {len(found)} accepted, {len(through) / len(found):.0%} (goal >= 60 %); "
        f"{len(wrong)} of them wrong, IoU < {RIGHT:.2f} (goal: none){_named(wrong)}"
    )
    _show_reasons(found, options.engine)
    if options.report:
        _write_sheet(options, "photos", photo_cases(options.data), found)


def _means(group: Sequence[Result]) -> list[str]:
    scores = [result.scores for result in group if result.scores is not None]
    means = [
        statistics.fmean(getattr(one, name) for one in scores) for name in ("iou", "mae", "boundary_f", "band_mse")
    ]
    ok = statistics.fmean(one.right for one in scores)
    seconds = seconds_a_megapixel(group)
    shown = [f"{value:.3f}" for value in means]
    return [shown[0], f"{ok:.2f}", *shown[1:], f"{seconds:.2f}"]


def _named(wrong: Sequence[Result]) -> str:
    if not wrong:
        return ""
    shown = (f"{result.name} {result.scores.iou:.2f}" for result in wrong[:12] if result.scores is not None)
    return ": " + ", ".join(shown) + (", ..." if len(wrong) > 12 else "")


def _show_reasons(found: Sequence[Result], engine: str) -> None:
    """Which measures keep how many back, and how many of those had been cut out right after all."""
    limits = default_thresholds(engine)
    held = [(result.verdict(limits).decided_by, result.right) for result in found]
    reasons = Counter(reason for reason, _ in held if reason)
    needless = Counter(reason for reason, right in held if reason and right)
    print("  held back by: " + ", ".join(f"{name} {n} ({needless[name]} right)" for name, n in reasons.most_common()))


def report_composites(options: argparse.Namespace) -> None:
    """What the gate did with composites, by kind of background."""
    cases = composite_cases(options.sprites, options.count, options.every)
    found = measured("composites", cases, options)
    table = Table("background", "n", "right", "accepted", "of these right", "mean IoU", title="Composites")
    for kind, group in by_kind(found).items():
        through = accepted(group, options.engine)
        right = sum(result.right for result in through)
        mean = statistics.fmean(result.scores.iou for result in group if result.scores is not None)
        share = f"{right / len(through):.0%}" if through else "-"
        shown = f"{mean:.3f}" if kind not in NEGATIVES else "-"
        table.add_row(kind, str(len(group)), str(sum(r.right for r in group)), str(len(through)), share, shown)
    console.print(table)
    through = accepted(found, options.engine)
    wrong = [result for result in through if not result.right]
    share = 1 - len(wrong) / len(through) if through else 0.0
    print(
        f"composites: {len(found)}, {len(through)} accepted ({len(through) / len(found):.0%}), "
        f"{share:.1%} of these right (goal >= 97 % of at least 300 pictures){_named(wrong)}"
    )
    _show_reasons(found, options.engine)
    if options.report:
        _write_sheet(options, "composites", cases, found)


def report_edges(options: argparse.Namespace) -> None:
    """Colours at soft edges: sprites photographed on three colours, cut out, and laid over all three."""
    sprites = _one_each(load_sprites(options.sprites))[:16]
    known: list[float] = []
    own: list[float] = []
    naive: list[float] = []
    missed = 0
    with progress("edge colours", len(sprites) * len(GROUNDS)) as advance:
        for sprite in sprites:
            rgba = _framed(sprite)
            for colour in GROUNDS.values():
                photo = over(rgba, _plain(colour, rgba))
                alpha = np.ascontiguousarray(rgba[..., 3])
                others = [other for other in GROUNDS.values() if other != colour]
                known += _edge_errors(rgba, make_cutout(photo, alpha), others)
                naive += _edge_errors(rgba, np.dstack([photo, alpha]), others)
                found = Engines(matting=options.engine).matting_engine().segment([photo])[0].alpha
                if iou(found > 127, alpha > 127) >= RIGHT:
                    own += _edge_errors(rgba, make_cutout(photo, found), others)
                else:
                    missed += 1
                advance()
    print(
        f"edge colours: {len(sprites)} sprites on {', '.join(GROUNDS)}, each cut-out shown on the other two; "
        f"mean CIEDE2000 where {SOFT[0]} < alpha < {SOFT[1]}: "
        f"{statistics.fmean(known):.2f} with the true matte (goal <= 2.2), "
        f"{statistics.fmean(own):.2f} with the engine's ({missed} left out that it did not find), "
        f"{statistics.fmean(naive):.2f} with the photo's own colours"
    )


def _one_each(sprites: Sequence[Sprite]) -> list[Sprite]:
    """The first sprite of each product."""
    return list({sprite.product: sprite for sprite in reversed(sprites)}.values())[::-1]


def _framed(sprite: Sprite) -> np.ndarray:
    """The sprite with a fifth of its size as free space around it."""
    height, width = sprite.rgba.shape[:2]
    margin = max(height, width) // 5
    return cv2.copyMakeBorder(sprite.rgba, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))


def _plain(colour: tuple[int, int, int], like: np.ndarray) -> np.ndarray:
    return np.full((*like.shape[:2], 3), colour, np.uint8)


def _edge_errors(true: np.ndarray, cut: np.ndarray, grounds: Sequence[tuple[int, int, int]]) -> list[float]:
    """Mean CIEDE2000 in the soft band of the true matte over each ground."""
    band = (true[..., 3] > SOFT[0] * 255) & (true[..., 3] < SOFT[1] * 255)
    errors = []
    for colour in grounds:
        ground = _plain(colour, true)
        seen, wanted = over(cut, ground)[band], over(true, ground)[band]
        errors.append(float(delta_e_2000(rgb_to_lab(seen), rgb_to_lab(wanted)).mean()))
    return errors


def report_memory(options: argparse.Namespace) -> None:
    """Peak of a fresh process that takes one photo of 48 Mpx through the product line at full resolution."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "uploads").mkdir()
        (root / "uploads" / "large.jpg").write_bytes(_large_photo())
        (root / "catalog.yaml").write_text("photo: {working_max_side: 12000, max_megapixels: 100}\nthreads: 1\n")
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.line", "--only-run", folder], capture_output=True, text=True, check=True
        )
        cut = list((root / "assets" / "product" / "cutout" / "large").glob("*.png"))
        size = read_size(cut[0]) if cut else None
    peak = float(json.loads(done.stdout)["peak_mb"])
    shown = f"cut-out of {size[0]} x {size[1]}" if size else "no cut-out was made"
    print(f"memory: a photo of {LARGE_PHOTO[0]} x {LARGE_PHOTO[1]}, {shown}: peak {peak:.0f} MB (goal < 2500)")


def read_size(picture: Path) -> tuple[int, int]:
    """Width and height of a picture file, from its header."""
    from PIL import Image

    with Image.open(picture) as image:
        return image.size


def _large_photo() -> bytes:
    """A dark oval with a soft edge and a stripe on light, noisy paper."""
    width, height = LARGE_PHOTO
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 3, (height // 8, width // 8, 3)).astype(np.float32)
    picture = np.clip(226 + cv2.resize(noise, (width, height)), 0, 255).astype(np.uint8)
    cv2.ellipse(
        picture, (width // 2, height // 2), (width // 4, height // 3), 20, 0, 360, (70, 40, 90), -1, cv2.LINE_AA
    )
    cv2.ellipse(
        picture, (width // 2, height // 2), (width // 8, height // 9), 20, 0, 360, (160, 60, 40), -1, cv2.LINE_AA
    )
    return jpeg(cv2.GaussianBlur(picture, (0, 0), 3), quality=90)


def _write_sheet(options: argparse.Namespace, name: str, cases: Sequence[Case], found: Sequence[Result]) -> None:
    """The worst pictures: accepted and wrong first, then lowest IoU. True outline green, the engine's magenta."""
    limits = default_thresholds(options.engine)
    pairs = [(case, result, result.verdict(limits)) for case, result in zip(cases, found, strict=True)]
    pairs = [pair for pair in pairs if not pair[1].right and not (pair[1].negative and not pair[2].accepted)]
    pairs.sort(key=lambda pair: (not pair[2].accepted, pair[1].scores.iou if pair[1].scores else 0.0))
    cells = []
    with progress("sheet", min(24, len(pairs))) as advance:
        for case, result, verdict in pairs[:24]:
            said = "ACCEPTED" if verdict.accepted else verdict.decided_by
            cells.append(_cell(case, options.engine, f"{result.scores.iou if result.scores else 0:.2f} {said}"))
            advance()
    if not cells:
        print(f"  no wrong ones among the {name}")
        return
    cells += [np.full_like(cells[0], 128)] * (-len(cells) % 6)
    options.report.mkdir(parents=True, exist_ok=True)
    target = options.report / f"{name}_worst.jpg"
    target.write_bytes(jpeg(np.vstack([np.hstack(cells[i : i + 6]) for i in range(0, len(cells), 6)]), quality=88))
    print(f"  worst {name}: {target}")


def _cell(case: Case, engine: str, text: str, side: int = 320) -> np.ndarray:
    photo, truth, matte = segmented(case, engine)
    picture = photo.copy()
    thick = max(2, round(max(photo.shape) / side))
    for mask, colour in ((truth > 0.5, (0, 220, 0)), (matte.alpha > 127, (255, 0, 255))):
        lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, lines, -1, colour, thick)
    scale = side / max(picture.shape)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cell = np.full((side + 40, side + 4, 3), 255, np.uint8)
    cell[: small.shape[0], : small.shape[1]] = small
    for row, line in ((14, case.name[:44]), (32, text)):
        cv2.putText(cell, line, (3, side + row), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return cell


REPORTS = {"photos": report_photos, "composites": report_composites, "edges": report_edges, "memory": report_memory}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, help="folder with manifest.csv, photos and mattes")
    parser.add_argument("--only", nargs="*", choices=list(REPORTS), default=list(REPORTS))
    parser.add_argument("--report", type=Path, help="folder that gets sheets of the worst pictures")
    parser.add_argument("--engine", default="embedded")
    parser.add_argument("--sprites", type=Path, nargs="*", default=[SPRITES], help="folders of sprites")
    parser.add_argument("--count", type=int, default=COMPOSITES, help="composites, without negatives")
    parser.add_argument("--every", type=int, default=1, help="only every n-th composite")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    for name in options.only:
        if name != "photos" or options.data:
            REPORTS[name](options)
    if not options.data and "photos" in options.only:
        print("photos: not measured, no folder was given (make bench DATA=folder)")


if __name__ == "__main__":
    main()
