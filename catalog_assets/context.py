"""What the stages of one run share: store, settings, engines, inputs, and a small cache of pictures."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from catalog_assets.decisions import Decisions
from catalog_assets.records import DamagedError, FileRef, Record, fingerprint, read_file, remove_damaged
from catalog_assets.settings import Settings
from catalog_assets.stage import RefusedError
from resources.budget import Budget
from resources.captions import cached_caption
from resources.engines import CutOuts, Engines
from resources.imaging.correction import Correction, apply
from resources.imaging.decode import Photo, decode_photo
from resources.imaging.encode import read_rgb, read_rgba
from resources.ledger import Ledger
from resources.products import Products, load_products
from resources.scenes.breaker import Breakers
from resources.scenes.prompts import described
from resources.store import CatalogStore, StoreError
from resources.uploads import SkuUploads, UploadIndex, is_as_listed, scan_uploads
from resources.verdicts import Rejection

log = logging.getLogger("catalog.context")

T = TypeVar("T")
Pixels = NDArray[np.uint8]

# A photo of 9 Mpx and its cut-out: what a SKU hands from stage to stage. A thread never needs more.
CACHE_BYTES_A_THREAD = 64 * 1024 * 1024

# So few SKUs may all lose their uploads at once without anybody being asked.
UPLOADS_MAY_VANISH = 10

# While many SKUs lose their uploads the folder is listed no more often than this.
_LISTING_LASTS_S = 5.0

# Decoding takes 10 to 20 bytes a pixel for a moment (a WebP most): one photo of 100 Mpx, or several of the usual 12.
DECODING_PIXELS = 100_000_000


def insist_on_uploads(store: CatalogStore, uploads: UploadIndex) -> None:
    """Raise StoreError if the upload folder is empty although the catalog has SKUs: it is not mounted, or was moved.

    A SKU whose upload is gone is retired and its exports go, so this mistake would empty the shop.
    """
    if uploads.skus:
        return
    known = len(store.children("assets/product/raw_photo"))
    if known > UPLOADS_MAY_VANISH:
        raise StoreError(
            "uploads_vanished",
            f"The upload folder holds no photos, but this catalog has {known} SKUs.",
            "Put the folder back, or mount it. To retire products, remove their photos, not the whole folder.",
        )


class UploadListing:
    """What lies in the upload folder: listed once a run, and again where it turns out that it has changed since."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._index: UploadIndex | None = None
        self._listed_at = 0.0

    @property
    def index(self) -> UploadIndex:
        """The last listing; the first one is made when it is asked for."""
        with self._lock:
            return self._index or self._list()

    def of(self, sku: str) -> SkuUploads | None:
        """What is uploaded of a SKU at this moment, None if nothing is. Raises StoreError."""
        index = self.index
        found = index.skus.get(sku)
        if found is not None and is_as_listed(self._store, found):
            return found
        with self._lock:
            # Another thread may have listed meanwhile; a photo that is missing needs no listing of its own.
            lately = found is None and time.monotonic() - self._listed_at < _LISTING_LASTS_S
            if self._index is index and not lately:
                index = self._list()
                insist_on_uploads(self._store, index)
            return (self._index or index).skus.get(sku)

    def _list(self) -> UploadIndex:
        self._listed_at = time.monotonic()
        self._index = scan_uploads(self._store)
        return self._index


class PictureCache:
    """The pictures last used, bounded in bytes: hands a photo on from stage to stage without decoding it again."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._items: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, load: Callable[[], T], size: Callable[[T], int]) -> T:
        """The picture under a key, loaded if it is not at hand. Pictures larger than the cache are not kept."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return self._items[key][0]
        picture = load()
        with self._lock:
            if key not in self._items and size(picture) <= self._max_bytes:
                self._items[key] = (picture, size(picture))
                self._bytes += size(picture)
            while self._bytes > self._max_bytes:
                self._bytes -= self._items.popitem(last=False)[1][1]
        return picture


class DecodingBudget:
    """Keeps the pixels that are being decoded at once within bounds: large photos wait for each other."""

    def __init__(self, max_pixels: int = DECODING_PIXELS) -> None:
        self._max = max_pixels
        self._used = 0
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """Wait until so many pixels fit, and hold them. A photo beyond the whole budget gets it alone."""
        wanted = min(pixels, self._max)
        with self._changed:
            self._changed.wait_for(lambda: self._used + wanted <= self._max)
            self._used += wanted
        try:
            yield
        finally:
            with self._changed:
                self._used -= wanted
                self._changed.notify_all()


@dataclass
class RunContext:
    """Everything a stage may use. force: make again what is up to date. retry: make a new attempt.

    period: the campaign's rotation period that this run belongs to, '' without rotation. run: its id, for the books.
    halted: lines for which nothing new may be made in this run, and why. looks_again: see `looking`.
    To be closed at the end: that settles what was spent.
    """

    store: CatalogStore
    settings: Settings
    engines: Engines
    force: bool = False
    retry: bool = False
    period: str = ""
    run: str = field(default_factory=lambda: uuid4().hex)
    halted: dict[str, Rejection] = field(default_factory=dict)
    looks_again: bool = False
    decoding: DecodingBudget = field(default_factory=DecodingBudget)
    breakers: Breakers = field(default_factory=Breakers)
    _budgets: dict[str, Budget] = field(default_factory=dict)
    _uploads: UploadListing = field(init=False)
    _pictures: PictureCache = field(init=False)
    _locks: defaultdict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    _locks_guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._uploads = UploadListing(self.store)
        self._pictures = PictureCache(self.threads * CACHE_BYTES_A_THREAD)

    @property
    def threads(self) -> int:
        """How many SKUs are worked on at once: as catalog.yaml says, else as many as suit the profile of engines."""
        return self.settings.threads or self.engines.threads()

    @property
    def uploads(self) -> UploadIndex:
        """What lies in the upload folder, as it was last listed."""
        return self._uploads.index

    def upload_of(self, sku: str) -> SkuUploads | None:
        """What is uploaded of a SKU at this moment, however long ago the folder was listed."""
        return self._uploads.of(sku)

    def looking(self) -> RunContext:
        """The same run, in which nothing is made that is up to date: for another look at what was just made."""
        other = copy(self)
        other.force = other.retry = False
        other.looks_again = True
        return other

    @cached_property
    def products(self) -> Products:
        """catalog.csv, read once a run."""
        return load_products(self.store)

    @cached_property
    def decisions(self) -> Decisions:
        """What people decided about masks, listed once a run."""
        return Decisions(self.store)

    @cached_property
    def cut_outs(self) -> CutOuts:
        """Who cuts out, with the catalog's own weights if it has any; looked up once a run."""
        return self.engines.cut_outs(self.store)

    @cached_property
    def ledger(self) -> Ledger:
        """What every attempt of this run cost."""
        return Ledger(self.store, self.run)

    def budget(self, campaign: str, limit_usd: float) -> Budget:
        """What a campaign may still spend, one for all threads of the run."""
        with self._locks_guard:
            if campaign not in self._budgets:
                self._budgets[campaign] = Budget(self.store, campaign, limit_usd, self.run)
            return self._budgets[campaign]

    def close(self) -> None:
        """Settle what was spent, and write what the ledger holds. Nothing may be made after that.

        Trouble with the ledger is said, and costs no SKU its outcome.
        """
        for budget in self._budgets.values():
            budget.close()
        try:
            self.ledger.close()
        except StoreError as error:
            log.error("What some products cost could not be written, and is missing from the ledger: %s", error)

    def description(self, cutout: Record) -> str:
        """What a product is, in a few words of whatever origin: as catalog.csv says, else as a net sees its cut-out.

        "" if nobody knows.
        """
        said = described(self.products.get(cutout.sku))
        captioner = None if said else self.engines.captioner()
        if captioner is None:
            return said
        sha256 = cutout.files["cutout"].sha256
        with self.alone(f"caption {sha256}"):
            return cached_caption(
                self.store, sha256, captioner.identity, lambda: captioner.caption(self.rgba(cutout.files["cutout"]))
            )

    def insist_on_health(self, line: str) -> None:
        """Raise RefusedError if this line was stopped. To be called before an engine is."""
        if line in self.halted:
            raise RefusedError(self.halted[line])

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Let one thread at a time work on the same thing: equal photos are computed once."""
        with self._locks_guard:
            lock = self._locks[key]
        with lock:
            yield

    def read(self, ref: FileRef) -> bytes:
        """The bytes of a stored file. Raises VanishedError if it is missing, DamagedError if its bytes changed since.

        A damaged one is taken away: whoever looks for it next makes it again.
        """
        try:
            return read_file(self.store, ref)
        except DamagedError as error:
            log.error("%s", error.message)
            if remove_damaged(self.store, ref):
                error.hint = "It was taken away: run the SKU again with `catalog refresh`, and it is made again."
            raise

    def photo(self, record: Record) -> Photo:
        """The normalised and corrected photo of a raw_photo record. Raises as `read`."""
        ref = record.files["photo"]
        limits = self.settings.photo.limits()
        correction = Correction.from_facts(record.facts.get("correction", {}))

        def load() -> Photo:
            width, height = record.facts["source_size"]
            with self.decoding.reserve(width * height):
                photo = decode_photo(self.read(ref), limits)
            if isinstance(photo, Rejection):
                raise ValueError(f"{ref.key}: {photo.message}")
            return replace(photo, rgb=apply(photo.rgb, correction)) if correction.changes else photo

        return self._pictures.get(self._photo_key(record), load, _photo_bytes)

    def remember_photo(self, record: Record, photo: Photo) -> None:
        """Hand a photo that was just decoded and corrected on to the next stage."""
        self._pictures.get(self._photo_key(record), lambda: photo, _photo_bytes)

    def _photo_key(self, record: Record) -> str:
        correction = fingerprint(record.facts.get("correction", {}))
        return f"photo {record.files['photo'].sha256} {self.settings.photo.limits()} {correction}"

    def rgba(self, ref: FileRef) -> Pixels:
        """A stored cut-out: HxWx4 uint8, straight alpha. Raises as `read`."""
        return self._pictures.get(f"rgba {ref.sha256}", lambda: read_rgba(self.read(ref)), _bytes)

    def rgb(self, ref: FileRef) -> Pixels:
        """A stored candidate: HxWx3 uint8. Raises as `read`."""
        return self._pictures.get(f"rgb {ref.sha256}", lambda: read_rgb(self.read(ref)), _bytes)

    def remember_rgb(self, ref: FileRef, rgb: Pixels) -> None:
        """Hand a picture that was just stored without loss on to the next stage."""
        self._pictures.get(f"rgb {ref.sha256}", lambda: rgb, _bytes)


def _bytes(pixels: Pixels) -> int:
    return int(pixels.nbytes)


def _photo_bytes(photo: Photo) -> int:
    return int(photo.rgb.nbytes) + (int(photo.alpha.nbytes) if photo.alpha is not None else 0)
