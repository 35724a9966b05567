"""A refresh over SKUs that nothing happened to starts no run, and one over a few starts runs for these alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from catalog_assets.campaign_files import Campaigns, load_campaigns
from catalog_assets.environment import Environment
from catalog_assets.instance import open_instance
from catalog_assets.records import FileRef, Record, campaign_shelf, product_shelf
from catalog_assets.refresh import Refreshed, Wish, refresh
from catalog_assets.reports_due import STATE
from catalog_assets.settings import Settings
from catalog_assets.settled import WorkDueError, _Look, _LookedAt
from resources.engines import Engines
from resources.store import CatalogStore, LocalStore
from tests.catalogs import make_catalog, photo_bytes

EVERGREEN = "name: evergreen\nscenes: [{template: grey-sweep, candidates: 1}]\nmarketplaces: [shopify]\n"
ARCHIVED_WINTER = "name: winter\narchived: true\nscenes: [{template: frost}]\nmarketplaces: [shopify]\n"
SKUS = ("a", "b", "c")


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> Campaigns:
    folder = tmp_path_factory.mktemp("campaigns")
    (folder / "evergreen.yaml").write_text(EVERGREEN)
    (folder / "winter.yaml").write_text(ARCHIVED_WINTER)
    return load_campaigns(folder)


class Catalog:
    """A catalog that was refreshed once."""

    def __init__(self, root: Path, campaigns: Campaigns) -> None:
        self.root = root
        self.store = LocalStore(root)
        self.campaigns = campaigns

    def refresh(self, wish: Wish | None = None) -> Refreshed:
        return refresh(Environment(root=str(self.root)), self.campaigns, wish or Wish())

    def jobs(self) -> list[str]:
        """The job of every run so far."""
        with open_instance(str(self.root)) as instance:
            return [record.dagster_run.job_name for record in reversed(instance.get_run_records())]

    def told(self, asset: str) -> dict[str, int]:
        """How often Dagster was told that a SKU of this asset is made."""
        of_asset = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset.split("/")))
        with open_instance(str(self.root)) as instance:
            records = instance.fetch_materializations(of_asset, limit=1000).records
        return {sku: sum(record.partition_key == sku for record in records) for sku in SKUS}

    def final(self, sku: str) -> Path:
        [record] = campaign_shelf(self.store, "evergreen", "scored_finals", sku).records()
        return self.root / record.files["final"].key

    def photo(self, sku: str) -> Record:
        return product_shelf(self.store, "raw_photo", sku).records()[0]


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory, campaigns: Campaigns) -> Path:
    root = tmp_path_factory.mktemp("refreshed") / "shop"
    make_catalog(root, good=SKUS)
    (root / "catalog.yaml").write_text("scene_size: 500\ncandidates: 1\n")
    (root / "catalog.csv").write_text("sku,title\na,A mug\n")
    assert Catalog(root, campaigns).refresh().counts["evergreen"] == {"made": 3}
    return root


@pytest.fixture
def catalog(tmp_path: Path, refreshed: Path, campaigns: Campaigns) -> Catalog:
    return Catalog(Path(shutil.copytree(refreshed, tmp_path / "shop")), campaigns)


FIRST = ["product_line_job", "evergreen_line_job", "reports"]


def test_where_nothing_happened_no_run_is_started(catalog: Catalog) -> None:
    again = catalog.refresh()
    assert again.counts == {"product": {"up_to_date": 3}, "evergreen": {"up_to_date": 3}}
    assert (again.ok, again.reports_stand) == (True, True)
    assert catalog.jobs() == FIRST
    assert catalog.refresh(Wish(("b",))).counts["product"] == {"up_to_date": 1}
    assert catalog.jobs() == FIRST


def test_only_what_changed_goes_through_the_lines(catalog: Catalog) -> None:
    (catalog.root / "uploads" / "b.jpg").write_bytes(photo_bytes(9))
    again = catalog.refresh()
    assert again.counts["product"] == {"up_to_date": 2, "made": 1}
    assert again.counts["evergreen"] == {"up_to_date": 2, "made": 1}
    assert not again.reports_stand
    assert catalog.told("evergreen/marketplace_export") == {"a": 1, "b": 2, "c": 1}
    assert catalog.refresh().made == 0


def flip_a_bit_of_a_final(catalog: Catalog) -> None:
    data = bytearray(catalog.final("b").read_bytes())
    data[len(data) // 2] ^= 1
    catalog.final("b").write_bytes(data)


def lose_a_final(catalog: Catalog) -> None:
    catalog.final("b").unlink()


def touch_a_photo(catalog: Catalog) -> None:
    os.utime(catalog.root / "uploads" / "b.jpg", (1, 1))


def lose_a_mask(catalog: Catalog) -> None:
    [record] = product_shelf(catalog.store, "mask", "b").records()
    (catalog.root / record.files["mask"].key).unlink()


def tell_dagster_of_other_pictures(catalog: Catalog) -> None:
    other = dg.AssetMaterialization("cutout", partition="b", tags={"dagster/data_version": "other"})
    with open_instance(str(catalog.root)) as instance:
        instance.report_runless_asset_event(other)


def leave_a_check_unsaid(catalog: Catalog) -> None:
    """As a run leaves it that is killed between the two events."""
    with open_instance(str(catalog.root)) as instance:
        found = instance.get_latest_data_version_record(dg.AssetKey("mask"), partition_key="b")
        assert found is not None
        assert found.asset_materialization is not None
        instance.report_runless_asset_event(
            dg.AssetMaterialization("mask", partition="b", tags=found.asset_materialization.tags)
        )


@pytest.mark.parametrize(
    "happens",
    [
        flip_a_bit_of_a_final,
        lose_a_final,
        touch_a_photo,
        lose_a_mask,
        tell_dagster_of_other_pictures,
        leave_a_check_unsaid,
    ],
    ids=lambda happens: happens.__name__,
)
def test_whatever_happens_to_one_sku_is_seen(catalog: Catalog, happens: Callable[[Catalog], None]) -> None:
    happens(catalog)
    again = catalog.refresh()
    assert catalog.jobs()[3:5] == FIRST[:2]
    assert again.counts["evergreen"]["up_to_date"] >= 2
    assert catalog.told("evergreen/marketplace_export") == {"a": 1, "b": 2, "c": 1}
    # What was damaged on the way is mended by now, at the latest.
    catalog.refresh()
    before = catalog.jobs()
    assert catalog.refresh().counts["product"] == {"up_to_date": 3}
    assert catalog.jobs() == before


def test_other_settings_are_for_all(catalog: Catalog) -> None:
    (catalog.root / "catalog.yaml").write_text("scene_size: 520\ncandidates: 1\n")
    assert catalog.refresh().counts["evergreen"] == {"made": 3}


def test_a_dagster_that_knows_nothing_is_told_everything(catalog: Catalog, tmp_path: Path) -> None:
    (catalog.root / ".dagster").rename(tmp_path / "old home")
    again = catalog.refresh()
    assert again.counts["evergreen"] == {"up_to_date": 3}
    assert catalog.jobs() == FIRST
    assert catalog.told("raw_photo") == {"a": 1, "b": 1, "c": 1}


def test_force_makes_all_again(catalog: Catalog) -> None:
    assert catalog.refresh(Wish(force=True)).counts["evergreen"] == {"made": 3}
    assert catalog.jobs()[3:] == FIRST


def change_a_title(catalog: Catalog) -> None:
    (catalog.root / "catalog.csv").write_text("sku,title\na,A cup\n")


def lose_a_manifest(catalog: Catalog) -> None:
    next(path for path in (catalog.root / "manifests").rglob("*") if path.is_file()).unlink()


def lose_the_state(catalog: Catalog) -> None:
    (catalog.root / STATE).write_text("[1")


@pytest.mark.parametrize(
    "happens", [change_a_title, lose_a_manifest, lose_the_state], ids=lambda happens: happens.__name__
)
def test_reports_are_made_where_they_would_say_something_new(
    catalog: Catalog, happens: Callable[[Catalog], None]
) -> None:
    happens(catalog)
    assert not catalog.refresh().reports_stand
    assert catalog.jobs() == [*FIRST, "reports"]
    assert catalog.refresh().reports_stand


def test_a_photo_that_was_refused_is_tried_again(catalog: Catalog) -> None:
    (catalog.root / "uploads" / "c.jpg").write_bytes(b"\xff\xd8\xff no photo")
    assert catalog.refresh().counts["product"] == {"up_to_date": 2, "rejected": 1}
    again = catalog.refresh()
    assert (again.counts["product"], again.ok) == ({"up_to_date": 2, "rejected": 1}, False)


WRITES: list[Callable[[CatalogStore], object]] = [
    lambda store: store.write("assets/x", b""),
    lambda store: store.create("assets/x", b""),
    lambda store: store.write_stream("assets/x", [b""]),
    lambda store: store.delete("catalog.yaml"),
    lambda store: store.delete_many(["catalog.yaml"]),
    lambda store: store.delete_older("catalog.yaml", 2e10),
    lambda store: store.renew("catalog.yaml"),
    lambda store: store.write_json("assets/x", {}),
    lambda store: store.write_picture("assets", "x", "png", b""),
    lambda store: store.sweep(),
    lambda store: store.read("uploads/a.jpg"),
]


@pytest.mark.parametrize("write", WRITES, ids=map(str, range(len(WRITES))))
def test_who_looks_changes_nothing(tmp_path: Path, write: Callable[[CatalogStore], object]) -> None:
    root = tmp_path / "shop"
    make_catalog(root, good=("a",))
    (root / "catalog.yaml").write_text("scene_size: 500\n")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    with pytest.raises(WorkDueError):
        write(_LookedAt(LocalStore(root)))
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_who_looks_sees_the_rest(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    make_catalog(root, good=("a",))
    (root / "catalog.yaml").write_text("scene_size: 500\n")
    store, look = LocalStore(root), _LookedAt(LocalStore(root))
    assert (look.root, look.children(), list(look.list())) == (store.root, store.children(), list(store.list()))
    assert look.read("catalog.yaml") == store.read("catalog.yaml") == look.open("catalog.yaml").read()
    assert look.head("uploads/a.jpg", 3) == store.head("uploads/a.jpg", 3)
    assert look.stat("uploads/a.jpg") == store.stat("uploads/a.jpg")


def test_making_a_picture_ends_where_it_begins(tmp_path: Path) -> None:
    context = _Look(_LookedAt(LocalStore(tmp_path)), Settings(), Engines())
    ref = FileRef("x.png", "0" * 64, 1)
    for begin in (context.rgb, context.rgba):
        with pytest.raises(WorkDueError):
            begin(ref)
    with pytest.raises(WorkDueError):
        context.photo(Record("raw_photo", "a", "main", "made", ""))
