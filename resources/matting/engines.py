"""Matting engines by name, as the configuration names them."""

from __future__ import annotations

from collections.abc import Callable

from resources.matting.classical import ClassicalEngine
from resources.matting.engine import MattingEngine

MATTING_ENGINES: dict[str, Callable[[], MattingEngine]] = {ClassicalEngine.name: ClassicalEngine}


def matting_engine(name: str) -> MattingEngine:
    """The engine of that name; ValueError, naming the known ones, if there is none."""
    if name not in MATTING_ENGINES:
        raise ValueError(f"there is no matting engine {name!r}; known: {', '.join(sorted(MATTING_ENGINES))}")
    return MATTING_ENGINES[name]()
