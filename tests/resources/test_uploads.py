from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from resources.store import CatalogStore, LocalStore
from resources.uploads import UploadIndex, main_view, scan_uploads, wanted_view_missing
from tests.conftest import S3Server
from tests.resources.test_store import s3_store

JPEG = b"\xff\xd8\xff\xe0" + bytes(100)


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder


def put(folder: Path, name: str, data: bytes = JPEG) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def scan(folder: Path) -> UploadIndex:
    return scan_uploads(LocalStore(folder.parent))


def notes(index: UploadIndex) -> set[tuple[str, str]]:
    return {(note.code, note.path) for note in index.notes}


def test_no_folder_no_uploads(tmp_path: Path) -> None:
    index = scan_uploads(LocalStore(tmp_path / "nothing here"))
    assert index.skus == {}
    assert index.notes == ()


def test_flat_files_and_folders(uploads: Path) -> None:
    put(uploads, "mug.jpg")
    put(uploads, "mug/back.PNG")
    put(uploads, "chair/front.webp")
    skus = scan(uploads).skus
    assert list(skus) == ["chair", "mug"]
    assert [(view.view, view.key) for view in skus["mug"].views] == [
        ("back", "uploads/mug/back.PNG"),
        ("main", "uploads/mug.jpg"),
    ]
    assert all(view.problem is None for view in skus["mug"].views)
    assert skus["mug"].views[0].size == len(JPEG)


def test_a_hostile_name_gets_a_safe_key_and_can_be_read(uploads: Path) -> None:
    names = ["..\\..\\evil.jpg", "..%2f..%2fetc%2fpasswd.jpg", "-rf.jpg", "quote\"'`$(touch pwned).jpg", "a\nb.jpg"]
    for name in names:
        put(uploads, name, JPEG + name.encode())
    store = LocalStore(uploads.parent)
    index = scan_uploads(store)
    assert len(index.skus) == len(names)
    assert notes(index) == set()
    for sku in index.skus.values():
        assert store.read(sku.views[0].key).startswith(JPEG)
        assert "/" not in sku.sku
        assert "\\" not in sku.sku


def test_hidden_files_get_one_note_each_folder(uploads: Path) -> None:
    put(uploads, ".DS_Store")
    put(uploads, ".hidden.jpg")
    put(uploads, "mug/._front.jpg")
    put(uploads, ".git/a.jpg")
    put(uploads, ".git/objects/b.jpg")
    index = scan(uploads)
    assert index.skus == {}
    assert notes(index) == {
        ("hidden_file", ".DS_Store"),
        ("hidden_file", ".hidden.jpg"),
        ("hidden_file", "mug/._front.jpg"),
        ("hidden_file", ".git"),
    }
    assert "2 files" in next(note.message for note in index.notes if note.path == ".git")


def test_what_lies_too_deep_gets_a_note(uploads: Path) -> None:
    put(uploads, "mug/2024/front.jpg")
    put(uploads, "mug/2024/back.jpg")
    index = scan(uploads)
    assert index.skus == {}
    assert notes(index) == {("nested_too_deep", "mug/2024/")}
    assert "2 files" in index.notes[0].message


def test_what_is_no_photo_by_name_nor_bytes_gets_a_note(uploads: Path) -> None:
    put(uploads, "list.csv", b"a,b\n")
    put(uploads, "photos.zip", b"PK\x03\x04" + bytes(50))
    put(uploads, "Thumbs.db", b"\xd0\xcf\x11\xe0")
    put(uploads, "empty", b"")
    index = scan(uploads)
    assert index.skus == {}
    assert {code for code, _ in notes(index)} == {"not_a_photo"}
    assert len(index.notes) == 4


def test_a_photo_by_its_bytes_or_by_its_name_is_an_upload(uploads: Path) -> None:
    put(uploads, "by-bytes.jpg_large")
    put(uploads, "no-extension")
    put(uploads, "12.5cm bowl")
    put(uploads, "text.jpg", b"I am no photo, and must be refused aloud")
    put(uploads, "drawing.svg", b"<svg/>")
    put(uploads, "camera.3FR", b"raw")
    put(uploads, "zero.jpg", b"")
    index = scan(uploads)
    assert {sku.title for sku in index.skus.values()} == {
        "by-bytes",
        "no-extension",
        "12.5cm bowl",
        "text",
        "drawing",
        "camera",
        "zero",
    }
    assert index.notes == ()


def test_files_are_sniffed_once(uploads: Path) -> None:
    opened: list[str] = []

    class Watched(LocalStore):
        def head(self, key: str, n: int) -> bytes:
            opened.append(key)
            return super().head(key, n)

    put(uploads, "mug.jpg")
    put(uploads, "photo.dat")
    put(uploads, "note.txt", b"text")
    store = Watched(uploads.parent)
    first = scan_uploads(store)
    assert sorted(opened) == ["uploads/note.txt", "uploads/photo.dat"]
    opened.clear()
    second = scan_uploads(store, first.sniffed_tokens)
    assert opened == []
    assert second == first
    put(uploads, "note.txt", JPEG)
    assert "note" in scan_uploads(store, second.sniffed_tokens).skus
    assert opened == ["uploads/note.txt"]


def test_names_that_differ_only_in_case_reject_the_second(uploads: Path) -> None:
    put(uploads, "Mug.jpg")
    put(uploads, "mug/back.jpg")
    put(uploads, "MUG/top.jpg")
    skus = scan(uploads).skus
    assert len(skus) == 3
    assert skus["MUG"].problems == ()
    others = [sku for key, sku in skus.items() if key != "MUG"]
    for sku in others:
        assert sku.sku.startswith("mug-")
        assert [problem.code for problem in sku.problems] == ["duplicate_name"]
        assert "'MUG'" in sku.problems[0].message
        assert repr(sku.title) in sku.problems[0].message
        assert len(sku.views) == 1


def test_slugged_names_that_differ_only_in_case_are_rejected_too(uploads: Path) -> None:
    put(uploads, "Blue Mug.jpg")
    put(uploads, "blue mug.jpg")
    skus = scan(uploads).skus
    assert [len(sku.problems) for sku in sorted(skus.values(), key=lambda sku: sku.title)] == [0, 1]


def test_a_name_made_to_collide_with_a_slug_never_takes_its_place(uploads: Path) -> None:
    put(uploads, "a b.jpg")
    victim = next(iter(scan(uploads).skus))
    put(uploads, f"{victim}.jpg")
    skus = scan(uploads).skus
    assert len(skus) == 2
    assert skus[victim].title == "a b"
    assert sum(len(sku.problems) for sku in skus.values()) == 1


@pytest.mark.parametrize(
    "names",
    [
        ("mug.jpg", "mug.png"),
        ("mug.jpg", "mug/main.jpg"),
        ("mug/Front.jpg", "mug/front.png"),
        ("mug.jpg", "mug.png", "mug/Main.webp"),
    ],
)
def test_two_files_for_one_view_are_a_problem_of_that_view(uploads: Path, names: tuple[str, ...]) -> None:
    for name in names:
        put(uploads, name)
    put(uploads, "mug/detail.jpg")
    (sku,) = scan(uploads).skus.values()
    assert sku.problems == ()
    good, bad = sorted(sku.views, key=lambda view: view.problem is not None)
    assert good.view == "detail"
    assert bad.problem is not None
    assert bad.problem.code == "duplicate_view"
    assert all(name in bad.problem.message for name in names)
    before = bad.token
    (uploads / names[-1]).unlink()
    after = scan(uploads).skus["mug"]
    if len(names) == 2:
        assert all(view.problem is None for view in after.views)
    assert before not in after.tokens().values()


def test_both_spellings_of_a_name_are_the_same_view(uploads: Path) -> None:
    put(uploads, unicodedata.normalize("NFC", "für.jpg"))
    put(uploads, unicodedata.normalize("NFD", "für.jpg"))
    if len(os.listdir(uploads)) == 1:  # noqa: PTH208
        pytest.skip("this file system holds the two names to be one")
    (sku,) = scan(uploads).skus.values()
    assert sku.views[0].problem is not None
    assert sku.views[0].problem.code == "duplicate_view"


def test_a_name_that_is_no_unicode_is_a_problem_of_that_sku_only(uploads: Path) -> None:
    put(uploads, "mug.jpg")
    Path(os.fsdecode(os.fsencode(uploads) + b"/t\xeate.jpg")).write_bytes(JPEG)
    skus = scan(uploads).skus
    assert skus.pop("mug").views[0].problem is None
    (odd,) = skus.values()
    assert odd.views[0].problem is not None
    assert odd.views[0].problem.code == "undecodable_name"
    for text in (odd.sku, odd.title, odd.views[0].key, odd.views[0].token, odd.views[0].problem.message):
        text.encode("utf-8")


def test_links_pipes_and_closed_folders_do_no_harm(uploads: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    put(outside, "secret.jpg")
    put(uploads, "mug.jpg")
    (uploads / "stolen.jpg").symlink_to(outside / "secret.jpg")
    (uploads / "folder").symlink_to(outside)
    (uploads / "gone.jpg").symlink_to(uploads / "nowhere")
    (uploads / "loop").symlink_to(uploads)
    (uploads / "alias.jpg").symlink_to(uploads / "mug.jpg")
    os.mkfifo(uploads / "pipe.jpg")
    index = scan(uploads)
    assert set(index.skus) == {"mug", "alias"}
    assert notes(index) == {
        ("link_outside", "stolen.jpg"),
        ("link_outside", "folder"),
        ("broken_link", "gone.jpg"),
        ("link_loop", "loop"),
        ("not_a_file", "pipe.jpg"),
    }


def test_an_upload_of_absurd_size_is_refused_unread(uploads: Path) -> None:
    with (uploads / "huge.jpg").open("wb") as file:
        file.truncate(300 * 2**20)
    view = scan(uploads).skus["huge"].views[0]
    assert view.problem is not None
    assert view.problem.code == "file_too_large"


def test_s3_uploads(s3_server: S3Server) -> None:
    store = s3_store(s3_server, prefix="shop/a")
    client, bucket = s3_server.client(), store.root.split("/")[2]
    keys = ["mug.jpg", "mug/back.png", "ü 商品 %2f+&.jpg", "..\\evil.jpg", "photo.dat", "a//b.jpg", "x/../y.jpg"]
    for key in [*keys, "folder/", "note.txt"]:
        client.put_object(Bucket=bucket, Key=f"shop/a/uploads/{key}", Body=b"" if key == "folder/" else JPEG)
    client.put_object(Bucket=bucket, Key="shop/a/uploads/note.txt", Body=b"text")
    index = scan_uploads(store)
    assert {sku.title for sku in index.skus.values()} == {"mug", "ü 商品 %2f+&", "..\\evil", "photo"}
    assert notes(index) == {("bad_key", "a//b.jpg"), ("bad_key", "x/../y.jpg"), ("not_a_photo", "note.txt")}
    for sku in index.skus.values():
        for view in sku.views:
            assert store.read(view.key) == JPEG


def test_the_shared_bad_uploads(tmp_path: Path) -> None:
    data = os.environ.get("CATALOG_TEST_DATA")
    if not data:
        pytest.skip("CATALOG_TEST_DATA names no folder of evaluation data")
    (tmp_path / "uploads").symlink_to(Path(data) / "bad")
    store = LocalStore(tmp_path)
    index = scan_uploads(store)
    ignored = {"catalog_traversal.csv", "manifest.csv", "zip_slip.zip"}
    assert notes(index) == {("not_a_photo", name) for name in ignored}
    views = [view for sku in index.skus.values() for view in sku.views]
    files = {path.name for path in (Path(data) / "bad").iterdir()}
    assert {view.key.removeprefix("uploads/") for view in views if view.problem is None} == (
        files - ignored - {"animated.gif", "animated.webp"}
    )
    for view in views:
        assert len(store.read(view.key)) == view.size


def test_tokens_tell_what_changed(uploads: Path) -> None:
    store: CatalogStore = LocalStore(uploads.parent)
    put(uploads, "mug.jpg")
    before = scan_uploads(store).skus["mug"].tokens()
    assert scan_uploads(store).skus["mug"].tokens() == before
    put(uploads, "mug.jpg", JPEG + b"more")
    assert scan_uploads(store).skus["mug"].tokens() != before


@pytest.mark.parametrize(
    ("views", "wanted", "expected"),
    [
        (["back", "front", "main"], None, "main"),
        (["back", "Front"], None, "Front"),
        (["back", "hero"], "", "hero"),
        (["1", "2"], None, "1"),
        (["2", "3"], None, "2"),
        (["main", "detail"], "detail", "detail"),
        (["main", "detail"], "Detail", "detail"),
        (["main", "detail"], "side", "main"),
        ([], "side", None),
    ],
)
def test_main_view(views: list[str], wanted: str | None, expected: str | None) -> None:
    assert main_view(views, wanted) == expected


def test_a_wanted_view_that_is_missing_is_said_aloud() -> None:
    assert wanted_view_missing(["main"], None) == ""
    assert wanted_view_missing(["Main"], "main") == ""
    assert "'side'" in wanted_view_missing(["main"], "side")
