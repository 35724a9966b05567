"""Pairs for the fidelity judge are what they say, and its limits are chosen and counted right."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fidelity
from benchmarks.composites import SPRITES
from benchmarks.fidelity import Pair, Result, auroc, chosen_limits, counts, judged, read_labels, under, write
from benchmarks.fidelity_pairs import DAMAGED, HONEST, KINDS, Product, sprite_products, visible
from benchmarks.fidelity_pairs import write as write_pairs
from resources.quality.thresholds import THRESHOLDS_FILE, read_thresholds, shipped_thresholds
from resources.verdicts import Verdict

CHOSEN = ("placed", "turned", "hue20", "part_lost", "upside_down", "second_one")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pairs")
    products = [product for product in sprite_products(SPRITES, out) if product.name.startswith("tea-box")]
    write_pairs(products, out, 480, {name: KINDS[name] for name in CHOSEN})
    return out


@pytest.fixture(scope="module")
def results(pairs: Path) -> list[Result]:
    return judged(read_labels(pairs / "labels.csv", None), text=False, processes=1)


def _product(folder: Path) -> Product:
    return next(product for product in sprite_products(SPRITES, folder) if product.name.startswith("tea-box"))


@pytest.mark.parametrize("name", [name for name, kind in DAMAGED.items() if not kind.finish])
def test_damage_is_made_and_can_be_seen(name: str, tmp_path: Path) -> None:
    before = _product(tmp_path).rgba
    after = DAMAGED[name].change(before, np.random.default_rng(3))
    assert after.shape == before.shape
    assert after.dtype == np.uint8
    if name not in ("another_product", "faded"):  # another picture altogether; too little of this one is see-through
        assert visible(before, after)


@pytest.mark.parametrize("name", HONEST)
def test_honest_changes_are_no_damage(name: str, tmp_path: Path) -> None:
    before = _product(tmp_path).rgba
    assert not visible(before, HONEST[name].change(before, np.random.default_rng(3)))


def test_a_table_names_every_pair(pairs: Path) -> None:
    with (pairs / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == list(CHOSEN)
    for row in rows:
        assert all((pairs / row[name]).is_file() for name in ("final", "original", "matte"))
        assert row["damaged"] == str(int(KINDS[row["kind"]].damaged))
        assert row["heldout"] == str(int(KINDS[row["kind"]].heldout))


def test_the_same_input_gives_the_same_pictures(pairs: Path, tmp_path: Path) -> None:
    write_pairs([_product(tmp_path)], tmp_path, 480, {"part_lost": KINDS["part_lost"]})
    again = next(tmp_path.glob("*__part_lost.png"))
    assert again.read_bytes() == (pairs / again.name).read_bytes()


def test_the_judge_tells_them_apart_and_the_figures_say_so(results: list[Result]) -> None:
    said = counts("tea boxes", True, results)
    assert said == {
        "name": "tea boxes",
        "fitted": True,
        "intact": 2,
        "intact_review": 0,
        "intact_rejected": 0,
        "damaged": 4,
        "damaged_accepted": 0,
        "auroc": 1.0,
    }
    assert np.isnan(auroc(results[:1]))


def test_measures_under_the_same_limits_give_the_same_verdict(results: list[Result]) -> None:
    for result in results:
        again = under(result, shipped_thresholds()).verdict
        assert (again.decision, again.decided_by) == (result.verdict.decision, result.verdict.decided_by)
        assert again.score == pytest.approx(result.verdict.score, abs=1e-4)


def test_limits_are_moved_to_where_they_cost_least(results: list[Result]) -> None:
    careless = dataclasses.replace(shipped_thresholds(), stretch=0.5, delta_e_mean=60.0, delta_e_block=60.0,
                                   block_ab_shift=60.0, delta_e_small_block=60.0, ab_shift_reject=60.0,
                                   ab_shift_review=60.0, unexplained_block=60.0)  # fmt: skip
    recoloured = [result for result in results if result.pair.kind in ("placed", "turned", "hue20")]
    assert under(recoloured[-1], careless).verdict.accepted
    found = chosen_limits(recoloured, dataclasses.replace(careless, delta_e_mean=9.0))
    assert not under(recoloured[-1], found).verdict.accepted
    assert all(under(result, found).verdict.accepted for result in recoloured[:2])


def test_what_is_written_can_be_read(results: list[Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "thresholds.yaml"
    file.write_bytes(THRESHOLDS_FILE.read_bytes())
    monkeypatch.setattr(fidelity, "THRESHOLDS_FILE", file)
    limits = dataclasses.replace(shipped_thresholds(), stretch=0.031)
    write(limits, [counts("some", True, results)])
    found = read_thresholds(file)
    assert found.limits == dataclasses.asdict(limits)
    assert found.calibration.sets[0].damaged == 4
    remarks = [line for line in THRESHOLDS_FILE.read_text().splitlines() if line.startswith("#")]
    assert file.read_text().splitlines()[: len(remarks)] == remarks


def test_ties_count_half() -> None:
    def one(damaged: bool, score: float) -> Result:
        return Result(Pair("f", "o", "m", "k", damaged, False), Verdict("accepted", score), 0.0)

    assert auroc([one(False, 0.9), one(True, 0.9), one(True, 0.1)]) == 0.75
