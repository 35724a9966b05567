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


@dataclass(frozen=True)
class Server:
    """A running server. variables: the DAGSTER_PG_* that lead to it, its port among them."""

    variables: Mapping[str, str]
    pid: int


@contextmanager
def postgres(folder: Path) -> Iterator[Server]:
    """A new, empty database server under `folder`, on a port of this machine alone."""
    user = _not_root()
    folder.mkdir()
    if user:
        shutil.chown(folder, user)
    port, password = free_port(), secrets.token_hex(16)
    _initialise(folder, password, user)
    command = ["postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port), "-c", "unix_socket_directories="]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **_as(user))
    variables = {
        "DAGSTER_PG_HOST": "127.0.0.1",
        "DAGSTER_PG_PORT": str(port),
        "DAGSTER_PG_USER": "catalog",
        "DAGSTER_PG_PASSWORD": password,
        "DAGSTER_PG_DB": "postgres",
    }
    try:
        wait_until(lambda: _answers(variables), server, folder / "log", timeout=60)
        yield Server(variables, server.pid)
    finally:
        server.send_signal(signal.SIGINT)  # ends it at once, but lets it give its shared memory back
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=20)
        end_tree(server)


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
