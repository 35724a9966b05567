"""A learned score beside the heuristic: how well a picture fits the words of its scene, by a CLIP net (open_clip).

It knows mood and meaning, which the heuristic does not. It says nothing of fidelity: to CLIP another mug is a mug. The
cosines of a net mean something only beside those of other pictures for the same words, so they are normalised within
one set of candidates.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resources.gpu import UNLIMITED, GpuOptions
from resources.matting.batches import Batches, Peak, Together, clear_memory, free_memory
from resources.matting.neural import normalised
from resources.quality.ranking import HeuristicRanker, Ranking, all_parts, ordered, weighted
from resources.scenes.engine import Candidate
from resources.scenes.templates import SceneTemplate
from resources.torch_runtime import ensure_torchvision, require
from resources.weights import Input, Models, Weights, WeightsError

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

_REVISION = "1"
_SHARE = 0.3  # of the score that the words have; the heuristic has the rest
# Cosines closer than this are the same: so much half precision alone may move them.
_LEAST_SPREAD = 0.002
# A guess for ViT-B at 224 px, until the first batch on a GPU is measured.
_BYTES_A_PICTURE = 60_000_000
_PROCESSOR_BUDGET = 2_000_000_000

# What open_clip calls them.
_PRECISIONS = {"torch.float32": "fp32", "torch.float16": "fp16", "torch.bfloat16": "bf16"}

Asked = tuple[str, F32]


class PromptRanker:
    """The heuristic, and the likeness of picture and words; loaded on first use, may serve several threads.

    Runs in half precision on a GPU, in full precision on a processor, if nothing else is asked for.
    """

    def __init__(self, weights: Weights, models: Models, gpu: GpuOptions = UNLIMITED) -> None:
        """Loads nothing. Raises ValueError if packages or a GPU are missing that it needs."""
        require(weights.name, ("torch", "open_clip", "torchvision", "safetensors", *weights.needs))
        self.name = weights.name
        self.revision = f"{_REVISION}.{HeuristicRanker.revision}.{models.identity(weights)}"
        self.device: str = gpu.likely_device()
        self._weights, self._models, self._gpu = weights, models, gpu
        self._batches = Batches(_BYTES_A_PICTURE)
        self._together: Together[Asked, float] = Together(self._cosines)
        self._words: dict[str, Any] = {}
        self._net: Any = None

    def rank(self, candidates: Sequence[Candidate], templates: Sequence[SceneTemplate]) -> list[Ranking]:
        """The candidates, best first; ties by index.

        Parts are those of the heuristic, `prompt_cosine` as the net said it, and `prompt`, its place within the
        candidates of the same prompt. ValueError if the two differ in length, or if the weights cannot be loaded.
        """
        parts = all_parts(candidates, templates)
        prompts = {index: prompt_of(templates[index]) for index in parts}
        said = self.cosines([candidates[index].rgb for index in parts], list(prompts.values()))
        return ordered(with_words(parts, prompts, dict(zip(parts, said, strict=True))), self)

    def cosines(self, pictures: Sequence[U8], prompts: Sequence[str]) -> list[float]:
        """How alike each picture (HxWx3 uint8) and its prompt are: cosine of their embeddings, -1 to 1."""
        return self._together.ask(
            [(prompt, self._input(picture)) for picture, prompt in zip(pictures, prompts, strict=True)]
        )

    def close(self) -> None:
        """Let go of the net and its memory; whoever asks again loads it again."""
        self._net = None
        self._words.clear()

    def _input(self, picture: U8) -> F32:
        return square_input(picture, self._weights.input)

    def _cosines(self, asked: Sequence[Asked]) -> Iterator[float]:
        self._load()
        yield from self._batches.run(
            asked,
            self._batch,
            lambda: free_memory(self.device, _PROCESSOR_BUDGET, self._gpu.memory_bytes),
            lambda: clear_memory(self.device),
        )

    def _load(self) -> None:
        if self._net is not None:
            return
        self._models.verify(self._weights)
        ensure_torchvision()
        import open_clip

        architecture = self._weights.architecture
        config = open_clip.get_model_config(architecture)
        if config is None or "hf_tokenizer_name" in config["text_cfg"]:
            # Another tokenizer would be fetched from a hub, unpinned.
            raise WeightsError(
                f"{self.name}: architecture {architecture!r} found, one of open_clip's with its own tokenizer expected"
            )
        self.device = self._gpu.device()
        self._net = open_clip.create_model(
            architecture,
            pretrained=str(self._models.folder(self._weights) / self._weights.files[0].name),
            precision=_PRECISIONS[str(self._gpu.dtype(self.device))],
            device=self.device,
        ).eval()
        self._tokens = open_clip.get_tokenizer(architecture)

    def _batch(self, asked: Sequence[Asked]) -> list[float]:
        import torch

        with torch.inference_mode(), Peak(self.device) as peak:
            dtype = self._gpu.dtype(self.device)
            batch = torch.from_numpy(np.stack([pixels for _, pixels in asked])).to(self.device, dtype)
            pictures = torch.nn.functional.normalize(self._net.encode_image(batch).float(), dim=-1)
            words = torch.stack([self._words_of(prompt) for prompt, _ in asked])
            cosines = (pictures * words).sum(dim=-1).cpu().numpy()
        if peak.bytes:
            self._batches.measured(peak.bytes, len(asked))
        if not np.isfinite(cosines).all():
            raise FloatingPointError(f"{self.name}: the net's answer is not a number")
        return [float(cosine) for cosine in cosines]

    def _words_of(self, prompt: str) -> Any:
        """The embedding of a prompt, of length 1; a campaign has few, so all are kept."""
        import torch

        if prompt not in self._words:
            tokens = self._tokens([prompt]).to(self.device)
            self._words[prompt] = torch.nn.functional.normalize(self._net.encode_text(tokens).float()[0], dim=-1)
        return self._words[prompt]


def prompt_of(template: SceneTemplate) -> str:
    """What a good picture of a look shows, in one sentence: what it stands on, where, in what light and mood."""
    words = template.prompt
    return f"a product photograph on {words.surface}, {words.setting}, {words.light}, {template.mood}"


def with_words(
    parts: Mapping[int, Mapping[str, float]], prompts: Mapping[int, str], cosines: Mapping[int, float]
) -> list[Ranking]:
    """Rankings, in any order, of candidates by index: the heuristic's parts, and the words' share in the score."""
    rankings = []
    for indices in _by_prompt(prompts):
        for index, place in zip(indices, places([cosines[index] for index in indices]), strict=True):
            words = {"prompt": round(place, 4), "prompt_cosine": round(cosines[index], 4)}
            score = (1 - _SHARE) * weighted(parts[index]) + _SHARE * place
            rankings.append(Ranking(index, score, {**parts[index], **words}))
    return rankings


def places(cosines: Sequence[float]) -> list[float]:
    """Where each of one or more stands within the set: the normal distribution at its z-score; 0.5 for the only one."""
    values = np.array(cosines, np.float64)
    spread = max(float(values.std()), _LEAST_SPREAD)
    return [0.5 * (1 + math.erf(z / math.sqrt(2))) for z in (values - values.mean()) / spread]


def square_input(picture: U8, prepared: Input) -> F32:
    """A picture as a CLIP net takes it: 3 x side x side float32, normalised.

    One that is not square is stretched, not cut: the whole scene is judged, and a set's pictures have one shape.
    """
    side = prepared.side or 0
    # Bicubic, with a filter that widens as it shrinks, as in the net's training.
    small = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
    values = np.asarray(small, np.float32) / np.float32(255)
    return np.ascontiguousarray(normalised(values, prepared).transpose(2, 0, 1))


def _by_prompt(prompts: Mapping[int, str]) -> list[list[int]]:
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, prompt in prompts.items():
        groups[prompt].append(index)
    return list(groups.values())
