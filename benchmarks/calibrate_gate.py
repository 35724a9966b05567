"""Chooses the limits of the matte gate for an engine from pictures with known mattes, and says how they do.

    python -m benchmarks.calibrate_gate DATA [--more DIR ...] [--write] [--check] [--engine NAME]

DATA: folder with manifest.csv, photos and mattes. --more: folders of further sprites, used for testing only.
--write: put the limits into resources/matting/thresholds.yaml, with the counts. --check: then run the engine again
under the new limits (it chooses between hypotheses by them, so its answers may change) and write those counts.

Fitted on composites of one half of the sprites' products; tested on the other half, and on the photos, which decide
nothing. Each limit may only move by a few steps between half and three times its distance from the ideal value in
`common`, and only if that pays for several pictures of different products: with this few pictures anything freer would
learn them by heart. Limits that say what a picture shows, not how sure its outline is, are not touched.
"""

from __future__ import annotations

import argparse
import math
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from rich.table import Table

from benchmarks.composites import SPRITES
from benchmarks.cutouts import COMPOSITES, console, measured
from benchmarks.labelled import CACHE, Result, composite_cases, photo_cases, state
from resources.engines import Engines
from resources.matting.gate import LimitInUse, MatteThresholds, default_thresholds, limits_in_use, numbers_held
from resources.matting.thresholds import THRESHOLDS_FILE, read_thresholds, shipped_thresholds

# Limits of how sure an outline is. All others say what the picture shows (a cut-off product, a panel of text), or how
# sure a net is of itself.
SURENESS = (
    "agreement",
    "shared_colours",
    "background_inside",
    "filled_gaps",
    "weak_outline",
    "faint_outline",
    "loose_edges",
    "unexplained",
    "shade",
    "softness",
)
# How far a limit may be from the ideal value, as a multiple of the common limit's distance.
STEPS = (0.5, 0.6, 0.7, 0.85, 1.0, 1.15, 1.3, 1.5, 2.0, 3.0)
# What an accepted wrong picture costs in right ones: 95 % right breaks even at 19, and there is to be room.
COST_OF_WRONG = 30.0
# A step must pay for so many pictures, of so many products.
LEAST_PICTURES, LEAST_GROUPS = 2, 2
GOAL_RIGHT, GOAL_PHOTOS_ACCEPTED, GOAL_PHOTOS_WRONG = 0.97, 0.60, 0

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pictures:
    """Results as arrays. passed(i, limit) tells which of them meet rule i at a limit."""

    results: Sequence[Result]
    rules: tuple[LimitInUse, ...]
    values: Numbers
    right: Mask
    judged: Mask

    @classmethod
    def of(cls, results: Sequence[Result], limits: MatteThresholds) -> Pictures:
        """values: a row a rule, NaN where the engine recorded no such measure. judged: those with a subject."""
        rules = limits_in_use()
        held = [numbers_held(r.measures, limits) for r in results]
        values = np.array([[numbers.get(rule.measure, math.nan) for numbers in held] for rule in rules])
        found = [r.measures["area"] > 0 and r.measures.get("subject", math.inf) >= limits.subject for r in results]
        right = np.array([r.right for r in results], bool)
        return cls(results, rules, values.reshape(len(rules), len(results)), right, np.array(found, bool))

    def passed(self, i: int, limit: float) -> Mask:
        """Which pictures meet rule i at this limit; one that was not measured does."""
        met = self.values[i] >= limit if self.rules[i].better == "higher" else self.values[i] <= limit
        return met | np.isnan(self.values[i])

    def accepted(self, limits: Mapping[str, float]) -> Mask:
        """Which pictures meet all rules."""
        out = self.judged.copy()
        for i, rule in enumerate(self.rules):
            out &= self.passed(i, limits[rule.threshold])
        return out

    def value(self, accepted: Mask) -> float:
        """What accepting these is worth."""
        return float((accepted * np.where(self.right, 1.0, -COST_OF_WRONG)).sum())


def limit_at(rule: LimitInUse, common: float, step: float) -> float:
    """The limit at a step: `step` times as far from the ideal value as the common one; three digits."""
    return float(f"{rule.best + (common - rule.best) * step:.3g}")


def fit(pictures: Pictures, common: Mapping[str, float]) -> dict[str, float]:
    """Steps by threshold, from the common limits on: the best single change, again and again, while one pays."""
    steps = {rule.threshold: 1.0 for rule in pictures.rules if rule.threshold in SURENESS}
    while True:
        limits = _limits(pictures.rules, common, steps)
        now = pictures.accepted(limits)
        best = (pictures.value(now) + 1e-9, "", 0.0)
        for name in steps:
            for step in STEPS:
                then = pictures.accepted(_limits(pictures.rules, common, {**steps, name: step}))
                worth = pictures.value(then)
                if worth > best[0] and _general(pictures, now, then):
                    best = (worth, name, step)
        if not best[1]:
            return steps
        steps[best[1]] = best[2]


def _limits(rules: Sequence[LimitInUse], common: Mapping[str, float], steps: Mapping[str, float]) -> dict[str, float]:
    moved = {r.threshold: limit_at(r, common[r.threshold], steps[r.threshold]) for r in rules if r.threshold in steps}
    return {**common, **moved}


def _general(pictures: Pictures, now: Mask, then: Mask) -> bool:
    """True if a change does good to several pictures of several products, not to one."""
    gained = (then & ~now & pictures.right) | (now & ~then & ~pictures.right)
    groups = {pictures.results[i].group for i in np.flatnonzero(gained)}
    return int(gained.sum()) >= LEAST_PICTURES and len(groups) >= LEAST_GROUPS


def half(result: Result) -> int:
    """0 or 1: the half of a composite, the same for all sprites of one product."""
    return zlib.crc32(result.group.encode()) % 2


@dataclass(frozen=True)
class Row:
    """How some limits do on a set."""

    name: str
    pictures: int
    right: int
    accepted: int
    wrong: int


def row(name: str, pictures: Pictures, limits: Mapping[str, float]) -> Row:
    """Counts of a set under some limits."""
    through = pictures.accepted(limits)
    return Row(name, len(pictures.results), int(pictures.right.sum()), int(through.sum()),
               int((through & ~pictures.right).sum()))  # fmt: skip


def load(options: argparse.Namespace, limits: MatteThresholds) -> dict[str, Pictures]:
    """The sets by name; the second is fitted on."""
    photos = Pictures.of(measured("photos", photo_cases(options.data), options), limits)
    own = measured("composites", composite_cases([SPRITES], options.count, options.every), options)
    sets = {
        "photos with known mattes, none fitted on": photos,
        "composites, fitted on": Pictures.of([r for r in own if half(r) == 0], limits),
        "composites of other products, held out": Pictures.of([r for r in own if half(r) == 1], limits),
    }
    for folder in options.more:
        cases = composite_cases([folder], options.count_more, options.every)
        sets[f"composites of {folder.name}, none fitted on"] = Pictures.of(
            measured(folder.name, cases, options), limits
        )
    return sets


def show(title: str, sets: Mapping[str, Pictures], limits: Mapping[str, float]) -> list[Row]:
    """Print how the limits do on each set."""
    table = Table("set", "pictures", "cut out right", "accepted", "wrong", "accepted right", title=title)
    rows = [row(name, pictures, limits) for name, pictures in sets.items()]
    for one in rows:
        share = f"{1 - one.wrong / one.accepted:.1%}" if one.accepted else "-"
        counts = (str(n) for n in (one.pictures, one.right, one.accepted, one.wrong))
        table.add_row(one.name, *counts, share)
    console.print(table)
    for name, pictures in sets.items():
        through = np.flatnonzero(pictures.accepted(limits) & ~pictures.right)
        if len(through):
            said = (f"{pictures.results[i].name} {_iou(pictures.results[i]):.2f}" for i in through[:12])
            print(f"  wrong but accepted, {name}: {', '.join(said)}")
    return rows


def _iou(result: Result) -> float:
    return result.scores.iou if result.scores else 0.0


def met(rows: Sequence[Row]) -> bool:
    """True if all goals are met, on what was held out too; prints those that are not."""
    photos, *others = rows
    problems = []
    if photos.wrong > GOAL_PHOTOS_WRONG:
        problems.append(f"{photos.wrong} photos wrong but accepted, at most {GOAL_PHOTOS_WRONG} wanted")
    if photos.accepted < GOAL_PHOTOS_ACCEPTED * photos.pictures:
        problems.append(f"{photos.accepted} of {photos.pictures} photos accepted, {GOAL_PHOTOS_ACCEPTED:.0%} wanted")
    for one in others:
        if one.wrong > (1 - GOAL_RIGHT) * one.accepted:
            problems.append(
                f"{one.name}: {one.wrong} of {one.accepted} accepted are wrong, {GOAL_RIGHT:.0%} right wanted"
            )
    print("all goals met" if not problems else "NOT met: " + "; ".join(problems))
    return not problems


def show_change(common: Mapping[str, float], before: Mapping[str, float], after: Mapping[str, float]) -> None:
    """Print the limits that move."""
    for name in SURENESS:
        if before[name] != after[name]:
            print(f"  {name}: {before[name]:g} -> {after[name]:g} (common: {common[name]:g})")
    if all(before[name] == after[name] for name in SURENESS):
        print("  no limit moves")


def write(engine: str, limits: Mapping[str, float], rows: Sequence[Row]) -> None:
    """Put an engine's limits and counts into thresholds.yaml; its comments and everything else stay."""
    text = THRESHOLDS_FILE.read_text(encoding="utf-8")
    remarks = [line for line in text.splitlines() if line.startswith("#")]
    content = yaml.safe_load(text)
    common = content["common"]["limits"]
    sets = [{"name": r.name, "pictures": r.pictures, "accepted": r.accepted, "wrong": r.wrong} for r in rows]
    content["engines"][engine] = {
        "limits": {name: value for name, value in limits.items() if common[name] != value},
        "calibration": {
            "revision": Engines(matting=engine).matting_engine().revision,
            "date": date.today(),
            "sets": sets,
        },
    }
    body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    half_written = THRESHOLDS_FILE.with_suffix(".part")
    half_written.write_text("\n".join([*remarks, body]), encoding="utf-8")
    read_thresholds(half_written)
    half_written.replace(THRESHOLDS_FILE)
    for cached in (shipped_thresholds, default_thresholds, state):
        cached.cache_clear()
    print(f"written: {THRESHOLDS_FILE}")


def current(engine: str) -> dict[str, float]:
    """The shipped limits of an engine."""
    return shipped_thresholds().limits_of(engine)


def main() -> None:
    """Fit, report, and write if asked to. Exit status 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--more", type=Path, nargs="*", default=[])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--engine", default="embedded")
    parser.add_argument("--count", type=int, default=COMPOSITES)
    parser.add_argument("--count-more", type=int, default=100, help="composites of each further folder")
    parser.add_argument("--every", type=int, default=1, help="only every n-th composite, for a quick look")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    before, common = current(options.engine), dict(shipped_thresholds().common.limits)
    sets = load(options, default_thresholds(options.engine))
    rows = show("As it is", sets, before)
    done = met(rows)
    _, fitted, *_ = sets.values()
    limits = _limits(fitted.rules, common, fit(fitted, common))
    rows = show("Fitted", sets, limits)
    show_change(common, before, limits)
    done = met(rows)
    if options.write:
        write(options.engine, limits, rows)
        if options.check:
            sets = load(options, default_thresholds(options.engine))
            rows = show("Checked: the engine run again under the new limits", sets, limits)
            done = met(rows)
            write(options.engine, limits, rows)
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    main()
