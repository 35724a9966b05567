"""What a person's decision makes of a mask, and what a person is shown to decide by.

A mask record always keeps what the engine found, so that a decision can be taken back without segmenting again: the
engine's matte (role `mask`, or `found` while another mask is in use), its measures, and the hypotheses. The decision
lies over it: another picture under `mask`, another verdict, and who decided what.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from catalog_assets.context import RunContext
from catalog_assets.decisions import Decided, Decision, bad_decision
from catalog_assets.records import FileRef, Record, Shelf, fingerprint, judged_record
from resources.imaging.alpha import Alpha, Rgb
from resources.imaging.correction import Correction
from resources.imaging.encode import png_grey, preview, read_grey
from resources.imaging.level import turned
from resources.matting.choices import Choice, choices_sheet
from resources.matting.engine import EngineRun, Hypothesis, Matte
from resources.matting.given import read_matte, useless
from resources.matting.measures import softness
from resources.matting.refine import EdgeRefiner
from resources.names import display
from resources.verdicts import Measure, Rejection, Verdict, measure

log = logging.getLogger("catalog.reviews")

PERSON = "person"
MASK, FOUND, CHOICES = "mask", "found", "choices"
DECISION = "decision"
DECIDE_BY_EYE = "Or decide by eye: `catalog review` shows the choices."
_HYPOTHESIS = "hypothesis_"
# More tiles than this nobody compares; the engine names the surest first.
_MOST_HYPOTHESES = 11
_SHEET_SIDE = 4096


# What a person is shown


def keep_choices(shelf: Shelf, view: str, photo: Rgb, matte: Matte) -> dict[str, FileRef]:
    """Store what else the product could be: a grey PNG a hypothesis, and one sheet that shows them all."""
    hypotheses = matte.hypotheses[:_MOST_HYPOTHESES]
    files = {
        f"{_HYPOTHESIS}{one.name}": shelf.put(f"{view}.{_HYPOTHESIS}{one.name}", "png", png_grey(_as_grey(one)))
        for one in hypotheses
    }
    choices = [Choice("photo"), Choice("approve (the mask as it is)", matte.alpha > 127)]
    choices += [Choice(f"pick {one.name}", one.mask) for one in hypotheses]
    sheet = preview(choices_sheet(photo, choices), _SHEET_SIDE)
    return {**files, CHOICES: shelf.put(f"{view}.{CHOICES}", "webp", sheet)}


def _as_grey(hypothesis: Hypothesis) -> Alpha:
    return np.where(hypothesis.mask, np.uint8(255), np.uint8(0))


def found_facts(matte: Matte) -> dict[str, Any]:
    """What a mask's record tells of how it was found: the engines that ran, and the hypotheses with their scores."""
    facts: dict[str, Any] = {}
    if matte.runs:
        facts["runs"] = [asdict(run) for run in matte.runs]
    if matte.hypotheses:
        facts["hypotheses"] = {one.name: round(float(one.score), 4) for one in matte.hypotheses[:_MOST_HYPOTHESES]}
    return facts


def runs_of(record: Record) -> list[EngineRun]:
    """The engines that ran for a mask, in order."""
    return [EngineRun(**run) for run in record.facts.get("runs", ())]


def hypotheses_of(record: Record) -> list[str]:
    """Names of the hypotheses that lie beside a mask, the surest first."""
    scores: Mapping[str, float] = record.facts.get("hypotheses", {})
    kept = [role.removeprefix(_HYPOTHESIS) for role in record.files if role.startswith(_HYPOTHESIS)]
    return sorted(kept, key=lambda name: (-scores.get(name, 0.0), name))


def looked_at(record: Record, decision: str, hypothesis: str | None) -> FileRef | None:
    """The picture that a decision is about: the engine's matte, or a hypothesis; None if it is not there."""
    if decision == "pick":
        return record.files.get(f"{_HYPOTHESIS}{hypothesis}")
    return record.files.get(FOUND) or record.files.get(MASK)


# What a decision does


def judged_by_gate(record: Record, verdict: Verdict, judged: str) -> Record:
    """The record under the gate's verdict; what waits for a person says how that person decides."""
    record = judged_record(record, verdict, judged)
    if record.rejection is None:
        return record
    return replace(record, rejection=replace(record.rejection, hint=f"{record.rejection.hint} {DECIDE_BY_EYE}"))


def as_found(record: Record) -> Record:
    """The record without any decision: the engine's matte and measures. Its verdict is still to be made."""
    files = dict(record.files)
    if FOUND in files:
        files[MASK] = files.pop(FOUND)
    return replace(
        record,
        files=files,
        inputs={name: value for name, value in record.inputs.items() if name != DECISION},
        facts={name: value for name, value in record.facts.items() if not name.startswith(DECISION)},
        notes=tuple(note for note in record.notes if not _is_ours(note)),
    )


def decided(
    context: RunContext,
    shelf: Shelf,
    photo: Record,
    found: Record,
    verdict: Verdict,
    current: Record,
    before: Record | None,
) -> Record:
    """The mask's record under the decision in `reviews/`, or as it was found if there is none that holds.

    found: as the engine left it, under its own verdict. current: what the store holds for the same work, a decision
    perhaps included. before: what the store held before this run, of this photo or an earlier one.
    """
    decision = context.decisions.of(found.sku, found.name)
    if decision is None:
        return found
    if isinstance(decision, Rejection):
        return _refused(found, decision)
    bound = _bound(decision, before, found if _is_for_the_new(decision.decision, before) else before)
    found = replace(found, inputs={**found.inputs, DECISION: bound})
    stale = _stale(decision, bound, photo, found)
    if stale:
        return _waits(found, decision, stale)
    return _Applied(context, shelf, photo, found, verdict, current, decision).record()


def remembering(context: RunContext, blank: Record, before: Record | None) -> Record:
    """The record that is about to be made, with a note of what the decision was made for.

    A run that is killed after the new mask was stored must not make the next one believe that somebody saw it.
    """
    decision = context.decisions.of(blank.sku, blank.name)
    if not isinstance(decision, Decided):
        return blank
    if not _noted(decision, before) and _is_for_the_new(decision.decision, before):
        return blank
    return replace(blank, inputs={**blank.inputs, DECISION: _bound(decision, before, before)})


def _is_for_the_new(said: Decision, before: Record | None) -> bool:
    """True if a decision can hold for a photo of which no mask was ever shown: it says so, or brings its own."""
    if said.decision == "matte":
        return True
    return said.photo is not None and (before is None or not _same(str(before.inputs["photo"]), said.photo))


def _noted(decision: Decided, before: Record | None) -> Mapping[str, str]:
    """What the record before noted of this very decision."""
    known = before.inputs.get(DECISION, {}) if before is not None else {}
    return known if known.get("content") == decision.content else {}


def _bound(decision: Decided, before: Record | None, shown: Record | None) -> dict[str, str]:
    """What a decision was made for: as it says itself, else as noted when it was first met, else what was shown.

    Nobody can have looked at a mask that was only just made: shown is then what the store held before, or None.
    """
    said = decision.decision
    known = _noted(decision, before)
    seen = as_found(shown) if shown is not None else None
    photo = str(seen.inputs["photo"]) if seen is not None else ""
    picture = looked_at(seen, said.decision, said.hypothesis) if seen is not None else None
    return {
        "content": decision.content,
        "photo": said.photo or known.get("photo", photo),
        "mask": said.mask or known.get("mask", picture.sha256 if picture else ""),
    }


def _stale(decision: Decided, bound: Mapping[str, str], photo: Record, found: Record) -> str:
    """Why a decision does not hold, as a sentence, or ""."""
    said = decision.decision
    if not _same(photo.files["photo"].sha256, bound["photo"]):
        now = photo.files["photo"].sha256[:16]
        if not bound["photo"]:
            return f'It was there before the mask, and names no photo; if it holds for this one, add "photo": "{now}".'
        return f"It was made for another photo ({bound['photo'][:16]}; now it is {now}) and no longer applies."
    picture = looked_at(found, said.decision, said.hypothesis)
    if said.decision == "matte" or (said.decision == "pick" and picture is None and not bound["mask"]):
        return ""
    if picture is None or not _same(picture.sha256, bound["mask"]):
        return "It was made for another mask of this photo and no longer applies."
    return ""


def _same(sha256: str, prefix: str) -> bool:
    return bool(prefix) and sha256.startswith(prefix)


def _waits(found: Record, decision: Decided, why: str) -> Record:
    """A decision that does not hold changes nothing; that is said aloud, and the engine's verdict counts."""
    note = _note(decision, why)
    log.warning("%s/%s: %s", found.sku, found.name, note)
    rejection = found.rejection
    if rejection is not None:
        rejection = replace(rejection, message=f"{rejection.message} {note}")
    return replace(found, notes=(*found.notes, note), rejection=rejection)


def _refused(found: Record, rejection: Rejection) -> Record:
    """A decision that cannot be used keeps its view back: somebody wanted something else than what is there."""
    verdict = {**(found.verdict or {}), "decision": "review", "decided_by": rejection.code, "code": rejection.code}
    verdict |= {"score": min(0.49, float(verdict.get("score", 0.0))), "message": rejection.message}
    return replace(
        found,
        status="review",
        judged=fingerprint({"refused": rejection.message}),
        verdict={**verdict, "hint": rejection.hint},
        rejection=replace(rejection, stage=found.stage),
    )


class _Applied:
    """One decision that holds, on its way into the record."""

    def __init__(
        self,
        context: RunContext,
        shelf: Shelf,
        photo: Record,
        found: Record,
        verdict: Verdict,
        current: Record,
        decision: Decided,
    ) -> None:
        self.context = context
        self.shelf = shelf
        self.photo = photo
        self.found = found
        self.verdict = verdict
        self.current = current
        self.key = decision.key
        self.said = decision.decision
        self.matte = decision.matte
        self.content = decision.content

    def record(self) -> Record:
        """The record as the person wants it, or a review that says what is wrong with the decision."""
        if self.said.decision == "approve":
            return self._approved()
        made_from = self._made_from()
        if isinstance(made_from, Rejection):
            return _refused(self.found, made_from)
        if self._is_made(made_from):
            return self._accepted(self.current.files[MASK], made_from, _numbers(self.current))
        alpha = self._alpha()
        if isinstance(alpha, Rejection):
            return _refused(self.found, alpha)
        file = self.shelf.put(self.found.name, "png", png_grey(alpha))
        numbers = (measure("area", float((alpha > 127).mean())), measure("softness", softness(alpha)))
        return self._accepted(file, made_from, numbers)

    def _approved(self) -> Record:
        file = self.found.files[MASK]
        if self.current.facts.get(DECISION) != "approve":  # else it was looked at when it was approved first
            problem = useless(read_grey(self.context.read(file)))
            if problem:
                return _refused(self.found, self._bad(f"the mask cannot be approved, {problem}"))
        return self._accepted(file, "", self.verdict.measures)

    def _made_from(self) -> str | Rejection:
        """Fingerprint of what the person's mask is made from: the engine's work is part of it, as is the photo."""
        parts: dict[str, Any] = {"found": self.found.fingerprint}
        if self.said.decision == "matte":
            return fingerprint({**parts, "matte": hashlib.sha256(self.matte).hexdigest()})
        picked = looked_at(self.found, "pick", self.said.hypothesis)
        if picked is None:
            names = ", ".join(hypotheses_of(self.found)) or "none"
            return self._bad(f"there is no hypothesis {display(str(self.said.hypothesis))!r}; recorded are {names}")
        refiner = EdgeRefiner()
        return fingerprint({**parts, "picked": picked.sha256, "refiner": [refiner.name, refiner.revision]})

    def _is_made(self, made_from: str) -> bool:
        return bool(self.current.inputs.get(DECISION, {}).get("made_from") == made_from)

    def _alpha(self) -> Alpha | Rejection:
        """The matte that the person wants, at the size of the corrected photo."""
        if self.said.decision == "matte":
            alpha = self._given()
            if isinstance(alpha, Rejection):
                return self._bad(f"its matte is no good: {_lower(alpha.message)} {alpha.hint}")
        else:
            ref = self.found.files[f"{_HYPOTHESIS}{self.said.hypothesis}"]
            hypothesis = read_grey(self.context.read(ref)) > 127
            alpha = EdgeRefiner().refine(self.context.photo(self.photo).rgb, hypothesis)
        problem = useless(alpha)
        return self._bad(f"no mask comes of it, {problem}") if problem else alpha

    def _given(self) -> Alpha | Rejection:
        """The matte from the person's file. It was made for the photo as it was uploaded, and is turned like that."""
        facts = self.photo.facts
        alpha = read_matte(self.matte, (int(facts["height"]), int(facts["width"])))
        degrees = Correction.from_facts(facts.get("correction", {})).degrees
        return turned(alpha, degrees) if degrees and not isinstance(alpha, Rejection) else alpha

    def _bad(self, what: str) -> Rejection:
        return bad_decision(self.key, self.found.sku, self.found.name, what.removesuffix("."))

    def _accepted(self, file: FileRef, made_from: str, measures: Sequence[Measure]) -> Record:
        files = dict(self.found.files)
        if file.sha256 != files[MASK].sha256:
            files[FOUND], files[MASK] = files[MASK], file
        bound = self.found.inputs[DECISION]
        verdict = Verdict("accepted", 1.0, tuple(measures), PERSON)
        return replace(
            judged_record(self.found, verdict, fingerprint({"decided": self.content})),
            files=files,
            inputs={**self.found.inputs, DECISION: {**bound, "made_from": made_from} if made_from else bound},
            facts={**self.found.facts, **self._who()},
        )

    def _who(self) -> dict[str, str]:
        said = {DECISION: self.said.decision, f"{DECISION}_file": self.key}
        for name in ("hypothesis", "by", "at", "note"):
            if value := getattr(self.said, name):
                said[f"{DECISION}_{name}"] = display(value)
        return said


def _numbers(record: Record) -> tuple[Measure, ...]:
    return tuple(Measure(**one) for one in (record.verdict or {}).get("measures", ()))


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _note(decision: Decided, text: str) -> str:
    return f"Decision {display(decision.key)}: {text}"


def _is_ours(note: str) -> bool:
    return note.startswith("Decision ")
