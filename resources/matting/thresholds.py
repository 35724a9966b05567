"""thresholds.yaml: the limits of the matte gate per engine, and what they were calibrated on."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resources.plain_yaml import read_own

THRESHOLDS_FILE = Path(__file__).with_name("thresholds.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CalibrationSet(_Strict):
    """Pictures with known mattes. wrong: accepted with an IoU under 0.90, or with nothing there to be cut out."""

    name: str = Field(min_length=1)
    pictures: int = Field(ge=1)
    accepted: int = Field(ge=0)
    wrong: int = Field(ge=0)

    @model_validator(mode="after")
    def _counts_fit(self) -> CalibrationSet:
        if not self.wrong <= self.accepted <= self.pictures:
            raise ValueError("wrong <= accepted <= pictures does not hold")
        return self


class Calibration(_Strict):
    """When an engine's limits were chosen, for which revision of it, and how they did."""

    revision: str = Field(min_length=1)
    date: date
    sets: tuple[CalibrationSet, ...] = Field(min_length=1)


class Limits(_Strict):
    """Limits by name. The names are checked by whoever reads them (`gate.default_thresholds`)."""

    limits: dict[str, float]


class EngineLimits(Limits):
    """The limits in which an engine differs from the common ones, and their calibration."""

    calibration: Calibration


class ThresholdFile(_Strict):
    """The whole of thresholds.yaml."""

    common: Limits
    engines: dict[str, EngineLimits]

    def limits_of(self, engine: str) -> dict[str, float]:
        """The limits of an engine by name; the common ones where it has none of its own."""
        own = self.engines[engine].limits if engine in self.engines else {}
        return {**self.common.limits, **own}


def read_thresholds(path: Path) -> ThresholdFile:
    """Read a thresholds file; ValueError names the file and the first wrong field."""
    try:
        return ThresholdFile.model_validate(read_own(path))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: is not readable YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise ValueError(f"{path.name}: {field}: {first['msg']}") from error


@cache
def shipped_thresholds() -> ThresholdFile:
    """The thresholds that ship with the package."""
    return read_thresholds(THRESHOLDS_FILE)
