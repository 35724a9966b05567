"""Render the sample catalog: uploads as a small seller would send them, and their exact mattes.

    python rendering/sample_catalog.py --out DIR [--mattes DIR] [--sku NAME ...] [--preview]

Needs the dev-only packages in rendering/README.md. All seeds are fixed, so the same Blender version gives the same
pictures. Photos go to DIR/uploads, mattes to DIR/sample_mattes unless --mattes says otherwise.
"""

from __future__ import annotations

import argparse
import logging
import math
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import bpy
import kit
import numpy as np
import photo_look
import products
import sets
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler, Vector
from photo_look import PhotoLook
from PIL import Image

log = logging.getLogger("sample_catalog")

BIRCH = ("#b59a76", "#cdb28c", "#dcc6a4")
WALNUT = ("#4f3524", "#6b4a33", "#84603f")
LANDSCAPE, PORTRAIT, SQUARE = (1200, 900), (900, 1200), (1200, 1200)


@dataclass(frozen=True)
class Shot:
    """One picture: product, place, light, camera and the phone's flaws."""

    sku: str
    product: Callable[[], None]
    place: Callable[[], None]
    light: Callable[[], None]
    view: str = "main"
    size: tuple[int, int] = PORTRAIT
    azimuth: float = 0.0
    elevation: float = 15.0
    roll: float = 0.0
    lens: float = 45.0
    fill: float = 0.58
    shift: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    exposure: float = 0.4
    samples: int = 9
    look: PhotoLook = field(default_factory=PhotoLook)

    @property
    def seed(self) -> int:
        """A number of this picture alone, the same in every run."""
        return zlib.crc32(f"{self.sku}/{self.view}".encode())


def _kitchen_and_table() -> list[Shot]:
    """Products that contrast with a plain place: the easy ones."""
    blue = partial(Shot, "mug-blue", products.mug_blue, sets.wooden_table, sets.window)
    tea = partial(Shot, "tea-box-mint", products.tea_box, partial(sets.wooden_table, BIRCH, "#d8ccb6"), sets.overcast)
    candle = partial(Shot, "candle-fig", products.candle, sets.kitchen_counter, partial(sets.sun_patch, side=1))
    soap = partial(Shot, "soap-brookmoss", products.soap_bottle, sets.kitchen_counter, sets.overcast)
    return [
        tea("front", azimuth=18, elevation=13, roll=-0.8, look=PhotoLook(warmth=0.03)),
        Shot(
            "vase-terracotta",
            products.vase,
            partial(sets.paper_sweep, "#a9bcc6"),
            partial(sets.window, 1),
            elevation=8,
            roll=0.7,
            look=PhotoLook(warmth=0.02, vignette=0.2),
        ),
        soap("front", azimuth=8, elevation=10, roll=0.9),
        blue("front", LANDSCAPE, azimuth=-12, elevation=22, roll=1.2, look=PhotoLook(warmth=-0.01)),
        candle("front", SQUARE, azimuth=6, elevation=14, roll=-1.2),
        Shot(
            "mills-pair",
            products.mills,
            sets.paper_sweep,
            sets.ceiling_lamp,
            size=SQUARE,
            azimuth=6,
            elevation=16,
            roll=-0.9,
            look=PhotoLook(warmth=0.04, noise=0.015),
        ),
        tea("back", azimuth=-20, elevation=15, roll=1.4, turn=180, look=PhotoLook(warmth=0.03)),
        soap("back", azimuth=-8, elevation=14, roll=-1.1, turn=180),
        blue("detail", SQUARE, azimuth=20, elevation=52, roll=2.0, turn=30, look=PhotoLook(warmth=-0.02)),
        candle("detail", SQUARE, azimuth=-10, elevation=48, roll=1.2),
    ]


def _floor_and_bed() -> list[Shot]:
    """Products on cloth, carpet and floor: softer borders, more shadow."""
    bear = partial(Shot, "bear-plush", products.bear, partial(sets.bedsheet, calm=1.9), partial(sets.window, 1))
    notebook = partial(
        Shot, "notebook-red", products.notebook, partial(sets.bedsheet, seed=4, folds=0.55), sets.window, size=LANDSCAPE
    )
    return [
        notebook(azimuth=5, elevation=62, roll=2.0, turn=14, fill=0.62, look=PhotoLook(warmth=-0.02)),
        Shot(
            "lamp-tripod",
            products.lamp,
            sets.floor_and_wall,
            partial(sets.window, 1),
            azimuth=10,
            elevation=8,
            roll=0.8,
            fill=0.66,
        ),
        Shot(
            "bag-saddle",
            products.bag,
            sets.floor_and_wall,
            sets.overcast,
            "front",
            azimuth=-14,
            elevation=12,
            roll=0.9,
            fill=0.56,
        ),
        bear("front", azimuth=8, elevation=14, roll=1.0, fill=0.62, look=PhotoLook(warmth=0.02)),
        bear("side", azimuth=8, elevation=16, roll=-0.6, turn=60, fill=0.62, look=PhotoLook(warmth=0.02)),
    ]


def _hard_cases() -> list[Shot]:
    """White on white, dark on dark, glass, mirror, holes, a thin chain."""
    white, dark, grey = (
        partial(sets.bedsheet, code, seed=s, folds=0.45) for code, s in (("#e9e8e6", 2), ("#2a2c31", 6), ("#85888e", 9))
    )
    return [
        Shot(
            "kettle-steel",
            products.kettle,
            partial(sets.wooden_table, WALNUT, "#c9c6bd"),
            sets.window,
            size=LANDSCAPE,
            azimuth=-8,
            elevation=16,
            roll=0.8,
            fill=0.6,
        ),
        Shot(
            "basket-willow",
            products.basket,
            sets.carpet,
            sets.window,
            size=LANDSCAPE,
            azimuth=4,
            elevation=24,
            roll=-0.7,
            fill=0.58,
        ),
        Shot("mug-white", products.mug_white, white, sets.window, size=LANDSCAPE, azimuth=-10, elevation=26, fill=0.52),
        Shot(
            "bottle-clear",
            products.glass_bottle,
            sets.kitchen_counter,
            partial(sets.window, 1),
            elevation=10,
            roll=-0.6,
        ),
        Shot(
            "headphones-black",
            products.headphones,
            dark,
            sets.ceiling_lamp,
            size=LANDSCAPE,
            azimuth=15,
            elevation=38,
            roll=1.2,
            exposure=1.1,
            look=PhotoLook(warmth=0.04, noise=0.019),
        ),
        Shot("necklace-gold", products.necklace, grey, sets.window, size=SQUARE, elevation=64, roll=-1.5),
    ]


def shots() -> list[Shot]:
    """The whole catalog, easy products first."""
    return [*_kitchen_and_table(), *_floor_and_bed(), *_hard_cases()]


def build(shot: Shot) -> list[bpy.types.Object]:
    """Lay out the scene; returns the objects that are the product."""
    kit.reset_scene()
    shot.product()
    product = list(bpy.context.scene.objects)
    kit.gather(product, turn=(0, 0, shot.turn))
    shot.place()
    shot.light()
    return product


def surface_points(objects: list[bpy.types.Object], count: int = 400) -> np.ndarray:
    """Nx3 world points of all surfaces, modifiers included: some `count` of each object, which is enough to frame by."""
    graph = bpy.context.evaluated_depsgraph_get()
    points = [np.empty((0, 3))]
    for obj in objects:
        if obj.type not in {"MESH", "CURVE", "FONT"}:
            continue
        evaluated = obj.evaluated_get(graph)
        mesh = evaluated.to_mesh()
        flat = np.empty(3 * len(mesh.vertices), dtype=np.float32)
        mesh.vertices.foreach_get("co", flat)
        world = np.array(evaluated.matrix_world)
        local = flat.reshape(-1, 3)[:: max(1, len(mesh.vertices) // count)]
        points.append(local @ world[:3, :3].T + world[:3, 3])
        evaluated.to_mesh_clear()
    return np.concatenate(points)


def aim_camera(shot: Shot, product: list[bpy.types.Object], width: int, height: int) -> None:
    """Put the camera where the product fills the wanted part of the picture's long side."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = width, height
    data = bpy.data.cameras.new("phone")
    data.lens, data.clip_start = shot.lens, 0.05
    camera = kit.link(bpy.data.objects.new("phone", data))
    scene.camera = camera
    points = [Vector(point) for point in surface_points(product)]
    middle = sum(points, Vector()) / len(points)
    turn = Euler((math.radians(90 - shot.elevation), 0, math.radians(shot.azimuth))).to_matrix()
    camera.rotation_euler = (turn @ Euler((0, 0, math.radians(shot.roll))).to_matrix()).to_euler()
    camera.location = middle + turn @ Vector((0, 0, 12))
    for _ in range(8):
        _step_camera(camera, points, middle, shot, (width, height))
    data.dof.use_dof = True
    data.dof.focus_distance = (camera.location - middle).length
    data.dof.aperture_fstop = 8.0


def _step_camera(
    camera: bpy.types.Object, points: list[Vector], middle: Vector, shot: Shot, size: tuple[int, int]
) -> None:
    """One step towards the framing: right distance, then right centre."""
    bpy.context.view_layer.update()
    seen = np.array([world_to_camera_view(bpy.context.scene, camera, p)[:2] for p in points])
    low, high = seen.min(axis=0), seen.max(axis=0)
    extent = (high - low) * np.array(size)
    # The short side must hold the product too, with some air around it.
    ratio = max(extent.max() / (shot.fill * max(size)), extent.min() / (0.84 * min(size)))
    ratio = max(ratio, *(extent / (0.84 * np.array(size))))
    away = camera.location - middle
    camera.location = middle + away * ratio
    off = ((low + high) / 2 - 0.5 - np.array(shot.shift)) * np.array(size) / max(size)
    span = (camera.location - middle).length * 36.0 / shot.lens
    basis = camera.rotation_euler.to_matrix()
    move = basis @ Vector((off[0] * span, off[1] * span, 0))
    camera.location += move
    middle += move


def _render(path: Path) -> None:
    scene = bpy.context.scene
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def render_photo(shot: Shot, path: Path, preview: bool) -> None:
    """The clean picture, before the phone's flaws."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.image_settings.file_format = "PNG"
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.view_settings.exposure = shot.exposure
    cycles = scene.cycles
    cycles.seed = shot.seed % 100000
    cycles.samples = 12 if preview else shot.samples
    cycles.use_adaptive_sampling = True
    # Plain paper and wall are clean after a few samples; edges, hair and glass get them all.
    cycles.adaptive_threshold, cycles.adaptive_min_samples = 0.08, 4
    cycles.use_denoising = True
    cycles.denoiser, cycles.denoising_prefilter = "OPENIMAGEDENOISE", "FAST"
    cycles.denoising_quality = "BALANCED"
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 8, 2, 3
    cycles.transmission_bounces = cycles.transparent_max_bounces = 8
    scene.cycles_curves.shape = "RIBBONS"
    _render(path)


def _crop_to(product: list[bpy.types.Object]) -> None:
    """Render only the part of the frame that holds the product; the rest stays empty."""
    scene = bpy.context.scene
    seen = np.array([world_to_camera_view(scene, scene.camera, Vector(p))[:2] for p in surface_points(product)])
    # The margin is for hair, which stands off the surfaces that are measured.
    low, high = np.clip(seen.min(axis=0) - 0.06, 0, 1), np.clip(seen.max(axis=0) + 0.06, 0, 1)
    render = scene.render
    render.border_min_x, render.border_min_y = low
    render.border_max_x, render.border_max_y = high
    render.use_border, render.use_crop_to_border = True, False


def render_matte(product: list[bpy.types.Object], path: Path, preview: bool) -> None:
    """Coverage of the product: the same camera, all else held out, no denoiser, one opaque material.

    Glass counts as opaque here: a cut-out must hold the whole bottle.
    """
    scene = bpy.context.scene
    flat = bpy.data.materials.new("flat")
    bpy.context.view_layer.material_override = flat
    kept = set(product)
    for obj in scene.objects:
        if obj not in kept:
            obj.is_holdout = True
    _crop_to(product)
    scene.render.film_transparent = True
    scene.render.image_settings.color_mode = "RGBA"
    scene.view_settings.exposure = 0.0
    cycles = scene.cycles
    cycles.samples = 12 if preview else 36
    cycles.use_adaptive_sampling = cycles.use_denoising = False
    cycles.max_bounces = 0
    _render(path)


def take(shot: Shot, uploads: Path, mattes: Path, preview: bool) -> None:
    """Render one picture and its matte into the catalog."""
    started = time.monotonic()
    scale = 400 / max(shot.size) if preview else 1.0
    width, height = (round(side * scale) for side in shot.size)
    product = build(shot)
    aim_camera(shot, product, width, height)
    # A product with one picture comes as a flat file, which the pipeline reads as the view `main`.
    name = shot.sku if shot.view == "main" else f"{shot.sku}/{shot.view}"
    matte = mattes / shot.sku / f"{shot.view}.png"
    matte.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        raw, cover = Path(folder, "photo.png"), Path(folder, "matte.png")
        render_photo(shot, raw, preview)
        render_matte(product, cover, preview)
        with Image.open(raw) as render:
            photo = photo_look.develop(render, shot.look, shot.seed)
        photo_look.save_photo(photo, uploads / f"{name}.jpg", shot.look.quality)
        with Image.open(cover) as render:
            render.getchannel("A").save(matte, optimize=True)
    log.info("%s/%s took %.0f s", shot.sku, shot.view, time.monotonic() - started)


def plant_bad_uploads(uploads: Path) -> None:
    """Two files that the pipeline must turn down: a broken-off JPEG and a text under a picture's name."""
    with Image.open(uploads / "kettle-steel.jpg") as photo:
        photo_look.save_truncated(photo, uploads / "broken-teapot.jpg", 70)
    prices = "Price list, spring\n\nmug-blue;24.90 EUR\nmug-white;14.50 EUR\nvase-terracotta;39.00 EUR\n"
    (uploads / "price-list.jpg").write_text(prices, encoding="utf-8")


def main() -> None:
    """Parse the command line and render."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder that gets uploads/")
    parser.add_argument("--mattes", type=Path, help="folder for the mattes (default: OUT/sample_mattes)")
    parser.add_argument("--sku", nargs="*", default=[], help="only these SKUs (or SKU/view)")
    parser.add_argument("--bad-uploads", action="store_true", help="write only the two files that must be rejected")
    parser.add_argument("--preview", action="store_true", help="400 px and few samples")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    uploads, mattes = args.out / "uploads", args.mattes or args.out / "sample_mattes"
    catalog, wanted = shots(), set(args.sku)
    for shot in [] if args.bad_uploads else catalog:
        if not wanted or shot.sku in wanted or f"{shot.sku}/{shot.view}" in wanted:
            take(shot, uploads, mattes, args.preview)
    if args.bad_uploads or not wanted:
        plant_bad_uploads(uploads)


if __name__ == "__main__":
    main()
