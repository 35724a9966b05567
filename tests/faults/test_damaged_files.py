"""Stored files with a flipped bit or cut short: found by the next reader or run, made again, never passed on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog_assets.manifest_report import write_manifests
from catalog_assets.quarantine import Quarantine
from catalog_assets.records import Record, Shelf, product_shelf, read_record
from catalog_assets.settings import Settings
from catalog_assets.verification import Damage, verify_catalog
from resources.store import LocalStore
from tests.catalog_assets.command_line import catalog
from tests.catalog_assets.shop import campaigns
from tests.faults.shop import (
    assert_all_right,
    assert_for_a_clerk,
    both,
    campaign,
    flawless,
    flipped,
    made,
    product,
)

SKUS = ("a",)
PHOTO = "assets/product/raw_photo/a/main-*.jpg"
MASK = "assets/product/mask/a/main-*.png"
CUTOUT = "assets/product/cutout/a/main-*.png"
CANDIDATE = "assets/campaigns/evergreen/scene_variants/a/main.grey-sweep.c1.a1-*.webp"
PREVIEW = "assets/product/cutout/a/main.preview-*.webp"
EXPORT = "exports/shopify/evergreen/a/*main*"
KINDS = (PHOTO, MASK, CUTOUT, CANDIDATE, PREVIEW, EXPORT)
RECORDS = ("assets/product/*/a/*.json", "assets/campaigns/*/*/a/*.json")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog that both lines have been over."""
    root = tmp_path_factory.mktemp("finished")
    flawless(root, SKUS)
    return root


@pytest.fixture
def wanted(finished: Path) -> dict[str, bytes]:
    return made(LocalStore(finished))


@pytest.fixture
def store(finished: Path, tmp_path: Path) -> LocalStore:
    """A copy of it, with the dates of its files: they are as old as their records say."""
    return LocalStore(shutil.copytree(finished, tmp_path / "catalog"))


def paths(store: LocalStore, *patterns: str) -> list[Path]:
    """The files of these names; there is one at least of each."""
    found = [sorted(Path(store.root).glob(pattern)) for pattern in patterns]
    assert all(found)
    return [path for each in found for path in each]


def spoil(store: LocalStore, change: Callable[[bytes], bytes], *patterns: str) -> list[Path]:
    spoilt = paths(store, *patterns)
    for path in spoilt:
        path.write_bytes(change(path.read_bytes()))
    return spoilt


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def forget(store: LocalStore, asset: str) -> None:
    """Let a stage work again: its record is gone."""
    shutil.rmtree(Path(store.root) / "assets" / asset / "a")


def verified(store: LocalStore, **options: bool) -> list[Damage]:
    steps, work = verify_catalog(store, **options)
    found = list(work)
    assert len(found) == steps
    return [damage for one in found for damage in one.damages]


def test_what_is_cut_short_is_made_again_at_the_next_run(store: LocalStore, wanted: dict[str, bytes]) -> None:
    spoil(store, cut, *KINDS, *RECORDS)
    for report in both(store, SKUS):
        assert report.statuses == {"made": 1}
    assert_all_right(store, wanted)
    assert verified(store) == []


def test_what_is_gone_is_made_again_at_the_next_run(store: LocalStore, wanted: dict[str, bytes]) -> None:
    for path in paths(store, *KINDS):
        path.unlink()
    assert len(verified(store)) == len(KINDS) + 1  # candidate and final are one file
    both(store, SKUS)
    assert_all_right(store, wanted)


@pytest.mark.parametrize(("file", "reader"), [(PHOTO, "product/mask"), (MASK, "product/cutout")])
def test_a_flipped_bit_is_found_by_the_stage_that_reads_it_and_mended_in_the_same_run(
    store: LocalStore, wanted: dict[str, bytes], file: str, reader: str
) -> None:
    spoil(store, flipped, file)
    forget(store, reader)
    assert product(store, SKUS).statuses == {"made": 1}
    assert_all_right(store, wanted)


def test_a_campaign_says_which_cut_out_is_damaged_and_the_next_run_over_both_lines_mends_it(
    store: LocalStore, wanted: dict[str, bytes]
) -> None:
    [cutout] = spoil(store, flipped, CUTOUT)
    forget(store, "campaigns/evergreen/scene_variants")
    report = campaign(store, SKUS)
    assert report.statuses == {"rejected": 1}
    assert_for_a_clerk(report.rejections["a"], "damaged_file", cutout.name, "is damaged")
    assert "taken away" in report.rejections["a"].hint
    assert not cutout.exists()
    both(store, SKUS)
    assert_all_right(store, wanted)


@pytest.mark.parametrize("file", [CUTOUT, CANDIDATE])
def test_a_run_that_finds_everything_up_to_date_exports_no_flipped_bit(
    store: LocalStore, wanted: dict[str, bytes], file: str
) -> None:
    """The export alone reads what it is about at every run."""
    spoil(store, flipped, file)
    for path in paths(store, EXPORT):
        path.unlink()
    for _ in range(2):
        both(store, SKUS)
        assert {key for key, data in made(store).items() if data != wanted[key]} == set()
    assert_all_right(store, wanted)


def test_a_flipped_bit_that_no_stage_reads_is_found_by_a_verification_and_mended(
    store: LocalStore, wanted: dict[str, bytes]
) -> None:
    spoilt = {path.relative_to(store.root).as_posix() for path in spoil(store, flipped, *KINDS)}
    [mask] = spoil(store, flipped, "assets/product/mask/a/main.json")
    spoilt = {key for key in spoilt if "/mask/" not in key} | {mask.relative_to(store.root).as_posix()}
    found = verified(store)
    # A record that nobody can trust names nothing: the matte is written anew with it.
    assert {damage.key for damage in found} == spoilt
    assert {damage.code for damage in found} == {"damaged_file", "damaged_record"}
    assert all(damage.sku == "a" and damage.can_be_made for damage in found)
    assert {damage.key for damage in verified(store)} == spoilt  # without mend nothing is touched
    assert {damage.key for damage in verified(store, mend=True)} == spoilt
    both(store, SKUS)
    assert verified(store) == []
    assert_all_right(store, wanted)


def test_a_flipped_bit_in_a_record_never_makes_another_record(store: LocalStore) -> None:
    """Whatever bit of it: the record is read as it was, or not at all."""
    for key in ("assets/product/mask/a/main.json", "assets/campaigns/evergreen/scored_finals/a/main.grey-sweep.json"):
        data, whole = store.read(key), read_record(store, key)
        assert whole is not None
        step = len(data) // 400 + 1
        lost = 0
        for place in range(0, len(data), step):
            store.write(key, data[:place] + bytes([data[place] ^ (1 << place % 7)]) + data[place + 1 :])
            found = read_record(store, key)
            assert found in (None, whole)
            lost += found is None
        assert lost > 300


def test_a_record_of_an_earlier_version_has_no_seal_and_counts(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    record = Record("mask", "a", "main", "made", "f")
    store.write_json("assets/product/mask/a/main.json", record.to_json())
    assert Shelf(store, "assets/product/mask/a").record("main") == record


def test_a_damaged_quarantine_record_is_written_anew(store: LocalStore) -> None:
    (Path(store.root) / "uploads" / "a.jpg").write_bytes(b"no photo")
    product(store, SKUS)
    held = Quarantine(store, "product").get("a")
    assert held is not None
    key = "quarantine/product/a.json"
    for damaged in (cut(store.read(key)), b"\x00" + store.read(key)[1:]):
        store.write(key, damaged)
        assert [damage.key for damage in verified(store)] == [key]
        product(store, SKUS)
        again = Quarantine(store, "product").get("a")
        assert again is not None
        assert again.rejection == held.rejection


def test_a_damaged_manifest_is_written_anew(store: LocalStore) -> None:
    def manifests() -> dict[str, bytes]:
        write_manifests(store, campaigns(), Settings(archives="none"))
        return {entry.key: store.read(entry.key) for entry in store.list("manifests/amazon")}

    before = manifests()
    assert len(before) > 2
    for change in (cut, flipped):
        spoil(store, change, "manifests/amazon/*.*")
        assert manifests() == before


def test_what_cannot_be_made_again_is_told_and_left(store: LocalStore) -> None:
    [photo] = spoil(store, flipped, PHOTO)
    (Path(store.root) / "uploads" / "a.jpg").unlink()
    left = photo.read_bytes()
    [damage] = verified(store, mend=True)
    assert (damage.code, damage.can_be_made) == ("damaged_file", False)
    assert photo.read_bytes() == left


def test_a_verification_beside_a_run_that_replaces_a_file_finds_nothing_amiss(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = LocalStore.read
    replaced: list[str] = []

    def while_read(self: LocalStore, key: str) -> bytes:
        if key.startswith("assets/product/mask/a/main-") and not replaced:
            replaced.append(key)
            shelf = product_shelf(store, "mask", "a")
            [record] = shelf.records()
            file = shelf.put("main", "png", b"another matte")
            shelf.save(Record(**{**_fields(record), "files": {"mask": file}}))
        return read(self, key)

    monkeypatch.setattr(LocalStore, "read", while_read)
    assert verified(store) == []
    assert replaced


def _fields(record: Record) -> dict[str, object]:
    return {name: getattr(record, name) for name in Record.__dataclass_fields__}


def test_the_command_names_what_is_damaged_and_what_to_do(store: LocalStore) -> None:
    root = store.root
    whole = catalog("verify", "--root", root)
    assert (whole.exit_code, "0 not as they were written" in whole.stdout) == (0, True)
    [matte] = spoil(store, flipped, MASK)
    found = catalog("verify", "--root", root, "--sku", "a")
    assert found.exit_code == 1
    assert f"{matte.name} is damaged" in found.stdout
    assert "catalog verify --mend" in found.stdout
    assert matte.exists()
    mended = catalog("verify", "--root", root, "--mend")
    assert mended.exit_code == 1
    assert f"next: catalog refresh --sku a --root {root}" in mended.stdout
    assert not matte.exists()
    nobody = catalog("verify", "--root", root, "--sku", "nobody")
    assert (nobody.exit_code, "Nothing is on record of nobody" in nobody.stderr) == (2, True)
