"""The reviews sensor, evaluated with a built context."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from catalog_assets.campaign_files import load_campaigns
from catalog_assets.definitions import line_infos
from catalog_assets.environment import Environment
from catalog_assets.partitions import register
from resources.catalog_resource import CatalogResource
from sensors.reviews import reviews_sensor

CAMPAIGNS = load_campaigns()
PRODUCT, LINES = line_infos(Environment(), CAMPAIGNS)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, ["cup", "mug", "tea"])
        yield instance


def tick(instance: dg.DagsterInstance, root: Path, cursor: str | None, limit: int = 2000) -> dg.SensorResult:
    sensor = reviews_sensor(PRODUCT, LINES, CAMPAIGNS, limit=limit)
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={"catalog": CatalogResource(root=str(root))}
    ) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def settle(instance: dg.DagsterInstance, root: Path, cursor: str | None) -> dg.SensorResult:
    """Two ticks: on a disk a file counts when two looks agree on it."""
    return tick(instance, root, tick(instance, root, cursor).cursor)


def decide(root: Path, sku: str, **said: Any) -> Path:
    file = root / "reviews" / sku / "main.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(said))
    return file


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
