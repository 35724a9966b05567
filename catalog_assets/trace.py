"""The trace of one SKU: everything on record of it, stage by stage, and what decided."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog_assets.campaign_files import Campaigns
from catalog_assets.dossier import Dossier, LineDossier, open_catalog, read_dossier
from catalog_assets.gallery import Figure, final_figures, view_figures
from catalog_assets.pages import HTML, link, render, words
from catalog_assets.quarantine import Quarantined
from catalog_assets.records import Record
from resources.names import clean_text, sku_name
from resources.store import CatalogStore

FOLDER = "reports/trace"
_DEPTH = FOLDER.count("/") + 1
_NEAR = 3


@dataclass(frozen=True, slots=True)
class MeasureLine:
    """A measured number beside its threshold, as text. passed None: recorded, judges nothing."""

    name: str
    value: str
    threshold: str
    passed: bool | None
    decided: bool


@dataclass(frozen=True, slots=True)
class TracedRecord:
    """One record in words. facts: what was recorded, as text. files: role -> store key."""

    name: str
    status: str
    files: Mapping[str, str]
    measures: tuple[MeasureLine, ...]
    facts: Mapping[str, str]
    notes: tuple[str, ...]
    message: str
    engine: str
    seconds: float
    made_at: str


@dataclass(frozen=True, slots=True)
class TracedStage:
    """One asset of a line and what it left of the SKU."""

    line: str
    asset: str
    status: str
    records: tuple[TracedRecord, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything known of one SKU. known: False where there is nothing; near then holds SKUs of similar name."""

    sku: str
    title: str
    known: bool
    retired: bool
    uploads: tuple[str, ...]
    stages: tuple[TracedStage, ...]
    quarantined: tuple[Quarantined, ...]
    near: tuple[str, ...]
    figures: tuple[tuple[str, tuple[Figure, ...]], ...]

    def as_text(self) -> str:
        """The trace as plain lines for a terminal, without control characters."""
        return "\n".join(_text(self))

    def __str__(self) -> str:
        return self.as_text()


def trace(store: CatalogStore, campaigns: Campaigns, sku: str) -> Trace:
    """Read everything on record of a SKU; `sku` may be its key or the name it was uploaded under."""
    catalog = open_catalog(store, campaigns)
    everything = {*catalog.uploads.skus, *catalog.on_shelf}
    key = sku if sku in everything else sku_name(sku).key
    dossier = read_dossier(catalog, key)
    lines = [dossier.product, *dossier.campaigns.values()]
    upload = catalog.uploads.skus.get(key)
    known = upload is not None or dossier.known
    figures = [("Photos and cut-outs", tuple(figure for views in view_figures(dossier, _DEPTH) for figure in views))]
    titles = {name: campaign.title or name for name, campaign in campaigns.active.items()}
    figures += [(titles[line.line], tuple(_campaign_figures(dossier, line))) for line in dossier.campaigns.values()]
    return Trace(
        sku=key,
        title=dossier.title,
        known=known,
        retired=known and dossier.retired,
        uploads=tuple(view.key for view in upload.views) if upload else (),
        stages=tuple(stage for line in lines for stage in _stages(line)),
        quarantined=tuple(line.quarantined for line in lines if line.quarantined),
        near=() if known else tuple(difflib.get_close_matches(key, sorted(everything), n=_NEAR)),
        figures=tuple((title, shown) for title, shown in figures if shown),
    )


def write_trace_page(store: CatalogStore, found: Trace) -> str:
    """Write the trace as a page that shows the pictures next to their records; its store key."""
    key = f"{FOLDER}/{found.sku}.html"
    page = render("trace.html.j2", trace=found, link=lambda target: link(target, _DEPTH))
    store.write(key, page.encode(), content_type=HTML)
    return key


def _campaign_figures(dossier: Dossier, line: LineDossier) -> Iterator[Figure]:
    """The finals, then every candidate."""
    yield from final_figures(dossier, line, _DEPTH)
    for record in line.records["scene_variants"]:
        yield Figure(
            label=f"Candidate {record.facts.get('candidate', '')}, attempt {record.facts.get('attempt', '')}",
            alt=f"{dossier.title}: candidate {record.name}",
            picture=link(record.files["preview"].key, _DEPTH) if "preview" in record.files else "",
            full=link(record.files["picture"].key, _DEPTH) if "picture" in record.files else "",
            numbers=(("scene", words(str(record.facts.get("scene", "")))), ("seed", str(record.facts.get("seed", "")))),
        )


def _stages(line: LineDossier) -> Iterator[TracedStage]:
    for asset, status in line.statuses.items():
        yield TracedStage(line.line, asset, status, tuple(_traced(record) for record in line.records[asset]))


def _traced(record: Record) -> TracedRecord:
    return TracedRecord(
        name=record.name,
        status=record.status,
        files={role: ref.key for role, ref in sorted(record.files.items())},
        measures=tuple(_measures(record)),
        facts={name: text for name, value in sorted(record.facts.items()) if (text := _fact(value))},
        notes=record.notes,
        message=f"{record.rejection.code}: {record.rejection.message}" if record.rejection else "",
        engine=f"{record.engine.name} {record.engine.revision} on {record.engine.device}" if record.engine else "",
        seconds=record.seconds,
        made_at=record.made_at,
    )


def _measures(record: Record) -> Iterator[MeasureLine]:
    """The numbers of the verdict, the marketplaces' rules, or else what was simply measured."""
    verdicts: list[tuple[str, Mapping[str, Any]]] = [("", record.verdict)] if record.verdict else []
    verdicts += [(f"{role} ", each) for role, each in sorted(record.facts.get("compliance", {}).items())]
    for prefix, verdict in verdicts:
        for one in verdict["measures"]:
            sign = "at least" if one["better"] == "higher" else "at most"
            limit = one["threshold"]
            yield MeasureLine(
                name=prefix + one["name"],
                value=f"{one['value']:g}",
                threshold="" if limit is None else f"{sign} {limit:g}",
                passed=None if limit is None else one["passed"],
                decided=one["name"] == verdict["decided_by"],
            )
    if not verdicts:
        for name, value in sorted(record.measures.items()):
            yield MeasureLine(name, f"{value:g}", "", None, decided=False)


def _fact(value: Any) -> str:
    """A recorded fact as text; tables (candidates, files, compliance) are shown elsewhere."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each:g}" for name, each in value.items() if isinstance(each, int | float))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " x ".join(str(each) for each in value if not isinstance(each, Mapping))
    return str(value)


def _text(found: Trace) -> Iterator[str]:
    yield clean_text(f"{found.sku}: {found.title}" + (" (retired: its upload is gone)" if found.retired else ""))
    if not found.known:
        near = f" Did you mean {' or '.join(found.near)}?" if found.near else ""
        yield f"Nothing is on record of {found.sku}.{near}"
        return
    for key in found.uploads:
        yield clean_text(f"  uploaded as {key}")
    for held in found.quarantined:
        reason = held.rejection
        yield ""
        yield clean_text(f"stopped by the {held.line} line at {reason.stage} since {held.since}: {reason.code}")
        yield clean_text(f"  {reason.message} {reason.hint}")
        yield from (f"  | {line.rstrip()}" for line in map(_keep_indent, reason.details.splitlines()))
    for stage in found.stages:
        yield ""
        yield f"{stage.line} / {stage.asset}: {words(stage.status)}"
        for record in stage.records:
            yield from _record_text(record)


def _record_text(record: TracedRecord) -> Iterator[str]:
    yield clean_text(f"  {record.name}: {words(record.status)}, {record.seconds:g} s, {record.engine or 'no engine'}, {record.made_at}")
    if record.message:
        yield f"    {clean_text(record.message)}"
    for one in record.measures:
        passed = {None: " ", True: "+", False: "-"}[one.passed]
        decided = "  <- decided" if one.decided else ""
        yield f"    {passed} {one.name} {one.value}{f' ({one.threshold})' if one.threshold else ''}{decided}"
    for name, text in record.facts.items():
        yield f"      {name}: {clean_text(text)}"
    for role, key in record.files.items():
        yield f"      {role}: {clean_text(key)}"
    for note in record.notes:
        yield f"      note: {clean_text(note)}"


def _keep_indent(line: str) -> str:
    return " " * (len(line) - len(line.lstrip(" "))) + clean_text(line)
