"""Stage cutout: the product alone, as a transparent PNG with straight alpha and clean edge colours."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace

from catalog_assets.context import RunContext
from catalog_assets.records import Record, Shelf, fingerprint, made_from, product_shelf
from catalog_assets.stage import Stage, StageResult, summarise
from catalog_assets.stages.mask import not_ready
from catalog_assets.twins import once
from resources.imaging.alpha import make_cutout, with_alpha
from resources.imaging.encode import png_rgba, preview, read_grey


class Cutout(Stage):
    """A cut-out for every view whose mask was accepted. Nothing of the seller's room survives in it."""

    asset = "cutout"
    code_version = "2"

    def __init__(self, context: RunContext) -> None:
        self.context = context

    def run(self, skus: Sequence[str]) -> list[StageResult]:
        return [self._cut_out(sku) for sku in skus]

    def _cut_out(self, sku: str) -> StageResult:
        photos = {
            record.name: record
            for record in product_shelf(self.context.store, "raw_photo", sku).records()
            if record.passed
        }
        masks = [mask for mask in product_shelf(self.context.store, "mask", sku).records() if is_current(mask, photos)]
        stopped = not_ready(self.asset, sku, self.context, masks)
        if stopped is not None:
            return stopped
        shelf = product_shelf(self.context.store, self.asset, sku)
        before = shelf.records()
        records = [self._view(shelf, photos[mask.name], mask) for mask in masks]
        shelf.keep_only(mask.name for mask in masks)
        return summarise(self.asset, sku, records, before=before)

    def _view(self, shelf: Shelf, photo: Record, mask: Record) -> Record:
        blank = self._blank(photo, mask)
        current = None if self.context.force else shelf.current(mask.name, blank.fingerprint)
        if current is None:
            return once(self.context, shelf, blank, lambda: self._make(shelf, photo, mask, blank))
        wanted = replace(current, facts={**current.facts, **blank.facts})
        return current if wanted == current else shelf.save(wanted)

    def _blank(self, photo: Record, mask: Record) -> Record:
        return Record(
            stage=self.asset,
            sku=photo.sku,
            name=photo.name,
            status="made",
            fingerprint=fingerprint(
                {
                    "photo": photo.files["photo"].sha256,
                    "correction": photo.facts.get("correction", {}),
                    "mask": mask.files["mask"].sha256,
                    "limits": asdict(self.context.settings.photo.limits()),
                    "code": self.code_version,
                }
            ),
            inputs={
                "photo": photo.files["photo"].sha256,
                "correction": photo.facts.get("correction", {}),
                "mask": mask.files["mask"].sha256,
            },
            facts={"main": photo.facts["main"]},
        )

    def _make(self, shelf: Shelf, photo: Record, mask: Record, blank: Record) -> Record:
        picture = self.context.photo(photo)
        alpha = read_grey(self.context.read(mask.files["mask"]))
        started = time.perf_counter()
        rgba = with_alpha(picture.rgb, alpha) if picture.alpha is not None else make_cutout(picture.rgb, alpha)
        files = {
            "cutout": shelf.put(photo.name, "png", png_rgba(rgba)),
            "preview": shelf.put(f"{photo.name}.preview", "webp", preview(rgba)),
        }
        coverage = round(float((alpha > 127).mean()), 6)
        seconds = round(time.perf_counter() - started, 4)
        return shelf.save(replace(blank, files=files, measures={"coverage": coverage}, seconds=seconds))


def is_current(mask: Record, photos: dict[str, Record]) -> bool:
    """True if the mask passed and belongs to the photo that lies in the store now."""
    photo = photos.get(mask.name)
    return mask.passed and photo is not None and made_from(mask, photo)


def current_cutouts(context: RunContext, sku: str) -> list[Record]:
    """The cut-outs that the campaigns may use: every link from photo to cut-out passed and is up to date.

    Empty if the main view is not among them.
    """
    photos = {r.name: r for r in product_shelf(context.store, "raw_photo", sku).records() if r.passed}
    masks = {r.name: r for r in product_shelf(context.store, "mask", sku).records() if is_current(r, photos)}
    cutouts = [
        cutout
        for cutout in product_shelf(context.store, "cutout", sku).records()
        if cutout.name in masks
        and made_from(cutout, photos[cutout.name])
        and cutout.inputs.get("mask") == masks[cutout.name].files["mask"].sha256
    ]
    return cutouts if any(cutout.facts.get("main") for cutout in cutouts) else []
