"""Stage scored_finals: judges every candidate, and chooses the best of those that show the product as it is."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from catalog_assets.campaign_files import Campaign, Scene
from catalog_assets.context import RunContext
from catalog_assets.records import FileRef, Record, Shelf, campaign_shelf, fingerprint, read_file
from catalog_assets.settings import adjusted
from catalog_assets.stage import Stage, StageResult, any_new, summarise
from catalog_assets.stages.cutout import current_cutouts
from catalog_assets.stages.scene_variants import SceneVariants, scene_job, set_aside
from resources.imaging.encode import read_rgb, thumbnail_jpeg
from resources.imaging.harmonise import Harmony
from resources.quality.fidelity import FidelityThresholds, judge
from resources.quality.ranking import Ranker, Ranking, ranker
from resources.scenes.engine import Candidate, Placement, on_canvas, scaled_product
from resources.verdicts import Rejection, Verdict

# One accepted final in so many shows its thumbnail in the UI; the event store pays for every one.
THUMBNAIL_SAMPLE = 20

RANKER = "heuristic"


class ScoredFinals(Stage):
    """One final a scene, with the verdict on every candidate. Fails closed: no accepted candidate, no final."""

    asset = "scored_finals"
    code_version = "2"
    check = "fidelity"

    def __init__(self, context: RunContext, campaign: Campaign) -> None:
        self.context = context
        self.campaign = campaign
        self.scenes = {scene.name: scene for scene in campaign.scenes}
        defaults = adjusted(FidelityThresholds(), context.settings.fidelity, "catalog.yaml: fidelity")
        self.thresholds = adjusted(defaults, campaign.fidelity, f"campaign {campaign.name}: fidelity")
        self.ranker: Ranker = ranker(RANKER)
        self.judged = fingerprint(
            {
                "thresholds": asdict(self.thresholds),
                "ranker": [self.ranker.name, self.ranker.revision],
                "code": self.code_version,
            }
        )

    def run(self, skus: Sequence[str]) -> list[StageResult]:
        return [self._finals(sku) for sku in skus]

    def _finals(self, sku: str) -> StageResult:
        store = self.context.store
        cutouts = current_cutouts(self.context, sku)
        cutout = next((record for record in cutouts if record.facts["main"]), None)
        scenes = current_candidates(self.context, self.campaign, sku, cutout)
        stopped = set_aside(self.asset, sku, self.context, self.campaign, ready=bool(scenes))
        if stopped is not None or cutout is None:
            return stopped or StageResult(self.asset, sku, "not_attempted")
        shelf = campaign_shelf(store, self.campaign.name, self.asset, sku)
        before = shelf.records()
        records = [self._scene(shelf, cutout, scene, candidates) for scene, candidates in sorted(scenes.items())]
        shelf.keep_only(record.name for record in records)
        result = summarise(self.asset, sku, records, fresh=any_new(records, before), rejection=_stopped(records))
        return replace(result, thumbnail=self._thumbnail(sku, records))

    def _scene(self, shelf: Shelf, cutout: Record, scene: str, candidates: Sequence[Record]) -> Record:
        name = f"{cutout.name}.{scene}"
        wanted = fingerprint(
            {
                "cutout": cutout.files["cutout"].sha256,
                "candidates": [record.files["picture"].sha256 for record in candidates],
                "judged": self.judged,
            }
        )
        current = None if self.context.force else shelf.current(name, wanted)
        return current or self._judge(shelf, cutout, candidates, name, scene, wanted)

    def _judge(
        self, shelf: Shelf, cutout: Record, candidates: Sequence[Record], name: str, scene: str, wanted: str
    ) -> Record:
        started = time.perf_counter()
        rgba = self.context.rgba(cutout.files["cutout"])
        pictures = [self._candidate(record, rgba) for record in candidates]
        wanted_scene = self.scenes[scene]
        template = wanted_scene.look
        verdicts = [
            self._verdict(cutout, wanted_scene, record, picture)
            for record, picture in zip(candidates, pictures, strict=True)
        ]
        rankings = self.ranker.rank(pictures, [template] * len(pictures), verdicts)
        best = rankings[0].index if rankings else _nearest(verdicts)
        verdict = verdicts[best]
        record = Record(
            stage=self.asset,
            sku=cutout.sku,
            name=name,
            status=verdict.decision,
            fingerprint=wanted,
            judged=self.judged,
            files=_final_files(candidates[best])
            if verdict.accepted
            else {"preview": candidates[best].files["preview"]},
            inputs={"cutout": cutout.files["cutout"].sha256},
            measures={"fidelity": round(verdict.score, 6)},
            facts={
                "scene": scene,
                "template": template.name,
                "view": cutout.name,
                "kind": candidates[best].facts["kind"],
                "plate": candidates[best].facts.get("plate", ""),
                "chosen": candidates[best].name,
                "attempt": candidates[best].facts["attempt"],
                "ranker": RANKER,
                "candidates": _table(candidates, verdicts, rankings),
            },
            verdict=verdict.as_dict(),
            rejection=verdict.rejection(self.asset),
            engine=candidates[best].engine,
            seconds=round(time.perf_counter() - started, 4),
        )
        return shelf.save(record)

    def _verdict(self, cutout: Record, scene: Scene, record: Record, picture: Candidate) -> Verdict:
        """The judge's word on a candidate. Growth that it only suspects is settled against the scene itself."""
        rgba = self.context.rgba(cutout.files["cutout"])

        def say(backdrop: NDArray[np.uint8] | None) -> Verdict:
            return judge(
                rgba[..., :3],
                rgba[..., 3],
                picture.rgb,
                placement=picture.placement,
                thresholds=self.thresholds,
                backdrop=backdrop,
                harmony=picture.harmony,
            )

        verdict = say(None)
        if verdict.decided_by != "expansion":
            return verdict
        engine = self.context.engines.scene_engine(self.campaign.engine)
        backdrop = engine.backdrop(scene_job(self.context, cutout, scene, record.facts["seed"]))
        return verdict if backdrop is None else say(backdrop)

    def _candidate(self, record: Record, cutout: NDArray[np.uint8]) -> Candidate:
        """A stored candidate, read back and checked against its recorded hash."""
        rgb = self.context.rgb(record.files["picture"])
        placement = Placement(**record.facts["placement"])
        layer = on_canvas(scaled_product(cutout, placement.scale), placement, (rgb.shape[1], rgb.shape[0]))
        return Candidate(rgb=rgb, alpha=layer[..., 3], placement=placement, harmony=_harmony(record))

    def _thumbnail(self, sku: str, records: Sequence[Record]) -> bytes | None:
        """A small picture of a final that was stopped, or of a sample of the accepted ones."""
        stopped = [record for record in records if not record.passed]
        sampled = int(hashlib.sha256(sku.encode()).hexdigest(), 16) % THUMBNAIL_SAMPLE == 0
        shown = stopped[0] if stopped else records[0] if sampled else None
        if shown is None:
            return None
        return thumbnail_jpeg(read_rgb(read_file(self.context.store, shown.files["preview"])))


def current_candidates(
    context: RunContext, campaign: Campaign, sku: str, cutout: Record | None
) -> dict[str, list[Record]]:
    """The candidates of the last attempt at the current cut-out, by scene and in order; empty if there are none."""
    if cutout is None:
        return {}
    wanted = {scene.name for scene in campaign.scenes}
    made = [
        record
        for record in campaign_shelf(context.store, campaign.name, SceneVariants.asset, sku).records()
        if record.inputs.get("cutout") == cutout.files["cutout"].sha256 and record.facts["scene"] in wanted
    ]
    last = max((record.facts["attempt"] for record in made), default=0)
    scenes: defaultdict[str, list[Record]] = defaultdict(list)
    for record in sorted(made, key=lambda record: record.facts["candidate"]):
        if record.facts["attempt"] == last:
            scenes[record.facts["scene"]].append(record)
    return dict(scenes)


def _harmony(candidate: Record) -> Harmony:
    """What the engine says it did to the product's colours."""
    said = candidate.facts.get("harmony")
    return Harmony(**{**said, "gain": tuple(said["gain"])}) if said else Harmony()


def _final_files(candidate: Record) -> Mapping[str, FileRef]:
    return {"final": candidate.files["picture"], "preview": candidate.files["preview"]}


def _nearest(verdicts: Sequence[Verdict]) -> int:
    """Where none was accepted: the one that came nearest, for a person to look at."""
    order = {"accepted": 2, "review": 1, "rejected": 0}
    return max(range(len(verdicts)), key=lambda index: (order[verdicts[index].decision], verdicts[index].score, -index))


def _table(
    candidates: Sequence[Record], verdicts: Sequence[Verdict], rankings: Sequence[Ranking]
) -> list[dict[str, object]]:
    """Every candidate in order, with its verdict and, if it was accepted, its rank and the parts behind it."""
    ranks = {ranking.index: (place, ranking) for place, ranking in enumerate(rankings, 1)}
    table: list[dict[str, object]] = []
    for index, (candidate, verdict) in enumerate(zip(candidates, verdicts, strict=True)):
        row: dict[str, object] = {
            "name": candidate.name,
            "decision": verdict.decision,
            "fidelity": verdict.score,
            "decided_by": verdict.decided_by,
        }
        if index in ranks:
            place, ranking = ranks[index]
            row |= {"rank": place, "rank_score": ranking.score, "parts": dict(ranking.parts)}
        table.append(row)
    return table


def _stopped(records: Sequence[Record]) -> Rejection | None:
    """Why a SKU has no final in any scene, or None if at least one scene has one.

    A person can settle what waits for review, so one scene in review makes the SKU wait rather than fail.
    """
    if any(record.passed for record in records):
        return None
    rejections = [record.rejection for record in records if record.rejection is not None]
    return next((rejection for rejection in rejections if rejection.is_review), rejections[0])
