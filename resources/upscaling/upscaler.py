"""What an engine that enlarges pictures promises."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]


class Upscaler(Protocol):
    """Enlarges pictures of products, which stay what they are. Safe to share between threads."""

    @property
    def name(self) -> str:
        """The engine's name in configuration."""

    @property
    def revision(self) -> str:
        """What changes when the same picture would be enlarged otherwise. Known without loading any weights."""

    def enlarge(self, rgb: U8, size: tuple[int, int]) -> tuple[U8, tuple[str, ...]]:
        """The picture at a size, and notes for its record.

        rgb: HxWx3 uint8, sRGB. size: width and height in pixels, from once to twice those of the picture.
        """
