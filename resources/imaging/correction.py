"""Photo correction before anything else: white balance, exposure and level, each bounded, each only where it is sure.

Light is measured on the surroundings (a sheet, a sweep, a wall along the frame) or on a configured grey, never on the
product. Whatever is in doubt is left as it is, and a note says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.colour import linear_to_srgb, reduced, rgb_to_lab, srgb_to_linear
from resources.imaging.level import find_tilt, turned

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Gains = tuple[float, float, float]

# What estimation sees of a photo: pixels of the longer side.
_SIDE = 256
# A long thin picture keeps so many pixels across.
_LEAST_SIDE = 16
# The frame is looked at in blocks: so many a side, of this depth (share of the shorter side).
_BLOCKS, _DEPTH = 8, 0.06
# Brighter than this a channel may be clipped, and its colour means nothing.
_CLIPPED = 250
# Surroundings: at least this bright (L), this smooth (standard deviation of L in a block, and between pixels).
_BRIGHT, _BLOCK_SPREAD, _GRAIN = 60.0, 4.0, 2.0
# Lamps and daylight differ along blue to yellow. A cast of another hue is rather the paper's own colour.
_TINT_WEIGHT = 2.0
# Neutral blocks: share of the frame, on so many sides, and how far their chroma may scatter.
_SHARE, _SIDES, _SCATTER = 1 / 3, 2, 2.0
# Share of the inside that must differ from the surroundings by so much (Lab): else they may be the product itself.
_PRODUCT_SHARE, _PRODUCT_CONTRAST = 0.01, 10.0
# Something still lighter and near-neutral, this much lighter (L) on this share of the picture, must not gain chroma:
# beside it a beige carpet or a blue-grey cloth shows its own colour.
_LIGHTER, _LIGHTER_SHARE, _GAINED = 3.0, 0.005, 0.3
# Less than this is not worth touching a photo for: chroma of the cast, EV.
_CAST_SEEN, _EV_SEEN = 1.5, 0.05
# A white sheet in good light has this L. Under the second one it may be a grey one as well.
_SHEET_WHITE, _SHEET_GREY = 92.0, 82.0
# Nothing in the picture may be this much brighter than the sheet (L, quantile): else the sheet is no white one.
_BRIGHTER, _TOP = 5.0, 0.998
# A grey card reflects 18 %: L* 50.
_CARD = 0.18418
# The curve is straight up to here at least (linear light), and bends to end in white.
_KNEE, _LAST_KNEE = 0.7, 0.96
_LUMA = np.array([0.2126729, 0.7151522, 0.0721750])


@dataclass(frozen=True, slots=True)
class CorrectionLimits:
    """How far a correction may go; 0 switches a part off.

    white_balance: change of a channel's gain, share. exposure: EV. straighten: degrees.
    neutral_chroma: surroundings whose Lab chroma is above this are coloured on purpose and say nothing of the light.
    grey_reference: sRGB in which a neutral 18 % grey card shows in these photos; then it is measured on, instead of
    the surroundings.

    The defaults are gentle: they stay within what the fidelity judge takes for the same product, which compares with
    the uncorrected photo when it is asked from outside (mean CIEDE2000 up to 4, median shift of a and b up to 4.5).
    """

    white_balance: float = 0.06
    exposure: float = 0.2
    straighten: float = 3.0
    neutral_chroma: float = 4.0
    grey_reference: tuple[int, int, int] | None = None


GENTLE = CorrectionLimits()
OFF = CorrectionLimits(white_balance=0, exposure=0, straighten=0)


@dataclass(frozen=True, slots=True)
class Correction:
    """What is done to a photo, and why or why not.

    gains: factors of linear red, green and blue. ev: exposure in stops. knee: linear level up to which both hold
    exactly; above it the curve bends so that white stays white. degrees: how far it is turned counter-clockwise.
    notes: white_balanced, exposure_lifted, exposure_lowered, straightened; where it was left alone for a doubt:
    light_kept_coloured_surroundings, light_kept_no_neutral_surroundings, light_kept_frame_of_one_colour,
    light_kept_uneven_surroundings, tilt_kept_lines_disagree, tilt_kept_one_line_alone,
    tilt_kept_beyond_limit, tilt_kept_product_at_frame.
    """

    gains: Gains = (1.0, 1.0, 1.0)
    ev: float = 0.0
    knee: float = _KNEE
    degrees: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def lights(self) -> bool:
        """True if it changes colours or brightness."""
        return self.ev != 0 or self.gains != (1.0, 1.0, 1.0)

    @property
    def changes(self) -> bool:
        return self.lights or self.degrees != 0

    def as_facts(self) -> dict[str, Any]:
        """JSON-ready parameters, without notes; empty if it changes nothing."""
        if not self.changes:
            return {}
        return {"gains": list(self.gains), "ev": self.ev, "knee": self.knee, "degrees": self.degrees}

    def in_words(self) -> str:
        """What is done, in a few words; "" if nothing is."""
        parts = []
        if self.gains != (1.0, 1.0, 1.0):
            parts.append("white balance " + " / ".join(f"{gain - 1:+.1%}" for gain in self.gains))
        if self.ev:
            parts.append(f"exposure {self.ev:+.2f} EV")
        if self.degrees:
            parts.append(f"turned {self.degrees:+.2f} degrees")
        return ", ".join(parts)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Correction:
        """The correction of a record; ValueError on facts that no correction ever had."""
        if not facts:
            return cls()
        try:
            red, green, blue = (float(gain) for gain in facts["gains"])
            found = cls((red, green, blue), float(facts["ev"]), float(facts["knee"]), float(facts["degrees"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a photo correction: {dict(facts)!r}") from error
        sound = all(0.2 <= gain <= 5 for gain in found.gains) and abs(found.ev) <= 3 and abs(found.degrees) <= 15
        if not sound or not 0 < found.knee < 1:
            raise ValueError(f"not a photo correction: {dict(facts)!r}")
        return found


def estimate(photo: U8, limits: CorrectionLimits = GENTLE) -> Correction:
    """What should be corrected in a photo, within limits. Deterministic; takes some hundredths of a second.

    photo: HxWx3 uint8 sRGB, upright, without transparency of its own.
    """
    found = _light(photo, limits) if limits.white_balance > 0 or limits.exposure > 0 else Correction()
    if limits.straighten <= 0:
        return found
    tilt = find_tilt(photo, limits.straighten)
    notes = (*found.notes, *((tilt.note,) if tilt.note else ()))
    return replace(found, degrees=tilt.degrees, notes=notes)


def apply(photo: U8, correction: Correction) -> U8:
    """The corrected photo, HxWx3 uint8; turned ones are a little smaller (see `level.turned`).

    photo: HxWx3 uint8 sRGB. Light is corrected first, in linear light, level by level: equal colours stay equal.
    Black and white stay what they are. Nothing to do: the same array.
    """
    if correction.lights:
        photo = cv2.LUT(photo, _table(correction))
    return turned(photo, correction.degrees) if correction.degrees else photo


def _table(correction: Correction) -> U8:
    """1x256x3 uint8: the new level of each level of each channel."""
    levels = srgb_to_linear(np.arange(256, dtype=np.uint8))
    gains = (gain * 2**correction.ev for gain in correction.gains)
    return np.stack([linear_to_srgb(_curve(levels, gain, correction.knee)) for gain in gains], axis=-1)[None]


def _curve(linear: F32, gain: float, knee: float) -> F32:
    """gain * linear up to the output level `knee`, then a hyperbola that joins it smoothly and ends in (1, 1)."""
    # The straight part must end before white does, and leave the bend some way up: it starts at most at slope 3.
    knee = min(knee, 0.95 * gain, (3 - gain) / 2)
    start = knee / gain
    slope = (gain - knee) / (1 - knee)
    t = np.clip((linear - start) / (1 - start), 0, 1)
    bent = knee + (1 - knee) * slope * t / (1 + (slope - 1) * t)
    return np.where(linear <= start, linear * gain, bent).astype(np.float32)


# Light


@dataclass(frozen=True, slots=True)
class _Reference:
    """What should be neutral: its linear colour, and how bright it should be (None: says nothing of exposure)."""

    linear: NDArray[np.float64]
    wanted: float | None


def _light(photo: U8, limits: CorrectionLimits) -> Correction:
    small = reduced(photo, _SIDE, least=_LEAST_SIDE)
    if limits.grey_reference is not None:
        grey = srgb_to_linear(np.array(limits.grey_reference, np.uint8)).astype(np.float64)
        return _towards(_Reference(grey, _CARD), limits, may_lower=not _white_frame(small))
    reference = _surroundings(small, limits.neutral_chroma)
    if isinstance(reference, str):
        return Correction(notes=(reference,) if reference else ())
    found = _towards(reference, limits, may_lower=False)
    if _spoils_lighter(small, reference, found, limits.neutral_chroma):
        return Correction(notes=("light_kept_uneven_surroundings",))
    return found


def _spoils_lighter(small: U8, reference: _Reference, found: Correction, neutral_chroma: float) -> bool:
    """True if what is lighter than the reference, and near-neutral, would be less neutral afterwards."""
    lab = rgb_to_lab(small)
    floor = float(rgb_to_lab(linear_to_srgb(reference.linear.astype(np.float32))[None])[0, 0]) + _LIGHTER
    chroma = np.hypot(_TINT_WEIGHT * lab[..., 1], lab[..., 2])
    lighter = (lab[..., 0] > floor) & (small.max(axis=-1) < _CLIPPED) & (chroma <= neutral_chroma)
    if not found.lights or float(lighter.mean()) < _LIGHTER_SHARE:
        return False
    before, after = np.median(lab[lighter], axis=0), np.median(rgb_to_lab(apply(small, found)[lighter]), axis=0)
    return float(np.hypot(*after[1:])) > float(np.hypot(*before[1:])) + _GAINED


def _towards(reference: _Reference, limits: CorrectionLimits, *, may_lower: bool) -> Correction:
    """The correction that makes the reference neutral and as bright as wanted, as far as the limits allow."""
    luminance = float(reference.linear @ _LUMA)
    gains, notes = (1.0, 1.0, 1.0), []
    if limits.white_balance > 0 and _cast(reference.linear) >= _CAST_SEEN:
        wanted = luminance / np.maximum(reference.linear, 1e-4)
        red, green, blue = np.clip(wanted, 1 - limits.white_balance, 1 + limits.white_balance)
        gains = (round(float(red), 4), round(float(green), 4), round(float(blue), 4))
        notes.append("white_balanced")
    ev = 0.0
    if limits.exposure > 0 and reference.wanted is not None:
        low = -limits.exposure if may_lower else 0.0
        ev = float(np.clip(math.log2(reference.wanted / max(luminance, 1e-4)), low, limits.exposure))
        ev = round(ev, 3) if abs(ev) >= _EV_SEEN else 0.0
    if ev:
        notes.append("exposure_lifted" if ev > 0 else "exposure_lowered")
    knee = round(float(np.clip(luminance * 2**ev * 1.02, _KNEE, _LAST_KNEE)), 4)
    return Correction(gains, ev, knee, notes=tuple(notes))


def _cast(linear: NDArray[np.float64]) -> float:
    lab = rgb_to_lab(linear_to_srgb(linear.astype(np.float32))[None])[0]
    return float(np.hypot(lab[1], lab[2]))


@dataclass(frozen=True, slots=True)
class _Block:
    """A piece of the frame: the side it lies on, its median Lab and mean linear colour, and what it can tell."""

    side: int
    lab: NDArray[np.float32]
    linear: NDArray[np.float64]
    white: bool
    smooth: bool


def _surroundings(small: U8, neutral_chroma: float) -> _Reference | str:
    """The neutral surroundings, or a note why there are none; "" if they are white already."""
    blocks = _frame(small)
    enough = _SHARE * len(blocks)
    if sum(block.white for block in blocks) >= enough:
        return ""
    light = [block for block in blocks if block.smooth and not block.white and block.lab[0] >= _BRIGHT]
    if len(light) < enough:
        return "light_kept_no_neutral_surroundings"
    near = [block for block in light if _chroma(block.lab) <= neutral_chroma]
    if len(near) < enough or 2 * len(near) < len(light):
        return "light_kept_coloured_surroundings"
    middle = np.median([block.lab[1:] for block in near], axis=0)
    agreeing = [block for block in near if float(np.hypot(*(block.lab[1:] - middle))) <= _SCATTER]
    if len(agreeing) < max(enough, 0.75 * len(near)) or len({block.side for block in agreeing}) < _SIDES:
        return "light_kept_uneven_surroundings"
    lab = np.median([block.lab for block in agreeing], axis=0)
    if not _something_else(small, lab):
        return "light_kept_frame_of_one_colour"
    linear = np.mean([block.linear for block in agreeing], axis=0)
    return _Reference(linear, _wanted(small, lab))


def _chroma(lab: NDArray[np.float32]) -> float:
    return math.hypot(_TINT_WEIGHT * float(lab[1]), float(lab[2]))


def _wanted(small: U8, lab: NDArray[np.float32]) -> float | None:
    """How bright the surroundings should be (linear), or None: too dark to be white, or outshone by something."""
    light = float(lab[0])
    top = float(np.quantile(rgb_to_lab(small)[..., 0], _TOP))
    if not _SHEET_GREY <= light <= _SHEET_WHITE or top > light + _BRIGHTER:
        return None
    return float(((_SHEET_WHITE + 16) / 116) ** 3)


def _something_else(small: U8, lab: NDArray[np.float32]) -> bool:
    """True if the picture holds something else than its surroundings."""
    height, width = small.shape[:2]
    inside = rgb_to_lab(small[height // 8 : height - height // 8, width // 8 : width - width // 8])
    apart = np.linalg.norm(inside - lab, axis=-1) > _PRODUCT_CONTRAST
    return float(apart.mean()) >= _PRODUCT_SHARE


def _white_frame(small: U8) -> bool:
    blocks = _frame(small)
    bright = [block for block in blocks if block.white or block.lab[0] >= _SHEET_WHITE]
    return len(bright) >= _SHARE * len(blocks)


def _frame(small: U8) -> list[_Block]:
    """The blocks along the four sides of the picture."""
    height, width = small.shape[:2]
    depth = max(3, round(_DEPTH * min(height, width)))
    bands = (small[:depth], small[-depth:], small[:, :depth].swapaxes(0, 1), small[:, -depth:].swapaxes(0, 1))
    return [
        _block(side, part)
        for side, band in enumerate(bands)
        for part in np.array_split(np.ascontiguousarray(band), _BLOCKS, axis=1)
    ]


def _block(side: int, part: U8) -> _Block:
    pixels = part.reshape(-1, 3)
    lab = rgb_to_lab(part)
    light = lab[..., 0]
    grain = np.median(np.abs(light - cv2.blur(light, (3, 3))))
    clipped = pixels.max(axis=1) >= _CLIPPED
    white = float((pixels.min(axis=1) >= _CLIPPED - 5).mean()) >= 0.5
    return _Block(
        side=side,
        lab=np.median(lab.reshape(-1, 3), axis=0),
        linear=srgb_to_linear(pixels).mean(axis=0, dtype=np.float64),
        white=white,
        smooth=float(light.std()) <= _BLOCK_SPREAD and float(grain) <= _GRAIN and float(clipped.mean()) < 0.1,
    )
