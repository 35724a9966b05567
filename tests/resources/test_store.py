"""One contract, two stores: every test that takes `store` runs over a local folder and over S3."""

from __future__ import annotations

import errno
import json
import os
import pickle
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from resources.catalog_resource import CatalogResource
from resources.storage.s3 import MAX_PARTS, part_bytes
from resources.store import (
    CatalogStore,
    Entry,
    LocalStore,
    NotFound,
    S3Store,
    StoreError,
    check_key,
    content_hash,
    open_store,
)
from tests.conftest import S3Server
from tests.s3_tools import Fault, FaultyProxy, faulty_proxy, s3_client


def s3_store(server: S3Server, prefix: str = "shop/catalog", **options: Any) -> S3Store:
    return S3Store(server.new_bucket(), prefix, server.client(), **options)


@pytest.fixture(params=["local", "s3", "s3 without prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> CatalogStore:
    if request.param == "local":
        return LocalStore(tmp_path / "catalog")
    server = request.getfixturevalue("s3_server")
    return s3_store(server, prefix="shop/catalog" if request.param == "s3" else "")


def keys(entries: Iterator[Entry]) -> list[str]:
    return [entry.key for entry in entries]


def test_what_is_written_is_read(store: CatalogStore) -> None:
    store.write("assets/mask/mug/main.json", b"first")
    assert store.read("assets/mask/mug/main.json") == b"first"
    store.write("assets/mask/mug/main.json", b"second")
    assert store.read("assets/mask/mug/main.json") == b"second"
    store.write("empty", b"")
    assert store.read("empty") == b""


def test_what_is_missing_is_not_found(store: CatalogStore) -> None:
    store.write("a/b", b"x")
    for key in ("nothing", "a", "a/b/c", "a/" + "x" * 300):
        assert store.stat(key) is None
        assert not store.exists(key)
        with pytest.raises(NotFound) as caught:
            store.read(key)
        assert caught.value.key == key
        with pytest.raises(NotFound):
            store.head(key, 4)


def test_what_comes_in_pieces_is_written_whole(store: CatalogStore) -> None:
    store.write_stream("a/b.csv", (b"one,", b"", b"two"))
    assert store.read("a/b.csv") == b"one,two"
    store.write_stream("a/b.csv", iter(()))
    assert store.read("a/b.csv") == b""
    with pytest.raises(StoreError) as caught:
        store.write_stream("../a", (b"x",))
    assert caught.value.code == "bad_key"


def breaking_off(data: bytes) -> Iterator[bytes]:
    yield data
    raise ValueError("no more")


def test_pieces_that_break_off_leave_what_was_there(store: CatalogStore) -> None:
    store.write("a/b", b"before")
    with pytest.raises(ValueError, match="no more"):
        store.write_stream("a/b", breaking_off(b"after"))
    with pytest.raises(ValueError, match="no more"):
        store.write_stream("a/c", breaking_off(b"after"))
    assert store.read("a/b") == b"before"
    assert keys(store.list()) == ["a/b"]


def test_an_opened_object_is_read_anywhere(store: CatalogStore) -> None:
    data = random.Random(3).randbytes(9_000_000)
    store.write("a/big", data)
    with store.open("a/big") as file:
        assert file.seek(-5, os.SEEK_END) == len(data) - 5
        assert file.read() == data[-5:]
        file.seek(4_000_000)
        assert file.read(1_000_000) == data[4_000_000:5_000_000]
        assert file.tell() == 5_000_000
        assert file.read() == data[5_000_000:]
        assert file.read(1) == b""
    with pytest.raises(NotFound):
        store.open("a/nothing")


def test_head_reads_the_first_bytes(store: CatalogStore) -> None:
    store.write("a", b"0123456789")
    store.write("empty", b"")
    assert store.head("a", 4) == b"0123"
    assert store.head("a", 100) == b"0123456789"
    assert store.head("a", 0) == b""
    assert store.head("empty", 64) == b""


def test_stat_and_list_agree_and_tokens_change(store: CatalogStore) -> None:
    store.write("a/b", b"12345")
    entry = store.stat("a/b")
    assert entry is not None
    assert entry.size == 5
    assert list(store.list("a")) == [entry]
    store.write("a/b", b"123456")
    assert store.stat("a/b") != entry


def test_listing_is_by_whole_folders_and_sorted_like_s3(store: CatalogStore) -> None:
    names = ["a/b/c", "a/b-c", "a/b.c", "a/b/ä", "a/b/z", "ab/c", "a/b/c2/d"]
    for name in names:
        store.write(name, b"x")
    expected = sorted((name for name in names if name.startswith("a/")), key=str.encode)
    assert keys(store.list("a")) == keys(store.list("a/")) == expected
    assert keys(store.list()) == sorted(names, key=str.encode)
    assert keys(store.list("a/b")) == ["a/b/c", "a/b/c2/d", "a/b/z", "a/b/ä"]
    assert keys(store.list("nothing")) == []
    assert store.children("a") == ("b", "b-c", "b.c")
    assert store.children() == ("a", "ab")
    assert store.children("nothing") == ()


def test_delete(store: CatalogStore) -> None:
    for name in ("a/b/c", "a/b/d", "a/e", "a/f"):
        store.write(name, b"x")
    store.delete("a/b/c")
    store.delete("a/b/c")
    store.delete("a/b")
    assert keys(store.list()) == ["a/b/d", "a/e", "a/f"]
    store.delete_many(["a/b/d", "a/nothing", "a/e"])
    assert keys(store.list()) == ["a/f"]
    assert store.children("a") == ("f",)
    store.write("a/b/c", b"again")
    assert store.read("a/b/c") == b"again"


def test_a_picture_is_named_by_its_content_and_written_once(store: CatalogStore) -> None:
    key = store.write_picture("assets/cutout/mug", "main", "png", b"pixels")
    assert key == f"assets/cutout/mug/main-{content_hash(b'pixels')[:16]}.png"
    assert store.read(key) == b"pixels"
    before = store.stat(key)
    file = Path(store.root, key).stat() if isinstance(store, LocalStore) else None
    time.sleep(0.01 if isinstance(store, LocalStore) else 1.1)
    assert store.write_picture("assets/cutout/mug", "main", "png", b"pixels") == key
    if file is None:
        assert store.stat(key) == before
    else:
        renewed = Path(store.root, key).stat()
        assert (renewed.st_ino, renewed.st_size) == (file.st_ino, file.st_size)
        assert renewed.st_mtime > file.st_mtime
    for torn in (b"pix", b"pixelz"):  # what a power cut may leave, and what somebody changed
        store.write(key, torn)
        assert store.write_picture("assets/cutout/mug", "main", "png", b"pixels") == key
        assert store.read(key) == b"pixels"
    assert store.write_picture("assets/cutout/mug", "main", "png", b"others") != key


def test_json_is_canonical(store: CatalogStore) -> None:
    store.write_json("a.json", {"b": 1, "a": ["ü", "\udce4", None]})
    first = store.read("a.json")
    store.write_json("a.json", {"a": ["ü", "\udce4", None], "b": 1})
    assert store.read("a.json") == first
    assert store.read_json("a.json") == {"a": ["ü", "\udce4", None], "b": 1}
    with pytest.raises(ValueError, match="JSON compliant"):
        store.write_json("b.json", {"x": float("nan")})
    assert not store.exists("b.json")
    store.write("torn.json", b'{"a": ')
    with pytest.raises(StoreError) as caught:
        store.read_json("torn.json")
    assert caught.value.code == "broken_record"
    with pytest.raises(NotFound):
        store.read_json("nothing.json")


ODD_KEYS = [
    "a b/c d.png",
    "ümlaut 商品 📷.png",
    "50%/100%25.png",
    "plus+and&=.png",
    "quote\"'`$(x).png",
    "hash#query?.png",
    "semi;colon,comma.png",
    "..%2f..%2fetc.png",
    "..odd",
    "-rf",
    "tilde~*|<>^{}[].png",
]


def test_odd_keys_work(store: CatalogStore) -> None:
    for key in ODD_KEYS:
        store.write(f"odd/{key}", key.encode())
    assert sorted(keys(store.list("odd"))) == sorted(f"odd/{key}" for key in ODD_KEYS)
    for key in ODD_KEYS:
        assert store.read(f"odd/{key}") == key.encode()
        assert store.exists(f"odd/{key}")
    store.delete_many(f"odd/{key}" for key in ODD_KEYS[1:])
    assert keys(store.list("odd")) == [f"odd/{ODD_KEYS[0]}"]


BAD_KEYS = [
    "",
    "/etc/passwd",
    "..",
    "../x",
    "a/../b",
    "a/..",
    "./a",
    "a//b",
    "a/",
    "a\0b",
    "x" * 1025,
]
BAD_KEYS_TO_WRITE = ["..\\..\\evil", "C:/x", "a\nb", "a\x7fb", "\udce4", "a/.tmp-1", "x" * 256]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_bad_key_never_reaches_the_store(store: CatalogStore, key: str) -> None:
    for action in (store.read, store.stat, store.delete, lambda key: store.write(key, b"x")):
        with pytest.raises(StoreError) as caught:
            action(key)
        assert caught.value.code == "bad_key"


@pytest.mark.parametrize("key", BAD_KEYS_TO_WRITE)
def test_we_never_write_a_name_that_is_odd_for_some_system(store: CatalogStore, key: str) -> None:
    for action in (store.delete, lambda key: store.write(key, b"x")):
        with pytest.raises(StoreError) as caught:
            action(key)
        assert caught.value.code == "bad_key"


def test_random_keys_stay_in_the_root(tmp_path: Path) -> None:
    generator = random.Random(7)
    store = LocalStore(tmp_path / "deep" / "root")
    refused: set[str] = set()
    written = 0
    for _ in range(3000):
        key = "".join(generator.choices(["..", ".", "/", "\\", "a", "b", "\0", "%2e", " ", "~", "C:"], k=6))
        try:
            check_key(key)
            store.write(f"x/{key}", b"x")
        except StoreError as error:
            refused.add(error.code)
        else:
            written += 1
    assert refused == {"bad_key"}
    assert written > 50
    inside = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert inside
    assert all(path.is_relative_to(tmp_path / "deep" / "root" / "x") for path in inside)


def test_threads_share_a_store(store: CatalogStore) -> None:
    def work(number: int) -> None:
        for turn in range(10):
            store.write(f"t/{number}/{turn}", b"x" * 1000)
            store.write("t/shared", bytes([number]) * 5000)
            seen = store.read("t/shared")
            torn.extend([seen] if len(set(seen)) != 1 or len(seen) != 5000 else [])
            store.delete(f"t/{number}/{turn}")

    torn: list[bytes] = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torn == []
    assert keys(store.list("t")) == ["t/shared"]


# What only a local folder can have.


def test_uploads_are_not_read_through_links_that_lead_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    root = tmp_path / "catalog"
    (root / "uploads" / "mug").mkdir(parents=True)
    (root / "uploads" / "a.jpg").symlink_to(tmp_path / "secret")
    (root / "uploads" / "b.jpg").symlink_to("../../secret")
    (root / "uploads" / "d").symlink_to(tmp_path)
    (root / "uploads" / "inside.jpg").symlink_to(root / "uploads" / "real.jpg")
    (root / "uploads" / "real.jpg").write_bytes(b"photo")
    store = LocalStore(root)
    (root / "uploads" / "self.jpg").symlink_to("self.jpg")
    for key in ("uploads/a.jpg", "uploads/b.jpg", "uploads/d/secret", "uploads/self.jpg"):
        assert store.stat(key) is None
        with pytest.raises(NotFound):
            store.read(key)
    assert store.read("uploads/inside.jpg") == b"photo"
    assert keys(store.list("uploads")) == ["uploads/inside.jpg", "uploads/real.jpg"]
    assert keys(store.list("uploads/d")) == []
    assert store.children("uploads/d") == ()


def test_links_of_the_operator_are_followed(tmp_path: Path) -> None:
    root, disk, drop = tmp_path / "catalog", tmp_path / "disk", tmp_path / "drop"
    for folder in (root, disk, drop):
        folder.mkdir()
    (root / "assets").symlink_to(disk)
    (root / "uploads").symlink_to(drop)
    (drop / "mug.jpg").write_bytes(b"photo")
    store = LocalStore(root)
    store.write("assets/mask/a.json", b"{}")
    assert (disk / "mask" / "a.json").read_bytes() == b"{}"
    assert store.read("uploads/mug.jpg") == b"photo"
    assert keys(store.list()) == ["assets/mask/a.json", "uploads/mug.jpg"]


def test_a_pipe_is_neither_listed_nor_waited_for(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write("assets/a", b"x")
    os.mkfifo(tmp_path / "assets" / "pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "assets" / "socket"))
    skipped: list[tuple[str, str]] = []
    assert [entry.key for entry in store.list("", lambda *skip: skipped.append(skip))] == ["assets/a"]
    assert skipped == [("assets/pipe", "not_a_file"), ("assets/socket", "not_a_file")]
    for key in ("assets/pipe", "assets/socket"):
        assert store.stat(key) is None
        with pytest.raises(NotFound):
            store.read(key)
    server.close()


def test_names_that_are_no_utf8_do_not_break_a_listing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write("uploads/a.jpg", b"x")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/uploads/t\xeate.jpg")).write_bytes(b"photo")
    listed = keys(store.list("uploads"))
    assert len(listed) == 2
    assert store.read(listed[1]) == b"photo"
    str(StoreError("x", "y")).encode()
    with pytest.raises(StoreError, match="\ufffd") as caught:
        store.write(listed[1], b"x")
    str(caught.value).encode("utf-8")


def test_a_closed_file_gives_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    store.write("a/b", b"x")

    def closed(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", closed)  # a chmod would not stop root
    with pytest.raises(StoreError) as caught:
        store.read("a/b")
    assert caught.value.code == "no_permission"
    assert "a/b" in caught.value.message
    assert not caught.value.retryable


def test_a_folder_in_the_place_of_a_file_gives_a_clear_error(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write("a/b", b"x")
    for key in ("a", "a/b/c"):
        with pytest.raises(StoreError) as caught:
            store.write(key, b"x")
        assert caught.value.code == "bad_key"
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b"]


def test_a_failed_write_leaves_the_old_bytes_and_no_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    store.write("a", b"old")

    def full(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError) as caught:
        store.write("a", b"new")
    assert caught.value.code == "disk_full"
    assert store.read("a") == b"old"
    assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208


def test_sweep_removes_old_temporaries_of_ours_only(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    old = time.time() - 7200
    for name in ("assets/a/.tmp-1-old", "uploads/.tmp-theirs", ".dagster/.tmp-theirs", "assets/a/kept.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (old, old))
    (tmp_path / "assets/a/.tmp-2-fresh").write_bytes(b"x")
    assert keys(store.list("assets")) == ["assets/a/kept.png"]
    assert store.children("assets/a") == ("kept.png",)
    assert store.sweep() == 1
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"assets/a/.tmp-2-fresh", "uploads/.tmp-theirs", ".dagster/.tmp-theirs", "assets/a/kept.png"}


_WRITER = """
import sys
from resources.store import LocalStore
store = LocalStore(sys.argv[1])
print("ready", flush=True)
number = 0
while True:
    number += 1
    store.write("state/shared.bin", bytes([number % 256]) * 3_000_000)
    store.write_picture("assets/a", "main", "png", number.to_bytes(4, "big") * 500_000)
"""


def test_a_killed_process_leaves_nothing_torn(tmp_path: Path) -> None:
    generator = random.Random(3)
    store = LocalStore(tmp_path)
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(generator.uniform(0.05, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for entry in store.list():
            data = store.read(entry.key)
            assert entry.size == len(data) in (3_000_000, 2_000_000)
            if entry.key.startswith("assets/"):
                assert entry.key == f"assets/a/main-{content_hash(data)[:16]}.png"
            else:
                assert len(set(data)) == 1
    assert store.exists("state/shared.bin")
    store.sweep(older_than_s=-1)
    assert not list(tmp_path.rglob(".tmp-*"))


def test_a_file_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError) as caught:
        LocalStore(tmp_path / "file")
    assert caught.value.code == "bad_root"


def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write("a/b", b"before")

    def full() -> Iterator[bytes]:
        yield b"after"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreError) as caught:
        store.write_stream("a/b", full())
    assert caught.value.code == "disk_full"
    assert store.read("a/b") == b"before"
    assert not list(tmp_path.rglob(".tmp-*"))


# What only S3 can have.


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(s3_server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy: FaultyProxy, s3_server: S3Server) -> S3Store:
    """An S3 store that is reached through the proxy, with one object in it."""
    proxy.plan()
    store = S3Store(s3_server.new_bucket(), "p", s3_client(proxy.endpoint, timeout_s=1.0))
    store.write("a/b.png", b"0123456789" * 100)
    return store


def test_s3_lists_in_pages(s3_server: S3Server) -> None:
    store = s3_store(s3_server, page_size=7)
    names = [f"a/{number:02d}" for number in range(30)]
    for name in names:
        store.write(name, b"x")
    assert keys(store.list("a")) == names
    assert store.children("a") == tuple(name[2:] for name in names)
    store.delete_many(names[:25])
    assert keys(store.list()) == names[25:]


def test_s3_prefixes_do_not_mix(s3_server: S3Server) -> None:
    bucket, client = s3_server.new_bucket(), s3_server.client()
    one, two = S3Store(bucket, "shop", client), S3Store(bucket, "/shop2/", client)
    one.write("a", b"1")
    two.write("a", b"2")
    assert keys(one.list()) == keys(two.list()) == ["a"]
    assert (one.read("a"), two.read("a")) == (b"1", b"2")
    assert two.root == f"s3://{bucket}/shop2"
    stored = [item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert stored == ["shop/a", "shop2/a"]


def test_s3_objects_have_a_content_type(s3_server: S3Server) -> None:
    bucket, client = s3_server.new_bucket(), s3_server.client()
    store = S3Store(bucket, "", client)
    store.write("a.png", b"x")
    store.write("b.bin", b"x", content_type="text/plain")
    store.write("c.svg", b"x")
    types = [client.head_object(Bucket=bucket, Key=key)["ContentType"] for key in ("a.png", "b.bin", "c.svg")]
    assert types == ["image/png", "text/plain", "application/octet-stream"]


def test_s3_empty_folder_marks_are_not_listed(s3_server: S3Server) -> None:
    bucket, client = s3_server.new_bucket(), s3_server.client()
    for key in ("p/", "p/uploads/", "p/uploads/a.jpg"):
        client.put_object(Bucket=bucket, Key=key, Body=b"x" if key.endswith("jpg") else b"")
    store = S3Store(bucket, "p", client)
    assert keys(store.list()) == ["uploads/a.jpg"]
    assert store.children() == ("uploads",)
    assert store.children("uploads") == ("a.jpg",)


def test_s3_objects_have_the_cache_header_that_was_asked_for(s3_server: S3Server) -> None:
    bucket, client = s3_server.new_bucket(), s3_server.client()
    store = S3Store(bucket, "", client)
    store.write("a.jpg", b"x", cache_control="public, max-age=60")
    store.write("b.jpg", b"x")
    assert client.head_object(Bucket=bucket, Key="a.jpg")["CacheControl"] == "public, max-age=60"
    assert "CacheControl" not in client.head_object(Bucket=bucket, Key="b.jpg")


PART = 5 * 2**20  # the least that S3 takes


@pytest.fixture
def in_parts(proxy: FaultyProxy, s3_server: S3Server) -> S3Store:
    """An S3 store behind the proxy that cuts what is written into the smallest parts there may be."""
    proxy.plan()
    return S3Store(s3_server.new_bucket(), "p", s3_client(proxy.endpoint), part_bytes=PART)


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART, 3 * PART - 1])
def test_s3_large_content_goes_up_in_parts(in_parts: S3Store, proxy: FaultyProxy, size: int) -> None:
    data = random.Random(size).randbytes(size)
    in_parts.write_stream("a/pictures.zip", (data[at : at + 700_001] for at in range(0, size, 700_001)))
    puts = [line for line in proxy.requests if line.startswith("PUT")]
    assert len(puts) == -(-size // PART)
    assert in_parts.read("a/pictures.zip") == data
    assert in_parts._client.head_object(Bucket=in_parts._bucket, Key="p/a/pictures.zip")["ContentType"] == (
        "application/zip"
    )


def begun_uploads(store: S3Store) -> list[str]:
    found = store._client.list_multipart_uploads(Bucket=store._bucket)
    return [upload["Key"] for upload in found.get("Uploads", ())]


def test_s3_parts_are_tried_again(in_parts: S3Store, proxy: FaultyProxy) -> None:
    chunks = [bytes([number]) * PART for number in range(2)]
    proxy.plan(Fault(), Fault(500, "InternalError"), Fault(503, "SlowDown"))
    in_parts.write_stream("a", chunks)
    assert in_parts.read("a") == b"".join(chunks)


def test_s3_an_upload_in_parts_that_fails_is_taken_back(in_parts: S3Store, proxy: FaultyProxy) -> None:
    in_parts.write("a", b"before")
    proxy.plan(Fault(), Fault(), *[Fault(503, "SlowDown")] * 3)
    with pytest.raises(StoreError) as caught:
        in_parts.write_stream("a", [b"x" * PART] * 2)
    assert caught.value.code == "store_busy"
    with pytest.raises(ValueError, match="no more"):
        in_parts.write_stream("a", breaking_off(b"x" * (PART + 1)))
    assert in_parts.read("a") == b"before"
    assert begun_uploads(in_parts) == []


def test_s3_what_a_killed_process_left_of_an_upload_is_swept(in_parts: S3Store) -> None:
    for key in ("p/manifests/a.zip", "p/uploads/theirs.tif", "elsewhere/a.zip"):
        in_parts._client.create_multipart_upload(Bucket=in_parts._bucket, Key=key)
    # The server of these tests says that every upload began in 2010.
    assert in_parts.sweep(older_than_s=100 * 365 * 24 * 3600) == 0
    assert in_parts.sweep() == 1
    assert sorted(begun_uploads(in_parts)) == ["elsewhere/a.zip", "p/uploads/theirs.tif"]


def test_s3_without_the_right_to_list_uploads_nothing_is_swept(in_parts: S3Store, proxy: FaultyProxy) -> None:
    proxy.plan(Fault(403, "AccessDenied"))
    assert in_parts.sweep() == 0
    proxy.plan(*[Fault(503, "SlowDown")] * 3)
    with pytest.raises(StoreError):
        in_parts.sweep()


def test_s3_ten_thousand_parts_hold_hundreds_of_gigabytes() -> None:
    sizes = [part_bytes(number) for number in range(1, MAX_PARTS + 1)]
    assert sizes == sorted(sizes)
    assert sum(sizes) > 700 * 2**30
    assert max(sizes) <= 128 * 2**20


def test_s3_an_object_replaced_while_it_is_read_is_said_so(s3_server: S3Server) -> None:
    store = s3_store(s3_server)
    store.write("a", b"1" * 9_000_000)
    with store.open("a") as file:
        assert file.read(10) == b"1" * 10
        store.write("a", b"2" * 9_000_000)
        file.seek(8_000_000)
        with pytest.raises(StoreError) as caught:
            file.read(10)
    assert caught.value.code == "changed_while_read"


def every_call(store: CatalogStore) -> dict[str, Any]:
    return {
        "read": lambda: store.read("a/b.png"),
        "head": lambda: store.head("a/b.png", 4),
        "stat": lambda: store.stat("a/b.png"),
        "write": lambda: store.write("a/c.png", b"x"),
        "list": lambda: list(store.list("a")),
        "children": lambda: store.children("a"),
        "delete": lambda: store.delete("a/c.png"),
        "delete_many": lambda: store.delete_many(["a/c.png"]),
    }


@pytest.mark.parametrize("call", ["read", "head", "stat", "write", "list", "children", "delete", "delete_many"])
def test_s3_two_errors_of_the_server_are_got_over(behind: S3Store, proxy: FaultyProxy, call: str) -> None:
    proxy.plan(Fault(500, "InternalError"), Fault(503, "SlowDown"))
    every_call(behind)[call]()
    assert len(proxy.requests) == 3


@pytest.mark.parametrize("call", ["read", "stat", "write", "list", "delete_many"])
def test_s3_three_errors_of_the_server_are_a_clear_error(behind: S3Store, proxy: FaultyProxy, call: str) -> None:
    proxy.plan(*[Fault(503, "SlowDown")] * 3)
    with pytest.raises(StoreError) as caught:
        every_call(behind)[call]()
    assert caught.value.code == "store_busy"
    assert caught.value.retryable
    assert len(proxy.requests) == 3


def test_s3_a_listing_survives_errors_between_its_pages(proxy: FaultyProxy, s3_server: S3Server) -> None:
    proxy.plan()
    store = S3Store(s3_server.new_bucket(), "p", s3_client(proxy.endpoint), page_size=2)
    for number in range(6):
        store.write(f"a/{number}", b"x")
    entries = store.list("a")
    found = [next(entries).key, next(entries).key]
    proxy.plan(Fault(500, "InternalError"), Fault(500, "InternalError"))
    found += keys(entries)
    assert found == [f"a/{number}" for number in range(6)]


def test_s3_a_reply_that_breaks_off_is_read_again(behind: S3Store, proxy: FaultyProxy) -> None:
    proxy.plan(Fault(cut_after=100), Fault(cut_after=999))
    assert behind.read("a/b.png") == b"0123456789" * 100
    assert len(proxy.requests) == 3
    proxy.plan(*[Fault(cut_after=5)] * 3)
    with pytest.raises(StoreError) as caught:
        behind.read("a/b.png")
    assert caught.value.code == "store_unreachable"
    assert caught.value.retryable
    assert len(proxy.requests) == 3


def test_s3_silence_is_a_timeout_and_tried_again(behind: S3Store, proxy: FaultyProxy) -> None:
    proxy.plan(Fault(silent_s=2.0))
    assert behind.head("a/b.png", 4) == b"0123"
    proxy.plan(*[Fault(silent_s=2.0)] * 3)
    with pytest.raises(StoreError) as caught:
        behind.read("a/b.png")
    assert caught.value.code == "store_unreachable"
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "InvalidAccessKeyId", "wrong_credentials"),
        (403, "SignatureDoesNotMatch", "wrong_credentials"),
        (400, "ExpiredToken", "wrong_credentials"),
        (403, "AccessDenied", "no_permission"),
        (400, "IllegalLocationConstraintException", "wrong_region"),
        (404, "NoSuchBucket", "missing_bucket"),
        (429, "TooManyRequests", "store_busy"),
        (400, "InvalidArgument", "store_refused"),
    ],
)
@pytest.mark.parametrize("call", ["read", "write", "list"])
def test_s3_refusals_say_what_is_wrong(
    behind: S3Store, proxy: FaultyProxy, call: str, status: int, code: str, expected: str
) -> None:
    proxy.plan(*[Fault(status, code)] * 6)
    with pytest.raises(StoreError) as caught:
        every_call(behind)[call]()
    assert caught.value.code == expected
    assert caught.value.hint
    assert "secret" not in str(caught.value).replace("its secret", "")
    assert "AKIATEST" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "InvalidAccessKeyId", "wrong_credentials"),
        (403, "AccessDenied", "no_permission"),
        (400, "ExpiredToken", "wrong_credentials"),
        (429, "TooManyRequests", "store_busy"),
    ],
)
def test_s3_a_refused_stat_finds_out_why(
    behind: S3Store, proxy: FaultyProxy, status: int, code: str, expected: str
) -> None:
    proxy.plan(*[Fault(status, code)] * 6)  # the reply to a HEAD has no body, so no code
    with pytest.raises(StoreError) as caught:
        behind.stat("a/b.png")
    assert caught.value.code == expected


@pytest.mark.parametrize("call", ["read", "head", "stat", "write", "list", "children", "delete", "delete_many"])
def test_s3_a_missing_bucket_is_said_so(s3_server: S3Server, call: str) -> None:
    store = S3Store("no-such-bucket-here", "p", s3_server.client())
    with pytest.raises(StoreError) as caught:
        every_call(store)[call]()
    assert caught.value.code == "missing_bucket"
    assert "no-such-bucket-here" in caught.value.message


@pytest.mark.parametrize("call", ["read", "stat", "write", "list"])
def test_s3_an_endpoint_that_is_not_there_is_said_so(call: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = S3Store("some-bucket", "p", s3_client(f"http://127.0.0.1:{port}", timeout_s=1.0))
    with pytest.raises(StoreError) as caught:
        every_call(store)[call]()
    assert caught.value.code == "store_unreachable"
    assert caught.value.retryable


def test_s3_without_credentials_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(StoreError) as caught:
        open_store("s3://some-bucket/p").read("a")
    assert caught.value.code == "no_credentials"
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    with pytest.raises(StoreError) as caught:
        open_store("s3://some-bucket/p")
    assert caught.value.code == "bad_s3_settings"


# Opening.


def test_a_root_names_a_folder_or_a_bucket(tmp_path: Path, s3_server: S3Server) -> None:
    assert isinstance(open_store(str(tmp_path)), LocalStore)
    assert isinstance(open_store("./catalog"), LocalStore)
    assert isinstance(open_store("C:/catalog"), LocalStore)
    store = open_store("s3://some-bucket/deep/prefix/", s3_server.client)
    assert isinstance(store, S3Store)
    assert store.root == "s3://some-bucket/deep/prefix"
    assert open_store("s3://some-bucket", s3_server.client).root == "s3://some-bucket"


@pytest.mark.parametrize(
    "root",
    ["", " ", "s3://", "s3:/bucket", "s3://KEY:secret@bucket/x", "s3://a", "gs://bucket/x", "s3://bucket/../x"],
)
def test_a_root_that_makes_no_sense_is_refused_without_showing_it(root: str, s3_server: S3Server) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(root, s3_server.client)
    assert caught.value.code in ("bad_root", "bad_key")
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("s3_credentials")
def test_the_dagster_resource_opens_both(tmp_path: Path, proxy: FaultyProxy, s3_server: S3Server) -> None:
    local = CatalogResource(root=str(tmp_path))
    assert local.open() is local.open()
    store = CatalogResource(root=f"s3://{s3_server.new_bucket()}/p", s3_endpoint=proxy.endpoint).open()
    proxy.plan(Fault(500, "InternalError"), Fault(500, "InternalError"))
    store.write_json("a.json", {"a": 1})
    assert store.read_json("a.json") == {"a": 1}
    proxy.plan(*[Fault(500, "InternalError")] * 6)
    with pytest.raises(StoreError):
        store.read("a.json")
    assert len(proxy.requests) == 3


def test_a_store_error_becomes_a_value() -> None:
    rejection = StoreError("store_busy", "Busy.", "Later.", retryable=True).rejection("mask")
    assert (rejection.code, rejection.stage, rejection.retryable) == ("store_busy", "mask", True)
    assert json.loads(json.dumps(rejection.message)) == "Busy."


def test_errors_travel_between_processes() -> None:
    missing = pickle.loads(pickle.dumps(NotFound("a/b")))  # noqa: S301 - our own bytes
    assert (missing.key, missing.code, str(missing)) == ("a/b", "not_found", str(NotFound("a/b")))
    busy = pickle.loads(pickle.dumps(StoreError("store_busy", "Busy.", "Later.", retryable=True)))  # noqa: S301 - our own bytes
    assert (busy.code, busy.retryable) == ("store_busy", True)


def test_opening_a_local_store_imports_nothing_heavy() -> None:
    code = (
        "import sys; from resources.uploads import scan_uploads; from resources.products import load_products;"
        "from resources.store import open_store; scan_uploads(open_store('nowhere'));"
        "print([name for name in ('boto3', 'torch', 'pandas', 'cv2', 'dagster') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_key_is_created_once(store: CatalogStore) -> None:
    assert store.create("state/lock.json", b"mine")
    assert not store.create("state/lock.json", b"yours")
    assert store.read("state/lock.json") == b"mine"
    store.delete("state/lock.json")
    assert store.create("state/lock.json", b"yours")
    assert keys(store.list("state")) == ["state/lock.json"]


def test_of_many_who_create_a_key_at_once_one_does(store: CatalogStore) -> None:
    ready = threading.Barrier(8)

    def race(number: int) -> bool:
        ready.wait()
        return store.create("state/race.json", f"number {number}".encode())

    with ThreadPoolExecutor(8) as pool:
        won = [number for number, first in enumerate(pool.map(race, range(8))) if first]
    assert len(won) == 1
    assert store.read("state/race.json") == f"number {won[0]}".encode()


def test_a_creation_that_was_sent_twice_is_still_ones_own(s3_server: S3Server) -> None:
    store = s3_store(s3_server)
    assert store.create("state/lock.json", b"mine")
    assert store.create("state/lock.json", b"mine")  # as when the first reply was lost


def test_a_key_is_created_once_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store = LocalStore(tmp_path)
    assert store.create("state/lock.json", b"mine")
    assert not store.create("state/lock.json", b"yours")
    assert store.read("state/lock.json") == b"mine"
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["lock.json"]


def test_only_what_is_old_enough_is_removed(store: CatalogStore) -> None:
    store.write("assets/a/x.png", b"x")
    entry = store.stat("assets/a/x.png")
    assert entry is not None
    assert abs(entry.modified - time.time()) < 60
    assert list(store.list("assets")) == [entry]
    assert not store.delete_older("assets/a/x.png", entry.modified)
    assert store.read("assets/a/x.png") == b"x"
    assert not store.delete_older("assets/a/nothing.png", time.time() + 60)
    assert store.delete_older("assets/a/x.png", entry.modified + 1)
    assert list(store.list()) == []


def test_what_is_renewed_counts_as_just_written(store: CatalogStore) -> None:
    assert not store.renew("a/x.png")
    store.write("a/x.png", b"x")
    if isinstance(store, LocalStore):
        os.utime(Path(store.root, "a/x.png"), (1e9, 1e9))
    assert store.renew("a/x.png")
    entry = store.stat("a/x.png")
    assert entry is not None
    assert abs(entry.modified - time.time()) < 60


def test_a_newer_file_takes_the_place_of_one_that_is_put_back(tmp_path: Path) -> None:
    from resources.storage.local import _put_back

    claimed, path = tmp_path / "claimed", tmp_path / "x.png"
    claimed.write_bytes(b"old")
    _put_back(claimed, path)
    assert path.read_bytes() == b"old"
    claimed.write_bytes(b"older")
    _put_back(claimed, path)
    assert path.read_bytes() == b"old"
    assert not claimed.exists()


def test_an_old_object_is_written_again_because_none_can_be_touched(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = s3_store(s3_server)
    key = store.write_picture("a", "x", "png", b"pixels")
    before = store.stat(key)
    monkeypatch.setattr("resources.storage.s3._RENEW_S", 0.0)
    time.sleep(1.1)
    assert store.write_picture("a", "x", "png", b"pixels") == key
    after = store.stat(key)
    assert before is not None
    assert after is not None
    assert after.modified > before.modified
