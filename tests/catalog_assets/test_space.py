"""Space: what candidates are kept, what pruning may take away beside running work, and what a catalog takes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog_assets.campaign_files import Campaign
from catalog_assets.campaigns import campaign_line
from catalog_assets.decisions import FinalDecision, write_final_decision
from catalog_assets.final_reviews import FinalName, approve_final
from catalog_assets.line import LineReport, run_line
from catalog_assets.records import FileRef, Record, campaign_shelf, product_shelf, read_file, stored_records
from catalog_assets.reviews import ReviewError
from catalog_assets.settings import Settings, SettingsError, SpaceSettings, load_settings
from catalog_assets.space import LEFTOVER_AGE_S, Pruned, prune_catalog, usage
from catalog_assets.stage import StageResult
from catalog_assets.stages.pruning import spent_candidates
from catalog_assets.stages.scene_variants import SceneVariants
from catalog_assets.trace import trace
from resources.names import clean_text
from resources.store import CatalogStore, LocalStore, open_store
from tests.catalog_assets.command_line import assert_could_not_run, catalog
from tests.catalog_assets.shop import Shop, campaigns
from tests.catalogs import make_catalog, open_context, photo_bytes, run_product

SALE = Campaign(name="sale", scenes=[{"template": "grey-sweep"}], marketplaces=["shopify"])
USUAL = "candidates: 2\nscene_size: 500\narchives: none\n"
PREVIEW = USUAL + "space: {losers: preview}\n"
DAY_S = 24 * 3600.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog with one SKU that is through both lines. Tests copy it."""
    root = make_catalog(tmp_path_factory.mktemp("made"), good=("a",))
    (root / "uploads" / "a.jpg").write_bytes(photo_bytes(0, (480, 480)))
    (root / "catalog.yaml").write_text(USUAL)
    run_product(root)
    run_campaign(root)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(made, tmp_path / "shop"))


def run_campaign(
    root: Path, chosen: Campaign = SALE, skus: Sequence[str] = ("a",), **options: object
) -> tuple[LineReport, list[StageResult]]:
    results: list[StageResult] = []
    line = campaign_line(chosen, 9).line(open_context(root, **options))
    return run_line(line, skus, threads=1, on_result=results.append), results


def candidates(root: Path) -> list[Record]:
    return campaign_shelf(open_store(str(root)), "sale", "scene_variants", "a").records()


def final(root: Path) -> Record:
    [found] = campaign_shelf(open_store(str(root)), "sale", "scored_finals", "a").records()
    return found


def statuses(results: Sequence[StageResult]) -> list[str]:
    return [result.status for result in results]


def loser(root: Path) -> Record:
    [found] = [one for one in candidates(root) if one.name != final(root).facts["chosen"]]
    return found


def prune(root: Path | str, *, dry_run: bool = False, in_days: float = 0.0) -> Pruned:
    store = open_store(str(root))
    now = time.time() + in_days * DAY_S
    _, work = prune_catalog(store, load_settings(store).space, dry_run=dry_run, now=now)
    done = Pruned()
    for one in work:
        done.merge(one)
    return done


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def assert_whole(store: CatalogStore) -> None:
    """Every file that a record names is there with the bytes that it names."""
    folders = {entry.key.rpartition("/")[0] for entry in store.list("assets") if entry.key.endswith(".json")}
    for folder in folders:
        for record in stored_records(store, folder):
            for file in record.files.values():
                read_file(store, file)


# Settings


def test_the_rules_have_defaults_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    assert Settings().space == SpaceSettings(attempts=2, losers="keep")
    for text, said in (("{atempts: 3}", "space.atempts"), ("{losers: drop}", "space.losers"), ("{attempts: 0}", "1")):
        (tmp_path / "catalog.yaml").write_text(f"space: {text}\n")
        with pytest.raises(SettingsError, match=said):
            load_settings(open_store(str(tmp_path)))


# Rules


def test_by_default_every_candidate_of_the_last_two_attempts_is_kept(root: Path) -> None:
    before = {one.name: one for one in candidates(root)}
    assert all({"picture", "preview"} == set(one.files) for one in before.values())
    run_campaign(root, retry=True)
    assert {one.facts["attempt"] for one in candidates(root)} == {1, 2}
    run_campaign(root, retry=True)
    kept = candidates(root)
    assert {one.facts["attempt"] for one in kept} == {2, 3}
    store = open_store(str(root))
    assert not any(store.exists(file.key) for one in before.values() for file in one.files.values())
    assert_whole(store)
    # The next attempt goes on counting.
    run_campaign(root, retry=True)
    assert max(one.facts["attempt"] for one in candidates(root)) == 4


def test_losers_keep_their_preview_and_their_record_and_count_as_made(root: Path) -> None:
    _, before = run_campaign(root)
    lost = loser(root)
    (root / "catalog.yaml").write_text(PREVIEW)
    _, results = run_campaign(root)
    assert statuses(results) == ["up_to_date"] * 3
    assert [one.data_version for one in results] == [one.data_version for one in before]

    pruned = loser(root)
    assert set(pruned.files) == {"preview"}
    assert pruned.pruned == {"picture": lost.files["picture"]}
    assert (pruned.made_at, pruned.fingerprint, pruned.facts) == (lost.made_at, lost.fingerprint, lost.facts)
    store = open_store(str(root))
    assert not store.exists(lost.files["picture"].key)
    assert_whole(store)

    kept = tree(root)
    assert statuses(run_campaign(root)[1]) == ["up_to_date"] * 3
    assert tree(root) == kept


def test_the_trace_still_says_why_and_that_a_picture_is_not_kept(root: Path) -> None:
    (root / "catalog.yaml").write_text(PREVIEW)
    run_campaign(root)
    found = trace(open_store(str(root)), campaigns(SALE), "a")
    text = found.as_text()
    assert "2 candidates, 1 judged, 1 accepted" in text
    assert text.count("not kept, to save space") == 1
    [figures] = [shown for title, shown in found.figures if title == "sale"]
    small = [figure for figure in figures if "not kept" in figure.message]
    assert [(bool(figure.picture), figure.full) for figure in small] == [(True, "")]


def test_other_thresholds_make_a_pruned_loser_again_and_judge_it(root: Path) -> None:
    whole = tree(root / "assets/campaigns/sale/scene_variants")
    (root / "catalog.yaml").write_text(PREVIEW)
    run_campaign(root)
    stricter = SALE.model_copy(update={"fidelity": {"worst_block_ssim": 1.01}})
    report, _ = run_campaign(root, stricter)
    assert report.rejections["a"].code == "needs_review"
    first = {one.name: one for one in candidates(root) if not one.facts["again"]}
    assert [row["name"] for row in final(root).facts["candidates"][:2]] == sorted(first)
    # While it waits for a person all pictures are there, and they are the same as ever.
    for one in first.values():
        file = one.files["picture"]
        assert read_file(open_store(str(root)), file) == whole[f"a/{file.key.rpartition('/')[2]}"]
    assert not any(one.pruned for one in candidates(root))


def test_while_a_person_asks_for_others_all_are_kept(root: Path) -> None:
    (root / "catalog.yaml").write_text(PREVIEW)
    store = open_store(str(root))
    wish = FinalDecision(decision="rework", by="Ann", note="another look")
    write_final_decision(store, "a", "sale", final(root).name, wish)
    run_campaign(root)
    asked = [one for one in candidates(root) if str(one.facts["again"]).startswith("p")]
    assert len(asked) == 2
    assert not any(one.pruned for one in asked)


def test_a_pruned_picture_cannot_be_approved_and_that_is_said(root: Path) -> None:
    (root / "catalog.yaml").write_text(PREVIEW)
    run_campaign(root)
    with pytest.raises(ReviewError, match=r"not kept any more.*catalog review rework"):
        approve_final(open_store(str(root)), FinalName("a", "sale"), "Ann", "nicer", loser(root).name)


def record(name: str, attempt: int = 1, **fields: Any) -> Record:
    files = {role: FileRef(f"x/{name}.{role}", f"{name}{role}", 9) for role in ("picture", "preview")}
    facts = {"view": "main", "scene": "oak", "attempt": attempt}
    made = {"files": files, "facts": facts, "inputs": {"base": "b"}, "made_at": "2026-01-01T10:00:00+00:00"}
    return Record("scene_variants", "a", name, "made", "f", **{**made, **fields})


CHOSEN, LOST = record("c1"), record("c2")
FINAL = Record(
    "scored_finals",
    "a",
    "main.oak",
    "accepted",
    "f",
    files={"final": CHOSEN.files["picture"], "preview": CHOSEN.files["preview"]},
    facts={"view": "main", "scene": "oak"},
    made_at="2026-01-01T10:05:00+00:00",
)
SMALL = SpaceSettings(losers="preview")


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        (LOST, ""),
        (CHOSEN, "it is the final"),
        (replace(LOST, cost_usd=0.04), "it was paid for"),
        (replace(LOST, made_at="2026-01-01T10:06:00+00:00"), "no final was chosen since"),
        (replace(LOST, facts={**LOST.facts, "scene": "sky"}), "its scene has no final"),
        (replace(LOST, files={"preview": LOST.files["preview"]}), "it is pruned already"),
    ],
)
def test_which_losers_go(candidate: Record, why: str) -> None:
    found = spent_candidates([CHOSEN, candidate], [FINAL], SMALL)
    assert found.old == ()
    assert found.losers == (() if why else (candidate,))
    assert spent_candidates([CHOSEN, candidate], [FINAL], SpaceSettings()).losers == ()


def test_what_waits_or_is_decided_keeps_its_pictures() -> None:
    waits = replace(FINAL, status="review", files={"preview": CHOSEN.files["preview"]})
    assert spent_candidates([CHOSEN, LOST], [waits], SMALL).losers == ()
    assert spent_candidates([CHOSEN, LOST], [FINAL], SMALL, {LOST.files["picture"].sha256}).losers == ()


def test_an_old_attempt_that_the_final_still_names_stays() -> None:
    later = [record(f"n{attempt}", attempt) for attempt in (2, 3, 4)]
    found = spent_candidates([CHOSEN, LOST, *later], [FINAL], SpaceSettings(attempts=2))
    assert [one.name for one in found.old] == ["c2", "n2"]
    other_photo = replace(LOST, inputs={"base": "of another photo"})
    assert other_photo not in spent_candidates([other_photo, *later], [], SpaceSettings()).old


def test_a_final_keeps_its_picture_until_another_is_chosen(root: Path) -> None:
    shown = final(root)
    context = open_context(root, period="2026-W48")
    SceneVariants(context, SALE, "2026-W48").run(["a"])  # alone, as from the UI
    store = open_store(str(root))
    assert {one.facts["period"] for one in candidates(root)} == {"2026-W48"}
    assert final(root) == shown
    assert_whole(store)
    run_campaign(root, period="2026-W48")
    assert final(root).files != shown.files
    assert not any(store.exists(file.key) for file in shown.files.values())
    assert_whole(store)


# Pruning a catalog


def test_what_an_older_run_left_is_pruned_by_the_rules_of_today(root: Path) -> None:
    kept = tree(root)
    (root / "catalog.yaml").write_text(PREVIEW)
    lost = loser(root)
    assert prune(root).busy == 1  # it was worked on a moment ago
    would = prune(root, dry_run=True, in_days=0.5)
    assert {**tree(root), "catalog.yaml": b""} == {**kept, "catalog.yaml": b""}
    done = prune(root, in_days=0.5)
    assert (would.files, would.bytes) == (done.files, done.bytes)
    assert done.files == {"candidates that were not chosen": 1}
    assert done.bytes.total() == lost.files["picture"].bytes
    assert statuses(run_campaign(root)[1]) == ["up_to_date"] * 3
    assert prune(root, in_days=0.5).files == {}


def test_only_leftovers_go_and_nothing_that_people_put_there(root: Path) -> None:
    store = LocalStore(root)
    write_final_decision(store, "a", "sale", "main.oak", FinalDecision(decision="reject", by="Ann", note="no"))
    store.write("ledger/entries/2026-01/x.jsonl", b"{}\n")
    store.write("exports/shopify/sale/a/listed.jpg", b"named by the manifest alone")
    store.write(
        "manifests/shopify/pictures.csv",
        b"sku,slot,campaign,scene,file,url,sha256\na,main,sale,,shopify/sale/a/listed.jpg,https://x/y.jpg,00\n",
    )
    kept = tree(root)
    left = {
        "assets/product/cutout/a/main-0123456789abcdef.png": "leftovers of runs that were cut off",
        "assets/product/mask/gone/main-0123456789abcdef.png": "leftovers of runs that were cut off",
        "assets/campaigns/sale/scene_variants/a/x-0123456789abcdef.webp": "leftovers of runs that were cut off",
        "exports/shopify/sale/a/nobody.jpg": "exports that nothing names",
        "exports/shopify/gone/b/nobody.jpg": "exports that nothing names",
        "state/twins/mask/0123.json": "notes about twins that are no more",
    }
    for key in left:
        store.write(key, b"left")
    assert prune(root).files == {}  # they may belong to a run that goes on
    done = prune(root, in_days=2)
    assert dict(done.files) == {kind: list(left.values()).count(kind) for kind in set(left.values())}
    assert tree(root) == kept


def test_beside_a_damaged_record_nothing_goes(root: Path) -> None:
    store = LocalStore(root)
    store.write("assets/product/cutout/a/main.json", b"{")
    store.write("assets/campaigns/sale/marketplace_export/a/shopify.json", b"{")
    kept = tree(root)
    assert prune(root, in_days=2).files == {"notes about twins that are no more": 1}  # of the cut-out: made anew
    assert {name for name in kept if not name.startswith("state/twins/")} <= tree(root).keys()


def test_a_broken_list_of_a_manifest_keeps_every_export(root: Path) -> None:
    store = LocalStore(root)
    store.write("exports/shopify/sale/a/nobody.jpg", b"left")
    store.write("manifests/shopify/pictures.csv", b"not,a,list\n1,2,3\n")
    assert prune(root, in_days=2).files == {}


def test_a_leftover_that_a_run_takes_up_again_stays(tmp_path: Path) -> None:
    """A run that was cut off left a picture; while pruning looks at it, another run makes the same one."""
    store = LocalStore(tmp_path)
    key = store.write_picture("assets/product/cutout/a", "main", "png", b"pixels")
    old = time.time() - 2 * DAY_S
    os.utime(tmp_path / key, (old, old))
    before = time.time() - LEFTOVER_AGE_S
    [listed] = store.list("assets")
    assert listed.modified < before
    assert store.write_picture("assets/product/cutout/a", "main", "png", b"pixels") == key
    assert not store.delete_older(key, before)
    assert store.read(key) == b"pixels"
    assert list(store.list()) != []


class Slow(LocalStore):
    """A disk on which something else happens between reading a record and removing its picture."""

    def delete(self, key: str) -> None:
        time.sleep(0.002)
        super().delete(key)


def test_two_runs_over_one_sku_beside_pruning_leave_nothing_torn(root: Path) -> None:
    (root / "catalog.yaml").write_text(PREVIEW)
    ended = threading.Event()
    pruned: list[Pruned] = []
    reports: list[LineReport] = []

    def keep_pruning() -> None:
        store = Slow(root)
        while not ended.is_set():
            # As if everything were old: what keeps runs and pruning apart by time alone must not be needed.
            _, work = prune_catalog(store, SMALL, now=time.time() + 0.9 * DAY_S)
            pruned.extend(work)

    def keep_making(seed: int) -> None:
        for number in range(2):
            reports.append(run_campaign(root, force=True, retry=(number + seed) % 2 == 0)[0])

    pruner = threading.Thread(target=keep_pruning)
    makers = [threading.Thread(target=keep_making, args=(seed,)) for seed in (0, 1)]
    pruner.start()
    for thread in makers:
        thread.start()
    for thread in makers:
        thread.join()
    ended.set()
    pruner.join()

    assert len(pruned) > 10
    assert [report.rejections for report in reports] == [{}] * 4
    run_campaign(root)  # whatever the last of them did not see
    assert_whole(open_store(str(root)))
    assert final(root).passed
    assert statuses(run_campaign(root)[1]) == ["up_to_date"] * 3


def test_a_bucket_is_pruned_too(root: Path, s3_server: Any) -> None:
    from resources.store import S3Store

    store = S3Store(s3_server.new_bucket(), "shop", s3_server.client())
    for key, data in tree(root).items():
        store.write(key, data)
    store.write("assets/product/cutout/a/main-0123456789abcdef.png", b"left")
    _, work = prune_catalog(store, SMALL, now=time.time() + 2 * DAY_S)
    done = Pruned()
    for one in work:
        done.merge(one)
    assert dict(done.files) == {"candidates that were not chosen": 1, "leftovers of runs that were cut off": 1}
    assert_whole(store)


# What there is


class Listing(LocalStore):
    """A disk on which nothing may be opened; remembers what was listed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.listed: list[str] = []

    def list(self, prefix: str = "", on_skip: Any = None) -> Iterator[Any]:
        self.listed.append(prefix)
        return super().list(prefix, on_skip)

    def _open_handle(self, key: str) -> int:
        raise AssertionError(f"{key} was opened")


def test_bytes_are_counted_by_kind_without_opening_anything(root: Path) -> None:
    store = Listing(root)
    store.write("manifests/shopify/pictures.zip", b"x" * 500)
    home = root / ".dagster"
    home.mkdir()
    (home / "runs.db").write_bytes(b"y" * 300)
    found = usage(store, home)
    kinds = {kind.name: kind for kind in found.kinds}
    assert found.bytes == sum(len(data) for name, data in tree(root).items() if name != "catalog.yaml")
    assert (kinds["uploads"].files, kinds["archives (ZIP)"].bytes, kinds["Dagster's own state"].bytes) == (1, 500, 300)
    assert kinds["candidates, finals among them"].files == 2 * 3
    assert (found.skus, found.bytes_a_sku) == (1, found.bytes)
    assert len(store.listed) == len(set(store.listed)) == 14  # once each, however many SKUs there are
    assert "in all" in found.as_text()


def test_an_empty_catalog_and_postgres(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("storage:\n  postgres:\n    postgres_db: {}\n")
    found = usage(LocalStore(tmp_path / "shop"), tmp_path)
    assert (found.skus, found.bytes_a_sku) == (0, 0.0)
    assert "Postgres: not counted" in found.as_text()


def test_the_commands(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    said = catalog("status", "--root", root, "--space")
    assert said.exit_code == 0
    assert clean_text(said.stdout).startswith("space files MB MB a SKU")
    store = LocalStore(root)
    left = store.write_picture("assets/product/cutout/a", "main", "png", b"left")
    old = time.time() - 2 * DAY_S
    os.utime(root / left, (old, old))
    would = catalog("prune", "--root", root, "--dry-run")
    assert "leftovers of runs that were cut off: 1 files" in would.stdout
    assert would.stdout.endswith("1 files, 0.0 MB would go.\n")
    assert store.exists(left)
    assert catalog("prune", "--root", root).stdout.endswith("1 files, 0.0 MB went.\n")
    assert not store.exists(left)
    assert catalog("prune", "--root", root).stdout == "Nothing to prune.\n"
    (root / "catalog.yaml").write_text("space: {loosers: keep}\n")
    assert_could_not_run(catalog("prune", "--root", root), "catalog.yaml", "space.loosers")


def test_twins_that_are_on_record_keep_their_note(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.make("a")
    record = product_shelf(shop.store, "mask", "a").records()[0]
    shop.store.write_json(f"state/twins/mask/{record.fingerprint}.json", {"sku": "a", "name": "main"})
    shop.store.write_json("state/twins/mask/0123.json", {"sku": "a", "name": "main"})
    assert prune(tmp_path, in_days=2).files == {"notes about twins that are no more": 1}
    assert shop.store.children("state/twins/mask") == (f"{record.fingerprint}.json",)
