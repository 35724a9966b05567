"""Campaigns: a season or theme with its scenes, dates, schedule and marketplaces, each from a YAML file.

Shipped campaigns lie beside this file; a shop's own in the folder named by CATALOG_CAMPAIGNS, where a file
of the same campaign name replaces the shipped one. A broken file is left out and told, and the shipped one does not
step in for it; the others work.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import Field, FiniteFloat, StringConstraints, field_validator, model_validator

from catalog_assets.settings import SettingsError, Strict, parse_yaml
from resources.marketplaces.rule_files import RuleBook
from resources.products import Product
from resources.scenes.templates import Crop, SceneTemplate, crop_size, load_templates

SHIPPED = Path(__file__).parent / "campaigns"
FOLDER_VARIABLE = "CATALOG_CAMPAIGNS"
EVERGREEN = "evergreen"
RESERVED = frozenset({"product", "reports"})

Day = str
"""A date as YYYY-MM-DD, or MM-DD for every year."""


class Scene(Strict):
    """One scene of a campaign: a template, the crop, and how many candidates to make of it.

    crop: square, portrait (4:5) or landscape (16:9); none: the template's first. candidates: none: as the template
    says, else as catalog.yaml says.
    """

    template: str
    crop: Crop | None = None
    candidates: int | None = Field(None, ge=1, le=16)

    @field_validator("template")
    @classmethod
    def _known(cls, value: str) -> str:
        known = sorted(load_templates())
        if value not in known:
            raise ValueError(f"no scene template of that name, known are {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def _crop_is_composed_for(self) -> Scene:
        crops = load_templates()[self.template].crops
        if self.crop is not None and self.crop not in crops:
            raise ValueError(f"{self.template} is not composed for {self.crop}, choose {', '.join(crops)}")
        return self

    @property
    def look(self) -> SceneTemplate:
        """The template itself."""
        return load_templates()[self.template]

    @property
    def shape(self) -> Crop:
        """The crop that is made."""
        return self.crop or self.look.crops[0]

    @property
    def name(self) -> str:
        """What records and files call the scene: the template, and the crop where it is not the template's first."""
        return self.template if self.shape == self.look.crops[0] else f"{self.template}-{self.shape}"

    def size(self, side: int) -> tuple[int, int]:
        """Width and height in pixels of a picture whose longer side is `side`."""
        return crop_size(self.shape, side)


Policy = Literal["local_first", "cloud_first", "studio_only"]
EngineName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Selection = dict[str, str | list[str]]


class Premium(Strict):
    """Products whose scenes are made in another order: those whose columns hold the wanted values."""

    select: Selection = Field(min_length=1)
    policy: Policy


class Routing(Strict):
    """Which engines make a campaign's scenes, in which order, and what that may cost.

    budget_usd: what may be spent on calls in all, for good; a campaign that asks the cloud must say it.
    """

    policy: Policy = "local_first"
    local: EngineName | None = Field(None, description="Engine on our own machines; not said: that of the profile.")
    cloud: list[EngineName] = Field(default_factory=list, max_length=8, description="Cloud engines, best first.")
    last_resort: bool = Field(False, description="Whether the studio engine steps in where no other could.")
    overflow: int | None = Field(
        None, ge=1, le=100_000, description="More pictures waiting for the local engine than this: ask the cloud first."
    )
    budget_usd: float | None = Field(None, gt=0, le=1_000_000)
    premium: Premium | None = None

    @model_validator(mode="after")
    def _can_be_followed(self) -> Routing:
        if self.cloud and self.budget_usd is None:
            raise ValueError("the cloud costs money: say how much in budget_usd")
        if len(set(self.cloud)) < len(self.cloud):
            raise ValueError("cloud: an engine is listed twice")
        if not self.cloud and "cloud_first" in self.policies:
            raise ValueError("cloud_first needs engines in cloud")
        return self

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies that any product may be under, each once."""
        return tuple(dict.fromkeys([self.policy, *([self.premium.policy] if self.premium else [])]))

    def policy_for(self, product: Product) -> Policy:
        """The policy for a product: that of the premium ones if it is one."""
        if self.premium is not None and _selected(self.premium.select, product):
            return self.premium.policy
        return self.policy


class Campaign(Strict):
    """What a campaign file says. `first_day` and `last_day` are inclusive; None means no limit."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="Asset key prefix and group.")
    title: str = Field("", max_length=200)
    first_day: Day | None = Field(None, alias="from", description="First day: YYYY-MM-DD, or MM-DD every year.")
    last_day: Day | None = Field(None, alias="until", description="Last day, inclusive.")
    timezone: str = "UTC"
    schedule: str | None = Field(None, description="Cron line of the regeneration, in the timezone.")
    select: Selection = Field(
        default_factory=dict,
        description="Columns of catalog.csv and the values that are wanted; all must hold.",
    )
    scenes: list[Scene] = Field(min_length=1, max_length=20)
    marketplaces: list[str] = Field(min_length=1)
    engine: str = Field("", description="The one scene engine; empty: that of the profile, or as routing says.")
    routing: Routing | None = None
    fidelity: dict[str, FiniteFloat] = Field(
        default_factory=dict, description="Thresholds that differ from catalog.yaml."
    )
    rotation: Literal["none", "weekly", "monthly"] = "none"
    holiday: bool | None = Field(
        None,
        description="True if its scenes advertise a holiday (Christmas, Black Friday), which some marketplaces forbid; "
        "not said: a campaign with dates counts as one.",
    )
    archived: bool = False

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value in RESERVED:
            raise ValueError("this name is taken by the project itself, choose another")
        return value

    @field_validator("first_day", "last_day", mode="before")
    @classmethod
    def _as_day(cls, value: object) -> object:
        if value is None:
            return None
        text = value.isoformat() if isinstance(value, date) else str(value)
        try:
            date.fromisoformat(text if len(text) == 10 else f"2024-{text}")
        except ValueError:
            raise ValueError("a date YYYY-MM-DD, or MM-DD for every year, expected") from None
        return text

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("no such timezone, write one like Europe/Berlin") from None
        return value

    @field_validator("schedule")
    @classmethod
    def _cron(cls, value: str | None) -> str | None:
        if value is not None:
            if len(value.split()) != 5:
                raise ValueError("a cron line of five fields expected, like '0 3 * * 1'")
            try:
                CronSim(value, datetime(2026, 1, 1))
            except CronSimError as error:
                raise ValueError(f"not a cron line ({error}), write one like '0 3 * * 1'") from None
        return value

    @model_validator(mode="after")
    def _one_way_to_engines(self) -> Campaign:
        if self.engine and self.routing is not None:
            raise ValueError("engine and routing are both given; with routing, name the engine in routing.local")
        return self

    @model_validator(mode="after")
    def _scenes_differ(self) -> Campaign:
        names = [scene.name for scene in self.scenes]
        if len(names) != len(set(names)):
            raise ValueError("a scene template is listed twice, list it once with more candidates or in another crop")
        if self.first_day and self.last_day and len(self.first_day) != len(self.last_day):
            raise ValueError("from and until must both be YYYY-MM-DD or both MM-DD")
        if self.first_day and self.last_day and len(self.first_day) == 10 and self.first_day > self.last_day:
            raise ValueError("from lies after until, swap them")
        return self

    @property
    def advertises_holiday(self) -> bool:
        """True if its pictures must not go where holiday themes are forbidden."""
        dated = self.first_day is not None or self.last_day is not None
        return dated if self.holiday is None else self.holiday

    def is_active(self, moment: datetime) -> bool:
        """True if the moment (aware) lies within the campaign's dates, in its timezone; until is inclusive."""
        today = moment.astimezone(ZoneInfo(self.timezone)).date().isoformat()
        first, last = self.first_day, self.last_day
        if first and last and len(first) == 5 and first > last:  # over the turn of the year
            return today[5:] >= first or today[5:] <= last
        return (first is None or today[-len(first) :] >= first) and (last is None or today[-len(last) :] <= last)

    def period(self, scheduled: datetime) -> str:
        """The period a scheduled moment (aware) falls into: '' without rotation, '2026-W47' or '2026-11'."""
        local = scheduled.astimezone(ZoneInfo(self.timezone))
        if self.rotation == "weekly":
            year, week, _ = local.isocalendar()
            return f"{year}-W{week:02d}"
        return f"{local:%Y-%m}" if self.rotation == "monthly" else ""

    def last_period(self, now: datetime) -> str:
        """The period of the last scheduled moment at or before now: what uploads in between belong to."""
        local = now.astimezone(ZoneInfo(self.timezone))
        if self.schedule is not None and self.rotation != "none":
            # Searching backwards leaves the starting moment itself out.
            local = next(CronSim(self.schedule, local + timedelta(seconds=1), reverse=True), local)
        return self.period(local)

    def selects(self, product: Product) -> bool:
        """True if the product's columns hold one of the wanted values each; case and outer spaces do not count."""
        return _selected(self.select, product)


def _selected(select: Selection, product: Product) -> bool:
    return all(
        product.get(column).strip().casefold() in {value.strip().casefold() for value in _listed(wanted)}
        for column, wanted in select.items()
    )


def _listed(wanted: str | list[str]) -> list[str]:
    return [wanted] if isinstance(wanted, str) else wanted


@dataclass(frozen=True)
class CampaignProblem:
    """A campaign file that was left out, and why."""

    file: str
    message: str


@dataclass(frozen=True)
class Campaigns:
    """What loading found: usable campaigns by name (archived ones apart), and the files left out."""

    active: Mapping[str, Campaign]
    archived: tuple[str, ...]
    problems: tuple[CampaignProblem, ...]

    def on(self, moment: datetime) -> list[Campaign]:
        """The campaigns whose dates hold the moment."""
        return [campaign for campaign in self.active.values() if campaign.is_active(moment)]


def load_campaigns(folder: Path | None = None, marketplaces: RuleBook | None = None) -> Campaigns:
    """Read the shipped campaigns and those of `folder` (default: CATALOG_CAMPAIGNS). Never raises for a file.

    marketplaces: a campaign that names another one is left out, and one that a marketplace names goes there, too.
    """
    if folder is None and os.environ.get(FOLDER_VARIABLE):
        folder = Path(os.environ[FOLDER_VARIABLE])
    found: dict[str, Campaign] = {}
    problems: list[CampaignProblem] = []
    shops: set[str] = set()
    if folder is not None and not folder.is_dir():
        problems.append(CampaignProblem(str(folder), f"{FOLDER_VARIABLE} names no folder; create it or mend the name"))
    for own, path in [*_files(SHIPPED, own=False), *_files(folder, own=True)]:
        try:
            campaign = parse_yaml(path.read_bytes(), path.name, Campaign)
            campaign = _with_marketplaces(campaign, path.name, marketplaces)
            if campaign.name in shops:
                raise SettingsError(f"{path.name}: name: {campaign.name!r} is used by another file, choose another")
        except (SettingsError, OSError) as error:
            problems.append(CampaignProblem(path.name, str(error)))
            found.pop(
                path.stem, None
            )  # the shipped one of its name would make, and withdraw, other pictures than meant
            continue
        if own:
            shops.add(campaign.name)
        found[campaign.name] = campaign
    return Campaigns(
        active={name: found[name] for name in sorted(found) if not found[name].archived},
        archived=tuple(sorted(name for name in found if found[name].archived)),
        problems=tuple(problems),
    )


def _files(folder: Path | None, *, own: bool) -> list[tuple[bool, Path]]:
    if folder is None or not folder.is_dir():
        return []
    return [(own, path) for path in sorted(folder.iterdir()) if path.suffix in {".yaml", ".yml"}]


def _with_marketplaces(campaign: Campaign, file: str, book: RuleBook | None) -> Campaign:
    """The campaign with the marketplaces that ask for it. Raises SettingsError if it names one without a rules file."""
    if book is None:
        return campaign
    unknown = sorted(set(campaign.marketplaces) - set(book.known))
    if unknown:
        raise SettingsError(
            f"{file}: marketplaces: no rules for {', '.join(unknown)}; known are {', '.join(book.known)}"
        )
    asking = [name for name, rules in book.rules.items() if rules.wants(campaign.name)]
    return campaign.model_copy(update={"marketplaces": list(dict.fromkeys([*campaign.marketplaces, *asking]))})
