"""Trade item numbers (GTIN: UPC, EAN, JAN) and their check digit (GS1 General Specifications, section 7.9)."""

from __future__ import annotations

LENGTHS = (8, 12, 13, 14)


def is_gtin(text: str) -> bool:
    """True for 8, 12, 13 or 14 digits (0-9), not all zeros, of which the last is the right check digit."""
    if len(text) not in LENGTHS or not (text.isascii() and text.isdecimal()) or not text.strip("0"):
        return False
    weighted = (int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(text)))
    return sum(weighted) % 10 == 0


def gtin14(text: str) -> str:
    """The number in 14 digits, or "" if it is none."""
    return text.zfill(14) if is_gtin(text) else ""
