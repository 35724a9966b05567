"""A ZIP of all listed pictures beside each marketplace's manifests, for shops that upload by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO

from catalog_assets.dossier import in_order
from catalog_assets.listed_pictures import FOLDER, Listed, read_pictures
from catalog_assets.publishing import Unpublished, read_export
from catalog_assets.settings import Settings, SettingsError
from resources.marketplaces.archives import zip_chunks
from resources.store import CatalogStore, NotFound, StoreError

ARCHIVE = "pictures.zip"
DIGEST = "pictures.zip.json"
# So many pictures at once are held in memory while the ZIP is written.
_AHEAD = 8


@dataclass
class ArchiveResult:
    """A marketplace's ZIP: its keys (none without pictures), whether it was written now, and what is not in it."""

    keys: tuple[str, ...]
    written: bool = False
    missing: list[Unpublished] = field(default_factory=list)


def archived(settings: Settings, known: Collection[str]) -> frozenset[str]:
    """The marketplaces that get a ZIP. SettingsError for one that is not known.

    known: marketplaces with rules.
    """
    if settings.archives == "all":
        return frozenset(known)
    wanted = frozenset(() if settings.archives == "none" else settings.archives)
    if unknown := sorted(wanted - set(known)):
        raise SettingsError(
            f"catalog.yaml: archives: no rules for {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    return wanted


def write_archive(
    store: CatalogStore, marketplace: str, open_list: Callable[[], BinaryIO], step: Callable[[int], None]
) -> ArchiveResult:
    """Write `manifests/<marketplace>/pictures.zip`, unless it holds these very pictures already.

    open_list: opens the marketplace's pictures.csv. step: told of each picture that is in. Names are
    `<sku>/<upload_name>`. A file that is gone or changed since it was checked is left out and said; the next run tries
    again. StoreError if the store fails.
    """
    keys = (f"{FOLDER}/{marketplace}/{ARCHIVE}", f"{FOLDER}/{marketplace}/{DIGEST}")
    with open_list() as file:
        digest, count = _digest(read_pictures(file))
    if not count:
        return ArchiveResult(())
    entry = store.stat(keys[0])
    if entry is not None and _beside(store, keys[1]) == {"pictures": digest, "bytes": entry.size}:
        return ArchiveResult(keys)
    result = ArchiveResult(keys, written=True)
    with open_list() as file:
        store.write_stream(keys[0], zip_chunks(_entries(store, read_pictures(file), result.missing, step)))
    written = store.stat(keys[0])
    store.write_json(
        keys[1], {"pictures": "" if result.missing else digest, "bytes": written.size if written is not None else 0}
    )
    return result


def entry_name(listed: Listed) -> str:
    """Name of a picture in the ZIP."""
    return f"{listed.sku}/{listed.upload_name}"


def _digest(pictures: Iterable[Listed]) -> tuple[str, int]:
    """A hash of names and contents in their order, and how many there are."""
    found, count = hashlib.sha256(), 0
    for listed in pictures:
        found.update(json.dumps([entry_name(listed), listed.sha256]).encode())
        count += 1
    return found.hexdigest(), count


def _beside(store: CatalogStore, key: str) -> Any:
    """What was noted of the ZIP when it was written; None if nothing readable is there."""
    try:
        return store.read_json(key)
    except NotFound:
        return None
    except StoreError as error:
        if error.code == "broken_record":
            return None
        raise


def _entries(
    store: CatalogStore, pictures: Iterable[Listed], missing: list[Unpublished], step: Callable[[int], None]
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    def read(listed: Listed) -> tuple[Listed, bytes | None, Unpublished | None]:
        return listed, *read_export(store, listed.file, listed.sha256)

    for listed, data, problem in in_order(read, pictures, store.readers, ahead=_AHEAD):
        step(1)
        if problem is not None:
            missing.append(problem)
        if data is not None:
            yield entry_name(listed), partial(bytes, data)
