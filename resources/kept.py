"""Values that are made once a key, for many threads, of which the last ones are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """At most `most` values, the least recently wanted go first. Threads that want the same one wait for one maker."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[K, Future[V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The kept value, else that of `make`. What `make` raises is raised to all who wait, and not kept."""
        with self._lock:
            kept = self._values.get(key)
            mine: Future[V] = kept or Future()
            self._values[key] = mine
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        if kept is None:
            try:
                mine.set_result(make())
            except BaseException as error:
                with self._lock:
                    if self._values.get(key) is mine:
                        del self._values[key]
                mine.set_exception(error)
        return mine.result()
