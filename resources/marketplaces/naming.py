"""File names of exported pictures, as each marketplace wants them: deterministic, and safe on every system."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from resources.gtin import gtin14, is_gtin
from resources.marketplaces.rules import MarketplaceRules, Slot

_GTIN_COLUMNS = ("gtin", "ean", "upc")
_ASIN = re.compile(r"[A-Z0-9]{10}")
# Whatever a marketplace's own pattern lets through: no folder, no hidden file, nothing that a shell reads.
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,199}")


@dataclass(frozen=True, slots=True)
class ProductNumbers:
    """What a product is called: the shop's SKU, and the numbers of Amazon (ASIN) and of the barcode (GTIN).

    asin, gtin: as the shop wrote them, empty if unknown; what is no such number counts as unknown.
    """

    sku: str
    asin: str = ""
    gtin: str = ""


def product_numbers(sku: str, fields: Mapping[str, str]) -> ProductNumbers:
    """The numbers of a product, from its cells in catalog.csv by column: gtin, else ean, else upc, if it is valid."""
    found = (fields.get(column, "") for column in _GTIN_COLUMNS)
    return ProductNumbers(sku, valid_asin(fields.get("asin", "")), next(filter(is_gtin, found), ""))


def picture_name(
    rules: MarketplaceRules, numbers: ProductNumbers, slot: Slot, index: int, sha256: str, extension: str
) -> str:
    """File name of an exported picture.

    index: 1 for the slot's first picture of this product; `naming.first` is added. sha256: of the picture's bytes.
    extension: without dot. ValueError if no name that follows the rules comes out of it (a number or a SKU too long
    for them).
    """
    if index < 1:
        raise ValueError(f"pictures are numbered from 1, not {index}")
    return numbered_name(rules, numbers, slot, rules.naming.first.get(slot, 1) + index - 1, sha256, extension)


def numbered_name(
    rules: MarketplaceRules, numbers: ProductNumbers, slot: Slot, number: int, sha256: str, extension: str
) -> str:
    """As `picture_name`, with the number that the name shall show."""
    name = template(rules, slot).format(
        id=identifier(rules, numbers), slot=slot, n=number, hash=sha256[:12], ext=extension
    )
    fits = re.fullmatch(rules.naming.pattern, name) and _SAFE.fullmatch(name) and name.endswith(f".{extension}")
    if not fits:
        raise ValueError(f"{rules.title} has no valid name for {slot} picture {number} of {numbers.sku!r}: {name!r}")
    return name


def template(rules: MarketplaceRules, slot: Slot) -> str:
    """The template of a slot's names."""
    found: str = getattr(rules.naming, slot)
    return found


def identifier(rules: MarketplaceRules, numbers: ProductNumbers) -> str:
    """What {id} stands for: the number that the marketplace knows the product by, else the SKU in safe characters.

    A SKU that had to be changed ends in a short hash of itself, so that no two become one.
    """
    kind = rules.naming.id
    if kind == "handle":
        return shop_handle(numbers.sku)
    if kind == "asin_or_sku":
        return valid_asin(numbers.asin) or _only(r"[^A-Za-z0-9]+", "", numbers.sku)
    if kind == "gtin14_or_sku" and gtin14(numbers.gtin):
        return gtin14(numbers.gtin)
    if kind == "ean_or_sku" and ean13(numbers.gtin):
        return ean13(numbers.gtin)
    return _only(r"[^A-Za-z0-9._-]+|^[._-]+", "_", numbers.sku).lstrip("._-")


def ean13(text: str) -> str:
    """A GTIN as the 13 digits of an EAN; "" if it is none, or a GTIN-14 of a case of several."""
    padded = gtin14(text)
    return padded[1:] if padded.startswith("0") else ""


def valid_asin(text: str) -> str:
    """The ASIN in capitals, or "" if it is none."""
    capitals = text.strip().upper()
    return capitals if _ASIN.fullmatch(capitals) else ""


def shop_handle(sku: str) -> str:
    """A storefront handle for a SKU: lower-case letters, digits and dashes.

    Two SKUs never share one, unless they differ only in case.
    """
    handle = re.sub(r"[^a-z0-9]+", "-", sku.lower()).strip("-")
    return handle if handle == sku.lower() else f"{handle or 'product'}-{short_hash(sku)}"


def short_hash(text: str) -> str:
    """8 hex digits of the text's SHA-256; lone surrogates hash too."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _only(others: str, replacement: str, sku: str) -> str:
    """The SKU without other characters; with a short hash if that changed it."""
    kept = re.sub(others, replacement, sku)
    return kept if kept == sku else f"{kept}{replacement}{short_hash(sku)}"
