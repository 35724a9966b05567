"""plates: every shipped set is whole, consistent with its own camera, and there are enough of them."""

from __future__ import annotations

import math
import shutil
import tomllib
from collections import Counter
from pathlib import Path, PurePath

import numpy as np
import pytest
import yaml
from PIL import Image

from resources.imaging.shadow import FloorView
from resources.scenes import plate as plates_module
from resources.scenes.plate import (
    FOLDER,
    Plate,
    ambient_of,
    foreground_of,
    load_plates,
    picture_of,
    plates_digest,
)

PLATES = load_plates()
FLOORS = [name for name, plate in PLATES.items() if plate.kind == "floor"]
ROOT = Path(plates_module.__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with one plate that has a foreground."""
    name = next(name for name, plate in PLATES.items() if plate.foreground)
    for path in FOLDER.glob(f"{name}.*"):
        shutil.copy(path, tmp_path / path.name.replace(name, "one"))
    return tmp_path


# ---- the collection


def test_there_are_enough_for_every_season() -> None:
    assert len(PLATES) >= 24
    seasons = Counter(plate.season for plate in PLATES.values())
    assert all(seasons[season] >= 4 for season in ("winter", "holiday", "spring", "summer", "autumn")), seasons
    assert {plate.kind for plate in PLATES.values()} == {"floor", "flat", "wall"}
    kinds = {season: {p.kind for p in PLATES.values() if p.season in (season, "any")} for season in seasons}
    assert all(kind == {"floor", "flat", "wall"} for kind in kinds.values())


def test_they_fit_into_a_package() -> None:
    files = list(FOLDER.iterdir())
    assert sum(path.stat().st_size for path in files) <= 14_000_000
    known = {f"{name}{end}" for name in PLATES for end in (".yaml", ".jpg", ".ambient.jpg", ".foreground.webp")}
    assert {path.name for path in files} <= known, "nothing lies there that no plate uses"
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["resources"]
    for path in files:
        inner = PurePath(path.relative_to(ROOT / "resources"))
        assert any(inner.match(pattern) for pattern in patterns), f"{inner} would not be in the wheel"


def test_their_titles_and_settings_tell_them_apart() -> None:
    assert len({plate.title for plate in PLATES.values()}) == len(PLATES)
    assert len({plate.setting for plate in PLATES.values()}) == len(PLATES)
    for plate in PLATES.values():
        assert len(plate.mood) >= 2
        assert len(plate.palette) >= 3
        assert all(len(bytes.fromhex(colour.removeprefix("#"))) == 3 for colour in plate.palette)


@pytest.mark.parametrize("name", PLATES)
def test_its_pictures_are_square_and_large_enough_for_print(name: str) -> None:
    plate = PLATES[name]
    picture, ambient = (Image.open(FOLDER / f"{name}{end}.jpg") for end in ("", ".ambient"))
    assert picture.mode == ambient.mode == "RGB"
    assert picture.width == picture.height >= 2048
    assert ambient.width == ambient.height >= 240
    front = FOLDER / f"{name}.foreground.webp"
    assert front.is_file() == plate.foreground
    if plate.foreground:
        layer = Image.open(front)
        assert layer.mode == "RGBA"
        assert layer.width == layer.height


@pytest.mark.parametrize("name", PLATES)
def test_what_lights_it_leaves_something_in_every_shadow(name: str) -> None:
    """Where nothing but the key light came, a shadow would be black; the share at the stand is what is described."""
    plate, ambient = PLATES[name], ambient_of(name)
    x, y = (sum(side) / 2 for side in (plate.stand.x, plate.stand.y))
    row, column, reach = round(y * len(ambient)), round(x * len(ambient)), max(2, len(ambient) // 60)
    share = ambient[row - reach : row + reach, column - reach : column + reach].mean() / 255
    assert 0.1 < share < 0.75
    assert 1 - share == pytest.approx(plate.light.key_share, abs=0.12)


# ---- its description and its camera


@pytest.mark.parametrize("name", FLOORS)
def test_a_floors_lines_follow_from_its_camera(name: str) -> None:
    plate = PLATES[name]
    camera = plate.camera
    view = FloorView(camera.focal, (0.5, 0.5), math.radians(camera.pitch))
    assert plate.horizon == pytest.approx(0.5 - camera.focal * math.tan(view.pitch), abs=2e-4)
    assert plate.horizon < plate.floor_line < plate.stand.y[0] < camera.stand_row < plate.stand.y[1] < 1
    # A ray of length distance_cm ends at the stand; the picture is as wide there as its depth over the focal length.
    slant = math.atan((camera.stand_row - 0.5) / camera.focal)
    assert plate.cm_across == pytest.approx(camera.distance_cm / camera.focal, rel=0.02)
    assert slant < 0.2
    assert plate.anchor is None
    view.floor_point(0.5, plate.floor_line)


@pytest.mark.parametrize("name", PLATES)
def test_its_numbers_make_sense(name: str) -> None:
    plate = PLATES[name]
    assert plate.camera.pitch == {"flat": 90, "wall": 0}.get(plate.kind, plate.camera.pitch)
    assert plate.kind != "floor" or 3 <= plate.camera.pitch <= 40
    for low, high in (plate.stand.x, plate.stand.y):
        assert 0.2 < low <= high < 0.9
    assert 0 < plate.height_cm[0] < plate.height_cm[1]
    middle = math.sqrt(plate.height_cm[0] * plate.height_cm[1])
    assert plate.suits(None)
    assert plate.suits(middle)
    assert not plate.suits(plate.height_cm[0] / 2)
    assert not plate.suits(plate.height_cm[1] * 2)
    # Shadows of light that falls too low would leave the picture; such from straight above would not be seen.
    assert 20 <= plate.light.elevation <= 60
    assert 0.3 < plate.light.key_share < 0.9
    assert plate.kind != "floor" or abs(plate.light.azimuth) > 30, "light from the camera shows no shadow"


def test_the_direction_of_the_light_is_a_unit_vector_towards_it() -> None:
    light = PLATES["grey-sweep"].light.model_copy(update={"azimuth": -90.0, "elevation": 30.0})
    assert light.to_light() == pytest.approx((-math.cos(math.pi / 6), 0, 0.5))
    assert light.to_light(mirrored=True) == pytest.approx((math.cos(math.pi / 6), 0, 0.5))
    front = light.model_copy(update={"azimuth": 0.0, "elevation": 45.0}).to_light()
    assert front == pytest.approx((0, -math.sqrt(0.5), math.sqrt(0.5))), "0 is from the camera"


# ---- loading


def test_a_plate_is_read_as_it_is_described_and_drawn(copy: Path) -> None:
    [(name, plate)] = load_plates(copy).items()
    assert (name, plate.name) == ("one", "one")
    for read, shape in ((picture_of, 3), (ambient_of, 3), (foreground_of, 4)):
        pixels = read("one", copy)
        assert pixels.shape[0] == pixels.shape[1]
        assert pixels.shape[2] == shape
        assert not pixels.flags.writeable, "it is shared"
        assert read("one", copy) is pixels
    with Image.open(copy / "one.jpg") as image:
        assert np.abs(np.asarray(image).astype(int) - picture_of("one", copy)).max() <= 3, "red is red"
    with Image.open(copy / "one.foreground.webp") as image:
        assert np.array_equal(np.asarray(image)[..., 3], foreground_of("one", copy)[..., 3])


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("light.elevation", 120, r"one\.yaml: light\.elevation"),
        ("light.colour", "red", r"one\.yaml: light\.colour"),
        ("camera.focal", "long", r"one\.yaml: camera\.focal"),
        ("kind", "ceiling", r"one\.yaml: kind"),
        ("season", "monsoon", r"one\.yaml: season"),
        ("gloss", 1.2, r"one\.yaml: gloss"),
        ("stand.x", [0.5], r"one\.yaml: stand\.x"),
    ],
)
def test_a_broken_description_names_file_and_key(copy: Path, key: str, value: object, words: str) -> None:
    entry = yaml.safe_load((copy / "one.yaml").read_text())
    *parents, last = key.split(".")
    part = entry
    for parent in parents:
        part = part[parent]
    part[last] = value
    (copy / "one.yaml").write_text(yaml.safe_dump(entry))
    with pytest.raises(ValueError, match=words):
        load_plates(copy)


def test_a_description_that_is_no_mapping_is_named(copy: Path) -> None:
    (copy / "one.yaml").write_text("")
    with pytest.raises(ValueError, match=r"one\.yaml: expected a mapping"):
        load_plates(copy)


@pytest.mark.parametrize("end", [".jpg", ".ambient.jpg", ".foreground.webp"])
def test_a_missing_or_torn_picture_is_named(copy: Path, end: str) -> None:
    read = {".jpg": picture_of, ".ambient.jpg": ambient_of, ".foreground.webp": foreground_of}[end]
    (copy / f"one{end}").write_bytes(b"torn")
    with pytest.raises(ValueError, match=f"one{end} cannot be read"):
        read("one", copy)
    (copy / f"one{end}").unlink()
    with pytest.raises(ValueError, match=f"one.yaml: there is no one{end}"):
        load_plates(copy)


def test_the_digest_changes_with_any_plate(copy: Path) -> None:
    made = [plates_digest(copy)]
    for end in (".yaml", ".jpg", ".foreground.webp"):
        plates_digest.cache_clear()
        with (copy / f"one{end}").open("ab") as file:
            file.write(b"\n")
        made.append(plates_digest(copy))
    plates_digest.cache_clear()
    assert len(set(made)) == 4
    assert plates_digest(copy) == made[-1]


def test_a_plate_is_a_value() -> None:
    with pytest.raises(ValueError, match="frozen"):
        PLATES["grey-sweep"].gloss = 0.5  # type: ignore[misc]
    assert isinstance(PLATES["grey-sweep"], Plate)
