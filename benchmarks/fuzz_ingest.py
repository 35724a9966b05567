"""Fuzzes everything that reads a stranger's bytes, and counts what came of it. Run it for as long as you like.

    python -m benchmarks.fuzz_ingest --count 20000 --seed 1 [--only photo] [--minutes 10]
    python -m benchmarks.fuzz_ingest --seed 1 --only photo --first 1234 --count 1 --keep FOLDER    one input again

Photos and mattes are real pictures of every format with edits: bytes changed, cut out, doubled or put in, sizes that
lie, checksums mended so that the edit is read. Upload folders, catalog.csv, YAML and decisions likewise. An input is
made of the seed and its number alone. Each is read in a child process of bounded memory: what kills it is found, too.
Exit status 1 if anything but the documented outcomes came up.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import multiprocessing
import os
import resource
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from catalog_assets.campaign_files import Campaign
from catalog_assets.decisions import parse_decision, parse_final_decision
from catalog_assets.settings import Settings, SettingsError, parse_yaml
from resources.imaging.decode import Photo, decode_photo
from resources.imaging.icc import srgb_profile
from resources.marketplaces.rule_files import RULES_FOLDER, load_rules
from resources.matting.given import read_matte
from resources.names import clean_text, sku_name
from resources.plain_yaml import PlainYamlError, read_mapping
from resources.products import load_products
from resources.store import LocalStore
from resources.uploads import scan_uploads
from resources.verdicts import Rejection

MEMORY = 3 * 2**30
LONGEST_S = 60.0
SIZE = (240, 208)

# A blue box before light grey, 240 x 208: Pillow writes no HEIC.
_HEIC = (
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVVtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAA"
    "AERAAAEAAQAAAAABeQABAAAAAAAAAJ0AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA1WlwcnAAAAC2"
    "aXBjbwAAAHdodmNDAQNwAAAAkAAAAAAAPPAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAPLoCQGEAAQAqQgEBA3AAAAMAkAAAAwAA"
    "AwA8oB4gNFlupJKa5uAhoMCAAAAMgAAAAwCEYgABAAdEAcFysGJAAAAAE2NvbHJuY2x4AAEADQAGgAAAABRpc3BlAAAAAAAAAPAAAADQAAAAEHBp"
    "eGkAAAAAAwgICAAAABdpcG1hAAAAAAAAAAEAAQSBAgMEAAAApW1kYXQAAACZKAGvBBIb2KeA/Hk46+29AAygqj9N3lo+HIfHU5QUDUX4EioKWK4t"
    "s758G0BCkHrF1LVDLbdX22Bm24jTY9JAYGkYAAADAmazCAZlg+COxcsv7fihwZEVAYZoZ80g05d0phO2nkYACwTGsbF/dWx8i7bhyFNURic/6yfB"
    "38NR2yEVoUl35KUAOFb3SjR+61L6Araij0hKGPeM"
)

EXTREMES = tuple(
    struct.pack(order, value & mask)
    for order, mask in ((">I", 0xFFFFFFFF), ("<I", 0xFFFFFFFF), (">H", 0xFFFF), ("<H", 0xFFFF))
    for value in (0, 1, 2, 0x7F, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to a file. at: where, as a share of its length. size: of the piece that is cut, doubled or moved."""

    kind: str
    at: float
    size: int = 0
    fill: bytes = b""


KINDS = ("set", "insert", "cut", "end", "repeat", "move", "segment")


def edited(data: bytes, edits: Sequence[Edit], *, mended: bool = False) -> bytes:
    """The file with the edits done one after the other; mended: with the checksums of a PNG made right again."""
    for edit in edits:
        data = _edited(data, edit)
    return with_checksums(data) if mended else data


def _edited(data: bytes, edit: Edit) -> bytes:
    at = int(edit.at * len(data))
    piece = data[at : at + edit.size]
    match edit.kind:
        case "set":
            return data[:at] + edit.fill + data[at + len(edit.fill) :]
        case "insert":
            return data[:at] + edit.fill + data[at:]
        case "cut":
            return data[:at] + data[at + edit.size :]
        case "end":
            return data[:at]
        case "repeat":
            return data[:at] + piece * 20 + data[at:]
        case "move":
            return data[:at] + data[at + edit.size :] + piece
        case "segment":
            return _with_segment(data, edit)
    raise ValueError(edit.kind)


def _with_segment(data: bytes, edit: Edit) -> bytes:
    """A piece of metadata put where the format has it: a JPEG segment, a PNG chunk, a RIFF chunk."""
    body, which = edit.fill, edit.size
    if data[:2] == b"\xff\xd8":
        marker = bytes([0xFF, (0xC0, 0xC4, 0xDA, 0xDB, 0xDD, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE)[which % 11]])
        start = (b"", b"Exif\0\0", b"ICC_PROFILE\0\1\1", b"Adobe\0d", b"http://ns.adobe.com/xap/1.0/\0")[which % 5]
        return data[:2] + marker + struct.pack(">H", len(start + body) + 2) + start + body + data[2:]
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        kind = (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"tRNS", b"PLTE", b"acTL", b"gAMA", b"IHDR")[which % 10]
        start = (b"", b"name\0\0", b"name\0\0" + zlib.compress(bytes(100_000)))[which % 3]
        return data[:33] + _chunk(kind, start + body) + data[33:]
    if data[:4] == b"RIFF":
        kind = (b"EXIF", b"ICCP", b"XMP ", b"ALPH", b"ANIM", b"ANMF", b"VP8X")[which % 7]
        return data[:12] + kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2) + data[12:]
    return body + data


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_checksums(data: bytes) -> bytes:
    """A PNG whose chunks all have the right checksum; anything else as it is."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return data
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            break
        parts.append(_chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join([*parts, data[at:]])


@cache
def photos() -> tuple[tuple[str, bytes], ...]:
    """Small real pictures of every format that is decoded, with and without metadata, and what they are."""
    width, height = SIZE
    y, x = np.mgrid[0:height, 0:width]
    inside = ((x - width / 2) / 60) ** 2 + ((y - height / 2) / 70) ** 2 <= 1
    grain = np.random.default_rng(5).integers(-3, 4, (height, width, 1))
    rgb = np.clip(np.where(inside[..., None], (40, 90, 160), (228, 226, 222)) + grain, 0, 255).astype(np.uint8)
    rgba = np.dstack([rgb, np.where(inside, 255, 0).astype(np.uint8)])
    colour, cut_out, grey = Image.fromarray(rgb), Image.fromarray(rgba), Image.fromarray(rgb[..., 0])
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    extra = {"exif": exif.tobytes(), "icc_profile": srgb_profile()}
    frames = {"save_all": True, "append_images": [Image.fromarray(rgb[::-1].copy())], "duration": 100}
    wide = Image.fromarray(rgb[..., 0].astype(np.uint16) * 257)
    return (
        ("jpeg", _encoded(colour, "JPEG", quality=85, **extra)),
        ("jpeg", _encoded(colour, "JPEG", quality=85, progressive=True)),
        ("jpeg", _encoded(colour.convert("CMYK"), "JPEG", quality=85)),
        ("jpeg", _encoded(grey, "JPEG", quality=85)),
        ("png", _encoded(cut_out, "PNG", **extra)),
        ("png", _encoded(colour.quantize(32), "PNG", transparency=bytes([0] * 4))),
        ("png", _encoded(wide, "PNG")),
        ("png", _encoded(colour, "PNG", **frames)),
        ("webp", _encoded(colour, "WEBP", quality=80, **extra)),
        ("webp", _encoded(cut_out, "WEBP", lossless=True)),
        ("webp", _encoded(colour, "WEBP", **frames)),
        ("gif", _encoded(colour, "GIF", **frames)),
        ("gif", _encoded(colour.quantize(16), "GIF", transparency=3)),
        ("tiff", _encoded(colour, "TIFF", compression="tiff_lzw", **extra)),
        ("tiff", _encoded(cut_out, "TIFF", compression="tiff_adobe_deflate")),
        ("tiff", _encoded(Image.fromarray(rgb[..., 0] / np.float32(255)), "TIFF")),
        ("tiff", _encoded(colour, "TIFF", compression="jpeg")),
        ("tiff", _encoded(grey.convert("1"), "TIFF", compression="group4")),
        ("bmp", _encoded(colour, "BMP")),
        ("bmp", _encoded(colour.quantize(16), "BMP")),
        ("avif", _encoded(colour, "AVIF", quality=60, speed=10, **extra)),
        ("heic", base64.b64decode(_HEIC)),
    )


def _encoded(image: Image.Image, name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def archive_tail() -> bytes:
    """A ZIP archive: put behind or before a picture it makes a file that is both."""
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("../../evil.sh", "echo")
    return buffer.getvalue()


def _random_edits(rng: np.random.Generator) -> list[Edit]:
    edits = []
    for _ in range(int(rng.choice([1, 1, 2, 3, 6]))):
        near_the_start = rng.random() < 0.6
        at = float(rng.random() ** (4 if near_the_start else 1))
        fill = rng.bytes(int(rng.integers(1, 5)))
        if rng.random() < 0.4:
            fill = EXTREMES[int(rng.integers(len(EXTREMES)))]
        kind = str(rng.choice(KINDS, p=[0.5, 0.1, 0.1, 0.05, 0.05, 0.05, 0.15]))
        if kind == "segment":
            fill = rng.bytes(int(rng.integers(0, 3000)))
        edits.append(Edit(kind, at, int(rng.integers(1, 600)), fill))
    return edits


# What is read. Each takes the generator of its input, and gives the input (for --keep) and what came of it.

Outcome = tuple[bytes, str]


def expect(holds: bool) -> None:
    """Raise AssertionError if something does not hold; its traceback says what."""
    if not holds:
        raise AssertionError


def _photo_bytes(rng: np.random.Generator) -> tuple[str, bytes]:
    name, data = photos()[int(rng.integers(len(photos())))]
    data = edited(data, _random_edits(rng), mended=rng.random() < 0.7)
    share = rng.random()
    if share < 0.02:
        data = archive_tail() + data
    elif share < 0.04:
        data += archive_tail()
    return name, data


def fuzz_photo(rng: np.random.Generator) -> Outcome:
    name, data = _photo_bytes(rng)
    found = decode_photo(data)
    if isinstance(found, Photo):
        expect(found.rgb.dtype == np.uint8 and found.rgb.shape[2:] == (3,))
        expect(found.alpha is None or found.alpha.shape == found.rgb.shape[:2])
        return data, f"{name}: photo"
    expect(len(found.message) < 1000)
    return data, f"{name}: {found.code}"


def fuzz_matte(rng: np.random.Generator) -> Outcome:
    _, data = _photo_bytes(rng)
    found = read_matte(data, (SIZE[1], SIZE[0]))
    if isinstance(found, Rejection):
        expect(len(found.message) < 1000)
        return data, found.code
    expect(found.shape == (SIZE[1], SIZE[0]))
    return data, "matte"


CELLS = (
    "sku",
    "title",
    "main_view",
    "height_cm",
    "gtin",
    "asin",
    "link",
    "a photo",
    "mug",
    "1.5",
    "standing",
    "x" * 200,
)
NASTY = (
    *("../..", "/etc/passwd", "C:\\x", "%2e%2e%2f", "\0", "\x1b[2J", "\u202e", "\u200b", "\ufeff", "\ud800", "İ", "ﬁ"),
    *("=1+1", "+1", "-1", "@x", "\t=1", "\r", "\n", '"', '""', ",", ";", "'", "<img src=x onerror=1>", "javascript:1"),
    *("{{7*7}}", "${x}", "$(id)", "`id`", "...", ".", "-", "CON", "é", "e\u0301", "A", "a", "|" * 300, "+" + "|" * 300),
)


def _words(rng: np.random.Generator, most: int) -> str:
    return "".join(str(rng.choice(NASTY if rng.random() < 0.6 else CELLS)) for _ in range(int(rng.integers(0, most))))


def fuzz_table(rng: np.random.Generator) -> Outcome:
    rows = [",".join(_words(rng, 3) for _ in range(int(rng.integers(1, 8)))) for _ in range(int(rng.integers(0, 30)))]
    header = "sku,title,main_view,height_cm,link,price\n" if rng.random() < 0.8 else ""
    encoding = str(rng.choice(["utf-8", "utf-8", "utf-16", "cp1252"]))
    data = (header + "\n".join(rows)).encode(encoding, "surrogatepass" if encoding == "utf-8" else "replace")
    if rng.random() < 0.5:
        data = edited(data, [edit for edit in _random_edits(rng) if edit.kind != "segment"])
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "catalog.csv").write_bytes(data)
        products = load_products(LocalStore(folder))
    for sku, product in products.rows.items():
        expect(sku_name(sku).key == sku)
        expect(clean_text(product.title) == product.title)
    for problem in products.problems:
        expect(len(problem.message) < 2000)
    return data, "rows" if products.rows else f"no rows: {'problems' if products.problems else 'nothing'}"


def fuzz_uploads(rng: np.random.Generator) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        uploads = os.fsencode(folder) + b"/uploads"
        Path(os.fsdecode(uploads)).mkdir()
        made = [_put(rng, uploads) for _ in range(int(rng.integers(1, 12)))]
        index = scan_uploads(LocalStore(folder))
    for sku, upload in index.skus.items():
        expect(sku_name(sku).key == sku)
        expect(len({view.view for view in upload.views}) == len(upload.views))
        expect(all(sku_name(view.view).key == view.view for view in upload.views))
    expect(len({sku.casefold() for sku in index.skus}) == len(index.skus))
    return b"\n".join(made), "SKUs" if index.skus else "none"


def _put(rng: np.random.Generator, folder: bytes) -> bytes:
    """One file or link below a folder, under a name that is as odd as a file system takes."""
    parts = [_words(rng, 4) or "x" for _ in range(int(rng.choice([1, 1, 2, 2, 3])))]
    parts[-1] += str(rng.choice([".jpg", ".JPG", ".png", ".webp", ".txt", "", ".svg", ".jpg.png"]))
    raw = [part.encode("utf-8", "surrogatepass").replace(b"\0", b"").replace(b"/", b"")[:200] or b"x" for part in parts]
    path = b"/".join([folder, *(name if name not in (b".", b"..") else b"_" for name in raw)])
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - a name that is no text
        if rng.random() < 0.1:
            os.symlink(str(rng.choice(["/etc", "..", ".", "x", "/dev/zero"])).encode(), path)  # noqa: PTH211 - the same
        else:
            with open(path, "wb") as file:  # noqa: PTH123 - the same
                file.write(photos()[0][1] if rng.random() < 0.5 else rng.bytes(30))
    except OSError:
        pass  # a file where a folder is wanted, or a name too long
    return path


TOKENS = (
    *(
        "!!int ''",
        "!!float ''",
        "!!bool x",
        "!!timestamp x",
        "!!binary '*'",
        "!!set {a}",
        "!!omap [a]",
        "!!pairs [a: b]",
    ),
    *(
        "0x" + "f" * 5000,
        "1:" * 300 + "1",
        "1:" * 300 + "1.0",
        "1e999",
        ".nan",
        "-.inf",
        "2026-13-45",
        "0o9",
        "~",
        "''",
    ),
    *(
        "&a [x]",
        "*a",
        "<<: {a: b}",
        "<<: [1]",
        "? [a]\n: b",
        "{" * 60,
        "[" * 60,
        "- " * 60,
        '"\\ud800"',
        '"\\x00"',
        "%YAML 9",
    ),
    *(
        "!!python/object/apply:os.system [id]",
        "[[a], {b: c}]",
        "{1: 2}",
        "---",
        "\t",
        "x" * 3000,
        "\u202e",
        "'\x1b[2J'",
    ),
)


@cache
def _yaml_seeds() -> tuple[tuple[str, str], ...]:
    root = Path(__file__).parents[1] / "catalog_assets" / "campaigns"
    found = [("campaign", path.read_text(encoding="utf-8")) for path in sorted(root.glob("*.yaml"))]
    found += [("marketplace", path.read_text(encoding="utf-8")) for path in sorted(RULES_FOLDER.glob("*.yaml"))]
    settings = (
        "photo: {min_side: 200, correction: gentle}\nmatte: {x: 1}\ncandidates: 2\ncosts: {gpu_usd_per_hour: 1}\n"
    )
    return (*found, *[("settings", settings)] * 6)


def fuzz_yaml(rng: np.random.Generator) -> Outcome:
    name, text = _yaml_seeds()[int(rng.integers(len(_yaml_seeds())))]
    lines = text.splitlines()
    for _ in range(int(rng.integers(1, 4))):
        at, token = int(rng.integers(len(lines))), str(rng.choice(TOKENS))
        key, colon, _ = lines[at].partition(":")
        lines[at] = f"{key}: {token}" if colon and rng.random() < 0.7 else token
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    if rng.random() < 0.3:
        data = edited(data, [edit for edit in _random_edits(rng) if edit.kind != "segment"])
    return data, f"{name}: {_read_yaml(name, data)}"


def _read_yaml(name: str, data: bytes) -> str:
    if name == "marketplace":
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "amazon.yaml").write_bytes(data)
            return "refused" if load_rules(Path(folder)).problems else "taken"
    try:
        parse_yaml(data, "x.yaml", Campaign if name == "campaign" else Settings)
    except SettingsError as error:
        expect(len(str(error)) < 10_000)
        return "refused"
    return "taken"


def fuzz_mapping(rng: np.random.Generator) -> Outcome:
    """YAML that no model looks at: tokens of the language in any order."""
    pieces = [str(rng.choice([*TOKENS, *NASTY, ": ", "\n", "\n  ", "- ", "[", "]", "{", "}", "a"])) for _ in range(12)]
    data = "".join(pieces).encode("utf-8", "surrogatepass")
    try:
        read_mapping(data)
    except PlainYamlError:
        return data, "refused"
    return data, "taken"


def fuzz_decision(rng: np.random.Generator) -> Outcome:
    fields: dict[str, Any] = {"decision": str(rng.choice(["approve", "pick", "matte", "reject", "rework"]))}
    for name in rng.choice(["hypothesis", "matte", "photo", "by", "note", "candidate", "grip", "picture", "x"], 4):
        fields[str(name)] = (
            _words(rng, 3) if rng.random() < 0.6 else float(rng.choice([np.nan, np.inf, 1e308, -0.0, 7]))
        )
    data = json.dumps(fields).encode()
    if rng.random() < 0.5:
        data = edited(data, [edit for edit in _random_edits(rng) if edit.kind != "segment"])
    said = []
    for parse in (parse_decision, parse_final_decision):
        try:
            parse(data)
            said.append("taken")
        except ValueError as error:
            expect(len(str(error)) < 2000)
            said.append("refused")
    return data, "taken" if "taken" in said else "refused"


READERS: dict[str, tuple[Callable[[np.random.Generator], Outcome], float]] = {
    "photo": (fuzz_photo, 0.7),
    "matte": (fuzz_matte, 0.06),
    "table": (fuzz_table, 0.08),
    "uploads": (fuzz_uploads, 0.05),
    "yaml": (fuzz_yaml, 0.04),
    "mapping": (fuzz_mapping, 0.04),
    "decision": (fuzz_decision, 0.03),
}


# Running


@dataclass(frozen=True, slots=True)
class Found:
    """What came of one input. trouble: a traceback, or how the process died; "" for a documented outcome.

    peak_mb: the most memory that the process had until then.
    """

    reader: str
    number: int
    outcome: str
    seconds: float = 0.0
    trouble: str = ""
    peak_mb: float = 0.0


def _input(seed: int, number: int, only: str) -> tuple[str, np.random.Generator]:
    rng = np.random.default_rng([seed, number])
    names, shares = list(READERS), [share for _, share in READERS.values()]
    return only or str(rng.choice(names, p=np.array(shares) / sum(shares))), rng


def read_one(seed: int, number: int, only: str = "", keep: Path | None = None) -> Found:
    """Make one input, read it, and say what came of it."""
    reader, rng = _input(seed, number, only)
    started = time.process_time()
    try:
        data, outcome = READERS[reader][0](rng)
    except Exception as error:
        took = time.process_time() - started
        return Found(reader, number, type(error).__name__, took, traceback.format_exc())
    if keep is not None:
        (keep / f"{reader}-{seed}-{number}").write_bytes(data)
    return Found(reader, number, outcome, time.process_time() - started)


def _child(pipe: Connection, seed: int, numbers: range, only: str, keep: Path | None) -> None:
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for number in numbers:
        found = read_one(seed, number, only, keep)
        pipe.send(replace(found, peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def fuzz(seed: int, numbers: range, only: str = "", keep: Path | None = None) -> Iterator[Found]:
    """Read all these inputs in a child process, in another one after each death."""
    start = numbers.start
    while start < numbers.stop:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        rest = range(start, numbers.stop)
        child = multiprocessing.get_context("fork").Process(target=_child, args=(theirs, seed, rest, only, keep))
        child.start()
        theirs.close()
        try:
            while start < numbers.stop:
                if not ours.poll(LONGEST_S):
                    raise TimeoutError
                yield ours.recv()
                start += 1
        except (EOFError, TimeoutError) as error:
            child.kill()
            child.join()
            how = "took too long" if isinstance(error, TimeoutError) else f"died with status {child.exitcode}"
            yield Found(_input(seed, start, only)[0], start, how, LONGEST_S, how)
            start += 1
        finally:
            child.kill()
            child.join()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--only", choices=list(READERS), default="")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after so long, however many were read")
    parser.add_argument("--keep", type=Path, help="folder that the inputs are written to")
    chosen = parser.parse_args(arguments)
    if chosen.keep:
        chosen.keep.mkdir(parents=True, exist_ok=True)
    started, peak = time.monotonic(), 0.0
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    slowest: dict[str, Found] = {}
    troubles: list[Found] = []
    for found in fuzz(chosen.seed, range(chosen.first, chosen.first + chosen.count), chosen.only, chosen.keep):
        peak = max(peak, found.peak_mb)
        counts[found.reader][found.outcome] += 1
        if found.reader not in slowest or slowest[found.reader].seconds < found.seconds:
            slowest[found.reader] = found
        if found.trouble:
            troubles.append(found)
            print(f"--- {found.reader} {found.number}\n{found.trouble}", file=sys.stderr, flush=True)
        if chosen.minutes and time.monotonic() - started > 60 * chosen.minutes:
            break
    for reader, outcomes in counts.items():
        slow = slowest[reader]
        print(f"{reader}: {outcomes.total()} inputs, slowest {slow.seconds:.2f} CPU s (number {slow.number})")
        for outcome, count in sorted(outcomes.items()):
            print(f"  {count:7d}  {outcome}")
    print(f"{len(troubles)} undocumented outcomes; peak memory {peak:.0f} MB; {time.monotonic() - started:.0f} s")
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
