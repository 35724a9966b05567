"""What a marketplace is to show of a product: which pictures, in which order, under which names and addresses.

Every manifest, list of pictures and archive is written from this one list, so they never disagree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from posixpath import basename, splitext
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from resources.marketplaces.naming import ProductNumbers, numbered_name, product_numbers, template
from resources.marketplaces.provenance import SourceType
from resources.marketplaces.rules import SLOTS, ManifestKind, MarketplaceRules, Slot
from resources.names import display

# RFC 3986: unreserved and reserved characters, and the percent sign of encoded ones.
_ADDRESS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_EXTENSIONS = frozenset({"jpg", "jpeg", "png", "webp", "gif", "tif", "tiff", "bmp"})
_PORTS = {"http": 80, "https": 443}
# Columns of bulk-upload files that hold addresses; a limit of theirs is one of each address.
_URL_COLUMNS = (
    "Product image URL",
    "Image Src",
    "image_link",
    "additional_image_link",
    "lifestyle_image_link",
    "main_image_url",
    "other_image_url",
    "mainImageUrl",
    "productSecondaryImageURL",
)


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One exported picture. path: below `exports/`, with slashes. bytes, width, height: of the file, sides in pixels.

    scene: empty for pictures on white. view: the photo that it shows. source_type: IPTC code inside the file.
    """

    slot: Slot
    campaign: str
    scene: str
    view: str
    path: str
    sha256: str
    bytes: int
    source_type: SourceType
    width: int
    height: int

    @property
    def extension(self) -> str:
        """Of the file, lower case, without dot."""
        return _extension(self.path)


@dataclass(frozen=True, slots=True)
class ExportedProduct:
    """One product of one marketplace: its row of catalog.csv and its pictures.

    fields: text cells by column name, as the shop wrote them. files: the most important first within each slot.
    """

    sku: str
    title: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    files: tuple[ExportedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedPicture:
    """A picture with its place in the listing (1 is first), its file name there, and its public address."""

    file: ExportedFile
    position: int
    upload_name: str
    url: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An exported picture that is not listed. code: stable, for filters; message: what was found and what to do."""

    sku: str
    slot: Slot
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """The pictures of one product at one marketplace in their order, and what could not be listed."""

    pictures: tuple[ListedPicture, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def main(self) -> ListedPicture | None:
        """The main picture; None if there is none to list."""
        return next((picture for picture in self.pictures if picture.file.slot == "main"), None)

    @property
    def others(self) -> tuple[ListedPicture, ...]:
        """All pictures but the main one, in order."""
        return tuple(picture for picture in self.pictures if picture.file.slot != "main")


class Fault(NamedTuple):
    """Why a picture is not listed: stable code and words."""

    code: str
    message: str


class _Columns(NamedTuple):
    """How many pictures a file holds beside the main one, and how many scenes in columns of their own."""

    others: int
    lifestyle: int = 0


# Only what the file formats themselves fix; other numbers are rules, and a shop may know better ones.
# Amazon: other_image_url1 to 8. Google: ten additional_image_link and one lifestyle_image_link. eBay: 24 in all.
_COLUMNS: dict[ManifestKind, _Columns] = {
    "amazon_csv": _Columns(8),
    "amazon_json": _Columns(8),
    "google_tsv": _Columns(10, 1),
    "ebay_csv": _Columns(23),
}


def gallery(product: ExportedProduct, rules: MarketplaceRules, url_of: Callable[[ExportedFile], str]) -> Gallery:
    """What the marketplace is to show of a product: main picture first, then other views, then scenes.

    Within a slot the order of `product.files` is kept. Names are numbered anew over all campaigns; slots whose names
    differ in nothing but the number are counted on, so that no two pictures share a name. The last ones go where there
    are too many. url_of: the public address of a file.
    """
    listing = _Listing(rules, product_numbers(product.sku, product.fields))
    left_out = []
    for slot in SLOTS:
        for file in (file for file in product.files if file.slot == slot):
            fault = listing.add(file, url_of)
            if fault is not None:
                name = display(basename(file.path))
                left_out.append(LeftOut(product.sku, slot, fault.code, f"{name} ({slot}): {fault.message}"))
    return Gallery(tuple(listing.pictures), tuple(left_out))


def url_problem(rules: MarketplaceRules, url: str) -> str:
    """Why the marketplace refuses an address of a picture, and what to do; "" if it takes it.

    The address is not repeated: it may hold a signature or a password.
    """
    fault = _url_fault(rules, url)
    return fault.message if fault is not None else ""


def image_url(base: str, path: str) -> str:
    """Address of an exported file: the base, a slash, and the path percent-encoded (RFC 3986, ASCII only)."""
    return f"{base.rstrip('/')}/{quote(path, safe='/-._~')}"


class _Listing:
    """The listing of one product while it is put together."""

    def __init__(self, rules: MarketplaceRules, numbers: ProductNumbers) -> None:
        self.rules = rules
        self.numbers = numbers
        self.pictures: list[ListedPicture] = []
        self._of_slot: Counter[Slot] = Counter()
        self._content: set[str] = set()
        self._urls: set[str] = set()
        self._next = _first_numbers(rules)

    def add(self, file: ExportedFile, url_of: Callable[[ExportedFile], str]) -> Fault | None:
        """List a picture, or say why not."""
        fault = self._unwanted(file) or self._no_room(file.slot)
        if fault is not None:
            return fault
        url = url_of(file)
        fault = _url_fault(self.rules, url)
        if fault is not None:
            return fault
        if url in self._urls:
            return Fault("same_address", "another picture of this product has the same address; give each its own.")
        series = _series(self.rules, file.slot)
        try:
            name = numbered_name(self.rules, self.numbers, file.slot, self._next[series], file.sha256, file.extension)
        except ValueError as error:
            return Fault("no_valid_name", f"{error}. Rename the SKU, or give the product's number in catalog.csv.")
        self.pictures.append(ListedPicture(file, len(self.pictures) + 1, name, url))
        self._of_slot[file.slot] += 1
        self._content.add(file.sha256)
        self._urls.add(url)
        self._next[series] += 1
        return None

    def _unwanted(self, file: ExportedFile) -> Fault | None:
        allowed = self.rules.slot(file.slot).allowed
        if not allowed.value:
            return Fault("slot_not_allowed", f"{self.rules.title} takes no {file.slot} pictures: {allowed.reason}")
        if file.sha256 in self._content:
            return Fault("same_picture", "the same picture is listed already; upload another view or change the scene.")
        return None

    def _no_room(self, slot: Slot) -> Fault | None:
        """The first limit that one more picture of this slot would break."""
        for what, limit in self._limits(slot):
            if limit <= 0:
                return Fault("too_many_pictures", f"{what}; the more important ones were kept.")
        return None

    def _limits(self, slot: Slot) -> Iterator[tuple[str, int]]:
        """Each limit in words, and how many more pictures of this slot it leaves."""
        title, counts = self.rules.title, self._of_slot
        most = 1 if slot == "main" else self.rules.slot(slot).count.max
        if most is not None:
            pictures = "picture" if most == 1 else "pictures"
            yield f"{title} takes at most {most} {slot} {pictures} of a product", most - counts[slot]
        most = self.rules.listing.max_pictures
        if most is not None:
            yield f"{title} takes at most {most} pictures of a product", most - len(self.pictures)
        if slot != "main":
            for kind in self.rules.feed.manifests:
                if kind in _COLUMNS:
                    columns = _COLUMNS[kind]
                    yield f"{title}'s file ({kind}) has no column for more pictures", _free(columns, slot, counts)


def _free(columns: _Columns, slot: Slot, counts: Mapping[Slot, int]) -> int:
    """How many more pictures of a slot the columns hold."""
    own = columns.lifestyle - counts["lifestyle"]
    shared = columns.others - counts["additional"] - max(0, -own)
    return shared + max(0, own) if slot == "lifestyle" else shared


def _series(rules: MarketplaceRules, slot: Slot) -> str:
    """What names of a slot have in common; slots that share it must share one count."""
    return template(rules, slot).format(id="", slot=slot, n=0, hash="", ext="")


def _first_numbers(rules: MarketplaceRules) -> dict[str, int]:
    """The first number of each series of names: that of its first slot."""
    first: dict[str, int] = {}
    for slot in SLOTS:
        first.setdefault(_series(rules, slot), rules.naming.first.get(slot, 1))
    return first


def _extension(path: str) -> str:
    """What follows the last dot of the file's name, lower case; "" if there is none."""
    return splitext(path)[1][1:].lower()


def _url_fault(rules: MarketplaceRules, url: str) -> Fault | None:
    return next(_url_faults(rules, url), None)


def _url_faults(rules: MarketplaceRules, url: str) -> Iterator[Fault]:
    """What is wrong with an address, the gravest first."""
    title, wanted = rules.title, rules.urls
    if not url:
        yield Fault("no_address", "it has no public address; publish the pictures, or set image_base_url.")
        return
    if not _ADDRESS.fullmatch(url):
        yield Fault("url_characters", "the address holds characters that belong percent-encoded; mend image_base_url.")
        return
    origin, path = _split_origin(url)
    yield from _origin_faults(origin, title, wanted.https_only, wanted.ports)
    if "#" in url or ("?" in url and not wanted.query_allowed):
        yield Fault("url_query", f"{title} takes no address with ? or #; serve pictures by plain, unsigned addresses.")
    most = min(filter(None, (wanted.max_chars, *map(rules.feed.limits.get, _URL_COLUMNS))), default=len(url))
    if len(url) > most:
        words = f"the address has {len(url)} characters, {title} takes {most}; shorten image_base_url."
        yield Fault("url_too_long", words)
    if _extension(path) not in _EXTENSIONS:
        yield Fault(
            "url_extension", "the address does not end like a picture (.jpg); serve files under their own names."
        )


def _split_origin(url: str) -> tuple[str, str]:
    """Scheme, host and port of an address, and its path without query and fragment."""
    end = next((at for at in (url.find(sign, url.find("//") + 2) for sign in "/?#") if at >= 0), len(url))
    path = re.split(r"[?#]", url[end:], maxsplit=1)[0]
    return url[:end], path


# All addresses of a shop begin alike.
@lru_cache(maxsize=256)
def _origin_faults(origin: str, title: str, https_only: bool, ports: tuple[int, ...]) -> tuple[Fault, ...]:
    """What is wrong with the beginning of an address, the gravest first."""
    try:
        parts = urlsplit(origin)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return (Fault("url_unusable", "the address cannot be read; mend image_base_url."),)
    faults = []
    if parts.scheme not in _PORTS or not parts.hostname:
        words = "the address does not start with https:// and a host; mend image_base_url."
        faults.append(Fault("url_unusable", words))
    if https_only and parts.scheme != "https":
        words = f"{title} fetches pictures over https only; serve them so, mend image_base_url."
        faults.append(Fault("url_not_https", words))
    if "@" in parts.netloc:
        words = "the address holds a user name or password; serve the pictures without."
        faults.append(Fault("url_credentials", words))
    if ports and port not in ports:
        named = ", ".join(map(str, ports))
        words = f"the address names port {port}, {title} fetches from {named}; serve pictures there."
        faults.append(Fault("url_port", words))
    return tuple(faults)
