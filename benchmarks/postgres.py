"""A Postgres server for the occasion; `initdb` and `postgres` must be on the PATH."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import end_tree, wait_until
from tests.daemon import free_port


@dataclass
class Server:
    """A running server. variables: the DAGSTER_PG_* that lead to it, its port among them."""

    variables: Mapping[str, str]
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """End it at once, but let it give its shared memory back: Postgres' own fast shutdown."""
        self.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=20)
        self.kill()

    def kill(self) -> None:
        """SIGKILL of all its processes, as if the machine had failed."""
        end_tree(self.process)

    def start(self) -> None:
        """Start it again where it was, over what it holds, and wait until it answers."""
        self.process = _start(self.folder, int(self.variables["DAGSTER_PG_PORT"]))
        wait_until(lambda: _answers(self.variables), self.process, self.folder / "log", timeout=60)


@contextmanager
def postgres(folder: Path) -> Iterator[Server]:
    """A new, empty database server under `folder`, on a port of this machine alone."""
    user = _not_root()
    folder.mkdir()
    if user:
        shutil.chown(folder, user)
    port, password = free_port(), secrets.token_hex(16)
    _initialise(folder, password, user)
    variables = {
        "DAGSTER_PG_HOST": "127.0.0.1",
        "DAGSTER_PG_PORT": str(port),
        "DAGSTER_PG_USER": "catalog",
        "DAGSTER_PG_PASSWORD": password,
        "DAGSTER_PG_DB": "postgres",
    }
    server = Server(variables, folder, _start(folder, port))
    try:
        wait_until(lambda: _answers(variables), server.process, folder / "log", timeout=60)
        yield server
    finally:
        server.stop()


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = ["postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port), "-c", "unix_socket_directories="]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **_as(_not_root()))


def _not_root() -> str:
    """Whom Postgres runs as, as it refuses to run as root; "" for the user that we are."""
    if os.geteuid() != 0:
        return ""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _as(user: str) -> dict[str, Any]:
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}


def _initialise(folder: Path, password: str, user: str) -> None:
    secret = folder / "password"
    secret.touch(0o600)
    secret.write_text(password)
    if user:
        shutil.chown(secret, user)
    command = ["initdb", "-D", folder / "data", "-U", "catalog", "--pwfile", secret, "-A", "scram-sha-256"]
    subprocess.run(
        [*command, "--no-locale", "-E", "UTF8"], cwd=folder, check=True, stdout=subprocess.DEVNULL, **_as(user)
    )
    secret.unlink()


def _answers(variables: Mapping[str, str]) -> bool:
    import psycopg2

    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "DB"}
    try:
        psycopg2.connect(**{key: variables[f"DAGSTER_PG_{name}"] for key, name in names.items()}).close()
    except psycopg2.OperationalError:
        return False
    return True
