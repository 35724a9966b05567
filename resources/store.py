"""The catalog store: bytes under relative keys, in a local folder or in S3, with the same promises."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from resources.names import display
from resources.storage.base import (
    BAD_KEY,
    BROKEN_LINK,
    LINK_LOOP,
    LINK_OUTSIDE,
    NOT_A_FILE,
    REVIEWS,
    UNREADABLE,
    UPLOADS,
    CatalogStore,
    Entry,
    NotFound,
    StoreError,
    check_key,
    content_hash,
    json_bytes,
)
from resources.storage.local import LocalStore
from resources.storage.s3 import S3Store, connect, default_client

__all__ = [
    "BAD_KEY",
    "BROKEN_LINK",
    "LINK_LOOP",
    "LINK_OUTSIDE",
    "NOT_A_FILE",
    "REVIEWS",
    "UNREADABLE",
    "UPLOADS",
    "CatalogStore",
    "Entry",
    "LocalStore",
    "NotFound",
    "S3Store",
    "StoreError",
    "check_key",
    "content_hash",
    "json_bytes",
    "open_store",
]

_ROOT_HINT = "Name a folder, or s3://bucket/prefix."


def open_store(root: str, s3_client_factory: Callable[[], Any] | None = None) -> CatalogStore:
    """The store at a root: a local folder, or s3://bucket/prefix. Touches neither disk nor network.

    s3_client_factory: makes the boto3 client, with credentials, endpoint and region; without it, boto3 takes
    them from where it usually does (environment, profile, machine role). StoreError `bad_root` if the root is
    neither.
    """
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/", root)
    if not root.strip():
        raise StoreError("bad_root", "The catalog root is empty.", _ROOT_HINT)
    if scheme is None:
        return LocalStore(root)
    if scheme[1] != "s3":
        raise StoreError(
            "bad_root",
            f"The catalog root begins with {display(scheme[1])}:, which is not known here.",
            _ROOT_HINT,
        )
    bucket, prefix = _split_s3(root)
    return S3Store(bucket, prefix, connect(s3_client_factory or default_client))


def _split_s3(root: str) -> tuple[str, str]:
    location = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", root, re.DOTALL)
    if location is None:
        # Not shown: people paste keys and secrets into such places.
        raise StoreError(
            "bad_root",
            "The catalog root begins with s3:, but is not of the form s3://bucket/prefix.",
            "Bucket names are 3 to 63 small letters, digits, dots, dashes. Credentials do not belong here.",
        )
    return location[1], (location[2] or "").strip("/")
