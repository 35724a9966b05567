from __future__ import annotations

import random
import unicodedata

import pytest

from resources.names import clean_text, display, same_but_case, sku_name, view_name

SAFE = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


@pytest.mark.parametrize(
    "name", ["mug", "A-1", "B07GTFSCHB", "mug.2024_v1", "_x", "1", "x" * 64, "MUG", "a..b", "con-1", "COM10"]
)
def test_a_safe_name_is_kept(name: str) -> None:
    assert sku_name(name).key == name
    assert sku_name(name).title == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "-rf",
        "a...b",
        "x" * 65,
        "mug.",
        "mug ",
        " mug",
        "a b",
        "a/b",
        "..\\..\\evil",
        "..%2f..%2fetc%2fpasswd",
        "quote\"'`$(touch pwned)",
        "name with spaces & ümlaut 商品 📷",
        "CON",
        "nul.txt",
        "Lpt1",
        "a\nb",
        "a\0b",
        "a\u202egpj.exe",
        "商品",
        "\udce4",
        "mug\n",
    ],
)
def test_any_other_name_becomes_slug_and_hash(name: str) -> None:
    key = sku_name(name).key
    assert key != name
    slug, _, digest = key.rpartition("-")
    assert slug
    assert len(digest) == 8
    assert int(digest, 16) >= 0
    assert sku_name(key).key == key


def test_the_title_keeps_what_the_shop_wrote() -> None:
    assert sku_name("name with spaces & ümlaut 商品 📷").title == "name with spaces & ümlaut 商品 📷"
    assert sku_name("..\\..\\evil").title == "..\\..\\evil"
    assert sku_name("a\nb\x1b[31m\u202ec").title == "a b[31mc"
    assert sku_name("t\udceate").title == "t\ufffdte"
    assert sku_name("\x01").title == "(no name)"


def test_percent_signs_are_letters() -> None:
    assert sku_name("a%2fb").key != sku_name("a/b").key
    assert "%2f" in sku_name("a%2fb").title


def test_composed_and_decomposed_names_are_one() -> None:
    composed, decomposed = "ümlaut", unicodedata.normalize("NFD", "ümlaut")
    assert composed != decomposed
    assert sku_name(composed) == sku_name(decomposed)
    assert sku_name(composed).key.startswith("umlaut-")


def test_different_names_get_different_keys_even_if_their_slugs_agree() -> None:
    names = ["a b", "a  b", "a/b", "a\\b", "A b", "a b ", "a:b"]
    assert len({sku_name(name).key for name in names}) == len(names)


def test_views_follow_the_same_rule() -> None:
    assert view_name("front").key == "front"
    assert view_name("../front").key.startswith("front-")


def test_case_is_told_apart_only_where_it_should() -> None:
    assert same_but_case("Mug") == same_but_case("mUG")
    assert same_but_case("STRASSE") == same_but_case("straße")
    assert same_but_case("mug1") != same_but_case("mug2")


def test_display_is_short_and_on_one_line() -> None:
    assert len(display("x" * 1000)) == 200
    assert display("a\r\nb\tc\u2028d") == "a b c d"
    assert clean_text("x" * 1000) == "x" * 1000


def test_random_names_are_always_safe_folder_names() -> None:
    generator = random.Random(20240611)
    alphabet = [chr(code) for code in range(0x20)] + list("abAB01.-_ /\\%:*?\"'<>|$`~=+@\x7f")
    alphabet += ["ü", "u\u0308", "ß", "商", "📷", "\u202e", "\u200d", "\ufeff", "\udc80", "\U0010ffff", "İ"]
    seen: dict[str, str] = {}
    for _ in range(5000):
        raw = "".join(generator.choices(alphabet, k=generator.randrange(0, 90)))
        key = sku_name(raw).key
        assert 1 <= len(key) <= 64
        assert set(key) <= SAFE
        assert key[0] not in ".-"
        assert key[-1] != "."
        assert "..." not in key
        assert key.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
        assert sku_name(raw) == sku_name(raw)
        name = unicodedata.normalize("NFC", raw)
        assert seen.setdefault(key, name) == name
        sku_name(raw).title.encode("utf-8")
