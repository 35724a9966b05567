"""Checks of the catalog itself: its root, what people put there, and where its pictures are published."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

from catalog_assets.context import insist_on_uploads
from catalog_assets.doctor.findings import Deployment, Finding, listed
from catalog_assets.manifest_archives import archived
from catalog_assets.settings import adjusted
from resources.matting.gate import default_thresholds
from resources.products import load_products, rows_without_photos
from resources.quality.thresholds import shipped_thresholds
from resources.store import UPLOADS, CatalogStore, LocalStore

_PROBES = "state/doctor"
# S3 refuses requests of a clock that is 15 minutes off; a minute already spoils what counts as old.
_SKEW_S = 60.0
_REFUSED_SKEW_S = 900.0


def root(deployment: Deployment) -> Iterator[Finding]:
    """The root can be written, read, listed and tidied up, by the rules that the line relies on."""
    store = deployment.store
    key = f"{_PROBES}/{secrets.token_hex(8)}"
    began = deployment.now()
    try:
        store.write(key, b"first")
        entry = store.stat(key)
        problems = list(_problems(store, key))
    finally:
        store.delete(key)
    if store.exists(key):
        problems.append("what was removed is still there")
    if problems:
        yield Finding(
            "root",
            "wrong",
            f"{store.root}: {'; '.join(problems)}.",
            "Use a disk or bucket that keeps to this: a local disk, NFS 4, AWS S3, a recent MinIO.",
        )
    else:
        yield Finding("root", "ok", f"{store.root} can be written, read, listed and removed from.")
    if entry is not None:
        yield _skew(store, entry.modified - began)


def _problems(store: CatalogStore, key: str) -> Iterator[str]:
    """What of the store's promises does not hold."""
    if store.read(key) != b"first":
        yield "what was written is not what is read"
    if key not in {entry.key for entry in store.list(_PROBES)}:
        yield "what was written is not listed"
    if store.create(key, b"second"):
        yield "a file that is there can be created once more, so two runs could order the same picture twice"
    with store.open(key) as reader:
        store.write(key, b"third")
        if isinstance(store, LocalStore) and reader.read() != b"first":
            yield "a reader does not keep the old file while a new one takes its place"
    if store.read(key) != b"third":
        yield "a file that was replaced still shows its old content"


def _skew(store: CatalogStore, seconds: float) -> Finding:
    whose = "the disk's server" if isinstance(store, LocalStore) else "the bucket"
    found = f"The clock of {whose} and this machine's are {abs(seconds):.0f} s apart."
    fix = "Let this machine set its clock by the network (NTP)."
    if abs(seconds) <= _SKEW_S:
        return Finding("clock of the store", "ok", found)
    return Finding("clock of the store", "wrong" if abs(seconds) >= _REFUSED_SKEW_S else "warning", found, fix)


def uploads(deployment: Deployment) -> Iterator[Finding]:
    """The upload folder is there, and holds photos."""
    store = deployment.store
    if UPLOADS not in store.children():
        where = f"{store.root}/{UPLOADS}"
        yield Finding("uploads", "wrong", f"There is no folder {where}.", "Put photos there, or mend the root.")
        return
    found = deployment.uploads
    insist_on_uploads(store, found)
    count = f"{len(found.skus)} SKUs have photos"
    if not found.skus:
        fix = "Put photos there, as <sku>.jpg or <sku>/<view>.jpg."
        yield Finding("uploads", "warning", "There are no photos in the upload folder.", fix)
    elif found.notes:
        left = f"{len(found.notes)} files are left out, such as: {found.notes[0].message}"
        yield Finding("uploads", "warning", f"{count}; {left}", "`catalog refresh` lists them all.")
    else:
        yield Finding("uploads", "ok", f"{count}.")


def settings(deployment: Deployment) -> Iterator[Finding]:
    """catalog.yaml can be used."""
    found = deployment.settings
    adjusted(default_thresholds(""), found.matte, "catalog.yaml: matte")
    adjusted(shipped_thresholds(), found.fidelity, "catalog.yaml: fidelity")
    archived(found, deployment.rules.known)
    said = "can be used" if deployment.store.exists("catalog.yaml") else "is not there: the defaults hold"
    yield Finding("catalog.yaml", "ok", f"catalog.yaml {said}.")


def products(deployment: Deployment) -> Iterator[Finding]:
    """catalog.csv can be read."""
    if not deployment.store.exists("catalog.csv"):
        yield Finding("catalog.csv", "ok", "There is no catalog.csv: products have no titles, sizes or numbers.")
        return
    found = load_products(deployment.store)
    problems = [*found.problems, *rows_without_photos(found, deployment.uploads.skus)]
    if problems:
        first = problems[0]
        where = f"line {first.line}: " if first.line else ""
        fix = f"{first.hint} All are in the report catalog_overview."
        yield Finding("catalog.csv", "warning", f"{len(problems)} problems; {where}{first.message}", fix)
    else:
        yield Finding("catalog.csv", "ok", "Every row can be used.")


def campaigns(deployment: Deployment) -> Iterator[Finding]:
    """Campaign and marketplace files can be used."""
    found, rules = deployment.campaigns, deployment.rules
    for problem in found.problems:
        yield Finding("campaigns", "wrong", f"Left out: {problem.message}", "Mend the file.")
    if not found.problems:
        yield Finding("campaigns", "ok", f"{len(found.active)} can be used: {listed(list(found.active))}.")
    for broken in rules.problems:
        yield Finding("marketplaces", "wrong", f"Left as it is: {broken}", "Mend the file.")
    if not rules.problems:
        yield Finding("marketplaces", "ok", f"{len(rules.rules)} can be used.")


def publishing(deployment: Deployment) -> Iterator[Finding]:
    """Where pictures are published can be reached; nothing is written there."""
    from catalog_assets.refresh import open_publisher

    publisher = open_publisher(deployment.environment)
    if publisher is None:
        yield Finding("publishing", "ok", "Nothing is published: catalog.yaml names no target.")
        return
    target = publisher.target
    target.exists("catalog-doctor")
    if isinstance(target, LocalStore) and not Path(target.root).is_dir():
        fix = "Make it, mount it, or mend publish.target in catalog.yaml."
        yield Finding("publishing", "wrong", f"There is no folder {target.root}.", fix)
        return
    yield Finding("publishing", "ok", f"{target.root} can be reached; served at {publisher.settings.base_url}.")
