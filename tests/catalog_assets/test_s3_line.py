"""The lines over S3: real HTTP to a server on this machine, through Dagster's range runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from catalog_assets.campaign_files import EVERGREEN, Campaign, Campaigns
from catalog_assets.campaigns import campaign_line
from catalog_assets.line_assets import line_assets
from catalog_assets.partitions import registered
from catalog_assets.product import product_line
from catalog_assets.quarantine import quarantined
from resources.catalog_resource import CatalogResource
from resources.names import sku_name
from resources.store import CatalogStore, LocalStore
from sensors.uploads import uploads_sensor
from tests.catalogs import photo_bytes, pictures
from tests.conftest import ACCESS_KEY, SECRET, S3Server
from tests.dagster_runs import checks, failure_text, materializations, materialized, run_range, sensor_tick
from tests.pictures import truncated
from tests.s3_tools import Fault, FaultyProxy, faulty_proxy

CAMPAIGN = Campaign(
    name=EVERGREEN, scenes=[{"template": "grey-sweep", "candidates": 1}], marketplaces=["amazon", "shopify"]
)
PRODUCT_INFO, CAMPAIGN_INFO = product_line(batch=8), campaign_line(CAMPAIGN, batch=4)
PRODUCT, EXPORTS = line_assets(PRODUCT_INFO, ["team:catalog"]), line_assets(CAMPAIGN_INFO, ["team:catalog"])
SETTINGS = b"scene_size: 500\ncandidates: 1\n"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


pytestmark = pytest.mark.usefixtures("s3_credentials")


@dataclass(frozen=True)
class Bucket:
    """A catalog in a bucket of its own, below a prefix."""

    name: str
    endpoint: str
    client: Any

    @property
    def root(self) -> str:
        return f"s3://{self.name}/shop one"

    def resource(self, endpoint: str = "") -> CatalogResource:
        # What the store retries is tested with the store; here the line's own retries count.
        return CatalogResource(root=self.root, s3_endpoint=endpoint or self.endpoint, s3_retries=1)

    @property
    def store(self) -> CatalogStore:
        return self.resource().open()

    def upload(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=f"shop one/uploads/{name}", Body=data)

    def remove(self, name: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=f"shop one/uploads/{name}")

    def run(
        self, assets: dg.AssetsDefinition, instance: dg.DagsterInstance, skus: list[str], endpoint: str = ""
    ) -> dg.ExecuteInProcessResult:
        return run_range(assets, instance, self.root, skus, catalog=self.resource(endpoint))


@pytest.fixture
def bucket(s3_server: S3Server) -> Bucket:
    found = Bucket(s3_server.new_bucket(), s3_server.endpoint, s3_server.client())
    found.client.put_object(Bucket=found.name, Key="shop one/catalog.yaml", Body=SETTINGS)
    return found


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(s3_server.endpoint) as found:
        yield found


def break_key(proxy: FaultyProxy, part: str, times: int = 1000) -> deque[Fault]:
    """Let the next requests whose line (GET /bucket/key) holds `part` fail with 500; those faults."""
    proxy.plan(*[Fault(status=500, code="InternalError", on=part)] * times)
    return proxy.faults


def records(store: CatalogStore) -> dict[str, str]:
    """Status of every record, by key."""
    return {
        entry.key: str(store.read_json(entry.key)["status"])
        for entry in store.list("assets")
        if entry.key.endswith(".json")
    }


def everything_recorded(instance: dg.DagsterInstance) -> str:
    """All events, tags and configurations of all runs, as text."""
    texts = []
    for run in instance.get_runs():
        texts += [repr(run), *(repr(entry) for entry in instance.all_logs(run.run_id))]
    return "\n".join(texts)


def assert_whole(store: CatalogStore) -> None:
    """Every file that a record names is there with its recorded size, and nothing else lies beside the records."""
    named: set[str] = set()
    for entry in store.list("assets"):
        if entry.key.endswith(".json"):
            for file in store.read_json(entry.key)["files"].values():
                named.add(file["key"])
                found = store.stat(file["key"])
                assert found is not None
                assert found.size == file["bytes"]
    assert {key for folder in ("assets", "exports") for key in pictures(store, folder)} == named


def test_the_lines_over_s3_make_what_they_make_in_a_folder(
    bucket: Bucket, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    local = LocalStore(tmp_path)
    local.write("catalog.yaml", SETTINGS)
    for name, data in {
        "a.jpg": photo_bytes(1),
        "b.jpg": truncated(photo_bytes(2)),
        "c/front.jpg": photo_bytes(3),
        "c/side.jpg": photo_bytes(4),
    }.items():
        bucket.upload(name, data)
        local.write(f"uploads/{name}", data)
    skus = ["a", "b", "c"]
    first = bucket.run(PRODUCT, instance, skus)
    assert not first.success
    assert "b: raw_photo: truncated: " in failure_text(instance, first.run_id)
    assert checks(instance, "usable_photo", "raw_photo") == {"a": True, "b": False, "c": True}
    assert bucket.run(EXPORTS, instance, skus).success
    assert materialized(instance, EVERGREEN, "marketplace_export") == ["a", "c"]
    assert SECRET not in everything_recorded(instance)
    assert ACCESS_KEY not in everything_recorded(instance)

    with dg.DagsterInstance.ephemeral() as beside:
        run_range(PRODUCT, beside, tmp_path, skus)
        run_range(EXPORTS, beside, tmp_path, skus)
    assert records(bucket.store) == records(local)
    for folder in ("assets", "exports", "uploads"):
        made = pictures(bucket.store, folder)
        assert made
        assert made == pictures(local, folder)
    assert_whole(bucket.store)

    before = {entry.key: entry.token for folder in ("assets", "exports") for entry in bucket.store.list(folder)}
    for assets in (PRODUCT, EXPORTS):
        again = bucket.run(assets, instance, skus)
        statuses = {event.metadata["status"].value for event in materializations(instance, again.run_id)}
        assert statuses == {"up_to_date"}
    assert {e.key: e.token for folder in ("assets", "exports") for e in bucket.store.list(folder)} == before
    assert [(record.line, record.sku) for record in quarantined(bucket.store)] == [("product", "b")]


@pytest.mark.parametrize(
    "part", ["GET /{bucket}/shop%20one/uploads/b.jpg", "PUT /{bucket}/shop%20one/assets/product/mask/b/main.json"]
)
def test_an_error_in_the_middle_is_tried_again(
    bucket: Bucket, proxy: FaultyProxy, instance: dg.DagsterInstance, part: str
) -> None:
    skus = ["a", "b", "c"]
    for number, sku in enumerate(skus):
        bucket.upload(f"{sku}.jpg", photo_bytes(number))
    # Two failing replies: more than one call's own retry takes.
    outage = break_key(proxy, part.format(bucket=bucket.name), times=2)
    assert bucket.run(PRODUCT, instance, skus, proxy.endpoint).success
    assert len(outage) == 0
    assert materialized(instance, "cutout") == skus
    assert set(records(bucket.store).values()) == {"made", "accepted"}
    assert_whole(bucket.store)


def test_a_lasting_outage_of_one_key_costs_that_sku_only(
    bucket: Bucket, proxy: FaultyProxy, instance: dg.DagsterInstance
) -> None:
    skus = ["a", "b", "c"]
    for number, sku in enumerate(skus):
        bucket.upload(f"{sku}.jpg", photo_bytes(number))
    outage = break_key(proxy, "uploads/b.jpg")
    result = bucket.run(PRODUCT, instance, skus, proxy.endpoint)
    assert not result.success
    assert materialized(instance, "cutout") == ["a", "c"]
    [held] = quarantined(bucket.store)
    assert (held.sku, held.rejection.retryable) == ("b", True)
    assert "uploads/b.jpg" in failure_text(instance, result.run_id)
    assert SECRET not in everything_recorded(instance)

    outage.clear()
    assert bucket.run(PRODUCT, instance, skus, proxy.endpoint).success
    assert materialized(instance, "cutout") == skus
    assert not quarantined(bucket.store)
    assert_whole(bucket.store)


def test_odd_upload_keys_are_read_as_they_are(bucket: Bucket, instance: dg.DagsterInstance) -> None:
    names = ["two words", "a+b", "50%2f50", "Größe 42", 'it\'s "q"', "&amp;", "日本"]
    for number, name in enumerate(names):
        bucket.upload(f"{name}.jpg", photo_bytes(number))
    bucket.upload("views of it/front side.jpg", photo_bytes(40))
    bucket.upload("views of it/", b"")  # what a console leaves to show a folder
    skus = sorted(sku_name(name).key for name in [*names, "views of it"])
    assert bucket.run(PRODUCT, instance, skus).success
    assert materialized(instance, "cutout") == skus
    for number, name in enumerate(names):
        [photo] = [
            data
            for key, data in pictures(bucket.store, f"assets/product/raw_photo/{sku_name(name).key}").items()
            if key.endswith(".jpg")
        ]
        assert photo == photo_bytes(number)
    assert_whole(bucket.store)


def test_a_bucket_that_is_not_there_is_told(s3_server: S3Server, instance: dg.DagsterInstance) -> None:
    missing = Bucket("there-is-no-such-bucket", s3_server.endpoint, None)
    result = missing.run(PRODUCT, instance, ["a", "b"])
    assert not result.success
    errors = [
        entry.dagster_event.step_failure_data.error.to_string()
        for entry in instance.all_logs(result.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        if entry.dagster_event and entry.dagster_event.step_failure_data.error
    ]
    assert any("There is no bucket there-is-no-such-bucket" in error for error in errors)
    assert materialized(instance, "raw_photo") == []
    assert SECRET not in everything_recorded(instance)


def test_wrong_credentials_are_told_without_showing_them(
    bucket: Bucket, proxy: FaultyProxy, instance: dg.DagsterInstance
) -> None:
    bucket.upload("a.jpg", photo_bytes(1))
    proxy.plan(*[Fault(status=403, code="SignatureDoesNotMatch")] * 20)  # more than a run asks before it gives up
    result = bucket.run(PRODUCT, instance, ["a"], proxy.endpoint)
    assert not result.success
    text = everything_recorded(instance)
    assert "Check the access key" in text
    assert SECRET not in text
    assert ACCESS_KEY not in text


def tick(instance: dg.DagsterInstance, bucket: Bucket, cursor: str | None) -> dg.SensorResult:
    """One tick of the uploads sensor."""
    campaigns = Campaigns(active={EVERGREEN: CAMPAIGN}, archived=(), problems=())
    sensor = uploads_sensor(PRODUCT_INFO, {EVERGREEN: CAMPAIGN_INFO}, campaigns)
    return sensor_tick(sensor, instance, bucket.resource(), cursor)


def test_uploads_to_s3_are_noticed_at_once(bucket: Bucket, instance: dg.DagsterInstance) -> None:
    bucket.upload("mug.jpg", photo_bytes(1))
    new = tick(instance, bucket, None)
    [request] = new.run_requests or []
    assert request.partition_key == "mug"
    assert registered(instance) == ["mug"]
    quiet = tick(instance, bucket, new.cursor)
    assert not quiet.run_requests
    assert quiet.skip_reason is not None

    bucket.upload("mug.jpg", photo_bytes(2))
    changed = tick(instance, bucket, quiet.cursor)
    [again] = changed.run_requests or []
    assert again.partition_key == "mug"
    assert again.run_key != request.run_key

    bucket.upload("tea+box.jpg", photo_bytes(3))
    bucket.upload("vase/front.jpg", photo_bytes(4))
    several = tick(instance, bucket, changed.cursor)
    [backfill] = several.run_requests or []
    assert backfill.requires_backfill_daemon()
    assert registered(instance) == ["mug", *sorted([sku_name("tea+box").key, "vase"])]

    bucket.remove("mug.jpg")
    gone = tick(instance, bucket, several.cursor)
    assert [each.partition_key for each in gone.run_requests or []] == ["mug"]
    assert not tick(instance, bucket, gone.cursor).run_requests
    assert len(list(bucket.store.list("state/uploads/"))) <= 2


def test_a_removed_upload_takes_its_exports_along(bucket: Bucket, instance: dg.DagsterInstance) -> None:
    bucket.upload("a.jpg", photo_bytes(1))
    bucket.upload("ab.jpg", photo_bytes(2))
    for assets in (PRODUCT, EXPORTS):
        assert bucket.run(assets, instance, ["a", "ab"]).success
    bucket.remove("a.jpg")
    assert bucket.run(PRODUCT, instance, ["a", "ab"]).success
    assert {key.split("/")[3] for key in pictures(bucket.store, "exports")} == {"ab"}
    assert bucket.run(EXPORTS, instance, ["a", "ab"]).success
    assert any(key.startswith("assets/product/raw_photo/a/") for key in pictures(bucket.store))
