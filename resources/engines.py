"""Which engines a run uses: a profile picks the set, each can be chosen alone. Loaded once, on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import dagster as dg
from pydantic import Field, PrivateAttr

from resources.gpu import GpuOptions
from resources.gpu_resource import Gpu
from resources.loaded import Loaded, kept
from resources.marketplaces.signing import Signer, open_signer
from resources.matting.engine import MattingEngine
from resources.matting.shop_weights import Trained, shipped_in_words, trained_weights, with_shop_weights
from resources.quality.ranking import Ranker
from resources.quality.witness import Witness
from resources.scenes.engine import SceneEngine
from resources.store import CatalogStore
from resources.upscaling.upscaler import Upscaler
from resources.weights import Models, default_folder, load_registry

if TYPE_CHECKING:
    from resources.captions import Captioner
    from resources.scenes.cloud.providers import Provider

T = TypeVar("T")

# device: where nets run. The gpu profile wants a GPU and says so if there is none; without it nets take what is there.
# threads: SKUs worked on at once, where catalog.yaml does not say. Threads share batches on a GPU.
PROFILES: dict[str, dict[str, str]] = {
    "embedded": {
        "matting": "embedded",
        "scenes": "studio",
        "ranking": "heuristic",
        "witnesses": "",
        "upscaling": "lanczos",
        "captioning": "",
        "device": "auto",
        "threads": "2",
    },
    "gpu": {
        "matting": "embedded,birefnet",
        "scenes": "flux2-klein",
        "ranking": "clip",
        "witnesses": "dinov2",
        "upscaling": "swin2sr",
        "captioning": "blip",
        "device": "cuda",
        "threads": "8",
    },
}


class CutOuts(NamedTuple):
    """Who cuts out. weights: which weights of the project's own net, in words; "" where it has no part."""

    engine: MattingEngine
    weights: str


class Engines(dg.ConfigurableResource[Any]):
    """The engines of one run, not loaded before they are used.

    An unknown profile or engine raises ValueError naming the known ones; so do missing weights, packages, licences or
    a missing GPU, saying what to do.
    """

    profile: str = Field("embedded", description="Set of engines: embedded needs no GPU, no download, no network.")
    matting: str = Field("", description="Cut-out engine, or several with commas (a cascade); empty: the profile's.")
    scenes: str = Field("", description="Scene engine; empty: that of the profile.")
    ranking: str = Field("", description="What chooses among candidates; empty: that of the profile.")
    witnesses: str = Field("", description="Who testifies beside the judge, with commas; empty: the profile's.")
    upscaling: str = Field("", description="What enlarges small products; empty: that of the profile.")
    captioning: str = Field(
        "", description="What describes products that catalog.csv does not, none for nobody; empty: the profile's."
    )
    gpu: Gpu = Field(Gpu(), description="What nets may take of the machine.")
    models_folder: str = Field("", description="Folder of weights; empty: one in the user's cache.")
    weights_file: str = Field("", description="A registry of weights of your own, laid over the shipped one.")
    clouds_file: str = Field("", description="Cloud engines of your own, laid over the shipped ones.")
    accept_licences: list[str] = Field([], description="Weights whose non-commercial licence you may use.")
    c2pa_certificate: str = Field("", description="PEM file of the certificates that exports are signed with, if any.")
    c2pa_key: str = Field("", description="PEM file of the key to them.")

    _loaded: Loaded = PrivateAttr(default_factory=Loaded)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Loads nothing; what is loaded is shared with other runs where somebody keeps it (`resources.loaded`)."""
        self._loaded = kept() or self._loaded

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Let go of every engine of this run, also of one that failed. What is kept goes when its keeper is done."""
        if self._loaded is not kept():
            self._loaded.free()

    def matting_engine(self, store: CatalogStore | None = None) -> MattingEngine:
        """The cut-out engine, loaded at most once a run. store: as of `cut_outs`."""
        return self.cut_outs(store).engine

    def cut_outs(self, store: CatalogStore | None = None) -> CutOuts:
        """The cut-out engine, loaded at most once a run, and which weights of the project's own net it has.

        store: the catalog, whose own weights are used if it has any; without one, the shipped ones.
        Raises ValueError for weights that cannot be used, StoreError if the store cannot be reached.
        """
        from resources.matting.engines import matting_engine

        trained = self.shop_weights(store)

        def load() -> CutOuts:
            models = self.models()
            if trained is not None and store is not None:
                models = with_shop_weights(models, trained, store)
            engine = matting_engine(self.matting_name(), models, self.gpu_options())
            return CutOuts(engine, self._own_net_in_words(models, trained))

        # With the digest, so that whoever loads next uses what was installed meanwhile.
        name = f"{self.matting_name()} {trained.sha256 if trained else ''}"
        return self._once("matting", name, lambda _: load())

    def shop_weights(self, store: CatalogStore | None) -> Trained | None:
        """The catalog's own weights, None where there are none or the configured engine does not use them."""
        from resources.matting.engines import built_on_own_net

        return trained_weights(store) if store is not None and built_on_own_net(self.matting_name()) else None

    def _own_net_in_words(self, models: Models, trained: Trained | None) -> str:
        from resources.matting.engines import built_on_own_net

        if trained is not None:
            return trained.in_words
        return shipped_in_words(models) if built_on_own_net(self.matting_name()) else ""

    def matting_name(self) -> str:
        """The name of the cut-out engine that is configured, whether it can be used or not."""
        return self.matting or self._of_profile("matting")

    def models(self) -> Models:
        """The weights that engines may use. Raises ValueError for a broken registry or an unknown licence name."""
        registry = load_registry(Path(self.weights_file) if self.weights_file else None)
        if unknown := sorted(set(self.accept_licences) - set(registry)):
            known = ", ".join(sorted(registry))
            raise ValueError(f"CATALOG_ACCEPT_LICENCES: there are no weights {', '.join(unknown)}; known: {known}")
        root = Path(self.models_folder).expanduser() if self.models_folder else default_folder()
        return Models(root, registry, frozenset(self.accept_licences))

    def scene_engine(self, name: str = "", store: CatalogStore | None = None) -> SceneEngine:
        """A scene engine by name (a campaign may ask for one), else the configured one.

        store: the catalog, without which no cloud engine can be had.
        """
        from resources.scenes.engines import scene_engine

        return self._once(
            "scenes",
            name or self.scenes_name(),
            lambda name: scene_engine(name, self.models(), self.gpu_options(), self.providers(), store),
        )

    def scenes_name(self) -> str:
        """The name of the scene engine that is configured, whether it can be used or not."""
        return self.scenes or self._of_profile("scenes")

    def providers(self) -> Mapping[str, Provider]:
        """The cloud engines that campaigns may name. Raises ValueError for a broken file of providers."""
        from resources.scenes.cloud.providers import load_providers

        return load_providers(Path(self.clouds_file) if self.clouds_file else None)

    def ranking_engine(self) -> Ranker:
        """What chooses among accepted candidates, loaded at most once a run."""
        from resources.quality.engines import ranking_engine

        return self._once(
            "ranking", self.ranking_name(), lambda name: ranking_engine(name, self.models(), self.gpu_options())
        )

    def ranking_name(self) -> str:
        """The name of the ranking that is configured, whether it can be used or not."""
        return self.ranking or self._of_profile("ranking")

    def judge_witnesses(self) -> tuple[Witness, ...]:
        """Who testifies beside the fidelity judge, loaded at most once a run."""
        from resources.quality.engines import judge_witnesses

        return self._once(
            "witnesses", self.witness_names(), lambda names: judge_witnesses(names, self.models(), self.gpu_options())
        )

    def witness_names(self) -> str:
        """The witnesses that are configured, with commas, whether they can be used or not."""
        return self.witnesses or self._of_profile("witnesses")

    def upscaler(self) -> Upscaler:
        """What enlarges small products, loaded at most once a run."""
        from resources.upscaling.engines import upscaler

        return self._once(
            "upscaling", self.upscaling_name(), lambda name: upscaler(name, self.models(), self.gpu_options())
        )

    def upscaling_name(self) -> str:
        """The name of the upscaler that is configured, whether it can be used or not."""
        return self.upscaling or self._of_profile("upscaling")

    def captioner(self) -> Captioner | None:
        """What describes products that catalog.csv says nothing of, loaded at most once a run; None for nobody."""
        from resources.captions import captioner

        return self._once(
            "captioning", self.captioning_name(), lambda name: captioner(name, self.models(), self.gpu_options())
        )

    def captioning_name(self) -> str:
        """The name of what describes products, whether it can be used or not; "" or "none" for nobody."""
        return self.captioning or self._of_profile("captioning")

    def signer(self) -> Signer | None:
        """Who signs exports, None if nobody does. Raises SigningError, one line, if certificate or key is unfit."""
        pair = (self.c2pa_certificate, self.c2pa_key)
        return self._once("signing", " ".join(pair), lambda _: open_signer(*pair))

    def gpu_options(self) -> GpuOptions:
        """What nets may take of the machine. Raises ValueError, one line, for options that cannot be."""
        return self.gpu.options(self._of_profile("device"))

    def threads(self) -> int:
        """How many SKUs a run works on at once, if nobody says so: more where a GPU waits for the next batch."""
        return int(self._of_profile("threads"))

    def _of_profile(self, job: str) -> str:
        if self.profile not in PROFILES:
            raise ValueError(f"profile {self.profile!r} found, one of {', '.join(sorted(PROFILES))} expected")
        return PROFILES[self.profile][job]

    def _once(self, job: str, name: str, load: Callable[[str], T]) -> T:
        made_from = self.model_dump_json(exclude={"c2pa_key"})
        return self._loaded.once(f"{job} {name} {made_from}", lambda: load(name))
