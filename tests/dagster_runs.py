"""Runs of the project's assets on an instance of the test's own, and what Dagster recorded of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from catalog_assets.partitions import range_tags, register
from resources.alerts import Alerts
from resources.catalog_resource import CatalogResource
from resources.engines import Engines
from resources.progress import Progress

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def resources(root: Path | str, **changed: Any) -> dict[str, Any]:
    return {
        "catalog": CatalogResource(root=str(root)),
        "engines": Engines(),
        "progress": Progress(),
        "alerts": Alerts(),
        **changed,
    }


def sensor_tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, catalog: CatalogResource, cursor: str | None = None
) -> dg.SensorResult:
    """One tick of a sensor; its partition requests are carried out, as the daemon does."""
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources={"catalog": catalog}) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    for request in result.dynamic_partitions_requests or []:
        instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
    return result


def run_range(
    assets: dg.AssetsDefinition,
    instance: dg.DagsterInstance,
    root: Path | str,
    skus: Sequence[str],
    selection: Sequence[dg.AssetKey] | None = None,
    tags: dict[str, str] | None = None,
    **changed: Any,
) -> dg.ExecuteInProcessResult:
    """One range run from the first to the last of these SKUs, which are registered if need be."""
    register(instance, skus)
    return dg.materialize(
        [assets],
        instance=instance,
        resources=resources(root, **changed),
        selection=list(selection) if selection else None,
        tags={**range_tags(skus[0], skus[-1]), **(tags or {})},
        raise_on_error=False,
        run_config=QUIET,
    )


def run_one(
    assets: Sequence[dg.AssetsDefinition], instance: dg.DagsterInstance, root: Path | str, sku: str
) -> dg.ExecuteInProcessResult:
    """One run of one partition over these assets."""
    register(instance, [sku])
    return dg.materialize(
        list(assets),
        instance=instance,
        resources=resources(root),
        partition_key=sku,
        raise_on_error=False,
        run_config=QUIET,
    )


def materialized(instance: dg.DagsterInstance, *key: str) -> list[str]:
    return sorted(instance.get_materialized_partitions(dg.AssetKey(key)))


def checks(instance: dg.DagsterInstance, check: str, *key: str) -> dict[str, bool]:
    """The last result of a check for every SKU."""
    history = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey(key), check), limit=1000
    )
    found: dict[str, bool] = {}
    for record in history:  # newest first
        if record.partition is not None and record.status.value in {"SUCCEEDED", "FAILED"}:
            found.setdefault(record.partition, record.status.value == "SUCCEEDED")
    return found


def failure_text(instance: dg.DagsterInstance, run_id: str) -> str:
    """What the failed steps of a run say of themselves."""
    texts = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        data = entry.dagster_event.step_failure_data if entry.dagster_event else None
        if data and data.user_failure_data and data.user_failure_data.description:
            texts.append(data.user_failure_data.description)
    return "\n".join(texts)


def materializations(instance: dg.DagsterInstance, run_id: str) -> list[dg.AssetMaterialization]:
    """Every materialization of a run, in the order in which it was recorded."""
    return [
        entry.dagster_event.step_materialization_data.materialization
        for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        if entry.dagster_event
    ]


def checks_shown(instance: dg.DagsterInstance, check: str, *key: str) -> dict[str, str]:
    """The status of a check for every SKU as the UI shows it: "missing" where it is not about what lies there now."""
    infos = instance.event_log_storage.get_asset_check_partition_info([dg.AssetCheckKey(dg.AssetKey(key), check)])
    return {
        info.partition_key: info.latest_execution_status.value if info.is_current else "missing"
        for info in infos
        if info.partition_key is not None
    }
