"""Candidates of the product in a campaign's scenes: how a set of them is named, seeded, made and recorded.

A *set* is what one scene gets at one time. The stage scene_variants makes the first one of an attempt; scored_finals
asks for another, made with more care, where none of it shows the product as it is, or where a person wants one.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog_assets.campaign_files import Campaign, Scene
from catalog_assets.context import RunContext
from catalog_assets.records import EngineRef, Record, Shelf, campaign_shelf, fingerprint
from catalog_assets.routes import Routes
from catalog_assets.stage import RefusedError, StageResult
from catalog_assets.stages.pruning import PICTURE
from resources.imaging.encode import preview, webp_lossless
from resources.scenes.categories import usual_for
from resources.scenes.engine import Candidate, Care, SceneEngine, SceneJob, scene_seed
from resources.scenes.router import Routed
from resources.verdicts import Rejection

log = logging.getLogger("catalog.scenes")

SCENE_VARIANTS = "scene_variants"


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """Which set of candidates a scene is to get.

    base: what all attempts at a SKU share. again: "" for the first set of an attempt, "r1" and "r2" for its reworks,
    "p" and eight hex digits for one that a person asked for. because: the measures that made a rework necessary.
    """

    base: str
    period: str
    attempt: int
    care: Care
    again: str = ""
    because: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.attempt}.{self.again}" if self.again else str(self.attempt)


@dataclass(frozen=True)
class Variant:
    """One candidate of a set."""

    cutout: Record
    scene: Scene
    number: int
    campaign: str
    of: CandidateSet

    @property
    def name(self) -> str:
        return f"{self.cutout.name}.{self.scene.name}.c{self.number}.a{self.of.label}"

    @property
    def seed(self) -> int:
        place = (self.cutout.sku, self.cutout.name, self.campaign, self.scene.name, self.number)
        return scene_seed(*place, self.of.label, self.of.period)


class CandidateMaker:
    """Makes and records the candidates of a campaign. The same set gives the same pictures, whoever asks for it."""

    code_version = "2"

    def __init__(self, context: RunContext, campaign: Campaign) -> None:
        """Raises ValueError, one line, for a campaign whose engines cannot be had."""
        self.context = context
        self.campaign = campaign
        self.routes = Routes(context, campaign)

    def shelf(self, sku: str) -> Shelf:
        return campaign_shelf(self.context.store, self.campaign.name, SCENE_VARIANTS, sku)

    def make(
        self, shelf: Shelf, cutout: Record, scene: Scene, wanted: CandidateSet, *, pictures: bool = True
    ) -> list[Record]:
        """The records of a scene's set, in order; those that are missing are made in one batch.

        What any engine of the campaign has made is not made again by another. Where some could be made, those that
        could not are left out, and that is logged. Raises RefusedError if none could. pictures: False where a record
        will do whose picture was pruned; else that is made again.
        """
        count = scene.candidates or scene.look.candidates or self.context.settings.candidates
        variants = [Variant(cutout, scene, number, self.campaign.name, wanted) for number in range(1, count + 1)]
        found = {variant.name: self._current(shelf, variant) for variant in variants}
        if pictures:
            found = {name: record if record and PICTURE in record.files else None for name, record in found.items()}
        missing = [variant for variant in variants if found[variant.name] is None]
        if missing:
            self.context.insist_on_health(self.campaign.name)
            refused = self._make_missing(shelf, missing, found)
            if refused and not any(found.values()):
                raise RefusedError(refused[0])
        return [record for record in found.values() if record is not None]

    def _current(self, shelf: Shelf, variant: Variant) -> Record | None:
        """The record of a variant, whichever of the campaign's engines made it; None if it must be made."""
        if self.context.force:
            return None
        blanks = (self._blank(variant, engine) for engine in self.routes.engines.values())
        current = (shelf.current(blank.name, blank.fingerprint) for blank in blanks)
        return next((record for record in current if record is not None), None)

    def _make_missing(
        self, shelf: Shelf, missing: Sequence[Variant], found: dict[str, Record | None]
    ) -> list[Rejection]:
        """Make and record variants of one scene, into `found`; why others could not be made."""
        route = self.routes.of(self.context.products.get(missing[0].cutout.sku))
        refused: list[Rejection] = []
        routed = route.compose([self.job(variant) for variant in missing], sku=missing[0].cutout.sku)
        for variant, made in zip(missing, routed, strict=True):
            if made.candidate is not None and made.engine is not None:
                blank = self._blank(variant, made.engine)
                found[variant.name] = self._save(shelf, blank, made.candidate, made)
            elif made.rejection is not None:
                refused.append(made.rejection)
                log.warning("%s: %s was not made: %s", variant.cutout.sku, variant.name, made.rejection.message)
        return refused

    def job(self, variant: Variant) -> SceneJob:
        """What an engine is asked for: everything that decides a candidate's pixels."""
        cutout = variant.cutout
        told = any(engine.recipe(variant.scene.look, "") for engine in self.routes.engines.values())
        return SceneJob(
            cutout=self.context.rgba(cutout.files["cutout"]),
            template=variant.scene.look,
            seed=variant.seed,
            size=variant.scene.size(self.context.settings.scene_size),
            care=variant.of.care,
            product=self.context.description(cutout) if told else "",
            name=f"{cutout.sku}/{variant.name}",
            **shown_as(self.context, cutout.sku),
        )

    def backdrop(self, record: Record, cutout: Record, scene: Scene) -> NDArray[np.uint8] | None:
        """The scene of a candidate without the product, if the engine that made it is still in use and knows it."""
        by = record.engine and (record.engine.name, record.engine.revision)
        engine = next((one for one in self.routes.engines.values() if (one.name, one.revision) == by), None)
        if engine is None:
            return None
        made_in = set_like(self.context, [record])
        return engine.backdrop(self.job(Variant(cutout, scene, record.facts["candidate"], self.campaign.name, made_in)))

    def _blank(self, variant: Variant, engine: SceneEngine) -> Record:
        wanted, used, look = variant.of, variant.cutout.files["cutout"].sha256, variant.scene.look
        told = engine.recipe(look, "") and engine.recipe(look, self.context.description(variant.cutout))
        return Record(
            stage=SCENE_VARIANTS,
            sku=variant.cutout.sku,
            name=variant.name,
            status="made",
            fingerprint=fingerprint(
                {
                    "cutout": used,
                    "template": look.model_dump(mode="json"),
                    "size": variant.scene.size(self.context.settings.scene_size),
                    **shown_as(self.context, variant.cutout.sku),
                    **_careful(wanted.care),
                    "seed": variant.seed,
                    "engine": [engine.name, engine.revision],
                    **({"recipe": told} if told else {}),
                    "code": self.code_version,
                }
            ),
            inputs={"base": wanted.base, "cutout": used},
            facts={
                "view": variant.cutout.name,
                "scene": variant.scene.name,
                "template": variant.scene.template,
                "candidate": variant.number,
                "attempt": wanted.attempt,
                "again": wanted.again,
                "because": list(wanted.because),
                "care": asdict(wanted.care),
                "seed": variant.seed,
                "period": wanted.period,
                "kind": engine.kind,
            },
            engine=EngineRef(engine.name, engine.revision, engine.device),
        )

    def _save(self, shelf: Shelf, blank: Record, candidate: Candidate, way: Routed) -> Record:
        if not candidate.harmony.kept:  # no engine may; the judge would refuse the picture as well
            raise ValueError(f"{blank.name}: the product's colours were changed beyond the bounds: {candidate.harmony}")
        files = {
            PICTURE: shelf.put(blank.name, "webp", webp_lossless(candidate.rgb)),
            "preview": shelf.put(f"{blank.name}.preview", "webp", preview(candidate.rgb)),
        }
        self.context.remember_rgb(files["picture"], candidate.rgb)
        made = {"placement": asdict(candidate.placement), "tries": [one.as_dict() for one in way.tries], "id": way.id}
        return shelf.save(
            replace(
                blank,
                files=files,
                facts={**blank.facts, **made, **candidate.facts},
                measures={"harmony_delta_e": candidate.harmony.delta_e, "harmony_ab_shift": candidate.harmony.ab_shift},
                notes=(*candidate.notes, *_instead(way)),
                seconds=round(way.seconds, 4),
                cost_usd=round(way.usd, 6),
            )
        )


def _instead(way: Routed) -> list[str]:
    """Why another engine than the preferred one made a picture, for the record; nothing if it did."""
    made_by = way.engine.name if way.engine else "nobody"
    return [f"Made by {made_by}, because of {'; '.join(way.detours)}"] if way.detours else []


def _careful(care: Care) -> dict[str, Any]:
    """The part of a care that a fingerprint names; nothing where no more of it is asked for than of any first set."""
    usual = care == Care(harmonise=care.harmonise)
    return {"harmonise": care.harmonise, **({} if usual else {"care": {"plain": care.plain, "grip": care.grip}})}


def shown_as(context: RunContext, sku: str) -> dict[str, Any]:
    """How a product is shown: its pose and height, as catalog.csv says or as is usual for its category."""
    product = context.products.get(sku)
    usual = usual_for(product.category)
    return {"pose": product.pose or usual.pose, "height_cm": product.height_cm or usual.height_cm}


def first_care(context: RunContext) -> Care:
    """The care that the first set of an attempt is made with."""
    return Care(harmonise=context.settings.harmonise)


def care_of(context: RunContext, candidate: Record) -> Care:
    """The care that a candidate was made with; older records name none, because there was only one."""
    said: Mapping[str, Any] | None = candidate.facts.get("care")
    return Care(**said) if said else first_care(context)


def is_first(candidate: Record) -> bool:
    """True for a candidate of the first set of an attempt, as opposed to one that was made again."""
    return not candidate.facts.get("again")


def current_candidates(shelf: Shelf, campaign: Campaign, cutout: Record | None) -> dict[str, list[Record]]:
    """The first set of the last attempt at the current cut-out, by scene and in order; empty if there is none."""
    if cutout is None:
        return {}
    wanted = {scene.name for scene in campaign.scenes}
    made = [
        record
        for record in shelf.records()
        if is_first(record)
        and record.inputs.get("cutout") == cutout.files["cutout"].sha256
        and record.facts["scene"] in wanted
    ]
    last = max((record.facts["attempt"] for record in made), default=0)
    scenes: defaultdict[str, list[Record]] = defaultdict(list)
    for record in sorted(made, key=lambda record: record.facts["candidate"]):
        if record.facts["attempt"] == last:
            scenes[record.facts["scene"]].append(record)
    return dict(scenes)


def set_like(context: RunContext, first: Sequence[Record]) -> CandidateSet:
    """The set that these candidates are."""
    one = first[0]
    return CandidateSet(
        base=one.inputs["base"],
        period=one.facts["period"],
        attempt=one.facts["attempt"],
        care=care_of(context, one),
        again=one.facts.get("again", ""),
        because=tuple(one.facts.get("because", ())),
    )


def set_aside(asset: str, sku: str, context: RunContext, campaign: Campaign, *, ready: bool) -> StageResult | None:
    """Why a campaign has nothing to do for a SKU: its upload is gone, it is not selected, or it is not ready."""
    if sku not in context.uploads.skus:
        return StageResult(asset, sku, "retired", notes=("The upload is gone.",))
    if not campaign.selects(context.products.get(sku)):
        return StageResult(asset, sku, "not_selected", notes=(f"Not selected by campaign {campaign.name}.",))
    if not ready:
        return StageResult(asset, sku, "not_attempted", notes=("The stage before has not passed for this SKU.",))
    return None
