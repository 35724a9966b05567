"""What each marketplace asks of a picture, as data: one YAML file a marketplace.

Adding a file adds a marketplace. Every group of facts carries where it was read (`source`) and whether that
was the marketplace's own documentation (`confirmed`); `render` is the project's own choice inside those
facts. Sizes are pixels, bytes use 1 MB = 1,000,000, ratios are 0 to 1; null means that no rule was found.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from resources.marketplaces.provenance import PictureKind, SourceType

Slot = Literal["main", "additional", "lifestyle"]
SLOTS: tuple[Slot, ...] = ("main", "additional", "lifestyle")

PictureFormat = Literal["jpeg", "png", "webp", "gif", "tiff", "bmp"]
ColourSpace = Literal["srgb", "cmyk"]
ManifestKind = Literal["shopify_csv", "google_tsv", "amazon_csv"]

RULES_FOLDER = Path(__file__).parent / "rules"

# What says where a fact comes from, but changes no picture.
_REMARKS = frozenset({"source", "confirmed", "note", "title"})


class _Group(BaseModel):
    """A group of rules that were read together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    confirmed: bool = Field(description="True if read in the marketplace's own documentation.")
    source: tuple[str, ...] = Field(default=(), description="Addresses where the rule was read.")
    note: str = ""

    @model_validator(mode="after")
    def _confirmed_has_a_source(self) -> Self:
        if self.confirmed and not self.source:
            raise ValueError("is marked confirmed without a source: name the page, or set confirmed: false")
        return self


class Allowed(_Group):
    """Whether pictures of this slot may be sent at all."""

    value: bool
    reason: str = ""

    @model_validator(mode="after")
    def _refusal_has_a_reason(self) -> Self:
        if not self.value and not self.reason:
            raise ValueError("is not allowed without a reason: write one sentence for the shop in 'reason'")
        return self


class Formats(_Group):
    """File formats that are taken; a GIF must hold one frame."""

    accepted: tuple[PictureFormat, ...] = Field(min_length=1)


class Colour(_Group):
    """Colour spaces, bits a channel, and whether transparency may stay in the file."""

    spaces: tuple[ColourSpace, ...] = Field(min_length=1)
    max_bit_depth: int = Field(default=8, ge=8, le=16)
    alpha_allowed: bool


class Size(_Group):
    """Side lengths in pixels; aspect is width / height."""

    min_longest: int | None = Field(default=None, ge=1)
    min_shortest: int | None = Field(default=None, ge=1)
    recommended: int | None = Field(default=None, ge=1)
    max_longest: int | None = Field(default=None, ge=1)
    max_megapixels: float | None = Field(default=None, gt=0)
    min_aspect: float | None = Field(default=None, gt=0)
    max_aspect: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _ordered("min_longest", self.min_longest, "max_longest", self.max_longest)
        _ordered("min_shortest", self.min_shortest, "max_longest", self.max_longest)
        _ordered("min_aspect", self.min_aspect, "max_aspect", self.max_aspect)
        return self


class FileBytes(_Group):
    """File size limits in bytes."""

    max_bytes: int | None = Field(default=None, ge=1)
    min_bytes: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _ordered("min_bytes", self.min_bytes, "max_bytes", self.max_bytes)
        return self


class Background(_Group):
    """What lies behind the product; tolerance is in levels below 255 and only read for white."""

    required: Literal["white", "any"]
    tolerance: int = Field(default=0, ge=0, le=255)


class Fill(_Group):
    """Longest side of the product's box / longest side of the picture."""

    min_ratio: float | None = Field(default=None, gt=0, le=1)
    max_ratio: float | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _ordered("min_ratio", self.min_ratio, "max_ratio", self.max_ratio)
        return self


class Shadow(_Group):
    """Whether a soft shadow beside the product counts as background."""

    allowed: bool


class Text(_Group):
    """Whether text, logos, marks and borders that are not on the product are forbidden. Not measured."""

    forbidden: bool


class Count(_Group):
    """How many pictures of this slot one product may have."""

    max: int | None = Field(default=None, ge=0)


class Metadata(_Group):
    """Camera data that may stay in the file."""

    exif_allowed: bool = False
    gps_allowed: bool = False


class Render(BaseModel):
    """What the project makes for this slot: its own choice inside the marketplace's limits.

    Marketplaces whose render groups are equal share one picture.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    side: int = Field(ge=64, le=10_000, description="Longest side of the picture at most, in pixels.")
    fill: float = Field(default=0.87, gt=0, le=1, description="Target fill ratio of pictures on white.")
    quality: int = Field(default=92, ge=1, le=100)
    min_quality: int = Field(default=80, ge=1, le=100)
    max_bytes: int = Field(default=3_000_000, ge=1)
    note: str = ""


class SlotRules(BaseModel):
    """All rules of one slot."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allowed: Allowed
    formats: Formats
    colour: Colour
    size: Size
    file: FileBytes
    background: Background
    fill: Fill
    shadow: Shadow
    text: Text
    count: Count
    metadata: Metadata
    render: Render

    @model_validator(mode="after")
    def _render_obeys_the_rules(self) -> Self:
        if not self.allowed.value:
            return self
        if "jpeg" not in self.formats.accepted:
            raise ValueError("formats.accepted lacks jpeg, the only format the project exports: add it")
        if not min_side(self) <= self.render.side <= (self.size.max_longest or self.render.side):
            raise ValueError("render.side lies outside the limits in size: choose one between them")
        if self.size.max_megapixels and self.render.side**2 > self.size.max_megapixels * 1e6:
            raise ValueError("render.side squared is above size.max_megapixels: make it smaller")
        if self.file.max_bytes and self.render.max_bytes > self.file.max_bytes:
            raise ValueError("render.max_bytes is above file.max_bytes: make it smaller")
        if not (self.fill.min_ratio or 0) <= self.render.fill <= (self.fill.max_ratio or 1):
            raise ValueError("render.fill lies outside fill.min_ratio and fill.max_ratio: choose one between")
        return self


class Slots(BaseModel):
    """The three kinds of picture a listing has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    main: SlotRules
    additional: SlotRules
    lifestyle: SlotRules


class Naming(_Group):
    """File names. Templates may use {id}, {slot}, {n} (and {n:02}), {hash} and {ext}.

    id: which name {id} stands for. `asin_or_sku` keeps only letters and digits, `handle` is lower case.
    first: the number of a slot's first picture, so that two slots of one product never share a name.
    pattern: regular expression which every exported name must match as a whole.
    """

    id: Literal["sku", "handle", "asin_or_sku"]
    main: str
    additional: str
    lifestyle: str
    first: dict[Slot, int] = {}
    pattern: str
    explained: str = Field(description="The pattern in words, for the shop.")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"is not a regular expression ({error}): correct it") from error
        return pattern

    @field_validator("main", "additional", "lifestyle")
    @classmethod
    def _formats(cls, template: str) -> str:
        try:
            template.format(id="A1", slot="main", n=1, hash="0" * 12, ext="jpg")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"is not a usable name template ({error!r}): use {{id}} {{slot}} {{n}} {{hash}} {{ext}}"
            ) from error
        return template


class Feed(_Group):
    """The bulk-upload file: its kind, and how many characters each column may hold."""

    manifest: ManifestKind
    limits: dict[str, int] = {}


class Provenance(_Group):
    """IPTC DigitalSourceType codes that this marketplace wants instead of the exact ones."""

    source_types: dict[PictureKind, SourceType] = {}


class MarketplaceRules(BaseModel):
    """One marketplace: its slots, file names, bulk-upload file and provenance codes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    title: str
    naming: Naming
    feed: Feed
    provenance: Provenance
    slots: Slots

    @property
    def manifest(self) -> ManifestKind:
        """Which bulk-upload file this marketplace reads."""
        return self.feed.manifest

    def slot(self, slot: Slot) -> SlotRules:
        """The rules of one slot. ValueError for another name than main, additional or lifestyle."""
        if slot not in SLOTS:
            raise ValueError(f"no slot {slot!r}: choose one of {', '.join(SLOTS)}")
        rules: SlotRules = getattr(self.slots, slot)
        return rules

    def fingerprint(self, slot: Slot) -> str:
        """Hex digest of everything that decides a picture of this slot; remarks and sources do not count."""
        facts = {
            "name": self.name,
            "slot": self.slot(slot).model_dump(mode="json"),
            "naming": self.naming.model_dump(mode="json"),
            "provenance": self.provenance.model_dump(mode="json"),
        }
        text = json.dumps(_without_remarks(facts), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def min_side(slot_rules: SlotRules) -> int:
    """Smallest side in pixels of a square picture that the slot takes; 1 if there is no minimum."""
    return max(slot_rules.size.min_longest or 1, slot_rules.size.min_shortest or 1)


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """One thing wrong in one rules file: which file, which field, what is wrong and what to do."""

    file: Path
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.message}" if self.field else f"{self.file}: {self.message}"


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The marketplaces that could be read, by name in alphabetical order, and what was wrong elsewhere."""

    rules: Mapping[str, MarketplaceRules]
    problems: tuple[RuleProblem, ...] = ()


def load_rules(extra_folder: Path | None = None) -> RuleBook:
    """Read the shipped rules, and a shop's own folder of *.yaml files, which replace shipped ones by name.

    A broken file is left out and listed in `problems`. That holds too for a broken replacement: a picture is
    never judged by other rules than the shop meant.
    """
    return _shipped() if extra_folder is None else _load(extra_folder)


@lru_cache(maxsize=1)
def _shipped() -> RuleBook:
    """The rules inside the package, which do not change while the program runs."""
    return _load(None)


def _load(extra_folder: Path | None) -> RuleBook:
    files = {file.stem: file for file in sorted(RULES_FOLDER.glob("*.yaml"))}
    problems: list[RuleProblem] = []
    if extra_folder is not None:
        if not extra_folder.is_dir():
            problems.append(RuleProblem(extra_folder, "", "no such folder: create it or correct the setting"))
        files |= {file.stem: file for file in sorted(extra_folder.glob("*.yaml"))}
    rules: dict[str, MarketplaceRules] = {}
    for name, file in sorted(files.items()):
        read = _read(file)
        if isinstance(read, MarketplaceRules):
            rules[name] = read
        else:
            problems += read
    return RuleBook(MappingProxyType(rules), tuple(problems))


def _read(file: Path) -> MarketplaceRules | list[RuleProblem]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return [RuleProblem(file, "", f"is not readable YAML: {' '.join(str(error).split())}")]
    if not isinstance(content, dict):
        return [RuleProblem(file, "", "holds no mapping: start with 'name:' as the shipped files do")]
    # Groups that several slots share are written once there, as YAML anchors.
    content.pop("shared", None)
    try:
        rules = MarketplaceRules.model_validate(content)
    except ValidationError as error:
        return [_problem(file, dict(item)) for item in error.errors()]
    if rules.name != file.stem:
        return [RuleProblem(file, "name", f"is {rules.name!r}: make it the file's name, {file.stem!r}")]
    return rules


_FIXES = {
    "extra_forbidden": "is not a field that is known here: correct its name or remove it",
    "missing": "is missing: add it",
}


def _problem(file: Path, error: dict[str, Any]) -> RuleProblem:
    field = ".".join(str(part) for part in error["loc"])
    message = _FIXES.get(error["type"])
    if message is None:
        found = "" if isinstance(error["input"], dict) else f" (found {error['input']!r})"
        message = error["msg"].removeprefix("Value error, ") + found
    return RuleProblem(file, field, message)


def _ordered(low_name: str, low: float | None, high_name: str, high: float | None) -> None:
    if low is not None and high is not None and low > high:
        raise ValueError(f"{low_name} {low} is above {high_name} {high}: swap or correct them")


def _without_remarks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_remarks(item) for key, item in value.items() if key not in _REMARKS}
    if isinstance(value, list):
        return [_without_remarks(item) for item in value]
    return value
