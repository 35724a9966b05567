"""Dagster's state in Postgres, by connections that are kept.

Dagster's own storage opens a connection for every statement, so that code servers and the like do not hold one each.
But a run says a dozen things of every SKU, and for a run over a range as many are planned beforehand: an event costs
20 ms of CPU (11 of them the server's) with a connection of its own, and 3 ms without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine

# An event is stored on two connections at once. Whoever comes while all are in use gets one for the time being. The
# ping finds out that the server was started again.
_POOL: dict[str, Any] = {
    "isolation_level": "AUTOCOMMIT",
    "pool_size": 2,
    "max_overflow": 40,
    "pool_recycle": 3600,
    "pool_pre_ping": True,
}


class PooledPostgresStorage(DagsterPostgresStorage):
    """Dagster's storage in Postgres; each process keeps two connections each for runs, events and schedules.

    Configured as `storage: custom:` in dagster.yaml, with the fields of `storage: postgres:`.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterPostgresStorage:
        storage = DagsterPostgresStorage.from_config_value(inst_data, config_value)
        for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
            part._engine = create_pg_engine(part.postgres_url, part._token_provider, **_POOL)
        return storage
