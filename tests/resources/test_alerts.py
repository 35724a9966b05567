"""Alerts over real HTTP on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from resources.alerts import Alerts


class Hook(BaseHTTPRequestHandler):
    received: list[dict[str, str]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).received.append(json.loads(body))
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Hook]]]:
    handler = type("OneHook", (Hook,), {"received": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/services/secret-token", handler
    finally:
        server.shutdown()
        server.server_close()


def test_a_summary_is_posted_as_json(hook: tuple[str, type[Hook]]) -> None:
    url, handler = hook
    assert Alerts(webhook_url=url).post('two "bad" photos') == ""
    assert handler.received == [{"text": 'two "bad" photos'}]


def test_trouble_is_said_without_the_address(hook: tuple[str, type[Hook]]) -> None:
    url, handler = hook
    handler.status = 500
    trouble = Alerts(webhook_url=url).post("text")
    assert "500" in trouble
    assert "secret-token" not in trouble
    trouble = Alerts(webhook_url="http://127.0.0.1:9/secret-token").post("text")
    assert trouble
    assert "secret-token" not in trouble


def test_no_webhook_means_no_alert_and_only_http_is_taken() -> None:
    assert Alerts().post("text") == ""
    assert "http" in Alerts(webhook_url="file:///etc/passwd").post("text")
