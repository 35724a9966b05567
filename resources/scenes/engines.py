"""The scene engines, by name."""

from __future__ import annotations

from collections.abc import Callable

from resources.scenes.engine import SceneEngine
from resources.scenes.studio import StudioEngine

SCENE_ENGINES: dict[str, Callable[[], SceneEngine]] = {"studio": StudioEngine}


def scene_engine(name: str) -> SceneEngine:
    """The scene engine of that name; ValueError names the known ones."""
    if name not in SCENE_ENGINES:
        raise ValueError(f"unknown scene engine {name!r}; known: {', '.join(sorted(SCENE_ENGINES))}")
    return SCENE_ENGINES[name]()
