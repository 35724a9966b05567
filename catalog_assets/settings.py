"""catalog.yaml: settings of the product line and defaults for campaigns. Everything has a default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, ValidationInfo, field_validator

from resources.imaging.correction import GENTLE, OFF, CorrectionLimits
from resources.imaging.decode import Limits
from resources.ledger import Prices
from resources.plain_yaml import PlainYamlError, read_mapping
from resources.store import CatalogStore, NotFound


class Strict(BaseModel):
    """A part of a settings file: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SettingsError(ValueError):
    """A settings or campaign file that cannot be used; the message names file, field and fix."""


Level = Annotated[int, Field(ge=20, le=245)]


class CorrectionSettings(Strict):
    """How far photos may be corrected. Each part: off, gentle (the default), or how far."""

    white_balance: float = Field(
        GENTLE.white_balance, ge=0, le=0.3, description="Change of a colour channel, share (0.05: up to 5 %)."
    )
    exposure: float = Field(GENTLE.exposure, ge=0, le=1, description="Lift or drop of the exposure, in stops (EV).")
    straighten: float = Field(GENTLE.straighten, ge=0, le=10, description="Turn at most so far, in degrees.")
    neutral_chroma: float = Field(
        GENTLE.neutral_chroma, gt=0, le=20, description="Surroundings of more chroma (Lab) are coloured on purpose."
    )
    grey_reference: tuple[Level, Level, Level] | None = Field(
        None, description="sRGB levels in which a neutral 18 % grey card shows in these photos."
    )

    @field_validator("white_balance", "exposure", "straighten", mode="before")
    @classmethod
    def _named(cls, value: object, info: ValidationInfo) -> object:
        return getattr(named_correction(value), str(info.field_name)) if _is_name(value) else value

    def limits(self) -> CorrectionLimits:
        return CorrectionLimits(**self.model_dump())


def named_correction(name: object) -> CorrectionLimits:
    """The limits called off or gentle; ValueError for anything else. YAML reads a bare `off` as false."""
    if name is False or name == "off":
        return OFF
    if name == "gentle":
        return GENTLE
    raise ValueError("off, gentle or numbers expected")


def _is_name(value: object) -> bool:
    return isinstance(value, (bool, str))


class PhotoSettings(Strict):
    max_megapixels: float = Field(100, gt=0, le=400, description="Larger photos are refused from their header.")
    min_side: int = Field(200, ge=16, le=4000, description="Shortest side that is still usable, in pixels.")
    max_aspect: float = Field(12, ge=1, le=100, description="Longest side divided by the shortest.")
    working_max_side: int = Field(3000, ge=500, le=12000, description="Longer photos are reduced to this side.")
    correction: CorrectionSettings = Field(
        CorrectionSettings(), description="off, gentle, or how far each part of the correction may go."
    )

    @field_validator("correction", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return asdict(named_correction(value)) if _is_name(value) else value

    def limits(self) -> Limits:
        return Limits(**self.model_dump(exclude={"correction"}))


class LineHealth(Strict):
    """When a campaign is stopped because most of a batch gets no final."""

    share: float = Field(0.5, ge=0, le=1, description="Stop when more than this share got no final; 1: never.")
    least: int = Field(10, ge=1, le=100_000, description="Fewer judged SKUs say nothing.")


class Costs(Strict):
    """What our own machines cost, for the reports; nothing said: nothing."""

    gpu_usd_per_hour: float = Field(0, ge=0, le=1000, description="Price of an hour of the GPU that nets run on.")
    cpu_usd_per_hour: float = Field(0, ge=0, le=1000, description="Price of an hour of a machine without one.")

    def prices(self) -> Prices:
        return Prices(self.gpu_usd_per_hour, self.cpu_usd_per_hour)


class SpaceSettings(Strict):
    """What of a SKU's candidates is kept. What a final or a person's decision names always is."""

    attempts: int = Field(2, ge=1, le=100, description="Attempts at a SKU's scenes that are kept, with the last one.")
    losers: Literal["keep", "preview"] = Field(
        "keep",
        description="Candidates that were not chosen; preview: once a final is, only their small picture is kept.",
    )


class PublishSettings(Strict):
    """Where exported pictures are put for a CDN to serve, and under what address it does."""

    target: str = Field(description="A folder (whole path), or s3://bucket/prefix; credentials: the environment.")
    base_url: str = Field(description="Where the CDN serves the target: https://, and a slash at its end.")
    keep_days: int = Field(
        7, ge=0, le=365, description="So long stays what no manifest names any more: marketplaces fetch late."
    )

    @field_validator("target")
    @classmethod
    def _can_be_opened(cls, value: str) -> str:
        if re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", value) or _is_whole_path(value):
            return value
        raise ValueError("a folder with its whole path, or s3://bucket/prefix expected")

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        plain = re.fullmatch(r"https?://[!-~]+/", value) and not set(value) & set("?#@\\")
        if not (usable and plain):
            raise ValueError("an address https://.../ expected: a slash at its end, no query, no user name")
        return value


def _is_whole_path(value: str) -> bool:
    return ":/" not in value[2:] and "\0" not in value and Path(value).expanduser().is_absolute()


class Settings(Strict):
    """The whole of catalog.yaml."""

    photo: PhotoSettings = PhotoSettings()
    matte: dict[str, FiniteFloat] = Field(default_factory=dict, description="Thresholds of the matte gate, by name.")
    fidelity: dict[str, FiniteFloat] = Field(default_factory=dict, description="Thresholds of the fidelity gate.")
    candidates: int = Field(2, ge=1, le=16, description="Candidates a scene, where a campaign does not say.")
    line_health: LineHealth = LineHealth()
    scene_size: int = Field(1600, ge=500, le=4096, description="Longer side of a scene, in pixels.")
    harmonise: bool = Field(
        True,
        description="Match products to the light of their scene, within mean dE2000 1.0 and ab shift 1.5; "
        "false: their pixels stay as they are.",
    )
    threads: int | None = Field(
        None, ge=1, le=64, description="SKUs worked on at once in one run; not said: 2, with the gpu profile 8."
    )
    image_base_url: str = Field(
        "https://images.example.com/",
        pattern=r"^https?://\S+/$",
        description="Where the exports will be served, if nothing is said of publish.",
    )
    publish: PublishSettings | None = None
    space: SpaceSettings = SpaceSettings()
    costs: Costs = Costs()
    accounts: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="What a marketplace's bulk-upload files need of the seller, as amazon: {seller_id: A1B2}.",
    )
    archives: Literal["all", "none"] | tuple[str, ...] = Field(
        "all", description="Marketplaces that get a ZIP of their pictures beside the manifests: all, none, or a list."
    )


def load_settings(store: CatalogStore) -> Settings:
    """Read catalog.yaml, or the defaults if there is none. Raises SettingsError."""
    try:
        data = store.read("catalog.yaml")
    except NotFound:
        return Settings()
    return parse_yaml(data, "catalog.yaml", Settings)


Model = TypeVar("Model", bound=BaseModel)
_MOST_SAID = 20


def parse_yaml(data: bytes, name: str, model: type[Model]) -> Model:
    """Check a YAML file against its model. Raises SettingsError naming file, field and fix."""
    try:
        content = read_mapping(data)
    except PlainYamlError as error:
        raise SettingsError(f"{name}: {error}") from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = error.errors()
        said = [_say(name, problem) for problem in problems[:_MOST_SAID]]
        more = [f"{len(problems) - _MOST_SAID} more problems"] if len(problems) > _MOST_SAID else []
        raise SettingsError("; ".join(said + more)) from error


Thresholds = TypeVar("Thresholds")


def adjusted(defaults: Thresholds, changes: Mapping[str, float], where: str) -> Thresholds:
    """The thresholds (a dataclass) with the named ones changed. Raises SettingsError for an unknown name."""
    known = [field.name for field in fields(defaults)]  # type: ignore[arg-type]
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise SettingsError(f"{where}: no threshold {', '.join(unknown)}; known are {', '.join(known)}")
    try:
        return replace(defaults, **changes)  # type: ignore[type-var]
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from None


def _say(name: str, problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "file"
    if problem["type"] == "extra_forbidden":
        return f"{name}: {where}: no such setting; remove it or mend its spelling"
    if problem["loc"][:1] == ("publish",):
        return f"{name}: {where}: {problem['msg']}; mend this value"  # people paste keys and secrets into addresses
    found = repr(problem.get("input"))[:80]
    return f"{name}: {where}: {problem['msg']} (found {found}); mend this value"
