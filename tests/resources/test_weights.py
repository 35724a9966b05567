"""The registry of weights, their licences, what is on disk, and downloads from a server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from catalog_assets.cli import cli
from catalog_assets.environment import EnvironmentSettingError, read_environment
from catalog_assets.models import configured_engines
from resources.downloads import Hub, fetch
from resources.engines import Engines
from resources.weights import Models, Weights, WeightsError, load_registry
from tests.nets import ALLOWED, FORBIDDEN, IMAGENET

REVISION = "0123456789abcdef0123456789abcdef01234567"
CONTENT = {"config.json": b'{"tiny": true}', "model.safetensors": bytes(range(256)) * 4000}  # 1 MB
TOKEN = "a-secret-token"  # what a shop would have in its environment


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Server:
    """A hub on this machine. paths: what was asked for; seen: the Authorization header of each."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    breaks_off_after: dict[str, int] = field(default_factory=dict)
    ranges: bool = True
    paths: list[str] = field(default_factory=list)
    seen: dict[str, str | None] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def hub() -> Iterator[Server]:
    state = Server()
    state.files = {f"/shop/net/resolve/{REVISION}/{name}": data for name, data in CONTENT.items()}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.paths.append(self.path)
            state.seen[self.path] = self.headers.get("Authorization")
            if self.path in state.redirects:
                self.send_response(302)
                self.send_header("Location", state.redirects[self.path])
                self.end_headers()
                return
            data = state.files.get(self.path)
            code = state.status.get(self.path, 404 if data is None else 200)
            if code != 200 or data is None:
                self.send_error(code)
                return
            start = 0
            asked = self.headers.get("Range")
            if asked and state.ranges:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                self.send_response(206)
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            part = data[start : state.breaks_off_after.get(self.path)]
            state.sent[self.path] = len(part)  # before the client can have it, and look
            self.wfile.write(part)

        def log_message(self, *arguments: object) -> None:
            pass

    class QuietServer(http.server.ThreadingHTTPServer):
        def handle_error(self, *arguments: object) -> None:
            """A client that hangs up is what some tests are about."""

    server = QuietServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def entry(**fields: object) -> dict[str, object]:
    files = [{"name": name, "size": len(data), "sha256": digest(data)} for name, data in CONTENT.items()]
    return {
        "job": "detection",
        "runtime": "transformers",
        "title": "a net",
        "repository": "shop/net",
        "revision": REVISION,
        "licences": {"code": ALLOWED, "weights": ALLOWED, "training_data": ALLOWED},
        "files": files,
        "input": {"side": 64, **IMAGENET},
        **fields,
    }


def models(root: Path, accepted: tuple[str, ...] = (), **fields: object) -> Models:
    return Models(root, {"net": Weights.model_validate({"name": "net", **entry(**fields)})}, frozenset(accepted))


NOT_FREE = {"code": ALLOWED, "weights": ALLOWED, "training_data": FORBIDDEN}


# The registry


def test_the_shipped_registry_pins_everything_it_lists() -> None:
    registry = load_registry()
    cut_outs = {"cutnet", "birefnet", "birefnet-lite", "rmbg-2.0", "u2netp", "isnet", "vitmatte-small"}
    scenes = {"flux2-klein", "z-image-turbo", "qwen-image-edit", "sdxl-inpaint", "flux1-fill"}
    assert cut_outs | scenes | {"clip", "dinov2", "swin2sr", "blip"} == set(registry)
    for weights in registry.values():
        assert not weights.unpinned
        assert len({file.sha256 for file in weights.files}) == len(weights.files)


def test_non_commercial_entries_of_the_shipped_registry_ask_for_consent() -> None:
    asking = {name: weights.not_allowed for name, weights in load_registry().items() if weights.not_allowed}
    assert asking == {"rmbg-2.0": ("weights",), "vitmatte-small": ("training data",), "flux1-fill": ("weights",)}


def test_an_operator_s_own_file_adds_and_replaces_entries(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(json.dumps({"net": entry(), "isnet": entry(title="mine")}))  # JSON is YAML
    registry = load_registry(own)
    assert registry["net"].repository == "shop/net"
    assert registry["isnet"].title == "mine"
    assert "birefnet" in registry


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"revision": "main"}, r"own\.yaml: net\.revision"),
        ({"repository": "../../etc"}, r"net\.repository"),
        ({"url": "file:///etc/passwd"}, r"net\.url"),
        ({"licences": {"code": ALLOWED, "weights": ALLOWED}}, r"net\.licences\.training_data"),
        ({"files": [{"name": "../x", "sha256": "0" * 64}]}, r"net\.files\.0\.name"),
        ({"files": [{"name": "x.bin", "sha256": "abc"}]}, r"net\.files\.0\.sha256"),
        ({"files": [{"name": "x.bin"}, {"name": "x.bin"}]}, "listed twice"),
        ({"runtime": "onnx"}, r"ends with \.onnx"),
        ({"input": IMAGENET}, r"input\.side is needed"),
        ({"job": "likeness", "input": IMAGENET}, r"input\.side is needed"),
        ({"job": "likeness", "runtime": "onnx"}, "likeness runs with transformers only"),
        ({"job": "ranking"}, "ranking runs with open_clip"),
        ({"job": "scene"}, "scene runs with diffusers"),
        ({"runtime": "diffusers"}, "scene runs with diffusers"),
        ({"job": "scene", "runtime": "diffusers"}, "an architecture is needed"),
        ({"snapshot": True}, "a snapshot is of a repository, for diffusers"),
        ({"files": []}, "files are needed"),
        ({"files": [{"name": "a/../x.bin", "sha256": "0" * 64}]}, r"net\.files\.0\.name"),
        ({"files": [{"name": "a/b/c/x.bin", "sha256": "0" * 64}]}, r"net\.files\.0\.name"),
        ({"runtime": "open_clip"}, "ranking runs with open_clip"),
        ({"job": "ranking", "runtime": "open_clip"}, r"an architecture and one file that ends with \.safetensors"),
        ({"colour": "red"}, r"net\.colour"),
    ],
)
def test_a_wrong_entry_is_named_with_its_field(tmp_path: Path, change: dict[str, object], words: str) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(json.dumps({"net": entry(**change)}))
    with pytest.raises(WeightsError, match=words) as told:
        load_registry(own)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("content", [b"[1, 2]", b"a: [", b"\xff\xfe\x00", b"net: 5", b"5: {}"])
def test_a_file_that_is_no_registry_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    own = tmp_path / "own.yaml"
    own.write_bytes(content)
    with pytest.raises(WeightsError, match=r"own\.yaml") as told:
        load_registry(own)
    assert "\n" not in str(told.value)


# On disk


def put(root: Path, *names: str) -> None:
    (root / "net").mkdir(exist_ok=True)
    for name in names:
        (root / "net" / name).write_bytes(CONTENT[name])


def test_what_is_on_disk_is_told_by_sizes_and_proven_by_digests(tmp_path: Path) -> None:
    found = models(tmp_path)
    weights = found.entry("net")
    assert found.on_disk(weights).state == "missing"
    put(tmp_path, "config.json")
    assert (found.on_disk(weights).state, found.on_disk(weights).present) == ("partial", 1)
    put(tmp_path, *CONTENT)
    assert found.on_disk(weights).state == "complete"
    found.verify(weights)
    (tmp_path / "net" / "config.json").write_bytes(CONTENT["config.json"].replace(b"true", b"TRUE"))
    assert found.on_disk(weights).state == "complete"
    with pytest.raises(WeightsError, match=r"config\.json: digest .* expected; delete it and run"):
        found.verify(weights)


def test_missing_weights_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"0 of 2 files are in .*net; run: catalog models fetch net"):
        models(tmp_path).ready("net")
    with pytest.raises(WeightsError, match="put them there"):
        models(tmp_path, repository="", revision="").ready("net")
    with pytest.raises(WeightsError, match="no weights 'nets'; known: net"):
        models(tmp_path).ready("nets")


def test_a_non_commercial_part_needs_consent_to_load_and_to_fetch(tmp_path: Path, hub: Server) -> None:
    put(tmp_path, *CONTENT)
    words = r"not for commercial use \(training data: CC-BY-NC-4\.0\).*CATALOG_ACCEPT_LICENCES=net"
    with pytest.raises(WeightsError, match=words):
        models(tmp_path, licences=NOT_FREE).ready("net")
    with pytest.raises(WeightsError, match=words):
        fetch("net", models(tmp_path, licences=NOT_FREE), Hub(hub.address))
    assert hub.paths == []
    assert models(tmp_path, accepted=("net",), licences=NOT_FREE).ready("net").name == "net"


def test_identity_follows_the_pins_or_the_files_where_there_are_none(tmp_path: Path) -> None:
    put(tmp_path, *CONTENT)
    pinned = models(tmp_path)
    other = models(tmp_path, revision="f" * 40)
    assert pinned.identity(pinned.entry("net")) != other.identity(other.entry("net"))
    loose = models(tmp_path, files=[{"name": "config.json"}])
    before = loose.identity(loose.entry("net"))
    (tmp_path / "net" / "config.json").write_bytes(b"something else")
    assert loose.identity(loose.entry("net")) != before


# Downloads


def test_a_fetch_brings_every_file_and_reports_on_the_way(tmp_path: Path, hub: Server) -> None:
    seen: list[tuple[int, int]] = []
    found = models(tmp_path)
    fetch("net", found, Hub(hub.address), lambda done, total: seen.append((done, total)))
    found.verify(found.entry("net"))
    total = sum(len(data) for data in CONTENT.values())
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {path.name for path in (tmp_path / "net").iterdir()} == set(CONTENT)
    assert hub.paths == list(hub.files)


def test_what_is_there_is_not_fetched_again(tmp_path: Path, hub: Server) -> None:
    put(tmp_path, "model.safetensors")
    fetch("net", models(tmp_path), Hub(hub.address))
    assert [path.rsplit("/", 1)[-1] for path in hub.paths] == ["config.json"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path, hub: Server, ranges: bool) -> None:
    large = f"/shop/net/resolve/{REVISION}/model.safetensors"
    hub.breaks_off_after[large] = 400_000
    with pytest.raises(WeightsError, match="run the same command to go on"):
        fetch("net", models(tmp_path), Hub(hub.address))
    assert not (tmp_path / "net" / "model.safetensors").exists()  # nothing torn under its name
    hub.breaks_off_after.clear()
    hub.ranges = ranges
    fetch("net", models(tmp_path), Hub(hub.address))
    assert (tmp_path / "net" / "model.safetensors").read_bytes() == CONTENT["model.safetensors"]
    size = len(CONTENT["model.safetensors"])
    assert hub.sent[large] == (size - 400_000 if ranges else size)


def test_a_part_of_something_else_is_thrown_away(tmp_path: Path, hub: Server) -> None:
    (tmp_path / "net").mkdir()
    part = tmp_path / "net" / "model.safetensors.part"
    part.write_bytes(b"x" * 1000)
    with pytest.raises(WeightsError, match="nothing was kept"):
        fetch("net", models(tmp_path), Hub(hub.address))
    assert not part.exists()
    fetch("net", models(tmp_path), Hub(hub.address))  # and now it works


def test_other_content_than_pinned_is_not_kept(tmp_path: Path, hub: Server) -> None:
    hub.files[f"/shop/net/resolve/{REVISION}/config.json"] = b'{"tiny": TRUE}'
    with pytest.raises(WeightsError, match=r"config\.json: digest [0-9a-f]{12} found, .* nothing was kept"):
        fetch("net", models(tmp_path), Hub(hub.address))
    assert list((tmp_path / "net").iterdir()) == []


def test_an_endless_answer_does_not_fill_the_disk(tmp_path: Path, hub: Server) -> None:
    hub.files[f"/shop/net/resolve/{REVISION}/config.json"] = b"x" * 5_000_000
    with pytest.raises(WeightsError, match="nothing was kept"):
        fetch("net", models(tmp_path), Hub(hub.address))
    assert list((tmp_path / "net").iterdir()) == []


@pytest.mark.parametrize(
    ("status", "gated", "words"),
    [
        (401, True, "gated. Accept the licence on the page of shop/net and set HF_TOKEN"),
        (403, False, r"refused it \(403\)"),
        (404, False, "does not have it at revision 0123456789ab"),
        (503, False, "answered 503; try again later"),
    ],
)
def test_what_the_server_answers_is_explained(
    tmp_path: Path, hub: Server, status: int, gated: bool, words: str
) -> None:
    hub.status[f"/shop/net/resolve/{REVISION}/config.json"] = status
    with pytest.raises(WeightsError, match=words):
        fetch("net", models(tmp_path, gated=gated), Hub(hub.address))


def test_no_server_is_explained(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"could not be reached.*is there a network\?"):
        fetch("net", models(tmp_path), Hub("http://127.0.0.1:9"))


def test_the_token_goes_to_the_hub_and_not_where_it_redirects(tmp_path: Path, hub: Server) -> None:
    path = f"/shop/net/resolve/{REVISION}/config.json"
    hub.redirects[path] = f"http://localhost:{hub.port}/elsewhere"
    hub.files["/elsewhere"] = CONTENT["config.json"]
    fetch("net", models(tmp_path), Hub(hub.address, token=TOKEN))
    assert hub.seen[path] == f"Bearer {TOKEN}"
    assert hub.seen["/elsewhere"] is None
    assert TOKEN not in repr(Hub(hub.address, token=TOKEN))


def test_an_entry_without_a_repository_comes_from_its_url_without_the_token(tmp_path: Path, hub: Server) -> None:
    hub.files = {f"/files/{name}": data for name, data in CONTENT.items()}
    found = models(tmp_path, repository="", revision="", url=f"{hub.address}/files")
    fetch("net", found, Hub("https://hub.example", token=TOKEN))
    assert hub.seen == dict.fromkeys(hub.files)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"revision": ""}, r"not pinned: set net\.revision"),
        ({"files": [{"name": "a.txt"}]}, r"not pinned: set net\.files\[a\.txt\]\.sha256"),
        ({"repository": "", "revision": ""}, "on no server; put the files into"),
    ],
)
def test_what_is_not_pinned_is_not_fetched(tmp_path: Path, hub: Server, change: dict[str, object], words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        fetch("net", models(tmp_path, **change), Hub(hub.address))
    assert hub.paths == []


# The command line and the environment


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hub: Server) -> CliRunner:
    own = tmp_path / "own.yaml"
    own.write_text(json.dumps({"net": entry(), "bound": entry(licences=NOT_FREE)}))
    for name, value in (
        ("CATALOG_WEIGHTS", str(own)),
        ("CATALOG_MODELS", str(tmp_path / "models")),
        ("HF_ENDPOINT", hub.address),
    ):
        monkeypatch.setenv(name, value)
    return CliRunner()


def run(runner: CliRunner, *arguments: str) -> Result:
    return runner.invoke(cli, arguments, catch_exceptions=False)


def test_models_lists_engines_weights_and_licences(catalog: CliRunner, tmp_path: Path) -> None:
    result = run(catalog, "models")
    assert result.exit_code == 0
    for words in (
        "embedded (in use)",
        "cut-out: net",
        f"weights in {tmp_path / 'models'}",
        "on disk: nothing (catalog models fetch net)",
        "from shop/net, revision 0123456789ab, 1 MB",
        "training data CC-BY-NC-4.0, NOT for commercial use",
        "loads only with your consent: set CATALOG_ACCEPT_LICENCES=bound",
        "commercial use unclear",
    ):
        assert words in result.stdout


def test_models_fetch_downloads_and_models_says_so(catalog: CliRunner, tmp_path: Path) -> None:
    result = run(catalog, "models", "fetch", "net")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"net: complete, digests right, in {tmp_path / 'models' / 'net'}\n"
    assert "on disk: complete, digests right" in run(catalog, "models").stdout
    (tmp_path / "models" / "net" / "config.json").write_bytes(b'{"tiny": TRUE}')
    assert "on disk: complete, but " in run(catalog, "models").stdout
    (tmp_path / "models" / "net" / "config.json").unlink()
    assert "on disk: partial, 1 of 2 files" in run(catalog, "models").stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bound", "is not for commercial use"),
        ("no-such", "there are no weights 'no-such'; known: "),
        ("../../etc", "there are no weights"),
    ],
)
def test_a_fetch_that_cannot_be_is_one_line_and_status_2(catalog: CliRunner, name: str, words: str) -> None:
    result = run(catalog, "models", "fetch", name)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("catalog: ")
    assert words in line


def test_consent_in_the_environment_lets_it_through(catalog: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG_ACCEPT_LICENCES", " bound , ")
    hub_path = run(catalog, "models", "fetch", "bound")
    assert hub_path.exit_code == 0
    monkeypatch.setenv("CATALOG_ACCEPT_LICENCES", "bund")
    refused = run(catalog, "models")
    assert refused.exit_code == 2
    assert "CATALOG_ACCEPT_LICENCES: there are no weights bund" in refused.stderr


def test_models_still_lists_when_the_engine_in_use_cannot_be_used(
    catalog: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATALOG_PROFILE", "gpu")
    result = run(catalog, "models")
    assert result.exit_code == 0
    assert "cut-outs are made by: embedded,birefnet" in result.stdout
    assert "cannot be used: weights birefnet: 0 of 4 files" in result.stdout


def test_cutout_with_weights_that_are_missing_is_one_line_and_status_2(catalog: CliRunner, tmp_path: Path) -> None:
    result = run(catalog, "cutout", "photo.jpg", "-o", str(tmp_path / "out"), "--engine", "classical,net")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"catalog: weights net: 0 of 2 files are in {tmp_path / 'models' / 'net'}; run: catalog models fetch net"
    ]


def test_the_environment_names_what_engines_are_given(tmp_path: Path) -> None:
    found = read_environment(
        {
            "CATALOG_MODELS": "/weights",
            "CATALOG_ACCEPT_LICENCES": "rmbg-2.0,vitmatte-small",
            "CATALOG_DEVICE": "cpu",
            "CATALOG_RANKING_ENGINE": "clip",
            "CATALOG_JUDGE_WITNESSES": "text,dinov2",
            "HF_TOKEN": TOKEN,
        }
    )
    engines = configured_engines(found)
    assert (engines.ranking_name(), engines.witness_names()) == ("clip", "text,dinov2")
    assert found.models_folder == "/weights"
    assert found.accept_licences == ("rmbg-2.0", "vitmatte-small")
    assert found.device == "cpu"
    assert TOKEN not in repr(found)
    with pytest.raises(EnvironmentSettingError, match="CATALOG_DEVICE: 'tpu' found, one of auto, cuda, cpu expected"):
        read_environment({"CATALOG_DEVICE": "tpu"})
    assert Engines(models_folder=str(tmp_path)).models().root == tmp_path


# Snapshots


PIPELINE = {
    "model_index.json": json.dumps(
        {
            "_class_name": "Flux2KleinPipeline",
            "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
            "transformer": ["diffusers", "Flux2Transformer2DModel"],
            "safety_checker": [None, None],
        }
    ).encode(),
    "scheduler/scheduler_config.json": b"{}",
    "transformer/config.json": b'{"layers": 1}',
    "transformer/diffusion_pytorch_model.safetensors": bytes(range(256)) * 400,
}
# What lies in such repositories beside it, and no pipeline loads.
BESIDE = {
    "README.md": b"# A model",
    "net.safetensors": b"the same in one file",
    "transformer/diffusion_pytorch_model.fp16.safetensors": b"the same in half precision",
    "transformer/diffusion_pytorch_model.bin": b"a pickle",
    "transformer/code.py": b"print('no')",
    "assets/teaser.json": b"[]",
}
LARGE = "transformer/diffusion_pytorch_model.safetensors"


def listed(files: dict[str, bytes]) -> bytes:
    """As a hub lists the files of a commit: large ones with their SHA-256, small ones with git's digest."""
    siblings = [
        {
            "rfilename": name,
            "size": len(data),
            "blobId": hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest(),
            **({"lfs": {"sha256": digest(data), "size": len(data)}} if name.endswith(".safetensors") else {}),
        }
        for name, data in files.items()
    ]
    return json.dumps({"sha": REVISION, "siblings": siblings}).encode()


def list_path(revision: str = REVISION) -> str:
    return f"/api/models/shop/net/revision/{revision}?blobs=true"


@pytest.fixture
def pipeline_hub(hub: Server) -> Server:
    hub.files = {f"/shop/net/resolve/{REVISION}/{name}": data for name, data in {**PIPELINE, **BESIDE}.items()}
    hub.files[list_path()] = listed({**PIPELINE, **BESIDE})
    return hub


def snapshot(root: Path, **fields: object) -> Models:
    given = {"job": "scene", "runtime": "diffusers", "architecture": "sdxl", "snapshot": True, "files": [], **fields}
    return models(root, **given)  # type: ignore[arg-type]


def test_a_snapshot_is_what_the_pipeline_loads_of_one_commit(tmp_path: Path, pipeline_hub: Server) -> None:
    found = snapshot(tmp_path)
    weights = found.entry("net")
    with pytest.raises(WeightsError, match=r"no whole snapshot is in .*net; run: catalog models fetch net"):
        found.ready("net")
    before = found.identity(weights)
    seen: list[tuple[int, int]] = []
    fetch("net", found, Hub(pipeline_hub.address), lambda done, total: seen.append((done, total)))
    there = {path.relative_to(tmp_path / "net").as_posix() for path in (tmp_path / "net").rglob("*") if path.is_file()}
    assert there == {*PIPELINE, "snapshot.lock.json"}
    total = sum(len(data) for data in PIPELINE.values())
    assert seen[-1] == (total, total)
    assert found.on_disk(weights) == found.on_disk(found.ready("net"))
    assert (found.on_disk(weights).state, found.on_disk(weights).expected) == ("complete", len(PIPELINE))
    found.verify(weights)
    assert found.identity(weights) == before  # known before anything is fetched
    asked = list(pipeline_hub.paths)
    fetch("net", found, Hub(pipeline_hub.address))
    assert pipeline_hub.paths[len(asked) :] == [list_path()]


def test_another_revision_is_another_snapshot(tmp_path: Path, pipeline_hub: Server) -> None:
    fetch("net", snapshot(tmp_path), Hub(pipeline_hub.address))
    other = snapshot(tmp_path, revision="f" * 40)
    assert other.on_disk(other.entry("net")).state == "partial"
    with pytest.raises(WeightsError, match="no whole snapshot"):
        other.ready("net")
    with pytest.raises(WeightsError, match="no whole snapshot"):
        other.verify(other.entry("net"))
    assert other.identity(other.entry("net")) != snapshot(tmp_path).identity(snapshot(tmp_path).entry("net"))


@pytest.mark.parametrize("name", [LARGE, "transformer/config.json"])
def test_damage_to_a_snapshot_is_found_and_mended(tmp_path: Path, pipeline_hub: Server, name: str) -> None:
    found = snapshot(tmp_path)
    fetch("net", found, Hub(pipeline_hub.address))
    path = tmp_path / "net" / name
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(WeightsError, match=rf"{name}: digest .* found, .* expected; delete it and run"):
        found.verify(found.entry("net"))
    path.unlink()
    assert found.on_disk(found.entry("net")).state == "partial"
    with pytest.raises(WeightsError, match=rf"{name}: missing; run: catalog models fetch net"):
        found.verify(found.entry("net"))
    fetch("net", found, Hub(pipeline_hub.address))
    found.verify(found.entry("net"))
    (path.parent / "model.safetensors").write_bytes(b"another one")
    with pytest.raises(WeightsError, match=r"transformer/model\.safetensors: does not belong to weights net"):
        found.verify(found.entry("net"))


@pytest.mark.parametrize("name", [LARGE, "transformer/config.json"])
def test_other_content_than_the_hub_lists_is_not_kept(tmp_path: Path, pipeline_hub: Server, name: str) -> None:
    path = f"/shop/net/resolve/{REVISION}/{name}"
    pipeline_hub.files[path] = pipeline_hub.files[path][::-1]
    found = snapshot(tmp_path)
    with pytest.raises(WeightsError, match=r"nothing was kept\. The server does not have what is pinned"):
        fetch("net", found, Hub(pipeline_hub.address))
    assert not (tmp_path / "net" / name).exists()
    assert found.on_disk(found.entry("net")).state == "partial"


def test_a_digest_in_the_registry_counts_more_than_the_hub_s_list(tmp_path: Path, pipeline_hub: Server) -> None:
    pin = {"name": LARGE, "size": len(PIPELINE[LARGE]), "sha256": digest(PIPELINE[LARGE])}
    found = snapshot(tmp_path, files=[pin])
    fetch("net", found, Hub(pipeline_hub.address))
    found.verify(found.ready("net"))
    wrong = snapshot(tmp_path, files=[{**pin, "sha256": "0" * 64}])
    assert wrong.on_disk(wrong.entry("net")).state == "partial"
    with pytest.raises(WeightsError, match=rf"net: {LARGE}: the server does not list what is pinned"):
        fetch("net", wrong, Hub(pipeline_hub.address))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"<html>", "list of files cannot be read"),
        (b"[]", "list of files cannot be read"),
        (b'{"sha": "%s", "siblings": [{"rfilename": "x/y.json"}]}' % REVISION.encode(), "cannot be read"),
        (b'{"sha": "%s", "siblings": []}' % (b"f" * 40), "answers for another revision"),
        ({"../../x.json": b"{}"}, "list of files cannot be read"),
        ({"/etc/x.json": b"{}"}, "list of files cannot be read"),
        ({"vae/config.json": b"{}"}, r"is no pipeline: it has no model_index\.json"),
        ({"model_index.json": b'{"vae": ["my_code", "Vae"]}'}, "asks for code that is not run: 'vae' of 'my_code'"),
        ({"model_index.json": b"<html>"}, "is no description of a pipeline"),
        ({"model_index.json": PIPELINE["model_index.json"]}, "lists no files of scheduler, transformer"),
    ],
)
def test_a_hub_that_answers_anything_else_is_one_line(
    tmp_path: Path, hub: Server, answer: bytes | dict[str, bytes], words: str
) -> None:
    files = answer if isinstance(answer, dict) else {}
    hub.files = {f"/shop/net/resolve/{REVISION}/{name}": data for name, data in files.items()}
    hub.files[list_path()] = listed(files) if isinstance(answer, dict) else answer
    with pytest.raises(WeightsError, match=words) as told:
        fetch("net", snapshot(tmp_path), Hub(hub.address))
    assert "\n" not in str(told.value)
    assert not list(tmp_path.rglob("x.json"))


def test_a_gated_snapshot_says_so_and_gets_the_token(tmp_path: Path, pipeline_hub: Server) -> None:
    pipeline_hub.status[list_path()] = 401
    with pytest.raises(WeightsError, match=r"net: list of files could not be fetched: access is gated\. Accept"):
        fetch("net", snapshot(tmp_path, gated=True), Hub(pipeline_hub.address, TOKEN))
    assert pipeline_hub.seen[list_path()] == f"Bearer {TOKEN}"


def test_a_snapshot_without_a_revision_is_neither_fetched_nor_loaded(tmp_path: Path, pipeline_hub: Server) -> None:
    loose = snapshot(tmp_path, revision="")
    for refused in (lambda: fetch("net", loose, Hub(pipeline_hub.address)), lambda: loose.ready("net")):
        with pytest.raises(WeightsError, match=r"weights net are not pinned: set net\.revision"):
            refused()
    assert pipeline_hub.paths == []


def test_weights_that_ship_are_there_whole_and_free_to_use(tmp_path: Path) -> None:
    found = Models(tmp_path / "nothing", load_registry())
    weights = found.ready("cutnet")
    found.verify(weights)
    assert weights.shipped
    assert weights.size < 8_000_000
    assert not weights.not_allowed
    assert {part.commercial for part in (weights.licences.weights, weights.licences.training_data)} == {"yes"}
