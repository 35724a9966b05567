"""A net of U2-NetP's size and shape of work, with random weights, as an ONNX file: it takes the time of the real one.

After the description in Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection",
Pattern Recognition 2020: eleven blocks that are small U-nets themselves, 16 channels inside and 64 between them.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

INSIDE, BETWEEN = 16, 64
SIDE = 320
# Levels of the blocks from fine to coarse. The two coarsest keep their size and look wider instead.
_LEVELS = (7, 6, 5, 4)
_WIDE_LEVELS = 4
# Input is normalised: 1 is some 57 levels of 255.
_UNLIKE, _STEEP = 0.6, 10.0


class Block(nn.Module):
    """A U-net with a way around it. wide: instead of making pictures smaller, look at pixels that lie farther apart."""

    def __init__(self, taken: int, levels: int, *, wide: bool = False) -> None:
        super().__init__()
        reach = [2**level if wide else 1 for level in range(levels - 1)]
        self.wide = wide
        self.into = _layer(taken, BETWEEN)
        self.down = nn.ModuleList(
            _layer(INSIDE if level else BETWEEN, INSIDE, apart) for level, apart in enumerate(reach)
        )
        self.bottom = _layer(INSIDE, INSIDE, 2 * reach[-1])
        self.up = nn.ModuleList(
            _layer(2 * INSIDE, INSIDE if level else BETWEEN, apart) for level, apart in reversed(list(enumerate(reach)))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Nx`taken`xHxW -> NxBETWEENxHxW."""
        x = found = self.into(x)
        seen = []
        for level, layer in enumerate(self.down):
            found = layer(_half(found) if level and not self.wide else found)
            seen.append(found)
        found = self.bottom(found)
        for layer, beside in zip(self.up, reversed(seen), strict=True):
            found = layer(torch.cat([_sized(found, beside), beside], dim=1))
        return x + found


class U2NetP(nn.Module):
    """Nx3xHxW, normalised -> seven maps Nx1xHxW of logits: the answer, then what each level says, fine to coarse."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            [
                *(Block(BETWEEN if stage else 3, levels) for stage, levels in enumerate(_LEVELS)),
                *(Block(BETWEEN, _WIDE_LEVELS, wide=True) for _ in range(2)),
            ]
        )
        self.decoder = nn.ModuleList(
            [
                Block(2 * BETWEEN, _WIDE_LEVELS, wide=True),
                *(Block(2 * BETWEEN, levels) for levels in reversed(_LEVELS)),
            ]
        )
        self.sides = nn.ModuleList(nn.Conv2d(BETWEEN, 1, 3, padding=1) for _ in self.encoder)
        self.merge = nn.Conv2d(len(self.sides), 1, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # so that values neither grow nor fade to numbers that are slow
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> list[Tensor]:
        seen, found = [], x
        for stage, block in enumerate(self.encoder):
            found = block(_half(found) if stage else found)
            seen.append(found)
        levels = [found]
        for block, beside in zip(self.decoder, reversed(seen[:-1]), strict=True):
            found = block(torch.cat([_sized(found, beside), beside], dim=1))
            levels.insert(0, found)
        said = [_sized(side(level), x) for side, level in zip(self.sides, levels, strict=True)]
        return [self.merge(torch.cat(said, dim=1)), *said]


class Served(nn.Module):
    """The net with an answer that is of use: what differs in colour from the picture's frame.

    Random weights answer noise, and alpha matting takes many times as long over noise as over a mask with an outline.
    The difference costs next to nothing beside the net, which runs in full.
    """

    def __init__(self, net: U2NetP) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        answer, *said = self.net(x)
        frame = torch.cat([part.flatten(2) for part in (x[..., :4, :], x[..., -4:, :], x[..., :4], x[..., -4:])], dim=2)
        unlike = (x - frame.mean(dim=2)[..., None, None]).abs().amax(dim=1, keepdim=True)
        answer = _STEEP * (unlike - _UNLIKE) + 0.1 * torch.tanh(answer)
        return tuple(torch.sigmoid(each) for each in (answer, *said))


def write(path: Path) -> None:
    """Write the net as ONNX: input 1x3x320x320 float32, seven outputs 1x1x320x320, 0 to 1."""
    torch.manual_seed(1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # the exporter tells each of its steps
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Served(U2NetP()).eval(),
            (torch.zeros(1, 3, SIDE, SIDE),),
            str(path),
            input_names=["input"],
            output_names=[f"map{level}" for level in range(len(_LEVELS) + 3)],
            external_data=False,
            verbose=False,
        )


def _layer(taken: int, given: int, apart: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(taken, given, 3, padding=apart, dilation=apart)
    return nn.Sequential(conv, nn.BatchNorm2d(given), nn.ReLU())


def _half(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2, ceil_mode=True)


def _sized(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
