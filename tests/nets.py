"""Tiny nets with random weights, saved as the real ones are, and registry entries that pin them."""

from __future__ import annotations

import hashlib
import json
import string
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resources.torch_runtime import ensure_torchvision
from resources.weights import Models, Weights

ALLOWED = {"name": "MIT", "commercial": "yes"}
FORBIDDEN = {"name": "CC-BY-NC-4.0", "commercial": "no"}
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
HALVES = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}

# Ends as BiRefNet does: a list of logit maps, the finest last. Knows what it sees: bright is product.
REMOTE_CODE = """
import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel


class TinySaliencyConfig(PretrainedConfig):
    model_type = "tiny_saliency"

    def __init__(self, width=6, **options):
        self.width = width
        super().__init__(**options)


class TinySaliency(PreTrainedModel):
    config_class = TinySaliencyConfig

    def __init__(self, config):
        super().__init__(config)
        self.look = nn.Conv2d(3, config.width, 3, stride=2, padding=1)
        self.say = nn.Conv2d(config.width, 1, 3, padding=1)
        self.post_init()

    def _init_weights(self, module):
        pass

    def forward(self, pictures):
        coarse = self.say(torch.tanh(self.look(pictures)))
        brightness = pictures.mean(dim=1, keepdim=True)
        fine = nn.functional.interpolate(coarse, pictures.shape[-2:], mode="bilinear", align_corners=False)
        return [coarse, [fine + 4 * brightness]]
"""


def pinned(folder: Path, **fields: Any) -> Weights:
    """An entry over a folder, pinned to the files that are in it."""
    files = [
        {
            "name": path.relative_to(folder).as_posix(),
            "size": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    licences = {"code": ALLOWED, "weights": ALLOWED, "training_data": ALLOWED}
    given: dict[str, Any] = {
        "name": folder.name,
        "title": "a tiny net",
        "path": str(folder),
        "files": files,
        "licences": licences,
        **fields,
    }
    return Weights(**given)


def models_of(*entries: Weights, root: Path = Path("unused")) -> Models:
    return Models(root, {entry.name: entry for entry in entries})


def make_birefnet(folder: Path, sources: Path) -> Weights:
    """A remote-code net in `folder`, saved with its code; 64 px. sources: an empty folder that the code comes from."""
    ensure_torchvision()
    import torch

    name = "modeling_tiny_saliency"
    (sources / f"{name}.py").write_text(REMOTE_CODE)
    sys.path.insert(0, str(sources))
    try:
        module = __import__(name)
        module.TinySaliencyConfig.register_for_auto_class()
        module.TinySaliency.register_for_auto_class("AutoModelForImageSegmentation")
        torch.manual_seed(7)
        module.TinySaliency(module.TinySaliencyConfig()).save_pretrained(folder)
    finally:
        sys.path.remove(str(sources))
        sys.modules.pop(name, None)
    options = {"runtime": "transformers", "job": "detection", "trust_remote_code": True, "output": "logits"}
    return pinned(folder, **options, input={"side": 64, **IMAGENET})


def make_vitmatte(folder: Path) -> Weights:
    """A tiny ViTMatte whose answer is not flat."""
    ensure_torchvision()
    import torch
    from transformers import VitDetConfig, VitMatteConfig, VitMatteForImageMatting

    backbone = VitDetConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=64,
        pretrain_image_size=32,
        patch_size=16,
        num_channels=4,
        window_size=2,
        window_block_indices=[0],
        residual_block_indices=[],
        out_features=["stage1"],
        use_relative_position_embeddings=True,
        use_absolute_position_embeddings=True,
    )
    config = VitMatteConfig(
        backbone_config=backbone, hidden_size=16, fusion_hidden_sizes=[8, 8, 8, 8], convstream_hidden_sizes=[8, 8, 8]
    )
    torch.manual_seed(3)
    net = VitMatteForImageMatting(config)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if name.startswith("decoder") and weight.dim() > 1:  # as made they are so small that the answer is flat
                torch.nn.init.kaiming_normal_(weight)
            elif name.startswith("decoder") and name.endswith("weight"):  # of the batch norms
                weight.fill_(1)
            elif "position" in name or "rel_pos" in name:  # what depends on the place in a tile is not what is tested
                weight.zero_()
        net.decoder.matting_head.matting_convs[-1].weight.mul_(4)
    net.save_pretrained(folder)
    return pinned(folder, runtime="transformers", job="refinement", input=HALVES)


def make_clip(folder: Path, architectures: Path) -> Weights:
    """A tiny CLIP of open_clip, 64 px, in `folder`. architectures: an empty folder for the description of its layers,
    which open_clip knows by the name tiny-clip from then on."""
    ensure_torchvision()
    import open_clip
    import torch
    from safetensors.torch import save_file

    layers = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    }
    (architectures / "tiny-clip.json").write_text(json.dumps(layers))
    open_clip.add_model_config(architectures)
    torch.manual_seed(5)
    net = open_clip.create_model("tiny-clip")
    folder.mkdir(parents=True)
    save_file(net.state_dict(), folder / "open_clip_model.safetensors")
    return pinned(folder, runtime="open_clip", job="ranking", architecture="tiny-clip", input={"side": 64, **IMAGENET})


def make_dinov2(folder: Path, side: int = 224) -> Weights:
    """A tiny DINOv2 for pictures of `side` px, patches of 14 px."""
    ensure_torchvision()
    import torch
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(11)
    config = Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14)
    Dinov2Model(config).save_pretrained(folder)
    return pinned(folder, runtime="transformers", job="likeness", input={"side": side, **IMAGENET})


def make_swin2sr(folder: Path, *, faithful: bool, upscale: int = 2) -> Weights:
    """A tiny Swin2SR, windows of 8 px. faithful: it repeats each pixel, with a little of its own added; else random."""
    ensure_torchvision()
    import torch
    from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution

    torch.manual_seed(13)
    layers = {"embed_dim": 12, "depths": [2, 2], "num_heads": [2, 2], "window_size": 8, "mlp_ratio": 2.0}
    ending = {"upscale": upscale, "upsampler": "pixelshuffledirect" if faithful else "pixelshuffle"}
    net = Swin2SRForImageSuperResolution(Swin2SRConfig(image_size=32, **layers, **ending))
    with torch.no_grad():
        if faithful:
            _repeat_pixels(net)
        else:  # as made they are so small that the answer is flat
            for name, weight in net.named_parameters():
                if weight.dim() > 1 and "position" not in name:
                    torch.nn.init.xavier_normal_(weight)
    net.save_pretrained(folder)
    values = {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}
    return pinned(folder, runtime="transformers", job="upscaling", input=values)


def _repeat_pixels(net: Any) -> None:
    """Colours go through the first three channels to all four places of the larger picture; layers add very little."""
    first, last = net.swin2sr.first_convolution, net.upsample.conv
    for convolution in (first, last):
        convolution.weight.zero_()
        convolution.bias.zero_()
    for colour in range(3):
        first.weight[colour, colour, 1, 1] = 1
        last.weight[4 * colour : 4 * colour + 4, colour, 1, 1] = 1
    net.swin2sr.conv_after_body.weight.mul_(0.05)
    net.swin2sr.conv_after_body.bias.zero_()


def make_blip(folder: Path, *, pickled: bool = False) -> Weights:
    """A tiny BLIP that spells letters as it is told by the picture. pickled: saved as the real one is, as a pickle."""
    ensure_torchvision()
    import torch
    from transformers import BertTokenizerFast, BlipConfig, BlipForConditionalGeneration

    letters = [*string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *letters, "red", "mug", "(", ":", ")"]
    tokenizer = BertTokenizerFast(vocab={word: number for number, word in enumerate(words)})
    tokenizer.add_special_tokens({"additional_special_tokens": ["[DEC]"]})
    tokenizer.save_pretrained(folder)
    layers = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
    ends = {"bos_token_id": 5, "pad_token_id": 0, "eos_token_id": 3, "sep_token_id": 3}
    text = {**layers, **ends, "vocab_size": len(words), "encoder_hidden_size": 32, "max_position_embeddings": 64}
    seen = {**layers, "image_size": 64, "patch_size": 16}
    torch.manual_seed(3)
    net = BlipForConditionalGeneration(
        BlipConfig(text_config=text, vision_config=seen, projection_dim=32, image_text_hidden_size=32)
    )
    with torch.no_grad():
        for weight in net.parameters():
            if weight.dim() > 1:  # as made, the eye's are so small that every picture gives the same words
                torch.nn.init.normal_(weight, std=0.4)
    net.save_pretrained(folder)
    if pickled:
        torch.save(net.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    return pinned(folder, runtime="transformers", job="captioning", input={"side": 64, **HALVES})


def make_onnx(path: Path, *, side: int | str = 32, logits: bool = False, scale: float = 4.0) -> None:
    """A graph that answers with the brightness of each pixel: sigmoid(scale x mean of the channels), or without it."""
    from onnx import TensorProto, checker, helper, save

    taken, given = ["batch", 3, side, side], ["batch", 1, side, side]
    nodes = [
        helper.make_node("Conv", ["picture", "weights"], ["logits"]),
        *([] if logits else [helper.make_node("Sigmoid", ["logits"], ["answer"])]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, taken)],
        [helper.make_tensor_value_info("logits" if logits else "answer", TensorProto.FLOAT, given)],
        [helper.make_tensor("weights", TensorProto.FLOAT, [1, 3, 1, 1], [scale / 3] * 3)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(model, str(path))


def onnx_entry(folder: Path, **fields: Any) -> Weights:
    given: Mapping[str, Any] = {"input": IMAGENET, **fields}
    return pinned(folder, runtime="onnx", job="detection", **given)
