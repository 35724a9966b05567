"""A campaign that buys its scenes, on the library: routing, budget, ledger, and what is left when a provider fails."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog_assets.campaign_files import Campaign
from catalog_assets.campaigns import campaign_line
from catalog_assets.context import RunContext
from catalog_assets.costs import enter
from catalog_assets.line import LineReport, run_line
from catalog_assets.quarantine import quarantined
from catalog_assets.records import Record, campaign_shelf, product_shelf, read_file
from catalog_assets.settings import load_settings
from resources.budget import committed_usd
from resources.engines import Engines
from resources.imaging.encode import read_rgb, read_rgba
from resources.ledger import LedgerEntry, read_ledger
from resources.scenes.cloud.wire import Times
from resources.scenes.engine import Placement, on_canvas, scaled_product
from resources.store import CatalogStore, open_store
from tests.catalogs import make_catalog, run_product
from tests.cloud_server import KEY, VARIABLE, CloudServer, server_error

SKUS = ("a", "b")
PRICE = 0.05


@dataclass
class Shop:
    """A catalog of two cut-out products whose campaigns may buy scenes from a server."""

    root: Path
    server: CloudServer
    clouds: Path

    @property
    def store(self) -> CatalogStore:
        return open_store(str(self.root))

    def run(self, chosen: Campaign, skus: Sequence[str] = SKUS, **options: Any) -> LineReport:
        """The campaign's line, as a Dagster run works on it."""
        engines = Engines(clouds_file=str(self.clouds))  # type: ignore[call-arg]
        context = RunContext(self.store, load_settings(self.store), engines, **options)
        line = campaign_line(chosen, 9).line(context)
        with closing(context):
            return run_line(line, skus, threads=2, on_sku=lambda results: enter(context, line.name, results))

    def candidates(self, sku: str = "a") -> list[Record]:
        return campaign_shelf(self.store, "sale", "scene_variants", sku).records()

    def final(self, sku: str = "a") -> Record:
        [record] = campaign_shelf(self.store, "sale", "scored_finals", sku).records()
        return record

    def ledger(self, stage: str = "scene_variants") -> list[LedgerEntry]:
        return sorted((one for one in read_ledger(self.store) if one.stage == stage), key=lambda one: one.at)

    @property
    def paid(self) -> int:
        return sum(self.server.paid.values())


def campaign(**routing: Any) -> Campaign:
    given = {"policy": "cloud_first", "local": "studio", "cloud": ["painter"], "budget_usd": 5, **routing}
    scenes = [{"template": "grey-sweep", "candidates": 2}]
    return Campaign.model_validate({"name": "sale", "scenes": scenes, "marketplaces": ["shopify"], "routing": given})


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    root = tmp_path / "catalog"
    make_catalog(root, SKUS)
    (root / "catalog.yaml").write_text("scene_size: 640\n")
    (root / "catalog.csv").write_text("sku,title,tier\na,Mug,gold\nb,Bowl,basic\n")
    run_product(root, SKUS)
    monkeypatch.setenv(VARIABLE, KEY)
    # Who is told to wait waits, but not for long.
    hurried = Times(sleep=lambda seconds: time.sleep(seconds / 50))
    monkeypatch.setattr("resources.scenes.cloud.engine.Times", lambda: hurried)
    with CloudServer() as server:
        entry = server.provider("replicate", poll_s=0.1).model_dump(mode="json", exclude={"name"})
        for part in ("price", "terms"):  # YAML has dates, JSON has none
            entry[part]["checked"] = date.fromisoformat(entry[part]["checked"])
        clouds = tmp_path / "clouds.yaml"
        clouds.write_text(yaml.safe_dump({"painter": entry}))
        yield Shop(root, server, clouds)


def test_bought_scenes_hold_the_true_product_and_are_paid_for_once(shop: Shop) -> None:
    report = shop.run(campaign())
    assert report.statuses.total() == 2
    assert shop.paid == 4
    [cutout] = product_shelf(shop.store, "cutout", "a").records()
    rgba = read_rgba(read_file(shop.store, cutout.files["cutout"]))
    for record in shop.candidates():
        assert record.facts["kind"] == "generated_scene"
        assert record.engine is not None
        assert record.engine.name == "painter"
        assert record.cost_usd == PRICE
        assert "Mug" in record.facts["prompt"] or "mug" in record.facts["prompt"]
        picture = read_rgb(read_file(shop.store, record.files["picture"]))
        placement = Placement(**record.facts["placement"])
        layer = on_canvas(scaled_product(rgba, placement.scale), placement, picture.shape[1::-1])
        solid = layer[..., 3] == 255
        assert solid.any()
        assert (picture[solid] == layer[solid][:, :3]).all()
    shop.run(campaign())
    assert shop.paid == 4


def test_every_attempt_is_in_the_ledger_with_what_became_of_it(shop: Shop) -> None:
    shop.run(campaign(), ["a"])
    lines = shop.ledger()
    assert [(one.status, one.usd, one.paid) for one in lines] == [("intended", PRICE, True), ("made", PRICE, True)] * 2
    assert {one.id for one in lines} == {record.facts["id"] for record in shop.candidates()}
    verdicts = {one.id: one.status for one in shop.ledger("scored_finals") if one.status in ("accepted", "wasted")}
    if shop.final().status == "accepted":
        chosen = next(r for r in shop.candidates() if r.name == shop.final().facts["chosen"])
        assert {id_ for id_, status in verdicts.items() if status == "accepted"} == {chosen.facts["id"]}
    assert committed_usd(shop.store, "sale") == pytest.approx(2 * PRICE)


def test_a_provider_that_is_down_loses_no_product_where_the_studio_may_step_in(shop: Shop) -> None:
    shop.server.close_door()
    chosen = campaign(policy="cloud_first", local="studio")
    report = shop.run(chosen)
    assert report.statuses == {"made": 2}
    for sku in SKUS:
        for record in shop.candidates(sku):
            assert record.engine is not None
            assert record.engine.name == "studio"
            assert record.facts["kind"] == "procedural_scene"
            assert any(note.startswith("Made by studio, because of painter: ") for note in record.notes)
            assert record.facts["tries"][0]["status"] in ("failed", "skipped")
    shop.server.open_door()
    shop.run(chosen)
    assert shop.paid == 0  # what stepped in stays until a new attempt is asked for
    shop.run(chosen, retry=True)
    assert shop.paid == 4


def test_without_anybody_to_step_in_the_product_waits_and_a_later_run_makes_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resources.scenes import engines
    from resources.scenes.studio import StudioEngine

    class Broken(StudioEngine):
        def compose(self, jobs: Sequence[Any]) -> list[Any]:
            raise RuntimeError("the GPU fell off the bus")

    monkeypatch.setitem(engines.SCENE_ENGINES, "studio", Broken)
    shop.server.faults("submit", *[server_error(503)] * 40)
    report = shop.run(campaign(local="studio"))
    assert report.statuses == {"rejected": 2}
    for record in quarantined(shop.store):
        assert record.rejection.code == "no_engine"
        assert record.rejection.retryable
        assert "painter" in record.rejection.message
        assert KEY not in json.dumps(record.rejection.details) + record.rejection.message
    monkeypatch.setitem(engines.SCENE_ENGINES, "studio", StudioEngine)
    assert shop.run(campaign(local="studio")).statuses == {"made": 2}
    assert quarantined(shop.store) == []


def test_the_budget_is_never_passed_and_the_rest_is_made_otherwise(shop: Shop) -> None:
    shop.run(campaign(budget_usd=2.5 * PRICE))
    assert shop.paid == 2
    by = [record.engine.name for sku in SKUS for record in shop.candidates(sku) if record.engine]
    assert sorted(by) == ["painter", "painter", "studio", "studio"]
    shop.run(campaign(budget_usd=2.5 * PRICE), retry=True)
    assert shop.paid == 2


def test_premium_products_may_go_another_way(shop: Shop) -> None:
    premium = {"select": {"tier": "gold"}, "policy": "cloud_first"}
    shop.run(campaign(policy="studio_only", premium=premium))
    assert {record.engine.name for record in shop.candidates("a") if record.engine} == {"painter"}
    assert {record.engine.name for record in shop.candidates("b") if record.engine} == {"studio"}


def test_a_changed_title_orders_anew_only_where_it_is_told(shop: Shop) -> None:
    shop.run(campaign(policy="studio_only"), ["a"])
    made = [record.made_at for record in shop.candidates()]
    (shop.root / "catalog.csv").write_text("sku,title,tier\na,Beaker,gold\nb,Bowl,basic\n")
    shop.run(campaign(policy="studio_only"), ["a"])
    assert [record.made_at for record in shop.candidates()] == made
    assert shop.paid == 0


def test_a_key_that_is_not_set_is_one_line_before_anything_is_made(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(ValueError, match=VARIABLE):
        shop.run(campaign())


def test_an_engine_that_costs_money_is_refused_without_a_budget(shop: Shop) -> None:
    chosen = Campaign.model_validate(
        {"name": "sale", "scenes": [{"template": "frost"}], "marketplaces": ["shopify"], "engine": "painter"}
    )
    with pytest.raises(ValueError, match=r"campaign sale: painter costs money.*budget_usd"):
        shop.run(chosen)
    assert shop.paid == 0
