"""The witness that reads: text drawn here, intact, changed, and too small to be read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from resources.quality import printed_text
from resources.quality.fidelity import judge
from resources.quality.printed_text import PrintedText, text_distance
from resources.quality.registration import Registration
from resources.quality.witness import Sight
from resources.verdicts import Verdict
from tests.resources.printed_box import in_scene

U8 = NDArray[np.uint8]
LINES = ("MOUNTAIN TEA", "Organic mint", "best before 2027", "Net 250 g")
FONT = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
PAD = 40


def label(lines: Sequence[str] = LINES, size: int = 40) -> tuple[U8, U8]:
    """A photo (rgb) of a pale box with these lines, and its matte; 400x360, 40 pixels off the borders."""
    box = Image.new("RGB", (400, 360), (236, 226, 205))
    draw = ImageDraw.Draw(box)
    for row, line in enumerate(lines):
        draw.text((24, 24 + 80 * row), line, font=ImageFont.truetype(FONT, size), fill=(40, 52, 70))
    photo = np.full((360 + 2 * PAD, 400 + 2 * PAD, 3), 200, np.uint8)
    matte = np.zeros(photo.shape[:2], np.uint8)
    photo[PAD:-PAD, PAD:-PAD] = np.asarray(box)
    matte[PAD:-PAD, PAD:-PAD] = 255
    return photo, matte


PHOTO, MATTE = label()


def shown(product: U8, scale: float = 1.0, off: tuple[float, float] = (0, 0), grown: float = 1.0) -> Sight:
    """A final picture with this product at (60, 60), found `off` by pixels and by a factor."""
    final = in_scene(product, MATTE, scale, 60, 60, side=round(60 + 500 * scale))
    k = scale * grown
    middle = np.array([PHOTO.shape[1], PHOTO.shape[0]]) / 2 * (scale - k)
    place = np.array([60, 60]) + 0.5 * scale - 0.5 + middle + off
    matrix = np.array([[k, 0, place[0]], [0, k, place[1]]])
    return Sight(PHOTO, MATTE, final, Registration(matrix, "features", 0.99, 100))


@pytest.fixture(scope="module")
def reader() -> PrintedText:
    return PrintedText()


def said(reader: PrintedText, sight: Sight) -> tuple[float, str]:
    """The distance and what it brings about: accepted, review, rejected."""
    [finding] = reader.look(sight)
    assert finding.measure.name == "text_distance"
    return finding.measure.value, "accepted" if finding.measure.passed else finding.consequence


def test_the_photos_lines_are_read_where_they_are(reader: PrintedText) -> None:
    lines = reader.lines(PHOTO, MATTE)
    assert {line.text.replace(" ", "") for line in lines} == {line.replace(" ", "") for line in LINES}
    [mint] = [line for line in lines if "mint" in line.text]
    left, top = mint.corners.min(axis=0)
    right, bottom = mint.corners.max(axis=0)
    assert PAD + 10 < left < PAD + 30
    assert PAD + 95 < top < PAD + 115
    assert right > PAD + 250
    assert bottom < PAD + 165
    assert mint.score > 0.9


@pytest.mark.parametrize("scale", [0.45, 0.8, 1.0, 1.7])
@pytest.mark.parametrize(("off", "grown"), [((0, 0), 1.0), ((2, -1.5), 1.0), ((-1, 1), 1.01)])
def test_intact_text_is_accepted(reader: PrintedText, scale: float, off: tuple[float, float], grown: float) -> None:
    assert said(reader, shown(PHOTO, scale, off, grown)) == (0.0, "accepted")


def without(line: int) -> U8:
    """The box with a line painted over."""
    photo = PHOTO.copy()
    top = PAD + 80 * line
    photo[top + 10 : top + 78, PAD:-PAD] = PHOTO[PAD + 5, PAD + 5]
    return photo


def turned_over(line: int) -> U8:
    """The box with a line mirrored in its place."""
    photo = PHOTO.copy()
    part = np.s_[PAD + 80 * line + 20 : PAD + 80 * line + 76, PAD + 20 : -PAD]
    photo[part] = photo[part][:, ::-1]
    return photo


def melted(line: int) -> U8:
    """The box with a line's letters bent out of shape, as a generator leaves them."""
    rng = np.random.default_rng(3)
    ys, xs = np.mgrid[: PHOTO.shape[0], : PHOTO.shape[1]].astype(np.float32)
    part = np.zeros(PHOTO.shape[:2], np.float32)
    part[PAD + 80 * line + 20 : PAD + 80 * line + 76] = 1
    for grid in (xs, ys):
        noise = cv2.GaussianBlur(rng.normal(0, 1, grid.shape).astype(np.float32), (0, 0), 6)
        grid += part * noise / noise.std() * 8
    return cv2.remap(PHOTO, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize(
    "changed",
    [
        label(("MOUNTAIN TEA", "Roasted nuts", *LINES[2:]))[0],
        label(("MNUOATIN TEA", *LINES[1:]))[0],
        without(1),
        turned_over(0),
        melted(2),
    ],
    ids=["other words", "letters swapped", "erased", "mirrored", "melted"],
)
@pytest.mark.parametrize("scale", [0.6, 1.2])
def test_changed_text_is_rejected(reader: PrintedText, changed: U8, scale: float) -> None:
    distance, verdict = said(reader, shown(changed, scale))
    assert verdict == "rejected"
    assert distance > 0.2


@pytest.mark.parametrize("line", ["Net 260 g", "Net 25 g", "Pet 250 g"])
def test_a_single_changed_character_is_not_accepted(reader: PrintedText, line: str) -> None:
    distance, verdict = said(reader, shown(label((*LINES[:3], line))[0], 0.9))
    assert verdict == "review"
    assert distance == pytest.approx(1 / 7, abs=0.01)


def test_of_much_small_print_only_the_largest_lines_are_read(reader: PrintedText) -> None:
    box = Image.new("RGB", (900, 900), (240, 240, 240))
    draw = ImageDraw.Draw(box)
    for row in range(34):
        font = ImageFont.truetype(FONT, 22 if row == 30 else 16)
        for left in (20, 460):
            draw.text((left, 10 + 26 * row), f"small print {row + left}", font=font, fill=(20, 20, 20))
    lines = reader.lines(np.asarray(box), np.full((900, 900), 255, np.uint8))
    assert len(lines) == 24
    assert {line.text for line in lines[:2]} == {"small print 50", "small print 490"}


@pytest.mark.parametrize("turns", [1, 3], ids=["upwards", "downwards"])
def test_text_that_runs_along_the_side_is_read(reader: PrintedText, turns: int) -> None:
    photo, matte = (np.ascontiguousarray(np.rot90(picture, turns)) for picture in label(LINES[:2]))
    assert sorted(line.text for line in reader.lines(photo, matte)) == sorted(LINES[:2])
    final = np.ascontiguousarray(np.rot90(label((LINES[0], "Roasted nuts"))[0], turns))
    straight = Registration(np.eye(2, 3), "features", 0.99, 100)
    assert said(reader, Sight(photo, matte, photo, straight)) == (0.0, "accepted")
    assert said(reader, Sight(photo, matte, final, straight))[1] == "rejected"


def test_text_too_small_to_be_read_says_nothing(reader: PrintedText) -> None:
    assert reader.look(shown(PHOTO, 0.12)) == []
    assert reader.look(shown(without(1), 0.12)) == []


def test_what_lies_outside_the_final_says_nothing(reader: PrintedText) -> None:
    assert reader.look(shown(PHOTO, off=(-400, 0))) == []


def test_only_text_on_the_product_counts(reader: PrintedText) -> None:
    plain, matte = label(())
    assert reader.lines(plain, matte) == ()
    assert reader.look(Sight(plain, matte, PHOTO, shown(PHOTO).found)) == []
    matte = matte.copy()
    matte[: PAD + 175] = 0
    assert sorted(line.text for line in reader.lines(PHOTO, matte)) == sorted(LINES[2:])
    assert reader.lines(PHOTO, np.zeros_like(matte)) == ()


def test_a_photo_is_read_once_for_all_threads(reader: PrintedText, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    really = printed_text._read_product

    def counted(*args: Any) -> Any:
        read.append(1)
        return really(*args)

    monkeypatch.setattr(printed_text, "_read_product", counted)
    sights = [shown(PHOTO), shown(without(1)), shown(PHOTO, 0.7), shown(turned_over(0))]
    alone = [reader.look(sight) for sight in sights]
    read.clear()
    another = PrintedText()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(another.look, sights))
    assert len(read) == 1
    assert together == alone
    another.lines(PHOTO, label(())[1] // 2)  # another matte is another product
    assert len(read) == 2


def test_nothing_is_downloaded_written_or_printed() -> None:
    """Loading the nets and reading opens no socket, writes no file, says nothing."""
    script = """
import sys, os
import numpy as np
from resources.quality.printed_text import PrintedText
from tests.resources.test_printed_text import PHOTO, MATTE
sys.dont_write_bytecode = True
def watch(event, args):
    if event.startswith(("socket.connect", "socket.send", "socket.get", "urllib.", "os.mkdir", "os.rename")):
        sys.stdout.write(f"{event} {args}\\n")
    if event == "open" and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        sys.stdout.write(f"{event} {args}\\n")
sys.addaudithook(watch)
assert len(PrintedText().lines(PHOTO, MATTE)) == 4
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("Tea 40 g", "Tea40g", 0.0),
        ("\uff34ea", "Tea", 0.0),
        ("Cafe\u0301", "Café", 0.0),
        ("", "", 0.0),
        ("tea", "", 1.0),
        ("abcd", "abxd", 0.25),
        ("abcd", "acd", 0.25),
        ("kitten", "sitting", 3 / 7),
        ("250 g", "25O g", 0.5 / 4),
        ("Crème", "CREME", 4 * 0.5 / 5),
        ("1.5 kg", "15 kg", 0.5 / 5),
        ("a line of many letters", "a line of many lettors", 1 / 12),
        ("abcdefghijklmnop", "qrstuvwxyzqrstuv", 1.0),
    ],
)
def test_the_distance_of_two_lines(one: str, other: str, distance: float) -> None:
    assert text_distance(one, other) == pytest.approx(distance)
    assert text_distance(other, one) == pytest.approx(distance)


@pytest.mark.parametrize("limits", [(0.3, 0.2), (-0.1, 0.2), (0.1, 1.2), (float("nan"), 0.2)])
def test_limits_that_make_no_sense(limits: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="text distances"):
        PrintedText(*limits)


def test_another_revision_with_other_limits() -> None:
    assert PrintedText().revision == PrintedText().revision
    assert len({PrintedText().revision, PrintedText(0.05).revision, PrintedText(reject=0.5).revision}) == 3


def test_the_judge_hears_it(reader: PrintedText) -> None:
    """A single changed word on a box: found by the witness on a picture that the judge has to find the box in."""

    def verdict(product: U8) -> Verdict:
        return judge(PHOTO, MATTE, shown(product, 1.1).final, placement=None, witnesses=(reader,))

    honest = verdict(PHOTO)
    assert honest.accepted
    assert [m.value for m in honest.measures if m.name == "text_distance"] == [0.0]
    changed = verdict(label(("MOUNTAIN TEA", "Organic tint", *LINES[2:]))[0])
    assert not changed.accepted
    assert not next(m.passed for m in changed.measures if m.name == "text_distance")
