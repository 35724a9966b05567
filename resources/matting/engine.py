"""What a cut-out engine promises: which pixels are the product, how sure that is, and what else was considered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import Alpha, Rgb

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """One answer to the question which pixels are the product.

    name: snake_case, unique within a matte ("flood", "grabcut_otsu"). mask: HxW bool of the photo's shape, at any
    size (some hundred pixels). score: how sure the gate is of it, 0 to 1.
    """

    name: str
    mask: Mask
    score: float


@dataclass(frozen=True, slots=True)
class EngineRun:
    """One engine's turn on a photo, as it is kept on record.

    decision: accepted or review. score: its confidence, 0 to 1. decided_by: the measure that decided, "" if accepted.
    kept: whether its matte is the one that was kept; true of one run only.
    """

    engine: str
    revision: str
    device: str
    decision: str
    score: float
    decided_by: str = ""
    kept: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Matte:
    """An alpha matte of one photo, what was measured of it, and what else it could have been.

    alpha: HxW uint8 of the photo's size, 0 background to 255 product.
    measures: name -> number, see `gate.MatteThresholds` for what each one means; JSON-ready.
    notes: snake_case codes of how it was made ("route_flood", "route_grabcut").
    hypotheses: what was considered, the surest first; a person may pick another one. Distinct from each other.
    runs: the engines that ran, in order; the one that is `kept` made this matte.
    """

    alpha: Alpha
    measures: dict[str, float]
    notes: tuple[str, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    runs: tuple[EngineRun, ...] = ()

    @property
    def made_by(self) -> str:
        """The name of the engine whose matte this is, and whose limits it is held against; "" if none ran."""
        return maker(self.runs)


def maker(runs: Sequence[EngineRun]) -> str:
    """The name of the engine whose matte was kept; "" if none ran."""
    return next((run.engine for run in runs if run.kept), "")


class MattingEngine(Protocol):
    """One way to cut products out. name and revision go into fingerprints; device is "cpu" or "cuda"."""

    name: str
    revision: str
    device: str

    def segment(self, photos: Sequence[Rgb]) -> list[Matte]:
        """One matte for each photo, in order; the result for a photo does not depend on its neighbours."""
        ...


class Refiner(Protocol):
    """One way to draw a soft matte from a binary mask, at the photo's full size."""

    name: str
    revision: str
    device: str

    def refine(self, photo: Rgb, mask: Mask) -> Alpha:
        """Soft matte of the photo's size. photo: HxWx3 uint8. mask: bool, of the photo's shape, at any size."""
        ...
