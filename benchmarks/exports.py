"""Measures what a white main picture costs: rendered at full size, and judged for one marketplace and for all.

    python -m benchmarks.exports

CPU seconds of the process, in one thread, without reading text. The products are the project's own sprites, enlarged to
what a large photo shows of them; goal: at most 0.35 s a picture of 2200 px for one marketplace.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resources.marketplaces.compliance import check
from resources.marketplaces.naming import ProductNumbers, picture_name
from resources.marketplaces.render import Rendered, render_whites
from resources.marketplaces.rule_files import load_rules
from resources.marketplaces.rules import MarketplaceRules

SPRITES = Path(__file__).with_name("sprites")
# Pixels of a product that spans 80 % of a photo of 3000 px, the largest that the line works with (working_max_side).
PRODUCT_SIDE = 2400
GOAL = 0.35


def cutouts() -> list[NDArray[np.uint8]]:
    """HxWx4 uint8, straight alpha: sprites as large as a camera takes them."""
    found = []
    for path in sorted(SPRITES.glob("*.webp"))[::4]:
        with Image.open(path) as image:
            sprite = image.convert("RGBA")
        k = PRODUCT_SIDE / max(sprite.size)
        size = (round(sprite.width * k), round(sprite.height * k))
        found.append(np.asarray(sprite.resize(size, Image.Resampling.BICUBIC)))
    return found


def seconds(cutout: NDArray[np.uint8], marketplaces: list[MarketplaceRules]) -> tuple[float, int]:
    """CPU seconds to render and judge a main picture for these marketplaces, and the first one's side in pixels."""
    numbers = ProductNumbers("A1", asin="B000000001")
    started = time.process_time()
    made = render_whites(cutout, marketplaces, "main")
    side = 0
    for rules in marketplaces:
        picture = made[rules.name]
        if not isinstance(picture, Rendered):
            raise SystemExit(f"{rules.name}: {picture.message}")
        name = picture_name(rules, numbers, "main", 1, picture.sha256, picture.extension)
        check(picture.data, name, rules, "main", source_type=picture.source)
        side = side or picture.width
    return time.process_time() - started, side


def main() -> None:
    """Print the figures."""
    cv2.setNumThreads(1)
    every = list(load_rules().rules.values())
    amazon = [rules for rules in every if rules.name == "amazon"]
    pictures = cutouts()
    seconds(pictures[0], amazon)  # imports and tables
    one = [seconds(cutout, amazon) for cutout in pictures]
    all_of_them = [seconds(cutout, every)[0] for cutout in pictures]
    spent = [found for found, _ in one]
    print(f"main picture on white, {one[0][1]} px, {len(pictures)} products, without reading text")
    print(f"  one marketplace: median {median(spent):.2f} CPU s, most {max(spent):.2f} (goal {GOAL})")
    print(f"  all {len(every)} marketplaces: median {median(all_of_them):.2f}, most {max(all_of_them):.2f}")


if __name__ == "__main__":
    main()
