"""Stage marketplace_export: pictures ready to upload, rendered for each marketplace and checked on their own bytes."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from catalog_assets.campaign_files import EVERGREEN, Campaign
from catalog_assets.context import RunContext
from catalog_assets.records import DamagedError, FileRef, Record, Shelf, campaign_shelf, fingerprint, product_shelf
from catalog_assets.stage import Stage, StageResult, summarise
from catalog_assets.stages.candidates import set_aside
from catalog_assets.stages.cutout import current_cutouts
from catalog_assets.stages.scored_finals import DECIDED, ScoredFinals, content_of
from catalog_assets.stages.withdrawal import MARKETPLACE_EXPORT, export_shelf, withdraw
from resources.marketplaces.compliance import check
from resources.marketplaces.naming import ProductNumbers, picture_name, product_numbers
from resources.marketplaces.render import Rendered, Tools, render_lifestyles, render_whites
from resources.marketplaces.rule_files import load_rules
from resources.marketplaces.rules import SLOTS, MarketplaceRules, Slot
from resources.marketplaces.signing import SigningError
from resources.names import display
from resources.quality.printed_text import read_lines
from resources.store import NotFound
from resources.verdicts import Rejection, Verdict

# What the gate of the mask measures of writing on a photo, on the product or laid over it.
_WRITING = ("text_panel", "overlaid_text", "corner_badge")
# Verdicts of pictures that broke a rule, in the check of a SKU.
_SHOWN = 5
_JUDGE = "Run `catalog refresh`: it is judged again."


@dataclass(frozen=True)
class Planned:
    """One picture that a marketplace should get: its slot, its place there, and the record it is made from."""

    slot: Slot
    index: int
    source: Record

    @property
    def role(self) -> str:
        return self.slot if self.slot == "main" else f"{self.slot}{self.index}"

    @property
    def picture(self) -> FileRef:
        return self.source.files["final" if self.slot == "lifestyle" else "cutout"]

    @property
    def facts(self) -> dict[str, str]:
        """What records say of it."""
        view, scene = self.source.facts.get("view", self.source.name), self.source.facts.get("scene", "")
        return {"role": self.role, "slot": self.slot, "view": view, "scene": scene}


class MarketplaceExport(Stage):
    """White pictures (evergreen) and lifestyle pictures for every marketplace of a campaign.

    A main picture that breaks a rule keeps the SKU out of that marketplace; another one is left out, and said. What
    does not hold at this moment, a verdict or the very bytes it is about, is a rejection, and that picture does not go.
    """

    asset = MARKETPLACE_EXPORT
    code_version = "2"
    check = "compliance"

    def __init__(self, context: RunContext, campaign: Campaign) -> None:
        self.context = context
        self.campaign = campaign
        book = load_rules()
        self.rules = {name: book.rules[name] for name in campaign.marketplaces if name in book.rules}
        self.broken = [name for name in campaign.marketplaces if name not in book.rules]
        self.judged = ScoredFinals(context, campaign).judged
        self.tools = Tools(context.engines.upscaler(), context.engines.signer())
        self.made_with = _made_with(self.tools)

    def run(self, skus: Sequence[str]) -> list[StageResult]:
        return [self._export(sku) for sku in skus]

    def _export(self, sku: str) -> StageResult:
        cutouts = current_cutouts(self.context, sku)
        accepted = [record for record in self._finals(sku) if record.passed]
        shelf = export_shelf(self.context, self.campaign, sku)
        stopped = set_aside(self.asset, sku, self.context, self.campaign, ready=bool(cutouts and accepted))
        if stopped is not None:
            if stopped.goes_on:  # retired or no longer selected: what was exported goes
                shelf.keep_only(())
            elif cutouts:
                withdraw(self.context, self.campaign, sku, ())
            return stopped
        whites = cutouts if self.campaign.name == EVERGREEN else []
        refused = self._refused(cutouts, whites, accepted)
        before = shelf.records()
        records = self._marketplaces(shelf, sku, _without(whites, refused), _without(accepted, refused))
        shelf.keep_only([*(record.name for record in records), *self.broken])
        rejections = [*refused.values(), *(record.rejection for record in records if record.rejection)]
        rejection = next(iter(rejections), None)
        result = summarise(self.asset, sku, records, before=before, rejection=rejection)
        left = (f"{name}: left as it is: its rules file cannot be used." for name in self.broken)
        notes = (*result.notes, *(why.message for why in refused.values()), *left)
        return replace(result, notes=notes, gate=_worth_showing(records))

    def _finals(self, sku: str) -> list[Record]:
        return campaign_shelf(self.context.store, self.campaign.name, ScoredFinals.asset, sku).records()

    def _refused(
        self, cutouts: Sequence[Record], whites: Sequence[Record], finals: Sequence[Record]
    ) -> dict[tuple[str, str], Rejection]:
        """Why pictures may not be exported, by stage and name: no verdict, a stale one, or other bytes."""
        current = {record.files["cutout"].sha256 for record in cutouts}
        found = {_key(record): self._changed(record, "cutout") for record in whites}
        found |= {_key(record): self._stale(record, current) or self._changed(record, "final") for record in finals}
        return {key: why for key, why in found.items() if why is not None}

    def _stale(self, final: Record, cutouts: Collection[str]) -> Rejection | None:
        """Why the verdict on a final no longer counts."""
        if (final.verdict or {}).get("decision") != "accepted" or "final" not in final.files:
            return Rejection("no_verdict", f"{final.name}: there is no verdict that accepts this picture.", _JUDGE)
        if final.inputs.get("cutout") not in cutouts:
            return Rejection("other_cutout", f"{final.name}: the verdict is about an earlier cut-out.", _JUDGE)
        decided = self.context.decisions.final(final.sku, self.campaign.name, final.name)
        if final.judged != self.judged or final.facts.get(DECIDED, "") != content_of(decided):
            return Rejection(
                "stale_verdict",
                f"{final.name}: thresholds, ranking or a person's decision changed after this picture was accepted.",
                _JUDGE,
            )
        return None

    def _changed(self, record: Record, role: str) -> Rejection | None:
        """Why the bytes that lie there are not those that were judged. The stores' sizes and dates prove nothing."""
        name, words = record.files[role].key.rsplit("/", 1)[1], "final picture" if role == "final" else "cut-out"
        try:
            self.context.read(record.files[role])
        except NotFound:
            if self._is_replaced(record):
                raise  # another run works on this SKU: the next attempt reads its records
            what = "is gone"
        except DamagedError:
            what = "was changed after it was judged"
        else:
            return None
        return Rejection(
            f"{role}_changed",
            f"{record.name}: the {words} {display(name)} {what}, so it is not exported.",
            f"Find out who writes into the store. `catalog refresh --sku {record.sku}` makes it again.",
            retryable=True,
        )

    def _is_replaced(self, record: Record) -> bool:
        """True if the store holds another record by now than the one that was read."""
        now = product_shelf(self.context.store, record.stage, record.sku)
        if record.stage == ScoredFinals.asset:
            now = campaign_shelf(self.context.store, self.campaign.name, record.stage, record.sku)
        return now.record(record.name) != record

    def _marketplaces(self, shelf: Shelf, sku: str, whites: Sequence[Record], finals: Sequence[Record]) -> list[Record]:
        """The records of all marketplaces; none where the main white picture is due and may not go."""
        if self.campaign.name == EVERGREEN and not any(record.facts["main"] for record in whites):
            return []
        plan = list(self._plan(whites, finals))
        renders = _Renders(self.context, sku, list(self.rules.values()), self.tools)
        return [self._marketplace(shelf, sku, rules, plan, renders) for rules in self.rules.values()]

    def _plan(self, cutouts: Sequence[Record], finals: Sequence[Record]) -> Iterator[Planned]:
        if cutouts:
            yield from (Planned("main", 1, record) for record in cutouts if record.facts["main"])
            others = [record for record in cutouts if not record.facts["main"]]
            yield from (Planned("additional", index, record) for index, record in enumerate(others, 1))
        yield from (Planned("lifestyle", index, record) for index, record in enumerate(finals, 1))

    def _marketplace(
        self,
        shelf: Shelf,
        sku: str,
        rules: MarketplaceRules,
        plan: Sequence[Planned],
        renders: _Renders,
    ) -> Record:
        numbers = product_numbers(sku, self.context.products.get(sku).cells())
        wanted = fingerprint(
            {
                "pictures": [[planned.role, planned.picture.sha256] for planned in plan],
                "rules": [rules.fingerprint(slot) for slot in SLOTS],
                "numbers": [numbers.asin, numbers.gtin],
                "holiday": self.campaign.advertises_holiday,
                "tools": self.made_with,
                "code": self.code_version,
            }
        )
        current = None if self.context.force else shelf.current(rules.name, wanted)
        if current is not None:
            return current
        started = time.perf_counter()
        done = _Export(self.context, self.campaign, rules, numbers)
        for planned in plan:
            done.add(planned, renders)
        done.write()
        return shelf.save(
            Record(
                stage=self.asset,
                sku=sku,
                name=rules.name,
                status="rejected" if done.rejection else "accepted",
                fingerprint=wanted,
                files=done.files,
                facts={"files": done.facts, "left_out": done.left_out, "compliance": done.verdicts},
                rejection=done.rejection,
                notes=tuple(done.notes),
                seconds=round(time.perf_counter() - started, 4),
            )
        )


class _Renders:
    """Renders of one SKU: a picture is rendered once for all marketplaces whose rules agree."""

    def __init__(self, context: RunContext, sku: str, rules: Sequence[MarketplaceRules], tools: Tools) -> None:
        self.context = context
        self.sku = sku
        self.rules = rules
        self.tools = tools
        self._made: dict[tuple[str, Slot], dict[str, Rendered | Rejection]] = {}

    def render(self, planned: Planned, rules: MarketplaceRules) -> Rendered | Rejection:
        key = (planned.picture.sha256, planned.slot)
        if key not in self._made:
            self._made[key] = self._rendered(planned)
        return self._made[key][rules.name]

    @cached_property
    def has_writing(self) -> bool:
        """True if the gate of the mask measured writing in the main photo: then the picture is read before it goes."""
        masks = product_shelf(self.context.store, "mask", self.sku).records()
        verdicts = [mask.verdict or {} for mask in masks if mask.facts.get("main")]
        measured = [each for verdict in verdicts for each in verdict.get("measures", ())]
        return any(each["name"] in _WRITING and each["value"] > 0 for each in measured)

    def _rendered(self, planned: Planned) -> dict[str, Rendered | Rejection]:
        title = f"{planned.source.sku} {planned.role}"
        if planned.slot == "lifestyle":
            scene, kind = self.context.rgb(planned.picture), planned.source.facts["kind"]
            return render_lifestyles(scene, self.rules, kind=kind, tools=self.tools, title=title)
        cutout = self.context.rgba(planned.picture)
        return render_whites(cutout, self.rules, planned.slot, tools=self.tools, title=title)


class _Export:
    """The files of one SKU for one marketplace: made and checked one by one, written only if the main one may go."""

    def __init__(
        self, context: RunContext, campaign: Campaign, rules: MarketplaceRules, numbers: ProductNumbers
    ) -> None:
        self.context = context
        self.campaign = campaign
        self.rules = rules
        self.numbers = numbers
        self.files: dict[str, FileRef] = {}
        self.facts: list[dict[str, Any]] = []
        self.left_out: list[dict[str, str]] = []
        self.verdicts: dict[str, Any] = {}
        self.notes: list[str] = []
        self.rejection: Rejection | None = None
        self._ready: list[tuple[Planned, str, Rendered]] = []

    def add(self, planned: Planned, renders: _Renders) -> None:
        """Render one picture and check its bytes; it is ready to be written if it keeps every rule."""
        refusal = self._not_wanted(planned.slot)
        if refusal is not None:
            self._say_left_out(planned, refusal)
            return
        try:
            rendered = renders.render(planned, self.rules)
        except SigningError as error:  # the certificate may end while a run lasts
            rendered = Rejection("signing_failed", f"{error}.", "Renew the certificate, then run it again.")
        if isinstance(rendered, Rejection):
            self._leave_out(planned, rendered)
            return
        try:
            name = picture_name(
                self.rules, self.numbers, planned.slot, planned.index, rendered.sha256, rendered.extension
            )
        except ValueError as error:
            self._leave_out(planned, Rejection("no_valid_name", f"{error}.", "Rename the SKU, or give its number."))
            return
        reader = read_lines if planned.slot == "main" and renders.has_writing else None
        verdict = check(rendered.data, name, self.rules, planned.slot, reader=reader, source_type=rendered.source)
        self.verdicts[planned.role] = verdict.as_dict()
        if not verdict.accepted:
            self._leave_out(planned, _broken_rule(verdict))
            return
        self._ready.append((planned, name, rendered))

    def write(self) -> None:
        """Write what is ready. Nothing goes to a marketplace whose main picture was refused."""
        if self.rejection is None:
            for planned, name, rendered in self._ready:
                self._write(planned, name, rendered)

    def _not_wanted(self, slot: Slot) -> Rejection | None:
        """Why the marketplace takes no such picture at all, whatever it shows."""
        allowed = self.rules.slot(slot).allowed
        if not allowed.value:
            return Rejection("slot_forbidden", allowed.reason, "Nothing to do: the others are exported.")
        if slot == "lifestyle" and self.campaign.advertises_holiday and not allowed.holidays:
            hint = f"If {self.campaign.name} advertises no holiday, say `holiday: false` in its file."
            return Rejection("holiday_forbidden", allowed.reason, hint)
        return None

    def _leave_out(self, planned: Planned, reason: Rejection) -> None:
        """A main picture decides for the marketplace; any other is left out with a note."""
        if planned.slot == "main":
            self.rejection = self.rejection or replace(reason, message=f"{self.rules.title}: {reason.message}")
        self._say_left_out(planned, reason)

    def _say_left_out(self, planned: Planned, reason: Rejection) -> None:
        self.left_out.append(
            {**planned.facts, "code": reason.code, "message": f"{reason.message} {reason.hint}".strip()}
        )
        if planned.slot != "main":
            self.notes.append(f"{self.rules.name}: {planned.role} left out: {reason.message}")

    def _write(self, planned: Planned, name: str, rendered: Rendered) -> None:
        key = f"exports/{self.rules.name}/{self.campaign.name}/{self.numbers.sku}/{name}"
        self.context.store.write(key, rendered.data)
        self.files[planned.role] = FileRef(key=key, sha256=rendered.sha256, bytes=len(rendered.data))
        self.notes += [f"{self.rules.name}: {planned.role}: {note}" for note in rendered.notes]
        self.facts.append(
            {
                **planned.facts,
                "name": name,
                "width": rendered.width,
                "height": rendered.height,
                "fill": rendered.fill,
                "source_type": rendered.source,
            }
        )


def _made_with(tools: Tools) -> list[str]:
    """What changes when the same picture would become another file."""
    return [tools.upscaler.name, tools.upscaler.revision, tools.signer.fingerprint if tools.signer else ""]


def _worth_showing(records: Sequence[Record]) -> dict[str, Any]:
    """Verdicts by marketplace and picture: those that failed, else the first; all of them would swell the event log."""
    verdicts = {
        f"{record.name}/{role}": verdict
        for record in records
        for role, verdict in record.facts.get("compliance", {}).items()
    }
    failed = [name for name, verdict in verdicts.items() if verdict["decision"] != "accepted"]
    mains_first = sorted(verdicts, key=lambda name: (not name.endswith("/main"), name))
    return {name: verdicts[name] for name in (failed[:_SHOWN] or mains_first[:1])}


def _key(record: Record) -> tuple[str, str]:
    return record.stage, record.name


def _without(records: Sequence[Record], refused: Mapping[tuple[str, str], Rejection]) -> list[Record]:
    return [record for record in records if _key(record) not in refused]


def _broken_rule(verdict: Verdict) -> Rejection:
    reason = verdict.rejection("")
    if reason is None:
        raise ValueError("an accepted verdict refuses nothing")
    return reason
