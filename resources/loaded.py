"""What a run has loaded: each engine once, let go of at the end, and its GPU memory with it."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger("catalog.engines")


class Loaded:
    """Engines by a key that stands for all that they were made from. May serve several threads."""

    def __init__(self) -> None:
        self._engines: dict[str, Any] = {}
        self._lock = threading.Lock()

    def once(self, key: str, load: Callable[[], T]) -> T:
        """The engine under a key, loaded at the first call. Raises what `load` raises; the next call tries again."""
        with self._lock:
            if key not in self._engines:
                self._engines[key] = load()
            engine: T = self._engines[key]
            return engine

    def free(self) -> None:
        """Close every engine that can be closed, forget all, and give the GPU's memory back. Never raises."""
        with self._lock:
            engines, self._engines = list(self._engines.values()), {}
        closed = 0
        for engine in reversed(engines):
            try:
                closed += close(engine)
            except Exception:  # the run is over: its outcome must not hang on this
                log.exception("%s could not be closed", getattr(engine, "name", type(engine).__name__))
        if closed:
            _give_memory_back()


def close(engine: Any) -> int:
    """Close an engine, or each of a tuple of them, where it can be closed; how many could."""
    if isinstance(engine, tuple):
        return sum(close(one) for one in engine)
    if not callable(getattr(engine, "close", None)):
        return 0
    engine.close()
    return 1


_kept: ContextVar[Loaded | None] = ContextVar("kept", default=None)


@contextmanager
def keep_loaded() -> Iterator[None]:
    """Runs inside this block, in this process, share what they load; it is freed at the end of the block.

    Within another such block it does nothing of its own.
    """
    if _kept.get() is not None:
        yield
        return
    loaded = Loaded()
    token = _kept.set(loaded)
    try:
        yield
    finally:
        _kept.reset(token)
        loaded.free()


def kept() -> Loaded | None:
    """What is shared by the runs of a `keep_loaded` block; None outside of one."""
    return _kept.get()


def _give_memory_back() -> None:
    """Tensors in reference cycles go, and what torch keeps cached on the GPU. Does not import torch."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
