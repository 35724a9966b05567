"""Masks that wait for a person: what there is to choose from, and how the choice gets into the store."""

from __future__ import annotations

import difflib
import getpass
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Literal

from catalog_assets.decisions import Decision, Decisions, remove_decision, write_decision
from catalog_assets.dossier import PRODUCT, in_order
from catalog_assets.records import Record, product_shelf, read_file
from catalog_assets.stages.reviewed import CHOICES, hypotheses_of, looked_at
from resources.imaging.decode import sniff
from resources.imaging.encode import read_grey
from resources.imaging.formats import HEAD_BYTES
from resources.matting.given import MAX_MATTE_BYTES, read_matte, useless
from resources.names import display, same_but_case, sku_name, view_name
from resources.store import CatalogStore
from resources.verdicts import Rejection

_EXTENSIONS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "TIFF": "tif"}
_NEAR = 3


class ReviewError(ValueError):
    """A decision that cannot be taken as it was asked for; the message says what was found and what to do."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One view whose mask waits for a person. hypotheses: names to pick from. sheet: its store key, or ""."""

    sku: str
    view: str
    main: bool
    reason: Rejection
    hypotheses: tuple[str, ...]
    sheet: str
    line: ClassVar[str] = PRODUCT

    @property
    def what(self) -> str:
        """Which of the SKU's masks it is, in words."""
        return f"view {self.view}"

    @property
    def names(self) -> tuple[str, ...]:
        """What NAME in the commands can be."""
        return self.hypotheses


@dataclass(frozen=True, slots=True)
class Subject:
    """A view and its mask, about which something is to be decided."""

    sku: str
    view: str
    mask: Record


# Looking


def waiting(store: CatalogStore, sku: str) -> list[Waiting]:
    """The views of a SKU whose masks wait for a person, the main view first."""
    found = [one for record in product_shelf(store, "mask", sku).records() if (one := waits(record)) is not None]
    return sorted(found, key=lambda one: (not one.main, one.view))


def waits(mask: Record) -> Waiting | None:
    """What a mask's record offers to a person, None if it does not wait for one."""
    if mask.rejection is None or not mask.rejection.is_review:
        return None
    sheet = mask.files[CHOICES].key if CHOICES in mask.files else ""
    main = bool(mask.facts.get("main"))
    return Waiting(mask.sku, mask.name, main, mask.rejection, tuple(hypotheses_of(mask)), sheet)


def waiting_beside(store: CatalogStore) -> Iterator[Waiting]:
    """Views other than the main one that wait: their products went on without them. Reads every mask record."""
    for found in in_order(lambda sku: waiting(store, sku), store.children("assets/product/mask"), store.readers):
        yield from (one for one in found if not one.main)


def commands(one: Waiting, root: str = "") -> list[str]:
    """The commands that decide, ready to be typed but for NAME and FILE. root: named in them unless it is empty."""
    tail = f" --view {shlex.quote(one.view)}" + (f" --root {shlex.quote(root)}" if root else "")
    sku = shlex.quote(one.sku)
    picks = [f"catalog review pick {sku} NAME{tail}"] if one.hypotheses else []
    return [f"catalog review approve {sku}{tail}", *picks, f"catalog review matte {sku} FILE.png{tail}"]


def left_out(store: CatalogStore, decisions: Decisions) -> list[str]:
    """What lies in `reviews/` and decides nothing about a mask, and why, in words."""
    said = list(decisions.notes)
    for sku, view in decisions.places:
        if _of_name(product_shelf(store, "mask", sku).records(), view) is None:
            key = display(decisions.keys(sku, view)[0])
            said.append(f"{key} decides nothing so far: there is no mask of SKU {sku}, view {view}.")
    return said


# Deciding


def approve(store: CatalogStore, sku: str, view: str, by: str, note: str) -> str:
    """Write the decision that a mask is right as it is; the key of its file. Raises ReviewError, StoreError."""
    subject = find(store, sku, view)
    if subject.mask.passed:
        raise ReviewError(f"{_named(subject)}: the mask is accepted already, there is nothing to approve.")
    picture = looked_at(subject.mask, "approve", None)
    problem = useless(read_grey(read_file(store, picture))) if picture else "there is no mask"
    if problem:
        raise ReviewError(
            f"{_named(subject)}: the mask cannot be approved, {problem}. Give one, or take another photo."
        )
    return _write(store, subject, "approve", by, note)


def pick(store: CatalogStore, sku: str, view: str, hypothesis: str, by: str, note: str) -> str:
    """Write the decision for one of the recorded hypotheses; the key of its file. Raises ReviewError, StoreError."""
    subject = find(store, sku, view)
    known = hypotheses_of(subject.mask)
    if hypothesis not in known:
        there = f"recorded are {', '.join(known)}" if known else "none are recorded"
        raise ReviewError(f"{_named(subject)}: no hypothesis {display(hypothesis)!r}; {there}.")
    return _write(store, subject, "pick", by, note, hypothesis=hypothesis)


def give_matte(store: CatalogStore, sku: str, view: str, data: bytes, by: str, note: str) -> str:
    """Put a matte into the store and write the decision for it; the key of its file. Raises ReviewError, StoreError."""
    subject = find(store, sku, view)
    photo = product_shelf(store, "raw_photo", subject.sku).record(subject.view)
    if photo is None or "width" not in photo.facts:
        raise ReviewError(f"{_named(subject)}: no usable photo is on record, run `catalog refresh` first.")
    if len(data) > MAX_MATTE_BYTES:
        raise ReviewError(f"The matte is too large: at most {MAX_MATTE_BYTES >> 20} MB are read.")
    alpha = read_matte(data, (int(photo.facts["height"]), int(photo.facts["width"])))
    if isinstance(alpha, Rejection):
        raise ReviewError(f"{_named(subject)}: the matte cannot be used. {alpha.message} {alpha.hint}")
    problem = useless(alpha)
    if problem:
        raise ReviewError(f"{_named(subject)}: the matte cannot be used, {problem}.")
    extension = _EXTENSIONS[str(sniff(data[:HEAD_BYTES]))]
    return _write(store, subject, "matte", by, note, matte=(extension, data))


def undo(store: CatalogStore, sku: str, view: str) -> tuple[str, str, list[str]]:
    """Take a decision back: SKU, view and the keys that were removed. Raises ReviewError, StoreError."""
    key = sku_name(sku).key
    views = [name for place, name in Decisions(store).places if place == key]
    wanted = view_name(view).key if view else ""
    found = [name for name in views if not wanted or same_but_case(name) == same_but_case(wanted)]
    if not found:
        where = f", view {wanted}" if wanted else ""
        raise ReviewError(f"There is no decision for {display(sku)}{where}, so there is nothing to take back.")
    if len(found) > 1:
        raise ReviewError(f"{key} has decisions for several views: name one with --view ({', '.join(found)}).")
    return key, found[0], remove_decision(store, key, found[0])


def find(store: CatalogStore, sku: str, view: str) -> Subject:
    """The view that is meant: the one named, else the only one that waits, else the main one. Raises ReviewError."""
    key = sku_name(sku).key
    masks = product_shelf(store, "mask", key).records()
    if not masks:
        near = difflib.get_close_matches(key, store.children("assets/product/mask"), n=_NEAR)
        meant = f" Did you mean {' or '.join(near)}?" if near else " Run `catalog refresh` first."
        raise ReviewError(f"No mask of a SKU named {display(sku)} is on record.{meant}")
    if view:
        mask = _of_name(masks, view_name(view).key)
        if mask is None:
            names = ", ".join(mask.name for mask in masks)
            raise ReviewError(f"{key} has no view {display(view)!r} with a mask; there are {names}.")
        return Subject(key, mask.name, mask)
    open_ones = [mask for mask in masks if waits(mask)]
    if len(open_ones) > 1:
        names = ", ".join(mask.name for mask in open_ones)
        raise ReviewError(f"Several views of {key} wait: name one with --view ({names}).")
    mask = next(iter([*open_ones, *(mask for mask in masks if mask.facts.get("main"))]), masks[0])
    return Subject(key, mask.name, mask)


def _of_name(masks: Sequence[Record], view: str) -> Record | None:
    return next((mask for mask in masks if same_but_case(mask.name) == same_but_case(view)), None)


def _named(subject: Subject) -> str:
    return f"{subject.sku}, view {subject.view}"


def _write(
    store: CatalogStore,
    subject: Subject,
    kind: Literal["approve", "pick", "matte"],
    by: str,
    note: str,
    *,
    hypothesis: str | None = None,
    matte: tuple[str, bytes] | None = None,
) -> str:
    """Write a decision, bound to the photo and the mask that lie there now."""
    picture = None if kind == "matte" else looked_at(subject.mask, kind, hypothesis)
    decision = Decision(
        decision=kind,
        hypothesis=hypothesis,
        photo=str(subject.mask.inputs["photo"]),
        mask=picture.sha256 if picture else None,
        by=(by or user_name())[:200],
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        note=note[:2000],
    )
    return write_decision(store, subject.sku, subject.view, decision, matte)


def user_name() -> str:
    """The login name of who types, "" if there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return ""
