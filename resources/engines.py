"""Which engines a run uses: a profile picks the set, each can be chosen alone. Loaded once, on first use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import dagster as dg
from pydantic import Field, PrivateAttr

from resources.matting.engine import MattingEngine
from resources.scenes.engine import SceneEngine

T = TypeVar("T")

PROFILES: dict[str, dict[str, str]] = {"embedded": {"matting": "classical", "scenes": "studio"}}


class Engines(dg.ConfigurableResource[Any]):
    """The engines of one run. An unknown profile or engine raises ValueError naming the known ones."""

    profile: str = Field("embedded", description="Set of engines: embedded needs no GPU, no download, no network.")
    matting: str = Field("", description="Cut-out engine; empty: that of the profile.")
    scenes: str = Field("", description="Scene engine; empty: that of the profile.")

    _loaded: dict[str, Any] = PrivateAttr(default_factory=dict)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    def matting_engine(self) -> MattingEngine:
        """The cut-out engine, loaded at most once a run."""
        from resources.matting.engines import matting_engine

        return self._once("matting", self.matting or self._of_profile("matting"), matting_engine)

    def scene_engine(self, name: str = "") -> SceneEngine:
        """A scene engine by name (a campaign may ask for one), else the configured one."""
        from resources.scenes.engines import scene_engine

        return self._once("scenes", name or self.scenes or self._of_profile("scenes"), scene_engine)

    def _of_profile(self, job: str) -> str:
        if self.profile not in PROFILES:
            raise ValueError(f"profile {self.profile!r} found, one of {', '.join(sorted(PROFILES))} expected")
        return PROFILES[self.profile][job]

    def _once(self, job: str, name: str, load: Callable[[str], T]) -> T:
        with self._lock:
            if f"{job} {name}" not in self._loaded:
                self._loaded[f"{job} {name}"] = load(name)
            return self._loaded[f"{job} {name}"]
