"""What a stage is: one asset's work for a few SKUs, and what it says of each of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from catalog_assets.records import Record, fingerprint
from resources.verdicts import Rejection

Status = Literal["made", "up_to_date", "not_selected", "retired", "review", "rejected", "not_attempted"]

GOES_ON: frozenset[str] = frozenset({"made", "up_to_date", "not_selected", "retired"})


@dataclass(frozen=True, slots=True)
class StageResult:
    """What one stage says of one SKU. Holds numbers only, so that a long batch stays small in memory.

    status: made, up_to_date, not_selected and retired go on; rejected and review stop the SKU with a
    rejection; not_attempted stops it silently, because an earlier line already said why.
    check: whether the stage's gate passed, None where nothing was judged. gate: the verdict behind it on each view or
    scene, by record name, as `Verdict.as_dict` has it.
    fresh: something was made or judged in this run, as opposed to found up to date. seconds: of work in this run.
    """

    stage: str
    sku: str
    status: Status
    data_version: str = ""
    metadata: Mapping[str, float | int | str] = field(default_factory=dict)
    rejection: Rejection | None = None
    check: bool | None = None
    gate: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    fresh: bool = False
    thumbnail: bytes | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def goes_on(self) -> bool:
        return self.status in GOES_ON


class RefusedError(Exception):
    """Something that a stage needs cannot be made, for a reason outside of the SKU; the rejection says which.

    The line was stopped and nothing new may be made, or no engine could make it.
    """

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection


class Stage(ABC):
    """One asset's work. `asset` is the asset's name, `code_version` changes whenever its output would."""

    asset: str
    code_version: str
    check: str | None = None

    @abstractmethod
    def run(self, skus: Sequence[str]) -> list[StageResult]:
        """Make what is missing for each SKU, in order: one result a SKU.

        Expected failures are results. An exception stands for the whole group: the line then tries the SKUs
        one by one, so that it is charged to the one that raised it.
        """


def summarise(
    stage: str, sku: str, records: Sequence[Record], *, before: Sequence[Record], rejection: Rejection | None = None
) -> StageResult:
    """The stage's result for a SKU from the records of its views, candidates or marketplaces.

    before: the records that were there when the stage began. rejection: what stops the SKU, if anything; a record's own
    rejection only becomes a note.
    """
    new = written_since(records, before)
    metadata: dict[str, Any] = {
        "pictures": sum(1 for record in records if record.passed),
        "seconds": round(sum(record.seconds for record in records), 3),
        "bytes": sum(record.bytes for record in records),
        "cost_usd": round(sum(record.cost_usd for record in records), 6),
    }
    engines = sorted({record.engine.name for record in records if record.engine})
    if engines:
        metadata["engine"] = ", ".join(engines)
        metadata["device"] = ", ".join(sorted({record.engine.device for record in records if record.engine}))
    for name in sorted({name for record in records for name in record.measures}):
        values = [record.measures[name] for record in records if name in record.measures]
        metadata[name] = round(sum(values) / len(values), 6)
    status: Status = "made" if new else "up_to_date"
    if rejection is not None:
        status = "review" if rejection.is_review else "rejected"
    return StageResult(
        stage=stage,
        sku=sku,
        status=status,
        data_version=_data_version(records),
        metadata=metadata,
        rejection=rejection,
        check=rejection is None,
        gate={record.name: record.verdict for record in records if record.verdict is not None},
        fresh=bool(new),
        notes=tuple(sorted({note for record in records for note in _notes(record)})),
        seconds=_worked(new, before),
    )


def written_since(records: Sequence[Record], before: Sequence[Record]) -> list[Record]:
    """The records that were written since `before` was read."""
    known = {id(record) for record in before}
    return [record for record in records if id(record) not in known]


def _worked(new: Sequence[Record], before: Sequence[Record]) -> float:
    """Seconds of work behind new records. One that was only judged again holds those of its predecessor: no work."""
    done = {(record.name, record.fingerprint, record.seconds) for record in before}
    worked = [record.seconds for record in new if (record.name, record.fingerprint, record.seconds) not in done]
    return round(sum(worked), 3)


def _notes(record: Record) -> list[str]:
    """The notes of a record, and why it was left out if it was."""
    left_out = [f"{record.name}: {record.rejection.message}"] if record.rejection else []
    return [*record.notes, *left_out]


def _data_version(records: Sequence[Record]) -> str:
    """Same outputs, same version: the content hashes of everything that was made, pruned since or not."""
    return fingerprint({record.name: sorted(file.sha256 for file in record.made_files.values()) for record in records})
