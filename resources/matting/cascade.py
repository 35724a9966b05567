"""Several engines, the cheap one first: the next one only sees the photos that the gate does not accept yet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import Rgb
from resources.loaded import close
from resources.matting.engine import EngineRun, Hypothesis, Matte, MattingEngine
from resources.matting.gate import default_thresholds, judge_matte
from resources.matting.neural import code_of
from resources.matting.shapes import overlap, resize_mask
from resources.verdicts import Verdict

_REVISION = "1"


@dataclass(frozen=True, slots=True)
class _Turn:
    """One engine's answer, and what the gate says of it."""

    engine: str
    matte: Matte
    verdict: Verdict
    run: EngineRun


class Cascade:
    """A matting engine over a list of engines.

    Each matte goes to the gate with the shipped limits of the engine that made it. Accepted: that is the matte. Else
    the next engine tries; its `agreement` is the best overlap with anything that an engine before it considered, so
    that no net is believed that is alone with its opinion. If none is accepted the surest matte is kept, for review.
    """

    def __init__(self, engines: Sequence[MattingEngine]) -> None:
        """engines: the cheapest first, at least one, no two of the same name."""
        names = [engine.name for engine in engines]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"a cascade of different engines expected, {', '.join(names) or 'none'} found")
        self.engines = tuple(engines)
        self.name = ",".join(names)
        self.revision = _revision(self.engines)
        self.device = _device(self.engines)

    def segment(self, photos: Sequence[Rgb]) -> list[Matte]:
        """One matte for each photo. runs: each engine that had its turn, in order, with decision and reason.

        notes: those of the matte that is kept, "escalated_to_<engine>" for each further engine that was asked, and
        "kept_<engine>" if the matte is not the last one's.
        """
        turns: list[list[_Turn]] = [[] for _ in photos]
        waiting = list(range(len(photos)))
        for engine in self.engines:
            mattes = engine.segment([photos[i] for i in waiting])
            for i, matte in zip(waiting, mattes, strict=True):
                turns[i].append(_turn(engine, matte, turns[i]))
            waiting = [i for i in waiting if not turns[i][-1].verdict.accepted]
            if not waiting:
                break
        self.device = _device(self.engines)
        return [_kept(each) for each in turns]

    def close(self) -> None:
        """Let go of all nets; whoever asks again loads them again."""
        for engine in self.engines:
            close(engine)


def _device(engines: Sequence[MattingEngine]) -> str:
    """The GPU, if one of them runs there."""
    return "cuda" if any(engine.device == "cuda" for engine in engines) else "cpu"


def _revision(engines: Sequence[MattingEngine]) -> str:
    """Made from the parts, and from the limits that decide which of them runs."""
    parts = [f"{engine.name} {engine.revision} {asdict(default_thresholds(engine.name))}" for engine in engines]
    return f"{_REVISION}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:12]}"


def _turn(engine: MattingEngine, matte: Matte, before: Sequence[_Turn]) -> _Turn:
    if before and matte.measures.get("area", 0) > 0:
        seen = [turn.matte for turn in before]
        matte = replace(matte, measures={**matte.measures, "agreement": round(_agreement(matte, seen), 5)})
    verdict = judge_matte(matte.measures, default_thresholds(engine.name))
    run = EngineRun(
        engine.name, engine.revision, engine.device, verdict.decision, verdict.score, verdict.decided_by or ""
    )
    return _Turn(engine.name, matte, verdict, run)


def _agreement(matte: Matte, earlier: Sequence[Matte]) -> float:
    """The best overlap of a matte with a hypothesis of an earlier engine, or with its matte."""
    height, width = matte.alpha.shape
    found = matte.alpha > 127
    others = [hypothesis.mask for one in earlier for hypothesis in one.hypotheses]
    others += [one.alpha > 127 for one in earlier]
    return max((_overlap(found, other, (width, height)) for other in others), default=0.0)


def _overlap(found: NDArray[np.bool_], other: NDArray[np.bool_], size: tuple[int, int]) -> float:
    """At the size of the smaller one: hypotheses are small, and photos may be of 50 Mpx."""
    small = (other.shape[1], other.shape[0])
    if small[0] >= size[0]:
        return overlap(found, resize_mask(other, size))
    return overlap(resize_mask(found, small), other)


def _kept(turns: Sequence[_Turn]) -> Matte:
    """The accepted matte, else the surest, with the record of all turns."""
    last = turns[-1]
    best = last if last.verdict.accepted else max(turns, key=lambda turn: turn.verdict.score)
    notes = [*best.matte.notes, *(f"escalated_to_{code_of(turn.engine)}" for turn in turns[1:])]
    if best is not last:
        notes.append(f"kept_{code_of(best.engine)}")
    return replace(
        best.matte,
        notes=tuple(notes),
        hypotheses=_distinct(turns, best),
        runs=tuple(replace(turn.run, kept=turn is best) for turn in turns),
    )


def _distinct(turns: Sequence[_Turn], best: _Turn) -> tuple[Hypothesis, ...]:
    """What all engines considered, the kept engine's first, each group the surest first; names stay unique."""
    ordered = [best, *(turn for turn in turns if turn is not best)]
    found: dict[str, Hypothesis] = {}
    for turn in ordered:
        for hypothesis in turn.matte.hypotheses:
            name = hypothesis.name if hypothesis.name not in found else f"{code_of(turn.engine)}_{hypothesis.name}"
            found[name] = replace(hypothesis, name=name)
    return tuple(found.values())
