"""Trains the project's own net further on a shop's cut-outs, and puts the new weights to use if they are better.

Pairs come from the catalog (photos as the mask stage saw them, masks that a person decided about or that the gate
accepted) and from a folder. What the weights are better at is told by products that they did not learn from.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from catalog_assets.context import RunContext
from catalog_assets.dossier import in_order
from catalog_assets.models import known
from catalog_assets.records import Record, made_from, product_folder, stored_records
from catalog_assets.sample_catalog import SAMPLE
from catalog_assets.settings import SettingsError, load_settings
from catalog_assets.stages.mask import OWN_ALPHA
from catalog_assets.stages.reviewed import DECISION, MASK
from resources.engines import Engines
from resources.imaging.alpha import Rgb
from resources.imaging.decode import decode_photo
from resources.imaging.encode import read_grey
from resources.matting.cutnet.shop import Plan, fine_tune, input_side, require_training, steps_for
from resources.matting.cutnet.shop_pairs import LeftOut, Pair, Source, distinct, folder_pairs, pair_of, refusal, split
from resources.matting.cutnet.shop_scores import (
    Agreement,
    Scored,
    agreement,
    mean_scores,
    objections,
    score_pairs,
)
from resources.matting.engines import built_on_own_net
from resources.matting.onnx_saliency import OnnxDetector
from resources.matting.shop_weights import (
    FILE,
    LICENCE,
    OWN_NET,
    Trained,
    entry_of,
    install,
    own_net_file,
    trained_weights,
    with_shop_weights,
)
from resources.store import CatalogStore, StoreError
from resources.verdicts import Rejection
from resources.weights import Models, digest

# A bar of so many steps: call what it gives with the number of steps done.
Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

# So many pictures show what a shop sells; more would only take memory (about 0.7 MB each).
MOST_PAIRS = 2000


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted. pairs: a folder beside the catalog's own. steps: None for as many as the pairs are worth."""

    pairs: Path | None = None
    steps: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. pairs: by source. left_out: those that could not be used. steps, device: of the training.

    before, after: the answers to the held-out pairs. reasons: why nothing was installed; installed: what was.
    unused: the configured engine, where the net has no part in it.
    """

    pairs: Mapping[Source, int]
    left_out: tuple[LeftOut, ...]
    steps: int
    device: str
    before: tuple[Scored, ...]
    after: tuple[Scored, ...]
    remembered: Agreement
    reasons: tuple[str, ...]
    installed: Trained | None
    unused: str

    def as_lines(self) -> Iterator[str]:
        """The outcome for a terminal."""
        yield f"{told(self.pairs)}; {len(self.before)} of them held out; {self.steps} steps on {self.device}"
        yield f"held out: {'':<18}before   after"
        old, new = mean_scores(self.before), mean_scores(self.after)
        for name, what in (("iou", "mean IoU"), ("right", "right (IoU >= 0.90)"), ("mae", "mean absolute error")):
            yield f"  {what:<24}{getattr(old, name):8.4f}{getattr(new, name):8.4f}"
        yield f"  {'boundary F':<24}{old.boundary:8.4f}{new.boundary:8.4f}"
        yield (
            f"sample photos: the same answer to {self.remembered.same} of the {self.remembered.sure} "
            "of which the shipped weights are sure"
        )
        yield from (f"not better: {reason}" for reason in self.reasons)
        if self.installed is None:
            yield "Nothing was installed: the weights in use stay."
            return
        yield f"installed: {self.installed.key} ({self.installed.in_words})"
        yield "The next run makes masks anew with it. Back to the shipped weights: catalog train-cutout --revert"
        if self.unused:
            yield f"It has no part in {self.unused}, the cut-out engine that is configured (CATALOG_MATTING_ENGINE)."


def train_cutout(store: CatalogStore, engines: Engines, wish: Wish, bar: Bar) -> Outcome:
    """Train on the catalog's pairs and those of a folder, compare, and install what is better.

    Raises SettingsError, one line that says what to do: packages or weights that are missing, too few pairs.
    Raises StoreError, OSError.
    """
    known(require_training)
    shipped = known(engines.models)
    current = known(lambda: _in_use(shipped, store))
    pairs, left_out = _gathered(store, engines, wish, bar)
    if refused := refusal(pairs):
        raise SettingsError(f"{refused}{_why_left_out(left_out)}")
    parts = split(pairs)
    steps = wish.steps or steps_for(len(parts.taught))
    plan = Plan(steps, wish.seed, known(lambda: engines.gpu_options().device()))
    with tempfile.TemporaryDirectory() as folder:
        try:
            new = _trained(current, Path(folder), parts.taught, plan, bar)
            before, after, remembered = _compared(shipped, current, new, parts.held_out, bar)
        except (ValueError, ArithmeticError) as error:
            way_out = "" if current is shipped else "; back to the shipped weights: catalog train-cutout --revert"
            raise SettingsError(f"{error}{way_out}") from error
        reasons = tuple(objections(before, after, remembered))
        counts = dict(sorted(Counter(pair.source for pair in pairs).items()))
        found = Outcome(
            pairs=counts,
            left_out=tuple(left_out),
            steps=steps,
            device=plan.device,
            before=tuple(before),
            after=tuple(after),
            remembered=remembered,
            reasons=reasons,
            installed=None,
            unused="" if built_on_own_net(engines.matting_name()) else engines.matting_name(),
        )
        if reasons:
            return found
        trained = _installed(store, current, new, found, plan)
    return replace(found, installed=trained)


def told(pairs: Mapping[Source, int]) -> str:
    """How many pairs there are of which source, in words."""
    words = {"reviewed": "a person decided about", "given": "of the folder", "accepted": "accepted by the gate alone"}
    return f"{sum(pairs.values())} pairs: " + ", ".join(f"{count} {words[name]}" for name, count in pairs.items())


# Pairs


def _gathered(store: CatalogStore, engines: Engines, wish: Wish, bar: Bar) -> tuple[list[Pair], list[LeftOut]]:
    """All pairs that can be used, and what was left out."""
    found: list[Pair | LeftOut] = []
    if wish.pairs is not None:
        with bar("pairs", 1) as done:
            found += folder_pairs(wish.pairs)
            done(1)
    room = MOST_PAIRS - len(found)
    context = RunContext(store, load_settings(store), engines)
    candidates = sorted(_candidates(store), key=lambda one: one.source == "accepted")[: max(0, room)]
    with bar("catalog", len(candidates)) as done:
        for one in in_order(lambda candidate: _read(context, candidate), candidates, context.threads):
            found.append(one)
            done(1)
    pairs, doubles = distinct([one for one in found if isinstance(one, Pair)])
    return pairs[:MOST_PAIRS], [*(one for one in found if isinstance(one, LeftOut)), *doubles]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A view whose mask may be learnt from."""

    photo: Record
    mask: Record
    source: Source


def _candidates(store: CatalogStore) -> Iterator[_Candidate]:
    """Views whose mask was accepted for the photo that lies there now. Photos that came cut out teach nothing."""
    for sku in store.children("assets/product/mask"):
        photos = {record.name: record for record in stored_records(store, product_folder("raw_photo", sku))}
        for mask in stored_records(store, product_folder("mask", sku)):
            photo = photos.get(mask.name)
            usable = mask.passed and MASK in mask.files and mask.engine is not None and mask.engine != OWN_ALPHA
            if usable and photo is not None and photo.passed and made_from(mask, photo):
                yield _Candidate(photo, mask, "reviewed" if DECISION in mask.facts else "accepted")


def _read(context: RunContext, candidate: _Candidate) -> Pair | LeftOut:
    """One pair from the store. Raises StoreError for trouble that may pass."""
    photo, mask = candidate.photo, candidate.mask
    name = f"{mask.sku}/{mask.name}"
    try:
        alpha = read_grey(context.read(mask.files[MASK]))
        picture = context.photo(photo)
    except StoreError as error:
        if error.retryable:
            raise
        return LeftOut(name, error.rejection())
    except (ValueError, OSError) as error:  # OSError: how Pillow says that a file is damaged
        return LeftOut(name, Rejection("damaged", str(error), "Run catalog refresh with --force for this SKU."))
    return pair_of(name, mask.sku, candidate.source, photo.files["photo"].sha256, picture, alpha)


def _why_left_out(left_out: Sequence[LeftOut]) -> str:
    """What could not be used, by reason: part of the one line that says there are too few pairs."""
    if not left_out:
        return ""
    reasons = Counter(one.reason.code for one in left_out)
    first = left_out[0]
    said = ", ".join(f"{count} {code}" for code, count in sorted(reasons.items()))
    return f" Left out: {said}; the first is {first.name}: {first.reason.message}"


# Weights


def _in_use(shipped: Models, store: CatalogStore) -> Models:
    """The weights that are trained further: the catalog's own, else the shipped ones."""
    trained = trained_weights(store)
    models = shipped if trained is None else with_shop_weights(shipped, trained, store)
    own_net_file(models)
    return models


def _trained(current: Models, folder: Path, pairs: Sequence[Pair], plan: Plan, bar: Bar) -> Models:
    """The models with newly trained weights, in a folder, in the place of those in use."""
    start, _ = own_net_file(current)
    entry = current.entry(OWN_NET)
    target = folder / FILE
    with bar("training", plan.steps) as done:
        fine_tune(start, target, pairs, input_side(start, entry.input.side), plan, done)
    new = entry_of(entry, folder, digest(target), target.stat().st_size)
    return replace(current, registry={**current.registry, OWN_NET: new})


def _compared(
    shipped: Models, current: Models, new: Models, held_out: Sequence[Pair], bar: Bar
) -> tuple[list[Scored], list[Scored], Agreement]:
    """The answers to the held-out pairs of the weights in use and the new ones; what the new ones still know."""
    before, after, known_best = (OnnxDetector(each.ready(OWN_NET), each) for each in (current, new, shipped))
    with bar("comparing", 2 * len(held_out)) as done:
        old = score_pairs(before, held_out, done)
        return old, score_pairs(after, held_out, done), agreement(known_best, after, _sample_photos())


def _sample_photos() -> list[Rgb]:
    """The photos of the sample catalog that can be read."""
    files = sorted(path for path in (SAMPLE / "uploads").rglob("*") if path.is_file())
    found = [decode_photo(path.read_bytes()) for path in files]
    return [photo.rgb for photo in found if not isinstance(photo, Rejection)]


def _installed(store: CatalogStore, current: Models, new: Models, found: Outcome, plan: Plan) -> Trained:
    file, sha256 = own_net_file(new)
    data = file.read_bytes()
    trained = Trained(
        sha256=sha256,
        size=len(data),
        base=own_net_file(current)[1],
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        pairs={str(source): count for source, count in found.pairs.items()},
        held_out=len(found.before),
        seed=plan.seed,
        steps=plan.steps,
        before=mean_scores(found.before),
        after=mean_scores(found.after),
        licence=LICENCE,
    )
    install(store, data, trained)
    return trained
