"""Publishing over folders and buckets: what goes up, what stays, what goes, and whose it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog_assets.publishing import (
    CACHE_CONTROL,
    Publisher,
    key_of_url,
    open_target,
    published_key,
    published_url,
)
from catalog_assets.settings import PublishSettings, SettingsError
from resources.marketplaces.listing import ExportedFile
from resources.store import CatalogStore, LocalStore, S3Store, StoreError, content_hash, open_store
from tests.conftest import S3Server
from tests.s3_tools import Fault, FaultyProxy, faulty_proxy, s3_client

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
SETTINGS = PublishSettings(target="/srv/cdn", base_url="https://cdn.shop.example/p/", keep_days=7)


@pytest.fixture
def catalog(tmp_path: Path) -> CatalogStore:
    return LocalStore(tmp_path / "catalog")


@pytest.fixture(params=["folder", "bucket"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> CatalogStore:
    if request.param == "folder":
        return LocalStore(tmp_path / "cdn")
    server = request.getfixturevalue("s3_server")
    return S3Store(server.new_bucket(), "p", server.client())


def picture(
    catalog: CatalogStore, sku: str, data: bytes, slot: str = "main", marketplace: str = "amazon"
) -> ExportedFile:
    """An exported file of that content."""
    path = f"{marketplace}/evergreen/{sku}/{slot}-{data.decode()}.jpg"
    catalog.write(f"exports/{path}", data)
    return ExportedFile(
        slot,  # type: ignore[arg-type]
        "evergreen",
        "",
        "main",
        path,
        content_hash(data),
        len(data),
        "algorithmicallyEnhanced",
        8,
        8,
    )


def keys(store: CatalogStore) -> list[str]:
    return [entry.key for entry in store.list()]


def run(
    catalog: CatalogStore, target: CatalogStore, listed: dict[str, list[ExportedFile]], now: datetime = NOW
) -> Publisher:
    """One run of the manifests: what is listed goes up, then what nobody lists any more goes."""
    publisher = Publisher(catalog, target, SETTINGS)
    for sku, files in listed.items():
        assert publisher.publish(sku, files) == {}
    publisher.remove_unlisted(now, listed)
    return publisher


def test_names_hold_the_content_and_addresses_are_encoded() -> None:
    sha256 = content_hash(b"one")
    key = published_key("mug", "main", sha256, "jpg")
    assert key == f"mug/main-{sha256[:16]}.jpg"
    assert published_url(SETTINGS, key) == f"https://cdn.shop.example/p/{key}"
    assert key_of_url(SETTINGS, published_url(SETTINGS, "a b/main-0.jpg")) == "a b/main-0.jpg"
    assert published_url(SETTINGS, "a b/main-0.jpg").endswith("/a%20b/main-0.jpg")
    assert key_of_url(SETTINGS, "https://elsewhere.example/x.jpg") is None


def test_equal_pictures_of_two_marketplaces_go_up_once(catalog: CatalogStore, target: CatalogStore) -> None:
    files = [picture(catalog, "mug", b"same"), picture(catalog, "mug", b"same", marketplace="bol")]
    files.append(picture(catalog, "mug", b"other", marketplace="ebay"))
    publisher = Publisher(catalog, target, SETTINGS)
    assert publisher.publish("mug", files) == {}
    totals = publisher.remove_unlisted(NOW, {"mug"})
    assert keys(target) == sorted({publisher.key("mug", file) for file in files})
    assert (totals.uploaded, totals.uploaded_bytes, totals.removed, totals.waiting) == (2, 9, 0, 0)
    for file in files:
        assert content_hash(target.read(publisher.key("mug", file))) == file.sha256


def test_only_what_is_not_there_goes_up(catalog: CatalogStore, target: CatalogStore) -> None:
    first, second = picture(catalog, "mug", b"first"), picture(catalog, "mug", b"second", "additional")
    run(catalog, target, {"mug": [first]})
    totals = run(catalog, target, {"mug": [first, second]}).remove_unlisted(NOW, {"mug"})
    assert (totals.uploaded, totals.uploaded_bytes) == (1, 6)
    # Another length: not what we put there.
    target.write(published_key("mug", "main", first.sha256, "jpg"), b"torn")
    totals = run(catalog, target, {"mug": [first, second]}).remove_unlisted(NOW, {"mug"})
    assert totals.uploaded == 1
    assert target.read(published_key("mug", "main", first.sha256, "jpg")) == b"first"


def test_a_changed_or_missing_file_is_not_published(catalog: CatalogStore, target: CatalogStore) -> None:
    changed, missing, good = (picture(catalog, sku, sku.encode()) for sku in ("changed", "missing", "good"))
    catalog.write(f"exports/{changed.path}", b"tampered")
    catalog.delete(f"exports/{missing.path}")
    publisher = Publisher(catalog, target, SETTINGS)
    assert publisher.publish("changed", [changed])[changed.path].code == "changed"
    assert publisher.publish("missing", [missing])[missing.path].code == "missing"
    assert publisher.publish("good", [good]) == {}
    assert keys(target) == [publisher.key("good", good)]


def test_another_file_of_the_same_bytes_stands_in(catalog: CatalogStore, target: CatalogStore) -> None:
    files = [picture(catalog, "mug", b"same"), picture(catalog, "mug", b"same", marketplace="bol")]
    catalog.write(f"exports/{files[0].path}", b"tampered")
    publisher = Publisher(catalog, target, SETTINGS)
    assert publisher.publish("mug", files) == {}
    assert target.read(publisher.key("mug", files[0])) == b"same"


def test_what_nobody_lists_any_more_goes_after_some_days(catalog: CatalogStore, target: CatalogStore) -> None:
    old, new = picture(catalog, "mug", b"old"), picture(catalog, "mug", b"new")
    run(catalog, target, {"mug": [old]})
    run(catalog, target, {"mug": [new]})
    assert len(keys(target)) == 2
    run(catalog, target, {"mug": [new]}, NOW + WEEK - timedelta(seconds=1))
    assert len(keys(target)) == 2
    run(catalog, target, {"mug": [new]}, NOW + WEEK)
    assert keys(target) == [published_key("mug", "main", new.sha256, "jpg")]


def test_what_is_listed_again_in_time_stays(catalog: CatalogStore, target: CatalogStore) -> None:
    main, scene = picture(catalog, "mug", b"main"), picture(catalog, "mug", b"scene", "lifestyle")
    run(catalog, target, {"mug": [main, scene]})
    run(catalog, target, {"mug": [main]}, NOW + WEEK)
    run(catalog, target, {"mug": [main, scene]}, NOW + WEEK + timedelta(days=6))
    run(catalog, target, {"mug": [main]}, NOW + WEEK * 3)
    assert len(keys(target)) == 2
    run(catalog, target, {"mug": [main]}, NOW + WEEK * 4)
    assert len(keys(target)) == 1


def test_pictures_of_a_retired_sku_go_at_once(catalog: CatalogStore, target: CatalogStore) -> None:
    mug, pot = picture(catalog, "mug", b"mug"), picture(catalog, "pot", b"pot")
    run(catalog, target, {"mug": [mug], "pot": [pot]})
    publisher = run(catalog, target, {"pot": [pot]})
    assert keys(target) == [publisher.key("pot", pot)]
    assert [key for key in keys(catalog) if key.startswith("state/")] == [
        key for key in keys(catalog) if key.endswith("/pot.json")
    ]


def test_what_is_still_needed_stays(catalog: CatalogStore, target: CatalogStore) -> None:
    mug = picture(catalog, "mug", b"mug")
    url = run(catalog, target, {"mug": [mug]}).url("mug", mug)
    publisher = Publisher(catalog, target, SETTINGS)
    assert publisher.remove_unlisted(NOW, (), needed={url}).removed == 0
    assert len(keys(target)) == 1


def test_files_of_strangers_are_never_touched(catalog: CatalogStore, target: CatalogStore) -> None:
    old = picture(catalog, "mug", b"old")
    strange = ["index.html", "mug/notes.txt", "mug/main-0123456789abcdef.jpg", "pan/main-0123456789abcdef.jpg"]
    for key in strange:
        target.write(key, b"theirs")
    # Published by somebody else under the very name: not ours either.
    twin = picture(catalog, "twin", b"twin")
    target.write(published_key("twin", "main", twin.sha256, "jpg"), b"twin")
    run(catalog, target, {"mug": [old], "twin": [twin]})
    run(catalog, target, {}, NOW + WEEK * 9)
    assert keys(target) == sorted([*strange, published_key("twin", "main", twin.sha256, "jpg")])


def test_a_run_that_was_killed_leaves_nothing_that_is_nobodys(catalog: CatalogStore, target: CatalogStore) -> None:
    """The record is written before the picture goes up."""
    old, new = picture(catalog, "mug", b"old"), picture(catalog, "mug", b"new")
    Publisher(catalog, target, SETTINGS).publish("mug", [old])  # and killed
    run(catalog, target, {"mug": [new]})
    run(catalog, target, {"mug": [new]}, NOW + WEEK)
    assert keys(target) == [published_key("mug", "main", new.sha256, "jpg")]


def test_each_target_has_its_own_record(catalog: CatalogStore, tmp_path: Path) -> None:
    one, two = LocalStore(tmp_path / "one"), LocalStore(tmp_path / "two")
    mug = picture(catalog, "mug", b"mug")
    run(catalog, one, {"mug": [mug]})
    run(catalog, two, {"mug": [mug]})
    run(catalog, two, {})
    assert (len(keys(one)), len(keys(two))) == (1, 0)


@pytest.mark.parametrize("damaged", [b"{", b"[]", b'{"format": 9}', b'{"format": 1, "bytes": 3}'])
def test_a_damaged_record_stops_nothing_and_removes_nothing(
    catalog: CatalogStore, tmp_path: Path, damaged: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    target = LocalStore(tmp_path / "cdn")
    mug, pot = picture(catalog, "mug", b"mug"), picture(catalog, "pot", b"pot")
    run(catalog, target, {"mug": [mug], "pot": [pot]})
    (record,) = [key for key in keys(catalog) if key.endswith("/mug.json")]
    catalog.write(record, damaged)
    run(catalog, target, {"pot": [pot]}, NOW + WEEK * 2)
    assert len(keys(target)) == 2
    assert "mug.json: damaged record" in caplog.text


def test_a_record_whose_date_cannot_be_read_removes_nothing(catalog: CatalogStore, tmp_path: Path) -> None:
    target = LocalStore(tmp_path / "cdn")
    mug = picture(catalog, "mug", b"mug")
    run(catalog, target, {"mug": [mug]})
    run(catalog, target, {"mug": []})
    (record,) = [key for key in keys(catalog) if key.endswith("/mug.json")]
    catalog.write(record, catalog.read(record).replace(b"2026-11-21T", b"long ago"))
    run(catalog, target, {"mug": []}, NOW + WEEK)
    assert len(keys(target)) == 1


# What only a bucket has.


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(s3_server.endpoint) as proxy:
        yield proxy


def test_objects_have_a_type_and_may_be_kept_for_good(catalog: CatalogStore, s3_server: S3Server) -> None:
    bucket, client = s3_server.new_bucket(), s3_server.client()
    mug = picture(catalog, "mug", b"mug")
    publisher = run(catalog, S3Store(bucket, "cdn", client), {"mug": [mug]})
    head = client.head_object(Bucket=bucket, Key=f"cdn/{publisher.key('mug', mug)}")
    assert (head["ContentType"], head["CacheControl"]) == ("image/jpeg", CACHE_CONTROL)
    assert "immutable" in CACHE_CONTROL


def test_the_target_is_listed_once_and_not_asked_again(
    catalog: CatalogStore, s3_server: S3Server, proxy: FaultyProxy
) -> None:
    target = S3Store(s3_server.new_bucket(), "", s3_client(proxy.endpoint))
    listed = {sku: [picture(catalog, sku, sku.encode())] for sku in ("a", "b", "c")}
    run(catalog, target, listed)
    proxy.plan()
    run(catalog, target, listed)
    assert len(proxy.requests) == 1
    assert "list-type=2" in proxy.requests[0]


def test_trouble_with_the_target_is_an_error(catalog: CatalogStore, s3_server: S3Server, proxy: FaultyProxy) -> None:
    target = S3Store(s3_server.new_bucket(), "", s3_client(proxy.endpoint))
    publisher = Publisher(catalog, target, SETTINGS)
    proxy.plan(Fault(), *[Fault(503, "SlowDown")] * 3)
    with pytest.raises(StoreError) as caught:
        publisher.publish("mug", [picture(catalog, "mug", b"mug")])
    assert (caught.value.code, caught.value.retryable) == ("store_busy", True)


# Where may it lie?


def refusal(root: str, place: str) -> str:
    settings = PublishSettings(target=place, base_url=SETTINGS.base_url)
    with pytest.raises(SettingsError) as caught:
        open_target(open_store(root), settings, open_store)
    return str(caught.value)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("", "is the catalog itself"),
        ("/uploads", "lies in uploads/ of the catalog"),
        ("/assets/cdn", "lies in assets/ of the catalog"),
        ("/exports", "lies in exports/"),
        ("/manifests/x", "lies in manifests/"),
        ("/../catalog", "is the catalog itself"),
        ("/..", "holds the catalog"),
    ],
)
def test_a_target_in_the_catalogs_own_folders_is_refused(tmp_path: Path, place: str, said: str) -> None:
    root = tmp_path / "catalog"
    root.mkdir()
    message = refusal(str(root), f"{root}{place}")
    assert message.startswith("catalog.yaml: publish.target: ")
    assert said in message


def test_a_link_does_not_hide_the_catalog(tmp_path: Path) -> None:
    root = tmp_path / "catalog"
    (root / "uploads").mkdir(parents=True)
    (tmp_path / "cdn").symlink_to(root / "uploads")
    assert "lies in uploads/" in refusal(str(root), str(tmp_path / "cdn"))


def test_a_bucket_is_told_apart_by_its_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert "is the catalog itself" in refusal("s3://shop/catalog", "s3://shop/catalog/")
    assert "holds the catalog" in refusal("s3://shop/catalog", "s3://shop")
    assert "lies in assets/" in refusal("s3://shop", "s3://shop/assets")
    for place in ("s3://shop/catalog2", "s3://shop-cdn/catalog", "/srv/cdn"):
        settings = PublishSettings(target=place, base_url=SETTINGS.base_url)
        assert open_target(open_store("s3://shop/catalog"), settings, open_store).root == place.rstrip("/")


def test_a_folder_of_its_own_inside_the_catalog_is_fine(tmp_path: Path) -> None:
    settings = PublishSettings(target=str(tmp_path / "public"), base_url=SETTINGS.base_url)
    target = open_target(LocalStore(tmp_path), settings, open_store)
    assert target.root == str(tmp_path / "public")


def test_the_record_names_no_secret(catalog: CatalogStore, tmp_path: Path) -> None:
    run(catalog, LocalStore(tmp_path / "cdn"), {"mug": [picture(catalog, "mug", b"mug")]})
    (record,) = [key for key in keys(catalog) if key.endswith("/mug.json")]
    assert sorted(json.loads(catalog.read(record))) == ["bytes", "format", "unlisted_since"]
