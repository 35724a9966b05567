"""Archives: what the standard library unzips is what was put in; written in pieces, and nothing of it kept."""

from __future__ import annotations

import io
import random
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator

import pytest

from resources.marketplaces.archives import zip_chunks

PICTURES = {
    f"SKU-{sku}/p{number}.jpg": random.Random(sku * 10 + number).randbytes(5000)
    for sku in range(4)
    for number in range(3)
}


def entries(pictures: dict[str, bytes]) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for name, data in pictures.items():
        yield name, lambda data=data: data  # type: ignore[misc]


def test_it_unzips_to_what_was_put_in() -> None:
    data = b"".join(zip_chunks(entries(PICTURES)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == PICTURES
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.external_attr >> 16 == 0o100644
            assert (info.create_system, info.extra, info.comment) == (3, b"", b"")


def test_each_file_can_be_read_as_it_comes_by() -> None:
    """Readers that do not seek know sizes from the header before a file; a stored file has no other end."""
    at, data = 0, b"".join(zip_chunks(entries(PICTURES)))
    for name, content in PICTURES.items():
        assert data[at : at + 4] == b"PK\x03\x04"
        flags = int.from_bytes(data[at + 6 : at + 8], "little")
        crc, stored, size = (int.from_bytes(data[at + place : at + place + 4], "little") for place in (14, 18, 22))
        lengths = [int.from_bytes(data[at + place : at + place + 2], "little") for place in (26, 28)]
        assert (flags & 0x08, crc, stored, size) == (0, zlib.crc32(content), len(content), len(content))
        assert data[at + 30 : at + 30 + lengths[0]].decode() == name
        at += 30 + sum(lengths) + size
    assert data[at : at + 4] == b"PK\x01\x02"


def test_the_same_entries_give_the_same_bytes() -> None:
    assert b"".join(zip_chunks(entries(PICTURES))) == b"".join(zip_chunks(entries(PICTURES)))


def test_an_empty_archive_is_one() -> None:
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_chunks([])))) as archive:
        assert archive.namelist() == []


def test_pieces_come_while_it_is_read() -> None:
    read = []

    def entry(number: int) -> tuple[str, Callable[[], bytes]]:
        def data() -> bytes:
            read.append(number)
            return b"x" * 1000

        return f"A/{number}.jpg", data

    chunks = zip_chunks(entry(number) for number in range(5))
    next(chunks)
    assert read == [0]
    assert sum(map(len, chunks)) > 4000
    assert read == [0, 1, 2, 3, 4]


def test_memory_does_not_grow_with_the_archive() -> None:
    picture = bytes(1_000_000)
    tracemalloc.start()
    try:
        total = sum(
            len(chunk) for chunk in zip_chunks((f"A/{number}.jpg", lambda: picture[1:]) for number in range(150))
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total > 149_000_000
    assert peak < 8_000_000


def test_more_files_than_a_plain_zip_can_count() -> None:
    number = 65_536
    data = b"".join(zip_chunks((f"A/{index}.jpg", lambda: b"x") for index in range(number)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == number
        assert archive.read(f"A/{number - 1}.jpg") == b"x"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "/etc/passwd",
        "../a.jpg",
        "A/../../a.jpg",
        "A/..",
        "A/./a.jpg",
        "A//a.jpg",
        "A/",
        "A\\a.jpg",
        "C:/a.jpg",
        "A/a.jpg:stream",
        "A/a\n.jpg",
        "A/a\x00.jpg",
        "A/ü.jpg",
        ".ssh/a.jpg",
        "-rf/a.jpg",
        "A/a.jpg.",
        "A/a.jpg\n",
    ],
)
def test_names_that_could_leave_their_folder_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no safe name"):
        b"".join(zip_chunks([(name, lambda: b"x")]))


def test_two_files_of_one_name_are_refused_even_by_case() -> None:
    for second in ("A/a.jpg", "a/A.JPG"):
        with pytest.raises(ValueError, match="two files"):
            b"".join(zip_chunks([("A/a.jpg", lambda: b"x"), (second, lambda: b"y")]))


def test_what_a_reader_raises_goes_through() -> None:
    def gone() -> bytes:
        raise FileNotFoundError("A/a.jpg")

    chunks = zip_chunks([("A/b.jpg", lambda: b"x"), ("A/a.jpg", gone)])
    next(chunks)
    with pytest.raises(FileNotFoundError):
        next(chunks)
