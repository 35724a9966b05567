"""The gpu profile around its engines: the environment, pools, threads, and witnesses of the judge in a campaign."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog_assets.campaign_files import Campaign, load_campaigns
from catalog_assets.campaigns import campaign_line
from catalog_assets.context import RunContext
from catalog_assets.definitions import build_definitions, build_resources, line_infos
from catalog_assets.environment import Environment, EnvironmentSettingError, read_environment
from catalog_assets.jobs import SCATTERED_JOB
from catalog_assets.line import run_line
from catalog_assets.line_assets import line_assets
from catalog_assets.models import configured_engines
from catalog_assets.records import campaign_shelf
from catalog_assets.settings import load_settings
from resources.engines import Engines
from resources.gpu import GpuOptions
from resources.quality.patch_likeness import PatchLikeness
from resources.store import open_store
from resources.weights import Weights
from tests.catalogs import make_catalog, photo_bytes, run_product
from tests.nets import make_dinov2

CAMPAIGNS = load_campaigns()


def test_the_environment_says_what_nets_may_take() -> None:
    found = read_environment(
        {
            "CATALOG_PROFILE": "gpu",
            "CATALOG_DEVICE": "cuda",
            "CATALOG_PRECISION": "bf16",
            "CATALOG_GPU_MEMORY_GB": "22.5",
            "CATALOG_COMPILE": "yes",
            "CATALOG_OFFLOAD": "model",
            "CATALOG_RELIGHT": "1",
        }
    )
    wanted = GpuOptions("cuda", "bf16", 22.5, compile=True, offload="model", relight=True)
    assert configured_engines(found).gpu_options() == wanted
    assert configured_engines(read_environment({})).gpu_options() == GpuOptions()
    resources = build_resources(found)
    assert resources.engines.gpu is resources.gpu  # one object: the UI shows it nested


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CATALOG_PRECISION", "half", "'half' found, one of auto, bf16, fp16, fp32 expected"),
        ("CATALOG_OFFLOAD", "disk", "'disk' found, one of none, model, sequential expected"),
        ("CATALOG_COMPILE", "maybe", "'maybe' found, one of yes, no expected"),
        ("CATALOG_RELIGHT", "2", "'2' found, one of yes, no expected"),
        ("CATALOG_GPU_MEMORY_GB", "24GB", r"'24GB' found, 0.5 to 4096 \(GiB\) expected"),
        ("CATALOG_GPU_MEMORY_GB", "0.1", r"'0.1' found, 0.5 to 4096 \(GiB\) expected"),
        ("CATALOG_GPU_MEMORY_GB", "nan", r"'nan' found, 0.5 to 4096 \(GiB\) expected"),
    ],
)
def test_what_the_environment_cannot_say_is_one_clear_line(name: str, value: str, said: str) -> None:
    with pytest.raises(EnvironmentSettingError, match=f"^{name}: {said}$"):
        read_environment({name: value})


@pytest.mark.parametrize(
    ("environment", "pools"),
    [
        (Environment(), ("product_line", "campaign_line", None)),
        (Environment(device="cpu", matting="birefnet"), ("product_line", "campaign_line", None)),
        (Environment(profile="gpu"), ("gpu", "gpu", "gpu")),
        (Environment(profile="gpu", device="auto"), ("gpu", "gpu", "gpu")),
        (Environment(profile="gpu", device="cpu"), ("product_line", "campaign_line", None)),
        (Environment(device="cuda", matting="birefnet"), ("gpu", "gpu", "gpu")),
    ],
)
def test_runs_that_hold_a_gpu_take_a_place_in_its_pool(
    environment: Environment, pools: tuple[str, str, str | None]
) -> None:
    product, lines = line_infos(environment, CAMPAIGNS)
    job = build_definitions(environment, CAMPAIGNS).resolve_job_def(SCATTERED_JOB)
    (scattered,) = job.all_node_defs
    found = (line_assets(product, []).op.pool, line_assets(lines["evergreen"], []).op.pool, scattered.pool)  # type: ignore[attr-defined]
    assert found == pools
    assert {line.pool for line in lines.values()} == {pools[1]}


def context(root: Path, **engines: Any) -> RunContext:
    store = open_store(str(root))
    return RunContext(store, load_settings(store), Engines(**engines))


def test_a_run_works_on_more_skus_where_a_gpu_waits_unless_the_shop_says_how_many(tmp_path: Path) -> None:
    assert (context(tmp_path).threads, context(tmp_path, profile="gpu").threads) == (2, 8)
    (tmp_path / "catalog.yaml").write_text("threads: 3\n")
    assert (context(tmp_path).threads, context(tmp_path, profile="gpu").threads) == (3, 3)


# ---- witnesses


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Engines whose judge hears a tiny net."""
    import torch

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("models")
    weights = make_dinov2(root / "tiny-dino")
    return {"weights_file": registry_of(root, weights), "witnesses": "tiny-dino"}


def registry_of(root: Path, weights: Weights) -> str:
    entry = weights.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
    (root / "weights.yaml").write_text(yaml.safe_dump({weights.name: entry}))
    return str(root / "weights.yaml")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A catalog with one SKU that is cut out."""
    make_catalog(tmp_path)
    (tmp_path / "uploads" / "a.jpg").write_bytes(photo_bytes(0, (640, 640)))
    (tmp_path / "catalog.yaml").write_text("candidates: 1\nscene_size: 800\n")
    run_product(tmp_path)
    return tmp_path


@pytest.fixture
def methods(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How the judge found the product of each sight that the witness was shown."""
    seen: list[str] = []
    look = PatchLikeness.look

    def noted(self: PatchLikeness, sight: Any) -> Any:
        seen.append(sight.found.method)
        return look(self, sight)

    monkeypatch.setattr(PatchLikeness, "look", noted)
    return seen


def finals(root: Path, **engines: Any) -> list[Any]:
    """The finals of a small campaign over the catalog, made if they are not up to date."""
    campaign = Campaign.model_validate(
        {"name": "sale", "scenes": [{"template": "grey-sweep"}], "marketplaces": ["shopify"]}
    )
    run_line(campaign_line(campaign, 9).line(context(root, **engines)), ["a"], threads=1)
    return campaign_shelf(open_store(str(root)), "sale", "scored_finals", "a").records()


def _timeless(record: Any) -> Any:
    return dataclasses.replace(record, seconds=0, made_at="")


def measured(record: Any) -> set[str]:
    return {measure["name"] for measure in record.verdict["measures"]}


def test_witnesses_are_heard_where_the_product_was_touched(
    shop: Path, witness: dict[str, Any], methods: list[str]
) -> None:
    (plain,) = finals(shop)
    assert methods == []
    assert not measured(plain) & {"patch_likeness_mean", "patch_likeness_worst"}

    (heard,) = finals(shop, **witness)
    assert methods == ["placement"]
    assert measured(heard) >= {"patch_likeness_mean", "patch_likeness_worst"}
    assert heard.judged != plain.judged  # another judge: judged again
    assert heard.facts["chosen"] == plain.facts["chosen"]  # and nothing else

    finals(shop, **witness)
    assert methods == ["placement"]  # up to date

    (again,) = finals(shop)
    assert _timeless(again) == _timeless(plain)


def test_witnesses_are_spared_the_pixels_of_the_photo_itself(
    shop: Path, witness: dict[str, Any], methods: list[str]
) -> None:
    with (shop / "catalog.yaml").open("a") as settings:
        settings.write("harmonise: false\n")
    (final,) = finals(shop, **witness)
    assert final.status == "accepted"
    assert methods == []
