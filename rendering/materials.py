"""Procedural materials: each is a Principled shader with noise in its colour, roughness or bump."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from PIL import Image

Color = tuple[float, float, float]

# Principled inputs under short names, so that a call reads as one line.
INPUTS = {
    "roughness": "Roughness",
    "metallic": "Metallic",
    "coat": "Coat Weight",
    "coat_roughness": "Coat Roughness",
    "sheen": "Sheen Weight",
    "transmission": "Transmission Weight",
    "ior": "IOR",
    "subsurface": "Subsurface Weight",
    "specular": "Specular IOR Level",
    "emission": "Emission Strength",
}


def hex_color(code: str) -> Color:
    """Linear colour of an sRGB code such as `#1f4e9c`."""
    values = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return (r, g, b)


def hex_code(red: float, green: float, blue: float) -> str:
    """An sRGB code from channels in 0..1; what lies outside is clipped."""
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, channel))):02x}" for channel in (red, green, blue))


def channels(code: str) -> tuple[float, float, float]:
    """sRGB channels in 0..1 of a code such as `#1f4e9c`."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def principled(name: str, color: str, **inputs: float) -> bpy.types.Material:
    """A plain Principled material; `color` is an sRGB code."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = shader_of(material)
    shader.inputs["Base Color"].default_value = (*hex_color(color), 1)
    for key, value in inputs.items():
        shader.inputs[INPUTS[key]].default_value = value
    if "emission" in inputs:
        shader.inputs["Emission Color"].default_value = (*hex_color(color), 1)
    return material


def shader_of(material: bpy.types.Material) -> bpy.types.Node:
    """The Principled node of a material."""
    return material.node_tree.nodes["Principled BSDF"]


def noise(
    material: bpy.types.Material, scale: float, stretch: Sequence[float], detail: float, distortion: float = 0
) -> bpy.types.Node:
    """A noise texture in object space, stretched along the axes."""
    tree = material.node_tree
    coords = tree.nodes.new("ShaderNodeTexCoord")
    mapping = tree.nodes.new("ShaderNodeMapping")
    noise = tree.nodes.new("ShaderNodeTexNoise")
    mapping.inputs["Scale"].default_value = stretch
    noise.inputs["Scale"].default_value = scale
    noise.inputs["Detail"].default_value = detail
    noise.inputs["Distortion"].default_value = distortion
    tree.links.new(coords.outputs["Object"], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], noise.inputs["Vector"])
    return noise


def ramp(owner: bpy.types.Material | bpy.types.World, stops: Sequence[tuple[float, str]]) -> bpy.types.Node:
    """A colour ramp through the stops: positions, each with an sRGB code."""
    made = owner.node_tree.nodes.new("ShaderNodeValToRGB")
    elements = made.color_ramp.elements
    while len(elements) < len(stops):
        elements.new(0.5)
    for element, (position, color) in zip(elements, stops, strict=True):
        element.position = position
        element.color = (*hex_color(color), 1)
    return made


def add_bump(
    material: bpy.types.Material,
    scale: float,
    strength: float,
    *,
    stretch: Sequence[float] = (1, 1, 1),
    detail: float = 3,
    depth: float = 0.02,
) -> bpy.types.Material:
    """Noise relief; a second call lies on top of the first."""
    tree = material.node_tree
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = strength
    bump.inputs["Distance"].default_value = depth
    tree.links.new(noise(material, scale, stretch, detail).outputs["Fac"], bump.inputs["Height"])
    normal = shader_of(material).inputs["Normal"]
    if normal.links:
        tree.links.new(normal.links[0].from_socket, bump.inputs["Normal"])
    tree.links.new(bump.outputs["Normal"], normal)
    return material


def add_weave(material: bpy.types.Material, threads: float, strength: float = 0.3) -> bpy.types.Material:
    """Fabric relief: two crossed sine waves, `threads` for one unit."""
    tree = material.node_tree
    coords = tree.nodes.new("ShaderNodeTexCoord")
    waves = []
    for axis in ("X", "Y"):
        wave = tree.nodes.new("ShaderNodeTexWave")
        wave.bands_direction = axis
        wave.inputs["Scale"].default_value = threads
        wave.inputs["Distortion"].default_value = 0.6
        tree.links.new(coords.outputs["Object"], wave.inputs["Vector"])
        waves.append(wave)
    add = tree.nodes.new("ShaderNodeMath")
    for wave, socket in zip(waves, add.inputs[:2], strict=True):
        tree.links.new(wave.outputs["Fac"], socket)
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = strength
    bump.inputs["Distance"].default_value = 0.01
    tree.links.new(add.outputs["Value"], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader_of(material).inputs["Normal"])
    return material


def add_tint(
    material: bpy.types.Material,
    stops: Sequence[tuple[float, str]],
    scale: float,
    *,
    stretch: Sequence[float] = (1, 1, 1),
    detail: float = 4,
    distortion: float = 0,
) -> bpy.types.Material:
    """Colour by noise through a ramp."""
    color = ramp(material, stops)
    links = material.node_tree.links
    links.new(noise(material, scale, stretch, detail, distortion).outputs["Fac"], color.inputs["Fac"])
    links.new(color.outputs["Color"], shader_of(material).inputs["Base Color"])
    return material


def add_roughness(material: bpy.types.Material, low: float, high: float, scale: float) -> bpy.types.Material:
    """Uneven polish: smudges and dull patches."""
    tree = material.node_tree
    span = tree.nodes.new("ShaderNodeMapRange")
    span.inputs["From Min"].default_value, span.inputs["From Max"].default_value = 0.3, 0.7
    span.inputs["To Min"].default_value, span.inputs["To Max"].default_value = low, high
    tree.links.new(noise(material, scale, (1, 1, 1), 5).outputs["Fac"], span.inputs["Value"])
    tree.links.new(span.outputs["Result"], shader_of(material).inputs["Roughness"])
    return material


def by_height(
    name: str, stops: Sequence[tuple[float, str]], height: float, *, wobble: float = 0.05, **inputs: float
) -> bpy.types.Material:
    """Colour by object height (0 to `height`), the borders wavy as a dipped glaze is."""
    material = principled(name, stops[0][1], **inputs)
    tree = material.node_tree
    coords = tree.nodes.new("ShaderNodeTexCoord")
    split = tree.nodes.new("ShaderNodeSeparateXYZ")
    scale = tree.nodes.new("ShaderNodeMath")
    scale.operation = "DIVIDE"
    scale.inputs[1].default_value = height
    mix = tree.nodes.new("ShaderNodeMath")
    mix.operation = "MULTIPLY_ADD"
    mix.inputs[1].default_value = wobble
    color = ramp(material, stops)
    tree.links.new(coords.outputs["Object"], split.inputs["Vector"])
    tree.links.new(split.outputs["Z"], scale.inputs[0])
    tree.links.new(noise(material, 3.0, (1, 1, 1), 3).outputs["Fac"], mix.inputs[0])
    tree.links.new(scale.outputs["Value"], mix.inputs[2])
    tree.links.new(mix.outputs["Value"], color.inputs["Fac"])
    tree.links.new(color.outputs["Color"], shader_of(material).inputs["Base Color"])
    return material


def wood(
    name: str, dark: str, middle: str, light: str, *, stretch: Sequence[float] = (1, 12, 12), **inputs: float
) -> bpy.types.Material:
    """Wood with the grain along the axis whose `stretch` is smallest."""
    material = principled(name, middle, **{"roughness": 0.45, **inputs})
    add_tint(material, [(0.3, dark), (0.5, middle), (0.72, light)], 1.6, stretch=stretch, detail=5)
    return add_bump(material, 3.0, 0.2, stretch=stretch, detail=2, depth=0.01)


def planks(
    name: str, colors: tuple[str, str, str], width: float, length: float, *, roughness: float = 0.4
) -> bpy.types.Material:
    """Boards laid side by side along x, each a little different, with dark joints."""
    material = wood(name, *colors, stretch=(0.3, 5, 5), roughness=roughness)
    tree = material.node_tree
    shader = shader_of(material)
    grain = shader.inputs["Base Color"].links[0].from_socket
    brick = tree.nodes.new("ShaderNodeTexBrick")
    coords = tree.nodes.new("ShaderNodeTexCoord")
    tree.links.new(coords.outputs["Object"], brick.inputs["Vector"])
    brick.inputs["Scale"].default_value = 1.0
    brick.inputs["Brick Width"].default_value = length
    brick.inputs["Row Height"].default_value = width
    brick.inputs["Mortar Size"].default_value = 0.008
    brick.inputs["Mortar Smooth"].default_value = 0.6
    brick.inputs["Color1"].default_value = (0.78, 0.76, 0.74, 1)
    brick.inputs["Color2"].default_value = (1.0, 0.97, 0.93, 1)
    brick.inputs["Mortar"].default_value = (0.3, 0.24, 0.2, 1)
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
    # The Mix node has an A, a B and a Result for each data type under one name; these are the colour ones.
    mix.inputs[0].default_value = 1.0
    tree.links.new(grain, mix.inputs[6])
    tree.links.new(brick.outputs["Color"], mix.inputs[7])
    tree.links.new(mix.outputs[2], shader.inputs["Base Color"])
    return material


def tiles(name: str, color: str, joint: str, size: tuple[float, float], offset: float = 0.5) -> bpy.types.Material:
    """Glazed wall tiles over the xz plane, with sunk joints."""
    material = principled(name, color, roughness=0.15, coat=0.4)
    tree = material.node_tree
    coords = tree.nodes.new("ShaderNodeTexCoord")
    turn = tree.nodes.new("ShaderNodeMapping")
    turn.inputs["Rotation"].default_value = (1.5708, 0, 0)
    brick = tree.nodes.new("ShaderNodeTexBrick")
    brick.offset = offset
    for socket, value in (("Scale", 1.0), ("Brick Width", size[0]), ("Row Height", size[1]), ("Mortar Size", 0.02)):
        brick.inputs[socket].default_value = value
    brick.inputs["Mortar Smooth"].default_value = 0.4
    light = hex_color(color)
    brick.inputs["Color1"].default_value = (*light, 1)
    brick.inputs["Color2"].default_value = (*(c * 0.9 for c in light), 1)
    brick.inputs["Mortar"].default_value = (*hex_color(joint), 1)
    bump = tree.nodes.new("ShaderNodeBump")
    bump.invert = True
    bump.inputs["Strength"].default_value = 0.6
    bump.inputs["Distance"].default_value = 0.03
    shader = shader_of(material)
    tree.links.new(coords.outputs["Object"], turn.inputs["Vector"])
    tree.links.new(turn.outputs["Vector"], brick.inputs["Vector"])
    tree.links.new(brick.outputs["Color"], shader.inputs["Base Color"])
    tree.links.new(brick.outputs["Fac"], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    return material


def printed(name: str, picture: Image.Image, **inputs: float) -> bpy.types.Material:
    """A picture drawn with Pillow, laid on by UV."""
    rgba = np.asarray(picture.convert("RGBA"), dtype=np.float32)[::-1] / 255
    image = bpy.data.images.new(name, picture.width, picture.height)
    image.pixels.foreach_set(np.ascontiguousarray(rgba).ravel())
    image.update()
    image.pack()
    material = principled(name, "#ffffff", **{"roughness": 0.55, **inputs})
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    # Interpolating past the border would pull in the colour of the opposite edge of the label.
    node.extension = "EXTEND"
    material.node_tree.links.new(node.outputs["Color"], shader_of(material).inputs["Base Color"])
    return material


def glass(name: str, color: str = "#ffffff", roughness: float = 0.0) -> bpy.types.Material:
    """Clear or tinted glass that lets light through to what stands behind or inside it."""
    material = principled(name, color, roughness=roughness, transmission=1.0, ior=1.47)
    tree = material.node_tree
    path = tree.nodes.new("ShaderNodeLightPath")
    clear = tree.nodes.new("ShaderNodeBsdfTransparent")
    clear.inputs["Color"].default_value = (*(0.85 * c for c in hex_color(color)), 1)
    mix = tree.nodes.new("ShaderNodeMixShader")
    # Caustics are off (they never get clean on a CPU); without this the glass would cast a black shadow.
    tree.links.new(path.outputs["Is Shadow Ray"], mix.inputs["Fac"])
    tree.links.new(shader_of(material).outputs["BSDF"], mix.inputs[1])
    tree.links.new(clear.outputs["BSDF"], mix.inputs[2])
    tree.links.new(mix.outputs["Shader"], tree.nodes["Material Output"].inputs["Surface"])
    return material


def metal(name: str, color: str, roughness: float = 0.2) -> bpy.types.Material:
    """Polished or brushed metal with a trace of smudges."""
    material = principled(name, color, metallic=1.0, roughness=roughness)
    return add_roughness(material, roughness * 0.7, roughness * 1.5 + 0.03, 3)
