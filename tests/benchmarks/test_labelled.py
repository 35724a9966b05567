from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from benchmarks.labelled import composite_cases, photo_cases, results
from benchmarks.metrics import RIGHT


def folder_of_sprites(folder):
    alpha = np.zeros((120, 120), np.uint8)
    cv2.circle(alpha, (60, 60), 56, 255, -1, cv2.LINE_AA)
    for name, colour in (("cup--1", (180, 30, 40)), ("pan--1", (30, 60, 160))):
        rgba = np.dstack([np.full((120, 120, 3), colour, np.uint8), alpha])
        Image.fromarray(rgba, "RGBA").save(folder / f"{name}.webp", lossless=True)
    return folder


def test_what_was_measured_once_is_not_measured_again(tmp_path):
    cases = composite_cases([folder_of_sprites(tmp_path)], 40)[:2]
    steps: list[int] = []
    first = results(cases, "classical", lambda: steps.append(1), folder=tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    lines = kept.read_text()
    again = results(cases, "classical", lambda: steps.append(1), folder=tmp_path / "cache")
    assert again == first
    assert kept.read_text() == lines
    assert len(steps) == 4
    assert [result.name for result in first] == [case.name for case in cases]
    # Discs on white paper: nothing is easier.
    assert all(result.scores.iou >= RIGHT for result in first if result.scores)


def test_a_negative_is_never_right(tmp_path):
    cases = composite_cases([folder_of_sprites(tmp_path)], 40)
    negatives = [case for case in cases if case.group.startswith("negative")]
    assert len(negatives) == 4
    (found,) = results(negatives[:1], "classical", lambda: None, folder=tmp_path / "cache")
    assert found.negative
    assert not found.right
    assert not replace(found, scores=None).right


def test_photos_whose_mattes_are_no_truth_are_left_out(tmp_path):
    (tmp_path / "manifest.csv").write_text(
        "file,matte,gt_type\nphotos/a.jpg,mattes/a.png,measured\nphotos/b.jpg,mattes/b.png,algorithm-made\n"
        "photos/c.jpg,,\nphotos/d.jpg,mattes/d.png,unknown-binary\n"
    )
    assert [case.name for case in photo_cases(tmp_path)] == ["a"]
