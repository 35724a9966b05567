"""The UI as a user drives it: `make dev`, a back-fill launched in the browser, and what its pages then say.

Needs playwright and a Chromium. Screenshots of every step go to the folder named by CATALOG_SCREENSHOTS, if it is set.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from catalog_assets.quarantine import Quarantined, quarantined
from catalog_assets.sample_catalog import SAMPLE, expected
from resources.store import open_store
from resources.uploads import scan_uploads
from tests.daemon import make_dev

if TYPE_CHECKING:
    from tests.ui.dagster_pages import DagsterPages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

ASSETS = 6  # of the groups product and evergreen
SKUS = len(scan_uploads(open_store(str(SAMPLE))).skus)
REJECTED = expected().rejected
WITH_THUMBNAIL = "lamp-tripod"  # few accepted finals carry one; which, the hash of the SKU says
ANSWER_MS = 120_000


def browser() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, names) if path), None)


def missing() -> str:
    """What this machine lacks to drive a browser; "" if nothing."""
    if importlib.util.find_spec("playwright") is None:
        return "no package playwright here: pip install .[ui] -c constraints.txt"
    if browser() is None:
        return "no Chromium on the PATH: apt-get install chromium"
    if shutil.which("make") is None:
        return "no program make on the PATH"
    return ""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ui") / "catalog"
    root.mkdir()
    (root / "catalog.yaml").write_text("candidates: 1\nscene_size: 1000\n")
    return root


@pytest.fixture(scope="module")
def pages(root: Path) -> Iterator[DagsterPages]:
    """A browser on `make dev`, in which product and evergreen were back-filled by hand."""
    if lacking := missing():
        pytest.skip(f"THE DAGSTER UI WAS NOT DRIVEN: {lacking}")
    from playwright.sync_api import expect, sync_playwright

    from tests.ui.dagster_pages import DagsterPages

    screenshots = Path(os.environ.get("CATALOG_SCREENSHOTS") or root.parent / "screenshots")
    screenshots.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=ANSWER_MS)
    with make_dev(root) as daemon, sync_playwright() as playwright:
        # Without a sandbox: containers give it no namespaces, and only our own server is looked at.
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1500, "height": 950})
        page.set_default_timeout(ANSWER_MS)
        pages = DagsterPages(page, daemon.url, screenshots)
        backfill(pages)
        yield pages
        chromium.close()


def backfill(pages: DagsterPages) -> None:
    pages.open()
    with pages.step("groups"):
        pages.open_groups("product", "evergreen")
    pages.materialize()
    with pages.step("all_partitions"):
        pages.choose_all_partitions(SKUS, ASSETS)
    pages.launch_backfill()
    with pages.step("launched"):
        pages.follow_toast("Created backfill")
    with pages.step("backfill_ended"):
        pages.wait_for_backfill(ASSETS)


def reasons(root: Path) -> dict[str, Quarantined]:
    """Who stayed behind, by SKU."""
    return {record.sku: record for record in quarantined(open_store(str(root)))}


def test_a_failed_partition_leads_to_the_reason(pages: DagsterPages, root: Path) -> None:
    pages.open_asset("raw_photo")
    pages.open_tab("Partitions")
    pages.shows("Failed", len(REJECTED))
    pages.shows("Materialized", SKUS - len(REJECTED))
    with pages.step("failed_partition"):
        pages.open_partition("broken-teapot")
    with pages.step("why_it_failed"):
        text = pages.read_failure()
    pages.close_dialogs()
    found = reasons(root)
    assert {sku: found[sku].rejection.code for sku in REJECTED} == REJECTED
    for sku, record in found.items():
        reason = record.rejection
        assert f"{sku}: {reason.stage}: {reason.code}: {reason.message} {reason.hint}" in text


@pytest.mark.parametrize("sku", sorted(REJECTED))
def test_a_failed_check_says_why_and_what_to_do(pages: DagsterPages, root: Path, sku: str) -> None:
    reason = reasons(root)[sku].rejection
    pages.open_asset("raw_photo")
    pages.open_check("usable_photo")
    pages.shows("Failed", len(REJECTED))
    pages.shows("Passed", SKUS - len(REJECTED))
    with pages.step(f"check_of_{sku}"):
        pages.open_partition(sku)
        pages.says(f"{reason.message} {reason.hint}")
        pages.says_of("code", reason.code)
        pages.says_of("message", reason.message)
        pages.says_of("hint", reason.hint)


def test_a_mask_that_waits_for_a_person_says_so(pages: DagsterPages, root: Path) -> None:
    [record, *_] = [one for one in reasons(root).values() if one.rejection.is_review]
    pages.open_asset("mask")
    pages.open_check("matte_quality")
    with pages.step("check_of_a_mask"):
        pages.open_partition(record.sku)
        pages.says(f"{record.rejection.message} {record.rejection.hint}")
        pages.says_of("decision", "review")


def test_a_final_shows_its_thumbnail_and_numbers(pages: DagsterPages) -> None:
    pages.open_asset("evergreen", "scored_finals")
    pages.open_tab("Partitions")
    with pages.step("final"):
        pages.open_partition(WITH_THUMBNAIL)
        pages.says_of("status", "made")
    with pages.step("thumbnail"):
        assert pages.picture_widths("thumbnail") == [160]
    pages.close_dialogs()
    pages.open_check("fidelity")
    with pages.step("fidelity"):
        pages.open_partition(WITH_THUMBNAIL)
        pages.says_of("decision", "accepted")


def test_reports_are_made_and_lead_to_the_gallery(pages: DagsterPages, root: Path) -> None:
    pages.open()
    pages.open_groups("reports")
    pages.says("catalog_overview")
    pages.materialize()
    pages.follow_toast("Launched run")
    with pages.step("reports_made"):
        pages.wait_for_run()
    pages.open_asset("quarantine")
    with pages.step("quarantine"):
        pages.says_of("rejected", str(len(REJECTED)))
        for sku, code in REJECTED.items():
            pages.says_of("rejections", sku)
            pages.says_of("rejections", code)
    pages.open_asset("catalog_overview")
    with pages.step("overview"):
        [width] = pages.picture_widths("plot")
        assert width > 300
    pages.close_dialogs()
    pages.open_asset("gallery")
    with pages.step("gallery_asset"):
        pages.says_of("evergreen/accepted", str(SKUS - len(reasons(root))))
        [index] = re.findall(r"/\S+/index\.html", pages.metadata("index").inner_text())
    with pages.step("gallery"):
        pages.open_file(index)
        pages.follow("Evergreen")
        assert min(pages.widths_on_page()) > 0
