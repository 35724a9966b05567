"""Manifests: what every marketplace gets of the whole catalog, all campaigns in season merged."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from catalog_assets.campaign_files import EVERGREEN, Campaign, Campaigns
from catalog_assets.dossier import CAMPAIGN_ASSETS, in_order
from catalog_assets.records import Record, campaign_shelf
from catalog_assets.settings import Settings
from resources.marketplaces.manifests import ExportedFile, ExportedProduct, clean_cell, image_url, write_manifest
from resources.marketplaces.rules import MarketplaceRules, load_rules
from resources.products import Product, load_products
from resources.store import CatalogStore
from resources.uploads import scan_uploads

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

    Listed are SKUs whose photos are still uploaded, with the exported pictures of campaigns whose dates hold the
    moment (default: now), those of a season before evergreen's. Beside the marketplace's own files lies
    `pictures.csv`: every listed file with its recorded SHA-256. Store trouble raises StoreError.
    """
    active = sorted(campaigns.on(moment or datetime.now(UTC)), key=_season_first)
    products = _products(store, active)
    rules = load_rules().rules
    totals = []
    written: set[str] = set()
    for name in sorted({marketplace for campaign in campaigns.active.values() for marketplace in campaign.marketplaces}):
        made = _marketplace_files(rules[name], products.get(name, []), settings.image_base_url)
        keys = {f"{FOLDER}/{name}/{file}": data for file, data in made.items()}
        for key, data in keys.items():
            store.write(key, data)
        written.update(keys)
        listed = products.get(name, [])
        totals.append(MarketplaceTotals(name, len(listed), sum(len(one.files) for one in listed), tuple(keys)))
    stale = [entry.key for entry in store.list(f"{FOLDER}/") if entry.key not in written]
    store.delete_many(stale)
    out_of_season = tuple(name for name in campaigns.active if campaigns.active[name] not in active)
    return ManifestResult(tuple(totals), out_of_season, len(stale))


def _season_first(campaign: Campaign) -> tuple[bool, bool, str]:
    """Marketplaces show the first lifestyle picture most: that of a campaign with dates, evergreen's last."""
    return campaign.name == EVERGREEN, campaign.first_day is None and campaign.last_day is None, campaign.name


def _products(store: CatalogStore, campaigns: Sequence[Campaign]) -> dict[str, list[ExportedProduct]]:
    """Every exported SKU by marketplace, in order of SKUs."""
    known = load_products(store)
    found: defaultdict[str, list[ExportedProduct]] = defaultdict(list)

    def read(sku: str) -> tuple[Product, dict[str, list[ExportedFile]]]:
        product = known.get(sku)
        return product, _exported(store, campaigns, product)

    for product, files in in_order(read, scan_uploads(store).skus):
        fields = {**product.extra, **{column: product.get(column) for column in _COLUMNS}}
        for marketplace, pictures in files.items():
            found[marketplace].append(ExportedProduct(product.sku, product.title, fields, tuple(pictures)))
    return dict(found)


def _exported(store: CatalogStore, campaigns: Sequence[Campaign], product: Product) -> dict[str, list[ExportedFile]]:
    """The exported pictures of a SKU by marketplace: main first, lifestyle last, campaigns in their order."""
    found: defaultdict[str, list[ExportedFile]] = defaultdict(list)
    for campaign in campaigns:
        if campaign.selects(product):
            for record in campaign_shelf(store, campaign.name, _EXPORT, product.sku).records():
                if record.passed and record.files and record.name in campaign.marketplaces:
                    found[record.name] += _files(campaign.name, record)
    return {name: sorted(files, key=lambda file: _SLOTS.index(file.slot)) for name, files in found.items()}


def _files(campaign: str, record: Record) -> Iterator[ExportedFile]:
    for fact in record.facts["files"]:
        ref = record.files[fact["role"]]
        yield ExportedFile(fact["slot"], campaign, fact["scene"], ref.key.removeprefix(EXPORTS), ref.sha256)


def _marketplace_files(
    rules: MarketplaceRules, products: Sequence[ExportedProduct], base: str
) -> Mapping[str, bytes]:
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
