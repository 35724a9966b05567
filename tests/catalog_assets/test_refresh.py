"""What `catalog refresh` and `catalog retry` do, called as a library: tasks, runs, and what is left in quarantine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog_assets.campaign_files import Campaigns, load_campaigns
from catalog_assets.environment import Environment
from catalog_assets.instance import dagster_home, open_instance
from catalog_assets.partitions import MOST_RANGES, registered
from catalog_assets.quarantine import quarantined
from catalog_assets.records import campaign_shelf, product_shelf
from catalog_assets.refresh import RefreshError, Wish, open_catalog, refresh
from catalog_assets.settings import SettingsError
from resources.names import sku_name
from resources.store import LocalStore, StoreError
from tests.catalogs import make_catalog, photo_bytes

# One scene each, so that a run takes little; `strict` has a gate that no picture passes, and stops all of them.
EVERGREEN = "name: evergreen\nscenes: [{template: grey-sweep, candidates: 1}]\nmarketplaces: [shopify]\n"
STRICT = EVERGREEN.replace("evergreen", "strict") + "fidelity: {worst_block_ssim: 2}\n"
ARCHIVED_WINTER = "name: winter\narchived: true\nscenes: [{template: frost}]\nmarketplaces: [shopify]\n"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees the shop's variables, and none leaves one behind."""
    for name in list(os.environ):
        if name.startswith(("CATALOG_", "DAGSTER_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    yield
    assert "DAGSTER_HOME" not in os.environ


def shop(root: Path, *, good: tuple[str, ...] = (), bad: tuple[str, ...] = ()) -> Path:
    make_catalog(root, good=good, bad=bad)
    (root / "catalog.yaml").write_text("scene_size: 500\ncandidates: 1\n")
    return root


def load(folder: Path, *texts: str) -> Campaigns:
    folder.mkdir(exist_ok=True)
    for number, text in enumerate([*texts, ARCHIVED_WINTER]):
        (folder / f"{number}.yaml").write_text(text)
    found = load_campaigns(folder)
    assert not found.problems
    return found


@pytest.fixture
def campaigns(tmp_path: Path) -> Campaigns:
    return load(tmp_path / "campaigns", EVERGREEN)


def attempts(root: Path, campaign: str, sku: str) -> list[int]:
    records = campaign_shelf(LocalStore(root), campaign, "scene_variants", sku).records()
    return sorted({record.facts["attempt"] for record in records})


def test_a_bad_photo_stays_behind_and_the_others_are_exported(tmp_path: Path, campaigns: Campaigns) -> None:
    root = shop(tmp_path / "shop", good=("a", "c"), bad=("b",))
    environment = Environment(root=str(root))
    first = refresh(environment, campaigns, Wish())
    assert first.skus == 3
    assert first.counts["product"] == {"made": 2, "rejected": 1}
    assert first.counts["evergreen"] == {"made": 2, "not_attempted": 1}
    assert [(record.sku, record.rejection.code) for record in first.stopped] == [("b", "truncated")]
    assert (first.broken_runs, first.ok) == ([], False)
    assert sorted(path.name for path in (root / "exports" / "shopify" / "evergreen").iterdir()) == ["a", "c"]
    before = {path: path.stat().st_mtime_ns for path in (root / "exports").rglob("*") if path.is_file()}

    second = refresh(environment, campaigns, Wish())
    assert second.made == 0
    assert second.counts["product"] == {"up_to_date": 2, "rejected": 1}
    assert [record.sku for record in second.stopped] == ["b"]
    assert {path: path.stat().st_mtime_ns for path in (root / "exports").rglob("*") if path.is_file()} == before

    (root / "uploads" / "b.jpg").write_bytes(photo_bytes(9))
    third = refresh(environment, campaigns, Wish(("b",)))
    assert (third.skus, third.counts["product"], third.ok) == (1, {"made": 1}, True)
    assert not quarantined(LocalStore(root))


def test_force_makes_the_same_attempt_again(tmp_path: Path, campaigns: Campaigns) -> None:
    root = shop(tmp_path / "shop", good=("a",))
    environment = Environment(root=str(root))
    refresh(environment, campaigns, Wish())
    pictures = {path.name for path in (root / "assets").rglob("*") if path.suffix != ".json"}
    forced = refresh(environment, campaigns, Wish(force=True))
    assert forced.counts["product"] == {"made": 1}
    assert forced.counts["evergreen"] == {"made": 1}
    assert attempts(root, "evergreen", "a") == [1]
    assert {path.name for path in (root / "assets").rglob("*") if path.suffix != ".json"} == pictures


def test_scattered_skus_go_in_one_run(tmp_path: Path, campaigns: Campaigns) -> None:
    names = tuple(f"s{number:02d}" for number in range(2 * MOST_RANGES + 2))
    root = shop(tmp_path / "shop", bad=names)  # truncated photos: quick, and still one outcome a SKU
    environment = Environment(root=str(root))
    refresh(environment, campaigns, Wish())
    apart = names[::2]
    assert len(apart) > MOST_RANGES
    for name in apart[:2]:
        (root / "uploads" / f"{name}.jpg").write_bytes(photo_bytes(3))
    result = refresh(environment, campaigns, Wish(apart))
    assert result.skus == len(apart)
    assert result.counts["product + evergreen"] == {"made": 4, "rejected": len(apart) - 2}
    assert sorted(record.sku for record in result.stopped) == sorted(apart[2:])
    with open_instance(str(root)) as instance:
        assert len(instance.get_run_records()) == 2 + 1 + 2  # two lines, one scattered run, reports each time


def test_a_retry_of_the_quarantine_touches_only_the_line_that_holds_a_sku(tmp_path: Path) -> None:
    campaigns = load(tmp_path / "campaigns", EVERGREEN, STRICT)
    root = shop(tmp_path / "shop", good=("a",), bad=("b",))
    environment = Environment(root=str(root))
    first = refresh(environment, campaigns, Wish())
    assert sorted((record.line, record.sku, record.rejection.is_review) for record in first.stopped) == [
        ("product", "b", False),
        ("strict", "a", True),
    ]
    again = refresh(environment, campaigns, Wish(retry=True))
    assert attempts(root, "strict", "a") == [1, 2]
    assert attempts(root, "evergreen", "a") == [1]
    assert sorted((record.line, record.sku) for record in again.stopped) == [("product", "b"), ("strict", "a")]


def test_a_retry_of_a_named_sku_makes_new_pictures(tmp_path: Path, campaigns: Campaigns) -> None:
    root = shop(tmp_path / "shop", good=("a", "b"))
    environment = Environment(root=str(root))
    refresh(environment, campaigns, Wish())
    result = refresh(environment, campaigns, Wish(("a",), retry=True))
    assert result.ok
    assert attempts(root, "evergreen", "a") == [1, 2]
    assert attempts(root, "evergreen", "b") == [1]
    [final] = campaign_shelf(LocalStore(root), "evergreen", "scored_finals", "a").records()
    assert final.facts["attempt"] == 2


def test_a_quarantined_sku_that_dagster_does_not_know_does_not_stop_a_retry(
    tmp_path: Path, campaigns: Campaigns
) -> None:
    root = shop(tmp_path / "shop", bad=("b",))
    environment = Environment(root=str(root))
    refresh(environment, campaigns, Wish())
    store = LocalStore(root)
    store.write_json("quarantine/product/ghost.json", {**store.read_json("quarantine/product/b.json"), "sku": "ghost"})
    result = refresh(environment, campaigns, Wish(retry=True))
    assert result.skus == 1
    assert [record.sku for record in result.stopped] == ["b"]


def test_a_sku_is_found_by_its_key_and_by_the_name_it_was_uploaded_under(tmp_path: Path, campaigns: Campaigns) -> None:
    root = shop(tmp_path / "shop", bad=("Größe 42 <b>", "plain"))
    environment = Environment(root=str(root))
    key = sku_name("Größe 42 <b>").key
    assert [record.sku for record in refresh(environment, campaigns, Wish(("Größe 42 <b>",))).stopped] == [key]
    assert [record.sku for record in refresh(environment, campaigns, Wish((key,))).stopped] == [key]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(("nobody", "a")), "No SKU named nobody"),
        (Wish(("line\nbreak\x1b[31m",)), r"No SKU named line break\[31m"),
        (Wish(campaigns=("easter",)), "No campaign named easter; known are evergreen"),
        (Wish(campaigns=("winter",)), "No campaign named winter"),  # archived
    ],
)
def test_an_unknown_wish_is_an_error_before_anything_runs(
    tmp_path: Path, campaigns: Campaigns, wish: Wish, words: str
) -> None:
    root = shop(tmp_path / "shop", good=("a",))
    with pytest.raises(RefreshError, match=words):
        refresh(Environment(root=str(root)), campaigns, wish)
    assert not (root / "assets").exists()


@pytest.mark.parametrize(
    "environment", [{"profile": "huge"}, {"matting": "nope"}, {"scenes": "nope"}], ids=lambda each: next(iter(each))
)
def test_an_unknown_engine_is_an_error_before_anything_runs(
    tmp_path: Path, campaigns: Campaigns, environment: dict[str, str]
) -> None:
    root = shop(tmp_path / "shop", good=("a",))
    with pytest.raises(RefreshError, match="CATALOG_PROFILE"):
        refresh(Environment(root=str(root), **environment), campaigns, Wish())
    assert not (root / "assets").exists()


def test_a_root_that_is_not_there_is_an_error_and_is_not_made(tmp_path: Path, campaigns: Campaigns) -> None:
    with pytest.raises(RefreshError, match="No catalog folder"):
        refresh(Environment(root=str(tmp_path / "nowhere")), campaigns, Wish())
    (tmp_path / "bare").mkdir()
    with pytest.raises(RefreshError, match=r"No folder .*bare/uploads was found"):
        refresh(Environment(root=str(tmp_path / "bare")), campaigns, Wish())
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file"):
        refresh(Environment(root=str(tmp_path / "file")), campaigns, Wish())
    assert not (tmp_path / "nowhere").exists()
    assert not list((tmp_path / "bare").iterdir())


def test_an_empty_upload_folder_is_no_error(tmp_path: Path, campaigns: Campaigns) -> None:
    root = shop(tmp_path / "shop")
    result = refresh(Environment(root=str(root)), campaigns, Wish())
    assert (result.skus, result.ok, result.broken_runs) == (0, True, [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("candidates: many\n", "catalog.yaml: candidates"),
        ("candidatess: 2\n", "no such setting"),
        ("a: [\n", "not valid YAML"),
    ],
)
def test_a_broken_catalog_yaml_is_an_error(tmp_path: Path, campaigns: Campaigns, text: str, words: str) -> None:
    root = shop(tmp_path / "shop", good=("a",))
    (root / "catalog.yaml").write_text(text)
    with pytest.raises(SettingsError, match=words):
        refresh(Environment(root=str(root)), campaigns, Wish())


def test_a_threshold_that_does_not_exist_breaks_the_run_in_words(tmp_path: Path, campaigns: Campaigns) -> None:
    root = shop(tmp_path / "shop", good=("a",))
    (root / "catalog.yaml").write_text("matte: {prettiness: 1}\n")
    result = refresh(Environment(root=str(root)), campaigns, Wish())
    assert not result.ok
    assert any("no threshold prettiness; known are" in said for said in result.broken_runs)


def test_a_removed_upload_is_retired(tmp_path: Path, campaigns: Campaigns) -> None:
    root = shop(tmp_path / "shop", good=("a", "b"))
    environment = Environment(root=str(root))
    refresh(environment, campaigns, Wish())
    (root / "uploads" / "a.jpg").unlink()
    result = refresh(environment, campaigns, Wish())
    assert result.counts["product"] == {"retired": 1, "up_to_date": 1}
    assert result.ok
    assert [path.name for path in (root / "exports" / "shopify" / "evergreen").iterdir()] == ["b"]
    assert product_shelf(LocalStore(root), "raw_photo", "a").records()  # its history stays


def test_two_catalogs_in_one_process_have_two_homes(tmp_path: Path, campaigns: Campaigns) -> None:
    roots = [shop(tmp_path / name, bad=(name,)) for name in ("one", "two")]
    for root in roots:
        refresh(Environment(root=str(root)), campaigns, Wish())
    for root in roots:
        with open_instance(str(root)) as instance:
            assert registered(instance) == [root.name]
        assert (root / ".dagster" / "dagster.yaml").is_file()


def test_a_set_dagster_home_is_used_and_stays_set(
    tmp_path: Path, campaigns: Campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shop(tmp_path / "shop", bad=("b",))
    with monkeypatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
        refresh(Environment(root=str(root)), campaigns, Wish())
        assert os.environ["DAGSTER_HOME"] == str(tmp_path / "home")
        with open_instance(str(root)) as instance:
            assert registered(instance) == ["b"]
    assert not (root / ".dagster").exists()


def test_where_dagster_keeps_its_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert dagster_home(str(tmp_path)) == tmp_path / ".dagster"
    assert dagster_home("~/shop") == Path.home() / "shop" / ".dagster"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    homes = {dagster_home(root) for root in ("s3://bucket/one", "s3://bucket/two")}
    assert len(homes) == 2
    assert all(home.parent == tmp_path / "cache" / "catalog-pictures" for home in homes)


def test_an_endpoint_from_the_environment_reaches_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG_S3_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    assert open_catalog(Environment(root="s3://some-bucket/shop")).root == "s3://some-bucket/shop"


def test_an_empty_upload_folder_stops_before_anything_is_retired(tmp_path: Path, campaigns: Campaigns) -> None:
    root = shop(tmp_path / "shop", good=tuple(f"s{number:02d}" for number in range(12)))
    refresh(Environment(root=str(root)), Campaigns({}, (), ()), Wish())
    (root / "uploads").rename(root / "elsewhere")
    (root / "uploads").mkdir()
    with pytest.raises(StoreError, match="12 SKUs"):
        refresh(Environment(root=str(root)), campaigns, Wish())


def test_nothing_is_written_outside_the_root_and_the_table_is_checked(tmp_path: Path, campaigns: Campaigns) -> None:
    root = shop(tmp_path / "shop", good=("a",))
    (root / "catalog.csv").write_text("sku,image\na,../../etc/passwd\nghost,x.jpg\n")
    result = refresh(Environment(root=str(root)), campaigns, Wish())
    assert {problem.code for problem in result.problems} >= {"unsafe_path"}
    assert list(Path(os.environ["HOME"]).rglob("*")) == []
