"""Compliance: a good picture passes, and each thing that goes wrong is caught by the rule that names it."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from resources.imaging.icc import matrix_profile
from resources.marketplaces.compliance import check
from resources.marketplaces.inspection import inspect_picture
from resources.marketplaces.provenance import SourceType, xmp_packet
from resources.marketplaces.render import Rendered, Tools, render_lifestyle, render_white, render_whites
from resources.marketplaces.rule_files import load_rules
from resources.marketplaces.rules import MarketplaceRules
from resources.marketplaces.signing import Signer, read_credentials
from resources.verdicts import Verdict
from tests.certificates import authority, written_pair
from tests.pictures import ADOBE_RGB_GAMMA, ADOBE_RGB_PRIMARIES, exif_bytes, product_cutout
from tests.resources.tagged_pictures import XMP, saved

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
def test_own_white_pictures_pass_everywhere(marketplace: str) -> None:
    rendered = render_white(product_cutout((700, 700), seed=4), RULES[marketplace], "main")
    assert isinstance(rendered, Rendered)
    verdict = check(rendered.data, NAME, RULES[marketplace], "main", source_type=rendered.source)
    assert verdict.accepted, verdict.message
    assert verdict.score == 1.0
    assert verdict.decided_by == ""
    assert len(verdict.measures) >= 10


@pytest.mark.parametrize("marketplace", sorted(name for name in RULES if RULES[name].slot("lifestyle").allowed.value))
def test_own_scenes_pass_everywhere(marketplace: str) -> None:
    scene = np.random.default_rng(1).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    scene = np.asarray(cv2.resize(scene, (1200, 900), interpolation=cv2.INTER_CUBIC), np.uint8)
    rendered = render_lifestyle(scene, RULES[marketplace], kind="procedural_scene")
    assert isinstance(rendered, Rendered)
    name = "B000123456.PT51.jpg" if marketplace == "amazon" else "sku-1.jpg"
    verdict = check(rendered.data, name, RULES[marketplace], "lifestyle", source_type="composite")
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
        (lambda p: saved(_grey_background(p, 5)), "background_white"),
        (lambda p: saved(_grey_background(p, 1)), "background_white"),
        (lambda p: saved(_grey_background(p, 60)), "background_white"),
        (lambda p: saved(p, xmp=b""), "source_type"),
        (lambda p: saved(_only_at_the_top(p, 2)), "background_white"),
        (lambda p: saved(_framed(p)), "border_clear"),
        (lambda p: saved(_touching_the_edge(p)), "border_clear"),
        (lambda p: saved(np.full_like(p, 255)), "product_found"),
        (lambda p: saved(_smaller_product(p, 0.92)), "fill_ratio_min"),
        (lambda p: saved(Image.fromarray(p).resize((480, 480))), "longest_side_min"),
        (lambda p: saved(Image.fromarray(p).resize((10_008, 600))), "longest_side_max"),
        (lambda p: saved(Image.fromarray(p).convert("CMYK")), "colour_space"),
        (lambda p: saved(p, icc_profile=matrix_profile("A", ADOBE_RGB_PRIMARIES, ADOBE_RGB_GAMMA)), "icc_srgb"),
        (lambda p: saved(p, icc_profile=b"no profile at all" * 20), "icc_srgb"),
        (lambda p: saved(p, "WEBP", lossless=True), "format"),
        (lambda p: saved(p, "PNG"), "extension_matches"),
        (lambda p: saved(p, exif=_camera_exif()), "no_exif"),
        (lambda p: saved(p, exif=_place_exif()), "no_gps"),
        (lambda p: saved(p)[:-2000], "readable"),
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
        (lambda p: saved(_grey_background(p, 3)), "background_white"),
        (lambda p: saved(_smaller_product(p, 0.92)), "fill_ratio_min"),
        (lambda p: saved(Image.fromarray(p).convert("CMYK")), "colour_space"),
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
    data = saved(np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]), "PNG")
    name = "B000123456.MAIN.png"
    assert _failed(check(data, name, AMAZON, "main")) == {"alpha_absent"}
    assert check(data, name, GOOGLE, "main").accepted


def test_a_transparent_cutout_is_measured_as_on_a_white_page() -> None:
    cutout = product_cutout((800, 800))
    cutout[cutout[..., 3] == 0] = 0  # black under full transparency
    verdict = check(saved(cutout, "PNG"), "a.png", GOOGLE, "main")
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
    close = saved(pixels[cut:-cut, cut:-cut])
    assert "fill_ratio_max" in _failed(check(close, "a.jpg", GOOGLE, "main"))
    assert check(close, NAME, AMAZON, "main").accepted


def test_sixteen_bits_are_caught(pixels: U8) -> None:
    deep = np.asarray(pixels[..., 0], np.uint16) * 257
    data = saved(Image.fromarray(deep), "PNG")
    assert "bit_depth" in _failed(check(data, "B000123456.MAIN.png", AMAZON, "main"))
    colour = cv2.imencode(".png", pixels[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    assert "bit_depth" in _failed(check(colour, "B000123456.MAIN.png", AMAZON, "main"))


def test_an_animation_is_caught(pixels: U8) -> None:
    frames = [Image.fromarray(pixels), Image.fromarray(_grey_background(pixels, 80))]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert "frames" in _failed(check(data, "B000123456.MAIN.gif", AMAZON, "main"))


def test_proportions_are_checked_where_there_is_a_rule(pixels: U8) -> None:
    rules = _changed(SHOPIFY, "main", "size", min_aspect=0.9, max_aspect=1.1)
    assert _failed(check(saved(pixels[:, 200:-200]), "a.jpg", rules, "main")) == {"aspect_min"}
    assert _failed(check(saved(pixels[200:-200]), "a.jpg", rules, "main")) == {"aspect_max"}
    assert check(saved(pixels), "a.jpg", rules, "main").accepted


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
    assert check(saved(label, "PNG"), "B000123456.MAIN.png", AMAZON, "main").accepted
    tip = pixels.copy()
    side = np.flatnonzero((pixels.min(axis=2) < 200)[middle])[-1]
    tip[middle : middle + 20, side : side + 30] = 253
    assert check(saved(tip, "PNG"), "B000123456.MAIN.png", AMAZON, "main").accepted


def test_a_soft_halo_is_background_unless_shadows_are_allowed(pixels: U8) -> None:
    product = (pixels.min(axis=2) < 200).astype(np.uint8)
    halo = cv2.dilate(product, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (101, 101))) > 0
    stained = np.where((halo & (pixels.min(axis=2) == 255))[..., None], np.uint8(253), pixels)
    data = saved(stained, "PNG")
    name = "B000123456.MAIN.png"
    assert _failed(check(data, name, AMAZON, "main")) == {"background_white"}
    assert check(data, name, _changed(AMAZON, "main", "shadow", allowed=True), "main").accepted


def test_a_picture_without_plain_background_is_not_measured_for_fill(pixels: U8) -> None:
    scene = cv2.resize(np.random.default_rng(3).integers(0, 255, (40, 40, 3), dtype=np.uint8), (900, 900))
    verdict = check(saved(np.asarray(scene, np.uint8)), "a.jpg", GOOGLE, "main")
    assert verdict.accepted
    assert _value(verdict, "fill_ratio") == -1


def test_ordinary_files_of_other_programs_pass(pixels: U8) -> None:
    """Baseline, halved colour, no profile: nothing that only our own encoder writes is asked for."""
    assert check(saved(pixels, subsampling="4:2:0", quality=85), NAME, AMAZON, "main").accepted
    assert check(saved(pixels, "TIFF"), "B000123456.MAIN.tif", AMAZON, "main").accepted
    grey = Image.fromarray(pixels).convert("L")
    assert check(saved(grey), NAME, AMAZON, "main").accepted


def test_the_verdict_is_plain_json(pixels: U8) -> None:
    verdict = check(saved(_grey_background(pixels, 5)), "a b.jpg", AMAZON, "main")
    again = json.loads(json.dumps(verdict.as_dict()))
    assert again["decided_by"] == "background_white"
    assert again["message"].endswith("Also failed: file_name.")
    assert {type(measure["value"]) for measure in again["measures"]} == {float}
    assert {m["name"] for m in again["measures"] if m["threshold"] is None} == {"text_absent"}


def test_white_space_does_not_count_where_only_the_product_does(pixels: U8) -> None:
    """The product is 72 / 100 x 2 x 700 px long; only its box is compared."""
    limits = {"counted": "product", "min_longest": 1000, "min_shortest": 100, "max_longest": 1050}
    rules = _changed(_changed(AMAZON, "main", "render", side=1200), "main", "size", **limits)
    verdict = check(saved(pixels), NAME, rules, "main")
    assert verdict.accepted, verdict.message
    assert _value(verdict, "product_longest_min") == pytest.approx(1010, abs=12)
    assert _value(verdict, "product_shortest_min") < _value(verdict, "product_longest_min")
    assert not {"longest_side_min", "longest_side_max"} & {measure.name for measure in verdict.measures}
    small = Image.fromarray(pixels).resize((1100, 1100))
    assert _failed(check(saved(small), NAME, rules, "main")) == {"product_longest_min"}
    large = Image.fromarray(pixels).resize((1250, 1250))
    assert _failed(check(saved(large), NAME, rules, "main")) == {"product_longest_max"}


def test_a_scene_has_no_white_space_to_leave_out() -> None:
    scene = cv2.resize(np.random.default_rng(3).integers(0, 255, (40, 40, 3), dtype=np.uint8), (900, 600))
    rules = _changed(GOOGLE, "main", "size", counted="product", min_shortest=None)
    verdict = check(saved(np.asarray(scene, np.uint8)), "a.jpg", rules, "main")
    assert _value(verdict, "product_longest_min") == 900


def test_fill_is_measured_in_the_direction_that_binds(pixels: U8) -> None:
    """An upright product in an upright picture is bound by the width once the picture is narrow."""
    side = pixels.shape[0]
    box = cv2.boundingRect((pixels.min(axis=2) < 250).astype(np.uint8))
    narrow = saved(pixels[:, side // 2 - 300 : side // 2 + 300])
    verdict = check(narrow, "a.jpg", GOOGLE, "main")
    assert _value(verdict, "fill_ratio_max") == pytest.approx(max(box[2] / 600, box[3] / side), abs=0.015)
    assert box[2] / 600 > box[3] / side


@pytest.mark.parametrize(
    ("written", "wanted", "fits"),
    [
        ("algorithmicallyEnhanced", None, True),
        ("algorithmicallyEnhanced", "algorithmicallyEnhanced", True),
        ("algorithmicallyEnhanced", "composite", False),
        ("digitalCreation", None, True),
        ("aNewInvention", None, False),
        (None, None, False),
        (None, "composite", False),
    ],
)
def test_the_source_type_is_there_and_the_right_one(
    pixels: U8, written: str | None, wanted: SourceType | None, fits: bool
) -> None:
    packet = XMP.replace(b"algorithmicallyEnhanced", written.encode()) if written else b""
    verdict = check(saved(pixels, xmp=packet), NAME, AMAZON, "main", source_type=wanted)
    assert _failed(verdict) == (set() if fits else {"source_type"})
    loose = _changed(AMAZON, "main", "metadata", source_type_required=False)
    asked = check(saved(pixels, xmp=packet), NAME, loose, "main", source_type=wanted)
    assert asked.accepted == (fits or wanted is None)


def test_two_statements_of_how_it_was_made_are_one_too_many(pixels: U8) -> None:
    both = XMP.replace(b"/></rdf:RDF>", b"/>" + xmp_packet("digitalCapture") + b"</rdf:RDF>")
    verdict = check(saved(pixels, xmp=both), NAME, AMAZON, "main")
    assert _failed(verdict) == {"source_type"}
    assert "several ways" in verdict.message


def test_many_marketplaces_judge_what_was_measured_once(pixels: U8) -> None:
    data = saved(pixels)
    first = inspect_picture(data)
    for rules in RULES.values():
        check(bytes(bytearray(data)), NAME, rules, "main")
    assert inspect_picture(bytes(bytearray(data))) is first


def _seeds() -> list[bytes]:
    """Small files of each format with everything in them that is looked at."""
    cutout = product_cutout((48, 48))
    rgb = np.where(cutout[..., 3:] > 127, cutout[..., :3], 255).astype(np.uint8)
    exif = exif_bytes({0x010F: "Camera Works", 0x8825: {1: "N", 2: (52.0, 31.0, 0.0)}})
    iptc = b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", 0x0404, 0, 13) + b"\x1c\x02\x50\0\x08J. Smith\0"
    head = b"\xff\xd8\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc
    profile = matrix_profile("A", ADOBE_RGB_PRIMARIES, ADOBE_RGB_GAMMA)
    jpeg = saved(rgb, exif=exif, comment=b"Nikon", icc_profile=profile)
    return [
        head + jpeg[2:],
        jpeg + saved(rgb, exif=exif),
        saved(rgb, progressive=True),
        saved(Image.fromarray(rgb).convert("CMYK")),
        saved(cutout, "PNG", exif=exif),
        saved(cutout, "WEBP", exif=exif),
        saved(rgb, "TIFF", compression="tiff_lzw", tiffinfo={271: "Make", 34377: iptc[14:], 700: XMP}),
        saved(rgb, "GIF", comment=b"Nikon"),
        saved(rgb, "BMP"),
    ]


def _mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes changed, most of them near the start, or a piece cut out or doubled."""
    first, last = sorted(int(at) for at in rng.integers(0, len(data), 2))
    kind = rng.integers(4)
    if kind == 0:
        return data[:first] + data[last:]
    if kind == 1:
        return data[:last] + data[first:]
    changed = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        reach = len(changed) if rng.random() < 0.4 else min(600, len(changed))
        changed[int(rng.integers(reach))] = int(rng.choice(np.array([0, 1, 127, 255, rng.integers(256)])))
    return bytes(changed)


@pytest.mark.filterwarnings("ignore")
def test_damaged_and_hostile_files_get_a_verdict() -> None:
    rng = np.random.default_rng(2026)
    seeds = _seeds()
    decided = {"readable": 0, "other": 0}
    for round_ in range(900):
        data = _mutated(seeds[round_ % len(seeds)], rng)
        verdict = check(data, "a.jpg", AMAZON, "main")
        assert verdict.decision == "rejected"
        decided["readable" if verdict.decided_by == "readable" else "other"] += 1
    assert min(decided.values()) > 50
    for start in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"RIFF\x40\0\0\0WEBPVP8X", b"BM"):
        for _ in range(20):
            assert check(start + rng.bytes(500), "a.jpg", GOOGLE, "main").decision == "rejected"


def test_a_signed_picture_passes(tmp_path: Path) -> None:
    """A C2PA manifest tells of its own: it names programs, times and the signer, and that is meant."""
    signer = Signer(*written_pair(tmp_path, authority()))
    made = render_whites(
        product_cutout((700, 700), seed=4), [AMAZON], "main", tools=Tools(signer=signer), title="A cup"
    )
    rendered = made["amazon"]
    assert isinstance(rendered, Rendered)
    assert read_credentials(rendered.data) is not None
    verdict = check(rendered.data, NAME, AMAZON, "main", source_type=rendered.source)
    assert verdict.accepted, verdict.message
