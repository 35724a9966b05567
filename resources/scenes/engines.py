"""The scene engines, by the names that campaigns and the configuration give."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from resources.gpu import GpuOptions
from resources.scenes.cloud.providers import Provider
from resources.scenes.engine import SceneEngine
from resources.scenes.studio import StudioEngine
from resources.store import CatalogStore
from resources.weights import Models, Registry

SCENE_ENGINES: dict[str, Callable[[], SceneEngine]] = {"studio": StudioEngine}
"""Those that need nothing."""


def scene_engine_names(registry: Registry, providers: Mapping[str, Provider]) -> list[str]:
    """The engines that can be named: the embedded one, weights with the job scene, and cloud providers."""
    nets = sorted(name for name, weights in registry.items() if weights.job == "scene")
    return [*SCENE_ENGINES, *nets, *sorted(providers)]


def scene_engine(
    name: str, models: Models, gpu: GpuOptions, providers: Mapping[str, Provider], store: CatalogStore | None
) -> SceneEngine:
    """The scene engine of that name, not loaded yet.

    store: where paid calls are written down before they are made; without one no cloud engine can be had. Raises
    ValueError, one line that says what to do: unknown name, missing packages, weights or GPU, a licence that was not
    accepted, a key that is not set, a name that means two engines.
    """
    if name in SCENE_ENGINES:
        return SCENE_ENGINES[name]()
    is_net = name in models.registry and models.registry[name].job == "scene"
    if is_net and name in providers:
        raise ValueError(f"scene engine {name!r} is both weights and a cloud provider; rename one of your own")
    if is_net:
        from resources.scenes.diffusion.engine import DiffusionEngine

        return DiffusionEngine(models.ready(name), models, gpu)
    if name not in providers:
        known = ", ".join(scene_engine_names(models.registry, providers))
        raise ValueError(f"unknown scene engine {name!r}; known: {known}")
    if store is None:
        raise ValueError(f"{name} costs money: only a campaign's line calls it, within the campaign's budget")
    from resources.scenes.cloud.engine import CloudEngine
    from resources.scenes.cloud.journal import Journal

    engine = CloudEngine(providers[name], Journal(store))
    engine.ready()
    return engine
