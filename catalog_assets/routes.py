"""From a campaign's routing to the engines that make its scenes: in which order, within which budget."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from catalog_assets.campaign_files import Campaign, Policy, Routing
from resources.budget import Budget
from resources.products import Product
from resources.scenes.engine import SceneEngine
from resources.scenes.router import Route
from resources.scenes.studio import StudioEngine

if TYPE_CHECKING:
    from catalog_assets.context import RunContext


class Routes:
    """The ways to a campaign's pictures, one a policy; all of a run share breakers, budget and ledger."""

    def __init__(self, context: RunContext, campaign: Campaign) -> None:
        """Loads nothing. Raises ValueError, one line, for an engine that is unknown or cannot be had."""
        self.context = context
        self.campaign = campaign
        self.routing = routing_of(campaign)
        self._routes = {policy: self._route(policy) for policy in self.routing.policies}

    def of(self, product: Product) -> Route:
        """The route for a product."""
        return self._routes[self.routing.policy_for(product)]

    @cached_property
    def engines(self) -> dict[str, SceneEngine]:
        """Every engine that may make a scene of this campaign, by name."""
        return {engine.name: engine for route in self._routes.values() for engine in route.engines}

    @property
    def identity(self) -> list[list[str]]:
        """What changes when the engines do: name and revision of each, sorted."""
        return [[name, engine.revision] for name, engine in sorted(self.engines.items())]

    def _route(self, policy: Policy) -> Route:
        names = engine_order(policy, self.routing, self.context.engines.scenes_name())
        engines = [self.context.engines.scene_engine(name, self.context.store) for name in names]
        return Route(
            engines,
            budget=self._budget,
            ledger=self.context.ledger,
            breakers=self.context.breakers,
            prices=self.context.settings.costs.prices(),
            overflow=self.routing.overflow,
            campaign=self.campaign.name,
        )

    @cached_property
    def _budget(self) -> Budget | None:
        limit = self.routing.budget_usd
        return None if limit is None else self.context.budget(self.campaign.name, limit)


def routing_of(campaign: Campaign) -> Routing:
    """A campaign's routing; where its file has none, its one engine and nothing beside it."""
    return campaign.routing or Routing(local=campaign.engine or None)


def engine_names(campaign: Campaign, usual: str) -> list[str]:
    """Every engine that a campaign may ask. usual: the one that the profile names."""
    routing = routing_of(campaign)
    return sorted({name for policy in routing.policies for name in engine_order(policy, routing, usual)})


def engine_order(policy: Policy, routing: Routing, usual: str) -> list[str]:
    """The names of the engines by preference, each once. usual: the local engine that the profile names."""
    studio = StudioEngine.name
    if policy == "studio_only":
        return [studio]
    local = [routing.local or usual]
    order = [*local, *routing.cloud] if policy == "local_first" else [*routing.cloud, *local]
    return list(dict.fromkeys([*order, *([studio] if routing.last_resort else [])]))


def in_words(campaign: Campaign, usual: str) -> str:
    """Who makes a campaign's scenes and what that may cost, in one line. usual: as above."""
    routing = routing_of(campaign)
    said = ["scenes by " + ", then ".join(engine_order(routing.policy, routing, usual))]
    if routing.premium is not None:
        said.append("of premium products by " + ", then ".join(engine_order(routing.premium.policy, routing, usual)))
    if routing.budget_usd is not None:
        said.append(f"for {routing.budget_usd:g} USD at most")
    return ", ".join(said)
