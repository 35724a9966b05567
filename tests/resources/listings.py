"""Exported products as listings and manifests get them, and rules with other feeds or limits."""

from __future__ import annotations

import hashlib
from typing import Any

from resources.marketplaces.listing import ExportedFile, ExportedProduct, Gallery, gallery, image_url
from resources.marketplaces.provenance import SourceType
from resources.marketplaces.rules import MarketplaceRules, Slot

BASE = "https://img.example.com/shop/"
SOURCES: dict[str, SourceType] = {"": "algorithmicallyEnhanced", "scene": "compositeWithTrainedAlgorithmicMedia"}


def file_of(slot: Slot, name: str, campaign: str = "evergreen", scene: str = "") -> ExportedFile:
    return ExportedFile(
        slot=slot,
        campaign=campaign,
        scene=scene,
        view="front",
        path=f"{campaign}/{name}",
        sha256=hashlib.sha256(f"{campaign}/{name}".encode()).hexdigest(),
        bytes=1000 + len(name),
        source_type=SOURCES["scene" if scene else ""],
        width=2000,
        height=2000,
    )


def product_of(sku: str, scenes: int = 2, views: int = 1, **fields: str) -> ExportedProduct:
    """A main picture, other views, and scenes of summer; the scenes are given first."""
    files = [file_of("lifestyle", f"{sku}-s{n}.jpg", "summer", f"beach_{n}") for n in range(scenes)]
    files += [file_of("additional", f"{sku}-v{n}.jpg") for n in range(views)]
    files.append(file_of("main", f"{sku}-main.jpg"))
    return ExportedProduct(sku, fields.pop("title", f"Product {sku}"), fields, tuple(files))


def listed(product: ExportedProduct, rules: MarketplaceRules) -> Gallery:
    return gallery(product, rules, lambda file: image_url(BASE, file.path))


def changed(rules: MarketplaceRules, **groups: dict[str, Any]) -> MarketplaceRules:
    """The rules with other values in some groups; `counts` stands for the most pictures of each slot."""
    counts = groups.pop("counts", {})
    update: dict[str, Any] = {name: getattr(rules, name).model_copy(update=values) for name, values in groups.items()}
    slots = {
        slot: (before := rules.slot(slot)).model_copy(update={"count": before.count.model_copy(update={"max": most})})
        for slot, most in counts.items()
    }
    if slots:
        update["slots"] = rules.slots.model_copy(update=slots)
    return rules.model_copy(update=update)
