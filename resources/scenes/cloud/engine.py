"""The cloud engine: scenes around the true product, painted by a provider that charges for each.

What leaves the shop: the studio's picture of the product, a mask, the prompt, a seed, the model's settings. What comes
back is checked, and the true pixels are put over it. Every order is noted in the journal before it is sent, and what
was paid for is fetched later rather than ordered again: see orders.py. Messages never hold a key or an address.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resources.scenes.around import Start, finished, start_of
from resources.scenes.cloud.adapter import Adapter, Order
from resources.scenes.cloud.journal import Journal
from resources.scenes.cloud.orders import Bought, Orders
from resources.scenes.cloud.providers import Provider
from resources.scenes.cloud.wire import Secret, Times
from resources.scenes.engine import Candidate, EngineError, SceneJob, SceneKind
from resources.scenes.prompts import scene_prompt
from resources.scenes.templates import SceneTemplate
from resources.torch_runtime import missing

U8 = NDArray[np.uint8]

CODE = "1"
"""What changes when the same job would be ordered or finished in another way."""

PACKAGES: dict[str, tuple[str, ...]] = {
    "replicate": ("httpx", "replicate"),
    "fal": ("httpx",),
    "openai": ("httpx", "openai"),
}


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A job, ready to be ordered. job: kept so that no other object takes its identity."""

    job: SceneJob
    start: Start
    order: Order
    key: str


class CloudEngine:
    """One model of one provider as a scene engine: one picture a call, at most `at_once` at a time.

    secret: default: from the environment, at first use. times: clocks and sleep, for tests.
    """

    kind: SceneKind = "generated_scene"
    device = "cloud"

    def __init__(
        self, provider: Provider, journal: Journal, *, secret: Secret | None = None, times: Times | None = None
    ) -> None:
        self.provider = provider
        self.name = provider.name
        self.price = provider.price_usd
        self._journal, self._secret, self._times = journal, secret, times or Times()
        self._orders: Orders | None = None
        self._places = threading.BoundedSemaphore(provider.at_once)
        self._lock = threading.Lock()
        self._waiting = 0
        self._prepared: OrderedDict[int, _Prepared] = OrderedDict()
        self._in_work: set[str] = set()

    def __repr__(self) -> str:
        return f"CloudEngine({self.name})"

    @property
    def waiting(self) -> int:
        """Jobs in `compose` that are not finished."""
        return self._waiting

    @property
    def revision(self) -> str:
        """Of this code, and of what the provider's entry says of model and settings."""
        return f"{CODE}.{self.provider.digest}"

    def ready(self) -> None:
        """Raises ValueError, one line, if a package or the key is missing. Calls nobody."""
        if gone := missing(PACKAGES[self.provider.kind]):
            raise ValueError(f"{self.name} needs {', '.join(gone)}, not installed here; run: pip install .[cloud]")
        if self._secret is None:
            try:
                Secret.of_environment(self.provider.secret)
            except ValueError as error:
                raise ValueError(f"{self.name}: {error}") from None

    def recipe(self, template: SceneTemplate, product: str) -> Mapping[str, Any]:
        """Prompts, model, settings and working size; the prompt without the picture's own light."""
        provider, prompt = self.provider, scene_prompt(template, product)
        return {
            "prompt": prompt.positive,
            "negative_prompt": prompt.negative if provider.fields.negative_prompt else "",
            "model": provider.model,
            "settings": dict(provider.constants),
            "side": provider.side,
            "multiple": provider.multiple,
        }

    def key(self, job: SceneJob) -> str:
        """64 hex digits of everything that decides the request: provider, model, settings, prompts, seed, pictures.

        EngineError if the cut-out is empty.
        """
        return self._ready_to_order(job).key

    def backdrop(self, job: SceneJob) -> U8 | None:
        """None: nobody knows the scene without the product."""
        del job
        return None

    def compose(self, jobs: Sequence[SceneJob]) -> list[Candidate]:
        """The candidate for one job. EngineError; its usd, and the candidate's, are what this very call adds.

        What was paid for by an earlier call for the same job, in whatever process, is fetched and costs 0. ValueError
        for several jobs.
        """
        if len(jobs) != 1:
            raise ValueError(f"{self.name}: {len(jobs)} jobs found, one at a time expected")
        with self._counted(), self._places:
            prepared = self._ready_to_order(jobs[0])
            with self._alone(prepared.key):
                bought = self._connected().bought(prepared.order, prepared.key)
            return [self._candidate(prepared, bought)]

    def close(self) -> None:
        """Give connections back; the engine can be used again."""
        with self._lock:
            orders, self._orders = self._orders, None
        if orders is not None:
            orders.close()

    # ---- before

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    @contextlib.contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """Two threads never order the same picture."""
        with self._lock:
            taken = key in self._in_work
            self._in_work.add(key)
        if taken:
            raise EngineError("busy", f"{self.name}: the same picture is being made already", healthy=True)
        try:
            yield
        finally:
            with self._lock:
                self._in_work.discard(key)

    def _ready_to_order(self, job: SceneJob) -> _Prepared:
        """A job's start, prompt and key; kept for a moment, since who asks for the key goes on to compose."""
        with self._lock:
            kept = self._prepared.get(id(job))
        if kept is None:
            kept = self._prepare(job)
            with self._lock:
                self._prepared[id(job)] = kept
                while len(self._prepared) > self.provider.at_once:
                    self._prepared.popitem(last=False)
        return kept

    def _prepare(self, job: SceneJob) -> _Prepared:
        provider = self.provider
        try:
            start = start_of(job, provider.side, provider.multiple)
        except ValueError as error:
            raise EngineError("bad_product", f"{self.name}: {error}", healthy=True) from None
        prompt = scene_prompt(job.template, job.product, start.towards)
        negative = prompt.negative if provider.fields.negative_prompt else ""
        told = [CODE, provider.name, provider.base_url, provider.digest, prompt.positive, negative, job.seed]
        digest = hashlib.sha256(json.dumps([*told, start.size]).encode())
        digest.update(start.picture.tobytes())
        digest.update(start.mask.tobytes())
        # A seed of everything, not the job's own: in the provider's list it tells this order from all others.
        seed = provider.seed_of(int.from_bytes(digest.digest()[:8], "big"))
        order = Order(prompt.positive, negative, seed, start.picture, start.mask)
        return _Prepared(job, start, order, digest.hexdigest())

    def _candidate(self, prepared: _Prepared, bought: Bought) -> Candidate:
        provider, order = self.provider, prepared.order
        facts = {
            "provider": provider.name,
            "model": provider.model,
            "revision": self.revision,
            "prompt": order.prompt,
            "negative_prompt": order.negative_prompt,
            "seed": order.seed if provider.fields.seed else None,
            "settings": dict(provider.constants),
            "size": list(order.size),
            "request_id": bought.request_id,
            "key": prepared.key,
        }
        with self._lock:
            self._prepared.pop(id(prepared.job), None)
        try:
            candidate = finished(prepared.job, prepared.start, bought.painted, facts=facts)
        except EngineError as error:
            words = f"{self.name}: {error.message}"
            raise EngineError(error.code, words, usd=bought.usd, healthy=error.healthy) from None
        return replace(candidate, usd=bought.usd)

    def _connected(self) -> Orders:
        with self._lock:
            if self._orders is None:
                try:
                    self.ready()
                    self._secret = self._secret or Secret.of_environment(self.provider.secret)
                    adapter = _adapter(self.provider, self._secret)
                except ValueError as error:
                    raise EngineError("not_configured", str(error)) from None
                self._orders = Orders(self.provider, adapter, self._journal, self._secret, self._times)
                self._orders.prune()
            return self._orders


def _adapter(provider: Provider, secret: Secret) -> Adapter:
    if provider.kind == "replicate":
        from resources.scenes.cloud.replicate import ReplicateAdapter

        return ReplicateAdapter(provider, secret)
    if provider.kind == "fal":
        from resources.scenes.cloud.fal import FalAdapter

        return FalAdapter(provider, secret)
    from resources.scenes.cloud.openai import OpenAIAdapter

    return OpenAIAdapter(provider, secret)
