"""YAML as people write it by hand: plain data without aliases, and small."""

from __future__ import annotations

from typing import Any

import yaml

MAX_YAML_BYTES = 200_000
# Python writes no number of more than 4300 digits into a message; nobody means one of 100.
_MAX_NUMBER = 100


class PlainYamlError(ValueError):
    """A text that is no plain YAML mapping; the message says what was found and expected."""


def read_mapping(data: bytes) -> dict[str, Any]:
    """The mapping that a YAML text holds; an empty text is an empty one. Raises PlainYamlError."""
    if len(data) > MAX_YAML_BYTES:
        raise PlainYamlError(f"{len(data)} bytes found, at most {MAX_YAML_BYTES} expected")
    try:
        content = yaml.load(data, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader without aliases
    except Exception as error:  # a tag (!!int, !!timestamp) with a value that is none fails in many ways
        raise PlainYamlError(f"not valid YAML: {_first_line(error)}. Mend the file.") from error
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise PlainYamlError(f"{type(content).__name__} found, a mapping (name: value) expected")
    return content


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: a few lines of them can stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed here, write the value out")
        return super().compose_node(parent, index)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > _MAX_NUMBER:
            raise yaml.YAMLError(f"a number of {len(node.value)} characters, at most {_MAX_NUMBER} are read")
        return super().construct_yaml_int(node)


# Constructors are looked up by tag, not by name: without this the inherited one is called.
_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_yaml_int)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
