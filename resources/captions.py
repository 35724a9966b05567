"""What a product is, in a few words read off its cut-out: for prompts where catalog.csv says nothing.

The words come from a net and are no more to be trusted than a cell of a table. They are kept by the cut-out's content,
so that a product is looked at once.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resources.gpu import UNLIMITED, GpuOptions
from resources.imaging.alpha import over
from resources.imaging.colour import resize_rgba
from resources.matting.batches import Batches, Peak, Together, clear_memory, free_memory
from resources.matting.neural import normalised
from resources.scenes.engine import Placement, on_canvas, product_box, scaled_size
from resources.scenes.prompts import MOST_PRODUCT, plain
from resources.store import CatalogStore, StoreError
from resources.torch_runtime import Device, require, transformers_net
from resources.weights import Models, Registry, Weights

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

FOLDER = "state/captions"
NOBODY = "none"

_REVISION = "1"
_SHARE = 0.86  # of the net's picture that the product's longer side spans
_AROUND = 226  # a light grey: white products are seen on it, and it is no setting to speak of
_MOST_TOKENS = 24
# What a caption says of that grey, and of being a picture, is nothing about the product.
_PICTURE = re.compile(
    r"^(?:there is |this is )?(?:an? )?(?:picture|image|photo|photograph|close up) of ", re.IGNORECASE
)
_BACKGROUND = re.compile(
    r",? (?:that )?(?:is |sits |sitting |hanging )?(?:on|in|with|against|over)(?: top of)? (?:an? |the )?(?:[a-z]+ )?"
    r"(?:background|backdrop|surface|wall|table)\b.*$",
    re.IGNORECASE,
)
# A guess for a ViT-B at 384 px with its decoder, until the first batch on a GPU is measured.
_BYTES_A_PICTURE = 200_000_000
_PROCESSOR_BUDGET = 1_000_000_000


class Captioner:
    """Captions of cut-outs by BLIP (transformers), the same words for the same picture; loaded on first use.

    Runs in half precision on a GPU, in full precision on a processor, if nothing else is asked for. May serve several
    threads; what they ask at the same time goes through the net together.
    """

    def __init__(self, weights: Weights, models: Models, gpu: GpuOptions = UNLIMITED) -> None:
        """Loads nothing. Raises ValueError if packages or a GPU are missing that it needs."""
        require(weights.name, ("torch", "transformers", *weights.needs))
        self.name = weights.name
        self.device: Device = gpu.likely_device()
        self.identity = f"{_REVISION}.{models.identity(weights)}"
        self._weights, self._models, self._gpu = weights, models, gpu
        self._batches = Batches(_BYTES_A_PICTURE)
        self._together: Together[F32, str] = Together(self._captions)
        self._loading = threading.Lock()
        self._net: Any = None
        self._tokenizer: Any = None

    def caption(self, cutout: U8) -> str:
        """A few words on a cut-out (HxWx4 uint8, straight alpha), one plain line; "" for an empty one.

        Raises ValueError if the weights cannot be loaded.
        """
        if not cutout[..., 3].any():
            return ""
        return self._together.ask([self._input(cutout)])[0]

    def close(self) -> None:
        """Let go of the net and its memory; whoever asks again loads it again."""
        self._net = None

    def _input(self, cutout: U8) -> F32:
        picture = _laid_out(cutout, self._weights.input.side or 0).astype(np.float32) / np.float32(255)
        return np.ascontiguousarray(normalised(picture, self._weights.input).transpose(2, 0, 1))

    def _captions(self, pictures: Sequence[F32]) -> Iterator[str]:
        self._load()
        yield from self._batches.run(
            pictures,
            self._batch,
            lambda: free_memory(self.device, _PROCESSOR_BUDGET, self._gpu.memory_bytes),
            lambda: clear_memory(self.device),
        )

    def _load(self) -> None:
        with self._loading:
            if self._net is not None:
                return
            self._models.verify(self._weights)
            folder = self._models.folder(self._weights)
            self.device = self._gpu.device()
            net = transformers_net(
                "BlipForConditionalGeneration",
                folder,
                self.device,
                self._gpu.dtype(self.device),
                pickled=self._weights.pickled,
            )
            import transformers

            self._tokenizer = transformers.AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
            self._net = net

    def _batch(self, pictures: Sequence[F32]) -> list[str]:
        import torch

        with torch.inference_mode(), Peak(self.device) as peak:
            pixels = torch.from_numpy(np.stack(pictures)).to(self.device, self._net.dtype)
            tokens = self._net.generate(
                pixel_values=pixels, do_sample=False, num_beams=1, max_new_tokens=_MOST_TOKENS
            ).cpu()
        if peak.bytes:
            self._batches.measured(peak.bytes, len(pictures))
        return [worded(text) for text in self._tokenizer.batch_decode(tokens, skip_special_tokens=True)]


def captioner_names(registry: Registry) -> list[str]:
    """The captioners that can be named: weights with the job captioning."""
    return sorted(name for name, weights in registry.items() if weights.job == "captioning")


def captioner(name: str, models: Models, gpu: GpuOptions = UNLIMITED) -> Captioner | None:
    """The captioner of that name, not loaded yet; None for "" and "none".

    Raises ValueError, one line that says what to do: unknown name, missing packages, weights or GPU, a licence that
    was not accepted.
    """
    if name in ("", NOBODY):
        return None
    known = captioner_names(models.registry)
    if name not in known:
        raise ValueError(f"there is no captioner {name!r}; known: {', '.join([*known, NOBODY])}")
    return Captioner(models.ready(name), models, gpu)


def worded(text: str) -> str:
    """A net's caption as words on the product alone, one plain line of at most 120 characters."""
    return plain(_BACKGROUND.sub("", _PICTURE.sub("", " ".join(text.split()))), MOST_PRODUCT)


def _laid_out(cutout: U8, side: int) -> U8:
    """The product on light grey in the middle of a square of `side` px, HxWx3."""
    box = product_box(cutout[..., 3])
    size = scaled_size(box, _SHARE * side / max(box.width, box.height))
    product = resize_rgba(np.ascontiguousarray(box.of(cutout)), size)
    layer = on_canvas(product, Placement(1.0, (side - size[0]) // 2, (side - size[1]) // 2), (side, side))
    return over(layer, np.full((side, side, 3), _AROUND, np.uint8))


# ---- kept


def cached_caption(store: CatalogStore, cutout_sha256: str, identity: str, make: Callable[[], str]) -> str:
    """The caption of a cut-out by its content, as `make` gave it to whoever asked first.

    identity: of the captioner, without which it would be another one's. What is damaged is made again. Threads and runs
    that ask at once may make it twice; it is the same. Raises StoreError.
    """
    key = f"{FOLDER}/{_segment(identity)}/{_segment(cutout_sha256)}.json"
    try:
        kept = store.read_json(key)["caption"]
        if isinstance(kept, str):
            return plain(kept, MOST_PRODUCT)
    except (KeyError, TypeError):
        pass
    except StoreError as error:
        if error.code not in ("not_found", "broken_record"):
            raise
    caption = plain(make(), MOST_PRODUCT)
    store.write_json(key, {"caption": caption})
    return caption


def _segment(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", name):
        raise ValueError(f"captions: {name[:80]!r} is no name of a caption")
    return name
