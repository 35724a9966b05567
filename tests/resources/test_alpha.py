from __future__ import annotations

import cv2
import numpy as np
import pytest

from resources.imaging.alpha import (
    UNKNOWN,
    colours_of,
    estimate_foreground,
    extend_colours,
    make_cutout,
    over,
    tiles,
    trimap,
    with_alpha,
)


def disc(side: int = 200, radius: float = 60, softness: float = 3) -> np.ndarray:
    """Alpha 0..1 of a disc with a soft rim."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    distance = np.hypot(x - side / 2, y - side / 2)
    return np.clip((radius - distance) / softness + 0.5, 0, 1)


def mixed(alpha: np.ndarray, fore: tuple[int, ...], back: np.ndarray) -> np.ndarray:
    a = alpha[..., None]
    return np.rint(np.array(fore, np.float32) * a + back * (1 - a)).astype(np.uint8)


def room(side: int = 200, seed: int = 1) -> np.ndarray:
    """A background full of detail: coloured squares."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (side // 10, side // 10, 3)).astype(np.uint8)
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_NEAREST)


def test_trimap_is_unknown_for_a_margin_to_each_side() -> None:
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    row = trimap(mask, 4)[30]
    assert (row[:16] == 0).all()
    assert (row[16:24] == UNKNOWN).all()
    assert (row[24:36] == 255).all()


def test_trimap_does_not_doubt_a_product_where_the_frame_cuts_it() -> None:
    mask = np.zeros((60, 60), bool)
    mask[20:] = True
    assert (trimap(mask, 4)[-1] == 255).all()


@pytest.mark.parametrize("background", [(0, 180, 0), (240, 240, 240), (200, 0, 0)])
def test_foreground_colours_lose_the_background(background: tuple[int, int, int]) -> None:
    truth = disc(softness=12)
    product = (60, 70, 160)
    photo = mixed(truth, product, np.full((200, 200, 3), background, np.float32))
    alpha = np.rint(truth * 255).astype(np.uint8)
    found = estimate_foreground(photo, alpha)
    band = (truth > 0.1) & (truth < 0.95)
    kept = np.abs(photo[band].astype(int) - product).mean()
    error = np.abs(found[band].astype(int) - product).mean()
    assert error < 8
    assert error < kept / 4


def test_opaque_pixels_are_the_photos_own() -> None:
    truth = disc()
    photo = mixed(truth, (200, 40, 30), room().astype(np.float32))
    photo[90:110, 90:110] = room()[90:110, 90:110]
    alpha = np.rint(truth * 255).astype(np.uint8)
    cutout = make_cutout(photo, alpha)
    assert (cutout[..., 3] == alpha).all()
    assert (cutout[alpha == 255][:, :3] == photo[alpha == 255]).all()


def test_nothing_of_the_room_survives_under_transparency() -> None:
    """Two photos that differ only where alpha is 0 give the same cut-out, to the byte, away from the rim."""
    truth = disc(side=400, radius=90)
    alpha = np.rint(truth * 255).astype(np.uint8)
    near = np.full((400, 400, 3), 128, np.float32)
    far = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((121, 121), np.uint8)) == 0
    one, two = near.copy(), near.copy()
    one[far] = room(400, 1)[far]
    two[far] = room(400, 2)[far]
    cutouts = [make_cutout(mixed(truth, (200, 40, 30), back), alpha) for back in (one, two)]
    assert (cutouts[0] == cutouts[1]).all()


def test_hidden_colours_are_the_products_even_beside_the_rim() -> None:
    truth = disc()
    alpha = np.rint(truth * 255).astype(np.uint8)
    cutout = make_cutout(mixed(truth, (200, 40, 30), room().astype(np.float32)), alpha)
    hidden = cutout[alpha == 0][:, :3].astype(int)
    assert np.abs(hidden - (200, 40, 30)).max() <= 30
    assert np.abs(hidden - (200, 40, 30)).mean() <= 4


def test_extended_colours_follow_the_nearest_part() -> None:
    rgb = np.zeros((100, 300, 3), np.uint8)
    alpha = np.zeros((100, 300), np.uint8)
    rgb[:, :40], rgb[:, -40:] = (250, 0, 0), (0, 0, 250)
    alpha[:, :40] = alpha[:, -40:] = 255
    out = extend_colours(rgb, alpha)
    assert np.abs(out[50, 44].astype(int) - (250, 0, 0)).max() <= 15
    assert np.abs(out[50, -45].astype(int) - (0, 0, 250)).max() <= 15


def test_colours_that_cannot_be_seen_are_the_products() -> None:
    """A veil of alpha 1 to 7 over the room, as any matting leaves behind, shows nothing of it."""
    truth = disc(side=400, radius=60)
    alpha = np.rint(truth * 255).astype(np.uint8)
    veil = np.random.default_rng(5).integers(0, 8, alpha.shape).astype(np.uint8)
    photo = mixed(truth, (200, 40, 30), room(400).astype(np.float32))
    cutout = make_cutout(photo, np.maximum(alpha, veil))
    faint = cutout[cutout[..., 3] < 8][:, :3].astype(int)
    assert np.abs(faint - (200, 40, 30)).mean() <= 6
    assert np.percentile(np.abs(faint - (200, 40, 30)), 99) <= 30


def test_foreground_colours_are_the_same_in_tiles_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = disc(side=400, radius=120, softness=20)
    photo = mixed(truth, (60, 70, 160), room(400).astype(np.float32))
    alpha = np.rint(truth * 255).astype(np.uint8)
    monkeypatch.setattr("resources.imaging.alpha._TILE_IN_HALOS", 40)
    whole = make_cutout(photo, alpha)
    monkeypatch.setattr("resources.imaging.alpha._TILE_IN_HALOS", 1)
    assert np.abs(make_cutout(photo, alpha).astype(int) - whole).max() <= 1


def test_foreground_colours_follow_a_pattern_under_a_soft_edge() -> None:
    truth = disc(softness=10)
    stripes = np.where((np.arange(200) // 8) % 2 == 0, 60, 190)
    product = np.broadcast_to(np.stack([stripes, 220 - stripes, stripes // 2 + 40], axis=-1), (200, 200, 3))
    a = truth[..., None]
    photo = np.rint(product * a + np.array([0, 180, 0]) * (1 - a)).astype(np.uint8)
    found = estimate_foreground(photo, np.rint(truth * 255).astype(np.uint8))
    band = (truth > 0.3) & (truth < 0.95)
    kept = np.abs(photo[band].astype(int) - product[band]).mean()
    assert np.abs(found[band].astype(int) - product[band]).mean() < 0.6 * kept


def test_tiles_cover_the_picture_once_with_their_halo() -> None:
    picture = np.arange(70 * 50).reshape(70, 50)
    seen = np.zeros_like(picture)
    for core, inner, outer in tiles(70, 50, 32, 5):
        seen[core] += 1
        assert (picture[outer][inner] == picture[core]).all()
    assert (seen == 1).all()


def test_extended_colours_of_an_invisible_picture_are_black() -> None:
    assert not extend_colours(room(), np.zeros((200, 200), np.uint8)).any()


def test_over_the_old_background_the_photo_comes_back() -> None:
    truth = disc(softness=8)
    back = np.full((200, 200, 3), (0, 180, 90), np.uint8)
    photo = mixed(truth, (200, 40, 30), back.astype(np.float32))
    again = over(make_cutout(photo, np.rint(truth * 255).astype(np.uint8)), back)
    assert np.abs(again.astype(int) - photo).max() <= 6


def test_over_is_exact_at_both_ends() -> None:
    rng = np.random.default_rng(3)
    rgba = rng.integers(0, 256, (700, 30, 4)).astype(np.uint8)
    rgba[..., 3] = np.where(rng.random((700, 30)) < 0.5, 0, 255)
    back = rng.integers(0, 256, (700, 30, 3)).astype(np.uint8)
    expected = np.where(rgba[..., 3:] == 255, rgba[..., :3], back)
    assert (over(rgba, back) == expected).all()


def test_alpha_is_put_beside_colours_and_taken_off_again_as_it_was() -> None:
    rgba = np.random.default_rng(4).integers(0, 256, (9, 13, 4)).astype(np.uint8)
    colours = colours_of(rgba[2:, 3:])
    assert np.array_equal(colours, rgba[2:, 3:, :3])
    assert not np.shares_memory(colours, rgba)
    assert np.array_equal(with_alpha(colours, rgba[2:, 3:, 3]), rgba[2:, 3:])


def test_over_refuses_another_size() -> None:
    with pytest.raises(ValueError, match="cut-out is"):
        over(np.zeros((4, 4, 4), np.uint8), np.zeros((4, 5, 3), np.uint8))
