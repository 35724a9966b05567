"""Every secret that a shop has in its environment, planted; whatever fails, none is in what is written or said."""

from __future__ import annotations

import base64
import logging
import os
import threading
import time
import warnings
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import pytest
import yaml
from click.testing import Result

from catalog_assets.instance import open_instance
from resources.alerts import Alerts
from resources.scenes.cloud.providers import Kind
from resources.scenes.cloud.wire import Times
from sensors.failures import failures_sensor
from tests.catalog_assets.command_line import assert_could_not_run, catalog
from tests.catalogs import make_catalog
from tests.certificates import authority, written_pair
from tests.cloud_server import CloudServer, echo

SECRETS = {
    name: f"planted-{number}-{name.lower()}-Zq7"
    for number, name in enumerate(
        (
            *("REPLICATE_API_TOKEN", "FAL_KEY", "OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY"),
            *("AWS_SESSION_TOKEN", "DAGSTER_PG_PASSWORD"),
        )
    )
}
WEBHOOK_PATH = "/services/planted-webhook-Zq7"
PROVIDERS: dict[str, tuple[Kind, str]] = {
    "first": ("replicate", "REPLICATE_API_TOKEN"),
    "second": ("fal", "FAL_KEY"),
    "third": ("openai", "OPENAI_API_KEY"),
}
CAMPAIGN = """
name: evergreen
scenes: [{template: grey-sweep, candidates: 1}]
marketplaces: [shopify]
routing: {policy: cloud_first, cloud: [first, second, third], local: studio, budget_usd: 5}
"""
NOWHERE = "http://127.0.0.1:9"


class Echo(BaseHTTPRequestHandler):
    """Refuses everything, and says what it was sent: path, headers, body."""

    def do_GET(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = f"{self.path}\n{self.headers}\n".encode() + sent
        self.send_response(403, f"refused {self.path} {self.headers.get('Authorization', '')}")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said if self.command != "HEAD" else b"")

    do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815 - the base class calls them so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


@pytest.fixture
def echo_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, echo_url: str) -> Iterator[Path]:
    """A catalog of a good and a bad photo, with all secrets planted, and servers that hand back what they are sent."""
    for name in list(os.environ):
        if name.startswith(("CATALOG_", "DAGSTER_", "AWS_", "XDG_", "HF_")):
            monkeypatch.delenv(name)
    root, campaigns = make_catalog(tmp_path / "shop", good=("mug",), bad=("torn",)), tmp_path / "campaigns"
    (root / "catalog.yaml").write_text("scene_size: 500\n")
    campaigns.mkdir()
    (campaigns / "evergreen.yaml").write_text(CAMPAIGN)
    (campaigns / "winter.yaml").write_text(
        "name: winter\narchived: true\nscenes: [{template: frost}]\nmarketplaces: [shopify]\n"
    )
    (tmp_path / "pair").mkdir()
    certificate, key = written_pair(tmp_path / "pair", authority())
    hurried = Times(sleep=lambda seconds: time.sleep(seconds / 50))
    monkeypatch.setattr("resources.scenes.cloud.engine.Times", lambda: hurried)
    with CloudServer() as server, warnings.catch_warnings():
        (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({name: entry(server, name) for name in PROVIDERS}))
        server.faults("submit", echo(500), echo(401), echo(400), *[echo(422)] * 20)
        for name, value in {
            **SECRETS,
            "HOME": str(tmp_path),
            "CATALOG_DEBUG": "",
            "CATALOG_CAMPAIGNS": str(campaigns),
            "CATALOG_CLOUDS": str(tmp_path / "clouds.yaml"),
            "CATALOG_C2PA_CERTIFICATE": str(certificate),
            "CATALOG_C2PA_KEY": str(key),
            "CATALOG_WEBHOOK_URL": echo_url + WEBHOOK_PATH,
            "HF_ENDPOINT": echo_url,
            "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        yield root
        assert server.leaks == []


def entry(server: CloudServer, name: str) -> dict[str, object]:
    kind, secret = PROVIDERS[name]
    made = server.provider(kind, secret=secret, poll_s=0.1).model_dump(mode="json", exclude={"name"})
    for part in ("price", "terms"):  # YAML has dates, JSON has none
        made[part]["checked"] = date.fromisoformat(made[part]["checked"])
    return made


def planted(tmp_path: Path) -> list[bytes]:
    """Every secret as it is, and in the forms in which headers and addresses carry it."""
    key = (tmp_path / "pair/key.pem").read_text().splitlines()[1]
    plain = [*SECRETS.values(), WEBHOOK_PATH.rsplit("/", 1)[1], key]
    forms = [*plain, *map(quote, plain), *(base64.b64encode(each.encode()).decode() for each in plain)]
    return [each.encode() for each in forms]


def assert_none_is_said(tmp_path: Path, *texts: str) -> None:
    forms = planted(tmp_path)
    for text in texts:
        assert text
        assert [form for form in forms if form in text.encode()] == []


def assert_none_is_written(tmp_path: Path) -> None:
    """In no record, page, ledger, event or log: Dagster's databases lie in the root, too."""
    forms, seen = planted(tmp_path), 0
    for path in (tmp_path / "shop").rglob("*"):
        if path.is_file():
            data, seen = path.read_bytes(), seen + 1
            assert [form for form in forms if form in data] == [], path
    assert seen > 20
    assert list((tmp_path / "shop/.dagster").rglob("*.db"))


def test_a_run_whose_calls_all_fail_writes_and_says_no_secret(
    shop: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    results: list[Result] = [catalog("--debug", "refresh", "--root", shop)]
    os.environ["CATALOG_DEBUG"] = ""
    assert results[0].exit_code == 1, results[0].output
    told = alerted(shop)
    (shop / "catalog.yaml").write_text(
        "scene_size: 500\npublish: {target: s3://bucket/cdn, base_url: https://cdn.example/}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATALOG_S3_ENDPOINT", NOWHERE)
        results.append(catalog("refresh", "--root", shop))
        assert results[-1].exit_code == 2
    (shop / "catalog.yaml").write_text("scene_size: 500\n")
    for command in ("status", "quarantine", "review", "costs", "models"):
        results.append(catalog(command, "--root", shop))
    results.append(catalog("trace", "mug", "--root", shop))
    assert "first: " in results[-1].output  # what was asked, and how it ended
    printed = capfd.readouterr()
    assert_none_is_said(tmp_path, told, caplog.text, *(result.output for result in results))
    assert_none_is_said(tmp_path, " " + printed.out + printed.err)
    assert_none_is_written(tmp_path)


def alerted(root: Path) -> str:
    """What the failure sensor says of the failed run, to a webhook that refuses and repeats its own address."""
    with open_instance(str(root)) as instance:
        [failed, *_] = [one.dagster_run for one in instance.get_run_records() if one.dagster_run.is_failure]
        [event, *_] = [
            entry.dagster_event
            for entry in instance.all_logs(failed.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
            if entry.dagster_event
        ]
        alerts = Alerts(webhook_url=os.environ["CATALOG_WEBHOOK_URL"])
        context = dg.build_run_status_sensor_context(
            sensor_name="failures",
            dagster_instance=instance,
            dagster_run=failed,
            dagster_event=event,
            resources={"alerts": alerts},
        ).for_run_failure()
        failures_sensor(context)
        return alerts.post("again")


def test_a_refused_download_says_no_token(shop: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    result = catalog("models", "fetch", "dinov2")
    assert result.exit_code == 2
    assert_none_is_said(tmp_path, result.output)


def test_a_key_of_another_certificate_is_not_repeated(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other, _ = written_pair(tmp_path / "other", authority())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATALOG_C2PA_CERTIFICATE", str(other))
        result = catalog("refresh", "--root", shop)
    assert result.exit_code == 2
    assert_none_is_said(tmp_path, result.output)


def test_a_database_that_cannot_be_reached_is_one_line_without_its_password(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dagster_postgres")
    home = tmp_path / "dagster"
    home.mkdir()
    settings = (Path(__file__).parents[2] / "deploy/dagster.postgres.yaml").read_text()
    (home / "dagster.yaml").write_text(settings.replace("port: 5432", "port: 9"))
    for name, value in {"DAGSTER_HOME": str(home), "DAGSTER_PG_HOST": "127.0.0.1", "DAGSTER_PG_USER": "u"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_PG_DB", "dagster")
    result = catalog("refresh", "--root", shop)
    assert_could_not_run(result, "127.0.0.1")
    assert_none_is_said(tmp_path, result.output)


def test_an_address_of_a_database_that_is_none_is_not_repeated(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dagster_postgres")
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("storage: {postgres: {postgres_url: {env: DATABASE_URL}}}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    # An @ in a password has to be encoded; without that the rest of it is taken for a port.
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:pass@x:{SECRETS['DAGSTER_PG_PASSWORD']}@127.0.0.1/db")
    result = catalog("refresh", "--root", shop)
    assert_could_not_run(result, "ValueError", "dagster.yaml")
    assert_none_is_said(tmp_path, result.output)
