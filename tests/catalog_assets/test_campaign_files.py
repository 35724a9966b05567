"""Campaign files: read, checked, left out one by one, active by date, selecting by column."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog_assets import campaign_files
from catalog_assets.campaign_files import Campaign, Scene, load_campaigns
from resources.marketplaces.rule_files import load_rules
from resources.products import Product
from resources.scenes.templates import load_templates

GOOD = "name: sale\nscenes: [{template: frost}]\nmarketplaces: [shopify]\n"


def one(folder: Path, text: str, name: str = "sale.yaml") -> str:
    """The problem that loading this file gives, '' if none."""
    (folder / name).write_text(text)
    problems = load_campaigns(folder, load_rules()).problems
    return "; ".join(problem.message for problem in problems if problem.file == name)


def campaign(**fields: object) -> Campaign:
    return Campaign.model_validate(
        {"name": "sale", "scenes": [{"template": "frost"}], "marketplaces": ["shopify"], **fields}
    )


def test_the_shipped_campaigns_load() -> None:
    campaigns = load_campaigns(marketplaces=load_rules())
    assert list(campaigns.active) == ["evergreen", "winter"]
    assert campaigns.problems == ()
    assert campaigns.active["evergreen"].is_active(datetime(2031, 6, 1, tzinfo=UTC))


def test_a_marketplace_may_ask_for_campaigns(tmp_path: Path) -> None:
    (tmp_path / "kiosk.yaml").write_text("extends: shopify\nname: kiosk\ncampaigns: [winter]\n")
    (tmp_path / "bazaar.yaml").write_text("extends: shopify\nname: bazaar\ncampaigns: all\n")
    book = load_rules(tmp_path)
    assert book.problems == ()
    active = load_campaigns(marketplaces=book).active
    own = ["amazon", "google_merchant", "shopify"]
    assert {name: one.marketplaces for name, one in active.items()} == {
        "evergreen": [*own, "bazaar"],
        "winter": [*own, "bazaar", "kiosk"],
    }


def test_a_broken_rules_file_takes_no_campaign_down(tmp_path: Path) -> None:
    (tmp_path / "amazon.yaml").write_text("name: [")
    book = load_rules(tmp_path)
    assert book.broken == {"amazon"}
    campaigns = load_campaigns(marketplaces=book)
    assert campaigns.problems == ()
    assert "amazon" in campaigns.active["evergreen"].marketplaces


@pytest.mark.parametrize(
    ("fields", "advertises"),
    [
        ({}, False),
        ({"from": "11-01"}, True),
        ({"until": "2026-12-24"}, True),
        ({"from": "11-01", "until": "02-28", "holiday": False}, False),
        ({"holiday": True}, True),
    ],
)
def test_a_campaign_with_dates_counts_as_a_holiday_until_it_says_otherwise(
    fields: dict[str, object], advertises: bool
) -> None:
    assert campaign(**fields).advertises_holiday == advertises


def test_a_shops_folder_adds_replaces_and_archives(tmp_path: Path) -> None:
    (tmp_path / "sale.yaml").write_text(GOOD)
    (tmp_path / "evergreen.yaml").write_text(GOOD.replace("sale", "evergreen"))
    (tmp_path / "winter.yml").write_text(GOOD.replace("sale", "winter") + "archived: true\n")
    campaigns = load_campaigns(tmp_path)
    assert sorted(campaigns.active) == ["evergreen", "sale"]
    assert [scene.template for scene in campaigns.active["evergreen"].scenes] == ["frost"]
    assert campaigns.archived == ("winter",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "color: red\n", "sale.yaml: color: no such setting"),
        (GOOD.replace("frost", "moon"), "no scene template of that name"),
        (GOOD.replace("sale", "../sale"), "sale.yaml: name:"),
        (GOOD.replace("sale", "product"), "taken by the project"),
        (GOOD.replace("shopify", "bazaar"), "no rules for bazaar"),
        (GOOD + "timezone: Mars/Olympus\n", "no such timezone"),
        (GOOD + "schedule: every day\n", "cron line"),
        (GOOD + "schedule: '99 3 * * *'\n", "cron line"),
        (GOOD + "from: tomorrow\n", "YYYY-MM-DD"),
        (GOOD + "from: 2026-02-30\n", "day is out of range"),
        (GOOD + "from: 2026-12-01\nuntil: 2026-11-01\n", "from lies after until"),
        (GOOD + "rotation: hourly\n", "sale.yaml: rotation:"),
        (GOOD.replace("frost}", "frost, crop: round}"), "sale.yaml: scenes.0.crop:"),
        (GOOD.replace("frost}", "frost, candidates: 0}"), "sale.yaml: scenes.0.candidates:"),
        (GOOD.replace("{template: frost}", "{template: frost}, {template: frost}"), "listed twice"),
        (GOOD.replace("{template: frost}", "{template: frost}, {template: frost, crop: square}"), "listed twice"),
        ("name: [unclosed\n", "not valid YAML"),
        ("- a list\n", "a mapping"),
        ("", "sale.yaml: name: Field required"),
        ("a: &x [1]\nb: [*x, *x]\n", "aliases"),
        ("\x00", "not valid YAML"),
        ("x" * 300_000, "bytes found"),
        ("[" * 5000, "not valid YAML"),
    ],
)
def test_a_broken_file_is_left_out_with_file_field_and_fix(tmp_path: Path, text: str, said: str) -> None:
    assert said in one(tmp_path, text)
    assert list(load_campaigns(tmp_path, load_rules()).active) == ["evergreen", "winter"]


def test_the_shipped_campaign_does_not_step_in_for_a_broken_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "winter.yaml").write_text(GOOD.replace("sale", "winter") + "colour: red\n")
    campaigns = load_campaigns(tmp_path)
    assert list(campaigns.active) == ["evergreen"]
    assert [problem.file for problem in campaigns.problems] == ["winter.yaml"]


def test_two_files_of_one_name_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    assert "used by another file" in one(tmp_path, GOOD, "b.yaml")


def test_a_missing_folder_is_a_problem_not_an_error(tmp_path: Path) -> None:
    campaigns = load_campaigns(tmp_path / "nowhere")
    assert "CATALOG_CAMPAIGNS" in campaigns.problems[0].message
    assert "evergreen" in campaigns.active


@pytest.mark.parametrize(
    ("first", "last", "day", "active"),
    [
        ("11-15", "02-28", "2026-11-14", False),
        ("11-15", "02-28", "2026-11-15", True),
        ("11-15", "02-28", "2027-01-01", True),
        ("11-15", "02-28", "2027-02-28", True),
        ("11-15", "02-28", "2027-03-01", False),
        ("06-01", "06-30", "2030-06-30", True),
        ("06-01", "06-30", "2030-07-01", False),
        ("2026-06-01", None, "2030-07-01", True),
        (None, "2026-06-01", "2026-06-02", False),
    ],
)
def test_dates_are_inclusive_and_may_cross_the_year(
    first: str | None, last: str | None, day: str, active: bool
) -> None:
    moment = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    assert campaign(**{"from": first, "until": last}).is_active(moment) is active


def test_periods_follow_the_timezone_and_the_iso_week() -> None:
    weekly = campaign(rotation="weekly", timezone="Pacific/Auckland")
    assert weekly.period(datetime(2026, 12, 31, 23, 0, tzinfo=UTC)) == "2026-W53"
    assert campaign(rotation="monthly").period(datetime(2026, 12, 31, 23, 0, tzinfo=UTC)) == "2026-12"
    assert campaign().period(datetime(2026, 12, 31, 23, 0, tzinfo=UTC)) == ""


def test_uploads_between_two_schedules_use_the_last_scheduled_period() -> None:
    weekly = campaign(rotation="weekly", schedule="0 3 * * 3", timezone="UTC")  # Wednesdays
    assert weekly.last_period(datetime(2026, 11, 24, 12, 0, tzinfo=UTC)) == "2026-W47"  # Tuesday of week 48
    assert weekly.last_period(datetime(2026, 11, 25, 2, 59, tzinfo=UTC)) == "2026-W47"
    assert weekly.last_period(datetime(2026, 11, 25, 3, 0, tzinfo=UTC)) == "2026-W48"


def test_a_selector_needs_every_column() -> None:
    chosen = campaign(select={"category": ["Mugs", "lamps"], "color": "blue"})
    assert chosen.selects(Product("a", category="mugs ", color="Blue"))
    assert not chosen.selects(Product("a", category="mugs", color="red"))
    assert not chosen.selects(Product("a"))
    assert campaign(select={"season": "winter"}).selects(Product("a", extra={"season": "Winter"}))
    assert campaign().selects(Product("a"))


# Scenes


def test_a_scene_is_named_by_template_and_crop_and_has_its_size() -> None:
    plain, square, tall, wide = (
        Scene.model_validate({"template": "frost", **crop})
        for crop in ({}, {"crop": "square"}, {"crop": "portrait"}, {"crop": "landscape"})
    )
    assert [scene.name for scene in (plain, square, tall, wide)] == [
        "frost",
        "frost",
        "frost-portrait",
        "frost-landscape",
    ]
    assert [scene.size(800) for scene in (square, tall, wide)] == [(800, 800), (640, 800), (800, 450)]
    assert plain.look.name == "frost"
    assert plain.candidates is None


def test_a_template_may_be_listed_in_two_crops() -> None:
    both = campaign(scenes=[{"template": "frost"}, {"template": "frost", "crop": "portrait", "candidates": 3}])
    assert [(scene.name, scene.candidates) for scene in both.scenes] == [("frost", None), ("frost-portrait", 3)]


def test_a_crop_that_a_template_is_not_composed_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = load_templates()
    looks["frost"] = looks["frost"].model_copy(update={"crops": ("portrait", "square")})
    monkeypatch.setattr(campaign_files, "load_templates", lambda: looks)
    assert Scene(template="frost").shape == "portrait"
    assert Scene(template="frost").name == "frost"
    assert Scene(template="frost", crop="square").name == "frost-square"
    with pytest.raises(ValueError, match="frost is not composed for landscape, choose portrait, square"):
        Scene(template="frost", crop="landscape")


CLOUD = {"cloud": ["away"], "budget_usd": 5}


def test_routing_names_engines_and_a_budget() -> None:
    routing = campaign(routing={"policy": "cloud_first", **CLOUD, "last_resort": True}).routing
    assert routing is not None
    assert (routing.policy, routing.cloud, routing.last_resort) == ("cloud_first", ["away"], True)
    assert routing.budget_usd == 5


def test_premium_products_have_a_policy_of_their_own() -> None:
    premium = {"select": {"tier": ["gold", "platinum"]}, "policy": "cloud_first"}
    routing = campaign(routing={"policy": "studio_only", **CLOUD, "premium": premium}).routing
    assert routing is not None
    assert routing.policies == ("studio_only", "cloud_first")
    assert routing.policy_for(Product("mug", extra={"tier": " Gold "})) == "cloud_first"
    assert routing.policy_for(Product("mug", extra={"tier": "basic"})) == "studio_only"
    assert routing.policy_for(Product("mug")) == "studio_only"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("routing: {cloud: [away]}", "say how much in budget_usd"),
        ("routing: {policy: cloud_first}", "cloud_first needs engines in cloud"),
        ("routing: {premium: {select: {tier: gold}, policy: cloud_first}}", "cloud_first needs engines in cloud"),
        ("routing: {premium: {select: {}, policy: local_first}}", "routing.premium.select"),
        ("routing: {cloud: [away, away], budget_usd: 1}", "listed twice"),
        ("routing: {cloud: [away], budget_usd: 0}", "routing.budget_usd"),
        ("routing: {cloud: [away], budget_usd: .inf}", "routing.budget_usd"),
        ("routing: {cloud: [away], budget_usd: .nan}", "routing.budget_usd"),
        ("routing: {cloud: ['../x'], budget_usd: 1}", "routing.cloud.0"),
        ("routing: {policy: cheapest}", "routing.policy"),
        ("routing: {overflow: 0}", "routing.overflow"),
        ("engine: studio\nrouting: {policy: local_first}", "engine and routing are both given"),
    ],
)
def test_routing_that_makes_no_sense_is_told(tmp_path: Path, lines: str, said: str) -> None:
    assert said in one(tmp_path, f"{GOOD}{lines}\n")
