"""Verification: every listed picture read back (its file, its address, its ZIP entry) against the manifests."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from catalog_assets.dossier import in_order
from catalog_assets.listed_pictures import FOLDER, BrokenListError, Listed, pictures_key, stored_pictures
from catalog_assets.manifest_archives import ARCHIVE, entry_name
from catalog_assets.publishing import Publisher, Unpublished, read_export
from resources.names import display
from resources.store import CatalogStore, NotFound, content_hash

_AHEAD = 8
_AGAIN = "Materialize `manifests` again."


def verify_exports(
    store: CatalogStore, marketplaces: Sequence[str] = (), publisher: Publisher | None = None
) -> Iterator[dict[str, Any]]:
    """One value for every listed picture that is as its manifests say, and one for each thing that is not.

    marketplaces: names; none: all that have manifests. publisher: where listed pictures should lie, if they are
    published. Values hold marketplace, sku, file, url, status (ok or failed), code and message. Codes: missing, changed
    (the exported file); other_address, not_published, published_changed (what the CDN serves); not_in_archive,
    changed_in_archive, not_listed, broken_archive (the ZIP); no_manifests, broken_list. Of what lies in a bucket the
    size alone is compared, in a folder the content. Few pictures are in memory at a time. StoreError if a store fails.
    """
    for name in marketplaces or store.children(FOLDER):
        if not store.exists(pictures_key(name)):
            yield _failed(name, "no_manifests", f"There are no manifests of {display(name)}. {_AGAIN}")
            continue
        try:
            yield from _verify(store, name, publisher)
        except BrokenListError as error:
            message = f"{pictures_key(name)} cannot be read: {display(str(error))}. {_AGAIN}"
            yield _failed(name, "broken_list", message)


def _verify(store: CatalogStore, name: str, publisher: Publisher | None) -> Iterator[dict[str, Any]]:
    def read(listed: Listed) -> tuple[Listed, list[Unpublished]]:
        return listed, list(_problems(store, listed, publisher))

    with ExitStack() as opened:
        archive = _Archive.open(store, name, opened)
        if archive is not None and archive.broken:
            yield _failed(name, "broken_archive", archive.broken)
        for listed, problems in in_order(read, stored_pictures(store, name), store.readers, ahead=_AHEAD):
            if archive is not None:
                problems += archive.problems(listed)
            for problem in problems:
                yield _failed(name, problem.code, problem.message, listed)
            if not problems:
                yield _value(name, listed, "ok")
        for entry in archive.unlisted() if archive is not None else ():
            yield _failed(name, "not_listed", f"The ZIP holds {display(entry)}, which no manifest names. {_AGAIN}")


def _problems(store: CatalogStore, listed: Listed, publisher: Publisher | None) -> Iterator[Unpublished]:
    data, problem = read_export(store, listed.file, listed.sha256)
    if problem is not None:
        yield problem
    elif data is not None and listed.bytes not in (None, len(data)):
        # Then the list itself was changed: one hash does not stand for two lengths.
        what = f"{display(listed.file)} has {len(data)} bytes, {listed.bytes} are listed."
        yield Unpublished("changed", f"{what} {_AGAIN}")
    if publisher is not None and (gone := publisher.problem(listed.url, listed.sha256, listed.bytes)) is not None:
        yield gone


@dataclass
class _Archive:
    """A marketplace's ZIP while it is compared. broken: why it cannot be read, if so."""

    zip: zipfile.ZipFile | None
    seen: Counter[str]
    broken: str = ""

    @classmethod
    def open(cls, store: CatalogStore, name: str, opened: ExitStack) -> _Archive | None:
        """The ZIP, None if there is none."""
        key = f"{FOLDER}/{name}/{ARCHIVE}"
        try:
            file = opened.enter_context(store.open(key))
        except NotFound:
            return None
        try:
            return cls(opened.enter_context(zipfile.ZipFile(file)), Counter())
        except zipfile.BadZipFile as error:
            return cls(None, Counter(), f"{key} cannot be read: {error}. Remove it; the next run writes it again.")

    def problems(self, listed: Listed) -> list[Unpublished]:
        """What is wrong with a picture's entry."""
        if self.zip is None:
            return []
        name = entry_name(listed)
        self.seen[name] += 1
        try:
            info = self.zip.getinfo(name)
            # The size first: an entry is not unpacked to more than it should be.
            same = info.file_size == (listed.bytes or info.file_size) and _hash(self.zip, info) == listed.sha256
        except KeyError:
            return [Unpublished("not_in_archive", f"The ZIP lacks {display(name)}. {_AGAIN}")]
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError):
            same = False
        if same:
            return []
        return [Unpublished("changed_in_archive", f"{display(name)} in the ZIP has other content. Remove the ZIP.")]

    def unlisted(self) -> list[str]:
        """Entries that no list names."""
        names = self.zip.namelist() if self.zip is not None else []
        return [name for name in names if name not in self.seen]


def _hash(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError("pictures are stored, not deflated")
    return content_hash(archive.read(info))


def _value(marketplace: str, listed: Listed | None, status: str, code: str = "", message: str = "") -> dict[str, Any]:
    return {
        "marketplace": marketplace,
        "sku": listed.sku if listed else "",
        "file": listed.file if listed else "",
        "url": listed.url if listed else "",
        "status": status,
        "code": code,
        "message": message,
    }


def _failed(marketplace: str, code: str, message: str, listed: Listed | None = None) -> dict[str, Any]:
    return _value(marketplace, listed, "failed", code, message)
