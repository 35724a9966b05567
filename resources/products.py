"""catalog.csv: what the shop knows of its products. Never trusted, never followed, cannot stop the line."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from resources.gtin import is_gtin
from resources.names import clean_text, display, same_but_case, sku_name
from resources.store import CatalogStore, NotFound, StoreError

CATALOG_CSV = "catalog.csv"
MAX_BYTES = 50 * 1024 * 1024
MAX_ROWS = 200_000
MAX_COLUMNS = 200
MAX_CELL = 10_000
# A quoted cell may go over several lines; a quote that is still open after so many was never meant to be one.
_MAX_RECORD_LINES = 200
# One wrong column makes a problem in every row; the first ones tell what is wrong.
_MAX_SAME_PROBLEMS = 50
_MAX_OPEN_QUOTES = 100

POSES = ("standing", "flat", "hanging")
_MIN_HEIGHT_CM, _MAX_HEIGHT_CM = 0.1, 1000.0

_TEXT_FIELDS = (
    "title",
    "category",
    "brand",
    "color",
    "material",
    "main_view",
    "pose",
    "asin",
    "gtin",
    "price",
    "description",
)
_FILE_WORDS = re.compile(
    r"(?:^|_)(?:images?|photos?|pictures?|pics?|files?|filenames?|paths?|urls?|uris?|links?|src|media)(?:_|$)"
)
_PATH_LIKE = re.compile(r"\\|^[~/]|(?:^|/)\.\.(?:/|$)|^[a-z][a-z0-9+.-]*:|%(?:00|2e|2f|5c)", re.IGNORECASE)
# A SKU may hold a colon or a percent sign; an upload of that name can exist. It cannot hold a slash.
_SKU_PATH = re.compile(r"[/\\]|^(?:https?|ftp|file|s3|data|javascript):", re.IGNORECASE)
_PAGE = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?", re.IGNORECASE)
# What a spreadsheet would run. A leading sign alone is no formula: "-rf" is a name, "+ lid" a description.
# No part can match in two ways: a cell of nothing but bars costs no more than another.
_FORMULA = re.compile(r"=|[+\-@]\s*\w[\w.]*\(|[+\-@][^|]*\|[^!]*!", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,6}|,[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Something in catalog.csv that could not be used.

    line: 1-based line of the file where the row begins, 0 for the file as a whole. column: its header, or "".
    """

    line: int
    column: str
    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Product:
    """One row of catalog.csv, validated. Text is "" where the shop said nothing; height_cm is then None.

    sku: safe name, as uploads have it. pose: standing, flat, hanging or "". extra: other columns, as text.
    Texts are clean (one line, no control characters) but not escaped. line: where the row begins, 0 if none.
    """

    sku: str
    title: str = ""
    category: str = ""
    brand: str = ""
    color: str = ""
    material: str = ""
    main_view: str = ""
    height_cm: float | None = None
    pose: str = ""
    asin: str = ""
    gtin: str = ""
    price: str = ""
    description: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    line: int = 0

    def get(self, column: str, default: str = "") -> str:
        """The text of any column, known or extra, or the default where the shop said nothing."""
        if column == "height_cm":
            return default if self.height_cm is None else f"{self.height_cm:g}"
        text = str(getattr(self, column)) if column in _TEXT_FIELDS else self.extra.get(column, "")
        return text or default

    def cells(self) -> dict[str, str]:
        """All that the shop wrote, by column."""
        return {
            **self.extra,
            **{column: self.get(column) for column in (*_TEXT_FIELDS, "height_cm") if self.get(column)},
        }


@dataclass(frozen=True, slots=True)
class Products:
    """All usable rows of catalog.csv by safe SKU name, in the file's order, and what could not be used."""

    rows: dict[str, Product] = field(default_factory=dict)
    problems: tuple[RowProblem, ...] = ()

    def get(self, sku: str) -> Product:
        """The row of a SKU, or an empty product if the shop said nothing of it."""
        return self.rows.get(sku) or Product(sku)


def load_products(store: CatalogStore) -> Products:
    """The products of catalog.csv; no file, no products. What is wrong with it is a problem, not an error.

    UTF-8 (with or without BOM; Windows-1252 is read too, with a problem), separated by comma, semicolon or
    tab, at most 50 MB and 200,000 rows. Only a store that does not answer raises (a retryable StoreError).
    """
    problems = _Problems()
    text = _read_text(store, problems)
    rows = _read_rows(text, problems) if text is not None else {}
    return Products(rows, problems.all())


def rows_without_photos(products: Products, skus: Iterable[str]) -> tuple[RowProblem, ...]:
    """A problem for each row whose SKU was not uploaded; says where only the case of the letters differs."""
    by_case = {same_but_case(sku): sku for sku in skus}
    uploaded = set(by_case.values())
    problems = _Problems()
    for sku, product in products.rows.items():
        if sku in uploaded:
            continue
        near = by_case.get(same_but_case(sku))
        message = f"There is no photo of {sku!r} in uploads" + (f", but one of {near!r}." if near else ".")
        hint = "Write the SKU as in the photo's name." if near else "Upload a photo, or remove the row."
        problems.add(product.line, "sku", "no_photo", message, hint)
    return problems.all()


class _Problems:
    """Collects problems; of many alike keeps the first ones, and counts the rest."""

    def __init__(self) -> None:
        self._kept: list[RowProblem] = []
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, line: int, column: str, code: str, message: str, hint: str) -> None:
        self._counts[(code, column)] += 1
        if self._counts[(code, column)] <= _MAX_SAME_PROBLEMS:
            self._kept.append(RowProblem(line, display(column), code, message, hint))

    def count(self, code: str) -> int:
        return sum(count for (each, _), count in self._counts.items() if each == code)

    def all(self) -> tuple[RowProblem, ...]:
        """In the order of lines; what was only counted comes last."""
        kept = sorted(self._kept, key=lambda problem: problem.line)
        for (code, column), count in sorted(self._counts.items()):
            if count > _MAX_SAME_PROBLEMS:
                more = f"{count - _MAX_SAME_PROBLEMS} more rows have the same problem."
                kept.append(RowProblem(0, display(column), code, more, "See the rows listed before."))
        return tuple(kept)


def _read_text(store: CatalogStore, problems: _Problems) -> str | None:
    try:
        there = store.stat(CATALOG_CSV)
        if there is None:
            return None
        if there.size > MAX_BYTES:
            problems.add(
                0,
                "",
                "file_too_large",
                f"catalog.csv is {there.size / 2**20:.0f} MB; at most {MAX_BYTES / 2**20:.0f} MB are read.",
                "Leave out columns and rows that are not needed.",
            )
            return None
        return _decode(store.read(CATALOG_CSV), problems)
    except NotFound:
        return None
    except StoreError as error:
        if error.retryable:
            raise
        problems.add(0, "", error.code, error.message, error.hint)
        return None


def _decode(data: bytes, problems: _Problems) -> str | None:
    save_as = "Save the table as 'CSV UTF-8'."
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        problems.add(0, "", "not_utf8", "catalog.csv is UTF-16; UTF-8 was expected. No row was read.", save_as)
        return None
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        problems.add(0, "", "not_csv", "catalog.csv is an Excel workbook, not a CSV file.", save_as)
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.add(
            line,
            "",
            "not_utf8",
            f"catalog.csv is not valid UTF-8 (first in line {line}); it was read as Windows-1252, "
            "so some letters may be wrong.",
            save_as,
        )
        # Five bytes mean nothing in Windows-1252; they show as U+FFFD.
        return data.decode("cp1252", errors="replace")


def _read_rows(text: str, problems: _Problems) -> dict[str, Product]:
    lines = list(io.StringIO(text, newline=""))
    delimiter = _delimiter(lines)
    records = _records(lines, delimiter, problems)
    line, header = next(records, (0, []))
    columns = _columns(header, line, problems)
    rows: dict[str, Product] = {}
    if "sku" not in columns:
        return rows
    for count, (line, cells) in enumerate(records):
        if count == MAX_ROWS:
            problems.add(
                line,
                "",
                "too_many_rows",
                f"catalog.csv has more than {MAX_ROWS:,} rows; the rest was not read.",
                "Leave out rows of products that have no photos.",
            )
            break
        product = _product(line, columns, cells, problems)
        if product is not None:
            _add_row(rows, product, problems)
    return _with_numbers_of_their_own(rows, problems)


def _add_row(rows: dict[str, Product], product: Product, problems: _Problems) -> None:
    first = rows.setdefault(product.sku, product)
    if first is not product:
        problems.add(
            product.line,
            "sku",
            "duplicate_sku",
            f"The SKU {product.sku!r} is in line {first.line} already; that line is used, this one is not.",
            "Remove one of the two rows.",
        )


def _with_numbers_of_their_own(rows: Mapping[str, Product], problems: _Problems) -> dict[str, Product]:
    """The rows without numbers that stand in an earlier one: a marketplace knows a product by them.

    Pictures under another product's number would show the wrong thing.
    """
    owners: dict[tuple[str, str], Product] = {}
    kept: dict[str, Product] = {}
    for sku, product in rows.items():
        kept[sku] = product
        for column in ("asin", "gtin"):
            number = product.get(column)
            first = owners.setdefault((column, number.zfill(14)), product) if number else product
            if first is not product:
                kept[sku] = replace(kept[sku], asin="") if column == "asin" else replace(kept[sku], gtin="")
                message = f"{number} is the number of {first.sku!r} in line {first.line} already; it was left out."
                problems.add(product.line, column, f"duplicate_{column}", message, "Give each product its own number.")
    return kept


def _delimiter(lines: Sequence[str]) -> str:
    header = next((line for line in lines if line.strip()), "")
    return max(",;\t", key=header.count)


def _records(lines: Sequence[str], delimiter: str, problems: _Problems) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row that is not blank. A bad quote costs its own row, none after it."""
    at = 0
    while at < len(lines):
        if lines[at].isspace():  # a file can be nothing else: no reader is made for each
            at += 1
            continue
        cells, used = _record(lines, at, delimiter, problems)
        if any(cell.strip() for cell in cells):
            yield at + 1, cells
        at += used


def _record(lines: Sequence[str], at: int, delimiter: str, problems: _Problems) -> tuple[list[str], int]:
    """The cells of the row that begins at a line, and how many lines it takes; no cells if it is unusable."""
    longest = 1 if problems.count("open_quote") >= _MAX_OPEN_QUOTES else _MAX_RECORD_LINES
    reader = csv.reader(lines[at : at + longest], delimiter=delimiter, strict=True)
    try:
        return next(reader, []), reader.line_num
    except csv.Error as error:
        reason = str(error)
    if "field larger than" in reason:
        message = f"A cell has more than {MAX_CELL:,} characters; the row was left out."
        problems.add(at + 1, "", "cell_too_long", message, "Shorten the text.")
    else:
        message = "A quotation mark is not closed, or stands inside a cell; the row was left out."
        hint = 'Inside a cell that is quoted, write a quotation mark twice ("").'
        problems.add(at + 1, "", "open_quote", message, hint)
    return [], 1


def _columns(header: Sequence[str], line: int, problems: _Problems) -> list[str]:
    """Names of the columns in the table's order; "" for those that are not used."""
    if not header:
        problems.add(0, "", "empty_table", "catalog.csv is empty.", "Add a header line, or remove the file.")
        return []
    if len(header) > MAX_COLUMNS:
        message = f"catalog.csv has {len(header)} columns; only the first {MAX_COLUMNS} are read."
        problems.add(line, "", "too_many_columns", message, "Leave out columns that are not needed.")
    columns: list[str] = []
    for cell in header[:MAX_COLUMNS]:
        name = re.sub(r"[\s-]+", "_", display(cell).casefold())
        if name and name in columns:
            message = f"The column {name!r} is there twice; the first one is used."
            problems.add(line, name, "duplicate_column", message, "Remove or rename one of them.")
            name = ""
        columns.append(name)
    if "sku" not in columns:
        found = display(", ".join(filter(None, columns))) or "unnamed"
        message = f"catalog.csv has no column 'sku'; its columns are {found}."
        hint = "The first line must name the columns, separated by commas or semicolons, one of them sku."
        problems.add(line, "sku", "no_sku_column", message, hint)
    return columns


def _product(line: int, columns: Sequence[str], cells: Sequence[str], problems: _Problems) -> Product | None:
    """The validated row, or None if it cannot be used at all."""
    if len(columns) < MAX_COLUMNS and any(cell.strip() for cell in cells[len(columns) :]):
        message = f"The row has {len(cells)} cells, but the table {len(columns)} columns; it was left out."
        hint = "Put cells that hold the separator between quotation marks."
        problems.add(line, "", "ragged_row", message, hint)
        return None
    values = {
        column: _checked_cell(line, column, cell, problems)
        for column, cell in zip(columns, cells, strict=False)
        if column
    }
    sku = values.pop("sku", "")
    if not sku:
        return None
    height = values.pop("height_cm", "")
    known = {name: values.pop(name, "") for name in _TEXT_FIELDS}
    extra = {name: value for name, value in values.items() if value}
    return Product(
        sku=sku_name(sku).key,
        height_cm=float(height.replace(",", ".")) if height else None,
        extra=extra,
        line=line,
        **known,
    )


def _checked_cell(line: int, column: str, cell: str, problems: _Problems) -> str:
    """The cell as clean text, or "" and a problem if it cannot be used."""
    if len(cell) > MAX_CELL:
        message = f"The cell has {len(cell):,} characters, at most {MAX_CELL:,} are read; it was left out."
        problems.add(line, column, "cell_too_long", message, "Shorten the text.")
        return ""
    if "\0" in cell:
        message = "The cell holds NUL characters; they were taken out."
        problems.add(line, column, "control_character", message, "Save the table as 'CSV UTF-8' again.")
    # The SKU must stay what it is in the photo's name; sku_name makes it safe.
    text = cell.strip("\0 \t\r\n") if column == "sku" else clean_text(cell)
    if not text:
        if column == "sku":
            message = "The row names no SKU; it was left out."
            problems.add(line, column, "missing_sku", message, "Write the SKU into the column sku.")
        return ""
    if _FORMULA.match(text):
        message = f"{display(text)!r} is a spreadsheet formula; it was left out."
        problems.add(line, column, "formula_cell", message, "Write the value itself, not a formula.")
        return ""
    if _is_unsafe_path(column, text):
        message = f"{display(text)!r} is a path or an address; it was left out. Nothing is read from there."
        hint = "Put photos into the upload folder, named like the SKU; the table holds plain names only."
        problems.add(line, column, "unsafe_path", message, hint)
        return ""
    check = _CHECKS.get(column)
    return check(line, text, problems) if check else text


def _is_unsafe_path(column: str, text: str) -> bool:
    if column == "sku":
        return _SKU_PATH.search(text) is not None
    if column == "link":  # the product's page in the shop: written into feeds, never opened
        return not _PAGE.fullmatch(text)
    if column == "main_view" or _FILE_WORDS.search(column):
        return _PATH_LIKE.search(text) is not None
    return False


def _height(line: int, text: str, problems: _Problems) -> str:
    if _NUMBER.fullmatch(text) and _MIN_HEIGHT_CM <= float(text.replace(",", ".")) <= _MAX_HEIGHT_CM:
        return text
    message = (
        f"The height is {display(text)!r}; a number of centimetres from {_MIN_HEIGHT_CM:g} to "
        f"{_MAX_HEIGHT_CM:g} was expected. It was left out."
    )
    problems.add(line, "height_cm", "bad_height", message, "Write the number alone, as 12.5.")
    return ""


def _pose(line: int, text: str, problems: _Problems) -> str:
    if text.casefold() in POSES:
        return text.casefold()
    message = f"The pose is {display(text)!r}; {', '.join(POSES)} were expected. It was left out."
    problems.add(line, "pose", "bad_pose", message, "Use one of these words, or leave the cell empty.")
    return ""


def _asin(line: int, text: str, problems: _Problems) -> str:
    if re.fullmatch(r"[A-Z0-9]{10}", text.upper()):
        return text.upper()
    message = f"The ASIN is {display(text)!r}; 10 letters and digits were expected. It was left out."
    problems.add(line, "asin", "bad_asin", message, "Copy the ASIN from the product's page at Amazon.")
    return ""


def _gtin(line: int, text: str, problems: _Problems) -> str:
    digits = re.sub(r"[ -]", "", text)
    if is_gtin(digits):
        return digits
    message = (
        f"The trade item number (GTIN, EAN or UPC) is {display(text)!r}; 8, 12, 13 or 14 digits with a right check "
        "digit were expected. It was left out."
    )
    problems.add(line, "gtin", "bad_gtin", message, "Copy the number below the bar code, as text, with its zeros.")
    return ""


_CHECKS: dict[str, Callable[[int, str, _Problems], str]] = {
    "height_cm": _height,
    "pose": _pose,
    "asin": _asin,
    "gtin": _gtin,
}
