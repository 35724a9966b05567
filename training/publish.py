"""Exports trained weights as the ONNX file that ships, and pins it in the registry of weights.

python -m training.publish --state DIR/state_fine.pt
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import torch

from resources.matting.cutnet.export import export
from resources.matting.cutnet.net import CutNet
from resources.weights import digest

SIDE = 320
_RESOURCES = Path(__file__).resolve().parent.parent / "resources"
FILE = _RESOURCES / "nets" / "cutnet" / "cutnet.onnx"
_REGISTRY = _RESOURCES / "weights.yaml"
_LINE = re.compile(r"\{name: cutnet\.onnx, size: \d+, sha256: [^}]*\}")


def publish(state: Path) -> str:
    """Export the averaged weights of a state and pin them; the line of the registry that does."""
    net = CutNet()
    net.load_state_dict(torch.load(state, map_location="cpu", weights_only=True)["averaged"])
    FILE.parent.mkdir(parents=True, exist_ok=True)
    export(net.eval(), FILE, SIDE)
    line = f"{{name: cutnet.onnx, size: {FILE.stat().st_size}, sha256: {digest(FILE)}}}"
    _REGISTRY.write_text(_LINE.sub(line, _REGISTRY.read_text(encoding="utf-8"), count=1), encoding="utf-8")
    return line


def main() -> None:
    """Parse the command line and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True)
    print(publish(parser.parse_args().state))


if __name__ == "__main__":
    main()
