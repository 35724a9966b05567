"""The quarantine: SKUs that did not make it, one record per SKU and line, gone when the SKU gets through."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from catalog_assets.stage import StageResult
from resources.store import CatalogStore, NotFound, StoreError
from resources.verdicts import Rejection

log = logging.getLogger("catalog.quarantine")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A SKU that a line refused, and since when."""

    line: str
    sku: str
    rejection: Rejection
    since: str


@dataclass(frozen=True)
class Quarantine:
    """The quarantine of one line."""

    store: CatalogStore
    line: str

    def _key(self, sku: str) -> str:
        return f"quarantine/{self.line}/{sku}.json"

    def settle(self, results: Sequence[StageResult]) -> None:
        """Record a refused SKU, or remove its record if a stage that once refused it now lets it through."""
        last = results[-1]
        if last.rejection is not None:
            self._put(last.sku, last.rejection)
        elif last.goes_on:
            self._release(last.sku, {result.stage for result in results})

    def _put(self, sku: str, rejection: Rejection) -> None:
        before = self.get(sku)
        if before is not None and before.rejection == rejection:
            return
        since = datetime.now(UTC).isoformat(timespec="seconds")
        body = {"line": self.line, "sku": sku, "since": since, **asdict(rejection)}
        self.store.write_json(self._key(sku), body)

    def _release(self, sku: str, passed: set[str]) -> None:
        before = self.get(sku)
        if before is not None and before.rejection.stage in passed:
            self.store.delete(self._key(sku))

    def held(self) -> set[str]:
        """The SKUs of this line that are in quarantine now. Raises StoreError."""
        return {name.removesuffix(".json") for name in self.store.children(f"quarantine/{self.line}")}

    def get(self, sku: str) -> Quarantined | None:
        try:
            return _from_json(self.store.read_json(self._key(sku)))
        except NotFound:
            return None
        except (StoreError, KeyError, TypeError) as error:
            if isinstance(error, StoreError) and error.retryable:
                raise
            log.warning("%s: damaged record, left out", self._key(sku))
            return None


def quarantined(store: CatalogStore) -> list[Quarantined]:
    """Everything in quarantine, by line and SKU. Damaged records are left out: the next run writes them anew."""
    found = []
    for entry in store.list("quarantine/"):
        _, line, name = entry.key.split("/", 2)
        record = Quarantine(store, line).get(name.removesuffix(".json"))
        if record is not None:
            found.append(record)
    return sorted(found, key=lambda record: (record.line, record.sku))


def _from_json(data: dict[str, Any]) -> Quarantined:
    fields = {key: data[key] for key in Rejection.__dataclass_fields__}
    return Quarantined(line=data["line"], sku=data["sku"], rejection=Rejection(**fields), since=data["since"])
