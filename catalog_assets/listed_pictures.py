"""pictures.csv: every picture that a marketplace's manifests name, with file, address and recorded hash, read back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import BinaryIO, NamedTuple

from resources.store import CatalogStore, NotFound

FOLDER = "manifests"
PICTURES = "pictures.csv"
# What no list lacks, whatever its age.
_NEEDED = ("sku", "slot", "campaign", "scene", "file", "url", "sha256")


class BrokenListError(ValueError):
    """A pictures.csv that cannot be read as what it should be."""


class Listed(NamedTuple):
    """One listed picture. file: below `exports/`. upload_name: its name in the ZIP. bytes: None if not said."""

    sku: str
    slot: str
    campaign: str
    scene: str
    file: str
    url: str
    sha256: str
    upload_name: str = ""
    bytes: int | None = None


def pictures_key(marketplace: str) -> str:
    """The store key of a marketplace's list."""
    return f"{FOLDER}/{marketplace}/{PICTURES}"


def stored_pictures(store: CatalogStore, marketplace: str) -> Iterator[Listed]:
    """The pictures that the manifests in the store name, in their order; none if there are no manifests."""
    try:
        file = store.open(pictures_key(marketplace))
    except NotFound:
        return
    with file:
        yield from read_pictures(file)


def read_pictures(file: BinaryIO) -> Iterator[Listed]:
    """The rows of a pictures.csv, one at a time. BrokenListError if it is damaged."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        rows = csv.reader(text, strict=True)
        header = next(rows, [])
        if not set(_NEEDED) <= set(header):
            raise BrokenListError(f"columns {', '.join(header)[:200]!r} found, {', '.join(_NEEDED)} expected")
        known = {name: at for at, name in enumerate(header)}
        needed, name, size = (
            itemgetter(*(known[name] for name in _NEEDED)),
            known.get("upload_name"),
            known.get("bytes"),
        )
        for row in rows:
            sku, slot, campaign, scene, path, url, sha256 = needed(row)
            upload_name, length = "" if name is None else row[name], None if size is None else int(row[size])
            yield Listed(sku, slot, campaign, scene, path, url, sha256, upload_name, length)
    except (csv.Error, UnicodeDecodeError, IndexError, ValueError) as error:
        raise BrokenListError(str(error)) from error
    finally:
        text.detach()


def by_sku(pictures: Iterator[Listed]) -> Iterator[tuple[str, list[Listed]]]:
    """Neighbouring rows of one SKU together."""
    return ((sku, list(group)) for sku, group in groupby(pictures, key=itemgetter(0)))
