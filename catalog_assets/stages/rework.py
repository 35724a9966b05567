"""When a scene is made again, and with how much more care: the remedies, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

from catalog_assets.records import fingerprint
from resources.scenes.engine import MOST_GRIP, Care
from resources.verdicts import Verdict

MOST_SETS = 3
"""So many sets of candidates a scene gets in one attempt, the first one included."""

WEAK_SCORE = 0.65
"""A best candidate of less is made again. Of 164 honest finals of 16 products the lowest had 0.68."""
WEAK = "rank_score"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What helps where a measure (fnmatch patterns of names) was missed. grip: so much firmer."""

    measures: tuple[str, ...]
    own_colours: bool = False
    plain: bool = False
    grip: int = 0


# The first remedy that names a measure is the one for it; the last one is for measures that nobody thought of.
REMEDIES = (
    Remedy(("ab_shift", "block_ab_shift", "delta_e_*", "exact_pixels"), own_colours=True, grip=1),
    Remedy(("scale", "stretch", "rotation", "product_side_px", "visible_share"), plain=True, grip=1),
    Remedy(("registration", "twins", WEAK), plain=True),
    Remedy(("*",), grip=1),  # expansion, outline, structure, detail, text, and any other harm to the product
)

# These say that the product itself cannot be judged, in whatever scene: making it again only costs time.
NOT_THE_SCENE = frozenset({"no_product", "solid_pixels"})

REWORK_REVISION = fingerprint(
    {
        "remedies": [asdict(remedy) for remedy in REMEDIES],
        "sets": MOST_SETS,
        "weak": WEAK_SCORE,
        "not_the_scene": sorted(NOT_THE_SCENE),
    }
)


def missed(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """The names of the measures that kept candidates from being accepted, sorted."""
    stopped = [verdict for verdict in verdicts if not verdict.accepted]
    named = {number.name for verdict in stopped for number in verdict.measures if not number.passed}
    return tuple(sorted(named | {verdict.decided_by for verdict in stopped if verdict.decided_by}))


def can_help(verdicts: Sequence[Verdict]) -> bool:
    """False if every candidate was stopped by what no other scene would change."""
    return any(verdict.decided_by not in NOT_THE_SCENE for verdict in verdicts)


def more_care(care: Care, because: Sequence[str]) -> Care:
    """The care of the next set after one that missed these measures."""
    remedies = [_remedy(name) for name in because]
    return Care(
        harmonise=care.harmonise and not any(remedy.own_colours for remedy in remedies),
        plain=care.plain or any(remedy.plain for remedy in remedies),
        grip=min(MOST_GRIP, care.grip + max((remedy.grip for remedy in remedies), default=0)),
    )


def _remedy(measure: str) -> Remedy:
    return next(r for r in REMEDIES if any(fnmatchcase(measure, pattern) for pattern in r.measures))
