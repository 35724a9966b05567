"""Several runs over the same SKU at the same time: nothing torn or mixed, the newest input wins, nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from catalog_assets.campaign_files import load_campaigns
from catalog_assets.campaigns import campaign_line
from catalog_assets.context import RunContext
from catalog_assets.line import Line, run_line
from catalog_assets.quarantine import quarantined
from catalog_assets.records import campaign_shelf, product_shelf, read_file
from catalog_assets.stage import Stage, StageResult
from resources.imaging.encode import read_rgba
from resources.marketplaces.rule_files import load_rules
from resources.store import open_store
from tests.catalogs import make_catalog, open_context, photo_bytes, product_of, run_product
from tests.pictures import truncated

SIZE = (640, 640)


class Interrupted(Stage):
    """A stage that something happens beside: after it has read its input, or when it is done."""

    def __init__(self, stage: Stage, meanwhile: Callable[[], None]) -> None:
        self.asset, self.code_version, self.check = stage.asset, stage.code_version, stage.check
        self._stage = stage
        self._meanwhile = meanwhile
        self._done = False

    def run(self, skus: Sequence[str]) -> list[StageResult]:
        results = self._stage.run(skus)
        if not self._done:
            self._done = True
            self._meanwhile()
        return results


def interrupted(line: Line, at: str, meanwhile: Callable[[], None]) -> Line:
    """The same line; what happens does so when the named stage is done for the first time."""
    stages = tuple(Interrupted(stage, meanwhile) if stage.asset == at else stage for stage in line.stages)
    return Line(line.name, stages, line.quarantine, line.again)


def upload(root: Path, seed: int, name: str = "mug.jpg") -> None:
    (root / "uploads" / name).write_bytes(photo_bytes(seed, SIZE))


def shows(root: Path, seed: int, sku: str = "mug") -> bool:
    """Whether the SKU's cut-out is whole, current, and that of the photo of this seed."""
    store = open_store(str(root))
    photo, mask, cutout = (product_shelf(store, name, sku).record("main") for name in ("raw_photo", "mask", "cutout"))
    assert photo is not None
    assert mask is not None
    assert cutout is not None
    chain = {record.inputs["photo"] for record in (mask, cutout)}
    assert chain == {photo.files["photo"].sha256}
    assert cutout.inputs["mask"] == mask.files["mask"].sha256
    read_rgba(read_file(store, cutout.files["cutout"]))
    return read_file(store, photo.files["photo"]) == photo_bytes(seed, SIZE)


def test_a_photo_that_is_replaced_while_it_is_worked_on_is_taken_up_in_the_same_run(tmp_path: Path) -> None:
    for number, stage in enumerate(("raw_photo", "mask", "cutout")):
        root = make_catalog(tmp_path / stage)
        upload(root, 1)
        line = interrupted(product_of(open_context(root)), stage, lambda root=root, n=number: upload(root, 10 + n))
        report = run_line(line, ["mug"], threads=1)
        assert report.statuses["made"] == 1
        assert shows(root, 10 + number)


def test_another_run_that_took_up_the_new_photo_is_not_undone(tmp_path: Path) -> None:
    for stage in ("raw_photo", "mask", "cutout"):
        root = make_catalog(tmp_path / stage)
        upload(root, 1)

        def newer(root: Path = root) -> None:
            upload(root, 2)
            run_product(root)

        report = run_line(interrupted(product_of(open_context(root)), stage, newer), ["mug"], threads=1)
        assert not report.rejections
        assert shows(root, 2)
        assert quarantined(open_store(str(root))) == []


def test_a_bad_photo_that_was_replaced_meanwhile_leaves_nothing_in_quarantine(tmp_path: Path) -> None:
    root = make_catalog(tmp_path)
    (root / "uploads" / "mug.jpg").write_bytes(truncated(photo_bytes(1, SIZE)))

    def newer() -> None:
        upload(root, 2)
        run_product(root)

    report = run_line(interrupted(product_of(open_context(root)), "raw_photo", newer), ["mug"], threads=1)
    assert not report.rejections
    assert shows(root, 2)
    assert quarantined(open_store(str(root))) == []


def test_a_photo_under_another_name_since_the_listing_is_found(tmp_path: Path) -> None:
    root = make_catalog(tmp_path, good=["other"])
    upload(root, 1)
    context = open_context(root)
    assert set(context.uploads.skus) == {"mug", "other"}
    (root / "uploads" / "mug.jpg").unlink()
    (root / "uploads" / "mug").mkdir()
    upload(root, 2, "mug/main.jpeg")
    report = run_line(product_of(context), ["mug"], threads=1)
    assert report.statuses["made"] == 1
    assert shows(root, 2)


def test_a_product_that_goes_while_it_is_worked_on_is_retired(tmp_path: Path) -> None:
    root = make_catalog(tmp_path, good=["other"])
    upload(root, 1)
    gone = (root / "uploads" / "mug.jpg").unlink
    report = run_line(interrupted(product_of(open_context(root)), "mask", gone), ["mug"], threads=1)
    assert not report.rejections
    assert run_product(root, ["mug"])[0].statuses["retired"] == 1


def test_a_campaign_that_was_overtaken_by_a_new_photo_exports_that_one(tmp_path: Path) -> None:
    """The old run writes its finals and exports after the newer one has finished both lines."""
    for stage in ("scene_variants", "scored_finals", "marketplace_export"):
        root = make_catalog(tmp_path / stage)
        (root / "catalog.yaml").write_text("candidates: 1\nscene_size: 700\n")
        upload(root, 1)
        run_product(root)

        def newer(root: Path = root) -> None:
            upload(root, 2)
            run_product(root)
            run_line(evergreen(open_context(root)), ["mug"], threads=1)

        report = run_line(interrupted(evergreen(open_context(root)), stage, newer), ["mug"], threads=1)
        assert not report.rejections
        check_exports(root, 2)


def evergreen(context: RunContext) -> Line:
    return campaign_line(load_campaigns(marketplaces=load_rules()).active["evergreen"], 5).line(context)


def check_exports(root: Path, seed: int, sku: str = "mug") -> None:
    """Finals and exports are whole, and made from the cut-out of the photo of this seed."""
    assert shows(root, seed, sku)
    store = open_store(str(root))
    cutout = product_shelf(store, "cutout", sku).record("main")
    assert cutout is not None
    finals = campaign_shelf(store, "evergreen", "scored_finals", sku).records()
    exports = campaign_shelf(store, "evergreen", "marketplace_export", sku).records()
    assert {final.inputs["cutout"] for final in finals} == {cutout.files["cutout"].sha256}
    assert len(exports) == 3
    for record in [*finals, *exports]:
        assert record.passed
        for file in record.files.values():
            read_file(store, file)  # raises where the bytes are others, or gone
    assert quarantined(store) == []


def test_many_runs_over_the_same_skus_end_with_the_newest_photos(tmp_path: Path) -> None:
    """Three threads run both lines again and again while photos are replaced; then everybody stops."""
    root = make_catalog(tmp_path)
    (root / "catalog.yaml").write_text("candidates: 1\nscene_size: 700\n")
    skus = ["a", "b"]
    for sku in skus:
        upload(root, 0, f"{sku}.jpg")
    run_product(root)
    broken: list[BaseException] = []

    def work(turns: int) -> None:
        try:
            for _ in range(turns):
                context = open_context(root)
                run_line(product_of(context), skus, threads=1)
                run_line(evergreen(context), skus, threads=1)
        except BaseException as error:
            broken.append(error)

    workers = [threading.Thread(target=work, args=(2,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    rng = np.random.default_rng(1)
    newest = dict.fromkeys(skus, 0)
    for turn in range(1, 5):
        sku = skus[int(rng.integers(2))]
        upload(root, 100 + turn, f"{sku}.jpg")
        newest[sku] = 100 + turn
        workers[turn % 3].join(timeout=1.5)
    for worker in workers:
        worker.join()
    assert not broken
    work(1)
    for sku in skus:
        check_exports(root, newest[sku], sku)
