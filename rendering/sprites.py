"""Render sprites: single products with exact alpha and exact colours at their edges, to lay over any background.

    python rendering/sprites.py --out DIR                    our own products and some made-up ones
    python rendering/sprites.py --out DIR --meshes FOLDER    glTF models of a folder, with random materials

Each sprite is DIR/<product>--<number>.webp: straight (not premultiplied) alpha, sRGB, lossless alpha. Sprites of one
product share its name, so that they can be kept together when a set is split. Needs the dev-only packages in
rendering/README.md. All seeds are fixed.
"""

from __future__ import annotations

import argparse
import csv
import logging
import math
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import bpy
import kit
import labels
import materials as mt
import numpy as np
import products
import sets
from mathutils import Vector
from PIL import Image
from sample_catalog import Shot, aim_camera

log = logging.getLogger("sprites")

SIDE = 512
# So many models of a folder are kept for measurements.
MEASURED_MODELS = 64
# Hue families of things that are sold: many are white, grey or black.
_COLOURS = (
    "#f2f1ee",
    "#e6e2d8",
    "#b9bcc0",
    "#6d7076",
    "#26282c",
    "#b3202c",
    "#e0862a",
    "#e8c94a",
    "#3f8f58",
    "#2d66b0",
)
_COLOURS += ("#7b4a9a", "#d98aa5", "#8a5a35", "#16355f", "#9fc7c4", "#4a3124")
_NOT_SOLD = ("characters", "architecture", "nature")


@dataclass(frozen=True)
class Sprite:
    """One sprite: what stands there, in what light, seen from where (degrees)."""

    product: str
    number: int
    build: Callable[[np.random.Generator], None]
    light: Callable[[], None]
    azimuth: float
    elevation: float
    roll: float
    turn: float
    gain: float

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"{self.product}--{self.number}"

    @property
    def seed(self) -> int:
        """A number of this sprite alone, the same in every run."""
        return zlib.crc32(self.name.encode())


def own_sprites() -> list[Sprite]:
    """The products of the sample catalog and made-up ones, each from one to three sides."""
    real: dict[str, tuple[Callable[[], None], float, int]] = {
        "mug-blue": (products.mug_blue, 22, 3),
        "mug-white": (products.mug_white, 26, 2),
        "tea-box": (products.tea_box, 16, 1),
        "vase": (products.vase, 10, 1),
        "candle": (products.candle, 24, 1),
        "notebook": (products.notebook, 55, 1),
        "soap-bottle": (products.soap_bottle, 10, 1),
        "kettle": (products.kettle, 18, 1),
        "mills": (products.mills, 16, 1),
        "lamp": (products.lamp, 8, 1),
        "basket": (products.basket, 26, 1),
        "headphones": (products.headphones, 38, 1),
        "necklace": (products.necklace, 64, 1),
        "bear": (products.bear, 14, 1),
        "bag": (products.bag, 14, 1),
    }
    made: dict[str, tuple[Callable[[np.random.Generator], None], float]] = {
        "jar": (_turned, 18), "bowl": (_bowl, 30), "carton": (_carton, 20), "tin": (_tin, 16), "stool": (_stool, 16),
        "rack": (_rack, 24), "ball": (_ball, 10), "plate": (_plate, 48),
    }  # fmt: skip
    plan: list[tuple[str, Callable[[np.random.Generator], None], float, int]] = []
    plan += [(name, lambda _, make=make: make(), height, count) for name, (make, height, count) in real.items()]
    plan += [(f"{name}-{i}", make, height, 1) for name, (make, height) in made.items() for i in range(2)]
    posed = [
        _posed(name, number, make, height, _room_light)
        for name, make, height, count in plan
        for number in range(1, count + 1)
    ]
    posed += [
        _posed(f"{name}-white", 1, partial(_whitened, make), height, _room_light)
        for name, (make, height) in made.items()
        if name in ("jar", "bowl", "tin", "stool")
    ]
    return sorted(posed, key=lambda sprite: sprite.number)


def model_order(folder: Path) -> list[Path]:
    """The models of a folder with models/*.gltf that are sold in shops, in an order that is mixed but always the same.

    folder/manifest.csv, with the columns file and category, says what is sold and what is not. The first
    `MEASURED_MODELS` are for measurements only: nothing is trained with them.
    """
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        sold = {Path(row["file"]) for row in csv.DictReader(lines) if row["category"] not in _NOT_SOLD}
    models = [path for path in (folder / "models").glob("*.gltf") if path.relative_to(folder) in sold]
    return sorted(models, key=lambda path: zlib.crc32(path.stem.encode()))


def panoramas(folder: Path) -> list[Path]:
    """The panoramas of a folder with hdris/*.hdr."""
    return sorted((folder / "hdris").glob("*.hdr"))


def mesh_sprites(folder: Path, count: int) -> list[Sprite]:
    """The first `count` models of a folder (see `model_order`), with random materials in the light of its panoramas."""
    light = partial(sky, panoramas(folder))
    return [_posed(path.stem, 1, partial(_imported, path), 22, light) for path in model_order(folder)[:count]]


def _posed(
    product: str,
    number: int,
    build: Callable[[np.random.Generator], None],
    elevation: float,
    light: Callable[[np.random.Generator], None],
) -> Sprite:
    rng = np.random.default_rng(zlib.crc32(f"pose {product}--{number}".encode()))
    return Sprite(
        product,
        number,
        build,
        partial(light, rng),
        azimuth=float(rng.uniform(-25, 25)),
        elevation=float(np.clip(elevation + rng.uniform(-8, 14), 4, 80)),
        roll=float(rng.normal(0, 1.5)),
        turn=float(rng.uniform(-35, 35)) + (0 if number == 1 else 25.0 * (-1) ** number),
        gain=float(rng.uniform(0.85, 1.2)),
    )


def _pick(rng: np.random.Generator, colours: Sequence[str] = _COLOURS) -> str:
    return str(colours[int(rng.integers(len(colours)))])


def _finish(rng: np.random.Generator, name: str) -> bpy.types.Material:
    """A random plain material: glazed, matte, brushed or grained."""
    kind = rng.random()
    colour = _pick(rng)
    if kind < 0.15:
        return mt.metal(name, colour, float(rng.uniform(0.15, 0.4)))
    if kind < 0.3:
        return mt.wood(name, "#7c5836", "#a87848", "#cfa878", stretch=(8, 8, 0.8))
    finish = mt.principled(name, colour, roughness=float(rng.uniform(0.15, 0.8)), coat=float(rng.uniform(0, 0.5)))
    return mt.add_bump(finish, float(rng.uniform(2, 40)), float(rng.uniform(0.05, 0.3)))


def _turned(rng: np.random.Generator) -> None:
    """A vase, jar or bottle: a random smooth profile with a rim."""
    height = float(rng.uniform(1.2, 2.6))
    radii = np.concatenate([[0.3], rng.uniform(0.25, 0.8, 3), [rng.uniform(0.12, 0.4)]])
    steps = np.linspace(0, height, len(radii))
    outside = [(0.0, 0.0), *zip(radii.tolist(), steps.tolist(), strict=True)]
    rim = float(radii[-1])
    inside = [(rim * 0.85, height - 0.01), (rim * 0.8, height - 0.3), (0.0, height - 0.35)]
    kit.lathe("jar", kit.smooth_path([*outside, *inside], 10), _finish(rng, "jar"))


def _bowl(rng: np.random.Generator) -> None:
    depth = float(rng.uniform(0.4, 0.8))
    outside = [(0.0, 0.0), (0.35, 0.0), (0.4, 0.05), (0.8, depth * 0.5), (1.0, depth)]
    inside = [(0.95, depth), (0.74, depth * 0.55), (0.3, 0.1), (0.0, 0.08)]
    kit.lathe("bowl", kit.smooth_path([*outside, *inside], 6), _finish(rng, "bowl"))


def _carton(rng: np.random.Generator) -> None:
    """A carton with a printed front; the others sides are plain."""
    plain = mt.principled("card", _pick(rng), roughness=0.6)
    front = mt.printed("front", labels.tea_back() if rng.random() < 0.5 else labels.soap_front())
    size = tuple(float(v) for v in rng.uniform((0.6, 0.25, 0.7), (1.4, 0.7, 1.8)))
    kit.box("carton", size, [front, plain, plain, plain, plain, plain], bevel=0.012)


def _tin(rng: np.random.Generator) -> None:
    """A tin with a coloured wrapper."""
    height, radius = float(rng.uniform(0.6, 1.3)), float(rng.uniform(0.35, 0.55))
    steel = mt.metal("steel", "#cfcbc4", 0.2)
    kit.lathe("tin", [(0, 0), (radius, 0), (radius, 0.04), (radius * 0.98, 0.06), (radius * 0.98, height - 0.06),
                      (radius, height - 0.04), (radius, height), (radius * 0.94, height - 0.03),
                      (0, height - 0.03)], steel)  # fmt: skip
    kit.lathe_open("wrapper", [(radius * 0.985, 0.08), (radius * 0.985, height - 0.08), (radius * 0.97, height - 0.08),
                               (radius * 0.97, 0.08)], mt.principled("paper", _pick(rng), roughness=0.5))  # fmt: skip


def _stool(rng: np.random.Generator) -> None:
    """A round seat on three or four legs: the background shows between them."""
    legs, seat = int(rng.integers(3, 5)), float(rng.uniform(1.1, 1.6))
    wood = _finish(rng, "leg")
    for i in range(legs):
        a = 2 * math.pi * (i + 0.3) / legs
        kit.tube(
            "leg", [(0.7 * math.cos(a), 0.7 * math.sin(a), 0), (0.5 * math.cos(a), 0.5 * math.sin(a), seat)], 0.06, wood
        )
    kit.lathe(
        "seat",
        [(0, seat), (0.68, seat), (0.72, seat + 0.05), (0.7, seat + 0.13), (0, seat + 0.15)],
        _finish(rng, "seat"),
    )


def _rack(rng: np.random.Generator) -> None:
    """A wire rack: thin parts and holes."""
    wire = mt.metal("wire", _pick(rng, ("#cfcbc4", "#c9a24f", "#3a3b3d")), 0.25)
    width, depth, height = (float(v) for v in rng.uniform((1.2, 0.6, 0.6), (1.8, 1.0, 1.2)))
    for x in np.linspace(-width / 2, width / 2, int(rng.integers(6, 11))):
        arch = [(x, -depth / 2, 0.03), (x, -depth / 2, height), (x, depth / 2, height), (x, depth / 2, 0.03)]
        kit.tube("wire", arch, 0.025, wire)
    for y in (-depth / 2, depth / 2):
        for z in (0.03, height):
            kit.tube("rail", [(-width / 2, y, z), (width / 2, y, z)], 0.035, wire)


def _ball(rng: np.random.Generator) -> None:
    skin = mt.principled("rubber", _pick(rng), roughness=float(rng.uniform(0.2, 0.7)))
    kit.ball("ball", 0.8, (0, 0, 0.8), mt.add_bump(skin, 12, 0.3))
    for turn in (0, 90):
        band = kit.ring_tube("band", 0.795, 0.02, 0, mt.principled("band", _pick(rng)))
        kit.place(band, (0, 0, 0.8), (90, float(rng.uniform(0, 30)), turn))


def _plate(rng: np.random.Generator) -> None:
    glaze = _finish(rng, "plate")
    rim = [(0, 0), (0.6, 0), (0.65, 0.03), (1.1, 0.14), (1.12, 0.16), (1.08, 0.16), (0.62, 0.06), (0, 0.05)]
    kit.lathe("plate", rim, glaze)
    kit.ring_tube("line", 1.0, 0.006, 0.142, mt.principled("line", _pick(rng)))


def _whitened(build: Callable[[np.random.Generator], None], rng: np.random.Generator) -> None:
    """The same thing in white: there is much of it in shops, and it is hardest to find on white paper."""
    build(rng)
    for material in bpy.data.materials:
        shader = material.node_tree.nodes["Principled BSDF"]
        base = shader.inputs["Base Color"]
        for link in list(base.links):
            material.node_tree.links.remove(link)
        base.default_value = (*mt.hex_color("#f4f3ef"), 1)
        shader.inputs["Metallic"].default_value = 0.0


def load_model(path: Path, bevel: float = 0.012) -> list[bpy.types.Object]:
    """The meshes of a glTF model, standing on z = 0 and two units long; `bevel` is a share of its length."""
    bpy.ops.import_scene.gltf(filepath=str(path))
    meshes = [obj for obj in bpy.context.scene.objects if obj.type == "MESH"]
    bpy.context.view_layer.update()
    corners = np.array([obj.matrix_world @ Vector(corner) for obj in meshes for corner in obj.bound_box])
    size = float((corners.max(axis=0) - corners.min(axis=0)).max())
    for obj in meshes:
        # The parts of a face carry their own corners in glTF; joined again, edges can be rounded.
        weld = obj.modifiers.new("weld", "WELD")
        weld.merge_threshold = 1e-4 * size
        if bevel:
            kit.add_bevel(obj, bevel * size, 2)
    root = kit.gather(list(bpy.context.scene.objects))
    root.scale = (2 / size,) * 3
    low, middle = corners.min(axis=0), corners.mean(axis=0)
    root.location = (-middle[0] * 2 / size, -middle[1] * 2 / size, -low[2] * 2 / size)
    return meshes


def _imported(path: Path, rng: np.random.Generator) -> None:
    meshes = load_model(path)
    whole = rng.random() < 0.25
    shared = _pick(rng)
    for material in {slot.material for obj in meshes for slot in obj.material_slots if slot.material}:
        vary(material, rng, shared if whole else None)


def vary(material: bpy.types.Material, rng: np.random.Generator, colour: str | None) -> None:
    """Another finish for an imported material; its colour is shifted, or replaced by `colour`."""
    if not material.use_nodes or "Principled BSDF" not in material.node_tree.nodes:
        return
    shader = material.node_tree.nodes["Principled BSDF"]
    base = shader.inputs["Base Color"]
    if not base.links:
        old = np.array(base.default_value[:3])
        fresh = mt.hex_color(colour) if colour else tuple(np.clip(old * rng.uniform(0.75, 1.25, 3), 0.01, 0.95))
        base.default_value = (*fresh, 1)
    shader.inputs["Metallic"].default_value = 1.0 if rng.random() < 0.12 else 0.0
    shader.inputs["Roughness"].default_value = float(rng.uniform(0.15, 0.85))
    shader.inputs["Coat Weight"].default_value = float(rng.choice([0.0, 0.0, 0.5]))
    if rng.random() < 0.6:
        mt.add_bump(material, float(rng.uniform(3, 40)), float(rng.uniform(0.05, 0.3)))


def _room_light(rng: np.random.Generator) -> None:
    """One of the lights that the sample catalog is photographed in."""
    side = float(rng.choice([-1, 1]))
    lights = (
        partial(sets.window, side),
        sets.overcast,
        partial(sets.ceiling_lamp, tint="#fff0dc"),
        partial(sets.sun_patch, side=side),
    )
    lights[int(rng.integers(len(lights)))]()


def sky(skies: Sequence[Path], rng: np.random.Generator) -> None:
    """A panorama as the room, turned at random and levelled to one mean brightness, and one lamp or window."""
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    tree = world.node_tree
    node = tree.nodes.new("ShaderNodeTexEnvironment")
    node.image = bpy.data.images.load(str(skies[int(rng.integers(len(skies)))]))
    coords, turn = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeMapping")
    turn.inputs["Rotation"].default_value = (0, 0, float(rng.uniform(0, 2 * math.pi)))
    tree.links.new(coords.outputs["Generated"], turn.inputs["Vector"])
    tree.links.new(turn.outputs["Vector"], node.inputs["Vector"])
    tree.links.new(node.outputs["Color"], tree.nodes["Background"].inputs["Color"])
    width, height = node.image.size
    pixels = np.empty(width * height * 4, np.float32)
    node.image.pixels.foreach_get(pixels)
    # Rows run upwards; the upper half is what lights a thing on a table. The sun itself is left out of the mean.
    upper = np.minimum(pixels.reshape(height, width, 4)[height // 2 :, :, :3], 20).mean(axis=(0, 1))
    # White balance as a camera has it, which leaves a trace of the light's colour.
    balance = np.append((upper.mean() / np.maximum(upper, 1e-3)) ** 0.8, 1).astype(np.float32)
    node.image.pixels.foreach_set((pixels.reshape(-1, 4) * balance).ravel())
    node.image.update()
    tree.nodes["Background"].inputs["Strength"].default_value = 0.42 / max(1e-3, float(upper.mean()))
    a, high = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(6, 14))
    sets.area_light(
        (5, 5), (9 * math.cos(a), -abs(9 * math.sin(a)), high), float(rng.uniform(2, 9)), "#fff6e8", (0, 0, 1)
    )


def add_ground(rng: np.random.Generator) -> None:
    """A table that is not seen itself, only its shade and its light from below."""
    shade = float(rng.uniform(0.25, 0.8))
    table = mt.principled("table", "#ffffff", roughness=0.8)
    table.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (shade, shade, shade, 1)
    kit.box("ground", (60, 60, 0.1), table, at=(0, 0, -0.1), bevel=0).visible_camera = False


def prepare(samples: int, seed: int) -> None:
    """Set up Cycles for a sprite: transparent film, one thread, denoised."""
    scene = bpy.context.scene
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.film_transparent = True
    render.threads_mode, render.threads = "FIXED", 1
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_mode, render.image_settings.color_depth = "RGBA", "32"
    cycles.seed, cycles.samples, cycles.use_adaptive_sampling = seed % 100000, samples, False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_prefilter = "FAST"
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 6, 2, 3
    scene.cycles_curves.shape = "RIBBONS"


def render_linear(folder: str) -> np.ndarray:
    """Render the scene: HxWx4 float32, linear, premultiplied. The folder is for a temporary file."""
    path = Path(folder, "sprite.exr")
    bpy.context.scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, 4)[::-1]


def develop(linear: np.ndarray, gain: float, least: float = 0.06, reach: int = 24) -> np.ndarray:
    """RGBA uint8 with straight alpha from a linear, premultiplied render; colours go on under alpha 0.

    Pixels with less alpha than `least` take their neighbours' colour, over up to `reach` px. The tone curve bends
    only highlights. It acts on the straight colours, so that alpha and colours stay exact.
    """
    alpha = np.clip(linear[..., 3], 0, 1)
    # Under a few percent the division would blow up what noise is left.
    weight = np.where(alpha >= least, alpha, 0)
    colour = linear[..., :3] * (weight > 0)[..., None]
    straight = _spread(colour, weight, reach) * gain
    bent = np.where(straight < 0.5, straight, 0.5 + 0.5 * (1 - np.exp(-(straight - 0.5) / 0.5)))
    display = np.where(bent <= 0.0031308, bent * 12.92, 1.055 * np.maximum(bent, 1e-6) ** (1 / 2.4) - 0.055)
    rgba = np.dstack([np.clip(display, 0, 1), alpha])
    return (rgba * 255 + 0.5).astype(np.uint8)


def _spread(colour: np.ndarray, weight: np.ndarray, reach: int) -> np.ndarray:
    """Straight colours from premultiplied ones, carried outwards over `reach` px where the weight is 0."""
    known = weight > 0
    straight = colour / np.maximum(weight, 1e-6)[..., None]
    straight[~known] = 0
    for _ in range(reach):
        total, count = np.zeros_like(straight), np.zeros(known.shape, np.float32)
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                near = np.roll(known, (down, across), (0, 1))
                total += np.roll(straight, (down, across), (0, 1)) * near[..., None]
                count += near
        fresh = ~known & (count > 0)
        straight[fresh] = total[fresh] / count[fresh][:, None]
        known = known | fresh
    return straight


def seen_box(alpha: np.ndarray, margin: int = 2) -> tuple[slice, slice]:
    """Rows and columns of what is seen (alpha above 0) and a margin in px."""
    rows, columns = np.nonzero(alpha.max(axis=1))[0], np.nonzero(alpha.max(axis=0))[0]
    top, left = max(0, rows[0] - margin), max(0, columns[0] - margin)
    return slice(top, rows[-1] + margin + 1), slice(left, columns[-1] + margin + 1)


def save(pixels: np.ndarray, path: Path) -> None:
    """Write RGBA or grey uint8 as WebP, whole or not at all; alpha and grey have no loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.stem}.part")
    lossless = pixels.ndim == 2
    Image.fromarray(pixels).save(half, "WEBP", quality=88, method=4, alpha_quality=100, lossless=lossless)
    half.replace(path)


def take(sprite: Sprite, out: Path, samples: int) -> None:
    """Render one sprite into a folder."""
    started = time.monotonic()
    rng = np.random.default_rng(sprite.seed)
    kit.reset_scene()
    sprite.build(rng)
    product = list(bpy.context.scene.objects)
    kit.gather(product, turn=(0, 0, sprite.turn))
    shot = Shot(
        sprite.product, lambda: None, lambda: None, lambda: None, azimuth=sprite.azimuth, elevation=sprite.elevation,
        roll=sprite.roll, fill=0.9,
    )  # fmt: skip
    # 15 % of the frame stays free around the product, for fur and for what framing by points misses.
    aim_camera(shot, product, round(SIDE / 0.85), round(SIDE / 0.85))
    bpy.context.scene.camera.data.dof.use_dof = False
    sprite.light()
    add_ground(rng)
    prepare(samples, sprite.seed)
    with tempfile.TemporaryDirectory() as folder:
        rgba = develop(render_linear(folder), sprite.gain)
    save(rgba[seen_box(rgba[..., 3])], out / f"{sprite.name}.webp")
    log.info("%s took %.0f s", sprite.name, time.monotonic() - started)


def main() -> None:
    """Parse the command line and render."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder that gets the sprites")
    parser.add_argument("--meshes", type=Path, help="folder with models/*.gltf and hdris/*.hdr")
    parser.add_argument("--count", type=int, default=MEASURED_MODELS, help="how many models of the folder")
    parser.add_argument("--only", nargs="*", default=[], help="only these products")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--missing", action="store_true", help="leave out what is there already")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for sprite in mesh_sprites(args.meshes, args.count) if args.meshes else own_sprites():
        wanted = not args.only or sprite.product in args.only
        if wanted and not (args.missing and (args.out / f"{sprite.name}.webp").exists()):
            take(sprite, args.out, args.samples)


if __name__ == "__main__":
    main()
