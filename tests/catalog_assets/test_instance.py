"""Where Dagster keeps its state, and the settings it is given."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
import yaml

from catalog_assets.instance import DEFAULT_SETTINGS, InstanceError, dagster_home, open_instance
from tests.daemon import PROJECT


def test_without_dagster_home_the_state_lies_beside_the_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert dagster_home(str(tmp_path / "shop")) == tmp_path / "shop" / ".dagster"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert dagster_home("s3://bucket/shop").parent == tmp_path / "cache" / "catalog-pictures"
    assert dagster_home("s3://bucket/shop") != dagster_home("s3://bucket/other")


def test_dagster_home_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    assert dagster_home("anywhere") == tmp_path / "home"


def test_a_new_home_gets_the_default_settings_and_an_old_one_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with open_instance("anywhere") as instance:
        assert instance.run_retries_enabled
        instance.add_dynamic_partitions("sku", ["a"])
    settings = tmp_path / "home" / "dagster.yaml"
    assert settings.read_text() == DEFAULT_SETTINGS.read_text()
    settings.write_text("telemetry: {enabled: false}\n")
    with open_instance("anywhere") as instance:
        assert not instance.run_retries_enabled
        assert list(instance.get_dynamic_partitions("sku")) == ["a"]


def test_processes_that_begin_at_the_same_time_share_a_new_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster itself makes its tables twice then, and the state can never be opened again."""
    script = """
import sys, time
from catalog_assets.instance import open_instance
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
with open_instance(sys.argv[1]) as instance:
    instance.add_dynamic_partitions("sku", [sys.argv[3]])
"""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    together = time.time() + 6
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(together), sku], stderr=subprocess.PIPE)
        for sku in "abcd"
    ]
    said = [process.communicate(timeout=120)[1].decode()[-500:] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0, 0], said
    with open_instance(str(tmp_path)) as instance:
        assert sorted(instance.get_dynamic_partitions("sku")) == ["a", "b", "c", "d"]


def test_a_state_that_cannot_be_opened_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text("storage: {nonsense: 1}\n")
    with (
        pytest.raises(InstanceError, match=r"dagster\.yaml says: .*Check that file") as told,
        open_instance("anywhere"),
    ):
        pass
    assert "\n" not in str(told.value)


def test_rejections_are_never_retried_by_dagster() -> None:
    for path in (DEFAULT_SETTINGS, PROJECT / "deploy" / "dagster.postgres.yaml"):
        content = yaml.safe_load(path.read_text())
        assert content["run_retries"]["retry_on_asset_or_op_failure"] is False
        assert content["run_monitoring"]["max_runtime_seconds"] > 0


def test_the_postgres_example_takes_its_secrets_from_the_environment() -> None:
    content = yaml.safe_load((PROJECT / "deploy" / "dagster.postgres.yaml").read_text())
    database = content["storage"]["custom"]["config"]["postgres_db"]
    assert database["password"] == {"env": "DAGSTER_PG_PASSWORD"}
    assert {key for key in content if key != "storage"} == set(yaml.safe_load(DEFAULT_SETTINGS.read_text()))


def test_the_workspace_and_pyproject_name_the_same_definitions() -> None:
    import tomllib

    [entry] = yaml.safe_load((PROJECT / "workspace.yaml").read_text())["load_from"]
    assert entry["python_module"]["module_name"] == "catalog_assets.definitions"
    tool = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["dagster"]
    assert tool["module_name"] == "catalog_assets.definitions"
    from catalog_assets.definitions import defs

    assert isinstance(defs, dg.Definitions)
