"""Scenes that an engine paints around a product: what it starts from, and the true pixels put back afterwards.

The start is the studio's own picture: placement, floor, shadow and light are those that the embedded engine would use,
and hints for the one that paints. Of what it paints only the world around the product is kept. Its own version of the
product may reach a little beyond the true outline; there the scene is filled in from further out, so that no second
edge shows. Then the true pixels are laid over it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import over, with_alpha
from resources.imaging.colour import resize_rgb
from resources.imaging.harmonise import UNTOUCHED, as_harmonised
from resources.imaging.light import add_grain, grain_of, noise_of
from resources.imaging.relight import relight
from resources.scenes.engine import Candidate, EngineError, SceneJob, product_box
from resources.scenes.placing import Plan, plan_picture
from resources.scenes.prompts import light_words
from resources.scenes.studio import StudioEngine, contact_left, layer_of, set_around

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

_REVISION = "1"

_SEEN = 32  # alpha from which a pixel of the start shows the product rather than the set
# Pixels that the mask reaches into the product, by grip, in a start of 1024 x 1024.
_DEPTHS = (4.0, 2.0, 0.0)
_LEAST_KEPT = 0.5  # of the product's area: a chain must not be masked away

# Pixels of the painted picture. This near the outline it is never trusted; so far out it may show its own product,
# whose edge is so soft; what is found of it holds for so much of the outline to either side.
_NEVER, _MAYBE, _SOFT, _ALONG = 1.5, 10.0, 2.0, 8.0
# A pixel belongs to the engine's product if it is so far on the way from the scene's colour to the product's; further
# if the product is the darker one: a contact shadow is dark, too.
_LEAK, _DARK_LEAK = 0.4, 0.6
_STRAY = 0.7  # so much of a colour may lie beside that way
_LEAST_STEP = 12.0  # sRGB levels: colours nearer to the scene's show no edge
_HOLDING = 2  # pixels
_GAMMA = 2.2  # near enough to sRGB's for a share of light
_SWEEPS = 8
_FLAT = 2  # levels between the darkest and the lightest pixel of a picture that shows nothing
_LEAST_GRAIN = 0.5  # what was enlarged has no noise of its own; rounding needs some


@dataclass(frozen=True, slots=True)
class Start:
    """What an engine starts from.

    picture: hxwx3 uint8, the product in the studio's set. mask: hxw uint8, 255 is painted, 0 is kept. size: (w, h).
    plan: where the product lies, in which set and light. layer: HxWx4 uint8, the true product on its canvas of the
    job's size. towards: the light's direction and kind in words, for a prompt.
    """

    picture: U8
    mask: U8
    size: tuple[int, int]
    plan: Plan
    layer: U8
    towards: str


def revision() -> str:
    """What changes when the same job and the same painted picture would give another candidate: code and plates."""
    return f"{_REVISION}.{StudioEngine().revision}"


def start_of(job: SceneJob, side: int, multiple: int) -> Start:
    """The start of a job's picture, for an engine that paints side x side pixels at most.

    The size is the job's shape with at most that area, its sides multiples of `multiple`, and so stretched by less than
    one of these. ValueError if the cut-out is empty.
    """
    plan = plan_picture(job)
    layer = layer_of(job, plan)
    scene, _ = set_around(layer, plan)
    size = _working_size(job.size, side, multiple)
    picture = resize_rgb(over(layer, scene), size)
    return Start(picture, _mask(layer[..., 3], size, job.care.grip), size, plan, layer, light_words(plan))


def _working_size(size: tuple[int, int], side: int, multiple: int) -> tuple[int, int]:
    scale = side / math.sqrt(size[0] * size[1])
    width, height = (max(multiple, int(length * scale + 1e-6) // multiple * multiple) for length in size)
    return width, height


def _mask(alpha: U8, size: tuple[int, int], grip: int) -> U8:
    """255 where the engine paints: all but the product, and a little of the product's rim."""
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    # What is nowhere solid, as glass, is product all the same.
    product = (small >= min(_SEEN, int(small.max()))).astype(np.uint8)
    depth = cv2.distanceTransform(cv2.copyMakeBorder(product, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 5)
    depth = depth[1:-1, 1:-1]
    reach = _DEPTHS[grip] * math.sqrt(size[0] * size[1]) / 1024
    kept = depth > reach
    while np.count_nonzero(kept) < _LEAST_KEPT * np.count_nonzero(product):
        reach -= 0.5
        kept = depth > max(0.0, reach)
    return np.where(kept, np.uint8(0), np.uint8(255))


def finished(
    job: SceneJob,
    start: Start,
    painted: U8,
    *,
    relit: U8 | None = None,
    facts: Mapping[str, Any],
    notes: tuple[str, ...] = (),
) -> Candidate:
    """The candidate made of what an engine painted: its scene, with the true product in it.

    painted: hxwx3 uint8 of the start's size. relit: of the same size, the engine's own picture of the product in the
    scene's light, where its light may be carried onto the true product. facts: what else the record should tell.
    Solid pixels are the layer's own, or those under the candidate's harmony, to the bit. EngineError "no_picture" if
    the painted picture has another size or shows nothing.
    """
    _check(start, painted)
    layer = start.layer
    harmony = relight(layer, relit) if relit is not None and job.care.harmonise else UNTOUCHED
    world, refilled = _without_product(painted, layer, start.plan)
    scene = _grained(resize_rgb(world, job.size), layer, start.plan.grain_seed)
    picture = over(with_alpha(as_harmonised(layer, harmony), layer[..., 3]), scene)
    told = {
        **facts,
        "hint": {"plate": start.plan.plate.name, "mirrored": start.plan.view.mirrored, "light": start.towards},
        "refilled": round(refilled, 4),
        "harmony": harmony.as_dict(),
    }
    return Candidate(picture, layer[..., 3], start.plan.placement, (*start.plan.notes, *notes), harmony, told)


def _check(start: Start, painted: U8) -> None:
    width, height = start.size
    if painted.dtype != np.uint8 or painted.shape != (height, width, 3):
        found = f"{' x '.join(map(str, painted.shape))} {painted.dtype}"
        raise EngineError("no_picture", f"the engine gave {found}, {height} x {width} x 3 uint8 expected", healthy=True)
    ranges = [cv2.minMaxLoc(channel, start.mask)[:2] for channel in cv2.split(painted)]
    if all(high - low <= _FLAT for low, high in ranges):
        raise EngineError("no_picture", "the engine gave an empty picture, all of one colour", healthy=True)


# ---- the engine's own product, out


def _without_product(painted: U8, layer: U8, plan: Plan) -> tuple[U8, float]:
    """The painted scene without the engine's version of the product, and the share of the ring that showed it.

    Refilled from further out: what the product hides or lets shine through, the pixels right at its outline, and those
    of the ring around it that show its colours. A contact's shadow that ends where the filling begins goes on in it.
    """
    size = (painted.shape[1], painted.shape[0])
    cover = cv2.resize(layer[..., 3], size, interpolation=cv2.INTER_AREA)
    touched = cv2.resize((layer[..., 3] > 0).astype(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA) > 0
    if not touched.any():
        return painted, 0.0
    box = product_box(touched.view(np.uint8)).grown(0.25, size)
    part, cover, touched = box.of(painted), box.of(cover), box.of(touched.view(np.uint8))
    own = box.of(cv2.resize(layer[..., :3], size, interpolation=cv2.INTER_AREA))
    lit = contact_left(cover, plan)[..., None] ** np.float32(1 / _GAMMA)
    away = cv2.distanceTransform(1 - touched, cv2.DIST_L2, 5)
    ring = (away > 0) & (away <= _MAYBE)
    leaks = _joined(_leaks(part, lit, own, cover, away > _MAYBE) & ring, away <= _NEVER)
    # As far out as the engine's product reaches hereabouts, and as soft as its edge is there.
    reach = cv2.dilate(np.where(leaks, away, np.float32(0)), _disc(_ALONG))
    unknown = (away <= _NEVER) | ((reach > 0) & (away <= reach + _SOFT))
    result = painted.copy()
    if not unknown.all():
        filled = _filled(np.divide(part, lit, dtype=np.float32), ~unknown, sweeps=_SWEEPS) * lit
        box.of(result)[unknown] = np.rint(np.clip(filled[unknown], 0, 255)).astype(np.uint8)
    return result, int(np.count_nonzero(leaks)) / max(1, int(np.count_nonzero(ring)))


def _disc(radius: float) -> U8:
    across = 2 * math.ceil(radius) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across)), np.uint8)


def _joined(parts: Mask, core: Mask) -> Mask:
    """Those of the parts that hang together with the core: a line of the scene that runs beside it does not."""
    count, labels = cv2.connectedComponents((parts | core).astype(np.uint8), connectivity=8)
    joined = np.zeros(count, bool)
    joined[labels[core]] = True
    return np.asarray(parts & joined[labels])


def _leaks(part: U8, lit: F32, own: U8, cover: U8, beyond: Mask) -> Mask:
    """Where a scene shows the product's colours rather than those that it has beyond, under the contact's shadow."""
    if not beyond.any():
        return np.zeros(cover.shape, bool)
    scene = _filled(np.divide(part, lit, dtype=np.float32), beyond, sweeps=1) * lit
    product = _filled(own.astype(np.float32), cover >= int(cover.max()), sweeps=1)
    step, found = product - scene, cv2.GaussianBlur(part, (0, 0), 0.6).astype(np.float32) - scene
    length = np.maximum((step * step).sum(axis=2), 1e-6)
    share = (found * step).sum(axis=2) / length
    stray = np.linalg.norm(found - share[..., None] * step, axis=2)
    wanted = np.where(step.mean(axis=2) < 0, _DARK_LEAK, _LEAK)
    far = np.linalg.norm(found, axis=2)
    return np.asarray((share > wanted) & (far > _LEAST_STEP) & (stray < _STRAY * far))


def _filled(colours: F32, known: Mask, *, sweeps: int) -> F32:
    """A picture whose unknown pixels are filled in from the known ones around them, without a seam.

    The membrane that hangs on the known pixels (Laplace's equation), from coarse to fine; what is coarse is also the
    start (pull-push: Gortler et al., "The Lumigraph", 1996). sweeps: of smoothing at each of the sizes.
    """
    # Only the known pixels next to the unknown ones hold the membrane: averaged with those behind them, a shadow that
    # ends there would be lighter.
    rim = known & (cv2.dilate((~known).astype(np.uint8), _disc(_HOLDING)) > 0)
    filled = _pushed(np.where(rim[..., None], colours, np.float32(0)), rim.astype(np.float32), sweeps)
    return np.where(known[..., None], colours, filled)


def _pushed(premultiplied: F32, weight: F32, sweeps: int) -> F32:
    own = premultiplied / np.maximum(weight, 1e-6)[..., None]
    height, width = weight.shape
    if max(height, width) <= 2 or bool((weight >= 1).all()):
        return np.asarray(own, np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    small = cv2.resize(np.dstack([premultiplied, weight]), half, interpolation=cv2.INTER_AREA)
    # What is known in one of four pixels counts in full one level up: a thin rim must fill its neighbourhood.
    gain = np.minimum(1 / np.maximum(small[..., 3:], 1e-6), 4)
    coarse = _pushed(small[..., :3] * gain, small[..., 3] * gain[..., 0], sweeps)
    result = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    share = np.repeat(np.clip(weight, 0, 1)[..., None], 3, axis=2)
    held, free = share * own, 1 - share
    for _ in range(sweeps):
        result = cv2.add(cv2.multiply(cv2.blur(result, (3, 3)), free), held)
    return np.asarray(result, np.float32)


# ---- grain


def _grained(scene: U8, layer: U8, seed: int) -> U8:
    """The scene with the photo's grain, as far as it does not have it already."""
    outside = np.where(layer[..., 3] == 0, np.uint8(255), np.uint8(0))
    wanted, there = grain_of(layer), noise_of(with_alpha(scene, outside))
    missing = math.sqrt(max(_LEAST_GRAIN**2, wanted**2 - there**2))
    return add_grain(scene.astype(np.float32), np.random.default_rng(seed), missing)
