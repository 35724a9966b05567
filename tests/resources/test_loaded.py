"""What runs load: each engine once a run, let go of at its end however it ends, shared where somebody keeps it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from resources.engines import Engines
from resources.loaded import Loaded, keep_loaded
from resources.matting.cascade import Cascade
from resources.matting.classical import ClassicalEngine
from resources.matting.engines import matting_engine
from resources.weights import Models, Weights
from tests.dagster_runs import QUIET
from tests.nets import make_dinov2
from tests.pictures import product_photo
from tests.resources.printed_box import box_photo, in_scene
from tests.resources.test_patch_likeness import sight


class Engine:
    """Writes down that it was closed."""

    def __init__(self, name: str, closed: list[str], trouble: bool = False) -> None:
        self.name, self._closed, self._trouble = name, closed, trouble

    def close(self) -> None:
        self._closed.append(self.name)
        if self._trouble:
            raise RuntimeError("the device is gone")


@pytest.fixture(scope="module")
def witnesses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Engines whose witness is a tiny net."""
    import torch

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("models")
    return {"weights_file": registry_of(root, make_dinov2(root / "tiny-dino")), "witnesses": "tiny-dino"}


def registry_of(root: Path, weights: Weights) -> str:
    """A registry file with one entry."""
    entry = weights.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
    (root / "weights.yaml").write_text(yaml.safe_dump({weights.name: entry}))
    return str(root / "weights.yaml")


def test_threads_that_ask_at_once_get_one_engine() -> None:
    loaded, made = Loaded(), []

    def load() -> Engine:
        made.append(Engine("a", []))
        return made[-1]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: loaded.once("a", load), range(32)))
    assert len(made) == 1
    assert all(engine is made[0] for engine in found)


def test_what_could_not_be_loaded_is_tried_again() -> None:
    loaded = Loaded()
    with pytest.raises(ZeroDivisionError):
        loaded.once("a", lambda: 1 // 0)
    assert loaded.once("a", lambda: "here") == "here"


def test_all_are_closed_the_last_one_first_though_one_of_them_fails(caplog: pytest.LogCaptureFixture) -> None:
    loaded, closed = Loaded(), []
    loaded.once("a", lambda: Engine("a", closed))
    loaded.once("b", lambda: (Engine("b", closed), Engine("c", closed)))
    loaded.once("d", lambda: Engine("d", closed, trouble=True))
    loaded.once("e", lambda: "no engine that could be closed")
    loaded.free()
    assert closed == ["d", "b", "c", "a"]
    assert "d could not be closed" in caplog.text
    loaded.free()
    assert len(closed) == 4
    assert isinstance(loaded.once("a", lambda: Engine("a", closed)), Engine)


def test_a_cascade_lets_go_of_its_nets(tiny_models: Models) -> None:
    engine = matting_engine("tiny-net+tiny-matte", tiny_models)
    cascade = Cascade([ClassicalEngine(), engine])
    photo = product_photo()
    before = engine.segment([photo])[0].alpha
    net = weakref.ref(engine.detector._net)  # type: ignore[attr-defined]
    assert net() is not None
    cascade.close()
    assert net() is None
    assert engine.refiner._net is None  # type: ignore[attr-defined]
    assert (engine.segment([photo])[0].alpha == before).all()


def run(witnesses: dict[str, Any], then: Callable[[], None] = lambda: None, runs: int = 1) -> list[Any]:
    """Runs of Dagster's that hear the witness in two steps; a weak reference to the net of every step."""
    nets: list[Any] = []
    photo, matte = box_photo()

    def hear(engines: Engines) -> None:
        witness = engines.judge_witnesses()[0]
        assert witness.look(sight(in_scene(photo, matte, 0.9, 130, 80)))
        nets.append(weakref.ref(witness._net))  # type: ignore[attr-defined]

    @dg.asset
    def first(engines: Engines) -> None:
        hear(engines)

    @dg.asset(deps=[first])
    def second(engines: Engines) -> None:
        hear(engines)
        assert nets[-1]() is nets[-2]()  # one set of engines a run
        then()

    for _ in range(runs):
        resources = {"engines": Engines(**witnesses)}
        dg.materialize([first, second], resources=resources, raise_on_error=False, run_config=QUIET)
    return nets


def test_a_run_loads_once_and_frees_at_its_end(witnesses: dict[str, Any]) -> None:
    nets = run(witnesses)
    assert len(nets) == 2
    assert all(net() is None for net in nets)


def test_a_run_that_fails_frees_as_well(witnesses: dict[str, Any]) -> None:
    def fail() -> None:
        raise RuntimeError("the step fails while the net is loaded")

    nets = run(witnesses, fail)
    assert len(nets) == 2
    assert all(net() is None for net in nets)


def test_runs_in_one_process_share_what_is_kept(witnesses: dict[str, Any]) -> None:
    with keep_loaded():
        with keep_loaded():
            nets = run(witnesses, runs=2)
        assert len({id(net()) for net in nets}) == 1
        assert nets[0]() is not None
        other = run({**witnesses, "upscaling": "lanczos"})  # other engines: not shared
        assert other[0]() is not nets[0]()
    assert all(net() is None for net in [*nets, *other])
    assert run(witnesses)[0]() is None
