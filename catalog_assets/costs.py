"""What the stages of a SKU cost, as lines of the ledger."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from catalog_assets.context import RunContext
from catalog_assets.stage import StageResult
from resources.ledger import LedgerEntry, Prices, Status, new_id
from resources.scenes.router import STAGE as SCENES
from resources.store import StoreError

log = logging.getLogger("catalog.ledger")


def line_entries(line: str, results: Sequence[StageResult], prices: Prices) -> Iterator[LedgerEntry]:
    """A line for each stage that worked on a SKU in this run: what was up to date, or only judged again, has none.

    line: "product", or the campaign's name. Scenes are left out: the router enters every attempt at one. A result that
    waits for a person is `made` with the code that says so.
    """
    for result in results:
        if result.stage == SCENES or not result.fresh or result.seconds <= 0:
            continue
        device = str(result.metadata.get("device", ""))
        stopped = result.rejection
        status: Status = "made" if stopped is None or stopped.is_review else "failed"
        yield LedgerEntry(
            id=new_id(),
            campaign=line,
            stage=result.stage,
            sku=result.sku,
            status=status,
            engine=str(result.metadata.get("engine", "")),
            device=device,
            seconds=result.seconds,
            usd=round(prices.of(device, result.seconds), 8),
            code=stopped.code if stopped else "",
            reason=stopped.message if stopped else "",
        )


def enter(context: RunContext, line: str, results: Sequence[StageResult]) -> None:
    """Put into the ledger what one SKU cost. Trouble with that costs no SKU its outcome: the lines are kept."""
    for entry in line_entries(line, results, context.settings.costs.prices()):
        context.ledger.note(entry)
    for sku in sorted({result.sku for result in results}):
        try:
            context.ledger.flush(sku)
        except StoreError as error:
            log.warning("%s: what it cost is written later: %s", sku, error)
