"""Stage mask: which part of each photo is the product, and how sure we are of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace

from catalog_assets.context import RunContext
from catalog_assets.records import EngineRef, Record, Shelf, fingerprint, judged_record, product_shelf
from catalog_assets.settings import adjusted
from catalog_assets.stage import Stage, StageResult, any_new, summarise
from catalog_assets.twins import once
from resources.imaging.decode import Photo
from resources.imaging.encode import png_grey
from resources.matting.engine import Matte
from resources.matting.gate import MatteThresholds, judge_matte
from resources.matting.measures import own_alpha_measures

OWN_ALPHA = EngineRef(name="own_alpha", revision="1")


class Mask(Stage):
    """An alpha matte for every usable view, judged by a gate whose thresholds can change on their own."""

    asset = "mask"
    code_version = "1"
    check = "matte_quality"

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.thresholds = adjusted(MatteThresholds(), context.settings.matte, "catalog.yaml: matte")
        self.judged = fingerprint({"thresholds": asdict(self.thresholds), "code": self.code_version})

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
        result = summarise(self.asset, sku, records, fresh=any_new(records, before), rejection=main.rejection)
        confidence = float((main.verdict or {}).get("score", 0.0))
        return replace(result, metadata={**result.metadata, "confidence": confidence})

    def _view(self, shelf: Shelf, photo: Record) -> Record:
        blank = self._blank(photo)
        current = None if self.context.force else shelf.current(photo.name, blank.fingerprint)
        if current is None:
            current = once(self.context, shelf, blank, lambda: self._make(shelf, photo, blank))
        verdict = judge_matte(current.measures, self.thresholds)
        wanted = replace(
            judged_record(current, verdict, self.judged), facts={**current.facts, "main": photo.facts["main"]}
        )
        return current if wanted == current else shelf.save(wanted)

    def _blank(self, photo: Record) -> Record:
        """What the mask would be made from: the photo's content, how it is decoded, and the engine."""
        engine = self._engine(photo)
        return Record(
            stage=self.asset,
            sku=photo.sku,
            name=photo.name,
            status="made",
            fingerprint=fingerprint(
                {
                    "photo": photo.files["photo"].sha256,
                    "limits": asdict(self.context.settings.photo.limits()),
                    "engine": [engine.name, engine.revision],
                    "code": self.code_version,
                }
            ),
            inputs={"photo": photo.files["photo"].sha256},
            facts={"main": photo.facts["main"]},
            engine=engine,
        )

    def _engine(self, photo: Record) -> EngineRef:
        if photo.facts["own_alpha"]:
            return OWN_ALPHA
        engine = self.context.engines.matting_engine()
        return EngineRef(engine.name, engine.revision, engine.device)

    def _make(self, shelf: Shelf, photo: Record, blank: Record) -> Record:
        picture = self.context.photo(photo)
        started = time.perf_counter()
        matte = self._matte(picture)
        record = replace(
            blank,
            files={"mask": shelf.put(photo.name, "png", png_grey(matte.alpha))},
            measures={name: round(float(value), 6) for name, value in matte.measures.items()},
            notes=tuple(matte.notes),
            seconds=round(time.perf_counter() - started, 4),
        )
        return shelf.save(judged_record(record, judge_matte(record.measures, self.thresholds), self.judged))

    def _matte(self, photo: Photo) -> Matte:
        if photo.alpha is not None:
            return Matte(photo.alpha, own_alpha_measures(photo.alpha))
        return self.context.engines.matting_engine().segment([photo.rgb])[0]


def not_ready(asset: str, sku: str, context: RunContext, usable: Sequence[Record]) -> StageResult | None:
    """Why a later product stage has nothing to do for a SKU: its upload is gone, or the main view did not pass."""
    if sku not in context.uploads.skus:
        return StageResult(asset, sku, "retired", notes=("The upload is gone.",))
    if not any(record.facts.get("main") for record in usable):
        return StageResult(asset, sku, "not_attempted", notes=("The stage before has not passed for this SKU.",))
    return None
