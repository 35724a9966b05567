"""HTTP to servers that are not trusted: bounded in bytes and time, no redirects, no secrets elsewhere, clean errors.

`Guard` is a transport for httpx, under whatever client speaks the API (ours, replicate's, openai's). So all of them
have the same limits and the same errors, whatever they do of themselves: replicate's submit, for one, has no timeout,
and its errors drop Retry-After. Needs httpx; imports it in the functions that use it.
"""

from __future__ import annotations

import base64
import email.utils
import ipaddress
import logging
import math
import os
import re
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urljoin, urlsplit

from resources.names import display
from resources.scenes.cloud.providers import is_loopback

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 40_000_000
_MOST_REDIRECTS = 3
_CONNECT_S = 10.0
# Clients tell more of a machine than anybody needs to know.
_SENT_HEADERS = frozenset({"accept", "authorization", "content-type", "x-fal-object-lifecycle-preference"})
_USER_AGENT = "catalog-pictures"

Fate = Literal["not_accepted", "refused", "unknown"]
"""What became of a request that failed. not_accepted: it surely did nothing and may be sent again. refused: it did
nothing, and would be refused again. unknown: it may have been accepted."""


@dataclass(frozen=True, slots=True)
class Times:
    """Clocks and sleep, so that tests need not wait. now: seconds since 1970. steady: seconds that never go back."""

    now: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class CallError(Exception):
    """A call that failed. message: one clean line. status: 0 without an answer. retry_after: seconds, or None."""

    def __init__(self, fate: Fate, message: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.fate, self.message, self.status, self.retry_after = fate, message, status, retry_after


class Secret:
    """A key that is shown nowhere. value: what is sent. ValueError, without it, if it cannot be sent in a header."""

    __slots__ = ("_value",)

    def __init__(self, variable: str, value: str) -> None:
        cleaned = value.strip()
        if not cleaned:
            raise ValueError(f"the environment variable {variable} is not set: put the provider's API key there")
        if not re.fullmatch(r"[\x21-\x7e]{8,4096}", cleaned):
            raise ValueError(
                f"the environment variable {variable} does not hold an API key: 8 or more ASCII characters"
            )
        self._value = cleaned

    @classmethod
    def of_environment(cls, variable: str) -> Secret:
        """The key that an environment variable holds. ValueError if it holds none."""
        return cls(variable, os.environ.get(variable, ""))

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not copied to another process")

    @property
    def value(self) -> str:
        return self._value

    def hidden_in(self, text: str) -> str:
        """A text without the key in any of its usual forms."""
        for form in sorted(self._forms(), key=len, reverse=True):
            text = re.sub(re.escape(form), "***", text, flags=re.IGNORECASE)
        return text

    def _forms(self) -> set[str]:
        # Keys of the form id:secret are often echoed in part.
        parts = {self._value, *(part for part in self._value.split(":") if len(part) >= 8)}
        coded = {base64.b64encode(part.encode()).decode().rstrip("=") for part in parts}
        return parts | coded | {quote(part, safe="") for part in parts}


def said(text: str, secret: Secret) -> str:
    """What a server said, for a message: one clean line of at most 200 characters, without key and addresses."""
    bounded = text[:20_000]
    return display(re.sub(r"(?:https?|data):[^\s\"'<>]+", "(address)", secret.hidden_in(bounded)))


class Guard:
    """A transport for httpx (of any version) that keeps the rules at the head of this module.

    allowed: origins (scheme, host, port) that may be called; the key goes nowhere else. timeout: seconds that the other
    side may be silent; a whole call may take twice that. Raises CallError, never one of httpx.
    """

    def __init__(self, allowed: tuple[str, ...], secret: Secret, timeout: float, most_bytes: int = MOST_BYTES) -> None:
        import httpx

        _quiet_headers()
        self._origins = {origin(address) for address in allowed}
        self._secret, self._timeout, self._most = secret, timeout, most_bytes
        # Requests to this machine never go through a proxy.
        local = all(is_loopback(urlsplit(address).hostname or "") for address in allowed)
        self._client = httpx.Client(
            trust_env=not local,
            follow_redirects=False,
            verify=_trusted(),
            # A line of its own for each call: on one that was kept, and that the server gives up just then, nobody
            # can tell whether an order was taken.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read its whole answer; only its type is kept of the headers."""
        import httpx

        failure: CallError
        try:
            answer = self._exchanged(self._cleaned(request))
            if answer.status_code < 300:
                return httpx.Response(
                    answer.status_code, headers=answer.headers, content=answer.content, request=request
                )
            failure = self._refusal(answer)
        except CallError as error:
            failure = error
        except httpx.HTTPError as error:
            failure = CallError(_fate(error), _words(error))
        except Exception as error:  # the libraries below trust what servers send
            failure = CallError("unknown", f"the call failed ({type(error).__name__})")
        # Outside of the handlers: what is raised must not carry their requests and headers along.
        raise failure

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _cleaned(self, request: httpx.Request) -> httpx.Request:
        import httpx

        if origin(str(request.url)) not in self._origins:
            raise CallError("refused", "the server names another host to go on with, which is not followed")
        headers = {name: value for name, value in request.headers.items() if name.lower() in _SENT_HEADERS}
        # Not compressed: a few bytes cannot stand for gigabytes then.
        headers |= {"user-agent": _USER_AGENT, "accept-encoding": "identity"}
        timeouts = httpx.Timeout(self._timeout, connect=min(self._timeout, _CONNECT_S)).as_dict()
        return httpx.Request(
            request.method, str(request.url), headers=headers, content=request.read(), extensions={"timeout": timeouts}
        )

    def _exchanged(self, request: httpx.Request) -> _Answer:
        started = time.monotonic()
        response = self._client.send(request, stream=True)
        try:
            if response.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
                raise CallError("unknown", "the server sent a compressed answer, which was not asked for")
            body = _bounded(response, self._most, started + 2 * self._timeout)
        finally:
            response.close()
        kept = {name: response.headers[name] for name in ("content-type", "retry-after") if name in response.headers}
        return _Answer(response.status_code, kept, body)

    def _refusal(self, answer: _Answer) -> CallError:
        status, wait = answer.status_code, seconds_of(answer.headers.get("retry-after", ""), time.time())
        text = said(answer.content[:20_000].decode("utf-8", "replace"), self._secret)
        words = f"HTTP {status}" + (f": {text}" if text else "")
        return CallError(_fate_of_status(status), words, status=status, retry_after=wait)


@dataclass(frozen=True, slots=True)
class _Answer:
    status_code: int
    headers: dict[str, str] = field(repr=False)
    content: bytes = field(repr=False)


def _bounded(response: httpx.Response, most: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    total = 0
    for part in response.iter_raw():
        parts.append(part)
        total += len(part)
        if total > most:
            raise CallError("unknown", f"the answer is longer than {most // 1_000_000} MB")
        if time.monotonic() > deadline:
            raise CallError("unknown", "the answer came too slowly")
    return b"".join(parts)


def _fate_of_status(status: int) -> Fate:
    if status in (429, 503):
        return "not_accepted"
    return "refused" if 400 <= status < 500 and status != 408 else "unknown"


def _fate(error: httpx.HTTPError) -> Fate:
    import httpx

    before = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
    return "not_accepted" if isinstance(error, before) else "unknown"


def _words(error: httpx.HTTPError) -> str:
    """What went wrong, without the library's own text: that may quote what the server sent."""
    import httpx

    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return "the server cannot be reached"
    if isinstance(error, httpx.TimeoutException):
        return "the server did not answer in time"
    return f"the connection broke off ({type(error).__name__})"


def seconds_of(retry_after: str, now: float) -> float | None:
    """Seconds that a Retry-After header asks to wait (a number or a date), None if it says nothing usable."""
    text = retry_after.strip()
    if not text or len(text) > 64:
        return None
    try:
        wait = float(text)
    except ValueError:
        try:
            wait = email.utils.parsedate_to_datetime(text).timestamp() - now
        except (TypeError, ValueError, OverflowError):
            return None
    return max(0.0, wait) if math.isfinite(wait) else None


def origin(address: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address."""
    parts = urlsplit(address)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)


# ---- pictures that lie elsewhere


def download(address: str, *, near: str, timeout: float, most_bytes: int = MOST_BYTES) -> bytes:
    """What lies at an address that a server named, without ever sending it a key. Raises CallError.

    near: the API's own address; only if that is on this machine, may the file be (and then over http). Else https, on a
    public host, at every one of at most 3 redirects.
    """
    for _ in range(_MOST_REDIRECTS + 1):
        _check_public(address, near)
        body, further = _got(address, timeout, most_bytes)
        if further is None:
            return body
        address = urljoin(address, further)
    raise CallError("refused", f"the picture's address leads on more than {_MOST_REDIRECTS} times")


def _got(address: str, timeout: float, most: int) -> tuple[bytes, str | None]:
    """What an address answers: the body, or where it leads on."""
    import httpx

    _quiet_headers()
    host = urlsplit(address).hostname or ""
    proxied = _proxied(address)
    started = time.monotonic()
    failure: CallError
    try:
        with _downloader(proxied) as transport:
            timeouts = httpx.Timeout(timeout, connect=min(timeout, _CONNECT_S)).as_dict()
            headers = {"user-agent": _USER_AGENT, "accept-encoding": "identity", "accept": "image/*"}
            response = transport.handle_request(
                httpx.Request("GET", address, headers=headers, extensions={"timeout": timeouts})
            )
            try:
                if not proxied:
                    _check_peer(response, host)
                return _read(response, most, started + 2 * timeout)
            finally:
                response.close()
    except CallError as error:
        failure = error
    except httpx.HTTPError as error:
        failure = CallError("not_accepted", f"the picture: {_words(error)}")
    except Exception as error:
        failure = CallError("refused", f"the picture cannot be fetched ({type(error).__name__})")
    raise failure


def _read(response: httpx.Response, most: int, deadline: float) -> tuple[bytes, str | None]:
    status = response.status_code
    if status in (301, 302, 303, 307, 308):
        return b"", response.headers.get("location", "")
    if status != 200:
        words = f"the picture's host answers HTTP {status}"
        fate: Fate = "not_accepted" if status in (408, 425, 429) or status >= 500 else "refused"
        raise CallError(fate, words, status=status, retry_after=seconds_of(response.headers.get("retry-after", ""), 0))
    if response.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        raise CallError("refused", "the picture came compressed, which was not asked for")
    return _bounded(response, most, deadline), None


def _downloader(proxied: str) -> httpx.HTTPTransport:
    import httpx

    # A transport, not a client: a client logs addresses, and those of pictures are signed.
    return httpx.HTTPTransport(verify=_trusted(), proxy=proxied or None)


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that are trusted; reading them takes longer than many a call."""
    import httpx

    return httpx.create_ssl_context()


def _proxied(address: str) -> str:
    """The proxy that the environment asks for, "" for none."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return ""
    return urllib.request.getproxies().get(parts.scheme, "")


def _check_public(address: str, near: str) -> None:
    try:
        parts = urlsplit(address)
        host, usable = (parts.hostname or "").lower(), parts.username is None and len(address) <= 4096
    except ValueError:
        host, usable = "", False
    if not host or not usable:
        raise CallError("refused", "the server names no usable address for the picture")
    if is_loopback(host) and is_loopback(urlsplit(near).hostname or "") and parts.scheme in ("http", "https"):
        return
    if parts.scheme != "https":
        raise CallError("refused", "the picture's address is not https")
    if not _proxied(address) and not all(map(_is_public, _addresses(host))):
        raise CallError("refused", "the picture's address lies in a private network")
    if _is_number(host) and not _is_public(host):
        raise CallError("refused", "the picture's address lies in a private network")


def _check_peer(response: httpx.Response, host: str) -> None:
    """A name may lead elsewhere a moment later: look at who was really reached, before anything is read."""
    stream = response.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream is not None else None
    if is_loopback(host):
        return
    if not peer or not _is_public(str(peer[0])):
        raise CallError("refused", "the picture's address lies in a private network")


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise CallError("not_accepted", "the picture's host cannot be found") from None
    return [str(entry[4][0]) for entry in found]


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_public(number: str) -> bool:
    address = ipaddress.ip_address(number.split("%", 1)[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_global and not address.is_multicast


class _NoHeaders(logging.Filter):
    """Keeps what servers answer out of httpcore's debugging log: they may echo a key."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "headers.complete" not in record.getMessage()


_no_headers = _NoHeaders()


def _quiet_headers() -> None:
    for name in ("httpcore.http11", "httpcore.http2", "httpcore.proxy"):
        logging.getLogger(name).addFilter(_no_headers)  # the same filter is added once
