"""YAML as people write it by hand: plain data without aliases, small, and not deep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

try:  # a tenth of the time; in PyYAML's wheels, but not in every build of it
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

MAX_YAML_BYTES = 200_000
# libyaml goes down a level of the C stack for each: tens of thousands end the process.
_MAX_DEPTH = 100
# Python writes no number of more than 4300 digits into a message; nobody means one of 100.
_MAX_NUMBER = 100


class PlainYamlError(ValueError):
    """A text that is no plain YAML mapping; the message says what was found and expected."""


def read_mapping(data: bytes) -> dict[str, Any]:
    """The mapping that a YAML text holds; an empty text is an empty one. Raises PlainYamlError."""
    if len(data) > MAX_YAML_BYTES:
        raise PlainYamlError(f"{len(data)} bytes found, at most {MAX_YAML_BYTES} expected")
    try:
        _check_shape(data)
        content = yaml.load(data, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader
    except Exception as error:  # a tag (!!int, !!timestamp) with a value that is none fails in many ways
        raise PlainYamlError(f"not valid YAML: {_first_line(error)}. Mend the file.") from error
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise PlainYamlError(f"{type(content).__name__} found, a mapping (name: value) expected")
    return content


def read_own(path: Path) -> Any:
    """What a YAML file that ships with the project holds. Raises yaml.YAMLError, UnicodeDecodeError, OSError."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=SafeLoader)


def _check_shape(data: bytes) -> None:
    """Raise YAMLError for aliases, a few lines of which can stand for gigabytes, and for what is nested too deep."""
    depth = 0
    for event in yaml.parse(data, Loader=SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed here, write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise yaml.YAMLError(f"more than {_MAX_DEPTH} levels of lists and mappings in each other")


class _PlainLoader(SafeLoader):
    """YAML whose numbers are such as people mean."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > _MAX_NUMBER:
            raise yaml.YAMLError(f"a number of {len(node.value)} characters, at most {_MAX_NUMBER} are read")
        return super().construct_yaml_int(node)


# Constructors are looked up by tag, not by name: without this the inherited one is called.
_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_yaml_int)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
