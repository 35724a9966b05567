"""Work that one sensor leaves for another: a file each in the store, removed one tick after that which dealt with it.

By then it is sure that what that tick asked for was heard: Dagster keeps its cursor together with its requests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from logging import Logger
from typing import Any, TypeVar

from resources.names import display
from resources.store import CatalogStore, NotFound

Work = TypeVar("Work")


def waiting(store: CatalogStore, folder: str, cursor: str | None) -> list[str]:
    """The files of a folder that wait, sorted; those that the last tick dealt with (its cursor) are removed."""
    done = set(json.loads(cursor or "[]"))
    there = sorted(name for name in store.children(folder) if name.endswith(".json"))
    store.delete_many([f"{folder}/{name}" for name in there if name in done])
    return [name for name in there if name not in done]


def cursor_of(dealt_with: list[str]) -> str:
    """The cursor of a tick that dealt with these files."""
    return json.dumps(dealt_with)


def read_left(
    store: CatalogStore, folder: str, name: str, understood: Callable[[Any], Work], log: Logger
) -> Work | None:
    """What a file says; None if it is gone or, with a word in the log, cannot be read.

    understood: makes work of its content, and raises ValueError, KeyError, TypeError or AttributeError if it is none.
    """
    try:
        return understood(json.loads(store.read(f"{folder}/{name}")))
    except NotFound:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        log.error(f"{folder}/{display(name)} cannot be read and is removed; `catalog refresh` finds what is due.")
        return None
