"""colour: the formulas against published and float64 values; resizing without fringes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from resources.imaging import icc
from resources.imaging.colour import (
    channel_min,
    channel_sum,
    delta_e_2000,
    differs,
    lengths_from,
    linear_to_srgb,
    per_channel,
    resize_alpha,
    resize_rgba,
    rgb_to_lab,
    srgb_to_linear,
)
from tests import pictures

# The 34 pairs of Sharma, Wu, Dalal (2005), table 1: L a b, L a b, difference.
SHARMA = np.array(
    [
        (50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425),
        (50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615),
        (50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412),
        (50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
        (50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461),
        (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
        (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
        (50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977),
        (50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030),
        (50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000),
        (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
        (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
        (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
        (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
        (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
        (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
        (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
        (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
        (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
        (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
    ]
)


def all_levels() -> pictures.U8:
    """256 x 256 x 3: every level of every channel, in many mixtures, with all greys in the first row."""
    rgb = np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    rgb[0] = np.arange(256, dtype=np.uint8)[:, None]
    return rgb


def lab_in_float64(rgb: pictures.U8) -> NDArray[np.float64]:
    """CIELAB step by step, from chromaticities of primaries and white instead of a ready matrix."""
    level = rgb.astype(np.float64) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    primaries = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in icc.SRGB_PRIMARIES]).T
    white = np.array([0.3127 / 0.3290, 1.0, (1 - 0.3127 - 0.3290) / 0.3290])
    xyz = linear @ (primaries * np.linalg.solve(primaries, white)).T / white
    curve = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(curve, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 5e-5), (np.float32, 1e-4)])
def test_ciede2000_of_the_published_pairs(dtype: Any, tolerance: float) -> None:
    first, second = SHARMA[:, :3].astype(dtype), SHARMA[:, 3:6].astype(dtype)
    for found in (delta_e_2000(first, second), delta_e_2000(second, first)):
        assert found.dtype == dtype
        assert np.abs(found - SHARMA[:, 6]).max() <= tolerance


def test_ciede2000_of_equal_colours_is_nothing_and_it_broadcasts() -> None:
    lab = rgb_to_lab(all_levels())
    assert delta_e_2000(lab, lab).max() == 0
    to_white = delta_e_2000(lab, np.array([100, 0, 0], np.float32))
    assert to_white.shape == (256, 256)
    assert np.isfinite(to_white).all()
    assert to_white[0, 255] < 0.01
    assert to_white[0, 0] == pytest.approx(100, abs=0.01)


def test_lab_is_accurate() -> None:
    rgb = all_levels()
    lab = rgb_to_lab(rgb)
    assert lab.dtype == np.float32
    assert np.abs(lab - lab_in_float64(rgb)).max() < 0.02
    assert float(delta_e_2000(lab, lab_in_float64(rgb)).max()) < 0.01


def test_lab_of_known_colours() -> None:
    lab = rgb_to_lab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [119, 119, 119]], np.uint8))
    known = np.array([(100, 0, 0), (0, 0, 0), (53.24, 80.09, 67.20), (50.03, 0, 0)])
    assert np.abs(lab - known).max() < 0.01


def test_greys_have_no_colour() -> None:
    assert np.abs(rgb_to_lab(all_levels())[0, :, 1:]).max() < 1e-3


def test_linear_light_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8)
    linear = srgb_to_linear(levels)
    assert linear.dtype == np.float32
    assert linear[0] == 0
    assert linear[255] == 1
    assert linear[188] == pytest.approx(0.5029, abs=1e-4)
    assert np.array_equal(linear_to_srgb(linear), levels)


def test_linear_to_srgb_rounds_and_clips() -> None:
    values = np.linspace(0, 1, 100_001)
    exact = 255 * np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)
    assert np.abs(linear_to_srgb(values.astype(np.float32)) - exact).max() < 0.56
    assert linear_to_srgb(np.array([-3.0, 7.0], np.float32)).tolist() == [0, 255]


def test_our_srgb_profile_is_srgb() -> None:
    profile = icc.srgb_profile()
    assert profile == icc.matrix_profile(
        "sRGB", icc.SRGB_PRIMARIES, [int(v) for v in np.frombuffer(_curve_of(profile), ">u2")]
    )
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), "RGB", "RGB"
    )
    rgb = all_levels()
    converted = ImageCms.applyTransform(Image.fromarray(rgb), transform)
    assert converted is not None
    assert np.abs(np.asarray(converted).astype(int) - rgb).max() <= 1


def _curve_of(profile: bytes) -> bytes:
    at = profile.index(b"curv")
    count = int.from_bytes(profile[at + 8 : at + 12], "big")
    return profile[at + 12 : at + 12 + 2 * count]


# Resizing


@pytest.fixture(scope="module")
def cutout() -> pictures.U8:
    return pictures.product_cutout((400, 300), seed=3)


SIZES = [(200, 150), (133, 100), (399, 299), (401, 301), (800, 600), (250, 500), (40, 30), (1, 1)]


def test_the_same_size_is_the_same_picture(cutout: pictures.U8) -> None:
    assert resize_rgba(cutout, (400, 300)) is cutout


@pytest.mark.parametrize("size", SIZES)
def test_sizes_and_types(cutout: pictures.U8, size: tuple[int, int]) -> None:
    found = resize_rgba(cutout, size)
    assert found.shape == (size[1], size[0], 4)
    assert found.dtype == np.uint8
    assert np.array_equal(found, resize_rgba(cutout.copy(), size))


@pytest.mark.parametrize("size", [(400, 300), *SIZES])
def test_alpha_alone_is_that_of_the_whole_picture(cutout: pictures.U8, size: tuple[int, int]) -> None:
    opaque = np.dstack([cutout[..., :3], np.full(cutout.shape[:2], 255, np.uint8)])
    for rgba in (cutout, opaque):
        assert np.array_equal(resize_alpha(rgba[..., 3], size), resize_rgba(rgba, size)[..., 3])


def test_a_size_of_nothing_is_an_error(cutout: pictures.U8) -> None:
    with pytest.raises(ValueError, match="0 x 10"):
        resize_rgba(cutout, (0, 10))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("hidden", [(255, 0, 255), (0, 0, 0), (255, 255, 255)])
def test_no_colour_from_under_transparency_is_ever_seen(
    cutout: pictures.U8, size: tuple[int, int], hidden: tuple[int, int, int]
) -> None:
    """A product of one colour stays of that colour in every pixel that shows anything."""
    plain = cutout.copy()
    plain[..., :3] = (30, 140, 60)
    plain[plain[..., 3] == 0, :3] = hidden
    found = resize_rgba(plain, size)
    seen = found[found[..., 3] > 0][:, :3]
    assert len(seen) > 0
    assert np.abs(seen.astype(int) - (30, 140, 60)).max() <= 1


def test_colours_spread_under_transparency_stay_spread(cutout: pictures.U8) -> None:
    for size in ((150, 120), (640, 480)):
        found = resize_rgba(cutout, size)
        corner = found[:10, :10]
        assert (corner[..., 3] == 0).all()
        assert np.abs(corner[..., :3].astype(int) - cutout[0, 0, :3]).max() <= 1


def test_a_picture_without_anything_visible_stays_so() -> None:
    empty = np.zeros((60, 80, 4), np.uint8)
    empty[..., :3] = (10, 200, 90)
    found = resize_rgba(empty, (33, 47))
    assert (found[..., 3] == 0).all()
    assert np.abs(found[..., :3].astype(int) - (10, 200, 90)).max() <= 1


@pytest.mark.parametrize("size", [(200, 150), (271, 203), (600, 450)])
def test_opaque_parts_are_resized_as_if_there_were_no_alpha(size: tuple[int, int]) -> None:
    rgb = pictures.product_photo((400, 300), seed=8)
    opaque = np.dstack([rgb, np.full((300, 400), 255, np.uint8)])
    partly = opaque.copy()
    partly[:40, :, 3] = 0
    whole, part = resize_rgba(opaque, size), resize_rgba(partly, size)
    assert (whole[..., 3] == 255).all()
    below = size[1] // 4
    assert (part[below:, :, 3] == 255).all()
    assert np.abs(part[below:].astype(int) - whole[below:]).max() <= 1


def test_an_opaque_photo_is_resized_like_anywhere_else() -> None:
    rgb = pictures.product_photo((400, 300), seed=8)
    found = resize_rgba(np.dstack([rgb, np.full((300, 400), 255, np.uint8)]), (200, 150))[..., :3]
    usual = np.asarray(Image.fromarray(rgb).resize((200, 150), Image.Resampling.BICUBIC))
    # The usual one averages the encoded levels: they differ at sharp edges only.
    difference = np.abs(found.astype(int) - usual)
    assert difference.mean() < 0.8
    assert np.percentile(difference, 90) <= 2


def test_shrinking_averages_light_and_does_not_alias() -> None:
    stripes = np.zeros((100, 400, 4), np.uint8)
    stripes[:, ::2, :3] = 255
    stripes[..., 3] = 255
    found = resize_rgba(stripes, (80, 20))
    # Half the light is level 188, not 128.
    assert np.abs(found[3:-3, 3:-3, :3].astype(int) - 188).max() <= 3


def test_shrinking_and_enlarging_keep_the_place() -> None:
    """The middle of the product stays where it is: no half-pixel shift."""
    spot = np.zeros((240, 240, 4), np.uint8)
    spot[80:120, 140:200] = 255
    for size in ((120, 120), (100, 160), (480, 480), (300, 200)):
        alpha = resize_rgba(spot, size)[..., 3].astype(np.float64)
        y = (alpha.sum(1) * (np.arange(size[1]) + 0.5)).sum() / alpha.sum() / size[1]
        x = (alpha.sum(0) * (np.arange(size[0]) + 0.5)).sum() / alpha.sum() / size[0]
        assert (x, y) == pytest.approx((170 / 240, 100 / 240), abs=5e-4)
        assert alpha.mean() / 255 == pytest.approx(40 * 60 / 240**2, rel=0.02)


def test_sums_and_lengths_by_channel_have_the_bits_of_numpy() -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(0, 40, (31, 17, 3)).astype(np.float32)
    point = values[3, 4]
    assert np.array_equal(channel_sum(values), values.sum(axis=-1))
    assert np.array_equal(channel_min(values), values.min(axis=-1))
    assert np.array_equal(channel_sum(values[..., :2]), values[..., :2].sum(axis=-1))
    assert np.array_equal(lengths_from(values, point), np.sqrt(((values - point) ** 2).sum(axis=-1)))
    assert np.array_equal(per_channel(values[..., 0], 2), np.dstack([values[..., 0]] * 2))


def test_pictures_differ_where_any_channel_does_by_as_little_as_a_level() -> None:
    one = np.random.default_rng(9).integers(0, 256, (23, 19, 3)).astype(np.uint8)
    other = one.copy()
    for place, channel in (((0, 0), 0), ((5, 7), 1), ((22, 18), 2)):
        other[place][channel] ^= 1
    assert np.array_equal(differs(one, other), (one != other).any(axis=2))
    assert np.count_nonzero(differs(one, other)) == 3
