"""A stream of training batches: worker processes draw pictures, the newest of them are mixed and varied."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.composing import Composer, load_sprites

U8 = NDArray[np.uint8]

_CHUNK = 64
# Pictures that a batch is mixed from: many enough that a picture's second turn comes late.
_POOL = 32


@dataclass(frozen=True, slots=True)
class Source:
    """Where pictures come from. side: px. turns: how often a picture is used on average; drawing it takes time."""

    sprites: tuple[Path, ...]
    without: frozenset[str]
    panoramas: Path | None
    side: int
    seed: int
    batch: int = 16
    turns: float = 2.0

    @property
    def batches_a_chunk(self) -> int:
        """Batches that are trained on for each chunk of new pictures."""
        return max(1, round(_CHUNK * self.turns / self.batch))


_composer: Composer | None = None


def composer_of(source: Source) -> Composer:
    """A composer over the sprites that may be trained on."""
    chosen = [sprite for sprite in load_sprites(source.sprites) if sprite.family not in source.without]
    return Composer(chosen, panoramas=source.panoramas, seed=source.seed)


def _start(source: Source) -> None:
    global _composer
    cv2.setNumThreads(1)
    os.nice(3)
    _composer = composer_of(source)


def _chunk(number: int, side: int) -> tuple[U8, U8]:
    assert _composer is not None  # noqa: S101 - for the type checker; the pool sets it
    pictures = [_composer.picture(number * _CHUNK + i, side) for i in range(_CHUNK)]
    return np.stack([one.photo for one in pictures]), np.stack([one.alpha for one in pictures])


def batches(source: Source, start: int, processes: int) -> Iterator[tuple[U8, U8]]:
    """Batches without end, from the one of number `start` on: photos NxSxSx3 and mattes NxSxS, uint8.

    Batch n is the same in every run that started at 0 over the same sprites; a run that goes on later mixes from
    fewer chunks at first.
    """
    number = start // source.batches_a_chunk
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_start, initargs=(source,)) as workers:
        pooled: deque[tuple[U8, U8]] = deque(maxlen=_POOL)
        waiting: deque[Future[tuple[U8, U8]]] = deque()
        try:
            while True:
                while len(waiting) < 2 * processes:
                    waiting.append(workers.submit(_chunk, number, source.side))
                    number += 1
                pooled.append(waiting.popleft().result())
                rng = np.random.default_rng((source.seed, number))
                for _ in range(source.batches_a_chunk):
                    yield _mixed(rng, pooled, source.batch)
        finally:
            workers.shutdown(cancel_futures=True)


def _mixed(rng: np.random.Generator, pooled: deque[tuple[U8, U8]], count: int) -> tuple[U8, U8]:
    places = [(int(rng.integers(len(pooled))), int(rng.integers(_CHUNK))) for _ in range(count)]
    pairs = [_varied(rng, pooled[chunk][0][i], pooled[chunk][1][i]) for chunk, i in places]
    return np.stack([photo for photo, _ in pairs]), np.stack([matte for _, matte in pairs])


def _varied(rng: np.random.Generator, photo: U8, matte: U8) -> tuple[U8, U8]:
    """Turned over, stretched, and in another light: each turn of a picture looks different."""
    if rng.random() < 0.5:
        photo, matte = photo[:, ::-1], matte[:, ::-1]
    if rng.random() < 0.5:
        photo, matte = _stretched(rng, photo, matte)
    gamma, gains = rng.uniform(0.75, 1.3), rng.uniform(0.88, 1.12, 3)
    levels = (np.arange(256) / 255) ** gamma
    table = np.clip(np.rint(255 * levels[:, None] * gains), 0, 255).astype(np.uint8)
    channels = rng.permutation(3) if rng.random() < 0.1 else np.arange(3)
    return cv2.LUT(np.ascontiguousarray(photo[..., channels]), table[:, None, :]), np.ascontiguousarray(matte)


def _stretched(rng: np.random.Generator, photo: U8, matte: U8) -> tuple[U8, U8]:
    """A part of the picture, stretched to all of it: photos of any aspect are stretched to a square for the net."""
    side = len(photo)
    width, height = (round(side * each) for each in rng.uniform(0.65, 1, 2))
    left, top = int(rng.integers(side - width + 1)), int(rng.integers(side - height + 1))
    window = slice(top, top + height), slice(left, left + width)
    size = (side, side)
    return (
        cv2.resize(np.ascontiguousarray(photo[window]), size, interpolation=cv2.INTER_LINEAR),
        cv2.resize(np.ascontiguousarray(matte[window]), size, interpolation=cv2.INTER_LINEAR),
    )
