"""Labels and box panels, drawn with Pillow in the font that Blender carries (so nothing is downloaded).

All brands and products are invented.
"""

from __future__ import annotations

import math
from pathlib import Path

import bpy
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONT = Path(bpy.utils.resource_path("LOCAL")) / "datafiles" / "fonts" / "Inter.woff2"


def font(size: int, weight: str = "Regular") -> ImageFont.FreeTypeFont:
    """Inter at a size in pixels."""
    face = ImageFont.truetype(str(FONT), size)
    face.set_variation_by_name(weight)
    return face


def centred(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    body: str,
    size: int,
    fill: str,
    weight: str = "Regular",
    gap: int = 0,
) -> None:
    """One line centred on x; `gap` adds letter spacing."""
    face = font(size, weight)
    width = sum(face.getlength(c) + gap for c in body) - gap
    left = x - width / 2
    for char in body:
        draw.text((left, y), char, font=face, fill=fill, anchor="lm")
        left += face.getlength(char) + gap


def leaf(draw: ImageDraw.ImageDraw, x: float, y: float, length: float, angle: float, fill: str, vein: str) -> None:
    """A pointed leaf from (x, y), `angle` in degrees from straight up."""
    along = np.linspace(0, 1, 24)
    half = length * 0.22 * np.sin(np.pi * along) ** 0.9 * (1.15 - 0.5 * along)
    side = np.concatenate([half, -half[::-1]])
    up = np.concatenate([along, along[::-1]]) * length
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    draw.polygon([(x + a * c + b * s, y + a * s - b * c) for a, b in zip(side, up, strict=True)], fill=fill)
    draw.line([(x, y), (x + length * 0.92 * s, y - length * 0.92 * c)], fill=vein, width=max(2, int(length / 60)))


def sprig(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, fill: str, light: str, vein: str) -> None:
    """Five leaves on a stem."""
    draw.line([(x, y + size * 0.6), (x, y - size * 0.4)], fill=vein, width=int(size / 40))
    for height, angle, length in ((0.42, 62, 0.62), (0.42, -62, 0.62), (0.1, 48, 0.6), (0.1, -48, 0.6)):
        leaf(draw, x, y + size * height, size * length, angle, fill if angle > 0 else light, vein)
    leaf(draw, x, y - size * 0.1, size * 0.7, 0, fill, vein)


def barcode(draw: ImageDraw.ImageDraw, x: int, y: int, width: int, height: int, digits: str) -> None:
    """Bars that look like an EAN (they are not meant to scan), digits below."""
    draw.rectangle([x - 16, y - 14, x + width + 16, y + height + 40], fill="#ffffff")
    rng = np.random.default_rng(int(digits) % 2**32)
    left = x
    while left < x + width - 6:
        bar = int(rng.integers(2, 7))
        draw.rectangle([left, y, left + bar - 1, y + height], fill="#111111")
        left += bar + int(rng.integers(2, 6))
    centred(draw, x + width / 2, y + height + 22, digits, 26, "#111111", "Medium", 3)


def tea_front() -> Image.Image:
    """Front of the tea box."""
    image = Image.new("RGB", (840, 1200), "#1f6f63")
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 0, 840, 190], fill="#f3e6c8")
    centred(draw, 420, 82, "HOLLIN & FERN", 70, "#1c4a43", "Bold", 6)
    centred(draw, 420, 148, "TEA MERCHANTS", 30, "#b4682b", "SemiBold", 12)
    draw.ellipse([150, 250, 690, 790], fill="#f3e6c8")
    draw.ellipse([172, 272, 668, 768], outline="#b4682b", width=5)
    sprig(draw, 420, 540, 330, "#2f8f5b", "#62b06a", "#1c4a43")
    centred(draw, 420, 880, "Morning", 124, "#f7efdc", "Bold")
    centred(draw, 420, 1000, "Mint", 124, "#f2b84b", "Bold")
    centred(draw, 420, 1105, "20 tea bags  ·  40 g", 40, "#f7efdc", "Medium")
    return image


def tea_back() -> Image.Image:
    """Back of the tea box: steps, ingredients, barcode."""
    image = Image.new("RGB", (840, 1200), "#1f6f63")
    draw = ImageDraw.Draw(image)
    draw.rectangle([60, 60, 780, 1140], fill="#f3e6c8")
    centred(draw, 420, 140, "How to brew", 64, "#1c4a43", "Bold")
    steps = ("One bag for each cup", "Water at 95 °C", "Wait five minutes", "Add honey, if you like")
    for i, line in enumerate(steps):
        y = 250 + i * 92
        draw.ellipse([110, y - 32, 174, y + 32], fill="#1f6f63")
        centred(draw, 142, y, str(i + 1), 38, "#f3e6c8", "Bold")
        draw.text((210, y), line, font=font(42, "Medium"), fill="#24423d", anchor="lm")
    draw.line([110, 640, 730, 640], fill="#b4682b", width=4)
    for i, line in enumerate(
        ("Ingredients: peppermint, lemon", "balm, fennel, liquorice root.", "Store cool and dry.")
    ):
        draw.text((110, 700 + i * 54), line, font=font(38), fill="#24423d", anchor="lm")
    barcode(draw, 240, 910, 360, 130, "2000000000022")
    return image


def tea_side() -> Image.Image:
    """Narrow side of the tea box."""
    image = Image.new("RGB", (500, 1200), "#185a50")
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 0, 500, 190], fill="#f3e6c8")
    for i in range(4):
        sprig(draw, 250, 330 + i * 230, 140, "#2f8f5b", "#62b06a", "#0f3b35")
    centred(draw, 250, 95, "MINT", 80, "#1c4a43", "Bold", 10)
    return image


def tea_top() -> Image.Image:
    """Lid flap of the tea box."""
    image = Image.new("RGB", (840, 500), "#f3e6c8")
    draw = ImageDraw.Draw(image)
    centred(draw, 420, 250, "HOLLIN & FERN", 64, "#1c4a43", "Bold", 6)
    draw.line([0, 470, 840, 470], fill="#cdbb93", width=5)
    return image


def candle() -> Image.Image:
    """Label of the candle jar."""
    image = Image.new("RGB", (900, 640), "#f4efe4")
    draw = ImageDraw.Draw(image)
    draw.rectangle([26, 26, 874, 614], outline="#3b3a36", width=5)
    centred(draw, 450, 130, "TALLOW LANE", 66, "#2b2a27", "SemiBold", 14)
    draw.line([330, 195, 570, 195], fill="#b98a3e", width=5)
    centred(draw, 450, 310, "Fig & Cedar", 106, "#2b2a27", "Bold")
    centred(draw, 450, 430, "scented soy candle", 46, "#5c564a", "Medium")
    centred(draw, 450, 530, "180 g   ·   35 h", 40, "#5c564a", "Regular", 3)
    return image


def soap_front() -> Image.Image:
    """Front label of the hand soap."""
    image = Image.new("RGB", (720, 900), "#fbf7ee")
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 0, 720, 24], fill="#e0763c")
    draw.rectangle([0, 876, 720, 900], fill="#e0763c")
    centred(draw, 360, 130, "brookmoss", 104, "#23483a", "Bold")
    for i in range(9):
        angle = i * 40
        leaf(draw, 360, 400, 120, angle, "#e9a13b" if i % 2 else "#e0763c", "#fbf7ee")
    draw.ellipse([322, 362, 398, 438], fill="#23483a")
    centred(draw, 360, 620, "HAND SOAP", 68, "#23483a", "Bold", 10)
    centred(draw, 360, 706, "orange & sage", 52, "#e0763c", "SemiBold")
    centred(draw, 360, 800, "300 ml", 44, "#23483a", "Medium")
    return image


def soap_back() -> Image.Image:
    """Back label of the hand soap."""
    image = Image.new("RGB", (720, 900), "#fbf7ee")
    draw = ImageDraw.Draw(image)
    centred(draw, 360, 90, "Gentle hand soap", 56, "#23483a", "Bold")
    lines = (
        "With sweet orange oil and",
        "garden sage. For daily use.",
        "",
        "Aqua, coco-glucoside,",
        "glycerin, citric acid,",
        "parfum, limonene.",
    )
    for i, line in enumerate(lines):
        draw.text((70, 190 + i * 60), line, font=font(44), fill="#23483a", anchor="lm")
    barcode(draw, 180, 630, 360, 150, "2000000000053")
    return image


def bottle() -> Image.Image:
    """Small label of the clear bottle."""
    image = Image.new("RGB", (640, 420), "#f6f1e3")
    draw = ImageDraw.Draw(image)
    draw.rectangle([20, 20, 620, 400], outline="#28506b", width=6)
    centred(draw, 320, 140, "NORRVIK", 96, "#28506b", "Bold", 10)
    centred(draw, 320, 240, "carafe bottle", 46, "#28506b", "Medium")
    centred(draw, 320, 320, "750 ml", 44, "#28506b", "Regular", 3)
    return image
