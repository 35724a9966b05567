"""Trains the cut-out net on pictures that the project makes itself. Resumable: the same command goes on.

    python -m training.train --work DIR --sprites DIR ... [--panoramas FOLDER] [--only broad|fine]

DIR gets state_<stage>.pt, log_<stage>.csv and curves.png. Families of HELD_OUT and the products of benchmarks/sprites
are never trained on: pictures of them are what the curves show.
"""

from __future__ import annotations

import argparse
import csv
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import composites
from benchmarks.metrics import RIGHT
from resources.matting.cutnet.fit import Fit, Schedule, answers
from resources.matting.cutnet.net import CutNet
from training.composing import Composer, load_sprites
from training.curves import draw
from training.pictures import Source, batches

log = logging.getLogger("training")
U8 = NDArray[np.uint8]

# Kept for measuring: whole families, so that nothing of their shapes is trained on.
HELD_OUT = frozenset({"guitar", "parcel", "sieve", "succulent", "sunglasses", "teapot"})
_SAVED_EVERY, _MEASURED_EVERY, _EXAMINED = 250, 1000, 128


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the training: pictures of a side, and how long at what rate."""

    side: int
    schedule: Schedule
    turns: float


STAGES = {
    # Most of the learning, on small pictures at a constant rate.
    "broad": Stage(192, Schedule(steps=8_500, decay=0.0), turns=2.0),
    # Then larger ones, the rate falling all the way.
    "fine": Stage(320, Schedule(steps=4_500, rate=3e-3, warmup=50, decay=1.0), turns=1.5),
}


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """Pictures that are never trained on. kinds: "products": composites of other sprites; "families": held out ones."""

    photos: U8
    mattes: U8
    kinds: tuple[str, ...]

    def scores(self, net: CutNet) -> dict[str, float]:
        """Mean IoU and share of right answers by kind, and the share of pictures whose sureness says as much."""
        found, sure = [], []
        for i in range(0, len(self.photos), 16):
            alpha, certain = answers(net, self.photos[i : i + 16])
            found.append(alpha)
            sure.append(certain)
        alphas, certain = np.concatenate(found), np.concatenate(sure)
        ious = np.array([overlap(a, m) for a, m in zip(alphas, self.mattes, strict=True)])
        right = ious >= RIGHT
        figures = {"sure": float(((certain > 0.5) == right).mean())}
        for kind in dict.fromkeys(self.kinds):
            chosen = np.array([each == kind for each in self.kinds])
            figures |= {f"{kind}_iou": float(ious[chosen].mean()), f"{kind}_ok": float(right[chosen].mean())}
        return figures


def overlap(alpha: NDArray[np.float32], matte: U8) -> float:
    """IoU of an alpha (0 to 1) with a matte (0 to 255); 1 for an empty answer to a picture without a product."""
    found, there = alpha > 0.5, matte > 127
    either = int((found | there).sum())
    if not there.any():
        return float(found.mean() <= 0.005)
    return float((found & there).sum() / either)


def examination(source: Source, count: int) -> Examination:
    """`count` composites of products that have no sprite in training, and as many pictures of held out families."""
    sprites = composites.load_sprites()
    plans = composites.plan(sprites, 300)
    chosen = np.random.default_rng(source.seed).permutation(len(plans))[:count]
    pairs = [_sized(composites.make(plans[i], sprites), source.side) for i in chosen]
    kinds = ["products"] * len(pairs)
    unseen = [sprite for sprite in load_sprites(source.sprites) if sprite.family in HELD_OUT]
    if unseen:
        composer = Composer(unseen, panoramas=source.panoramas, seed=source.seed + 1)
        pictures = [composer.picture(number, source.side) for number in range(count)]
        pairs += [(picture.photo, picture.alpha) for picture in pictures]
        kinds += ["families"] * count
    return Examination(np.stack([p for p, _ in pairs]), np.stack([m for _, m in pairs]), tuple(kinds))


def _sized(one: composites.Composite, side: int) -> tuple[U8, U8]:
    photo = cv2.resize(one.photo, (side, side), interpolation=cv2.INTER_AREA)
    matte = cv2.resize(np.rint(one.alpha * 255).astype(np.uint8), (side, side), interpolation=cv2.INTER_AREA)
    return photo, matte


def train(name: str, stage: Stage, source: Source, work: Path, processes: int = 1, examined: int = _EXAMINED) -> Fit:
    """Train one stage to its end, or go on where a run of it stopped; a stage begins where the one before it ended.

    work: folder of states and logs. processes: how many draw pictures. examined: pictures of each kind to measure on.
    """
    torch.manual_seed(source.seed)
    fit = Fit(CutNet(), stage.schedule)
    state = work / f"state_{name}.pt"
    if state.exists():
        fit.load(state)
    elif name == "fine":
        fit.start_from(work / "state_broad.pt")
    if fit.step >= stage.schedule.steps:
        return fit
    exam = examination(source, examined)
    losses: list[float] = []
    started = time.monotonic()
    for loss in fit.run(batches(source, fit.step, processes)):
        losses.append(loss)
        done = fit.step == stage.schedule.steps
        if fit.step % _MEASURED_EVERY == 0 or done:
            _note(work, name, {"step": fit.step, "loss": float(np.mean(losses)), **exam.scores(fit.averaged)})
        if fit.step % _SAVED_EVERY == 0 or done:
            fit.save(state)
            rate = len(losses) * source.batch / (time.monotonic() - started)
            log.info("%s step %d loss %.4f, %.1f pictures/s", name, fit.step, np.mean(losses), rate)
            losses, started = [], time.monotonic()
    return fit


def _note(work: Path, name: str, figures: dict[str, float]) -> None:
    """Add a row to the stage's log, and draw all logs again."""
    log.info(" ".join(f"{name} {value:.4g}" for name, value in figures.items()))
    file = work / f"log_{name}.csv"
    fresh = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(figures))
        if fresh:
            writer.writeheader()
        writer.writerow({name: round(value, 5) for name, value in figures.items()})
    draw([work / f"log_{each}.csv" for each in STAGES], work / "curves.png")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sprites", type=Path, nargs="+", required=True)
    parser.add_argument("--panoramas", type=Path, help="folder with hdris/*.hdr and materials/*_Color.jpg")
    parser.add_argument("--only", choices=list(STAGES), help="this stage; else all, one after another")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--processes", type=int, default=1, help="that draw pictures")
    parser.add_argument("--threads", type=int, default=1, help="of torch; more only help on a machine that is idle")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    for name in [options.only] if options.only else STAGES:
        stage = STAGES[name]
        source = Source(
            tuple(options.sprites), HELD_OUT, options.panoramas, stage.side, options.seed, turns=stage.turns
        )
        train(name, stage, source, options.work, options.processes)


if __name__ == "__main__":
    main()
