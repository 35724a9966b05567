"""What the watch over uploads makes of two listings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resources.store import open_store
from resources.uploads import scan_uploads
from sensors.uploads import MEMORY
from sensors.uploads import look as look_at
from sensors.watch import Changes, Seen, forget_older, load_seen, save_seen
from tests.catalogs import make_catalog


def look(root: Path, seen: Seen, *, wait: bool = True, limit: int = 100) -> Changes:
    return look_at(scan_uploads(open_store(str(root)), seen.sniffed), seen, wait_for_stability=wait, limit=limit)


def settled(root: Path) -> Seen:
    return look(root, look(root, Seen()).seen).seen


def test_a_new_file_is_taken_when_two_looks_agree(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    first = look(tmp_path, Seen())
    assert (first.changed, first.waiting) == ((), 1)
    second = look(tmp_path, first.seen)
    assert (second.changed, second.waiting) == (("a",), 0)
    assert look(tmp_path, second.seen).changed == ()


def test_a_growing_file_is_left_until_it_is_stable(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    photo = tmp_path / "uploads" / "a.jpg"
    whole = photo.read_bytes()
    seen = Seen()
    for length in (1000, 2000, 3000):
        photo.write_bytes(whole[:length])
        changes = look(tmp_path, seen)
        assert changes.changed == ()
        seen = changes.seen
    photo.write_bytes(whole)
    changes = look(tmp_path, seen)
    assert changes.changed == ()
    assert look(tmp_path, changes.seen).changed == ("a",)


def test_an_object_store_shows_whole_files_at_once(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    assert look(tmp_path, Seen(), wait=False).changed == ("a",)


def test_changed_and_new_views_are_noticed(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a", "b"])
    seen = settled(tmp_path)
    os.utime(tmp_path / "uploads" / "a.jpg", (1, 1))
    (tmp_path / "uploads" / "b").mkdir()
    (tmp_path / "uploads" / "b" / "back.jpg").write_bytes(b"\xff\xd8\xff more")
    assert look(tmp_path, look(tmp_path, seen).seen).changed == ("a", "b")


def test_a_removed_upload_is_gone_once(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a", "b"])
    seen = settled(tmp_path)
    (tmp_path / "uploads" / "a.jpg").unlink()
    changes = look(tmp_path, seen)
    assert changes.gone == ("a",)
    assert look(tmp_path, changes.seen).gone == ()


def test_a_vanished_folder_retires_nobody(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=[f"s{number}" for number in range(20)])
    seen = settled(tmp_path)
    (tmp_path / "uploads").rename(tmp_path / "elsewhere")
    changes = look(tmp_path, seen)
    assert changes.gone == ()
    assert "20 of 20 SKUs" in changes.alarm
    (tmp_path / "elsewhere").rename(tmp_path / "uploads")
    assert look(tmp_path, changes.seen).changed == ()


def test_no_more_than_the_limit_at_a_time_and_the_rest_later(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    names = [f"s{number:04d}" for number in range(5000)]
    for name in names:
        (tmp_path / "uploads" / f"{name}.jpg").write_bytes(b"\xff\xd8\xff")
    seen = look(tmp_path, Seen(), limit=2000).seen
    taken: list[str] = []
    for expected in (2000, 2000, 1000, 0):
        changes = look(tmp_path, seen, limit=2000)
        assert len(changes.changed) == expected
        taken += changes.changed
        seen = changes.seen
    assert taken == names


def test_what_was_seen_survives_in_the_store(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    store = open_store(str(tmp_path))
    seen = settled(tmp_path)
    cursor = save_seen(store, MEMORY, seen)
    assert load_seen(store, MEMORY, cursor) == seen
    other = save_seen(store, MEMORY, Seen())
    forget_older(store, MEMORY, cursor)
    assert load_seen(store, MEMORY, cursor) == seen
    assert load_seen(store, MEMORY, other) == Seen()
    assert not store.exists(f"state/uploads/{other}.json")


@pytest.mark.parametrize("cursor", ["../../etc/passwd", "a/b", "x.json"])
def test_a_strange_cursor_leads_nowhere(tmp_path: Path, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        load_seen(open_store(str(tmp_path)), MEMORY, cursor)


def test_a_failed_tick_loses_nothing(tmp_path: Path) -> None:
    """The cursor of a failed tick is not kept, so the same changes are found again."""
    make_catalog(tmp_path, good=["a"])
    store = open_store(str(tmp_path))
    before = save_seen(store, MEMORY, look(tmp_path, Seen()).seen)
    changes = look(tmp_path, load_seen(store, MEMORY, before))
    after = save_seen(store, MEMORY, changes.seen)
    forget_older(store, MEMORY, after, before)
    assert look(tmp_path, load_seen(store, MEMORY, before)).changed == changes.changed == ("a",)
