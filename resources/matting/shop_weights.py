"""Weights of the project's own net that a shop has trained: kept in its catalog's store, laid over the shipped ones.

In the store: `models/cutnet/<first 16 hex digits of the SHA-256>.onnx`, and `models/cutnet/current.json`, which is
written last and says which of them is in use and what it was made from. Without that file the shipped ones are.
Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from resources.names import display
from resources.store import CatalogStore, NotFound, json_bytes
from resources.weights import Models, Weights, WeightsError, WeightsFile, digest

OWN_NET = "cutnet"
FOLDER = f"models/{OWN_NET}"
CURRENT = f"{FOLDER}/current.json"
FILE = f"{OWN_NET}.onnx"
REVERT = "go back to the shipped weights with: catalog train-cutout --revert"
LICENCE = (
    "Made from the base weights (their licence holds on) and from pictures of this shop: "
    "whoever passes these weights on needs the right to pass on what was learnt from those pictures."
)
MAX_BYTES = 64 * 1024 * 1024
_MAX_RECORD_BYTES = 100_000
_DIGITS = 16

_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Scores(_Part):
    """A net's answers on pictures with known mattes, on average. right: share with an IoU of at least 0.90."""

    pictures: int = Field(ge=1)
    iou: _Share
    right: _Share
    mae: _Share
    boundary: _Share


class Trained(_Part):
    """What `current.json` says of the weights in use.

    base: digest of the weights that were trained further. at: date and time in UTC. pairs: pictures by source that it
    learnt from or was tried on. held_out: those it was tried on. before, after: scores of the base and of the new
    weights on these.
    """

    sha256: _Sha256
    size: int = Field(ge=1, le=MAX_BYTES)
    base: _Sha256
    at: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT[0-9:+.Z-]{5,30}$")]
    pairs: Mapping[str, Annotated[int, Field(ge=0)]]
    held_out: int = Field(ge=1)
    seed: int
    steps: int = Field(ge=1)
    before: Scores
    after: Scores
    licence: str = Field(max_length=1000)

    @property
    def key(self) -> str:
        """Where the weights lie in the store."""
        return f"{FOLDER}/{self.sha256[:_DIGITS]}.onnx"

    @property
    def in_words(self) -> str:
        """One line for people: which weights, and what is known of them."""
        return (
            f"{OWN_NET} {self.sha256[:_DIGITS]}, trained for this shop on {self.at[:10]}, "
            f"{sum(self.pairs.values())} pairs, IoU {self.before.iou:.3f} -> {self.after.iou:.3f}"
        )


def shipped_in_words(models: Models) -> str:
    """The same line where the shop has no weights of its own. Raises WeightsError if there are none at all."""
    return f"{OWN_NET} {_pin(models, models.entry(OWN_NET))[:_DIGITS]}, shipped"


def trained_weights(store: CatalogStore) -> Trained | None:
    """What the shop has in use, None for the shipped weights. Raises WeightsError if it cannot be read, StoreError."""
    try:
        entry = store.stat(CURRENT)
        if entry is None:
            return None
        if entry.size > _MAX_RECORD_BYTES:
            raise WeightsError(f"{CURRENT}: {entry.size} bytes found, at most {_MAX_RECORD_BYTES} expected; {REVERT}")
        return Trained.model_validate_json(store.read(CURRENT))
    except NotFound:
        return None  # taken back since it was looked at
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WeightsError(f"{CURRENT}: {display(where)}: {first['msg']}; {REVERT}") from error


def install(store: CatalogStore, data: bytes, trained: Trained) -> None:
    """Put weights into the store, then what names them: whoever looks meanwhile finds the ones before. StoreError."""
    store.write(trained.key, data)
    store.write(CURRENT, json_bytes(trained.model_dump(mode="json")), content_type="application/json")


def revert(store: CatalogStore) -> bool:
    """Back to the shipped weights; False if they are in use already. The files stay: old records name them."""
    if not store.exists(CURRENT):
        return False
    store.delete(CURRENT)
    return True


def with_shop_weights(models: Models, trained: Trained, store: CatalogStore) -> Models:
    """The models with the shop's own weights in the place of the shipped ones, brought to disk at the first call.

    They lie in `<models>/cutnet-<16 hex digits>`, written under another name and renamed once their digest is right.
    Raises WeightsError if they are missing, damaged or cannot be written; StoreError if the store cannot be reached.
    """
    base = models.entry(OWN_NET)
    if base.runtime != "onnx":
        raise WeightsError(f"{OWN_NET}: the registry has other weights than ONNX under this name; {REVERT}")
    folder = models.root / f"{OWN_NET}-{trained.sha256[:_DIGITS]}"
    _bring(store, trained, folder / FILE)
    return replace(models, registry={**models.registry, OWN_NET: entry_of(base, folder, trained.sha256, trained.size)})


def entry_of(base: Weights, folder: Path, sha256: str, size: int) -> Weights:
    """The registry's entry of the net for another file of weights, `<folder>/cutnet.onnx`."""
    data = base.licences.training_data
    data = data.model_copy(update={"note": f"{data.note}; and pictures of this shop".removeprefix("; ")})
    return base.model_copy(
        update={
            "title": f"{base.title}, trained further for this shop",
            "path": str(folder),
            "shipped": False,
            "repository": "",
            "revision": "",
            "url": "",
            "files": (WeightsFile(name=FILE, sha256=sha256, size=size),),
            "licences": base.licences.model_copy(update={"training_data": data}),
        }
    )


def own_net_file(models: Models) -> tuple[Path, str]:
    """Where the net's weights lie, and their digest. Raises WeightsError if they are not there or not ONNX."""
    weights = models.ready(OWN_NET)
    if weights.runtime != "onnx":
        raise WeightsError(f"{OWN_NET}: the registry has other weights than ONNX under this name")
    models.verify(weights)
    name = next(file.name for file in weights.files if file.name.endswith(".onnx"))
    return models.folder(weights) / name, _pin(models, weights)


def _pin(models: Models, weights: Weights) -> str:
    """The digest of the first file that holds weights."""
    file = next((file for file in weights.files if file.name.endswith(".onnx")), weights.files[0])
    return file.sha256 or digest(models.folder(weights) / file.name)


def _bring(store: CatalogStore, trained: Trained, target: Path) -> None:
    """Fetch the weights unless they are on disk, whole and right."""
    if target.is_file() and target.stat().st_size == trained.size and digest(target) == trained.sha256:
        return
    data = _fetched(store, trained)
    part = target.with_name(f"{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise WeightsError(f"{target}: the shop's weights could not be put there: {error.strerror or error}") from error


def _fetched(store: CatalogStore, trained: Trained) -> bytes:
    """The weights from the store, if they are what `current.json` says. Raises WeightsError, StoreError."""
    entry = store.stat(trained.key)
    if entry is None:
        raise WeightsError(f"{trained.key}: {CURRENT} names it, but it is not in the store; put it back, or {REVERT}")
    data = store.read(trained.key) if entry.size == trained.size else b""
    found = hashlib.sha256(data).hexdigest()
    if entry.size != trained.size:
        raise WeightsError(
            f"{trained.key}: {entry.size} bytes found, {trained.size} expected; put it back, or {REVERT}"
        )
    if found != trained.sha256:
        raise WeightsError(
            f"{trained.key}: digest {found[:12]} found, {trained.sha256[:12]} expected; put it back, or {REVERT}"
        )
    return data
