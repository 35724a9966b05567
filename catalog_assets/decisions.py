"""What people decided about masks: one small JSON file a view, `reviews/<sku>/<view>.json`, hostile until read here.

    {"decision": "approve"}                              the mask is right as it is
    {"decision": "pick", "hypothesis": "grabcut_otsu"}   another of the recorded hypotheses is right
    {"decision": "matte", "matte": "main.png"}           here is a better one; the file lies beside the decision

Optional: photo and mask (first hex digits of the SHA-256 of what was looked at), by, at, note.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from catalog_assets.records import fingerprint
from catalog_assets.settings import Strict
from resources.matting.given import MAX_MATTE_BYTES
from resources.names import clean_text, display, same_but_case, sku_name, view_name
from resources.store import REVIEWS, CatalogStore, Entry, NotFound, StoreError
from resources.verdicts import BAD_DECISION, Rejection

MAX_DECISION_BYTES = 20_000
_HASH = r"^[0-9a-f]{8,64}$"
_PICTURES = (".png", ".webp", ".tif", ".tiff", ".jpg", ".jpeg")


class Decision(Strict):
    """One decision file. photo, mask: first hex digits of the SHA-256 of the photo and the mask it was made for."""

    decision: Literal["approve", "pick", "matte"]
    hypothesis: str | None = Field(None, pattern=r"^[a-z0-9_]{1,64}$")
    matte: str | None = Field(None, min_length=1, max_length=255)
    photo: str | None = Field(None, pattern=_HASH)
    mask: str | None = Field(None, pattern=_HASH)
    by: str = Field("", max_length=200)
    at: str = Field("", max_length=64)
    note: str = Field("", max_length=2000)

    @field_validator("by", "at", "note")
    @classmethod
    def _one_line(cls, value: str) -> str:
        return clean_text(value)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it lies in the store. key: of its file. content: fingerprint of everything it says.

    matte: bytes of the file it names, b"" if it names none.
    """

    key: str
    decision: Decision
    content: str
    matte: bytes = b""


class Decisions:
    """Everything in the folder `reviews/`, listed once; the files are read when they are asked for.

    notes: what lies there and is no decision, and why, in words.
    """

    def __init__(self, store: CatalogStore) -> None:
        self._store = store
        self._files: dict[str, Entry] = {}
        self._by_view: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._names: dict[tuple[str, str], str] = {}
        self.notes: list[str] = []
        for entry in store.list(f"{REVIEWS}/", on_skip=self._skipped):
            self._add(entry)
        self._without_decision()

    def _skipped(self, key: str, reason: str) -> None:
        self.notes.append(f"{display(key)} was left out: {reason.replace('_', ' ')}.")

    def _add(self, entry: Entry) -> None:
        parts = entry.key.split("/")
        if any(part.startswith(".") for part in parts):
            return
        if len(parts) != 3:
            self.notes.append(
                f"{display(entry.key)} was left out: decisions are called {REVIEWS}/<sku>/<view>.json, "
                "and a matte lies beside its decision."
            )
            return
        self._files[entry.key] = entry
        stem, dot, extension = parts[2].rpartition(".")
        if dot and extension.lower() == "json":
            name = view_name(stem).key
            place = (sku_name(parts[1]).key, same_but_case(name))
            self._by_view[place].append(entry.key)
            self._names.setdefault(place, name)
        elif not parts[2].lower().endswith(_PICTURES):
            self.notes.append(f"{display(entry.key)} was left out: decisions are JSON files, mattes are PNG files.")

    def _without_decision(self) -> None:
        """Say it of pictures that no decision can name: a matte alone decides nothing."""
        deciding = {key.rsplit("/", 1)[0] for keys in self._by_view.values() for key in keys}
        for key in self._files:
            folder = key.rsplit("/", 1)[0]
            if folder not in deciding and key.lower().endswith(_PICTURES):
                self.notes.append(f"{display(key)} was left out: there is no decision file (.json) beside it.")

    @property
    def places(self) -> list[tuple[str, str]]:
        """SKU and view of every decision, sorted."""
        return sorted((sku, self._names[sku, folded]) for sku, folded in self._by_view)

    def tokens(self) -> dict[str, dict[str, str]]:
        """Change tokens of the files by SKU: equal for two looks if nothing was written, replaced or removed."""
        deciding = {sku for sku, _ in self._by_view}
        found: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for key, entry in self._files.items():
            sku = sku_name(key.split("/")[1]).key
            if sku in deciding:
                found[sku][key] = entry.token
        return dict(found)

    def keys(self, sku: str, view: str) -> list[str]:
        """The decision files of a view: one, or none; more are a conflict."""
        return list(self._by_view.get((sku, same_but_case(view)), ()))

    def of(self, sku: str, view: str) -> Decided | Rejection | None:
        """The decision for a view, None if there is none, a Rejection `bad_decision` if it cannot be used.

        Raises StoreError for trouble with the store that may pass.
        """
        keys = self.keys(sku, view)
        if not keys:
            return None
        if len(keys) > 1:
            names = ", ".join(map(display, keys))
            return bad_decision(keys[0], sku, view, f"there are {len(keys)} of them for this view: {names}")
        try:
            return self._read(keys[0], view)
        except _UnusableError as error:
            return bad_decision(keys[0], sku, view, str(error))
        except NotFound:
            return None  # taken back since it was listed
        except StoreError as error:
            if error.retryable:
                raise
            return bad_decision(keys[0], sku, view, error.message)

    def _read(self, key: str, view: str) -> Decided:
        size = self._files[key].size
        if size > MAX_DECISION_BYTES:
            raise _UnusableError(f"it has {size} bytes, at most {MAX_DECISION_BYTES} are read")
        decision = parse_decision(self._store.read(key))
        matte = self._matte(key, decision.matte or f"{view}.png") if decision.decision == "matte" else b""
        parts: dict[str, Any] = decision.model_dump()
        if matte:
            parts["matte"] = hashlib.sha256(matte).hexdigest()
        return Decided(key, decision, fingerprint(parts), matte)

    def _matte(self, key: str, name: str) -> bytes:
        """The file of that name in the decision's own folder: whatever else a name may mean, it is not listed there."""
        wanted = f"{key.rsplit('/', 1)[0]}/{name}"
        entry = self._files.get(wanted)
        if entry is None:
            raise _UnusableError(f"there is no file {display(name)!r} beside it")
        if entry.size > MAX_MATTE_BYTES:
            raise _UnusableError(f"the matte has {entry.size / 2**20:.0f} MB, at most {MAX_MATTE_BYTES >> 20} are read")
        try:
            return self._store.read(wanted)
        except NotFound:
            raise _UnusableError(f"there is no file {display(name)!r} beside it") from None


class _UnusableError(ValueError):
    """Why a decision cannot be used, as a part of a sentence."""


def parse_decision(data: bytes) -> Decision:
    """Check a decision file. Raises ValueError; its message is a part of a sentence that says what is wrong."""
    try:
        content = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique)
    except _UnusableError:
        raise
    except (ValueError, RecursionError) as error:
        raise _UnusableError(f"it is not valid JSON ({display(str(error))})") from None
    if not isinstance(content, dict):
        raise _UnusableError('it must hold names and values, like {"decision": "approve"}')
    try:
        decision = Decision.model_validate(content)
    except ValidationError as error:
        raise _UnusableError("; ".join(_say(problem) for problem in error.errors()[:3])) from None
    _check_fields(decision)
    return decision


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _UnusableError(f"{display(name)!r} is written twice")
        found[name] = value
    return found


def _check_fields(decision: Decision) -> None:
    """Each kind of decision names what it needs, and nothing that it would not read."""
    kind = decision.decision
    if kind == "pick" and not decision.hypothesis:
        raise _UnusableError('"hypothesis" is missing: which one is picked?')
    if kind != "pick" and decision.hypothesis is not None:
        raise _UnusableError(f'"hypothesis" belongs to "pick", but the decision is "{kind}"')
    if kind != "matte" and decision.matte is not None:
        raise _UnusableError(f'"matte" belongs to the decision "matte", but the decision is "{kind}"')


def _say(problem: Mapping[str, Any]) -> str:
    where = display(".".join(str(part) for part in problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f'"{where}" is not known; known are {", ".join(Decision.model_fields)}'
    if problem["type"] == "missing":
        return f'"{where}" is missing'
    return f'"{where}": {problem["msg"]}, found {display(repr(problem.get("input"))[:80])}'


def bad_decision(key: str, sku: str, view: str, what: str) -> Rejection:
    """A decision that cannot be used: the view waits for a person until the file is mended or removed."""
    return Rejection(
        code=BAD_DECISION,
        message=f"The decision {display(key)} cannot be used: {what}.",
        hint=f"Mend it, decide anew, or take it back with `catalog review undo {sku} --view {view}`.",
    )


def write_decision(
    store: CatalogStore, sku: str, view: str, decision: Decision, matte: tuple[str, bytes] | None
) -> str:
    """Put a decision, and the matte it brings (file extension, bytes), into the store; the key of its file.

    The file is written last, in one piece, after the matte it names. What it replaces is removed. Raises StoreError.
    """
    folder = f"{REVIEWS}/{sku}"
    key = f"{folder}/{view}.json"
    before = Decisions(store)
    replaced = set(before.keys(sku, view)) - {key}
    old_mattes = _own_mattes(store, before, sku, view)
    if matte is not None:
        matte_key = store.write_picture(folder, view, *matte)
        old_mattes -= {matte_key}
        decision = decision.model_copy(update={"matte": matte_key.rsplit("/", 1)[1]})
    store.delete_many(sorted(replaced))  # first: where names in other case are the same file, it would go with them
    store.write_json(key, {name: value for name, value in decision.model_dump().items() if value})
    store.delete_many(sorted(old_mattes))
    return key


def remove_decision(store: CatalogStore, sku: str, view: str) -> list[str]:
    """Take a view's decision back; the keys that were removed, none if there was no decision. Raises StoreError.

    A matte that `write_decision` put there goes with it; one that somebody else put there stays.
    """
    found = Decisions(store)
    keys = found.keys(sku, view)
    mattes = sorted(_own_mattes(store, found, sku, view))
    store.delete_many([*keys, *mattes])
    return [*keys, *mattes]


def _own_mattes(store: CatalogStore, decisions: Decisions, sku: str, view: str) -> set[str]:
    """The matte a view's decision names, if its name is the one that `write_picture` gives to these bytes."""
    decided = decisions.of(sku, view)
    if not isinstance(decided, Decided) or not decided.matte or not decided.decision.matte:
        return set()
    name = decided.decision.matte
    folder = decided.key.rsplit("/", 1)[0]
    ours = f"{view}-{hashlib.sha256(decided.matte).hexdigest()[:16]}"
    return {f"{folder}/{name}"} if name.rsplit(".", 1)[0] == ours else set()
