"""Weights that engines are built on: which ones exactly, what their licences allow, and what of them is on disk.

The registry is data (weights.yaml). Nothing here loads a model, and nothing imports torch: engines are named, and
their revision is known, without it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from resources.plain_yaml import PlainYamlError, read_mapping

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
# With folders at most two deep, none of which begins with a dot.
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
FileName = Annotated[str, StringConstraints(pattern=rf"^({_PART}/){{0,2}}{_PART}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")]
Commit = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40})?$")]
Repository = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)?$")]
Url = Annotated[str, StringConstraints(pattern=r"^(https?://[^\s?#]+)?$")]
Commercial = Literal["yes", "no", "unclear"]
# detection, refinement: cut-outs. ranking: how well a picture fits words. likeness: a witness of the fidelity judge.
# upscaling: twice the size. scene: paints the world around a product. captioning: a few words on a cut-out.
Job = Literal["detection", "refinement", "ranking", "likeness", "upscaling", "scene", "captioning"]

_REGISTRY_FILE = Path(__file__).with_name("weights.yaml")
_SHIPPED = Path(__file__).with_name("nets")
_LOCK_FILE = "snapshot.lock.json"
_CHUNK = 1 << 20


class WeightsError(ValueError):
    """Weights that cannot be used; one line that says which, why, and what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Licence(_Part):
    """One of the three licences of weights."""

    name: str = Field(description="SPDX identifier where there is one, else a few words")
    commercial: Commercial = Field(description="may a shop use it? unclear: the note says why")
    note: str = ""


class Licences(_Part):
    code: Licence
    weights: Licence
    training_data: Licence


class WeightsFile(_Part):
    name: FileName
    sha256: Digest = Field("", description="digest of the content; empty: not pinned")
    size: int | None = Field(None, ge=1, description="bytes, where known")


class Lock(_Part):
    """What was fetched of a snapshot, written beside it as the last file."""

    repository: Repository
    revision: Commit
    files: tuple[WeightsFile, ...] = Field(min_length=1)


class Input(_Part):
    """What the net expects: a stretch to side x side, divided by 255, less the mean, by the standard deviation.

    A net that paints scenes is given pictures of their own aspect, of at most side x side pixels in all.
    """

    side: int | None = Field(None, ge=32, le=4096, description="px; none: as the model file says")
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Weights(_Part):
    """One entry of the registry."""

    name: Name
    job: Job
    runtime: Literal["transformers", "onnx", "open_clip", "diffusers"]
    title: str
    repository: Repository = Field("", description="owner/name on the hub")
    revision: Commit = Field("", description="commit of the repository; empty: not pinned")
    url: Url = Field("", description="where files that are on no hub lie: <url>/<file>")
    path: str = Field("", description="local folder of the files; empty: <models>/<name>")
    shipped: bool = Field(False, description="the files lie in this package: there is nothing to fetch")
    gated: bool = Field(False, description="the hub asks for an account that has accepted the licence")
    trust_remote_code: bool = Field(False, description="the repository brings Python code that is run")
    architecture: str = Field("", description="open_clip: which net the file fills; diffusers: which family it is of")
    snapshot: bool = Field(False, description="all of the repository that a pipeline loads, not only the files listed")
    needs: tuple[str, ...] = Field((), description="Python packages beyond torch and transformers")
    licences: Licences
    files: tuple[WeightsFile, ...] = Field((), description="of a snapshot: those whose content is pinned by digest too")
    input: Input
    output: Literal["probability", "logits"] = "probability"

    @model_validator(mode="after")
    def _can_be_loaded(self) -> Weights:
        if self.job in ("refinement", "likeness", "upscaling", "captioning") and self.runtime != "transformers":
            raise ValueError(f"{self.job} runs with transformers only")
        if (self.job == "ranking") != (self.runtime == "open_clip"):
            raise ValueError("ranking runs with open_clip, and nothing else does")
        if (self.job == "scene") != (self.runtime == "diffusers"):
            raise ValueError("scene runs with diffusers, and nothing else does")
        if self.runtime == "diffusers" and not self.architecture:
            raise ValueError("an architecture is needed")
        if self.snapshot and not (self.runtime == "diffusers" and self.repository):
            raise ValueError("a snapshot is of a repository, for diffusers")
        if not (self.files or self.snapshot):
            raise ValueError("files are needed")
        if self.runtime == "open_clip" and not (
            self.architecture and len(self.files) == 1 and self.files[0].name.endswith(".safetensors")
        ):
            raise ValueError("an architecture and one file that ends with .safetensors are needed")
        if self.runtime == "onnx" and not any(file.name.endswith(".onnx") for file in self.files):
            raise ValueError("a file that ends with .onnx is needed")
        if self.runtime != "onnx" and self.job not in ("refinement", "upscaling") and self.input.side is None:
            raise ValueError("input.side is needed")
        if len({file.name for file in self.files}) < len(self.files):
            raise ValueError("a file is listed twice")
        if any(file.name.endswith(".bin") and not file.sha256 for file in self.files):
            raise ValueError("a file that ends with .bin is a pickle and needs its sha256")
        return self

    @property
    def pickled(self) -> bool:
        """Whether the weights come as a pickle only, no safetensors."""
        names = [file.name for file in self.files]
        return any(name.endswith(".bin") for name in names) and not any(name.endswith(".safetensors") for name in names)

    @property
    def not_allowed(self) -> tuple[str, ...]:
        """The parts ("weights", "training data") whose licence forbids commercial use."""
        parts = (("code", "code"), ("weights", "weights"), ("training_data", "training data"))
        return tuple(said for part, said in parts if getattr(self.licences, part).commercial == "no")

    @property
    def unpinned(self) -> tuple[str, ...]:
        """What a pin is missing of: fields of weights.yaml, empty if the content is pinned."""
        missing = [] if self.revision or not self.repository else [f"{self.name}.revision"]
        return (*missing, *(f"{self.name}.files[{file.name}].sha256" for file in self.files if not file.sha256))

    @property
    def size(self) -> int:
        """Bytes of all files whose size is known."""
        return sum(file.size or 0 for file in self.files)


Registry = Mapping[str, Weights]


def default_folder() -> Path:
    """Where weights lie if nothing else is said: in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "catalog" / "models"


def load_registry(own: Path | None = None) -> Registry:
    """The shipped weights, with an operator's own file laid over them. Raises WeightsError naming entry and field."""
    registry = _read(_REGISTRY_FILE)
    return {**registry, **_read(own)} if own else registry


def _read(file: Path) -> dict[str, Weights]:
    try:
        content = read_mapping(file.read_bytes())
    except (OSError, PlainYamlError) as error:
        raise WeightsError(f"{file.name}: no registry of weights: {error}") from error
    return {str(name): _entry(file.name, str(name), entry) for name, entry in content.items()}


def _entry(file: str, name: str, entry: Any) -> Weights:
    if not isinstance(entry, dict):
        raise WeightsError(f"{file}: {name}: a mapping expected")
    try:
        return Weights(**{**entry, "name": name})
    except (ValidationError, TypeError) as error:
        if not isinstance(error, ValidationError):
            raise WeightsError(f"{file}: {name}: {error}") from error
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WeightsError(f"{file}: {name}{'.' if where else ''}{where}: {first['msg']}") from error


@dataclass(frozen=True)
class OnDisk:
    """What of an entry is on disk. state "complete": all files are there, in the size expected."""

    state: Literal["complete", "partial", "missing"]
    present: int
    expected: int


@dataclass(frozen=True)
class Models:
    """The folder of weights, with the registry that says what belongs into it and what the operator has accepted.

    root: folder with one folder an entry. accepted: entries whose non-commercial licence the operator has accepted.
    """

    root: Path
    registry: Registry
    accepted: frozenset[str] = frozenset()

    def entry(self, name: str) -> Weights:
        """The entry of that name. Raises WeightsError naming the known ones."""
        if name not in self.registry:
            raise WeightsError(f"there are no weights {name!r}; known: {', '.join(sorted(self.registry))}")
        return self.registry[name]

    def folder(self, weights: Weights) -> Path:
        """Where the files of an entry belong."""
        if weights.shipped:
            return _SHIPPED / weights.name
        return Path(weights.path).expanduser() if weights.path else self.root / weights.name

    def files(self, weights: Weights) -> tuple[WeightsFile, ...]:
        """The files of an entry: those listed; of a snapshot those in its lock, none before it was fetched whole."""
        if not weights.snapshot:
            return weights.files
        lock = self._lock(weights)
        return lock.files if lock else ()

    def _lock(self, weights: Weights) -> Lock | None:
        """The lock of a snapshot, if it is of the revision wanted and has what is pinned by digest."""
        try:
            lock = Lock.model_validate_json((self.folder(weights) / _LOCK_FILE).read_bytes())
        except (OSError, ValidationError):
            return None
        pinned = {(file.name, file.sha256) for file in weights.files}
        holds = pinned <= {(file.name, file.sha256) for file in lock.files} and all(file.sha256 for file in lock.files)
        return lock if holds and (lock.repository, lock.revision) == (weights.repository, weights.revision) else None

    def lock(self, weights: Weights, names: Iterable[str]) -> None:
        """Write down what was fetched of a snapshot, with the digests of what is on disk: it then counts as there."""
        folder = self.folder(weights)
        files = tuple(
            WeightsFile(name=name, sha256=digest(folder / name), size=(folder / name).stat().st_size) for name in names
        )
        lock = Lock(repository=weights.repository, revision=weights.revision, files=files)
        part = folder / f"{_LOCK_FILE}.part"
        part.write_text(lock.model_dump_json(indent=1), encoding="utf-8")
        part.replace(folder / _LOCK_FILE)

    def on_disk(self, weights: Weights) -> OnDisk:
        """Which files are there, told by their sizes: quick, and no proof of what is in them (see `verify`)."""
        files = self.files(weights)
        unlocked = weights.snapshot and not files  # the lock comes last: it counts as a file that is missing
        present = sum(self._is_there(weights, file) for file in files or weights.files)
        expected = len(weights.files) + 1 if unlocked else len(files)
        started = present or (self.folder(weights).is_dir() and any(self.folder(weights).iterdir()))
        state: Literal["complete", "partial", "missing"] = "partial" if started else "missing"
        return OnDisk("complete" if present == expected else state, present, expected)

    def _is_there(self, weights: Weights, file: WeightsFile) -> bool:
        path = self.folder(weights) / file.name
        return path.is_file() and file.size in (None, path.stat().st_size)

    def check_licence(self, weights: Weights) -> None:
        """Raises WeightsError if a licence forbids commercial use and the operator has not accepted that."""
        if weights.not_allowed and weights.name not in self.accepted:
            parts = "; ".join(
                f"{part}: {licence.name}"
                for part, licence in (
                    (part, getattr(weights.licences, part.replace(" ", "_"))) for part in weights.not_allowed
                )
            )
            raise WeightsError(
                f"{weights.name} is not for commercial use ({parts}). If your use is allowed, "
                f"set CATALOG_ACCEPT_LICENCES={weights.name}"
            )

    def ready(self, name: str) -> Weights:
        """The entry, if it may be used and is on disk. Raises WeightsError with what to do."""
        weights = self.entry(name)
        self.check_licence(weights)
        if weights.trust_remote_code and weights.unpinned:
            raise WeightsError(f"{name} brings code that would be run, but is not pinned: set {weights.unpinned[0]}")
        if weights.runtime == "diffusers" and weights.unpinned:
            raise WeightsError(f"weights {name} are not pinned: set {' and '.join(weights.unpinned)}")
        found = self.on_disk(weights)
        if found.state == "complete":
            return weights
        served = bool(weights.repository or weights.url)
        todo = f"run: catalog models fetch {name}" if served else "put them there"
        there = f"{found.present} of {found.expected} files are"
        if weights.snapshot and not self.files(weights):
            there = "no whole snapshot is"
        raise WeightsError(f"weights {name}: {there} in {self.folder(weights)}; {todo}")

    def verify(self, weights: Weights) -> None:
        """Read every file of an entry. Raises WeightsError for the first that is not what the registry pins.

        Of a snapshot: not what its lock says. A pipeline's folder must hold no file besides that could be loaded.
        """
        files = self.files(weights)
        if weights.snapshot and not files:
            raise WeightsError(f"weights {weights.name}: no whole snapshot is in {self.folder(weights)}")
        if weights.runtime == "diffusers":
            self._check_no_others(weights, {file.name for file in files})
        for file in files:
            path = self.folder(weights) / file.name
            if not path.is_file():
                raise WeightsError(f"{path}: missing; run: catalog models fetch {weights.name}")
            found = digest(path)
            if file.sha256 and found != file.sha256:
                raise WeightsError(
                    f"{path}: digest {found[:12]} found, {file.sha256[:12]} expected; "
                    f"delete it and run: catalog models fetch {weights.name}"
                )

    def _check_no_others(self, weights: Weights, names: set[str]) -> None:
        """Raises WeightsError for a file in a part's folder that does not belong there: it could be loaded instead."""
        folder = self.folder(weights)
        for path in sorted(folder.glob("*/**/*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and name not in names and not name.startswith("."):
                raise WeightsError(f"{path}: does not belong to weights {weights.name}; delete it")

    def identity(self, weights: Weights) -> str:
        """12 hex digits that stand for the content: from the pins, or from the files themselves if not pinned."""
        parts = [weights.revision]
        for file in weights.files:
            parts += [file.name, file.sha256 or digest(self.folder(weights) / file.name)]
        parts += [weights.input.model_dump_json(), weights.output, *filter(None, [weights.architecture])]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def digest(path: Path) -> str:
    """sha256 of a file, in hex. Files that did not change since are not read again. Raises OSError."""
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, changed: int) -> str:
    del size, changed  # they are the key: a changed file is another one
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()
