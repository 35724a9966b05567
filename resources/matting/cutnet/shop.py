"""Trains the net further on the pictures of one shop. torch is imported where it trains, nowhere else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resources.matting.cutnet.shop_pairs import Pair
from resources.matting.cutnet.shop_views import view_of
from resources.torch_runtime import Device, require

U8 = NDArray[np.uint8]

BATCH = 8
_STRIDE = 32
# Passes of this kind over every picture, between these numbers of steps.
_STEPS_A_PAIR, _LEAST_STEPS, _MOST_STEPS = 10, 200, 2000
_RATE, _WARMUP, _AVERAGE = 3e-4, 30, 0.99
# How much more often a picture is shown whose matte a person vouches for.
_TRUSTED_WEIGHT = 3.0
_NEEDED = ("torch", "onnx", "onnxscript")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a net is trained further. rate: the highest learning rate."""

    steps: int
    seed: int = 0
    device: Device = "cpu"
    rate: float = _RATE


def require_training() -> None:
    """Raises ValueError, saying how to install them, if packages that training needs are missing. Imports none."""
    require("train-cutout", _NEEDED, extra="training")


def steps_for(pairs: int) -> int:
    """How many steps so many pairs are worth: ten a pair, at least 200, at most 2000."""
    return min(_MOST_STEPS, max(_LEAST_STEPS, _STEPS_A_PAIR * pairs))


def input_side(start: Path, otherwise: int | None) -> int:
    """The side in px of the square that an exported net takes; `otherwise` where the file leaves that open.

    Raises ValueError if it takes nothing that a net of this kind could be trained on.
    """
    import onnx

    dimensions = onnx.load(str(start), load_external_data=False).graph.input[0].type.tensor_type.shape.dim
    height, width = (each.dim_value or otherwise or 0 for each in dimensions[-2:])
    if height != width or height % _STRIDE or not height:
        raise ValueError(f"{start.name}: takes {width} x {height} px, a square of a multiple of {_STRIDE} px expected")
    return int(height)


def fine_tune(
    start: Path, target: Path, pairs: Sequence[Pair], side: int, plan: Plan, report: Callable[[int], None]
) -> None:
    """Train the net of an exported file further on pairs, and export what comes of it at side x side px.

    report: called with the number of steps done since the last call. The same plan and pairs give the same file on the
    same machine. Raises ValueError if the file holds no such net, or if the training went astray.
    """
    from resources.matting.cutnet.export import export, read_back
    from resources.matting.cutnet.fit import Fit, Schedule

    net = read_back(start)
    # A few easy pictures would teach the net that it is always right; what it learnt of its own doubt stays.
    net.judge.requires_grad_(False)
    warmup = min(_WARMUP, max(1, plan.steps // 5))
    schedule = Schedule(plan.steps, rate=plan.rate, warmup=warmup, average=_AVERAGE)
    fit = Fit(net, schedule, plan.device)
    for loss in fit.run(batches(pairs, side, plan)):
        if not math.isfinite(loss):
            raise ValueError(f"the training went astray at step {fit.step}: the loss is no number; try another --seed")
        report(1)
    export(fit.averaged, target, side)


def batches(pairs: Sequence[Pair], side: int, plan: Plan) -> Iterator[tuple[U8, U8]]:
    """Views of pairs in batches of 8: photos 8xSxSx3 and mattes 8xSxS, uint8, one batch a step.

    Trusted pairs come three times as often as those that only the gate accepted.
    """
    weights = np.array([_TRUSTED_WEIGHT if pair.trusted else 1.0 for pair in pairs])
    shares = weights / weights.sum()

    def one(place: tuple[int, int]) -> tuple[U8, U8]:
        rng = np.random.default_rng((plan.seed, *place))
        return view_of(pairs[int(rng.choice(len(pairs), p=shares))], pairs, side, rng)

    with ThreadPoolExecutor(max_workers=cpu_count() or 1) as pool:
        for step in range(plan.steps):
            views = list(pool.map(one, [(step, place) for place in range(BATCH)]))
            yield np.stack([photo for photo, _ in views]), np.stack([alpha for _, alpha in views])
