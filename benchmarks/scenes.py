"""Measures the studio engine: CPU seconds of each step, memory, and a floor for what the eye may miss.

    python -m benchmarks.scenes [DATA] [--sheets DIR]

Products are the sprites; with DATA (manifest.csv, photos, mattes) also cut-outs of its photos by their true mattes.
"""

from __future__ import annotations

import argparse
import cProfile
import csv
import json
import math
import pstats
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.composites import SPRITES
from catalog_assets.composing import Wish, sheet_file
from resources.imaging.alpha import make_cutout
from resources.imaging.colour import delta_e_2000, rgb_to_lab
from resources.imaging.decode import Limits, Photo, decode_photo
from resources.imaging.encode import png_rgba, preview, read_grey, read_rgba, webp_lossless
from resources.imaging.harmonise import MOST_AB_SHIFT, MOST_DELTA_E
from resources.imaging.shadow import find_base
from resources.progress import Progress
from resources.scenes.engine import Candidate, Care, SceneJob, product_box, scene_seed
from resources.scenes.placing import plan_picture
from resources.scenes.plate import load_plates
from resources.scenes.studio import StudioEngine, blocked_light
from resources.scenes.templates import load_templates

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

SIDE = 1600
_FLOOR_SIDE = 800  # the numeric floor is measured at this size
# Functions of the engine by step; the cumulative time of each is taken off one profile.
_STEPS = {
    "place": ("plan_picture", "scaled_product", "on_canvas"),
    "plate": ("crop",),
    "shadow": ("blocked_light", "contact_shadow", "_mirror", "_levels"),
    "grain": ("add_grain", "grain_of"),
    "harmonise": ("harmonise", "over"),
    "encode": ("webp_lossless", "preview"),
}


@dataclass(frozen=True)
class Product:
    """A cut-out with exactly known alpha."""

    name: str
    rgba: U8


def sprites() -> list[Product]:
    """The products that come with the benchmark."""
    return [Product(path.stem.split("--")[0], read_rgba(path.read_bytes())) for path in sorted(SPRITES.glob("*.webp"))]


def photographed(data: Path) -> Iterator[Product]:
    """Cut-outs of a folder's photos by their true mattes."""
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get("matte")]
    for row in rows:
        photo = decode_photo((data / row["file"]).read_bytes(), Limits(min_side=16))
        matte = read_grey((data / row["matte"]).read_bytes())
        if isinstance(photo, Photo) and matte.shape == photo.rgb.shape[:2]:
            yield Product(Path(row["file"]).stem, make_cutout(photo.rgb, matte))


def job_of(product: Product, plate: str, side: int, *, harmonise: bool = True) -> SceneJob:
    """A standing product on a plate, its size unknown."""
    template = next(iter(load_templates().values()))
    seed = scene_seed(product.name, plate)
    return SceneJob(product.rgba, template, seed, (side, side), "standing", None, Care(harmonise), plate)


def report_speed() -> None:
    """CPU seconds a candidate, by step, plates decoded before."""
    engine, products = StudioEngine(), sprites()[::4]
    plates = [name for name, plate in load_plates().items() if plate.kind == "floor"][: len(products)]
    jobs = [job_of(product, plate, SIDE) for product, plate in zip(products, plates, strict=False)]
    engine.compose(jobs)
    profile = cProfile.Profile(time.process_time)
    started = time.process_time()
    profile.enable()
    for job in jobs:
        candidate = engine.compose([job])[0]
        webp_lossless(candidate.rgb)
        preview(candidate.rgb)
    profile.disable()
    total = (time.process_time() - started) / len(jobs)
    table = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    spent = {name: sum(row[3] for key, row in table.items() if key[2] in names) for name, names in _STEPS.items()}
    steps = ", ".join(f"{name} {seconds / len(jobs):.3f}" for name, seconds in spent.items())
    print(f"speed: {total:.2f} s CPU a candidate of {SIDE} px (goal <= 0.50): {steps}")


def report_memory() -> None:
    """Peak memory of a fresh process that makes one candidate on every plate."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scenes", "--only-memory"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    print(f"memory: {found['few']:.0f} MB after 4 plates, {found['all']:.0f} MB after all {found['plates']}")


def only_memory() -> None:
    """For `report_memory`: compose, and print the peaks of this process."""
    product, plates = sprites()[0], [name for name, plate in load_plates().items() if plate.kind == "floor"]
    peaks = {}
    for number, plate in enumerate(plates, 1):
        StudioEngine().compose([job_of(product, plate, SIDE)])
        if number in {4, len(plates)}:
            peaks["few" if number == 4 else "all"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**peaks, "plates": len(plates)}))


def report_floor(products: Sequence[Product], what: str) -> None:
    """Halo, direction of the shadow, clipping, sharpness and harmony over products and plates."""
    plates = [name for name, plate in load_plates().items() if plate.kind == "floor"]
    rows = []
    with Progress(show=True).bar("floor", len(products)) as advance:
        for number, product in enumerate(products):
            for plate in plates[number % 3 :: 3]:
                rows.append(measured(product, plate))
            advance(1)
    halo, off, clipped, sharp, shift, ab = (np.array(column) for column in zip(*rows, strict=True))
    turned = off[~np.isnan(off)]
    print(f"floor, {what}: {len(rows)} pictures")
    print(f"  halo dE2000 in a 3 px ring: mean {halo.mean():.2f}, worst {halo.max():.2f} (goal <= 3)")
    print("  shadow off the plate's light, where there is one foot: ", end="")
    print(f"mean {turned.mean():.0f}, worst {turned.max():.0f} degrees (goal <= 20)")
    print(f"  highlights clipped by us: worst {100 * clipped.max():.3f} % of the product (goal 0)")
    print(f"  sharpness of the product: {sharp.min():.3f} to {sharp.max():.3f} of the cut-out's (goal 1)")
    print(f"  harmony: mean dE2000 worst {shift.max():.2f} (goal <= {MOST_DELTA_E:g}), ", end="")
    print(f"median ab shift worst {ab.max():.2f} (goal <= {MOST_AB_SHIFT:g})")


def measured(product: Product, plate: str) -> tuple[float, float, float, float, float, float]:
    """Halo, degrees the shadow is off, share newly clipped, sharpness kept, mean dE2000, median ab shift."""
    job, bare = (job_of(product, plate, _FLOOR_SIDE, harmonise=on) for on in (True, False))
    final, plain = (StudioEngine().compose([each])[0] for each in (job, bare))
    solid = final.alpha == 255
    clipped = (final.rgb.max(axis=2) >= 254) & (plain.rgb.max(axis=2) < 254) & solid
    kept = _detail(final.rgb, solid) / max(1e-6, _detail(plain.rgb, solid))
    return (
        halo(final, plain),
        shadow_off(job, final),
        float(clipped.sum() / max(1, solid.sum())),
        kept,
        final.harmony.delta_e,
        final.harmony.ab_shift,
    )


def halo(final: Candidate, plain: Candidate) -> float:
    """Mean dE2000 in a ring of some 3 px about the outline, against the cut-out's true edge over the same scene."""
    core = cv2.erode((final.alpha == 255).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    ring = (final.alpha > 25) & ~core
    return float(delta_e_2000(rgb_to_lab(final.rgb[ring]), rgb_to_lab(plain.rgb[ring])).mean())


def shadow_off(job: SceneJob, final: Candidate) -> float:
    """Degrees between the direction in which the key shadow lies on the floor and the plate's light; nan if unseen."""
    plan = plan_picture(job)
    key, _ = blocked_light(final.alpha, plan)
    view = plan.view.floor(plan.plate).scaled(key.shape[0] / final.alpha.shape[0])
    small = cv2.resize(final.alpha, key.shape[::-1], interpolation=cv2.INTER_AREA)
    base = find_base(small)
    if not base.closed():  # many feet throw many shadows: no one point from which to measure
        return math.nan
    rows, columns = np.nonzero(key > 0.25)
    places = np.array([view.floor_point(x + 0.5, y + 0.5) for x, y in zip(columns[::7], rows[::7], strict=True)])
    if len(places) < 20:
        return math.nan
    weight = key[rows[::7], columns[::7]]
    # The shadow's middle lies off the foot of the outline's middle, which need not be that of the base.
    middle = float(np.nonzero(small > 127)[1].mean() + 0.5)
    right = view.floor_point(middle, view.floor_row(base.axis(view)[1]))[0]
    away_from_foot = places - np.array([right, base.axis(view)[1]])
    mean = (weight[:, None] * away_from_foot).sum(axis=0)
    lx, ly, _ = plan.towards_light
    away = math.atan2(-ly, -lx)
    off = math.atan2(mean[1], mean[0]) - away
    return abs(math.degrees(math.atan2(math.sin(off), math.cos(off))))


def _detail(rgb: U8, where: NDArray[np.bool_]) -> float:
    """Mean strength of fine detail inside the product."""
    core = cv2.erode(where.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    if not core.any():
        core = where
    return float(np.abs(cv2.Laplacian(rgb[..., 1].astype(np.float32), cv2.CV_32F))[core].mean() + 0.1)


def write_sheets(products: Sequence[Product], folder: Path) -> None:
    """A sheet over all standing plates for each product: to be looked at."""
    folder.mkdir(parents=True, exist_ok=True)
    for product in products:
        cutout = folder / f"{product.name}.png"
        box = product_box(product.rgba[..., 3])
        cutout.write_bytes(png_rgba(np.ascontiguousarray(product.rgba[box.top : box.bottom, box.left : box.right])))
        sheet_file(cutout, "", folder / f"{product.name}.sheet.jpg", Wish(side=360))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, help="folder with manifest.csv, photos and mattes")
    parser.add_argument("--sheets", type=Path, help="folder that gets a sheet of all plates for each photo's product")
    parser.add_argument("--only-memory", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.only_memory:
        only_memory()
        return
    report_speed()
    report_memory()
    report_floor(sprites(), "sprites")
    if options.data:
        products = list(photographed(options.data))
        report_floor(products, "photos with true mattes")
        if options.sheets:
            write_sheets(products, options.sheets)


if __name__ == "__main__":
    main()
