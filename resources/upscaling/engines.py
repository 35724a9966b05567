"""The upscalers, by the names of the configuration."""

from __future__ import annotations

from resources.gpu import UNLIMITED, GpuOptions
from resources.upscaling.lanczos import LanczosUpscaler
from resources.upscaling.upscaler import Upscaler
from resources.weights import Models, Registry


def upscaler_names(registry: Registry) -> list[str]:
    """The upscalers that can be named: the embedded one, and weights with the job upscaling."""
    return [LanczosUpscaler.name, *sorted(name for name, weights in registry.items() if weights.job == "upscaling")]


def upscaler(name: str, models: Models, gpu: GpuOptions = UNLIMITED) -> Upscaler:
    """The upscaler of that name, not loaded yet.

    Raises ValueError, one line that says what to do: unknown name, missing packages, weights or GPU, a licence that
    was not accepted.
    """
    if name == LanczosUpscaler.name:
        return LanczosUpscaler()
    known = upscaler_names(models.registry)
    if name not in known:
        raise ValueError(f"there is no upscaler {name!r}; known: {', '.join(known)}")
    from resources.upscaling.swin2sr import Swin2SRUpscaler

    return Swin2SRUpscaler(models.ready(name), models, gpu)
