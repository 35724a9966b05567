"""Light that is not the key light: the room around a set, fill lights, lamps in the picture."""

from __future__ import annotations

import bpy
import kit
import materials as mt
from sets import area_light

from plate_sets import shading as sh


def even_world(color: str = "#ffffff", strength: float = 0.35) -> bpy.types.World:
    """Light from everywhere: the room around the set."""
    world = bpy.data.worlds.new("room")
    bpy.context.scene.world = world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = sh.rgba(color)
    background.inputs["Strength"].default_value = strength
    return world


def color_world(world: bpy.types.World, color: sh.Socket) -> None:
    """Light that is not the same from all sides."""
    world.node_tree.links.new(color, world.node_tree.nodes["Background"].inputs["Color"])


def soft_light(
    size: tuple[float, float], at: kit.Point3, radiance: float, color: str = "#ffffff", aim: kit.Point3 = (0, 0, 0)
) -> None:
    """A rectangular fill light aimed at a point. It is no key light: it throws no shadow that the compositor knows."""
    area_light(size, at, radiance, color, aim).visible_camera = False


def glowing(color: str, strength: float) -> bpy.types.Material:
    """A lamp's surface; out of focus it becomes a disc of light."""
    material = mt.principled("lamp", color, roughness=1.0)
    sh.set_glow(material, color, strength)
    return material
