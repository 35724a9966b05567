"""Scenes from the command line: one picture, or a sheet of one product on every plate."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from catalog_assets.cli import cli
from catalog_assets.composing import Wish, compose_file, sheet_file
from catalog_assets.settings import SettingsError
from resources.engines import Engines
from resources.scenes.engine import Candidate, EngineError, SceneJob
from resources.scenes.engines import SCENE_ENGINES
from resources.scenes.plate import load_plates
from resources.scenes.studio import StudioEngine
from resources.scenes.templates import KIND_OF_POSE
from tests.pictures import png_bytes, product_cutout, product_photo, truncated

PLATES = load_plates()
SMALL = Wish(side=240)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """cutout.png, photo.png (opaque) and torn.png."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "cutout.png").write_bytes(png_bytes(product_cutout((400, 400))))
    (folder / "photo.png").write_bytes(png_bytes(product_photo((400, 400))))
    (folder / "torn.png").write_bytes(truncated(png_bytes(product_cutout((400, 400)))))
    return folder


@pytest.fixture
def engines() -> Engines:
    return Engines()


def _compose(folder: Path, output: Path, wish: Wish = SMALL, scene: str = "grey-sweep") -> dict[str, Any]:
    return compose_file(folder / "cutout.png", scene, output, Engines(), wish)


def _pixels(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


# ---- one scene


def test_the_same_seed_makes_the_same_picture(tmp_path: Path, folder: Path) -> None:
    made = {}
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        line = _compose(folder, tmp_path / f"deep/{name}.webp", Wish(seed=seed, side=240))
        assert (line["status"], line["engine"], line["scene"], line["seed"]) == ("made", "studio", "grey-sweep", seed)
        made[name] = (tmp_path / f"deep/{name}.webp").read_bytes()
    assert made["one"] == made["again"]
    assert made["one"] != made["two"]


def test_the_line_tells_what_was_made_and_is_plain_json(tmp_path: Path, folder: Path) -> None:
    line = _compose(folder, tmp_path / "x.png")
    assert json.loads(json.dumps(line, allow_nan=False))["plate"] == "grey-sweep"
    assert line["harmony"]["delta_e"] <= 1
    assert line["notes"] == []
    assert set(line) >= {"file", "light", "mirrored", "shown"}


@pytest.mark.parametrize(("crop", "size"), [(None, (240, 240)), ("portrait", (192, 240)), ("landscape", (240, 135))])
def test_a_crop_has_its_size(tmp_path: Path, folder: Path, crop: Any, size: tuple[int, int]) -> None:
    _compose(folder, tmp_path / "x.jpg", Wish(crop=crop, side=240))
    with Image.open(tmp_path / "x.jpg") as image:
        assert (image.format, image.size) == ("JPEG", size)


@pytest.mark.parametrize("pose", KIND_OF_POSE)
def test_pose_and_height_decide_plate_and_size(tmp_path: Path, folder: Path, pose: Any) -> None:
    line = _compose(folder, tmp_path / "x.png", Wish(pose=pose, side=240))
    assert PLATES[line["plate"]].kind == KIND_OF_POSE[pose]
    assert line["notes"] == []
    odd = _compose(folder, tmp_path / "tall.png", Wish(pose=pose, height_cm=900, side=240))
    assert odd["notes"] == ["no_plate_of_this_scale"]
    assert (tmp_path / "tall.png").read_bytes() != (tmp_path / "x.png").read_bytes()


def test_without_harmonising_the_products_pixels_are_its_own(tmp_path: Path, folder: Path) -> None:
    for name, harmonise in (("own", False), ("matched", True)):
        line = _compose(folder, tmp_path / f"{name}.png", Wish(side=240, harmonise=harmonise))
        assert (line["harmony"]["gain"] == (1.0, 1.0, 1.0)) != harmonise
    own, matched = _pixels(tmp_path / "own.png"), _pixels(tmp_path / "matched.png")
    changed = np.abs(own - matched).max(axis=2)
    assert 0.005 < (changed > 0).mean() < 0.35, "the product, which is some 0.3 of the picture, or its outline at least"
    assert 0 < np.median(changed[changed > 0]) <= 8
    for border in (changed[:, :30], changed[:, -30:], changed[:12], changed[-30:]):
        assert border.max() == 0, "the scene is the same"


@pytest.mark.parametrize(
    ("scene", "output", "words"),
    [
        ("moon", "x.png", "'moon'; known are .*grey-sweep"),
        ("grey-sweep", "x.bmp", "must end with .png"),
        ("grey-sweep", "x", "must end with .png"),
    ],
)
def test_a_scene_or_extension_that_does_not_exist(
    tmp_path: Path, folder: Path, scene: str, output: str, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        _compose(folder, tmp_path / output, scene=scene)
    assert not list(tmp_path.iterdir())


def test_an_unknown_engine_is_named(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"'nope'.*studio"):
        compose_file(folder / "cutout.png", "grey-sweep", tmp_path / "x.png", Engines(scenes="nope"), SMALL)


def test_a_cutout_is_never_overwritten_by_its_scene_or_sheet(tmp_path: Path, folder: Path, engines: Engines) -> None:
    copy = tmp_path / "cutout.png"
    copy.write_bytes((folder / "cutout.png").read_bytes())
    with pytest.raises(SettingsError, match="cut-out itself"):
        compose_file(copy, "grey-sweep", tmp_path / "." / "cutout.png", engines, SMALL)
    with pytest.raises(SettingsError, match="cut-out itself"):
        sheet_file(copy, "", tmp_path / "." / "cutout.png", SMALL)
    assert copy.read_bytes() == (folder / "cutout.png").read_bytes()


@pytest.mark.parametrize(("name", "reason"), [("photo.png", "no_transparency"), ("torn.png", "truncated")])
def test_what_is_no_cutout_is_not_composed(
    tmp_path: Path, folder: Path, engines: Engines, name: str, reason: str
) -> None:
    for line in (
        compose_file(folder / name, "grey-sweep", tmp_path / "x.png", engines, SMALL),
        sheet_file(folder / name, "winter", tmp_path / "x.png", SMALL),
    ):
        assert (line["status"], line["reason"]) == ("rejected", reason)
        assert line["message"]
        assert line["hint"]
    assert not (tmp_path / "x.png").exists()


# ---- a sheet


def test_a_sheet_shows_the_product_on_every_plate_that_suits_its_pose(tmp_path: Path, folder: Path) -> None:
    line = sheet_file(folder / "cutout.png", "", tmp_path / "deep/sheet.jpg", Wish(pose="hanging", side=200))
    walls = [name for name, plate in PLATES.items() if plate.kind == "wall"]
    assert (line["status"], sorted(line["plates"])) == ("made", sorted(walls))
    sheet = _pixels(tmp_path / "deep/sheet.jpg")
    assert sheet.shape[1] > 200 * min(4, len(walls))
    tiles = [sheet[8:208, 8 + 208 * place : 208 + 208 * place] for place in range(min(4, len(walls)))]
    for tile, name in zip(tiles, line["plates"], strict=False):
        assert tile.std() > 5, name
    assert np.abs(tiles[0] - tiles[1]).mean() > 3


def test_a_sheet_of_a_season_shows_that_alone_and_the_same_again(tmp_path: Path, folder: Path) -> None:
    line = sheet_file(folder / "cutout.png", "winter", tmp_path / "one.png", Wish(side=200))
    assert line["plates"] == sorted(n for n, p in PLATES.items() if (p.kind, p.season) == ("floor", "winter"))
    sheet_file(folder / "cutout.png", "winter", tmp_path / "again.png", Wish(side=200))
    sheet_file(folder / "cutout.png", "winter", tmp_path / "other.png", Wish(seed=2, side=200))
    one, again, other = ((tmp_path / f"{name}.png").read_bytes() for name in ("one", "again", "other"))
    assert one == again
    assert one != other


def test_a_season_without_plates_is_told_with_those_there_are(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"'monsoon' for a standing product; known are any, autumn, .*winter"):
        sheet_file(folder / "cutout.png", "monsoon", tmp_path / "x.png", SMALL)
    assert not list(tmp_path.iterdir())


# ---- the commands


@pytest.fixture(autouse=True)
def own_process_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Its own environment; the command line silences logs and warnings, tests after it do not."""
    for name in list(os.environ):
        if name.startswith("CATALOG_"):
            monkeypatch.delenv(name)
    with warnings.catch_warnings():
        yield


def _call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)


def test_compose_takes_every_wish(tmp_path: Path, folder: Path) -> None:
    output = tmp_path / "x.png"
    wishes = ("--crop", "landscape", "--pose", "flat", "--height-cm", "20", "--side", "320", "--no-harmonise")
    made = _call("compose", folder / "cutout.png", "--scene", "frost", "--seed", "7", *wishes, "-o", output)
    assert made.exit_code == 0, made.output
    line = json.loads(made.stdout)
    wish = Wish(7, "landscape", "flat", 20.0, 320, False)
    same = compose_file(folder / "cutout.png", "frost", tmp_path / "same.png", Engines(), wish)
    assert {**line, "file": ""} == {**json.loads(json.dumps(same)), "file": ""}
    assert output.read_bytes() == (tmp_path / "same.png").read_bytes()
    assert PLATES[line["plate"]].kind == "flat"
    assert _pixels(output).shape == (180, 320, 3)


def test_sheet_takes_every_wish(tmp_path: Path, folder: Path) -> None:
    output = tmp_path / "x.png"
    wishes = ("--season", "winter", "--seed", "4", "--pose", "flat", "--height-cm", "20", "--tile", "200")
    made = _call("sheet", folder / "cutout.png", *wishes, "-o", output)
    assert made.exit_code == 0, made.output
    line = json.loads(made.stdout)
    assert {PLATES[name].kind for name in line["plates"]} == {"flat"}
    sheet_file(folder / "cutout.png", "winter", tmp_path / "same.png", Wish(4, None, "flat", 20.0, 200, True))
    assert output.read_bytes() == (tmp_path / "same.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("compose", "--scene", "grey-sweep", "--crop", "round"), "round"),
        (("compose", "--scene", "grey-sweep", "--pose", "floating"), "floating"),
        (("compose", "--scene", "grey-sweep", "--height-cm", "-3"), "-3"),
        (("compose", "--scene", "grey-sweep", "--side", "20"), "20"),
        (("compose", "--scene", "moon"), "'moon'"),
        (("compose",), "--scene"),
        (("sheet", "--season", "monsoon"), "'monsoon'"),
        (("sheet", "--tile", "9000"), "9000"),
    ],
)
def test_a_wish_that_cannot_be_is_told_in_one_line(
    tmp_path: Path, folder: Path, arguments: tuple[str, ...], word: str
) -> None:
    command, *options = arguments
    result = _call(command, folder / "cutout.png", *options, "-o", tmp_path / "x.png")
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("catalog: ")
    assert word in line
    assert not list(tmp_path.iterdir())


def test_a_rejected_cutout_is_an_exit_status_of_one(tmp_path: Path, folder: Path) -> None:
    for command in (("compose", "--scene", "frost"), ("sheet", "--season", "winter")):
        result = _call(command[0], folder / "photo.png", *command[1:], "-o", tmp_path / "x.png")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["reason"] == "no_transparency"


def test_an_engine_that_fails_is_told_and_nothing_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(StudioEngine):
        def compose(self, jobs: Sequence[SceneJob]) -> list[Candidate]:
            raise EngineError("out_of_memory", f"{jobs[0].product} does not fit")

    monkeypatch.setitem(SCENE_ENGINES, "failing", Failing)
    wish = replace(SMALL, engine="failing", product="a mug")
    told = compose_file(folder / "cutout.png", "grey-sweep", tmp_path / "x.png", Engines(), wish)
    assert (told["status"], told["reason"], told["message"]) == ("rejected", "out_of_memory", "a mug does not fit")
    assert not (tmp_path / "x.png").exists()


def test_an_engine_that_costs_money_is_no_engine_for_trying_things(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="fal-flux-fill costs money"):
        compose_file(
            folder / "cutout.png", "grey-sweep", tmp_path / "x.png", Engines(), replace(SMALL, engine="fal-flux-fill")
        )
