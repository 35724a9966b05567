"""What the store holds of one SKU, line by line, as every report reads it: records, quarantine, where it stands."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from catalog_assets.campaign_files import Campaigns
from catalog_assets.quarantine import Quarantine, Quarantined
from catalog_assets.records import Record, campaign_folder, made_from, product_folder, stored_records
from catalog_assets.stage import Status
from catalog_assets.stages.cutout import is_current
from resources.products import Products, load_products
from resources.store import CatalogStore
from resources.uploads import UploadIndex, scan_uploads
from resources.verdicts import Rejection

T = TypeVar("T")
R = TypeVar("R")

PRODUCT = "product"
PRODUCT_ASSETS = ("raw_photo", "mask", "cutout")
CAMPAIGN_ASSETS = ("scene_variants", "scored_finals", "marketplace_export")

_AHEAD = 32
_MADE: Status = "made"


@dataclass(frozen=True)
class Catalog:
    """What reports read of a catalog beside the records: listed once, then shared.

    held: keys of the quarantine records. on_shelf: SKUs that ever had a photo taken in.
    """

    store: CatalogStore
    campaigns: Campaigns
    uploads: UploadIndex
    products: Products
    held: frozenset[str]
    on_shelf: tuple[str, ...]

    @property
    def retired(self) -> tuple[str, ...]:
        """SKUs whose upload is gone but whose history stays."""
        return tuple(sku for sku in self.on_shelf if sku not in self.uploads.skus)

    def title(self, sku: str) -> str:
        """What people call the product: catalog.csv, else the uploaded name, else the SKU. Not escaped."""
        upload = self.uploads.skus.get(sku)
        return self.products.get(sku).title or (upload.title if upload else sku)


@dataclass(frozen=True)
class LineDossier:
    """One SKU in one line. records: by asset, sorted by name; an asset that was left out counts as made."""

    line: str
    records: Mapping[str, Sequence[Record]]
    statuses: Mapping[str, Status]
    quarantined: Quarantined | None = None

    @property
    def selected(self) -> bool:
        return "not_selected" not in self.statuses.values()


@dataclass(frozen=True)
class Dossier:
    """One SKU in the product line and in every active campaign. cutouts: hashes of the cut-outs that are current."""

    sku: str
    title: str
    retired: bool
    product: LineDossier
    campaigns: Mapping[str, LineDossier] = field(default_factory=dict)
    cutouts: frozenset[str] = frozenset()

    @property
    def known(self) -> bool:
        """True if anything at all is on record of the SKU."""
        lines = [self.product, *self.campaigns.values()]
        return any(line.quarantined or any(line.records.values()) for line in lines)


def open_catalog(store: CatalogStore, campaigns: Campaigns) -> Catalog:
    """List uploads, catalog.csv and quarantine of a store."""
    return Catalog(
        store=store,
        campaigns=campaigns,
        uploads=scan_uploads(store),
        products=load_products(store),
        held=frozenset(entry.key for entry in store.list("quarantine/")),
        on_shelf=store.children("assets/product/raw_photo"),
    )


def dossiers(catalog: Catalog, skus: Iterable[str], leave_out: frozenset[str] = frozenset()) -> Iterator[Dossier]:
    """The dossiers of SKUs, in their order; only a few are in memory at once, however many there are."""
    return in_order(lambda sku: read_dossier(catalog, sku, leave_out), skus, catalog.store.readers)


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int, ahead: int = _AHEAD) -> Iterator[R]:
    """What `work` makes of each item, in the items' order, worked on by some threads, at most `ahead` items ahead."""
    pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="reports")
    try:
        pending: deque[Future[R]] = deque()
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def read_dossier(
    catalog: Catalog, sku: str, leave_out: frozenset[str] = frozenset(), *, verdicts: bool = True
) -> Dossier:
    """Everything on record of a SKU, without the assets in `leave_out` (a report that needs fewer reads fewer).

    verdicts: False leaves them out of the records (see `stored_records`).
    """
    retired = sku not in catalog.uploads.skus
    store = catalog.store
    records = {
        asset: stored_records(store, product_folder(asset, sku), verdicts=verdicts)
        for asset in PRODUCT_ASSETS
        if asset not in leave_out
    }
    quarantined = _quarantined(catalog, PRODUCT, sku)
    cutouts = _current(records)
    statuses = _product_statuses(records, cutouts, quarantined, retired)
    hashes = frozenset(record.files["cutout"].sha256 for record in cutouts)
    return Dossier(
        sku=sku,
        title=catalog.title(sku),
        retired=retired,
        product=LineDossier(PRODUCT, records, statuses, quarantined),
        campaigns={
            name: _campaign(catalog, name, sku, hashes, leave_out, verdicts) for name in catalog.campaigns.active
        },
        cutouts=hashes,
    )


def _quarantined(catalog: Catalog, line: str, sku: str) -> Quarantined | None:
    if f"quarantine/{line}/{sku}.json" not in catalog.held:
        return None
    return Quarantine(catalog.store, line).get(sku)


def _main(records: Iterable[Record]) -> Record | None:
    return next((record for record in records if record.facts.get("main")), None)


def _current(records: Mapping[str, Sequence[Record]]) -> list[Record]:
    """The cut-outs whose links from photo to cut-out all passed; none if the main view is not among them."""
    photos = {record.name: record for record in records.get("raw_photo", ()) if record.passed}
    masks = {record.name: record for record in records.get("mask", ()) if is_current(record, photos)}
    cutouts = [
        record
        for record in records.get("cutout", ())
        if record.name in masks and record.inputs.get("mask") == masks[record.name].files["mask"].sha256
    ]
    return cutouts if _main(cutouts) else []


def _product_statuses(
    records: Mapping[str, Sequence[Record]],
    cutouts: Sequence[Record],
    quarantined: Quarantined | None,
    retired: bool,
) -> dict[str, Status]:
    if retired:
        return dict.fromkeys(PRODUCT_ASSETS, "retired")
    photo = _main(records.get("raw_photo", ()))
    mask = _main(records.get("mask", ()))
    if photo is None or "photo" not in photo.files:
        mask = None
    elif mask is not None and not made_from(mask, photo):
        mask = None  # of an earlier photo
    found = {"raw_photo": _status(photo), "mask": _status(mask), "cutout": _status(_main(cutouts))}
    return _until_stopped(found, quarantined)


def _campaign(
    catalog: Catalog, name: str, sku: str, cutouts: frozenset[str], leave_out: frozenset[str], verdicts: bool
) -> LineDossier:
    records = {
        asset: stored_records(catalog.store, campaign_folder(name, asset, sku), verdicts=verdicts)
        for asset in CAMPAIGN_ASSETS
        if asset not in leave_out
    }
    quarantined = _quarantined(catalog, name, sku)
    everywhere: Status | None = None
    if sku not in catalog.uploads.skus:
        everywhere = "retired"
    elif not catalog.campaigns.active[name].selects(catalog.products.get(sku)):
        everywhere = "not_selected"
    elif not cutouts:
        everywhere = "not_attempted"
    if everywhere is not None:
        return LineDossier(name, records, dict.fromkeys(CAMPAIGN_ASSETS, everywhere), quarantined)
    found = {
        asset: _campaign_status(asset, records[asset], cutouts) if asset in records else _MADE
        for asset in CAMPAIGN_ASSETS
    }
    return LineDossier(name, records, _until_stopped(found, quarantined), quarantined)


def _campaign_status(asset: str, records: Sequence[Record], cutouts: frozenset[str]) -> Status:
    """One stopped marketplace stops the export; one accepted scene is enough for the finals."""
    if asset == "marketplace_export":
        stopped = next((record for record in records if record.rejection), None)
        return _status(stopped or next(iter(records), None))
    current = [record for record in records if record.inputs.get("cutout") in cutouts]
    if any(record.passed for record in current):
        return "made"
    reviews = [record for record in current if record.rejection and record.rejection.is_review]
    return _status(next(iter([*reviews, *current]), None))


def _status(record: Record | None) -> Status:
    if record is None:
        return "not_attempted"
    return _of(record.rejection) if record.rejection else "made"


def _of(rejection: Rejection) -> Status:
    return "review" if rejection.is_review else "rejected"


def _until_stopped(found: Mapping[str, Status], quarantined: Quarantined | None) -> dict[str, Status]:
    """The statuses in order; what lies behind a stage that did not pass was not attempted, whatever is left there.

    The quarantine knows more than the records: a program error leaves none.
    """
    statuses: dict[str, Status] = {}
    going = True
    for asset, status in found.items():
        if going and quarantined is not None and quarantined.rejection.stage == asset:
            status = _of(quarantined.rejection)
        statuses[asset] = status if going else "not_attempted"
        going = going and status == "made"
    return statuses
