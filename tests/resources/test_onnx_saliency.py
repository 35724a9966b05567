"""ONNX saliency nets from a local folder: what goes in, what comes out, and files that are no such nets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from resources.matting.engines import matting_engine
from resources.matting.onnx_saliency import OnnxDetector
from resources.weights import WeightsError
from tests.nets import HALVES, IMAGENET, make_onnx, models_of, onnx_entry
from tests.pictures import product_photo

CLOSE = 1e-3


def detector(folder: Path, **fields: Any) -> OnnxDetector:
    entry = onnx_entry(folder, **fields)
    return OnnxDetector(entry, models_of(entry))


def reference(photo: np.ndarray, side: int, mean: list[float], std: list[float], scale: float = 4.0) -> np.ndarray:
    """What the tiny graph computes, in numpy: sigmoid(scale x mean of the normalised channels)."""
    small = Image.fromarray(photo).resize((side, side), Image.Resampling.BILINEAR, reducing_gap=3.0)
    values = (np.asarray(small, np.float64) / 255 - mean) / std
    return 1 / (1 + np.exp(-scale * values.mean(axis=2)))


@pytest.mark.parametrize(("side", "normalised"), [(32, IMAGENET), (64, HALVES)], ids=["u2net", "isnet"])
def test_the_answer_is_that_of_the_plain_implementation(
    tmp_path: Path, side: int, normalised: dict[str, list[float]]
) -> None:
    make_onnx(tmp_path / "net" / "net.onnx", side=side)
    photos = [product_photo((200, 150), seed=1), product_photo((90, 260), seed=2)]
    for photo, found in zip(photos, detector(tmp_path / "net", input=normalised).saliency(photos), strict=True):
        wanted = reference(photo, side, normalised["mean"], normalised["std"])
        assert found.shape == (side, side)  # as the file says
        assert np.abs(found - wanted).max() < CLOSE


def test_a_net_of_any_size_takes_the_side_of_its_entry(tmp_path: Path) -> None:
    make_onnx(tmp_path / "net" / "net.onnx", side="side")
    photo = product_photo((120, 100))
    [found] = detector(tmp_path / "net", input={"side": 48, **IMAGENET}).saliency([photo])
    assert np.abs(found - reference(photo, 48, **IMAGENET)).max() < CLOSE
    with pytest.raises(WeightsError, match="pictures of any size; its entry needs"):
        detector(tmp_path / "net").saliency([photo])


def test_logits_become_probabilities(tmp_path: Path) -> None:
    make_onnx(tmp_path / "net" / "net.onnx", logits=True)
    photo = product_photo((120, 100))
    [found] = detector(tmp_path / "net", output="logits").saliency([photo])
    assert np.abs(found - reference(photo, 32, **IMAGENET)).max() < CLOSE


def test_logits_taken_for_probabilities_are_noticed(tmp_path: Path) -> None:
    make_onnx(tmp_path / "net" / "net.onnx", logits=True)
    with pytest.raises(WeightsError, match="0 to 1 expected; its entry needs `output: logits`"):
        detector(tmp_path / "net").saliency([product_photo((120, 100))])


def test_an_empty_answer_is_not_stretched_to_a_confident_matte(tmp_path: Path) -> None:
    """A net that sees nothing answers with small numbers all over; their largest one is no product."""
    make_onnx(tmp_path / "net" / "net.onnx")
    entry = onnx_entry(tmp_path / "net", input={"mean": [2.0, 2.0, 2.0], "std": [1.0, 1.0, 1.0]})
    [matte] = matting_engine("net+own", models_of(entry)).segment([product_photo((200, 150))])
    assert not matte.alpha.any()
    assert matte.measures == {"area": 0.0}
    assert matte.runs[0].decided_by == "no_subject_found"


def test_a_dark_photo_is_divided_by_255_like_any_other(tmp_path: Path) -> None:
    make_onnx(tmp_path / "net" / "net.onnx")
    photo = product_photo((120, 100)) // 5
    [found] = detector(tmp_path / "net").saliency([photo])
    assert np.abs(found - reference(photo, 32, **IMAGENET)).max() < CLOSE
    assert found.max() < 0.5


def test_the_engine_s_matte_has_the_photo_s_size_and_the_edge_of_the_photo(tmp_path: Path) -> None:
    make_onnx(tmp_path / "net" / "net.onnx", side=64)
    photo = np.full((300, 400, 3), 20, np.uint8)
    photo[100:200, 120:280] = 250
    entry = onnx_entry(tmp_path / "net")
    [matte] = matting_engine("net", models_of(entry)).segment([photo])
    wanted = photo[..., 0] > 128
    assert matte.alpha.shape == (300, 400)
    assert ((matte.alpha > 127) & wanted).sum() / (
        (matte.alpha > 127) | wanted
    ).sum() > 0.97  # a pixel of the net is 6 px wide
    assert matte.notes == ("edge_by_edge",)


def test_files_that_are_no_saliency_nets_are_refused_in_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "net.onnx").write_bytes(b"\x00no model at all")
    with pytest.raises(WeightsError, match="no ONNX model that can be loaded") as told:
        detector(broken).saliency([product_photo((120, 100))])
    assert "\n" not in str(told.value)
    make_grey(tmp_path / "grey" / "net.onnx")
    with pytest.raises(WeightsError, match=r"one input of 1x3xHxW expected, \[\[1, 1, 32, 32\]\] found"):
        detector(tmp_path / "grey").saliency([product_photo((120, 100))])


def make_grey(path: Path) -> None:
    """A net that takes one channel."""
    from onnx import TensorProto, helper, save

    shape = [1, 1, 32, 32]
    graph = helper.make_graph(
        [helper.make_node("Sigmoid", ["in"], ["out"])],
        "grey",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    path.parent.mkdir()
    save(model, str(path))


def test_a_file_without_a_pin_is_known_by_its_content(tmp_path: Path) -> None:
    """An operator's own ONNX file runs no code, and needs no digest; its revision still follows its bytes."""
    revisions = []
    for scale in (4.0, 5.0):
        make_onnx(tmp_path / "net" / "net.onnx", scale=scale)
        entry = onnx_entry(tmp_path / "net").model_copy(update={"files": (loose(tmp_path / "net"),)})
        revisions.append(matting_engine("net", models_of(entry)).revision)
    assert revisions[0] != revisions[1]


def loose(folder: Path) -> Any:
    [file] = onnx_entry(folder).files
    return file.model_copy(update={"sha256": "", "size": None})
