"""The net `cutnet`: which pixels of a picture are the product, and how likely that answer is right.

An encoder to 1/32 of the picture and a decoder back, with a view of the whole picture in the middle. No batch
statistics: weights are standardised instead (scaled weight standardisation, Brock, De and Smith 2021), and every
residual branch starts with a small share (after SkipInit, De and Smith 2020). So the net answers for a picture in the
same way whatever stands beside it in a batch, and a shop that trains it on a handful of pictures moves no hidden
statistics.

Importing this file imports torch: it is for training and for export; at run time the ONNX file is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

# A ReLU of unit normal input has a standard deviation of 1 / 1.7139; weights make up for it.
_RELU_GAIN = 1.7139
STRIDE = 32
WIDTHS = (24, 32, 64, 128, 192)
DEPTHS = (2, 3, 4, 3)


class Answer(NamedTuple):
    """What the net says of N pictures.

    logits: Nx1xHxW of the picture's size; sigmoid gives alpha. coarse: logits at 1/4, 1/8 and 1/16, to train on;
    none of a net that was read back from a file.
    sure: N logits that the answer is right (IoU of at least 0.9); gradients stop before it.
    """

    logits: Tensor
    coarse: tuple[Tensor, ...]
    sure: Tensor


class Conv(nn.Conv2d):
    """A convolution whose weights have mean 0 and variance 1 / fan-in for each output, times a learned gain."""

    def __init__(self, taken: int, given: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(taken, given, size, stride, padding=size // 2, groups=groups)
        self.gain = nn.Parameter(torch.ones(given, 1, 1, 1))
        # Their scale changes no answer, only how far a step turns them.
        nn.init.normal_(self.weight, std=self.weight[0].numel() ** -0.5)
        nn.init.zeros_(self.bias)

    def standard_weight(self) -> Tensor:
        """The weights as they are used."""
        fan_in = self.weight[0].numel()
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, correction=0)
        scale = torch.rsqrt((variance * fan_in).clamp(min=1e-6)) * self.gain * _RELU_GAIN
        return (self.weight - mean) * scale

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(
            x, self.standard_weight(), self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class Dense(nn.Module):
    """Two 3x3 convolutions and the way around them: cheapest where pictures are large and channels few."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = Conv(width, width, 3), Conv(width, width, 3)
        self.share = nn.Parameter(torch.tensor(0.2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.share * self.second(functional.relu(self.first(functional.relu(x))))


class Wide(nn.Module):
    """A 5x5 convolution of each channel alone, then all channels together: a wide view at little cost."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = Conv(width, width, 5, groups=width)
        self.widen, self.narrow = Conv(width, 2 * width, 1), Conv(2 * width, width, 1)
        self.share = nn.Parameter(torch.tensor(0.2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.share * self.narrow(functional.relu(self.widen(self.look(functional.relu(x)))))


class Whole(nn.Module):
    """What the whole picture and its quarters look like on average, given to every place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        part = width // 4
        self.parts = nn.ModuleList(Conv(width, part, 1) for _ in (1, 2))
        self.merge = Conv(width + 2 * part, width, 1)
        self.share = nn.Parameter(torch.tensor(0.2))

    def forward(self, x: Tensor) -> Tensor:
        seen = functional.relu(x)
        means = [
            functional.interpolate(conv(functional.adaptive_avg_pool2d(seen, cells)), x.shape[-2:], mode="bilinear")
            for cells, conv in zip((1, 2), self.parts, strict=True)
        ]
        return x + self.share * self.merge(torch.cat([seen, *(functional.relu(mean) for mean in means)], dim=1))


class CutNet(nn.Module):
    """Nx3xHxW, normalised, H and W multiples of 32 -> `Answer`."""

    def __init__(self, widths: Sequence[int] = WIDTHS, depths: Sequence[int] = DEPTHS) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth, last = widths
        # Not standardised: weights of mean 0 would be blind to how bright and of what colour a surface is.
        self.stem = nn.Conv2d(3, half, 3, 2, padding=1)
        self.quarter = _stage(half, quarter, Dense, depths[0])
        self.eighth = _stage(quarter, eighth, Dense, depths[1])
        self.sixteenth = _stage(eighth, sixteenth, Wide, depths[2])
        self.last = nn.Sequential(_stage(sixteenth, last, Wide, depths[3]), Whole(last))
        self.to_sixteenth = _Join(last, sixteenth, Wide)
        self.to_eighth = _Join(sixteenth, eighth, Dense)
        self.to_quarter = _Join(eighth, quarter, Dense)
        self.to_half = _Join(quarter, half, None)
        self.heads = nn.ModuleList(Conv(width, 1, 1) for width in (quarter, eighth, sixteenth))
        self.finish = Conv(half, 4, 3)
        self.judge = nn.Sequential(nn.Linear(2 * quarter + last + 3, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x: Tensor) -> Answer:
        half = self.stem(x)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        last = self.last(sixteenth)
        sixteenth = self.to_sixteenth(last, sixteenth)
        eighth = self.to_eighth(sixteenth, eighth)
        quarter = self.to_quarter(eighth, quarter)
        half = functional.relu(self.to_half(quarter, half))
        fine = functional.pixel_shuffle(self.finish(half), 2)
        levels = (quarter, eighth, sixteenth)
        coarse = tuple(head(functional.relu(each)) for head, each in zip(self.heads, levels, strict=False))
        return Answer(fine, coarse, self._sureness(fine, quarter, last))

    def _sureness(self, fine: Tensor, quarter: Tensor, last: Tensor) -> Tensor:
        """From what the net sees inside and outside of its answer, and from how undecided that is."""
        alpha = torch.sigmoid(functional.avg_pool2d(fine.detach().float(), 4))
        seen, whole = functional.relu(quarter.detach().float()), functional.relu(last.detach().float())
        area, outer = _share(alpha), _share(1 - alpha)
        inside, outside = _share(seen * alpha) / (area + 1e-3), _share(seen * (1 - alpha)) / (outer + 1e-3)
        doubt = _share(alpha * (1 - alpha)) / (area + 1e-2)
        # A strict reading of a sure answer covers nearly as much as a generous one.
        strict = _share((alpha > 0.75).float()) / (_share((alpha > 0.25).float()) + 1e-4)
        return self.judge(torch.cat([inside, outside, _share(whole), area, doubt, strict], dim=1))[:, 0]


def _share(x: Tensor) -> Tensor:
    """Mean over the picture."""
    return x.mean(dim=(2, 3))


class _Join(nn.Module):
    """What came from below, enlarged, and what the encoder saw at this size."""

    def __init__(self, below: int, width: int, block: type[Dense] | type[Wide] | None) -> None:
        super().__init__()
        self.narrow, self.merge = Conv(below, width, 1), Conv(2 * width, width, 3 if block is None else 1)
        self.block = block(width) if block else nn.Identity()

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        enlarged = functional.interpolate(self.narrow(functional.relu(below)), scale_factor=2.0, mode="bilinear")
        return self.block(self.merge(functional.relu(torch.cat([enlarged, beside], dim=1))))


class _Down(nn.Module):
    def __init__(self, taken: int, given: int) -> None:
        super().__init__()
        self.conv = Conv(taken, given, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.relu(x))


def _stage(taken: int, given: int, block: type[Dense] | type[Wide], depth: int) -> nn.Sequential:
    return nn.Sequential(_Down(taken, given), *(block(given) for _ in range(depth)))
