"""The contract of a line, on the library alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from catalog_assets.line import Line, run_line
from catalog_assets.quarantine import Quarantine, quarantined
from catalog_assets.records import product_shelf
from catalog_assets.stage import Stage, StageResult
from resources.storage.local import LocalStore
from resources.store import StoreError, open_store
from resources.verdicts import Rejection
from tests.catalogs import make_catalog, open_context, photo_bytes, pictures, product_of, run_product


class Double(Stage):
    """A stage of the test's own: `work` is called with each group and says what it likes."""

    asset = "double"
    code_version = "1"

    def __init__(self, work: object = None, asset: str = "double") -> None:
        self.asset = asset
        self.work = work
        self.groups: list[list[str]] = []

    def run(self, skus: Sequence[str]) -> list[StageResult]:
        self.groups.append(list(skus))
        if callable(self.work):
            self.work(skus)
        return [StageResult(self.asset, sku, "made", check=True) for sku in skus]


def line_of(tmp_path: Path, *stages: Stage) -> Line:
    return Line("test", stages, Quarantine(open_store(str(tmp_path)), "test"))


def skus(count: int) -> list[str]:
    return [f"s{number:03d}" for number in range(count)]


# 1 and 2: one bad SKU costs no other anything, and says why


def test_good_skus_are_finished_beside_bad_ones(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a", "c", "e"], bad=["b", "d"])
    report, results = run_product(tmp_path)
    finished = {result.sku for result in results if result.stage == "cutout" and result.goes_on}
    assert finished == {"a", "c", "e"}
    assert {sku: rejection.code for sku, rejection in report.rejections.items()} == {"b": "truncated", "d": "truncated"}
    records = quarantined(open_store(str(tmp_path)))
    assert [(record.sku, record.rejection.stage, record.rejection.code) for record in records] == [
        ("b", "raw_photo", "truncated"),
        ("d", "raw_photo", "truncated"),
    ]
    assert all(record.rejection.message and record.rejection.hint for record in records)


def test_a_quarantine_record_goes_when_the_sku_gets_through(tmp_path: Path) -> None:
    make_catalog(tmp_path, bad=["a"])
    run_product(tmp_path)
    assert len(quarantined(open_store(str(tmp_path)))) == 1
    (tmp_path / "uploads" / "a.jpg").write_bytes(photo_bytes(1))
    report, _ = run_product(tmp_path)
    assert report.statuses["made"] == 1
    assert quarantined(open_store(str(tmp_path))) == []


def test_an_unexpected_error_is_charged_to_its_sku_and_keeps_its_traceback(tmp_path: Path) -> None:
    def work(group: Sequence[str]) -> None:
        if "s002" in group:
            raise ZeroDivisionError("division by zero in the picture")

    stage = Double(work)
    report = run_line(line_of(tmp_path, stage), skus(4), threads=1, group_size=4)
    assert list(report.rejections) == ["s002"]
    rejection = report.rejections["s002"]
    assert rejection.code == "internal_error"
    assert "ZeroDivisionError" in rejection.details
    assert "in work" in rejection.details
    assert report.statuses["made"] == 3
    assert report.has_errors


def test_a_stopped_sku_does_not_reach_the_next_stage(tmp_path: Path) -> None:
    class Refuse(Double):
        def run(self, skus: Sequence[str]) -> list[StageResult]:
            reason = Rejection("no", "No.", "Do.")
            return [StageResult(self.asset, sku, "rejected", rejection=reason, check=False) for sku in skus]

    second = Double(asset="second")
    report = run_line(line_of(tmp_path, Refuse(asset="first"), second), ["a"], threads=1)
    assert second.groups == []
    assert report.rejections["a"].stage == "first"


def test_trouble_with_a_quarantine_record_costs_no_sku_its_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_catalog(tmp_path, good=["a", "c"], bad=["b"])
    original = LocalStore.write

    def write(self: LocalStore, key: str, data: bytes, content_type: str | None = None) -> None:
        if key.startswith("quarantine/"):
            raise StoreError("disk_full", "There is no room left.")
        original(self, key, data, content_type)

    monkeypatch.setattr(LocalStore, "write", write)
    report, results = run_product(tmp_path)
    assert report.statuses == {"made": 2, "rejected": 1}
    assert {result.sku for result in results if result.stage == "cutout"} == {"a", "c"}


def test_trouble_with_the_store_is_said_in_its_own_words(tmp_path: Path) -> None:
    def full(group: Sequence[str]) -> None:
        raise StoreError("disk_full", "There is no room left.", "Make room.")

    report = run_line(line_of(tmp_path, Double(full)), ["a"], threads=1)
    rejection = report.rejections["a"]
    assert (rejection.code, rejection.message, rejection.hint) == ("disk_full", "There is no room left.", "Make room.")
    assert rejection.details
    assert report.has_errors


def test_a_refused_name_that_is_removed_is_retired(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["Mug"])
    (tmp_path / "uploads" / "mug.jpg").write_bytes(photo_bytes(5))
    report, _ = run_product(tmp_path)
    [(sku, rejection)] = report.rejections.items()
    assert rejection.code == "duplicate_name"
    (tmp_path / "uploads" / "mug.jpg").unlink()
    report, _ = run_product(tmp_path, ["Mug", sku])
    assert report.rejections == {}
    assert report.statuses == {"up_to_date": 1, "retired": 1}


# 3: memory does not grow with the batch


@pytest.mark.parametrize("threads", [1, 2])
def test_no_more_groups_than_threads_are_in_flight(tmp_path: Path, threads: int) -> None:
    lock = threading.Lock()
    now = most = 0

    def work(group: Sequence[str]) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1

    run_line(line_of(tmp_path, Double(work)), skus(40), threads=threads, group_size=1)
    assert most == threads


def test_the_picture_cache_is_bounded() -> None:
    from catalog_assets.context import PictureCache

    cache = PictureCache(max_bytes=250)
    loads: list[int] = []

    def load(number: int) -> bytes:
        loads.append(number)
        return bytes(100)

    for number in [1, 2, 1, 3, 1, 2]:
        cache.get(str(number), lambda number=number: load(number), len)  # type: ignore[misc]
    assert loads == [1, 2, 3, 2]  # 2 was the least recently used when 3 came
    cache.get("large", lambda: bytes(300), len)
    cache.get("large", lambda: bytes(300), len)
    cache.get("2", lambda: load(2), len)
    assert loads == [1, 2, 3, 2]


def test_large_photos_wait_for_each_other() -> None:
    from catalog_assets.context import DecodingBudget

    budget = DecodingBudget(max_pixels=100)
    inside: list[int] = []
    most: list[int] = []

    def decode(pixels: int) -> None:
        with budget.reserve(pixels):
            inside.append(min(pixels, 100))
            most.append(sum(inside))
            time.sleep(0.01)
            inside.remove(min(pixels, 100))

    threads = [threading.Thread(target=decode, args=(pixels,)) for pixels in (60, 60, 30, 500, 20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert len(most) == 6
    assert max(most) <= 100


# 4: models are loaded at most once a run, and never when nothing is to be done


def test_an_engine_is_loaded_once_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from resources.matting import engines

    made: list[str] = []
    original = engines.matting_engine

    def counting(name: str, *rest: Any) -> object:
        made.append(name)
        return original(name, *rest)

    monkeypatch.setattr(engines, "matting_engine", counting)
    make_catalog(tmp_path, good=["a", "b", "c"])
    run_product(tmp_path)
    assert made == ["embedded"]


def test_an_up_to_date_line_imports_nothing_heavy(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"], bad=["b"])
    run_product(tmp_path)
    script = f"""
import sys
from pathlib import Path
from tests.catalogs import run_product
report, _ = run_product(Path({str(tmp_path)!r}))
assert report.statuses == {{"up_to_date": 1, "rejected": 1}}, report.statuses
heavy = ("torch", "diffusers", "transformers", "open_clip", "matplotlib", "pandas")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# 5: nothing is done twice


def test_a_second_run_makes_nothing(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a", "b"], bad=["c"])
    run_product(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    report, results = run_product(tmp_path)
    assert report.statuses == {"up_to_date": 2, "rejected": 1}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
    assert {result.status for result in results} == {"up_to_date", "rejected"}


def test_force_makes_the_same_again(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    run_product(tmp_path)
    store = open_store(str(tmp_path))
    before = pictures(store)
    report, results = run_product(tmp_path, force=True)
    assert report.statuses == {"made": 1}
    assert [result.status for result in results] == ["made"] * 3
    assert pictures(store) == before


def test_a_touched_file_is_not_made_again(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    run_product(tmp_path)
    os.utime(tmp_path / "uploads" / "a.jpg", (1, 1))
    report, results = run_product(tmp_path)
    assert [result.status for result in results if result.stage != "raw_photo"] == ["up_to_date", "up_to_date"]
    assert report.rejections == {}


def test_a_changed_photo_is_made_again_and_the_old_pictures_go(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    run_product(tmp_path)
    store = open_store(str(tmp_path))
    before = set(pictures(store))
    (tmp_path / "uploads" / "a.jpg").write_bytes(photo_bytes(77))
    report, _ = run_product(tmp_path)
    after = set(pictures(store))
    assert report.statuses == {"made": 1}
    assert not before & after
    assert len(after) == len(before)


def test_a_changed_threshold_judges_again_and_segments_nothing(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    run_product(tmp_path)
    store = open_store(str(tmp_path))
    before = pictures(store)
    (tmp_path / "catalog.yaml").write_text("matte: {min_area: 0.9}\n")
    report, _ = run_product(tmp_path)
    assert report.rejections["a"].code == "needs_review"
    assert pictures(store) == before
    (tmp_path / "catalog.yaml").write_text("")
    report, results = run_product(tmp_path)
    assert report.rejections == {}
    assert pictures(store) == before
    assert [result.status for result in results] == ["up_to_date", "made", "up_to_date"]


def test_a_title_in_the_catalog_changes_nothing(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    run_product(tmp_path)
    (tmp_path / "catalog.csv").write_text("sku,title\na,A better name\n")
    report, _ = run_product(tmp_path)
    assert report.statuses == {"up_to_date": 1}


def test_a_missing_picture_is_made_again(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    run_product(tmp_path)
    store = open_store(str(tmp_path))
    before = pictures(store)
    lost = next(key for key in before if key.startswith("assets/product/mask/"))
    (tmp_path / lost).write_bytes(b"cut short")
    run_product(tmp_path)
    assert pictures(store) == before


def test_equal_photos_are_segmented_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from resources.matting.embedded import EmbeddedEngine

    calls: list[int] = []
    original = EmbeddedEngine.segment

    def counting(self: EmbeddedEngine, photos: Sequence[object]) -> object:
        calls.append(len(photos))
        return original(self, photos)  # type: ignore[arg-type]

    monkeypatch.setattr(EmbeddedEngine, "segment", counting)
    make_catalog(tmp_path, good=["a", "b", "c"])
    for sku in ("b", "c"):
        (tmp_path / "uploads" / f"{sku}.jpg").write_bytes((tmp_path / "uploads" / "a.jpg").read_bytes())
    report, _ = run_product(tmp_path)
    assert calls == [1]
    assert report.statuses == {"made": 3}
    store = open_store(str(tmp_path))
    hashes = {product_shelf(store, "cutout", sku).records()[0].files["cutout"].sha256 for sku in ("a", "b", "c")}
    assert len(hashes) == 1


def test_a_damaged_picture_costs_only_its_own_sku(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    run_product(tmp_path)
    store = open_store(str(tmp_path))
    before = {key: data for key, data in pictures(store).items() if "/mask/" in key}
    [(key, data)] = before.items()
    (tmp_path / key).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    (tmp_path / "uploads" / "b.jpg").write_bytes((tmp_path / "uploads" / "a.jpg").read_bytes())
    report, _ = run_product(tmp_path, ["b"])
    assert report.statuses == {"made": 1}
    [mask] = product_shelf(store, "mask", "b").records()
    assert store.read(mask.files["mask"].key) == data


# 6: nothing torn is ever visible


KILLED = """
import sys
from pathlib import Path
from tests.catalogs import run_product
from resources.storage.local import LocalStore
original = LocalStore.write
def write(self, key, data, content_type=None):
    original(self, key, data, content_type)
    print(key, flush=True)
LocalStore.write = write
run_product(Path(sys.argv[1]))
"""


def test_kill_9_half_way_leaves_nothing_torn_and_the_rest_is_done_on_the_next_run(tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(8)]
    whole = make_catalog(tmp_path / "whole", good=names)
    run_product(whole)
    root = make_catalog(tmp_path / "killed", good=names)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    finished = 0
    for line in process.stdout:
        finished += line.startswith("assets/product/cutout/") and line.strip().endswith(".json")
        if finished == 3:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    store = open_store(str(root))
    done_before = [sku for sku in names if product_shelf(store, "cutout", sku).records()]
    assert 3 <= len(done_before) < len(names)
    for entry in store.list("assets"):
        if entry.key.endswith(".json"):
            record = json.loads(store.read(entry.key))
            assert all(store.stat(file["key"]).size == file["bytes"] for file in record["files"].values())  # type: ignore[union-attr]
    finished_ones = [key for key in pictures(store) if key.split("/")[3] in done_before]
    stamps = {key: (root / key).stat().st_mtime_ns for key in finished_ones}
    report, _ = run_product(root)
    assert report.statuses == {"up_to_date": len(done_before), "made": len(names) - len(done_before)}
    assert all((root / key).stat().st_mtime_ns == stamp for key, stamp in stamps.items())
    assert pictures(store) == pictures(open_store(str(whole)))


# 7: deterministic


def test_the_same_bytes_whatever_the_batch_and_the_threads(tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(6)]
    found = []
    for batch, threads in ((1, 1), (3, 2), (50, 2), (50, 1)):
        root = make_catalog(tmp_path / f"{batch}-{threads}", good=names)
        for start in range(0, len(names), batch):
            run_product(root, names[start : start + batch], threads=threads)
        found.append(pictures(open_store(str(root))))
    assert found[0]
    assert all(other == found[0] for other in found[1:])


# 8: every outcome records what a ledger needs


def test_records_hold_seconds_engine_device_bytes_and_cost(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    run_product(tmp_path)
    store = open_store(str(tmp_path))
    record = json.loads(store.read("assets/product/mask/a/main.json"))
    assert record["seconds"] > 0
    assert record["engine"] == {"name": "embedded", "revision": record["engine"]["revision"], "device": "cpu"}
    assert record["bytes"] == sum(file["bytes"] for file in record["files"].values()) > 0
    assert record["cost_usd"] == 0.0


# 9: transient trouble is retried, bad input never


def test_transient_trouble_is_retried_at_most_three_times(tmp_path: Path) -> None:
    tries: list[int] = []

    def busy(group: Sequence[str]) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise StoreError("unreachable", "The store did not answer.", retryable=True)

    report = run_line(line_of(tmp_path, Double(busy)), ["a"], threads=1)
    assert (len(tries), report.rejections) == (3, {})

    tries.clear()

    def dead(group: Sequence[str]) -> None:
        tries.append(1)
        raise TimeoutError("no answer")

    report = run_line(line_of(tmp_path, Double(dead)), ["a"], threads=1)
    assert len(tries) == 3
    assert report.rejections["a"].retryable


def test_out_of_memory_halves_the_group_first(tmp_path: Path) -> None:
    def work(group: Sequence[str]) -> None:
        if len(group) > 2:
            raise MemoryError("too many at once")

    stage = Double(work)
    report = run_line(line_of(tmp_path, stage), skus(8), threads=1, group_size=8)
    assert report.statuses == {"made": 8}
    assert [len(group) for group in stage.groups] == [8, 4, 2, 2, 4, 2, 2]


def test_bad_input_is_not_retried(tmp_path: Path) -> None:
    stage = Double(lambda group: (_ for _ in ()).throw(ValueError("bad")))
    run_line(line_of(tmp_path, stage), ["a"], threads=1)
    assert len(stage.groups) == 1


# 10: stages stay selectable


def test_any_stage_can_be_replayed_from_the_store(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"], bad=["b"])
    run_product(tmp_path)
    context = open_context(tmp_path, force=True)
    line = product_of(context)
    results: list[StageResult] = []
    only_cutout = Line(line.name, line.stages[2:], line.quarantine)
    report = run_line(only_cutout, ["a", "b"], threads=1, on_result=results.append)
    assert {result.sku: result.status for result in results} == {"a": "made", "b": "not_attempted"}
    assert report.rejections == {}
    assert [record.sku for record in quarantined(context.store)] == ["b"]


# The order in which results are handed over


def test_results_of_the_last_stage_come_at_the_end_in_order(tmp_path: Path) -> None:
    def slow_first(group: Sequence[str]) -> None:
        time.sleep(0.05 if group[0] == "s000" else 0)

    stages = (Double(slow_first, asset="first"), Double(asset="last"))
    seen: list[tuple[str, str]] = []
    run_line(
        line_of(tmp_path, *stages), skus(6), threads=2, on_result=lambda result: seen.append((result.stage, result.sku))
    )
    assert [stage for stage, _ in seen] == ["first"] * 6 + ["last"] * 6
    assert [sku for stage, sku in seen if stage == "last"] == skus(6)


def test_a_gone_upload_retires_the_sku_and_keeps_its_history(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    run_product(tmp_path)
    export = tmp_path / "exports" / "shopify" / "evergreen" / "a" / "a.jpg"
    export.parent.mkdir(parents=True)
    export.write_bytes(b"old picture")
    (tmp_path / "uploads" / "a.jpg").unlink()
    report, _ = run_product(tmp_path, ["a"])
    assert report.statuses == {"retired": 1}
    assert not export.exists()
    assert product_shelf(open_store(str(tmp_path)), "cutout", "a").records()


def test_a_key_that_never_had_a_photo_is_rejected(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["a"])
    report, _ = run_product(tmp_path, ["typo"])
    assert report.rejections["typo"].code == "no_upload"
