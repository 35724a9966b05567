"""White pictures and scenes for marketplaces, read back with Pillow alone."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from resources.marketplaces.provenance import read_source_type, source_type, tag_jpeg, xmp_packet
from resources.marketplaces.render import (
    Rendered,
    Tools,
    render_key,
    render_lifestyle,
    render_lifestyles,
    render_white,
    render_whites,
)
from resources.marketplaces.rule_files import load_rules
from resources.marketplaces.rules import MarketplaceRules
from resources.verdicts import NEEDS_REVIEW, Rejection
from tests.pictures import product_cutout

U8 = NDArray[np.uint8]
RULES = load_rules().rules
AMAZON, GOOGLE, SHOPIFY = RULES["amazon"], RULES["google_merchant"], RULES["shopify"]


def _changed(rules: MarketplaceRules, slot: str, **groups: dict[str, Any]) -> MarketplaceRules:
    """The same marketplace with some fields of one slot's groups changed."""
    content = rules.model_dump()
    for group, fields in groups.items():
        content["slots"][slot][group] |= fields
    return MarketplaceRules.model_validate(content)


def _rendered(result: Rendered | Rejection) -> Rendered:
    assert isinstance(result, Rendered), result
    return result


def _refused(result: Rendered | Rejection) -> Rejection:
    assert isinstance(result, Rejection)
    return result


def _pixels(data: bytes) -> U8:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def _block(width: int, height: int, canvas: tuple[int, int], at: tuple[int, int]) -> U8:
    """HxWx4: one grainy dark block on nothing."""
    rgba = np.zeros((canvas[1], canvas[0], 4), np.uint8)
    rgba[..., :3] = 90
    grain = np.random.default_rng(5).integers(40, 140, (height, width, 3), dtype=np.uint8)
    rgba[at[1] : at[1] + height, at[0] : at[0] + width, :3] = grain
    rgba[at[1] : at[1] + height, at[0] : at[0] + width, 3] = 255
    return rgba


@pytest.mark.parametrize("size", [(400, 400), (700, 900)])
def test_background_is_exactly_white_and_the_product_fills_the_square(size: tuple[int, int]) -> None:
    result = _rendered(render_white(product_cutout(size), AMAZON, "main"))
    pixels = _pixels(result.data)
    assert pixels.shape == (result.height, result.width, 3)
    assert result.width == result.height
    product = pixels.min(axis=2) < 245
    near = cv2.dilate(product.astype(np.uint8), np.ones((33, 33), np.uint8)) > 0
    assert (pixels[~near] == 255).all()
    rows, columns = np.flatnonzero(product.any(axis=1)), np.flatnonzero(product.any(axis=0))
    box = (rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)
    assert max(box) / result.width == pytest.approx(0.87, abs=0.01)
    assert result.fill == pytest.approx(0.87, abs=0.001)
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(result.height / 2, abs=4)
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(result.width / 2, abs=4)


def test_the_file_is_a_full_colour_progressive_srgb_jpeg_without_camera_data() -> None:
    data = _rendered(render_white(product_cutout((600, 600)), AMAZON, "main")).data
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")
        assert image.info["progressive"]
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        assert not image.getexif()
        assert "comment" not in image.info


def test_the_product_is_enlarged_at_most_twice_and_never_beyond_the_rules() -> None:
    small = _rendered(render_white(_block(400, 300, (640, 640), (100, 100)), AMAZON, "main"))
    assert small.width == int(400 * 2 / 0.87)
    assert "below_recommended_size" in small.notes
    large = _rendered(render_white(_block(2600, 400, (3000, 600), (200, 100)), AMAZON, "main"))
    assert large.width == 2200
    assert large.notes == ()


def test_pixels_of_the_product_survive() -> None:
    """At scale 1 nothing is resampled: what comes back differs by JPEG alone."""
    cutout = _block(1914, 1000, (2000, 1200), (40, 60))
    cutout[60:1060, 40:1954, :3] = (200, 30, 60)
    result = _rendered(render_white(cutout, AMAZON, "main"))
    middle = _pixels(result.data)[900:1300, 500:1700].astype(int)
    assert np.abs(middle - (200, 30, 60)).max() <= 2


def test_too_small_for_the_marketplace_goes_to_a_person_with_both_numbers() -> None:
    rejection = _refused(render_white(_block(200, 150, (400, 400), (90, 90)), AMAZON, "main"))
    assert rejection.code == NEEDS_REVIEW
    assert "200 px" in rejection.message
    assert "435 px" in rejection.message
    assert "218 px" in rejection.hint


def test_each_marketplace_judges_the_size_and_those_that_agree_share_a_render() -> None:
    three = [AMAZON, GOOGLE, SHOPIFY]
    small = render_whites(_block(200, 150, (400, 400), (90, 90)), three, "main")
    assert isinstance(small["amazon"], Rejection)
    assert isinstance(small["google_merchant"], Rejection)
    assert _rendered(small["shopify"]).width == 459
    middle = render_whites(_block(700, 500, (900, 900), (90, 90)), three, "main")
    shared = {id(_rendered(result).data) for result in middle.values()}
    assert len(shared) == 1
    assert "below_recommended_size" in _rendered(middle["amazon"]).notes
    assert "below_recommended_size" not in _rendered(middle["google_merchant"]).notes


def test_render_keys_part_where_bytes_would() -> None:
    assert render_key(AMAZON, "main") == render_key(GOOGLE, "main")
    assert render_key(_changed(AMAZON, "main", render={"side": 1600}), "main") != render_key(AMAZON, "main")
    assert render_key(_changed(AMAZON, "main", size={"min_longest": 900}), "main") == render_key(AMAZON, "main")


@pytest.mark.parametrize(("product", "width"), [((900, 500), True), ((500, 900), False)])
def test_an_upright_picture_is_filled_in_the_direction_that_binds(product: tuple[int, int], width: bool) -> None:
    cutout = _block(*product, (1000, 1000), (50, 40))
    result = _rendered(render_white(cutout, RULES["zalando"], "main"))
    assert result.width / result.height == pytest.approx(1801 / 2600, abs=0.001)
    rows, columns = np.nonzero(_pixels(result.data).min(axis=2) < 200)
    spans = (np.ptp(columns) + 1) / result.width, (np.ptp(rows) + 1) / result.height
    assert max(spans) == pytest.approx(0.87, abs=0.01)
    assert (spans[0] > spans[1]) == width
    assert result.fill == pytest.approx(max(spans), abs=0.01)
    assert columns.mean() == pytest.approx(result.width / 2, abs=3)
    assert rows.mean() == pytest.approx(result.height / 2, abs=3)


def test_where_the_product_alone_counts_its_box_is_what_must_be_large_enough() -> None:
    bol = RULES["bol"]
    assert bol.slot("main").size.counted == "product"
    assert _rendered(render_white(_block(251, 90, (400, 400), (40, 40)), bol, "main")).width == 577
    refused = _refused(render_white(_block(248, 90, (400, 400), (40, 40)), bol, "main"))
    assert refused.code == NEEDS_REVIEW
    assert "500 px" in refused.message
    assert "250 px" in refused.hint
    scene = _refused(render_lifestyle(_noise(240, 240), bol, kind="procedural_scene"))
    assert scene.code == NEEDS_REVIEW


def test_a_marketplace_that_wants_more_bytes_gets_a_render_of_its_own() -> None:
    plain = _block(600, 600, (700, 700), (50, 50))
    plain[50:650, 50:650, :3] = (180, 40, 40)
    plain[60:360, 60:360, :3] = np.random.default_rng(1).integers(150, 210, (300, 300, 1), dtype=np.uint8)
    shared = _rendered(render_white(plain, AMAZON, "main"))
    wanted = _changed(SHOPIFY, "main", file={"min_bytes": len(shared.data) + 1})
    both = render_whites(plain, [AMAZON, wanted], "main")
    assert _rendered(both["amazon"]).data == shared.data
    larger = _rendered(both["shopify"])
    assert len(larger.data) > len(shared.data)
    assert "quality_raised_to_byte_limit" in larger.notes


class _Doubler:
    """An upscaler that says what it did, and leaves a mark in the white."""

    name = "doubler"
    revision = "1"

    def enlarge(self, rgb: U8, size: tuple[int, int]) -> tuple[U8, tuple[str, ...]]:
        large = cv2.resize(rgb, size, interpolation=cv2.INTER_NEAREST)
        large[large > 250] = 252
        return large, ("doubled",)


def test_small_products_are_enlarged_by_the_engine_and_white_stays_white() -> None:
    tools = Tools(upscaler=_Doubler())
    small = _rendered(render_whites(_block(400, 300, (500, 500), (50, 50)), [AMAZON], "main", tools=tools)["amazon"])
    assert "doubled" in small.notes
    assert _pixels(small.data)[:8].min() == 255
    large = _rendered(render_whites(_block(1950, 300, (2000, 500), (20, 50)), [AMAZON], "main", tools=tools)["amazon"])
    assert "doubled" not in large.notes


def test_the_shades_of_a_white_product_stay() -> None:
    cutout = _block(1914, 1000, (2000, 1200), (40, 60))  # at this size nothing is resampled
    shades = np.tile(np.arange(247, 255, dtype=np.uint8)[:, None], (1, 1914)).repeat(100, axis=0)
    cutout[160:960, 40:1954, :3] = shades[..., None]
    shown = _pixels(_rendered(render_white(cutout, AMAZON, "main")).data).astype(int)
    middle = shown[:, 1100].min(axis=1)
    assert [level for level in range(247, 255) if (middle == level).sum() < 60] == []


def test_the_last_breath_of_a_soft_edge_is_white() -> None:
    cutout = _block(700, 500, (900, 900), (90, 90))
    cutout[300:310, 40:85, :3] = 0
    cutout[300:310, 40:85, 3] = 2  # two levels of grey, far from the product
    white = _pixels(_rendered(render_white(cutout, AMAZON, "main")).data)
    left = np.nonzero((white < 200).any(axis=(0, 2)))[0].min()
    assert (white[:, : left - 16] == 255).all()


def test_the_same_cutout_gives_the_same_bytes() -> None:
    cutout = product_cutout((500, 500), seed=3)
    first = _rendered(render_white(cutout, AMAZON, "main")).data
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        assert _rendered(render_white(cutout.copy(), AMAZON, "main")).data == first
    finally:
        cv2.setNumThreads(threads)


def test_haze_away_from_the_product_leaves_no_stain() -> None:
    cutout = _block(500, 500, (900, 900), (300, 300))
    cutout[20:80, 20:80] = (0, 0, 0, 9)
    result = _rendered(render_white(cutout, AMAZON, "main"))
    assert "faint_haze_removed" in result.notes
    pixels = _pixels(result.data)
    assert (pixels[:40] == 255).all()
    assert (pixels[:, :40] == 255).all()
    assert result.fill == pytest.approx(0.87, abs=0.001)


def test_a_soft_edge_is_kept() -> None:
    cutout = _block(500, 500, (900, 900), (200, 200))
    cutout[200:700, 695:700, 3] = 12  # a faint rim that belongs to the product
    result = _rendered(render_white(cutout, AMAZON, "main"))
    assert "faint_haze_removed" not in result.notes


def test_the_photos_own_mix_comes_back_on_white() -> None:
    """Half coverage of black over white is level 127 or 128 (mixed in sRGB), not 188 (mixed in light)."""
    cutout = _block(1914, 1914, (2000, 2000), (43, 43))
    cutout[43:1957, 43:1957] = (0, 0, 0, 128)
    result = _rendered(render_white(cutout, AMAZON, "main"))
    assert abs(int(_pixels(result.data)[1100, 1100, 0]) - 127) <= 2


def test_nothing_to_see_is_a_rejection() -> None:
    empty = np.zeros((300, 300, 4), np.uint8)
    results = render_whites(empty, RULES.values(), "main")
    assert {_refused(result).code for result in results.values()} == {"empty_cutout"}


def test_a_refused_slot_says_why() -> None:
    closed = _changed(AMAZON, "main", allowed={"value": False, "reason": "Closed for the season."})
    rejection = _refused(render_white(product_cutout(), closed, "main"))
    assert rejection.code == "not_allowed"
    assert "Closed for the season." in rejection.message


def test_quality_goes_down_to_the_byte_limit_and_no_further_than_needed() -> None:
    cutout = _block(300, 300, (400, 400), (50, 50))
    free = _rendered(render_white(cutout, AMAZON, "main"))
    limit = int(len(free.data) * 0.85)
    tight = _rendered(render_white(cutout, _changed(AMAZON, "main", render={"max_bytes": limit}), "main"))
    assert len(tight.data) <= limit
    assert 80 <= tight.quality < 92
    assert "quality_lowered_to_byte_limit" in tight.notes
    one_more = _changed(AMAZON, "main", render={"quality": tight.quality + 1, "min_quality": tight.quality + 1})
    assert len(_rendered(render_white(cutout, one_more, "main")).data) > limit


def test_what_cannot_be_small_enough_or_large_enough_is_a_rejection() -> None:
    cutout = _block(300, 300, (400, 400), (50, 50))
    tiny = _changed(AMAZON, "main", render={"max_bytes": 5_000})
    assert _refused(render_white(cutout, tiny, "main")).code == "too_many_bytes"
    plain = cutout.copy()
    plain[..., :3] = 90
    heavy = _changed(AMAZON, "main", file={"min_bytes": 200_000})
    assert _refused(render_white(plain, heavy, "main")).code == "too_few_bytes"


def test_quality_goes_up_to_the_least_bytes() -> None:
    cutout = _block(300, 300, (400, 400), (50, 50))
    size = len(_rendered(render_white(cutout, AMAZON, "main")).data)
    result = _rendered(render_white(cutout, _changed(AMAZON, "main", file={"min_bytes": size + 1000}), "main"))
    assert len(result.data) > size + 1000
    assert "quality_raised_to_byte_limit" in result.notes


def test_a_product_cut_by_the_photos_edge_keeps_its_margin() -> None:
    cutout = _block(800, 500, (800, 500), (0, 0))
    result = _rendered(render_white(cutout, AMAZON, "main"))
    pixels = _pixels(result.data)
    margin = int(result.width * 0.06) - 16
    assert (pixels[:, :margin] == 255).all()
    assert (pixels[:, -margin:] == 255).all()


def _noise(width: int, height: int) -> U8:
    noise = np.random.default_rng(2).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8)


def test_a_scene_within_the_limits_keeps_its_size() -> None:
    result = _rendered(render_lifestyle(_noise(1200, 900), GOOGLE, kind="procedural_scene"))
    assert (result.width, result.height) == (1200, 900)
    assert _pixels(result.data).shape == (900, 1200, 3)
    assert result.source == "composite"


def test_a_scene_is_reduced_enlarged_or_refused_by_the_rules() -> None:
    large = _rendered(render_lifestyle(_noise(3000, 1500), AMAZON, kind="procedural_scene"))
    assert (large.width, large.height) == (2200, 1100)
    small = _rendered(render_lifestyle(_noise(400, 300), GOOGLE, kind="procedural_scene"))
    assert (small.width, small.height) == (667, 500)
    assert "enlarged_to_minimum_size" in small.notes
    refused = _refused(render_lifestyle(_noise(300, 200), GOOGLE, kind="procedural_scene"))
    assert refused.code == NEEDS_REVIEW
    assert "300 x 200" in refused.message


@pytest.mark.parametrize(
    ("low", "high", "size"), [(1.0, 1.0, (600, 600)), (None, 1.25, (750, 600)), (2.0, 3.0, (900, 450))]
)
def test_a_scene_is_cropped_around_the_middle_to_the_allowed_proportions(
    low: float | None, high: float, size: tuple[int, int]
) -> None:
    rules = _changed(SHOPIFY, "lifestyle", size={"min_aspect": low, "max_aspect": high})
    scene = np.full((600, 900, 3), 200, np.uint8)
    scene[290:310, 440:460] = 20
    result = _rendered(render_lifestyle(scene, rules, kind="procedural_scene"))
    assert (result.width, result.height) == size
    assert "cropped_to_allowed_proportions" in result.notes
    rows, columns = np.nonzero(_pixels(result.data)[..., 0] < 110)
    assert rows.mean() == pytest.approx(size[1] / 2, abs=2)
    assert columns.mean() == pytest.approx(size[0] / 2, abs=2)


def test_marketplaces_that_agree_share_one_scene() -> None:
    made = render_lifestyles(_noise(900, 700), RULES.values(), kind="procedural_scene")
    assert {name for name, one in made.items() if isinstance(one, Rejection)} == {"etsy", "zalando"}
    assert len({id(_rendered(one).data) for one in made.values() if isinstance(one, Rendered)}) <= 3
    assert made["amazon"] == _rendered(render_lifestyle(_noise(900, 700), AMAZON, kind="procedural_scene"))


def test_the_file_says_how_it_was_made_in_the_marketplaces_words() -> None:
    white = _rendered(render_white(product_cutout((600, 600)), AMAZON, "main"))
    assert read_source_type(white.data) == white.source == "algorithmicallyEnhanced"
    scene = _noise(800, 800)
    codes = {
        rules.name: read_source_type(_rendered(render_lifestyle(scene, rules, kind="generated_scene")).data)
        for rules in (AMAZON, GOOGLE, SHOPIFY)
    }
    assert codes == {
        "amazon": "compositeWithTrainedAlgorithmicMedia",
        "google_merchant": "trainedAlgorithmicMedia",
        "shopify": "compositeWithTrainedAlgorithmicMedia",
    }


def test_the_tag_is_the_exact_xmp_property_and_nothing_more() -> None:
    from xml.etree import ElementTree

    data = _rendered(render_white(product_cutout((600, 600)), AMAZON, "main")).data
    with Image.open(io.BytesIO(data)) as image:
        packet = image.info["xmp"]
    body = packet[packet.index(b"<x:xmpmeta") : packet.index(b"<?xpacket end")]
    description = ElementTree.fromstring(body)[0][0]  # noqa: S314  our own bytes
    assert description.attrib == {
        "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about": "",
        "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType": (
            "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
        ),
    }


def test_tagging_replaces_the_tag_and_leaves_the_pixels() -> None:
    plain = io.BytesIO()
    Image.fromarray(_noise(64, 48)).save(plain, "JPEG", quality=90)
    assert read_source_type(plain.getvalue()) is None
    once = tag_jpeg(plain.getvalue(), "composite")
    twice = tag_jpeg(once, "trainedAlgorithmicMedia")
    assert read_source_type(twice) == "trainedAlgorithmicMedia"
    assert twice.count(b"Iptc4xmpExt:DigitalSourceType") == 1
    assert tag_jpeg(twice, "composite") == once
    assert (_pixels(twice) == _pixels(plain.getvalue())).all()


def test_only_known_codes_and_jpegs_are_tagged() -> None:
    with pytest.raises(ValueError, match="no IPTC digital source type"):
        xmp_packet("minorHumanEdits")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="only a JPEG"):
        tag_jpeg(b"\x89PNG", "composite")
    assert source_type("photographed_scene") == "compositeCapture"
