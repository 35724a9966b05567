"""Twins: two SKUs with the same photo. What does not depend on the SKU is computed once and copied."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from catalog_assets.context import RunContext
from catalog_assets.records import Record, Shelf, product_shelf
from resources.store import NotFound, StoreError

log = logging.getLogger("catalog.twins")

FOLDER = "state/twins"


def once(
    context: RunContext,
    shelf: Shelf,
    blank: Record,
    make: Callable[[], Record],
    as_made: Callable[[Record], Record] = lambda record: record,
) -> Record:
    """The record `make` would save, copied from another SKU where the same work (fingerprint) was done already.

    blank: stage, sku, name and fingerprint of the wanted record. With `force` everything is made. as_made: a record
    without what was added to it later for its own SKU alone.
    """
    with context.alone(f"{blank.stage} {blank.fingerprint}"):
        twin = None if context.force else _find(context, blank)
        copied = _copied(context, shelf, blank, as_made(twin)) if twin is not None else None
        if copied is not None:
            return shelf.save(copied)
        record = make()
        context.store.write_json(_key(blank), {"sku": record.sku, "name": record.name})
        return record


def _key(record: Record) -> str:
    return f"{FOLDER}/{record.stage}/{record.fingerprint}.json"


def _find(context: RunContext, blank: Record) -> Record | None:
    """The record of the same work for another SKU or view, if it is whole."""
    try:
        where = context.store.read_json(_key(blank))
        shelf = product_shelf(context.store, blank.stage, where["sku"])
        twin = shelf.current(where["name"], blank.fingerprint)
    except (StoreError, KeyError, TypeError):
        return None
    own = twin is not None and (twin.sku, twin.name) == (blank.sku, blank.name)
    return None if own else twin


def _copied(context: RunContext, shelf: Shelf, blank: Record, twin: Record) -> Record | None:
    """The twin's record with copies of its files, or None if one of them is damaged: that costs only the twin."""
    files = {}
    for role, ref in twin.files.items():
        stem = blank.name if role == blank.stage else f"{blank.name}.{role}"
        try:
            files[role] = shelf.put(stem, ref.key.rsplit(".", 1)[1], context.read(ref))
        except (NotFound, ValueError) as error:
            log.warning("%s of %s is made anew: %s", blank.stage, blank.sku, error)
            return None
    note = f"same photo as {twin.sku}/{twin.name}"
    return replace(
        twin,
        sku=blank.sku,
        name=blank.name,
        inputs=blank.inputs,
        facts={**twin.facts, **blank.facts},
        files=files,
        notes=(*twin.notes, note),
        seconds=0.0,
        cost_usd=0.0,
    )
