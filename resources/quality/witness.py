"""What a witness of the fidelity judge is: somebody who compares the found product in his own way, and what he says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from resources.quality.registration import Registration
from resources.verdicts import Decision, Measure

U8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Finding:
    """A measure, and what missing its threshold means."""

    measure: Measure
    consequence: Decision


@dataclass(frozen=True, slots=True)
class Sight:
    """What the judge shows a witness: the photo (HxWx3 uint8), its matte (HxW uint8), the final picture (HxWx3, any
    size), and where the product was found in it."""

    original: U8
    matte: U8
    final: U8
    found: Registration


class Witness(Protocol):
    """One more look at the product, beside the judge's own measures; never the only one."""

    name: str

    @property
    def revision(self) -> str:
        """What changes when the same sight would be seen otherwise."""
        ...

    def look(self, sight: Sight) -> list[Finding]:
        """Compare the product; nothing to say (no text, too small) is an empty list."""
        ...
