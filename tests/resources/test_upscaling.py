"""Enlarging: exact sizes, no rings, tiles without seams, and a net is never believed more than the photo."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from catalog_assets.environment import read_environment
from catalog_assets.models import configured_engines, engine_table
from resources.engines import Engines
from resources.gpu import GpuOptions
from resources.upscaling.engines import upscaler, upscaler_names
from resources.upscaling.lanczos import LanczosUpscaler, enlarged
from resources.upscaling.likeness import ANSWER_AT_MOST, KEPT_AT_MOST, kept_to_photo, worst_difference
from resources.upscaling.swin2sr import Swin2SRUpscaler
from resources.weights import Models, WeightsError, load_registry
from tests.nets import make_swin2sr, models_of

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


def photo(height: int = 60, width: int = 84) -> U8:
    """Soft blobs of all colours, a printed word, and a white border."""
    noise = np.random.default_rng(5).normal(0, 1, (height, width, 3)).astype(np.float32)
    blobs = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 30, 220, cv2.NORM_MINMAX).astype(np.uint8)
    cv2.putText(blobs, "TEA", (width // 4, height // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (10, 10, 20), 2, cv2.LINE_AA)
    blobs[:8], blobs[-8:], blobs[:, :8], blobs[:, -8:] = 255, 255, 255, 255
    return blobs


def twice(rgb: U8) -> tuple[int, int]:
    return 2 * rgb.shape[1], 2 * rgb.shape[0]


def good_answer(rgb: U8) -> F32:
    return np.asarray(cv2.resize(rgb, twice(rgb), interpolation=cv2.INTER_CUBIC), np.float32)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    import torch

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("upscalers")
    return models_of(
        make_swin2sr(root / "tiny-swin", faithful=True),
        make_swin2sr(root / "wild-swin", faithful=False),
        make_swin2sr(root / "four-swin", faithful=True, upscale=4),
    )


def swin(models: Models, name: str = "tiny-swin", **options: Any) -> Swin2SRUpscaler:
    return Swin2SRUpscaler(models.entry(name), models, GpuOptions("cpu"), **options)


def reference(models: Models, name: str, rgb: U8) -> F32:
    """Plainly as the documentation has it: the processor of transformers, the net, cropped back; 0..255."""
    import torch
    from transformers import Swin2SRForImageSuperResolution
    from transformers.models.swin2sr.image_processing_pil_swin2sr import Swin2SRImageProcessorPil

    net = Swin2SRForImageSuperResolution.from_pretrained(models.folder(models.entry(name))).eval()
    inputs = Swin2SRImageProcessorPil()(images=rgb, return_tensors="pt")
    with torch.no_grad():
        answer = net(**inputs).reconstruction[0].permute(1, 2, 0).numpy()
    return np.asarray(255 * answer[: 2 * rgb.shape[0], : 2 * rgb.shape[1]], np.float32)


# Lanczos


@pytest.mark.parametrize("size", [(168, 120), (100, 73), (84, 60), (85, 61)])
def test_lanczos_gives_exactly_the_size(size: tuple[int, int]) -> None:
    large, notes = LanczosUpscaler().enlarge(photo(), size)
    assert large.shape == (size[1], size[0], 3)
    assert large.dtype == np.uint8
    assert notes == ()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2)])
def test_lanczos_enlarges_whatever_is_there(shape: tuple[int, int]) -> None:
    rgb = np.full((*shape, 3), 77, np.uint8)
    assert (enlarged(rgb, twice(rgb)) == 77).all()


def test_lanczos_rings_nowhere() -> None:
    rgb = np.full((60, 80, 3), 200, np.uint8)
    rgb[20:40, 30:50] = (20, 90, 60)
    large = enlarged(rgb, (160, 120))
    ringing = cv2.resize(rgb, (160, 120), interpolation=cv2.INTER_LANCZOS4)
    assert ringing.max() > 210  # what it would do if it were let
    assert (large.max(axis=(0, 1)) == 200).all()
    assert (large.min(axis=(0, 1)) == (20, 90, 60)).all()
    assert (large[:36] == 200).all()


def test_lanczos_is_nearer_to_the_truth_than_linear_interpolation() -> None:
    truth = photo(240, 320)
    small = cv2.resize(truth, (160, 120), interpolation=cv2.INTER_AREA)
    by_lanczos = np.abs(enlarged(small, (320, 240)).astype(int) - truth).mean()
    by_linear = np.abs(cv2.resize(small, (320, 240), interpolation=cv2.INTER_LINEAR).astype(int) - truth).mean()
    assert by_lanczos < 0.9 * by_linear


def test_lanczos_needs_no_torch_and_no_weights() -> None:
    code = (
        "import sys\nimport numpy as np\nfrom resources.engines import Engines\n"
        "large, notes = Engines().upscaler().enlarge(np.zeros((9, 9, 3), np.uint8), (18, 18))\n"
        "assert large.shape == (18, 18, 3)\nassert not {'torch', 'transformers', 'c2pa'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# What is kept of a net's answer


def test_a_good_answer_is_kept_and_reduces_to_the_photo() -> None:
    rgb = photo()
    kept, problem = kept_to_photo(rgb, good_answer(rgb) * np.float32(0.98))
    assert problem == ""
    assert kept.shape == (120, 168, 3)
    assert worst_difference(rgb, kept) < 0.5 < worst_difference(rgb, np.rint(good_answer(rgb) * 0.98).astype(np.uint8))


def test_what_is_of_one_colour_stays_of_one_colour() -> None:
    rgb = photo()
    wavy = good_answer(rgb) + 6 * np.sin(np.arange(168, dtype=np.float32))[None, :, None]
    kept, problem = kept_to_photo(rgb, wavy)
    assert problem == ""
    assert (kept[:14] == 255).all()
    assert (kept[:, -14:] == 255).all()


def test_detail_that_the_photo_does_not_have_is_flattened() -> None:
    rgb = np.full((40, 40, 3), 128, np.uint8)
    rgb[:, :20] = 90
    board = (np.indices((80, 80)).sum(axis=0) % 2 * 2 - 1).astype(np.float32)[..., None]
    invented = good_answer(rgb) + 30 * board  # each two by two pixels have the photo's mean
    assert worst_difference(rgb, np.rint(invented).astype(np.uint8)) < ANSWER_AT_MOST
    kept, problem = kept_to_photo(rgb, invented)
    assert problem == ""
    assert (kept[:, 44:] == 128).all()
    assert (kept[:, :36] == 90).all()


def test_another_word_is_refused() -> None:
    rgb = photo()
    answer = np.rint(good_answer(rgb)).astype(np.uint8)
    cv2.putText(answer, "X", (60, 90), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 2, cv2.LINE_AA)
    _, problem = kept_to_photo(rgb, answer.astype(np.float32))
    assert problem.startswith("its answer differs from the photo by ")


@pytest.mark.parametrize("change", ["darker", "channels", "moved", "nan", "infinite"])
def test_wrong_answers_are_refused(change: str) -> None:
    rgb = photo()
    answer = good_answer(rgb)
    wrong = {
        "darker": answer * np.float32(0.8),
        "channels": answer[..., ::-1],
        "moved": np.roll(answer, 4, axis=1),
        "nan": np.where(answer > 254, np.float32(np.nan), answer),
        "infinite": np.where(answer > 254, np.float32(np.inf), answer),
    }[change]
    _, problem = kept_to_photo(rgb, np.ascontiguousarray(wrong))
    assert problem


def test_limits_leave_room_for_plain_resampling() -> None:
    rgb = photo(200, 300)
    assert worst_difference(rgb, enlarged(rgb, twice(rgb))) < ANSWER_AT_MOST
    assert 0 < KEPT_AT_MOST < ANSWER_AT_MOST
    assert worst_difference(rgb[:3, :5], enlarged(rgb[:3, :5], (10, 6))) < ANSWER_AT_MOST


# Swin2SR


@pytest.mark.parametrize(("height", "width"), [(60, 84), (64, 64), (61, 83), (9, 70), (1, 3)])
def test_swin2sr_gives_exactly_twice_the_size(models: Models, height: int, width: int) -> None:
    rgb = np.ascontiguousarray(photo(100, 100)[:height, :width])
    large, notes = swin(models).enlarge(rgb, twice(rgb))
    assert large.shape == (2 * height, 2 * width, 3)
    assert large.dtype == np.uint8
    assert notes == ("enlarged_by_tiny_swin", "float32_on_cpu")


def test_swin2sr_gives_sizes_below_twice(models: Models) -> None:
    large, _ = swin(models).enlarge(photo(), (111, 80))
    assert large.shape == (80, 111, 3)
    assert (large[:8] == 255).all()


@pytest.mark.parametrize("name", ["tiny-swin", "wild-swin"])
@pytest.mark.parametrize("shape", [(60, 84), (64, 40)])
def test_the_net_sees_what_its_own_processor_would_show_it(models: Models, name: str, shape: tuple[int, int]) -> None:
    rgb = photo(*shape)
    wanted = reference(models, name, rgb)
    assert np.ptp(wanted) > 10  # the net does say something
    assert np.abs(swin(models, name)._answer(rgb) - wanted).max() < 0.05  # of 255


@pytest.mark.parametrize("name", ["tiny-swin", "wild-swin"])
def test_tiles_give_what_the_whole_picture_gives(models: Models, name: str) -> None:
    rgb = photo(150, 210)
    whole = swin(models, name)._answer(rgb)
    tiled = swin(models, name, tile=96, overlap=64)._answer(rgb)
    assert np.abs(whole - tiled).max() < 0.001 * np.ptp(whole)


def test_the_result_is_held_to_the_photo(models: Models) -> None:
    rgb = photo()
    large, notes = swin(models).enlarge(rgb, twice(rgb))
    assert notes[0] == "enlarged_by_tiny_swin"
    assert worst_difference(rgb, large) < KEPT_AT_MOST
    assert not np.array_equal(large, enlarged(rgb, twice(rgb)))


def test_a_net_that_invents_is_refused_aloud_and_lanczos_enlarges(models: Models) -> None:
    rgb = photo()
    large, notes = swin(models, "wild-swin").enlarge(rgb, (150, 107))
    [note] = notes
    assert note.startswith("wild_swin_refused: its answer differs from the photo by ")
    assert note.endswith("; enlarged by lanczos")
    assert np.array_equal(large, enlarged(rgb, (150, 107)))


def test_out_of_memory_halves_the_tile(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = photo(150, 210)
    drawer = swin(models)
    whole = drawer._answer(rgb)
    batch, asked = drawer._batch, []

    def scarce(tiles: list[U8]) -> list[F32]:
        asked.append((len(tiles), *tiles[0].shape[:2]))
        if len(tiles) * tiles[0].shape[0] * tiles[0].shape[1] > 130 * 130:
            raise MemoryError
        return batch(tiles)

    monkeypatch.setattr(drawer, "_batch", scarce)
    assert np.abs(drawer._answer(rgb) - whole).max() < 0.02 * np.ptp(whole)
    assert (drawer._tile, drawer._overlap) == (128, 64)
    assert max(asked)[1:] <= (256, 256)
    monkeypatch.setattr(drawer, "_batch", lambda tiles: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(MemoryError):
        drawer._answer(rgb)
    assert drawer._tile == 64


def test_threads_share_one_net(models: Models) -> None:
    drawer = swin(models)
    pictures = [photo(40 + 8 * number, 50) for number in range(4)]
    alone = [swin(models).enlarge(one, twice(one))[0] for one in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: drawer.enlarge(one, twice(one))[0], pictures))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_weights_that_do_not_enlarge_twice_are_refused(models: Models) -> None:
    with pytest.raises(ValueError, match="weights four-swin enlarge 4 times, 2 times expected"):
        swin(models, "four-swin").enlarge(photo(), (168, 120))


def test_other_weights_than_the_pinned_ones_are_refused(models: Models) -> None:
    weights = models.entry("tiny-swin")
    files = tuple(file.model_copy(update={"sha256": "0" * 64}) for file in weights.files)
    wrong = replace(models, registry={"tiny-swin": weights.model_copy(update={"files": files})})
    with pytest.raises(WeightsError, match="digest"):
        swin(wrong).enlarge(photo(), (168, 120))


def test_the_revision_is_the_weights_and_the_limits(models: Models) -> None:
    assert swin(models).revision == swin(models).revision
    assert swin(models).revision != swin(models, "wild-swin").revision
    assert swin(models).revision.endswith(f":{ANSWER_AT_MOST:g}:{KEPT_AT_MOST:g}")


# By name


def test_upscalers_by_name(models: Models) -> None:
    assert upscaler_names(models.registry) == ["lanczos", "four-swin", "tiny-swin", "wild-swin"]
    assert upscaler("lanczos", models).name == "lanczos"
    assert upscaler("tiny-swin", models, GpuOptions("cpu")).name == "tiny-swin"
    with pytest.raises(ValueError, match="there is no upscaler 'magic'; known: lanczos, four-swin"):
        upscaler("magic", models)


def test_the_shipped_weights_are_pinned() -> None:
    weights = load_registry()["swin2sr"]
    assert weights.unpinned == ()
    assert weights.not_allowed == ()
    assert "swin2sr" in upscaler_names(load_registry())


def test_the_profile_picks_and_the_environment_overrules(tmp_path: Path) -> None:
    assert Engines().upscaling_name() == "lanczos"
    assert Engines(profile="gpu").upscaling_name() == "swin2sr"
    found = read_environment({"CATALOG_PROFILE": "gpu", "CATALOG_UPSCALING_ENGINE": "lanczos"})
    assert configured_engines(found).upscaler().name == "lanczos"
    with pytest.raises(WeightsError, match=r"weights swin2sr: 0 of 2 files .* run: catalog models fetch swin2sr"):
        Engines(upscaling="swin2sr", models_folder=str(tmp_path)).upscaler()
    table = engine_table(Engines(upscaling="magic"))
    assert "upscaling: lanczos" in table
    assert "cannot be used: there is no upscaler 'magic'" in table
    assert "upscaling: lanczos (in use)" in engine_table(Engines())
