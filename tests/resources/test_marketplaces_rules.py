"""Rules files: the shipped ones say what was read, and a broken one is named without hurting the others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from resources.marketplaces.compliance import check
from resources.marketplaces.naming import ProductNumbers, picture_name
from resources.marketplaces.render import Rendered, render_key, render_lifestyle, render_white, render_whites
from resources.marketplaces.rule_files import FOLDER_VARIABLE, RULES_FOLDER, load_rules
from resources.marketplaces.rules import SLOTS, MarketplaceRules, Slot, canvas
from resources.plain_yaml import MAX_YAML_BYTES

SHIPPED = [
    "allegro",
    "amazon",
    "bol",
    "ebay",
    "etsy",
    "google_merchant",
    "mercado_libre",
    "meta",
    "otto",
    "shopify",
    "temu",
    "tiktok_shop",
    "walmart",
    "zalando",
]
PAGE = Path(__file__).parents[2] / "docs" / "marketplaces.md"

# What was read of each marketplace, written down a second time: group and field of the main slot, or a whole path.
FACTS: dict[str, dict[str, Any]] = {
    "allegro": {
        "size.min_longest": 400,
        "size.max_longest": 2560,
        "background.required": "white",
        "text.forbidden": True,
        "listing.max_pictures": 16,
        "feed.manifests": (),
    },
    "amazon": {
        "formats.accepted": ("jpeg", "tiff", "png", "gif"),
        "colour.alpha_allowed": False,
        "size.min_longest": 500,
        "size.recommended": 2000,
        "size.max_longest": 10_000,
        "file.max_bytes": 10_000_000,
        "background.required": "white",
        "background.tolerance": 0,
        "fill.min_ratio": 0.85,
        "fill.max_ratio": 1.0,
        "text.forbidden": True,
        "slots.additional.text.forbidden": False,
        "slots.additional.background.required": "any",
        "slots.additional.count.max": 8,
        "listing.max_pictures": 9,
        "naming.id": "asin_or_sku",
        "feed.manifests": ("amazon_csv", "amazon_json"),
    },
    "bol": {
        "size.counted": "product",
        "size.min_longest": 500,
        "size.min_shortest": None,
        "size.recommended": 1200,
        "size.max_longest": 6000,
        "slots.lifestyle.size.counted": "picture",
        "file.min_bytes": 30_000,
        "file.max_bytes": 10_000_000,
        "background.required": "white",
        "shadow.allowed": False,
        "text.forbidden": True,
        "slots.lifestyle.allowed.value": True,
        "slots.lifestyle.allowed.holidays": False,
        "feed.manifests": (),
    },
    "ebay": {
        "formats.accepted": ("jpeg", "gif", "png", "bmp", "tiff", "webp"),
        "size.min_longest": 500,
        "size.recommended": 1600,
        "size.max_longest": 9000,
        "file.max_bytes": 12_000_000,
        "background.required": "any",
        "text.forbidden": True,
        "slots.additional.text.forbidden": True,
        "slots.lifestyle.text.forbidden": True,
        "listing.max_pictures": 24,
        "urls.https_only": True,
        "feed.manifests": ("ebay_csv",),
    },
    "etsy": {
        "formats.accepted": ("jpeg", "png", "gif"),
        "size.min_longest": None,
        "size.recommended": 2000,
        "file.max_bytes": 10_000_000,
        "listing.max_pictures": 10,
        "slots.lifestyle.allowed.value": False,
        "feed.manifests": (),
    },
    "google_merchant": {
        "formats.accepted": ("jpeg", "webp", "png", "gif", "bmp", "tiff"),
        "slots.lifestyle.formats.accepted": ("jpeg", "png", "gif", "bmp", "tiff"),
        "size.min_longest": 500,
        "size.min_shortest": 500,
        "size.recommended": 1500,
        "size.max_megapixels": 64,
        "file.max_bytes": 16_000_000,
        "fill.min_ratio": 0.75,
        "fill.max_ratio": 0.90,
        "slots.additional.count.max": 10,
        "slots.lifestyle.count.max": 1 + 10,
        "listing.max_pictures": 1 + 10 + 1,
        "urls.max_chars": 2000,
        "provenance.source_types": {"generated_scene": "trainedAlgorithmicMedia"},
        "feed.manifests": ("google_tsv",),
    },
    "mercado_libre": {
        "formats.accepted": ("jpeg", "png"),
        "size.min_longest": 500,
        "size.min_shortest": 500,
        "size.recommended": 1200,
        "file.max_bytes": 10_000_000,
        "background.required": "any",
        "render.side": 1200,
        "render.fill": 0.95,
        "feed.manifests": (),
    },
    "meta": {
        "formats.accepted": ("jpeg", "png"),
        "size.min_longest": 500,
        "size.min_shortest": 500,
        "size.recommended": 1024,
        "file.max_bytes": 8_000_000,
        "text.forbidden": True,
        "slots.additional.count.max": 10,
        "feed.manifests": ("meta_csv",),
    },
    "otto": {
        "formats.accepted": ("jpeg", "png"),
        "colour.alpha_allowed": False,
        "size.min_longest": None,
        "size.recommended": None,
        "size.max_longest": None,
        "file.max_bytes": None,
        "background.required": "any",
        "feed.manifests": (),
    },
    "shopify": {
        "formats.accepted": ("jpeg", "png", "webp", "gif"),
        "size.recommended": 2048,
        "size.max_longest": 5000,
        "size.max_megapixels": 20,
        "file.max_bytes": 20_000_000,
        "background.required": "any",
        "text.forbidden": False,
        "listing.max_pictures": 250,
        "feed.manifests": ("shopify_csv", "shopify_legacy_csv"),
    },
    "temu": {
        "formats.accepted": ("jpeg", "png"),
        "size.min_longest": 800,
        "size.min_shortest": 800,
        "size.recommended": 1800,
        "size.min_aspect": 3 / 4,
        "size.max_aspect": 1.0,
        "file.max_bytes": 3_000_000,
        "fill.min_ratio": 0.80,
        "text.forbidden": True,
        "feed.manifests": (),
    },
    "tiktok_shop": {
        "formats.accepted": ("jpeg", "png"),
        "size.min_longest": 600,
        "size.min_shortest": 600,
        "size.recommended": 1000,
        "size.max_longest": 6000,
        "size.min_aspect": 1.0,
        "size.max_aspect": 1.0,
        "file.max_bytes": 5_000_000,
        "background.required": "white",
        "fill.min_ratio": 0.80,
        "text.forbidden": True,
        "listing.max_pictures": 9,
        "slots.lifestyle.size.min_aspect": None,
        "feed.manifests": ("tiktok_csv",),
    },
    "walmart": {
        "formats.accepted": ("jpeg", "png", "bmp"),
        "colour.max_bit_depth": 8,
        "size.min_longest": None,
        "size.recommended": 2200,
        "size.min_aspect": 1.0,
        "size.max_aspect": 1.0,
        "slots.lifestyle.size.min_aspect": None,
        "slots.lifestyle.size.max_aspect": None,
        "file.max_bytes": 5_000_000,
        "background.required": "white",
        "background.tolerance": 0,
        "urls.query_allowed": False,
        "urls.ports": (80, 443, 8080, 8443),
        "naming.id": "gtin14_or_sku",
        "feed.manifests": ("walmart_json",),
    },
    "zalando": {
        "formats.accepted": ("jpeg",),
        "size.min_shortest": 762,
        "size.min_longest": 1100,
        "size.recommended": 2600,
        "file.max_bytes": 20_000_000,
        "background.required": "white",
        "slots.lifestyle.allowed.value": False,
        "feed.manifests": (),
    },
}

# Read in the marketplace's own documentation, for that very number. Everything else is a default.
CONFIRMED: dict[str, set[str]] = {
    "allegro": {"provenance"},
    "amazon": {"naming", "main.allowed", "additional.allowed"},
    "bol": {"main.allowed", "main.size", "main.file", "main.shadow", "main.text"}
    | {"additional.allowed", "additional.size", "additional.file", "lifestyle.file"},
    "ebay": {"listing", *(f"{slot}.{group}" for slot in SLOTS for group in ("allowed", "formats", "text"))},
    "etsy": {"main.allowed", "additional.allowed"},
    "google_merchant": {"naming", "urls", "main.count", "additional.count"}
    | {f"{slot}.{group}" for slot in SLOTS for group in ("allowed", "formats", "size", "file")},
    "mercado_libre": {"main.allowed", "additional.allowed"}
    | {f"{slot}.{group}" for slot in SLOTS for group in ("formats", "size", "file")},
    "meta": {"main.allowed", "additional.allowed"},
    "tiktok_shop": {"lifestyle.allowed"},
    "walmart": {"urls", "main.allowed", "additional.allowed", "main.size", "main.background"}
    | {f"{slot}.{group}" for slot in SLOTS for group in ("formats", "file")},
    "zalando": {"main.allowed", "additional.allowed"}
    | {f"{slot}.{group}" for slot in SLOTS for group in ("formats", "size", "file")},
}


@pytest.fixture
def amazon_text() -> str:
    return (RULES_FOLDER / "amazon.yaml").read_text(encoding="utf-8")


def _fact(rules: MarketplaceRules, path: str) -> Any:
    top = path.split(".")[0]
    value: Any = rules if top in MarketplaceRules.model_fields else rules.slots.main
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _groups(value: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every group of facts in a dumped file, by its path without `slots`."""
    if isinstance(value, dict):
        if "confirmed" in value:
            yield where.removeprefix("slots.").removesuffix("."), value
        for key, item in value.items():
            yield from _groups(item, f"{where}{key}.")


def _problems(folder: Path, name: str, text: str) -> list[str]:
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    book = load_rules(folder)
    assert name not in book.rules
    assert set(SHIPPED) - {name} <= set(book.rules)
    return [str(problem) for problem in book.problems]


def _own(folder: Path, name: str, text: str) -> MarketplaceRules:
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    book = load_rules(folder)
    assert book.problems == ()
    return book.rules[name]


def _cutout(height: int = 1100, width: int = 700) -> np.ndarray:
    """A product of many colours with a soft edge on transparency."""
    rgba = np.zeros((height + 80, width + 80, 4), np.uint8)
    rgba[..., :3] = np.random.default_rng(6).integers(20, 200, (*rgba.shape[:2], 3), np.uint8)
    rgba[40:-40, 40:-40, 3] = 255
    return cv2.GaussianBlur(rgba, (0, 0), 1.2)


# ---- the shipped files


def test_shipped_rules_are_whole() -> None:
    book = load_rules()
    assert book.problems == ()
    assert list(book.rules) == SHIPPED == sorted(FACTS)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_facts(name: str) -> None:
    rules = load_rules().rules[name]
    assert {path: _fact(rules, path) for path in FACTS[name]} == FACTS[name]


@pytest.mark.parametrize("name", SHIPPED)
def test_only_what_the_marketplace_itself_says_is_confirmed(name: str) -> None:
    groups = dict(_groups(load_rules().rules[name].model_dump()))
    assert len(groups) == 5 + 3 * 11
    assert {where for where, group in groups.items() if group["confirmed"]} == CONFIRMED.get(name, set())
    for where, group in groups.items():
        assert group["source"] or group["note"], where
        assert not group["confirmed"] or group["source"], where
        assert all(re.match(r"https?://[^/ ]+/", address) for address in group["source"]), where


def test_one_white_picture_serves_as_many_as_possible() -> None:
    rules = load_rules().rules
    keys = {name: {render_key(rules[name], slot) for slot in SLOTS[:2]} for name in SHIPPED}
    assert all(len(of_slots) == 1 for of_slots in keys.values())
    shared = [name for name in SHIPPED if keys[name] == keys["amazon"]]
    assert shared == [name for name in SHIPPED if name not in ("mercado_libre", "zalando")]
    assert keys["mercado_libre"] != keys["zalando"]


def test_white_pictures_have_the_sizes_that_are_asked_for() -> None:
    rules = load_rules().rules
    sizes = {name: canvas(rules[name].slot("main"), rules[name].slot("main").render.side) for name in SHIPPED}
    assert {name: size for name, size in sizes.items() if size != (2200, 2200)} == {
        "zalando": (1801, 2600),
        "mercado_libre": (1200, 1200),
    }
    zalando = rules["zalando"].slot("main")
    smallest = canvas(zalando, 1100)
    assert smallest == (762, 1100)
    low, high = zalando.size.min_aspect, zalando.size.max_aspect
    assert low is not None
    assert high is not None
    for width, height in (smallest, (1801, 2600), (100, 144)):
        assert low <= width / height <= high
    assert high - low < 0.01


def _complies(picture: Rendered, rules: MarketplaceRules, slot: Slot) -> bool:
    name = picture_name(rules, ProductNumbers("mug-1"), slot, 1, picture.sha256, picture.extension)
    return check(picture.data, name, rules, slot, source_type=picture.source).accepted


@pytest.mark.parametrize("slot", SLOTS[:2])
def test_white_pictures_for_all_marketplaces_comply(slot: Slot) -> None:
    rules = load_rules().rules
    rendered = render_whites(_cutout(), rules.values(), slot)
    pictures = {name: picture for name, picture in rendered.items() if isinstance(picture, Rendered)}
    assert list(pictures) == SHIPPED
    assert [name for name in SHIPPED if not _complies(pictures[name], rules[name], slot)] == []
    assert len({picture.sha256 for picture in pictures.values()}) == 3


@pytest.mark.parametrize("size", [(1600, 1600), (1600, 900), (1280, 1600)])
def test_scenes_comply_wherever_they_are_taken_and_are_never_cut(size: tuple[int, int]) -> None:
    width, height = size
    scene = cv2.resize(_cutout(height // 4, width // 4)[..., :3], size, interpolation=cv2.INTER_CUBIC)
    for name, rules in load_rules().rules.items():
        picture = render_lifestyle(scene, rules, kind="photographed_scene")
        if isinstance(picture, Rendered):
            assert _complies(picture, rules, "lifestyle"), name
            assert picture.width / picture.height == pytest.approx(width / height, abs=0.002), name
        else:
            assert (name, picture.code) in {("etsy", "not_allowed"), ("zalando", "not_allowed")}


def test_what_is_refused_has_a_sentence_for_the_shop() -> None:
    refused, without_holidays = set(), set()
    for name, rules in load_rules().rules.items():
        for slot in SLOTS:
            allowed = rules.slot(slot).allowed
            if not allowed.value:
                refused.add((name, slot))
            if not allowed.holidays:
                without_holidays.add((name, slot))
            said = allowed.reason
            assert bool(said) == (not allowed.value or not allowed.holidays)
            assert not said or (said.endswith(".") and said.count(". ") == 0 and len(said) <= 120)
    assert refused == {("etsy", "lifestyle"), ("zalando", "lifestyle")}
    assert without_holidays == {("bol", "lifestyle")}


def test_what_must_be_declared_is_said_where_it_is_known() -> None:
    declared = {name: rules.provenance.ai_declared for name, rules in load_rules().rules.items()}
    assert sorted(name for name, words in declared.items() if words) == ["allegro", "etsy", "google_merchant"]
    assert "aiCoCreatedContent.images" in declared["allegro"]
    assert "cannot be corrected" in declared["allegro"]


@pytest.mark.parametrize("name", SHIPPED)
def test_names_fit_their_own_pattern_and_no_other_file_does(name: str) -> None:
    rules = load_rules().rules[name]
    numbers = ProductNumbers("Mug-1.a", asin="B000123456", gtin="4006381333931")
    names = {
        picture_name(rules, numbers, slot, index, "0f" * 32, "jpg") for slot in SLOTS for index in range(1, 41)
    } | {picture_name(rules, ProductNumbers("Mug 1/ä"), slot, 1, "0f" * 32, "jpg") for slot in SLOTS}
    # Main pictures are one a product, so 40 names of that slot may be one.
    assert len(names) >= 40 + 40 + 1 + 3
    extensions = {"jpeg": "jpg", "tiff": "tif"}
    for kind in ("jpeg", "png", "webp", "gif", "tiff", "bmp"):
        fits = re.fullmatch(rules.naming.pattern, f"MUG1.{extensions.get(kind, kind)}") is not None
        assert fits == (kind in rules.slot("main").formats.accepted), kind
    for bad in ("MUG1", ".jpg", "a b.jpg", "../MUG1.jpg", "MUG1.jpg.exe", "mük.jpg", "MUG1.jpg\n"):
        assert not re.fullmatch(rules.naming.pattern, bad), bad


def test_amazon_names_are_the_bulk_uploader_s() -> None:
    rules = load_rules().rules["amazon"]
    numbers = ProductNumbers("MUG-1", asin="B000123456")
    found = [picture_name(rules, numbers, slot, 2, "0" * 64, "jpg") for slot in ("additional", "lifestyle")]
    assert picture_name(rules, numbers, "main", 1, "0" * 64, "jpg") == "B000123456.MAIN.jpg"
    assert found == ["B000123456.PT02.jpg", "B000123456.PT52.jpg"]
    assert re.fullmatch(rules.naming.pattern, "B000123456.EEGL.jpg")
    assert not re.fullmatch(rules.naming.pattern, "B000-123456.MAIN.jpg")
    assert not re.fullmatch(rules.naming.pattern, "B000123456.FRONT.jpg")


def test_walmart_names_start_with_fourteen_digits() -> None:
    rules = load_rules().rules["walmart"]
    numbers = ProductNumbers("MUG-1", gtin="4006381333931")
    assert picture_name(rules, numbers, "main", 1, "0" * 64, "jpg") == "04006381333931.jpg"
    assert picture_name(rules, numbers, "additional", 1, "0" * 64, "jpg") == "04006381333931_001.jpg"


def test_names_where_addresses_must_be_stable_carry_the_content() -> None:
    for name in ("google_merchant", "meta", "shopify"):
        for slot in SLOTS:
            found = picture_name(load_rules().rules[name], ProductNumbers("mug"), slot, 1, "0f" * 32, "jpg")
            assert "-0f0f0f0f0f0f." in found


# ---- the page for users


def _main_picture_row(rules: MarketplaceRules) -> list[str]:
    """A marketplace's row in the table of main pictures."""
    main = rules.slot("main")
    width, height = canvas(main, main.render.side)
    return [
        rules.title,
        f"{width} x {height}",
        _size_words(rules),
        main.background.required,
        _fill_words(main.fill.min_ratio, main.fill.max_ratio),
        ", ".join(kind.upper() for kind in main.formats.accepted),
        _bytes_words(main.file.min_bytes, main.file.max_bytes),
        _confirmed_words(rules),
    ]


def _listing_row(rules: MarketplaceRules) -> list[str]:
    """A marketplace's row in the table of listings."""
    return [
        f"`{rules.name}`",
        _count_words(rules, "additional"),
        _count_words(rules, "lifestyle"),
        str(rules.listing.max_pictures or "-"),
        ", ".join(rules.feed.manifests) or "-",
    ]


def _size_words(rules: MarketplaceRules) -> str:
    size = rules.slot("main").size
    low, high, best = size.min_longest, size.max_longest, size.recommended
    words = [f"{low} to {high}" if low and high else f"from {low}" if low else f"to {high}" if high else ""]
    words += [f"{best} best" if best else "", "of the product" if size.counted == "product" else ""]
    words += ["square" if size.min_aspect == size.max_aspect == 1.0 else ""]
    return ", ".join(word for word in words if word) or "-"


def _fill_words(low: float | None, high: float | None) -> str:
    high = None if high == 1.0 else high
    if low and high:
        return f"{low:.0%} to {high:.0%}"
    return f"from {low:.0%}" if low else "-"


def _bytes_words(low: int | None, high: int | None) -> str:
    most = f"{high / 1e6:g} MB" if high else "-"
    return f"{low / 1e3:g} kB to {most}" if low else most


def _count_words(rules: MarketplaceRules, slot: Slot) -> str:
    slot_rules = rules.slot(slot)
    if not slot_rules.allowed.value:
        return "no"
    most = "yes" if slot_rules.count.max is None else str(slot_rules.count.max)
    return most if slot_rules.allowed.holidays else f"{most}, no holidays"


def _confirmed_words(rules: MarketplaceRules) -> str:
    groups = ("formats", "size", "file", "background", "fill", "shadow", "text")
    found = [name for name in groups if getattr(rules.slots.main, name).confirmed]
    return ", ".join(found) or "none"


def _tables() -> list[list[list[str]]]:
    """The page's tables without their heads, as cells."""
    blocks = re.findall(r"(?:^\|.*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [[[cell.strip() for cell in row.split("|")[1:-1]] for row in block.splitlines()[2:]] for block in blocks]


def test_the_page_s_tables_say_what_the_files_say() -> None:
    rules = load_rules().rules.values()
    pictures, listings = _tables()[:2]
    assert pictures == [_main_picture_row(each) for each in rules]
    assert listings == [_listing_row(each) for each in rules]


def _files_on_the_page() -> dict[str, str]:
    """The rules files that the page shows whole, by name: blocks that start with a comment `# name.yaml`."""
    blocks = re.findall(r"```yaml\n(# (\w+)\.yaml\b.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return {name: text for text, name in blocks}


def test_the_page_s_examples_work_as_they_stand(tmp_path: Path) -> None:
    examples = _files_on_the_page()
    assert sorted(examples) == ["corner_market", "temu"]
    for name, text in examples.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    book = load_rules(tmp_path)
    assert book.problems == ()
    assert sorted(book.rules) == sorted([*SHIPPED, "corner_market"])
    temu, shipped = book.rules["temu"].slot("main"), load_rules().rules["temu"].slot("main")
    assert (temu.file.max_bytes, shipped.file.max_bytes) == (2_000_000, 3_000_000)
    assert temu.render.max_bytes == 2_000_000
    assert temu.size == shipped.size
    corner = book.rules["corner_market"]
    assert corner.wants("evergreen")
    picture = render_white(_cutout(), corner, "main")
    assert isinstance(picture, Rendered)
    assert (picture.width, picture.height) == (1600, 1600)
    assert _complies(picture, corner, "main")
    assert not corner.slot("lifestyle").allowed.holidays


def test_the_readme_s_example_works_as_it_stands(tmp_path: Path) -> None:
    block = re.search(
        r"^    extends: .*\n(?:    .*\n)+", (PAGE.parents[1] / "README.md").read_text("utf-8"), re.MULTILINE
    )
    assert block is not None
    kiosk = _own(tmp_path, "kiosk", dedent(block[0]))
    picture = render_white(_cutout(), kiosk, "main")
    assert isinstance(picture, Rendered)
    assert _complies(picture, kiosk, "main")


# ---- a shop's own files


def test_a_file_adds_a_marketplace(tmp_path: Path, amazon_text: str) -> None:
    text = amazon_text.replace("name: amazon", "name: kiosk").replace("min_longest: 500", "min_longest: 700")
    kiosk = _own(tmp_path, "kiosk", text)
    assert list(load_rules(tmp_path).rules) == sorted([*SHIPPED, "kiosk"])
    assert kiosk.slot("main").size.min_longest == 700


def test_the_folder_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kiosk.yaml").write_text("extends: otto\nname: kiosk\n", encoding="utf-8")
    assert "kiosk" not in load_rules().rules
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert "kiosk" in load_rules().rules


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "kiosk.yaml"
    assert _own(tmp_path, "kiosk", "extends: otto\nname: kiosk\ntitle: Kiosk\n").title == "Kiosk"
    assert _own(tmp_path, "kiosk", "extends: otto\nname: kiosk\ntitle: Kiosk two\n").title == "Kiosk two"
    status = file.stat()
    file.write_text("extends: otto\nname: kiosk\ntitle: Kiosk six\n", encoding="utf-8")  # as long as before
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert load_rules(tmp_path).rules["kiosk"].title == "Kiosk six"


def test_a_replacement_wins_and_a_broken_one_is_never_replaced_by_the_shipped(tmp_path: Path, amazon_text: str) -> None:
    own = _own(tmp_path, "amazon", amazon_text.replace("min_longest: 500", "min_longest: 900"))
    assert own.slot("main").size.min_longest == 900
    (tmp_path / "amazon.yaml").write_text("name: [", encoding="utf-8")
    assert "amazon" not in load_rules(tmp_path).rules


def test_a_missing_folder_is_a_problem_and_the_shipped_rules_stay(tmp_path: Path) -> None:
    book = load_rules(tmp_path / "nowhere")
    assert list(book.rules) == SHIPPED
    assert "no such folder" in str(book.problems[0])


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("tolerance: 0", "tolerence: 0", "slots.main.background.tolerence", "correct its name"),
        ("min_ratio: 0.85", "min_ratio: high", "slots.main.fill.min_ratio", "found 'high'"),
        ("required: white", "required: grey", "slots.main.background.required", "'white' or 'any'"),
        ("title: Amazon\n", "", "title", "add it"),
        ("min_longest: 500", "min_longest: 50000", "slots.main.size", "swap or correct"),
        ("side: 2200", "side: 400", "slots.main", "render.side"),
        ("side: 2200", "side: 2200, aspect: 0.1", "slots.main.render.aspect", "greater than or equal"),
        ("fill: 0.87", "fill: 0.5", "slots.main", "render.fill"),
        ("max_bytes: 3000000", "max_bytes: 30000000", "slots.main", "render.max_bytes"),
        ("accepted: [jpeg, tiff, png, gif]", "accepted: [png]", "slots.main", "jpeg"),
        ("accepted: [jpeg, tiff, png, gif]", "accepted: [jpeg, avif]", "slots.main.formats.accepted.1", "avif"),
        ("{id}.MAIN.{ext}", "{asin}.MAIN.{ext}", "naming.main", "{id}"),
        ("pattern: '", "pattern: '(", "naming.pattern", "regular expression"),
        ("source_types: {}", "source_types: {white: magic}", "provenance.source_types.white", "magic"),
        ("[amazon_csv, amazon_json]", "[amazon_xml]", "feed.manifests.0", "amazon_xml"),
        ("max_pictures: 9", "max_pictures: 0", "listing.max_pictures", "found 0"),
        ("name: amazon", "name: amazonas", "name", "make it the file's name"),
        ("source: [guides]", "source: [guidance]", "slots.main.formats.source", "neither an address nor a page"),
        ("source: [guides]", "source: guides", "slots.main.formats.source", "a list of addresses"),
        ("sources:\n", "sources: none\nothers:\n", "sources", "a mapping"),
    ],
)
def test_a_broken_file_is_named_with_field_and_fix(
    tmp_path: Path, amazon_text: str, old: str, new: str, field: str, words: str
) -> None:
    assert old in amazon_text
    problems = _problems(tmp_path, "amazon", amazon_text.replace(old, new, 1))
    assert any(
        str(tmp_path / "amazon.yaml") in problem and f" {field}: " in problem and words in problem
        for problem in problems
    ), problems


@pytest.mark.parametrize("text", ["- a list", "", "a: [", "\x00", "name: b\n\tc: d", "[" * 5000])
def test_what_is_no_rules_file_is_a_problem(tmp_path: Path, text: str) -> None:
    problems = _problems(tmp_path, "kiosk", text)
    assert len(problems) == 1
    assert "kiosk.yaml: " in problems[0]


def test_aliases_are_refused(tmp_path: Path, amazon_text: str) -> None:
    text = amazon_text.replace("guides: [", "guides: &pages [", 1).replace("source: [guides]", "source: *pages", 1)
    assert yaml.safe_load(text)["slots"]["main"]["formats"]["source"]
    assert "aliases" in " ".join(_problems(tmp_path, "amazon", text))


def test_a_file_too_large_is_refused(tmp_path: Path, amazon_text: str) -> None:
    assert MAX_YAML_BYTES == 200_000
    padding = "#" * (MAX_YAML_BYTES - len(amazon_text.encode()) - 1) + "\n"
    assert _own(tmp_path, "amazon", padding + amazon_text).name == "amazon"
    assert "at most 200000" in " ".join(_problems(tmp_path, "amazon", "#" + padding + amazon_text))


def test_a_refused_slot_needs_a_reason(tmp_path: Path, amazon_text: str) -> None:
    text = amazon_text.replace("allowed: {value: true", "allowed: {value: false", 1)
    assert "reason" in " ".join(_problems(tmp_path, "amazon", text))
    text = amazon_text.replace("allowed: {value: true", "allowed: {value: true, holidays: false", 1)
    assert "reason" in " ".join(_problems(tmp_path, "amazon", text))


def test_confirmed_without_a_source_is_refused(tmp_path: Path, amazon_text: str) -> None:
    text = amazon_text.replace("metadata: {confirmed: false", "metadata: {confirmed: true")
    assert "without a source" in " ".join(_problems(tmp_path, "amazon", text))


# ---- what a file takes over from another


def test_extends_takes_over_all_that_is_not_said(tmp_path: Path) -> None:
    kiosk = _own(tmp_path, "kiosk", "extends: walmart\nname: kiosk\ntitle: Kiosk\nlisting: {max_pictures: 4}\n")
    walmart = load_rules().rules["walmart"]
    assert (kiosk.name, kiosk.title, kiosk.listing.max_pictures) == ("kiosk", "Kiosk", 4)
    assert (kiosk.slots, kiosk.urls, kiosk.naming) == (walmart.slots, walmart.urls, walmart.naming)


def test_extends_goes_over_several_files_and_a_shop_s_own_file_may_extend_the_shipped_one(tmp_path: Path) -> None:
    text = "extends: otto\nslots: {main: {size: {min_longest: 900}}}\n"
    assert _own(tmp_path, "otto", text).slot("main").size.min_longest == 900
    kiosk = _own(tmp_path, "kiosk", "extends: otto\nname: kiosk\nslots: {main: {size: {max_longest: 4000}}}\n")
    assert (kiosk.slot("main").size.min_longest, kiosk.slot("main").size.max_longest) == (900, 4000)


def test_slots_take_over_from_the_one_before(tmp_path: Path) -> None:
    text = (
        "extends: otto\nname: kiosk\nslots:\n"
        "  main: {size: {max_longest: 4000}, text: {forbidden: true}}\n"
        "  additional: {text: {forbidden: false}, size: {recommended: 1000}}\n"
        "  lifestyle: {size: {max_longest: null}}\n"
    )
    kiosk = _own(tmp_path, "kiosk", text)
    sizes = [kiosk.slot(slot).size for slot in SLOTS]
    assert [size.max_longest for size in sizes] == [4000, 4000, None]
    assert [size.recommended for size in sizes] == [None, 1000, 1000]
    assert [kiosk.slot(slot).text.forbidden for slot in SLOTS] == [True, False, False]
    assert kiosk.slot("lifestyle").count.max is None
    assert kiosk.slot("main").count.max == 1


def test_a_changed_fact_is_confirmed_no_more(tmp_path: Path) -> None:
    text = (
        "extends: google_merchant\nname: kiosk\nslots:\n"
        "  main:\n"
        "    size: {recommended: 1800, confirmed: false}\n"
        "    file: {max_bytes: 5000000, source: ['https://kiosk.example/pictures']}\n"
        "    formats: {note: Nothing changed here.}\n"
    )
    main = _own(tmp_path, "kiosk", text).slot("main")
    assert (main.size.recommended, main.size.min_longest) == (1800, 500)
    assert (main.size.confirmed, main.size.source, main.size.note) == (False, (), "")
    assert (main.file.confirmed, main.file.source) == (False, ("https://kiosk.example/pictures",))
    assert main.formats.confirmed
    assert main.formats.source == load_rules().rules["google_merchant"].slot("main").formats.source


def test_a_changed_fact_may_be_confirmed_by_a_page_of_its_own(tmp_path: Path) -> None:
    text = (
        "extends: google_merchant\nname: kiosk\nsources: {own: ['https://kiosk.example/pictures']}\n"
        "slots: {main: {file: {max_bytes: 5000000, confirmed: true, source: [own]}}}\n"
    )
    file = _own(tmp_path, "kiosk", text).slot("main").file
    assert (file.confirmed, file.source) == (True, ("https://kiosk.example/pictures",))


@pytest.mark.parametrize("where", ["slots: {main: {file: {max_bytes: 5000000}}}", "urls: {max_chars: 900}"])
def test_a_confirmed_fact_changed_without_a_page_is_a_problem(tmp_path: Path, where: str) -> None:
    problems = _problems(tmp_path, "kiosk", f"extends: google_merchant\nname: kiosk\n{where}\n")
    assert "name the page in `source`, or say `confirmed: false`" in problems[0]


def test_a_confirmed_fact_changed_between_slots_without_a_page_is_a_problem(tmp_path: Path) -> None:
    text = "extends: google_merchant\nname: kiosk\nslots: {additional: {file: {max_bytes: 5000000}}}\n"
    assert "slots.additional.file: changes" in _problems(tmp_path, "kiosk", text)[0]


@pytest.mark.parametrize("parent", ["nowhere", "kiosk", "[otto]", "7", "../amazon"])
def test_an_unknown_parent_is_a_problem(tmp_path: Path, parent: str) -> None:
    problems = _problems(tmp_path, "kiosk", f"extends: {parent}\nname: kiosk\n")
    assert " extends: " in problems[0]


def test_files_that_extend_each_other_are_problems(tmp_path: Path) -> None:
    for name, parent in (("kiosk", "stall"), ("stall", "booth"), ("booth", "kiosk")):
        (tmp_path / f"{name}.yaml").write_text(f"extends: {parent}\nname: {name}\n", encoding="utf-8")
    book = load_rules(tmp_path)
    assert list(book.rules) == SHIPPED
    assert [problem.file.stem for problem in book.problems] == ["booth", "kiosk", "stall"]
    assert all("leads back" in problem.message for problem in book.problems)


def test_a_broken_parent_is_named(tmp_path: Path) -> None:
    (tmp_path / "stall.yaml").write_text("name: [", encoding="utf-8")
    problems = _problems(tmp_path, "kiosk", "extends: stall\nname: kiosk\n")
    assert any("stall.yaml cannot be used" in problem for problem in problems)


# ---- fingerprints


def test_remarks_do_not_change_the_fingerprint_but_facts_do(tmp_path: Path) -> None:
    shipped = load_rules().rules["amazon"]
    head = "extends: amazon\n"
    remarks = (
        "title: A\nslots: {main: {size: {note: Read again., source: ['https://a.example/b'], confirmed: false}}}\n"
    )
    remark = _own(tmp_path, "amazon", head + remarks)
    assert remark.slot("main").size.note == "Read again."
    for slot in SLOTS:
        assert remark.fingerprint(slot) == shipped.fingerprint(slot)
    fact = _own(tmp_path, "amazon", head + "slots: {main: {fill: {min_ratio: 0.80}}}\n")
    assert fact.fingerprint("main") != shipped.fingerprint("main")
    assert fact.fingerprint("additional") == shipped.fingerprint("additional")
    named = _own(tmp_path, "amazon", head + "naming: {lifestyle: '{id}.IN{n:02}.{ext}', confirmed: false}\n")
    assert named.fingerprint("main") != shipped.fingerprint("main")


def test_slots_with_the_same_rules_have_the_same_fingerprint() -> None:
    rules = load_rules().rules
    assert len({rules["shopify"].fingerprint(slot) for slot in SLOTS}) == 2  # lifestyle and additional agree
    assert len({rules[name].fingerprint("main") for name in SHIPPED}) == len(SHIPPED)


def test_only_a_file_that_says_so_takes_campaigns_that_do_not_name_it(tmp_path: Path) -> None:
    assert not any(rules.wants("evergreen") for rules in load_rules().rules.values())
    kiosk = _own(tmp_path, "kiosk", "extends: otto\nname: kiosk\ncampaigns: [evergreen, winter]\n")
    assert [kiosk.wants(campaign) for campaign in ("evergreen", "winter", "spring")] == [True, True, False]
    assert kiosk.fingerprint("main") == _own(
        tmp_path, "kiosk", "extends: otto\nname: kiosk\ncampaigns: all\n"
    ).fingerprint("main")


def test_an_unknown_slot_is_refused() -> None:
    with pytest.raises(ValueError, match="main, additional, lifestyle"):
        load_rules().rules["amazon"].slot("hero")  # type: ignore[arg-type]
