"""Checks of Dagster's own state: where it lies, whether its daemon runs, what is switched on, and what is limited."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import yaml

from catalog_assets.doctor.findings import Deployment, Finding, listed, without_secrets
from catalog_assets.doctor.run_pace import pace
from catalog_assets.instance import uses_postgres
from catalog_assets.line_assets import GPU_POOL
from resources.gpu_lock import visible_gpus

# As docs/dagster.md has it: SQLite is for so many SKUs and runs at once, and no more.
SQLITE_SKUS = 3_000
SQLITE_RUNS = 4
# Dagster's daemons write one every 30 s; the UI calls them dead after this.
HEARTBEAT_S = 300.0
_POSTGRES = "See docs/dagster.md: Postgres."
_DATABASE = "Dagster's database"
_UP_TO_DATE = Finding(_DATABASE, "ok", "It can be read, and its tables are up to date.")


def dagster_checks(deployment: Deployment) -> Iterator[Finding]:
    """Everything about Dagster's state; only reads, so a home that was never used stays as it is."""
    home = deployment.home
    postgres = uses_postgres(home)
    if not deployment.is_local and not os.environ.get("DAGSTER_HOME"):
        found = (
            f"DAGSTER_HOME is not set, so Dagster's state lies in this user's cache, {home}: no other machine sees it."
        )
        yield Finding("Dagster", "warning", found, "Set DAGSTER_HOME to a folder that stays.")
    if not (home / "dagster.yaml").exists():
        yield Finding("Dagster", "ok", f"{home} was not used yet: the first run makes it.")
        return
    kind = "Postgres" if postgres else "SQLite"
    yield Finding("Dagster", "ok", f"Its state lies in {home}, events in {kind}.")
    if not postgres and not (home / "history" / "runs.db").exists():
        return
    try:
        opened = _open(deployment, postgres=postgres)
    except Exception as error:  # whatever a database driver raises
        yield _unreachable(kind, error)
        return
    with opened:
        try:
            tables = _tables(opened)
        except Exception as error:
            yield _unreachable(kind, error)
            return
        yield tables
        if tables != _UP_TO_DATE:
            return
        yield from _size(deployment, opened, postgres=postgres)
        yield from _daemons(deployment, opened)
        yield from _pools(deployment, opened)
        yield from _launcher(opened)
        yield from pace(deployment, opened)


def _open(deployment: Deployment, *, postgres: bool) -> dg.DagsterInstance:
    from dagster._core.instance.ref import InstanceRef

    overrides = _without_tables(deployment) if postgres else {}
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(deployment.home), overrides=overrides))


def _without_tables(deployment: Deployment) -> Mapping[str, Any]:
    """The storage as it is configured, but nothing is created in an empty database."""
    storage = yaml.safe_load((deployment.home / "dagster.yaml").read_text()).get("storage", {})
    create = {"should_autocreate_tables": False}
    if "postgres" in storage:
        return {"storage": {"postgres": {**storage["postgres"], **create}}}
    if _is_pooled(storage):
        custom = storage["custom"]
        return {"storage": {"custom": {**custom, "config": {**custom["config"], **create}}}}
    return {}


def _is_pooled(storage: Mapping[str, Any]) -> bool:
    return bool(storage.get("custom", {}).get("class") == "PooledPostgresStorage")


def _unreachable(kind: str, error: Exception) -> Finding:
    lines = str(error).strip().splitlines() or [""]
    said = f"{type(error).__name__}: {without_secrets(lines[0])[:300]}"
    fix = "Check that it runs, and the DAGSTER_PG_ variables." if kind == "Postgres" else "Restore it from a backup."
    return Finding(_DATABASE, "wrong", f"{kind} cannot be read: {said}", fix)


def _tables(instance: dg.DagsterInstance) -> Finding:
    """Whether the tables are those of the Dagster that is installed here."""
    parts = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    versions = [part.alembic_version() for part in parts if part is not None]
    known = [version for version in versions if version is not None]
    if known and all(found is None for found, _ in known):
        return Finding(_DATABASE, "ok", "It can be read, and is empty: the first run makes its tables.")
    if any(found != wanted for found, wanted in known):
        fix = "Stop daemon and UI, then: dagster instance migrate"
        return Finding(_DATABASE, "wrong", "Its tables are of another version of Dagster.", fix)
    return _UP_TO_DATE


def _size(deployment: Deployment, instance: dg.DagsterInstance, *, postgres: bool) -> Iterator[Finding]:
    skus = len(instance.get_dynamic_partitions("sku"))
    queue = instance.get_concurrency_config().run_queue_config
    most = queue.max_concurrent_runs if queue is not None else -1
    runs = "any number of runs" if most < 0 else f"{most} runs"
    if postgres:
        yield Finding("runs at once", "ok", f"{runs}, {skus} SKUs.")
        yield from _connections(deployment)
        return
    if skus > SQLITE_SKUS:
        found = f"{skus} SKUs with events in SQLite; it was made for some thousands."
        yield Finding("SQLite", "warning", found, _POSTGRES)
    if most < 0 or most > SQLITE_RUNS:
        fix = f"Set concurrency.runs.max_concurrent_runs in dagster.yaml to {SQLITE_RUNS} at most, or use Postgres."
        yield Finding("runs at once", "warning", f"{runs} at once write to SQLite, which locks.", fix)
    else:
        yield Finding("runs at once", "ok", f"{runs}, {skus} SKUs, in SQLite.")


def _connections(deployment: Deployment) -> Iterator[Finding]:
    storage = yaml.safe_load((deployment.home / "dagster.yaml").read_text()).get("storage", {})
    if not _is_pooled(storage):
        found = "Each statement opens a connection to Postgres, which costs most of the time of an event."
        fix = "Use the section storage of deploy/dagster.postgres.yaml."
        yield Finding("connections", "warning", found, fix)


def _daemons(deployment: Deployment, instance: dg.DagsterInstance) -> Iterator[Finding]:
    beats = instance.get_daemon_heartbeats()
    wanted = list(instance.get_required_daemon_types())
    now = deployment.now()
    dead = sorted(name for name in wanted if name not in beats or now - beats[name].timestamp > HEARTBEAT_S)
    alive = len(dead) < len(wanted)
    if not alive:
        last = max((beat.timestamp for beat in beats.values()), default=None)
        since = "no daemon ever ran here" if last is None else f"no daemon runs, the last one {_ago(now - last)} ago"
        fix = (
            "Only if uploads, schedules and back-fills are to start by themselves: dagster dev, or dagster-daemon run."
        )
        yield Finding("daemon", "warning", f"{since[:1].upper()}{since[1:]}.", fix)
    elif dead:
        fix = "Start dagster-daemon again and look into its log."
        yield Finding("daemon", "wrong", f"No sign of life from {listed(dead)}.", fix)
    else:
        yield Finding("daemon", "ok", f"All {len(wanted)} parts of it are alive.")
    yield _automation(deployment, instance, daemon=alive)


def _automation(deployment: Deployment, instance: dg.DagsterInstance, *, daemon: bool) -> Finding:
    """Which sensors and schedules are on. Off is only worth a warning where a daemon would run them."""
    from catalog_assets.definitions import build_definitions

    repository = build_definitions(deployment.environment, deployment.campaigns).get_repository_def()
    states = {state.instigator_name: state.status.value for state in instance.all_instigator_state()}
    usual = {one.name: one.default_status.value for one in repository.sensor_defs}
    usual |= {one.name: one.default_status.value for one in repository.schedule_defs}
    on = sorted(name for name, status in usual.items() if states.get(name, status) == "RUNNING")
    off = sorted(usual.keys() - set(on))
    found = f"On: {listed(on) or 'none'}. Off: {listed(off, 20) or 'none'}."
    if not off or not daemon:
        return Finding("sensors and schedules", "ok", found)
    return Finding("sensors and schedules", "warning", found, "Switch on what you want, in the UI under Automation.")


def _pools(deployment: Deployment, instance: dg.DagsterInstance) -> Iterator[Finding]:
    """A run holds its GPU for as long as it lasts: without a limit nothing waits."""
    if not deployment.environment.holds_a_gpu:
        return
    gpus = max(1, len(visible_gpus()))
    limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
    granularity = instance.get_concurrency_config().pool_config.pool_granularity
    fix = f"dagster instance concurrency set {GPU_POOL} {gpus}"
    if GPU_POOL not in limits:
        yield Finding("GPU pool", "wrong", f"The pool {GPU_POOL} has no limit: runs would share the GPU.", fix)
    elif limits[GPU_POOL] > gpus:
        found = f"The pool {GPU_POOL} lets {limits[GPU_POOL]} runs in, and there are {gpus} GPUs."
        yield Finding("GPU pool", "wrong", found, fix)
    else:
        yield Finding("GPU pool", "ok", f"{limits[GPU_POOL]} of {gpus} GPUs are lent to runs.")
    if granularity is None or granularity.value != "run":
        fix = "Put `pools: {granularity: run}` under concurrency in dagster.yaml."
        yield Finding("GPU pool", "warning", "A run that waits for the GPU holds a process meanwhile.", fix)


def _launcher(instance: dg.DagsterInstance) -> Iterator[Finding]:
    """Dagster's own launcher never notices that a run's process went with its code server or its machine."""
    if type(instance.run_launcher) is dg.DefaultRunLauncher:
        found = "A run whose process is gone with its code server shows as started, and keeps its place, for hours."
        fix = "Put the section run_launcher of the dagster.yaml that ships (deploy/dagster.postgres.yaml) into yours."
        yield Finding("launcher", "warning", found, fix)


def _ago(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 2 * 86400 else f"{seconds / 86400:.0f} days"
