"""What of one SKU is exported to each marketplace now, by the records, and what is not and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog_assets.campaign_files import EVERGREEN, Campaign
from catalog_assets.dossier import CAMPAIGN_ASSETS, Dossier, LineDossier
from catalog_assets.publishing import EXPORTS
from catalog_assets.records import Record
from resources.marketplaces.listing import ExportedFile
from resources.marketplaces.provenance import PictureKind, SourceType, source_type

_SCENES, _EXPORT = CAMPAIGN_ASSETS[1:]
# What a record says of a scene that was made before records said so: rather too much than a false "no AI".
_UNKNOWN_KIND: PictureKind = "generated_scene"


@dataclass(frozen=True, slots=True)
class NotListed:
    """A picture that a marketplace does not get: of which slot, campaign and scene, a stable code and a message."""

    sku: str
    slot: str
    campaign: str
    scene: str
    code: str
    message: str


@dataclass
class Exports:
    """Files of one SKU for one marketplace, the most important first within each slot, and what is left out.

    needs_main: main pictures go there, so without one nothing of the SKU does.
    """

    needs_main: bool = False
    files: list[ExportedFile] = field(default_factory=list)
    left_out: list[NotListed] = field(default_factory=list)


def season_first(campaign: Campaign) -> tuple[bool, bool, str]:
    """Marketplaces show the first lifestyle picture most: that of a campaign with dates, evergreen's last."""
    return campaign.name == EVERGREEN, campaign.first_day is None and campaign.last_day is None, campaign.name


def exports_of(dossier: Dossier, active: Mapping[str, Campaign]) -> dict[str, Exports]:
    """What of a SKU is exported, by marketplace; active: the campaigns in season, those whose pictures come first.

    A gate that has said no since the export withdraws its files. One marketplace that refused the SKU costs the others
    nothing.
    """
    if _stopped(dossier.product):
        return {}
    mains = active[EVERGREEN].marketplaces if EVERGREEN in active else ()
    found: dict[str, Exports] = {}
    for campaign in active.values():
        line = dossier.campaigns[campaign.name]
        if line.selected and not _stopped(line):
            for record in line.records[_EXPORT]:
                if record.name in campaign.marketplaces:
                    _collect(line, record, found.setdefault(record.name, Exports(record.name in mains)))
    return found


def _stopped(line: LineDossier) -> bool:
    """True if a gate before the export has said no since: the files lie there still, but are not offered any more.

    Trouble that may pass (network, a program error) withdraws nothing: a feed without a row ends a listing. What the
    export itself refused is in its records, marketplace by marketplace.
    """
    if line.quarantined is not None and line.quarantined.rejection.retryable:
        return False
    statuses = {status for asset, status in line.statuses.items() if asset != _EXPORT}
    return not {"review", "rejected"}.isdisjoint(statuses)


def _collect(line: LineDossier, record: Record, into: Exports) -> None:
    into.left_out += [_left_out(line, record, fact) for fact in record.facts.get("left_out", ())]
    if record.passed:
        scenes = {final.facts.get("scene"): final for final in line.records[_SCENES] if final.passed}
        for fact in record.facts["files"]:
            if fact["slot"] != "lifestyle" or fact["scene"] in scenes:
                into.files.append(_file(line, record, fact, scenes))
            else:
                message = "Its scene is not accepted any more. `catalog refresh` exports the SKU anew."
                into.left_out.append(_left_out(line, record, {**fact, "code": "not_accepted", "message": message}))
    elif not any(fact["slot"] == "main" for fact in record.facts.get("left_out", ())):
        into.left_out += _refused(line, record)


def _left_out(line: LineDossier, record: Record, fact: Mapping[str, Any]) -> NotListed:
    return NotListed(record.sku, fact["slot"], line.line, fact["scene"], fact["code"], fact["message"])


def _refused(line: LineDossier, record: Record) -> Iterator[NotListed]:
    if record.rejection is not None:
        message = f"{record.rejection.message} {record.rejection.hint}".strip()
        yield NotListed(record.sku, "main", line.line, "", record.rejection.code, message)


def _file(line: LineDossier, record: Record, fact: Mapping[str, Any], scenes: Mapping[Any, Record]) -> ExportedFile:
    ref = record.files[fact["role"]]
    return ExportedFile(
        slot=fact["slot"],
        campaign=line.line,
        scene=fact["scene"],
        view=fact["view"],
        path=ref.key.removeprefix(EXPORTS),
        sha256=ref.sha256,
        bytes=ref.bytes,
        source_type=fact.get("source_type") or _source_type(fact, scenes),
        width=fact["width"],
        height=fact["height"],
    )


def _source_type(fact: Mapping[str, Any], scenes: Mapping[Any, Record]) -> SourceType:
    """For exports of earlier versions, whose records do not say: by what the picture shows."""
    if fact["slot"] != "lifestyle":
        return source_type("white")
    return source_type(scenes[fact["scene"]].facts.get("kind", _UNKNOWN_KIND))
