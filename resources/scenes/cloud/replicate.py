"""Replicate's protocol, through its official client: predictions that are created, polled, cancelled and listed."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from functools import partial
from typing import Any

import replicate

from resources.scenes.cloud.adapter import (
    CLOCKS_APART_S,
    Order,
    Progress,
    Sighting,
    data_uri,
    done,
    request_id_of,
    seconds_at,
    told,
    understood,
)
from resources.scenes.cloud.providers import Provider
from resources.scenes.cloud.wire import CallError, Fate, Guard, Secret, said

_PAGES = 5  # of 100 predictions, the newest first
_LONGEST_URI = 1_000_000


class ReplicateAdapter:
    """Orders as predictions: of a model's current version, or of the version that the model's name ends with."""

    settled_s: float | None = 120.0

    def __init__(self, provider: Provider, secret: Secret) -> None:
        self._provider, self._secret = provider, secret
        guard = Guard((provider.base_url,), secret, provider.call_s)
        self._client = replicate.Client(api_token=secret.value, base_url=provider.base_url, transport=guard)
        self._guard = guard

    def submit(self, order: Order) -> Progress:
        pictures = {"image": self._sendable(order.picture_png()), "mask": self._sendable(order.mask_png())}
        content = told(self._provider, order, pictures)
        owner_name, _, version = self._provider.model.partition(":")
        predictions = self._client.predictions
        return understood(
            lambda: self._progress(
                predictions.create(version=version, input=content)
                if version
                else predictions.create(model=owner_name, input=content)
            )
        )

    def poll(self, request_id: str) -> Progress:
        return understood(lambda: self._progress(self._client.predictions.get(request_id)))

    def cancel(self, request_id: str) -> None:
        understood(lambda: self._client.predictions.cancel(request_id))

    def find(self, order: Order, since: float) -> Sighting:
        earliest = since - CLOCKS_APART_S
        start = datetime.fromtimestamp(earliest, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        cursor = f"/v1/predictions?created_after={start}"
        hidden = False
        for _ in range(_PAGES):
            page = understood(partial(self._client.predictions.list, cursor))
            for prediction in page.results:
                made = seconds_at(prediction.created_at)
                if made is not None and made < earliest:
                    return Sighting("unsure" if hidden else "absent")
                match self._likeness(prediction, order):
                    case True:
                        return Sighting("found", request_id_of(prediction.id))
                    case None:
                        hidden = True
            if not page.next:
                return Sighting("unsure" if hidden else "absent")
            cursor = page.next
        return Sighting("unsure")

    def close(self) -> None:
        self._guard.close()

    def _sendable(self, png: bytes) -> str:
        """A data URI, which the API wants below 1 MB, else the address of an upload."""
        uri = data_uri(png)
        if len(uri) < _LONGEST_URI:
            return uri
        failure: CallError
        try:
            uploaded = understood(lambda: self._client.files.create(io.BytesIO(png), filename="picture.png"))
            return str(understood(lambda: uploaded.urls["get"]))
        except CallError as error:
            failure = error
        # Nothing was ordered yet, whatever became of the upload.
        fate: Fate = "refused" if failure.fate == "refused" else "not_accepted"
        raise CallError(fate, failure.message, status=failure.status, retry_after=failure.retry_after)

    def _likeness(self, prediction: Any, order: Order) -> bool | None:
        """Whether a prediction is this order; None if it may be, but its input was removed (an hour after its end)."""
        if (prediction.model or "") != self._provider.model.partition(":")[0]:
            return False
        given = prediction.input
        fields = self._provider.fields
        if not given:
            return None
        if given.get(fields.prompt) != order.prompt:
            return False
        return not fields.seed or given.get(fields.seed) == order.seed

    def _progress(self, prediction: Any) -> Progress:
        request_id = request_id_of(prediction.id)
        if prediction.status == "succeeded":
            return done(request_id, _first(prediction.output))
        if prediction.status == "failed":
            text = said(str(prediction.error or ""), self._secret)
            return Progress("failed", request_id, message=text or "the provider says that it failed")
        if prediction.status == "canceled":
            return Progress("cancelled", request_id)
        return Progress("running", request_id)


def _first(output: Any) -> Any:
    return output[0] if isinstance(output, list) and output else output
