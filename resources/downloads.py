"""Downloads of pinned weights: over HTTPS, resumed where they stopped, kept only if size and digest are right."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from resources.snapshots import INDEX, Listed, chosen, listing, total
from resources.weights import Models, Weights, WeightsError, WeightsFile, digest

TIMEOUT_S = 60
HUB = "https://huggingface.co"
# Where a size is not known: no answer may fill the disk.
_MAX_FILE_BYTES = 50_000_000_000
_MAX_LIST_BYTES = 20_000_000
_LIST = "list of files"
_CHUNK = 1 << 18

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Hub:
    """Where repositories are fetched from. token: goes to this server alone, never on to where it redirects."""

    endpoint: str = HUB
    token: str = field(default="", repr=False)


def fetch(name: str, models: Models, hub: Hub, report: Report = lambda done, total: None) -> Weights:
    """Bring the files of an entry to disk. What is there already, with the right digest, is not fetched again.

    report: called with (bytes done, bytes expected). A file is written as <file>.part and renamed when its size and
    digest are right; a call that was interrupted goes on from there.
    Raises WeightsError (one line: what went wrong, what to do) and OSError (disk).
    """
    weights = models.entry(name)
    models.check_licence(weights)
    if not (weights.repository or weights.url):
        raise WeightsError(f"weights {name} are on no server; put the files into {models.folder(weights)}")
    if weights.unpinned:
        raise WeightsError(f"weights {name} are not pinned: set {' and '.join(weights.unpinned)}")
    folder = models.folder(weights)
    folder.mkdir(parents=True, exist_ok=True)
    files = _of_snapshot(weights, folder, hub) if weights.snapshot else weights.files
    _fetch_files(weights, files, folder, hub, report)
    if weights.snapshot:
        models.lock(weights, [file.name for file in files])
    return weights


def _fetch_files(weights: Weights, files: Sequence[WeightsFile], folder: Path, hub: Hub, report: Report) -> None:
    done, expected = 0, total(files)
    for file in files:
        target, before = folder / file.name, done
        if not _is_right(file, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch_file(weights, file, target, hub, _added_to(before, expected, report))
        done = before + target.stat().st_size
        report(done, expected)


def _of_snapshot(weights: Weights, folder: Path, hub: Hub) -> tuple[Listed, ...]:
    """The files of a snapshot's pinned commit, as the hub lists them; brings its index to disk."""
    url = f"{hub.endpoint.rstrip('/')}/api/models/{weights.repository}/revision/{weights.revision}?blobs=true"
    with _told_in_one_line(weights, _LIST), _open(url, 0, hub) as answer:
        files = listing(answer.read(_MAX_LIST_BYTES), weights)
    if INDEX not in files:
        raise WeightsError(f"{weights.name}: the repository is no pipeline: it has no {INDEX}")
    index = folder / INDEX
    if not files[INDEX].is_in(index):
        _fetch_file(weights, files[INDEX], index, hub, lambda got: None)
    return chosen(files, index.read_bytes(), weights)


def _is_right(file: WeightsFile, path: Path) -> bool:
    """Whether a file is on disk with the content that is pinned or listed."""
    if isinstance(file, Listed):
        return file.is_in(path)
    return path.is_file() and digest(path) == file.sha256


def _added_to(before: int, total: int, report: Report) -> Callable[[int], None]:
    return lambda got: report(before + got, total)


def address(weights: Weights, file: WeightsFile, hub: Hub) -> str:
    """The address of one file: at the pinned revision of its repository, else below the entry's url."""
    if not weights.repository:
        return f"{weights.url.rstrip('/')}/{quote(file.name)}"
    return f"{hub.endpoint.rstrip('/')}/{weights.repository}/resolve/{weights.revision}/{quote(file.name)}"


def _fetch_file(weights: Weights, file: WeightsFile, target: Path, hub: Hub, report: Callable[[int], None]) -> None:
    part = target.with_name(target.name + ".part")
    with _told_in_one_line(weights, file.name):
        _resume(address(weights, file, hub), part, file, hub, report)
    size, found = part.stat().st_size, digest(part)
    if _is_right(file, part) and file.size in (None, size):
        part.replace(target)
        return
    if file.size is not None and size < file.size:
        raise WeightsError(f"{file.name}: {size} of {file.size} bytes came; run the same command to go on")
    part.unlink()
    wanted = f"digest {found[:12]} found, {file.sha256[:12]} expected" if file.sha256 else "other content than listed"
    raise WeightsError(f"{file.name}: {wanted}; nothing was kept. The server does not have what is pinned.")


def _resume(url: str, part: Path, file: WeightsFile, hub: Hub, report: Callable[[int], None]) -> None:
    """Read on from where `part` ends; from the start if the server cannot, or if `part` is no beginning of it."""
    most = file.size or _MAX_FILE_BYTES
    have = part.stat().st_size if part.exists() else 0
    if have >= most:
        if have == most and _is_right(file, part):
            return
        part.unlink()
        have = 0
    with _open(url, have, hub) as answer:
        goes_on = have > 0 and answer.status == http.HTTPStatus.PARTIAL_CONTENT
        have = have if goes_on else 0
        with part.open("ab" if goes_on else "wb") as out:
            # One byte more than is expected is enough to know that it is something else.
            while have <= most and (chunk := answer.read(min(_CHUNK, most + 1 - have))):
                have += out.write(chunk)
                report(have)


def _open(url: str, have: int, hub: Hub) -> Any:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise WeightsError(f"{url}: an address that starts with https:// expected")
    request = urllib.request.Request(url, headers={"User-Agent": "catalog-pictures"})  # noqa: S310 - checked above
    if have:
        request.add_header("Range", f"bytes={have}-")
    if hub.token and url.startswith(f"{hub.endpoint.rstrip('/')}/"):
        request.add_unredirected_header("Authorization", f"Bearer {hub.token}")
    opener = urllib.request.build_opener(_SafeRedirects)
    return opener.open(request, timeout=TIMEOUT_S)


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to an address that is not."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError("it redirects to an address that is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def _told_in_one_line(weights: Weights, name: str) -> Iterator[None]:
    """What went wrong on the way to a file, as a WeightsError."""
    what = f"{weights.name}: {name} could not be fetched"
    try:
        yield
    except urllib.error.HTTPError as error:
        raise WeightsError(f"{what}: {_answer(weights, error.code)}") from error
    except TimeoutError as error:
        raise WeightsError(f"{what}: no answer within {TIMEOUT_S} s; run the same command to go on") from error
    except urllib.error.URLError as error:
        raise WeightsError(f"{what}: the server could not be reached ({error.reason}); is there a network?") from error
    except (ConnectionError, http.client.HTTPException) as error:
        raise WeightsError(f"{what}: the connection broke off; run the same command to go on") from error


def _answer(weights: Weights, code: int) -> str:
    if code in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
        if weights.gated:
            return (
                f"access is gated. Accept the licence on the page of {weights.repository} "
                "and set HF_TOKEN to a token of that account"
            )
        return f"the server refused it ({code}); if a token is needed, set HF_TOKEN"
    if code == http.HTTPStatus.NOT_FOUND:
        return f"the server does not have it at revision {weights.revision[:12] or weights.url}"
    return f"the server answered {code}; try again later"
