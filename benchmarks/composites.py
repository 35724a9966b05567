"""Pictures with exactly known mattes: sprites over backgrounds as sellers have them, and pictures without a product.

    python -m benchmarks.composites --sheet FILE.jpg [--sprites DIR ...] [--photos DATA]      contact sheet, to look at

The same sprites and seed give the same pictures. A sprite is laid over its background in linear light, with contact
and cast shadow, on glossy ground with a reflection; then the camera adds white balance, exposure, softness (to picture
and matte alike), noise and JPEG.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import backgrounds
from benchmarks.painted_shadows import cast_shadow, contact_shadow, darken, surround_shadow
from resources.imaging.alpha import make_cutout
from resources.imaging.colour import linear_to_srgb, resize_rgba, rgb_to_lab, srgb_to_linear
from resources.imaging.encode import jpeg, read_grey, read_rgb, read_rgba
from resources.imaging.shadow import contact_row

Rgb = NDArray[np.uint8]
Rgba = NDArray[np.uint8]
Field = NDArray[np.float32]
Rng = np.random.Generator

SPRITES = Path(__file__).with_name("sprites")
SEED = 2026
# Kinds of backgrounds: how they are drawn, how many of 100 pictures have them, which sprites may stand on them.
_KINDS: dict[str, tuple[backgrounds.Texture, int, str]] = {
    "white": (backgrounds.white_paper, 13, "any"),
    "white_on_white": (backgrounds.white_paper, 9, "light"),
    "grey": (backgrounds.grey_paper, 8, "any"),
    "dark_on_dark": (backgrounds.dark_paper, 4, "dark"),
    "coloured": (backgrounds.coloured_paper, 9, "any"),
    "gradient": (backgrounds.gradient, 7, "any"),
    "wood": (backgrounds.wood, 10, "any"),
    "cloth": (backgrounds.cloth, 9, "any"),
    "marble": (backgrounds.marble, 5, "any"),
    "tiles": (backgrounds.tiles, 5, "any"),
    "carpet": (backgrounds.carpet, 5, "any"),
    "table_wall": (backgrounds.table_and_wall, 10, "any"),
    "clutter": (backgrounds.cluttered_shelf, 6, "any"),
}
NEGATIVES = ("no_product", "text_panel")
_FLAT_LAY = ("wood", "cloth", "marble", "tiles", "carpet")
_GLOSSY = ("white", "marble", "tiles", "table_wall", "dark_on_dark")
_WORDS = ("size", "S", "M", "L", "XL", "cotton 100%", "34 cm", "wash at 30", "NEW", "free returns", "2 years", "chest")
_SIZES = ((960, 720), (720, 960), (840, 840), (900, 675), (640, 800))


@dataclass(frozen=True, eq=False)
class Sprite:
    """A product alone. product: name that all its sprites share. rgba: straight alpha, cropped to what is seen."""

    name: str
    product: str
    rgba: Rgba

    @property
    def tone(self) -> str:
        """light, dark or any: by the median lightness of what is opaque, if it has hardly any colour."""
        lab = rgb_to_lab(self.rgba[..., :3][self.rgba[..., 3] > 200][::7])
        lightness, chroma = float(np.median(lab[:, 0])), float(np.median(np.hypot(lab[:, 1], lab[:, 2])))
        return "light" if lightness > 60 and chroma < 16 else "dark" if lightness < 34 and chroma < 16 else "any"


@dataclass(frozen=True, eq=False)
class Composite:
    """A picture with its matte. alpha: HxW float32, 0 to 1, all 0 in a negative. product: "" in a negative."""

    name: str
    kind: str
    product: str
    photo: Rgb
    alpha: Field


@dataclass(frozen=True)
class Plan:
    """What one composite will be: everything else follows from its seed."""

    number: int
    kind: str
    sprite: int
    seed: int


def load_sprites(folders: Iterable[Path] = (SPRITES,)) -> list[Sprite]:
    """Sprites (<product>--<number>.webp) of some folders, sorted by name within each."""
    return [
        Sprite(path.stem, path.stem.rsplit("--", 1)[0], read_rgba(path.read_bytes()))
        for folder in folders
        for path in sorted(folder.glob("*--*.webp"))
    ]


def photo_sprites(data: Path) -> list[Sprite]:
    """Sprites cut from photos with measured or rendered mattes (DATA/manifest.csv), colours estimated at soft edges."""
    sprites = []
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["gt_type"] in ("measured", "rendered") and "touches-border" not in row["tags"]:
                alpha = read_grey((data / row["matte"]).read_bytes())
                rgba = make_cutout(read_rgb((data / row["file"]).read_bytes()), alpha)
                name = Path(row["file"]).stem
                sprites.append(Sprite(name, name, _cropped(rgba)))
    return sprites


def _cropped(rgba: Rgba) -> Rgba:
    rows, columns = (np.flatnonzero(rgba[..., 3].max(axis=axis)) for axis in (1, 0))
    return np.ascontiguousarray(rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def plan(sprites: Sequence[Sprite], count: int = 300, seed: int = SEED) -> list[Plan]:
    """`count` composites and a tenth of it in negatives. Every kind gets its share, every sprite its turn."""
    rng = np.random.default_rng(seed)
    tones = [sprite.tone for sprite in sprites]
    fitting = {tone: [i for i, own in enumerate(tones) if tone in ("any", own)] for tone in ("any", "light", "dark")}
    kinds = [kind for kind, (_, share, _) in _KINDS.items() for _ in range(round(share * count / 100))]
    turns = {tone: _endless(rng, indices) for tone, indices in fitting.items() if indices}
    plans = []
    for kind in kinds:
        tone = _KINDS[kind][2]
        if tone in turns:
            plans.append(Plan(len(plans), kind, next(turns[tone]), int(rng.integers(2**31))))
    for i in range(round(count / 10)):
        plans.append(Plan(len(plans), NEGATIVES[i % len(NEGATIVES)], -1, int(rng.integers(2**31))))
    return plans


def _endless(rng: Rng, indices: Sequence[int]) -> Iterator[int]:
    while True:
        yield from (int(i) for i in rng.permutation(indices))


def make(what: Plan, sprites: Sequence[Sprite]) -> Composite:
    """Draw one composite of a plan over the same sprites."""
    rng = np.random.default_rng(what.seed)
    width, height = _SIZES[int(rng.integers(len(_SIZES)))]
    name = f"{what.number:04d}_{what.kind}"
    if what.sprite < 0:
        empty = np.zeros((height, width), np.float32)
        picture = _text_panel(rng, height, width) if what.kind == "text_panel" else _empty_place(rng, height, width)
        return Composite(name, what.kind, "", _camera(rng, picture, empty)[0], empty)
    sprite = sprites[what.sprite]
    scene = _KINDS[what.kind][0](rng, height, width)
    rgba = _lit(rng, sprite.rgba) if what.kind == "white_on_white" else sprite.rgba
    layer = _placed(rng, rgba, height, width, flat=what.kind in _FLAT_LAY)
    picture = _composed(rng, scene, layer, what.kind)
    alpha = layer[..., 3].astype(np.float32) / 255
    photo, alpha = _camera(rng, picture, alpha)
    return Composite(f"{name}_{sprite.name}", what.kind, sprite.product, photo, alpha)


def _lit(rng: Rng, rgba: Rgba) -> Rgba:
    """A pale sprite in as much light as white paper gets: its median becomes nearly as bright as that."""
    linear = srgb_to_linear(rgba[..., :3])
    median = float(np.median(linear[rgba[..., 3] > 200]))
    gain = np.float32(max(1.0, rng.uniform(0.55, 0.8) / median))
    return np.dstack([linear_to_srgb(np.minimum(linear * gain, 1)), rgba[..., 3]])


def _placed(rng: Rng, rgba: Rgba, height: int, width: int, *, flat: bool) -> Rgba:
    """The sprite on an empty layer of the picture's size. One in fourteen is cut off by the frame."""
    if rng.random() < 0.5:
        rgba = np.ascontiguousarray(rgba[:, ::-1])
    share = rng.uniform(0.35, 0.85)
    scale = min(share * width / rgba.shape[1], share * height / rgba.shape[0], 1.25)
    small = resize_rgba(rgba, (max(8, round(rgba.shape[1] * scale)), max(8, round(rgba.shape[0] * scale))))
    h, w = small.shape[:2]
    left = (width - w) * rng.uniform(0.2, 0.8)
    # Standing products stand in the lower half, flat ones lie anywhere.
    top = (height - h) * (rng.uniform(0.2, 0.8) if flat else rng.uniform(0.5, 0.9))
    if rng.random() < 1 / 14:
        side = int(rng.integers(4))
        cut = rng.uniform(0.08, 0.3)
        left = (-cut * w, width - (1 - cut) * w, left, left)[side]
        top = (top, top, -cut * h, height - (1 - cut) * h)[side]
    x, y = round(left), round(top)
    layer = np.zeros((height, width, 4), np.uint8)
    inside = small[max(0, -y) : height - y, max(0, -x) : width - x]
    layer[max(0, y) : max(0, y) + inside.shape[0], max(0, x) : max(0, x) + inside.shape[1]] = inside
    return layer


def _composed(rng: Rng, scene: Field, layer: Rgba, kind: str) -> Field:
    """Shadow and reflection on the scene, then the product over it, in linear light."""
    alpha = np.ascontiguousarray(layer[..., 3])
    scene = _shaded(rng, scene, alpha, kind)
    if kind in _GLOSSY and rng.random() < 0.4:
        scene = _mirrored(rng, scene, layer)
    share = (alpha.astype(np.float32) / 255)[..., None]
    return srgb_to_linear(layer[..., :3]) * share + scene * (1 - share)


def _shaded(rng: Rng, scene: Field, alpha: Rgb, kind: str) -> Field:
    unit = float(np.count_nonzero(alpha.max(axis=0) > 127))
    depth = rng.uniform(0.3, 0.85)
    tint = np.array([1.0, rng.uniform(0.95, 1.05), rng.uniform(0.95, 1.15)], np.float32)
    if kind in _FLAT_LAY and rng.random() < 0.6:
        shift = (float(rng.uniform(-0.08, 0.08)) * unit, float(rng.uniform(0.01, 0.08)) * unit)
        density = surround_shadow(alpha, unit, shift, float(rng.uniform(0.02, 0.08)))
        return darken(scene, density * np.float32(depth), 0.2 * tint)
    lean, squash = float(rng.uniform(-0.7, 0.7)), float(rng.uniform(0.08, 0.4))
    scene = darken(scene, contact_shadow(alpha, unit) * np.float32(rng.uniform(0.6, 1.0)), 0.25 * tint)
    return darken(scene, cast_shadow(alpha, unit, lean, squash) * np.float32(depth), 0.3 * tint)


def _mirrored(rng: Rng, scene: Field, layer: Rgba) -> Field:
    """A faint reflection below the row on which the product stands."""
    row = int(contact_row(np.ascontiguousarray(layer[..., 3])))
    below = scene.shape[0] - row
    above = layer[max(0, row - below) : row][::-1]
    if not len(above):
        return scene
    fade = np.exp(-np.arange(len(above)) / rng.uniform(40, 160))[:, None] * rng.uniform(0.06, 0.25)
    share = cv2.GaussianBlur(above[..., 3].astype(np.float32) / 255, (0, 0), 2) * fade.astype(np.float32)
    light = cv2.GaussianBlur(srgb_to_linear(above[..., :3]), (0, 0), 2)
    scene = scene.copy()
    part = scene[row : row + len(above)]
    scene[row : row + len(above)] = part + (light - part) * share[..., None]
    return scene


def _camera(rng: Rng, linear: Field, alpha: Field) -> tuple[Rgb, Field]:
    """What a phone makes of it, and the matte of that: softness is the only step that moves light between pixels."""
    sigma = float(rng.uniform(0.3, 1.1))
    linear, alpha = cv2.GaussianBlur(linear, (0, 0), sigma), cv2.GaussianBlur(alpha, (0, 0), sigma)
    balance = np.array([rng.uniform(0.93, 1.08), 1, rng.uniform(0.9, 1.08)], np.float32)
    y, x = np.mgrid[-1 : 1 : linear.shape[0] * 1j, -1 : 1 : linear.shape[1] * 1j].astype(np.float32)
    vignette = 1 - np.float32(rng.uniform(0, 0.2)) * ((x * x + y * y) / 2)[..., None]
    linear = linear * balance * vignette * np.float32(rng.uniform(0.75, 1.2))
    noise = rng.standard_normal(linear.shape, np.float32) * np.float32(rng.uniform(0.001, 0.014))
    linear = linear + noise * (0.25 + np.sqrt(np.clip(linear, 0, 1)))
    photo = read_rgb(jpeg(linear_to_srgb(linear), quality=int(rng.integers(72, 96))))
    return photo, np.ascontiguousarray(alpha, np.float32)


def _empty_place(rng: Rng, height: int, width: int) -> Field:
    """Somewhere a product could stand, but none does."""
    textures = [texture for texture, _, _ in _KINDS.values()]
    return textures[int(rng.integers(len(textures)))](rng, height, width)


def _text_panel(rng: Rng, height: int, width: int) -> Field:
    """A size chart, a list of features or a slogan: text and lines on a plain ground."""
    ground = backgrounds.pick(rng, ("#ffffff", "#f4f1ea", "#e8eef2", "#1d2430", "#f0d264"))
    ink = backgrounds.colour("#f2f1ee" if float(ground.mean()) < 0.3 else "#1b1c20")
    written = np.zeros((height, width), np.uint8)
    row = rng.uniform(0.05, 0.12) * height
    while row < 0.93 * height:
        scale = float(rng.uniform(0.5, 1.8))
        across = float(rng.uniform(0.04, 0.12)) * width
        while across < 0.85 * width:
            word = _WORDS[int(rng.integers(len(_WORDS)))]
            cv2.putText(written, word, (int(across), int(row)), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 2, cv2.LINE_AA)
            across += 18 * scale * len(word) + rng.uniform(20, 120)
        row += 34 * scale + rng.uniform(8, 40)
        if rng.random() < 0.4:
            cv2.line(written, (int(0.04 * width), int(row - 20)), (int(0.95 * width), int(row - 20)), 255, 1)
    return backgrounds.blend(ground, ink, written.astype(np.float32) / 255)


def sheet(composites: Sequence[Composite], columns: int = 8, side: int = 240) -> Rgb:
    """A contact sheet; the true outline is drawn in magenta over the right half of each picture."""
    cells = []
    for one in composites:
        picture = one.photo.copy()
        outline, _ = cv2.findContours((one.alpha > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        half = picture[:, picture.shape[1] // 2 :]
        cv2.drawContours(half, outline, -1, (255, 0, 255), 2, offset=(-(picture.shape[1] // 2), 0))
        scale = side / max(picture.shape)
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cell = np.full((side + 4, side + 4, 3), 128, np.uint8)
        cell[: small.shape[0], : small.shape[1]] = small
        cells.append(cell)
    cells += [np.full_like(cells[0], 128)] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)])


def main() -> None:
    """Write a contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheet", type=Path, required=True, help="JPEG to write")
    parser.add_argument("--sprites", type=Path, nargs="*", default=[SPRITES])
    parser.add_argument("--photos", type=Path, help="also cut sprites from this data folder")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--every", type=int, default=5, help="show every n-th picture")
    arguments = parser.parse_args()
    sprites = load_sprites(arguments.sprites) + (photo_sprites(arguments.photos) if arguments.photos else [])
    plans = plan(sprites, arguments.count)[:: arguments.every]
    arguments.sheet.write_bytes(jpeg(sheet([make(one, sprites) for one in plans]), quality=88))


if __name__ == "__main__":
    main()
