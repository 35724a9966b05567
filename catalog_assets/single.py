"""Single pictures from the command line: cut out, judge, comply. Results are plain JSON-ready values."""

from __future__ import annotations

import csv
import errno
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import cpu_count
from pathlib import Path
from typing import Any

from catalog_assets.models import known
from catalog_assets.settings import SettingsError
from resources.engines import CutOuts, Engines
from resources.imaging.alpha import make_cutout, with_alpha
from resources.imaging.correction import GENTLE, OFF, Correction, CorrectionLimits, apply, estimate
from resources.imaging.decode import Limits, Photo, decode_photo
from resources.imaging.encode import png_rgba, preview
from resources.kept import Kept
from resources.marketplaces.rules import Slot
from resources.matting.engine import Matte
from resources.matting.explain import explain_panel
from resources.matting.gate import default_thresholds, judge_matte
from resources.matting.given import bad_matte, read_matte
from resources.matting.measures import own_alpha_measures
from resources.matting.refine import EdgeRefiner
from resources.quality.printed_text import PrintedText, read_lines
from resources.quality.witness import Witness
from resources.store import CatalogStore
from resources.verdicts import INTERNAL_ERROR, NEEDS_REVIEW, Rejection, Verdict

# A final or a mask is judged at its own size, not at that of a photo: no lower limit but that there is something.
ANY_PICTURE = Limits(min_side=16)
# What the name of one file brings about, as opposed to a full disk or a folder that nobody may write to.
_ONE_FILES_TROUBLE = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}
_KEPT_ORIGINALS = 16  # of a table of pairs
# A single cut-out lies exactly over its photo, so that photo is not turned.
SAME_GEOMETRY = replace(GENTLE, straighten=0)
CORRECTIONS = {"off": OFF, "gentle": SAME_GEOMETRY, "straighten": GENTLE}


def read_picture(path: Path, limits: Limits) -> Photo | Rejection:
    """A picture from a file, or why it cannot be used. A missing or unreadable file is a rejection too."""
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        return Rejection(
            code="not_found" if isinstance(error, FileNotFoundError) else "unreadable_file",
            message=f"The file could not be read: {getattr(error, 'strerror', None) or error}.",
            hint="Check the name and that you may read it.",
        )
    return decode_photo(data, limits)


def cut_out_files(
    photos: Sequence[Path],
    folder: Path,
    engines: Engines,
    correction: CorrectionLimits = SAME_GEOMETRY,
    *,
    explain: bool = False,
    store: CatalogStore | None = None,
) -> Iterator[dict[str, Any]]:
    """Cut out each photo into `folder/<stem>.png`: file, status, engine, confidence, seconds, reason, in order.

    correction: how far photos are corrected first; without straightening the cut-out has the photo's own geometry.
    explain: also write a panel, `folder/<stem>.explain.webp`, for each photo that could be read.
    store: the catalog whose own weights are used, if it has any; weights names them where they have a part.
    Whatever happens to one photo costs no other. Raises SettingsError for an unknown engine.
    """
    cut_outs = known(lambda: engines.cut_outs(store))
    folder.mkdir(parents=True, exist_ok=True)
    sources = {photo.resolve() for photo in photos}
    taken: set[str] = set()
    jobs = []
    for photo in photos:
        target = folder / f"{photo.stem}.png"
        panel = folder / f"{photo.stem}.explain.webp" if explain else None
        jobs.append(_Job(photo, target, panel, _name_problem(target, panel, taken, sources)))
        taken.add(str(target).casefold())
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(lambda job: _cut_out_file(job, cut_outs, correction), jobs)


@dataclass(frozen=True, slots=True)
class _Job:
    """One photo to cut out. panel: where its explanation goes, None if nobody asked. problem: why it is left alone."""

    photo: Path
    target: Path
    panel: Path | None
    problem: Rejection | None


def _name_problem(target: Path, panel: Path | None, taken: set[str], sources: set[Path]) -> Rejection | None:
    """Why a cut-out must not be written under this name: another one, or somebody's photo, would be lost."""
    if str(target).casefold() in taken:
        return Rejection(
            "duplicate_name",
            "Another photo of this call has the same name up to its extension, and would be overwritten.",
            "Rename one of them, or give them different output folders.",
        )
    if target.resolve() in sources or (panel is not None and panel.resolve() in sources):
        return Rejection(
            "overwrites_photo",
            "The cut-out would be written over a photo of this call.",
            "Give another output folder with -o.",
        )
    return None


def _cut_out_file(job: _Job, cut_outs: CutOuts, correction: CorrectionLimits) -> dict[str, Any]:
    """One line of the answer; what goes wrong in a way that nobody foresaw is a line too."""
    started = time.perf_counter()
    try:
        return _cut_out(job, cut_outs, correction, started)
    except Exception as error:
        everybodys = isinstance(error, OSError) and error.errno not in _ONE_FILES_TROUBLE
        if everybodys or os.environ.get("CATALOG_DEBUG"):
            raise
        return _rejected_line(job.photo, cut_outs.engine, _unforeseen(error), started)


def _cut_out(job: _Job, cut_outs: CutOuts, correction: CorrectionLimits, started: float) -> dict[str, Any]:
    engine = cut_outs.engine
    original = job.problem or read_picture(job.photo, Limits())
    if isinstance(original, Rejection):
        return _rejected_line(job.photo, engine, original, started)
    picture, corrected = _corrected(original, correction)
    name, matte = _matte(picture, engine)
    verdict = judge_matte(matte.measures, default_thresholds(matte.made_by))
    rgba = cutout_of(picture, matte.alpha)
    notes = [*original.notes, *corrected.notes, *matte.notes]
    if job.panel is not None:
        panel = explain_panel(
            picture.rgb,
            rgba,
            matte,
            verdict,
            title=job.photo.name,
            trimap=None if picture.alpha is not None else EdgeRefiner().trimap(picture.rgb, matte.alpha > 127),
            original=original.rgb if corrected.changes else None,
            notes=notes,
        )
        job.panel.write_bytes(preview(panel, max(panel.shape)))
    if matte.alpha.any():
        job.target.write_bytes(png_rgba(rgba))
    return {
        "file": str(job.photo),
        "status": verdict.decision,
        "engine": name,
        "confidence": round(verdict.score, 4),
        "seconds": round(time.perf_counter() - started, 3),
        "reason": "" if verdict.accepted else verdict.code if verdict.code != NEEDS_REVIEW else verdict.decided_by,
        "message": verdict.message,
        "hint": verdict.hint,
        "weights": "" if picture.alpha is not None else cut_outs.weights,
        "notes": notes,
        "correction": corrected.as_facts(),
    }


def _unforeseen(error: Exception) -> Rejection:
    said = " ".join(str(error).split())[:200]
    if isinstance(error, OSError):
        return Rejection(
            "not_written",
            f"The cut-out could not be written under the photo's name: {error.strerror or said}.",
            "Rename the photo.",
        )
    if isinstance(error, MemoryError):
        return Rejection("out_of_memory", "There was not enough memory for this photo.", "Close other programs.")
    return Rejection(
        INTERNAL_ERROR,
        f"The program failed on this photo: {type(error).__name__}: {said}",
        "Report it; `catalog --debug cutout` shows where.",
    )


def _corrected(photo: Photo, limits: CorrectionLimits) -> tuple[Photo, Correction]:
    """The photo as the line would correct it within these limits. One that came as a cut-out is left as it is."""
    correction = Correction() if photo.alpha is not None else estimate(photo.rgb, limits)
    return replace(photo, rgb=apply(photo.rgb, correction)), correction


def _matte(picture: Photo, engine: Any) -> tuple[str, Matte]:
    """The matte of a photo: its own transparency where it has one, else what the engine finds."""
    if picture.alpha is not None:
        return "own_alpha", Matte(picture.alpha, own_alpha_measures(picture.alpha))
    return engine.name, engine.segment([picture.rgb])[0]


def cutout_of(picture: Photo, alpha: Any) -> Any:
    """HxWx4 with straight alpha. A file that is a cut-out already keeps its own colours, as in the product line."""
    return with_alpha(picture.rgb, alpha) if picture.alpha is not None else make_cutout(picture.rgb, alpha)


def _rejected_line(photo: Path, engine: Any, why: Rejection, started: float) -> dict[str, Any]:
    return {
        "file": str(photo),
        "status": "rejected",
        "engine": engine.name,
        "confidence": 0.0,
        "seconds": round(time.perf_counter() - started, 3),
        "reason": why.code,
        "message": why.message,
        "hint": why.hint,
        "weights": "",
        "notes": [],
        "correction": {},
    }


class _Originals:
    """The photos that finals are judged against and their mattes, made once each however many finals there are."""

    def __init__(self, engines: Engines, correction: CorrectionLimits, store: CatalogStore | None) -> None:
        self._engines, self._correction, self._store = engines, correction, store
        self._photos: Kept[Path, Photo | Rejection] = Kept(_KEPT_ORIGINALS)
        self._mattes: Kept[tuple[Path, Path | None], tuple[Any, Verdict | None] | Rejection] = Kept(_KEPT_ORIGINALS)

    def photo(self, file: Path) -> Photo | Rejection:
        """The photo as the final's maker saw it."""
        return self._photos.get(file, lambda: self._read(file))

    def matte(self, file: Path, photo: Photo, given: Path | None) -> tuple[Any, Verdict | None] | Rejection:
        """Its alpha (HxW uint8), and what the gate says of one that nobody gave, where it doubts."""
        return self._mattes.get((file, given), lambda: self._alpha(photo, given))

    def _read(self, file: Path) -> Photo | Rejection:
        photo = read_picture(file, ANY_PICTURE)
        return photo if isinstance(photo, Rejection) else _corrected(photo, self._correction)[0]

    def _alpha(self, photo: Photo, given: Path | None) -> tuple[Any, Verdict | None] | Rejection:
        if given is not None:
            alpha = _given_matte(photo, given)
            return alpha if isinstance(alpha, Rejection) else (alpha, None)
        found = _matte(photo, known(lambda: self._engines.matting_engine(self._store)))[1]
        gate = judge_matte(found.measures, default_thresholds(found.made_by))
        return found.alpha, None if gate.accepted else gate


def judge_files(
    original: Path,
    final: Path,
    matte: Path | None,
    engines: Engines,
    correction: CorrectionLimits = OFF,
    *,
    text: bool = True,
    store: CatalogStore | None = None,
) -> dict[str, Any]:
    """The verdict on one pair: verdict, score, measures with thresholds, decided_by, message, hint.

    correction: what was done to the original on the way to the final, and is no damage. Off: it is compared as it is.
    text: read what is printed on the product, too. store: the catalog whose own weights are used, if it has any.
    Raises SettingsError for engines that cannot be used.
    """
    return _judge_pair(original, final, matte, _Originals(engines, correction, store), _witnesses(engines, text))


def _witnesses(engines: Engines, text: bool) -> tuple[Witness, ...]:
    """Those that are configured, and the reader of printed text exactly where it is wanted."""
    others = [one for one in known(engines.judge_witnesses) if one.name != PrintedText.name]
    return (*others, PrintedText()) if text else tuple(others)


def _judge_pair(
    original: Path, final: Path, matte: Path | None, originals: _Originals, witnesses: Sequence[Witness]
) -> dict[str, Any]:
    from resources.quality.fidelity import judge
    from resources.quality.thresholds import shipped_thresholds

    photo = originals.photo(original)
    picture = read_picture(final, ANY_PICTURE)
    if isinstance(photo, Rejection):
        return _unusable("original", photo)
    if isinstance(picture, Rejection):
        return _unusable("final", picture)
    found = originals.matte(original, photo, matte)
    if isinstance(found, Rejection):
        return _judged(Verdict("review", 0.0, (), "matte", found.code, f"matte: {found.message}", found.hint))
    alpha, doubt = found
    verdict = judge(photo.rgb, alpha, picture.rgb, placement=None, thresholds=shipped_thresholds(), witnesses=witnesses)
    if doubt is not None and verdict.accepted:  # what the matte missed was not compared
        message = f"The product could not be cut out of the original with certainty. {doubt.message}"
        return _judged(
            replace(
                verdict,
                decision="review",
                score=0.49,
                decided_by="matte",
                code=NEEDS_REVIEW,
                message=message,
                hint="Give its matte with --matte.",
            )
        )
    return _judged(verdict)


def _given_matte(photo: Photo, matte: Path) -> Any:
    """The alpha of the original (HxW uint8) from a file, or a Rejection."""
    try:
        data = matte.read_bytes()
    except (OSError, ValueError) as error:
        return bad_matte(f"The file could not be read: {getattr(error, 'strerror', None) or error}.")
    return read_matte(data, photo.rgb.shape[:2])


def _unusable(name: str, reason: Rejection) -> dict[str, Any]:
    return _judged(Verdict("rejected", 0.0, (), name, reason.code, f"{name}: {reason.message}", reason.hint))


def _judged(verdict: Verdict) -> dict[str, Any]:
    content = verdict.as_dict()
    return {"verdict": content.pop("decision"), **content}


def judge_pairs(
    table: Path,
    base: Path | None,
    engines: Engines,
    correction: CorrectionLimits = OFF,
    *,
    text: bool = True,
    store: CatalogStore | None = None,
) -> Iterator[dict[str, Any]]:
    """A verdict for each row of a CSV (final, original, matte), in order, on all cores.

    final is relative to the file, original and matte to `base`. Rows of the same original best stand together: it is
    cut out and read once then. Raises SettingsError for a table without these columns, and
    for engines that cannot be used.
    """
    here = table.parent
    rows = _rows(table)
    originals, witnesses = _Originals(engines, correction, store), _witnesses(engines, text)

    def one(row: dict[str, str]) -> dict[str, Any]:
        matte = (base or here) / row["matte"] if row.get("matte") else None
        # An empty cell names the folder, which is no picture: that row is rejected, and says so.
        original, final = row["original"] or "", row["final"] or ""
        return {"final": final, **_judge_pair((base or here) / original, here / final, matte, originals, witnesses)}

    with ThreadPoolExecutor(max_workers=cpu_count() or 1) as pool:
        yield from pool.map(one, rows)


def _rows(table: Path) -> list[dict[str, str]]:
    """The rows of a table of pairs. Raises SettingsError."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"final", "original"} - set(reader.fieldnames or ())
            if missing:
                raise SettingsError(
                    f"{table.name}: no column {', '.join(sorted(missing))}; final, original, matte expected"
                )
            return list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{table.name}: not a CSV file in UTF-8: {error}") from error


def comply_file(
    file: Path, marketplace: str, slot: Slot, *, text: bool = True, original: Path | None = None
) -> dict[str, Any]:
    """Every rule of a marketplace's slot with its measured value. Raises SettingsError for an unknown marketplace.

    text: also read a main picture, where added writing is forbidden. original: a photo of the product; writing on the
    product that is not there was added, too.
    """
    from resources.marketplaces.compliance import check
    from resources.marketplaces.rule_files import load_rules

    book = load_rules()
    if marketplace not in book.rules:
        broken = "; ".join(str(problem) for problem in book.problems if problem.file.stem == marketplace)
        raise SettingsError(broken or f"no rules for marketplace {marketplace!r}; known are {', '.join(book.rules)}")
    reader = read_lines if text and slot == "main" else None
    known_text = _lines_of(original) if reader and original else None
    verdict = check(file.read_bytes(), file.name, book.rules[marketplace], slot, reader=reader, known_text=known_text)
    result = _judged(verdict)
    return {"file": str(file), "marketplace": marketplace, "slot": slot, **result}


def _lines_of(original: Path) -> list[str]:
    """What is written in a photo. Raises SettingsError if it cannot be used."""
    photo = decode_photo(original.read_bytes(), ANY_PICTURE)
    if isinstance(photo, Rejection):
        raise SettingsError(f"{original.name}: {photo.message} {photo.hint}")
    return [line.text for line in read_lines(photo.rgb)]
