"""Pictures with exact mattes to train a cut-out net on, made while it trains: sprites over places as sellers have them.

    python -m training.composing --sheet FILE.png --sprites DIR... [--panoramas FOLDER] [--count 64]    to look at

A picture's number and the seed say everything about it, so that any process can make any picture. The order of the
work: a product is placed, a place is drawn for it, things are put there, the product's shadows fall, the product is
laid over it in linear light, and a camera looks at it.
"""

from __future__ import annotations

import argparse
import tempfile
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training import camera, clutter, scenery, shadows, shapes
from training.backgrounds import Atlas
from training.panels import text_panel
from training.product import (
    Frame,
    Layer,
    arranged,
    bounds,
    far_softened,
    into,
    labelled,
    layered,
    lit,
    overlaid,
    placed,
    random_look,
)
from training.scenery import Draw, Scene, Site
from training.sprites import Sprite, SpriteFile, load_sprites, read_sprite

__all__ = ["Composer", "Picture", "SpriteFile", "load_sprites"]

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Rng = np.random.Generator

NEGATIVES = ("text", "empty")
# Kinds of pictures: how many of 100, and how the place is drawn.
KINDS: dict[str, tuple[int, Draw | None]] = {
    "white": (20, scenery.white_sweep),
    "paper": (11, scenery.paper),
    "flat_lay": (13, scenery.flat_lay),
    "table": (9, scenery.table_and_wall),
    "shelf": (7, scenery.shelf),
    "place": (7, scenery.place),
    "bokeh": (4, scenery.bokeh),
    "natural": (5, scenery.natural),
    "backdrop": (3, scenery.backdrop),
    "pattern": (3, scenery.patterned),
    "posters": (3, scenery.posters),
    "low_light": (4, None),
    "backlight": (3, None),
    "text": (3, None),
    "empty": (5, None),
}
_NAMES = tuple(KINDS)
_UP_TO = tuple(accumulate(share for share, _ in KINDS.values()))
_PLACES = tuple((name, share) for name, (share, draw) in KINDS.items() if draw is not None)
_BACKLIT = ("table", "place", "bokeh", "posters", "paper", "white")
_SHAPES = 0.08
_SETS = 0.09
_PACKS, _PACK_SIZES = 0.05, (2, 2, 3, 4, 4, 6, 9, 12, 16)
_PACKED = ("white", "paper", "flat_lay", "pattern")
_PRINTED = 0.15
# Panels of writing are no products; products with writing on them must be as common.
_LABELLED = 0.2
_STANDS = 0.06
_DAPPLED = 0.06
_POOL = 96  # other things in use at a time; they change with the pictures' numbers
_CACHE = Path(tempfile.gettempdir()) / "cutnet-tiles"


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """photo: SxSx3 uint8 sRGB. alpha: SxS uint8, its exact matte, all 0 in a negative. family: "" in a negative,
    "shape" for a made-up figure."""

    photo: U8
    alpha: U8
    kind: str
    family: str


class Composer:
    """Makes pictures. sprites: the products. others: what else may stand about, by default the same sprites.

    panoramas: a folder with hdris/*.hdr and materials/*_Color.jpg, both optional. cache: where background tiles are
    kept for other processes; None keeps them in memory.
    """

    def __init__(
        self,
        sprites: Sequence[SpriteFile],
        *,
        others: Sequence[SpriteFile] | None = None,
        panoramas: Path | None = None,
        seed: int,
        cache: Path | None = _CACHE,
    ) -> None:
        if not sprites:
            raise ValueError("pictures need at least one sprite")
        self._sprites, self._others = tuple(sprites), tuple(others or sprites)
        self._seed = seed
        self._atlas = Atlas(seed, panoramas=panoramas, cache=cache)

    def picture(self, number: int, side: int) -> Picture:
        """Picture `number`, side x side pixels: the same for the same seed and sprites, whoever asks and when."""
        rng, kind = self._begun(number)
        if kind in NEGATIVES:
            return self._negative(rng, kind, number, side)
        like = _place_of(rng, kind)
        sprites = self._chosen(rng, number, like)
        box_of = arranged(
            rng, sprites, any_way=like in ("flat_lay", "pattern", "natural") or sprites[0].family == "shape"
        )
        box = bounds(box_of, sprites)
        frame = placed(rng, box, side, flat=like == "flat_lay", near=like in ("place", "bokeh", "natural"))
        scene = _drawn(rng, like, Site(self._atlas, number, side, frame.bottom))
        self._cluttered(rng, scene, frame, kind, number)
        move = into(box, frame)
        style = _style(rng, like, kind)
        looks = [random_look(rng, sprite, _mean(scene.light), style) for sprite in sprites]
        looks = looks[:1] * len(looks) if rng.random() < 0.7 or len(looks) > 3 else looks
        layer = layered(sprites, [move @ own for own in box_of], looks, side)
        layer = self._finished(rng, layer, scene, frame, number)
        light = self._joined(rng, scene, layer, kind, number)
        return _photographed(rng, light, layer.truth, scene, kind, sprites[0].family)

    def kind(self, number: int) -> str:
        """The kind of picture `number`, without making it."""
        return self._begun(number)[1]

    def _begun(self, number: int) -> tuple[Rng, str]:
        rng = np.random.default_rng((self._seed, number))
        return rng, _NAMES[bisect(_UP_TO, int(rng.integers(_UP_TO[-1])))]

    def _chosen(self, rng: Rng, number: int, like: str) -> list[Sprite]:
        """One sprite, two or three as a set, a pack of the same one, or a made-up figure."""
        if rng.random() < _SHAPES:
            return [shapes.made_up(rng, self._atlas.tile(rng, number, ("pattern", "wood", "rough", "cloth", "stone")))]
        if like in _PACKED and rng.random() < _PACKS:
            return [read_sprite(self._sprites[int(rng.integers(len(self._sprites)))])] * int(rng.choice(_PACK_SIZES))
        count = int(rng.integers(2, 4)) if rng.random() < _SETS else 1
        return [read_sprite(self._sprites[int(rng.integers(len(self._sprites)))]) for _ in range(count)]

    def _other(self, rng: Rng, number: int) -> Sprite:
        pool = np.random.default_rng((self._seed, 1, number // 500)).integers(0, len(self._others), _POOL)
        return read_sprite(self._others[int(pool[int(rng.integers(_POOL))])])

    def _cluttered(self, rng: Rng, scene: Scene, frame: Frame, kind: str, number: int) -> None:
        """Put what is not the product into the place."""
        if scene.stand == "floor" and (kind == "shelf" or (scene.edge and rng.random() < 0.12)):
            clutter.behind(rng, scene, frame, lambda own: self._other(own, number))
        if scene.stand != "hang" and not scene.white and rng.random() < (0.35 if kind == "shelf" else 0.1):
            clutter.beside(rng, scene, frame, lambda own: self._other(own, number))
        if scene.stand != "hang" and not scene.white and rng.random() < _STANDS:
            tile = self._atlas.tile(rng, number, ("wood", "stone", "cloth", "pattern", "soft"))
            clutter.under(rng, scene, frame, scenery.upright(rng, tile, len(scene.light)))
        if rng.random() < (0.1 if kind in ("white", "paper") else 0.01):
            clutter.annotated(rng, scene)

    def _finished(self, rng: Rng, layer: Layer, scene: Scene, frame: Frame, number: int) -> Layer:
        """Printed with a pattern now and then, lit as its place is, its far edge softened now and then."""
        if rng.random() < _PRINTED:
            groups = ("pattern", "pattern", "stone", "rough", "wood", "foliage", *self._atlas.photos("plate"))
            texture = scenery.upright(rng, self._atlas.tile(rng, number, groups), len(layer.share), rng.uniform(0, 3))
            layer = overlaid(rng, layer, texture)
        if rng.random() < _LABELLED:
            ground = scenery.upright(rng, self._atlas.tile(rng, number, ("pattern", "rough")), len(layer.share), 0)
            layer = labelled(rng, layer, frame, text_panel(rng, ground))
        if not scene.white and rng.random() < 0.8:
            layer = lit(rng, layer, frame, _ground(scene, frame), rng.uniform(-1, 1))
        return far_softened(rng, layer, frame) if rng.random() < 0.05 else layer

    def _joined(self, rng: Rng, scene: Scene, layer: Layer, kind: str, number: int) -> F32:
        """Shadows and reflection on the place, then the product over it."""
        light, sun = scene.light, shadows.random_sun(rng, white=scene.white, behind=kind == "backlight")
        stops = np.maximum(layer.share, 0.4 * layer.truth)
        if rng.random() > (0.3 if scene.white else 0.04):
            matte = cv2.convertScaleAbs(stops, alpha=255)
            light = shadows.shaded(rng, light, matte, sun, scene.stand, scene.edge)
        if scene.stand == "floor" and rng.random() < scene.gloss:
            light = shadows.mirrored(rng, light, layer.colours, layer.share)
        colours = layer.colours
        if kind == "backlight":
            colours = colours * np.float32(rng.uniform(0.15, 0.6))
        if kind == "backlight" or rng.random() < 0.08:
            toward = rng.uniform(-3, 3), rng.uniform(0.5, 3)
            colours = colours + (shadows.rim(layer.share, toward) * np.float32(rng.uniform(0.1, 0.7)))[..., None]
        light = light * (1 - layer.share)[..., None] + colours
        if not scene.white and rng.random() < _DAPPLED:
            tile = self._atlas.tile(rng, number, ("foliage", "pattern", "rough"))
            light = light * shadows.dappled(rng, tile, len(light))
        if kind == "backlight":
            glow = cv2.GaussianBlur(cv2.resize(light, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), (0, 0), 5)
            light = light + cv2.resize(glow, light.shape[1::-1]) * np.float32(rng.uniform(0, 0.25))
        return light

    def _negative(self, rng: Rng, kind: str, number: int, side: int) -> Picture:
        """A place without a product, or a panel of text and signs."""
        if kind == "text":
            tile = self._atlas.tile(rng, number, ("pattern", "posters", "cloth", "wood", *self._atlas.photos("plate")))
            scene = Scene(text_panel(rng, scenery.upright(rng, tile, side)), "hang")
        else:
            scene = _drawn(
                rng, _place_of(rng, "low_light"), Site(self._atlas, number, side, rng.uniform(0.5, 1) * side)
            )
        return _photographed(rng, scene.light, np.zeros((side, side), np.float32), scene, kind, "")


def _place_of(rng: Rng, kind: str) -> str:
    """The kind itself; for what is a kind of light, any place where there is such."""
    if kind == "backlight":
        return _BACKLIT[int(rng.integers(len(_BACKLIT)))]
    if kind != "low_light":
        return kind
    names, shares = zip(*_PLACES, strict=True)
    return str(rng.choice(names, p=np.array(shares) / sum(shares)))


def _drawn(rng: Rng, like: str, site: Site) -> Scene:
    draw = KINDS[like][1]
    if draw is None:
        raise ValueError(f"{like} is no kind of place")
    return draw(rng, site)


def _style(rng: Rng, like: str, kind: str) -> str:
    """How the product's colours relate to the place's: white on white and dark on dark are what nets get wrong."""
    chance = rng.random()
    if kind == "low_light":
        return "any"
    if like == "white":
        return "pale" if chance < 0.3 else "any"
    if like == "paper":
        return "alike" if chance < 0.12 else "dark" if chance < 0.2 else "pale" if chance < 0.28 else "any"
    return "pale" if chance < 0.06 else "dark" if chance < 0.12 else "alike" if chance < 0.16 else "any"


def _mean(light: F32) -> F32:
    return np.minimum(light[::16, ::16], 1).mean(axis=(0, 1))


def _ground(scene: Scene, frame: Frame) -> F32:
    """Mean light of the ground before the product."""
    row = int(np.clip(frame.bottom, 8, len(scene.light) - 1))
    return np.minimum(scene.light[row - 8 : row + 8 : 4, ::8], 1).mean(axis=(0, 1))


def _photographed(rng: Rng, light: F32, truth: F32, scene: Scene, kind: str, family: str) -> Picture:
    light, truth = camera.softened(rng, light, truth)
    photo = camera.exposed(rng, light, dark=kind == "low_light", white=scene.white)
    matte = cv2.convertScaleAbs(truth, alpha=255)
    photo, matte = camera.uploaded(rng, camera.developed(rng, photo), matte)
    return Picture(photo, matte, kind, family)


def sheet(pictures: Sequence[Picture], columns: int = 8) -> U8:
    """A contact sheet; the true outline is drawn in magenta over the right half of each picture."""
    drawn = []
    for one in pictures:
        photo, middle = one.photo.copy(), one.photo.shape[1] // 2
        outline, _ = cv2.findContours((one.alpha > 127).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        half = np.ascontiguousarray(photo[:, middle:])
        cv2.drawContours(half, outline, -1, (255, 0, 255), 1, offset=(-middle, 0))
        photo[:, middle:] = half
        drawn.append(cv2.copyMakeBorder(photo, 0, 4, 0, 4, cv2.BORDER_CONSTANT, value=(128,) * 3))
    drawn += [np.full_like(drawn[0], 128)] * (-len(drawn) % columns)
    return np.vstack([np.hstack(drawn[i : i + columns]) for i in range(0, len(drawn), columns)])


def main() -> None:
    """Write a contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheet", type=Path, required=True, help="PNG to write")
    parser.add_argument("--sprites", type=Path, nargs="+", required=True)
    parser.add_argument("--panoramas", type=Path, help="folder with hdris/*.hdr and materials/*_Color.jpg")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--first", type=int, default=0, help="number of the first picture")
    parser.add_argument("--side", type=int, default=320)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=_NAMES, help="only this kind")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    composer = Composer(load_sprites(arguments.sprites), panoramas=arguments.panoramas, seed=arguments.seed)
    pictures, number = [], arguments.first
    while len(pictures) < arguments.count:
        if arguments.kind in (None, composer.kind(number)):
            pictures.append(composer.picture(number, arguments.side))
        number += 1
    cv2.imwrite(str(arguments.sheet), cv2.cvtColor(sheet(pictures), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
