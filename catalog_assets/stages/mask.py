"""Stage mask: which part of each photo is the product, and how sure we are of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace

from catalog_assets.context import RunContext
from catalog_assets.decisions import Decided
from catalog_assets.records import EngineRef, Record, Shelf, fingerprint, product_shelf
from catalog_assets.settings import adjusted
from catalog_assets.stage import Stage, StageResult, summarise
from catalog_assets.stages.reviewed import (
    DECISION,
    as_found,
    decided,
    found_facts,
    judged_by_gate,
    keep_choices,
    remembering,
    runs_of,
)
from catalog_assets.twins import once
from resources.imaging.decode import Photo
from resources.imaging.encode import png_grey
from resources.matting.engine import Matte, maker
from resources.matting.gate import MatteThresholds, default_thresholds, judge_matte
from resources.matting.measures import own_alpha_measures

OWN_ALPHA = EngineRef(name="own_alpha", revision="1")


class Mask(Stage):
    """An alpha matte for every usable view, judged by a gate whose thresholds can change on their own, or by a person.

    Where the gate is not sure, what else the product could be is kept beside the matte, for a person to choose from.
    """

    asset = "mask"
    code_version = "2"
    check = "matte_quality"

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self._gates: dict[str, MatteThresholds] = {}
        self._gate("")  # a misspelt threshold in catalog.yaml is said before anything is made

    def run(self, skus: Sequence[str]) -> list[StageResult]:
        return [self._mask(sku) for sku in skus]

    def _mask(self, sku: str) -> StageResult:
        photos = [record for record in product_shelf(self.context.store, "raw_photo", sku).records() if record.passed]
        stopped = not_ready(self.asset, sku, self.context, photos)
        if stopped is not None:
            return stopped
        shelf = product_shelf(self.context.store, self.asset, sku)
        before = shelf.records()
        records = [self._view(shelf, photo) for photo in photos]
        shelf.keep_only(record.name for record in photos)
        main = next(record for record in records if record.facts["main"])
        result = summarise(self.asset, sku, records, before=before, rejection=main.rejection)
        confidence = float((main.verdict or {}).get("score", 0.0))
        return replace(result, metadata={**result.metadata, "confidence": confidence})

    def _view(self, shelf: Shelf, photo: Record) -> Record:
        blank = self._blank(photo, self._engine(photo))
        before = shelf.record(photo.name)
        current = None
        if not self.context.force:
            current = shelf.current(photo.name, blank.fingerprint) or self._decided_before(shelf, photo, before)
        if current is None:
            blank = remembering(self.context, blank, before)
            current = once(self.context, shelf, blank, lambda: self._make(shelf, photo, blank), as_found)
        gate = self._gate(maker(runs_of(current)))
        verdict = judge_matte(current.measures, gate)
        found = judged_by_gate(as_found(current), verdict, self._judged(gate))
        found = replace(found, facts={**found.facts, "main": photo.facts["main"]})
        wanted = decided(self.context, shelf, photo, found, verdict, current, before)
        return current if wanted == current else shelf.save(wanted)

    def _decided_before(self, shelf: Shelf, photo: Record, before: Record | None) -> Record | None:
        """A mask that a person approved or picked, if all that changed since is the engine: the choice outlives it."""
        if before is None or before.engine is None or before.facts.get(DECISION) not in ("approve", "pick"):
            return None
        decision = self.context.decisions.of(before.sku, before.name)
        content = decision.content if isinstance(decision, Decided) else ""
        if before.inputs.get(DECISION, {}).get("content") != content:
            return None
        return shelf.current(photo.name, self._blank(photo, before.engine).fingerprint)

    def _blank(self, photo: Record, engine: EngineRef) -> Record:
        """What the mask would be made from: the photo's content, how it is decoded, and the engine."""
        return Record(
            stage=self.asset,
            sku=photo.sku,
            name=photo.name,
            status="made",
            fingerprint=fingerprint(
                {
                    "photo": photo.files["photo"].sha256,
                    "correction": photo.facts.get("correction", {}),
                    "limits": asdict(self.context.settings.photo.limits()),
                    "engine": [engine.name, engine.revision],
                    "code": self.code_version,
                }
            ),
            inputs={"photo": photo.files["photo"].sha256, "correction": photo.facts.get("correction", {})},
            facts={"main": photo.facts["main"]},
            engine=engine,
        )

    def _engine(self, photo: Record) -> EngineRef:
        if photo.facts["own_alpha"]:
            return OWN_ALPHA
        engine = self.context.cut_outs.engine
        return EngineRef(engine.name, engine.revision, engine.device)

    def _make(self, shelf: Shelf, photo: Record, blank: Record) -> Record:
        picture = self.context.photo(photo)
        started = time.perf_counter()
        matte = self._matte(picture)
        measures = {name: round(float(value), 6) for name, value in matte.measures.items()}
        gate = self._gate(matte.made_by)
        verdict = judge_matte(measures, gate)
        files = {"mask": shelf.put(photo.name, "png", png_grey(matte.alpha))}
        if not verdict.accepted:
            files |= keep_choices(shelf, photo.name, picture.rgb, matte)
        record = replace(
            blank,
            files=files,
            measures=measures,
            facts={**blank.facts, **found_facts(matte), **self._weights(picture)},
            notes=tuple(matte.notes),
            seconds=round(time.perf_counter() - started, 4),
        )
        return shelf.save(judged_by_gate(record, verdict, self._judged(gate)))

    def _weights(self, photo: Photo) -> dict[str, str]:
        """Which weights of the project's own net had a part in the mask, for the record."""
        weights = "" if photo.alpha is not None else self.context.cut_outs.weights
        return {"weights": weights} if weights else {}

    def _gate(self, engine: str) -> MatteThresholds:
        """The limits of the engine that made a matte, as catalog.yaml adjusts them."""
        if engine not in self._gates:
            self._gates[engine] = adjusted(
                default_thresholds(engine), self.context.settings.matte, "catalog.yaml: matte"
            )
        return self._gates[engine]

    def _judged(self, gate: MatteThresholds) -> str:
        return fingerprint({"thresholds": asdict(gate), "code": self.code_version})

    def _matte(self, photo: Photo) -> Matte:
        if photo.alpha is not None:
            return Matte(photo.alpha, own_alpha_measures(photo.alpha))
        return self.context.cut_outs.engine.segment([photo.rgb])[0]


def not_ready(asset: str, sku: str, context: RunContext, usable: Sequence[Record]) -> StageResult | None:
    """Why a later product stage has nothing to do for a SKU: its upload is gone, or the main view did not pass."""
    if sku not in context.uploads.skus:
        return StageResult(asset, sku, "retired", notes=("The upload is gone.",))
    if not any(record.facts.get("main") for record in usable):
        return StageResult(asset, sku, "not_attempted", notes=("The stage before has not passed for this SKU.",))
    return None
