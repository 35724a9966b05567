"""Prompts for engines that generate scenes: the parts of a template and what the product is, in a fixed order.

What is to be painted comes first: a text encoder of CLIP reads 77 tokens and drops the rest. Text from outside (a cell
of a table, a caption) is data: reduced to plain words, bounded, always between quotation marks that it cannot close.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np

from resources.imaging.colour import delta_e_2000, rgb_to_lab
from resources.products import Product
from resources.scenes.placing import Plan
from resources.scenes.templates import SceneTemplate, rgb_of

MOST_PRODUCT = 120
_MOST_READ = 4000
_MOST_PART = 160
_MOST_MARKS = 2
_MOST_COLOURS = 4

_PRESERVE = (
    "Keep the product exactly as it is, in place and size, and paint only what is around it. There is no second product"
)
_NEGATIVE = (
    "text, letters, watermark, logo, second product, duplicate product, extra lid or handle, changed product, "
    "hands, people, frame, border, collage, floating object, wrong shadow, oversaturated, blurry product, low quality"
)

# Names for a palette, sRGB. Few and plain: a text encoder must know them.
_COLOUR_NAMES = {
    "white": "#f6f5f2",
    "cream": "#efe5d0",
    "beige": "#d8c5a6",
    "pale grey": "#cfcfcd",
    "grey": "#8f8f8d",
    "dark grey": "#4a4a4a",
    "black": "#161616",
    "tan": "#c09a6b",
    "brown": "#7a5534",
    "dark brown": "#3f2a1c",
    "terracotta": "#b9633f",
    "rust": "#8f4424",
    "red": "#b3241f",
    "dark red": "#6b1a1c",
    "pink": "#e3a7ab",
    "blush": "#ecd0c6",
    "peach": "#f0b890",
    "orange": "#e07b28",
    "ochre": "#bf8a2f",
    "golden": "#d9ad55",
    "yellow": "#efcf5a",
    "olive": "#77763c",
    "sage green": "#a5b096",
    "green": "#4f7f45",
    "dark green": "#24402c",
    "mint": "#bfe0cf",
    "teal": "#2f7f80",
    "turquoise": "#6fc3c4",
    "pale blue": "#c3d6e4",
    "blue": "#4676ad",
    "slate blue": "#66788c",
    "dark blue": "#20304f",
    "lilac": "#b9a6cc",
}

_SIDE = re.compile(r"\s*\b(?:from|on) (?:the |one |a )?(?:left|right|side)\b", re.IGNORECASE)
_APOSTROPHES = "\u2019\u02bc`"
_SOFT, _HARD = 8.0, 4.0  # degrees across; a softbox, the sun
_WARM, _COOL = 5150.0, 5800.0  # kelvin


@dataclass(frozen=True, slots=True)
class ScenePrompt:
    """What an engine is told to paint, and what not."""

    positive: str
    negative: str


def scene_prompt(template: SceneTemplate, product: str, light: str = "") -> ScenePrompt:
    """The prompt of a picture: surface, setting, light, season, product, mood, palette, lens, preservation.

    product: a few words of whatever origin; empty is said without them. light: of `light_words`; it then replaces what
    the template says of the side that light comes from. The same arguments give the same text, one line.
    """
    parts = template.prompt
    named = quoted(product)
    told = (
        f"professional product photograph on {plain(parts.surface)}",
        plain(parts.setting),
        f"{plain(light)}, {_undirected(parts.light)}" if light else plain(parts.light),
        "" if template.season == "any" else template.season,
        f"the product is {named}" if named else "",
        plain(template.mood),
        f"palette of {', '.join(palette_words(template))}",
        plain(parts.lens),
    )
    positive = f"{', '.join(filter(None, told))}. {_PRESERVE}, {plain(parts.preservation)}."
    return ScenePrompt(positive, _NEGATIVE)


def _undirected(light: str) -> str:
    """A template's light without the side it comes from: a plate may be turned."""
    return plain(_SIDE.sub("", light))


def light_words(plan: Plan) -> str:
    """The plan's light in words: hard or soft, warm or cool, and where it comes from in the picture."""
    light, (right, away, up) = plan.plate.light, plan.towards_light
    how = "hard" if light.size < _HARD else "soft" if light.size >= _SOFT else "clear"
    tone = "warm" if light.kelvin <= _WARM else "cool" if light.kelvin >= _COOL else ""
    flat = plan.plate.kind == "flat"
    level = max(abs(right), abs(away), 1e-6)
    side = ("right" if right > 0 else "left") if abs(right) > 0.4 * level else ""
    depth = ("far side" if flat else "back") if away > 0.6 * level else "front" if away < -0.6 * level else ""
    above = "above" if up > 0.55 and not flat else ""
    where = " and ".join([*(f"the {word}" for word in (depth, side) if word), *filter(None, [above])])
    return " ".join(filter(None, (how, tone, "light", f"from {where}" if where else "from above")))


def palette_words(template: SceneTemplate) -> tuple[str, ...]:
    """The template's main colours by name, the most frequent first, at most four."""
    names = list(_COLOUR_NAMES)
    known = rgb_to_lab(np.stack([rgb_of(colour) for colour in _COLOUR_NAMES.values()]))
    found = rgb_to_lab(np.stack([rgb_of(colour) for colour in template.palette]))
    nearest = [names[int(index)] for index in delta_e_2000(found[:, None], known[None]).argmin(axis=1)]
    counts = {name: nearest.count(name) for name in nearest}
    return tuple(sorted(counts, key=lambda name: (-counts[name], nearest.index(name)))[:_MOST_COLOURS])


# ---- the product


def described(product: Product) -> str:
    """What a row of catalog.csv says of its product, without its brand: title, colour, material, category; "" if none.

    Not to be trusted more than the table it comes from; a word that was said is not said again.
    """
    said: list[str] = []
    for cell in (product.title, product.color, product.material, product.category):
        text = _without(cell, product.brand)
        if text and text.casefold() not in " ".join(said).casefold():
            said.append(text)
    return ", ".join(said)


def _without(text: str, brand: str) -> str:
    if brand:
        text = re.sub(rf"(?<!\w){re.escape(brand)}(?!\w)", " ", text, flags=re.IGNORECASE)
    return " ".join(text.split()).strip(" ,.;:-\u2013\u2014&")


# ---- text from outside


def quoted(text: str) -> str:
    """Text from outside between double quotes, as `plain` leaves it, cut at 120 characters; "" if nothing is left."""
    words = plain(text, MOST_PRODUCT)
    return f'"{words}"' if words else ""


def plain(text: str, most: int = _MOST_PART) -> str:
    """One line of letters, digits, blanks and , . ' - of any script, at most so many characters, cut between words.

    Whatever has a meaning to an engine (weights in brackets, names of adapters, quotation marks, line ends, marks that
    turn the reading direction) becomes a blank.
    """
    normal = unicodedata.normalize("NFKC", text[:_MOST_READ])
    line = " ".join("".join(_kept(character) for character in normal).split())
    line = re.sub(r"-{2,}|(?<!\w)-|-(?!\w)", " ", line)  # "--option" is not a word
    line = re.sub(r"\s*([,.])(?:\s*[,.])*", r"\1", line)
    line = " ".join(_few_marks(line).split()).strip(" ,.'-")
    return line if len(line) <= most else _cut(line, most)


def _kept(character: str) -> str:
    kind = unicodedata.category(character)
    if character in ",.'-" or kind[0] in "LN" or kind in ("Mn", "Mc"):
        return character
    if character in _APOSTROPHES:
        return "'"
    if kind == "Pd":
        return "-"
    return {"&": " and ", ";": ","}.get(character, " ")


def _few_marks(line: str) -> str:
    """The line with at most two marks on a letter: more are there to draw over other text."""
    kept, marks = [], 0
    for character in line:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def _cut(line: str, most: int) -> str:
    words = line[: most + 1].rsplit(" ", 1)[0] if " " in line[: most + 1] else line
    return words[:most].rstrip(" ,.'-")
