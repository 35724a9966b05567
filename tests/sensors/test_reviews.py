"""The reviews sensor, evaluated with a built context."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from catalog_assets.campaign_files import Campaign, Campaigns, Scene, load_campaigns
from catalog_assets.campaigns import campaign_line
from catalog_assets.definitions import line_infos
from catalog_assets.environment import Environment
from catalog_assets.line_assets import LineInfo, line_assets
from catalog_assets.partitions import register
from resources.catalog_resource import CatalogResource
from sensors.reviews import reviews_sensor
from tests.catalogs import make_catalog, photo_bytes
from tests.dagster_runs import QUIET, checks, resources, run_one, sensor_tick

CAMPAIGNS = load_campaigns()
PRODUCT, LINES = line_infos(Environment(), CAMPAIGNS)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, ["cup", "mug", "tea"])
        yield instance


def tick(
    instance: dg.DagsterInstance,
    root: Path,
    cursor: str | None,
    limit: int = 2000,
    lines: Mapping[str, LineInfo] | None = None,
) -> dg.SensorResult:
    campaigns = CAMPAIGNS if lines is None else Campaigns(active={}, archived=(), problems=())
    sensor = reviews_sensor(PRODUCT, lines or LINES, campaigns, limit=limit)
    return sensor_tick(sensor, instance, CatalogResource(root=str(root)), cursor)


def settle(instance: dg.DagsterInstance, root: Path, cursor: str | None) -> dg.SensorResult:
    """Two ticks: on a disk a file counts when two looks agree on it."""
    return tick(instance, root, tick(instance, root, cursor).cursor)


def decide(root: Path, sku: str, **said: Any) -> Path:
    file = root / "reviews" / sku / "main.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(said))
    return file


def decide_final(root: Path, sku: str, campaign: str = "evergreen", **said: Any) -> Path:
    file = root / "reviews" / sku / campaign / "main.desk.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"by": "Ann", "note": "so it is", **said}))
    return file


def keys_of(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or []}


def requests(result: dg.SensorResult) -> list[dg.RunRequest]:
    return list(result.run_requests or [])


def test_one_decision_makes_one_run_over_both_lines(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    assert requests(tick(instance, tmp_path, None)) == []
    decide(tmp_path, "mug", decision="approve")
    first = tick(instance, tmp_path, None)
    assert not requests(first)
    assert "still be written" in str(first.skip_reason)
    second = tick(instance, tmp_path, first.cursor)
    [request] = requests(second)
    assert request.partition_key == "mug"
    assert request.tags["catalog/cause"] == "review"
    keys = {key.to_user_string() for key in request.asset_selection or []}
    assert {"raw_photo", "mask", "cutout", "evergreen/marketplace_export"} <= keys
    assert not requests(tick(instance, tmp_path, second.cursor))


def test_a_change_a_removal_and_a_return_each_run_under_a_key_of_their_own(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    decide(tmp_path, "tea", decision="approve")
    file = decide(tmp_path, "mug", decision="approve")
    cursor = settle(instance, tmp_path, None).cursor
    keys = []
    file.write_text('{"decision": "approve", "note": "again"}')
    result = settle(instance, tmp_path, cursor)
    keys += [request.run_key for request in requests(result)]
    aside = tmp_path / "aside.json"
    for _ in range(2):
        file.rename(aside)
        result = tick(instance, tmp_path, result.cursor)  # what is gone cannot be half written
        keys += [request.run_key for request in requests(result)]
        file.parent.mkdir(exist_ok=True)
        aside.rename(file)
        result = settle(instance, tmp_path, result.cursor)
        keys += [request.run_key for request in requests(result)]
    assert len(keys) == len(set(keys)) == 5
    assert all(key and key.startswith("review-mug-") for key in keys)


def test_a_new_matte_under_the_same_name_is_noticed(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    decide(tmp_path, "mug", decision="matte")
    matte = tmp_path / "reviews" / "mug" / "main.png"
    matte.write_bytes(b"one")
    cursor = settle(instance, tmp_path, None).cursor
    matte.write_bytes(b"another")
    assert len(requests(settle(instance, tmp_path, cursor))) == 1


def test_many_decisions_make_one_backfill_in_parts(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    for sku in ("cup", "mug", "tea"):
        decide(tmp_path, sku, decision="approve")
    result = tick(instance, tmp_path, tick(instance, tmp_path, None).cursor, limit=2)
    [request] = requests(result)
    assert request.partition_key is None
    assert request.requires_backfill_daemon()
    [rest] = requests(tick(instance, tmp_path, result.cursor))
    assert rest.partition_key == "tea"


def test_a_decision_waits_for_its_photo(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    decide(tmp_path, "new", decision="matte")
    (tmp_path / "reviews" / "new" / "main.png").write_bytes(b"matte")
    result = settle(instance, tmp_path, None)
    assert not requests(result)
    register(instance, ["new"])
    [request] = requests(settle(instance, tmp_path, result.cursor))
    assert request.partition_key == "new"


def test_unreadable_decisions_run_too_so_that_the_line_can_say_so(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    decide(tmp_path, "mug").write_bytes(b"\xff not JSON")
    assert len(requests(settle(instance, tmp_path, None))) == 1


def test_what_is_no_decision_runs_nothing(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = tmp_path / "reviews" / "mug"
    folder.mkdir(parents=True)
    (folder / "main.png").write_bytes(b"x")
    (folder / "notes.txt").write_bytes(b"x")
    (folder / ".main.json").write_bytes(b"{}")
    assert not requests(settle(instance, tmp_path, None))


def test_a_vanished_folder_takes_nothing_back(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    names = [f"s{number}" for number in range(20)]
    register(instance, names)
    for name in names:
        decide(tmp_path, name, decision="approve")
    cursor = settle(instance, tmp_path, None).cursor
    (tmp_path / "reviews").rename(tmp_path / "elsewhere")
    result = tick(instance, tmp_path, cursor)
    assert not requests(result)
    assert "20 of 20 SKUs have no decision" in str(result.skip_reason)
    (tmp_path / "elsewhere").rename(tmp_path / "reviews")
    assert not requests(settle(instance, tmp_path, result.cursor))


def test_its_memory_is_its_own(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    (tmp_path / "state" / "uploads").mkdir(parents=True)
    (tmp_path / "state" / "uploads" / "abc.json").write_text("{}")
    decide(tmp_path, "mug", decision="approve")
    settle(instance, tmp_path, None)
    assert (tmp_path / "state" / "uploads" / "abc.json").exists()
    assert 1 <= len(list((tmp_path / "state" / "reviews").iterdir())) <= 2


def test_a_decision_about_a_final_replays_just_the_finals_and_the_export_of_its_campaign(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    decide_final(tmp_path, "mug", "winter", decision="reject")
    result = settle(instance, tmp_path, None)
    [request] = requests(result)
    assert request.partition_key == "mug"
    assert keys_of(request) == {"winter/scored_finals", "winter/marketplace_export"}
    assert request.tags["catalog/cause"] == "review"
    assert not requests(tick(instance, tmp_path, result.cursor))


def test_the_run_that_is_asked_for_takes_a_rejected_final_out_of_the_shop(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    make_catalog(tmp_path)
    (tmp_path / "uploads" / "mug.jpg").write_bytes(photo_bytes(0, (640, 640)))
    (tmp_path / "catalog.yaml").write_text("candidates: 1\nscene_size: 500\n")
    scenes, marketplaces = [Scene(template="grey-sweep")], ["shopify"]
    line = campaign_line(Campaign(name="sale", scenes=scenes, marketplaces=marketplaces), batch=5)
    assets = line_assets(line, ["team:catalog"])
    assert run_one([line_assets(PRODUCT, ["team:catalog"]), assets], instance, tmp_path, "mug").success
    assert list((tmp_path / "exports").rglob("*.jpg"))
    file = decide_final(tmp_path, "mug", "sale", decision="reject")
    file.rename(file.with_name("main.grey-sweep.json"))

    def look(cursor: str | None) -> dg.SensorResult:
        return tick(instance, tmp_path, cursor, lines={"sale": line})

    [request] = requests(look(look(None).cursor))
    result = dg.materialize(
        [assets],
        instance=instance,
        resources=resources(tmp_path),
        partition_key=request.partition_key,
        selection=list(request.asset_selection or []),
        raise_on_error=False,
        run_config=QUIET,
    )
    assert not result.success
    assert checks(instance, "fidelity", "sale", "scored_finals") == {"mug": False}
    assert not list((tmp_path / "exports").rglob("*.jpg"))


def test_decisions_of_many_kinds_in_one_look_each_replay_their_own(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    decide_final(tmp_path, "cup", "winter", decision="reject")
    decide_final(tmp_path, "tea", "winter", decision="reject")
    decide_final(tmp_path, "cup", "evergreen", decision="reject")
    decide(tmp_path, "mug", decision="approve")
    masks, evergreen, winter = requests(settle(instance, tmp_path, None))
    assert masks.partition_key == "mug"
    assert "mask" in keys_of(masks)
    assert (evergreen.partition_key, keys_of(evergreen)) == (
        "cup",
        {"evergreen/scored_finals", "evergreen/marketplace_export"},
    )
    assert winter.requires_backfill_daemon()
    assert winter.asset_graph_subset is not None
    found = {
        (each.asset_key.to_user_string(), each.partition_key)
        for each in winter.asset_graph_subset.iterate_asset_partitions()
    }
    assert found == {
        (f"winter/{name}", sku) for name in ("scored_finals", "marketplace_export") for sku in ("cup", "tea")
    }


def test_a_mask_that_goes_through_the_campaign_anyway_takes_its_final_along(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    decide(tmp_path, "mug", decision="approve")
    decide_final(tmp_path, "mug", "evergreen", decision="reject")
    [request] = requests(settle(instance, tmp_path, None))
    assert {"mask", "evergreen/scored_finals"} <= keys_of(request)


def test_a_decision_about_a_mask_leaves_those_about_finals_alone_and_the_other_way_round(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    mask = decide(tmp_path, "mug", decision="approve")
    final = decide_final(tmp_path, "mug", "winter", decision="reject")
    cursor = settle(instance, tmp_path, None).cursor
    final.write_text('{"decision": "reject", "by": "Ann", "note": "another reason"}')
    result = settle(instance, tmp_path, cursor)
    [request] = requests(result)
    assert keys_of(request) == {"winter/scored_finals", "winter/marketplace_export"}
    mask.unlink()
    [request] = requests(tick(instance, tmp_path, result.cursor))
    assert "mask" in keys_of(request)


def test_decisions_about_finals_come_and_go_under_keys_of_their_own(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    register(instance, ["winter-mug"])
    cursor, keys = tick(instance, tmp_path, None).cursor, []
    for _ in range(3):
        files = [
            decide_final(tmp_path, "mug", "winter", decision="reject"),
            decide(tmp_path, "winter-mug", decision="approve"),
        ]
        result = settle(instance, tmp_path, cursor)
        keys += [request.run_key for request in requests(result)]
        for file in files:
            file.unlink()
        result = tick(instance, tmp_path, result.cursor)
        keys += [request.run_key for request in requests(result)]
        cursor = result.cursor
    assert len(keys) == len(set(keys)) == 12


def test_a_campaign_that_is_no_more_runs_nothing(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    decide_final(tmp_path, "mug", "summer_of_69", decision="reject")
    result = settle(instance, tmp_path, None)
    assert not requests(result)
    assert not requests(tick(instance, tmp_path, result.cursor))


def test_what_an_earlier_version_remembered_still_counts(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """Decisions about masks keep their names in the sensor's memory: no mask is run again after an update."""
    decide(tmp_path, "mug", decision="approve")
    cursor = settle(instance, tmp_path, None).cursor
    [memory] = [file for file in (tmp_path / "state" / "reviews").iterdir() if cursor and cursor in file.name]
    assert list(json.loads(memory.read_text())["settled"]) == ["mug"]
