"""What the environment says: the only place that reads environment variables, so that they can be listed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from catalog_assets.batches import MINUTES, campaign_batch, product_batch
from resources.gpu import LEAST_GB, MOST_GB, OFFLOADS, PRECISIONS
from resources.torch_runtime import WANTED

_SAID = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}


class EnvironmentSettingError(ValueError):
    """An environment variable that cannot be used; the message names it, what was found and the fix."""


@dataclass(frozen=True)
class Environment:
    """The settings that must be known before any store is opened.

    Batches are SKUs a run, and decide how Dagster cuts a back-fill into runs: about run_minutes each on the engines in
    use, if nothing else is said. They must differ: lines of the same size share a run, and then one bad SKU stops its
    whole batch downstream.
    """

    root: str = "catalog"
    profile: str = "embedded"
    matting: str = ""
    scenes: str = ""
    ranking: str = ""
    witnesses: str = ""
    upscaling: str = ""
    captioning: str = ""
    device: str = ""
    precision: str = "auto"
    gpu_memory_gb: float | None = None
    compile: bool = False
    offload: str = "none"
    relight: bool = False
    models_folder: str = ""
    weights_file: str = ""
    clouds_file: str = ""
    accept_licences: tuple[str, ...] = ()
    c2pa_certificate: str = ""
    c2pa_key: str = ""
    hub: str = "https://huggingface.co"
    hub_token: str = field(default="", repr=False)
    run_minutes: float = MINUTES
    product_batch: int = product_batch("embedded")
    campaign_batch: int = campaign_batch("embedded", "studio")
    owners: tuple[str, ...] = field(default=("team:catalog",))

    def __post_init__(self) -> None:
        if self.product_batch == self.campaign_batch:
            raise EnvironmentSettingError(
                f"CATALOG_PRODUCT_BATCH and CATALOG_CAMPAIGN_BATCH are both {self.product_batch}: they must differ, "
                "else both lines share a run and one bad SKU stops all others of its batch. Change one of them."
            )

    @property
    def holds_a_gpu(self) -> bool:
        """Whether the runs of lines need a GPU for themselves: then no more of them may run than there are GPUs."""
        return self.device == "cuda" or (self.profile == "gpu" and self.device != "cpu")


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Read CATALOG_* variables, and HF_ENDPOINT and HF_TOKEN (downloads of weights). Raises EnvironmentSettingError."""
    found = os.environ if variables is None else variables
    profile = found.get("CATALOG_PROFILE") or "embedded"
    scenes = found.get("CATALOG_SCENE_ENGINE", "")
    minutes = _number(found, "CATALOG_RUN_MINUTES", "minutes", 1, 240) or MINUTES
    return Environment(
        root=found.get("CATALOG_ROOT") or "catalog",
        profile=profile,
        matting=found.get("CATALOG_MATTING_ENGINE", ""),
        scenes=scenes,
        ranking=found.get("CATALOG_RANKING_ENGINE", ""),
        witnesses=found.get("CATALOG_JUDGE_WITNESSES", ""),
        upscaling=found.get("CATALOG_UPSCALING_ENGINE", ""),
        captioning=found.get("CATALOG_CAPTIONING_ENGINE", ""),
        device=_one_of(found, "CATALOG_DEVICE", ("", *WANTED)),
        precision=_one_of(found, "CATALOG_PRECISION", ("", *PRECISIONS)) or "auto",
        gpu_memory_gb=_number(found, "CATALOG_GPU_MEMORY_GB", "GiB", LEAST_GB, MOST_GB),
        compile=_yes(found, "CATALOG_COMPILE"),
        offload=_one_of(found, "CATALOG_OFFLOAD", ("", *OFFLOADS)) or "none",
        relight=_yes(found, "CATALOG_RELIGHT"),
        models_folder=found.get("CATALOG_MODELS", ""),
        weights_file=found.get("CATALOG_WEIGHTS", ""),
        clouds_file=found.get("CATALOG_CLOUDS", ""),
        accept_licences=_listed(found.get("CATALOG_ACCEPT_LICENCES", "")),
        c2pa_certificate=found.get("CATALOG_C2PA_CERTIFICATE", ""),
        c2pa_key=found.get("CATALOG_C2PA_KEY", ""),
        hub=found.get("HF_ENDPOINT") or "https://huggingface.co",
        hub_token=found.get("HF_TOKEN", ""),
        run_minutes=minutes,
        product_batch=_batch(found, "CATALOG_PRODUCT_BATCH", product_batch(profile, minutes)),
        campaign_batch=_batch(found, "CATALOG_CAMPAIGN_BATCH", campaign_batch(profile, scenes, minutes)),
        owners=_listed(found.get("CATALOG_OWNERS", "team:catalog")),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _one_of(found: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    value = found.get(name, "")
    if value not in known:
        raise EnvironmentSettingError(f"{name}: {value!r} found, one of {', '.join(filter(None, known))} expected")
    return value


def _yes(found: Mapping[str, str], name: str) -> bool:
    value = found.get(name, "").lower()
    if value not in _SAID:
        raise EnvironmentSettingError(f"{name}: {value!r} found, one of yes, no expected")
    return _SAID[value]


def _number(found: Mapping[str, str], name: str, unit: str, least: float, most: float) -> float | None:
    text = found.get(name, "")
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text) or not least <= float(text) <= most:
        raise EnvironmentSettingError(f"{name}: {text!r} found, {least:g} to {most:g} ({unit}) expected")
    return float(text)


def _batch(found: Mapping[str, str], name: str, default: int) -> int:
    text = found.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise EnvironmentSettingError(f"{name}: {text!r} found, a number of SKUs from 1 to 100000 expected")
    return int(text)
