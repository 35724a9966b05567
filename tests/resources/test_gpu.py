"""What nets may take of the machine: options that make sense, precision that is honoured, memory that is bounded."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import dagster as dg
import numpy as np
import pytest

from resources.engines import Engines
from resources.gpu import GpuOptions
from resources.gpu_resource import Gpu
from resources.matting.batches import free_memory
from resources.matting.birefnet import BiRefNetDetector
from resources.quality.patch_likeness import PatchLikeness
from resources.quality.prompt_ranking import PromptRanker
from resources.torch_runtime import likely_device
from resources.weights import Models
from tests.nets import make_clip, make_dinov2, models_of
from tests.pictures import product_photo
from tests.resources.printed_box import box_photo, in_scene
from tests.resources.test_patch_likeness import sight

FULL, HALF = GpuOptions("cpu", "fp32"), GpuOptions("cpu", "bf16")
# What half precision may move a tiny net's answer by.
NEAR = 0.03
HAS_GPU = likely_device("auto") == "cuda"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    import torch

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("models")
    clip = make_clip(root / "tiny-clip", tmp_path_factory.mktemp("architectures"))
    return models_of(make_dinov2(root / "tiny-dino"), clip)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"wanted": "tpu"}, "device 'tpu' found, one of auto, cuda, cpu expected"),
        ({"precision": "fp8"}, "precision 'fp8' found, one of auto, bf16, fp16, fp32 expected"),
        ({"offload": "disk"}, "offload 'disk' found, one of none, model, sequential expected"),
        ({"memory_gb": 0.0}, "GPU memory 0.0 found, 0.5 to 4096 GiB expected"),
        ({"memory_gb": float("nan")}, "GPU memory nan found, 0.5 to 4096 GiB expected"),
        ({"wanted": "cpu", "offload": "model"}, "offload 'model' needs a GPU, but the device is cpu; say offload none"),
        ({"wanted": "cpu", "precision": "fp16"}, "precision 'fp16' needs a GPU, but the device is cpu; say auto"),
    ],
)
def test_options_that_make_no_sense_are_one_clear_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        GpuOptions(**given)
    assert "\n" not in str(caught.value)
    fields = {"device" if name == "wanted" else name: value for name, value in given.items()}
    if not (isinstance(value := given.get("memory_gb"), float) and np.isnan(value)):  # no config of Dagster's holds it
        with pytest.raises(ValueError, match=re.escape(said)):
            Gpu(**fields).options()


def test_precision_is_that_of_the_device_unless_somebody_says_it() -> None:
    import torch

    assert GpuOptions().dtype("cuda") is torch.float16
    assert GpuOptions().dtype("cuda", half="bf16") is torch.bfloat16
    assert GpuOptions().dtype("cpu") is torch.float32
    assert GpuOptions(precision="fp32").dtype("cuda") is torch.float32
    assert GpuOptions(precision="bf16").dtype("cpu") is torch.bfloat16
    with pytest.raises(ValueError, match="precision 'fp16' needs a GPU, and none is used here"):
        GpuOptions(precision="fp16").dtype("cpu")


def test_what_a_batch_may_take_is_bounded_by_the_share_of_this_process() -> None:
    assert GpuOptions(memory_gb=1.5).memory_bytes == 1_610_612_736
    assert GpuOptions().memory_bytes is None
    assert free_memory("cpu", 5000, 100) == 5000  # of the GPU, not of main memory


@pytest.mark.skipif(not HAS_GPU, reason="no GPU here")
def test_a_process_is_held_to_its_share_of_the_gpu() -> None:
    import torch

    gpu = GpuOptions(memory_gb=1.0)
    assert gpu.device() == "cuda"
    assert free_memory("cuda", 0, gpu.memory_bytes) <= 2**30
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(2**31, dtype=torch.uint8, device="cuda")
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_nets_run_in_the_precision_that_is_asked_for(models: Models, tiny_models: Models) -> None:
    photo, matte = box_photo()
    final = in_scene(photo, matte, 0.9, 130, 80)
    answers = []
    for gpu, wanted in ((FULL, "torch.float32"), (HALF, "torch.bfloat16")):
        dino = PatchLikeness(models.entry("tiny-dino"), models, gpu)
        clip = PromptRanker(models.entry("tiny-clip"), models, gpu)
        birefnet = BiRefNetDetector(tiny_models.entry("tiny-net"), tiny_models, gpu)
        seen = dino.look(sight(final))
        answers.append(
            [
                *(finding.measure.value for finding in seen),
                *clip.cosines([final], ["a tea box"]),
                *birefnet.saliency([product_photo()])[0].ravel(),
            ]
        )
        for net in (dino._net, clip._net, birefnet._net):
            # open_clip keeps its small layers in full precision.
            assert wanted in {str(tensor.dtype) for tensor in net.parameters() if tensor.dim() > 1}
    full, half = (np.array(answer) for answer in answers)
    assert 0 < np.abs(full - half).max() < NEAR


def test_closed_nets_are_let_go_of_and_load_again(models: Models) -> None:
    dino = PatchLikeness(models.entry("tiny-dino"), models, FULL)
    photo, matte = box_photo()
    seen = sight(in_scene(photo, matte, 0.9, 130, 80))
    before = dino.look(seen)
    dino.close()
    assert dino._net is None
    assert dino.look(seen) == before


def test_the_profile_says_where_nets_run_unless_the_gpu_resource_does() -> None:
    assert Engines().gpu_options() == GpuOptions("auto")
    assert Engines(profile="gpu").gpu_options() == GpuOptions("cuda")
    gpu = Gpu(device="cpu", precision="bf16", memory_gb=20.5, compile=True, relight=True)
    wanted = GpuOptions("cpu", "bf16", 20.5, compile=True, relight=True)
    assert Engines(profile="gpu", gpu=gpu).gpu_options() == wanted
    assert (Engines().threads(), Engines(profile="gpu").threads()) == (2, 8)


def test_the_engines_of_a_run_have_the_gpu_that_is_shown_in_the_ui() -> None:
    seen = []

    @dg.op
    def look(engines: Engines, gpu: Gpu) -> None:
        seen.append((engines.gpu_options(), gpu.options()))

    @dg.job
    def job() -> None:
        look()

    gpu = Gpu(device="cpu", precision="bf16")
    engines = Engines(gpu=gpu)
    assert job.execute_in_process(resources={"engines": engines, "gpu": gpu}).success
    assert seen == [(HALF, HALF)]
    # The same object, so that the UI shows one resource that is nested in another.
    assert engines.get_resource_definition().nested_resources["gpu"] is gpu
    described = gpu.get_resource_definition().config_schema.config_type.fields
    assert set(described) == {"device", "precision", "memory_gb", "compile", "offload", "relight"}
    assert all(len(field.description or "") > 20 for field in described.values())


def test_options_are_known_without_torch_and_without_dagster() -> None:
    script = (
        "import sys\n"
        "from resources.gpu import GpuOptions\n"
        "assert GpuOptions('cpu').likely_device() == 'cpu'\n"
        "print([name for name in ('torch', 'dagster') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "[]", done.stderr
