"""The heartbeat of a run: its process says again and again that it is there, and Dagster's monitor listens.

Dagster's own launcher does not know whether the process of a run is still there. Where the code server died with its
runs, or the database was away when a run ended, they would show as started, and hold their places in the queue, until
`max_runtime_seconds`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._serdes import ConfigurableClassData

log = logging.getLogger("catalog.heartbeat")

BEAT_EVERY_S = 15.0
SILENT_S = 300


def _key(run_id: str) -> str:
    return f"catalog/alive/{run_id}"


def last_beat(instance: dg.DagsterInstance, run_id: str) -> str:
    """When the process of a run last said that it is there, by its own clock; "" if it never did."""
    key = _key(run_id)
    return instance.daemon_cursor_storage.get_cursor_values({key}).get(key, "")


@contextmanager
def beating(instance: dg.DagsterInstance, run_id: str, every: float = BEAT_EVERY_S) -> Iterator[None]:
    """Put the time into Dagster's database at once and every so many seconds, as long as the block lasts.

    Not into a tag of the run: tags are read and written back as a whole, and one written meanwhile would be lost.
    """
    ended = threading.Event()

    def beats() -> None:
        while not ended.wait(every):
            _beat(instance, run_id)

    _beat(instance, run_id)
    threading.Thread(target=beats, name="heartbeat", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _beat(instance: dg.DagsterInstance, run_id: str) -> None:
    """Trouble is only logged: whoever has something to tell Dagster will hear of it."""
    try:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        instance.daemon_cursor_storage.set_cursor_values({_key(run_id): now})
    except Exception as error:  # of whatever database it is
        log.warning("run %s could not say that it is alive: %s", run_id, error)


class WatchedRunLauncher(dg.DefaultRunLauncher):
    """Dagster's default launcher, which also knows a run whose process is gone: its heartbeat does not change any more.

    silent_seconds: how long that must have been so, by the clock since boot of who asks; it takes that long and one
    poll of run monitoring until such a run is failed and retried. A run that never said anything counts as alive.
    """

    def __init__(self, silent_seconds: float = SILENT_S, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._silent = silent_seconds
        self._heard: dict[str, tuple[str, float]] = {}

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        return {"silent_seconds": dg.Field(int, default_value=SILENT_S, description="See the class.")}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> WatchedRunLauncher:
        return cls(**config_value, inst_data=inst_data)

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the process of a started run is there, as far as it says."""
        beat, now = last_beat(self._instance, run.run_id), time.monotonic()
        last, since = self._heard.get(run.run_id, ("", now))
        if beat != last:
            since = now
        # What has been silent for that long belongs to a run that has ended: nobody asks about it any more.
        self._heard = {run_id: heard for run_id, heard in self._heard.items() if now - heard[1] < 10 * self._silent}
        self._heard[run.run_id] = beat, since
        if not beat or now - since <= self._silent:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        said = f"nothing heard of its process for {now - since:.0f} s, last at {beat}"
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, said)
