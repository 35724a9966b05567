"""Decisions of people about finals: the files, what waits, the commands, and the pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from catalog_assets.campaign_files import Campaign, Campaigns, load_campaigns
from catalog_assets.decisions import (
    MAX_DECISION_BYTES,
    DecidedFinal,
    Decisions,
    FinalDecision,
    remove_final_decision,
    write_final_decision,
)
from catalog_assets.dossier import open_catalog
from catalog_assets.final_reviews import final_commands, waiting_finals
from catalog_assets.records import campaign_shelf, product_shelf
from catalog_assets.review_page import PER_PAGE, waiting_for_a_person, write_review_pages
from catalog_assets.reviews import user_name
from catalog_assets.why import care_in_words
from resources.storage.s3 import S3Store
from resources.store import CatalogStore, LocalStore
from resources.verdicts import BAD_DECISION, Rejection
from tests.catalog_assets.command_line import assert_could_not_run, catalog, elsewhere
from tests.catalog_assets.shop import SCENE, Shop, campaigns
from tests.catalog_assets.test_gallery import HOSTILE
from tests.conftest import S3Server
from tests.s3_tools import s3_client

HEX = "0123456789abcdef" * 4
NAME = f"main.{SCENE}"
OTHER = "grey-sweep"
APPROVAL = {"decision": "approve", "picture": HEX, "cutout": HEX, "by": "Ann", "note": "right"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Three products: one went through, one final waits, one was refused."""
    shop = Shop(tmp_path / "shop")
    shop.make("good")
    shop.make("mug", decision="review")
    shop.make("bad", decision="rejected")
    return shop


def say(shop: Shop, text: str | bytes, sku: str = "mug", campaign: str = "evergreen", file: str = NAME) -> str:
    """Write a decision file by hand."""
    key = f"reviews/{sku}/{campaign}/{file}.json"
    shop.store.write(key, text if isinstance(text, bytes) else text.encode())
    return key


def decision(shop: Shop, **said: Any) -> DecidedFinal | Rejection | None:
    say(shop, json.dumps(said))
    return Decisions(shop.store).final("mug", "evergreen", NAME)


def waiting_names(shop: Shop, found: Campaigns | None = None) -> list[tuple[str, str, str]]:
    catalog = open_catalog(shop.store, found or campaigns())
    return [(one.campaign, one.sku, one.scene) for one in waiting_finals(catalog)]


# The files


@pytest.mark.parametrize(
    "said",
    [
        APPROVAL,
        {**APPROVAL, "candidate": "main.oak-window.c1.a1.r2", "at": "2026-01-02"},
        {"decision": "reject", "by": "Ann", "note": "wrong"},
        {"decision": "reject", "by": "Ann", "note": "wrong", "picture": HEX, "cutout": HEX},
        {"decision": "rework", "by": "Ann", "note": "again"},
        {"decision": "rework", "by": "Ann", "note": "again", "harmonise": False, "plain": True, "grip": 2},
    ],
)
def test_a_decision_is_read_as_it_was_written(shop: Shop, said: dict[str, Any]) -> None:
    found = decision(shop, **said)
    assert isinstance(found, DecidedFinal)
    assert found.key == f"reviews/mug/evergreen/{NAME}.json"
    assert {name: value for name, value in found.decision.model_dump().items() if value not in (None, "")} == said


def test_the_content_is_of_everything_a_decision_says(shop: Shop) -> None:
    contents = set()
    for said in (APPROVAL, {**APPROVAL, "note": "other"}, {**APPROVAL, "by": "Bob"}, {**APPROVAL, "at": "now"}):
        found = decision(shop, **said)
        assert isinstance(found, DecidedFinal)
        contents.add(found.content)
    assert len(contents) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        ("[" * 100_000, "at most"),
        ("[" * 9_000, "not valid JSON"),
        ("[]", "names and values"),
        (json.dumps({**APPROVAL, "x": "y" * MAX_DECISION_BYTES}), "at most"),
        (json.dumps({**APPROVAL, "decision": "pick"}), "decision"),
        (json.dumps({**APPROVAL, "mask": HEX}), "known are decision, candidate, picture"),
        ('{"decision": "reject", "decision": "approve", "by": "a", "note": "b"}', "written twice"),
        (json.dumps({name: APPROVAL[name] for name in APPROVAL if name != "picture"}), '"picture" is missing'),
        (json.dumps({name: APPROVAL[name] for name in APPROVAL if name != "cutout"}), '"cutout" is missing'),
        (json.dumps({name: APPROVAL[name] for name in APPROVAL if name != "by"}), '"by" is missing'),
        (json.dumps({name: APPROVAL[name] for name in APPROVAL if name != "note"}), '"note" is missing'),
        (json.dumps({**APPROVAL, "by": " \u202e "}), '"by" is empty'),
        (json.dumps({**APPROVAL, "note": "\n"}), '"note" is empty'),
        (json.dumps({**APPROVAL, "note": "x" * 3000}), "note"),
        (json.dumps({**APPROVAL, "picture": HEX[:16]}), "picture"),
        (json.dumps({**APPROVAL, "cutout": HEX.upper()}), "cutout"),
        (json.dumps({**APPROVAL, "candidate": "../../secret"}), "candidate"),
        (json.dumps({**APPROVAL, "harmonise": False}), 'belongs to "rework"'),
        (json.dumps({**APPROVAL, "grip": 0}), 'belongs to "rework"'),
        ('{"decision": "reject", "by": "a", "note": "b", "candidate": "c"}', 'belongs to "approve"'),
        ('{"decision": "rework", "by": "a", "note": "b", "grip": 3}', "grip"),
        ('{"decision": "rework", "by": "a", "note": "b", "grip": true}', "grip"),
        ('{"decision": "rework", "by": "a", "note": "b", "plain": "yes"}', "plain"),
        ('{"decision": "rework", "by": "a", "note": "b", "harmonise": 0}', "harmonise"),
    ],
)
def test_what_cannot_be_read_is_a_bad_decision(shop: Shop, text: str | bytes, words: str) -> None:
    key = say(shop, text)
    found = Decisions(shop.store).final("mug", "evergreen", NAME)
    assert isinstance(found, Rejection)
    assert found.code == BAD_DECISION
    assert found.message.startswith(f"The decision {key} cannot be used: ")
    assert words in found.message
    assert f"catalog review undo mug --campaign evergreen --view main --scene {SCENE}" in found.hint


def test_only_the_final_that_is_named_is_decided(shop: Shop) -> None:
    say(shop, json.dumps(APPROVAL))
    found = Decisions(shop.store)
    assert found.final("mug", "evergreen", NAME) is not None
    assert found.final("mug", "evergreen", NAME.upper()) is not None  # names that differ in case are one
    assert found.final("mug", "winter", NAME) is None
    assert found.final("good", "evergreen", NAME) is None
    assert found.final("mug", "evergreen", "main.other") is None
    assert found.of("mug", "main") is None
    assert found.of("mug", NAME) is None
    assert found.finals == [("mug", "evergreen", NAME)]
    assert found.places == []
    assert found.notes == []


def test_two_files_for_one_final_are_a_conflict(shop: Shop) -> None:
    keys = [say(shop, json.dumps(APPROVAL)), say(shop, json.dumps(APPROVAL), file=NAME.title())]
    found = Decisions(shop.store).final("mug", "evergreen", NAME)
    assert isinstance(found, Rejection)
    assert "2 of them" in found.message
    assert remove_final_decision(shop.store, "mug", "evergreen", NAME) == sorted(keys)


def test_what_lies_beside_and_decides_nothing_is_noted(shop: Shop) -> None:
    for key in (
        "reviews/mug/evergreen/main.desk.png",
        "reviews/mug/evergreen/notes",
        "reviews/mug/Ever Green/main.desk.json",
        "reviews/mug/evergreen/deeper/main.desk.json",
        "reviews/mug/evergreen/.main.desk.json",
    ):
        shop.store.write(key, b"{}")
    notes = Decisions(shop.store).notes
    assert sorted(note.split(" was left out: ")[0] for note in notes) == [
        "reviews/mug/Ever Green/main.desk.json",
        "reviews/mug/evergreen/deeper/main.desk.json",
        "reviews/mug/evergreen/main.desk.png",
        "reviews/mug/evergreen/notes",
    ]


def test_masks_and_finals_have_tokens_of_their_own(shop: Shop) -> None:
    shop.store.write("reviews/mug/main.json", b'{"decision": "approve"}')
    say(shop, json.dumps(APPROVAL))
    say(shop, json.dumps(APPROVAL), campaign="winter")
    before = Decisions(shop.store).tokens()
    assert sorted(before) == ["mug", "mug/evergreen", "mug/winter"]
    say(shop, json.dumps({**APPROVAL, "note": "because it is"}))
    after = Decisions(shop.store).tokens()
    assert [place for place in before if before[place] != after[place]] == ["mug/evergreen"]


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> CatalogStore:
    if request.param == "local":
        return LocalStore(tmp_path / "catalog")
    server: S3Server = request.getfixturevalue("s3_server")
    return S3Store(server.new_bucket(), "shop one", s3_client(server.endpoint))


def test_a_decision_is_written_replaced_and_removed(store: CatalogStore) -> None:
    first = FinalDecision.model_validate(APPROVAL)
    key = write_final_decision(store, "mug", "winter", NAME, first)
    found = Decisions(store).final("mug", "winter", NAME)
    assert isinstance(found, DecidedFinal)
    assert found.decision == first
    second = FinalDecision(decision="rework", by="Bob", note="no", grip=0, harmonise=False)
    assert write_final_decision(store, "mug", "winter", NAME, second) == key
    found = Decisions(store).final("mug", "winter", NAME)
    assert isinstance(found, DecidedFinal)
    assert found.decision == second
    assert [entry.key for entry in store.list("reviews/")] == [key]
    assert remove_final_decision(store, "mug", "winter", NAME) == [key]
    assert remove_final_decision(store, "mug", "winter", NAME) == []
    assert list(store.list("reviews/")) == []


# What waits


def test_only_what_a_person_can_settle_waits(shop: Shop) -> None:
    assert waiting_names(shop) == [("evergreen", "mug", SCENE)]


def test_a_final_waits_beside_an_accepted_one_of_the_same_product(shop: Shop) -> None:
    cutout = product_shelf(shop.store, "cutout", "good").record("main")
    assert cutout is not None
    shop.final("good", cutout, decision="review", scene=OTHER)
    assert waiting_names(shop, load_campaigns()) == [("evergreen", "good", OTHER), ("evergreen", "mug", SCENE)]


def test_what_is_of_yesterday_waits_for_nobody(shop: Shop, tmp_path: Path) -> None:
    """Not a product that is gone, nor one or a scene that a campaign does not want, nor one of an earlier cut-out."""
    shop.make("gone", decision="review")
    shop.retire("gone")
    sale = Campaign(name="sale", scenes=[{"template": SCENE}], marketplaces=["amazon"], select={"category": "lamps"})
    shop.make("cup", "sale", decision="review")
    shop.make("hat", "over", decision="review")  # a campaign that is no more
    cutout = product_shelf(shop.store, "cutout", "mug").record("main")
    assert cutout is not None
    shop.final("mug", cutout, decision="review", scene=OTHER)
    assert waiting_names(shop, campaigns(sale)) == [("evergreen", "mug", SCENE)]
    shelf = product_shelf(shop.store, "cutout", "mug")
    other = shelf.put("main", "png", b"other")
    shelf.save(replace(cutout, files={**cutout.files, "cutout": other}))
    assert waiting_names(shop, campaigns(sale)) == []


# The command line


@pytest.fixture(autouse=True)
def own_process_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with elsewhere(tmp_path_factory.mktemp("elsewhere")):
        yield


def review(shop: Shop, *words: str) -> Result:
    return catalog("review", *words, "--root", shop.store.root)


def said_in(shop: Shop, sku: str = "mug", campaign: str = "evergreen", name: str = NAME) -> dict[str, Any]:
    return dict(json.loads(shop.store.read(f"reviews/{sku}/{campaign}/{name}.json")))


def test_the_list_says_where_to_look_and_what_to_type(shop: Shop) -> None:
    result = review(shop)
    root = shop.store.root
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("mug [evergreen / scored_finals / needs_review, since ")
    assert f"  mug, campaign evergreen, scene {SCENE}" in lines
    assert f"    look at {root}/reports/review/index.html#final-evergreen-mug-{NAME}" in lines
    tail = f"mug --campaign evergreen --scene {SCENE} --note WHY --root {root}"
    for command in ("approve", "reject", "rework"):
        assert f"    catalog review {command} {tail}" in lines
    assert "NAME is one of" not in result.stdout  # there is but one candidate
    assert lines[-1] == f"page: {root}/reports/review/index.html"
    assert "bad" not in {line.split()[0] for line in lines if line}  # what was refused does not wait


def test_what_waits_beside_an_accepted_scene_is_listed_with_its_reason(shop: Shop) -> None:
    cutout = product_shelf(shop.store, "cutout", "good").record("main")
    assert cutout is not None
    shop.final("good", cutout, decision="review", scene=OTHER, message="It is too blue.")
    assert f"  good, campaign evergreen, scene {OTHER}: It is too blue.\n" in review(shop).stdout


def test_nothing_waits(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.make("good")
    result = review(shop)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["Nothing waits for review."]
    assert "Nothing waits for review." in (tmp_path / "reports/review/index.html").read_text()


def test_an_approval_names_the_bytes_that_were_looked_at(shop: Shop) -> None:
    result = review(
        shop, "approve", "mug", "--campaign", "evergreen", "--by", "Ann", "--note", " the shade\n is right "
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"written: {shop.store.root}/reviews/mug/evergreen/{NAME}.json" in result.stdout
    assert f"next: catalog refresh --sku mug --campaign evergreen --root {shop.store.root}" in result.stdout
    said = said_in(shop)
    candidate = campaign_shelf(shop.store, "evergreen", "scene_variants", "mug").record(f"{NAME}.c1.a1")
    cutout = product_shelf(shop.store, "cutout", "mug").record("main")
    assert candidate is not None
    assert cutout is not None
    assert said.pop("at")
    assert said == {
        "decision": "approve",
        "candidate": candidate.name,
        "picture": candidate.files["picture"].sha256,
        "cutout": cutout.files["cutout"].sha256,
        "by": "Ann",
        "note": "the shade is right",
    }
    assert isinstance(Decisions(shop.store).final("mug", "evergreen", NAME), DecidedFinal)


def test_who_decides_is_the_login_name_unless_another_is_given(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann-at-desk-3")
    assert user_name() == "ann-at-desk-3"
    assert review(shop, "reject", "mug", "--campaign", "evergreen", "--note", "wrong mug").exit_code == 0
    assert said_in(shop)["by"] == "ann-at-desk-3"


def test_a_rejection_and_a_rework_replace_what_was_decided_before(shop: Shop) -> None:
    about = ("mug", "--campaign", "evergreen", "--scene", SCENE, "--view", "main", "--by", "Ann", "--note")
    assert review(shop, "approve", *about, "right").exit_code == 0
    assert review(shop, "reject", *about, "wrong").exit_code == 0
    said = said_in(shop)
    assert (said["decision"], said["note"], len(said["picture"])) == ("reject", "wrong", 64)
    assert "candidate" not in said
    assert review(shop, "rework", *about, "too blue", "--no-harmonise", "--plain", "--grip", "0").exit_code == 0
    said = said_in(shop)
    assert (said["decision"], said["harmonise"], said["plain"], said["grip"]) == ("rework", False, True, 0)
    assert review(shop, "rework", *about, "just again").exit_code == 0
    assert not {"harmonise", "plain", "grip"} & set(said_in(shop))
    result = review(shop, "undo", "mug", "--campaign", "evergreen")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"removed: {shop.store.root}/reviews/mug/evergreen/{NAME}.json" in result.stdout
    assert "--campaign evergreen" in result.stdout
    assert list(shop.store.list("reviews/")) == []


def test_a_final_that_the_machine_accepted_can_be_rejected_but_needs_no_approval(shop: Shop) -> None:
    about = ("good", "--campaign", "evergreen", "--note", "that is last year's model")
    assert_could_not_run(review(shop, "approve", *about), "accepted already")
    assert review(shop, "reject", *about).exit_code == 0
    assert said_in(shop, "good")["decision"] == "reject"


def test_a_final_that_the_machine_refused_can_be_approved(shop: Shop) -> None:
    assert review(shop, "approve", "bad", "--campaign", "evergreen", "--note", "it is right").exit_code == 0


@pytest.mark.parametrize("what", ["picture", "cutout"])
@pytest.mark.parametrize("how", ["other bytes", "gone"])
def test_nobody_approves_bytes_that_are_not_those_that_were_judged(shop: Shop, what: str, how: str) -> None:
    if what == "picture":
        record = campaign_shelf(shop.store, "evergreen", "scene_variants", "mug").record(f"{NAME}.c1.a1")
    else:
        record = product_shelf(shop.store, "cutout", "mug").record("main")
    assert record is not None
    file = Path(shop.store.root) / record.files[what].key
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    result = review(shop, "approve", "mug", "--campaign", "evergreen", "--note", "right")
    assert_could_not_run(result, "is missing" if how == "gone" else "its bytes changed", "--force")
    assert list(shop.store.list("reviews/")) == []


def test_what_cannot_be_decided_says_2_in_one_line(shop: Shop) -> None:
    def stops(*words: str, because: str) -> None:
        assert_could_not_run(review(shop, *words), because)

    final = ("mug", "--campaign", "evergreen")
    stops("approve", *final, because="--note")
    stops("reject", *final, "--note", " ", because="--note")
    stops("approve", "muk", "--campaign", "evergreen", "--note", "x", because="Did you mean mug?")
    stops("approve", "../../mug", "--campaign", "evergreen", "--note", "x", because="No final of ../../mug")
    stops("approve", "mug", "--campaign", "../product", "--note", "x", because="there are evergreen")
    stops("approve", *final, "--scene", "desk", "--note", "x", because=f"there are {SCENE}")
    stops("approve", *final, "--view", "back", "--note", "x", because="no final")
    stops("approve", *final, "--candidate", "../c1", "--note", "x", because=f"there are {NAME}.c1.a1")
    stops("reject", "mug", "--note", "x", because="--campaign")
    stops("rework", *final, "--grip", "3", "--note", "x", because="--grip")
    stops("undo", *final, because="no decision")
    stops("undo", "mug", "--campaign", "../..", because="no decision")
    assert list(shop.store.list("reviews/")) == []


def test_several_scenes_that_wait_must_be_named(shop: Shop) -> None:
    cutout = product_shelf(shop.store, "cutout", "mug").record("main")
    assert cutout is not None
    shop.final("mug", cutout, decision="review", scene=OTHER)
    about = ("mug", "--campaign", "evergreen", "--note", "right")
    assert_could_not_run(review(shop, "approve", *about), "--scene", f"{OTHER}, {SCENE}")
    assert review(shop, "approve", *about, "--scene", OTHER).exit_code == 0
    assert review(shop, "approve", *about, "--scene", SCENE).exit_code == 0
    assert_could_not_run(review(shop, "undo", "mug", "--campaign", "evergreen"), "--scene", f"main.{OTHER}, {NAME}")
    assert review(shop, "undo", "mug", "--campaign", "evergreen", "--scene", OTHER).exit_code == 0
    # A mask of the same product is another matter.
    assert_could_not_run(review(shop, "undo", "mug"), "no decision for mug")


def test_a_decision_about_a_final_that_is_not_there_is_named(shop: Shop) -> None:
    say(shop, json.dumps(APPROVAL), sku="nobody")
    say(shop, json.dumps(APPROVAL), file="main.desk")
    say(shop, json.dumps(APPROVAL))
    ignored = [line for line in review(shop).stdout.splitlines() if line.startswith("ignored: ")]
    assert [line.split()[1] for line in ignored] == [
        "reviews/mug/evergreen/main.desk.json",
        f"reviews/nobody/evergreen/{NAME}.json",
    ]


def test_commands_quote_what_a_shell_would_read(shop: Shop) -> None:
    [one] = waiting_finals(open_catalog(shop.store, campaigns()))
    assert all(command.endswith(" --note WHY --root 'my shop; ls'") for command in final_commands(one, "my shop; ls"))


# The pages


def pages(shop: Shop, found: Campaigns | None = None, *, all_views: bool = True) -> dict[str, str]:
    """Every review page by name, written anew."""
    listed = open_catalog(shop.store, found or campaigns())
    write_review_pages(listed, waiting_for_a_person(listed, all_views=all_views))
    return {key.rsplit("/", 1)[1]: text for key, text in shop.texts("reports/review").items()}


def test_a_page_shows_a_final_its_numbers_its_candidates_and_the_commands(shop: Shop) -> None:
    [(name, page)] = pages(shop).items()
    assert name == "index.html"
    final = campaign_shelf(shop.store, "evergreen", "scored_finals", "mug").record(NAME)
    photo = product_shelf(shop.store, "raw_photo", "mug").record("main")
    assert final is not None
    assert photo is not None
    for key in (photo.files["preview"].key, photo.files["photo"].key, final.files["preview"].key):
        assert f'"../../{key}"' in page
    assert "worst_block is too low." in page
    assert "at least 0.8" in page
    assert "✕ missed" in page
    assert '<span class="tag">decided</span>' in page
    assert f"<code>{NAME}.c1.a1</code>" in page
    assert f"<code>catalog review approve mug --campaign evergreen --scene {SCENE} --note WHY</code>" in page
    assert "1 final and 0 masks wait" in page


def test_a_page_shows_the_evidence_and_what_a_rework_changed(shop: Shop) -> None:
    shelf = campaign_shelf(shop.store, "evergreen", "scored_finals", "mug")
    final = shelf.record(NAME)
    assert final is not None
    evidence = shelf.put(f"{NAME}.evidence", "webp", b"panel")
    made = campaign_shelf(shop.store, "evergreen", "scene_variants", "mug")
    first = made.record(f"{NAME}.c1.a1")
    assert first is not None
    care = {"harmonise": False, "plain": True, "grip": 1}
    again = {"again": "r1", "because": ["ab_shift"], "care": care}
    made.save(replace(first, name=f"{NAME}.c1.a1.r1", facts={**first.facts, **again}))
    row = {"name": f"{NAME}.c1.a1.r1", "decision": "rejected", "fidelity": 0.21, "decided_by": "detail"}
    rows = [*final.facts["candidates"], row]
    asked = {"decision": "rework", "decision_by": "Ann", "decision_note": "too blue", "decision_harmonise": False}
    shelf.save(
        replace(final, files={**final.files, "evidence": evidence}, facts={**final.facts, **asked, "candidates": rows})
    )
    page = pages(shop)["index.html"]
    assert f'<img src="../../{evidence.key}"' in page
    assert "1, rework 1" in page
    assert f"{care_in_words(care)}, because of colour shift" in page
    assert "Ann had it made again: too blue." in page
    assert f"NAME is one of <code>{NAME}.c1.a1</code>, <code>{NAME}.c1.a1.r1</code>." in page
    assert "--candidate NAME" in page


def test_care_is_told_only_where_there_was_some() -> None:
    assert care_in_words({}) == care_in_words({"harmonise": True, "plain": False, "grip": 0}) == ""


def test_masks_are_shown_before_finals(shop: Shop) -> None:
    mask = shop.product("cup", decision="review")
    shop.upload("cup.jpg")
    assert mask.rejection is not None
    shop.quarantine("product", "cup", mask.rejection)
    page = pages(shop)["index.html"]
    assert page.index('id="mask-cup-main"') < page.index(f'id="final-evergreen-mug-{NAME}"')
    assert "<code>catalog review approve cup --view main</code>" in page
    assert "1 final and 1 mask wait" in page


def test_masks_of_other_views_are_shown_where_all_are_wanted(shop: Shop) -> None:
    shop.product("good", "back", main=False, decision="review")
    assert 'id="mask-good-back"' in pages(shop)["index.html"]
    assert 'id="mask-good-back"' not in pages(shop, all_views=False)["index.html"]


def test_fifty_items_a_page_and_no_page_of_yesterday(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for number in range(PER_PAGE + 1):
        shop.make(f"s{number:03}", decision="review")
    found = pages(shop)
    assert sorted(found) == ["index.html", "page-2.html"]
    assert found["index.html"].count("<article") == PER_PAGE
    assert found["page-2.html"].count("<article") == 1
    assert 'href="page-2.html" rel="next"' in found["index.html"]
    assert "Page 2 of 2: 51 to 51 of 51" in found["page-2.html"]
    listed = open_catalog(shop.store, campaigns())
    items = waiting_for_a_person(listed, all_views=True)
    assert items.place(items.finals[-1]) == f"reports/review/page-2.html#final-evergreen-s050-{NAME}"
    shop.make("s000")
    assert sorted(pages(shop)) == ["index.html"]
    assert pages(shop) == pages(shop)


def test_pages_are_static_and_escape_everything(shop: Shop) -> None:
    shop.make("odd", decision="review", message=f"<script>alert(1)</script>{HOSTILE}")
    shop.catalog_csv(f'sku,title\nodd,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n')
    page = pages(shop)["index.html"]
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert len(links) > 10
    assert all(link.startswith("../") for link in links)
