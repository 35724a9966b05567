"""The catalog store in a local folder."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat as stat_module
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from resources.names import display
from resources.storage.base import (
    BROKEN_LINK,
    BY_HAND,
    LINK_LOOP,
    LINK_OUTSIDE,
    NOT_A_FILE,
    SWEEP_AGE_S,
    TEMPORARY,
    UNREADABLE,
    UPLOADS,
    CatalogStore,
    Entry,
    NotFound,
    OnSkip,
    StoreError,
    check_foreign_key,
    check_key,
    listed_folder,
)

# How file systems without hard links say so.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class LocalStore(CatalogStore):
    """A store in a local folder, made at the first write.

    What people put there by hand (uploads, reviews) is read without following links that lead out of the root, and
    only if it is a regular file. Links elsewhere are the operator's own (a bigger disk behind `assets`) and are
    followed.

    Writes are not synced to the disk one by one: on a spinning or network disk that would cost more than all
    else, a killed process loses nothing without it, and a picture that did not reach the disk before a power
    cut has the wrong size, so it is written again.
    """

    readers = 2

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root).expanduser().absolute()
        self._prefix = f"{self._root}{os.sep}"
        if self._root.exists() and not self._root.is_dir():
            raise StoreError(
                "bad_root",
                f"The catalog root {display(str(self._root))} is a file.",
                "Name a folder, or s3://bucket/prefix.",
            )

    @property
    def root(self) -> str:
        return str(self._root)

    def read(self, key: str) -> bytes:
        return self._read(key, -1)

    def head(self, key: str, n: int) -> bytes:
        return self._read(key, max(n, 0))

    def stat(self, key: str) -> Entry | None:
        check_foreign_key(key)
        try:
            path = self._readable_path(key)
            status = path.stat()
        except NotFound:
            return None
        except OSError as error:
            if _is_absence(error):
                return None
            raise _local_error(error, "look at", key) from error
        return _entry(key, status) if stat_module.S_ISREG(status.st_mode) else None

    def open(self, key: str) -> BinaryIO:
        return os.fdopen(self._open_handle(key), "rb")

    def write(self, key: str, data: bytes, content_type: str | None = None, cache_control: str | None = None) -> None:
        self.write_stream(key, (data,))

    def write_stream(self, key: str, chunks: Iterable[bytes], content_type: str | None = None) -> None:
        path = self._root / check_key(key)
        temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(8)}")
        try:
            with self._create(temporary) as file:
                for chunk in chunks:
                    file.write(chunk)
            temporary.replace(path)
        except BaseException as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            if isinstance(error, OSError):
                raise _local_error(error, "write", key) from error
            raise

    def create(self, key: str, data: bytes) -> bool:
        path = self._root / check_key(key)
        temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(8)}")
        try:
            with self._create(temporary) as file:
                file.write(data)
            _link(temporary, path, data)
        except FileExistsError:
            return False
        except OSError as error:
            raise _local_error(error, "create", key) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
        return True

    def delete(self, key: str) -> None:
        path = self._root / check_key(key)
        try:
            path.unlink()
        except OSError as error:
            if _is_absence(error) or path.is_dir():
                return
            raise _local_error(error, "remove", key) from error
        self._remove_empty_folders(path.parent)

    def delete_older(self, key: str, before: float) -> bool:
        path = self._root / check_key(key)
        claimed = path.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(8)}")
        try:
            # Under a name of ours nobody can renew it: now its age is final.
            path.rename(claimed)
            if claimed.stat().st_mtime >= before:
                _put_back(claimed, path)
                return False
            claimed.unlink()
        except OSError as error:
            if _is_absence(error):
                return False
            raise _local_error(error, "remove", key) from error
        self._remove_empty_folders(path.parent)
        return True

    def renew(self, key: str) -> bool:
        try:
            os.utime(self._root / check_key(key))
        except OSError:  # gone since, or somebody else's file
            return False
        return True

    def list(self, prefix: str = "", on_skip: OnSkip | None = None) -> Iterator[Entry]:
        folder = listed_folder(prefix)
        skip = on_skip or _ignore
        path = self._listed_path(folder)
        if path is None:
            return
        identity = _identity(path.stat())
        yield from self._walk(path, f"{folder}/" if folder else "", (identity,), skip)

    def children(self, prefix: str = "") -> tuple[str, ...]:
        folder = listed_folder(prefix)
        path = self._listed_path(folder) if folder.split("/", 1)[0] in BY_HAND else f"{self._prefix}{folder}"
        if path is None:
            return ()
        try:
            with os.scandir(path) as entries:
                return tuple(sorted(entry.name for entry in entries if not entry.name.startswith(TEMPORARY)))
        except OSError as error:
            if _is_absence(error):
                return ()
            raise _local_error(error, "list", folder) from error

    def sweep(self, older_than_s: float = SWEEP_AGE_S) -> int:
        before = time.time() - older_than_s
        swept = 0
        for folder, folders, files in os.walk(self._root):
            if Path(folder) == self._root:
                # Uploads are never written by us, and what starts with a dot belongs to others.
                folders[:] = [name for name in folders if name != UPLOADS and not name.startswith(".")]
            for name in files:
                swept += name.startswith(TEMPORARY) and _removed_if_older(Path(folder, name), before)
        return swept

    def _read(self, key: str, n: int) -> bytes:
        # Without a buffer: reports read hundreds of thousands of small files.
        with io.FileIO(self._open_handle(key)) as file:
            try:
                return file.read(n)
            except OSError as error:
                raise _local_error(error, "read", key) from error

    def _open_handle(self, key: str) -> int:
        check_foreign_key(key)
        try:
            path = self._readable_path(key) if key.split("/", 1)[0] in BY_HAND else f"{self._prefix}{key}"
            # Non-blocking, or opening a named pipe would wait for a writer forever.
            handle = os.open(path, _READ_FLAGS)
        except OSError as error:
            if _is_absence(error):
                raise NotFound(key) from None
            raise _local_error(error, "read", key) from error
        if stat_module.S_ISREG(os.fstat(handle).st_mode):
            return handle
        os.close(handle)
        raise NotFound(key, f"{display(key)} is not a regular file.")

    def _readable_path(self, key: str) -> Path:
        path = self._root / key
        top = key.split("/", 1)[0]
        if top not in BY_HAND:
            return path
        try:
            real = path.resolve(strict=True)
        except RuntimeError:
            raise NotFound(key, f"{display(key)} is a link that leads to itself.") from None
        if not self._holds(real, top):
            raise NotFound(key, f"{display(key)} is a link that leads out of the catalog folder.")
        return real

    def _listed_path(self, folder: str) -> Path | None:
        """The folder to list, None if there is none (or if it is a link out of the uploads)."""
        try:
            path = self._readable_path(folder)
            return path if path.is_dir() else None
        except NotFound:
            return None
        except OSError as error:
            if _is_absence(error):
                return None
            raise _local_error(error, "list", folder) from error

    def _holds(self, real: Path, top: str) -> bool:
        """True if a resolved path lies in the root, or where the operator's own link of that name leads."""
        return real.is_relative_to(self._root.resolve()) or real.is_relative_to((self._root / top).resolve())

    def _create(self, path: Path) -> BinaryIO:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return path.open("xb")
        except FileNotFoundError:
            # Another process removed the folder it had just emptied.
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("xb")

    def _remove_empty_folders(self, folder: Path) -> None:
        with contextlib.suppress(OSError):
            while folder.parent != self._root and folder != self._root:
                folder.rmdir()
                folder = folder.parent

    def _walk(self, folder: Path, prefix: str, above: tuple[tuple[int, int], ...], skip: OnSkip) -> Iterator[Entry]:
        try:
            with os.scandir(folder) as entries:
                found = sorted(((_order(entry), entry) for entry in entries), key=lambda pair: pair[0])
        except OSError as error:
            if not _is_absence(error):
                skip(prefix, UNREADABLE)
            return
        for _, entry in found:
            if not entry.name.startswith(TEMPORARY):
                yield from self._visit(entry, prefix + entry.name, above, skip)

    def _visit(
        self, entry: os.DirEntry[str], key: str, above: tuple[tuple[int, int], ...], skip: OnSkip
    ) -> Iterator[Entry]:
        try:
            if entry.is_symlink() and not self._may_follow(Path(entry.path), key):
                skip(key, LINK_OUTSIDE)
                return
            status = entry.stat()
        except (OSError, RuntimeError) as error:
            if entry.is_symlink():
                skip(key, BROKEN_LINK)
            elif not (isinstance(error, OSError) and _is_absence(error)):
                skip(key, UNREADABLE)
            return
        if stat_module.S_ISREG(status.st_mode):
            yield _entry(key, status)
        elif not stat_module.S_ISDIR(status.st_mode):
            skip(key, NOT_A_FILE)
        elif _identity(status) in above:
            skip(key, LINK_LOOP)
        else:
            yield from self._walk(Path(entry.path), f"{key}/", (*above, _identity(status)), skip)

    def _may_follow(self, path: Path, key: str) -> bool:
        top = key.split("/", 1)[0]
        return top not in BY_HAND or self._holds(path.resolve(strict=True), top)


def _order(entry: os.DirEntry[str]) -> bytes:
    """Sorts folders where S3 would sort the keys inside them."""
    try:
        is_folder = entry.is_dir()
    except OSError:
        is_folder = False
    return os.fsencode(f"{entry.name}/" if is_folder else entry.name)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _entry(key: str, status: os.stat_result) -> Entry:
    return Entry(key, status.st_size, f"{status.st_size}-{status.st_mtime_ns}", status.st_mtime)


def _ignore(key: str, reason: str) -> None:
    pass


def _removed_if_older(path: Path, before: float) -> bool:
    try:
        if path.lstat().st_mtime >= before:
            return False
        path.unlink()
    except OSError:
        return False
    return True


def _is_absence(error: OSError) -> bool:
    # A name too long for the file system cannot be there; neither can something below a file.
    return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO)


def _link(whole: Path, path: Path, data: bytes) -> None:
    """Give a file its name; unlike a rename that never replaces what is there. Raises FileExistsError, OSError."""
    try:
        path.hardlink_to(whole)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        file = path.open("xb")  # may be seen half written: still nobody else creates it
        try:
            with file:
                file.write(data)
        except OSError:
            path.unlink()
            raise


def _put_back(claimed: Path, path: Path) -> None:
    """Give a file its name back, unless somebody has put another one there."""
    try:
        path.hardlink_to(claimed)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if not path.exists():
            claimed.rename(path)
            return
    claimed.unlink()


def _local_error(error: OSError, verb: str, key: str) -> StoreError:
    what = f"Could not {verb} {display(key) or 'the catalog folder'}: {error.strerror or error}."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreError("no_permission", what, "Give the account that runs the catalog access to the folder.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError("disk_full", what, "Free some space on the disk, then run again.")
    if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
        return StoreError("bad_key", what, "A folder stands where a file should be, or the other way round.")
    return StoreError("io_error", what, "Check the disk, then run again.", retryable=True)
