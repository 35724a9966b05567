"""What the families of made-up products share: the description of a family, random colours, finishes and artwork."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import bpy
import labels
import materials as mt
import numpy as np
from materials import channels, hex_code
from PIL import Image, ImageDraw, ImageFilter

Build = Callable[[np.random.Generator], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Family:
    """A kind of product: `build(rng)` adds one to the scene, standing on z = 0, 1 to 3 units high or wide.

    `elevation` is the range of the camera in degrees. A product with a `front` shows it to -y and is seen from
    there; others are seen from all sides. `hang`: on a wall or a hook, with nothing under it. `flat`: lies on a table
    and may be turned any way in the picture. `glass`: see-through, so that its matte is rendered too. `weight` is how
    often the family comes, against the others.
    """

    name: str
    build: Build
    elevation: tuple[float, float]
    hang: bool = False
    flat: bool = False
    glass: bool = False
    front: bool = False
    weight: float = 1.0


# ---- numbers and colours


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between two others, evenly."""
    return float(rng.uniform(low, high))


def chance(rng: np.random.Generator, share: float) -> bool:
    """True in this share of the cases."""
    return bool(rng.random() < share)


def one_of(rng: np.random.Generator, things: Sequence[T]) -> T:
    """One of several things, each as likely."""
    return things[int(rng.integers(len(things)))]


def colour(rng: np.random.Generator) -> str:
    """A colour as products have it: one in five nearly white, one in eight nearly black, some greys, woods, the rest any."""
    kind = rng.random()
    hue = float(rng.random())
    if kind < 0.2:
        return hex_code(*colorsys.hsv_to_rgb(hue, between(rng, 0, 0.05), between(rng, 0.88, 0.99)))
    if kind < 0.32:
        return hex_code(*colorsys.hsv_to_rgb(hue, between(rng, 0, 0.25), between(rng, 0.05, 0.17)))
    if kind < 0.44:
        return hex_code(*colorsys.hsv_to_rgb(hue, between(rng, 0, 0.08), between(rng, 0.3, 0.8)))
    if kind < 0.58:
        return hex_code(
            *colorsys.hsv_to_rgb(between(rng, 0.05, 0.13), between(rng, 0.12, 0.6), between(rng, 0.3, 0.92))
        )
    if kind < 0.7:
        return hex_code(*colorsys.hsv_to_rgb(hue, between(rng, 0.1, 0.35), between(rng, 0.7, 0.97)))
    return hex_code(*colorsys.hsv_to_rgb(hue, between(rng, 0.45, 0.95), between(rng, 0.25, 0.95)))


def shaded(code: str, factor: float) -> str:
    """A colour made darker (factor below 1) or lighter."""
    return hex_code(*(channel * factor for channel in channels(code)))


def mixed(first: str, second: str, share: float) -> str:
    """A colour between two, `share` of the second."""
    pairs = zip(channels(first), channels(second), strict=True)
    return hex_code(*(a + (b - a) * share for a, b in pairs))


def palette(rng: np.random.Generator, count: int) -> list[str]:
    """Colours for one product: shades of one, or one with accents, or all different."""
    base = colour(rng)
    if chance(rng, 0.25):
        return [base] + [shaded(base, between(rng, 0.5, 1.4)) for _ in range(count - 1)]
    accent = colour(rng)
    if chance(rng, 0.5):
        return [base] + [
            one_of(rng, (base, accent, mixed(base, accent, 0.5), "#f4f4f2", "#1c1c1e")) for _ in range(count - 1)
        ]
    return [base] + [colour(rng) for _ in range(count - 1)]


# ---- finishes

_METALS = ("#d6d4d0", "#c9c9cc", "#b0b2b6", "#d9b25a", "#c58a5c", "#e2b9a2", "#8c8d90", "#4b4c50", "#f0eee8")
_WOODS = (
    ("#7c5836", "#a87848", "#cfa878"),
    ("#3d2718", "#5a3a24", "#75502f"),
    ("#b98d5b", "#d8b27d", "#edcfa0"),
    ("#8d8478", "#a89e90", "#c2b9aa"),
    ("#5d2f1e", "#82452c", "#a5603e"),
    ("#d9c6a5", "#e6d6b9", "#f0e4cd"),
)


def plastic(rng: np.random.Generator, tint: str | None = None) -> bpy.types.Material:
    """Moulded plastic or lacquer, from dull to glossy."""
    rough = between(rng, 0.06, 0.7)
    made = mt.principled("plastic", tint or colour(rng), roughness=rough, coat=one_of(rng, (0.0, 0.0, 0.3, 0.9)))
    return mt.add_bump(made, between(rng, 10, 60), between(rng, 0.02, 0.25), detail=2) if chance(rng, 0.4) else made


def metal(rng: np.random.Generator, tint: str | None = None) -> bpy.types.Material:
    """Polished, brushed or painted-over metal."""
    made = mt.metal("metal", tint or one_of(rng, _METALS), between(rng, 0.08, 0.45))
    if chance(rng, 0.35):
        along = [1.0, 1.0, 1.0]
        along[int(rng.integers(3))] = between(rng, 15, 60)
        mt.add_bump(made, between(rng, 2, 6), between(rng, 0.05, 0.2), stretch=along, detail=2)
    return made


def wood(rng: np.random.Generator) -> bpy.types.Material:
    """Wood of some kind, its grain along a random axis."""
    stretch = [between(rng, 6, 14)] * 3
    stretch[int(rng.integers(3))] = between(rng, 0.4, 1.2)
    return mt.wood("wood", *one_of(rng, _WOODS), stretch=stretch, roughness=between(rng, 0.2, 0.7))


def cloth(rng: np.random.Generator, tint: str | None = None) -> bpy.types.Material:
    """Woven, felted or plush cloth of one colour or heathered."""
    base = tint or colour(rng)
    made = mt.principled("cloth", base, roughness=0.95, sheen=between(rng, 0, 0.5))
    if chance(rng, 0.4):
        mt.add_tint(
            made,
            [(0.3, shaded(base, between(rng, 0.7, 0.95))), (0.7, shaded(base, 1.1))],
            between(rng, 8, 40),
            detail=3,
        )
    if chance(rng, 0.5):
        return mt.add_weave(made, between(rng, 12, 45), between(rng, 0.1, 0.5))
    return mt.add_bump(made, between(rng, 15, 60), between(rng, 0.3, 0.9), detail=4)


def ceramic(rng: np.random.Generator, tint: str | None = None) -> bpy.types.Material:
    """Glaze: plain, speckled, or dipped in two colours."""
    base, kind = tint or colour(rng), rng.random()
    rough = between(rng, 0.08, 0.5)
    if kind < 0.3:
        other = one_of(rng, (shaded(base, 0.6), colour(rng)))
        edge = between(rng, 0.25, 0.7)
        height = between(rng, 1, 2)
        return mt.by_height(
            "glaze", [(edge, base), (edge + 0.03, other)], height, wobble=between(rng, 0, 0.15), roughness=rough
        )
    made = mt.principled("glaze", base, roughness=rough, coat=between(rng, 0, 0.6))
    if kind < 0.55:
        fleck = between(rng, 0.25, 0.38)
        mt.add_tint(made, [(fleck, shaded(base, 0.45)), (fleck + 0.03, base)], between(rng, 8, 25), detail=2)
    return mt.add_bump(made, between(rng, 2, 12), between(rng, 0.03, 0.2))


def mottled(rng: np.random.Generator, tint: str | None = None) -> bpy.types.Material:
    """Stone, rust, leather, cork, camouflage: two or three colours in spots or veins, with relief."""
    base = tint or colour(rng)
    others = [shaded(base, between(rng, 0.4, 1.5)), one_of(rng, (shaded(base, 0.75), colour(rng)))]
    made = mt.principled("mottled", base, roughness=between(rng, 0.2, 0.9))
    step = between(rng, 0.02, 0.15)
    stops = [(0.5 - step, others[0]), (0.5, base), (0.5 + step, others[1])]
    mt.add_tint(made, stops, between(rng, 1, 14), detail=between(rng, 1, 4), distortion=one_of(rng, (0.0, 0.0, 1.5)))
    return mt.add_bump(made, between(rng, 4, 30), between(rng, 0.05, 0.6))


def patterned(rng: np.random.Generator, tint: str | None = None) -> bpy.types.Material:
    """Stripes, rings, checks or scales in two colours, through the whole body."""
    base = tint or colour(rng)
    made = mt.principled("pattern", base, roughness=between(rng, 0.15, 0.8))
    tree = made.node_tree
    kind = one_of(rng, ("ShaderNodeTexWave", "ShaderNodeTexChecker", "ShaderNodeTexVoronoi", "ShaderNodeTexMagic"))
    texture, coords = tree.nodes.new(kind), tree.nodes.new("ShaderNodeTexCoord")
    texture.inputs["Scale"].default_value = between(rng, 1.0, 8)
    if kind == "ShaderNodeTexWave":
        texture.bands_direction = one_of(rng, ("X", "Y", "Z", "DIAGONAL"))
        texture.inputs["Distortion"].default_value = one_of(rng, (0.0, 0.0, 3.0))
    edge = between(rng, 0.3, 0.7)
    # Few colours meet sharply: prints and inlays do.
    ramp = mt.ramp(made, [(edge, base), (edge + one_of(rng, (0.01, 0.3)), colour(rng))])
    tree.links.new(coords.outputs["Object"], texture.inputs["Vector"])
    out = "Distance" if kind == "ShaderNodeTexVoronoi" else "Fac" if "Fac" in texture.outputs else "Color"
    tree.links.new(texture.outputs[out], ramp.inputs["Fac"])
    tree.links.new(ramp.outputs["Color"], mt.shader_of(made).inputs["Base Color"])
    return made


def worn(material: bpy.types.Material, rng: np.random.Generator) -> bpy.types.Material:
    """Dirt, fading or rubbed patches multiplied into the colour, and fine scratches."""
    tree, shader = material.node_tree, mt.shader_of(material)
    base = shader.inputs["Base Color"]
    noise = mt.noise(material, between(rng, 1, 12), (1, 1, between(rng, 0.5, 4)), 4)
    dirt = one_of(rng, ("#8d8273", "#6e665a", "#b5b0a8", "#4c4640"))
    edge = between(rng, 0.35, 0.5)
    ramp = mt.ramp(material, [(edge - 0.08, dirt), (edge + 0.08, "#ffffff")])
    tree.links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
    mix.inputs[0].default_value = between(rng, 0.3, 1.0)
    mix.inputs[6].default_value = base.default_value
    for link in list(base.links):
        tree.links.new(link.from_socket, mix.inputs[6])
    tree.links.new(ramp.outputs["Color"], mix.inputs[7])
    tree.links.new(mix.outputs[2], base)
    return mt.add_bump(
        material, between(rng, 3, 8), between(rng, 0.05, 0.3), stretch=(1, between(rng, 1, 30), 1), detail=2
    )


_KINDS = {
    "plastic": plastic,
    "metal": metal,
    "wood": lambda rng, tint=None: wood(rng),
    "cloth": cloth,
    "ceramic": ceramic,
    "mottled": mottled,
    "patterned": patterned,
}
_SHARES = {
    "plastic": 0.36,
    "metal": 0.14,
    "wood": 0.1,
    "cloth": 0.08,
    "ceramic": 0.14,
    "mottled": 0.1,
    "patterned": 0.08,
}


def finish(
    rng: np.random.Generator, tint: str | None = None, kinds: Sequence[str] = tuple(_KINDS)
) -> bpy.types.Material:
    """A random material; `tint` gives its main colour (wood keeps its own), `kinds` what may come.

    Kinds are plastic, metal, wood, cloth, ceramic, mottled and patterned. Some are worn.
    """
    weights = np.array([_SHARES[kind] for kind in kinds])
    made = _KINDS[str(rng.choice(list(kinds), p=weights / weights.sum()))](rng, tint)
    return worn(made, rng) if chance(rng, 0.12) else made


def glass(rng: np.random.Generator) -> bpy.types.Material:
    """Clear glass, or tinted, or slightly frosted."""
    tint = "#ffffff"
    if chance(rng, 0.45):
        tint = hex_code(*colorsys.hsv_to_rgb(float(rng.random()), between(rng, 0.1, 0.7), between(rng, 0.75, 1)))
    return mt.glass("glass", tint, one_of(rng, (0.0, 0.0, 0.0, 0.03, 0.08)))


# ---- artwork

_SYLLABLES = "ba be bro ca cle da del do el fa fen fi gra ha hol ju ka kel li lo lum ma mi mo na no ol pa pe ro sa so ta ti to va ve wil za zen".split()  # noqa: SIM905
_NOUNS = "COFFEE,TEA,SOAP,CREAM,HONEY,PASTA,RICE,OATS,COOKIES,CHIPS,GLUE,PAINT,OIL,SALT,SUGAR,MILK,SERUM,GAME,PUZZLE,BULB,TOOLS,SEEDS,CANDY,NUTS,JUICE,SODA,WAX,CLEAN,SPORT,BABY,MIX,No. 5,PRO,MAX,ULTRA,FRESH,NEW!,BIO,100 %,2 in 1,500 g,250 ml,1 kg,12 pcs,USB,LED,40 W".split(",")  # fmt: skip  # noqa: SIM905
_WEIGHTS = ("Thin", "Light", "Regular", "Medium", "SemiBold", "Bold", "ExtraBold", "Black")
_SCRIPTS = ("Noto Sans CJK Regular.woff2", "NotoSansThai-VariableFont_wdth,wght.woff2", "DejaVuSansMono.woff2")
_FOREIGN = {
    _SCRIPTS[0]: "食品茶水山川花日月火新米大小海風味",
    _SCRIPTS[1]: "กขคงจชดตนบปผพมยรลวสห",
    _SCRIPTS[2]: "abcdefghij0123456789-/",
}


def word(rng: np.random.Generator) -> str:
    """An invented brand name, in one of several ways of writing."""
    made = "".join(one_of(rng, _SYLLABLES) for _ in range(int(rng.integers(1, 4))))
    return one_of(rng, (made.upper(), made.title(), made, made.title() + one_of(rng, ("+", "'s", "o", " & Co", ""))))


def _face(rng: np.random.Generator, size: int) -> tuple[labels.ImageFont.FreeTypeFont, str | None]:
    """A font, and the letters to use where it is not Latin."""
    if chance(rng, 0.8):
        return labels.font(size, one_of(rng, _WEIGHTS)), None
    name = one_of(rng, _SCRIPTS)
    return labels.ImageFont.truetype(str(Path(labels.FONT).parent / name), size), _FOREIGN[name]


def _line(rng: np.random.Generator, letters: str | None) -> str:
    if letters is None:
        return word(rng) if chance(rng, 0.6) else one_of(rng, _NOUNS)
    return "".join(one_of(rng, letters) for _ in range(int(rng.integers(2, 6))))


def photo_like(rng: np.random.Generator, size: tuple[int, int], colours: Sequence[str]) -> Image.Image:
    """Soft blobs of colour as an out-of-focus photo has, with some grain of detail."""
    cells = int(rng.integers(2, 9))
    choice = rng.integers(len(colours), size=(cells, cells))
    table = np.array([channels(code) for code in colours])[choice] * rng.uniform(0.6, 1.2, (cells, cells, 1))
    small = Image.fromarray((np.clip(table, 0, 1) * 255).astype(np.uint8))
    return small.resize(
        size, one_of(rng, (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.NEAREST))
    )


def _ground(rng: np.random.Generator, size: tuple[int, int], colours: Sequence[str]) -> Image.Image:
    """The background of a print: plain, a gradient, two blocks, stripes, dots, or like a photo."""
    width, height = size
    image = Image.new("RGB", size, colours[0])
    draw = ImageDraw.Draw(image)
    kind = rng.random()
    if kind < 0.15:
        return photo_like(rng, size, colours)
    if kind < 0.3:
        mask = Image.linear_gradient("L").resize(size)
        return Image.composite(image, Image.new("RGB", size, colours[1]), mask.rotate(one_of(rng, (0, 180))))
    if kind < 0.45:
        cut = int(height * between(rng, 0.2, 0.8))
        draw.polygon(
            [(0, cut), (width, cut + height * rng.normal(0, 0.1)), (width, height), (0, height)], fill=colours[1]
        )
    elif kind < 0.55:
        step = width / int(rng.integers(4, 22))
        lean = between(rng, -1, 1) * width
        for i in range(-30, 60, 2):
            draw.polygon(
                [(i * step, 0), ((i + 1) * step, 0), ((i + 1) * step + lean, height), (i * step + lean, height)],
                fill=colours[1],
            )
    elif kind < 0.63:
        step = width / int(rng.integers(4, 14))
        radius = step * between(rng, 0.1, 0.4)
        for x in np.arange(0, width + step, step):
            for y in np.arange(0, height + step, step):
                draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colours[1])
    return image


def _shape(rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: tuple[int, int], fill: str) -> None:
    """One printed shape: disc, ring, bar, band, star, wave or leaf."""
    width, height = size
    x, y = between(rng, 0, width), between(rng, 0, height)
    r = min(size) * between(rng, 0.05, 0.4)
    kind = int(rng.integers(7))
    if kind == 0:
        draw.ellipse([x - r, y - r * between(rng, 0.5, 1), x + r, y + r], fill=fill)
    elif kind == 1:
        draw.ellipse([x - r, y - r, x + r, y + r], outline=fill, width=max(2, int(r * between(rng, 0.03, 0.3))))
    elif kind == 2:
        draw.rounded_rectangle([x - r, y - r * 0.4, x + r, y + r * 0.4], r * between(rng, 0, 0.4), fill=fill)
    elif kind == 3:
        draw.rectangle([0, y, width, y + r * between(rng, 0.1, 1)], fill=fill)
    elif kind == 4:
        tips, inner = int(rng.integers(3, 14)), between(rng, 0.3, 0.9)
        angles = np.arange(2 * tips) * math.pi / tips + float(rng.random())
        radii = np.where(np.arange(2 * tips) % 2, r, r * inner)
        draw.polygon(list(zip(x + radii * np.cos(angles), y + radii * np.sin(angles), strict=True)), fill=fill)
    elif kind == 5:
        xs = np.linspace(0, width, 40)
        ys = y + r * 0.4 * np.sin(xs / width * between(rng, 3, 20))
        draw.line(list(zip(xs, ys, strict=True)), fill=fill, width=max(2, int(r * 0.2)))
    else:
        labels.sprig(draw, x, y, r, fill, shaded(fill, 1.3), shaded(fill, 0.6))


def _words(rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: tuple[int, int], colours: Sequence[str]) -> None:
    """One large name, and smaller lines, set left, centred, or anywhere."""
    width, height = size
    big = int(min(width / 4, height / 3) * between(rng, 0.5, 1.3))
    x, anchor = one_of(rng, ((width / 2, "mm"), (width * 0.08, "lm"), (width / 2, "mm")))
    y = height * between(rng, 0.15, 0.6)
    for row in range(int(rng.integers(1, 5))):
        tall = max(9, int(big * (1 if row == 0 else between(rng, 0.2, 0.6))))
        face, letters = _face(rng, tall)
        line = _line(rng, letters)
        wide = face.getlength(line)
        if wide > width * 0.9:
            face = face.font_variant(size=max(8, int(tall * width * 0.9 / wide)))
        draw.text((x, y), line, font=face, fill=one_of(rng, colours), anchor=anchor)
        y += tall * between(rng, 0.9, 1.4)


def _small_print(rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: tuple[int, int], fill: str) -> None:
    """A block of lines too small to read, or a barcode."""
    width, height = size
    x, y = between(rng, 0, 0.6) * width, between(rng, 0.5, 0.8) * height
    if chance(rng, 0.4):
        labels.barcode(
            draw, int(x), int(y), int(width * 0.28), int(height * 0.1), str(int(rng.integers(10**12, 10**13)))
        )
        return
    step = max(4, int(height * 0.025))
    for row in range(int(rng.integers(3, 10))):
        right = x + width * between(rng, 0.15, 0.38)
        while x < right:
            wide = between(rng, 0.5, 3) * step
            draw.rectangle([x, y + row * step, x + wide, y + (row + 0.5) * step], fill=fill)
            x += wide + step * 0.4
        x = right - width * 0.3


def artwork(rng: np.random.Generator, size: tuple[int, int] = (384, 512), base: str | None = None) -> Image.Image:
    """A random print of this size in px: ground, shapes, picture, words, small print. RGB."""
    colours = palette(rng, 5)
    colours[0] = base or colours[0]
    light = sum(channels(colours[0])) > 1.5
    ink = [code for code in colours[1:] if abs(sum(channels(code)) - sum(channels(colours[0]))) > 0.5]
    ink += ["#1b1b1d" if light else "#f6f5f2"]
    image = _ground(rng, size, [colours[0], *colours[1:]])
    draw = ImageDraw.Draw(image)
    if chance(rng, 0.3):
        w, h = (int(s * between(rng, 0.3, 0.9)) for s in size)
        spot = (int((size[0] - w) * rng.random()), int((size[1] - h) * rng.random()))
        image.paste(photo_like(rng, (w, h), palette(rng, 4)), spot)
    for _ in range(int(rng.integers(0, 6))):
        _shape(rng, draw, size, one_of(rng, colours))
    if chance(rng, 0.85):
        _words(rng, draw, size, ink)
    if chance(rng, 0.45):
        _small_print(rng, draw, size, ink[-1])
    return image.filter(ImageFilter.GaussianBlur(0.6)) if chance(rng, 0.3) else image


def print_of(
    rng: np.random.Generator, size: tuple[int, int] = (384, 512), base: str | None = None
) -> bpy.types.Material:
    """Random artwork as a material, laid on by UV: paper, card or film."""
    rough = between(rng, 0.12, 0.7)
    return mt.printed("print", artwork(rng, size, base), roughness=rough, coat=one_of(rng, (0.0, 0.0, 0.5)))
