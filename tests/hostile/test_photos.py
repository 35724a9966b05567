"""Real pictures with edits, and files that unfold: a photo or a reason, within bounds, never an exception."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import fuzz_ingest
from benchmarks.fuzz_ingest import SIZE, Edit, edited, photos
from resources.imaging.decode import Photo, decode_photo, read_header
from resources.matting.given import read_matte
from resources.verdicts import Rejection
from tests.hostile.bombs import BOMBS
from tests.hostile.fixed import edits, fixed

# Pillow warns of tags that it leaves out.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

CODES = {
    *("empty_file", "not_an_image", "unsupported_format", "truncated", "pixel_limit_exceeded", "extreme_aspect_ratio"),
    *("too_small", "no_visible_content"),
}

files = st.builds(
    lambda photo, changes, mended: edited(photo[1], changes, mended=mended),
    st.sampled_from(photos()),
    edits,
    st.booleans(),
)


def test_the_pictures_are_photos_before_they_are_edited() -> None:
    for name, data in photos():
        found = decode_photo(data)
        assert isinstance(found, Photo), (name, found)
        assert found.rgb.shape[:2] in (SIZE, SIZE[::-1])
        assert found.format.lower() == name


@fixed(600)
@given(files)
def test_an_edited_file_is_a_photo_or_refused(data: bytes) -> None:
    found = decode_photo(data)
    if isinstance(found, Photo):
        assert found.rgb.dtype == np.uint8
        assert found.rgb.shape[2:] == (3,)
        assert found.alpha is None or found.alpha.shape == found.rgb.shape[:2]
        assert not isinstance(read_header(data), Rejection)
    else:
        assert found.code in CODES
        assert found.message
        assert len(found.message) < 1000


@fixed(150)
@given(files)
def test_an_edited_file_is_a_matte_or_refused(data: bytes) -> None:
    found = read_matte(data, (SIZE[1], SIZE[0]))
    if isinstance(found, Rejection):
        assert found.code == "bad_matte"
        assert len(found.message) < 1000
    else:
        assert (found.shape, found.dtype) == ((SIZE[1], SIZE[0]), np.uint8)


@fixed(150)
@given(st.binary(max_size=400), st.sampled_from(photos()), st.integers(0, 64))
def test_any_bytes_behind_the_start_of_a_picture_are_refused(data: bytes, photo: tuple[str, bytes], kept: int) -> None:
    assert isinstance(decode_photo(photo[1][:kept] + data), Rejection)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.bombs"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {found["name"]: found for found in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", BOMBS)
def test_a_file_that_unfolds_takes_neither_memory_nor_time(outcomes: dict[str, dict[str, object]], name: str) -> None:
    found = outcomes[name]
    assert found["outcome"] in BOMBS[name][1]
    assert float(str(found["seconds"])) < 8


def test_the_long_fuzz_runs_and_counts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert fuzz_ingest.main(["--count", "30", "--seed", "3", "--keep", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "0 undocumented outcomes" in said
    assert len(list(tmp_path.iterdir())) == 30


def test_the_fuzz_finds_what_raises_and_what_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(rng: np.random.Generator) -> fuzz_ingest.Outcome:
        if rng.random() < 0.5:
            raise KeyError("unexpected")
        sys.stdout.flush()
        import os

        os._exit(7)

    monkeypatch.setitem(fuzz_ingest.READERS, "photo", (broken, 1.0))
    found = list(fuzz_ingest.fuzz(1, range(6), only="photo"))
    assert [one.number for one in found] == list(range(6))
    assert {one.outcome for one in found} == {"KeyError", "died with status 7"}
    assert all(one.trouble for one in found)


def test_an_edit_does_what_it_is_called() -> None:
    data = bytes(range(10))
    assert edited(data, [Edit("set", 0.5, 0, b"ab")]) == b"\0\1\2\3\4ab\7\10\11"
    assert edited(data, [Edit("cut", 0.5, 2)]) == b"\0\1\2\3\4\7\10\11"
    assert edited(data, [Edit("end", 0.5)]) == b"\0\1\2\3\4"
    assert edited(data, [Edit("move", 0.5, 2)]) == b"\0\1\2\3\4\7\10\11\5\6"
