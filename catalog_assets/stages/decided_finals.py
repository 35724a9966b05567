"""What a person's decision makes of a final.

The stage scored_finals judges as ever; the decision lies over what the machine found. An approval holds for the very
bytes that were looked at, and for no others.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from catalog_assets.decisions import DecidedFinal, FinalDecision
from catalog_assets.records import FileRef, Record
from catalog_assets.stages.reviewed import DECISION, PERSON
from resources.names import display
from resources.verdicts import NEEDS_REVIEW, Rejection

log = logging.getLogger("catalog.reviews")

REJECTED_BY_PERSON = "rejected_by_person"
FINAL, PREVIEW, EVIDENCE = "final", "preview", "evidence"
# In place of a decision, where a better candidate was accepted before anybody asked the judge about this one.
NOT_JUDGED = "not_judged"
LOOK = "Look at the new pictures with `catalog review` and decide anew."


def under_decision(found: Record, candidates: Sequence[Record], decided: DecidedFinal | Rejection | None) -> Record:
    """The final's record under the decision in `reviews/`, or as it was found if there is none.

    found: the machine's record of the asset scored_finals, not yet saved. candidates: the scene_variants records that
    it was chosen from, with those of a rework. decided: as `Decisions.final` gave it.

    An approval exports the approved candidate, a rejection nothing. What was decided about other bytes decides nothing
    more: what the machine accepts goes on, everything else waits for a person. A decision that cannot be used waits
    too. A rework leaves the machine's verdict; the record says who asked for it.
    """
    if decided is None:
        return found
    if isinstance(decided, Rejection):
        return _waiting(found, decided, decided.code)
    said = decided.decision
    seen = looked_at(found, candidates, said)
    if said.decision != "rework" and seen is None and not _holds_for_all(said):
        return _out_of_date(found, decided)
    machine = {} if said.decision == "rework" else _machine(found)
    found = replace(found, facts={**found.facts, **_who(decided), **machine})
    if said.decision == "reject":
        return _rejected(found, said)
    return _approved(found, seen) if said.decision == "approve" and seen is not None else found


def looked_at(found: Record, candidates: Sequence[Record], said: FinalDecision) -> Record | None:
    """The candidate that a decision is about, if it still lies there and comes of the same cut-out, or None."""
    if said.cutout not in (None, found.inputs.get("cutout")):
        return None
    chosen_first = sorted(candidates, key=lambda candidate: candidate.name != found.facts.get("chosen"))
    for candidate in chosen_first:
        named = said.candidate in (None, candidate.name)
        if named and said.picture in (None, candidate.files["picture"].sha256):
            return candidate
    return None


def _holds_for_all(said: FinalDecision) -> bool:
    """True of a rejection that names no picture: it holds for the scene, whatever picture is made."""
    return said.decision == "reject" and said.picture is None and said.cutout is None


def _approved(found: Record, candidate: Record) -> Record:
    """The approved candidate as the final, with what the machine measured of it."""
    row = _row(found, candidate)
    chosen = candidate.name == found.facts.get("chosen")
    verdict = dict(found.verdict or {})
    if not chosen:  # the measures were those of another picture
        verdict |= {"score": row.get("fidelity", 0.0), "measures": row.get("measures", [])}
    verdict |= {"decision": "accepted", "decided_by": PERSON, "code": "", "message": "", "hint": ""}
    verdict["score"] = max(0.5, float(verdict.get("score", 0.0)))
    kind = {name: candidate.facts[name] for name in ("kind", "plate", "attempt") if name in candidate.facts}
    return replace(
        found,
        status="accepted",
        files={FINAL: candidate.files["picture"], PREVIEW: candidate.files[PREVIEW]},
        facts={**found.facts, **kind, "chosen": candidate.name},
        verdict=verdict,
        rejection=None,
        engine=candidate.engine,
    )


def _row(found: Record, candidate: Record) -> Mapping[str, Any]:
    """What the judge said of a candidate."""
    return next((row for row in found.facts.get("candidates", ()) if row.get("name") == candidate.name), {})


def _rejected(found: Record, said: FinalDecision) -> Record:
    who, why = display(said.by), display(said.note)
    rejection = Rejection(
        REJECTED_BY_PERSON,
        f"{who} rejected this final: {why.removesuffix('.')}.",
        "A new attempt (`catalog retry`) is judged anew unless the whole scene was rejected; "
        "`catalog review undo` takes the rejection back.",
        found.stage,
    )
    return _stopped(found, "rejected", rejection, PERSON)


def _out_of_date(found: Record, decided: DecidedFinal) -> Record:
    """What was decided about other pictures changes nothing, and it is said. Who had approved must look again."""
    note = (
        f"Decision {display(decided.key)} ({decided.decision.decision}, {display(decided.decision.by)}): "
        "the pictures changed since, so it no longer applies."
    )
    log.warning("%s/%s: %s", found.sku, found.name, note)
    found = replace(found, notes=(*found.notes, note))
    if found.rejection is None or decided.decision.decision == "reject":
        return found
    rejection = replace(found.rejection, code=NEEDS_REVIEW, message=f"{found.rejection.message} {note}", hint=LOOK)
    return _waiting(found, rejection, str((found.verdict or {}).get("decided_by", "")))


def _waiting(found: Record, rejection: Rejection, decided_by: str) -> Record:
    return _stopped(found, "review", replace(rejection, stage=found.stage), decided_by)


def _stopped(found: Record, status: str, rejection: Rejection, decided_by: str) -> Record:
    """The record without a final to export."""
    verdict: dict[str, Any] = {**(found.verdict or {}), "decision": status, "decided_by": decided_by}
    verdict |= {"score": min(0.49, float(verdict.get("score", 0.0)))}
    verdict |= {"code": rejection.code, "message": rejection.message, "hint": rejection.hint}
    return replace(found, status=status, files=_without_final(found), verdict=verdict, rejection=rejection)


def _without_final(found: Record) -> dict[str, FileRef]:
    return {role: file for role, file in found.files.items() if role != FINAL}


def _who(decided: DecidedFinal) -> dict[str, Any]:
    """Who decided what, for the record: as decisions about masks have it."""
    said = decided.decision
    facts: dict[str, Any] = {DECISION: said.decision, f"{DECISION}_file": decided.key}
    for name in ("by", "at", "note", "candidate"):
        if value := getattr(said, name):
            facts[f"{DECISION}_{name}"] = display(value)
    for name in ("harmonise", "plain", "grip"):
        if (wish := getattr(said, name)) is not None:
            facts[f"{DECISION}_{name}"] = wish
    return facts


def _machine(found: Record) -> dict[str, str]:
    """What the machine had said, which the person's word replaces."""
    verdict = found.verdict or {}
    said = {"machine_decision": found.status, "machine_decided_by": str(verdict.get("decided_by", ""))}
    return {name: value for name, value in said.items() if value}
