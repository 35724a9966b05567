"""Re-checks exported pictures with Pillow alone, as a marketplace's own program might.

    python -m benchmarks.exports_check ROOT

None of the project's code is used: the limits come from the YAML files, the slot from the file's name, everything else
from its bytes. So a fault of the renderer and of the compliance check that agree with each other is found here.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageFilter

RULES = Path(__file__).parents[1] / "resources" / "marketplaces" / "rules"
SLOTS = ("main", "additional", "lifestyle")
EXTENSIONS = {"jpeg": ("jpg", "jpeg"), "png": ("png",), "webp": ("webp",), "gif": ("gif",), "tiff": ("tif", "tiff")}
# A pixel darker than this is the product; white must be exact this many pixels away from it.
PRODUCT_BELOW, CLEAR_OF_OUTLINE = 252, 16
# The renderer aims at the fill of the rules; the box is measured to the product's last visible pixel.
FILL_OFF_AIM = 0.03
# Holes of the product are told from its surroundings in a picture reduced by this.
REDUCED = 8
_SOURCE_TYPE = re.compile(
    rb"DigitalSourceType\s*=\s*[\"']https?://cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]+)[\"']"
)
Facts = dict[str, Any]


@dataclass
class Report:
    """What was checked. pictures: by marketplace and slot. problems: file and what is wrong with it."""

    pictures: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)


def check_exports(exports: Path, rules: Sequence[Path] = (RULES,)) -> Report:
    """Every file below an exports folder (marketplace/campaign/SKU/name) against its marketplace's facts.

    rules: folders of YAML files; a later one replaces what an earlier one has under the same name.
    """
    files = {file.stem: file for folder in rules for file in sorted(folder.glob("*.yaml"))}
    report = Report()
    # Of one campaign: the ZIP beside the manifests, which merges campaigns, numbers pictures anew.
    names: dict[tuple[str, ...], str] = {}
    for file in sorted(path for path in exports.rglob("*") if path.is_file()):
        key = file.relative_to(exports).as_posix()
        marketplace = key.split("/")[0]
        campaign = key.split("/")[1]
        if marketplace not in files:
            report.problems.append((key, "there are no facts of this marketplace"))
            continue
        facts = _facts(marketplace, files)
        slot = slot_of(file.name, facts["naming"])
        report.pictures[f"{marketplace} {slot}"] += 1
        report.problems += [(key, problem) for problem in check_picture(file.read_bytes(), file.name, slot, facts)]
        other = names.setdefault((marketplace, campaign, file.name.casefold()), key)
        if other != key:
            report.problems.append((key, f"has the name of {other}"))
    return report


def check_picture(data: bytes, name: str, slot: str, facts: Facts) -> Iterator[str]:
    """What is wrong with one file. slot: "" if its name tells none. facts: a marketplace's, slots written out."""
    if not slot:
        yield "its name fits none of the marketplace's templates"
        return
    if re.fullmatch(facts["naming"]["pattern"], name) is None:
        yield "its name does not fit the marketplace's pattern"
    rules = facts["slots"][slot]
    if not rules["allowed"]["value"]:
        yield f"{slot} pictures are not taken"
    yield from _bytes(len(data), rules["file"])
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            yield from _container(image, name, rules)
            yield from _metadata(image, rules)
            yield from _size(image, rules)
            if slot != "lifestyle":
                yield from _on_white(image.convert("RGB"), rules)
    except (OSError, SyntaxError, ValueError) as error:
        yield f"cannot be read: {error}"


def slot_of(name: str, naming: Facts) -> str:
    """The slot that a file's name tells; "" if no template fits. Numbers tell apart those that share a template."""
    found: list[tuple[bool, int, str]] = []
    for slot in SLOTS:
        match = re.fullmatch(_template(naming[slot], slot), name)
        if match:
            first = (naming.get("first") or {}).get(slot, 1)
            number = match.groupdict().get("n")
            if number is None or int(number) >= first:
                found.append((number is not None, first, slot))
    return max(found, key=lambda each: each[:2])[2] if found else ""


def _template(template: str, slot: str) -> str:
    fields = {"id": ".+", "slot": slot, "n": r"(?P<n>\d+)", "hash": "[0-9a-f]+", "ext": "[a-z]+"}
    parts = re.split(r"\{(\w+)(?::\w+)?\}", template)
    return "".join(fields[part] if at % 2 else re.escape(part) for at, part in enumerate(parts))


# ---- facts


def _facts(name: str, files: dict[str, Path]) -> Facts:
    """A marketplace's file with what it extends, and its slots with what they take over from the slot before."""
    facts = _extended(name, files)
    slots = facts["slots"]
    slots["additional"] = _merged(slots["main"], slots.get("additional") or {})
    slots["lifestyle"] = _merged(slots["additional"], slots.get("lifestyle") or {})
    return facts


def _extended(name: str, files: dict[str, Path]) -> Facts:
    facts: Facts = yaml.safe_load(files[name].read_text())
    parent = facts.get("extends")
    if parent is None:
        return facts
    shipped = {**files, name: RULES / f"{name}.yaml"} if parent == name else files
    return _merged(_extended(parent, shipped), facts)


def _merged(below: Facts, above: Facts) -> Facts:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


# ---- the file


def _bytes(count: int, file: Facts) -> Iterator[str]:
    if file.get("max_bytes") and count > file["max_bytes"]:
        yield f"{count} bytes, at most {file['max_bytes']} are taken"
    if file.get("min_bytes") and count < file["min_bytes"]:
        yield f"{count} bytes, at least {file['min_bytes']} are asked for"


def _container(image: Image.Image, name: str, rules: Facts) -> Iterator[str]:
    kind = (image.format or "").lower()
    if kind not in rules["formats"]["accepted"]:
        yield f"is {kind}, accepted are {rules['formats']['accepted']}"
    if name.rsplit(".", 1)[-1].lower() not in EXTENSIONS.get(kind, ()):
        yield f"its extension is not that of {kind}"
    if getattr(image, "n_frames", 1) != 1:
        yield "it is animated"
    if image.mode not in ("RGB", "L"):
        yield f"its pixels are {image.mode}, not 8-bit RGB"
    profile = image.info.get("icc_profile")
    if profile and not _is_srgb(profile):
        yield "its colour profile is not sRGB"


def _is_srgb(profile: bytes) -> bool:
    """Whether a profile leaves a fan of colours where sRGB has them, within two levels."""
    patch = Image.merge("RGB", [Image.linear_gradient("L").rotate(turn) for turn in (0, 90, 180)])
    try:
        shown = ImageCms.profileToProfile(patch, io.BytesIO(profile), ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError):
        return False
    if shown is None:
        return False
    return ImageChops.difference(patch, shown).point(lambda level: level if level > 2 else 0).getbbox() is None


def _metadata(image: Image.Image, rules: Facts) -> Iterator[str]:
    if image.getexif() or image.info.get("exif"):
        yield "it holds EXIF"
    if image.info.get("photoshop") or image.info.get("comment"):
        yield "it holds a comment or IPTC data"
    xmp = image.info.get("xmp") or b""
    found = _SOURCE_TYPE.findall(xmp.encode() if isinstance(xmp, str) else xmp)
    if rules["metadata"].get("source_type_required", True) and len(found) != 1:
        yield f"its XMP holds {len(found)} digital source types"


def _size(image: Image.Image, rules: Facts) -> Iterator[str]:
    limits, (width, height) = rules["size"], image.size
    aspect = width / height
    if limits.get("max_megapixels") and width * height > limits["max_megapixels"] * 1e6:
        yield f"{width} x {height}: too many pixels"
    if not (limits.get("min_aspect") or 0) <= aspect <= (limits.get("max_aspect") or aspect):
        yield f"{width} x {height}: proportions are not taken"
    if limits.get("counted") == "product":
        left, top, right, bottom = _product(image.convert("RGB")).getbbox() or (0, 0, 0, 0)
        width, height = right - left, bottom - top
    longest, shortest = max(width, height), min(width, height)
    if longest < (limits.get("min_longest") or 0) or shortest < (limits.get("min_shortest") or 0):
        yield f"{width} x {height}: too small"
    if limits.get("max_longest") and longest > limits["max_longest"]:
        yield f"{width} x {height}: too large"


# ---- white


def _product(rgb: Image.Image) -> Image.Image:
    """255 where a channel is darker than the product's threshold, else 0."""
    return _darkest(rgb).point(lambda level: 255 if level < PRODUCT_BELOW else 0)


def _darkest(rgb: Image.Image) -> Image.Image:
    red, green, blue = rgb.split()
    return ImageChops.darker(ImageChops.darker(red, green), blue)


def _on_white(rgb: Image.Image, rules: Facts) -> Iterator[str]:
    product = _product(rgb)
    box = product.getbbox()
    if box is None:
        yield "there is no product on it"
        return
    fill = max((box[2] - box[0]) / rgb.width, (box[3] - box[1]) / rgb.height)
    low, high = rules["fill"].get("min_ratio") or 0, rules["fill"].get("max_ratio") or 1
    if not low <= fill <= high or abs(fill - rules["render"].get("fill", 0.87)) > FILL_OFF_AIM:
        yield f"the product fills {fill:.3f} of it"
    stained = _darkest(rgb).point(lambda level: 255 if level < 255 else 0)
    if not _clear(stained):
        yield "its border is not white"
    off_white = ImageChops.multiply(stained, _surroundings(product)).histogram()[255]
    if off_white:
        yield f"{off_white} pixels around the product are not white"


def _clear(stained: Image.Image) -> bool:
    """Whether the two outermost pixels on each side are free."""
    inside = stained.copy()
    inside.paste(0, (2, 2, stained.width - 2, stained.height - 2))
    return inside.getbbox() is None


def _surroundings(product: Image.Image) -> Image.Image:
    """255 where it must be white: clear of the product, and joined to the border."""
    reach = CLEAR_OF_OUTLINE - 1
    near = product
    for direction in ((reach, 0), (0, reach)):
        near = near.filter(ImageFilter.BoxBlur(direction)).point(lambda level: 255 if level else 0)
    small = near.reduce(REDUCED).point(lambda level: 255 if level else 0)
    page = Image.new("L", (small.width + 2, small.height + 2))
    page.paste(small, (1, 1))
    ImageDraw.floodfill(page, (0, 0), 128)
    outside = page.crop((1, 1, small.width + 1, small.height + 1)).point(lambda level: 255 if level == 128 else 0)
    whole = outside.resize((small.width * REDUCED, small.height * REDUCED), Image.Resampling.NEAREST)
    return ImageChops.multiply(whole.crop((0, 0, *product.size)), ImageChops.invert(near))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print counts and each problem; exit status 1 if there is one, 2 if there is nothing to check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", type=Path, help="a catalog's folder, or its exports folder")
    options = parser.parse_args(arguments)
    exports = options.root / "exports" if (options.root / "exports").is_dir() else options.root
    own = os.environ.get("CATALOG_MARKETPLACES")
    report = check_exports(exports, (RULES, Path(own)) if own else (RULES,))
    if not report.pictures and not report.problems:
        print(f"{exports}: no exported pictures")
        return 2
    for what, count in sorted(report.pictures.items()):
        print(f"{count:6d}  {what}")
    for key, problem in report.problems:
        print(f"{key!r}: {problem}")
    print(f"{report.pictures.total()} pictures, {len(report.problems)} problems")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
