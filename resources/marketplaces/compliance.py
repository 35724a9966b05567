"""Measures an encoded picture against a marketplace's rules: what the file is, not what it was meant to be.

Nothing but the bytes and the file name is read, so it judges any picture, ours or not. What the picture is, is measured
once (inspection.py); here it is compared. Text on a picture is looked for if the caller brings a reader
(added_text.py); logos and marks without letters are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from resources.marketplaces.added_text import TextReader, placed_lines, unknown_lines
from resources.marketplaces.backdrop import Backdrop
from resources.marketplaces.file_metadata import Metadata
from resources.marketplaces.inspection import EXTENSIONS, MAX_MEGAPIXELS, Inspection, Unreadable, inspect_picture
from resources.marketplaces.provenance import SourceType
from resources.marketplaces.rules import MarketplaceRules, Slot, SlotRules
from resources.verdicts import Measure, Verdict, measure

# The terms of IPTC's vocabulary that are in use; https://cv.iptc.org/newscodes/digitalsourcetype/
_SOURCE_TYPES = frozenset(
    {
        *("digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print", "humanEdits"),
        *("compositeCapture", "algorithmicallyEnhanced", "dataDrivenMedia", "digitalCreation", "virtualRecording"),
        *("compositeSynthetic", "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "composite"),
        *("algorithmicMedia", "screenCapture"),
    }
)
# Soft grey beside the product up to this part of it is its own soft edge; clean cut-outs stay below 0.006.
_MOST_SHADOW = 0.02
# White space is left out where only the product's size counts: what is at most so many levels darker.
_WHITE_SPACE = 12
_AGAIN = "Export it again from the cut-out."


@dataclass(frozen=True, slots=True)
class _Finding:
    """One rule's measure, and what to say if it failed."""

    measure: Measure
    message: str
    hint: str


def check(
    data: bytes,
    filename: str,
    rules: MarketplaceRules,
    slot: Slot,
    *,
    reader: TextReader | None = None,
    source_type: SourceType | None = None,
    known_text: Sequence[str] | None = None,
) -> Verdict:
    """Whether an encoded picture fits a marketplace's slot: every rule with its measured value.

    Rejected if any rule fails; decided_by and code are the first failed rule, in the order in which a shop would mend
    them. Yes-or-no rules are measured as 1 or 0 with threshold 1. A measure without a threshold informs only
    (fill_ratio -1: product and background could not be told apart; text_absent -1: nobody looked for text).
    score: share of the rules that passed.

    reader: finds text where the slot forbids added text; takes about a second a picture, kept for other marketplaces.
    known_text: the lines printed on the product, as read in its photo; None if unknown, then lines that lie on the
    product only inform (text_on_product). source_type: the IPTC code that the file must carry; None: any.
    """
    slot_rules = rules.slot(slot)
    findings = [_slot_allowed(rules, slot)]
    found = inspect_picture(data)
    if isinstance(found, Unreadable):
        findings.append(_unreadable(found, slot_rules))
    else:
        findings.append(_yes_no("readable", True, "", ""))
        findings += _format_rules(found, filename, slot_rules)
        findings += _size_rules(found, slot_rules)
        findings += _colour_rules(found, slot_rules)
        findings += _backdrop_rules(found.backdrop, slot_rules)
        if slot_rules.text.forbidden:
            findings += _text_rules(data, found.backdrop, reader, known_text)
        findings += _fill_rules(found, slot_rules)
        findings += _metadata_rules(found.metadata, slot_rules, source_type)
    findings += _byte_rules(data, slot_rules)
    findings.append(_file_name(filename, rules))
    return _verdict(findings, f"{rules.title}, {slot} picture")


def _verdict(findings: Sequence[_Finding], what: str) -> Verdict:
    failed = [finding for finding in findings if not finding.measure.passed]
    measures = tuple(finding.measure for finding in findings)
    if not failed:
        return Verdict("accepted", 1.0, measures)
    first, others = failed[0], [finding.measure.name for finding in failed[1:]]
    message = f"{what}: {first.message}"
    if others:
        message += f" Also failed: {', '.join(others)}."
    score = round(1 - len(failed) / len(findings), 4)
    name = first.measure.name
    return Verdict("rejected", score, measures, decided_by=name, code=name, message=message, hint=first.hint)


def _slot_allowed(rules: MarketplaceRules, slot: Slot) -> _Finding:
    allowed = rules.slot(slot).allowed
    return _yes_no(
        "slot_allowed",
        allowed.value,
        f"not taken at all: {allowed.reason}",
        "Do not send it to this marketplace.",
    )


def _unreadable(found: Unreadable, slot_rules: SlotRules) -> _Finding:
    if found.reason == "too_large":
        limit = min(slot_rules.size.max_megapixels or MAX_MEGAPIXELS, MAX_MEGAPIXELS)
        message = f"it has {found.megapixels:.0f} megapixels or more; at most {limit:g} are taken."
        return _at_most("megapixels", found.megapixels, limit, message, "Export it again at a smaller size.")
    if found.reason == "other_format":
        message = f"the file is {found.described}; accepted are {_listed(slot_rules.formats.accepted)}."
        return _yes_no("format", False, message, "Save it as JPEG.")
    message = "the file cannot be read as a picture."
    return _yes_no("readable", False, message, "It may be damaged or incomplete; export it again.")


def _format_rules(found: Inspection, filename: str, slot_rules: SlotRules) -> Iterator[_Finding]:
    accepted = slot_rules.formats.accepted
    yield _yes_no(
        "format",
        found.kind in accepted,
        f"the file is {found.kind.upper()}; accepted are {_listed(accepted)}.",
        "Save it as JPEG.",
    )
    extension = PurePosixPath(filename).suffix[1:].lower()
    yield _yes_no(
        "extension_matches",
        extension in EXTENSIONS[found.kind],
        f"the name ends in '.{extension}', but the file is {found.kind.upper()}.",
        f"Give it the extension .{EXTENSIONS[found.kind][0]}, or save it in the format of its name.",
    )
    frames = found.frames
    yield _at_most("frames", frames, 1, f"it holds {frames} frames.", "Save a single frame: animations are refused.")


def _size_rules(found: Inspection, slot_rules: SlotRules) -> Iterator[_Finding]:
    size, shown = slot_rules.size, f"it has {found.width} x {found.height} px"
    yield from _side_rules(found, slot_rules)
    megapixels, limit = found.width * found.height / 1e6, size.max_megapixels or MAX_MEGAPIXELS
    smaller = "Export it again at a smaller size."
    yield _at_most("megapixels", megapixels, limit, f"{shown}; at most {limit:g} megapixels are taken.", smaller)
    aspect, crop = found.width / found.height, "Crop it to the proportions asked for."
    if size.min_aspect:
        message = f"{shown}; width / height is below {size.min_aspect}."
        yield _at_least("aspect_min", aspect, size.min_aspect, message, crop)
    if size.max_aspect:
        message = f"{shown}; width / height is above {size.max_aspect}."
        yield _at_most("aspect_max", aspect, size.max_aspect, message, crop)


def _side_rules(found: Inspection, slot_rules: SlotRules) -> Iterator[_Finding]:
    """Limits of the sides: of the picture, or of the product in it where white space does not count."""
    size = slot_rules.size
    width, height, what, prefix = found.width, found.height, "it", ""
    if size.counted == "product":
        (width, height), what, prefix = _counted(found), "without white space it", "product_"
    shown = f"{what} has {width} x {height} px"
    larger = "Upload a larger photo and export again."
    longest, shortest = ("product_longest", "product_shortest") if prefix else ("longest_side", "shortest_side")
    if size.min_longest:
        message = f"{shown}; the longer side needs at least {size.min_longest} px."
        yield _at_least(f"{longest}_min", max(width, height), size.min_longest, message, larger)
    if size.min_shortest:
        message = f"{shown}; the shorter side needs at least {size.min_shortest} px."
        yield _at_least(f"{shortest}_min", min(width, height), size.min_shortest, message, larger)
    if size.max_longest:
        message = f"{shown}; at most {size.max_longest} px are taken."
        smaller = "Export it again at a smaller size."
        yield _at_most(f"{longest}_max", max(width, height), size.max_longest, message, smaller)


def _counted(found: Inspection) -> tuple[int, int]:
    """Width and height without white space; a scene has none."""
    backdrop = found.backdrop
    if backdrop is None or backdrop.product_size is None or min(backdrop.colour) < 255 - _WHITE_SPACE:
        return found.width, found.height
    return backdrop.product_size


def _colour_rules(found: Inspection, slot_rules: SlotRules) -> Iterator[_Finding]:
    colour = slot_rules.colour
    yield _yes_no(
        "colour_space",
        found.space in colour.spaces,
        f"its colours are {found.space.upper()}; accepted: {_listed(colour.spaces)}.",
        "Convert it to sRGB.",
    )
    if found.space == "srgb":
        yield _yes_no(
            "icc_srgb",
            found.srgb_profile,
            "its colour profile is not sRGB, or is broken.",
            "Convert the picture to sRGB; leaving the profile out changes the product's colours.",
        )
    yield _at_most(
        "bit_depth",
        found.bit_depth,
        colour.max_bit_depth,
        f"it has {found.bit_depth} bits a channel; at most {colour.max_bit_depth} are taken.",
        "Save it with 8 bits a channel.",
    )
    if not colour.alpha_allowed:
        yield _yes_no(
            "alpha_absent",
            not found.transparent,
            "it has a transparency channel.",
            "Lay the product on white and save it without transparency.",
        )


def _backdrop_rules(backdrop: Backdrop | None, slot_rules: SlotRules) -> Iterator[_Finding]:
    """What is around the product: white, nothing that touches the edge, no frame, no shadow."""
    if backdrop is None:
        return
    if slot_rules.background.required != "white":
        if slot_rules.text.forbidden:
            yield _border(0.0 if backdrop.framed else 1.0, backdrop)
        return
    yield _yes_no(
        "product_found",
        backdrop.found,
        "no product stands out from the background.",
        "Look at the picture.",
    )
    white = _background_white(backdrop, slot_rules)
    border = _border(0.0 if backdrop.framed else backdrop.clear, backdrop)
    shadow = [] if slot_rules.shadow.allowed else [_shadow(backdrop)]
    # What is off white inside a white border, or touches it, may be the shadow's doing, or a frame's: those say more.
    off_all_over = backdrop.border_off_white > slot_rules.background.tolerance
    yield from [white, border, *shadow] if off_all_over else [*shadow, border, white]


def _background_white(backdrop: Backdrop, slot_rules: SlotRules) -> _Finding:
    off_white = backdrop.off_white_with_shadow if slot_rules.shadow.allowed else backdrop.off_white
    return _at_most(
        "background_white",
        off_white,
        slot_rules.background.tolerance,
        f"the background is up to {off_white} levels off pure white (255, 255, 255).",
        "Export it again from the cut-out; do not use the photo's own white.",
    )


def _border(clear: float, backdrop: Backdrop) -> _Finding:
    touches = "the product, a frame or a shadow touches the edge of the picture."
    return _at_least(
        "border_clear",
        clear,
        1.0,
        "a frame is drawn around the product." if backdrop.framed else touches,
        "Leave white around the whole product, and no frame.",
    )


def _shadow(backdrop: Backdrop) -> _Finding:
    message = "a soft shadow lies beside the product; none is taken."
    hint = (
        "Look at the cut-out, and give a better mask (`catalog review`). If it is the product itself, "
        "allow shadows in a rules file of your own."
    )
    return _at_most("shadow_absent", backdrop.shadow, _MOST_SHADOW, message, hint)


def _text_rules(
    data: bytes, backdrop: Backdrop | None, reader: TextReader | None, known_text: Sequence[str] | None
) -> Iterator[_Finding]:
    """Text that is not the product's own: beside it, across its outline, or other than what its photo shows."""
    if reader is None or backdrop is None:
        yield _informs("text_absent", -1)
        return
    lines = placed_lines(data, backdrop, reader)
    added = unknown_lines(lines, known_text)
    words = ", ".join(repr(line.text[:40]) for line in added[:3])
    yield _yes_no(
        "text_absent",
        not added,
        f"it shows text that is not printed on the product: {words}.",
        "Export it again from the cut-out, without text, logos or marks.",
    )
    yield _informs("text_on_product", sum(line.on_product for line in lines))


def _fill_rules(found: Inspection, slot_rules: SlotRules) -> Iterator[_Finding]:
    low, high = slot_rules.fill.min_ratio, slot_rules.fill.max_ratio
    if found.backdrop is None or (low is None and high is None):
        return
    size = found.backdrop.product_size
    if size is None:
        yield _informs("fill_ratio", -1)
        return
    fill = max(size[0] / found.width, size[1] / found.height)
    if low is not None:
        message = f"the product spans {fill:.1%} of the picture; at least {low:.0%} is asked for."
        yield _at_least("fill_ratio_min", fill, low, message, _AGAIN)
    if high is not None:
        message = f"the product spans {fill:.1%} of the picture; at most {high:.0%} is asked for."
        yield _at_most("fill_ratio_max", fill, high, message, _AGAIN)


def _metadata_rules(metadata: Metadata, slot_rules: SlotRules, source_type: SourceType | None) -> Iterator[_Finding]:
    hint = "Export it again; the export writes no camera data."
    if not slot_rules.metadata.gps_allowed:
        yield _yes_no("no_gps", not metadata.gps, "it tells where the photo was taken.", hint)
    if not slot_rules.metadata.exif_allowed:
        yield _yes_no("no_exif", not metadata.exif, "it holds camera data (EXIF).", hint)
        found = ", ".join(metadata.private[:5])
        message = f"it holds data of a camera, an owner or a place ({found})."
        yield _yes_no("no_camera_metadata", not metadata.private, message, hint)
    if slot_rules.metadata.source_type_required or source_type:
        yield _source_type(metadata.source_types, source_type)


def _source_type(found: tuple[str, ...], wanted: SourceType | None) -> _Finding:
    """One statement of how the picture came about, in IPTC's terms, and the right one where that is known."""
    if len(found) > 1:
        message = f"its metadata says in several ways how it was made ({_quoted(found)})."
    elif not found:
        message = "its metadata (XMP) does not say how it was made: no IPTC DigitalSourceType."
    elif wanted:
        message = f"its metadata says {_quoted(found)} as IPTC DigitalSourceType; {wanted!r} is right."
    else:
        message = f"its metadata says {_quoted(found)}, which is no IPTC DigitalSourceType."
    right = len(found) == 1 and (found[0] == wanted if wanted else found[0] in _SOURCE_TYPES)
    return _yes_no("source_type", right, message, "Export it again; the export writes it.")


def _byte_rules(data: bytes, slot_rules: SlotRules) -> Iterator[_Finding]:
    most, least = slot_rules.file.max_bytes, slot_rules.file.min_bytes
    if most:
        message = f"the file has {len(data)} bytes; at most {most} are taken."
        yield _at_most("bytes_max", len(data), most, message, "Save it at a lower quality.")
    if least:
        message = f"the file has {len(data)} bytes; at least {least} are asked for."
        yield _at_least("bytes_min", len(data), least, message, "Upload a larger or more detailed photo.")


def _file_name(filename: str, rules: MarketplaceRules) -> _Finding:
    name = PurePosixPath(filename).name
    return _yes_no(
        "file_name",
        re.fullmatch(rules.naming.pattern, name) is not None,
        f"the file name {name!r} does not fit.",
        f"Names are: {rules.naming.explained}.",
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name.upper() for name in names)


def _quoted(codes: Sequence[str]) -> str:
    return ", ".join(repr(code[:60]) for code in codes[:5])


def _informs(name: str, value: float) -> _Finding:
    return _Finding(measure(name, value), "", "")


def _yes_no(name: str, value: bool, message: str, hint: str) -> _Finding:
    return _Finding(measure(name, float(value), at_least=1.0), message, hint)


def _at_most(name: str, value: float, limit: float, message: str, hint: str) -> _Finding:
    return _Finding(measure(name, value, at_most=limit), message, hint)


def _at_least(name: str, value: float, limit: float, message: str, hint: str) -> _Finding:
    return _Finding(measure(name, value, at_least=limit), message, hint)
