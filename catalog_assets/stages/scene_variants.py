"""Stage scene_variants: candidates of the product in each scene of a campaign."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from catalog_assets.campaign_files import Campaign, Scene
from catalog_assets.context import RunContext
from catalog_assets.records import EngineRef, Record, Shelf, campaign_shelf, fingerprint
from catalog_assets.stage import Stage, StageResult, any_new, summarise
from catalog_assets.stages.cutout import current_cutouts
from resources.imaging.encode import preview, webp_lossless
from resources.scenes.categories import usual_for
from resources.scenes.engine import Candidate, SceneJob, scene_seed


@dataclass(frozen=True)
class Variant:
    """One candidate that a campaign wants of a cut-out."""

    cutout: Record
    scene: Scene
    number: int
    attempt: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.cutout.name}.{self.scene.name}.c{self.number}.a{self.attempt}"


class SceneVariants(Stage):
    """Seeded candidates for the main view: the same SKU, scene, attempt and period give the same pictures."""

    asset = "scene_variants"
    code_version = "2"

    def __init__(self, context: RunContext, campaign: Campaign, period: str) -> None:
        self.context = context
        self.campaign = campaign
        self.period = period

    def run(self, skus: Sequence[str]) -> list[StageResult]:
        return [self._variants(sku) for sku in skus]

    def _variants(self, sku: str) -> StageResult:
        cutouts = current_cutouts(self.context, sku)
        shelf = campaign_shelf(self.context.store, self.campaign.name, self.asset, sku)
        stopped = set_aside(self.asset, sku, self.context, self.campaign, ready=bool(cutouts))
        if stopped is not None:
            return stopped
        cutout = next(record for record in cutouts if record.facts["main"])
        before = shelf.records()
        base = self._base(cutout)
        attempt = self._attempt(before, base)
        records = []
        for variants in self._wanted(cutout, attempt):
            records += self._scene(shelf, variants, base)
        earlier = [record.name for record in before if record.inputs["base"] == base]
        shelf.keep_only([*earlier, *(record.name for record in records)])
        return summarise(self.asset, sku, records, fresh=any_new(records, before))

    def _base(self, cutout: Record) -> str:
        """What all attempts at this SKU share. Another photo or another period starts with attempt 1 again."""
        return fingerprint({"cutout": cutout.files["cutout"].sha256, "period": self.period})

    def _attempt(self, before: Sequence[Record], base: str) -> int:
        """The last attempt on record, or the next one where a new attempt is asked for."""
        last = max((int(r.facts["attempt"]) for r in before if r.inputs["base"] == base), default=0)
        return last + 1 if self.context.retry or last == 0 else last

    def _wanted(self, cutout: Record, attempt: int) -> Iterator[list[Variant]]:
        """The candidates of each scene."""
        for scene in self.campaign.scenes:
            count = scene.candidates or scene.look.candidates or self.context.settings.candidates
            yield [
                Variant(
                    cutout,
                    scene,
                    number,
                    attempt,
                    seed=scene_seed(
                        cutout.sku,
                        cutout.name,
                        self.campaign.name,
                        scene.name,
                        number,
                        attempt,
                        self.period,
                    ),
                )
                for number in range(1, count + 1)
            ]

    def _scene(self, shelf: Shelf, variants: list[Variant], base: str) -> list[Record]:
        """The records of one scene's candidates; those that are missing are composed in one batch."""
        blanks = {variant.name: self._blank(variant, base) for variant in variants}
        found = {
            name: None if self.context.force else shelf.current(name, blank.fingerprint)
            for name, blank in blanks.items()
        }
        missing = [variant for variant in variants if found[variant.name] is None]
        if missing:
            started = time.perf_counter()
            engine = self.context.engines.scene_engine(self.campaign.engine)
            candidates = engine.compose(
                [scene_job(self.context, variant.cutout, variant.scene, variant.seed) for variant in missing]
            )
            seconds = (time.perf_counter() - started) / len(missing)
            for variant, candidate in zip(missing, candidates, strict=True):
                found[variant.name] = self._save(shelf, blanks[variant.name], candidate, seconds)
        return [record for record in found.values() if record is not None]

    def _blank(self, variant: Variant, base: str) -> Record:
        engine = self.context.engines.scene_engine(self.campaign.engine)
        return Record(
            stage=self.asset,
            sku=variant.cutout.sku,
            name=variant.name,
            status="made",
            fingerprint=fingerprint(
                {
                    "cutout": variant.cutout.files["cutout"].sha256,
                    "template": variant.scene.look.model_dump(mode="json"),
                    "size": variant.scene.size(self.context.settings.scene_size),
                    **shown_as(self.context, variant.cutout.sku),
                    "seed": variant.seed,
                    "engine": [engine.name, engine.revision],
                    "code": self.code_version,
                }
            ),
            inputs={"base": base, "cutout": variant.cutout.files["cutout"].sha256},
            facts={
                "view": variant.cutout.name,
                "scene": variant.scene.name,
                "template": variant.scene.template,
                "candidate": variant.number,
                "attempt": variant.attempt,
                "seed": variant.seed,
                "period": self.period,
                "kind": engine.kind,
            },
            engine=EngineRef(engine.name, engine.revision, engine.device),
        )

    def _save(self, shelf: Shelf, blank: Record, candidate: Candidate, seconds: float) -> Record:
        if not candidate.harmony.kept:  # no engine may; the judge would refuse the picture as well
            raise ValueError(f"{blank.name}: the product's colours were changed beyond the bounds: {candidate.harmony}")
        files = {
            "picture": shelf.put(blank.name, "webp", webp_lossless(candidate.rgb)),
            "preview": shelf.put(f"{blank.name}.preview", "webp", preview(candidate.rgb)),
        }
        self.context.remember_rgb(files["picture"], candidate.rgb)
        return shelf.save(
            replace(
                blank,
                files=files,
                facts={**blank.facts, "placement": asdict(candidate.placement), **candidate.facts},
                measures={"harmony_delta_e": candidate.harmony.delta_e, "harmony_ab_shift": candidate.harmony.ab_shift},
                notes=candidate.notes,
                seconds=round(seconds, 4),
            )
        )


def scene_job(context: RunContext, cutout: Record, scene: Scene, seed: int) -> SceneJob:
    """What an engine is asked for: everything that decides a candidate's pixels."""
    return SceneJob(
        cutout=context.rgba(cutout.files["cutout"]),
        template=scene.look,
        seed=seed,
        size=scene.size(context.settings.scene_size),
        **shown_as(context, cutout.sku),
    )


def shown_as(context: RunContext, sku: str) -> dict[str, Any]:
    """How a product is shown: its pose and height, as catalog.csv says or as is usual for its category."""
    product = context.products.get(sku)
    usual = usual_for(product.category)
    return {
        "pose": product.pose or usual.pose,
        "height_cm": product.height_cm or usual.height_cm,
        "harmonise": context.settings.harmonise,
    }


def set_aside(asset: str, sku: str, context: RunContext, campaign: Campaign, *, ready: bool) -> StageResult | None:
    """Why a campaign has nothing to do for a SKU: its upload is gone, it is not selected, or it is not ready."""
    if sku not in context.uploads.skus:
        return StageResult(asset, sku, "retired", notes=("The upload is gone.",))
    if not campaign.selects(context.products.get(sku)):
        return StageResult(asset, sku, "not_selected", notes=(f"Not selected by campaign {campaign.name}.",))
    if not ready:
        return StageResult(asset, sku, "not_attempted", notes=("The stage before has not passed for this SKU.",))
    return None
