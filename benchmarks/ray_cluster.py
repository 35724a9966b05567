"""A Ray cluster of two nodes on this machine, for drills; it ends with all its processes.

Its ports are open to this machine alone where Ray lets itself be told; it opens some on every address, so the cluster
asks for a token.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import end_tree, wait_until
from tests.daemon import free_port

OBJECT_STORE_BYTES = 80_000_000  # runs put nothing there; Ray wants some
HEAD_IP, WORKER_IP = "127.0.0.2", "127.0.0.3"
_PACKAGES = ("dagster_postgres", "dagster_ray", "psutil", "psycopg2", "ray")
_BINARIES = ("initdb", "postgres")


def missing() -> str:
    """What this machine lacks for a cluster and a database; "" if nothing."""
    packages = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    binaries = [name for name in _BINARIES if shutil.which(name) is None]
    if packages:
        return f"no package {', '.join(packages)} here: pip install .[dev,postgres,ray] -c constraints.txt"
    if binaries:
        return f"no program {', '.join(binaries)} on the PATH: install the Postgres server"
    if sys.platform != "linux":
        return f"{sys.platform} found, Linux expected: its loopback network has an address for each node"
    return ""


@dataclass(frozen=True)
class Node:
    """A node of the cluster: `ray start` and what it started."""

    name: str
    ip: str
    process: subprocess.Popen[bytes]

    def kill(self) -> int:
        """End the node as a dying machine does: SIGKILL of all its processes. How many there were."""
        return end_tree(self.process)


@dataclass(frozen=True)
class RayCluster:
    """A head and a worker, each with room for one run of `cpus` CPUs."""

    head: Node
    worker: Node

    def jobs(self) -> list[Any]:
        """Ray's jobs, as ray.job_submission.JobDetails."""
        from ray.job_submission import JobSubmissionClient

        return list(JobSubmissionClient(os.environ["RAY_API_SERVER_ADDRESS"]).list_jobs())

    def node_of(self, job: Any) -> str:
        """The name of the node that a job runs or ran on; "" if it never got to one."""
        address = job.driver_agent_http_address or ""
        return next((node.name for node in (self.head, self.worker) if f"/{node.ip}:" in address), "")


@contextmanager
def ray_cluster(folder: Path, cpus: int) -> Iterator[RayCluster]:
    """Start two nodes with `cpus` CPUs each; what this process has in its environment, their runs have too.

    Sets RAY_API_SERVER_ADDRESS and Ray's token in this process: whoever is started by it reaches the cluster.
    folder: short, as names of sockets lie below it and may have 107 characters.
    """
    port, dashboard = free_port(), free_port()
    os.environ.update(
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=secrets.token_hex(32),
        RAY_API_SERVER_ADDRESS=f"http://127.0.0.1:{dashboard}",
        RAY_DEDUP_LOGS="0",
    )
    folder.mkdir()
    head = ["--head", f"--port={port}", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"]
    head.append(f"--ray-client-server-port={free_port()}")
    started: list[Node] = []
    try:
        first = _join(started, 1, "head", HEAD_IP, folder, cpus, head)
        yield RayCluster(first, _join(started, 2, "worker", WORKER_IP, folder, cpus, [f"--address={HEAD_IP}:{port}"]))
    finally:
        for node in reversed(started):
            node.kill()


def _join(started: list[Node], nodes: int, name: str, ip: str, folder: Path, cpus: int, options: list[str]) -> Node:
    """A node that makes the cluster one of so many nodes. All that were started are put into the list.

    Ray gives a node 30 s to come up, and cannot be told to wait longer: on a busy machine it is started again.
    """
    for tries_left in (2, 1, 0):
        started.append(_start(name, ip, folder, cpus, options))
        try:
            wait_until(lambda: _nodes() == nodes, started[-1].process, folder / f"{name}.log", timeout=180)
            break
        except RuntimeError:
            started[-1].kill()
            if not tries_left:
                raise
    return started[-1]


def _start(name: str, ip: str, folder: Path, cpus: int, options: list[str]) -> Node:
    common = [
        f"--node-ip-address={ip}",
        f"--num-cpus={cpus}",
        "--num-gpus=0",
        f"--object-store-memory={OBJECT_STORE_BYTES}",
        f"--dashboard-agent-listen-port={free_port()}",
        f"--temp-dir={folder}",
        "--disable-usage-stats",
        "--block",
    ]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *options, *common], stdout=log, stderr=log
        )
    return Node(name, ip, process)


def _nodes() -> int:
    """How many nodes the cluster says are alive; 0 while nobody answers."""
    from ray.util.state import list_nodes

    try:
        return sum(node.state == "ALIVE" for node in list_nodes(os.environ["RAY_API_SERVER_ADDRESS"]))
    except Exception:  # Ray has no common class for "not yet"
        return 0
