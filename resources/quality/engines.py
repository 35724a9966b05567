"""What chooses among candidates, and who testifies beside the fidelity judge, by the names of the configuration."""

from __future__ import annotations

from resources.gpu import UNLIMITED, GpuOptions
from resources.quality.ranking import HeuristicRanker, Ranker
from resources.quality.witness import Witness
from resources.weights import Job, Models, Registry

TEXT = "text"
NOBODY = "none"


def ranker_names(registry: Registry) -> list[str]:
    """The rankers that can be named: the embedded one, and weights with the job ranking."""
    return [HeuristicRanker.name, *_names(registry, "ranking")]


def ranking_engine(name: str, models: Models, gpu: GpuOptions = UNLIMITED) -> Ranker:
    """The ranker of that name, not loaded yet.

    Raises ValueError, one line that says what to do: unknown name, missing packages, weights or GPU, a licence that
    was not accepted.
    """
    if name == HeuristicRanker.name:
        return HeuristicRanker()
    if name not in _names(models.registry, "ranking"):
        raise ValueError(f"there is no ranking {name!r}; known: {', '.join(ranker_names(models.registry))}")
    from resources.quality.prompt_ranking import PromptRanker

    return PromptRanker(models.ready(name), models, gpu)


def witness_names(registry: Registry) -> list[str]:
    """The witnesses that can be named: the reader of printed text, and weights with the job likeness."""
    return [TEXT, *_names(registry, "likeness")]


def judge_witnesses(names: str, models: Models, gpu: GpuOptions = UNLIMITED) -> tuple[Witness, ...]:
    """The witnesses named in a list with commas, not loaded yet; "" and "none" are nobody. Errors: as above."""
    listed = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
    if list(listed) == [NOBODY]:
        return ()
    return tuple(_witness(name, models, gpu) for name in listed)


def _witness(name: str, models: Models, gpu: GpuOptions) -> Witness:
    if name == TEXT:
        from resources.quality.printed_text import PrintedText

        return PrintedText()
    if name not in _names(models.registry, "likeness"):
        known = ", ".join([*witness_names(models.registry), NOBODY])
        raise ValueError(f"there is no witness {name!r}; known: {known}")
    from resources.quality.patch_likeness import PatchLikeness

    return PatchLikeness(models.ready(name), models, gpu)


def _names(registry: Registry, job: Job) -> list[str]:
    return sorted(name for name, weights in registry.items() if weights.job == job)
