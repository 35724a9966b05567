"""What each marketplace asks of a picture: the shape of a rules file (rule_files.py reads them).

Every group of facts carries where it was read (`source`) and whether that was the marketplace's own documentation
(`confirmed`); `render` is the project's own choice inside those facts. Sizes are pixels, bytes use 1 MB = 1,000,000,
ratios are 0 to 1; null means that no rule was found.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from resources.marketplaces.provenance import PictureKind, SourceType

Slot = Literal["main", "additional", "lifestyle"]
SLOTS: tuple[Slot, ...] = ("main", "additional", "lifestyle")

PictureFormat = Literal["jpeg", "png", "webp", "gif", "tiff", "bmp"]
ColourSpace = Literal["srgb", "cmyk"]
ManifestKind = Literal[
    "shopify_csv",
    "shopify_legacy_csv",
    "google_tsv",
    "amazon_csv",
    "amazon_json",
    "walmart_json",
    "ebay_csv",
    "meta_csv",
    "tiktok_csv",
]

# What says where a fact comes from, but changes no picture.
REMARKS = frozenset({"source", "confirmed", "note", "title"})


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
    """Whether pictures of this slot may be sent at all, and those of campaigns that advertise a holiday."""

    value: bool
    reason: str = ""
    holidays: bool = True

    @model_validator(mode="after")
    def _refusal_has_a_reason(self) -> Self:
        if not (self.value and self.holidays) and not self.reason:
            raise ValueError("forbids pictures without a reason: write one sentence for the shop in 'reason'")
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
    """Side lengths in pixels; aspect is width / height.

    counted: whether the limits are about the picture or about the product's box in it, white space left out.
    """

    counted: Literal["picture", "product"] = "picture"

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
    """How much of the picture the product spans: max(box width / width, box height / height)."""

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
    """Whether text, logos, marks and borders that are not on the product are forbidden."""

    forbidden: bool


class Count(_Group):
    """How many pictures of this slot one product may have."""

    max: int | None = Field(default=None, ge=0)


class Metadata(_Group):
    """Camera data that may stay in the file, and whether the file must say how it was made (IPTC)."""

    exif_allowed: bool = False
    gps_allowed: bool = False
    source_type_required: bool = True


class Render(BaseModel):
    """What the project makes for this slot: its own choice inside the marketplace's limits.

    Marketplaces whose render groups are equal share one picture.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    side: int = Field(ge=64, le=10_000, description="Longer side of the picture at most, in pixels.")
    aspect: float = Field(default=1.0, ge=0.2, le=5, description="Width / height of pictures on white.")
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
        longer, shorter = counted_sides(self, self.render.side)
        if longer < (self.size.min_longest or 1) or shorter < (self.size.min_shortest or 1):
            raise ValueError("render.side gives pictures below the limits in size: make it larger")
        if self.size.max_longest and longer > self.size.max_longest:
            raise ValueError("render.side gives pictures above size.max_longest: make it smaller")
        width, height = canvas(self, self.render.side)
        if self.size.max_megapixels and width * height > self.size.max_megapixels * 1e6:
            raise ValueError("render.side gives pictures above size.max_megapixels: make it smaller")
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

    @model_validator(mode="after")
    def _white_pictures_have_allowed_proportions(self) -> Self:
        for name, slot in (("main", self.main), ("additional", self.additional)):
            low, high = slot.size.min_aspect or 0.0, slot.size.max_aspect or math.inf
            if slot.allowed.value and not low <= slot.render.aspect <= high:
                raise ValueError(f"{name}.render.aspect lies outside {name}.size.min_aspect and max_aspect: correct it")
        return self


class Naming(_Group):
    """File names. Templates may use {id}, {slot}, {n} (and {n:02}), {hash} and {ext}.

    id: which name {id} stands for. `asin_or_sku` keeps only letters and digits, `handle` is lower case, the other two
    are numbers whose check digit holds, else the SKU.
    first: the number of a slot's first picture, so that two slots of one product never share a name.
    pattern: regular expression which every exported name must match as a whole.
    """

    id: Literal["sku", "handle", "asin_or_sku", "gtin14_or_sku", "ean_or_sku"]
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
    """The bulk-upload files: their kinds, how many characters a column may hold, what is known of the account.

    account: values such as seller_id that a file needs; catalog.yaml gives the shop's own.
    """

    manifests: tuple[ManifestKind, ...]
    limits: dict[str, int] = {}
    account: dict[str, str] = {}


class Listing(_Group):
    """How many pictures one product may have in all slots together."""

    max_pictures: int | None = Field(default=None, ge=1)


class Urls(_Group):
    """What addresses of pictures the marketplace fetches; ports: none named means any."""

    https_only: bool = False
    query_allowed: bool = True
    ports: tuple[int, ...] = ()
    max_chars: int | None = Field(default=None, ge=1)


class Provenance(_Group):
    """IPTC DigitalSourceType codes that this marketplace wants instead of the exact ones.

    ai_declared: how a seller has to declare AI pictures there, in words; empty if no rule was found.
    """

    source_types: dict[PictureKind, SourceType] = {}
    ai_declared: str = ""


class MarketplaceRules(BaseModel):
    """One marketplace: its slots, file names, bulk-upload files, addresses and provenance codes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    title: str
    campaigns: Literal["all"] | tuple[str, ...] = Field(
        default=(), description="Campaigns that export here although their own files do not say so."
    )
    naming: Naming
    feed: Feed
    listing: Listing
    urls: Urls
    provenance: Provenance
    slots: Slots

    def wants(self, campaign: str) -> bool:
        """True if the campaign exports here although its own file does not say so."""
        return self.campaigns == "all" or campaign in self.campaigns

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


def canvas(slot_rules: SlotRules, side: int) -> tuple[int, int]:
    """Width and height in pixels of a picture on white whose longer side is `side`."""
    aspect = slot_rules.render.aspect
    return (side, max(1, round(side / aspect))) if aspect >= 1 else (max(1, round(side * aspect)), side)


def counted_sides(slot_rules: SlotRules, side: int) -> tuple[int, int]:
    """Longer and shorter side in pixels of what the marketplace counts in a picture on white of this side.

    Where only the product counts, its shorter side is that of the picture's filled part at most; a slender product has
    less.
    """
    width, height = canvas(slot_rules, side)
    share = slot_rules.render.fill if slot_rules.size.counted == "product" else 1.0
    return int(max(width, height) * share), int(min(width, height) * share)


def _ordered(low_name: str, low: float | None, high_name: str, high: float | None) -> None:
    if low is not None and high is not None and low > high:
        raise ValueError(f"{low_name} {low} is above {high_name} {high}: swap or correct them")


def _without_remarks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_remarks(item) for key, item in value.items() if key not in REMARKS}
    if isinstance(value, list):
        return [_without_remarks(item) for item in value]
    return value
