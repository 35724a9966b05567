"""Small catalogs for tests: folders of uploads, and lines over them without Dagster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog_assets.context import RunContext
from catalog_assets.line import Line, LineReport, run_line
from catalog_assets.product import product_line
from catalog_assets.settings import load_settings
from catalog_assets.stage import StageResult
from resources.engines import Engines
from resources.store import CatalogStore, open_store
from tests.pictures import jpeg_bytes, truncated

SIZE = (320, 320)


def easy_photo(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """HxWx3: a dark striped oval in the middle of an even light background; another seed, another product."""
    width, height = size
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    inside = ((x - width / 2) / (0.3 * width)) ** 2 + ((y - height / 2) / (0.36 * height)) ** 2 <= 1
    colour = rng.integers(20, 110, 3)
    stripes = ((x + seed * 7) // max(4, width // 24) % 2)[..., None] * rng.integers(10, 30)
    room = 232 + rng.normal(0, 1.2, (height, width, 1))
    return np.clip(np.where(inside[..., None], colour + stripes, room), 0, 255).astype(np.uint8)


def photo_bytes(seed: int, size: tuple[int, int] = SIZE) -> bytes:
    """A JPEG of a product that the embedded engine cuts out with certainty."""
    return jpeg_bytes(easy_photo(seed, size))


def make_catalog(root: Path, good: Sequence[str] = (), bad: Sequence[str] = ()) -> Path:
    """A catalog folder with one good photo for each good SKU, and a truncated one for each bad SKU."""
    uploads = root / "uploads"
    uploads.mkdir(parents=True, exist_ok=True)
    for number, sku in enumerate([*good, *bad]):
        data = photo_bytes(number)
        (uploads / f"{sku}.jpg").write_bytes(truncated(data) if sku in bad else data)
    return root


def open_context(root: Path | str, **options: object) -> RunContext:
    """A run's context over a catalog folder."""
    store = open_store(str(root))
    return RunContext(store, load_settings(store), Engines(), **options)  # type: ignore[arg-type]


def product_of(context: RunContext) -> Line:
    return product_line(batch=8).line(context)


def run_product(
    root: Path, skus: Sequence[str] | None = None, threads: int = 2, **options: object
) -> tuple[LineReport, list[StageResult]]:
    """The product line over a catalog folder; its report, and its results in the order they were handed over."""
    context = open_context(root, **options)
    results: list[StageResult] = []
    report = run_line(
        product_of(context),
        sorted(context.uploads.skus) if skus is None else skus,
        threads=threads,
        on_result=results.append,
    )
    return report, results


def pictures(store: CatalogStore, prefix: str = "assets") -> dict[str, bytes]:
    """Every picture under a prefix: key to bytes. The keys hold content hashes."""
    return {entry.key: store.read(entry.key) for entry in store.list(prefix) if not entry.key.endswith(".json")}
