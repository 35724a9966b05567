"""Places where a small seller takes pictures, and the light found there.

Every set has its surface at z = 0 and looks along +y; the camera stands on the -y side.
"""

from __future__ import annotations

import math

import bpy
import kit
import materials as mt
import numpy as np

WALL_Y = 6.0


def _wall(material: bpy.types.Material, y: float = WALL_Y, low: float = -12.0) -> None:
    kit.box("wall", (90, 0.2, 50), material, at=(0, y + 0.1, low), bevel=0)


def _painted(color: str) -> bpy.types.Material:
    """Wall paint put on with a roller."""
    return mt.add_bump(mt.principled("paint", color, roughness=0.8), 9, 0.25, detail=4, depth=0.03)


def wooden_table(
    tone: tuple[str, str, str] = ("#8f6a48", "#ab8459", "#c6a27a"), wall: str = "#cfc9bd", turn: float = 0.0
) -> None:
    """A plank table, its back edge in front of a painted wall."""
    surface = mt.planks("table", tone, 2.3, 90, roughness=0.42)
    top = kit.box("table", (34, 15, 0.35), surface, at=(0, 0, -0.35), bevel=0.03)
    top.rotation_euler = (0, 0, math.radians(turn))
    _wall(_painted(wall), y=9.5)


def floor_and_wall(floor: str = "#8f8d88", wall: str = "#dad8d2", skirting: str = "#f0efea") -> None:
    """Concrete floor, skirting board, plain wall."""
    ground = mt.principled("concrete", floor, roughness=0.7)
    shades = [(0.3, floor), (0.7, _lighter(floor, 1.12))]
    mt.add_tint(ground, shades, 0.5, detail=8)
    mt.add_bump(ground, 5, 0.2, detail=6)
    kit.box("floor", (80, 80, 0.2), ground, at=(0, 0, -0.2), bevel=0)
    kit.box("skirting", (90, 0.15, 0.8), mt.principled("skirting", skirting, roughness=0.4), at=(0, WALL_Y, 0))
    _wall(_painted(wall))


def paper_sweep(color: str = "#e9e6df") -> None:
    """A big sheet of paper run up a wall, the cheapest studio there is; curled at one corner."""
    profile = [(-9.0, 0.0), (2.5, 0.0)]
    profile += [(2.5 + 2.5 * math.sin(a), 2.5 - 2.5 * math.cos(a)) for a in np.linspace(0.1, math.pi / 2, 16)]
    profile += [(5.02, 14.0)]
    paper = mt.add_bump(mt.principled("paper", color, roughness=0.75), 1.2, 0.06, detail=2, depth=0.2)
    rings = [[(x, y, z) for y, z in profile] for x in np.linspace(-13, 13, 24)]
    kit.loft("paper", rings, paper, caps=False, around=False, sharp_angle=180)
    kit.box("desk", (70, 40, 0.2), mt.principled("desk", "#6b5644", roughness=0.5), at=(0, 0, -0.24), bevel=0)


def kitchen_counter(stone: str = "#d9d6cf", fleck: str = "#b0aca5", tile: str = "#e4ece8") -> None:
    """Terrazzo counter in front of glazed tiles."""
    counter = mt.principled("counter", stone, roughness=0.25, coat=0.2)
    mt.add_tint(counter, [(0.36, fleck), (0.41, stone), (0.62, stone), (0.68, _lighter(stone, 1.1))], 7, detail=6)
    mt.add_roughness(counter, 0.2, 0.4, 1.0)
    kit.box("counter", (60, 12, 0.4), counter, at=(0, -0.5, -0.4), bevel=0.05)
    _wall(mt.tiles("tiles", tile, "#b9b5ab", (2.0, 1.0)), y=5.5)


def bedsheet(
    color: str = "#c3d3e2",
    folds: float = 0.34,
    seed: int = 1,
    calm: float = 1.6,
    sheen: float = 0.1,
    threads: float = 22,
) -> None:
    """A wrinkled sheet; the folds lie flat within `calm` of the middle, where the product presses on it."""
    cloth = mt.add_weave(mt.principled("cloth", color, roughness=0.9, sheen=sheen), threads, 0.12)
    mt.add_bump(cloth, 6, 0.25, detail=4, depth=0.03)
    _wall(_painted("#d5d0c6"), y=9)
    kit.grid("sheet", 36, 720, lambda x, y: _wrinkles(x, y, seed, folds, calm), cloth)


def _wrinkles(x: np.ndarray, y: np.ndarray, seed: int, folds: float, calm: float) -> np.ndarray:
    """Height of a creased cloth: ridges in five directions that come and go, over soft hills."""
    warp_x = x + 1.1 * kit.value_noise(x * 0.3, y * 0.3, seed)
    warp_y = y + 1.1 * kit.value_noise(x * 0.3 + 9, y * 0.3, seed + 1)
    height = 0.35 * kit.value_noise(x * 0.16, y * 0.16, seed + 2)
    for i, angle in enumerate((0.3, 1.0, 1.7, 2.3, 2.9)):
        along = warp_x * math.cos(angle) + warp_y * math.sin(angle)
        across = -warp_x * math.sin(angle) + warp_y * math.cos(angle)
        crease = kit.value_noise(along * 0.09 + 5 * i, across * 0.62, seed + 10 + i)
        # Rounded on top: a knife edge would show the steps of the grid.
        ridge = 1 - np.sqrt(crease**2 + 0.006) + 0.077
        there = np.clip(1.6 * kit.value_noise(along * 0.16, across * 0.3 + 3 * i, seed + 20 + i) + 0.3, 0, 1)
        height += folds * ridge**7 * there
    pressed = 1 / (1 + np.exp(-(np.hypot(x, y) - calm - 0.6) * 3.0))
    # The product stands at z = 0; what lies under it must not poke through its bottom.
    return (height - height.min() * 0.2) * pressed - 0.01


def carpet(color: str = "#9a8f86", light: str = "#b9aea3", wall: str = "#ded9d0") -> None:
    """Short loop carpet and a wall behind."""
    pile = mt.principled("carpet", color, roughness=1.0, sheen=0.4)
    mt.add_tint(pile, [(0.35, color), (0.65, light)], 14, detail=4)
    mt.add_bump(pile, 16, 1.0, detail=3, depth=0.12)
    kit.box("carpet", (80, 80, 0.2), pile, at=(0, 0, -0.2), bevel=0)
    kit.box("skirting", (90, 0.15, 0.9), mt.principled("skirting", "#f0efea", roughness=0.4), at=(0, WALL_Y, 0))
    _wall(_painted(wall))


def _lighter(code: str, factor: float) -> str:
    """An sRGB code scaled channel by channel."""
    channels = (min(255, int(int(code[i : i + 2], 16) * factor)) for i in (1, 3, 5))
    return "#" + "".join(f"{c:02x}" for c in channels)


def room_world(strength: float, ceiling: str = "#ffffff", walls: str = "#cbbfae", ground: str = "#5a4a3c") -> None:
    """The rest of the room as a world: bright ceiling, walls, dark floor. Shiny things need it to mirror."""
    world = bpy.data.worlds.new("room")
    bpy.context.scene.world = world
    world.use_nodes = True
    tree = world.node_tree
    background = tree.nodes["Background"]
    coords = tree.nodes.new("ShaderNodeTexCoord")
    split = tree.nodes.new("ShaderNodeSeparateXYZ")
    span = tree.nodes.new("ShaderNodeMapRange")
    span.inputs["From Min"].default_value = -1
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    ramp.color_ramp.elements.new(0.5)
    stops = ((0.42, ground), (0.52, walls), (0.85, ceiling))
    for element, (position, color) in zip(ramp.color_ramp.elements, stops, strict=True):
        element.position, element.color = position, (*mt.hex_color(color), 1)
    tree.links.new(coords.outputs["Generated"], split.inputs["Vector"])
    tree.links.new(split.outputs["Z"], span.inputs["Value"])
    tree.links.new(span.outputs["Result"], ramp.inputs["Fac"])
    tree.links.new(ramp.outputs["Color"], background.inputs["Color"])
    background.inputs["Strength"].default_value = strength


def area_light(
    size: tuple[float, float], at: kit.Point3, radiance: float, color: str, aim: kit.Point3 = (0, 0, 0)
) -> bpy.types.Object:
    """A rectangular light of given radiance, so that its size changes softness and amount together."""
    light = bpy.data.lights.new("area", "AREA")
    light.shape = "RECTANGLE"
    light.size, light.size_y = size
    light.energy = radiance * math.pi * size[0] * size[1]
    light.color = mt.hex_color(color)
    obj = kit.link(bpy.data.objects.new("area", light))
    obj.location = at
    direction = kit.Vector(aim) - kit.Vector(at)
    obj.rotation_euler = direction.to_track_quat("-Z", "Y").to_euler()
    return obj


def window(side: float = -1, radiance: float = 11.0, room: float = 0.3, tint: str = "#f2f6ff", far: float = 16) -> None:
    """A four-pane window on one side (-1 left, 1 right), a little in front of the product."""
    room_world(room)
    for column in (-1, 1):
        for row in (0, 1):
            at = (side * far, -5 + column * 3.4, 6 + row * 7.2)
            # All panes face the same way, as one window does.
            area_light((6.4, 6.6), at, radiance, tint, (at[0] - side, at[1] + 0.25, at[2] - 0.45))


def overcast(radiance: float = 4.6, room: float = 0.6, tint: str = "#eef3fb") -> None:
    """Soft light from a big window behind the photographer and above."""
    room_world(room)
    area_light((20, 14), (-5, -13, 15), radiance, tint, (0, 0, 1))


def ceiling_lamp(radiance: float = 60, room: float = 0.3, at: kit.Point3 = (5, -4, 17), tint: str = "#ffe2bd") -> None:
    """One warm lamp above: a harder shadow, yellowish light, a cool rest from a window behind."""
    room_world(room, walls="#d8c3a5")
    area_light((2.6, 2.6), at, radiance, tint)
    area_light((10, 10), (-14, -10, 9), 1.6, "#dfe9ff")


def sun_patch(radiance: float = 5.0, sun: float = 3.0, side: float = -1) -> None:
    """Window light with low sun coming in."""
    window(side, radiance, 0.4)
    light = bpy.data.lights.new("sun", "SUN")
    light.energy, light.angle = sun, math.radians(1.5)
    light.color = mt.hex_color("#ffe7c4")
    obj = kit.link(bpy.data.objects.new("sun", light))
    obj.rotation_euler = (math.radians(48), math.radians(side * 22), math.radians(side * 30))
