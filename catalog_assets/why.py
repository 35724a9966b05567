"""Why a final was accepted or not, for a person: its record in words, each measure beside its threshold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog_assets.pages import words
from catalog_assets.records import Record
from catalog_assets.stages.decided_finals import NOT_JUDGED
from catalog_assets.stages.reviewed import DECISION, PERSON

# What the judge's measures are about, for people who did not build it; one that is not here is shown by its name.
_MEASURES = {
    "exact_pixels": "changed pixels",
    "worst_block_ssim": "local structure",
    "small_block_ssim": "fine structure",
    "ab_shift": "colour shift",
    "block_ab_shift": "local colour shift",
    "delta_e_mean": "colour difference",
    "delta_e_block": "local colour difference",
    "delta_e_small_block": "fine colour difference",
    "unexplained_block": "difference in thin parts",
    "detail": "fine detail kept",
    "detail_added": "fine detail added",
    "stretch": "stretched one way",
    "rotation": "turned, degrees",
    "expansion": "grown beyond its outline",
    "outline_moved": "outline moved",
    "twins": "points found twice",
    "visible_share": "share inside the picture",
    "product_side_px": "size in pixels",
    "text_distance": "printed text, changed",
    "patch_likeness_mean": "likeness to a net",
    "patch_likeness_worst": "local likeness to a net",
    "registration": "not found",
    "rank_score": "rank",
}
_BECAUSE = {PERSON: "a person asked for it", "rank_score": "the best one ranked low"}
_DONE = {"approve": "approved this picture", "reject": "rejected it", "rework": "had it made again"}
# Where a bar reaches its limit, percent of its length: beyond lies what is too much.
_LIMIT = 80


@dataclass(frozen=True, slots=True)
class MeasureLine:
    """A measured number beside its threshold, as text. passed None: recorded, judges nothing.

    bar: how much of what is allowed is used up, 80 at the threshold, 0 to 100; None where there is no threshold.
    """

    name: str
    value: str
    threshold: str
    passed: bool | None
    decided: bool
    bar: int | None = None

    @property
    def label(self) -> str:
        """The name as people read it."""
        return named(self.name)


@dataclass(frozen=True, slots=True)
class Why:
    """Why a final is what it is, beside the message of its rejection.

    sentence: the verdict in words. person: what a person decided, "" if nobody did.
    measures: of the chosen candidate. rank: its place among those accepted, "" if none was. parts: of its rank, as
    (name, value). tries: the sets of candidates that were made, in order, in words.
    """

    state: str
    sentence: str
    person: str
    measures: tuple[MeasureLine, ...]
    rank: str
    parts: tuple[tuple[str, str], ...]
    tries: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """The same as plain lines, without the measures."""
        yield from filter(None, (self.sentence, self.person, self.rank))
        if self.parts:
            yield "parts of the rank: " + ", ".join(f"{name} {value}" for name, value in self.parts)
        yield from self.tries


def why(record: Record) -> Why | None:
    """Why the final of this record is what it is; None for a record without a verdict."""
    verdict = record.verdict
    if verdict is None:
        return None
    rows = list(record.facts.get("candidates", ()))
    chosen: Mapping[str, Any] = next((row for row in rows if row["name"] == record.facts.get("chosen")), {})
    measures = tuple(verdict_lines(verdict))
    return Why(
        state=record.status,
        sentence=_sentence(record, measures),
        person=_person(record),
        measures=measures,
        rank=_rank(record, rows, chosen),
        parts=tuple((words(name), f"{value:.2f}") for name, value in chosen.get("parts", {}).items()),
        tries=tuple(_tries(rows)),
    )


def verdict_lines(verdict: Mapping[str, Any], prefix: str = "") -> Iterator[MeasureLine]:
    """Every number of a verdict, as `Verdict.as_dict` has it, in the judge's order and under the judge's names."""
    for one in verdict["measures"]:
        limit = one["threshold"]
        sign = "at least" if one["better"] == "higher" else "at most"
        yield MeasureLine(
            name=prefix + one["name"],
            value=f"{one['value']:.3g}" if abs(one["value"]) < 100 else f"{one['value']:g}",
            threshold="" if limit is None else f"{sign} {limit:g}",
            passed=None if limit is None else one["passed"],
            decided=one["name"] == verdict["decided_by"],
            bar=None if limit is None else min(100, round(_LIMIT * _used(one))),
        )


def named(measure: str) -> str:
    """A measure's name as people read it."""
    return _MEASURES.get(measure, words(measure))


def care_in_words(care: Mapping[str, Any]) -> str:
    """What was done otherwise than usual for a candidate, "" if nothing was."""
    done = ["its colours left alone"] if care.get("harmonise") is False else []
    done += ["the simplest scene"] if care.get("plain") else []
    done += [f"a firmer hold on the product ({care['grip']})"] if care.get("grip") else []
    return " and ".join(done)


def _used(one: Mapping[str, Any]) -> float:
    """How much of what is allowed a measure uses: 0 is perfect, 1 the threshold, more is too much."""
    value, limit = float(one["value"]), float(one["threshold"])
    if not one["passed"]:
        return 2.0
    if one["better"] == "lower":
        return max(0.0, value / limit) if limit > 0 else 0.0
    # What must be high is perfect at 1, but for sizes, which only must be enough.
    return limit / value if limit >= 1 else max(0.0, (1 - value) / (1 - limit))


def _sentence(record: Record, measures: Sequence[MeasureLine]) -> str:
    verdict = record.verdict or {}
    judged = [one for one in measures if one.passed is not None]
    missed = [one for one in judged if not one.passed]
    score = f"score {float(verdict.get('score', 0)):.2f}"
    if missed:
        are = "is" if len(missed) == 1 else "are"
        return f"{len(missed)} of {len(judged)} measures {are} beyond what is allowed ({score})."
    if not judged:
        return f"Nothing could be measured ({score})."
    closest = max(judged, key=lambda one: one.bar or 0)
    near = f"; closest to its limit: {named(closest.name)}" if closest.bar else ""
    count = f"All {len(judged)} measures are" if len(judged) > 1 else "The one measure is"
    return f"{count} within what is allowed{near} ({score})."


def _person(record: Record) -> str:
    """Who decided what, and what the judge had said."""
    facts = record.facts
    if DECISION not in facts:
        return ""
    who = facts.get(f"{DECISION}_by") or "Somebody"
    day = str(facts.get(f"{DECISION}_at", ""))[:10]
    text = f"{who} {_DONE.get(str(facts[DECISION]), words(str(facts[DECISION])))}"
    text += f" on {day}" if day else ""
    text += f": {facts[f'{DECISION}_note']}" if facts.get(f"{DECISION}_note") else ""
    text = text.rstrip(".") + "."
    if "machine_decision" in facts:
        by = facts.get("machine_decided_by")
        text += f" The judge had said {facts['machine_decision']}{f' ({named(str(by))})' if by else ''}."
    return text


def _rank(record: Record, rows: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any]) -> str:
    if "rank" not in chosen:
        return ""
    ranked = sum(1 for row in rows if "rank" in row)
    by = f" by the {record.facts['ranker']}" if record.facts.get("ranker") else ""
    return f"Ranked {chosen['rank']} of {ranked}{by}: {chosen['rank_score']:.2f}."


def _tries(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each set of candidates: why it was made again, with what care, and what became of it."""
    sets: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        sets.setdefault(str(row.get("again", "")), []).append(row)
    for number, members in enumerate(sets.values(), 1):
        yield f"Set {number}{_made_again(members[0])}: {_outcome(members)}."


def _made_again(row: Mapping[str, Any]) -> str:
    """Why a set was made again, and what was done otherwise than usual."""
    if not row.get("again"):
        return ""
    because = [str(each) for each in row.get("because", ())]
    said = [_BECAUSE[each] for each in because if each in _BECAUSE]
    missed = [named(each) for each in because if each not in _BECAUSE]
    said += [f"of {', '.join(missed)}"] if missed else []
    done = care_in_words(row.get("care", {})) or "another seed"
    return f", made again because {' and '.join(said)}, with {done}"


def _outcome(members: Sequence[Mapping[str, Any]]) -> str:
    accepted = sum(1 for row in members if row["decision"] == "accepted")
    judged = sum(1 for row in members if row["decision"] != NOT_JUDGED)
    reasons = Counter(named(str(row["decided_by"])) for row in members if row.get("decided_by"))
    counted = ", ".join(f"{reason}: {count}" for reason, count in sorted(reasons.items()))
    count = "1 candidate" if len(members) == 1 else f"{len(members)} candidates"
    told = "" if judged == len(members) else f", {judged or 'none'} judged"
    return f"{count}{told}, {accepted or 'none'} accepted" + (f" ({counted})" if counted else "")
