"""line_health: what counts, when a line is stopped, who learns of it, and who starts afresh."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from catalog_assets.campaign_files import Campaign, Campaigns, load_campaigns
from catalog_assets.campaigns import campaign_line
from catalog_assets.cli import cli
from catalog_assets.environment import Environment
from catalog_assets.health import FOLDER, KEPT_DAYS, LINE_STOPPED, HealthWatch, open_watch, recall, remember
from catalog_assets.instance import open_instance
from catalog_assets.line_assets import line_assets, work
from catalog_assets.partitions import FORCE_TAG, WORK_TAG, work_of
from catalog_assets.quarantine import quarantined
from catalog_assets.refresh import Wish, refresh
from catalog_assets.settings import LineHealth, SettingsError, load_settings
from catalog_assets.stage import StageResult
from resources.progress import Progress
from resources.scenes.studio import StudioEngine
from resources.store import CatalogStore, LocalStore, open_store
from resources.verdicts import INTERNAL_ERROR, Rejection
from tests.catalogs import make_catalog, open_context, run_product
from tests.dagster_runs import checks, failure_text, materialized, run_one, run_range

STAGES = ("scene_variants", "scored_finals")
CHANGED = Rejection("product_changed", "Its label is gone.", "Make it again.", stage="scored_finals")
REVIEW = Rejection("needs_review", "A person must look.", "Look.", stage="scored_finals")
CRASH = Rejection(INTERNAL_ERROR, "The program failed.", "Again.", stage="scene_variants", details="Traceback ...")


def results(sku: str, rejection: Rejection | None = None, *, fresh: bool = True, by: str = "") -> list[StageResult]:
    """A SKU that came to the judge, or to the stage of its rejection."""
    gate = {"main.oak": {"decided_by": by}}
    stage = rejection.stage if rejection else STAGES[-1]
    status = "rejected" if rejection else "made" if fresh else "up_to_date"
    before = [StageResult("scene_variants", sku, "made", fresh=fresh, check=True)] if stage == STAGES[-1] else []
    return [*before, StageResult(stage, sku, status, fresh=fresh, rejection=rejection, gate=gate)]


def watch_of(share: float = 0.5, least: int = 4, work: str = "") -> HealthWatch:
    return HealthWatch("sale", STAGES, LineHealth(share=share, least=least), work)


def seen(watch: HealthWatch, *every: Sequence[StageResult]) -> list[bool]:
    return [watch.see(each) for each in every]


def test_it_trips_once_when_more_than_the_share_of_enough_skus_fail() -> None:
    watch = watch_of()
    bad = [results(f"bad{number}", CHANGED) for number in range(5)]
    assert seen(watch, bad[0], bad[1], results("a"), results("b")) == [False] * 4  # half is not more than half
    assert seen(watch, bad[2], bad[3], bad[4]) == [True, False, False]
    assert watch.stopped is not None
    assert (watch.stopped.code, watch.stopped.retryable) == (LINE_STOPPED, True)
    for said in ("3 of 5 products", "60%", "at most 50%", "product changed (3)", "Its label is gone."):
        assert said in watch.stopped.message
    assert watch.numbers()["judged"] == 7


def test_too_few_skus_say_nothing() -> None:
    watch = watch_of(least=4)
    assert not any(seen(watch, *(results(f"bad{number}", CHANGED) for number in range(3))))
    assert watch.stopped is None
    assert "too few to say" in watch.in_words()


@pytest.mark.parametrize(
    "uncounted",
    [
        results("old", CHANGED, fresh=False),
        results("done", fresh=False),
        results("decided", Rejection("rejected_by_person", "Ann said no.", "", stage="scored_finals"), by="person"),
        [StageResult("scene_variants", "x", "not_attempted")],
        [StageResult("scene_variants", "x", "not_selected")],
        [StageResult("scene_variants", "x", "made", check=True, fresh=True)],  # the judge is not selected
        [StageResult("marketplace_export", "x", "rejected", rejection=CHANGED, fresh=True)],
    ],
    ids=["rejected before", "up to date", "by a person", "no cut-out", "not selected", "unjudged", "export alone"],
)
def test_what_says_nothing_of_the_model_does_not_count(uncounted: Sequence[StageResult]) -> None:
    watch = watch_of()
    seen(watch, *[uncounted] * 20)
    assert (watch.judged, watch.failed, watch.stopped) == (0, 0, None)


def test_reviews_and_crashes_count_as_no_final() -> None:
    watch = watch_of()
    assert seen(watch, *(results(f"s{n}", reason) for n, reason in enumerate((REVIEW, CRASH, CRASH, CHANGED))))[-1]
    assert watch.numbers()["reasons"] == "internal_error 2, needs_review 1, product_changed 1"


def test_the_measure_that_decided_is_the_reason() -> None:
    watch = watch_of()
    seen(watch, *(results(f"s{number}", REVIEW, by="worst_block_ssim") for number in range(4)))
    assert watch.stopped is not None
    assert "most often worst block ssim (4): A person must look." in watch.stopped.message


def test_a_share_of_one_switches_it_off() -> None:
    watch = watch_of(share=1)
    assert not any(seen(watch, *(results(f"bad{number}", CHANGED) for number in range(30))))


def test_the_message_does_not_depend_on_the_order() -> None:
    every = [
        results(f"s{number}", Rejection("blurred", f"Picture {number} is blurred.", "", stage="scored_finals"))
        for number in range(4)
    ]
    watches = [watch_of(), watch_of()]
    seen(watches[0], *every)
    seen(watches[1], *reversed(every))
    assert watches[0].stopped == watches[1].stopped


# who learns of it


@pytest.fixture
def store(tmp_path: Path) -> CatalogStore:
    return LocalStore(tmp_path)


def tripped(work: str) -> HealthWatch:
    watch = watch_of(work=work)
    seen(watch, *(results(f"bad{number}", CHANGED) for number in range(4)))
    return watch


def test_only_the_same_work_of_the_same_line_is_stopped(store: CatalogStore) -> None:
    watch = tripped("backfill1")
    remember(store, watch)
    assert recall(store, "sale", "backfill1") == watch.stopped
    assert open_watch(store, "sale", STAGES, LineHealth(), "backfill1").stopped == watch.stopped
    for line, work_id in (("sale", "backfill2"), ("winter", "backfill1"), ("sale", "")):
        assert recall(store, line, work_id) is None


def test_a_run_of_its_own_leaves_no_state(store: CatalogStore) -> None:
    remember(store, tripped(""))
    assert not list(store.list(FOLDER))


@pytest.mark.parametrize("work_id", ["../../etc/x", "", "a\nb", "x" * 5000])
def test_any_text_may_name_the_work(store: CatalogStore, work_id: str) -> None:
    remember(store, tripped(work_id))
    assert all(entry.key.startswith(f"{FOLDER}/sale/") for entry in store.list())
    assert (recall(store, "sale", work_id) is not None) == bool(work_id)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"message": 3}', b"\xff"])
def test_a_damaged_state_stops_nobody(store: CatalogStore, body: bytes) -> None:
    remember(store, tripped("w"))
    [entry] = store.list(FOLDER)
    store.write(entry.key, body)
    assert recall(store, "sale", "w") is None


def test_old_states_go_when_a_new_one_is_written(store: CatalogStore) -> None:
    for number in range(3):
        remember(store, tripped(f"w{number}"))
    old, damaged, young = [entry.key for entry in store.list(FOLDER)]
    store.write_json(old, {**store.read_json(old), "at": "2020-01-01T00:00:00+00:00"})
    store.write(damaged, b"{")
    remember(store, tripped("new"))
    kept = {entry.key for entry in store.list(FOLDER)}
    assert KEPT_DAYS > 1
    assert young in kept
    assert not {old, damaged} & kept
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, ""),
        ({"dagster/backfill": "b"}, "b"),
        ({WORK_TAG: "refresh-1"}, "refresh-1"),
        ({"dagster/backfill": "b", "dagster/parent_run_id": "r"}, ""),  # a person started it again
        ({"dagster/backfill": "b", "dagster/parent_run_id": "r", "dagster/retry_number": "1"}, "b"),  # a lost worker
    ],
)
def test_what_a_run_is_a_part_of(tags: dict[str, str], expected: str) -> None:
    assert work_of(tags) == expected


@pytest.mark.parametrize("text", ["share: 1.5", "share: -0.1", "least: 0", "most: 3"])
def test_settings_out_of_range_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "catalog.yaml").write_text(f"line_health: {{{text}}}\n")
    with pytest.raises(SettingsError, match=r"catalog.yaml: line_health"):
        load_settings(open_store(str(tmp_path)))


# the line


NAMES = [f"s{number:02d}" for number in range(8)]
STRICT = {"worst_block_ssim": 2.0}


def sale(**fields: object) -> Campaign:
    return Campaign.model_validate(
        {"name": "sale", "scenes": [{"template": "grey-sweep", "candidates": 1}], "marketplaces": ["shopify"], **fields}
    )


@pytest.fixture(scope="module")
def cut_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of eight SKUs that are cut out."""
    root = make_catalog(tmp_path_factory.mktemp("cut") / "catalog", good=NAMES)
    run_product(root)
    return root


@pytest.fixture
def root(cut_out: Path, tmp_path: Path) -> Path:
    shutil.copytree(cut_out, tmp_path / "catalog")
    (tmp_path / "catalog" / "catalog.yaml").write_text(
        "scene_size: 500\nthreads: 1\nline_health: {share: 0.5, least: 2}\n"
    )
    return tmp_path / "catalog"


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the engine was asked for pictures."""
    calls: list[int] = []
    original = StudioEngine.compose

    def counting(self: StudioEngine, jobs: Sequence[object]) -> object:
        calls.append(len(jobs))
        return original(self, jobs)  # type: ignore[arg-type]

    monkeypatch.setattr(StudioEngine, "compose", counting)
    return calls


def run_sale(root: Path, campaign: Campaign, skus: Sequence[str], work_id: str = "") -> HealthWatch:
    context = open_context(root)
    info = campaign_line(campaign, 9)
    line = info.line(context)
    watch = info.watch(context, line, work_id)
    assert watch is not None
    work(line, skus, context, Progress(), lambda result: None, watch)
    return watch


def test_the_rest_of_a_batch_is_stopped_before_the_engine_is_asked(root: Path, composed: list[int]) -> None:
    watch = run_sale(root, sale(fidelity=STRICT), NAMES)
    asked = len(composed)
    held = {record.sku: record.rejection for record in quarantined(open_store(str(root)))}
    left = [sku for sku, rejection in held.items() if rejection.code == LINE_STOPPED]
    assert sorted(held) == NAMES
    assert len(left) == watch.left >= 1
    assert all(held[sku].retryable and held[sku].stage in STAGES for sku in left)
    again = run_sale(root, sale(fidelity=STRICT), left, "")
    assert again.judged >= 2  # a new run starts afresh
    assert len(composed) > asked


def test_what_is_up_to_date_goes_on_in_a_stopped_line(root: Path, composed: list[int]) -> None:
    run_sale(root, sale(), NAMES[:4])
    made = len(composed)
    store = open_store(str(root))
    remember(store, tripped("w"))
    watch = run_sale(root, sale(), NAMES, "w")
    assert len(composed) == made
    assert watch.left == 4
    assert [record.sku for record in quarantined(store)] == NAMES[4:]
    assert {path.parent.name for path in (root / "exports").rglob("*.jpg")} == set(NAMES[:4])


# Dagster


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def health(instance: dg.DagsterInstance, campaign: str = "sale") -> list[tuple[str, str | None, dict[str, object]]]:
    """Evaluations of line_health, newest first: status, partition, and its numbers."""
    key = dg.AssetCheckKey(dg.AssetKey([campaign, "scored_finals"]), "line_health")
    found = []
    for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=50):
        event = record.event.dagster_event if record.event else None
        evaluation = event.asset_check_evaluation_data if event and record.status.value != "PLANNED" else None
        numbers = {name: value.value for name, value in evaluation.metadata.items()} if evaluation else {}
        found.append((record.status.value, record.partition, numbers))
    return found


def test_the_second_batch_of_a_backfill_is_stopped_and_a_new_backfill_is_not(
    root: Path, instance: dg.DagsterInstance, composed: list[int]
) -> None:
    strict = line_assets(campaign_line(sale(fidelity=STRICT), batch=4), ["team:catalog"])
    tags = {"dagster/backfill": "first"}
    first = run_range(strict, instance, root, NAMES[:4], tags=tags)
    assert not first.success
    asked = len(composed)
    second = run_range(strict, instance, root, NAMES[4:], tags=tags)

    assert len(composed) == asked
    assert not second.success
    assert set(materialized(instance, "sale", "scene_variants")) <= set(NAMES[:4])
    assert set(checks(instance, "fidelity", "sale", "scored_finals")) <= set(NAMES[:4])
    text = failure_text(instance, second.run_id)
    assert "4 of 4 SKUs did not pass" in text
    assert "s04 to s07, 4 SKUs: line_stopped: The rest of sale was stopped: " in text
    run = instance.get_run_by_id(second.run_id)
    assert run is not None
    assert run.tags["outcome"] == "error"
    history = health(instance)
    assert [(status, partition) for status, partition, _ in history] == [("FAILED", None), ("FAILED", None)]
    assert history[0][2]["not_worked_on"] == 4

    mended = line_assets(campaign_line(sale(), batch=4), ["team:catalog"])
    assert run_range(mended, instance, root, NAMES[4:], tags={"dagster/backfill": "next"}).success
    assert materialized(instance, "sale", "marketplace_export") == NAMES[4:]
    assert health(instance)[0][0] == "SUCCEEDED"
    assert {record.sku for record in quarantined(open_store(str(root)))} == set(NAMES[:4])


def test_a_run_of_one_sku_says_nothing(root: Path, instance: dg.DagsterInstance) -> None:
    strict = line_assets(campaign_line(sale(fidelity=STRICT), batch=4), ["team:catalog"])
    assert not run_one([strict], instance, root, "s00").success
    assert [(status, partition) for status, partition, _ in health(instance)] == [("SUCCEEDED", None)]
    assert checks(instance, "fidelity", "sale", "scored_finals") == {"s00": False}
    assert run_range(strict, instance, root, ["s00"], tags={FORCE_TAG: "true"}).success is False
    assert [each[0] for each in health(instance)] == ["SUCCEEDED", "SUCCEEDED"]


def test_the_batch_check_is_of_no_partition_beside_partitioned_ones() -> None:
    strict = line_assets(campaign_line(sale(), batch=4), ["team:catalog"])
    partitioned = {spec.name: spec.partitions_def is not None for spec in strict.check_specs}
    assert partitioned == {"fidelity": True, "compliance": True, "line_health": False}


# catalog refresh


@pytest.fixture
def campaigns(tmp_path: Path) -> Campaigns:
    text = "name: evergreen\nscenes: [{template: grey-sweep, candidates: 1}]\nmarketplaces: [shopify]\n"
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / "a.yaml").write_text(text + "fidelity: {worst_block_ssim: 2}\n")
    (tmp_path / "campaigns" / "b.yaml").write_text("name: winter\narchived: true\nscenes: [{template: frost}]\n")
    return load_campaigns(tmp_path / "campaigns")


def test_a_refresh_tells_that_a_campaign_was_stopped_and_the_next_starts_afresh(
    root: Path, campaigns: Campaigns, composed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    environment = Environment(root=str(root), campaign_batch=3)
    first = refresh(environment, campaigns, Wish(campaigns=("evergreen",)))
    asked = len(composed)
    assert asked < len(NAMES)
    assert not first.ok
    assert not first.broken_runs
    assert "The rest of evergreen was stopped" in first.halted["evergreen"].message
    codes = {record.sku: record.rejection.code for record in first.stopped}
    assert sorted(codes) == NAMES
    assert {codes[sku] for sku in NAMES[3:]} == {LINE_STOPPED}

    monkeypatch.setenv("CATALOG_CAMPAIGNS", str(root.parent / "campaigns"))
    again = CliRunner().invoke(cli, ["retry", "--root", str(root)])  # all in one run of the scattered job
    assert again.exit_code == 1
    assert len(composed) > asked
    codes = [record.rejection.code for record in quarantined(open_store(str(root)))]
    assert set(codes) == {"needs_review", LINE_STOPPED}
    assert again.output.count("The rest of evergreen was stopped: ") == 1
    left = codes.count(LINE_STOPPED)
    assert f"{left} products of evergreen were not worked on; they are in the quarantine" in again.output
    with open_instance(str(root)) as instance:
        assert [(status, partition) for status, partition, _ in health(instance, "evergreen")] == [("FAILED", None)] * 4
    states = [json.loads(open_store(str(root)).read(entry.key)) for entry in open_store(str(root)).list(FOLDER)]
    assert {state["line"] for state in states} == {"evergreen"}
    assert len({state["work"] for state in states}) == 2
