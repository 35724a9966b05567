"""The gallery: static pages that show every SKU of a campaign, from photo to final, with verdicts and numbers.

Plain HTML under `reports/gallery/`: relative links only, no scripts, so that it opens from disk as from any
web server. Records are streamed SKU by SKU; what is kept in memory is one page.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from markupsafe import Markup

from catalog_assets.campaign_files import Campaign, Campaigns
from catalog_assets.dossier import Dossier, LineDossier, dossiers, open_catalog
from catalog_assets.pages import HTML, link, render, words
from catalog_assets.quarantine import Quarantined
from catalog_assets.records import Record, made_from
from catalog_assets.reviews import commands, waits
from catalog_assets.stages.decided_finals import EVIDENCE
from catalog_assets.stages.reviewed import CHOICES, DECISION, PERSON
from catalog_assets.why import Why, named, why
from resources.imaging.correction import Correction
from resources.marketplaces.rule_files import load_rules
from resources.scenes.templates import load_templates
from resources.store import CatalogStore

FOLDER = "reports/gallery"
PER_PAGE = 200
VERDICTS = ("accepted", "review", "rejected", "waiting")
ALL = "all"
_COLLAGE = 4
_NOTES = 12
# Folders between the root of the store and a page.
_DEPTH = FOLDER.count("/") + 2


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture on a page. picture, full, overlay: relative links or ""; overlay is a matte laid over the picture.

    state: accepted, review, rejected, earlier or "". numbers: (name, value) pairs as they are shown. commands: what a
    person can type about it; such a figure is shown as wide as the page. why: of a final, folded away under it.
    evidence: relative link to what the judge compared, or "".
    """

    label: str
    alt: str
    picture: str = ""
    full: str = ""
    overlay: str = ""
    checker: bool = False
    state: str = ""
    numbers: tuple[tuple[str, str], ...] = ()
    message: str = ""
    commands: tuple[str, ...] = ()
    why: Why | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class ExportLine:
    """What one marketplace gets of a SKU, and whether every rule is kept."""

    title: str
    passed: bool
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """One SKU on a gallery page."""

    sku: str
    title: str
    verdict: str
    figures: tuple[Figure, ...]
    views: tuple[Figure, ...]
    stopped: tuple[Quarantined, ...]
    exports: tuple[ExportLine, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CampaignGallery:
    """One campaign's gallery in numbers. counts: SKUs by verdict."""

    name: str
    title: str
    counts: Mapping[str, int]
    not_selected: int

    @property
    def skus(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class GalleryResult:
    """What was written. index: store key of the page to open. removed: pages of an earlier catalog that went."""

    index: str
    campaigns: tuple[CampaignGallery, ...]
    retired: int
    pages: int
    removed: int


def write_gallery(store: CatalogStore, campaigns: Campaigns) -> GalleryResult:
    """Write the gallery of every active campaign and the index over them; remove pages that are no longer due.

    The same records give the same bytes. Store trouble raises StoreError.
    """
    catalog = open_catalog(store, campaigns)
    written: set[str] = set()
    with ExitStack() as stack:
        drafts = [_Draft(campaign, stack) for campaign in campaigns.active.values()]
        for dossier in dossiers(catalog, catalog.uploads.skus, leave_out=frozenset({"scene_variants"})):
            for draft in drafts:
                draft.add(dossier)
        galleries = []
        for draft in drafts:
            written.update(draft.write(store, retired=len(catalog.retired)))
            galleries.append(draft.result())
    index = f"{FOLDER}/index.html"
    collages = {draft.campaign.name: draft.collage for draft in drafts}
    _write(store, index, _index(campaigns, galleries, collages, len(catalog.retired)))
    written.add(index)
    stale = [entry.key for entry in store.list(f"{FOLDER}/") if entry.key not in written]
    store.delete_many(stale)
    return GalleryResult(index, tuple(galleries), len(catalog.retired), len(written), len(stale))


class _Draft:
    """A campaign's gallery while it is made: rendered cards wait in a temporary file for their pages."""

    def __init__(self, campaign: Campaign, stack: ExitStack) -> None:
        self.campaign = campaign
        self.collage: list[Figure] = []
        self._not_selected = 0
        self._cards: list[tuple[str, str, int]] = []  # SKU, verdict, bytes
        self._spool = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(verdict for _, verdict, _ in self._cards)
        return {verdict: found[verdict] for verdict in VERDICTS}

    def result(self) -> CampaignGallery:
        title = self.campaign.title or self.campaign.name
        return CampaignGallery(self.campaign.name, title, self.counts, self._not_selected)

    def add(self, dossier: Dossier) -> None:
        """Put a SKU's card aside, or count it if the campaign does not select it."""
        line = dossier.campaigns[self.campaign.name]
        if not line.selected:
            self._not_selected += 1
            return
        card = make_card(dossier, line, _DEPTH)
        html = render("gallery_card.html.j2", card=card).encode()
        self._spool.write(html)
        self._cards.append((card.sku, card.verdict, len(html)))
        if card.verdict == "accepted" and len(self.collage) < _COLLAGE:
            finals = [figure for figure in final_figures(dossier, line, _DEPTH - 1) if figure.state == "accepted"]
            self.collage += finals[:1]

    def write(self, store: CatalogStore, *, retired: int) -> Iterator[str]:
        """Write the pages of every verdict, and yield their keys."""
        starts = self._starts()
        for verdict in (ALL, *VERDICTS):
            chosen = [i for i, card in enumerate(self._cards) if verdict in (ALL, card[1])]
            pages = max(1, math.ceil(len(chosen) / PER_PAGE))
            ranges = [self._range(chosen[n * PER_PAGE : (n + 1) * PER_PAGE]) for n in range(pages)]
            for number in range(1, pages + 1):
                part = chosen[(number - 1) * PER_PAGE : number * PER_PAGE]
                key = f"{FOLDER}/{self.campaign.name}/{page_name(verdict, number)}"
                page = render(
                    "gallery.html.j2",
                    gallery=self.result(),
                    campaign=self.campaign,
                    verdict=verdict,
                    tabs=[(name, page_name(name, 1), self._count(name)) for name in (ALL, *VERDICTS)],
                    number=number,
                    pages=[(page_name(verdict, n), *ranges[n - 1]) for n in range(1, pages + 1)],
                    first=(number - 1) * PER_PAGE + 1 if part else 0,
                    last=(number - 1) * PER_PAGE + len(part),
                    total=len(chosen),
                    retired=retired,
                    cards=[self._card(starts, i) for i in part],
                )
                _write(store, key, page)
                yield key

    def _count(self, verdict: str) -> int:
        return len(self._cards) if verdict == ALL else self.counts[verdict]

    def _starts(self) -> list[int]:
        starts, at = [], 0
        for _, _, length in self._cards:
            starts.append(at)
            at += length
        return starts

    def _card(self, starts: Sequence[int], at: int) -> Markup:
        self._spool.seek(starts[at])
        return Markup(self._spool.read(self._cards[at][2]).decode())  # noqa: S704 - rendered and escaped above

    def _range(self, chosen: Sequence[int]) -> tuple[str, str]:
        """First and last SKU of a page."""
        return (self._cards[chosen[0]][0], self._cards[chosen[-1]][0]) if chosen else ("", "")


def page_name(verdict: str, number: int) -> str:
    """File name of a page: index.html, all-2.html, rejected.html, rejected-2.html."""
    if number > 1:
        return f"{verdict}-{number}.html"
    return "index.html" if verdict == ALL else f"{verdict}.html"


def verdict_of(dossier: Dossier, line: LineDossier) -> str:
    """Where a SKU stands in a campaign: accepted means exported; waiting that a stage has yet to run."""
    statuses = [*dossier.product.statuses.values(), *line.statuses.values()]
    for status in ("rejected", "review"):
        if status in statuses:
            return status
    return "accepted" if statuses[-1] == "made" else "waiting"


def make_card(dossier: Dossier, line: LineDossier, depth: int) -> Card:
    """The card of a SKU in a campaign; depth: folders between the store's root and the page."""
    main, others = view_figures(dossier, depth)
    stopped = tuple(one.quarantined for one in (dossier.product, line) if one.quarantined)
    figures = _without_echo([*main, *final_figures(dossier, line, depth)], stopped)
    records = [record for one in (dossier.product, line) for kept in one.records.values() for record in kept]
    notes = [note for record in records for note in record.notes]
    return Card(
        sku=dossier.sku,
        title=dossier.title,
        verdict=verdict_of(dossier, line),
        figures=figures,
        views=tuple(others),
        stopped=stopped,
        exports=tuple(export_line(record) for record in line.records.get("marketplace_export", ())),
        notes=tuple(dict.fromkeys(notes))[:_NOTES],
    )


def _without_echo(figures: Iterable[Figure], stopped: Sequence[Quarantined]) -> tuple[Figure, ...]:
    """The figures without what the card says above them already, and without those that then have nothing to say."""
    said = {one.rejection.message for one in stopped}
    echoed = [one for one in figures if one.picture or one.message not in said]
    return tuple(replace(one, message="") if one.message in said else one for one in echoed)


def view_figures(dossier: Dossier, depth: int) -> tuple[list[Figure], list[Figure]]:
    """Original and cut-out of the main view, and those of all other views."""
    masks = {record.name: record for record in dossier.product.records["mask"]}
    cutouts = {
        record.name: record
        for record in dossier.product.records["cutout"]
        if record.files["cutout"].sha256 in dossier.cutouts
    }
    main: list[Figure] = []
    others: list[Figure] = []
    for photo in dossier.product.records["raw_photo"]:
        figures = [_original(dossier, photo, depth)]
        mask = masks.get(photo.name)
        if mask is not None and photo.passed and made_from(mask, photo):
            figures.append(_cutout(dossier, photo, mask, cutouts.get(photo.name), depth))
            figures += _choices(dossier, mask, depth)
        if photo.facts.get("main"):
            main = figures
        else:
            others += figures
    return main, others


def final_figures(dossier: Dossier, line: LineDossier, depth: int) -> list[Figure]:
    """The final of every scene, or the best candidate where none was accepted."""
    return [_final(dossier, record, depth) for record in line.records.get("scored_finals", ())]


def export_line(record: Record) -> ExportLine:
    """What an export record says, in one line."""
    rules = load_rules().rules.get(record.name)
    title = rules.title if rules else words(record.name)
    if record.rejection:
        return ExportLine(title, False, f"{record.rejection.code}: {record.rejection.message}")
    files = record.facts.get("files", [])
    measures = [one for verdict in record.facts.get("compliance", {}).values() for one in verdict["measures"]]
    kept = sum(1 for one in measures if one["passed"])
    parts = ["1 picture" if len(files) == 1 else f"{len(files)} pictures", f"{kept} of {len(measures)} rules kept"]
    fill = next((one["fill"] for one in files if one["slot"] == "main"), None)
    if fill:
        parts.append(f"main picture filled to {fill:.0%}")
    left_out = record.facts.get("left_out", [])
    if left_out:
        parts.append(f"{len(left_out)} left out: {left_out[0]['message']}")
    return ExportLine(title, True, ", ".join(parts))


def _original(dossier: Dossier, photo: Record, depth: int) -> Figure:
    label = "Original" if photo.facts.get("main") else f"Original, {photo.facts.get('title', photo.name)}"
    numbers = []
    if "width" in photo.facts:
        numbers.append(("size", f"{photo.facts['width']} x {photo.facts['height']}, {photo.facts['format']}"))
    corrected = Correction.from_facts(photo.facts.get("correction", {})).in_words()
    if corrected:
        numbers.append(("corrected", corrected))
    return Figure(
        label=label,
        alt=f"{dossier.title}: the photo as it was uploaded, view {photo.name}",
        picture=_link(photo, "preview", depth),
        full=_link(photo, "photo", depth),
        state="" if photo.passed else _state(photo),
        numbers=tuple(numbers),
        message=photo.rejection.message if photo.rejection else "",
    )


def _cutout(dossier: Dossier, photo: Record, mask: Record, cutout: Record | None, depth: int) -> Figure:
    """The cut-out; where there is none, the photo with what the mask left away faded to white."""
    main = bool(photo.facts.get("main"))
    numbers = tuple(_verdict_numbers(mask, "confidence"))
    state = "" if mask.passed else _state(mask)
    message = mask.rejection.message if mask.rejection else ""
    if cutout is None:
        return Figure(
            label="What the mask found" if main else f"Mask, {photo.name}",
            alt=f"{dossier.title}: what the mask took for the product, view {photo.name}",
            picture=_link(photo, "corrected" if "corrected" in photo.files else "preview", depth),
            full=_link(mask, "mask", depth),
            overlay=_link(mask, "mask", depth),
            state=state,
            numbers=numbers,
            message=message,
        )
    return Figure(
        label="Cut-out" if main else f"Cut-out, {photo.name}",
        alt=f"{dossier.title}: the product alone, view {photo.name}",
        picture=_link(cutout, "preview", depth),
        full=_link(cutout, "cutout", depth),
        checker=True,
        state=state,
        numbers=numbers,
        message=message,
    )


def _choices(dossier: Dossier, mask: Record, depth: int) -> list[Figure]:
    """What a person can choose from where the mask waits, and the commands to type."""
    one = waits(mask)
    if one is None:
        return []
    names = f" NAME is one of {', '.join(one.hypotheses)}." if one.hypotheses else ""
    return [
        Figure(
            label="Choices" if one.main else f"Choices, {one.view}",
            alt=f"{dossier.title}: what the mask could be, view {one.view}",
            picture=_link(mask, CHOICES, depth),
            full=_link(mask, CHOICES, depth),
            message=f"To decide, type one of these, with --root or CATALOG_ROOT for this catalog.{names}",
            commands=tuple(commands(one)),
        )
    ]


def _final(dossier: Dossier, record: Record, depth: int) -> Figure:
    scene = str(record.facts.get("scene", record.name))
    template = load_templates().get(str(record.facts.get("template", scene)))
    current = record.inputs.get("cutout") in dossier.cutouts
    numbers = _verdict_numbers(record, "fidelity", str(record.facts.get(f"{DECISION}_by", "")))
    candidates = record.facts.get("candidates", [])
    if record.facts.get("plate"):
        numbers.append(("plate", str(record.facts["plate"])))
    if candidates:
        numbers.append(("best of", f"{len(candidates)}, attempt {record.facts['attempt']}"))
    return Figure(
        label=template.title if template else words(scene),
        alt=f"{dossier.title} in the scene {template.title if template else scene}",
        picture=_link(record, "preview", depth),
        full=_link(record, "final" if "final" in record.files else "preview", depth),
        state=_state(record) if current else "earlier",
        numbers=tuple(numbers),
        message=record.rejection.message if record.rejection else "",
        why=why(record),
        evidence=_link(record, EVIDENCE, depth),
    )


def _verdict_numbers(record: Record, score: str, person: str = "") -> list[tuple[str, str]]:
    """The score, and the measure or the person that decided."""
    verdict = record.verdict or {}
    numbers = [(score, f"{verdict['score']:.2f}")] if "score" in verdict else []
    if verdict.get("decided_by"):
        decided_by = str(verdict["decided_by"])
        numbers.append(("decided by", person if person and decided_by == PERSON else named(decided_by)))
    return numbers


def _state(record: Record) -> str:
    if record.rejection is None:
        return "accepted"
    return "review" if record.rejection.is_review else "rejected"


def _link(record: Record, role: str, depth: int) -> str:
    return link(record.files[role].key, depth) if role in record.files else ""


def _index(
    campaigns: Campaigns,
    galleries: Sequence[CampaignGallery],
    collages: Mapping[str, Sequence[Figure]],
    retired: int,
) -> str:
    return render(
        "gallery_index.html.j2",
        galleries=[(gallery, campaigns.active[gallery.name], collages[gallery.name]) for gallery in galleries],
        verdicts=VERDICTS,
        problems=campaigns.problems,
        archived=campaigns.archived,
        retired=retired,
    )


def _write(store: CatalogStore, key: str, page: str) -> None:
    store.write(key, page.encode(), content_type=HTML)
