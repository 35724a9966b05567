"""evidence: one picture shows what a verdict on a final is about."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from resources.panel import Tile, fitted
from resources.quality.evidence import difference_map, evidence_panel
from resources.quality.fidelity import aligned_pair, judge
from resources.scenes.engine import Placement, on_canvas, scaled_product
from resources.verdicts import Verdict
from tests.resources.printed_box import box_cutout, box_photo, in_scene

U8 = NDArray[np.uint8]
PHOTO, MATTE = box_photo()


def _changed() -> U8:
    rgb = PHOTO.copy()
    rgb[230:290, 120:300] = (60, 240, 225)
    return in_scene(rgb, MATTE, 1.1, 90, 40)


def test_a_panel_shows_product_final_crop_difference_and_all_measures() -> None:
    final = _changed()
    verdict = judge(PHOTO, MATTE, final, placement=None)
    panel = evidence_panel(PHOTO, MATTE, final, verdict, title="mug-1 / oak")
    assert panel.dtype == np.uint8
    assert panel.shape[1] == 1748
    rows = -(-len(verdict.measures) // 3)
    fewer = Verdict("accepted", 1.0, verdict.measures[:3])
    assert panel.shape[0] - evidence_panel(PHOTO, MATTE, final, fewer).shape[0] >= (rows - 1) * 26
    assert np.array_equal(panel, evidence_panel(PHOTO, MATTE, final, verdict, title="mug-1 / oak"))


def test_the_difference_map_is_bright_where_the_product_differs_and_dark_elsewhere() -> None:
    pair = aligned_pair(PHOTO, MATTE, _changed(), None)
    assert pair is not None
    light = difference_map(pair).astype(float).mean(axis=2)
    inside = pair.alpha == 255
    off = np.abs(pair.expected.astype(int) - pair.shown.astype(int)).max(axis=2) > 60
    assert light[inside & off].mean() > 3 * light[inside & ~off].mean()


@pytest.mark.parametrize("title", ["", "Ärger <b>&\n\x1b[31m" + "x" * 500, "日本語"])
def test_hostile_titles_are_only_written(title: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    verdict = judge(PHOTO, MATTE, noise, placement=None)
    panel = evidence_panel(PHOTO, MATTE, noise, verdict, title=title)
    assert panel.shape[1] == 1748  # found nowhere: only the product and the final are shown


def test_a_known_placement_is_not_searched() -> None:
    cutout, placement = box_cutout(), Placement(0.5, 30, 40)
    layer = on_canvas(scaled_product(cutout, 0.5), placement, (300, 300))
    final = np.where(layer[..., 3:] > 127, layer[..., :3], np.uint8(128))
    pair = aligned_pair(cutout[..., :3], cutout[..., 3], final, placement)
    assert pair is not None
    assert np.array_equal(pair.expected[pair.alpha == 255], pair.shown[pair.alpha == 255])
    verdict = judge(cutout[..., :3], cutout[..., 3], final, placement=placement)
    assert evidence_panel(cutout[..., :3], cutout[..., 3], final, verdict, placement=placement).any()


def test_tiles_keep_their_shape() -> None:
    wide = Tile("wide", np.zeros((10, 40, 3), np.uint8))
    assert fitted(wide.picture, 80).shape == (20, 80, 3)
