"""The bundled sample catalog: copied into a folder of its own, and what is expected to become of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from catalog_assets.instance import open_instance
from catalog_assets.partitions import register
from catalog_assets.quarantine import Quarantined
from resources.plain_yaml import read_own
from resources.store import open_store
from resources.uploads import scan_uploads

SAMPLE = Path(__file__).parent / "sample"


@dataclass(frozen=True)
class Expected:
    """rejected: the planted bad uploads and their codes. may_need_review: SKUs that are honestly hard."""

    rejected: dict[str, str]
    may_need_review: frozenset[str]


def expected() -> Expected:
    content = read_own(SAMPLE / "expected.yaml")
    return Expected(rejected=dict(content["rejected"]), may_need_review=frozenset(content["may_need_review"]))


def copy_sample(root: Path) -> None:
    """Put the sample's photos and catalog.csv under `root`; files that are already the same are left alone."""
    for source in sorted(SAMPLE.rglob("*")):
        inside = source.relative_to(SAMPLE)
        if not source.is_file() or inside.parts[0] not in {"uploads", "catalog.csv"}:
            continue
        target = root / inside
        data = source.read_bytes()
        if target.is_file() and target.read_bytes() == data:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def surprises(stopped: Iterable[Quarantined], want: Expected) -> list[str]:
    """What differs from the expectation, one sentence each; empty if exactly the planted uploads were rejected.

    What waits for a person is no rejection: see `unexpected_reviews`.
    """
    found = {record.sku: record for record in stopped if not record.rejection.is_review}
    said = [
        f"{sku} should have been rejected as {code}, but was not."
        for sku, code in sorted(want.rejected.items())
        if sku not in found
    ]
    for sku, record in sorted(found.items()):
        code = want.rejected.get(sku)
        if code != record.rejection.code:
            wanted = f"as {code}" if code else "not at all"
            reason = record.rejection
            said.append(f"{sku} was rejected as {reason.code} ({reason.message}), expected {wanted}.")
    return said


def unexpected_reviews(stopped: Iterable[Quarantined], want: Expected) -> list[str]:
    """SKUs that wait for review although they are not among the hard ones."""
    return sorted({record.sku for record in stopped if record.rejection.is_review} - want.may_need_review)


def main() -> None:
    """Copy the sample to the folder named on the command line and register its SKUs, ready for the Dagster UI."""
    root = Path(sys.argv[1])
    copy_sample(root)
    with open_instance(str(root)) as instance:
        register(instance, scan_uploads(open_store(str(root))).skus)


if __name__ == "__main__":
    main()
