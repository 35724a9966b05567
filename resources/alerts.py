"""Posts a short summary to a webhook, if one is configured."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
from pydantic import Field

TIMEOUT_S = 10


class Alerts(dg.ConfigurableResource[Any]):
    """Where alerts go. The address is a secret: it appears in no log and no error."""

    webhook_url: str = Field("", description="Address that takes a POST of JSON {text}; empty: no alerts.")

    def post(self, text: str) -> str:
        """Send a text. Returns '' if it was sent or none is wanted, else what went wrong, without the address."""
        if not self.webhook_url:
            return ""
        if urlsplit(self.webhook_url).scheme not in {"http", "https"}:
            return "the webhook address is not http or https"
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
            self.webhook_url,
            data=json.dumps({"text": text}).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - the same
                return ""
        except urllib.error.HTTPError as error:
            return f"the webhook answered {error.code}"
        except (urllib.error.URLError, TimeoutError, OSError, ValueError) as error:
            return f"the webhook could not be reached ({type(error).__name__})"
