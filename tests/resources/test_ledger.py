"""The ledger: lines are added and never lost or changed; damaged files are named and cost nothing else."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from resources.ledger import FOLDER, Damaged, Ledger, LedgerEntry, Prices, new_id, read_ledger, verdict_line
from resources.store import LocalStore, StoreError


def line(sku: str = "mug", **columns: Any) -> LedgerEntry:
    usual: dict[str, Any] = {"id": new_id(), "campaign": "winter", "stage": "scene_variants", "status": "made"}
    return LedgerEntry(sku=sku, **{**usual, **columns})


def keys(store: LocalStore) -> list[str]:
    return [entry.key for entry in store.list(FOLDER)]


class Full(LocalStore):
    """A local store on a disk that is full when a test says so."""

    full = False

    def write(self, key: str, data: bytes, content_type: str | None = None, cache_control: str | None = None) -> None:
        if self.full:
            raise StoreError("disk_full", "The disk is full.")
        super().write(key, data, content_type, cache_control)


def test_noted_lines_are_there_once_their_sku_is_flushed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    ledger = Ledger(store, "run1")
    wanted = line(name="main.kitchen.c1", engine="flux", revision="3", device="cuda", seconds=2.5, usd=0.04, paid=True)
    ledger.note(wanted)
    ledger.note(line(status="failed", code="timed_out", reason="no answer\nin 60 s"))
    ledger.note(line("cup"))
    assert keys(store) == []
    ledger.flush("mug")
    first, second = sorted(read_ledger(store), key=lambda entry: entry.status, reverse=True)
    assert (first.id, first.name, first.seconds, first.usd, first.paid) == (wanted.id, wanted.name, 2.5, 0.04, True)
    assert second.reason == "no answer in 60 s"
    assert first.run.startswith("run1-")
    (key,) = keys(store)
    assert key.startswith(f"{FOLDER}/winter/{first.month}/mug.run1-")
    ledger.flush("mug")
    assert keys(store) == [key]
    ledger.close()
    assert {entry.sku for entry in read_ledger(store)} == {"mug", "cup"}


def test_a_line_that_is_written_at_once_needs_no_flush(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    Ledger(store, "run").write(line(status="intended", usd=0.04))
    (found,) = read_ledger(store)
    assert (found.status, found.usd) == ("intended", 0.04)


def test_threads_and_runs_of_one_name_never_write_over_each_other(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    ledgers = [Ledger(store, "run") for _ in range(3)]

    def work(number: int) -> None:
        ledger = ledgers[number % 3]
        for _ in range(10):
            ledger.write(line("mug"))
            ledger.note(line("mug"))
        ledger.flush("mug")

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))
    assert len({entry.id for entry in read_ledger(store)}) == 240


def test_campaigns_and_months_have_folders_of_their_own(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    ledger = Ledger(store, "run")
    for campaign in ("winter", "product"):
        for at in ("2026-01-31T23:59:59+00:00", "2026-02-01T00:00:00+00:00"):
            ledger.note(line(campaign=campaign, at=at))
    ledger.flush("mug")
    folders = {key.removeprefix(f"{FOLDER}/").rsplit("/", 1)[0] for key in keys(store)}
    assert folders == {"product/2026-01", "product/2026-02", "winter/2026-01", "winter/2026-02"}
    assert len(list(read_ledger(store))) == 4


def test_what_a_full_disk_did_not_take_is_kept_for_the_next_flush(tmp_path: Path) -> None:
    store = Full(tmp_path)
    ledger = Ledger(store, "run")
    ids = {new_id() for _ in range(4)}
    for number, one in enumerate(sorted(ids)):
        ledger.note(line(id=one, campaign=f"c{number % 2}"))
    store.full = True
    with pytest.raises(StoreError):
        ledger.flush("mug")
    store.full = False
    ledger.flush("mug")
    assert sorted(entry.id for entry in read_ledger(store)) == sorted(ids)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80",
        b"[1, 2]",
        b'{"format": 9, "entries": []}',
        b'{"format": 1, "entries": {}}',
        b'{"format": 1, "entries": [7, null, {"id": "x"}]}',
        b"[" * 100_000,
    ],
)
def test_damaged_files_are_named_and_the_rest_is_read(tmp_path: Path, content: bytes) -> None:
    store = LocalStore(tmp_path)
    Ledger(store, "run").write(line())
    store.write(f"{FOLDER}/winter/2026-01/bad.json", content)
    damaged: list[Damaged] = []
    assert len(list(read_ledger(store, damaged))) == 1
    assert [one.key for one in damaged] == [f"{FOLDER}/winter/2026-01/bad.json"]
    assert damaged[0].message


@pytest.mark.parametrize(
    "changed",
    [
        {"usd": "free"},
        {"usd": True},
        {"usd": -1},
        {"usd": 1e999},
        {"seconds": None},
        {"status": "paid"},
        {"paid": 1},
        {"at": "yesterday"},
        {"id": 5},
    ],
)
def test_a_damaged_line_is_counted_and_its_neighbours_are_read(tmp_path: Path, changed: dict[str, Any]) -> None:
    store = LocalStore(tmp_path)
    ledger = Ledger(store, "run")
    ledger.note(line(name="good"))
    ledger.note(line(name="bad"))
    ledger.flush("mug")
    (key,) = keys(store)
    value = store.read_json(key)
    value["entries"][1] |= changed
    text = str(value).replace("'", '"').replace("False", "false").replace("True", "true").replace("None", "null")
    store.write(key, text.replace("inf", "1e999").encode())
    damaged: list[Damaged] = []
    assert [entry.name for entry in read_ledger(store, damaged)] == ["good"]
    assert damaged[0].message == "1 of 2 lines cannot be read"


def test_columns_of_a_later_version_are_left_out(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    ledger = Ledger(store, "run")
    ledger.write(line(name="a"))
    (key,) = keys(store)
    value = store.read_json(key)
    value["entries"][0]["carbon"] = 5
    store.write_json(key, value)
    assert [entry.name for entry in read_ledger(store)] == ["a"]


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_absurd_amounts_are_refused_when_a_line_is_made(value: float) -> None:
    absurd: list[dict[str, Any]] = [{"usd": value}, {"seconds": value}]
    for columns in absurd:
        with pytest.raises(ValueError, match="0 or more expected"):
            line(**columns)


def test_names_from_outside_stay_in_the_ledger(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "root")
    ledger = Ledger(store, "../run")
    ledger.write(line("../../evil\n", campaign="a/../../b"))
    assert len(keys(store)) == 1
    assert not list(tmp_path.glob("*.json"))
    (found,) = read_ledger(store)
    assert found.sku == "../../evil\n"


def test_a_verdict_names_the_attempt_it_is_about() -> None:
    found = verdict_line(
        "abc", False, campaign="winter", stage="scored_finals", sku="mug", name="c1", reason="edge\tgap"
    )
    assert (found.id, found.status, found.usd, found.reason) == ("abc", "wasted", 0.0, "edge gap")
    accepted = verdict_line("abc", True, campaign="winter", stage="scored_finals", sku="mug", name="c1")
    assert accepted.status == "accepted"


@pytest.mark.parametrize(
    ("device", "seconds", "usd"),
    [
        ("cpu", 3600, 0.2),
        ("", 3600, 0.2),
        ("cloud, cpu", 3600, 0.2),
        ("cuda", 1800, 1.0),
        ("cpu, cuda:1", 3600, 2.0),
        ("cpu", -5, 0.0),
    ],
)
def test_time_on_our_own_machines_has_a_price(device: str, seconds: float, usd: float) -> None:
    assert Prices(gpu_usd_per_hour=2.0, cpu_usd_per_hour=0.2).of(device, seconds) == pytest.approx(usd)
    assert Prices().of(device, seconds) == 0
