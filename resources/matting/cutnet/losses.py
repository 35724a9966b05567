"""What the net is taught by: how far an answer is from the true matte, at every size that it answers at."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from resources.matting.cutnet.net import Answer

# An IoU from which on an answer counts as right; and where there is no product, the share that may be found.
RIGHT_IOU, NOTHING = 0.90, 0.005
_COARSE_WEIGHTS = (0.5, 0.3, 0.2)
_SURE_WEIGHT = 0.1


def loss_of(answer: Answer, truth: Tensor) -> Tensor:
    """One number to make small. truth: Nx1xHxW, 0..1, of the answer's size."""
    total = _matte_loss(answer.logits.float(), truth, reach=15)
    for logits, weight in zip(answer.coarse, _COARSE_WEIGHTS, strict=False):
        reduced = functional.adaptive_avg_pool2d(truth, logits.shape[-2:])
        total = total + weight * _matte_loss(logits.float(), reduced, reach=5)
    return total + _SURE_WEIGHT * functional.binary_cross_entropy_with_logits(
        answer.sure, right(answer.logits, truth).float()
    )


def right(logits: Tensor, truth: Tensor) -> Tensor:
    """For each picture, whether the answer is right: N bool. See RIGHT_IOU and NOTHING."""
    found, there = logits[:, 0] > 0, truth[:, 0] > 0.5
    common = (found & there).sum(dim=(1, 2)).float()
    either = (found | there).sum(dim=(1, 2)).float()
    empty = ~there.any(dim=2).any(dim=1)
    nothing = found.float().mean(dim=(1, 2)) <= NOTHING
    return torch.where(empty, nothing, common / either.clamp(min=1) >= RIGHT_IOU)


def _matte_loss(logits: Tensor, truth: Tensor, reach: int) -> Tensor:
    """Cross entropy and soft IoU, both heavier near the outline (F3Net, Wei et al. 2020), and the matte's slopes.

    reach: px; how far from the outline a pixel counts more.
    """
    near = (functional.avg_pool2d(truth, reach, 1, reach // 2, count_include_pad=False) - truth).abs()
    weight = 1 + 5 * near
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    entropy = (weight * entropy).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3))
    alpha = torch.sigmoid(logits)
    common = (weight * alpha * truth).sum(dim=(1, 2, 3))
    either = (weight * (alpha + truth - alpha * truth)).sum(dim=(1, 2, 3))
    # The constant keeps pictures without a product from counting as wholly wrong for a single pixel.
    smooth = 1e-3 * logits[0].numel()
    iou = 1 - (common + smooth) / (either + smooth)
    return (entropy + iou).mean() + _slope_loss(alpha, truth)


def _slope_loss(alpha: Tensor, truth: Tensor) -> Tensor:
    """How far the steps between neighbouring pixels differ where the true matte has a slope, and that it has others."""
    across = ((alpha[..., 1:] - alpha[..., :-1]) - (truth[..., 1:] - truth[..., :-1])).abs().mean()
    down = ((alpha[..., 1:, :] - alpha[..., :-1, :]) - (truth[..., 1:, :] - truth[..., :-1, :])).abs().mean()
    return across + down
