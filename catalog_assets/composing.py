"""Scenes from the command line: one cut-out in one scene, or on every plate of the studio at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from catalog_assets.models import known
from catalog_assets.settings import SettingsError
from catalog_assets.single import ANY_PICTURE, cutout_of, read_picture
from resources.engines import Engines
from resources.imaging.encode import jpeg, png_rgba, webp_lossless
from resources.progress import Progress
from resources.scenes.engine import Care, EngineError, SceneJob, scene_seed
from resources.scenes.plate import Plate, load_plates
from resources.scenes.studio import StudioEngine
from resources.scenes.templates import KIND_OF_POSE, Crop, Pose, crop_size, load_templates
from resources.verdicts import Rejection

U8 = NDArray[np.uint8]

_COLUMNS, _GAP, _LABEL, _TEXT = 4, 8, 30, 18
_PAPER, _INK = (250, 250, 248), (24, 26, 30)


@dataclass(frozen=True, slots=True)
class Wish:
    """How a picture should be made. crop: none is the template's first. side: pixels of the longer side.

    engine: "" is the configured one. product: what it is, in a few words, for an engine that is told.
    """

    seed: int = 1
    crop: Crop | None = None
    pose: Pose = "standing"
    height_cm: float | None = None
    side: int = 1600
    harmonise: bool = True
    engine: str = ""
    product: str = ""


def compose_file(cutout: Path, scene: str, output: Path, engines: Engines, wish: Wish = Wish()) -> dict[str, Any]:
    """Put a cut-out into a scene and write the picture.

    Raises SettingsError for an unknown scene, crop, extension or engine, or if the output is the cut-out itself.
    """
    templates = load_templates()
    if scene not in templates:
        raise SettingsError(f"no scene named {scene!r}; known are {', '.join(sorted(templates))}")
    template = templates[scene]
    crop = wish.crop or template.crops[0]
    if crop not in template.crops:
        raise SettingsError(f"{scene} is not composed for {crop}; choose {', '.join(template.crops)}")
    write = _writer(cutout, output)
    engine = known(lambda: engines.scene_engine(wish.engine))
    rgba = _read_cutout(cutout)
    if isinstance(rgba, Rejection):
        return _rejected(cutout, rgba)
    job = SceneJob(
        rgba,
        template,
        scene_seed(cutout.stem, scene, wish.seed),
        crop_size(crop, wish.side),
        wish.pose,
        wish.height_cm,
        Care(wish.harmonise),
        product=wish.product,
        name=cutout.stem,
    )
    try:
        candidate = engine.compose([job])[0]
    except EngineError as error:
        return _rejected(cutout, Rejection(error.code, error.message, "Or choose another engine: `catalog models`."))
    write(candidate.rgb)
    return {
        "file": str(output),
        "status": "made",
        "engine": engine.name,
        "scene": scene,
        "seed": wish.seed,
        "notes": list(candidate.notes),
        **candidate.facts,
    }


def sheet_file(cutout: Path, season: str, output: Path, wish: Wish) -> dict[str, Any]:
    """Put a cut-out onto every plate of the studio for its pose, and write one sheet of all.

    season: only plates of this one; "" all. wish.side: side of a tile. Raises SettingsError for a season without such
    plates or an extension that cannot be written.
    """
    plates = [plate for plate in load_plates().values() if plate.kind == KIND_OF_POSE[wish.pose]]
    chosen = [plate for plate in plates if season in {"", plate.season}]
    if not chosen:
        raise SettingsError(
            f"no plate of season {season!r} for a {wish.pose} product; known are "
            f"{', '.join(sorted({plate.season for plate in plates}))}"
        )
    write = _writer(cutout, output)
    rgba = _read_cutout(cutout)
    if isinstance(rgba, Rejection):
        return _rejected(cutout, rgba)
    chosen.sort(key=lambda plate: (plate.season != "any", plate.season, plate.name))
    with Progress(show=len(chosen) * wish.side > 3000).bar("plates", len(chosen)) as done:
        write(_sheet(chosen, _tiles(rgba, chosen, cutout.stem, wish, done), wish.side))
    return {"file": str(output), "status": "made", "plates": [plate.name for plate in chosen]}


def _tiles(rgba: U8, plates: Sequence[Plate], name: str, wish: Wish, done: Callable[[int], None]) -> Iterator[U8]:
    engine, template = StudioEngine(), next(iter(load_templates().values()))
    # A candidate at four times the pixels shows what a final has: its grain and edges come out as they will be.
    for plate in plates:
        job = SceneJob(
            rgba,
            template,
            scene_seed(name, plate.name, wish.seed),
            (2 * wish.side, 2 * wish.side),
            wish.pose,
            wish.height_cm,
            Care(wish.harmonise),
            plate=plate.name,
        )
        yield cv2.resize(engine.compose([job])[0].rgb, (wish.side, wish.side), interpolation=cv2.INTER_AREA)
        done(1)


def _sheet(plates: Sequence[Plate], tiles: Iterator[U8], side: int) -> U8:
    """The tiles in rows, each with its plate's name and season below."""
    columns = min(_COLUMNS, len(plates))
    rows = -(-len(plates) // columns)
    size = (columns * (side + _GAP) + _GAP, rows * (side + _LABEL + _GAP) + _GAP)
    paper = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(_TEXT)
    for index, (plate, tile) in enumerate(zip(plates, tiles, strict=True)):
        left = _GAP + index % columns * (side + _GAP)
        top = _GAP + index // columns * (side + _LABEL + _GAP)
        paper.paste(Image.fromarray(tile), (left, top))
        draw.text((left + 4, top + side + 3), f"{plate.name} ({plate.season})", fill=_INK, font=font)
    return np.asarray(paper)


def _read_cutout(path: Path) -> U8 | Rejection:
    """A cut-out (HxWx4) from a file, or why it is none."""
    picture = read_picture(path, ANY_PICTURE)
    if isinstance(picture, Rejection):
        return picture
    if picture.alpha is None:
        return Rejection(
            "no_transparency",
            "This picture has no transparent border, so it is no cut-out.",
            "Make one with `catalog cutout`.",
        )
    rgba: U8 = cutout_of(picture, picture.alpha)
    return rgba


def _rejected(path: Path, why: Rejection) -> dict[str, Any]:
    return {"file": str(path), "status": "rejected", "reason": why.code, "message": why.message, "hint": why.hint}


def _writer(cutout: Path, output: Path) -> Callable[[U8], None]:
    """What writes a picture under a name; SettingsError if that name cannot be, or would cost the cut-out."""
    writers = {".png": _png, ".webp": webp_lossless, ".jpg": jpeg, ".jpeg": jpeg}
    if output.suffix.lower() not in writers:
        raise SettingsError(f"{output.name}: the name must end with {', '.join(writers)}")
    if output.resolve() == cutout.resolve():
        raise SettingsError(f"{output.name} is the cut-out itself, and would be overwritten; give another name with -o")

    def write(rgb: U8) -> None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(writers[output.suffix.lower()](rgb))

    return write


def _png(rgb: U8) -> bytes:
    return png_rgba(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]))
