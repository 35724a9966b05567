"""Fits a `CutNet` to batches of pictures with known mattes: optimiser, schedule, averaged weights, resumable state."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from resources.matting.cutnet.losses import loss_of

U8 = NDArray[np.uint8]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How many steps, and how far each one goes.

    rate: the learning rate, after `warmup` steps and until the last `decay` share of all steps; from there it falls
    in a straight line to a hundredth. average: how slowly the averaged weights follow, 0 to 1.
    """

    steps: int
    rate: float = 4e-3
    warmup: int = 200
    decay: float = 0.3
    weight_decay: float = 0.02
    average: float = 0.998

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, from 0."""
        start = min(1.0, (step + 1) / max(1, self.warmup))
        falling = max(1.0, self.decay * self.steps)
        left = (self.steps - step) / falling
        return self.rate * start * min(1.0, max(0.01, left))


class Fit:
    """A net on its way: `net` learns, `averaged` follows it slowly and is what is kept."""

    def __init__(self, net: nn.Module, schedule: Schedule, device: str = "cpu") -> None:
        self.device = device
        self.schedule = schedule
        self.net = net.to(device=device, memory_format=torch.channels_last)
        self.averaged = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(_groups(net, schedule.weight_decay), lr=schedule.rate, betas=(0.9, 0.99))
        self.step = 0

    def run(self, batches: Iterable[tuple[U8, U8]]) -> Iterator[float]:
        """One loss a batch, until the schedule or the batches end.

        A batch: photos NxSxSx3 uint8 and mattes NxSxS uint8, S a multiple of 32.
        """
        for photos, mattes in batches:
            if self.step >= self.schedule.steps:
                return
            yield self._one(photos, mattes)

    def _one(self, photos: U8, mattes: U8) -> float:
        self.net.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.rate_at(self.step)
        x, truth = prepared(photos, self.device), torch.from_numpy(mattes).to(self.device)[:, None].float() / 255
        # bfloat16 where the processor or the GPU multiplies it faster; the loss itself in float32.
        with torch.autocast(self.device, torch.bfloat16):
            answer = self.net(x)
        loss = loss_of(answer, truth)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self._follow()
        return float(loss.detach())

    def _follow(self) -> None:
        """Move the averaged weights; faster in the beginning, when the net knows nothing yet."""
        keep = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            pairs = zip(self.averaged.parameters(), self.net.parameters(), strict=True)
            for mean, new in pairs:
                mean.lerp_(new, 1 - keep)

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on; the old state stays until the new one is whole."""
        half = path.with_suffix(".part")
        state: dict[str, Any] = {
            "step": self.step,
            "net": self.net.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        torch.save(state, half)
        half.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a saved state."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])

    def start_from(self, path: Path) -> None:
        """Take over the averaged weights of another fit, but not how sure it was: that depends on the pictures."""
        weights = torch.load(path, map_location=self.device, weights_only=True)["averaged"]
        known = {name: value for name, value in weights.items() if not name.startswith("judge.")}
        for net in (self.net, self.averaged):
            net.load_state_dict({**net.state_dict(), **known})


def prepared(photos: U8, device: str = "cpu") -> Tensor:
    """Photos NxHxWx3 uint8 as the net takes them: Nx3xHxW float32, normalised."""
    values = torch.from_numpy(photos).to(device).permute(0, 3, 1, 2).float() / 255
    mean, deviation = (torch.tensor(each, device=device).view(1, 3, 1, 1) for each in (MEAN, DEVIATION))
    return ((values - mean) / deviation).contiguous(memory_format=torch.channels_last)


def answers(net: nn.Module, photos: U8, device: str = "cpu") -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Alpha NxHxW and sureness N of photos NxHxWx3, both float32 0..1."""
    net.eval()
    with torch.no_grad():
        answer = net(prepared(photos, device))
    alpha = torch.sigmoid(answer.logits.float())[:, 0].cpu().numpy()
    return alpha, torch.sigmoid(answer.sure.float()).cpu().numpy()


def _groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Gains, biases and shares of branches are not pulled to nothing."""
    pulled = [p for p in net.parameters() if p.ndim >= 2 and p[0].numel() > 1]
    free = [p for p in net.parameters() if not (p.ndim >= 2 and p[0].numel() > 1)]
    return [{"params": pulled, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
