"""Fixtures that several rooms share."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from resources.weights import Models
from tests.nets import make_birefnet, make_onnx, make_vitmatte, models_of, onnx_entry
from tests.nets_diffusion import MAKERS, make_pipeline, small_canvas
from tests.s3_tools import s3_client

# Tests talk to nobody outside this machine.
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests begin first: most of these wait for servers, while other tests use the processor."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def _logs_again() -> Iterator[None]:
    """The command line silences logs for the process it is in: tests after it hear them again."""
    yield
    logging.disable(logging.NOTSET)


@dataclass
class S3Server:
    """An S3 server over real HTTP on this machine. new_bucket: makes an empty bucket and says its name."""

    endpoint: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def client(self, **options: Any) -> Any:
        return s3_client(self.endpoint, **options)

    def new_bucket(self) -> str:
        name = f"catalog-test-{next(self._numbers)}"
        self.client().create_bucket(Bucket=name)
        return name


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """moto's S3 in a thread, on a free port."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield S3Server(f"http://{host}:{port}")
    finally:
        server.stop()


ACCESS_KEY, SECRET = "AKIATESTTESTTEST", "not-a-real-secret"


@pytest.fixture
def s3_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Access to a bucket as a shop configures it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """tiny-net (remote code), tiny-matte (ViTMatte) and tiny-onnx: saved and pinned as the real ones are."""
    root = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        # Code that comes with weights is copied there before it is run; read once, when transformers is imported.
        patch.setenv("HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        import torch

        torch.set_num_threads(1)
        make_onnx(root / "tiny-onnx" / "tiny.onnx")
        yield models_of(
            make_birefnet(root / "tiny-net", tmp_path_factory.mktemp("sources")),
            make_vitmatte(root / "tiny-matte"),
            onnx_entry(root / "tiny-onnx"),
        )


@pytest.fixture(scope="session")
def scene_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """A tiny pipeline of every family of diffusion models, saved and pinned as the real ones are; 64 px."""
    root = tmp_path_factory.mktemp("scene-models")
    with small_canvas():
        import torch

        torch.set_num_threads(1)
        yield models_of(*(make_pipeline(architecture, root / architecture) for architecture in MAKERS))
