"""The providers that ship, and files of a shop's own."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from resources.scenes.cloud.providers import OWN_FILE, Provider, load_providers

OWN: dict[str, Any] = {
    "title": "our own",
    "kind": "openai",
    "base_url": "https://pictures.example.com/v1",
    "model": "painter-2",
    "secret": "PAINTER_KEY",
    "price_usd": 0.02,
    "price": {
        "says": "a contract",
        "source": ["https://pictures.example.com/prices"],
        "checked": date(2026, 5, 1),
        "confirmed": True,
    },
    "terms": {
        "says": "a contract",
        "source": ["https://pictures.example.com/terms"],
        "checked": date(2026, 5, 1),
        "confirmed": True,
        "commercial": "yes",
    },
}


def written(folder: Path, **entries: Any) -> Path:
    path = folder / "clouds.yaml"
    # A copy of each part: what is there twice would be written as an alias.
    path.write_text(yaml.safe_dump({name: deepcopy(entry) for name, entry in entries.items()}), encoding="utf-8")
    return path


def test_the_shipped_ones_say_what_they_cost_and_since_when() -> None:
    providers = load_providers()
    assert {provider.kind for provider in providers.values()} == {"replicate", "fal", "openai"}
    for name, provider in providers.items():
        assert provider.name == name
        assert provider.price_usd > 0
        assert provider.base_url.startswith("https://")
        for said in (provider.price, provider.terms):
            assert said.checked >= date(2026, 11, 1)
            assert said.source
        if "unclear" in provider.terms.commercial:
            assert not provider.terms.confirmed
    assert len({provider.secret for provider in providers.values()}) == len(providers)


def test_what_fal_charges_by_the_megapixel_is_less_than_one() -> None:
    fal = load_providers()["fal-flux-fill"]
    assert fal.side**2 <= 1_000_000


def test_a_file_of_ones_own_adds_and_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, painter=OWN, **{"fal-flux-fill": {**OWN, "title": "ours instead"}})
    monkeypatch.setenv(OWN_FILE, str(path))
    providers = load_providers()
    assert providers["painter"].model == "painter-2"
    assert providers["fal-flux-fill"].title == "ours instead"
    assert "openai-gpt-image" in providers
    monkeypatch.delenv(OWN_FILE)
    assert "painter" not in load_providers()
    assert load_providers(path)["painter"].price_usd == 0.02


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"base_url": "http://pictures.example.com"},
            "base_url: 'http://pictures.example.com' found, https:// expected",
        ),
        ({"base_url": "https://user:p4ss@pictures.example.com"}, "base_url: an address without user, key"),
        ({"base_url": "https://pictures.example.com?key=p4ss"}, "base_url: an address without user, key"),
        ({"base_url": "pictures.example.com"}, "base_url: an address such as https"),
        ({"base_url": "https://pictures.example.com/a b"}, "base_url: an address such as https"),
        ({"secret": "sk-live-p4ss0123456789"}, "secret: "),
        ({"price_usd": 0}, "price_usd: "),
        ({"price_usd": float("nan")}, "price_usd: "),
        ({"price_usd": "0.02"}, "price_usd: "),
        ({"model": "../../admin"}, "model: "),
        ({"model": "a/b"}, "model: 'a/b' found, a plain name expected"),
        ({"kind": "fal"}, "model: 'painter-2' found, owner/name expected"),
        ({"kind": "other"}, "kind: "),
        ({"listing_url": "https://pictures.example.com/list"}, "listing_url is for the kind fal only"),
        ({"constants": {"prompt": "a cat"}}, "prompt is there twice"),
        ({"constants": {"x": {"deep": 1}}}, "constants.x"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"name": "other"}, "a mapping without `name` expected"),
        ({"at_once": 0}, "at_once: "),
        ({"timeout_s": -1}, "timeout_s: "),
        ({"price": {**OWN["price"], "source": ["http://x.example"]}}, "an https:// address expected"),
        ({"price": {**OWN["price"], "source": []}}, "price.source: "),
    ],
)
def test_a_broken_entry_is_one_line_with_file_name_and_field(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = written(tmp_path, painter={**OWN, **change})
    with pytest.raises(ValueError, match=r"^clouds.yaml: painter: ") as caught:
        load_providers(path)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert "p4ss" not in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x {b: 1}\nc: *x\n", "aliases"),
        ("[1, 2]", "list found, a mapping"),
        ("painter: 7", "painter: a mapping without `name` expected"),
        ("a: {", "not valid YAML"),
        ("UPPER: {title: x}", "name: "),
        ("../x: {title: x}", "name: "),
        ("7: {title: x}", "name: "),
    ],
)
def test_a_file_that_is_no_plain_mapping_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"^clouds.yaml: ") as caught:
        load_providers(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"No such file.*{OWN_FILE}"):
        load_providers(tmp_path / "none.yaml")


def test_seeds_stay_in_the_range_of_the_api() -> None:
    provider = Provider.model_validate({**OWN, "name": "painter", "most_seed": 9})
    assert {provider.seed_of(seed) for seed in range(50)} == set(range(10))


def test_http_only_on_this_machine() -> None:
    for address in ("http://127.0.0.1:8080/v1", "http://[::1]:8080"):
        assert Provider.model_validate({**OWN, "name": "painter", "base_url": address}).base_url == address
    for address in ("http://localhost:8080", "http://192.168.0.4"):
        with pytest.raises(ValueError, match="https:// expected"):
            Provider.model_validate({**OWN, "name": "painter", "base_url": address})
