"""Dagster's state in a real Postgres: few sessions however many events, and none that outlives the server's restart."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

SHIPPED = Path(__file__).parents[2] / "deploy" / "dagster.postgres.yaml"
EVENTS = 60


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    lacking = [f"program {name}" for name in ("initdb", "postgres") if shutil.which(name) is None]
    lacking += ["package dagster_postgres"] if find_spec("dagster_postgres") is None else []
    if lacking:
        pytest.skip(f"DAGSTER'S STATE IN POSTGRES WAS NOT TRIED: no {', '.join(lacking)} here")
    from benchmarks.postgres import postgres

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # the server does not run as root, and has to get to its own folder
        with postgres(Path(folder) / "postgres") as running:
            yield running


@pytest.fixture
def instance(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance whose storage is as in the file that ships."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    storage = yaml.safe_load(SHIPPED.read_text())["storage"]
    storage["custom"]["config"]["postgres_db"]["port"] = int(server.variables["DAGSTER_PG_PORT"])
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"storage": storage, "telemetry": {"enabled": False}}))
    with dg.DagsterInstance.from_config(str(tmp_path)) as found:
        yield found


def sessions(server: Any) -> int:
    """How many sessions the server has had, this one among them, since it was started."""
    import psycopg2

    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "DB"}
    connection = psycopg2.connect(**{key: server.variables[f"DAGSTER_PG_{name}"] for key, name in names.items()})
    with connection, connection.cursor() as cursor:
        cursor.execute("select sessions from pg_stat_database where datname = current_database()")
        [[found]] = cursor.fetchall()
    connection.close()
    return int(found)


def tell(instance: dg.DagsterInstance, count: int) -> None:
    for number in range(count):
        instance.report_runless_asset_event(dg.AssetMaterialization("raw_photo", partition=f"sku-{number}"))


def told(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey("raw_photo")))


def test_events_share_their_connections(server: Any, instance: dg.DagsterInstance) -> None:
    before = sessions(server)
    tell(instance, EVENTS)
    assert sessions(server) - before < EVENTS / 4
    assert len(told(instance)) == EVENTS


def test_a_server_that_was_started_again_is_found(server: Any, instance: dg.DagsterInstance) -> None:
    tell(instance, 2)
    server.stop()
    server.start()
    tell(instance, EVENTS + 1)
    assert len(told(instance)) == EVENTS + 1
