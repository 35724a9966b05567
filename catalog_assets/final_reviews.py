"""Finals that wait for a person: which they are, and how a decision about one gets into the store."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from catalog_assets.decisions import Decisions, FinalDecision, remove_final_decision, write_final_decision
from catalog_assets.dossier import CAMPAIGN_ASSETS, Catalog, in_order, read_dossier
from catalog_assets.records import FileRef, Record, campaign_shelf, product_shelf, read_file
from catalog_assets.reviews import ReviewError, user_name
from resources.names import clean_text, display, same_but_case, sku_name
from resources.store import CatalogStore, NotFound
from resources.verdicts import Rejection

CANDIDATES, FINALS, EXPORTS = CAMPAIGN_ASSETS
_CAMPAIGNS = "assets/campaigns"
_NEAR = 3


@dataclass(frozen=True, slots=True)
class WaitingFinal:
    """One final that waits for a person. name: of its record. candidates: names of all that were judged."""

    sku: str
    campaign: str
    name: str
    view: str
    scene: str
    reason: Rejection
    candidates: tuple[str, ...]

    @property
    def line(self) -> str:
        """The line whose final it is."""
        return self.campaign

    @property
    def what(self) -> str:
        """Which of the SKU's finals it is, in words."""
        return f"campaign {self.campaign}, scene {self.scene}"

    @property
    def names(self) -> tuple[str, ...]:
        """What NAME in the commands can be; the only candidate needs none."""
        return self.candidates if len(self.candidates) > 1 else ()


@dataclass(frozen=True, slots=True)
class FinalName:
    """Which final is meant, as a person says it. scene, view: "" where there is only one that can be meant."""

    sku: str
    campaign: str
    scene: str = ""
    view: str = ""


# Looking


def waiting_finals(catalog: Catalog) -> Iterator[WaitingFinal]:
    """The finals that wait, by campaign and SKU, also those beside an accepted one. Reads every final's record.

    What was made of an earlier photo, or of a product or a scene that a campaign does not want, waits for nobody.
    """
    for campaign in catalog.campaigns.active:
        made = catalog.store.children(f"{_CAMPAIGNS}/{campaign}/{FINALS}")
        known = [sku for sku in made if sku in catalog.uploads.skus]
        for found in in_order(partial(_waiting, catalog, campaign), known, catalog.store.readers):
            yield from found


def _waiting(catalog: Catalog, campaign: str, sku: str) -> list[WaitingFinal]:
    if not any(_waits(record) for record in campaign_shelf(catalog.store, campaign, FINALS, sku).records()):
        return []
    dossier = read_dossier(catalog, sku, leave_out=frozenset({CANDIDATES, EXPORTS}))
    line = dossier.campaigns[campaign]
    if line.statuses[FINALS] not in ("made", "review", "rejected"):
        return []
    scenes = {scene.name for scene in catalog.campaigns.active[campaign].scenes}
    current = [record for record in line.records[FINALS] if record.inputs.get("cutout") in dossier.cutouts]
    return [_as_waiting(campaign, record) for record in current if _waits(record) and place(record)[1] in scenes]


def _waits(record: Record) -> bool:
    return record.rejection is not None and record.rejection.is_review


def _as_waiting(campaign: str, final: Record) -> WaitingFinal:
    if final.rejection is None:
        raise ValueError(f"{final.name} does not wait for anybody")
    view, scene = place(final)
    return WaitingFinal(final.sku, campaign, final.name, view, scene, final.rejection, candidates_of(final))


def place(final: Record) -> tuple[str, str]:
    """View and scene of a final."""
    view, _, scene = final.name.rpartition(".")
    return str(final.facts.get("view", view)), str(final.facts.get("scene", scene))


def candidates_of(final: Record) -> tuple[str, ...]:
    """Names of the candidates that a final was chosen from, the chosen one first."""
    names = [str(row["name"]) for row in final.facts.get("candidates", ())]
    return tuple(sorted(names, key=lambda name: name != final.facts.get("chosen")))


def final_commands(one: WaitingFinal, root: str = "") -> list[str]:
    """The commands that decide, ready to be typed but for WHY. root: named in them unless it is empty."""
    what = f"{shlex.quote(one.sku)} --campaign {shlex.quote(one.campaign)} --scene {shlex.quote(one.scene)}"
    tail = " --note WHY" + (f" --root {shlex.quote(root)}" if root else "")
    other = [f"catalog review approve {what} --candidate NAME{tail}"] if one.names else []
    return [
        f"catalog review approve {what}{tail}",
        *other,
        f"catalog review reject {what}{tail}",
        f"catalog review rework {what}{tail}",
    ]


def left_out_finals(store: CatalogStore, decisions: Decisions) -> list[str]:
    """Decisions about finals that are not there, in words."""
    said = []
    for sku, campaign, name in decisions.finals:
        records = campaign_shelf(store, campaign, FINALS, sku).records()
        if not any(same_but_case(record.name) == same_but_case(name) for record in records):
            key = display(decisions.final_keys(sku, campaign, name)[0])
            what = f"there is no final {display(name)} of SKU {sku} in the campaign {campaign}"
            said.append(f"{key} decides nothing so far: {what}.")
    return said


# Deciding


def approve_final(store: CatalogStore, what: FinalName, by: str, note: str, candidate: str = "") -> str:
    """Write the decision that a candidate (default: the one that came nearest) is right; the key of its file.

    It is bound to the bytes of its picture and of the cut-out, which are read and checked. Raises ReviewError,
    StoreError.
    """
    final = find_final(store, what)
    known = candidates_of(final)
    if candidate and candidate not in known:
        raise ReviewError(f"{_named(final, what)}: no candidate {display(candidate)!r}; there are {', '.join(known)}.")
    chosen = candidate or str(final.facts["chosen"])
    if final.passed and chosen == final.facts["chosen"]:
        raise ReviewError(f"{_named(final, what)}: the final is accepted already, there is nothing to approve.")
    record = campaign_shelf(store, what.campaign, CANDIDATES, final.sku).record(chosen)
    picture = record.files.get("picture") if record else None
    if record is not None and picture is None:
        raise ReviewError(
            f"{_named(final, what)}: the picture of {display(chosen)} is not kept any more (space.losers in "
            "catalog.yaml). Have others made with `catalog review rework`: all of those stay."
        )
    for file in (picture, _cutout(store, final)):
        _insist_on_bytes(store, file, final, what)
    return _write(store, final, what, by, note, decision="approve", candidate=chosen, picture=_sha256(picture))


def reject_final(store: CatalogStore, what: FinalName, by: str, note: str) -> str:
    """Write the decision that a final must not leave, whatever the machine says; the key of its file.

    It holds for the pictures that lie there now: a new attempt is judged anew. Raises ReviewError, StoreError.
    """
    final = find_final(store, what)
    record = campaign_shelf(store, what.campaign, CANDIDATES, final.sku).record(str(final.facts["chosen"]))
    picture = record.made_files.get("picture") if record else None
    return _write(store, final, what, by, note, decision="reject", picture=_sha256(picture))


def rework_final(
    store: CatalogStore,
    what: FinalName,
    by: str,
    note: str,
    *,
    harmonise: bool | None = None,
    plain: bool | None = None,
    grip: int | None = None,
) -> str:
    """Write the wish for more candidates, made with this care; the key of its file. Raises ReviewError, StoreError.

    None leaves a part of the care to the line.
    """
    final = find_final(store, what)
    return _write(store, final, what, by, note, decision="rework", harmonise=harmonise, plain=plain, grip=grip)


def undo_final(store: CatalogStore, what: FinalName) -> tuple[str, str, list[str]]:
    """Take a decision back: SKU, the final's name and the keys that were removed. Raises ReviewError, StoreError."""
    key = sku_name(what.sku).key
    decided = [name for sku, campaign, name in Decisions(store).finals if (sku, campaign) == (key, what.campaign)]
    found = [name for name in decided if _is_meant(what, *_split(name))]
    if not found:
        where = f"{display(what.sku)} in the campaign {display(what.campaign)}"
        scene = f", scene {display(what.scene)}" if what.scene else ""
        raise ReviewError(f"There is no decision for {where}{scene}, so there is nothing to take back.")
    if len(found) > 1:
        raise ReviewError(
            f"{key} has decisions for several finals: name one with --scene ({', '.join(map(display, found))})."
        )
    return key, found[0], remove_final_decision(store, key, what.campaign, found[0])


def find_final(store: CatalogStore, what: FinalName) -> Record:
    """The final that is meant: the one named, else the only one that waits, else the only one. Raises ReviewError."""
    finals = _finals(store, what)
    found = [final for final in finals if _is_meant(what, *place(final))]
    if not found:
        names = ", ".join(sorted({place(final)[1] for final in finals}))
        raise ReviewError(f"{finals[0].sku} has no final in the scene {display(what.scene)!r}; there are {names}.")
    open_ones = [final for final in found if _waits(final)]
    meant = open_ones if len(open_ones) == 1 else found
    if len(meant) > 1:
        names = ", ".join(sorted({place(final)[1] for final in open_ones or found}))
        raise ReviewError(f"{finals[0].sku} has several finals here: name one with --scene ({names}).")
    return meant[0]


def _finals(store: CatalogStore, what: FinalName) -> list[Record]:
    """The finals of a SKU in a campaign; at least one."""
    campaigns = store.children(_CAMPAIGNS)
    if what.campaign not in campaigns:
        known = f"there are {', '.join(campaigns)}." if campaigns else "run `catalog refresh` first."
        raise ReviewError(f"No campaign {display(what.campaign)!r} is on record; {known}")
    key = sku_name(what.sku).key
    finals = campaign_shelf(store, what.campaign, FINALS, key).records()
    if not finals:
        near = difflib.get_close_matches(key, store.children(f"{_CAMPAIGNS}/{what.campaign}/{FINALS}"), n=_NEAR)
        meant = f" Did you mean {' or '.join(near)}?" if near else " Run `catalog refresh` first."
        raise ReviewError(f"No final of {display(what.sku)} is on record in the campaign {what.campaign}.{meant}")
    return finals


def _split(name: str) -> tuple[str, str]:
    view, _, scene = name.rpartition(".")
    return view, scene


def _is_meant(what: FinalName, view: str, scene: str) -> bool:
    said = ((what.view, view), (what.scene, scene))
    return all(not wanted or same_but_case(wanted) == same_but_case(found) for wanted, found in said)


def _named(final: Record, what: FinalName) -> str:
    return f"{final.sku}, campaign {what.campaign}, scene {place(final)[1]}"


def _again(final: Record, what: FinalName) -> str:
    sku, campaign = shlex.quote(final.sku), shlex.quote(what.campaign)
    return f"Run `catalog refresh --sku {sku} --campaign {campaign} --force` and look again."


def _cutout(store: CatalogStore, final: Record) -> FileRef | None:
    """The cut-out as it lies there now, None if it is no longer the one that the final was made from."""
    record = product_shelf(store, "cutout", final.sku).record(place(final)[0])
    file = record.files.get("cutout") if record else None
    return file if file is not None and file.sha256 == final.inputs.get("cutout") else None


def _insist_on_bytes(store: CatalogStore, file: FileRef | None, final: Record, what: FinalName) -> None:
    """Nobody approves what is not there any more, or is not what was judged."""
    if file is None:
        raise ReviewError(f"{_named(final, what)}: it was made from other pictures. {_again(final, what)}")
    try:
        read_file(store, file)
    except NotFound:
        raise ReviewError(f"{_named(final, what)}: {file.key} is missing. {_again(final, what)}") from None
    except ValueError:
        said = f"{file.key} is not what was judged: its bytes changed since"
        raise ReviewError(f"{_named(final, what)}: {said}. {_again(final, what)}") from None


def _sha256(file: FileRef | None) -> str | None:
    return file.sha256 if file else None


def _write(store: CatalogStore, final: Record, what: FinalName, by: str, note: str, **said: Any) -> str:
    """Write a decision in somebody's name, with the reason, about the cut-out that the final was made from."""
    who, why = clean_text(by or user_name()), clean_text(note)
    if not who:
        raise ReviewError("Who decides? Name yourself with --by.")
    if not why:
        raise ReviewError("Why? Give the reason with --note: it goes on record.")
    decision = FinalDecision(
        by=who[:200],
        note=why[:2000],
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        cutout=final.inputs.get("cutout"),
        **said,
    )
    return write_final_decision(store, final.sku, what.campaign, final.name, decision)
