"""Measures the manifests of a large catalog: CPU and wall seconds, peak memory. Run it on a quiet machine.

    python -m benchmarks.manifests [--skus 10000] [--keep FOLDER]

The catalog is made of records alone, shaped as the stages write them, without pictures: 2 campaigns, 6 marketplaces,
4 views and 3 scenes a campaign, so 10 pictures a SKU and marketplace. ZIP archives, which read every picture, are off.
Each figure is that of a process of its own. Nothing here is asserted.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from catalog_assets.campaign_files import Campaign, Campaigns
from catalog_assets.manifest_report import write_manifests
from catalog_assets.records import EngineRef, FileRef, Record, campaign_shelf, product_shelf, sealed
from catalog_assets.settings import Settings
from resources.marketplaces.compliance import check
from resources.marketplaces.rule_files import load_rules
from resources.marketplaces.rules import Slot
from resources.store import CatalogStore, LocalStore, content_hash
from resources.verdicts import Measure, Verdict

MARKETPLACES = ("amazon", "ebay", "google_merchant", "meta", "shopify", "walmart")
VIEWS = ("main", "back", "side", "top")
SCENES = {"evergreen": ("grey-sweep", "oak-window", "sunny-desk"), "winter": ("frost", "chalet", "snow-window")}
SETTINGS = Settings(archives="none")
IN_SEASON, OUT_OF_SEASON = datetime(2026, 12, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)
# The one SKU that is made through the shelves; the others are its copies under other names.
PATTERN = "sku-000000"


def campaigns() -> Campaigns:
    """Evergreen, and winter within its dates, for the six marketplaces (those that there are rules for)."""
    known = load_rules().rules
    names = [name for name in MARKETPLACES if name in known]
    scenes = [{"template": "frost"}]
    evergreen = Campaign(name="evergreen", scenes=scenes, marketplaces=names)
    winter = Campaign.model_validate(
        {"name": "winter", "from": "11-01", "until": "02-28", "scenes": scenes, "marketplaces": names}
    )
    return Campaigns(active={"evergreen": evergreen, "winter": winter}, archived=(), problems=())


def make_catalog(root: Path, count: int) -> None:
    """A catalog of `count` SKUs: one from records saved to their shelves, the rest as its copies."""
    store = LocalStore(root)
    _one_sku(store)
    files = {entry.key: store.read(entry.key).decode() for entry in store.list()}
    for number in range(1, count):
        sku = f"sku-{number:06d}"
        for key, text in files.items():
            path = root / key.replace(PATTERN, sku)
            path.parent.mkdir(parents=True, exist_ok=True)
            # Every SKU has pictures of its own.
            own = content_hash(sku.encode())[:12]
            text_of_sku = text.replace(PATTERN, sku).replace("f00dfacecafe", own)
            path.write_bytes(_sealed_anew(text_of_sku) if path.suffix == ".json" else text_of_sku.encode())
    rows = [f"sku-{number:06d},Mug number {number},mug,Acme,blue,steel,B{number:09d}" for number in range(count)]
    (root / "catalog.csv").write_text("\n".join(["sku,title,category,brand,color,material,asin", *rows]) + "\n")


def _sealed_anew(record: str) -> bytes:
    """A stored record that was changed, under a seal of its own."""
    begin, _, rest = record.split("\n", 2)
    return sealed(f"{begin}\n{rest}")


def _one_sku(store: CatalogStore) -> None:
    for view in VIEWS:
        store.write(f"uploads/{PATTERN}/{view}.jpg", b"x")
        _product_records(store, view)
    for campaign, scenes in SCENES.items():
        for scene in scenes:
            _save_final(store, campaign, scene)
        for marketplace in campaigns().active[campaign].marketplaces:
            _save_export(store, campaign, marketplace, scenes)


def _ref(key: str) -> FileRef:
    """A file that a record names; its hash begins with digits that differ from SKU to SKU."""
    return FileRef(key, "f00dfacecafe" + content_hash(key.encode())[12:], 400_000)


def _verdict(measures: int) -> dict[str, Any]:
    found = tuple(Measure(f"measure_of_what_{at:02d}", 0.123456 * at, 0.5, "lower", True) for at in range(measures))
    return Verdict("accepted", 0.97, found).as_dict()


@cache
def _picture() -> bytes:
    """Any JPEG: the verdict on it has as many measures as that on a real one."""
    import numpy as np

    from resources.imaging.encode import jpeg

    return jpeg(np.full((1000, 1000, 3), 255, np.uint8))


def _product_records(store: CatalogStore, view: str) -> None:
    main = view == "main"
    refs = {stage: _ref(f"assets/product/{stage}/{PATTERN}/{view}-0.png") for stage in ("raw_photo", "mask", "cutout")}
    size = {"title": view, "width": 3000, "height": 3000, "format": "JPEG", "own_alpha": False}
    _save(store, "raw_photo", view, {"photo": refs["raw_photo"]}, facts={"main": main, **size})
    _save(
        store,
        "mask",
        view,
        {"mask": refs["mask"]},
        inputs={"photo": refs["raw_photo"].sha256},
        facts={"main": main},
        verdict=_verdict(20),
    )
    used = {"photo": refs["raw_photo"].sha256, "mask": refs["mask"].sha256}
    _save(store, "cutout", view, {"cutout": refs["cutout"]}, inputs=used, facts={"main": main})


def _save(store: CatalogStore, stage: str, name: str, files: dict[str, FileRef], **values: Any) -> None:
    shelf = product_shelf(store, stage, PATTERN)
    shelf.save(
        Record(stage, PATTERN, name, "made", "0" * 32, files=files, engine=EngineRef("classical", "1"), **values)
    )


def _save_final(store: CatalogStore, campaign: str, scene: str) -> None:
    cutout = _ref(f"assets/product/cutout/{PATTERN}/main-0.png").sha256
    picture = _ref(f"assets/campaigns/{campaign}/scene_variants/{PATTERN}/main.{scene}.c1.a1-0.webp")
    chosen = [{"name": f"main.{scene}.c{at}.a1", "verdict": _verdict(16), "measures": [0.5] * 12} for at in (1, 2)]
    campaign_shelf(store, campaign, "scored_finals", PATTERN).save(
        Record(
            "scored_finals",
            PATTERN,
            f"main.{scene}",
            "accepted",
            "0" * 32,
            files={"final": picture, "preview": picture},
            inputs={"cutout": cutout},
            facts={"scene": scene, "view": "main", "attempt": 1, "kind": "photographed_scene", "candidates": chosen},
            verdict=_verdict(16),
            engine=EngineRef("studio", "1"),
        )
    )


def _save_export(store: CatalogStore, campaign: str, marketplace: str, scenes: tuple[str, ...]) -> None:
    planned: list[tuple[Slot, str, str]] = [("lifestyle", "main", scene) for scene in scenes]
    if campaign == "evergreen":
        planned = [("main" if view == "main" else "additional", view, "") for view in VIEWS] + planned
    files: dict[str, FileRef] = {}
    facts = []
    verdicts = {}
    rules = load_rules().rules[marketplace]
    for number, (slot, view, scene) in enumerate(planned):
        role = slot if slot == "main" else f"{slot}{number}"
        name = f"{PATTERN}.{role}.jpg"
        files[role] = _ref(f"exports/{marketplace}/{campaign}/{PATTERN}/{name}")
        said = {"role": role, "slot": slot, "view": view, "scene": scene, "name": name, "fill": 0.87}
        verdicts[role] = check(_picture(), name, rules, slot).as_dict()
        facts.append({**said, "width": 2200, "height": 2200, "source_type": "compositeCapture"})
    record = Record(
        "marketplace_export",
        PATTERN,
        marketplace,
        "accepted",
        "0" * 32,
        files=files,
        facts={"files": facts, "left_out": [], "compliance": verdicts},
        notes=(f"{marketplace}: main: made at 2200 px, as large as the product's own pixels allow",),
    )
    campaign_shelf(store, campaign, "marketplace_export", PATTERN).save(record)


def measure(root: Path, moment: datetime) -> dict[str, Any]:
    """One run over a catalog, in this process."""
    store = LocalStore(root)
    cpu, wall = time.process_time(), time.perf_counter()
    result = write_manifests(store, campaigns(), SETTINGS, moment)
    return {
        "cpu_s": round(time.process_time() - cpu, 1),
        "wall_s": round(time.perf_counter() - wall, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "listed": sum(one.pictures for one in result.marketplaces),
        "changed": result.changes.total,
        "left_out": sum(sum(one.left_out.values()) for one in result.marketplaces),
    }


def measured_apart(root: Path, moment: datetime) -> dict[str, Any]:
    """The same in a child process, whose memory is that of the run alone."""
    command = [sys.executable, "-m", "benchmarks.manifests", "--measure", str(root), "--moment", moment.isoformat()]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def report(root: Path, count: int) -> Iterator[str]:
    """The lines that are printed."""
    yield f"{count} SKUs, {len(campaigns().active['evergreen'].marketplaces)} marketplaces"
    for name, moment in (
        ("first run", IN_SEASON),
        ("nothing changed", IN_SEASON),
        ("a season ended", OUT_OF_SEASON),
    ):
        yield f"{name:18s} {json.dumps(measured_apart(root, moment))}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skus", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="A folder for the catalog; it is made there if it is empty.")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--moment", type=datetime.fromisoformat, default=IN_SEASON, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.moment)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = options.keep or Path(temporary)
        if not (root / "catalog.csv").exists():
            make_catalog(root, options.skus)
        for line in report(root, options.skus):
            print(line, flush=True)


if __name__ == "__main__":
    main()
