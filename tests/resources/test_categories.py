"""categories: what is usual for a product where the shop says nothing of its own."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import yaml

from resources.scenes import categories
from resources.scenes.categories import Usual, usual_for
from resources.scenes.templates import Pose


@pytest.mark.parametrize(
    ("category", "height", "pose"),
    [
        ("mugs", 10, "standing"),
        ("Mug", 10, "standing"),
        ("Home > Kitchen/mugs", 10, "standing"),
        ("Jewellery & Necklaces", 12, "flat"),
        ("APPAREL", 80, "flat"),
        ("home_decor/floor-lamps", 40, "standing"),
        ("Wine bottles (0.75 l)", 25, "standing"),
    ],
)
def test_the_last_known_word_says_what_is_usual(category: str, height: float, pose: str) -> None:
    assert usual_for(category) == Usual(height, pose)  # type: ignore[arg-type]


@pytest.mark.parametrize("category", ["", "zzz", "Kitchenettes", "12345", "мебель", "a" * 10_000])
def test_nothing_is_made_up_for_what_is_not_known(category: str) -> None:
    assert usual_for(category) == Usual(None, "standing")


def test_every_entry_is_whole_and_no_word_stands_twice() -> None:
    entries = yaml.safe_load(Path(categories.__file__).with_name("categories.yaml").read_text())
    words = [word for entry in entries for word in entry["words"]]
    assert len(words) == len(set(words))
    for entry in entries:
        assert set(entry) <= {"words", "height_cm", "pose"}
        assert 3 <= entry["height_cm"] <= 250
        assert entry.get("pose", "standing") in get_args(Pose)
    assert all(word == word.casefold() for word in words)
    assert all(usual_for(word).height_cm is not None for word in words), "every word is found"
    assert all(usual_for(f"{word}s") == usual_for(word) for word in words if not word.endswith("s"))
