"""Single pictures: cut out, judge, comply, as the command line calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from catalog_assets import single
from catalog_assets.composing import compose_file
from catalog_assets.models import engine_table
from catalog_assets.settings import SettingsError
from catalog_assets.single import (
    CORRECTIONS,
    comply_file,
    cut_out_files,
    judge_files,
    judge_pairs,
)
from resources.engines import CutOuts, Engines
from resources.imaging.alpha import over
from resources.imaging.correction import apply, estimate
from resources.imaging.decode import Limits, Photo, decode_photo
from resources.imaging.encode import jpeg, read_rgb
from resources.marketplaces.provenance import tag_jpeg
from resources.marketplaces.render import Rendered, render_white
from resources.marketplaces.rule_files import load_rules
from resources.matting.classical import ClassicalEngine
from tests.catalogs import easy_photo, photo_bytes
from tests.lit_photos import lit, room
from tests.pictures import (
    EXIF_ORIENTATION,
    bomb_png,
    jpeg_bytes,
    palette_png,
    png_16_bit,
    png_bytes,
    product_cutout,
    product_photo,
    stored_turned,
    truncated,
)
from tests.resources.printed_box import box_photo

SIDE = (400, 400)
ALPHA = product_cutout(SIDE)[..., 3]


@pytest.fixture
def engines() -> Engines:
    return Engines()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """original.png, its true matte.png and cutout.png, and other.png: another product."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "original.png").write_bytes(png_bytes(product_photo(SIDE)))
    (folder / "matte.png").write_bytes(png_bytes(ALPHA))
    (folder / "cutout.png").write_bytes(png_bytes(product_cutout(SIDE)))
    (folder / "other.png").write_bytes(png_bytes(product_photo(SIDE, seed=5)))
    return folder


@pytest.fixture(scope="module")
def final(pictures: Path) -> Path:
    """The product of `original.png` in a scene."""
    compose_file(pictures / "cutout.png", "grey-sweep", pictures / "final.png", Engines())
    return pictures / "final.png"


def rgba(path: Path) -> np.ndarray[Any, Any]:
    photo = decode_photo(path.read_bytes(), Limits(min_side=16))
    assert isinstance(photo, Photo)
    assert photo.alpha is not None
    return np.dstack([photo.rgb, photo.alpha])


# Cut out


def cut_out(photos: list[Path], folder: Path, engines: Engines) -> list[dict[str, Any]]:
    return list(cut_out_files(photos, folder, engines))


def test_a_cutout_has_the_photos_own_pixels_and_a_line_of_facts(tmp_path: Path, engines: Engines) -> None:
    (tmp_path / "mug.jpg").write_bytes(photo_bytes(1))
    [line] = cut_out([tmp_path / "mug.jpg"], tmp_path / "out", engines)
    assert list(line)[:8] == ["file", "status", "engine", "confidence", "seconds", "reason", "message", "hint"]
    assert (line["file"], line["status"], line["engine"]) == (str(tmp_path / "mug.jpg"), "accepted", "embedded")
    assert (line["reason"], line["message"]) == ("", "")
    assert 0.5 < line["confidence"] <= 1
    assert line["seconds"] > 0
    made = rgba(tmp_path / "out" / "mug.png")
    photo = decode_photo(photo_bytes(1), Limits())
    assert isinstance(photo, Photo)
    solid = made[..., 3] == 255
    assert 0.2 < solid.mean() < 0.5
    assert np.array_equal(made[solid][:, :3], photo.rgb[solid])
    assert np.ptp(made[..., :3][made[..., 3] == 0].astype(int), axis=0).max() < 200  # nothing of the light room


def test_each_photo_gets_its_own_answer_in_order(tmp_path: Path, engines: Engines) -> None:
    (tmp_path / "b.jpg").write_bytes(photo_bytes(1))
    (tmp_path / "a.jpg").write_bytes(truncated(photo_bytes(2)))
    (tmp_path / "notes.jpg").write_text("no picture at all")
    photos = [tmp_path / name for name in ("missing.jpg", "b.jpg", "a.jpg", "notes.jpg", ".")]
    lines = cut_out(photos, tmp_path / "out", engines)
    assert [line["file"] for line in lines] == [str(photo) for photo in photos]
    reasons = [line["reason"] for line in lines]
    assert reasons == ["not_found", "", "truncated", "not_an_image", "unreadable_file"]
    assert [line["status"] for line in lines] == ["rejected", "accepted", *["rejected"] * 3]
    assert all(line["message"] and line["hint"] for line in lines if line["status"] == "rejected")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]


def test_two_photos_of_one_stem_do_not_overwrite_each_other(tmp_path: Path, engines: Engines) -> None:
    for name in ("x/mug.jpg", "y/Mug.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(photo_bytes(1))
    lines = cut_out([tmp_path / "x/mug.jpg", tmp_path / "y/Mug.png"], tmp_path / "out", engines)
    assert [(line["status"], line["reason"]) for line in lines] == [("accepted", ""), ("rejected", "duplicate_name")]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mug.png"]


def test_a_photo_is_never_overwritten_by_its_own_cutout(tmp_path: Path, engines: Engines) -> None:
    photo = png_bytes(product_photo(SIDE))
    (tmp_path / "mug.png").write_bytes(photo)
    [line] = cut_out([tmp_path / "mug.png"], tmp_path, engines)
    assert (line["status"], line["reason"]) == ("rejected", "overwrites_photo")
    assert (tmp_path / "mug.png").read_bytes() == photo


def test_a_file_that_is_a_cutout_keeps_its_pixels(tmp_path: Path, pictures: Path, engines: Engines) -> None:
    [line] = cut_out([pictures / "cutout.png"], tmp_path, engines)
    assert (line["status"], line["engine"]) == ("accepted", "own_alpha")
    made, given = rgba(tmp_path / "cutout.png"), product_cutout(SIDE)
    assert np.array_equal(made[..., 3], given[..., 3])
    seen = given[..., 3] > 0
    assert np.array_equal(made[seen], given[seen])


def test_a_picture_without_a_product_is_not_accepted(tmp_path: Path, engines: Engines) -> None:
    (tmp_path / "wall.png").write_bytes(png_bytes(np.full((300, 300, 3), 200, np.uint8)))
    [line] = cut_out([tmp_path / "wall.png"], tmp_path / "out", engines)
    assert line["status"] in {"review", "rejected"}
    assert line["reason"]


def test_light_is_corrected_first_and_said_and_the_cutout_stays_on_its_photo(tmp_path: Path, engines: Engines) -> None:
    photo = lit(easy_photo(3), (1.03, 1.0, 0.96))
    (tmp_path / "mug.png").write_bytes(png_bytes(photo))
    made = {}
    for name in ("off", "gentle"):
        [line] = cut_out_files([tmp_path / "mug.png"], tmp_path / name, engines, CORRECTIONS[name])
        assert ("white_balanced" in line["notes"]) is (name == "gentle")
        assert bool(line["correction"]) is (name == "gentle")
        made[name] = rgba(tmp_path / name / "mug.png")
        assert made[name].shape[:2] == photo.shape[:2]
    solid = (made["off"][..., 3] == 255) & (made["gentle"][..., 3] == 255)
    assert np.array_equal(made["off"][solid][:, :3], photo[solid])
    change = made["gentle"][solid][:, :3].mean(axis=0) - photo[solid].mean(axis=0)
    assert change[0] < -0.3
    assert change[2] > 0.3


def test_only_who_asks_gets_a_tilted_photo_turned(tmp_path: Path, engines: Engines) -> None:
    (tmp_path / "mug.png").write_bytes(png_bytes(room(2.0)))
    sides = {}
    for name in ("gentle", "straighten"):
        [line] = cut_out_files([tmp_path / "mug.png"], tmp_path / name, engines, CORRECTIONS[name])
        assert ("straightened" in line["notes"]) is (name == "straighten")
        sides[name] = rgba(tmp_path / name / "mug.png").shape[0]
    assert sides["straighten"] < sides["gentle"] == 720


def test_a_panel_explains_each_photo_that_could_be_read(tmp_path: Path, engines: Engines) -> None:
    (tmp_path / "mug.jpg").write_bytes(photo_bytes(1))
    (tmp_path / "wall.png").write_bytes(png_bytes(np.full((300, 300, 3), 200, np.uint8)))
    (tmp_path / "torn.jpg").write_bytes(truncated(photo_bytes(2)))
    photos = [tmp_path / name for name in ("mug.jpg", "wall.png", "torn.jpg")]
    lines = list(cut_out_files(photos, tmp_path / "out", engines, explain=True))
    assert [line["reason"] for line in lines][2] == "truncated"
    panels = sorted(path.name for path in (tmp_path / "out").glob("*.explain.webp"))
    assert panels == ["mug.explain.webp", "wall.explain.webp"]
    shown = decode_photo((tmp_path / "out" / "mug.explain.webp").read_bytes())
    assert isinstance(shown, Photo)
    assert 1600 <= shown.rgb.shape[1] <= 2000


def test_a_photo_is_never_overwritten_by_a_panel(tmp_path: Path, engines: Engines) -> None:
    for name in ("mug.jpg", "mug.explain.webp"):
        (tmp_path / name).write_bytes(photo_bytes(1))
    lines = list(cut_out_files([tmp_path / "mug.jpg", tmp_path / "mug.explain.webp"], tmp_path, engines, explain=True))
    assert (lines[0]["status"], lines[0]["reason"]) == ("rejected", "overwrites_photo")
    assert (tmp_path / "mug.explain.webp").read_bytes() == photo_bytes(1)


def test_what_nobody_foresaw_costs_only_its_own_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(ClassicalEngine):
        def segment(self, photos: Any) -> Any:
            if photos[0].shape[1] == 333:
                raise ZeroDivisionError("by zero")
            return super().segment(photos)

    monkeypatch.setattr(Engines, "cut_outs", lambda self, store: CutOuts(Failing(), ""))
    (tmp_path / "odd.jpg").write_bytes(photo_bytes(1, (333, 320)))
    (tmp_path / "mug.jpg").write_bytes(photo_bytes(1))
    long = tmp_path / f"{'n' * 249}.jpg"
    long.write_bytes(photo_bytes(1))
    lines = list(cut_out_files([tmp_path / "odd.jpg", tmp_path / "mug.jpg", long], tmp_path, Engines(), explain=True))
    assert [line["status"] for line in lines] == ["rejected", "accepted", "rejected"]
    assert (lines[0]["reason"], lines[2]["reason"]) == ("internal_error", "not_written")
    assert "ZeroDivisionError" in lines[0]["message"]


def test_a_folder_that_nobody_may_write_to_stops_the_command(tmp_path: Path, engines: Engines) -> None:
    (tmp_path / "mug.jpg").write_bytes(photo_bytes(1))
    (tmp_path / "out" / "mug.png").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        cut_out([tmp_path / "mug.jpg"], tmp_path / "out", engines)


def test_an_unknown_engine_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'nope'.*classical"):
        cut_out([tmp_path / "a.jpg"], tmp_path / "out", Engines(matting="nope"))
    with pytest.raises(SettingsError, match=r"'huge'.*embedded"):
        engine_table(Engines(profile="huge"))
    assert "embedded (in use)" in engine_table(Engines())
    assert "ranking: heuristic (in use)" in engine_table(Engines())
    assert "witness of the judge: text (in use)" in engine_table(Engines(witnesses="text"))
    assert "cannot be used: there is no ranking 'taste'" in engine_table(Engines(ranking="taste"))


# Judge


def test_our_own_scene_shows_the_same_product(pictures: Path, final: Path, engines: Engines) -> None:
    verdict = judge_files(pictures / "original.png", final, pictures / "matte.png", engines)
    assert verdict["verdict"] == "accepted"
    assert 0.5 < verdict["score"] <= 1
    assert verdict["decided_by"] == ""
    numbers = {measure["name"]: measure for measure in verdict["measures"]}
    assert numbers["worst_block_ssim"]["value"] >= numbers["worst_block_ssim"]["threshold"]
    assert json.loads(json.dumps(verdict, allow_nan=False)) == verdict


def test_another_product_is_not_accepted(pictures: Path, engines: Engines) -> None:
    verdict = judge_files(pictures / "original.png", pictures / "other.png", pictures / "matte.png", engines)
    assert verdict["verdict"] == "rejected"
    assert verdict["decided_by"]
    assert verdict["message"]


@pytest.mark.parametrize("broken", ["original", "final"])
def test_a_picture_that_cannot_be_read_is_rejected(
    pictures: Path, tmp_path: Path, engines: Engines, broken: str
) -> None:
    files = {"original": pictures / "original.png", "final": pictures / "other.png", broken: tmp_path / "gone.png"}
    verdict = judge_files(files["original"], files["final"], pictures / "matte.png", engines)
    assert (verdict["verdict"], verdict["decided_by"], verdict["score"]) == ("rejected", broken, 0.0)


MATTES = {
    "grey": png_bytes(ALPHA),
    "twice as large": png_bytes(product_cutout((800, 800))[..., 3]),
    "cut-out": png_bytes(product_cutout(SIDE)),
    "16 bits": png_16_bit(ALPHA.astype(np.uint16) * 257),
    "grey drawn in opaque RGBA": png_bytes(np.dstack([ALPHA, ALPHA, ALPHA, np.full_like(ALPHA, 255)])),
}


@pytest.mark.parametrize("kind", MATTES)
def test_a_matte_may_have_many_forms(pictures: Path, final: Path, tmp_path: Path, engines: Engines, kind: str) -> None:
    (tmp_path / "matte.png").write_bytes(MATTES[kind])
    usual = judge_files(pictures / "original.png", final, pictures / "matte.png", engines)
    verdict = judge_files(pictures / "original.png", final, tmp_path / "matte.png", engines)
    assert verdict["verdict"] == "accepted"
    assert verdict["score"] == pytest.approx(usual["score"], abs=0.05)


BAD_MATTES = {
    "another shape": png_bytes(ALPHA[:200]),
    "turned": png_bytes(np.ascontiguousarray(product_cutout((400, 300))[..., 3].T)),
    "bomb": bomb_png(),
    "cut off": truncated(png_bytes(ALPHA), 0.5),
    "text": b"no picture",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", BAD_MATTES)
def test_a_matte_that_cannot_be_used_leaves_the_pair_to_a_person(
    pictures: Path, final: Path, tmp_path: Path, engines: Engines, kind: str
) -> None:
    (tmp_path / "matte.png").write_bytes(BAD_MATTES[kind])
    verdict = judge_files(pictures / "original.png", final, tmp_path / "matte.png", engines)
    assert (verdict["verdict"], verdict["decided_by"]) == ("review", "matte")
    assert verdict["message"].startswith("matte: ")


def test_a_matte_of_a_palette_picture_is_its_transparency(
    pictures: Path, final: Path, tmp_path: Path, engines: Engines
) -> None:
    (tmp_path / "matte.png").write_bytes(palette_png(product_photo(SIDE), (0, 0, 400, 390)))
    verdict = judge_files(pictures / "original.png", final, tmp_path / "matte.png", engines)
    assert verdict["verdict"] != "accepted"  # only the bottom rows are marked as product


def test_a_turned_photo_is_judged_upright(tmp_path: Path, pictures: Path, engines: Engines) -> None:
    upright = product_photo((400, 300))
    stored = stored_turned(upright, 6)
    (tmp_path / "turned.jpg").write_bytes(jpeg_bytes(stored, 97, exif={EXIF_ORIENTATION: 6}))
    (tmp_path / "upright.png").write_bytes(png_bytes(upright))
    (tmp_path / "matte.png").write_bytes(png_bytes(product_cutout((400, 300))[..., 3]))
    verdict = judge_files(tmp_path / "turned.jpg", tmp_path / "upright.png", tmp_path / "matte.png", engines)
    assert verdict["verdict"] == "accepted"


def test_a_gentle_correction_is_no_damage(tmp_path: Path, engines: Engines) -> None:
    photo = lit(over(product_cutout(SIDE), np.full((*SIDE, 3), 236, np.uint8)), (1.03, 1.0, 0.96))
    found = estimate(photo, CORRECTIONS["gentle"])
    assert found.lights
    for name, picture in (("photo.png", photo), ("final.png", apply(photo, found)), ("matte.png", ALPHA)):
        (tmp_path / name).write_bytes(png_bytes(picture))
    files = (tmp_path / "photo.png", tmp_path / "final.png", tmp_path / "matte.png")
    as_it_is = judge_files(*files, engines)
    corrected = judge_files(*files, engines, CORRECTIONS["gentle"])
    assert (as_it_is["verdict"], corrected["verdict"]) == ("accepted", "accepted")
    assert as_it_is["score"] < corrected["score"]


def test_pairs_are_judged_in_order_with_paths_relative_to_the_table_or_to_base(
    tmp_path: Path, pictures: Path, final: Path, engines: Engines
) -> None:
    (tmp_path / "made.png").write_bytes(final.read_bytes())
    (tmp_path / "pairs.csv").write_text(
        "\ufefffinal,original,matte,remark\n"
        "made.png,original.png,matte.png,same\n"
        "gone.png,original.png,matte.png\n"
        "made.png,other.png,matte.png,\n"
        "made.png\n"
        ",,\n"
        '"zero\0byte.png",original.png,\n',
        encoding="utf-8",
    )
    results = list(judge_pairs(tmp_path / "pairs.csv", pictures, engines))
    assert [result["final"] for result in results] == [
        "made.png",
        "gone.png",
        "made.png",
        "made.png",
        "",
        "zero\0byte.png",
    ]
    assert [result["verdict"] for result in results] == ["accepted", *["rejected"] * 5]
    assert {**results[0], "final": None} == {
        **judge_files(pictures / "original.png", final, pictures / "matte.png", engines),
        "final": None,
    }


@pytest.mark.parametrize("given", [False, True], ids=["cut out", "given"])
def test_an_original_is_read_and_cut_out_once_for_all_its_finals(
    pictures: Path, final: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    made: list[str] = []
    for name in ("_matte", "_given_matte"):
        really = getattr(single, name)
        monkeypatch.setattr(single, name, lambda *args, name=name, really=really: made.append(name) or really(*args))
    rows = [f"{final},original.png,{'matte.png' if given else ''}"] * 3 + ["gone.png,other.png,"]
    (tmp_path / "pairs.csv").write_text("\n".join(["final,original,matte", *rows]))
    results = list(judge_pairs(tmp_path / "pairs.csv", pictures, Engines(), text=False))
    assert [result["decided_by"] for result in results[3:]] == ["final"]
    assert results[0] == results[1] == results[2]
    assert made == ["_given_matte" if given else "_matte"]


@pytest.mark.parametrize(
    ("table", "words"),
    [(b"final,matte\n", "no column original"), (b"", "no column final, original"), (b"\xff\xfe\x00", "not a CSV file")],
)
def test_a_table_without_pairs(tmp_path: Path, engines: Engines, table: bytes, words: str) -> None:
    (tmp_path / "pairs.csv").write_bytes(table)
    with pytest.raises(SettingsError, match=words):
        list(judge_pairs(tmp_path / "pairs.csv", None, engines))


# Comply


def test_a_picture_is_held_against_every_rule(tmp_path: Path) -> None:
    (tmp_path / "B0SAMPL001.MAIN.jpg").write_bytes(jpeg_bytes(product_photo((1200, 1200))))
    result = comply_file(tmp_path / "B0SAMPL001.MAIN.jpg", "amazon", "main")
    assert (result["marketplace"], result["slot"], result["verdict"]) == ("amazon", "main", "rejected")
    missed = {measure["name"] for measure in result["measures"] if not measure["passed"]}
    assert "background_white" in missed
    assert "longest_side_min" not in missed
    with pytest.raises(SettingsError, match=r"'bazaar'; known are allegro, amazon"):
        comply_file(tmp_path / "B0SAMPL001.MAIN.jpg", "bazaar", "main")


def test_writing_that_the_photo_does_not_have_was_added(tmp_path: Path) -> None:
    photo, matte = box_photo(900, 1200)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    cutout = np.dstack([photo, matte])
    clean = render_white(cutout, load_rules().rules["amazon"], "main")
    assert isinstance(clean, Rendered)
    (tmp_path / "B0SAMPL001.MAIN.jpg").write_bytes(clean.data)
    marked = read_rgb(clean.data)
    cv2.putText(marked, "DISCOUNT", (850, 1900), cv2.FONT_HERSHEY_DUPLEX, 3.0, (250, 250, 250), 8, cv2.LINE_AA)
    (tmp_path / "marked").mkdir()
    (tmp_path / "marked" / "B0SAMPL001.MAIN.jpg").write_bytes(tag_jpeg(jpeg(marked), clean.source))

    def complied(name: str, original: Path | None) -> tuple[str, str]:
        found = comply_file(tmp_path / name, "amazon", "main", original=original)
        return found["verdict"], found["decided_by"]

    assert complied("B0SAMPL001.MAIN.jpg", tmp_path / "photo.png") == ("accepted", "")
    assert complied("marked/B0SAMPL001.MAIN.jpg", None) == ("accepted", "")
    assert complied("marked/B0SAMPL001.MAIN.jpg", tmp_path / "photo.png") == ("rejected", "text_absent")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(SettingsError, match=r"broken\.png"):
        complied("B0SAMPL001.MAIN.jpg", tmp_path / "broken.png")
