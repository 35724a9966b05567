from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from resources.matting.gate import MatteThresholds, default_thresholds
from resources.matting.thresholds import THRESHOLDS_FILE, read_thresholds, shipped_thresholds


def changed(folder: Path, change: str, value: object) -> Path:
    """A copy of the shipped file in which the value at a dotted path is another one."""
    content = yaml.safe_load(THRESHOLDS_FILE.read_text(encoding="utf-8"))
    *parents, last = change.split(".")
    place = content
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[last] = value
    file = folder / "thresholds.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def test_the_shipped_file_names_every_threshold_and_nothing_else():
    names = {field.name for field in fields(MatteThresholds)}
    shipped = shipped_thresholds()
    assert set(shipped.common.limits) == names
    for name, engine in shipped.engines.items():
        assert set(engine.limits) <= names, name
        assert any(s.accepted for s in engine.calibration.sets), name


def test_an_engine_has_its_own_limits_over_the_common_ones(tmp_path):
    file = read_thresholds(changed(tmp_path, "engines.classical.limits", {"agreement": 0.77}))
    assert file.limits_of("classical") == {**file.common.limits, "agreement": 0.77}
    assert file.limits_of("another") == file.common.limits


def test_an_engine_that_was_not_calibrated_has_the_common_limits():
    assert default_thresholds("another") == MatteThresholds(**shipped_thresholds().common.limits)


@pytest.mark.parametrize(
    ("change", "value", "named"),
    [
        ("engines.classical.limits", {"agreement": "high"}, "engines.classical.limits.agreement"),
        ("engines.classical.limits", {"agreement": float("nan")}, "engines.classical.limits.agreement"),
        ("engines.classical.calibration", {}, "engines.classical.calibration.revision"),
        ("engines.classical.calibration.sets.0.wrong", 10**6, "wrong <= accepted <= pictures"),
        ("extra", 1, "extra"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(tmp_path, change, value, named):
    with pytest.raises(ValueError, match=r"^thresholds.yaml: ") as caught:
        read_thresholds(changed(tmp_path, change, value))
    assert named in str(caught.value)


def test_a_file_that_is_no_yaml_is_refused_in_one_line(tmp_path):
    file = tmp_path / "thresholds.yaml"
    file.write_text("common: [", encoding="utf-8")
    with pytest.raises(ValueError, match="is not readable YAML") as caught:
        read_thresholds(file)
    assert "\n" not in str(caught.value)
