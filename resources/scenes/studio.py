"""The embedded scene engine: a small photo studio in numpy. It needs no weights, no GPU and no network.

A camera looks down at a floor that sweeps up into a wall (or at a table top with a blurred background). Light is
computed in linear light on a quarter-size picture, since nothing in it is sharp, and the cut-out is laid over with its
pixels untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import over
from resources.imaging.colour import srgb_to_linear
from resources.imaging.light import (
    cast_shadow,
    contact_row,
    contact_shadow,
    darken,
    encode_dithered,
    shoulder,
    surround_shadow,
)
from resources.scenes.engine import Candidate, Placement, SceneJob, SceneKind, on_canvas, product_box, scaled_product
from resources.scenes.templates import SceneTemplate, rgb_of

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

MAX_UPSCALE = 1.5
_SOLID = 24  # alpha below this is fringe: it does not count for size and place
_REDUCE = 4
_WINDOW_ASIDE = 3.0
_LIGHT_ASIDE = 1.4  # the key light's distance to the side, in picture sides
_DISTANCE = 3.6  # camera to product, in picture sides: a long lens, as product photographers use


@dataclass(frozen=True, slots=True)
class Setting:
    """What the seed chose for one picture. Angles in radians, lengths in picture sides, side -1 left or 1 right."""

    side: int
    tilt: float
    sweep_start: float
    sweep_radius: float
    light_height: float
    light_front: float
    hue: float
    fill: float
    offset: float
    ground_drift: float
    pattern: tuple[float, float]
    texture_seed: int
    grain_seed: int


@dataclass(frozen=True, slots=True)
class Ground:
    """What the camera sees at every pixel of the reduced picture: place (x right, y up, z away) and slope."""

    x: F32
    y: F32
    z: F32
    up: F32
    """How far the surface faces up (1 floor, 0 wall)."""
    floor: F32
    """1 on floor, paper and table; 0 on a far background."""


class StudioEngine:
    """Seamless paper and table tops, lit by one soft light; the same job gives the same bytes."""

    name = "studio"
    revision = "1"
    device = "cpu"
    kind: SceneKind = "procedural_scene"

    def compose(self, jobs: Sequence[SceneJob]) -> list[Candidate]:
        """Make one candidate a job, in order. ValueError if a cut-out is empty."""
        return [_compose(job) for job in jobs]

    def backdrop(self, job: SceneJob) -> U8:
        """The scene of `compose(job)` without product and shadow; same size, same light, same grain."""
        setting = draw_setting(job)
        ground = place(job, setting)[1]
        return _encoded(_lit_scene(job, setting, ground), job, setting)


def _compose(job: SceneJob) -> Candidate:
    setting = draw_setting(job)
    placement, ground, notes = place(job, setting)
    product = scaled_product(job.cutout, placement.scale)
    layer = on_canvas(product, placement, job.size)
    scene = _with_shadow(_lit_scene(job, setting, ground), layer[..., 3], job, setting)
    return Candidate(_laid_over(layer, _encoded(scene, job, setting)), layer[..., 3], placement, notes)


def draw_setting(job: SceneJob) -> Setting:
    """All random choices of a picture, drawn in a fixed order from the job's seed."""
    rng = np.random.default_rng(job.seed)
    template = job.template
    coin = 1 if rng.random() < 0.5 else -1
    low, high = template.fill
    return Setting(
        side={"left": -1, "right": 1}.get(template.light.side, coin),
        tilt=np.radians(rng.uniform(11.5, 15.5)),
        sweep_start=rng.uniform(0.35, 0.7),
        sweep_radius=rng.uniform(0.6, 0.95),
        light_height=rng.uniform(1.5, 2.1),
        light_front=rng.uniform(0.25, 0.75),
        hue=rng.uniform(-1, 1) * template.hue_jitter,
        fill=rng.uniform(low, high),
        offset=rng.uniform(-0.05, 0.05),
        ground_drift=rng.uniform(-0.02, 0.02),
        pattern=(rng.uniform(-0.25, 0.25), rng.uniform(-0.15, 0.15)),
        texture_seed=int(rng.integers(2**62)),
        grain_seed=int(rng.integers(2**62)),
    )


def place(job: SceneJob, setting: Setting) -> tuple[Placement, float, tuple[str, ...]]:
    """Where the product goes, the row it stands on, and notes. The product is kept whole inside the picture."""
    width, height = job.size
    box = product_box(job.cutout[..., 3])
    alpha = box.of(job.cutout[..., 3])
    solid = product_box(np.where(alpha >= min(_SOLID, int(alpha.max())), alpha, 0).astype(np.uint8))
    planned = setting.fill * min(width / solid.width, height / solid.height)
    scale = min(planned, MAX_UPSCALE, 0.94 * width / box.width, 0.9 * height / box.height)
    notes = ("placed_smaller_to_keep_it_sharp",) if planned > MAX_UPSCALE else ()
    feet = contact_row(alpha) * scale
    tall = feet - solid.top * scale
    if job.pose == "standing":
        ground = np.clip(0.55 * height + tall / 2, 0.74 * height, 0.9 * height) + setting.ground_drift * height
    else:
        ground = (0.5 + setting.ground_drift) * height + tall / 2
    middle = width / 2 + setting.offset * width
    left = middle - (solid.left + solid.right) / 2 * scale
    top = ground - feet
    left = round(np.clip(left, 0.02 * width, max(0.02 * width, 0.98 * width - box.width * scale)))
    top = round(np.clip(top, 0.02 * height, max(0.02 * height, 0.98 * height - box.height * scale)))
    return Placement(float(scale), int(left), int(top)), float(top + feet), notes


# ---- the empty scene


def _lit_scene(job: SceneJob, setting: Setting, ground: float) -> F32:
    """The empty scene in linear light, full size."""
    width, height = job.size
    small = (max(8, width // _REDUCE), max(8, height // _REDUCE))
    seen = _view(job, setting, ground, small)
    scene = _coloured(job.template, setting, seen) * _light(job, setting, seen)[..., None]
    if job.template.stage == "table" and job.pose == "standing":
        scene = _table_scene(job.template, setting, seen, scene)
    scene = shoulder(_vignetted(scene, job.template.light.vignette))
    if job.template.bokeh is not None:
        # Smoothed at half size, else the rims of the lights show the small picture's grid.
        scene = cv2.resize(scene, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_LINEAR)
        scene = cv2.GaussianBlur(scene, (0, 0), 1.0)
    # Not cubic: in linear light it rings, which draws a dark line around every small bright lamp.
    scene = cv2.resize(scene, (width, height), interpolation=cv2.INTER_LINEAR)
    if job.template.snow > 0:
        scene *= _snow_relief(job, setting, ground)[..., None]
    return np.clip(scene, 0, 1)


def _view(job: SceneJob, setting: Setting, ground: float, small: tuple[int, int]) -> Ground:
    """Trace the camera's rays to floor, sweep and wall.

    The product stands at the origin, drawn on row `ground`. Every row meets the sweep's profile at one place, so the
    tracing is one-dimensional. x is measured from the picture's middle.
    """
    width, height = job.size
    side = min(width, height)
    columns = ((np.arange(small[0]) + 0.5) / small[0] - 0.5) * width / side
    rows = ((np.arange(small[1]) + 0.5) / small[1] - 0.5) * height / side
    if job.pose != "standing":
        return _plane(columns, rows, job.pose)
    origin = (ground / height - 0.5) * height / side
    look = setting.tilt - np.arctan(origin / _DISTANCE)
    camera = _DISTANCE * np.tan(setting.tilt)
    down = look + np.arctan(rows / _DISTANCE)
    reach, y, up = _profile(down, camera, setting)
    depth = np.hypot(reach + _DISTANCE, camera - y) * np.cos(down - look)
    ones = np.ones_like(columns)
    return Ground(
        x=np.outer(depth, columns / _DISTANCE).astype(np.float32),
        y=np.outer(y, ones).astype(np.float32),
        z=np.outer(reach, ones).astype(np.float32),
        up=np.outer(up, ones).astype(np.float32),
        floor=np.outer(_floor_share(reach, job.template, setting), ones).astype(np.float32),
    )


def _plane(columns: NDArray[np.float64], rows: NDArray[np.float64], pose: str) -> Ground:
    """A flat surface seen square on: a floor from above (flat), or a wall (hanging)."""
    x, v = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    zero, one = np.zeros_like(x), np.ones_like(x)
    if pose == "flat":
        return Ground(x=x, y=zero, z=-v, up=one, floor=one)
    return Ground(x=x, y=0.5 - v, z=zero + 0.05, up=zero, floor=one)


def _profile(
    down: NDArray[np.float64], camera: float, setting: Setting
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Where rays that fall by `down` radians meet floor, quarter-circle bend or wall: (z, y, upwardness)."""
    start, radius = setting.sweep_start, setting.sweep_radius
    with np.errstate(divide="ignore"):
        floor_z = np.where(down > 1e-6, camera / np.tan(np.maximum(down, 1e-6)) - _DISTANCE, np.inf)
    # On the bend: distance t along the ray to the far side of a circle about (start, radius).
    oz, oy = -_DISTANCE - start, camera - radius
    dz, dy = np.cos(down), -np.sin(down)
    b = oz * dz + oy * dy
    t = -b + np.sqrt(np.maximum(b * b - (oz * oz + oy * oy - radius * radius), 0))
    bend_z, bend_y = -_DISTANCE + t * dz, camera + t * dy
    wall_t = (start + radius + _DISTANCE) / dz
    wall_y = camera + wall_t * dy
    on_floor = floor_z <= start
    on_wall = ~on_floor & (wall_y > radius)
    z = np.where(on_floor, floor_z, np.where(on_wall, start + radius, bend_z))
    y = np.where(on_floor, 0.0, np.where(on_wall, wall_y, bend_y))
    up = np.where(on_floor, 1.0, np.where(on_wall, 0.0, np.clip((radius - bend_y) / radius, 0, 1)))
    return z, y, up


def _floor_share(reach: NDArray[np.float64], template: SceneTemplate, setting: Setting) -> NDArray[np.float64]:
    """1 on the floor; on a table it fades over its out-of-focus far edge."""
    if template.stage == "paper":
        return np.ones_like(reach)
    end = setting.sweep_start + 0.15
    share = np.clip((end + 0.35 - reach) / 0.7, 0, 1)
    return share * share * (3 - 2 * share)


def _coloured(template: SceneTemplate, setting: Setting, seen: Ground) -> F32:
    """Colour of the surfaces at full light, linear."""
    floor, wall = _turned(template.floor, setting.hue), _turned(template.wall, setting.hue)
    if template.stage == "paper":
        return wall + seen.up[..., None] * (floor - wall)
    return np.broadcast_to(floor, (*seen.up.shape, 3)).astype(np.float32)


def _turned(colour: str, degrees: float) -> F32:
    """A colour with its hue turned, as linear RGB (3,)."""
    rgb = rgb_of(colour).astype(np.float32).reshape(1, 1, 3) / 255
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + degrees) % 360
    turned = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return srgb_to_linear((255 * turned).round().astype(np.uint8)).reshape(3)


def _light(job: SceneJob, setting: Setting, seen: Ground) -> F32:
    """Light on every surface, 1 where the product stands: a soft key light, light from all around, a glow."""
    template = job.template
    source = np.array([setting.side * _LIGHT_ASIDE, setting.light_height, -setting.light_front])
    key = _key_light(seen, source)
    key /= _key_light_at_origin(source) if job.pose == "standing" else float(np.median(key))
    if template.light.window > 0:
        key *= 1 + template.light.window * (_window(seen, setting) - 0.5)
    glow = template.light.spot * np.exp(-((seen.x / 0.9) ** 2 + ((seen.y - 0.45) / 0.7) ** 2)) * (1 - seen.up)
    sky = 0.75 + 0.25 * seen.up
    ambient = template.light.ambient
    return ambient * sky + (1 - ambient) * key + glow.astype(np.float32)


def _key_light(seen: Ground, source: NDArray[np.float64]) -> F32:
    """Light of a large softbox: inverse-square, with a wrapped cosine because it is large."""
    dx, dy, dz = source[0] - seen.x, source[1] - seen.y, source[2] - seen.z
    square = dx * dx + dy * dy + dz * dz
    facing_wall = np.sqrt(np.maximum(1 - seen.up**2, 0))
    cosine = (seen.up * dy - facing_wall * dz) / np.sqrt(square)
    return (np.maximum((cosine + 0.5) / 1.5, 0) / square).astype(np.float32)


def _key_light_at_origin(source: NDArray[np.float64]) -> float:
    zero = np.zeros((1, 1), np.float32)
    return float(_key_light(Ground(zero, zero, zero, zero + 1, zero), source)[0, 0])


def _window(seen: Ground, setting: Setting) -> F32:
    """Sun through a window: 1 in the light of a pane, 0 in the shadow of frame and bars, soft at the edges.

    Every place is followed back along the sun's direction to a window in the side wall, so that the pattern bends
    where the paper does.
    """
    way = _WINDOW_ASIDE - setting.side * seen.x
    along = (seen.z - 0.50 * (way - _WINDOW_ASIDE) + setting.pattern[0]).astype(np.float32)
    above = (seen.y + 0.62 * (way - _WINDOW_ASIDE) + setting.pattern[1]).astype(np.float32)
    panes = _panes(along - 0.85, 0.34, 0.03) * _panes(above - 0.10, 0.42, 0.035)
    inside = _edge(0.51 - np.abs(along - 1.36), 0.04) * _edge(0.63 - np.abs(above - 0.73), 0.04)
    return np.asarray(panes * inside, np.float32)


def _panes(place: F32, pitch: float, bar: float) -> F32:
    """1 inside a pane, 0 on a bar, along one direction."""
    to_bar = (0.5 - np.abs((place / pitch) % 1 - 0.5)) * pitch
    return _edge(to_bar - bar / 2, 0.022)


def _edge(distance: F32, soft: float) -> F32:
    """A soft step: 0 below -soft, 1 above soft."""
    t = np.clip(distance / (2 * soft) + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def _vignetted(scene: F32, strength: float) -> F32:
    height, width = scene.shape[:2]
    v = (np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1
    u = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    radius = (v[:, None] ** 2 + u[None, :] ** 2) / 2
    return np.asarray(scene * (1 - strength * radius**1.5)[..., None], np.float32)


# ---- table tops: blurred background, lights, gloss, snow


def _table_scene(template: SceneTemplate, setting: Setting, seen: Ground, floor: F32) -> F32:
    """A table top in front of a far background with lights out of focus."""
    height, width = seen.x.shape
    far = _far_background(template, setting, height, width)
    share = seen.floor[..., None]
    if template.gloss > 0:
        floor = floor + template.gloss * _mirrored(far, seen.floor)
    return far * (1 - share) + floor * share


def _far_background(template: SceneTemplate, setting: Setting, height: int, width: int) -> F32:
    low = _turned(template.wall, setting.hue)
    high = _turned(template.wall_top or template.wall, setting.hue)
    v = (np.arange(height, dtype=np.float32) + 0.5)[:, None, None] / height
    t = np.clip(v / 0.75, 0, 1)
    far = (high + (low - high) * (t * t * (3 - 2 * t)) * np.ones((1, width, 1))).astype(np.float32)
    return far + _bokeh(template, setting, height, width) if template.bokeh else far


def _bokeh(template: SceneTemplate, setting: Setting, height: int, width: int) -> F32:
    """Lights out of focus: soft discs, a little brighter at the rim, more of them higher up."""
    bokeh = template.bokeh
    assert bokeh is not None  # noqa: S101 - the caller looked
    rng = np.random.default_rng(setting.texture_seed)
    layer = np.zeros((height, width, 3), np.float32)
    side = min(height, width)
    clusters = np.column_stack([rng.uniform(-0.05, 1.05, 7), rng.uniform(0.05, 0.60, 7)])
    for _ in range(bokeh.count):
        colour = _turned(bokeh.colours[int(rng.integers(len(bokeh.colours)))], setting.hue * 0.3)
        radius = side * bokeh.size * float(np.exp(rng.normal(0, 0.45)))
        u, v = clusters[int(rng.integers(len(clusters)))] + rng.normal(0, (0.11, 0.085))
        glow = bokeh.strength * float(rng.uniform(0.15, 1.0)) * (bokeh.size * side / radius) ** 1.2
        _add_disc(layer, u * width, v * height, radius, glow * colour)
    return layer


def _add_disc(layer: F32, u: float, v: float, radius: float, light: F32) -> None:
    height, width = layer.shape[:2]
    reach = radius + 2
    left, right = max(0, int(u - reach)), min(width, int(u + reach) + 2)
    top, bottom = max(0, int(v - reach)), min(height, int(v + reach) + 2)
    if left >= right or top >= bottom:
        return
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    r = np.hypot(x - u, y - v) / radius
    disc = _edge(1 - r, max(0.13, 1.6 / radius)) * (0.9 + 0.15 * np.clip(r, 0, 1) ** 3)
    layer[top:bottom, left:right] += disc[..., None] * light


def _mirrored(far: F32, floor: F32) -> F32:
    """The background mirrored in a glossy top, smeared along the view, weaker towards the camera."""
    height = far.shape[0]
    edge = int(np.argmax(floor[:, 0] > 0.5))
    rows = np.clip(2 * edge - np.arange(height), 0, height - 1)
    image = cv2.GaussianBlur(far[rows], (0, 0), sigmaX=height * 0.012, sigmaY=height * 0.05)
    fade = np.exp(-np.maximum(np.arange(height) - edge, 0) / (0.16 * height)).astype(np.float32)
    return image * fade[:, None, None]


def _snow_relief(job: SceneJob, setting: Setting, ground: float) -> F32:
    """Light and shade on snow, full size: a texture in perspective, sharp near the product, fading away."""
    width, height = job.size
    relief = np.ones((height, width), np.float32)
    if job.pose != "standing":
        return relief
    texture = _snow_texture(setting)
    side = min(width, height)
    origin = (ground / height - 0.5) * height / side
    look = setting.tilt - np.arctan(origin / _DISTANCE)
    camera = _DISTANCE * np.tan(setting.tilt)
    down = look + np.arctan(((np.arange(height) + 0.5) / height - 0.5) * height / side / _DISTANCE)
    z = np.where(down > 0.02, camera / np.tan(np.maximum(down, 0.02)) - _DISTANCE, 1e3)
    first = int(np.argmax(z < 1.2))
    z = z[first:]
    depth = np.hypot(z + _DISTANCE, camera) * np.cos(down[first:] - look)
    columns = ((np.arange(width) + 0.5) / width - 0.5) * width / side / _DISTANCE
    scale = texture.shape[0] / 1.1
    x = (np.outer(depth, columns) * scale).astype(np.float32)
    rows = np.repeat((z * scale).astype(np.float32)[:, None], width, axis=1)
    shade = cv2.remap(texture, x, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    focus = np.exp(-((z / 0.75) ** 2)).astype(np.float32)[:, None]
    relief[first:] += job.template.snow * focus * shade
    return relief


def _snow_texture(setting: Setting) -> F32:
    """A tile of snow's shading that repeats seamlessly: slopes of soft heaps, seen in the light's direction."""
    rng = np.random.default_rng(setting.texture_seed + 1)
    side = 512
    heaps = np.zeros((side, side), np.float32)
    for sigma, weight in ((20.0, 0.30), (6.0, 0.35), (1.2, 0.60)):
        noise = rng.standard_normal((side, side), dtype=np.float32)
        pad = int(4 * sigma)
        wide = cv2.copyMakeBorder(noise, pad, pad, pad, pad, cv2.BORDER_WRAP)
        smooth = cv2.GaussianBlur(wide, (0, 0), sigma)[pad:-pad, pad:-pad]
        slope = np.roll(smooth, -1, 1) - smooth
        heaps += weight * setting.side * slope / slope.std()
    return 0.06 * heaps


# ---- product and shadow


def _with_shadow(scene: F32, alpha: U8, job: SceneJob, setting: Setting) -> F32:
    shadow = job.template.shadow
    box = product_box(alpha)
    unit = float(np.sqrt(box.width * min(box.height, 2.0 * box.width)))
    if job.pose == "standing":
        contact = contact_shadow(alpha, unit)
        # A point at height h is in the light's way to a place h * (1.5 / light_height) to the side, and
        # h * (front / light_height) behind, which the tilt of the camera shortens.
        lean = -setting.side * _LIGHT_ASIDE / setting.light_height
        squash = 0.05 + setting.light_front / setting.light_height * np.sin(setting.tilt)
        soft = cast_shadow(alpha, unit, lean, float(squash))
    else:
        drop = (-setting.side * 0.030 * unit, 0.035 * unit)
        contact = surround_shadow(alpha, unit, (0.25 * drop[0], 0.25 * drop[1]), 0.010)
        soft = surround_shadow(alpha, unit, drop, 0.045)
    density = 1 - (1 - shadow.contact * contact) * (1 - shadow.soft * soft)
    return darken(scene, density, srgb_to_linear(rgb_of(shadow.tint).reshape(1, 1, 3)).reshape(3))


def _encoded(scene: F32, job: SceneJob, setting: Setting) -> U8:
    return encode_dithered(scene, np.random.default_rng(setting.grain_seed), job.template.grain)


def _laid_over(layer: U8, background: U8) -> U8:
    """The product over the scene; at alpha 255 the product's pixels exactly, at 0 the scene's."""
    box = product_box(layer[..., 3])
    picture = background.copy()
    box.of(picture)[:] = over(box.of(layer), box.of(background))
    return picture
