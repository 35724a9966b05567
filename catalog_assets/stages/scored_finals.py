"""Stage scored_finals: chooses the best of those candidates of a scene that show the product as it is.

Candidates are ranked by their looks, and judged in that order until one is accepted: the others could not be chosen. A
scene whose candidates all fail, or whose best is weak, is made again with more care, three sets in all. A person's
decision lies over what the machine found.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from catalog_assets.campaign_files import Campaign, Scene
from catalog_assets.context import RunContext
from catalog_assets.decisions import DecidedFinal
from catalog_assets.records import Record, Shelf, campaign_shelf, fingerprint, renew_file
from catalog_assets.settings import adjusted
from catalog_assets.stage import Stage, StageResult, summarise, written_since
from catalog_assets.stages.candidates import (
    CandidateMaker,
    current_candidates,
    first_care,
    set_aside,
    set_like,
)
from catalog_assets.stages.cutout import current_cutouts
from catalog_assets.stages.decided_finals import EVIDENCE, FINAL, NOT_JUDGED, PREVIEW, under_decision
from catalog_assets.stages.pruning import PICTURE, decided_pictures, prune_candidates, spent_candidates
from catalog_assets.stages.rework import (
    MOST_SETS,
    REWORK_REVISION,
    WEAK,
    WEAK_SCORE,
    can_help,
    missed,
    more_care,
)
from catalog_assets.stages.withdrawal import withdraw
from resources.imaging.encode import preview, read_rgb, thumbnail_jpeg
from resources.imaging.harmonise import UNTOUCHED, Harmony, harmony_of
from resources.ledger import verdict_line
from resources.quality.evidence import evidence_panel
from resources.quality.fidelity import REVISION, judge
from resources.quality.growth import GUESSED
from resources.quality.ranking import Ranker, Ranking, weighted
from resources.quality.thresholds import shipped_thresholds
from resources.scenes.engine import Candidate, Care, Placement, on_canvas, scaled_alpha
from resources.verdicts import NEEDS_REVIEW, Rejection, Verdict

# One accepted final in so many shows its thumbnail in the UI; the event store pays for every one.
THUMBNAIL_SAMPLE = 20

DECIDED = "decided"
_EVIDENCE_SIDE = 4096
_NEARNESS = {"rejected": 0, "review": 1, "accepted": 2}


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate, its pixels, and what the judge said of it; None while nobody needed to know."""

    record: Record
    picture: Candidate
    verdict: Verdict | None = None

    @property
    def accepted(self) -> bool:
        return self.verdict is not None and self.verdict.accepted


@dataclass(frozen=True, slots=True)
class Pool:
    """All candidates that a final is chosen from, set by set, and their order of rank.

    rankings: their indices count through all sets. Where none is accepted, all were judged.
    """

    sets: tuple[tuple[Judged, ...], ...] = ()
    rankings: tuple[Ranking, ...] = ()

    @property
    def judged(self) -> list[Judged]:
        return [one for each in self.sets for one in each]

    @property
    def first(self) -> Ranking | None:
        """The best of the accepted ones, None where there is none."""
        return next((ranking for ranking in self.rankings if self.judged[ranking.index].accepted), None)

    @property
    def best(self) -> tuple[Judged, Verdict]:
        """The best of the accepted ones; where there is none, the one that came nearest, for a person to look at."""
        wanted = None if self.first is None else self.judged[self.first.index]
        told = [one for one in self.judged if wanted is None or one is wanted]
        said = [(one, one.verdict) for one in told if one.verdict is not None]
        return max(said, key=lambda each: (_NEARNESS[each[1].decision], each[1].score))

    @property
    def verdicts(self) -> list[Verdict]:
        return [one.verdict for one in self.judged if one.verdict is not None]


class ScoredFinals(Stage):
    """One final a scene, with the verdict on all that were judged. Fails closed: no accepted candidate, no final."""

    asset = "scored_finals"
    code_version = "4"
    check = "fidelity"

    def __init__(self, context: RunContext, campaign: Campaign) -> None:
        self.context = context
        self.campaign = campaign
        self.maker = CandidateMaker(context, campaign)
        self.scenes = {scene.name: scene for scene in campaign.scenes}
        defaults = adjusted(shipped_thresholds(), context.settings.fidelity, "catalog.yaml: fidelity")
        self.thresholds = adjusted(defaults, campaign.fidelity, f"campaign {campaign.name}: fidelity")
        self.ranker: Ranker = context.engines.ranking_engine()
        self.witnesses = context.engines.judge_witnesses()
        self.judged = fingerprint(
            {
                "thresholds": asdict(self.thresholds),
                "judge": REVISION,
                "ranker": [self.ranker.name, self.ranker.revision],
                "code": self.code_version,
                **({"witnesses": [[one.name, one.revision] for one in self.witnesses]} if self.witnesses else {}),
            }
        )

    def run(self, skus: Sequence[str]) -> list[StageResult]:
        return [self._finals(sku) for sku in skus]

    def _finals(self, sku: str) -> StageResult:
        cutouts = current_cutouts(self.context, sku)
        cutout = next((record for record in cutouts if record.facts["main"]), None)
        variants = self.maker.shelf(sku)
        scenes = current_candidates(variants, self.campaign, cutout)
        stopped = set_aside(self.asset, sku, self.context, self.campaign, ready=bool(scenes))
        if stopped is not None or cutout is None:
            return stopped or StageResult(self.asset, sku, "not_attempted")
        shelf = campaign_shelf(self.context.store, self.campaign.name, self.asset, sku)
        before = shelf.records()
        records = [self._scene(shelf, variants, cutout, scene, first) for scene, first in sorted(scenes.items())]
        shelf.keep_only(record.name for record in records)
        decided = decided_pictures(self.context.decisions, self.campaign.name, records)
        prune_candidates(variants, spent_candidates(variants.records(), records, self.context.settings.space, decided))
        accepted = {record.name for record in records if record.passed}
        if len(accepted) < len(records):
            withdraw(self.context, self.campaign, sku, accepted)
        result = summarise(self.asset, sku, records, before=before, rejection=_stopped(records))
        return replace(result, thumbnail=self._thumbnail(sku, records))

    def _scene(self, shelf: Shelf, variants: Shelf, cutout: Record, scene: str, first: Sequence[Record]) -> Record:
        name = f"{cutout.name}.{scene}"
        decided = self.context.decisions.final(cutout.sku, self.campaign.name, name)
        wanted = fingerprint(
            {
                "cutout": cutout.files["cutout"].sha256,
                "candidates": [record.made_files[PICTURE].sha256 for record in first],
                "judged": self.judged,
                "rework": REWORK_REVISION,
                "engines": self.maker.routes.identity,
                "decided": content_of(decided),
            }
        )
        current = None if self.context.force else shelf.current(name, wanted)
        if current is not None:
            return current
        started, before = time.perf_counter(), variants.records()
        pool = self._pool(variants, cutout, self.scenes[scene], first, decided)
        found = self._found(cutout, scene, pool, wanted)
        record = under_decision(found, [one.record for one in pool.judged], decided)
        record = replace(record, facts={**record.facts, DECIDED: content_of(decided)})
        if decided is not None or not record.passed:
            record = self._with_evidence(shelf, record, cutout, pool)
        self._enter(pool, record)
        # What was made again has its own seconds on its own record.
        remade = sum(made.seconds for made in written_since([one.record for one in pool.judged], before))
        seconds = max(0.0, time.perf_counter() - started - remade)
        for role in record.files.keys() & {FINAL, PREVIEW}:
            renew_file(self.context.store, record.files[role])
        return shelf.save(replace(record, seconds=round(seconds, 4)))

    def _enter(self, pool: Pool, record: Record) -> None:
        """Say in the ledger which attempt became the final, which were of no use; nothing while a person must look."""
        for one in [] if record.status == "review" else pool.judged:
            if not (attempt := one.record.facts.get("id", "")):
                continue
            chosen = record.passed and one.record.name == record.facts["chosen"]
            reason = (one.verdict.decided_by if one.verdict and not chosen else "") or "another was chosen"
            line = verdict_line(
                attempt,
                chosen,
                campaign=self.campaign.name,
                stage=self.asset,
                sku=record.sku,
                name=one.record.name,
                reason=reason,
            )
            self.context.ledger.note(line)

    # ---- the candidates

    def _pool(
        self,
        variants: Shelf,
        cutout: Record,
        scene: Scene,
        first: Sequence[Record],
        decided: DecidedFinal | Rejection | None,
    ) -> Pool:
        """The first set, and more as long as they are needed; or the set that a person asked for, alone."""
        asked = self._asked_for(variants, cutout, scene, first, decided)
        # Whoever decides about a picture wants to know what the judge thinks of each.
        all_of_them = decided is not None
        records = self._with_pictures(variants, cutout, scene, asked or first)
        pool = self._more(Pool(), cutout, scene, records, all_of_them)
        wanted = set_like(self.context, first)
        while not asked and len(pool.sets) < MOST_SETS and (because := _because(pool)):
            care = more_care(wanted.care, because)
            wanted = replace(wanted, care=care, again=f"r{len(pool.sets)}", because=because)
            pool = self._more(pool, cutout, scene, self.maker.make(variants, cutout, scene, wanted), all_of_them)
        return pool

    def _with_pictures(
        self, variants: Shelf, cutout: Record, scene: Scene, records: Sequence[Record]
    ) -> Sequence[Record]:
        """The same set, with the pictures that were pruned made again."""
        if all(PICTURE in record.files for record in records):
            return records
        return self.maker.make(variants, cutout, scene, set_like(self.context, records))

    def _asked_for(
        self,
        variants: Shelf,
        cutout: Record,
        scene: Scene,
        first: Sequence[Record],
        decided: DecidedFinal | Rejection | None,
    ) -> list[Record]:
        """The set that a person wants made, or one that was made for a person and that the decision is about."""
        if not isinstance(decided, DecidedFinal):
            return []
        said = decided.decision
        if said.decision != "rework":
            return _made_for_a_person(variants, first, said.picture)
        usual = first_care(self.context)
        care = Care(
            harmonise=usual.harmonise if said.harmonise is None else said.harmonise,
            plain=bool(said.plain),
            grip=said.grip or 0,
        )
        wanted = set_like(self.context, first)
        wanted = replace(wanted, care=care, again=f"p{decided.content[:8]}", because=("person",))
        return self.maker.make(variants, cutout, scene, wanted)

    def _more(self, pool: Pool, cutout: Record, scene: Scene, records: Sequence[Record], all_of_them: bool) -> Pool:
        """The pool with one more set, ranked among all, and judged from the best on until one is accepted."""
        sets = [*map(list, pool.sets), [self._candidate(record, cutout) for record in records]]
        places = [(number, place) for number, members in enumerate(sets) for place in range(len(members))]
        pictures = [sets[number][place].picture for number, place in places]
        rankings = self.ranker.rank(pictures, [scene.look] * len(pictures))
        for number, place in (places[ranking.index] for ranking in rankings):
            one = sets[number][place]
            if one.verdict is None:
                one = sets[number][place] = replace(one, verdict=self._verdict(cutout, scene, one))
            if one.accepted and not all_of_them:
                break
        return Pool(tuple(map(tuple, sets)), tuple(rankings))

    def _verdict(self, cutout: Record, scene: Scene, one: Judged) -> Verdict:
        """The judge's word on a candidate. Growth that it only suspects is settled against the scene itself."""
        rgba, picture = self.context.rgba(cutout.files["cutout"]), one.picture

        def say(backdrop: NDArray[np.uint8] | None) -> Verdict:
            return judge(
                rgba[..., :3],
                rgba[..., 3],
                picture.rgb,
                placement=picture.placement,
                thresholds=self.thresholds,
                backdrop=backdrop,
                harmony=picture.harmony,
                witnesses=self.witnesses if _is_doubtful(one.record, picture) else (),
            )

        verdict = say(None)
        if verdict.decided_by not in GUESSED:
            return verdict
        backdrop = self.maker.backdrop(one.record, cutout, scene)
        return verdict if backdrop is None else say(backdrop)

    def _candidate(self, record: Record, cutout: Record) -> Judged:
        """A stored candidate, read back and checked against its recorded hash, and where the product lies in it."""
        rgb = self.context.rgb(record.files[PICTURE])
        placement = Placement(**record.facts["placement"])
        alpha = scaled_alpha(self.context.rgba(cutout.files["cutout"])[..., 3], placement.scale)
        layer = on_canvas(alpha, placement, (rgb.shape[1], rgb.shape[0]))
        return Judged(record, Candidate(rgb, layer, placement, harmony=_harmony(record), facts=record.facts))

    # ---- the record

    def _found(self, cutout: Record, scene: str, pool: Pool, wanted: str) -> Record:
        """What the machine says of a scene: the best candidate, or the one that came nearest and why it must wait."""
        chosen, verdict = pool.best
        best = chosen.record
        files = {PREVIEW: best.files["preview"]}
        return Record(
            stage=self.asset,
            sku=cutout.sku,
            name=f"{cutout.name}.{scene}",
            status="accepted" if verdict.accepted else "review",
            fingerprint=wanted,
            judged=self.judged,
            files={FINAL: best.files[PICTURE], **files} if verdict.accepted else files,
            inputs={"cutout": cutout.files["cutout"].sha256},
            measures={"fidelity": round(verdict.score, 6)},
            facts={
                "scene": scene,
                "template": self.scenes[scene].look.name,
                "view": cutout.name,
                "kind": best.facts["kind"],
                "plate": best.facts.get("plate", ""),
                "chosen": best.name,
                "attempt": best.facts["attempt"],
                "sets": len(pool.sets),
                "ranker": self.ranker.name,
                "ranker_revision": self.ranker.revision,
                "candidates": _table(pool),
            },
            verdict=verdict.as_dict(),
            rejection=None if verdict.accepted else _in_vain(pool, self.asset),
            engine=best.engine,
        )

    def _with_evidence(self, shelf: Shelf, record: Record, cutout: Record, pool: Pool) -> Record:
        """The record with a picture of what was compared, for a person who must decide or who did."""
        judged = ((one, one.verdict) for one in pool.judged if one.record.name == record.facts["chosen"])
        shown, verdict = next(((one, said) for one, said in judged if said is not None), pool.best)
        rgba = self.context.rgba(cutout.files["cutout"])
        panel = evidence_panel(
            rgba[..., :3],
            rgba[..., 3],
            shown.picture.rgb,
            verdict,
            placement=shown.picture.placement,
            title=f"{record.sku}, {shown.record.name}",
        )
        evidence = shelf.put(f"{record.name}.{EVIDENCE}", "webp", preview(panel, _EVIDENCE_SIDE))
        return replace(record, files={**record.files, EVIDENCE: evidence})

    def _thumbnail(self, sku: str, records: Sequence[Record]) -> bytes | None:
        """A small picture of a final that was stopped, or of a sample of the accepted ones."""
        stopped = [record for record in records if not record.passed]
        sampled = int(hashlib.sha256(sku.encode()).hexdigest(), 16) % THUMBNAIL_SAMPLE == 0
        shown = stopped[0] if stopped else records[0] if sampled else None
        if shown is None:
            return None
        return thumbnail_jpeg(read_rgb(self.context.read(shown.files["preview"])))


def _is_doubtful(record: Record, picture: Candidate) -> bool:
    """Whether witnesses are worth their time: where we put the very pixels of the photo they have nothing to see."""
    return picture.harmony != UNTOUCHED or record.facts["kind"] == "generated_scene"


def content_of(decided: DecidedFinal | Rejection | None) -> str:
    """What a final's record depends on of a person's decision, "" without one; an unusable one counts by its reason."""
    if decided is None:
        return ""
    return decided.content if isinstance(decided, DecidedFinal) else fingerprint(asdict(decided))


def _made_for_a_person(variants: Shelf, first: Sequence[Record], picture: str | None) -> list[Record]:
    """The set that a person once asked for and that holds this picture (SHA-256), if it is of the present attempt."""
    place = [(r.facts["scene"], r.facts["attempt"], r.inputs["base"]) for r in first[:1]]
    beside = [r for r in variants.records() if (r.facts["scene"], r.facts["attempt"], r.inputs["base"]) in place]
    again = {str(r.facts.get("again", "")) for r in beside if r.made_files[PICTURE].sha256 == picture}
    asked = {name for name in again if name.startswith("p")}
    found = [record for record in beside if record.facts.get("again") in asked]
    return sorted(found, key=lambda record: record.facts["candidate"])


def _because(pool: Pool) -> tuple[str, ...]:
    """The measures for which a scene must be made again; none if it is good, or no other scene would help."""
    if pool.first is not None:
        # By the embedded heuristic alone: what a learned score adds is relative to the candidates beside it.
        return (WEAK,) if weighted(pool.first.parts) < WEAK_SCORE else ()
    verdicts = [one.verdict for one in pool.sets[-1] if one.verdict is not None]
    return missed(verdicts) if can_help(verdicts) else ()


def _in_vain(pool: Pool, stage: str) -> Rejection:
    """Why a scene waits for a person, after all sets failed."""
    reasons = Counter(verdict.decided_by.replace("_", " ") for verdict in pool.verdicts)
    counted = ", ".join(f"{name}: {count}" for name, count in sorted(reasons.items()))
    times = "1 attempt" if len(pool.sets) == 1 else f"{len(pool.sets)} attempts"
    return Rejection(
        NEEDS_REVIEW,
        f"{times} gave no picture that shows the product as it is ({counted}). {pool.best[1].message}",
        "Look at it with `catalog review`: approve it, reject it, or have it made again.",
        stage,
    )


def _harmony(candidate: Record) -> Harmony:
    """What the engine says it did to the product's colours."""
    said = candidate.facts.get("harmony")
    return harmony_of(said) if said else Harmony()


def _table(pool: Pool) -> list[dict[str, object]]:
    """Every candidate in order, with its verdict if it was judged, its rank and the parts behind it.

    One that was made again tells with what care, and because of which measures.
    """
    ranks = {ranking.index: (place, ranking) for place, ranking in enumerate(pool.rankings, 1)}
    table: list[dict[str, object]] = []
    for index, one in enumerate(pool.judged):
        row: dict[str, object] = {"name": one.record.name, "decision": NOT_JUDGED}
        if one.verdict is not None:
            row |= {
                "decision": one.verdict.decision,
                "fidelity": one.verdict.score,
                "decided_by": one.verdict.decided_by,
                "measures": [asdict(number) for number in one.verdict.measures],
            }
        if one.record.facts.get("again"):
            row |= {name: one.record.facts[name] for name in ("again", "because", "care")}
        place, ranking = ranks[index]
        table.append(row | {"rank": place, "rank_score": ranking.score, "parts": dict(ranking.parts)})
    return table


def _stopped(records: Sequence[Record]) -> Rejection | None:
    """Why a SKU has no final in any scene, or None if at least one scene has one.

    A person can settle what waits for review, so one scene in review makes the SKU wait rather than fail.
    """
    if any(record.passed for record in records):
        return None
    rejections = [record.rejection for record in records if record.rejection is not None]
    return next((rejection for rejection in rejections if rejection.is_review), rejections[0])
