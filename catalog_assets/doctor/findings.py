"""What a check says, and what all checks look at."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from catalog_assets.campaign_files import Campaigns, load_campaigns
from catalog_assets.environment import Environment
from catalog_assets.instance import dagster_home
from catalog_assets.models import configured_engines
from catalog_assets.settings import Settings, load_settings
from catalog_assets.space import Usage, usage
from resources.engines import Engines
from resources.marketplaces.rule_files import RuleBook, load_rules
from resources.names import clean_text
from resources.store import CatalogStore
from resources.uploads import UploadIndex, scan_uploads

Level = Literal["ok", "warning", "wrong"]

_SECRET_NAMES = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|_KEY|WEBHOOK|CREDENTIAL", re.IGNORECASE)
# Shorter values are words such as "true", which stand in many texts.
_SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. fix: what to do, "" where there is nothing to do."""

    check: str
    level: Level
    found: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"check": self.check, "level": self.level, "found": self.found, "fix": self.fix}


@dataclass
class Deployment:
    """A catalog and what it runs on, each part read when a check asks for it. Parts raise what keeps them back.

    now: seconds since 1970.
    """

    environment: Environment
    now: Callable[[], float] = time.time
    home: Path = field(init=False)

    def __post_init__(self) -> None:
        self.home = dagster_home(self.environment.root)

    @property
    def is_local(self) -> bool:
        return not self.environment.root.startswith("s3://")

    @cached_property
    def store(self) -> CatalogStore:
        from catalog_assets.refresh import open_catalog

        return open_catalog(self.environment)

    @cached_property
    def rules(self) -> RuleBook:
        return load_rules()

    @cached_property
    def campaigns(self) -> Campaigns:
        return load_campaigns(marketplaces=self.rules)

    @cached_property
    def engines(self) -> Engines:
        return configured_engines(self.environment)

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self.store)

    @cached_property
    def uploads(self) -> UploadIndex:
        return scan_uploads(self.store)

    @cached_property
    def usage(self) -> Usage:
        return usage(self.store, self.home)


Check = Callable[[Deployment], Iterator[Finding]]


def without_secrets(text: str) -> str:
    """The text in one line, without the values of secret environment variables or of passwords in addresses."""
    for name, value in os.environ.items():
        if _SECRET_NAMES.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "***")
    return clean_text(re.sub(r"(?<=://)[^/@\s]*@", "***@", text))


def listed(names: list[str], most: int = 8) -> str:
    """Names with commas, the first few of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
