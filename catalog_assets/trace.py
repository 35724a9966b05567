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
from catalog_assets.stages.decided_finals import NOT_JUDGED
from catalog_assets.stages.reviewed import runs_of
from catalog_assets.why import MeasureLine, verdict_lines, why
from resources.names import clean_text, sku_name
from resources.store import CatalogStore

FOLDER = "reports/trace"
_DEPTH = FOLDER.count("/") + 1
_NEAR = 3


@dataclass(frozen=True, slots=True)
class TracedRecord:
    """One record in words. facts: what was recorded, as text. files: role -> store key. why: of a final, in lines."""

    name: str
    status: str
    files: Mapping[str, str]
    measures: tuple[MeasureLine, ...]
    facts: Mapping[str, str]
    notes: tuple[str, ...]
    message: str
    why: tuple[str, ...]
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
    """The finals, then every candidate with what the judge and the ranking said of it."""
    yield from final_figures(dossier, line, _DEPTH)
    finals = line.records["scored_finals"]
    judged = {str(each["name"]): each for final in finals for each in final.facts.get("candidates", ())}
    chosen = {final.facts.get("chosen") for final in finals}
    for record in line.records["scene_variants"]:
        yield _candidate(dossier, record, judged.get(record.name, {}), chosen=record.name in chosen)


def _candidate(dossier: Dossier, record: Record, judged: Mapping[str, Any], *, chosen: bool) -> Figure:
    numbers = [(name, f"{judged[name]:.2f}") for name in ("fidelity", "rank_score") if name in judged]
    if judged.get("decision") == NOT_JUDGED:
        numbers.append(("judged", "no, a better one was accepted"))
    if judged.get("decided_by"):
        numbers.append(("decided by", words(str(judged["decided_by"]))))
    numbers += [(name, str(record.facts[name])) for name in ("scene", "attempt", "seed") if name in record.facts]
    return Figure(
        label=f"Candidate {record.facts.get('candidate', '')}{', chosen' if chosen else ''}",
        alt=f"{dossier.title}: candidate {record.name}",
        picture=link(record.files["preview"].key, _DEPTH) if "preview" in record.files else "",
        full=link(record.files["picture"].key, _DEPTH) if "picture" in record.files else "",
        state=str(judged.get("decision", "")),
        numbers=tuple((words(name), value) for name, value in numbers),
        message=" ".join(pruned_in_words(record)),
    )


def pruned_in_words(record: Record) -> list[str]:
    """What a record made that is not kept any more, as a sentence; nothing where all is there."""
    if not record.pruned:
        return []
    size = sum(file.bytes for file in record.pruned.values())
    return [f"Its full picture ({size / 1e6:.1f} MB) is not kept, to save space."]


def _stages(line: LineDossier) -> Iterator[TracedStage]:
    for asset, status in line.statuses.items():
        yield TracedStage(line.line, asset, status, tuple(_traced(record) for record in line.records[asset]))


def _traced(record: Record) -> TracedRecord:
    return TracedRecord(
        name=record.name,
        status=record.status,
        files={role: ref.key for role, ref in sorted(record.files.items())},
        measures=tuple(_measures(record)),
        facts={name: text for name, value in sorted(_facts(record).items()) if (text := _fact(value))},
        notes=(*record.notes, *pruned_in_words(record)),
        message=f"{record.rejection.code}: {record.rejection.message}" if record.rejection else "",
        why=_why(record),
        engine=f"{record.engine.name} {record.engine.revision} on {record.engine.device}" if record.engine else "",
        seconds=record.seconds,
        made_at=record.made_at,
    )


def _why(record: Record) -> tuple[str, ...]:
    found = why(record) if "candidates" in record.facts else None
    return tuple(found.lines()) if found else ()


def _facts(record: Record) -> Mapping[str, Any]:
    """The recorded facts; the engines that ran for a mask or were asked for a scene in words."""
    runs = [
        f"{run.engine} {run.revision} on {run.device}: {run.decision}, {run.score:.2f}"
        + (f" ({words(run.decided_by)})" if run.decided_by else "")
        for run in runs_of(record)
    ]
    tries = [_try(one) for one in record.facts.get("tries", ()) if isinstance(one, Mapping)]
    told = {"runs": runs, "tries": tries}
    return {**record.facts, **{name: ", then ".join(parts) for name, parts in told.items() if parts}}


def _try(one: Mapping[str, Any]) -> str:
    cost = f" for {one['usd']:.4g} USD" if one.get("usd") else ""
    reason = f" ({one['reason']})" if one.get("reason") else ""
    return f"{one.get('engine', '')}: {one.get('status', '')}{cost}{reason}"


def _measures(record: Record) -> Iterator[MeasureLine]:
    """The numbers of the verdict, the marketplaces' rules, or else what was simply measured."""
    verdicts: list[tuple[str, Mapping[str, Any]]] = [("", record.verdict)] if record.verdict else []
    verdicts += [(f"{role} ", each) for role, each in sorted(record.facts.get("compliance", {}).items())]
    for prefix, verdict in verdicts:
        yield from verdict_lines(verdict, prefix)
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
    yield _line(f"{found.sku}: {found.title}" + (" (retired: its upload is gone)" if found.retired else ""))
    if not found.known:
        near = f" Did you mean {' or '.join(found.near)}?" if found.near else ""
        yield _line(f"Nothing is on record of {found.sku}.{near}")
        return
    for key in found.uploads:
        yield _line(f"uploaded as {key}", 2)
    for held in found.quarantined:
        reason = held.rejection
        yield ""
        yield _line(f"stopped by the {held.line} line at {reason.stage} since {held.since}: {reason.code}")
        yield _line(f"{reason.message} {reason.hint}", 2)
        yield from (_line(line, 4 + len(line) - len(line.lstrip(" "))) for line in reason.details.splitlines())
    for stage in found.stages:
        yield ""
        yield _line(f"{stage.line} / {stage.asset}: {words(stage.status)}")
        for record in stage.records:
            yield from _record_text(record)


def _record_text(record: TracedRecord) -> Iterator[str]:
    engine = f"{record.engine}, " if record.engine else ""
    yield _line(f"{record.name}: {words(record.status)}, {engine}{record.seconds:g} s, {record.made_at}", 2)
    if record.message:
        yield _line(record.message, 4)
    yield from (_line(line, 4) for line in record.why)
    for one in record.measures:
        passed = {None: "", True: ", met", False: ", missed"}[one.passed]
        limit = f" ({one.threshold}{passed})" if one.threshold else ""
        yield _line(f"{one.name} {one.value}{limit}{' <- decided' if one.decided else ''}", 4)
    for name, text in {**record.facts, **record.files}.items():
        yield _line(f"{name}: {text}", 6)
    for note in record.notes:
        yield _line(f"note: {note}", 6)


def _line(text: str, indent: int = 0) -> str:
    return " " * indent + clean_text(text)
