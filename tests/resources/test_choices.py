"""The sheet of choices that a person decides by."""

from __future__ import annotations

import numpy as np
import pytest

from resources.matting.choices import Choice, choices_sheet, mask_over

PHOTO = np.random.default_rng(3).integers(60, 250, (200, 300, 3), dtype=np.uint8)


def left_half(shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[:, : shape[1] // 2] = True
    return mask


@pytest.mark.parametrize("shape", [(200, 300), (40, 60)])
def test_inside_the_photo_is_untouched_and_outside_it_is_dark(shape: tuple[int, int]) -> None:
    shown = mask_over(PHOTO, left_half(shape))
    assert np.array_equal(shown[:, :145], PHOTO[:, :145])
    assert (shown[:, 156:] < 0.35 * PHOTO[:, 156:] + 1).all()
    outline = (shown == (255, 214, 0)).all(axis=-1)
    assert outline[100].any()
    assert not outline[:, 160:].any()


def test_every_choice_has_its_tile_and_its_label() -> None:
    for count in (1, 2, 5, 13):
        choices = [Choice("photo"), *(Choice(f"pick h{i}", left_half((20, 30))) for i in range(count - 1))]
        sheet = choices_sheet(PHOTO, choices)
        assert sheet.dtype == np.uint8
        tiles = (sheet.shape[0] // 354) * (sheet.shape[1] // 328)
        assert tiles >= count
        assert sheet.shape[1] <= 4 * 328 + 8
    labelled = choices_sheet(PHOTO, [Choice("one")])
    assert not np.array_equal(labelled, choices_sheet(PHOTO, [Choice("two")]))
    assert np.array_equal(labelled, choices_sheet(PHOTO, [Choice("one")]))


def test_a_long_name_stays_within_its_tile() -> None:
    sheet = choices_sheet(PHOTO, [Choice("pick " + "w" * 64)])
    strip = sheet[8 + 320 :]
    assert (strip[:, 12:320] < 128).any()
    assert (strip[:, 328:] > 200).all()


@pytest.mark.parametrize("size", [(3, 900), (900, 3), (1, 1)])
def test_odd_photos_are_shown_too(size: tuple[int, int]) -> None:
    photo = np.full((*size, 3), 128, np.uint8)
    assert choices_sheet(photo, [Choice("photo"), Choice("pick a", np.ones(size, bool))]).shape[2] == 3
