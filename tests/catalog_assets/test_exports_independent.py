"""What a campaign's line exports passes a check that shares no code with it, and that check can fail."""

from __future__ import annotations

import ast
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from benchmarks import exports_check
from benchmarks.exports_check import check_exports, main
from catalog_assets.campaign_files import load_campaigns
from catalog_assets.campaigns import campaign_line
from catalog_assets.line import run_line
from resources.marketplaces.rule_files import load_rules
from tests.catalogs import easy_photo, open_context, run_product
from tests.pictures import exif_bytes, jpeg_bytes

MARKETPLACES = sorted(load_rules().rules)
# One scene is enough; the white pictures are what is prescribed in detail.
EVERGREEN = load_campaigns().active["evergreen"].model_copy(update={"marketplaces": MARKETPLACES})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of two SKUs, one with a second view, exported for every marketplace."""
    folder = tmp_path_factory.mktemp("catalog")
    for name, seed in (("a/main", 0), ("a/back", 1), ("b", 2)):
        file = folder / "uploads" / f"{name}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg_bytes(easy_photo(seed, (1000, 1000))))
    (folder / "catalog.yaml").write_text("candidates: 1\nscene_size: 1000\n")
    (folder / "catalog.csv").write_text("sku,asin\na,B000000001\nb,B000000002\n")
    run_product(folder)
    report = run_line(campaign_line(EVERGREEN, 9).line(open_context(folder)), ["a", "b"], threads=2)
    assert report.rejections == {}
    return folder


def test_everything_exported_passes(root: Path) -> None:
    report = check_exports(root / "exports")
    assert report.problems == []
    for marketplace in MARKETPLACES:
        assert report.pictures[f"{marketplace} main"] == 2
        assert report.pictures[f"{marketplace} additional"] == 1
    assert report.pictures["amazon lifestyle"] > 0
    assert report.pictures["etsy lifestyle"] == 0
    assert not any(what.endswith(" ") for what in report.pictures)


def test_the_check_shares_no_code_with_what_it_checks() -> None:
    source = ast.parse(Path(exports_check.__file__).read_text())
    names = {node.module for node in ast.walk(source) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(source) if isinstance(node, ast.Import) for alias in node.names}
    assert not {str(name).split(".")[0] for name in names} & {"resources", "catalog_assets", "sensors", "cv2", "numpy"}


def _saved(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    data = io.BytesIO()
    kept = {"xmp": image.info["xmp"], "icc_profile": image.info["icc_profile"]}
    image.save(data, kind, **({"quality": 92, "subsampling": "4:4:4"} | kept | options))
    return data.getvalue()


def _smaller_product(image: Image.Image) -> bytes:
    page = Image.new("RGB", image.size, (255, 255, 255))
    inner = image.resize((round(0.96 * image.width), round(0.96 * image.height)))
    page.paste(inner, ((page.width - inner.width) // 2, (page.height - inner.height) // 2))
    page.info = image.info
    return _saved(page)


def _stained(image: Image.Image) -> bytes:
    ImageDraw.Draw(image).ellipse((60, 60, 90, 90), fill=(253, 253, 253))
    return _saved(image)


def _framed(image: Image.Image) -> bytes:
    ImageDraw.Draw(image).rectangle((0, 0, image.width - 1, image.height - 1), outline=(250, 250, 250), width=2)
    return _saved(image)


FAULTS: dict[str, tuple[Callable[[Image.Image], bytes], str]] = {
    "too small": (lambda image: _saved(image.resize((400, 400))), "too small"),
    "84 %": (_smaller_product, "the product fills 0.8"),
    "stain": (_stained, "pixels around the product are not white"),
    "frame": (_framed, "its border is not white"),
    "no source type": (lambda image: _saved(image, xmp=b""), "its XMP holds 0 digital source types"),
    "exif": (lambda image: _saved(image, exif=exif_bytes({0x010F: "Camera Works"})), "it holds EXIF"),
    "comment": (lambda image: _saved(image, comment=b"hello"), "it holds a comment"),
    "profile": (lambda image: _saved(image, icc_profile=b"none" * 50), "its colour profile is not sRGB"),
    "png": (lambda image: _saved(image, "PNG"), "its extension is not that of png"),
    "webp": (lambda image: _saved(image, "WEBP"), "is webp"),
    "cmyk": (lambda image: _saved_plain(image.convert("CMYK")), "not 8-bit RGB"),
    "cut off": (lambda image: _saved(image)[:-3000], "cannot be read"),
    "too many bytes": (lambda image: _saved(image) + bytes(10_000_001), "bytes, at most"),
}


def _saved_plain(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", xmp=image.info["xmp"])
    return data.getvalue()


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_fault_of_a_file_is_found(
    root: Path, tmp_path: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change, problem = FAULTS[fault]
    source = root / "exports" / "amazon" / "evergreen" / "a" / "B000000001.MAIN.jpg"
    copy = tmp_path / "exports" / "amazon" / "evergreen" / "a" / source.name
    copy.parent.mkdir(parents=True)
    with Image.open(source) as image:
        image.load()
        copy.write_bytes(change(image))
    assert any(problem in said for _, said in check_exports(tmp_path / "exports").problems)
    assert main([str(tmp_path)]) == 1
    assert source.name in capsys.readouterr().out


def test_names_and_places_are_checked(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = root / "exports" / "amazon" / "evergreen" / "a" / "B000000001.MAIN.jpg"
    for place in (
        "amazon/x/a/B000000001.HERO.jpg",
        "amazon/x/a/A.MAIN.jpg",
        "amazon/x/b/a.main.JPG",
        "nowhere/x/a/a.jpg",
    ):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, tmp_path / place)
    problems = dict(check_exports(tmp_path).problems)
    assert problems["amazon/x/a/B000000001.HERO.jpg"] == "its name fits none of the marketplace's templates"
    assert problems["nowhere/x/a/a.jpg"] == "there are no facts of this marketplace"
    assert problems["amazon/x/b/a.main.JPG"] == "has the name of amazon/x/a/A.MAIN.jpg"
    assert "amazon/x/a/A.MAIN.jpg" not in problems
    assert main([str(tmp_path / "empty")]) == 2
    capsys.readouterr()


def test_the_command_counts_what_it_found(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(root / "exports" / "zalando", tmp_path / "exports" / "zalando")
    assert main([str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "     2  zalando main\n" in shown
    assert shown.endswith("3 pictures, 0 problems\n")


def test_a_shops_own_facts_count(root: Path, tmp_path: Path) -> None:
    (tmp_path / "amazon.yaml").write_text("extends: amazon\nslots: {main: {size: {min_longest: 9000}}}\n")
    problems = check_exports(root / "exports", (exports_check.RULES, tmp_path)).problems
    assert problems
    assert all(key.startswith("amazon/") and "too small" in said for key, said in problems)
