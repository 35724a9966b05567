"""A net that finds the product, and a refiner that draws its edge at full size: together they are a matting engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resources.imaging.alpha import Alpha, Rgb
from resources.imaging.colour import reduced
from resources.loaded import close
from resources.matting.edge_cases import edge_case_measures
from resources.matting.engine import EngineRun, Hypothesis, Mask, Matte, Refiner
from resources.matting.gate import default_thresholds, judge_matte
from resources.matting.measures import colour_measures, shape_measures, softness
from resources.matting.saliency import to_lab
from resources.matting.shapes import drop_small_parts, overlap, resize_mask
from resources.weights import Input

Field = NDArray[np.float32]

_REVISION = "1"
# Measures are taken at the size for which the limits of the gate hold.
_SIDE_OF_MEASURES = 320
_SIDE_OF_MASK = 1024
_INSIDE, _SURELY, _POSSIBLY = 0.5, 0.75, 0.25
# Smaller specks than this share of the largest part are noise of the net.
_DUST = 0.002
_SEEN = 0.05


class Detector(Protocol):
    """A net that says of each pixel how surely it is product. Loaded on first use; may serve several threads.

    notes: snake_case codes of how it runs ("float32_on_cpu"), known once it is loaded.
    """

    name: str
    revision: str
    device: str
    notes: tuple[str, ...]

    def saliency(self, photos: Sequence[Rgb]) -> list[Field]:
        """For each photo a map of 0..1 float32 over the whole photo, at the net's size (stretched), in order."""
        ...


class NeuralEngine:
    """A detector and a refiner as one engine. Without a refiner the net's own soft answer is the matte.

    No limits were calibrated for nets: the gate holds them to the common ones. Their `agreement` is
    how far the strict and the generous reading of the same answer overlap; in a cascade it is the overlap with what
    an earlier engine found (see `cascade`).
    """

    def __init__(self, detector: Detector, refiner: Refiner | None, name: str) -> None:
        self.detector = detector
        self.refiner = refiner
        self.name = name
        self.device = detector.device  # before the net is loaded: where it most likely will run
        drawn_by = f"{refiner.name}.{refiner.revision}" if refiner else "own"
        self.revision = f"{_REVISION}-{detector.revision}-{drawn_by}"

    def segment(self, photos: Sequence[Rgb]) -> list[Matte]:
        """One matte for each photo (HxWx3 uint8), of its size. Raises ValueError if the net cannot be loaded."""
        maps = self.detector.saliency(photos)
        self.device = self.detector.device
        return [self._matte(photo, found) for photo, found in zip(photos, maps, strict=True)]

    def close(self) -> None:
        """Let go of the nets; whoever asks again loads them again."""
        close(self.detector)
        close(self.refiner)

    def _matte(self, photo: Rgb, saliency: Field) -> Matte:
        mask = likely(saliency, reduced(photo, _SIDE_OF_MASK).shape[:2])
        alpha = self._alpha(photo, saliency, mask)
        measures = measured(photo, saliency, mask, alpha)
        verdict = judge_matte(measures, default_thresholds(self.name))
        run = EngineRun(
            self.name, self.revision, self.device, verdict.decision, verdict.score, verdict.decided_by or ""
        )
        hypotheses = (Hypothesis(code_of(self.detector.name), mask, verdict.score),) if mask.any() else ()
        return Matte(alpha, measures, (*self.detector.notes, *self._drawn_by()), hypotheses, (run,))

    def _alpha(self, photo: Rgb, saliency: Field, mask: Mask) -> Alpha:
        if not mask.any():
            return np.zeros(photo.shape[:2], np.uint8)
        if self.refiner is not None:
            return self.refiner.refine(photo, mask)
        large = cv2.resize(saliency, (photo.shape[1], photo.shape[0]), interpolation=cv2.INTER_LINEAR)
        return np.rint(large * 255).astype(np.uint8)

    def _drawn_by(self) -> tuple[str, ...]:
        return (f"edge_by_{code_of(self.refiner.name)}" if self.refiner else "edge_by_net",)


def measured(photo: Rgb, saliency: Field, mask: Mask, alpha: Alpha) -> dict[str, float]:
    """What the gate judges, taken as for the classical engine; and `entropy`, which has no limit yet.

    An empty mask has an area of 0 and nothing else.
    """
    if not mask.any():
        return {"area": 0.0}
    small = reduced(photo, _SIDE_OF_MEASURES)
    working = resize_mask(mask, (small.shape[1], small.shape[0]))
    measures = {
        **shape_measures(working),
        **colour_measures(to_lab(small), working),
        "agreement": firmness(saliency),
        "softness": softness(alpha),
        "entropy": entropy(saliency),
        **edge_case_measures(photo, mask),
    }
    return {name: round(float(value), 5) for name, value in measures.items()}


def firmness(saliency: Field) -> float:
    """IoU of the strict and the generous reading of a net's answer, 0 to 1."""
    return overlap(saliency > _POSSIBLY, saliency > _SURELY)


def entropy(saliency: Field) -> float:
    """How undecided the net is where it sees something: mean binary entropy in bits, 0 (sure) to 1 (no idea)."""
    p = np.clip(saliency[saliency > _SEEN].astype(np.float64), 1e-6, 1 - 1e-6)
    return float(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)).mean()) if p.size else 0.0


def stretched(photo: Rgb, size: tuple[int, int], prepared: Input) -> Field:
    """The photo as a net takes it: 3xHxW float32, stretched to size (width, height), normalised.

    Divided by 255, whatever the photo's own brightest pixel is: a dark photo stays dark, as in the net's training.
    """
    # The gap makes it a fast average first; the bilinear filter over it widens as it shrinks, as in training.
    small = Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    values = np.asarray(small, np.float32) / np.float32(255)
    return np.ascontiguousarray(normalised(values, prepared).transpose(2, 0, 1))


def normalised(colours: Field, prepared: Input) -> Field:
    """Colours of 0..1 (HxWx3) less the mean, by the standard deviation; float32."""
    mean, deviation = np.array(prepared.mean, np.float32), np.array(prepared.std, np.float32)
    return ((colours - mean) / deviation).astype(np.float32, copy=False)


def likely(saliency: Field, shape: tuple[int, ...]) -> Mask:
    """What is more likely product than not, at `shape`; specks are noise, but holes are believed."""
    found = cv2.resize(saliency, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR) > _INSIDE
    return drop_small_parts(found, _DUST)


def code_of(name: str) -> str:
    """An engine's name as a snake_case code, for notes and hypotheses."""
    return name.replace("+", "_with_").replace("-", "_").replace(".", "_")
