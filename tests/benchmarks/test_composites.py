from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest

from benchmarks.composites import NEGATIVES, SPRITES, Sprite, load_sprites, make, plan


def sprite(name: str, colour: tuple[int, int, int]) -> Sprite:
    """A soft-edged disc with a hole."""
    disc = np.zeros((300, 300), np.float32)
    cv2.circle(disc, (150, 150), 140, 1, -1)
    cv2.circle(disc, (150, 150), 40, 0, -1)
    alpha = np.rint(cv2.GaussianBlur(disc, (0, 0), 1.5) * 255).astype(np.uint8)
    return Sprite(f"{name}--1", name, np.dstack([np.full((300, 300, 3), colour, np.uint8), alpha]))


SOME = [sprite("red", (190, 30, 40)), sprite("white", (245, 244, 240)), sprite("black", (20, 20, 22))]


def test_a_plan_is_the_same_every_time_and_gives_every_sprite_its_turn():
    plans = plan(SOME, 60)
    assert plans == plan(SOME, 60)
    assert plans != plan(SOME, 60, seed=7)
    turns = Counter(one.sprite for one in plans if one.kind not in NEGATIVES)
    assert set(turns) == {0, 1, 2}
    assert sum(one.kind in NEGATIVES for one in plans) == 6


def test_white_stands_on_white_and_dark_on_dark():
    tones = {one.kind: {SOME[p.sprite].tone for p in plan(SOME, 100) if p.kind == one.kind} for one in plan(SOME, 100)}
    assert tones["white_on_white"] == {"light"}
    assert tones["dark_on_dark"] == {"dark"}
    assert tones["wood"] == {"any", "light", "dark"}


def test_a_composite_is_the_same_whenever_it_is_made():
    plans = plan(SOME, 40)
    kept = [make(one, SOME) for one in plans[::6]]
    for one, before in zip(reversed(plans[::6]), reversed(kept), strict=True):
        again = make(one, SOME)
        assert np.array_equal(again.photo, before.photo)
        assert np.array_equal(again.alpha, before.alpha)


def test_the_matte_lies_where_the_product_was_laid():
    one = next(p for p in plan(SOME, 100) if p.kind == "white" and p.sprite == 0)
    made = make(one, SOME)
    reddish = made.photo[..., 0].astype(int) - made.photo[..., 1]
    assert reddish[made.alpha > 0.999].min() > 40
    # Beside it, a shadow and a reflection at most.
    assert np.percentile(reddish[made.alpha < 0.001], 99) < 40
    assert 0 < ((made.alpha > 0.05) & (made.alpha < 0.95)).mean() < 0.1


@pytest.mark.parametrize("kind", NEGATIVES)
def test_a_negative_has_an_empty_matte(kind):
    made = make(next(p for p in plan(SOME, 40) if p.kind == kind), SOME)
    assert not made.alpha.any()
    assert made.product == ""
    assert made.photo.shape[:2] == made.alpha.shape


def test_the_shipped_sprites_are_straight_alpha_and_cropped():
    sprites = load_sprites([SPRITES])
    assert len({one.product for one in sprites}) >= 20
    for one in sprites:
        alpha = one.rgba[..., 3]
        assert alpha.max() == 255
        assert max(alpha.shape) <= 640
        for edge in (alpha[2], alpha[-3], alpha[:, 2], alpha[:, -3]):
            assert edge.any(), one.name
        # Straight alpha: premultiplied, thin pixels would be a fifth as bright as the solid ones beside them.
        thin, solid = (alpha > 20) & (alpha < 90), alpha > 230
        if thin.sum() > 100:
            near = cv2.dilate(thin.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
            ratio = one.rgba[thin][:, :3].mean() / max(1.0, one.rgba[solid & near][:, :3].mean())
            assert 0.45 < ratio < 2, one.name
