"""Scene templates: how a scene looks, as data. A new look is a new entry in templates.yaml."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]

_TEMPLATES_FILE = Path(__file__).with_name("templates.yaml")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Light(_Part):
    """Where the light comes from and how hard it is."""

    side: Literal["left", "right", "either"] = Field("either", description="side of the key light")
    ambient: Share = Field(0.45, description="share of the light that comes from everywhere")
    spot: Share = Field(0.2, description="glow on the wall behind the product")
    vignette: Share = Field(0.15, description="loss of light in the corners")
    window: Share = Field(0.0, description="strength of a window's pattern on floor and wall")


class Shadow(_Part):
    """How dark the product's shadow is, as the share of light it takes away."""

    contact: Share = Field(0.55, description="tight dark line where the product stands")
    soft: Share = Field(0.24, description="wide soft shadow away from the light")
    tint: Colour = Field("#000000", description="colour of the light left in the shadow")


class Bokeh(_Part):
    """Lights far behind, out of focus."""

    colours: tuple[Colour, ...] = Field(description="colours of the lights")
    count: int = Field(ge=1, le=120, description="number of lights")
    strength: Share = Field(description="brightness of a light")
    size: Share = Field(0.035, description="typical radius, share of the picture's shorter side")


class SceneTemplate(_Part):
    """One look of a scene: colours, light, shadow, and how much of the picture the product fills.

    stage "paper": seamless paper that sweeps from floor to wall. stage "table": a top in front of something
    far away and out of focus. Colours are sRGB as they appear near the product, at full light.
    """

    name: str
    title: str = Field(description="what people read")
    season: Literal["any", "spring", "summer", "autumn", "winter"] = "any"
    mood: str = Field(description="a few words, for people and for prompts")
    stage: Literal["paper", "table"] = "paper"
    floor: Colour
    wall: Colour = Field(description="the wall; of a table: the far background below")
    wall_top: Colour | None = Field(None, description="top of the background; none: as `wall`")
    hue_jitter: float = Field(0.0, ge=0.0, le=40.0, description="degrees a candidate's hue may turn")
    gloss: Share = Field(0.0, description="how much the top mirrors the blurred background")
    snow: Share = Field(0.0, description="relief of snow on the floor")
    grain: float = Field(0.5, ge=0.0, le=3.0, description="film grain, sRGB levels (standard deviation)")
    fill: tuple[Share, Share] = Field((0.54, 0.68), description="share of the picture the product fills")
    light: Light = Light()
    shadow: Shadow = Shadow()
    bokeh: Bokeh | None = None

    @model_validator(mode="after")
    def _fill_is_a_range(self) -> Self:
        low, high = self.fill
        if not 0.1 <= low <= high <= 0.9:
            raise ValueError(f"fill must be two numbers, 0.1 <= low <= high <= 0.9, found {self.fill}")
        return self

    @property
    def palette(self) -> tuple[str, ...]:
        """The colours of the surroundings, for ranking by palette."""
        return tuple(c for c in (self.floor, self.wall, self.wall_top) if c is not None)


def rgb_of(colour: str) -> NDArray[np.uint8]:
    """The three sRGB values (uint8) of "#rrggbb"."""
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)


def read_templates(path: Path) -> dict[str, SceneTemplate]:
    """Read templates from a YAML file that maps names to looks; ValueError names the file, template and key."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(entries, dict):
        raise ValueError(f"{path.name}: expected a mapping of template names, found {type(entries).__name__}")
    templates = {}
    for name, entry in entries.items():
        try:
            templates[name] = SceneTemplate.model_validate({"name": name, **entry})
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or "entry"
            raise ValueError(f"{path.name}: template {name!r}, {key}: {first['msg']}") from error
    return templates


@cache
def _shipped_templates() -> dict[str, SceneTemplate]:
    return read_templates(_TEMPLATES_FILE)


def load_templates() -> dict[str, SceneTemplate]:
    """The templates that ship with the package, by name."""
    return dict(_shipped_templates())
