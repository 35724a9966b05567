"""Photos with the mattes that they should have, as a shop has them, and which of them a net is only tried on.

A folder of pairs holds `<name>.<extension>` beside `<name>.matte.png` (grey or transparent, as `catalog review matte`
takes it), directly or in one folder a product: what lies in one folder is of one product. Files are hostile until they
went through here. Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.decode import Limits, Photo, decode_photo
from resources.imaging.formats import PHOTO_EXTENSIONS
from resources.matting.given import MAX_MATTE_BYTES, bad_matte, read_matte, useless
from resources.names import display, sku_name
from resources.verdicts import Rejection

U8 = NDArray[np.uint8]

# reviewed: a person chose, gave or approved the cut-out. given: of a folder of pairs. accepted: by the gate alone.
Source = Literal["reviewed", "given", "accepted"]
TRUSTED: frozenset[Source] = frozenset({"reviewed", "given"})

LEAST_PAIRS, LEAST_TRUSTED, LEAST_PRODUCTS = 40, 10, 20
HELD_OUT = 0.25
# Where chance would hold out less than this, the next products are: of all, and of those with trusted mattes.
_LEAST_HELD, _LEAST_TRUSTED_HELD = 5, 2
# What is kept of a photo: a quarter more than the net looks at, as crops of it are enlarged.
_SIDE = 480
_MATTE = ".matte.png"
_MAX_PHOTO_BYTES = 64 * 1024 * 1024
_LIMITS = Limits(min_side=64)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One photo and its matte. name: for messages. product: key of what it shows; its views stay together.

    content: hex digest of the photo's bytes. photo: HxWx3 uint8, long side up to 480 px. alpha: HxW uint8.
    """

    name: str
    product: str
    source: Source
    content: str
    photo: U8
    alpha: U8

    @property
    def trusted(self) -> bool:
        """Whether a person vouches for the matte."""
        return self.source in TRUSTED


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A pair that cannot be used, and why."""

    name: str
    reason: Rejection


@dataclass(frozen=True, slots=True)
class Split:
    """Pairs to learn from, and those that a net is tried on; no product is in both."""

    taught: tuple[Pair, ...]
    held_out: tuple[Pair, ...]


def pair_of(name: str, product: str, source: Source, content: str, photo: Photo, alpha: U8) -> Pair | LeftOut:
    """A pair at the size at which it is kept, or why there is nothing to learn from it.

    alpha: HxW uint8 of the photo's size.
    """
    if photo.alpha is not None:
        return LeftOut(
            name,
            Rejection(
                "already_cut_out",
                "The photo comes with a transparent background: it does not show what has to be cut away.",
                "Give the photo as it was taken.",
            ),
        )
    if alpha.shape != photo.rgb.shape[:2]:
        found, wanted = (f"{width} x {height}" for height, width in (alpha.shape, photo.rgb.shape[:2]))
        return LeftOut(name, bad_matte(f"It has {found} pixels, but the photo has {wanted}."))
    if problem := useless(alpha):
        return LeftOut(name, bad_matte(f"Nothing can be learnt from it: {problem}."))
    return Pair(name, product, source, content, _small(photo.rgb), _small(alpha))


def folder_pairs(folder: Path) -> Iterator[Pair | LeftOut]:
    """Every pair of a folder, in the order of the names. Raises OSError if the folder cannot be listed.

    Hidden files and files that do not mean to be photos are passed over.
    """
    for place, product in [(folder, ""), *_folders(folder)]:
        yield from _of_one_folder(place, product)


def distinct(pairs: Sequence[Pair]) -> tuple[list[Pair], list[LeftOut]]:
    """Of pairs with the same photo only the first one, trusted ones first; and those that are left out for it."""
    first: dict[str, Pair] = {}
    for pair in sorted(pairs, key=lambda pair: not pair.trusted):
        first.setdefault(pair.content, pair)
    kept = [pair for pair in pairs if first[pair.content] is pair]
    left = [
        LeftOut(
            pair.name,
            Rejection("same_photo", f"It is the photo of {first[pair.content].name} again.", "One of them is enough."),
        )
        for pair in pairs
        if first[pair.content] is not pair
    ]
    return kept, left


def refusal(pairs: Sequence[Pair]) -> str:
    """Why these pairs are too few to learn from, in a sentence or two that say what to do, or ""."""
    trusted, products = sum(pair.trusted for pair in pairs), len({pair.product for pair in pairs})
    enough = (
        (len(pairs), LEAST_PAIRS, "pairs of photo and cut-out"),
        (products, LEAST_PRODUCTS, "different products among them"),
        (trusted, LEAST_TRUSTED, "pairs that a person looked at"),
    )
    lacks = [f"{found} {what} found, at least {least} expected" for found, least, what in enough if found < least]
    if not lacks:
        return ""
    return (
        f"Too little to learn from: {'; '.join(lacks)}. "
        "Decide about more cut-outs (catalog review), or give a folder of photos and mattes with --pairs."
    )


def split(pairs: Sequence[Pair]) -> Split:
    """Hold a quarter of the products out, chosen by a hash of their keys: the same ones from run to run."""
    order = sorted({pair.product for pair in pairs}, key=_draw)
    trusted = {pair.product for pair in pairs if pair.trusted}
    held = {product for product in order if _draw(product) < HELD_OUT}
    held |= {*order[:_LEAST_HELD], *[product for product in order if product in trusted][:_LEAST_TRUSTED_HELD]}
    return Split(
        tuple(pair for pair in pairs if pair.product not in held),
        tuple(pair for pair in pairs if pair.product in held),
    )


def _draw(product: str) -> float:
    """0 to 1, always the same for the same product."""
    return int.from_bytes(hashlib.sha256(f"held out {product}".encode()).digest()[:6]) / 2**48


def _small(picture: U8) -> U8:
    height, width = picture.shape[:2]
    scale = _SIDE / max(height, width)
    if scale >= 1:
        return picture.copy()
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _folders(folder: Path) -> list[tuple[Path, str]]:
    found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return [(path, path.name) for path in sorted(found)]


def _of_one_folder(folder: Path, product: str) -> Iterator[Pair | LeftOut]:
    """The pairs that lie directly in a folder. product: the folder's name; "": every photo is a product of its own."""
    photos: dict[str, Path] = {}
    mattes: set[str] = set()
    for path in sorted(folder.iterdir()):
        name = f"{product}/{path.name}" if product else path.name
        if path.name.startswith(".") or path.is_dir():
            continue
        if path.name.lower().endswith(_MATTE):
            mattes.add(path.name[: -len(_MATTE)])
        elif path.suffix.lower() in PHOTO_EXTENSIONS and path.stem in photos:
            yield _left(name, "duplicate_name", "Another photo has the same name up to its extension.", "Rename one.")
        elif path.suffix.lower() in PHOTO_EXTENSIONS:
            photos[path.stem] = path
    for stem in sorted(mattes - photos.keys()):
        wanted = f"{stem}.jpg"
        yield _left(f"{stem}{_MATTE}", "no_photo", "There is no photo of this name.", f"Put it beside it, as {wanted}.")
    for stem, path in photos.items():
        name = f"{product}/{path.name}" if product else path.name
        if stem in mattes:
            yield _read(path, display(name), sku_name(product or stem).key)
        else:
            yield _left(name, "no_matte", "There is no matte of this name.", f"Put it beside it, as {stem}{_MATTE}.")


def _read(path: Path, name: str, product: str) -> Pair | LeftOut:
    """One photo and the matte beside it."""
    data = _bytes(path, _MAX_PHOTO_BYTES)
    if isinstance(data, Rejection):
        return LeftOut(name, data)
    matte = _bytes(_matte_of(path), MAX_MATTE_BYTES)
    if isinstance(matte, Rejection):
        return LeftOut(name, matte)
    photo = decode_photo(data, _LIMITS)
    if isinstance(photo, Rejection):
        return LeftOut(name, photo)
    alpha = read_matte(matte, photo.rgb.shape[:2])
    if isinstance(alpha, Rejection):
        return LeftOut(name, alpha)
    return pair_of(name, product, "given", hashlib.sha256(data).hexdigest(), photo, alpha)


def _matte_of(path: Path) -> Path:
    """The file beside a photo that holds its matte, however its extension is written."""
    wanted = path.with_name(f"{path.stem}{_MATTE}")
    if wanted.exists():
        return wanted
    others = (one for one in path.parent.iterdir() if one.name[: -len(_MATTE)] == path.stem)
    return next((one for one in others if one.name.lower().endswith(_MATTE)), wanted)


def _bytes(path: Path, most: int) -> bytes | Rejection:
    """What a file holds, or why it cannot be read; nothing but regular files is opened."""
    try:
        if not path.is_file():
            return Rejection("not_a_file", f"{display(path.name)} is no regular file.", "Put the picture itself there.")
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        return Rejection(
            "unreadable_file", f"{display(path.name)} could not be read: {error.strerror}.", "See that you may read it."
        )
    if len(data) > most:
        return Rejection("too_large", f"{display(path.name)} has more than {most >> 20} MB.", "Give a smaller file.")
    return data


def _left(name: str, code: str, message: str, hint: str) -> LeftOut:
    return LeftOut(display(name), Rejection(code, message, display(hint)))
