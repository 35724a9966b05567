"""A real `dagster dev` on a free port of this machine, and the little GraphQL that tests need."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent

DAGSTER_YAML = """
telemetry: {enabled: false}
concurrency: {runs: {max_concurrent_runs: 2}}
run_monitoring: {enabled: false}
"""

_REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "catalog"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Daemon:
    """A running webserver with its daemon. `query` raises AssertionError on GraphQL errors."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": text, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def start_sensor(self, name: str) -> None:
        answer = self.query(
            """mutation($s: SensorSelector!) { startSensor(sensorSelector: $s) { __typename
                 ... on PythonError { message } } }""",
            s={**_REPOSITORY, "sensorName": name},
        )["startSensor"]
        assert answer["__typename"] == "Sensor", answer

    def start_schedule(self, name: str) -> None:
        answer = self.query(
            """mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) { __typename
                 ... on PythonError { message } } }""",
            s={**_REPOSITORY, "scheduleName": name},
        )["startSchedule"]
        assert answer["__typename"] == "ScheduleStateResult", answer

    def launch_backfill(self, assets: Sequence[Sequence[str]], skus: Sequence[str]) -> str:
        answer = self.query(
            """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
                 __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
            p={"assetSelection": [{"path": list(path)} for path in assets], "partitionNames": list(skus)},
        )["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def wait_for_backfill(self, backfill: str, timeout: float) -> str:
        """Its final status. Raises AssertionError if it takes longer."""
        deadline = time.monotonic() + timeout
        status = "?"
        while time.monotonic() < deadline:
            status = self.query(
                """query($id: String!) { partitionBackfillOrError(backfillId: $id) {
                     ... on PartitionBackfill { status } } }""",
                id=backfill,
            )["partitionBackfillOrError"]["status"]
            if status.startswith(("COMPLETED", "FAILED", "CANCELED")):
                return str(status)
            time.sleep(1)
        raise AssertionError(f"back-fill still {status} after {timeout:g} s")

    def check_statuses(self, path: Sequence[str]) -> dict[str, str]:
        """What the asset page shows of each check of an asset: the status of its last execution."""
        answer = self.query(
            """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode { assetChecksOrError {
                 ... on AssetChecks { checks { name executionForLatestMaterialization { status } } } } } } }""",
            k={"path": list(path)},
        )
        shown = answer["assetNodeOrError"]["assetChecksOrError"]["checks"]
        return {one["name"]: (one["executionForLatestMaterialization"] or {}).get("status", "") for one in shown}

    def partition_counts(self, path: Sequence[str]) -> dict[str, int]:
        """What the asset page shows: numMaterialized, numFailed, numPartitions."""
        answer = self.query(
            """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode {
                 partitionStats { numMaterialized numFailed numPartitions } } } }""",
            k={"path": list(path)},
        )
        counts: dict[str, int] = answer["assetNodeOrError"]["partitionStats"]
        return counts


@contextmanager
def dagster_dev(home: Path, environment: Mapping[str, str], settings: str = DAGSTER_YAML) -> Iterator[Daemon]:
    """Start `dagster dev` in the project, wait until it answers, and stop it with all its children.

    settings: the content of dagster.yaml.
    """
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(settings)
    port = free_port()
    command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port), "-w", "workspace.yaml"]
    with _served(command, port, home, {**environment, "DAGSTER_HOME": str(home)}) as daemon:
        yield daemon


@contextmanager
def make_dev(catalog: Path) -> Iterator[Daemon]:
    """`make dev` as it stands in the Makefile, over the sample catalog in this folder; like `dagster_dev` otherwise.

    It takes the Python of this process and installs nothing.
    """
    home = catalog / ".dagster"
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = [f"BIN={Path(sys.executable).parent}", f"DEMO={catalog}", f"PORT={port}"]
    with _served(["make", "--old-file=.venv/.base", "dev", *settings], port, home, {}) as daemon:
        yield daemon


@contextmanager
def _served(command: Sequence[str], port: int, home: Path, environment: Mapping[str, str]) -> Iterator[Daemon]:
    with (home / "dev.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    daemon = Daemon(f"http://127.0.0.1:{port}", home, process)
    try:
        _wait_until_loaded(daemon, timeout=120)
        yield daemon
    finally:
        _stop(process)


def _wait_until_loaded(daemon: Daemon, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if daemon.process.poll() is not None:
            break
        try:
            answer = daemon.query("{ assetNodes { id } }")
            if answer["assetNodes"]:
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.5)
    raise AssertionError((daemon.home / "dev.log").read_text()[-3000:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask politely first, as Ctrl-C does, then end the whole group that this test started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=20)
