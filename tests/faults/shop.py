"""A small shop whose lines are run over a faulty store, and what must hold of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from catalog_assets.campaign_files import EVERGREEN, Campaign
from catalog_assets.campaigns import campaign_line
from catalog_assets.context import RunContext
from catalog_assets.line import LineReport, run_line
from catalog_assets.quarantine import quarantined
from catalog_assets.records import FileRef, read_file
from catalog_assets.settings import load_settings
from resources.engines import Engines
from resources.store import CatalogStore, LocalStore
from resources.verdicts import Rejection
from tests.catalogs import photo_bytes, product_of

SKUS = ("a", "b", "c")
SETTINGS = b"candidates: 1\nscene_size: 500\n"
CAMPAIGN = Campaign(name=EVERGREEN, scenes=[{"template": "grey-sweep"}], marketplaces=["shopify"])


def fill(store: CatalogStore, skus: Sequence[str] = SKUS) -> None:
    """Put photos there as a shop does, by another way than the faulty one."""
    store.write("catalog.yaml", SETTINGS)
    for number, sku in enumerate(skus):
        store.write(f"uploads/{sku}.jpg", photo_bytes(number))


def context_over(store: CatalogStore, **options: bool) -> RunContext:
    return RunContext(store, load_settings(store), Engines(), **options)  # type: ignore[arg-type]


def nothing() -> None:
    """What usually happens between the opening of a catalog and its first SKU."""


def product(
    store: CatalogStore, skus: Sequence[str] = SKUS, *, then: Callable[[], object] = nothing, **options: bool
) -> LineReport:
    """The product line, as a batch runs it; `then` happens when it is about to begin."""
    line = product_of(context_over(store, **options))
    then()
    return run_line(line, skus, threads=2)


def campaign(
    store: CatalogStore, skus: Sequence[str] = SKUS, *, then: Callable[[], object] = nothing, **options: bool
) -> LineReport:
    """The line of the evergreen campaign, likewise."""
    line = campaign_line(CAMPAIGN, 9).line(context_over(store, **options))
    then()
    return run_line(line, skus, threads=2)


def both(store: CatalogStore, skus: Sequence[str] = SKUS) -> tuple[LineReport, LineReport]:
    return product(store, skus), campaign(store, skus)


def made(store: CatalogStore) -> dict[str, bytes]:
    """Every picture that was made, by key."""
    listed = [entry for folder in ("assets", "exports") for entry in store.list(folder)]
    return {entry.key: store.read(entry.key) for entry in listed if not entry.key.endswith(".json")}


def flawless(folder: Path, skus: Sequence[str] = SKUS) -> dict[str, bytes]:
    """What both lines make of these photos where nothing goes wrong."""
    store = LocalStore(folder)
    fill(store, skus)
    for report in both(store, skus):
        assert report.statuses == {"made": len(skus)}
    return made(store)


def named_files(store: CatalogStore) -> list[FileRef]:
    """Every file that a record names."""
    records = [store.read_json(entry.key) for entry in store.list("assets") if entry.key.endswith(".json")]
    return [FileRef(**file) for record in records for file in record["files"].values()]


def assert_nothing_torn(store: CatalogStore) -> None:
    """Every file that a record names is there with its very bytes."""
    for file in named_files(store):
        read_file(store, file)  # raises


def assert_all_right(store: CatalogStore, wanted: dict[str, bytes]) -> None:
    """Nothing is lost, torn, wrong or left over: the very pictures of a run without faults, nobody in quarantine."""
    assert_nothing_torn(store)
    assert made(store) == wanted
    assert quarantined(store) == []


def assert_for_a_clerk(rejection: Rejection, code: str, *words: str) -> None:
    """A rejection by the store: its code, one line that says what is wrong, a hint, and that another run may do it."""
    assert rejection.code == code
    assert rejection.retryable
    assert rejection.hint
    assert "\n" not in rejection.message
    assert "Traceback" not in rejection.message
    for word in words:
        assert word in rejection.message


def flipped(data: bytes, place: float = 0.5) -> bytes:
    """The same bytes, but for one bit."""
    index = int(len(data) * place)
    return data[:index] + bytes([data[index] ^ np.uint8(1)]) + data[index + 1 :]
