"""A full disk, or a quota that is used up: nothing torn, nothing left behind, the next run finishes the rest."""

from __future__ import annotations

import errno
import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from catalog_assets.health import LINE_STOPPED
from catalog_assets.line import OUTAGE
from catalog_assets.quarantine import quarantined
from catalog_assets.refresh import Refreshed
from resources.storage.base import TEMPORARY
from resources.store import LocalStore, StoreError
from tests.faults.shop import assert_all_right, assert_for_a_clerk, assert_nothing_torn, fill, flawless, product

SKUS = ("a", "b")
_BLOCK = 4096


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    made = flawless(tmp_path_factory.mktemp("flawless"), SKUS)
    return {key: data for key, data in made.items() if key.startswith("assets/product/")}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    root = tmp_path / "disk"
    root.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"A FULL DISK IS NOT TESTED HERE, nothing may be mounted: {mounted.stderr.strip()}")
    try:
        yield root
    finally:
        subprocess.run(["umount", str(root)], check=True)


def leave(root: Path, size: int) -> Path:
    """Fill the disk until so many bytes are left; the file that does."""
    filler = root / "filler"
    free = os.statvfs(root).f_bavail * _BLOCK
    filler.write_bytes(b"x" * max(0, free - size))
    return filler


def temporaries(root: Path) -> list[Path]:
    return list(root.rglob(f"{TEMPORARY}*"))


@pytest.mark.parametrize("share", [0, 0.3, 0.7])
def test_a_full_disk_tears_nothing_and_the_next_run_finishes_the_rest(
    small_disk: Path, wanted: dict[str, bytes], share: float
) -> None:
    store = LocalStore(small_disk)
    fill(store, SKUS)
    filler = leave(small_disk, int(share * sum(len(data) for data in wanted.values())))
    report = product(store, SKUS)
    assert report.statuses["made"] + report.statuses["rejected"] == len(SKUS)
    assert report.rejections
    for rejection in report.rejections.values():
        assert_for_a_clerk(rejection, "disk_full", "No space left on device")
        assert "Free some space" in rejection.hint
    assert temporaries(small_disk) == []
    assert_nothing_torn(store)

    filler.unlink()
    again = product(store, SKUS)
    assert (again.statuses["made"], again.statuses["up_to_date"]) == (len(report.rejections), report.statuses["made"])
    assert_all_right(store, wanted)


class Full(LocalStore):
    """A folder in which there is room for half of what is written under some key."""

    key = ""

    def write_stream(self, key: str, chunks: Iterable[bytes], content_type: str | None = None) -> None:
        super().write_stream(key, half_of(chunks) if self.key and self.key in key else chunks, content_type)


def half_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[: len(chunk) // 2]
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))


def no_room(name: str, part: str, patch: pytest.MonkeyPatch) -> None:
    """Let this method of paths fail where the path it is about, or leads to, holds that part."""
    original = getattr(Path, name)

    def full(self: Path, *arguments: object, **options: object) -> object:
        if any(str(path).endswith(part) for path in (self, *arguments)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(self, *arguments, **options)

    patch.setattr(Path, name, full)


@pytest.mark.parametrize(
    ("moment", "part"),
    [
        ("write", "mask/b/main-"),
        ("write", "mask/b/main.json"),
        ("replace", "cutout/b/main.json"),
        ("mkdir", "raw_photo/b"),
    ],
)
def test_no_room_at_any_moment_costs_that_sku_only(
    tmp_path: Path, wanted: dict[str, bytes], moment: str, part: str
) -> None:
    store = Full(tmp_path)
    fill(store, SKUS)
    with pytest.MonkeyPatch.context() as patch:
        if moment == "write":
            patch.setattr(store, "key", part)
        else:
            no_room(moment, part, patch)
        report = product(store, SKUS)
    assert report.statuses == {"made": 1, "rejected": 1}
    assert_for_a_clerk(report.rejections["b"], "disk_full", "/b")
    assert [(held.sku, held.rejection.code) for held in quarantined(store)] == [("b", "disk_full")]
    assert temporaries(tmp_path) == []
    assert_nothing_torn(store)
    assert product(store, SKUS).statuses == {"made": 1, "up_to_date": 1}
    assert_all_right(store, wanted)


def test_a_disk_that_stays_full_stops_the_batch_instead_of_working_in_vain(
    small_disk: Path,
) -> None:
    skus = [f"s{number:02}" for number in range(20)]
    store = LocalStore(small_disk)
    fill(store, skus)
    before = product(store, skus[:1])
    assert before.statuses == {"made": 1}
    filler = leave(small_disk, 0)
    report = product(store, skus)
    assert report.statuses == {"up_to_date": 1, "rejected": 19}
    assert report.has_errors
    codes = Counter(rejection.code for rejection in report.rejections.values())
    assert OUTAGE <= codes["disk_full"] < OUTAGE + 2
    assert codes.total() == 19
    [reason] = report.stopped
    assert_for_a_clerk(reason, LINE_STOPPED, "Not worked on", "No space left")
    assert not Refreshed(20, {"product": report.statuses}).ok

    filler.unlink()
    again = product(store, skus[-2:])
    assert again.statuses == {"made": 2}
    assert again.stopped == []


def test_no_room_for_a_file_that_is_created_once_leaves_none_where_there_are_no_hard_links(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store = LocalStore(small_disk)
    leave(small_disk, 5 * _BLOCK)
    with pytest.raises(StoreError) as caught:
        store.create("state/once", b"x" * (3 * _BLOCK))  # there is room for the temporary file alone
    assert caught.value.code == "disk_full"
    assert not store.exists("state/once")
    assert temporaries(small_disk) == []
