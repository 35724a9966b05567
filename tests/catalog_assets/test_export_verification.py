"""Verification of what was exported, published and zipped: every spoiled file is found, and named."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog_assets.export_verification import verify_exports
from catalog_assets.manifest_report import write_manifests
from catalog_assets.publishing import Publisher
from catalog_assets.settings import PublishSettings, Settings
from resources.store import LocalStore, S3Store
from tests.catalog_assets.command_line import catalog, elsewhere
from tests.catalog_assets.shop import Shop, campaigns
from tests.conftest import S3Server

CDN = PublishSettings(target="/srv/cdn", base_url="https://cdn.shop.example/")
ZIP = "manifests/amazon/pictures.zip"
MAIN = "amazon/evergreen/mug/mug.main.jpg"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Two SKUs with three pictures in all, published and zipped."""
    shop = Shop(tmp_path / "catalog")
    for sku in ("mug", "pot"):
        shop.make(sku)
    shop.export("mug", slots=("main", "lifestyle"))
    write_manifests(shop.store, campaigns(), Settings(), publisher=publisher(shop, tmp_path))
    return shop


def publisher(shop: Shop, tmp_path: Path) -> Publisher:
    return Publisher(shop.store, LocalStore(tmp_path / "cdn"), CDN)


def failed(shop: Shop, *marketplaces: str, publisher: Publisher | None = None) -> list[tuple[str, str]]:
    """Code and SKU of what is not as it should be; the rest is counted."""
    results = list(verify_exports(shop.store, marketplaces, publisher))
    assert {result["status"] for result in results} <= {"ok", "failed"}
    assert all(bool(result["code"]) == bool(result["message"]) == (result["status"] == "failed") for result in results)
    return [(result["code"], result["sku"]) for result in results if result["status"] == "failed"]


def test_what_is_as_the_manifests_say_passes(shop: Shop, tmp_path: Path) -> None:
    results = list(verify_exports(shop.store, (), publisher(shop, tmp_path)))
    assert [(one["marketplace"], one["sku"], one["status"]) for one in results] == [
        ("amazon", "mug", "ok"),
        ("amazon", "mug", "ok"),
        ("amazon", "pot", "ok"),
    ]


def spoil_file(shop: Shop, tmp_path: Path) -> None:
    data = bytearray(shop.store.read(f"exports/{MAIN}"))
    data[-1] ^= 1  # the same length
    shop.store.write(f"exports/{MAIN}", bytes(data))


def lose_file(shop: Shop, tmp_path: Path) -> None:
    shop.store.delete(f"exports/{MAIN}")


def published_main(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "cdn" / "mug").glob("main-*.jpg")
    return found


def spoil_published(shop: Shop, tmp_path: Path) -> None:
    data = bytearray(published_main(tmp_path).read_bytes())
    data[-1] ^= 1
    published_main(tmp_path).write_bytes(data)


def lose_published(shop: Shop, tmp_path: Path) -> None:
    published_main(tmp_path).unlink()


def rezip(shop: Shop, change: Callable[[dict[str, bytes]], None], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(io.BytesIO(shop.store.read(ZIP))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    shop.store.write(ZIP, into.getvalue())


def spoil_entry(shop: Shop, tmp_path: Path) -> None:
    def change(files: dict[str, bytes]) -> None:
        name = next(iter(files))
        files[name] = files[name][:-1] + b"\0"

    rezip(shop, change)


def lose_entry(shop: Shop, tmp_path: Path) -> None:
    rezip(shop, lambda files: files.pop(next(iter(files))) and None)


def deflate_entries(shop: Shop, tmp_path: Path) -> None:
    rezip(shop, lambda files: None, zipfile.ZIP_DEFLATED)


def add_entry(shop: Shop, tmp_path: Path) -> None:
    rezip(shop, lambda files: files.update({"pan/main.jpg": b"x"}))


def spoil_zip(shop: Shop, tmp_path: Path) -> None:
    shop.store.write(ZIP, shop.store.read(ZIP)[:-30])


def flip_in_zip(shop: Shop, tmp_path: Path) -> None:
    data = bytearray(shop.store.read(ZIP))
    data[200] ^= 1  # inside the first picture: its checksum does not hold
    shop.store.write(ZIP, bytes(data))


def spoil_list(shop: Shop, tmp_path: Path) -> None:
    key = "manifests/amazon/pictures.csv"
    shop.store.write(key, shop.store.read(key) + b'pot,"1')


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (spoil_file, [("changed", "mug")]),
        (lose_file, [("missing", "mug")]),
        (spoil_published, [("published_changed", "mug")]),
        (lose_published, [("not_published", "mug")]),
        (spoil_entry, [("changed_in_archive", "mug")]),
        (flip_in_zip, [("changed_in_archive", "mug")]),
        (lose_entry, [("not_in_archive", "mug")]),
        (add_entry, [("not_listed", "")]),
        (spoil_zip, [("broken_archive", "")]),
        (
            deflate_entries,
            [("changed_in_archive", "mug"), ("changed_in_archive", "mug"), ("changed_in_archive", "pot")],
        ),
        (spoil_list, [("broken_list", "")]),
    ],
)
def test_every_kind_of_damage_is_named(
    shop: Shop, tmp_path: Path, spoil: Callable[[Shop, Path], Any], found: list[tuple[str, str]]
) -> None:
    spoil(shop, tmp_path)
    assert failed(shop, publisher=publisher(shop, tmp_path)) == found


def test_addresses_elsewhere_are_found_where_pictures_are_published(shop: Shop, tmp_path: Path) -> None:
    moved = CDN.model_copy(update={"base_url": "https://other.example/"})
    codes = failed(shop, publisher=Publisher(shop.store, LocalStore(tmp_path / "cdn"), moved))
    assert codes == [("other_address", "mug"), ("other_address", "mug"), ("other_address", "pot")]


def test_a_list_with_other_lengths_is_found(shop: Shop) -> None:
    key = "manifests/amazon/pictures.csv"
    size = str(len(shop.store.read(f"exports/{MAIN}"))).encode()
    shop.store.write(key, shop.store.read(key).replace(b"," + size + b",", b",1,", 1))
    assert failed(shop)[0] == ("changed", "mug")


def test_without_a_target_only_files_and_zip_are_read(shop: Shop, tmp_path: Path) -> None:
    lose_published(shop, tmp_path)
    assert failed(shop) == []


def test_a_marketplace_without_manifests_is_told(shop: Shop) -> None:
    assert failed(shop, "etsy", "amazon") == [("no_manifests", "")]


def test_in_a_bucket_the_size_tells(tmp_path: Path, s3_server: S3Server) -> None:
    shop = Shop(tmp_path)
    shop.store = S3Store(s3_server.new_bucket(), "catalog", s3_server.client())
    target = S3Store(s3_server.new_bucket(), "", s3_server.client())
    shop.make("mug")
    write_manifests(shop.store, campaigns(), Settings(), publisher=Publisher(shop.store, target, CDN))
    assert failed(shop, publisher=Publisher(shop.store, target, CDN)) == []
    (key,) = [entry.key for entry in target.list()]
    target.write(key, b"torn")
    assert failed(shop, publisher=Publisher(shop.store, target, CDN)) == [("published_changed", "mug")]


def test_the_command_line_says_what_is_not_as_it_should_be(shop: Shop, tmp_path: Path) -> None:
    cdn = f"publish: {{target: '{tmp_path / 'cdn'}', base_url: '{CDN.base_url}'}}\n"
    shop.store.write("catalog.yaml", cdn.encode())
    (tmp_path / "cwd").mkdir()
    with elsewhere(tmp_path / "cwd"):
        good = catalog("comply", "--verify", "--root", shop.store.root)
        lose_published(shop, tmp_path)
        bad = catalog("comply", "--verify", "--root", shop.store.root)
    assert (good.exit_code, good.stdout) == (0, "")
    assert bad.exit_code == 1
    (line,) = bad.stdout.splitlines()
    assert (json.loads(line)["code"], json.loads(line)["sku"]) == ("not_published", "mug")
