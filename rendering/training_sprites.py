"""Render sprites that a cut-out net is trained with: made-up products of many families, in all kinds of light.

    python rendering/training_sprites.py --out DIR --count 1500                     the families of rendering/families
    python rendering/training_sprites.py --out DIR --count 500 --meshes FOLDER      glTF models, lit by panoramas too

Each sprite is DIR/<family>--<number>.webp as in sprites.py, small and rendered with few samples. Of see-through ones,
DIR/<family>--<number>.truth.webp is the matte that a cut-out must have, where glass counts as opaque. A sprite depends
on its family and number alone: not on the run, the shard, or what else is rendered. Models that sprites.py keeps for
measurements are never rendered here. Needs the dev-only packages in rendering/README.md.
"""

from __future__ import annotations

import argparse
import logging
import math
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import bpy
import kit
import light
import numpy as np
import sprites
from families import FAMILIES
from families.family import Family, chance, finish
from mathutils import Euler, Vector
from sample_catalog import surface_points

log = logging.getLogger("training_sprites")

SIDE = 352
# Light is denoised, so few samples will do; how much of a pixel is covered is sampled on its own, which is cheap.
SAMPLES, GLASS_SAMPLES, MATTE_SAMPLES = 5, 14, 20
# Building takes as long as rendering: each product is seen twice, from another side and in other light.
VIEWS = 2
# Free on all sides, in px, for hair and leaves between the points that the frame is set by.
_MARGIN = 24
# Models with fewer faces than this are bevelled or smoothed.
_COARSE = 4000


def mesh_families(folder: Path) -> dict[str, Family]:
    """One family for each model of a folder that is not kept for measurements."""
    models = sprites.model_order(folder)[sprites.MEASURED_MODELS :]
    return {f"mesh-{path.stem}": Family(f"mesh-{path.stem}", partial(_varied_model, path), (2, 60)) for path in models}


def _varied_model(path: Path, rng: np.random.Generator) -> None:
    """A model with its edges bevelled or its form smoothed or dented, some materials varied, some replaced."""
    style = rng.random()
    meshes = sprites.load_model(path, bevel=0.0)
    # Scanned models are round as they are, and would fill the memory if they were divided further.
    for obj in meshes if sum(len(obj.data.polygons) for obj in meshes) < _COARSE else []:
        if style < 0.55:
            kit.add_bevel(obj, float(rng.uniform(0.004, 0.02)) * max(obj.dimensions), 2)
        else:
            kit.subdivide(obj)
    if style >= 0.8:
        _dent(meshes, rng)
    materials = {slot.material.name: slot.material for obj in meshes for slot in obj.material_slots if slot.material}
    replaced = float(rng.choice([0.0, 0.3, 1.0], p=[0.4, 0.3, 0.3]))
    for name in sorted(materials):
        if chance(rng, replaced):
            materials[name].user_remap(finish(rng))
        else:
            sprites.vary(materials[name], rng, None)


def _dent(meshes: Sequence[bpy.types.Object], rng: np.random.Generator) -> None:
    """Uneven surfaces: the points are moved by soft noise."""
    texture = bpy.data.textures.new("dents", "CLOUDS")
    for obj in meshes:
        length = max(obj.dimensions)
        texture.noise_scale = length * float(rng.uniform(0.08, 0.4))
        dents = obj.modifiers.new("dents", "DISPLACE")
        dents.texture, dents.strength = texture, length * float(rng.uniform(0.01, 0.06))


def plan(families: Sequence[Family], count: int, seed: int) -> Iterator[tuple[Family, int]]:
    """Family and first number of each product, `count` sprites in all; each family gets its share at every point.

    A family's products have the same numbers whatever other families there are.
    """
    products = math.ceil(count / VIEWS)
    turns = [((i + 0.5) / family.weight, family.name, i) for family in families for i in range(products)]
    named = {family.name: family for family in families}
    for _, name, i in sorted(turns)[:products]:
        yield named[name], seed + i * VIEWS


def _framed(points: np.ndarray, turn: np.ndarray, lens: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the camera stands so that the points fill a square sensor of side 1, and how far they reach on it (x, y).

    The steps are short enough for points close to the camera; what is still off after them goes into the reach.
    """
    across = points @ turn
    middle = (across.min(axis=0) + across.max(axis=0)) / 2
    size = np.abs(across - middle).max()
    away, shift = size * 2.5 * lens / 36, middle[:2]
    for step in range(40):
        depth = middle[2] + away - across[:, 2]
        seen = (across[:, :2] - shift) / depth[:, None] * lens / 36
        low, high = seen.min(axis=0), seen.max(axis=0)
        if step == 39:
            break
        shift = shift + (low + high) / 2 * depth.min() * 36 / lens
        # Never inside the product, however wide the lens.
        away = max(away * float((high - low).max()) ** 0.7, size * 1.3)
    return turn @ np.array([*shift, middle[2] + away]), np.maximum(-low, high)


def aim(family: Family, rng: np.random.Generator, points: np.ndarray) -> None:
    """A camera that looks at the product from where such a product is photographed, its frame just around it."""
    spread = 30.0 if family.hang else 55.0 if family.front else 180.0
    lens = float(math.exp(rng.uniform(math.log(28), math.log(100))))
    up, side = (
        math.radians(90 - float(rng.uniform(*family.elevation))),
        math.radians(float(rng.uniform(-spread, spread))),
    )
    roll = float(rng.uniform(0, 360)) if family.flat else float(rng.normal(0, 4))
    turn = (Euler((up, 0, side)).to_matrix() @ Euler((0, 0, math.radians(roll))).to_matrix()).normalized()
    data = bpy.data.cameras.new("camera")
    camera = kit.link(bpy.data.objects.new("camera", data))
    at, half = _framed(points, np.array(turn), lens)
    camera.rotation_euler, camera.location = turn.to_euler(), Vector(at)
    render = bpy.context.scene.render
    sides = [max(24, math.ceil(SIDE * extent / max(half))) + 2 * _MARGIN for extent in half]
    render.resolution_x, render.resolution_y = sides
    # The sensor's 36 mm lie along the longer side, margins included.
    data.lens, data.clip_start = lens / (2 * max(half)) * SIDE / max(sides), 0.02
    bpy.context.scene.camera = camera


def _light_transport(samples: int, seed: int, glass: bool) -> None:
    """Cycles for a training sprite: few samples and bounces, nothing prepared that takes longer than it saves."""
    scene = bpy.context.scene
    sprites.prepare(samples, seed)
    cycles = scene.cycles
    cycles.film_transparent_glass, cycles.use_light_tree = glass, False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = (6, 1, 3) if glass else (2, 1, 2)
    # The map for sampling a world of nodes takes seconds at its own choice of size.
    scene.world.cycles.sampling_method, scene.world.cycles.sample_map_resolution = "MANUAL", 128


def _matte(folder: str) -> np.ndarray:
    """The share of each pixel that the product's surfaces cover: HxW float32. Leaves the scene without light."""
    scene = bpy.context.scene
    glow = bpy.data.materials.new("glow")
    glow.use_nodes = True
    tree = glow.node_tree
    tree.links.new(tree.nodes.new("ShaderNodeEmission").outputs[0], tree.nodes["Material Output"].inputs["Surface"])
    for obj in [obj for obj in scene.objects if obj.type == "LIGHT"]:
        bpy.data.objects.remove(obj)
    scene.view_layers[0].material_override = glow
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = MATTE_SAMPLES, False, 0
    scene.cycles.film_transparent_glass = False
    matte = np.clip(sprites.render_linear(folder)[..., 3], 0, 1)
    scene.view_layers[0].material_override = None
    return matte


def _calmed(alpha: np.ndarray, matte: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """The alpha of glass without its noise: a mean over 5 px of what is as bright. The denoiser leaves alpha alone."""
    tone = np.sqrt(np.maximum(guide.mean(axis=-1), 0))
    share = alpha / np.maximum(matte, 1e-3)
    total, weights = np.zeros_like(alpha), np.full_like(alpha, 1e-6)
    for down in range(-2, 3):
        for across in range(-2, 3):
            near = [np.roll(part, (down, across), (0, 1)) for part in (share, matte, tone)]
            weight = (near[1] > 0.1) * np.exp(-(((near[2] - tone) / 0.06) ** 2))
            total, weights = total + weight * near[0], weights + weight
    return np.clip(total / weights, 0, 1) * matte


def _exposed(linear: np.ndarray, gain: float) -> float:
    """The gain, brought down where most of the product would burn out and up where it would be lost in the dark."""
    seen = linear[..., 3] > 0.5
    bright = float(np.quantile(linear[seen][:, :3].mean(axis=1), 0.9)) * gain if seen.any() else 1.0
    return gain * min(1.0, 1.3 / max(bright, 1e-4)) * max(1.0, min(4.0, 0.03 / max(bright, 1e-4)))


def _shoot(family: Family, seed: int, product: list[bpy.types.Object], skies: Sequence[Path]) -> list[np.ndarray]:
    """One view of what stands there: RGBA, and the matte if the product is see-through."""
    rng = np.random.default_rng(seed)
    points = surface_points(product, 4000)
    aim(family, rng, points)
    gain = light.add_light(rng, skies)
    light.add_bounce(rng, float(points[:, 2].min()), float(points[:, 1].max()) if family.hang else None)
    _light_transport(GLASS_SAMPLES if family.glass else SAMPLES, seed, family.glass)
    with tempfile.TemporaryDirectory() as folder:
        linear = sprites.render_linear(folder)
        matte = _matte(folder)
    if (matte > 0.5).mean() < 0.004:
        raise ValueError("nothing is seen")
    alpha = _calmed(linear[..., 3], matte, linear[..., :3]) if family.glass else matte
    linear = np.dstack([linear[..., :3], alpha])
    rgba = sprites.develop(linear, _exposed(linear, gain), least=0.06 if family.glass else 0.25, reach=6)
    box = sprites.seen_box(matte)
    truth = (matte * 255 + 0.5).astype(np.uint8)
    return [rgba[box], truth[box]] if family.glass else [rgba[box]]


def take(family: Family, number: int, out: Path, skies: Sequence[Path]) -> None:
    """Build one product and render its views as `number`, `number` + 1 and so on."""
    seeds = [zlib.crc32(f"{family.name}--{number + view}".encode()) for view in range(VIEWS)]
    kit.reset_scene()
    family.build(np.random.default_rng(seeds[0]))
    product = list(bpy.context.scene.objects)
    for view, seed in enumerate(seeds):
        pixels = _shoot(family, seed, product, skies)
        name = f"{family.name}--{number + view}"
        if family.glass:
            sprites.save(pixels[1], out / f"{name}.truth.webp")
        sprites.save(pixels[0], out / f"{name}.webp")
        for obj in set(bpy.context.scene.objects) - set(product):
            bpy.data.objects.remove(obj)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder that gets the sprites")
    parser.add_argument("--count", type=int, required=True, help="how many sprites, of all families together")
    parser.add_argument("--meshes", type=Path, help="folder with models/*.gltf and hdris/*.hdr: render its models")
    parser.add_argument("--skies", type=Path, help="folder with hdris/*.hdr to light the families with")
    parser.add_argument("--only", nargs="*", default=[], help="only these families")
    parser.add_argument("--seed", type=int, default=0, help="number of each family's first sprite")
    parser.add_argument("--shard", default="1/1", help="i/n: every n-th product, from the i-th on")
    parser.add_argument("--missing", action="store_true", help="leave out what is there already")
    return parser.parse_args()


def main() -> None:
    """Parse the command line and render; a product that fails is named and left out."""
    args = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    families = mesh_families(args.meshes) if args.meshes else FAMILIES
    wanted = [family for family in families.values() if not args.only or family.name in args.only]
    folder = args.meshes or args.skies
    skies = sprites.panoramas(folder) if folder else []
    first, every = (int(part) for part in args.shard.split("/"))
    for i, (family, number) in enumerate(plan(wanted, args.count, args.seed)):
        last = args.out / f"{family.name}--{number + VIEWS - 1}.webp"
        if i % every != first - 1 or (args.missing and last.exists()):
            continue
        started = time.process_time()
        try:
            take(family, number, args.out, skies)
        except Exception:
            log.exception("%s--%d failed", family.name, number)
            continue
        log.info("%s--%d took %.1f s a view", family.name, number, (time.process_time() - started) / VIEWS)


if __name__ == "__main__":
    main()
