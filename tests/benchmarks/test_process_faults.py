"""The drill's own logic; the drills themselves take minutes each and are not among the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks import process_faults
from benchmarks.deployment import _is_run
from benchmarks.process_faults import FAULTS, SETTINGS, CannotRunError, Outcome, main, small_disk, unclear
from benchmarks.soundness import Damage

SOUND = Damage([], [], [])


def outcome(**changed: object) -> Outcome:
    fields = {"torn_at_once": 0, "left": 0, "final": SOUND, "wrong": [], **changed}
    return Outcome("worker", 60, "product at 8 of 15", backfill="COMPLETED_SUCCESS", seconds=61.4, **fields)  # type: ignore[arg-type]


def test_a_drill_is_one_line_of_counts() -> None:
    assert outcome().line() == (
        "worker: held; 60 SKUs, struck product at 8 of 15; torn at once 0; back-fill COMPLETED_SUCCESS, finished by "
        "itself; lost 0, torn 0, wrong status 0; 61 s"
    )
    assert "next run took 7 SKUs" in outcome(left=7).line()


@pytest.mark.parametrize(
    "changed",
    [
        {"torn_at_once": 1},
        {"final": Damage(["mask/a"], [], [])},
        {"final": Damage([], ["assets/x.json"], [])},
        {"final": Damage([], [], ["run 1: STARTED"])},
        {"wrong": ["a run shows a traceback"]},
    ],
)
def test_anything_wrong_and_it_did_not_hold(changed: dict[str, object]) -> None:
    assert outcome().held
    assert not outcome(**changed).held
    assert "NOT HELD" in outcome(**changed).line()


def test_what_a_clerk_could_not_understand() -> None:
    clear = (
        "1 of 2 SKUs did not pass:\na: mask: disk_full: Could not write. Free some space on the disk, then run again."
    )
    assert unclear([clear], "disk_full") == []
    assert unclear([], "disk_full") == ["no run failed"]
    assert len(unclear([clear, 'Traceback\n  File "x.py", line 1: disk_full'], "disk_full")) == 1
    assert len(unclear(["the database is away"], "disk_full")) == 1


@pytest.mark.parametrize("database", SETTINGS)
def test_the_drill_runs_what_ships_but_for_how_often_it_looks(database: str) -> None:
    shipped = yaml.safe_load(SETTINGS[database].read_text())
    drilled = yaml.safe_load(process_faults._settings(database, None))
    assert drilled["run_monitoring"].pop("poll_interval_seconds") == process_faults.POLL_S
    assert drilled["run_launcher"]["config"].pop("silent_seconds") < shipped["run_launcher"]["config"].pop(
        "silent_seconds"
    )
    assert drilled == shipped


def test_a_place_without_mounts_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_faults, "_refused", lambda command: f"{command[0]}: not permitted")
    with (
        pytest.raises(CannotRunError, match=r"root is needed: mkfs\.ext4: not permitted; mount"),
        small_disk(tmp_path / "d", 1),
    ):
        pass


def test_why_a_command_failed() -> None:
    assert process_faults._refused([sys.executable, "-c", ""]) == ""
    assert "no-such-program" in process_faults._refused(["no-such-program"])
    assert process_faults._refused([sys.executable, "-c", "import sys; sys.exit('no room')"]).endswith(": no room")


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [((0, 0), 0), ((0, 2), 2), ((2, 1), 1), ((1, 0), 1)],
    ids=["held", "skipped", "not", "not"],
)
def test_the_worst_drill_is_the_exit_status(
    statuses: tuple[int, int], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = list(statuses)
    monkeypatch.setattr(process_faults, "_drill", lambda name, arguments: left.pop(0))
    monkeypatch.setattr(sys, "argv", ["process_faults", *list(FAULTS)[:2]])
    monkeypatch.setattr(process_faults.signal, "signal", lambda *arguments: None)
    assert main() == expected


def test_an_unknown_drill_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["process_faults", "earthquake"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "earthquake found, some of worker, " in capsys.readouterr().err


def test_the_process_of_a_run_is_told_from_the_code_servers_own() -> None:
    import psutil

    program = "import time; time.sleep(60)"
    processes = [
        subprocess.Popen([sys.executable, "-c", f"{program}  # {name}"]) for name in ("spawn_main", "api grpc")
    ]
    try:
        assert [_is_run(psutil.Process(process.pid)) for process in processes] == [True, False]
    finally:
        for process in processes:
            process.kill()
            process.wait()
