"""Real HTTP for S3 tests: a client with explicit dummy credentials, and a proxy that spoils chosen replies."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config


def s3_client(endpoint: str, *, attempts: int = 3, timeout_s: float = 10.0) -> Any:
    """A client with dummy credentials given as arguments: no test depends on the environment."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIATESTTESTTEST",
        aws_secret_access_key="not-a-real-secret",
        config=Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            s3={"addressing_style": "path"},
        ),
    )


@dataclass(frozen=True)
class Fault:
    """What happens to one request: an error reply, silence for some seconds, or a body cut off after some bytes.

    on: only to requests whose line (GET /bucket/key) holds that. drip_s: the reply comes in pieces, with so many
    seconds before each. hangs_up: the connection ends in mid-request, which S3 never sees whole. loses_reply: S3 does
    what was asked, but the connection ends before it answers. lies: a body that is cut off looks whole: its length is
    told as cut, and there is no checksum.
    """

    status: int = 0
    code: str = ""
    silent_s: float = 0.0
    cut_after: int = -1
    on: str = ""
    drip_s: float = 0.0
    hangs_up: bool = False
    loses_reply: bool = False
    lies: bool = False


@dataclass
class FaultyProxy:
    """Forwards to an S3 endpoint, and spends one planned fault on each request until there are no more."""

    endpoint: str
    faults: deque[Fault] = field(default_factory=deque)
    requests: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self, line: str) -> Fault:
        """The first planned fault that is about such a request, which is then spent."""
        with self._lock:
            found = next((fault for fault in self.faults if fault.on in line), None)
            if found is None:
                return Fault()
            self.faults.remove(found)
            return found

    def plan(self, *faults: Fault) -> None:
        self.faults.clear()
        self.faults.extend(faults)
        self.requests.clear()


@contextmanager
def faulty_proxy(target: str) -> Iterator[FaultyProxy]:
    """A proxy on a free local port, in front of an S3 endpoint."""
    host = urlsplit(target).netloc
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    proxy = FaultyProxy(f"http://127.0.0.1:{server.server_address[1]}")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            line = f"{self.command} {self.path}"
            proxy.requests.append(line)
            fault = proxy.next_fault(line)
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length // 2 if fault.hangs_up else length)
            time.sleep(fault.silent_s)
            if fault.hangs_up:
                self.close_connection = True
                return
            with contextlib.suppress(ConnectionError):  # the client may be tired of waiting
                if fault.status:
                    self._refuse(fault)
                else:
                    self._forward(body, fault)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

        def _refuse(self, fault: Fault) -> None:
            text = f"<Error><Code>{fault.code}</Code><Message>m</Message></Error>".encode()
            body = b"" if self.command == "HEAD" else text
            self.send_response(fault.status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _forward(self, body: bytes, fault: Fault) -> None:
            connection = http.client.HTTPConnection(host, timeout=30)
            connection.request(self.command, self.path, body, dict(self.headers))
            reply = connection.getresponse()
            data = reply.read()
            connection.close()
            if fault.loses_reply:
                self.close_connection = True
                return
            if fault.lies:
                data = data[: fault.cut_after]
            self.send_response(reply.status)
            for name, value in reply.getheaders():
                dropped = ("connection", "transfer-encoding", "content-length", "date", "server")
                if not name.lower().startswith((*dropped, "x-amz-checksum") if fault.lies else dropped):
                    self.send_header(name, value)
            length = reply.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            if fault.cut_after >= 0:
                self.wfile.write(data[: fault.cut_after])
                self.close_connection = True
            elif fault.drip_s:
                for start in range(0, len(data), piece := len(data) // 4 + 1):
                    time.sleep(fault.drip_s)
                    self.wfile.write(data[start : start + piece])
            else:
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Tests stay quiet."""

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
