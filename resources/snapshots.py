"""Snapshots of repositories: which files of one commit a pipeline needs, and whether what came is what the hub lists.

A commit names every file of a repository by its digest: a large file by its SHA-256, a small one by git's own (the
SHA-1 of "blob <size>", a zero byte and the content). What is fetched is held to these, and then locked by SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from resources.weights import Commit, Digest, Weights, WeightsError, WeightsFile, digest

INDEX = "model_index.json"
"""What a pipeline is made of: the names of its parts, each with a library and a class."""
MOST_FILES = 500
_LIBRARIES = {"diffusers", "transformers"}
_SUFFIXES = {".json", ".safetensors", ".txt", ".model", ".jinja"}
# Copies of the same weights in another precision, and files of training runs.
_VARIANT = re.compile(r"\.(fp16|bf16|fp32|non_ema|ema_only)\b")
_PART = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Listed(WeightsFile):
    """A file as the hub lists it. sha256: of a large file; blob: git's digest of a small one."""

    blob: Commit = ""

    def is_in(self, path: Path) -> bool:
        """Whether a file on disk is this one, read in full."""
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        return digest(path) == self.sha256 if self.sha256 else git_digest(path.read_bytes()) == self.blob


def git_digest(content: bytes) -> str:
    """The digest by which git names a file of that content, in hex."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def listing(answer: bytes, weights: Weights) -> dict[str, Listed]:
    """The files of a commit by name, from the hub's answer. Raises WeightsError if that is something else.

    Files that no pipeline loads (pictures, code, pickles) are left out.
    """
    try:
        content = json.loads(answer)
        if content["sha"] != weights.revision:
            raise WeightsError(f"{weights.name}: the server answers for another revision than {weights.revision[:12]}")
        found = [_listed(entry) for entry in content["siblings"] if _is_wanted(str(entry["rfilename"]))]
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{weights.name}: the server's list of files cannot be read") from error
    return {file.name: file for file in found}


def _is_wanted(name: str) -> bool:
    return PurePosixPath(name).suffix in _SUFFIXES and not _VARIANT.search(name)


def _listed(entry: dict[str, Any]) -> Listed:
    large = entry.get("lfs")
    sha256: Digest = large["sha256"] if large else ""
    size = large["size"] if large else entry["size"]
    if not (sha256 or entry["blobId"]) or not isinstance(size, int):
        raise ValueError("a file without digest or size")
    return Listed(name=entry["rfilename"], size=size, sha256=sha256, blob="" if large else entry["blobId"])


def chosen(files: dict[str, Listed], index: bytes, weights: Weights) -> tuple[Listed, ...]:
    """The files that a pipeline loads: its index and all of its parts' folders. Raises WeightsError.

    index: the content of its `model_index.json`. Where an entry pins files by digest, the hub must list the same.
    """
    parts = parts_of(index, weights.name)
    inside = [file for name, file in sorted(files.items()) if name.partition("/")[0] in parts and "/" in name]
    for pin in weights.files:
        if pin.name not in files or files[pin.name].sha256 != pin.sha256:
            raise WeightsError(f"{weights.name}: {pin.name}: the server does not list what is pinned")
    if empty := sorted(parts - {file.name.partition("/")[0] for file in inside}):
        raise WeightsError(f"{weights.name}: the server lists no files of {', '.join(empty)}")
    if len(inside) > MOST_FILES:
        raise WeightsError(f"{weights.name}: {len(inside)} files are listed, {MOST_FILES} at most expected")
    return (*([files[INDEX]] if INDEX in files else []), *inside)


def parts_of(index: bytes, what: str) -> set[str]:
    """The names of a pipeline's parts. Raises WeightsError unless all are classes of diffusers or transformers.

    index: the content of its `model_index.json`. what: whose it is, for the message.
    """
    try:
        content = json.loads(index)
        parts = {name: value for name, value in content.items() if isinstance(value, list)}
    except (ValueError, AttributeError) as error:
        raise WeightsError(f"{what}: {INDEX} is no description of a pipeline") from error
    found = {name for name, value in parts.items() if value and value[0] is not None}
    for name in sorted(found):
        library = parts[name][0]
        if library not in _LIBRARIES or not _PART.fullmatch(name):
            raise WeightsError(f"{what}: {INDEX} asks for code that is not run: {name!r} of {library!r}")
    if not found:
        raise WeightsError(f"{what}: {INDEX} names no parts of a pipeline")
    return found


def total(files: Iterable[WeightsFile]) -> int:
    """Bytes of all files."""
    return sum(file.size or 0 for file in files)
