"""What HTTP to strangers is held to, apart from what the protocols say."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from resources.scenes.cloud import wire
from resources.scenes.cloud.wire import CallError, Guard, Secret, download, said, seconds_of
from tests.cloud_server import KEY, VARIABLE, CloudServer, Fault, drip, huge, redirect, silence, zipped

PUBLIC, API = "93.184.216.34", "https://api.example.com"


@pytest.fixture
def server() -> Iterator[CloudServer]:
    with CloudServer() as opened:
        yield opened


@pytest.fixture
def secret() -> Secret:
    return Secret(VARIABLE, KEY)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("-3", 0.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("9" * 99, None),
    ],
)
def test_retry_after_as_a_number(header: str, seconds: float | None) -> None:
    assert seconds_of(header, 0) == seconds


def test_retry_after_as_a_date() -> None:
    assert seconds_of(formatdate(1000, usegmt=True), 970) == 30
    assert seconds_of(formatdate(1000, usegmt=True), 2000) == 0


def test_what_a_server_said_is_one_clean_line(secret: Secret) -> None:
    text = f"line one\nline\u202e two \x07 {KEY.upper()} https://cdn.example/a?sig=1 " + "x" * 900
    cleaned = said(text, secret)
    assert cleaned.startswith("line one line two *** (address) xxx")
    assert len(cleaned) <= 200


def guarded(server: CloudServer, secret: Secret, **changed: Any) -> httpx.Client:
    guard = Guard((server.url,), secret, **{"timeout": 2.0, **changed})
    return httpx.Client(transport=guard, headers={"authorization": KEY, "x-other": "shop"}, base_url=server.url)


@pytest.mark.parametrize(
    ("fault", "fate", "words"),
    [
        (huge(3), "unknown", "longer than 2 MB"),
        (zipped(), "unknown", "compressed"),
        (silence(9.0), "unknown", "did not answer in time"),
        (drip(), "unknown", "too slowly"),
        (redirect("https://elsewhere.example/"), "unknown", "HTTP 302"),
        (Fault(408), "unknown", "HTTP 408"),
        (Fault(429, headers={"Retry-After": "4"}), "not_accepted", "HTTP 429"),
        (Fault(404, b"\xff\xfe<b>no</b>"), "refused", "HTTP 404: \ufffd\ufffd<b>no</b>"),
    ],
)
def test_what_became_of_a_call(server: CloudServer, secret: Secret, fault: Fault, fate: str, words: str) -> None:
    server.faults("list", fault)
    with guarded(server, secret, timeout=0.3, most_bytes=2_000_000) as client, pytest.raises(CallError) as caught:
        client.get("/v1/predictions")
    assert (caught.value.fate, words in caught.value.message) == (fate, True), caught.value.message
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_only_the_named_hosts_are_called(server: CloudServer, secret: Secret) -> None:
    with CloudServer() as other, guarded(server, secret) as client:
        with pytest.raises(CallError, match="another host"):
            client.get(f"{other.url}/v1/predictions")
        with pytest.raises(CallError, match="another host"):
            client.get(f"https://127.0.0.1:{server.port}/v1/predictions")
        assert (server.asked, other.asked) == ([], [])
        client.get("/v1/predictions")
    assert "x-other" not in server.headers[0]


def test_a_download_sends_no_key_and_follows_a_few_redirects(server: CloudServer, secret: Secret) -> None:
    server.jobs["a"] = type("Job", (), {"picture": b"picture", "taken": False})()  # type: ignore[assignment]
    server.faults("picture", redirect("/pictures/a"), redirect(f"{server.url}/pictures/a"))
    assert download(f"{server.url}/pictures/a", near=server.url, timeout=2.0) == b"picture"
    assert server.leaks == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://cdn.example.com/a.png", "not https"),
        ("ftp://cdn.example.com/a.png", "not https"),
        ("file:///etc/passwd", "no usable address"),
        ("https://127.0.0.1/a.png", "private network"),
        ("https://localhost/a.png", "private network"),
        ("https://10.1.2.3/a.png", "private network"),
        ("https://[::1]/a.png", "private network"),
        ("https://[::ffff:10.0.0.1]/a.png", "private network"),
        ("https://[fe80::1%25eth0]/a.png", ""),
        ("https://169.254.169.254/latest/meta-data", "private network"),
        ("https://0.0.0.0/a.png", "private network"),
        ("https://2130706433/a.png", "private network"),
        ("https://user:word@cdn.example.com/a.png", "no usable address"),
        ("https://cdn.example.com/" + "a" * 5000, "no usable address"),
        ("", "no usable address"),
        ("https://[broken/a.png", ""),
    ],
)
def test_addresses_that_are_not_fetched(address: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(wire, "_got", lambda *given: pytest.fail("it was fetched"))
    with pytest.raises(CallError) as caught:
        download(address, near=API, timeout=1.0)
    assert words in caught.value.message
    assert "example" not in caught.value.message


def test_a_name_that_leads_into_a_private_network_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, 443)) for number in (PUBLIC, "192.168.7.7")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: found)
    with pytest.raises(CallError, match="private network"):
        download("https://cdn.example.com/a.png", near=API, timeout=1.0)


def test_a_name_that_leads_elsewhere_a_moment_later_is_not_read(server: CloudServer) -> None:
    class Stream:
        def get_extra_info(self, name: str) -> Any:
            return {"server_addr": ("10.0.0.9", 443)}.get(name)

    for extensions in ({"network_stream": Stream()}, {}):
        with pytest.raises(CallError, match="private network"):
            wire._check_peer(httpx.Response(200, extensions=extensions), "cdn.example.com")
    # The peer of a real connection is known, and this machine is one that a public API may not name.
    response = httpx.HTTPTransport().handle_request(httpx.Request("GET", f"{server.url}/elsewhere"))
    with pytest.raises(CallError, match="private network"):
        wire._check_peer(response, "cdn.example.com")


def test_a_host_that_is_not_found_may_be_there_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*given: Any, **named: Any) -> Any:
        raise socket.gaierror("not known")

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(CallError, match="cannot be found") as caught:
        download("https://cdn.example.com/a.png", near=API, timeout=1.0)
    assert caught.value.fate == "not_accepted"
