"""What the three protocols have in common: an order, how far it is, and whether the provider knows of it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from resources.imaging.encode import png_grey, png_rgb, png_rgba
from resources.scenes.cloud.providers import Provider
from resources.scenes.cloud.wire import CallError

U8 = NDArray[np.uint8]

CLOCKS_APART_S = 120.0
"""How far a provider's clock and ours may be apart."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Order:
    """One picture to make. seed: in the provider's range, and no other order's.

    picture: HxWx3; mask: HxW, 255 = paint; both of the size that is asked for.
    """

    prompt: str
    negative_prompt: str
    seed: int
    picture: U8 = field(repr=False)
    mask: U8 = field(repr=False)

    @property
    def size(self) -> tuple[int, int]:
        return self.picture.shape[1], self.picture.shape[0]

    def picture_png(self) -> bytes:
        return png_rgb(self.picture)

    def mask_png(self) -> bytes:
        """One grey channel, white where to paint."""
        return png_grey(self.mask)

    def clear_mask_png(self) -> bytes:
        """Black RGBA, transparent where to paint: OpenAI's form of a mask."""
        return png_rgba(np.dstack([np.zeros_like(self.picture), 255 - self.mask]))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an order is. done: with the picture itself, or the address where it lies. message: why it failed, clean.

    charged: whether work that failed may be charged; None: as the provider's entry says.
    """

    state: Literal["running", "done", "failed", "cancelled"]
    request_id: str = ""
    picture: bytes = field(default=b"", repr=False)
    address: str = field(default="", repr=False)
    message: str = ""
    charged: bool | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """Whether a provider's list of requests shows an order. unsure: the list cannot tell."""

    state: Literal["found", "absent", "unsure"]
    request_id: str = ""


class Adapter(Protocol):
    """One protocol. All raise CallError. settled_s: an order that the list does not show after that time never came."""

    settled_s: float | None

    def submit(self, order: Order) -> Progress:
        """Send an order, once. Not idempotent: each call may be paid."""
        ...

    def poll(self, request_id: str) -> Progress:
        """How far an order is."""
        ...

    def cancel(self, request_id: str) -> None:
        """Ask to stop; `poll` tells what came of it."""
        ...

    def find(self, order: Order, since: float) -> Sighting:
        """Look for an order that was sent at `since` (seconds since 1970) or later."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


def told(provider: Provider, order: Order, pictures: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent, by the names that the provider has for it. pictures: image and mask, as they are sent."""
    width, height = order.size
    parts = {
        "prompt": order.prompt,
        "negative_prompt": order.negative_prompt,
        "seed": order.seed,
        "size": f"{width}x{height}",
        "width": width,
        "height": height,
        **pictures,
    }
    names = provider.fields.model_dump()
    return {**provider.constants, **{names[part]: value for part, value in parts.items() if names.get(part)}}


def data_uri(png: bytes) -> str:
    """A PNG as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def done(request_id: str, where: Any) -> Progress:
    """A finished order whose picture is a data URI, or lies at an address."""
    if not isinstance(where, str) or not where:
        return Progress("failed", request_id, message="the provider says it is done, but names no picture")
    if where.startswith("data:"):
        return delivered(request_id, where.partition(",")[2])
    return Progress("done", request_id, address=where)


def delivered(request_id: str, coded: str) -> Progress:
    """A finished order whose picture stands in the answer as base64 text. Whatever is wrong with that, it was made."""
    try:
        return Progress("done", request_id, picture=base64.b64decode(coded, validate=True))
    except ValueError:
        return Progress("failed", request_id, message="the picture in the answer is no base64", charged=True)


def request_id_of(value: Any) -> str:
    """An id that can be put into an address. CallError if it is none: what became of the order is not known then."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise CallError("unknown", "the answer holds no usable request id")
    return value


def understood(parse: Callable[[], Any]) -> Any:
    """What `parse` makes of an answer; CallError if it cannot: an answer that is not understood proves nothing."""
    try:
        return parse()
    except CallError:
        raise
    except Exception as error:  # JSON that is broken, too deep, or of another shape, read by three libraries
        kind = type(error).__name__
    raise CallError("unknown", f"the answer is not what this API sends ({kind})")


def seconds_at(text: Any) -> float | None:
    """Seconds since 1970 of an ISO time, UTC if it names no zone; None if it is none."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
