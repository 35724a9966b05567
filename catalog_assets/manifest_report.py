"""Manifests: what every marketplace gets of the whole catalog, all campaigns in season merged."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from catalog_assets.campaign_files import EVERGREEN, Campaign, Campaigns
from catalog_assets.dossier import CAMPAIGN_ASSETS, Dossier, LineDossier, dossiers, open_catalog
from catalog_assets.records import Record
from catalog_assets.settings import Settings
from resources.marketplaces.manifests import ExportedFile, ExportedProduct, clean_cell, image_url, write_manifest
from resources.marketplaces.rules import MarketplaceRules, load_rules
from resources.store import CatalogStore

FOLDER = "manifests"
EXPORTS = "exports/"
PICTURES = "pictures.csv"
_COLUMNS = ("category", "brand", "color", "material", "price", "description", "asin")
_PICTURE_COLUMNS = ("sku", "slot", "campaign", "scene", "file", "url", "sha256")
_EXPORT = CAMPAIGN_ASSETS[-1]
_SLOTS = ("main", "additional", "lifestyle")


@dataclass(frozen=True, slots=True)
class MarketplaceTotals:
    """What one marketplace's manifests hold."""

    name: str
    products: int
    pictures: int
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ManifestResult:
    """What was written. out_of_season: campaigns that are left out until their dates come. removed: stale files."""

    marketplaces: tuple[MarketplaceTotals, ...]
    out_of_season: tuple[str, ...]
    removed: int


def write_manifests(
    store: CatalogStore, campaigns: Campaigns, settings: Settings, moment: datetime | None = None
) -> ManifestResult:
    """Write `manifests/<marketplace>/` for every marketplace of a campaign; remove what is no longer due.

    Listed are SKUs whose photos are still uploaded and that no gate has stopped since, with the exported pictures
    of campaigns whose dates hold the moment (default: now), those of a season before evergreen's. Beside the
    marketplace's own files lies `pictures.csv`: every listed file with its recorded SHA-256. Store trouble raises
    StoreError.
    """
    active = {campaign.name: campaign for campaign in campaigns.on(moment or datetime.now(UTC))}
    order = [campaign.name for campaign in sorted(active.values(), key=_season_first)]
    products = _products(store, replace(campaigns, active=active), order)
    rules = load_rules().rules
    totals = []
    written: set[str] = set()
    for name in sorted({name for campaign in campaigns.active.values() for name in campaign.marketplaces}):
        listed = products.get(name, [])
        made = _marketplace_files(rules[name], listed, settings.image_base_url)
        keys = {f"{FOLDER}/{name}/{file}": data for file, data in made.items()}
        for key, data in keys.items():
            store.write(key, data)
        written.update(keys)
        totals.append(MarketplaceTotals(name, len(listed), sum(len(one.files) for one in listed), tuple(keys)))
    stale = [entry.key for entry in store.list(f"{FOLDER}/") if entry.key not in written]
    store.delete_many(stale)
    out_of_season = tuple(name for name in campaigns.active if name not in active)
    return ManifestResult(tuple(totals), out_of_season, len(stale))


def _season_first(campaign: Campaign) -> tuple[bool, bool, str]:
    """Marketplaces show the first lifestyle picture most: that of a campaign with dates, evergreen's last."""
    return campaign.name == EVERGREEN, campaign.first_day is None and campaign.last_day is None, campaign.name


def _products(store: CatalogStore, campaigns: Campaigns, order: Sequence[str]) -> dict[str, list[ExportedProduct]]:
    """Every exported SKU by marketplace, in order of SKUs; order: campaigns whose pictures come first."""
    catalog = open_catalog(store, campaigns)
    found: defaultdict[str, list[ExportedProduct]] = defaultdict(list)
    for dossier in dossiers(catalog, catalog.uploads.skus, leave_out=frozenset({"scene_variants"})):
        product = catalog.products.get(dossier.sku)
        fields = {**product.extra, **{column: product.get(column) for column in _COLUMNS}}
        for marketplace, files in _exported(dossier, campaigns, order).items():
            found[marketplace].append(ExportedProduct(product.sku, product.title, fields, tuple(files)))
    return dict(found)


def _exported(dossier: Dossier, campaigns: Campaigns, order: Sequence[str]) -> dict[str, list[ExportedFile]]:
    """The exported pictures of a SKU by marketplace: main first, lifestyle last, campaigns in their order."""
    found: defaultdict[str, list[ExportedFile]] = defaultdict(list)
    for name in order:
        line = dossier.campaigns[name]
        if line.selected and not _stopped(dossier.product) and not _stopped(line):
            for record in line.records[_EXPORT]:
                if record.passed and record.name in campaigns.active[name].marketplaces:
                    found[record.name] += _files(line, record)
    by_slot = {name: sorted(files, key=lambda file: _SLOTS.index(file.slot)) for name, files in found.items()}
    return {name: files for name, files in by_slot.items() if files}


def _stopped(line: LineDossier) -> bool:
    """True if a gate has said no since the export: then the files lie there still, but are not offered any more.

    Trouble that may pass (network, a program error) withdraws nothing: a feed without a row ends a listing.
    """
    if line.quarantined is not None and line.quarantined.rejection.retryable:
        return False
    return not {"review", "rejected"}.isdisjoint(line.statuses.values())


def _files(line: LineDossier, record: Record) -> Iterator[ExportedFile]:
    """The files of an export whose scenes are still accepted."""
    scenes = {final.facts.get("scene") for final in line.records["scored_finals"] if final.passed}
    for fact in record.facts["files"]:
        if fact["slot"] != "lifestyle" or fact["scene"] in scenes:
            ref = record.files[fact["role"]]
            yield ExportedFile(
                slot=fact["slot"],
                campaign=line.line,
                scene=fact["scene"],
                path=ref.key.removeprefix(EXPORTS),
                sha256=ref.sha256,
            )


def _marketplace_files(rules: MarketplaceRules, products: Sequence[ExportedProduct], base: str) -> Mapping[str, bytes]:
    return {**write_manifest(rules, products, base), PICTURES: _pictures(products, base)}


def _pictures(products: Sequence[ExportedProduct], base: str) -> bytes:
    """Every listed picture with its hash, so that an upload can be checked against what was judged."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(_PICTURE_COLUMNS)
    for product in products:
        for file in product.files:
            cells = (product.sku, file.slot, file.campaign, file.scene, file.path, image_url(base, file.path))
            table.writerow([*map(clean_cell, cells), file.sha256])
    return text.getvalue().encode()
