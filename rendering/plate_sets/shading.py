"""Shader nodes: how they are made and wired, and layers of noise that lie over a material's colour or relief."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import bpy
import materials as mt

Owner = bpy.types.Material | bpy.types.World
Socket = bpy.types.NodeSocket
Value = float | Sequence[float] | Socket
Stops = Sequence[tuple[float, str]]
"""Positions on a colour ramp, each with an sRGB code."""

# ---- nodes


def node(owner: Owner, kind: str, values: Mapping[str | int, Value], **settings: object) -> bpy.types.Node:
    """A shader node with its inputs set to values or wired to sockets."""
    tree = owner.node_tree
    made = tree.nodes.new(f"ShaderNode{kind}")
    for name, setting in settings.items():
        setattr(made, name, setting)
    for key, value in values.items():
        if isinstance(value, Socket):
            tree.links.new(value, made.inputs[key])
        else:
            made.inputs[key].default_value = value
    return made


def maths(owner: Owner, operation: str, *values: Value) -> Socket:
    """The result of a Math node."""
    return node(owner, "Math", dict(enumerate(values)), operation=operation).outputs[0]


def span(owner: Owner, value: Value, source: Sequence[float], target: Sequence[float] = (0, 1)) -> Socket:
    """A linear map from one range to another, clamped."""
    return _map_range(owner, value, source, target, "LINEAR")


def smooth_span(owner: Owner, value: Value, source: Sequence[float], target: Sequence[float] = (0, 1)) -> Socket:
    """A map from one range to another that eases in and out, clamped."""
    return _map_range(owner, value, source, target, "SMOOTHSTEP")


def _map_range(owner: Owner, value: Value, source: Sequence[float], target: Sequence[float], ease: str) -> Socket:
    values = {"Value": value, 1: source[0], 2: source[1], 3: target[0], 4: target[1]}
    return node(owner, "MapRange", values, interpolation_type=ease).outputs[0]


def mix(owner: Owner, share: Value, first: Value, second: Value, blend: str = "MIX") -> Socket:
    """Two colours mixed: linear RGBA or sockets."""
    # The Mix node names its sockets alike for every data type: 6, 7 and output 2 are the colour ones.
    values = {0: share, 6: first, 7: second}
    return node(owner, "Mix", values, data_type="RGBA", blend_type=blend).outputs[2]


def ramp(owner: Owner, value: Socket, stops: Stops) -> Socket:
    """A value turned into a colour."""
    made = mt.ramp(owner, stops)
    owner.node_tree.links.new(value, made.inputs["Fac"])
    return made.outputs["Color"]


def object_space(owner: Owner, stretch: Sequence[float] = (1, 1, 1), vary: bool = False) -> Socket:
    """Object coordinates, stretched; `vary` moves them for each object, so that no two boards are alike."""
    place: Socket = node(owner, "TexCoord", {}).outputs["Object"]
    if vary:
        chance = node(owner, "ObjectInfo", {}).outputs["Random"]
        shift = node(owner, "VectorMath", {0: (91.0, 57.0, 33.0), 3: chance}, operation="SCALE").outputs[0]
        place = node(owner, "VectorMath", {0: place, 1: shift}, operation="ADD").outputs[0]
    return node(owner, "Mapping", {"Vector": place, "Scale": stretch}).outputs[0]


def coordinate(owner: Owner, axis: str) -> Socket:
    """One of the object coordinates: X, Y or Z."""
    return node(owner, "SeparateXYZ", {0: node(owner, "TexCoord", {}).outputs["Object"]}).outputs[axis]


def noise(owner: Owner, space: Socket, scale: float, detail: float = 4, bend: float = 0) -> Socket:
    """Noise between 0 and 1, mostly near 0.5."""
    values = {"Vector": space, "Scale": scale, "Detail": detail, "Distortion": bend}
    return node(owner, "TexNoise", values).outputs["Fac"]


# ---- colours, relief, light of a material


def rgba(code: str) -> tuple[float, float, float, float]:
    """Linear RGBA of an sRGB code."""
    return (*mt.hex_color(code), 1.0)


def mixed(a: str, b: str, t: float) -> str:
    """The sRGB code between two."""
    pairs = ((int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(p + (q - p) * t):02x}" for p, q in pairs)


def base_color(material: bpy.types.Material) -> Value:
    """What is plugged into the base colour, or its plain value."""
    base = mt.shader_of(material).inputs["Base Color"]
    return base.links[0].from_socket if base.links else tuple(base.default_value)


def set_input(material: bpy.types.Material, name: str, socket: Socket) -> None:
    """Plug a socket into an input of the Principled node."""
    material.node_tree.links.new(socket, mt.shader_of(material).inputs[name])


def set_glow(material: bpy.types.Material, color: str, strength: float) -> None:
    """Light of its own."""
    shader = mt.shader_of(material)
    shader.inputs["Emission Color"].default_value = rgba(color)
    shader.inputs["Emission Strength"].default_value = strength


def set_surface(material: bpy.types.Material, shader: Socket) -> None:
    """Show this shader in place of the Principled node's."""
    material.node_tree.links.new(shader, material.node_tree.nodes["Material Output"].inputs["Surface"])


def shine_only(material: bpy.types.Material, color: Socket, strength: float) -> None:
    """Make a surface shine by itself, whatever light falls on it."""
    set_surface(material, node(material, "Emission", {"Color": color, "Strength": strength}).outputs[0])


def let_through(material: bpy.types.Material, color: Socket, share: float) -> None:
    """Let a share of the light shine through, in a colour: leaves, petals, thin cloth."""
    through = node(material, "BsdfTranslucent", {"Color": color}).outputs[0]
    front = mt.shader_of(material).outputs["BSDF"]
    set_surface(material, node(material, "MixShader", {0: share, 1: front, 2: through}).outputs[0])


def add_relief(
    material: bpy.types.Material, level: Socket, strength: float, depth: float, *, invert: bool = False
) -> None:
    """Relief from a height, on top of the relief that is there already."""
    values: dict[str | int, Value] = {"Height": level, "Strength": strength, "Distance": depth}
    below = mt.shader_of(material).inputs["Normal"].links
    if below:
        values["Normal"] = below[0].from_socket
    set_input(material, "Normal", node(material, "Bump", values, invert=invert).outputs[0])


# ---- layers


def mottle(
    material: bpy.types.Material,
    scale: float,
    spread: float,
    *,
    stretch: Sequence[float] = (1, 1, 1),
    detail: float = 4,
    vary: bool = False,
) -> bpy.types.Material:
    """Lighter and darker spots: the colour times noise from 1 - spread to 1 + spread. Calls add up."""
    spots = noise(material, object_space(material, stretch, vary), scale, detail)
    factor = span(material, spots, (0.28, 0.72), (1 - spread, 1 + spread))
    set_input(material, "Base Color", mix(material, 1.0, base_color(material), factor, "MULTIPLY"))
    return material


def layer_tint(
    material: bpy.types.Material,
    stops: Stops,
    scale: float,
    *,
    stretch: Sequence[float] = (1, 1, 1),
    detail: float = 4,
    distortion: float = 0,
    blend: str = "MULTIPLY",
    amount: float = 1.0,
) -> bpy.types.Material:
    """Noise through a ramp, blended over the colour that the material has so far."""
    above = ramp(material, noise(material, object_space(material, stretch), scale, detail, distortion), stops)
    set_input(material, "Base Color", mix(material, amount, base_color(material), above, blend))
    return material


def flecks(material: bpy.types.Material, scale: float, code: str, share: float, size: float = 0.25) -> Socket:
    """Round specks of another colour in a share of the cells of a mesh of points; gives back where they are."""
    cells = node(material, "TexVoronoi", {"Vector": object_space(material), "Scale": scale, "Randomness": 1.0})
    split = node(material, "SeparateColor", {0: cells.outputs["Color"]})
    reach = maths(material, "MULTIPLY", split.outputs[1], size)
    edge = maths(material, "SUBTRACT", reach, cells.outputs["Distance"])
    inside = span(material, edge, (0.0, 0.05))
    where = maths(material, "MULTIPLY", inside, maths(material, "LESS_THAN", split.outputs[0], share))
    set_input(material, "Base Color", mix(material, where, base_color(material), rgba(code)))
    return where


def speckle(
    material: bpy.types.Material,
    color: str,
    scale: float,
    rise: tuple[float, float],
    *,
    amount: float = 1.0,
    sink: float = 0.0,
    stretch: Sequence[float] = (1, 1, 1),
    detail: float = 2,
) -> bpy.types.Material:
    """Spots where noise goes through `rise`: pores, flecks, fibres. Mixed over the colour, sunk by `sink` units."""
    where = span(material, noise(material, object_space(material, stretch), scale, detail), rise, (0, amount))
    set_input(material, "Base Color", mix(material, where, base_color(material), rgba(color)))
    if sink:
        add_relief(material, where, 1.0, sink, invert=True)
    return material


def add_top_coat(
    material: bpy.types.Material, color: str, low: float = 0.2, high: float = 0.8, patch: float = 3.0
) -> bpy.types.Material:
    """What has fallen from above (snow, frost, dust): covers faces that look up, in patches."""
    normal = node(material, "NewGeometry", {}).outputs["Normal"]
    up = node(material, "SeparateXYZ", {0: normal}).outputs["Z"]
    rough = maths(material, "MULTIPLY_ADD", noise(material, object_space(material), patch), 0.8)
    uneven = maths(material, "ADD", up, maths(material, "SUBTRACT", rough, 0.4))
    share = smooth_span(material, uneven, (low, high))
    set_input(material, "Base Color", mix(material, share, base_color(material), rgba(color)))
    return material
