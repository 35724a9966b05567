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

_NO_LIMIT = 0
_RECYCLE_S = 3600
# One is kept; whoever comes while it is in use gets one for the time being.
_MORE_AT_ONCE = 40


class PooledPostgresStorage(DagsterPostgresStorage):
    """Dagster's storage in Postgres; each process keeps a connection each for runs, events and schedules.

    Configured as `storage: custom:` in dagster.yaml, with the fields of `storage: postgres:`.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterPostgresStorage:
        storage = DagsterPostgresStorage.from_config_value(inst_data, config_value)
        for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
            part.optimize_for_webserver(_NO_LIMIT, _RECYCLE_S, _MORE_AT_ONCE)
        return storage
