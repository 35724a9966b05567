"""thresholds.yaml: where the fidelity gate stands, and on which pairs of pictures that was chosen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resources.plain_yaml import read_own

THRESHOLDS_FILE = Path(__file__).with_name("thresholds.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityThresholds:
    """How much a product may differ; `shipped_thresholds` has the values that were calibrated.

    A block is 6 % of the product's longer side, a small block 3 %; the worst one counts.
    changed_pixels: share of solid product pixels that may differ at all when the placement is known.
    worst_block_ssim, small_block_ssim: structural similarity of the worst block, 0 to 1, at least.
    ab_shift_review, ab_shift_reject: median shift of Lab a and b over the product; above the first a person looks.
    block_ab_shift: shift of Lab a and b of the worst block, at most.
    delta_e_mean, delta_e_block, delta_e_small_block: CIEDE2000, over the product and of the worst blocks, at most.
    unexplained_block: Lab difference of the worst small block, thin, soft and see-through parts included, that neither
    a pixel's shift nor anything behind the product explains, at most.
    detail: fine detail that is left, as a ratio, at least. detail_added: share that came on top, at most.
    stretch: how much more one way than the other the product is stretched, share, at most.
    rotation: turn of the product in degrees, at most, before a person looks.
    outline_moved: share of the outline that lies elsewhere, at most.
    expansion: area that looks like product outside its outline, share of its area, at most.
    twins: share of the product's points found once more elsewhere in the picture, at most.
    visible: share of the product that must be inside the picture.
    min_side: longer side of the product in the final picture below which nothing can be judged, pixels.
    """

    changed_pixels: float
    worst_block_ssim: float
    small_block_ssim: float
    ab_shift_review: float
    ab_shift_reject: float
    block_ab_shift: float
    delta_e_mean: float
    delta_e_block: float
    delta_e_small_block: float
    unexplained_block: float
    detail: float
    detail_added: float
    stretch: float
    rotation: float
    outline_moved: float
    expansion: float
    twins: float
    visible: float
    min_side: float

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
                raise ValueError(f"fidelity threshold {field.name}: expected a number from 0, found {value!r}")
        if self.ab_shift_review > self.ab_shift_reject:
            raise ValueError(
                f"fidelity threshold ab_shift_review: {self.ab_shift_review} is above "
                f"ab_shift_reject {self.ab_shift_reject}"
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Thresholds by name; ValueError names an unknown or missing one, or a bad value."""
        known = [field.name for field in dataclasses.fields(cls)]
        unknown, missing = sorted(set(values) - set(known)), [name for name in known if name not in values]
        if unknown:
            raise ValueError(f"unknown fidelity threshold {', '.join(unknown)}; known: {', '.join(known)}")
        if missing:
            raise ValueError(f"fidelity threshold {', '.join(missing)} is missing")
        return cls(**values)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PairSet(_Strict):
    """How the gate did on pairs of a photo and a final that are known to be intact or damaged.

    fitted: whether the limits were chosen on them. auroc: of the score, intact against damaged.
    """

    name: str = Field(min_length=1)
    fitted: bool
    intact: int = Field(ge=0)
    intact_review: int = Field(ge=0)
    intact_rejected: int = Field(ge=0)
    damaged: int = Field(ge=0)
    damaged_accepted: int = Field(ge=0)
    auroc: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _counts_fit(self) -> PairSet:
        if self.intact_review + self.intact_rejected > self.intact or self.damaged_accepted > self.damaged:
            raise ValueError("more pairs were judged one way than there are")
        return self


class Calibration(_Strict):
    """When the limits were chosen, for which revision of the judge, by which rule, and how they did."""

    revision: str = Field(min_length=1)
    date: date
    operating_point: str = Field(min_length=1)
    sets: tuple[PairSet, ...] = Field(min_length=1)


class ThresholdFile(_Strict):
    """The whole of thresholds.yaml."""

    limits: dict[str, float]
    calibration: Calibration


def read_thresholds(path: Path) -> ThresholdFile:
    """Read a thresholds file; ValueError names the file and the first wrong field."""
    try:
        found = ThresholdFile.model_validate(read_own(path))
        FidelityThresholds.from_dict(found.limits)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: is not readable YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise ValueError(f"{path.name}: {field}: {first['msg']}") from error
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    return found


@cache
def shipped_file() -> ThresholdFile:
    """The limits that ship with the package, and their calibration."""
    return read_thresholds(THRESHOLDS_FILE)


def shipped_thresholds() -> FidelityThresholds:
    """The thresholds that ship with the package."""
    return FidelityThresholds.from_dict(shipped_file().limits)
