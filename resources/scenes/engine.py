"""What a scene engine is given and gives back, and where a product lies in its picture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import resize_alpha, resize_rgba
from resources.imaging.harmonise import UNTOUCHED, Harmony
from resources.scenes.templates import Pose, SceneTemplate

U8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open box of pixels: rows top..bottom-1, columns left..right-1."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def grown(self, share: float, size: tuple[int, int]) -> Box:
        """The box with a border of a share of its longer side, inside a picture of size (width, height)."""
        border = round(share * max(self.width, self.height))
        return Box(
            max(0, self.left - border),
            max(0, self.top - border),
            min(size[0], self.right + border),
            min(size[1], self.bottom + border),
        )

    def of(self, image: U8) -> U8:
        """The part of an image inside the box (a view)."""
        return image[self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a cut-out lies: its box of alpha > 0 was scaled by `scale`, its top left put at (left, top).

    left, top: canvas pixels. The scaled size is that of `scaled_size`, the pixels are those of `scaled_product`.
    """

    scale: float
    left: int
    top: int


MOST_GRIP = 2


@dataclass(frozen=True, slots=True)
class Care:
    """How careful an engine must be with the product; a scene that failed is made again with more of it.

    harmonise: its colours may be matched to the scene, within narrow bounds. plain: the simplest scene that the look
    allows, with nothing in front of the product. grip: 0 to 2, how firmly a generating engine holds on to the true
    product: the mask is dilated less, more of the true pixels is pasted back. ValueError for another grip.
    """

    harmonise: bool = True
    plain: bool = False
    grip: int = 0

    def __post_init__(self) -> None:
        if self.grip not in range(MOST_GRIP + 1):
            raise ValueError(f"care: grip {self.grip!r} found, 0 to {MOST_GRIP} expected")


@dataclass(frozen=True, slots=True)
class SceneJob:
    """One picture to make: the cut-out (straight-alpha RGBA) in a template, by a seed, at size (width, height).

    pose: "standing" on the floor, "flat" seen from above, "hanging" on the wall. height_cm: the product's real height,
    None if nobody knows. care: how careful to be with the product. plate: the one to take, whatever the template says,
    for an engine with plates. product: what it is, in a few words of whatever origin, for an engine that is told; not
    to be trusted. name: who asks, for logs.
    """

    cutout: U8
    template: SceneTemplate
    seed: int
    size: tuple[int, int] = (1600, 1600)
    pose: Pose = "standing"
    height_cm: float | None = None
    care: Care = Care()
    plate: str | None = None
    product: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One generated picture: rgb and the product's alpha, both of canvas size; snake_case notes.

    harmony: what was done to the product's colours. facts: what else a record should tell of the scene (JSON-ready).
    usd: what it cost in calls that somebody charges for.
    """

    rgb: U8
    alpha: U8
    placement: Placement
    notes: tuple[str, ...] = ()
    harmony: Harmony = UNTOUCHED
    facts: Mapping[str, Any] = field(default_factory=dict)
    usd: float = 0.0


class EngineError(Exception):
    """An engine could not make a picture. The message is one line for people, without secrets.

    code: stable snake_case name ("timed_out", "refused", "no_picture", "maybe_paid"). usd: what the attempt cost, or
    may have cost where nobody can tell. healthy: the engine itself works, it is this job that it will not do; another
    job may well succeed.
    """

    def __init__(self, code: str, message: str, *, usd: float = 0.0, healthy: bool = False) -> None:
        super().__init__(message)
        self.code, self.message, self.usd, self.healthy = code, message, usd, healthy


SceneKind = Literal["procedural_scene", "photographed_scene", "generated_scene"]
"""How the world around the product came about: exported files must say so."""


class SceneEngine(Protocol):
    """One way to make scenes around a product. May serve several threads.

    price: USD of real money that one picture costs at most; 0 for work on our own machines.
    """

    name: str
    device: str
    kind: SceneKind
    price: float

    @property
    def waiting(self) -> int:
        """How many pictures were asked for and are not made yet."""
        ...

    @property
    def revision(self) -> str:
        """What changes when the same job would give other pictures."""
        ...

    def recipe(self, template: SceneTemplate, product: str) -> Mapping[str, Any]:
        """What the engine is told beyond a job's own fields (JSON-ready): a picture is made again when it changes.

        product: as in SceneJob. Empty for an engine that is told nothing.
        """
        ...

    def compose(self, jobs: Sequence[SceneJob]) -> list[Candidate]:
        """Make one candidate a job, in order. Raises EngineError; a price above 0 takes one job at a time."""
        ...

    def backdrop(self, job: SceneJob) -> U8 | None:
        """The scene that `compose` puts the product into, alone (HxWx3 uint8), or None if the engine cannot know it."""
        ...


def scene_seed(*parts: str | int) -> int:
    """A seed of 63 bits, the same for the same parts wherever it runs.

    parts: sku, view, campaign, scene, variant, attempt, period. Each is length-prefixed, so that ("a", "bc") and
    ("ab", "c") differ.
    """
    text = "".join(f"{len(part)}:{part}" for part in map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") >> 1


def product_box(alpha: U8) -> Box:
    """The box of alpha > 0; ValueError if the cut-out is empty."""
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(alpha))
    if width == 0:
        raise ValueError("the cut-out is empty: no pixel has alpha above 0")
    return Box(left, top, left + width, top + height)


def scaled_size(box: Box, scale: float) -> tuple[int, int]:
    """Width and height in pixels of a box after scaling, at least 1."""
    return max(1, round(box.width * scale)), max(1, round(box.height * scale))


def scaled_product(cutout: U8, scale: float) -> U8:
    """The box of alpha > 0 of a cut-out, resized by `scale`: the very pixels that a placement puts down."""
    box = product_box(cutout[..., 3])
    size = scaled_size(box, scale)
    part = np.ascontiguousarray(box.of(cutout))
    return part if size == (box.width, box.height) else resize_rgba(part, size)


def scaled_alpha(alpha: U8, scale: float) -> U8:
    """The alpha of `scaled_product`, from that of the cut-out (HxW uint8) alone: a tenth of its cost."""
    box = product_box(alpha)
    return resize_alpha(np.ascontiguousarray(box.of(alpha)), scaled_size(box, scale))


def on_canvas(product: U8, placement: Placement, size: tuple[int, int]) -> U8:
    """A scaled product (any channels) laid on an empty canvas of size (width, height), cut at its borders."""
    width, height = size
    canvas = np.zeros((height, width, *product.shape[2:]), np.uint8)
    left, top = max(0, placement.left), max(0, placement.top)
    right = min(width, placement.left + product.shape[1])
    bottom = min(height, placement.top + product.shape[0])
    if left < right and top < bottom:
        canvas[top:bottom, left:right] = product[
            top - placement.top : bottom - placement.top, left - placement.left : right - placement.left
        ]
    return canvas
