"""What the environment says: the only place that reads environment variables, so that they can be listed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

PRODUCT_BATCH = 64
CAMPAIGN_BATCH = 48


class EnvironmentSettingError(ValueError):
    """An environment variable that cannot be used; the message names it, what was found and the fix."""


@dataclass(frozen=True)
class Environment:
    """The settings that must be known before any store is opened.

    Batches are SKUs a run, and decide how Dagster cuts a back-fill into runs. They must differ: lines of the
    same size share a run, and then one bad SKU stops its whole batch downstream.
    """

    root: str = "catalog"
    profile: str = "embedded"
    matting: str = ""
    scenes: str = ""
    ranking: str = ""
    witnesses: str = ""
    upscaling: str = ""
    device: str = ""
    models_folder: str = ""
    weights_file: str = ""
    accept_licences: tuple[str, ...] = ()
    c2pa_certificate: str = ""
    c2pa_key: str = ""
    hub: str = "https://huggingface.co"
    hub_token: str = field(default="", repr=False)
    product_batch: int = PRODUCT_BATCH
    campaign_batch: int = CAMPAIGN_BATCH
    owners: tuple[str, ...] = field(default=("team:catalog",))

    def __post_init__(self) -> None:
        if self.product_batch == self.campaign_batch:
            raise EnvironmentSettingError(
                f"CATALOG_PRODUCT_BATCH and CATALOG_CAMPAIGN_BATCH are both {self.product_batch}: they must differ, "
                "else both lines share a run and one bad SKU stops all others of its batch. Change one of them."
            )


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Read CATALOG_* variables, and HF_ENDPOINT and HF_TOKEN (downloads of weights). Raises EnvironmentSettingError."""
    found = os.environ if variables is None else variables
    return Environment(
        root=found.get("CATALOG_ROOT") or "catalog",
        profile=found.get("CATALOG_PROFILE") or "embedded",
        matting=found.get("CATALOG_MATTING_ENGINE", ""),
        scenes=found.get("CATALOG_SCENE_ENGINE", ""),
        ranking=found.get("CATALOG_RANKING_ENGINE", ""),
        witnesses=found.get("CATALOG_JUDGE_WITNESSES", ""),
        upscaling=found.get("CATALOG_UPSCALING_ENGINE", ""),
        device=_one_of(found, "CATALOG_DEVICE", ("", "auto", "cuda", "cpu")),
        models_folder=found.get("CATALOG_MODELS", ""),
        weights_file=found.get("CATALOG_WEIGHTS", ""),
        accept_licences=_listed(found.get("CATALOG_ACCEPT_LICENCES", "")),
        c2pa_certificate=found.get("CATALOG_C2PA_CERTIFICATE", ""),
        c2pa_key=found.get("CATALOG_C2PA_KEY", ""),
        hub=found.get("HF_ENDPOINT") or "https://huggingface.co",
        hub_token=found.get("HF_TOKEN", ""),
        product_batch=_batch(found, "CATALOG_PRODUCT_BATCH", PRODUCT_BATCH),
        campaign_batch=_batch(found, "CATALOG_CAMPAIGN_BATCH", CAMPAIGN_BATCH),
        owners=_listed(found.get("CATALOG_OWNERS", "team:catalog")),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _one_of(found: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    value = found.get(name, "")
    if value not in known:
        raise EnvironmentSettingError(f"{name}: {value!r} found, one of {', '.join(filter(None, known))} expected")
    return value


def _batch(found: Mapping[str, str], name: str, default: int) -> int:
    text = found.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise EnvironmentSettingError(f"{name}: {text!r} found, a number of SKUs from 1 to 100000 expected")
    return int(text)
