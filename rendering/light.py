"""Random light for sprites that nets are trained with: windows, softboxes, sun, lamps, in rooms of all kinds.

Every light is set by how much of it arrives at the product, so that a scene is about as bright whatever lights it.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from pathlib import Path

import bpy
import kit
import materials as mt
import numpy as np
import sets
import sprites

# A white sheet facing a light of this irradiance comes out just below white.
_FULL = 0.8 * math.pi
_WARM, _COOL = "#ffcf94", "#cfe2ff"


def _white(rng: np.random.Generator, spread: float) -> str:
    """Light between warm and cool; a spread of 0 is neutral, 1 goes from a candle to a blue sky."""
    away = float(rng.uniform(-1, 1)) * spread
    ends = np.array(mt.channels(_WARM if away < 0 else _COOL))
    return mt.hex_code(*(1 + (ends - 1) * abs(away)))


def _coloured(rng: np.random.Generator) -> str:
    return mt.hex_code(*colorsys.hsv_to_rgb(float(rng.random()), float(rng.uniform(0.3, 0.9)), 1))


def room(rng: np.random.Generator, irradiance: float) -> None:
    """A world that runs from a floor over walls to a ceiling, with some bright and dark patches to be mirrored."""
    walls = mt.hex_code(
        *colorsys.hsv_to_rgb(float(rng.random()), float(rng.uniform(0, 0.25)), float(rng.uniform(0.3, 1)))
    )
    floor = mt.hex_code(*colorsys.hsv_to_rgb(float(rng.uniform(0.03, 0.15)), 0.3, float(rng.uniform(0.1, 0.8))))
    ceiling = _white(rng, 0.3)
    sets.room_world(1.0, ceiling, walls, floor)
    tree = bpy.context.scene.world.node_tree
    background = tree.nodes["Background"]
    means = [float(np.mean(mt.hex_color(code))) for code in (ceiling, walls, floor)]
    background.inputs["Strength"].default_value = irradiance / (
        math.pi * (0.4 * means[0] + 0.5 * means[1] + 0.1 * means[2])
    )
    if rng.random() < 0.6:
        _patches(rng, tree)


def _patches(rng: np.random.Generator, tree: bpy.types.NodeTree) -> None:
    """Furniture, doors and lamps as blocks of light and dark in the world: without them metal mirrors nothing."""
    background = tree.nodes["Background"]
    cells = tree.nodes.new("ShaderNodeTexVoronoi")
    cells.distance = "CHEBYCHEV"
    cells.inputs["Scale"].default_value = float(rng.uniform(1, 4))
    coords, shift = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeMapping")
    shift.inputs["Location"].default_value = rng.uniform(-9, 9, 3)
    grey = tree.nodes.new("ShaderNodeRGBToBW")
    bend = tree.nodes.new("ShaderNodeMath")
    bend.operation = "POWER"
    bend.inputs[1].default_value = float(rng.uniform(1, 4))
    scale = tree.nodes.new("ShaderNodeMath")
    scale.operation = "MULTIPLY_ADD"
    scale.inputs[1].default_value, scale.inputs[2].default_value = float(rng.uniform(0.8, 3)), 0.3
    mix = tree.nodes.new("ShaderNodeVectorMath")
    mix.operation = "SCALE"
    before = background.inputs["Color"].links[0].from_socket
    tree.links.new(coords.outputs["Generated"], shift.inputs["Vector"])
    tree.links.new(shift.outputs["Vector"], cells.inputs["Vector"])
    tree.links.new(cells.outputs["Color"], grey.inputs["Color"])
    tree.links.new(grey.outputs["Val"], bend.inputs[0])
    tree.links.new(bend.outputs["Value"], scale.inputs[0])
    tree.links.new(before, mix.inputs[0])
    tree.links.new(scale.outputs["Value"], mix.inputs["Scale"])
    tree.links.new(mix.outputs["Vector"], background.inputs["Color"])


def panel(
    rng: np.random.Generator,
    size: tuple[float, float],
    far: float,
    height: tuple[float, float],
    irradiance: float,
    tint: str,
) -> None:
    """A rectangular light at a random side of the product, facing it; `height` is its range in degrees."""
    a, up = float(rng.uniform(0, 2 * math.pi)), math.radians(float(rng.uniform(*height)))
    at = (far * math.cos(a) * math.cos(up), far * math.sin(a) * math.cos(up), far * math.sin(up))
    # Behind something, a light adds only a rim: it may be stronger there. Photographers stand where most light is.
    radiance = irradiance * (far**2 + size[0] * size[1] / 4) / (size[0] * size[1])
    sets.area_light(size, at, radiance, tint, (0, 0, 0.8))


def sun(rng: np.random.Generator, irradiance: float, tint: str) -> None:
    """Parallel light with crisp to slightly soft shadows."""
    light = bpy.data.lights.new("sun", "SUN")
    light.energy, light.angle = irradiance, math.radians(float(rng.uniform(0.5, 6)))
    light.color = mt.hex_color(tint)
    lamp = kit.link(bpy.data.objects.new("sun", light))
    lamp.rotation_euler = (math.radians(float(rng.uniform(15, 75))), 0, float(rng.uniform(0, 2 * math.pi)))


def _window(rng: np.random.Generator) -> None:
    room(rng, _FULL * float(rng.uniform(0.15, 0.5)))
    size = (float(rng.uniform(4, 14)), float(rng.uniform(6, 14)))
    panel(rng, size, float(rng.uniform(9, 18)), (10, 45), _FULL * float(rng.uniform(0.6, 1.2)), _white(rng, 0.3))


def _softboxes(rng: np.random.Generator) -> None:
    room(rng, _FULL * float(rng.uniform(0.05, 0.4)))
    for _ in range(int(rng.integers(1, 4))):
        side = float(rng.uniform(2, 8))
        size = (side, side * float(rng.uniform(0.6, 2.5)))
        panel(rng, size, float(rng.uniform(6, 12)), (10, 85), _FULL * float(rng.uniform(0.2, 0.8)), _white(rng, 0.15))


def _overcast(rng: np.random.Generator) -> None:
    room(rng, _FULL * float(rng.uniform(0.7, 1.0)))
    panel(rng, (20, 14), float(rng.uniform(14, 20)), (40, 85), _FULL * float(rng.uniform(0.1, 0.4)), _white(rng, 0.4))


def _sunny(rng: np.random.Generator) -> None:
    room(rng, _FULL * float(rng.uniform(0.2, 0.55)))
    sun(rng, _FULL * float(rng.uniform(0.5, 1.6)), _white(rng, 0.5))


def _lamps(rng: np.random.Generator) -> None:
    room(rng, _FULL * float(rng.uniform(0.1, 0.35)))
    for _ in range(int(rng.integers(1, 4))):
        size = float(rng.uniform(0.3, 2))
        panel(
            rng,
            (size, size),
            float(rng.uniform(7, 15)),
            (25, 85),
            _FULL * float(rng.uniform(0.3, 0.8)),
            _white(rng, 0.9),
        )


def _coloured_lamps(rng: np.random.Generator) -> None:
    room(rng, _FULL * float(rng.uniform(0.1, 0.4)))
    for _ in range(2):
        side = float(rng.uniform(1, 6))
        panel(
            rng, (side, side), float(rng.uniform(6, 12)), (5, 80), _FULL * float(rng.uniform(0.3, 0.8)), _coloured(rng)
        )


def _flash(rng: np.random.Generator) -> None:
    """A phone's flash: hard light from beside the lens."""
    room(rng, _FULL * float(rng.uniform(0.03, 0.2)))
    camera = bpy.context.scene.camera
    at = camera.location + camera.rotation_euler.to_matrix() @ kit.Vector((0.25, 0.5, 0))
    irradiance = _FULL * float(rng.uniform(0.7, 1.3))
    sets.area_light((0.3, 0.3), tuple(at), irradiance * at.length_squared / 0.09, "#f6f8ff", (0, 0, 0.7))


_ROOMS = (
    (_window, 0.26),
    (_softboxes, 0.18),
    (_overcast, 0.16),
    (_sunny, 0.14),
    (_lamps, 0.14),
    (_coloured_lamps, 0.06),
    (_flash, 0.06),
)


def add_light(rng: np.random.Generator, skies: Sequence[Path]) -> float:
    """Light the scene at random, with panoramas too if there are any; needs the camera. Returns the gain of the photo."""
    if skies and rng.random() < 0.35:
        sprites.sky(skies, rng)
    else:
        shares = np.array([share for _, share in _ROOMS])
        _ROOMS[int(rng.choice(len(_ROOMS), p=shares / shares.sum()))][0](rng)
    low = rng.random() < 0.1
    return float(rng.uniform(0.3, 0.7) if low else rng.uniform(1.1, 2.1))


def add_bounce(rng: np.random.Generator, floor: float, wall: float | None = None) -> None:
    """A table at z = `floor`, or a wall at y = `wall`: never seen, only its shade and the light from it."""
    hue, strength = float(rng.random()), float(rng.choice([0.0, 0.1, 0.6]))
    paint = mt.principled(
        "surface", mt.hex_code(*colorsys.hsv_to_rgb(hue, strength, float(rng.uniform(0.15, 0.95)))), roughness=0.8
    )
    if wall is not None:
        surface = kit.box("wall", (60, 0.1, 60), paint, at=(0, wall + 0.07, -30), bevel=0)
    else:
        surface = kit.box("ground", (60, 60, 0.1), paint, at=(0, 0, floor - 0.1), bevel=0)
    # Glass must not show it either.
    surface.visible_camera = surface.visible_transmission = False
