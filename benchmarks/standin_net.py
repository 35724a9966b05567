"""A net of BiRefNet's size and shape of work, with random weights: Swin-L at two scales and a convolutional decoder.

Saved and loaded like the real one, as code that comes with weights. It finds nothing; it takes the time and the memory.
BiRefNet's own decoder has deformable convolutions and is not rebuilt here.
"""

import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel, SwinBackbone, SwinConfig


class StandInConfig(PretrainedConfig):
    model_type = "birefnet_stand_in"

    def __init__(
        self, side=1024, embed_dim=192, depths=(2, 2, 18, 2), heads=(6, 12, 24, 48), window=12, width=560, **options
    ):
        self.side, self.embed_dim, self.window, self.width = side, embed_dim, window, width
        self.depths, self.heads = list(depths), list(heads)
        super().__init__(**options)


class StandIn(PreTrainedModel):
    config_class = StandInConfig

    def __init__(self, config):
        super().__init__(config)
        stages = [f"stage{i}" for i in range(1, 5)]
        self.backbone = SwinBackbone(
            SwinConfig(
                image_size=config.side,
                embed_dim=config.embed_dim,
                depths=config.depths,
                num_heads=config.heads,
                window_size=config.window,
                drop_path_rate=0.0,
                out_features=stages,
            )
        )
        widths = [config.width >> i for i in range(4)]
        taken = [2 * config.embed_dim << i for i in (3, 2, 1, 0)]  # both scales, coarse to fine
        before = [0, *widths[:3]]
        self.blocks = nn.ModuleList(
            _block(skip + inner, width) for skip, inner, width in zip(taken, before, widths, strict=True)
        )
        self.head = nn.Conv2d(widths[3], 1, 1)
        self.post_init()

    def _init_weights(self, module):
        pass

    def forward(self, pictures):
        half = nn.functional.interpolate(pictures, scale_factor=0.5, mode="bilinear", align_corners=False)
        fine, coarse = self.backbone(pictures).feature_maps, self.backbone(half).feature_maps
        found, answers = None, []
        for block, one, other in zip(self.blocks, reversed(fine), reversed(coarse), strict=True):
            both = torch.cat([one, _sized(other, one)], dim=1)
            found = block(both if found is None else torch.cat([both, _sized(found, one)], dim=1))
            answers.append(found)
        return [_sized(self.head(answers[-1]), pictures)]


def _block(taken, width):
    return nn.Sequential(
        nn.Conv2d(taken, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )


def _sized(values, like):
    return nn.functional.interpolate(values, like.shape[-2:], mode="bilinear", align_corners=False)
