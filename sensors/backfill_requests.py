"""Starts a back-fill of any SKUs from a sensor, and finds it again. The one place that uses private Dagster names.

Dagster's public API cannot start a back-fill from a sensor (dagster-io/dagster issue 13852). Its own declarative
automation does it with a run request over an asset graph subset, which is what is built here. Tests fail loudly
if these names move. Back-fills started this way have no run key: the sensor's cursor must keep them from repeating.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.execution.backfill import BulkActionsFilter

from catalog_assets.partitions import SKU


def backfill_request(assets: Sequence[dg.AssetKey], skus: Iterable[str], tags: Mapping[str, str]) -> dg.RunRequest:
    """A request for one back-fill of these SKUs over these assets. Only for sensors with an asset_selection."""
    subset = SKU.empty_subset().with_partition_keys(sorted(set(skus)))
    graph = AssetGraphSubset(partitions_subsets_by_asset_key=dict.fromkeys(assets, subset))  # type: ignore[call-arg]
    return dg.RunRequest.for_asset_graph_subset(graph, tags=dict(tags))


def backfill_status(instance: dg.DagsterInstance, tag: str, value: str) -> str:
    """The status of the newest back-fill with a tag of this value, as in the UI's API; "" if there is none."""
    found = instance.get_backfills(filters=BulkActionsFilter(tags={tag: value}), limit=1)
    return found[0].status.value if found else ""
