"""OpenAI's image edits, and who speaks like it, through the official client: one call that waits for the picture."""

from __future__ import annotations

import httpx
import openai

from resources.scenes.cloud.adapter import Order, Progress, Sighting, delivered, done, told, understood
from resources.scenes.cloud.providers import Provider
from resources.scenes.cloud.wire import CallError, Guard, Secret


class OpenAIAdapter:
    """Orders as POST /images/edits. Nothing lists them, and nothing fetches a picture whose call broke off."""

    settled_s: float | None = None

    def __init__(self, provider: Provider, secret: Secret) -> None:
        self._provider = provider
        self._client = openai.OpenAI(
            api_key=secret.value,
            base_url=provider.base_url,
            max_retries=0,  # a submit is never sent again by itself
            http_client=httpx.Client(transport=Guard((provider.base_url,), secret, provider.timeout_s)),
        )

    def submit(self, order: Order) -> Progress:
        fields = self._provider.fields
        content = told(self._provider, order, {})
        prompt = content.pop(fields.prompt)
        answer = understood(
            lambda: self._client.images.edit(
                image=("start.png", order.picture_png(), "image/png"),
                mask=("mask.png", order.clear_mask_png(), "image/png"),
                prompt=prompt,
                model=self._provider.model,
                extra_body=content,
            )
        )
        return understood(lambda: _progress(answer.data[0].b64_json, answer.data[0].url))

    def poll(self, request_id: str) -> Progress:
        raise CallError("refused", "this API does not keep pictures")

    def cancel(self, request_id: str) -> None:
        raise CallError("refused", "this API does not cancel")

    def find(self, order: Order, since: float) -> Sighting:
        return Sighting("unsure")

    def close(self) -> None:
        self._client.close()


def _progress(coded: str | None, address: str | None) -> Progress:
    return delivered("", coded) if coded else done("", address)
