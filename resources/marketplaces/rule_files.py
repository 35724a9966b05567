"""Reads the marketplaces' rules: the shipped files, and a shop's own in the folder that CATALOG_MARKETPLACES names.

Adding a file adds a marketplace; one of the same name replaces the shipped one. So that a file says only what is new:

- `extends: other` starts from another marketplace's file;
- the slot `additional` starts from `main`, and `lifestyle` from `additional`;
- `sources: {page: [addresses]}` names pages once, and a group's `source: [page]` means them.

Fields given replace those inherited. What a group inherited as confirmed by the marketplace's own documentation is not
confirmed any more once a fact in it changes, and to change it the group has to say so: `source`, or `confirmed: false`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from resources.marketplaces.rules import REMARKS, SLOTS, MarketplaceRules
from resources.plain_yaml import PlainYamlError, read_mapping

RULES_FOLDER = Path(__file__).parent / "rules"
FOLDER_VARIABLE = "CATALOG_MARKETPLACES"

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """One thing wrong in one rules file: which file, which field, what is wrong and what to do."""

    file: Path
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.message}" if self.field else f"{self.file}: {self.message}"


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The marketplaces that could be read, by name in alphabetical order, and what was wrong elsewhere."""

    rules: Mapping[str, MarketplaceRules]
    problems: tuple[RuleProblem, ...] = ()

    @property
    def broken(self) -> frozenset[str]:
        """Marketplaces that have a file which cannot be used: what was exported for them stays as it is."""
        return frozenset(problem.file.stem for problem in self.problems if problem.file.suffix) - set(self.rules)

    @property
    def known(self) -> tuple[str, ...]:
        """Every marketplace that has a file, usable or not, in alphabetical order."""
        return tuple(sorted({*self.rules, *self.broken}))


class _ProblemError(Exception):
    """What keeps a file from being used; ends its reading."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field, self.message = field, message


def load_rules(folder: Path | None = None) -> RuleBook:
    """Read the shipped rules and those of `folder` (default: CATALOG_MARKETPLACES). Never raises for a file.

    A broken file is left out and listed in `problems`. That holds too for a broken replacement: a picture is never
    judged by other rules than the shop meant. Unchanged files are read once.
    """
    if folder is None and os.environ.get(FOLDER_VARIABLE):
        folder = Path(os.environ[FOLDER_VARIABLE])
    if folder is not None and not folder.is_dir():
        problem = RuleProblem(folder, "", f"no such folder: create it or correct {FOLDER_VARIABLE}")
        return RuleBook(_load(()).rules, (problem,))
    return _load(_state(folder)) if folder else _load(())


def _state(folder: Path) -> tuple[tuple[Path, int, int], ...]:
    """The files of a folder with what changes when they do."""
    found = []
    for file in sorted(folder.glob("*.yaml")):
        # A link that leads nowhere is a broken file like others: reading it says so.
        status = file.stat() if file.exists() else file.lstat()
        found.append((file, status.st_mtime_ns, status.st_size))
    return tuple(found)


@lru_cache(maxsize=4)
def _load(own: tuple[tuple[Path, int, int], ...]) -> RuleBook:
    shelf = _Shelf({file.stem: file for file in RULES_FOLDER.glob("*.yaml")}, {file.stem: file for file, *_ in own})
    rules: dict[str, MarketplaceRules] = {}
    problems: list[RuleProblem] = []
    for name in sorted({*shelf.shipped, *shelf.own}):
        file = shelf.file(name)
        try:
            rules[name] = _checked(shelf.content(name), name)
        except _ProblemError as problem:
            problems.append(RuleProblem(file, problem.field, problem.message))
        except ValidationError as error:
            problems += [_problem(file, dict(item)) for item in error.errors()]
    return RuleBook(MappingProxyType(rules), tuple(problems))


class _Shelf:
    """The rules files by name; a shop's own file hides the shipped one, but may extend it."""

    def __init__(self, shipped: Mapping[str, Path], own: Mapping[str, Path]) -> None:
        self.shipped = shipped
        self.own = own

    def file(self, name: str) -> Path:
        return self.own.get(name) or self.shipped[name]

    def content(self, name: str) -> Content:
        """A marketplace's file with everything that it inherits written out. Raises _ProblemError."""
        content = self._extended(self.file(name), name, frozenset())
        slots = content.get("slots")
        return {**content, "slots": _slots_written_out(slots)} if isinstance(slots, dict) else content

    def _extended(self, file: Path, name: str, seen: frozenset[Path]) -> Content:
        content = _read(file)
        parent = content.pop("extends", None)
        return content if parent is None else _merged(self._parent(parent, name, seen | {file}), content)

    def _parent(self, parent: object, name: str, seen: frozenset[Path]) -> Content:
        known = sorted({*self.shipped, *self.own})
        if not isinstance(parent, str) or parent not in known:
            raise _ProblemError("extends", f"{parent!r} found, one of {', '.join(known)} expected")
        file = self.shipped.get(parent) if parent == name else self.file(parent)
        if file is None or file in seen:
            raise _ProblemError("extends", f"{parent!r} leads back to this file: name another one")
        try:
            return self._extended(file, parent, seen)
        except _ProblemError as problem:
            said = f"{problem.field}: {problem.message}" if problem.field else problem.message
            raise _ProblemError("extends", f"{file.name} cannot be used: {said}") from problem


def _read(file: Path) -> Content:
    """A file as it is, with the pages that its groups name replaced by their addresses."""
    try:
        content = read_mapping(file.read_bytes())
    except (PlainYamlError, OSError) as error:
        raise _ProblemError("", str(error)) from error
    if not content:
        raise _ProblemError("", "holds nothing: start with 'name:' as the shipped files do")
    pages = content.pop("sources", {})
    if not isinstance(pages, dict):
        raise _ProblemError("sources", "a mapping (page: [addresses]) expected")
    resolved: Content = _with_addresses(content, pages, "")
    return resolved


def _with_addresses(value: Any, pages: Mapping[str, Any], where: str) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: _addresses(item, pages, f"{where}{key}")
        if key == "source"
        else _with_addresses(item, pages, f"{where}{key}.")
        for key, item in value.items()
    }


def _addresses(named: Any, pages: Mapping[str, Any], where: str) -> Any:
    if not isinstance(named, list):
        raise _ProblemError(where, f"{named!r} found, a list of addresses or of pages in `sources` expected")
    found: list[Any] = []
    for each in named:
        if isinstance(each, str) and "://" in each:
            found.append(each)
        elif isinstance(each, str) and isinstance(pages.get(each), list):
            found += pages[each]
        else:
            raise _ProblemError(where, f"{each!r} is neither an address nor a page of `sources`: correct it")
    return found


def _slots_written_out(slots: Mapping[str, Any]) -> Content:
    """Each slot with what it takes over from the one before."""
    whole: Content = dict(slots)
    for before, slot in pairwise(SLOTS):
        own = slots.get(slot) or {}
        if isinstance(whole.get(before), dict) and isinstance(own, dict):
            whole[slot] = _merged(whole[before], own, f"slots.{slot}.")
    return whole


def _merged(parent: Mapping[str, Any], child: Mapping[str, Any], where: str = "") -> Content:
    """A parent's mapping with the child's fields put over it, group by group."""
    merged = dict(parent)
    for key, value in child.items():
        inherited = merged.get(key)
        if isinstance(inherited, dict) and isinstance(value, dict):
            put = _group_merged if "confirmed" in inherited else _merged
            merged[key] = put(inherited, value, f"{where}{key}.")
        else:
            merged[key] = value
    return merged


def _group_merged(parent: Content, child: Content, where: str) -> Content:
    """A group of facts with changes put over it; what changed is no longer confirmed by the parent's pages."""
    merged = _merged(parent, child, where)
    changed = any(merged[key] != parent.get(key) for key in child if key not in REMARKS)
    if not changed:
        return merged
    if parent["confirmed"] and not {"source", "confirmed"} & set(child):
        raise _ProblemError(
            where.removesuffix("."),
            "changes what the marketplace's own documentation says: name the page in `source`, "
            "or say `confirmed: false`",
        )
    return {**merged, "confirmed": False, "source": [], "note": "", **{k: child[k] for k in child if k in REMARKS}}


def _checked(content: Content, name: str) -> MarketplaceRules:
    rules = MarketplaceRules.model_validate(content)
    if rules.name != name:
        raise _ProblemError("name", f"is {rules.name!r}: make it the file's name, {name!r}")
    return rules


_FIXES = {
    "extra_forbidden": "is not a field that is known here: correct its name or remove it",
    "missing": "is missing: add it",
}


def _problem(file: Path, error: dict[str, Any]) -> RuleProblem:
    field = ".".join(str(part) for part in error["loc"])
    message = _FIXES.get(error["type"])
    if message is None:
        found = "" if isinstance(error["input"], dict) else f" (found {error['input']!r})"
        message = error["msg"].removeprefix("Value error, ") + found
    return RuleProblem(file, field, message)
