"""The sets of the studio's plates: one file a season or kind, which binds PLATES, and files of what several sets share.

Shared are shading (shader nodes), surfaces (materials, tables), shapes, firs, leaves, backdrops, lights and shadows.
"""

from __future__ import annotations

import importlib

from plate_spec import Plate

FILES = ("evergreen", "winter", "holiday", "spring", "summer", "autumn", "flat", "wall")


def all_plates() -> list[Plate]:
    """Every plate, in the order of the files. ValueError if two have one name."""
    plates = [plate for file in FILES for plate in importlib.import_module(f"plate_sets.{file}").PLATES]
    names = [plate.name for plate in plates]
    if len(set(names)) != len(names):
        raise ValueError(f"two plates have the same name: {sorted(name for name in names if names.count(name) > 1)}")
    return plates
