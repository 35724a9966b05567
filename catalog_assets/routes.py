"""From a campaign's routing to the engines that make its scenes: in which order, within which budget."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from catalog_assets.campaign_files import Campaign, Policy, Routing
from resources.budget import Budget
from resources.engines import Engines
from resources.products import Product
from resources.scenes.engine import SceneEngine
from resources.scenes.router import Route
from resources.scenes.studio import StudioEngine
from resources.store import CatalogStore

if TYPE_CHECKING:
    from catalog_assets.context import RunContext


class Routes:
    """The ways to a campaign's pictures, one a policy; all of a run share breakers, budget and ledger.

    engines: every engine that may make a scene of this campaign, by the name that it is configured by.
    """

    def __init__(self, context: RunContext, campaign: Campaign) -> None:
        """Loads nothing. Raises ValueError as `engines_of`."""
        self.context = context
        self.campaign = campaign
        self.routing = routing_of(campaign)
        self.engines = engines_of(campaign, context.engines, context.store)
        self._routes = {policy: self._route(policy) for policy in self.routing.policies}

    def of(self, product: Product) -> Route:
        """The route for a product."""
        return self._routes[self.routing.policy_for(product)]

    @property
    def identity(self) -> list[list[str]]:
        """What changes when the engines do: name and revision of each, sorted."""
        return sorted([engine.name, engine.revision] for engine in self.engines.values())

    def _route(self, policy: Policy) -> Route:
        names = engine_order(policy, self.routing, self.context.engines.scenes_name())
        return Route(
            [self.engines[name] for name in names],
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


def engines_of(campaign: Campaign, engines: Engines, store: CatalogStore) -> dict[str, SceneEngine]:
    """Every engine that a campaign may ask, by name; none is loaded.

    Raises ValueError, one line, for an engine that is unknown, cannot be had, or costs money without a budget.
    """
    found = {name: engines.scene_engine(name, store) for name in engine_names(campaign, engines.scenes_name())}
    charging = sorted(name for name, engine in found.items() if engine.price > 0)
    if charging and routing_of(campaign).budget_usd is None:
        raise ValueError(
            f"campaign {campaign.name}: {charging[0]} costs money, so its file must have a routing with budget_usd"
        )
    return found


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
