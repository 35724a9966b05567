"""The one private Dagster name: fails loudly when it moves."""

from __future__ import annotations

import dagster as dg

from sensors.backfill_requests import backfill_request


def test_a_request_names_exactly_these_skus_of_these_assets() -> None:
    request = backfill_request([dg.AssetKey("mask"), dg.AssetKey(["winter", "scene_variants"])], ["b", "a"], {"x": "y"})
    assert request.requires_backfill_daemon()
    assert request.tags["x"] == "y"
    subset = request.asset_graph_subset
    assert subset is not None
    assert {key.to_user_string() for key in subset.asset_keys} == {"mask", "winter/scene_variants"}
    assert {(item.asset_key.to_user_string(), item.partition_key) for item in subset.iterate_asset_partitions()} == {
        (key, sku) for key in ("mask", "winter/scene_variants") for sku in ("a", "b")
    }
