"""The benchmark of the manifests measures what it says: records as the stages write them, all of them listed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.manifests import IN_SEASON, OUT_OF_SEASON, SCENES, VIEWS, campaigns, make_catalog, measure


def test_every_sku_is_listed_everywhere_and_winter_leaves(tmp_path: Path) -> None:
    make_catalog(tmp_path, 3)
    marketplaces = len(campaigns().active["evergreen"].marketplaces)
    assert marketplaces == 6
    winter = 3 * marketplaces * len(SCENES["winter"])
    first = measure(tmp_path, IN_SEASON)
    assert first["listed"] + first["left_out"] == 3 * marketplaces * (len(VIEWS) + sum(map(len, SCENES.values())))
    over = measure(tmp_path, OUT_OF_SEASON)
    assert over["listed"] + over["left_out"] == first["listed"] + first["left_out"] - winter
    assert measure(tmp_path, OUT_OF_SEASON)["changed"] == 0


def test_a_measurement_is_one_line_of_a_process_of_its_own(tmp_path: Path) -> None:
    make_catalog(tmp_path, 1)
    command = [sys.executable, "-m", "benchmarks.manifests", "--measure", str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert set(json.loads(done.stdout)) == {"cpu_s", "wall_s", "peak_mb", "listed", "changed", "left_out"}
