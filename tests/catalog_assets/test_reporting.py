"""What a check says of a SKU: the worst verdict number by number, and all verdicts in brief."""

from __future__ import annotations

import json
from dataclasses import replace

from dagster import FloatMetadataValue, JsonMetadataValue

from catalog_assets.records import Record
from catalog_assets.reporting import check_metadata
from catalog_assets.stage import StageResult, summarise
from resources.verdicts import Measure, Verdict

GOOD = Verdict(
    "accepted", 0.8, (Measure("worst_block_ssim", 0.97, 0.75, "higher"), Measure("ab_shift", 0.4, 4.5, "lower"))
)
BAD = Verdict(
    "rejected",
    0.3,
    (Measure("worst_block_ssim", 0.31, 0.75, "higher", passed=False), Measure("rotation", 0.1)),
    "worst_block_ssim",
    "product_changed",
    "A part looks different.",
    "Again.",
)


def record(name: str, verdict: Verdict | None) -> Record:
    return Record("scored_finals", "mug", name, "made", "f", verdict=verdict.as_dict() if verdict else None)


def result(*verdicts: Verdict | None) -> StageResult:
    records = [record(f"main.scene{number}", verdict) for number, verdict in enumerate(verdicts)]
    return summarise("scored_finals", "mug", records, before=(), rejection=BAD.rejection("scored_finals"))


def test_every_number_of_the_worst_scene_is_under_its_own_name() -> None:
    values = check_metadata(result(GOOD, BAD, GOOD))
    assert (values["worst"], values["decision"], values["decided_by"]) == (
        "main.scene1",
        "rejected",
        "worst_block_ssim",
    )
    assert (values["worst_block_ssim"], values["rotation"], values["score"]) == (0.31, 0.1, 0.3)
    assert all(isinstance(values[name], float) for name in ("worst_block_ssim", "rotation", "score"))
    thresholds = values["thresholds"]
    assert isinstance(thresholds, JsonMetadataValue)
    assert thresholds.value == {"worst_block_ssim": ["at least", 0.75]}


def test_all_scenes_are_there_in_brief_with_every_threshold() -> None:
    verdicts = check_metadata(result(GOOD, BAD))["verdicts"]
    assert isinstance(verdicts, JsonMetadataValue)
    assert verdicts.value == {
        "main.scene0": {
            "decision": "accepted",
            "score": 0.8,
            "decided_by": "",
            "missed": [],
            "measures": {"worst_block_ssim": [0.97, "at least", 0.75], "ab_shift": [0.4, "at most", 4.5]},
        },
        "main.scene1": {
            "decision": "rejected",
            "score": 0.3,
            "decided_by": "worst_block_ssim",
            "missed": ["worst_block_ssim"],
            "measures": {"worst_block_ssim": [0.31, "at least", 0.75], "rotation": [0.1]},
        },
    }
    assert "NaN" not in json.dumps(verdicts.value, allow_nan=False)


def test_a_measure_with_two_limits_keeps_both() -> None:
    area = (Measure("area", 0.2, 0.01, "higher"), Measure("area", 0.2, 0.95, "lower"))
    thresholds = check_metadata(result(Verdict("accepted", 0.8, area)))["thresholds"]
    assert isinstance(thresholds, JsonMetadataValue)
    assert thresholds.value == {"area": ["at least", 0.01, "at most", 0.95]}


def test_of_equal_decisions_the_lower_score_is_the_worse() -> None:
    weaker = replace(GOOD, score=0.6)
    assert check_metadata(result(GOOD, weaker, GOOD))["worst"] == "main.scene1"


def test_what_was_not_judged_shows_no_verdict() -> None:
    values = check_metadata(result(None))
    assert "verdicts" not in values
    assert values["code"] == "product_changed"
    assert not any(isinstance(value, FloatMetadataValue) for value in values.values())
