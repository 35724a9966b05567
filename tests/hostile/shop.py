"""A shop whose every name, cell and file tries something, and what browsers and spreadsheets make of the output."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from tests.catalogs import photo_bytes
from tests.pictures import truncated

MARK = "pwn"
"""Every hostile word holds it: where it stands in the output, input stands."""

RIGHT_TO_LEFT = "\u202egnp." + MARK
LONG = f"{MARK} " * 2500  # 10,000 characters, as many as a cell may have

# Photos that go through, under names that a shop could not want.
GOOD = (
    "mug",
    "neighbour",
    "Twin",
    f"<img src=x onerror={MARK}()>",
    f"=cmd|'{MARK}'!A1",
    f"..\\..\\{MARK}",
    f"\u200b{MARK}\u202e\x1b[31m",
    "p\u0430y",  # the a is Cyrillic
)
# Photos that are cut off: they end in the quarantine, under their names.
BAD = (
    f"'\"><svg onload={MARK}()>",
    f"javascript:{MARK}()",
    f"..%2f..%2fetc%2f{MARK}",
    f"%00{MARK}",
    f"C:\\{MARK}",
    f"-{MARK}\t=1+1",
    f"+{MARK}\r\n@SUM(1)",
    RIGHT_TO_LEFT,
    f"\x9b2J\x07{MARK}",
    f"CON.{MARK}",
    "..",
    "x" * 240,
    "pay",
    "twin",
    "cafe\u0301",
    "caf\u00e9",
    f"$(touch {MARK})`{MARK}`",
    f"{{{{{MARK}}}}}{{% {MARK} %}}",
)
VIEWS = (f"<b onclick={MARK}()>", f"{RIGHT_TO_LEFT}")

ROWS = (
    ("mug", f"</title><script>{MARK}()</script>", "kitchen", f"javascript:{MARK}()"),
    ("neighbour", f"A \x1b]0;{MARK}\x07plain\x00 cup\u2028", f"'\" onmouseover={MARK}()", "https://shop.example/n"),
    (f"<img src=x onerror={MARK}()>", f"=HYPERLINK({MARK})", "kitchen", f"https://u:{MARK}@shop.example/"),
    (f"=cmd|'{MARK}'!A1", LONG, "kitchen", ""),
    (f"..\\..\\{MARK}", f"-{MARK}+cmd|' /C calc'!A0", "=1", f"file:///etc/{MARK}"),
    ("p\u0430y", f"\t=1 {RIGHT_TO_LEFT} \uff1d{MARK}", "kitchen", ""),
    ("../../etc/passwd", MARK, "", ""),
    ("/etc/passwd", MARK, "", ""),
    ("C:/x", MARK, "", ""),
    (f"\x00{MARK}", "@x", "", ""),
    (LONG, LONG, LONG, LONG),
)
COLUMNS = ("sku", "title", "category", "link", "brand", "description", "main_view", "handle", f"<i>{MARK}</i>")

CAMPAIGN = f"""
name: evergreen
title: "<script>{MARK}()</script>\\u202e\\e[2J"
scenes: [{{template: grey-sweep, candidates: 1}}]
marketplaces: [shopify, google_merchant]
"""
BROKEN_CAMPAIGN = f'"<b onclick={MARK}()>\\e[31m\\u202e": 1\n'
BROKEN_CAMPAIGN_FILE = f"<b onclick={MARK}()>\x1b[31m\u202e.yaml"


def make_shop(folder: Path) -> Path:
    """The catalog `shop` and the campaigns beside it; the root of the catalog."""
    root, campaigns = folder / "shop", folder / "campaigns"
    uploads = root / "uploads"
    (uploads / "views").mkdir(parents=True)
    campaigns.mkdir()
    for number, name in enumerate(GOOD):
        (uploads / f"{name}.jpg").write_bytes(photo_bytes(number))
    for number, name in enumerate(BAD):
        (uploads / f"{name}.jpg").write_bytes(truncated(photo_bytes(50 + number), 0.4))
    for number, view in enumerate(("main", *VIEWS)):
        (uploads / "views" / f"{view}.jpg").write_bytes(photo_bytes(90 + number))
    Path(os.fsdecode(os.fsencode(uploads) + b"/\xff\xfe" + MARK.encode() + b".jpg")).write_bytes(photo_bytes(99))
    (uploads / f"notes <script>{MARK}()<\x1b[2J.txt").write_text(MARK)
    (uploads / f"link {RIGHT_TO_LEFT}").symlink_to("/etc")
    with (root / "catalog.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for sku, title, category, link in ROWS:
            table.writerow([sku, title, category, link, title, title, title, "=handle", title])
    (root / "catalog.yaml").write_text("scene_size: 500\ncandidates: 1\n")
    reviews = root / "reviews" / f"<b onclick={MARK}()>"
    reviews.mkdir(parents=True)
    (reviews / f"{RIGHT_TO_LEFT}\x1b[2J.json").write_text(f'{{"decision": "<script>{MARK}()\\u202e"}}')
    (reviews / f"=1+{MARK}.exe").write_text(MARK)
    (campaigns / "evergreen.yaml").write_text(CAMPAIGN)
    (campaigns / BROKEN_CAMPAIGN_FILE).write_text(BROKEN_CAMPAIGN)
    (campaigns / "winter.yaml").write_text(
        "name: winter\narchived: true\nscenes: [{template: frost}]\nmarketplaces: [shopify]\n"
    )
    return root


# What a terminal would obey, or what turns the reading direction.
_CONTROL = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_FORMULA = re.compile(r"[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")


def controls(text: str) -> list[str]:
    """Control characters (line feeds apart) and direction marks in a text."""
    return _CONTROL.findall(text)


def formulas(text: str, delimiter: str) -> Iterator[str]:
    """Cells of a table that a spreadsheet would run."""
    for row in csv.reader(text.splitlines(keepends=True), delimiter=delimiter):
        yield from (cell for cell in row if _FORMULA.match(cell.lstrip()))


_ELEMENTS = """
html head meta title style body main header footer nav section article figure figcaption details summary div span p
h1 h2 h3 ul ol li dl dt dd table tr th td a img b i s bdi code strong pre
"""
_ATTRIBUTES = """
lang charset name content http-equiv class id href src alt loading decoding rel tabindex style aria-label aria-current
aria-hidden
"""
_LINK = re.compile(r"(?:\.\./|[a-z0-9_-]+/)*[A-Za-z0-9._%/-]+(?:#[A-Za-z0-9._-]+)?")
_STYLE = re.compile(r"flex: \d+|width:[\d.]+%|margin-top: 1\.[24]rem")


class Page(HTMLParser):
    """A page as a browser reads it. wrong: whatever in it the templates did not put there. words: its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.words = ""
        self._open = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        if tag not in _ELEMENTS.split():
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            if not self._is_ours(name, value or ""):
                self.wrong.append(f"<{tag} {name}={value!r}>")

    def _is_ours(self, name: str, value: str) -> bool:
        if name in ("href", "src"):
            return _LINK.fullmatch(value) is not None
        if name == "style":
            return _STYLE.fullmatch(value) is not None
        return name in _ATTRIBUTES.split() and (
            name == "alt" or MARK not in value or re.fullmatch(r"[\w.-]+", value) is not None
        )

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "style" and MARK in data:
            self.wrong.append(data)
        self.words += data

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"<!--{data}")

    def handle_pi(self, data: str) -> None:
        self.wrong.append(f"<?{data}")
