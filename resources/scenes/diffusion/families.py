"""The families of diffusion models that can paint a scene around a product, as data: one entry says how to drive one.

Steps, guidance and sequence length are those of the models' own cards. Strengths were chosen so that the start picture
(the studio's own set with its floor and light) still shows through the noise; none was tuned by looking at pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Family:
    """How the pipelines of one family are called.

    pipeline: class of diffusers. denoiser: name of its large net. steps: denoising steps at full strength. guidance,
    guidance_name: the value, and the argument that takes it. strength: how much of the start picture is noise when
    painting starts, 0 to 1; relight_strength: the same for the second pass that only looks for light. multiple: width
    and height must be multiples of it, in pixels. most_side: a picture of more than most_side x most_side pixels is
    not painted at its own size (None: any size). max_sequence_length: tokens of a prompt with what the pipeline puts
    around it, None where it has no such argument. negative: whether a negative prompt does anything. most_tokens:
    where a prompt is cut, None if it never is; tokenizer: the part of the pipeline that counts them.
    """

    pipeline: str
    steps: int
    guidance: float
    guidance_name: Literal["guidance_scale", "true_cfg_scale"]
    strength: float
    relight_strength: float
    multiple: int
    negative: bool
    max_sequence_length: int | None
    most_tokens: int | None
    tokenizer: str = "tokenizer"
    denoiser: Literal["transformer", "unet"] = "transformer"
    most_side: int | None = None

    def arguments(self, strength: float) -> dict[str, Any]:
        """What every call of the pipeline is given, beside pictures, prompts and seeds."""
        given = {"num_inference_steps": self.steps, self.guidance_name: self.guidance, "strength": strength}
        if self.max_sequence_length is not None:
            given["max_sequence_length"] = self.max_sequence_length
        return given


# How a list of pictures is read, in diffusers 0.42: every one of these five pipelines takes a list of pictures, masks,
# prompts and generators of equal length as one batch of independent pictures. FLUX.2 klein shows its transformer the
# start picture as a reference beside the noise: as long as there are as many pictures as prompts each sees its own.
# (Its argument image_reference, which is not used here, reads a list as several references of every picture.)
FAMILIES: dict[str, Family] = {
    # Distilled to 4 steps; guidance 1 is none, so a negative prompt does nothing. The start picture is also a
    # reference of the transformer, so it guides the scene at full strength too.
    "flux2-klein": Family(
        pipeline="Flux2KleinInpaintPipeline",
        steps=4,
        guidance=1.0,
        guidance_name="guidance_scale",
        strength=1.0,
        relight_strength=0.3,
        multiple=16,
        negative=False,
        max_sequence_length=512,
        most_tokens=500,
    ),
    # Distilled: 9 steps are 8 calls of the net at full strength, guidance 0 is none. It sees the start picture only
    # through the noise: at full strength it would see nothing of it.
    "z-image": Family(
        pipeline="ZImageInpaintPipeline",
        steps=9,
        guidance=0.0,
        guidance_name="guidance_scale",
        strength=0.75,
        relight_strength=0.3,
        multiple=16,
        negative=False,
        max_sequence_length=512,
        most_tokens=500,
    ),
    # Reads the start picture with its language model and as a reference. It always paints about 1024 x 1024 pixels, in
    # multiples of 32, whatever is asked; prompts are not cut.
    "qwen-image-edit": Family(
        pipeline="QwenImageEditInpaintPipeline",
        steps=50,
        guidance=4.0,
        guidance_name="true_cfg_scale",
        strength=1.0,
        relight_strength=0.3,
        multiple=32,
        negative=True,
        max_sequence_length=None,
        most_tokens=None,
        most_side=1024,
    ),
    # Its card asks for a strength below 1. CLIP reads 77 tokens of a prompt and no more.
    "sdxl": Family(
        pipeline="StableDiffusionXLInpaintPipeline",
        steps=30,
        guidance=8.0,
        guidance_name="guidance_scale",
        strength=0.9,
        relight_strength=0.3,
        multiple=64,
        negative=True,
        max_sequence_length=None,
        most_tokens=77,
        denoiser="unet",
    ),
    # Distilled guidance (a number the net is told), so a negative prompt does nothing.
    "flux1-fill": Family(
        pipeline="FluxFillPipeline",
        steps=50,
        guidance=30.0,
        guidance_name="guidance_scale",
        strength=0.95,
        relight_strength=0.3,
        multiple=16,
        negative=False,
        max_sequence_length=512,
        most_tokens=512,
        tokenizer="tokenizer_2",
    ),
}


def family_of(architecture: str, weights: str) -> Family:
    """The family that an entry of weights names as its architecture. Raises ValueError naming the known ones."""
    if architecture not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise ValueError(f"weights {weights}: architecture {architecture!r} found, one of {known} expected")
    return FAMILIES[architecture]
