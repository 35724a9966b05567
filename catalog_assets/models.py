"""Engines as the environment configures them, and the weights they may be built on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from catalog_assets.campaign_files import Campaign
from catalog_assets.environment import Environment
from catalog_assets.routes import engine_names
from catalog_assets.settings import SettingsError
from resources.downloads import Hub, fetch
from resources.engines import Engines
from resources.gpu_resource import Gpu
from resources.marketplaces.signing import Signer
from resources.matting.shop_weights import shipped_in_words, trained_weights
from resources.store import CatalogStore
from resources.weights import Licence, Models, Weights, WeightsError

if TYPE_CHECKING:
    from resources.scenes.cloud.providers import Provider

T = TypeVar("T")

_MEGABYTE = 1_000_000
_ALLOWED = {"yes": "", "no": ", NOT for commercial use", "unclear": ", commercial use unclear"}


def configured_engines(environment: Environment, matting: str = "") -> Engines:
    """The engines that the environment names. matting: another cut-out engine than it says."""
    return Engines(
        profile=environment.profile,
        matting=matting or environment.matting,
        scenes=environment.scenes,
        ranking=environment.ranking,
        witnesses=environment.witnesses,
        upscaling=environment.upscaling,
        captioning=environment.captioning,
        gpu=Gpu(
            device=environment.device,
            precision=environment.precision,
            memory_gb=environment.gpu_memory_gb,
            compile=environment.compile,
            offload=environment.offload,
            relight=environment.relight,
        ),
        models_folder=environment.models_folder,
        weights_file=environment.weights_file,
        clouds_file=environment.clouds_file,
        accept_licences=list(environment.accept_licences),
        c2pa_certificate=environment.c2pa_certificate,
        c2pa_key=environment.c2pa_key,
    )


def known(engine: Callable[[], T]) -> T:
    """An engine as it is configured. Raises SettingsError, one line that says what to do, if it cannot be had."""
    try:
        return engine()
    except ValueError as error:
        raise SettingsError(str(error)) from error


def engine_table(engines: Engines, store: CatalogStore | None = None) -> str:
    """The engines by job, with those in use marked, and why they cannot be used if so. Raises SettingsError.

    store: the catalog, whose own weights are named and used if it has any.
    """
    from resources.captions import captioner_names
    from resources.matting.engines import engine_names, refiner_names
    from resources.quality.engines import ranker_names, witness_names
    from resources.scenes.engines import scene_engine_names
    from resources.upscaling.engines import upscaler_names

    models, matting = known(engines.models), known(engines.matting_name)
    parts = [part.strip().partition("+")[0] for part in matting.split(",")]
    lines = [f"profile: {engines.profile}"]
    lines += [_engine_line("cut-out", name, name in parts) for name in engine_names(models.registry)]
    lines.append(f"  cut-out net: {_own_net(models, store)}")
    lines.append(f"  cut-out edge, behind a plus sign: {', '.join(refiner_names(models.registry))}")
    scene, clouds = engines.scenes_name(), known(engines.providers)
    lines += [_engine_line("scenes", name, name == scene) for name in scene_engine_names(models.registry, {})]
    lines += [f"  scenes, cloud: {name}: {_cloud_line(clouds[name])}" for name in sorted(clouds)]
    ranking = engines.ranking_name()
    lines += [_engine_line("ranking", name, name == ranking) for name in ranker_names(models.registry)]
    heard = [name.strip() for name in engines.witness_names().split(",")]
    lines += [_engine_line("witness of the judge", name, name in heard) for name in witness_names(models.registry)]
    enlarging = engines.upscaling_name()
    lines += [_engine_line("upscaling", name, name == enlarging) for name in upscaler_names(models.registry)]
    if "," in matting or "+" in matting:
        lines.append(f"cut-outs are made by: {matting}")
    captioning = engines.captioning_name()
    lines += [_engine_line("captions", name, name == captioning) for name in captioner_names(models.registry)]
    for load in (
        lambda: engines.matting_engine(store),
        engines.scene_engine,
        engines.ranking_engine,
        engines.judge_witnesses,
        engines.upscaler,
        engines.captioner,
    ):
        try:
            load()
        except ValueError as error:
            lines.append(f"cannot be used: {error}")
    try:
        lines += [_signer_line(signer)] if (signer := engines.signer()) else []
    except ValueError as error:
        lines.append(f"exports cannot be signed: {error}")
    own = "nothing to download, no licence but the project's own"
    lines.append(f"embedded, classical, studio, heuristic and lanczos need nothing more: {own}.")
    return "\n".join(lines)


def _own_net(models: Models, store: CatalogStore | None) -> str:
    """Which weights the engines that are built on the project's own net have, and since when."""
    try:
        trained = trained_weights(store) if store is not None else None
        shipped = shipped_in_words(models)
    except WeightsError as error:
        return f"cannot be used: {error}"
    return shipped if trained is None else f"{trained.in_words} (in place of {shipped})"


def _engine_line(job: str, name: str, used: bool) -> str:
    return f"  {job}: {name}{' (in use)' if used else ''}"


def _cloud_line(provider: Provider) -> str:
    key = "is set" if os.environ.get(provider.secret) else "is not set"
    return f"{provider.model}, {provider.price_usd:g} USD a picture at most; {provider.secret} {key}"


def _signer_line(signer: Signer) -> str:
    until = f"{signer.expires:%Y-%m-%d}"
    return f"exports are signed by {signer.name!r} ({signer.algorithm}); the signatures count until {until}"


def weights_table(models: Models) -> str:
    """Every entry of the registry: what is on disk, at which revision, and what its licences allow."""
    lines = [f"weights in {models.root}:"]
    for weights in models.registry.values():
        lines += [f"  {weights.name}: {weights.title}", *(f"    {line}" for line in _about(weights, models))]
    return "\n".join(lines)


def _about(weights: Weights, models: Models) -> list[str]:
    source = weights.repository or weights.url or "no server"
    pin = f"revision {weights.revision[:12]}" if weights.revision else "pinned by digest"
    if weights.unpinned:
        pin = f"NOT PINNED: set {' and '.join(weights.unpinned)}"
    gated = ", gated" if weights.gated else ""
    size = f", {weights.size / _MEGABYTE:.0f} MB" if weights.size else ""
    licences = weights.licences
    lines = [
        f"from {source}, {pin}{size}{gated}",
        f"on disk: {_state(weights, models)}",
        f"code {_licence(licences.code)}",
        f"weights {_licence(licences.weights)}",
        f"training data {_licence(licences.training_data)}",
    ]
    if weights.not_allowed:
        accepted = "accepted" if weights.name in models.accepted else f"set CATALOG_ACCEPT_LICENCES={weights.name}"
        lines.append(f"loads only with your consent: {accepted}")
    return lines


def _state(weights: Weights, models: Models) -> str:
    found = models.on_disk(weights)
    if found.state == "missing":
        return f"nothing (catalog models fetch {weights.name})" if weights.repository or weights.url else "nothing"
    if found.state == "partial":
        return f"partial, {found.present} of {found.expected} files"
    try:
        models.verify(weights)
    except WeightsError as error:
        return f"complete, but {error}"
    return "complete, not pinned" if weights.unpinned else "complete, digests right"


def _licence(licence: Licence) -> str:
    note = f" ({licence.note})" if licence.note else ""
    return f"{licence.name}{_ALLOWED[licence.commercial]}{note}"


def needed_weights(engines: Engines, campaigns: Iterable[Campaign]) -> list[str]:
    """The weights that the configured engines and those of campaigns are built on, by name. Raises SettingsError."""
    lists = [known(engines.matting_name), engines.ranking_name(), engines.witness_names(), engines.upscaling_name()]
    lists += [engines.captioning_name(), *(",".join(engine_names(one, engines.scenes_name())) for one in campaigns)]
    named = {name.strip() for each in lists for part in each.split(",") for name in part.split("+")}
    return [name for name in known(engines.models).registry if name in named]


def fetch_weights(name: str, environment: Environment, report: Callable[[int, int], None]) -> str:
    """Bring weights to disk and say where they are. report: (bytes done, bytes expected). Raises SettingsError."""
    models = known(configured_engines(environment).models)
    hub = Hub(environment.hub, environment.hub_token)
    weights = known(lambda: fetch(name, models, hub, report))
    return f"{name}: complete, digests right, in {models.folder(weights)}"
