"""What the benchmark of the gpu profile found, and the tables that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

GOAL = 0.9  # of the line's time the GPU should work


@dataclass(frozen=True)
class Row:
    """One batch size. outside: share of the time in which the denoiser does not work. None: it does not fit."""

    batch: int
    seconds: float | None = None
    peak_gb: float | None = None
    outside: float | None = None


@dataclass(frozen=True)
class Painted:
    """One model. parameters: in billions, of the denoiser and of all. made, load: seconds, on the GPU and from disk."""

    name: str
    parameters: tuple[float, float]
    unconfirmed: str
    made: float | None = None
    load: float | None = None
    rows: tuple[Row, ...] = ()
    skipped: str = ""


@dataclass(frozen=True)
class Throughput:
    """How fast a net goes through pictures."""

    name: str
    batch: int
    a_second: float
    peak_gb: float | None


@dataclass(frozen=True)
class LineRow:
    """The line over a model: its pictures an hour beside those of its nets alone, and how long the GPU worked."""

    model: str
    pictures: int
    threads: int
    an_hour: float
    nets_alone: float
    busy: float
    outside: float


def as_table(result: dict[str, Any]) -> str:
    """Markdown, to be pasted into the docs."""
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    memory = f", {result['memory_gb']} GB" if result["memory_gb"] else ""
    lines = [
        f"{result['date']}, {result['device']}{memory}, {result['processors']} processors, {versions}.",
        f"Random weights in {result['precision']}, compile {'on' if result['compile'] else 'off'}, "
        f"offload {result['offload']}; pictures painted at {result['side']} px, finished at {result['size']} px.",
    ]
    if result["tiny"]:
        lines.append("TINY nets and pictures: these figures say nothing of any model or machine.")
    for part in (_models_table(result["models"]), _throughput_table(result["throughput"]), _line_table(result["line"])):
        lines += ["", *part] if part else []
    return "\n".join(lines)


def _models_table(models: Sequence[Painted]) -> list[str]:
    if not models:
        return []
    lines = [
        "| model | parameters, denoiser / all, 1e9 | made, s | loaded, s | batch | s a picture | peak memory, GB "
        "| outside the denoiser |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in models:
        sizes = " / ".join(f"{size:.2f}" for size in one.parameters)
        head = f"| {one.name} | {sizes} | {_said(one.made)} | {_said(one.load)} |"
        if one.skipped:
            lines.append(f"{head} | {one.skipped} | | |")
        for row in one.rows:
            seconds = "does not fit" if row.seconds is None else f"{row.seconds:.3f}"
            share = "" if row.outside is None else f"{row.outside:.0%}"
            lines.append(f"{head} {row.batch} | {seconds} | {_said(row.peak_gb)} | {share} |")
            head = "| | | | |"
    notes = [f"{one.name}: {one.unconfirmed}" for one in models if one.unconfirmed]
    return [*lines, "", f"Sizes not confirmed by the published files: {'; '.join(notes)}."] if notes else lines


def _throughput_table(rows: Sequence[Throughput]) -> list[str]:
    if not rows:
        return []
    lines = ["| net | batch | pictures/s | peak memory, GB |", "|---|---|---|---|"]
    return lines + [f"| {row.name} | {row.batch} | {row.a_second:.1f} | {_said(row.peak_gb)} |" for row in rows]


def _line_table(line: LineRow | None) -> list[str]:
    if line is None:
        return []
    return [
        "| line over | pictures | threads | pictures an hour | its nets alone | GPU busy (goal >= "
        f"{GOAL:.0%}) | outside the denoiser |",
        "|---|---|---|---|---|---|---|",
        f"| {line.model} | {line.pictures} | {line.threads} | {line.an_hour:.0f} | {line.nets_alone:.0f} "
        f"| {line.busy:.0%} | {line.outside:.0%} |",
    ]


def _said(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
