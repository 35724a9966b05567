"""The review pages: everything that waits for a person, with what there is to see and what to type.

Plain HTML under `reports/review/`: relative links only, no scripts. What is kept in memory is names; pictures are only
linked, and the records behind a page are read for that page.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup

from catalog_assets.dossier import Catalog, Dossier, in_order, read_dossier
from catalog_assets.final_reviews import CANDIDATES, EXPORTS, FINALS, WaitingFinal, final_commands, waiting_finals
from catalog_assets.gallery import Figure
from catalog_assets.pages import HTML, link, render, words
from catalog_assets.quarantine import quarantined
from catalog_assets.records import Record
from catalog_assets.reviews import Waiting, commands, waiting, waiting_beside
from catalog_assets.stages.reviewed import PERSON
from catalog_assets.why import MeasureLine, care_in_words, named, verdict_lines, why
from resources.scenes.templates import load_templates
from resources.store import CatalogStore
from resources.verdicts import Rejection

FOLDER = "reports/review"
PER_PAGE = 50
_DEPTH = FOLDER.count("/") + 1


@dataclass(frozen=True)
class WaitingItems:
    """Everything that waits for a person: masks first, because nothing can be made of their products before."""

    masks: tuple[Waiting, ...]
    finals: tuple[WaitingFinal, ...]

    @property
    def everything(self) -> list[Waiting | WaitingFinal]:
        return [*self.masks, *self.finals]

    @cached_property
    def _pages(self) -> Mapping[str, str]:
        return {
            anchor(one): f"{FOLDER}/{page_name(number // PER_PAGE + 1)}" for number, one in enumerate(self.everything)
        }

    def of(self, line: str, sku: str) -> list[Waiting | WaitingFinal]:
        """What waits of a SKU in a line."""
        return self._by_sku.get((line, sku), [])

    @cached_property
    def _by_sku(self) -> dict[tuple[str, str], list[Waiting | WaitingFinal]]:
        found: dict[tuple[str, str], list[Waiting | WaitingFinal]] = {}
        for one in self.everything:
            found.setdefault((one.line, one.sku), []).append(one)
        return found

    def look_at(self, one: Waiting | WaitingFinal) -> str:
        """Store key of what a person should look at: the sheet of choices, or the item's place on a page."""
        return one.sheet if isinstance(one, Waiting) and one.sheet else self.place(one)

    def place(self, one: Waiting | WaitingFinal) -> str:
        """Store key of the page that shows an item, with its place on the page."""
        return f"{self._pages[anchor(one)]}#{anchor(one)}"


@dataclass(frozen=True, slots=True)
class CandidateLine:
    """One candidate of a final as the page lists it. changed: how it was made otherwise than the first ones."""

    name: str
    picture: str
    full: str
    attempt: str
    changed: str
    decision: str
    fidelity: str
    decided_by: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One item on a page. wide: relative link of a picture that needs the whole width (evidence or choices), or ""."""

    anchor: str
    sku: str
    title: str
    what: str
    reason: Rejection
    figures: tuple[Figure, ...]
    wide: str
    wide_alt: str
    commands: tuple[str, ...]
    names: tuple[str, ...]
    score: str = ""
    decided_by: str = ""
    person: str = ""
    measures: tuple[MeasureLine, ...] = ()
    candidates: tuple[CandidateLine, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewPages:
    """What was written. index: store key of the page to open. removed: pages of an earlier day that went."""

    index: str
    masks: int
    finals: int
    pages: int
    removed: int


def waiting_for_a_person(catalog: Catalog, *, all_views: bool) -> WaitingItems:
    """What waits: masks that hold their products up, with all_views those of other views too, and all finals."""
    held = {
        record.sku
        for record in quarantined(catalog.store)
        if record.rejection.is_review and record.rejection.stage == "mask"
    }
    masks = [one for sku in sorted(held) for one in waiting(catalog.store, sku)]
    if all_views:
        masks += [one for one in waiting_beside(catalog.store) if one.sku not in held]
    return WaitingItems(tuple(masks), tuple(waiting_finals(catalog)))


def anchor(one: Waiting | WaitingFinal) -> str:
    """Where an item stands on its page: an HTML id that no other item has."""
    if isinstance(one, WaitingFinal):
        return f"final-{one.campaign}-{one.sku}-{one.name}"
    return f"mask-{one.sku}-{one.view}"


def commands_of(one: Waiting | WaitingFinal, root: str = "") -> list[str]:
    """The commands that decide about an item, ready to be typed. root: named in them unless it is empty."""
    return final_commands(one, root) if isinstance(one, WaitingFinal) else commands(one, root)


def page_name(number: int) -> str:
    """File name of a page: index.html, page-2.html."""
    return "index.html" if number == 1 else f"page-{number}.html"


def write_review_pages(catalog: Catalog, items: WaitingItems) -> ReviewPages:
    """Write a page for every 50 items, at least one, and remove those that are no longer due. Raises StoreError.

    The same records give the same bytes.
    """
    store = catalog.store
    pages = max(1, math.ceil(len(items.everything) / PER_PAGE))
    written = []
    with tempfile.TemporaryFile() as spool:
        lengths = []
        for card in in_order(lambda one: _card(catalog, one), items.everything, catalog.store.readers):
            html = render("review_card.html.j2", card=card).encode()
            lengths.append(spool.write(html))
        spool.seek(0)
        for number in range(1, pages + 1):
            part = lengths[(number - 1) * PER_PAGE : number * PER_PAGE]
            cards = [Markup(spool.read(length).decode()) for length in part]  # noqa: S704 - rendered and escaped above
            written.append(_write(store, items, cards, number, pages))
    stale = [entry.key for entry in store.list(f"{FOLDER}/") if entry.key not in written]
    store.delete_many(stale)
    return ReviewPages(written[0], len(items.masks), len(items.finals), pages, len(stale))


def _write(store: CatalogStore, items: WaitingItems, cards: Sequence[Markup], number: int, pages: int) -> str:
    key = f"{FOLDER}/{page_name(number)}"
    first = (number - 1) * PER_PAGE
    page = render(
        "review.html.j2",
        cards=cards,
        masks=len(items.masks),
        finals=len(items.finals),
        number=number,
        pages=[page_name(one) for one in range(1, pages + 1)],
        first=first + 1,
        last=first + len(cards),
    )
    store.write(key, page.encode(), content_type=HTML)
    return key


# Cards


def _card(catalog: Catalog, one: Waiting | WaitingFinal) -> Card:
    dossier = read_dossier(catalog, one.sku, leave_out=frozenset({EXPORTS}))
    if isinstance(one, WaitingFinal):
        return _final_card(catalog, dossier, one)
    return _mask_card(dossier, one)


def _mask_card(dossier: Dossier, one: Waiting) -> Card:
    mask = _named(dossier.product.records["mask"], one.view)
    photo = _named(dossier.product.records["raw_photo"], one.view)
    verdict = (mask.verdict if mask else None) or {}
    found = Figure(
        label="What the mask found",
        alt=f"{dossier.title}: what the mask took for the product, view {one.view}",
        picture=_photo_link(photo),
        full=_link(mask, "mask"),
        overlay=_link(mask, "mask"),
    )
    return Card(
        anchor=anchor(one),
        sku=one.sku,
        title=dossier.title,
        what=f"mask, view {one.view}",
        reason=one.reason,
        figures=(_original(dossier, photo, one.view), found),
        wide=link(one.sheet, _DEPTH) if one.sheet else "",
        wide_alt=f"{dossier.title}: what the mask could be, view {one.view}",
        commands=tuple(commands_of(one)),
        names=one.names,
        score=_score(verdict),
        decided_by=named(str(verdict.get("decided_by", ""))),
        measures=_measures(mask),
        notes=mask.notes if mask else (),
    )


def _final_card(catalog: Catalog, dossier: Dossier, one: WaitingFinal) -> Card:
    line = dossier.campaigns[one.campaign]
    final = _named(line.records[FINALS], one.name)
    facts = final.facts if final else {}
    found = why(final) if final else None
    verdict = (final.verdict if final else None) or {}
    template = load_templates().get(str(facts.get("template", one.scene)))
    campaign = catalog.campaigns.active[one.campaign].title or one.campaign
    scene = template.title if template else words(one.scene)
    made = {record.name: record for record in line.records[CANDIDATES]}
    nearest = made.get(str(facts.get("chosen", "")))
    shown = Figure(
        label="The nearest final",
        alt=f"{dossier.title} in the scene {scene}",
        picture=_link(final, "preview"),
        full=_link(nearest, "picture") or _link(final, "preview"),
    )
    return Card(
        anchor=anchor(one),
        sku=one.sku,
        title=dossier.title,
        what=f"{campaign}, scene {scene}",
        reason=one.reason,
        figures=(_original(dossier, _named(dossier.product.records["raw_photo"], one.view), one.view), shown),
        wide=_link(final, "evidence"),
        wide_alt=f"{dossier.title}: the product, the final, and where they differ",
        commands=tuple(commands_of(one)),
        names=one.names,
        score=_score(verdict),
        decided_by=named(str(verdict.get("decided_by", ""))),
        person=found.person if found else "",
        measures=_measures(final),
        candidates=tuple(_candidates(facts, made)),
        notes=final.notes if final else (),
    )


def _named(records: Sequence[Record], name: str) -> Record | None:
    return next((record for record in records if record.name == name), None)


def _original(dossier: Dossier, photo: Record | None, view: str) -> Figure:
    return Figure(
        label="The photo",
        alt=f"{dossier.title}: the photo as it was uploaded, view {view}",
        picture=_photo_link(photo),
        full=_link(photo, "photo"),
    )


def _photo_link(photo: Record | None) -> str:
    """The photo that later stages saw: corrected where it was corrected."""
    return _link(photo, "corrected") or _link(photo, "preview")


def _link(record: Record | None, role: str) -> str:
    return link(record.files[role].key, _DEPTH) if record is not None and role in record.files else ""


def _score(verdict: Mapping[str, Any]) -> str:
    return f"{float(verdict['score']):.2f}" if "score" in verdict else ""


def _measures(record: Record | None) -> tuple[MeasureLine, ...]:
    """The numbers of a verdict: what decided first, then what was missed, what was met, and what is only told."""
    if record is None or record.verdict is None:
        return ()
    order = {False: 0, True: 1, None: 2}
    return tuple(sorted(verdict_lines(record.verdict), key=lambda one: (not one.decided, order[one.passed])))


def _candidates(facts: Mapping[str, Any], made: Mapping[str, Record]) -> Iterator[CandidateLine]:
    for row in facts.get("candidates", ()):
        name = str(row["name"])
        record = made.get(name)
        yield CandidateLine(
            name=name,
            picture=_link(record, "preview"),
            full=_link(record, "picture"),
            attempt=_attempt(record.facts) if record else "",
            changed=_changed(record.facts) if record else "",
            decision=str(row.get("decision", "")),
            fidelity=f"{float(row['fidelity']):.2f}" if "fidelity" in row else "",
            decided_by=named(str(row.get("decided_by", ""))),
            chosen=name == facts.get("chosen"),
        )


def _attempt(facts: Mapping[str, Any]) -> str:
    """Which attempt a candidate belongs to, and whether it was made again in it."""
    attempt, again = str(facts.get("attempt", "")), str(facts.get("again", ""))
    if not again:
        return attempt
    return f"{attempt}, asked for" if again.startswith("p") else f"{attempt}, rework {again.removeprefix('r')}"


def _changed(facts: Mapping[str, Any]) -> str:
    """What was changed for a candidate, and because of which measures."""
    because = ", ".join(named(str(name)) for name in facts.get("because", ()) if name != PERSON)
    said = care_in_words(facts.get("care", {})) or ("another seed" if facts.get("again") else "")
    return f"{said}, because of {because}" if because else said
