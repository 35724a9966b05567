"""Pipelines that paint scenes, in their real sizes with random weights, made on the device: nothing is read or saved.

A net takes the same time and memory whatever it has learned. Sizes are those of the published config.json files; where
a file was not seen itself, `UNCONFIRMED` says so. Tokenizers know no vocabulary: every word is one token, so a prompt
is about as long as with the real ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from resources.torch_runtime import ensure_torchvision

Config = Mapping[str, Any]

UNCONFIRMED = {
    "flux2-klein": "VAE: defaults of diffusers",
    "z-image": "transformer: defaults of diffusers",
    "qwen-image-edit": "transformer and VAE: defaults of diffusers; vision part: as commonly reported",
    "sdxl": "",
    "flux1-fill": "transformer: defaults of diffusers with 384 channels; T5: as commonly reported",
}

# ---- sizes

_QWEN3_4B = {
    "vocab_size": 151936,
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 40960,
    "tie_word_embeddings": True,
}
_TINY_QWEN3 = {  # klein reads its layers 9, 18 and 27
    "vocab_size": 300,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 28,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "max_position_embeddings": 1024,
}
_CLIP_L = {
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
}
_CLIP_BIG_G = {
    "vocab_size": 49408,
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
    "hidden_act": "gelu",
}
_TINY_CLIP = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 37,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "projection_dim": 32,
    "hidden_act": "gelu",
}
_BLOCKS = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "sample_size": 1024,
}
_TINY_BLOCKS = {
    "block_out_channels": (8, 8),
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "sample_size": 32,
}

REAL: dict[str, dict[str, Config]] = {
    "flux2-klein": {
        "transformer": {
            "patch_size": 1,
            "in_channels": 128,
            "num_layers": 5,
            "num_single_layers": 20,
            "attention_head_dim": 128,
            "num_attention_heads": 24,
            "joint_attention_dim": 7680,
            "guidance_embeds": False,
        },
        "vae": {**_BLOCKS, "latent_channels": 32},
        "text_encoder": _QWEN3_4B,
    },
    "z-image": {
        "transformer": {"cap_feat_dim": 2560},
        "vae": {
            **_BLOCKS,
            "latent_channels": 16,
            "scaling_factor": 0.3611,
            "shift_factor": 0.1159,
            "use_quant_conv": False,
            "use_post_quant_conv": False,
        },
        "text_encoder": _QWEN3_4B,
    },
    "qwen-image-edit": {
        "transformer": {},
        "vae": {},
        "text_encoder": {
            "text_config": {
                "vocab_size": 152064,
                "hidden_size": 3584,
                "intermediate_size": 18944,
                "num_hidden_layers": 28,
                "num_attention_heads": 28,
                "num_key_value_heads": 4,
                "max_position_embeddings": 128000,
                "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1000000.0},
            },
            "vision_config": {
                "depth": 32,
                "hidden_size": 1280,
                "intermediate_size": 3420,
                "num_heads": 16,
                "patch_size": 14,
                "out_hidden_size": 3584,
                "fullatt_block_indexes": [7, 15, 23, 31],
                "window_size": 112,
            },
        },
        "processor": {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 1280},
    },
    "sdxl": {
        "unet": {
            "sample_size": 128,
            "in_channels": 9,
            "out_channels": 4,
            "block_out_channels": (320, 640, 1280),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "layers_per_block": 2,
            "attention_head_dim": (5, 10, 20),
            "transformer_layers_per_block": (1, 2, 10),
            "cross_attention_dim": 2048,
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
        "vae": {**_BLOCKS, "latent_channels": 4, "scaling_factor": 0.13025, "force_upcast": True},
        "text_encoder": _CLIP_L,
        "text_encoder_2": _CLIP_BIG_G,
    },
    "flux1-fill": {
        "transformer": {"in_channels": 384, "out_channels": 64, "guidance_embeds": True},
        "vae": {
            **_BLOCKS,
            "latent_channels": 16,
            "scaling_factor": 0.3611,
            "shift_factor": 0.1159,
            "use_quant_conv": False,
            "use_post_quant_conv": False,
        },
        "text_encoder": _CLIP_L,
        "text_encoder_2": {
            "vocab_size": 32128,
            "d_model": 4096,
            "d_kv": 64,
            "d_ff": 10240,
            "num_layers": 24,
            "num_heads": 64,
            "feed_forward_proj": "gated-gelu",
        },
    },
}

TINY: dict[str, dict[str, Config]] = {
    "flux2-klein": {
        "transformer": {
            "patch_size": 1,
            "in_channels": 16,
            "num_layers": 1,
            "num_single_layers": 1,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "joint_attention_dim": 48,
            "timestep_guidance_channels": 32,
            "axes_dims_rope": [4, 4, 4, 4],
            "guidance_embeds": False,
        },
        "vae": {**_TINY_BLOCKS, "latent_channels": 4},
        "text_encoder": _TINY_QWEN3,
    },
    "z-image": {
        "transformer": {
            "dim": 32,
            "n_layers": 2,
            "n_refiner_layers": 1,
            "n_heads": 2,
            "n_kv_heads": 2,
            "cap_feat_dim": 16,
            "axes_dims": [8, 4, 4],
            "axes_lens": [1024, 64, 64],
        },
        "vae": {**_TINY_BLOCKS, "latent_channels": 16, "scaling_factor": 0.3611, "shift_factor": 0.1159},
        "text_encoder": {**_TINY_QWEN3, "num_hidden_layers": 3},
    },
    "qwen-image-edit": {
        "transformer": {
            "in_channels": 16,
            "out_channels": 4,
            "num_layers": 1,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "joint_attention_dim": 16,
            "axes_dims_rope": (8, 4, 4),
        },
        # It paints 1024 x 1024 px whatever is asked: halved five times, little is left of them.
        "vae": {
            "base_dim": 4,
            "z_dim": 4,
            "dim_mult": [1] * 6,
            "num_res_blocks": 1,
            "temperal_downsample": [False] * 5,
            "latents_mean": [0.0] * 4,
            "latents_std": [1.0] * 4,
        },
        "text_encoder": {
            "text_config": {
                "vocab_size": 300,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
                "max_position_embeddings": 4096,
                "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
            },
            "vision_config": {
                "depth": 1,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_heads": 2,
                "patch_size": 14,
                "out_hidden_size": 16,
                "fullatt_block_indexes": [0],
                "window_size": 112,
            },
        },
        "processor": {"shortest_edge": 28 * 28, "longest_edge": 56 * 56},
    },
    "sdxl": {
        "unet": {
            "sample_size": 32,
            "in_channels": 9,
            "out_channels": 4,
            "block_out_channels": (16, 16),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "layers_per_block": 1,
            "attention_head_dim": (2, 4),
            "transformer_layers_per_block": (1, 1),
            "cross_attention_dim": 64,
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 32 + 6 * 8,
            "norm_num_groups": 8,
        },
        "vae": {
            **_TINY_BLOCKS,
            "block_out_channels": (8,) * 4,
            "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4,
            "latent_channels": 4,
        },
        "text_encoder": _TINY_CLIP,
        "text_encoder_2": _TINY_CLIP,
    },
    "flux1-fill": {
        "transformer": {
            "in_channels": 2 * 8 + 4 * 4,
            "out_channels": 8,
            "num_layers": 1,
            "num_single_layers": 1,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "joint_attention_dim": 32,
            "pooled_projection_dim": 32,
            "axes_dims_rope": [4, 4, 8],
            "guidance_embeds": True,
        },
        "vae": {**_TINY_BLOCKS, "latent_channels": 2, "scaling_factor": 1.5, "shift_factor": 0.06},
        "text_encoder": _TINY_CLIP,
        "text_encoder_2": {
            "vocab_size": 300,
            "d_model": 32,
            "d_kv": 8,
            "d_ff": 37,
            "num_layers": 1,
            "num_heads": 4,
        },
    },
}


def random_pipeline(family: str, dtype: Any, device: str, *, tiny: bool) -> Any:
    """A pipeline of a family (`resources.scenes.diffusion.families`) with random weights on a device.

    dtype: a torch.dtype. The decoder is scaled so that what it paints is not flat: flat pictures are refused.
    """
    ensure_torchvision()
    import diffusers
    import torch
    import transformers

    for logging in (diffusers.utils.logging, transformers.utils.logging):
        logging.disable_progress_bar()
        logging.set_verbosity_error()
    torch.manual_seed(17)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            pipeline = _MAKERS[family]((TINY if tiny else REAL)[family])
    finally:
        torch.set_default_dtype(before)
    for part in parts_of(pipeline).values():
        part.to(device, dtype).eval().requires_grad_(False)
    _liven(pipeline.vae)
    return pipeline


def parts_of(pipeline: Any) -> dict[str, Any]:
    """The nets of a pipeline by name."""
    return {name: part for name, part in pipeline.components.items() if hasattr(part, "parameters")}


def _liven(vae: Any) -> None:
    """Give a random decoder's answer the contrast of a picture; as it is drawn it is grey."""
    import torch

    weight = vae.decoder.conv_out.weight
    with torch.no_grad():
        weight.normal_(0, 0.6 / math.sqrt(weight[0].numel()))


# ---- the families


def _klein(sizes: Mapping[str, Config]) -> Any:
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinInpaintPipeline,
        Flux2Transformer2DModel,
    )
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Flux2KleinInpaintPipeline(
        scheduler=_scheduler(FlowMatchEulerDiscreteScheduler),
        vae=AutoencoderKLFlux2(**sizes["vae"]),
        text_encoder=Qwen3ForCausalLM(Qwen3Config(**sizes["text_encoder"])),
        tokenizer=_chat_tokenizer(),
        transformer=Flux2Transformer2DModel(**sizes["transformer"]),
    )


def _z_image(sizes: Mapping[str, Config]) -> Any:
    from diffusers import (
        AutoencoderKL,
        FlowMatchEulerDiscreteScheduler,
        ZImageInpaintPipeline,
        ZImageTransformer2DModel,
    )
    from transformers import Qwen3Config, Qwen3Model

    return ZImageInpaintPipeline(
        scheduler=_scheduler(FlowMatchEulerDiscreteScheduler),
        vae=AutoencoderKL(**sizes["vae"]),
        text_encoder=Qwen3Model(Qwen3Config(**sizes["text_encoder"])),
        tokenizer=_chat_tokenizer(),
        transformer=ZImageTransformer2DModel(**sizes["transformer"]),
    )


def _qwen_edit(sizes: Mapping[str, Config]) -> Any:
    from diffusers import (
        AutoencoderKLQwenImage,
        FlowMatchEulerDiscreteScheduler,
        QwenImageEditInpaintPipeline,
        QwenImageTransformer2DModel,
    )
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2VLImageProcessor,
        Qwen2VLProcessor,
        Qwen2VLVideoProcessor,
    )

    tokenizer = _chat_tokenizer()
    numbers = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{token}|>")
        for name, token in (
            ("image", "image_pad"),
            ("video", "video_pad"),
            ("vision_start", "vision_start"),
            ("vision_end", "vision_end"),
        )
    }
    processor = Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=dict(sizes["processor"])),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
    )
    return QwenImageEditInpaintPipeline(
        scheduler=_scheduler(FlowMatchEulerDiscreteScheduler),
        vae=AutoencoderKLQwenImage(**sizes["vae"]),
        text_encoder=Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(**sizes["text_encoder"], **numbers)),
        tokenizer=tokenizer,
        processor=processor,
        transformer=QwenImageTransformer2DModel(**sizes["transformer"]),
    )


def _sdxl(sizes: Mapping[str, Config]) -> Any:
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLInpaintPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    tokenizer, clip = _clip_tokenizer(sizes["text_encoder"]["vocab_size"])
    return StableDiffusionXLInpaintPipeline(
        vae=AutoencoderKL(**sizes["vae"]),
        text_encoder=CLIPTextModel(clip(sizes["text_encoder"])),
        text_encoder_2=CLIPTextModelWithProjection(clip(sizes["text_encoder_2"])),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=UNet2DConditionModel(**sizes["unet"]),
        scheduler=_scheduler(
            EulerDiscreteScheduler,
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            timestep_spacing="leading",
            steps_offset=1,
        ),
    )


def _flux_fill(sizes: Mapping[str, Config]) -> Any:
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxFillPipeline, FluxTransformer2DModel
    from transformers import CLIPTextModel, T5Config, T5EncoderModel

    tokenizer, clip = _clip_tokenizer(sizes["text_encoder"]["vocab_size"])
    t5 = T5Config(**sizes["text_encoder_2"], pad_token_id=0, eos_token_id=1, decoder_start_token_id=0)
    return FluxFillPipeline(
        scheduler=_scheduler(FlowMatchEulerDiscreteScheduler),
        vae=AutoencoderKL(**sizes["vae"]),
        text_encoder=CLIPTextModel(clip(sizes["text_encoder"])),
        tokenizer=tokenizer,
        text_encoder_2=T5EncoderModel(t5),
        tokenizer_2=_words({"<pad>": 0, "</s>": 1, "<unk>": 2}, "<unk>", "</s>", "<pad>", "$A </s>", 512),
        transformer=FluxTransformer2DModel(**sizes["transformer"]),
    )


_MAKERS: dict[str, Callable[[Mapping[str, Config]], Any]] = {
    "flux2-klein": _klein,
    "z-image": _z_image,
    "qwen-image-edit": _qwen_edit,
    "sdxl": _sdxl,
    "flux1-fill": _flux_fill,
}


def _scheduler(kind: Any, **options: Any) -> Any:
    """A scheduler: its tables stay on the processor, in full precision, as when it is loaded."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device("cpu"):
            return kind(**options)
    finally:
        torch.set_default_dtype(before)


# ---- tokenizers

_CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_CHAT_TOKENS = ("endoftext", "im_start", "im_end", "vision_start", "vision_end", "image_pad", "video_pad")


def _chat_tokenizer() -> Any:
    tokens = {f"<|{name}|>": number for number, name in enumerate(_CHAT_TOKENS)}
    tokenizer = _words({**tokens, "<unk>": len(tokens)}, "<unk>", "<|im_end|>", "<|endoftext|>", "", 4096)
    tokenizer.chat_template = _CHAT
    return tokenizer


def _clip_tokenizer(vocabulary: int) -> tuple[Any, Callable[[Config], Any]]:
    """A tokenizer of 77 tokens, and what makes the config of a text encoder that knows its last one."""
    from transformers import CLIPTextConfig

    start, end = vocabulary - 2, vocabulary - 1
    tokens = {"<|startoftext|>": start, "<|endoftext|>": end, "<unk>": 0}
    tokenizer = _words(tokens, "<unk>", "<|endoftext|>", "<|endoftext|>", "<|startoftext|> $A <|endoftext|>", 77)
    return tokenizer, lambda sizes: CLIPTextConfig(
        **sizes, max_position_embeddings=77, bos_token_id=start, eos_token_id=end, pad_token_id=end
    )


def _words(tokens: Mapping[str, int], unknown: str, end: str, pad: str, template: str, most: int) -> Any:
    """A tokenizer that knows the special tokens, and that words and marks are one token each, whichever they are."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel(vocab=dict(tokens), unk_token=unknown))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    if template:
        named = [token for token in template.split() if token in tokens]
        core.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=[(token, tokens[token]) for token in named]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token=unknown,
        eos_token=end,
        pad_token=pad,
        additional_special_tokens=[token for token in tokens if token not in (unknown, end, pad)],
        model_max_length=most,
    )
