"""Whatever files are called, every product has a name that is safe, and one of its own."""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resources.names import clean_text, display, same_but_case, sku_name
from resources.store import LocalStore
from resources.uploads import UploadIndex, scan_uploads
from tests.hostile.fixed import fixed, letters, words
from tests.hostile.shop import controls
from tests.pictures import jpeg_bytes, product_photo

KEY = re.compile(r"(?!.*\.\.\.)[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
# NUL and the slash are all that a file system refuses.
file_names = words.map(lambda name: name.replace("/", "\u2215").replace("\0", "\u2400"))


@fixed(600)
@given(words | letters | letters.map(lambda name: name * 1000))
@example("\u212a")  # the sign Kelvin, which case folding makes a k
@example("a" * 64 + "\n")
def test_a_key_is_always_valid_and_its_own_key(name: str) -> None:
    found = sku_name(name)
    assert KEY.fullmatch(found.key)
    assert not found.key.endswith(".")
    assert sku_name(found.key).key == found.key
    assert 1 <= len(found.title) <= 200
    assert controls(found.title.replace("\n", "\0")) == []
    assert clean_text(found.title) == found.title


@fixed(400)
@given(words, words)
def test_names_that_differ_have_keys_that_differ(one: str, other: str) -> None:
    same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    assert (sku_name(one).key == sku_name(other).key) == same


@fixed(300)
@given(words | letters)
def test_what_is_shown_is_one_clean_line(text: str) -> None:
    shown = display(text)
    assert controls(shown.replace("\n", "\0")) == []
    assert display(shown) == shown
    shown.encode("utf-8")


@pytest.fixture(scope="module")
def photo() -> bytes:
    return jpeg_bytes(product_photo((64, 64)))


def scanned(names: list[tuple[str, str]], photo: bytes) -> tuple[UploadIndex, int]:
    """The upload folder with a photo under each of these folders and names, and how many could be written."""
    with tempfile.TemporaryDirectory() as folder:
        for sku, view in names:
            # 80 characters take at most 240 bytes, with their extension fewer than a file system allows.
            path = Path(folder, "uploads", f"n{sku[:79]}" if sku in ("", ".", "..") else sku[:80], f"{view[:60]}.jpg")
            raw = os.fsencode(folder) + str(path).removeprefix(folder).encode("utf-8", "surrogatepass")
            Path(os.fsdecode(raw)).parent.mkdir(parents=True, exist_ok=True)
            Path(os.fsdecode(raw)).write_bytes(photo)
        written = sum(1 for path in Path(folder).rglob("*.jpg") if not _hidden(path.relative_to(folder)))
        return scan_uploads(LocalStore(folder)), written


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") and not part.startswith("..") for part in path.parts)


@fixed(120)
@given(names=st.lists(st.tuples(file_names, file_names), max_size=6), twins=st.booleans())
def test_every_upload_is_a_view_or_told(names: list[tuple[str, str]], twins: bool, photo: bytes) -> None:
    if twins:  # names that were made to take another one's place
        others = [(sku_name(sku).key, view) for sku, view in names]
        others += [(sku.swapcase(), view.swapcase()) for sku, view in names]
        names = [*names, *others, *[(unicodedata.normalize("NFD", sku), view) for sku, view in names]]
    index, written = scanned(names, photo)
    taken = 0
    for sku, upload in index.skus.items():
        assert KEY.fullmatch(sku)
        assert len({same_but_case(view.view) for view in upload.views}) == len(upload.views)
        for view in upload.views:
            assert KEY.fullmatch(view.view)
            assert controls(view.title + view.token) == []
            view.key.encode("utf-8")
            taken += len(view.token.split(".jpg ")) - 1 if view.problem else 1
        for problem in [*upload.problems, *(view.problem for view in upload.views if view.problem)]:
            assert controls(problem.message + problem.hint) == []
    assert len({same_but_case(sku) for sku in index.skus}) == len(index.skus)
    assert taken >= min(written, 1)
    assert all(controls(note.message + note.path) == [] for note in index.notes)
