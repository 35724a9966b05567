"""A `CutNet` as an ONNX file, and back: the file is where weights live, for those who use and those who go on training.

At export the standardised weights become plain ones, each under the name that it has in the net.
"""

from __future__ import annotations

import copy
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from resources.matting.cutnet.net import Conv, CutNet

OPSET = 18


class _Served(nn.Module):
    """What is asked of the net at run time: alpha and sureness, both 0 to 1."""

    def __init__(self, net: CutNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        answer = self.net(photo)
        return torch.sigmoid(answer.logits), torch.sigmoid(answer.sure)


def export(net: CutNet, path: Path, side: int) -> None:
    """Write the net as ONNX: input photo 1x3xSxS float32, normalised; outputs alpha 1x1xSxS and sure, 1, 0 to 1."""
    served = _Served(plain(net)).eval()
    half = path.with_suffix(".part")
    # The exporter tells each of its steps.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            served,
            (torch.zeros(1, 3, side, side),),
            str(half),
            input_names=["photo"],
            output_names=["alpha", "sure"],
            opset_version=OPSET,
            external_data=False,
            verbose=False,
            # Optimising would merge equal weights and lose their names; the runtime optimises when it loads.
            optimize=False,
        )
    _bare(half)
    half.replace(path)


def _bare(path: Path) -> None:
    """Take out what the exporter tells of the code that was traced: where it lies on this machine, line by line."""
    import onnx

    model = onnx.load(str(path))
    graphs = [model.graph, *model.functions]
    for part in (model, *graphs, *(node for graph in graphs for node in graph.node)):
        part.doc_string = ""
        del part.metadata_props[:]
    for value in (*model.graph.initializer, *model.graph.input, *model.graph.output, *model.graph.value_info):
        value.doc_string = ""
        del value.metadata_props[:]
    onnx.save(model, str(path))


def read_back(path: Path) -> CutNet:
    """The net of an exported file, ready to go on training; it answers as the file does, but at full size only.

    Raises ValueError if the file holds no `CutNet` of this shape.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    found = {each.name.removeprefix("net."): numpy_helper.to_array(each) for each in model.graph.initializer}
    net = plain(CutNet())
    net.heads = nn.ModuleList()  # they only help a net that knows nothing yet, and are not in the file
    wanted = net.state_dict()
    missing = [name for name, value in wanted.items() if name not in found or found[name].shape != tuple(value.shape)]
    if missing:
        raise ValueError(f"{path.name}: no cut-out net of this shape: {missing[0]} is missing or of another size")
    net.load_state_dict({name: torch.from_numpy(np.array(found[name])) for name in wanted})
    return net


def plain(net: CutNet) -> CutNet:
    """A copy that answers the same, its standardised convolutions turned into ordinary ones."""
    out = copy.deepcopy(net).cpu()
    for parent in list(out.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Conv):
                setattr(parent, name, _ordinary(child))
    return out


def _ordinary(conv: Conv) -> nn.Conv2d:
    taken, given = conv.in_channels, conv.out_channels
    out = nn.Conv2d(taken, given, conv.kernel_size, conv.stride, conv.padding, groups=conv.groups)
    with torch.no_grad():
        out.weight.copy_(conv.standard_weight())
        out.bias.copy_(conv.bias)
    return out
