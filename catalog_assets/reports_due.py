"""Whether the reports would say anything new.

They are made from what lies in the store, the campaigns, the marketplaces' rules and the day (seasons and budgets
change with it), and from nothing else. Where none of these has changed since they were made, nor they themselves, a
refresh leaves them as they are: over a large catalog they take minutes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain

import dagster as dg

from catalog_assets.campaign_files import Campaigns
from catalog_assets.records import fingerprint
from resources.marketplaces.rule_files import load_rules
from resources.store import CatalogStore, StoreError

STATE = "state/reports.json"
_FILES = ("catalog.csv", "catalog.yaml")
_READ = ("uploads", "assets", "exports", "quarantine", "reviews", "ledger")
_WRITTEN = ("manifests", "reports")


class ReportsDue:
    """Knows from before the reports are made what they are made from. Raises StoreError."""

    def __init__(self, store: CatalogStore, campaigns: Campaigns) -> None:
        self._store = store
        today = datetime.now(UTC).date().isoformat()
        known = [today, repr(campaigns), repr(load_rules()), importlib.metadata.version("catalog-pictures")]
        self._inputs = fingerprint({"known": known, "read": _listed(store, _READ, _FILES)})

    def are_due(self, instance: dg.DagsterInstance) -> bool:
        """False if Dagster holds a run that made them from exactly this, and they lie there as it left them."""
        try:
            seen = self._store.read_json(STATE)
        except StoreError:
            return True
        if not isinstance(seen, dict) or seen.get("inputs") != self._inputs:
            return True
        run = instance.get_run_by_id(str(seen.get("run", "")))
        return run is None or not run.is_success or seen.get("outputs") != _listed(self._store, _WRITTEN)

    def remember(self, run: str) -> None:
        """Note that a run has made them."""
        self._store.write_json(STATE, {"inputs": self._inputs, "outputs": _listed(self._store, _WRITTEN), "run": run})


def _listed(store: CatalogStore, folders: Sequence[str], files: Sequence[str] = ()) -> str:
    """A hash of names, sizes and change tokens of all that lies in some folders."""
    found = hashlib.sha256()
    alone = (entry for key in files if (entry := store.stat(key)) is not None)
    for entry in chain(alone, *map(store.list, folders)):
        found.update(f"{entry.key} {entry.size} {entry.token}\n".encode("utf-8", "surrogateescape"))
    return found.hexdigest()[:32]
