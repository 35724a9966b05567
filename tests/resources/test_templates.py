"""templates: every look is complete, and a bad one is refused in words."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
import yaml

from resources.scenes.plate import load_plates
from resources.scenes.templates import (
    ASPECTS,
    KIND_OF_POSE,
    SceneTemplate,
    crop_size,
    load_templates,
    read_templates,
    rgb_of,
)

TEMPLATES = load_templates()
PLATES = load_plates()
GOOD = """
look:
  title: A look
  mood: calm, plain
  plates: {standing: [oak-window], flat: [flat-oak], hanging: [wall-plaster]}
  prompt: {surface: oiled oak, setting: a quiet room, light: low sun from the left}
"""


def _read(folder: Path, text: str) -> dict[str, SceneTemplate]:
    path = folder / "looks.yaml"
    path.write_text(text)
    return read_templates(path)


# ---- those that ship


def test_every_season_has_several_looks_and_every_plate_is_in_one() -> None:
    seasons = [template.season for template in TEMPLATES.values()]
    for season in ("any", "winter", "holiday", "spring", "summer", "autumn"):
        assert seasons.count(season) >= 3, season
    used = {name for look in TEMPLATES.values() for pose in KIND_OF_POSE for name in look.plates.of(pose)}  # type: ignore[arg-type]
    assert used == set(PLATES)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_look_is_complete_and_keeps_to_its_season(name: str) -> None:
    look = TEMPLATES[name]
    assert look.name == name
    for pose, kind in KIND_OF_POSE.items():
        for plate in (PLATES[plate] for plate in look.plates.of(pose)):  # type: ignore[arg-type]
            assert plate.kind == kind
            assert look.season == "any" or plate.season in (look.season, "any"), f"{plate.name} in {name}"
    parts = look.prompt.model_dump()
    assert set(parts) == {"surface", "setting", "light", "lens", "preservation"}
    assert all(len(text.split()) >= 2 for text in parts.values()), parts
    assert look.palette
    assert all(rgb_of(colour).shape == (3,) for colour in look.palette)
    assert look.crops == ("square", "portrait", "landscape")


def test_titles_and_prompts_tell_looks_apart() -> None:
    assert len({look.title for look in TEMPLATES.values()}) == len(TEMPLATES)
    assert len({(look.prompt.surface, look.prompt.setting) for look in TEMPLATES.values()}) == len(TEMPLATES)
    assert all(set(name) <= {*string.ascii_lowercase, "-"} for name in TEMPLATES), "names go into file names"


def test_what_is_handed_out_can_be_changed_without_harm() -> None:
    load_templates().clear()
    assert load_templates() == TEMPLATES


# ---- crops


@pytest.mark.parametrize("crop", ASPECTS)
def test_a_crop_has_its_aspect_and_its_longer_side(crop: str) -> None:
    width, height = crop_size(crop, 1600)  # type: ignore[arg-type]
    assert max(width, height) == 1600
    across, down = {"square": (1, 1), "portrait": (4, 5), "landscape": (16, 9)}[crop]
    assert width * down == height * across


def test_colours_are_read() -> None:
    assert rgb_of("#ff8001").tolist() == [255, 128, 1]


# ---- reading


def test_a_look_says_no_more_than_it_must(tmp_path: Path) -> None:
    look = _read(tmp_path, GOOD)["look"]
    assert (look.season, look.candidates, look.crops[0]) == ("any", None, "square")
    assert look.palette[:5] == PLATES["oak-window"].palette
    assert "exact shape" in look.prompt.preservation


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"plates.standing": ["moon"]}, "'look', entry: .*plates.standing: there is no plate 'moon'"),
        ({"plates.flat": ["oak-window"]}, "plates.flat: 'oak-window' is a plate of kind floor"),
        ({"plates.hanging": []}, "plates.hanging"),
        ({"plates.floating": ["oak-window"]}, "plates.floating"),
        ({"composition": {"fill": [0.8, 0.4]}}, "fill must be two numbers, 0.1 <= low <= high <= 1, found 0.8, 0.4"),
        ({"composition": {"zoom": [0.0, 0.5]}}, "zoom must be two numbers"),
        ({"composition": {"foot": [0.5, 1.4]}}, "composition.foot"),
        ({"composition": {"fil": [0.4, 0.5]}}, "composition.fil: "),
        ({"crops": ["round"]}, "crops"),
        ({"crops": []}, "crops"),
        ({"candidates": 0}, "candidates"),
        ({"season": "monsoon"}, "season"),
        ({"prompt.light": ""}, "prompt.light"),
        ({"prompt.light": None}, "prompt.light"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_a_bad_look_names_file_look_and_key(tmp_path: Path, change: dict[str, object], words: str) -> None:
    entries = yaml.safe_load(GOOD)
    [(key, value)] = change.items()
    *parents, last = key.split(".")
    part = entries["look"]
    for parent in parents:
        part = part[parent]
    part[last] = value
    with pytest.raises(ValueError, match=r"looks\.yaml: template 'look'") as caught:
        _read(tmp_path, yaml.safe_dump(entries))
    assert caught.match(words)


@pytest.mark.parametrize("text", ["[1, 2]", "just words", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"looks\.yaml: expected a mapping"):
        _read(tmp_path, text)


def test_an_entry_that_is_no_mapping_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"looks\.yaml: template 'look'"):
        _read(tmp_path, "look: bright\n")
