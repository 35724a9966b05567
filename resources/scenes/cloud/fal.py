"""fal's queue, spoken directly: fal_client fixes its host when it is imported, and repeats a submit after a timeout.

Status, result and cancel go to addresses made of owner, app and request id, as the official client makes them; those
that the server names are not called.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from resources.scenes.cloud.adapter import (
    CLOCKS_APART_S,
    Order,
    Progress,
    Sighting,
    data_uri,
    done,
    request_id_of,
    told,
    understood,
)
from resources.scenes.cloud.providers import Provider
from resources.scenes.cloud.wire import CallError, Guard, Secret, said

_PAGES = 5
# Pictures lie on public addresses: not for longer than a late one needs to be fetched.
_LIFETIME = '{"expiration_duration_seconds": 86400}'
# "Server errors (HTTP 500+) are never charged": these have 503 or 504.
_FREE = frozenset(
    {
        "request_timeout",
        "startup_timeout",
        "runner_scheduling_failure",
        "runner_connection_timeout",
        "runner_disconnected",
        "runner_connection_refused",
    }
)
_NAMESPACES = ("workflows", "comfy")  # that stand before the owner


class FalAdapter:
    """Orders as requests in fal's queue. The list of requests, where there is one, is asked after a doubtful submit."""

    # Whether the list shows requests that still wait or run is not documented: it never proves absence.
    settled_s: float | None = None

    def __init__(self, provider: Provider, secret: Secret) -> None:
        self._provider, self._secret = provider, secret
        hosts = tuple(filter(None, (provider.base_url, provider.listing_url)))
        self._client = httpx.Client(
            headers={"authorization": f"Key {secret.value}", "accept": "application/json"},
            transport=Guard(hosts, secret, provider.call_s),
        )
        parts = provider.model.split("/")
        app = "/".join(parts[: 3 if parts[0] in _NAMESPACES else 2])
        self._queue = provider.base_url.rstrip("/")
        self._requests = f"{self._queue}/{app}/requests"

    def submit(self, order: Order) -> Progress:
        pictures = {"image": data_uri(order.picture_png()), "mask": data_uri(order.mask_png())}
        content = told(self._provider, order, pictures)
        headers = {"x-fal-object-lifecycle-preference": _LIFETIME}
        answer = self._asked("POST", f"{self._queue}/{self._provider.model}", content, headers)
        return Progress("running", request_id_of(answer.get("request_id")))

    def poll(self, request_id: str) -> Progress:
        status = self._asked("GET", f"{self._requests}/{request_id}/status")
        if status.get("status") in ("IN_QUEUE", "IN_PROGRESS"):
            return Progress("running", request_id)
        if status.get("status") in ("CANCELED", "CANCELLED"):
            return Progress("cancelled", request_id)
        if status.get("status") != "COMPLETED":
            raise CallError("unknown", "the answer holds no status that is known")
        if error := status.get("error"):
            free = status.get("error_type") in _FREE
            message = said(str(error), self._secret)
            return Progress("failed", request_id, message=message, charged=False if free else None)
        return self._result(request_id)

    def cancel(self, request_id: str) -> None:
        self._asked("PUT", f"{self._requests}/{request_id}/cancel")

    def find(self, order: Order, since: float) -> Sighting:
        if not self._provider.listing_url:
            return Sighting("unsure")
        start = datetime.fromtimestamp(since - CLOCKS_APART_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"endpoint_id": self._provider.model, "start": start, "expand": "payloads", "limit": "100"}
        for _ in range(_PAGES):
            page = self._asked("GET", f"{self._provider.listing_url.rstrip('/')}?{urlencode(query)}")
            if found := self._match(page, order):
                return Sighting("found", request_id_of(found))
            if not page.get("has_more") or not isinstance(page.get("next_cursor"), str):
                break
            query["cursor"] = page["next_cursor"]
        return Sighting("unsure")

    def close(self) -> None:
        self._client.close()

    def _match(self, page: dict[str, Any], order: Order) -> Any:
        """The id of the request in a page of the list that is this order, or None."""
        fields = self._provider.fields

        def is_it(item: dict[str, Any]) -> bool:
            given = item.get("json_input") or {}
            return given.get(fields.prompt) == order.prompt and (
                not fields.seed or given.get(fields.seed) == order.seed
            )

        return understood(lambda: next((item["request_id"] for item in page["items"] if is_it(item)), None))

    def _result(self, request_id: str) -> Progress:
        try:
            answer = self._asked("GET", f"{self._requests}/{request_id}")
        except CallError as error:
            # The result of a request that failed is its error.
            if error.fate != "refused" or error.status in (401, 403, 404, 405, 410):
                raise
            return Progress("failed", request_id, message=error.message)
        flags = answer.get("has_nsfw_concepts")
        if isinstance(flags, list) and any(flag is True for flag in flags):
            return Progress("failed", request_id, message="the provider's content filter withholds it", charged=True)
        return done(request_id, understood(lambda: _address(answer)))

    def _asked(
        self, method: str, address: str, content: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        answer = self._client.request(method, address, json=content, headers=headers)
        found = understood(answer.json)
        if not isinstance(found, dict):
            raise CallError("unknown", "the answer is not what this API sends")
        return found


def _address(answer: dict[str, Any]) -> Any:
    first = answer["images"][0] if answer.get("images") else answer.get("image")
    return first.get("url") if isinstance(first, dict) else first
