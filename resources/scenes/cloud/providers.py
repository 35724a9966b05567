"""The clouds that scenes can be bought from, as data: whom to ask, how, what a picture costs, what the terms allow.

Shipped: providers.yaml. A shop's own file, named by CATALOG_CLOUDS, adds entries or replaces whole ones.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from resources.names import display
from resources.plain_yaml import PlainYamlError, read_mapping

OWN_FILE = "CATALOG_CLOUDS"
_SHIPPED = Path(__file__).with_name("providers.yaml")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Model = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*(:[0-9a-f]{64})?$")
]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{2,63}$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=600)]
Kind = Literal["replicate", "fal", "openai"]
Constant = bool | int | float | Annotated[str, StringConstraints(max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Statement(_Part):
    """What somebody says, and where. confirmed: it was read on the provider's own pages, on the date `checked`."""

    says: Text
    source: tuple[str, ...] = Field(min_length=1, strict=False)
    checked: date
    confirmed: bool

    @model_validator(mode="after")
    def _pages(self) -> Self:
        for page in self.source:
            if not page.startswith("https://"):
                raise ValueError(f"source: {display(page)!r} found, an https:// address expected")
        return self


class Terms(Statement):
    """What the provider allows. commercial: whether pictures may be used in a shop."""

    commercial: Literal["yes", "no", "unclear"]


class Fields(_Part):
    """What an API calls the things that it is sent; "" is not sent.

    size: as WIDTHxHEIGHT. width, height: as numbers.
    """

    prompt: FieldName = "prompt"
    image: FieldName = "image"
    mask: FieldName = "mask"
    negative_prompt: FieldName | Literal[""] = ""
    seed: FieldName | Literal[""] = "seed"
    size: FieldName | Literal[""] = ""
    width: FieldName | Literal[""] = ""
    height: FieldName | Literal[""] = ""

    @property
    def used(self) -> tuple[str, ...]:
        """The names of all fields that are sent."""
        return tuple(name for name in self.model_dump().values() if name)


class Provider(_Part):
    """One model of one provider.

    kind: the protocol. base_url: https, or http on this machine. listing_url: where a fal-kind API lists requests, ""
    for nowhere. secret: NAME of the environment variable that holds the key. price_usd: of one picture, at most.
    charged_if_failed: whether work that ends without a picture may be charged. side: what is sent has at most side *
    side pixels, width and height multiples of `multiple`. constants: sent as they are. timeout_s: from submit to
    picture; call_s: of an HTTP call that does not wait for the picture. at_once: jobs at a time.
    """

    name: Name
    title: Text
    kind: Kind
    base_url: str
    listing_url: str = ""
    model: Model
    secret: Variable
    price_usd: float = Field(gt=0, le=100)
    price: Statement
    charged_if_failed: bool = True
    side: int = Field(1024, ge=256, le=4096)
    multiple: int = Field(32, ge=1, le=128)
    fields: Fields = Fields()
    constants: Mapping[FieldName, Constant] = Field({}, strict=False)
    most_seed: int = Field(2**31 - 1, ge=1, le=2**63 - 1)
    timeout_s: float = Field(180, gt=0, le=3600)
    call_s: float = Field(60, gt=0, le=600)
    poll_s: float = Field(2, gt=0, le=60)
    at_once: int = Field(4, ge=1, le=64)
    terms: Terms

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_address("base_url", self.base_url)
        if self.listing_url:
            check_address("listing_url", self.listing_url)
        if self.listing_url and self.kind != "fal":
            raise ValueError("listing_url is for the kind fal only: remove it")
        if self.kind == "openai" and ("/" in self.model or ":" in self.model):
            raise ValueError(f"model: {self.model!r} found, a plain name expected")
        if self.kind != "openai" and "/" not in self.model:
            raise ValueError(f"model: {self.model!r} found, owner/name expected")
        names = [*self.fields.used, *self.constants]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"fields and constants: {', '.join(twice)} is there twice: keep one")
        return self

    @property
    def digest(self) -> str:
        """12 hex digits of what decides the picture: not price, times, terms."""
        told = {"kind", "model", "fields", "constants", "side", "multiple", "most_seed"}
        text = json.dumps(self.model_dump(mode="json", include=told), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def seed_of(self, seed: int) -> int:
        """A job's seed in the range that the API takes."""
        return seed % (self.most_seed + 1)


def check_address(field: str, address: str) -> None:
    """Raises ValueError if an address is not https (http on this machine only), or holds more than host and path."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if not address.isascii() or not host or any(ord(character) <= 32 for character in address):
        raise ValueError(f"{field}: an address such as https://api.example.com expected")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        # Not shown: people paste keys into such places.
        raise ValueError(f"{field}: an address without user, key, ? or # expected; the key goes into the environment")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError(f"{field}: {display(address)!r} found, https:// expected")


def is_loopback(host: str) -> bool:
    """True for an address of this machine written out as a number."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_providers(own: Path | None = None) -> Mapping[str, Provider]:
    """The shipped providers and those of a shop's own file over them, by name.

    own: default: the file that CATALOG_CLOUDS names, if it is set. ValueError, one line, says what is wrong where.
    """
    if own is None and os.environ.get(OWN_FILE):
        own = Path(os.environ[OWN_FILE]).expanduser()
    return _shipped() if own is None else {**_shipped(), **read_providers(own)}


@cache
def _shipped() -> Mapping[str, Provider]:
    return read_providers(_SHIPPED)


def read_providers(path: Path) -> dict[str, Provider]:
    """The providers of one file, a mapping of names to entries. ValueError, one line, names file, entry and field."""
    try:
        entries = read_mapping(path.read_bytes())
    except PlainYamlError as error:
        raise ValueError(f"{display(path.name)}: {error}") from None
    except OSError as error:
        raise ValueError(f"{display(str(path))}: {error.strerror}; correct {OWN_FILE}") from None
    return {str(name): _provider(path.name, name, entry) for name, entry in entries.items()}


def _provider(file: str, name: Any, entry: Any) -> Provider:
    where = f"{display(file)}: {display(str(name))}"
    if not isinstance(entry, dict) or "name" in entry:
        raise ValueError(f"{where}: a mapping without `name` expected")
    try:
        return Provider.model_validate({**entry, "name": name})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        message = display(first["msg"].removeprefix("Value error, "))
        raise ValueError(f"{where}: {display(field)}: {message}" if field else f"{where}: {message}") from None
