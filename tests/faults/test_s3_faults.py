"""The lines over a bucket that is busy, slow, silent or hangs up: 0 lost, 0 torn, 0 wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from catalog_assets.quarantine import quarantined
from resources.store import CatalogStore, S3Store, StoreError
from tests.catalogs import photo_bytes
from tests.conftest import S3Server
from tests.faults.shop import (
    assert_all_right,
    assert_for_a_clerk,
    assert_nothing_torn,
    campaign,
    fill,
    flawless,
    product,
)
from tests.s3_tools import Fault, FaultyProxy, faulty_proxy, s3_client

SKUS = ("a", "b")
TIMEOUT_S = 1.0
BUSY = Fault(503, "SlowDown")
BROKEN = Fault(500, "InternalError")
SILENT = Fault(silent_s=2.5 * TIMEOUT_S, hangs_up=True)
SLOW = Fault(drip_s=TIMEOUT_S / 8)
HANGS_UP = Fault(hangs_up=True)
BREAKS_OFF = Fault(cut_after=700)
LOSES_REPLY = Fault(loses_reply=True)


@dataclass(frozen=True)
class Bucket:
    """A catalog in a bucket. faulty: by way of the proxy. plain: by way of nothing."""

    name: str
    plain: CatalogStore
    proxy: FaultyProxy

    def faulty(self, attempts: int = 3) -> CatalogStore:
        """As the lines open it, but for shorter timeouts; attempts: at each call."""
        return S3Store(self.name, "shop", s3_client(self.proxy.endpoint, attempts=attempts, timeout_s=TIMEOUT_S))


@pytest.fixture
def bucket(s3_server: S3Server) -> Iterator[Bucket]:
    name = s3_server.new_bucket()
    plain = S3Store(name, "shop", s3_server.client())
    fill(plain, SKUS)
    with faulty_proxy(s3_server.endpoint) as proxy:
        yield Bucket(name, plain, proxy)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return flawless(tmp_path_factory.mktemp("flawless"), SKUS)


def of_product(made: dict[str, bytes]) -> dict[str, bytes]:
    return {key: data for key, data in made.items() if key.startswith("assets/product/")}


def test_trouble_for_a_while_costs_nothing_but_time(bucket: Bucket, wanted: dict[str, bytes]) -> None:
    first = {
        "GET /{bucket}/shop/uploads/a.jpg": [BUSY, BROKEN, BUSY],
        "GET /{bucket}/shop/uploads/b.jpg": [BREAKS_OFF, SLOW],
        "prefix=shop%2Fassets%2Fproduct%2Fmask%2Fb": [BUSY, HANGS_UP, BREAKS_OFF],
        "PUT /{bucket}/shop/assets/product/raw_photo/a/": [LOSES_REPLY, HANGS_UP, SLOW],
        "PUT /{bucket}/shop/assets/product/mask/b/main.json": [LOSES_REPLY, BUSY],
        "PUT /{bucket}/shop/assets/product/cutout/a/": [SILENT, LOSES_REPLY],
    }
    second = {
        "GET /{bucket}/shop/assets/product/cutout/a/main-": [BREAKS_OFF, BREAKS_OFF, SLOW],
        "PUT /{bucket}/shop/assets/campaigns/evergreen/scene_variants/b/": [BUSY, LOSES_REPLY],
        "PUT /{bucket}/shop/assets/campaigns/evergreen/marketplace_export/a/": [SILENT],
        "PUT /{bucket}/shop/exports/": [LOSES_REPLY, HANGS_UP, BROKEN],
    }
    store, proxy = bucket.faulty(), bucket.proxy
    for line, plan in ((product, first), (campaign, second)):
        faults = [replace(one, on=on.format(bucket=bucket.name)) for on, each in plan.items() for one in each]
        assert line(store, SKUS, then=lambda faults=faults: proxy.plan(*faults)).statuses == {"made": len(SKUS)}
        assert list(proxy.faults) == []
    assert_all_right(bucket.plain, wanted)


@pytest.mark.parametrize(
    ("fault", "on", "code", "attempts"),
    [
        (BUSY, "GET /{bucket}/shop/uploads/b.jpg", "store_busy", 3),
        (HANGS_UP, "PUT /{bucket}/shop/assets/product/mask/b/", "store_unreachable", 3),
        (SILENT, "PUT /{bucket}/shop/assets/product/cutout/b/", "store_unreachable", 1),
    ],
    ids=["busy", "hangs up", "silent"],
)
def test_trouble_that_lasts_costs_its_own_sku_only_and_the_next_run_finishes_it(
    bucket: Bucket, wanted: dict[str, bytes], fault: Fault, on: str, code: str, attempts: int
) -> None:
    fault = replace(fault, on=on.format(bucket=bucket.name))
    store = bucket.faulty(attempts)
    report = product(store, SKUS, then=lambda: bucket.proxy.plan(*[fault] * 100))
    assert report.statuses == {"made": 1, "rejected": 1}
    # A call has so many attempts, and so has a stage.
    assert 100 - len(bucket.proxy.faults) == attempts * 3
    assert_for_a_clerk(report.rejections["b"], code, "/b")
    assert [(held.sku, held.rejection.code) for held in quarantined(bucket.plain)] == [("b", code)]
    assert_nothing_torn(bucket.plain)

    bucket.proxy.plan()
    assert product(store, SKUS).statuses == {"made": 1, "up_to_date": 1}
    assert_all_right(bucket.plain, of_product(wanted))


def test_an_outage_of_everything_is_told_of_every_sku_and_the_next_run_finishes_all(
    bucket: Bucket, wanted: dict[str, bytes]
) -> None:
    store = bucket.faulty(attempts=1)
    report = product(store, SKUS, then=lambda: bucket.proxy.plan(*[BUSY] * 1000))
    assert report.statuses == {"rejected": len(SKUS)}
    for rejection in report.rejections.values():
        assert_for_a_clerk(rejection, "store_busy", "S3 said")
    bucket.proxy.plan()
    assert product(store, SKUS).statuses == {"made": len(SKUS)}
    assert_all_right(bucket.plain, of_product(wanted))


def test_a_reply_cut_off_is_never_taken_for_a_whole_file(bucket: Bucket) -> None:
    """S3 names the length, so what is shorter is asked for again."""
    data, store = photo_bytes(0), bucket.faulty()
    for kept in (0, 1, len(data) // 2, len(data) - 1):
        bucket.proxy.plan(Fault(cut_after=kept))
        assert store.read("uploads/a.jpg") == data
    bucket.proxy.plan(*[Fault(cut_after=len(data) - 1)] * 3)
    with pytest.raises(StoreError, match="connection broke off"):
        store.read("uploads/a.jpg")


def test_a_reply_that_looks_whole_is_held_against_the_listing_and_the_record(
    bucket: Bucket, wanted: dict[str, bytes]
) -> None:
    """Nor is a whole file taken for a damaged one: what is taken away is read once more before."""
    lie = Fault(cut_after=900, lies=True)
    upload = replace(lie, on=f"GET /{bucket.name}/shop/uploads/a.jpg")
    store, proxy = bucket.faulty(), bucket.proxy
    assert product(store, SKUS, then=lambda: proxy.plan(upload)).statuses == {"made": len(SKUS)}
    assert not proxy.faults

    for each in ("mask", "cutout"):
        bucket.plain.delete_many([entry.key for entry in bucket.plain.list(f"assets/product/{each}/a")])
    photo = replace(lie, on=f"GET /{bucket.name}/shop/assets/product/raw_photo/a/main-")
    mask = replace(lie, cut_after=90, on=f"GET /{bucket.name}/shop/assets/product/mask/a/main-")
    assert product(store, SKUS, then=lambda: proxy.plan(photo, mask)).statuses == {"made": 1, "up_to_date": 1}
    assert not proxy.faults
    assert_all_right(bucket.plain, of_product(wanted))
