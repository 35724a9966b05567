"""What a decision makes of a final's record, without running anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from catalog_assets.decisions import DecidedFinal, FinalDecision
from catalog_assets.records import EngineRef, FileRef, Record, fingerprint
from catalog_assets.stages.decided_finals import under_decision
from resources.verdicts import BAD_DECISION, NEEDS_REVIEW, Measure, Rejection, Verdict

CUTOUT = "c" * 64
KEY = "reviews/mug/sale/main.desk.json"
MISSED = Measure("ab_shift", 2.5, 1.5, "lower", False)
MET = Measure("ab_shift", 0.5, 1.5, "lower", True)
UNSURE = Verdict("review", 0.4, (MISSED,), "ab_shift", "off_colour", "The colours moved.", "Look at it.")
SURE = Verdict("accepted", 0.9, (MET,))


def file(name: str) -> FileRef:
    return FileRef(f"assets/{name}.webp", fingerprint({"file": name}) * 2, 10)


def candidate(number: int) -> Record:
    name = f"main.desk.c{number}.a1"
    files = {"picture": file(name), "preview": file(f"{name}.preview")}
    facts = {"kind": f"kind {number}", "attempt": 1, "plate": f"plate {number}"}
    return Record(
        "scene_variants", "mug", name, "made", "", files=files, facts=facts, engine=EngineRef(f"engine {number}", "1")
    )


CANDIDATES = (candidate(1), candidate(2))


def found(verdict: Verdict = UNSURE, chosen: int = 0) -> Record:
    """The machine's record of a scene with two candidates; the chosen one has this verdict."""
    best = CANDIDATES[chosen]
    final = {"final": best.files["picture"]} if verdict.accepted else {}
    row = {"decision": "review", "fidelity": 0.2, "decided_by": "detail", "measures": [{"name": "detail"}]}
    return Record(
        "scored_finals",
        "mug",
        "main.desk",
        verdict.decision,
        "made from this",
        judged="thresholds",
        files={**final, "preview": best.files["preview"]},
        inputs={"cutout": CUTOUT},
        measures={"fidelity": verdict.score},
        facts={
            "chosen": best.name,
            "kind": best.facts["kind"],
            "attempt": 1,
            "candidates": [{**row, "name": one.name} for one in CANDIDATES],
        },
        verdict=verdict.as_dict(),
        rejection=verdict.rejection("scored_finals"),
        engine=best.engine,
    )


def picture(number: int) -> str:
    return CANDIDATES[number].files["picture"].sha256


def decided(decision: str, **said: Any) -> DecidedFinal:
    checked = FinalDecision.model_validate({"decision": decision, "by": "Ann", "note": "the shade is right", **said})
    return DecidedFinal(KEY, checked, "content")


def approved(number: int = 0, **said: Any) -> DecidedFinal:
    return decided("approve", **{"picture": picture(number), "cutout": CUTOUT, **said})


def test_without_a_decision_the_machine_counts() -> None:
    record = found()
    assert under_decision(record, CANDIDATES, None) is record


def test_an_approved_final_is_exported_in_the_name_of_who_approved_it() -> None:
    record = under_decision(found(), CANDIDATES, approved(at="2026-01-02T03:04:05+00:00"))
    assert record.passed
    assert record.files == {"final": CANDIDATES[0].files["picture"], "preview": CANDIDATES[0].files["preview"]}
    assert record.verdict is not None
    assert (record.verdict["decision"], record.verdict["decided_by"]) == ("accepted", "person")
    assert record.verdict["measures"] == UNSURE.as_dict()["measures"]  # what the machine measured stays
    assert (record.verdict["code"], record.verdict["message"], record.verdict["hint"]) == ("", "", "")
    assert record.verdict["score"] == 0.5  # accepted, and no surer than the machine was
    assert record.measures == {"fidelity": 0.4}
    assert (record.fingerprint, record.judged) == ("made from this", "thresholds")
    assert {name: record.facts[name] for name in record.facts if name.startswith(("decision", "machine"))} == {
        "decision": "approve",
        "decision_file": KEY,
        "decision_by": "Ann",
        "decision_note": "the shade is right",
        "decision_at": "2026-01-02T03:04:05+00:00",
        "machine_decision": "review",
        "machine_decided_by": "ab_shift",
    }


def test_another_candidate_can_be_approved_and_brings_its_own_facts() -> None:
    record = under_decision(found(), CANDIDATES, approved(1))
    assert record.files["final"] == CANDIDATES[1].files["picture"]
    facts = {name: record.facts[name] for name in ("chosen", "kind", "plate", "attempt")}
    assert facts == {"chosen": "main.desk.c2.a1", "kind": "kind 2", "plate": "plate 2", "attempt": 1}
    assert record.engine == EngineRef("engine 2", "1")
    assert record.verdict is not None
    assert record.verdict["measures"] == [{"name": "detail"}]  # its own, not those of the one the machine chose


def test_a_person_may_prefer_another_candidate_to_an_accepted_one() -> None:
    record = under_decision(found(SURE), CANDIDATES, approved(1))
    assert record.passed
    assert record.files["final"] == CANDIDATES[1].files["picture"]


@pytest.mark.parametrize(
    "said",
    [
        {"picture": "0" * 64},
        {"cutout": "0" * 64},
        {"candidate": CANDIDATES[1].name},  # the name of one, the bytes of the other
        {"candidate": "main.desk.c9.a1"},
    ],
)
def test_an_approval_of_other_bytes_approves_nothing(said: dict[str, Any]) -> None:
    record = under_decision(found(), CANDIDATES, approved(**said))
    assert not record.passed
    assert "final" not in record.files
    assert record.rejection is not None
    assert record.rejection.code == NEEDS_REVIEW
    assert "the pictures changed since" in record.rejection.message
    assert record.notes == (f"Decision {KEY} (approve, Ann): the pictures changed since, so it no longer applies.",)
    assert "decision" not in record.facts


def test_an_approval_of_other_bytes_makes_even_what_the_machine_refused_wait() -> None:
    refused = replace(UNSURE, decision="rejected")
    record = under_decision(found(refused), CANDIDATES, approved(picture="0" * 64))
    assert (record.status, record.rejection.code if record.rejection else "") == ("review", NEEDS_REVIEW)


def test_what_the_machine_accepts_needs_no_approval_that_holds() -> None:
    record = under_decision(found(SURE), CANDIDATES, approved(picture="0" * 64))
    assert record.passed
    assert record.files["final"] == CANDIDATES[0].files["picture"]
    assert "no longer applies" in record.notes[0]


@pytest.mark.parametrize("verdict", [SURE, UNSURE])
@pytest.mark.parametrize("said", [{}, {"picture": picture(0), "cutout": CUTOUT}, {"picture": picture(1)}])
def test_a_rejected_final_is_not_exported_and_waits_for_nobody(verdict: Verdict, said: dict[str, str]) -> None:
    record = under_decision(found(verdict), CANDIDATES, decided("reject", **said))
    assert (record.status, list(record.files)) == ("rejected", ["preview"])
    reason = record.rejection
    assert reason is not None
    assert (reason.code, reason.stage, reason.is_review, reason.retryable) == (
        "rejected_by_person",
        "scored_finals",
        False,
        False,
    )
    assert reason.message == "Ann rejected this final: the shade is right."
    assert record.verdict is not None
    assert (record.verdict["decision"], record.verdict["decided_by"]) == ("rejected", "person")
    assert record.verdict["score"] < 0.5
    assert record.facts["decision"] == "reject"


@pytest.mark.parametrize("verdict", [SURE, UNSURE])
def test_a_rejection_of_other_pictures_leaves_the_machine_its_word(verdict: Verdict) -> None:
    record = under_decision(found(verdict), CANDIDATES, decided("reject", picture="0" * 64))
    assert (record.status, record.rejection) == (found(verdict).status, found(verdict).rejection)
    assert "no longer applies" in record.notes[0]


@pytest.mark.parametrize("verdict", [SURE, UNSURE])
def test_a_rework_leaves_the_verdict_and_says_who_asked(verdict: Verdict) -> None:
    before = found(verdict)
    wish = decided("rework", harmonise=False, plain=True, grip=0, picture="0" * 64)
    record = under_decision(before, CANDIDATES, wish)
    assert replace(record, facts=before.facts) == before
    assert record.facts["decision_by"] == "Ann"
    assert "machine_decision" not in record.facts  # its verdict still stands
    care = {name: record.facts[f"decision_{name}"] for name in ("harmonise", "plain", "grip")}
    assert care == {"harmonise": False, "plain": True, "grip": 0}


@pytest.mark.parametrize("verdict", [SURE, UNSURE])
def test_a_decision_that_cannot_be_used_keeps_the_final_back(verdict: Verdict) -> None:
    record = under_decision(found(verdict), CANDIDATES, Rejection(BAD_DECISION, "It is empty.", "Mend it."))
    assert (record.status, list(record.files)) == ("review", ["preview"])
    assert record.rejection == Rejection(BAD_DECISION, "It is empty.", "Mend it.", "scored_finals")
    assert record.verdict is not None
    assert (record.verdict["decision"], record.verdict["decided_by"]) == ("review", BAD_DECISION)
