"""The reports as Dagster assets: quarantine, review, gallery, overview and manifests over the whole catalog.

They depend on no asset: one failed SKU would keep an unpartitioned asset from ever running in a back-fill. They
run after work has ended, at the end of `catalog refresh`, and on demand.
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as they are.

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg

from catalog_assets.campaign_files import Campaigns
from catalog_assets.cost_report import ACCOUNTS_FILE, PLOT_FILE, ROWS_FILE, CostReport, costs, write_costs
from catalog_assets.cost_report import plot as cost_plot
from catalog_assets.dossier import open_catalog
from catalog_assets.gallery import FOLDER as GALLERY_FOLDER
from catalog_assets.gallery import VERDICTS, GalleryResult, write_gallery
from catalog_assets.listed_pictures import FOLDER as MANIFEST_FOLDER
from catalog_assets.manifest_changes import KINDS, ManifestChanges
from catalog_assets.manifest_report import ManifestResult, write_manifests
from catalog_assets.overview import STATUSES, Overview, overview, plot
from catalog_assets.partitions import moment_of
from catalog_assets.publishing import publisher_of
from catalog_assets.quarantine import Quarantined, quarantined
from catalog_assets.reporting import inline_picture
from catalog_assets.review_page import ReviewPages, waiting_for_a_person, write_review_pages
from catalog_assets.settings import load_settings
from resources.catalog_resource import CatalogResource
from resources.marketplaces.manifests import ManifestProblem
from resources.names import display
from resources.progress import Progress
from resources.store import CatalogStore

GROUP = "reports"
MAX_ROWS = 200
_LISTED = 50

Metadata = dict[str, Any]


def report_assets(owners: Sequence[str], campaigns: Campaigns) -> list[dg.AssetsDefinition]:
    """The assets of the group `reports`, each unpartitioned and made from the store alone."""
    return [
        _quarantine_asset(owners),
        _review_asset(owners, campaigns),
        _gallery_asset(owners, campaigns),
        _overview_asset(owners, campaigns),
        _manifests_asset(owners, campaigns),
        _costs_asset(owners, campaigns),
    ]


def _quarantine_asset(owners: Sequence[str]) -> dg.AssetsDefinition:
    @dg.asset(
        name="quarantine",
        group_name=GROUP,
        description="SKUs that did not get through: why, and what to do. Those that wait for a person apart.",
        kinds={"table"},
        owners=list(owners),
        code_version="1",
    )
    def asset(catalog: CatalogResource) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata=quarantine_metadata(quarantined(catalog.open())))

    return asset


def _review_asset(owners: Sequence[str], campaigns: Campaigns) -> dg.AssetsDefinition:
    @dg.asset(
        name="review",
        group_name=GROUP,
        description="Static pages of the masks and finals that wait for a person, with evidence and commands.",
        kinds={"html"},
        owners=list(owners),
        code_version="1",
    )
    def asset(catalog: CatalogResource) -> dg.MaterializeResult:
        store = catalog.open()
        listed = open_catalog(store, campaigns)
        pages = write_review_pages(listed, waiting_for_a_person(listed, all_views=True))
        return dg.MaterializeResult(metadata=review_metadata(store, pages))

    return asset


def _gallery_asset(owners: Sequence[str], campaigns: Campaigns) -> dg.AssetsDefinition:
    @dg.asset(
        name="gallery",
        group_name=GROUP,
        description="Static pages of every campaign: each SKU from photo to final, with verdicts and numbers.",
        kinds={"html"},
        owners=list(owners),
        code_version="1",
    )
    def asset(catalog: CatalogResource) -> dg.MaterializeResult:
        store = catalog.open()
        return dg.MaterializeResult(metadata=gallery_metadata(store, write_gallery(store, campaigns)))

    return asset


_CHECKS = {
    "campaigns_valid": "Every campaign file can be used.",
    "marketplaces_valid": "Every marketplace's rules file can be used.",
    "catalog_csv_valid": "Every row of catalog.csv can be used, and has a photo.",
    "uploads_usable": "Everything in the upload folder is a photo in its place.",
}


def _overview_asset(owners: Sequence[str], campaigns: Campaigns) -> dg.AssetsDefinition:
    @dg.asset(
        name="catalog_overview",
        group_name=GROUP,
        description="How many SKUs stand where, what the stages cost, and what is wrong with the inputs.",
        kinds={"png"},
        owners=list(owners),
        code_version="1",
        check_specs=[
            dg.AssetCheckSpec(name=name, asset="catalog_overview", description=description)
            for name, description in _CHECKS.items()
        ],
    )
    def asset(catalog: CatalogResource) -> dg.MaterializeResult:
        store = catalog.open()
        found = overview(store, campaigns)
        # Half-written files of killed runs; nothing lists them, so somebody must take them away now and then.
        swept = {"leftover_files_removed": store.sweep()}
        return dg.MaterializeResult(
            metadata={**overview_metadata(found), **swept}, check_results=list(overview_checks(found))
        )

    return asset


def _manifests_asset(owners: Sequence[str], campaigns: Campaigns) -> dg.AssetsDefinition:
    @dg.asset(
        name="manifests",
        group_name=GROUP,
        description="Bulk-upload files of every marketplace over the whole catalog, campaigns in season merged; "
        "where a CDN serves the pictures, they are published first.",
        kinds={"csv"},
        owners=list(owners),
        code_version="2",
    )
    def asset(context: dg.AssetExecutionContext, catalog: CatalogResource, progress: Progress) -> dg.MaterializeResult:
        store = catalog.open()
        settings = load_settings(store)
        publisher = publisher_of(store, settings, catalog.open_elsewhere)
        moment = moment_of(context.run.tags)
        result = write_manifests(store, campaigns, settings, moment, publisher, progress)
        return dg.MaterializeResult(metadata=manifest_metadata(store, result))

    return asset


_BOOKS = "books_readable"


def _costs_asset(owners: Sequence[str], campaigns: Campaigns) -> dg.AssetsDefinition:
    @dg.asset(
        name="cost_report",
        group_name=GROUP,
        description="What an accepted picture costs, by campaign, engine and stage, how much was wasted, and what is "
        "left of each campaign's budget.",
        kinds={"table"},
        owners=list(owners),
        code_version="1",
        check_specs=[
            dg.AssetCheckSpec(name=_BOOKS, asset="cost_report", description="Every line of the books can be read.")
        ],
    )
    def asset(catalog: CatalogResource) -> dg.MaterializeResult:
        store = catalog.open()
        found = costs(store, campaigns)
        write_costs(store, found)
        return dg.MaterializeResult(metadata=cost_metadata(store, found), check_results=[books_check(found)])

    return asset


def quarantine_metadata(records: Sequence[Quarantined]) -> Metadata:
    """Counts, and a table each for what was rejected and what waits for review (the first 200 rows)."""
    rejected = [record for record in records if not record.rejection.is_review]
    reviews = [record for record in records if record.rejection.is_review]
    values: Metadata = {
        "rejected": len(rejected),
        "needs_review": len(reviews),
        "retryable": sum(1 for record in rejected if record.rejection.retryable),
    }
    for name, rows in (("rejections", rejected), ("reviews", reviews)):
        values[name] = dg.MetadataValue.md(quarantine_table(rows))
    return values


def quarantine_table(records: Sequence[Quarantined]) -> str:
    """A markdown table of quarantine records, at most 200 rows; hostile texts are escaped."""
    if not records:
        return "None."
    lines = ["| SKU | line | stage | code | why, and what to do |", "|---|---|---|---|---|"]
    for record in records[:MAX_ROWS]:
        reason = record.rejection
        why = f"{markdown_text(reason.message)} {markdown_text(reason.hint)}"
        cells = (record.sku, record.line, reason.stage, reason.code)
        lines.append(f"| {' | '.join(map(markdown_text, cells))} | {why} |")
    if len(records) > MAX_ROWS:
        lines += ["", f"... and {len(records) - MAX_ROWS} more: `catalog quarantine` lists all."]
    return "\n".join(lines)


def review_metadata(store: CatalogStore, pages: ReviewPages) -> Metadata:
    """Where the pages lie, and how much waits."""
    return {
        "index": dg.MetadataValue.path(f"{store.root}/{pages.index}"),
        "masks": pages.masks,
        "finals": pages.finals,
        "pages": pages.pages,
        "removed_pages": pages.removed,
    }


def gallery_metadata(store: CatalogStore, result: GalleryResult) -> Metadata:
    """Where the gallery lies, and SKUs by verdict, in all campaigns and in each."""
    values: Metadata = {
        "index": dg.MetadataValue.path(f"{store.root}/{result.index}"),
        "folder": dg.MetadataValue.path(f"{store.root}/{GALLERY_FOLDER}"),
        "pages": result.pages,
        "removed_pages": result.removed,
        "retired": result.retired,
    }
    for verdict in VERDICTS:
        values[verdict] = sum(one.counts[verdict] for one in result.campaigns)
    for one in result.campaigns:
        values |= {f"{one.name}/{verdict}": one.counts[verdict] for verdict in VERDICTS}
        values[f"{one.name}/not_selected"] = one.not_selected
    return values


def overview_metadata(found: Overview) -> Metadata:
    """Counts and seconds under stable names, and the plot."""
    values: Metadata = {
        "skus": found.skus,
        "retired": found.retired,
        "seconds": round(sum(one.seconds for one in found.assets.values()), 3),
        "bytes": sum(one.bytes for one in found.assets.values()),
        "cost_usd": round(sum(one.cost_usd for one in found.assets.values()), 6),
        "plot": inline_picture(plot(found), "SKUs by outcome, and seconds, per stage", kind="png"),
    }
    for one in found.assets.values():
        values |= {f"{one.name}/{status}": one.statuses[status] for status in STATUSES if one.statuses[status]}
        values[f"{one.name}/seconds"] = one.seconds
    return values


def cost_metadata(store: CatalogStore, found: CostReport) -> Metadata:
    """Sums, both tables (the first 200 rows), the plot, and where the files lie."""
    table, accounts = found.table(), found.account_table()
    return {
        "attempts": sum(row.attempts for row in found.rows),
        "accepted": sum(row.accepted.attempts for row in found.rows),
        "usd": round(sum(row.usd for row in found.rows), 6),
        "unknown_usd": round(sum(row.unknown_usd for row in found.rows), 6),
        "costs": dg.MetadataValue.md(_markdown(table)),
        "accounts": dg.MetadataValue.md(_markdown(accounts)),
        "plot": inline_picture(cost_plot(found), "Cost by outcome, and of an accepted picture", kind="png"),
        "files": _joined(f"{store.root}/{key}" for key in (ROWS_FILE, ACCOUNTS_FILE, PLOT_FILE)),
    }


def _markdown(table: Sequence[Sequence[str]]) -> str:
    """A table of cells, header first; hostile texts are escaped."""
    header, *rows = table
    if not rows:
        return "None."
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    lines += [f"| {' | '.join(map(markdown_text, row))} |" for row in rows[:MAX_ROWS]]
    if len(rows) > MAX_ROWS:
        lines += ["", f"... and {len(rows) - MAX_ROWS} more, all in the files."]
    return "\n".join(lines)


def books_check(found: CostReport) -> dg.AssetCheckResult:
    """A warning for ledger files that were left out, and for a budget that nobody can tell."""
    problems = [f"{markdown_text(one.key)}: {markdown_text(one.message)}" for one in found.damaged]
    problems += [
        f"{markdown_text(account.campaign)}: {markdown_text(account.problem)}"
        for account in found.accounts
        if account.problem
    ]
    return _check(_BOOKS, problems, dg.AssetCheckSeverity.WARN)


def overview_checks(found: Overview) -> Iterator[dg.AssetCheckResult]:
    """A broken campaign or rules file fails; a row or an upload that cannot be used is a warning."""
    yield _check(
        "campaigns_valid",
        [f"{markdown_text(one.file)}: {markdown_text(one.message)}" for one in found.campaign_problems],
        dg.AssetCheckSeverity.ERROR,
    )
    yield _check(
        "marketplaces_valid",
        [markdown_text(f"{one.file.name}: {one.field}: {one.message}") for one in found.marketplace_problems],
        dg.AssetCheckSeverity.ERROR,
    )
    yield _check(
        "catalog_csv_valid",
        [
            markdown_text(f"line {one.line}, {one.column or 'row'}: {one.message} {one.hint}")
            for one in found.row_problems
        ],
        dg.AssetCheckSeverity.WARN,
    )
    yield _check(
        "uploads_usable", [markdown_text(one.message) for one in found.upload_notes], dg.AssetCheckSeverity.WARN
    )


def _check(name: str, problems: Sequence[str], severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    shown = [f"- {problem}" for problem in problems[:_LISTED]]
    if len(problems) > len(shown):
        shown.append(f"- ... and {len(problems) - len(shown)} more")
    metadata: Metadata = {"problems": len(problems)}
    if shown:
        metadata["list"] = dg.MetadataValue.md("\n".join(shown))
    return dg.AssetCheckResult(check_name=name, passed=not problems, severity=severity, metadata=metadata)


def manifest_metadata(store: CatalogStore, result: ManifestResult) -> Metadata:
    """Where the manifests lie, what each marketplace gets and does not get, what changed and what was published."""
    values: Metadata = {
        "folder": dg.MetadataValue.path(f"{store.root}/{MANIFEST_FOLDER}"),
        "removed_files": result.removed,
        "campaigns_out_of_season": _joined(result.out_of_season),
        **_changes_metadata(store, result.changes),
    }
    for one in result.marketplaces:
        values |= {f"{one.name}/products": one.products, f"{one.name}/pictures": one.pictures}
        values[f"{one.name}/files"] = _joined(one.files)
        values[f"{one.name}/left_out"] = _joined(f"{code} {count}" for code, count in sorted(one.left_out.items()))
    problems = [(one.name, problem) for one in result.marketplaces for problem in one.problems]
    values["file_problems"] = len(problems)
    if problems:
        values["file_problems_table"] = dg.MetadataValue.md(_problem_table(problems))
    missing = [why for one in result.marketplaces for why in one.archive.missing]
    values["archives_written"] = sum(1 for one in result.marketplaces if one.archive.written)
    if missing:
        lines = [f"- {markdown_text(why.message)}" for why in missing[:_LISTED]]
        values |= {"archives_lack": len(missing), "archives_lack_list": dg.MetadataValue.md("\n".join(lines))}
    if result.published is not None:
        values |= {f"published/{name}": value for name, value in asdict(result.published).items()}
    return values


def _changes_metadata(store: CatalogStore, changes: ManifestChanges) -> Metadata:
    values: Metadata = {
        "campaigns_left": _joined(changes.campaigns_left),
        "campaigns_came": _joined(changes.campaigns_came),
        "pictures_changed": changes.total,
    }
    if changes.report:
        lines = [f"| marketplace | {' | '.join(KINDS)} |", "|---" * (1 + len(KINDS)) + "|"]
        for name, counts in sorted(changes.counts.items()):
            lines.append(f"| {markdown_text(name)} | {' | '.join(str(counts[kind]) for kind in KINDS)} |")
        values["changes"] = dg.MetadataValue.md("\n".join(lines))
        values["changes_report"] = dg.MetadataValue.path(f"{store.root}/{changes.report}")
    return values


def _problem_table(problems: Sequence[tuple[str, ManifestProblem]]) -> str:
    lines = ["| marketplace | file | code | message | what to do |", "|---|---|---|---|---|"]
    for name, problem in problems[:MAX_ROWS]:
        cells = (name, problem.file, problem.code, problem.message, problem.hint)
        lines.append(f"| {' | '.join(map(markdown_text, cells))} |")
    return "\n".join(lines)


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def markdown_text(text: str) -> str:
    """A stranger's text for a markdown table: one line of at most 200 characters, nothing in it is markup."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~&:-])", _entity, display(text))


def _entity(found: re.Match[str]) -> str:
    """Punctuation as HTML entities: renderers show it, and read no markup, link or tag in it."""
    return f"&#{ord(found.group())};"
