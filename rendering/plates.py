"""Renders the studio's plates: empty sets with a known camera, floor and light, each with its description.

    .venv-bpy/bin/python rendering/plates.py --out resources/scenes/plates
    .venv-bpy/bin/python rendering/plates.py --out DIR --preview --stand-in --only oak-window

Beside each picture `<name>.jpg` lie `<name>.ambient.jpg` (the share of light that is left where the key light is
blocked, linear, per channel) and `<name>.yaml` (what the compositor must know). Sets are in plate_sets/, one file a
season; how a set is described is in plate_spec.py.
"""

from __future__ import annotations

import argparse
import io
import logging
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import kit
import materials as mt
import numpy as np
import plate_sets
import yaml
from mathutils import Vector
from photo_look import to_display
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from plate_spec import CM, Plate, floor_row, horizon_row, kelvin_rgb

log = logging.getLogger("plates")

SIDE = 2048
SAMPLES = 8
AMBIENT_SIDE = 768
GOOD_BYTES = 330_000
_SENSOR = 36.0  # mm; with a square picture the lens is focal * 36 mm


# ---- scene


def set_up(plate: Plate, build: Callable[[], None]) -> None:
    """Build the set (or its foreground), its camera and its key light in an empty file."""
    kit.reset_scene()
    build()
    _camera(plate)
    _key_light(plate)


def _camera(plate: Plate) -> None:
    data = bpy.data.cameras.new("camera")
    data.sensor_width = data.sensor_height = _SENSOR
    data.lens = plate.focal * _SENSOR
    data.clip_end = 1000
    down = math.radians(plate.pitch)
    to_stand = down + math.atan((plate.stand_row - 0.5) / plate.focal)
    camera = kit.link(bpy.data.objects.new("camera", data))
    camera.location = (0, -plate.distance * math.cos(to_stand), plate.distance * math.sin(to_stand))
    camera.rotation_euler = (math.pi / 2 - down, 0, 0)
    if plate.blur > 0:
        focus = plate.distance * math.cos(to_stand - down)
        # A point far away is drawn as a disc of aperture * focal / focus, as a share of the picture's side.
        aperture = plate.blur * focus / plate.focal
        data.dof.use_dof = True
        data.dof.focus_distance = focus
        data.dof.aperture_fstop = data.lens / 1000 / aperture
        data.dof.aperture_blades = 0
    bpy.context.scene.camera = camera


def _key_light(plate: Plate) -> None:
    """Parallel light of the given angular size, in a light group of its own, so that its share is known everywhere."""
    light = bpy.data.lights.new("key", "SUN")
    light.energy = plate.key * math.pi
    light.angle = math.radians(plate.light.size)
    light.color = kelvin_rgb(plate.light.kelvin)
    obj = kit.link(bpy.data.objects.new("key", light))
    obj.rotation_euler = (-Vector(plate.light.to_light)).to_track_quat("-Z", "Y").to_euler()
    obj.lightgroup = "key"


def add_stand_in(plate: Plate) -> None:
    """Plain things of a product's size where products stand: to judge scale and light, never shipped."""
    grey = mt.principled("stand-in", "#b8b4ae", roughness=0.5)
    red = mt.principled("stand-in-red", "#b5443a", roughness=0.35)
    tall = plate.nominal
    if plate.kind == "floor":
        kit.lathe("cup", [(0, 0), (0.36 * tall, 0), (0.36 * tall, tall), (0.33 * tall, tall), (0, 0.1 * tall)], red)
        kit.box("carton", (0.4 * tall, 0.25 * tall, 0.6 * tall), grey, at=(0.75 * tall, 0.1 * tall, 0), bevel=0.02)
    else:
        book = kit.box("book", (0.7 * tall, tall, 0.1 * tall), red, bevel=0.02)
        if plate.kind == "wall":
            book.rotation_euler = (math.pi / 2, 0, 0)
            book.location = (0, 0, 0)


# ---- rendering


def _cycles(plate: Plate, side: int, samples: int) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x = scene.render.resolution_y = side
    scene.render.resolution_percentage = 100
    cycles = scene.cycles
    cycles.samples = samples
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold, cycles.adaptive_min_samples = 0.05, 8
    cycles.use_denoising = True
    cycles.denoiser, cycles.denoising_prefilter = "OPENIMAGEDENOISE", "FAST"
    cycles.denoising_quality = "HIGH"
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 6, 2, 3
    cycles.transmission_bounces, cycles.transparent_max_bounces = 6, 12
    cycles.seed = sum(map(ord, plate.name))
    scene.cycles_curves.shape = "RIBBONS"


def render(plate: Plate, side: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Linear light of the picture, and the part of it that comes from the key light; float32 HxWx3."""
    _cycles(plate, side, samples)
    scene, layer = bpy.context.scene, bpy.context.view_layer
    layer.lightgroups.add(name="key")
    with tempfile.TemporaryDirectory() as folder:
        _write_passes(scene, folder)
        bpy.ops.render.render()
        found = {path.name.split("_")[0]: path for path in Path(folder).iterdir()}
        return _read_exr(found["picture"]), _read_exr(found["key"])


def render_foreground(plate: Plate, side: int, samples: int) -> Image.Image:
    """The foreground alone, developed like the plate, with straight alpha."""
    set_up(plate, plate.foreground)
    scene = bpy.context.scene
    _cycles(plate, side, samples)
    scene.render.film_transparent = True
    with tempfile.TemporaryDirectory() as folder:
        scene.render.image_settings.file_format = "OPEN_EXR"
        scene.render.image_settings.color_mode = "RGBA"
        scene.render.image_settings.color_depth = "32"
        scene.render.filepath = str(Path(folder, "foreground.exr"))
        bpy.ops.render.render(write_still=True)
        rgba = _read_exr(Path(scene.render.filepath), 4)
    alpha = np.clip(rgba[..., 3:], 0, 1)
    color = develop(rgba[..., :3] / np.maximum(alpha, 1e-3), plate.exposure)
    return Image.fromarray(np.dstack([color, np.rint(255 * alpha).astype(np.uint8)]), "RGBA")


def _write_passes(scene: bpy.types.Scene, folder: str) -> None:
    """Have the compositor write the picture and the pass of the key light as EXR files."""
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    layers = tree.nodes.new("CompositorNodeRLayers")
    output = tree.nodes.new("CompositorNodeOutputFile")
    output.base_path = folder
    output.format.file_format = "OPEN_EXR"
    output.format.color_depth = "32"
    output.file_slots.clear()
    for name in ("picture_", "key_"):
        output.file_slots.new(name)
    tree.links.new(layers.outputs["Image"], output.inputs[0])
    tree.links.new(layers.outputs["Combined_key"], output.inputs[1])


def _read_exr(path: Path, channels: int = 3) -> np.ndarray:
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return np.ascontiguousarray(pixels.reshape(height, width, 4)[::-1, :, :channels])


# ---- development and files


def develop(linear: np.ndarray, exposure: float) -> np.ndarray:
    """sRGB of linear light: exposure in stops, then highlights rolled off above 0.7 so that none is clipped."""
    light = np.maximum(linear, 0) * 2.0**exposure
    knee = 0.7
    over = np.maximum(light - knee, 0)
    rolled = np.minimum(light, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee)))
    return np.clip(np.rint(255 * to_display(rolled)), 0, 255).astype(np.uint8)


def ambient_share(linear: np.ndarray, key: np.ndarray, side: int) -> np.ndarray:
    """The share of light that is not the key light's, per channel, uint8 (linear, 255 is all of it), side x side."""
    factor = linear.shape[0] // side or 1
    total, direct = (_mean_blocks(np.maximum(image, 0), factor) for image in (linear, key))
    share = 1 - np.clip(direct / np.maximum(total, 1e-4), 0, 1)
    small = Image.fromarray((255 * share).astype(np.uint8)).resize((side, side), Image.Resampling.BILINEAR)
    # The pass of the key light is not denoised; the share has no detail finer than this blur.
    return np.asarray(small.filter(ImageFilter.GaussianBlur(0.0035 * side)))


def _mean_blocks(image: np.ndarray, factor: int) -> np.ndarray:
    height, width = (size // factor * factor for size in image.shape[:2])
    blocks = image[:height, :width].reshape(height // factor, factor, width // factor, factor, 3)
    return blocks.mean(axis=(1, 3))


def _jpeg(picture: np.ndarray, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality, subsampling="4:2:0", optimize=True)
    return buffer.getvalue()


def _small_enough(picture: np.ndarray) -> bytes:
    """The best JPEG that fits into what a plate should weigh; a very fine texture may weigh more."""
    for quality in (95, 93, 91, 89, 87, 85, 82, 80):
        data = _jpeg(picture, quality)
        if len(data) <= GOOD_BYTES:
            break
    return data


def palette(picture: np.ndarray, count: int = 5) -> list[str]:
    """The picture's main colours, most frequent first."""
    small = Image.fromarray(picture).resize((128, 128), Image.Resampling.BOX)
    reduced = small.quantize(count, Image.Quantize.MEDIANCUT)
    table = reduced.getpalette() or []
    counts = sorted(reduced.getcolors() or [], reverse=True)
    return ["#" + "".join(f"{c:02x}" for c in table[3 * index : 3 * index + 3]) for _, index in counts]


def description(plate: Plate, picture: np.ndarray, share: np.ndarray) -> dict[str, object]:
    """What the compositor must know of a plate; the fields are explained in resources/scenes/plates.py."""
    light = plate.light
    around = share.shape[0] // 24
    row, column = (round(at * (share.shape[0] - 1)) for at in (plate.stand_row, 0.5))
    stand = share[row - around : row + around, column - around : column + around]
    return {
        "title": plate.title,
        "season": plate.season,
        "kind": plate.kind,
        "mood": list(plate.mood),
        "setting": plate.setting,
        "camera": {
            "focal": plate.focal,
            "pitch": plate.pitch,
            "distance_cm": round(plate.distance * CM, 1),
            "stand_row": plate.stand_row,
        },
        "horizon": round(horizon_row(plate), 4),
        "floor_line": round(floor_row(plate, plate.floor_end), 4),
        "cm_across": round(CM * plate.distance / plate.focal, 1),
        "stand": {"x": list(plate.stand_x), "y": list(plate.stand_y)},
        "height_cm": list(plate.height_cm),
        "anchor": list(plate.anchor) if plate.anchor else None,
        "blur": plate.blur,
        "gloss": plate.gloss,
        "roughness": plate.roughness,
        "light": {
            "azimuth": light.azimuth,
            "elevation": light.elevation,
            "size": light.size,
            "kelvin": light.kelvin,
            "key_share": round(1 - float(stand.mean()) / 255, 3),
        },
        "mirror": plate.mirror,
        "foreground": plate.foreground is not None,
        "palette": palette(picture),
    }


def save(plate: Plate, folder: Path, linear: np.ndarray, key: np.ndarray) -> None:
    """Write picture, ambient share and description of a plate."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = develop(linear, plate.exposure)
    share = ambient_share(linear, key, min(AMBIENT_SIDE, linear.shape[0]))
    (folder / f"{plate.name}.jpg").write_bytes(_small_enough(picture))
    (folder / f"{plate.name}.ambient.jpg").write_bytes(_jpeg(share, 84))
    text = yaml.safe_dump(description(plate, picture, share), sort_keys=False, allow_unicode=True, width=110)
    (folder / f"{plate.name}.yaml").write_text(text, encoding="utf-8")


def contact_sheet(folder: Path, target: Path, side: int = 260, columns: int = 7) -> None:
    """All plates of a folder in one JPEG, with names, in the order of the sets."""
    names = [plate.name for plate in plate_sets.all_plates() if (folder / f"{plate.name}.jpg").exists()]
    rows, gap, label = -(-len(names) // columns), 6, 20
    size = (columns * (side + gap) + gap, rows * (side + label + gap) + gap)
    sheet = Image.new("RGB", size, "#fafaf8")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, name in enumerate(names):
        left, top = gap + index % columns * (side + gap), gap + index // columns * (side + label + gap)
        with Image.open(folder / f"{name}.jpg") as picture:
            sheet.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (left, top))
        draw.text((left + 2, top + side + 2), name, fill="#18191e", font=font)
    sheet.save(target, "JPEG", quality=85, optimize=True)


def main() -> None:
    """Parse the command line and render."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the plates")
    parser.add_argument("--only", nargs="*", default=[], help="only these plates, or all of a season")
    parser.add_argument("--missing", action="store_true", help="only what is not in the folder yet")
    parser.add_argument("--preview", action="store_true", help="480 px and few samples")
    parser.add_argument("--side", type=int, default=0, help=f"pixels (default: {SIDE})")
    parser.add_argument("--samples", type=int, default=0, help=f"samples a pixel (default: {SAMPLES})")
    parser.add_argument("--stand-in", action="store_true", help="with plain things where products stand")
    parser.add_argument("--sheet", type=Path, help="only write a contact sheet of the plates in the folder")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if args.sheet:
        contact_sheet(args.out, args.sheet)
        return
    wanted = set(args.only)
    for plate in plate_sets.all_plates():
        if wanted and not wanted & {plate.name, plate.season}:
            continue
        if args.list:
            print(plate.name, plate.season, plate.kind)
            continue
        if args.missing and (args.out / f"{plate.name}.yaml").exists():
            continue
        started = time.monotonic()
        side = args.side or (480 if args.preview else SIDE)
        samples = args.samples or (16 if args.preview else SAMPLES)
        set_up(plate, plate.build)
        if args.stand_in:
            add_stand_in(plate)
        save(plate, args.out, *render(plate, side, samples))
        if plate.foreground is not None:
            layer = render_foreground(plate, side // 2, samples)
            layer.save(args.out / f"{plate.name}.foreground.webp", quality=82, alpha_quality=90, method=6)
        log.info("%s took %.0f s", plate.name, time.monotonic() - started)


if __name__ == "__main__":
    main()
