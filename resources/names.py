"""SKU and view names out of file names and tables: hostile until they went through here."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

MAX_NAME = 64
MAX_TITLE = 200
_HASH_DIGITS = 8

_KEPT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
# Windows opens a device for these, whatever follows the first dot.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
# Marks that turn the reading direction: with them a title can be made to look like another one.
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class SkuName:
    """A name that is safe as a folder, a partition key and a part of a URL, beside what people call it.

    key: 1 to 64 of [A-Za-z0-9._-]. title: the original name, fit for display (still to be escaped in HTML).
    """

    key: str
    title: str


def sku_name(raw: str) -> SkuName:
    """Safe key and title of a SKU: a name that is safe already is kept, any other becomes slug plus hash.

    raw: a file stem, folder name or table cell, in any script, of any length; percent signs are letters like
    others. The same name in composed and decomposed Unicode gives the same key.
    """
    name = unicodedata.normalize("NFC", raw)
    if is_kept(name):
        return SkuName(key=name, title=name)
    return SkuName(key=slugged(name), title=display(name) or "(no name)")


def view_name(raw: str) -> SkuName:
    """Safe key and title of a view: the same rule as for SKUs."""
    return sku_name(raw)


def is_kept(name: str) -> bool:
    """True if the name can be used as it is: a safe folder name on every system, and a safe partition key.

    Three dots mean a range to Dagster; a leading dash is an option to a program; a trailing dot is dropped
    by Windows, which also reserves some words.
    """
    return (
        _KEPT.fullmatch(name) is not None
        and "..." not in name
        and not name.endswith(".")
        and _DEVICE.fullmatch(name) is None
    )


def slugged(raw: str) -> str:
    """Slug of a name, a dash, and 8 hex digits of the SHA-256 of its NFC form: at most 64 characters."""
    name = unicodedata.normalize("NFC", raw)
    # Lone surrogates stand for file name bytes that are no UTF-8; they must hash, not crash.
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    room = MAX_NAME - _HASH_DIGITS - 1
    return f"{_slug(name)[:room].strip('-') or 'unnamed'}-{digest}"


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(character for character in plain if not unicodedata.combining(character))
    return re.sub(r"[^a-z0-9]+", "-", letters).strip("-")


def same_but_case(name: str) -> str:
    """What two names share that differ only in case (or in the composition of their letters)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def clean_text(text: str) -> str:
    """Text from a stranger as one NFC line: no control or direction marks, white space runs made one blank.

    File name bytes that are no UTF-8 show as U+FFFD. Not escaped: HTML and CSV writers do that themselves.
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    shown = "".join(_shown(character) for character in unicodedata.normalize("NFC", text))
    return " ".join(shown.split())


def display(text: str) -> str:
    """Clean text for a message, log or page: as `clean_text`, cut at 200 characters."""
    shown = clean_text(text)
    return shown if len(shown) <= MAX_TITLE else shown[: MAX_TITLE - 1] + "…"


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs":
        return "\ufffd"
    if category in ("Cc", "Zl", "Zp"):
        return " " if character.isspace() else ""
    return "" if character in _DIRECTION_MARKS else character
