"""Scenes made again: engines that harm the product until they are told to take care, through the real stages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from catalog_assets.campaign_files import Campaign
from catalog_assets.campaigns import campaign_line
from catalog_assets.line import Line, run_line
from catalog_assets.quarantine import quarantined
from catalog_assets.records import Record, campaign_shelf, read_file
from catalog_assets.stage import StageResult
from catalog_assets.stages.rework import MOST_SETS, can_help, missed, more_care
from catalog_assets.stages.scored_finals import ScoredFinals
from resources.imaging.encode import read_rgb
from resources.scenes.engine import Candidate, Care, SceneJob
from resources.scenes.engines import SCENE_ENGINES
from resources.scenes.studio import StudioEngine
from resources.store import open_store
from resources.verdicts import Verdict, measure
from tests.catalogs import make_catalog, open_context, photo_bytes, pictures, run_product

U8 = NDArray[np.uint8]
VARIANTS, FINALS, EXPORT = range(3)
ALL = (VARIANTS, FINALS, EXPORT)
FIRST_CARE = {"harmonise": True, "plain": False, "grip": 0}


class Faulty(StudioEngine):
    """The studio, but for what it does to the product. jobs: every job that any engine of the test got."""

    jobs: ClassVar[list[SceneJob]] = []

    def compose(self, jobs: Sequence[SceneJob]) -> list[Candidate]:
        self.jobs.extend(jobs)
        plain = [replace(job, care=replace(job.care, harmonise=False)) for job in jobs]
        made = super().compose(plain)
        return [replace(one, rgb=self.harm(one, job.care)) for one, job in zip(made, jobs, strict=True)]

    def harm(self, made: Candidate, care: Care) -> U8:
        """The picture with the product harmed, unless the care forbids it."""
        raise NotImplementedError


def inside(made: Candidate, changed: U8) -> U8:
    return np.where(made.alpha[..., None] > 0, changed, made.rgb).astype(np.uint8)


class Tinting(Faulty):
    name = "tinting"

    def harm(self, made: Candidate, care: Care) -> U8:
        if not care.harmonise:
            return made.rgb
        return inside(made, np.clip(made.rgb + np.array([70, 0, -30]), 0, 255).astype(np.uint8))


class Smearing(Faulty):
    name = "smearing"

    def harm(self, made: Candidate, care: Care) -> U8:
        return made.rgb if care.grip else inside(made, cv2.GaussianBlur(made.rgb, (0, 0), 12))


class Ruining(Faulty):
    name = "ruining"

    def harm(self, made: Candidate, care: Care) -> U8:
        return inside(made, 255 - made.rgb)


class Darkening(Faulty):
    """Leaves the product alone, but no light in the scene, until it is asked for a plain one."""

    name = "darkening"

    def harm(self, made: Candidate, care: Care) -> U8:
        return made.rgb if care.plain else np.where(made.alpha[..., None] > 0, made.rgb, 0).astype(np.uint8)


@pytest.fixture(scope="module")
def cut_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_catalog(tmp_path_factory.mktemp("shop"))
    (root / "uploads" / "a.jpg").write_bytes(photo_bytes(0, (640, 640)))
    (root / "catalog.yaml").write_text("candidates: 2\nscene_size: 560\n")
    run_product(root)
    return root


@pytest.fixture
def shop(cut_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog with one SKU that is cut out, and the engines of this file."""
    for engine in (Tinting, Smearing, Ruining, Darkening):
        monkeypatch.setitem(SCENE_ENGINES, engine.name, engine)
    monkeypatch.setattr(Faulty, "jobs", [])
    return Path(shutil.copytree(cut_out, tmp_path / "shop"))


def campaign(name: str = "sale", **fields: object) -> Campaign:
    return Campaign.model_validate(
        {"name": name, "scenes": [{"template": "grey-sweep"}], "marketplaces": ["shopify"], **fields}
    )


def run(
    root: Path, chosen: Campaign, stages: Sequence[int] = ALL, **options: object
) -> tuple[dict[str, StageResult], list[str]]:
    """Run some stages of a campaign; the last result of each by its asset, and their statuses in order."""
    whole = campaign_line(chosen, 9).line(open_context(root, **options))
    line = Line(whole.name, tuple(whole.stages[number] for number in stages), whole.quarantine)
    results: list[StageResult] = []
    run_line(line, ["a"], threads=1, on_result=results.append)
    return {result.stage: result for result in results}, [result.status for result in results]


def records(root: Path, stage: str, name: str = "sale") -> list[Record]:
    return campaign_shelf(open_store(str(root)), name, stage, "a").records()


def final_of(root: Path, name: str = "sale") -> Record:
    [final] = records(root, "scored_finals", name)
    return final


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def exports(root: Path) -> set[str]:
    return set(pictures(open_store(str(root)), "exports"))


def tamper(root: Path, key: str) -> None:
    """Change a stored picture, not its size."""
    data = bytearray((root / key).read_bytes())
    data[len(data) // 2] ^= 0x55
    (root / key).write_bytes(data)


# ---- made again


@pytest.mark.parametrize(
    ("engine", "care", "because"),
    [
        ("tinting", {"harmonise": False, "plain": False, "grip": 1}, "ab_shift"),
        ("smearing", {"harmonise": False, "plain": False, "grip": 1}, "detail"),
    ],
)
def test_a_harmed_product_is_made_again_with_the_care_that_its_harm_asks_for(
    shop: Path, engine: str, care: dict[str, object], because: str
) -> None:
    _, statuses = run(shop, campaign(engine=engine))
    assert statuses == ["made"] * 3
    final = final_of(shop)
    assert final.status == "accepted"
    assert "evidence" not in final.files
    assert (final.facts["sets"], final.facts["chosen"][-6:]) == (2, ".a1.r1")
    rows = final.facts["candidates"]
    assert [row["decision"] for row in rows[:2]] == ["rejected"] * 2
    assert sorted(row["decision"] for row in rows[2:]) == ["accepted", "not_judged"]
    assert [row.get("again") for row in rows] == [None, None, "r1", "r1"]
    assert all(row["care"] == care and because in row["because"] for row in rows[2:])
    made = records(shop, "scene_variants")
    assert {record.name: (record.facts["care"], record.facts["again"]) for record in made} == {
        "main.grey-sweep.c1.a1": (FIRST_CARE, ""),
        "main.grey-sweep.c1.a1.r1": (care, "r1"),
        "main.grey-sweep.c2.a1": (FIRST_CARE, ""),
        "main.grey-sweep.c2.a1.r1": (care, "r1"),
    }
    assert len({record.facts["seed"] for record in made}) == 4
    assert [job.care for job in Faulty.jobs] == [Care()] * 2 + [Care(**care)] * 2  # type: ignore[arg-type]
    assert exports(shop)


def test_after_three_sets_in_vain_a_person_must_look_and_nothing_is_exported(shop: Path) -> None:
    results, statuses = run(shop, campaign(engine="ruining"))
    assert statuses == ["made", "review"]
    rejection = results["scored_finals"].rejection
    assert rejection is not None
    assert rejection.code == "needs_review"
    assert rejection.message.startswith("3 attempts gave no picture that shows the product as it is")
    assert "catalog review" in rejection.hint
    final = final_of(shop)
    assert (final.status, final.facts["sets"]) == ("review", MOST_SETS)
    assert set(final.files) == {"preview", "evidence"}
    panel = read_rgb(read_file(open_store(str(shop)), final.files["evidence"]))
    assert panel.shape[1] > 1000
    cares = [job.care for job in Faulty.jobs]
    assert cares == [Care()] * 2 + [Care(harmonise=False, grip=1)] * 2 + [Care(harmonise=False, grip=2)] * 2
    assert len({job.seed for job in Faulty.jobs}) == 6
    assert exports(shop) == set()


@pytest.mark.parametrize("engine", ["tinting", "ruining"])
def test_nothing_is_done_twice(shop: Path, engine: str) -> None:
    _, first = run(shop, campaign(engine=engine))
    before, composed = files(shop), len(Faulty.jobs)
    _, again = run(shop, campaign(engine=engine))
    assert again == ["up_to_date" if status == "made" else status for status in first]
    assert files(shop) == before
    assert len(Faulty.jobs) == composed


def test_the_same_upload_is_made_again_in_the_same_way_everywhere_and_by_force(shop: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(shop, tmp_path / "other"))
    for root in (shop, other):
        run(root, campaign(engine="ruining"))
    made = pictures(open_store(str(shop)))
    assert pictures(open_store(str(other))) == made
    composed = len(Faulty.jobs)
    run(shop, campaign(engine="ruining"), force=True)
    assert pictures(open_store(str(shop))) == made
    assert len(Faulty.jobs) == composed + 6


def test_a_retry_is_another_attempt_with_reworks_of_its_own(shop: Path) -> None:
    run(shop, campaign(engine="ruining"))
    first = {record.name for record in records(shop, "scene_variants")}
    run(shop, campaign(engine="ruining"), retry=True)
    both = {record.name for record in records(shop, "scene_variants")}
    assert both - first == {name.replace(".a1", ".a2") for name in first}
    assert {row["name"] for row in final_of(shop).facts["candidates"]} == both - first
    _, statuses = run(shop, campaign(engine="ruining"))
    assert statuses == ["up_to_date", "review"]


def test_finals_alone_can_have_a_scene_made_again(shop: Path) -> None:
    run(shop, campaign(engine="tinting"), [VARIANTS])
    assert len(Faulty.jobs) == 2
    _, statuses = run(shop, campaign(engine="tinting"), [FINALS])
    assert statuses == ["made"]
    assert final_of(shop).facts["chosen"].endswith(".r1")


def test_a_lost_rework_is_made_again_as_it_was(shop: Path) -> None:
    run(shop, campaign(engine="tinting"))
    before = pictures(open_store(str(shop)))
    (shop / final_of(shop).files["final"].key).unlink()
    _, statuses = run(shop, campaign(engine="tinting"))
    assert statuses == ["up_to_date", "made", "up_to_date"]
    assert pictures(open_store(str(shop))) == before


def test_a_weak_scene_is_made_again_plainly_and_the_best_of_all_is_chosen(shop: Path) -> None:
    _, statuses = run(shop, campaign(engine="darkening"))
    assert statuses == ["made"] * 3
    final = final_of(shop)
    rows = final.facts["candidates"]
    assert sorted(row["decision"] for row in rows) == ["accepted"] * 2 + ["not_judged"] * 2
    assert sorted(row["rank"] for row in rows) == [1, 2, 3, 4]
    [best] = [row for row in rows if row["rank"] == 1]
    assert (best["name"], best["decision"]) == (final.facts["chosen"], "accepted")
    assert {tuple(row["because"]) for row in rows[2:]} == {("rank_score",)}
    assert {row["care"]["plain"] for row in rows[2:]} == {True}
    assert final.facts["chosen"].endswith(".r1")


# ---- the table of remedies


def _verdict(*names: str, decided_by: str = "") -> Verdict:
    measures = [measure("detail", 0.9, at_least=0.6), *(measure(name, 2.0, at_most=1.0) for name in names)]
    return Verdict("rejected", 0.2, tuple(measures), decided_by or names[0])


@pytest.mark.parametrize(
    ("names", "care"),
    [
        (("ab_shift",), Care(harmonise=False, grip=1)),
        (("delta_e_block",), Care(harmonise=False, grip=1)),
        (("expansion",), Care(grip=1)),
        (("worst_block_ssim", "text_distance"), Care(grip=1)),
        (("stretch",), Care(plain=True, grip=1)),
        (("rank_score",), Care(plain=True)),
        (("a_measure_of_next_year",), Care(grip=1)),
        (("block_ab_shift", "visible_share"), Care(harmonise=False, plain=True, grip=1)),
    ],
)
def test_what_was_missed_says_what_care_to_take(names: tuple[str, ...], care: Care) -> None:
    assert missed([_verdict(*names), Verdict("accepted", 0.9)]) == tuple(sorted(names))
    assert more_care(Care(), names) == care


def test_care_only_grows_and_ends_somewhere() -> None:
    care = Care(harmonise=False, plain=True, grip=2)
    assert more_care(care, ["ab_shift", "scale"]) == care
    assert more_care(Care(plain=True, grip=1), ["expansion"]) == Care(plain=True, grip=2)


def test_a_product_that_cannot_be_judged_at_all_is_not_made_again() -> None:
    lost = Verdict("review", 0.1, (measure("features", 3.0),), "registration")
    thin = _verdict("solid_pixels")
    assert missed([lost]) == ("registration",)
    assert can_help([lost, thin])
    assert not can_help([thin, _verdict("no_product")])


# ---- a person's word


def decide(root: Path, **said: object) -> None:
    path = root / "reviews" / "a" / "sale" / "main.grey-sweep.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"by": "Ann", "note": "the label", **said}))


def test_a_person_gets_the_care_she_asks_for_and_can_approve_what_it_gave(shop: Path) -> None:
    run(shop, campaign(engine="ruining"))
    decide(shop, decision="rework", harmonise=False, grip=2)
    _, statuses = run(shop, campaign(engine="ruining"))
    assert statuses == ["up_to_date", "review"]
    asked = final_of(shop)
    assert [row["again"][0] for row in asked.facts["candidates"]] == ["p", "p"]
    assert [job.care for job in Faulty.jobs[6:]] == [Care(harmonise=False, grip=2)] * 2
    assert len({job.seed for job in Faulty.jobs}) == 8
    assert "evidence" in asked.files

    [shown] = [record for record in records(shop, "scene_variants") if record.name == asked.facts["chosen"]]
    cutout = asked.inputs["cutout"]
    decide(shop, decision="approve", picture=shown.files["picture"].sha256, cutout=cutout, candidate=shown.name)
    _, statuses = run(shop, campaign(engine="ruining"))
    assert statuses == ["up_to_date", "made", "made"]
    approved = final_of(shop)
    assert approved.files["final"] == shown.files["picture"]
    assert "evidence" in approved.files
    assert len(Faulty.jobs) == 8
    assert exports(shop)
    _, statuses = run(shop, campaign(engine="ruining"))
    assert statuses == ["up_to_date"] * 3


def test_an_export_alone_knows_that_a_person_said_no_meanwhile(shop: Path) -> None:
    run(shop, campaign())
    decide(shop, decision="reject")
    results, statuses = run(shop, campaign(), [EXPORT])
    assert statuses == ["rejected"]
    assert results["marketplace_export"].rejection.code == "stale_verdict"  # type: ignore[union-attr]
    assert exports(shop) == set()
    _, statuses = run(shop, campaign())
    assert statuses == ["up_to_date", "rejected"]


# ---- the export fails closed


def test_a_final_changed_on_disk_between_scoring_and_export_is_not_exported(shop: Path) -> None:
    run(shop, campaign(), [VARIANTS, FINALS])
    tamper(shop, final_of(shop).files["final"].key)
    results, statuses = run(shop, campaign())
    assert statuses == ["up_to_date", "up_to_date", "rejected"]
    rejection = results["marketplace_export"].rejection
    assert rejection is not None
    assert (rejection.code, rejection.details) == ("final_changed", "")
    assert "changed after it was judged" in rejection.message
    assert exports(shop) == set()
    assert [record.rejection.code for record in quarantined(open_store(str(shop)))] == ["final_changed"]
    _, statuses = run(shop, campaign(), force=True)
    assert statuses == ["made"] * 3
    assert quarantined(open_store(str(shop))) == []


def test_a_final_changed_after_its_export_is_withdrawn_and_the_others_stay(shop: Path) -> None:
    two = campaign(scenes=[{"template": "grey-sweep"}, {"template": "frost"}])
    run(shop, two)
    assert len(exports(shop)) == 2
    [frost] = [record for record in records(shop, "scored_finals") if record.facts["scene"] == "frost"]
    tamper(shop, frost.files["final"].key)
    results, statuses = run(shop, two)
    assert statuses[2] == "rejected"
    assert results["marketplace_export"].rejection.code == "final_changed"  # type: ignore[union-attr]
    [record] = records(shop, "marketplace_export")
    assert [fact["scene"] for fact in record.facts["files"]] == ["grey-sweep"]
    assert exports(shop) == {file.key for file in record.files.values()}


def test_a_final_that_is_gone_is_made_again(shop: Path) -> None:
    run(shop, campaign(), [VARIANTS, FINALS])
    (shop / final_of(shop).files["final"].key).unlink()
    results, _ = run(shop, campaign(), [EXPORT])
    assert results["marketplace_export"].rejection.code == "final_changed"  # type: ignore[union-attr]
    _, statuses = run(shop, campaign())
    assert statuses == ["made", "up_to_date", "made"]


def test_a_changed_cutout_gives_no_white_picture(shop: Path) -> None:
    evergreen = campaign("evergreen")
    run(shop, evergreen)
    assert len(exports(shop)) == 2
    [cutout] = (shop / "assets" / "product" / "cutout" / "a").glob("*.png")
    tamper(shop, str(cutout.relative_to(shop)))
    results, _ = run(shop, evergreen)
    assert results["marketplace_export"].rejection.code == "cutout_changed"  # type: ignore[union-attr]
    assert exports(shop) == set()
    run_product(shop, force=True)
    _, statuses = run(shop, evergreen)
    assert statuses == ["up_to_date", "up_to_date", "made"]
    assert len(exports(shop)) == 2


def test_a_verdict_of_other_thresholds_exports_nothing_until_it_is_judged_again(shop: Path) -> None:
    run(shop, campaign())
    assert exports(shop)
    looser = campaign(fidelity={"worst_block_ssim": 0.6})
    results, _ = run(shop, looser, [EXPORT])
    assert results["marketplace_export"].rejection.code == "stale_verdict"  # type: ignore[union-attr]
    assert exports(shop) == set()
    _, statuses = run(shop, looser)
    assert statuses == ["up_to_date", "made", "made"]
    assert exports(shop)


def test_a_final_without_a_verdict_or_of_another_cutout_is_not_exported(shop: Path) -> None:
    run(shop, campaign())
    shelf = campaign_shelf(open_store(str(shop)), "sale", ScoredFinals.asset, "a")
    good = final_of(shop)
    for code, bad in {
        "no_verdict": replace(good, verdict=None),
        "other_cutout": replace(good, inputs={"cutout": "0" * 64}),
    }.items():
        shelf.save(bad)
        results, _ = run(shop, campaign(), [EXPORT])
        assert results["marketplace_export"].rejection.code == code  # type: ignore[union-attr]
        assert exports(shop) == set()


def test_a_final_rejected_later_takes_its_lifestyle_pictures_away_and_leaves_the_white_ones(shop: Path) -> None:
    run(shop, campaign("evergreen"))
    before = {key: (shop / key).read_bytes() for key in exports(shop)}
    strict = campaign("evergreen", fidelity={"worst_block_ssim": 1.01})
    _, statuses = run(shop, strict)
    assert statuses == ["up_to_date", "review"]
    [record] = records(shop, "marketplace_export", "evergreen")
    assert set(record.files) == {"main"}
    assert [fact["slot"] for fact in record.facts["files"]] == ["main"]
    assert set(record.facts["compliance"]) == {"main"}
    assert exports(shop) == {record.files["main"].key}
    run(shop, campaign("evergreen"))
    assert {key: (shop / key).read_bytes() for key in exports(shop)} == before


def test_a_final_rejected_later_is_withdrawn_where_finals_run_alone(shop: Path) -> None:
    run(shop, campaign())
    assert exports(shop)
    _, statuses = run(shop, campaign(fidelity={"worst_block_ssim": 1.01}), [FINALS])
    assert statuses == ["review"]
    assert exports(shop) == set()
