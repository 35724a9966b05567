"""The embedded scene engine: a photo studio of prepared plates. It needs no weights, no GPU and no network.

The product is laid over a rendered set at its true contact line. Only the set knows of light: where the product blocks
the plate's key light, or the sky, the plate's own share of that light is taken away, in linear light. The product's
pixels stay as they are, or are harmonised within the bounds of resources/imaging/harmonise.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import over, with_alpha
from resources.imaging.colour import channel_min, per_channel, srgb_to_linear
from resources.imaging.harmonise import UNTOUCHED, Harmony, harmonise
from resources.imaging.light import add_grain, grain_of, levels_of
from resources.imaging.shadow import (
    contact_shadow,
    enlarged,
    find_base,
    floor_shadow,
    key_directions,
    mirrored_below,
    sky_directions,
    surface_shadow,
    thickness_of,
)
from resources.scenes.engine import Candidate, SceneJob, SceneKind, on_canvas, product_box, scaled_product
from resources.scenes.placing import Plan, plan_picture
from resources.scenes.plate import ambient_of, foreground_of, picture_of, plates_digest
from resources.scenes.templates import SceneTemplate

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

_SHADE = 4  # shadows are made in a picture so many times smaller,
_CRISP = 2  # those of hard light in this one,
_SKY = 8  # and the light of the whole sky in this one
_HARD = 6.0  # degrees; light from a smaller source is hard
# Shares of the light that contact and the blocked sky take; the rest comes back from the product and the floor.
_CONTACT, _OCCLUSION, _KEY = 0.68, 0.85, 0.94
_AROUND = 0.2  # of the product: how far around it the scene counts for harmonising
_RING = 0.0022  # of the longer side: how far light wraps round the outline


class StudioEngine:
    """Products in rendered sets, with shadow, occlusion and mirror image; the same job gives the same bytes.

    A job's grip changes nothing here: the true pixels are put down, so there is nothing to hold on to more firmly.
    """

    name = "studio"
    device = "cpu"
    kind: SceneKind = "procedural_scene"
    price = 0.0
    waiting = 0

    @property
    def revision(self) -> str:
        """The code's own, and that of the plates."""
        return f"2.{plates_digest()}"

    def recipe(self, template: SceneTemplate, product: str) -> dict[str, Any]:
        """Nothing: the studio is told nothing that is not in the job."""
        del template, product
        return {}

    def compose(self, jobs: Sequence[SceneJob]) -> list[Candidate]:
        """Make one candidate a job, in order. ValueError if a cut-out is empty."""
        return [_compose(job) for job in jobs]

    def backdrop(self, job: SceneJob) -> U8:
        """The scene of `compose(job)` without product and shadow, with its mirror image and the same grain."""
        plan = plan_picture(job)
        layer = layer_of(job, plan)
        scene = plan.view.crop(picture_of(plan.plate.name))
        levels = _levels(scene, np.ones((8, 8, 3), np.float32), _mirror(layer, plan))
        return _finished(levels, layer, plan)[0]


def _compose(job: SceneJob) -> Candidate:
    plan = plan_picture(job)
    layer = layer_of(job, plan)
    background, notes = set_around(layer, plan)
    box = product_box(layer[..., 3]).grown(_AROUND, job.size)
    part = np.ascontiguousarray(box.of(layer))
    harmony = UNTOUCHED
    if job.care.harmonise:
        light = _colour_of_light(plan)
        colours, harmony = harmonise(part, box.of(background), light, max(2, round(_RING * max(job.size))))
        part = with_alpha(colours, part[..., 3])
    picture = background
    box.of(picture)[:] = over(part, box.of(background))
    return Candidate(picture, layer[..., 3], plan.placement, (*plan.notes, *notes), harmony, _facts(plan, harmony))


def layer_of(job: SceneJob, plan: Plan) -> U8:
    """The product where the plan puts it, alone on a canvas of the job's size: HxWx4 uint8, its own colours."""
    return on_canvas(scaled_product(job.cutout, plan.placement.scale), plan.placement, job.size)


def set_around(layer: U8, plan: Plan) -> tuple[U8, tuple[str, ...]]:
    """The plan's set as it looks with the product in it, but without the product; HxWx3 uint8, and notes.

    layer: as `layer_of` gives it; it casts its shadow and its mirror image.
    """
    scene = plan.view.crop(picture_of(plan.plate.name))
    levels = _levels(scene, light_left(layer[..., 3], plan), _mirror(layer, plan))
    return _finished(levels, layer, plan)


def _facts(plan: Plan, harmony: Harmony) -> dict[str, object]:
    """What a record should tell of a picture."""
    view, light = plan.view, plan.plate.light
    return {
        "plate": plan.plate.name,
        "mirrored": view.mirrored,
        "shown": {"left": round(view.left, 4), "top": round(view.top, 4), "span": round(view.span, 4)},
        "light": {"azimuth": -light.azimuth if view.mirrored else light.azimuth, "elevation": light.elevation},
        "harmony": harmony.as_dict(),
    }


# ---- light


def light_left(alpha: U8, plan: Plan) -> F32:
    """The share of the scene's light that is left beside the product, linear, per channel; h x w x 3, reduced."""
    key, sky = blocked_light(alpha, plan)
    small = key.shape
    ambient = cv2.resize(plan.view.crop(ambient_of(plan.plate.name), _SHADE), small[::-1]).astype(np.float32) / 255
    fade = _on_surface(plan, small)
    key, sky = key * fade * _KEY, enlarged(sky, small) * fade * _OCCLUSION
    left = ambient * per_channel(1 - sky) + (1 - ambient) * per_channel(1 - key)
    if plan.plate.kind == "floor":
        left *= per_channel(enlarged(_contact_left(alpha), small))
    return left


def contact_left(alpha: U8, plan: Plan) -> F32:
    """The share of light, linear, that the line where a standing product meets the floor leaves; of alpha's size."""
    if plan.plate.kind != "floor":
        return np.ones(alpha.shape, np.float32)
    return enlarged(_contact_left(alpha), alpha.shape)


def _contact_left(alpha: U8) -> F32:
    half = _shrunk(alpha, _CRISP)
    return 1 - _CONTACT * contact_shadow(half, _unit(half))


def blocked_light(alpha: U8, plan: Plan) -> tuple[F32, F32]:
    """How much of the key light and of the sky a product blocks at every place (two pictures, reduced)."""
    light = plan.plate.light
    reduce = _CRISP if light.size < _HARD else _SHADE
    small = _shrunk(alpha, reduce)
    towards = plan.towards_light
    if plan.plate.kind == "floor":
        view = plan.view.floor(plan.plate)
        key = floor_shadow(
            small, view.scaled(1 / reduce), key_directions(towards, light.size), reduce=1, blur=0.8 + 0.07 * light.size
        )
        tiny = _shrunk(alpha, _SKY)
        sky = floor_shadow(tiny, view.scaled(1 / _SKY), sky_directions(), reduce=1, blur=1.6, sheets=4)
        return key, sky
    right, away, up = towards
    # On a wall "up" is up in the picture and "out" is towards the camera; on a table "up" is away from the viewer.
    seen = (right, up, -away) if plan.plate.kind == "wall" else (right, away, up)
    thick = thickness_of(alpha)
    key = surface_shadow(small, key_directions(seen, light.size), thick / reduce, reduce=1)
    sky = surface_shadow(_shrunk(alpha, _SHADE), sky_directions(), thick / _SHADE, reduce=1)
    return key, sky


def _shrunk(alpha: U8, factor: int) -> U8:
    height, width = alpha.shape
    return cv2.resize(alpha, (max(1, width // factor), max(1, height // factor)), interpolation=cv2.INTER_AREA)


def _unit(alpha: U8) -> float:
    """The product's width in pixels, for tall and thin products less than their height would say."""
    box = product_box(alpha)
    return math.sqrt(box.width * min(box.height, 2.0 * box.width))


def _on_surface(plan: Plan, shape: tuple[int, ...]) -> F32:
    """1 where a shadow falls on the plate's surface, fading to 0 beyond its far edge; one column for all."""
    if plan.plate.kind != "floor":
        return np.ones((shape[0], 1), np.float32)
    rows = (np.arange(shape[0], dtype=np.float32) + 0.5) * (plan.view.size[1] / shape[0])
    edge = plan.view.row(plan.plate.floor_line)
    t = np.clip((rows - edge) / (0.08 * plan.view.size[1]) + 1, 0, 1)
    return (t * t * (3 - 2 * t))[:, None].astype(np.float32)


def _colour_of_light(plan: Plan) -> tuple[float, float, float]:
    """The colour of the key light that reaches the stand, linear, about 1, weaker the less of the light it is."""
    tint = _kelvin(plan.plate.light.kelvin)
    share = plan.plate.light.key_share
    r, g, b = (1 + share * (channel - 1) for channel in tint)
    return r, g, b


def _kelvin(kelvin: float) -> tuple[float, float, float]:
    """Linear RGB of a black body relative to 5600 K, green 1: Planck's law at 611, 549 and 464 nm."""

    def radiance(metres: float, at: float) -> float:
        return 1 / (math.exp(1.4388e-2 / (metres * at)) - 1)

    r, g, b = (radiance(metres, kelvin) / radiance(metres, 5600) for metres in (611e-9, 549e-9, 464e-9))
    return r / g, 1.0, b / g


# ---- the picture


def _mirror(layer: U8, plan: Plan) -> F32 | None:
    """The product's mirror image in a glossy floor: premultiplied linear light and its weight, reduced, or None."""
    plate = plan.plate
    if plate.gloss <= 0 or plate.kind != "floor":
        return None
    height, width = layer.shape[:2]
    size = (max(1, width // _SHADE), max(1, height // _SHADE))
    small = cv2.resize(layer, size, interpolation=cv2.INTER_AREA)
    share = small[..., 3:].astype(np.float32) / 255
    light = np.dstack([srgb_to_linear(small[..., :3]) * share, share])
    base = find_base(small[..., 3])
    image = mirrored_below(light, plan.view.floor(plate).scaled(1 / _SHADE), base)
    near, far = (max(0.6, blur * plate.roughness * size[1]) for blur in (0.012, 0.06))
    tall = max(1.0, base.row - float(np.flatnonzero(small[..., 3].any(axis=1))[0]))
    depth = np.clip((np.arange(size[1], dtype=np.float32) - base.row) / (0.6 * tall), 0, 1)[:, None, None]
    soft = (1 - depth) * _blurred(image, near) + depth * _blurred(image, far)
    return np.asarray(soft * plate.gloss * (1 - depth) ** 1.5, np.float32)


def _blurred(image: F32, sigma: float) -> F32:
    return cv2.GaussianBlur(image, (0, 0), sigmaX=0.6 * sigma, sigmaY=sigma, borderType=cv2.BORDER_CONSTANT)


def _levels(scene: U8, left: F32, mirror: F32 | None) -> F32:
    """sRGB levels (float) of a scene with `left` of its light and a mirror image in its floor."""
    levels = scene.astype(np.float32)
    changed = channel_min(left) < 0.997
    if mirror is not None:
        changed |= _seen(mirror, left.shape)
    if not changed.any():
        return levels
    height, width = scene.shape[:2]
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    fy, fx = height / changed.shape[0], width / changed.shape[1]
    box = np.s_[
        max(0, int((rows[0] - 1) * fy)) : min(height, math.ceil((rows[-1] + 2) * fy)),
        max(0, int((columns[0] - 1) * fx)) : min(width, math.ceil((columns[-1] + 2) * fx)),
    ]
    light = srgb_to_linear(np.ascontiguousarray(scene[box])) * enlarged(left, scene.shape)[box]
    if mirror is not None:
        image = enlarged(mirror, scene.shape)[box]
        light = light * per_channel(1 - image[..., 3]) + image[..., :3]
    levels[box] = levels_of(light)
    return levels


def _seen(mirror: F32, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return np.asarray(enlarged(mirror[..., 3], shape) > 0.003)


def _finished(levels: F32, layer: U8, plan: Plan) -> tuple[U8, tuple[str, ...]]:
    """The picture without the product: foreground laid over where it leaves the product free, and grain."""
    notes: tuple[str, ...] = ()
    if plan.foreground:
        front = plan.view.crop(foreground_of(plan.plate.name))
        if np.any((front[..., 3] > 8) & (layer[..., 3] > 0)):
            notes = ("foreground_left_out",)
        else:
            share = per_channel(front[..., 3].astype(np.float32) / 255)
            levels = levels + share * (front[..., :3].astype(np.float32) - levels)
    rng = np.random.default_rng(plan.grain_seed)
    return add_grain(levels, rng, grain_of(layer)), notes
