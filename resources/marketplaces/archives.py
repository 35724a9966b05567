"""ZIP archives of pictures, written while they are read: as large as the catalog, and little of it in memory."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator

# The earliest date that a ZIP can hold: the same pictures give the same bytes on any day.
_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_PLAIN_FILE = 0o100644 << 16
# What no system refuses or reads otherwise: no drive, no parent, no hidden file, no dot at the end.
_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._~-]*[A-Za-z0-9_~-])?")


def zip_chunks(entries: Iterable[tuple[str, Callable[[], bytes]]]) -> Iterator[bytes]:
    """A ZIP of `entries` (name with slashes, and what reads its bytes), in pieces that follow one another.

    Stored, not deflated: pictures do not shrink. Dates and attributes are fixed, so the same entries in the same order
    give the same bytes; beyond 4 GiB or 65,535 files it is a ZIP64. One file's bytes and the table of names are held in
    memory. ValueError for a name that could leave its folder, and for two that are the same but for case. What a reader
    raises goes through.
    """
    sink = _Sink()
    known: set[str] = set()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name, read in entries:
            _check(name, known)
            archive.writestr(_info(name), read())
            yield sink.take()
    yield sink.take()


class _Sink:
    """Where a ZIP is written to; it can go back within what was not taken yet.

    So each file's header can be completed before it leaves, and no trailing descriptor is needed, which readers that
    do not seek refuse for stored files.
    """

    def __init__(self) -> None:
        self._start = 0
        self._pending = io.BytesIO()

    def write(self, data: bytes) -> int:
        return self._pending.write(data)

    def tell(self) -> int:
        return self._start + self._pending.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._start:
            raise io.UnsupportedOperation("these bytes have left already")
        return self._start + self._pending.seek(offset - self._start)

    def flush(self) -> None:
        """Nothing lies between this and the bytes that are taken."""

    def take(self) -> bytes:
        """The bytes written since the last time."""
        data = self._pending.getvalue()
        self._start += len(data)
        self._pending = io.BytesIO()
        return data


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = _UNIX
    info.external_attr = _PLAIN_FILE
    return info


def _check(name: str, known: set[str]) -> None:
    """Remember a name. ValueError if it is not safe, or known."""
    if not all(_PART.fullmatch(part) for part in name.split("/")):
        raise ValueError(f"{name!r} is no safe name for a file in an archive")
    if name.casefold() in known:
        raise ValueError(f"two files in the archive would be called {name!r}")
    known.add(name.casefold())
