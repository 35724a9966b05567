"""The journal of orders: what it keeps, for how long, and what it makes of damage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from resources.scenes.cloud.journal import FOLDER, Entry, Journal
from resources.store import LocalStore, StoreError, open_store
from tests.cloud_shop import Clock
from tests.conftest import S3Server

DAY = 86_400.0
KEY = "ab" * 32


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Journal:
    return Journal(LocalStore(tmp_path), clock)


def keys(folder: Path) -> list[str]:
    return [entry.key for entry in LocalStore(folder).list(FOLDER)]


def intended(journal: Journal, key: str = KEY) -> Entry:
    """A new order that nobody else has made."""
    entry = journal.intend("p", key)
    assert entry is not None
    return entry


def test_an_order_from_intent_to_picture(journal: Journal, clock: Clock) -> None:
    assert journal.read("p", KEY) is None
    entry = intended(journal)
    assert journal.read("p", KEY) == entry == Entry("intent", clock.at, owner=entry.owner)
    assert journal.intend("p", KEY) is None, "somebody else was first"
    assert journal.read("p", KEY) == entry
    entry = replace(entry, state="submitted", request_id="r-1")
    journal.write("p", KEY, entry)
    journal.fetched("p", KEY, entry, b"picture", 0.05)
    found = journal.read("p", KEY)
    assert found is not None
    assert (found.state, found.request_id, found.told) == ("fetched", "r-1", 0.05)
    assert journal.picture("p", KEY, found) == b"picture"
    assert journal.read("other", KEY) is None


def test_a_picture_without_its_note_counts_as_fetched(journal: Journal, tmp_path: Path) -> None:
    entry = intended(journal)
    LocalStore(tmp_path).write(f"{FOLDER}/p/{KEY}.picture", b"picture")
    found = journal.read("p", KEY)
    assert found is not None
    assert (found.state, found.at) == ("fetched", entry.at)
    assert journal.picture("p", KEY, found) == b"picture"


def test_a_changed_picture_is_none(journal: Journal, tmp_path: Path) -> None:
    journal.fetched("p", KEY, intended(journal), b"picture", 0)
    found = journal.read("p", KEY)
    assert found is not None
    LocalStore(tmp_path).write(f"{FOLDER}/p/{KEY}.picture", b"another")
    assert journal.picture("p", KEY, found) is None
    LocalStore(tmp_path).delete(f"{FOLDER}/p/{KEY}.picture")
    assert journal.picture("p", KEY, found) is None


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": 1, "state": "paid", "at": 1}',
        b'{"format": 2, "state": "intent", "at": 1}',
        b'{"format": 1, "state": "intent"}',
        b'{"format": 1, "state": "intent", "at": "then"}',
        b'{"format": 1, "state": "intent", "at": 1, "more": 2}',
        b'{"format": 1, "state": "submitted", "at": 1, "request_id": ["r"]}',
    ],
)
def test_damage_is_an_error_never_a_free_order(journal: Journal, tmp_path: Path, damage: bytes) -> None:
    journal.intend("p", KEY)
    LocalStore(tmp_path).write(f"{FOLDER}/p/{KEY}.json", damage)
    with pytest.raises(StoreError) as caught:
        journal.read("p", KEY)
    assert caught.value.code == "broken_record"


def test_what_is_forgotten_leaves_nothing(journal: Journal, tmp_path: Path) -> None:
    journal.fetched("p", KEY, intended(journal), b"picture", 0)
    journal.forget("p", KEY)
    journal.forget("p", KEY)
    assert [key for key in keys(tmp_path) if "_days" not in key] == []


def test_old_orders_go_with_their_pictures(journal: Journal, clock: Clock, tmp_path: Path) -> None:
    old, sent_again, damaged, young = (digit * 64 for digit in "abcd")
    for key in (old, sent_again, damaged):
        journal.fetched("p", key, intended(journal, key), b"picture", 0)
    LocalStore(tmp_path).write(f"{FOLDER}/p/{damaged}.json", b"?")
    clock.at += 6 * DAY
    assert journal.prune() == 0
    clock.at += 2 * DAY
    journal.forget("p", sent_again)
    journal.intend("p", sent_again)
    journal.intend("p", young)
    assert journal.prune() == 2
    left = [key.rsplit("/", 1)[1] for key in keys(tmp_path) if "_days" not in key]
    assert left == [f"{sent_again}.json", f"{young}.json"]
    clock.at += 9 * DAY
    assert journal.prune() == 2
    assert keys(tmp_path) == []


def test_strange_files_among_the_days_are_left_alone(journal: Journal, clock: Clock, tmp_path: Path) -> None:
    journal.intend("p", KEY)
    LocalStore(tmp_path).write(f"{FOLDER}/_days/notes.txt", b"mine")
    clock.at += 30 * DAY
    assert journal.prune() == 1
    assert keys(tmp_path) == [f"{FOLDER}/_days/notes.txt"]


def test_in_a_bucket_it_is_the_same(s3_server: S3Server, clock: Clock) -> None:
    store = open_store(f"s3://{s3_server.new_bucket()}/shop", s3_server.client)
    journal = Journal(store, clock)
    journal.fetched("p", KEY, intended(journal), b"picture", 0.05)
    found = journal.read("p", KEY)
    assert found is not None
    assert journal.picture("p", KEY, found) == b"picture"
    assert journal.prune() == 0
    clock.at += 9 * DAY
    assert journal.prune() == 1
    assert list(store.list(FOLDER)) == []
