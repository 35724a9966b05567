"""The overview: how many SKUs stand where, what the stages cost, and what is wrong with the inputs."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from catalog_assets.campaign_files import CampaignProblem, Campaigns
from catalog_assets.dossier import (
    CAMPAIGN_ASSETS,
    PRODUCT,
    PRODUCT_ASSETS,
    Catalog,
    LineDossier,
    dossiers,
    open_catalog,
)
from resources.marketplaces.rule_files import RuleProblem, load_rules
from resources.names import clean_text
from resources.products import RowProblem, rows_without_photos
from resources.store import CatalogStore
from resources.uploads import UploadNote

STATUSES = ("made", "review", "rejected", "not_attempted", "not_selected", "retired")
MAX_PLOT_BYTES = 40_000
# More bars than this cannot be read; the first campaigns are drawn, the numbers below have all.
_MOST_BARS = 24

# Told apart without colour vision too: they differ in lightness (Okabe-Ito hues).
_COLOURS = {
    "made": "#009e73",
    "review": "#e69f00",
    "rejected": "#b23a2e",
    "not_attempted": "#8d99a6",
    "not_selected": "#c9d0d6",
    "retired": "#e6e8ea",
}


@dataclass
class AssetTotals:
    """One asset over the whole catalog. name: `mask`, or `winter/scene_variants`. statuses: SKUs by status.

    seconds, bytes, cost_usd, pictures: of everything that is on record now, retired SKUs left out.
    """

    name: str
    statuses: Counter[str] = field(default_factory=Counter)
    pictures: int = 0
    seconds: float = 0.0
    bytes: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True)
class Overview:
    """The state of a catalog in numbers. skus: that have photos now. retired: whose photos are gone."""

    skus: int
    retired: int
    assets: Mapping[str, AssetTotals]
    campaign_problems: tuple[CampaignProblem, ...] = ()
    marketplace_problems: tuple[RuleProblem, ...] = ()
    archived: tuple[str, ...] = ()
    row_problems: tuple[RowProblem, ...] = ()
    upload_notes: tuple[UploadNote, ...] = ()

    def as_text(self) -> str:
        """A plain table for a terminal, without control characters."""
        shown = [status for status in STATUSES if any(totals.statuses[status] for totals in self.assets.values())]
        header = ["asset", *(status.replace("_", " ") for status in shown), "pictures", "seconds", "MB"]
        rows = [
            [
                totals.name,
                *(str(totals.statuses[status]) for status in shown),
                str(totals.pictures),
                f"{totals.seconds:.1f}",
                f"{totals.bytes / 1e6:.1f}",
            ]
            for totals in self.assets.values()
        ]
        count = "1 SKU" if self.skus == 1 else f"{self.skus} SKUs"
        lines = [f"{count}, {self.retired} retired", "", *aligned([header, *rows])]
        lines += [clean_text(f"campaign left out: {problem.message}") for problem in self.campaign_problems]
        lines += [clean_text(f"marketplace left as it is: {problem}") for problem in self.marketplace_problems]
        if self.row_problems:
            lines.append(f"catalog.csv: {len(self.row_problems)} problems")
        if self.upload_notes:
            lines.append(f"uploads: {len(self.upload_notes)} left out")
        return "\n".join(lines)


def overview(store: CatalogStore, campaigns: Campaigns) -> Overview:
    """Count every SKU of the catalog by asset and status. Reads every record once; memory does not grow with them."""
    catalog = open_catalog(store, campaigns)
    assets = {name: AssetTotals(name) for name in PRODUCT_ASSETS}
    for campaign in campaigns.active:
        assets |= {f"{campaign}/{asset}": AssetTotals(f"{campaign}/{asset}") for asset in CAMPAIGN_ASSETS}
    for dossier in dossiers(catalog, catalog.uploads.skus):
        for line in (dossier.product, *dossier.campaigns.values()):
            _add(assets, line)
    for totals in assets.values():
        totals.statuses["retired"] += len(catalog.retired)
        totals.seconds = round(totals.seconds, 3)
        totals.cost_usd = round(totals.cost_usd, 6)
    return Overview(
        skus=len(catalog.uploads.skus),
        retired=len(catalog.retired),
        assets=assets,
        campaign_problems=campaigns.problems,
        marketplace_problems=load_rules().problems,
        archived=campaigns.archived,
        row_problems=row_problems(catalog),
        upload_notes=catalog.uploads.notes,
    )


def row_problems(catalog: Catalog) -> tuple[RowProblem, ...]:
    """What is wrong with catalog.csv, rows of products without photos included."""
    return (*catalog.products.problems, *rows_without_photos(catalog.products, catalog.uploads.skus))


def _add(assets: Mapping[str, AssetTotals], line: LineDossier) -> None:
    for asset, status in line.statuses.items():
        totals = assets[asset if line.line == PRODUCT else f"{line.line}/{asset}"]
        totals.statuses[status] += 1
        for record in line.records[asset]:
            totals.pictures += record.passed
            totals.seconds += record.seconds
            totals.bytes += record.bytes
            totals.cost_usd += record.cost_usd


def plot(found: Overview) -> bytes:
    """Two bar charts as a PNG of at most 40 KB: SKUs by outcome in every stage, and seconds a stage took."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    totals = list(found.assets.values())[:_MOST_BARS]
    names = [one.name.replace("/", ": ").replace("_", " ") for one in totals]
    # Figure and canvas alone: pyplot keeps global state and is not safe in threads.
    figure = Figure(figsize=(9.2, 1.5 + 0.34 * len(totals)), dpi=80, layout="constrained", facecolor="white")
    canvas = FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    start = [0] * len(totals)
    for status in STATUSES:
        counts = [one.statuses[status] for one in totals]
        if any(counts):
            left.barh(names, counts, left=start, color=_COLOURS[status], label=status.replace("_", " "), height=0.66)
            start = [a + b for a, b in zip(start, counts, strict=True)]
    left.set_title("SKUs by outcome", loc="left", fontsize=10)
    if left.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower left", ncols=len(STATUSES), fontsize=8, frameon=False)
    bars = right.barh(names, [one.seconds for one in totals], color="#4a6a8a", height=0.66)
    right.bar_label(bars, fmt="%.4g", padding=3, fontsize=8)
    right.margins(x=0.16)
    right.set_title("Seconds of work on record", loc="left", fontsize=10)
    for axes in (left, right):
        axes.tick_params(labelsize=8.5, length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=5)
        axes.grid(axis="x", color="#e4e6e8", linewidth=0.7)
        axes.set_axisbelow(True)
    left.invert_yaxis()
    canvas.draw()
    return palette_png(canvas)


def palette_png(canvas: object) -> bytes:
    """A drawing (of a canvas of Agg) in 64 colours, at most 40 KB; ValueError if it does not fit.

    Flat areas lose nothing, and the file stays small enough for the event log.
    """
    import numpy as np
    from PIL import Image

    rgb = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).quantize(64).save(buffer, "PNG", optimize=True)
    data = buffer.getvalue()
    if len(data) > MAX_PLOT_BYTES:
        raise ValueError(f"the plot has {len(data)} bytes, at most {MAX_PLOT_BYTES} go into the event log")
    return data


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Rows as lines of text: the first columns (`left` of them) flush left, all others flush right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
