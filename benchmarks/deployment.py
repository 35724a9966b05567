"""Dagster as it is deployed: webserver, daemon and code server, each a process of its own that can be killed alone.

So it is in containers and under systemd. A run is a child of the code server, and ends with its container.
"""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import yaml

from benchmarks.processes import end_tree, wait_until
from tests.daemon import PROJECT, Daemon, free_port

WEBSERVER, DAEMON, CODE_SERVER = "webserver", "daemon", "code-server"


class Deployment:
    """The three processes over one DAGSTER_HOME, which holds a dagster.yaml; their logs lie there.

    variables: what they find in their environment beside that of this process.
    """

    def __init__(self, home: Path, variables: Mapping[str, str]) -> None:
        self.home = home
        self._variables = {**os.environ, **variables, "DAGSTER_HOME": str(home)}
        self._ports = {WEBSERVER: free_port(), CODE_SERVER: free_port()}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._orphans: list[psutil.Process] = []
        server = {"host": "127.0.0.1", "port": self._ports[CODE_SERVER], "location_name": "catalog"}
        (home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))

    def start(self, role: str) -> None:
        """Start one of the three and wait until it answers; of the daemon nothing is waited for."""
        log = self.home / f"{role}.log"
        with log.open("ab") as file:
            self._running[role] = subprocess.Popen(
                [sys.executable, "-m", *self._command(role)],
                cwd=PROJECT,
                env=self._variables,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if role == CODE_SERVER:
            wait_until(self._serves, self._running[role], log, timeout=120)
        if role == WEBSERVER:
            wait_until(self._shows_assets, self._running[role], log, timeout=120)

    def _command(self, role: str) -> list[str]:
        at = ["-h", "127.0.0.1", "-p", str(self._ports.get(role, 0))]
        workspace = ["-w", str(self.home / "workspace.yaml")]
        return {
            WEBSERVER: ["dagster_webserver", *at, *workspace],
            DAEMON: ["dagster._daemon", "run", *workspace],
            CODE_SERVER: ["dagster", "code-server", "start", *at, "-m", "catalog_assets.definitions", "-a", "defs"],
        }[role]

    def _serves(self) -> bool:
        from dagster._grpc.client import DagsterGrpcClient

        try:
            return bool(DagsterGrpcClient(host="127.0.0.1", port=self._ports[CODE_SERVER]).ping(""))
        except Exception:  # not yet, in any of its ways
            return False

    def _shows_assets(self) -> bool:
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            return bool(self.daemon.query("{ assetNodes { id } }")["assetNodes"])
        return False

    @property
    def daemon(self) -> Daemon:
        """The webserver, to ask it."""
        return Daemon(f"http://127.0.0.1:{self._ports[WEBSERVER]}", self.home, self._running[WEBSERVER])

    def kill(self, role: str) -> int:
        """SIGKILL of a process and all that it started, as a container ends. How many there were."""
        return end_tree(self._running.pop(role))

    def kill_without_runs(self) -> int:
        """SIGKILL of the code server, but not of its runs, as where memory is short. How many runs there were."""
        server = psutil.Process(self._running[CODE_SERVER].pid)
        runs = [one for one in server.children(recursive=True) if _is_run(one)]
        self._orphans += runs
        for one in [server, *server.children(recursive=True)]:
            if one not in runs:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        self._running.pop(CODE_SERVER).wait(timeout=20)
        return len(runs)

    def end(self) -> None:
        """End everything that was started."""
        for role in list(self._running):
            self.kill(role)
        for one in self._orphans:
            with suppress(psutil.NoSuchProcess):
                one.kill()


def _is_run(process: psutil.Process) -> bool:
    """True for the process of a run: the code server starts it with Python's multiprocessing."""
    with suppress(psutil.NoSuchProcess):
        return "spawn_main" in " ".join(process.cmdline())
    return False


@contextmanager
def deployed(home: Path, variables: Mapping[str, str]) -> Iterator[Deployment]:
    """All three, started and answering; they end with the block."""
    found = Deployment(home, variables)
    try:
        for role in (CODE_SERVER, WEBSERVER, DAEMON):
            found.start(role)
        yield found
    finally:
        found.end()
