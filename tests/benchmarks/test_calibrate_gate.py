from __future__ import annotations

import shutil

import pytest

from benchmarks import calibrate_gate
from benchmarks.calibrate_gate import STEPS, SURENESS, Pictures, fit, limit_at, row, write
from benchmarks.labelled import Result
from benchmarks.metrics import Scores
from resources.matting.gate import default_thresholds, limits_in_use
from resources.matting.thresholds import THRESHOLDS_FILE, read_thresholds, shipped_thresholds

COMMON = dict(shipped_thresholds().common.limits)
RULES = {rule.threshold: rule for rule in limits_in_use()}


def result(group: str, *, right: bool, **measures: float) -> Result:
    """A picture that meets every limit but for the measures given."""
    scores = Scores(0.97 if right else 0.4, 0.01, 0.01, 1.0, 0.9, 0.1)
    return Result(group, "any", group, False, {"area": 0.2, "subject": 40.0, **measures}, scores, 1.0, 1.0)


def pictures(*results: Result) -> Pictures:
    return Pictures.of(results, default_thresholds())


def near(name: str, step: float) -> float:
    return limit_at(RULES[name], COMMON[name], step)


def test_every_limit_of_sureness_has_a_rule():
    assert set(SURENESS) <= set(RULES)
    assert "side_contact" not in SURENESS


@pytest.mark.parametrize("name", ["agreement", "loose_edges"])
def test_a_step_scales_the_distance_from_the_ideal_value(name):
    rule = RULES[name]
    assert near(name, 1.0) == pytest.approx(COMMON[name], rel=1e-2)
    assert abs(near(name, 0.5) - rule.best) == pytest.approx(abs(COMMON[name] - rule.best) / 2, rel=1e-2)


def test_a_limit_is_tightened_for_several_wrong_pictures():
    wrong = [result(f"wrong {i}", right=False, loose_edges=near("loose_edges", 0.95)) for i in range(3)]
    right = [result(f"right {i}", right=True, loose_edges=0.05) for i in range(40)]
    steps = fit(pictures(*wrong, *right), COMMON)
    assert steps["loose_edges"] < 1
    limits = {**COMMON, "loose_edges": near("loose_edges", steps["loose_edges"])}
    counted = row("all", pictures(*wrong, *right), limits)
    assert (counted.accepted, counted.wrong) == (40, 0)


def test_a_limit_never_moves_for_one_picture_or_one_product():
    right = [result(f"right {i}", right=True, loose_edges=0.05) for i in range(40)]
    alone = result("one", right=False, loose_edges=near("loose_edges", 0.95))
    assert set(fit(pictures(alone, *right), COMMON).values()) == {1.0}
    assert set(fit(pictures(alone, alone, alone, *right), COMMON).values()) == {1.0}


def test_a_limit_is_loosened_where_that_lets_right_ones_through_but_only_by_the_steps():
    right = [result(f"near {i}", right=True, weak_outline=near("weak_outline", 1.25)) for i in range(5)]
    far = [result(f"far {i}", right=True, weak_outline=near("weak_outline", 9.0)) for i in range(5)]
    found = pictures(*right, *far)
    steps = fit(found, COMMON)
    assert steps["weak_outline"] in STEPS
    limits = {**COMMON, "weak_outline": near("weak_outline", steps["weak_outline"])}
    assert row("all", found, limits).accepted == 5


def test_a_picture_without_a_subject_is_never_accepted():
    assert row("all", pictures(result("bare", right=True, subject=1.0)), COMMON).accepted == 0


def test_counts_agree_with_the_gate():
    some = [
        result("fine", right=True, agreement=0.95, parts=1.0),
        result("parts", right=True, agreement=0.95, parts=7.0),
        result("wrong", right=False, agreement=0.9),
        result("empty", right=False, area=0.0),
    ]
    counted = row("all", pictures(*some), COMMON)
    judged = [one for one in some if one.verdict(default_thresholds("another")).accepted]
    assert counted.accepted == len(judged) == 2
    assert counted.wrong == sum(not one.right for one in judged) == 1


def test_writing_keeps_remarks_and_common_limits_and_records_the_counts(tmp_path, monkeypatch):
    file = tmp_path / "thresholds.yaml"
    shutil.copy(THRESHOLDS_FILE, file)
    monkeypatch.setattr(calibrate_gate, "THRESHOLDS_FILE", file)
    right = pictures(*(result(str(i), right=True) for i in range(3)))
    write("classical", {**COMMON, "agreement": 0.8}, [row("some", right, COMMON)])
    written = read_thresholds(file)
    assert written.common == shipped_thresholds().common
    assert written.engines["classical"].limits == {"agreement": 0.8}
    (counted,) = written.engines["classical"].calibration.sets
    assert (counted.name, counted.pictures, counted.accepted, counted.wrong) == ("some", 3, 3, 0)
    remarks = [line for line in THRESHOLDS_FILE.read_text().splitlines() if line.startswith("#")]
    assert file.read_text().splitlines()[: len(remarks)] == remarks
    assert [path.name for path in tmp_path.iterdir()] == ["thresholds.yaml"]
