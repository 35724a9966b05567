"""Saliency nets as ONNX files (`cutnet`, the U2-Net and IS-Net family), on the processor."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from resources.imaging.alpha import Rgb
from resources.matting.neural import Field, stretched
from resources.torch_runtime import require
from resources.weights import Models, Weights, WeightsError

_REVISION = "2"
# A net that ends in a sigmoid stays within 0 and 1 but for rounding.
_ROUNDING = 1e-3


class Answer(NamedTuple):
    """What a net says of a photo.

    saliency: 0..1 float32 at the net's size, how surely each pixel is product. sure: 0..1, how likely the net thinks
    that its answer is right; 1 of a net that does not say.
    """

    saliency: Field
    sure: float


class OnnxDetector:
    """One ONNX net. Its input size is what the file says; a file that takes any size needs `input.side`.

    The answer is taken as it is. Stretching it to the full range, as is often done, would make a confident matte out
    of a photo in which the net saw nothing.
    """

    device = "cpu"

    def __init__(self, weights: Weights, models: Models) -> None:
        """Loads nothing. Raises ValueError if onnxruntime is missing."""
        require(weights.name, ("onnxruntime",))
        self.name = weights.name
        self.revision = f"{_REVISION}.{models.identity(weights)}"
        self.notes: tuple[str, ...] = ()
        self._weights, self._models = weights, models
        self._lock = threading.Lock()
        self._session: Any = None
        self._size = (0, 0)

    def saliency(self, photos: Sequence[Rgb]) -> list[Field]:
        """For each photo a map of 0..1 float32 at the net's size. Raises ValueError if the file cannot be used."""
        return [self.answer(photo).saliency for photo in photos]

    def answer(self, photo: Rgb) -> Answer:
        """All that the net says of a photo. Raises ValueError if the file cannot be used."""
        session = self._opened()
        values = stretched(photo, self._size, self._weights.input)[None]
        first, *others = session.run(None, {session.get_inputs()[0].name: values})
        sure = float(np.ravel(others[0])[0]) if len(others) == 1 and np.size(others[0]) == 1 else 1.0
        return Answer(self._checked(first), sure)

    def close(self) -> None:
        """Let go of the net; whoever asks again loads it again."""
        self._session = None

    def _opened(self) -> Any:
        """The net, loaded once; several threads may run it at a time."""
        with self._lock:
            if self._session is None:
                self._session = self._load()
            return self._session

    def _load(self) -> Any:
        self._models.verify(self._weights)
        import onnxruntime

        name = next(file.name for file in self._weights.files if file.name.endswith(".onnx"))
        path = self._models.folder(self._weights) / name
        options = onnxruntime.SessionOptions()
        # The line brings threads of its own, and one thread's sums are the same on every machine of a kind.
        options.intra_op_num_threads = 1
        options.log_severity_level = 3  # it warns of whatever it cannot compute ahead
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime has a dozen exceptions of its own for what a file can be
            raise WeightsError(f"{path}: no ONNX model that can be loaded: {str(error).splitlines()[0]}") from error
        self._size = _input_size(session.get_inputs(), self._weights.input.side, path)
        return session

    def _checked(self, answer: Any) -> Field:
        """A net's map as 0..1 float32. Raises WeightsError for one that is no probability."""
        found = np.asarray(answer, np.float32).reshape(-1, *np.shape(answer)[-2:])[0]
        if not np.isfinite(found).all():
            raise FloatingPointError(f"{self.name}: the net's answer is not a number")
        if self._weights.output == "logits":
            return 1 / (1 + np.exp(-np.clip(found, -50, 50)))
        if found.min() < -_ROUNDING or found.max() > 1 + _ROUNDING:
            raise WeightsError(
                f"{self.name}: the net answers {found.min():.2f} to {found.max():.2f}, 0 to 1 expected; "
                "its entry needs `output: logits`"
            )
        return np.clip(found, 0, 1)


def _input_size(inputs: Sequence[Any], side: int | None, path: Path) -> tuple[int, int]:
    """Width and height that the model takes. Raises WeightsError for a model that takes no single picture."""
    shape = list(inputs[0].shape) if len(inputs) == 1 else []
    if len(shape) != 4 or shape[1] != 3 or (isinstance(shape[0], int) and shape[0] != 1):
        found = [list(each.shape) for each in inputs]
        raise WeightsError(f"{path}: one input of 1x3xHxW expected, {found} found: no saliency net of this kind")
    height, width = (size if isinstance(size, int) else side for size in shape[2:])
    if not width or not height:
        raise WeightsError(f"{path}: takes pictures of any size; its entry needs `input: {{side: ...}}`")
    return width, height
