"""Values made once a key and kept for a while."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from resources.kept import Kept


def test_a_value_is_made_once_and_the_oldest_goes() -> None:
    kept: Kept[str, list[str]] = Kept(2)
    made = {key: kept.get(key, lambda key=key: [key]) for key in "ab"}  # type: ignore[misc]
    assert kept.get("a", lambda: ["new"]) is made["a"]  # and is now wanted later than b
    kept.get("c", lambda: ["c"])
    assert kept.get("a", lambda: ["new"]) is made["a"]
    assert kept.get("b", lambda: ["new"]) == ["new"]


def test_threads_that_want_the_same_wait_for_one_maker() -> None:
    kept: Kept[str, object] = Kept(2)
    all_there = threading.Barrier(4, timeout=10)
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    def want() -> object:
        all_there.wait()
        return kept.get("a", make)

    with ThreadPoolExecutor(4) as pool:
        values = [one.result() for one in [pool.submit(want) for _ in range(4)]]
    assert values == [made[0]] * 4


def test_an_error_is_raised_and_not_kept() -> None:
    kept: Kept[str, int] = Kept(2)

    def fail() -> int:
        raise ValueError("not today")

    with pytest.raises(ValueError, match="not today"):
        kept.get("a", fail)
    assert kept.get("a", lambda: 5) == 5
