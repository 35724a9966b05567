"""What is usual for a category of products where catalog.csv does not say: how tall they are, how they are shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from resources.plain_yaml import read_own
from resources.scenes.templates import Pose

_FILE = Path(__file__).with_name("categories.yaml")


@dataclass(frozen=True, slots=True)
class Usual:
    """height_cm: a typical height, None if there is none. pose: how such products are photographed."""

    height_cm: float | None = None
    pose: Pose = "standing"


@cache
def _usual() -> dict[str, Usual]:
    entries = read_own(_FILE)
    return {
        word: Usual(entry.get("height_cm"), entry.get("pose", "standing"))
        for entry in entries
        for word in entry["words"]
    }


def usual_for(category: str) -> Usual:
    """What is usual for a category as the shop writes it ("Home > Kitchen/mugs"); its last known word counts."""
    known = _usual()
    words = re.findall(r"[^\W\d_]+", category.casefold())
    found = [known[form] for word in words for form in (word, word.removesuffix("s")) if form in known]
    return found[-1] if found else Usual()
