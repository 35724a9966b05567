"""Families of made-up products, many different ones of each, that cut-outs are trained with."""

from __future__ import annotations

from families import (
    bags,
    electronics,
    food,
    furniture,
    glass,
    instruments_and_sport,
    packages,
    plants,
    shoes,
    soft,
    solids,
    tools,
    vessels,
    wire,
)
from families.family import Family

_MODULES = (
    vessels,
    soft,
    wire,
    plants,
    packages,
    shoes,
    bags,
    furniture,
    electronics,
    glass,
    solids,
    tools,
    instruments_and_sport,
    food,
)
FAMILIES: dict[str, Family] = {family.name: family for module in _MODULES for family in module.FAMILIES}
