"""Single pictures from the command line: cut out, compose, judge, comply. Results are plain JSON-ready values."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from os import cpu_count
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from catalog_assets.settings import SettingsError
from resources.engines import Engines
from resources.imaging.alpha import make_cutout
from resources.imaging.decode import Limits, Photo, decode_photo, read_header
from resources.imaging.encode import jpeg, png_rgba, webp_lossless
from resources.matting.engine import Matte
from resources.matting.gate import MatteThresholds, judge_matte
from resources.matting.measures import own_alpha_measures
from resources.verdicts import NEEDS_REVIEW, Rejection, Verdict

T = TypeVar("T")

# A final or a mask is judged at its own size, not at that of a photo: no lower limit but that there is something.
ANY_PICTURE = Limits(min_side=16)
# A matte may have been made at another size than the photo, but not of another shape.
ASPECT_TOLERANCE = 0.02


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


def cut_out_files(photos: Sequence[Path], folder: Path, engines: Engines) -> Iterator[dict[str, Any]]:
    """Cut out each photo into `folder/<stem>.png`: file, status, engine, confidence, seconds, reason, in order.

    Raises SettingsError for an unknown engine.
    """
    engine = _known(engines.matting_engine)
    folder.mkdir(parents=True, exist_ok=True)
    sources = {photo.resolve() for photo in photos}
    taken: set[str] = set()
    jobs = []
    for photo in photos:
        target = folder / f"{photo.stem}.png"
        jobs.append((photo, target, _name_problem(target, taken, sources)))
        taken.add(str(target).casefold())
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(lambda job: _cut_out_file(job[0], job[1], job[2], engine), jobs)


def _known(engine: Callable[[], T]) -> T:
    """An engine as it is configured. Raises SettingsError, naming the known ones, if there is none of that name."""
    try:
        return engine()
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _name_problem(target: Path, taken: set[str], sources: set[Path]) -> Rejection | None:
    """Why a cut-out must not be written under this name: another one, or somebody's photo, would be lost."""
    if str(target).casefold() in taken:
        return Rejection(
            "duplicate_name",
            "Another photo of this call has the same name up to its extension, and would be overwritten.",
            "Rename one of them, or give them different output folders.",
        )
    if target.resolve() in sources:
        return Rejection(
            "overwrites_photo",
            "The cut-out would be written over a photo of this call.",
            "Give another output folder with -o.",
        )
    return None


def _cut_out_file(photo: Path, target: Path, problem: Rejection | None, engine: Any) -> dict[str, Any]:
    started = time.perf_counter()
    picture = problem or read_picture(photo, Limits())
    if isinstance(picture, Rejection):
        return _cutout_line(photo, "rejected", engine.name, 0.0, started, picture.code, picture.message, picture.hint)
    name, matte = _matte(picture, engine)
    verdict = judge_matte(matte.measures, MatteThresholds())
    if matte.alpha.any():
        target.write_bytes(png_rgba(_cutout(picture, matte.alpha)))
    reason = "" if verdict.accepted else verdict.code if verdict.code != NEEDS_REVIEW else verdict.decided_by
    return _cutout_line(photo, verdict.decision, name, verdict.score, started, reason, verdict.message, verdict.hint)


def _matte(picture: Photo, engine: Any) -> tuple[str, Matte]:
    """The matte of a photo: its own transparency where it has one, else what the engine finds."""
    if picture.alpha is not None:
        return "own_alpha", Matte(picture.alpha, own_alpha_measures(picture.alpha))
    return engine.name, engine.segment([picture.rgb])[0]


def _cutout(picture: Photo, alpha: Any) -> Any:
    """HxWx4 with straight alpha. A file that is a cut-out already keeps its own colours, as in the product line."""
    return np.dstack([picture.rgb, alpha]) if picture.alpha is not None else make_cutout(picture.rgb, alpha)


def _cutout_line(
    photo: Path, status: str, engine: str, confidence: float, started: float, reason: str, message: str, hint: str
) -> dict[str, Any]:
    return {
        "file": str(photo),
        "status": status,
        "engine": engine,
        "confidence": round(confidence, 4),
        "seconds": round(time.perf_counter() - started, 3),
        "reason": reason,
        "message": message,
        "hint": hint,
    }


def compose_file(cutout: Path, scene: str, seed: int, output: Path, engines: Engines) -> dict[str, Any]:
    """Put a cut-out into a scene and write the picture.

    Raises SettingsError for an unknown scene, extension or engine, or if the output is the cut-out itself.
    """
    from resources.scenes.engine import SceneJob, scene_seed
    from resources.scenes.templates import load_templates

    templates = load_templates()
    if scene not in templates:
        raise SettingsError(f"no scene named {scene!r}; known are {', '.join(sorted(templates))}")
    writers = {".png": _png, ".webp": webp_lossless, ".jpg": jpeg, ".jpeg": jpeg}
    if output.suffix.lower() not in writers:
        raise SettingsError(f"{output.name}: the name must end with {', '.join(writers)}")
    if output.resolve() == cutout.resolve():
        raise SettingsError(f"{output.name} is the cut-out itself, and would be overwritten; give another name with -o")
    engine = _known(engines.scene_engine)
    picture = read_picture(cutout, ANY_PICTURE)
    if isinstance(picture, Rejection):
        return {"file": str(cutout), "status": "rejected", "reason": picture.code, "message": picture.message}
    if picture.alpha is None:
        return {
            "file": str(cutout),
            "status": "rejected",
            "reason": "no_transparency",
            "message": "This picture has no transparent border, so it is no cut-out. Make one with `catalog cutout`.",
        }
    job = SceneJob(_cutout(picture, picture.alpha), templates[scene], scene_seed(cutout.stem, scene, seed))
    candidate = engine.compose([job])[0]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(writers[output.suffix.lower()](candidate.rgb))
    return {
        "file": str(output),
        "status": "made",
        "engine": engine.name,
        "scene": scene,
        "seed": seed,
        "notes": list(candidate.notes),
    }


def _png(rgb: Any) -> bytes:
    return png_rgba(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]))


def judge_files(original: Path, final: Path, matte: Path | None, engines: Engines) -> dict[str, Any]:
    """The verdict on one pair: verdict, score, measures with thresholds, decided_by, message, hint."""
    from resources.quality.fidelity import FidelityThresholds, judge

    photo = read_picture(original, ANY_PICTURE)
    picture = read_picture(final, ANY_PICTURE)
    if isinstance(photo, Rejection):
        return _unusable("original", photo)
    if isinstance(picture, Rejection):
        return _unusable("final", picture)
    doubt: Verdict | None = None
    alpha: Any
    if matte is None:
        found = _matte(photo, _known(engines.matting_engine))[1]
        alpha, gate = found.alpha, judge_matte(found.measures, MatteThresholds())
        doubt = None if gate.accepted else gate
    else:
        alpha = _given_matte(photo, matte)
    if isinstance(alpha, Rejection):
        return _judged(Verdict("review", 0.0, (), "matte", alpha.code, f"matte: {alpha.message}", alpha.hint))
    verdict = judge(photo.rgb, alpha, picture.rgb, placement=None, thresholds=FidelityThresholds())
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
        return _bad_matte(f"The file could not be read: {getattr(error, 'strerror', None) or error}.")
    header = read_header(data, ANY_PICTURE)
    if isinstance(header, Rejection):
        return _bad_matte(header.message)
    try:
        alpha = _grey(data)
    except Exception as error:  # decoders answer damaged files with nearly any exception
        return _bad_matte(f"The file could not be read: {error}.")
    (height, width), (wanted_height, wanted_width) = alpha.shape, photo.rgb.shape[:2]
    if abs(width * wanted_height / (height * wanted_width) - 1) > ASPECT_TOLERANCE:
        return _bad_matte(f"It has {width} x {height} pixels, but the original has {wanted_width} x {wanted_height}.")
    if alpha.shape != photo.rgb.shape[:2]:
        import cv2

        alpha = cv2.resize(alpha, photo.rgb.shape[1::-1], interpolation=cv2.INTER_AREA)
    return alpha


def _bad_matte(what: str) -> Rejection:
    return Rejection("bad_matte", what, "Give a grey or transparent PNG, as large as the upright original.")


def _grey(data: bytes) -> Any:
    """The transparency of a picture if it has any, else its grey levels; HxW uint8."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP", "TIFF"]) as image:
        if image.mode.startswith("I"):  # 16 bits a pixel; Pillow would cut them off instead of scaling them
            return (np.asarray(image).astype(np.float64) / 257).round().clip(0, 255).astype(np.uint8)
        if image.has_transparency_data:
            alpha = np.asarray(image.convert("RGBA").getchannel("A"), dtype=np.uint8)
            if alpha.min() < 255:
                return alpha
        return np.asarray(image.convert("L"), dtype=np.uint8)


def _unusable(name: str, reason: Rejection) -> dict[str, Any]:
    return _judged(Verdict("rejected", 0.0, (), name, reason.code, f"{name}: {reason.message}", reason.hint))


def _judged(verdict: Verdict) -> dict[str, Any]:
    content = verdict.as_dict()
    return {"verdict": content.pop("decision"), **content}


def judge_pairs(table: Path, base: Path | None, engines: Engines) -> Iterator[dict[str, Any]]:
    """A verdict for each row of a CSV (final, original, matte), in order, on all cores.

    final is relative to the file, original and matte to `base`. Raises SettingsError for a table without them.
    """
    here = table.parent
    rows = _rows(table)

    def one(row: dict[str, str]) -> dict[str, Any]:
        matte = (base or here) / row["matte"] if row.get("matte") else None
        # An empty cell names the folder, which is no picture: that row is rejected, and says so.
        original, final = row["original"] or "", row["final"] or ""
        return {"final": final, **judge_files((base or here) / original, here / final, matte, engines)}

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


def comply_file(file: Path, marketplace: str, slot: Any) -> dict[str, Any]:
    """Every rule of a marketplace's slot with its measured value. Raises SettingsError for an unknown marketplace."""
    from resources.marketplaces.compliance import check
    from resources.marketplaces.rules import load_rules

    rules = load_rules().rules
    if marketplace not in rules:
        raise SettingsError(f"no rules for marketplace {marketplace!r}; known are {', '.join(rules)}")
    result = _judged(check(file.read_bytes(), file.name, rules[marketplace], slot))
    return {"file": str(file), "marketplace": marketplace, "slot": slot, **result}


def engine_table(engines: Engines) -> str:
    """The engines by job, with the one in use marked."""
    from resources.matting.engines import MATTING_ENGINES
    from resources.scenes.engines import SCENE_ENGINES

    used = {_known(engines.matting_engine).name, _known(engines.scene_engine).name}
    lines = [f"profile: {engines.profile}"]
    for job, names in (("cut-out", MATTING_ENGINES), ("scenes", SCENE_ENGINES)):
        lines += [f"  {job}: {name}{' (in use)' if name in used else ''}" for name in names]
    lines.append("Embedded engines need no weights: nothing to download, no licence but the project's own.")
    return "\n".join(lines)
