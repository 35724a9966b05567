"""How well a trained net does by kind of picture and kind of product, on pictures that it never saw.

    python -m training.examine --sprites DIR ... [--panoramas FOLDER] [--net FILE] [--seen 600]

Unseen: families that no net is trained on (`train.HELD_OUT`). Seen: other pictures of the families that it is. The net
alone, at its own size; without the votes and the drawn edges of the engine.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.metrics import RIGHT
from resources.matting.cutnet.export import read_back
from resources.matting.cutnet.fit import answers
from training.composing import Composer, Picture, load_sprites
from training.publish import FILE, SIDE
from training.train import HELD_OUT, overlap

# Far from any number that training draws.
_FIRST = 10_000_000
_ALONE = 16


def drawn(composer: Composer, count: int, title: str) -> list[Picture]:
    """Pictures that training does not draw, with a progress bar."""
    console = Console(stderr=True)
    return [composer.picture(_FIRST + i, SIDE) for i in track(range(count), title, console=console)]


def show(title: str, groups: dict[str, list[float]]) -> None:
    """A row a group, the worst first: how many, mean IoU, share of right ones."""
    table = Table("", "n", "IoU", "ok", title=title)
    everything = [iou for ious in groups.values() for iou in ious]
    for name, ious in [*sorted(groups.items(), key=lambda item: float(np.mean(item[1]))), ("all", everything)]:
        table.add_row(name, str(len(ious)), f"{np.mean(ious):.3f}", f"{np.mean(np.array(ious) >= RIGHT):.2f}")
    Console(width=80).print(table)


def examine(net: torch.nn.Module, pictures: Sequence[Picture], title: str) -> None:
    """Print tables by kind of place and by family."""
    kinds: dict[str, list[float]] = defaultdict(list)
    families: dict[str, list[float]] = defaultdict(list)
    for start in range(0, len(pictures), _ALONE):
        some = pictures[start : start + _ALONE]
        found, _ = answers(net, np.stack([one.photo for one in some]))
        for one, alpha in zip(some, found, strict=True):
            score = overlap(alpha, one.alpha)
            kinds[one.kind].append(score)
            if one.family:
                families["a glTF model" if one.family.startswith("mesh-") else one.family].append(score)
    show(f"{title}, by kind of place", kinds)
    show(f"{title}, by family", families)


def main() -> None:
    """Parse the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sprites", type=Path, nargs="+", required=True)
    parser.add_argument("--panoramas", type=Path, help="folder with hdris/*.hdr and materials/*_Color.jpg")
    parser.add_argument("--net", type=Path, default=FILE)
    parser.add_argument("--seen", type=int, default=600, help="pictures of families that are trained on")
    parser.add_argument("--unseen", type=int, default=600, help="pictures of families that are held out")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    net = read_back(options.net)
    sprites = load_sprites(options.sprites)
    for title, count, chosen in (
        ("unseen families", options.unseen, [one for one in sprites if one.family in HELD_OUT]),
        ("seen families", options.seen, [one for one in sprites if one.family not in HELD_OUT]),
    ):
        if chosen and count:
            composer = Composer(chosen, others=sprites, panoramas=options.panoramas, seed=options.seed)
            examine(net, drawn(composer, count, title), title)


if __name__ == "__main__":
    main()
