"""Scene templates: one look over a whole catalog, as data. A new look is a new entry in templates.yaml."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from resources.plain_yaml import read_own
from resources.scenes.plate import Season, load_plates

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Words = Annotated[str, StringConstraints(min_length=3, max_length=300)]
Pose = Literal["standing", "flat", "hanging"]
Crop = Literal["square", "portrait", "landscape"]

KIND_OF_POSE = {"standing": "floor", "flat": "flat", "hanging": "wall"}
ASPECTS: dict[Crop, tuple[int, int]] = {"square": (1, 1), "portrait": (4, 5), "landscape": (16, 9)}

_TEMPLATES_FILE = Path(__file__).with_name("templates.yaml")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlateFamily(_Part):
    """The plates of a look, by how a product is shown; candidates are spread over those that suit it."""

    standing: tuple[str, ...] = Field(min_length=1)
    flat: tuple[str, ...] = Field(min_length=1)
    hanging: tuple[str, ...] = Field(min_length=1)

    def of(self, pose: Pose) -> tuple[str, ...]:
        """The names of the plates for a pose."""
        names: tuple[str, ...] = getattr(self, pose)
        return names


class Composition(_Part):
    """How a product sits in the picture; shares of the picture's sides.

    fill: what the product may span, of a small one and of a large one. foot: row of a standing product's foot. aside:
    how far its middle may lie from the picture's. zoom: how much of the plate is shown. margin: free at every border.
    """

    fill: tuple[Share, Share] = (0.54, 0.70)
    foot: tuple[Share, Share] = (0.78, 0.82)
    aside: Share = 0.03
    zoom: tuple[Share, Share] = (0.92, 1.0)
    margin: Share = 0.07

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        for name in ("fill", "foot", "zoom"):
            low, high = getattr(self, name)
            if not 0.1 <= low <= high:
                raise ValueError(f"{name} must be two numbers, 0.1 <= low <= high <= 1, found {low}, {high}")
        return self


class PromptParts(_Part):
    """What an engine that generates scenes is told; the product is described elsewhere and never changed."""

    surface: Words
    setting: Words
    light: Words
    lens: Words = "85 mm product photograph, natural perspective, shallow depth of field"
    preservation: Words = "the product keeps its exact shape, colour, label and proportions; nothing covers it"


class SceneTemplate(_Part):
    """One look: family of plates, composition, crops, candidates, and the parts of a prompt.

    candidates: how many a scene gets; none: as catalog.yaml says. crops: the aspects it is composed for, the first one
    is taken where a campaign does not say.
    """

    name: str
    title: str = Field(description="what people read")
    season: Season = "any"
    mood: Words
    plates: PlateFamily
    composition: Composition = Composition()
    crops: tuple[Crop, ...] = Field(("square", "portrait", "landscape"), min_length=1)
    candidates: int | None = Field(None, ge=1, le=16)
    prompt: PromptParts

    @model_validator(mode="after")
    def _plates_are_there(self) -> Self:
        known = load_plates()
        for pose in get_args(Pose):
            for name in self.plates.of(pose):
                if name not in known:
                    raise ValueError(f"plates.{pose}: there is no plate {name!r}")
                if known[name].kind != KIND_OF_POSE[pose]:
                    raise ValueError(f"plates.{pose}: {name!r} is a plate of kind {known[name].kind}")
        return self

    @property
    def palette(self) -> tuple[str, ...]:
        """The main colours of the surroundings, for ranking by palette."""
        plates = load_plates()
        names = dict.fromkeys([*self.plates.standing, *self.plates.flat, *self.plates.hanging])
        return tuple(colour for name in names for colour in plates[name].palette)


def crop_size(crop: Crop, side: int) -> tuple[int, int]:
    """Width and height in pixels of a picture in a crop whose longer side is `side`."""
    across, down = ASPECTS[crop]
    longer = max(across, down)
    return round(side * across / longer), round(side * down / longer)


def rgb_of(colour: str) -> NDArray[np.uint8]:
    """The three sRGB values (uint8) of "#rrggbb"."""
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)


def read_templates(path: Path) -> dict[str, SceneTemplate]:
    """Read templates from a YAML file that maps names to looks; ValueError names the file, template and key."""
    entries = read_own(path)
    if not isinstance(entries, dict):
        raise ValueError(f"{path.name}: expected a mapping of template names, found {type(entries).__name__}")
    templates = {}
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            raise ValueError(f"{path.name}: template {name!r}: expected a mapping, found {type(entry).__name__}")
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
