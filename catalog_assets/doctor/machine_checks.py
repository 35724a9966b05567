"""Checks of the machine: engines and their weights, GPU, keys, disk, memory, clock."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from catalog_assets.doctor.findings import Deployment, Finding, listed
from catalog_assets.models import known, needed_weights
from catalog_assets.routes import engine_names
from resources.torch_runtime import device
from resources.weights import WeightsError

# A SKU of one photo, before anything is on record: measured with two scenes of two candidates a campaign.
FIRST_BYTES_A_SKU, FIRST_BYTES_A_CAMPAIGN = 2_000_000, 15_500_000
# Peak of a run with two threads over photos of 12 Mpx, embedded engines.
RUN_BYTES = 1_200_000_000
_LEAST_FREE = 1_000_000_000
_CERTIFICATE_DAYS = 30
_FUTURE_S = 300.0
_CGROUP = Path("/sys/fs/cgroup/memory.max")


def engines(deployment: Deployment) -> Iterator[Finding]:
    """Every engine that is configured, or that a campaign names, can be had."""
    from catalog_assets.refresh import check_engines

    found = deployment.engines
    check_engines(found, deployment.campaigns.active.values(), deployment.store)
    known(found.upscaler)
    known(found.captioner)
    names = [found.matting_name(), found.scenes_name(), found.ranking_name(), found.upscaling_name()]
    yield Finding("engines", "ok", f"All can be had: {', '.join(names)} (profile {found.profile}).")


def weights(deployment: Deployment) -> Iterator[Finding]:
    """The weights that engines need are on disk, and are those that are pinned."""
    models = known(deployment.engines.models)
    names = needed_weights(deployment.engines, deployment.campaigns.active.values())
    for name in names:
        entry = models.registry[name]
        try:
            models.ready(name)
            models.verify(entry)
        except WeightsError as error:
            yield Finding("weights", "wrong", f"{error}.", f"catalog models fetch {name}")
        else:
            yield Finding("weights", "ok", f"{name}: complete, digests right.")
    if not names:
        yield Finding("weights", "ok", "The engines in use need none.")


def reading(deployment: Deployment) -> Iterator[Finding]:
    """The nets that read what is printed can be loaded."""
    from resources.quality.printed_text import read_lines

    try:
        read_lines(np.full((96, 96, 3), 255, np.uint8))
    except Exception as error:  # whatever a broken package raises
        fix = "Install it again: pip install . -c constraints.txt"
        yield Finding("reading of print", "wrong", f"RapidOCR cannot be used ({type(error).__name__}).", fix)
    else:
        yield Finding("reading of print", "ok", "Its nets can be loaded.")


def gpu(deployment: Deployment) -> Iterator[Finding]:
    """The GPU is there, where one is asked for."""
    options = deployment.engines.gpu_options()
    if not deployment.environment.holds_a_gpu:
        yield Finding("GPU", "ok", "None is asked for.")
        return
    found = device(options.wanted)  # without taking one of several away from the runs
    if found != "cuda":
        yield Finding("GPU", "wrong", f"Nets would run on {found}.", "Check the driver, or set CATALOG_DEVICE=cpu.")
        return
    import torch

    free, total = torch.cuda.mem_get_info()
    name = torch.cuda.get_device_name()
    yield Finding("GPU", "ok", f"{name}, {free / 2**30:.0f} of {total / 2**30:.0f} GiB are free.")


def cloud_keys(deployment: Deployment) -> Iterator[Finding]:
    """The keys of the cloud engines that campaigns name are set. Their values are not looked at."""
    providers = known(deployment.engines.providers)
    usual = deployment.engines.scenes_name()
    for campaign in deployment.campaigns.active.values():
        for name in engine_names(campaign, usual):
            if name in providers:
                secret = providers[name].secret
                said = f"campaign {campaign.name} asks {name}"
                if os.environ.get(secret):
                    yield Finding("cloud keys", "ok", f"{said}: {secret} is set.")
                else:
                    fix = f"Set {secret} where runs start, or take {name} out of the campaign's file."
                    yield Finding("cloud keys", "wrong", f"{said}, but {secret} is not set.", fix)


def signing(deployment: Deployment) -> Iterator[Finding]:
    """Exports can be signed, if they are to be."""
    signer = known(deployment.engines.signer)
    if signer is None:
        yield Finding("C2PA", "ok", "Exports are not signed: no certificate is named.")
        return
    left = signer.expires - datetime.fromtimestamp(deployment.now(), UTC)
    found = f"Exports are signed by {signer.name!r} until {signer.expires:%Y-%m-%d}."
    level, fix = ("ok", "") if left > timedelta(days=_CERTIFICATE_DAYS) else ("warning", "Renew the certificate.")
    yield Finding("C2PA", level, found, fix)  # type: ignore[arg-type]  # one of the levels


def disk(deployment: Deployment) -> Iterator[Finding]:
    """There is room for what the uploads will become."""
    if not deployment.is_local:
        yield Finding("space", "ok", f"The catalog takes {_gb(deployment.usage.bytes)} of its bucket.")
        return
    used, skus = deployment.usage, len(deployment.uploads.skus)
    a_sku = used.bytes_a_sku or FIRST_BYTES_A_SKU + FIRST_BYTES_A_CAMPAIGN * len(deployment.campaigns.active)
    new = max(0, skus - used.skus)
    free = shutil.disk_usage(deployment.store.root).free
    room = int(max(0, free - _LEAST_FREE) / a_sku)
    found = f"{_gb(free)} are free; a SKU takes about {a_sku / 1e6:.1f} MB, so there is room for {room} more."
    fix = "Get a larger disk, or keep less: `space` and `archives` in catalog.yaml, then `catalog prune`."
    if free < _LEAST_FREE or room < new:
        yield Finding("space", "wrong", f"{found} {new} SKUs are still to be made.", fix)
    elif room < skus // 10:
        yield Finding("space", "warning", found, fix)
    else:
        yield Finding("space", "ok", found)


def memory(deployment: Deployment) -> Iterator[Finding]:
    """The runs that may go on at once fit into memory."""
    total = _memory()
    if total is None:
        return
    threads = deployment.settings.threads or deployment.engines.threads()
    need = RUN_BYTES * max(1.0, threads / 2)
    fits = int(total / need)
    found = f"{_gb(total)} in all; a run with {threads} threads takes up to {_gb(need)}, so {fits} fit at once."
    if fits < 1:
        yield Finding("memory", "wrong", found, "Set `threads: 1` in catalog.yaml, or use a larger machine.")
    elif fits < 2:
        yield Finding("memory", "warning", found, "Set max_concurrent_runs in dagster.yaml to 1, or fewer threads.")
    else:
        yield Finding("memory", "ok", found)


def clock(deployment: Deployment) -> Iterator[Finding]:
    """Time zones are known, and nothing in the catalog was written in the future."""
    zones = sorted({campaign.timezone for campaign in deployment.campaigns.active.values()})
    unknown = [zone for zone in zones if not _is_known(zone)]
    if unknown:
        yield Finding("clock", "wrong", f"No data of the time zones {listed(unknown)}.", "pip install tzdata")
    late = deployment.now() + _FUTURE_S
    ahead = [
        entry.key
        for folder in ("assets/product/raw_photo", "quarantine", "reports")
        for entry in deployment.store.list(folder)
        if entry.modified > late
    ]
    if ahead:
        found = f"{len(ahead)} files were written in the future, such as {ahead[0]}."
        yield Finding("clock", "warning", found, "Check the clocks of all machines that write here (NTP).")
    elif not unknown:
        now = datetime.fromtimestamp(deployment.now(), UTC)
        yield Finding("clock", "ok", f"It is {now:%Y-%m-%d %H:%M} UTC; nothing was written later than that.")


def _is_known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True


def _memory() -> int | None:
    """Bytes of memory that this machine or its container has; None where nobody says."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    try:
        limit = _CGROUP.read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdecimal() else total


def _gb(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
