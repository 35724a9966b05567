"""Stage scene_variants: candidates of the product in each scene of a campaign."""

from __future__ import annotations

from collections.abc import Sequence

from catalog_assets.campaign_files import Campaign
from catalog_assets.context import RunContext
from catalog_assets.records import Record, fingerprint
from catalog_assets.stage import Stage, StageResult, summarise
from catalog_assets.stages.candidates import (
    SCENE_VARIANTS,
    CandidateMaker,
    CandidateSet,
    first_care,
    is_first,
    set_aside,
)
from catalog_assets.stages.cutout import current_cutouts


class SceneVariants(Stage):
    """Seeded candidates for the main view: the same SKU, scene, attempt and period give the same pictures."""

    asset = SCENE_VARIANTS
    code_version = CandidateMaker.code_version

    def __init__(self, context: RunContext, campaign: Campaign, period: str) -> None:
        self.context = context
        self.campaign = campaign
        self.period = period
        self.maker = CandidateMaker(context, campaign)

    def run(self, skus: Sequence[str]) -> list[StageResult]:
        return [self._variants(sku) for sku in skus]

    def _variants(self, sku: str) -> StageResult:
        cutouts = current_cutouts(self.context, sku)
        shelf = self.maker.shelf(sku)
        stopped = set_aside(self.asset, sku, self.context, self.campaign, ready=bool(cutouts))
        if stopped is not None:
            return stopped
        cutout = next(record for record in cutouts if record.facts["main"])
        before = shelf.records()
        base = self._base(cutout)
        attempt = self._attempt(before, base)
        wanted = CandidateSet(base, self.period, attempt, first_care(self.context))
        made = (self.maker.make(shelf, cutout, scene, wanted, pictures=False) for scene in self.campaign.scenes)
        records = [record for each in made for record in each]
        shelf.keep_only([*_history(before, base, attempt), *(record.name for record in records)])
        return summarise(self.asset, sku, records, before=before)

    def _base(self, cutout: Record) -> str:
        """What all attempts at this SKU share. Another photo or another period starts with attempt 1 again."""
        return fingerprint({"cutout": cutout.files["cutout"].sha256, "period": self.period})

    def _attempt(self, before: Sequence[Record], base: str) -> int:
        """The last attempt on record, or the next one where a new attempt is asked for."""
        last = max((int(r.facts["attempt"]) for r in before if r.inputs["base"] == base), default=0)
        return last + 1 if self.context.retry or last == 0 else last


def _history(before: Sequence[Record], base: str, attempt: int) -> list[str]:
    """What stays beside the first set of this attempt: earlier attempts, and what scored_finals had made again."""
    return [
        record.name
        for record in before
        if record.inputs["base"] == base and (record.facts["attempt"] < attempt or not is_first(record))
    ]
