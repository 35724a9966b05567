"""Decisions of people about masks: what they are shown, what they may decide, and that nothing else changes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from numpy.typing import NDArray
from PIL import Image

from catalog_assets.campaign_files import load_campaigns
from catalog_assets.context import RunContext
from catalog_assets.decisions import MAX_DECISION_BYTES, Decision, Decisions, remove_decision, write_decision
from catalog_assets.gallery import write_gallery
from catalog_assets.line import LineReport, run_line
from catalog_assets.quarantine import quarantined
from catalog_assets.records import Record, product_shelf, read_file
from catalog_assets.settings import load_settings
from catalog_assets.stages.reviewed import runs_of
from catalog_assets.trace import trace, write_trace_page
from resources.engines import CutOuts
from resources.imaging.encode import png_grey, read_grey
from resources.matting.engine import EngineRun, Hypothesis, Matte
from resources.storage.s3 import S3Store
from resources.store import CatalogStore, open_store
from tests.catalog_assets.command_line import assert_could_not_run, catalog, elsewhere
from tests.catalogs import SIZE, easy_photo, make_catalog, photo_bytes, product_of
from tests.conftest import S3Server
from tests.pictures import png_bytes
from tests.s3_tools import s3_client

U8 = NDArray[np.uint8]


def oval(size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    """Where the product of `easy_photo` is; HxW."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    inside = ((x - width / 2) / (0.3 * width)) ** 2 + ((y - height / 2) / (0.36 * height)) ** 2 <= 1
    return np.asarray(inside)


def as_alpha(mask: NDArray[np.bool_]) -> U8:
    return np.where(mask, np.uint8(255), np.uint8(0))


@dataclass
class HalfEngine:
    """Finds the left half of the product, is not sure of it, and has thought of the whole. It counts its photos."""

    name: str = "half"
    revision: str = "1"
    device: str = "cpu"
    agreement: float = 0.3
    share: float = 0.5
    extra: tuple[Hypothesis, ...] = ()
    photos: int = 0

    def segment(self, photos: Sequence[U8]) -> list[Matte]:
        self.photos += len(photos)
        return [self._matte(photo) for photo in photos]

    def _matte(self, photo: U8) -> Matte:
        height, width = photo.shape[:2]
        found = oval((width, height))
        found[:, round(width * self.share) :] = False
        small = oval((80, 80))
        hypotheses = (Hypothesis("whole", small, 0.4), Hypothesis("none", np.zeros((80, 80), bool), 0.1), *self.extra)
        measures = {"area": float(found.mean()), "agreement": self.agreement}
        run = EngineRun(self.name, self.revision, self.device, "review", 0.2, "agreement")
        return Matte(as_alpha(found), measures, ("route_half",), hypotheses, (run,))


@dataclass
class OneEngine:
    """In the place of the run's engines."""

    engine: HalfEngine = field(default_factory=HalfEngine)

    def cut_outs(self, store: CatalogStore) -> CutOuts:
        return CutOuts(self.engine, "")

    def threads(self) -> int:
        return 1


def run(root: Path | CatalogStore, engine: HalfEngine, skus: Sequence[str] | None = None, **options: Any) -> LineReport:
    """The product line over a catalog with an engine of the test's own."""
    store = open_store(str(root)) if isinstance(root, Path) else root
    context = RunContext(store, load_settings(store), OneEngine(engine), **options)  # type: ignore[arg-type]
    return run_line(product_of(context), sorted(context.uploads.skus) if skus is None else skus, threads=1)


def mask_of(root: Path | CatalogStore, sku: str = "mug", view: str = "main") -> Record:
    store = open_store(str(root)) if isinstance(root, Path) else root
    record = product_shelf(store, "mask", sku).record(view)
    assert record is not None
    return record


def alpha_of(root: Path, record: Record, role: str = "mask") -> U8:
    return read_grey(read_file(open_store(str(root)), record.files[role]))


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


def decide(root: Path, sku: str = "mug", view: str = "main", **said: Any) -> Path:
    """Write a decision by hand."""
    file = root / "reviews" / sku / f"{view}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(said))
    return file


def give(root: Path, data: bytes, name: str = "main.png", sku: str = "mug") -> None:
    (root / "reviews" / sku).mkdir(parents=True, exist_ok=True)
    (root / "reviews" / sku / name).write_bytes(data)


def files_and_times(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in (root / "assets").rglob("*.*")}


@pytest.fixture
def engine() -> HalfEngine:
    return HalfEngine()


@pytest.fixture
def shop(tmp_path: Path, engine: HalfEngine) -> Path:
    """One SKU whose mask waits for a person."""
    make_catalog(tmp_path, good=["mug"])
    assert run(tmp_path, engine).reviews == 1
    assert engine.photos == 1
    return tmp_path


# What a person is shown


def test_a_mask_in_review_keeps_its_hypotheses_a_sheet_and_the_engines_that_ran(shop: Path) -> None:
    record = mask_of(shop)
    assert sorted(record.files) == ["choices", "hypothesis_none", "hypothesis_whole", "mask"]
    assert set(np.unique(alpha_of(shop, record, "hypothesis_whole"))) == {0, 255}
    assert (alpha_of(shop, record, "hypothesis_whole") > 0).tolist() == oval((80, 80)).tolist()
    with Image.open(io.BytesIO(read_file(open_store(str(shop)), record.files["choices"]))) as sheet:
        assert sheet.format == "WEBP"
        assert sheet.width > sheet.height / 2  # photo, mask and two hypotheses, two beside two
        assert min(sheet.size) > 600
    assert record.facts["hypotheses"] == {"whole": 0.4, "none": 0.1}
    assert runs_of(record) == [EngineRun("half", "1", "cpu", "review", 0.2, "agreement")]
    assert "catalog review" in quarantined(open_store(str(shop)))[0].rejection.hint


def test_an_accepted_mask_keeps_nothing_to_choose_from(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["mug"])
    assert run(tmp_path, HalfEngine(agreement=0.99)).reviews == 0
    record = mask_of(tmp_path)
    assert sorted(record.files) == ["mask"]
    assert runs_of(record)  # who ran is on record all the same


# What a person may decide


def test_an_approved_mask_goes_on_and_says_who_approved_it(shop: Path, engine: HalfEngine) -> None:
    before = mask_of(shop)
    decide(shop, decision="approve", by="Ann", at="2026-01-02T03:04:05+00:00", note="the  other half\nis a shadow")
    report = run(shop, engine)
    assert report.statuses == {"made": 1}
    record = mask_of(shop)
    assert record.passed
    assert record.verdict is not None
    assert (record.verdict["decision"], record.verdict["decided_by"]) == ("accepted", "person")
    assert record.verdict["measures"] == (before.verdict or {})["measures"]
    assert record.measures == before.measures
    assert record.files == before.files
    said = {name: record.facts[f"decision{name}"] for name in ("", "_by", "_at", "_note")}
    assert said == {
        "": "approve",
        "_by": "Ann",
        "_at": "2026-01-02T03:04:05+00:00",
        "_note": "the other half is a shadow",
    }
    assert quarantined(open_store(str(shop))) == []
    assert engine.photos == 1
    kept = files_and_times(shop)
    assert run(shop, engine).statuses == {"up_to_date": 1}
    assert files_and_times(shop) == kept


def test_a_picked_hypothesis_is_drawn_anew_and_replaces_the_mask(shop: Path, engine: HalfEngine) -> None:
    decide(shop, decision="pick", hypothesis="whole")
    assert run(shop, engine).statuses == {"made": 1}
    record = mask_of(shop)
    alpha = alpha_of(shop, record)
    assert alpha.shape == SIZE[::-1]
    assert overlap(alpha > 127, oval()) > 0.97
    assert (alpha_of(shop, record, "found") > 127).sum() < 0.6 * (alpha > 127).sum()
    store = open_store(str(shop))
    cutout = product_shelf(store, "cutout", "mug").records()[0]
    assert cutout.inputs["mask"] == record.files["mask"].sha256
    assert engine.photos == 1
    kept = files_and_times(shop)
    assert run(shop, engine).statuses == {"up_to_date": 1}
    assert files_and_times(shop) == kept


def matte_grey() -> bytes:
    return png_grey(as_alpha(oval()))


def matte_transparent() -> bytes:
    return png_bytes(np.dstack([easy_photo(0), as_alpha(oval())]))


def matte_half_size() -> bytes:
    return png_grey(as_alpha(oval((160, 160))))


def matte_slightly_cropped() -> bytes:
    return png_grey(as_alpha(oval((320, 316))))


@pytest.mark.parametrize("make", [matte_grey, matte_transparent, matte_half_size, matte_slightly_cropped])
def test_a_matte_that_is_given_replaces_the_mask(shop: Path, engine: HalfEngine, make: Any) -> None:
    give(shop, make(), "mine.png")
    decide(shop, decision="matte", matte="mine.png")
    assert run(shop, engine).statuses == {"made": 1}
    record = mask_of(shop)
    assert overlap(alpha_of(shop, record) > 127, oval()) > 0.97
    assert record.verdict is not None
    assert record.verdict["decided_by"] == "person"
    assert engine.photos == 1
    kept = files_and_times(shop)
    assert run(shop, engine).statuses == {"up_to_date": 1}
    assert files_and_times(shop) == kept


def test_a_matte_is_called_like_its_view_unless_the_decision_says_otherwise(shop: Path, engine: HalfEngine) -> None:
    give(shop, matte_grey())
    decide(shop, decision="matte")
    assert run(shop, engine).statuses == {"made": 1}


def test_a_matte_may_be_given_for_a_mask_that_was_accepted(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["mug"])
    sure = HalfEngine(agreement=0.99)
    run(tmp_path, sure)
    give(tmp_path, matte_grey())
    decide(tmp_path, decision="matte")
    assert run(tmp_path, sure).statuses == {"made": 1}
    assert overlap(alpha_of(tmp_path, mask_of(tmp_path)) > 127, oval()) > 0.99


def test_another_decision_replaces_the_first_and_none_brings_the_engines_mask_back(
    shop: Path, engine: HalfEngine
) -> None:
    before = mask_of(shop)
    kept = set(files_and_times(shop))
    give(shop, matte_grey())
    decide(shop, decision="matte")
    run(shop, engine)
    decide(shop, decision="pick", hypothesis="whole")
    run(shop, engine)
    decide(shop, decision="approve")
    run(shop, engine)
    assert mask_of(shop).files == before.files
    (shop / "reviews" / "mug" / "main.json").unlink()
    report = run(shop, engine)
    assert report.reviews == 1
    after = mask_of(shop)
    assert {**after.to_json(), "made_at": ""} == {**before.to_json(), "made_at": ""}
    assert set(files_and_times(shop)) - kept == {  # of the masks that were in use nothing is left
        path for path in files_and_times(shop) if "/cutout/" in path
    }
    assert engine.photos == 1


def test_a_decision_is_for_its_own_sku_alone_even_if_another_has_the_same_photo(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["mug"])
    engine = HalfEngine()
    run(tmp_path, engine)
    decide(tmp_path, decision="pick", hypothesis="whole")
    run(tmp_path, engine)
    (tmp_path / "uploads" / "twin.jpg").write_bytes((tmp_path / "uploads" / "mug.jpg").read_bytes())
    report = run(tmp_path, engine)
    assert list(report.rejections) == ["twin"]
    twin = mask_of(tmp_path, "twin")
    assert not twin.passed
    assert twin.files["mask"].sha256 == mask_of(tmp_path).files["found"].sha256
    assert "decision" not in twin.inputs
    assert not any(name.startswith("decision") for name in twin.facts)
    assert engine.photos == 1


def test_force_makes_the_mask_again_and_the_decision_still_holds(shop: Path, engine: HalfEngine) -> None:
    decide(shop, decision="pick", hypothesis="whole")
    run(shop, engine)
    first = mask_of(shop).files["mask"]
    assert run(shop, engine, force=True).statuses == {"made": 1}
    assert engine.photos == 2
    assert mask_of(shop).files["mask"] == first


# What a decision holds for


def replace_photo(root: Path) -> None:
    (root / "uploads" / "mug.jpg").write_bytes(photo_bytes(7))


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize(
    "said", [{"decision": "approve"}, {"decision": "pick", "hypothesis": "whole"}, {"decision": "matte"}]
)
def test_a_decision_ends_with_the_photo_it_was_made_for(
    shop: Path, engine: HalfEngine, said: dict[str, str], named: bool
) -> None:
    give(shop, matte_grey())
    photo = mask_of(shop).inputs["photo"]
    decide(shop, **said, **({"photo": photo[:12]} if named else {}))
    assert run(shop, engine).statuses == {"made": 1}
    replace_photo(shop)
    for _ in range(2):  # and it does not come back by itself
        report = run(shop, engine)
        assert report.reviews == 1
        assert "made for another photo" in report.rejections["mug"].message
        assert "reviews/mug/main.json" in report.rejections["mug"].message
    record = mask_of(shop)
    assert any("no longer applies" in note for note in record.notes)
    assert (shop / "reviews" / "mug" / "main.json").exists()
    decide(shop, **said, photo=record.inputs["photo"])
    assert run(shop, engine).statuses == {"made": 1}


def test_a_decision_is_forgotten_by_no_run_that_is_killed(
    shop: Path, engine: HalfEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(shop, decision="approve")
    run(shop, engine)
    replace_photo(shop)
    with monkeypatch.context() as patch:
        patch.setattr("catalog_assets.stages.mask.decided", lambda *arguments: 1 / 0)
        assert run(shop, engine).has_errors
    assert mask_of(shop).inputs["photo"] != ""
    assert "made for another photo" in run(shop, engine).rejections["mug"].message


@pytest.mark.parametrize("said", [{"decision": "approve"}, {"decision": "pick", "hypothesis": "whole"}])
def test_what_a_person_decided_outlives_another_engine(shop: Path, engine: HalfEngine, said: dict[str, str]) -> None:
    decide(shop, **said)
    run(shop, engine)
    first = mask_of(shop)
    other = HalfEngine(revision="2", share=0.55)
    assert run(shop, other).statuses == {"up_to_date": 1}
    assert other.photos == 0
    assert mask_of(shop) == first
    replace_photo(shop)  # but not another photo
    assert "made for another photo" in run(shop, other).rejections["mug"].message
    assert other.photos == 1


def test_a_mask_that_nobody_decided_about_is_made_by_the_new_engine(shop: Path, engine: HalfEngine) -> None:
    decision = decide(shop, decision="approve")
    run(shop, engine)
    decision.unlink()
    other = HalfEngine(revision="2", share=0.55)
    assert run(shop, other).reviews == 1
    assert other.photos == 1


def test_an_approval_ends_with_the_mask_but_a_pick_holds_for_the_same_hypothesis(
    shop: Path, engine: HalfEngine
) -> None:
    decide(shop, decision="approve")
    run(shop, engine)
    other = HalfEngine(revision="2", share=0.55)
    report = run(shop, other, force=True)
    assert "made for another mask" in report.rejections["mug"].message
    decide(shop, decision="pick", hypothesis="whole")
    assert run(shop, other).statuses == {"made": 1}
    assert run(shop, HalfEngine(revision="3", share=0.6), force=True).statuses == {"made": 1}


def test_an_approval_that_was_there_before_the_mask_counts_only_if_it_names_the_photo(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["mug"])
    decide(tmp_path, decision="approve")
    engine = HalfEngine()
    for _ in range(2):
        report = run(tmp_path, engine)
        assert report.reviews == 1
        assert "names no photo" in report.rejections["mug"].message
    photo = mask_of(tmp_path).inputs["photo"]
    assert photo[:16] in report.rejections["mug"].message
    decide(tmp_path, decision="approve", photo=photo[:16])
    assert run(tmp_path, engine).statuses == {"made": 1}


def test_a_matte_may_come_with_the_photo(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["mug"])
    give(tmp_path, matte_grey())
    decide(tmp_path, decision="matte")
    assert run(tmp_path, HalfEngine()).statuses == {"made": 1}


def test_changed_thresholds_leave_a_persons_mask_alone(shop: Path, engine: HalfEngine) -> None:
    decide(shop, decision="pick", hypothesis="whole")
    run(shop, engine)
    kept = mask_of(shop).files
    (shop / "catalog.yaml").write_text("matte: {agreement: 0.99}\n")
    run(shop, engine)
    assert mask_of(shop).files == kept
    assert mask_of(shop).passed
    assert engine.photos == 1


# Decisions that cannot be used


BAD: Mapping[str, tuple[bytes, str]] = {
    "no JSON": (b"approve!", "not valid JSON"),
    "empty": (b"", "not valid JSON"),
    "not UTF-8": (b'{"decision": "\xff"}', "not valid JSON"),
    "deep": (b"[" * 5000, "not valid JSON"),
    "a list": (b'["approve"]', "must hold names"),
    "too large": (b" " * (MAX_DECISION_BYTES + 1), "bytes"),
    "no decision": (b"{}", '"decision" is missing'),
    "unknown decision": (b'{"decision": "reject"}', '"decision"'),
    "unknown key": (b'{"decision": "approve", "hypthesis": "x"}', "not known"),
    "twice": (b'{"decision": "approve", "decision": "matte"}', "written twice"),
    "a number for a name": (b'{"decision": "approve", "by": 5}', '"by"'),
    "no hypothesis": (b'{"decision": "pick"}', "which one"),
    "unknown hypothesis": (b'{"decision": "pick", "hypothesis": "other"}', "recorded are whole, none"),
    "strange hypothesis": (b'{"decision": "pick", "hypothesis": "../mask"}', '"hypothesis"'),
    "empty hypothesis": (b'{"decision": "pick", "hypothesis": "none"}', "empty"),
    "hypothesis and approve": (b'{"decision": "approve", "hypothesis": "whole"}', "belongs to"),
    "no matte": (b'{"decision": "matte"}', "no file 'main.png'"),
    "matte elsewhere": (b'{"decision": "matte", "matte": "../../uploads/mug.jpg"}', "no file"),
    "absolute matte": (b'{"decision": "matte", "matte": "/etc/hostname"}', "no file"),
    "own folder": (b'{"decision": "matte", "matte": "."}', "no file"),
    "strange photo": (b'{"decision": "approve", "photo": "../../x"}', '"photo"'),
    "control characters": (b'{"decision": "matte", "matte": "a\\u0000\\u001b[31m.png"}', "no file"),
    "surrogates": (b'{"decision": "matte", "matte": "\\ud800.png"}', "valid string"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_decision_that_cannot_be_used_keeps_its_sku_in_review_and_costs_no_other(
    name: str, tmp_path: Path, engine: HalfEngine
) -> None:
    data, words = BAD[name]
    make_catalog(tmp_path, good=["mug", "tea"])
    run(tmp_path, engine)
    decide(tmp_path, "tea", decision="approve")
    file = decide(tmp_path, decision="approve")
    file.write_bytes(data)
    report = run(tmp_path, engine)
    assert list(report.rejections) == ["mug"]
    reason = report.rejections["mug"]
    assert (reason.code, reason.is_review, reason.stage, reason.details) == ("bad_decision", True, "mask", "")
    assert words in reason.message
    assert "reviews/mug/main.json" in reason.message
    assert "\x1b" not in reason.message
    assert "catalog review undo mug --view main" in reason.hint
    assert file.read_bytes() == data
    assert mask_of(tmp_path, "tea").passed
    assert not mask_of(tmp_path).passed
    run(tmp_path, engine)
    file.unlink()
    assert run(tmp_path, engine).rejections["mug"].code == "needs_review"
    assert engine.photos == 2


def damaged() -> bytes:
    return matte_grey()[:-200]


def no_picture() -> bytes:
    return b"no picture, whatever it is called"


def other_shape() -> bytes:
    return png_grey(as_alpha(oval((320, 200))))


def empty() -> bytes:
    return png_grey(np.zeros(SIZE[::-1], np.uint8))


def full() -> bytes:
    return png_grey(np.full(SIZE[::-1], 255, np.uint8))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (damaged, "cut off or damaged"),
        (no_picture, "not a picture"),
        (other_shape, "320 x 200"),
        (empty, "it is empty"),
        (full, "it is full"),
    ],
)
def test_a_matte_that_cannot_be_used_is_refused(shop: Path, engine: HalfEngine, make: Any, words: str) -> None:
    give(shop, make())
    decide(shop, decision="matte")
    reason = run(shop, engine).rejections["mug"]
    assert reason.code == "bad_decision"
    assert words in reason.message
    assert not mask_of(shop).passed
    result = catalog("review", "matte", "mug", shop / "reviews" / "mug" / "main.png", "--root", shop)
    assert_could_not_run(result, words)


def test_a_link_out_of_the_catalog_is_no_matte(shop: Path, engine: HalfEngine, tmp_path_factory: Any) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.png"
    secret.write_bytes(matte_grey())
    decide(shop, decision="matte")
    (shop / "reviews" / "mug" / "main.png").symlink_to(secret)
    assert "no file" in run(shop, engine).rejections["mug"].message


def test_two_decisions_for_one_view_are_a_conflict(shop: Path, engine: HalfEngine) -> None:
    decide(shop, decision="approve")
    decide(shop, view="Main", decision="pick", hypothesis="whole")
    assert "2 of them" in run(shop, engine).rejections["mug"].message
    assert remove_decision(open_store(str(shop)), "mug", "main") == ["reviews/mug/Main.json", "reviews/mug/main.json"]


def test_an_empty_mask_cannot_be_approved(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["mug"])
    engine = HalfEngine(share=0.0)
    run(tmp_path, engine)
    decide(tmp_path, decision="approve")
    assert "cannot be approved" in run(tmp_path, engine).rejections["mug"].message
    assert_could_not_run(catalog("review", "approve", "mug", "--root", tmp_path), "cannot be approved")


def test_a_bad_decision_about_another_view_leaves_only_that_view_out(tmp_path: Path, engine: HalfEngine) -> None:
    folder = tmp_path / "uploads" / "mug"
    folder.mkdir(parents=True)
    (folder / "main.jpg").write_bytes(photo_bytes(1))
    (folder / "back.jpg").write_bytes(photo_bytes(2))
    run(tmp_path, engine)
    decide(tmp_path, decision="approve")
    decide(tmp_path, view="back", decision="pick", hypothesis="other")
    report = run(tmp_path, engine)
    assert report.statuses == {"made": 1}
    store = open_store(str(tmp_path))
    assert [record.name for record in product_shelf(store, "cutout", "mug").records()] == ["main"]
    back = mask_of(tmp_path, view="back")
    assert back.rejection is not None
    assert back.rejection.code == "bad_decision"
    assert (
        "mug, view back: The decision reviews/mug/back.json"
        in catalog("review", "--all-views", "--root", tmp_path).stdout
    )


def test_names_are_made_safe_as_those_of_uploads_are(tmp_path: Path, engine: HalfEngine) -> None:
    folder = tmp_path / "uploads" / "Blaue Tasse"
    folder.mkdir(parents=True)
    (folder / "vorne links.jpg").write_bytes(photo_bytes(1))
    run(tmp_path, engine)
    decide(tmp_path, "Blaue Tasse", "vorne links", decision="approve")
    assert run(tmp_path, engine).statuses == {"made": 1}


def test_what_lies_in_reviews_and_decides_nothing_is_named(shop: Path) -> None:
    decide(shop, "nobody", decision="approve")
    (shop / "reviews" / "main.json").write_text("{}")
    (shop / "reviews" / "mug").mkdir()
    (shop / "reviews" / "mug" / "main.yaml").write_text("decision: approve")
    (shop / "reviews" / "mug" / ".DS_Store").write_bytes(b"x")
    (shop / "reviews" / "cup").mkdir()
    (shop / "reviews" / "cup" / "main.png").write_bytes(b"x")
    result = catalog("review", "--root", shop)
    ignored = [line for line in result.stdout.splitlines() if line.startswith("ignored: ")]
    assert [line.split()[1] for line in ignored] == [
        "reviews/main.json",
        "reviews/mug/main.yaml",
        "reviews/cup/main.png",
        "reviews/nobody/main.json",
    ]


# The store


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> CatalogStore:
    if request.param == "local":
        return open_store(str(tmp_path))
    server: S3Server = request.getfixturevalue("s3_server")
    return S3Store(server.new_bucket(), "shop one", s3_client(server.endpoint))


def test_a_decision_is_written_read_replaced_and_removed(store: CatalogStore) -> None:
    key = write_decision(store, "mug", "main", Decision(decision="matte", by="Ann"), ("png", matte_grey()))
    assert key == "reviews/mug/main.json"
    first = Decisions(store)
    found = first.of("mug", "main")
    assert found is not None
    assert found.matte == matte_grey()  # type: ignore[union-attr]
    assert found.decision.by == "Ann"  # type: ignore[union-attr]
    assert len(first.tokens()["mug"]) == 2
    write_decision(store, "mug", "main", Decision(decision="matte"), ("png", matte_half_size()))
    assert Decisions(store).of("mug", "main").matte == matte_half_size()  # type: ignore[union-attr]
    assert len(list(store.list("reviews/"))) == 2  # the first matte went with the decision that named it
    assert Decisions(store).tokens() != first.tokens()
    write_decision(store, "mug", "main", Decision(decision="approve"), None)
    assert [entry.key for entry in store.list("reviews/")] == [key]
    assert remove_decision(store, "mug", "main") == [key]
    assert remove_decision(store, "mug", "main") == []
    assert list(store.list("reviews/")) == []


def test_a_matte_that_somebody_put_there_is_never_removed(shop: Path) -> None:
    give(shop, matte_grey(), "by hand.png")
    decide(shop, decision="matte", matte="by hand.png")
    assert remove_decision(open_store(str(shop)), "mug", "main") == ["reviews/mug/main.json"]
    assert (shop / "reviews" / "mug" / "by hand.png").exists()


def test_the_line_takes_decisions_from_s3(s3_server: S3Server, engine: HalfEngine) -> None:
    store = S3Store(s3_server.new_bucket(), "shop one", s3_client(s3_server.endpoint))
    store.write("uploads/mug.jpg", photo_bytes(0))
    assert run(store, engine).reviews == 1
    write_decision(store, "mug", "main", Decision(decision="matte"), ("png", matte_grey()))
    assert run(store, engine).statuses == {"made": 1}
    assert mask_of(store).facts["decision"] == "matte"
    remove_decision(store, "mug", "main")
    assert run(store, engine).reviews == 1
    assert engine.photos == 1


# The command line


@pytest.fixture(autouse=True)
def own_process_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with elsewhere(tmp_path_factory.mktemp("elsewhere")):
        yield


def test_the_list_says_what_there_is_to_choose_from(shop: Path) -> None:
    result = catalog("review", "--root", shop)
    assert result.exit_code == 1
    text = result.stdout
    assert text.startswith("mug [product / mask / needs_review, since ")
    assert "  mug, view main\n" in text
    assert f"look at {shop / mask_of(shop).files['choices'].key}" in text
    assert f"    catalog review approve mug --view main --root {shop}\n" in text
    assert f"    catalog review pick mug NAME --view main --root {shop}\n" in text
    assert "NAME is one of whole, none" in text


@pytest.mark.parametrize("place", ["before", "after"])
def test_every_way_to_decide_and_back_again(shop: Path, engine: HalfEngine, place: str) -> None:
    def review(*words: str | Path) -> Result:
        if place == "before":
            return catalog("review", "--root", shop, *words)
        return catalog("review", *words, "--root", shop)

    file = shop / "reviews" / "mug" / "main.json"
    result = review("approve", "mug", "--by", "Ann", "--note", "looks right")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"written: {file}" in result.stdout
    assert f"next: catalog refresh --sku mug --root {shop}" in result.stdout
    said = json.loads(file.read_text())
    assert (said["decision"], said["by"], said["note"]) == ("approve", "Ann", "looks right")
    assert said["photo"] == mask_of(shop).inputs["photo"]
    assert said["mask"] == mask_of(shop).files["mask"].sha256
    assert run(shop, engine).statuses == {"made": 1}
    assert catalog("review", "--root", shop).exit_code == 0

    assert review("pick", "mug", "whole", "--view", "main").exit_code == 0
    assert run(shop, engine).statuses == {"made": 1}
    assert mask_of(shop).facts["decision_hypothesis"] == "whole"

    matte = shop / "mine.png"
    matte.write_bytes(matte_transparent())
    assert review("matte", "mug", matte).exit_code == 0
    assert run(shop, engine).statuses == {"made": 1}
    assert overlap(alpha_of(shop, mask_of(shop)) > 127, oval()) > 0.99

    result = review("undo", "mug")
    assert result.exit_code == 0
    assert result.stdout.count("removed: ") == 2
    assert list((shop / "reviews").rglob("*")) == []
    assert run(shop, engine).reviews == 1
    assert engine.photos == 1


def test_what_cannot_be_decided_says_2_in_one_line(shop: Path, tmp_path: Path) -> None:
    def stops(*words: str | Path, because: str) -> None:
        assert_could_not_run(catalog("review", *words, "--root", shop), because)

    stops("approve", "muk", because="Did you mean mug?")
    stops("approve", "../../mug", because="No mask of a SKU")
    stops("approve", "mug", "--view", "back", because="there are main")
    stops("pick", "mug", "other", because="recorded are whole, none")
    stops("pick", "mug", "../mask", because="recorded are whole, none")
    stops("matte", "mug", tmp_path / "nothing.png", because="nothing.png")
    stops("matte", "mug", shop / "uploads", because="directory")
    stops("undo", "mug", because="no decision")
    stops("undo", "../..", because="no decision")
    assert not (shop / "reviews").exists()
    assert_could_not_run(catalog("review", "approve", "mug", "--root", shop / "elsewhere"), "No catalog folder")
    assert_could_not_run(catalog("review", "reject", "mug", "--root", shop), "--campaign")
    assert_could_not_run(catalog("review", "approve", "mug", "--scene", "x", "--root", shop), "--campaign")
    assert_could_not_run(catalog("review", "undo", "mug", "--scene", "x", "--root", shop), "--campaign")


def test_several_views_that_wait_must_be_named(tmp_path: Path, engine: HalfEngine) -> None:
    folder = tmp_path / "uploads" / "mug"
    folder.mkdir(parents=True)
    (folder / "main.jpg").write_bytes(photo_bytes(1))
    (folder / "back.jpg").write_bytes(photo_bytes(2))
    run(tmp_path, engine)
    assert_could_not_run(catalog("review", "approve", "mug", "--root", tmp_path), "--view", "back, main")
    assert catalog("review", "approve", "mug", "--view", "main", "--root", tmp_path).exit_code == 0
    run(tmp_path, engine)
    catalog("review", "approve", "mug", "--root", tmp_path)  # the only one that still waits
    assert (tmp_path / "reviews" / "mug" / "back.json").exists()
    assert_could_not_run(catalog("review", "undo", "mug", "--root", tmp_path), "--view", "back, main")


def test_an_accepted_mask_needs_no_approval(tmp_path: Path) -> None:
    make_catalog(tmp_path, good=["mug"])
    run(tmp_path, HalfEngine(agreement=0.99))
    assert_could_not_run(catalog("review", "approve", "mug", "--root", tmp_path), "accepted already")


def test_go_runs_the_line_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    campaigns = tmp_path / "campaigns"
    campaigns.mkdir()
    (campaigns / "evergreen.yaml").write_text(
        "name: evergreen\nscenes: [{template: grey-sweep, candidates: 1}]\nmarketplaces: [shopify]\n"
    )
    monkeypatch.setenv("CATALOG_CAMPAIGNS", str(campaigns))
    root = make_catalog(tmp_path / "shop", good=["mug"])
    # No mask is good enough for this gate: every one waits for a person.
    (root / "catalog.yaml").write_text("scene_size: 500\nmatte: {agreement: 1.5}\n")
    assert catalog("refresh", "--root", root).exit_code == 1
    assert catalog("review", "--root", root).exit_code == 1
    result = catalog("review", "approve", "mug", "--root", root, "--go")
    assert result.exit_code == 0, result.output
    assert "product: 1 made" in result.stdout
    assert list((root / "exports" / "shopify" / "evergreen" / "mug").iterdir())
    assert catalog("review", "--root", root).exit_code == 0
    result = catalog("review", "undo", "mug", "--root", root, "--go")
    assert result.exit_code == 1
    assert "product: 1 review" in result.stdout


# The pages


def test_the_pages_show_the_choices_and_what_to_type(shop: Path, engine: HalfEngine) -> None:
    store, campaigns = open_store(str(shop)), load_campaigns()
    write_gallery(store, campaigns)
    sheet = mask_of(shop).files["choices"].key.rsplit("/", 1)[1]
    pages = ["reports/gallery/evergreen/review.html", write_trace_page(store, trace(store, campaigns, "mug"))]
    for key in pages:
        page = store.read(key).decode()
        assert sheet in page
        assert "<code>catalog review approve mug --view main</code>" in page
        assert "NAME is one of whole, none" in page
    assert "half 1 on cpu: review, 0.20 (agreement)" in trace(store, campaigns, "mug").as_text()
    decide(shop, decision="approve", by="<script>alert(1)</script>")
    run(shop, engine)
    page = store.read(write_trace_page(store, trace(store, campaigns, "mug"))).decode()
    assert "catalog review approve" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
