"""A provider of generated pictures over real HTTP on this machine. It speaks three protocols, and misbehaves on order.

    with CloudServer() as server:
        provider = server.provider("replicate")        # or "fal", "openai"; an entry that leads to this server
        engine = CloudEngine(provider, Journal(store), times=Times(sleep=lambda seconds: None))
        server.faults("submit", busy(retry_after=2), silence(accepted=True))
        ...
        assert server.double_paid == []

Faults are told by point: submit, upload, status, result, cancel, list, picture. Each is used once, in order; without
one the server does what it should. `hold()` keeps jobs running until `release()`; `close_door()` refuses connections
until `open_door()`. Every job that was accepted counts as paid, by the content of its request, unless it was cancelled
while it waited. A picture is the one that was sent, with a gradient where the mask says so: cheap, and different for
every prompt and seed. The key that it wants is KEY, in the environment variable VARIABLE.
"""

from __future__ import annotations

import base64
import contextlib
import email.parser
import email.policy
import hashlib
import io
import itertools
import json
import socket
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resources.scenes.cloud.providers import Fields, Kind, Provider, Statement, Terms
from resources.store import content_hash

U8 = NDArray[np.uint8]
Point = Literal["submit", "upload", "status", "result", "cancel", "list", "picture"]

KEY = "planted-key:Zq7-do-not-show-me"
VARIABLE = "TEST_CLOUD_KEY"
_MODELS = {"replicate": "painter/fill", "fal": "painter/fill/pro", "openai": "painter-1"}


@dataclass(frozen=True)
class Fault:
    """One misbehaviour. accepted: the request is carried out (and paid) all the same, only the answer is wrong.

    status 0: the right answer, changed by `change` (bytes to bytes). hang: seconds of silence first. cut: the
    connection is closed without an answer. drip: seconds between the bytes of the body.
    """

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "application/json"
    accepted: bool = False
    hang: float = 0.0
    cut: bool = False
    drip: float = 0.0
    echo: bool = False
    change: Callable[[bytes], bytes] | None = None


def busy(retry_after: float | str | None = None, status: int = 429) -> Fault:
    """Too many requests, or (503) out of service: nothing was accepted."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Fault(status, b'{"detail": "Request was throttled."}', headers)


def server_error(status: int = 500, *, accepted: bool = False) -> Fault:
    """An error that does not tell whether the request was carried out."""
    return Fault(status, b'{"detail": "Internal server error"}', accepted=accepted)


def refusal(status: int = 422, text: str = "invalid input") -> Fault:
    """The request is refused for good."""
    return Fault(status, json.dumps({"detail": text}).encode())


def silence(seconds: float = 30.0, *, accepted: bool = False) -> Fault:
    """No answer for a long time, then a hung-up line."""
    return Fault(hang=seconds, cut=True, accepted=accepted)


def hang_up(*, accepted: bool = False) -> Fault:
    """The connection breaks off instead of an answer."""
    return Fault(cut=True, accepted=accepted)


def html(*, accepted: bool = False) -> Fault:
    """A web page with status 200."""
    return Fault(200, b"<!doctype html><title>Please wait</title>", kind="text/html", accepted=accepted)


def bad_json(*, accepted: bool = False) -> Fault:
    """Status 200 and JSON that ends too early."""
    return Fault(200, b'{"id": "abc", "status": ', accepted=accepted)


def odd_json(*, accepted: bool = False) -> Fault:
    """Status 200 and JSON of another shape."""
    return Fault(200, b'[["deep", {"status": 7}]]', accepted=accepted)


def echo(status: int = 400, *, accepted: bool = False) -> Fault:
    """The request's key comes back, in body and headers."""
    return Fault(status, echo=True, accepted=accepted)


def bad_id(*, accepted: bool = False) -> Fault:
    """An answer of the right form, with an id that leads elsewhere when it is put into an address."""
    ids = {"id": "../../account", "request_id": "../../account"}
    body = {**ids, "model": "painter/fill", "version": "1", "status": "starting"}
    return Fault(200, json.dumps(body).encode(), accepted=accepted)


def drip(seconds: float = 0.1) -> Fault:
    """An answer that comes byte by byte, each before anybody loses patience."""
    return Fault(200, b"x" * 1000, drip=seconds)


def redirect(to: str, status: int = 302) -> Fault:
    """Another address."""
    return Fault(status, headers={"Location": to})


def huge(megabytes: int = 60) -> Fault:
    """An answer that does not end for a long time."""
    return Fault(200, b"\0" * (megabytes * 1_000_000), kind="image/png")


def zipped() -> Fault:
    """A compressed answer that was not asked for."""
    return Fault(200, b"\x1f\x8b" + b"\0" * 64, {"Content-Encoding": "gzip"})


def truncated(share: float = 0.6) -> Fault:
    """The picture's first part only, with status 200."""
    return Fault(change=lambda data: data[: int(share * len(data))])


def sized(size: tuple[int, int]) -> Fault:
    """A picture of another size."""
    return Fault(change=lambda data: _png(np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize(size))))


def painted(colour: tuple[int, int, int]) -> Fault:
    """A picture all of one colour."""
    return Fault(change=lambda data: _png(np.full((*_shape(data), 3), colour, np.uint8)))


def absurd() -> Fault:
    """A PNG whose header claims 60,000 x 60,000 pixels."""
    return Fault(change=lambda data: data[:16] + (60_000).to_bytes(4, "big") * 2 + data[24:])


@dataclass
class Job:
    """One accepted job. polls: how often its status was asked."""

    id: str
    kind: Kind
    model: str
    identity: str
    input: dict[str, Any]
    picture: bytes
    made_at: float
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    polls: int = 0
    message: str = ""
    taken: bool = False


class CloudServer:
    """The server: start with `with`, stop at its end. All attributes may be read at any time.

    slow: how often a job's status is asked before it is done. stubborn: running jobs cannot be cancelled. page: jobs
    a page of the list. hidden_input: the list does not show what was sent. now: the provider's clock.
    """

    def __init__(self, *, slow: int = 1, page: int = 100, now: Callable[[], float] = time.time) -> None:
        self.slow, self.page, self.now = slow, page, now
        self.stubborn, self.hidden_input, self.unlisted = False, False, False
        self.fail_with = ""
        self.jobs: dict[str, Job] = {}
        self.paid: Counter[str] = Counter()
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.leaks: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.most_at_once = 0
        self._files: dict[str, bytes] = {}
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._held = False
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.open_door()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        self.close_door()

    # ---- what tests ask and order

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def double_paid(self) -> list[str]:
        """Requests that were paid more than once."""
        return [identity for identity, times in self.paid.items() if times > 1]

    def faults(self, point: Point, *faults: Fault) -> None:
        """Misbehave at the next requests of a point, in this order."""
        with self._lock:
            self._faults[point].extend(faults)

    def hold(self) -> None:
        """Jobs stay running, those that are accepted from now on too."""
        self._held = True

    def release(self) -> None:
        """Jobs that were held are done at the next poll."""
        self._held = False

    def close_door(self) -> None:
        """Refuse connections from now on."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.hang_up()

    def open_door(self) -> None:
        """Take connections (again), on the same port."""
        handler = type("Handler", (_Handler,), {"cloud": self})
        self._server = _Server(("127.0.0.1", self.port), handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def count(self, method: str, part: str) -> int:
        """How many requests of a method had this part in their path."""
        return sum(one == method and part in path for one, path in self.asked)

    def provider(self, kind: Kind, **changed: Any) -> Provider:
        """An entry of providers.yaml that leads to this server; quick: short calls, small pictures."""
        base = {"replicate": self.url, "fal": f"{self.url}/queue", "openai": f"{self.url}/v1"}[kind]
        said = {"says": "a test", "source": ("https://example.com/prices",), "checked": date(2026, 1, 1)}
        entry: dict[str, Any] = {
            "name": f"test-{kind}",
            "title": "a test",
            "kind": kind,
            "base_url": base,
            "listing_url": f"{self.url}/requests/by-endpoint" if kind == "fal" else "",
            "model": _MODELS[kind],
            "secret": VARIABLE,
            "price_usd": 0.05,
            "price": Statement(**said, confirmed=True),
            "side": 256,
            "multiple": 16,
            "fields": _FIELDS[kind],
            "constants": {"quality": "high"},
            "timeout_s": 20.0,
            "call_s": 5.0,
            "poll_s": 1.0,
            "terms": Terms(**said, confirmed=True, commercial="yes"),
        }
        return Provider.model_validate({**entry, **changed})

    # ---- what the handler does

    def fault(self, point: Point) -> Fault | None:
        with self._lock:
            queue = self._faults[point]
            return queue.popleft() if queue else None

    def accept(self, kind: Kind, model: str, content: dict[str, Any], image: bytes, mask: bytes, clear: bool) -> Job:
        """Take a job and its money."""
        prompt, seed = str(content.get("prompt", "")), content.get("seed")
        parts = [kind, model, prompt, str(seed), content_hash(image), content_hash(mask)]
        identity = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        picture = paint(image, mask, f"{prompt} {seed}", clear=clear)
        with self._lock:
            job = Job(f"job-{next(self._numbers)}", kind, model, identity, content, picture, self.now())
            self.jobs[job.id] = job
            self.paid[identity] += 1
            running = sum(one.state == "running" for one in self.jobs.values())
            self.most_at_once = max(self.most_at_once, running)
        return job

    def poll(self, job: Job) -> Job:
        with self._lock:
            job.polls += 1
            if job.state == "running" and not self._held and job.polls >= self.slow:
                job.state = "failed" if self.fail_with else "done"
                job.message = self.fail_with
            return job

    def cancel(self, job: Job) -> None:
        with self._lock:
            if job.state == "running" and not self.stubborn:
                job.state = "cancelled"
                self.paid[job.identity] -= 1

    def wait(self, seconds: float) -> None:
        if seconds:
            self._stopping.wait(seconds)

    def keep_file(self, data: bytes) -> str:
        name = f"file-{next(self._numbers)}"
        self._files[f"{self.url}/v1/files/{name}"] = data
        return name

    def given(self, reference: str) -> bytes:
        """The bytes that a request refers to: a data URI or an upload."""
        if reference.startswith("data:image/png;base64,"):
            return base64.b64decode(reference.partition(",")[2])
        return self._files[reference]


_FIELDS = {
    "replicate": Fields(),
    "fal": Fields(image="image_url", mask="mask_url", negative_prompt="negative_prompt"),
    "openai": Fields(seed="", size="size"),
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *given: Any) -> None:
        self._lines: set[socket.socket] = set()
        super().__init__(*given)

    def get_request(self) -> tuple[socket.socket, Any]:
        line, address = super().get_request()
        self._lines.add(line)
        return line, address

    def shutdown_request(self, request: Any) -> None:
        self._lines.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Cut all lines: clients keep theirs for the next request."""
        for line in list(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    cloud: CloudServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        self.cloud.asked.append((method, self.path))
        self.cloud.headers.append({name.lower(): value for name, value in self.headers.items()})
        if body:
            self.cloud.bodies.append(body)
        parts = [part for part in address.path.split("/") if part]
        if parts[0] == "pictures":
            self._picture(parts[1])
        elif parts[0] == "elsewhere":
            self._answer(200, b"<html>elsewhere</html>", "text/html")
        elif KEY not in self.headers.get("Authorization", ""):
            self._json({"detail": "Unauthenticated"}, 401)
        elif parts[0] == "queue":
            self._fal(method, parts[1:], body)
        elif parts[0] == "requests":
            self._point("list", lambda: self._fal_list(parse_qs(address.query)))
        elif parts[:3] == ["v1", "images", "edits"]:
            self._point("submit", lambda: self._edited(body))
        elif parts[:2] == ["v1", "files"]:
            self._point("upload", lambda: self._uploaded(body))
        else:
            self._replicate(method, parts[1:], body, parse_qs(address.query))

    # ---- Replicate

    def _replicate(self, method: str, parts: list[str], body: bytes, query: dict[str, list[str]]) -> None:
        if method == "GET" and parts == ["predictions"]:
            self._point("list", lambda: self._list(query))
        elif method == "POST" and parts[-1] == "predictions":
            self._point("submit", lambda: self._created(parts, json.loads(body)))
        elif method == "POST" and parts[-1] == "cancel":
            self._point("cancel", lambda: self._cancelled(parts[1]))
        else:
            self._point("status", lambda: self._prediction(self._polled(parts[-1])))

    def _created(self, parts: list[str], sent: dict[str, Any]) -> dict[str, Any]:
        content = sent["input"]
        image, mask = (self.cloud.given(content[name]) for name in ("image", "mask"))
        model = "/".join(parts[1:3]) if parts[0] == "models" else "painter/fill"
        return self._prediction(self.cloud.accept("replicate", model, content, image, mask, clear=False))

    def _cancelled(self, job_id: str) -> dict[str, Any]:
        job = self.cloud.jobs[job_id]
        self.cloud.cancel(job)
        return self._prediction(job)

    def _polled(self, job_id: str) -> Job | None:
        job = self.cloud.jobs.get(job_id)
        return self.cloud.poll(job) if job is not None else None

    def _prediction(self, job: Job | None) -> Any:
        if job is None:
            return None
        states = {"running": "processing", "done": "succeeded", "failed": "failed", "cancelled": "canceled"}
        hidden = self.cloud.hidden_input
        return {
            "id": job.id,
            "model": job.model,
            "version": "hidden",
            "status": states[job.state],
            "input": {} if hidden else job.input,
            "output": self._address(job) if job.state == "done" else None,
            "error": job.message or None,
            "created_at": datetime.fromtimestamp(job.made_at, UTC).isoformat(),
            "urls": {"get": "https://elsewhere.example/get", "cancel": "https://elsewhere.example/cancel"},
        }

    def _list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        after = datetime.fromisoformat(query["created_after"][0]).timestamp() if "created_after" in query else 0.0
        start = int(query.get("start", ["0"])[0])
        jobs = sorted(self.cloud.jobs.values(), key=lambda job: -job.made_at)
        found = [] if self.cloud.unlisted else [job for job in jobs if job.made_at >= after]
        page = self.cloud.page
        more = f"{self.cloud.url}/v1/predictions?start={start + page}" if len(found) > start + page else None
        results = [self._prediction(job) for job in found[start : start + page]]
        return {"previous": None, "next": more, "results": results}

    def _uploaded(self, body: bytes) -> dict[str, Any]:
        name = self.cloud.keep_file(_form(self.headers["Content-Type"], body)["content"])
        return {
            "id": name,
            "name": "picture.png",
            "content_type": "image/png",
            "size": len(body),
            "etag": "x",
            "checksums": {},
            "metadata": {},
            "created_at": "2026-01-01T00:00:00Z",
            "expires_at": None,
            "urls": {"get": f"{self.cloud.url}/v1/files/{name}"},
        }

    # ---- fal

    def _fal(self, method: str, parts: list[str], body: bytes) -> None:
        if method == "POST":
            self._point("submit", lambda: self._queued("/".join(parts), json.loads(body)))
            return
        job = self.cloud.jobs.get(parts[parts.index("requests") + 1])
        if job is None:
            self._json({"detail": "not found"}, 404)
        elif parts[-1] == "status":
            self._point("status", lambda: self._queue_status(self.cloud.poll(job)))
        elif parts[-1] == "cancel":
            self._point("cancel", lambda: self._queue_cancel(job))
        elif job.state == "failed":
            self._json({"detail": job.message}, 422)
        else:
            self._point("result", lambda: self._queue_result(job))

    def _queued(self, model: str, content: dict[str, Any]) -> dict[str, Any]:
        image, mask = (self.cloud.given(content[name]) for name in ("image_url", "mask_url"))
        job = self.cloud.accept("fal", model, content, image, mask, clear=False)
        wrong = "https://elsewhere.example/steal"
        return {"request_id": job.id, "status_url": wrong, "response_url": wrong, "cancel_url": wrong}

    def _queue_status(self, job: Job) -> dict[str, Any]:
        states = {"running": "IN_PROGRESS", "done": "COMPLETED", "failed": "COMPLETED", "cancelled": "CANCELED"}
        return {"status": states[job.state], "logs": None, "request_id": job.id}

    def _queue_cancel(self, job: Job) -> dict[str, Any]:
        self.cloud.cancel(job)
        return {"status": "CANCELLATION_REQUESTED" if job.state == "running" else "OK"}

    def _queue_result(self, job: Job) -> dict[str, Any]:
        return {"images": [{"url": self._address(job)}], "seed": job.input.get("seed"), "has_nsfw_concepts": [False]}

    def _fal_list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        after = datetime.fromisoformat(query["start"][0]).timestamp()
        start = int(query.get("cursor", ["0"])[0])
        jobs = [job for job in self.cloud.jobs.values() if job.made_at >= after and not self.cloud.unlisted]
        page = jobs[start : start + self.cloud.page]
        items = [{"request_id": job.id, "endpoint_id": job.model, "json_input": job.input} for job in page]
        more = len(jobs) > start + len(page)
        return {"items": items, "has_more": more, "next_cursor": str(start + len(page)) if more else None}

    # ---- OpenAI

    def _edited(self, body: bytes) -> dict[str, Any]:
        form = _form(self.headers["Content-Type"], body)
        content = {name: data.decode() for name, data in form.items() if name not in ("image", "mask")}
        job = self.cloud.accept("openai", content["model"], content, form["image"], form["mask"], clear=True)
        job.state = "done"
        fault = self.cloud.fault("picture")
        picture = job.picture if fault is None else fault.change(job.picture) if fault.change else fault.body
        return {"created": 1, "data": [{"b64_json": base64.b64encode(picture).decode()}]}

    # ---- answers

    def _address(self, job: Job) -> str:
        return f"{self.cloud.url}/pictures/{job.id}?signature=secret-signature"

    def _picture(self, job_id: str) -> None:
        if KEY in str(self.headers) or "authorization" in {name.lower() for name in self.headers}:
            self.cloud.leaks.append(self.path)
        job = self.cloud.jobs[job_id]
        job.taken = True
        fault = self.cloud.fault("picture")
        if fault is None:
            self._answer(200, job.picture, "image/png")
        elif fault.change is not None:
            self._answer(200, fault.change(job.picture), "image/png")
        else:
            self._misbehave(fault)

    def _point(self, point: Point, right: Callable[[], Any]) -> None:
        fault = self.cloud.fault(point)
        if fault is None:
            answer = right()
            self._json(answer if answer is not None else {"detail": "not found"}, 200 if answer is not None else 404)
            return
        if fault.accepted:
            right()
        self._misbehave(fault)

    def _misbehave(self, fault: Fault) -> None:
        if fault.hang:
            self.cloud.wait(fault.hang)
        if fault.cut:
            self.close_connection = True
            return
        body, headers = fault.body, dict(fault.headers)
        if fault.echo:
            sent = self.headers.get("Authorization", "")
            coded = base64.b64encode(KEY.encode()).decode()
            body = json.dumps({"detail": f"bad request: {sent} {coded}", "title": sent, "message": sent}).encode()
            headers |= {"X-Request-Id": sent, "X-Echo": sent, "Set-Cookie": f"key={KEY}"}
        self._answer(fault.status or 200, body, fault.kind, headers, fault.drip)

    def _json(self, value: Any, status: int = 200) -> None:
        self._answer(status, json.dumps(value).encode(), "application/json")

    def _answer(
        self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None, drip: float = 0.0
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        for part in [body[at : at + 1] for at in range(len(body))] if drip else [body]:
            self.wfile.write(part)
            self.cloud.wait(drip)


def _form(kind: str, body: bytes) -> dict[str, bytes]:
    """The parts of a multipart form, by name."""
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        f"Content-Type: {kind}\r\n\r\n".encode() + body
    )
    found: dict[str, bytes] = {}
    for part in message.iter_parts():  # type: ignore[attr-defined]
        name = part.get_param("name", header="content-disposition")
        found[str(name)] = part.get_payload(decode=True) or b""
    return found


def paint(image: bytes, mask: bytes, seed: str, *, clear: bool) -> bytes:
    """A PNG: the picture that was sent, with a gradient of two colours by seed where the mask wants paint.

    clear: the mask is OpenAI's, transparent where to paint; else white there.
    """
    picture = np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))
    opened = Image.open(io.BytesIO(mask))
    wanted = np.asarray(opened.getchannel("A")) < 128 if clear else np.asarray(opened.convert("L")) > 127
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))
    top, bottom = rng.integers(40, 230, (2, 3))
    ramp = np.linspace(0, 1, picture.shape[0])[:, None, None]
    gradient = np.broadcast_to((1 - ramp) * top + ramp * bottom, picture.shape).astype(np.uint8)
    return _png(np.where(wanted[..., None], gradient, picture))


def _png(picture: U8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _shape(data: bytes) -> tuple[int, int]:
    width, height = Image.open(io.BytesIO(data)).size
    return height, width
