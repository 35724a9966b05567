"""Photo correction through the product line: on record, the original kept, and only what it changes made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catalog_assets.records import Record, product_shelf
from catalog_assets.stages.cutout import current_cutouts
from catalog_assets.stages.raw_photo import RawPhoto
from resources.imaging.correction import Correction, apply
from resources.imaging.decode import Photo, decode_photo
from tests.catalogs import easy_photo, open_context, photo_bytes, run_product
from tests.lit_photos import lit, room
from tests.pictures import png_bytes

WARM = lit(easy_photo(3), (1.03, 1.0, 0.96))
SIDE = "photo: {correction: {straighten: off}}"


def upload(root: Path, **photos: bytes) -> None:
    (root / "uploads").mkdir(parents=True, exist_ok=True)
    for name, data in photos.items():
        (root / "uploads" / f"{name}.png").write_bytes(data)


def record(root: Path, stage: str, sku: str) -> Record:
    found = product_shelf(open_context(root).store, stage, sku).record("main")
    assert found is not None
    return found


def made(root: Path) -> set[tuple[str, str]]:
    """Run the line; stage and SKU of everything that was made anew."""
    return {(result.stage, result.sku) for result in run_product(root)[1] if result.status == "made"}


def test_the_original_stays_and_later_stages_get_the_corrected_photo(tmp_path: Path) -> None:
    data = png_bytes(WARM)
    upload(tmp_path, mug=data)
    run_product(tmp_path)
    context, photo = open_context(tmp_path), record(tmp_path, "raw_photo", "mug")
    assert context.store.read(photo.files["photo"].key) == data
    assert "white_balanced" in photo.notes
    assert {"preview", "corrected"} <= set(photo.files)
    correction = Correction.from_facts(photo.facts["correction"])
    assert correction.gains[0] < 1 < correction.gains[2]
    decoded = decode_photo(data)
    assert isinstance(decoded, Photo)
    corrected = apply(decoded.rgb, correction)
    assert np.array_equal(context.photo(photo).rgb, corrected)
    rgba = context.rgba(record(tmp_path, "cutout", "mug").files["cutout"])
    solid = rgba[..., 3] == 255
    assert solid.any()
    assert np.array_equal(rgba[solid][:, :3], corrected[solid])


def test_a_changed_setting_makes_again_only_what_it_changes(tmp_path: Path) -> None:
    upload(tmp_path, warm=png_bytes(WARM), white=photo_bytes(1))
    everything = made(tmp_path)
    assert ("cutout", "warm") in everything
    (tmp_path / "catalog.yaml").write_text("photo: {correction: off}")
    again = made(tmp_path)
    assert {item for item in again if item[1] == "warm"} == {item for item in everything if item[1] == "warm"}
    assert {item for item in again if item[1] == "white"} == {("raw_photo", "white")}
    assert record(tmp_path, "raw_photo", "warm").facts["correction"] == {}
    assert "corrected" not in record(tmp_path, "raw_photo", "warm").files
    assert made(tmp_path) == set()


def test_a_cutout_of_the_uncorrected_photo_is_not_used(tmp_path: Path) -> None:
    upload(tmp_path, warm=png_bytes(WARM))
    run_product(tmp_path)
    assert len(current_cutouts(open_context(tmp_path), "warm")) == 1
    (tmp_path / "catalog.yaml").write_text("photo: {correction: off}")
    context = open_context(tmp_path)
    RawPhoto(context).run(["warm"])
    assert current_cutouts(context, "warm") == []


@pytest.mark.parametrize(("setting", "turned"), [("", True), (SIDE, False)])
def test_a_tilted_photo_is_turned_unless_told_otherwise(tmp_path: Path, setting: str, turned: bool) -> None:
    photo = room(2.0)
    upload(tmp_path, mug=png_bytes(photo))
    (tmp_path / "catalog.yaml").write_text(setting)
    run_product(tmp_path)
    found = record(tmp_path, "raw_photo", "mug")
    picture = open_context(tmp_path).photo(found).rgb
    assert ("straightened" in found.notes) is turned
    assert (picture.shape[0] < photo.shape[0]) is turned
    mask = record(tmp_path, "mask", "mug")
    assert mask.inputs["correction"] == found.facts["correction"]


def test_a_photo_that_came_as_a_cutout_is_left_as_it_is(tmp_path: Path) -> None:
    upload(tmp_path, mug=png_bytes(np.dstack([WARM, np.where(np.any(WARM < 150, axis=2), 255, 0).astype(np.uint8)])))
    run_product(tmp_path)
    found = record(tmp_path, "raw_photo", "mug")
    assert found.facts["own_alpha"] is True
    assert found.facts["correction"] == {}
