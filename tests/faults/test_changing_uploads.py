"""Photos that are still being written, overwritten in place or removed while a batch takes them in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from catalog_assets.line import LineReport, run_line
from catalog_assets.quarantine import quarantined
from catalog_assets.records import product_shelf
from resources.store import LocalStore
from tests.catalog_assets.test_two_at_once import interrupted
from tests.catalogs import make_catalog, open_context, photo_bytes, product_of
from tests.faults.shop import assert_for_a_clerk, assert_nothing_torn, context_over

MUG = "uploads/mug.jpg"
WHOLE = photo_bytes(7)


class Busy(LocalStore):
    """A folder in which something happens to the mug's photo just before it is read, and just after."""

    def __init__(
        self, root: Path, before: Callable[[Path], object], after: Callable[[Path], object] = lambda path: None
    ) -> None:
        super().__init__(root)
        self._before, self._after = before, after

    def read(self, key: str) -> bytes:
        if key != MUG:
            return super().read(key)
        self._before(Path(self.root) / key)
        try:
            return super().read(key)
        finally:
            self._after(Path(self.root) / key)


def shop(root: Path, mug: bytes = WHOLE) -> Path:
    make_catalog(root, good=["cup"])
    (root / MUG).write_bytes(mug)
    return root


def run(store: LocalStore) -> LineReport:
    report = run_line(product_of(context_over(store)), ["cup", "mug"], threads=1)
    assert_nothing_torn(store)
    assert product_shelf(store, "cutout", "cup").records()
    return report


def assert_taken_in(store: LocalStore, photo: bytes = WHOLE) -> None:
    """The photo, the very bytes, and everything after it."""
    [record] = product_shelf(store, "raw_photo", "mug").records()
    assert store.read(record.files["photo"].key) == photo
    [cutout] = product_shelf(store, "cutout", "mug").records()
    assert cutout.inputs["photo"] == record.files["photo"].sha256
    assert quarantined(store) == []


def test_an_upload_that_is_finished_while_the_batch_works_is_taken_in_whole(tmp_path: Path) -> None:
    root = shop(tmp_path, WHOLE[: len(WHOLE) // 2])
    line = interrupted(product_of(open_context(root)), "raw_photo", lambda: (root / MUG).write_bytes(WHOLE))
    report = run_line(line, ["mug", "cup"], threads=1)
    assert report.statuses == {"made": 2}
    assert_taken_in(LocalStore(root))


def test_an_upload_that_is_half_written_for_longer_is_refused_and_taken_in_when_it_is_whole(tmp_path: Path) -> None:
    root = shop(tmp_path, WHOLE[: len(WHOLE) // 2])
    report = run(LocalStore(root))
    assert report.statuses == {"made": 1, "rejected": 1}
    assert report.rejections["mug"].code == "truncated"
    (root / MUG).write_bytes(WHOLE)
    assert run(LocalStore(root)).statuses == {"made": 1, "up_to_date": 1}
    assert_taken_in(LocalStore(root))


def test_an_upload_that_grows_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    pieces = [WHOLE[:5000], WHOLE]
    store = Busy(shop(tmp_path, b""), lambda path: path.write_bytes(pieces.pop(0)) if pieces else None)
    report = run(store)
    assert report.statuses == {"made": 2}
    assert_taken_in(store)


def test_an_upload_that_never_stops_growing_is_left_for_another_run(tmp_path: Path) -> None:
    root = shop(tmp_path, WHOLE[:100])
    report = run(Busy(root, lambda path: path.write_bytes(path.read_bytes() + b"more")))
    assert report.statuses == {"made": 1, "rejected": 1}
    assert_for_a_clerk(report.rejections["mug"], "upload_changed", MUG, "while it was taken in")
    (root / MUG).write_bytes(WHOLE)
    assert run(LocalStore(root)).statuses == {"made": 1, "up_to_date": 1}
    assert_taken_in(LocalStore(root))


def test_an_upload_that_is_overwritten_in_place_is_never_taken_in_half_new(tmp_path: Path) -> None:
    """The same size, so that only its date tells: what was read in between is a mixture of two photos."""
    size = max(len(WHOLE), len(photo_bytes(8)))
    old, new = (photo.ljust(size, b"\0") for photo in (photo_bytes(8), WHOLE))
    root = shop(tmp_path, old)
    store = Busy(
        root,
        lambda path: path.write_bytes(new[: size // 2] + old[size // 2 :]),
        lambda path: path.write_bytes(new),
    )
    run(store)
    assert run(LocalStore(root)).statuses["up_to_date"] >= 1
    assert_taken_in(LocalStore(root), new)


def test_a_photo_that_is_removed_in_mid_batch_costs_its_neighbours_nothing(tmp_path: Path) -> None:
    root = shop(tmp_path)
    report = run(Busy(root, lambda path: path.unlink(missing_ok=True)))
    assert report.statuses == {"made": 1, "rejected": 1}
    assert report.rejections["mug"].code == "no_upload"
    (root / MUG).write_bytes(WHOLE)
    assert run(LocalStore(root)).statuses == {"made": 1, "up_to_date": 1}
    assert_taken_in(LocalStore(root))
