"""From a campaign's routing to its engines: which, and in which order."""

from __future__ import annotations

import pytest

from catalog_assets.campaign_files import Campaign, Policy, Routing
from catalog_assets.routes import engine_names, engine_order, in_words


@pytest.mark.parametrize(
    ("policy", "order"),
    [
        ("local_first", ["net", "near", "far"]),
        ("cloud_first", ["near", "far", "net"]),
        ("studio_only", ["studio"]),
    ],
)
def test_a_policy_is_an_order(policy: Policy, order: list[str]) -> None:
    routing = Routing(policy=policy, local="net", cloud=["near", "far"], budget_usd=1)
    assert engine_order(policy, routing, "usual") == order


def test_the_studio_steps_in_last_where_it_may() -> None:
    routing = Routing(local="net", last_resort=True)
    assert engine_order("local_first", routing, "usual") == ["net", "studio"]
    assert engine_order("local_first", Routing(last_resort=True), "studio") == ["studio"]


def test_the_profile_names_the_local_engine_where_the_campaign_does_not() -> None:
    assert engine_order("local_first", Routing(), "usual") == ["usual"]


def test_a_campaign_names_all_engines_of_all_policies() -> None:
    basis = {"name": "sale", "scenes": [{"template": "frost"}], "marketplaces": ["shopify"]}
    premium = {"select": {"tier": "gold"}, "policy": "cloud_first"}
    routing = {"policy": "studio_only", "local": "net", "cloud": ["away"], "budget_usd": 1, "premium": premium}
    campaign = Campaign.model_validate({**basis, "routing": routing})
    assert engine_names(campaign, "usual") == ["away", "net", "studio"]
    assert engine_names(Campaign.model_validate(basis), "usual") == ["usual"]
    assert engine_names(Campaign.model_validate({**basis, "engine": "net"}), "usual") == ["net"]


def test_a_campaigns_way_is_told_in_words() -> None:
    basis = {"name": "sale", "scenes": [{"template": "frost"}], "marketplaces": ["shopify"]}
    premium = {"select": {"tier": "gold"}, "policy": "cloud_first"}
    routing = {"local": "net", "cloud": ["away"], "budget_usd": 2.5, "last_resort": True, "premium": premium}
    assert in_words(Campaign.model_validate(basis), "usual") == "scenes by usual"
    assert in_words(Campaign.model_validate({**basis, "routing": routing}), "usual") == (
        "scenes by net, then away, then studio, of premium products by away, then net, then studio, for 2.5 USD at most"
    )
