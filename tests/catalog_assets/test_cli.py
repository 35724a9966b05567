"""The command line: its forms, its exit statuses, and that nothing breaks its output."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from catalog_assets.quarantine import Quarantined
from catalog_assets.records import campaign_shelf
from catalog_assets.sample_catalog import SAMPLE, Expected, expected, surprises, unexpected_reviews
from resources.names import sku_name
from resources.store import LocalStore
from resources.verdicts import Rejection
from tests.catalog_assets.command_line import assert_could_not_run, catalog
from tests.catalogs import make_catalog, photo_bytes
from tests.conftest import S3Server
from tests.pictures import png_bytes, product_cutout, product_photo, truncated
from tests.resources.printed_box import box_photo, in_scene
from tests.s3_tools import Fault, faulty_proxy

EVERGREEN = "name: evergreen\nscenes: [{template: grey-sweep, candidates: 1}]\nmarketplaces: [amazon, shopify]\n"
WINTER = "name: winter\nfrom: 2020-01-01\nuntil: 2020-02-01\nscenes: [{template: frost}]\nmarketplaces: [shopify]\n"
SECRET = "do-not-show-this-secret"  # what a shop would have in its environment


@pytest.fixture(scope="module")
def campaign_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Campaigns with little work: one scene all year, and one long past."""
    folder = tmp_path_factory.mktemp("campaigns")
    (folder / "evergreen.yaml").write_text(EVERGREEN)
    (folder / "winter.yaml").write_text(WINTER)
    return folder


@pytest.fixture(autouse=True)
def own_process_state(campaign_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """Its own environment, home and folder; the command line silences logs and warnings, tests after it do not."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        for name in list(os.environ):
            if name.startswith(("CATALOG_", "DAGSTER_", "AWS_", "XDG_")):
                patch.delenv(name)
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        patch.setenv("CATALOG_CAMPAIGNS", str(campaign_folder))
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        yield patch
        assert "DAGSTER_HOME" not in os.environ
        # Nothing is left in the user's home, but for matplotlib's list of fonts.
        assert {path.name for path in home.iterdir()} <= {".cache", ".config"}
        assert not list(Path.cwd().iterdir())  # nor where the command was called


def shop(root: Path, *, good: tuple[str, ...] = (), bad: tuple[str, ...] = ()) -> Path:
    make_catalog(root, good=good, bad=bad)
    (root / "catalog.yaml").write_text("scene_size: 500\ncandidates: 1\n")
    return root


def times(root: Path) -> dict[Path, int]:
    """When each file that was made was written last."""
    return {path: path.stat().st_mtime_ns for folder in ("assets", "exports") for path in (root / folder).rglob("*.*")}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good SKUs, a truncated photo, and a file that is none, after a first refresh. Tests leave it as it is."""
    root = shop(tmp_path_factory.mktemp("filled"), good=("mug", "tea"), bad=("torn",))
    (root / "uploads" / "notes <b>.txt").write_text("not a photo")
    return root


@pytest.fixture(scope="module")
def first_refresh(filled: Path, campaign_folder: Path) -> Result:
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("CATALOG_CAMPAIGNS", str(campaign_folder))
        patch.delenv("DAGSTER_HOME", raising=False)
        result = catalog("refresh", "--root", filled)
    return result


# The line


def test_a_refresh_with_a_bad_photo_says_1_and_which(filled: Path, first_refresh: Result) -> None:
    assert first_refresh.exit_code == 1
    text = first_refresh.stdout
    assert "product: 2 made, 1 rejected" in text
    assert "evergreen: 2 made, 1 not_attempted" in text
    assert "winter" not in text  # out of season
    assert "1 rejected:\n  torn (product): " in text
    assert text.count("ignored: notes <b>.txt") == 1
    for place in ("reports/gallery/index.html", "exports", "manifests", "quarantine"):
        assert str(filled / place) in text
        assert (filled / place).exists()
    assert f"DAGSTER_HOME={filled / '.dagster'} CATALOG_ROOT={filled} " in text
    assert "dagster dev -m catalog_assets.definitions" in text
    assert not (filled / "exports/amazon/evergreen/torn").exists()


def test_a_second_refresh_makes_nothing_new_and_still_says_1(filled: Path, first_refresh: Result) -> None:
    kept = times(filled)
    second = catalog("refresh", "--root", filled)
    assert second.exit_code == 1
    assert "product: 1 rejected, 2 up_to_date" in second.stdout
    assert "Nothing new was made" in second.stdout
    assert "  torn (product): " in second.stdout
    assert times(filled) == kept


def test_an_all_good_refresh_says_0_until_a_photo_goes_bad(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop", good=("a",))
    first = catalog("refresh", "--root", root, "--sku", "a", "--campaign", "evergreen")
    assert (first.exit_code, "rejected" in first.stdout) == (0, False)
    forced = catalog("refresh", "--root", root, "--force")
    assert forced.exit_code == 0
    assert "product: 1 made" in forced.stdout
    assert "Nothing new" not in forced.stdout


def test_a_retry_of_a_named_sku_is_a_new_attempt(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop", good=("a",))
    assert catalog("retry", "--root", root).stdout == "Nothing is in quarantine.\n"
    assert catalog("retry", "--root", root, "--sku", "a").exit_code == 0
    result = catalog("retry", "--root", root, "--sku", "a")
    assert result.exit_code == 0
    records = campaign_shelf(LocalStore(root), "evergreen", "scene_variants", "a").records()
    assert [(record.facts["attempt"], record.name) for record in records] == [
        (1, "main.grey-sweep.c1.a1"),
        (2, "main.grey-sweep.c1.a2"),
    ]


def test_a_retry_of_the_quarantine_says_what_is_still_there(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop", bad=("torn",))
    assert catalog("refresh", "--root", root).exit_code == 1
    again = catalog("retry", "--root", root)
    assert again.exit_code == 1
    assert "  torn (product): " in again.stdout
    (root / "uploads" / "torn.jpg").write_bytes(photo_bytes(1))
    assert catalog("retry", "--root", root).exit_code == 0
    assert catalog("retry", "--root", root).stdout == "Nothing is in quarantine.\n"


def test_what_keeps_a_refresh_from_running_is_one_line(tmp_path: Path, filled: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert_could_not_run(catalog("refresh", "--root", nowhere), "No catalog folder", str(nowhere))
    (tmp_path / "bare").mkdir()
    assert_could_not_run(catalog("refresh", "--root", tmp_path / "bare"), "uploads was found", "<sku>.jpg")
    assert_could_not_run(catalog("refresh", "--root", filled, "--sku", "nobody"), "No SKU named nobody")
    assert_could_not_run(catalog("retry", "--root", filled, "--sku", "nobody"), "No SKU named nobody")
    assert_could_not_run(catalog("refresh", "--root", filled, "--campaign", "easter"), "easter", "evergreen, winter")
    assert_could_not_run(catalog("refresh", "--root", "ftp://shop"), "ftp:")
    assert_could_not_run(catalog("refresh", "--root", "s3://user:secret@bucket"), "s3://bucket/prefix")
    assert_could_not_run(catalog("refresh", "--root", filled, "--everything"), "--everything")
    assert_could_not_run(catalog("refreshh"), "refreshh")
    assert_could_not_run(catalog("demo", "--root", "s3://bucket/demo"), "folder")
    broken = shop(tmp_path / "broken", good=("a",))
    (broken / "catalog.yaml").write_text("scene_size: huge\n")
    assert_could_not_run(catalog("refresh", "--root", broken), "catalog.yaml: scene_size", "'huge'")


def test_a_wrong_environment_is_one_line(filled: Path, own_process_state: pytest.MonkeyPatch) -> None:
    with own_process_state.context() as patch:
        patch.setenv("CATALOG_PRODUCT_BATCH", "many")
        assert_could_not_run(catalog("status", "--root", filled), "CATALOG_PRODUCT_BATCH", "'many'")
        patch.setenv("CATALOG_PRODUCT_BATCH", "48")
        patch.setenv("CATALOG_CAMPAIGN_BATCH", "48")
        assert_could_not_run(catalog("refresh", "--root", filled), "CATALOG_CAMPAIGN_BATCH")
    with own_process_state.context() as patch:
        patch.setenv("CATALOG_PROFILE", "huge")
        assert_could_not_run(catalog("models"), "'huge'", "embedded")
        assert_could_not_run(catalog("refresh", "--root", filled), "'huge'", "CATALOG_PROFILE")


def test_the_module_itself_may_fail_to_load_and_is_still_one_line(tmp_path: Path) -> None:
    """In a process of its own, in which the definitions are not loaded yet."""
    result = subprocess.run(
        [sys.executable, "-m", "catalog_assets.cli", "status", "--root", str(tmp_path)],
        env={**os.environ, "CATALOG_PRODUCT_BATCH": "many"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "catalog: CATALOG_PRODUCT_BATCH: 'many' found, a number of SKUs from 1 to 100000 expected"
    ]


def test_trouble_with_s3_is_one_line_without_secrets(
    tmp_path: Path, s3_server: S3Server, own_process_state: pytest.MonkeyPatch
) -> None:
    bucket = s3_server.new_bucket()
    with faulty_proxy(s3_server.endpoint) as proxy, own_process_state.context() as patch:
        patch.setenv("CATALOG_S3_ENDPOINT", proxy.endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTEST")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        results = [catalog("refresh", "--root", "s3://there-is-no-such-bucket/shop")]
        assert_could_not_run(results[-1], "There is no bucket there-is-no-such-bucket")
        results.append(catalog("refresh", "--root", f"s3://{bucket}/shop"))
        assert_could_not_run(results[-1], f"s3://{bucket}/shop/uploads was found")
        proxy.plan(*[Fault(status=403, code="InvalidAccessKeyId")] * 3)
        results.append(catalog("refresh", "--root", f"s3://{bucket}/shop"))
        assert_could_not_run(results[-1], "Check the access key")
        patch.setenv("CATALOG_S3_ENDPOINT", "http://127.0.0.1:9")
        results.append(catalog("status", "--root", f"s3://{bucket}/shop"))
        assert_could_not_run(results[-1], "cannot be reached")
    assert not any(SECRET in result.output or "AKIATEST" in result.output for result in results)
    assert not (tmp_path / "cache").exists()


# Looking


def test_status_counts_skus_by_stage(filled: Path, first_refresh: Result) -> None:
    result = catalog("status", "--root", filled)
    assert result.exit_code == 0
    rows = {
        line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line.startswith(("raw", "ever"))
    }
    assert rows["raw_photo"][:3] == ["2", "1", "0"]
    assert rows["evergreen/marketplace_export"][:3] == ["2", "0", "1"]


def test_quarantine_and_review_are_listed_apart(tmp_path: Path, filled: Path, first_refresh: Result) -> None:
    held = catalog("quarantine", "--root", filled)
    assert held.exit_code == 1
    head, message, hint = held.stdout.splitlines()
    assert head.startswith("torn [product / raw_photo / truncated, since 20")
    assert message.startswith("  ")
    assert hint.startswith("  ")
    waiting = catalog("review", "--root", filled)
    assert (waiting.exit_code, waiting.stdout) == (0, "Nothing waits for review.\n")
    store = LocalStore(tmp_path)
    record = {**LocalStore(filled).read_json("quarantine/product/torn.json"), "code": "needs_review"}
    store.write_json("quarantine/product/torn.json", {**record, "message": "look\n\x1b[31mhere", "hint": "<b>\r\n"})
    review = catalog("review", "--root", tmp_path)
    assert review.exit_code == 1
    *said, page = review.stdout.splitlines()
    assert said[1:] == ["  look [31mhere", "  <b>"]
    assert Path(page.removeprefix("page: ")).is_file()
    assert catalog("quarantine", "--root", tmp_path).stdout == "Nothing is in quarantine.\n"


def test_a_trace_shows_every_stage_of_a_sku(filled: Path, first_refresh: Result) -> None:
    result = catalog("trace", "mug", "--root", filled)
    assert result.exit_code == 0
    for stage in ("product / raw_photo: made", "product / mask", "evergreen / scored_finals", "marketplace_export"):
        assert stage in result.stdout
    page = Path(result.stdout.splitlines()[-1].removeprefix("page: "))
    assert "mug" in page.read_text()
    assert "stopped by the product line at raw_photo" in catalog("trace", "torn", "--root", filled).stdout
    assert_could_not_run(catalog("trace", "mugg", "--root", filled), "No SKU named mugg", "Did you mean mug?")
    assert_could_not_run(catalog("trace", "../../etc\n\x1b[31m", "--root", filled), "No SKU named ../../etc [31m")


@pytest.mark.parametrize("command", ["status", "quarantine", "review", "retry"])
def test_a_root_that_is_not_there_is_told(tmp_path: Path, command: str) -> None:
    assert_could_not_run(catalog(command, "--root", tmp_path / "nowhere"), "No catalog folder")
    assert not (tmp_path / "nowhere").exists()


def test_models_and_campaigns_are_listed(
    tmp_path: Path, campaign_folder: Path, own_process_state: pytest.MonkeyPatch
) -> None:
    models = catalog("models")
    assert models.exit_code == 0
    assert "cut-out: embedded (in use)" in models.stdout
    found = catalog("campaigns")
    assert found.exit_code == 0
    assert [line.split(":")[0] for line in found.stdout.splitlines()] == ["evergreen", "winter"]
    assert "all year, active" in found.stdout
    assert "2020-01-01 to 2020-02-01, not in season" in found.stdout
    folder = tmp_path / "own"
    shutil.copytree(campaign_folder, folder)
    (folder / "broken.yaml").write_text("name: broken\nscenes: [{template: no-such-scene}]\nmarketplaces: [shopify]\n")
    (folder / "odd.yaml").write_text('title: "two\\nlines \\e[31m"\n' + EVERGREEN.replace("evergreen", "odd"))
    (folder / "ends.yaml").write_text("until: 2020-01-31\n" + EVERGREEN.replace("evergreen", "ends"))
    with own_process_state.context() as patch:
        patch.setenv("CATALOG_CAMPAIGNS", str(folder))
        result = catalog("campaigns")
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["ends", "evergreen", "odd", "winter"]
    assert "always to 2020-01-31, not in season" in result.stdout
    assert result.stderr.startswith("campaign left out: broken.yaml: scenes.0.template")


# Single pictures


def lines_of(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_cutout_tells_a_json_line_a_photo(tmp_path: Path) -> None:
    names = ["mug.jpg", "-rf.jpg", "Größe 42 <b>.jpg", "new\nline.jpg", "torn.jpg", "twice.jpg"]
    for number, name in enumerate(names):
        data = photo_bytes(number)
        (tmp_path / name).write_bytes(truncated(data) if name == "torn.jpg" else data)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        result = catalog("cutout", "-o", "out", "--", *names, "gone.jpg", "twice.png")
    lines = lines_of(result)
    assert result.exit_code == 1
    assert [line["file"] for line in lines] == [*names, "gone.jpg", "twice.png"]
    assert [line["status"] for line in lines] == [*["accepted"] * 4, "rejected", "accepted", "rejected", "rejected"]
    assert [line["reason"] for line in lines[4:]] == ["truncated", "", "not_found", "duplicate_name"]
    for line in lines:
        assert line.keys() >= {"file", "status", "engine", "confidence", "seconds", "reason"}
        assert line["engine"] == "embedded"
    made = {path.stem for path in (tmp_path / "out").iterdir()}
    assert made == {"mug", "-rf", "Größe 42 <b>", "new\nline", "twice"}
    assert catalog("cutout", tmp_path / "mug.jpg", "-o", tmp_path / "two").exit_code == 0


def test_cutout_of_a_name_that_is_no_unicode(tmp_path: Path) -> None:
    """In a process of its own: only there are file names bytes."""
    name = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    try:
        Path(os.fsdecode(name)).write_bytes(photo_bytes(1))
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    result = subprocess.run(
        [sys.executable, "-m", "catalog_assets.cli", "cutout", name, "-o", str(tmp_path / "out")],
        capture_output=True,
        timeout=120,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout)["file"] == os.fsdecode(name)
    assert os.listdir(os.fsencode(tmp_path / "out")) == [b"caf\xe9.png"]  # noqa: PTH208


def test_what_keeps_single_pictures_from_being_made(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(photo_bytes(1))
    (tmp_path / "cut.png").write_bytes(png_bytes(product_cutout()))
    out = tmp_path / "out"
    assert_could_not_run(catalog("cutout", tmp_path / "a.jpg", "-o", out, "--engine", "nope"), "'nope'", "classical")
    assert_could_not_run(catalog("cutout", "-o", out), "PHOTO")
    assert_could_not_run(catalog("cutout", tmp_path / "a.jpg", "-o", tmp_path / "a.jpg"), "is a file")
    assert_could_not_run(catalog("compose", tmp_path / "cut.png", "--scene", "beach", "-o", out / "x.png"), "'beach'")
    assert_could_not_run(
        catalog("compose", tmp_path / "no.png", "--scene", "frost", "-o", out / "x.png"), "does not exist"
    )
    assert_could_not_run(catalog("judge", tmp_path / "a.jpg"), "--pairs")
    assert_could_not_run(catalog("judge", "--pairs", tmp_path / "no.csv"), "does not exist")
    (tmp_path / "pairs.csv").write_text("a,b\n")
    assert_could_not_run(catalog("judge", "--pairs", tmp_path / "pairs.csv"), "no column final, original")
    assert_could_not_run(catalog("comply", tmp_path / "a.jpg", "--marketplace", "bazaar"), "'bazaar'", "amazon")
    assert_could_not_run(
        catalog("comply", tmp_path / "a.jpg", "--marketplace", "amazon", "--slot", "hero"), "'hero'", "lifestyle"
    )
    assert not out.exists()


def test_compose_and_judge(tmp_path: Path) -> None:
    (tmp_path / "original.png").write_bytes(png_bytes(product_photo()))
    (tmp_path / "cut.png").write_bytes(png_bytes(product_cutout()))
    (tmp_path / "matte.png").write_bytes(png_bytes(product_cutout()[..., 3]))
    for name in ("one", "again"):
        made = catalog("compose", tmp_path / "cut.png", "--scene", "grey-sweep", "-o", tmp_path / f"{name}.jpg")
        assert (made.exit_code, lines_of(made)[0]["status"]) == (0, "made")
    assert (tmp_path / "one.jpg").read_bytes() == (tmp_path / "again.jpg").read_bytes()
    catalog("compose", tmp_path / "cut.png", "--scene", "grey-sweep", "--seed", "9", "-o", tmp_path / "two.jpg")
    assert (tmp_path / "one.jpg").read_bytes() != (tmp_path / "two.jpg").read_bytes()

    matte = ("--matte", tmp_path / "matte.png")
    good = catalog("judge", tmp_path / "original.png", tmp_path / "one.jpg", *matte, "--json")
    verdict = json.loads(good.stdout)
    assert (good.exit_code, verdict["verdict"], verdict["decided_by"]) == (0, "accepted", "")
    assert 0 < verdict["score"] <= 1
    assert all(measure.keys() >= {"name", "value", "threshold", "passed"} for measure in verdict["measures"])

    (tmp_path / "other.png").write_bytes(png_bytes(product_photo(seed=4)))
    bad = catalog("judge", tmp_path / "original.png", tmp_path / "other.png", *matte)
    assert bad.exit_code == 1
    assert bad.stdout.startswith("rejected: ")
    assert "  FAIL " in bad.stdout
    (tmp_path / "pairs.csv").write_text(
        "final,original,matte\none.jpg,original.png,matte.png\nother.png,original.png,\n"
    )
    pairs = catalog("judge", "--pairs", tmp_path / "pairs.csv")
    assert pairs.exit_code == 1
    assert [(line["final"], line["verdict"]) for line in lines_of(pairs)] == [
        ("one.jpg", "accepted"),
        ("other.png", "rejected"),
    ]


def test_judge_reads_what_is_printed_unless_told_not_to(tmp_path: Path) -> None:
    photo, matte = box_photo()
    for name, picture in {"original": photo, "matte": matte, "final": in_scene(photo, matte, 1.0, 60, 60)}.items():
        (tmp_path / f"{name}.png").write_bytes(png_bytes(picture))
    (tmp_path / "pairs.csv").write_text("final,original,matte\nfinal.png,original.png,matte.png\n")
    pair = (tmp_path / "original.png", tmp_path / "final.png", "--matte", tmp_path / "matte.png")
    for call in (("judge", *pair, "--json"), ("judge", "--pairs", tmp_path / "pairs.csv")):
        seen = {m["name"]: m for m in json.loads(catalog(*call).stdout)["measures"]}
        assert (seen["text_distance"]["value"], seen["text_distance"]["passed"]) == (0.0, True)
        blind = {m["name"]: m for m in json.loads(catalog(*call, "--no-text").stdout)["measures"]}
        assert blind == {name: one for name, one in seen.items() if name != "text_distance"}


def test_marketplaces_are_listed_with_files_that_cannot_be_used(
    tmp_path: Path, own_process_state: pytest.MonkeyPatch
) -> None:
    found = catalog("marketplaces")
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert any(line.startswith("amazon: Amazon; ") and "; campaigns evergreen" in line for line in lines)
    assert any(line.startswith("etsy: ") and line.endswith("takes no lifestyle") for line in lines)
    assert any(line.startswith("  AI: ") for line in lines)
    (tmp_path / "kiosk.yaml").write_text("extends: bazaar\nname: kiosk\n")
    with own_process_state.context() as patch:
        patch.setenv("CATALOG_MARKETPLACES", str(tmp_path))
        broken = catalog("marketplaces")
    assert broken.exit_code == 1
    assert "kiosk.yaml: extends: 'bazaar' found" in broken.stderr


def test_comply_wants_a_file_or_verify(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    for arguments in ((), (tmp_path / "a.jpg",), (tmp_path / "a.jpg", "--verify", "--marketplace", "amazon")):
        assert_could_not_run(catalog("comply", *arguments), "FILE and one --marketplace")


def test_comply_of_an_export_and_of_a_photo(filled: Path, first_refresh: Result) -> None:
    for marketplace in ("amazon", "shopify"):
        [main] = [
            path
            for path in (filled / "exports" / marketplace / "evergreen/mug").iterdir()
            if "main" in path.name.lower()
        ]
        good = catalog("comply", main, "--marketplace", marketplace, "--json")
        content = json.loads(good.stdout)
        assert (good.exit_code, content["verdict"], content["slot"]) == (0, "accepted", "main")
        assert all(measure["passed"] for measure in content["measures"])
    wrong = catalog("comply", filled / "uploads/mug.jpg", "--marketplace", "amazon", "--slot", "main", "--json")
    assert wrong.exit_code == 1
    assert {measure["name"] for measure in json.loads(wrong.stdout)["measures"] if not measure["passed"]} >= {
        "background_white",
        "longest_side_min",
    }


def test_a_photo_its_cutout_and_its_scene_belong_together(tmp_path: Path) -> None:
    """As somebody would try it out: no matte is given, so the engine cuts the original out again."""
    photo = SAMPLE / "uploads" / "notebook-red.jpg"
    assert catalog("cutout", photo, "-o", tmp_path / "out").exit_code == 0
    scene = tmp_path / "scene.png"
    assert catalog("compose", tmp_path / "out/notebook-red.png", "--scene", "grey-sweep", "-o", scene).exit_code == 0
    result = catalog("judge", photo, scene)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "accepted: every measure is within its threshold")


# Odd names


def test_hostile_names_break_neither_output_nor_store(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    names = ["<img src=x onerror=alert(1)>", "a\nb\x1b[31mred", "=cmd|calc", "..", "Größe 42"]
    for number, name in enumerate(names):
        data = photo_bytes(number)
        (root / "uploads" / f"{name}.jpg").write_bytes(data if number < 2 else truncated(data))
    result = catalog("refresh", "--root", root)
    assert result.exit_code == 1
    assert f"product: 2 made, {len(names) - 2} rejected" in result.stdout
    listed = [line for line in result.stdout.splitlines() if line.startswith("  ")]
    assert sorted(line.split()[0] for line in listed) == sorted(sku_name(name).key for name in names[2:])
    for command in ("status", "quarantine", "review"):
        assert catalog(command, "--root", root).exit_code in (0, 1)
    for name in names:
        traced = catalog("trace", name, "--root", root)
        assert traced.exit_code == 0
        page = Path(traced.stdout.splitlines()[-1].removeprefix("page: "))
        assert "<img src=x" not in page.read_text()
    for page in (root / "reports").rglob("*.html"):
        assert "<img src=x" not in page.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop"]
    again = catalog("refresh", "--root", root, "--sku", names[0])
    assert (again.exit_code, "product: 1 up_to_date" in again.stdout) == (0, True)


# The sample catalog


def held(sku: str, code: str) -> Quarantined:
    return Quarantined("product", sku, Rejection(code, "Seen.", "Do."), "2026-01-01T00:00:00+00:00")


def test_what_the_demo_did_not_expect() -> None:
    want = Expected(rejected={"torn": "truncated", "text": "not_an_image"}, may_need_review=frozenset({"glass"}))
    planted = [held("torn", "truncated"), held("text", "not_an_image")]
    assert surprises([*planted, held("glass", "needs_review"), held("mug", "needs_review")], want) == []
    assert unexpected_reviews([*planted, held("glass", "needs_review"), held("mug", "needs_review")], want) == ["mug"]
    assert surprises(planted[:1], want) == ["text should have been rejected as not_an_image, but was not."]
    [other] = surprises([held("torn", "too_small"), planted[1]], want)
    assert "torn was rejected as too_small (Seen.), expected as truncated." in other
    [good] = surprises([*planted, held("mug", "truncated")], want)
    assert "mug was rejected as truncated (Seen.), expected not at all." in good
    assert surprises([planted[1], held("torn", "needs_review")], want)  # a review is no rejection


def sample_is_complete() -> bool:
    uploads = SAMPLE / "uploads"
    return all(any(uploads.glob(f"{sku}*")) for sku in [*expected().rejected, *expected().may_need_review])


@pytest.mark.slow
def test_the_demo_rejects_exactly_what_was_planted(tmp_path: Path, own_process_state: pytest.MonkeyPatch) -> None:
    if not sample_is_complete():
        pytest.skip("the sample catalog is not complete")
    own_process_state.delenv("CATALOG_CAMPAIGNS")  # the demo is about what is shipped
    root = tmp_path / "demo"
    first = catalog("demo", "--root", root)
    assert first.exit_code == 0, first.output
    assert f"{len(expected().rejected)} rejected:" in first.stdout
    for sku in expected().rejected:
        assert f"  {sku} (product): " in first.stdout
    assert (root / "reports/gallery/index.html").is_file()
    kept = times(root)
    second = catalog("demo", "--root", root)
    assert second.exit_code == 0, second.output
    assert "Nothing new was made" in second.stdout
    assert times(root) == kept
