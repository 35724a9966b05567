"""Taking back exported lifestyle pictures whose final is not accepted any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from catalog_assets.campaign_files import Campaign
from catalog_assets.context import RunContext
from catalog_assets.records import Record, Shelf, campaign_shelf

MARKETPLACE_EXPORT = "marketplace_export"


def export_shelf(context: RunContext, campaign: Campaign, sku: str) -> Shelf:
    """The export records of a SKU, with the exported files of every marketplace, also those no longer named."""
    marketplaces = sorted({*context.store.children("exports"), *campaign.marketplaces})
    outside = tuple(f"exports/{name}/{campaign.name}/{sku}" for name in marketplaces)
    return campaign_shelf(context.store, campaign.name, MARKETPLACE_EXPORT, sku, outside)


def withdraw(context: RunContext, campaign: Campaign, sku: str, accepted: Collection[str]) -> None:
    """Remove the lifestyle pictures of all finals but the accepted ones (`<view>.<scene>`), and name them no more.

    White pictures are of the cut-out, which no final speaks of: they stay. The next export of the SKU starts anew.
    """
    shelf = export_shelf(context, campaign, sku)
    for record in shelf.records():
        gone = [fact for fact in record.facts.get("files", ()) if _is_gone(fact, accepted)]
        if gone:
            shelf.save(_without(record, gone))


def _is_gone(fact: Mapping[str, Any], accepted: Collection[str]) -> bool:
    return fact["slot"] == "lifestyle" and f"{fact['view']}.{fact['scene']}" not in accepted


def _without(record: Record, gone: Sequence[Mapping[str, Any]]) -> Record:
    roles = {str(fact["role"]) for fact in gone}
    facts = dict(record.facts)
    facts["files"] = [fact for fact in record.facts["files"] if fact["role"] not in roles]
    facts["compliance"] = {role: said for role, said in record.facts["compliance"].items() if role not in roles}
    notes = [f"{record.name}: {fact['role']} withdrawn: its final is not accepted any more." for fact in gone]
    return replace(
        record,
        fingerprint="",  # no export was made from these, so the next one is made
        files={role: file for role, file in record.files.items() if role not in roles},
        facts=facts,
        notes=(*record.notes, *notes),
    )
