"""Manifests: what every marketplace gets of the whole catalog, all campaigns in season merged."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from catalog_assets.campaign_files import Campaign, Campaigns
from catalog_assets.context import insist_on_uploads
from catalog_assets.dossier import CAMPAIGN_ASSETS, Catalog, in_order, open_catalog, read_dossier
from catalog_assets.exported import Exports, NotListed, exports_of, season_first
from catalog_assets.listed_pictures import FOLDER, PICTURES, BrokenListError, stored_pictures
from catalog_assets.manifest_archives import ArchiveResult, archived, write_archive
from catalog_assets.manifest_changes import ChangeLog, ManifestChanges
from catalog_assets.publishing import Publisher, PublishTotals, Unpublished
from catalog_assets.settings import Settings, SettingsError
from resources.marketplaces.listing import ExportedFile, ExportedProduct, Gallery, gallery, image_url
from resources.marketplaces.manifests import ManifestProblem, ManifestWriter, clean_cell
from resources.marketplaces.rule_files import load_rules
from resources.marketplaces.rules import SLOTS, MarketplaceRules
from resources.progress import Progress
from resources.store import CatalogStore, NotFound, StoreError

LEFT_OUT = "left_out.csv"
STATE = "state/manifests.json"
_LEFT_OUT_COLUMNS = ("sku", "slot", "campaign", "scene", "code", "message")
_CHUNK_BYTES = 1 << 20
_NO_MAIN = (
    "no_main_picture",
    "Its main picture is not listed there, and a scene must not stand in its place. See the reason of the main one.",
)


@dataclass(frozen=True, slots=True)
class MarketplaceTotals:
    """What one marketplace's manifests hold. left_out: pictures that it does not get, by code."""

    name: str
    products: int
    pictures: int
    files: tuple[str, ...]
    left_out: Counter[str] = field(default_factory=Counter)
    problems: tuple[ManifestProblem, ...] = ()
    archive: ArchiveResult = field(default_factory=lambda: ArchiveResult(()))


@dataclass(frozen=True, slots=True)
class ManifestResult:
    """What was written. out_of_season: campaigns that are left out until their dates come. removed: stale files.

    published: what was put to the CDN's folder or bucket, None where nothing is published.
    """

    marketplaces: tuple[MarketplaceTotals, ...]
    out_of_season: tuple[str, ...]
    removed: int
    changes: ManifestChanges
    published: PublishTotals | None = None


def write_manifests(
    store: CatalogStore,
    campaigns: Campaigns,
    settings: Settings,
    moment: datetime | None = None,
    publisher: Publisher | None = None,
    progress: Progress | None = None,
) -> ManifestResult:
    """Write `manifests/<marketplace>/` for every marketplace of a campaign; remove what is no longer due.

    Listed are SKUs whose photos are still uploaded and that no gate has stopped since, with the exported pictures of
    campaigns whose dates hold the moment (aware; default: now), those of a season before evergreen's. Beside the
    marketplace's own files lie `pictures.csv`, every listed file with its recorded SHA-256, and `left_out.csv`, what
    else was exported or refused and why it is not listed. With a publisher every picture is at its address before a
    manifest names it, and goes only after none does. What a marketplace has whose rules file is broken stays as it is.
    Memory does not grow with the catalog, but for published keys. StoreError if a store fails: until all pictures are
    up, the manifests in the store stay as they were. SettingsError for a marketplace in `archives` that is not known,
    and where a campaign that is listed now cannot be read any more.
    """
    moment = moment or datetime.now(UTC)
    progress = progress or Progress(show=False)
    _insist_on_campaigns(store, campaigns)
    known = load_rules().rules
    zipped = archived(settings, known)
    active = {campaign.name: campaign for campaign in sorted(campaigns.on(moment), key=season_first)}
    catalog = open_catalog(store, replace(campaigns, active=active))
    insist_on_uploads(store, catalog.uploads)
    wanted = {name for campaign in campaigns.active.values() for name in campaign.marketplaces}
    names, frozen = sorted(wanted & set(known)), wanted - set(known)
    with tempfile.TemporaryDirectory(prefix="manifests-") as temporary, ExitStack() as opened:
        folder = Path(temporary)
        drafts = [_Draft(known[name], settings.accounts.get(name, {}), folder / name, opened) for name in names]
        _fill(drafts, _Shop(catalog, active, known, settings, publisher), progress)
        compared = _compared(store, drafts, frozen, folder)
        for draft in drafts:
            draft.commit(store)
        changes = compared.save(moment)
        with_archive = [draft for draft in drafts if draft.name in zipped]
        with progress.bar("archives", sum(draft.pictures for draft in with_archive)) as step:
            for draft in with_archive:
                draft.archive(store, step)
        totals = tuple(draft.totals() for draft in drafts)
    removed = _remove_stale(store, totals, frozen)
    published = None
    if publisher is not None:
        needed = {url for name in frozen for url in _listed_addresses(store, name)}
        published = publisher.remove_unlisted(moment, catalog.uploads.skus, needed)
    store.write_json(STATE, {"campaigns": sorted(active), "moment": moment.astimezone(UTC).isoformat()})
    out_of_season = tuple(name for name in campaigns.active if name not in active)
    return ManifestResult(totals, out_of_season, removed, changes, published)


def _insist_on_campaigns(store: CatalogStore, campaigns: Campaigns) -> None:
    """Raise SettingsError if a campaign that manifests hold is gone because its file is broken, or its folder.

    Its pictures would leave the feeds, and a feed without a product ends its listing.
    """
    written = season_written(store)
    if written is None or not campaigns.problems:
        return
    lost = sorted(written[0] - set(campaigns.active) - set(campaigns.archived))
    if lost:
        said = "; ".join(problem.message for problem in campaigns.problems)
        raise SettingsError(
            f"manifests stay as they are, because they hold {', '.join(lost)}, which cannot be read now: {said}. "
            "Mend the file; to end a campaign, say `archived: true` in it."
        )


def season_written(store: CatalogStore) -> tuple[frozenset[str], datetime] | None:
    """The campaigns that the manifests in the store hold, and the moment they were written for; None if unknown."""
    try:
        state = store.read_json(STATE)
        return frozenset(state["campaigns"]), datetime.fromisoformat(state["moment"])
    except (NotFound, KeyError, TypeError, ValueError):
        return None
    except StoreError as error:
        if error.code == "broken_record":
            return None
        raise


@dataclass(frozen=True, slots=True)
class _Shop:
    """What the listings of a SKU are made from."""

    catalog: Catalog
    active: Mapping[str, Campaign]
    rules: Mapping[str, MarketplaceRules]
    settings: Settings
    publisher: Publisher | None

    @property
    def threads(self) -> int:
        target = self.publisher.target.readers if self.publisher is not None else 0
        return max(self.catalog.store.readers, target)

    def listings(self, sku: str) -> dict[str, _Listing]:
        """What each marketplace gets of a SKU, by its name; with a publisher, all of it is at its address then."""
        found, refused = self._listings(sku)
        # A line may have exported it anew since its record was read: then the second look finds nothing amiss.
        return self._listings(sku)[0] if refused else found

    def _listings(self, sku: str) -> tuple[dict[str, _Listing], dict[str, Unpublished]]:
        """The listings, and what could not be published, by path."""
        dossier = read_dossier(self.catalog, sku, leave_out=frozenset({CAMPAIGN_ASSETS[0]}), verdicts=False)
        exports = {name: of for name, of in exports_of(dossier, self.active).items() if name in self.rules}
        row = self.catalog.products.get(sku)
        product = ExportedProduct(sku, row.title, row.cells())
        refused: dict[str, Unpublished] = {}
        while True:
            found = {name: self._listing(product, name, of, refused) for name, of in exports.items()}
            if self.publisher is None:
                return found, refused
            listed = [picture.file for listing in found.values() for picture in listing.gallery.pictures]
            problems = self.publisher.publish(sku, listed)
            if not problems:
                return found, refused
            refused |= problems  # others may take their places: count limits, main pictures

    def _listing(
        self, product: ExportedProduct, name: str, exports: Exports, refused: Mapping[str, Unpublished]
    ) -> _Listing:
        sku = product.sku
        product = replace(product, files=tuple(file for file in exports.files if file.path not in refused))
        shown = gallery(product, self.rules[name], partial(self._url, sku))
        left_out = [*exports.left_out, *_refused(sku, exports, refused), *_not_shown(product, shown)]
        if exports.needs_main and shown.main is None:
            left_out += [_not_listed(sku, picture.file, *_NO_MAIN) for picture in shown.pictures]
            shown = Gallery(())
        return _Listing(product, shown, left_out)

    def _url(self, sku: str, file: ExportedFile) -> str:
        if self.publisher is not None:
            return self.publisher.url(sku, file)
        return image_url(self.settings.image_base_url, file.path)


@dataclass(frozen=True, slots=True)
class _Listing:
    """What one marketplace gets of one SKU."""

    product: ExportedProduct
    gallery: Gallery
    left_out: Sequence[NotListed]


def _refused(sku: str, exports: Exports, refused: Mapping[str, Unpublished]) -> Iterator[NotListed]:
    for file in exports.files:
        if why := refused.get(file.path):
            yield _not_listed(sku, file, why.code, why.message)


def _not_shown(product: ExportedProduct, shown: Gallery) -> Iterator[NotListed]:
    """What the gallery left out, with campaign and scene: it goes through the files slot by slot, in their order."""
    listed = {id(picture.file) for picture in shown.pictures}
    ordered = [file for slot in SLOTS for file in product.files if file.slot == slot]
    others = [file for file in ordered if id(file) not in listed]
    for file, why in zip(others, shown.left_out, strict=True):
        yield _not_listed(product.sku, file, why.code, why.message)


def _not_listed(sku: str, file: ExportedFile, code: str, message: str) -> NotListed:
    return NotListed(sku, file.slot, file.campaign, file.scene, code, message)


class _Draft:
    """The files of one marketplace while they are written, in a local folder; nothing in the store changes yet."""

    def __init__(self, rules: MarketplaceRules, account: Mapping[str, str], folder: Path, opened: ExitStack) -> None:
        folder.mkdir()
        self.name = rules.name
        self._folder = folder
        self._writer = ManifestWriter(rules, account, lambda name: opened.enter_context((folder / name).open("wb")))
        self._rest = opened.enter_context((folder / LEFT_OUT).open("w", encoding="utf-8", newline=""))
        self._left_out = csv.writer(self._rest, lineterminator="\r\n")
        self._left_out.writerow(_LEFT_OUT_COLUMNS)
        self._files: tuple[str, ...] = ()
        self._products = self.pictures = 0
        self._codes: Counter[str] = Counter()
        self._archive = ArchiveResult(())

    def add(self, listing: _Listing) -> None:
        self._writer.add(listing.product, listing.gallery)
        self._products += bool(listing.gallery.pictures)
        self.pictures += len(listing.gallery.pictures)
        for one in listing.left_out:
            cells = (one.sku, one.slot, one.campaign, one.scene, one.code, one.message)
            self._left_out.writerow([clean_cell(cell) for cell in cells])
            self._codes[one.code] += 1

    def close(self) -> None:
        self._files = (*self._writer.close(), LEFT_OUT)
        self._rest.close()

    def open_list(self) -> BinaryIO:
        return (self._folder / PICTURES).open("rb")

    def commit(self, store: CatalogStore) -> None:
        """Put the finished files into the store."""
        for name in self._files:
            with (self._folder / name).open("rb") as file:
                store.write_stream(f"{FOLDER}/{self.name}/{name}", iter(partial(file.read, _CHUNK_BYTES), b""))

    def archive(self, store: CatalogStore, step: Callable[[int], None]) -> None:
        """Write the ZIP. step: told of how many pictures are done; a ZIP that is up to date is done at once."""
        self._archive = write_archive(store, self.name, self.open_list, step)
        if not self._archive.written:
            step(self.pictures)

    def totals(self) -> MarketplaceTotals:
        files = tuple(f"{FOLDER}/{self.name}/{name}" for name in self._files)
        return MarketplaceTotals(
            self.name, self._products, self.pictures, files, self._codes, self._writer.problems, self._archive
        )


def _fill(drafts: Sequence[_Draft], shop: _Shop, progress: Progress) -> None:
    """Write everything into the drafts, SKU by SKU; pictures go up on the way."""
    by_name = {draft.name: draft for draft in drafts}
    skus = shop.catalog.uploads.skus
    with progress.bar("manifests", len(skus)) as step:
        for listings in in_order(shop.listings, skus, shop.threads):
            for name, listing in listings.items():
                by_name[name].add(listing)
            step(1)
    for draft in drafts:
        draft.close()


def _compared(store: CatalogStore, drafts: Sequence[_Draft], frozen: AbstractSet[str], folder: Path) -> ChangeLog:
    """What will have changed, also for marketplaces that get nothing any more."""
    changes = ChangeLog(store, folder / "changes.csv")
    for draft in drafts:
        with draft.open_list() as file:
            changes.compare(draft.name, file)
    for name in sorted(set(store.children(FOLDER)) - {draft.name for draft in drafts} - frozen):
        changes.compare(name, None)
    return changes


def _listed_addresses(store: CatalogStore, name: str) -> list[str]:
    """The addresses in the manifests that a marketplace has. StoreError if they cannot be read."""
    try:
        return [listed.url for listed in stored_pictures(store, name)]
    except BrokenListError as error:
        message = f"Nothing is removed from the publish target: the list of {name} is damaged ({error})."
        raise StoreError(
            "broken_record", message, "Mend the marketplace's rules file, so that it is made anew."
        ) from error


def _remove_stale(store: CatalogStore, totals: Sequence[MarketplaceTotals], frozen: AbstractSet[str]) -> int:
    """Remove from the manifests' folder what was not written now; how many files that were."""
    due = {key for one in totals for key in (*one.files, *one.archive.keys)}
    listed = (entry.key for entry in store.list(f"{FOLDER}/"))
    stale = [key for key in listed if key not in due and key.split("/")[1] not in frozen]
    store.delete_many(stale)
    return len(stale)
