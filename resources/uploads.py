"""What lies in the shop's drop folder: SKUs and their views, from one listing, without opening pictures."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from resources.imaging.formats import DECODED, HEAD_BYTES, IMAGE_LIKE_EXTENSIONS, sniff
from resources.names import SkuName, display, same_but_case, sku_name, slugged, view_name
from resources.store import (
    BAD_KEY,
    BROKEN_LINK,
    LINK_LOOP,
    LINK_OUTSIDE,
    NOT_A_FILE,
    UNREADABLE,
    UPLOADS,
    CatalogStore,
    Entry,
    StoreError,
)
from resources.verdicts import Rejection

MAIN_VIEW = "main"
MAIN_VIEW_NAMES = ("main", "front", "hero", "1")
MAX_UPLOAD_BYTES = 256 * 1024 * 1024
_EXTENSION = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,11}")

_SKIP_MESSAGES = {
    LINK_OUTSIDE: "a link that leads out of the catalog folder; it is not followed",
    BROKEN_LINK: "a link to something that is not there",
    LINK_LOOP: "a link to a folder that it lies in",
    NOT_A_FILE: "not a regular file",
    UNREADABLE: "cannot be read; the account that runs the catalog has no access to it",
    BAD_KEY: "a name with an empty, '.' or '..' part",
}


@dataclass(frozen=True, slots=True)
class UploadNote:
    """Something in the drop folder that was left out, and why. path is fit for display, below `uploads/`."""

    code: str
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class UploadedView:
    """One photo of a SKU as it lies in the store.

    view: safe name. title: as the shop wrote it. key, size, token: of the file (if several files are this
    view, key and size of the first, the tokens of all). problem: why the view cannot be used, or None.
    """

    view: str
    title: str
    key: str
    size: int
    token: str
    problem: Rejection | None = None


@dataclass(frozen=True, slots=True)
class SkuUploads:
    """The photos of one SKU, views sorted by name. problems: why the whole SKU cannot be used, else empty."""

    sku: str
    title: str
    views: tuple[UploadedView, ...]
    problems: tuple[Rejection, ...] = ()

    def tokens(self) -> dict[str, str]:
        """View to change token: equal for two scans if nothing was uploaded, replaced or removed."""
        return {view.view: view.token for view in self.views}


@dataclass(frozen=True, slots=True)
class UploadIndex:
    """Everything in the drop folder: SKUs by safe name (sorted), and notes on what was left out.

    sniffed_tokens: what opening files without a known extension told; hand it to the next scan, which then
    opens only new ones.
    """

    skus: dict[str, SkuUploads]
    notes: tuple[UploadNote, ...]
    sniffed_tokens: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _File:
    entry: Entry
    path: str
    view: str


def scan_uploads(store: CatalogStore, previous_tokens: Mapping[str, str] | None = None) -> UploadIndex:
    """SKUs and views from one listing of `uploads/`; files without a known extension are sniffed.

    `uploads/<sku>.<ext>` is the view `main`, `uploads/<sku>/<view>.<ext>` another; names are made safe.
    What is no photo is left out with a note; what means to be a photo but cannot be used carries a problem.
    previous_tokens: `sniffed_tokens` of an earlier scan.
    """
    scan = _Scan(store, previous_tokens or {})
    by_sku: dict[str, list[_File]] = defaultdict(list)
    for entry in store.list(UPLOADS, on_skip=scan.skipped):
        for sku, file in scan.photo(entry):
            by_sku[sku].append(file)
    skus = _resolve_skus(by_sku)
    return UploadIndex(skus, scan.all_notes(), scan.sniffed)


def is_as_listed(store: CatalogStore, upload: SkuUploads) -> bool:
    """True if every usable photo of a SKU still is what the listing found; views that came since are not seen.

    One look at each photo, none is opened. Raises StoreError.
    """
    for view in upload.views:
        if view.problem is None:
            entry = store.stat(view.key)
            if entry is None or not view.token.endswith(f" {entry.token}"):
                return False
    return True


def main_view(views: Iterable[str], wanted: str | None) -> str | None:
    """Name of the main view: the wanted one, else main, front, hero or 1, else the first in sorted order.

    wanted: as catalog.csv has it, or None. None if there are no views. See `wanted_view_missing`.
    """
    names = sorted(views)
    by_name = {same_but_case(name): name for name in reversed(names)}
    preferred = ([view_name(wanted).key] if wanted else []) + list(MAIN_VIEW_NAMES)
    for name in preferred:
        if same_but_case(name) in by_name:
            return by_name[same_but_case(name)]
    return names[0] if names else None


def wanted_view_missing(views: Iterable[str], wanted: str | None) -> str:
    """What to say aloud if catalog.csv names a main view that was not uploaded, else ""."""
    if not wanted:
        return ""
    names = sorted(views)
    if same_but_case(view_name(wanted).key) in map(same_but_case, names):
        return ""
    return (
        f"catalog.csv names {display(wanted)!r} as the main view, but the uploaded views are "
        f"{', '.join(names) or 'none'}; {main_view(names, None)} is used as the main view."
    )


class _Scan:
    """One pass over the listing: decides for each file whether it is a photo, and collects notes."""

    def __init__(self, store: CatalogStore, previous: Mapping[str, str]) -> None:
        self._store = store
        self._previous = previous
        self._notes: list[UploadNote] = []
        self._folders: dict[tuple[str, str], int] = {}
        self.sniffed: dict[str, str] = {}

    def skipped(self, key: str, reason: str) -> None:
        path = key.removeprefix(f"{UPLOADS}/")
        self._note(reason, path, f"{display(path)} was left out: {_SKIP_MESSAGES[reason]}.")

    def photo(self, entry: Entry) -> Iterator[tuple[str, _File]]:
        """The SKU name (NFC) and the file, if this is a photo; else nothing, and a note."""
        path = entry.key.removeprefix(f"{UPLOADS}/")
        parts = path.split("/")
        hidden = next((i for i, part in enumerate(parts) if _is_hidden(part)), None)
        if hidden is not None:
            self._left_out("hidden_file", parts, hidden)
        elif len(parts) > 2:
            self._left_out("nested_too_deep", parts, 2)
        elif self._is_photo(entry, parts[-1]):
            stem = _stem(parts[-1])
            sku, view = (stem, MAIN_VIEW) if len(parts) == 1 else (parts[0], stem)
            # Composed and decomposed spellings of a name are the same name.
            yield unicodedata.normalize("NFC", sku), _File(entry, path, view)
        else:
            self._note("not_a_photo", path, f"{display(path)} was left out: it is not a photo.")

    def all_notes(self) -> tuple[UploadNote, ...]:
        """Notes in the order of their paths; a hidden or too deep folder gets one, however much is in it."""
        folders = [
            UploadNote(code, display(path), _folder_message(code, path, count))
            for (code, path), count in self._folders.items()
        ]
        return tuple(sorted(self._notes + folders, key=lambda note: (note.path, note.code)))

    def _left_out(self, code: str, parts: list[str], at: int) -> None:
        """Note a file below (or at) a part that rules it out, once per folder."""
        path = "/".join(parts[: at + 1]) if code == "hidden_file" else "/".join(parts[:at]) + "/"
        self._folders[(code, path)] = self._folders.get((code, path), 0) + 1

    def _note(self, code: str, path: str, message: str) -> None:
        self._notes.append(UploadNote(code, display(path), message))

    def _is_photo(self, entry: Entry, name: str) -> bool:
        if _extension(name).lower() in IMAGE_LIKE_EXTENSIONS:
            return True
        yes, no = f"photo {entry.token}", f"other {entry.token}"
        known = self._previous.get(entry.key)
        if known not in (yes, no):
            known = yes if self._has_photo_bytes(entry) else no
        self.sniffed[entry.key] = known
        return known == yes

    def _has_photo_bytes(self, entry: Entry) -> bool:
        if entry.size == 0:
            return False
        try:
            return sniff(self._store.head(entry.key, HEAD_BYTES)) in DECODED
        except StoreError as error:
            if error.retryable:
                raise
            return False  # removed since the listing, or closed to us


def _is_hidden(part: str) -> bool:
    """True for `.name`. Two dots at the start are no convention for hiding, just an odd name."""
    return part.startswith(".") and not part.startswith("..")


def _extension(name: str) -> str:
    """Extension with its dot, "" if what follows the last dot does not look like one (`12.5cm bowl`)."""
    stem, dot, extension = name.rpartition(".")
    known = f".{extension.lower()}" in IMAGE_LIKE_EXTENSIONS
    return dot + extension if stem and (known or _EXTENSION.fullmatch(extension)) else ""


def _stem(name: str) -> str:
    return name.removesuffix(_extension(name))


def _folder_message(code: str, path: str, count: int) -> str:
    if code == "hidden_file":
        return f"{display(path)} was left out: its name begins with a dot, which hides it ({_files(count)})."
    return (
        f"{display(path)} holds {_files(count)} too deep; "
        "photos go into uploads/<sku>.<ext> or uploads/<sku>/<view>.<ext>."
    )


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _resolve_skus(by_name: Mapping[str, list[_File]]) -> dict[str, SkuUploads]:
    """Give each name its key; of two that differ only in case, the first in sorted order keeps it."""
    firsts: dict[str, str] = {}
    skus: dict[str, SkuUploads] = {}
    for name in sorted(by_name):
        safe = sku_name(name)
        clash = firsts.get(same_but_case(name)) or firsts.get(same_but_case(safe.key))
        problems: tuple[Rejection, ...] = ()
        if clash is not None:
            safe = _other_key(name, skus)
            problems = (_duplicate_name(clash, name),)
        else:
            firsts[same_but_case(name)] = firsts[same_but_case(safe.key)] = name
        skus[safe.key] = SkuUploads(safe.key, safe.title, _views(by_name[name]), problems)
    return dict(sorted(skus.items()))


def _other_key(name: str, taken: Mapping[str, SkuUploads]) -> SkuName:
    key = slugged(name)
    while any(same_but_case(key) == same_but_case(other) for other in taken):
        key = slugged(key)
    return SkuName(key=key, title=display(name))


def _duplicate_name(first: str, second: str) -> Rejection:
    return Rejection(
        code="duplicate_name",
        message=f"The SKU names {display(first)!r} and {display(second)!r} differ only in case, "
        f"so only {display(first)!r} is used.",
        hint="Rename one of them, or put its photos into the folder of the other.",
    )


def _views(files: list[_File]) -> tuple[UploadedView, ...]:
    by_view: dict[str, list[_File]] = defaultdict(list)
    for file in sorted(files, key=lambda file: file.path):
        by_view[same_but_case(view_name(file.view).key)].append(file)
    return tuple(sorted((_view(group) for group in by_view.values()), key=lambda view: view.view))


def _view(files: list[_File]) -> UploadedView:
    name = view_name(files[0].view)
    token = " ".join(f"{display(file.path)} {file.entry.token}" for file in files)
    entry = files[0].entry
    problem = _view_problem(files)
    # A key that is no valid Unicode would break what prints or stores it; the problem says why it is useless.
    key = entry.key if _is_unicode(entry.key) else display(entry.key)
    return UploadedView(name.key, name.title, key, entry.size, token, problem)


def _view_problem(files: list[_File]) -> Rejection | None:
    first = files[0]
    if len(files) > 1:
        names = ", ".join(display(file.path) for file in files)
        return Rejection(
            code="duplicate_view",
            message=f"{len(files)} files are the same view: {names}.",
            hint="Keep one of them, and remove or rename the others.",
        )
    if not _is_unicode(first.entry.key):
        return Rejection(
            code="undecodable_name",
            message=f"The file name of {display(first.path)} is not valid Unicode (UTF-8).",
            hint="Rename the file, or upload it again with a tool that writes UTF-8 names.",
        )
    if first.entry.size > MAX_UPLOAD_BYTES:
        return Rejection(
            code="file_too_large",
            message=f"{display(first.path)} is {first.entry.size / 2**20:.0f} MB; "
            f"at most {MAX_UPLOAD_BYTES / 2**20:.0f} MB are read.",
            hint="Save the photo as a JPEG of high quality and upload that.",
        )
    return None


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
