"""A shop for tests of the reports: uploads, and the records that the lines would have left, without running them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from catalog_assets.campaign_files import Campaign, Campaigns
from catalog_assets.quarantine import Quarantine
from catalog_assets.records import EngineRef, FileRef, Record, Shelf, campaign_shelf, fingerprint, product_shelf
from catalog_assets.stage import StageResult
from resources.imaging.encode import jpeg, png_grey, png_rgba, preview, webp_lossless
from resources.store import CatalogStore, LocalStore, content_hash
from resources.verdicts import Decision, Measure, Rejection, Verdict

SCENE = "oak-window"
_RGB = np.full((8, 8, 3), (190, 120, 60), np.uint8)
_ALPHA = np.full((8, 8), 255, np.uint8)
_RGBA = np.dstack([_RGB, _ALPHA])
_PICTURES = {
    "jpg": jpeg(_RGB),
    "webp": preview(_RGB),
    "grey.png": png_grey(_ALPHA),
    "png": png_rgba(_RGBA),
    "lossless.webp": webp_lossless(_RGB),
}


def campaigns(*extra: Campaign) -> Campaigns:
    """Evergreen, and what a test adds."""
    evergreen = Campaign(name="evergreen", title="Evergreen", scenes=[{"template": SCENE}], marketplaces=["amazon"])
    every = {campaign.name: campaign for campaign in (evergreen, *extra)}
    return Campaigns(active=dict(sorted(every.items())), archived=(), problems=())


def verdict(decision: Decision = "accepted", measure: str = "agreement", value: float = 0.9) -> Verdict:
    """A verdict over one measure with the threshold 0.8."""
    number = Measure(measure, value, 0.8, "higher", decision == "accepted")
    if decision == "accepted":
        return Verdict(decision, value, (number,))
    return Verdict(decision, 0.31, (number,), measure, "too_weak", f"{measure} is too low.", "Take another photo.")


class Shop:
    """A catalog in a folder, filled record by record."""

    def __init__(self, root: Path) -> None:
        self.store: CatalogStore = LocalStore(root)

    def upload(self, name: str) -> None:
        """Put a photo into the drop folder, under any name."""
        self.store.write(f"uploads/{name}", _PICTURES["jpg"])

    def catalog_csv(self, text: str) -> None:
        self.store.write("catalog.csv", text.encode())

    def make(self, sku: str, campaign: str = "evergreen", *, decision: Decision = "accepted", **names: str) -> None:
        """A SKU that went through everything, or whose final was not accepted in its only scene."""
        self.upload(f"{sku}.jpg")
        cutout = self.product(sku)
        final = self.final(sku, cutout, campaign, decision, **names)
        if final.rejection is None:
            self.export(sku, campaign)
        else:
            self.quarantine(campaign, sku, final.rejection)

    def product(self, sku: str, view: str = "main", *, main: bool = True, decision: Decision = "accepted") -> Record:
        """Photo, mask and cut-out of a view; no cut-out where the mask is not accepted. The last record made."""
        photo = self.photo(sku, view, main=main)
        mask = self.mask(sku, photo, verdict(decision))
        return self.cutout(sku, photo, mask) if mask.passed else mask

    def photo(self, sku: str, view: str = "main", *, main: bool = True, rejection: Rejection | None = None) -> Record:
        shelf = product_shelf(self.store, "raw_photo", sku)
        files: dict[str, FileRef] = {}
        if rejection is None:
            files["photo"] = shelf.put(view, "jpg", _PICTURES["jpg"])
            files["preview"] = shelf.put(f"{view}.preview", "webp", _PICTURES["webp"])
        facts = {"main": main, "title": view, "width": 8, "height": 8, "format": "JPEG", "own_alpha": False}
        status = "rejected" if rejection else "made"
        return self._save(shelf, "raw_photo", sku, view, status, files=files, facts=facts, rejection=rejection)

    def mask(self, sku: str, photo: Record, judged: Verdict) -> Record:
        shelf = product_shelf(self.store, "mask", sku)
        return self._save(
            shelf,
            "mask",
            sku,
            photo.name,
            judged.decision,
            files={"mask": shelf.put(photo.name, "png", _PICTURES["grey.png"])},
            inputs={"photo": photo.files["photo"].sha256},
            facts={"main": photo.facts["main"]},
            measures={"agreement": 0.9, "area": 0.4},
            verdict=judged.as_dict(),
            rejection=judged.rejection("mask"),
            engine=EngineRef("classical", "1"),
            seconds=0.25,
        )

    def cutout(self, sku: str, photo: Record, mask: Record) -> Record:
        shelf = product_shelf(self.store, "cutout", sku)
        return self._save(
            shelf,
            "cutout",
            sku,
            photo.name,
            "made",
            files={
                "cutout": shelf.put(photo.name, "png", _PICTURES["png"]),
                "preview": shelf.put(f"{photo.name}.preview", "webp", _PICTURES["webp"]),
            },
            inputs={"photo": photo.files["photo"].sha256, "mask": mask.files["mask"].sha256},
            facts={"main": photo.facts["main"]},
            measures={"coverage": 0.4},
            seconds=0.5,
        )

    def final(
        self,
        sku: str,
        cutout: Record,
        campaign: str = "evergreen",
        decision: Decision = "accepted",
        scene: str = SCENE,
        message: str = "",
    ) -> Record:
        """The candidate of a scene, and its final."""
        used = {"cutout": cutout.files["cutout"].sha256}
        made = campaign_shelf(self.store, campaign, "scene_variants", sku)
        name = f"{cutout.name}.{scene}.c1.a1"
        files = {
            "picture": made.put(name, "webp", _PICTURES["lossless.webp"]),
            "preview": made.put(f"{name}.preview", "webp", _PICTURES["webp"]),
        }
        facts = {"view": cutout.name, "scene": scene, "candidate": 1, "attempt": 1, "seed": 7, "period": ""}
        self._save(made, "scene_variants", sku, name, "made", files=files, inputs=used, facts=facts, seconds=1.5)
        judged = verdict(decision, "worst_block")
        if message:
            judged = replace(judged, message=message)
        chosen = {"name": name, "decision": decision, "fidelity": judged.score, "decided_by": judged.decided_by}
        shelf = campaign_shelf(self.store, campaign, "scored_finals", sku)
        final = {"final": files["picture"]} if decision == "accepted" else {}
        return self._save(
            shelf,
            "scored_finals",
            sku,
            f"{cutout.name}.{scene}",
            decision,
            files={**final, "preview": files["preview"]},
            inputs=used,
            facts={"scene": scene, "view": cutout.name, "chosen": name, "attempt": 1, "candidates": [chosen]},
            measures={"fidelity": judged.score},
            verdict=judged.as_dict(),
            rejection=judged.rejection("scored_finals"),
            engine=EngineRef("studio", "1"),
            seconds=0.75,
        )

    def export(
        self,
        sku: str,
        campaign: str = "evergreen",
        marketplace: str = "amazon",
        slots: tuple[str, ...] = ("main",),
        rejection: Rejection | None = None,
    ) -> Record:
        """Exported files of a SKU, or the rule they broke."""
        files: dict[str, FileRef] = {}
        facts: list[dict[str, Any]] = []
        for slot in () if rejection else slots:
            key = f"exports/{marketplace}/{campaign}/{sku}/{sku}.{slot}.jpg"
            data = _PICTURES["jpg"] + key.encode()  # no two pictures are the same
            self.store.write(key, data)
            role = slot if slot == "main" else f"{slot}1"
            files[role] = FileRef(key, content_hash(data), len(data))
            fact = {"role": role, "slot": slot, "view": "main", "scene": "" if slot == "main" else SCENE}
            facts.append({**fact, "name": key.rsplit("/", 1)[1], "width": 8, "height": 8, "fill": 0.87})
        status = "rejected" if rejection else "accepted"
        return self._save(
            campaign_shelf(self.store, campaign, "marketplace_export", sku),
            "marketplace_export",
            sku,
            marketplace,
            status,
            files=files,
            facts={"files": facts, "compliance": {"main": verdict(measure="fill").as_dict()}},
            rejection=rejection,
            seconds=0.125,
        )

    def record(self, record: Record, **facts: Any) -> Record:
        """An export record again, with other facts."""
        shelf = campaign_shelf(self.store, "evergreen", record.stage, record.sku)
        return shelf.save(replace(record, facts={**record.facts, **facts}))

    def quarantine(self, line: str, sku: str, rejection: Rejection) -> None:
        Quarantine(self.store, line).settle([StageResult(rejection.stage, sku, "rejected", rejection=rejection)])

    def retire(self, sku: str) -> None:
        self.store.delete(f"uploads/{sku}.jpg")

    def texts(self, folder: str) -> Mapping[str, str]:
        """Every file below a folder as text, by key."""
        return {entry.key: self.store.read(entry.key).decode() for entry in self.store.list(f"{folder}/")}

    def _save(self, shelf: Shelf, stage: str, sku: str, name: str, status: str, **values: Any) -> Record:
        mark = fingerprint({"stage": stage, "sku": sku, "name": name})
        return shelf.save(Record(stage=stage, sku=sku, name=name, status=status, fingerprint=mark, **values))
