"""Which candidates of a SKU need not be kept: those of old attempts, and pictures that lost against the final.

What a final's record names and what a person's decision names stays, whatever the rules say. So does what no final has
been chosen from yet, and what was paid for: its space costs less than another picture.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from catalog_assets.decisions import DecidedFinal, Decisions
from catalog_assets.records import FileRef, Record, Shelf
from catalog_assets.settings import SpaceSettings
from catalog_assets.stages.reviewed import DECISION

PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Spent:
    """Candidates that are not needed. old: go with their records. losers: only their full picture goes."""

    old: tuple[Record, ...] = ()
    losers: tuple[Record, ...] = ()

    @property
    def lost_pictures(self) -> list[FileRef]:
        """The full pictures of the losers."""
        return [one.files[PICTURE] for one in self.losers]


def spent_candidates(
    candidates: Sequence[Record], finals: Sequence[Record], rules: SpaceSettings, decided: Container[str] = ()
) -> Spent:
    """The candidates of a SKU in one campaign that the rules do not keep.

    candidates, finals: its records of scene_variants and scored_finals. decided: SHA-256 of the pictures that people's
    decisions name.
    """
    named = {file.key for final in finals for file in final.files.values()}
    free = [one for one in candidates if not _is_needed(one, named, decided)]
    old = tuple(one for one in free if _attempt(one) <= _last_attempt(candidates, one) - rules.attempts)
    if rules.losers == "keep":
        return Spent(old)
    gone = {one.name for one in old}
    losers = tuple(
        one
        for one in free
        if one.name not in gone and PICTURE in one.files and not one.cost_usd and any(_lost(one, f) for f in finals)
    )
    return Spent(old, losers)


def prune_candidates(shelf: Shelf, spent: Spent) -> None:
    """Remove what is not needed; what another run has written meanwhile stays."""
    shelf.drop(one.name for one in spent.old)
    for one in spent.losers:
        shelf.take_away(one.name, PICTURE)


def decided_pictures(decisions: Decisions, campaign: str, finals: Sequence[Record]) -> frozenset[str]:
    """SHA-256 of the pictures that decisions about these finals name."""
    said = [decisions.final(final.sku, campaign, final.name) for final in finals]
    return frozenset(one.decision.picture for one in said if isinstance(one, DecidedFinal) and one.decision.picture)


def _is_needed(candidate: Record, named: Container[str], decided: Container[str]) -> bool:
    picture = candidate.made_files.get(PICTURE)
    return any(file.key in named for file in candidate.files.values()) or (
        picture is not None and picture.sha256 in decided
    )


def _lost(candidate: Record, final: Record) -> bool:
    """True if a final was chosen in the same scene when the candidate was there.

    One that waits for a person is not chosen yet, and who asked for other pictures may still want another of them.
    """
    same = all(candidate.facts.get(name) == final.facts.get(name) for name in ("view", "scene"))
    chosen = final.passed and final.facts.get(DECISION) != "rework"
    return same and chosen and candidate.made_at <= final.made_at


def _last_attempt(candidates: Sequence[Record], like: Record) -> int:
    base = like.inputs.get("base")
    return max(_attempt(one) for one in candidates if one.inputs.get("base") == base)


def _attempt(candidate: Record) -> int:
    return int(candidate.facts.get("attempt", 1))
