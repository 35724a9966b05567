"""Pictures with known mattes through a matting engine: what it measured, how right it was, what it cost.

Results are kept in a file that is named after the engine's code and limits, so that a second look costs nothing and a
change of either measures again.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import multiprocessing
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.composites import Plan, load_sprites, make, plan
from benchmarks.metrics import RIGHT, Scores, score
from catalog_assets.single import SAME_GEOMETRY
from resources.engines import Engines
from resources.imaging.correction import apply, estimate
from resources.imaging.decode import Photo, decode_photo
from resources.imaging.encode import read_grey
from resources.matting import thresholds
from resources.matting.gate import judge_matte
from resources.verdicts import Verdict

CACHE = Path(".cache/benchmarks")
# Mattes that some program made, or that nobody knows where they come from, are no truth.
_NO_TRUTH = ("algorithm-made", "unknown-binary")


@dataclass(frozen=True)
class Case:
    """One picture to be cut out. group: what its sprites or photos have in common and must not be split over halves.

    A photo has file and matte (one of them without: ""); a composite has a plan over the sprites of `sprites`.
    """

    name: str
    kind: str
    group: str
    file: str = ""
    matte: str = ""
    plan: Plan | None = None
    sprites: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What came of one case. scores: None without a truth. seconds: CPU of correction and engine, one thread.

    megapixels: of the photo.
    """

    name: str
    kind: str
    group: str
    negative: bool
    measures: dict[str, float]
    scores: Scores | None
    seconds: float
    megapixels: float

    @property
    def right(self) -> bool:
        """True if the right thing was cut out; never in a picture without a product."""
        return not self.negative and self.scores is not None and self.scores.iou >= RIGHT

    def verdict(self, limits: Any = None) -> Verdict:
        """What the gate says of it, with the shipped limits of the embedded engine unless others are given."""
        return judge_matte(self.measures, limits)


def photo_cases(data: Path) -> list[Case]:
    """Photos of a folder with manifest.csv (file, matte, gt_type) whose mattes can be trusted."""
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        return [
            Case(
                Path(row["file"]).stem,
                row["gt_type"],
                row["file"],
                str(data / row["file"]),
                str(data / row["matte"]),
                tags=tuple(row.get("tags", "").split(",")),
            )
            for row in csv.DictReader(lines)
            if row["matte"] and row["gt_type"] not in _NO_TRUTH
        ]


def composite_cases(folders: Sequence[Path], count: int, every: int = 1) -> list[Case]:
    """Composites over the sprites of some folders; every n-th of them."""
    sprites = load_sprites(folders)
    if not sprites:
        raise ValueError(f"no sprites (<product>--<number>.webp) in {', '.join(str(folder) for folder in folders)}")
    names = tuple(str(folder) for folder in folders)
    return [
        Case(
            f"{one.number:04d}_{one.kind}" + (f"_{sprites[one.sprite].name}" if one.sprite >= 0 else ""),
            one.kind,
            sprites[one.sprite].product if one.sprite >= 0 else f"negative {one.number}",
            plan=one,
            sprites=names,
        )
        for one in plan(sprites, count)[::every]
    ]


def picture_of(case: Case) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The photo (HxWx3 uint8) as the cut-out command hands it to the engine, and its true matte (HxW float32)."""
    if case.plan is not None:
        composite = make(case.plan, _sprites(case.sprites))
        return composite.photo, composite.alpha
    decoded = decode_photo(Path(case.file).read_bytes())
    if not isinstance(decoded, Photo):
        raise ValueError(f"{case.file}: {decoded.message}")
    return decoded.rgb, read_grey(Path(case.matte).read_bytes()).astype(np.float32) / 255


@cache
def _sprites(folders: tuple[str, ...]) -> list[Any]:
    return load_sprites([Path(folder) for folder in folders])


@cache
def _engine(name: str) -> Any:
    return Engines(matting=name).matting_engine()


def segmented(case: Case, engine: str) -> tuple[NDArray[np.uint8], NDArray[np.float32], Any]:
    """Corrected photo, truth, and the engine's matte."""
    photo, truth = picture_of(case)
    corrected = apply(photo, estimate(photo, SAME_GEOMETRY))
    return corrected, truth, _engine(engine).segment([corrected])[0]


def measure(case: Case, engine: str) -> Result:
    """Cut one case out and score it."""
    cv2.setNumThreads(1)
    photo, truth = picture_of(case)
    started = time.process_time()
    corrected = apply(photo, estimate(photo, SAME_GEOMETRY))
    matte = _engine(engine).segment([corrected])[0]
    seconds = time.process_time() - started
    scores = score(matte.alpha.astype(np.float32) / 255, truth)
    size = round(truth.size / 1e6, 4)
    return Result(case.name, case.kind, case.group, not truth.any(), matte.measures, scores, round(seconds, 3), size)


def results(
    cases: Sequence[Case], engine: str, advance: Callable[[], None], *, processes: int = 1, folder: Path = CACHE
) -> list[Result]:
    """Results of all cases, in their order; those that are not in the cache yet are measured and put there.

    advance: called once for each case. processes: how many work at once; figures are CPU seconds all the same.
    """
    file = folder / f"{engine.replace(',', '_').replace('/', '_')}-{state(engine)}.jsonl"
    known = _read(file)
    keys = {_key(case): case for case in cases}
    for key in keys:
        if key in known:
            advance()
    missing = [(key, case, engine) for key, case in keys.items() if key not in known]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as lines:
            for key, result in _measured(missing, processes):
                known[key] = result
                lines.write(json.dumps({"key": key, **asdict(result)}) + "\n")
                lines.flush()
                advance()
    return [known[key] for key in keys]


def _measured(jobs: Sequence[tuple[str, Case, str]], processes: int) -> Any:
    if processes == 1:
        yield from map(_job, jobs)
        return
    # Fresh processes: a fork would take over OpenCV's threads in whatever state they are.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(_job, job) for job in jobs]):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _job(job: tuple[str, Case, str]) -> tuple[str, Result]:
    key, case, engine = job
    return key, measure(case, engine)


def _read(file: Path) -> dict[str, Result]:
    found = {}
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            entry["scores"] = Scores(**entry["scores"]) if entry["scores"] else None
            key = entry.pop("key")
            found[key] = Result(**entry)
    return found


def _key(case: Case) -> str:
    """A name for what is measured: the case, and the bytes of the picture it is made from."""
    parts = [json.dumps(asdict(case), sort_keys=True)]
    if case.plan is None:
        parts.append(_digest((Path(case.file), Path(case.matte))))
    else:
        parts.append(_drawing(case.sprites))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


@cache
def _drawing(folders: tuple[str, ...]) -> str:
    here = Path(__file__).parent
    files = [path for folder in folders for path in sorted(Path(folder).glob("*--*.webp"))]
    return _digest((here / "composites.py", here / "backgrounds.py", *files))


def _digest(files: Sequence[Path]) -> str:
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return hashlib.sha256("".join(sums).encode()).hexdigest()[:16]


@cache
def state(engine: str) -> str:
    """A short name for everything an engine's answer depends on: code, weights and limits, and photo correction."""
    entry = engine if engine in ("classical", "embedded") else "engines"
    packages = Path(thresholds.__file__).parent.parent.parent
    start = [packages / "resources" / "matting" / f"{entry}.py", packages / "resources" / "imaging" / "correction.py"]
    limits = json.dumps(thresholds.shipped_thresholds().limits_of(engine), sort_keys=True)
    parts = _digest(_imported(start, packages)) + limits + _engine(engine).revision
    return hashlib.sha256(parts.encode()).hexdigest()[:12]


def _imported(start: Sequence[Path], packages: Path) -> list[Path]:
    """These files and all of ours that they import, sorted."""
    found: set[Path] = set()
    waiting = list(start)
    while waiting:
        file = waiting.pop()
        if file in found or not file.exists():
            continue
        found.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("resources."):
                waiting.append(packages / f"{(node.module or '').replace('.', '/')}.py")
    return sorted(found)


def seconds_a_megapixel(found: Sequence[Result]) -> float:
    """CPU seconds of all of them by all their megapixels."""
    return sum(result.seconds for result in found) / sum(result.megapixels for result in found)


def by_kind(found: Sequence[Result]) -> dict[str, list[Result]]:
    """Results by kind, in the order in which kinds first appear."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in found:
        groups[result.kind].append(result)
    return dict(groups)


def peak_megabytes() -> float:
    """Peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
