"""Training pictures: the same number is the same picture, truth is the product and nothing else."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from training import camera
from training.backgrounds import Atlas
from training.composing import KINDS, NEGATIVES, Composer, Picture, load_sprites
from training.product import Frame, bounds, into, placed
from training.scenery import Scene
from training.shadows import random_sun, shaded
from training.sprites import SpriteFile, read_sprite

SIDE = 96


def disc(path: Path, colour: tuple[int, int, int], alpha: int = 255, truth: int | None = None) -> Path:
    """Write a sprite of a disc; truth: level of its truth file."""
    rgba = np.zeros((90, 80, 4), np.uint8)
    cv2.circle(rgba, (40, 45), 38, (*colour, alpha), -1)
    cv2.imwrite(str(path), rgba, [cv2.IMWRITE_WEBP_QUALITY, 101])
    if truth is not None:
        cv2.imwrite(str(path.with_suffix(".truth.webp")), np.uint8(rgba[..., 3] > 0) * truth)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sprites")
    for seed in range(3):
        disc(folder / f"plate--{seed}.webp", (40 * seed, 90, 200))
    disc(folder / "tumbler--1.webp", (200, 200, 200), alpha=60, truth=255)
    return folder


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the background tiles of seed 3 are kept, so that they are made once."""
    return tmp_path_factory.mktemp("tiles")


@pytest.fixture(scope="module")
def composer(folder: Path, tiles: Path) -> Composer:
    return Composer(load_sprites([folder]), seed=3, cache=tiles)


@pytest.fixture(scope="module")
def pictures(composer: Composer) -> list[Picture]:
    return [composer.picture(number, SIDE) for number in range(120)]


def same(first: Picture, second: Picture) -> bool:
    return np.array_equal(first.photo, second.photo) and np.array_equal(first.alpha, second.alpha)


def test_the_same_number_is_the_same_picture_in_any_order(folder: Path, tiles: Path, pictures: list[Picture]) -> None:
    alone = Composer(load_sprites([folder]), seed=3, cache=None)
    again = Composer(load_sprites([folder]), seed=3, cache=tiles)
    for number in (17, 2, 40):
        assert same(alone.picture(number, SIDE), pictures[number])
        assert same(again.picture(number, SIDE), pictures[number]), "from the cache on disk"
    other = Composer(load_sprites([folder]), seed=4, cache=None)
    assert not same(other.picture(2, SIDE), pictures[2])


def test_a_composer_can_be_sent_to_another_process(composer: Composer, pictures: list[Picture]) -> None:
    assert same(pickle.loads(pickle.dumps(composer)).picture(5, SIDE), pictures[5])  # noqa: S301 - our own bytes


def test_pictures_and_mattes_are_whole(pictures: list[Picture]) -> None:
    for one in pictures:
        assert one.photo.shape == (SIDE, SIDE, 3)
        assert one.alpha.shape == (SIDE, SIDE)
        assert one.photo.dtype == one.alpha.dtype == np.uint8
        assert one.kind in KINDS


def test_every_kind_has_its_share(composer: Composer) -> None:
    assert sum(share for share, _ in KINDS.values()) == 100
    assert sum(KINDS[kind][0] for kind in NEGATIVES) == 8
    counted = Counter(composer.kind(number) for number in range(4000))
    for kind, (share, _) in KINDS.items():
        assert counted[kind] / 40 == pytest.approx(share, abs=2.5), kind


def test_only_negatives_are_empty(pictures: list[Picture]) -> None:
    negatives = [one for one in pictures if one.kind in NEGATIVES]
    assert negatives
    assert all(not one.alpha.any() and one.family == "" for one in negatives)
    products = [one for one in pictures if one.kind not in NEGATIVES]
    assert all(one.alpha.max() > 127 and one.family in ("plate", "tumbler", "shape") for one in products)
    assert {"plate", "tumbler", "shape"} <= {one.family for one in products}


def test_the_kind_known_beforehand_is_the_pictures(composer: Composer, pictures: list[Picture]) -> None:
    assert [composer.kind(number) for number in range(20)] == [one.kind for one in pictures[:20]]


def test_a_shadow_darkens_the_place_and_is_no_truth() -> None:
    rng = np.random.default_rng(1)
    matte = np.zeros((SIDE, SIDE), np.uint8)
    matte[30:70, 30:60] = 255
    place = Scene(np.ones((SIDE, SIDE, 3), np.float32), "floor")
    dark = shaded(rng, place.light, matte, random_sun(rng, white=False, behind=False), "floor", 0)
    outside = matte == 0
    assert dark[outside].min() < 0.9
    assert dark[5, 5].min() > 0.99, "far away nothing is darker"


def test_truth_covers_the_sprite_and_little_else(folder: Path, tiles: Path) -> None:
    one = Composer([SpriteFile(folder / "plate--0.webp", "plate", None)], seed=3, cache=tiles)
    shares = []
    for number in range(40):
        picture = one.picture(number, SIDE)
        if picture.family == "plate" and picture.kind not in ("backlight", "low_light"):
            mask = (picture.alpha > 127).astype(np.uint8)
            outline, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            hull = sum(cv2.contourArea(cv2.convexHull(part)) for part in outline)
            shares.append(sum(cv2.contourArea(part) for part in outline) / hull)
    assert np.median(shares) > 0.93, "a disc stays round: no shadow or reflection is in the truth"


def test_glass_is_whole_in_the_truth(folder: Path, tiles: Path) -> None:
    glass = SpriteFile(folder / "tumbler--1.webp", "tumbler", folder / "tumbler--1.truth.webp")
    assert glass in load_sprites([folder])
    sprite = read_sprite(glass)
    assert sprite.clear
    assert sprite.truth.max() == 255
    assert sprite.premultiplied[..., 3].max() == 60
    one = Composer([glass], seed=3, cache=tiles)
    found = [picture for picture in (one.picture(number, SIDE) for number in range(12)) if picture.family == "tumbler"]
    assert found
    assert all(picture.alpha.max() > 230 for picture in found)


def test_a_place_in_the_frame_keeps_the_products_proportions(folder: Path) -> None:
    rng = np.random.default_rng(2)
    sprite = read_sprite(load_sprites([folder])[0])
    box = bounds([np.eye(3)], [sprite])
    for _ in range(200):
        frame = placed(rng, box, SIDE, flat=False, near=bool(rng.integers(2)))
        moved = bounds([into(box, frame)], [sprite])
        assert moved.bottom == pytest.approx(frame.bottom)
        seen = Frame(max(0, frame.left), max(0, frame.top), min(SIDE, frame.right), min(SIDE, frame.bottom))
        area = (frame.right - frame.left) * (frame.bottom - frame.top)
        assert (seen.right - seen.left) * (seen.bottom - seen.top) > 0.25 * area


def test_softness_moves_the_matte_as_the_picture() -> None:
    light = np.zeros((SIDE, SIDE, 3), np.float32)
    light[:, : SIDE // 2] = 1
    for seed in range(20):
        photo, matte = camera.softened(np.random.default_rng(seed), light, light[..., 0].copy())
        assert np.allclose(photo[..., 0], matte, atol=1e-5)


def test_tiles_change_with_the_pictures_number() -> None:
    atlas = Atlas(1)
    first = atlas.tile(np.random.default_rng(0), 0, ("bricks",))
    assert np.array_equal(atlas.tile(np.random.default_rng(0), 1, ("bricks",)), first)
    assert not np.array_equal(atlas.tile(np.random.default_rng(0), 100_000, ("bricks",)), first)


def test_panoramas_and_materials_are_used(tmp_path: Path) -> None:
    (tmp_path / "hdris").mkdir()
    (tmp_path / "materials").mkdir()
    cv2.imwrite(str(tmp_path / "hdris" / "sky.hdr"), np.random.default_rng(0).random((64, 128, 3), np.float32) * 4)
    cv2.imwrite(str(tmp_path / "materials" / "a_Color.jpg"), np.full((64, 64, 3), 90, np.uint8))
    atlas = Atlas(1, panoramas=tmp_path)
    for group in ("panorama", "material"):
        assert atlas.photos(group) == (group,)
        assert atlas.tile(np.random.default_rng(0), 0, (group,)).shape == (512, 512, 3)
    assert Atlas(1).photos("panorama") == ()


def test_a_folder_that_is_none_and_an_empty_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no folder of sprites"):
        load_sprites([tmp_path / "nowhere"])
    with pytest.raises(ValueError, match="no sprites"):
        load_sprites([tmp_path])
    with pytest.raises(ValueError, match="at least one sprite"):
        Composer([], seed=1)


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_a_broken_sprite_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "cup--1.webp"
    if content is None:  # a picture without alpha
        cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    else:
        path.write_bytes(content)
    (file,) = load_sprites([tmp_path])
    with pytest.raises(ValueError, match=r"cup--1\.webp"):
        read_sprite(file)
