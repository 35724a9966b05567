"""ViTMatte as a refiner: the net's answer in the band, the mask outside of it, and tiles without seams."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from resources.gpu import GpuOptions
from resources.imaging.alpha import UNKNOWN, trimap
from resources.matting.engines import matting_engine
from resources.matting.vitmatte import Tile, ViTMatteRefiner, feather, tiles_of
from resources.weights import Models, WeightsError

# A level of uint8 is 1/255; rounding takes half of it.
CLOSE = 1e-3 + 0.5 / 255
SHAPE = (280, 420)


def smooth_photo(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Soft blobs of all colours."""
    noise = np.random.default_rng(5).normal(0, 1, (*shape, 3)).astype(np.float32)
    blobs = cv2.GaussianBlur(noise, (0, 0), 4)
    return cv2.normalize(blobs, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def wide_trimap(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    known = np.full(shape, UNKNOWN, np.uint8)
    known[:30] = 0
    known[100:180, 120:300] = 255
    return known


def reference(models: Models, photo: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Plainly as the documentation has it: the processor of transformers, the net, cropped back; 0..1."""
    import torch
    from transformers import VitMatteForImageMatting
    from transformers.models.vitmatte.image_processing_pil_vitmatte import VitMatteImageProcessorPil

    net = VitMatteForImageMatting.from_pretrained(models.folder(models.entry("tiny-matte"))).eval()
    inputs = VitMatteImageProcessorPil()(images=photo, trimaps=known, return_tensors="pt")
    with torch.no_grad():
        alphas = net(**inputs).alphas[0, 0].numpy()
    return alphas[: photo.shape[0], : photo.shape[1]]


def refiner(models: Models, tile: int = 1024, overlap: int = 128) -> ViTMatteRefiner:
    return ViTMatteRefiner(models.entry("tiny-matte"), models, GpuOptions("cpu"), tile=tile, overlap=overlap)


def test_the_band_is_the_net_s_answer_and_the_rest_is_the_trimap_s(tiny_models: Models) -> None:
    photo, known = smooth_photo(), wide_trimap()
    wanted = reference(tiny_models, photo, known)
    found = refiner(tiny_models).refine_band(photo, known)
    band = known == UNKNOWN
    assert np.ptp(wanted[band]) > 0.1  # the net does say something
    assert np.abs(found / 255 - wanted)[band].max() < CLOSE
    assert np.array_equal(found[~band], known[~band])


def test_tiles_give_what_the_whole_picture_gives(tiny_models: Models) -> None:
    photo, known = smooth_photo(), wide_trimap()
    wanted = reference(tiny_models, photo, known)
    found = refiner(tiny_models, tile=192, overlap=128).refine_band(photo, known)
    band = known == UNKNOWN
    assert len(tiles_of(SHAPE, 192, 128)) > 6
    assert np.abs(found / 255 - wanted)[band].max() < CLOSE


def test_seams_of_small_overlaps_stay_small(tiny_models: Models) -> None:
    photo, known = smooth_photo(), wide_trimap()
    whole = refiner(tiny_models).refine_band(photo, known).astype(int)
    tiled = refiner(tiny_models, tile=128, overlap=32).refine_band(photo, known).astype(int)
    assert np.abs(whole - tiled).max() <= 8  # of 255; next to a seam, with 24 px seen beyond it


def test_refining_a_mask_draws_a_band_along_its_outline(tiny_models: Models) -> None:
    photo = smooth_photo((300, 500))
    small = np.zeros((60, 100), bool)
    small[15:45, 30:70] = True
    alpha = refiner(tiny_models).refine(photo, small)
    large = cv2.resize(small.astype(np.uint8), (500, 300), interpolation=cv2.INTER_NEAREST) > 0
    known = trimap(large, 5)  # the band has 3 px to each side: 0.6 % of 500
    assert alpha.shape == (300, 500)
    assert (alpha[known == 255] == 255).all()
    assert (alpha[known == 0] == 0).all()
    assert ((alpha > 0) & (alpha < 255)).any()


@pytest.mark.parametrize("full", [False, True])
def test_a_mask_without_an_outline_needs_no_net(tiny_models: Models, full: bool) -> None:
    alpha = refiner(tiny_models).refine(smooth_photo((100, 100)), np.full((50, 50), full))
    assert (alpha == 255 * full).all()


@pytest.mark.parametrize("length", [5, 31, 32, 33, 128, 129, 300, 511, 1000])
def test_tiles_cover_every_pixel_and_count_somewhere(length: int) -> None:
    shape = (length, 77)
    weight = np.zeros(shape, np.float32)
    for tile in tiles_of(shape, 128, 64):
        fade = feather(tile, shape, 64)
        assert fade.shape == weight[tile.rows, tile.columns].shape
        assert tile.rows.start % 32 == 0
        assert tile.rows.stop - tile.rows.start <= 128
        weight[tile.rows, tile.columns] += fade
    assert weight.min() >= 1 - 1e-6


def test_the_rim_of_a_tile_counts_only_at_the_border_of_the_picture() -> None:
    fade = feather(Tile(slice(0, 128), slice(64, 192)), (128, 300), 64)
    assert (fade[:, :16] == 0).all()
    assert (fade[:, -16:] == 0).all()
    assert (fade[0, 60:68] == 1).all()


def test_only_tiles_with_unknown_pixels_are_asked(tiny_models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = smooth_photo((512, 512))
    known = np.zeros((512, 512), np.uint8)
    known[5:20, 5:20] = UNKNOWN
    asked: list[int] = []
    drawer = refiner(tiny_models, tile=128, overlap=32)
    batch = drawer._batch
    monkeypatch.setattr(drawer, "_batch", lambda inputs: asked.append(len(inputs)) or batch(inputs))
    drawer.refine_band(photo, known)
    assert sum(asked) == 1


def test_it_draws_the_edge_of_a_detector_by_name(tiny_models: Models) -> None:
    photo = np.full((200, 260, 3), 20, np.uint8)
    photo[60:140, 60:200] = 250
    [matte] = matting_engine("tiny-onnx+tiny-matte", tiny_models).segment([photo])
    assert matte.notes == ("edge_by_tiny_matte",)
    assert matte.runs[0].engine == "tiny-onnx+tiny-matte"
    assert matte.alpha[100, 130] == 255
    assert matte.alpha[5, 5] == 0


def test_other_weights_than_the_pinned_ones_are_refused(tiny_models: Models) -> None:
    weights = tiny_models.entry("tiny-matte")
    files = tuple(file.model_copy(update={"sha256": "0" * 64}) for file in weights.files)
    wrong = weights.model_copy(update={"files": files})
    models = replace(tiny_models, registry={"tiny-matte": wrong})
    with pytest.raises(WeightsError, match="digest"):
        refiner(models).refine_band(smooth_photo(), wide_trimap())
