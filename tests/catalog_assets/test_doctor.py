"""The doctor: what it finds wrong with a deployment, that it writes nothing, and that it shows no secret."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from catalog_assets.doctor import catalog_checks, machine_checks
from catalog_assets.doctor.dagster_checks import dagster_checks
from catalog_assets.doctor.examination import examine
from catalog_assets.doctor.findings import Check, Deployment, Finding, without_secrets
from catalog_assets.environment import Environment
from catalog_assets.instance import open_instance
from catalog_assets.partitions import RANGE_END, RANGE_START, register
from resources.store import LocalStore, S3Store
from tests.catalog_assets.command_line import catalog
from tests.catalogs import make_catalog
from tests.certificates import authority, issued, private_pem
from tests.conftest import S3Server

SECRET = "sk-do-not-show-this"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith(("CATALOG_", "DAGSTER_HOME", "DAGSTER_PG", "AWS_")) or name.endswith(("_KEY", "_TOKEN")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_catalog(tmp_path / "shop", good=("mug", "tea"))


def deployment(root: Path | str, now: Callable[[], float] = time.time, **settings: Any) -> Deployment:
    return Deployment(Environment(root=str(root), **settings), now=now)


def found(check: Check, at: Deployment) -> dict[str, Finding]:
    return {one.check: one for one in check(at)}


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def campaign_folder(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "sale.yaml").write_text(text)
    return folder


# As a whole


def test_a_sound_catalog_has_nothing_wrong_and_is_left_as_it_was(root: Path) -> None:
    before = tree(root)
    result = catalog("doctor", "--root", root, "--json")
    assert result.exit_code == 0, result.stdout
    findings = json.loads(result.stdout)["findings"]
    assert {one["level"] for one in findings} == {"ok"}
    checks = {one["check"] for one in findings}
    assert {"environment", "root", "uploads", "campaigns", "engines", "Dagster", "weights", "space", "clock"} <= checks
    assert tree(root) == before
    assert not (root / ".dagster").exists()


def test_plain_lines_say_what_to_do_and_the_status_says_that_something_is_wrong(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_checks, "reading", lambda at: iter(()))
    (root / "catalog.yaml").write_text("matte: {agrement: 0.5}\n")
    result = catalog("doctor", "--root", root)
    assert result.exit_code == 1
    [line] = [line for line in result.stdout.splitlines() if line.startswith("wrong")]
    assert line.startswith("wrong    catalog.yaml: catalog.yaml: matte: no threshold agrement; known are ")
    assert "1 wrong" in result.stdout.splitlines()[-1]


def test_a_wrong_variable_is_a_finding_and_nothing_else_is_looked_at(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATALOG_PRODUCT_BATCH", "48")
    monkeypatch.setenv("CATALOG_CAMPAIGN_BATCH", "48")
    result = catalog("doctor", "--root", root, "--json")
    assert result.exit_code == 1
    [only] = json.loads(result.stdout)["findings"]
    assert (only["check"], only["level"]) == ("environment", "wrong")
    assert "must differ" in only["found"]


def test_without_a_root_the_rest_is_still_looked_at(tmp_path: Path) -> None:
    said = list(examine(deployment(tmp_path / "nothing")))
    assert [one.check for one in said if one.level == "wrong"] == ["root"]
    assert "campaigns" in {one.check for one in said}
    assert "uploads" not in {one.check for one in said}
    assert not (tmp_path / "nothing").exists()


def test_an_unexpected_error_is_a_finding_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)

    def broken(at: Deployment) -> Iterator[Finding]:
        raise RuntimeError(f"it broke, with {SECRET}")
        yield

    monkeypatch.setattr("catalog_assets.doctor.examination._ALWAYS", {"parts": broken})
    monkeypatch.setattr("catalog_assets.doctor.examination._CATALOG", {})
    last = list(examine(deployment(root)))[-1]
    assert (last.check, last.level, last.found) == (
        "parts",
        "wrong",
        "The check failed: RuntimeError: it broke, with ***",
    )


def test_secrets_are_taken_out_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "hunter22")
    said = without_secrets("at postgresql://dagster:other@db/x with hunter22\nand more")
    assert said == "at postgresql://***@db/x with *** and more"


# The catalog


class Careless(LocalStore):
    """A place where a file that is there can be created once more, as some servers for S3 have it."""

    def create(self, key: str, data: bytes) -> bool:
        self.write(key, data)
        return True


def test_a_root_that_does_not_keep_its_promises(root: Path) -> None:
    at = deployment(root)
    at.store = Careless(root)
    said = found(catalog_checks.root, at)["root"]
    assert said.level == "wrong"
    assert "order the same picture twice" in said.found
    assert not list((root / "state").rglob("*"))


def test_a_root_that_cannot_be_written(root: Path) -> None:
    (root / "state").write_text("a file where a folder should be")
    said = {one.check: one for one in examine(deployment(root))}
    assert said["root"].level == "wrong"
    assert "Could not write state/doctor/" in said["root"].found
    assert "uploads" not in said


@pytest.mark.parametrize(("ahead_s", "level"), [(0, "ok"), (-120, "warning"), (2000, "wrong")])
def test_clocks_that_are_apart(root: Path, ahead_s: float, level: str) -> None:
    at = deployment(root, now=lambda: time.time() + ahead_s)
    assert found(catalog_checks.root, at)["clock of the store"].level == level


def test_a_bucket(root: Path, s3_server: S3Server) -> None:
    at = deployment(root)
    at.store = S3Store(s3_server.new_bucket(), "shop", s3_server.client())
    said = found(catalog_checks.root, at)
    assert {one.level for one in said.values()} == {"ok"}
    assert list(at.store.list()) == []
    at.store = S3Store("no-such-bucket", "shop", s3_server.client())
    [last] = [one for one in examine(at) if one.check == "root"]
    assert (last.level, "no-such-bucket" in last.found) == ("wrong", True)


def test_uploads_that_are_gone_or_empty(root: Path) -> None:
    assert found(catalog_checks.uploads, deployment(root))["uploads"] == Finding("uploads", "ok", "2 SKUs have photos.")
    (root / "uploads" / "notes.txt").write_text("x")
    assert "1 files are left out" in found(catalog_checks.uploads, deployment(root))["uploads"].found
    for path in (root / "uploads").iterdir():
        path.unlink()
    assert found(catalog_checks.uploads, deployment(root))["uploads"].level == "warning"
    (root / "uploads").rmdir()
    assert found(catalog_checks.uploads, deployment(root))["uploads"].level == "wrong"
    (root / "uploads").mkdir()
    for number in range(11):
        (root / "assets/product/raw_photo" / f"s{number}").mkdir(parents=True)
    said = {one.check: one for one in examine(deployment(root))}
    assert "holds no photos, but this catalog has 11 SKUs" in said["uploads"].found


def test_rows_of_catalog_csv(root: Path) -> None:
    assert found(catalog_checks.products, deployment(root))["catalog.csv"].level == "ok"
    (root / "catalog.csv").write_text("sku,title\nmug,Mug\nlamp,Lamp\n")
    said = found(catalog_checks.products, deployment(root))["catalog.csv"]
    assert (said.level, said.found.startswith("1 problems; line 3: ")) == ("warning", True)


def test_campaign_files(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = campaign_folder(tmp_path / "own", "name: sale\nscens: []\n")
    monkeypatch.setenv("CATALOG_CAMPAIGNS", str(folder))
    said = found(catalog_checks.campaigns, deployment(root))["campaigns"]
    assert (said.level, "sale.yaml: scens: no such setting" in said.found) == ("wrong", True)


def test_where_pictures_are_published(root: Path, tmp_path: Path) -> None:
    assert found(catalog_checks.publishing, deployment(root))["publishing"].level == "ok"
    target = tmp_path / "cdn"
    (root / "catalog.yaml").write_text(f"publish: {{target: {target}, base_url: 'https://cdn.example.com/'}}\n")
    assert found(catalog_checks.publishing, deployment(root))["publishing"].level == "wrong"
    target.mkdir()
    assert found(catalog_checks.publishing, deployment(root))["publishing"].level == "ok"
    assert not list(target.iterdir())


# Dagster


class Home(NamedTuple):
    """A catalog whose DAGSTER_HOME was used."""

    root: Path
    home: Path


@pytest.fixture(scope="module")
def used_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_catalog(tmp_path_factory.mktemp("used"), good=("mug",))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DAGSTER_HOME", raising=False)
        with open_instance(str(root)) as instance:
            register(instance, ["mug"])
            instance.all_instigator_state()  # makes the file
    return root


@pytest.fixture
def used(used_once: Path, tmp_path: Path) -> Home:
    root = Path(shutil.copytree(used_once, tmp_path / "used"))
    return Home(root, root / ".dagster")


def beat(home: Home, age_s: float, *, only: int | None = None) -> None:
    """Signs of life of all parts of the daemon, or of the first few."""
    from dagster._daemon.types import DaemonHeartbeat

    with open_instance(str(home.root)) as instance:
        for name in list(instance.get_required_daemon_types())[:only]:
            instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age_s, name, "1", []))


def test_a_home_in_sqlite(used: Home) -> None:
    said = found(dagster_checks, deployment(used.root))
    assert said["Dagster"].found == f"Its state lies in {used.home}, events in SQLite."
    assert said["Dagster's database"].level == "ok"
    assert said["runs at once"].found == "2 runs, 1 SKUs, in SQLite."
    assert said["daemon"] == Finding("daemon", "warning", "No daemon ever ran here.", said["daemon"].fix)
    assert said["sensors and schedules"].level == "ok"
    assert "Off: " in said["sensors and schedules"].found


def test_a_home_that_was_not_used_stays_unused(root: Path) -> None:
    (root / ".dagster").mkdir()
    (root / ".dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert found(dagster_checks, deployment(root)).keys() == {"Dagster"}
    assert [path.name for path in (root / ".dagster").iterdir()] == ["dagster.yaml"]


def test_a_bucket_without_a_home_of_its_own() -> None:
    first = next(iter(dagster_checks(deployment("s3://bucket/shop"))))
    assert (first.level, first.found.startswith("DAGSTER_HOME is not set")) == ("warning", True)


def test_the_daemon_and_what_is_switched_on(used: Home) -> None:
    beat(used, 10)
    said = found(dagster_checks, deployment(used.root))
    assert said["daemon"].level == "ok"
    assert said["sensors and schedules"].level == "warning"
    assert "On: campaigns_after_products, scattered." in said["sensors and schedules"].found
    two_hours = found(dagster_checks, deployment(used.root, now=lambda: time.time() + 7200))["daemon"]
    assert (two_hours.level, two_hours.found) == ("warning", "No daemon runs, the last one 2 hours ago.")


def test_a_part_of_the_daemon_that_died(used: Home) -> None:
    beat(used, 3600)
    beat(used, 10, only=2)
    said = found(dagster_checks, deployment(used.root))["daemon"]
    assert (said.level, said.found.startswith("No sign of life from ")) == ("wrong", True)


def test_more_than_sqlite_is_made_for(used: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = used.home / "dagster.yaml"
    settings.write_text(settings.read_text().replace("max_concurrent_runs: 2", "max_concurrent_runs: 8"))
    monkeypatch.setattr("catalog_assets.doctor.dagster_checks.SQLITE_SKUS", 0)
    said = found(dagster_checks, deployment(used.root))
    assert said["runs at once"].found == "8 runs at once write to SQLite, which locks."
    assert said["SQLite"].level == "warning"


def test_a_home_from_before_runs_were_watched(used: Home) -> None:
    assert "launcher" not in found(dagster_checks, deployment(used.root))
    settings = yaml.safe_load((used.home / "dagster.yaml").read_text())
    del settings["run_launcher"]
    (used.home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    said = found(dagster_checks, deployment(used.root))["launcher"]
    assert (said.level, "run_launcher" in said.fix) == ("warning", True)


def ended_run(instance: dg.DagsterInstance, assets: list[list[str]], seconds: float, tags: dict[str, int]) -> None:
    """A range run that took so long, as Dagster remembers it; tags: its counts."""
    run = dg.DagsterRun(
        job_name="batch",
        run_id=str(uuid.uuid4()),
        tags={RANGE_START: "mug", RANGE_END: "mug", **{f"catalog/{name}": str(count) for name, count in tags.items()}},
        asset_selection=frozenset(dg.AssetKey(path) for path in assets),
    )
    instance.run_storage.add_run(run)
    at = datetime.now(UTC)
    for kind, after in ((dg.DagsterEventType.RUN_START, 0.0), (dg.DagsterEventType.RUN_SUCCESS, seconds)):
        event = dg.DagsterEvent(event_type_value=kind.value, job_name="batch")
        instance.run_storage.handle_run_event(run.run_id, event, at + timedelta(seconds=after))


def test_runs_that_take_much_longer_than_wanted(used: Home) -> None:
    with open_instance(str(used.root)) as instance:
        ended_run(instance, [["raw_photo"], ["mask"], ["cutout"]], 40, {"made": 30, "review": 10})
        ended_run(instance, [["evergreen", "scene_variants"]], 1200, {"made": 20})
        ended_run(instance, [["evergreen", "scene_variants"]], 5, {"up_to_date": 300, "made": 3})
    said = found(dagster_checks, deployment(used.root))
    assert said["product line"] == Finding(
        "product line", "ok", "1.0 s a SKU, so that a batch of 400 takes 7 minutes; wanted: 10."
    )
    assert said["campaign lines"] == Finding(
        "campaign lines",
        "warning",
        "60.0 s a SKU, so that a batch of 300 takes 300 minutes; wanted: 10.",
        "Set CATALOG_CAMPAIGN_BATCH to about 10.",
    )


def test_the_pace_of_a_few_skus_says_nothing(used: Home) -> None:
    with open_instance(str(used.root)) as instance:
        ended_run(instance, [["raw_photo"]], 3600, {"made": 3})
    assert "product line" not in found(dagster_checks, deployment(used.root))


def test_tables_of_another_version(used: Home) -> None:
    with sqlite3.connect(used.home / "history" / "runs.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '8f8dba68fd3b'")
    said = found(dagster_checks, deployment(used.root))
    assert list(said) == ["Dagster", "Dagster's database"]  # the rest could not be read
    assert said["Dagster's database"].level == "wrong"
    assert "dagster instance migrate" in said["Dagster's database"].fix


def test_a_damaged_database(used: Home) -> None:
    (used.home / "history" / "runs.db").write_bytes(b"not a database at all" * 100)
    said = found(dagster_checks, deployment(used.root))["Dagster's database"]
    assert (said.level, "SQLite cannot be read" in said.found) == ("wrong", True)


def test_a_postgres_that_cannot_be_reached_and_its_password(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dagster_postgres")
    home = root / ".dagster"
    home.mkdir()
    sample = (Path(__file__).parents[2] / "deploy" / "dagster.postgres.yaml").read_text()
    (home / "dagster.yaml").write_text(sample.replace("port: 5432", "port: 9"))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    for name, value in (("HOST", "127.0.0.1"), ("USER", "dagster"), ("PASSWORD", SECRET), ("DB", "dagster")):
        monkeypatch.setenv(f"DAGSTER_PG_{name}", value)
    said = found(dagster_checks, deployment(root))
    assert said["Dagster"].found.endswith("events in Postgres.")
    assert (said["Dagster's database"].level, "DAGSTER_PG_" in said["Dagster's database"].fix) == ("wrong", True)
    assert SECRET not in str(said)


@pytest.mark.parametrize(("limit", "level"), [(None, "wrong"), (1, "ok"), (4, "wrong")])
def test_the_pool_of_the_gpu(used: Home, monkeypatch: pytest.MonkeyPatch, limit: int | None, level: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    if limit is not None:
        with open_instance(str(used.root)) as instance:
            instance.event_log_storage.set_concurrency_slots("gpu", limit)
    said = found(dagster_checks, deployment(used.root, device="cuda"))["GPU pool"]
    assert said.level == level
    assert said.fix == ("" if level == "ok" else "dagster instance concurrency set gpu 1")
    assert "GPU pool" not in found(dagster_checks, deployment(used.root))


# The machine


def test_weights_that_are_not_there(root: Path, tmp_path: Path) -> None:
    at = deployment(root, matting="birefnet", models_folder=str(tmp_path / "models"))
    said = found(machine_checks.weights, at)["weights"]
    assert (said.level, said.fix) == ("wrong", "catalog models fetch birefnet")
    engines = {one.check: one for one in examine(at)}["engines"]
    assert engines.level == "wrong"


def test_weights_that_were_changed(root: Path, tmp_path: Path) -> None:
    at = deployment(root, matting="birefnet", models_folder=str(tmp_path / "models"))
    models = at.engines.models()
    entry = models.registry["birefnet"]
    folder = models.folder(entry)
    for file in entry.files:
        (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / file.name).open("wb") as written:
            written.truncate(file.size or 1)
    said = found(machine_checks.weights, at)["weights"]
    assert said.level == "wrong"
    assert "expected; delete it" in said.found


def test_a_gpu_that_is_not_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(machine_checks.gpu, deployment(root))["GPU"].level == "ok"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said = [one for one in examine(deployment(root, device="cuda")) if one.check == "GPU"]
    assert [one.level for one in said] == ["wrong"]


def test_keys_of_cloud_engines_are_wanted_and_never_shown(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "name: sale\nscenes: [{template: grey-sweep}]\nmarketplaces: [shopify]\n"
        "routing: {policy: local_first, cloud: [CLOUD], budget_usd: 5}\n"
    )
    name = sorted(deployment(root).engines.providers())[0]
    secret = deployment(root).engines.providers()[name].secret
    folder = campaign_folder(tmp_path / "own", text.replace("CLOUD", name))
    monkeypatch.setenv("CATALOG_CAMPAIGNS", str(folder))
    said = found(machine_checks.cloud_keys, deployment(root))["cloud keys"]
    assert (said.level, secret in said.fix) == ("wrong", True)
    monkeypatch.setenv(secret, SECRET)
    result = catalog("doctor", "--root", root)
    assert f"campaign sale asks {name}: {secret} is set." in result.stdout
    assert SECRET not in result.output


def test_a_certificate_that_ends_soon_or_is_no_good(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("c2pa")
    by, key = authority(), ec.generate_private_key(ec.SECP256R1())
    pem = tmp_path / "key.pem"
    pem.write_bytes(private_pem(key))
    for days, level in ((90, "ok"), (10, "warning")):
        chain = tmp_path / f"{days}.pem"
        chain.write_bytes(issued(by, key, until=timedelta(days=days)) + by.pem)
        at = deployment(root, c2pa_certificate=str(chain), c2pa_key=str(pem))
        assert found(machine_checks.signing, at)["C2PA"].level == level
    at = deployment(root, c2pa_certificate=str(tmp_path / "none.pem"), c2pa_key=str(pem))
    [said] = [one for one in examine(at) if one.check == "C2PA"]
    assert said.level == "wrong"


def test_a_disk_that_is_nearly_full(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(machine_checks.disk, deployment(root))["space"].level == "ok"
    usage = shutil.disk_usage(root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=500_000_000))
    said = found(machine_checks.disk, deployment(root))["space"]
    assert (said.level, "2 SKUs are still to be made" in said.found) == ("wrong", True)


@pytest.mark.parametrize(("limit", "level"), [(800_000_000, "wrong"), (1_500_000_000, "warning"), (10**10, "ok")])
def test_memory_of_a_container(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, level: str
) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    monkeypatch.setattr(machine_checks, "_CGROUP", tmp_path / "memory.max")
    monkeypatch.setattr(os, "sysconf", lambda name: 2**20 if name == "SC_PAGE_SIZE" else 2**16)
    assert found(machine_checks.memory, deployment(root))["memory"].level == level


def test_files_of_the_future(root: Path) -> None:
    store = LocalStore(root)
    store.write("reports/x.html", b"x")
    later = time.time() + 7200
    os.utime(root / "reports/x.html", (later, later))
    said = found(machine_checks.clock, deployment(root))["clock"]
    assert (said.level, "reports/x.html" in said.found) == ("warning", True)


def test_sensors_are_named_by_dagster_as_here(used: Home) -> None:
    """What is on is known from states by name: a sensor that is switched on must be found again."""
    from catalog_assets.definitions import defs

    assert isinstance(defs, dg.Definitions)
    names = {one.name for one in defs.get_repository_def().sensor_defs}
    said = found(dagster_checks, deployment(used.root))["sensors and schedules"].found
    assert all(name in said for name in names)
