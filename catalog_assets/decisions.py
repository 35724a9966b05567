"""What people decided about masks and finals: small JSON files under `reviews/`, hostile until read here.

About a mask, `reviews/<sku>/<view>.json`:

    {"decision": "approve"}                              the mask is right as it is
    {"decision": "pick", "hypothesis": "grabcut_otsu"}   another of the recorded hypotheses is right
    {"decision": "matte", "matte": "main.png"}           here is a better one; the file lies beside the decision

Optional: photo and mask (first hex digits of the SHA-256 of what was looked at), by, at, note.

About a final, `reviews/<sku>/<campaign>/<view>.<scene>.json`, always with by and note (the reason):

    {"decision": "approve", "picture": SHA-256, "cutout": SHA-256}   this candidate's picture is right, to the last byte
    {"decision": "reject"}                                           no picture of this scene leaves
    {"decision": "rework", "harmonise": false}                       make it anew with more care

Optional: candidate (with approve), picture and cutout (with the others), at; with rework harmonise, plain and grip.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import Field, StrictBool, StrictInt, ValidationError, field_validator

from catalog_assets.records import fingerprint
from catalog_assets.settings import Strict
from resources.matting.given import MAX_MATTE_BYTES
from resources.names import clean_text, display, same_but_case, sku_name, view_name
from resources.scenes.engine import MOST_GRIP
from resources.store import REVIEWS, CatalogStore, Entry, NotFound, StoreError
from resources.verdicts import BAD_DECISION, Rejection

MAX_DECISION_BYTES = 20_000
_HASH = r"^[0-9a-f]{8,64}$"
_SHA256 = r"^[0-9a-f]{64}$"
_CAMPAIGN = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PICTURES = (".png", ".webp", ".tif", ".tiff", ".jpg", ".jpeg")
_NAMED = (
    f"decisions are called {REVIEWS}/<sku>/<view>.json or {REVIEWS}/<sku>/<campaign>/<view>.<scene>.json, "
    "and a matte lies beside its decision."
)


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


class FinalDecision(Strict):
    """One decision file about a final. picture, cutout: SHA-256 of the candidate's picture and of its cut-out.

    candidate: the candidate's record name; without it the picture tells which one. harmonise, plain, grip: with
    "rework", the care that the new candidates are made with; None leaves it to the line.
    """

    decision: Literal["approve", "reject", "rework"]
    candidate: str | None = Field(None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$")
    picture: str | None = Field(None, pattern=_SHA256)
    cutout: str | None = Field(None, pattern=_SHA256)
    by: str = Field(min_length=1, max_length=200)
    note: str = Field(min_length=1, max_length=2000)
    at: str = Field("", max_length=64)
    harmonise: StrictBool | None = None
    plain: StrictBool | None = None
    grip: StrictInt | None = Field(None, ge=0, le=MOST_GRIP)

    @field_validator("by", "note", "at")
    @classmethod
    def _one_line(cls, value: str) -> str:
        return clean_text(value)


@dataclass(frozen=True, slots=True)
class DecidedFinal:
    """A decision about a final as it lies in the store. key: of its file. content: fingerprint of all it says."""

    key: str
    decision: FinalDecision
    content: str


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
        self._finals: dict[str, Entry] = {}
        self._by_view: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._by_final: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
        self._names: dict[tuple[str, str], str] = {}
        self.notes: list[str] = []
        for entry in store.list(f"{REVIEWS}/", on_skip=self._skipped):
            self._add(entry)
        self._without_decision()

    def _skipped(self, key: str, reason: str) -> None:
        self._leave_out(key, f"{reason.replace('_', ' ')}.")

    def _leave_out(self, key: str, why: str) -> None:
        self.notes.append(f"{display(key)} was left out: {why}")

    def _add(self, entry: Entry) -> None:
        parts = entry.key.split("/")
        if any(part.startswith(".") for part in parts):
            return
        if len(parts) == 3:
            self._add_mask(entry, *parts[1:])
        elif len(parts) == 4:
            self._add_final(entry, *parts[1:])
        else:
            self._leave_out(entry.key, _NAMED)

    def _add_mask(self, entry: Entry, folder: str, file: str) -> None:
        self._files[entry.key] = entry
        stem, dot, extension = file.rpartition(".")
        if dot and extension.lower() == "json":
            name = view_name(stem).key
            place = (sku_name(folder).key, same_but_case(name))
            self._by_view[place].append(entry.key)
            self._names.setdefault(place, name)
        elif not file.lower().endswith(_PICTURES):
            self._leave_out(entry.key, "decisions are JSON files, mattes are PNG files.")

    def _add_final(self, entry: Entry, folder: str, campaign: str, file: str) -> None:
        stem, dot, extension = file.rpartition(".")
        if not dot or extension.lower() != "json":
            self._leave_out(entry.key, "decisions about finals are JSON files.")
        elif not _CAMPAIGN.fullmatch(campaign):
            self._leave_out(entry.key, f"no campaign can be called {display(campaign)!r}.")
        else:
            self._finals[entry.key] = entry
            self._by_final[sku_name(folder).key, campaign, same_but_case(stem)].append(entry.key)

    def _without_decision(self) -> None:
        """Say it of pictures that no decision can name: a matte alone decides nothing."""
        deciding = {key.rsplit("/", 1)[0] for keys in self._by_view.values() for key in keys}
        for key in self._files:
            folder = key.rsplit("/", 1)[0]
            if folder not in deciding and key.lower().endswith(_PICTURES):
                self._leave_out(key, "there is no decision file (.json) beside it.")

    @property
    def places(self) -> list[tuple[str, str]]:
        """SKU and view of every decision about a mask, sorted."""
        return sorted((sku, self._names[sku, folded]) for sku, folded in self._by_view)

    @property
    def finals(self) -> list[tuple[str, str, str]]:
        """SKU, campaign and name (as its file is called) of every decision about a final, sorted."""
        return sorted((sku, campaign, _stem(keys[0])) for (sku, campaign, _), keys in self._by_final.items())

    def tokens(self) -> dict[str, dict[str, str]]:
        """Change tokens of the files: equal for two looks if nothing was written, replaced or removed.

        Files about masks by SKU, those about finals by `<sku>/<campaign>`; no SKU has a slash in it.
        """
        deciding = {sku for sku, _ in self._by_view}
        found: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for key, entry in self._files.items():
            sku = sku_name(key.split("/")[1]).key
            if sku in deciding:
                found[sku][key] = entry.token
        for (sku, campaign, _), keys in self._by_final.items():
            found[f"{sku}/{campaign}"].update({key: self._finals[key].token for key in keys})
        return dict(found)

    def keys(self, sku: str, view: str) -> list[str]:
        """The decision files of a view: one, or none; more are a conflict."""
        return list(self._by_view.get((sku, same_but_case(view)), ()))

    def final_keys(self, sku: str, campaign: str, name: str) -> list[str]:
        """The decision files of a final: one, or none; more are a conflict."""
        return list(self._by_final.get((sku, campaign, same_but_case(name)), ()))

    def of(self, sku: str, view: str) -> Decided | Rejection | None:
        """The decision for a view, None if there is none, a Rejection `bad_decision` if it cannot be used.

        Raises StoreError for trouble with the store that may pass.
        """
        return _usable(
            self.keys(sku, view),
            lambda key: self._read_mask(key, view),
            lambda key, what: bad_decision(key, sku, view, what),
        )

    def final(self, sku: str, campaign: str, name: str) -> DecidedFinal | Rejection | None:
        """The decision for a final (name: `<view>.<scene>`), None if there is none, a Rejection `bad_decision` if it
        cannot be used.

        Raises StoreError for trouble with the store that may pass.
        """
        return _usable(
            self.final_keys(sku, campaign, name),
            self._read_final,
            lambda key, what: bad_final_decision(key, sku, campaign, name, what),
        )

    def _read_mask(self, key: str, view: str) -> Decided:
        decision = parse_decision(self._bytes(self._files[key]))
        matte = self._matte(key, decision.matte or f"{view}.png") if decision.decision == "matte" else b""
        parts: dict[str, Any] = decision.model_dump()
        if matte:
            parts["matte"] = hashlib.sha256(matte).hexdigest()
        return Decided(key, decision, fingerprint(parts), matte)

    def _read_final(self, key: str) -> DecidedFinal:
        decision = parse_final_decision(self._bytes(self._finals[key]))
        return DecidedFinal(key, decision, fingerprint(decision.model_dump()))

    def _bytes(self, entry: Entry) -> bytes:
        if entry.size > MAX_DECISION_BYTES:
            raise _UnusableError(f"it has {entry.size} bytes, at most {MAX_DECISION_BYTES} are read")
        return self._store.read(entry.key)

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


_D = TypeVar("_D", Decided, DecidedFinal)
_M = TypeVar("_M", Decision, FinalDecision)


def _usable(
    keys: list[str], read: Callable[[str], _D], refuse: Callable[[str, str], Rejection]
) -> _D | Rejection | None:
    """What the only one of these files says; refuse: makes the rejection from a key and what is wrong."""
    if not keys:
        return None
    if len(keys) > 1:
        return refuse(keys[0], f"there are {len(keys)} of them for the same thing: {', '.join(map(display, keys))}")
    try:
        return read(keys[0])
    except _UnusableError as error:
        return refuse(keys[0], str(error))
    except NotFound:
        return None  # taken back since it was listed
    except StoreError as error:
        if error.retryable:
            raise
        return refuse(keys[0], error.message)


def _stem(key: str) -> str:
    return key.rsplit("/", 1)[1].rpartition(".")[0]


def parse_decision(data: bytes) -> Decision:
    """Check a decision about a mask. Raises ValueError; its message is a part of a sentence that says what is wrong."""
    decision = _parsed(data, Decision)
    _check_fields(decision)
    return decision


def parse_final_decision(data: bytes) -> FinalDecision:
    """Check a decision about a final. Raises ValueError, as `parse_decision` does."""
    decision = _parsed(data, FinalDecision)
    _check_final_fields(decision)
    return decision


def _parsed(data: bytes, model: type[_M]) -> _M:
    try:
        content = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique)
    except _UnusableError:
        raise
    except (ValueError, RecursionError) as error:
        raise _UnusableError(f"it is not valid JSON ({display(str(error))})") from None
    if not isinstance(content, dict):
        raise _UnusableError('it must hold names and values, like {"decision": "approve"}')
    try:
        return model.model_validate(content)
    except ValidationError as error:
        known = ", ".join(model.model_fields)
        raise _UnusableError("; ".join(_say(problem, known) for problem in error.errors()[:3])) from None


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


_APPROVAL_NEEDS = ("picture", "cutout")
_CARE = ("harmonise", "plain", "grip")


def _check_final_fields(decision: FinalDecision) -> None:
    """An approval is bound to bytes; nobody decides without a name and a reason; nothing is said to no effect."""
    kind = decision.decision
    for name in ("by", "note"):
        if not getattr(decision, name):
            raise _UnusableError(f'"{name}" is empty')
    if kind == "approve":
        for name in _APPROVAL_NEEDS:
            if getattr(decision, name) is None:
                raise _UnusableError(f'"{name}" is missing: the SHA-256 of what is approved')
    elif decision.candidate is not None:
        raise _UnusableError(f'"candidate" belongs to "approve", but the decision is "{kind}"')
    for name in _CARE:
        if kind != "rework" and getattr(decision, name) is not None:
            raise _UnusableError(f'"{name}" belongs to "rework", but the decision is "{kind}"')


def _say(problem: Mapping[str, Any], known: str) -> str:
    where = display(".".join(str(part) for part in problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f'"{where}" is not known; known are {known}'
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


def bad_final_decision(key: str, sku: str, campaign: str, name: str, what: str) -> Rejection:
    """A decision about a final that cannot be used: the final waits for a person, as with `bad_decision`."""
    view, _, scene = name.rpartition(".")
    return Rejection(
        code=BAD_DECISION,
        message=f"The decision {display(key)} cannot be used: {what}.",
        hint="Mend it, decide anew, or take it back with "
        f"`catalog review undo {sku} --campaign {campaign} --view {view} --scene {scene}`.",
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


def write_final_decision(store: CatalogStore, sku: str, campaign: str, name: str, decision: FinalDecision) -> str:
    """Put a decision about a final into the store, in one piece; the key of its file. What it replaces is removed.

    Raises StoreError.
    """
    key = f"{REVIEWS}/{sku}/{campaign}/{name}.json"
    store.delete_many(sorted(set(Decisions(store).final_keys(sku, campaign, name)) - {key}))
    said = {field: value for field, value in decision.model_dump().items() if value not in (None, "")}
    store.write_json(key, said)
    return key


def remove_final_decision(store: CatalogStore, sku: str, campaign: str, name: str) -> list[str]:
    """Take a decision about a final back; the keys that were removed, none if there was none. Raises StoreError."""
    keys = Decisions(store).final_keys(sku, campaign, name)
    store.delete_many(keys)
    return keys


def _own_mattes(store: CatalogStore, decisions: Decisions, sku: str, view: str) -> set[str]:
    """The matte a view's decision names, if its name is the one that `write_picture` gives to these bytes."""
    decided = decisions.of(sku, view)
    if not isinstance(decided, Decided) or not decided.matte or not decided.decision.matte:
        return set()
    name = decided.decision.matte
    folder = decided.key.rsplit("/", 1)[0]
    ours = f"{view}-{hashlib.sha256(decided.matte).hexdigest()[:16]}"
    return {f"{folder}/{name}"} if name.rsplit(".", 1)[0] == ours else set()
