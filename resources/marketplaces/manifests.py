"""Bulk-upload files: what a marketplace reads to learn which picture belongs to which product.

Titles and descriptions come from a shop's own tables and are hostile until written: every cell loses its
control characters and is neutralised against spreadsheet formulas. Rows are sorted by SKU; the same products
give the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from resources.marketplaces.rules import ManifestKind, MarketplaceRules, Slot

if TYPE_CHECKING:  # it brings cv2, which a manifest does not need
    from resources.marketplaces.render import Rendered

_ASIN = re.compile(r"[A-Z0-9]{10}")
_HANDLE = re.compile(r"[a-z0-9]+(-[a-z0-9]+){0,40}")
# Line ends and tabs become spaces; other control characters, and those that turn the reading direction, go.
_SPACES = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")
# Excel and LibreOffice read these as the start of a formula, Excel the wide forms too.
_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_AMAZON_OTHERS = 8


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One exported picture.

    path: below the folder that image_base_url serves, with slashes. url: its address, if it is served
    elsewhere.
    """

    slot: Slot
    campaign: str
    scene: str
    path: str
    sha256: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class ExportedProduct:
    """One product of one marketplace: its row of catalog.csv and its pictures.

    fields: text cells by column name, as the shop wrote them. files: the most important first within each
    slot.
    """

    sku: str
    title: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    files: tuple[ExportedFile, ...] = ()

    def urls(self, slot: Slot, base: str) -> list[str]:
        """Addresses of a slot's pictures, each once, in order."""
        found = (_address(file, base) for file in self.files if file.slot == slot)
        return list(dict.fromkeys(found))


Row = Sequence[str]
_RowsOf = Callable[[ExportedProduct, MarketplaceRules, str], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class _Table:
    """One file of a manifest: its name, separator, header, and the rows of one product."""

    file: str
    delimiter: str
    header: tuple[str, ...]
    rows: _RowsOf


def write_manifest(
    rules: MarketplaceRules, products: Iterable[ExportedProduct], image_base_url: str
) -> dict[str, bytes]:
    """The bulk-upload files of one marketplace: file name -> UTF-8 bytes.

    products: in any order; those without files get no row. image_base_url: put before each file's path; if
    empty, the columns hold relative paths. ValueError for two products of one SKU. Memory: the size of the
    result.
    """
    tables = _TABLES[rules.manifest]
    blocks: dict[str, list[str]] = {}
    for product in products:
        if product.sku in blocks:
            raise ValueError(f"two products have the SKU {product.sku!r}")
        rows = [list(table.rows(product, rules, image_base_url)) if product.files else [] for table in tables]
        blocks[product.sku] = [_lines(found, table.delimiter) for found, table in zip(rows, tables, strict=True)]
    order = sorted(blocks)
    return {
        table.file: "".join([_lines([table.header], table.delimiter), *(blocks[sku][at] for sku in order)]).encode()
        for at, table in enumerate(tables)
    }


def image_url(base: str, path: str) -> str:
    """Address of an exported file: the base, a slash, and the path percent-encoded (RFC 3986, ASCII only)."""
    encoded = quote(path, safe="/-._~")
    return f"{base.rstrip('/')}/{encoded}" if base else encoded


def _address(file: ExportedFile, base: str) -> str:
    return clean_cell(file.url or image_url(base, file.path))


def export_name(rules: MarketplaceRules, sku: str, slot: Slot, index: int, asin: str, rendered: Rendered) -> str:
    """File name of an exported picture, as the marketplace wants it: deterministic, safe everywhere.

    index: 1 for the slot's first picture of this product. asin: Amazon's number of the product, empty if
    unknown. ValueError if no name that follows the rules comes out of it (a number or a SKU too long for
    them).
    """
    if index < 1:
        raise ValueError(f"pictures are numbered from 1, not {index}")
    naming = rules.naming
    templates: dict[Slot, str] = {
        "main": naming.main,
        "additional": naming.additional,
        "lifestyle": naming.lifestyle,
    }
    name = templates[slot].format(
        id=_identifier(rules, sku, asin),
        slot=slot,
        n=naming.first.get(slot, 1) + index - 1,
        hash=rendered.sha256[:12],
        ext=rendered.extension,
    )
    if not re.fullmatch(naming.pattern, name):
        raise ValueError(f"{rules.title} has no valid name for {slot} picture {index} of {sku!r}: {name!r}")
    return name


def clean_cell(text: str, limit: int | None = None) -> str:
    """A text made safe for a cell: one line, printable, no formula, at most `limit` characters."""
    line = _UNPRINTABLE.sub("", _SPACES.sub(" ", text)).strip()
    if line.startswith(_FORMULA_STARTS):
        line = "'" + line
    return line if limit is None else line[:limit].rstrip()


def shop_handle(sku: str) -> str:
    """A storefront handle for a SKU: lower-case letters, digits and dashes.

    Two SKUs never share one, unless they differ only in case.
    """
    handle = re.sub(r"[^a-z0-9]+", "-", sku.lower()).strip("-")
    return handle if handle == sku.lower() else f"{handle or 'product'}-{_short_hash(sku)}"


def _identifier(rules: MarketplaceRules, sku: str, asin: str) -> str:
    kind = rules.naming.id
    if kind == "handle":
        return shop_handle(sku)
    if kind == "asin_or_sku":
        return _valid_asin(asin) or _only(r"[^A-Za-z0-9]+", "", sku)
    return _only(r"[^A-Za-z0-9._-]+|^[._-]+", "_", sku).lstrip("._-")


def _valid_asin(asin: str) -> str:
    """The ASIN in capitals, or nothing if it is none."""
    capitals = asin.strip().upper()
    return capitals if _ASIN.fullmatch(capitals) else ""


def _only(others: str, replacement: str, sku: str) -> str:
    """The SKU without other characters; with a short hash if that changed it, so that no two become one."""
    kept = re.sub(others, replacement, sku)
    return kept if kept == sku else f"{kept}{replacement}{_short_hash(sku)}"


def _most(rules: MarketplaceRules, slot: Slot) -> int | None:
    """How many pictures of a slot the marketplace takes; None if it names no number."""
    return rules.slot(slot).count.max


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _lines(rows: Iterable[Row], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _fields(product: ExportedProduct, rules: MarketplaceRules, columns: Mapping[str, str]) -> dict[str, str]:
    """Clean cells by the marketplace's column, each from its column in catalog.csv."""
    return {
        column: clean_cell(product.fields.get(source, ""), rules.feed.limits.get(column))
        for column, source in columns.items()
    }


def _fitting(urls: Iterable[str], limit: int | None) -> list[str]:
    """Addresses short enough for the marketplace; a cut address would show nothing."""
    return [url for url in urls if limit is None or len(url) <= limit]


# Shopify. Only what pictures need: columns of variants (SKU, options, price) would ask for all the others of
# that variant, and an empty description or price overwrites the shop's own.
_SHOPIFY_COLUMNS = ("URL handle", "Title", "Product image URL", "Image position", "Image alt text")


def _shopify_rows(product: ExportedProduct, rules: MarketplaceRules, base: str) -> Iterator[Row]:
    """One row a picture; the title stands in the first row only. A handle that the shop has given is kept."""
    limits = rules.feed.limits
    title = clean_cell(product.title or product.sku, limits.get("Title"))
    handle = product.fields.get("handle", "")
    if not _HANDLE.fullmatch(handle):
        handle = shop_handle(product.sku)
    seen: set[str] = set()
    most = _most(rules, "additional")
    ordered = sorted(product.files, key=lambda file: _SLOT_ORDER[file.slot])
    for file in ordered[: None if most is None else most + 1]:
        url = _address(file, base)
        if url in seen or not _fitting([url], limits.get("Product image URL")):
            continue
        position = len(seen) + 1
        seen.add(url)
        alt = title if not file.scene else f"{title}, {file.scene.replace('_', ' ')}"
        alt = clean_cell(alt.removeprefix("'"), limits.get("Image alt text"))
        yield handle, title if position == 1 else "", url, str(position), alt


_SLOT_ORDER: dict[Slot, int] = {"main": 0, "additional": 1, "lifestyle": 2}

# Google Merchant Center: the feed's column, and where catalog.csv has it.
_GOOGLE_FIELDS = {
    "description": "description",
    "link": "link",
    "brand": "brand",
    "gtin": "gtin",
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


def _google_rows(product: ExportedProduct, rules: MarketplaceRules, base: str) -> Iterator[Row]:
    """One row a product. The first scene is the lifestyle picture; further ones follow the other views."""
    limits = rules.feed.limits
    main = _fitting(product.urls("main", base), limits.get("image_link"))
    views = _fitting(product.urls("additional", base), limits.get("additional_image_link"))
    scenes = _fitting(product.urls("lifestyle", base), limits.get("lifestyle_image_link"))
    additional = [url.replace(",", "%2C") for url in views + scenes[1:]]
    cells = _fields(product, rules, _GOOGLE_FIELDS) | {
        "id": _google_id(product.sku, limits.get("id")),
        "title": clean_cell(product.title or product.sku, limits.get("title")),
        "image_link": main[0] if main else "",
        "additional_image_link": ",".join(additional[: _most(rules, "additional")]),
        "lifestyle_image_link": scenes[0] if scenes else "",
    }
    yield [cells[column] for column in _GOOGLE_COLUMNS]


def _google_id(sku: str, limit: int | None) -> str:
    """The SKU, or its beginning with a short hash where it is too long: two products never share an id."""
    cleaned = clean_cell(sku)
    if limit is None or len(cleaned) <= limit:
        return cleaned
    return f"{cleaned[: limit - 9]}-{_short_hash(sku)}"


# Amazon: pictures by address in the inventory template's columns, and a list of names for the bulk uploader.
_AMAZON_COLUMNS = (
    "item_sku",
    "update_delete",
    "main_image_url",
    *(f"other_image_url{number}" for number in range(1, _AMAZON_OTHERS + 1)),
)
_AMAZON_NAME_COLUMNS = ("item_sku", "asin", "position", "file", "upload_as")


def _amazon_rows(product: ExportedProduct, rules: MarketplaceRules, base: str) -> Iterator[Row]:
    """One row a product. PartialUpdate, because a full update empties the columns that are not here."""
    limits = rules.feed.limits
    main = _fitting(product.urls("main", base), limits.get("main_image_url"))
    others = product.urls("additional", base) + product.urls("lifestyle", base)
    others = _fitting(others, limits.get("other_image_url"))[: _most(rules, "additional")][:_AMAZON_OTHERS]
    others += [""] * (_AMAZON_OTHERS - len(others))
    yield clean_cell(product.sku), "PartialUpdate", main[0] if main else "", *others


def _amazon_name_rows(product: ExportedProduct, rules: MarketplaceRules, base: str) -> Iterator[Row]:
    """One row a picture: the name that Amazon's bulk uploader asks for; empty without the product's ASIN."""
    asin = _valid_asin(product.fields.get("asin", ""))
    mains = [file for file in product.files if file.slot == "main"][:1]
    others = sorted((file for file in product.files if file.slot != "main"), key=lambda file: _SLOT_ORDER[file.slot])
    numbered = [("MAIN", file) for file in mains]
    numbered += [(f"PT{number:02}", file) for number, file in enumerate(others[: _most(rules, "additional")], start=1)]
    for variant, file in numbered:
        extension = PurePosixPath(file.path).suffix.lower()
        name = f"{asin}.{variant}{extension}" if asin else ""
        yield clean_cell(product.sku), asin, variant, clean_cell(file.path), name


_TABLES: dict[ManifestKind, tuple[_Table, ...]] = {
    "shopify_csv": (_Table("products.csv", ",", _SHOPIFY_COLUMNS, _shopify_rows),),
    "google_tsv": (_Table("feed.tsv", "\t", _GOOGLE_COLUMNS, _google_rows),),
    "amazon_csv": (
        _Table("listing_images.csv", ",", _AMAZON_COLUMNS, _amazon_rows),
        _Table("image_names.csv", ",", _AMAZON_NAME_COLUMNS, _amazon_name_rows),
    ),
}
