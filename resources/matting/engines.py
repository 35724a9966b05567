"""Matting engines by name, as the configuration names them.

- embedded: the engine that is at hand without a download: the project's own net, colour, classical votes.
- classical: the same without the net.
- cutnet: the net alone; EdgeRefiner draws the edge. cutnet+own: not even that.
- birefnet: a net, any entry of the weights with the job detection; EdgeRefiner draws the edge.
- birefnet+vitmatte-small: the edge drawn by weights with the job refinement.
- birefnet+own: the edge as the net itself drew it, enlarged from its 1024 px.
- embedded,birefnet: a cascade; the next engine only sees what the one before leaves in review.
"""

from __future__ import annotations

from resources.gpu import UNLIMITED, GpuOptions
from resources.matting.cascade import Cascade
from resources.matting.classical import ClassicalEngine
from resources.matting.embedded import EmbeddedEngine
from resources.matting.engine import MattingEngine, Refiner
from resources.matting.onnx_saliency import OnnxDetector
from resources.matting.refine import EdgeRefiner
from resources.matting.shop_weights import OWN_NET
from resources.weights import Models, Registry

OWN_EDGE = "own"


def built_on_own_net(name: str) -> bool:
    """Whether the project's own net has a part in the engine of that name, on its own or in a cascade."""
    parts = {part.strip().partition("+")[0] for part in name.split(",")}
    return not parts.isdisjoint({EmbeddedEngine.name, OWN_NET})


def engine_names(registry: Registry) -> list[str]:
    """The engines that can be named, without their combinations."""
    return [EmbeddedEngine.name, ClassicalEngine.name, *_names(registry, "detection")]


def refiner_names(registry: Registry) -> list[str]:
    """What can stand behind a plus sign."""
    return [EdgeRefiner.name, OWN_EDGE, *_names(registry, "refinement")]


def matting_engine(name: str, models: Models, gpu: GpuOptions = UNLIMITED) -> MattingEngine:
    """The engine of that name, not loaded yet: neither torch nor onnxruntime is imported.

    Raises ValueError, one line that says what to do: unknown name (naming the known ones), missing packages, weights
    or GPU, a licence that was not accepted.
    """
    engines: list[MattingEngine] = [_single(part.strip(), models, gpu) for part in name.split(",")]
    return engines[0] if len(engines) == 1 else Cascade(engines)


def _single(name: str, models: Models, gpu: GpuOptions) -> MattingEngine:
    detector_name, _, refiner_name = name.partition("+")
    if detector_name == ClassicalEngine.name and not refiner_name:
        return ClassicalEngine()
    if detector_name == EmbeddedEngine.name and not refiner_name:
        return EmbeddedEngine(OnnxDetector(models.ready(OWN_NET), models))
    nets = _names(models.registry, "detection")
    if detector_name not in nets:
        known = ", ".join(engine_names(models.registry))
        raise ValueError(f"there is no matting engine {name!r}; known: {known}")
    from resources.matting.neural import NeuralEngine

    weights = models.ready(detector_name)
    if weights.runtime == "onnx":
        return NeuralEngine(OnnxDetector(weights, models), _refiner(refiner_name, models, gpu), name)
    from resources.matting.birefnet import BiRefNetDetector

    return NeuralEngine(BiRefNetDetector(weights, models, gpu), _refiner(refiner_name, models, gpu), name)


def _refiner(name: str, models: Models, gpu: GpuOptions) -> Refiner | None:
    if name in ("", EdgeRefiner.name):
        return EdgeRefiner()
    if name == OWN_EDGE:
        return None
    if name not in _names(models.registry, "refinement"):
        raise ValueError(f"there is no refiner {name!r}; known: {', '.join(refiner_names(models.registry))}")
    from resources.matting.vitmatte import ViTMatteRefiner

    return ViTMatteRefiner(models.ready(name), models, gpu)


def _names(registry: Registry, job: str) -> list[str]:
    return sorted(name for name, weights in registry.items() if weights.job == job)
