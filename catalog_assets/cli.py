"""The command line `catalog`. Thin: everything it does is a library call.

Exit status: 0 all done, 1 finished but some were rejected or need review, 2 could not run (one clear line).
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec

import click

if TYPE_CHECKING:
    from rich.progress import TaskID

    from catalog_assets.campaign_files import Campaigns
    from catalog_assets.doctor.findings import Finding
    from catalog_assets.environment import Environment
    from catalog_assets.final_reviews import WaitingFinal
    from catalog_assets.quarantine import Quarantined
    from catalog_assets.refresh import Refreshed
    from catalog_assets.review_page import WaitingItems
    from catalog_assets.reviews import Waiting
    from resources.marketplaces.rules import Slot
    from resources.store import CatalogStore

P = ParamSpec("P")

DONE, SOME_STOPPED, COULD_NOT_RUN = 0, 1, 2
PROBLEMS_SHOWN = 20
INTERRUPTED = 130  # as shells have it for Ctrl-C

root_option = click.option(
    "--root", envvar="CATALOG_ROOT", default="catalog", show_default=True, help="Catalog folder or s3://bucket/prefix."
)
sku_option = click.option("--sku", "skus", multiple=True, help="Only this SKU; may be given several times.")


def shown(function: Callable[P, None]) -> Callable[P, None]:
    """The options that say how a product is shown, as catalog.csv does for a whole catalog."""
    pose = click.option(
        "--pose", default="standing", show_default=True, type=click.Choice(["standing", "flat", "hanging"])
    )
    height = click.option("--height-cm", type=click.FloatRange(0.1, 1000), help="The product's real height.")
    return pose(height(function))


class OneLineGroup(click.Group):
    """Click's group, but what is wrong with a call is told in one line, like everything that keeps us from running."""

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        try:
            status = super().main(*args, **{**kwargs, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            status = COULD_NOT_RUN
        except click.ClickException as error:
            _stop(f"{error.format_message()} See --help.")
        except click.Abort:
            _say("catalog: interrupted", err=True)
            status = INTERRUPTED
        sys.exit(status)


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show tracebacks and log lines.")
def cli(debug: bool) -> None:
    """Refreshes a shop's product pictures: photo, mask, cut-out, scenes, finals, marketplace export."""
    if debug:
        os.environ["CATALOG_DEBUG"] = "1"
    else:
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)


def _say(text: str, *, err: bool = False) -> None:
    """One line of output, whatever names and files brought into the text: no line breaks, no terminal control."""
    from resources.names import clean_text

    indent = len(text) - len(text.lstrip(" "))
    click.echo(" " * indent + clean_text(text), err=err)


def _stop(message: str) -> NoReturn:
    """End with status 2 and one clear line."""
    _say(f"catalog: {message}", err=True)
    sys.exit(COULD_NOT_RUN)


def command(function: Callable[P, int]) -> Callable[P, None]:
    """A command returns its exit status; what keeps it from running becomes one line and status 2."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            status = function(*args, **kwargs)
        except (click.ClickException, BrokenPipeError):  # Click knows what to do
            raise
        except Exception as error:
            said = _explained(error)
            if not said or os.environ.get("CATALOG_DEBUG"):
                raise
            _stop(said)
        sys.exit(status)

    return run


def _explained(error: Exception) -> str:
    """What kept a command from running, for its user; "" for an error of the program."""
    from catalog_assets.environment import EnvironmentSettingError
    from catalog_assets.instance import InstanceError
    from catalog_assets.reviews import ReviewError
    from catalog_assets.settings import SettingsError
    from resources.store import StoreError

    if isinstance(error, (EnvironmentSettingError, InstanceError, ReviewError, SettingsError, StoreError)):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename or ''}"
    # Only now: this reads all definitions, which a wrong environment variable (above) keeps from loading.
    from catalog_assets.refresh import RefreshError

    return str(error) if isinstance(error, RefreshError) else ""


def _campaigns() -> Campaigns:
    from catalog_assets.campaign_files import load_campaigns
    from resources.marketplaces.rule_files import load_rules

    book = load_rules()
    for broken in book.problems:
        _say(f"marketplace left as it is: {broken}", err=True)
    campaigns = load_campaigns(marketplaces=book)
    for problem in campaigns.problems:
        _say(f"campaign left out: {problem.message}", err=True)
    return campaigns


def _environment(root: str) -> Environment:
    from catalog_assets.environment import read_environment
    from catalog_assets.refresh import with_root

    return with_root(read_environment(), root)


def _store(root: str) -> CatalogStore:
    from catalog_assets.refresh import open_catalog

    return open_catalog(_environment(root))


def _store_if_any(root: str = "") -> CatalogStore | None:
    """The catalog, for commands that do without one: None where its folder is not there. root: default CATALOG_ROOT."""
    from catalog_assets.environment import read_environment
    from resources.store import open_store

    where = root or read_environment().root
    if where.startswith("s3://"):
        return _store(where)
    return open_store(where) if Path(where).expanduser().is_dir() else None


# ---------------------------------------------------------------------------------------------------------------
# The line
# ---------------------------------------------------------------------------------------------------------------


@cli.command()
@click.option("--root", default="demo", show_default=True, help="Folder that the sample catalog is copied into.")
@command
def demo(root: str) -> int:
    """The whole line over the bundled sample catalog, through Dagster."""
    from catalog_assets.refresh import RefreshError, Wish, refresh
    from catalog_assets.sample_catalog import copy_sample, expected, surprises, unexpected_reviews

    if root.startswith("s3://"):
        raise RefreshError("The sample catalog is copied into a folder: name one with --root.")
    started = time.monotonic()
    copy_sample(Path(root))
    wish = Wish(campaigns=("evergreen", "winter"), show_progress=True)
    result = refresh(_environment(root), _campaigns(), wish)
    _tell(result, root)
    _where(root)
    click.echo(f"Took {time.monotonic() - started:.0f} s.")
    for sku in unexpected_reviews(result.stopped, expected()):
        _say(f"{sku} is not among the hard ones, but needs review all the same.")
    said = [*surprises(result.stopped, expected()), *result.broken_runs]
    for line in said:
        _say(f"not as expected: {line}", err=True)
    return SOME_STOPPED if said else DONE


@cli.command()
@root_option
@sku_option
@click.option("--campaign", "names", multiple=True, help="Only this campaign; default: those whose dates hold today.")
@click.option("--force", is_flag=True, help="Make again what is up to date (the same attempt).")
@command
def refresh(root: str, skus: Sequence[str], names: Sequence[str], force: bool) -> int:
    """The whole line over a catalog, in this process, through Dagster."""
    from catalog_assets.refresh import Wish
    from catalog_assets.refresh import refresh as run

    wish = Wish(tuple(skus), tuple(names), force=force, show_progress=True)
    return _finish(run(_environment(root), _campaigns(), wish), root)


@cli.command()
@root_option
@sku_option
@command
def retry(root: str, skus: Sequence[str]) -> int:
    """A new attempt, with new seeds, at the SKUs in quarantine (in the line that holds them) or at those named."""
    from catalog_assets.quarantine import quarantined
    from catalog_assets.refresh import Wish
    from catalog_assets.refresh import refresh as run

    if not skus and not quarantined(_store(root)):
        click.echo("Nothing is in quarantine.")
        return DONE
    return _finish(run(_environment(root), _campaigns(), Wish(tuple(skus), retry=True, show_progress=True)), root)


def _finish(result: Refreshed, root: str) -> int:
    from catalog_assets.refresh import RefreshError

    _tell(result, root)
    if result.broken_runs:
        raise RefreshError("; ".join(result.broken_runs))
    _where(root)
    return DONE if result.ok else SOME_STOPPED


def _tell(result: Refreshed, root: str) -> None:
    """What a refresh did, in a few lines."""
    from catalog_assets.health import LINE_STOPPED

    for line, counts in result.counts.items():
        if counts:
            click.echo(f"{line}: " + ", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    if not result.skus:
        click.echo("No SKUs: there are no photos in the upload folder.")
    elif not result.made and not result.halted:
        click.echo("Nothing new was made: what can be made is up to date.")
    if result.reports_stand:
        click.echo("The reports stand as they are: nothing that they are made from has changed.")
    for note in result.notes:
        _say(f"ignored: {note.message}")
    for problem in result.problems[:PROBLEMS_SHOWN]:
        where = f"catalog.csv line {problem.line}" if problem.line else "catalog.csv"
        _say(f"{where}: {problem.message} {problem.hint}")
    if len(result.problems) > PROBLEMS_SHOWN:
        _say(f"catalog.csv: {len(result.problems) - PROBLEMS_SHOWN} more problems, all in the report catalog_overview")
    reviews = [record for record in result.stopped if record.rejection.is_review]
    left = Counter(record.line for record in result.stopped if record.rejection.code == LINE_STOPPED)
    for line, reason in result.halted.items():
        click.echo("")
        _say(f"{reason.message} {reason.hint}")
        _say(f"{left[line]} products of {line} were not worked on; they are in the quarantine as {LINE_STOPPED}.")
    rejections = [
        record for record in result.stopped if not record.rejection.is_review and record.rejection.code != LINE_STOPPED
    ]
    for title, records in (("rejected", rejections), ("needs review", reviews)):
        if records:
            click.echo(f"\n{len(records)} {title}:")
        for record in records:
            _say(f"  {record.sku} ({record.line}): {record.rejection.message} {record.rejection.hint}")


def _where(root: str) -> None:
    from catalog_assets.refresh import open_hint

    click.echo(f"\ngallery:    {_at(root, 'reports/gallery/index.html')}")
    click.echo(f"exports:    {_at(root, 'exports')}")
    click.echo(f"manifests:  {_at(root, 'manifests')}")
    click.echo(f"quarantine: {_at(root, 'quarantine')}")
    click.echo(f"Dagster UI: {open_hint(root)}")


def _at(root: str, key: str) -> str:
    """Where a key of the store lies, for a person."""
    if root.startswith("s3://"):
        return f"{root.rstrip('/')}/{key}"
    return str(Path(root, key).expanduser().absolute())


# ---------------------------------------------------------------------------------------------------------------
# Single pictures
# ---------------------------------------------------------------------------------------------------------------


@cli.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False), help="Folder for the cut-outs.")
@click.option("--engine", default="", help="Cut-out engine; default: that of CATALOG_PROFILE.")
@click.option(
    "--correction",
    default="gentle",
    show_default=True,
    type=click.Choice(["off", "gentle", "straighten"]),
    help="White balance and exposure first, where the surroundings are neutral; straighten also turns.",
)
@click.option("--explain", is_flag=True, help="Also write DIR/<stem>.explain.webp: what was considered and measured.")
@command
def cutout(photos: Sequence[str], output: str, engine: str, correction: str, explain: bool) -> int:
    """Cut products out: DIR/<stem>.png with straight alpha, and one JSON line a photo on standard output."""
    from catalog_assets.single import CORRECTIONS, cut_out_files

    paths, engines = [Path(photo) for photo in photos], _engines(matting=engine)
    limits, store = CORRECTIONS[correction], _store_if_any()
    return _lines(cut_out_files(paths, Path(output), engines, limits, explain=explain, store=store))


@cli.command()
@click.argument("cutout", type=click.Path(exists=True, dir_okay=False))
@click.option("--scene", required=True, help="Name of a scene template.")
@click.option("--seed", default=1, show_default=True, help="Another seed, another picture.")
@click.option("--crop", type=click.Choice(["square", "portrait", "landscape"]), help="Default: the template's first.")
@shown
@click.option("--side", default=1600, show_default=True, type=click.IntRange(200, 4096), help="Longer side in pixels.")
@click.option("--harmonise/--no-harmonise", default=True, show_default=True, help="Match the product to the light.")
@click.option("--engine", default="", help="Scene engine; default: the configured one. None that costs money.")
@click.option("--product", default="", help="What it is, in a few words, for an engine that is told.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="PNG, WebP or JPEG file.")
@command
def compose(
    cutout: str,
    scene: str,
    seed: int,
    crop: str | None,
    pose: str,
    height_cm: float | None,
    side: int,
    harmonise: bool,
    engine: str,
    product: str,
    output: str,
) -> int:
    """Put a cut-out (PNG with alpha) into a scene."""
    from catalog_assets.composing import Wish, compose_file

    wish = Wish(seed, crop, pose, height_cm, side, harmonise, engine, product)  # type: ignore[arg-type] # click checked
    return _lines([compose_file(Path(cutout), scene, Path(output), _engines(), wish)])


@cli.command()
@click.argument("cutout", type=click.Path(exists=True, dir_okay=False))
@click.option("--season", default="", help="Only the plates of this season (any: those for all seasons).")
@click.option("--seed", default=1, show_default=True, help="Another seed, other pictures.")
@shown
@click.option("--tile", default=480, show_default=True, type=click.IntRange(200, 1600), help="Side of a picture.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="PNG, WebP or JPEG file.")
@command
def sheet(cutout: str, season: str, seed: int, pose: str, height_cm: float | None, tile: int, output: str) -> int:
    """Put a cut-out (PNG with alpha) onto every plate of the studio that suits it: one sheet, for the eye."""
    from catalog_assets.composing import Wish, sheet_file

    wish = Wish(seed, None, pose, height_cm, tile, True)  # type: ignore[arg-type] # click checked the words
    return _lines([sheet_file(Path(cutout), season, Path(output), wish)])


@cli.command()
@click.argument("original", required=False, type=click.Path())
@click.argument("final", required=False, type=click.Path())
@click.option("--matte", type=click.Path(), help="Matte of the original; default: it is cut out.")
@click.option("--pairs", type=click.Path(exists=True, dir_okay=False), help="CSV with final, original, matte.")
@click.option("--base", type=click.Path(exists=True, file_okay=False), help="Folder of originals and mattes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object (always so with --pairs).")
@click.option(
    "--correction",
    default="off",
    show_default=True,
    type=click.Choice(["off", "gentle"]),
    help="Compare with ORIGINAL as `catalog cutout` corrects it; off: as it is.",
)
@click.option("--text/--no-text", default=True, show_default=True, help="Read what is printed on the product, too.")
@command
def judge(
    original: str | None,
    final: str | None,
    matte: str | None,
    pairs: str | None,
    base: str | None,
    as_json: bool,
    correction: str,
    text: bool,
) -> int:
    """Is the product in FINAL the product in ORIGINAL?"""
    from catalog_assets.single import CORRECTIONS, judge_files, judge_pairs

    limits, store = CORRECTIONS[correction], _store_if_any()
    if pairs:
        return _lines(
            judge_pairs(Path(pairs), Path(base) if base else None, _engines(), limits, text=text, store=store)
        )
    if not original or not final:
        raise click.UsageError("ORIGINAL and FINAL are needed, or --pairs FILE.csv.")
    given = Path(matte) if matte else None
    result = judge_files(Path(original), Path(final), given, _engines(), limits, text=text, store=store)
    return _one(result, as_json, "verdict")


@cli.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--marketplace", "names", multiple=True, help="Marketplace, as its rules file is named.")
@click.option("--slot", default="main", show_default=True, type=click.Choice(["main", "additional", "lifestyle"]))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--text/--no-text", default=True, help="Also read a main picture: writing beside the product.")
@click.option(
    "--original", type=click.Path(exists=True, dir_okay=False), help="Its photo: what is written there is its own."
)
@click.option("--verify", is_flag=True, help="Instead of FILE: every exported file against what the manifests say.")
@root_option
@command
def comply(
    file: str | None,
    names: Sequence[str],
    slot: Slot,
    as_json: bool,
    text: bool,
    original: str | None,
    verify: bool,
    root: str,
) -> int:
    """Does a picture keep a marketplace's rules? Measured on its own bytes."""
    from catalog_assets.single import comply_file

    if verify and file is None:
        return _verify(root, names)
    if verify or file is None or len(names) != 1:
        raise click.UsageError("FILE and one --marketplace are needed, or --verify without FILE.")
    photo = Path(original) if original else None
    return _one(comply_file(Path(file), names[0], slot, text=text, original=photo), as_json, "verdict")


def _verify(root: str, names: Sequence[str]) -> int:
    """One JSON line a file that is not what the manifests say, and the counts."""
    from catalog_assets.export_verification import verify_exports
    from catalog_assets.refresh import open_publisher

    faults, checked = 0, 0
    store = _store(root)
    for result in verify_exports(store, names, open_publisher(_environment(root))):
        checked += 1
        if result["status"] != "ok":
            faults += 1
            click.echo(json.dumps(result, ensure_ascii=True))
    _say(f"{checked} pictures, {faults} not as the manifests say.", err=True)
    return SOME_STOPPED if faults else DONE


def _engines(matting: str = "") -> Any:
    from catalog_assets.environment import read_environment
    from catalog_assets.models import configured_engines

    return configured_engines(read_environment(), matting)


def _lines(results: Iterable[dict[str, Any]]) -> int:
    """One JSON line a result; 1 if any was not accepted."""
    status = DONE
    for result in results:
        click.echo(json.dumps(result, ensure_ascii=True))
        if result.get("status", result.get("verdict")) not in {"accepted", "made"}:
            status = SOME_STOPPED
    return status


def _one(result: dict[str, Any], as_json: bool, field: str) -> int:
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=True, indent=1))
    else:
        _say(f"{result[field]}: {result.get('message') or 'every measure is within its threshold'}")
        for measure in result["measures"]:
            mark = "ok  " if measure["passed"] else "FAIL"
            sign = "at least" if measure["better"] == "higher" else "at most"
            limit = "" if measure["threshold"] is None else f" ({sign} {measure['threshold']:g})"
            click.echo(f"  {mark} {measure['name']}: {measure['value']:g}{limit}")
    return DONE if result[field] == "accepted" else SOME_STOPPED


# ---------------------------------------------------------------------------------------------------------------
# Looking
# ---------------------------------------------------------------------------------------------------------------


@cli.command()
@root_option
@click.option("--space", "only_space", is_flag=True, help="Only the bytes: quick, because no record is read.")
@command
def status(root: str, only_space: bool) -> int:
    """How many SKUs are where, and how many bytes they take."""
    from catalog_assets.instance import dagster_home
    from catalog_assets.overview import overview
    from catalog_assets.space import usage

    store = _store(root)
    if not only_space:
        click.echo(overview(store, _campaigns()).as_text())
        click.echo("")
    click.echo(usage(store, dagster_home(root)).as_text())
    return DONE


@cli.command()
@root_option
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@command
def prune(root: str, dry_run: bool) -> int:
    """Remove what nobody needs: as `space` in catalog.yaml says, and leftovers of runs that were cut off."""
    from catalog_assets.settings import load_settings
    from catalog_assets.space import Pruned, prune_catalog
    from resources.progress import Progress

    store = _store(root)
    steps, work = prune_catalog(store, load_settings(store).space, dry_run=dry_run)
    done = Pruned()
    with Progress(show=sys.stderr.isatty()).bar("pruning", steps) as step:
        for one in work:
            done.merge(one)
            step(1)
    if not dry_run:
        store.sweep()
    for kind, files in sorted(done.files.items()):
        _say(f"{kind}: {files} files, {done.bytes[kind] / 1e6:.1f} MB")
    if done.busy:
        _say(f"{done.busy} products were worked on within the last hour: their candidates were left for another time.")
    if not done.files:
        _say("Nothing to prune.")
        return DONE
    _say(f"{done.files.total()} files, {done.bytes.total() / 1e6:.1f} MB {'would go' if dry_run else 'went'}.")
    return DONE


@cli.command()
@root_option
@sku_option
@click.option("--mend", is_flag=True, help="Take damaged files away, so that the next run makes them again.")
@command
def verify(root: str, skus: Sequence[str], mend: bool) -> int:
    """Read every stored file back and compare it with its record: finds what a disk or somebody changed."""
    from catalog_assets.refresh import RefreshError
    from catalog_assets.verification import Damage, verify_catalog
    from resources.names import sku_name
    from resources.progress import Progress

    steps, work = verify_catalog(_store(root), {sku_name(sku).key for sku in skus}, mend=mend)
    if skus and not steps:
        raise RefreshError(f"Nothing is on record of {', '.join(skus)} in {root}.")
    files, damages = 0, list[Damage]()
    with Progress(show=sys.stderr.isatty()).bar("verifying", steps) as step:
        for one in work:
            files += one.files
            damages += one.damages
            step(1)
    for damage in damages:
        _say(f"{damage.sku}: {damage.message}" + ("" if damage.can_be_made else " Its photo is no longer uploaded."))
    _say(f"{files} files read, {len(damages)} not as they were written.")
    due = sorted({damage.sku for damage in damages if damage.can_be_made})
    if due and not mend:
        _say("next: catalog verify --mend takes the damaged ones away, so that a refresh makes them again")
    elif due:
        where = "" if root == "catalog" else f" --root {shlex.quote(root)}"
        _say(f"next: catalog refresh{''.join(f' --sku {shlex.quote(sku)}' for sku in due)}{where}")
    return SOME_STOPPED if damages else DONE


@cli.command()
@root_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@command
def doctor(root: str, as_json: bool) -> int:
    """What is wrong with this deployment, and how to mend it. Writes nothing but a probe, and removes it."""
    from catalog_assets.doctor.findings import Deployment, Finding, without_secrets
    from catalog_assets.environment import EnvironmentSettingError, read_environment

    found: list[Finding] = []
    try:
        environment = replace(read_environment(), root=root)
    except EnvironmentSettingError as error:
        findings: Iterable[Finding] = [Finding("environment", "wrong", without_secrets(str(error)))]
    else:
        # Only now: definitions cannot be loaded where a variable is wrong.
        from catalog_assets.doctor.examination import examine

        findings = examine(Deployment(environment))
    for one in findings:
        found.append(one)
        if not as_json:
            _tell_finding(one)
    wrong = sum(one.level == "wrong" for one in found)
    warnings_ = sum(one.level == "warning" for one in found)
    if as_json:
        click.echo(json.dumps({"root": root, "findings": [one.as_dict() for one in found]}, indent=1))
    else:
        _say(f"{len(found)} checks: {wrong} wrong, {warnings_} to look at.")
    return SOME_STOPPED if wrong else DONE


def _tell_finding(one: Finding) -> None:
    click.echo(f"{one.level:<9}", nl=False)
    _say(f"{one.check}: {one.found}")
    if one.fix:
        _say(f"         to do: {one.fix}")


@cli.command()
@root_option
@command
def quarantine(root: str) -> int:
    """SKUs that were rejected, and why."""
    from catalog_assets.quarantine import quarantined

    records = [record for record in quarantined(_store(root)) if not record.rejection.is_review]
    for record in records:
        _tell_quarantined(record)
    if not records:
        click.echo("Nothing is in quarantine.")
    return SOME_STOPPED if records else DONE


@cli.group(invoke_without_command=True)
@root_option
@click.option("--all-views", is_flag=True, help="Also masks of views beside the main one; reads every mask's record.")
@click.pass_context
def review(context: click.Context, root: str, all_views: bool) -> None:
    """Masks and finals that a person must look at; with a command: decide about one."""
    if context.invoked_subcommand is None:
        _list_reviews(root, all_views)


@command
def _list_reviews(root: str, all_views: bool) -> int:
    from catalog_assets.decisions import Decisions
    from catalog_assets.dossier import open_catalog
    from catalog_assets.final_reviews import left_out_finals
    from catalog_assets.quarantine import quarantined
    from catalog_assets.review_page import waiting_for_a_person, write_review_pages
    from catalog_assets.reviews import left_out

    store = _store(root)
    catalog = open_catalog(store, _campaigns())
    items = waiting_for_a_person(catalog, all_views=all_views)
    held = [record for record in quarantined(store) if record.rejection.is_review]
    for record in held:
        _tell_quarantined(record)
        _tell_waiting(items.of(record.line, record.sku), items, root, told=record.rejection.message)
    known = {(record.line, record.sku) for record in held}
    # What waits beside something that went on holds no product up: it is not in quarantine.
    _tell_waiting((one for one in items.everything if (one.line, one.sku) not in known), items, root)
    waits = bool(held or items.everything)
    if not waits:
        click.echo("Nothing waits for review.")
    decisions = Decisions(store)
    for said in [*left_out(store, decisions), *left_out_finals(store, decisions)]:
        _say(f"ignored: {said}")
    page = write_review_pages(catalog, items).index  # also where nothing waits: an earlier page would say otherwise
    if waits:
        click.echo(f"page: {_at(root, page)}")
    return SOME_STOPPED if waits else DONE


def _tell_waiting(found: Iterable[Waiting | WaitingFinal], items: WaitingItems, root: str, *, told: str = "") -> None:
    """What waits and why, where to look at it, and what to type. told: the reason that stands there already."""
    from catalog_assets.review_page import commands_of

    where = "" if root == "catalog" else root
    for one in found:
        _say(f"  {one.sku}, {one.what}" + ("" if one.reason.message == told else f": {one.reason.message}"))
        _say(f"    look at {_at(root, items.look_at(one))}")
        for text in commands_of(one, where):
            _say(f"    {text}")
        if one.names:
            _say(f"    NAME is one of {', '.join(one.names)}")


def decides(function: Callable[..., str]) -> Callable[..., None]:
    """A command of `catalog review` that writes one decision and may run the line for it at once."""

    @click.argument("sku")
    @click.option("--view", default="", help="Which view; default: the one that waits, or the main one.")
    @click.option("--root", default=None, help="Catalog folder or s3://bucket/prefix.")
    @click.option("--by", default="", help="Who decided; default: the user's name.")
    @click.option("--note", default="", help="Why, for the record; about a final it must be said.")
    @click.option("--go", is_flag=True, help="Run the line for this SKU at once.")
    @click.pass_context
    @wraps(function)
    def run(context: click.Context, root: str | None, go: bool, **arguments: Any) -> None:
        chosen = root or (context.parent.params["root"] if context.parent else "catalog")
        _decide(chosen, go, lambda: function(_store(chosen), **arguments))

    return run


def about_final(*, required: bool) -> Callable[[Callable[P, str]], Callable[P, str]]:
    """The options that say which final is meant; required: the command is about nothing else."""

    def wrapped(function: Callable[P, str]) -> Callable[P, str]:
        scene = click.option("--scene", default="", help="Which scene; default: the one that waits.")
        said = {"required": True} if required else {"default": ""}
        campaign = click.option("--campaign", **said, help="The final of this campaign.")
        return campaign(scene(function))

    return wrapped


@command
def _decide(root: str, go: bool, decide: Callable[[], str]) -> int:
    key = decide()
    _, sku, *campaign = key.split("/")[:-1]
    _say(f"written: {_at(root, key)}")
    return _go_on(root, sku, go, campaign)


def _go_on(root: str, sku: str, go: bool, campaigns: Sequence[str]) -> int:
    """Run the line for a SKU that something was decided about, or say how to; campaigns: as for a refresh."""
    if not go:
        chosen = "".join(f" --campaign {shlex.quote(name)}" for name in campaigns)
        where = "" if root == "catalog" else f" --root {shlex.quote(root)}"
        _say(f"next: catalog refresh --sku {shlex.quote(sku)}{chosen}{where}, or leave it to the reviews sensor")
        return DONE
    from catalog_assets.refresh import Wish
    from catalog_assets.refresh import refresh as run

    wish = Wish((sku,), tuple(campaigns), show_progress=True)
    return _finish(run(_environment(root), _campaigns(), wish), root)


@review.command("approve")
@decides
@about_final(required=False)
@click.option("--candidate", default="", help="Which candidate of the final; default: the one that came nearest.")
def review_approve(
    store: CatalogStore, sku: str, view: str, campaign: str, scene: str, candidate: str, by: str, note: str
) -> str:
    """The mask of SKU, or with --campaign its final, is right as it is."""
    from catalog_assets.final_reviews import FinalName, approve_final
    from catalog_assets.reviews import approve

    if campaign:
        return approve_final(store, FinalName(sku, campaign, scene, view), by, note, candidate)
    if scene or candidate:
        raise click.UsageError("--scene and --candidate are about a final: name its --campaign too.")
    return approve(store, sku, view, by, note)


@review.command("reject")
@decides
@about_final(required=True)
def review_reject(store: CatalogStore, sku: str, view: str, campaign: str, scene: str, by: str, note: str) -> str:
    """The final of SKU must not leave, whatever the machine says."""
    from catalog_assets.final_reviews import FinalName, reject_final

    return reject_final(store, FinalName(sku, campaign, scene, view), by, note)


@review.command("rework")
@decides
@about_final(required=True)
@click.option("--no-harmonise", is_flag=True, help="Leave the product's colours as they are.")
@click.option("--plain", is_flag=True, help="The plainest scene that the template allows.")
@click.option("--grip", type=click.IntRange(0, 2), help="How firmly a generating engine holds on to the product.")
def review_rework(
    store: CatalogStore,
    sku: str,
    view: str,
    campaign: str,
    scene: str,
    by: str,
    note: str,
    no_harmonise: bool,
    plain: bool,
    grip: int | None,
) -> str:
    """Make more candidates for the final of SKU, with more care."""
    from catalog_assets.final_reviews import FinalName, rework_final

    what = FinalName(sku, campaign, scene, view)
    harmonise = False if no_harmonise else None
    return rework_final(store, what, by, note, harmonise=harmonise, plain=plain or None, grip=grip)


@review.command("pick")
@decides
@click.argument("hypothesis")
def review_pick(store: CatalogStore, **arguments: str) -> str:
    """Take another of the recorded hypotheses as the mask of SKU; `catalog review` names them."""
    from catalog_assets.reviews import pick

    return pick(store, **arguments)


@review.command("matte")
@decides
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
def review_matte(store: CatalogStore, file: str, **arguments: str) -> str:
    """Take FILE (grey or transparent PNG, as large as the upright photo) as the mask of SKU."""
    from catalog_assets.reviews import give_matte
    from resources.matting.given import MAX_MATTE_BYTES

    with Path(file).open("rb") as matte:
        data = matte.read(MAX_MATTE_BYTES + 1)
    return give_matte(store, data=data, **arguments)


@review.command("undo")
@click.argument("sku")
@click.option("--view", default="", help="Which view; default: the one that was decided.")
@click.option("--campaign", default="", help="The decision about a final of this campaign; default: about a mask.")
@click.option("--scene", default="", help="Which scene of the campaign; default: the one that was decided.")
@click.option("--root", default=None, help="Catalog folder or s3://bucket/prefix.")
@click.option("--go", is_flag=True, help="Run the line for this SKU at once.")
@click.pass_context
def review_undo(
    context: click.Context, sku: str, view: str, campaign: str, scene: str, root: str | None, go: bool
) -> None:
    """Take the decision about SKU back: what the machine found and said counts again."""
    chosen = root or (context.parent.params["root"] if context.parent else "catalog")
    _undo(chosen, sku, view, campaign, scene, go)


@command
def _undo(root: str, sku: str, view: str, campaign: str, scene: str, go: bool) -> int:
    from catalog_assets.final_reviews import FinalName, undo_final
    from catalog_assets.reviews import undo

    if scene and not campaign:
        raise click.UsageError("--scene is about a final: name its --campaign too.")
    store = _store(root)
    key, _, removed = undo_final(store, FinalName(sku, campaign, scene, view)) if campaign else undo(store, sku, view)
    for file in removed:
        _say(f"removed: {_at(root, file)}")
    return _go_on(root, key, go, [campaign] if campaign else [])


def _tell_quarantined(record: Quarantined) -> None:
    reason = record.rejection
    _say(f"{record.sku}  [{record.line} / {reason.stage} / {reason.code}, since {record.since}]")
    _say(f"  {reason.message}")
    _say(f"  {reason.hint}")


@cli.command()
@click.argument("sku")
@root_option
@command
def trace(sku: str, root: str) -> int:
    """Everything known of one SKU, stage by stage: picture, record, and what decided."""
    from catalog_assets.refresh import RefreshError
    from catalog_assets.trace import trace as trace_sku
    from catalog_assets.trace import write_trace_page

    store, campaigns = _store(root), _campaigns()
    found = trace_sku(store, campaigns, sku)
    if not found.known:
        near = f" Did you mean {' or '.join(found.near)}?" if found.near else ""
        raise RefreshError(f"No SKU named {sku} is known in {root}.{near}")
    click.echo(found.as_text())
    click.echo(f"page: {root.rstrip('/')}/{write_trace_page(store, found)}")
    return DONE


@cli.group(invoke_without_command=True)
@root_option
@click.pass_context
def models(context: click.Context, root: str) -> None:
    """The engines that can be chosen, the weights on disk, and what their licences allow."""
    if context.invoked_subcommand is None:
        _list_models(root)


@command
def _list_models(root: str) -> int:
    from catalog_assets.models import engine_table, known, weights_table

    engines, store = _engines(), _store_if_any(root)
    for line in [*engine_table(engines, store).splitlines(), "", *weights_table(known(engines.models)).splitlines()]:
        _say(line)
    return DONE


@models.command("fetch")
@click.argument("names", nargs=-1)
@command
def fetch_models(names: Sequence[str]) -> int:
    """Download weights, as the registry pins them; without a NAME all that the configured engines are built on.

    A download that was interrupted goes on where it stopped.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from catalog_assets.environment import read_environment
    from catalog_assets.models import fetch_weights, needed_weights

    chosen = list(names) or needed_weights(_engines(), _campaigns().active.values())
    if not chosen:
        _say("The engines in use need no weights.")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        for name in chosen:
            bar = bars.add_task(f"fetching {name}", total=None)

            def show(done: int, total: int, bar: TaskID = bar) -> None:
                bars.update(bar, completed=done, total=total)

            _say(fetch_weights(name, read_environment(), show))
    return DONE


@cli.command("train-cutout")
@root_option
@click.option(
    "--pairs",
    type=click.Path(exists=True, file_okay=False),
    help="Folder of <name>.<jpg|png|...> with <name>.matte.png beside it; one folder a product inside it, if you like.",
)
@click.option("--steps", type=click.IntRange(1, 50_000), help="Default: 10 a pair, at least 200, at most 2000.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0, 2**31), help="Another seed, other weights."
)
@click.option("--revert", is_flag=True, help="Instead: back to the shipped weights.")
@command
def train_cutout(root: str, pairs: str | None, steps: int | None, seed: int, revert: bool) -> int:
    """Train the cut-out net further on the shop's own pictures; used from then on if it is better at them."""
    from catalog_assets.train_cutout import Wish
    from catalog_assets.train_cutout import train_cutout as train
    from resources.matting.shop_weights import revert as go_back
    from resources.progress import Progress

    store = _store(root)
    if revert:
        done = go_back(store)
        _say(
            "Back to the shipped weights; the next run uses them."
            if done
            else "The shipped weights are in use already."
        )
        return DONE
    wish = Wish(Path(pairs) if pairs else None, steps, seed)
    found = train(store, _engines(), wish, Progress(show=sys.stderr.isatty()).bar)
    for one in found.left_out[:PROBLEMS_SHOWN]:
        _say(f"left out: {one.name}: {one.reason.code}: {one.reason.message} {one.reason.hint}")
    if len(found.left_out) > PROBLEMS_SHOWN:
        _say(f"left out: {len(found.left_out) - PROBLEMS_SHOWN} more")
    for line in found.as_lines():
        _say(line)
    return DONE if found.installed else SOME_STOPPED


@cli.command()
@command
def campaigns() -> int:
    """The campaigns, and campaign files that had to be left out."""
    from datetime import UTC, datetime

    from catalog_assets.routes import in_words

    found = _campaigns()
    now, usual = datetime.now(UTC), _engines().scenes_name()
    for campaign in found.active.values():
        limited = campaign.first_day or campaign.last_day
        dates = f"{campaign.first_day or 'always'} to {campaign.last_day or 'open'}" if limited else "all year"
        state = "active" if campaign.is_active(now) else "not in season"
        period = f", period {campaign.last_period(now)}" if campaign.rotation != "none" else ""
        scenes = ", ".join(scene.name for scene in campaign.scenes)
        _say(
            f"{campaign.name}: {campaign.title} ({dates}, {state}{period}); scenes {scenes}; "
            f"schedule {campaign.schedule or 'none'} {campaign.timezone}; for {', '.join(campaign.marketplaces)}; "
            f"{in_words(campaign, usual)}"
        )
    for name in found.archived:
        click.echo(f"{name}: archived")
    return SOME_STOPPED if found.problems else DONE


@cli.command()
@root_option
@command
def costs(root: str) -> int:
    """What an accepted picture costs, how much was wasted, and what is left of each campaign's budget."""
    from catalog_assets.cost_report import costs as cost_report

    found = cost_report(_store(root), _campaigns())
    click.echo(found.as_text())
    broken = found.damaged or any(account.problem for account in found.accounts)
    return SOME_STOPPED if broken else DONE


@cli.command()
@command
def marketplaces() -> int:
    """The marketplaces, what their main picture is, who exports there, and rules files that cannot be used."""
    from resources.marketplaces.rule_files import load_rules
    from resources.marketplaces.rules import SLOTS, canvas

    book, active = load_rules(), _campaigns().active
    for name, rules in book.rules.items():
        width, height = canvas(rules.slots.main, rules.slots.main.render.side)
        users = [campaign for campaign, one in active.items() if name in one.marketplaces]
        refused = [slot for slot in SLOTS if not rules.slot(slot).allowed.value]
        _say(
            f"{name}: {rules.title}; main picture up to {width} x {height}, background "
            f"{rules.slots.main.background.required}; files {', '.join(rules.feed.manifests) or 'list of pictures'}; "
            f"campaigns {', '.join(users) or 'none'}" + (f"; takes no {', '.join(refused)}" if refused else "")
        )
        if rules.provenance.ai_declared:
            _say(f"  AI: {rules.provenance.ai_declared}")
    return SOME_STOPPED if book.problems else DONE


def main() -> None:
    """Entry point. A path with odd bytes must not break the output."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    cli(prog_name="catalog")


if __name__ == "__main__":
    main()
