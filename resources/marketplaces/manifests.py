"""Bulk-upload files: what a marketplace reads to learn which picture belongs to which product.

Titles and descriptions come from a shop's own tables and are hostile until written: every cell of a table loses its
control characters and is neutralised against spreadsheet formulas. Rows are sorted by SKU; the same products give the
same bytes.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import splitext
from typing import Any, BinaryIO, NamedTuple, Protocol

from resources.gtin import gtin14
from resources.marketplaces.listing import ExportedProduct, Gallery, ListedPicture
from resources.marketplaces.naming import product_numbers, shop_handle, short_hash, valid_asin
from resources.marketplaces.provenance import AI_SOURCE_TYPES
from resources.marketplaces.rules import ManifestKind, MarketplaceRules
from resources.names import display

PICTURES = "pictures.csv"
PICTURE_COLUMNS = (
    "sku",
    "position",
    "slot",
    "campaign",
    "scene",
    "file",
    "upload_name",
    "url",
    "sha256",
    "bytes",
    "source_type",
    "ai_generated",
)

OpenFile = Callable[[str], BinaryIO]
Row = Sequence[str]

_HANDLE = re.compile(r"[a-z0-9]+(-[a-z0-9]+){0,40}")
_AMAZON_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
_ACCOUNT_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# Line ends and tabs become spaces; other control characters, and those that turn the reading direction, go.
_SPACES = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
# Excel and LibreOffice read these as the start of a formula, Excel the wide forms too.
_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_AMAZON_OTHERS = 8
_NAMED_SKUS = 5


@dataclass(frozen=True, slots=True)
class ManifestProblem:
    """What a file lacks: all of it, or some products. code: stable; message and hint in words for the shop."""

    file: str
    code: str
    message: str
    hint: str


class ManifestWriter:
    """Writes all bulk-upload files of one marketplace, product by product, and `pictures.csv` beside them.

    account: the seller's own values, such as seller_id; they replace those of the rules. open_file: opens a file of
    that name for writing bytes; it is closed here. Memory does not grow with the catalog. A file that the marketplace
    would refuse as a whole is not written, and a product that it would refuse or that would damage the shop's own data
    is left out of that file; both are said in `problems`.
    """

    def __init__(self, rules: MarketplaceRules, account: Mapping[str, str], open_file: OpenFile) -> None:
        self._title = rules.title
        self._names: list[str] = []
        self._last = ""
        self._problems = list(_unread(rules, account))
        self._refused: dict[tuple[str, _Refusal], _Tally] = {}
        known = _Account(rules, {**rules.feed.account, **account})

        def opened(name: str) -> BinaryIO:
            self._names.append(name)
            return open_file(name)

        self._files: list[_File] = [_Table(_PICTURE_LIST, rules, opened)]
        for kind in rules.feed.manifests:
            if kind in _FEEDS:
                self._add_feed(_FEEDS[kind], known, opened)
            else:
                self._files += [_Table(layout, rules, opened) for layout in _TABLES[kind]]

    @property
    def problems(self) -> tuple[ManifestProblem, ...]:
        """Files that could not be written, and products that are missing in some; complete after `close`."""
        refused = (_problem(*key, tally) for key, tally in sorted(self._refused.items()))
        return (*self._problems, *refused)

    def add(self, product: ExportedProduct, gallery: Gallery) -> None:
        """Write one product; without pictures it gets no row. ValueError unless SKUs come in ascending order."""
        if product.sku <= self._last:
            raise ValueError(f"SKUs have to come once each and in order: {product.sku!r} follows {self._last!r}")
        self._last = product.sku
        if not gallery.pictures:
            return
        for file in self._files:
            refusal = file.add(product, gallery)
            if refusal is not None:
                self._refused.setdefault((file.name, refusal), _Tally()).count(product.sku)

    def close(self) -> tuple[str, ...]:
        """Finish and close all files; their names."""
        for file in self._files:
            file.close()
        return tuple(self._names)

    def _add_feed(self, layout: _Feed, account: _Account, opened: OpenFile) -> None:
        """The file, or the problem that the account lacks what it needs."""
        missing = [key for key in layout.needs if not account.get(key)]
        if missing:
            values = ", ".join(f"{key}: ..." for key in missing)
            lacking = " and ".join(missing)
            message = f"{layout.name} was not written: {self._title} refuses it without the account's {lacking}."
            hint = f"Add to catalog.yaml: accounts: {{{account.rules.name}: {{{values}}}}}"
            self._problems.append(ManifestProblem(layout.name, "missing_account", message, hint))
        else:
            self._files.append(_Messages(layout, account, opened))


def clean_cell(text: str, limit: int | None = None) -> str:
    """A text made safe for a cell: one line, printable, no formula, at most `limit` characters."""
    line = _plain(text)
    if line.startswith(_FORMULA_STARTS):
        line = "'" + line
    return line if limit is None else line[:limit].rstrip()


def _plain(text: str) -> str:
    """One printable line."""
    if text.isascii() and text.isprintable():  # nearly all of them
        return text.strip()
    return _UNPRINTABLE.sub("", _SPACES.sub(" ", text)).strip()


class _Refusal(NamedTuple):
    """Why a product is left out of one file. reason: completes "left out, because ..."."""

    code: str
    reason: str
    hint: str


_NO_MAIN = _Refusal(
    "no_main_picture",
    "a row needs a main picture",
    "Export the main picture there too: add the marketplace to the campaign evergreen, or see `catalog status`.",
)
_NO_TITLE = _Refusal(
    "no_title",
    "the import writes the title too, and it is not known",
    "Add the column title to catalog.csv.",
)
_BAD_HANDLE = _Refusal(
    "bad_handle",
    "the handle in catalog.csv is none (lower-case letters and digits, single dashes between them)",
    "Copy the handle from the product's address in the shop.",
)
_SKU_TOO_LONG = _Refusal(
    "sku_too_long",
    "the SKU has more characters than the marketplace's, and cut it would name another product",
    "Rename the photos to the SKU that the marketplace knows.",
)
_BAD_TYPE = _Refusal(
    "bad_product_type",
    "the product type in catalog.csv is none",
    "Copy the type from the marketplace's list into that column, or leave the cell empty.",
)
_NO_TYPE = _Refusal(
    "no_product_type",
    "an item needs its product type",
    "Add the column walmart_product_type to catalog.csv, or product_type to the account in catalog.yaml.",
)
_BAD_ITEM = _Refusal(
    "bad_item_id",
    "the column ebay_item_id in catalog.csv holds no item number",
    "Copy the digits from the listing at eBay, or leave the cell empty.",
)
_NO_GTIN = _Refusal(
    "no_gtin",
    "an item needs a GTIN whose check digit holds",
    "Add the column gtin to catalog.csv: the digits under the product's barcode.",
)


class _Tally:
    """How many products were left out, and the first of them."""

    def __init__(self) -> None:
        self.number = 0
        self.first: list[str] = []

    def count(self, sku: str) -> None:
        self.number += 1
        if len(self.first) < _NAMED_SKUS:
            self.first.append(sku)


def _unread(rules: MarketplaceRules, account: Mapping[str, str]) -> Iterator[ManifestProblem]:
    """Values of the account that no file reads: most likely a slip of the pen."""
    feeds = [_FEEDS[kind] for kind in rules.feed.manifests if kind in _FEEDS]
    known = {*rules.feed.account, *(key for feed in feeds for key in (*feed.needs, *feed.uses))}
    for key in sorted(set(account) - known):
        message = f"accounts: {rules.name}: {display(key)}: no file of {rules.title} reads this value."
        hint = f"Mend its spelling; known are {', '.join(sorted(known))}." if known else "Remove it."
        yield ManifestProblem("catalog.yaml", "unknown_account_value", message, hint)


def _problem(file: str, refusal: _Refusal, tally: _Tally) -> ManifestProblem:
    products = "1 product is" if tally.number == 1 else f"{tally.number} products are"
    named = ", ".join(map(display, tally.first))
    more = f" and {tally.number - len(tally.first)} more" if tally.number > len(tally.first) else ""
    message = f"{products} left out of {file}, because {refusal.reason}: {named}{more}."
    return ManifestProblem(file, refusal.code, message, refusal.hint)


class _File(Protocol):
    """One file while it is written."""

    name: str

    def add(self, product: ExportedProduct, gallery: Gallery) -> _Refusal | None:
        """Write a product, or say why not."""

    def close(self) -> None:
        """Finish the file."""


class _Layout(NamedTuple):
    """A table: its file, separator, header, and the rows of one product."""

    name: str
    delimiter: str
    header: tuple[str, ...]
    rows: Callable[[ExportedProduct, Gallery, MarketplaceRules], Iterable[Row] | _Refusal]


class _Table:
    """A table of text cells (RFC 4180, UTF-8), with its header even where no product has a row."""

    def __init__(self, layout: _Layout, rules: MarketplaceRules, opened: OpenFile) -> None:
        self.name = layout.name
        self._layout = layout
        self._rules = rules
        self._text = io.TextIOWrapper(opened(layout.name), encoding="utf-8", newline="")
        self._table = csv.writer(self._text, delimiter=layout.delimiter, lineterminator="\r\n")
        self._table.writerow(layout.header)

    def add(self, product: ExportedProduct, gallery: Gallery) -> _Refusal | None:
        rows = self._layout.rows(product, gallery, self._rules)
        if isinstance(rows, _Refusal):
            return rows
        self._table.writerows(rows)
        return None

    def close(self) -> None:
        self._text.close()


@dataclass(frozen=True, slots=True)
class _Account:
    """The seller's values at one marketplace; one that cannot be such a value counts as missing."""

    rules: MarketplaceRules
    values: Mapping[str, str]

    def get(self, key: str) -> str:
        value = str(self.values.get(key, "")).strip()
        return value if _ACCOUNT_VALUE.fullmatch(value) else ""


class _Feed(NamedTuple):
    """A JSON file: its name, what it needs of the account, how it begins, and the message of one product.

    uses: what else of the account it reads. most: messages that the marketplace takes in one file; more go into a
    second one, name_2.json.
    """

    name: str
    needs: tuple[str, ...]
    uses: tuple[str, ...]
    most: int
    list_name: str
    header: Callable[[_Account], dict[str, Any]]
    message: Callable[[ExportedProduct, Gallery, _Account, int], dict[str, Any] | _Refusal]


class _Messages:
    """A JSON file that holds one list, an entry a line; not written where there is no entry."""

    def __init__(self, layout: _Feed, account: _Account, opened: OpenFile) -> None:
        self.name = layout.name
        self._layout = layout
        self._account = account
        self._opened = opened
        self._file: BinaryIO | None = None
        self._part = 0
        self._entries = 0

    def add(self, product: ExportedProduct, gallery: Gallery) -> _Refusal | None:
        if self._entries == self._layout.most:
            self.close()
        message = self._layout.message(product, gallery, self._account, self._entries + 1)
        if isinstance(message, _Refusal):
            return message
        self._write(message)
        return None

    def close(self) -> None:
        if self._file is not None:
            self._file.write(b"\n]}\n")
            self._file.close()
            self._file = None
            self._entries = 0

    def _write(self, message: dict[str, Any]) -> None:
        if self._file is None:
            self._part += 1
            stem, dot, extension = self.name.rpartition(".")
            self._file = self._opened(self.name if self._part == 1 else f"{stem}_{self._part}{dot}{extension}")
            header = _json(self._layout.header(self._account))
            self._file.write(header[:-1] + b"," + _json(self._layout.list_name) + b":[\n")
        self._file.write((b",\n" if self._entries else b"") + _json(message))
        self._entries += 1


def _json(value: Any) -> bytes:
    """ASCII, so that no reader can take it for another encoding: what it holds are numbers and addresses."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


# The list of all pictures, with what was recorded of each: an upload can be checked against what was judged.
def _picture_rows(product: ExportedProduct, gallery: Gallery, rules: MarketplaceRules) -> Iterator[Row]:
    for picture in gallery.pictures:
        file = picture.file
        cells = (
            product.sku,
            str(picture.position),
            file.slot,
            file.campaign,
            file.scene,
            file.path,
            picture.upload_name,
            picture.url,
            file.sha256,
            str(file.bytes),
            file.source_type,
            "yes" if file.source_type in AI_SOURCE_TYPES else "no",
        )
        yield [clean_cell(cell) for cell in cells]


_PICTURE_LIST = _Layout(PICTURES, ",", PICTURE_COLUMNS, _picture_rows)


# Shopify. Only what pictures need: columns of variants (SKU, options, price) would ask for all the others of that
# variant, and an empty description or price overwrites the shop's own. The title is required even to update.
_SHOPIFY_COLUMNS = ("URL handle", "Title", "Product image URL", "Image position", "Image alt text")
_SHOPIFY_LEGACY_COLUMNS = ("Handle", "Title", "Image Src", "Image Position", "Image Alt Text")


def _shopify_rows(product: ExportedProduct, gallery: Gallery, rules: MarketplaceRules) -> Iterator[Row] | _Refusal:
    """One row a picture; the title stands in the first row only. The handle is the shop's own, else made of the SKU.

    A title made up here would overwrite the shop's, and a handle that is not the shop's adds a second product.
    """
    title, handle = _plain(product.title), product.fields.get("handle", "").strip() or shop_handle(product.sku)
    if gallery.main is None:
        return _NO_MAIN
    if not title:
        return _NO_TITLE
    if not _HANDLE.fullmatch(handle):
        return _BAD_HANDLE
    return _shopify_cells(handle, title, gallery.pictures, rules.feed.limits)


def _shopify_cells(
    handle: str, title: str, pictures: Sequence[ListedPicture], limits: Mapping[str, int]
) -> Iterator[Row]:
    for picture in pictures:
        scene = picture.file.scene.replace("_", " ")
        alt = clean_cell(f"{title}, {scene}" if scene else title, limits.get("Image alt text", 512))
        first = clean_cell(title, limits.get("Title")) if picture.position == 1 else ""
        yield handle, first, picture.url, str(picture.position), alt


# Google Merchant Center: the feed's column, and where catalog.csv has it.
_GOOGLE_FIELDS = {
    "description": "description",
    "brand": "brand",
    "color": "color",
    "material": "material",
    "product_type": "category",
    "price": "price",
    "availability": "availability",
    "condition": "condition",
}
_GOOGLE_COLUMNS = (
    "id",
    "title",
    "description",
    "link",
    "image_link",
    "additional_image_link",
    "lifestyle_image_link",
    "brand",
    "gtin",
    "color",
    "material",
    "product_type",
    "price",
    "availability",
    "condition",
)


def _google_rows(product: ExportedProduct, gallery: Gallery, rules: MarketplaceRules) -> list[Row] | _Refusal:
    """One row a product. The first scene is the lifestyle picture; further ones follow the other views."""
    if gallery.main is None:
        return _NO_MAIN
    limits, link = rules.feed.limits, clean_cell(product.fields.get("link", ""))
    scene = next((picture for picture in gallery.others if picture.file.slot == "lifestyle"), None)
    cells = {
        column: clean_cell(product.fields.get(source, ""), limits.get(column))
        for column, source in _GOOGLE_FIELDS.items()
    } | {
        # Half an address leads nowhere.
        "link": link if len(link) <= limits.get("link", len(link)) else "",
        "gtin": product_numbers(product.sku, product.fields).gtin,
        "id": _feed_id(product.sku, limits.get("id")),
        "title": clean_cell(product.title or product.sku, limits.get("title")),
        "image_link": gallery.main.url,
        "additional_image_link": _joined((picture for picture in gallery.others if picture is not scene), ","),
        "lifestyle_image_link": scene.url if scene is not None else "",
    }
    return [[cells[column] for column in _GOOGLE_COLUMNS]]


def _feed_id(sku: str, limit: int | None) -> str:
    """The SKU, or its beginning with a short hash where it is too long: two products never share an id."""
    cleaned = clean_cell(sku)
    if limit is None or len(cleaned) <= limit:
        return cleaned
    return f"{cleaned[: limit - 9]}-{short_hash(sku)}"


def _key(product: ExportedProduct, rules: MarketplaceRules, column: str) -> str | _Refusal:
    """The SKU by which the marketplace finds the listing, as it is."""
    sku = _plain(product.sku)
    return sku if len(sku) <= rules.feed.limits.get(column, len(sku)) else _SKU_TOO_LONG


def _joined(pictures: Iterable[ListedPicture], separator: str) -> str:
    """Addresses in one cell; a separator inside one is percent-encoded."""
    encoded = f"%{ord(separator):02X}"
    return separator.join(picture.url.replace(separator, encoded) for picture in pictures)


# Meta and TikTok: the product's key and its pictures, nothing else.
_META_COLUMNS = ("id", "image_link", "additional_image_link")
_TIKTOK_COLUMNS = ("sku_id", "image_link", "additional_image_link")


def _link_rows(product: ExportedProduct, gallery: Gallery, rules: MarketplaceRules) -> list[Row] | _Refusal:
    """One row a product. An update of products that are there already.

    Upload it to Meta with update_only=true: otherwise the file replaces the catalog, and products that it lacks are
    deleted. To TikTok likewise as an update, which keeps the other fields.
    """
    if gallery.main is None:
        return _NO_MAIN
    sku = _feed_id(product.sku, rules.feed.limits.get("id"))
    return [(sku, gallery.main.url, _joined(gallery.others, ","))]


# eBay Seller Hub: revises listings that are there already, found by the shop's SKU or the number of the item.
_EBAY_COLUMNS = ("Action", "ItemID", "CustomLabel", "PicURL")


def _ebay_rows(product: ExportedProduct, gallery: Gallery, rules: MarketplaceRules) -> list[Row] | _Refusal:
    """One row a product: all pictures in one cell, the first is the one that searches show."""
    if gallery.main is None:
        return _NO_MAIN
    item, sku = product.fields.get("ebay_item_id", "").strip(), _key(product, rules, "CustomLabel")
    if isinstance(sku, _Refusal):
        return sku
    if not re.fullmatch(r"[0-9]{0,19}", item):
        return _BAD_ITEM
    return [("Revise", item, clean_cell(sku), _joined(gallery.pictures, "|"))]


# Amazon: pictures by address in the inventory template's columns, and a list of names for the bulk uploader.
_AMAZON_COLUMNS = (
    "item_sku",
    "update_delete",
    "main_image_url",
    *(f"other_image_url{number}" for number in range(1, _AMAZON_OTHERS + 1)),
)
_AMAZON_NAME_COLUMNS = ("item_sku", "asin", "position", "file", "upload_as")


def _amazon_rows(product: ExportedProduct, gallery: Gallery, rules: MarketplaceRules) -> list[Row] | _Refusal:
    """One row a product. PartialUpdate, because a full update empties the columns that are not here.

    An empty cell leaves what the listing has: only the JSON file takes pictures away.
    """
    sku = _key(product, rules, "item_sku")
    if isinstance(sku, _Refusal):
        return sku
    main = gallery.main.url if gallery.main is not None else ""
    others = [picture.url for picture in gallery.others]
    return [(clean_cell(sku), "PartialUpdate", main, *others, *[""] * (_AMAZON_OTHERS - len(others)))]


def _amazon_name_rows(product: ExportedProduct, gallery: Gallery, rules: MarketplaceRules) -> Iterator[Row]:
    """One row a picture: the name that Amazon's bulk uploader asks for; empty without the product's ASIN."""
    asin = valid_asin(product.fields.get("asin", ""))
    for picture in gallery.pictures:
        variant = splitext(splitext(picture.upload_name)[0])[1][1:]
        name = picture.upload_name if asin else ""
        yield clean_cell(product.sku), asin, clean_cell(variant), clean_cell(picture.file.path), name


def _amazon_header(account: _Account) -> dict[str, Any]:
    header = {"sellerId": account.get("seller_id"), "version": "2.0", "issueLocale": account.get("locale") or "en_US"}
    return {"header": header}


def _amazon_message(
    product: ExportedProduct, gallery: Gallery, account: _Account, number: int
) -> dict[str, Any] | _Refusal:
    """JSON_LISTINGS_FEED: whole attributes are replaced.

    Of a product with other pictures than the main one, the file states all eight of them: those beyond the last are
    deleted, else a season's pictures would stay when the season ends. Where the catalog has no other picture, those
    that the shop has put there itself are left alone; a main picture is never deleted.
    """
    sku = _key(product, account.rules, "item_sku")
    if isinstance(sku, _Refusal):
        return sku
    given = _plain(product.fields.get("amazon_product_type", "")).upper()
    product_type = given or account.get("product_type") or "PRODUCT"
    if not _AMAZON_TYPE.fullmatch(product_type):
        return _BAD_TYPE
    return {
        "messageId": number,
        "sku": sku,
        "operationType": "PATCH",
        "productType": product_type,
        "patches": list(_amazon_patches(gallery, account.get("marketplace_id"))),
    }


def _amazon_patches(gallery: Gallery, marketplace: str) -> Iterator[dict[str, Any]]:
    if gallery.main is not None:
        yield _amazon_patch("main_product_image_locator", marketplace, gallery.main.url)
    urls: list[str | None] = [picture.url for picture in gallery.others]
    if urls:
        urls += [None] * (_AMAZON_OTHERS - len(urls))
    for number, url in enumerate(urls, 1):
        yield _amazon_patch(f"other_product_image_locator_{number}", marketplace, url)


def _amazon_patch(attribute: str, marketplace: str, url: str | None) -> dict[str, Any]:
    """url None deletes; the value then says in which marketplace, as a picture has no other selector."""
    value = {"media_location": url, "marketplace_id": marketplace} if url else {"marketplace_id": marketplace}
    return {"op": "replace" if url else "delete", "path": f"/attributes/{attribute}", "value": [value]}


def _walmart_header(account: _Account) -> dict[str, Any]:
    header = {
        "businessUnit": account.get("business_unit") or "WALMART_US",
        "locale": account.get("locale") or "en",
        "version": account.get("version"),
    }
    return {"MPItemFeedHeader": header}


def _walmart_message(
    product: ExportedProduct, gallery: Gallery, account: _Account, number: int
) -> dict[str, Any] | _Refusal:
    """An item in the layout of MP_ITEM, with its pictures alone.

    Submit it with feedType=MP_MAINTENANCE, the partial update that shares this layout and asks for no more than SKU
    and GTIN; MP_ITEM itself sets up new items and asks for all their attributes. What is not there stays as it is.
    """
    given = product.fields.get("walmart_product_type", "") or str(account.values.get("product_type", ""))
    product_type, gtin = _plain(given), product_numbers(product.sku, product.fields).gtin
    sku = _key(product, account.rules, "sku")
    if isinstance(sku, _Refusal):
        return sku
    if gallery.main is None:
        return _NO_MAIN
    if not product_type:
        return _NO_TYPE
    if not gtin:
        return _NO_GTIN
    pictures: dict[str, Any] = {"mainImageUrl": gallery.main.url}
    if gallery.others:
        pictures["productSecondaryImageURL"] = [picture.url for picture in gallery.others]
    return {
        "Orderable": {
            "sku": sku,
            "productIdentifiers": {"productIdType": "GTIN", "productId": gtin14(gtin)},
        },
        "Visible": {product_type: pictures},
    }


_TABLES: dict[ManifestKind, tuple[_Layout, ...]] = {
    "shopify_csv": (_Layout("products.csv", ",", _SHOPIFY_COLUMNS, _shopify_rows),),
    "shopify_legacy_csv": (_Layout("products_legacy.csv", ",", _SHOPIFY_LEGACY_COLUMNS, _shopify_rows),),
    "google_tsv": (_Layout("feed.tsv", "\t", _GOOGLE_COLUMNS, _google_rows),),
    "amazon_csv": (
        _Layout("listing_images.csv", ",", _AMAZON_COLUMNS, _amazon_rows),
        _Layout("image_names.csv", ",", _AMAZON_NAME_COLUMNS, _amazon_name_rows),
    ),
    "ebay_csv": (_Layout("ebay_pictures.csv", ",", _EBAY_COLUMNS, _ebay_rows),),
    "meta_csv": (_Layout("meta_pictures.csv", ",", _META_COLUMNS, _link_rows),),
    "tiktok_csv": (_Layout("tiktok_pictures.csv", ",", _TIKTOK_COLUMNS, _link_rows),),
}
# Amazon: 25,000 messages a file (developer-docs.amazon.com, change of 2025-05-06). Walmart: 10,000 items.
_FEEDS: dict[ManifestKind, _Feed] = {
    "amazon_json": _Feed(
        name="amazon_listings.json",
        needs=("seller_id", "marketplace_id"),
        uses=("product_type", "locale"),
        most=25_000,
        list_name="messages",
        header=_amazon_header,
        message=_amazon_message,
    ),
    "walmart_json": _Feed(
        name="walmart_items.json",
        needs=("version",),
        uses=("product_type", "locale", "business_unit"),
        most=10_000,
        list_name="MPItem",
        header=_walmart_header,
        message=_walmart_message,
    ),
}
