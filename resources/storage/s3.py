"""The catalog store in an S3 bucket (AWS, MinIO and their like)."""

from __future__ import annotations

import contextlib
import io
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, islice
from typing import Any, BinaryIO, TypeVar

import tenacity

from resources.names import display
from resources.storage.base import (
    BAD_KEY,
    UPLOADS,
    CatalogStore,
    Entry,
    NotFound,
    OnSkip,
    StoreError,
    check_foreign_key,
    check_key,
    foreign_key_problem,
    listed_folder,
)

MAX_ATTEMPTS = 3
TIMEOUT_S = 60.0
_PAGE_SIZE = 1000  # as many as S3 gives in one reply
MAX_PARTS = 10_000  # of one object: S3's own limit
# Equal parts for as long as can be (some servers ask for it), larger ones where 10,000 would not do: 720 GiB in all.
_PART_BYTES = 16 * 2**20
_LARGE_PART_BYTES = 128 * 2**20
_LARGE_FROM = 5_000
_READ_BYTES = 4 * 2**20
# Nothing says when an upload in parts was last worked on, only when it began; a large one takes hours.
_UPLOAD_AGE_S = 24 * 3600.0
# Well below the age at which anything counts as a leftover.
_RENEW_S = 6 * 3600.0

log = logging.getLogger("catalog.store")

_T = TypeVar("_T")

_CONTENT_TYPES = {
    "avif": "image/avif",
    "csv": "text/csv; charset=utf-8",
    "gif": "image/gif",
    "html": "text/html; charset=utf-8",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "png": "image/png",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "webp": "image/webp",
    "zip": "application/zip",
}

_ALREADY_THERE = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_WRONG_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
_NO_PERMISSION = frozenset(
    {"AccessDenied", "AccountProblem", "AllAccessDisabled", "Forbidden", "InvalidObjectState", "403"}
)
_WRONG_REGION = frozenset(
    {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect", "301"}
)
_BUSY = frozenset(
    {
        "BandwidthLimitExceeded",
        "InternalError",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def default_client() -> Any:
    """A boto3 S3 client set up from environment, profile or machine role; 3 attempts, timeouts of 60 s."""
    import boto3
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
        connect_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
    )
    return boto3.client("s3", config=config)


def connect(make_client: Callable[[], Any]) -> Any:
    """The client that a function makes; StoreError `bad_s3_settings` if the settings make no sense."""
    from botocore.exceptions import BotoCoreError

    try:
        return make_client()
    except (BotoCoreError, ValueError) as error:
        raise StoreError(
            "bad_s3_settings",
            f"The S3 client cannot be made ({type(error).__name__}).",
            "Check the AWS settings: profile, region and endpoint address.",
        ) from error


class S3Store(CatalogStore):
    """A store below a prefix of an S3 bucket. One put is one write; S3 shows the old object or the new.

    client: a boto3 S3 client, which brings credentials, endpoint, region, timeouts and retries on 5xx and
    throttling. Here only replies that break off while they are read are tried again, 3 times in all.
    page_size: keys per listing request. part_bytes: of a part of a large object, 5 MiB or more.
    """

    def __init__(
        self, bucket: str, prefix: str, client: Any, *, page_size: int = _PAGE_SIZE, part_bytes: int = _PART_BYTES
    ) -> None:
        self._bucket = bucket
        self._base = f"{check_key(prefix.strip('/'))}/" if prefix.strip("/") else ""
        self._client = client
        self._page_size = page_size
        self._part_bytes = part_bytes
        self._bucket_seen = False

    @property
    def root(self) -> str:
        return f"s3://{self._bucket}/{self._base}".rstrip("/")

    def read(self, key: str) -> bytes:
        return self._get(key)

    def head(self, key: str, n: int) -> bytes:
        return self._get(key, n) if n > 0 else b""

    def stat(self, key: str) -> Entry | None:
        name = self._name(check_foreign_key(key))
        try:
            reply = self._call("look at", key, lambda: self._client.head_object(Bucket=self._bucket, Key=name))
        except NotFound:
            if not self._bucket_seen:
                # A HEAD has no body to say which of the two is missing: the object or the whole bucket.
                self._probe()
            return None
        except StoreError as error:
            if not error.retryable:
                # Nor does a refused HEAD say why: a listing does.
                self._probe()
            raise
        self._bucket_seen = True
        return _entry(key, reply["ContentLength"], reply)

    def open(self, key: str) -> BinaryIO:
        entry = self.stat(key)
        if entry is None:
            raise NotFound(key)
        return io.BufferedReader(_Ranges(self._range, entry), _READ_BYTES)

    def write(self, key: str, data: bytes, content_type: str | None = None, cache_control: str | None = None) -> None:
        name = self._name(check_key(key))
        headers = {"ContentType": content_type or _content_type(key)}
        if cache_control is not None:
            headers["CacheControl"] = cache_control
        self._call(
            "write",
            key,
            lambda: self._client.put_object(Bucket=self._bucket, Key=name, Body=data, **headers),
        )
        self._bucket_seen = True

    def create(self, key: str, data: bytes) -> bool:
        name = self._name(check_key(key))
        target = {"Bucket": self._bucket, "Key": name, "ContentType": _content_type(key)}
        try:
            self._call("create", key, lambda: self._client.put_object(**target, Body=data, IfNoneMatch="*"))
        except StoreError as error:
            if error.code != "already_there":
                raise
            return self._is_ours(key, data)
        self._bucket_seen = True
        return True

    def _is_ours(self, key: str, data: bytes) -> bool:
        """True if a put that was sent again, because its reply was lost, had come through the first time."""
        try:
            return self.read(key) == data
        except NotFound:
            return False

    def write_stream(self, key: str, chunks: Iterable[bytes], content_type: str | None = None) -> None:
        """One put for what fits into a part, an upload in parts else, which any exception takes back."""
        check_key(key)
        parts = _parts(chunks, self._part_bytes)
        first = next(parts)
        if len(first) < self._part_bytes:
            self.write(key, first, content_type)
            return
        target = {"Bucket": self._bucket, "Key": self._name(key)}
        media_type = content_type or _content_type(key)
        begun = self._call("write", key, lambda: self._client.create_multipart_upload(**target, ContentType=media_type))
        target["UploadId"] = begun["UploadId"]
        try:
            self._upload_parts(key, target, chain((first,), parts))
        except BaseException:
            # If even this fails, `sweep` takes the parts away later.
            with contextlib.suppress(StoreError):
                self._call("write", key, lambda: self._client.abort_multipart_upload(**target))
            raise
        self._bucket_seen = True

    def _upload_parts(self, key: str, target: dict[str, str], parts: Iterable[bytes]) -> None:
        done = []
        for number, part in enumerate(parts, 1):
            if number > MAX_PARTS:
                raise StoreError("too_large", f"{display(key)} is too large for one object.", "Write less into it.")
            reply = self._call("write", key, partial(self._client.upload_part, **target, PartNumber=number, Body=part))
            done.append({"ETag": reply["ETag"], "PartNumber": number})
        listed = {"Parts": done}
        self._call("write", key, lambda: self._client.complete_multipart_upload(**target, MultipartUpload=listed))

    def delete(self, key: str) -> None:
        name = self._name(check_key(key))
        self._call("remove", key, lambda: self._client.delete_object(Bucket=self._bucket, Key=name))

    def delete_many(self, keys: Iterable[str]) -> None:
        names = (self._name(check_key(key)) for key in keys)
        while batch := list(islice(names, _PAGE_SIZE)):
            self._delete_batch(batch)

    def delete_older(self, key: str, before: float) -> bool:
        entry = self.stat(key)
        if entry is None or entry.modified >= before:
            return False
        self.delete(key)
        return True

    def renew(self, key: str) -> bool:
        """True of what was written lately: there is no way to touch an object but to write it again."""
        entry = self.stat(key)
        return entry is not None and time.time() - entry.modified < _RENEW_S

    def list(self, prefix: str = "", on_skip: OnSkip | None = None) -> Iterator[Entry]:
        folder = listed_folder(prefix)
        for page in self._pages(folder):
            for item in page.get("Contents", ()):
                key = item["Key"][len(self._base) :]
                if not key or key.endswith("/"):
                    continue  # what consoles put there to show an empty folder
                if foreign_key_problem(key):
                    if on_skip is not None:
                        on_skip(key, BAD_KEY)
                    continue
                yield _entry(key, item["Size"], item)

    def children(self, prefix: str = "") -> tuple[str, ...]:
        folder = listed_folder(prefix)
        names: set[str] = set()
        for page in self._pages(folder, Delimiter="/"):
            found = [item["Key"] for item in page.get("Contents", ())]
            found += [item["Prefix"] for item in page.get("CommonPrefixes", ())]
            names.update(name.rstrip("/").rpartition("/")[2] for name in found if name != self._below(folder))
        return tuple(sorted(names - {""}))

    def sweep(self, older_than_s: float = _UPLOAD_AGE_S) -> int:
        """Take back uploads in parts that a killed process left behind; how many there were.

        A put that was cut off leaves nothing. What a shop's own tools upload in parts below `uploads/` is theirs.
        """
        before = datetime.now(UTC) - timedelta(seconds=older_than_s)
        swept = 0
        for upload in list(self._begun_uploads()):
            name = upload["Key"]
            if upload["Initiated"] < before and not name.startswith(self._below(UPLOADS)):
                target = {"Bucket": self._bucket, "Key": name, "UploadId": upload["UploadId"]}
                self._call("remove", name[len(self._base) :], partial(self._client.abort_multipart_upload, **target))
                swept += 1
        return swept

    def _begun_uploads(self) -> Iterator[Any]:
        paginator = self._client.get_paginator("list_multipart_uploads")
        pages = iter(paginator.paginate(Bucket=self._bucket, Prefix=self._base))
        try:
            while (page := self._call("list", "", lambda: next(pages, None))) is not None:
                yield from page.get("Uploads", ())
        except StoreError as error:
            if error.retryable:
                raise
            # Accounts may write without the right to list these, and some servers cannot: no reason to stop.
            log.warning("Unfinished uploads are not looked for: %s", error)

    def _name(self, key: str) -> str:
        return self._base + key

    def _below(self, folder: str) -> str:
        return self._base + (f"{folder}/" if folder else "")

    def _get(self, key: str, first: int | None = None) -> bytes:
        return self._whole(key, {} if first is None else {"Range": f"bytes=0-{first - 1}"})

    def _range(self, entry: Entry, start: int, n: int) -> bytes:
        """Some bytes of an object; StoreError if it is not the one that was opened any more."""
        etag = entry.token.rsplit("-", 2)[0]
        return self._whole(entry.key, {"Range": f"bytes={start}-{start + n - 1}", "IfMatch": f'"{etag}"'})

    def _whole(self, key: str, part: dict[str, str]) -> bytes:
        """The whole reply to a request, asked for again where it broke off."""
        name = self._name(check_foreign_key(key))
        # The client itself tries again until a reply begins; what breaks off later is left to us.
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
            retry=tenacity.retry_if_exception_type(_BrokenOff),
            reraise=True,
        )
        try:
            data: bytes = retrying(self._get_once, key, name, part)
        except _EmptyRange:
            return b""
        except _BrokenOff as error:
            raise self._trouble("read", key, error.cause) from error
        self._bucket_seen = True
        return data

    def _get_once(self, key: str, name: str, part: dict[str, str]) -> bytes:
        from botocore.exceptions import BotoCoreError

        reply = self._call("read", key, lambda: self._client.get_object(Bucket=self._bucket, Key=name, **part))
        try:
            # Not the body's own "with": that hands out the raw stream, and its errors.
            with contextlib.closing(reply["Body"]) as body:
                data: bytes = body.read()
        except (BotoCoreError, OSError) as error:
            raise _BrokenOff(error) from error
        return data

    def _pages(self, folder: str, **more: str) -> Iterator[Any]:
        paginator = self._client.get_paginator("list_objects_v2")
        pages = iter(
            paginator.paginate(
                Bucket=self._bucket,
                Prefix=self._below(folder),
                PaginationConfig={"PageSize": self._page_size},
                **more,
            )
        )
        while (page := self._call("list", folder, lambda: next(pages, None))) is not None:
            self._bucket_seen = True
            yield page

    def _delete_batch(self, names: Sequence[str]) -> None:
        wanted = {"Objects": [{"Key": name} for name in names], "Quiet": True}
        reply = self._call("remove", "", lambda: self._client.delete_objects(Bucket=self._bucket, Delete=wanted))
        for error in reply.get("Errors", ()):
            raise self._refusal("remove", error["Key"][len(self._base) :], error.get("Code", ""), 0)

    def _probe(self) -> None:
        """Ask the bucket for one key, to get an error that says what is wrong, if anything is."""
        self._call(
            "list",
            "",
            lambda: self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._base, MaxKeys=1),
        )
        self._bucket_seen = True

    def _call(self, verb: str, key: str, call: Callable[[], _T]) -> _T:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            raise self._refusal(verb, key, code, status) from error
        except BotoCoreError as error:
            raise self._trouble(verb, key, error) from error

    def _refusal(self, verb: str, key: str, code: str, status: int) -> Exception:
        """What a reply with an error code means. Only the code is shown: S3's own words may quote keys."""
        what = f"Could not {verb} {display(key) or 'the catalog'} in s3://{self._bucket}: S3 said"
        said = f"{what} {display(code) or status}."
        if code == "InvalidRange" or status == 416:
            return _EmptyRange()
        if verb == "create" and (code in _ALREADY_THERE or status in (409, 412)):
            return StoreError("already_there", f"{display(key)} is there already.", "Nothing was written.")
        if code == "PreconditionFailed" or status == 412:
            return StoreError("changed_while_read", f"{display(key)} was replaced while it was read.", "Run again.")
        if code == "NoSuchBucket":
            return StoreError(
                "missing_bucket",
                f"There is no bucket {self._bucket}.",
                "Check the catalog root and the region, or create the bucket.",
            )
        if code in _WRONG_CREDENTIALS:
            return StoreError("wrong_credentials", said, "Check the access key, its secret and its session token.")
        if code in _WRONG_REGION or status == 301:
            return StoreError("wrong_region", said, "Set the region that the bucket lies in.")
        if code in _BUSY or status >= 500 or status == 429:
            return StoreError("store_busy", said, "Run again later.", retryable=True)
        if code in _NO_PERMISSION or status in (401, 403):
            return StoreError(
                "no_permission", said, "Allow this account to list, read, write and delete below the prefix."
            )
        if code in ("NoSuchKey", "404") or status == 404:
            return NotFound(key)
        return StoreError("store_refused", said, "Check the bucket's settings.")

    def _trouble(self, verb: str, key: str, error: Exception) -> StoreError:
        """What it means that no reply came. The client's own words are left out: they may quote addresses."""
        from botocore import exceptions

        what = f"Could not {verb} {display(key) or 'the catalog'} in s3://{self._bucket}"
        if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
            return StoreError(
                "no_credentials",
                f"{what}: there are no credentials for S3.",
                "Give them in the s3 resource, in the environment, or as a role of the machine.",
            )
        if isinstance(error, (exceptions.CredentialRetrievalError, exceptions.TokenRetrievalError)):
            return StoreError("wrong_credentials", f"{what}: the credentials cannot be had.", "Log in again.")
        # A connect timeout is both; nothing was reached.
        unreached = (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError)
        if isinstance(error, (*unreached, exceptions.ProxyConnectionError, exceptions.SSLError)):
            return StoreError(
                "store_unreachable",
                f"{what}: the S3 endpoint cannot be reached ({type(error).__name__}).",
                "Check the endpoint address and the network.",
                retryable=True,
            )
        broken = (exceptions.HTTPClientError, exceptions.IncompleteReadError, OSError)
        if isinstance(error, broken):
            return StoreError(
                "store_unreachable",
                f"{what}: the connection broke off or timed out ({type(error).__name__}).",
                "Check the network, then run again.",
                retryable=True,
            )
        return StoreError("bad_s3_settings", f"{what} ({type(error).__name__}).", "Check the S3 settings.")


class _BrokenOff(Exception):  # noqa: N818
    """The body of a reply ended too early."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _EmptyRange(Exception):  # noqa: N818
    """The first bytes of an empty object were asked for."""


class _Ranges(io.RawIOBase):
    """An object as a seekable file, read range by range."""

    def __init__(self, read: Callable[[Entry, int, int], bytes], entry: Entry) -> None:
        self._read = read
        self._entry = entry
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._entry.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._entry.size - self._at)
        if wanted <= 0:
            return 0
        data = self._read(self._entry, self._at, wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def part_bytes(number: int, usual: int = _PART_BYTES) -> int:
    """Bytes of the part of that number (from 1) of an upload in parts: S3 takes 10,000 parts and no more."""
    return usual if number <= _LARGE_FROM else max(usual, _LARGE_PART_BYTES)


def _parts(chunks: Iterable[bytes], usual: int) -> Iterator[bytes]:
    """The content cut into parts, at least one; only the last is smaller than it should be."""
    held = bytearray()
    number = 1
    for chunk in chunks:
        held += chunk
        while len(held) >= (size := part_bytes(number, usual)):
            yield bytes(memoryview(held)[:size])
            del held[:size]
            number += 1
    if held or number == 1:
        yield bytes(held)


def _content_type(key: str) -> str:
    return _CONTENT_TYPES.get(key.rpartition(".")[2].lower(), "application/octet-stream")


def _entry(key: str, size: int, described: Any) -> Entry:
    # Whole seconds: a HEAD reply has no more, and both must give the same token.
    etag = str(described["ETag"]).strip('"')
    modified = int(described["LastModified"].timestamp())
    return Entry(key, size, f"{etag}-{modified}-{size}", float(modified))
