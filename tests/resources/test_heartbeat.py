"""The heartbeat of a run: Dagster's monitor fails a run whose process is gone, and leaves alone all others."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.launcher.base import WorkerStatus

from resources import heartbeat
from resources.catalog_resource import CatalogResource
from resources.heartbeat import WatchedRunLauncher, beating, last_beat

SHIPPED = Path(heartbeat.__file__).parent.parent / "catalog_assets" / "dagster.yaml"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One with the launcher that ships."""
    launcher = yaml.safe_load(SHIPPED.read_text())["run_launcher"]
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides={"run_launcher": launcher}) as made:
        yield made


@dg.asset
def nothing(catalog: CatalogResource) -> None:
    catalog.open()


def started(instance: dg.DagsterInstance) -> dg.DagsterRun:
    job = dg.Definitions(
        assets=[nothing], resources={"catalog": CatalogResource(root="x")}, jobs=[dg.define_asset_job("j")]
    )
    return instance.create_run_for_job(job.resolve_job_def("j"), status=dg.DagsterRunStatus.STARTED)


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> WorkerStatus:
    return instance.run_launcher.check_run_worker_health(run).status


def test_the_launcher_that_ships_is_asked_for_health(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.run_launcher, WatchedRunLauncher)
    assert instance.run_launcher.supports_check_run_worker_health


def test_every_run_that_opens_the_catalog_beats(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    result = dg.materialize([nothing], instance=instance, resources={"catalog": CatalogResource(root=str(tmp_path))})
    assert last_beat(instance, result.run_id)
    assert set(result.dagster_run.tags) == set()


def test_a_run_that_fell_silent_is_gone(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    run, now = started(instance), [1000.0]
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: now[0])
    with beating(instance, run.run_id):
        pass
    for seconds, expected in ((0, "RUNNING"), (299, "RUNNING"), (2, "NOT_FOUND"), (1, "NOT_FOUND")):
        now[0] += seconds
        assert health(instance, run).value == expected
    with beating(instance, run.run_id):  # it was only slow
        assert health(instance, run) is WorkerStatus.RUNNING


def test_a_run_that_never_beat_is_left_alone(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one of other definitions, which open no catalog."""
    run, now = started(instance), [1000.0]
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: now[0])
    for _ in range(3):
        now[0] += 10_000
        assert health(instance, run) is WorkerStatus.RUNNING


def test_the_wall_clock_does_not_matter(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    run, now = started(instance), [1000.0]
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: now[0])
    key = heartbeat._key(run.run_id)
    for beat in ("2026-11-22T12:00:00", "2026-11-22T10:00:00", "2029-01-01T00:00:00"):
        instance.daemon_cursor_storage.set_cursor_values({key: beat})
        now[0] += 290
        assert health(instance, run) is WorkerStatus.RUNNING


def test_it_beats_on_and_not_after_the_end(instance: dg.DagsterInstance) -> None:
    run = started(instance)
    with beating(instance, run.run_id, every=0.05):
        first = last_beat(instance, run.run_id)
        deadline = time.monotonic() + 20
        while last_beat(instance, run.run_id) == first and time.monotonic() < deadline:
            time.sleep(0.02)
        assert last_beat(instance, run.run_id) > first
    time.sleep(0.3)
    last = last_beat(instance, run.run_id)
    time.sleep(0.3)
    assert last_beat(instance, run.run_id) == last


def test_trouble_with_the_database_stops_no_run(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = started(instance)
    monkeypatch.setattr(type(instance.run_storage), "set_cursor_values", _away)
    with beating(instance, run.run_id):
        pass
    assert "could not say that it is alive" in caplog.text


def _away(*arguments: object) -> None:
    raise ConnectionError("the database is away")


def test_a_killed_process_beats_no_more(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """A real process, ended as the kernel ends one where memory is short."""
    run = started(instance)
    program = (
        "import dagster as dg, sys, time\n"
        "from resources.heartbeat import beating\n"
        "home, run = sys.argv[1:]\n"
        "with dg.DagsterInstance.from_config(home) as instance, beating(instance, run, every=0.05):\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path), run.run_id], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    launcher = WatchedRunLauncher(silent_seconds=0.2)
    launcher.register_instance(instance)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    time.sleep(0.4)
    found = launcher.check_run_worker_health(run)
    assert found.status is WorkerStatus.NOT_FOUND
    assert "nothing heard" in str(found)
