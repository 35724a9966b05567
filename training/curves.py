"""Draws how a training went: loss, and how right the net was on pictures that it never learned from."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path


def draw(logs: Sequence[Path], target: Path) -> None:
    """A picture with a column a stage: the loss above, below it IoU, share right and how often its sureness was right.

    logs: <name>_<stage>.csv, each as `training.train` writes it; empty ones are left out.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    stages = [(log.stem.split("_", 1)[1], rows) for log in logs if log.exists() and (rows := _read(log))]
    figure, panels = pyplot.subplots(2, max(1, len(stages)), figsize=(6 * max(1, len(stages)), 7), squeeze=False)
    for column, (stage, rows) in enumerate(stages):
        steps = [row["step"] for row in rows]
        panels[0][column].plot(steps, [row["loss"] for row in rows], color="black")
        panels[0][column].set_title(f"{stage}: loss")
        for name in [name for name in rows[0] if name not in ("step", "loss")]:
            style = "--" if name.endswith("_ok") else ":" if name == "sure" else "-"
            panels[1][column].plot(steps, [row[name] for row in rows], style, label=name.replace("_", " "))
        panels[1][column].set_title(f"{stage}: pictures that were held out")
        panels[1][column].set_ylim(0, 1)
        panels[1][column].set_xlabel("steps")
        panels[1][column].legend()
    figure.tight_layout()
    figure.savefig(target, dpi=100)
    pyplot.close(figure)


def _read(log: Path) -> list[dict[str, float]]:
    with log.open(newline="", encoding="utf-8") as lines:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(lines)]
