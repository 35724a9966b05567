"""What all HTML pages share: templates that escape everything, relative links, and clean text."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from resources.names import clean_text
from resources.store import StoreError, check_key

TEMPLATES = Path(__file__).parent / "templates"
HTML = "text/html; charset=utf-8"


def render(template: str, **values: object) -> str:
    """A page or a part of one. Every string in it is cleaned (one line, no direction marks) and escaped."""
    return _environment().get_template(template).render(**values)


def link(key: str, depth: int) -> str:
    """A relative, percent-encoded link to a store key from a page that lies `depth` folders deep; "" for a bad key.

    It works from disk and from any web server, and can be no `javascript:` address: it begins with `../`.
    """
    try:
        return "../" * depth + quote(check_key(key), safe="/")
    except StoreError:
        return ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = words
    environment.filters["lines"] = _lines
    return environment


def words(code: str) -> str:
    """A snake_case code as people read it; other text as it is."""
    return code.replace("_", " ") if code.isidentifier() else code


def _clean(value: object) -> object:
    return clean_text(value) if type(value) is str else value


def _lines(text: str) -> Markup:
    """Text of several lines (a traceback), each cleaned and escaped, indentation kept."""
    shown = []
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip(" "))
        shown.append(escape(" " * indent + clean_text(line)))
    return Markup("\n").join(shown)
