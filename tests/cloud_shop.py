"""A catalog that buys scenes from `tests.cloud_server`: its store crashes on order, its clock need not wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from resources.scenes import around
from resources.scenes.around import Start
from resources.scenes.cloud import engine
from resources.scenes.cloud.engine import CloudEngine
from resources.scenes.cloud.journal import Journal
from resources.scenes.cloud.providers import Kind
from resources.scenes.cloud.wire import Times
from resources.scenes.engine import Candidate, EngineError, SceneJob
from resources.scenes.templates import SceneTemplate, load_templates
from resources.store import LocalStore, content_hash
from tests.cloud_server import KEY, VARIABLE, CloudServer
from tests.pictures import product_cutout

KINDS: tuple[Kind, ...] = ("replicate", "fal", "openai")
QUEUED: tuple[Kind, ...] = ("replicate", "fal")
PRICE = 0.05
SIZE = (160, 160)


class Crash(BaseException):
    """The process is killed here."""


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    @property
    def times(self) -> Times:
        return Times(self, self, self.sleep)


def nothing(written: str) -> None:
    """No hook."""


class Store(LocalStore):
    """A store with hooks before and after each write and creation; they are told the key and the first bytes."""

    before: Callable[[str], None] = staticmethod(nothing)
    after: Callable[[str], None] = staticmethod(nothing)

    def write(self, key: str, data: bytes, content_type: str | None = None, cache_control: str | None = None) -> None:
        told = f"{key} {data[:400]!r}"
        self.before(told)
        super().write(key, data)
        self.after(told)

    def create(self, key: str, data: bytes) -> bool:
        told = f"{key} {data[:400]!r}"
        self.before(told)
        created = super().create(key, data)
        self.after(told)
        return created


def crash_at(*parts: str) -> Callable[[str], None]:
    """A hook that kills the process at the write whose key and bytes hold all of these."""

    def hook(written: str) -> None:
        if all(part in written for part in parts):
            raise Crash

    return hook


@dataclass
class Shop:
    """A catalog beside a server; each `engine` is a new process, as it were."""

    server: CloudServer
    store: Store
    clock: Clock
    seeds: Iterator[int] = field(default_factory=lambda: iter(range(1, 1000)))

    def engine(self, kind: Kind, **changed: Any) -> CloudEngine:
        journal = Journal(self.store, self.clock)
        return CloudEngine(self.server.provider(kind, **changed), journal, times=self.clock.times)

    def quick(self, kind: Kind) -> CloudEngine:
        """An engine whose calls give up soon."""
        return self.engine(kind, call_s=0.25, **({"timeout_s": 0.25} if kind == "openai" else {}))

    def job(self, **changed: Any) -> SceneJob:
        """A job with a seed of its own."""
        given = {"seed": next(self.seeds), "size": SIZE, "product": "a bottle", **changed}
        return SceneJob(product_cutout((100, 100)), a_template(), **given)

    @property
    def paid(self) -> int:
        return sum(self.server.paid.values())

    def entries(self) -> list[dict[str, Any]]:
        """What the journal holds."""
        return [self.store.read_json(item.key) for item in self.store.list("state") if item.key.endswith(".json")]


def a_template() -> SceneTemplate:
    return next(iter(load_templates().values()))


_starts: dict[tuple[object, ...], Start] = {}


def remembered_start(job: SceneJob, side: int, multiple: int) -> Start:
    """`around.start_of`, made once for all tests: the studio takes half of the time otherwise."""
    key = (content_hash(job.cutout.tobytes()), job.template.name, job.seed, job.size, job.care, side, multiple)
    if key not in _starts:
        _starts[key] = around.start_of(job, side, multiple)
    return _starts[key]


@contextmanager
def open_shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop in a folder, with the key in the environment."""
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setattr(engine, "start_of", remembered_start)
    clock = Clock()
    with CloudServer(now=clock) as server:
        yield Shop(server, Store(folder), clock)


def made(engine: CloudEngine, job: SceneJob) -> Candidate:
    """The candidate that an engine makes."""
    (candidate,) = engine.compose([job])
    return candidate


def failure(engine: CloudEngine, job: SceneJob) -> EngineError:
    """The error that an engine ends with; it holds no key and no address."""
    with pytest.raises(EngineError) as caught:
        engine.compose([job])
    assert KEY not in str(caught.value)
    assert "http://" not in str(caught.value)
    return caught.value
