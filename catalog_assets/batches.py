"""How many SKUs a run takes: as many as fill a stretch of time on the engines in use."""

from __future__ import annotations

# Starting a run and loading models costs 5 to 60 s, and what waits behind a run waits this long.
MINUTES = 10.0
FEWEST, MOST = 10, 1_000

# Seconds that one more SKU takes in a run, rounded up. The embedded engines: measured on two cores, two runs at a time
# (docs/benchmarks.md). All others wait for a GPU or a provider: estimates for four pictures of 2 to 3 s, as no such
# run could be timed; `catalog doctor` compares them with the runs that were made, and says what fits.
_PRODUCT = {"embedded": 1.5, "gpu": 1.0}
_STUDIO, _GENERATED = 2.0, 10.0


def product_batch(profile: str, minutes: float = MINUTES) -> int:
    """SKUs a run of the product line that takes about so many minutes."""
    return fitting(_PRODUCT.get(profile, max(_PRODUCT.values())), minutes)


def campaign_batch(profile: str, scenes: str, minutes: float = MINUTES) -> int:
    """SKUs a run of a campaign line that takes about so many minutes; scenes: the scene engine, "" for the profile's.

    Never that of the product line: lines of the same size share a run (catalog_assets.environment).
    """
    studio = scenes == "studio" or (not scenes and profile == "embedded")
    batch = fitting(_STUDIO if studio else _GENERATED, minutes)
    return batch - 1 if batch == product_batch(profile, minutes) else batch


def fitting(seconds: float, minutes: float = MINUTES) -> int:
    """SKUs a run that takes about so many minutes where one more SKU takes so many seconds."""
    return max(FEWEST, min(MOST, round(60 * minutes / seconds)))
