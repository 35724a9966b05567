"""Compliance: a good picture passes, and each thing that goes wrong is caught by the rule that names it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from resources.imaging.icc import matrix_profile
from resources.marketplaces.compliance import check
from resources.marketplaces.render import Rendered, render_lifestyle, render_white
from resources.marketplaces.rule_files import load_rules
from resources.marketplaces.rules import MarketplaceRules
from resources.verdicts import Verdict
from tests.pictures import ADOBE_RGB_GAMMA, ADOBE_RGB_PRIMARIES, product_cutout

U8 = NDArray[np.uint8]
RULES = load_rules().rules
AMAZON, GOOGLE, SHOPIFY = RULES["amazon"], RULES["google_merchant"], RULES["shopify"]
NAME = "B000123456.MAIN.jpg"


@pytest.fixture(scope="module")
def white() -> bytes:
    result = render_white(product_cutout((700, 700), seed=4), AMAZON, "main")
    assert isinstance(result, Rendered)
    return result.data


@pytest.fixture(scope="module")
def pixels(white: bytes) -> U8:
    with Image.open(io.BytesIO(white)) as image:
        return np.array(image)


def _saved(pixels: U8 | Image.Image, picture_format: str = "JPEG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if picture_format == "JPEG":
        options = {"quality": 95, "subsampling": "4:4:4"} | options
    data = io.BytesIO()
    image.save(data, picture_format, **options)
    return data.getvalue()


def _failed(verdict: Verdict) -> set[str]:
    return {measure.name for measure in verdict.measures if not measure.passed}


def _value(verdict: Verdict, name: str) -> float:
    return next(measure.value for measure in verdict.measures if measure.name == name)


def _changed(rules: MarketplaceRules, slot: str, group: str, **fields: Any) -> MarketplaceRules:
    content = rules.model_dump()
    content["slots"][slot][group] |= fields
    return MarketplaceRules.model_validate(content)


def _smaller_product(pixels: U8, share: float) -> U8:
    """The same square with the product reduced by `share`."""
    side = pixels.shape[0]
    inner = cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    page = np.full_like(pixels, 255)
    start = (side - inner.shape[0]) // 2
    page[start : start + inner.shape[0], start : start + inner.shape[1]] = inner
    return page


@pytest.mark.parametrize("marketplace", sorted(RULES))
def test_own_white_pictures_pass_everywhere(white: bytes, marketplace: str) -> None:
    verdict = check(white, NAME, RULES[marketplace], "main")
    assert verdict.accepted, verdict.message
    assert verdict.score == 1.0
    assert verdict.decided_by == ""
    assert len(verdict.measures) >= 10


@pytest.mark.parametrize("marketplace", sorted(RULES))
def test_own_scenes_pass_everywhere(marketplace: str) -> None:
    scene = np.random.default_rng(1).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    scene = np.asarray(cv2.resize(scene, (1200, 900), interpolation=cv2.INTER_CUBIC), np.uint8)
    rendered = render_lifestyle(scene, RULES[marketplace], kind="procedural_scene")
    assert isinstance(rendered, Rendered)
    name = "B000123456.PT51.jpg" if marketplace == "amazon" else "sku-1.jpg"
    verdict = check(rendered.data, name, RULES[marketplace], "lifestyle")
    assert verdict.accepted, verdict.message


def test_measured_values_are_the_pictures(white: bytes, pixels: U8) -> None:
    verdict = check(white, NAME, AMAZON, "main")
    assert _value(verdict, "longest_side_min") == pixels.shape[0]
    assert _value(verdict, "bytes_max") == len(white)
    assert _value(verdict, "background_white") == 0
    assert _value(verdict, "fill_ratio_min") == pytest.approx(0.87, abs=0.01)
    assert _value(verdict, "megapixels") == pytest.approx(pixels.shape[0] ** 2 / 1e6, abs=1e-5)


def _grey_background(pixels: U8, levels: int) -> U8:
    return np.minimum(pixels, 255 - levels)


def _only_at_the_top(pixels: U8, levels: int) -> U8:
    changed = pixels.copy()
    changed[:30] = 255 - levels
    return changed


def _framed(pixels: U8) -> U8:
    changed = pixels.copy()
    for side in (np.s_[:3], np.s_[-3:], np.s_[:, :3], np.s_[:, -3:]):
        changed[side] = 30
    return changed


def _touching_the_edge(pixels: U8) -> U8:
    changed = pixels.copy()
    middle = pixels.shape[0] // 2
    changed[middle : middle + 60, : pixels.shape[1] // 2] = 40
    return changed


@pytest.mark.parametrize(
    ("mutate", "rule"),
    [
        (lambda p: _saved(_grey_background(p, 5)), "background_white"),
        (lambda p: _saved(_grey_background(p, 1)), "background_white"),
        (lambda p: _saved(_grey_background(p, 60)), "background_white"),
        (lambda p: _saved(_only_at_the_top(p, 2)), "background_white"),
        (lambda p: _saved(_framed(p)), "background_white"),
        (lambda p: _saved(_touching_the_edge(p)), "border_clear"),
        (lambda p: _saved(np.full_like(p, 255)), "product_found"),
        (lambda p: _saved(_smaller_product(p, 0.92)), "fill_ratio_min"),
        (lambda p: _saved(Image.fromarray(p).resize((480, 480))), "longest_side_min"),
        (lambda p: _saved(Image.fromarray(p).resize((10_008, 600))), "longest_side_max"),
        (lambda p: _saved(Image.fromarray(p).convert("CMYK")), "colour_space"),
        (lambda p: _saved(p, icc_profile=matrix_profile("A", ADOBE_RGB_PRIMARIES, ADOBE_RGB_GAMMA)), "icc_srgb"),
        (lambda p: _saved(p, icc_profile=b"no profile at all" * 20), "icc_srgb"),
        (lambda p: _saved(p, "WEBP", lossless=True), "format"),
        (lambda p: _saved(p, "PNG"), "extension_matches"),
        (lambda p: _saved(p, exif=_camera_exif()), "no_exif"),
        (lambda p: _saved(p, exif=_place_exif()), "no_gps"),
        (lambda p: _saved(p)[:-2000], "readable"),
        (lambda p: b"", "readable"),
        (lambda p: b"no picture", "readable"),
        (lambda p: b"<html><body>not found</body></html>", "format"),
        (lambda p: b"\x00\x00\x00\x18ftypheic" + bytes(200), "format"),
    ],
)
def test_each_fault_is_caught_by_its_rule(pixels: U8, mutate: Callable[[U8], bytes], rule: str) -> None:
    verdict = check(mutate(pixels), NAME, AMAZON, "main")
    assert verdict.decision == "rejected"
    assert rule in _failed(verdict), verdict.message
    assert verdict.decided_by in _failed(verdict)
    assert verdict.message.startswith("Amazon, main picture: ")
    assert verdict.hint


@pytest.mark.parametrize(
    ("mutate", "rule"),
    [
        (lambda p: _saved(_grey_background(p, 3)), "background_white"),
        (lambda p: _saved(_smaller_product(p, 0.92)), "fill_ratio_min"),
        (lambda p: _saved(Image.fromarray(p).convert("CMYK")), "colour_space"),
    ],
)
def test_one_fault_alone_is_blamed_alone(pixels: U8, mutate: Callable[[U8], bytes], rule: str) -> None:
    assert _failed(check(mutate(pixels), NAME, AMAZON, "main")) == {rule}


def _camera_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "Camera Works"
    return exif


def _place_exif() -> Image.Exif:
    exif = _camera_exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 0.0)
    return exif


def test_transparency_is_caught_where_it_is_refused(pixels: U8) -> None:
    data = _saved(np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]), "PNG")
    name = "B000123456.MAIN.png"
    assert _failed(check(data, name, AMAZON, "main")) == {"alpha_absent"}
    assert check(data, name, GOOGLE, "main").accepted


def test_a_transparent_cutout_is_measured_as_on_a_white_page() -> None:
    cutout = product_cutout((800, 800))
    cutout[cutout[..., 3] == 0] = 0  # black under full transparency
    verdict = check(_saved(cutout, "PNG"), "a.png", GOOGLE, "main")
    assert _value(verdict, "fill_ratio_min") == pytest.approx(0.72, abs=0.01)
    assert _failed(verdict) == {"fill_ratio_min"}


def test_too_many_and_too_few_bytes(white: bytes) -> None:
    padded = white + bytes(10_000_001 - len(white))
    assert _failed(check(padded, NAME, AMAZON, "main")) == {"bytes_max"}
    picky = _changed(AMAZON, "main", "file", min_bytes=len(white) + 1)
    assert _failed(check(white, NAME, picky, "main")) == {"bytes_min"}
    assert check(white, NAME, _changed(AMAZON, "main", "file", min_bytes=len(white)), "main").accepted


def test_google_wants_margin_around_the_product(pixels: U8) -> None:
    side = pixels.shape[0]
    cut = int(side * 0.04)
    close = _saved(pixels[cut:-cut, cut:-cut])
    assert "fill_ratio_max" in _failed(check(close, "a.jpg", GOOGLE, "main"))
    assert check(close, NAME, AMAZON, "main").accepted


def test_sixteen_bits_are_caught(pixels: U8) -> None:
    deep = np.asarray(pixels[..., 0], np.uint16) * 257
    data = _saved(Image.fromarray(deep), "PNG")
    assert "bit_depth" in _failed(check(data, "B000123456.MAIN.png", AMAZON, "main"))
    colour = cv2.imencode(".png", pixels[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    assert "bit_depth" in _failed(check(colour, "B000123456.MAIN.png", AMAZON, "main"))


def test_an_animation_is_caught(pixels: U8) -> None:
    frames = [Image.fromarray(pixels), Image.fromarray(_grey_background(pixels, 80))]
    data = _saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert "frames" in _failed(check(data, "B000123456.MAIN.gif", AMAZON, "main"))


def test_proportions_are_checked_where_there_is_a_rule(pixels: U8) -> None:
    rules = _changed(SHOPIFY, "main", "size", min_aspect=0.9, max_aspect=1.1)
    assert _failed(check(_saved(pixels[:, 200:-200]), "a.jpg", rules, "main")) == {"aspect_min"}
    assert _failed(check(_saved(pixels[200:-200]), "a.jpg", rules, "main")) == {"aspect_max"}
    assert check(_saved(pixels), "a.jpg", rules, "main").accepted


@pytest.mark.parametrize(
    ("name", "marketplace", "fits"),
    [
        ("B000123456.MAIN.jpg", "amazon", True),
        ("B000123456.jpeg", "amazon", True),
        ("B000123456.PT07.JPG", "amazon", False),
        ("B000-123456.MAIN.jpg", "amazon", False),
        ("B000123456 MAIN.jpg", "amazon", False),
        ("B000123456.HERO.jpg", "amazon", False),
        ("sku-1_a.jpg", "google_merchant", True),
        ("schön.jpg", "google_merchant", False),
        ("a b.jpg", "google_merchant", False),
        ("cup-1.jpg", "shopify", True),
        ("cup_small.jpg", "shopify", False),
        ("folder/of/cup.jpg", "shopify", True),
    ],
)
def test_file_names(white: bytes, name: str, marketplace: str, fits: bool) -> None:
    verdict = check(white, name, RULES[marketplace], "main")
    assert _failed(verdict) == (set() if fits else {"file_name"})


def test_a_refused_slot_fails_before_all_else(white: bytes) -> None:
    closed = _changed(AMAZON, "main", "allowed", value=False, reason="Closed for the season.")
    verdict = check(white, NAME, closed, "main")
    assert verdict.decided_by == "slot_allowed"
    assert "Closed for the season." in verdict.message


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_huge_picture_is_refused_without_decoding_it() -> None:
    header = io.BytesIO()
    Image.new("1", (40_000, 4_000)).save(header, "PNG")
    verdict = check(header.getvalue(), "a.png", GOOGLE, "main")
    assert "megapixels" in _failed(verdict)
    assert "format" not in {measure.name for measure in verdict.measures}


def test_pale_parts_of_the_product_are_not_background(pixels: U8) -> None:
    """A white label, enclosed by the product, may be any white; the pale tip of a white product may fade out."""
    middle = pixels.shape[0] // 2
    label = pixels.copy()
    label[middle - 150 : middle + 150, middle - 120 : middle + 120] = 253
    assert check(_saved(label, "PNG"), "B000123456.MAIN.png", AMAZON, "main").accepted
    tip = pixels.copy()
    side = np.flatnonzero((pixels.min(axis=2) < 200)[middle])[-1]
    tip[middle : middle + 20, side : side + 30] = 253
    assert check(_saved(tip, "PNG"), "B000123456.MAIN.png", AMAZON, "main").accepted


def test_a_soft_halo_is_background_unless_shadows_are_allowed(pixels: U8) -> None:
    product = (pixels.min(axis=2) < 200).astype(np.uint8)
    halo = cv2.dilate(product, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (101, 101))) > 0
    stained = np.where((halo & (pixels.min(axis=2) == 255))[..., None], np.uint8(253), pixels)
    data = _saved(stained, "PNG")
    name = "B000123456.MAIN.png"
    assert _failed(check(data, name, AMAZON, "main")) == {"background_white"}
    assert check(data, name, _changed(AMAZON, "main", "shadow", allowed=True), "main").accepted


def test_a_picture_without_plain_background_is_not_measured_for_fill(pixels: U8) -> None:
    scene = cv2.resize(np.random.default_rng(3).integers(0, 255, (40, 40, 3), dtype=np.uint8), (900, 900))
    verdict = check(_saved(np.asarray(scene, np.uint8)), "a.jpg", GOOGLE, "main")
    assert verdict.accepted
    assert _value(verdict, "fill_ratio") == -1


def test_ordinary_files_of_other_programs_pass(pixels: U8) -> None:
    """Baseline, halved colour, no profile: nothing that only our own encoder writes is asked for."""
    assert check(_saved(pixels, subsampling="4:2:0", quality=85), NAME, AMAZON, "main").accepted
    assert check(_saved(pixels, "TIFF"), "B000123456.MAIN.tif", AMAZON, "main").accepted
    grey = Image.fromarray(pixels).convert("L")
    assert check(_saved(grey), NAME, AMAZON, "main").accepted


def test_the_verdict_is_plain_json(pixels: U8) -> None:
    verdict = check(_saved(_grey_background(pixels, 5)), "a b.jpg", AMAZON, "main")
    again = json.loads(json.dumps(verdict.as_dict()))
    assert again["decided_by"] == "background_white"
    assert again["message"].endswith("Also failed: file_name.")
    assert {type(measure["value"]) for measure in again["measures"]} == {float}
    assert all(measure["threshold"] is not None for measure in again["measures"])
