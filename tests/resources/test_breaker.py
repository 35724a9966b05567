"""A breaker opens, lets exactly one probe through, and closes or rests longer; late news changes nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from resources.scenes.breaker import MAX_COOLDOWN_S, Breaker, Breakers, Pass


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def passed(breaker: Breaker) -> Pass:
    found = breaker.ask()
    assert isinstance(found, Pass), found
    return found


def opened(clock: Clock, failures: int = 3, cooldown_s: float = 60.0) -> Breaker:
    breaker = Breaker("flux", failures, cooldown_s, clock)
    for _ in range(failures):
        breaker.failed(passed(breaker), "it timed out")
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    breaker = Breaker("flux", 3, 60.0, Clock())
    for outcome in ("failed", "failed", "succeeded", "failed", "failed"):
        if outcome == "failed":
            breaker.failed(passed(breaker), "no answer")
        else:
            breaker.succeeded(passed(breaker))
    assert breaker.state == "closed"
    breaker.failed(passed(breaker), "no answer")
    assert breaker.state == "open"


def test_while_open_nobody_is_let_through_and_the_reason_says_why_and_how_long() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 20
    reason = breaker.ask()
    assert reason == "breaker open for 40 s more: it timed out"


def test_after_the_rest_one_probe_goes_through_and_its_success_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 60
    probe = passed(breaker)
    assert probe.probe
    assert breaker.state == "half_open"
    assert "another picture is the test" in str(breaker.ask())
    breaker.succeeded(probe)
    assert breaker.state == "closed"
    assert not passed(breaker).probe
    assert [change.state for change in breaker.changes] == ["open", "half_open", "closed"]


def test_a_failed_probe_doubles_the_rest_up_to_a_quarter_of_an_hour_and_success_resets_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    for rest in (60, 120, 240, 480, MAX_COOLDOWN_S, MAX_COOLDOWN_S):
        clock.now += rest - 1
        assert isinstance(breaker.ask(), str)
        clock.now += 1
        breaker.failed(passed(breaker), "still down")
    clock.now += MAX_COOLDOWN_S
    breaker.succeeded(passed(breaker))
    for _ in range(3):
        breaker.failed(passed(breaker), "down again")
    clock.now += 60
    assert passed(breaker).probe


def test_outcomes_of_calls_from_before_it_opened_change_nothing() -> None:
    clock = Clock()
    breaker = Breaker("flux", 3, 60.0, clock)
    under_way = [passed(breaker) for _ in range(8)]
    for used in under_way[:3]:
        breaker.failed(used, "down")
    for used in under_way[3:6]:
        breaker.failed(used, "down too")
    breaker.succeeded(under_way[6])
    assert breaker.state == "open"
    clock.now += 60
    probe = passed(breaker)
    breaker.failed(under_way[7], "the last of the old ones")
    assert breaker.state == "half_open"
    breaker.succeeded(probe)
    assert breaker.state == "closed"


def test_a_probe_that_was_not_used_leaves_its_place_to_the_next() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 60
    breaker.unused(passed(breaker))
    assert breaker.state == "half_open"
    assert passed(breaker).probe


def test_handing_back_a_used_pass_changes_nothing() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 60
    first = passed(breaker)
    breaker.failed(first, "down")
    clock.now += 120
    second = passed(breaker)
    breaker.unused(first)
    assert isinstance(breaker.ask(), str)
    breaker.succeeded(second)
    assert breaker.state == "closed"


def test_of_many_threads_exactly_one_gets_the_probe() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 60
    gate = threading.Barrier(32)

    def ask() -> Pass | str:
        gate.wait()
        return breaker.ask()

    with ThreadPoolExecutor(32) as pool:
        found = [future.result() for future in [pool.submit(ask) for _ in range(32)]]
    assert sum(isinstance(one, Pass) for one in found) == 1


def test_each_engine_has_one_breaker_and_all_changes_are_told_in_order() -> None:
    clock = Clock()
    breakers = Breakers(1, 60.0, clock)
    assert breakers.of("a") is breakers.of("a") is not breakers.of("b")
    for name in ("b", "a"):
        breakers.of(name).failed(passed(breakers.of(name)), "down\nfor\x00 good")
        clock.now += 1
    assert [(change.engine, change.state) for change in breakers.changes] == [("b", "open"), ("a", "open")]
    assert "down for good" in breakers.changes[0].reason


@pytest.mark.parametrize(("failures", "cooldown_s"), [(0, 60.0), (3, 0.0)])
def test_absurd_numbers_are_refused(failures: int, cooldown_s: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        Breaker("flux", failures, cooldown_s)
